"""The client of one repository. GitHub keeps the last write, so every update reads, compares and then writes only
what is to change; labels and people are added and removed one by one, never replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.client import Endpoint
from connectors.base.errors import AlreadyExists, RecordGone, RecordProblem, Retryable, SyncError
from connectors.base.types import CheckReport, Container, ExternalRecord, WebhookRegistration

from . import boards, discovery
from .issues import (
    MAX_BODY,
    NEEDS_TRIAGE,
    IssueWrite,
    dropped,
    issue_write,
    number_in,
    whole_number,
    within,
)
from .project_reading import ProjectReader
from .projects import ITEM
from .reading import ENDPOINTS, REPO
from .session import CONTENT
from .text import HubText, put_together


class GitHubClient(ProjectReader):
    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        match resource:
            case "issue":
                return self._create_issue(fields, key)
            case "comment":
                self._spend_content()
                parent = parent_id or str(fields.get("hub.issue") or "")
                if not parent:
                    raise RecordProblem("A comment needs the issue it belongs to.", field="hub.issue")
                return super().create(resource, fields, key=key, parent_id=parent)
            case "label":
                return self._create_label(fields, key)
            case "milestone":
                return self._create_milestone(fields, key)
        raise self.cannot("create", resource)

    def _create_issue(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        self._refuse_without_triage(fields)
        write = issue_write(fields, {}, self.options, key=key)
        later: dict[str, Any] = {
            name: write.patch.pop(name) for name in ("state", "state_reason") if name in write.patch
        }
        if "title" not in write.patch:
            raise RecordProblem("An issue needs a title.", field="title")
        body = {name: value for name, value in write.patch.items() if value is not None}
        if write.add_labels:
            body["labels"] = write.add_labels
        if write.add_assignees:
            body["assignees"] = [self._login(one) for one in write.add_assignees]
        self._spend_content()
        answer = self.session.request("POST", self._path(ENDPOINTS["issue"].create_path), json=body)
        row = self.record_in(ENDPOINTS["issue"], answer)
        if self.board is not None:
            row = {**row, ITEM: None}  # new: in no project yet
        try:
            rest = IssueWrite(
                patch=later, parent=write.parent, has_parent=write.parent is not None, project=write.project
            )
            return self._settled(self._send(row, rest), fields)
        except SyncError as error:
            # the issue is there: it must be found by its key and brought up to date, never made again
            raise Retryable(
                f"The issue was made, but not completely: {error.message}", ambiguous=True
            ) from error

    def _create_label(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        try:
            return super().create("label", fields, key=key)
        except AlreadyExists:
            wanted = str(fields.get("name") or "").casefold()
            same = next((one for one in self.walk("label") if one.data["name"].casefold() == wanted), None)
            if same is None:
                raise
            return self.update("label", same.id, fields, current=same)

    def _create_milestone(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        try:
            return super().create("milestone", fields, key=key)
        except AlreadyExists as error:
            title = str(fields.get("title") or "")
            same = next((one for one in self.walk("milestone") if one.data["title"] == title), None)
            raise AlreadyExists(
                f"There is a milestone {title!r} already.",
                field="title",
                external_id=same.id if same else None,
                status=error.status,
                exchange=error.exchange,
            ) from error

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        """The JSON for comments, milestones and labels; issues go their own way."""
        body: dict[str, Any] = {}
        for path, value in fields.items():
            match endpoint.name, path:
                case "comment", "body":
                    body["body"] = self._comment_body(value, fields, current, key)
                case "comment", "hub.author" if current is None or current.data["hub"]["key"]:
                    text = fields["body"] if "body" in fields else current.data["body"] if current else ""
                    body["body"] = self._comment_body(text, fields, current, key)
                case "comment", "hub.issue" if current is None or str(value) == current.parent_id:
                    continue
                case "milestone", "title":
                    body["title"] = str(value or "")
                case "milestone", "description":
                    kept = key or (current.data["hub"]["key"] if current else "")
                    body["description"] = put_together(HubText(str(value or ""), kept))
                case "milestone", "state":
                    body["state"] = value or "open"
                case "milestone", "hub.due_on":
                    # noon UTC is the same day where GitHub keeps its calendar (US Pacific); midnight would not be
                    body["due_on"] = f"{str(value)[:10]}T12:00:00Z" if value else None
                case "label", "name":
                    body["name" if current is None else "new_name"] = str(value or "")
                case "label", "hub.colour":
                    body["color"] = _hex_colour(value)
                case "label", "description":
                    body["description"] = within(str(value or ""), 100, "description")
                case _:
                    raise RecordProblem(f"GitHub does not let {path} be written.", field=path)
        if key and endpoint.name == "milestone" and "description" not in body:
            body["description"] = put_together(HubText("", key))
        if current is None:
            body = {name: value for name, value in body.items() if value is not None}
        return body

    def _comment_body(
        self, value: Any, fields: Mapping[str, Any], current: ExternalRecord | None, key: str
    ) -> str:
        text = str(value or "")
        if not text.strip():
            raise RecordProblem("A comment cannot be empty.", field="body")
        kept = key or (current.data["hub"]["key"] if current else "")
        is_ours = current is None or bool(kept)
        author = (
            str(fields.get("hub.author", current.data["hub"]["author"] if current else "") or "")
            if is_ours
            else ""
        )
        if current is not None and "hub.author" not in fields and current.data["hub"]["author_id"]:
            author = ""  # written on GitHub, by the account itself: no author's line there
        whole = put_together(HubText(text, kept, author), mutes_mentions=self.options.mutes_mentions)
        return within(whole, MAX_BODY, "body")

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Read, compare, write: GitHub itself keeps the last write, whoever made it."""
        if resource == "issue":
            row = self._issue(external_id)
            self.refuse_stale(current, self._record_of(row))
            return self._settled(self._send(row, issue_write(fields, row, self.options)), fields)
        now = self.get(resource, external_id, parent_id=parent_id)
        self.refuse_stale(current, now)
        if resource == "project":
            return self.project_record(boards.change(self.chosen(), now.data, fields))
        address = now.data["name"] if resource == "label" else external_id
        endpoint = self.endpoint(resource)
        body = self.write_body(endpoint, fields, current=now)
        if not body:
            return now
        answer = self.session.request("PATCH", self._path(endpoint.update_path, id=address), json=body)
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=parent_id)

    def _send(self, row: Mapping[str, Any], write: IssueWrite) -> Mapping[str, Any]:
        """Carries out the write and answers the issue as it is afterwards."""
        path = self._path(ENDPOINTS["issue"].get_path, id=row["number"])
        if write.patch:
            item = {ITEM: row[ITEM]} if ITEM in row else {}
            row = {**self._patch(path, row, write.patch), **item}
        if write.add_labels:
            self.session.request(
                "POST", f"{path}/labels", json={"labels": write.add_labels}, is_repeatable=True
            )
        for name in write.remove_labels:
            self.session.request("DELETE", self._path(f"{path}/labels/{{id}}", id=name), ok=(404,))
        if write.add_assignees:
            logins = [self._login(one) for one in write.add_assignees]
            self.session.request("POST", f"{path}/assignees", json={"assignees": logins}, is_repeatable=True)
        if write.remove_assignees:
            logins = [self._login(one) for one in write.remove_assignees]
            self.session.request("DELETE", f"{path}/assignees", json={"assignees": logins})
        if write.has_parent:
            self._set_parent(row, write.parent)
        if write.project and self.board is not None:
            row = {**row, ITEM: self.board.write(str(row["node_id"]), row.get(ITEM), write.project)}
        if not write.needs_read_back:
            return row
        kept = {ITEM: row[ITEM]} if ITEM in row else {}
        return {**self._issue_row(str(row["number"])), **kept}

    def _patch(self, path: str, row: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
        after = self.record_in(
            ENDPOINTS["issue"], self.session.request("PATCH", path, json=patch, is_repeatable=True)
        )
        reason = patch.get("state_reason")
        if (
            patch.get("state") == "closed"
            and after.get("state_reason") != reason
            and row["state"] == "closed"
        ):
            # the reason counts only when the state changes: open it for a moment
            self.session.request("PATCH", path, json={"state": "open"}, is_repeatable=True)
            closed = {"state": "closed", "state_reason": reason}
            after = self.record_in(
                ENDPOINTS["issue"], self.session.request("PATCH", path, json=closed, is_repeatable=True)
            )
        return after

    def _set_parent(self, row: Mapping[str, Any], number: str | None) -> None:
        child = {"sub_issue_id": row["id"]}
        old = number_in(row.get("parent_issue_url"))
        if number is not None:
            parent = self._path(f"{REPO}/issues/{{id}}", id=whole_number(number, "hub.parent"))
            self.session.request(
                "POST", f"{parent}/sub_issues", json={**child, "replace_parent": True}, is_repeatable=True
            )
        elif old is not None:
            parent = self._path(f"{REPO}/issues/{{id}}", id=old)
            self.session.request("DELETE", f"{parent}/sub_issue", json=child, ok=(404,))

    def _settled(self, row: Mapping[str, Any], fields: Mapping[str, Any]) -> ExternalRecord:
        record = self._record_of(row)
        missing = dropped(fields, record.data)
        if missing:
            raise RecordProblem(
                "GitHub accepted the request but left out what it did not like: the account may lack the right to triage.",
                field=", ".join(missing),
            )
        return record

    def _refuse_without_triage(self, fields: Mapping[str, Any]) -> None:
        """Before a create: GitHub would make the issue and drop these without a word."""
        asked = sorted(
            path
            for path, value in fields.items()
            if path in NEEDS_TRIAGE
            and value not in (None, [], "", "open")
            and not self._is_boards(path, value)
        )
        permissions = self.repository().get("permissions") if asked else None
        if permissions and not (permissions.get("push") or permissions.get("triage")):
            raise RecordProblem(
                "The account may not set this on new issues: it needs the triage role.",
                field=", ".join(asked),
            )

    def _is_boards(self, path: str, value: Any) -> bool:
        """True for what is written to the project, not to the issue."""
        role = self.options.project.role_of(path) if self.options.project else ""
        return bool(role) and (role != "status" or str(value).startswith("open"))

    def _login(self, user_id: str) -> str:
        if user_id not in self._logins:
            for _ in self.walk("user"):
                pass  # to_record remembers each login
        login = self._logins.get(user_id)
        if not login:
            raise RecordProblem("This person cannot be assigned in the repository.", field="hub.assignees")
        return login

    def _spend_content(self) -> None:
        self.session.environment.gate.acquire(CONTENT.quota_class, CONTENT)

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        """GitHub has no way to delete an issue by REST: it is closed as not planned."""
        if resource != "issue":
            raise self.cannot("archive", resource)
        row = self._issue(external_id)
        if row["state"] == "open":
            self._send(row, issue_write({"hub.status": "closed/not_planned"}, row, self.options))

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        if resource != "label":
            return super().delete(resource, external_id, parent_id=parent_id, current=current)
        try:
            name = self.get("label", external_id).data["name"]
        except RecordGone:
            return None
        return super().delete("label", name)

    # --- set-up --------------------------------------------------------------------------------------------------

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """Registers or repairs the repository's webhook. The secret is written each time: GitHub never shows it."""
        return discovery.ensure_webhook(self, url, secret)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _hex_colour(value: Any) -> str:
    text = str(value or "").strip().lstrip("#").lower()
    if len(text) != 6 or any(char not in "0123456789abcdef" for char in text):
        raise RecordProblem("GitHub takes a colour of six hexadecimal digits.", field="hub.colour")
    return text
