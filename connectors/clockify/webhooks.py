"""Clockify's webhooks: one event type each, proven by a token of the webhook's own, and what each event hints at.

Source: the vendor's OpenAPI document (WebhookEventType) and vendors/clockify.md, Webhooks. The token stands in a header and
covers nothing of the body, so nothing of a body is believed but the id of what to read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.signatures import check_token
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest

TOKEN_HEADERS = ("clockify-signature", "clockify-signature-token")
"""The first by the vendor's add-on documents and seen in use; the second by one library that never saw a delivery."""

EVENT_HEADER = "clockify-webhook-event-type"

TIME_ENTRY = ("NEW_TIME_ENTRY", "TIME_ENTRY_UPDATED", "TIME_ENTRY_DELETED")
SUBSCRIBED = (
    *TIME_ENTRY,
    "NEW_TIMER_STARTED",
    "TIMER_STOPPED",
    "TIME_ENTRY_RESTORED",
    "NEW_PROJECT",
    "PROJECT_UPDATED",
    "NEW_TASK",
    "TASK_UPDATED",
)
"""A webhook takes one event, and a person on a paid plan may have ten of them."""

SUBSCRIBED_FREE = TIME_ENTRY
"""A free workspace has three."""

RESOURCES: Mapping[str, str] = {
    **dict.fromkeys((*SUBSCRIBED[:6], "TIME_ENTRY_SPLIT"), "time_entry"),
    **{
        event: kind.lower()
        for kind in ("PROJECT", "TASK", "CLIENT", "TAG")
        for event in (f"NEW_{kind}", f"{kind}_UPDATED", f"{kind}_DELETED")
    },
}
PEOPLE = frozenset(
    {
        "USER_JOINED_WORKSPACE",
        "USER_DELETED_FROM_WORKSPACE",
        "USER_DEACTIVATED_ON_WORKSPACE",
        "USER_ACTIVATED_ON_WORKSPACE",
        "USER_EMAIL_CHANGED",
        "USER_UPDATED",
    }
)
IGNORED = frozenset(
    {
        *(
            "NEW_INVOICE",
            "INVOICE_UPDATED",
            "NEW_APPROVAL_REQUEST",
            "APPROVAL_REQUEST_STATUS_UPDATED",
            "BALANCE_UPDATED",
        ),
        *(
            f"TIME_OFF_REQUEST{what}"
            for what in ("ED", "_UPDATED", "_APPROVED", "_REJECTED", "_STARTED", "_WITHDRAWN")
        ),
        *(f"EXPENSE_{what}" for what in ("CREATED", "UPDATED", "DELETED", "RESTORED")),
        *(f"ASSIGNMENT_{what}" for what in ("CREATED", "UPDATED", "DELETED", "PUBLISHED")),
        *(f"USER_GROUP_{what}" for what in ("CREATED", "UPDATED", "DELETED")),
        *(
            "USERS_INVITED_TO_WORKSPACE",
            "LIMITED_USERS_ADDED_TO_WORKSPACE",
            "COST_RATE_UPDATED",
            "BILLABLE_RATE_UPDATED",
        ),
    }
)
"""Events that change nothing the hub keeps."""


def tokens_in(secrets: Sequence[str]) -> list[str]:
    """One stored secret holds the tokens of all the hub's webhooks, with blanks between."""
    return [token for secret in secrets for token in secret.split()]


class ClockifyWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """Clockify has none."""
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        given = next((request.headers[name] for name in TOKEN_HEADERS if request.headers.get(name)), "")
        check_token(given, tokens_in(secrets))

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """Clockify gives none: the hub goes by the body, and looks again where the same comes once more."""
        return None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        """From its header; where that is missing, an entry is known by its shape."""
        named = request.headers.get(EVENT_HEADER, "")
        if not named and isinstance(payload, dict) and isinstance(payload.get("timeInterval"), dict):
            return "TIME_ENTRY_UPDATED"
        return named

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object.")
        event = self.event_name(request, payload)
        if event in IGNORED or _is_of_another(payload, settings):
            return []
        if event in PEOPLE:
            return [ChangeHint("user", event=event)]
        if event not in RESOURCES:
            raise UnknownEvent(event or "(no event name)")
        external_id = payload.get("id")
        if not isinstance(external_id, str) or not external_id:
            raise BadPayload(f"{event} came without the id of what it is about.")
        actor = payload.get("userId")
        return [
            ChangeHint(
                RESOURCES[event],
                external_id,
                event,
                event.endswith("_DELETED"),
                actor if isinstance(actor, str) else "",
            )
        ]


def _is_of_another(payload: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    ours, theirs = settings.get("workspace_id"), payload.get("workspaceId")
    return bool(ours and theirs and str(ours) != str(theirs))


WEBHOOKS = ClockifyWebhooks()
