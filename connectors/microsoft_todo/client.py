"""The client of one person's To Do. A task is read and written below its list, so its id in the hub names both.

A full walk reads each list's change feed from the start and hands out where the feeds go on; a walk from there
brings changes and deletions only. Without such a place, changes are asked for by the time of the last modification.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.base.classify import Heard, error_for
from connectors.base.client import Endpoint, RestClient, digest, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, RecordProblem
from connectors.base.paging import NextUrl, Walk
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant
from connectors.base.types import (
    Absence,
    AbsenceKind,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import discovery, tasks

PAGE_SIZE = 100
IDS_PER_BATCH = 20
NEXT = '"@odata.nextLink"'
EXPAND = {"$expand": "linkedResources"}

ENDPOINTS: Mapping[str, Endpoint] = {
    "list": Endpoint(
        "list",
        list_path="/me/todo/lists",
        get_path="/me/todo/lists/{id}",
        create_path="/me/todo/lists",
        update_path="/me/todo/lists/{id}",
        delete_path="/me/todo/lists/{id}",
        list_params={"$top": PAGE_SIZE},
        pager=NextUrl(NEXT),
        rows_at="value",
        version_at='"@odata.etag"',
    ),
    "category": Endpoint(
        "category",
        list_path="/me/outlook/masterCategories",
        create_path="/me/outlook/masterCategories",
        delete_path="/me/outlook/masterCategories/{id}",
        pager=NextUrl(NEXT),
        rows_at="value",
    ),
    "task": Endpoint(
        "task",
        list_path="/me/todo/lists/{list}/tasks",
        get_path="/me/todo/lists/{list}/tasks/{id}",
        rows_at="value",
        version_at='"@odata.etag"',
        updated_at="lastModifiedDateTime",
        url_at="hub.url",
    ),
}


class TodoClient(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.zone = str(settings.get("time_zone") or "UTC")
        self._account_id = ""

    # --- reading -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Flagged e-mails live in a list of their own and are no tasks anybody wrote."""
        return endpoint.name != "list" or row.get("wellknownListName") != "flaggedEmails"

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        """A task's ``parent_id`` is its list here; it becomes part of the id and the container."""
        if endpoint.name == "category":
            record = super().to_record(endpoint, row, answer=answer, parent_id=None)
            data = {**row, "hub": {"colour": tasks.colour_code(row.get("color"))}}
            version = digest([row.get("displayName"), row.get("color")])[:16]
            return dataclasses.replace(record, data=data, version=version)
        if endpoint.name == "list":
            return super().to_record(endpoint, row, answer=answer, parent_id=None)
        list_id = str(parent_id or "")
        data = tasks.normalised(row, list_id, self.zone)
        record = super().to_record(endpoint, data, answer=answer, parent_id=None)
        return dataclasses.replace(record, id=tasks.task_id(list_id, record.id), container=list_id)

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource != "task":
            return super().list_page(resource, token=token)
        walk = Walk.from_token(token)
        state = dict(walk.token or {})
        if "todo" not in state:
            state = {"todo": self.lists_in_scope(), "at": "", "links": {}, "old": state.get("resume", {})}
        if not state["todo"]:
            return Page([])
        list_id = str(state["todo"][0])
        answer = self._feed(list_id, state, since)
        rows = self.rows(ENDPOINTS["task"], answer)
        following = read_path(answer.body, NEXT, None)
        link = read_path(answer.body, '"@odata.deltaLink"', None)
        if isinstance(link, str):
            state["links"] = {**state["links"], list_id: link}
        state["at"] = str(following or "")
        if not following:
            state["todo"] = state["todo"][1:]
        live, gone = self._sorted(rows, list_id)
        next_token = walk.step(state if state["todo"] else None, fingerprint(rows))
        is_whole_feed = next_token is None and since is None
        resume = {"at": {"resume": state["links"]}, "pages": 0, "seen": []} if is_whole_feed else None
        return Page(live, next_token, answer.server_time, gone, resume)

    def _feed(self, list_id: str, state: Mapping[str, Any], since: datetime | None) -> Answer:
        """One page: where the walk stands, else where the feed went on last time, else from the start."""
        prefer = {"Prefer": f"odata.maxpagesize={PAGE_SIZE}"}
        if state["at"]:
            return self.session.get(state["at"], headers=prefer)
        path = self._path(ENDPOINTS["task"].list_path, list=list_id)
        if old := state["old"].get(list_id):
            try:
                return self.session.get(old, headers=prefer)
            except RecordGone as error:
                if not error.proven:  # the list itself is not there
                    raise
        elif since is not None:
            edge = format_instant(since, "iso8601_ms", granularity="ms")
            params = {**EXPAND, "$filter": f"lastModifiedDateTime ge {edge}", "$top": PAGE_SIZE}
            return self.session.get(path, params=params)
        return self.session.get(f"{path}/delta()", params=EXPAND, headers=prefer)

    def _sorted(self, rows: Sequence[Any], list_id: str) -> tuple[list[ExternalRecord], list[str]]:
        """Live records and ids of removed ones; where a task comes twice, the last word counts."""
        found: dict[str, ExternalRecord | None] = {}
        for row in rows:
            if not isinstance(row, dict) or not row.get("id"):
                raise ContractBroken("A task came without its id.")
            id = tasks.task_id(list_id, str(row["id"]))
            found.pop(id, None)
            found[id] = (
                None
                if "@removed" in row
                else self.to_record(ENDPOINTS["task"], row, answer=None, parent_id=list_id)
            )
        return [one for one in found.values() if one], [id for id, one in found.items() if one is None]

    def lists_in_scope(self) -> list[str]:
        """The chosen list, or all that hold tasks."""
        chosen = str(self.settings.get("list_id") or "")
        return [chosen] if chosen else [one.id for one in self.walk("list")]

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "category":
            found = next((one for one in self.walk(resource) if one.id == external_id), None)
            if found is None:
                raise RecordGone("There is no such category.", proven=True)
            return dataclasses.replace(found, complete=True)
        if resource == "task":
            list_id, id = tasks.parts_of(external_id)
            self._check_scope(list_id)
            answer = self.session.get(
                self._path(ENDPOINTS["task"].get_path, list=list_id, id=id), params=EXPAND
            )
            row = self.record_in(ENDPOINTS["task"], answer)
            return self.to_record(ENDPOINTS["task"], row, answer=answer, parent_id=list_id)
        return super().get(resource, external_id)

    def _check_scope(self, list_id: str) -> None:
        chosen = str(self.settings.get("list_id") or "")
        if chosen and list_id != chosen:
            raise RecordGone("The task is in another list.")

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource != "task":
            return {one.id: one for one in self.walk(resource) if one.id in set(external_ids)}
        read = self._read_batches(external_ids)
        return {id: one for id, one in read.items() if isinstance(one, ExternalRecord)}

    def _read_batches(self, external_ids: Sequence[str]) -> dict[str, ExternalRecord | Exception]:
        """Twenty tasks per request; for each id the record, or why it could not be read."""
        found: dict[str, ExternalRecord | Exception] = {}
        for start in range(0, len(external_ids), IDS_PER_BATCH):
            asked: dict[str, tuple[str, str]] = {}
            for place, external_id in enumerate(external_ids[start : start + IDS_PER_BATCH]):
                try:
                    list_id, id = tasks.parts_of(external_id)
                    self._check_scope(list_id)
                except RecordGone as error:
                    found[external_id] = error
                else:
                    path = self._path(ENDPOINTS["task"].get_path, list=list_id, id=id)
                    asked[str(place)] = (external_id, f"{path}?$expand={quote('linkedResources')}")
            if asked:
                found |= self._read_batch(asked)
        return found

    def _read_batch(self, asked: Mapping[str, tuple[str, str]]) -> dict[str, ExternalRecord | Exception]:
        requests = [{"id": place, "method": "GET", "url": url} for place, (_, url) in asked.items()]
        answer = self.session.request(
            "POST", "/$batch", json={"requests": requests}, cost=len(requests), is_repeatable=True
        )
        found: dict[str, ExternalRecord | Exception] = {}
        for part in rows_in(answer.body, "responses", "answers to a batch"):
            place = str(read_path(part, "id", ""))
            if place not in asked:
                raise ContractBroken("A batch answered what was not asked.")
            external_id = asked[place][0]
            problem = self._problem_of(part, answer)
            if problem is None:
                row, list_id = read_path(part, "body", None), tasks.parts_of(external_id)[0]
                if not isinstance(row, dict):
                    raise ContractBroken("An answer in a batch holds no task.")
                found[external_id] = self.to_record(ENDPOINTS["task"], row, answer=answer, parent_id=list_id)
            elif isinstance(problem, RecordGone | PermissionProblem):
                found[external_id] = problem
            else:
                raise problem
        if len(found) < len(asked):
            raise ContractBroken("A batch left requests without an answer.")
        return found

    def _problem_of(self, part: Any, answer: Answer) -> Exception | None:
        """One answer inside a batch, judged as an answer of its own."""
        status = read_path(part, "status", None)
        if not isinstance(status, int):
            raise ContractBroken("An answer in a batch bears no status.")
        given = read_path(part, "headers", None)
        headers = {str(k).lower(): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
        heard = Heard(
            status=status,
            headers=headers,
            body=read_path(part, "body", None),
            text="",
            now=answer.server_time or self.session.environment.now(),
            is_repeatable=True,
            exchange=answer.exchange,
        )
        return error_for(heard, self.session.options.rules)

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource == "category":
            name = str(fields.get("displayName") or "").casefold()
            same = next(
                (one for one in self.walk(resource) if one.data["displayName"].casefold() == name), None
            )
            return same or super().create(resource, fields, key=key)
        if resource != "task":
            return super().create(resource, fields, key=key)
        body = tasks.task_body(fields, self.zone, None, key=key)
        list_id = str(fields.get("hub.list") or self._list_for_new())
        answer = self.session.request(
            "POST", self._path(ENDPOINTS["task"].list_path, list=list_id), json=body
        )
        row = self.record_in(ENDPOINTS["task"], answer)
        return self.to_record(ENDPOINTS["task"], row, answer=answer, parent_id=list_id)

    def _list_for_new(self) -> str:
        chosen = str(self.settings.get("default_list") or self.settings.get("list_id") or "")
        if chosen:
            return chosen
        for one in self.walk("list"):
            if one.data.get("wellknownListName") == "defaultList":
                return one.id
        raise RecordProblem("The account has no default list to put a task into.", field="hub.list")

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        """The JSON for lists and categories; tasks go their own way."""
        body: dict[str, Any] = {}
        for path, value in fields.items():
            if path == "displayName":
                if not str(value or "").strip():
                    raise RecordProblem(f"A {endpoint.name} needs a name.", field=path)
                body[path] = str(value)
            elif path == "hub.colour" and endpoint.name == "category":
                body["color"] = tasks.preset_of(value)
            else:
                raise RecordProblem(f"Microsoft To Do does not let {path} be written.", field=path)
        return body

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Reads, compares, then writes: that Graph minds If-Match on To Do is documented nowhere."""
        if resource == "category":
            raise self.cannot("update", resource)
        now = self.get(resource, external_id)
        self.refuse_stale(current, now)
        if resource != "task":
            return super().update(resource, external_id, fields, current=now)
        body = tasks.task_body(fields, self.zone, now.data)
        if not body:
            return now
        list_id, id = tasks.parts_of(external_id)
        path = self._path(ENDPOINTS["task"].get_path, list=list_id, id=id)
        answer = self.session.request("PATCH", path, json=body)
        row = self.record_in(ENDPOINTS["task"], answer)
        whole = {"linkedResources": now.data.get("linkedResources", []), **row}
        return self.to_record(ENDPOINTS["task"], whole, answer=answer, parent_id=list_id)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        if resource != "task":
            super().delete(resource, external_id, current=current)
            return
        list_id, id = tasks.parts_of(external_id)
        path = self._path(ENDPOINTS["task"].get_path, list=list_id, id=id)
        self.session.request("DELETE", path, ok=(404, 410), expect_json=False)

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """Looks through the tasks modified since the intent; the key is their link back to the hub."""
        if resource != "task":
            return None
        return next(
            (one for one in self.walk("task", since=since) if one.data["hub"].get("key") == key), None
        )

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        if resource != "task":
            return super().explain_absence(resource, external_ids)
        read = self._read_batches(external_ids)
        return {id: self._absence(id, one) for id, one in read.items()}

    def _absence(self, external_id: str, found: ExternalRecord | Exception) -> Absence:
        if isinstance(found, ExternalRecord):
            return Absence(AbsenceKind.PRESENT, record=found)
        if isinstance(found, PermissionProblem):
            return Absence(AbsenceKind.NO_ACCESS, found.message)
        list_id, _, _ = external_id.partition(":")
        chosen = str(self.settings.get("list_id") or "")
        if chosen and list_id != chosen:
            return Absence(AbsenceKind.OUT_OF_FILTER, "It belongs to a list that is not kept in sync.")
        try:
            super().get("list", list_id)
        except RecordGone:
            return Absence(AbsenceKind.UNKNOWN, "Its list is gone: deleted, or no longer shared.")
        except PermissionProblem as error:
            return Absence(AbsenceKind.NO_ACCESS, error.message)
        return Absence(AbsenceKind.DELETED, "Not in its list any more: deleted, or moved and so a new task.")

    def container_token(self) -> str:
        chosen = str(self.settings.get("list_id") or "")
        return digest([self.session.base_url, self.account_id(), chosen])

    def account_id(self) -> str:
        self._account_id = self._account_id or self.whoami()[1]
        return self._account_id

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        params = {"$select": "id,displayName,mail,userPrincipalName"}
        me = self.session.get("/me", params=params).body
        if not isinstance(me, dict) or not me.get("id"):
            raise ContractBroken("The answer does not say whose account this is.")
        return str(me.get("displayName") or me.get("userPrincipalName") or ""), str(me["id"])

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return discovery.ensure_webhook(self, url, secret)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)
