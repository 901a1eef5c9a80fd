"""A stand-in for ConnectWise PSA (REST below /v4_6_release/apis/3.0), held to its document and vendors/connectwise.md."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture
from sandbox.web import Call, Refusal, Reply, Route, route

from . import connectwise_seed as seed
from .connectwise_query import bad, page_of
from .connectwise_state import INITIAL, NOTE_FLAGS, PATCHABLE, ConnectWiseState, missing

API = "/v4_6_release/apis/3.0"
LIST = "conditions childConditions customFieldConditions orderBy fields page pageSize pageId"
SPACES = ("service", "project")
CALLBACK_FIELDS = frozenset(
    {
        "description",
        "url",
        "objectId",
        "type",
        "level",
        "payloadVersion",
        "inactiveFlag",
        "isSelfSuppressedFlag",
    }
)


class ConnectWise(ConnectWiseState):
    slug = "connectwise"
    name = "ConnectWise PSA"
    colour = "#0b5c9c"
    tagline = "Northwind IT: help desk, alerts, two projects"
    limit_per_minute = 1000
    webhook_retry_delays = (2.0, 4.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        info = self.info(0, at=seed.START)
        put = self.world.put
        for id, identifier, first, last, email, title, licence in seed.MEMBERS:
            row: Document = {
                "id": id,
                "identifier": identifier,
                "firstName": first,
                "lastName": last,
                "title": title,
            }
            row |= {
                "hireDate": "2020-01-06T00:00:00Z",
                "defaultEmail": "Office",
                "defaultPhone": "Office",
                "securityRole": {"id": 63, "name": "Service"},
            }
            row |= {"officeEmail": email, "licenseClass": licence, "inactiveFlag": False, "_info": info}
            put("member", str(id), row)
        for id, identifier, name, phone, site in seed.COMPANIES:
            row = {"id": id, "identifier": identifier, "name": name, "phoneNumber": phone, "website": site}
            put(
                "company",
                str(id),
                {**row, "city": "Berlin", "zip": "10115", "deletedFlag": False, "_info": info},
            )
        for id, name, is_project in seed.BOARDS:
            row = {"id": id, "name": name, "projectFlag": is_project, "inactiveFlag": False, "_info": info}
            row |= {"location": {"id": 2, "name": "Berlin"}, "department": {"id": 10, "name": "Services"}}
            put("board", str(id), row)
        for place, (board, id, name, is_closed) in enumerate(seed.STATUSES):
            row = {
                "id": id,
                "name": name,
                "board": {"id": board, "name": self.one("board", board)["name"]},
                "sortOrder": place,
            }
            row |= {"closedStatus": is_closed, "inactive": False, "defaultFlag": id % 10 == 1, "_info": info}
            put("status", str(id), row)
        for id, name, level, colour in seed.PRIORITIES:
            put(
                "priority",
                str(id),
                {"id": id, "name": name, "level": level, "color": colour, "sortOrder": id, "_info": info},
            )
        for id, board, name in seed.TYPES:
            put("type", str(id), {"id": id, "name": name, "board": {"id": board}, "_info": info})
        for id, name, company, manager in seed.PROJECTS:
            row = {
                "id": id, "name": name, "company": self.named("company", company), "manager": self.named("member", manager),
                "board": {"id": 3, "name": "Projects"}, "status": {"id": 1, "name": "Open"}, "closedFlag": False,
                "billingMethod": "ActualRates", "estimatedStart": "2026-11-01T12:00:00Z", "estimatedEnd": "2026-12-20T12:00:00Z",
            }  # fmt: skip
            put("project", str(id), {**row, "_info": info})
        for id, project, name in seed.PHASES:
            put("phase", str(id), {"id": id, "projectId": project, "description": name, "_info": info})
        self._seed_tickets()

    def _seed_tickets(self) -> None:
        made = []
        for given in seed.tickets():
            at, record_type = given.pop("at"), given.pop("recordType")
            by = given["owner"] or seed.MEMBERS[4][0]
            references = ("board", "status", "company", "priority", "owner", "type", "phase")
            values = {k: {"id": v} if k in references and v else v for k, v in given.items()}
            made.append(self.make_ticket(values, record_type, by=by, at=at))
        for place, author, text, is_internal in seed.NOTES:
            flag = "internalAnalysisFlag" if is_internal else "detailDescriptionFlag"
            self.make_note(made[place], {"text": text, flag: True}, by=author, at=seed.START)
        for place, words, is_closed, member in seed.TASKS:
            who = {"id": member} if member else None
            self.make_task(
                made[place], {"notes": words, "closedFlag": is_closed, "member": who}, by=seed.MEMBERS[1][0]
            )

    def authenticate(self, call: Call) -> str:
        kind, _, text = call.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(text, validate=True).decode() if kind == "Basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        if call.headers.get("clientId") != seed.CLIENT_ID:
            raise self._unauthorised("ClientId is missing or unknown")
        if given != f"{seed.COMPANY}+{seed.PUBLIC_KEY}:{seed.PRIVATE_KEY}":
            raise self._unauthorised("Unauthorized")
        return str(seed.API_MEMBER)

    def _unauthorised(self, message: str) -> Refusal:
        return Refusal(401, body={"code": "Unauthorized", "message": message, "errors": None})

    def refuse(self, refusal: Refusal) -> Any:
        if refusal.status == 429:
            return {
                "error": "ConnectWiseAPI",
                "message": "Too many requests. Please try again in 30 seconds.",
            }
        return {"code": refusal.code or "InvalidObject", "message": refusal.message, "errors": None}

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise bad(f"{name} is not a parameter.")

    # --- reading -------------------------------------------------------------------------------------------------

    def _listing(self, call: Call, rows: Iterable[Document], space: str = "service") -> list[dict[str, Any]]:
        names = [part for part in call.query.get("fields", "").split(",") if part]
        shown = [_shown(row, space) for row in page_of(call, list(rows))]
        return [{k: v for k, v in row.items() if k in names} for row in shown] if names else shown

    @route("GET", f"{API}/system/info")
    def system_info(self, call: Call) -> Any:
        return {
            "version": "v2026.4.98765",
            "isCloud": True,
            "serverTimeZone": "Eastern Standard Time",
            "cloudRegion": "NA",
        }

    @route("GET", f"{API}/system/myMembers")
    def me(self, call: Call) -> Any:
        return _shown(self.one("member", call.actor))

    @route("GET", f"{API}/system/members", query=LIST)
    def members(self, call: Call) -> Any:
        return self._listing(call, self.world.all("member"))

    @route("GET", f"{API}/system/members/<id>", query="fields")
    def member(self, call: Call, id: str) -> Any:
        return _shown(self.one("member", id))

    @route("GET", f"{API}/company/companies", query=LIST)
    def companies(self, call: Call) -> Any:
        return self._listing(call, self.world.all("company"))

    @route("GET", f"{API}/company/companies/<id>", query="fields")
    def company(self, call: Call, id: str) -> Any:
        return _shown(self.one("company", id))

    @route("PATCH", f"{API}/company/companies/<id>")
    def patch_company(self, call: Call, id: str) -> Any:
        return self._patch_plain(call, "company", id, ("name", "phoneNumber", "website"))

    @route("GET", f"{API}/project/projects", query=LIST)
    def projects(self, call: Call) -> Any:
        return self._listing(call, self.world.all("project"))

    @route("GET", f"{API}/project/projects/<id>", query="fields")
    def project(self, call: Call, id: str) -> Any:
        return _shown(self.one("project", id))

    @route("PATCH", f"{API}/project/projects/<id>")
    def patch_project(self, call: Call, id: str) -> Any:
        allowed = ("name", "description", "estimatedStart", "estimatedEnd", "manager")
        return self._patch_plain(call, "project", id, allowed)

    @route("GET", f"{API}/project/projects/<id>/phases", query=LIST)
    def phases(self, call: Call, id: str) -> Any:
        project = self.one("project", id)["id"]
        return self._listing(call, self.world.where("phase", lambda one: one["projectId"] == project))

    @route("GET", f"{API}/project/statuses", query=LIST)
    def project_statuses(self, call: Call) -> Any:
        info = self.info(0, at=seed.START)
        rows = [
            {"id": 1, "name": "Open", "closedFlag": False},
            {"id": 2, "name": "Closed", "closedFlag": True},
        ]
        return self._listing(call, [{**row, "_info": info} for row in rows])

    @route("GET", f"{API}/service/boards", query=LIST)
    def boards(self, call: Call) -> Any:
        return self._listing(call, self.world.all("board"))

    @route("GET", f"{API}/service/boards/<id>/statuses", query=LIST)
    def statuses(self, call: Call, id: str) -> Any:
        return self._listing(call, self.statuses_of(self.one("board", id)["id"]))

    @route("GET", f"{API}/service/boards/<id>/types", query=LIST)
    def types(self, call: Call, id: str) -> Any:
        board = self.one("board", id)["id"]
        return self._listing(call, self.world.where("type", lambda one: one["board"]["id"] == board))

    @route("GET", f"{API}/service/boards/<id>/teams", query=LIST)
    def teams(self, call: Call, id: str) -> Any:
        info = self.info(0, at=seed.START)
        return self._listing(call, [{"id": 61, "name": "Service Team", "_info": info}])

    @route("GET", f"{API}/service/priorities", query=LIST)
    def priorities(self, call: Call) -> Any:
        return self._listing(call, self.world.all("priority"))

    # --- tickets -------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/<any(service,project):space>/tickets", query=LIST)
    def tickets(self, call: Call, space: str) -> Any:
        wanted = "ServiceTicket" if space == "service" else "ProjectTicket"
        rows = self.world.where("ticket", lambda one: one["recordType"] == wanted)
        return self._listing(call, self._settled(rows), space)

    def _settled(self, rows: list[Document]) -> list[Document]:
        seen = {id(row): row["_info"]["lastUpdated"] for row in rows}
        dated = [{"at": seen[id(row)], "row": row} for row in rows]
        return [one["row"] for one in self.visible(dated, "at")]

    @route("POST", f"{API}/<any(service,project):space>/tickets")
    def create_ticket(self, call: Call, space: str) -> Any:
        body = _object(call)
        record_type = "ServiceTicket" if space == "service" else "ProjectTicket"
        if space == "project" and "externalXRef" in body:
            raise bad(
                "ticket object is invalid", ("InvalidField", "externalXRef is not a field", "externalXRef")
            )
        unknown = set(body) - PATCHABLE - set(INITIAL)
        if unknown:
            raise bad("ticket object is invalid", ("InvalidField", "is not a field", min(unknown)))
        ticket = self.make_ticket(body, record_type, by=int(call.actor))
        return Reply(_shown(ticket, space), 201)

    @route("GET", f"{API}/<any(service,project):space>/tickets/<id>", query="fields")
    def one_ticket(self, call: Call, space: str, id: str) -> Any:
        return _shown(self.ticket(id, space), space)

    @route("PATCH", f"{API}/<any(service,project):space>/tickets/<id>")
    def patch_ticket(self, call: Call, space: str, id: str) -> Any:
        ticket = self.ticket(id, space)
        return _shown(self.change_ticket(ticket, _patch(call), by=int(call.actor)), space)

    @route("DELETE", f"{API}/<any(service,project):space>/tickets/<id>")
    def delete_ticket(self, call: Call, space: str, id: str) -> Any:
        ticket = self.ticket(id, space)
        if self.world.where("task", lambda one: one["ticketId"] == ticket["id"] and "timeEntries" in one):
            raise Refusal(
                409, body={"code": "Conflict", "message": "The ticket has time entries.", "errors": None}
            )
        self.drop_ticket(ticket, by=int(call.actor))
        return Reply(None, 204)

    def convert(self, id: str) -> None:
        """A person makes a service ticket a project's: the id stays, the address changes."""
        ticket = self.one("ticket", id)
        self.world.put(
            "ticket", id, {**ticket, "recordType": "ProjectTicket", "phase": self.named("phase", 81)}
        )

    # --- notes and tasks -----------------------------------------------------------------------------------------

    def _children(self, kind: str, space: str, ticket_id: str) -> list[Document]:
        ticket = self.ticket(ticket_id, space)
        return self.world.where(kind, lambda one: one["ticketId"] == ticket["id"])

    def _child(self, kind: str, space: str, ticket_id: str, id: str) -> Document:
        found = self.world.get(kind, id)
        if found is None or found["ticketId"] != self.ticket(ticket_id, space)["id"]:
            raise missing(kind.capitalize(), id)
        return found

    @route("GET", f"{API}/<any(service,project):space>/tickets/<ticket>/notes", query=LIST)
    def notes(self, call: Call, space: str, ticket: str) -> Any:
        return self._listing(call, self._children("note", space, ticket), space)

    @route("POST", f"{API}/<any(service,project):space>/tickets/<ticket>/notes")
    def create_note(self, call: Call, space: str, ticket: str) -> Any:
        body = _object(call)
        allowed = {"text", *NOTE_FLAGS, *(("processNotifications",) if space == "service" else ())}
        if not set(body) <= allowed:
            raise bad("note object is invalid", ("InvalidField", "is not a field", min(set(body) - allowed)))
        return Reply(_shown(self.make_note(self.ticket(ticket, space), body, by=int(call.actor)), space), 201)

    @route("GET", f"{API}/<any(service,project):space>/tickets/<ticket>/notes/<id>", query="fields")
    def note(self, call: Call, space: str, ticket: str, id: str) -> Any:
        return _shown(self._child("note", space, ticket, id), space)

    @route("PATCH", f"{API}/<any(service,project):space>/tickets/<ticket>/notes/<id>")
    def patch_note(self, call: Call, space: str, ticket: str, id: str) -> Any:
        note, given = self._child("note", space, ticket, id), _patch(call)
        if not set(given) <= {"text", *NOTE_FLAGS}:
            raise bad("note object is invalid", ("InvalidField", "is not a field", min(given)))
        return _shown(self.change_note(note, given, by=int(call.actor)), space)

    @route("DELETE", f"{API}/<any(service,project):space>/tickets/<ticket>/notes/<id>")
    def delete_note(self, call: Call, space: str, ticket: str, id: str) -> Any:
        self.world.drop("note", str(self._child("note", space, ticket, id)["id"]))
        return Reply(None, 204)

    @route("GET", f"{API}/<any(service,project):space>/tickets/<ticket>/tasks", query=LIST)
    def tasks(self, call: Call, space: str, ticket: str) -> Any:
        return self._listing(call, self._children("task", space, ticket), space)

    @route("POST", f"{API}/<any(service,project):space>/tickets/<ticket>/tasks")
    def create_task(self, call: Call, space: str, ticket: str) -> Any:
        task = self.make_task(self.ticket(ticket, space), _object(call), by=int(call.actor))
        return Reply(_shown(task, space), 201)

    @route("GET", f"{API}/<any(service,project):space>/tickets/<ticket>/tasks/<id>", query="fields")
    def task(self, call: Call, space: str, ticket: str, id: str) -> Any:
        return _shown(self._child("task", space, ticket, id), space)

    @route("PATCH", f"{API}/<any(service,project):space>/tickets/<ticket>/tasks/<id>")
    def patch_task(self, call: Call, space: str, ticket: str, id: str) -> Any:
        task = self._child("task", space, ticket, id)
        return _shown(self.change_task(task, _patch(call), by=int(call.actor)), space)

    @route("DELETE", f"{API}/<any(service,project):space>/tickets/<ticket>/tasks/<id>")
    def delete_task(self, call: Call, space: str, ticket: str, id: str) -> Any:
        self.world.drop("task", str(self._child("task", space, ticket, id)["id"]))
        return Reply(None, 204)

    def _patch_plain(self, call: Call, kind: str, id: str, allowed: tuple[str, ...]) -> Any:
        row, given = self.one(kind, id), _patch(call)
        for name, value in given.items():
            if name not in allowed or (name == "name" and not value):
                raise bad(f"{kind} object is invalid", ("InvalidField", f"{name} cannot be set so", name))
            row[name] = self.named("member", value["id"]) if name == "manager" and value else value
        row["_info"] = self.info(int(call.actor), row["_info"])
        self.world.put(kind, id, row)
        return _shown(row)

    # --- callbacks -----------------------------------------------------------------------------------------------

    @route("GET", f"{API}/system/callbacks", query=LIST)
    def callbacks(self, call: Call) -> Any:
        return self._listing(call, self.world.all("callback"))

    @route("POST", f"{API}/system/callbacks")
    def create_callback(self, call: Call) -> Any:
        body = _object(call)
        if not set(body) <= CALLBACK_FIELDS or not str(body.get("url") or "").startswith("http"):
            raise bad("callback object is invalid", ("InvalidField", "url is required", "url"))
        levels = ("owner", "board", "project", "phase", "status", "ticket")
        if (
            body.get("type") != "ticket"
            or body.get("level") not in levels
            or not isinstance(body.get("objectId"), int)
        ):
            raise bad(
                "callback object is invalid", ("InvalidField", "type, level and objectId must fit", "level")
            )
        if len(str(body.get("description") or "")) > 100:
            raise bad("callback object is invalid", ("MaxLength", "description is too long", "description"))
        id = self.world.next_number("callback", 301)
        row = {
            "inactiveFlag": False,
            "isSelfSuppressedFlag": False,
            **body,
            "id": id,
            "memberId": int(call.actor),
        }
        self.world.put("callback", str(id), {**row, "_info": self.info(int(call.actor))})
        return Reply(_shown(row), 201)

    @route("PATCH", f"{API}/system/callbacks/<id>")
    def patch_callback(self, call: Call, id: str) -> Any:
        row, given = self.one("callback", id), _patch(call)
        if not set(given) <= CALLBACK_FIELDS:
            raise bad("callback object is invalid")
        self.world.put("callback", id, {**row, **given})
        return _shown({**row, **given})

    @route("DELETE", f"{API}/system/callbacks/<id>")
    def delete_callback(self, call: Call, id: str) -> Any:
        self.world.drop("callback", str(self.one("callback", id)["id"]))
        return Reply(None, 204)

    def contract_fixture(self) -> ContractFixture:
        ticket = {
            "summary": "Printer on the second floor jams",
            "hub.description": "Tray 2, since the new paper came.",
            "status.id": "12",
            "hub.priority": "High",
            "hub.assignees": ["151"],
            "requiredDate": "2026-12-09T12:00:00Z",
            "estimatedStartDate": "2026-12-07T12:00:00Z",
            "budgetHours": 1.5,
        }
        project_ticket = {
            **ticket,
            "summary": "Test the till printers",
            "status.id": "32",
            "project.id": "71",
        }
        note = {"text": "A word from the hub", "hub.author": "Noor Haddad"}
        return ContractFixture(
            base_url=f"{{root}}{API}",
            settings={"board_ids": "1, 3", "default_company": "250", "default_board": "1"},
            secrets={
                "company_id": seed.COMPANY,
                "public_key": seed.PUBLIC_KEY,
                "private_key": seed.PRIVATE_KEY,
                "client_id": seed.CLIENT_ID,
            },
            samples={
                "ticket": ticket,
                "project_ticket": project_ticket,
                "note": note,
                "project_note": note,
            },
            edits={
                "ticket": {"summary": "Printer on the second floor jams again"},
                "project_ticket": {"summary": "Test the till printers and the drawer"},
                "note": {"text": "Another word"},
                "project_note": {"text": "Another word"},
            },
            webhook_secret=seed.SIGNING_KEY,
            kinds={"ticket": "ticket", "project_ticket": "ticket", "note": "note", "project_note": "note"},
        )


