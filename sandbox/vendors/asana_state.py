"""What Asana keeps: tasks with sections, tags and custom fields, stories, and who is told of what."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from xml.etree import ElementTree

import orjson

from sandbox.hooks import Delivery
from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Refusal

from . import asana_seed as seed

TAGS_ALLOWED = frozenset(
    [
        "body",
        "strong",
        "em",
        "u",
        "s",
        "code",
        "ol",
        "ul",
        "li",
        "a",
        "blockquote",
        "pre",
        "h1",
        "h2",
        "hr",
        "img",
        "table",
        "tr",
        "td",
    ]
)
COLOURS = [
    "dark-pink",
    "dark-green",
    "dark-blue",
    "dark-red",
    "dark-teal",
    "dark-brown",
    "dark-orange",
    "dark-purple",
    "dark-warm-gray",
    "light-pink",
    "light-green",
    "light-blue",
    "light-red",
    "light-teal",
    "light-brown",
    "light-orange",
    "light-purple",
    "light-warm-gray",
]


def bad(message: str) -> Refusal:
    return Refusal(400, message)


def missing(what: str, gid: str) -> Refusal:
    """Something that is no gid at all is refused as malformed."""
    return (
        Refusal(404, f"{what}: Unknown object: {gid}")
        if gid.isdigit()
        else bad(f"{what}: Not a recognized ID: {gid}")
    )


class AsanaState(Vendor):
    # --- finding -------------------------------------------------------------------------------------------------

    def one(self, kind: str, gid: Any, what: str = "") -> Document:
        found = self.world.get(kind, str(gid)) if isinstance(gid, str) else None
        if found is None:
            raise missing(what or kind, str(gid))
        return found

    def new_gid(self) -> str:
        return str(1208000000010000 + self.world.next_number("gid"))

    def in_project(self, project: str) -> list[Document]:
        return self.world.where("task", lambda one: any(m["project"] == project for m in one["memberships"]))

    # --- showing -------------------------------------------------------------------------------------------------

    def shown_task(self, task: Mapping[str, Any]) -> dict[str, Any]:
        keep = ("gid", "name", "html_notes", "completed", "completed_at", "due_on", "due_at", "start_on", "start_at",
                "created_at", "modified_at", "resource_subtype")  # fmt: skip
        shown = {name: task[name] for name in keep}
        memberships = [
            {
                "project": self.named("project", one["project"]),
                "section": self.named("section", one["section"]),
            }
            for one in task["memberships"]
        ]
        return {
            **shown,
            "resource_type": "task",
            "notes": _words(task["html_notes"]),
            "assignee": self.named("user", task["assignee"]),
            "created_by": self.named("user", task["created_by"]),
            "memberships": memberships,
            "projects": [one["project"] for one in memberships],
            "tags": [self.named("tag", gid) for gid in task["tags"]],
            "parent": self.named("task", task["parent"]),
            "custom_fields": [self._shown_field(gid, task) for gid in self._fields_of(task)],
            **({"external": task["external"]} if task["external"] else {}),  # there only where it is set
            "followers": [],
            "num_subtasks": len(self.subtasks(task["gid"])),
            "permalink_url": f"https://app.asana.com/0/{seed.PROJECT}/{task['gid']}",
            "workspace": _reference("workspace", *seed.WORKSPACE),
        }

    def named(self, kind: str, gid: str | None) -> dict[str, Any] | None:
        found = self.world.get(kind, gid) if gid else None
        return None if found is None else _reference(kind, found["gid"], found["name"])

    def _fields_of(self, task: Mapping[str, Any]) -> list[str]:
        """Custom fields belong to the project: a task outside of it has none."""
        is_here = any(one["project"] == seed.PROJECT for one in task["memberships"])
        return [one["gid"] for one in self.world.all("custom_field")] if is_here else []

    def _shown_field(self, gid: str, task: Mapping[str, Any]) -> dict[str, Any]:
        field, value = self.one("custom_field", gid), task["custom"].get(gid)
        shown = {
            "gid": gid,
            "resource_type": "custom_field",
            "name": field["name"],
            "resource_subtype": field["resource_subtype"],
            "display_value": None if value is None else str(value),
        }
        if field["resource_subtype"] == "enum":
            option = next((one for one in field["enum_options"] if one["gid"] == value), None)
            return {**shown, "enum_value": option, "display_value": option["name"] if option else None}
        return {**shown, f"{field['resource_subtype']}_value": value}

    def shown_story(self, story: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "gid": story["gid"],
            "resource_type": "story",
            "resource_subtype": story["resource_subtype"],
            "type": "comment" if story["resource_subtype"] == "comment_added" else "system",
            "text": _words(story["html_text"]),
            "html_text": story["html_text"],
            "created_at": story["created_at"],
            "created_by": self.named("user", story["created_by"]),
            "is_edited": story["is_edited"],
            "target": self.named("task", story["task"]),
        }

    def subtasks(self, gid: str) -> list[Document]:
        return self.world.where("task", lambda one: one["parent"] == gid)

    # --- changing ------------------------------------------------------------------------------------------------

    def make_task(self, values: Mapping[str, Any], *, actor: str, at: datetime | None = None) -> Document:
        moment = _text(at or self.now())
        task: Document = {
            "gid": self.new_gid(), "name": "", "html_notes": "<body></body>", "completed": False, "completed_at": None,
            "due_on": None, "due_at": None, "start_on": None, "start_at": None, "assignee": None, "tags": [], "memberships": [],
            "parent": None, "custom": {}, "external": None, "resource_subtype": "default_task", "created_at": moment,
            "modified_at": moment, "created_by": actor, **values,
        }  # fmt: skip
        if task["completed"]:
            task["completed_at"] = moment
        self.world.put("task", task["gid"], task)
        for one in task["memberships"]:
            self.tell("task", task, "added", actor, parent=self.named("project", one["project"]))
        if task["parent"]:
            self.tell("task", task, "added", actor, parent=self.named("task", task["parent"]))
        return task

    def change_task(self, task: Document, values: Mapping[str, Any], *, actor: str) -> Document:
        changed = [name for name, value in values.items() if task.get(name) != value]
        if not changed:
            return task
        after = {**task, **values}
        if "completed" in changed:
            after["completed_at"] = self.stamp(ms=True) if after["completed"] else None
        if changed != ["memberships"]:  # a move to another section leaves modified_at as it is
            after["modified_at"] = self.stamp(ms=True)
        self.world.put("task", task["gid"], after)
        for name in changed:
            field = {"html_notes": "notes", "custom": "custom_fields", "memberships": "memberships"}.get(
                name, name
            )
            self.tell("task", after, "changed", actor, change={"field": field, "action": "changed"})
        return after

    def move_task(self, task: Document, section: str, *, actor: str) -> Document:
        project = self.one("section", section)["project"]
        others = [one for one in task["memberships"] if one["project"] != project]
        after = self.change_task(
            task, {"memberships": [*others, {"project": project, "section": section}]}, actor=actor
        )
        self.tell("task", after, "added", actor, parent=self.named("section", section))
        return after

    def drop_task(self, task: Document, *, actor: str) -> None:
        for child in self.subtasks(task["gid"]):
            self.drop_task(child, actor=actor)
        for story in self.world.where("story", lambda one: one["task"] == task["gid"]):
            self.world.drop("story", story["gid"])
        self.world.drop("task", task["gid"])
        self.tell("task", task, "deleted", actor)

    def make_story(self, task: Document, html: str, *, actor: str, at: datetime | None = None) -> Document:
        story = {
            "gid": self.new_gid(), "resource_subtype": "comment_added", "html_text": html, "task": task["gid"],
            "created_at": _text(at or self.now()), "created_by": actor, "is_edited": False,
        }  # fmt: skip
        self.world.put("story", story["gid"], story)
        self.world.put("task", task["gid"], {**task, "modified_at": story["created_at"]})
        self.tell("story", story, "added", actor, parent=self.named("task", task["gid"]))
        return story

    def change_story(self, story: Document, html: str, *, actor: str) -> Document:
        after = {**story, "html_text": html, "is_edited": True}
        self.world.put("story", story["gid"], after)
        self.tell("story", after, "changed", actor, parent=self.named("task", story["task"]))
        return after

    def drop_story(self, story: Document, *, actor: str) -> None:
        self.world.drop("story", story["gid"])
        self.tell("story", story, "deleted", actor, parent=self.named("task", story["task"]))

    # --- values --------------------------------------------------------------------------------------------------

    def text(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise bad(f"{name}: Value is not a string: {value}")
        return " ".join(value.split()) if self.trouble.knobs.is_normalising else value

    def html(self, value: Any, name: str) -> str:
        """Strict XML in ``<body>`` of known tags only."""
        try:
            root = ElementTree.fromstring(str(value))  # noqa: S314 (a stand-in's own caller)
        except ElementTree.ParseError as error:
            raise bad(f"xml_parsing_error: {name}: XML is invalid: {error}") from None
        if root.tag != "body":
            raise bad(f"xml_parsing_error: {name}: The root element must be <body>")
        for node in root.iter():
            if node.tag not in TAGS_ALLOWED or set(node.attrib) - {"href", "src", "alt"}:
                raise bad(f"xml_parsing_error: {name}: Tag {node.tag} is invalid")
        text = str(value)
        return re.sub(r"\s+</body>$", "</body>", text) if self.trouble.knobs.is_normalising else text

    def custom_values(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise bad("custom_fields: Value is not an object")
        values: dict[str, Any] = {}
        for gid, value in given.items():
            field = self.world.get("custom_field", gid)
            if field is None:
                raise bad(f"custom_fields: Custom field with ID {gid} is not on given object")
            kind = field["resource_subtype"]
            if kind == "enum" and value not in [None, *(one["gid"] for one in field["enum_options"])]:
                raise bad(f"custom_fields: {value} is not a recognized option of {field['name']}")
            if kind == "number" and not isinstance(value, int | float | None):
                raise bad(f"custom_fields: {value} is not a number")
            if kind == "text" and not isinstance(value, str | None):
                raise bad(f"custom_fields: {value} is not a text")
            values[gid] = value or None if kind == "text" else value
        return values

    # --- webhooks ------------------------------------------------------------------------------------------------

    def tell(
        self,
        kind: str,
        document: Mapping[str, Any],
        action: str,
        actor: str,
        *,
        parent: dict[str, Any] | None = None,
        change: dict[str, Any] | None = None,
    ) -> None:
        resource = {"gid": document["gid"], "resource_type": kind}
        if "resource_subtype" in document:
            resource["resource_subtype"] = document["resource_subtype"]
        event = {
            "user": {"gid": actor, "resource_type": "user"} if actor else None,
            "created_at": self.stamp(ms=True),
            "action": action,
            "resource": resource,
            "parent": {name: parent[name] for name in ("gid", "resource_type")} if parent else None,
            **({"change": change} if change else {}),
        }
        for hook in self.world.where("webhook", lambda one: _passes(one["filters"], event)):
            self.deliver(hook, [event])

    def deliver(self, hook: Mapping[str, Any], events: list[dict[str, Any]]) -> None:
        if not self.trouble.knobs.webhooks_on:
            return
        body = orjson.dumps({"events": events})
        signature = hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hook-Signature": signature}
        name = f"{events[0]['resource']['resource_type']}.{events[0]['action']}" if events else "heartbeat"
        self.sender.send(
            Delivery(
                self.slug, hook["target"], body, headers, name,
                retry_delays=self.webhook_retry_delays, on_done=self._delivered,
            )
        )  # fmt: skip

    def _delivered(self, delivery: Delivery) -> None:
        """A 410 ends the webhook; a failure is noted on it."""
        with self.world.lock:
            for hook in self.world.where("webhook", lambda one: one["target"] == delivery.url):
                if delivery.statuses[-1] == 410:
                    self.world.drop("webhook", hook["gid"])

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        sections = {gid: name for gid, name, project in seed.SECTIONS if project == seed.PROJECT}
        people = {"": "nobody", **{gid: name for gid, name, _ in seed.USERS}}
        task = (
            SheetField("name", "Name"),
            SheetField("section", "Section", "choice", sections),
            SheetField("completed", "Completed", "check"),
            SheetField("assignee", "Assignee", "choice", people),
            SheetField("priority", "Priority", "choice", {"": "none", **dict(seed.PRIORITIES)}),
            SheetField("due_on", "Due", "date"),
            SheetField("html_notes", "Description (rich text)", "area"),
            SheetField("modified_at", "Changed", "show"),
        )
        story = (
            SheetField("html_text", "Text", "area"),
            SheetField("task", "Task"),
            SheetField("created_at", "Written", "show"),
        )
        return (Sheet("task", "Tasks", task), Sheet("story", "Comments", story, title="html_text"))

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """``task``: name, html_notes, section, completed, assignee, priority, due_on. ``story``: html_text, task."""
        by = actor or seed.USERS[1][0]
        if kind == "story":
            html = self.html(values.get("html_text"), "html_text")
            if id is None:
                return str(self.make_story(self.one("task", values.get("task")), html, actor=by)["gid"])
            return str(self.change_story(self.one("story", id), html, actor=by)["gid"])
        fields = self._by_hand(values)
        if id is None:
            memberships = [{"project": seed.PROJECT, "section": values.get("section") or seed.SECTIONS[0][0]}]
            return str(self.make_task({**fields, "memberships": memberships}, actor=by)["gid"])
        task = self.one("task", id)
        if "custom" in fields:
            fields["custom"] = {**task["custom"], **fields["custom"]}
        task = self.change_task(task, fields, actor=by)
        if values.get("section"):
            self.move_task(task, str(values["section"]), actor=by)
        return id

    def _by_hand(self, values: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in values.items():
            match name:
                case "name":
                    fields[name] = self.text(value, name)
                case "html_notes":
                    fields[name] = self.html(value, name)
                case "completed":
                    fields[name] = bool(value)
                case "assignee":
                    fields[name] = self.one("user", value)["gid"] if value else None
                case "due_on":
                    fields |= {"due_on": day(value, name), "due_at": None}
                case "priority":
                    fields["custom"] = self.custom_values({seed.PRIORITY: value or None})
        return fields

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        by = actor or seed.USERS[1][0]
        if kind == "story":
            self.drop_story(self.one("story", id), actor=by)
        else:
            self.drop_task(self.one("task", id), actor=by)


def day(value: Any, name: str) -> str | None:
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise bad(f"{name}: Value is not a date: {value}") from None


def _passes(filters: Iterable[Mapping[str, Any]], event: Mapping[str, Any]) -> bool:
    resource, field = event["resource"], (event.get("change") or {}).get("field")
    return not filters or any(
        one["resource_type"] == resource["resource_type"]
        and one.get("action", event["action"]) == event["action"]
        and one.get("resource_subtype", resource.get("resource_subtype")) == resource.get("resource_subtype")
        and (not one.get("fields") or field is None or field in one["fields"])
        for one in filters
    )


def _reference(kind: str, gid: str, name: str) -> dict[str, Any]:
    return {"gid": gid, "resource_type": kind, "name": name}


def _words(html: str) -> str:
    return "".join(ElementTree.fromstring(html).itertext())  # noqa: S314 (was parsed when it came)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
