"""Tasks, comments and tags in the hub's terms and back. All of it is pure.

A task's status is ``completed``, else its section in the project, else ``open`` (a subtask that is in no section).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path
from connectors.base.signoff import take_apart

from .text import from_asana, to_asana

COMPLETED, OPEN = "completed", "open"
EXTERNAL_KEY = "external"

TASK_FIELDS = (
    "name", "html_notes", "completed", "completed_at", "due_on", "due_at", "start_on", "start_at", "assignee", "tags.name",
    "memberships.project", "memberships.section", "parent", "custom_fields.name", "custom_fields.resource_subtype",
    "custom_fields.text_value", "custom_fields.number_value", "custom_fields.enum_value.name", "custom_fields.multi_enum_values.name",
    "custom_fields.date_value", "custom_fields.people_value", "num_subtasks", "created_at", "created_by", "modified_at",
    "permalink_url", "resource_subtype", "external",
)  # fmt: skip
STORY_FIELDS = ("resource_subtype", "html_text", "created_at", "created_by.name", "is_edited", "target")

#: Asana's names of tag colours as its pages show them
COLOURS: Mapping[str, str] = {
    "dark-pink": "#ea4e9d", "dark-green": "#62d26f", "dark-blue": "#4186e0", "dark-red": "#e8384f", "dark-teal": "#20aaea",
    "dark-brown": "#eec300", "dark-orange": "#fd612c", "dark-purple": "#7a6ff0", "dark-warm-gray": "#8da3a6",
    "light-pink": "#e362e3", "light-green": "#a4cf30", "light-blue": "#4573d2", "light-red": "#fc979a", "light-teal": "#37c5ab",
    "light-yellow": "#eecc16", "light-orange": "#fd9a00", "light-purple": "#aa62e3", "light-warm-gray": "#c7c4c4",
}  # fmt: skip

_PLAIN_CUSTOM = {"text": "text_value", "number": "number_value"}
#: what Asana's messages call a property → the path the hub maps
_PATHS = {
    "assignee": "hub.assignees",
    "memberships": "hub.status",
    "section": "hub.status",
    "completed": "hub.status",
    "custom_fields": "hub.priority",
    "parent": "hub.parent",
    "tags": "hub.labels",
}


@dataclass(frozen=True)
class CustomField:
    gid: str
    name: str
    kind: str  # text, number, enum, multi_enum, date, people, …
    options: Mapping[str, str] = field(default_factory=dict)  # gid → name, those switched on

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> CustomField:
        options = {
            str(one.get("gid")): str(one.get("name") or "")
            for one in row.get("enum_options") or ()
            if one.get("enabled", True)
        }
        return cls(
            str(row.get("gid")), str(row.get("name") or ""), str(row.get("resource_subtype") or ""), options
        )

    def body(self, value: Any) -> Any:
        """The value as Asana takes it in ``custom_fields``."""
        if value in (None, "", []):
            return [] if self.kind in ("multi_enum", "people") else None
        match self.kind:
            case "text":
                return str(value)
            case "number":
                return self._number(value)
            case "enum":
                return self.option(value)
            case "multi_enum":
                return [self.option(one) for one in value]
            case "date":
                return {"date_time" if "T" in str(value) else "date": str(value)}
            case "people":
                return [str(one) for one in value]
        raise RecordProblem(f"The field {self.name} cannot be written.", field=f"custom.{self.gid}")

    def option(self, value: Any) -> str:
        text = str(value).casefold()
        gid = next((gid for gid, name in self.options.items() if text in (gid, name.casefold())), None)
        if gid is None:
            raise RecordProblem(f"The field {self.name} has no option {value!r}.", field=f"custom.{self.gid}")
        return gid

    def _number(self, value: Any) -> float | int:
        try:
            number = float(str(value))
        except ValueError:
            raise RecordProblem(
                f"The field {self.name} takes a number.", field=f"custom.{self.gid}"
            ) from None
        return int(number) if number.is_integer() else number


@dataclass(slots=True)
class TaskWrite:
    """What to send: ``body`` in one request; section, parent and tags have calls of their own."""

    body: dict[str, Any] = field(default_factory=dict)
    section: str = ""
    parent: str | None = ""  # "" = untouched, None = none
    add_tags: list[str] = field(default_factory=list)  # names
    remove_tags: list[str] = field(default_factory=list)  # gids

    @property
    def needs_read_back(self) -> bool:
        return bool(self.section or self.parent != "" or self.add_tags or self.remove_tags)


# --- reading -----------------------------------------------------------------------------------------------------


def section_of(row: Mapping[str, Any], project: str) -> str | None:
    """The task's section in the project; None if it is not in it."""
    for one in row.get("memberships") or ():
        if str(read_path(one, "project.gid", "")) == project:
            return str(read_path(one, "section.gid", "") or "") or OPEN
    return None


