"""What the Linear stand-in keeps and how it changes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Refusal

from . import linear_seed as seed

CODES = {
    "RATELIMITED": "ratelimited",
    "AUTHENTICATION_ERROR": "authentication error",
    "FORBIDDEN": "forbidden",
    "INPUT_ERROR": "invalid input",
    "GRAPHQL_VALIDATION_FAILED": "graphql error",
    "GRAPHQL_PARSE_FAILED": "graphql error",
}
TYPES = {
    "issue": "Issue",
    "comment": "Comment",
    "label": "IssueLabel",
    "cycle": "Cycle",
    "project": "Project",
}
NAMES = {**TYPES, "user": "User", "team": "Team", "state": "WorkflowState", "webhook": "Webhook"}
MAX_PAGE = 250
_REFERENCES = {
    "teamId": "team",
    "stateId": "state",
    "assigneeId": "user",
    "parentId": "issue",
    "projectId": "project",
    "cycleId": "cycle",
}
_KEPT_AS = {
    "stateId": "state",
    "assigneeId": "assignee",
    "parentId": "parent",
    "projectId": "project",
    "cycleId": "cycle",
}


def not_found(what: str) -> Refusal:
    words = f"Could not find referenced {what}."
    return Refusal(200, words, code="INPUT_ERROR", field=f"Entity not found: {what}")


def invalid(words: str) -> Refusal:
    return Refusal(200, words, code="INPUT_ERROR", field="Argument Validation Error")


class LinearState(Vendor):
    def seed(self) -> None:
        start = _text(seed.START)
        for id, name, key in seed.TEAMS:
            self.world.put("team", id, {"id": id, "name": name, "key": key})
        for place, (name, kind) in enumerate(seed.STATES):
            for team, prefix in ((seed.TEAM, "state"), (seed.OTHER_TEAM, "web-state")):
                id = seed.uid(f"{prefix}-{name}")
                state = {
                    "id": id,
                    "name": name,
                    "type": kind,
                    "position": float(place),
                    "color": "#95a2b3",
                    "team": team,
                }
                self.world.put("state", id, state)
        for id, name, email, active in seed.USERS:
            user: Document = {
                "id": id, "name": name, "displayName": name.split()[0].lower(), "email": email, "active": active,
                "admin": id == seed.ROBOT, "title": None, "timezone": "Europe/Oslo", "createdAt": start, "updatedAt": start,
                "archivedAt": None, "url": f"https://linear.app/tidewise/profiles/{name.split()[0].lower()}",
            }  # fmt: skip
            self.world.put("user", id, user)
        for name, colour, owner in seed.LABELS:
            id = seed.uid(f"label-{name}")
            label = {
                "id": id,
                "name": name,
                "color": colour,
                "isGroup": False,
                "description": None,
                "team": owner,
            }
            self.world.put("label", id, {**label, "createdAt": start, "updatedAt": start})
        for n in range(seed.CYCLES):
            begins = seed.START + timedelta(days=14 * n)
            cycle: Document = {
                "id": seed.uid(f"cycle-{n}"), "number": n + 12, "name": None, "description": None, "startsAt": _text(begins),
                "endsAt": _text(begins + timedelta(days=14)), "completedAt": _text(begins + timedelta(days=14)) if n == 0 else None,
                "team": seed.TEAM, "createdAt": start, "updatedAt": start,
            }  # fmt: skip
            self.world.put("cycle", cycle["id"], cycle)
        project: Document = {
            "id": seed.uid("project-offline"), "name": "Works without a connection", "description": "Tables and maps on the boat",
            "content": "Everything a sailor needs **beyond the breakwater**.", "startDate": "2026-09-07", "targetDate": "2026-12-11",
            "lead": seed.USERS[1][0], "teams": [seed.TEAM], "createdAt": start, "updatedAt": start,
        }  # fmt: skip
        self.world.put("project", project["id"], project)
        for n, row in enumerate(seed.issues()):
            fields = {
                "id": seed.uid(f"issue-{n}"), "teamId": seed.TEAM, "title": row["title"], "description": row["description"],
                "stateId": seed.uid(f"state-{row['state']}"), "priority": row["priority"], "estimate": row["estimate"],
                "assigneeId": row["assignee"], "dueDate": row["due"], "labelIds": [seed.uid(f"label-{one}") for one in row["labels"]],
                "cycleId": seed.uid(f"cycle-{n % 3}") if n % 2 else None,
                "parentId": seed.uid("issue-1") if n == 4 else None,
            }  # fmt: skip
            self.make_issue(fields, actor=seed.USERS[1 + n % 3][0], at=row["at"])
            for k, (author, body) in enumerate(row["remarks"]):
                comment = {"id": seed.uid(f"comment-{n}-{k}"), "issueId": fields["id"], "body": body}
                self.make_comment(comment, actor=author, at=row["at"] + timedelta(hours=k))

    # --- issues and comments -------------------------------------------------------------------------------------

    def make_issue(self, given: Mapping[str, Any], *, actor: str, at: datetime | None = None) -> Document:
        team = self.one("team", given["teamId"])
        number = self.world.next_number(f"issue-{team['id']}")
        first = next(
            one for one in self.world.all("state") if one["team"] == team["id"] and one["type"] == "backlog"
        )
        issue: Document = {
            "id": self.new_id("issue", given), "number": number, "identifier": f"{team['key']}-{number}", "team": team["id"],
            "title": "", "description": None, "priority": 0, "estimate": None, "dueDate": None, "state": first["id"],
            "assignee": None, "parent": None, "project": None, "cycle": None, "labels": [], "creator": actor, "completedAt": None,
            "archivedAt": None, "trashed": None, "createdAt": _text(at) if at else self.stamp(ms=True),
        }  # fmt: skip
        if not given.get("title"):
            raise invalid("title should not be empty")
        self._put(issue, {name: value for name, value in given.items() if name not in ("id", "teamId")})
        return self.keep("issue", issue, "create", actor=actor, at=at)

    def change_issue(self, issue: Document, given: Mapping[str, Any], *, actor: str) -> Document:
        self._put(issue, given)
        return self.keep("issue", issue, "update", actor=actor)

    def _put(self, issue: Document, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if name in _REFERENCES and value is not None:
                self.one(_REFERENCES[name], value)
            match name:
                case "title":
                    issue["title"] = self.text(value, name)
                case "description":
                    issue["description"] = self.text(value, name) if value else None
                case "priority":
                    if value not in range(5):
                        raise invalid("priority must be between 0 and 4")
                    issue["priority"] = value
                case "estimate" | "dueDate":
                    issue[name] = value
                case "labelIds":
                    issue["labels"] = [self.one("label", one)["id"] for one in value or ()]
                case "addedLabelIds":
                    issue["labels"] += [
                        one for one in value if self.one("label", one) and one not in issue["labels"]
                    ]
                case "removedLabelIds":
                    issue["labels"] = [one for one in issue["labels"] if one not in value]
                case _ if name in _KEPT_AS:
                    issue[_KEPT_AS[name]] = value
        state = self.one("state", issue["state"])
        if state["team"] != issue["team"]:
            raise invalid("The state belongs to another team")
        is_done = state["type"] == "completed"
        issue["completedAt"] = (issue["completedAt"] or self.stamp(ms=True)) if is_done else None

    def put_away(self, issue: Document, *, trashed: bool, actor: str) -> Document:
        issue |= {"archivedAt": self.stamp(ms=True), "trashed": trashed or None}
        return self.keep("issue", issue, "remove" if trashed else "update", actor=actor)

    def make_comment(self, given: Mapping[str, Any], *, actor: str, at: datetime | None = None) -> Document:
        issue = self.one("issue", given.get("issueId"))
        if given.get("parentId"):
            self.one("comment", given["parentId"])
        comment = {
            "id": self.new_id("comment", given), "issue": issue["id"], "body": self.text(given.get("body"), "body"),
            "parent": given.get("parentId"), "user": actor, "editedAt": None,
            "createdAt": _text(at) if at else self.stamp(ms=True),
        }  # fmt: skip
        return self.keep("comment", comment, "create", actor=actor, at=at)

    # --- any kind ------------------------------------------------------------------------------------------------

    def one(self, kind: str, id: Any) -> Document:
        found = self.world.get(kind, str(id))
        if found is None:
            raise not_found(NAMES[kind])
        return found

    def new_id(self, kind: str, given: Mapping[str, Any]) -> str:
        """The id of the caller's choosing, which must be a free UUID of version 4, or one of ours."""
        id = given.get("id")
        if id is None:
            return str(uuid.UUID(int=self.world.next_number("id") << 80, version=4))
        try:
            is_good = str(uuid.UUID(id)) == id and uuid.UUID(id).version == 4
        except ValueError:
            is_good = False
        if not is_good:
            raise invalid("id must be a UUID of version 4")
        if self.world.get(kind, id) is not None:
            raise invalid(f"{NAMES[kind]} with this id exists already")
        return str(id)

    def text(self, value: Any, name: str) -> str:
        text = str(value or "")
        if self.trouble.knobs.is_normalising:
            text = text.replace("\r\n", "\n").strip()
        if not text.strip():
            raise invalid(f"{name} should not be empty")
        return text

    def keep(
        self, kind: str, document: Document, action: str, *, actor: str, at: datetime | None = None
    ) -> Document:
        document["updatedAt"] = _text(at) if at else self.stamp(ms=True)
        self.world.put(kind, document["id"], document)
        if at is None:
            self.tell(kind, document, action, actor)
        return document

    def drop(self, kind: str, id: str, *, actor: str) -> Document:
        document = self.one(kind, id)
        self.world.drop(kind, id)
        if kind == "label":
            for issue in self.world.all("issue"):
                if id in issue["labels"]:
                    self.world.put(
                        "issue",
                        issue["id"],
                        {**issue, "labels": [one for one in issue["labels"] if one != id]},
                    )
        self.tell(kind, document, "remove", actor)
        return {"success": True, "lastSyncId": 1, "entityId": id}

    def done(self, kind: str, document: Document) -> Document:
        name = "issueLabel" if kind == "label" else kind
        return {"success": True, "lastSyncId": 1, name: self.shown(kind, document["id"])}

    def tell(self, kind: str, document: Document, action: str, actor: str) -> None:
        data: Document = {
            "id": document["id"],
            "createdAt": document["createdAt"],
            "updatedAt": document["updatedAt"],
        }
        if kind == "comment":
            data |= {"issueId": document["issue"], "body": document["body"]}
        payload = {
            "action": action,
            "type": TYPES[kind],
            "actor": {"id": actor, "type": "user"},
            "createdAt": self.stamp(ms=True),
            "data": data,
            "organizationId": seed.ORGANIZATION["id"],
            "webhookTimestamp": int(self.now().timestamp() * 1000),
        }
        self.emit(TYPES[kind], lambda hook: {**payload, "webhookId": hook["id"]})

    # --- answers -------------------------------------------------------------------------------------------------

    def shown(self, kind: str, id: Any) -> Document:
        """A record with what it refers to; references are followed only as far as they are asked for."""
        document = self.one(kind, id)
        later = {"archivedAt": document.get("archivedAt"), "trashed": document.get("trashed")}

        def linked(name: str, target: str) -> Any:
            return lambda: self.shown(target, document[name]) if document.get(name) else None

        match kind:
            case "issue":
                links = {
                    name: linked(name, target)
                    for name, target in {
                        "state": "state", "team": "team", "assignee": "user", "creator": "user", "parent": "issue",
                        "project": "project", "cycle": "cycle",
                    }.items()
                }  # fmt: skip
                url = f"https://linear.app/tidewise/issue/{document['identifier']}"
                labels = [self.one("label", one) for one in document["labels"]]
                links["labels"] = lambda first=None, after=None: self.page_of(
                    "label", labels, first=first, after=after
                )
                return {**document, **later, **links, "url": url}
            case "comment":
                issue = self.one("issue", document["issue"])
                url = f"https://linear.app/tidewise/issue/{issue['identifier']}#comment-{document['id'][:8]}"
                links = {
                    "issue": linked("issue", "issue"),
                    "parent": linked("parent", "comment"),
                    "user": linked("user", "user"),
                }
                return {**document, **later, **links, "url": url}
            case "project":
                status = {"id": seed.uid("status-started"), "name": "In Progress", "type": "started"}
                url = f"https://linear.app/tidewise/project/{document['id'][:8]}"
                return {**document, **later, "lead": linked("lead", "user"), "status": status, "url": url}
            case "team":
                states = [one for one in self.world.all("state") if one["team"] == document["id"]]
                return {
                    **document,
                    "states": lambda first=None, after=None: self.page_of(
                        "state", states, first=first, after=after
                    ),
                }
            case "label" | "cycle" | "webhook":
                return {**document, **later, "team": linked("team", "team")}
        return {**document, **later}

    def page_of(
        self,
        kind: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        first: int | None = None,
        after: str | None = None,
        includeArchived: bool | None = None,
        orderBy: str | None = None,
    ) -> Document:
        """A page of a connection; the cursor is the last row's id."""
        size = 50 if first is None else first
        if not 1 <= size <= MAX_PAGE:
            raise invalid(f"first must be between 1 and {MAX_PAGE}")
        listed = [one for one in rows if includeArchived or not one.get("archivedAt")]
        if orderBy:
            listed.sort(key=lambda one: (str(one[orderBy]), str(one["id"])), reverse=True)
        start = 0
        if after is not None:
            places = [place for place, one in enumerate(listed) if one["id"] == after]
            if not places:
                raise invalid("after is no cursor of this listing")
            start = places[0] + 1
        page = listed[start : start + size]
        more = start + size < len(listed)
        info = {
            "hasNextPage": more,
            "hasPreviousPage": start > 0,
            "startCursor": page[0]["id"] if page else None,
            "endCursor": page[-1]["id"] if page else None,
        }
        return {"nodes": [self.shown(kind, one["id"]) for one in page], "pageInfo": info}

    def listed(self, kind: str, *, filter: Mapping[str, Any] | None = None, **page: Any) -> Document:
        rows = [one for one in self.world.all(kind) if self._fits(kind, one, filter or {})]
        return self.page_of(kind, self.visible(rows, "updatedAt"), **page)

    def _fits(self, kind: str, row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        return all(self._fits_one(kind, row, name, test) for name, test in wanted.items() if test is not None)

    def _fits_one(self, kind: str, row: Mapping[str, Any], name: str, test: Any) -> bool:
        match name:
            case "and":
                return all(self._fits(kind, row, one) for one in test)
            case "or":
                return any(self._fits(kind, row, one) for one in test)
            case "updatedAt":
                moment = datetime.fromisoformat(row["updatedAt"])
                return moment >= datetime.fromisoformat(test["gte"]) if "gte" in test else True
            case "team" if test.get("null"):
                return row.get("team") is None
            case "team":
                return _is(row.get("team"), test["id"])
            case "issue":
                return self._fits("issue", self.one("issue", row["issue"]), test)
            case "accessibleTeams":
                return any(_is(team, test["some"]["id"]) for team in row["teams"])
        return _is(row.get(name), test)

    # --- the hand-editing page -----------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        states = {one["id"]: one["name"] for one in self.world.all("state") if one["team"] == seed.TEAM}
        people = {"": "(nobody)", **{one["id"]: one["name"] for one in self.world.all("user")}}
        issue = (
            SheetField("title", "Title"),
            SheetField("state", "State", "choice", states),
            SheetField("assignee", "Assignee", "choice", people),
            SheetField(
                "priority",
                "Priority",
                "choice",
                {"0": "None", "1": "Urgent", "2": "High", "3": "Medium", "4": "Low"},
            ),
            SheetField("dueDate", "Due date", "date"),
            SheetField("description", "Description", "area"),
        )
        comment = (SheetField("issue", "Issue"), SheetField("body", "Text", "area"))
        return (
            Sheet("issue", "Issues", issue, title="title"),
            Sheet("comment", "Comments", comment, title="body"),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        actor = actor or seed.USERS[1][0]
        with self.world.lock:
            if kind == "comment":
                if id is None:
                    given = {"issueId": values["issue"], "body": values["body"]}
                    return str(self.make_comment(given, actor=actor)["id"])
                comment = {**self.one("comment", id), "body": self.text(values.get("body"), "body")}
                return str(self.keep("comment", comment, "update", actor=actor)["id"])
            names = {kept: name for name, kept in _KEPT_AS.items()}
            given = {names.get(name, name): value or None for name, value in values.items()}
            if "priority" in given:
                given["priority"] = int(given["priority"] or 0)
            if id is None:
                return str(self.make_issue({**given, "teamId": seed.TEAM}, actor=actor)["id"])
            return str(self.change_issue(self.one("issue", id), given, actor=actor)["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        actor = actor or seed.USERS[1][0]
        with self.world.lock:
            if kind == "issue":
                self.put_away(self.one("issue", id), trashed=True, actor=actor)
            else:
                self.drop(kind, id, actor=actor)


def _is(value: Any, test: Mapping[str, Any]) -> bool:
    return value == test["eq"] if "eq" in test else value in test.get("in", ())


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
