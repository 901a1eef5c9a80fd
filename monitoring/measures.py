"""What each metric reads now: one query for all integrations of a tenant.

An integration without a reading has nothing wrong with it; a rule then counts it as calm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django_celery_beat.models import PeriodicTask

from integrations.models import (
    Credential,
    Integration,
    IntegrationStatus,
    JobKind,
    JobStatus,
    LogStatus,
    Operation,
    SyncFrequency,
    SyncJob,
    SyncLog,
)
from integrations.models import Mapping as PairMapping
from integrations.pages.figures import BAD_LOGS, GOOD_LOGS, pulse
from integrations.panels import COUNTERS, Tally
from integrations.selectors import OF_SYNC
from integrations.services.jobs import WINDOW_CLOSED
from integrations.services.schedules import is_silent, run_every
from monitoring.models import Metric
from workspace.models import Tenant

#: fewer syncs than this say nothing about a rate
ENOUGH_SYNCS = 10
#: of an integration that never had a good run, failures count no further back
LOOK_BACK = timedelta(days=7)
#: what a stopped integration counts as: S1's number for "down"
DOWN = 3
DAY_MINUTES, HOUR_MINUTES = 24 * 60, 60
#: nobody has noted a sign of life; the note itself lasts this long
NO_PULSE_MINUTES = 60.0
#: access tokens that a machine renews live for hours; what a person must replace lives longer
PERSONS_CREDENTIAL = timedelta(days=2)

CONFLICTS = "conflicts"  # the review desk's counter
WATCHED = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED, IntegrationStatus.ERROR)
RUNNING = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)

#: by integration; None is the whole hub
Readings = Mapping[UUID | None, float]


class CannotMeasure(Exception):
    """Why a metric has no value just now, for the rule's page."""


@dataclass(frozen=True)
class Scope:
    """Whose values, as of when, over how long (rates)."""

    tenant: Tenant
    now: datetime
    window_minutes: int = HOUR_MINUTES

    def integrations(self, statuses: Iterable[str] = WATCHED) -> QuerySet[Integration]:
        return Integration.objects.for_tenant(self.tenant).filter(status__in=list(statuses)).order_by()


def readings_of(metric: str, scope: Scope) -> Readings:
    """The metric's present values. Raises ``CannotMeasure``."""
    return MEASURES[Metric(metric)](scope)


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


# -- syncs -------------------------------------------------------------------------------------------------


