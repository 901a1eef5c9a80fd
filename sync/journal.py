"""Log rows of the engine: one per pair that did something, one per page of bulk work (I5)."""

from __future__ import annotations

from typing import Any

from connectors.base.errors import Exchange, SyncError
from integrations.models import LogStatus, Operation
from integrations.services.logs import log_write
from reconcile.model import Plan
from sync.runtime import runtime
from sync.work import Work


def log_pair(
    work: Work,
    *,
    operation: Operation,
    plan: Plan | None = None,
    message: str = "",
    held: bool = False,
    error: SyncError | None = None,
) -> None:
    """Write what was done to one pair, and publish it to the tenant's room."""
    mapping = work.mapping
    exchange = exchange_of(work, error) or {}
    sides = set(work.field_changes)
    status = LogStatus.SUCCESS
    if error is not None:
        status = LogStatus.FAILED
    elif plan is not None and plan.conflicts:
        status = LogStatus.CONFLICT_PENDING
        message = message or "; ".join(group.reason for group in plan.conflicts)
    elif held:
        status = LogStatus.HELD
    elif plan is not None and plan.decisions:
        status = LogStatus.CONFLICT_RESOLVED
        message = message or "; ".join(decision.because for decision in plan.decisions)
    log_write(
        integration=work.integration,
        job=work.job,
        mapping=mapping,
        operation=operation,
        direction={frozenset({"local"}): "in", frozenset({"external"}): "out"}.get(frozenset(sides), "both"),
        method=mapping.method,
        resource=mapping.resource,
        record_type=mapping.record_type,
        record_id=mapping.record_id,
        external_id=mapping.external_id or "",
        status=status,
        message=(error.message if error else message)[:1000],
        field_changes=work.field_changes,
        error_code=error.code if error else "",
        error_trace=getattr(error, "trace", ""),
        http_status=error.status if error else exchange.get("status"),
        duration_ms=exchange.get("duration_ms"),
        retry_count=mapping.attempts,
        exchange=exchange or None,
        correlation_id=work.correlation_id or "",
        now=runtime().now(),
    )


def exchange_of(work: Work, error: SyncError | None = None) -> dict[str, Any] | None:
    """The last request and answer of this pair, redacted when it was made."""
    exchange: Exchange | None = error.exchange if error else None
    if exchange is None:
        exchange = getattr(work.client, "last_exchange", None)
    return vars(exchange) if exchange else None
