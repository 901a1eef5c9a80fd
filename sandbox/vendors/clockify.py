"""A stand-in for Clockify's API v1. Facts: the vendor's OpenAPI document and vendors/clockify.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import clockify_seed as seed
from .clockify_state import ClockifyState, invalid, shown

V1 = "/api/v1"
SPACE = f"{V1}/workspaces/<space>"
PAGING = "page page-size sort-column sort-order"
ENTRY = "start end description billable projectId taskId tagIds customFields type"
EVENTS = [
    "TIME_ENTRY_UPDATED",
    "TIME_ENTRY_DELETED",
    "TIME_ENTRY_SPLIT",
    "TIME_ENTRY_RESTORED",
    "NEW_TIME_ENTRY",
    "NEW_TIMER_STARTED",
    "TIMER_STOPPED",
    "NEW_PROJECT",
    "PROJECT_UPDATED",
    "PROJECT_DELETED",
    "NEW_TASK",
    "TASK_UPDATED",
    "TASK_DELETED",
    "NEW_CLIENT",
    "CLIENT_UPDATED",
    "CLIENT_DELETED",
    "NEW_TAG",
    "TAG_UPDATED",
    "TAG_DELETED",
    "USER_UPDATED",
]
HOOK = "name url webhookEvent triggerSourceType triggerSource"
MAX_HOOKS = 10
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "client": {
        "name": "",
        "email": "",
        "address": "",
        "note": "",
        "archived": False,
        "ccEmails": [],
        "currencyId": "",
    },
    "tag": {"name": "", "archived": False},
    "project": {
        "name": "",
        "clientId": "",
        "billable": True,
        "color": "#03A9F4",
        "note": "",
        "archived": False,
        "isPublic": False,
    },
    "task": {
        "name": "",
        "status": "ACTIVE",
        "assigneeIds": [],
        "estimate": "PT0S",
        "billable": True,
        "userGroupIds": [],
    },
}
"""What a PUT takes, with what a left out member becomes."""

WIDE = {"client": "archive-projects mark-tasks-as-done", "task": "contains-assignee membership-status"}


class Clockify(ClockifyState):
    slug = "clockify"
    name = "Clockify"
    colour = "#03a9f4"
    tagline = "Workspace “Agentur Süd”: time entries, projects, tasks, tags"
    limit_per_minute = 1200

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, name, email, zone in seed.USERS:
            user = {
                "id": id, "name": name, "email": email, "status": "ACTIVE", "activeWorkspace": seed.WORKSPACE, "defaultWorkspace": seed.WORKSPACE,
                "memberships": [], "customFields": [], "profilePicture": "https://img.clockify.me/no-user-image.png",
                "settings": {"timeZone": zone, "dateFormat": "DD/MM/YYYY", "timeFormat": "HOUR24", "weekStart": "MONDAY"},
            }  # fmt: skip
            self.world.put("user", id, user)
        for id, name in seed.CLIENTS:
            self._save("client", None, {"name": name}, id=id)
        for id, name in seed.TAGS:
            self._save("tag", None, {"name": name}, id=id)
        for id, client, name, note, billable in seed.PROJECTS:
            self._save(
                "project",
                None,
                {"name": name, "clientId": client or "", "note": note, "billable": billable},
                id=id,
            )
        for id, project, name, people, status, estimate in seed.TASKS:
            given = {
                "name": name,
                "assigneeIds": list(people),
                "status": status,
                "estimate": estimate or "PT0S",
            }
            self._save("task", None, given, project=project, id=id)
        for entry in seed.entries(self.now()):
            owner = entry.pop("userId")
            times = {name: entry[name].isoformat() for name in ("start", "end")}
            self.replace_entry(None, {**entry, **times}, owner=owner)

    def authenticate(self, call: Call) -> str:
        if call.headers.get("X-Api-Key") != seed.API_KEY:
            raise Refusal(401, "Api key does not exist", code="4003")
        return seed.ME

    def refuse(self, refusal: Refusal) -> Any:
        code = int(refusal.code) if refusal.code.isdigit() else 3000 if refusal.status == 404 else 501
        return {"message": refusal.message, "code": code}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """No Retry-After is documented."""
        return Refusal(429, "Too many requests")

    def check_query(self, call: Call, spec: Route) -> None:
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query:
                    raise invalid(f"Unknown parameter {name}")
        for name in spec.required:
            if name not in call.query:
                raise invalid(f"{name} is required")

    def _space(self, space: str) -> None:
        if space not in (seed.WORKSPACE, seed.OTHER_WORKSPACE):
            raise Refusal(403, "Access Denied", code="403")

    def _paged(self, call: Call, rows: list[Document]) -> Reply:
        page, size = call.number("page", 1, low=1), call.number("page-size", 50, low=1, high=5000)
        visible = self.visible([{"_changed": self.stamp(), **one} for one in rows], "_changed")
        found = [shown(one) for one in visible[(page - 1) * size : page * size]]
        return Reply(found, 200, {"Last-Page": "true" if page * size >= len(visible) else "false"})

    def _given(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        given = call.json
        if not isinstance(given, dict):
            raise invalid("Request body is missing or malformed")
        for name in given:
            if name not in allowed.split():
                raise invalid(f"Unknown property {name}")
        for name in required.split():
            if given.get(name) in (None, "", []):
                raise invalid(f"{name} must not be empty")
        return given

    # --- account -------------------------------------------------------------------------------------------------

    @route("GET", f"{V1}/user", query="include-memberships")
    def me(self, call: Call) -> Any:
        return self.world.get("user", seed.ME)

    @route("GET", f"{V1}/workspaces", query="roles")
    def workspaces(self, call: Call) -> Any:
        return [
            {"id": seed.WORKSPACE, "name": "Agentur Süd"},
            {"id": seed.OTHER_WORKSPACE, "name": "Private"},
        ]

    @route(
        "GET",
        f"{SPACE}/users",
        query=f"{PAGING} email project-id status account-statuses name memberships",
        required="include-roles",
    )
    def users(self, call: Call, space: str) -> Any:
        self._space(space)
        call.choice("status", "ALL", "PENDING ACTIVE DECLINED INACTIVE ALL")
        return self._paged(call, self.world.all("user"))

    # --- catalogues ----------------------------------------------------------------------------------------------

    def _listed(self, call: Call, space: str, kind: str, **where: Any) -> Reply:
        self._space(space)
        rows = [
            one
            for one in self.world.all(kind)
            if all(one.get(name) == value for name, value in where.items())
        ]
        if "archived" in call.query:
            wanted = call.flag("archived")
            rows = [one for one in rows if one["archived"] == wanted]
        return self._paged(call, [] if space != seed.WORKSPACE else rows)

    def _save(
        self,
        kind: str,
        present: Document | None,
        given: Mapping[str, Any],
        *,
        project: str = "",
        id: str = "",
    ) -> Document:
        """A PUT replaces: what it leaves out goes back to the beginning."""
        defaults = FIELDS[kind]
        if kind == "project" and given.get("clientId"):
            self.fresh("client", given["clientId"])
        same = {
            "client": {},
            "tag": {},
            "project": {"clientId": given.get("clientId") or ""},
            "task": {"projectId": project},
        }[kind]
        name = self.name_for(kind, given.get("name"), present["id"] if present else "", **same)
        document = {
            "id": present["id"] if present else id or self.new_id(),
            **defaults,
            **given,
            "name": name,
        }
        if kind == "task":
            if document["status"] not in ("ACTIVE", "DONE"):
                raise invalid("Task status must be ACTIVE or DONE")
            document |= {"projectId": project, "duration": "PT0S"}
        else:
            document["workspaceId"] = seed.WORKSPACE
        if kind == "project":
            client = self.world.get("client", document["clientId"] or "")
            document |= {
                "public": document.pop("isPublic"),
                "clientName": client["name"] if client else "",
                "memberships": [],
                "template": False,
                "duration": "PT0S",
            }
        return self.keep(kind, document, f"{kind.upper()}_UPDATED" if present else f"NEW_{kind.upper()}")

    @route("GET", f"{SPACE}/clients", query=f"{PAGING} name archived")
    def clients(self, call: Call, space: str) -> Any:
        return self._listed(call, space, "client")

    @route("GET", f"{SPACE}/tags", query=f"{PAGING} name strict-name-search excluded-ids archived")
    def tags(self, call: Call, space: str) -> Any:
        return self._listed(call, space, "tag")

    @route(
        "GET",
        f"{SPACE}/projects",
        query=f"{PAGING} name strict-name-search archived billable clients hydrated",
    )
    def projects(self, call: Call, space: str) -> Any:
        return self._listed(call, space, "project")

    @route("POST", f"{SPACE}/clients")
    def make_client(self, call: Call, space: str) -> Any:
        return Reply(
            shown(self._save("client", None, self._given(call, "name email address note", "name"))), 201
        )

    @route("POST", f"{SPACE}/tags")
    def make_tag(self, call: Call, space: str) -> Any:
        return Reply(shown(self._save("tag", None, self._given(call, "name", "name"))), 201)

    @route("POST", f"{SPACE}/projects")
    def make_project(self, call: Call, space: str) -> Any:
        given = self._given(call, "name clientId isPublic billable color note", "name")
        return Reply(shown(self._save("project", None, given)), 201)

    @route("GET", f"{SPACE}/clients/<id>")
    def client(self, call: Call, space: str, id: str) -> Any:
        return shown(self.fresh("client", id))

    @route("GET", f"{SPACE}/tags/<id>")
    def tag(self, call: Call, space: str, id: str) -> Any:
        return shown(self.fresh("tag", id))

    @route("GET", f"{SPACE}/projects/<id>", query="hydrated")
    def project(self, call: Call, space: str, id: str) -> Any:
        return shown(self.fresh("project", id))

    @route("PUT", f"{SPACE}/clients/<id>", query=WIDE["client"])
    def put_client(self, call: Call, space: str, id: str) -> Any:
        given = self._given(call, " ".join(FIELDS["client"]), "name")
        return shown(self._save("client", self.fresh("client", id), given))

    @route("PUT", f"{SPACE}/tags/<id>")
    def put_tag(self, call: Call, space: str, id: str) -> Any:
        return shown(self._save("tag", self.fresh("tag", id), self._given(call, "name archived", "name")))

    @route("PUT", f"{SPACE}/projects/<id>")
    def put_project(self, call: Call, space: str, id: str) -> Any:
        given = self._given(call, " ".join(FIELDS["project"]), "name")
        return shown(self._save("project", self.fresh("project", id), given))

    @route("DELETE", f"{SPACE}/clients/<id>")
    def drop_client(self, call: Call, space: str, id: str) -> Any:
        return shown(self.drop("client", id))

    @route("DELETE", f"{SPACE}/tags/<id>")
    def drop_tag(self, call: Call, space: str, id: str) -> Any:
        return shown(self.drop("tag", id))

    @route("DELETE", f"{SPACE}/projects/<id>")
    def drop_project(self, call: Call, space: str, id: str) -> Any:
        return shown(self.drop("project", id))

    @route("GET", f"{SPACE}/projects/<project>/tasks", query=f"{PAGING} name strict-name-search is-active")
    def tasks(self, call: Call, space: str, project: str) -> Any:
        self.fresh("project", project)
        return self._listed(call, space, "task", projectId=project)

    @route("POST", f"{SPACE}/projects/<project>/tasks", query="contains-assignee")
    def make_task(self, call: Call, space: str, project: str) -> Any:
        self.fresh("project", project)
        given = self._given(call, "name assigneeIds estimate status userGroupIds budgetEstimate id", "name")
        return Reply(shown(self._save("task", None, given, project=project)), 201)

    @route("GET", f"{SPACE}/projects/<project>/tasks/<id>")
    def task(self, call: Call, space: str, project: str, id: str) -> Any:
        return shown(self.fresh("task", id, projectId=project))

    @route("PUT", f"{SPACE}/projects/<project>/tasks/<id>", query=WIDE["task"])
    def put_task(self, call: Call, space: str, project: str, id: str) -> Any:
        given = self._given(call, " ".join(FIELDS["task"]), "name")
        return shown(self._save("task", self.fresh("task", id, projectId=project), given, project=project))

    @route("DELETE", f"{SPACE}/projects/<project>/tasks/<id>")
    def drop_task(self, call: Call, space: str, project: str, id: str) -> Any:
        self.fresh("task", id, projectId=project)
        return shown(self.drop("task", id))

    # --- time entries --------------------------------------------------------------------------------------------

    @route(
        "GET",
        f"{SPACE}/user/<user>/time-entries",
        query="description start end project task tags project-required task-required hydrated page page-size in-progress get-week-before",
    )
    def entries(self, call: Call, space: str, user: str) -> Any:
        self._space(space)
        self.fresh("user", user)
        rows = [one for one in self.world.all("time_entry") if one["userId"] == user]
        rows = self.within(rows, user, call.query.get("start", ""), call.query.get("end", ""))
        if "in-progress" in call.query:
            wanted = call.flag("in-progress")
            rows = [one for one in rows if (one["timeInterval"]["end"] is None) == wanted]
        return self._paged(
            call, sorted(rows, key=lambda one: (one["timeInterval"]["start"], one["id"]), reverse=True)
        )

    @route("GET", f"{SPACE}/time-entries/status/in-progress", query="page page-size")
    def in_progress(self, call: Call, space: str) -> Any:
        return self._paged(call, self.running())

    @route("POST", f"{SPACE}/time-entries")
    def make_entry(self, call: Call, space: str) -> Any:
        return Reply(shown(self.replace_entry(None, self._given(call, ENTRY), owner=seed.ME)), 201)

    @route("POST", f"{SPACE}/user/<user>/time-entries", query="from-entry")
    def make_entry_for(self, call: Call, space: str, user: str) -> Any:
        self.fresh("user", user)
        return Reply(shown(self.replace_entry(None, self._given(call, ENTRY), owner=user)), 201)

    @route("PATCH", f"{SPACE}/user/<user>/time-entries")
    def stop_entry(self, call: Call, space: str, user: str) -> Any:
        running = self.running(user)
        if not running:
            raise Refusal(404, "No running time entry", code="404")
        end = datetime.fromisoformat(str(self._given(call, "end", "end")["end"]))
        return shown(self.stop(running[0], end))

    @route("GET", f"{SPACE}/time-entries/<id>", query="hydrated")
    def entry(self, call: Call, space: str, id: str) -> Any:
        return shown(self.fresh("time_entry", id))

    @route("PUT", f"{SPACE}/time-entries/<id>")
    def put_entry(self, call: Call, space: str, id: str) -> Any:
        entry = self.fresh("time_entry", id)
        return shown(self.replace_entry(entry, self._given(call, ENTRY, "start"), owner=entry["userId"]))

    @route("DELETE", f"{SPACE}/time-entries/<id>")
    def drop_entry(self, call: Call, space: str, id: str) -> Any:
        self.drop("time_entry", id)
        return Reply(None, 204)

    @route("GET", f"{SPACE}/entities/deleted", query="start end page limit", required="type")
    def deletions(self, call: Call, space: str) -> Any:
        page, size = call.number("page", 0), call.number("limit", 50, low=1, high=200)
        rows = [one for one in self.world.all("deletion") if one["documentCode"] in call.query_lists["type"]]
        rows = [
            one
            for one in rows
            if call.query.get("start", "") <= one["deletedAt"] <= call.query.get("end", "9999")
        ]
        return {"response": rows[page * size : (page + 1) * size]}

    # --- webhooks ------------------------------------------------------------------------------------------------

    @route("GET", f"{SPACE}/webhooks", query="type")
    def hooks(self, call: Call, space: str) -> Any:
        rows = self.world.all("webhook")
        return {"webhooks": rows, "workspaceWebhookCount": len(rows)}

    @route("POST", f"{SPACE}/webhooks")
    def make_hook(self, call: Call, space: str) -> Any:
        if self.world.count("webhook") >= MAX_HOOKS:
            raise Refusal(403, "Webhook limit reached", code="403")
        id = self.new_id()
        shared = {
            "id": id,
            "workspaceId": seed.WORKSPACE,
            "userId": seed.ME,
            "enabled": True,
            "deliveryEnabled": True,
            "planEnabled": True,
        }
        row = {**shared, **self._hook_body(call)}
        return Reply(
            self.world.put("webhook", id, {**row, "authToken": seed.token_of(row["webhookEvent"])}), 201
        )

    @route("PUT", f"{SPACE}/webhooks/<id>")
    def put_hook(self, call: Call, space: str, id: str) -> Any:
        row = {**self.fresh("webhook", id), **self._hook_body(call), "enabled": True, "deliveryEnabled": True}
        return self.world.put("webhook", id, row)

    @route("DELETE", f"{SPACE}/webhooks/<id>")
    def drop_hook(self, call: Call, space: str, id: str) -> Any:
        self.fresh("webhook", id)
        self.world.drop("webhook", id)
        return Reply(None, 200)

    def _hook_body(self, call: Call) -> dict[str, Any]:
        given = self._given(call, HOOK, HOOK)
        if not 2 <= len(given["name"]) <= 30:
            raise invalid("Webhook name must be between 2 and 30 characters long")
        if given["webhookEvent"] not in EVENTS or given["triggerSourceType"] != "WORKSPACE_ID":
            raise invalid("Webhook event or trigger source is not valid")
        if given["triggerSource"] != [seed.WORKSPACE] or not given["url"].startswith("http"):
            raise invalid("Trigger source or url is not valid")
        return given

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        projects = {"": "–", **{one["id"]: one["name"] for one in self.world.all("project")}}
        entry = (
            SheetField("description", "Description"),
            SheetField("projectId", "Project", "choice", projects),
            SheetField("timeInterval.start", "Start"),
            SheetField("timeInterval.end", "End"),
            SheetField("billable", "Billable", "check"),
        )
        return (
            Sheet("time_entry", "Time entries", entry, title="description"),
            Sheet(
                "project",
                "Projects",
                (
                    SheetField("name", "Name"),
                    SheetField("note", "Note", "area"),
                    SheetField("archived", "Archived", "check"),
                ),
            ),
            Sheet(
                "task",
                "Tasks",
                (
                    SheetField("name", "Name"),
                    SheetField("status", "Status", "choice", {"ACTIVE": "active", "DONE": "done"}),
                ),
            ),
            Sheet("tag", "Tags", (SheetField("name", "Name"),)),
            Sheet(
                "client", "Clients", (SheetField("name", "Name"), SheetField("address", "Address", "area"))
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        given = dict(values)
        present = None if id is None else self.fresh(kind, id)
        if kind == "time_entry":
            was = {name: (present or {}).get(name) for name in ENTRY.split() if name != "customFields"}
            was |= (present or {"timeInterval": {"start": self.stamp(), "end": None}})["timeInterval"]
            for name in ("start", "end"):
                if f"timeInterval.{name}" in given:
                    given[name] = given.pop(f"timeInterval.{name}") or was.get(name)
            if "projectId" in given and (given["projectId"] or None) != was["projectId"]:
                given |= {"projectId": given["projectId"] or None, "taskId": None}
            whole = {
                name: value
                for name, value in {**was, **given}.items()
                if name in ENTRY.split() and value != ""
            }
            return str(
                self.replace_entry(present, whole, owner=actor or (present or {}).get("userId") or seed.ME)[
                    "id"
                ]
            )
        if kind == "rules":
            self.world.put("rules", "rules", given)
            return "rules"
        if kind not in FIELDS:
            raise invalid("nothing of this kind")
        old = {
            name: (present or {}).get("public" if name == "isPublic" else name, default)
            for name, default in FIELDS[kind].items()
        }
        project = (present or {}).get("projectId") or seed.PROJECTS[0][0]
        return str(self._save(kind, present, {**old, **given}, project=project)["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        """A person's delete does the archiving by itself."""
        found = self.fresh(kind, id)
        if kind != "time_entry":
            self.world.put(
                kind, id, {**found, "status": "DONE"} if kind == "task" else {**found, "archived": True}
            )
        self.drop(kind, id)

    def contract_fixture(self) -> ContractFixture:
        start = self.now().replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)
        times = {
            name: moment.isoformat().replace("+00:00", "Z")
            for name, moment in (("start", start), ("end", start + timedelta(minutes=90)))
        }
        return ContractFixture(
            base_url="{root}/api/v1",
            settings={"workspace_id": seed.WORKSPACE, "plan": "paid"},
            secrets={"api_key": seed.API_KEY},
            webhook_secret=" ".join(seed.token_of(event) for event in EVENTS),
            samples={
                "client": {"name": "Ferry Line", "email": "office@ferry.example"},
                "tag": {"name": "review"},
                "project": {"name": "Ticket machine", "note": "From the hub"},
                "task": {
                    "name": "Print layout",
                    "projectId": seed.PROJECTS[0][0],
                    "status": "ACTIVE",
                    "assigneeIds": [seed.ME],
                    "estimate_seconds": 7200,
                },
                "time_entry": {
                    **times,
                    "seconds": 5400,
                    "description": "From the hub",
                    "projectId": seed.PROJECTS[0][0],
                    "taskId": seed.TASKS[0][0],
                    "tags": ["workshop"],
                    "billable": True,
                },
            },
            edits={
                "time_entry": {"description": "Changed by the hub", "tags": ["review", "workshop"]},
                "client": {"name": "Ferry Company"},
                "tag": {"name": "second review"},
                "project": {"name": "Ticket machines"},
                "task": {"name": "Web layout", "status": "DONE"},
            },
            kinds={"time_entry": "time_entry"},
        )


VENDOR = Clockify
