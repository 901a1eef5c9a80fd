"""What happens inside the GitHub stand-in when something changes: the rules, and the webhooks that follow."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import orjson

from sandbox.hooks import Delivery
from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import github_seed as seed
from .github_shapes import ROLES, Shapes

MAX_TITLE, MAX_BODY = 256, 65_536
REASONS = ("completed", "not_planned", "duplicate", "reopened")


def unprocessable(
    resource: str, field: str, code: str = "invalid", message: str = "Validation Failed"
) -> Refusal:
    """GitHub's 422 with the field it is about."""
    body = {
        "message": message,
        "errors": [{"resource": resource, "field": field, "code": code}],
        "documentation_url": "https://docs.github.com/rest",
        "status": "422",
    }
    return Refusal(422, message, code=code, field=field, body=body)


class GitHubState(Vendor):
    """Changes to issues, comments, labels and milestones, told to the registered webhooks."""

    root = "http://127.0.0.1:8765/github"

    @property
    def shapes(self) -> Shapes:
        return Shapes(self.world, self.root)

    def repo(self) -> Document:
        return self.world.get("repository", seed.REPO_ID) or {}

    @property
    def full_name(self) -> str:
        return str(self.repo()["full_name"])

    # --- issues ------------------------------------------------------------------------------------------------

    def make_issue(self, values: Mapping[str, Any], actor: int, *, may_triage: bool = True) -> Document:
        """A new issue. Without the right to triage all but title and body is dropped, silently, as GitHub does."""
        now = self.stamp()
        number = self.world.next_number("issue")
        issue: Document = {
            "id": 500_000 + number,
            "number": number,
            "repo": seed.REPO_ID,
            "title": self._title(values.get("title")),
            "body": self._body(values.get("body"), "Issue"),
            "state": "open",
            "state_reason": None,
            "labels": [],
            "assignees": [],
            "milestone": None,
            "user": actor,
            "is_pull": False,
            "parent": None,
            "created_at": now,
            "updated_at": now,
            "closed_at": None,
            "closed_by": None,
        }
        if may_triage:
            issue["labels"] = [self._label_id(one, makes=True) for one in values.get("labels") or ()]
            issue["assignees"] = self._people(values.get("assignees") or ())
            issue["milestone"] = self._milestone_number(values.get("milestone"))
        self.world.put("issue", number, issue)
        self.tell_issue("opened", issue, actor)
        for id in issue["labels"]:
            self.tell_issue("labeled", issue, actor, label=self._label_shape(id))
        for id in issue["assignees"]:
            self.tell_issue("assigned", issue, actor, assignee=self.shapes.user(id))
        return issue

    def change_issue(
        self, number: int, values: Mapping[str, Any], actor: int, *, may_triage: bool = True
    ) -> Document:
        """Changes what ``values`` names and raises one event per kind of change."""
        issue = self.world.get("issue", number) or {}
        before = dict(issue)
        if "title" in values:
            issue["title"] = self._title(values["title"])
        if "body" in values:
            issue["body"] = self._body(values["body"], "Issue")
        if may_triage:
            if "labels" in values:
                issue["labels"] = list(
                    dict.fromkeys(self._label_id(one, makes=True) for one in values["labels"] or ())
                )
            if "assignees" in values:
                issue["assignees"] = self._people(values["assignees"] or ())
            if "milestone" in values:
                issue["milestone"] = self._milestone_number(values["milestone"])
        if values.get("state") is not None:
            self._set_state(issue, str(values["state"]), values.get("state_reason"), actor)
        if issue == before:
            return issue
        issue["updated_at"] = self.stamp()
        self.world.put("issue", number, issue)
        self._tell_changes(before, issue, actor)
        return issue

    def _set_state(self, issue: Document, state: str, reason: Any, actor: int) -> None:
        if state not in ("open", "closed"):
            raise unprocessable("Issue", "state")
        if reason is not None and reason not in REASONS:
            raise unprocessable("Issue", "state_reason")
        if state == issue["state"]:
            return  # the reason counts only where the state changes
        is_closing = state == "closed"
        issue["state"] = state
        issue["state_reason"] = (reason or "completed") if is_closing else "reopened"
        issue["closed_at"] = self.stamp() if is_closing else None
        issue["closed_by"] = actor if is_closing else None

    def _tell_changes(self, before: Mapping[str, Any], after: Document, actor: int) -> None:
        changes = {
            name: {"from": before[name] or ""} for name in ("title", "body") if before[name] != after[name]
        }
        if changes:
            self.tell_issue("edited", after, actor, changes=changes)
        for name, added, removed, kind in (
            ("labels", "labeled", "unlabeled", "label"),
            ("assignees", "assigned", "unassigned", "assignee"),
        ):
            for action, ids in (
                (added, _only(after[name], before[name])),
                (removed, _only(before[name], after[name])),
            ):
                for id in ids:
                    shape = self._label_shape(id) if kind == "label" else self.shapes.user(id)
                    self.tell_issue(action, after, actor, **{kind: shape})
        if before["milestone"] != after["milestone"]:
            for action, number in (("demilestoned", before["milestone"]), ("milestoned", after["milestone"])):
                found = self.world.get("milestone", number) if number else None
                if found:
                    self.tell_issue(
                        action, after, actor, milestone=self.shapes.milestone(found, self.full_name)
                    )
        if before["state"] != after["state"]:
            self.tell_issue("closed" if after["state"] == "closed" else "reopened", after, actor)

    def delete_issue(self, number: int, actor: int) -> None:
        """Only people with admin rights can, on the page; afterwards the number answers 410."""
        issue = self.world.get("issue", number)
        if issue is None:
            raise Refusal(404, "Not Found")
        self.tell_issue("deleted", issue, actor)
        for comment in self.world.where("comment", lambda one: one["issue"] == number):
            self.world.drop("comment", comment["id"])
        for child in self.world.where("issue", lambda one: one["parent"] == number):
            self.world.put("issue", child["number"], {**child, "parent": None})
        self.world.drop("issue", number)
        self.world.put("gone", number, {"number": number})

    def transfer_issue(self, number: int, actor: int) -> None:
        """To the handbook's repository; afterwards the number answers 301."""
        issue = self.world.get("issue", number)
        if issue is None:
            raise Refusal(404, "Not Found")
        there = self.world.next_number("handbook")
        moved = {
            **issue,
            "number": there,
            "repo": seed.HANDBOOK_ID,
            "labels": [],
            "milestone": None,
            "parent": None,
        }
        handbook = self.world.get("repository", seed.HANDBOOK_ID) or {}
        changes = {
            "new_issue": self.shapes.issue(moved, handbook["full_name"]),
            "new_repository": self.shapes.repository(handbook, "admin"),
        }
        self.tell_issue("transferred", issue, actor, changes=changes)
        self.world.drop("issue", number)
        self.world.put("handbook_issue", there, moved)
        self.world.put("moved", number, {"number": number, "repo": seed.HANDBOOK_ID, "to": there})

    def set_parent(self, child: Document, parent: int | None, actor: int) -> Document:
        before = child["parent"]
        child = {**child, "parent": parent, "updated_at": self.stamp()}
        self.world.put("issue", child["number"], child)
        action = "sub_issue_added" if parent else "sub_issue_removed"
        relative = self.world.get("issue", parent or before or 0)
        if relative is not None:
            name = self.full_name
            shapes = {
                "parent_issue": self.shapes.issue(relative, name),
                "sub_issue": self.shapes.issue(child, name),
            }
            ids = {"parent_issue_id": relative["id"], "sub_issue_id": child["id"]}
            self.tell("sub_issues", action, actor, {**ids, **shapes})
        return child

    # --- comments, labels, milestones ---------------------------------------------------------------------------

    def make_comment(self, number: int, body: Any, actor: int) -> Document:
        now = self.stamp()
        id = 700_000 + self.world.next_number("comment")
        text = self._comment_body(body)
        comment = {
            "id": id,
            "issue": number,
            "body": text,
            "user": actor,
            "created_at": now,
            "updated_at": now,
        }
        self.world.put("comment", id, comment)
        issue = self.world.get("issue", number) or {}
        self.world.put("issue", number, {**issue, "updated_at": now})
        self.tell_comment("created", comment, actor)
        return comment

    def change_comment(self, id: int, body: Any, actor: int) -> Document:
        comment = self.world.get("comment", id) or {}
        before, text = comment["body"], self._comment_body(body)
        if text != before:
            comment |= {"body": text, "updated_at": self.stamp()}
            self.world.put("comment", id, comment)
            self.tell_comment("edited", comment, actor, changes={"body": {"from": before}})
        return comment

    def delete_comment(self, id: int, actor: int) -> None:
        comment = self.world.get("comment", id)
        if comment is None:
            raise Refusal(404, "Not Found")
        self.tell_comment("deleted", comment, actor)
        self.world.drop("comment", id)

    def make_label(self, values: Mapping[str, Any], actor: int) -> Document:
        name = str(values.get("name") or "").strip()
        if not name:
            raise unprocessable("Label", "name", "missing_field")
        if self.find_label(name):
            raise unprocessable("Label", "name", "already_exists")
        id = 3000 + self.world.next_number("label")
        label = {
            "id": id,
            "name": name,
            **self._label_values({"color": "ededed", "description": None, **values}),
        }
        self.world.put("label", id, label)
        self.tell("label", "created", actor, {"label": self.shapes.label(label, self.full_name)})
        return label

    def change_label(self, label: Document, values: Mapping[str, Any], actor: int) -> Document:
        name = str(values.get("new_name") or label["name"]).strip()
        other = self.find_label(name)
        if other and other["id"] != label["id"]:
            raise unprocessable("Label", "name", "already_exists")
        before = dict(label)
        label |= {"name": name, **self._label_values(values)}
        if label != before:
            self.world.put("label", label["id"], label)
            changes = {
                one: {"from": before[one] or ""}
                for one in ("name", "color", "description")
                if before[one] != label[one]
            }
            self.tell(
                "label",
                "edited",
                actor,
                {"label": self.shapes.label(label, self.full_name), "changes": changes},
            )
        return label

    def delete_label(self, label: Document, actor: int) -> None:
        for issue in self.world.where("issue", lambda one: label["id"] in one["labels"]):
            self.world.put(
                "issue",
                issue["number"],
                {**issue, "labels": [id for id in issue["labels"] if id != label["id"]]},
            )
        self.world.drop("label", label["id"])
        self.tell("label", "deleted", actor, {"label": self.shapes.label(label, self.full_name)})

    def find_label(self, name: str) -> Document | None:
        """By name, without regard to capital letters."""
        found = self.world.where("label", lambda one: one["name"].casefold() == name.casefold())
        return dict(found[0]) if found else None

    def make_milestone(self, values: Mapping[str, Any], actor: int) -> Document:
        title = str(values.get("title") or "").strip()
        if not title:
            raise unprocessable("Milestone", "title", "missing_field")
        if self.world.where("milestone", lambda one: one["title"] == title):
            raise unprocessable("Milestone", "title", "already_exists")
        now = self.stamp()
        number = self.world.next_number("milestone")
        milestone = {
            "id": 2000 + number,
            "number": number,
            "title": title,
            "description": values.get("description"),
            "state": self._milestone_state(values.get("state", "open")),
            "due_on": self._due(values.get("due_on")),
            "creator": actor,
            "created_at": now,
            "updated_at": now,
            "closed_at": None,
        }
        self.world.put("milestone", number, milestone)
        self.tell(
            "milestone", "created", actor, {"milestone": self.shapes.milestone(milestone, self.full_name)}
        )
        return milestone

    def change_milestone(self, number: int, values: Mapping[str, Any], actor: int) -> Document:
        milestone = self.world.get("milestone", number) or {}
        before = dict(milestone)
        if "title" in values:
            milestone["title"] = str(values["title"] or "").strip()
            if self.world.where(
                "milestone", lambda one: one["title"] == milestone["title"] and one["number"] != number
            ):
                raise unprocessable("Milestone", "title", "already_exists")
        if "description" in values:
            milestone["description"] = values["description"]
        if "due_on" in values:
            milestone["due_on"] = self._due(values["due_on"])
        if "state" in values:
            milestone["state"] = self._milestone_state(values["state"])
            milestone["closed_at"] = self.stamp() if milestone["state"] == "closed" else None
        if milestone != before:
            milestone["updated_at"] = self.stamp()
            self.world.put("milestone", number, milestone)
            has_moved = milestone["state"] != before["state"]
            action = {"open": "opened", "closed": "closed"}[milestone["state"]] if has_moved else "edited"
            self.tell(
                "milestone", action, actor, {"milestone": self.shapes.milestone(milestone, self.full_name)}
            )
        return milestone

    def delete_milestone(self, number: int, actor: int) -> None:
        milestone = self.world.get("milestone", number)
        if milestone is None:
            raise Refusal(404, "Not Found")
        for issue in self.world.where("issue", lambda one: one["milestone"] == number):
            self.world.put("issue", issue["number"], {**issue, "milestone": None})
        self.world.drop("milestone", number)
        self.tell(
            "milestone", "deleted", actor, {"milestone": self.shapes.milestone(milestone, self.full_name)}
        )

    # --- values --------------------------------------------------------------------------------------------------

    @staticmethod
    def _title(value: Any) -> str:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise unprocessable("Issue", "title", "missing_field" if value is None else "invalid")
        title = str(value).strip()
        if not title:
            raise unprocessable("Issue", "title", "missing_field")
        if len(title) > MAX_TITLE:
            raise unprocessable("Issue", "title", message="title is too long (maximum is 256 characters)")
        return title

    @staticmethod
    def _body(value: Any, resource: str) -> str | None:
        if value is not None and not isinstance(value, str):
            raise unprocessable(resource, "body")
        if value and len(value) > MAX_BODY:
            raise unprocessable(resource, "body", message="body is too long (maximum is 65536 characters)")
        return value

    def _comment_body(self, value: Any) -> str:
        text = self._body(value, "IssueComment") or ""
        if not text.strip():
            raise unprocessable("IssueComment", "body", "missing_field")
        return text

    def _label_id(self, value: Any, *, makes: bool) -> int:
        name = value.get("name") if isinstance(value, dict) else value
        if not isinstance(name, str) or not name.strip():
            raise unprocessable("Label", "name")
        found = self.find_label(name)
        if found is None and makes:
            found = self.make_label({"name": name}, seed.BOT)
        if found is None:
            raise Refusal(404, "Label does not exist")
        return int(found["id"])

    def _label_shape(self, id: int) -> Document | None:
        label = self.world.get("label", id)
        return self.shapes.label(label, self.full_name) if label else None

    def _label_values(self, values: Mapping[str, Any]) -> Document:
        found: Document = {}
        if "color" in values:
            colour = str(values["color"] or "").lower()
            if len(colour) != 6 or any(char not in "0123456789abcdef" for char in colour):
                raise unprocessable("Label", "color")
            found["color"] = colour
        if "description" in values:
            if len(values["description"] or "") > 100:
                raise unprocessable("Label", "description")
            found["description"] = values["description"]
        return found

    def _people(self, logins: Iterable[Any]) -> list[int]:
        """Ids of those who can be assigned; others are left out without a word."""
        known = {person["login"].lower(): person["id"] for person in self.assignable()}
        names = [str(one.get("login")) if isinstance(one, dict) else one for one in logins]
        if not all(isinstance(name, str) for name in names):
            raise unprocessable("Issue", "assignees")
        return list(dict.fromkeys(known[name.lower()] for name in names if name.lower() in known))[:10]

    def assignable(self) -> list[Document]:
        return self.world.where("user", lambda one: one["type"] == "User")

    def _milestone_number(self, value: Any) -> int | None:
        if value in (None, ""):
            return None
        number = int(value) if isinstance(value, int) or str(value).isdigit() else 0
        if self.world.get("milestone", number) is None:
            raise unprocessable("Issue", "milestone")
        return number

    @staticmethod
    def _milestone_state(value: Any) -> str:
        if value not in ("open", "closed"):
            raise unprocessable("Milestone", "state")
        return str(value)

    def _due(self, value: Any) -> str | None:
        """Only the day is kept, at an hour of GitHub's own (midnight in California)."""
        if value is None:
            return None
        if not isinstance(value, str) or len(value) != 20 or not value.endswith("Z"):
            raise unprocessable("Milestone", "due_on")
        day = value[:10]
        if int(value[11:13]) < 8:  # still the day before over there
            day = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        return f"{day}T08:00:00Z" if self.trouble.knobs.is_normalising else value

    # --- telling --------------------------------------------------------------------------------------------------

    def tell_issue(self, action: str, issue: Mapping[str, Any], actor: int, **more: Any) -> None:
        if issue["is_pull"]:
            return  # that would be a pull_request event, which nobody here listens to
        self.tell("issues", action, actor, {"issue": self.shapes.issue(issue, self.full_name), **more})

    def tell_comment(self, action: str, comment: Mapping[str, Any], actor: int, **more: Any) -> None:
        issue = self.world.get("issue", comment["issue"])
        if issue is None:
            return
        name = self.full_name
        shapes = {
            "issue": self.shapes.issue(issue, name),
            "comment": self.shapes.comment(comment, issue, name),
        }
        self.tell("issue_comment", action, actor, {**shapes, **more})

    def tell(self, event: str, action: str, actor: int, content: Mapping[str, Any]) -> None:
        """One event to every active webhook that asked for it, signed. The same GUID for all of them."""
        if not self.trouble.knobs.webhooks_on:
            return
        payload = {
            **({"action": action} if action else {}),
            **content,
            "repository": self.shapes.repository(self.repo(), "admin"),
            "organization": self.shapes.organisation(seed.ORG, seed.ORG_ID),
            "sender": self.shapes.user(actor),
        }
        guid = self._guid()
        for hook in self.world.all("hook"):
            if hook["active"] and (event in hook["events"] or "*" in hook["events"]):
                self.deliver(hook, event, action, payload, guid)

    def _guid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"github-sandbox-{self.world.next_number('guid')}"))

    def deliver(
        self,
        hook: Mapping[str, Any],
        event: str,
        action: str,
        payload: Mapping[str, Any],
        guid: str,
        *,
        again: bool = False,
    ) -> None:
        """Sends and remembers one delivery. GitHub never repeats by itself; see the attempts endpoint."""
        body = orjson.dumps(payload)
        headers = self.signed(hook, body, event, guid)
        id = 80_000 + self.world.next_number("delivery")
        record = {
            "id": id,
            "hook": hook["id"],
            "guid": guid,
            "delivered_at": self.stamp(),
            "redelivery": again,
            "status_code": 0,
            "event": event,
            "action": action or None,
            "repo": seed.REPO_ID,
            "url": hook["config"]["url"],
            "headers": {name: value for name, value in headers.items() if "Signature" not in name},
            "payload": payload,
        }
        self.world.put("delivery", id, record)

        def done(sent: Delivery) -> None:
            with self.world.lock:
                found = self.world.get("delivery", id)
                if found is not None:
                    self.world.put("delivery", id, {**found, "status_code": sent.statuses[-1] or 0})

        name = f"{event}.{action}" if action else event
        self.sender.send(Delivery(self.slug, hook["config"]["url"], body, headers, name, on_done=done))

    @staticmethod
    def signed(hook: Mapping[str, Any], body: bytes, event: str, guid: str) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/5a4d6c8",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-GitHub-Hook-ID": str(hook["id"]),
            "X-GitHub-Hook-Installation-Target-Type": str(hook.get("target", "repository")),
            "X-GitHub-Hook-Installation-Target-ID": str(seed.ORG_ID if "target" in hook else seed.REPO_ID),
        }
        secret = str(hook["config"].get("secret") or "")
        if secret:
            for name, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
                headers[name] = (
                    f"{algorithm}={hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()}"
                )
        return headers

    @staticmethod
    def has_role(role: str, needed: str) -> bool:
        return ROLES.index(role) >= ROLES.index(needed)


def _only(these: Iterable[Any], those: Iterable[Any]) -> list[Any]:
    others = set(those)
    return [one for one in these if one not in others]
