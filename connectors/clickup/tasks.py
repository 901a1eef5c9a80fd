"""Tasks, comments, tags and lists in the hub's terms and back. All of it is pure.

Due dates are instants there, four in the morning of the day where no time was chosen; here they are days in the zone of
the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path
from connectors.base.signoff import take_apart
from connectors.base.times import parse_instant

DAY_BEGINS = time(4)  # where ClickUp puts dates without a time of day
CLASSES: Mapping[str, str] = {"open": "to_do", "custom": "in_progress", "done": "done", "closed": "done"}
LIST_TYPES = frozenset({"labels", "users"})


@dataclass(frozen=True)
class CustomField:
    id: str
    name: str
    kind: str  # short_text, drop_down, labels, number, date, checkbox, users, …
    options: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> CustomField:
        options = read_path(row, "type_config.options", None) or ()
        return cls(str(row.get("id")), str(row.get("name") or ""), str(row.get("type") or ""), tuple(options))

    def shown(self, value: Any) -> Any:
        """The value as people see it: names instead of options' ids and places."""
        match self.kind:
            case "drop_down":
                return self._name(value)
            case "labels":
                return [self._name(one) for one in value or ()]
            case "users":
                return [str(one.get("id")) for one in value or () if isinstance(one, dict)]
            case "date":
                moment = parse_instant(value)
                return moment.isoformat().replace("+00:00", "Z") if moment else None
            case "checkbox":
                return str(value).lower() == "true"
        return value

    def _name(self, value: Any) -> str:
        for one in self.options:
            if value in (one.get("id"), one.get("orderindex")) or str(value) == str(one.get("orderindex")):
                return str(one.get("name") or one.get("label") or "")
        return str(value)

    def body(self, value: Any, current: Any) -> dict[str, Any]:
        """The JSON that sets the field; clearing is another call."""
        match self.kind:
            case "drop_down":
                return {"value": self._option(value)}
            case "labels":
                return {"value": [self._option(one) for one in value]}
            case "users":
                wanted, present = [int(one) for one in value], [int(one) for one in current or ()]
                return {
                    "value": {
                        "add": [one for one in wanted if one not in present],
                        "rem": [one for one in present if one not in wanted],
                    }
                }
            case "date":
                moment = parse_instant(value)
                if moment is None:
                    raise RecordProblem(f"{value!r} is no date.", field=f"custom.{self.id}")
                return {"value": int(moment.timestamp() * 1000), "value_options": {"time": True}}
            case "checkbox":
                return {"value": value in (True, "true", "yes", "1")}
            case "number" | "currency":
                return {"value": float(str(value))}
        return {"value": str(value)}

    def _option(self, value: Any) -> str:
        wanted = str(value).casefold()
        for one in self.options:
            if wanted in (str(one.get("id")), str(one.get("name") or one.get("label") or "").casefold()):
                return str(one["id"])
        raise RecordProblem(f"The field {self.name} has no option {value!r}.", field=f"custom.{self.id}")


@dataclass(slots=True)
class TaskWrite:
    """What to send: ``body`` in one request; tags and custom fields one by one."""

    body: dict[str, Any] = field(default_factory=dict)
    add_assignees: list[int] = field(default_factory=list)
    remove_assignees: list[int] = field(default_factory=list)
    add_tags: list[str] = field(default_factory=list)
    remove_tags: list[str] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)

    @property
    def needs_read_back(self) -> bool:
        return bool(self.add_tags or self.remove_tags or self.custom)


# --- reading -----------------------------------------------------------------------------------------------------


