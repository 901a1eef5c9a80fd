"""A stand-in for Toggl Track: API v9, Reports v3, Webhooks v1. Facts: vendors/toggl.md."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import toggl_seed as seed
from .toggl_state import ENTITIES, WINDOW, TogglState

API = "/api/v9"
SPACE = f"{API}/workspaces/<int:workspace>"
HOOKS = "/webhooks/api/v1"
ENTRY = "created_with workspace_id start stop duration description project_id task_id billable tags tag_ids tag_action user_id"
PROJECT = "name client_id active is_private billable color start_date end_date"
TASK = "name active estimated_seconds user_id"
REPORT = "start_date end_date user_ids project_ids client_ids task_ids time_entry_ids billable description order_by order_dir page_size first_id first_row_number first_timestamp grouped enrich_response hide_amounts"
SUBSCRIPTION = "url_callback event_filters enabled description secret"
ROW_CAP = 1000


class Toggl(TogglState):
    slug = "toggl"
    name = "Toggl Track"
    colour = "#c02572"
    tagline = "Workspace “Studio Nord”: time entries, projects, tasks, tags"
    limit_per_minute = 600
    webhook_retry_delays = (30.0, 120.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, name, email, zone, role in seed.USERS:
            user = {
                "id": id,
                "fullname": name,
                "email": email,
                "timezone": zone,
                "role": role,
                "inactive": False,
                "is_active": True,
            }
            self.world.put("user", id, user)
        for id, name in seed.CLIENTS:
            client = {
                "id": id,
                "wid": seed.WORKSPACE,
                "name": name,
                "archived": False,
                "notes": None,
                "server_deleted_at": None,
            }
            self.keep("client", client, "created")
        for id, client_id, name, active, starts, ends in seed.PROJECTS:
            given = {
                "name": name,
                "client_id": client_id,
                "active": active,
                "start_date": starts,
                "end_date": ends,
            }
            self._save_project({}, given, id=id)
        for id, project, name, user_id, active, estimate in seed.TASKS:
            self._save_task(
                {},
                {"name": name, "user_id": user_id, "active": active, "estimated_seconds": estimate},
                project,
                id=id,
            )
        for id, name in seed.TAGS:
            self.make_tag(name, id=id)
        for entry in seed.entries(self.now()):
            begins, seconds = entry.pop("start"), entry.pop("seconds")
            owner = entry["user_id"]
            self.save_entry({}, {**entry, "start": begins.isoformat(), "duration": seconds}, actor=owner)

    def authenticate(self, call: Call) -> str:
        scheme, _, coded = call.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if scheme != "Basic" or user != seed.API_TOKEN or password != "api_token":  # noqa: S105
            raise Refusal(403, "Incorrect username and/or password")
        if not call.headers.get("User-Agent") or "application/json" not in call.headers.get(
            "Content-Type", ""
        ):
            raise Refusal(400, "Content-Type must be application/json")
        return str(seed.ME)

    def check_query(self, call: Call, spec: Route) -> None:
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query:
                    raise Refusal(400, f"unexpected parameter {name}", field=name)

    def refuse(self, refusal: Refusal) -> Any:
        """A bare text."""
        return refusal.message

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        return {"X-Toggl-Quota-Remaining": str(max(0, remaining)), "X-Toggl-Quota-Resets-In": "1800"}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        message = "You have hit your hourly limit for API calls. Your quota will reset in 1800 seconds."
        return Refusal(
            402, message, headers={"X-Toggl-Quota-Remaining": "0", "X-Toggl-Quota-Resets-In": "1800"}
        )

    def _space(self, workspace: int) -> None:
        if workspace != seed.WORKSPACE:
            raise Refusal(403, "User does not have access to this workspace")

    # --- me ------------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/me/logged")
    def logged(self, call: Call) -> Any:
        return Reply(None, 200)

    @route("GET", f"{API}/me", query="with_related_data")
    def me(self, call: Call) -> Any:
        user = self.fresh("user", seed.ME)
        return {
            "id": user["id"],
            "email": user["email"],
            "fullname": user["fullname"],
            "timezone": user["timezone"],
            "default_workspace_id": seed.WORKSPACE,
            "beginning_of_week": 1,
            "api_token": seed.API_TOKEN,
        }

    @route("GET", f"{API}/me/workspaces", query="since")
    def workspaces(self, call: Call) -> Any:
        shared = {
            "organization_id": seed.ORGANIZATION,
            "default_currency": "EUR",
            "projects_billable_by_default": True,
        }
        return [
            {"id": seed.WORKSPACE, "name": "Studio Nord", "role": "admin", **shared},
            {"id": seed.OTHER_WORKSPACE, "name": "Private", "role": "admin", **shared},
        ]

    @route("GET", f"{API}/me/time_entries", query="since before start_date end_date meta include_sharing")
    def my_entries(self, call: Call) -> Any:
        rows = [one for one in self.world.all("time_entry") if one["user_id"] == seed.ME]
        if "since" in call.query:
            if {"start_date", "end_date", "before"} & set(call.query):
                raise Refusal(400, "since cannot be used together with other filters")
            since = datetime.fromtimestamp(call.number("since", 0), UTC)
            if since < self.now() - WINDOW:
                raise Refusal(
                    400, "since parameter is too old: it cannot be before 3 months ago", field="since"
                )
            rows = [one for one in rows if datetime.fromisoformat(one["at"]) >= since]
            return [self.shown_entry(one) for one in self.visible(rows, "at")]
        rows = [one for one in rows if not one["server_deleted_at"]]
        first, last = self._range(call)
        rows = [one for one in rows if first <= datetime.fromisoformat(one["start"]).date() < last]
        rows = sorted(self.visible(rows, "at"), key=lambda one: one["start"], reverse=True)
        return [self.shown_entry(one) for one in rows[:ROW_CAP]]

    def _range(self, call: Call) -> tuple[date, date]:
        """Without dates only the last nine days."""
        if ("start_date" in call.query) != ("end_date" in call.query):
            raise Refusal(400, "start_date and end_date must both be given")
        if "start_date" not in call.query:
            today = self.now().date()
            return today - timedelta(days=9), today + timedelta(days=1)
        try:
            first, last = (date.fromisoformat(call.query[name][:10]) for name in ("start_date", "end_date"))
        except ValueError:
            raise Refusal(400, "start_date and end_date must be dates") from None
        if last < first:
            raise Refusal(400, "end_date must not be before start_date")
        return first, last

    @route("GET", f"{API}/me/time_entries/current")
    def current(self, call: Call) -> Any:
        running = [
            one for one in self.living("time_entry") if one["duration"] < 0 and one["user_id"] == seed.ME
        ]
        return (
            self.shown_entry(running[0])
            if running
            else Reply(b"null", 200, {"Content-Type": "application/json"})
        )

    @route("GET", f"{API}/me/time_entries/<int:id>", query="meta include_sharing")
    def my_entry(self, call: Call, id: int) -> Any:
        entry = self.fresh("time_entry", id)
        if entry["user_id"] != seed.ME:
            raise Refusal(404, "Resource can not be found")
        return self.shown_entry(entry)

    # --- time entries of the workspace ---------------------------------------------------------------------------

    @route("POST", f"{SPACE}/time_entries", query="meta")
    def make_entry(self, call: Call, workspace: int) -> Any:
        return self.shown_entry(self.save_entry({}, self._entry_body(call, workspace)))

    @route("PUT", f"{SPACE}/time_entries/<int:id>", query="meta")
    def change_entry(self, call: Call, workspace: int, id: int) -> Any:
        given = self._entry_body(call, workspace)
        entry = self.fresh("time_entry", id)
        if "user_id" in given and given["user_id"] != entry["user_id"]:
            raise Refusal(403, "Changing the owner of a time entry is not allowed")
        return self.shown_entry(self.save_entry(entry, given))

    @route("PATCH", f"{SPACE}/time_entries/<int:id>/stop")
    def stop(self, call: Call, workspace: int, id: int) -> Any:
        self._space(workspace)
        return self.shown_entry(self.stop_entry(self.fresh("time_entry", id)))

    @route("DELETE", f"{SPACE}/time_entries/<int:id>")
    def drop_entry(self, call: Call, workspace: int, id: int) -> Any:
        self._space(workspace)
        self.mark_deleted("time_entry", id)
        return Reply(None, 200)

    def _entry_body(self, call: Call, workspace: int) -> dict[str, Any]:
        self._space(workspace)
        given = self._given(call, ENTRY)
        if not given.get("created_with"):
            raise Refusal(400, "created_with needs to be provided and a valid string", field="created_with")
        if given.get("workspace_id") != workspace:
            raise Refusal(400, "workspace_id does not match", field="workspace_id")
        for name, kind in (
            ("duration", int),
            ("tags", list),
            ("billable", bool),
            ("project_id", int),
            ("task_id", int),
            ("user_id", int),
        ):
            if given.get(name) is not None and not isinstance(given[name], kind):
                raise Refusal(400, f"JSON is not valid: {name} has the wrong type", field=name)
        return given

    def _given(self, call: Call, allowed: str) -> dict[str, Any]:
        given = call.json
        if not isinstance(given, dict):
            raise Refusal(400, "JSON is not valid")
        unknown = [name for name in given if name not in allowed.split()]
        if unknown:
            raise Refusal(400, f"JSON is not valid: unknown field {unknown[0]}", field=unknown[0])
        return given

    @route("POST", "/reports/api/v3/workspace/<int:workspace>/search/time_entries")
    def report(self, call: Call, workspace: int) -> Any:
        """Grouped rows of finished entries; pages by the id and number of the next row."""
        self._space(workspace)
        given = self._given(call, REPORT)
        try:
            first, last = (date.fromisoformat(str(given.get(name))) for name in ("start_date", "end_date"))
        except ValueError:
            raise Refusal(400, "start_date and end_date must be dates") from None
        if (last - first).days > 366:
            raise Refusal(400, "Maximum allowed date range is 366 days")
        size = given.get("page_size", 50)
        if not isinstance(size, int) or not 1 <= size <= 1000:
            raise Refusal(400, "page_size must be from 1 to 1000", field="page_size")
        rows = [
            one
            for one in self.living("time_entry")
            if one["duration"] >= 0 and first <= datetime.fromisoformat(one["start"]).date() <= last
        ]
        if given.get("time_entry_ids"):
            rows = [one for one in rows if one["id"] in given["time_entry_ids"]]
        rows = sorted(self.visible(rows, "at"), key=lambda one: (one["start"], one["id"]))
        at = (given.get("first_row_number") or 1) - 1
        headers = {}
        if at + size < len(rows):
            headers = {"X-Next-ID": str(rows[at + size]["id"]), "X-Next-Row-Number": str(at + size + 1)}
        return Reply(
            [self._reported(one, at + number + 1) for number, one in enumerate(rows[at : at + size])],
            200,
            headers,
        )

    def _reported(self, one: Document, number: int) -> Document:
        user = self.world.get("user", one["user_id"]) or {}
        member = {
            "id": one["id"],
            "seconds": one["duration"],
            "start": one["start"],
            "stop": one["stop"],
            "at": one["at"],
            "at_tz": one["at"],
        }
        return {
            "user_id": one["user_id"],
            "username": user.get("fullname", ""),
            "project_id": one["project_id"],
            "task_id": one["task_id"],
            "billable": one["billable"],
            "description": one["description"],
            "tag_ids": one["tag_ids"],
            "time_entries": [member],
            "row_number": number,
        }

    # --- catalogues ----------------------------------------------------------------------------------------------

    @route("GET", f"{SPACE}/users", query="exclude_deleted")
    def users(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        return [
            {name: one[name] for name in ("id", "email", "fullname", "inactive", "is_active", "role")}
            for one in self.world.all("user")
        ]

    @route("GET", f"{SPACE}/clients", query="status name")
    def clients(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        status = call.choice("status", "active", "active archived both")
        rows = [
            one
            for one in self.living("client")
            if status == "both" or one["archived"] == (status == "archived")
        ]
        return self.visible(rows, "at")

    @route("POST", f"{SPACE}/clients")
    def make_client(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        return self._save_client({}, self._given(call, "name notes wid"))

    @route("GET", f"{SPACE}/clients/<int:id>")
    def client(self, call: Call, workspace: int, id: int) -> Any:
        self._space(workspace)
        return self.fresh("client", id)

    @route("PUT", f"{SPACE}/clients/<int:id>")
    def change_client(self, call: Call, workspace: int, id: int) -> Any:
        self._space(workspace)
        return self._save_client(self.fresh("client", id), self._given(call, "name notes wid"))

    def _save_client(self, client: Document, given: Mapping[str, Any]) -> Document:
        is_new = "id" not in client
        if is_new:
            client = {
                "id": self.world.next_number("client", 41100),
                "wid": seed.WORKSPACE,
                "name": "",
                "archived": False,
                "notes": None,
                "server_deleted_at": None,
            }
        client["name"] = self.unique("client", given.get("name", client["name"]), client["id"])
        if "notes" in given:
            client["notes"] = given["notes"]
        return self.keep("client", client, "created" if is_new else "updated")

    @route("POST", f"{SPACE}/clients/<int:id>/archive")
    def archive_client(self, call: Call, workspace: int, id: int) -> Any:
        self.keep("client", {**self.fresh("client", id), "archived": True}, "updated")
        return Reply(None, 200)

    @route("POST", f"{SPACE}/clients/<int:id>/restore")
    def restore_client(self, call: Call, workspace: int, id: int) -> Any:
        self.keep("client", {**self.fresh("client", id), "archived": False}, "updated")
        return Reply(None, 200)

    @route("DELETE", f"{SPACE}/clients/<int:id>")
    def drop_client(self, call: Call, workspace: int, id: int) -> Any:
        self.mark_deleted("client", id)
        return Reply(None, 200)

    @route("GET", f"{SPACE}/projects", query="active since page per_page name sort_field sort_order only_me")
    def projects(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        size = call.number("per_page", 151, low=1, high=200)
        return self._paged(self._changed(call, "project"), call, size)

    @route("POST", f"{SPACE}/projects")
    def make_project(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        return self._save_project({}, self._given(call, PROJECT))

    @route("GET", f"{SPACE}/projects/<int:id>")
    def project(self, call: Call, workspace: int, id: int) -> Any:
        self._space(workspace)
        return self.fresh("project", id)

    @route("PUT", f"{SPACE}/projects/<int:id>")
    def change_project(self, call: Call, workspace: int, id: int) -> Any:
        self._space(workspace)
        return self._save_project(self.fresh("project", id), self._given(call, PROJECT))

    @route("DELETE", f"{SPACE}/projects/<int:id>", query="teDeletionMode")
    def drop_project(self, call: Call, workspace: int, id: int) -> Any:
        """Takes the tracked time along unless told to unassign it."""
        self._space(workspace)
        mode = call.choice("teDeletionMode", "delete", "delete unassign")
        self.mark_deleted("project", id)
        for entry in self.living("time_entry"):
            if entry["project_id"] == id:
                if mode == "delete":
                    self.mark_deleted("time_entry", entry["id"])
                else:
                    self.keep("time_entry", {**entry, "project_id": None, "task_id": None}, "updated")
        return Reply(None, 200)

    def _save_project(self, project: Document, given: Mapping[str, Any], *, id: int = 0) -> Document:
        is_new = "id" not in project
        if is_new:
            project = {
                "id": id or self.world.next_number("project", 51100),
                "workspace_id": seed.WORKSPACE,
                "client_id": None,
                "name": "",
                "is_private": True,
                "active": True,
                "created_at": self.stamp(),
                "server_deleted_at": None,
                "color": "#0b83d9",
                "billable": False,
                "template": False,
                "estimated_seconds": None,
                "actual_seconds": None,
                "start_date": str(self.now().date()),
                "end_date": None,
                "status": "active",
            }
        client_id = given.get("client_id", project["client_id"])
        if client_id is not None:
            self.fresh("client", client_id)
        project["name"] = self.unique(
            "project", given.get("name", project["name"]), project["id"], client_id=client_id
        )
        project |= {name: value for name, value in given.items() if name != "name"}
        project["status"] = "active" if project["active"] else "archived"
        return self.keep("project", project, "created" if is_new else "updated")

    @route("GET", f"{SPACE}/tasks", query="since page per_page active pid sort_field sort_order")
    def tasks(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        size = call.number("per_page", 50, low=1, high=200)
        rows = self._changed(call, "task")
        return {
            "data": self._paged(rows, call, size),
            "page": call.number("page", 1, low=1),
            "per_page": size,
            "total_count": len(rows),
            "sort_field": "name",
            "sort_order": "ASC",
        }

    def _changed(self, call: Call, kind: str) -> list[Document]:
        rows = self.world.all(kind)
        if "since" in call.query:
            since = datetime.fromtimestamp(call.number("since", 0), UTC)
            if since < self.now() - WINDOW:
                raise Refusal(
                    400, "since parameter is too old: it cannot be before 3 months ago", field="since"
                )
            rows = [one for one in rows if datetime.fromisoformat(one["at"]) >= since]
        else:
            rows = [one for one in rows if not one["server_deleted_at"]]
        active = call.choice("active", "true", "true false both")
        return self.visible(
            [one for one in rows if active == "both" or one["active"] == (active == "true")], "at"
        )

    def _paged(self, rows: list[Document], call: Call, size: int) -> list[Document]:
        page = call.number("page", 1, low=1)
        return sorted(rows, key=lambda one: one["id"])[(page - 1) * size : page * size]

    @route("POST", f"{SPACE}/projects/<int:project>/tasks")
    def make_task(self, call: Call, workspace: int, project: int) -> Any:
        self._space(workspace)
        return self._save_task({}, self._given(call, TASK), project)

    @route("GET", f"{SPACE}/projects/<int:project>/tasks/<int:id>")
    def task(self, call: Call, workspace: int, project: int, id: int) -> Any:
        return self._task_of(project, id)

    @route("PUT", f"{SPACE}/projects/<int:project>/tasks/<int:id>")
    def change_task(self, call: Call, workspace: int, project: int, id: int) -> Any:
        return self._save_task(self._task_of(project, id), self._given(call, TASK), project)

    @route("DELETE", f"{SPACE}/projects/<int:project>/tasks/<int:id>")
    def drop_task(self, call: Call, workspace: int, project: int, id: int) -> Any:
        self._task_of(project, id)
        self.mark_deleted("task", id)
        return Reply(None, 200)

    def _task_of(self, project: int, id: int) -> Document:
        task = self.fresh("task", id)
        if task["project_id"] != project:
            raise Refusal(404, "Task not found")
        return task

    def _save_task(self, task: Document, given: Mapping[str, Any], project: int, *, id: int = 0) -> Document:
        self.fresh("project", project)
        is_new = "id" not in task
        if is_new:
            task = {
                "id": id or self.world.next_number("task", 61100),
                "name": "",
                "workspace_id": seed.WORKSPACE,
                "project_id": project,
                "user_id": None,
                "estimated_seconds": None,
                "tracked_seconds": 0,
                "active": True,
                "server_deleted_at": None,
            }
        task["name"] = self.unique("task", given.get("name", task["name"]), task["id"], project_id=project)
        task |= {name: value for name, value in given.items() if name != "name"}
        return self.keep("task", task, "created" if is_new else "updated")

    @route("GET", f"{SPACE}/tags")
    def tags(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        return self.visible(self.living("tag"), "at")

    @route("POST", f"{SPACE}/tags")
    def post_tag(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        return [self.make_tag(str(self._given(call, "name").get("name") or ""))]

    @route("PUT", f"{SPACE}/tags/<int:id>")
    def put_tag(self, call: Call, workspace: int, id: int) -> Any:
        tag = self.fresh("tag", id)
        name = self.unique("tag", self._given(call, "name").get("name"), tag["id"])
        return [self.keep("tag", {**tag, "name": name}, "updated")]

    @route("DELETE", f"{SPACE}/tags/<int:id>")
    def drop_tag(self, call: Call, workspace: int, id: int) -> Any:
        self.mark_deleted("tag", id)
        return Reply(None, 200)

    # --- webhooks ------------------------------------------------------------------------------------------------

    @route("GET", f"{HOOKS}/event_filters")
    def filters(self, call: Call) -> Any:
        return {entity: ["created", "updated", "deleted", "*"] for entity in ENTITIES}

    @route("GET", f"{HOOKS}/subscriptions/<int:workspace>")
    def hooks(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        return [self._shown_hook(one) for one in self.world.all("subscription")]

    @route("POST", f"{HOOKS}/subscriptions/<int:workspace>")
    def make_hook(self, call: Call, workspace: int) -> Any:
        self._space(workspace)
        if self.world.count("subscription") >= 3:
            raise Refusal(403, "maximum number of subscriptions reached")
        id = self.world.next_number("subscription", 1201)
        row = {
            "subscription_id": id,
            "workspace_id": workspace,
            "user_id": seed.ME,
            "validated_at": None,
            "has_pending_events": False,
            "created_at": self.stamp(),
            "updated_at": None,
            "deleted_at": None,
            "code": f"code{id}x5f1a",
        }
        return self._save_hook(row, self._given(call, SUBSCRIPTION))

    @route("PUT", f"{HOOKS}/subscriptions/<int:workspace>/<int:id>")
    def put_hook(self, call: Call, workspace: int, id: int) -> Any:
        return self._save_hook(self.fresh("subscription", id), self._given(call, SUBSCRIPTION))

    @route("PATCH", f"{HOOKS}/subscriptions/<int:workspace>/<int:id>")
    def patch_hook(self, call: Call, workspace: int, id: int) -> Any:
        row = self.fresh("subscription", id) | {"enabled": bool(self._given(call, "enabled").get("enabled"))}
        self.world.put("subscription", id, row)
        return self._shown_hook(row)

    @route("DELETE", f"{HOOKS}/subscriptions/<int:workspace>/<int:id>")
    def drop_hook(self, call: Call, workspace: int, id: int) -> Any:
        self.fresh("subscription", id)
        self.world.drop("subscription", id)
        return Reply(None, 200)

    @route("POST", f"{HOOKS}/ping/<int:workspace>/<int:id>")
    def ping_hook(self, call: Call, workspace: int, id: int) -> Any:
        self.ping(self.fresh("subscription", id))
        return {"status": "OK"}

    @route("GET", f"{HOOKS}/validate/<int:workspace>/<int:id>/<code>", auth=False)
    def validate_hook(self, call: Call, workspace: int, id: int, code: str) -> Any:
        if self.fresh("subscription", id)["code"] != code:
            raise Refusal(400, "invalid validation code")
        self.validate(id)
        return {"status": "OK"}

    def _save_hook(self, row: Document, given: Mapping[str, Any]) -> Document:
        events = given.get("event_filters")
        if not str(given.get("url_callback") or "").startswith("http") or not given.get("description"):
            raise Refusal(400, "url_callback and description are required")
        if (
            not isinstance(events, list)
            or not events
            or any(one.get("entity") not in ENTITIES for one in events)
        ):
            raise Refusal(400, "event_filters are invalid", field="event_filters")
        if row.get("url_callback") not in (None, given["url_callback"]):
            row["validated_at"] = None
        row |= {"enabled": True, "secret": f"made-{row['subscription_id']}", **given}
        self.world.put("subscription", row["subscription_id"], row)
        return self._shown_hook(row)

    def _shown_hook(self, row: Document) -> Document:
        return {name: value for name, value in row.items() if name != "code"}

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        projects = {"": "–", **{str(one["id"]): one["name"] for one in self.living("project")}}
        return (
            Sheet(
                "time_entry",
                "Time entries",
                (
                    SheetField("description", "Description"),
                    SheetField("project_id", "Project", "choice", projects),
                    SheetField("start", "Start"),
                    SheetField("duration", "Seconds", "number"),
                    SheetField("billable", "Billable", "check"),
                    SheetField("tags", "Tags", "tags"),
                ),
                title="description",
            ),
            Sheet(
                "project",
                "Projects",
                (
                    SheetField("name", "Name"),
                    SheetField("active", "Active", "check"),
                    SheetField("end_date", "Ends", "date"),
                ),
            ),
            Sheet("task", "Tasks", (SheetField("name", "Name"), SheetField("active", "Open", "check"))),
            Sheet("tag", "Tags", (SheetField("name", "Name"),)),
            Sheet("client", "Clients", (SheetField("name", "Name"),)),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        given = dict(values)
        present = {} if id is None else self.fresh(kind, id)
        match kind:
            case "time_entry":
                if "project_id" in given:
                    given["project_id"] = int(given["project_id"]) if given["project_id"] else None
                    if given["project_id"] != present.get("project_id"):
                        given["task_id"] = None
                if id is None:
                    given = {"start": self.stamp(), "duration": 900} | {
                        name: value for name, value in given.items() if value not in ("", None)
                    }
                made = self.save_entry(present, given, actor=int(actor or present.get("user_id") or seed.ME))
            case "project":
                made = self._save_project(present, given)
            case "task":
                made = self._save_task(present, given, present.get("project_id") or seed.PROJECTS[0][0])
            case "tag":
                made = (
                    self.make_tag(str(given["name"]))
                    if id is None
                    else self.keep(
                        "tag",
                        {**present, "name": self.unique("tag", given["name"], present["id"])},
                        "updated",
                    )
                )
            case "client":
                made = self._save_client(present, given)
            case _:
                raise Refusal(404, "nothing of this kind")
        return str(made["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        self.mark_deleted(kind, id)

    def contract_fixture(self) -> ContractFixture:
        yesterday = self.now().replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)
        stop = yesterday + timedelta(minutes=90)
        return ContractFixture(
            base_url="{root}",
            settings={"workspace_id": str(seed.WORKSPACE), "plan": "enterprise"},
            secrets={"api_token": seed.API_TOKEN},
            samples={
                "client": {"name": "Ferry Line"},
                "tag": {"name": "review"},
                "project": {"name": "Timetable", "active": True, "start_date": "2026-11-02"},
                "task": {
                    "name": "Print version",
                    "project_id": 51001,
                    "active": True,
                    "assignees": [seed.ME],
                },
                "time_entry": {
                    "start": yesterday.isoformat().replace("+00:00", "Z"),
                    "stop": stop.isoformat().replace("+00:00", "Z"),
                    "duration": 5400,
                    "description": "From the hub",
                    "project_id": 51001,
                    "task_id": 61001,
                    "tags": ["design"],
                },
            },
            edits={
                "time_entry": {"description": "Changed by the hub", "tags": ["design", "review"]},
                "client": {"name": "Ferry Company"},
                "tag": {"name": "second review"},
                "project": {"name": "Timetables", "end_date": "2026-12-30"},
                "task": {"name": "Web version", "active": False},
            },
            kinds={"time_entry": "time_entry"},
        )


VENDOR = Toggl
