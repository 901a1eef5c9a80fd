"""The numbers of the dashboard and the integration page, each counted by the same conditions as its list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.utils.dateparse import parse_datetime
from django_celery_beat.models import PeriodicTask

from connectors import registry
from integrations.badges import Word, word_of
from integrations.health import Health
from integrations.models import (
    BreakerState,
    Integration,
    IntegrationStatus,
    JobStatus,
    LogStatus,
    MappingState,
    SyncJob,
    SyncLog,
)
from integrations.models import Mapping as PairMapping
from integrations.panels import COUNTERS
from integrations.registrations import silence_sentence
from integrations.selectors import OF_SYNC, health_counts, health_from
from integrations.services.schedules import schedule_name
from integrations.services.windows import next_run
from workspace.models import Tenant

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)

#: a log row with one of these is one sync that ended well or badly; the rest are notes
GOOD_LOGS = (LogStatus.SUCCESS, LogStatus.CONFLICT_RESOLVED)
BAD_LOGS = (LogStatus.FAILED, LogStatus.PARTIAL)
BAD_JOBS = (JobStatus.FAILED, JobStatus.PARTIAL, JobStatus.DEAD)

#: a pair in one of these goes no further until somebody decides
FOR_SOMEBODY = (MappingState.IN_DOUBT, MappingState.HELD, MappingState.QUARANTINED)

HEARTBEAT_KEY = "lockstep:beat"  # written by the dispatcher's tick, each second, in a worker
HEARTBEAT_LATE = timedelta(seconds=15)
HEARTBEAT_DEAD = timedelta(seconds=60)


@dataclass
class Numbers:
    """What is counted of one integration."""

    good: int = 0
    bad: int = 0
    good_hour: int = 0
    bad_hour: int = 0
    running: int = 0
    waiting: int = 0
    failed_runs: int = 0
    dead_jobs: int = 0
    dead_pairs: int = 0
    pairs: int = 0
    waiting_pairs: int = 0  # for somebody to decide, see ``FOR_SOMEBODY``
    open: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    health_counts: dict[str, Any] = field(default_factory=dict)

    @property
    def dead(self) -> int:
        return self.dead_jobs + self.dead_pairs

    @property
    def success(self) -> float | None:
        return rate(self.good, self.bad)


@dataclass(frozen=True)
class Card:
    """One integration as the dashboard shows it."""

    integration: Integration
    word: Word
    numbers: Numbers
    health: Health | None  # None: too little was done for a score
    cause: str
    next_sync: datetime | None
    system: str

    @property
    def needs_attention(self) -> bool:
        return self.word.tone in ("warn", "bad") or self.numbers.dead + self.numbers.waiting_pairs > 0

    @property
    def initials(self) -> str:
        parts = self.system.split() or ["?"]
        return (parts[0][0] + (parts[1][0] if len(parts) > 1 else parts[0][1:2])).capitalize()


@dataclass(frozen=True)
class Pulse:
    """Whether a worker answers beat's tick. ``tone`` is good, warn or bad."""

    word: str
    tone: str
    seen_at: datetime | None


def rate(good: int, bad: int) -> float | None:
    """Share of syncs that ended well, in percent; None without any."""
    return None if good + bad == 0 else 100 * good / (good + bad)


def pulse(now: datetime) -> Pulse:
    """The workers' pulse, from the cache; no query."""
    try:
        text = cache.get(HEARTBEAT_KEY)
    except Exception:  # the cache is away: then nothing runs either
        return Pulse("Unknown", "bad", None)
    seen = parse_datetime(text) if isinstance(text, str) else None
    if seen is None:
        return Pulse("Not running", "bad", None)
    silence = now - seen
    if silence > HEARTBEAT_DEAD:
        return Pulse("Not running", "bad", seen)
    return Pulse("Late", "warn", seen) if silence > HEARTBEAT_LATE else Pulse("Alive", "good", seen)


def numbers_of(tenant: Tenant, now: datetime) -> dict[UUID, Numbers]:
    """Counts per integration of a tenant: three queries and one per registered counter."""
    found: dict[UUID, Numbers] = {}
    wanted = health_counts(now)
    for row in _log_counts(SyncLog.objects.filter(tenant=tenant), now):
        numbers = found.setdefault(row["integration_id"], Numbers())
        numbers.good, numbers.bad = row["ended_well"], row["ended_badly"]
        numbers.good_hour, numbers.bad_hour = row["good_hour"], row["bad_hour"]
        numbers.health_counts = {name: row[name] for name in wanted}
    for row in _job_counts(SyncJob.objects.filter(tenant=tenant), now):
        numbers = found.setdefault(row["integration_id"], Numbers())
        for name in ("running", "waiting", "failed_runs", "dead_jobs"):
            setattr(numbers, name, row[name])
    pairs = (
        PairMapping.objects.live()
        .filter(tenant=tenant)
        .order_by()
        .values("integration_id")
        .annotate(
            pairs=Count("pk"),
            dead=Count("pk", filter=Q(is_dead=True)),
            waiting=Count("pk", filter=Q(is_dead=False, state__in=FOR_SOMEBODY)),
        )
        .values_list("integration_id", "pairs", "dead", "waiting")
    )
    for integration_id, count, dead, waiting in pairs:
        numbers = found.setdefault(integration_id, Numbers())
        numbers.pairs, numbers.dead_pairs, numbers.waiting_pairs = count, dead, waiting
    for counter in COUNTERS:
        for integration_id, tally in counter.counts(tenant, now).items():
            numbers = found.setdefault(integration_id, Numbers())
            numbers.open[counter.key], numbers.settled[counter.key] = tally.open, tally.settled
    return found


