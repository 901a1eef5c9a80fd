"""What Linear's webhooks say: each event becomes a hint to read the record again.

Source: linear.app/developers/webhooks, read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme, check_timestamp
from connectors.base.types import ChangeHint, WebhookRequest
from connectors.base.webhooks import Parse, WebhookHandler

SUBSCRIBED = ("Issue", "Comment", "IssueLabel", "Cycle", "Project")
RESOURCES = {
    "Issue": "issue",
    "Comment": "comment",
    "IssueLabel": "label",
    "Cycle": "cycle",
    "Project": "project",
}
ACTIONS = ("create", "update", "remove", "restore")
IGNORED = frozenset(
    {
        f"{kind}.{action}"
        for kind in (
            "Attachment", "Customer", "CustomerNeed", "Document", "Initiative", "InitiativeUpdate", "IssueRelation", "IssueSLA",
            "ProjectUpdate", "Reaction", "User",
        )
        for action in (*ACTIONS, "set", "highRisk", "breached")
    }
)  # fmt: skip


def _hint(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    kind, _, action = event.partition(".")
    data = payload["data"]
    actor = str(read_path(payload, "actor.id", "") or "")
    issue = str(read_path(data, "issueId", None) or read_path(data, "issue.id", None) or "")
    if kind == "Comment" and not issue:
        return []  # on a project, a document, an initiative
    parent = issue if kind == "Comment" else ""
    return [ChangeHint(RESOURCES[kind], str(data["id"]), event, action == "remove", actor, parent)]


EVENTS: Mapping[str, Parse] = {f"{kind}.{action}": _hint for kind in RESOURCES for action in ACTIONS}


@dataclass(frozen=True)
class LinearWebhooks(WebhookHandler):
    """Signed over the raw body; the time stands inside it."""

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        super().verify(request, secrets, settings)
        try:
            stamp = read_path(orjson.loads(request.body), "webhookTimestamp", None)
        except orjson.JSONDecodeError:
            stamp = None
        check_timestamp(
            "" if stamp is None else str(stamp),
            now=request.received_at,
            tolerance_seconds=300,
            style="epoch_ms",
        )

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        kind, action = read_path(payload, "type", "") or "", read_path(payload, "action", "") or ""
        return f"{kind}.{action}" if action else str(kind)


WEBHOOKS = LinearWebhooks(
    scheme=HmacScheme("Linear-Signature"), events=EVENTS, ignored=IGNORED, delivery_header="Linear-Delivery"
)
