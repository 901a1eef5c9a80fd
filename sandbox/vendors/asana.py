"""A stand-in for Asana (REST 1.0 below /api/1.0), held to Asana's OpenAPI document and vendors/asana.md."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Logged
from sandbox.web import Call, Refusal, Reply, Route, route

from . import asana_seed as seed
from .asana_places import API, COMPACT, MANY, ONE, AsanaPlaces, chosen
from .asana_state import bad, day

TASK_KEYS = (
    "name html_notes notes completed due_on due_at start_on start_at assignee tags projects memberships parent "
    "custom_fields external workspace resource_subtype followers"
)
TASK_PUT_KEYS = "name html_notes notes completed due_on due_at start_on start_at assignee custom_fields external resource_subtype"


class Asana(AsanaPlaces):
    slug = "asana"
    name = "Asana"
    colour = "#f06a6a"
    tagline = "Project “Oat drink launch”: tasks in sections, comments, tags, a priority field"
    limit_per_minute = 1500
    webhook_retry_delays = (30.0, 60.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for gid, name, email in seed.USERS:
            self.world.put("user", gid, {"gid": gid, "name": name, "email": email})
        for gid, name in seed.PROJECTS:
            project = {"gid": gid, "name": name, "html_notes": "<body></body>", "archived": False, "completed": False,
                       "due_on": None, "start_on": None, "owner": seed.USERS[1][0], "modified_at": "2026-05-04T07:30:00.000Z"}  # fmt: skip
            self.world.put("project", gid, project)
        for gid, name, project_gid in seed.SECTIONS:
            self.world.put("section", gid, {"gid": gid, "name": name, "project": project_gid})
        for gid, name, colour in seed.TAGS:
            self.world.put("tag", gid, {"gid": gid, "name": name, "color": colour})
        for field in seed.FIELDS:
            self.world.put("custom_field", field["gid"], dict(field))
        for n, task in enumerate(list(seed.tasks())):
            at, by, section, priority = (task.pop(name) for name in ("at", "by", "section", "priority"))
            memberships = [{"project": seed.PROJECT, "section": section}]
            custom = {seed.PRIORITY: priority} if priority else {}
            made = self.make_task({**task, "memberships": memberships, "custom": custom}, actor=by, at=at)
            if n % 4 == 1:
                self.make_story(made, seed.REMARKS[n % 2], actor=by, at=at)
            if n % 7 == 3:
                self.make_task(
                    {"name": f"Ask about: {made['name'].lower()}", "parent": made["gid"]}, actor=by, at=at
                )

    def authenticate(self, call: Call) -> str:
        token = call.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (seed.TOKEN, seed.APP_TOKEN):
            raise Refusal(401, "Not Authorized")
        self._is_app = token == seed.APP_TOKEN
        return seed.ROBOT

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise bad(f"{name}: Unknown query parameter")

    def refuse(self, refusal: Refusal) -> Any:
        help_text = (
            "For more information on API status codes and how to handle them, read the docs on errors."
        )
        return {"errors": [{"message": refusal.message, "help": help_text}]}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        return Refusal(
            429,
            "You have made too many requests recently. Please, be chill.",
            headers={"Retry-After": str(retry_after)},
        )

    def reads_by_post(self, entry: Logged) -> bool:
        """Batches are read by POST."""
        return entry.path == f"{API}/batch"

    # --- tasks ---------------------------------------------------------------------------------------------------

    @route(
        "GET",
        f"{API}/tasks",
        query=MANY + " project section workspace assignee completed_since modified_since",
    )
    def tasks(self, call: Call) -> Any:
        if "project" not in call.query and "section" not in call.query:
            raise bad(
                "You should specify one of project, tag, section, user_task_list, or assignee + workspace"
            )
        if "section" in call.query:
            section = self.one("section", call.query["section"])
            rows = [one for one in self.in_project(section["project"]) if _is_in(one, section["gid"])]
        else:
            rows = self.in_project(self.one("project", call.query["project"])["gid"])
        rows = self.visible(rows, "modified_at")
        for name, at in (("modified_since", "modified_at"), ("completed_since", "completed_at")):
            if (edge := self._edge(call, name)) is not None:
                is_open_kept = at == "completed_at"
                rows = [
                    one
                    for one in rows
                    if (is_open_kept and not one[at]) or (one[at] and datetime.fromisoformat(one[at]) >= edge)
                ]
        return self._page(call, [self.shown_task(one) for one in rows])

    def _edge(self, call: Call, name: str) -> datetime | None:
        if call.query.get(name) == "now":
            return self.now()
        try:
            return call.moment(name)
        except Refusal:
            raise bad(f"{name}: Value is not a date-time: {call.query[name]}") from None

    @route("GET", f"{API}/tasks/<gid>", query=ONE)
    def task(self, call: Call, gid: str) -> Any:
        return self._single(call, self.shown_task(self._task(gid)))

    def _task(self, gid: str) -> Document:
        if gid.startswith("external:"):
            if not self._is_app:
                raise Refusal(404, f"task: Unknown object: {gid}")
            wanted = gid.removeprefix("external:")
            found = self.world.where("task", lambda one: (one["external"] or {}).get("gid") == wanted)
            if not found:
                raise Refusal(404, f"task: Unknown object: {gid}")
            return self.one("task", found[0]["gid"])
        return self.one("task", gid)

    @route("GET", f"{API}/tasks/<gid>/subtasks", query=MANY)
    def task_subtasks(self, call: Call, gid: str) -> Any:
        self.one("task", gid)
        return self._page(call, [self.shown_task(one) for one in self.subtasks(gid)])

    @route("POST", f"{API}/tasks", query=ONE)
    def create_task(self, call: Call) -> Any:
        given = self._given(call, TASK_KEYS)
        if not given.get("projects") and not given.get("parent") and not given.get("workspace"):
            raise bad("You should specify a workspace, a parent or projects")
        values = self._task_values(given, {})
        memberships = [
            {"project": self.one("project", one, "projects")["gid"], "section": self._first_section(one)}
            for one in given.get("projects") or ()
        ]
        for one in given.get("memberships") or ():
            section = self.one("section", one.get("section"), "memberships")
            others = [each for each in memberships if each["project"] != section["project"]]
            memberships = [*others, {"project": section["project"], "section": section["gid"]}]
        values |= {"memberships": memberships}
        values["tags"] = [self.one("tag", one, "tags")["gid"] for one in given.get("tags") or ()]
        if given.get("parent"):
            values["parent"] = self.one("task", given["parent"], "parent")["gid"]
        if values.get("custom") and not any(one["project"] == seed.PROJECT for one in memberships):
            raise bad("custom_fields: Custom field is not on given object")
        return self._single(call, self.shown_task(self.make_task(values, actor=call.actor)), 201)

    def _first_section(self, project: str) -> str:
        return str(self.world.where("section", lambda one: one["project"] == project)[0]["gid"])

    @route("PUT", f"{API}/tasks/<gid>", query=ONE)
    def update_task(self, call: Call, gid: str) -> Any:
        task = self.one("task", gid)
        values = self._task_values(self._given(call, TASK_PUT_KEYS), task)
        return self._single(call, self.shown_task(self.change_task(task, values, actor=call.actor)))

    def _task_values(self, given: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "name":
                    values[name] = self.text(value, name)
                case "html_notes":
                    values[name] = self.html(value, name)
                case "completed":
                    if not isinstance(value, bool):
                        raise bad("completed: Value is not a boolean")
                    values[name] = value
                case "due_on" | "start_on":
                    values |= {name: day(value, name), f"{name[:-3]}_at": None}
                case "due_at" | "start_at":
                    values |= {name: value, f"{name[:-3]}_on": value[:10] if value else None}
                case "assignee":
                    values[name] = self.one("user", value, "assignee")["gid"] if value else None
                case "custom_fields":
                    values["custom"] = {**task.get("custom", {}), **self.custom_values(value)}
                case "external":
                    if not self._is_app:
                        raise Refusal(403, "external: OAuth is required to set external values")
                    values[name] = dict(value)
        if given.get("start_on"):
            if not given.get("due_on") and not given.get("due_at"):
                raise bad("start_on: due_on or due_at must be present in the request when setting start_on")
            if given["start_on"] == given.get("due_on"):
                raise bad("start_on: start_on and due_on cannot be the same date")
        return values

    @route("DELETE", f"{API}/tasks/<gid>", query=ONE)
    def delete_task(self, call: Call, gid: str) -> Any:
        self.drop_task(self.one("task", gid), actor=call.actor)
        return {"data": {}}

    @route("POST", f"{API}/sections/<gid>/addTask", query=ONE)
    def add_to_section(self, call: Call, gid: str) -> Any:
        self.one("section", gid)
        task = self.one("task", self._given(call, "task insert_before insert_after", "task")["task"])
        self.move_task(task, gid, actor=call.actor)
        return {"data": {}}

    @route("POST", f"{API}/tasks/<gid>/setParent", query=ONE)
    def set_parent(self, call: Call, gid: str) -> Any:
        task, given = self.one("task", gid), self._given(call, "parent insert_after insert_before")
        if "parent" not in given:
            raise bad("parent: Missing input")
        parent = self.one("task", given["parent"], "parent")["gid"] if given["parent"] else None
        after = self.change_task(task, {"parent": parent}, actor=call.actor)
        return self._single(call, self.shown_task(after))

    @route("POST", f"{API}/tasks/<gid>/addTag", query=ONE)
    def add_tag(self, call: Call, gid: str) -> Any:
        task, tag = self.one("task", gid), self.one("tag", self._given(call, "tag", "tag")["tag"])["gid"]
        self.change_task(
            task, {"tags": [*(one for one in task["tags"] if one != tag), tag]}, actor=call.actor
        )
        return {"data": {}}

    @route("POST", f"{API}/tasks/<gid>/removeTag", query=ONE)
    def remove_tag(self, call: Call, gid: str) -> Any:
        task, tag = self.one("task", gid), self._given(call, "tag", "tag")["tag"]
        self.change_task(task, {"tags": [one for one in task["tags"] if one != tag]}, actor=call.actor)
        return {"data": {}}

    @route("POST", f"{API}/batch", query=ONE)
    def batch(self, call: Call) -> Any:
        actions = self._given(call, "actions", "actions")["actions"]
        if not isinstance(actions, list) or not 1 <= len(actions) <= 10:
            raise bad("actions: A batch holds at most 10 actions")
        return {"data": [self._batched(call, one) for one in actions]}

    def _batched(self, call: Call, action: Mapping[str, Any]) -> dict[str, Any]:
        found = re.fullmatch(r"/tasks/([^/]+)(/subtasks)?", str(action.get("relative_path")))
        if found is None or action.get("method") != "get":
            raise bad("actions: the stand-in batches readings of tasks and subtasks only")
        options = action.get("options") or {}
        fields = ",".join(options["fields"]) if options.get("fields") else None
        gid, is_list = found.groups()
        try:
            task = self.one("task", gid)
        except Refusal as refusal:
            return {"status_code": refusal.status, "headers": {}, "body": self.refuse(refusal)}
        if is_list:
            rows, limit = self.subtasks(gid), options.get("limit", 100)
            more = {"offset": f"eyJ0eXAi.{limit}", "path": "", "uri": ""} if len(rows) > limit else None
            body: Any = {
                "data": [chosen(self.shown_task(one), fields, COMPACT) for one in rows[:limit]],
                "next_page": more,
            }
        else:
            row = self.shown_task(task)
            body = {"data": chosen(row, fields, row.keys())}
        return {"status_code": 200, "headers": {}, "body": body}

    # --- stories -------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/tasks/<gid>/stories", query=MANY)
    def stories(self, call: Call, gid: str) -> Any:
        task = self.one("task", gid)
        made = {"gid": f"{gid}9", "resource_subtype": "added_to_project", "html_text": "<body>added to the project</body>",
                "created_at": task["created_at"], "created_by": task["created_by"], "is_edited": False, "task": gid}  # fmt: skip
        rows = [made, *self.world.where("story", lambda one: one["task"] == gid)]
        return self._page(call, [self.shown_story(one) for one in rows])

    @route("GET", f"{API}/stories/<gid>", query=ONE)
    def story(self, call: Call, gid: str) -> Any:
        return self._single(call, self.shown_story(self.one("story", gid)))

    @route("POST", f"{API}/tasks/<gid>/stories", query=ONE)
    def create_story(self, call: Call, gid: str) -> Any:
        task, given = self.one("task", gid), self._given(call, "html_text", "html_text")
        story = self.make_story(task, self.html(given["html_text"], "html_text"), actor=call.actor)
        return self._single(call, self.shown_story(story), 201)

    @route("PUT", f"{API}/stories/<gid>", query=ONE)
    def update_story(self, call: Call, gid: str) -> Any:
        story = self._own_story(call, gid)
        html = self.html(self._given(call, "html_text", "html_text")["html_text"], "html_text")
        return self._single(call, self.shown_story(self.change_story(story, html, actor=call.actor)))

    @route("DELETE", f"{API}/stories/<gid>", query=ONE)
    def delete_story(self, call: Call, gid: str) -> Any:
        self.drop_story(self._own_story(call, gid), actor=call.actor)
        return {"data": {}}

    def _own_story(self, call: Call, gid: str) -> Document:
        story = self.one("story", gid)
        if story["created_by"] != call.actor:
            raise Refusal(403, "You do not have permission to edit this comment")
        return story

    # --- webhooks ------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/webhooks", query=MANY + " workspace resource")
    def webhooks(self, call: Call) -> Any:
        self._workspace(call.query.get("workspace", ""))
        wanted = call.query.get("resource")
        rows = self.world.where("webhook", lambda one: wanted in (None, one["resource"]))
        return self._page(call, [self._shown_hook(one) for one in rows])

    def _shown_hook(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in hook.items() if name not in ("secret", "resource")}
        return {**shown, "resource_type": "webhook", "resource": self.named("project", hook["resource"])}

    @route("POST", f"{API}/webhooks", query=ONE)
    def create_webhook(self, call: Call) -> Any:
        """The handshake happens while the caller waits."""
        given = self._given(call, "resource target filters", "resource target")
        project, target = self.one("project", given["resource"], "resource")["gid"], str(given["target"])
        for hook in self.world.where(
            "webhook", lambda one: one["target"] == target and one["resource"] == project
        ):
            raise Refusal(403, f"Duplicate webhook {hook['gid']} for this resource and target")
        number = self.world.next_number("webhook")
        secret = seed.HOOK_SECRET if number == 1 else hashlib.sha256(f"hook {number}".encode()).hexdigest()
        _greet(target, secret)
        hook = {"gid": self.new_gid(), "active": True, "target": target, "resource": project, "secret": secret,
                "filters": self._filters(given.get("filters")), "created_at": self.stamp(ms=True)}  # fmt: skip
        self.world.put("webhook", hook["gid"], hook)
        self.deliver(hook, [])
        shown = self._shown_hook(hook)
        return Reply(
            {"data": chosen(shown, call.query.get("opt_fields"), shown.keys()), "X-Hook-Secret": secret}, 201
        )

    @route("PUT", f"{API}/webhooks/<gid>", query=ONE)
    def update_webhook(self, call: Call, gid: str) -> Any:
        hook = self.one("webhook", gid)
        hook["filters"] = self._filters(self._given(call, "filters", "filters")["filters"])
        self.world.put("webhook", gid, hook)
        return self._single(call, self._shown_hook(hook))

    @route("DELETE", f"{API}/webhooks/<gid>", query=ONE)
    def delete_webhook(self, call: Call, gid: str) -> Any:
        self.world.drop("webhook", self.one("webhook", gid)["gid"])
        return {"data": {}}

    def _filters(self, given: Any) -> list[dict[str, Any]]:
        rows = given or []
        for row in rows:
            if not isinstance(row, dict) or set(row) - {
                "resource_type",
                "resource_subtype",
                "action",
                "fields",
            }:
                raise bad("filters: Unknown property")
            if row.get("fields") and row.get("action") != "changed":
                raise bad("filters: fields is only valid for action changed")
        return list(rows)

    def contract_fixture(self) -> ContractFixture:
        task = {
            "name": "Write the launch speech",
            "html_notes": "<p>Short, with <strong>one</strong> joke.</p>",
            "hub.status": seed.SECTIONS[1][0],
            "hub.assignees": [seed.USERS[2][0]],
            "hub.labels": ["press"],
            "hub.priority": "High",
            "due_on": "2026-12-18",
            "start_on": "2026-12-01",
        }
        return ContractFixture(
            base_url="{root}" + API,
            settings={
                "project_id": seed.PROJECT,
                "key_field": seed.KEY_FIELD,
                "team_id": seed.TEAM[0],
                "plan": "paid",
            },
            secrets={"token": seed.TOKEN},
            samples={
                "task": task,
                "comment": {"html_text": "<p>A word from the hub</p>", "hub.author": "Noor Haddad"},
                "tag": {"name": "radio", "hub.colour": "#4573d2"},
                "project": {
                    "name": "Autumn range",
                    "html_notes": "<p>New flavours.</p>",
                    "due_on": "2027-03-01",
                },
            },
            edits={
                "task": {"name": "Write the opening speech"},
                "comment": {"html_text": "<p>Another word</p>"},
                "tag": {"name": "podcast"},
                "project": {"name": "Winter range"},
            },
            webhook_secret=seed.HOOK_SECRET,
            kinds={"task": "task", "comment": "story", "tag": "tag", "user": "user", "project": "project"},
        )


def _is_in(task: Mapping[str, Any], section: str) -> bool:
    return any(one["section"] == section for one in task["memberships"])


def _greet(target: str, secret: str) -> None:
    """Asana's handshake. Port 9 (discard) is let through: tests register it to see what is sent."""
    if urlsplit(target).port == 9:
        return
    try:
        answer = requests.post(
            target, headers={"X-Hook-Secret": secret}, json={}, timeout=5, allow_redirects=False
        )
    except requests.RequestException:
        raise bad("The remote server which is intended to receive the webhook could not be reached") from None
    if answer.status_code not in (200, 204) or answer.headers.get("X-Hook-Secret") != secret:
        raise bad("The remote server did not respond with the handshake secret.")


VENDOR = Asana
