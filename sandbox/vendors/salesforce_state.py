"""Salesforce's records and rules without HTTP: field types, required fields, picklists, rules, the recycle bin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import salesforce_seed as seed

PREFIX = {
    "User": "005",
    "Account": "001",
    "Contact": "003",
    "Lead": "00Q",
    "Opportunity": "006",
    "Task": "00T",
    "Event": "00U",
}
KEY = {seed.KEY_FIELD: "text:64"}
OWNED = {"OwnerId": "ref:User"}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "User": {"Name": "text:121", "Email": "text:128", "Phone": "text:40", "Title": "text:80", "CompanyName": "text:80",
             "IsActive": "bool", "UserType": "text:40"},
    "Account": {"Name": "text:255", "Phone": "text:40", "Website": "text:255", "Description": "text:32000", "BillingStreet": "text:255",
                "BillingPostalCode": "text:20", "BillingCity": "text:40", "BillingCountry": "text:80", "Industry": "text:255",
                **OWNED, **KEY},
    "Contact": {"FirstName": "text:40", "LastName": "text:80", "Email": "text:80", "Phone": "text:40", "Title": "text:128",
                "AccountId": "ref:Account", **OWNED, **KEY},
    "Lead": {"FirstName": "text:40", "LastName": "text:80", "Company": "text:255", "Email": "text:80", "Phone": "text:40",
             "LeadSource": "text:40", "Status": "pick", "Rating": "text:40", **OWNED, **KEY},
    "Opportunity": {"Name": "text:120", "StageName": "pick", "Amount": "number", "CloseDate": "date", "AccountId": "ref:Account",
                    "Description": "text:32000", **OWNED, **KEY},
    "Task": {"Subject": "text:255", "Description": "text:32000", "Status": "pick", "Priority": "pick", "ActivityDate": "date",
             "WhoId": "ref:", "WhatId": "ref:", **OWNED, **KEY},
    "Event": {"Subject": "text:255", "Description": "text:32000", "StartDateTime": "datetime", "EndDateTime": "datetime",
              "IsAllDayEvent": "bool", "Location": "text:255", **OWNED, **KEY},
}  # fmt: skip
READ_ONLY: Mapping[str, tuple[str, ...]] = {
    "User": (),
    "Account": ("MasterRecordId",),
    "Contact": ("MasterRecordId",),
    "Lead": (
        "MasterRecordId",
        "IsConverted",
        "ConvertedAccountId",
        "ConvertedContactId",
        "ConvertedOpportunityId",
    ),
    "Opportunity": ("Probability", "IsClosed", "IsWon"),
    "Task": ("IsClosed", "CompletedDateTime"),
    "Event": (),
}
SYSTEM = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp")
REQUIRED = {
    "Account": ("Name",), "Contact": ("LastName",), "Lead": ("LastName", "Company"), "Opportunity": ("Name", "StageName", "CloseDate"),
    "Event": ("StartDateTime", "EndDateTime"),
}  # fmt: skip
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Lead": {"Status": "Open - Not Contacted", "IsConverted": False},
    "Task": {"Status": "Not Started", "Priority": "Normal"},
    "Event": {"IsAllDayEvent": False},
}
PICKS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Opportunity", "StageName"): tuple(one[0] for one in seed.STAGES),
    ("Lead", "Status"): tuple(one[0] for one in seed.LEAD_STATUSES),
    ("Task", "Status"): tuple(one[0] for one in seed.TASK_STATUSES),
    ("Task", "Priority"): ("High", "Normal", "Low"),
}

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(short: str) -> str:
    """The 18 letters of an id of 15: three more that keep its capitals."""
    chunks = (short[at : at + 5] for at in (0, 5, 10))
    return short + "".join(
        _SUFFIX[sum(1 << place for place, char in enumerate(one) if char.isupper())] for one in chunks
    )


def bad(code: str, message: str, *fields: str, status: int = 400) -> Refusal:
    return Refusal(status, message, body=[{"message": message, "errorCode": code, "fields": list(fields)}])


def written(moment: datetime) -> str:
    """A time as Salesforce writes it: seconds, and an offset without a colon."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


