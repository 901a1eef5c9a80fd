"""Reading one project of a Jira site: issues, comments, versions, sprints, components and people.

Source: Atlassian's OpenAPI documents of the platform (v3) and of Jira Software (agile 1.0), and vendors/jira.md.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base.client import Endpoint, RestClient, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import ConfigurationProblem, ContractBroken, RecordGone
from connectors.base.paging import Walk
from connectors.base.paths import read_path
from connectors.base.session import Answer
from connectors.base.types import ExternalRecord, Page

from . import milestones
from .endpoints import API, BATCH, ENDPOINTS, PAGE_SIZE, PROPERTY, version_of
from .issues import SiteFields, normalised, person, site_fields
from .session import JiraSession
from .text import take_apart


class JiraReader(RestClient):
    endpoints = ENDPOINTS
    session: JiraSession

    def __init__(self, connector: Connector, session: JiraSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.project_ref = str(settings.get("project") or "").strip()
        self.board_id = str(settings.get("board_id") or "").strip()
        self._project: Mapping[str, Any] | None = None
        self._site_fields: SiteFields | None = None
        self._myself: Mapping[str, Any] | None = None
        self._keys: dict[str, str] = {}  # issue id → key, for links
        self._written: list[str] = []  # ids this client wrote: search may not know them yet

    def variables(self) -> Mapping[str, Any]:
        return {"project": self.project_ref, "board": self.board_id}

    # --- facts of the site, asked once ---------------------------------------------------------------------------

    def myself(self) -> Mapping[str, Any]:
        if self._myself is None:
            me = self.session.get(f"{API}/myself").body
            if not isinstance(me, dict) or not me.get("accountId"):
                raise ContractBroken("The answer does not say whose token this is.")
            self._myself = me
        return self._myself

    def zone(self) -> str:
        """The account's time zone, as JQL and sprints mean it; "" if it is not told."""
        return str(self.myself().get("timeZone") or "")

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]:
        """Raises ``ConfigurationProblem`` where the project cannot be seen: a 404 says no more than that."""
        if self._project is None or afresh:
            try:
                answer = self.session.get(self._path(f"{API}/project/{{project}}"))
            except RecordGone as error:
                raise ConfigurationProblem(
                    f"There is no project {self.project_ref}, or the account may not browse it.",
                    code="missing",
                    status=error.status,
                    exchange=error.exchange,
                ) from error
            if not isinstance(answer.body, dict) or not answer.body.get("id") or not answer.body.get("key"):
                raise ContractBroken("The answer holds no project.", exchange=answer.exchange)
            self._project = answer.body
        return self._project

    def site_fields(self) -> SiteFields:
        if self._site_fields is None:
            rows = rows_in(self.session.get(f"{API}/field").body, "", "fields")
            self._site_fields = site_fields([row for row in rows if isinstance(row, dict)], self.settings)
        return self._site_fields

    # --- records -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Apps are no people, and a comment only some may see must not be copied where all may."""
        match endpoint.name:
            case "user":
                return bool(row.get("accountType", "atlassian") == "atlassian")
            case "comment":
                return not row.get("visibility") and row.get("jsdPublic") is not False
        return True

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        container, changed = "", None
        match endpoint.name:
            case "issue":
                data = normalised(row, self.site_fields())
                data["hub"]["url"] = self._link("issue", record, row)
                container = str(read_path(row, "fields.project.key", "") or "")
                changed = read_path(row, "fields.updated", None)
                self._keys[record.id] = str(row.get("key") or "")
            case "comment":
                data = _comment(row, parent_id)
                record = dataclasses.replace(record, parent_id=data["hub"]["issue"])
                changed = row.get("updated")
            case "version" | "sprint" as kind:
                data = milestones.normalised(kind, row, self.zone() if kind == "sprint" else "")
            case "component":
                data = {**row, "hub": {"lead": person(row.get("lead"))}}
            case "project":
                state = "archived" if row.get("archived") else "live"
                data = {**row, "hub": {"lead": person(row.get("lead")), "state": state}}
            case _:
                data = dict(row)
        name, id = endpoint.name, record.id
        if name in milestones.KINDS:
            name, id = "milestone", f"{name}/{id}"
        return dataclasses.replace(
            record,
            resource=name,
            id=id,
            data=data,
            url=self._link(endpoint.name, record, row),
            container=container,
            version=version_of(name, data, changed),
        )

    def _link(self, name: str, record: ExternalRecord, row: Mapping[str, Any]) -> str:
        """Where people see it; "" where that takes a key this client has not met."""
        site, id = self.session.site(), record.id
        match name:
            case "issue" | "project":
                return f"{site}/browse/{row.get('key')}" if row.get("key") else ""
            case "comment":
                key = self._keys.get(record.parent_id or "")
                return f"{site}/browse/{key}?focusedCommentId={id}" if key else ""
            case "version":
                return f"{site}/projects/{self.project_ref}/versions/{id}"
            case "component":
                return f"{site}/issues/?jql=component%20%3D%20{id}"
            case "sprint":
                return f"{site}/secure/RapidBoard.jspa?rapidView={self.board_id}&sprint={id}"
        return f"{site}/jira/people/{id}"

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "issue":
            return self._search_page(since, token)
        if resource == "project":
            return Page([self.get("project", self.project_ref)])
        if resource == "milestone":
            return self._milestone_page(token)
        return super().list_page(resource, since=since, token=token, parent_id=parent_id)

    def _milestone_page(self, token: Any) -> Page:
        """The project's versions, then the board's sprints. The token: which of them, and the place in it."""
        kind = token["kind"] if token else "version"
        page = super().list_page(kind, token=token["at"] if token else None)
        following = None
        if page.next_token is not None:
            following = {"kind": kind, "at": page.next_token}
        elif kind == "version" and self.board_id:
            following = {"kind": "sprint", "at": None}
        return dataclasses.replace(page, next_token=following)

    def _search_page(self, since: datetime | None, token: Any) -> Page:
        walk = Walk.from_token(token)
        at = walk.token or {"jql": self._jql(since), "next": None}
        body = {
            "jql": at["jql"],
            "fields": self.site_fields().names(),
            "maxResults": PAGE_SIZE,
            "nextPageToken": at["next"],
            "reconcileIssues": [int(id) for id in self._written if id.isdigit()],
        }
        answer = self.search({name: value for name, value in body.items() if value})
        rows = rows_in(answer.body, "issues", "issues")
        following = read_path(answer.body, "nextPageToken", None)
        is_last = read_path(answer.body, "isLast", None)
        if is_last is True:
            following = None
        elif following is None and is_last is False:
            raise ContractBroken("Jira says there is more but gives no token.", exchange=answer.exchange)
        endpoint = self.endpoint("issue")
        records = [self.to_record(endpoint, row, answer=None, parent_id=None) for row in objects(rows)]
        after = {"jql": at["jql"], "next": following} if following else None
        return Page(records, walk.step(after, fingerprint(rows)), answer.server_time)

    def search(self, body: Mapping[str, Any]) -> Answer:
        return self.session.request(
            "POST", f"{API}/search/jql", json=dict(body), is_repeatable=True, quota_class="search"
        )

    def scope(self) -> str:
        ref = self.project_ref
        return f"project = {ref}" if ref.isdigit() else f'project = "{ref}"'

    def _jql(self, since: datetime | None) -> str:
        if since is None:
            return f"{self.scope()} ORDER BY key ASC"
        edge = local_minute(since, self.zone())
        return f'{self.scope()} AND updated >= "{edge}" ORDER BY updated ASC, key ASC'

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        match resource:
            case "issue":
                return self.issue_record(self.issue_row(external_id))
            case "user":
                answer = self.session.get(f"{API}/user", params={"accountId": external_id})
                row = self.record_in(self.endpoint("user"), answer)
                return self.to_record(self.endpoint("user"), row, answer=answer, parent_id=None)
            case "milestone":
                kind, id = milestones.split_id(external_id)
                return super().get(kind, id)
            case "comment" if parent_id is None:
                found = self._comments_by_id([external_id]).get(external_id)
                if found is None:
                    raise RecordGone("Jira shows no such comment.")
                return found
        record = super().get(resource, external_id, parent_id=parent_id)
        if not self.is_wanted(self.endpoint(resource), record.data):
            raise HiddenFromSome("Only some people may see this comment.")
        return record

    def issue_row(self, external_id: str) -> Mapping[str, Any]:
        """The issue as the database holds it, whatever search still shows."""
        params = {"fields": ",".join(self.site_fields().names())}
        answer = self.session.get(self._path(f"{API}/issue/{{id}}", id=external_id), params=params)
        return self.record_in(self.endpoint("issue"), answer)

    def issue_record(self, row: Mapping[str, Any]) -> ExternalRecord:
        record = self.to_record(self.endpoint("issue"), row, answer=None, parent_id=None)
        return dataclasses.replace(record, complete=True)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        found: dict[str, ExternalRecord] = {}
        for start in range(0, len(external_ids), BATCH):
            batch = list(external_ids[start : start + BATCH])
            match resource:
                case "issue":
                    rows = self.bulk_fetch(batch)
                    found |= {record.id: record for record in map(self.issue_record, rows)}
                case "comment":
                    found |= self._comments_by_id(batch)
                case "user":
                    params = [("accountId", id) for id in batch] + [("maxResults", str(BATCH))]
                    answer = self.session.get(f"{API}/user/bulk", params=params)
                    for row in rows_in(answer.body, "values", "users"):
                        record = self.to_record(self.endpoint("user"), row, answer=answer, parent_id=None)
                        found[record.id] = record
                case _:
                    found |= super().get_many(resource, batch)
        return found

    def bulk_fetch(
        self, ids_or_keys: Sequence[str], *, with_property: bool = False
    ) -> list[Mapping[str, Any]]:
        """Those that are there, read from the database by id or key. Absent ones come back as errors, and are left out."""
        body: dict[str, Any] = {"issueIdsOrKeys": list(ids_or_keys), "fields": self.site_fields().names()}
        if with_property:
            body["properties"] = [PROPERTY]
        answer = self.session.request(
            "POST", f"{API}/issue/bulkfetch", json=body, is_repeatable=True, quota_class="search"
        )
        return objects(rows_in(answer.body, "issues", "issues"))

    def _comments_by_id(self, ids: Sequence[str]) -> dict[str, ExternalRecord]:
        endpoint = self.endpoint("comment")
        rows = self.comment_rows(ids)
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=None)
            for row in rows
            if self.is_wanted(endpoint, row)
        ]
        return {record.id: record for record in records}

    def comment_rows(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        numbers = [int(id) for id in ids if id.isdigit()]
        if not numbers:
            return []
        answer = self.session.request(
            "POST",
            f"{API}/comment/list",
            params={"expand": "properties"},
            json={"ids": numbers},
            is_repeatable=True,
        )
        return objects(rows_in(answer.body, "values", "comments"))


class HiddenFromSome(RecordGone):
    """The comment is there, but restricted to a group or role, or internal to the service desk."""


def local_minute(moment: datetime, zone: str) -> str:
    """The minute at or before ``moment`` as JQL reads it: without offset, in the account's time zone.

    Where the clocks are put back an hour has two readings; the text then goes back until both are early enough.
    Without a known zone it goes back as far as any zone may lie behind UTC.
    """
    moment = moment.astimezone(UTC).replace(second=0, microsecond=0)
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return f"{moment - timedelta(hours=12):%Y-%m-%d %H:%M}"
    wall = moment.astimezone(place).replace(tzinfo=None, fold=0)
    while any(wall.replace(tzinfo=place, fold=fold).astimezone(UTC) > moment for fold in (0, 1)):
        wall -= timedelta(hours=1)
    return f"{wall:%Y-%m-%d %H:%M}"


def _comment(row: Mapping[str, Any], parent_id: str | None) -> dict[str, Any]:
    parts = take_apart(row.get("body"))
    address = re.search(r"/issue/(\d+)/comment/", str(row.get("self") or ""))
    hub = {
        "issue": address.group(1) if address else parent_id,
        "author": parts.author or read_path(row, "author.displayName", None),
        # a comment that was written in the hub has its author there; the account is only the messenger
        "author_id": None if parts.author else person(row.get("author")),
        "is_signed": bool(parts.author),
    }
    return {**row, "body": parts.document, "hub": hub}


def objects(rows: Sequence[Any]) -> list[Mapping[str, Any]]:
    return [row for row in rows if isinstance(row, dict)]
