"""Beat entries: exactly one per integration, kept right on every change (B5), and the standing ones (H2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from celery.schedules import ParseException, crontab
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.tzcrontab import TzAwareCrontab

from integrations.models import Integration, IntegrationStatus, SyncFrequency
from workspace.models import Tenant

TASK = "sync.start_scheduled"

CRONTABS = {
    SyncFrequency.EVERY_15MIN: "*/15 * * * *",
    SyncFrequency.HOURLY: "0 * * * *",
    SyncFrequency.DAILY: "0 2 * * *",
    SyncFrequency.WEEKLY: "0 2 * * 1",
}
EVERY = {
    SyncFrequency.EVERY_15MIN: timedelta(minutes=15),
    SyncFrequency.HOURLY: timedelta(hours=1),
    SyncFrequency.DAILY: timedelta(days=1),
    SyncFrequency.WEEKLY: timedelta(weeks=1),
}
#: a run that is due more often may well take as long
SHORTEST = timedelta(minutes=5)


@dataclass(frozen=True)
class Standing:
    """A maintenance entry; people may edit it in the admin, so it is only made where it is missing."""

    name: str
    task: str
    crontab: str = ""
    every_seconds: int = 0
    description: str = ""


STANDING = (
    Standing(
        "Hand out due work", "sync.dispatch", every_seconds=1, description="Retries, marks and lost wake-ups."
    ),
    Standing(
        "Retry sweep", "sync.retry_sweep", "*/15 * * * *", description="The net beneath the dispatcher."
    ),
    Standing("Health check", "sync.health_check", "*/5 * * * *"),
    Standing(
        "Webhook registration",
        "sync.ensure_webhooks",
        every_seconds=5,
        description="Registers webhooks that are missing or carry an old address.",
    ),
    Standing(
        "Log clean-up",
        "sync.clean_logs",
        "0 3 * * 0",
        description="Logs, deliveries and events past their time.",
    ),
    Standing(
        "Drift sweep", "sync.drift_sweep", "30 3 * * *", description="Looks for differences nobody made."
    ),
)


def schedule_name(integration: Integration) -> str:
    return f"integration:{integration.id}"


def is_scheduled(integration: Integration) -> bool:
    """Whether beat starts runs of this integration in its present state."""
    return (
        integration.deleted_at is None
        and integration.auto_sync
        and integration.sync_frequency != SyncFrequency.MANUAL
        and integration.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)
    )


def poll_seconds(integration: Integration) -> int:
    """Between two polls of an interval schedule. While its webhooks are silent the fallback polls, unless that is
    the slower of the two (G4)."""
    if integration.batch_fallback and is_silent(integration):
        return min(integration.sync_interval_seconds, integration.batch_fallback_seconds)
    return integration.sync_interval_seconds


def is_silent(integration: Integration) -> bool:
    """Whether webhooks are missing that ought to come; what only polls misses none."""
    is_real_time = integration.sync_frequency == SyncFrequency.REALTIME
    return is_real_time and integration.webhook_silent_since is not None


def run_every(integration: Integration) -> timedelta | None:
    """The longest that lies between two planned runs, as its tenant's clock stands; None if none is planned."""
    if not integration.auto_sync or integration.sync_frequency == SyncFrequency.MANUAL:
        return None
    frequency = SyncFrequency(integration.sync_frequency)
    if frequency in EVERY:
        every = EVERY[frequency]
    elif frequency is SyncFrequency.CUSTOM and integration.crontab:
        every = _crontab_span(integration)
    else:
        every = timedelta(seconds=poll_seconds(integration))
    if integration.sync_windows:  # closed for the rest of the day, or on other days
        is_daily = any(len(window.get("days") or range(7)) == 7 for window in integration.sync_windows)
        every = max(every, timedelta(days=1) if is_daily else timedelta(weeks=1))
    return max(every, SHORTEST)


