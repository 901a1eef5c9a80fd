"""A stand-in for monday.com's GraphQL API (version 2026-10), held to the vendor's schema and vendors/monday.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from graphql import DocumentNode, OperationDefinitionNode, OperationType

from sandbox.graphql import GraphSurface, is_query
from sandbox.hooks import Sender
from sandbox.store import Document, Store
from sandbox.vendor import ContractFixture, Logged
from sandbox.web import Call, Refusal, Reply, route

from . import monday_seed as seed
from .monday_schema import SCHEMA
from .monday_state import FIRST_ITEM, MondayState, ask_challenge, gone

VERSIONS = {"2026-07": "maintenance", "2026-10": "current", "2027-01": "release_candidate"}
CURSOR_LIFE = timedelta(minutes=60)
KEY_LIFE = timedelta(minutes=30)
POINTS_PER_QUERY = 5_000_000
POINTS_PER_MINUTE = 10_000_000


class Monday(MondayState):
    slug = "monday"
    name = "monday.com"
    colour = "#6161ff"
    tagline = "Board “Autumn campaign”: items, subitems, updates, tags"
    limit_per_minute = 1000

    def __init__(self, store: Store, sender: Sender, clock: Any = None) -> None:
        self.points_per_minute = POINTS_PER_MINUTE
        self._spent: tuple[int, int] = (0, 0)
        self._surface = GraphSurface(self, SCHEMA, describe=_told, rows_of=_rows_of)
        super().__init__(store, sender, clock)

    def seed(self) -> None:
        self.points_per_minute, self._spent = POINTS_PER_MINUTE, (0, 0)
        for id, name, email, title, status in seed.USERS:
            self.world.put(
                "user",
                id,
                {
                    "id": id, "name": name, "email": email, "title": title, "status": status, "phone": None, "mobile_phone": None,
                    "time_zone_identifier": "Europe/Lisbon", "kind": "member", "is_deleted": False,
                    "url": f"https://hazelpine.monday.com/users/{id}",
                },
            )  # fmt: skip
        for id, name, colour in seed.TAGS:
            self.world.put("tag", id, {"id": id, "name": name, "color": colour})
        self.put_board(seed.BOARD, "Autumn campaign", "board", seed.COLUMNS)
        self.put_board(seed.SUB_BOARD, "Subitems of Autumn campaign", "sub_items_board", seed.SUB_COLUMNS)
        self.put_board(seed.OTHER_BOARD, "New business", "board", seed.COLUMNS[:1] + seed.COLUMNS[2:6])
        for row in seed.items():
            item = self.make_item(
                seed.BOARD, row["name"], row["values"], actor=row["by"], group=row["group"], at=row["at"]
            )
            for author, body in row["remarks"]:
                self.make_update(item, body, actor=author, at=row["at"])
            for name in row["below"]:
                values = {"status": {"label": "Working on it"}}
                self.make_item(seed.SUB_BOARD, name, values, actor=row["by"], parent=item["id"], at=row["at"])

    # --- the address ---------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> str:
        """A personal token comes bare; an app's may also come as bearer."""
        given = call.headers.get("Authorization", "")
        if given not in (seed.TOKEN, seed.APP_TOKEN, f"Bearer {seed.APP_TOKEN}"):
            raise Refusal(401, "Not Authenticated")
        return seed.ROBOT

    def refuse(self, refusal: Refusal) -> Any:
        if refusal.status == 401:
            return {"errors": ["Not Authenticated"]}
        return {"errors": [_told(refusal)], "account_id": int(seed.ACCOUNT["id"])}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        headers = {"Retry-After": str(retry_after)}
        return Refusal(429, "Rate Limit Exceeded.", code="RATE_LIMIT_EXCEEDED", headers=headers)

    @route("POST", "/v2")
    def graphql(self, call: Call) -> Reply:
        key = call.headers.get("Idempotency-Key", "")
        known = self.world.get("key", key) if key else None
        if known is not None and datetime.fromisoformat(known["at"]) + KEY_LIFE > self.now():
            if known["body"] != call.raw.decode():
                raise Refusal(409, "The key was used for another request", code="IDEMPOTENCY_CONFLICT")
            return Reply(known["answer"], headers={"Idempotency-Replayed": "true"})
        reply = self._surface.answer(call, check=lambda document, points: self._afford(document, points))
        if key and "errors" not in reply.body:
            kept = {"at": self.now().isoformat(), "body": call.raw.decode(), "answer": reply.body}
            self.world.put("key", key, kept)
        reply.body |= {"account_id": int(seed.ACCOUNT["id"])}
        return reply

    def _afford(self, document: DocumentNode, points: int) -> None:
        """Takes the query's points from this minute's."""
        if points > POINTS_PER_QUERY:
            raise Refusal(
                200,
                f"Query has complexity of {points}, which exceeds max complexity of {POINTS_PER_QUERY}",
                code="ComplexityException",
            )
        minute, spent = int(self.now().timestamp()) // 60, 0
        if self._spent[0] == minute:
            spent = self._spent[1]
        calls = sum(
            len(one.selection_set.selections)
            for one in document.definitions
            if isinstance(one, OperationDefinitionNode) and one.operation is OperationType.MUTATION
        )
        spent += points + 10_000 * calls
        if spent > self.points_per_minute:
            wait = 60 - int(self.now().timestamp()) % 60
            raise Refusal(
                200,
                f"Complexity budget exhausted, query cost {points} budget remaining 0 out of {self.points_per_minute} reset in {wait} seconds",
                code="COMPLEXITY_BUDGET_EXHAUSTED",
                body=None,
                field=str(wait),
            )
        self._spent = (minute, spent)

    def reads_by_post(self, entry: Logged) -> bool:
        """Queries are POSTs too; the suite asks which of them write."""
        return is_query(entry)

    # --- queries -------------------------------------------------------------------------------------------------

    def query_me(self, call: Call) -> Any:
        return self.shown_user(call.actor)

    def query_version(self, call: Call) -> Any:
        """The version asked for; where it is none that is supported, the current one answers."""
        asked = call.headers.get("API-Version", "")
        value = asked if asked in VERSIONS else "2026-10"
        return {"value": value, "kind": VERSIONS[value], "display_name": value}

    def query_complexity(self, call: Call) -> Any:
        left = self.points_per_minute - self._spent[1]
        return {"before": left, "after": left, "query": 10, "reset_in_x_seconds": 60 - call.now.second}

    def query_users(
        self,
        call: Call,
        ids: list[str] | None = None,
        emails: list[str] | None = None,
        name: str | None = None,
        limit: int = 200,
        page: int = 1,
    ) -> Any:
        rows = [
            one
            for one in self.world.all("user")
            if (ids is None or one["id"] in ids)
            and (emails is None or one["email"] in emails)
            and (not name or name.casefold() in one["name"].casefold())
        ]
        return self.page_of(rows, limit, page, most=1000)

    def query_workspaces(
        self, call: Call, limit: int, page: int, state: str, ids: list[str] | None = None
    ) -> Any:
        rows: list[Document] = [{"id": seed.WORKSPACE, "name": "Studio", "state": "active"}]
        return self.page_of([one for one in rows if ids is None or one["id"] in ids], limit, page, most=100)

    def query_boards(
        self,
        call: Call,
        limit: int,
        page: int,
        state: str,
        ids: list[str] | None = None,
        workspace_ids: list[str | None] | None = None,
        order_by: str | None = None,
    ) -> Any:
        rows = [
            one
            for one in self.world.all("board")
            if (ids is None or one["id"] in ids)
            and (workspace_ids is None or one["workspace_id"] in workspace_ids)
            and state in ("all", one["state"])
        ]
        return [self._shown_board(call, one) for one in self.page_of(rows, limit, page, most=500)]

    def _shown_board(self, call: Call, board: Mapping[str, Any]) -> Document:
        live = [
            one for one in self.world.all("item") if one["board"] == board["id"] and one["state"] == "active"
        ]

        def updates(
            limit: int,
            page: int,
            ids: list[str] | None = None,
            from_date: str | None = None,
            to_date: str | None = None,
        ) -> list[Document]:
            mine = {
                one["id"]
                for one in self.world.all("item")
                if one["board"] == board["id"] and one["state"] != "deleted"
            }
            rows = [
                row
                for row in self.updates_of(mine)
                if (ids is None or row["id"] in ids)
                and (not from_date or _moment(row["created_at"]) >= _moment(from_date))
                and (not to_date or _moment(row["created_at"]) <= _moment(to_date))
            ]
            return self.page_of(rows, limit, page, most=100)

        def activity_logs(
            limit: int = 25, page: int = 1, item_ids: list[str] | None = None, **filters: Any
        ) -> list[Document]:
            if given := [name for name, value in filters.items() if value is not None]:
                raise Refusal(
                    200, f"{given[0]} is not supported by this stand-in", code="InvalidArgumentException"
                )
            rows = [
                one
                for one in reversed(self.world.all("log"))
                if one["board"] == board["id"] and (item_ids is None or one["item"] in item_ids)
            ]
            return self.page_of(rows, limit, page, most=10_000)

        return {
            **board,
            "items_count": len(live),
            "tags": [],
            "groups": lambda ids=None: [
                one for one in board["groups"] if not one["deleted"] and (ids is None or one["id"] in ids)
            ],
            "columns": lambda ids=None, types=None: [
                one
                for one in board["columns"]
                if (ids is None or one["id"] in ids) and (types is None or one["type"] in types)
            ],
            "items_page": lambda limit, cursor=None, query_params=None: self._items_page(
                board["id"], limit, cursor, query_params
            ),
            "updates": updates,
            "activity_logs": activity_logs,
        }

    def query_items(
        self,
        call: Call,
        limit: int,
        page: int,
        ids: list[str] | None = None,
        exclude_nonactive: bool | None = None,
        newest_first: bool | None = None,
    ) -> Any:
        if len(ids or ()) > 100:
            raise Refusal(200, "You can query up to 100 ids", code="InvalidArgumentException")
        rows = [
            one
            for one in self.world.all("item")
            if (ids is None or one["id"] in ids) and (not exclude_nonactive or one["state"] == "active")
        ]
        return [self.shown_item(one) for one in self.page_of(rows, limit, page, most=100)]

    def _items_page(
        self, board: str, limit: int, cursor: str | None, params: Mapping[str, Any] | None
    ) -> Document:
        if cursor is not None and params:
            raise Refusal(200, "query_params cannot be given with a cursor", code="InvalidArgumentException")
        if cursor is not None:
            return self._cursor_page(cursor, limit)
        rows = [one for one in self.world.all("item") if one["board"] == board and one["state"] == "active"]
        rows = self.visible(rows, "updated_at")
        for rule in (params or {}).get("rules") or ():
            rows = [one for one in rows if _fits(one, rule)]
        if (params or {}).get("ids"):
            rows = [one for one in rows if one["id"] in (params or {})["ids"]]
        for order in (params or {}).get("order_by") or ():
            if order["column_id"] == "__last_updated__":
                rows.sort(key=lambda one: str(one["updated_at"]), reverse=order["direction"] == "desc")
        return self._first_page([one["id"] for one in rows], limit)

    def _first_page(self, ids: list[str], limit: int) -> Document:
        token = f"MSw3NDAwLGN1cnNvciw{self.world.next_number('cursor')}"
        self.world.put("cursor", token, {"ids": ids, "at": self.now().isoformat()})
        return self._cursor_page(token, limit)

    def _cursor_page(self, token: str, limit: int) -> Document:
        """The next items of a listing as it was when it began; those that went meanwhile are left out."""
        if not 1 <= limit <= 500:
            raise Refusal(200, "limit must be between 1 and 500", code="InvalidArgumentException")
        kept = self.world.get("cursor", token)
        if kept is None or datetime.fromisoformat(kept["at"]) + CURSOR_LIFE < self.now():
            words = "The cursor provided for pagination has expired. Please refresh your query and obtain a new cursor."
            raise Refusal(200, words, code="CursorException")
        ids, rest = kept["ids"][:limit], kept["ids"][limit:]
        following = None
        if rest:
            following = f"MSw3NDAwLGN1cnNvciw{self.world.next_number('cursor')}"
            self.world.put("cursor", following, {"ids": rest, "at": kept["at"]})
        items = [found for id in ids if (found := self.world.get("item", id)) and found["state"] == "active"]
        return {"cursor": following, "items": [self.shown_item(one) for one in items]}

    def query_next_items_page(self, call: Call, cursor: str, limit: int) -> Any:
        return self._cursor_page(cursor, limit)

    def query_items_page_by_column_values(
        self,
        call: Call,
        board_id: str,
        limit: int,
        columns: list[Document] | None = None,
        cursor: str | None = None,
    ) -> Any:
        board = self.board(board_id)
        known = {one["id"]: one for one in board["columns"]}
        rows = [
            one for one in self.world.all("item") if one["board"] == board_id and one["state"] == "active"
        ]
        for asked in columns or ():
            column = known.get(asked["column_id"])
            if column is None or column["type"] not in ("text", "numbers", "email", "phone", "long_text"):
                raise Refusal(200, "Column cannot be searched", code="InvalidColumnIdException")
            rows = [one for one in rows if str(one["values"].get(column["id"])) in asked["column_values"]]
        return self._first_page([one["id"] for one in rows], limit)

    def query_updates(
        self,
        call: Call,
        limit: int,
        page: int,
        ids: list[str] | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
    ) -> Any:
        rows = [self.shown_update(one) for one in self.world.all("update") if ids is None or one["id"] in ids]
        return self.page_of(rows, limit, page, most=100)

    def query_tags(self, call: Call, ids: list[str] | None = None) -> Any:
        return [one for one in self.world.all("tag") if ids is None or one["id"] in ids]

    def query_webhooks(self, call: Call, board_id: str, app_webhooks_only: bool | None = None) -> Any:
        self.board(board_id)
        return [
            one
            for one in self.world.all("webhook")
            if one["board_id"] == board_id and (not app_webhooks_only or one["is_app"])
        ]

    # --- mutations: items ----------------------------------------------------------------------------------------

    def mutate_create_item(
        self,
        call: Call,
        board_id: str,
        item_name: str,
        group_id: str | None = None,
        column_values: Any = None,
        create_labels_if_missing: bool | None = None,
        **place: Any,
    ) -> Any:
        item = self.make_item(
            board_id,
            item_name,
            _json(column_values),
            actor=call.actor,
            group=group_id or "",
            may_make_labels=bool(create_labels_if_missing),
        )
        return self.shown_item(item)

    def mutate_create_subitem(
        self,
        call: Call,
        parent_item_id: str,
        item_name: str,
        column_values: Any = None,
        create_labels_if_missing: bool | None = None,
    ) -> Any:
        parent = self.item(parent_item_id)
        column = next(
            (one for one in self.board(parent["board"])["columns"] if one["type"] == "subtasks"), None
        )
        if column is None:
            raise Refusal(200, "The board has no subitems", code="InvalidArgumentException")
        item = self.make_item(
            str(column["settings"]["boardIds"][0]),
            item_name,
            _json(column_values),
            actor=call.actor,
            parent=parent["id"],
            may_make_labels=bool(create_labels_if_missing),
        )
        return self.shown_item(item)

    def mutate_change_multiple_column_values(
        self,
        call: Call,
        board_id: str,
        column_values: Any,
        item_id: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Any:
        item = self.item(item_id)
        if item["board"] != board_id:
            raise Refusal(200, "The item is not on this board", code="InvalidBoardIdException")
        values = _json(column_values)
        name = values.pop("name", None)
        self.change_item(
            item,
            actor=call.actor,
            values=values,
            name=name,
            may_make_labels=bool(create_labels_if_missing),
        )
        return self.shown_item(item)

    def mutate_move_item_to_group(self, call: Call, group_id: str, item_id: str | None = None) -> Any:
        return self.shown_item(self.change_item(self.item(item_id), actor=call.actor, group=group_id))

    def mutate_archive_item(self, call: Call, item_id: str | None = None) -> Any:
        return self.shown_item(self.set_state(self.item(item_id), "archived", actor=call.actor))

    def mutate_delete_item(self, call: Call, item_id: str | None = None) -> Any:
        return self.shown_item(self.set_state(self.item(item_id), "deleted", actor=call.actor))

    # --- mutations: updates, groups, boards, tags ----------------------------------------------------------------

    def mutate_create_update(
        self, call: Call, body: str, item_id: str | None = None, parent_id: str | None = None, **more: Any
    ) -> Any:
        if parent_id:
            kind, parent = self.post(parent_id)
            if kind == "reply":
                raise Refusal(200, "A reply cannot be answered", code="InvalidArgumentException")
            made = self.make_update(self.item(parent["item_id"]), body, actor=call.actor, parent=parent["id"])
        else:
            made = self.make_update(self.item(item_id), body, actor=call.actor)
        return self.shown_update(made)

    def mutate_edit_update(self, call: Call, id: str, body: str) -> Any:
        kind, post = self.post(id)
        if post["creator_id"] != call.actor:
            raise Refusal(403, "User unauthorized to perform action", code="UserUnauthorizedException")
        return self.shown_update(self.edit_post(kind, post, body, actor=call.actor))

    def mutate_delete_update(self, call: Call, id: str) -> Any:
        kind, post = self.post(id)
        self.drop_post(kind, post, actor=call.actor)
        return self._post(post) | {"replies": []}

    def mutate_create_group(self, call: Call, board_id: str, group_name: str, **place: Any) -> Any:
        board = self.board(board_id)
        n = self.world.next_number("group")
        made = {
            "id": f"group_mkq{n}", "title": group_name, "color": "#037f4c", "position": str(65536 * (len(board["groups"]) + 1)),
            "archived": False, "deleted": False,
        }  # fmt: skip
        board["groups"].append(made)
        self.world.put("board", board_id, board)
        return made

    def mutate_update_group(
        self, call: Call, board_id: str, group_id: str, group_attribute: str, new_value: str
    ) -> Any:
        board = self.board(board_id)
        group = next((one for one in board["groups"] if one["id"] == group_id and not one["deleted"]), None)
        if group is None:
            raise gone("Group", "ResourceNotFoundException")
        if group_attribute not in ("title", "color"):
            raise Refusal(200, "Only title and color are kept here", code="InvalidArgumentException")
        group[group_attribute] = new_value
        self.world.put("board", board_id, board)
        return group

    def mutate_update_board(self, call: Call, board_id: str, board_attribute: str, new_value: str) -> Any:
        board = self.board(board_id)
        board |= {board_attribute: new_value, "updated_at": self.stamp()}
        self.world.put("board", board_id, board)
        return orjson.dumps({"success": True}).decode()

    def mutate_create_column(
        self,
        call: Call,
        board_id: str,
        title: str,
        column_type: str,
        description: str | None = None,
        **more: Any,
    ) -> Any:
        board = self.board(board_id)
        made = {
            "id": f"{column_type}_mkq{self.world.next_number('column')}", "title": title, "type": column_type, "settings": {},
            "archived": False, "description": description, "revision": "1",
        }  # fmt: skip
        board["columns"].append(made)
        self.world.put("board", board_id, board)
        return made

    def mutate_create_or_get_tag(
        self, call: Call, tag_name: str | None = None, board_id: str | None = None
    ) -> Any:
        if not tag_name:
            raise Refusal(200, "A tag needs a name", code="InvalidArgumentException")
        same = next(
            (one for one in self.world.all("tag") if one["name"].casefold() == tag_name.casefold()), None
        )
        if same is not None:
            return same
        id = str(400 + self.world.next_number("tag"))
        return self.world.put("tag", id, {"id": id, "name": tag_name, "color": "#00c875"})

    # --- mutations: webhooks -------------------------------------------------------------------------------------

    def mutate_create_webhook(
        self, call: Call, board_id: str, url: str, event: str, config: Any = None
    ) -> Any:
        self.board(board_id)
        if "subitem" in event and not any(one["parent"] for one in self.world.all("item")):
            raise Refusal(200, "The board has no subitems", code="InvalidArgumentException")
        ask_challenge(url)
        id = str(540_000 + self.world.next_number("webhook"))
        is_app = call.headers.get("Authorization", "").removeprefix("Bearer ") == seed.APP_TOKEN
        made = {
            "id": id,
            "event": event,
            "board_id": board_id,
            "config": config,
            "url": url,
            "is_app": is_app,
        }
        return self.world.put("webhook", id, made)

    def mutate_delete_webhook(self, call: Call, id: str) -> Any:
        found = self.world.get("webhook", id)
        if found is None:
            raise gone("Webhook", "ResourceNotFoundException")
        self.world.drop("webhook", id)
        return found

    # --- tests ---------------------------------------------------------------------------------------------------

    def contract_fixture(self) -> ContractFixture:
        item = {
            "name": "Brochure for the trade fair",
            "hub.description": "Twelve pages, printed on recycled stock.",
            "hub.stage": "0",
            "hub.priority": "high",
            "hub.assignees": [seed.USERS[2][0]],
            "hub.labels": ["print"],
            "hub.start_on": "2026-10-05",
            "hub.due_on": "2026-10-30",
            "hub.estimate": 8,
            "hub.group": seed.GROUPS[1][0],
        }
        return ContractFixture(
            base_url="{root}",
            settings={"board_id": seed.BOARD, "key_column": "text_key"},
            secrets={
                "client_id": seed.CLIENT_ID,
                "client_secret": seed.CLIENT_SECRET,
                "access_token": seed.APP_TOKEN,
                "signing_secret": seed.SIGNING_SECRET,
            },
            samples={
                "item": item,
                "update": {"body": "<p>Quote from the printer is in.</p>", "hub.author": "Ines Costa"},
                "group": {"title": "Trade fair"},
                "tag": {"name": "fair"},
            },
            edits={
                "item": {"name": "Brochure for the spring fair"},
                "update": {"body": "<p>Second quote is in.</p>"},
                "group": {"title": "Spring fair"},
            },
            parents={"update": FIRST_ITEM},
            webhook_secret=seed.SIGNING_SECRET,
            kinds={"item": "item", "update": "update", "user": "user"},
        )


def _told(refusal: Refusal) -> dict[str, Any]:
    """An entry of ``errors`` as monday.com writes it."""
    extra = refusal.body if isinstance(refusal.body, dict) else {}
    extensions = {"code": refusal.code, "status_code": refusal.status, "error_data": {}, **extra}
    if refusal.code == "COMPLEXITY_BUDGET_EXHAUSTED":
        extensions["retry_in_seconds"] = int(refusal.field)
    return {"message": refusal.message, "extensions": extensions}


def _rows_of(name: str, arguments: Mapping[str, Any]) -> int:
    """How many rows a field may answer: its limit, else its ids, else one."""
    limit = arguments.get("limit")
    ids = arguments.get("ids")
    if isinstance(ids, list):
        return max(1, len(ids))
    if str(limit).isdigit():
        return int(str(limit))
    return 25 if name in ("boards", "items", "updates") else 1


def _json(value: Any) -> Document:
    """``column_values`` comes as JSON in a text."""
    try:
        found = orjson.loads(value) if isinstance(value, str) else None
    except orjson.JSONDecodeError:
        found = None
    if value is None:
        return {}
    if not isinstance(found, dict):
        raise Refusal(200, "column_values must be JSON in a string", code="InvalidArgumentException")
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _fits(item: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    if rule["column_id"] != "__last_updated__":
        raise Refusal(200, "Only rules on __last_updated__ are known here", code="InvalidColumnIdException")
    if rule["operator"] != "between":
        raise Refusal(200, "no_operator_config", code="InvalidArgumentException")
    start, end = (_moment(one) for one in rule["compare_value"])
    return start <= _moment(item["updated_at"]) <= end


VENDOR = Monday
