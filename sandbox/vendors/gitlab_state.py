"""What happens inside the GitLab stand-in when something changes: the rules, the shapes, and the webhooks that follow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import gitlab_seed as seed

MAX_TITLE, MAX_TEXT = 255, 1_048_576
_COMMANDS = re.compile(
    r"^/(close|reopen|title|label|unlabel|assign|unassign|milestone|due|confidential|duplicate)\b.*$"
)
_FENCE = re.compile(r"^ {0,3}(```|~~~)")


def invalid(field: str, words: str) -> Refusal:
    """A value that the record refuses: 400 with the field's name above the words."""
    return Refusal(400, f"{field} {words}", code="invalid", field=field, body={"message": {field: [words]}})


def malformed(words: str) -> Refusal:
    """A parameter that the API refuses before looking at the record."""
    return Refusal(400, words, code="malformed", body={"error": words})


def missing(what: str) -> Refusal:
    return Refusal(404, f"404 {what} Not Found")


class GitLabState(Vendor):
    """Changes to issues, epics, notes, milestones and labels, told to the registered webhooks."""

    root = "http://127.0.0.1:8765/gitlab"

    @property
    def is_premium(self) -> bool:
        return bool(self.trouble.knobs.extra.get("premium", True))

    # --- values --------------------------------------------------------------------------------------------------

    def title(self, value: Any) -> str:
        if not isinstance(value, str):
            raise malformed("title is invalid")
        text = value.strip() if self.trouble.knobs.is_normalising else value
        if not text:
            raise invalid("title", "can't be blank")
        if len(text) > MAX_TITLE:
            raise invalid("title", f"is too long (maximum is {MAX_TITLE} characters)")
        return text

    def text(self, value: Any, name: str = "description") -> str:
        if value is not None and not isinstance(value, str):
            raise malformed(f"{name} is invalid")
        if len(value or "") > MAX_TEXT:
            raise invalid(name, f"is too long (maximum is {MAX_TEXT} characters)")
        return value or ""

    def without_commands(self, text: str) -> tuple[str, list[str]]:
        """The text without its quick actions, and their names; code blocks are left alone."""
        kept, commands, in_code = [], [], False
        for line in text.split("\n"):
            if _FENCE.match(line):
                in_code = not in_code
            found = None if in_code else _COMMANDS.match(line)
            if found:
                commands.append(found.group(1))
            else:
                kept.append(line)
        return "\n".join(kept).strip() if commands else text, commands

    def day(self, value: Any, name: str) -> str | None:
        if value in (None, ""):
            return None
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            raise malformed(f"{name} is invalid") from None

    def people(self, value: Any) -> list[int]:
        """Ids of members; 0 and nothing mean nobody, strangers are left out, without Premium only the first stays."""
        if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
            raise malformed("assignee_ids is invalid")
        found = [one for one in dict.fromkeys(value) if self.world.get("user", one)]
        return found if self.is_premium else found[:1]

    def label_ids(self, value: Any, name: str = "labels") -> list[int]:
        """Ids of labels by their names; new ones are made on the fly."""
        names = value if isinstance(value, list) else str(value or "").split(",")
        wanted = [str(one).strip() for one in names if str(one).strip()]
        return [self._label_id(one) for one in dict.fromkeys(wanted)]

    def _label_id(self, name: str) -> int:
        found = next((one for one in self.world.all("label") if one["name"] == name), None)
        return int((found or self.make_label({"name": name, "color": "#6699cc"}))["id"])

    def with_labels(self, present: Iterable[int], added: Iterable[int]) -> list[int]:
        """Labels of one scope (``status::``) shut each other out, with Premium."""
        held = list(present)
        for id in added:
            scope = str((self.world.get("label", id) or {})["name"]).rpartition("::")[0]
            if scope and self.is_premium:
                held = [
                    one
                    for one in held
                    if str((self.world.get("label", one) or {})["name"]).rpartition("::")[0] != scope
                ]
            if id not in held:
                held.append(id)
        return held

    # --- issues and epics ----------------------------------------------------------------------------------------

    def make_issue(self, values: Mapping[str, Any], *, actor: int, at: datetime | None = None) -> Document:
        iid = self.world.next_number("issue")
        issue = self._blank(iid, 80_000 + iid, values, actor, at)
        issue |= {
            "project_id": seed.PROJECT,
            "assignees": [],
            "milestone": None,
            "weight": None,
            "epic": None,
            "due_date": None,
            "confidential": bool(values.get("confidential")),
            "issue_type": values.get("issue_type") or "issue",
            "moved_to_id": None,
        }
        self._apply_issue(
            issue, {name: one for name, one in values.items() if name not in ("title", "description")}
        )
        self._commands(issue, values.get("description"))
        self.keep("issue", issue)
        self.tell_issue("open", issue, actor, {})
        return issue

    def make_epic(self, values: Mapping[str, Any], *, actor: int, at: datetime | None = None) -> Document:
        iid = self.world.next_number("epic")
        epic = self._blank(iid, 7_000 + iid, values, actor, at)
        epic |= {
            "group_id": seed.GROUP,
            "parent": None,
            "confidential": bool(values.get("confidential")),
            **dict.fromkeys(("start_date_fixed", "due_date_fixed")),
            **dict.fromkeys(("start_date_is_fixed", "due_date_is_fixed"), False),
        }
        self._apply_epic(
            epic, {name: one for name, one in values.items() if name not in ("title", "description")}
        )
        self._commands(epic, values.get("description"))
        return self.keep("epic", epic)

    def keep(self, kind: str, row: Document) -> Document:
        """Stores it with its labels' names beside, for the page on which they are edited by hand."""
        return self.world.put(kind, row["iid"], row | {"label_names": self.label_names(row["labels"])})

    def name_labels_again(self) -> None:
        """After a label was renamed."""
        for kind in ("issue", "epic"):
            for row in self.world.all(kind):
                self.keep(kind, dict(row))

    def _blank(
        self, iid: int, id: int, values: Mapping[str, Any], actor: int, at: datetime | None
    ) -> Document:
        now = at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else self.stamp(ms=True)
        text, _ = self.without_commands(self.text(values.get("description")))
        return {
            "id": id,
            "iid": iid,
            "title": self.title(values.get("title")),
            "description": text,
            "state": "opened",
            "labels": self.with_labels([], self.label_ids(values.get("labels"))),
            "author": actor,
            "created_at": now,
            "updated_at": now,
            "closed_at": None,
            "closed_by": None,
        }

    def change_issue(
        self, issue: Document, values: Mapping[str, Any], *, actor: int, kind: str = "issue"
    ) -> Document:
        """Changes what ``values`` names; nothing changed means nothing told."""
        before = dict(issue)
        if "title" in values:
            issue["title"] = self.title(values["title"])
        if "description" in values:
            issue["description"], _ = self.without_commands(self.text(values["description"]))
        self._apply_labels(issue, values)
        (self._apply_issue if kind == "issue" else self._apply_epic)(issue, values)
        self._commands(issue, values.get("description"))
        action = self._state(issue, values.get("state_event"), actor)
        if issue == before:
            return issue
        issue["updated_at"] = self.stamp(ms=True)
        self.keep(kind, issue)
        if before["labels"] != issue["labels"]:
            self._note_of_the_system(kind, issue, "changed the labels", actor)
        if kind == "issue":
            self.tell_issue(action or "update", issue, actor, before)
        return issue

    def _apply_labels(self, issue: Document, values: Mapping[str, Any]) -> None:
        if "labels" in values:
            issue["labels"] = self.with_labels([], self.label_ids(values["labels"]))
        if "remove_labels" in values:
            gone = self.label_ids(values["remove_labels"])
            issue["labels"] = [one for one in issue["labels"] if one not in gone]
        if "add_labels" in values:
            issue["labels"] = self.with_labels(issue["labels"], self.label_ids(values["add_labels"]))

    def _apply_issue(self, issue: Document, values: Mapping[str, Any]) -> None:
        if "assignee_ids" in values:
            issue["assignees"] = self.people(values["assignee_ids"] or [])
        if "milestone_id" in values:
            issue["milestone"] = self._known("milestone", values["milestone_id"], "milestone_id")
        if "due_date" in values:
            issue["due_date"] = self.day(values["due_date"], "due_date")
        for name in ("confidential", "discussion_locked", "issue_type"):
            if name in values:
                issue[name] = values[name]
        if "weight" in values and self.is_premium:
            weight = values["weight"]
            if weight is not None and (not isinstance(weight, int) or isinstance(weight, bool)):
                raise malformed("weight is invalid")
            if weight is not None and weight < 0:
                raise invalid("weight", "must be greater than or equal to 0")
            issue["weight"] = weight
        if "epic_id" in values and self.is_premium:
            issue["epic"] = self._epic_iid(values["epic_id"], "epic_id")

    def _apply_epic(self, epic: Document, values: Mapping[str, Any]) -> None:
        for name in ("start_date_fixed", "due_date_fixed"):
            if name in values:
                epic[name] = self.day(values[name], name)
        for name in ("start_date_is_fixed", "due_date_is_fixed", "confidential"):
            if name in values:
                if not isinstance(values[name], bool):
                    raise malformed(f"{name} is invalid")
                epic[name] = values[name]
        if "parent_id" in values:
            parent = self._epic_iid(values["parent_id"], "parent_id")
            if parent == epic["iid"]:
                raise invalid("parent", "cannot be the epic itself")
            epic["parent"] = parent

    def _known(self, kind: str, id: Any, name: str) -> int | None:
        if id in (None, 0, ""):
            return None
        if not isinstance(id, int):
            raise malformed(f"{name} is invalid")
        return id if self.world.get(kind, id) else None

    def _epic_iid(self, id: Any, name: str) -> int | None:
        if id in (None, 0, ""):
            return None
        found = next((one for one in self.world.all("epic") if one["id"] == id), None)
        if found is None:
            raise missing("Epic") if isinstance(id, int) else malformed(f"{name} is invalid")
        return int(found["iid"])

    def _commands(self, issue: Document, text: Any) -> None:
        for command in self.without_commands(text if isinstance(text, str) else "")[1]:
            if command in ("close", "reopen"):
                self._state(issue, command, issue["author"])

    def _state(self, issue: Document, event: Any, actor: int) -> str:
        """The webhook's action, "" where nothing changed; closing what is closed is no fault."""
        if event is None:
            return ""
        if event not in ("close", "reopen"):
            raise malformed("state_event does not have a valid value")
        state = "closed" if event == "close" else "opened"
        if issue["state"] == state:
            return ""
        is_closed = state == "closed"
        issue |= {
            "state": state,
            "closed_at": self.stamp(ms=True) if is_closed else None,
            "closed_by": actor if is_closed else None,
        }
        return str(event)

    # --- notes ---------------------------------------------------------------------------------------------------

    def make_note(self, kind: str, parent: Document, body: str, *, actor: int, **more: Any) -> Document:
        id = 900_000 + self.world.next_number("note")
        now = more.pop("at", None) or self.stamp(ms=True)
        note = {
            "id": id,
            "on": kind,
            "parent": parent["iid"],
            "body": body,
            "author": actor,
            "created_at": now,
            "updated_at": now,
            "system": False,
            "internal": False,
            **more,
        }
        self.world.put("note", id, note)
        self._touch(kind, parent["iid"], now)
        if not note["system"]:
            self.tell_note("create", note, actor)
        return note

    def change_note(self, note: Document, body: str, *, actor: int) -> Document:
        if body == note["body"]:
            return note
        note |= {"body": body, "updated_at": self.stamp(ms=True)}
        self.world.put("note", note["id"], note)
        self._touch(note["on"], note["parent"], note["updated_at"])
        self.tell_note("update", note, actor)
        return note

    def _touch(self, kind: str, iid: int, now: str) -> None:
        parent = self.world.get(kind, iid)
        if parent is not None and now > parent["updated_at"]:
            self.world.put(kind, iid, {**parent, "updated_at": now})

    def _note_of_the_system(self, kind: str, parent: Document, words: str, actor: int) -> None:
        self.make_note(kind, parent, words, actor=actor, system=True)

    # --- labels and milestones -----------------------------------------------------------------------------------

    def make_label(self, values: Mapping[str, Any], *, of_group: bool = False) -> Document:
        name = self.title(values.get("name")).replace("?", "")
        if any(one["name"].casefold() == name.casefold() for one in self.world.all("label")):
            raise Refusal(409, "Label already exists")
        id = 600 + self.world.next_number("label")
        label = {
            "id": id,
            "name": name,
            "color": self.colour_code(values.get("color")),
            "description": values.get("description"),
            "priority": values.get("priority"),
            "of_group": of_group,
        }
        return self.world.put("label", id, label)

    def colour_code(self, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise invalid("color", "must be a valid color code")
        return value

    def make_milestone(self, values: Mapping[str, Any], *, of_group: bool = False) -> Document:
        title = self.title(values.get("title"))
        self.refuse_taken(title, None)
        id = 300 + self.world.next_number("milestone")
        now = self.stamp(ms=True)
        milestone = {
            "id": id,
            "iid": id - 300,
            "title": title,
            "description": self.text(values.get("description")),
            "state": values.get("state") or "active",
            "start_date": self.day(values.get("start_date"), "start_date"),
            "due_date": self.day(values.get("due_date"), "due_date"),
            "created_at": now,
            "updated_at": now,
            "of_group": of_group,
        }
        self._dates_in_order(milestone)
        self.world.put("milestone", id, milestone)
        self.tell_milestone("create", milestone)
        return milestone

    def change_milestone(self, milestone: Document, values: Mapping[str, Any]) -> Document:
        before = dict(milestone)
        if "title" in values:
            milestone["title"] = self.title(values["title"])
            self.refuse_taken(milestone["title"], milestone["id"])
        if "description" in values:
            milestone["description"] = self.text(values["description"])
        for name in ("start_date", "due_date"):
            if name in values:
                milestone[name] = self.day(values[name], name)
        self._dates_in_order(milestone)
        event = values.get("state_event")
        if event not in (None, "close", "activate"):
            raise malformed("state_event does not have a valid value")
        if event:
            milestone["state"] = "closed" if event == "close" else "active"
        if milestone != before:
            milestone["updated_at"] = self.stamp(ms=True)
            self.world.put("milestone", milestone["id"], milestone)
            self.tell_milestone("close" if event == "close" else "update", milestone)
        return milestone

    def refuse_taken(self, title: str, own: int | None) -> None:
        if any(one["title"] == title and one["id"] != own for one in self.world.all("milestone")):
            raise invalid("title", "already being used for another group or project milestone.")

    def _dates_in_order(self, milestone: Mapping[str, Any]) -> None:
        first, last = milestone["start_date"], milestone["due_date"]
        if first and last and first > last:
            raise invalid("due_date", "must be greater than start date")

    # --- shapes --------------------------------------------------------------------------------------------------

    def person(self, id: int | None) -> dict[str, Any] | None:
        user = self.world.get("user", id) if id is not None else None
        if user is None:
            return None
        shown = {name: user[name] for name in ("id", "username", "name", "state")}
        return {
            **shown,
            "avatar_url": f"{self.root}/avatar/{id}.png",
            "web_url": f"{self.root}/{user['username']}",
        }

    def label_names(self, ids: Iterable[int]) -> list[str]:
        return sorted(str(found["name"]) for id in ids if (found := self.world.get("label", id)))

    def shown_milestone(self, row: Mapping[str, Any]) -> dict[str, Any]:
        place = {"group_id": seed.GROUP} if row["of_group"] else {"project_id": seed.PROJECT}
        path = f"groups/{seed.GROUP_PATH}" if row["of_group"] else seed.PROJECT_PATH
        shown = {name: value for name, value in row.items() if name != "of_group"}
        expired = bool(row["due_date"]) and row["due_date"] < self.now().date().isoformat()
        return {
            **shown,
            **place,
            "expired": expired,
            "web_url": f"{self.root}/{path}/-/milestones/{row['iid']}",
        }

    def shown_label(self, row: Mapping[str, Any], *, counts: bool = False) -> dict[str, Any]:
        shown = {name: row[name] for name in ("id", "name", "color", "description", "priority")}
        shown |= {"text_color": "#FFFFFF", "subscribed": False, "is_project_label": not row["of_group"]}
        if counts:
            open = [
                one
                for one in self.world.all("issue")
                if row["id"] in one["labels"] and one["state"] == "opened"
            ]
            shown |= {
                "open_issues_count": len(open),
                "closed_issues_count": 0,
                "open_merge_requests_count": 0,
            }
        return shown

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = (
            "id",
            "iid",
            "title",
            "description",
            "state",
            "created_at",
            "updated_at",
            "closed_at",
            "confidential",
        )
        return {
            **{name: row[name] for name in names},
            "closed_by": self.person(row["closed_by"]),
            "labels": self.label_names(row["labels"]),
            "author": self.person(row["author"]),
            "user_notes_count": sum(1 for one in self.notes_of(row) if not one["system"]),
            "upvotes": 0,
            "downvotes": 0,
        }

    def notes_of(self, row: Mapping[str, Any]) -> list[Document]:
        kind = "epic" if "group_id" in row else "issue"
        return self.world.where("note", lambda one: one["on"] == kind and one["parent"] == row["iid"])

    def shown_issue(self, row: Mapping[str, Any]) -> dict[str, Any]:
        path, milestone = f"{seed.PROJECT_PATH}/-/issues/{row['iid']}", row["milestone"]
        api = f"{self.root}/api/v4/projects/{seed.PROJECT}"
        shown = {
            **self._shown(row),
            "project_id": row["project_id"],
            "assignees": [self.person(id) for id in row["assignees"]],
            "assignee": self.person(row["assignees"][0]) if row["assignees"] else None,
            "milestone": self.shown_milestone(self.world.get("milestone", milestone) or {}) if milestone else None,
            "due_date": row["due_date"],
            "issue_type": row["issue_type"],
            "discussion_locked": row.get("discussion_locked"),
            "moved_to_id": row["moved_to_id"],
            "web_url": f"{self.root}/{path}",
            "references": {"short": f"#{row['iid']}", "relative": f"#{row['iid']}", "full": f"{seed.PROJECT_PATH}#{row['iid']}"},
            "time_stats": {"time_estimate": 0, "total_time_spent": 0, "human_time_estimate": None, "human_total_time_spent": None},
            "task_completion_status": {"count": row["description"].count("- ["), "completed_count": row["description"].count("- [x]")},
            "merge_requests_count": 0,
            "_links": {"self": f"{api}/issues/{row['iid']}", "notes": f"{api}/issues/{row['iid']}/notes", "project": api},
        }  # fmt: skip
        if self.is_premium:
            epic = self.world.get("epic", row["epic"]) if row["epic"] else None
            small = {name: epic[name] for name in ("id", "iid", "title", "group_id")} if epic else None
            if small:
                small["url"] = f"/groups/{seed.GROUP_PATH}/-/epics/{small['iid']}"
            shown |= {"weight": row["weight"], "epic": small, "health_status": None}
        return shown

    def shown_epic(self, row: Mapping[str, Any]) -> dict[str, Any]:
        parent = self.world.get("epic", row["parent"]) if row["parent"] else None
        dates = {name: row[name] for name in row if name.startswith(("start_date", "due_date"))}
        for name in ("start_date", "due_date"):
            dates[name] = row[f"{name}_fixed"] if row[f"{name}_is_fixed"] else None
            dates[f"{name}_from_milestones"] = None
        return {
            **self._shown(row),
            **dates,
            "group_id": row["group_id"],
            "parent_id": parent["id"] if parent else None,
            "parent_iid": parent["iid"] if parent else None,
            "web_url": f"{self.root}/groups/{seed.GROUP_PATH}/-/epics/{row['iid']}",
        }

    def shown_note(self, row: Mapping[str, Any]) -> dict[str, Any]:
        parent = self.world.get(row["on"], row["parent"]) or {}
        shown = {name: row[name] for name in ("id", "body", "created_at", "updated_at", "system", "internal")}
        return {
            **shown,
            "type": None,
            "author": self.person(row["author"]),
            "noteable_id": parent.get("id"),
            "noteable_iid": row["parent"],
            "noteable_type": "Issue" if row["on"] == "issue" else "Epic",
            "resolvable": False,
            "confidential": row["internal"],
        }

    # --- webhooks ------------------------------------------------------------------------------------------------

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        flag = {
            "Issue Hook": "issues_events",
            "Note Hook": "note_events",
            "Milestone Hook": "milestone_events",
        }
        return [one for one in self.world.all("hook") if one.get(flag.get(event, ""))]

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        id = str(uuid.uuid4())
        headers = {
            "X-Gitlab-Event": event,
            "X-Gitlab-Event-UUID": str(uuid.uuid4()),
            "X-Gitlab-Webhook-UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, str(subscription["id"]))),
            "X-Gitlab-Instance": self.root,
            "Idempotency-Key": id,
        }
        if subscription.get("token"):
            headers["X-Gitlab-Token"] = str(subscription["token"])
        if key := subscription.get("signing_token"):
            at = str(int(self.now().timestamp()))
            secret = base64.b64decode(str(key).removeprefix("whsec_"))
            raw = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
            headers |= {
                "webhook-id": id,
                "webhook-timestamp": at,
                "webhook-signature": "v1," + base64.b64encode(raw).decode(),
            }
        return headers

    def _envelope(self, kind: str, attributes: Mapping[str, Any], actor: int | None) -> dict[str, Any]:
        project = self.world.get("project", seed.PROJECT) or {}
        names = ("id", "name", "description", "web_url", "path_with_namespace")
        return {
            "object_kind": kind,
            "event_type": kind,
            "user": self.person(actor) or {},
            "project": {name: project[name] for name in names},
            "object_attributes": dict(attributes),
            "repository": {"name": project["name"], "homepage": project["web_url"]},
        }

    def tell_issue(
        self, action: str, issue: Mapping[str, Any], actor: int, before: Mapping[str, Any]
    ) -> None:
        plain = {
            name: value
            for name, value in issue.items()
            if name not in ("author", "assignees", "milestone", "epic", "labels", "label_names")
        }
        attributes = {
            **plain,
            "author_id": issue["author"],
            "assignee_ids": issue["assignees"],
            "milestone_id": issue["milestone"],
            "url": f"{self.root}/{seed.PROJECT_PATH}/-/issues/{issue['iid']}",
            "action": action,
        }
        payload = self._envelope("issue", attributes, actor)
        payload["assignees"] = [self.person(id) for id in issue["assignees"]]
        payload["labels"] = [
            {"id": id, "title": name}
            for id, name in zip(issue["labels"], self.label_names(issue["labels"]), strict=False)
        ]
        payload["changes"] = {
            name: {"previous": before[name], "current": issue[name]}
            for name in ("title", "description", "labels", "due_date", "updated_at")
            if name in before and before[name] != issue[name]
        }
        self.emit("Issue Hook", payload)

    def tell_note(self, action: str, note: Mapping[str, Any], actor: int) -> None:
        parent = self.world.get(note["on"], note["parent"]) or {}
        shown = self.shown_note(note)
        attributes = {name: value for name, value in shown.items() if name not in ("body", "author")}
        attributes |= {
            "note": note["body"],
            "author_id": note["author"],
            "action": action,
            "project_id": seed.PROJECT,
        }
        payload = self._envelope("note", attributes, actor)
        payload[note["on"]] = {name: parent[name] for name in ("id", "iid", "title", "state")}
        self.emit("Note Hook", payload)

    def tell_milestone(self, action: str, milestone: Mapping[str, Any]) -> None:
        if not milestone["of_group"]:
            self.emit(
                "Milestone Hook",
                self._envelope("milestone", {**self.shown_milestone(milestone), "action": action}, None),
            )
