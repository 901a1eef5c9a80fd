"""LeanKit's webhooks: board automations that call a web service. The body names the card and nothing else of it.

Source: success.planview.com, Card_Automation/Webhooks; events from the automation reference (vendors/leankit.md, 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest

SCHEME = HmacScheme(header="x-lk-signature", algorithm="sha256", encoding="hex")

SUBSCRIBED = (
    "create",
    "update",
    "movedTo",
    "delete",
    "blocked",
    "unblocked",
    "commentAdded",
    "parentConnectionAdded",
    "parentConnectionRemoved",
)
"""Events the hub registers for. ``movedFrom`` would only say the same again."""

CARD_EVENTS = frozenset({*SUBSCRIBED, "movedFrom"}) - {"commentAdded"}
IGNORED = frozenset(
    {
        "childConnectionAdded",  # the child's own parentConnectionAdded says it
        "childConnectionRemoved",
        "childBlocked",
        "childrenUnblocked",
        "childrenComplete",
        "firstChildStarted",
        "firstTaskStarted",
        "allTasksCompleted",
        "scheduled",
        "custom",
    }
)
"""Events that change nothing the hub keeps."""


class LeanKitWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """LeanKit has none."""
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        SCHEME.verify(request, secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """LeanKit gives none: the hub goes by the body, and looks again where the same comes once more."""
        return None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        return str(payload.get("event") or "") if isinstance(payload, dict) else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload(
                "The payload is no JSON object; set the automation's content type to application/json."
            )
        event = self.event_name(request, payload)
        if event in IGNORED:
            return []
        if event not in CARD_EVENTS and event != "commentAdded":
            raise UnknownEvent(event or "(no event name)")
        card = str(payload.get("cardId") or "")
        if not card:
            raise BadPayload(f"{event} came without a card.")
        board = str(settings.get("board_id") or "")
        if board and str(payload.get("boardId") or board) != board and event != "delete":
            return []  # the automation of another board
        if event == "commentAdded":
            return [ChangeHint("comment", event=event, parent_id=card)]
        return [ChangeHint("card", card, event, is_delete=event == "delete")]


WEBHOOKS = LeanKitWebhooks()
