"""SyncLog rows: written redacted, expired by age, cleared by a typed name (I5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils import timezone

from connectors.base.redact import cut, redact_data, redact_headers, redact_text, redact_url
from integrations.audit import audit
from integrations.correlation import correlation_id as current_correlation_id
from integrations.models import (
    Integration,
    LogStatus,
    Operation,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.models import (
    Mapping as PairMapping,
)
from integrations.services.problems import InvalidSettings
from live.feed import publish, sync_room

DELETE_CHUNK = 2000


def log_row(
    *,
    integration: Integration,
    operation: str,
    status: str = LogStatus.SUCCESS,
    message: str = "",
    job: SyncJob | None = None,
    mapping: PairMapping | None = None,
    direction: str = "",
    method: str = "",
    resource: str = "",
    record_type: str = "",
    record_id: UUID | None = None,
    external_id: str = "",
    records_processed: int = 0,
    records_succeeded: int = 0,
    records_failed: int = 0,
    field_changes: Mapping[str, Any] | None = None,
    error_code: str = "",
    error_trace: str = "",
    http_status: int | None = None,
    duration_ms: int | None = None,
    retry_count: int = 0,
    exchange: Any = None,
    correlation_id: str = "",
    now: datetime | None = None,
) -> SyncLog:
    """An unsaved row, its texts cut to size and its payloads redacted; hand many to ``logs_write``."""
    return SyncLog(
        tenant_id=integration.tenant_id,
        integration_id=integration.id,
        job=job,
        mapping=mapping,
        operation=operation,
        direction=direction,
        method=method,
        resource=resource[:60],
        record_type=record_type[:30],
        record_id=record_id,
        external_id=external_id[:300],
        status=status,
        message=redact_text(message)[:1000],
        records_processed=records_processed,
        records_succeeded=records_succeeded,
        records_failed=records_failed,
        field_changes=dict(field_changes or {}),
        error_code=error_code[:30],
        error_trace=redact_text(error_trace)[:20_000],
        http_status=http_status,
        duration_ms=duration_ms,
        retry_count=retry_count,
        exchange=redact_exchange(exchange),
        correlation_id=(correlation_id or current_correlation_id())[:64],
        created_at=now or timezone.now(),
    )


def log_write(**facts: Any) -> SyncLog:
    """Save one row (arguments as ``log_row``) and tell the tenant's room."""
    row = log_row(**facts)
    row.save(force_insert=True)
    publish(
        sync_room(row.tenant_id),
        "log.written",
        {
            "id": row.pk,
            "integration": str(row.integration_id),
            "operation": row.operation,
            "status": row.status,
            "record": str(row.record_id or ""),
            "message": row.message[:200],
        },
        tenant_id=row.tenant_id,
    )
    return row


def logs_write(rows: Iterable[SyncLog]) -> list[SyncLog]:
    """Save many rows of ``log_row`` at once. Bulk work reports per page, so nothing is published per row."""
    return SyncLog.objects.bulk_create(list(rows), batch_size=500)


def redact_exchange(exchange: Any) -> dict[str, Any] | None:
    """A request and its answer as it may be kept; takes an ``Exchange`` or its dictionary."""
    if exchange is None:
        return None
    if is_dataclass(exchange) and not isinstance(exchange, type):
        exchange = asdict(exchange)
    kept = dict(exchange)
    for name in ("request_headers", "response_headers"):
        kept[name] = redact_headers(kept.get(name) or {})
    for name in ("request_body", "response_body"):
        kept[name] = cut(redact_data(kept.get(name)))
    kept["url"] = redact_url(str(kept.get("url") or ""))
    return kept


# ---------------------------------------------------------------- retention


def logs_expire(*, now: datetime, days: int | None = None) -> int:
    """Delete log rows older than the retention, a few thousand at a time; how many."""
    kept = settings.LOCKSTEP_LOG_RETENTION_DAYS if days is None else days
    return _delete(SyncLog.objects.filter(created_at__lt=now - timedelta(days=kept)))


def deliveries_expire(*, now: datetime, days: int | None = None) -> int:
    """Delete webhook deliveries older than the retention. Held ones go with them: polling has long caught up."""
    kept = settings.LOCKSTEP_DELIVERY_RETENTION_DAYS if days is None else days
    return _delete(WebhookDelivery.objects.filter(received_at__lt=now - timedelta(days=kept)))


def logs_clear(*, integration: Integration, typed_name: str, user: Any, now: datetime | None = None) -> int:
    """Delete an integration's log rows. The name must be typed; the audit entry stays (I5)."""
    if typed_name.strip() != integration.name:
        raise InvalidSettings(
            {"typed_name": [f"Type the name of the integration exactly: {integration.name}"]}
        )
    removed = _delete(SyncLog.objects.filter(integration=integration))
    audit(integration, "logs.cleared", user=user, note=f"{removed} log rows deleted")
    log_write(
        integration=integration,
        operation=Operation.CONFIG,
        message=f"The log was cleared: {removed} rows deleted.",
        now=now,
    )
    return removed


def _delete(rows: QuerySet[Any]) -> int:
    """In short transactions, so that a large clean-up blocks nobody."""
    removed = 0
    model: type[Model] = rows.model
    while True:
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:DELETE_CHUNK])
        if not ids:
            return removed
        removed += model._default_manager.filter(pk__in=ids).delete()[0]
