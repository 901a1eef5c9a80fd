"""Run a job: claim it by lease, walk its resources, close it with what it came to (H1, H4, H7)."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from connectors.base.errors import ConfigurationProblem, RateLimited, Retryable, SyncError
from connectors.base.types import Can, Client
from integrations import breaker
from integrations.models import (
    AttemptOutcome,
    Integration,
    IntegrationStatus,
    JobAttempt,
    JobKind,
    JobStatus,
    LogStatus,
    Operation,
    SyncJob,
    SyncMethod,
)
from integrations.selectors import healths_of
from integrations.services.jobs import job_announce
from integrations.services.logs import log_write
from integrations.services.status import integration_degraded, integration_failed, integration_recovered
from reconcile.model import Direction
from reconcile.retry import JOB, RetryPolicy
from sync.context import IntegrationContext, ResourceContext
from sync.failures import OurFault
from sync.runtime import runtime
from sync.services import previews, rollbacks
from sync.services.deferrals import references_resolve
from sync.services.outbox import missing_pair_up
from sync.services.pulls import HEARTBEAT, Pull, PullReport
from sync.services.windows import why_not_now
from workspace.ids import new_id
from workspace.wakeups import wake

logger = logging.getLogger(__name__)

DEGRADED_SHARE = 0.1
METHODS = {JobKind.MANUAL: SyncMethod.MANUAL, JobKind.WEBHOOK: SyncMethod.WEBHOOK}


class Cancelled(Exception):
    """A person asked the job to stop; what was done stays."""


class Stopped(Exception):
    """The integration was paused, switched off or left its window meanwhile; ``str()`` says which."""

    def __init__(self, reason: str, status: JobStatus) -> None:
        super().__init__(f"{reason} What was done so far stays; the next run goes on from there.")
        self.status = status


class Resettled(Exception):
    """Somebody changed settings that this run goes by: it goes on at its page, with the new ones."""


#: settings that a run keeps in memory, and must not act against once a person has saved others
HEEDED = (
    "read_only", "sync_direction", "conflict_strategy", "fallback_strategy", "merge_rules", "record_filter",
    "resource_types", "create_missing_locally", "options",
)  # fmt: skip


class Superseded(Exception):
    """Our lease ran out and another worker has the job."""


def job_run(*, job_id: UUID) -> JobStatus | None:
    """Run a due job to its end or its next try; None if it wasn't ours to run. Safe to call twice."""
    job = _claim(job_id)
    if job is None:
        return None
    integration = job.integration
    refusal = why_not_now(job, integration)
    if refusal:
        return _close(job, JobStatus.SKIPPED, reason=refusal)
    job_announce(job)
    try:
        return _work(job)
    except Cancelled:
        return _close(job, JobStatus.CANCELLED, reason="Stopped by a person; what was done so far stays.")
    except Superseded:
        return None
    except Resettled:
        SyncJob.objects.filter(id=job.id, lease_token=job.lease_token).update(progress={})  # every kind, anew
        return _again(
            job,
            Retryable("The settings were changed; it goes on with the new ones."),
            seconds=0,
            counts=False,
        )
    except Stopped as stopped:
        return _close(job, stopped.status, reason=str(stopped))
    except SyncError as error:
        return _failed(job, error)
    except (
        Exception
    ) as error:  # a fault of ours or of a connector: it must not come back every two minutes for ever
        logger.exception("job.failed", extra={"job": str(job.id)})
        return _failed(job, OurFault(error))


def _claim(job_id: UUID) -> SyncJob | None:
    now = runtime().now()
    token = new_id().hex
    due = Q(status__in=[JobStatus.QUEUED, JobStatus.RETRY_WAITING], run_at__lte=now)
    orphaned = Q(status=JobStatus.RUNNING, lease_until__lte=now)
    try:
        with transaction.atomic():
            claimed = SyncJob.objects.filter(due | orphaned, id=job_id).update(
                status=JobStatus.RUNNING,
                lease_until=now + HEARTBEAT,
                lease_token=token,
                attempts=F("attempts") + 1,
                started_at=now,
            )
    except IntegrityError:  # another bulk run of this integration is under way: come back soon
        SyncJob.objects.filter(id=job_id, status__in=[JobStatus.QUEUED, JobStatus.RETRY_WAITING]).update(
            run_at=now + timedelta(seconds=5)
        )
        return None
    if not claimed:
        return None
    return SyncJob.objects.select_related(
        "integration", "integration__tenant", "integration__credential"
    ).get(id=job_id)


