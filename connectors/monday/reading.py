"""Reading a board: its layout, items of the board and of its hidden board of subitems, updates, people, tags, groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base.client import Endpoint, RestClient, digest, fingerprint
from connectors.base.connector import Connector
from connectors.base.errors import ConfigurationProblem, ContractBroken, RecordGone
from connectors.base.graphql import GraphApi
from connectors.base.paging import Walk
from connectors.base.session import Answer
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import ExternalRecord, Page

from . import queries as q
from .columns import chosen_roles
from .items import Layout, board_of, item_data, tags_in
from .text import take_apart

ITEMS_PER_PAGE = 200
IDS_PER_QUERY = 100
UPDATES_PER_PAGE = 100
USERS_PER_PAGE = 200
THREAD_AGE = timedelta(days=14)
"""Updates are filtered by when they were made; edits and replies of this long after are still seen by a poll."""

ENDPOINTS: Mapping[str, Endpoint] = {
    "user": Endpoint("user", url_at="url"),
    "board": Endpoint("board", url_at="url", updated_at="updated_at"),
    "group": Endpoint("group", archived_at="archived"),
    "tag": Endpoint("tag"),
    "item": Endpoint("item", updated_at="updated_at", url_at="url"),
    "update": Endpoint("update", updated_at="hub.changed_at", parent_at="hub.item"),
}


class MovedAway(RecordGone):
    """The item is on another board now."""


class MondayReader(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, api: GraphApi, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, api.session, settings)
        self.api = api
        self.board_id = str(settings.get("board_id") or "").strip()
        self.stage_from = str(settings.get("stage_from") or "").strip().casefold()
        self.with_subitems = str(settings.get("subitems") or "").strip().casefold() != "off"
        self.page_size = ITEMS_PER_PAGE
        self._layouts: dict[str, Layout] = {}
        self._tags: dict[str, Mapping[str, Any]] = {}  # by name, folded; those seen so far

    # --- boards --------------------------------------------------------------------------------------------------

    def main(self, *, afresh: bool = False) -> Layout:
        """The board of the settings."""
        if afresh:
            self._layouts.clear()
        return self._layout(self.board_id, chosen_roles(self.settings.get("columns")))

    def subitems(self) -> Layout | None:
        """The hidden board of its subitems; None while there is none, or where they are left out."""
        board = self.main().subitems_board() if self.with_subitems else ""
        return self._layout(board, {}) if board and board != self.board_id else None

    def layout_of(self, board_id: str) -> Layout | None:
        """The layout of one of our boards; None for any other."""
        if board_id == self.board_id:
            return self.main()
        below = self.subitems()
        return below if below is not None and below.board_id == board_id else None

    def our_boards(self) -> list[str]:
        below = self.subitems()
        return [self.board_id, below.board_id] if below else [self.board_id]

    def _layout(self, board_id: str, chosen: Mapping[str, str]) -> Layout:
        if board_id not in self._layouts:
            rows = self.api.ask(q.LAYOUT, {"ids": [board_id]}).rows("boards", "boards")
            if not rows or not isinstance(rows[0], dict):
                raise ConfigurationProblem(
                    "The board cannot be read: check its number, and that the account may see it.",
                    code="missing",
                )
            if rows[0].get("state") not in (None, "active"):
                raise ConfigurationProblem(f"The board is {rows[0]['state']}.", code="missing")
            self._layouts[board_id] = Layout.from_row(rows[0], chosen)
        return self._layouts[board_id]

    # --- listing -------------------------------------------------------------------------------------------------

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        match resource:
            case "item":
                return self._items_page(since, token)
            case "update":
                return self._updates_page(since, token, parent_id)
            case "user":
                return self._users_page(token)
            case "tag":
                rows = self.tag_rows()
            case "group":
                rows = list(self.main(afresh=True).groups)
            case "board":
                rows = [self.main(afresh=True).row]
            case _:
                raise self.cannot("list", resource)
        return Page([self._record(resource, row) for row in rows])

    def _items_page(self, since: datetime | None, token: Any) -> Page:
        """Board after board. A cursor lives an hour and belongs to its first page: when it is gone, that board begins anew."""
        walk = Walk.from_token(token)
        phase, cursor = walk.token or (0, None)
        boards = self.our_boards()
        if phase >= len(boards):
            return Page([], None)
        if cursor:
            try:
                given = self.api.ask(q.NEXT_ITEMS, {"cursor": cursor, "limit": self.page_size})
                page = given.object("next_items_page", "page of items")
            except RecordGone:
                walk, cursor = Walk(), None
        if not cursor:
            variables = {"board": [boards[phase]], "limit": self.page_size, "params": self._params(since)}
            given = self.api.ask(q.FIRST_ITEMS, variables)
            page = given.object("boards[0].items_page", "page of items")
        rows = page.get("items")
        if not isinstance(rows, list) or "cursor" not in page:
            raise ContractBroken("The page holds no items.", exchange=given.answer.exchange)
        following = page["cursor"]
        upcoming = [phase, following] if following else [phase + 1, None] if phase + 1 < len(boards) else None
        records = [self._record("item", row) for row in rows if isinstance(row, dict)]
        return Page(records, walk.step(upcoming, fingerprint(rows)), given.answer.server_time)

    def _params(self, since: datetime | None) -> dict[str, Any] | None:
        """The filter by change. Only “between” is taken for it; a second and a day are put around."""
        if since is None:
            return None
        until = self.session.environment.now() + timedelta(days=1)
        span = [format_instant(since - timedelta(seconds=1)), format_instant(max(until, since))]
        rule = {"column_id": "__last_updated__", "compare_value": span, "operator": "between"}
        order = {"column_id": "__last_updated__", "direction": "asc"}
        return {"rules": [rule], "order_by": [order]}

    def _updates_page(self, since: datetime | None, token: Any, parent_id: str | None) -> Page:
        """Updates with their replies, of all our items or of one; ends with a page that no place fills."""
        walk = Walk.from_token(token)
        page = int(walk.token or 1)
        if parent_id:
            given = self.api.ask(
                q.ITEM_UPDATES, {"items": [parent_id], "limit": UPDATES_PER_PAGE, "page": page}
            )
            places = given.rows("items", "items")
        else:
            start = format_instant(since - THREAD_AGE) if since else None
            variables = {"boards": self.our_boards(), "limit": UPDATES_PER_PAGE, "page": page, "from": start}
            given = self.api.ask(q.BOARD_UPDATES, variables)
            places = given.rows("boards", "boards")
        lists = [place.get("updates") if isinstance(place, dict) else None for place in places]
        if any(not isinstance(rows, list) for rows in lists):
            raise ContractBroken("The listing of updates holds no list.", exchange=given.answer.exchange)
        following = page + 1 if any(len(rows or ()) >= UPDATES_PER_PAGE for rows in lists) else None
        rows = [row for rows in lists for one in rows or () for row in _thread(one, parent_id)]
        records = [self._record("update", row) for row in rows]
        if since is not None:
            records = [one for one in records if one.updated_at is None or one.updated_at >= since]
        return Page(records, walk.step(following, fingerprint(rows)), given.answer.server_time)

    def _users_page(self, token: Any) -> Page:
        walk = Walk.from_token(token)
        page = int(walk.token or 1)
        given = self.api.ask(q.USERS, {"limit": USERS_PER_PAGE, "page": page})
        rows = given.rows("users", "people")
        following = page + 1 if len(rows) >= USERS_PER_PAGE else None
        records = [self._record("user", row) for row in rows]
        return Page(records, walk.step(following, fingerprint(rows)), given.answer.server_time)

    def tag_rows(self) -> list[Mapping[str, Any]]:
        """The account's tags, and the board's own where it is private."""
        given = self.api.ask(q.TAGS, {"boards": [self.board_id]})
        boards = given.rows("boards", "boards")
        listed = [*given.rows("tags", "tags"), *(tag for board in boards for tag in board.get("tags") or ())]
        rows = {str(row.get("id")): row for row in listed if isinstance(row, dict)}
        self._tags |= {str(row.get("name")).casefold(): row for row in rows.values()}
        return list(rows.values())

    # --- one by one ----------------------------------------------------------------------------------------------

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        found = self.read_any(resource, [external_id], parent_id=parent_id).get(external_id)
        if found is None:
            raise RecordGone(f"monday.com has no such {resource}, or the account may not see it.", status=404)
        if found.is_deleted:
            raise RecordGone(f"The {resource} is in the trash.", proven=True)
        if resource == "item" and self.layout_of(found.container) is None:
            raise MovedAway("The item is on another board now.")
        return found

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        found = self.read_any(resource, external_ids)
        return {
            id: one
            for id, one in found.items()
            if not one.is_deleted and (resource != "item" or self.layout_of(one.container) is not None)
        }

    def read_any(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, ExternalRecord]:
        """Those that monday.com still answers, the trash included, whatever board they are on."""
        if resource in ("group", "board"):
            listed = {one.id: one for one in self.list_page(resource).records}
            return {id: listed[id] for id in external_ids if id in listed}
        if resource not in ENDPOINTS:
            raise self.cannot("read", resource)
        found: dict[str, ExternalRecord] = {}
        wanted = [one for one in external_ids if one.partition(".")[0].isdigit()]
        for start in range(0, len(wanted), IDS_PER_QUERY):
            for row in self._rows_by_id(resource, wanted[start : start + IDS_PER_QUERY], parent_id):
                record = self._record(resource, row)
                found[record.id] = record
        return {id: found[id] for id in external_ids if id in found}

    def _rows_by_id(
        self, resource: str, ids: Sequence[str], parent_id: str | None
    ) -> Iterator[Mapping[str, Any]]:
        match resource:
            case "item":
                yield from self.api.ask(q.ITEMS, {"ids": list(ids), "limit": len(ids)}).rows("items", "items")
            case "update":
                posts = list(dict.fromkeys(one.partition(".")[0] for one in ids))
                given = self.api.ask(q.UPDATES, {"ids": posts, "limit": len(posts)})
                for row in given.rows("updates", "updates"):
                    yield from _thread(row, parent_id)
            case "user":
                yield from self.api.ask(q.USERS_BY_ID, {"ids": list(ids)}).rows("users", "people")
            case "tag":
                yield from self.api.ask(q.TAGS_BY_ID, {"ids": list(ids)}).rows("tags", "tags")

    # --- records -------------------------------------------------------------------------------------------------

    def _record(self, resource: str, row: Any) -> ExternalRecord:
        if not isinstance(row, dict):
            raise ContractBroken(f"A {resource} came as something else.")
        return self.to_record(ENDPOINTS[resource], row, answer=None, parent_id=None)

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        match endpoint.name:
            case "item":
                return self._item(endpoint, row)
            case "update":
                data = update_data(row)
            case "user":
                data = {**row, "phone": row.get("mobile_phone") or row.get("phone") or None}
                data["hub"] = {"active": row.get("status") != "INACTIVE" and not row.get("is_deleted")}
            case "group":
                closed = "closed" if row.get("archived") else "open"
                data = {**row, "hub": {"state": closed, "board": self.board_id}}
            case _:
                data = dict(row)
        record = super().to_record(endpoint, data, answer=answer, parent_id=parent_id)
        parts = {name: value for name, value in data.items() if name not in ("updated_at", "position")}
        return dataclasses.replace(record, version=digest(parts)[:16], container=self.board_id, complete=True)

    def _item(self, endpoint: Endpoint, row: Mapping[str, Any]) -> ExternalRecord:
        board, main = board_of(row), self.main()
        layout = self.layout_of(board) or Layout(board, {}, {}, {}, ())
        data = item_data(row, layout, main, self.stage_from)
        self._tags |= {str(tag.get("name")).casefold(): tag for tag in tags_in(row)}
        record = super().to_record(endpoint, data, answer=None, parent_id=None)
        state = str(row.get("state") or "active")
        return dataclasses.replace(
            record,
            version=digest([data["name"], data["columns"], data["hub"], state])[:16],
            container=board,
            is_archived=state == "archived",
            is_deleted=state == "deleted",
            complete=True,
        )


def _thread(row: Any, item_id: str | None) -> Iterator[Mapping[str, Any]]:
    """An update and its replies as rows; a reply's id is “update.reply”, as it cannot be read without its update."""
    if not isinstance(row, dict) or not (row.get("item_id") or item_id):
        return  # written on a board, not on an item
    item = str(row.get("item_id") or item_id)
    yield {**row, "item_id": item}
    for reply in row.get("replies") or ():
        if isinstance(reply, dict):
            yield {
                **reply,
                "id": f"{row.get('id')}.{reply.get('id')}",
                "item_id": item,
                "parent_id": row.get("id"),
            }


def update_data(row: Mapping[str, Any]) -> dict[str, Any]:
    """An update in the hub's terms: the text without the hub's line, who wrote it, what it answers."""
    parts = take_apart(row.get("body"))
    creator = row.get("creator")
    name = str(creator.get("name") or "") if isinstance(creator, dict) else ""
    moments = [parse_instant(row.get(at)) for at in ("edited_at", "updated_at", "created_at")]
    changed = max((one for one in moments if one is not None), default=None)
    hub = {
        "item": str(row["item_id"]) if row.get("item_id") else None,
        "parent": str(row["parent_id"]) if row.get("parent_id") else None,
        "author_id": None if parts.ref else str(row.get("creator_id") or "") or None,
        "author": parts.author if parts.ref else name or None,
        "ref": parts.ref,
        "changed_at": format_instant(changed) if changed else None,
    }
    return {
        "id": str(row.get("id") or ""),
        "body": parts.text,
        "created_at": row.get("created_at"),
        "hub": hub,
    }
