"""The client of one list. ClickUp keeps the last write and has no versions, so every update reads, compares and then
writes only what is to change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base.client import Endpoint, RestClient, Since, digest, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RecordGone,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.paging import PageAsk, PageNumber, PageSeen
from connectors.base.paths import MISSING, read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.signoff import put_together, ref_of, says_nothing_new, signed
from connectors.base.times import format_instant
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

COMMENTS_PER_PAGE = 25
CLOCK_MARGIN = timedelta(minutes=10)  # between their clock and ours


@dataclass(frozen=True, slots=True)
class UntilLastPage(PageNumber):
    """``?page=0`` and on, until the answer says ``last_page``."""

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        is_last = read_path(seen.body, "last_page", None)
        if not isinstance(is_last, bool):
            raise ContractBroken("The answer does not say whether it is the last page.")
        return None if is_last else (self.start if token is None else int(token)) + 1


@dataclass(frozen=True, slots=True)
class OlderThan:
    """Newest first; the oldest seen (time and id) leads to the next page. A short page is the last."""

    def ask(self, token: Any) -> PageAsk:
        return PageAsk() if token is None else PageAsk(params={"start": token[0], "start_id": token[1]})

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        if len(seen.rows) < COMMENTS_PER_PAGE:
            return None
        last = seen.rows[-1]
        place = [read_path(last, "date", None), read_path(last, "id", None)]
        if None in place:
            raise ContractBroken("The last comment has no time or id to go on from.")
        return place


ENDPOINTS: Mapping[str, Endpoint] = {
    "task": Endpoint(
        "task",
        list_path="/v2/list/{list}/task",
        get_path="/v2/task/{id}",
        create_path="/v2/list/{list}/task",
        update_path="/v2/task/{id}",
        delete_path="/v2/task/{id}",
        update_method="PUT",
        # closed ones and subtasks are left out unless asked for; creation never changes the order while we page
        list_params={
            "include_closed": True, "subtasks": True, "include_markdown_description": True, "order_by": "created", "reverse": True,
        },
        get_params={"include_markdown_description": True},
        pager=UntilLastPage(param="page", start=0),
        since=Since("date_updated_gt", style="epoch_ms", granularity="ms"),
        rows_at="tasks",
        version_at="date_updated",
        updated_at="date_updated",
        url_at="url",
        archived_at="archived",
    ),
    "comment": Endpoint(
        "comment",
        list_path="/v2/task/{parent}/comment",
        create_path="/v2/task/{parent}/comment",
        update_path="/v2/comment/{id}",
        delete_path="/v2/comment/{id}",
        update_method="PUT",
        pager=OlderThan(),
        rows_at="comments",
    ),
    "tag": Endpoint(
        "tag",
        list_path="/v2/space/{space}/tag",
        create_path="/v2/space/{space}/tag",
        delete_path="/v2/space/{space}/tag/{id}",
        rows_at="tags",
        id_at="name",
    ),
    "list": Endpoint(
        "list",
        list_path="/v2/space/{space}/list",
        get_path="/v2/list/{id}",
        create_path="/v2/space/{space}/list",
        update_path="/v2/list/{id}",
        update_method="PUT",
        rows_at="lists",
        archived_at="archived",
    ),
    "member": Endpoint("member", list_path="/v2/list/{list}/member", rows_at="members"),
}  # fmt: skip


class ClickUpClient(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.list_id = str(settings.get("list_id") or "")
        self.key_field = str(settings.get("key_field") or "")
        self._list: Mapping[str, Any] | None = None
        self._team = str(settings.get("workspace_id") or "")
        self._zone: ZoneInfo | None = None
        self._custom: dict[str, tasks.CustomField] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"list": self.list_id}

    def _path(self, template: str, **values: Any) -> str:
        """Which space it is the list tells, so it is asked for only where a path needs it."""
        more = {"space": self.space_id()} if "{space}" in template else {}
        return super()._path(template, **more, **values)

    def the_list(self, *, afresh: bool = False) -> Mapping[str, Any]:
        if self._list is None or afresh:
            answer = self.session.get(self._path("/v2/list/{list}"))
            self._list = self.record_in(ENDPOINTS["list"], answer)
        return self._list

    def space_id(self) -> str:
        found = read_path(self.the_list(), "space.id", None)
        if found is None:
            raise ContractBroken("The list does not say which space it is in.")
        return str(found)

    def team_id(self) -> str:
        """The workspace: as set, else the only one of the token, else the one whose spaces hold the list's."""
        if not self._team:
            teams = discovery.teams(self)
            if len(teams) > 1:
                space = self.space_id()
                teams = [one for one in teams if space in [row.id for row in discovery.spaces(self, one.id)]]
            if not teams:
                raise ConfigurationProblem("The token sees no workspace with this list.", code="permission")
            self._team = teams[0].id
        return self._team

    def zone(self) -> ZoneInfo:
        """The zone that dates without a time are kept in: as set, else the account's, else UTC."""
        if self._zone is None:
            name = str(self.settings.get("time_zone") or "")
            if not name:
                me = self.session.get("/v2/user").body
                name = str(read_path(me, "user.timezone", "") or "UTC")
            try:
                self._zone = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                raise ConfigurationProblem(f"{name!r} is no time zone.", code="validation") from None
        return self._zone

    def statuses(self) -> dict[str, str]:
        """The list's statuses as they are written, by their lower case."""
        rows = rows_in(self.the_list(), "statuses", "statuses")
        names = [str(read_path(row, "status", "") or "") for row in rows]
        return {name.casefold(): name for name in names if name}

    def custom_fields(self) -> dict[str, tasks.CustomField]:
        if self._custom is None:
            rows = rows_in(
                self.session.get(self._path("/v2/list/{list}/field")).body, "fields", "custom fields"
            )
            known = [tasks.CustomField.from_row(row) for row in rows if isinstance(row, dict)]
            self._custom = {one.id: one for one in known}
        return self._custom

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        match endpoint.name:
            case "task":
                has_dates = row.get("due_date") or row.get("start_date")
                data = tasks.normalised_task(row, self.zone() if has_dates else ZoneInfo("UTC"))
                return dataclasses.replace(
                    record, data=data, container=str(read_path(row, "list.id", "") or "")
                )
            case "comment":
                data = tasks.normalised_comment(row)
                version = digest([row.get("comment_text"), row.get("resolved")])[:16]
                return dataclasses.replace(record, data=data, version=version, parent_id=parent_id)
            case "tag":
                data = {**row, "hub": {"colour": row.get("tag_bg")}}
                return dataclasses.replace(record, data=data, version=digest(data)[:16])
            case "list":
                due = tasks.day_of(row["due_date"], self.zone()) if row.get("due_date") else None
                data = {**row, "hub": {"due_on": due}}
                version = digest([row.get("name"), row.get("content"), row.get("due_date")])[:16]
                return dataclasses.replace(record, data=data, version=version)
        return record

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource != "list":
            return super().list_page(resource, since=since, token=token, parent_id=parent_id)
        page = super().list_page("list")
        in_folders = discovery.folder_lists(self, self.space_id())
        records = [self.to_record(ENDPOINTS["list"], row, answer=None, parent_id=None) for row in in_folders]
        return dataclasses.replace(page, records=[*page.records, *records])

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        match resource:
            case "task":
                record = super().get("task", external_id)
                if record.container != self.list_id:
                    raise RecordGone("The task is in another list now.")
                return record
            case "list":
                return super().get("list", external_id)
        found = next((one for one in self._all(resource, parent_id) if one.id == external_id), None)
        if found is None:
            raise RecordGone(f"There is no such {resource} any more.")
        return dataclasses.replace(found, complete=True)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource in ("tag", "member"):
            wanted = set(external_ids)
            return {
                one.id: dataclasses.replace(one, complete=True)
                for one in self._all(resource)
                if one.id in wanted
            }
        return super().get_many(resource, external_ids)

    def _all(
        self, resource: str, parent_id: str | None = None, since: datetime | None = None
    ) -> Iterator[ExternalRecord]:
        if resource == "comment" and not parent_id:
            raise RecordProblem("A comment is only found by its task.", field="task")
        yield from self.walk(resource, since=since, parent_id=parent_id)

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        match resource:
            case "task":
                return self._create_task(fields, key)
            case "comment":
                return self._create_comment(fields, key, parent_id)
            case "tag":
                return self._create_tag(fields)
            case "list":
                return self._create_list(fields)
        raise self.cannot("create", resource)

    def _plan(self, fields: Mapping[str, Any], current: Mapping[str, Any]) -> tasks.TaskWrite:
        needs_zone = "hub.due_on" in fields or "hub.start_on" in fields
        statuses = self.statuses() if "hub.status" in fields else {}
        return tasks.task_write(fields, current, self.zone() if needs_zone else ZoneInfo("UTC"), statuses)

    def _create_task(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        write = self._plan(fields, {})
        body = {name: value for name, value in write.body.items() if value not in (None, " ")}
        if "name" not in body:
            raise RecordProblem("A task needs a name.", field="name")
        is_archived = body.pop("archived", False)
        body["notify_all"] = False
        if write.add_assignees:
            body["assignees"] = write.add_assignees
        if write.add_tags:
            body["tags"] = write.add_tags
        custom = [
            {"id": id, **self._custom_body(id, value, None)}
            for id, value in write.custom.items()
            if value not in (None, "", [])
        ]
        if self.key_field:
            custom.append({"id": self.key_field, "value": key})
        if custom:
            body["custom_fields"] = custom
        answer = self.session.request("POST", self._path(ENDPOINTS["task"].create_path), json=body)
        id = str(read_path(answer.body, "id", "") or "")
        if not id:
            raise ContractBroken("The answer holds no task.", exchange=answer.exchange)
        # the answer shows the description without its Markdown
        return self._finished("task", id, None, is_archived=bool(is_archived))

    def _finished(
        self, resource: str, id: str, parent_id: str | None, *, is_archived: bool = False
    ) -> ExternalRecord:
        """What was made, read back. It is there: it must be found by its key if this fails, never made again."""
        try:
            if is_archived:
                self.archive(resource, id)
            return self.get(resource, id, parent_id=parent_id)
        except SyncError as error:
            raise Retryable(
                f"The {resource} was made, but not read back: {error.message}", ambiguous=True
            ) from error

    def _create_comment(self, fields: Mapping[str, Any], key: str, parent_id: str | None) -> ExternalRecord:
        if not parent_id:
            raise RecordProblem("A comment needs the task it belongs to.", field="task")
        body = {"comment_text": _comment_text(fields, None, key), "notify_all": False}
        answer = self.session.request("POST", self._path("/v2/task/{id}/comment", id=parent_id), json=body)
        id = read_path(answer.body, "id", None)
        if not id:
            raise ContractBroken("The answer holds no comment.", exchange=answer.exchange)
        return self._finished("comment", str(id), parent_id)

    def _create_tag(self, fields: Mapping[str, Any]) -> ExternalRecord:
        """Found by its name, or made. ClickUp knows tags by nothing else."""
        name = str(fields.get("name") or "").strip().lower()
        if not name:
            raise RecordProblem("A tag needs a name.", field="name")
        try:
            return self.get("tag", name)
        except RecordGone:
            pass
        shade = tasks.colour(fields["hub.colour"]) if fields.get("hub.colour") else "#800080"
        body = {"tag": {"name": name, "tag_fg": "#ffffff", "tag_bg": shade}}
        self.session.request("POST", self._path(ENDPOINTS["tag"].create_path), json=body)
        return self.get("tag", name)

    def _create_list(self, fields: Mapping[str, Any]) -> ExternalRecord:
        """Beside the chosen one: in its folder, else in the space."""
        folder = read_path(self.the_list(), "folder", None) or {}
        is_in_folder = folder.get("id") and not folder.get("hidden")
        path = (
            self._path("/v2/folder/{id}/list", id=folder["id"])
            if is_in_folder
            else self._path("/v2/space/{space}/list")
        )
        body = {name: value for name, value in self._list_body(fields).items() if value is not None}
        answer = self.session.request("POST", path, json=body)
        return self.to_record(
            ENDPOINTS["list"], self.record_in(ENDPOINTS["list"], answer), answer=answer, parent_id=None
        )

    def _list_body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for path, value in fields.items():
            match path:
                case "name" if str(value or "").strip():
                    body["name"] = str(value)
                case "content":
                    body["content"] = str(value or "")
                case "hub.due_on":
                    body["due_date"] = tasks.ms_of(value, self.zone(), path)
                    if body["due_date"] is not None:
                        body["due_date_time"] = False
                case _:
                    raise RecordProblem(f"{path} of a list cannot be written so.", field=path)
        return body

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        parent = parent_id or current.parent_id
        now = self.get(resource, external_id, parent_id=parent)
        compared = {
            path: fields.get(path, MISSING) for path in tasks.overwritten(fields) if path != "hub.author"
        }
        self.refuse_stale(current, now, compared)
        match resource:
            case "task":
                return self._update_task(external_id, fields, current, now)
            case "comment":
                if says_nothing_new(fields, now, "comment_text"):
                    return now
                body = {
                    "comment_text": _comment_text(fields, now, ""),
                    "resolved": bool(now.data.get("resolved")),
                }
                if assignee := read_path(now.data, "assignee.id", None):
                    body["assignee"] = assignee
                self._put("comment", external_id, body)
                return self.get("comment", external_id, parent_id=parent)
            case "list":
                body = {
                    "name": now.data.get("name"),
                    **self._list_body(fields),
                }  # ClickUp wants the name each time
                self._put("list", external_id, body)
                return self.get("list", external_id)
        raise self.cannot("update", resource)

    def _put(self, resource: str, id: str, body: Mapping[str, Any]) -> Answer:
        path = self._path(ENDPOINTS[resource].update_path, id=id)
        return self.session.request("PUT", path, json=dict(body), expect_json=False)

    def _update_task(
        self, external_id: str, fields: Mapping[str, Any], current: ExternalRecord, now: ExternalRecord
    ) -> ExternalRecord:
        # people and tags are added and removed by what the caller saw: others' stay
        write = self._plan(fields, current.data)
        body = dict(write.body)
        if write.add_assignees or write.remove_assignees:
            body["assignees"] = {"add": write.add_assignees, "rem": write.remove_assignees}
        send, path = self.session.request, self._path("/v2/task/{id}", id=external_id)
        if body:
            self._put("task", external_id, body)
        for name in write.add_tags:
            send("POST", self._path(f"{path}/tag/{{name}}", name=name), expect_json=False, is_repeatable=True)
        for name in write.remove_tags:
            send("DELETE", self._path(f"{path}/tag/{{name}}", name=name), expect_json=False, ok=(404,))
        for id, value in write.custom.items():
            field = self._path(f"{path}/field/{{field}}", field=id)
            if value in (None, "", []):
                send("DELETE", field, expect_json=False)
            else:
                before = read_path(now.data, "custom", {}).get(id)
                send(
                    "POST",
                    field,
                    json=self._custom_body(id, value, before),
                    expect_json=False,
                    is_repeatable=True,
                )
        return self.get("task", external_id)  # the answer shows the description without its Markdown

    def _custom_body(self, id: str, value: Any, before: Any) -> dict[str, Any]:
        known = self.custom_fields().get(id)
        if known is None:
            raise RecordProblem("The list has no such custom field.", field=f"custom.{id}")
        try:
            return known.body(value, before)
        except (ValueError, TypeError):
            raise RecordProblem(
                f"The field {known.name} does not take {value!r}.", field=f"custom.{id}"
            ) from None

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource != "task":
            raise self.cannot("archive", resource)
        self._put("task", external_id, {"archived": True})

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """Deleting what is already gone is success. Of a tag ClickUp wants all it knows in the body."""
        if resource != "tag":
            super().delete(resource, external_id, current=current)
            return
        shade = read_path(current.data, "tag_bg", None) if current else None
        body = {"tag": {"name": external_id, "tag_fg": "#ffffff", "tag_bg": str(shade or "#000000")}}
        path = self._path(ENDPOINTS["tag"].delete_path, id=external_id)
        self.session.request("DELETE", path, json=body, expect_json=False, ok=(404,))

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        if resource == "comment" and parent_id:
            wanted = ref_of(key)
            return next(
                (one for one in self._all("comment", parent_id) if one.data["hub"]["ref"] == wanted), None
            )
        if resource != "task" or not self.key_field:
            return None
        # by creation and not by the field's own filter, which is a search and may lag behind
        edge = format_instant(since - CLOCK_MARGIN, "epoch_ms", granularity="ms")
        for is_archived in (False, True):
            params = {**ENDPOINTS["task"].list_params, "archived": is_archived, "date_created_gt": edge}
            for row in self._rows_of_all_pages(params):
                if tasks.has_value(row, self.key_field, key):
                    return self.get("task", str(row.get("id")))
        return None

    def _rows_of_all_pages(self, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        endpoint, token = ENDPOINTS["task"], None
        while True:
            ask = endpoint.pager.ask(token)
            answer = self.session.get(self._path(endpoint.list_path), params={**params, **ask.params})
            rows = self.rows(endpoint, answer)
            yield from (row for row in rows if isinstance(row, dict))
            token = endpoint.pager.next_token(token, PageSeen(answer.body, answer.headers, rows))
            if token is None or not rows:
                return

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained: dict[str, Absence] = {}
        for id in external_ids:
            explained[id] = self._explain(resource, id, parent_id)
        unknown = [id for id, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if unknown and resource != "member":
            if self._is_readable():
                gone = Absence(AbsenceKind.DELETED, "ClickUp says it is not there, and the list can be read.")
            else:
                gone = Absence(AbsenceKind.NO_ACCESS, "The list itself cannot be read.")
            explained |= dict.fromkeys(unknown, gone)
        return explained

    def _explain(self, resource: str, id: str, parent_id: str | None) -> Absence:
        try:
            record = (
                super().get("task", id) if resource == "task" else self.get(resource, id, parent_id=parent_id)
            )
        except RecordGone as error:
            return Absence(AbsenceKind.UNKNOWN, error.message)
        except PermissionProblem as error:
            return Absence(AbsenceKind.NO_ACCESS, error.message)
        if resource == "task" and record.container != self.list_id:
            return Absence(AbsenceKind.MOVED, "Moved to another list.", record)
        return Absence(AbsenceKind.ARCHIVED if record.is_archived else AbsenceKind.PRESENT, record=record)

    def _is_readable(self) -> bool:
        try:
            self.the_list(afresh=True)
        except (RecordGone, PermissionProblem, ConfigurationProblem):
            return False
        return True

    def container_token(self) -> str:
        return digest([self.session.base_url, self.space_id(), self.list_id])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = self.session.get("/v2/user").body
        name, id = read_path(me, "user.username", None), read_path(me, "user.id", None)
        if id is None:
            raise ContractBroken("The answer does not say whose token this is.")
        return str(name or ""), str(id)

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """One per list and address. ClickUp makes up what it signs with and tells it each time."""
        return discovery.ensure_webhook(self, url)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _comment_text(fields: Mapping[str, Any], current: ExternalRecord | None, key: str) -> str:
    return put_together(signed(fields, current, "comment_text", key=key))
