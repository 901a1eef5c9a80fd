"""A stand-in for Jira Cloud (platform v3 and Jira Software 1.0), held to Atlassian's OpenAPI documents and
vendors/jira.md: issues with their workflow, and comments."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Logged, Sheet, SheetField
from sandbox.web import Call, Reply, route

from . import jira_seed as seed
from .jira_site import JiraSite, day
from .jira_state import errors

MAX_PAGE = 100
MAX_IDS = 100
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
VERBS = {
    "labels": ("add", "remove", "set"),
    "components": ("add", "remove"),
    "fixVersions": ("add", "remove"),
}


class Jira(JiraSite):
    name = "Jira Cloud"
    colour = "#0052cc"
    tagline = "Project “Website relaunch”: issues, workflow, versions, sprints"
    limit_per_minute = 900
    webhook_retry_delays = (300.0, 600.0, 900.0, 900.0, 900.0)

    @route("GET", "/browse/<key>", query="focusedCommentId", auth=False)
    def browse(self, call: Call, key: str) -> Any:
        """The link that people follow; not part of the API."""
        return Reply(b"", 302, {"Location": f"/{self.slug}/ui/issue/{self.issue(key)['id']}"})

    # --- reading issues ------------------------------------------------------------------------------------------

    @route("POST", "/rest/api/3/search/jql")
    def search(self, call: Call) -> Any:
        allowed = "jql fields maxResults nextPageToken reconcileIssues properties expand fieldsByKeys"
        body = self.members(call, allowed, "jql")
        sure_of = body.get("reconcileIssues", [])
        size = body.get("maxResults", 50)
        if not isinstance(size, int) or not 0 < size <= 5000 or len(sure_of) > 50:
            raise errors(400, "maxResults or reconcileIssues is out of range")
        start = 0
        if "nextPageToken" in body:
            start, jql = _opened(body["nextPageToken"])
            if jql != body["jql"]:
                raise errors(400, "The provided next page token is invalid.")
        rows = self.matching(body["jql"], sure_of)
        page = rows[start : start + min(size, MAX_PAGE)]
        # only ids unless fields are asked for
        issues = [self.shown_issue(one, body.get("fields", []), body.get("properties", ())) for one in page]
        reached = start + len(page)
        if reached >= len(rows):
            return {"issues": issues, "isLast": True}
        return {"issues": issues, "isLast": False, "nextPageToken": _sealed(reached, body["jql"])}

    @route("POST", "/rest/api/3/issue/bulkfetch")
    def bulk_fetch(self, call: Call) -> Any:
        body = self.members(call, "issueIdsOrKeys fields properties expand fieldsByKeys", "issueIdsOrKeys")
        ids = body["issueIdsOrKeys"]
        if not isinstance(ids, list) or len(ids) > MAX_IDS:
            raise errors(400, f"Between 1 and {MAX_IDS} issues can be fetched at once.")
        found, absent = [], []
        for id in ids:
            issue = self._known(str(id))
            if issue is None:
                absent.append(
                    {"id": str(id), "errorMessage": "Issue does not exist or you do not have permission."}
                )
            else:
                found.append(self.shown_issue(issue, body.get("fields", []), body.get("properties", ())))
        return {"issues": found, "issueErrors": absent}

    def _known(self, id: str) -> Document | None:
        rows = self.world.where("issue", lambda one: id in (one["id"], one["key"]))
        return rows[0] if rows and rows[0]["project"] not in self.hidden_projects() else None

    @route("GET", "/rest/api/3/issue/<id>", query="fields properties expand fieldsByKeys updateHistory")
    def one_issue(self, call: Call, id: str) -> Any:
        wanted = call.query["fields"].split(",") if "fields" in call.query else None
        properties = call.query.get("properties", "")
        return self.shown_issue(self.issue(id), wanted, properties.split(",") if properties else ())

    # --- writing issues ------------------------------------------------------------------------------------------

    @route("POST", "/rest/api/3/issue", query="updateHistory")
    def make_issue_call(self, call: Call) -> Any:
        body = self.members(call, "fields update properties transition", "fields")
        given = dict(body["fields"])
        reference = given.pop("project", None) or {}
        home = self.project(str(reference.get("id") or reference.get("key") or ""))
        if not str(given.get("summary") or "").strip():
            raise errors(400, summary="You must specify a summary of the issue.")
        if self.trouble.knobs.extra.get("team_required") and not given.get(seed.TEAM_FIELD):
            raise errors(400, **{seed.TEAM_FIELD: "Team is required."})
        fields = self._values(given)
        if "issuetype" not in fields:
            raise errors(400, issuetype="Specify an issue type")
        level = next(level for id, _, level in seed.TYPES if id == fields["issuetype"])
        self._check_parent(fields.get("parent"), level)
        properties = {one["key"]: one["value"] for one in body.get("properties", [])}
        issue = self.make_issue(fields, project=home["id"], actor=call.actor, properties=properties)
        self.tell("jira:issue_created", issue, actor=call.actor, issue_event_type_name="issue_created")
        address = f"{self.root}/rest/api/3/issue/{issue['id']}"
        return Reply({"id": issue["id"], "key": issue["key"], "self": address}, 201)

    def _check_parent(self, id: str | None, level: int) -> None:
        if id is None:
            if level < 0:
                raise errors(400, parent="Issue type is a sub-task but parent issue key or id not specified.")
            return
        parent = self.issue(id)
        above = next(one for type, _, one in seed.TYPES if type == parent["fields"]["issuetype"])
        if above != level + 1:
            raise errors(400, parent="Given parent work item does not belong to appropriate hierarchy.")

    @route(
        "PUT",
        "/rest/api/3/issue/<id>",
        query="notifyUsers returnIssue expand overrideScreenSecurity overrideEditableFlag",
    )
    def change_issue_call(self, call: Call, id: str) -> Any:
        issue = self.issue(id)
        body = self.members(call, "fields update properties historyMetadata")
        changes = self._values(body.get("fields", {}))
        for name, steps in body.get("update", {}).items():
            if name in changes:
                raise errors(400, **{name: "Field cannot be in both fields and update."})
            changes[name] = self._updated(name, issue["fields"].get(name), steps)
        if issue["fields"]["status"] == seed.DONE and self.trouble.knobs.extra.get("done_is_locked"):
            raise errors(400, "You do not have permission to edit issues in this status.")
        self.change_issue(issue, changes, actor=call.actor)
        return Reply(None, 204)

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a write as they are kept, each checked as Jira checks it."""
        values: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "summary":
                    values[name] = self._summary(value)
                case "description":
                    values[name] = self.checked_document(value, name)
                case "priority" | "issuetype":
                    values[name] = self._chosen(name, value)
                case "assignee":
                    values[name] = self._person(value)
                case "parent":
                    values[name] = self.issue(str(value["id"]))["id"] if value else None
                case "labels":
                    values[name] = [self._label(one) for one in value]
                case "components" | "fixVersions":
                    values[name] = [self._part_id(name, one) for one in value]
                case "duedate" | seed.START_FIELD:
                    values[name] = day(value, name)
                case seed.POINTS_FIELD:
                    if value is not None and not isinstance(value, int | float):
                        raise errors(400, **{name: "Operation value must be a number"})
                    values[name] = value
                case seed.TEAM_FIELD | "environment":
                    values[name] = value
                case _:
                    raise errors(400, **{name: NOT_ON_SCREEN.format(name)})
        return values

    def _summary(self, value: Any) -> str:
        text = str(value or "")
        if not text.strip() or "\n" in text or len(text) > 255:
            raise errors(400, summary="You must specify a summary of at most 255 characters on one line.")
        return text.strip() if self.trouble.knobs.is_normalising else text

    def _chosen(self, name: str, value: Any) -> str:
        pairs = [(one[0], one[1]) for one in (seed.PRIORITIES if name == "priority" else seed.TYPES)]
        for id, title in pairs:
            if isinstance(value, dict) and (value.get("id") == id or value.get("name") == title):
                return id
        raise errors(400, **{name: f"Specify a valid {name}: {value}"})

    def _person(self, value: Any) -> str | None:
        if value is None or value.get("accountId") is None:
            return None
        user = self.world.get("user", value["accountId"])
        if user is None or not user["active"]:
            raise errors(400, assignee=f"User '{value['accountId']}' cannot be assigned issues.")
        return str(user["id"])

    def _label(self, value: Any) -> str:
        if not isinstance(value, str) or not value or " " in value:
            raise errors(400, labels=f"The label '{value}' contains spaces which is invalid.")
        return value

    def _part_id(self, name: str, value: Any) -> str:
        kind = "component" if name == "components" else "version"
        for row in self.world.all(kind):
            if isinstance(value, dict) and (value.get("id") == row["id"] or value.get("name") == row["name"]):
                return str(row["id"])
        raise errors(400, **{name: f"{kind.capitalize()} name '{value}' is not valid"})

    def _updated(self, name: str, before: Any, steps: Any) -> list[Any]:
        if name not in VERBS or not isinstance(steps, list):
            raise errors(400, **{name: NOT_ON_SCREEN.format(name)})
        after = list(before or [])
        for step in steps:
            verb, value = next(iter(step.items()))
            if verb not in VERBS[name]:
                raise errors(400, **{name: f"The operation '{verb}' is not supported."})
            if verb == "remove" and name == "labels":
                after = [one for one in after if one != value]
                continue
            one = self._label(value) if name == "labels" else self._part_id(name, value)
            after = [other for other in after if other != one]
            if verb == "add":
                after.append(one)
        return after

    @route("DELETE", "/rest/api/3/issue/<id>", query="deleteSubtasks")
    def drop_issue_call(self, call: Call, id: str) -> Any:
        issue = self.issue(id)
        children = self.world.where("issue", lambda one: one["fields"]["parent"] == issue["id"])
        if any(one["fields"]["issuetype"] == seed.SUBTASK for one in children):
            raise errors(
                400, "The issue has subtasks. You must specify the 'deleteSubtasks' parameter to delete it."
            )
        self.drop_issue(issue, actor=call.actor)
        return Reply(None, 204)

    # --- the workflow --------------------------------------------------------------------------------------------

    def _open_transitions(self, issue: Mapping[str, Any]) -> list[tuple[str, str, str, str, bool]]:
        return [one for one in seed.TRANSITIONS if one[2] == issue["fields"]["status"]]

    @route(
        "GET", "/rest/api/3/issue/<id>/transitions", query="expand transitionId includeUnavailableTransitions"
    )
    def transitions(self, call: Call, id: str) -> Any:
        issue = self.issue(id)
        with_fields = call.query.get("expand") == "transitions.fields"
        rows = []
        for transition, name, _, target, wants in self._open_transitions(issue):
            row = {"id": transition, "name": name, "to": self.shown_status(target), "hasScreen": wants}
            row |= {
                "isGlobal": False,
                "isInitial": False,
                "isAvailable": True,
                "isConditional": False,
                "looped": False,
            }
            rows.append({**row, "fields": self._asked(wants)} if with_fields else row)
        return {"expand": "transitions", "transitions": rows}

    def _asked(self, wants_resolution: bool) -> dict[str, Any]:
        asked: dict[str, Any] = {}
        if wants_resolution:
            allowed = [{"id": id, "name": name} for id, name in seed.RESOLUTIONS]
            shape = {"required": True, "hasDefaultValue": False, "key": "resolution", "name": "Resolution"}
            operations = {"operations": ["set"], "schema": {"type": "resolution", "system": "resolution"}}
            asked["resolution"] = {**shape, **operations, "allowedValues": allowed}
        if wants_resolution and self.trouble.knobs.extra.get("due_date_to_finish"):
            shape = {"required": True, "hasDefaultValue": False, "key": "duedate", "name": "Due date"}
            asked["duedate"] = {
                **shape,
                "operations": ["set"],
                "schema": {"type": "date", "system": "duedate"},
            }
        return asked

    @route("POST", "/rest/api/3/issue/<id>/transitions")
    def transition(self, call: Call, id: str) -> Any:
        issue = self.issue(id)
        body = self.members(call, "transition fields update", "transition")
        wanted = str(body["transition"].get("id"))
        chosen = next((one for one in self._open_transitions(issue) if one[0] == wanted), None)
        if chosen is None:
            raise errors(400, f"Transition id '{wanted}' is not valid for this issue.")
        if self.trouble.knobs.extra.get("validator"):
            raise errors(400, str(self.trouble.knobs.extra["validator"]))
        fields = body.get("fields", {})
        resolution = fields.pop("resolution", None)
        if chosen[4] and not (resolution or issue["fields"]["resolution"]):
            raise errors(400, resolution="Resolution is required.")
        changes = {**self._values(fields), "status": chosen[3]}
        if chosen[3] == seed.DONE:
            changes |= {"resolution": str((resolution or {}).get("id") or seed.RESOLUTIONS[0][0])}
            changes |= {"resolutiondate": self.moment()}
        else:
            changes |= {"resolution": None, "resolutiondate": None}
        self.change_issue(issue, changes, actor=call.actor)
        return Reply(None, 204)

    @route("POST", "/rest/agile/1.0/sprint/<id>/issue")
    def to_sprint(self, call: Call, id: str) -> Any:
        sprint = self.part("sprint", id)
        if sprint["state"] == "closed":
            raise errors(400, "Issues can not be moved to a closed sprint.")
        return self._moved(call, sprint["id"])

    @route("POST", "/rest/agile/1.0/backlog/issue")
    def to_backlog(self, call: Call) -> Any:
        return self._moved(call, None)

    def _moved(self, call: Call, sprint: int | None) -> Reply:
        for id in self.members(call, "issues rankBeforeIssue rankAfterIssue", "issues")["issues"]:
            issue = self.issue(str(id))
            past = [
                one
                for one in issue["fields"][seed.SPRINT_FIELD]
                if (self.world.get("sprint", one) or {}).get("state") == "closed"
            ]
            after = [*past, sprint] if sprint is not None else past
            self.change_issue(issue, {seed.SPRINT_FIELD: after}, actor=call.actor)
        return Reply(None, 204)

    # --- comments ------------------------------------------------------------------------------------------------

    @route("GET", "/rest/api/3/issue/<id>/comment", query="startAt maxResults orderBy expand")
    def comments(self, call: Call, id: str) -> Any:
        issue = self.issue(id)
        rows = self.world.where("comment", lambda one: one["issue"] == issue["id"])
        page = self.paged(call, [self.shown_comment(one) for one in rows], size=100, high=100)
        return {name: page[name] for name in ("startAt", "maxResults", "total")} | {
            "comments": page["values"]
        }

    @route("POST", "/rest/api/3/comment/list", query="expand")
    def comments_by_id(self, call: Call) -> Any:
        ids = self.members(call, "ids", "ids")["ids"]
        if not all(isinstance(id, int) for id in ids) or len(ids) > 1000:
            raise errors(400, "ids must be at most 1000 numbers")
        with_properties = "properties" in call.query.get("expand", "")
        rows = [found for id in ids if (found := self.world.get("comment", id))]
        shown = [self.shown_comment(one, with_properties=with_properties) for one in rows]
        return {"maxResults": 1048576, "startAt": 0, "total": len(shown), "isLast": True, "values": shown}

    def _comment(self, issue_id: str, id: str) -> Document:
        issue, found = self.issue(issue_id), self.world.get("comment", id)
        if found is None or found["issue"] != issue["id"]:
            raise errors(404, f"Can not find a comment for the id: {id}.")
        return found

    @route("GET", "/rest/api/3/issue/<issue>/comment/<id>", query="expand")
    def one_comment(self, call: Call, issue: str, id: str) -> Any:
        return self.shown_comment(self._comment(issue, id))

    @route("POST", "/rest/api/3/issue/<issue>/comment", query="expand")
    def make_comment_call(self, call: Call, issue: str) -> Any:
        home = self.issue(issue)
        body = self.members(call, "body visibility properties", "body")
        self.checked_document(body["body"], "comment")
        made = self.make_comment(home["id"], body, actor=call.actor)
        self.touch(home["id"])
        self.tell_comment("comment_created", made, home)
        return Reply(self.shown_comment(made), 201)

    @route("PUT", "/rest/api/3/issue/<issue>/comment/<id>", query="notifyUsers overrideEditableFlag expand")
    def change_comment(self, call: Call, issue: str, id: str) -> Any:
        comment = self._comment(issue, id)
        body = self.members(call, "body visibility properties", "body")
        comment |= {"body": self.checked_document(body["body"], "comment"), "updated": self.moment()}
        self.world.put("comment", id, comment)
        self.touch(comment["issue"])
        self.tell_comment("comment_updated", comment, self.issue(issue))
        return self.shown_comment(comment)

    @route("DELETE", "/rest/api/3/issue/<issue>/comment/<id>")
    def drop_comment(self, call: Call, issue: str, id: str) -> Any:
        comment = self._comment(issue, id)
        self.world.drop("comment", id)
        self.touch(comment["issue"])
        self.tell_comment("comment_deleted", comment, self.issue(issue))
        return Reply(None, 204)

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        people = {one[0]: one[1] for one in seed.USERS if one[3] == "atlassian"}
        return (
            Sheet(
                "issue",
                "Issues",
                (
                    SheetField("key", "Key", "show"),
                    SheetField("summary", "Summary"),
                    SheetField("description", "Description", "area"),
                    SheetField("status", "Status", "choice", {one[0]: one[1] for one in seed.STATUSES}),
                    SheetField("priority", "Priority", "choice", dict(seed.PRIORITIES)),
                    SheetField("assignee", "Assignee", "choice", {"": "nobody", **people}),
                    SheetField("labels", "Labels", "tags"),
                    SheetField("duedate", "Due", "date"),
                ),
                title="summary",
            ),
            Sheet(
                "comment",
                "Comments",
                (SheetField("issue", "Issue id"), SheetField("text", "Text", "area")),
                "text",
            ),
            Sheet(
                "version",
                "Versions",
                (SheetField("name", "Name"), SheetField("releaseDate", "Release", "date")),
            ),
            Sheet("sprint", "Sprints", (SheetField("name", "Name"), SheetField("goal", "Goal"))),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        actor = actor or seed.ANN
        with self.world.lock:
            match kind:
                case "issue":
                    return self._edit_issue(id, values, actor)
                case "comment":
                    return self._edit_comment(id, values, actor)
                case "version":
                    return str(
                        self.put_version(self.part(kind, id or ""), values, "jira:version_updated")["id"]
                    )
            return str(self.put_sprint(self.part(kind, id or ""), values, "sprint_updated")["id"])

    def _edit_issue(self, id: str | None, values: Mapping[str, Any], actor: str) -> str:
        fields = {name: value for name, value in values.items() if name != "key"}
        if isinstance(fields.get("description"), str):
            lines = fields["description"].split("\n\n")
            fields["description"] = seed.doc(*lines) if fields["description"] else None
        for name in ("duedate", "assignee"):
            if name in fields:
                fields[name] = fields[name] or None
        if id is None:
            issue = self.make_issue({"issuetype": seed.TASK, **fields}, actor=actor)
            self.tell("jira:issue_created", issue, actor=actor, issue_event_type_name="issue_created")
            return str(issue["id"])
        return str(self.change_issue(self.issue(id), fields, actor=actor)["id"])

    def _edit_comment(self, id: str | None, values: Mapping[str, Any], actor: str) -> str:
        body = values.get("body") or seed.doc(str(values.get("text") or ""))
        if id is None:
            home = self.issue(str(values["issue"]))
            made = self.make_comment(home["id"], {**values, "body": body}, actor=actor)
            self.touch(home["id"])
            self.tell_comment("comment_created", made, home)
            return str(made["id"])
        comment = self.world.get("comment", id) or {}
        comment |= {"body": body, "updated": self.moment()}
        self.world.put("comment", id, comment)
        self.touch(comment["issue"])
        self.tell_comment("comment_updated", comment, self.issue(comment["issue"]))
        return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        with self.world.lock:
            if kind == "issue":
                self.drop_issue(self.issue(id), actor=actor or seed.ANN)
            elif kind == "comment" and (comment := self.world.get("comment", id)):
                self.world.drop("comment", id)
                self.touch(comment["issue"])
                self.tell_comment("comment_deleted", comment, self.issue(comment["issue"]))
            elif kind in ("version", "sprint"):
                self.world.drop(kind, id)

    def reads_by_post(self, entry: Logged) -> bool:
        """Searches and batches are POSTs that change nothing."""
        return entry.path in (
            "/rest/api/3/search/jql",
            "/rest/api/3/issue/bulkfetch",
            "/rest/api/3/comment/list",
        )

    # --- the contract --------------------------------------------------------------------------------------------

    def contract_fixture(self) -> ContractFixture:
        text = seed.doc("First line.", "Second paragraph.")
        return ContractFixture(
            base_url="{root}",
            settings={"project": "WEB", "board_id": seed.BOARD},
            secrets={"email": seed.EMAIL, "api_token": seed.API_TOKEN},
            samples={
                "issue": {
                    "fields.summary": "Print the delivery note",
                    "fields.description": text,
                    "fields.priority.name": "High",
                    "fields.labels": ["shop"],
                    "fields.duedate": "2026-12-24",
                    "hub.assignees": [seed.BEN],
                    "hub.start_on": "2026-12-01",
                    "hub.estimate": 2,
                    "hub.milestone": "version/10201",
                },
                "comment": {"body": text, "hub.author": "Dora from the hub"},
                "milestone": {"name": "2.0", "hub.kind": "version", "hub.due_on": "2027-03-01"},
                "component": {"name": "Imprint", "description": "Legal pages"},
            },
            edits={
                "issue": {"fields.summary": "Print the invoice", "fields.labels": ["invoice", "shop"]},
                "comment": {"body": seed.doc("Quite different.")},
                "milestone": {"name": "2.0 LTS", "hub.state": "closed"},
                "component": {"name": "Imprint and terms"},
                "project": {"name": "Website relaunch 2027"},
            },
            kinds={"issue": "issue"},
        )


def _sealed(reached: int, jql: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([reached, jql])).decode()


def _opened(token: Any) -> tuple[int, str]:
    try:
        reached, jql = orjson.loads(base64.urlsafe_b64decode(str(token)))
        return int(reached), str(jql)
    except (ValueError, binascii.Error):
        raise errors(400, "The provided next page token is invalid.") from None


VENDOR = Jira
