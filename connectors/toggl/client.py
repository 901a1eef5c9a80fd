"""The client of one workspace. Toggl keeps the last write, so each update reads and compares first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from connectors.base.client import Endpoint, Since, digest, rows_in
from connectors.base.comparing import ComparingClient
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, RecordGone, RecordProblem
from connectors.base.paging import OnePage, PageNumber
from connectors.base.session import Answer, ApiSession
from connectors.base.types import (
    Absence,
    AbsenceKind,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import entries, hooks

FEED_DAYS = 60
"""``since`` is refused somewhat before three months (toggl_api_docs issue 294); older cursors read in full."""

WINDOW_DAYS = 100  # few requests: those to /me are thirty an hour
REPORT_DAYS = 360  # a report covers a year at most
AHEAD_DAYS = 31  # entries may be planned
ROW_CAP = 1000
"""An answer over a range of dates stops here without a word (toggl_api_docs issue 416)."""

MAX_HISTORY_DAYS = 3650
REPORT_PAGE = 200
API = "/api/v9"

ENDPOINTS: Mapping[str, Endpoint] = {
    "user": Endpoint("user", list_path=f"{API}/workspaces/{{workspace}}/users"),
    "client": Endpoint(
        "client",
        list_path=f"{API}/workspaces/{{workspace}}/clients",
        get_path=f"{API}/workspaces/{{workspace}}/clients/{{id}}",
        create_path=f"{API}/workspaces/{{workspace}}/clients",
        update_path=f"{API}/workspaces/{{workspace}}/clients/{{id}}",
        delete_path=f"{API}/workspaces/{{workspace}}/clients/{{id}}",
        update_method="PUT",
        list_params={"status": "both"},
        updated_at="at",
        archived_at="archived",
    ),
    "project": Endpoint(
        "project",
        list_path=f"{API}/workspaces/{{workspace}}/projects",
        get_path=f"{API}/workspaces/{{workspace}}/projects/{{id}}",
        create_path=f"{API}/workspaces/{{workspace}}/projects",
        update_path=f"{API}/workspaces/{{workspace}}/projects/{{id}}",
        delete_path=f"{API}/workspaces/{{workspace}}/projects/{{id}}?teDeletionMode=unassign",
        update_method="PUT",
        list_params={"active": "both"},
        pager=PageNumber(size_param="per_page", size=200),
        since=Since("since", style="epoch_s"),
        updated_at="at",
    ),
    "task": Endpoint(
        "task",
        list_path=f"{API}/workspaces/{{workspace}}/tasks",
        get_path=f"{API}/workspaces/{{workspace}}/projects/{{project}}/tasks/{{id}}",
        create_path=f"{API}/workspaces/{{workspace}}/projects/{{project}}/tasks",
        update_path=f"{API}/workspaces/{{workspace}}/projects/{{project}}/tasks/{{id}}",
        delete_path=f"{API}/workspaces/{{workspace}}/projects/{{project}}/tasks/{{id}}",
        update_method="PUT",
        list_params={"active": "both"},
        pager=PageNumber(size_param="per_page", size=200, total_path="total_count"),
        since=Since("since", style="epoch_s"),
        rows_at="data",
        updated_at="at",
    ),
    "tag": Endpoint(
        "tag",
        list_path=f"{API}/workspaces/{{workspace}}/tags",
        create_path=f"{API}/workspaces/{{workspace}}/tags",
        update_path=f"{API}/workspaces/{{workspace}}/tags/{{id}}",
        delete_path=f"{API}/workspaces/{{workspace}}/tags/{{id}}",
        update_method="PUT",
        record_at="[0]",  # writes answer with a list of one
        pager=OnePage(),
        updated_at="at",
    ),
    "time_entry": Endpoint(
        "time_entry",
        get_path=f"{API}/me/time_entries/{{id}}",
        create_path=f"{API}/workspaces/{{workspace}}/time_entries",
        update_path=f"{API}/workspaces/{{workspace}}/time_entries/{{id}}",
        delete_path=f"{API}/workspaces/{{workspace}}/time_entries/{{id}}",
        update_method="PUT",
        updated_at="at",
    ),
}
PAGES = {"client": "clients", "project": "projects", "task": "projects", "tag": "tags", "user": "team"}


class TogglClient(ComparingClient):
    endpoints = ENDPOINTS
    known_by = {
        "client": ("name",),
        "project": ("name",),
        "task": ("name", "project_id"),
        "tag": ("name",),
    }

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.workspace = str(settings.get("workspace_id") or "")
        self.reads_reports = settings.get("entries") == "everyone"
        self.history_days = int(settings.get("history_days") or 365)
        self._me: Mapping[str, Any] | None = None
        self._tag_names: dict[int, str] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"workspace": self.workspace}

    def me(self) -> Mapping[str, Any]:
        """Whose token it is. Asked for once: ``/me`` has a small quota of its own. Holds the token itself: never passed on."""
        if self._me is None:
            found = self.session.get(f"{API}/me", quota_class="me").body
            if not isinstance(found, dict) or not found.get("id"):
                raise ContractBroken("The answer does not say whose token this is.")
            self._me = {name: value for name, value in found.items() if name != "api_token"}
        return self._me

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        data, is_archived = dict(row), record.is_archived
        match endpoint.name:
            case "time_entry":
                data = entries.normalised(row)
            case "task":
                self.remember_home("task", record.id, row.get("project_id"))
                data["assignees"] = [row["user_id"]] if row.get("user_id") else []
                data["estimated_seconds"] = row.get("estimated_seconds") or None
            case "project":
                is_archived = row.get("active") is False
        if endpoint.name == "user":
            data.pop("api_token", None)
        place = PAGES.get(endpoint.name)
        url = f"https://track.toggl.com/{f'{self.workspace}/{place}' if place else 'timer'}"
        if endpoint.name == "project":
            url = f"https://track.toggl.com/{self.workspace}/projects/{record.id}"
        is_gone = bool(row.get("server_deleted_at") or row.get("deleted_at"))
        return dataclasses.replace(
            record,
            data=data,
            version=digest(data)[:16],  # at counts whole seconds
            url=url,
            container=str(row.get("workspace_id") or row.get("wid") or self.workspace),
            is_archived=is_archived,
            is_deleted=is_gone,
        )

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if since is not None and since < self.session.environment.now() - timedelta(days=FEED_DAYS):
            since = None
        if resource == "time_entry":
            return self._entries_page(since, token)
        page = super().list_page(resource, since=since, token=token)
        return _without_the_gone(page)

    def _entries_page(self, since: datetime | None, token: Any) -> Page:
        if self.reads_reports:
            return self.in_legs(self._windows(REPORT_DAYS), token, self._report_page)
        if since is not None and token is None:
            answer = self._mine({"since": int(since.timestamp())})
            rows = rows_in(answer.body, "", "time entries")
            if len(rows) < ROW_CAP:
                return _without_the_gone(Page(self._records(rows), None, answer.server_time))
        return self.in_legs(self._windows(WINDOW_DAYS), token, self._window_page)

    def _windows(self, days: int) -> list[str]:
        """First days of the windows from the start of the history to the near future; the same all day long."""
        today = self.session.environment.now().date()
        first = today - timedelta(days=self.history_days)
        return [
            f"{first + timedelta(days=at)}/{first + timedelta(days=at + days)}"
            for at in range(0, self.history_days + AHEAD_DAYS, days)
        ]

    def _window_page(self, leg: str, token: Any) -> Page:
        """Entries that start in a window. Asked for with a day's margin, since the vendor counts days in the user's zone."""
        pending = token or [leg]
        first, last = (date.fromisoformat(day) for day in str(pending[0]).split("/"))
        ask = {"start_date": str(first - timedelta(days=1)), "end_date": str(last + timedelta(days=1))}
        answer = self._mine(ask)
        rows = rows_in(answer.body, "", "time entries")
        if len(rows) >= ROW_CAP:
            middle = first + (last - first) // 2
            if middle == first:
                raise ContractBroken(f"{first} has {ROW_CAP} entries or more, which Toggl does not list.")
            return Page([], [f"{first}/{middle}", f"{middle}/{last}", *pending[1:]], answer.server_time)
        records = [one for one in self._records(rows) if entries.starts_within(one.data, first, last)]
        return _without_the_gone(Page(records, pending[1:] or None, answer.server_time))

    def _report_page(self, leg: str, token: Any) -> Page:
        first, last = (date.fromisoformat(day) for day in leg.split("/"))
        answer, rows = self._report(first, last - timedelta(days=1), token or {})
        places = {
            "first_id": answer.headers.get("x-next-id", ""),
            "first_row_number": answer.headers.get("x-next-row-number", ""),
        }
        has_more = all(value.isdigit() for value in places.values())
        following = {name: int(value) for name, value in places.items()} if has_more else None
        return Page(self._records(rows), following, answer.server_time)

    def _report(
        self, first: date, last: date, more: Mapping[str, Any]
    ) -> tuple[Answer, list[Mapping[str, Any]]]:
        """Entries of everybody from the detailed report, in the shape of single entries."""
        body = {
            "start_date": str(first),
            "end_date": str(last),
            "page_size": REPORT_PAGE,
            "order_by": "date",
            **more,
        }
        path = self._path("/reports/api/v3/workspace/{workspace}/search/time_entries")
        answer = self.session.request("POST", path, json=body, is_repeatable=True)
        groups = rows_in(answer.body, "", "reported time entries")
        return answer, entries.from_report(groups, int(self.workspace), self._names_of_tags())

    def _mine(self, params: Mapping[str, Any]) -> Answer:
        return self.session.get(f"{API}/me/time_entries", params=params, quota_class="me")

    def _records(self, rows: Sequence[Any]) -> list[ExternalRecord]:
        endpoint = ENDPOINTS["time_entry"]
        ours = [
            row for row in rows if isinstance(row, dict) and str(row.get("workspace_id")) == self.workspace
        ]
        return [self.to_record(endpoint, row, answer=None, parent_id=None) for row in ours]

    def _names_of_tags(self) -> dict[int, str]:
        if self._tag_names is None:
            self._tag_names = {int(one.id): str(one.data.get("name") or "") for one in self.walk("tag")}
        return self._tag_names

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource in ("user", "tag"):
            found = next((one for one in self.walk(resource) if one.id == external_id), None)
            if found is None:
                raise RecordGone(f"The workspace has no such {resource}.")
            return dataclasses.replace(found, complete=True)
        if resource == "time_entry":
            return self._entry(external_id)
        record = super().get(resource, external_id)
        if record.is_deleted:
            raise RecordGone(f"The {resource} was deleted.", proven=True)
        return record

    def _entry(self, external_id: str) -> ExternalRecord:
        if self.reads_reports:
            today = self.session.environment.now().date()
            first = today - timedelta(days=REPORT_DAYS - AHEAD_DAYS)
            last = today + timedelta(days=AHEAD_DAYS - 1)
            _, rows = self._report(first, last, {"time_entry_ids": [_number(external_id, "id")]})
            records = [one for one in self._records(rows) if one.id == external_id]
            if not records:
                raise RecordGone("The reports of the last year do not hold this entry.")
            return dataclasses.replace(records[0], complete=True)
        answer = self.session.get(
            self._path(ENDPOINTS["time_entry"].get_path, id=external_id), quota_class="me"
        )
        row = self.record_in(ENDPOINTS["time_entry"], answer)
        record = self.to_record(ENDPOINTS["time_entry"], row, answer=answer, parent_id=None)
        if record.is_deleted:
            raise RecordGone("The entry was deleted.", proven=True)
        if record.container != self.workspace:
            raise RecordGone("The entry was moved to another workspace.")
        return record

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        wanted = set(external_ids)
        if resource in ("user", "tag", "client") or len(wanted) > 5:  # one listing costs less of the quota
            found = {
                one.id: dataclasses.replace(one, complete=True)
                for one in self.walk(resource)
                if one.id in wanted
            }
            if resource != "time_entry":
                return found
            return found | super().get_many(resource, [id for id in external_ids if id not in found])
        return super().get_many(resource, external_ids)

    # --- writing -------------------------------------------------------------------------------------------------

    def _path(self, template: str, **values: Any) -> str:
        """A task's address leads through its project: the one it is made in, else the one it is known to live in."""
        if "{project}" in template:
            values["project"] = values.pop("parent", None) or self.home_of("task", str(values.get("id")))
        return super()._path(template, **values)

    def rests_on(self, resource: str, fields: Mapping[str, Any]) -> Sequence[str]:
        is_time = resource == "time_entry" and not entries.TIMES.isdisjoint(fields)
        return tuple({**fields, **dict.fromkeys(entries.TIMES)} if is_time else fields)

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource == "task":
            parent_id = str(fields.get("project_id") or "")
            if not parent_id:
                raise RecordProblem("A task in Toggl belongs to a project.", field="project_id")
        made = super().create(resource, fields, key=key, parent_id=parent_id)
        return dataclasses.replace(made, parent_id=None)

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        if endpoint.name == "time_entry":
            me = self.me()["id"] if "user_id" in fields and not self.reads_reports else None
            said = self._with_its_task(fields, current)
            return entries.body(said, current, workspace=_number(self.workspace, "workspace_id"), me=me)
        body = dict(fields)
        if endpoint.name == "task":
            body.pop("project_id", None)
            if "assignees" in body:
                people = body.pop("assignees") or []
                if len(people) > 1:
                    raise RecordProblem("A task in Toggl has one assignee at most.", field="assignees")
                body["user_id"] = people[0] if people else None
            if "estimated_seconds" in body:
                body["estimated_seconds"] = body["estimated_seconds"] or 0
            body = {name: value for name, value in body.items() if value is not None or name == "user_id"}
        if endpoint.name == "project" and current is None:
            body = {"active": True, "is_private": False, **{k: v for k, v in body.items() if v is not None}}
        if endpoint.name == "client":
            body["wid"] = _number(self.workspace, "workspace_id")
        return body

    def _with_its_task(self, fields: Mapping[str, Any], current: ExternalRecord | None) -> Mapping[str, Any]:
        """An entry that moves to another project leaves its task behind, as in Toggl's own pages."""
        task = current.data.get("task_id") if current else None
        if not task or "task_id" in fields or "project_id" not in fields:
            return fields
        try:
            is_its_own = str(fields["project_id"]) == self.home_of("task", str(task))
        except RecordGone:
            is_its_own = False
        return fields if is_its_own else {**fields, "task_id": None}

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        match resource:
            case "client":
                path = self._path(f"{ENDPOINTS['client'].get_path}/archive", id=external_id)
                self.session.request("POST", path, expect_json=False, is_repeatable=True)
            case "project":
                self.session.request(
                    "PUT", self._path(ENDPOINTS[resource].update_path, id=external_id), json={"active": False}
                )
            case _:
                raise self.cannot("archive", resource)

    # --- certainty -----------------------------------------------------------------------------------------------

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained = super().explain_absence(resource, external_ids)
        for id, absence in explained.items():
            if absence.record is not None and absence.record.is_archived:
                explained[id] = Absence(AbsenceKind.ARCHIVED, record=absence.record)
        unknown = [id for id, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if unknown and resource in ("client", "tag"):
            listed = {one.id for one in self.walk(resource)}
            gone = Absence(AbsenceKind.DELETED, "The list of all can be read and does not hold it.")
            return explained | {id: gone for id in unknown if id not in listed}
        if unknown and resource in ("project", "task", "time_entry"):
            gone = Absence(AbsenceKind.DELETED, "The list of changes names it as deleted.")
            return explained | {id: gone for id in self._deleted_lately(resource) if id in unknown}
        return explained

    def _deleted_lately(self, resource: str) -> set[str]:
        since = self.session.environment.now() - timedelta(days=FEED_DAYS - 1)
        if resource == "time_entry":
            rows = rows_in(self._mine({"since": int(since.timestamp())}).body, "", "time entries")
            return {one.id for one in self._records(rows) if one.is_deleted}
        gone: set[str] = set()
        token: Any = None
        while True:
            page = self.list_page(resource, since=since, token=token)
            gone.update(page.deleted_ids)
            if page.next_token is None:
                return gone
            token = page.next_token

    def container_token(self) -> str:
        return digest([self.session.base_url, self.workspace, str(self.me()["id"])])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = self.me()
        return str(me.get("fullname") or me.get("email") or ""), str(me["id"])

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        if kind in ("", "workspace"):
            rows = rows_in(self.session.get(f"{API}/me/workspaces", quota_class="me").body, "", "workspaces")
            return [
                Container(str(row["id"]), str(row["name"]), "workspace", extra={"role": row.get("role")})
                for row in rows
                if isinstance(row, dict) and row.get("id") and row.get("name")
            ]
        if kind not in ENDPOINTS or kind == "time_entry":
            return []
        names = ("fullname", "name", "email")
        return [
            Container(
                one.id,
                next(str(one.data[at]) for at in names if one.data.get(at)),
                kind,
                self.workspace,
                one.url,
            )
            for one in self.walk(kind)
            if not one.is_archived and any(one.data.get(at) for at in names)
        ]

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return hooks.ensure(self, url, secret, is_free=str(self.settings.get("plan") or "free") == "free")

    def remove_webhooks(self, url: str) -> int:
        return hooks.remove(self, url)


def _without_the_gone(page: Page) -> Page:
    """Lists of changes hold what was deleted as well."""
    gone = [record.id for record in page.records if record.is_deleted]
    kept = [record for record in page.records if not record.is_deleted]
    return Page(kept, page.next_token, page.server_time, [*page.deleted_ids, *gone])


def _number(value: Any, field: str) -> int:
    if not str(value or "").isdigit():
        raise RecordProblem(f"{field} must be a number.", field=field)
    return int(value)
