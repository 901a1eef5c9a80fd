"""A time entry as the hub reads and writes it. Harvest keeps a day and hours; where an account has timestamp timers,
also times of the day in the user's zone, as texts such as “8:00am”."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path
from connectors.base.spans import Span
from connectors.base.times import format_instant, parse_instant

TIMES = frozenset({"spent_date", "hours", "started_at", "ended_at"})
WRITABLE = {"project.id": "project_id", "task.id": "task_id", "notes": "notes", "user.id": "user_id"}
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2})\s*([ap]m)?\s*", re.IGNORECASE)


def parse_clock(text: Any) -> time | None:
    """A time of the day, with am and pm or of 24 hours; None if it is none."""
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    hour, minute, half = int(found.group(1)), int(found.group(2)), (found.group(3) or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def format_clock(at: time, *, is_24h: bool) -> str:
    if is_24h:
        return f"{at.hour}:{at.minute:02d}"
    return f"{at.hour % 12 or 12}:{at.minute:02d}{'pm' if at.hour >= 12 else 'am'}"


def normalised(row: Mapping[str, Any], zone: ZoneInfo | None) -> dict[str, Any]:
    """Adds ``started_at`` and ``ended_at`` in UTC where they are known. What a running timer has counted so far grows by
    itself and is left out: ``hours`` are then those from before."""
    data = dict(row)
    is_running = bool(row.get("is_running"))
    if is_running and "hours_without_timer" in row:
        data["hours"] = row["hours_without_timer"]
    started = _moment(row, "started_time", zone)
    if started is None and is_running:
        started = parse_instant(row.get("timer_started_at"))
    ended = None if is_running else _moment(row, "ended_time", zone)
    for name, moment in (("started_at", started), ("ended_at", ended)):
        data[name] = format_instant(moment) if moment else None
    data.pop("rounded_hours", None)  # follows the account's settings
    return data


def _moment(row: Mapping[str, Any], name: str, zone: ZoneInfo | None) -> datetime | None:
    at = parse_clock(row.get(name))
    try:
        day = date.fromisoformat(str(row.get("spent_date")))
    except ValueError:
        return None
    if at is None or zone is None:
        return None
    return datetime.combine(day, at, zone).astimezone(UTC)


def span_of(data: Mapping[str, Any]) -> Span:
    start, stop = parse_instant(data.get("started_at")), parse_instant(data.get("ended_at"))
    hours = data.get("hours")
    if data.get("is_running") or not isinstance(hours, int | float) or isinstance(hours, bool):
        return Span(start)
    return Span(start, stop, round(hours * 3600))


def times(
    fields: Mapping[str, Any],
    was: Mapping[str, Any] | None,
    *,
    zone: ZoneInfo | None,
    has_clock: bool,
    is_24h: bool,
) -> dict[str, Any]:
    """The members of a write that say when and how long. Raises ``RecordProblem`` for what the account cannot hold."""
    changes: dict[str, Any] = {
        ours: fields[theirs]
        for ours, theirs in (("start", "started_at"), ("stop", "ended_at"))
        if theirs in fields
    }
    if fields.get("hours") is not None:
        changes["seconds"] = _hours(fields["hours"]) * 3600
    elif "hours" in fields:
        changes["seconds"] = None
    span = (span_of(was) if was else Span()).changed(changes)
    spent = fields.get("spent_date") or None
    local = span.start.astimezone(zone or UTC) if span.start else None
    if local is not None and (was is None or "started_at" in fields) and spent is None:
        spent = str(local.date())
    if has_clock:
        return _clock_times(span, local, spent, zone, is_24h)
    kept = next((path for path in ("started_at", "ended_at") if was is not None and fields.get(path)), None)
    if kept is not None:
        raise RecordProblem(
            "This Harvest account tracks durations and keeps no times of the day.", field=kept
        )
    said: dict[str, Any] = {"spent_date": spent} if spent else {}
    if span.seconds is not None and not changes.keys().isdisjoint({"start", "stop", "seconds"}):
        said["hours"] = (
            round(fields["hours"], 2) if fields.get("hours") is not None else round(span.seconds / 3600, 2)
        )
    if was is None and "spent_date" not in said:
        raise RecordProblem("A time entry in Harvest needs its day.", field="spent_date")
    return said


def _clock_times(
    span: Span, local: datetime | None, spent: str | None, zone: ZoneInfo | None, is_24h: bool
) -> dict[str, Any]:
    if local is None or zone is None:
        raise RecordProblem(
            "This Harvest account tracks by start and end: the entry needs its start.", field="started_at"
        )
    said: dict[str, Any] = {
        "spent_date": spent or str(local.date()),
        "started_time": format_clock(local.time(), is_24h=is_24h),
    }
    stop = span.stop
    if stop is None and span.seconds is not None and span.start is not None:
        stop = span.start + timedelta(seconds=span.seconds)
    if stop is not None:
        ends = stop.astimezone(zone)
        if ends.date() != local.date():
            raise RecordProblem("An entry in Harvest cannot pass midnight: split it.", field="ended_at")
        said["ended_time"] = format_clock(ends.time(), is_24h=is_24h)
    return said


def _hours(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10_000:
        raise RecordProblem("The hours are no number.", field="hours")
    return float(value)


def others(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a write that say what was done, for what, by whom."""
    said: dict[str, Any] = {}
    for path, value in fields.items():
        if path in TIMES:
            continue
        if path not in WRITABLE:
            why = (
                "billable follows from the project's task"
                if path == "billable"
                else f"{path} cannot be written"
            )
            raise RecordProblem(f"Harvest: {why}.", field=path)
        said[WRITABLE[path]] = str(value or "") if path == "notes" else value
    return said


def owner_of(data: Mapping[str, Any]) -> str:
    return str(read_path(data, "user.id", "") or "")
