"""What workers would do, done here and now: the seed runs before there are any."""

from __future__ import annotations

from typing import Any

from integrations.models import Cursor, Integration, IntegrationStatus, JobKind
from integrations.services.jobs import job_request
from integrations.services.problems import JobAlreadyOpen
from sync.services.drains import integration_drain
from sync.services.jobs import job_run
from sync.services.outbox import BATCH, changes_drain
from workspace.models import Tenant

ROUNDS = 6


def import_ensure(integration: Integration, user: Any) -> None:
    """The initial import, unless one has been made or the integration rests."""
    is_running = integration.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)
    if not is_running or Cursor.objects.filter(integration=integration, since__isnull=False).exists():
        return
    try:
        job = job_request(integration=integration, kind=JobKind.INITIAL, user=user)
    except JobAlreadyOpen as already:
        job = already.job
    job_run(job_id=job.id)


def work_off(tenant: Tenant) -> None:
    """Hand out what changed here and reconcile marked pairs, until nothing is left that can be done now."""
    for _ in range(ROUNDS):
        while changes_drain() == BATCH:
            pass
        done = [
            integration_drain(integration_id=row.id)
            for row in Integration.objects.running().filter(tenant=tenant)
        ]
        if not any(sum(outcomes.values()) for outcomes in done):
            return
