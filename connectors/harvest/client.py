"""The client of one Harvest account. Harvest keeps the last write, so each update reads and compares first."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base.client import Endpoint, Since, digest, rows_in
from connectors.base.comparing import ComparingClient
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordProblem
from connectors.base.paging import NextUrl
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.types import Container, ExternalRecord

from . import entries
from .zones import zone_named

PER_PAGE = 2000
GROUP = "lockstep"


def _endpoint(name: str, plural: str, *, is_writable: bool = True, can_delete: bool = True) -> Endpoint:
    one = f"/{plural}/{{id}}"
    return Endpoint(
        name,
        list_path=f"/{plural}",
        get_path=one,
        create_path=f"/{plural}" if is_writable else "",
        update_path=one if is_writable else "",
        delete_path=one if is_writable and can_delete else "",
        list_params={"per_page": PER_PAGE},
        pager=NextUrl("links.next"),
        since=Since("updated_since"),
        rows_at=plural,
        updated_at="updated_at",
    )


ENDPOINTS: Mapping[str, Endpoint] = {
    "user": _endpoint("user", "users", is_writable=False),
    "client": _endpoint("client", "clients"),
    # deleting a project deletes its time and expenses: never
    "project": _endpoint("project", "projects", can_delete=False),
    "task": _endpoint("task", "tasks"),
    "time_entry": _endpoint("time_entry", "time_entries"),
}
ARCHIVABLE = frozenset({"client", "project", "task"})


class HarvestClient(ComparingClient):
    endpoints = ENDPOINTS
    known_by = {"client": ("name",), "task": ("name",), "project": ("name",)}

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self._company: Mapping[str, Any] | None = None
        self._me: Mapping[str, Any] | None = None
        self._zones: dict[str, ZoneInfo | None] | None = None

    # --- the account ---------------------------------------------------------------------------------------------

    def company(self) -> Mapping[str, Any]:
        """The account's own settings; ``wants_timestamp_timers`` decides how entries are written."""
        if self._company is None:
            found = self.session.get("/company").body
            if not isinstance(found, dict):
                raise ContractBroken("The answer holds no company.")
            self._company = found
        return self._company

    def me(self) -> Mapping[str, Any]:
        if self._me is None:
            found = self.session.get("/users/me").body
            if not isinstance(found, dict) or not found.get("id"):
                raise ContractBroken("The answer does not say whose token this is.")
            self._me = found
        return self._me

    def zone_of(self, user_id: str) -> ZoneInfo | None:
        """The zone in which a person's times of the day count; None where nobody tells."""
        if self._zones is None:
            people: list[Mapping[str, Any]] = [self.me()]
            if user_id != str(self.me()["id"]):
                with contextlib.suppress(PermissionProblem):  # members see themselves only
                    people += [record.data for record in self.walk("user")]
            zones = {str(one.get("id")): zone_named(str(one.get("timezone") or "")) for one in people}
            if len(people) == 1:
                return zones.get(user_id)
            self._zones = zones
        return self._zones.get(user_id)

    # --- reading -------------------------------------------------------------------------------------------------

    def rows(self, endpoint: Endpoint, answer: Answer) -> list[Any]:
        """Without its links an answer does not say whether it is the last page."""
        found = super().rows(endpoint, answer)
        if not isinstance(read_path(answer.body, "links", None), dict):
            raise ContractBroken("The listing does not say whether there is more.", exchange=answer.exchange)
        return found

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        data = dict(row)
        if endpoint.name == "time_entry":
            has_times = row.get("started_time") or row.get("ended_time")
            data = entries.normalised(row, self.zone_of(entries.owner_of(row)) if has_times else None)
        elif endpoint.name == "user":
            data["name"] = " ".join(str(row.get(part) or "") for part in ("first_name", "last_name")).strip()
            zone = zone_named(str(row.get("timezone") or ""))
            data["time_zone"] = zone.key if zone else None
        return dataclasses.replace(
            record,
            data=data,
            version=digest(data)[:16],  # updated_at counts whole seconds
            url=self._url(endpoint.name, record.id, row),
            is_archived=endpoint.name in ARCHIVABLE and row.get("is_active") is False,
        )

    def _url(self, resource: str, id: str, row: Mapping[str, Any]) -> str:
        base = str(self.company().get("base_uri") or "").rstrip("/")
        if not base.startswith("https://"):
            return ""
        match resource:
            case "time_entry":
                day = str(row.get("spent_date") or "").replace("-", "/")
                return f"{base}/time/day/{day}/{entries.owner_of(row)}"
            case "user":
                return f"{base}/people/{id}"
            case "project":
                return f"{base}/projects/{id}"
        return f"{base}/{resource}s"

    # --- writing -------------------------------------------------------------------------------------------------

    def rests_on(self, resource: str, fields: Mapping[str, Any]) -> Sequence[str]:
        is_time = resource == "time_entry" and not entries.TIMES.isdisjoint(fields)
        return tuple({**fields, **dict.fromkeys(entries.TIMES)} if is_time else fields)

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        match endpoint.name:
            case "time_entry":
                return self._entry_body(fields, current, key)
            case "project" if current is None:
                return self._new_project(fields)
        if current is None:
            return {name: value for name, value in fields.items() if value is not None}
        return dict(fields)

    def _entry_body(
        self, fields: Mapping[str, Any], current: ExternalRecord | None, key: str
    ) -> dict[str, Any]:
        said = entries.others(fields)
        if current is None or not entries.TIMES.isdisjoint(fields):
            owner = str(
                said.get("user_id") or (entries.owner_of(current.data) if current else self.me()["id"])
            )
            company = self.company()
            said |= entries.times(
                fields,
                current.data if current else None,
                zone=self.zone_of(owner),
                has_clock=bool(company.get("wants_timestamp_timers")),
                is_24h=company.get("clock") == "24h",
            )
        if current is not None:
            return said
        for name, label in (("project_id", "project"), ("task_id", "task")):
            chosen = said.get(name) or self.settings.get(f"default_{name}")
            if not str(chosen or "").isdigit():
                raise RecordProblem(
                    f"An entry in Harvest needs a {label}; the settings may name one.", field=f"{label}.id"
                )
            said[name] = int(str(chosen))
        said = {name: value for name, value in said.items() if value is not None}
        return {**said, "external_reference": {"id": key, "group_id": GROUP}}

    def _new_project(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What Harvest wants of a project beside its name: not billed, without a budget, unless somebody says so there."""
        client = fields.get("client.id") or self.settings.get("default_client_id")
        if not str(client or "").isdigit():
            raise RecordProblem(
                "A project in Harvest needs a client; the settings may name one.", field="client.id"
            )
        plain = {name: value for name, value in fields.items() if value is not None and name != "client.id"}
        return {
            "client_id": int(str(client)),
            "is_billable": False,
            "bill_by": "none",
            "budget_by": "none",
            **plain,
        }

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Starting and stopping a timer are calls of their own; a stop comes before the hours it is to have had."""
        if resource == "time_entry":
            was_running = bool(current.data.get("is_running"))
            ends = any(fields.get(name) is not None for name in ("ended_at", "hours"))
            if was_running and ends:
                current = self._switch(external_id, "stop")
            elif not was_running and "ended_at" in fields and not ends and current.data.get("ended_at"):
                fields = {name: value for name, value in fields.items() if name not in ("ended_at", "hours")}
                current = self._switch(external_id, "restart")
        if not fields:
            return current
        return super().update(resource, external_id, fields, current=current)

    def _switch(self, external_id: str, action: str) -> ExternalRecord:
        path = self._path(f"/time_entries/{{id}}/{action}", id=external_id)
        answer = self.session.request("PATCH", path, json={})
        endpoint = ENDPOINTS["time_entry"]
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=None)

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource not in ARCHIVABLE:
            raise self.cannot("archive", resource)
        path = self._path(ENDPOINTS[resource].update_path, id=external_id)
        self.session.request("PATCH", path, json={"is_active": False}, is_repeatable=True)

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """By the reference that was written with the entry."""
        if resource != "time_entry":
            return None
        answer = self.session.get("/time_entries", params={"external_reference_id": key})
        endpoint = ENDPOINTS["time_entry"]
        rows = [
            row for row in self.rows(endpoint, answer) if read_path(row, "external_reference.id", None) == key
        ]
        return self.to_record(endpoint, rows[0], answer=answer, parent_id=None) if rows else None

    def would_see(self, resource: str) -> bool:
        """An administrator sees everything, so a 404 means deleted; to others it may mean out of sight."""
        self._me = None
        return "administrator" in (self.me().get("access_roles") or ())

    def container_token(self) -> str:
        return digest(
            [self.session.base_url, str(self.settings.get("account_id") or ""), str(self.me()["id"])]
        )

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = self.me()
        name = " ".join(str(me.get(part) or "") for part in ("first_name", "last_name")).strip()
        company = str(self.company().get("name") or "")
        return f"{name} ({company})" if company else name, str(me["id"])

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        """Clients, projects of a client, tasks (of a project: those assigned to it), people."""
        if kind in ("", "project"):
            return [
                Container(
                    one.id,
                    str(one.data.get("name")),
                    "project",
                    str(read_path(one.data, "client.id", "")),
                    one.url,
                )
                for one in self.walk("project")
                if not one.is_archived and parent_id in ("", str(read_path(one.data, "client.id", "")))
            ]
        if kind == "task" and parent_id:
            path = self._path("/projects/{id}/task_assignments", id=parent_id)
            answer = self.session.get(path, params={"is_active": True, "per_page": PER_PAGE})
            tasks = [
                read_path(row, "task", None)
                for row in rows_in(answer.body, "task_assignments", "task assignments")
            ]
            found = [task for task in tasks if isinstance(task, dict) and task.get("id")]
            return [Container(str(task["id"]), str(task.get("name")), "task", parent_id) for task in found]
        if kind in ("client", "task", "user"):
            return [
                Container(one.id, str(one.data.get("name")), kind, None, one.url)
                for one in self.walk(kind)
                if one.data.get("is_active") is not False and one.data.get("name")
            ]
        return []
