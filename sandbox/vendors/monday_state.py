"""What the monday.com stand-in keeps and how it changes: boards, items, updates, the activity log, webhooks."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Refusal

from . import monday_seed as seed
from .monday_values import kept_value, shown_value

MAX_NAME = 255
ITEM_IDS = 7_400_000_000
FIRST_ITEM = str(ITEM_IDS + 1)
SITE = f"https://{seed.ACCOUNT['slug']}.monday.com"
EVENT_TYPES = {
    "create_item": "create_pulse",
    "create_subitem": "create_pulse",
    "change_column_value": "update_column_value",
    "change_subitem_column_value": "update_column_value",
    "change_name": "update_name",
    "change_subitem_name": "update_name",
    "item_archived": "archive_pulse",
    "subitem_archived": "archive_pulse",
    "item_deleted": "delete_pulse",
    "subitem_deleted": "delete_pulse",
    "item_moved_to_any_group": "move_pulse_into_group",
    "create_subitem_update": "create_update",
}
"""The subscription's event → the type its payload carries."""


def gone(what: str, code: str) -> Refusal:
    return Refusal(404, f"{what} not found", code=code)


class MondayState(Vendor):
    webhook_retry_delays = tuple([60.0] * 30)

    # --- boards --------------------------------------------------------------------------------------------------

    def board(self, id: Any) -> Document:
        found = self.world.get("board", str(id))
        if found is None:
            raise Refusal(200, "Board not found", code="InvalidBoardIdException")
        return found

    def put_board(
        self, id: str, name: str, kind: str, columns: Iterable[tuple[str, str, str, dict[str, Any]]]
    ) -> None:
        rows = [
            {"id": one, "title": title, "type": type, "settings": settings, "archived": False, "description": None, "revision": "1"}
            for one, title, type, settings in columns
        ]  # fmt: skip
        groups = seed.GROUPS if kind == "board" else (("topics", "Subitems", "#579bfc"),)
        self.world.put(
            "board",
            id,
            {
                "id": id, "name": name, "description": "", "state": "active", "type": kind, "url": f"{SITE}/boards/{id}",
                "workspace_id": seed.WORKSPACE, "updated_at": self.stamp(), "columns": rows,
                "groups": [
                    {"id": group, "title": title, "color": colour, "position": str(65536 * (n + 1)), "archived": False, "deleted": False}
                    for n, (group, title, colour) in enumerate(groups)
                ],
            },
        )  # fmt: skip

    # --- items ---------------------------------------------------------------------------------------------------

    def item(self, id: Any, *, any_state: bool = False) -> Document:
        found = self.world.get("item", str(id))
        if found is None or (found["state"] == "deleted" and not any_state):
            raise gone("Item", "ResourceNotFoundException")
        return found

    def make_item(
        self,
        board_id: str,
        name: str,
        values: Mapping[str, Any],
        *,
        actor: str,
        group: str = "",
        parent: str | None = None,
        may_make_labels: bool = False,
        at: datetime | None = None,
    ) -> Document:
        board = self.board(board_id)
        groups = [one["id"] for one in board["groups"] if not one["deleted"]]
        if group and group not in groups:
            raise Refusal(200, "Group not found", code="ResourceNotFoundException")
        stamp = at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else self.stamp()
        item: Document = {
            "id": str(ITEM_IDS + self.world.next_number("item")), "name": self.item_name(name), "board": board_id,
            "group": group or groups[0], "parent": parent, "state": "active", "values": {}, "creator_id": actor,
            "created_at": stamp, "updated_at": stamp,
        }  # fmt: skip
        self._put_values(item, board, values, may_make_labels)
        self.world.put("item", item["id"], item)
        self.note(item, "create_pulse", {}, actor)
        self.tell(item, "create_subitem" if parent else "create_item", actor)
        return item

    def change_item(
        self,
        item: Document,
        *,
        actor: str,
        values: Mapping[str, Any] | None = None,
        name: str | None = None,
        group: str = "",
        may_make_labels: bool = False,
    ) -> Document:
        """Changes what differs; one event for each column, the name and the group, as monday.com sends them."""
        board, before = self.board(item["board"]), {**item, "values": dict(item["values"])}
        if name is not None:
            item["name"] = self.item_name(name)
        if group:
            if group not in [one["id"] for one in board["groups"] if not one["deleted"]]:
                raise Refusal(200, "Group not found", code="ResourceNotFoundException")
            item["group"] = group
        self._put_values(item, board, values or {}, may_make_labels)
        if item == before:
            return item
        item["updated_at"] = self.stamp()
        self.world.put("item", item["id"], item)
        is_sub = item["parent"] is not None
        for column in board["columns"]:
            was, now = before["values"].get(column["id"]), item["values"].get(column["id"])
            if was != now:
                facts = {
                    "columnId": column["id"],
                    "columnType": column["type"],
                    "columnTitle": column["title"],
                    "value": now,
                    "previousValue": was,
                }
                self.note(item, "update_column_value", {"column_id": column["id"]}, actor)
                self.tell(
                    item,
                    "change_subitem_column_value" if is_sub else "change_column_value",
                    actor,
                    facts,
                )
        if item["name"] != before["name"]:
            self.note(item, "update_name", {}, actor)
            self.tell(item, "change_subitem_name" if is_sub else "change_name", actor)
        if item["group"] != before["group"]:
            self.note(item, "move_pulse_into_group", {"source_group": before["group"]}, actor)
            self.tell(item, "item_moved_to_any_group", actor)
        return item

    def set_state(self, item: Document, state: str, *, actor: str) -> Document:
        if item["state"] == state:
            return item
        item |= {"state": state, "updated_at": self.stamp()}
        self.world.put("item", item["id"], item)
        kind = "subitem" if item["parent"] else "item"
        self.note(item, "delete_pulse" if state == "deleted" else "archive_pulse", {}, actor)
        self.tell(item, f"{kind}_{state}", actor)
        return item

    def item_name(self, name: Any) -> str:
        text = str(name or "")
        if self.trouble.knobs.is_normalising:
            text = " ".join(text.split())
        if not text.strip():
            raise Refusal(200, "Item name cannot be empty", code="InvalidArgumentException")
        if len(text) > MAX_NAME:
            raise Refusal(200, "The item name is too long", code="ItemNameTooLongException")
        return text

    def _put_values(
        self, item: Document, board: Document, values: Mapping[str, Any], may_make_labels: bool
    ) -> None:
        columns = {column["id"]: column for column in board["columns"]}
        for id, value in values.items():
            if id not in columns or id == "name":
                message = "This column ID doesn't exist for the board"
                raise Refusal(200, message, code="InvalidColumnIdException", field=id)
            kept = kept_value(
                columns[id],
                value,
                tags=lambda tag: self.world.get("tag", tag) is not None,
                may_make_labels=may_make_labels,
            )
            if self.trouble.knobs.is_normalising and columns[id]["type"] in ("long_text", "text") and kept:
                kept = kept.strip() or None
            item["values"].pop(id, None)
            if kept is not None:
                item["values"][id] = kept
        if may_make_labels:
            self.world.put("board", board["id"], board)

    def shown_item(self, item: Document) -> Document:
        board = self.board(item["board"])
        group = next((one for one in board["groups"] if one["id"] == item["group"]), None)

        def column_values(ids: list[str] | None = None, types: list[str] | None = None) -> list[Document]:
            names = {kind: {one["id"]: one for one in self.world.all(kind)} for kind in ("user", "tag")}
            return [
                shown_value(column, item["values"].get(column["id"]), names=names)
                for column in board["columns"]
                if column["id"] != "name"
                and not column["archived"]
                and (ids is None or column["id"] in ids)
                and (types is None or column["type"] in types)
            ]

        def updates(limit: int = 25, page: int = 1, ids: list[str] | None = None) -> list[Document]:
            rows = [row for row in self.updates_of({item["id"]}) if ids is None or row["id"] in ids]
            return self.page_of(rows, limit, page, most=100)

        return {
            **item,
            "url": f"{SITE}/boards/{item['board']}/pulses/{item['id']}",
            "relative_link": f"/boards/{item['board']}/pulses/{item['id']}",
            "board": {
                "id": item["board"],
                "name": board["name"],
                "state": board["state"],
                "url": board["url"],
            },
            "group": group,
            "parent_item": {"id": item["parent"]} if item["parent"] else None,
            "subitems": lambda: [
                self.shown_item(one)
                for one in self.world.all("item")
                if one["parent"] == item["id"] and one["state"] == "active"
            ],
            "column_values": column_values,
            "updates": updates,
        }

    # --- updates -------------------------------------------------------------------------------------------------

    def updates_of(self, items: set[str]) -> list[Document]:
        """Updates of the items, newest first, with their replies."""
        rows = [self.shown_update(one) for one in self.world.all("update") if one["item_id"] in items]
        return sorted(rows, key=lambda one: (one["created_at"], one["id"]), reverse=True)

    def shown_update(self, update: Mapping[str, Any]) -> Document:
        replies = [
            {**self._post(one), "kind": "text"}
            for one in self.world.all("reply")
            if one["update_id"] == update["id"]
        ]
        return {**self._post(update), "replies": replies}

    def _post(self, post: Mapping[str, Any]) -> Document:
        plain = re.sub(r"<[^>]+>", "", post["body"])
        return {**post, "text_body": plain, "creator": self.shown_user(post["creator_id"])}

    def make_update(
        self, item: Document, body: str, *, actor: str, parent: str | None = None, at: datetime | None = None
    ) -> Document:
        stamp = at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else self.stamp()
        post: Document = {
            "id": str(3_300_000_000 + self.world.next_number("update")), "item_id": item["id"], "body": self.html(body),
            "creator_id": actor, "created_at": stamp, "updated_at": stamp, "edited_at": stamp,
        }  # fmt: skip
        if parent is not None:
            post["update_id"] = parent
        self.world.put("reply" if parent else "update", post["id"], post)
        if not at:
            item["updated_at"] = stamp
            self.world.put("item", item["id"], item)
        self.tell_update(post, "create_update", actor)
        return post

    def edit_post(self, kind: str, post: Document, body: str, *, actor: str) -> Document:
        post |= {"body": self.html(body), "edited_at": self.stamp(), "updated_at": self.stamp()}
        self.world.put(kind, post["id"], post)
        self.tell_update(post, "edit_update", actor)
        return post

    def drop_post(self, kind: str, post: Document, *, actor: str) -> None:
        self.world.drop(kind, post["id"])
        for reply in self.world.where("reply", lambda one: one["update_id"] == post["id"]):
            self.world.drop("reply", reply["id"])
        self.tell_update(post, "delete_update", actor)

    def post(self, id: Any) -> tuple[str, Document]:
        for kind in ("update", "reply"):
            found = self.world.get(kind, str(id))
            if found is not None:
                return kind, found
        raise gone("Update", "ResourceNotFoundException")

    def html(self, body: Any) -> str:
        """The text as monday.com keeps it: scripts are taken out; bare text is put into a paragraph when normalising."""
        text = re.sub(r"<script.*?</script>", "", str(body or ""), flags=re.S | re.I)
        if not text.strip():
            raise Refusal(200, "Update body cannot be empty", code="InvalidArgumentException")
        if self.trouble.knobs.is_normalising and not text.lstrip().startswith("<"):
            head, mark, rest = text.partition("<p>")
            return f"<p>{head.strip()}</p>{mark}{rest}"
        return text

    # --- people --------------------------------------------------------------------------------------------------

    def shown_user(self, id: Any) -> Document | None:
        found = self.world.get("user", str(id))
        return None if found is None else {**found, "account": seed.ACCOUNT}

    # --- log and webhooks ----------------------------------------------------------------------------------------

    def note(self, item: Document, event: str, facts: Mapping[str, Any], actor: str) -> None:
        """One line of the activity log; its time is a number of 17 digits, its data JSON in a text."""
        id = f"log-{self.world.next_number('log')}"
        data = {
            "pulse_id": int(item["id"]),
            "pulse_name": item["name"],
            "board_id": int(item["board"]),
            **facts,
        }
        row = {
            "id": id, "event": event, "entity": "pulse", "user_id": actor, "account_id": seed.ACCOUNT["id"],
            "data": orjson.dumps(data).decode(), "created_at": str(int(self.now().timestamp() * 10_000_000)),
            "board": item["board"], "item": item["id"],
        }  # fmt: skip
        self.world.put("log", id, row)

    def tell(self, item: Document, event: str, actor: str, facts: Mapping[str, Any] | None = None) -> None:
        parent = self.world.get("item", item["parent"]) if item["parent"] else None
        board = parent["board"] if parent else item["board"]
        body = {
            "userId": int(actor) if actor.isdigit() else -1,
            "boardId": int(item["board"]),
            "pulseId": int(item["id"]),
            "pulseName": item["name"],
            "groupId": item["group"],
            **(facts or {}),
        }
        if parent:
            body |= {
                "parentItemId": parent["id"],
                "parentItemBoardId": parent["board"],
                "itemId": int(item["id"]),
            }
        self._emit(event, board, body)

    def tell_update(self, post: Document, event: str, actor: str) -> None:
        item = self.world.get("item", post["item_id"])
        if item is None:
            return
        reply = post.get("update_id")
        body = {
            "userId": int(actor) if actor.isdigit() else -1,
            "boardId": int(item["board"]),
            "pulseId": int(item["id"]),
            "updateId": int(reply or post["id"]),
            "replyId": int(post["id"]) if reply else None,
            "body": post["body"],
            "textBody": re.sub(r"<[^>]+>", "", post["body"]),
        }
        parent = self.world.get("item", item["parent"]) if item["parent"] else None
        if parent is not None and event == "create_update":
            event = "create_subitem_update"
        self._emit(event, parent["board"] if parent else item["board"], body)

    def _emit(self, event: str, board: str, facts: Mapping[str, Any]) -> None:
        trigger = f"{self.world.next_number('trigger'):032x}"
        common = {
            "app": "monday",
            "type": EVENT_TYPES.get(event, event),
            "triggerTime": self.stamp(ms=True),
            "originalTriggerUuid": None,
            "triggerUuid": trigger,
        }
        self.emit(
            f"{event}@{board}", lambda hook: {"event": {**facts, **common, "subscriptionId": int(hook["id"])}}
        )

    def subscriptions(self, event: str) -> Iterator[Mapping[str, Any]]:
        name, _, board = event.partition("@")
        for hook in self.world.all("webhook"):
            if hook["event"] == name and hook["board_id"] == board:
                yield hook

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        """A JWT of the app's; webhooks made with a personal token bear nothing."""
        if not subscription["is_app"]:
            return {}
        claims = {
            "accountId": int(seed.ACCOUNT["id"]),
            "userId": int(seed.ROBOT),
            "aud": subscription["url"],
            "iat": int(self.now().timestamp()),
            "exp": int((self.now() + timedelta(minutes=5)).timestamp()),
        }
        signed = f"{_segment({'alg': 'HS256', 'typ': 'JWT'})}.{_segment(claims)}"
        mark = hmac.new(seed.SIGNING_SECRET.encode(), signed.encode(), "sha256").digest()
        return {"Authorization": f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"}

    def page_of(self, rows: list[Document], limit: int, page: int, *, most: int) -> list[Document]:
        if not 1 <= limit <= most or page < 1:
            raise Refusal(200, f"limit must be between 1 and {most}", code="InvalidArgumentException")
        return rows[(page - 1) * limit : page * limit]

    # --- the hand-editing page -----------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        groups = {one["id"]: one["title"] for one in self.board(seed.BOARD)["groups"]}
        labels = {one["label"]: one["label"] for one in seed.STATUSES["labels"]}
        people = {one["id"]: one["name"] for one in self.world.all("user")}
        return (
            Sheet(
                "item",
                "Items",
                (
                    SheetField("name", "Name"),
                    SheetField("group", "Group", "choice", groups),
                    SheetField("status", "Status", "choice", labels),
                    SheetField("owner", "Owner", "choice", people),
                    SheetField("due", "Due date", "date"),
                    SheetField("description", "Description", "area"),
                ),
            ),
            Sheet(
                "update",
                "Updates",
                (SheetField("item_id", "Item"), SheetField("body", "Text (HTML)", "area")),
                title="body",
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        actor = actor or seed.USERS[1][0]
        with self.world.lock:
            if kind == "update":
                if id is None:
                    return str(
                        self.make_update(self.item(values["item_id"]), values["body"], actor=actor)["id"]
                    )
                name, post = self.post(id)
                return str(self.edit_post(name, post, values.get("body", post["body"]), actor=actor)["id"])
            written = _written(values)
            if id is None:
                name = str(values.get("name") or "New item")
                group = str(values.get("group") or "")
                return str(self.make_item(seed.BOARD, name, written, actor=actor, group=group)["id"])
            item = self.item(id)
            given = values.get("name")
            self.change_item(
                item,
                actor=actor,
                values=written,
                name=str(given) if given is not None else None,
                group=str(values.get("group") or ""),
            )
            return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        actor = actor or seed.USERS[1][0]
        with self.world.lock:
            if kind == "update":
                name, post = self.post(id)
                self.drop_post(name, post, actor=actor)
            else:
                self.set_state(self.item(id), "deleted", actor=actor)


def _written(values: Mapping[str, Any]) -> Document:
    """The hand-editing page's fields as column values."""
    written: Document = {}
    for name, value in values.items():
        match name:
            case "status":
                written["status"] = {"label": value} if value else None
            case "owner":
                people = [{"id": int(value), "kind": "person"}] if value else []
                written["people"] = {"personsAndTeams": people}
            case "due":
                written["date4"] = {"date": value} if value else None
            case "description":
                written["long_text"] = {"text": value} if value else None
            case _ if name not in ("name", "group", "item_id"):
                written[name] = value
    return written


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def ask_challenge(url: str) -> None:
    """The challenge while a webhook is made. Port 9 (discard) is let through: tests register it to see what is sent."""
    if urlsplit(url).port == 9:
        return
    challenge = {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    try:
        answer = requests.post(url, json=challenge, timeout=5, allow_redirects=False)
        is_good = answer.status_code == 200 and answer.json() == challenge
    except (requests.RequestException, ValueError):
        is_good = False
    if not is_good:
        raise Refusal(200, "Failed to verify webhook url with a challenge", code="InvalidArgumentException")
