"""Work packages in the hub's terms and back. OpenProject keeps references as links; here they become ids and words below
``hub``, and links again when written. All of it is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.hubtext import HubText, take_apart
from connectors.base.paths import read_path

MAX_SUBJECT = 255
UNDISCLOSED = "urn:openproject-org:api:v3:undisclosed"
PRIORITY_WORDS = ("low", "normal", "high", "immediate")
_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)

#: OpenProject's names of refused attributes → the paths of the links
PATHS = {
    "subject": "subject",
    "title": "subject",
    "description": "description.raw",
    "status": "hub.status",
    "priority": "hub.priority",
    "assignee": "hub.assignees",
    "version": "hub.version",
    "parent": "hub.parent",
    "category": "hub.labels",
    "startDate": "hub.start",
    "dueDate": "hub.due",
    "date": "hub.due",
    "duration": "hub.due",
    "estimatedTime": "hub.estimate",
    "type": "hub.type",
    "name": "name",
    "endDate": "endDate",
}


def id_in(href: Any) -> str | None:
    """The id at the end of a link; None where there is none, or where it is hidden from the account."""
    if not isinstance(href, str) or not href or href == UNDISCLOSED:
        return None
    return href.rstrip("/").rpartition("/")[2] or None


def linked(row: Mapping[str, Any], name: str) -> str | None:
    return id_in(read_path(row, f"_links.{name}.href", None))


def titles(links: Any) -> list[str]:
    """Titles of one link or several."""
    rows = links if isinstance(links, list) else [links]
    return [
        str(title)
        for row in rows
        if (title := read_path(row, "title", None)) and read_path(row, "href", None)
    ]


@dataclass(frozen=True, slots=True)
class Priorities:
    """The instance's priorities in its order. Names may be in any language, so the place counts where the name is strange."""

    rows: Sequence[Mapping[str, Any]] = ()

    def word(self, id: str | None, title: str = "") -> str | None:
        """``low``, ``normal``, ``high`` or ``immediate``."""
        if id is None:
            return None
        name = title.strip().casefold()
        if name in PRIORITY_WORDS:
            return name
        ordered = sorted(self.rows, key=lambda row: row.get("position") or 0)
        places = {str(row.get("id")): place for place, row in enumerate(ordered)}
        usual = next((place for place, row in enumerate(ordered) if row.get("isDefault")), 0)
        place = places.get(id, usual)
        if place == usual:
            return "normal"
        if place < usual:
            return "low"
        return "immediate" if place == len(ordered) - 1 and place - usual > 1 else "high"

    def id_of(self, word: str) -> str:
        """Raises ``RecordProblem`` where no priority in use means that."""
        for row in self.rows:
            id = str(row.get("id"))
            if row.get("isActive") is not False and self.word(id, str(row.get("name") or "")) == word:
                return id
        raise RecordProblem(f"OpenProject has no priority that means {word!r}.", field="hub.priority")


def normalised(
    row: Mapping[str, Any], priorities: Priorities, *, labels_field: str = "", site: str = ""
) -> dict[str, Any]:
    """The work package with ``description.raw`` as people wrote it and the hub's values below ``hub``."""
    parts = take_apart(read_path(row, "description.raw", None))
    is_milestone = "date" in row
    title = read_path(row, "_links.priority.title", None)
    assignee = linked(row, "assignee")
    hub = {
        "key": parts.key,
        "status": linked(row, "status"),
        "priority": priorities.word(linked(row, "priority"), str(title or "")),
        "assignees": [assignee] if assignee else [],
        "labels": sorted(titles(read_path(row, f"_links.{labels_field or 'category'}", None))),
        "version": linked(row, "version"),
        "parent": linked(row, "parent"),
        "project": linked(row, "project"),
        "reporter": linked(row, "author"),
        "type": linked(row, "type"),
        "start": row.get("date") if is_milestone else row.get("startDate"),
        "due": row.get("date") if is_milestone else row.get("dueDate"),
        "estimate": hours_of(row.get("estimatedTime")),
        "url": f"{site}/work_packages/{row.get('id')}",
    }
    return {**row, "description": {**_described(row), "raw": parts.text}, "hub": hub}


