"""A project (v2) chosen in the settings, in the hub's terms and back: which of its fields stand for what, and what is
to be written. All of it is pure; ``board.py`` talks to GitHub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.base.errors import RecordProblem

#: what a field of the project may stand for → the path of an issue it is found at, and GitHub's type of field
ROLES: Mapping[str, tuple[str, str]] = {
    "status": ("hub.status", "SINGLE_SELECT"),
    "priority": ("hub.priority", "SINGLE_SELECT"),
    "start": ("hub.start_on", "DATE"),
    "due": ("hub.due_on", "DATE"),
    "estimate": ("hub.estimate", "NUMBER"),
}
DEFAULT_FIELDS: Mapping[str, str] = {"status": "Status"}

#: names people give priorities → the words of the priority labels; others stay as they are
PRIORITY_WORDS: Mapping[str, str] = {
    "p0": "urgent",
    "p1": "high",
    "p2": "medium",
    "p3": "low",
    "critical": "urgent",
    "normal": "medium",
}

#: where a row keeps its item: the item as ``board.item_in`` gives it, None if the issue is not in the project;
#: without this key nothing is known
ITEM = "project_item"
LEFT = "project_left_at"  # when an issue without an item was taken out of the project


@dataclass(frozen=True, slots=True)
class ProjectChoice:
    """The project by its number; ``owner`` "" stands for the repository's. ``fields``: role → the field's name."""

    number: int
    owner: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_FIELDS))

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ProjectChoice | None:
        found = project_in(settings.get("project"))
        return (
            None if found is None else cls(found[1], found[0], project_fields(settings.get("project_fields")))
        )

    def role_of(self, path: str) -> str:
        """What the path of an issue is to the project; "" if it has no field for it."""
        return next((role for role in self.fields if ROLES[role][0] == path), "")


def project_in(setting: Any) -> tuple[str, int] | None:
    """Owner ("" if not said) and number, from ``5`` or the project's address; None if there is no such thing."""
    found = re.fullmatch(
        r"(?:https?://[^/]+/(?:orgs|users)/([A-Za-z0-9-]+)/projects/)?#?([1-9]\d{0,8})(?:/.*)?",
        str(setting or "").strip(),
    )
    return (found.group(1) or "", int(found.group(2))) if found else None


def project_fields(setting: Any) -> dict[str, str]:
    """``priority = Priority; due = Target date`` as a mapping. The Status is always part of it."""
    if isinstance(setting, Mapping):
        pairs = [(str(role), str(name)) for role, name in setting.items()]
    else:
        parts = (part.partition("=") for part in re.split(r"[;\n]", str(setting or "")))
        pairs = [(role, name) for role, _, name in parts]
    given = {role.strip().lower(): name.strip() for role, name in pairs if name.strip()}
    return {**DEFAULT_FIELDS, **{role: name for role, name in given.items() if role in ROLES}}


def setting_problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the settings of the project, by setting."""
    asked, named = str(settings.get("project") or "").strip(), settings.get("project_fields")
    problems = []
    if asked and project_in(asked) is None:
        problems.append(
            ("project", "Give the project's number, as at the end of its address, or the address.")
        )
    if named and not asked:
        problems.append(("project_fields", "Choose a project first, or leave this empty."))
    words = named if isinstance(named, Mapping) else re.split(r"[;\n]", str(named or ""))
    roles = [str(word).partition("=")[0].strip().lower() for word in words if str(word).strip()]
    if any(role not in ROLES for role in roles):
        problems.append(
            ("project_fields", f"Write “priority = Priority; due = Target date”. Known: {', '.join(ROLES)}.")
        )
    if asked and str(settings.get("stage_labels") or "").strip().lower() not in (
        "",
        "off",
        "none",
        "no",
        "-",
    ):
        problems.append(("stage_labels", "With a project the stage comes from its Status: leave this empty."))
    return problems


def priority_word(name: Any) -> str | None:
    """“🌋 Urgent”, “P0” and “Critical” are all ``urgent``; None for no priority."""
    word = re.sub(r"^\W+", "", str(name or "").strip().casefold())
    return PRIORITY_WORDS.get(word, word) or None


def take_over(hub: dict[str, Any], row: Mapping[str, Any], choice: ProjectChoice) -> None:
    """Puts the project's values into ``hub``, where the labels' would be.

    A closed issue is closed, wherever its item stands. ``board`` is listed, archived or absent. Where nothing is known
    of the item its values are left out: not known is not the same as empty.
    """
    if ITEM not in row:
        for role in choice.fields:
            name = ROLES[role][0].removeprefix("hub.")
            if role != "status" or hub.get("status") == "open":
                hub.pop(name, None)
        return
    item = row[ITEM]
    values: Mapping[str, Any] = item["values"] if item else {}
    hub["board"] = "absent" if item is None else "archived" if item["is_archived"] else "listed"
    if hub.get("status") == "open" and values.get("status"):
        hub["status"] = f"open/{values['status']}"
    hub.update(
        {ROLES[role][0].removeprefix("hub."): values.get(role) for role in choice.fields if role != "status"}
    )


def changes_for(fields: Mapping[str, Any], row: Mapping[str, Any], choice: ProjectChoice) -> dict[str, Any]:
    """Role → new value (None clears) for what ``fields`` change of the item. Closing leaves the Status alone."""
    item = row.get(ITEM)
    held: Mapping[str, Any] = item["values"] if item else {}
    changes: dict[str, Any] = {}
    for path, value in fields.items():
        role = choice.role_of(path)
        if role == "status":
            state, _, option = str(value or "").partition("/")
            if state == "open" and (option or None) != held.get(role):
                changes[role] = option or None
        elif role and (wanted := _checked(role, value)) != held.get(role):
            changes[role] = wanted
    return changes


def _checked(role: str, value: Any) -> Any:
    """The value as an item's values hold it. Raises ``RecordProblem`` naming the field."""
    path = ROLES[role][0]
    if value in (None, ""):
        return None
    try:
        match role:
            case "priority":
                return priority_word(value)
            case "start" | "due":
                return date.fromisoformat(str(value)[:10]).isoformat()
            case _:
                return float(value)
    except (TypeError, ValueError) as error:
        raise RecordProblem(f"{value!r} does not fit this field of the project.", field=path) from error
