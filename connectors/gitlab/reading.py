"""Reading a project, and the epics of a group: issues, notes, milestones, labels and people."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.changes import ChangeWalk
from connectors.base.client import Endpoint, RestClient, digest
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, RecordProblem
from connectors.base.paging import CursorToken, PageSeen, parse_links
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import Absence, AbsenceKind, ExternalRecord, Page

from .issues import Options, normalised
from .text import read_text

PAGE_SIZE = 100
REPORTER = 20  # from this level on an account sees confidential issues, so that a 404 means "deleted"

PROJECT, GROUP = "/projects/{project}", "/groups/{group}"


def next_page(headers: Mapping[str, str]) -> str:
    """The number of the next page, "" at the end. Raises ``ContractBroken`` if the answer does not say.

    The numbers are followed, not the Link header's addresses: behind a proxy those may name another host.
    """
    if "x-next-page" in headers:
        return headers["x-next-page"].strip()
    if "link" not in headers:
        raise ContractBroken("The answer does not say whether there is a next page.")
    if "next" in parse_links(headers["link"]):
        raise ContractBroken("The listing goes on in a way that was not asked for.")
    return ""


@dataclasses.dataclass(frozen=True, slots=True)
class NextPage(CursorToken):
    """``page`` and ``per_page``; ends where ``x-next-page`` is empty."""

    param: str = "page"
    size_param: str = "per_page"
    size: int = PAGE_SIZE

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        following = next_page(seen.headers)
        if following and following == str(token):
            raise ContractBroken("The API gave the same page number twice.")
        return following or None


def _endpoint(name: str, place: str, tail: str, **options: Any) -> Endpoint:
    one = f"{place}{tail}/{{id}}"
    return Endpoint(
        name,
        list_path=f"{place}{tail}",
        create_path=f"{place}{tail}",
        get_path=one,
        update_path=one,
        delete_path=one,
        update_method="PUT",
        pager=NextPage(),
        **options,
    )


_BY_CHANGE = {"order_by": "updated_at", "sort": "asc"}
_CHANGED: dict[str, Any] = {"updated_at": "updated_at"}
ENDPOINTS: Mapping[str, Endpoint] = {
    "user": _endpoint("user", PROJECT, "/members/all", url_at="web_url"),
    "label": _endpoint("label", PROJECT, "/labels", list_params={"include_ancestor_groups": "true"}),
    "milestone": _endpoint(
        "milestone",
        PROJECT,
        "/milestones",
        list_params={"include_parent_milestones": "true"},
        url_at="web_url",
        **_CHANGED,
    ),
    "epic": _endpoint(
        "epic",
        GROUP,
        "/epics",
        list_params={
            "state": "all",
            "include_descendant_groups": "false",
            "include_ancestor_groups": "false",
            **_BY_CHANGE,
        },
        id_at="iid",
        url_at="web_url",
        **_CHANGED,
    ),
    "issue": _endpoint(
        "issue",
        PROJECT,
        "/issues",
        list_params={"state": "all", "scope": "all", **_BY_CHANGE},
        id_at="iid",
        url_at="web_url",
        **_CHANGED,
    ),
    "note": _endpoint("note", PROJECT, "/issues/{parent}/notes", **_CHANGED),
    "epic_note": _endpoint("epic_note", GROUP, "/epics/{parent}/notes", **_CHANGED),
}
_CONTENT = (
    "title",
    "name",
    "description",
    "body",
    "state",
    "hub",
    "due_date",
    "start_date",
    "weight",
    "color",
)


class IssueMoved(RecordGone):
    """The issue lives on in another project."""


class GitLabReader(RestClient):
    endpoints = ENDPOINTS

    def __init__(
        self,
        connector: Connector,
        session: ApiSession,
        settings: Mapping[str, Any],
        *,
        has_token: bool = True,
    ) -> None:
        super().__init__(connector, session, settings)
        self.has_token = has_token  # False for an OAuth grant
        self.options = Options.from_settings(settings)
        self.project_id = str(settings.get("project") or "").strip().strip("/")
        self._project: Mapping[str, Any] | None = None
        self._epic_ids: dict[str, int] = {}

    def variables(self) -> Mapping[str, Any]:
        return {"project": self.project_id, "group": self.options.group}

    def address(self, template: str, **values: Any) -> str:
        """A path of the API from a template over project, group and ``values``."""
        return self._path(template, **values)

    def rows(self, endpoint: Endpoint, answer: Answer) -> list[Any]:
        rows = super().rows(endpoint, answer)
        if not all(isinstance(row, dict) for row in rows):
            raise ContractBroken(
                f"The listing of {endpoint.name} holds something else.", exchange=answer.exchange
            )
        return rows

    # --- records -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Without the system's own notes, internal ones, and issues that moved to another project."""
        if endpoint.name in ("note", "epic_note"):
            return not (row.get("system") or row.get("internal") or row.get("confidential"))
        return not (endpoint.name == "issue" and row.get("moved_to_id"))

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        url = record.url
        match endpoint.name:
            case "issue" | "epic":
                data = normalised(row, self.options)
                if endpoint.name == "epic" and isinstance(row.get("id"), int):
                    self._epic_ids[record.id] = row["id"]
            case "note" | "epic_note":
                data = self._note(row)
                url = self._note_url(endpoint.name, parent_id, record.id)
            case "milestone":
                parts = read_text(row.get("description"))
                data = {**row, "description": parts.text, "hub": {"key": parts.key}}
            case "label":
                data = {**row, "hub": {"colour": str(row.get("color") or "").lower()}}
                url = f"{self._site()}/-/labels"
            case _:
                return dataclasses.replace(record, container=self.project_id)
        version = digest([data.get(name) for name in _CONTENT])[:20]
        return dataclasses.replace(record, data=data, container=self.project_id, version=version, url=url)

    def _note(self, row: Mapping[str, Any]) -> dict[str, Any]:
        parts = read_text(row.get("body"), mutes_mentions=self.options.mutes_mentions)
        author = read_path(row, "author.id", None)
        hub = {
            "key": parts.key,
            "author": parts.author or read_path(row, "author.name", None),
            # what was written in the hub has its author there; the account is only the messenger
            "author_id": None if parts.author or author is None else str(author),
        }
        return {**row, "body": parts.text, "hub": hub}

    def _note_url(self, name: str, parent_id: str | None, id: str) -> str:
        if name == "note":
            return f"{self._site()}/-/issues/{parent_id}#note_{id}"
        root = self.session.base_url.removesuffix("/api/v4")
        return f"{root}/groups/{self.options.group}/-/epics/{parent_id}#note_{id}"

    def _site(self) -> str:
        """The project's own page; GitLab finds it by its number, too."""
        known = read_path(self._project or {}, "web_url", None)
        root = self.session.base_url.removesuffix("/api/v4")
        place = f"-/p/{self.project_id}" if self.project_id.isdigit() else self.project_id
        return str(known or f"{root}/{place}")

    # --- lists ---------------------------------------------------------------------------------------------------

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource in ("issue", "epic"):
            return self._changed_page(self.endpoint(resource), since, token)
        if resource in ("note", "epic_note"):
            return self._notes_page(self.endpoint(resource), since, token, parent_id or "")
        return super().list_page(resource, since=since, token=token, parent_id=parent_id)

    def _changed_page(self, endpoint: Endpoint, since: datetime | None, token: Any) -> Page:
        """One page in the order of change; deep page numbers are refused by GitLab beyond 50,000 rows."""
        walk = ChangeWalk.from_token(
            token, format_instant(since, "iso8601_ms", granularity="ms") if since else ""
        )
        params: dict[str, Any] = {**endpoint.list_params, "per_page": PAGE_SIZE}
        if walk.since:
            params["updated_after"] = walk.since
        if walk.page > 1:
            params["page"] = walk.page
        answer = self.session.get(self._path(endpoint.list_path), params=params)
        rows, at = self.rows(endpoint, answer), {"id_at": endpoint.id_at, "changed_at": "updated_at"}
        fresh = walk.fresh(rows, **at)
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=None)
            for row in fresh
            if self.is_wanted(endpoint, row)
        ]
        following = walk.token_after(rows, has_more=bool(next_page(answer.headers)), **at)
        return Page(records, following, answer.server_time)

    def _notes_page(self, endpoint: Endpoint, since: datetime | None, token: Any, parent_id: str) -> Page:
        """Notes have no filter by change: newest change first, up to what is known; all of them in the order they came."""
        order = (
            {"order_by": "created_at", "sort": "asc"}
            if since is None
            else {"order_by": "updated_at", "sort": "desc"}
        )
        params = {**order, "per_page": PAGE_SIZE, "page": token or 1}
        answer = self.session.get(self.notes_path(endpoint, parent_id), params=params)
        rows, following = self.rows(endpoint, answer), next_page(answer.headers) or None
        if following is not None and (not rows or following == str(token)):
            raise ContractBroken("The same or an empty page came where GitLab says there is more.")
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=parent_id)
            for row in rows
            if self.is_wanted(endpoint, row)
        ]
        if since is not None:
            oldest = parse_instant(read_path(rows[-1], "updated_at", None)) if rows else None
            following = None if oldest is None or oldest < since else following
            records = [one for one in records if one.updated_at is None or one.updated_at >= since]
        return Page(records, following, answer.server_time)

    def notes_path(self, endpoint: Endpoint, parent_id: str, id: str = "") -> str:
        """Epics' notes go by the epic's id, issues' notes by the issue's number."""
        if not parent_id:
            raise RecordProblem("A note needs the issue or epic it belongs to.", field="parent")
        parent = self.epic_id(parent_id) if endpoint.name == "epic_note" else parent_id
        return self._path(endpoint.get_path if id else endpoint.list_path, parent=parent, id=id or None)

    def epic_id(self, number: str) -> int:
        """GitLab's id of the epic with this number. Raises ``RecordGone`` if there is none."""
        if number not in self._epic_ids:
            self.get("epic", number)
        return self._epic_ids[number]

    # --- single records ------------------------------------------------------------------------------------------

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        match resource:
            case "note" | "epic_note":
                answer = self.session.get(self.notes_path(endpoint, parent_id or "", external_id))
                record = self.to_record(
                    endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=parent_id
                )
            case "user":
                found = self.get_many(resource, [external_id]).get(external_id)
                if found is None:
                    raise RecordGone("The project has no such member.")
                return found
            case "milestone":
                return self._milestone(external_id)
            case _:
                record = super().get(resource, external_id, parent_id=parent_id)
        if record.data.get("moved_to_id"):
            raise IssueMoved("The issue was moved to another project.")
        if not self.is_wanted(endpoint, record.data):
            raise RecordGone("This note is internal or the system's own.")
        return record

    def _milestone(self, id: str) -> ExternalRecord:
        """The project's own, else one of its groups', which only the list shows."""
        try:
            return super().get("milestone", id)
        except RecordGone:
            found = next((one for one in self.walk("milestone") if one.id == id), None)
            if found is None:
                raise
            return found

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        """Issues and people a hundred at a time."""
        batches = {"issue": ("iids[]", {"state": "all"}), "user": ("user_ids[]", {})}
        if resource not in batches:
            return super().get_many(resource, external_ids)
        name, others = batches[resource]
        endpoint, found = self.endpoint(resource), dict[str, ExternalRecord]()
        numbers = [one for one in dict.fromkeys(external_ids) if one.isdigit()]
        for at in range(0, len(numbers), PAGE_SIZE):
            params = {**others, name: numbers[at : at + PAGE_SIZE], "per_page": PAGE_SIZE}
            answer = self.session.get(self._path(endpoint.list_path), params=params)
            for row in self.rows(endpoint, answer):
                record = self.to_record(endpoint, row, answer=answer, parent_id=None)
                if self.is_wanted(endpoint, row) and record.id in numbers:
                    found[record.id] = record
        return found

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]:
        if self._project is None or afresh:
            answer = self.session.get(self._path(PROJECT))
            if not isinstance(answer.body, dict) or answer.body.get("id") is None:
                raise ContractBroken("The answer holds no project.", exchange=answer.exchange)
            self._project = answer.body
        return self._project

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """Walks what changed since the intent: the lists are read from the database, unlike the search."""
        return self.find_among_changes(resource, key, since=since, parent_id=parent_id)

    def absence_of(self, error: RecordGone) -> Absence:
        if isinstance(error, IssueMoved):
            return Absence(AbsenceKind.MOVED, error.message)
        if error.status is None and "internal" in error.message:
            return Absence(AbsenceKind.OUT_OF_FILTER, error.message)
        return super().absence_of(error)

    def would_see(self, resource: str) -> bool:
        """False where the 404 may only mean that the account sees less: GitLab answers both alike."""
        if resource == "user":
            return False
        try:
            if resource in ("epic", "epic_note"):
                self.session.get(self._path(ENDPOINTS["epic"].list_path), params={"per_page": 1})
            project = self.project(afresh=True)
        except (RecordGone, PermissionProblem):
            return False
        return access_level(project) >= REPORTER

    def container_token(self) -> str:
        """Numbers of account and project: both stay the same when renamed."""
        account = read_path(self.session.get("/user").body, "id", "")
        return digest([str(account), str(self.project(afresh=True)["id"]), self.options.group])


def access_level(project: Mapping[str, Any]) -> int:
    """The account's level in the project, by itself or through a group; 0 if GitLab does not say."""
    levels = [
        read_path(project, f"permissions.{name}.access_level", None) or 0
        for name in ("project_access", "group_access")
    ]
    return max(level for level in [*levels, 0] if isinstance(level, int))
