"""A stand-in for ClickUp (REST v2 below /api/v2), held to ClickUp's OpenAPI document and vendors/clickup.md."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture
from sandbox.web import Call, Refusal, Reply, Route, route

from . import clickup_seed as seed
from .clickup_state import ClickUpState, bad, ms

API = "/api/v2"
PAGE = 100
COMMENTS = 25
LISTING = (
    "archived include_markdown_description page order_by reverse subtasks statuses include_closed assignees tags "
    "date_updated_gt date_updated_lt date_created_gt date_created_lt due_date_gt due_date_lt custom_fields"
)
CREATE_KEYS = (
    "name description markdown_content status priority assignees tags due_date due_date_time start_date start_date_time parent "
    "custom_fields notify_all archived time_estimate points check_required_custom_fields"
)
UPDATE_KEYS = "name description markdown_content status priority assignees due_date due_date_time start_date start_date_time parent archived time_estimate points"
EVENTS = (
    "taskCreated taskUpdated taskDeleted taskPriorityUpdated taskStatusUpdated taskAssigneeUpdated taskDueDateUpdated taskTagUpdated "
    "taskMoved taskCommentPosted taskCommentUpdated taskTimeEstimateUpdated taskTimeTrackedUpdated listCreated listUpdated listDeleted "
    "folderCreated folderUpdated folderDeleted spaceCreated spaceUpdated spaceDeleted goalCreated goalUpdated goalDeleted keyResultCreated "
    "keyResultUpdated keyResultDeleted"
)


class ClickUp(ClickUpState):
    slug = "clickup"
    name = "ClickUp"
    colour = "#7b68ee"
    tagline = "List “Sprint 12”: tasks with statuses, comments, tags, people"
    limit_per_minute = 1000
    webhook_retry_delays = (5.0, 10.0, 20.0, 40.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for number, username, email in seed.USERS:
            self.world.put("user", number, {"id": number, "username": username, "email": email})
        for id, name, folder in seed.LISTS:
            self.world.put(
                "list", id, {"id": id, "name": name, "folder": folder, "content": "", "due_date": None}
            )
        for name, colour in seed.TAGS:
            self.world.put("tag", name, {"name": name, "tag_fg": "#ffffff", "tag_bg": colour})
        for field in seed.FIELDS:
            self.world.put("field", field["id"], dict(field))
        for n, task in enumerate(list(seed.tasks())):
            at, by = task.pop("at"), task.pop("by")
            custom = {seed.SIZE_FIELD: seed.SIZES[n % 2][0]} if n % 3 == 0 else {}
            made = self.make_task({**task, "custom": custom}, actor=by, at=at)
            if n % 4 == 1:
                self.make_comment(made, seed.REMARKS[n % 2], actor=by, at=at)
            if n % 7 == 3:
                self.make_task(
                    {"name": f"Test {made['name'].lower()}", "parent": made["id"]}, actor=by, at=at
                )

    def authenticate(self, call: Call) -> str:
        given = call.headers.get("Authorization", "")
        if given not in (seed.TOKEN, f"Bearer {seed.APP_TOKEN}"):
            raise Refusal(401, "Token invalid", code="OAUTH_025")
        return str(seed.ROBOT)

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise bad(f"Unknown query parameter {name}")

    def refuse(self, refusal: Refusal) -> Any:
        return {"err": refusal.message, "ECODE": refusal.code or "APP_001"}

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        reset = (int(call.now.timestamp()) // 60 + 1) * 60
        return {
            "X-RateLimit-Limit": str(self.trouble.knobs.limit_per_minute or self.limit_per_minute),
            "X-RateLimit-Remaining": str(max(0, remaining)),
            "X-RateLimit-Reset": str(reset),
        }

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """No Retry-After is promised: the headers say when."""
        return Refusal(429, "Rate limit reached", code="APP_002")

    def _given(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        body = call.json
        if not isinstance(body, dict):
            raise bad("Body should be a JSON object")
        for name in body:
            if name not in allowed.split():
                raise bad(f"{name} is not allowed")
        for name in required.split():
            if body.get(name) in (None, ""):
                raise bad(f"{name} is required", "INPUT_001")
        return body

    # --- people, places ------------------------------------------------------------------------------------------

    @route("GET", f"{API}/user")
    def me(self, call: Call) -> Any:
        return {
            "user": {
                **self.shown_user(seed.ROBOT),
                "week_start_day": 1,
                "global_font_support": True,
                "timezone": seed.ZONE,
            }
        }

    @route("GET", f"{API}/team")
    def teams(self, call: Call) -> Any:
        members = [{"user": {**self.shown_user(id), "role": 3}} for id, _, _ in seed.USERS]
        team = {
            "id": seed.TEAM[0],
            "name": seed.TEAM[1],
            "color": "#536cfe",
            "avatar": "",
            "members": members,
        }
        return {"teams": [team]}

    def _team(self, id: str) -> None:
        if id != seed.TEAM[0]:
            raise Refusal(401, "Team not authorized", code="OAUTH_023")

    def _space(self, id: str) -> None:
        if id != seed.SPACE[0]:
            raise Refusal(401, "Team not authorized", code="OAUTH_027")

    @route("GET", f"{API}/team/<id>/space", query="archived")
    def spaces(self, call: Call, id: str) -> Any:
        self._team(id)
        features = {
            "due_dates": {
                "enabled": True,
                "start_date": True,
                "remap_due_dates": False,
                "remap_closed_due_date": False,
            },
            **{name: {"enabled": True} for name in ("time_tracking", "tags", "time_estimates", "checklists")},
        }
        statuses = [self.shown_status(name) for name, _, _ in seed.STATUSES]
        space = {"id": seed.SPACE[0], "name": seed.SPACE[1], "private": False, "statuses": statuses, "multiple_assignees": True,
                 "features": features}  # fmt: skip
        return {"spaces": [space]}

    @route("GET", f"{API}/space/<id>/folder", query="archived")
    def folders(self, call: Call, id: str) -> Any:
        self._space(id)
        lists = [self._shown_list(one) for one in self.world.where("list", lambda one: one["folder"])]
        folder = {"id": seed.FOLDER[0], "name": seed.FOLDER[1], "orderindex": 0, "override_statuses": False, "hidden": False,
                  "space": _space(), "task_count": "0", "lists": lists}  # fmt: skip
        return {"folders": [folder]}

    @route("GET", f"{API}/space/<id>/list", query="archived")
    def folderless(self, call: Call, id: str) -> Any:
        self._space(id)
        return {
            "lists": [
                self._shown_list(one) for one in self.world.where("list", lambda one: not one["folder"])
            ]
        }

    def _shown_list(self, row: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
        folder = {"id": row["folder"] or "90123599999", "name": seed.FOLDER[1] if row["folder"] else "hidden",
                  "hidden": not row["folder"], "access": True}  # fmt: skip
        count = len(self.world.where("task", lambda one: one["list"] == row["id"]))
        shown = {
            "id": row["id"], "name": row["name"], "orderindex": 0, "content": row["content"], "status": None, "priority": None,
            "assignee": None, "due_date": str(row["due_date"]) if row["due_date"] else None, "start_date": None, "folder": folder,
            "space": _space(), "archived": False, "override_statuses": False, "permission_level": "create", "task_count": str(count),
        }  # fmt: skip
        if not whole:
            return shown
        statuses = [self.shown_status(name) for name, _, _ in seed.STATUSES]
        more = {"statuses": statuses, "due_date_time": False, "start_date_time": None}
        address = f"add.task.{row['id']}@tasks.clickup.com"
        return {**shown, **more, "inbound_address": address}

    @route("GET", f"{API}/list/<id>")
    def one_list(self, call: Call, id: str) -> Any:
        return self._shown_list(self.list_of(id), whole=True)

    @route("POST", f"{API}/space/<id>/list")
    def create_list(self, call: Call, id: str) -> Any:
        self._space(id)
        return self._make_list(call, None)

    @route("POST", f"{API}/folder/<id>/list")
    def create_list_in_folder(self, call: Call, id: str) -> Any:
        if id != seed.FOLDER[0]:
            raise Refusal(401, "Team not authorized", code="OAUTH_027")
        return self._make_list(call, id)

    def _make_list(self, call: Call, folder: str | None) -> Any:
        given = self._given(call, "name content markdown_content due_date due_date_time", "name")
        if self.world.where("list", lambda one: one["name"] == given["name"]):
            raise bad("List name taken", "SUBCAT_016")
        id = str(901200000100 + self.world.next_number("list"))
        row = {
            "id": id,
            "name": "",
            "folder": folder,
            "content": "",
            "due_date": None,
            **self._list_values(given),
        }
        return self._shown_list(self.world.put("list", id, row), whole=True)

    def _list_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "name":
                    values[name] = self.text(value, name)
                case "content" | "markdown_content":
                    values["content"] = self.text(value, name)
                case "due_date":
                    values[name] = self.due(value, given.get("due_date_time"), name)
        return values

    @route("PUT", f"{API}/list/<id>")
    def update_list(self, call: Call, id: str) -> Any:
        given = self._given(call, "name content markdown_content due_date due_date_time", "name")
        row = {**self.list_of(id), **self._list_values(given)}
        self.world.put("list", id, row)
        self.tell("listUpdated", {"id": id, "list": id}, [])
        return self._shown_list(row, whole=True)

    @route("GET", f"{API}/list/<id>/member")
    def members(self, call: Call, id: str) -> Any:
        self.list_of(id)
        names = ("display_profile", "verified_ambassador", "verified_consultant", "top_tier_user", "viewed_verified_ambassador",
                 "viewed_verified_consultant", "viewed_top_tier_user")  # fmt: skip
        info = dict.fromkeys(names)
        return {"members": [{**self.shown_user(one), "profileInfo": info} for one, _, _ in seed.USERS]}

    @route("GET", f"{API}/list/<id>/field")
    def fields(self, call: Call, id: str) -> Any:
        self.list_of(id)
        more = {"date_created": str(ms(seed.START)), "hide_from_guests": False}
        return {"fields": [{**one, **more} for one in self.world.all("field")]}

    # --- tags ----------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/space/<id>/tag")
    def tags(self, call: Call, id: str) -> Any:
        self._space(id)
        return {"tags": [self.shown_tag(one["name"]) for one in self.world.all("tag")]}

    @route("POST", f"{API}/space/<id>/tag")
    def create_tag(self, call: Call, id: str) -> Any:
        self._space(id)
        tag = self._given(call, "tag", "tag")["tag"]
        name = str(tag.get("name") or "").lower()
        if not name:
            raise bad("Tag name invalid", "TAGS_004")
        self.world.put("tag", name, {"name": name, "tag_fg": tag.get("tag_fg"), "tag_bg": tag.get("tag_bg")})
        return {}

    @route("DELETE", f"{API}/space/<id>/tag/<name>")
    def delete_tag(self, call: Call, id: str, name: str) -> Any:
        self._space(id)
        self._given(call, "tag")
        if not self.world.drop("tag", name):
            raise Refusal(404, "Tag not found", code="TAGS_001")
        for task in self.world.where("task", lambda one: name in one["tags"]):
            self.world.put("task", task["id"], {**task, "tags": [one for one in task["tags"] if one != name]})
        return {}

    # --- tasks ---------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/list/<id>/task", query=LISTING)
    def tasks(self, call: Call, id: str) -> Any:
        """Home list only; closed ones and subtasks only if asked for. 100 a page, from page 0."""
        self.list_of(id)
        rows = self.world.where(
            "task", lambda one: one["list"] == id and one["archived"] == call.flag("archived")
        )
        if not call.flag("include_closed"):
            rows = [one for one in rows if not one["date_closed"]]
        if not call.flag("subtasks"):
            rows = [one for one in rows if not one["parent"]]
        if lag := self.trouble.knobs.list_lag_seconds:
            rows = [one for one in rows if one["date_updated"] <= ms(self.now()) - lag * 1000]
        for name in ("date_updated", "date_created"):
            if f"{name}_gt" in call.query:
                edge = call.number(f"{name}_gt", 0)
                rows = [one for one in rows if one[name] > edge]
        order = call.query.get("order_by", "created")
        if order not in ("id", "created", "updated", "due_date"):
            raise bad("order_by invalid")
        key = {"updated": "date_updated", "due_date": "due_date"}.get(order, "date_created")
        rows = sorted(rows, key=lambda one: (one[key] or 0, one["id"]), reverse=not call.flag("reverse"))
        page = call.number("page", 0)
        markdown = call.flag("include_markdown_description")
        shown = [self.shown_task(one, markdown=markdown) for one in rows[page * PAGE : (page + 1) * PAGE]]
        return {"tasks": shown, "last_page": (page + 1) * PAGE >= len(rows)}

    @route(
        "GET",
        f"{API}/task/<id>",
        query="include_markdown_description include_subtasks team_id custom_task_ids",
    )
    def get_task(self, call: Call, id: str) -> Any:
        return self.shown_task(self.task(id), markdown=call.flag("include_markdown_description"))

    @route("POST", f"{API}/list/<id>/task")
    def create_task(self, call: Call, id: str) -> Any:
        given = self._given(call, CREATE_KEYS, "name")
        values = {**self._task_values(given), "list": self.list_of(id)["id"]}
        for user in given.get("assignees") or ():
            values.setdefault("assignees", []).append(self.user(user)["id"])
        values["tags"] = [str(one).lower() for one in given.get("tags") or ()]
        for name in values["tags"]:
            self._tag_exists(name)
        values["custom"] = {
            one["id"]: self.custom_value(one["id"], one["value"]) for one in given.get("custom_fields") or ()
        }
        return self.shown_task(self.make_task(values, actor=seed.ROBOT))

    def _tag_exists(self, name: str) -> None:
        if self.world.get("tag", name) is None:
            self.world.put("tag", name, {"name": name, "tag_fg": "#ffffff", "tag_bg": "#000000"})

    @route("PUT", f"{API}/task/<id>", query="team_id custom_task_ids")
    def update_task(self, call: Call, id: str) -> Any:
        task = self.task(id)
        given = self._given(call, UPDATE_KEYS)
        values = self._task_values(given)
        if "assignees" in given:
            change = given["assignees"]
            if not isinstance(change, dict) or set(change) - {"add", "rem"}:
                raise bad("assignees must be {add, rem}", "INPUT_003")
            kept = [one for one in task["assignees"] if one not in change.get("rem", ())]
            added = [self.user(one)["id"] for one in change.get("add", ()) if one not in kept]
            values["assignees"] = [*kept, *added]
        return self.shown_task(self.change_task(task, values, actor=seed.ROBOT))

    def _task_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "name":
                    values[name] = self.text(value, name)
                case "markdown_content" | "description":
                    values["markdown"] = self.text(value, name)
                case "status":
                    values[name] = self.status(value)
                case "priority":
                    if value not in (None, 1, 2, 3, 4):
                        raise bad("Priority invalid", "INPUT_004")
                    values[name] = value
                case "due_date" | "start_date":
                    values[name] = self.due(value, given.get(f"{name}_time"), name)
                case "parent":
                    if value is None:
                        raise bad("Parent cannot be null", "ITEM_137")
                    values[name] = self.task(str(value))["id"]
                case "archived":
                    values[name] = bool(value)
        return values

    @route("DELETE", f"{API}/task/<id>", query="team_id custom_task_ids")
    def delete_task(self, call: Call, id: str) -> Any:
        self.drop_task(self.task(id))
        return Reply(None, 204)

    @route("POST", f"{API}/task/<id>/field/<field>", query="team_id custom_task_ids")
    def set_field(self, call: Call, id: str, field: str) -> Any:
        task, given = self.task(id), self._given(call, "value value_options", "value")
        value = self.custom_value(field, given["value"])
        self.change_task(task, {"custom": {**task["custom"], field: value}}, actor=seed.ROBOT)
        return {}

    @route("DELETE", f"{API}/task/<id>/field/<field>", query="team_id custom_task_ids")
    def clear_field(self, call: Call, id: str, field: str) -> Any:
        task = self.task(id)
        kept = {name: value for name, value in task["custom"].items() if name != field}
        self.change_task(task, {"custom": kept}, actor=seed.ROBOT)
        return {}

    @route("POST", f"{API}/task/<id>/tag/<name>", query="team_id custom_task_ids")
    def add_tag(self, call: Call, id: str, name: str) -> Any:
        task = self.task(id)
        self._tag_exists(name.lower())
        self.change_task(task, {"tags": list(dict.fromkeys([*task["tags"], name.lower()]))}, actor=seed.ROBOT)
        return {}

    @route("DELETE", f"{API}/task/<id>/tag/<name>", query="team_id custom_task_ids")
    def remove_tag(self, call: Call, id: str, name: str) -> Any:
        task = self.task(id)
        self.change_task(
            task, {"tags": [one for one in task["tags"] if one != name.lower()]}, actor=seed.ROBOT
        )
        return {}

    # --- comments ------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/task/<id>/comment", query="start start_id team_id custom_task_ids")
    def comments(self, call: Call, id: str) -> Any:
        """Newest first, 25 at a time; ``start`` and ``start_id`` are the oldest one's seen so far."""
        self.task(id)
        rows = self.world.where("comment", lambda one: one["task"] == id)
        rows = sorted(rows, key=lambda one: (one["date"], one["id"]), reverse=True)
        if "start" in call.query:
            edge = (call.number("start", 0), call.query.get("start_id", ""))
            rows = [one for one in rows if (one["date"], one["id"]) < edge]
        return {"comments": [self.shown_comment(one) for one in rows[:COMMENTS]]}

    @route("POST", f"{API}/task/<id>/comment", query="team_id custom_task_ids")
    def create_comment(self, call: Call, id: str) -> Any:
        given = self._given(call, "comment_text notify_all assignee", "comment_text")
        if "notify_all" not in given:
            raise bad("notify_all is required", "INPUT_001")
        comment = self.make_comment(
            self.task(id), self.text(given["comment_text"], "comment_text"), actor=seed.ROBOT
        )
        return {"id": comment["id"], "hist_id": f"h{comment['id']}", "date": comment["date"]}

    @route("PUT", f"{API}/comment/<id>")
    def update_comment(self, call: Call, id: str) -> Any:
        comment, given = (
            self._comment(id),
            self._given(call, "comment_text assignee resolved", "comment_text"),
        )
        values = {
            "text": self.text(given["comment_text"], "comment_text"),
            "resolved": bool(given.get("resolved")),
        }
        self.change_comment(comment, values, actor=seed.ROBOT)
        return {}

    @route("DELETE", f"{API}/comment/<id>")
    def delete_comment(self, call: Call, id: str) -> Any:
        self.world.drop("comment", self._comment(id)["id"])
        return {}

    def _comment(self, id: str) -> Document:
        found = self.world.get("comment", id)
        if found is None:
            raise Refusal(404, "Comment not found", code="COMMENT_001")
        if found["user"] != seed.ROBOT:
            raise Refusal(403, "You do not have access to this comment", code="ACCESS_001")
        return found

    # --- webhooks ------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/team/<id>/webhook")
    def webhooks(self, call: Call, id: str) -> Any:
        self._team(id)
        return {"webhooks": self.world.all("webhook")}

    @route("POST", f"{API}/team/<id>/webhook")
    def create_webhook(self, call: Call, id: str) -> Any:
        """No handshake; the secret is made here and told in the answer."""
        self._team(id)
        given = self._given(call, "endpoint events space_id folder_id list_id task_id", "endpoint events")
        if any(one not in EVENTS.split() for one in given["events"]):
            raise bad("Webhook events invalid", "OAUTH_171")
        number = self.world.next_number("webhook")
        secret = seed.HOOK_SECRET if number == 1 else hashlib.sha256(f"hook {number}".encode()).hexdigest()
        hook = {
            "id": f"4b67ac88-e506-4a29-9d42-{number:012d}", "userid": seed.ROBOT, "team_id": int(seed.TEAM[0]),
            "endpoint": given["endpoint"], "client_id": "", "events": given["events"], "task_id": None,
            "list_id": str(given["list_id"]) if given.get("list_id") else None, "folder_id": None, "space_id": None,
            "health": {"status": "active", "fail_count": 0}, "secret": secret,
        }  # fmt: skip
        self.world.put("webhook", hook["id"], hook)
        return {"id": hook["id"], "webhook": hook}

    @route("DELETE", f"{API}/webhook/<id>")
    def delete_webhook(self, call: Call, id: str) -> Any:
        if not self.world.drop("webhook", id):
            raise Refusal(404, "Webhook not found", code="OAUTH_183")
        return {}

    def contract_fixture(self) -> ContractFixture:
        task = {
            "name": "Express delivery",
            "markdown_description": "Within a day.\n\n- map\n- price",
            "hub.status": "to do",
            "hub.priority": "2",
            "hub.assignees": ["185"],
            "hub.labels": ["checkout"],
            "hub.due_on": "2026-12-18",
            "hub.start_on": "2026-12-14",
        }
        return ContractFixture(
            base_url="{root}/api",
            settings={"list_id": seed.LIST, "key_field": seed.KEY_FIELD, "requests_per_minute": "1000"},
            secrets={"token": seed.TOKEN},
            samples={
                "task": task,
                "comment": {"comment_text": "A word from the hub", "hub.author": "Noor Haddad"},
                "tag": {"name": "express", "hub.colour": "#336699"},
                "list": {"name": "Sprint 13", "content": "Returns and refunds.", "hub.due_on": "2027-01-15"},
            },
            edits={
                "task": {"name": "Express delivery, two cities"},
                "comment": {"comment_text": "Another word"},
                "list": {"name": "Sprint 13b"},
            },
            webhook_secret=seed.HOOK_SECRET,
            kinds={"task": "task", "comment": "comment", "member": "user"},
        )


def _space() -> dict[str, Any]:
    return {"id": seed.SPACE[0], "name": seed.SPACE[1], "access": True}


VENDOR = ClickUp
