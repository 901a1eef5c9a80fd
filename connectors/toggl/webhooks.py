"""Toggl's webhooks: HMAC over the raw bytes, a validation code to be said back, and what each event hints at.

Source: toggl/toggl_api_docs webhooks.md; engineering.toggl.com/docs/webhooks (vendors/toggl.md, Webhooks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest
from connectors.base.webhooks import body_digest

SCHEME = HmacScheme(header="X-Webhook-Signature-256", prefix="sha256=")

RESOURCES = {
    "time_entry": "time_entry",
    "project": "project",
    "task": "task",
    "client": "client",
    "tag": "tag",
}
"""The model an event is about → our resource."""

MEMBERSHIP = frozenset({"workspace_user"})
IGNORED_MODELS = frozenset({"project_user", "project_group", "workspace"})
ACTIONS = frozenset({"created", "updated", "deleted"})


class TogglWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """A PING to a subscription that is not validated carries a code, which is said back in the answer's body."""
        payload = _parsed(request.body)
        code = payload.get("validation_code") if isinstance(payload, dict) else None
        if not isinstance(code, str) or not code:
            return None
        SCHEME.verify(request, secrets)
        return WebhookAnswer(200, orjson.dumps({"validation_code": code}), "application/json")

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        SCHEME.verify(request, secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """The event's number; a PING has none, and one is as good as another."""
        event_id = read_path(_parsed(request.body) or {}, "event_id", None)
        return str(event_id) if isinstance(event_id, int) and event_id else body_digest(request)

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        if not isinstance(payload, dict):
            return ""
        if payload.get("payload") == "ping":
            return "ping"
        model, action = (
            str(read_path(payload, f"metadata.{name}", "") or "") for name in ("model", "action")
        )
        return f"{model}.{action}" if model else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object.")
        event = self.event_name(request, payload)
        model, _, action = event.partition(".")
        if event == "ping" or (model in IGNORED_MODELS and action in ACTIONS):
            return []
        if action not in ACTIONS or model not in {*RESOURCES, *MEMBERSHIP}:
            raise UnknownEvent(event or "(no event name)")
        actor = str(read_path(payload, "metadata.event_user_id", "") or "")
        if model in MEMBERSHIP:
            return [ChangeHint("user", event=event, actor_id=actor)]
        external_id = read_path(payload, "payload.id", None)
        if not isinstance(external_id, int | str) or not external_id:
            raise BadPayload(f"{event} came without the id of its {model}.")
        return [ChangeHint(RESOURCES[model], str(external_id), event, action == "deleted", actor)]


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


WEBHOOKS = TogglWebhooks()
