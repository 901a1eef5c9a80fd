"""What the Jira stand-in remembers, how records look over the wire, and what it tells its webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import jira_seed as seed

_JQL = re.compile(
    r'project = (?P<project>\d+|[A-Z][A-Z0-9_]+|"[^"]+")'
    r'(?: AND updated >= "(?P<since>\d{4}-\d{2}-\d{2} \d{2}:\d{2})")?'
    r" ORDER BY (?P<order>key ASC|key DESC|updated ASC, key ASC)"
)
_NODES = frozenset(
    [
        "doc",
        "paragraph",
        "text",
        "heading",
        "bulletList",
        "orderedList",
        "listItem",
        "codeBlock",
        "blockquote",
        "rule",
        "hardBreak",
        "panel",
        "mention",
        "table",
        "tableRow",
        "tableHeader",
        "tableCell",
        "taskList",
        "taskItem",
        "inlineCard",
        "emoji",
        "mediaSingle",
        "media",
    ]
)
_MARKS = frozenset(["strong", "em", "code", "strike", "link", "underline", "subsup", "textColor"])
EMPTY_ISSUE: Mapping[str, Any] = {
    "description": None, "priority": "3", "assignee": None, "labels": [], "components": [], "fixVersions": [],
    "duedate": None, "parent": None, "status": seed.TO_DO, "resolution": None, "resolutiondate": None,
    "environment": None, seed.START_FIELD: None, seed.POINTS_FIELD: None, seed.SPRINT_FIELD: [], seed.TEAM_FIELD: None,
}  # fmt: skip


def errors(status: int, *messages: str, **fields: str) -> Refusal:
    """Jira's way of refusing: messages, and words per field."""
    body = {"errorMessages": list(messages), "errors": fields}
    return Refusal(status, " ".join([*messages, *fields.values()]), body=body)


def no_issue() -> Refusal:
    return errors(404, "Issue does not exist or you do not have permission to see it.")


