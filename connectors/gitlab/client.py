"""The client of one project. GitLab keeps the last write, so every update reads, compares and then writes only what is to
change; labels are added and removed one by one, never replaced as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

from connectors.base.client import Endpoint
from connectors.base.errors import (
    AlreadyExists,
    RecordGone,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.hubtext import HubText
from connectors.base.session import Answer
from connectors.base.types import CheckReport, Container, ExternalRecord, RateBudget, WebhookRegistration

from . import discovery
from .issues import MAX_TEXT, Write, description_of, dropped, title_of, within, write_of
from .reading import GitLabReader
from .text import text_to_write

NOTES = RateBudget(300, 60, quota_class="notes")
"""New notes: a limit of its own, per person (docs.gitlab.com, rate limit on notes creation)."""


class GitLabClient(GitLabReader):
    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        match resource:
            case "issue" | "epic":
                return self._create_issue(endpoint, fields, key)
            case "note" | "epic_note":
                self.session.environment.gate.acquire(NOTES.quota_class, NOTES)
                body = {"body": self._note_body(fields, None, key)}
                return self._sent(
                    "POST", endpoint, self.notes_path(endpoint, parent_id or ""), body, parent_id
                )
            case "label":
                return self._create_label(fields, key)
            case "milestone":
                return self._create_milestone(fields, key)
        raise self.cannot("create", resource)

    def _create_issue(self, endpoint: Endpoint, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        write = write_of(fields, {}, self.options, kind=endpoint.name, key=key)
        if "title" not in write.body:
            raise RecordProblem("GitLab needs a title.", field="title")
        event = write.body.pop("state_event", None)
        nothing: Mapping[str, Any] = {"epic_id": 0, "milestone_id": 0, "assignee_ids": [0]}
        body = {
            name: value
            for name, value in self._body(endpoint, write).items()
            if value not in (None, "") and value != nothing.get(name, "")
        }
        if labels := body.pop("add_labels", None):
            body["labels"] = labels
        made = self._sent("POST", endpoint, self._path(endpoint.create_path), body)
        try:
            if event:
                path = self._path(endpoint.update_path, id=made.id)
                made = self._sent("PUT", endpoint, path, {"state_event": event})
            self._refuse_dropped(fields, made)
        except SyncError as error:
            # it is there: it must be found by its key and brought up to date, never made again
            raise Retryable(f"It was made, but not completely: {error.message}", ambiguous=True) from error
        return made

    def _create_label(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        endpoint, body = self.endpoint("label"), self.write_body(self.endpoint("label"), fields, current=None)
        try:
            return self._sent(
                "POST", endpoint, self._path(endpoint.create_path), {"color": "#6699cc", **body}
            )
        except AlreadyExists:
            wanted = str(fields.get("name") or "").casefold()
            same = next(
                (one for one in self.walk("label") if str(one.data["name"]).casefold() == wanted), None
            )
            if same is None:
                raise
            return (
                same
                if same.data.get("is_project_label") is False
                else self.update("label", same.id, fields, current=same)
            )

    def _create_milestone(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        endpoint = self.endpoint("milestone")
        body = self.write_body(endpoint, fields, current=None, key=key)
        event = body.pop("state_event", None)
        try:
            made = self._sent("POST", endpoint, self._path(endpoint.create_path), body)
        except AlreadyExists as error:
            title = str(fields.get("title") or "")
            same = next((one for one in self.walk("milestone") if one.data.get("title") == title), None)
            raise AlreadyExists(
                f"There is a milestone {title!r} already.",
                field="title",
                external_id=same.id if same else None,
                status=error.status,
                exchange=error.exchange,
            ) from error
        return (
            self.update("milestone", made.id, {"state": "closed"}, current=made) if event == "close" else made
        )

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Read, compare, write: GitLab itself keeps the last write, whoever made it."""
        endpoint, parent = self.endpoint(resource), parent_id or current.parent_id
        now = self.get(resource, external_id, parent_id=parent)
        self.refuse_stale(current, now)
        if resource in ("issue", "epic"):
            write = write_of(fields, now.data, self.options, kind=resource)
            body = self._body(endpoint, write)
        elif resource in ("note", "epic_note"):
            body = {"body": self._note_body(fields, now, "")} if set(fields) & {"body", "hub.author"} else {}
        else:
            body = self.write_body(endpoint, fields, current=now)
        if not body:
            return now
        after = self._sent("PUT", endpoint, self._one_path(endpoint, now, parent), body, parent)
        if resource in ("issue", "epic"):
            self._refuse_dropped(fields, after)
        return after

    def _one_path(self, endpoint: Endpoint, record: ExternalRecord, parent: str | None) -> str:
        """Where a record is written: what belongs to a group is written there."""
        if endpoint.name in ("note", "epic_note"):
            return self.notes_path(endpoint, parent or "", record.id)
        group = record.data.get("group_id")
        if endpoint.name == "milestone" and group and not record.data.get("project_id"):
            return self._path("/groups/{owner}/milestones/{id}", owner=group, id=record.id)
        if endpoint.name == "label" and record.data.get("is_project_label") is False:
            raise RecordProblem("This label belongs to a group: change it there.", field="name")
        return self._path(endpoint.update_path, id=record.id)

    def _body(self, endpoint: Endpoint, write: Write) -> dict[str, Any]:
        """The JSON of an issue's or epic's write."""
        body = dict(write.body)
        if write.add_labels:
            body["add_labels"] = ",".join(write.add_labels)
        if write.remove_labels:
            body["remove_labels"] = ",".join(write.remove_labels)
        if write.has_epic:
            name = "epic_id" if endpoint.name == "issue" else "parent_id"
            nothing = 0 if endpoint.name == "issue" else None
            body[name] = self.epic_id(write.epic) if write.epic else nothing
        return body

    def _sent(
        self,
        method: str,
        endpoint: Endpoint,
        path: str,
        body: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> ExternalRecord:
        answer: Answer = self.session.request(method, path, json=dict(body))
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=parent_id)

    def _refuse_dropped(self, fields: Mapping[str, Any], record: ExternalRecord) -> None:
        missing = dropped(fields, record.data)
        if missing:
            words = "GitLab accepted the request but left this out: the licence or the account's role may not allow it."
            raise RecordProblem(words, field=", ".join(missing))

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> dict[str, Any]:
        """The JSON for milestones and labels; issues, epics and notes go their own way."""
        body: dict[str, Any] = {}
        for path, value in fields.items():
            match endpoint.name, path:
                case "milestone", "title":
                    body["title"] = title_of(value)
                case "milestone", "description":
                    present = HubText("", current.data["hub"]["key"]).whole if current else ""
                    body["description"] = description_of(value, key, present, self.options)
                case "milestone", "state":
                    wanted = "closed" if value == "closed" else "active"
                    if wanted != (current.data.get("state") if current else "active"):
                        body["state_event"] = "close" if wanted == "closed" else "activate"
                case "milestone", "start_date" | "due_date":
                    body[path] = str(value)[:10] if value else ""
                case "label", "name":
                    name = within(title_of(value), 255, "name")
                    body["name" if current is None else "new_name"] = name
                case "label", "hub.colour":
                    body["color"] = _colour(value)
                case "label", "description":
                    body["description"] = str(value or "")
                case _:
                    raise RecordProblem(f"GitLab does not let {path} be written.", field=path)
        if key and endpoint.name == "milestone" and "description" not in body:
            body["description"] = HubText("", key).whole
        return {name: value for name, value in body.items() if current is not None or value not in (None, "")}

    def _note_body(self, fields: Mapping[str, Any], current: ExternalRecord | None, key: str) -> str:
        hub: Mapping[str, Any] = (
            current.data["hub"] if current else {"key": key, "author": "", "author_id": None}
        )
        text = str(fields.get("body", current.data.get("body") if current else "") or "")
        if not text.strip():
            raise RecordProblem("A note cannot be empty.", field="body")
        author = str(fields.get("hub.author", "" if hub["author_id"] else hub["author"]) or "")
        if not hub["key"]:
            author = ""  # written on GitLab: no author's line there
        parts = HubText(text, str(hub["key"]), author)
        return within(text_to_write(parts, mutes_mentions=self.options.mutes_mentions), MAX_TEXT, "body")

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """Refused with ``StaleWrite`` where the record changed since ``current`` (``If-Unmodified-Since``, 412)."""
        endpoint, parent = self.endpoint(resource), parent_id or (current.parent_id if current else None)
        known = current or ExternalRecord(resource, external_id, {})
        headers = {}
        if known.updated_at is not None:
            # GitLab compares with its own microseconds and shows milliseconds
            until = known.updated_at.astimezone(UTC) + timedelta(milliseconds=1)
            headers["If-Unmodified-Since"] = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            path = self._one_path(endpoint, dataclasses.replace(known, id=external_id), parent)
            self.session.request("DELETE", path, headers=headers, expect_json=False)
        except RecordGone:
            return

    # --- set-up --------------------------------------------------------------------------------------------------

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """Registers or repairs the project's webhook; GitLab never shows its secrets, so they are written each time."""
        return discovery.ensure_webhook(self, url, secret)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _colour(value: Any) -> str:
    text = str(value or "").strip().lower()
    digits = text.lstrip("#")
    if len(digits) == 3:
        digits = "".join(char * 2 for char in digits)
    if len(digits) != 6 or any(char not in "0123456789abcdef" for char in digits):
        raise RecordProblem("GitLab takes a colour such as #ff8800.", field="hub.colour")
    return f"#{digits}"
