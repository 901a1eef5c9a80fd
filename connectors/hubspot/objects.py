"""HubSpot's kinds of records: where they are, what is asked for, and their values in the hub's terms. All of it is pure.

Every property is text on the wire, and only properties that are asked for come back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape, unescape
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.times import format_instant, parse_instant

MAX_NOTE = 65_536
NO_DUE_DATE_MS = 1
"""A HubSpot task must have a due date. One that has none here is sent with this millisecond, which no person enters
in HubSpot; until somebody there sets another date it reads as none."""

_FOOTER = re.compile(r"\s*<p>(?:<em>)?— (?P<author>[^<]{1,250}?), via Lockstep(?:</em>)?</p>")
_ID = re.compile(r"\d{1,19}\Z")


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One type of record. ``path`` is its name in addresses; ``related`` the types whose ids are read with it."""

    path: str
    type_id: str
    scope: str
    properties: tuple[str, ...]
    modified: str = "hs_lastmodifieddate"
    related: tuple[str, ...] = ()
    parent: str = ""  # type that a note stands on


_NOTE = ("hs_note_body", "hs_timestamp", "hubspot_owner_id")

OBJECTS: Mapping[str, ObjectType] = {
    "company": ObjectType(
        "companies",
        "0-2",
        "crm.objects.companies",
        ("name", "domain", "website", "phone", "address", "zip", "city", "country", "hubspot_owner_id"),
    ),
    "contact": ObjectType(
        "contacts",
        "0-1",
        "crm.objects.contacts",
        (
            "firstname", "lastname", "email", "phone", "jobtitle", "company", "website", "lifecyclestage", "hs_lead_status",
            "hs_analytics_source", "hubspot_owner_id", "address", "zip", "city", "country",
        ),
        modified="lastmodifieddate",
    ),
    "deal": ObjectType(
        "deals",
        "0-3",
        "crm.objects.deals",
        (
            "dealname", "dealstage", "pipeline", "amount", "deal_currency_code", "closedate", "description", "hubspot_owner_id",
            "hs_deal_stage_probability",
        ),
        related=("companies",),
    ),
    "task": ObjectType(
        "tasks",
        "0-27",
        "crm.objects.contacts",
        (
            "hs_task_subject", "hs_task_body", "hs_task_status", "hs_task_priority", "hs_timestamp", "hubspot_owner_id",
            "hs_task_completion_date",
        ),
    ),
    "deal_note": ObjectType("notes", "0-46", "crm.objects.contacts", _NOTE, related=("deals",), parent="deals"),
    "contact_note": ObjectType("notes", "0-46", "crm.objects.contacts", _NOTE, related=("contacts",), parent="contacts"),
    "company_note": ObjectType("notes", "0-46", "crm.objects.contacts", _NOTE, related=("companies",), parent="companies"),
}  # fmt: skip


@dataclass(slots=True)
class ObjectWrite:
    """What to send: ``properties`` in one request; ``company`` the deal's new company ("" for none, None: as it is)."""

    properties: dict[str, str] = field(default_factory=dict)
    company: str | None = None


def is_object_id(text: str) -> bool:
    return bool(_ID.match(text))


# --- reading -----------------------------------------------------------------------------------------------------


def related_ids(row: Mapping[str, Any], to: str) -> list[str]:
    """Ids of the records of type ``to`` beside this one, the primary one first, then by number."""
    associations = row.get("associations")
    found = associations.get(to) if isinstance(associations, dict) else None
    results = found.get("results") if isinstance(found, dict) else None
    rows = [one for one in results or () if isinstance(one, dict) and is_object_id(str(one.get("id") or ""))]
    ordered = sorted(
        rows, key=lambda one: (str(one.get("type") or "").endswith("_unlabeled"), int(one["id"]))
    )
    return list(dict.fromkeys(str(one["id"]) for one in ordered))


