"""What happens to the items of projects (v2) at the GitHub stand-in, and the events organisations hear of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.store import Document
from sandbox.web import Refusal

from . import github_seed as seed
from .github_shapes import node_id
from .github_state import GitHubState


def refused(words: str) -> Refusal:
    """A value that a mutation does not take."""
    return Refusal(200, words, code="UNPROCESSABLE")


class GitHubItems(GitHubState):
    """The rules of projects: adding twice answers the same item, archived items cannot be changed, a closed issue's
    item goes to Done. Changes of items leave the issue's own time alone."""

    # --- items ---------------------------------------------------------------------------------------------------

    def item_of(self, issue: int, project: int = seed.PROJECT_ID) -> Document | None:
        rows = self.world.where(
            "project_item",
            lambda one: one["issue"] == issue and one["project"] == project and not one["gone"],
        )
        return dict(rows[0]) if rows else None

    def add_item(self, issue: int, actor: int, project: int = seed.PROJECT_ID) -> Document:
        """The issue's item, made if it is not there. One that is archived stays so."""
        there = self.item_of(issue, project)
        if there is not None:
            return there
        id, now = seed.FIRST_ITEM + self.world.next_number("project_item"), self.stamp()
        item = {
            "id": id, "project": project, "issue": issue, "title": "", "archived": False, "gone": False, "values": {},
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        return self._keep(item, "created", actor)

    def set_value(self, item: Document, field: Mapping[str, Any], value: Any, actor: int) -> Document:
        """``value`` as kept: an option's id, a day, a number; None clears."""
        if item["archived"]:
            raise refused("The item is archived and cannot be updated")
        if item["values"].get(field["id"]) == value:
            return item
        values = {name: kept for name, kept in item["values"].items() if name != field["id"]}
        item = {**item, "values": values if value is None else {**values, field["id"]: value}}
        told = {
            "field_node_id": field["id"],
            "field_type": field["dataType"].lower(),
            "field_name": field["name"],
        }
        project = self.world.get("project", item["project"]) or {}
        changes = {"field_value": {**told, "project_number": project["number"]}}
        return self._keep(item, "edited", actor, changes=changes)

    def archive_item(self, item: Document, actor: int, *, archived: bool = True) -> Document:
        if item["archived"] == archived:
            return item
        return self._keep({**item, "archived": archived}, "archived" if archived else "restored", actor)

    def remove_item(self, item: Document, actor: int) -> None:
        self.world.drop("project_item", item["id"])
        left = {"id": item["id"], "issue": item["issue"], "project": item["project"], "at": self.stamp()}
        self.world.put("left_project", item["id"], left)
        self._tell_item(item, "deleted", actor)

    def _keep(self, item: Document, action: str, actor: int, **more: Any) -> Document:
        item = {**item, "updated_at": self.stamp()}
        self.world.put("project_item", item["id"], item)
        self._tell_item(item, action, actor, **more)
        return item

    def _tell_item(self, item: Mapping[str, Any], action: str, actor: int, **more: Any) -> None:
        """To the organisation's webhooks: those of a repository never hear of projects."""
        if not self.trouble.knobs.webhooks_on:
            return
        issue = self.world.get("issue", item["issue"]) if item["issue"] else None
        kind = "DraftIssue" if issue is None else "PullRequest" if issue["is_pull"] else "Issue"
        prefix = {"DraftIssue": "DI", "PullRequest": "PR", "Issue": "I"}[kind]
        payload = {
            "action": action,
            "projects_v2_item": {
                "id": item["id"],
                "node_id": node_id("PVTI", item["id"]),
                "project_node_id": node_id("PVT", item["project"]),
                "content_node_id": node_id(prefix, (issue or item)["id"]),
                "content_type": kind,
                "creator": self.shapes.user(actor),
                "created_at": item["created_at"],
                "updated_at": item["updated_at"],
                "archived_at": item["updated_at"] if item["archived"] else None,
            },
            **more,
            "organization": self.shapes.organisation(seed.ORG, seed.ORG_ID),
            "sender": self.shapes.user(actor),
        }
        guid = self._guid()
        for hook in self.world.all("org_hook"):
            self.deliver(hook, "projects_v2_item", action, payload, guid)

    def fields_of(self, project: int = seed.PROJECT_ID) -> dict[str, Document]:
        """By name, folded."""
        found = self.world.get("project", project) or {"fields": []}
        return {one["name"].casefold(): one for one in found["fields"]}

    def set_by_name(self, item: Document, values: Mapping[str, Any], actor: int) -> Document:
        """``{"Status": "Done", "Target date": "2026-01-30"}``: options by their names, as people see them."""
        for name, value in values.items():
            field = self.fields_of(item["project"])[name.casefold()]
            if field["dataType"] == "SINGLE_SELECT" and value:
                value = next(one["id"] for one in field["options"] if one["name"] == value)
            item = self.set_value(item, field, value or None, actor)
        return item

    # --- what happens to issues ----------------------------------------------------------------------------------

    def change_issue(
        self, number: int, values: Mapping[str, Any], actor: int, *, may_triage: bool = True
    ) -> Document:
        before = (self.world.get("issue", number) or {}).get("state")
        issue = super().change_issue(number, values, actor, may_triage=may_triage)
        if before == "open" and issue["state"] == "closed":
            for item in self.world.where(
                "project_item", lambda one: one["issue"] == number and not one["archived"]
            ):
                done = self._done_option(item["project"])
                if done is not None:  # the workflow that every new project has
                    self.set_value(dict(item), *done, actor)
        return issue

    def _done_option(self, project: int) -> tuple[Document, str] | None:
        found = self.world.get("project", project) or {}
        status = self.fields_of(project).get("status")
        if not found.get("closes_to_done") or status is None:
            return None
        return next(((status, one["id"]) for one in status["options"] if one["name"] == "Done"), None)

    def delete_issue(self, number: int, actor: int) -> None:
        super().delete_issue(number, actor)
        for item in self.world.where("project_item", lambda one: one["issue"] == number):
            self.world.drop("project_item", item["id"])

    def transfer_issue(self, number: int, actor: int) -> None:
        """The item goes with its issue, out of this repository's sight."""
        super().transfer_issue(number, actor)
        for item in self.world.where("project_item", lambda one: one["issue"] == number):
            self.world.put("project_item", item["id"], {**item, "issue": None, "gone": True})
