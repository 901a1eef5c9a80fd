"""The client of one project. Asana keeps the last write and has no versions, so every update reads, compares and then
writes only what is to change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.classify import ErrorRule, Heard, Reaction, error_for
from connectors.base.client import Endpoint, RestClient, Since, digest
from connectors.base.connector import Connector
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RecordGone,
    RecordProblem,
)
from connectors.base.paging import CursorToken
from connectors.base.paths import MISSING, read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.signoff import put_together, ref_of, says_nothing_new, signed
from connectors.base.types import (
    Absence,
    AbsenceKind,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import discovery, tasks
from .text import from_asana, to_asana

PAGE = 100
PER_BATCH = 10
MAX_DEPTH = 5  # Asana nests subtasks five levels deep

PAGER = CursorToken(param="offset", path="next_page.offset", size_param="limit", size=PAGE)
PROJECT_FIELDS = "name,html_notes,archived,due_on,start_on,owner,workspace.name,permalink_url,modified_at"


def _fields(names: Sequence[str]) -> dict[str, str]:
    return {"opt_fields": ",".join(names)}


def _endpoint(name: str, path: str, fields: Mapping[str, str], **more: Any) -> Endpoint:
    return Endpoint(
        name,
        get_path=f"{path}/{{id}}",
        update_path=f"{path}/{{id}}",
        update_method="PUT",
        get_params=fields,
        write_params=fields,
        pager=PAGER,
        rows_at="data",
        record_at="data",
        envelope="data",
        id_at="gid",
        **more,
    )


ENDPOINTS: Mapping[str, Endpoint] = {
    "task": _endpoint(
        "task",
        "/tasks",
        _fields(tasks.TASK_FIELDS),
        list_path="/tasks?project={project}",
        create_path="/tasks",
        delete_path="/tasks/{id}",
        list_params=_fields(tasks.TASK_FIELDS),
        since=Since("modified_since", style="iso8601_ms", granularity="ms"),
        version_at="modified_at",
        updated_at="modified_at",
        url_at="permalink_url",
    ),
    "comment": _endpoint(
        "comment",
        "/stories",
        _fields(tasks.STORY_FIELDS),
        list_path="/tasks/{parent}/stories",
        create_path="/tasks/{parent}/stories",
        delete_path="/stories/{id}",
        list_params=_fields(tasks.STORY_FIELDS),
        parent_at="target.gid",
    ),
    "tag": _endpoint(
        "tag",
        "/tags",
        {"opt_fields": "name,color,permalink_url"},
        list_path="/workspaces/{workspace}/tags",
        create_path="/tags",
        delete_path="/tags/{id}",
        list_params={"opt_fields": "name,color,permalink_url"},
        url_at="permalink_url",
    ),
    "project": _endpoint(
        "project",
        "/projects",
        {"opt_fields": PROJECT_FIELDS},
        list_path="/projects?workspace={workspace}",
        create_path="/projects",
        list_params={"opt_fields": PROJECT_FIELDS},
        version_at="modified_at",
        updated_at="modified_at",
        url_at="permalink_url",
        archived_at="archived",
    ),
    "user": _endpoint(
        "user",
        "/users",
        {"opt_fields": "name,email"},
        list_path="/users?workspace={workspace}",
        list_params={"opt_fields": "name,email"},
    ),
}

#: a get by an id that is none
NO_SUCH_ID = (ErrorRule(Reaction.NOT_FOUND, status=(400,), body_contains="Not a recognized ID"),)


class AsanaClient(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.project_id = str(settings.get("project_id") or "")
        self.key_field = str(settings.get("key_field") or "")
        self._project: Mapping[str, Any] | None = None
        self._custom: dict[str, tasks.CustomField] | None = None
        self._tags: dict[str, str] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"project": self.project_id}

    def _path(self, template: str, **values: Any) -> str:
        """Which workspace it is the project tells, so it is asked for only where a path needs it."""
        more = {"workspace": self.workspace_id()} if "{workspace}" in template else {}
        return super()._path(template, **more, **values)

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]:
        if self._project is None or afresh:
            path = f"/projects/{self.project_id}"
            answer = self.session.get(path, params={"opt_fields": PROJECT_FIELDS}, rules=NO_SUCH_ID)
            self._project = self.record_in(ENDPOINTS["project"], answer)
        return self._project

    def workspace_id(self) -> str:
        found = read_path(self.project(), "workspace.gid", None)
        if not isinstance(found, str):
            raise ContractBroken("The project does not say which workspace it is in.")
        return found

    def custom_fields(self) -> dict[str, tasks.CustomField]:
        if self._custom is None:
            fields = [f"custom_field.{name}" for name in ("name", "resource_subtype", "enum_options")]
            fields += ["custom_field.enum_options.name", "custom_field.enum_options.enabled"]
            path = f"/projects/{self.project_id}/custom_field_settings"
            rows = self.every(path, _fields(fields))
            found = [read_path(row, "custom_field", None) for row in rows]
            known = [tasks.CustomField.from_row(one) for one in found if isinstance(one, dict)]
            self._custom = {one.gid: one for one in known}
        return self._custom

    def priority_field(self) -> str:
        """The gid of the field that holds the priority: as set, else an enum field called Priority; "" for none."""
        chosen = str(self.settings.get("priority_field") or "")
        if chosen:
            return chosen
        fields = self.custom_fields().values()
        return next((one.gid for one in fields if tasks.is_priority(one.name, one.kind)), "")

    def every(self, path: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """All rows of a listing, page after page."""
        endpoint = Endpoint(
            "row", list_path=path, list_params=params, pager=PAGER, rows_at="data", id_at="gid"
        )
        token = None
        while True:
            ask = PAGER.ask(token)
            answer = self.session.get(path, params={**params, **ask.params})
            rows = self.rows(endpoint, answer)
            yield from rows
            following = read_path(answer.body, "next_page.offset", None)
            if not following or following == token:
                return
            token = following

    # --- reading -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        if endpoint.name == "comment":
            return row.get("resource_subtype") == "comment_added"
        if endpoint.name == "task":  # names that end in a colon were headings before there were sections
            return not str(row.get("name") or "").endswith(":")
        return True

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        match endpoint.name:
            case "task":
                chosen = str(self.settings.get("priority_field") or "")
                data = tasks.normalised_task(row, self.project_id, chosen)
                return dataclasses.replace(record, data=data, container=self.project_id)
            case "comment":
                data = tasks.normalised_comment(row)
                version = digest([row.get("html_text")])[:16]
                return dataclasses.replace(record, data=data, version=version, container=self.project_id)
            case "tag":
                data = {**row, "hub": {"colour": tasks.colour_code(row.get("color"))}}
                version = digest([row.get("name"), row.get("color")])[:16]
                return dataclasses.replace(record, data=data, version=version)
            case "project":
                data = {**row, "html_notes": from_asana(row.get("html_notes"))}
                data["hub"] = {"owner": read_path(row, "owner.gid", None)}
                return dataclasses.replace(record, data=data)
        return record

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        page = super().list_page(resource, since=since, token=token, parent_id=parent_id)
        if resource != "task":
            return page
        return dataclasses.replace(page, records=self._with_subtasks(page.records))

    def _with_subtasks(self, records: Sequence[ExternalRecord]) -> list[ExternalRecord]:
        """The tasks and what is below them: a project's listing holds only the subtasks that were put into it."""
        found = list(records)
        if str(self.settings.get("subtasks") or "").lower() == "no":
            return found
        parents = [one.id for one in records if one.data.get("num_subtasks")]
        for _ in range(MAX_DEPTH):
            if not parents:
                break
            rows = [row for rows in self._subtasks_of(parents) for row in rows]
            parents = [str(row.get("gid")) for row in rows if row.get("num_subtasks")]
            endpoint = ENDPOINTS["task"]
            found += [
                self.to_record(endpoint, row, answer=None, parent_id=None)
                for row in rows
                if self.is_wanted(endpoint, row) and tasks.section_of(row, self.project_id) is None
            ]
        return found

    def _subtasks_of(self, parents: Sequence[str]) -> Iterator[list[Mapping[str, Any]]]:
        paths = [f"/tasks/{gid}/subtasks" for gid in parents]
        for path, body in self._batch(paths, limit=PAGE):
            if read_path(body, "next_page.offset", None):
                yield list(self.every(path, _fields(tasks.TASK_FIELDS)))
            else:
                yield self._rows_of(body)

    def _rows_of(self, body: Any) -> list[Mapping[str, Any]]:
        rows = read_path(body, "data", None)
        if not isinstance(rows, list):
            raise ContractBroken("The batch's answer holds no list of subtasks.")
        return [row for row in rows if isinstance(row, dict)]

    def _batch(self, paths: Sequence[str], **options: Any) -> Iterator[tuple[str, Any]]:
        """The readable ones' bodies, ten per request; each counts against the limit like a request of its own."""
        options["fields"] = list(tasks.TASK_FIELDS)
        for start in range(0, len(paths), PER_BATCH):
            chunk = paths[start : start + PER_BATCH]
            actions = [{"relative_path": path, "method": "get", "options": options} for path in chunk]
            answer = self.session.request(
                "POST", "/batch", json={"data": {"actions": actions}}, cost=len(chunk), is_repeatable=True
            )
            parts = read_path(answer.body, "data", None)
            if not isinstance(parts, list) or len(parts) != len(chunk):
                raise ContractBroken("The batch's answer does not fit the batch.", exchange=answer.exchange)
            for path, part in zip(chunk, parts, strict=True):
                if self._is_good_part(part, answer):
                    yield path, part.get("body")

    def _is_good_part(self, part: Any, answer: Answer) -> bool:
        """False for one that is gone or not ours to see. Raises what else went wrong with it."""
        if not isinstance(part, dict) or not isinstance(part.get("status_code"), int):
            raise ContractBroken("A part of the batch's answer has no status.", exchange=answer.exchange)
        headers = {str(name).lower(): str(value) for name, value in (part.get("headers") or {}).items()}
        now = self.session.environment.now()
        heard = Heard(part["status_code"], headers, part.get("body"), "", now, True, exchange=answer.exchange)
        failure = error_for(heard)
        if isinstance(failure, RecordGone | PermissionProblem):
            return False
        if failure is not None:
            raise failure
        return True

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        record = self._read(resource, external_id)
        if resource == "task" and not self._is_here(record):
            raise RecordGone("The task is no longer in the project.")
        if resource == "comment" and not self.is_wanted(ENDPOINTS["comment"], record.data):
            raise RecordGone("This story is no comment.")
        return record

    def _read(self, resource: str, external_id: str) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        path = self._path(endpoint.get_path, id=external_id)
        answer = self.session.get(path, params=endpoint.get_params, rules=NO_SUCH_ID)
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=None)

    def _is_here(self, record: ExternalRecord) -> bool:
        """Tasks of the project, and subtasks, which need not be in any."""
        return (
            record.data["hub"].get("parent") is not None
            or tasks.section_of(record.data, self.project_id) is not None
        )

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource != "task":
            return super().get_many(resource, external_ids)
        found: dict[str, ExternalRecord] = {}
        paths = [self._path("/tasks/{id}", id=id) for id in external_ids]
        for _, body in self._batch(paths):
            row = read_path(body, "data", None)
            if isinstance(row, dict):
                record = self.to_record(ENDPOINTS["task"], row, answer=None, parent_id=None)
                if self._is_here(record):
                    found[record.id] = dataclasses.replace(record, complete=True)
        return found

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource == "task":
            return self._create_task(fields, key)
        if resource == "comment" and not parent_id:
            raise RecordProblem("A comment needs the task it belongs to.", field="task")
        if resource == "tag":
            name = str(fields.get("name") or "")
            gid = self._known_tags(afresh=True).get(
                name.casefold()
            )  # Asana would make a second one of that name
            if gid:
                return self.get("tag", gid)
            self._tags = None
        return super().create(resource, fields, key=key, parent_id=parent_id)

    def _create_task(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        write = self._plan(fields, {})
        body = {name: value for name, value in write.body.items() if value is not None}
        if "name" not in body:
            raise RecordProblem("A task needs a name.", field="name")
        body["projects"] = [self.project_id]
        if write.section:
            body["memberships"] = [{"project": self.project_id, "section": write.section}]
        if write.parent:
            body["parent"] = write.parent
        if write.add_tags:
            body["tags"] = [self.tag_gid(name) for name in write.add_tags]
        if self.key_field == tasks.EXTERNAL_KEY:
            body["external"] = {"gid": key}
        elif self.key_field:
            body.setdefault("custom_fields", {})[self.key_field] = key
        endpoint = ENDPOINTS["task"]
        answer = self._send("POST", "/tasks", body, fields, params=endpoint.write_params)
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=None)

    def _plan(self, fields: Mapping[str, Any], current: Mapping[str, Any]) -> tasks.TaskWrite:
        needs_custom = any(path == "hub.priority" or path.startswith("custom.") for path in fields)
        return tasks.task_write(
            fields,
            current,
            self.custom_fields() if needs_custom else {},
            priority_field=self.priority_field() if needs_custom else "",
            done_section=str(self.settings.get("done_section") or ""),
        )

    def _send(
        self, method: str, path: str, body: Mapping[str, Any], fields: Mapping[str, Any], **options: Any
    ) -> Answer:
        """A write; a refusal names the mapped path where Asana's words tell which property it is about."""
        try:
            return self.session.request(method, path, json={"data": dict(body)}, **options)
        except RecordGone as gone:  # not the task itself perhaps, but a person or section it was to refer to
            field = tasks.refused_field(gone.message, fields)
            if field is None:
                raise
            raise RecordProblem(
                gone.message, field=field, status=gone.status, exchange=gone.exchange
            ) from gone
        except RecordProblem as problem:
            if type(problem) is RecordProblem and problem.field is None:
                problem.field = tasks.refused_field(problem.message, fields)
            raise

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        """The JSON for comments, tags and projects; tasks go their own way."""
        match endpoint.name:
            case "comment":
                return {"data": {"html_text": _comment_html(fields, current, key)}}
            case "tag":
                body = _tag_body(fields)
                return {"data": body if current else {**body, "workspace": self.workspace_id()}}
        body = _project_body(fields)
        if current is None:
            body = {name: value for name, value in body.items() if value is not None}
            body["workspace"] = self.workspace_id()
            if self.settings.get("team_id"):
                body["team"] = str(self.settings["team_id"])
        return {"data": body}

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        now = self.get(resource, external_id)
        compared = {
            path: fields.get(path, MISSING)
            for path in tasks.overwritten(fields)
            if path not in ("hub.author", "hub.ref")
        }
        self.refuse_stale(current, now, compared)
        if resource == "task":
            return self._update_task(external_id, fields, current, now)
        if resource == "comment" and says_nothing_new(fields, now, "html_text"):
            return now
        self._tags = None
        return super().update(resource, external_id, fields, current=now)

    def _update_task(
        self, external_id: str, fields: Mapping[str, Any], current: ExternalRecord, now: ExternalRecord
    ) -> ExternalRecord:
        # tags are added and removed by what the caller saw, so others' stay; all else by what the task is now
        write = self._plan(fields, {**now.data, "tags": current.data.get("tags", now.data.get("tags"))})
        endpoint = ENDPOINTS["task"]
        path = self._path(endpoint.update_path, id=external_id)
        answer: Answer | None = None
        if write.body:
            answer = self._send("PUT", path, write.body, fields, params=endpoint.write_params)
        if write.section and self._may_move(now):
            section = self._path("/sections/{id}/addTask", id=write.section)
            self._send("POST", section, {"task": external_id}, fields, is_repeatable=True)
        if write.parent != "":
            self._send("POST", f"{path}/setParent", {"parent": write.parent}, fields, is_repeatable=True)
        for name in write.add_tags:
            self._send("POST", f"{path}/addTag", {"tag": self.tag_gid(name)}, fields, is_repeatable=True)
        for gid in write.remove_tags:
            self._send("POST", f"{path}/removeTag", {"tag": gid}, fields, is_repeatable=True, ok=(404,))
        if answer is None or write.needs_read_back:
            return self.get("task", external_id)
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=None)

    def _may_move(self, now: ExternalRecord) -> bool:
        """A subtask that is in no section stays so: adding it to one would put it on the board."""
        return tasks.section_of(now.data, self.project_id) is not None

    def _known_tags(self, *, afresh: bool = False) -> dict[str, str]:
        if self._tags is None or afresh:
            rows = self.every(f"/workspaces/{self.workspace_id()}/tags", {"opt_fields": "name"})
            self._tags = {str(row.get("name") or "").casefold(): str(row.get("gid")) for row in rows}
        return self._tags

    def tag_gid(self, name: str) -> str:
        """The workspace's tag of that name, made if there is none."""
        known = self._known_tags()
        if name.casefold() not in known:
            body = {"data": {"name": name, "workspace": self.workspace_id()}}
            # looked up by name first, so a repetition finds what a lost answer left
            answer = self.session.request("POST", "/tags", json=body, is_repeatable=True)
            known[name.casefold()] = str(self.record_in(ENDPOINTS["tag"], answer)["gid"])
        return known[name.casefold()]

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource != "project":
            raise self.cannot("archive", resource)
        path = self._path("/projects/{id}", id=external_id)
        self.session.request("PUT", path, json={"data": {"archived": True}})

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        if resource == "comment" and parent_id:
            wanted = ref_of(key)
            rows = self.every(self._path("/tasks/{id}/stories", id=parent_id), _fields(tasks.STORY_FIELDS))
            found = (
                self.to_record(ENDPOINTS["comment"], row, answer=None, parent_id=parent_id)
                for row in rows
                if self.is_wanted(ENDPOINTS["comment"], row)
            )
            return next((one for one in found if one.data["hub"]["ref"] == wanted), None)
        if resource != "task" or not self.key_field:
            return None
        if self.key_field == tasks.EXTERNAL_KEY:
            try:
                return self.get("task", f"external:{key}")
            except RecordGone:
                return None
        params = {
            "project": self.project_id,
            "modified_since": ENDPOINTS["task"].since.value(since) if ENDPOINTS["task"].since else None,
            "opt_fields": "custom_fields.text_value",
        }
        for row in self.every("/tasks", params):
            values = {str(one.get("gid")): one.get("text_value") for one in row.get("custom_fields") or ()}
            if values.get(self.key_field) == key:
                return self.get("task", str(row["gid"]))
        return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained: dict[str, Absence] = {}
        for id in external_ids:
            try:
                record = self._read(resource, id)
            except RecordGone:
                explained[id] = Absence(AbsenceKind.UNKNOWN, "Asana knows no such record.")
            except PermissionProblem as error:
                explained[id] = Absence(AbsenceKind.NO_ACCESS, error.message)
            else:
                explained[id] = self._absence_of_present(resource, record)
        unknown = [id for id, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if unknown and resource != "user":
            if self._is_readable():
                gone = Absence(
                    AbsenceKind.DELETED, "Asana knows no such record, and the project can be read."
                )
            else:
                gone = Absence(AbsenceKind.NO_ACCESS, "The project itself cannot be read.")
            explained |= dict.fromkeys(unknown, gone)
        return explained

    def _absence_of_present(self, resource: str, record: ExternalRecord) -> Absence:
        if resource == "task" and not self._is_here(record):
            return Absence(AbsenceKind.MOVED, "Taken out of the project.", record)
        return Absence(AbsenceKind.ARCHIVED if record.is_archived else AbsenceKind.PRESENT, record=record)

    def _is_readable(self) -> bool:
        try:
            self.project(afresh=True)
        except (RecordGone, PermissionProblem, ConfigurationProblem):
            return False
        return True

    def container_token(self) -> str:
        return digest([self.session.base_url, self.workspace_id(), self.project_id])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = self.session.get("/users/me", params={"opt_fields": "name,email"}).body
        name, gid = read_path(me, "data.name", None), read_path(me, "data.gid", None)
        if not isinstance(gid, str):
            raise ContractBroken("The answer does not say whose token this is.")
        return str(name or ""), gid

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """One per project and address. Asana makes up what it signs with, and tells it once: when it is made."""
        return discovery.ensure_webhook(self, url)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _comment_html(fields: Mapping[str, Any], current: ExternalRecord | None, key: str) -> str:
    parts = signed(fields, current, "html_text", key=key)
    html = to_asana(parts.text).removeprefix("<body>").removesuffix("</body>")
    if not html.strip():
        raise RecordProblem("A comment cannot be empty.", field="html_text")
    return f"<body>{put_together(dataclasses.replace(parts, text=html), 'html')}</body>"


def _tag_body(fields: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case "name" if str(value or "").strip():
                body["name"] = str(value)
            case "hub.colour":
                body["color"] = tasks.colour_name(value)
            case _:
                raise RecordProblem(f"{path} cannot be written so.", field=path)
    return body


def _project_body(fields: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case "name" if str(value or "").strip():
                body["name"] = str(value)
            case "html_notes":
                body["html_notes"] = to_asana(value)
            case "due_on" | "start_on":
                body[path] = value or None
            case "archived":
                body[path] = bool(value)
            case "hub.owner":
                body["owner"] = str(value) if value else None
            case _:
                raise RecordProblem(f"{path} cannot be written so.", field=path)
    return body
