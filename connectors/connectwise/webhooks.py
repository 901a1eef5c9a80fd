"""ConnectWise's callbacks: HMAC-SHA256 with the digest of the signing key, and what each record type hints at.

Source: developer guide, Callbacks; covenanttechnologysolutions/connectwise-rest src/utils/Callback.ts; NangoHQ/nango
connectwise-psa-webhook-routing.ts (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.signatures import HmacScheme
from connectors.base.types import (
    BadPayload,
    BadSignature,
    ChangeHint,
    UnknownEvent,
    WebhookAnswer,
    WebhookRequest,
)

from .tickets import ids_in

SCHEME = HmacScheme(header="X-Content-Signature", encoding="base64", secret_encoding="sha256")  # noqa: S106
ACTIONS = frozenset({"added", "updated", "deleted"})
OURS: Mapping[str, str] = {"company": "company", "project": "project", "member": "member"}
IGNORED = frozenset(
    {
        "activity",
        "agreement",
        "configuration",
        "contact",
        "expense",
        "invoice",
        "opportunity",
        "productcatalog",
    }
    | {"purchaseorder", "schedule", "site", "time"}
)
"""Types of records that change nothing the hub keeps."""


class ConnectWiseWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """ConnectWise has none."""
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        """By the signing key, where it is known. Without one only an explicit setting lets callbacks in."""
        if any(secrets):
            SCHEME.verify(request, secrets)
        elif str(settings.get("unsigned_callbacks") or "").lower() != "yes":
            raise BadSignature("The signing key of callbacks is not entered, so none can be believed.")

    def delivery_id(self, request: WebhookRequest) -> str | None:
        try:
            found = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None
        id = found.get("MessageId") if isinstance(found, dict) else None
        return id if isinstance(id, str) and id else None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        if not isinstance(payload, dict):
            return ""
        return ".".join(str(payload[name]).lower() for name in ("Type", "Action") if payload.get(name))

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object.")
        kind, action = (str(payload.get(name) or "").lower() for name in ("Type", "Action"))
        event = self.event_name(request, payload) or "(no event name)"
        if kind in IGNORED:
            return []
        if action not in ACTIONS or (kind != "ticket" and kind not in OURS):
            raise UnknownEvent(event)
        id = payload.get("ID")
        if isinstance(id, bool) or not str(id or "").isdigit():
            raise BadPayload(f"{event} came without its ID.")
        is_delete, actor = action == "deleted", str(payload.get("MemberId") or "")
        if kind != "ticket":
            return [ChangeHint(OURS[kind], str(id), event, is_delete, actor)]
        entity = _entity(payload.get("Entity"))
        return _of_ticket(str(id), event, is_delete, actor, entity, settings)


def _entity(value: Any) -> Mapping[str, Any]:
    """The record inside: JSON in a text as a rule, an object or nothing (deleted) at times."""
    if isinstance(value, str) and value:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise BadPayload("Entity is no JSON.") from None
    return value if isinstance(value, dict) else {}


def _of_ticket(
    id: str, event: str, is_delete: bool, actor: str, entity: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[ChangeHint]:
    """The ticket, and its notes, which send nothing of their own."""
    board, boards = _board(entity), ids_in(settings.get("board_ids"))
    record_type = str(entity.get("RecordType") or entity.get("recordType") or "")
    is_service = record_type == "ServiceTicket"
    if is_service and board and boards and board not in boards:
        return []
    resources = (
        ["ticket"] if is_service else ["project_ticket"] if record_type else ["ticket", "project_ticket"]
    )
    hints = [ChangeHint(resource, id, event, is_delete, actor) for resource in resources]
    if is_delete:
        return hints
    notes = [
        ChangeHint("note" if one == "ticket" else "project_note", event=event, actor_id=actor, parent_id=id)
        for one in resources
    ]
    return [*hints, *notes]


def _board(entity: Mapping[str, Any]) -> str:
    inner = entity.get("board")
    found = entity.get("BoardID") or (inner.get("id") if isinstance(inner, dict) else None)
    return str(found or "")


WEBHOOKS = ConnectWiseWebhooks()
