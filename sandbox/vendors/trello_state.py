"""The boards behind the Trello stand-in: changes, the actions they leave, and the JSON the API shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sandbox.kanban import BoardView, Column, Face, Kanban, Look, Remark, plural
from sandbox.store import Document
from sandbox.vendor import SheetField
from sandbox.web import Refusal

from . import trello_seed as seed

MAX_TEXT = 16_384
COLOURS = ("yellow", "purple", "blue", "red", "green", "orange", "black", "sky", "pink", "lime")
#: told by webhook only, never listed
UNLISTED = frozenset({"addLabelToCard", "removeLabelFromCard", "createLabel", "updateLabel", "deleteLabel"})
_SHADES = {
    "green": "#4bce97", "yellow": "#f5cd47", "orange": "#fea362", "red": "#f87168", "purple": "#9f8fef", "blue": "#579dff",
    "sky": "#6cc3e0", "lime": "#94c748", "pink": "#e774bb", "black": "#8590a2",
}  # fmt: skip


def bad(message: str) -> Refusal:
    return Refusal(400, message)


def missing() -> Refusal:
    return Refusal(404, "The requested resource was not found.")


class TrelloState(Kanban):
    look = Look(
        page="linear-gradient(135deg,#0c66e4,#09326c)",
        header="#053a7c",
        column="#f1f2f4",
        accent="#0c66e4",
        css="body{background-attachment:fixed}.bar h1,.bar>.actor,.bar nav a{color:#fff}.column{border-radius:12px}"
        ".label{min-width:2.5rem;height:16px}main.sheet>p a{color:#fff}",
    )
    column_field = "idList"
    _client_identifier = ""

    # --- what there is -------------------------------------------------------------------------------------------

    def object_id(self, at: datetime | None = None) -> str:
        """Twenty-four hexadecimal digits that begin with the second of making."""
        number = self.world.next_number("object")
        return f"{int((at or self.now()).timestamp()):08x}{0x5ABBE40000000000 + number:016x}"

    def card(self, id: str) -> Document:
        found = self.world.get("card", id) or next(
            iter(self.world.where("card", lambda one: one["shortLink"] == id)), None
        )
        if found is None:
            raise missing() if len(id) in (8, 24) else bad("invalid id")
        return dict(found)

    def one(self, kind: str, id: Any, name: str) -> Document:
        """What an id in a request names. Refuses others, naming the parameter."""
        found = self.world.get(kind, str(id))
        if found is None:
            raise bad(f"invalid value for {name}")
        return found

    def board(self, id: str) -> Document:
        found = self.world.get("board", id) or next(
            iter(self.world.where("board", lambda one: one["shortLink"] == id)), None
        )
        if found is None:
            raise missing() if len(id) in (8, 24) else bad("invalid id")
        return dict(found)

    def lists_of(self, board_id: str) -> list[Document]:
        return self.world.where("list", lambda one: one["idBoard"] == board_id)

    def cards_of(self, list_id: str) -> list[Document]:
        rows = self.world.where("card", lambda one: one["idList"] == list_id and not one["closed"])
        return sorted(rows, key=lambda one: (one["pos"], one["id"]))

    def comments_on(self, card_id: str) -> list[Document]:
        return self.world.where(
            "action", lambda one: one["type"] == "commentCard" and one["data"]["card"]["id"] == card_id
        )

    # --- changes -------------------------------------------------------------------------------------------------

    def make_card(self, values: Mapping[str, Any], *, actor: str, at: datetime | None = None) -> Document:
        """Makes a card from checked values."""
        moment = at or self.now()
        list_ = self.one("list", values["idList"], "idList")
        id = self.object_id(at)
        short = hashlib.sha256(id.encode()).hexdigest()[:8]
        urls = values.get("urls", [])
        card: Document = {
            "id": id, "name": "", "desc": "", "closed": False, "idBoard": list_["idBoard"], "idList": list_["id"],
            "pos": 16384.0 * (1 + len(self.cards_of(list_["id"]))), "due": None, "start": None, "dueComplete": False,
            "idMembers": [], "idLabels": [], "isTemplate": False, "cardRole": None, "idShort": self.world.next_number("short"),
            "shortLink": short, "dateLastActivity": _text(moment), "fields": {}, "attachments": [],
            **{name: value for name, value in values.items() if name not in ("urls",)},
        }  # fmt: skip
        card["attachments"] = [self._attachment(url, actor, moment) for url in urls]
        self.world.put("card", id, card)
        self.act("createCard", card, actor=actor, data={"list": self._list_of(card)}, at=at)
        return card

    def _attachment(self, url: str, actor: str, moment: datetime) -> Document:
        return {
            "id": self.object_id(moment), "bytes": None, "date": _text(moment), "edgeColor": None, "idMember": actor, "isUpload": False,
            "mimeType": "", "name": url, "previews": [], "url": url, "pos": 16384,
        }  # fmt: skip

    def change_card(self, card: Document, changes: Mapping[str, Any], *, actor: str) -> Document:
        """Applies checked changes of scalars; each kind of change leaves its own action."""
        changed = {name: value for name, value in changes.items() if card.get(name) != value}
        if not changed:
            return card
        after: Document = {**card, **changed, "dateLastActivity": _text(self.now())}
        if "idList" in changed:
            after["idBoard"] = self.one("list", changed["idList"], "idList")["idBoard"]
        if after["idBoard"] != card["idBoard"]:
            after["idLabels"], after["fields"] = [], {}
        self.world.put("card", after["id"], after)
        if after["idBoard"] != card["idBoard"]:
            self.act("moveCardFromBoard", {**after, "idBoard": card["idBoard"]}, actor=actor)
            self.act("moveCardToBoard", after, actor=actor)
            return after
        for name, value in changed.items():
            data: dict[str, Any] = {"old": {name: card[name]}, "card": {name: value}}
            if name == "idList":
                data |= {"listBefore": self._list_of(card), "listAfter": self._list_of(after)}
            else:
                data["list"] = self._list_of(after)
            self.act("updateCard", after, actor=actor, data=data)
        return after

    def change_set(self, card: Document, name: str, id: str, *, adds: bool, actor: str) -> Document:
        """Adds or takes away a person or a label. Labels leave dateLastActivity as it was, as has been reported."""
        word = "Member" if name == "idMembers" else "Label"
        if adds == (id in card[name]):
            if adds:
                raise bad(f"{word.lower()} is already on the card")
            raise missing()
        members = [*card[name], id] if adds else [one for one in card[name] if one != id]
        after = {**card, name: members}
        if word == "Member":
            after["dateLastActivity"] = _text(self.now())
        self.world.put("card", card["id"], after)
        about = (
            {"idMember": id}
            if word == "Member"
            else {"label": self.shown_label(self.one("label", id, "value"))}
        )
        kind = f"add{word}ToCard" if adds else f"remove{word}FromCard"
        self.act(kind, after, actor=actor, data=about)
        return after

    def drop_card(self, card: Document, *, actor: str) -> None:
        for comment in self.comments_on(card["id"]):
            self.world.drop("action", comment["id"])
        self.world.drop("card", card["id"])
        self.act("deleteCard", card, actor=actor, data={"list": self._list_of(card)}, is_gone=True)

    def make_comment(self, card: Document, text: Any, *, actor: str, at: datetime | None = None) -> Document:
        made = self.act(
            "commentCard",
            card,
            actor=actor,
            data={"text": self.text(text, "text"), "list": self._list_of(card)},
            at=at,
        )
        self.world.put("card", card["id"], {**card, "dateLastActivity": made["date"]})
        return made

    def change_comment(self, action: Document, text: Any, *, actor: str) -> Document:
        old = action["data"]["text"]
        data = {**action["data"], "text": self.text(text, "text"), "dateLastEdited": self.stamp(ms=True)}
        after = {**action, "data": data}
        self.world.put("action", action["id"], after)
        about = {"action": {"id": action["id"], "text": data["text"]}, "old": {"text": old}}
        self.act("updateComment", self.card(data["card"]["id"]), actor=actor, data=about)
        return after

    def drop_comment(self, action: Document, *, actor: str) -> None:
        self.world.drop("action", action["id"])
        self.act(
            "deleteComment",
            self.card(action["data"]["card"]["id"]),
            actor=actor,
            data={"action": {"id": action["id"]}},
        )

    def text(self, value: Any, name: str) -> str:
        """A text as Trello keeps it: trimmed, never empty where it must not be, at most 16384 characters."""
        if not isinstance(value, str):
            raise bad(f"invalid value for {name}")
        text = value.strip() if self.trouble.knobs.is_normalising else value
        if len(text) > MAX_TEXT or (name in ("name", "text") and not text.strip()):
            raise bad(f"invalid value for {name}")
        return text

    # --- actions -------------------------------------------------------------------------------------------------

    def act(
        self,
        kind: str,
        card: Mapping[str, Any],
        *,
        actor: str,
        data: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        is_gone: bool = False,
    ) -> Document:
        """Writes the action down and tells the board's webhooks."""
        given = dict(data or {})
        short = ("id", "idShort", "shortLink") if is_gone else ("id", "name", "idShort", "shortLink")
        given["card"] = {**{name: card[name] for name in short}, **given.get("card", {})}
        return self.note(kind, str(card["idBoard"]), given, actor=actor, at=at)

    def note(
        self, kind: str, board_id: str, data: Mapping[str, Any], *, actor: str, at: datetime | None = None
    ) -> Document:
        board = self.board(board_id)
        about = {**data, "board": {"id": board_id, "name": board["name"], "shortLink": board["shortLink"]}}
        id = self.object_id(at)
        action: Document = {
            "id": id,
            "idMemberCreator": actor,
            "type": kind,
            "date": _text(at or self.now()),
            "data": about,
        }
        if kind not in UNLISTED:
            self.world.put("action", id, action)
        if at is None:
            self.tell(self.shown_action(action), board)
        return action

    def tell(self, action: Mapping[str, Any], board: Mapping[str, Any]) -> None:
        """Sends the action to the board's webhooks."""
        raise NotImplementedError

    # --- JSON ----------------------------------------------------------------------------------------------------

    def shown_member(self, id: str) -> dict[str, Any]:
        member = self.world.get("member", id) or {
            "id": id,
            "fullName": "Deleted account",
            "username": "deleted",
        }
        initials = "".join(part[0] for part in member["fullName"].split()[:2])
        return {
            "id": id, "fullName": member["fullName"], "username": member["username"], "initials": initials,
            "avatarHash": hashlib.md5(id.encode(), usedforsecurity=False).hexdigest(), "avatarUrl": f"https://trello-members.s3.amazonaws.com/{id}", "activityBlocked": False,
        }  # fmt: skip

    def shown_action(self, action: Mapping[str, Any]) -> dict[str, Any]:
        display = {"translationKey": f"action_{action['type']}", "entities": {}}
        return {
            **action,
            "appCreator": None,
            "limits": {},
            "display": display,
            "memberCreator": self.shown_member(action["idMemberCreator"]),
        }

    def shown_label(self, label: Mapping[str, Any]) -> dict[str, Any]:
        return {name: label[name] for name in ("id", "idBoard", "name", "color")}

    def shown_card(
        self, card: Mapping[str, Any], root: str, *, fields: bool = False, attachments: bool = False
    ) -> dict[str, Any]:
        labels = [self.shown_label(one) for id in card["idLabels"] if (one := self.world.get("label", id))]
        url = f"{root}/c/{card['shortLink']}"
        comments = len(self.comments_on(card["id"]))
        shown = {name: value for name, value in card.items() if name not in ("fields", "attachments")}
        shown |= {
            "labels": labels, "idLabels": [one["id"] for one in labels], "shortUrl": url, "url": f"{url}/{card['idShort']}-card",
            "idChecklists": [], "idMembersVoted": [], "dueReminder": None, "subscribed": False,
            "manualCoverAttachment": False,
            "badges": {
                "comments": comments, "checkItems": 0, "checkItemsChecked": 0, "attachments": len(card["attachments"]),
                "description": bool(card["desc"]), "due": card["due"], "start": card["start"], "dueComplete": card["dueComplete"],
            },
        }  # fmt: skip
        if fields:
            shown["customFieldItems"] = [
                {
                    "id": f"{card['id'][:20]}{at:04x}",
                    "idCustomField": id,
                    "idModel": card["id"],
                    "modelType": "card",
                    **item,
                }
                for at, (id, item) in enumerate(card["fields"].items())
            ]
        if attachments:
            shown["attachments"] = card["attachments"]
        return shown

    def _list_of(self, card: Mapping[str, Any]) -> dict[str, str]:
        found = self.world.get("list", card["idList"]) or {"id": card["idList"], "name": ""}
        return {"id": found["id"], "name": found["name"]}

    # --- pages and hand edits ------------------------------------------------------------------------------------

    def board_view(self, board_id: str) -> BoardView:
        board = self.board(board_id or seed.BOARD)
        columns = [
            Column(one["id"], one["name"], [self._face(card) for card in self.cards_of(one["id"])])
            for one in self.lists_of(board["id"])
        ]
        others = {one["id"]: one["name"] for one in self.world.all("board")}
        return BoardView(board["name"], columns, others)

    def _face(self, card: Mapping[str, Any]) -> Face:
        labels = [one for id in card["idLabels"] if (one := self.world.get("label", id))]
        count = len(self.comments_on(card["id"]))
        due = [f"{'✓' if card['dueComplete'] else 'due'} {card['due'][:10]}"] if card["due"] else []
        return Face(
            id=card["id"],
            title=card["name"] + (" (template)" if card["isTemplate"] else ""),
            labels=[(one["name"], _SHADES.get(one["color"] or "", "#dcdfe4")) for one in labels],
            badges=[*due, *(["≡"] if card["desc"] else []), *([plural(count)] if count else [])],
            people=[self.shown_member(id)["fullName"] for id in card["idMembers"]],
        )

    def people_here(self) -> Mapping[str, str]:
        return {one["id"]: one["fullName"] for one in self.world.all("member") if one["id"] != seed.ROBOT}

    def card_fields(self, id: str | None) -> tuple[SheetField, ...]:
        board = self.card(id)["idBoard"] if id else seed.BOARD
        labels = self.world.where("label", lambda one: one["idBoard"] == board)
        return (
            SheetField("title", "Title"),
            SheetField("idList", "List", "choice", {one["id"]: one["name"] for one in self.lists_of(board)}),
            SheetField("desc", "Description (Markdown)", "area"),
            SheetField(
                "labels", "Labels", "many", {one["id"]: one["name"] or one["color"] for one in labels}
            ),
            SheetField(
                "members", "Members", "many", {one["id"]: one["fullName"] for one in self.world.all("member")}
            ),
            SheetField("start_date", "Start", "date"),
            SheetField("due_date", "Due", "date"),
            SheetField("dueComplete", "Complete", "check"),
        )

    def card_values(self, id: str) -> Mapping[str, Any] | None:
        card = self.world.get("card", id)
        if card is None:
            return None
        return {
            **card,
            "title": card["name"],
            "labels": card["idLabels"],
            "members": card["idMembers"],
            "start_date": (card["start"] or "")[:10],
            "due_date": (card["due"] or "")[:10],
        }

    def remarks(self, id: str) -> Sequence[Remark]:
        return [
            Remark(
                one["id"],
                self.shown_member(one["idMemberCreator"])["fullName"],
                one["date"][:16],
                one["data"]["text"],
            )
            for one in self.comments_on(id)
        ]

    def add_remark(self, id: str, text: str, *, actor: str) -> None:
        self.edit("comment", None, {"card": id, "text": text}, actor=actor)

    def set_archived(self, id: str, *, actor: str) -> None:
        self._client_identifier = ""
        card = self.card(id)
        self.change_card(card, {"closed": not card["closed"]}, actor=actor)

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """``card``: title (or name), desc, idList (or list: its name), labels, members (ids or names), dates, closed.
        ``comment``: card and text."""
        self._client_identifier = ""
        by = actor or next(iter(self.people_here()))
        if kind == "comment":
            if id is None:
                card = self.card(str(values.get("card") or ""))
                return str(self.make_comment(card, values.get("text"), actor=by)["id"])
            found = self.world.get("action", id)
            if found is None:
                raise missing()
            self.change_comment(found, values.get("text"), actor=by)
            return id
        scalars = self._hand_scalars(values)
        if id is None:
            scalars.setdefault("idList", self.lists_of(seed.BOARD)[0]["id"])
            card = self.make_card(scalars, actor=by)
        else:
            card = self.change_card(self.card(id), scalars, actor=by)
        for name, kind_ in (("labels", "label"), ("members", "member")):
            if name in values:
                card = self._hand_set(card, name, [self._named(kind_, one) for one in values[name] or ()], by)
        return str(card["id"])

    def _hand_scalars(self, values: Mapping[str, Any]) -> dict[str, Any]:
        scalars: dict[str, Any] = {}
        for name, value in values.items():
            match name:
                case "title" | "name":
                    scalars["name"] = self.text(str(value or ""), "name")
                case "desc":
                    scalars["desc"] = self.text(str(value or ""), "desc")
                case "idList" | "list":
                    scalars["idList"] = self._named("list", value)
                case "due_date" | "start_date":
                    scalars[name[:-5]] = f"{value}T12:00:00.000Z" if value else None
                case "dueComplete" | "closed":
                    scalars[name] = bool(value)
        return scalars

    def _hand_set(self, card: Document, name: str, wanted: Sequence[str], by: str) -> Document:
        key = "idLabels" if name == "labels" else "idMembers"
        for id in [one for one in card[key] if one not in wanted]:
            card = self.change_set(card, key, id, adds=False, actor=by)
        for id in [one for one in wanted if one not in card[key]]:
            card = self.change_set(card, key, id, adds=True, actor=by)
        return card

    def _named(self, kind: str, value: Any) -> str:
        for one in self.world.all(kind):
            if value in (one["id"], one.get("name"), one.get("fullName"), one.get("username")):
                return str(one["id"])
        raise bad(f"invalid value for {kind}")

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        self._client_identifier = ""
        by = actor or next(iter(self.people_here()))
        if kind == "comment":
            found = self.world.get("action", id)
            if found is not None:
                self.drop_comment(found, actor=by)
            return
        self.drop_card(self.card(id), actor=by)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
