"""A board's columns: which of them plays which part, and how their values are read and written.

Shapes of the values: developer.monday.com, column types reference, and the vendor's schema (version 2026-10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base.errors import RecordProblem

ROLES = ("stage", "priority", "assignees", "due_on", "start_on", "description", "labels", "estimate")
"""Parts that a column can play, as they are named in the setting “Columns” and below ``hub.``."""

KEY_TITLE = "Lockstep key"

_TYPES: Mapping[str, tuple[str, ...]] = {
    "stage": ("status",),
    "priority": ("status", "dropdown"),
    "assignees": ("people",),
    "due_on": ("date", "timeline"),
    "start_on": ("date", "timeline"),
    "description": ("long_text", "text"),
    "labels": ("tags", "dropdown"),
    "estimate": ("numbers",),
}
_TITLES: Mapping[str, str] = {
    "stage": r"\b(status|stage|state|phase)\b",
    "priority": r"\b(priority|urgency|importance)\b",
    "assignees": r"\b(owner|assignees?|assigned|person|people|responsible)\b",
    "due_on": r"\b(due|deadline|timeline|end|finish)\b",
    "start_on": r"\b(start|begin|timeline)\b",
    "description": r"\b(description|details?|notes?)\b",
    "labels": r"\b(labels?|tags?)\b",
    "estimate": r"\b(estimate\w*|effort|points?|hours)\b",
}
#: roles that the only column of their kind plays, whatever its title
_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "stage": ("status",),
    "assignees": ("people",),
    "due_on": ("date", "timeline"),
    "start_on": ("timeline",),
    "description": ("long_text",),
    "labels": ("tags",),
}
WRITABLE = frozenset(
    {
        "status", "dropdown", "people", "date", "timeline", "text", "long_text", "numbers", "tags",
        "checkbox", "link", "email", "phone", "rating",
    }
)  # fmt: skip
_EMPTY: Mapping[str, Any] = {
    "status": None,
    "rating": None,
    "text": "",
    "numbers": "",
    "long_text": "",
    "tags": {"tag_ids": []},
}
PRIORITIES: Mapping[str, tuple[str, ...]] = {
    "urgent": ("critical", "urgent", "highest", "blocker"),
    "high": ("high",),
    "medium": ("medium", "normal", "moderate"),
    "low": ("low", "lowest", "minor"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """One choice of a status or dropdown column. ``key`` is its id in the column's settings: it outlives renaming."""

    key: str
    text: str
    is_done: bool = False
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    id: str
    title: str
    type: str
    labels: tuple[Label, ...] = ()
    boards: tuple[str, ...] = ()  # where subitems live, of a column of type subtasks

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Column:
        settings = row.get("settings")
        settings = settings if isinstance(settings, dict) else {}
        boards = settings.get("boardIds", settings.get("board_ids"))
        return cls(
            str(row.get("id") or ""),
            str(row.get("title") or ""),
            str(row.get("type") or ""),
            tuple(_labels(settings)),
            tuple(str(one) for one in boards) if isinstance(boards, list) else (),
        )

    def label_of(self, text: str) -> Label | None:
        wanted = text.strip().casefold()
        return next((one for one in self.labels if one.text.strip().casefold() == wanted), None)


def _labels(settings: Mapping[str, Any]) -> Iterable[Label]:
    """Labels from ``settings`` (a list since 2025-10), or as older versions gave them: an object by index."""
    given = settings.get("labels")
    if isinstance(given, list):
        for row in given:
            if isinstance(row, dict):
                text = str(row.get("label") or row.get("name") or "")
                if text:
                    key = row.get("id", row.get("index"))
                    yield Label(str(key), text, bool(row.get("is_done")), not row.get("is_deactivated"))
    elif isinstance(given, dict):
        done, off = settings.get("done_colors") or (), settings.get("deactivated_labels") or ()
        for key, text in given.items():
            if text:
                yield Label(
                    str(key),
                    str(text),
                    str(key) in {str(one) for one in done},
                    str(key) not in {str(one) for one in off},
                )


def chosen_roles(text: Any) -> dict[str, str]:
    """``{role: column id}`` from the setting “due_on = date4; priority = status_1”. “off” leaves a role out."""
    found = {}
    for part in re.split(r"[;\n]", str(text or "")):
        role, equals, column = part.partition("=")
        if equals and column.strip():
            found[role.strip().casefold()] = column.strip()
    return found


def roles_of(columns: Iterable[Column], chosen: Mapping[str, str]) -> dict[str, Column]:
    """Which column plays which role: as chosen, else by title, else the first of the kind that is usual for it."""
    by_id = {column.id: column for column in columns}
    roles: dict[str, Column] = {}
    for role in ROLES:
        if role in chosen:
            if chosen[role] in by_id:
                roles[role] = by_id[chosen[role]]
            continue
        fitting = [one for one in by_id.values() if one.type in _TYPES[role]]
        titled = [one for one in fitting if re.search(_TITLES[role], one.title.casefold())]
        plain = [one for kind in _BY_TYPE.get(role, ()) for one in fitting if one.type == kind]
        if role == "due_on":  # a date called “Start date” is none
            plain = [one for one in plain if not re.search(r"\b(start|begin)", one.title.casefold())]
        if role == "stage":
            plain = [one for one in plain if not re.search(_TITLES["priority"], one.title.casefold())]
        best = next(iter(titled), None) or next(iter(plain), None)
        if best is not None:
            roles[role] = best
    return roles


