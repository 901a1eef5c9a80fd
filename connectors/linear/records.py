"""Linear's records in the hub's terms, and the hub's fields as Linear's inputs."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path

MAX_TITLE = 512
_LINE = re.compile(r"(?:\A|\n+)\s*_— (?P<author>[^\n]{1,200}), via Lockstep_\s*\Z")


def id_of(key: str) -> str:
    """The id that a record is created with: ours to choose, in the form of a version 4 UUID, as Linear wants it."""
    return str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4))


def take_apart(body: str) -> tuple[str, str]:
    """A comment's text without the line the hub put below it, and the author that line names ("" if none)."""
    found = _LINE.search(body)
    return (body[: found.start()], found["author"].strip()) if found else (body, "")


def put_together(text: str, author: str) -> str:
    name = " ".join(author.split())[:200].replace("_", " ")
    return f"{text}\n\n_— {name}, via Lockstep_" if name else text


# --- reading -----------------------------------------------------------------------------------------------------


def issue_data(row: Mapping[str, Any]) -> dict[str, Any]:
    labels = read_path(row, "labels.nodes", None)
    assignee = _id(row, "assignee")
    estimate = row.get("estimate")
    hub = {
        "stage": _id(row, "state"),
        "priority": int(row["priority"]) if isinstance(row.get("priority"), int | float) else None,
        "assignees": [assignee] if assignee else [],
        "labels": sorted(str(one.get("name")) for one in labels or () if isinstance(one, dict)),
        "estimate": int(estimate) if isinstance(estimate, float) and estimate.is_integer() else estimate,
        "creator": _id(row, "creator"),
        "parent": _id(row, "parent"),
        "project": _id(row, "project"),
        "cycle": _id(row, "cycle"),
    }
    kept = (
        "id",
        "identifier",
        "title",
        "description",
        "dueDate",
        "createdAt",
        "updatedAt",
        "completedAt",
        "url",
    )
    return {**{name: row.get(name) for name in kept}, "hub": hub}


def comment_data(row: Mapping[str, Any]) -> dict[str, Any]:
    text, author = take_apart(str(row.get("body") or ""))
    own = read_path(row, "user.name", None)
    hub = {
        "issue": _id(row, "issue"),
        "parent": _id(row, "parent"),
        "author_id": None if author else _id(row, "user"),
        "author": author or own,
        "signed": author,
    }
    kept = ("id", "createdAt", "updatedAt", "editedAt", "url")
    return {**{name: row.get(name) for name in kept}, "body": text, "hub": hub}


def cycle_data(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cycles without a name go by their number; they end at the moment the next one starts."""
    number = row.get("number")
    shown = int(number) if isinstance(number, int | float) else number
    hub = {
        "title": row.get("name") or f"Cycle {shown}",
        "state": "closed" if row.get("completedAt") else "open",
        "start_on": str(row["startsAt"])[:10] if row.get("startsAt") else None,
        "due_on": str(row["endsAt"])[:10] if row.get("endsAt") else None,
        "kind": "sprint",
    }
    return {**row, "hub": hub}


def project_data(row: Mapping[str, Any]) -> dict[str, Any]:
    status = row.get("status")
    name = status.get("name") if isinstance(status, dict) else None
    return {**row, "hub": {"lead": _id(row, "lead"), "state": name}}


def plain_data(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row)


READERS = {
    "issue": issue_data,
    "comment": comment_data,
    "cycle": cycle_data,
    "project": project_data,
    "label": plain_data,
    "user": plain_data,
}


def _id(row: Mapping[str, Any], name: str) -> str | None:
    found = read_path(row, f"{name}.id", None)
    return str(found) if found else None


# --- writing -----------------------------------------------------------------------------------------------------

#: the hub's path → Linear's member, for values that travel as they are
_PLAIN: Mapping[str, Mapping[str, str]] = {
    "issue": {
        "description": "description",
        "dueDate": "dueDate",
        "hub.stage": "stateId",
        "hub.parent": "parentId",
        "hub.project": "projectId",
        "hub.cycle": "cycleId",
    },
    "comment": {"hub.parent": "parentId"},
    "cycle": {"description": "description"},
    "label": {"color": "color", "description": "description"},
    "project": {
        "content": "content",
        "startDate": "startDate",
        "targetDate": "targetDate",
        "hub.lead": "leadId",
    },
}
_TITLES = {
    "issue": ("title", "title"),
    "label": ("name", "name"),
    "project": ("name", "name"),
    "cycle": ("hub.title", "name"),
}


def input_for(resource: str, fields: Mapping[str, Any], current: Mapping[str, Any] | None) -> dict[str, Any]:
    """The input of a create (``current`` None) or update. Labels are the client's own matter.

    Raises ``RecordProblem`` naming the field for what Linear does not take.
    """
    made: dict[str, Any] = {}
    title_at, title_name = _TITLES.get(resource, ("", ""))
    for path, value in fields.items():
        if path == title_at:
            made[title_name] = _title(path, value)
        elif path in _PLAIN.get(resource, {}):
            made[_PLAIN[resource][path]] = value if value != "" else None
        elif (resource, path) == ("issue", "hub.priority"):
            made["priority"] = int(value or 0)
        elif (resource, path) == ("issue", "hub.estimate"):
            made["estimate"] = _whole(path, value)
        elif (resource, path) == ("issue", "hub.assignees"):
            made["assigneeId"] = _assignee(value)
        elif resource == "comment" and path in ("body", "hub.author"):
            made["body"] = _comment(fields, current)
        elif (resource, path) not in (("issue", "hub.labels"), ("comment", "hub.issue")):
            raise RecordProblem(f"Linear does not let {path} be written.", field=path)
    if title_at and current is None and title_name not in made:
        raise RecordProblem("Linear wants a title.", field=title_at)
    return made


def _title(path: str, value: Any) -> str:
    text = str(value or "").strip()
    if not text:
        raise RecordProblem("Linear wants a title.", field=path)
    if len(text) > MAX_TITLE:
        raise RecordProblem(f"Lockstep sends titles of at most {MAX_TITLE} characters to Linear.", field=path)
    return text


def _whole(path: str, value: Any) -> int | None:
    if value is None:
        return None
    if float(value) != int(value):
        raise RecordProblem("Linear takes whole numbers as estimates.", field=path)
    return int(value)


def _assignee(value: Any) -> str | None:
    people = [str(one) for one in value or ()]
    if len(people) > 1:
        raise RecordProblem("Linear takes one assignee.", field="hub.assignees")
    return people[0] if people else None


def _comment(fields: Mapping[str, Any], current: Mapping[str, Any] | None) -> str:
    text = str(fields.get("body", (current or {}).get("body")) or "")
    if not text.strip():
        raise RecordProblem("A comment cannot be empty.", field="body")
    signed = "" if current is None else str(current["hub"]["signed"])
    author = str(fields.get("hub.author") or "") if current is None or signed else ""
    return put_together(text, author or signed)
