"""What Linear's webhooks say: each event becomes a hint to read the record again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.signatures import HmacScheme
from connectors.base.types import ChangeHint
from connectors.base.webhooks import WebhookHandler


def _task(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    return [ChangeHint("task", str(payload["task_id"]), event, is_delete=event == "task.deleted")]


WEBHOOKS = WebhookHandler(
    scheme=HmacScheme("X-Linear-Signature"),
    events=dict.fromkeys(("task.created", "task.updated", "task.deleted"), _task),
    event_at="type",
    delivery_at="id",
)
