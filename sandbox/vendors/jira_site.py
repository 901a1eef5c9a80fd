"""What stands around issues on the Jira stand-in: people, projects, components, versions, boards and sprints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.store import Document
from sandbox.web import Call, Reply, route

from . import jira_seed as seed
from .jira_access import JiraAccess
from .jira_state import errors

SYSTEM_FIELDS = (
    "summary",
    "description",
    "status",
    "priority",
    "assignee",
    "labels",
    "duedate",
    "fixVersions",
)
SPRINT_ORDER = ("future", "active", "closed")


class JiraSite(JiraAccess):
    def paged(self, call: Call, rows: Iterable[Any], *, size: int = 50, high: int = 1000) -> dict[str, Any]:
        """A page of ``values``; a larger page than allowed is cut without a word."""
        start, count = self._whole(call, "startAt", 0), min(high, self._whole(call, "maxResults", size))
        every = list(rows)
        cut = every[start : start + count]
        page = {"maxResults": count, "startAt": start, "total": len(every)}
        return {**page, "isLast": start + count >= len(every), "values": cut}

    def _whole(self, call: Call, name: str, default: int) -> int:
        text = call.query.get(name, str(default))
        if not text.isdigit():
            raise errors(400, f"{name} must be a number")
        return int(text)

    def members(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        """The body as an object; Jira refuses members it does not know."""
        body = call.json
        if not isinstance(body, dict):
            raise errors(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        unknown = [name for name in body if name not in allowed.split()]
        missing = [name for name in required.split() if body.get(name) in (None, "")]
        if unknown or missing:
            raise errors(400, **dict.fromkeys([*unknown, *missing], "is unknown or missing"))
        return body

    # --- people and the account ----------------------------------------------------------------------------------

    @route("GET", "/rest/api/3/myself", query="expand")
    def myself(self, call: Call) -> Any:
        return self.shown_user(call.actor)

    @route("GET", "/rest/api/3/serverInfo")
    def server_info(self, call: Call) -> Any:
        return {
            "baseUrl": self.root,
            "version": "1001.0.0-SNAPSHOT",
            "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud",
            "buildNumber": 100285,
            "serverTitle": "Jira",
        }

    @route(
        "GET", "/rest/api/3/mypermissions", query="projectKey projectId permissions", required="permissions"
    )
    def my_permissions(self, call: Call) -> Any:
        self.project(call.query.get("projectId") or call.query.get("projectKey") or seed.PROJECT)
        withheld = self.trouble.knobs.extra.get("without_permissions", [])
        found = {}
        for place, name in enumerate(call.query["permissions"].split(",")):
            if not re.fullmatch(r"[A-Z_]+", name):
                raise errors(400, f"Unrecognized permission: {name}")
            row = {
                "id": str(place + 10),
                "key": name,
                "name": name.capitalize(),
                "type": "PROJECT",
                "description": "",
            }
            found[name] = {**row, "havePermission": name not in withheld}
        return {"permissions": found}

    @route("GET", "/rest/api/3/users/search", query="startAt maxResults")
    def all_users(self, call: Call) -> Any:
        start, size = self._whole(call, "startAt", 0), self._whole(call, "maxResults", 50)
        rows = self.world.all("user")[start : start + min(size, 1000)]
        return [self.shown_user(one["id"]) for one in rows]

    @route("GET", "/rest/api/3/user", query="accountId expand", required="accountId")
    def one_user(self, call: Call) -> Any:
        shown = self.shown_user(call.query["accountId"])
        if shown is None:
            raise errors(404, "Specified user does not exist or you do not have required permissions")
        return shown

    @route("GET", "/rest/api/3/user/bulk", query="accountId startAt maxResults", required="accountId")
    def some_users(self, call: Call) -> Any:
        ids = call.query_lists["accountId"]
        return self.paged(call, [shown for id in ids if (shown := self.shown_user(id))], size=10, high=200)

    @route(
        "GET",
        "/rest/api/3/user/assignable/search",
        query="query project issueKey startAt maxResults",
        required="project",
    )
    def assignable(self, call: Call) -> Any:
        self.project(call.query["project"])
        rows = [one for one in self.world.all("user") if one["active"] and one["type"] == "atlassian"]
        return [self.shown_user(one["id"]) for one in rows]

    # --- projects ------------------------------------------------------------------------------------------------

    def shown_project(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "self": f"{self.root}/rest/api/3/project/{row['id']}",
            "id": row["id"],
            "key": row["key"],
            "name": row["name"],
            "description": row["description"],
            "lead": self.shown_user(row["lead"]) or self.shown_user(seed.ANN),
            "projectTypeKey": "software",
            "simplified": False,
            "style": "classic",
            "isPrivate": False,
        }

    @route(
        "GET", "/rest/api/3/project/search", query="startAt maxResults status keys id query expand orderBy"
    )
    def projects(self, call: Call) -> Any:
        rows = [one for one in self.world.all("project") if one["id"] not in self.hidden_projects()]
        return self.paged(call, [self.shown_project(one) for one in rows], high=100)

    @route("GET", "/rest/api/3/project/<ref>", query="expand properties")
    def one_project(self, call: Call, ref: str) -> Any:
        return self.shown_project(self.project(ref))

    @route("PUT", "/rest/api/3/project/<ref>", query="expand")
    def change_project(self, call: Call, ref: str) -> Any:
        row = self.project(ref)
        body = self.members(call, "name description leadAccountId key url")
        lead = {"lead": body.pop("leadAccountId")} if "leadAccountId" in body else {}
        row |= {**body, **lead}
        self.world.put("project", row["id"], row)
        self.tell_of("project_updated", "project", {**self.shown_project(row), "id": int(row["id"])})
        return self.shown_project(row)

    @route("GET", "/rest/api/3/project/<ref>/statuses")
    def statuses(self, call: Call, ref: str) -> Any:
        self.project(ref)
        shown = [self.shown_status(one[0]) for one in seed.STATUSES]
        types = [self.shown_type(one[0]) for one in seed.TYPES]
        return [
            {**{name: row[name] for name in ("self", "id", "name", "subtask")}, "statuses": shown}
            for row in types
        ]

    @route("GET", "/rest/api/3/issue/createmeta/<ref>/issuetypes", query="startAt maxResults")
    def creatable_types(self, call: Call, ref: str) -> Any:
        self.project(ref)
        types = [self.shown_type(one[0]) for one in seed.TYPES]
        return {"issueTypes": types, "maxResults": 200, "startAt": 0, "total": len(types)}

    @route("GET", "/rest/api/3/field")
    def fields(self, call: Call) -> Any:
        system = [
            {
                "id": one,
                "key": one,
                "name": one.capitalize(),
                "custom": False,
                "schema": {"type": "any", "system": one},
            }
            for one in SYSTEM_FIELDS
        ]
        custom = [
            {"id": id, "key": id, "name": name, "custom": True, "schema": {"type": kind, "custom": of}}
            for id, name, kind, of in seed.CUSTOM_FIELDS
        ]
        return [*system, *custom]

    @route("GET", "/rest/api/3/priority/search", query="startAt maxResults projectId")
    def priorities(self, call: Call) -> Any:
        return self.paged(
            call, [{"id": id, "name": name, "isDefault": id == "3"} for id, name in seed.PRIORITIES]
        )

    @route("GET", "/rest/api/3/resolution/search", query="startAt maxResults")
    def resolutions(self, call: Call) -> Any:
        return self.paged(call, [{"id": id, "name": name} for id, name in seed.RESOLUTIONS])

    @route("GET", "/rest/api/3/label", query="startAt maxResults")
    def labels(self, call: Call) -> Any:
        names = {name for one in self.world.all("issue") for name in one["fields"]["labels"]}
        return self.paged(call, sorted(names))

    # --- components and versions ---------------------------------------------------------------------------------

    def shown_component(self, row: Mapping[str, Any]) -> dict[str, Any]:
        home = self.project(seed.PROJECT)
        lead = {"lead": self.shown_user(row["lead"])} if row["lead"] else {}
        address = f"{self.root}/rest/api/3/component/{row['id']}"
        shown = {"self": address, "id": row["id"], "name": row["name"], "description": row["description"]}
        return {
            **shown,
            **lead,
            "assigneeType": "PROJECT_DEFAULT",
            "project": home["key"],
            "projectId": int(home["id"]),
        }

    def shown_version(self, row: Mapping[str, Any]) -> dict[str, Any]:
        dates = {name: row[name] for name in ("startDate", "releaseDate") if row[name]}
        shown = {name: row[name] for name in ("id", "name", "description", "archived", "released")}
        return {
            "self": f"{self.root}/rest/api/3/version/{row['id']}",
            **shown,
            **dates,
            "projectId": int(seed.PROJECT),
        }

    @route("GET", "/rest/api/3/project/<ref>/component", query="startAt maxResults orderBy query")
    def components(self, call: Call, ref: str) -> Any:
        return self.paged(call, self._of_project("component", ref, self.shown_component))

    @route("GET", "/rest/api/3/project/<ref>/version", query="startAt maxResults orderBy query status expand")
    def versions(self, call: Call, ref: str) -> Any:
        return self.paged(call, self._of_project("version", ref, self.shown_version))

    def _of_project(self, kind: str, ref: str, show: Callable[[Mapping[str, Any]], Any]) -> list[Any]:
        is_ours = self.project(ref)["id"] == seed.PROJECT
        return [show(one) for one in self.world.all(kind)] if is_ours else []

    def part(self, kind: str, id: str) -> Document:
        found = self.world.get(kind, id)
        if found is None or seed.PROJECT in self.hidden_projects():
            raise errors(404, f"Could not find {kind} for id '{id}'")
        return found

    def _unique(self, kind: str, name: Any, own_id: str = "") -> str:
        text = str(name or "").strip()
        if not text or len(text) > 255:
            raise errors(400, name="You must specify a valid name")
        if any(one["name"].lower() == text.lower() and one["id"] != own_id for one in self.world.all(kind)):
            raise errors(400, name=f"A {kind} with this name already exists in this project.")
        return text

    @route("GET", "/rest/api/3/component/<id>")
    def one_component(self, call: Call, id: str) -> Any:
        return self.shown_component(self.part("component", id))

    @route("POST", "/rest/api/3/component")
    def make_component(self, call: Call) -> Any:
        body = self.members(call, "name description leadAccountId assigneeType project", "name project")
        self.project(str(body["project"]))
        id = str(self.world.next_number("component", 10110))
        row = {
            "id": id,
            "name": self._unique("component", body["name"]),
            "description": body.get("description", ""),
        }
        self.world.put("component", id, {**row, "lead": body.get("leadAccountId")})
        return Reply(self.shown_component(self.part("component", id)), 201)

    @route("PUT", "/rest/api/3/component/<id>")
    def change_component(self, call: Call, id: str) -> Any:
        row = self.part("component", id)
        body = self.members(call, "name description leadAccountId assigneeType")
        if "name" in body:
            row["name"] = self._unique("component", body["name"], id)
        row["description"] = body.get("description", row["description"])
        row["lead"] = body.get("leadAccountId", row["lead"])
        self.world.put("component", id, row)
        return self.shown_component(row)

    @route("DELETE", "/rest/api/3/component/<id>", query="moveIssuesTo")
    def drop_component(self, call: Call, id: str) -> Any:
        self.part("component", id)
        self._take_off("components", id)
        self.world.drop("component", id)
        return Reply(None, 204)

    def _take_off(self, name: str, id: Any) -> None:
        for issue in self.world.where("issue", lambda one: id in one["fields"][name]):
            kept = [one for one in issue["fields"][name] if one != id]
            self.world.put("issue", issue["id"], {**issue, "fields": {**issue["fields"], name: kept}})

    @route("GET", "/rest/api/3/version/<id>", query="expand")
    def one_version(self, call: Call, id: str) -> Any:
        return self.shown_version(self.part("version", id))

    @route("POST", "/rest/api/3/version")
    def make_version(self, call: Call) -> Any:
        allowed = "name description startDate releaseDate released archived projectId"
        body = self.members(call, allowed, "name projectId")
        if not isinstance(body["projectId"], int):
            raise errors(400, projectId="must be a number")
        self.project(str(body["projectId"]))
        id = str(self.world.next_number("version", 10210))
        empty = {
            "description": "",
            "released": False,
            "archived": False,
            "startDate": None,
            "releaseDate": None,
        }
        self.put_version({**empty, "id": id, "name": ""}, body, "jira:version_created")
        return Reply(self.shown_version(self.part("version", id)), 201)

    @route("PUT", "/rest/api/3/version/<id>")
    def change_version(self, call: Call, id: str) -> Any:
        body = self.members(call, "name description startDate releaseDate released archived")
        return self.shown_version(self.put_version(self.part("version", id), body, "jira:version_updated"))

    def put_version(self, row: Document, given: Mapping[str, Any], event: str) -> Document:
        if "name" in given:
            row["name"] = self._unique("version", given["name"], row["id"])
        for name in ("startDate", "releaseDate"):
            if name in given:
                row[name] = day(given[name], name)
        for name in ("description", "released", "archived"):
            row[name] = given.get(name, row[name])
        self.world.put("version", row["id"], row)
        self.tell_of(event, "version", self.shown_version(row))
        return row

    @route("DELETE", "/rest/api/3/version/<id>", query="moveFixIssuesTo moveAffectedIssuesTo")
    def drop_version(self, call: Call, id: str) -> Any:
        row = self.part("version", id)
        self._take_off("fixVersions", id)
        self.world.drop("version", id)
        self.tell_of("jira:version_deleted", "version", self.shown_version(row))
        return Reply(None, 204)

    # --- boards and sprints --------------------------------------------------------------------------------------

    @route("GET", "/rest/agile/1.0/board", query="startAt maxResults projectKeyOrId type name")
    def boards(self, call: Call) -> Any:
        row = {"id": int(seed.BOARD), "name": "WEB board", "type": "scrum"}
        address = f"{self.root}/rest/agile/1.0/board/{seed.BOARD}"
        place = {"projectId": int(seed.PROJECT), "projectKey": "WEB", "projectName": "Website relaunch"}
        is_ours = call.query.get("projectKeyOrId", "WEB") in ("WEB", seed.PROJECT)
        return self.paged(call, [{**row, "self": address, "location": place}] if is_ours else [])

    def _board(self, id: str) -> None:
        if id != seed.BOARD:
            raise errors(
                404,
                "The requested board cannot be viewed because it either does not exist or you do not have permission.",
            )

    @route("GET", "/rest/agile/1.0/board/<id>/configuration")
    def board_configuration(self, call: Call, id: str) -> Any:
        self._board(id)
        columns = [
            {"name": name, "statuses": [{"id": one, "self": f"{self.root}/rest/api/2/status/{one}"}]}
            for one, name, _ in seed.STATUSES
        ]
        return {"id": int(id), "name": "WEB board", "type": "scrum", "columnConfig": {"columns": columns}}

    def shown_sprint(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: row[name] for name in ("id", "name", "state", "goal")}
        dates = {name: row[name] for name in ("startDate", "endDate") if row[name]}
        address = f"{self.root}/rest/agile/1.0/sprint/{row['id']}"
        return {**shown, **dates, "self": address, "originBoardId": int(seed.BOARD)}

    @route("GET", "/rest/agile/1.0/board/<id>/sprint", query="startAt maxResults state")
    def sprints(self, call: Call, id: str) -> Any:
        self._board(id)
        states = call.query.get("state", "future,active,closed").split(",")
        rows = self.paged(
            call, [self.shown_sprint(one) for one in self.world.all("sprint") if one["state"] in states]
        )
        return {name: value for name, value in rows.items() if name != "total"}

    @route("GET", "/rest/agile/1.0/sprint/<id>")
    def one_sprint(self, call: Call, id: str) -> Any:
        return self.shown_sprint(self.part("sprint", id))

    @route("POST", "/rest/agile/1.0/sprint")
    def make_sprint(self, call: Call) -> Any:
        body = self.members(call, "name startDate endDate originBoardId goal", "name originBoardId")
        self._board(str(body["originBoardId"]))
        id = self.world.next_number("sprint", 44)
        row = {"id": id, "name": "", "state": "future", "goal": "", "startDate": None, "endDate": None}
        self.put_sprint(
            row, {name: value for name, value in body.items() if name != "originBoardId"}, "sprint_created"
        )
        return Reply(self.shown_sprint(self.part("sprint", str(id))), 201)

    @route("POST", "/rest/agile/1.0/sprint/<id>")
    def change_sprint(self, call: Call, id: str) -> Any:
        body = self.members(call, "name startDate endDate goal state")
        return self.shown_sprint(self.put_sprint(self.part("sprint", id), body, "sprint_updated"))

    def put_sprint(self, row: Document, given: Mapping[str, Any], event: str) -> Document:
        row |= {name: given[name] for name in ("startDate", "endDate", "goal") if name in given}
        if "name" in given:
            row["name"] = str(given["name"]).strip()
            if not 0 < len(row["name"]) <= 30:
                raise errors(400, name="The sprint name must be shorter than 30 characters.")
        if given.get("state", row["state"]) != row["state"]:
            if SPRINT_ORDER.index(given["state"]) != SPRINT_ORDER.index(row["state"]) + 1:
                raise errors(400, state=f"The sprint can not change from {row['state']} to {given['state']}.")
            if given["state"] == "active" and not (row["startDate"] and row["endDate"]):
                raise errors(400, startDate="A sprint needs a start and an end date.")
            row["state"] = given["state"]
            event = {"active": "sprint_started", "closed": "sprint_closed"}[given["state"]]
        self.world.put("sprint", row["id"], row)
        self.tell_of(event, "sprint", self.shown_sprint(row))
        return row

    @route("DELETE", "/rest/agile/1.0/sprint/<id>")
    def drop_sprint(self, call: Call, id: str) -> Any:
        row = self.part("sprint", id)
        self._take_off(seed.SPRINT_FIELD, row["id"])
        self.world.drop("sprint", id)
        self.tell_of("sprint_deleted", "sprint", self.shown_sprint(row))
        return Reply(None, 204)


def day(value: Any, name: str) -> str | None:
    if value is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
        raise errors(400, **{name: "The date must be of the format yyyy-MM-dd"})
    return None if value is None else str(value)
