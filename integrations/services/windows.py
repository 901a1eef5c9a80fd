"""When a schedule and the sync windows let a run begin: a start outside them is skipped, so some never come to one (B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any

from celery.schedules import crontab

from integrations.models import Integration, SyncFrequency
from integrations.services.schedules import CRONTABS

Windows = Sequence[Mapping[str, Any]]

#: settings that decide together when a run begins
TIMING = ("auto_sync", "sync_frequency", "sync_interval_seconds", "crontab", "sync_windows")
#: a crontab that names 29 February comes round within this
HORIZON_DAYS = 8 * 366
MINUTES_A_WEEK = 7 * 24 * 60
#: any Monday: windows repeat weekly
MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001


def is_open(windows: Windows, local: datetime) -> bool:
    """True if one of the windows is open at this local time; without windows it always is."""
    if not windows:
        return True
    clock, weekday = local.time(), local.weekday()
    for window in windows:
        start, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
        days = window.get("days") or range(7)
        if start <= end and weekday in days and start <= clock < end:
            return True
        if start > end:  # over midnight: the day is the one on which it opened
            if clock >= start and weekday in days:
                return True
            if clock < end and (weekday - 1) % 7 in days:
                return True
    return False


def timing_problem(values: Mapping[str, Any]) -> str | None:
    """Why these settings (``TIMING``) would never, or not surely, begin a run; None if they do."""
    windows = values["sync_windows"]
    if not windows or not values["auto_sync"] or values["sync_frequency"] == SyncFrequency.MANUAL:
        return None
    text = _crontab_of(values)
    if not text:
        return _interval_problem(int(values["sync_interval_seconds"]), windows)
    if _next_start(text, windows, MONDAY) is not None:
        return None
    opens = min(windows, key=lambda window: str(window["from"]))["from"]
    hour, minute = (int(part) for part in opens.split(":"))
    return (
        f"The schedule ({_words(values['sync_frequency'], text)}) never falls into a window, so nothing would ever run. Widen "
        f"the windows, or choose a custom schedule within them, for example the crontab “{minute} {hour} * * *”."
    )


def next_run(integration: Integration, now: datetime) -> datetime | None:
    """When its schedule next begins a run within its windows; None where that hangs on an interval, or never comes."""
    values = {name: getattr(integration, name) for name in TIMING}
    text = _crontab_of(values)
    if not text or not integration.auto_sync:
        return None
    zone = integration.tenant.zone
    local = now.astimezone(zone).replace(tzinfo=None)
    found = _next_start(text, integration.sync_windows, local)
    return found.replace(tzinfo=zone) if found else None


def _crontab_of(values: Mapping[str, Any]) -> str:
    """The schedule's crontab; "" where it goes by an interval, or by hand."""
    frequency = SyncFrequency(values["sync_frequency"])
    custom = values["crontab"].strip() if frequency is SyncFrequency.CUSTOM else ""
    return CRONTABS.get(frequency, custom)


def _next_start(text: str, windows: Windows, after: datetime) -> datetime | None:
    """The first local minute after ``after`` that the crontab names and a window includes."""
    minute, hour, day, month, weekday = text.split()
    plan: Any = crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
    clocks = [time(hour, minute) for hour in sorted(plan.hour) for minute in sorted(plan.minute)]
    by_weekday = {
        each: [
            clock
            for clock in clocks
            if is_open(windows, datetime.combine(MONDAY + timedelta(days=each), clock))
        ]
        for each in range(7)
    }
    for ahead in range(HORIZON_DAYS):
        date = (after + timedelta(days=ahead)).date()
        is_named = date.isoweekday() % 7 in plan.day_of_week
        if not is_named or date.day not in plan.day_of_month or date.month not in plan.month_of_year:
            continue
        for clock in by_weekday[date.weekday()]:
            if (found := datetime.combine(date, clock)) > after:
                return found
    return None


def _interval_problem(seconds: int, windows: Windows) -> str | None:
    """An interval has no time of day of its own: one that is longer than the longest window may pass it by for ever."""
    longest = _longest_minutes(windows)
    if seconds <= longest * 60:
        return None
    return (
        f"An interval of {seconds} seconds can pass by every window: the longest is open for {longest} minutes. Choose a shorter "
        "interval, or a custom crontab within a window."
    )


def _longest_minutes(windows: Windows) -> int:
    week = [is_open(windows, MONDAY + timedelta(minutes=minute)) for minute in range(MINUTES_A_WEEK)]
    runs = [
        len(list(run)) for opened, run in groupby([*week, *week]) if opened
    ]  # twice: one may go on over Sunday night
    return min(max(runs, default=0), MINUTES_A_WEEK)


def _words(frequency: str, text: str) -> str:
    return {SyncFrequency.DAILY: "daily at 02:00", SyncFrequency.WEEKLY: "Mondays at 02:00"}.get(
        SyncFrequency(frequency), f"crontab “{text}”"
    )
