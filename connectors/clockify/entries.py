"""A time entry as the hub reads and writes it. An update replaces the whole entry: what is not said is emptied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path
from connectors.base.spans import Span, parse_duration
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import ExternalRecord

TIMES = frozenset({"start", "end", "seconds"})
WRITABLE = TIMES | {"description", "billable", "projectId", "taskId", "tags", "userId"}
NOT_WORK = frozenset({"HOLIDAY", "TIME_OFF"})


def normalised(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Times side by side, the length in seconds, tags by name."""
    span = span_of_interval(row)
    return {
        **row,
        "start": format_instant(span.start) if span.start else None,
        "end": format_instant(span.stop) if span.stop else None,
        "seconds": span.seconds,
        "running": span.is_running,
        "spent_on": str(span.start.date()) if span.start else None,
        "tags": sorted(names[id] for id in row.get("tagIds") or () if id in names),
    }


def span_of_interval(row: Mapping[str, Any]) -> Span:
    start, stop = (parse_instant(read_path(row, f"timeInterval.{name}", None)) for name in ("start", "end"))
    if start is None or stop is None:
        return Span(
            start, None, None if start else parse_duration(read_path(row, "timeInterval.duration", None))
        )
    return Span(start, stop, round((stop - start).total_seconds()))


def starts_from(data: Mapping[str, Any], first: date) -> bool:
    start = parse_instant(data.get("start"))
    return start is not None and start.astimezone(UTC).date() >= first


def body(
    fields: Mapping[str, Any], current: ExternalRecord | None, tag_ids: list[str] | None
) -> dict[str, Any]:
    """The whole entry as it is to be: what it was, with the changes over it."""
    for path in fields:
        if path not in WRITABLE:
            raise RecordProblem(f"Clockify does not let {path} be written.", field=path)
    was: Mapping[str, Any] = current.data if current else {}
    span = span_of_interval(was) if current else Span()
    named = {"start": "start", "stop": "end", "seconds": "seconds"}
    span = span.changed({ours: fields[theirs] for ours, theirs in named.items() if theirs in fields})
    if span.start is None:
        raise RecordProblem("A time entry in Clockify needs its start.", field="start")
    said: dict[str, Any] = {
        "start": format_instant(span.start),
        "end": format_instant(span.stop) if span.stop else None,
        "description": fields.get("description", was.get("description")) or "",
        "billable": bool(fields.get("billable", was.get("billable"))),
        "projectId": fields.get("projectId", was.get("projectId")),
        "taskId": fields.get("taskId", was.get("taskId")),
        "tagIds": tag_ids if tag_ids is not None else list(was.get("tagIds") or ()),
        "type": was.get("type") if was.get("type") == "BREAK" else "REGULAR",
        "customFields": [
            {"customFieldId": one["customFieldId"], "value": one.get("value")}
            for one in was.get("customFieldValues") or ()
            if isinstance(one, dict) and one.get("customFieldId")
        ],
    }
    if "projectId" in fields and "taskId" not in fields and fields["projectId"] != was.get("projectId"):
        said["taskId"] = None  # a task belongs to its project
    return {name: value for name, value in said.items() if value is not None}