def _described(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found = row.get("description")
    return found if isinstance(found, Mapping) else {}


def hours_of(duration: Any) -> str | None:
    """Hours of an ISO 8601 duration as text; None where there is none or it cannot be read."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not found or not any(found.groups()):
        return None
    years, months, weeks, days, hours, minutes, seconds = (Decimal(part or 0) for part in found.groups())
    whole = ((years * 365 + months * 30 + weeks * 7 + days) * 24) + hours
    total = whole + minutes / 60 + seconds / 3600
    return f"{total.quantize(Decimal('0.01')).normalize():f}"


def duration_of(value: Any) -> str | None:
    """``PT7H30M`` for 7.5 hours; None for none. Raises ``RecordProblem`` for what is no number of hours."""
    if value in (None, ""):
        return None
    try:
        minutes = int((Decimal(str(value)) * 60).to_integral_value())
    except (InvalidOperation, ValueError):
        minutes = -1
    if minutes < 0:
        raise RecordProblem("An estimate is a number of hours.", field="hub.estimate")
    hours, rest = divmod(minutes, 60)
    return f"PT{hours}H{rest}M" if rest else f"PT{hours}H"


@dataclass(slots=True)
class Write:
    """What to send: values and links (name → href or None). What needs a list of the instance's is left to the client."""

    body: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Any] = field(default_factory=dict)
    later: dict[str, Any] = field(default_factory=dict)  # path → value


def write_of(
    fields: Mapping[str, Any], row: Mapping[str, Any], *, key: str = "", is_milestone: bool = False
) -> Write:
    """The request that carries ``fields`` onto the work package as it was read (``row``; empty for a new one).

    Raises ``RecordProblem`` naming the field for what OpenProject cannot hold.
    """
    write = Write()
    for path, value in fields.items():
        match path:
            case "subject":
                write.body["subject"] = subject_of(value, path)
            case "description.raw":
                write.body["description"] = text_of(value, key or str(read_path(row, "hub.key", "") or ""))
            case "hub.status" | "hub.version" | "hub.parent" | "hub.type":
                kind = {
                    "status": "statuses",
                    "version": "versions",
                    "parent": "work_packages",
                    "type": "types",
                }
                name = path[4:]
                write.links[name] = (kind[name], whole_id(value, path))
            case "hub.estimate":
                write.body["estimatedTime"] = duration_of(value)
            case "hub.start" | "hub.due":
                continue  # together, below
            case "hub.priority" | "hub.labels" | "hub.assignees":
                write.later[path] = value
            case _:
                raise RecordProblem(f"OpenProject does not let {path} be written.", field=path)
    if key and "description" not in write.body:
        write.body["description"] = text_of("", key)
    if "hub.status" in fields and write.links["status"][1] is None:
        raise RecordProblem("A work package needs a status.", field="hub.status")
    _plan_dates(write, fields, row, is_milestone)
    return write


def _plan_dates(write: Write, fields: Mapping[str, Any], row: Mapping[str, Any], is_milestone: bool) -> None:
    given = {
        name: day_of(fields[path])
        for path, name in (("hub.start", "startDate"), ("hub.due", "dueDate"))
        if path in fields
    }
    if not given:
        return
    if row.get("scheduleManually") is False and read_path(row, "_links.children", None):
        words = "The dates of a work package with children follow from theirs: switch it to manual scheduling first."
        raise RecordProblem(
            words, field=", ".join(path for path in ("hub.start", "hub.due") if path in fields)
        )
    if not is_milestone:
        write.body |= given
        return
    days = set(given.values())
    if len(days) > 1:
        raise RecordProblem(
            "A milestone has one day: start and end must be the same.", field="hub.start, hub.due"
        )
    write.body["date"] = days.pop()


def day_of(value: Any) -> str | None:
    return str(value)[:10] if value else None


def subject_of(value: Any, name: str, limit: int = MAX_SUBJECT) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise RecordProblem("OpenProject needs a name here.", field=name)
    if len(text) > limit:
        raise RecordProblem(
            f"OpenProject takes at most {limit} characters here; this has {len(text)}.", field=name
        )
    return text


def text_of(value: Any, key: str = "", author: str = "") -> dict[str, str]:
    """A text as OpenProject takes it: Markdown, as it stands."""
    return {"format": "markdown", "raw": HubText(str(value or ""), key, author).whole}


def whole_id(value: Any, name: str) -> str | None:
    if value in (None, ""):
        return None
    if not str(value).isdigit():
        raise RecordProblem(f"{value!r} is no id of OpenProject's.", field=name)
    return str(value)


def paths_of(attributes: Iterable[Any], labels_field: str = "") -> str:
    """Refused attributes as the paths of the links, so that the value refused is found."""
    named = {**PATHS, **({labels_field: "hub.labels"} if labels_field else {})}
    return ", ".join(dict.fromkeys(named.get(str(one), str(one)) for one in attributes if one))


def attributes_in(body: Any) -> list[str]:
    """Attributes that an error is about; several errors come in one."""
    found = [read_path(body, "_embedded.details.attribute", None)]
    several = read_path(body, "_embedded.errors", None)
    found += (
        [read_path(one, "_embedded.details.attribute", None) for one in several]
        if isinstance(several, list)
        else []
    )
    return [str(one) for one in found if one]


def messages_in(body: Any) -> list[str]:
    several = read_path(body, "_embedded.errors", None)
    rows = several if isinstance(several, list) else [body]
    return [str(text) for row in rows if (text := read_path(row, "message", None))]
