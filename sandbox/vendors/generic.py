"""A made-up customer desk, for Generic REST: tickets with comments, people, ETags, hooks, and every way of paging."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.vendor import ContractFixture
from sandbox.vendors.generic_state import (
    MAX_PAGE,
    READ_ONLY,
    WRITABLE,
    DeskState,
    request_digest,
)
from sandbox.web import Call, Refusal, Reply, route

EXAMPLE = Path(__file__).resolve().parents[2] / "connectors" / "generic_rest" / "examples" / "desk.json"
TOKEN = "desk-demo-token"  # noqa: S105
PAGING = "updated_since sort state external_key"


class Desk(DeskState):
    slug = "desk"
    name = "Customer Desk"
    colour = "#0f766e"
    tagline = "Made-up help desk, connected through Generic REST by configuration alone"
    limit_per_minute = 1200
    webhook_retry_delays = (5.0, 30.0, 120.0)

    def authenticate(self, call: Call) -> str:
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(
                401, "The token is not valid.", code="unauthorized", headers={"WWW-Authenticate": "Bearer"}
            )
        return "1"

    def refuse(self, refusal: Refusal) -> Any:
        error: dict[str, Any] = {"code": refusal.code or "error", "message": refusal.message}
        body: dict[str, Any] = {"error": error}
        if refusal.field:
            body["errors"] = [{"field": refusal.field, "message": refusal.message}]
        return body

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        limit = self.trouble.knobs.limit_per_minute or self.limit_per_minute
        reset = (int(call.now.timestamp()) // 60 + 1) * 60
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, remaining)),
            "X-RateLimit-Reset": str(reset),
        }

    # --- account and people --------------------------------------------------------------------------------------------

    @route("GET", "/api/me")
    def me(self, call: Call) -> Any:
        return {"id": 1, "name": "Lockstep robot", "email": "robot@example.org"}

    @route("GET", "/api/people", query="page per_page updated_since")
    def people(self, call: Call) -> Any:
        return self._numbered(call, self._since(call, self.world.all("person")))

    @route("GET", "/api/people/<id>")
    def person(self, call: Call, id: str) -> Any:
        found = self.world.get("person", id)
        if found is None:
            raise Refusal(404, "No such person.", code="not_found")
        return {"data": found}

    # --- tickets: lists, in every way of paging ------------------------------------------------------------------------

    @route("GET", "/api/tickets", query=f"page per_page {PAGING}")
    def tickets(self, call: Call) -> Any:
        return self._numbered(call, self._listed(call))

    @route("GET", "/api/tickets/by-offset", query=f"offset limit {PAGING}")
    def by_offset(self, call: Call) -> Any:
        rows, start = self._listed(call), call.number("offset", 0)
        limit = call.number("limit", 20, low=1, high=MAX_PAGE)
        return {"items": rows[start : start + limit], "total": len(rows)}

    @route("GET", "/api/tickets/by-cursor", query=f"cursor size {PAGING}")
    def by_cursor(self, call: Call) -> Any:
        rows, size = self._listed(call), call.number("size", 20, low=1, high=MAX_PAGE)
        start = self._cursor_position(call.query.get("cursor"))
        more = start + size < len(rows)
        return {
            "results": rows[start : start + size],
            "has_more": more,
            "next_cursor": f"c{start + size:x}" if more else None,
        }

    @route("GET", "/api/tickets/by-link", query=f"page per_page {PAGING}")
    def by_link(self, call: Call) -> Any:
        rows, page = self._listed(call), call.number("page", 1, low=1)
        size = call.number("per_page", 20, low=1, high=MAX_PAGE)
        headers = {}
        if page * size < len(rows):
            headers["Link"] = (
                f'<{call.address(**{**call.query, "page": str(page + 1)})}>; rel="next", <{call.address()}>; rel="first"'
            )
        return Reply(rows[(page - 1) * size : page * size], 200, headers)

    @route("GET", "/api/tickets/by-next", query=f"skip top {PAGING}")
    def by_next(self, call: Call) -> Any:
        rows, skip = self._listed(call), call.number("skip", 0)
        top = call.number("top", 20, low=1, high=MAX_PAGE)
        following = (
            call.address(**{**call.query, "skip": str(skip + top)}) if skip + top < len(rows) else None
        )
        return {"value": rows[skip : skip + top], "links": {"next": following}}

    @route("GET", "/api/tickets/all", query=PAGING)
    def as_object(self, call: Call) -> Any:
        return {"tickets": {str(row["id"]): row for row in self._listed(call)}}

    # --- tickets: one ------------------------------------------------------------------------------------------------

    @route("GET", "/api/tickets/<int:id>")
    def ticket(self, call: Call, id: int) -> Any:
        return self._answer(self._ticket(str(id)))

    @route("POST", "/api/tickets")
    def create(self, call: Call) -> Any:
        values = call.object(allowed=WRITABLE, required="subject")
        key = call.headers.get("Idempotency-Key", "")
        earlier = self.world.get("idempotency", key) if key else None
        if earlier is not None:
            if earlier["digest"] != request_digest(values):
                raise Refusal(422, "This idempotency key was used for another request.", code="key_reused")
            return self._answer(self._ticket(earlier["id"]), 201)
        made = self._make(values, actor=call.actor)
        if key:
            self.world.put("idempotency", key, {"id": str(made["id"]), "digest": request_digest(values)})
        return self._answer(made, 201)

    @route("PATCH", "/api/tickets/<int:id>")
    def update(self, call: Call, id: int) -> Any:
        values = call.object(allowed=WRITABLE)
        found = self._ticket(str(id))
        self._check_version(call, found)
        return self._answer(self._change(found, values, actor=call.actor))

    @route("PUT", "/api/tickets/<int:id>")
    def replace(self, call: Call, id: int) -> Any:
        sent = call.object(allowed=f"{WRITABLE} {READ_ONLY}", required="subject")
        found = self._ticket(str(id))
        self._check_version(call, found)
        blank: dict[str, Any] = {
            "body": "",
            "state_id": 1,
            "priority": "none",
            "starts_on": None,
            "due_on": None,
            "assignee_ids": [],
            "tags": [],
            "external_key": None,
        }
        return self._answer(
            self._change(
                found, {**blank, **{k: v for k, v in sent.items() if k in WRITABLE.split()}}, actor=call.actor
            )
        )

    @route("DELETE", "/api/tickets/<int:id>")
    def delete(self, call: Call, id: int) -> Any:
        found = self._ticket(str(id))
        self._check_version(call, found)
        self.remove("ticket", str(id), actor=call.actor)
        return Reply(None, 204)

    # --- comments --------------------------------------------------------------------------------------------------

    @route("GET", "/api/tickets/<int:id>/comments", query="page per_page")
    def comments(self, call: Call, id: int) -> Any:
        self._ticket(str(id))
        return self._numbered(call, self.world.where("comment", lambda row: row["ticket_id"] == id))

    @route("GET", "/api/tickets/<int:id>/comments/<int:comment>")
    def comment(self, call: Call, id: int, comment: int) -> Any:
        return {"data": self._comment(id, comment)}

    @route("POST", "/api/tickets/<int:id>/comments")
    def create_comment(self, call: Call, id: int) -> Any:
        self._ticket(str(id))
        values = call.object(allowed="body external_key", required="body")
        made = self._make_comment(id, values, actor=call.actor)
        return Reply({"data": made}, 201)

    @route("PATCH", "/api/tickets/<int:id>/comments/<int:comment>")
    def update_comment(self, call: Call, id: int, comment: int) -> Any:
        values = call.object(allowed="body", required="body")
        found = {
            **self._comment(id, comment),
            "body": self._text(values["body"], "body"),
            "updated_at": self.stamp(ms=True),
        }
        self.world.put("comment", comment, found)
        self._tell("comment.updated", "comment", str(comment), ticket=id)
        return {"data": found}

    @route("DELETE", "/api/tickets/<int:id>/comments/<int:comment>")
    def delete_comment(self, call: Call, id: int, comment: int) -> Any:
        self._comment(id, comment)
        self.remove("comment", str(comment), actor=call.actor)
        return Reply(None, 204)

    # --- hooks -------------------------------------------------------------------------------------------------------

    @route("GET", "/api/hooks")
    def hooks(self, call: Call) -> Any:
        return {"data": [{k: v for k, v in hook.items() if k != "secret"} for hook in self.world.all("hook")]}

    @route("POST", "/api/hooks")
    def create_hook(self, call: Call) -> Any:
        values = call.object(allowed="url secret events", required="url secret")
        if not str(values["url"]).startswith(("http://", "https://")):
            raise Refusal(422, "url must be an address", code="invalid", field="url")
        id = self.world.next_number("hook")
        hook = {
            "id": id,
            "url": values["url"],
            "secret": values["secret"],
            "events": values.get("events") or ["*"],
        }
        self.world.put("hook", id, hook)
        return Reply({"data": {k: v for k, v in hook.items() if k != "secret"}}, 201)

    @route("DELETE", "/api/hooks/<id>")
    def delete_hook(self, call: Call, id: str) -> Any:
        if not self.world.drop("hook", id):
            raise Refusal(404, "No such hook.", code="not_found")
        return Reply(None, 204)

    def contract_fixture(self) -> ContractFixture | None:
        config = {**json.loads(EXAMPLE.read_text()), "base_url": "{root}/api"}
        return ContractFixture(
            base_url="{root}/api",
            slug="generic_rest",
            settings={"config": config},
            secrets={"token": TOKEN},
            samples={
                "tickets": {"subject": "From the hub", "state.id": 2, "priority": "P2", "tags": ["alpha"]},
                "comments": {"body": "A word"},
            },
            edits={"tickets": {"subject": "Changed by the hub"}, "comments": {"body": "Another word"}},
            parents={"comments": "1"},
            kinds={"tickets": "ticket", "comments": "comment", "people": "person"},
        )


VENDOR = Desk
