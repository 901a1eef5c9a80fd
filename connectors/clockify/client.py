"""The client of one workspace. Clockify keeps the last write and replaces whole records, so each update reads first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from connectors.base.client import Endpoint, digest, rows_in
from connectors.base.comparing import ComparingClient
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, RecordProblem
from connectors.base.paging import PageNumber
from connectors.base.session import Answer, ApiSession
from connectors.base.spans import format_duration, parse_duration
from connectors.base.types import (
    Absence,
    AbsenceKind,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import entries, hooks

PAGE_SIZE = 200
AHEAD_DAYS = 31
FEED_DAYS = 29  # the feed of deletions reaches back thirty days
SPACE = "/workspaces/{workspace}"
APP = "https://app.clockify.me"
PAGES = PageNumber(size_param="page-size", size=PAGE_SIZE, last_page_header="last-page")


def _endpoint(name: str, plural: str) -> Endpoint:
    one = f"{SPACE}/{plural}/{{id}}"
    return Endpoint(
        name,
        list_path=f"{SPACE}/{plural}",
        get_path=one,
        create_path=f"{SPACE}/{plural}",
        update_path=one,
        delete_path=one,
        update_method="PUT",
        pager=PAGES,
        archived_at="archived",
    )


TASKS = f"{SPACE}/projects/{{project}}/tasks"
ENDPOINTS: Mapping[str, Endpoint] = {
    "user": Endpoint(
        "user", list_path=f"{SPACE}/users", list_params={"include-roles": False, "status": "ALL"}, pager=PAGES
    ),
    "client": _endpoint("client", "clients"),
    "tag": _endpoint("tag", "tags"),
    "project": _endpoint("project", "projects"),
    "task": Endpoint(
        "task",
        list_path=f"{SPACE}/projects/{{parent}}/tasks",
        get_path=f"{TASKS}/{{id}}",
        create_path=TASKS,
        update_path=f"{TASKS}/{{id}}",
        delete_path=f"{TASKS}/{{id}}",
        update_method="PUT",
        pager=PAGES,
    ),
    "time_entry": Endpoint(
        "time_entry",
        list_path=f"{SPACE}/user/{{parent}}/time-entries",
        get_path=f"{SPACE}/time-entries/{{id}}",
        create_path=f"{SPACE}/time-entries",
        update_path=f"{SPACE}/time-entries/{{id}}",
        delete_path=f"{SPACE}/time-entries/{{id}}",
        update_method="PUT",
        pager=PAGES,
    ),
}
KEPT: Mapping[str, tuple[tuple[str, str], ...]] = {
    # (as written, as read) of what an update must say again, or it is emptied or set back
    "client": tuple(
        (name, name) for name in ("name", "email", "address", "note", "archived", "ccEmails", "currencyId")
    ),
    "tag": (("name", "name"), ("archived", "archived")),
    "project": (
        *((name, name) for name in ("name", "clientId", "billable", "color", "note", "archived")),
        ("isPublic", "public"),
    ),
    "task": tuple(
        (name, name) for name in ("name", "status", "assigneeIds", "estimate", "billable", "userGroupIds")
    ),
}


class ClockifyClient(ComparingClient):
    endpoints = ENDPOINTS
    known_by = {
        "client": ("name",),
        "tag": ("name",),
        "project": ("name",),
        "task": ("name", "projectId"),
    }

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.workspace = str(settings.get("workspace_id") or "")
        self.history_days = int(settings.get("history_days") or 31)
        self._me: Mapping[str, Any] | None = None
        self._legs: dict[str, list[str]] = {}
        self._tags: dict[str, str] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"workspace": self.workspace}

    def me(self) -> Mapping[str, Any]:
        if self._me is None:
            found = self.session.get("/user").body
            if not isinstance(found, dict) or not found.get("id"):
                raise ContractBroken("The answer does not say whose key this is.")
            self._me = found
        return self._me

    def _path(self, template: str, **values: Any) -> str:
        """A task's address leads through its project: the one it is made in, else the one it is known to live in."""
        if "{project}" in template:
            values["project"] = values.pop("parent", None) or self.home_of("task", str(values.get("id")))
        return super()._path(template, **values)

    # --- reading -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Days off and holidays are no work."""
        return endpoint.name != "time_entry" or row.get("type") not in entries.NOT_WORK

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=None)
        data, url = dict(row), f"{APP}/{endpoint.name}s"
        match endpoint.name:
            case "time_entry":
                data = entries.normalised(row, self._tag_names() if row.get("tagIds") else {})
                url = f"{APP}/tracker"
            case "task":
                project = row.get("projectId") or parent_id
                self.remember_home("task", record.id, project)
                data["estimate_seconds"] = parse_duration(row.get("estimate")) or None
                data["assigneeIds"] = list(row.get("assigneeIds") or ())
                url = f"{APP}/projects/{project}/edit#tasks"
            case "project":
                url = f"{APP}/projects/{record.id}/edit"
            case "user":
                settings = row.get("settings")
                data["time_zone"] = settings.get("timeZone") if isinstance(settings, dict) else None
                data["active"] = row.get("status") not in ("DELETED", "LIMITED_DELETED")
                url = f"{APP}/teams/members"
        return dataclasses.replace(
            record, data=data, url=url, version=digest(data)[:16], container=self.workspace
        )

    def list_page(
        self, resource: str, *, since: Any = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        """Entries come person by person, tasks project by project. There is no filter by change."""
        if resource not in ("task", "time_entry"):
            return super().list_page(resource, token=token)
        if token is None or resource not in self._legs:
            self._legs[resource] = self._legs_of(resource)
        return self.in_legs(self._legs[resource], token, partial(self._leg, resource))

    def _legs_of(self, resource: str) -> list[str]:
        if resource == "task":
            return [one.id for one in self.walk("project")]
        if self.settings.get("entries") == "mine":
            return [str(self.me()["id"])]
        return [one.id for one in self.walk("user")]

    def _leg(self, resource: str, leg: str, token: Any) -> Page:
        page = super().list_page(resource, token=token, parent_id=leg)
        if resource == "time_entry":
            kept = [one for one in page.records if entries.starts_from(one.data, self._first_day())]
            page = dataclasses.replace(page, records=kept)
        return page

    def _first_day(self) -> date:
        return self.session.environment.now().date() - timedelta(days=self.history_days)

    def list_params(self, endpoint: Endpoint) -> Mapping[str, Any]:
        """Entries since the start of the history.

        The instants asked for are read again as wall-clock times of the account's zone (vendors/clockify.md, Time
        window trap): whole days with one of margin on both sides, and what is older is left out by ``_leg``.
        """
        if endpoint.name != "time_entry":
            return endpoint.list_params
        ends = self.session.environment.now().date() + timedelta(days=AHEAD_DAYS + 1)
        return {
            "start": f"{self._first_day() - timedelta(days=1)}T00:00:00Z",
            "end": f"{ends}T00:00:00Z",
        }

    def _tag_names(self) -> dict[str, str]:
        if self._tags is None:
            self._tags = {one.id: str(one.data.get("name") or "") for one in self.walk("tag")}
        return self._tags

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "user":
            found = next((one for one in self.walk("user") if one.id == external_id), None)
            if found is None:
                raise RecordGone("The workspace has no such person.")
            return dataclasses.replace(found, complete=True)
        record = super().get(resource, external_id)
        if not self.is_wanted(ENDPOINTS[resource], record.data):
            raise RecordGone("This entry is a holiday or a day off.")
        return record

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        wanted = set(external_ids)
        if resource == "user" or (resource != "time_entry" and len(wanted) > 5):
            return {
                one.id: dataclasses.replace(one, complete=True)
                for one in self.walk(resource)
                if one.id in wanted
            }
        return super().get_many(resource, external_ids)

    # --- writing -------------------------------------------------------------------------------------------------

    def rests_on(self, resource: str, fields: Mapping[str, Any]) -> Sequence[str]:
        is_time = resource == "time_entry" and not entries.TIMES.isdisjoint(fields)
        return tuple({**fields, **dict.fromkeys(entries.TIMES)} if is_time else fields)

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource == "task":
            parent_id = str(fields.get("projectId") or "")
            if not parent_id:
                raise RecordProblem("A task in Clockify belongs to a project.", field="projectId")
        if resource == "time_entry" and str(fields.get("userId") or self.me()["id"]) != str(self.me()["id"]):
            return self._create_for(str(fields["userId"]), fields)
        made = super().create(resource, fields, key=key, parent_id=parent_id)
        return dataclasses.replace(made, parent_id=None)

    def _create_for(self, user_id: str, fields: Mapping[str, Any]) -> ExternalRecord:
        endpoint = ENDPOINTS["time_entry"]
        path = self._path(endpoint.list_path, parent=user_id)
        answer = self.session.request("POST", path, json=self.write_body(endpoint, fields, current=None))
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=None)

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        if endpoint.name == "time_entry":
            return entries.body(fields, current, self._ids_of(fields["tags"]) if "tags" in fields else None)
        changes = dict(fields)
        if endpoint.name == "tag":
            self._tags = None
        if endpoint.name == "task":
            changes.pop("projectId", None)
            if "estimate_seconds" in changes:
                changes["estimate"] = format_duration(int(changes.pop("estimate_seconds") or 0))
        if current is not None:
            kept = {written: current.data.get(read) for written, read in KEPT[endpoint.name]}
            changes = {**kept, **{name: "" if value is None else value for name, value in changes.items()}}
        # an address that is no e-mail is refused, the empty one too; left out it is emptied
        return {
            name: value
            for name, value in changes.items()
            if value is not None and (name, value) != ("email", "")
        }

    def _ids_of(self, names: Any) -> list[str]:
        """Ids of tags by their names; one that is not there is made. A repetition finds what a lost answer left."""
        known = {name.casefold(): id for id, name in self._tag_names().items()}
        found: list[str] = []
        for name in names or ():
            if name.casefold() not in known:
                made = self.create("tag", {"name": name}, key="")
                known[name.casefold()] = made.id
            found.append(known[name.casefold()])
        return found

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource not in ("client", "tag", "project"):
            raise self.cannot("archive", resource)
        self._put_over(resource, self.get(resource, external_id), {"archived": True})

    def _put_over(self, resource: str, record: ExternalRecord, changes: Mapping[str, Any]) -> None:
        body = self.write_body(ENDPOINTS[resource], changes, current=record)
        self.session.request("PUT", self._path(ENDPOINTS[resource].update_path, id=record.id), json=body)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """What is active is not deleted: it is archived first, or a task done."""
        if resource == "time_entry":
            return super().delete(resource, external_id)
        try:
            now = self.get(resource, external_id)
        except RecordGone:
            return None
        if resource == "task" and now.data.get("status") != "DONE":
            self._put_over(resource, now, {"status": "DONE"})
        elif resource != "task" and not now.is_archived:
            self._put_over(resource, now, {"archived": True})
        self._tags = None
        return super().delete(resource, external_id)

    # --- certainty -----------------------------------------------------------------------------------------------

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained = super().explain_absence(resource, external_ids)
        unknown = [id for id, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if not unknown or resource == "user":
            return explained
        if resource == "time_entry":
            gone = Absence(AbsenceKind.DELETED, "The feed of deletions names it.")
            deleted = self._deleted_lately()
            return explained | {id: gone for id in unknown if id in deleted}
        listed = {one.id for one in self.walk(resource)}
        gone = Absence(AbsenceKind.DELETED, "The list of all can be read and does not hold it.")
        return explained | {id: gone for id in unknown if id not in listed}

    def _deleted_lately(self) -> set[str]:
        """Ids of entries deleted in the last weeks, a minute late. The feed is experimental: without it nothing is known."""
        now = self.session.environment.now()
        params = {
            "type": "TIME_ENTRY",
            "start": (now - timedelta(days=FEED_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limit": PAGE_SIZE,
        }
        gone: set[str] = set()
        for page in range(50):
            try:
                answer = self.session.get(
                    self._path(f"{SPACE}/entities/deleted"), params={**params, "page": page}
                )
            except (PermissionProblem, RecordGone, RecordProblem, ContractBroken):
                return gone
            rows = rows_in(answer.body, "response", "deleted entries")
            gone.update(str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id"))
            if len(rows) < PAGE_SIZE:
                break
        return gone

    def container_token(self) -> str:
        return digest([self.session.base_url, self.workspace, str(self.me()["id"])])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        return str(self.me().get("name") or self.me().get("email") or ""), str(self.me()["id"])

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        if kind in ("", "workspace"):
            rows = rows_in(self.session.get("/workspaces").body, "", "workspaces")
            return [
                Container(str(row["id"]), str(row["name"]), "workspace")
                for row in rows
                if isinstance(row, dict) and row.get("id") and row.get("name")
            ]
        if kind not in ("client", "project", "task", "tag", "user"):
            return []
        home = {"task": "projectId", "project": "clientId"}.get(kind, "")
        return [
            Container(one.id, str(one.data["name"]), kind, str(one.data.get(home) or self.workspace), one.url)
            for one in self.walk(kind)
            if one.data.get("name")
            and not one.is_archived
            and parent_id in ("", one.data.get(home), self.workspace)
        ]

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """One webhook for each event. Clockify makes their tokens, which are stored as the secret that proves them."""
        return hooks.ensure(self, url, is_free=str(self.settings.get("plan") or "free") == "free")

    def remove_webhooks(self, url: str) -> int:
        return hooks.remove(self, url)
