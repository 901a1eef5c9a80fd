"""The status of an integration as work goes on, and the notices that go with it (settled 2, H4, H7)."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.audit import audit
from integrations.models import Integration, IntegrationStatus, LogStatus, Operation
from integrations.services.logs import log_write
from integrations.services.schedules import schedule_apply
from live.feed import publish, sync_room

logger = logging.getLogger(__name__)

#: what work may do to the status; PAUSED, DISABLED and DRAFT are a person's choice and stay
RUNNING = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)


def integration_failed(integration: Integration, reason: str, *, now: datetime | None = None) -> bool:
    """Credentials refused, retries exhausted …: to ERROR, schedules off until a person acts. True if it was news."""
    now = now or timezone.now()
    moved = _move(
        integration, RUNNING, IntegrationStatus.ERROR, reason, last_error=reason[:1000], last_error_at=now
    )
    if moved:
        log_write(
            integration=integration,
            operation=Operation.CONFIG,
            status=LogStatus.FAILED,
            message=f"Stopped: {reason}",
            now=now,
        )
    return moved


def integration_degraded(integration: Integration, reason: str, *, now: datetime | None = None) -> bool:
    """Too many errors in a run (H7): it goes on, and says so."""
    return _move(integration, (IntegrationStatus.ACTIVE,), IntegrationStatus.DEGRADED, reason)


def integration_recovered(integration: Integration) -> bool:
    """A clean run: DEGRADED is over."""
    return _move(integration, (IntegrationStatus.DEGRADED,), IntegrationStatus.ACTIVE, "")


def _move(
    integration: Integration, sources: tuple[str, ...], status: IntegrationStatus, reason: str, **columns: Any
) -> bool:
    """From one of ``sources`` only, by one conditional UPDATE: a pause that came meanwhile wins."""
    with transaction.atomic():
        rows = Integration.objects.filter(id=integration.id, status__in=sources, deleted_at__isnull=True)
        if not rows.update(status=status, status_reason=reason[:500], updated_at=timezone.now(), **columns):
            return False
        old = integration.status
        integration.refresh_from_db()
        schedule_apply(integration)
        audit(integration, "integration.status", user=None, changes={"status": (old, status)}, note=reason)
        integration_announce(integration)
    logger.info("integration.status", extra={"integration": str(integration.id), "status": str(status)})
    return True


def integration_announce(integration: Integration, type: str = "integration.changed", **facts: Any) -> None:
    """Tell the tenant's room that the integration's row is worth another look."""
    publish(
        sync_room(integration.tenant_id),
        type,
        {
            "id": str(integration.id),
            "name": integration.name,
            "status": integration.status,
            "reason": integration.status_reason,
            "breaker": integration.breaker_state,
            "version": integration.version,
            **facts,
        },
        tenant_id=integration.tenant_id,
    )