def _crontab_span(integration: Integration) -> timedelta:
    """Between the last run that succeeded and the next, or between that and the one after it, if it is longer."""
    zone = integration.tenant.zone
    minute, hour, day, month, weekday = integration.crontab.split()
    schedule = TzAwareCrontab(minute, hour, weekday, day, month, tz=zone)

    def until_next(after: datetime) -> timedelta:
        schedule.nowfun = lambda: after
        found: timedelta = schedule.remaining_estimate(after)
        return found

    last = (integration.last_success_at or integration.created_at).astimezone(zone)
    first = until_next(last)
    return max(first, until_next(last + first))


def schedule_apply(integration: Integration) -> PeriodicTask | None:
    """Make the beat entry say what the integration's settings say; None if there is none to be.

    Paused and failed ones keep a disabled entry, so that their schedule is still to be seen.
    """
    name = schedule_name(integration)
    if integration.deleted_at is not None or integration.sync_frequency == SyncFrequency.MANUAL:
        PeriodicTask.objects.filter(name=name).delete()
        return None
    entry = PeriodicTask.objects.filter(name=name).first() or PeriodicTask(name=name)
    wanted = {
        **_timing(integration),
        "task": TASK,
        "kwargs": json.dumps({"integration_id": str(integration.id)}),
        "enabled": is_scheduled(integration),
        "description": f"{integration.name} ({integration.get_sync_frequency_display()})"[:200],
        "expire_seconds": 600,  # after a longer outage one start is enough
    }
    if entry.pk is None or any(getattr(entry, field) != value for field, value in wanted.items()):
        for field, value in wanted.items():
            setattr(entry, field, value)
        entry.save()
    return entry


def schedules_apply(tenant: Tenant) -> None:
    """All of a tenant's entries anew: its time zone has changed."""
    for integration in Integration.objects.for_tenant(tenant):
        integration.tenant = tenant
        schedule_apply(integration)


def schedule_remove(integration: Integration) -> None:
    PeriodicTask.objects.filter(name=schedule_name(integration)).delete()


def maintenance_schedules_ensure() -> None:
    """Create the standing entries that are missing; those that exist are left as people set them."""
    existing = set(
        PeriodicTask.objects.filter(name__in=[row.name for row in STANDING]).values_list("name", flat=True)
    )
    for row in STANDING:
        if row.name in existing:
            continue
        timing: dict[str, Any] = (
            {"crontab": _crontab_row(row.crontab, ZoneInfo("UTC"))}
            if row.crontab
            else {"interval": _interval_row(row.every_seconds)}
        )
        PeriodicTask.objects.create(
            name=row.name,
            task=row.task,
            description=row.description,
            expire_seconds=max(5, row.every_seconds * 5) if row.every_seconds else 3600,
            **timing,
        )


def crontab_problem(text: str) -> str | None:
    """Why this is no crontab of five fields; None if it is one."""
    parts = text.split()
    if len(parts) != 5:
        return "Write five fields: minute, hour, day of month, month, day of week, for example “0 6 * * 1-5”."
    minute, hour, day, month, weekday = parts
    try:
        crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
    except (ParseException, ValueError, KeyError) as error:
        return f"This is no crontab: {error}. For example “0 6 * * 1-5” for 6:00 on working days."
    return None


def _timing(integration: Integration) -> dict[str, Any]:
    frequency = SyncFrequency(integration.sync_frequency)
    text = CRONTABS.get(frequency) or (integration.crontab if frequency is SyncFrequency.CUSTOM else "")
    if text:
        return {"crontab": _crontab_row(text, integration.tenant.zone), "interval": None}
    return {"crontab": None, "interval": _interval_row(poll_seconds(integration))}


def _crontab_row(text: str, zone: ZoneInfo) -> CrontabSchedule:
    """Times of day are the tenant's: 02:00 is its night."""
    minute, hour, day, month, weekday = text.split()
    values = {
        "minute": minute,
        "hour": hour,
        "day_of_month": day,
        "month_of_year": month,
        "day_of_week": weekday,
        "timezone": zone,
    }
    return CrontabSchedule.objects.filter(**values).first() or CrontabSchedule.objects.create(**values)


def _interval_row(seconds: int) -> IntervalSchedule:
    values = {"every": seconds, "period": IntervalSchedule.SECONDS}
    return IntervalSchedule.objects.filter(**values).first() or IntervalSchedule.objects.create(**values)