def _work(job: SyncJob) -> JobStatus:
    match job.kind:
        case JobKind.PREVIEW:
            return _preview(job)
        case _ if job.integration.read_only:
            return _preview(job)
        case JobKind.ROLLBACK:
            result = rollbacks.rollback(job)
            return _close(
                job,
                JobStatus.SUCCEEDED if not result["refused"] else JobStatus.PARTIAL,
                result=result,
                success_count=result["reverted"],
            )
        case _:
            return _pull(job)


# -- pulling -----------------------------------------------------------------------------------------------


def _pull(job: SyncJob) -> JobStatus:
    breaker.guard(job.integration, runtime().now())
    context = IntegrationContext(job.integration)
    client = runtime().open_client(job.integration, 5)
    total = _so_far(job)
    direction = _direction(job)
    chosen = [rc for rc in context.resources if not job.resources or rc.name in job.resources]
    try:
        _check_container(job, client)
        if direction is not Direction.OUT:
            for rc in chosen:
                if (
                    Can.LIST in rc.resource.can
                    and rc.brings_in
                    and rc.name not in job.progress.get("walked", ())
                ):
                    _pull_one(job, rc, client, total)
        if direction is not Direction.IN and job.kind in {JobKind.MANUAL, JobKind.INITIAL}:
            for rc in chosen:
                total.outcomes["to_create_there"] += missing_pair_up(rc)
    finally:
        client.close()
    if direction is not Direction.OUT:
        Integration.objects.filter(id=job.integration_id).update(
            clock_offset_seconds=getattr(client, "clock_offset_seconds", 0.0)
        )
    wake("sync.drain_integration", integration_id=str(job.integration_id))
    return _finish(job, total)


def _direction(job: SyncJob) -> Direction:
    """Which way the run was asked to go. What the integration itself does not do it does not do either."""
    return Direction(job.options.get("direction") or Direction.BOTH)


def _pull_one(job: SyncJob, rc: ResourceContext, client: Client, total: PullReport) -> None:
    pull = Pull(
        rc=rc,
        client=client,
        job=job,
        full=bool(job.options.get("full")),
        checkpoint=lambda report, name: _checkpoint(job, total, report, name, heeds=True),
        method=METHODS.get(JobKind(job.kind), SyncMethod.POLL),
        is_aside=job.kind == JobKind.WEBHOOK,
        sends_out=_direction(job) is not Direction.IN,
        parent_id=str(job.options.get("parent", "")),
    )
    report = pull.run()
    total.outcomes += report.outcomes
    total.errors = (total.errors + report.errors)[:20]
    total.pages += report.pages
    total.warning = total.warning or report.warning
    _walked(job, rc.name, total)
    references_resolve(job.integration)


def _so_far(job: SyncJob) -> PullReport:
    """What earlier tries of this run came to: it goes on with the kinds that they did not finish. Where a budget
    allows a few calls at a time, beginning anew would use them up before the last kind is ever reached."""
    kept = job.progress or {}
    return PullReport(
        Counter(kept.get("outcomes", {})), [], int(kept.get("pages", 0) if kept.get("walked") else 0)
    )


def _walked(job: SyncJob, resource: str, total: PullReport) -> None:
    job.progress = {
        "resource": resource, "pages": total.pages, "done": sum(total.outcomes.values()),
        "walked": [*job.progress.get("walked", ()), resource], "outcomes": dict(total.outcomes),
    }  # fmt: skip
    SyncJob.objects.filter(id=job.id, lease_token=job.lease_token).update(progress=job.progress)


def _check_container(job: SyncJob, client: Any) -> None:
    """Remember which account and container these records live in; stop if it is suddenly another one (I4)."""
    token = client.container_token()[:300]
    known = job.integration.container_token
    if not known:
        Integration.objects.filter(id=job.integration_id).update(container_token=token)
        job.integration.container_token = token
    elif token != known:
        raise ConfigurationProblem(
            "The credentials now show another account or container than the one these records were linked with. "
            "Put the old ones back, or make a new integration.",
            code="permission",
        )


