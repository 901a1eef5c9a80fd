"""What ClickUp keeps: tasks of lists with statuses, tags and custom fields, comments, and who is told of what."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from sandbox.hooks import Delivery
from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Refusal

from . import clickup_seed as seed


def bad(message: str, code: str = "INPUT_002") -> Refusal:
    return Refusal(400, message, code=code)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class ClickUpState(Vendor):
    # --- finding -------------------------------------------------------------------------------------------------

    def task(self, id: str) -> Document:
        found = self.world.get("task", id)
        if found is None and self.world.get("gone", id):
            raise Refusal(404, "Task not found, deleted", code="ITEM_013")
        if found is None:  # what is not the caller's to see and what never was look alike
            raise Refusal(401, "Team not authorized", code="OAUTH_027")
        return found

    def list_of(self, id: str) -> Document:
        found = self.world.get("list", id)
        if found is None:
            raise Refusal(401, "Team not authorized", code="OAUTH_027")
        return found

    def user(self, id: Any) -> Document:
        found = self.world.get("user", id) if isinstance(id, int) and not isinstance(id, bool) else None
        if found is None:
            raise bad(f"User {id} is not a member of this Workspace", "INPUT_003")
        return found

    def status(self, value: Any) -> str:
        for name, _, _ in seed.STATUSES:
            if str(value).lower() == name:
                return name
        raise bad("Status not found", "ITEM_114")

    # --- showing -------------------------------------------------------------------------------------------------

    def shown_user(self, id: int) -> dict[str, Any]:
        user = self.world.get("user", id) or {"username": "Nobody", "email": ""}
        initials = "".join(part[0] for part in user["username"].split())
        return {"id": id, "username": user["username"], "email": user["email"], "color": "#7b68ee", "initials": initials,
                "profilePicture": f"https://attachments.clickup.com/profilePictures/{id}_abc.jpg"}  # fmt: skip

    def shown_status(self, name: str) -> dict[str, Any]:
        place = next(n for n, one in enumerate(seed.STATUSES) if one[0] == name)
        _, kind, colour = seed.STATUSES[place]
        return {"status": name, "color": colour, "orderindex": place, "type": kind}

    def shown_task(self, task: Mapping[str, Any], *, markdown: bool = False) -> dict[str, Any]:
        home = self.list_of(task["list"])
        due, start = task["due_date"], task["start_date"]
        shown = {
            "id": task["id"], "custom_id": None, "custom_item_id": 0, "name": task["name"], "text_content": _plain(task["markdown"]),
            "description": _plain(task["markdown"]), "status": self.shown_status(task["status"]), "orderindex": task["orderindex"],
            "date_created": str(task["date_created"]), "date_updated": str(task["date_updated"]),
            "date_closed": _text(task["date_closed"]), "date_done": _text(task["date_done"]), "archived": task["archived"],
            "creator": self.shown_user(task["creator"]), "assignees": [self.shown_user(one) for one in task["assignees"]],
            "watchers": [], "checklists": [], "tags": [self.shown_tag(one) for one in task["tags"]], "parent": task["parent"],
            "priority": shown_priority(task["priority"]), "due_date": _text(due), "start_date": _text(start),
            "time_estimate": None, "custom_fields": [self._shown_field(one, task) for one in self.world.all("field")],
            "list": {"id": home["id"], "name": home["name"], "access": True},
            "folder": {"id": home["folder"] or "90123599999", "name": seed.FOLDER[1] if home["folder"] else "hidden",
                       "hidden": not home["folder"], "access": True},
            "space": {"id": seed.SPACE[0]}, "team_id": seed.TEAM[0], "url": f"https://app.clickup.com/t/{task['id']}",
        }  # fmt: skip
        return {**shown, "markdown_description": task["markdown"]} if markdown else shown

    def _shown_field(self, field: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
        """A drop-down is written by its option's id and read by its place."""
        value = task["custom"].get(field["id"])
        shown = {**field, "date_created": str(ms(seed.START)), "hide_from_guests": False, "required": False}
        if value is None:
            return shown
        if field["type"] == "drop_down":
            value = next(one["orderindex"] for one in field["type_config"]["options"] if one["id"] == value)
        return {**shown, "value": value}

    def shown_tag(self, name: str) -> dict[str, Any]:
        tag = self.world.get("tag", name) or {"name": name, "tag_fg": "#ffffff", "tag_bg": "#000000"}
        return {name: tag[name] for name in ("name", "tag_fg", "tag_bg")}

    def shown_comment(self, comment: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": comment["id"], "comment": [{"text": comment["text"], "attributes": {}}], "comment_text": comment["text"],
            "user": self.shown_user(comment["user"]), "resolved": comment["resolved"], "assignee": None, "assigned_by": None,
            "reactions": [], "date": str(comment["date"]), "reply_count": "0",
        }  # fmt: skip

    # --- changing ------------------------------------------------------------------------------------------------

    def make_task(self, values: Mapping[str, Any], *, actor: int, at: datetime | None = None) -> Document:
        moment = ms(at or self.now())
        number = self.world.next_number("task")
        task: Document = {
            "id": f"86c{_base36(number + 40000)}", "name": "", "markdown": "", "status": seed.STATUSES[0][0], "archived": False,
            "orderindex": f"{number}.00000000000000000000000000000000", "creator": actor, "assignees": [], "tags": [], "parent": None,
            "priority": None, "due_date": None, "start_date": None, "custom": {}, "date_created": moment, "date_updated": moment,
            "date_closed": None, "date_done": None, "list": seed.LIST, **values,
        }  # fmt: skip
        task |= _ends(task, moment)
        self.world.put("task", task["id"], task)
        self.tell("taskCreated", task, [self._item("status", None, task["status"], actor)])
        return task

    def change_task(self, task: Document, values: Mapping[str, Any], *, actor: int) -> Document:
        changed = [name for name, value in values.items() if task.get(name) != value]
        if not changed:
            return task
        after = {**task, **values, "date_updated": max(ms(self.now()), task["date_updated"] + 1)}
        if "status" in changed:
            after |= _ends(after, after["date_updated"])
        self.world.put("task", task["id"], after)
        for name in changed:
            item = self._item("content" if name == "markdown" else name, task.get(name), after[name], actor)
            self.tell("taskUpdated", after, [item])
            if name in _EVENTS:
                self.tell(_EVENTS[name], after, [item])
        return after

    def drop_task(self, task: Document) -> None:
        for child in self.world.where("task", lambda one: one["parent"] == task["id"]):
            self.drop_task(child)
        for comment in self.world.where("comment", lambda one: one["task"] == task["id"]):
            self.world.drop("comment", comment["id"])
        self.world.drop("task", task["id"])
        self.world.put("gone", task["id"], {"id": task["id"]})
        self.tell("taskDeleted", task, [])

    def make_comment(self, task: Document, text: str, *, actor: int, at: datetime | None = None) -> Document:
        number = self.world.next_number("comment")
        comment = {"id": str(90120010000000 + number), "text": text, "user": actor, "resolved": False, "task": task["id"],
                   "date": ms(at or self.now()) + number % 7}  # fmt: skip
        self.world.put("comment", comment["id"], comment)
        self.world.put(
            "task", task["id"], {**task, "date_updated": max(comment["date"], task["date_updated"])}
        )
        self._tell_comment("taskCommentPosted", comment, actor)
        return comment

    def change_comment(self, comment: Document, values: Mapping[str, Any], *, actor: int) -> Document:
        after = {**comment, **values}
        self.world.put("comment", comment["id"], after)
        self._tell_comment("taskCommentUpdated", after, actor)
        return after

    def _tell_comment(self, event: str, comment: Mapping[str, Any], actor: int) -> None:
        about = {
            "id": comment["id"],
            "date": str(comment["date"]),
            "parent": comment["task"],
            "text_content": comment["text"],
        }
        item = {**self._item("comment", None, comment["id"], actor), "comment": about}
        self.tell(event, {"id": comment["task"], "list": seed.LIST}, [item])

    # --- values --------------------------------------------------------------------------------------------------

    def text(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise bad(f"{name} invalid", "INPUT_005")
        return value.strip() if self.trouble.knobs.is_normalising else value

    def due(self, value: Any, with_time: Any, name: str) -> int | None:
        """Without a time of day it is 4:00 in the user's zone."""
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad(f"{name} invalid", "INPUT_006")
        if with_time:
            return value
        day = datetime.fromtimestamp(value / 1000, ZoneInfo(seed.ZONE)).date()
        return ms(datetime.combine(day, time(4), ZoneInfo(seed.ZONE)))

    def custom_value(self, id: str, value: Any) -> Any:
        field = self.world.get("field", id)
        if field is None:
            raise bad("Custom field not found", "FIELD_013")
        if field["type"] == "drop_down" and value not in [
            one["id"] for one in field["type_config"]["options"]
        ]:
            raise bad("Value is not a valid option", "FIELD_011")
        if field["type"] == "short_text" and not isinstance(value, str):
            raise bad("Value must be a string", "FIELD_011")
        return value

    # --- webhooks ------------------------------------------------------------------------------------------------

    def _item(self, field: str, before: Any, after: Any, actor: int) -> dict[str, Any]:
        user = self.shown_user(actor)
        return {"id": str(self.world.next_number("history") + 2800763136717140857), "type": 1, "date": str(ms(self.now())),
                "field": field, "parent_id": seed.LIST, "data": {}, "source": None, "user": user, "before": before, "after": after}  # fmt: skip

    def tell(self, event: str, about: Mapping[str, Any], items: list[dict[str, Any]]) -> None:
        if not self.trouble.knobs.webhooks_on:
            return
        for hook in self.world.where("webhook", lambda one: one["health"]["status"] == "active"):
            if event not in hook["events"] or (hook["list_id"] and str(hook["list_id"]) != about["list"]):
                continue
            body: dict[str, Any] = {"event": event, "history_items": items, "webhook_id": hook["id"]}
            body |= {"list_id": about["id"]} if event.startswith("list") else {"task_id": about["id"]}
            if event == "taskDeleted":
                body["team_id"] = seed.TEAM[0]
            raw = orjson.dumps(body)
            signature = hmac.new(hook["secret"].encode(), raw, hashlib.sha256).hexdigest()
            headers = {"Content-Type": "application/json", "X-Signature": signature}
            self.sender.send(
                Delivery(
                    self.slug,
                    hook["endpoint"],
                    raw,
                    headers,
                    event,
                    retry_delays=self.webhook_retry_delays,
                    on_done=self._delivered,
                )
            )

    def _delivered(self, delivery: Delivery) -> None:
        """Failures are counted; 401 and 410 suspend at once."""
        with self.world.lock:
            for hook in self.world.where("webhook", lambda one: one["endpoint"] == delivery.url):
                if delivery.has_arrived:
                    continue
                count = hook["health"]["fail_count"] + 1
                is_over = count >= 100 or delivery.statuses[-1] in (401, 410)
                health = {"status": "suspended" if is_over else "active", "fail_count": count}
                self.world.put("webhook", hook["id"], {**hook, "health": health})

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        task = (
            SheetField("name", "Name"),
            SheetField("status", "Status", "choice", {name: name for name, _, _ in seed.STATUSES}),
            SheetField(
                "priority",
                "Priority",
                "choice",
                {"": "none", **{str(id): name for id, (name, _) in seed.PRIORITIES.items()}},
            ),
            SheetField("assignees", "Assignees (names)", "tags"),
            SheetField("tags", "Tags", "tags"),
            SheetField("due_on", "Due", "date"),
            SheetField("markdown", "Description (Markdown)", "area"),
            SheetField("date_updated", "Changed (ms)", "show"),
        )
        comment = (
            SheetField("text", "Text", "area"),
            SheetField("task", "Task"),
            SheetField("date", "Written (ms)", "show"),
        )
        return (Sheet("task", "Tasks", task), Sheet("comment", "Comments", comment, title="text"))

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """``task``: name, markdown, status, priority, assignees, tags, due_on, archived. ``comment``: text, task."""
        by = int(actor or seed.USERS[1][0])
        if kind == "comment":
            text = self.text(values.get("text"), "comment_text")
            if id is None:
                return str(self.make_comment(self.task(str(values.get("task"))), text, actor=by)["id"])
            found = self.world.get("comment", id)
            if found is None:
                raise Refusal(404, "Comment not found", code="COMMENT_001")
            self.change_comment(found, {"text": text}, actor=by)
            return id
        fields = self._by_hand(values)
        if id is None:
            return str(self.make_task(fields, actor=by)["id"])
        return str(self.change_task(self.task(id), fields, actor=by)["id"])

    def _by_hand(self, values: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in values.items():
            match name:
                case "name" | "markdown":
                    fields[name] = self.text(value, name)
                case "status":
                    fields[name] = self.status(value)
                case "priority":
                    fields[name] = int(value) if value else None
                case "archived":
                    fields[name] = bool(value)
                case "tags":
                    fields[name] = [str(one).lower() for one in value or ()]
                case "assignees":
                    fields[name] = [self._named(one) for one in value or ()]
                case "due_on":
                    fields["due_date"] = _day_ms(str(value)) if value else None
        return fields

    def _named(self, value: Any) -> int:
        for one in self.world.all("user"):
            if str(value) in (str(one["id"]), one["username"]):
                return int(one["id"])
        raise bad(f"User {value} is not a member of this Workspace", "INPUT_003")

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        if kind == "comment":
            self.world.drop("comment", id)
        else:
            self.drop_task(self.task(id))


_EVENTS = {
    "status": "taskStatusUpdated",
    "assignees": "taskAssigneeUpdated",
    "due_date": "taskDueDateUpdated",
    "priority": "taskPriorityUpdated",
    "tags": "taskTagUpdated",
}


def shown_priority(number: int | None) -> dict[str, Any] | None:
    if not number:
        return None
    name, colour = seed.PRIORITIES[number]
    return {"id": str(number), "priority": name, "color": colour, "orderindex": str(number)}


def _ends(task: Mapping[str, Any], moment: int) -> dict[str, Any]:
    kind = next(kind for name, kind, _ in seed.STATUSES if name == task["status"])
    done, closed = kind in ("done", "closed"), kind == "closed"
    return {"date_done": moment if done else None, "date_closed": moment if closed else None}


def _day_ms(value: str) -> int:
    return ms(datetime.combine(date.fromisoformat(value), time(4), ZoneInfo(seed.ZONE)).astimezone(UTC))


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^]]*)\]\([^)]*\)|[*_`#]", lambda found: found.group(1) or "", markdown)


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text.rjust(6, "0")
