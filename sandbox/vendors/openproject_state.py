"""What happens inside the OpenProject stand-in when something changes: the rules, and the webhooks that follow."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sandbox.store import Document
from sandbox.web import Refusal

from . import openproject_seed as seed
from .openproject_shapes import OpenProjectShapes

ERRORS = "urn:openproject-org:api:v3:errors:"
MAX_SUBJECT = 255


def error(status: int, name: str, message: str, attribute: str = "") -> Refusal:
    """OpenProject's error, with the attribute it is about."""
    body: dict[str, Any] = {"_type": "Error", "errorIdentifier": f"{ERRORS}{name}", "message": message}
    if attribute:
        body["_embedded"] = {"details": {"attribute": attribute}}
    return Refusal(status, message, code=name, field=attribute, body=body)


def refused(attribute: str, message: str) -> Refusal:
    return error(422, "PropertyConstraintViolation", message, attribute)


def missing() -> Refusal:
    """Gone, or out of sight: OpenProject does not say which."""
    return error(404, "NotFound", "The requested resource could not be found.")


def working_day(day: str) -> str:
    """The day itself, or the Monday after a weekend."""
    found = date.fromisoformat(day)
    return (found + timedelta(days=max(0, 7 - found.weekday()) if found.weekday() > 4 else 0)).isoformat()


