"""Reading one project: work packages, comments, versions and people; and the projects the account sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from connectors.base.changes import ChangeWalk
from connectors.base.client import Endpoint, RestClient, digest
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, RecordProblem
from connectors.base.hubtext import take_apart
from connectors.base.paging import NextUrl, OnePage
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant
from connectors.base.types import Absence, AbsenceKind, ExternalRecord, Page

from .packages import Priorities, linked, normalised

PAGE_SIZE = 100
ROWS = "_embedded.elements"
YES = ("1", "true", "yes", "on")


def filters(**wanted: tuple[str, Sequence[str]]) -> str:
    """The ``filters`` parameter: JSON, all of them must hold. Without any the vendor would leave out what is closed."""
    return orjson.dumps(
        [{name: {"operator": op, "values": list(values)}} for name, (op, values) in wanted.items()]
    ).decode()


ENDPOINTS: Mapping[str, Endpoint] = {
    "user": Endpoint(
        "user", list_path="/projects/{project}/available_assignees", pager=OnePage(), rows_at=ROWS
    ),
    "project": Endpoint(
        "project",
        list_path="/projects",
        get_path="/projects/{id}",
        create_path="/projects",
        update_path="/projects/{id}",
        list_params={"filters": filters(active=("=", ["t"])), "sortBy": '[["id","asc"]]'},
        pager=NextUrl("_links.nextByOffset.href"),
        rows_at=ROWS,
        updated_at="updatedAt",
    ),
    "version": Endpoint(
        "version",
        list_path="/projects/{project}/versions",
        get_path="/versions/{id}",
        create_path="/versions",
        update_path="/versions/{id}",
        delete_path="/versions/{id}",
        pager=OnePage(),
        rows_at=ROWS,
        updated_at="updatedAt",
    ),
    "work_package": Endpoint(
        "work_package",
        list_path="/work_packages",
        get_path="/work_packages/{id}",
        create_path="/work_packages",
        update_path="/work_packages/{id}",
        delete_path="/work_packages/{id}",
        rows_at=ROWS,
        version_at="lockVersion",
        updated_at="updatedAt",
    ),
    "comment": Endpoint(
        "comment",
        list_path="/work_packages/{parent}/activities",
        get_path="/activities/{id}",
        create_path="/work_packages/{parent}/activities",
        update_path="/activities/{id}",
        pager=OnePage(),
        rows_at=ROWS,
        updated_at="updatedAt",
    ),
}


class PackageMoved(RecordGone):
    """The work package is in another project now."""


class OpenProjectReader(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.project_name = str(settings.get("project") or "").strip()
        self.labels_field = str(settings.get("labels_field") or "").strip()
        self.site = session.base_url.removesuffix("/api/v3")
        self.api_path = urlsplit(session.base_url).path.rstrip("/")
        self._project: Mapping[str, Any] | None = None
        self._lists: dict[str, list[Mapping[str, Any]]] = {}

    def variables(self) -> Mapping[str, Any]:
        return {"project": self.project_name}

    def address(self, template: str, **values: Any) -> str:
        """A path of the API from a template over the project and ``values``."""
        return self._path(template, **values)

    def href(self, kind: str, id: Any) -> dict[str, str | None]:
        """A link as OpenProject writes it, below the installation's own path; to nothing for None."""
        return {"href": None if id is None else f"{self.api_path}/{kind}/{id}"}

    def setting_is_on(self, name: str) -> bool:
        return str(self.settings.get(name) or "").strip().lower() in YES

    # --- what the instance has -----------------------------------------------------------------------------------

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]:
        if self._project is None or afresh:
            answer = self.session.get(self._path("/projects/{project}"))
            if not isinstance(answer.body, dict) or answer.body.get("id") is None:
                raise ContractBroken("The answer holds no project.", exchange=answer.exchange)
            self._project = answer.body
        return self._project

    def project_id(self) -> str:
        return str(self.project()["id"])

    def listed(self, path: str) -> list[Mapping[str, Any]]:
        """The rows of a short list of the instance; asked for once per client."""
        if path not in self._lists:
            answer = self.session.get(path)
            rows = read_path(answer.body, ROWS, None)
            if not isinstance(rows, list) or not all(
                isinstance(row, dict) and row.get("id") is not None for row in rows
            ):
                raise ContractBroken(
                    "The answer holds no list of what was asked for.", exchange=answer.exchange
                )
            self._lists[path] = rows
        return self._lists[path]

    def priorities(self) -> Priorities:
        return Priorities(self.listed("/priorities"))

    def rows(self, endpoint: Endpoint, answer: Answer) -> list[Any]:
        rows = super().rows(endpoint, answer)
        if not all(isinstance(row, dict) for row in rows):
            raise ContractBroken(
                f"The listing of {endpoint.name} holds something else.", exchange=answer.exchange
            )
        return rows

    # --- records -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Comments are activities with a text that are not internal; portfolios and programs are no projects."""
        match endpoint.name:
            case "comment":
                return bool(str(read_path(row, "comment.raw", "") or "").strip()) and not row.get("internal")
            case "project":
                return row.get("_type") in (None, "Project")
        return True

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        record = dataclasses.replace(record, container=linked(row, "project") or "")
        match endpoint.name:
            case "work_package":
                data = normalised(row, self.priorities(), labels_field=self.labels_field, site=self.site)
                return dataclasses.replace(record, data=data, url=data["hub"]["url"])
            case "comment":
                data = self._comment(row)
                parent = linked(row, "workPackage") or parent_id
                url = f"{self.site}/work_packages/{parent}/activity#activity-{record.id}"
                record = dataclasses.replace(record, parent_id=parent, url=url)
            case "version" | "project":
                parts = take_apart(read_path(row, "description.raw", None))
                hub = {"key": parts.key, "description": parts.text, "project": linked(row, "definingProject")}
                data = {**row, "hub": hub}
                is_gone = row.get("active") is False
                place = row.get("identifier") or record.id
                url = (
                    f"{self.site}/projects/{place}"
                    if endpoint.name == "project"
                    else f"{self.site}/versions/{record.id}"
                )
                record = dataclasses.replace(record, url=url, is_archived=is_gone)
            case _:
                return dataclasses.replace(record, url=f"{self.site}/users/{record.id}")
        version = digest(
            [data.get(name) for name in ("name", "hub", "status", "startDate", "endDate", "active")]
        )[:20]
        return dataclasses.replace(record, data=data, version=version)

    def _comment(self, row: Mapping[str, Any]) -> dict[str, Any]:
        parts = take_apart(read_path(row, "comment.raw", None))
        hub = {
            "key": parts.key,
            "text": parts.text,
            "author": parts.author or read_path(row, "_links.user.title", None),
            # what was written in the hub has its author there; the account is only the messenger
            "author_id": None if parts.author else linked(row, "user"),
        }
        return {**row, "hub": hub}

    # --- lists ---------------------------------------------------------------------------------------------------

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "work_package":
            return self._changed_page(since, token)
        if resource == "comment" and not parent_id:
            raise RecordProblem("Comments are listed one work package at a time.", field="parent")
        return super().list_page(resource, since=since, token=token, parent_id=parent_id)

    def _changed_page(self, since: datetime | None, token: Any) -> Page:
        """One page in the order of change; ``offset`` is OpenProject's word for the page's number."""
        endpoint, at = self.endpoint("work_package"), {"id_at": "id", "changed_at": "updatedAt"}
        walk = ChangeWalk.from_token(
            token, format_instant(since, "iso8601_ms", granularity="ms") if since else ""
        )
        wanted: dict[str, tuple[str, Sequence[str]]] = {"project": ("=", [self.project_id()])}
        if walk.since:
            wanted["updatedAt"] = ("<>d", [walk.since, ""])
        params = {
            "filters": filters(**wanted),
            "sortBy": '[["updatedAt","asc"],["id","asc"]]',
            "offset": walk.page,
            "pageSize": PAGE_SIZE,
        }
        answer = self.session.get(endpoint.list_path, params=params)
        rows = self.rows(endpoint, answer)
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=None) for row in walk.fresh(rows, **at)
        ]
        following = walk.token_after(rows, has_more=has_more(answer.body, walk.page), **at)
        return Page(records, following, answer.server_time)

    # --- single records ------------------------------------------------------------------------------------------

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "user":
            found = next((one for one in self._people() if one.id == external_id), None)
            if found is None:
                raise RecordGone("Nobody of that number can be assigned in the project.")
            return found
        record = super().get(resource, external_id, parent_id=parent_id)
        if resource == "work_package" and record.container != self.project_id():
            raise PackageMoved("The work package is in another project now.")
        if resource == "comment" and not self.is_wanted(self.endpoint(resource), record.data):
            is_internal = bool(record.data.get("internal"))
            raise RecordGone(
                "The comment is internal." if is_internal else "The comment was emptied.",
                proven=not is_internal,
            )
        return record

    def _people(self) -> list[ExternalRecord]:
        return list(self.list_page("user").records)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        """Work packages a hundred at a time, people all at once."""
        if resource == "user":
            return {one.id: one for one in self._people() if one.id in set(external_ids)}
        if resource != "work_package":
            return super().get_many(resource, external_ids)
        endpoint, found = self.endpoint(resource), dict[str, ExternalRecord]()
        numbers = [one for one in dict.fromkeys(external_ids) if one.isdigit()]
        for at in range(0, len(numbers), PAGE_SIZE):
            batch = numbers[at : at + PAGE_SIZE]
            params = {"filters": filters(id=("=", batch)), "offset": 1, "pageSize": len(batch)}
            answer = self.session.get(endpoint.list_path, params=params)
            for row in self.rows(endpoint, answer):
                record = self.to_record(endpoint, row, answer=answer, parent_id=None)
                if record.container == self.project_id():
                    found[record.id] = record
        return found

    def all_projects(self) -> list[Mapping[str, Any]]:
        """The projects that are in use, as OpenProject gives them."""
        return [record.data for record in self.walk("project")]

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """Walks what changed since the intent; the lists are read from the database, there is no index that lags."""
        return self.find_among_changes(resource, key, since=since, parent_id=parent_id)

    def absence_of(self, error: RecordGone) -> Absence:
        if isinstance(error, PackageMoved):
            return Absence(AbsenceKind.MOVED, error.message)
        if error.status is None and "internal" in error.message:
            return Absence(AbsenceKind.OUT_OF_FILTER, error.message)
        return super().absence_of(error)

    def would_see(self, resource: str) -> bool:
        """False where the 404 may only mean that the account sees less: OpenProject answers both alike.

        A version cannot leave its project; a work package can, to where the account sees nothing, unless it sees all.
        """
        if resource == "user":
            return False
        try:
            self.project(afresh=True)
            if resource == "version":
                return True
            me = self.session.get("/users/me").body
        except (RecordGone, PermissionProblem):
            return False
        return read_path(me, "admin", None) is True or self.setting_is_on("sees_all")

    def container_token(self) -> str:
        """Numbers of account and project: both stay the same when renamed."""
        account = read_path(self.session.get("/users/me").body, "id", "")
        return digest([self.session.base_url, str(account), str(self.project(afresh=True)["id"])])


def has_more(body: Any, page: int) -> bool:
    """By the size that the answer names, which the instance may have cut. Raises ``ContractBroken`` where it names none."""
    total, size = (read_path(body, name, None) for name in ("total", "pageSize"))
    if not isinstance(total, int) or not isinstance(size, int) or isinstance(total, bool) or size < 1:
        raise ContractBroken("The answer does not say how much there is.")
    return page * size < total
