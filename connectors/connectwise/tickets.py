"""Tickets, notes, tasks and the rest in the hub's terms and back. All of it is pure.

Source: ConnectWise PSA's document 2026.4 and its developer guide (conditions, patches, escaping), read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.base.answers import digest
from connectors.base.errors import RecordGone, RecordProblem
from connectors.base.paths import read_path
from connectors.base.signoff import take_apart
from connectors.base.times import format_instant

MAX_SUMMARY = 100
KEY_PREFIX = "lockstep:"
LEVELS = ("Critical", "High", "Medium", "Low")
REFERENCES = frozenset(
    f"{name}.id" for name in ("company", "board", "type", "subType", "team", "contact", "project", "phase")
)
#: what of a ticket the hub keeps; a change of these is a change of its version
_WATCHED = (
    "summary", "status.id", "board.id", "priority.id", "owner.id", "company.id", "project.id", "phase.id", "requiredDate",
    "estimatedStartDate", "budgetHours", "closedDate", "parentTicketId", "type.name", "subType.name", "customFields",
)  # fmt: skip

Operation = dict[str, Any]


# --- conditions --------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """A string of a condition: quotes and backslashes escaped, ``[`` as the guide wants it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("[", "[[]")
    return f'"{escaped}"'


def moment(at: datetime) -> str:
    return f"[{format_instant(at)}]"


def one_of(path: str, ids: Iterable[str]) -> str:
    """``path in (1,2)``; "" for no ids. Ids are numbers, anything else is left out."""
    numbers = [id for id in ids if id.isdigit()]
    return f"{path} in ({','.join(numbers)})" if numbers else ""


def all_of(*conditions: str) -> str:
    return " and ".join(one for one in conditions if one)


def ids_in(setting: Any) -> list[str]:
    """Ids of a setting such as "3, 5"."""
    return re.findall(r"\d+", str(setting or ""))


# --- ids of children ---------------------------------------------------------------------------------------------


def child_id(ticket_id: str, id: Any) -> str:
    """A note's or task's id in the hub: it is read only below its ticket."""
    return f"{ticket_id}:{id}"


def parts_of(external_id: str) -> tuple[str, str]:
    """The ticket's and the child's own id. Raises ``RecordGone`` for what is no such id."""
    ticket_id, _, id = external_id.partition(":")
    if not ticket_id.isdigit() or not id.isdigit():
        raise RecordGone("This is no id of something on a ticket.")
    return ticket_id, id


# --- reading -----------------------------------------------------------------------------------------------------


def updated_text(row: Mapping[str, Any]) -> Any:
    return read_path(row, "_info.lastUpdated", None) or read_path(row, "_info.dateEntered", None)


def version_of(row: Mapping[str, Any]) -> str:
    """The vendor has whole seconds only, so the watched values count as well."""
    return digest([updated_text(row), *(read_path(row, path, None) for path in _WATCHED)])[:16]


def normalised_ticket(row: Mapping[str, Any], levels: Mapping[str, str]) -> dict[str, Any]:
    """The ticket with level, assignees and labels below ``hub``. ConnectWise leaves out what is empty."""
    empty = dict.fromkeys(
        ("requiredDate", "estimatedStartDate", "budgetHours", "closedDate", "parentTicketId")
    )
    owner = read_path(row, "owner.id", None)
    names = [read_path(row, f"{one}.name", None) for one in ("type", "subType")]
    data: dict[str, Any] = {**empty, **row}
    data["hub"] = {
        "priority": _level(row, levels),
        "assignees": [] if owner is None else [str(owner)],
        "labels": [str(name) for name in names if name],
        "key": str(row.get("externalXRef") or "").removeprefix(KEY_PREFIX),
    }
    data["custom"] = {
        str(one.get("id")): one.get("value")
        for one in row.get("customFields") or ()
        if isinstance(one, Mapping)
    }
    return data


def _level(row: Mapping[str, Any], levels: Mapping[str, str]) -> str | None:
    told = read_path(row, "priority.level", None) or levels.get(str(read_path(row, "priority.id", "")))
    return str(told) if told in LEVELS else None


def normalised_note(row: Mapping[str, Any], ticket_id: str) -> dict[str, Any]:
    parts = take_apart(str(row.get("text") or ""))
    author = read_path(row, "member.name", None) or read_path(row, "contact.name", None)
    member = read_path(row, "member.id", None)
    hub = {
        "ref": parts.ref,
        "ticket": ticket_id,
        "author": parts.author or author or row.get("originalAuthor") or row.get("createdBy"),
        # what was written in the hub has its author there; the account is only the messenger
        "author_id": None if parts.ref or member is None else str(member),
        "written_at": row.get("dateCreated") or read_path(row, "_info.dateEntered", None),
    }
    return {**row, "text": parts.text, "hub": hub}


def normalised_task(row: Mapping[str, Any], ticket_id: str) -> dict[str, Any]:
    """The task of a ticket; its words are in ``notes`` in older versions, in ``summary`` in newer."""
    member = read_path(row, "member.id", None)
    hub = {
        "text": row.get("summary") or row.get("notes"),
        "closed": bool(row.get("closedFlag")),
        "assignees": [] if member is None else [str(member)],
        "ticket": ticket_id,
    }
    return {**row, "hub": hub}


def normalised_member(row: Mapping[str, Any]) -> dict[str, Any]:
    names = [str(row[name]) for name in ("firstName", "lastName") if row.get(name)]
    email = row.get("officeEmail") or row.get("primaryEmail")
    name = " ".join(names) or row.get("identifier")
    return {**row, "hub": {"name": name, "email": email, "active": not row.get("inactiveFlag")}}


def normalised_company(row: Mapping[str, Any]) -> dict[str, Any]:
    lines = [row.get("addressLine1"), row.get("addressLine2")]
    town = " ".join(str(row[one]) for one in ("zip", "city", "state") if row.get(one))
    address = "\n".join(str(one) for one in (*lines, town) if one)
    return {"phoneNumber": None, "website": None, **row, "hub": {"address": address or None}}


# --- writing -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class TicketWrite:
    """What to send: members of the ticket itself, and the description, which is a note."""

    values: dict[str, Any] = field(default_factory=dict)
    description: str | None = None
    status_id: str = ""
    level: str = ""


def ticket_write(fields: Mapping[str, Any], current: Mapping[str, Any] | None) -> TicketWrite:
    """Sorts the fields; references become ``{"id": …}``, since a patch replaces them whole."""
    write = TicketWrite()
    custom: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case "summary":
                write.values["summary"] = summary(value)
            case "hub.description":
                write.description = str(value or "")
            case "status.id":
                write.status_id = _status(value)
            case "hub.priority":
                write.level = _known_level(value)
            case "hub.assignees":
                write.values["owner"] = assignee(value, read_path(current or {}, "hub.assignees", []))
            case "requiredDate" | "estimatedStartDate" | "budgetHours":
                write.values[path] = value if value != "" else None
            case _ if path in REFERENCES:
                write.values[path.removesuffix(".id")] = reference(value, path)
            case _ if path.startswith("custom."):
                custom[path.removeprefix("custom.").strip('"')] = value
            case _:
                raise RecordProblem(f"ConnectWise does not let {path} be written.", field=path)
    if custom:
        write.values["customFields"] = _custom_fields(custom, current)
    return write


def summary(value: Any) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise RecordProblem("A ticket needs a summary.", field="summary")
    if len(text) > MAX_SUMMARY:
        words = f"A summary takes at most {MAX_SUMMARY} characters; this has {len(text)}."
        raise RecordProblem(words, field="summary")
    return text


def reference(value: Any, path: str) -> dict[str, int] | None:
    if value in (None, ""):
        return None
    if not str(value).isdigit():
        raise RecordProblem(f"{value!r} is not an id of ConnectWise.", field=path)
    return {"id": int(str(value))}


def assignee(value: Any, present: Sequence[str]) -> dict[str, int] | None:
    """A ticket has one owner: who owns it already stays if among those wanted, else the first is taken."""
    wanted = [str(one) for one in value or ()]
    kept = next((one for one in present if one in wanted), None)
    return reference(kept or next(iter(wanted), None), "hub.assignees")


def _status(value: Any) -> str:
    """A stage that no status is chosen for comes here as a word, which ConnectWise would not understand."""
    text = str(value or "")
    if not text.isdigit():
        words = f"No status is chosen for {text or 'an empty stage'}: complete the status map."
        raise RecordProblem(words, field="status.id")
    return text


def _known_level(value: Any) -> str:
    found = next((one for one in LEVELS if one.lower() == str(value or "").lower()), None)
    if found is None:
        raise RecordProblem(f"{value!r} is no level of priority: complete the map.", field="hub.priority")
    return found


def _custom_fields(values: Mapping[str, Any], current: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The whole array, as a patch wants it, with the new values in it."""
    if current is None:
        return [{"id": int(id), "value": value} for id, value in values.items() if id.isdigit()]
    present = [dict(one) for one in current.get("customFields") or ()]
    unknown = set(values) - {str(one.get("id")) for one in present}
    if unknown:
        raise RecordProblem("The ticket has no such custom field.", field=f"custom.{min(unknown)}")
    return [{**one, "value": values.get(str(one.get("id")), one.get("value"))} for one in present]


def task_values(fields: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """A task's members; its words go to the field where they are."""
    values: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case "hub.text":
                if not str(value or "").strip():
                    raise RecordProblem("A task needs some words.", field=path)
                values["summary" if current.get("summary") else "notes"] = str(value)
            case "hub.closed":
                values["closedFlag"] = str(value).lower() == "true"
            case "hub.assignees":
                values["member"] = assignee(value, read_path(current, "hub.assignees", []))
            case "resolution":
                values[path] = str(value or "")
            case _:
                raise RecordProblem(f"ConnectWise does not let {path} be written.", field=path)
    return values


def plain_values(fields: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, Any]:
    """Members of a company or project, those that may be written."""
    values: dict[str, Any] = {}
    for path, value in fields.items():
        if path not in allowed:
            raise RecordProblem(f"ConnectWise does not let {path} be written.", field=path)
        if path == "name" and not str(value or "").strip():
            raise RecordProblem("A name is needed.", field=path)
        values[path.removesuffix(".id")] = reference(value, path) if path.endswith(".id") else value
    return values


def patch(values: Mapping[str, Any]) -> list[Operation]:
    """JSON Patch as ConnectWise takes it: whole values, paths without a slash. An empty text clears."""
    return [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
