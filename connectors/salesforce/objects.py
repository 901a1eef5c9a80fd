"""Salesforce's objects: which fields are asked for, queries, and values in the hub's terms and back. All of it is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.times import format_instant, parse_instant

DEFAULT_CLOSE_DAYS = 30
NOT_PROVIDED = "[not provided]"
"""What Salesforce itself writes where a lead's company is not known."""


@dataclass(frozen=True, slots=True)
class SObject:
    """One object. ``where`` narrows every listing; ``merges`` is True where a deleted record may name its master."""

    name: str
    fields: tuple[str, ...]
    where: str = ""
    merges: bool = False
    deletable: bool = True


SOBJECTS: Mapping[str, SObject] = {
    "user": SObject(
        "User",
        ("Name", "Email", "Phone", "Title", "CompanyName", "IsActive"),
        where="UserType = 'Standard'",
        deletable=False,
    ),
    "account": SObject(
        "Account",
        (
            "Name", "Phone", "Website", "Description", "OwnerId", "BillingStreet", "BillingPostalCode", "BillingCity",
            "BillingCountry",
        ),
        merges=True,
    ),
    "contact": SObject(
        "Contact", ("FirstName", "LastName", "Email", "Phone", "Title", "AccountId", "OwnerId"), merges=True
    ),
    "lead": SObject(
        "Lead",
        (
            "FirstName", "LastName", "Company", "Email", "Phone", "LeadSource", "Status", "OwnerId", "IsConverted",
            "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId",
        ),
        merges=True,
    ),
    "opportunity": SObject(
        "Opportunity",
        ("Name", "StageName", "Amount", "CloseDate", "Probability", "AccountId", "OwnerId", "Description", "IsClosed", "IsWon"),
    ),
    "task": SObject(
        "Task",
        (
            "Subject", "Description", "Status", "Priority", "ActivityDate", "OwnerId", "WhoId", "WhatId", "IsClosed",
            "CompletedDateTime",
        ),
    ),
    "event": SObject(
        "Event",
        ("Subject", "Description", "StartDateTime", "EndDateTime", "IsAllDayEvent", "Location", "OwnerId"),
    ),
}  # fmt: skip

_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?\Z")
_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}


def is_record_id(text: str) -> bool:
    return bool(_ID.match(text))


# --- queries -----------------------------------------------------------------------------------------------------


def soql_text(value: str) -> str:
    """A text literal. Everything that could end it is escaped."""
    return "'" + "".join(_ESCAPES.get(char, char) for char in value) + "'"


def soql_moment(moment: datetime) -> str:
    return str(format_instant(moment, "iso8601"))


def listing(
    object_: SObject, fields: Sequence[str], *, since: datetime | None, after: Sequence[str] = ()
) -> str:
    """Everything, or what changed since, oldest change first; ``after`` (time, id) goes on behind that record."""
    conditions = [object_.where] if object_.where else []
    if after:
        moment = parse_instant(after[0])
        at = soql_moment(moment) if moment else "1970-01-01T00:00:00Z"
        conditions.append(
            f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {soql_text(after[1])}))"
        )
    elif since is not None:
        conditions.append(f"SystemModstamp >= {soql_moment(since)}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(fields)} FROM {object_.name}{where} ORDER BY SystemModstamp, Id"  # noqa: S608


def by_ids(object_: SObject, ids: Iterable[str]) -> str:
    """Whether records are deleted, and into which others they were merged."""
    master = ", MasterRecordId" if object_.merges else ""
    among = ", ".join(soql_text(id) for id in ids)
    return f"SELECT Id, IsDeleted{master} FROM {object_.name} WHERE Id IN ({among})"  # noqa: S608


# --- values ------------------------------------------------------------------------------------------------------


def normalised(resource: str, row: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The record without the envelope, and what has another shape here below ``hub``."""
    data = {name: value for name, value in row.items() if name not in ("attributes", "IsDeleted")}
    hub: dict[str, Any] = {"url": url}
    if resource == "task":
        hub["owners"] = [row["OwnerId"]] if row.get("OwnerId") else []
    return {**data, "hub": hub}


def record_body(resource: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent. Raises ``RecordProblem`` naming the field."""
    body: dict[str, Any] = {}
    for path, value in fields.items():
        if path == "hub.owners" and resource == "task":
            owners = list(value or ())
            if len(owners) != 1:
                # a Salesforce task always belongs to somebody, and to one
                raise RecordProblem("A Salesforce task has one owner: assign exactly one person.", field=path)
            body["OwnerId"] = owners[0]
        elif re.fullmatch(r"\w+", path):
            body[path] = value
        else:
            raise RecordProblem(f"Salesforce does not let {path} be written.", field=path)
    return body


def with_defaults(
    resource: str, body: Mapping[str, Any], *, now: datetime, first_stage: str
) -> dict[str, Any]:
    """A new record with what Salesforce insists on and has no counterpart here."""
    given = {name: value for name, value in body.items() if value is not None}
    match resource:
        case "opportunity":
            close = (now + timedelta(days=DEFAULT_CLOSE_DAYS)).date().isoformat()
            return {"StageName": first_stage, "CloseDate": close, **given}
        case "lead":
            return {"Company": NOT_PROVIDED, **given}
    return given