def _log_counts(rows: QuerySet[SyncLog], now: datetime) -> Iterable[Any]:
    last_hour = Q(created_at__gt=now - HOUR, operation__in=OF_SYNC)
    return (
        rows.filter(created_at__gt=now - DAY)
        .order_by()
        .values("integration_id")
        .annotate(
            good_hour=Count("pk", filter=last_hour & Q(status__in=GOOD_LOGS)),
            bad_hour=Count("pk", filter=last_hour & Q(status__in=BAD_LOGS)),
            **health_counts(now),
        )
    )


def failed_runs(now: datetime) -> Q:
    """Runs that ended badly in the last day; the jobs page lists them by the same words."""
    return Q(status__in=BAD_JOBS, finished_at__gt=now - DAY)


def _job_counts(rows: QuerySet[SyncJob], now: datetime) -> Iterable[Any]:
    is_open = Q(status__in=[JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.RETRY_WAITING])
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    return (
        rows.filter(is_open | Q(finished_at__gt=now - DAY) | Q(status=JobStatus.DEAD))
        .order_by()
        .values("integration_id")
        .annotate(
            running=Count("pk", filter=Q(status=JobStatus.RUNNING)),
            waiting=Count("pk", filter=Q(status__in=[JobStatus.QUEUED, JobStatus.RETRY_WAITING])),
            failed_runs=Count("pk", filter=failed_runs(now)),
            dead_jobs=Count("pk", filter=Q(status=JobStatus.DEAD)),
            took=Avg(took, filter=Q(finished_at__gt=now - DAY, started_at__isnull=False)),
        )
    )


def next_syncs(integrations: Iterable[Integration], now: datetime) -> dict[UUID, datetime]:
    """When beat starts each one next, within its windows; one query. Paused and manual ones have no next time."""
    rows = list(integrations)
    names = {schedule_name(row): row.pk for row in rows}
    entries = PeriodicTask.objects.filter(name__in=names, enabled=True).select_related("interval", "crontab")
    found = {}
    for entry in entries:
        last = entry.last_run_at or entry.date_changed
        remaining = entry.schedule.remaining_estimate(last)
        found[names[entry.name]] = now + max(remaining, timedelta(0))
    for row in rows:
        if row.pk in found and row.sync_windows and (at := next_run(row, now)):
            found[row.pk] = at
    return found


def cards(tenant: Tenant, numbers: Mapping[UUID, Numbers], now: datetime) -> list[Card]:
    """Every integration of the tenant with its numbers (``numbers_of``), by name."""
    rows = list(Integration.objects.for_tenant(tenant).select_related("tenant").order_by("name"))
    upcoming = next_syncs(rows, now)
    return [_card(row, numbers.get(row.pk, Numbers()), upcoming.get(row.pk), now) for row in rows]


def _card(row: Integration, numbers: Numbers, next_sync: datetime | None, now: datetime) -> Card:
    health = health_from(row, numbers.health_counts, now=now)
    return Card(
        integration=row,
        word=word_of(row, health),
        numbers=numbers,
        health=health,
        cause=cause(row, numbers, health),
        next_sync=next_sync,
        system=system_name(row.connector),
    )


def cause(row: Integration, numbers: Numbers, health: Health | None) -> str:
    """Why an integration is not simply healthy, in one sentence; "" if it is."""
    if row.status == IntegrationStatus.DRAFT:
        return "The setup is not finished: nothing is synced yet."
    if (
        row.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)
        and row.breaker_state != BreakerState.CLOSED
    ):
        failures = f"{row.breaker_failures} failures in a row. " if row.breaker_failures else ""
        return f"Requests are held back: {failures}{row.last_error}".strip()
    if row.status in (IntegrationStatus.ERROR, IntegrationStatus.DEGRADED):
        return row.status_reason or row.last_error or "No reason was recorded."
    if row.status in (IntegrationStatus.PAUSED, IntegrationStatus.DISABLED):
        return row.status_reason
    if health is not None and health.is_low:
        return health.reason
    if silence := silence_sentence(row):
        return silence
    if numbers.dead:
        what = "dead letter waits" if numbers.dead == 1 else "dead letters wait"
        return f"{numbers.dead} {what} for a decision."
    if numbers.waiting_pairs:
        what = "record waits" if numbers.waiting_pairs == 1 else "records wait"
        return f"{numbers.waiting_pairs} {what} for somebody: held back, in doubt, or with a value that does not fit."
    return ""


def system_name(slug: str) -> str:
    """What the system calls itself; the slug if its connector is not installed (any more)."""
    try:
        return registry.get(slug).name
    except KeyError:
        return slug


def totals(found: Mapping[UUID, Numbers]) -> Numbers:
    """All integrations together."""
    whole = Numbers()
    for numbers in found.values():
        for name in (
            "good", "bad", "good_hour", "bad_hour", "running", "waiting", "failed_runs", "dead_jobs", "dead_pairs",
            "waiting_pairs", "pairs",
        ):  # fmt: skip
            setattr(whole, name, getattr(whole, name) + getattr(numbers, name))
        for key, count in numbers.open.items():
            whole.open[key] = whole.open.get(key, 0) + count
        for key, count in numbers.settled.items():
            whole.settled[key] = whole.settled.get(key, 0) + count
    return whole
