"""ClickUp's webhooks: HMAC-SHA256 over the raw body, and what each event hints at.

Source: developer.clickup.com/docs/webhooks, …/webhooksignature and …/webhookhealth (vendors/clickup.md, 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme
from connectors.base.types import (
    BadPayload,
    BadSignature,
    BadTimestamp,
    ChangeHint,
    UnknownEvent,
    WebhookRequest,
)
from connectors.base.webhooks import WebhookHandler

SCHEME = HmacScheme(header="X-Signature")

TASK_EVENTS = frozenset(
    {
        "taskCreated",
        "taskUpdated",
        "taskDeleted",
        "taskMoved",
        "taskStatusUpdated",
        "taskPriorityUpdated",
        "taskAssigneeUpdated",
        "taskDueDateUpdated",
        "taskTagUpdated",
    }
)
COMMENT_EVENTS = frozenset({"taskCommentPosted", "taskCommentUpdated"})
LIST_EVENTS = frozenset({"listUpdated", "listDeleted"})
SUBSCRIBED = tuple(sorted(TASK_EVENTS | COMMENT_EVENTS | LIST_EVENTS))
IGNORED = frozenset(
    {
        "taskTimeEstimateUpdated", "taskTimeTrackedUpdated", "listCreated", "folderCreated", "folderUpdated", "folderDeleted",
        "spaceCreated", "spaceUpdated", "spaceDeleted", "goalCreated", "goalUpdated", "goalDeleted", "keyResultCreated",
        "keyResultUpdated", "keyResultDeleted",
    }
)  # fmt: skip
"""Events that change nothing the hub keeps; only sent to webhooks made by hand."""


class ClickUpWebhooks(WebhookHandler):
    """Stateless; the hub passes everything in."""

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        """A bad signature is raised as the kind that is answered with 400: an address that answers 401 is suspended
        at once (developer.clickup.com/docs/webhookhealth)."""
        try:
            SCHEME.verify(request, secrets)
        except BadSignature as error:
            raise BadTimestamp(str(error)) from error

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """Event and history: one change gives several events of the same history, and a repetition the same of both."""
        try:
            payload = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None
        history, event = read_path(payload, "history_items[0].id", None), read_path(payload, "event", None)
        return f"{event}:{history}" if history and event else None

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object.")
        event = self.event_name(request, payload)
        if event in IGNORED:
            return []
        if event in LIST_EVENTS:
            return [
                ChangeHint(
                    "list", _id(payload, "list_id", event), event, event == "listDeleted", _actor(payload)
                )
            ]
        if event not in TASK_EVENTS | COMMENT_EVENTS:
            raise UnknownEvent(event or "(no event name)")
        task = _id(payload, "task_id", event)
        if event in TASK_EVENTS:
            return [ChangeHint("task", task, event, event == "taskDeleted", _actor(payload))]
        items = payload.get("history_items")
        found = [read_path(one, "comment.id", None) for one in items] if isinstance(items, list) else []
        ids = dict.fromkeys(str(one) for one in found if one)
        return [ChangeHint("comment", id, event, False, _actor(payload), task) for id in ids or [""]]


def _id(payload: Mapping[str, Any], name: str, event: str) -> str:
    value = payload.get(name)
    if not value or not isinstance(value, str | int):
        raise BadPayload(f"{event} came without {name}.")
    return str(value)


def _actor(payload: Mapping[str, Any]) -> str:
    return str(read_path(payload, "history_items[0].user.id", "") or "")


WEBHOOKS = ClickUpWebhooks(SCHEME, ignored=IGNORED, event_at="event")
