"""Asana's webhooks: a handshake that hands over the secret, HMAC-SHA256 over the raw body, and batches of events.

Source: developers.asana.com/docs/webhooks-guide and the description of POST /webhooks in the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest
from connectors.base.webhooks import WebhookHandler

SCHEME = HmacScheme(header="X-Hook-Signature")
HANDSHAKE = "x-hook-secret"
MAX_SECRET = 256

_TASK_FIELDS = [
    "name", "notes", "assignee", "due_on", "due_at", "start_on", "start_at", "completed", "custom_fields", "tags", "parent",
    "memberships", "projects", "resource_subtype",
]  # fmt: skip
FILTERS: tuple[Mapping[str, Any], ...] = (
    {"resource_type": "task", "action": "changed", "fields": _TASK_FIELDS},
    *({"resource_type": "task", "action": action} for action in ("added", "removed", "deleted", "undeleted")),
    *(
        {"resource_type": "story", "resource_subtype": "comment_added", "action": action}
        for action in ("added", "changed", "removed", "deleted", "undeleted")
    ),
    {"resource_type": "project", "action": "changed"},
    {"resource_type": "section", "action": "deleted"},
)
ACTIONS = frozenset({"added", "changed", "removed", "deleted", "undeleted"})
IGNORED = frozenset(
    {
        "heartbeat",
        "section.added",
        "section.changed",
        "section.removed",
        "section.undeleted",
        "attachment.added",
    }
)
"""Events that change nothing the hub keeps; a heartbeat is a delivery without events."""


class AsanaWebhooks(WebhookHandler):
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """Asana sends the secret once while the webhook is made, and wants it back.

        Nothing is kept here, since anybody could send one: the answer to our own request carries the secret as well.
        """
        secret = request.headers.get(HANDSHAKE, "")
        if request.method != "POST" or not secret or SCHEME.header.lower() in request.headers:
            return None
        if len(secret) > MAX_SECRET or not secret.isprintable():
            return WebhookAnswer(400)
        return WebhookAnswer(200, headers={"X-Hook-Secret": secret})

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        events = payload.get("events") if isinstance(payload, dict) else None
        if not isinstance(events, list):
            return ""
        return _name(events[0]) if events else "heartbeat"

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        """One hint per record, however many of its fields changed; a deletion is never lost behind a change."""
        events = payload.get("events") if isinstance(payload, dict) else None
        if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
            raise BadPayload("The payload holds no list of events.")
        hints: dict[tuple[str, str], ChangeHint] = {}
        unknown = ""
        for event in events:
            name = _name(event)
            if name in IGNORED:
                continue
            hint = _hint(event, name)
            if hint is None:
                unknown = unknown or name
                continue
            place = (hint.resource, hint.external_id)
            if not (place in hints and hints[place].is_delete):
                hints[place] = hint
        if unknown and not hints:
            raise UnknownEvent(unknown)
        return list(hints.values())


def _name(event: Any) -> str:
    return f"{read_path(event, 'resource.resource_type', '') or ''}.{read_path(event, 'action', '') or ''}"


def _hint(event: Mapping[str, Any], name: str) -> ChangeHint | None:
    kind, _, action = name.partition(".")
    gid = read_path(event, "resource.gid", None)
    actor = str(read_path(event, "user.gid", "") or "")
    if action not in ACTIONS:
        return None
    if not isinstance(gid, str) or not gid:
        raise BadPayload(f"{name} names no record.")
    match kind:
        case "task":
            return ChangeHint("task", gid, name, action == "deleted", actor)
        case "story":
            parent = str(read_path(event, "parent.gid", "") or "")
            return ChangeHint("comment", gid, name, action in ("deleted", "removed"), actor, parent)
        case "project":
            return ChangeHint("project", gid, name, action == "deleted", actor)
        case "section":  # its tasks were moved, and Asana tells of the section only
            return ChangeHint("task", event=name, actor_id=actor)
    return None


WEBHOOKS = AsanaWebhooks(SCHEME, ignored=IGNORED)
