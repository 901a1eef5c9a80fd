"""Jobs as people ask for them: request, cancel, retry; running them is the engine's (H1, H4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from connectors import registry
from integrations.audit import audit
from integrations.correlation import correlation_id
from integrations.models import (
    Integration,
    IntegrationStatus,
    JobKind,
    JobStatus,
    MappingState,
    SyncDirection,
    SyncJob,
    SyncMethod,
)
from integrations.models import (
    Mapping as PairMapping,
)
from integrations.models.jobs import OPEN_JOB_STATUSES
from integrations.services.marks import mark_dirty
from integrations.services.problems import InvalidSettings, JobAlreadyOpen, NotNow
from integrations.services.validation import unpicked_problems
from live.feed import publish, sync_room
from workspace.models import Change, Tenant
from workspace.wakeups import wake

#: one of these at a time per integration
BULK_KINDS = (JobKind.SCHEDULED, JobKind.MANUAL, JobKind.INITIAL)
#: these read only, so they are allowed while nothing is synced
READING_KINDS = (JobKind.PREVIEW,)
RUNNING_STATUSES = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)
#: how a run's reason begins that its sync window refused or cut short
WINDOW_CLOSED = "Outside the integration's sync window."
OPTIONS = {"full": bool, "direction": str, "job": str, "reason": str}
REASON_LENGTH = 300


def job_request(
    *,
    integration: Integration,
    kind: str = JobKind.MANUAL,
    user: Any = None,
    resources: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    run_at: datetime | None = None,
) -> SyncJob:
    """Queue a job and wake a worker. Raises ``JobAlreadyOpen``, ``NotNow`` or ``InvalidSettings``."""
    now = now or timezone.now()
    _check_request(integration, kind, resources, options or {})
    with transaction.atomic():
        locked = Integration.objects.select_for_update().get(
            id=integration.id
        )  # two requests at once: one wins
        _check_status(locked, kind)
        if kind in BULK_KINDS:
            running = SyncJob.objects.filter(
                integration=integration, kind__in=BULK_KINDS, status__in=OPEN_JOB_STATUSES
            ).first()
            if running is not None:
                raise JobAlreadyOpen(running)
        job = SyncJob.objects.create(
            tenant_id=integration.tenant_id,
            integration=integration,
            kind=kind,
            resources=list(resources),
            options=dict(options or {}),
            max_retries=len(integration.retry_policy.get("job", [])) or 5,
            correlation_id=correlation_id(),
            triggered_by=user if getattr(user, "pk", None) else None,
            run_at=run_at or now,
            created_at=now,
        )
        job_announce(job)
        wake("sync.run_job", job_id=str(job.id))
    return job


def _check_request(
    integration: Integration, kind: str, resources: Sequence[str], options: Mapping[str, Any]
) -> None:
    errors: dict[str, list[str]] = {}
    if kind not in JobKind.values:
        errors["kind"] = [f"Choose one of: {', '.join(JobKind.values)}."]
    unknown = [name for name in resources if name not in integration.resource_types]
    if unknown:
        chosen = ", ".join(integration.resource_types) or "none"
        errors["resource_types"] = [f"“{unknown[0]}” is not synced by this integration. It syncs: {chosen}."]
    for name, value in options.items():
        wanted = OPTIONS.get(name)
        if wanted is None:
            errors[f"options.{name}"] = [f"There is no such option. There are: {', '.join(OPTIONS)}."]
        elif type(value) is not wanted:
            errors[f"options.{name}"] = [f"This must be of type {wanted.__name__}."]
    if problem := _direction_problem(integration, options.get("direction", SyncDirection.BOTH)):
        errors["direction"] = [problem]
    if len(str(options.get("reason", ""))) > REASON_LENGTH:
        errors["reason"] = [f"Say it in at most {REASON_LENGTH} characters."]
    if kind == JobKind.ROLLBACK and not options.get("job"):
        errors["options.job"] = ["Name the job that is to be taken back."]
    if integration.status == IntegrationStatus.DRAFT:  # a dry run of it needs the board, list … as well
        errors |= unpicked_problems(registry.get(integration.connector), integration.options)
    if errors:
        raise InvalidSettings(errors)


def _direction_problem(integration: Integration, direction: Any) -> str:
    """Why a run cannot go this way; "" if it can. It may do less than the integration does, never more."""
    if direction not in SyncDirection.values:
        return f"Choose one of: {', '.join(SyncDirection.values)}."
    own = integration.sync_direction
    if SyncDirection.BOTH in (direction, own) or direction == own:
        return ""
    said = SyncDirection(own).label.lower()
    return f"This integration syncs {said}: choose “{own}”, or change its direction in the settings."


def _check_status(integration: Integration, kind: str) -> None:
    if integration.deleted_at is not None:
        raise NotNow("The integration was deleted.")
    if kind in READING_KINDS and integration.status != IntegrationStatus.DISABLED:
        return
    if integration.status not in RUNNING_STATUSES:
        said = {
            IntegrationStatus.PAUSED: "It is paused: resume it first.",
            IntegrationStatus.DRAFT: "Its setup is incomplete: finish it and enable it first.",
            IntegrationStatus.DISABLED: "It is disabled: enable it first.",
            IntegrationStatus.ERROR: "It failed and waits for a person: test the connection and enable it first.",
        }
        raise NotNow(said[IntegrationStatus(integration.status)])


# ---------------------------------------------------------------- taking back


def job_writes(job: SyncJob) -> list[dict[str, Any]]:
    """What a run wrote here: ``{record_type, kind, count}`` most first."""
    rows = Change.objects.filter(tenant_id=job.tenant_id, job_id=job.id)
    counted = (
        rows.values_list("record_type", "kind").annotate(count=Count("id")).order_by("-count", "record_type")
    )
    return [{"record_type": name, "kind": kind, "count": count} for name, kind, count in counted]


def job_take_back(*, job: SyncJob, user: Any, now: datetime | None = None) -> SyncJob:
    """Queue the run that takes back what ``job`` wrote here, field by field, where nobody has changed it since (E4).

    Raises ``NotNow`` while it still runs, or if it wrote nothing or is being taken back already.
    """
    if job.status in OPEN_JOB_STATUSES:
        raise NotNow("It has not ended yet: cancel it first, or wait.")
    if not job_writes(job):
        raise NotNow("It wrote nothing here, so there is nothing to take back.")
    earlier = SyncJob.objects.filter(
        integration_id=job.integration_id, kind=JobKind.ROLLBACK, options__job=str(job.id)
    )
    if earlier.filter(status__in=OPEN_JOB_STATUSES).exists():
        raise NotNow("It is being taken back already.")
    with transaction.atomic():
        made = job_request(
            integration=job.integration,
            kind=JobKind.ROLLBACK,
            user=user,
            options={"job": str(job.id)},
            now=now,
        )
        audit(job.integration, "job.taken_back", user=user, note=str(job.id))
    return made


# ---------------------------------------------------------------- cancel, retry


def job_cancel(*, job: SyncJob, user: Any, now: datetime | None = None) -> SyncJob:
    """A waiting job is cancelled at once, a running one at its next page. Raises ``NotNow`` once it has ended."""
    now = now or timezone.now()
    rows = SyncJob.objects.filter(id=job.id)
    with transaction.atomic():
        waiting = rows.filter(status__in=[JobStatus.QUEUED, JobStatus.RETRY_WAITING])
        done = waiting.update(
            status=JobStatus.CANCELLED,
            status_reason=f"Cancelled by {user}."[:500],
            finished_at=now,
            cancel_requested=True,
        )
        if not done and not rows.filter(status=JobStatus.RUNNING).update(cancel_requested=True):
            job.refresh_from_db()
            raise NotNow(f"The job has ended already ({job.get_status_display().lower()}).")
        job.refresh_from_db()
        audit(job, "job.cancelled", user=user)
        job_announce(job)
    return job


def job_retry(*, job: SyncJob, user: Any, now: datetime | None = None) -> SyncJob:
    """A dead, failed or partial job looks at every kind again, each from where its walk broke off. Raises ``NotNow`` or ``JobAlreadyOpen``."""
    now = now or timezone.now()
    with transaction.atomic():
        integration = Integration.objects.select_for_update().get(id=job.integration_id)
        _check_status(integration, job.kind)
        if job.kind in BULK_KINDS:
            others = SyncJob.objects.filter(
                integration=integration, kind__in=BULK_KINDS, status__in=OPEN_JOB_STATUSES
            )
            if (other := others.exclude(id=job.id).first()) is not None:
                raise JobAlreadyOpen(other)
        ended = SyncJob.objects.filter(
            id=job.id,
            status__in=[
                JobStatus.DEAD,
                JobStatus.FAILED,
                JobStatus.PARTIAL,
                JobStatus.CANCELLED,
                JobStatus.RETRY_WAITING,
            ],
        )
        changed = ended.update(
            status=JobStatus.QUEUED,
            status_reason="",
            attempts=0,
            run_at=now,
            finished_at=None,
            cancel_requested=False,
            error_code="",
            error_message="",
            lease_until=None,
            lease_token="",
            progress={},
        )
        job.refresh_from_db()
        if not changed:
            raise NotNow(f"The job is {job.get_status_display().lower()}; there is nothing to retry.")
        audit(job, "job.retried", user=user)
        job_announce(job)
        wake("sync.run_job", job_id=str(job.id))
    return job


def job_announce(job: SyncJob) -> None:
    """Tell the tenant's room how the job stands."""
    publish(
        sync_room(job.tenant_id),
        "job.changed",
        {
            "id": str(job.id),
            "integration": str(job.integration_id),
            "kind": job.kind,
            "status": job.status,
            "reason": job.status_reason,
            "done": job.progress.get("done", 0),
            "errors": job.error_count,
        },
        tenant_id=job.tenant_id,
    )


