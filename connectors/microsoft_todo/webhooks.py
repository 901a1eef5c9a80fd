"""Graph's change notifications: the handshake, the shared client state, and what each notification hints at.

Source: microsoft-graph-docs-contrib, concepts/change-notifications-delivery-webhooks.md and
change-notifications-lifecycle-events.md (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.signatures import check_token
from connectors.base.types import (
    BadPayload,
    BadSignature,
    ChangeHint,
    UnknownEvent,
    WebhookAnswer,
    WebhookRequest,
)

from .tasks import task_id

CHANGES = frozenset({"created", "updated", "deleted"})
LIFECYCLE = frozenset({"missed", "subscriptionRemoved", "reauthorizationRequired"})
"""Something may have been lost, or soon will be: read again, and see to the subscription."""

MAX_TOKEN = 2048
_LIST = re.compile(r"lists[/(]['\"]?([^/'\")]+)", re.IGNORECASE)


class TodoWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """While a subscription is made, Graph posts a token and wants it back as plain text within ten seconds."""
        token = request.query.get("validationToken", "")
        if not token or len(token) > MAX_TOKEN:
            return None
        headers = {"X-Content-Type-Options": "nosniff"}
        return WebhookAnswer(200, token.encode(), "text/plain; charset=utf-8", headers)

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        """Every notification in the request must carry the secret that the subscription was made with."""
        try:
            rows = _rows(orjson.loads(request.body))
        except (orjson.JSONDecodeError, BadPayload):
            raise BadSignature("The request carries no client state.") from None
        for row in rows:
            check_token(str(row.get("clientState") or ""), secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """Graph gives none: the hub goes by the body, and looks again where the same comes once more."""
        return None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        try:
            return ", ".join(sorted({_event(row) for row in _rows(payload)}))[:120]
        except BadPayload:
            return ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        hints = [_hint(row, settings) for row in _rows(payload)]
        return list(dict.fromkeys(hints))


def _rows(payload: Any) -> list[Mapping[str, Any]]:
    rows = payload.get("value") if isinstance(payload, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadPayload("The payload holds no notifications.")
    return rows


def _event(row: Mapping[str, Any]) -> str:
    return str(row.get("lifecycleEvent") or row.get("changeType") or "(no event name)")


def _hint(row: Mapping[str, Any], settings: Mapping[str, Any]) -> ChangeHint:
    """The task where list and id are told; else the whole resource is to be read again."""
    event = _event(row)
    if event in LIFECYCLE:
        return ChangeHint("task", event=event)
    if event not in CHANGES:
        raise UnknownEvent(event)
    found = _LIST.search(str(row.get("resource") or ""))
    list_id = found.group(1) if found else str(settings.get("list_id") or "")
    about = row.get("resourceData")
    id = str(about.get("id") or "") if isinstance(about, dict) else ""
    if not list_id or not id:
        return ChangeHint("task", event=event)
    return ChangeHint("task", task_id(list_id, id), event, event == "deleted")


WEBHOOKS = TodoWebhooks()