class SalesforceState(Vendor):
    """Records of one org, by object."""

    def object_fields(self, name: str) -> dict[str, str]:
        """Every readable field of an object and its type."""
        if name not in FIELDS:
            raise Refusal(404, "The requested resource does not exist", code="NOT_FOUND")
        own = {} if name == "User" else {"IsDeleted": "bool"}
        read = dict.fromkeys(READ_ONLY[name], "text:18")
        return {"Id": "text:18", **FIELDS[name], **read, **own, **dict.fromkeys(SYSTEM[1:], "datetime")}

    def live(self, name: str, id: str) -> Document:
        found = next((one for one in self.world.all(name) if one["Id"][:15] == id[:15]), None)
        if found is not None and found.get("IsDeleted"):
            raise bad("ENTITY_IS_DELETED", "entity is deleted", status=404)
        if found is None:
            raise bad("NOT_FOUND", "The requested resource does not exist", status=404)
        return dict(found)

    def by_key(self, name: str, field: str, value: str) -> Document | None:
        if field != seed.KEY_FIELD or field not in FIELDS[name]:
            raise bad(
                "NOT_FOUND",
                f"Provided external ID field does not exist or is not accessible: {field}",
                status=404,
            )
        found = [one for one in self.world.all(name) if one.get(field) == value and not one.get("IsDeleted")]
        return dict(found[0]) if found else None

    # --- writing -------------------------------------------------------------------------------------------------

    def make(
        self, name: str, values: Mapping[str, Any], *, saves_duplicates: bool = False, at: str = ""
    ) -> Document:
        done = self.checked(name, values)
        number = self.world.next_number(name)
        document: Document = dict.fromkeys(self.object_fields(name))
        document |= {**DEFAULTS.get(name, {}), "OwnerId": self._first_user()} if name != "User" else {}
        document |= done
        for field in REQUIRED.get(name, ()):
            if document.get(field) in (None, ""):
                raise bad("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field}]", field)
        self._check_rules(name, document, done, {})
        if name == "Lead" and not saves_duplicates:
            self._refuse_duplicate(document)
        id = long_id(f"{PREFIX[name]}5g00000{number:05d}")
        stamp = at or written(self.now())
        document |= {"Id": id, "IsDeleted": False, "CreatedDate": stamp, "type": name}
        return self._store(name, document, done, stamp)

    def change(self, name: str, id: str, values: Mapping[str, Any]) -> Document:
        document, done = self.live(name, id), self.checked(name, values)
        if document.get("IsConverted"):
            raise bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        after = {**document, **done}
        for field in REQUIRED.get(name, ()):
            if after.get(field) in (None, ""):
                raise bad("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field}]", field)
        self._check_rules(name, after, done, document)
        return self._store(name, after, done, written(self.now()))

    def _store(self, name: str, document: Document, changed: Mapping[str, Any], stamp: str) -> Document:
        if name == "Opportunity" and "StageName" in changed:
            stage = next(one for one in seed.STAGES if one[0] == document["StageName"])
            document |= {"Probability": float(stage[1]), "IsClosed": stage[2], "IsWon": stage[3]}
        if name == "Task":
            is_closed = document["Status"] == "Completed"
            was = document.get("CompletedDateTime")
            document |= {"IsClosed": is_closed, "CompletedDateTime": (was or stamp) if is_closed else None}
        document |= {"LastModifiedDate": stamp, "SystemModstamp": stamp}
        return self.world.put(name, document["Id"], document)

    def drop(self, name: str, id: str) -> None:
        document, stamp = self.live(name, id), written(self.now())
        self.world.put(name, document["Id"], {**document, "IsDeleted": True, "SystemModstamp": stamp})
        self.world.put(
            "deletion", document["Id"], {"object": name, "id": document["Id"], "deletedDate": stamp}
        )

    def purge(self, name: str, id: str) -> None:
        """Out of the recycle bin; only the log still knows of it."""
        self.world.drop(name, id)

    def merge(self, name: str, kept: str, gone: str) -> None:
        document = self.live(name, gone)
        self.drop(name, gone)
        found = self.world.get(name, document["Id"]) or document
        self.world.put(name, document["Id"], {**found, "MasterRecordId": kept})

    # --- checks --------------------------------------------------------------------------------------------------

    def checked(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = {}
        for field, value in values.items():
            if field not in FIELDS[name]:
                if field in self.object_fields(name):
                    message = f"Unable to create/update fields: {field}. Please check the security settings of this field."
                    raise bad("INVALID_FIELD_FOR_INSERT_UPDATE", message, field)
                raise bad("INVALID_FIELD", f"No such column '{field}' on sobject of type {name}")
            done[field] = (
                None if value in (None, "") else self._value(name, field, value, FIELDS[name][field])
            )
        return done

    def _value(self, name: str, field: str, given: Any, kind: str) -> Any:
        word, _, detail = kind.partition(":")
        wanted: Any = {"bool": bool, "number": (int, float)}.get(word, str)
        if not isinstance(given, wanted) or (word == "number" and isinstance(given, bool)):
            raise bad("JSON_PARSER_ERROR", f"Cannot deserialize instance of {word} from {given!r} ({field})")
        value: Any = given
        match word:
            case "text":
                text = value.strip() if self.trouble.knobs.is_normalising else value
                if len(text) > int(detail):
                    raise bad(
                        "STRING_TOO_LONG",
                        f"{field}: data value too large: {text[:40]} (max length={detail})",
                        field,
                    )
                return text or None
            case "pick":
                if value not in PICKS[name, field]:
                    message = f"{field}: bad value for restricted picklist field: {value}"
                    raise bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, field)
            case "ref":
                self._check_reference(field, value, detail)
            case "date":
                if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                    raise bad(
                        "JSON_PARSER_ERROR", f"Cannot deserialize instance of date from {value} ({field})"
                    )
            case "datetime":
                return written(_moment(field, value))
        return value

    def _check_reference(self, field: str, value: str, target: str) -> None:
        names = [target] if target else [name for name, prefix in PREFIX.items() if value.startswith(prefix)]
        if not re.fullmatch(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?", value):
            raise bad("MALFORMED_ID", f"{field}: id value of incorrect type: {value}", field)
        found = [one for name in names for one in self.world.all(name) if one["Id"][:15] == value[:15]]
        if not found:
            raise bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", field)
        if field == "OwnerId" and not found[0]["IsActive"]:
            raise bad("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", field)

    def _check_rules(
        self, name: str, after: Mapping[str, Any], done: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        if name == "Opportunity" and after["StageName"] == "Closed Won" and not after.get("Amount"):
            raise bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A won opportunity needs an amount.", "Amount")
        is_converted = dict(seed.LEAD_STATUSES).get(str(done.get("Status")))
        if name == "Lead" and is_converted and before.get("Status") != done["Status"]:
            raise bad("INVALID_STATUS", "Leads are converted, not set to this status.", "Status")

    def _refuse_duplicate(self, lead: Mapping[str, Any]) -> None:
        same = [
            one
            for one in self.world.all("Lead")
            if not one["IsDeleted"] and lead.get("Email") and one["Email"] == lead["Email"]
        ]
        if not same:
            return
        matches = [
            {"fieldDiffs": [], "matchConfidence": 100.0, "record": {"attributes": {"type": "Lead"}, "Id": one["Id"]}} for one in same
        ]  # fmt: skip
        result = {
            "entityType": "Lead",
            "matchEngine": "ExactMatchEngine",
            "matchRecords": matches,
            "size": len(matches),
        }
        message = "Use one of these records?"
        duplicate = {
            "allowSave": True,
            "duplicateRule": "Standard_Lead_Duplicate_Rule",
            "matchResults": [result],
        }
        error = {"duplicateResult": duplicate, "errorCode": "DUPLICATES_DETECTED", "message": message}
        raise Refusal(400, message, body=[error])

    def _first_user(self) -> str:
        return str(next(iter(self.world.all("User")))["Id"])


def _moment(field: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise bad("JSON_PARSER_ERROR", f"Cannot deserialize instance of datetime from {value} ({field})")
    return moment
