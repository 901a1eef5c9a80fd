"""The repetitive part of receiving webhooks. A connector's ``webhooks.py`` sets ``WEBHOOKS = WebhookHandler(...)``,
or a subclass where the vendor's events need more than a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from .paths import read_path
from .signatures import HmacScheme
from .types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest

Parse = Callable[[str, Mapping[str, Any]], list[ChangeHint]]


@dataclass(frozen=True)
class WebhookHandler:
    """``events`` maps an event's name to the function that makes hints of it: ``(event, payload) → hints``.

    The event's name comes from ``event_header`` or ``event_at`` in the body; the delivery id likewise, else it is
    a digest of the body. ``ignored`` are events known and of no interest; any other raises ``UnknownEvent``.
    """

    scheme: HmacScheme | None
    events: Mapping[str, Parse] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    event_header: str = ""
    event_at: str = ""
    delivery_header: str = ""
    delivery_at: str = ""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        return None

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
    ) -> None:
        if self.scheme is not None:
            self.scheme.verify(request, secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        if self.delivery_header:
            return request.headers.get(self.delivery_header.lower()) or None
        if self.delivery_at:
            try:
                found = read_path(orjson.loads(request.body), self.delivery_at, None)
            except orjson.JSONDecodeError:
                return None
            return str(found) if isinstance(found, str | int) else None
        return None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        if self.event_header:
            return request.headers.get(self.event_header.lower(), "")
        return str(read_path(payload, self.event_at, "") or "") if self.event_at else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object.")
        event = self.event_name(request, payload)
        if event in self.ignored:
            return []
        parse = self.events.get(event)
        if parse is None:
            raise UnknownEvent(event or "(no event name)")
        try:
            return parse(event, payload)
        except (KeyError, TypeError, IndexError) as error:
            raise BadPayload(f"The payload of {event} lacks {error}.") from error


def body_digest(request: WebhookRequest) -> str:
    """What stands in for a delivery id where the vendor gives none."""
    return hashlib.sha256(request.body).hexdigest()