# ---------------------------------------------------------------- dead letters


def dead_letters_requeue(
    *,
    tenant: Tenant,
    user: Any,
    mapping_ids: Collection[UUID | str] = (),
    job_ids: Collection[UUID | str] = (),
    everything_of: Integration | None = None,
    now: datetime | None = None,
) -> dict[str, int]:
    """Try dead letters again: some by id, or all of an integration. ``{mappings, jobs, skipped}``.

    Skipped are those whose integration is not running and those that are no dead letters (any more).
    """
    pairs = PairMapping.objects.filter(tenant=tenant, is_dead=True)
    jobs = SyncJob.objects.filter(tenant=tenant, status=JobStatus.DEAD)
    if everything_of is not None:
        pairs, jobs = pairs.filter(integration=everything_of), jobs.filter(integration=everything_of)
        asked = pairs.count() + jobs.count()
    else:
        pairs, jobs = pairs.filter(id__in=list(mapping_ids)), jobs.filter(id__in=list(job_ids))
        asked = len(set(map(str, mapping_ids))) + len(set(map(str, job_ids)))
    pair_ids = list(pairs.filter(integration__status__in=RUNNING_STATUSES).values_list("id", flat=True))
    with transaction.atomic():
        PairMapping.objects.filter(id__in=pair_ids).update(
            state=MappingState.PENDING, state_reason="Requeued."
        )
        requeued = mark_dirty(
            mapping_ids=pair_ids,
            reason="requeued",
            priority=2,
            method=SyncMethod.MANUAL,
            now=now,
            clears_wait=True,
        )
        restarted = 0
        for job in jobs:
            try:
                with transaction.atomic():
                    job_retry(job=job, user=user, now=now)
            except (NotNow, JobAlreadyOpen):
                continue
            restarted += 1
        audit(tenant, "dead_letters.requeued", user=user, note=f"{requeued} pairs, {restarted} jobs")
    return {"mappings": requeued, "jobs": restarted, "skipped": asked - requeued - restarted}


def resources_of(integration: Integration) -> list[Any]:
    """The connector's resources that this integration syncs, in the connector's order."""
    connector = registry.get(integration.connector)
    chosen = set(integration.resource_types)
    return [resource for resource in connector.resources_of(integration.options) if resource.name in chosen]
