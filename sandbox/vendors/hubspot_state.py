"""HubSpot's records and rules without HTTP: properties and their checks, associations, the recycle bin, events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import hubspot_seed as seed

TYPES = {"companies": "0-2", "contacts": "0-1", "deals": "0-3", "tasks": "0-27", "notes": "0-46"}
SINGULAR = {"companies": "company", "contacts": "contact", "deals": "deal", "tasks": "task", "notes": "note"}
MODIFIED = {"contacts": "lastmodifieddate"}
CREATED = {"contacts": "createdate", "companies": "createdate", "deals": "createdate"}
LIFECYCLE = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
)  # fmt: skip
LEAD_STATUS = (
    "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING",
)  # fmt: skip
PRIMARY = {("deals", "companies"): 5, ("contacts", "companies"): 1}
DEFAULT = {
    ("deals", "companies"): 341, ("contacts", "companies"): 279, ("deals", "contacts"): 3, ("tasks", "contacts"): 204,
    ("tasks", "companies"): 192, ("tasks", "deals"): 216, ("notes", "contacts"): 202, ("notes", "companies"): 190, ("notes", "deals"): 214,
}  # fmt: skip

_TEXT = ("string", "text", ())
_DATE = ("datetime", "date", ())
_OWNER = ("enumeration", "select", ())
PROPERTIES: Mapping[str, Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "companies": {
        **dict.fromkeys(("name", "domain", "website", "phone", "address", "zip", "city", "country", "description"), _TEXT),
        "hubspot_owner_id": _OWNER,
    },
    "contacts": {
        **dict.fromkeys(
            ("firstname", "lastname", "email", "phone", "jobtitle", "company", "website", "address", "zip", "city", "country",
             "favourite_wood"),
            _TEXT,
        ),
        "lifecyclestage": ("enumeration", "radio", LIFECYCLE),
        "hs_lead_status": ("enumeration", "radio", LEAD_STATUS),
        "hubspot_owner_id": _OWNER,
    },
    "deals": {
        **dict.fromkeys(("dealname", "description"), _TEXT),
        "dealstage": ("enumeration", "radio", ()),
        "pipeline": ("enumeration", "select", ()),
        "amount": ("number", "number", ()),
        "deal_currency_code": ("enumeration", "select", ("EUR", "USD", "GBP")),
        "closedate": _DATE,
        "dealtype": ("enumeration", "radio", ("newbusiness", "existingbusiness")),
        "hubspot_owner_id": _OWNER,
    },
    "tasks": {
        "hs_task_subject": _TEXT,
        "hs_task_body": ("string", "html", ()),
        "hs_task_status": ("enumeration", "select", ("NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED")),
        "hs_task_priority": ("enumeration", "select", ("NONE", "LOW", "MEDIUM", "HIGH")),
        "hs_task_type": ("enumeration", "select", ("TODO", "CALL", "EMAIL")),
        "hs_timestamp": _DATE,
        "hubspot_owner_id": _OWNER,
    },
    "notes": {"hs_note_body": ("string", "html", ()), "hs_timestamp": _DATE, "hubspot_owner_id": _OWNER},
}  # fmt: skip
READ_ONLY: Mapping[str, tuple[str, ...]] = {
    "companies": (),
    "contacts": ("hs_analytics_source", "hs_merged_object_ids"),
    "deals": ("hs_deal_stage_probability", "hs_is_closed"),
    "tasks": ("hs_task_completion_date",),
    "notes": (),
}
REQUIRED = {"tasks": ("hs_timestamp",), "notes": ("hs_timestamp",), "deals": ("dealname", "dealstage")}
DEFAULTS = {"tasks": {"hs_task_status": "NOT_STARTED", "hs_task_type": "TODO"}}

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")


def invalid(name: str, message: str, code: str = "INVALID_OPTION") -> Refusal:
    """HubSpot's refusal of a property's value."""
    inner = f'[{{"isValid":false,"message":"{message}","error":"{code}","name":"{name}"}}]'
    return Refusal(400, f"Property values were not valid: {inner}", code="VALIDATION_ERROR", field=name)


def missing(kind: str = "") -> Refusal:
    return Refusal(
        404, f"Object not found.  objectId are usually numeric. {kind}".strip(), code="OBJECT_NOT_FOUND"
    )


class HubSpotState(Vendor):
    """Records, associations and events of one account."""

    def tick(self) -> str:
        """The time, with milliseconds, later than any given before."""
        moment = self.now().astimezone(UTC)
        last = self.world.get("_clock", "last")
        if last and moment <= datetime.fromisoformat(last["at"]):
            moment = datetime.fromisoformat(last["at"]) + timedelta(milliseconds=1)
        text = moment.isoformat(timespec="milliseconds")
        self.world.put("_clock", "last", {"at": text})
        return text.replace("+00:00", "Z")

    # --- properties ----------------------------------------------------------------------------------------------

    def known(self, kind: str) -> dict[str, tuple[str, str, tuple[str, ...]]]:
        """Writable properties of a type, the account's own among them."""
        own = {
            one["name"]: (one["type"], one["fieldType"], ())
            for one in self.world.all("property")
            if one["objectType"] == kind
        }
        return {**PROPERTIES[kind], **own}

    def unique(self, kind: str) -> set[str]:
        own = {
            one["name"]
            for one in self.world.all("property")
            if one["objectType"] == kind and one.get("hasUniqueValue")
        }
        return own | ({"email"} if kind == "contacts" else set())

    def readable(self, kind: str) -> set[str]:
        standard = {
            "hs_object_id",
            MODIFIED.get(kind, "hs_lastmodifieddate"),
            CREATED.get(kind, "hs_createdate"),
        }
        return {*self.known(kind), *READ_ONLY[kind], *standard}

    def checked(
        self, kind: str, values: Mapping[str, Any], before: Mapping[str, Any]
    ) -> dict[str, str | None]:
        """Values as they are stored. Raises the refusal of the first that cannot be."""
        known = self.known(kind)
        done: dict[str, str | None] = {}
        for name, value in values.items():
            if name not in known:
                if name in self.readable(kind):
                    raise invalid(
                        name, f"{name} is a read only property; its value cannot be set.", "READ_ONLY_VALUE"
                    )
                raise invalid(name, f'Property \\"{name}\\" does not exist', "PROPERTY_DOESNT_EXIST")
            if not isinstance(value, str):
                raise Refusal(
                    400, f"Invalid input JSON: the value of {name} is no text", code="VALIDATION_ERROR"
                )
            done[name] = self._value(kind, name, value, known[name]) if value.strip() else None
        if done.get("lifecyclestage") and before.get("lifecyclestage"):
            places = (
                LIFECYCLE.index(str(done["lifecyclestage"])),
                LIFECYCLE.index(str(before["lifecyclestage"])),
            )
            if places[0] < places[1]:
                done.pop("lifecyclestage")  # forwards only, and without a word
        return done

    def _value(self, kind: str, name: str, value: str, spec: tuple[str, str, tuple[str, ...]]) -> str:
        type_, field, options = spec
        if name in ("dealstage", "pipeline"):
            options = tuple(self.stages() if name == "dealstage" else self.world.ids("pipeline"))
        if name == "hubspot_owner_id":
            options = tuple(self.world.ids("owner"))
        if type_ == "enumeration" and value not in options:
            raise invalid(name, f"{value} was not one of the allowed options")
        if type_ == "number":
            return _number(name, value)
        if type_ == "datetime":
            return _moment(name, value)
        if name == "email":
            if not _EMAIL.match(value):
                raise invalid(name, f"Email address {value} is invalid", "INVALID_EMAIL")
            return value.strip().lower()
        if not self.trouble.knobs.is_normalising:
            return value
        if field == "html":
            return value if value.lstrip().startswith("<") else f"<p>{value}</p>"
        return value.strip()

    def stages(self) -> dict[str, Mapping[str, Any]]:
        return {
            stage["id"]: {**stage, "pipeline": pipeline["id"]}
            for pipeline in self.world.all("pipeline")
            for stage in pipeline["stages"]
        }

    # --- records -------------------------------------------------------------------------------------------------

    def record(self, kind: str, id: str, *, archived: bool = False) -> Document:
        """The live (or archived) record; a merged one's id leads to the record it was merged into."""
        merged = self.world.get("merged", f"{kind}/{id}")
        found = self.world.get(kind, merged["into"] if merged else id)
        if found is None or found["archived"] != archived:
            raise missing()
        return found

    def by_property(self, kind: str, name: str, value: str) -> Document | None:
        return next(
            (
                one
                for one in self.world.all(kind)
                if not one["archived"] and str(one["properties"].get(name) or "") == value
            ),
            None,
        )

    def make(self, kind: str, values: Mapping[str, Any], *, actor: str, at: str = "") -> Document:
        done = self.checked(kind, {**DEFAULTS.get(kind, {}), **values}, {})
        for name in REQUIRED.get(kind, ()):
            if not done.get(name):
                raise invalid(name, f"Required property {name} is missing", "REQUIRED_FIELD")
        self._refuse_taken(kind, done, "")
        id = str(self.world.next_number("object", 15_000_000_001))
        moment = at or self.tick()
        document = {"id": id, "properties": {}, "createdAt": moment, "archived": False, "kind": kind}
        self._store(document, done, moment)
        self.announce(kind, id, "creation", actor)
        return document

    def change(self, kind: str, id: str, values: Mapping[str, Any], *, actor: str) -> Document:
        document = self.record(kind, id)
        done = self.checked(kind, values, document["properties"])
        self._refuse_taken(kind, done, id)
        changed = {name: value for name, value in done.items() if document["properties"].get(name) != value}
        if changed:
            self._store(document, done, self.tick())
            for name, value in changed.items():
                self.announce(kind, id, "propertyChange", actor, propertyName=name, propertyValue=value or "")
        return document

    def _refuse_taken(self, kind: str, values: Mapping[str, Any], id: str) -> None:
        for name in self.unique(kind):
            other = self.by_property(kind, name, str(values[name])) if values.get(name) else None
            if other is not None and other["id"] != id:
                what = SINGULAR[kind].capitalize()
                raise Refusal(409, f"{what} already exists. Existing ID: {other['id']}", code="CONFLICT")

    def _store(self, document: Document, values: Mapping[str, Any], moment: str) -> None:
        kind = document["kind"]
        properties = {**document["properties"], **values}
        if kind == "deals" and values.get("dealstage"):
            stage = self.stages()[str(values["dealstage"])]
            properties["pipeline"] = stage["pipeline"]
            properties["hs_deal_stage_probability"] = stage["metadata"]["probability"]
            properties["hs_is_closed"] = stage["metadata"]["isClosed"]
        if kind == "tasks" and "hs_task_status" in values:
            is_done = values["hs_task_status"] == "COMPLETED"
            properties["hs_task_completion_date"] = moment if is_done else None
        properties |= {
            "hs_object_id": document["id"],
            MODIFIED.get(kind, "hs_lastmodifieddate"): moment,
            CREATED.get(kind, "hs_createdate"): document["createdAt"],
        }
        document |= {"properties": properties, "updatedAt": moment}
        self.world.put(kind, document["id"], document)

    def archive(self, kind: str, id: str, *, actor: str) -> None:
        """Into the recycle bin; what is not there (any more) is no fault."""
        document = self.world.get(kind, id)
        if document is None or document["archived"]:
            return
        self.world.put(kind, id, {**document, "archived": True, "archivedAt": self.tick()})
        self.announce(kind, id, "deletion", actor)

    def merge(self, kind: str, kept: str, gone: str, *, actor: str) -> None:
        self.world.drop(kind, gone)
        self.world.put("merged", f"{kind}/{gone}", {"into": kept})
        extra = {"primaryObjectId": int(kept), "mergedObjectIds": [int(gone)], "newObjectId": int(kept)}
        self.announce(kind, kept, "merge", actor, **extra)

    # --- associations --------------------------------------------------------------------------------------------

    def beside(self, kind: str, id: str, to: str) -> list[str]:
        """Ids of the live records of type ``to`` that are associated, in the order they were."""
        found = [
            one["to"]
            for one in self.world.all("association")
            if (one["kind"], one["from"], one["of"]) == (kind, id, to)
        ]
        found += [
            one["from"]
            for one in self.world.all("association")
            if (one["of"], one["to"], one["kind"]) == (kind, id, to)
        ]
        return [
            one
            for one in dict.fromkeys(found)
            if (self.world.get(to, one) or {"archived": True})["archived"] is False
        ]

    def associate(self, kind: str, id: str, to: str, to_id: str, *, actor: str) -> None:
        self.record(kind, id), self.record(to, to_id)
        place = f"{kind}/{id}/{to}/{to_id}"
        if self.world.get("association", place) is None:
            self.world.put("association", place, {"kind": kind, "from": id, "of": to, "to": to_id})
            self._announce_link(kind, id, to, to_id, actor, removed=False)

    def dissociate(self, kind: str, id: str, to: str, to_id: str, *, actor: str) -> None:
        if self.world.drop("association", f"{kind}/{id}/{to}/{to_id}"):
            self._announce_link(kind, id, to, to_id, actor, removed=True)

    def _announce_link(self, kind: str, id: str, to: str, to_id: str, actor: str, *, removed: bool) -> None:
        extra = {
            "fromObjectId": int(id),
            "toObjectId": int(to_id),
            "associationType": f"{SINGULAR[kind]}_TO_{SINGULAR[to]}".upper(),
            "associationRemoved": removed,
            "isPrimaryAssociation": False,
        }
        self.announce(kind, "", "associationChange", actor, **extra)

    def type_ids(self, kind: str, id: str, to: str, to_id: str) -> list[int]:
        is_first = self.beside(kind, id, to)[:1] == [to_id]
        primary = PRIMARY.get((kind, to))
        default = DEFAULT.get((kind, to)) or DEFAULT.get((to, kind), 1) + 1
        return [primary, default] if primary and is_first else [default]

    # --- events --------------------------------------------------------------------------------------------------

    def announce(self, kind: str, id: str, action: str, actor: str, **extra: Any) -> None:
        """One event, in a list, to the app's address where a subscription asks for it."""
        event = f"{SINGULAR[kind]}.{action}"
        body = {
            "eventId": self.world.next_number("event", 100),
            "subscriptionId": 2_418_001,
            "portalId": seed.PORTAL,
            "appId": seed.APP_ID,
            "occurredAt": int(self.now().timestamp() * 1000),
            "subscriptionType": event,
            "attemptNumber": 0,
            **({"objectId": int(id)} if id else {}),
            "changeSource": "INTEGRATION" if actor == "app" else "CRM_UI",
            "sourceId": str(seed.APP_ID) if actor == "app" else f"userId:{actor or seed.OWNERS[0][4]}",
            **extra,
        }
        self._about = str(extra.get("propertyName") or "")
        self.emit(event, [body])

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        settings = self.world.get("settings", str(seed.APP_ID))
        wanted = self.world.where(
            "subscription",
            lambda one: (
                one["active"] and one["eventType"] == event and (one.get("propertyName") or "") == self._about
            ),
        )
        return [{"url": settings["targetUrl"]}] if settings and wanted else []

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        secret = seed.CLIENT_SECRET.encode()
        stamp = str(int(self.now().timestamp() * 1000))
        payload = b"POST" + str(subscription["url"]).encode() + body + stamp.encode()
        signature = base64.b64encode(hmac.new(secret, payload, hashlib.sha256).digest()).decode()
        return {
            "X-HubSpot-Signature": hashlib.sha256(secret + body).hexdigest(),
            "X-HubSpot-Signature-Version": "v1",
            "X-HubSpot-Signature-v3": signature,
            "X-HubSpot-Request-Timestamp": stamp,
        }


def _number(name: str, value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise invalid(name, f"{value} was not a valid number.", "INVALID_DOUBLE") from None
    return format(number.normalize(), "f")


def _moment(name: str, value: str) -> str:
    try:
        moment = (
            datetime.fromtimestamp(int(value) / 1000, UTC)
            if re.fullmatch(r"\d{10,14}", value)
            else datetime.fromisoformat(value)
        )
    except ValueError:
        raise invalid(name, f"{value} was not a valid date.", "INVALID_DATE") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