class JiraState(Vendor):
    slug = "jira"

    # --- the seed ------------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, name, email, kind, active in seed.USERS:
            self.world.put(
                "user", id, {"id": id, "name": name, "email": email, "type": kind, "active": active}
            )
        for id, key, name, text in seed.PROJECTS:
            head = seed.ANN if id == seed.PROJECT else None
            self.world.put(
                "project", id, {"id": id, "key": key, "name": name, "description": text, "lead": head}
            )
        for id, name, chief in seed.COMPONENTS:
            self.world.put("component", id, {"id": id, "name": name, "description": "", "lead": chief})
        for id, name, released, start, release in seed.VERSIONS:
            row = {"id": id, "name": name, "description": "", "released": released, "archived": False}
            self.world.put("version", id, {**row, "startDate": start, "releaseDate": release})
        for number, name, state, begin, end, goal in seed.SPRINTS:
            row = {
                "id": number,
                "name": name,
                "state": state,
                "goal": goal,
                "startDate": begin,
                "endDate": end,
            }
            self.world.put("sprint", number, row)
        made: list[Document] = []
        for given in seed.issues():
            parent = given.pop("parent", None)
            fields = {**given, "parent": made[parent]["id"] if parent is not None else None}
            made.append(self.make_issue(fields, actor=seed.ANN, at=seed.START))
        for place, author, text in seed.COMMENTS:
            self.make_comment(made[place]["id"], {"body": seed.doc(text)}, actor=author, at=seed.START)
        for summary in seed.OTHER_ISSUES:
            fields = {"summary": summary, "issuetype": seed.TASK}
            self.make_issue(fields, project=seed.OTHER_PROJECT, actor=seed.BEN, at=seed.START)

    # --- making and changing -------------------------------------------------------------------------------------

    def moment(self) -> str:
        return self.now().isoformat(timespec="milliseconds")

    def make_issue(
        self,
        fields: Mapping[str, Any],
        *,
        actor: str,
        project: str = "",
        properties: Mapping[str, Any] | None = None,
        at: str = "",
    ) -> Document:
        at, project = at or self.moment(), project or seed.PROJECT
        home = self.world.get("project", project) or {}
        number = self.world.next_number(f"issue {project}")
        id = str(self.world.next_number("issue", 10300))
        issue: Document = {
            "id": id,
            "key": f"{home['key']}-{number}",
            "number": number,
            "project": project,
            "fields": {**EMPTY_ISSUE, "reporter": actor, **fields, "created": at, "updated": at},
            "properties": dict(properties or {}),
        }
        if issue["fields"]["resolution"]:
            issue["fields"]["resolutiondate"] = at
        self.world.put("issue", id, issue)
        return issue

    def change_issue(self, issue: Document, fields: Mapping[str, Any], *, actor: str) -> Document:
        """Puts the fields, moves ``updated`` on and tells the webhooks what changed."""
        before = issue["fields"]
        changed = {name: value for name, value in fields.items() if before.get(name) != value}
        if not changed:
            return issue
        after = {**issue, "fields": {**before, **changed, "updated": self.moment()}}
        self.world.put("issue", issue["id"], after)
        items = [
            {"field": name, "fieldId": name, "fieldtype": "jira", "from": None, "fromString": None, "to": None,
             "toString": str(value)[:200]}
            for name, value in changed.items()
        ]  # fmt: skip
        log = {"id": str(self.world.next_number("changelog", 10500)), "items": items}
        self.tell(
            "jira:issue_updated", after, actor=actor, changelog=log, issue_event_type_name="issue_generic"
        )
        return after

    def make_comment(self, issue_id: str, given: Mapping[str, Any], *, actor: str, at: str = "") -> Document:
        at = at or self.moment()
        id = str(self.world.next_number("comment", 10700))
        comment = {
            "id": id,
            "issue": issue_id,
            "author": actor,
            "body": given["body"],
            "created": at,
            "updated": at,
            "visibility": given.get("visibility"),
            "properties": list(given.get("properties") or []),
        }
        self.world.put("comment", id, comment)
        return comment

    def touch(self, issue_id: str) -> None:
        issue = self.world.get("issue", issue_id)
        if issue is not None:
            issue["fields"]["updated"] = self.moment()
            self.world.put("issue", issue_id, issue)

    def drop_issue(self, issue: Document, *, actor: str) -> None:
        for comment in self.world.where("comment", lambda one: one["issue"] == issue["id"]):
            self.world.drop("comment", comment["id"])
            self.tell_comment("comment_deleted", comment, issue, flow="Secondary")
        self.world.drop("issue", issue["id"])
        self.tell("jira:issue_deleted", issue, actor=actor)

    # --- finding -------------------------------------------------------------------------------------------------

    def issue(self, id_or_key: str) -> Document:
        found = self.world.get("issue", id_or_key)
        if found is None:
            rows = self.world.where("issue", lambda one: one["key"] == id_or_key.upper())
            found = self.world.get("issue", rows[0]["id"]) if rows else None
        if found is None or found["project"] in self.hidden_projects():
            raise no_issue()
        return found

    def hidden_projects(self) -> list[str]:
        """Projects that a test took out of the account's sight."""
        return [str(one) for one in self.trouble.knobs.extra.get("hidden_projects", [])]

    def project(self, id_or_key: str) -> Document:
        for row in self.world.all("project"):
            if id_or_key in (row["id"], row["key"]) and row["id"] not in self.hidden_projects():
                return dict(row)
        raise errors(404, f"No project could be found with key '{id_or_key}'.")

    def matching(self, jql: str, sure_of: Iterable[int]) -> list[Document]:
        """The issues of a query, in its order. Only the forms the hub sends are known; lagging, as search does."""
        query = _JQL.fullmatch(jql)
        if query is None:
            raise errors(400, f"Error in the JQL Query: {jql[:200]}")
        wanted = query["project"].strip('"')
        try:
            home = self.project(wanted)["id"]
        except Refusal:
            raise errors(400, f"The value '{wanted}' does not exist for the field 'project'.") from None
        rows = self.world.where("issue", lambda one: one["project"] == home)
        if query["since"]:
            edge = datetime.strptime(query["since"], "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(seed.ZONE))
            rows = [one for one in rows if datetime.fromisoformat(one["fields"]["updated"]) >= edge]
        flat = [{**one, "updated": one["fields"]["updated"]} for one in rows]
        certain = {str(one) for one in sure_of}
        seen = {one["id"] for one in self.visible(flat, "updated")} | certain
        rows = [one for one in rows if one["id"] in seen]
        if query["order"].startswith("updated"):
            return sorted(rows, key=lambda one: (one["fields"]["updated"], one["number"]))
        return sorted(rows, key=lambda one: one["number"], reverse=query["order"].endswith("DESC"))

    # --- shapes --------------------------------------------------------------------------------------------------

    @property
    def root(self) -> str:
        return str(self.trouble.knobs.extra.get("root") or "https://relaunch.atlassian.net")

    def shown_user(self, id: str | None) -> dict[str, Any] | None:
        user = self.world.get("user", id or "")
        if user is None:
            return None
        shown = {
            "self": f"{self.root}/rest/api/3/user?accountId={user['id']}",
            "accountId": user["id"],
            "accountType": user["type"],
            "displayName": user["name"],
            "active": user["active"],
            "timeZone": seed.ZONE,
        }
        return {**shown, "emailAddress": user["email"]} if user["email"] else shown

    def shown_status(self, id: str) -> dict[str, Any]:
        _, name, category = next(one for one in seed.STATUSES if one[0] == id)
        number, title, colour = seed.CATEGORIES[category]
        return {
            "self": f"{self.root}/rest/api/3/status/{id}",
            "id": id,
            "name": name,
            "statusCategory": {
                "self": f"{self.root}/rest/api/3/statuscategory/{number}",
                "id": number,
                "key": category,
                "colorName": colour,
                "name": title,
            },
        }

    def shown_type(self, id: str) -> dict[str, Any]:
        _, name, level = next(one for one in seed.TYPES if one[0] == id)
        address = f"{self.root}/rest/api/3/issuetype/{id}"
        return {"self": address, "id": id, "name": name, "subtask": level < 0, "hierarchyLevel": level}

    def shown_fields(self, issue: Document, wanted: Iterable[str] | None) -> dict[str, Any]:
        raw, home = issue["fields"], self.world.get("project", issue["project"]) or {}
        shown: dict[str, Any] = {
            **{name: raw[name] for name in ("summary", "description", "duedate", "environment")},
            "labels": sorted(raw["labels"]),
            **{name: raw[name] for name in (seed.START_FIELD, seed.POINTS_FIELD, seed.TEAM_FIELD)},
            "status": self.shown_status(raw["status"]),
            "priority": _named(seed.PRIORITIES, raw["priority"]),
            "assignee": self.shown_user(raw["assignee"]),
            "reporter": self.shown_user(raw["reporter"]),
            "components": [
                {"id": one, "name": (self.world.get("component", one) or {}).get("name")}
                for one in raw["components"]
            ],
            "fixVersions": [
                {"id": one, "name": (self.world.get("version", one) or {}).get("name")}
                for one in raw["fixVersions"]
            ],
            "issuetype": self.shown_type(raw["issuetype"]),
            "project": {"id": home.get("id"), "key": home.get("key"), "name": home.get("name")},
            "resolution": _named(seed.RESOLUTIONS, raw["resolution"]),
            "resolutiondate": local_time(raw["resolutiondate"]),
            "created": local_time(raw["created"]),
            "updated": local_time(raw["updated"]),
            seed.SPRINT_FIELD: [
                {name: sprint[name] for name in ("id", "name", "state")}
                for one in raw[seed.SPRINT_FIELD]
                if (sprint := self.world.get("sprint", one))
            ]
            or None,
        }
        parent = self.world.get("issue", raw["parent"] or "")
        if parent is not None:  # left out where there is none
            shown["parent"] = {"id": parent["id"], "key": parent["key"]}
        names = set(wanted) if wanted is not None else None
        return {name: value for name, value in shown.items() if names is None or name in names}

    def shown_issue(
        self, issue: Document, wanted: Iterable[str] | None = None, properties: Iterable[str] = ()
    ) -> dict[str, Any]:
        shown = {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": issue["id"],
            "self": f"{self.root}/rest/api/3/issue/{issue['id']}",
            "key": issue["key"],
            "fields": self.shown_fields(issue, wanted),
        }
        if properties:
            held = issue["properties"]
            shown["properties"] = {name: held[name] for name in properties if name in held}
        return shown

    def shown_comment(self, comment: Document, *, with_properties: bool = False) -> dict[str, Any]:
        shown = {
            "self": f"{self.root}/rest/api/3/issue/{comment['issue']}/comment/{comment['id']}",
            "id": comment["id"],
            "author": self.shown_user(comment["author"]),
            "body": comment["body"],
            "updateAuthor": self.shown_user(comment["author"]),
            "created": local_time(comment["created"]),
            "updated": local_time(comment["updated"]),
            "jsdPublic": True,
        }
        if comment["visibility"]:
            shown["visibility"] = comment["visibility"]
        if with_properties:
            shown["properties"] = comment["properties"]
        return shown

    # --- texts ---------------------------------------------------------------------------------------------------

    def checked_document(self, value: Any, field: str) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict) or value.get("type") != "doc" or value.get("version") != 1:
            raise errors(
                400,
                **{
                    field: "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
                },
            )
        self._check_node(value, field)
        return value

    def _check_node(self, node: Any, field: str) -> None:
        is_known = isinstance(node, dict) and node.get("type") in _NODES
        marks = node.get("marks", []) if is_known else []
        if not is_known or (node["type"] == "text" and not node.get("text")):
            raise errors(400, **{field: "INVALID_INPUT"})
        if any(mark.get("type") not in _MARKS for mark in marks):
            raise errors(400, **{field: "INVALID_INPUT"})
        for child in node.get("content", []):
            self._check_node(child, field)

    # --- webhooks ------------------------------------------------------------------------------------------------

    def tell(self, event: str, issue: Document, *, actor: str = "", **more: Any) -> None:
        """In webhooks texts are plain, and people come without e-mail."""
        shown = self.shown_issue(issue)
        shown["fields"]["description"] = plain_text(shown["fields"]["description"])
        who = {
            name: value for name, value in (self.shown_user(actor) or {}).items() if name != "emailAddress"
        }
        self.emit(event, {**self._envelope(event), "user": who, "issue": shown, **more})

    def tell_comment(self, event: str, comment: Document, issue: Document, *, flow: str = "Primary") -> None:
        thin = {"summary", "issuetype", "project", "assignee", "priority", "status"}
        shown = {**self.shown_comment(comment), "body": plain_text(comment["body"])}
        self._flow = flow
        self.emit(event, {**self._envelope(event), "comment": shown, "issue": self.shown_issue(issue, thin)})
        self._flow = "Primary"

    def tell_of(self, event: str, kind: str, shown: Mapping[str, Any]) -> None:
        self.emit(event, {**self._envelope(event), kind: dict(shown)})

    def _envelope(self, event: str) -> dict[str, Any]:
        return {"timestamp": int(self.now().timestamp() * 1000), "webhookEvent": event}

    _flow = "Primary"

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        rows = [*self.world.all("admin_webhook"), *self.world.all("app_webhook")]
        return [one for one in rows if event in one["events"] and one.get("enabled", True)]

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        headers = {
            "X-Atlassian-Webhook-Identifier": hashlib.sha256(
                body + str(subscription["url"]).encode()
            ).hexdigest()[:40],
            "X-Atlassian-Webhook-Flow": self._flow,
        }
        if "secret" in subscription:
            digest = hmac.new(str(subscription["secret"]).encode(), body, hashlib.sha256).hexdigest()
            return {**headers, "X-Hub-Signature": f"sha256={digest}"}
        return {**headers, "Authorization": f"Bearer {app_token(int(self.now().timestamp()))}"}


def app_token(now: int) -> str:
    """The JWT that app webhooks bear, signed with the app's secret."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iss": "jira", "iat": now, "exp": now + 180}]
    text = ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in parts)
    raw = hmac.new(seed.CLIENT_SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def local_time(moment: str | None) -> str | None:
    """``2026-01-02T03:04:05.678+0100``: in the account's zone, the offset without colon."""
    if moment is None:
        return None
    at = datetime.fromisoformat(moment).astimezone(ZoneInfo(seed.ZONE))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}{at:%z}"


def plain_text(document: Any) -> str | None:
    if not isinstance(document, dict):
        return None
    if document.get("type") == "text":
        return str(document.get("text", ""))
    inner = [plain_text(node) or "" for node in document.get("content", [])]
    return ("\n\n" if document.get("type") == "doc" else "").join(inner)


def _named(pairs: Iterable[tuple[str, str]], id: str | None) -> dict[str, str] | None:
    return next(({"id": one, "name": name} for one, name in pairs if one == id), None)
