"""The tick that finds what no wake-up told of: due jobs, due pairs, undrained rows (rows are the truth)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from celery import current_app
from django.core.cache import cache

from integrations.models import (
    DeliveryStatus,
    Integration,
    JobKind,
    JobStatus,
    SyncJob,
    WebhookDelivery,
)
from sync.runtime import runtime
from sync.services.drains import integrations_with_work
from workspace.models import Change
from workspace.wakeups import wake

#: workers that may drain one integration at once; the rate budget is shared between them anyway
DRAINERS = 4
PAIRS_PER_DRAINER = 25
FULL_EVERY = timedelta(hours=24)
HEARTBEAT_KEY = "lockstep:beat"


def dispatch() -> dict[str, int]:
    """Send a wake-up for everything that is due. Cheap when nothing is: four indexed queries."""
    now = runtime().now()
    cache.set(HEARTBEAT_KEY, now.isoformat(), timeout=3600)
    sent = {"jobs": 0, "drains": 0, "changes": 0, "deliveries": 0}
    for job_id in SyncJob.objects.due(now).order_by("run_at").values_list("id", flat=True)[:100]:
        wake("sync.run_job", job_id=str(job_id))
        sent["jobs"] += 1
    for integration_id, count in integrations_with_work():
        for _ in range(min(DRAINERS, 1 + count // PAIRS_PER_DRAINER)):
            wake("sync.drain_integration", integration_id=str(integration_id))
            sent["drains"] += 1
    if Change.objects.filter(drained_at__isnull=True).exists():
        wake("sync.drain_changes")
        sent["changes"] = 1
    if WebhookDelivery.objects.filter(status=DeliveryStatus.RECEIVED).exists():
        wake("sync.drain_deliveries")
        sent["deliveries"] = 1
    return sent


def scheduled_start(*, integration_id: UUID) -> SyncJob | None:
    """A scheduled run of an integration; None if one is open already or it isn't running.

    The first one ever is the initial import: it also makes there what is only here, as the dry run says.
    """
    now = runtime().now()
    integration = Integration.objects.running().filter(id=integration_id, auto_sync=True).first()
    if integration is None:
        return None
    bulk = [JobKind.SCHEDULED, JobKind.MANUAL, JobKind.INITIAL]
    waiting = [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRY_WAITING]
    if SyncJob.objects.filter(integration=integration, kind__in=bulk, status__in=waiting).exists():
        return None
    is_first = integration.last_sync_at is None and not integration.read_only
    job = SyncJob.objects.create(
        tenant_id=integration.tenant_id,
        integration=integration,
        kind=JobKind.INITIAL if is_first else JobKind.SCHEDULED,
        options={"full": True} if _is_full_due(integration, now) else {},
        run_at=now,
        created_at=now,
    )
    wake("sync.run_job", job_id=str(job.id))
    return job


def _is_full_due(integration: Integration, now: datetime) -> bool:
    """Once a day everything is looked at: it finds what webhooks and cursors missed, and what vanished."""
    recent = SyncJob.objects.filter(
        integration=integration,
        options__full=True,
        status__in=[JobStatus.SUCCEEDED, JobStatus.PARTIAL],
        finished_at__gt=now - FULL_EVERY,
    )
    return not recent.exists()


def worker_is_alive() -> bool:
    """True if any worker answers within a second."""
    return bool(current_app.control.ping(timeout=1.0))