# --- reading -----------------------------------------------------------------------------------------------------


def read_value(row: Mapping[str, Any]) -> Any:
    """A column's value as the hub knows it; None where empty. Kinds without a form of their own give their text."""
    match str(row.get("type") or ""):
        case "status":
            return row.get("label") or None
        case "date":
            return _date(row)
        case "people":
            return [
                f"team-{one.get('id')}" if one.get("kind") == "team" else str(one.get("id"))
                for one in row.get("persons_and_teams") or ()
            ]
        case "dropdown":
            return [str(one.get("label")) for one in row.get("values") or ()]
        case "tags":
            return [str(one.get("name")) for one in row.get("tags") or ()]
        case "timeline":
            start, end = row.get("from"), row.get("to")
            return {"from": _day(start), "to": _day(end)} if start or end else None
        case "numbers":
            return row.get("number")
        case "checkbox":
            return bool(row.get("checked"))
        case "link":
            return {"url": row["url"], "text": row.get("url_text") or ""} if row.get("url") else None
        case "email":
            return row.get("email") or None
        case "phone":
            return row.get("phone") or None
        case "rating":
            return row.get("rating")
        case "board_relation" | "dependency":
            return [str(one) for one in row.get("linked_item_ids") or ()]
        case "mirror" | "formula":
            return row.get("display_value") or None
    return row.get("text") or None


def _date(row: Mapping[str, Any]) -> str | None:
    """“2026-01-31”, or with its time (which monday keeps in UTC) “2026-01-31T13:00:00Z”."""
    day, clock = row.get("date"), row.get("time")
    if not day:
        return None
    return f"{day}T{clock if str(clock).count(':') == 2 else f'{clock}:00'}Z" if clock else str(day)


def _day(value: Any) -> str | None:
    return str(value)[:10] if value else None


# --- writing -----------------------------------------------------------------------------------------------------


def write_value(column: Column, value: Any, *, tags: Mapping[str, int], field: str) -> Any:
    """The value as a member of ``column_values``; what clears the column where it is empty."""
    if column.type not in WRITABLE:
        raise RecordProblem(f"monday.com does not let the column “{column.title}” be written.", field=field)
    if value in (None, "", [], {}) and column.type != "checkbox":
        return _EMPTY.get(column.type, {})
    match column.type:
        case "status":
            return {"label": _known(column, str(value), field)}
        case "dropdown":
            return {"labels": [str(one) for one in _listed(value)]}
        case "people":
            return {"personsAndTeams": [_person(str(one), field) for one in _listed(value)]}
        case "date":
            day, _, clock = str(value).partition("T")
            return {"date": day, "time": clock[:8]} if clock else {"date": day}
        case "timeline":
            return _timeline(column, value, field)
        case "long_text":
            return {"text": str(value)}
        case "tags":
            return {"tag_ids": [tags[str(one)] for one in _listed(value)]}
        case "checkbox":
            return {"checked": "true"} if value in (True, "true") else None
        case "link":
            given = value if isinstance(value, Mapping) else {"url": value}
            url = str(given.get("url") or "")
            return {"url": url, "text": str(given.get("text") or url)}
        case "email":
            return {"email": str(value), "text": str(value)}
        case "phone":
            return {"phone": str(value)}
        case "rating":
            return {"rating": int(value)}
    return _number(value) if column.type == "numbers" else str(value)


def _known(column: Column, text: str, field: str) -> str:
    label = column.label_of(text)
    if label is None or not label.is_active:
        raise RecordProblem(f"The column “{column.title}” has no label “{text}”.", field=field)
    return label.text


def _person(text: str, field: str) -> dict[str, Any]:
    kind, id = ("team", text.removeprefix("team-")) if text.startswith("team-") else ("person", text)
    if not id.isdigit():
        raise RecordProblem(f"“{text}” is no person of monday.com.", field=field)
    return {"id": int(id), "kind": kind}


def _timeline(column: Column, value: Any, field: str) -> dict[str, str]:
    """Both ends are wanted; where only one is known the other is the same day."""
    if not isinstance(value, Mapping):
        raise RecordProblem(f"The column “{column.title}” wants a beginning and an end.", field=field)
    start, end = value.get("from") or value.get("to"), value.get("to") or value.get("from")
    if not start or not end:
        return {}
    if str(start) > str(end):
        raise RecordProblem(f"“{column.title}” would end before it begins.", field=field)
    return {"from": str(start)[:10], "to": str(end)[:10]}


def _number(value: Any) -> str:
    text = format(float(value), "f").rstrip("0").rstrip(".") if isinstance(value, int | float) else str(value)
    return text or "0"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


# --- priorities --------------------------------------------------------------------------------------------------


def priority_word(text: str | None) -> str:
    """One of our words for a label such as “Critical ⚠️”; the label itself, folded, where none fits."""
    plain = " ".join(re.sub(r"[^\w ]+", " ", (text or "").casefold()).split())
    for word, names in PRIORITIES.items():
        if plain in names or any(re.search(rf"\b{name}\b", plain) for name in names):
            return word
    return plain


def priority_label(column: Column, word: str, field: str) -> str:
    """The column's label for one of our words. Raises ``RecordProblem`` where it has none."""
    for label in column.labels:
        if label.is_active and priority_word(label.text) == word:
            return label.text
    raise RecordProblem(f"The column “{column.title}” has no label for the priority “{word}”.", field=field)
