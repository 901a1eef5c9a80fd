"""Whether a job may run now: the integration's status, its read-only switch and its sync windows."""

from __future__ import annotations

from datetime import datetime

from integrations.models import Integration, IntegrationStatus, JobKind, SyncJob
from integrations.services.jobs import WINDOW_CLOSED
from integrations.services.windows import is_open
from sync.runtime import runtime

#: what may run while nothing may be written: these only look then
LOOKING_KINDS = (JobKind.PREVIEW, JobKind.MANUAL, JobKind.INITIAL)


def why_not_now(job: SyncJob, integration: Integration) -> str:
    """Why the job can't run now; empty if it can."""
    if integration.deleted_at is not None:
        return "The integration was deleted."
    if integration.status not in {IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED}:
        if job.kind == JobKind.PREVIEW and integration.status in {
            IntegrationStatus.DRAFT,
            IntegrationStatus.PAUSED,
        }:
            return ""
        return f"The integration is {integration.get_status_display().lower()}."
    if integration.read_only and job.kind not in LOOKING_KINDS:
        return "The integration is read only: nothing is written on either side. Sync by hand to see what would be."
    if _is_by_schedule(job) and not window_is_open(integration, runtime().now()):
        return WINDOW_CLOSED
    return ""


def _is_by_schedule(job: SyncJob) -> bool:
    """True for runs that no person asked for; the first one by schedule is an initial import."""
    is_nobodys = job.kind == JobKind.INITIAL and job.triggered_by_id is None
    return job.kind == JobKind.SCHEDULED or is_nobodys


def window_is_open(integration: Integration, now: datetime) -> bool:
    """True if bulk sync may run now; without windows it always may. Times are in the tenant's zone."""
    return is_open(integration.sync_windows, now.astimezone(integration.tenant.zone))
