"""Webhooks as the hub takes them: connectors' own schemes, and the generic one for those without (G1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.signatures import GENERIC
from connectors.base.types import BadPayload, ChangeHint, WebhookAnswer, WebhookRequest, Webhooks

ID_HEADERS = ("x-webhook-id", "x-webhook-delivery", "x-request-id", "idempotency-key")
_DELETE_WORDS = frozenset({"deleted", "delete", "removed", "destroyed"})


class GenericWebhooks:
    """``X-Webhook-Signature`` (hex HMAC-SHA256 of the raw body), ``X-Webhook-Timestamp``, ``X-Webhook-Event``.

    The body is ``{"event": "task.updated", "data": {"id": …}}`` or a list of such; ``data`` is only a hint, the
    record is read again. Without an id the resource is polled.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        GENERIC.verify(request, secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        return next((request.headers[name] for name in ID_HEADERS[:2] if request.headers.get(name)), None)

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        if named := request.headers.get("x-webhook-event"):
            return named
        return str(payload.get("event") or "") if isinstance(payload, dict) else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        events = payload if isinstance(payload, list) else [payload]
        if not all(isinstance(event, dict) for event in events):
            raise BadPayload("The payload must be an object with 'event' and 'data', or a list of such.")
        return [hint for event in events for hint in self._hints(request, event, settings)]

    def _hints(
        self, request: WebhookRequest, event: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> list[ChangeHint]:
        name = str(event.get("event") or request.headers.get("x-webhook-event") or "")
        subject, _, verb = name.partition(".")
        wanted = str(event.get("resource") or subject).casefold()
        names = [resource.name for resource in self._connector.resources_of(settings)]
        fitting = [found for found in names if wanted in (found.casefold(), f"{found.casefold()}s")]
        data = event.get("data")
        external_id = data.get("id") if isinstance(data, dict) else None
        return [
            ChangeHint(
                resource=found,
                external_id=str(external_id) if fitting and isinstance(external_id, str | int) else "",
                event=name,
                is_delete=verb.casefold() in _DELETE_WORDS,
            )
            for found in fitting or names
        ]


def webhooks_for(connector_key: str, options: Mapping[str, Any]) -> Webhooks:
    """The webhook side of an integration: the connector's own, else the generic one."""
    connector = registry.get(connector_key)
    return connector.webhooks_of(options) or GenericWebhooks(connector)