def normalised_task(row: Mapping[str, Any], project: str, priority_field: str) -> dict[str, Any]:
    """The task with general HTML in ``html_notes``, its custom fields by gid below ``custom``, and ``hub``'s words.

    Absent stays absent.
    """
    data: dict[str, Any] = dict(row)
    hub: dict[str, Any] = {}
    if "html_notes" in row:
        data["html_notes"] = from_asana(row["html_notes"])
    if "memberships" in row and "completed" in row:
        hub["status"] = COMPLETED if row["completed"] else section_of(row, project) or OPEN
    if "assignee" in row:
        assignee = read_path(row, "assignee.gid", None)
        hub["assignees"] = [str(assignee)] if assignee else []
    if isinstance(row.get("tags"), list):
        hub["labels"] = [str(one["name"]) for one in row["tags"] if one.get("name")]
    if "parent" in row:
        hub["parent"] = read_path(row, "parent.gid", None)
    if "created_by" in row:
        hub["reporter"] = read_path(row, "created_by.gid", None)
    if isinstance(row.get("custom_fields"), list):
        data["custom"] = {str(one.get("gid")): _custom_value(one) for one in row["custom_fields"]}
        gid = priority_field or next(
            (
                str(one.get("gid"))
                for one in row["custom_fields"]
                if is_priority(one.get("name"), one.get("resource_subtype"))
            ),
            "",
        )
        if gid in data["custom"]:
            hub["priority"] = str(data["custom"][gid] or "").casefold()
    return {**data, "hub": hub}


def is_priority(name: Any, kind: Any) -> bool:
    """Asana has no priority of its own, but by convention a field of that name."""
    return kind == "enum" and str(name or "").casefold() == "priority"


def _custom_value(one: Mapping[str, Any]) -> Any:
    match one.get("resource_subtype"):
        case "enum":
            return read_path(one, "enum_value.name", None)
        case "multi_enum":
            return [option.get("name") for option in one.get("multi_enum_values") or ()]
        case "date":
            value = one.get("date_value") or {}
            return value.get("date_time") or value.get("date")
        case "people":
            return [str(person.get("gid")) for person in one.get("people_value") or ()]
        case kind if kind in _PLAIN_CUSTOM:
            return one.get(_PLAIN_CUSTOM[kind])
    return one.get("display_value")


def normalised_comment(row: Mapping[str, Any]) -> dict[str, Any]:
    """The comment in general HTML, without the hub's line."""
    parts = take_apart(_inner(row.get("html_text")))
    # what was written in the hub has its author there; the account is only the messenger
    by = None if parts.ref else read_path(row, "created_by.gid", None)
    hub = {
        "ref": parts.ref,
        "author": parts.author or read_path(row, "created_by.name", None),
        "author_id": by,
    }
    return {**row, "html_text": from_asana(parts.text), "hub": hub}


def _inner(body: Any) -> str:
    return str(body or "").strip().removeprefix("<body>").removesuffix("</body>")


def colour_code(name: Any) -> str | None:
    return COLOURS.get(str(name)) if name else None


def colour_name(value: Any) -> str | None:
    """The colour of Asana's that comes nearest to ``#rrggbb``; a name of Asana's stays."""
    text = str(value or "").strip().lower()
    if not text or text in COLOURS:
        return text or None
    if not re.fullmatch(r"#?[0-9a-f]{6}", text):
        raise RecordProblem("A colour is six hexadecimal digits, or a name of Asana's.", field="hub.colour")
    wanted = _rgb(text)
    return min(
        COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(wanted, _rgb(COLOURS[name]), strict=True))
    )


def _rgb(text: str) -> tuple[int, ...]:
    plain = text.lstrip("#")
    return tuple(int(plain[at : at + 2], 16) for at in (0, 2, 4))


# --- writing -----------------------------------------------------------------------------------------------------