def _checkpoint(
    job: SyncJob, total: PullReport, report: PullReport, resource: str, *, heeds: bool = False
) -> None:
    """Heartbeat and progress, in the page's transaction. Raises ``Cancelled``, ``Stopped``, ``Superseded`` or, for a run
    that ``heeds`` the settings, ``Resettled``.
    """
    outcomes = total.outcomes + report.outcomes
    mine = SyncJob.objects.filter(id=job.id, lease_token=job.lease_token, status=JobStatus.RUNNING)
    updated = mine.update(
        lease_until=runtime().now() + HEARTBEAT,
        progress={
            **job.progress,
            "resource": resource,
            "pages": total.pages + report.pages,
            "done": sum(outcomes.values()),
        },
        **_counts(outcomes),
    )
    if not updated:
        raise Superseded
    integration = job.integration
    is_cancelled, integration.status, integration.deleted_at = SyncJob.objects.values_list(
        "cancel_requested", "integration__status", "integration__deleted_at"
    ).get(id=job.id)
    if is_cancelled:
        raise Cancelled
    refusal = why_not_now(job, integration)
    if refusal:
        is_late = integration.status in {IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED}
        raise Stopped(refusal, JobStatus.PARTIAL if is_late else JobStatus.CANCELLED)
    if heeds and Integration.objects.values(*HEEDED).get(id=job.integration_id) != {
        name: getattr(integration, name) for name in HEEDED
    }:
        raise Resettled


def _counts(outcomes: Counter[str]) -> dict[str, int]:
    return {
        "total_records": sum(outcomes.values()),
        "success_count": outcomes["applied"],
        "noop_count": outcomes["noop"]
        + outcomes["filtered"]
        + outcomes["marked"]
        + outcomes["to_create_there"],
        "error_count": outcomes["failed"],
        "conflict_count": outcomes["conflict"],
    }


def _finish(job: SyncJob, total: PullReport) -> JobStatus:
    outcomes = total.outcomes
    status = JobStatus.PARTIAL if outcomes["failed"] or total.warning else JobStatus.SUCCEEDED
    counts = _counts(outcomes)
    done = counts["total_records"]
    now = runtime().now()
    Integration.objects.filter(id=job.integration_id).update(last_sync_at=now, last_success_at=now)
    breaker.record_success(job.integration, now=now)
    if done and outcomes["failed"] / done > DEGRADED_SHARE:
        integration_degraded(
            job.integration, f"{outcomes['failed']} of {done} records failed in the last run.", now=now
        )
    elif total.warning:
        integration_degraded(job.integration, total.warning, now=now)
    elif not _is_unwell(job.integration, now):
        integration_recovered(job.integration)
    message = total.warning or _sentence(outcomes)
    if (
        outcomes["applied"]
        or outcomes["failed"]
        or outcomes["conflict"]
        or total.warning
        or job.kind != JobKind.SCHEDULED
    ):
        _log(job, LogStatus.PARTIAL if status is JobStatus.PARTIAL else LogStatus.SUCCESS, message, outcomes)
    return _close(
        job,
        status,
        reason=message,
        result={"outcomes": dict(+outcomes), "pages": total.pages, "errors": total.errors},
        progress={name: job.progress[name] for name in ("resource", "pages", "done") if name in job.progress},
        **counts,
    )


def _is_unwell(integration: Integration, now: datetime) -> bool:
    """Whether a clean run alone does not end DEGRADED, since the health check would begin it again."""
    if integration.status != IntegrationStatus.DEGRADED:
        return False
    health = healths_of([integration], now=now).get(integration.id)
    return health is not None and health.is_low


def _sentence(outcomes: Counter[str]) -> str:
    words = {
        "applied": "brought in",
        "noop": "unchanged",
        "marked": "to be looked at one by one",
        "to_create_there": "to be made there",
        "filtered": "not in scope",
        "conflict": "in conflict",
        "failed": "failed",
    }
    parts = [f"{outcomes[name]} {word}" for name, word in words.items() if outcomes[name]]
    return ", ".join(parts) or "0 changes"


# -- dry run -----------------------------------------------------------------------------------------------


def _preview(job: SyncJob) -> JobStatus:
    context = IntegrationContext(job.integration)
    client = runtime().open_client(job.integration, 5)
    try:
        result = previews.preview(
            context,
            client,
            resources=job.resources,
            direction=_direction(job),
            checkpoint=lambda done: _preview_checkpoint(job, done),
        )
    finally:
        client.close()
    return _close(job, JobStatus.SUCCEEDED, result=result, total_records=sum(result["counts"].values()))


def _preview_checkpoint(job: SyncJob, done: int) -> None:
    _checkpoint(job, PullReport(), PullReport(outcomes=Counter(noop=done)), "")


# -- ends --------------------------------------------------------------------------------------------------


