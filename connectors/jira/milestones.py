"""Versions and sprints as milestones: one resource, because a milestone here is one or the other by its kind.

Ids are ``version/10201`` and ``sprint/42``. Days and states are the same words for both. All of it is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base.errors import RecordGone, RecordProblem
from connectors.base.paths import read_path
from connectors.base.times import format_instant, parse_instant

KINDS = ("version", "sprint")
_SPRINT_STATES = {"future": "planned", "active": "open", "closed": "closed"}
_ORDER = ("planned", "open", "closed")
_STARTS, _ENDS = time(9), time(17)
MAX_NAME = {"version": 255, "sprint": 30}


def split_id(external_id: str) -> tuple[str, str]:
    """Kind and Jira's own id. Raises ``RecordGone`` for what is no id of ours."""
    kind, _, id = external_id.partition("/")
    if kind not in KINDS or not id:
        raise RecordGone("This is no version's or sprint's id.")
    return kind, id


def normalised(kind: str, row: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """The row with the common words below ``hub``; ``zone`` is the account's, in which sprints begin and end."""
    if kind == "version":
        state = "archived" if row.get("archived") else "closed" if row.get("released") else "open"
        days = row.get("startDate"), row.get("releaseDate")
        text = row.get("description")
    else:
        state = _SPRINT_STATES.get(str(row.get("state")), str(row.get("state") or ""))
        days = _day(row.get("startDate"), zone), _day(row.get("endDate"), zone)
        text = row.get("goal")
    hub = {"kind": kind, "state": state, "description": text or None, "start_on": days[0], "due_on": days[1]}
    return {**row, "hub": hub}


def body_of(
    kind: str, fields: Mapping[str, Any], current: Mapping[str, Any] | None, zone: str
) -> dict[str, Any]:
    """The JSON of a create (``current`` None) or update. Raises ``RecordProblem`` naming the path."""
    body: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case "name":
                body["name"] = name_of(kind, value, MAX_NAME[kind])
            case "hub.description":
                body["description" if kind == "version" else "goal"] = str(value or "")
            case "hub.start_on":
                body["startDate"] = _edge(kind, value, _STARTS, zone)
            case "hub.due_on":
                body["releaseDate" if kind == "version" else "endDate"] = _edge(kind, value, _ENDS, zone)
            case "hub.kind" | "hub.state":
                continue  # what it is made as; below, since it may need the dates
            case _:
                raise RecordProblem(f"Jira does not let {path} be written.", field=path)
    state = str(fields.get("hub.state") or "")
    if state and state != read_path(current, "hub.state", None):
        body |= _version_state(state) if kind == "version" else _sprint_state(state, current, body)
    return body


def name_of(what: str, value: Any, limit: int) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise RecordProblem(f"A {what} needs a name.", field="name")
    if len(text) > limit:
        raise RecordProblem(
            f"Jira takes at most {limit} characters here; this has {len(text)}.", field="name"
        )
    return text


def _version_state(wanted: str) -> dict[str, Any]:
    match wanted:
        case "open" | "closed":
            return {"released": wanted == "closed", "archived": False}
        case "archived":
            return {"archived": True}
    raise RecordProblem("A version is open, closed (released) or archived.", field="hub.state")


def _sprint_state(wanted: str, current: Mapping[str, Any] | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """Sprints go from planned to open to closed, and start with both dates set."""
    before = str(read_path(current, "hub.state", "planned")) if current is not None else "planned"
    if wanted == before:
        return {}
    if wanted not in _ORDER or before not in _ORDER or _ORDER.index(wanted) != _ORDER.index(before) + 1:
        raise RecordProblem(f"Jira does not let a sprint go from {before} to {wanted}.", field="hub.state")
    held = {**(current or {}), **body}
    if wanted == "open" and not (held.get("startDate") and held.get("endDate")):
        raise RecordProblem("A sprint needs a start and an end date before it can start.", field="hub.state")
    return {"state": next(theirs for theirs, ours in _SPRINT_STATES.items() if ours == wanted)}


def _day(value: Any, zone: str) -> str | None:
    """The day of a sprint's moment, where the account is."""
    moment = parse_instant(value)
    return moment.astimezone(_place(zone)).date().isoformat() if moment else None


def _edge(kind: str, value: Any, at: time, zone: str) -> str | None:
    """A day as it is sent: for versions as it stands, for sprints as a moment of that day."""
    if not value:
        return None
    text = str(value)[:10]
    if kind == "version":
        return text
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RecordProblem(f"{value!r} is no day.", field="hub.start_on") from None
    return str(format_instant(datetime.combine(day, at, tzinfo=_place(zone)), "iso8601_ms", granularity="ms"))


def _place(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
