"""Reading a repository: issues, comments, milestones, labels and the people who can be assigned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.client import Endpoint, RestClient, digest
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone
from connectors.base.paging import MAX_PAGES, LinkHeader, parse_links
from connectors.base.paths import read_path
from connectors.base.session import Answer
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import Absence, AbsenceKind, ExternalRecord, Page

from .board import Board
from .issues import Options, normalised, number_in
from .projects import ITEM, LEFT
from .session import GitHubSession
from .text import take_apart

PAGE_SIZE = 100

REPO = "/repos/{owner}/{repo}"
_PAGED = LinkHeader(size_param="per_page", size=PAGE_SIZE)
_BY_CHANGE = {"sort": "updated", "direction": "asc"}

ENDPOINTS: Mapping[str, Endpoint] = {
    "issue": Endpoint(
        "issue",
        list_path=f"{REPO}/issues",
        get_path=f"{REPO}/issues/{{id}}",
        create_path=f"{REPO}/issues",
        update_path=f"{REPO}/issues/{{id}}",
        list_params={"state": "all", **_BY_CHANGE},
        pager=_PAGED,
        id_at="number",
        updated_at="updated_at",
        url_at="html_url",
    ),
    "comment": Endpoint(
        "comment",
        list_path=f"{REPO}/issues/comments",
        get_path=f"{REPO}/issues/comments/{{id}}",
        create_path=f"{REPO}/issues/{{parent}}/comments",
        update_path=f"{REPO}/issues/comments/{{id}}",
        delete_path=f"{REPO}/issues/comments/{{id}}",
        list_params=_BY_CHANGE,
        pager=_PAGED,
        updated_at="updated_at",
        url_at="html_url",
    ),
    "milestone": Endpoint(
        "milestone",
        list_path=f"{REPO}/milestones",
        get_path=f"{REPO}/milestones/{{id}}",
        create_path=f"{REPO}/milestones",
        update_path=f"{REPO}/milestones/{{id}}",
        delete_path=f"{REPO}/milestones/{{id}}",
        list_params={"state": "all"},
        pager=_PAGED,
        id_at="number",
        updated_at="updated_at",
        url_at="html_url",
    ),
    "label": Endpoint(
        "label",
        list_path=f"{REPO}/labels",
        create_path=f"{REPO}/labels",
        update_path=f"{REPO}/labels/{{id}}",
        delete_path=f"{REPO}/labels/{{id}}",
        pager=_PAGED,
    ),
    "project": Endpoint("project", id_at="number", updated_at="updated_at", url_at="html_url"),
    "user": Endpoint("user", list_path=f"{REPO}/assignees", pager=_PAGED, url_at="html_url"),
}


def repository_of(settings: Mapping[str, Any]) -> tuple[str, str]:
    """Owner and name, from ``repository`` (``owner/name``) or the two apart; "" for what is missing."""
    owner, _, name = str(settings.get("repository") or "").strip().strip("/").partition("/")
    return owner or str(settings.get("owner") or "").strip(), name or str(settings.get("repo") or "").strip()


def version_of(record: ExternalRecord, data: Mapping[str, Any]) -> str | None:
    """GitHub's times have whole seconds, so what people can edit is part of the version. None for people."""
    if record.resource == "user":
        return None
    content = [data.get(name) for name in ("title", "name", "body", "description", "state", "hub")]
    return f"{data.get('updated_at') or ''}#{digest(content)[:12]}"