def _failed(job: SyncJob, error: SyncError) -> JobStatus:
    """Retry by the job schedule, or give up and say so."""
    now = runtime().now()
    Integration.objects.filter(id=job.integration_id).update(
        last_error_at=now, last_error=error.message[:1000]
    )
    if isinstance(error, RateLimited | breaker.CircuitOpen):
        return _again(job, error, seconds=error.retry_after or 30, counts=False)
    if isinstance(error, ConfigurationProblem):
        integration_failed(job.integration, error.message, now=now)
        return _give_up(job, error, JobStatus.FAILED)
    if not isinstance(error, OurFault):
        breaker.record_failure(job.integration, now=now)
    if isinstance(error, Retryable | OurFault) or error.code in {"contract", "stale"}:
        delays = job.integration.retry_policy.get("job")
        policy = RetryPolicy(tuple(delays)) if delays else JOB
        after = error.retry_after if isinstance(error, Retryable) else None
        delay = policy.delay(job.attempts, rng_value=runtime().chance(), retry_after=after)
        if delay is not None and job.attempts <= job.max_retries:
            return _again(job, error, seconds=delay, counts=True)
        if job.kind != JobKind.PREVIEW:  # a look that failed stops no sync
            integration_failed(
                job.integration, f"Gave up after {job.attempts} tries. {error.message}", now=now
            )
        return _give_up(job, error, JobStatus.DEAD)
    return _give_up(job, error, JobStatus.FAILED)


def _again(job: SyncJob, error: SyncError, *, seconds: float, counts: bool) -> JobStatus:
    run_at = runtime().now() + timedelta(seconds=seconds)
    if counts:
        _attempt(job, error, AttemptOutcome.RETRY, next_at=run_at)
        _log(job, LogStatus.FAILED, error.message, Counter(), error)
    SyncJob.objects.filter(id=job.id, lease_token=job.lease_token).update(
        status=JobStatus.RETRY_WAITING,
        status_reason=error.message[:500],
        run_at=run_at,
        lease_until=None,
        attempts=job.attempts if counts else F("attempts") - 1,
        error_code=error.code[:30],
        error_message=error.message[:1000],
    )
    job.status, job.status_reason = JobStatus.RETRY_WAITING, error.message[:500]
    job_announce(job)
    return JobStatus.RETRY_WAITING


def _give_up(job: SyncJob, error: SyncError, status: JobStatus) -> JobStatus:
    _attempt(job, error, AttemptOutcome.GAVE_UP, next_at=None)
    _log(job, LogStatus.FAILED, error.message, Counter(), error)
    return _close(
        job, status, reason=error.message, error_code=error.code[:30], error_message=error.message[:1000]
    )


def _attempt(job: SyncJob, error: SyncError, outcome: AttemptOutcome, *, next_at: datetime | None) -> None:
    JobAttempt.objects.create(
        job=job,
        number=job.attempts,
        outcome=outcome,
        error_code=error.code[:30],
        error_message=error.message[:1000],
        http_status=error.status,
        exchange=vars(error.exchange) if error.exchange else None,
        next_attempt_at=next_at,
        started_at=job.started_at or runtime().now(),
        ended_at=runtime().now(),
    )


def _log(
    job: SyncJob, status: LogStatus, message: str, outcomes: Counter[str], error: SyncError | None = None
) -> None:
    now = runtime().now()
    if reason := job.options.get("reason"):
        message = f"{message.removesuffix('.')}. Asked for because: {reason}"
    log_write(
        integration=job.integration,
        job=job,
        operation=Operation.BULK_SYNC,
        direction="out" if _direction(job) is Direction.OUT else "in",
        method=METHODS.get(JobKind(job.kind), SyncMethod.BATCH),
        resource=", ".join(job.resources)[:60],
        status=status,
        message=message[:1000],
        records_processed=sum(outcomes.values()),
        records_succeeded=outcomes["applied"] + outcomes["noop"],
        records_failed=outcomes["failed"],
        error_code=error.code if error else "",
        error_trace=getattr(error, "trace", ""),
        http_status=error.status if error else None,
        retry_count=max(0, job.attempts - 1),
        exchange=vars(error.exchange) if error and error.exchange else None,
        duration_ms=int((now - job.started_at).total_seconds() * 1000) if job.started_at else None,
        correlation_id=job.correlation_id,
        now=now,
    )


def _close(job: SyncJob, status: JobStatus, *, reason: str = "", **columns: Any) -> JobStatus:
    SyncJob.objects.filter(id=job.id, lease_token=job.lease_token).update(
        status=status,
        status_reason=reason[:500],
        lease_until=None,
        finished_at=runtime().now(),
        **columns,
    )
    job.status, job.status_reason = status, reason[:500]
    job_announce(job)
    return status
