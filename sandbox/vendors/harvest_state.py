"""What the Harvest stand-in keeps, and what changing it does: timers, locks, assignments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import harvest_seed as seed

CLOCK = re.compile(r"(\d{1,2}):(\d{2})(am|pm)?")
ENTRY_WRITE = "user_id project_id task_id spent_date started_time ended_time notes external_reference hours"


def refused(message: str) -> Refusal:
    return Refusal(422, message)


class HarvestState(Vendor):
    """Time entries are kept in the shape they are shown in, but for what a running timer has counted by now."""

    def company(self) -> Document:
        found = self.world.get("company", "company")
        assert found is not None
        return found

    def fresh(self, kind: str, id: str | int) -> Document:
        found = self.world.get(kind, id)
        if found is None:
            raise Refusal(404, "Not Found")
        return found

    def keep(self, kind: str, document: Document) -> Document:
        document.setdefault("created_at", self.stamp())
        document["updated_at"] = self.stamp()
        return self.world.put(kind, document["id"], document)

    # --- time entries --------------------------------------------------------------------------------------------

    def save_entry(self, entry: Document, given: Mapping[str, Any], *, actor: int = seed.ME) -> Document:
        """Applies a write to a new or present entry. Refuses what the vendor refuses."""
        is_new = "id" not in entry
        if not is_new and entry["is_locked"]:
            raise refused(f"Time entry is locked: {entry['locked_reason']}")
        if is_new:
            user = self.fresh("user", given.get("user_id") or actor)
            entry = self._empty(self.world.next_number("entry", 636709355), user)
        self._place(entry, given)
        if "notes" in given:
            text = str(given["notes"] or "")
            entry["notes"] = (text.strip() if self.trouble.knobs.is_normalising else text) or None
        if "external_reference" in given:
            shared = {
                "group_id": None,
                "account_id": None,
                "permalink": None,
                "service": "unknown",
                "service_icon_url": None,
            }
            entry["external_reference"] = {**shared, **given["external_reference"]}
        if "spent_date" in given:
            entry["spent_date"] = str(_day(given["spent_date"]))
        if self.company()["wants_timestamp_timers"]:
            self._set_clock(entry, given, is_new)
        else:
            self._set_hours(entry, given, is_new)
        return self.keep("time_entry", entry)

    def _empty(self, id: int, user: Document) -> Document:
        return {
            "id": id, "spent_date": None, "user": {"id": user["id"], "name": f"{user['first_name']} {user['last_name']}"},
            "client": None, "project": None, "task": None, "user_assignment": None, "task_assignment": None, "external_reference": None,
            "invoice": None, "hours": 0.0, "hours_without_timer": 0.0, "rounded_hours": 0.0, "notes": None, "is_locked": False,
            "locked_reason": None, "is_closed": False, "is_billed": False, "timer_started_at": None, "started_time": None,
            "ended_time": None, "is_running": False, "billable": True, "budgeted": False, "billable_rate": None, "cost_rate": None,
        }  # fmt: skip

    def _place(self, entry: Document, given: Mapping[str, Any]) -> None:
        """The pair of project and task must be an active assignment."""
        ids = {name: given.get(f"{name}_id") or (entry[name] or {}).get("id") for name in ("project", "task")}
        project, task = (
            self.world.get("project", ids["project"] or 0),
            self.world.get("task", ids["task"] or 0),
        )
        if project is None or task is None:
            raise refused("Project and task must exist")
        if not project["is_active"]:
            raise refused("Project has been archived")
        if not task["is_active"]:
            raise refused("Task isn't assigned to this project")
        entry["project"] = {"id": project["id"], "name": project["name"], "code": project["code"]}
        entry["client"] = {"id": project["client"]["id"], "name": project["client"]["name"]}
        entry["task"] = {"id": task["id"], "name": task["name"]}
        entry["billable"] = task["billable_by_default"]

    def _set_hours(self, entry: Document, given: Mapping[str, Any], is_new: bool) -> None:
        """Duration accounts: times of the day are ignored; without hours a new entry starts a timer."""
        if given.get("hours") is not None:
            entry["hours"] = entry["hours_without_timer"] = _two_places(given["hours"])
        elif is_new:
            self.start_timer(entry)
        entry["rounded_hours"] = round(entry["hours"] * 4) / 4

    def _set_clock(self, entry: Document, given: Mapping[str, Any], is_new: bool) -> None:
        if is_new and not given.get("started_time"):
            self.start_timer(entry)
            return
        for name in ("started_time", "ended_time"):
            if given.get(name):
                entry[name] = self.clock_text(_clock(given[name]))
        if entry["started_time"] and entry["ended_time"]:
            start, end = (_clock(entry[name]) for name in ("started_time", "ended_time"))
            minutes = (end.hour - start.hour) * 60 + end.minute - start.minute
            if minutes < 0:
                raise refused("Ended time must be after started time")
            entry["hours"] = entry["hours_without_timer"] = _two_places(minutes / 60)
            entry["is_running"], entry["timer_started_at"] = False, None
        elif is_new:
            self.start_timer(entry)

    def start_timer(self, entry: Document) -> None:
        """One timer a person: another one that runs is stopped."""
        for other in self.world.all("time_entry"):
            if (
                other["is_running"]
                and other["user"]["id"] == entry["user"]["id"]
                and other["id"] != entry["id"]
            ):
                self.stop_timer(self.fresh("time_entry", other["id"]))
        entry["is_running"], entry["timer_started_at"] = True, self.stamp()
        entry["ended_time"] = None
        if self.company()["wants_timestamp_timers"] and not entry["started_time"]:
            entry["started_time"] = self.clock_text(self.now().time())

    def stop_timer(self, entry: Document) -> Document:
        if not entry["is_running"]:
            raise refused("This timer is not running.")
        entry["hours"] = entry["hours_without_timer"] = self.hours_by_now(entry)
        entry["is_running"], entry["timer_started_at"] = False, None
        if self.company()["wants_timestamp_timers"]:
            entry["ended_time"] = self.clock_text(self.now().time())
        return self.keep("time_entry", entry)

    def hours_by_now(self, entry: Mapping[str, Any]) -> float:
        if not entry["is_running"]:
            return float(entry["hours"])
        passed = (self.now() - datetime.fromisoformat(entry["timer_started_at"])).total_seconds()
        return _two_places(entry["hours_without_timer"] + max(0.0, passed) / 3600)

    def shown_entry(self, entry: Document) -> Document:
        return {**entry, "hours": self.hours_by_now(entry)}

    def clock_text(self, at: time) -> str:
        if self.company()["clock"] == "24h":
            return f"{at.hour}:{at.minute:02d}"
        return f"{at.hour % 12 or 12}:{at.minute:02d}{'pm' if at.hour >= 12 else 'am'}"


def _two_places(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise refused("Hours must be a number")
    return round(float(value), 2)


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise refused("Spent date is not a date") from None


def _clock(value: Any) -> time:
    found = CLOCK.fullmatch(str(value))
    if found is None:
        raise refused("Started time is not a time")
    hour, half = int(found.group(1)), found.group(3)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, int(found.group(2)), tzinfo=UTC)