def normalised(resource: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The record with empty properties as None, and what has another shape here below ``hub``."""
    kind = OBJECTS[resource]
    given = row.get("properties")
    properties = {
        name: None if value == "" else value
        for name, value in (given if isinstance(given, dict) else {}).items()
        if value is None or isinstance(value, str)
    }
    hub: dict[str, Any] = {}
    if kind.path == "deals":
        hub["company"] = next(iter(related_ids(row, "companies")), None)
    elif kind.path == "tasks":
        owner = properties.get("hubspot_owner_id")
        hub = {"owners": [owner] if owner else [], "due_at": _due_at(properties.get("hs_timestamp"))}
    elif kind.parent:
        body, author = without_footer(properties.get("hs_note_body"))
        hub = {"parent": next(iter(related_ids(row, kind.parent)), None), "body": body, "author": author}
    return {**row, "properties": properties, "hub": hub}


def _due_at(value: str | None) -> str | None:
    moment = parse_instant(value)
    if moment is None or moment.microsecond == NO_DUE_DATE_MS * 1000:
        return None
    return value


def without_footer(body: str | None) -> tuple[str | None, str]:
    """A note's text and the author that the hub put below it ("" where none)."""
    found = _FOOTER.search(body or "")
    if body is None or found is None:
        return body, ""
    return (body[: found.start()] + body[found.end() :]) or None, unescape(found["author"])


# --- writing -----------------------------------------------------------------------------------------------------


def as_property(value: Any) -> str:
    """A value as HubSpot wants it; "" clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def object_write(
    resource: str, fields: Mapping[str, Any], current: Mapping[str, Any] | None, *, now: datetime
) -> ObjectWrite:
    """What a create (``current`` None) or an update sends. Raises ``RecordProblem`` naming the field."""
    write = ObjectWrite()
    for path, value in fields.items():
        match path.partition("."):
            case "properties", _, name if name:
                write.properties[name] = as_property(value)
            case "hub", _, "company" if resource == "deal":
                write.company = str(value or "")
            case "hub", _, "owners" if resource == "task":
                write.properties["hubspot_owner_id"] = _one_owner(value)
            case "hub", _, "due_at" if resource == "task":
                write.properties["hs_timestamp"] = as_property(value) or _no_due_date(now)
            case "hub", _, "body" | "author" if OBJECTS[resource].parent:
                write.properties["hs_note_body"] = _note_body(fields, current)
            case _:
                raise RecordProblem(f"HubSpot does not let {path} be written.", field=path)
    if current is None and OBJECTS[resource].path == "tasks":
        write.properties.setdefault("hs_timestamp", _no_due_date(now))
    if current is None and OBJECTS[resource].path == "notes":
        write.properties.setdefault("hs_timestamp", format_instant(now, "iso8601_ms", granularity="ms"))
    return write


def _no_due_date(now: datetime) -> str:
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(milliseconds=NO_DUE_DATE_MS)
    return str(format_instant(noon, "iso8601_ms", granularity="ms"))


def _one_owner(value: Any) -> str:
    owners = list(value or ())
    if len(owners) > 1:
        raise RecordProblem("A HubSpot task has one owner: leave one person assigned.", field="hub.owners")
    return str(owners[0]) if owners else ""


def _note_body(fields: Mapping[str, Any], current: Mapping[str, Any] | None) -> str:
    before = (current or {}).get("hub") or {}
    text = str(fields.get("hub.body", before.get("body")) or "")
    if not text.strip():
        raise RecordProblem("A note cannot be empty.", field="hub.body")
    author = " ".join(str(fields.get("hub.author", before.get("author")) or "").split())[:200]
    body = f"{text}<p><em>— {escape(author, quote=False)}, via Lockstep</em></p>" if author else text
    if len(body) > MAX_NOTE:
        raise RecordProblem(f"A note may have {MAX_NOTE} characters.", field="hub.body")
    return body
