"""A stand-in for Process Plan. The vendor publishes no document: known are the call that changes a step's status and
that a process advances by itself; the rest is what the connector's defaults suppose (vendors/processplan.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField, Vendor
from sandbox.web import Call, Refusal, Reply, Route, route

TOKEN = "pp-stand-in-token"  # noqa: S105
PEOPLE = (("u1", "Mara Voss", "mara@plan.example"), ("u2", "Ilja Brandt", "ilja@plan.example"))
#: name and the names of its steps, each waiting for the one before; how many are completed
PROCESSES = (
    (
        "Onboarding: Kestrel Ltd",
        ("Sign the contract", "Create the accounts", "Kick-off call", "First review"),
        2,
    ),
    (
        "Onboarding: Alder & Sons",
        ("Sign the contract", "Create the accounts", "Kick-off call", "First review"),
        0,
    ),
    (
        "Move of the office",
        ("Measure the rooms", "Order the van", "Pack the archive", "Hand over the keys"),
        1,
    ),
    ("Yearly audit", ("Collect the vouchers", "Answer the questions", "Sign the report"), 3),
)
STEP_FIELDS = "status startedAt completedAt"
NEXT = {"pending": ("in_progress", "completed"), "in_progress": ("completed",), "completed": ()}


class ProcessPlan(Vendor):
    slug = "processplan"
    name = "Process Plan"
    colour = "#7c3aed"
    tagline = "Four processes whose steps follow one another"
    limit_per_minute = 600

    def seed(self) -> None:
        for id, name, email in PEOPLE:
            self.world.put("user", id, {"id": id, "name": name, "email": email, "active": True})
        for place, (name, steps, done) in enumerate(PROCESSES):
            process = f"p{place + 1}"
            state = "completed" if done == len(steps) else "active"
            row = {"id": process, "name": name, "description": "", "status": state, "locked": False}
            self.world.put("process", process, row)
            before = None
            for number, title in enumerate(steps):
                status = "completed" if number < done else "in_progress" if number == done else "pending"
                step = f"s{self.world.next_number('step')}"
                self.world.put("step", step, self._new_step(step, process, title, status, before, number))
                before = step

    def _new_step(
        self, id: str, process: str, name: str, status: str, before: str | None, number: int
    ) -> Document:
        at = f"2026-11-{number + 16:02d}T09:00:00Z"
        return {
            "id": id,
            "processId": process,
            "name": name,
            "description": "",
            "status": status,
            "startedAt": at if status != "pending" else None,
            "completedAt": at if status == "completed" else None,
            "dueAt": f"2026-12-{number + 1:02d}T12:00:00Z",
            "assigneeId": PEOPLE[number % 2][0] if number != 2 else None,
            "dependsOn": [before] if before else [],
            "updatedAt": at,
        }

    def authenticate(self, call: Call) -> str:
        given = call.headers.get("X-Api-Key") or call.headers.get("Authorization", "").removeprefix("Bearer ")
        if given != TOKEN:
            raise Refusal(401, "Invalid token")
        return "u0"

    def refuse(self, refusal: Refusal) -> Any:
        return {"error": refusal.code or "error", "message": refusal.message}

    def check_query(self, call: Call, spec: Route) -> None:
        unknown = [name for name in call.query if name not in (spec.query or ())]
        if unknown:
            raise Refusal(400, f"Unknown parameter {unknown[0]}", code="unknown_parameter")

    # --- reading -------------------------------------------------------------------------------------------------

    def _listed(self, call: Call, rows: list[Any]) -> Any:
        """The whole list, or a page of it where ``page`` is asked for."""
        if "page" not in call.query:
            return rows
        size, page = call.number("per_page", 2, low=1, high=100), call.number("page", 1, low=1)
        return rows[(page - 1) * size : page * size]

    @route("GET", "/processes", query="page per_page")
    def processes(self, call: Call) -> Any:
        return self._listed(call, [_shown_process(one) for one in self.world.all("process")])

    def _process(self, id: str) -> Document:
        found = self.world.get("process", id)
        if found is None:
            raise Refusal(404, "Process not found", code="not_found")
        return found

    def _step(self, process: str, id: str) -> Document:
        self._process(process)
        found = self.world.get("step", id)
        if found is None or found["processId"] != process:
            raise Refusal(404, "Step not found", code="not_found")
        return found

    def steps_of(self, process: str) -> list[Document]:
        return self.world.where("step", lambda one: one["processId"] == process)

    @route("GET", "/processes/<id>")
    def process(self, call: Call, id: str) -> Any:
        return _shown_process(self._process(id))

    @route("GET", "/processes/<id>/steps", query="page per_page updatedSince")
    def steps(self, call: Call, id: str) -> Any:
        self._process(id)
        since = call.query.get("updatedSince", "")
        rows = [one for one in self.steps_of(id) if str(one["updatedAt"]) >= since]
        return self._listed(call, self.visible(rows, "updatedAt"))

    @route("GET", "/processes/<process>/steps/<id>")
    def step(self, call: Call, process: str, id: str) -> Any:
        return self._step(process, id)

    @route("GET", "/users", query="page per_page")
    def users(self, call: Call) -> Any:
        return self._listed(call, self.world.all("user"))

    # --- the one write that is known -----------------------------------------------------------------------------

    @route("PATCH", "/processes/<process>/steps/<id>")
    def change_step(self, call: Call, process: str, id: str) -> Any:
        step = self._step(process, id)
        body = call.object(allowed=STEP_FIELDS, required="status")
        if self._process(process)["locked"]:
            raise Refusal(423, "The process is locked by another user", code="process_locked")
        status = body["status"]
        if status not in ("in_progress", "completed"):
            raise Refusal(400, f"Unknown status {status}", code="bad_request")
        wanted = "startedAt" if status == "in_progress" else "completedAt"
        if set(body) != {"status", wanted} or not str(body[wanted]).endswith("Z"):
            raise Refusal(400, f"{status} takes {wanted}, in UTC", code="bad_request")
        self._refuse_wrong_transition(step, status)
        return Reply(self._set_status(step, status, str(body[wanted])))

    def _refuse_wrong_transition(self, step: Document, status: str) -> None:
        allowed = NEXT.get(step["status"], ())
        if self.trouble.knobs.extra.get("no_shortcut") and step["status"] == "pending":
            allowed = ("in_progress",)
        if status != step["status"] and status not in allowed:
            raise Refusal(
                409, f"Invalid transition from {step['status']} to {status}", code="invalid_transition"
            )
        for other in step["dependsOn"]:
            if self._step(step["processId"], other)["status"] != "completed":
                raise Refusal(422, "Step dependencies not met", code="dependencies_not_met")

    def _set_status(self, step: Document, status: str, at: str) -> Document:
        step |= {"status": status, "updatedAt": self.stamp()}
        step["startedAt"] = step["startedAt"] or at
        if status == "completed":
            step["completedAt"] = at
        self._keep(step)
        self._advance(step["processId"])
        return step

    def _advance(self, process: str) -> None:
        """Starts what waited only for completed steps; a process whose steps are all completed is completed itself."""
        steps = self.steps_of(process)
        done = {one["id"] for one in steps if one["status"] == "completed"}
        for one in steps:
            if one["status"] == "pending" and one["dependsOn"] and set(one["dependsOn"]) <= done:
                self._keep(
                    {**one, "status": "in_progress", "startedAt": self.stamp(), "updatedAt": self.stamp()}
                )
        if len(done) == len(steps):
            self.world.put("process", process, {**self._process(process), "status": "completed"})

    def _keep(self, step: Document) -> None:
        self.world.put("step", step["id"], step)

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        states = {one: one.replace("_", " ") for one in ("pending", "in_progress", "completed", "skipped")}
        return (
            Sheet(
                "step",
                "Steps",
                (
                    SheetField("processId", "Process", "show"),
                    SheetField("name", "Name"),
                    SheetField("status", "Status", "choice", states),
                    SheetField("dueAt", "Due"),
                ),
            ),
            Sheet(
                "process", "Processes", (SheetField("name", "Name"), SheetField("locked", "Locked", "check"))
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        with self.world.lock:
            id = _own(id) if id is not None else None
            if id is None and kind == "step":
                process = str(values["processId"])
                step = f"s{self.world.next_number('step')}"
                id = step
                number = len(self.steps_of(process))
                self.world.put(
                    "step", id, self._new_step(step, process, str(values["name"]), "pending", None, number)
                )
            found = self.world.get(kind, id or "")
            if found is None:
                raise Refusal(404, "Not found", code="not_found")
            changed = {**found, **{name: value for name, value in values.items() if name != "id"}}
            self.world.put(
                kind, id or "", {**changed, "updatedAt": self.stamp()} if kind == "step" else changed
            )
            if kind == "step":
                self._advance(found["processId"])
            return str(id)

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        with self.world.lock:
            self.world.drop(kind, _own(id))
            if kind == "process":
                for step in self.steps_of(id):
                    self.world.drop("step", step["id"])

    def contract_fixture(self) -> ContractFixture:
        return ContractFixture(
            base_url="{root}",
            settings={"users_path": "/users"},
            secrets={"token": TOKEN},
        )


def _own(id: str) -> str:
    """The id as it is kept here; the hub writes a step's as ``process/step``."""
    return id.rpartition("/")[2]


def _shown_process(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "name", "description", "status")}


VENDOR = ProcessPlan
