"""Reading with a project (v2) chosen: issues whose items alone changed, and the owner's projects themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.errors import ConfigurationProblem, ContractBroken, PermissionProblem, RecordGone
from connectors.base.paging import MAX_PAGES
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import ExternalRecord, Page

from . import boards
from .board import Board
from .projects import ITEM
from .reading import ENDPOINTS, GitHubReader


class ProjectReader(GitHubReader):
    """As ``GitHubReader`` in all things where no project is chosen."""

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "issue" and self.board is not None:
            return self._page_with_items(self.board, since, token)
        if resource == "project":
            rows, following = boards.page_of(self.chosen(), token)
            return Page([self.project_record(row) for row in rows], following)
        return super().list_page(resource, since=since, token=token, parent_id=parent_id)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "project":
            return self.project_record(boards.one_of(self.chosen(), external_id))
        return super().get(resource, external_id, parent_id=parent_id)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource == "issue" and self.board is not None:
            return self._issues(external_ids)
        return super().get_many(resource, external_ids)

    def _page_with_items(self, board: Board, since: datetime | None, token: Any) -> Page:
        """The changed issues, and after them those whose item alone changed: that moves no issue's ``updated_at``.

        A full listing needs no second part, as each of its pages carries the items.
        """
        if token is not None and "items" in token:
            return self._moved_page(board, token)
        page = self._changed_page(ENDPOINTS["issue"], since, token)
        if page.next_token is not None or since is None:
            return page
        return dataclasses.replace(
            page, next_token={"items": None, "since": format_instant(since), "count": 0}
        )

    def _moved_page(self, board: Board, token: Mapping[str, Any]) -> Page:
        since = parse_instant(token["since"])
        moved, following = board.page(token["items"])
        ours = str(self.repository()["id"])
        records = []
        for one in moved:
            at, issue_at = parse_instant(one.item["updated_at"]), parse_instant(one.issue_updated_at)
            if since is None or at is None or at < since or one.repository_id != ours:
                continue
            if issue_at is not None and issue_at >= since:
                continue  # among the changed issues already
            try:
                row = self._issue_row(one.number)
            except RecordGone:
                continue
            records.append(self._record_of({**row, ITEM: one.item}))
        if following is not None and token["count"] + 1 >= MAX_PAGES:
            raise ContractBroken(f"The project's items did not end after {MAX_PAGES} pages.")
        rest = {"items": following, "since": token["since"], "count": token["count"] + 1}
        return Page(records, rest if following is not None else None)

    def _issues(self, numbers: Sequence[str]) -> dict[str, ExternalRecord]:
        """One request each, as GitHub has no other way, but one query for all of their items."""
        rows = []
        for number in numbers:
            try:
                rows.append(self._issue_row(number))
            except (RecordGone, PermissionProblem):
                continue
        records = [self._record_of(row) for row in self._with_items(rows)]
        return {record.id: record for record in records}

    def chosen(self) -> Board:
        if self.board is None:
            raise ConfigurationProblem("Projects are there once one is chosen in the settings.")
        return self.board

    def project_record(self, row: Mapping[str, Any]) -> ExternalRecord:
        record = self.to_record(ENDPOINTS["project"], row, answer=None, parent_id=None)
        return dataclasses.replace(record, container=self.chosen().owner, complete=True)
