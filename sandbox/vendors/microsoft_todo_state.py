"""The mailbox behind the Microsoft To Do stand-in: changes, what they leave in the feed, and the JSON Graph shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Refusal

from . import microsoft_todo_seed as seed

STATUSES = ("notStarted", "inProgress", "completed", "waitingOnOthers", "deferred")
IMPORTANCES = ("low", "normal", "high")
DAYS = ("startDateTime", "dueDateTime", "completedDateTime")
TASK_FIELDS = frozenset(
    {"title", "body", "status", "importance", "categories", "isReminderOn", "reminderDateTime", "recurrence", *DAYS}
)  # fmt: skip
LINK_FIELDS = frozenset({"applicationName", "displayName", "externalId", "webUrl"})
_SHOWN = (
    "importance", "isReminderOn", "status", "title", "createdDateTime", "lastModifiedDateTime", "hasAttachments", "categories",
    "id", "body", "reminderDateTime", "recurrence", *DAYS,
)  # fmt: skip


def bad(message: str, code: str = "invalidRequest") -> Refusal:
    return Refusal(400, message, code=code)


def missing(what: str = "The specified object was not found in the store.") -> Refusal:
    return Refusal(404, what, code="ErrorItemNotFound")


class TodoState(Vendor):
    # --- what there is -------------------------------------------------------------------------------------------

    def list_of(self, id: str) -> Document:
        found = self.world.get("list", id)
        if found is None:
            raise missing()
        return found

    def task(self, list_id: str, id: str) -> Document:
        self.list_of(list_id)
        found = self.world.get("task", id)
        if found is None or found["list"] != list_id:
            raise missing() if id.endswith("=") else bad("Id is malformed.", "ErrorInvalidIdMalformed")
        return found

    def fine_stamp(self, at: datetime | None = None) -> str:
        """An instant with seven decimals; never the same twice, so that every change is told apart."""
        moment = (at or self.now()).astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{self.world.next_number('tick') % 10}Z"

    def shown_task(self, task: Mapping[str, Any], *, links: bool = False) -> dict[str, Any]:
        shown = {name: task[name] for name in _SHOWN if task.get(name) is not None}
        shown = {"@odata.etag": f'W/"JzdQYWtlV{task["seq"]:08d}QQ=="', **shown}
        return {**shown, "linkedResources": task["linkedResources"]} if links else shown

    def shown_list(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {k: row[k] for k in ("id", "displayName", "isOwner", "isShared", "wellknownListName")}
        return {"@odata.etag": f'W/"bGlzdA{row["seq"]:08d}=="', **shown}

    # --- changes -------------------------------------------------------------------------------------------------

    def make_task(self, list_id: str, given: Mapping[str, Any], *, at: datetime | None = None) -> Document:
        self.list_of(list_id)
        number = self.world.next_number("task")
        stamp = self.fine_stamp(at)
        task: Document = {
            "id": f"AAMkADMwNTcyZjQzLTdkMGItNDdjMy04ZTYw{number:08d}AAA=",
            "list": list_id, "title": "", "body": {"content": "", "contentType": "text"}, "status": "notStarted", "importance": "normal",
            "isReminderOn": False, "hasAttachments": False, "categories": [], "createdDateTime": stamp, "linkedResources": [],
        }  # fmt: skip
        for link in given.get("linkedResources") or ():
            task["linkedResources"].append(self._link(link))
        values = {name: value for name, value in given.items() if name != "linkedResources"}
        return self._save({**task, **self.checked(values, task)}, "created", stamp)

    def change_task(self, task: Document, given: Mapping[str, Any]) -> Document:
        return self._save({**task, **self.checked(given, task)}, "updated", self.fine_stamp())

    def _save(self, task: Document, event: str, stamp: str) -> Document:
        task |= {"lastModifiedDateTime": stamp, "seq": self.world.next_number("seq")}
        self.world.put("task", task["id"], task)
        self._tell(task, event)
        return task

    def drop_task(self, task: Document) -> None:
        self.world.drop("task", task["id"])
        gone = {"id": task["id"], "list": task["list"], "seq": self.world.next_number("seq")}
        self.world.put("gone", task["id"], gone)
        self._tell(task, "deleted")

    def move_task(self, task: Document, list_id: str) -> Document:
        """As people do it in the app: the task gets a new id."""
        self.drop_task(task)
        kept = {name: task[name] for name in TASK_FIELDS if task.get(name) is not None}
        made = self.make_task(list_id, kept)
        self.world.put("task", made["id"], {**made, "linkedResources": task["linkedResources"]})
        return made

    def _link(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict) or not set(given) <= LINK_FIELDS:
            raise bad("Invalid linkedResource.")
        id = str(UUID(int=0xF9CDDCE2 << 96 | self.world.next_number("link")))
        return {"id": id, **given}

    def _tell(self, task: Mapping[str, Any], event: str) -> None:
        resource = f"me/todo/lists/{task['list']}/tasks"

        def notification(subscription: Mapping[str, Any]) -> dict[str, Any]:
            about = {
                "@odata.type": "#Microsoft.Graph.todoTask",
                "@odata.id": f"Users/{seed.ACCOUNT}/Todo/Lists/{task['list']}/Tasks/{task['id']}",
                "id": task["id"],
            }
            entry = {
                "subscriptionId": subscription["id"],
                "subscriptionExpirationDateTime": subscription["expirationDateTime"],
                "clientState": subscription["clientState"],
                "changeType": event,
                "resource": about["@odata.id"],
                "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
                "resourceData": about,
            }
            return {"value": [entry]}

        self.emit(f"{event} {resource}", notification)

    # --- checking ------------------------------------------------------------------------------------------------

    def checked(self, given: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
        """The values as Graph keeps them; anything it does not know is refused."""
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in TASK_FIELDS:
                raise bad(f"The property '{name}' does not exist on type 'microsoft.graph.todoTask'.")
            values[name] = self._checked(name, value)
        if "status" in values and values["status"] != task["status"]:
            is_done = values["status"] == "completed"
            today = f"{self.now():%Y-%m-%d}T00:00:00.0000000"
            values["completedDateTime"] = {"dateTime": today, "timeZone": "UTC"} if is_done else None
        return values

    def _checked(self, name: str, value: Any) -> Any:
        match name:
            case "title":
                if not isinstance(value, str):
                    raise bad("title must be a string.")
                return value.strip() if self.trouble.knobs.is_normalising else value
            case "body":
                return self._body(value)
            case "status" | "importance":
                if value not in (STATUSES if name == "status" else IMPORTANCES):
                    raise bad(f"Requested value '{value}' was not found.")
                return value
            case "categories":
                if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                    raise bad("categories must be a collection of strings.")
                return value
            case "isReminderOn":
                if not isinstance(value, bool):
                    raise bad("isReminderOn must be a boolean.")
                return value
        if name in (*DAYS, "reminderDateTime") and value is not None:
            return self._day(name, value)
        return value

    def _body(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not set(value) <= {"content", "contentType"}:
            raise bad("body must be an itemBody.")
        kind, content = value.get("contentType", "text"), value.get("content") or ""
        if kind not in ("text", "html") or not isinstance(content, str):
            raise bad("body must be an itemBody.")
        is_bare = kind == "html" and not content.lower().startswith("<html")
        if is_bare and self.trouble.knobs.is_normalising:
            content = f"<html><head></head><body>{content}</body></html>"
        return {"content": content, "contentType": kind}

    def _day(self, name: str, value: Any) -> dict[str, str]:
        """To Do keeps the day and forgets the time; the answer is midnight UTC."""
        text = value.get("dateTime") if isinstance(value, dict) else None
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?", text):
            raise bad(f"{name} must be a dateTimeTimeZone.")
        if not isinstance(value.get("timeZone"), str) or set(value) != {"dateTime", "timeZone"}:
            raise bad(f"{name} must name a time zone.")
        return {"dateTime": f"{text[:10]}T00:00:00.0000000", "timeZone": "UTC"}

    # --- the hand-editing page -----------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        lists = {row["id"]: row["displayName"] for row in self.world.all("list")}
        fields = (
            SheetField("title", "Title"),
            SheetField("list", "List", "choice", lists),
            SheetField("status", "Status", "choice", {one: one for one in STATUSES}),
            SheetField("importance", "Importance", "choice", {one: one for one in IMPORTANCES}),
            SheetField("body.content", "Note", "area"),
            SheetField("dueDateTime.dateTime", "Due"),
            SheetField("categories", "Categories", "tags"),
        )
        return (
            Sheet("task", "Tasks", fields, title="title"),
            Sheet("list", "Lists", (SheetField("displayName", "Name"),), title="displayName"),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """``task``: title, list, status, importance, body.content, dueDateTime.dateTime, categories. ``list``: displayName."""
        if kind == "list":
            row = self.list_of(id) if id else self.new_list("")
            row |= {"displayName": str(values.get("displayName") or ""), "seq": self.world.next_number("seq")}
            self.world.put("list", row["id"], row)
            return str(row["id"])
        given = {name: value for name, value in values.items() if name in TASK_FIELDS}
        before = self.world.get("task", id) if id else None
        if "body.content" in values:
            kind = before["body"]["contentType"] if before else "text"
            given["body"] = {"content": str(values["body.content"] or ""), "contentType": kind}
        if "dueDateTime.dateTime" in values:
            day = str(values["dueDateTime.dateTime"] or "")[:10]
            given["dueDateTime"] = {"dateTime": f"{day}T00:00:00", "timeZone": "UTC"} if day else None
        list_id = str(values.get("list") or "")
        if id is None:
            return str(self.make_task(list_id or seed.LISTS[0][0], given)["id"])
        task = self.world.get("task", id)
        if task is None:
            raise missing()
        if list_id and list_id != task["list"]:
            task = self.move_task(task, list_id)
        return str(self.change_task(task, given)["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        if kind == "list":
            self.drop_list(self.list_of(id))
            return
        task = self.world.get("task", id)
        if task is not None:
            self.drop_task(task)

    def new_list(self, name: str) -> Document:
        number = self.world.next_number("list")
        id = f"AQMkADAwATM0MDAAMS1uZXdsaXN0{number:06d}A="
        row = {
            "id": id, "displayName": name, "isOwner": True, "isShared": False, "wellknownListName": "none",
            "seq": self.world.next_number("seq"),
        }  # fmt: skip
        self.world.put("list", id, row)
        return row

    def drop_list(self, row: Document) -> None:
        if row["wellknownListName"] != "none":
            raise bad("The built-in lists cannot be deleted.")
        for task in self.world.where("task", lambda one: one["list"] == row["id"]):
            self.world.drop("task", task["id"])
        self.world.drop("list", row["id"])
