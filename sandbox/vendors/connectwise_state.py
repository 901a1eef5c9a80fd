"""The service desk behind the ConnectWise stand-in: changes, the callbacks they cause, and the JSON the API shows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from sandbox.hooks import Delivery
from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Refusal

from . import connectwise_seed as seed
from .connectwise_query import bad

KINDS = {
    "board": "board",
    "status": "status",
    "company": "company",
    "priority": "priority",
    "owner": "member",
}
REFERENCES = {**KINDS, "type": "type", "project": "project", "phase": "phase"}
TEXTS = ("summary", "externalXRef", "contactEmailAddress", "poNumber")
MOMENTS = ("requiredDate", "estimatedStartDate")
FLAGS = ("processNotifications", "skipCallback")
PATCHABLE = frozenset(
    {*REFERENCES, *TEXTS, *MOMENTS, *FLAGS, "budgetHours", "customFields", "severity", "impact"}
)
INITIAL = ("initialDescription", "initialInternalAnalysis", "initialResolution")
NOTE_FLAGS = ("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag")


def missing(what: str, id: object) -> Refusal:
    body = {"code": "NotFound", "message": f"{what} {id} not found", "errors": None}
    return Refusal(404, body=body)


class ConnectWiseState(Vendor):
    # --- what there is -------------------------------------------------------------------------------------------

    def one(self, kind: str, id: object) -> Document:
        found = self.world.get(kind, str(id))
        if found is None:
            raise missing(kind.capitalize(), id)
        return found

    def ticket(self, id: str, space: str) -> Document:
        found = self.world.get("ticket", id)
        wanted = "ServiceTicket" if space == "service" else "ProjectTicket"
        if found is None or found["recordType"] != wanted:
            raise missing("Ticket", id)
        return found

    def info(
        self, by: int, before: Mapping[str, Any] | None = None, at: datetime | None = None
    ) -> dict[str, str]:
        """``_info`` of a record that ``by`` just changed; whole seconds, and no change is older than the one before."""
        stamp = f"{at or self.now():%Y-%m-%dT%H:%M:%SZ}"
        who = str((self.world.get("member", str(by)) or {"identifier": "contact"})["identifier"])
        entered = before or {"dateEntered": stamp, "enteredBy": who}
        return {
            **{k: str(entered[k]) for k in ("dateEntered", "enteredBy")},
            "lastUpdated": stamp,
            "updatedBy": who,
        }

    def named(self, kind: str, id: Any) -> dict[str, Any]:
        row = self.one(kind, id)
        if kind == "member":
            return {
                "id": row["id"],
                "identifier": row["identifier"],
                "name": f"{row['firstName']} {row['lastName']}",
            }
        if kind == "company":
            return {"id": row["id"], "identifier": row["identifier"], "name": row["name"]}
        if kind == "priority":
            return {"id": row["id"], "name": row["name"], "sort": row["sortOrder"], "level": row["level"]}
        return {"id": row["id"], "name": row.get("name") or row.get("description")}

    # --- tickets -------------------------------------------------------------------------------------------------

    def make_ticket(
        self, given: Mapping[str, Any], record_type: str, *, by: int, at: datetime | None = None
    ) -> Document:
        required = ("summary", "company") if record_type == "ServiceTicket" else ("summary", "phase")
        lacking = [name for name in required if not given.get(name)]
        if lacking:
            raise bad(
                "ticket object is invalid",
                *[("MissingRequired", f"{one} is required", one) for one in lacking],
            )
        values = self.checked({k: v for k, v in given.items() if k not in INITIAL})
        id = self.world.next_number("ticket", 1001)
        ticket: Document = {"id": id, "recordType": record_type, "closedFlag": False, **values}
        if record_type == "ProjectTicket":
            phase = self.one("phase", ticket["phase"]["id"])
            ticket["project"] = self.named("project", phase["projectId"])
            ticket.setdefault("company", self.one("project", phase["projectId"])["company"])
        ticket.setdefault("board", self.named("board", 1 if record_type == "ServiceTicket" else 3))
        ticket.setdefault("priority", self.named("priority", 3))
        first = self.statuses_of(ticket["board"]["id"])[0]
        ticket.setdefault("status", {"id": first["id"], "name": first["name"], "sort": first["sortOrder"]})
        self._settle(ticket, by)
        ticket["_info"] = self.info(by, at=at)
        self.world.put("ticket", str(id), ticket)
        for name, flag in zip(INITIAL, NOTE_FLAGS, strict=True):
            if given.get(name):
                self.make_note(ticket, {"text": given[name], flag: True}, by=by, at=at)
        self.call_back("added", ticket, by, is_quiet=bool(given.get("skipCallback")))
        return ticket

    def change_ticket(self, ticket: Document, given: Mapping[str, Any], *, by: int) -> Document:
        values = self.checked(given)
        after = {**ticket, **values}
        if not after.get("summary"):
            raise bad("ticket object is invalid", ("MissingRequired", "summary is required", "summary"))
        self._settle(after, by)
        after["_info"] = self.info(by, ticket["_info"])
        self.world.put("ticket", str(ticket["id"]), after)
        self.call_back("updated", after, by, is_quiet=bool(given.get("skipCallback")))
        return after

    def _settle(self, ticket: Document, by: int) -> None:
        """A status must be one of the board's; a closing one closes the ticket, another opens it again."""
        status = self.one("status", ticket["status"]["id"])
        if status["board"]["id"] != ticket["board"]["id"]:
            words = f"Status {status['id']} is not valid for board {ticket['board']['id']}"
            raise bad("ticket object is invalid", ("InvalidStatus", words, "status"))
        if status["closedStatus"] and not ticket["closedFlag"]:
            who = str(self.one("member", by)["identifier"])
            ticket |= {"closedFlag": True, "closedDate": f"{self.now():%Y-%m-%dT%H:%M:%SZ}", "closedBy": who}
        elif not status["closedStatus"]:
            ticket |= {"closedFlag": False, "closedDate": None, "closedBy": None}

    def drop_ticket(self, ticket: Document, *, by: int) -> None:
        id = ticket["id"]
        for kind in ("note", "task"):
            for child in self.world.where(kind, lambda one: one["ticketId"] == id):
                self.world.drop(kind, str(child["id"]))
        self.world.drop("ticket", str(id))
        self.call_back("deleted", ticket, by)

    def statuses_of(self, board_id: int) -> list[Document]:
        return self.world.where("status", lambda one: one["board"]["id"] == board_id)

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values as ConnectWise keeps them; anything it does not know is refused."""
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in PATCHABLE:
                raise bad("ticket object is invalid", ("InvalidField", f"{name} is not a field", name))
            if name in FLAGS:
                if not isinstance(value, bool):
                    raise bad(
                        "ticket object is invalid", ("InvalidField", f"{name} must be true or false", name)
                    )
                continue
            values[name] = None if value in (None, "") else self._checked(name, value)
        return values

    def _checked(self, name: str, value: Any) -> Any:
        if name in REFERENCES:
            if not isinstance(value, dict) or not isinstance(value.get("id"), int):
                raise bad("ticket object is invalid", ("InvalidField", f"{name} must be a reference", name))
            if self.world.get(REFERENCES[name], str(value["id"])) is None:
                raise bad(
                    "ticket object is invalid", ("InvalidReference", f"{name} {value['id']} is unknown", name)
                )
            return self.named(REFERENCES[name], value["id"])
        if name in TEXTS:
            if not isinstance(value, str) or len(value) > 100:
                raise bad(
                    "ticket object is invalid", ("MaxLength", f"{name} takes at most 100 characters", name)
                )
            return " ".join(value.split()) if self.trouble.knobs.is_normalising else value
        if name in MOMENTS and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(value)):
            raise bad("ticket object is invalid", ("InvalidField", f"{name} must be a UTC time", name))
        if name == "budgetHours":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise bad("ticket object is invalid", ("InvalidField", f"{name} must be a number", name))
            return float(value)
        return value

    # --- notes and tasks -----------------------------------------------------------------------------------------

    def make_note(
        self, ticket: Document, given: Mapping[str, Any], *, by: int, at: datetime | None = None
    ) -> Document:
        if not given.get("text") or not any(given.get(flag) for flag in NOTE_FLAGS):
            raise bad(
                "note object is invalid",
                ("MissingRequired", "text and one of the flags are required", "text"),
            )
        id = self.world.next_number("note", 5001)
        info = self.info(by, at=at)
        who: dict[str, Any] = (
            {"member": self.named("member", by)} if by else {"contact": {"id": 900, "name": "Mara Lindt"}}
        )
        note: Document = {
            "id": id, "ticketId": ticket["id"], "text": self._text(given["text"]), **who,
            **{flag: bool(given.get(flag)) for flag in NOTE_FLAGS}, "dateCreated": info["dateEntered"], "createdBy": info["enteredBy"],
            "_info": info,
        }  # fmt: skip
        self.world.put("note", str(id), note)
        if at is None:
            self.touch(ticket, by)
        return note

    def _text(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise bad("note object is invalid", ("MissingRequired", "text is required", "text"))
        return value.replace("\r\n", "\n").rstrip() if self.trouble.knobs.is_normalising else value

    def change_note(self, note: Document, given: Mapping[str, Any], *, by: int) -> Document:
        after = {**note, **given}
        after |= {"text": self._text(after["text"]), "_info": self.info(by, note["_info"])}
        self.world.put("note", str(note["id"]), after)
        self.touch(self.one("ticket", note["ticketId"]), by)
        return after

    def make_task(self, ticket: Document, given: Mapping[str, Any], *, by: int) -> Document:
        id = self.world.next_number("task", 7001)
        task: Document = {"id": id, "ticketId": ticket["id"], "closedFlag": False, "priority": id - 7000}
        task |= {**self._task_values(given), "_info": self.info(by)}
        if not task.get("notes") and not task.get("summary"):
            raise bad("task object is invalid", ("MissingRequired", "notes is required", "notes"))
        self.world.put("task", str(id), task)
        if by == seed.API_MEMBER:
            self.touch(ticket, by)
        return task

    def change_task(self, task: Document, given: Mapping[str, Any], *, by: int) -> Document:
        after = {**task, **self._task_values(given), "_info": self.info(by, task["_info"])}
        self.world.put("task", str(task["id"]), after)
        self.touch(self.one("ticket", task["ticketId"]), by)
        return after

    def _task_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name == "member":
                values[name] = self.named("member", value["id"]) if value else None
            elif (name in ("notes", "summary", "resolution") and isinstance(value, str)) or (
                name == "closedFlag" and isinstance(value, bool)
            ):
                values[name] = value
            else:
                raise bad("task object is invalid", ("InvalidField", f"{name} cannot be set so", name))
        return values

    def touch(self, ticket: Document, by: int) -> None:
        after = {**ticket, "_info": self.info(by, ticket["_info"])}
        self.world.put("ticket", str(ticket["id"]), after)
        self.call_back("updated", after, by)

    # --- callbacks -----------------------------------------------------------------------------------------------

    def call_back(self, action: str, ticket: Mapping[str, Any], by: int, *, is_quiet: bool = False) -> None:
        if is_quiet or not self.trouble.knobs.webhooks_on:
            return
        for hook in self.world.where(
            "callback", lambda one: not one["inactiveFlag"] and _concerns(one, ticket)
        ):
            if hook["isSelfSuppressedFlag"] and hook["memberId"] == by:
                continue
            who = str((self.world.get("member", str(by)) or {"identifier": ""})["identifier"])
            entity = {
                "Id": ticket["id"], "Summary": ticket["summary"], "RecordType": ticket["recordType"], "BoardID": ticket["board"]["id"],
                "StatusName": ticket["status"]["name"], "ClosedFlag": ticket["closedFlag"],
            }  # fmt: skip
            body = orjson.dumps(
                {
                    "MessageId": str(UUID(int=0xC0117ECF << 96 | self.world.next_number("message"))), "Action": action,
                    "CompanyId": seed.COMPANY, "ProductInstanceId": "4f7e-demo", "PartnerId": "demo", "FromUrl": "na.myconnectwise.net",
                    "Entity": None if action == "deleted" else orjson.dumps(entity).decode(), "ID": ticket["id"], "MemberId": who,
                    "Metadata": {"key_url": "https://na.myconnectwise.net/v4_6_release/services/keys/demo"}, "Type": "ticket",
                    "CallbackObjectRecId": hook["id"],
                }
            )  # fmt: skip
            headers = {"Content-Type": "application/json", "x-content-signature": signature(body)}
            params = {"id": str(ticket["id"]), "action": action}
            self.sender.send(
                Delivery(
                    self.slug,
                    hook["url"],
                    body,
                    headers,
                    action,
                    retry_delays=self.webhook_retry_delays,
                    params=params,
                )
            )

    # --- the hand-editing page -----------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        def names(kind: str, at: str = "name") -> dict[str, str]:
            return {str(row["id"]): str(row[at]) for row in self.world.all(kind)}

        statuses = {
            str(row["id"]): f"{self.one('board', row['board']['id'])['name']}: {row['name']}"
            for row in self.world.all("status")
        }
        fields = (
            SheetField("summary", "Summary"),
            SheetField("status.id", "Status", "choice", statuses),
            SheetField("priority.id", "Priority", "choice", names("priority")),
            SheetField("owner.id", "Owner", "choice", {"": "–", **names("member", "identifier")}),
            SheetField("company.id", "Company", "choice", names("company")),
            SheetField("requiredDate", "Required", "text"),
        )
        notes = (SheetField("ticketId", "Ticket", "number"), SheetField("text", "Text", "area"))
        return (
            Sheet("ticket", "Tickets", fields, title="summary"),
            Sheet("note", "Notes", notes, title="text"),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """``ticket``: the API's fields, references also as ``status.id``. ``note``: ticketId, text, flags."""
        by = int(actor) if actor.isdigit() else seed.MEMBERS[1][0]
        if kind == "note":
            given = {"text": values.get("text"), **{flag: values.get(flag, False) for flag in NOTE_FLAGS}}
            if id is not None:
                return str(self.change_note(self.one("note", id), {"text": values.get("text")}, by=by)["id"])
            if not any(given[flag] for flag in NOTE_FLAGS):
                given["detailDescriptionFlag"] = True
            return str(self.make_note(self.one("ticket", values.get("ticketId")), given, by=by)["id"])
        given = {}
        for name, value in values.items():
            is_reference = name.endswith(".id")
            given[name.removesuffix(".id")] = {"id": int(value)} if is_reference and value else value or None
        status = given.get("status")
        if status:
            given.setdefault("board", {"id": self.one("status", status["id"])["board"]["id"]})
        if id is None:
            given.setdefault("company", {"id": seed.COMPANIES[0][0]})
            return str(self.make_ticket(given, "ServiceTicket", by=by)["id"])
        return str(self.change_ticket(self.one("ticket", id), given, by=by)["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        by = int(actor) if actor.isdigit() else seed.MEMBERS[1][0]
        if kind == "ticket":
            self.drop_ticket(self.one("ticket", id), by=by)
            return
        row = self.one(kind, id)
        self.world.drop(kind, id)
        self.touch(self.one("ticket", row["ticketId"]), by)


def signature(body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the body; the key is the digest of the signing key's text."""
    key = hashlib.sha256(seed.SIGNING_KEY.encode()).digest()
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def _concerns(hook: Mapping[str, Any], ticket: Mapping[str, Any]) -> bool:
    if hook["type"] != "ticket":
        return False
    if hook["level"] == "owner":
        return True
    found = ticket if hook["level"] == "ticket" else ticket.get(hook["level"]) or {}
    return bool(found.get("id") == hook["objectId"])
