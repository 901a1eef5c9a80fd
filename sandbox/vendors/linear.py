"""A stand-in of Linear. Make it refuse what the vendor refuses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.vendor import ContractFixture, Sheet, SheetField, Vendor
from sandbox.web import Call, Refusal, Reply, route

TOKEN = "linear-demo-token"  # noqa: S105


class Linear(Vendor):
    slug = "linear"
    name = "Linear"

    def seed(self) -> None:
        self.edit("task", None, {"title": "First task"})

    def authenticate(self, call: Call) -> str:
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "Bad credentials")
        return "1"

    @route("GET", "/me")
    def me(self, call: Call) -> Any:
        return {"id": 1, "name": "Robot"}

    @route("GET", "/tasks", query="page per_page updated_since")
    def tasks(self, call: Call) -> Any:
        page, size, since = call.number("page", 1, low=1), call.number("per_page", 30, low=1, high=100), call.moment("updated_since")
        rows = [row for row in self.world.all("task") if since is None or datetime.fromisoformat(row["updated_at"]) >= since]
        return {"tasks": rows[(page - 1) * size : page * size], "pages": max(1, -(-len(rows) // size))}

    @route("GET", "/tasks/<id>")
    def task(self, call: Call, id: str) -> Any:
        return self._found(id)

    @route("POST", "/tasks")
    def create(self, call: Call) -> Any:
        made = self.edit("task", None, call.object(allowed="title", required="title"))
        return Reply(self._found(made), 201)

    @route("PATCH", "/tasks/<id>")
    def update(self, call: Call, id: str) -> Any:
        self.edit("task", id, call.object(allowed="title"))
        return self._found(id)

    @route("DELETE", "/tasks/<id>")
    def delete(self, call: Call, id: str) -> Any:
        self._found(id)
        self.remove("task", id)
        return Reply(None, 204)

    def sheets(self) -> tuple[Sheet, ...]:
        return (Sheet("task", "Tasks", (SheetField("title", "Title"),), title="title"),)

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        id = id or str(self.world.next_number(kind))
        self.world.put(kind, id, {**(self.world.get(kind, id) or {"id": int(id)}), **values, "updated_at": self.stamp(ms=True)})
        return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        self.world.drop(kind, id)
        self.world.put("deleted", id, {})

    def contract_fixture(self) -> ContractFixture:
        return ContractFixture(
            base_url="{root}",
            settings={},
            secrets={"token": TOKEN},
            samples={"task": {"title": "From the hub"}},
            edits={"task": {"title": "Changed by the hub"}},
            kinds={"task": "task"},
        )

    def _found(self, id: str) -> dict[str, Any]:
        found = self.world.get("task", id)
        if found is None:
            raise Refusal(410 if self.world.get("deleted", id) is not None else 404, "Not found")
        return found


VENDOR = Linear