def task_write(
    fields: Mapping[str, Any],
    current: Mapping[str, Any],
    custom: Mapping[str, CustomField],
    *,
    priority_field: str,
    done_section: str = "",
) -> TaskWrite:
    """The requests that carry ``fields`` onto the task as it was read (``current``; empty for a new one)."""
    write = TaskWrite()
    for path, value in fields.items():
        match path:
            case "name":
                if not str(value or "").strip():
                    raise RecordProblem("A task needs a name.", field="name")
                write.body["name"] = str(value)
            case "html_notes":
                write.body["html_notes"] = to_asana(value)
            case "hub.status":
                _plan_status(write, str(value or ""), current, done_section)
            case "hub.assignees":
                write.body["assignee"] = _only_one(value)
            case "due_on" | "start_on" | "due_at" | "start_at":
                write.body[path] = value or None
            case "hub.parent":
                write.parent = str(value) if value else None
            case "hub.labels":
                _plan_tags(write, value, current)
            case "hub.priority":
                wanted = None if value in ("none", "") else value
                _plan_custom(write, custom, priority_field, wanted, path, is_new=not current)
            case _ if path.startswith("custom."):
                gid = path.removeprefix("custom.").strip('"')
                _plan_custom(write, custom, gid, value, path, is_new=not current)
            case _:
                raise RecordProblem(f"Asana does not let {path} be written.", field=path)
    _complete_dates(write.body, current)
    return write


def _plan_status(write: TaskWrite, value: str, current: Mapping[str, Any], done_section: str) -> None:
    if value in (COMPLETED, OPEN):
        write.body["completed"] = value == COMPLETED
        write.section = done_section if value == COMPLETED else ""
    elif value.isdigit():
        if current.get("completed") or not current:
            write.body["completed"] = False
        write.section = value
    else:
        raise RecordProblem(
            f"No section is chosen for {value or 'an empty stage'}: complete the status map.",
            field="hub.status",
        )


def _only_one(value: Any) -> str | None:
    wanted = list(value or ())
    if len(wanted) > 1:
        raise RecordProblem("Asana keeps one assignee per task; choose one.", field="hub.assignees")
    return str(wanted[0]) if wanted else None


def _plan_tags(write: TaskWrite, value: Any, current: Mapping[str, Any]) -> None:
    """By name, whatever the case."""
    wanted = list(dict.fromkeys(str(one) for one in value or ()))
    present = [one for one in current.get("tags") or () if one.get("name")]
    kept = {one.casefold() for one in wanted}
    has = {str(one["name"]).casefold() for one in present}
    write.add_tags = [one for one in wanted if one.casefold() not in has]
    write.remove_tags = [str(one["gid"]) for one in present if str(one["name"]).casefold() not in kept]


def _plan_custom(
    write: TaskWrite, custom: Mapping[str, CustomField], gid: str, value: Any, path: str, *, is_new: bool
) -> None:
    known = custom.get(gid)
    if value in (None, "") and (known is None or is_new):
        return
    if known is None:
        what = "no priority field" if path == "hub.priority" else f"no custom field {gid}"
        raise RecordProblem(f"The project has {what}.", field=path)
    try:
        write.body.setdefault("custom_fields", {})[gid] = known.body(value)
    except RecordProblem as problem:
        raise RecordProblem(problem.message, field=path) from problem


def _complete_dates(body: dict[str, Any], current: Mapping[str, Any]) -> None:
    """A start goes only together with its due: the one that stands is sent along."""
    if ("start_on" in body or "start_at" in body) and not ("due_on" in body or "due_at" in body):
        if current.get("due_at"):
            body["due_at"] = current["due_at"]
        elif current.get("due_on"):
            body["due_on"] = current["due_on"]
        elif body.get("start_on") or body.get("start_at"):
            raise RecordProblem("Asana takes a start date only together with a due date.", field="start_on")
    elif "due_on" in body and body["due_on"] and "start_on" not in body and current.get("start_on"):
        body["start_on"] = current["start_on"]


def overwritten(fields: Iterable[str]) -> list[str]:
    """The paths among ``fields`` that are written as whole values, so that a stale one would overwrite."""
    return [path for path in fields if path != "hub.labels"]


def refused_field(message: str, written: Iterable[str]) -> str | None:
    """The mapped path that a refusal such as "assignee: Not a recognized ID" is about; None if it does not say."""
    found = re.search(r"(?:^|\W)([a-z_]+): ", message.partition("): ")[2] or message)
    if found is None:
        return None
    path = _PATHS.get(found.group(1), found.group(1))
    return path if path in set(written) else None
