"""What a rule would have said in the last days, replayed through the same core over what the log and the jobs tell."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import TruncMinute

from integrations.models import Integration, JobStatus, SyncJob, SyncLog
from integrations.pages.figures import BAD_LOGS, GOOD_LOGS
from integrations.services.jobs import BULK_KINDS
from monitoring.catalogue import spec_of, terms_of
from monitoring.core import is_breached, replay
from monitoring.measures import RUNNING, Scope, error_percent, failed_runs, lag_minutes, syncs
from monitoring.models import AlertRule, Metric

DAYS = 7
STEP = timedelta(minutes=5)

#: the value as of a moment
Series = Callable[[datetime], float]


def would_have_fired(rule: AlertRule, now: datetime) -> int | None:
    """How often the rule, saved or not, would have opened an alert in the last 7 days; None where nothing tells.

    At most three queries. Messages, mute windows and what people did meanwhile do not count.
    """
    if not spec_of(rule.metric).can_replay:
        return None
    scope = Scope(rule.tenant, now, rule.window_minutes)
    terms = terms_of(rule)
    count = 0
    for pk, value_at in _series(rule, scope).items():
        if rule.integration_id not in (None, pk):
            continue
        looks = [(at, value_at(at)) for at in _steps(now)]
        if any(is_breached(terms, value) for _, value in looks):
            count += len(replay(terms, looks))
    return count


def _steps(now: datetime) -> Iterator[datetime]:
    at = now - timedelta(days=DAYS)
    while at <= now:
        yield at
        at += STEP


def _series(rule: AlertRule, scope: Scope) -> Mapping[UUID, Series]:
    match Metric(rule.metric):
        case Metric.ERROR_RATE:
            return _error_rates(scope)
        case Metric.CONSECUTIVE_FAILURES:
            return _failures(scope)
        case _:
            return _lags(scope)


def _start(scope: Scope) -> datetime:
    return scope.now - timedelta(days=DAYS) - timedelta(minutes=scope.window_minutes)


def _error_rates(scope: Scope) -> Mapping[UUID, Series]:
    """Per minute as the database adds them up, then a sliding window."""
    counted = (
        syncs(SyncLog.objects.filter(tenant=scope.tenant, created_at__gt=_start(scope)))
        .order_by()
        .annotate(minute=TruncMinute("created_at"))
        .values_list("integration_id", "minute")
        .annotate(
            good=Count("pk", filter=Q(status__in=GOOD_LOGS)), bad=Count("pk", filter=Q(status__in=BAD_LOGS))
        )
        .order_by("minute")
    )
    found: dict[UUID, list[tuple[datetime, int, int]]] = {}
    for pk, minute, good, bad in counted:
        found.setdefault(pk, []).append((minute, good, bad))
    window = timedelta(minutes=scope.window_minutes)
    return {pk: _sliding(rows, window) for pk, rows in found.items()}


def _sliding(rows: Sequence[tuple[datetime, int, int]], window: timedelta) -> Series:
    times = [at for at, _, _ in rows]
    goods = [0, *accumulate(good for _, good, _ in rows)]
    bads = [0, *accumulate(bad for _, _, bad in rows)]

    def value(at: datetime) -> float:
        first, last = bisect_right(times, at - window), bisect_right(times, at)
        return error_percent(goods[last] - goods[first], bads[last] - bads[first])

    return value


def good_runs(scope: Scope) -> dict[UUID, list[datetime]]:
    """When each integration's bulk runs ended well, oldest first: what moves ``last_success_at``."""
    rows = SyncJob.objects.filter(
        tenant=scope.tenant,
        kind__in=BULK_KINDS,
        status__in=[JobStatus.SUCCEEDED, JobStatus.PARTIAL],
        finished_at__gt=_start(scope),
    ).order_by("finished_at")
    found: dict[UUID, list[datetime]] = {}
    for pk, at in rows.values_list("integration_id", "finished_at"):
        if at is not None:
            found.setdefault(pk, []).append(at)
    return found


def _failures(scope: Scope) -> Mapping[UUID, Series]:
    rows = failed_runs(SyncLog.objects.filter(tenant=scope.tenant, created_at__gt=_start(scope)))
    failed: dict[UUID, list[datetime]] = {}
    for pk, at in rows.order_by("created_at").values_list("integration_id", "created_at"):
        failed.setdefault(pk, []).append(at)
    good = good_runs(scope)
    return {pk: _in_a_row(times, good.get(pk, [])) for pk, times in failed.items()}


def _in_a_row(failed: Sequence[datetime], good: Sequence[datetime]) -> Series:
    def value(at: datetime) -> float:
        before = bisect_right(good, at)
        first = bisect_right(failed, good[before - 1]) if before else 0
        return float(bisect_right(failed, at) - first)

    return value


def _lags(scope: Scope) -> Mapping[UUID, Series]:
    """Only from each integration's first good run on: before that nothing tells."""
    good = good_runs(scope)
    rows = scope.integrations(RUNNING).filter(pk__in=good)
    return {row.pk: _since_last(row, good[row.pk]) for row in rows}


def _since_last(integration: Integration, good: Sequence[datetime]) -> Series:
    def value(at: datetime) -> float:
        before = bisect_right(good, at)
        return lag_minutes(integration, good[before - 1], at) if before else 0.0

    return value
