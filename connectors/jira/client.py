"""The client of one project. Jira keeps the last write, so every update reads, compares and then writes only what is to
change; a status is reached by the workflow's transitions alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from connectors.base.client import Endpoint
from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    PermissionProblem,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.paths import read_path
from connectors.base.types import CheckReport, Container, ExternalRecord, WebhookRegistration

from . import discovery, milestones, registration
from .certainty import JiraCertainty
from .endpoints import AGILE, API, PROPERTY
from .issues import STATUS, IssueWrite, Step, issue_write, step_fields, step_to, steps_of
from .text import Signed, document_or_refusal, put_together

REMEMBERED = 50  # as many ids as a search takes to be sure of
OFF = ("no", "off", "false", "0")


class JiraClient(JiraCertainty):
    # --- creating ------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        match resource:
            case "issue":
                return self._create_issue(fields, key)
            case "comment":
                parent = parent_id or str(fields.get("hub.issue") or "")
                if not parent:
                    raise RecordProblem("A comment needs the issue it belongs to.", field="hub.issue")
                return super().create(resource, fields, key=key, parent_id=parent)
            case "milestone":
                kind = str(fields.get("hub.kind") or self.site_fields().milestone)
                if kind == "sprint" and not self.board_id:
                    raise RecordProblem("Name the board in the settings to make sprints.", field="hub.kind")
                return self._create_named(resource, kind, fields, key)
            case "component":
                return self._create_named(resource, resource, fields, key)
        raise self.cannot("create", resource)

    def _create_named(self, resource: str, kind: str, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        """Found by its name, or made. Jira refuses a second version or component of one name, but not a second sprint."""
        wanted = str(fields.get("name") or "").casefold()
        for record in self.walk(resource):
            is_kind = read_path(record.data, "hub.kind", kind) == kind
            is_over = kind == "sprint" and read_path(record.data, "hub.state", "") == "closed"
            if is_kind and not is_over and str(record.data.get("name") or "").casefold() == wanted:
                return record
        at_first = {path: value for path, value in fields.items() if (kind, path) != ("sprint", "hub.state")}
        made = super().create(kind, at_first, key=key)
        if len(at_first) < len(fields) and fields["hub.state"] not in (None, "", "planned"):
            state = {"hub.state": fields["hub.state"]}
            return self._then(made, lambda: self.update(resource, made.id, state, current=made))
        return made

    def _create_issue(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        site = self.site_fields()
        with self._refusals_named(fields):
            write = issue_write(fields, {}, site)
            if not write.fields.get("summary"):
                raise RecordProblem("An issue needs a summary.", field="fields.summary")
            body = {
                "fields": self._new_fields(write),
                "properties": [{"key": PROPERTY, "value": {"key": key}}],
            }
            answer = self.session.request("POST", f"{API}/issue", json=body, quota_class="writes")
        made = self.record_in(self.endpoint("issue"), answer)
        id = str(made.get("id") or "")
        self._remember(id)
        record = self.get("issue", id)
        if not write.status and not write.has_sprint:
            return record

        def finish() -> ExternalRecord:
            step = self._first_step(record.data, write)
            if step is not None:
                self._go(record.data, step, write)
            if write.has_sprint:
                self._move_to_sprint(id, write.sprint)
            return self.get("issue", id)

        return self._then(record, finish)

    def _then(self, made: ExternalRecord, finish: Any) -> ExternalRecord:
        """The rest of a create. What was made is there: it must be found again and put right, never made again."""
        try:
            record: ExternalRecord = finish()
        except SyncError as error:
            raise Retryable(
                f"The {made.resource} was made, but not completely: {error.message}", ambiguous=True
            ) from error
        return record

    def _new_fields(self, write: IssueWrite) -> dict[str, Any]:
        """Fields of a new issue: what was given, then the defaults of the settings, then project and type."""
        given = {name: value for name, value in write.fields.items() if value is not None}
        for name, steps in write.update.items():
            given[name] = [step["add"] for step in steps if "add" in step]
        reference = {"id" if self.project_ref.isdigit() else "key": self.project_ref}
        fields = {**create_defaults(self.settings), **given, "project": reference}
        if "issuetype" not in fields:
            fields["issuetype"] = self._new_type(read_path(fields, "parent.id", None))
        return fields

    def _new_type(self, parent_id: Any) -> dict[str, str]:
        """The type for new issues; below an ordinary issue the project's type of sub-tasks."""
        chosen = str(self.settings.get("issue_type") or "Task")
        if (
            parent_id
            and int(read_path(self.issue_row(str(parent_id)), "fields.issuetype.hierarchyLevel", 0) or 0) < 1
        ):
            types = discovery.issue_types(self)
            subtask = next((one for one in types if one.get("subtask")), None)
            if subtask is None:
                raise RecordProblem("The project has no sub-tasks.", field="hub.parent")
            return {"id": str(subtask["id"])}
        return {"id" if chosen.isdigit() else "name": chosen}

    # --- changing ------------------------------------------------------------------------------------------------

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        if resource == "issue":
            return self._update_issue(external_id, fields, current)
        parent = parent_id or current.parent_id
        now = self.get(resource, external_id, parent_id=parent)
        self.refuse_stale(current, now)
        name, id = milestones.split_id(external_id) if resource == "milestone" else (resource, external_id)
        endpoint = self.endpoint(name)
        with self._refusals_named(fields):
            body = self.write_body(endpoint, fields, current=now)
        if not body:
            return now
        with self._refusals_named(fields):
            self.session.request(
                endpoint.update_method,
                self._path(endpoint.update_path, id=id, parent=parent),
                json=body,
                is_repeatable=True,
                quota_class="writes",
            )
        return self.get(resource, external_id, parent_id=parent)

    def _update_issue(
        self, external_id: str, fields: Mapping[str, Any], current: ExternalRecord
    ) -> ExternalRecord:
        row = self.issue_row(external_id)
        now = self.issue_record(row)
        self.refuse_stale(current, now)
        with self._refusals_named(fields):
            write = issue_write(fields, now.data, self.site_fields())
            step = self._first_step(row, write)
            # many workflows lock finished issues: reopen first, finish last
            is_reopening = (
                step is not None
                and read_path(row, "fields.status.statusCategory.key", "") == "done"
                and step.target_category != "done"
            )
            if step is not None and is_reopening:
                self._go(row, step, write)
            if write.edits:
                self._edit(external_id, write.edits)
            if step is not None and not is_reopening:
                self._go(row, step, write)
            if write.has_sprint:
                self._move_to_sprint(external_id, write.sprint)
        self._remember(external_id)
        return self.get("issue", external_id)

    def _edit(self, external_id: str, edits: Mapping[str, Any]) -> None:
        is_quiet = str(self.settings.get("notify_users") or "").strip().lower() in OFF
        self.session.request(
            "PUT",
            self._path(f"{API}/issue/{{id}}", id=external_id),
            params={"notifyUsers": False} if is_quiet else None,
            json=dict(edits),
            quota_class="writes",
            expect_json=False,
        )

    # --- the workflow --------------------------------------------------------------------------------------------

    def _first_step(self, row: Mapping[str, Any], write: IssueWrite) -> Step | None:
        """The transition to begin with, chosen before anything is written; None if the status is right already."""
        current = str(read_path(row, STATUS, "") or "")
        if not write.status or write.status == current:
            return None
        step = step_to(self._steps(row), write.status, current=current, route=self._route())
        step_fields(step, _with_edits(row, write), resolution=self._resolution())
        return step

    def _go(self, row: Mapping[str, Any], step: Step, write: IssueWrite) -> None:
        """Takes the transition, and those that follow on the way a person named, until the status is reached."""
        for _ in range(len(self._route()) + 1):
            fields = step_fields(step, _with_edits(row, write), resolution=self._resolution())
            body: dict[str, Any] = {"transition": {"id": step.id}}
            if fields:
                body["fields"] = fields
            try:
                self.session.request(
                    "POST", self._steps_path(row), json=body, quota_class="writes", expect_json=False
                )
            except RecordProblem as error:
                if isinstance(error, PermissionProblem):
                    raise
                message = f"The workflow refuses the step to {step.target_name}: {error.message}"
                raise RecordProblem(
                    message, field=STATUS, status=error.status, exchange=error.exchange
                ) from error
            if step.target == write.status:
                return
            step = step_to(self._steps(row), write.status, current=step.target, route=self._route())
        raise RecordProblem("The way through the workflow does not end at this status.", field=STATUS)

    def _steps(self, row: Mapping[str, Any]) -> list[Step]:
        answer = self.session.get(self._steps_path(row), params={"expand": "transitions.fields"})
        rows = read_path(answer.body, "transitions", None)
        return steps_of(rows if isinstance(rows, list) else ())

    def _steps_path(self, row: Mapping[str, Any]) -> str:
        return self._path(f"{API}/issue/{{id}}/transitions", id=row.get("id"))

    def _route(self) -> tuple[str, ...]:
        return discovery.route(self)

    def _resolution(self) -> str:
        return str(self.settings.get("resolution") or "")

    def _move_to_sprint(self, external_id: str, sprint: str | None) -> None:
        path = self._path(f"{AGILE}/sprint/{{id}}/issue", id=sprint) if sprint else f"{AGILE}/backlog/issue"
        try:
            self.session.request(
                "POST",
                path,
                json={"issues": [external_id]},
                is_repeatable=True,
                quota_class="writes",
                expect_json=False,
            )
        except RecordProblem as error:
            raise type(error)(
                error.message, field=self.site_fields().sprint, status=error.status, exchange=error.exchange
            ) from error

    # --- bodies of the others ------------------------------------------------------------------------------------

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        """The JSON for comments, versions, components, sprints and the project; issues go their own way."""
        if endpoint.name == "comment":
            return self._comment_body(fields, current, key)
        if endpoint.name in milestones.KINDS:
            seen = current.data if current is not None else None
            zone = self.zone() if endpoint.name == "sprint" else ""
            return self._new_or(endpoint.name, current, milestones.body_of(endpoint.name, fields, seen, zone))
        body: dict[str, Any] = {}
        for path, value in fields.items():
            match path:
                case "name":
                    limit = 80 if endpoint.name == "project" else 255
                    body["name"] = milestones.name_of(endpoint.name, value, limit)
                case "description":
                    body[path] = str(value or "")
                case "hub.lead":
                    body["leadAccountId"] = str(value) if value else None
                case _:
                    raise RecordProblem(f"Jira does not let {path} be written.", field=path)
        return self._new_or(endpoint.name, current, body)

    def _new_or(self, name: str, current: ExternalRecord | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body of an update as it stands; of a create without empty values, and with where it belongs."""
        if current is not None:
            return dict(body)
        given = {member: value for member, value in body.items() if value is not None}
        if not given.get("name"):
            raise RecordProblem(f"A {name} needs a name.", field="name")
        match name:
            case "version":
                return {**given, "projectId": int(str(self.project()["id"]))}
            case "component":
                return {**given, "project": self.project()["key"]}
        return {**given, "originBoardId": int(self.board_id)}

    def _comment_body(
        self, fields: Mapping[str, Any], current: ExternalRecord | None, key: str
    ) -> dict[str, Any]:
        document = document_or_refusal(fields.get("body", current.data["body"] if current else None), "body")
        if document is None:
            raise RecordProblem("A comment cannot be empty.", field="body")
        if current is None:
            author = str(fields.get("hub.author") or "")
            body = put_together(Signed(document, author))
            return {"body": body, "properties": [{"key": PROPERTY, "value": {"key": key}}]}
        hub = current.data["hub"]
        if "body" not in fields and not hub["is_signed"]:
            return {}  # written on Jira: its author stands there
        author = str(fields.get("hub.author", hub["author"]) or "") if hub["is_signed"] else ""
        return {"body": put_together(Signed(document, author))}

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        kind, id = milestones.split_id(external_id) if resource == "milestone" else ("", "")
        if kind != "version":
            raise self.cannot("archive", kind or resource)
        path = self._path(f"{API}/version/{{id}}", id=id)
        self.session.request("PUT", path, json={"archived": True}, quota_class="writes")

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """Sub-tasks are never taken along: Jira refuses to delete an issue that has some."""
        parent = parent_id or (current.parent_id if current else None)
        name, id = milestones.split_id(external_id) if resource == "milestone" else (resource, external_id)
        super().delete(name, id, parent_id=parent)

    @contextmanager
    def _refusals_named(self, fields: Mapping[str, Any]) -> Iterator[None]:
        """A refusal names Jira's field; the hub knows it by the path of its link."""
        try:
            yield
        except (AlreadyExists, PermissionProblem):
            raise
        except RecordProblem as error:
            named = {part.strip() for part in (error.field or "").split(",")}
            site = self.site_fields()
            path = next((one for one in fields if named & {one, *site.ids_of(one)}), None)
            if path is None or path == error.field:
                raise
            raise RecordProblem(
                error.message, field=path, status=error.status, exchange=error.exchange
            ) from error

    def _remember(self, external_id: str) -> None:
        others = [one for one in self._written if one != external_id]
        self._written = [*others[1 - REMEMBERED :], external_id]

    # --- set-up --------------------------------------------------------------------------------------------------

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return registration.ensure(self, url, secret)

    def remove_webhooks(self, url: str) -> int:
        return registration.remove(self, url)


def create_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields for new issues from the setting, a JSON object. Raises ``ConfigurationProblem`` if it is none."""
    given = settings.get("create_defaults")
    if not given:
        return {}
    try:
        found = orjson.loads(given) if isinstance(given, str) else given
    except orjson.JSONDecodeError as error:
        raise ConfigurationProblem("“Fields for new issues” is no JSON.", field="create_defaults") from error
    if not isinstance(found, dict):
        raise ConfigurationProblem("“Fields for new issues” is no JSON object.", field="create_defaults")
    return found


def _with_edits(row: Mapping[str, Any], write: IssueWrite) -> dict[str, Any]:
    """The issue as it will be once its edits are made; for what a transition wants filled in."""
    fields = row.get("fields")
    return {"fields": {**(fields if isinstance(fields, Mapping) else {}), **write.fields}}