def syncs(rows: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
    """Log rows that are one sync which ended well or badly; tests and notes are not."""
    return rows.filter(operation__in=OF_SYNC, status__in=[*GOOD_LOGS, *BAD_LOGS])


def error_percent(good: int, bad: int) -> float:
    return 100 * bad / (good + bad) if good + bad >= ENOUGH_SYNCS else 0.0


def error_rates(scope: Scope) -> Readings:
    counted = (
        syncs(SyncLog.objects.filter(tenant=scope.tenant))
        .filter(
            created_at__gt=scope.now - timedelta(minutes=scope.window_minutes),
            integration__deleted_at__isnull=True,
            integration__status__in=WATCHED,
        )
        .order_by()
        .values_list("integration_id")
        .annotate(
            good=Count("pk", filter=Q(status__in=GOOD_LOGS)), bad=Count("pk", filter=Q(status__in=BAD_LOGS))
        )
    )
    return {pk: error_percent(good, bad) for pk, good, bad in counted}


def failed_runs(rows: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
    """Tries of a run that failed; each is a row."""
    return rows.filter(operation=Operation.BULK_SYNC, status=LogStatus.FAILED)


def consecutive_failures(scope: Scope) -> Readings:
    """Counted since ``last_success_at``: a good run without changes leaves no row in the log."""
    failed = failed_runs(SyncLog.objects.filter(integration=OuterRef("pk"))).filter(
        created_at__gt=Coalesce(OuterRef("last_success_at"), Value(scope.now - LOOK_BACK))
    )
    rows = scope.integrations().values_list("pk", "status", _count(failed))
    return {
        pk: float(max(failures, DOWN) if status == IntegrationStatus.ERROR else failures)
        for pk, status, failures in rows
    }


def own_pause(integration: Integration) -> float:
    """Minutes by which the schedule itself is slower than hourly. Its tenant is loaded."""
    return max(0.0, _minutes(run_every(integration) or timedelta()) - HOUR_MINUTES)


def lag_minutes(pause: float, last: datetime, now: datetime) -> float:
    """Age of the last good run, without the schedule's ``own_pause``."""
    return max(0.0, _minutes(now - last) - pause)


def last_sync_ages(scope: Scope) -> Readings:
    rows = scope.integrations(RUNNING).filter(auto_sync=True).exclude(sync_frequency=SyncFrequency.MANUAL)
    return {
        row.pk: lag_minutes(own_pause(row), row.last_success_at or row.created_at, scope.now)
        for row in rows.select_related("tenant")
    }


def window_overruns(scope: Scope) -> Readings:
    cut_short = SyncJob.objects.filter(
        tenant=scope.tenant,
        kind=JobKind.SCHEDULED,
        status=JobStatus.PARTIAL,
        status_reason__startswith=WINDOW_CLOSED,
        finished_at__gt=scope.now - timedelta(days=1),
    )
    counted = cut_short.order_by().values_list("integration_id").annotate(count=Count("pk"))
    return {pk: float(count) for pk, count in counted}


def silent_webhooks(scope: Scope) -> Readings:
    """How long they have been silent; ``sync.services.webhooks.silences_watch`` says what silence is."""
    rows = scope.integrations(RUNNING).filter(webhook_silent_since__isnull=False)
    return {
        row.pk: _minutes(scope.now - row.webhook_silent_since)
        for row in rows
        if row.webhook_silent_since and is_silent(row)
    }


# -- what waits --------------------------------------------------------------------------------------------


def conflict_tallies(scope: Scope) -> Mapping[UUID, Tally]:
    """The review desk's counter; nothing where that room is not installed."""
    counter = next((each for each in COUNTERS if each.key == CONFLICTS), None)
    return counter.counts(scope.tenant, scope.now) if counter else {}


def pending_conflicts(scope: Scope) -> Readings:
    return {pk: float(tally.open) for pk, tally in conflict_tallies(scope).items()}


def conflict_ages(scope: Scope) -> Readings:
    return {
        pk: _minutes(scope.now - tally.oldest_at) / 60
        for pk, tally in conflict_tallies(scope).items()
        if tally.oldest_at is not None
    }


def dead_letters(scope: Scope) -> Readings:
    pairs = PairMapping.objects.live().filter(integration=OuterRef("pk"), is_dead=True)
    jobs = SyncJob.objects.filter(integration=OuterRef("pk"), status=JobStatus.DEAD)
    rows = Integration.objects.for_tenant(scope.tenant).exclude(status=IntegrationStatus.DISABLED).order_by()
    return {
        pk: float(in_pairs + in_jobs)
        for pk, in_pairs, in_jobs in rows.values_list("pk", _count(pairs), _count(jobs))
    }


def _count(rows: QuerySet[Any]) -> Coalesce:
    """How many of an integration's rows, as a column."""
    counted = rows.order_by().values("integration").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def credential_days(scope: Scope) -> Readings:
    rows = Credential.objects.filter(
        integration__tenant=scope.tenant,
        integration__deleted_at__isnull=True,
        integration__status__in=[*WATCHED, IntegrationStatus.PAUSED],
        expires_at__isnull=False,
        expires_at__gt=F("updated_at") + PERSONS_CREDENTIAL,
    )
    return {
        row.integration_id: _minutes(row.expires_at - scope.now) / DAY_MINUTES
        for row in rows
        if row.expires_at is not None and not row.secrets.get("refresh_token")
    }


# -- the hub itself ----------------------------------------------------------------------------------------


def worker_silence(scope: Scope) -> Readings:
    beat = pulse(scope.now)
    if beat.word == "Unknown":
        raise CannotMeasure("The cache cannot be reached, so nobody knows whether workers answer.")
    silence = _minutes(scope.now - beat.seen_at) if beat.seen_at else NO_PULSE_MINUTES
    return {None: max(0.0, silence)}


def beat_silence(scope: Scope) -> Readings:
    last = PeriodicTask.objects.filter(enabled=True).aggregate(last=Max("last_run_at"))["last"]
    return {None: max(0.0, _minutes(scope.now - last)) if last else NO_PULSE_MINUTES}


MEASURES: Mapping[Metric, Callable[[Scope], Readings]] = {
    Metric.ERROR_RATE: error_rates,
    Metric.CONSECUTIVE_FAILURES: consecutive_failures,
    Metric.LAST_SYNC_AGE: last_sync_ages,
    Metric.PENDING_CONFLICTS: pending_conflicts,
    Metric.PENDING_CONFLICT_AGE: conflict_ages,
    Metric.DEAD_LETTERS: dead_letters,
    Metric.WINDOW_OVERRUN: window_overruns,
    Metric.CREDENTIAL_EXPIRING: credential_days,
    Metric.WEBHOOK_SILENT: silent_webhooks,
    Metric.WORKER_DOWN: worker_silence,
    Metric.BEAT_DOWN: beat_silence,
}
