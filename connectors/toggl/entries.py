"""A time entry as the hub reads and writes it: a running one has neither stop nor duration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date
from typing import Any

from connectors.base.errors import ContractBroken, RecordProblem
from connectors.base.spans import Span
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import ExternalRecord

CREATED_WITH = "Lockstep"
TIMES = frozenset({"start", "stop", "duration"})
WRITABLE = TIMES | {"description", "project_id", "task_id", "billable", "tags", "user_id"}
LEGACY = frozenset({"wid", "pid", "tid", "uid", "duronly"})


def normalised(row: Mapping[str, Any]) -> dict[str, Any]:
    """A running entry's duration is negative and grows nowhere: null here. Times in UTC, whatever zone they came in."""
    data = {name: value for name, value in row.items() if name not in LEGACY}
    span = span_of(row)
    data["start"], data["stop"] = (format_instant(at) if at else None for at in (span.start, span.stop))
    data["duration"] = span.seconds
    data["running"] = span.is_running
    data["spent_on"] = str(span.start.date()) if span.start else None
    data["tags"] = sorted(str(tag) for tag in row.get("tags") or ())
    return data


def span_of(row: Mapping[str, Any]) -> Span:
    start, stop, seconds = (
        parse_instant(row.get("start")),
        parse_instant(row.get("stop")),
        row.get("duration"),
    )
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
        return Span(
            start, stop, None if stop is None or start is None else round((stop - start).total_seconds())
        )
    return Span(start, stop, seconds)


def starts_within(data: Mapping[str, Any], first: date, last: date) -> bool:
    start = parse_instant(data.get("start"))
    return start is not None and first <= start.astimezone(UTC).date() < last


def body(
    fields: Mapping[str, Any], current: ExternalRecord | None, *, workspace: int, me: Any
) -> dict[str, Any]:
    """What a write says. Start, stop and duration always go together and agree."""
    for path in fields:
        if path not in WRITABLE:
            raise RecordProblem(f"Toggl does not let {path} be written.", field=path)
    said = {path: value for path, value in fields.items() if path not in TIMES}
    if not TIMES.isdisjoint(fields) or current is None:
        said |= _times(fields, span_of(current.data) if current else Span())
    if "description" in said:
        said["description"] = str(said["description"] or "")
    if "tags" in said:
        said["tags"] = list(said["tags"] or ())
    if current is None:
        said = {name: value for name, value in said.items() if value is not None or name in TIMES}
        if not said.get("billable"):
            said.pop("billable", None)  # of paid plans: naming it fails the whole request on the free one
    if "user_id" in said:
        _check_owner(said, me)
    return {"created_with": CREATED_WITH, "workspace_id": workspace, **said}


def _times(fields: Mapping[str, Any], was: Span) -> dict[str, Any]:
    named = {"start": "start", "stop": "stop", "seconds": "duration"}
    span = was.changed({ours: fields[theirs] for ours, theirs in named.items() if theirs in fields})
    if span.start is None:
        raise RecordProblem("A time entry in Toggl needs its start.", field="start")
    if span.is_running:
        return {"start": format_instant(span.start), "stop": None, "duration": -1}
    stop = span.stop
    if stop is None:  # a duration without a stop cannot be: the start is known
        raise RecordProblem("A time entry in Toggl needs its stop or its duration.", field="stop")
    return {"start": format_instant(span.start), "stop": format_instant(stop), "duration": span.seconds}


def _check_owner(said: dict[str, Any], me: Any) -> None:
    owner = said["user_id"]
    if me is not None:
        if str(owner) != str(me):
            raise RecordProblem("This token writes its owner's entries only.", field="user_id")
        del said["user_id"]


def from_report(groups: Iterable[Any], workspace: int, names: Mapping[int, str]) -> list[Mapping[str, Any]]:
    """Entries of a detailed report. Its rows group entries alike; the shared facts stand on the row."""
    found: list[Mapping[str, Any]] = []
    for group in groups:
        members = group.get("time_entries") if isinstance(group, dict) else None
        if not isinstance(members, list):
            raise ContractBroken("A row of the report holds no time entries.")
        shared = {
            name: group.get(name) for name in ("user_id", "project_id", "task_id", "billable", "description")
        }
        tag_ids = [int(id) for id in group.get("tag_ids") or ()]
        for member in members:
            if not isinstance(member, dict) or "id" not in member:
                raise ContractBroken("The report holds an entry without its id.")
            found.append(
                {
                    **shared,
                    "id": member["id"],
                    "workspace_id": workspace,
                    "start": member.get("start"),
                    "stop": member.get("stop"),
                    "duration": member.get("seconds"),
                    "at": member.get("at"),
                    "tag_ids": tag_ids,
                    "tags": [names[id] for id in tag_ids if id in names],
                }
            )
    return found