# --- requests and answers ----------------------------------------------------------------------------------------


def _object(call: Call) -> dict[str, Any]:
    if call.headers.get("Content-Type", "").split(";")[0] != "application/json" or not isinstance(
        call.json, dict
    ):
        raise bad("The body must be a JSON object.")
    return dict(call.json)


def _patch(call: Call) -> dict[str, Any]:
    """The new values of a JSON Patch. A path inside a reference is taken without a word and does nothing."""
    if not isinstance(call.json, list) or not call.json:
        raise bad("The body must be an array of operations.")
    values: dict[str, Any] = {}
    for one in call.json:
        if (
            not isinstance(one, dict)
            or one.get("op") not in ("add", "replace", "remove")
            or not one.get("path")
        ):
            raise bad("An operation needs op and path.")
        path = str(one["path"]).removeprefix("/")
        if "/" not in path:
            values[path] = None if one["op"] == "remove" else one.get("value")
    return values


def _shown(row: Mapping[str, Any], space: str = "service") -> dict[str, Any]:
    """As the API shows it: what is empty is left out, and a project's tickets differ a little."""
    shown = {name: value for name, value in row.items() if value is not None}
    if space == "project":
        shown.pop("recordType", None)
        if "text" in shown:
            shown["ticket"] = {"id": shown.pop("ticketId"), "summary": ""}
            for name in ("dateCreated", "createdBy"):
                shown.pop(name, None)
    return shown


VENDOR = ConnectWise
