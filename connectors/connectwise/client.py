"""The client of one ConnectWise PSA. Tickets of service boards and of projects live below two addresses and are read
alike; their notes and tasks are read below the ticket, so an id of those names both.

ConnectWise has no versions, so every update reads, compares what it is about to overwrite, and patches only that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.base.client import Endpoint, RestClient, digest, fingerprint
from connectors.base.connector import Connector
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RecordGone,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.paging import PageSeen, Walk
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.signoff import (
    SignedText,
    put_together,
    ref_of,
    says_nothing_new,
    signed,
    take_apart,
)
from connectors.base.times import parse_instant
from connectors.base.types import (
    Absence,
    AbsenceKind,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import discovery, tickets
from .catalogue import Catalogue
from .discovery import PAGE_SIZE
from .endpoints import CHILDREN, ENDPOINTS, FORWARD_HEADER, IN_USE, NOTES, TASKS, TICKETS, WRITABLE

IDS_PER_REQUEST = 100


class ConnectWiseClient(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self._catalogue = Catalogue(session, settings)

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        record = dataclasses.replace(record, updated_at=parse_instant(tickets.updated_text(row)))
        if endpoint.name in TICKETS:
            return self._ticket_record(record, row)
        if endpoint.name in CHILDREN:
            ticket_id = str(parent_id or "")
            is_note = endpoint.name in NOTES
            normalise = tickets.normalised_note if is_note else tickets.normalised_task
            data = normalise(row, ticket_id)
            version = digest([tickets.updated_text(row), row.get("text"), data["hub"]])[:16]
            return dataclasses.replace(
                record,
                id=tickets.child_id(ticket_id, record.id),
                data=data,
                version=version,
                container=ticket_id,
                parent_id=ticket_id if is_note else None,
            )
        version = digest(row)[:16]
        if endpoint.name == "member":
            return dataclasses.replace(record, data=tickets.normalised_member(row), version=version)
        if endpoint.name == "company":
            gone = bool(row.get("deletedFlag"))
            data = tickets.normalised_company(row)
            return dataclasses.replace(record, data=data, version=version, is_deleted=gone)
        empty = dict.fromkeys(("description", "manager", "estimatedStart", "estimatedEnd"))
        return dataclasses.replace(record, data={**empty, **row}, version=version)

    def _ticket_record(self, record: ExternalRecord, row: Mapping[str, Any]) -> ExternalRecord:
        is_told = read_path(row, "priority.level", None) or not row.get("priority")
        data = tickets.normalised_ticket(row, {} if is_told else self._catalogue.levels())
        place = "board.id" if record.resource == "ticket" else "project.id"
        host = urlsplit(self.session.base_url).netloc.removeprefix("api-")
        page = f"v4_6_release/services/system_io/Service/fv_sr100_request.rails?service_recid={record.id}"
        data["hub"]["url"] = f"https://{host}/{page}"
        return dataclasses.replace(
            record,
            data=data,
            version=tickets.version_of(row),
            url=data["hub"]["url"],
            container=str(read_path(row, place, "") or ""),
        )

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Each kind of ticket at its own address; of the notes those that the settings choose."""
        if endpoint.name == "ticket":
            return row.get("recordType") in (None, "ServiceTicket")
        if endpoint.name not in NOTES:
            return True
        chosen = self._notes_chosen()
        has_words = bool(take_apart(str(row.get("text") or "")).text)  # the bare mark of a create has none
        is_internal = bool(row.get("internalAnalysisFlag"))
        return has_words and (chosen == "all" or is_internal == (chosen == "internal"))

    def _notes_chosen(self) -> str:
        chosen = str(self.settings.get("notes") or "discussion").lower()
        return chosen if chosen in ("discussion", "internal", "all") else "discussion"

    def _scope(self, resource: str) -> str:
        if resource == "ticket":
            return discovery.board_scope(self.settings)
        return discovery.project_scope(self.settings) if resource == "project_ticket" else ""

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource in NOTES and not parent_id:
            raise RecordProblem("Notes are listed ticket by ticket.", field="ticket")
        page = self._page(TASKS.get(resource, resource), since, token, parent_id)
        if resource in TICKETS:
            return dataclasses.replace(page, records=[self._described(one) for one in page.records])
        return page if resource not in TASKS else self._tasks_of(resource, page)

    def _page(self, resource: str, since: datetime | None, token: Any, parent_id: str | None) -> Page:
        endpoint, walk = self.endpoint(resource), Walk.from_token(token)
        changed = (
            f"lastUpdated>={tickets.moment(since)}" if since and self.resource(resource).incremental else ""
        )
        conditions = tickets.all_of(self._scope(resource), changed) or None
        ask = endpoint.pager.ask(walk.token)
        params = {**endpoint.list_params, **ask.params, "conditions": conditions}
        headers = {} if resource in NOTES else FORWARD_HEADER
        answer = self.session.get(
            self._path(endpoint.list_path, parent=parent_id), params=params, headers=headers
        )
        rows = self.rows(endpoint, answer)
        following = endpoint.pager.next_token(
            walk.token, PageSeen(answer.body, answer.headers, rows, answer.url)
        )
        if resource in NOTES and walk.token is None:
            description = next((row for row in rows if _may_describe(row)), None)
            wanted = [row for row in rows if row is not description]
        else:
            wanted = list(rows)
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=parent_id)
            for row in wanted
            if self.is_wanted(endpoint, row)
        ]
        return Page(records, walk.step(following, fingerprint(rows)), answer.server_time)

    def _tasks_of(self, resource: str, page: Page) -> Page:
        """The tasks of a page of tickets: ConnectWise lists them only ticket by ticket."""
        endpoint, found = self.endpoint(resource), []
        for ticket in page.records:
            path = self._path(endpoint.list_path, parent=ticket.id)
            for row in discovery.rows(self, path, **endpoint.list_params):
                found.append(self.to_record(endpoint, row, answer=None, parent_id=ticket.id))
        return dataclasses.replace(page, records=found)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource in CHILDREN:
            return self._child(resource, external_id)
        record = super().get(resource, external_id)
        if resource not in TICKETS:
            return record
        self._check_scope(record)
        return self._described(record)

    def _check_scope(self, record: ExternalRecord) -> None:
        if not self.is_wanted(self.endpoint(record.resource), record.data):
            raise RecordGone("It is a project's ticket, which is kept apart.")
        setting = "board_ids" if record.resource == "ticket" else "project_ids"
        chosen = tickets.ids_in(self.settings.get(setting))
        if chosen and record.container not in chosen:
            raise RecordGone("The ticket is on a board or project that is not kept in sync.")

    def _child(self, resource: str, external_id: str) -> ExternalRecord:
        ticket_id, id = tickets.parts_of(external_id)
        endpoint = self.endpoint(resource)
        answer = self.session.get(self._path(endpoint.get_path, parent=ticket_id, id=id))
        row = self.record_in(endpoint, answer)
        if resource in NOTES:
            if not self.is_wanted(endpoint, row):
                raise RecordGone("This note is not of the kind that is kept in sync.")
            note = self._description_note(NOTES[resource], ticket_id) if _may_describe(row) else None
            if note is not None and str(note.get("id")) == id:
                raise RecordGone("This note is the ticket's description.")
        return self.to_record(endpoint, row, answer=answer, parent_id=ticket_id)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource in CHILDREN:
            return super().get_many(resource, external_ids)
        found: dict[str, ExternalRecord] = {}
        endpoint = self.endpoint(resource)
        ids = [id for id in external_ids if id.isdigit()]
        for start in range(0, len(ids), IDS_PER_REQUEST):
            wanted = tickets.one_of("id", ids[start : start + IDS_PER_REQUEST])
            conditions = tickets.all_of(self._scope(resource), wanted)
            answer = self.session.get(
                endpoint.list_path, params={"conditions": conditions, "pageSize": PAGE_SIZE}
            )
            for row in self.rows(endpoint, answer):
                if self.is_wanted(endpoint, row):
                    record = self.to_record(endpoint, row, answer=answer, parent_id=None)
                    found[record.id] = self._described(record) if resource in TICKETS else record
        return found

    def _described(self, record: ExternalRecord) -> ExternalRecord:
        note = self._description_note(record.resource, record.id) or {}
        told = {"description": str(note.get("text") or ""), "description_id": note.get("id")}
        data = {**record.data, "hub": {**record.data["hub"], **told}}
        return dataclasses.replace(record, data=data, complete=True)

    def _description_note(self, resource: str, ticket_id: str) -> Mapping[str, Any] | None:
        """The first discussion note that the hub did not write as a comment."""
        path = self._path(f"/{TICKETS[resource]}/tickets/{{id}}/notes", id=ticket_id)
        params = {"conditions": "detailDescriptionFlag=true", "orderBy": "id asc"}
        return next((row for row in discovery.rows(self, path, **params) if _may_describe(row)), None)

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource in TICKETS:
            return self._create_ticket(resource, fields, key)
        if resource not in NOTES:
            raise self.cannot("create", resource)
        if not parent_id:
            raise RecordProblem("A note needs the ticket it belongs to.", field="ticket")
        endpoint, body = self.endpoint(resource), self._new_note(resource, fields, key)
        path = self._path(endpoint.create_path, parent=parent_id)
        answer = self.session.request("POST", path, json=_filled(body))
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=parent_id)

    def _new_note(self, resource: str, fields: Mapping[str, Any], key: str) -> dict[str, Any]:
        is_internal = self._notes_chosen() in ("internal", "all")
        body: dict[str, Any] = {
            "text": put_together(signed(fields, None, "text", key=key)),
            "detailDescriptionFlag": not is_internal,
            "internalAnalysisFlag": is_internal,
            "resolutionFlag": False,
        }
        return {**body, "processNotifications": self._notifies()} if resource == "note" else body

    def _notifies(self) -> bool:
        return str(self.settings.get("notify") or "").lower() == "yes"

    def _create_ticket(self, resource: str, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        write = tickets.ticket_write(fields, None)
        body: dict[str, Any] = {**write.values, "processNotifications": self._notifies()}
        if "summary" not in body:
            raise RecordProblem("A ticket needs a summary.", field="summary")
        if resource == "ticket":
            body["externalXRef"] = tickets.KEY_PREFIX + key
            self._catalogue.fill_service_ticket(body, write.status_id)
        else:
            body["initialInternalAnalysis"] = put_together(SignedText("", "", ref_of(key)))
            self._catalogue.fill_project_ticket(body)
        board_id = str(read_path(body, "board.id", "") or "")
        if write.status_id and board_id:
            body["status"] = self._catalogue.status_on(board_id, write.status_id)
        elif write.status_id:
            body["status"] = {"id": int(write.status_id)}
        if write.level:
            body["priority"] = self._catalogue.priority_of(write.level)
        if write.description:
            body["initialDescription"] = write.description
        answer = self.session.request("POST", self.endpoint(resource).create_path, json=_filled(body))
        row = self.record_in(self.endpoint(resource), answer)
        try:
            return self.get(resource, str(row.get("id")))
        except SyncError as error:
            # the ticket is there: it must be found by its key and brought up to date, never made again
            raise Retryable(
                f"The ticket was made, but not read back: {error.message}", ambiguous=True
            ) from error

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        now = self.get(resource, external_id)
        self.refuse_stale(current, now, fields)
        if resource in TICKETS:
            return self._update_ticket(now, fields)
        if resource in NOTES:
            if says_nothing_new(fields, now, "text"):
                return now
            values: dict[str, Any] = {"text": put_together(signed(fields, now, "text"))}
        elif resource in TASKS:
            values = tickets.task_values(fields, now.data)
        else:
            values = tickets.plain_values(fields, WRITABLE.get(resource, ()))
        return self._patched(now, values) if values else now

    def _patched(self, now: ExternalRecord, values: Mapping[str, Any]) -> ExternalRecord:
        endpoint = self.endpoint(now.resource)
        ticket_id, id = tickets.parts_of(now.id) if now.resource in CHILDREN else (None, now.id)
        path = self._path(endpoint.update_path, parent=ticket_id, id=id)
        answer = self.session.request("PATCH", path, json=tickets.patch(values))
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=ticket_id)

    def _update_ticket(self, now: ExternalRecord, fields: Mapping[str, Any]) -> ExternalRecord:
        write = tickets.ticket_write(fields, now.data)
        values = dict(write.values)
        if write.status_id:
            board_id = read_path(values, "board.id", None) or read_path(now.data, "board.id", None)
            values["status"] = (
                self._catalogue.status_on(str(board_id), write.status_id)
                if board_id
                else {"id": int(write.status_id)}
            )
        if write.level and write.level != read_path(now.data, "hub.priority", None):
            values["priority"] = self._catalogue.priority_of(write.level)
        after = self._patched(now, {**values, "processNotifications": self._notifies()}) if values else now
        hub = {name: now.data["hub"][name] for name in ("description", "description_id")}
        if write.description is not None and write.description != hub["description"]:
            self._write_description(now, write.description, hub["description_id"])
            return self.get(now.resource, now.id)
        data = {**after.data, "hub": {**after.data["hub"], **hub}}
        return dataclasses.replace(after, data=data, complete=True)

    def _write_description(self, now: ExternalRecord, text: str, note_id: Any) -> None:
        path = self._path(f"/{TICKETS[now.resource]}/tickets/{{id}}/notes", id=now.id)
        if note_id is not None:
            note = self._path(f"{path}/{{note}}", note=note_id)
            self.session.request("PATCH", note, json=tickets.patch({"text": text}))
        elif text:
            self.session.request("POST", path, json={"text": text, "detailDescriptionFlag": True})

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        ticket_id, id = tickets.parts_of(external_id) if resource in CHILDREN else (None, external_id)
        path = self._path(self.endpoint(resource).delete_path, parent=ticket_id, id=id)
        self.session.request("DELETE", path, ok=(404,), rules=IN_USE, expect_json=False)

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        if resource == "ticket":
            endpoint, condition = (
                self.endpoint(resource),
                f"externalXRef={tickets.quoted(tickets.KEY_PREFIX + key)}",
            )
            answer = self.session.get(endpoint.list_path, params={"conditions": condition, "pageSize": 1})
            rows = self.rows(endpoint, answer)
            return self.get(resource, str(read_path(rows[0], "id", ""))) if rows else None
        wanted = ref_of(key)
        if resource == "project_ticket":
            made = (one for one in self.walk(resource, since=since) if wanted in self._marks(one.id))
            found = next(made, None)
            return self._described(found) if found else None
        if resource in NOTES:
            written = self.walk(resource, parent_id=parent_id)
            return next((one for one in written if one.data["hub"]["ref"] == wanted), None)
        return None

    def _marks(self, ticket_id: str) -> list[str]:
        path = self._path("/project/tickets/{id}/notes", id=ticket_id)
        rows = discovery.rows(self, path, conditions="internalAnalysisFlag=true")
        return [take_apart(str(row.get("text") or "")).ref for row in rows]

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        """A 404 by id counts as deleted where the place it was in can still be read."""
        explained = super().explain_absence(resource, external_ids)
        for id, absence in explained.items():
            if absence.kind is AbsenceKind.UNKNOWN:
                explained[id] = (
                    self._child_absence(resource, id) if resource in CHILDREN else self._absence(resource, id)
                )
        return explained

    def _absence(self, resource: str, id: str) -> Absence:
        if resource in TICKETS:
            for other, space in TICKETS.items():
                answer = self.session.request("GET", self._path(f"/{space}/tickets/{{id}}", id=id), ok=(404,))
                if answer.status == 200 and other == resource:
                    return Absence(
                        AbsenceKind.OUT_OF_FILTER, "On a board or project that is not kept in sync."
                    )
                if answer.status == 200:
                    return Absence(AbsenceKind.MOVED, f"It was made a {other.replace('_', ' ')}.")
        if not self._is_readable(resource):
            return Absence(AbsenceKind.NO_ACCESS, "The list it was in cannot be read.")
        return Absence(AbsenceKind.DELETED, "Gone by id, and the list it was in can be read.")

    def _child_absence(self, resource: str, id: str) -> Absence:
        ticket_id, _, _ = id.partition(":")
        ticket = self.explain_absence(CHILDREN[resource], [ticket_id])[ticket_id]
        if ticket.kind in (AbsenceKind.PRESENT, AbsenceKind.DELETED):
            return Absence(AbsenceKind.DELETED, "Not on its ticket any more.")
        return Absence(ticket.kind, f"Its ticket: {ticket.detail}")

    def _is_readable(self, resource: str) -> bool:
        params = {"conditions": self._scope(resource) or None, "pageSize": 1}
        try:
            self.rows(
                self.endpoint(resource), self.session.get(self.endpoint(resource).list_path, params=params)
            )
        except (RecordGone, PermissionProblem):
            return False
        return True

    def container_token(self) -> str:
        return digest(
            [
                self.session.base_url,
                *(tickets.ids_in(self.settings.get(one)) for one in ("board_ids", "project_ids")),
            ]
        )

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = self.session.get("/system/myMembers").body
        me = me[0] if isinstance(me, list) and me else me
        if not isinstance(me, dict) or me.get("id") is None:
            raise ContractBroken("The answer does not say whose keys these are.")
        return str(tickets.normalised_member(me)["hub"]["name"] or ""), str(me["id"])

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """ConnectWise signs with a key of its own, whatever ``secret`` is."""
        return discovery.ensure_webhook(self, url)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _may_describe(row: Any) -> bool:
    """A discussion note that the hub did not write as a comment; the first of them is the description."""
    if not isinstance(row, dict) or not row.get("detailDescriptionFlag"):
        return False
    return not take_apart(str(row.get("text") or "")).ref


def _filled(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty: ConnectWise fills in its own defaults."""
    return {name: value for name, value in body.items() if value is not None}