class OpenProjectState(OpenProjectShapes):
    """Changes to work packages, comments, versions and projects, told to the webhooks an administrator added."""

    # --- work packages -------------------------------------------------------------------------------------------

    def make_package(self, values: Mapping[str, Any], *, actor: int, at: datetime | None = None) -> Document:
        id = self.world.next_number("work_package")
        now = at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else self.stamp(ms=True)
        package: Document = {
            "id": id,
            "lockVersion": 0,
            "project": values.get("project", seed.PROJECT),
            "type": seed.TYPES[0][0],
            "status": seed.STATUSES[0][0],
            "priority": 8,
            "author": actor,
            "subject": "",
            "description": "",
            "scheduleManually": values.get("scheduleManually", True),
            "ignoreNonWorkingDays": False,
            "percentageDone": None,
            "tags": [],
            **dict.fromkeys(
                (
                    "assignee",
                    "responsible",
                    "version",
                    "category",
                    "parent",
                    "startDate",
                    "dueDate",
                    "estimatedTime",
                )
            ),
            "createdAt": now,
            "updatedAt": now,
        }
        self._apply(package, values, is_new=True)
        if not package["subject"]:
            raise refused("subject", "Subject can't be blank.")
        self.world.put("work_package", id, package)
        self.tell("work_package:created", "work_package", self.shown_package(package, embeds=True))
        return package

    def change_package(self, package: Document, values: Mapping[str, Any], *, actor: int) -> Document:
        """Changes what ``values`` names; nothing changed means the lock version stays."""
        before = dict(package)
        self._apply(package, values)
        if package == before:
            return package
        package |= {"lockVersion": package["lockVersion"] + 1, "updatedAt": self.stamp(ms=True)}
        self.world.put("work_package", package["id"], package)
        self._note_of_change(package, actor)
        if (before["startDate"], before["dueDate"]) != (package["startDate"], package["dueDate"]):
            self._derive(package["parent"])
        self.tell("work_package:updated", "work_package", self.shown_package(package, embeds=True))
        return package

    def _apply(self, package: Document, values: Mapping[str, Any], *, is_new: bool = False) -> None:
        for name in (
            "type",
            "priority",
            "project",
            "version",
            "category",
            "assignee",
            "responsible",
            "parent",
        ):
            if name in values:
                package[name] = self._reference(name, values[name], package)
        if "subject" in values:
            package["subject"] = self._subject(values["subject"])
        if "description" in values:
            package["description"] = self.raw(values["description"])
        if "tags" in values:
            package["tags"] = [self._known("tag", id, "customField7") for id in values["tags"]]
        if "estimatedTime" in values:
            package["estimatedTime"] = self._duration(values["estimatedTime"])
        for name in ("scheduleManually", "ignoreNonWorkingDays"):
            if name in values:
                package[name] = bool(values[name])
        self._apply_dates(package, values)
        if "status" in values:
            self._apply_status(package, values["status"], is_new=is_new)

    def _subject(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise refused("subject", "Subject can't be blank.")
        if len(value) > MAX_SUBJECT:
            raise refused("subject", f"Subject is too long (maximum is {MAX_SUBJECT} characters).")
        return " ".join(value.split()) if self.trouble.knobs.is_normalising else value

    def raw(self, value: Any) -> str:
        if not isinstance(value, str):
            raise error(
                422,
                "PropertyFormatError",
                "The property 'description' had an unexpected format.",
                "description",
            )
        return value.replace("\r\n", "\n")

    def _duration(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not re.fullmatch(r"P(\d+D)?(T(\d+H)?(\d+M)?)?", value):
            raise error(
                422,
                "PropertyFormatError",
                "The property 'estimatedTime' had an unexpected format.",
                "estimatedTime",
            )
        return value

    def _known(self, kind: str, id: Any, attribute: str) -> Any:
        if self.world.get(kind, str(id)) is None:
            raise refused(attribute, f"{attribute.capitalize()} is not set to one of the allowed values.")
        return id

    def _reference(self, name: str, id: Any, package: Mapping[str, Any]) -> int | None:
        if id is None and name in ("version", "category", "assignee", "responsible", "parent"):
            return None
        kinds = {"assignee": "user", "responsible": "user", "parent": "work_package"}
        found = int(self._known(kinds.get(name, name), id, name))
        if name == "parent" and found in (package["id"], *self.descendants(package["id"])):
            raise refused("parent", "Parent cannot be a child or the work package itself.")
        return found

    def descendants(self, id: int) -> list[int]:
        children = [one["id"] for one in self.children_of(id)]
        return [*children, *(below for child in children for below in self.descendants(child))]

    def _apply_dates(self, package: Document, values: Mapping[str, Any]) -> None:
        given = {
            name: self._day(values[name], name) for name in ("startDate", "dueDate", "date") if name in values
        }
        if not given:
            return
        is_milestone = self.is_milestone(package)
        for name in given:
            if (name == "date") != is_milestone and not (
                is_milestone and "date" not in values and package["subject"] == ""
            ):
                raise error(
                    422,
                    "PropertyIsReadOnly",
                    f"{name} was attempted to be written but is not writable.",
                    name,
                )
        if not package["scheduleManually"] and self.children_of(package["id"]):
            raise error(
                422,
                "PropertyIsReadOnly",
                "Start date was attempted to be written but is not writable.",
                next(iter(given)),
            )
        if "date" in given:
            given = {"startDate": given["date"], "dueDate": given["date"]}
        if not package["ignoreNonWorkingDays"] and self.trouble.knobs.is_normalising:
            given = {name: working_day(day) if day else None for name, day in given.items()}
        package |= given
        first, last = package["startDate"], package["dueDate"]
        if first and last and first > last:
            raise refused("dueDate", "Finish date must be greater than or equal to the start date.")

    def _day(self, value: Any, name: str) -> str | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(value).isoformat()
        except (TypeError, ValueError):
            raise error(
                422, "PropertyFormatError", f"The property '{name}' had an unexpected format.", name
            ) from None

    def _apply_status(self, package: Document, id: Any, *, is_new: bool) -> None:
        found = int(self._known("status", id, "status"))
        if not is_new and found not in self.allowed_statuses(package):
            words = "Status is invalid because no valid transition exists from old to new status for the current user's roles."
            raise refused("status", words)
        package["status"] = found

    def allowed_statuses(self, package: Mapping[str, Any]) -> list[int]:
        """The status it has, and those that the workflow leads to."""
        return [package["status"], *seed.WORKFLOW.get(package["status"], ())]

    def _derive(self, parent: int | None) -> None:
        """Dates of an automatically scheduled parent follow from its children's, and its lock moves with them."""
        row = self.world.get("work_package", parent) if parent else None
        if row is None or row["scheduleManually"]:
            return
        children = self.children_of(row["id"])
        firsts, lasts = ([one[name] for one in children if one[name]] for name in ("startDate", "dueDate"))
        row |= {"startDate": min(firsts, default=None), "dueDate": max(lasts, default=None)}
        row |= {"lockVersion": row["lockVersion"] + 1, "updatedAt": self.stamp(ms=True)}
        self.world.put("work_package", row["id"], row)

    # --- activities ----------------------------------------------------------------------------------------------

    def make_activity(self, package: Mapping[str, Any], text: str, *, actor: int, **more: Any) -> Document:
        """A comment, or without a text the record of a change."""
        id = 1000 + self.world.next_number("activity")
        now = more.pop("at", None) or self.stamp(ms=True)
        count = len(self.activities_of(package["id"]))
        activity = {
            "id": id,
            "package": package["id"],
            "version": count + 1,
            "comment": text,
            "internal": False,
            "user": actor,
            "createdAt": now,
            "updatedAt": now,
            **more,
        }
        self.world.put("activity", id, activity)
        if text:
            self._touch(package["id"], now)
            event = "internal_comment" if activity["internal"] else "comment"
            self.tell(f"work_package_comment:{event}", "activity", self.shown_activity(activity, embeds=True))
        return activity

    def change_activity(self, activity: Document, text: str) -> Document:
        if text == activity["comment"]:
            return activity
        activity |= {"comment": text, "updatedAt": self.stamp(ms=True)}
        self.world.put("activity", activity["id"], activity)
        self._touch(activity["package"], activity["updatedAt"])
        return activity

    def _note_of_change(self, package: Mapping[str, Any], actor: int) -> None:
        self.make_activity(package, "", actor=actor)

    def _touch(self, id: int, now: str) -> None:
        package = self.world.get("work_package", id)
        if package is not None and now > package["updatedAt"]:
            self.world.put("work_package", id, {**package, "updatedAt": now})

    # --- versions and projects -----------------------------------------------------------------------------------

    def make_version(self, values: Mapping[str, Any], *, id: int = 0) -> Document:
        now = self.stamp(ms=True)
        number = id or 100 + self.world.next_number("version")
        blank = {
            "id": number,
            "project": seed.PROJECT,
            "name": "",
            "description": "",
            "status": "open",
            "sharing": "none",
        }
        version = {**blank, "startDate": None, "endDate": None, "createdAt": now, "updatedAt": now}
        return self._save_version(version, values)

    def change_version(self, version: Document, values: Mapping[str, Any]) -> Document:
        return self._save_version({**version, "updatedAt": self.stamp(ms=True)}, values)

    def _save_version(self, version: Document, values: Mapping[str, Any]) -> Document:
        version |= values
        name = version["name"]
        if not isinstance(name, str) or not name.strip():
            raise refused("name", "Name can't be blank.")
        if len(name) > 60:
            raise refused("name", "Name is too long (maximum is 60 characters).")
        if any(one["name"] == name and one["id"] != version["id"] for one in self.world.all("version")):
            raise refused("name", "Name has already been taken.")
        if version["status"] not in ("open", "locked", "closed"):
            raise refused("status", "Status is not set to one of the allowed values.")
        first, last = (self._day(version[at], at) for at in ("startDate", "endDate"))
        if first and last and first > last:
            raise refused("endDate", "Finish date must be greater than start date.")
        return self.world.put("version", version["id"], version)

    def make_project(self, values: Mapping[str, Any], *, id: int = 0) -> Document:
        now = self.stamp(ms=True)
        name = str(values.get("name") or "")
        slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
        number = id or 20 + self.world.next_number("project")
        project = {
            "id": number,
            "identifier": values.get("identifier") or slug,
            "active": True,
            "description": "",
            "public": False,
        }
        project |= {"createdAt": now, "updatedAt": now}
        made = self._save_project(project, values)
        self.tell("project:created", "project", self.shown_project(made))
        return made

    def change_project(self, project: Document, values: Mapping[str, Any]) -> Document:
        made = self._save_project({**project, "updatedAt": self.stamp(ms=True)}, values)
        self.tell("project:updated", "project", self.shown_project(made))
        return made

    def _save_project(self, project: Document, values: Mapping[str, Any]) -> Document:
        project |= {name: value for name, value in values.items() if value is not None}
        if not isinstance(project.get("name"), str) or not project["name"].strip():
            raise refused("name", "Name can't be blank.")
        if any(
            one["identifier"] == project["identifier"] and one["id"] != project["id"]
            for one in self.world.all("project")
        ):
            raise refused("identifier", "Identifier has already been taken.")
        return self.world.put("project", project["id"], project)

    # --- webhooks ------------------------------------------------------------------------------------------------

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        return [one for one in self.world.all("webhook") if one.get("enabled", True)]

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        """Without a secret OpenProject sends no signature at all."""
        secret = str(subscription.get("secret") or "")
        if not secret:
            return {}
        return {"X-OP-Signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}

    def tell(self, event: str, name: str, shown: Mapping[str, Any]) -> None:
        self.emit(event, {"action": event, name: shown})