class IssueMoved(RecordGone):
    """The issue lives in another repository now; ``target`` is its API address."""

    def __init__(self, message: str, *, target: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.target = target


class GitHubReader(RestClient):
    endpoints = ENDPOINTS
    session: GitHubSession

    def __init__(
        self,
        connector: Connector,
        session: GitHubSession,
        settings: Mapping[str, Any],
        *,
        is_app: bool = False,
    ) -> None:
        super().__init__(connector, session, settings)
        self.owner, self.repo = repository_of(settings)
        self.options = Options.from_settings(settings)
        self.is_app = is_app
        self.board = Board(session, self.options.project, self.owner) if self.options.project else None
        self._logins: dict[str, str] = {}
        self._repository: Mapping[str, Any] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"owner": self.owner, "repo": self.repo}

    def repository_path(self, tail: str = "", **values: Any) -> str:
        """An address below the repository; ``tail`` is a template."""
        return self._path(REPO + tail, **values)

    # --- reading -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """GitHub lists pull requests among the issues, and their comments among the comments."""
        if endpoint.name == "issue":
            return "pull_request" not in row
        return endpoint.name != "comment" or "/pull/" not in str(row.get("html_url") or "")

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        container = f"{self.owner}/{self.repo}"
        match endpoint.name:
            case "issue":
                data = normalised(row, self.options)
                self._logins |= {str(user["id"]): user["login"] for user in row.get("assignees") or ()}
                record = dataclasses.replace(record, updated_at=_latest(record.updated_at, row))
            case "comment":
                data = self._comment(row)
                record = dataclasses.replace(record, parent_id=number_in(row.get("issue_url")) or parent_id)
            case "milestone":
                parts = take_apart(row.get("description"))
                due = str(row["due_on"])[:10] if row.get("due_on") else None
                data = {**row, "description": parts.text, "hub": {"due_on": due, "key": parts.key}}
            case "label":
                data = {**row, "hub": {"colour": f"#{row.get('color') or ''}".lower()}}
                url = f"{_site(row.get('url'))}/{container}/labels"
                record = dataclasses.replace(record, url=url)
            case "project":
                data = dict(row)
            case _:
                data = dict(row)
                self._logins[record.id] = str(row.get("login") or "")
        return dataclasses.replace(record, data=data, container=container, version=version_of(record, data))

    def _comment(self, row: Mapping[str, Any]) -> dict[str, Any]:
        parts = take_apart(row.get("body"), mutes_mentions=self.options.mutes_mentions)
        user = row.get("user") or {}
        hub = {
            "key": parts.key,
            "issue": number_in(row.get("issue_url")),
            "author": parts.author or user.get("login"),
            # a comment that was written in the hub has its author there; the account is only the messenger
            "author_id": None if parts.author or not user else str(user["id"]),
        }
        return {**row, "body": parts.text, "hub": hub}

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "issue" or (resource == "comment" and parent_id is None):
            return self._changed_page(self.endpoint(resource), since, token)
        if resource == "comment":
            return self._comments_of(parent_id or "", since, token)
        return super().list_page(resource, since=since, token=token, parent_id=parent_id)

    def _changed_page(self, endpoint: Endpoint, since: datetime | None, token: Any) -> Page:
        """One page in the order of change, going on from the last change seen, not by page number: what changes
        during the walk moves to the end, and page numbers would then skip as many others.

        The token: ``since``, the ``page`` within that second, ids already ``seen`` in it, and the ``count`` of pages.
        """
        at = dict(
            token or {"since": format_instant(since) if since else "", "page": 1, "seen": [], "count": 0}
        )
        params: dict[str, Any] = {**endpoint.list_params, "per_page": PAGE_SIZE}
        if at["since"]:
            params["since"] = at["since"]
        if at["page"] > 1:
            params["page"] = at["page"]
        answer = self.session.get(self._path(endpoint.list_path), params=params)
        rows = self.rows(endpoint, answer)
        fresh = [row for row in rows if [row.get(endpoint.id_at), row.get("updated_at")] not in at["seen"]]
        wanted = [row for row in fresh if self.is_wanted(endpoint, row)]
        if endpoint.name == "issue":
            wanted = self._with_items(wanted)
        records = [self.to_record(endpoint, row, answer=None, parent_id=None) for row in wanted]
        following = None
        if "next" in parse_links(answer.headers.get("link", "")):
            is_unfiltered = bool(rows) and str(rows[0].get("updated_at") or "") < at["since"]
            if not rows or is_unfiltered or (at["page"] > 1 and not fresh):
                raise ContractBroken("The same or an empty page came where GitHub says there is more.")
            following = self._after(at, rows, endpoint)
        return Page(records, following, answer.server_time)

    def _after(
        self, at: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], endpoint: Endpoint
    ) -> dict[str, Any]:
        if at["count"] + 1 >= MAX_PAGES:
            raise ContractBroken(f"The listing did not end after {MAX_PAGES} pages.")
        last = str(rows[-1].get("updated_at") or "")
        if not last or last < at["since"]:
            raise ContractBroken("The listing is not in the order of change.")
        seen = [[row.get(endpoint.id_at), last] for row in rows if row.get("updated_at") == last]
        if last == at["since"]:
            return {
                "since": last,
                "page": at["page"] + 1,
                "seen": [*at["seen"], *seen],
                "count": at["count"] + 1,
            }
        return {"since": last, "page": 1, "seen": seen, "count": at["count"] + 1}

    def _with_items(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The issues with their items in the project; as they are where no project is chosen."""
        if self.board is None or not rows:
            return list(rows)
        places = self.board.items_of([str(row["node_id"]) for row in rows if row.get("node_id")])
        found = ((row, places.get(str(row.get("node_id")))) for row in rows)
        return [row if at is None else {**row, ITEM: at.item, LEFT: at.left_at} for row, at in found]

    def _comments_of(self, number: str, since: datetime | None, token: Any) -> Page:
        params = {"per_page": PAGE_SIZE, "since": format_instant(since) if since else None}
        path = self._path(f"{REPO}/issues/{{id}}/comments", id=number)
        answer = self.session.get(token) if token else self.session.get(path, params=params)
        endpoint = self.endpoint("comment")
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=number)
            for row in self.rows(endpoint, answer)
            if self.is_wanted(endpoint, row)
        ]
        return Page(records, parse_links(answer.headers.get("link", "")).get("next"), answer.server_time)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "issue":
            return self._record_of(self._issue(external_id))
        if resource in ("label", "user"):
            # neither can be asked for by its number; both lists are short
            found = next((one for one in self.walk(resource) if one.id == external_id), None)
            if found is None:
                raise RecordGone(f"The repository has no such {resource}.", proven=resource == "label")
            return found
        record = super().get(resource, external_id, parent_id=parent_id)
        if not self.is_wanted(self.endpoint(resource), record.data):
            raise RecordGone("This belongs to a pull request.")
        return record

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource in ("label", "user"):
            return {one.id: one for one in self.walk(resource) if one.id in set(external_ids)}
        return super().get_many(resource, external_ids)

    def _issue(self, number: str) -> Mapping[str, Any]:
        """The issue with its item in the project, where one is chosen. Raises as ``_issue_row`` does."""
        return self._with_items([self._issue_row(number)])[0]

    def _issue_row(self, number: str) -> Mapping[str, Any]:
        """The issue as GitHub gives it. Raises ``RecordGone`` if it was moved, deleted, or is a pull request."""
        path = self._path(ENDPOINTS["issue"].get_path, id=number)
        answer = self.session.request("GET", path, ok=(301,), follow_redirects=False)
        if answer.status == 301:
            target = answer.headers.get("location", "")
            if f"/repositories/{self.repository()['id']}/" not in target:
                raise IssueMoved("The issue was transferred to another repository.", target=target)
            answer = self.session.get(target)  # the repository was renamed
        row = self.record_in(ENDPOINTS["issue"], answer)
        if "pull_request" in row:
            raise RecordGone("This number is a pull request, not an issue.")
        return row

    def _record_of(self, row: Mapping[str, Any]) -> ExternalRecord:
        record = self.to_record(ENDPOINTS["issue"], row, answer=None, parent_id=None)
        return dataclasses.replace(record, complete=True)

    def repository(self, *, afresh: bool = False) -> Mapping[str, Any]:
        if self._repository is None or afresh:
            answer = self.session.get(self._path(REPO))
            if not isinstance(answer.body, dict) or "id" not in answer.body:
                raise ContractBroken("The answer holds no repository.", exchange=answer.exchange)
            self._repository = answer.body
        return self._repository

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """Walks what changed since the intent: the plain list is read from the database, unlike search."""
        token = None
        while True:
            if resource == "issue":  # without the project's items: what was made is new, not moved
                page = self._changed_page(ENDPOINTS["issue"], since, token)
            else:
                page = self.list_page(resource, since=since, token=token, parent_id=parent_id)
            for record in page.records:
                if record.data.get("hub", {}).get("key") == key:
                    return record
            token = page.next_token
            if token is None:
                return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained = super().explain_absence(resource, external_ids, parent_id=parent_id)
        for one, absence in explained.items():
            record = absence.record
            if resource == "issue" and record and record.data["hub"].get("status") == "closed/not_planned":
                # what ``archive`` makes of an issue; a listed one is an ordinary closed issue all the same
                explained[one] = Absence(AbsenceKind.ARCHIVED, "Closed as not planned.", record)
        unknown = [one for one, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if unknown and resource in ("comment", "milestone", "user") and self._is_readable():
            # these answer 404 when deleted; the repository's issues can be read, so access is not the reason
            for one in unknown:
                detail = "Not in the repository any more."
                explained[one] = Absence(AbsenceKind.DELETED, detail)
        return explained

    def absence_of(self, error: RecordGone) -> Absence:
        if isinstance(error, IssueMoved):
            return Absence(AbsenceKind.MOVED, error.message)
        if error.status is None and not error.proven and "pull request" in error.message:
            return Absence(AbsenceKind.OUT_OF_FILTER, error.message)
        return super().absence_of(error)

    def _is_readable(self) -> bool:
        try:
            self.session.get(self._path(ENDPOINTS["issue"].list_path), params={"per_page": 1})
        except (RecordGone, PermissionProblem):
            return False
        return True

    def container_token(self) -> str:
        """Numbers of account and repository: both stay the same when renamed."""
        account = "app" if self.is_app else str(read_path(self.session.get("/user").body, "id", ""))
        return digest([account, self.repository(afresh=True)["id"]])


def _latest(issue_at: datetime | None, row: Mapping[str, Any]) -> datetime | None:
    """When issue or item changed last: who wins by time must know of both, and time must not run backwards when an
    item is taken out."""
    item = row.get(ITEM)
    item_at = parse_instant(item["updated_at"] if item else row.get(LEFT))
    return max((at for at in (issue_at, item_at) if at is not None), default=None)


def _site(api_url: Any) -> str:
    """The address people use: github.com for api.github.com, the host itself for an Enterprise server."""
    head = str(api_url or "").partition("/repos/")[0]
    return "https://github.com" if head == "https://api.github.com" else head.removesuffix("/api/v3")
