"""A stand-in for Harvest's API v2. Facts: vendors/harvest.md and the OpenAPI document of the vendor's reference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import harvest_seed as seed
from .harvest_state import ENTRY_WRITE, HarvestState, refused

LIST = "is_active updated_since page cursor per_page"
ENTRIES = "user_id client_id project_id task_id external_reference_id is_billed is_running updated_since from to page per_page"
PROJECT = "client_id name code is_active is_billable is_fixed_fee bill_by hourly_rate budget budget_by budget_is_monthly notify_when_over_budget over_budget_notification_percentage show_budget_to_all cost_budget cost_budget_include_expenses fee notes starts_on ends_on"
CLIENT = "name is_active address currency"
TASK = "name billable_by_default default_hourly_rate is_default is_active"


class Harvest(HarvestState):
    slug = "harvest"
    name = "Harvest"
    colour = "#fa5d00"
    tagline = "Account “Feldhaus Design”: timesheets, projects, tasks, clients"
    limit_per_minute = 400

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        company = {
            "base_uri": "https://feldhaus.harvestapp.com", "full_domain": "feldhaus.harvestapp.com", "name": "Feldhaus Design",
            "is_active": True, "week_start_day": "Monday", "wants_timestamp_timers": False, "time_format": "decimal", "date_format": "%d/%m/%Y",
            "plan_type": "simple-v4", "clock": "12h", "decimal_symbol": ",", "thousands_separator": ".", "color_scheme": "orange",
            "weekly_capacity": 126000, "expense_feature": True, "invoice_feature": True, "estimate_feature": True, "approval_feature": True,
            "team_feature": True,
        }  # fmt: skip
        self.world.put("company", "company", company)
        for id, first, last, email, zone, roles in seed.USERS:
            user = {
                "id": id, "first_name": first, "last_name": last, "email": email, "telephone": "", "timezone": zone,
                "has_access_to_all_future_projects": False, "is_contractor": False, "is_active": True, "weekly_capacity": 126000,
                "roles": ["Design"], "access_roles": roles, "avatar_url": "https://feldhaus.example/avatar.png",
            }  # fmt: skip
            self.keep("user", user)
        for id, name in seed.CLIENTS:
            self._save_client({}, {"name": name}, id=id)
        for id, client_id, name, code, starts, ends in seed.PROJECTS:
            given = {"client_id": client_id, "name": name, "code": code, "starts_on": starts, "ends_on": ends, "is_billable": True, "bill_by": "Project", "budget_by": "none"}  # fmt: skip
            self._save_project({}, given, id=id)
        for id, name, billable in seed.TASKS:
            self._save_task({}, {"name": name, "billable_by_default": billable}, id=id)
        for entry in seed.entries(self.now().date()):
            is_locked = entry.pop("is_locked")
            made = self.save_entry({}, entry)
            if is_locked:
                self.world.put("time_entry", made["id"], {**made, "is_locked": True, "locked_reason": "Item Approved and Locked for this Time Period", "is_closed": True})  # fmt: skip

    def authenticate(self, call: Call) -> str:
        if not call.headers.get("User-Agent", "").strip():
            raise Refusal(400, "User-Agent header is missing")
        if call.headers.get("Authorization") != f"Bearer {seed.ACCESS_TOKEN}":
            raise Refusal(401, "The access token you provided is invalid or has expired.")
        if call.headers.get("Harvest-Account-Id") != seed.ACCOUNT:
            raise Refusal(401, "The account ID you provided does not match the access token.")
        return str(seed.ME)

    def refuse(self, refusal: Refusal) -> Any:
        if refusal.status == 401:
            return {
                "error": "invalid_token",
                "error_description": refusal.message,
                "message": refusal.message,
            }
        return {"code": refusal.status, "message": refusal.message}

    def check_query(self, call: Call, spec: Route) -> None:
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query:
                    raise refused(f"{name} is not a parameter")

    # --- lists ---------------------------------------------------------------------------------------------------

    def _listed(self, call: Call, kind: str, plural: str, rows: list[Document] | None = None) -> Any:
        found = list(reversed(self.world.all(kind))) if rows is None else rows
        since = call.moment("updated_since")
        if since is not None:
            found = [one for one in found if datetime.fromisoformat(one["updated_at"]) >= since]
        if "is_active" in call.query:
            wanted = call.flag("is_active")
            found = [one for one in found if one["is_active"] == wanted]
        return self._paged(call, plural, self.visible(found, "updated_at"))

    def _paged(self, call: Call, plural: str, found: list[Document]) -> Any:
        size, page = call.number("per_page", 2000, low=1, high=2000), call.number("page", 1, low=1)
        pages = max(1, -(-len(found) // size))

        def link(number: int) -> str | None:
            query: dict[str, Any] = {**call.query, "page": number, "per_page": size}
            return call.address(**query) if 1 <= number <= pages else None

        return {
            plural: found[(page - 1) * size : page * size],
            "per_page": size,
            "total_pages": pages,
            "total_entries": len(found),
            "next_page": page + 1 if page < pages else None,
            "previous_page": page - 1 if page > 1 else None,
            "page": page,
            "links": {
                "first": link(1),
                "next": link(page + 1),
                "previous": link(page - 1),
                "last": link(pages),
            },
        }

    def _given(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        given = call.json
        if not isinstance(given, dict):
            raise Refusal(400, "Request body is not JSON")
        for name in given:
            if name not in allowed.split():
                raise refused(f"{name} is not a permitted attribute")
        for name in required.split():
            if given.get(name) in (None, ""):
                raise refused(f"{name.removesuffix('_id').replace('_', ' ').capitalize()} can't be blank")
        return given

    # --- account -------------------------------------------------------------------------------------------------

    @route("GET", "/company")
    def get_company(self, call: Call) -> Any:
        return self.company()

    @route("GET", "/users/me")
    def me(self, call: Call) -> Any:
        return self.fresh("user", seed.ME)

    @route("GET", "/users", query=LIST)
    def users(self, call: Call) -> Any:
        return self._listed(call, "user", "users")

    @route("GET", "/users/<int:id>")
    def user(self, call: Call, id: int) -> Any:
        return self.fresh("user", id)

    # --- time entries --------------------------------------------------------------------------------------------

    @route("GET", "/time_entries", query=ENTRIES)
    def entries(self, call: Call) -> Any:
        rows = sorted(
            self.world.all("time_entry"), key=lambda one: (one["spent_date"], one["id"]), reverse=True
        )
        for name in ("user", "client", "project", "task"):
            if f"{name}_id" in call.query:
                wanted = call.number(f"{name}_id", 0)
                rows = [one for one in rows if one[name]["id"] == wanted]
        if "external_reference_id" in call.query:
            reference = call.query["external_reference_id"]
            rows = [one for one in rows if (one["external_reference"] or {}).get("id") == reference]
        for name in ("is_billed", "is_running"):
            if name in call.query:
                wants = call.flag(name)
                rows = [one for one in rows if one[name] == wants]
        first, last = call.query.get("from", ""), call.query.get("to", "9999")
        rows = [one for one in rows if first <= one["spent_date"] <= last]
        return self._listed(call, "time_entry", "time_entries", [self.shown_entry(one) for one in rows])

    @route("POST", "/time_entries")
    def make_entry(self, call: Call) -> Any:
        return Reply(
            self.shown_entry(
                self.save_entry({}, self._given(call, ENTRY_WRITE, "project_id task_id spent_date"))
            ),
            201,
        )

    @route("GET", "/time_entries/<int:id>")
    def entry(self, call: Call, id: int) -> Any:
        return self.shown_entry(self.fresh("time_entry", id))

    @route("PATCH", "/time_entries/<int:id>")
    def change_entry(self, call: Call, id: int) -> Any:
        entry = self.fresh("time_entry", id)
        return self.shown_entry(
            self.save_entry(entry, self._given(call, ENTRY_WRITE.replace("user_id ", "")))
        )

    @route("DELETE", "/time_entries/<int:id>")
    def drop_entry(self, call: Call, id: int) -> Any:
        self.remove("time_entry", str(id))
        return Reply(None, 200)

    @route("PATCH", "/time_entries/<int:id>/stop")
    def stop(self, call: Call, id: int) -> Any:
        return self.shown_entry(self.stop_timer(self.fresh("time_entry", id)))

    @route("PATCH", "/time_entries/<int:id>/restart")
    def restart(self, call: Call, id: int) -> Any:
        entry = self.fresh("time_entry", id)
        if entry["is_running"]:
            raise refused("This timer is already running.")
        if entry["is_locked"]:
            raise refused("Time entry is locked")
        self.start_timer(entry)
        return self.shown_entry(self.keep("time_entry", entry))

    @route("DELETE", "/time_entries/<int:id>/external_reference")
    def drop_reference(self, call: Call, id: int) -> Any:
        self.keep("time_entry", {**self.fresh("time_entry", id), "external_reference": None})
        return Reply(None, 200)

    # --- projects, tasks, clients --------------------------------------------------------------------------------

    @route("GET", "/projects", query=f"{LIST} client_id")
    def projects(self, call: Call) -> Any:
        rows = list(reversed(self.world.all("project")))
        if "client_id" in call.query:
            wanted = call.number("client_id", 0)
            rows = [one for one in rows if one["client"]["id"] == wanted]
        return self._listed(call, "project", "projects", rows)

    @route("POST", "/projects")
    def make_project(self, call: Call) -> Any:
        return Reply(
            self._save_project({}, self._given(call, PROJECT, "client_id name bill_by budget_by")), 201
        )

    @route("GET", "/projects/<int:id>")
    def project(self, call: Call, id: int) -> Any:
        return self.fresh("project", id)

    @route("PATCH", "/projects/<int:id>")
    def change_project(self, call: Call, id: int) -> Any:
        return self._save_project(self.fresh("project", id), self._given(call, PROJECT))

    @route("DELETE", "/projects/<int:id>")
    def drop_project(self, call: Call, id: int) -> Any:
        """As the vendor does: with all time and expenses of it."""
        self.fresh("project", id)
        for entry in self.world.all("time_entry"):
            if entry["project"]["id"] == id:
                self.world.drop("time_entry", entry["id"])
        self.world.drop("project", id)
        return Reply(None, 200)

    @route("GET", "/projects/<int:id>/task_assignments", query="is_active updated_since page per_page")
    def task_assignments(self, call: Call, id: int) -> Any:
        project = self.fresh("project", id)
        rows = [
            {
                "id": id + task["id"], "project": {"id": project["id"], "name": project["name"], "code": project["code"]},
                "task": {"id": task["id"], "name": task["name"]}, "is_active": task["is_active"], "billable": task["billable_by_default"],
                "created_at": task["created_at"], "updated_at": task["updated_at"],
            }
            for task in self.world.all("task")
        ]  # fmt: skip
        return self._listed(call, "task_assignment", "task_assignments", rows)

    def _save_project(self, project: Document, given: Mapping[str, Any], *, id: int = 0) -> Document:
        if "id" not in project:
            project = {
                "id": id or self.world.next_number("project", 14309000), "client": None, "name": "", "code": None, "is_active": True,
                "is_billable": False, "is_fixed_fee": False, "bill_by": "none", "budget": None, "budget_by": "none", "budget_is_monthly": False,
                "notify_when_over_budget": False, "over_budget_notification_percentage": 80.0, "show_budget_to_all": False, "hourly_rate": None,
                "cost_budget": None, "cost_budget_include_expenses": False, "fee": None, "notes": None, "starts_on": None, "ends_on": None,
            }  # fmt: skip
        if given.get("client_id"):
            client = self.world.get("client", given["client_id"])
            if client is None:
                raise refused("Client must exist")
            project["client"] = {"id": client["id"], "name": client["name"], "currency": client["currency"]}
        return self._save("project", project, given, except_names=("client_id",))

    @route("GET", "/clients", query=LIST)
    def clients(self, call: Call) -> Any:
        return self._listed(call, "client", "clients")

    @route("POST", "/clients")
    def make_client(self, call: Call) -> Any:
        return Reply(self._save_client({}, self._given(call, CLIENT, "name")), 201)

    @route("GET", "/clients/<int:id>")
    def client(self, call: Call, id: int) -> Any:
        return self.fresh("client", id)

    @route("PATCH", "/clients/<int:id>")
    def change_client(self, call: Call, id: int) -> Any:
        return self._save_client(self.fresh("client", id), self._given(call, CLIENT))

    @route("DELETE", "/clients/<int:id>")
    def drop_client(self, call: Call, id: int) -> Any:
        self.remove("client", str(id))
        return Reply(None, 200)

    def _save_client(self, client: Document, given: Mapping[str, Any], *, id: int = 0) -> Document:
        if "id" not in client:
            client = {"id": id or self.world.next_number("client", 5737000), "name": "", "is_active": True, "address": None, "statement_key": "0a39d3e33c8058cf", "currency": "EUR"}  # fmt: skip
        return self._save("client", client, given)

    @route("GET", "/tasks", query=LIST)
    def tasks(self, call: Call) -> Any:
        return self._listed(call, "task", "tasks")

    @route("POST", "/tasks")
    def make_task(self, call: Call) -> Any:
        return Reply(self._save_task({}, self._given(call, TASK, "name")), 201)

    @route("GET", "/tasks/<int:id>")
    def task(self, call: Call, id: int) -> Any:
        return self.fresh("task", id)

    @route("PATCH", "/tasks/<int:id>")
    def change_task(self, call: Call, id: int) -> Any:
        return self._save_task(self.fresh("task", id), self._given(call, TASK))

    @route("DELETE", "/tasks/<int:id>")
    def drop_task(self, call: Call, id: int) -> Any:
        self.remove("task", str(id))
        return Reply(None, 200)

    def _save_task(self, task: Document, given: Mapping[str, Any], *, id: int = 0) -> Document:
        if "id" not in task:
            task = {"id": id or self.world.next_number("task", 8084000), "name": "", "billable_by_default": True, "default_hourly_rate": 0.0, "is_default": True, "is_active": True}  # fmt: skip
        return self._save("task", task, given)

    def _save(
        self, kind: str, document: Document, given: Mapping[str, Any], *, except_names: tuple[str, ...] = ()
    ) -> Document:
        changes = {name: value for name, value in given.items() if name not in except_names}
        if "name" in changes:
            changes["name"] = str(changes["name"] or "").strip()
            if not changes["name"]:
                raise refused("Name can't be blank")
            if kind != "project" and any(one["name"].casefold() == changes["name"].casefold() and one["id"] != document["id"] for one in self.world.all(kind)):  # fmt: skip
                raise refused("Name has already been taken")
        return self.keep(kind, {**document, **changes})

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        projects = {str(one["id"]): one["name"] for one in self.world.all("project") if one["is_active"]}
        tasks = {str(one["id"]): one["name"] for one in self.world.all("task") if one["is_active"]}
        entry = (
            SheetField("notes", "Notes"),
            SheetField("spent_date", "Day", "date"),
            SheetField("hours", "Hours", "number"),
            SheetField("project.id", "Project", "choice", projects),
            SheetField("task.id", "Task", "choice", tasks),
            SheetField("is_locked", "Locked", "check"),
        )
        return (
            Sheet("time_entry", "Time entries", entry, title="notes"),
            Sheet(
                "project",
                "Projects",
                (
                    SheetField("name", "Name"),
                    SheetField("code", "Code"),
                    SheetField("is_active", "Active", "check"),
                ),
            ),
            Sheet("task", "Tasks", (SheetField("name", "Name"), SheetField("is_active", "Active", "check"))),
            Sheet(
                "client", "Clients", (SheetField("name", "Name"), SheetField("address", "Address", "area"))
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        given = dict(values)
        present = {} if id is None else self.fresh(kind, id)
        match kind:
            case "time_entry":
                is_locked = given.pop("is_locked", None)
                for name in ("project", "task"):
                    if f"{name}.id" in given:
                        given[f"{name}_id"] = int(given.pop(f"{name}.id"))
                if id is None:
                    first = {
                        "project_id": seed.PROJECTS[0][0],
                        "task_id": seed.TASKS[0][0],
                        "spent_date": str(self.now().date()),
                    }
                    given = first | {name: value for name, value in given.items() if value is not None}
                made = self.save_entry(
                    {**present, "is_locked": False} if present else {}, given, actor=int(actor or seed.ME)
                )
                if is_locked is not None:
                    self.keep(
                        "time_entry",
                        {
                            **made,
                            "is_locked": is_locked,
                            "locked_reason": "Item Approved and Locked" if is_locked else None,
                        },
                    )
            case "project":
                made = self._save_project(
                    present, {"client_id": seed.CLIENTS[0][0], **given} if id is None else given
                )
            case "task":
                made = self._save_task(present, given)
            case "client":
                made = self._save_client(present, given)
            case "company":
                made = {"id": "company"}
                self.world.put("company", "company", {**present, **given})
            case _:
                raise Refusal(404, "Not Found")
        return str(made["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        found = self.fresh(kind, id)
        if kind == "time_entry" and found["is_locked"]:
            raise refused("Time entry is locked")
        if kind == "client" and any(one["client"]["id"] == found["id"] for one in self.world.all("project")):
            raise refused("Client has projects and cannot be deleted")
        if kind == "task" and any(one["task"]["id"] == found["id"] for one in self.world.all("time_entry")):
            raise refused("Task has time entries and cannot be deleted")
        self.world.drop(kind, id)

    def contract_fixture(self) -> ContractFixture:
        yesterday = str((self.now() - timedelta(days=1)).date())
        return ContractFixture(
            base_url="{root}",
            settings={"account_id": seed.ACCOUNT, "default_client_id": str(seed.CLIENTS[1][0])},
            secrets={"access_token": seed.ACCESS_TOKEN},
            samples={
                "client": {"name": "Ferry Line", "address": "Quay 1\n12345 Harbour"},
                "task": {"name": "Photography"},
                "project": {"name": "Annual report", "code": "AR-1", "starts_on": "2026-11-02"},
                "time_entry": {
                    "project.id": seed.PROJECTS[0][0],
                    "task.id": seed.TASKS[0][0],
                    "spent_date": yesterday,
                    "hours": 1.5,
                    "notes": "From the hub",
                },
            },
            edits={
                "time_entry": {"notes": "Changed by the hub", "hours": 2.25},
                "client": {"name": "Ferry Company"},
                "task": {"name": "Photo editing"},
                "project": {"name": "Annual report 2026", "ends_on": "2026-12-30"},
            },
            kinds={"time_entry": "time_entry"},
            refused={"time_entry": frozenset({"started_at", "ended_at"})},  # it tracks durations
        )


VENDOR = Harvest
