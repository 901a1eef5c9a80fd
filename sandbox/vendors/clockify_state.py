"""What the Clockify stand-in keeps, and what changing it does: full replacement, rules of the workspace, events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import clockify_seed as seed

NAMES = {"client": "Client", "project": "Project", "tag": "Tag", "task": "Task", "time_entry": "Time entry"}
TEXTS = {"client": 100, "project": 250, "tag": 100, "task": 1000}


def invalid(message: str, code: int = 501) -> Refusal:
    """The vendor's usual refusal."""
    return Refusal(400, message, code=str(code))


class ClockifyState(Vendor):
    """Records in the shape they are shown in; ``_changed`` beside them is for the list lag only."""

    def fresh(self, kind: str, id: str, **where: Any) -> Document:
        found = self.world.get(kind, id)
        if found is None or any(found.get(name) != value for name, value in where.items()):
            home = "Project" if where else "Workspace"
            raise invalid(f"{NAMES.get(kind, kind.title())} doesn't belong to {home}")
        return found

    def keep(self, kind: str, document: Document, event: str, *, actor: str = seed.ME) -> Document:
        document["_changed"] = self.stamp()
        self.world.put(kind, document["id"], document)
        self.tell(event, self.hydrated(document) if kind == "time_entry" else shown(document))
        return document

    def drop(self, kind: str, id: str) -> Document:
        """What is active is not deleted."""
        found = self.fresh(kind, id)
        if kind != "time_entry" and not found.get("archived") and found.get("status") != "DONE":
            raise invalid(f"{NAMES[kind]} must be archived before it is deleted")
        self.world.drop(kind, id)
        if kind == "time_entry":
            row = {"id": id, "deletedAt": self.stamp(), "documentCode": "TIME_ENTRY", "document": {}}
            self.world.put("deletion", id, row)
        event = f"{kind.upper()}_DELETED"
        self.tell(event, self.hydrated(found) if kind == "time_entry" else shown(found))
        return found

    def new_id(self) -> str:
        return seed.id_of(self.world.next_number("id", 0x1000))

    def name_for(self, kind: str, name: Any, except_id: str = "", **same: Any) -> str:
        text = str(name or "").strip()
        if not text or len(text) > TEXTS[kind]:
            raise invalid(f"{NAMES[kind]} name has to be between 1 and {TEXTS[kind]} characters long")
        for one in self.world.all(kind):
            is_like = one["name"].casefold() == text.casefold() and one["id"] != except_id
            if is_like and all(one.get(key) == value for key, value in same.items()):
                raise invalid(f"{NAMES[kind]} with name '{text}' already exists")
        return text

    # --- time entries --------------------------------------------------------------------------------------------

    def replace_entry(self, present: Document | None, given: Mapping[str, Any], *, owner: str) -> Document:
        """A write says the whole entry: what it leaves out is emptied."""
        rules = self.world.get("rules", "rules") or {}
        start, end = _moment(given.get("start") or (None if present else self.stamp()), "start"), None
        if given.get("end"):
            end = _moment(given["end"], "end")
            if end < start:
                raise invalid("End time must be after the start time")
        project, task = given.get("projectId"), given.get("taskId")
        if project is not None:
            self.fresh("project", project)
        elif rules.get("forceProjects"):
            raise invalid("Project is required for this workspace")
        if task is not None:
            self.fresh("task", task, projectId=project)
        tags = list(given.get("tagIds") or ())
        for tag in tags:
            self.fresh("tag", tag)
        text = str(given.get("description") or "")
        if len(text) > 3000:
            raise invalid("Description must be at most 3000 characters long")
        if rules.get("forceDescription") and not text.strip():
            raise invalid("Description is required for this workspace")
        if present is not None and present["isLocked"]:
            raise invalid("Time entry is locked and cannot be changed")
        entry = {
            "id": present["id"] if present else self.new_id(),
            "workspaceId": seed.WORKSPACE,
            "userId": owner,
            "description": text.strip() if self.trouble.knobs.is_normalising else text,
            "billable": bool(given.get("billable")),
            "projectId": project,
            "taskId": task,
            "tagIds": tags or None,
            "type": given.get("type") or "REGULAR",
            "isLocked": bool(present and present["isLocked"]),
            "kioskId": None,
            "customFieldValues": [],
            "timeInterval": interval(start, end),
        }
        if end is None:
            self._stop_others(entry)
        if present is None:
            return self.keep("time_entry", entry, "NEW_TIME_ENTRY" if end else "NEW_TIMER_STARTED")
        was_running = present["timeInterval"]["end"] is None
        return self.keep(
            "time_entry", entry, "TIMER_STOPPED" if was_running and end else "TIME_ENTRY_UPDATED"
        )

    def _stop_others(self, entry: Document) -> None:
        for other in self.running(entry["userId"]):
            if other["id"] != entry["id"]:
                self.stop(other, self.now())

    def running(self, user: str = "") -> list[Document]:
        return self.world.where(
            "time_entry", lambda one: one["timeInterval"]["end"] is None and user in ("", one["userId"])
        )

    def stop(self, entry: Document, end: datetime) -> Document:
        start = _moment(entry["timeInterval"]["start"], "start")
        return self.keep(
            "time_entry", {**entry, "timeInterval": interval(start, max(start, end))}, "TIMER_STOPPED"
        )

    def within(self, rows: Iterable[Document], user: str, first: str, last: str) -> list[Document]:
        """The instants asked for are taken as wall-clock times of the person's zone, as the vendor does."""
        zone = ZoneInfo(next(one[3] for one in seed.USERS if one[0] == user))

        def bound(text: str) -> datetime | None:
            return _moment(text, "start").replace(tzinfo=zone).astimezone(UTC) if text else None

        low, high = bound(first), bound(last)
        return [
            one
            for one in rows
            if (low is None or _moment(one["timeInterval"]["start"], "start") >= low)
            and (high is None or _moment(one["timeInterval"]["start"], "start") <= high)
        ]

    def hydrated(self, entry: Document) -> Document:
        """As a delivery shows it."""
        project = self.world.get("project", entry["projectId"] or "")
        task = self.world.get("task", entry["taskId"] or "")
        user = self.world.get("user", entry["userId"]) or {}
        tags = [self.world.get("tag", id) for id in entry["tagIds"] or ()]
        return {
            **shown(entry),
            "currentlyRunning": entry["timeInterval"]["end"] is None,
            "project": {"id": project["id"], "name": project["name"]} if project else None,
            "task": {"id": task["id"], "name": task["name"]} if task else None,
            "user": {"id": entry["userId"], "name": user.get("name")},
            "tags": [{"id": tag["id"], "name": tag["name"]} for tag in tags if tag],
        }

    # --- webhooks ------------------------------------------------------------------------------------------------

    def tell(self, event: str, payload: Document) -> None:
        self.emit(event, payload)

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        return self.world.where(
            "webhook", lambda one: one["webhookEvent"] == event and one["enabled"] and one["deliveryEnabled"]
        )

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        return {
            "Clockify-Signature": str(subscription["authToken"]),
            "Clockify-Webhook-Event-Type": event,
        }


def shown(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if not name.startswith("_")}


def interval(start: datetime, end: datetime | None) -> Document:
    seconds = round((end - start).total_seconds()) if end else 0
    hours, rest = divmod(seconds, 3600)
    parts = [
        f"{number}{unit}" for number, unit in ((hours, "H"), (rest // 60, "M"), (rest % 60, "S")) if number
    ]
    return {
        "start": _text(start),
        "end": _text(end) if end else None,
        "duration": f"PT{''.join(parts) or '0S'}" if end else None,
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _moment(value: Any, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(f"{field} is not a time of the form yyyy-MM-ddThh:mm:ssZ") from None
    if moment.tzinfo is None:
        raise invalid(f"{field} is not a time of the form yyyy-MM-ddThh:mm:ssZ")
    return moment.astimezone(UTC)