def normalised_task(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """The task with the hub's words below ``hub`` and its custom fields by id below ``custom``. Absent stays absent."""
    hub: dict[str, Any] = {}
    if "status" in row:
        hub["status"] = str(read_path(row, "status.status", "") or "").casefold()
    if "priority" in row:
        hub["priority"] = str(read_path(row, "priority.id", "") or "")
    if isinstance(row.get("assignees"), list):
        hub["assignees"] = [
            str(one["id"]) for one in row["assignees"] if isinstance(one, dict) and "id" in one
        ]
    if isinstance(row.get("tags"), list):
        hub["labels"] = [str(one["name"]) for one in row["tags"] if isinstance(one, dict) and one.get("name")]
    if "creator" in row:
        creator = read_path(row, "creator.id", None)
        hub["reporter"] = None if creator is None else str(creator)
    for name, at in (("due_on", "due_date"), ("start_on", "start_date")):
        if at in row:
            hub[name] = day_of(row[at], zone)
    if "date_done" in row or "date_closed" in row:
        ended = parse_instant(row.get("date_done") or row.get("date_closed"))
        hub["completed_at"] = ended.isoformat().replace("+00:00", "Z") if ended else None
    data = {**row, "hub": hub}
    if isinstance(row.get("custom_fields"), list):
        data["custom"] = {
            str(one.get("id")): CustomField.from_row(one).shown(one["value"])
            if one.get("value") is not None
            else None
            for one in row["custom_fields"]
            if isinstance(one, dict)
        }
    return data


def day_of(value: Any, zone: ZoneInfo) -> str | None:
    moment = parse_instant(value)
    return moment.astimezone(zone).date().isoformat() if moment else None


def ms_of(value: Any, zone: ZoneInfo, path: str) -> int | None:
    """The day as ClickUp keeps one without a time."""
    if value in (None, ""):
        return None
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise RecordProblem(f"{value!r} is no date.", field=path) from None
    return int(datetime.combine(day, DAY_BEGINS, zone).timestamp() * 1000)


def has_value(row: Mapping[str, Any], field_id: str, value: str) -> bool:
    """True if the task's custom field holds exactly this text."""
    fields = row.get("custom_fields")
    rows = [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []
    return any(one.get("id") == field_id and one.get("value") == value for one in rows)


def normalised_comment(row: Mapping[str, Any]) -> dict[str, Any]:
    """The comment without the hub's line."""
    parts = take_apart(row.get("comment_text"))
    user = read_path(row, "user.id", None)
    hub = {
        "ref": parts.ref,
        "author": parts.author or read_path(row, "user.username", None),
        # what was written in the hub has its author there; the account is only the messenger
        "author_id": None if parts.ref or user is None else str(user),
        "written_at": _iso(row.get("date")),
    }
    return {**row, "comment_text": parts.text.rstrip("\n"), "hub": hub}


def _iso(value: Any) -> str | None:
    moment = parse_instant(value)
    return moment.isoformat().replace("+00:00", "Z") if moment else None


# --- writing -----------------------------------------------------------------------------------------------------


def task_write(
    fields: Mapping[str, Any], current: Mapping[str, Any], zone: ZoneInfo, statuses: Mapping[str, str]
) -> TaskWrite:
    """The requests that carry ``fields`` onto the task as it was read (``current``; empty for a new one).

    ``statuses`` are the list's names by their lower case.
    """
    write = TaskWrite()
    for path, value in fields.items():
        match path:
            case "name":
                if not str(value or "").strip():
                    raise RecordProblem("A task needs a name.", field="name")
                write.body["name"] = str(value)
            case "markdown_description":
                # an empty text is taken for none at all, a space empties it
                write.body["markdown_content"] = str(value or " ")
            case "hub.status":
                write.body["status"] = _status(value, statuses)
            case "hub.priority":
                write.body["priority"] = _priority(value)
            case "hub.due_on" | "hub.start_on":
                name = path[4:-3] + "_date"
                write.body[name] = ms_of(value, zone, path)
                if write.body[name] is not None:
                    write.body[f"{name}_time"] = False
            case "parent":
                _plan_parent(write, value, current)
            case "hub.assignees":
                _plan_assignees(write, value, current)
            case "hub.labels":
                _plan_tags(write, value, current)
            case "archived":
                write.body["archived"] = bool(value)
            case _ if path.startswith("custom."):
                write.custom[path.removeprefix("custom.").strip('"')] = value
            case _:
                raise RecordProblem(f"ClickUp does not let {path} be written.", field=path)
    return write


def _status(value: Any, statuses: Mapping[str, str]) -> str:
    found = statuses.get(str(value or "").casefold())
    if found is None:
        raise RecordProblem(
            f"The list has no status {value or '(empty)'}: complete the status map.", field="hub.status"
        )
    return found


def _priority(value: Any) -> int | None:
    if value in (None, "", "none"):
        return None
    if str(value) not in ("1", "2", "3", "4"):
        raise RecordProblem("A priority is 1 (urgent) to 4 (low).", field="hub.priority")
    return int(value)


def _plan_parent(write: TaskWrite, value: Any, current: Mapping[str, Any]) -> None:
    if value:
        write.body["parent"] = str(value)
    elif current.get("parent"):
        raise RecordProblem("ClickUp cannot make a subtask a task of its own again.", field="parent")


def _plan_assignees(write: TaskWrite, value: Any, current: Mapping[str, Any]) -> None:
    wanted, present = (
        [_number(one) for one in value or ()],
        [_number(one) for one in read_path(current, "hub.assignees", ()) or ()],
    )
    write.add_assignees = [one for one in wanted if one not in present]
    write.remove_assignees = [one for one in present if one not in wanted]


def _number(value: Any) -> int:
    if not str(value).isdigit():
        raise RecordProblem(f"{value!r} is no person's id.", field="hub.assignees")
    return int(value)


def _plan_tags(write: TaskWrite, value: Any, current: Mapping[str, Any]) -> None:
    """ClickUp keeps tags in lower case; the case alone changes nothing."""
    wanted = list(dict.fromkeys(str(one).lower() for one in value or ()))
    present = [str(one) for one in read_path(current, "hub.labels", ()) or ()]
    write.add_tags = [one for one in wanted if one not in present]
    write.remove_tags = [one for one in present if one not in wanted]


def overwritten(fields: Iterable[str]) -> list[str]:
    """The paths among ``fields`` that are written as whole values, so that a stale one would overwrite."""
    return [path for path in fields if path not in ("hub.labels", "hub.assignees")]


def colour(value: Any) -> str:
    text = str(value or "").strip().lower()
    if not re.fullmatch(r"#?[0-9a-f]{6}", text):
        raise RecordProblem("A colour is six hexadecimal digits.", field="hub.colour")
    return "#" + text.lstrip("#")
