"""One match decides what a failure means: wait, retry, review, dead letter, or a person must act."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from connectors.base.connector import Connector
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
    SyncError,
)
from integrations import breaker
from integrations.models import AttemptOutcome, Integration, JobAttempt, MappingState, Operation
from integrations.services.status import integration_failed
from live.feed import publish, sync_room
from reconcile.retry import RECORD_PUSH, RetryPolicy
from sync import leases
from sync.journal import exchange_of, log_pair
from sync.runtime import runtime
from sync.work import Outcome, Work
from workspace.services import InvalidRecord


class OurFault(SyncError):
    """Something that should not happen, here or in a connector. The trace goes to the log, not to the page."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"Something went wrong in Lockstep itself ({type(error).__name__}); the log has the details."
        )
        self.trace = "".join(traceback.format_exception(error))


def pair_waits(work: Work, reason: str, *, seconds: float) -> Outcome:
    """Not a failure: something has to come first. The mark stays."""
    leases.release(
        work.mapping,
        clean=False,
        state_reason=reason[:500],
        next_attempt_at=runtime().now() + timedelta(seconds=seconds),
    )
    return Outcome.WAITING


def pair_failed(work: Work, error: SyncError | InvalidRecord) -> Outcome:
    """Record the failure of one pair and decide what happens next. Other pairs go on (E10)."""
    if isinstance(error, InvalidRecord):
        fields = "; ".join(f"{name}: {' '.join(why)}" for name, why in error.errors.items())
        error = RecordProblem(f"The value doesn't fit here. {fields}", code="mapping")
    match error:
        case ConfigurationProblem():
            integration_failed(work.integration, error.message, now=runtime().now())
            return _retry_later(work, error, seconds=300, counts=False)
        case RateLimited():
            return _retry_later(work, error, seconds=error.retry_after or 10, counts=False)
        case ContractBroken() | Retryable() | StaleWrite() | OurFault():
            return _retry(work, error)
        case RecordGone():
            return _retry(work, error)  # vanished between two looks: the next one asks why
        case PermissionProblem():
            return _hold(work, error)
        case RecordProblem():
            return _give_up(work, error)
        case SyncError(code="in_doubt"):
            leases.release(work.mapping, clean=True, last_error=error.message[:1000], error_code=error.code)
            log_pair(work, operation=Operation.CREATE, error=error)
            return Outcome.HELD
        case _:
            return _give_up(work, error)


def retry_policy(integration: Integration, connector: Connector) -> RetryPolicy:
    """The integration's own delays for records, else the connector's, else the default of H3."""
    delays = integration.retry_policy.get("push") or connector.retry_delays
    return RetryPolicy(tuple(delays)) if delays else RECORD_PUSH


def _retry(work: Work, error: SyncError) -> Outcome:
    """By the schedule in the row, while tries are left; then a dead letter."""
    if isinstance(error, Retryable | ContractBroken):
        breaker.record_failure(work.integration, now=runtime().now())
    attempts = work.mapping.attempts + 1
    after = error.retry_after if isinstance(error, Retryable) else None
    policy = retry_policy(work.integration, work.rc.connector)
    delay = policy.delay(attempts, rng_value=runtime().chance(), retry_after=after)
    if delay is None:
        return _give_up(work, error)
    return _retry_later(work, error, seconds=delay, counts=True)


def _retry_later(work: Work, error: SyncError, *, seconds: float, counts: bool) -> Outcome:
    now = runtime().now()
    next_at = now + timedelta(seconds=seconds)
    if counts:
        _attempt(work, error, AttemptOutcome.RETRY, next_at=next_at)
        log_pair(work, operation=Operation.UPDATE, error=error)
    leases.release(
        work.mapping,
        clean=False,
        attempts=work.mapping.attempts + (1 if counts else 0),
        next_attempt_at=next_at,
        state=MappingState.PENDING,
        state_reason=f"Will be tried again. {error.message}"[:500],
        **_error_columns(error),
    )
    return Outcome.WAITING


def _hold(work: Work, error: SyncError) -> Outcome:
    """No access to this one record: look again in a while, change nothing."""
    log_pair(work, operation=Operation.UPDATE, error=error)
    leases.release(
        work.mapping,
        clean=False,
        state=MappingState.HELD,
        state_reason=error.message[:500],
        next_attempt_at=runtime().now() + timedelta(minutes=15),
        **_error_columns(error),
    )
    return Outcome.HELD


def _give_up(work: Work, error: SyncError) -> Outcome:
    """A dead letter: kept with every attempt until a person requeues it or the record changes (H4)."""
    _attempt(work, error, AttemptOutcome.GAVE_UP, next_at=None)
    log_pair(work, operation=Operation.UPDATE, error=error)
    leases.release(
        work.mapping,
        clean=False,
        is_dead=True,
        attempts=work.mapping.attempts + 1,
        next_attempt_at=None,
        state=MappingState.ERROR,
        state_reason=_naming_field(error)[:500],
        **_error_columns(error),
    )
    publish(
        sync_room(work.mapping.tenant_id),
        "mapping.dead",
        {
            "integration": str(work.integration.id),
            "mapping": str(work.mapping.id),
            "record": str(work.mapping.record_id or ""),
            "message": error.message[:300],
        },
        tenant_id=work.mapping.tenant_id,
    )
    return Outcome.FAILED


def _attempt(work: Work, error: SyncError, outcome: AttemptOutcome, *, next_at: datetime | None) -> None:
    with transaction.atomic():
        JobAttempt.objects.create(
            job=work.job,
            mapping=work.mapping,
            number=work.mapping.attempts + 1,
            outcome=outcome,
            http_status=error.status,
            exchange=exchange_of(work, error),
            next_attempt_at=next_at,
            started_at=runtime().now(),
            ended_at=runtime().now(),
            error_code=error.code,
            error_message=error.message[:1000],
        )


def _naming_field(error: SyncError) -> str:
    """The sentence with the field at fault, unless it names that already."""
    named = error.field is None or error.field in error.message
    return error.message if named else f"{error.field}: {error.message}"


def _error_columns(error: SyncError) -> dict[str, Any]:
    return {"last_error": _naming_field(error)[:1000], "error_code": error.code[:30]}
