"""monday.com's webhooks: the challenge, the proof of origin, and what each event hints at.

Source: developer.monday.com/api-reference/reference/webhooks (names of subscriptions from the vendor's schema of 2026-10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from connectors.base.paths import read_path
from connectors.base.signatures import check_jwt, check_token
from connectors.base.types import (
    BadPayload,
    BadSignature,
    ChangeHint,
    UnknownEvent,
    WebhookAnswer,
    WebhookRequest,
)

SUBSCRIBED = (
    "create_item",
    "change_column_value",
    "change_name",
    "item_archived",
    "item_deleted",
    "item_restored",
    "item_moved_to_any_group",
    "create_update",
    "edit_update",
    "delete_update",
)
SUBITEM_EVENTS = (
    "create_subitem",
    "change_subitem_column_value",
    "change_subitem_name",
    "create_subitem_update",
    "move_subitem",
    "subitem_archived",
    "subitem_deleted",
)
"""Taken by a board only once it has a subitem."""

#: events carry other names than the subscriptions they come by; both are taken
CHANGES = frozenset(
    {
        "create_item", "create_pulse", "create_subitem", "change_column_value", "update_column_value", "change_subitem_column_value",
        "change_status_column_value", "change_specific_column_value", "change_name", "update_name", "change_subitem_name",
        "item_archived", "archive_pulse", "subitem_archived", "archive_subitem", "item_restored", "restore_pulse",
        "item_moved_to_any_group", "item_moved_to_specific_group", "move_pulse_into_group", "move_subitem",
    }
)  # fmt: skip
DELETIONS = frozenset({"item_deleted", "delete_pulse", "subitem_deleted", "delete_subitem"})
UPDATES = frozenset({"create_update", "create_subitem_update", "edit_update", "create_reply", "edit_reply"})
UPDATE_DELETIONS = frozenset({"delete_update", "delete_reply"})
IGNORED = frozenset({"create_column"})


class MondayWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """While a webhook is made, monday.com sends a challenge and wants it back."""
        payload = _loaded(request.body)
        if not isinstance(payload, dict) or set(payload) != {"challenge"}:
            return None
        challenge = payload["challenge"]
        if not isinstance(challenge, str) or len(challenge) > 500:
            return None
        body = orjson.dumps({"challenge": challenge})
        return WebhookAnswer(body=body, content_type="application/json")

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        """An app's webhooks carry a JWT signed with its signing secret; those of a personal token carry nothing, so
        their address holds the secret as ``key``. Neither covers the body: it is only ever a hint."""
        token = request.headers.get("authorization", "")
        if token:
            check_jwt(token, secrets, now=request.received_at, audience=_audience(request.url))
        elif request.query.get("key"):
            check_token(request.query["key"], secrets)
        else:
            raise BadSignature("The webhook proves nothing: neither a token nor a key in its address.")

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """``triggerUuid`` stays the same when a delivery is repeated."""
        payload = _loaded(request.body)
        event = payload.get("event") if isinstance(payload, dict) else None
        if not isinstance(event, dict):
            return None
        trigger, subscription = event.get("triggerUuid"), event.get("subscriptionId")
        return f"{trigger}.{subscription}" if isinstance(trigger, str) and trigger else None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        return str(read_path(payload, "event.type", "") or "") if isinstance(payload, dict) else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        event = payload.get("event") if isinstance(payload, dict) else None
        if not isinstance(event, dict):
            raise BadPayload("The payload holds no event.")
        name = str(event.get("type") or "")
        if name in IGNORED:
            return []
        if name not in CHANGES | DELETIONS | UPDATES | UPDATE_DELETIONS:
            raise UnknownEvent(name or "(no event name)")
        item = str(event.get("pulseId") or event.get("itemId") or "")
        actor = str(event.get("userId") or "")
        if not item:
            raise BadPayload(f"{name} came without its item.")
        if name in UPDATES or name in UPDATE_DELETIONS:
            return [_update_hint(event, name, item, actor)]
        return [ChangeHint("item", item, name, name in DELETIONS, actor)]


def _update_hint(event: Mapping[str, Any], name: str, item: str, actor: str) -> ChangeHint:
    """An update is known by its id, a reply by “update.reply”; without one the item's updates are looked at."""
    update, reply = event.get("updateId"), event.get("replyId")
    id = f"{update}.{reply}" if update and reply else str(update or "")
    return ChangeHint("update", id, name, name in UPDATE_DELETIONS and bool(id), actor, item)


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _audience(url: str) -> str:
    """The public address without its query, as monday.com names it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


WEBHOOKS = MondayWebhooks()
