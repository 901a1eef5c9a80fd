"""How the OpenProject stand-in shows its records: HAL, with links below the installation's own path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.store import Document
from sandbox.vendor import Vendor

from . import openproject_seed as seed

PREFIX = "/openproject"
API = f"{PREFIX}/api/v3"
_TITLES = {"work_package": "subject"}
_PLACES = {
    "user": "users",
    "project": "projects",
    "type": "types",
    "status": "statuses",
    "priority": "priorities",
    "version": "versions",
    "category": "categories",
    "work_package": "work_packages",
    "activity": "activities",
    "tag": "custom_options",
}


class OpenProjectShapes(Vendor):
    """Reads of the world, and the shapes of what it holds."""

    def children_of(self, id: int) -> list[Document]:
        return self.world.where("work_package", lambda one: one["parent"] == id)

    def activities_of(self, id: int) -> list[Document]:
        return self.world.where("activity", lambda one: one["package"] == id)

    def is_milestone(self, package: Mapping[str, Any]) -> bool:
        return bool((self.world.get("type", package["type"]) or {}).get("isMilestone"))

    # --- links and texts -----------------------------------------------------------------------------------------

    def link(self, kind: str, id: Any) -> dict[str, Any]:
        """A link with its title; to nothing for None."""
        row = self.world.get(kind, id) if id is not None else None
        if row is None:
            return {"href": None}
        place = "groups" if row.get("_type") == "Group" else _PLACES[kind]
        return {"href": f"{API}/{place}/{id}", "title": str(row.get(_TITLES.get(kind, "name")) or f"#{id}")}

    def text(self, raw: str) -> dict[str, str]:
        paragraphs = "".join(f'<p class="op-uc-p">{part}</p>' for part in raw.split("\n\n") if part)
        return {"format": "markdown", "raw": raw, "html": paragraphs}

    def collection(self, rows: Iterable[Any], path: str, *, kind: str = "Collection") -> dict[str, Any]:
        found = list(rows)
        return {
            "_type": kind,
            "total": len(found),
            "count": len(found),
            "_embedded": {"elements": found},
            "_links": {"self": {"href": f"{API}{path}"}},
        }

    # --- shapes --------------------------------------------------------------------------------------------------

    def shown_package(self, row: Mapping[str, Any], *, embeds: bool = False) -> dict[str, Any]:
        here = f"{API}/work_packages/{row['id']}"
        names = (
            "id",
            "lockVersion",
            "subject",
            "scheduleManually",
            "estimatedTime",
            "percentageDone",
            "ignoreNonWorkingDays",
        )
        dates = (
            {"date": row["dueDate"]}
            if self.is_milestone(row)
            else {"startDate": row["startDate"], "dueDate": row["dueDate"]}
        )
        shown = {
            "_type": "WorkPackage",
            **{name: row[name] for name in names},
            **dates,
            "description": self.text(row["description"]),
            "readonly": False,
            "derivedStartDate": None,
            "derivedDueDate": None,
            "duration": None,
            "spentTime": "PT0S",
            "createdAt": row["createdAt"],
            "updatedAt": row["updatedAt"],
            "_links": self._package_links(row, here),
        }
        if embeds:
            kinds = {"type": "type", "status": "status", "priority": "priority"}
            shown["_embedded"] = {name: self.world.get(kind, row[name]) for name, kind in kinds.items()}
            shown["_embedded"]["project"] = self.shown_project(
                self.world.get("project", row["project"]) or {}
            )
        return shown

    def _package_links(self, row: Mapping[str, Any], here: str) -> dict[str, Any]:
        ancestors: list[dict[str, Any]] = []
        above = row["parent"]
        while above:
            ancestors.insert(0, self.link("work_package", above))
            above = (self.world.get("work_package", above) or {}).get("parent")
        links: dict[str, Any] = {
            "self": {"href": here, "title": row["subject"]},
            "schema": {"href": f"{API}/work_packages/schemas/{row['project']}-{row['type']}"},
            "update": {"href": f"{here}/form", "method": "post"},
            "updateImmediately": {"href": here, "method": "patch"},
            "delete": {"href": here, "method": "delete"},
            "addComment": {"href": f"{here}/activities", "method": "post", "title": "Add comment"},
            "activities": {"href": f"{here}/activities"},
            "ancestors": ancestors,
            "parent": self.link("work_package", row["parent"]),
            "customField7": [self.link("tag", id) for id in row["tags"]],
        }
        for name, kind in (("author", "user"), ("assignee", "user"), ("responsible", "user")):
            links[name] = self.link(kind, row[name])
        for name in ("project", "type", "status", "priority", "version", "category"):
            links[name] = self.link(name, row[name])
        if children := self.children_of(row["id"]):
            links["children"] = [self.link("work_package", one["id"]) for one in children]
        return links

    def shown_activity(self, row: Mapping[str, Any], *, embeds: bool = False) -> dict[str, Any]:
        here = f"{API}/activities/{row['id']}"
        shown = {
            "_type": "Activity::Comment" if row["comment"] else "Activity",
            **{name: row[name] for name in ("id", "version", "internal", "createdAt", "updatedAt")},
            "comment": self.text(row["comment"]),
            "details": [],
            "_links": {
                "self": {"href": here},
                "workPackage": self.link("work_package", row["package"]),
                "user": self.link("user", row["user"]),
                "update": {"href": here, "method": "patch"},
            },
        }
        if embeds:
            package = self.world.get("work_package", row["package"]) or {}
            shown["_embedded"] = {"workPackage": self.shown_package(package, embeds=True)}
        return shown

    def shown_version(self, row: Mapping[str, Any]) -> dict[str, Any]:
        here = f"{API}/versions/{row['id']}"
        names = ("id", "name", "startDate", "endDate", "status", "sharing", "createdAt", "updatedAt")
        return {
            "_type": "Version",
            **{name: row[name] for name in names},
            "description": self.text(row["description"]),
            "_links": {
                "self": {"href": here, "title": row["name"]},
                "schema": {"href": f"{API}/versions/schema"},
                "updateImmediately": {"href": here, "method": "patch"},
                "definingProject": self.link("project", row["project"]),
                "availableInProjects": {"href": f"{here}/projects"},
            },
        }

    def shown_project(self, row: Mapping[str, Any]) -> dict[str, Any]:
        here = f"{API}/projects/{row['id']}"
        names = ("id", "identifier", "name", "active", "public", "createdAt", "updatedAt")
        return {
            "_type": "Project",
            **{name: row[name] for name in names},
            "description": self.text(row["description"]),
            "statusExplanation": self.text(""),
            "_links": {
                "self": {"href": here, "title": row["name"]},
                "createWorkPackage": {"href": f"{here}/work_packages/form", "method": "post"},
                "createWorkPackageImmediately": {"href": f"{here}/work_packages", "method": "post"},
                "workPackages": {"href": f"{here}/work_packages"},
                "categories": {"href": f"{here}/categories"},
                "versions": {"href": f"{here}/versions"},
                "types": {"href": f"{here}/types"},
                "updateImmediately": {"href": here, "method": "patch"},
                "parent": {"href": None},
            },
        }

    def shown_user(self, row: Mapping[str, Any], *, to_self: bool = False) -> dict[str, Any]:
        if row["_type"] == "Group":
            return {
                "_type": "Group",
                "id": row["id"],
                "name": row["name"],
                "_embedded": {"members": []},
                "_links": {"self": self.link("user", row["id"])},
            }
        shown = {
            name: row[name]
            for name in ("_type", "id", "name", "login", "firstName", "lastName", "email", "status")
        }
        return {
            **shown,
            **({"admin": row["admin"]} if to_self else {}),
            "avatar": "",
            "language": "en",
            "identityUrl": None,
            "createdAt": "2026-01-05T08:00:00.000Z",
            "updatedAt": "2026-01-05T08:00:00.000Z",
            "_links": {
                "self": self.link("user", row["id"]),
                "showUser": {"href": f"{PREFIX}/users/{row['id']}"},
            },
        }

    def shown_small(self, kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Types, statuses, priorities and categories."""
        shown = {**row, "_links": {"self": self.link(kind, row["id"])}}
        if kind == "category":
            shown["_links"]["project"] = self.link("project", seed.PROJECT)
        return shown
