"""The boards behind the LeanKit stand-in: changes with their rules and events, and the JSON the API shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

from sandbox.kanban import BoardView, Column, Face, Kanban, Look, Remark, plural
from sandbox.store import Document
from sandbox.vendor import SheetField
from sandbox.web import Refusal

from . import leankit_seed as seed

PRIORITIES = ("low", "normal", "high", "critical")
_QUIET = frozenset(
    {"version", "updatedOn", "updatedBy", "movedOn", "movedBy", "archivedOn", "actualStart", "actualFinish"}
)
_STRIPES = {"critical": "#c9372c", "high": "#e2730c", "normal": "#8590a2", "low": "#6cc3e0"}


def invalid(message: str, field: str = "") -> Refusal:
    return Refusal(422, message, code="invalid", field=field)


class LeanKitState(Kanban):
    look = Look(
        page="#dfe3ea",
        header="#132c4a",
        column="#f7f8fa",
        accent="#1f6fb2",
        css=".card{border-radius:3px;border-left-width:6px}.column{border-radius:4px;border-top:4px solid #132c4a}",
    )
    column_field = "lane"

    # --- what there is -------------------------------------------------------------------------------------------

    def board(self, id: str) -> Document:
        found = self.world.get("board", id)
        if found is None:
            raise Refusal(404, "Board not found", code="not_found")
        return {**found, **self.trouble.knobs.extra.get("board", {})}

    def lanes(self, board_id: str) -> list[Document]:
        return self.world.where("lane", lambda lane: lane["boardId"] == board_id)

    def leaf_lanes(self, board_id: str) -> list[Document]:
        lanes = self.lanes(board_id)
        parents = {lane["parentLaneId"] for lane in lanes}
        return [lane for lane in lanes if lane["id"] not in parents]

    def lane_title(self, lane: Mapping[str, Any]) -> str:
        parent = self.world.get("lane", lane["parentLaneId"]) if lane["parentLaneId"] else None
        return f"{self.lane_title(parent)}:{lane['name']}" if parent else str(lane["name"])

    def lane_for_cards(self, id: Any, field: str = "laneId") -> Document:
        """A leaf lane. Refuses others, as LeanKit does."""
        lane = self.world.get("lane", str(id))
        if lane is None or not isinstance(id, str):
            raise invalid("Lane not found", field)
        if any(one["parentLaneId"] == lane["id"] for one in self.lanes(lane["boardId"])):
            raise invalid("Cards cannot be placed in a lane that has child lanes", field)
        return lane

    def card(self, id: str) -> Document:
        found = self.world.get("card", id)
        if found is None:
            raise Refusal(404, "Card not found", code="not_found")
        return found

    def cards_in(self, lane_id: str) -> list[Document]:
        found = self.world.where("card", lambda card: card["laneId"] == lane_id)
        return sorted(found, key=lambda card: card["index"])

    def comments_on(self, card_id: str) -> list[Document]:
        return self.world.where("comment", lambda one: one["cardId"] == card_id)

    # --- changes -------------------------------------------------------------------------------------------------

    def make_card(self, values: Mapping[str, Any], *, board_id: str, actor: str, at: str = "") -> Document:
        """Makes a card from checked values; ``laneId`` falls back to the board's default drop lane."""
        board = self.board(board_id)
        lane_id = values.get("laneId") or next(
            one["id"] for one in self.leaf_lanes(board_id) if one["isDefaultDropLane"]
        )
        lane = self.lane_for_cards(lane_id)
        now = at or self.stamp()
        id = str(self.world.next_number("card", start=1_490_800_001))
        custom_id = values.get("customId")
        if board["isAutoIncrementCardIdEnabled"]:
            custom_id = str(self.world.next_number(f"header-{board_id}"))
        types = self.world.where("type", lambda one: one["boardId"] == board_id and one["isCardType"])
        blank: Document = {
            "title": "", "description": None, "priority": "normal", "size": 0, "plannedStart": None, "plannedFinish": None,
            "tags": [], "typeId": types[0]["id"], "assignedUserIds": [], "externalLink": None, "isBlocked": False, "blockReason": "",
            "parentCardIds": [], "customFields": {},
        }  # fmt: skip
        card = {
            **blank,
            **values,
            "id": id,
            "boardId": lane["boardId"],
            "laneId": lane_id,
            "customId": custom_id,
            "version": 1,
            "index": len(self.cards_in(lane_id)),
            "blockedOn": now if values.get("isBlocked") else None,
            "createdOn": now,
            "updatedOn": now,
            "movedOn": now,
            "archivedOn": now if lane["laneClassType"] == "archive" else None,
            "actualStart": None,
            "actualFinish": None,
            "createdBy": actor,
            "updatedBy": actor,
            "movedBy": actor,
        }
        self._set_actuals(card, lane, now)
        self._check_header(card)
        self.world.put("card", id, card)
        self.tell("create", card)
        return card

    def change_card(
        self, card: Document, changes: Mapping[str, Any], *, actor: str, wip_comment: str = ""
    ) -> Document:
        """Applies checked changes; a change that changes nothing leaves the version as it is."""
        changed = {name: value for name, value in changes.items() if card.get(name) != value}
        if not changed:
            return card
        now = self.stamp()
        after: Document = {
            **card,
            **changed,
            "version": card["version"] + 1,
            "updatedOn": now,
            "updatedBy": actor,
        }
        if "laneId" in changed:
            self._move(after, card, now, actor, wip_comment)
        if "isBlocked" in changed:
            after["blockedOn"] = now if after["isBlocked"] else None
        self._check_header(after)
        self.world.put("card", after["id"], after)
        self._tell_change(card, after)
        return after

    def _move(self, after: Document, before: Document, now: str, actor: str, wip_comment: str) -> None:
        lane = self.lane_for_cards(after["laneId"])
        limit = lane["wipLimit"]
        if limit and len(self.cards_in(lane["id"])) >= limit and not wip_comment:
            raise invalid(
                f"The move would violate the WIP limit of {lane['name']}; wipOverrideComment is required",
                "laneId",
            )
        after |= {"index": len(self.cards_in(lane["id"])), "movedOn": now, "movedBy": actor}
        after["archivedOn"] = (before["archivedOn"] or now) if lane["laneClassType"] == "archive" else None
        if lane["boardId"] != before["boardId"]:
            types = self.world.where(
                "type", lambda one: one["boardId"] == lane["boardId"] and one["isCardType"]
            )
            after |= {"boardId": lane["boardId"], "typeId": types[0]["id"], "customFields": {}}
        self._set_actuals(after, lane, now)

    def _set_actuals(self, card: Document, lane: Mapping[str, Any], now: str) -> None:
        status = lane["cardStatus"]
        if status == "notStarted":
            card["actualStart"] = None
        elif not card["actualStart"]:
            card["actualStart"] = now
        card["actualFinish"] = (card["actualFinish"] or now) if status == "finished" else None

    def _check_header(self, card: Mapping[str, Any]) -> None:
        board = self.board(card["boardId"])
        same = self.world.where(
            "card",
            lambda one: (
                one["boardId"] == card["boardId"]
                and one["customId"] == card["customId"]
                and one["id"] != card["id"]
            ),
        )
        if card["customId"] and same and not board["isDuplicateCardIdAllowed"]:
            raise invalid("Card header must be unique on this board", "customId")

    def drop_card(self, id: str, *, actor: str) -> None:
        card = self.card(id)
        self.world.drop("card", id)
        for comment in self.comments_on(id):
            self.world.drop("comment", comment["id"])
        self.world.put("deleted", id, {"id": id, "boardId": card["boardId"], "on": self.stamp()})
        self.tell("delete", card)

    def make_comment(self, card_id: str, text: Any, *, actor: str, at: str = "") -> Document:
        card = self.card(card_id)
        id = str(self.world.next_number("comment", start=9_107_199_254_740_001))
        made: Document = {
            "id": id,
            "cardId": card_id,
            "createdOn": at or self.stamp(),
            "createdBy": actor,
            "text": self.comment_text(text),
        }
        self.world.put("comment", id, made)
        if not at:
            self.tell("commentAdded", card, {"commentId": id})
        return made

    def change_comment(self, comment: Document, text: Any) -> Document:
        after = {**comment, "text": self.comment_text(text)}
        self.world.put("comment", comment["id"], after)
        self.tell("update", self.card(comment["cardId"]))
        return after

    def comment_text(self, text: Any) -> str:
        if not isinstance(text, str) or not text.strip():
            raise invalid("text is required", "text")
        return self.rich(text) or ""

    def rich(self, text: str | None) -> str | None:
        """As LeanKit keeps texts: scripts are taken out, plain text is wrapped in a paragraph."""
        if not text or not self.trouble.knobs.is_normalising:
            return text or None
        clean = re.sub(r"(?is)<script.*?</script>", "", text).strip()
        if clean and not re.search(r"</?[a-zA-Z][^>]*>", clean):
            clean = "<p>" + escape(clean, quote=False).replace("\n", "<br>") + "</p>"
        return clean or None

    # --- events --------------------------------------------------------------------------------------------------

    def _tell_change(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        names = {name for name in after if before.get(name) != after[name]} - _QUIET
        if "laneId" in names:
            self.tell("movedTo", after, {"movedFromLaneId": before["laneId"]})
            self.tell("movedFrom", after, {"movedFromLaneId": before["laneId"]})
        if "isBlocked" in names:
            self.tell(
                "blocked" if after["isBlocked"] else "unblocked", after, {"reason": after["blockReason"]}
            )
        if "parentCardIds" in names:
            added = set(after["parentCardIds"]) - set(before["parentCardIds"])
            self.tell("parentConnectionAdded" if added else "parentConnectionRemoved", after)
        if names - {"laneId", "boardId", "index", "isBlocked", "blockReason", "blockedOn", "parentCardIds"}:
            self.tell("update", after)

    def tell(self, event: str, card: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> None:
        """Runs the automations of the card's board that wait for the event."""
        raise NotImplementedError

    # --- JSON ----------------------------------------------------------------------------------------------------

    def person(self, id: str) -> dict[str, Any]:
        user = self.world.get("user", id) or {
            "id": id,
            "firstName": "Former",
            "lastName": "user",
            "emailAddress": "",
        }
        name = f"{user['firstName']} {user['lastName']}"
        return {
            "id": id,
            "emailAddress": user["emailAddress"],
            "fullName": name,
            "avatar": f"/avatar/show/{id}?s=25",
        }

    def shown_lane(self, lane: Mapping[str, Any]) -> dict[str, Any]:
        names = (
            "id",
            "cardLimit",
            "description",
            "index",
            "laneClassType",
            "laneType",
            "orientation",
            "cardStatus",
        )
        return {**{name: lane[name] for name in names}, "title": lane["name"], "taskBoard": None}

    def row(self, card: Mapping[str, Any], include: Iterable[str] = ()) -> dict[str, Any]:
        """A card as the list shows it."""
        board = self.board(card["boardId"])
        type_ = self.world.get("type", card["typeId"]) or {
            "id": card["typeId"],
            "name": "?",
            "colorHex": "#FFFFFF",
        }
        same = (
            "id",
            "index",
            "title",
            "description",
            "priority",
            "size",
            "plannedStart",
            "plannedFinish",
            "actualStart",
        )
        times = ("actualFinish", "createdOn", "archivedOn", "updatedOn", "movedOn", "tags")
        shown = {
            **{name: card[name] for name in (*same, *times)},
            "version": str(card["version"]),
            "assignedUsers": [self.person(id) for id in card["assignedUserIds"]],
            "assignedTeams": [],
            "color": type_["colorHex"],
            "containingCardId": None,
            "customIcon": None,
            "blockedStatus": {
                "isBlocked": card["isBlocked"],
                "reason": card["blockReason"] or None,
                "date": card["blockedOn"],
            },
            "board": {
                "id": board["id"],
                "title": board["title"],
                "version": "1",
                "isArchived": board["isArchived"],
            },
            "customId": {"value": card["customId"], "prefix": None, "url": None},
            "externalLinks": [card["externalLink"]] if card["externalLink"] else [],
            "lane": self.shown_lane(self.world.get("lane", card["laneId"]) or {}),
            "type": {"id": type_["id"], "title": type_["name"], "cardColor": type_["colorHex"]},
            "taskBoardStats": None,
            "planningIncrements": [],
        }
        if "customFields" in include:
            shown["customFields"] = [{"id": id, "value": value} for id, value in card["customFields"].items()]
        if "parentCards" in include:
            shown["parentCards"] = self._parents(card)
        return shown

    def whole(self, card: Mapping[str, Any], *, with_comments: bool = True) -> dict[str, Any]:
        """A card as it is answered alone."""
        fields = {one["id"]: one for one in self.world.all("field")}
        custom = [
            {"fieldId": id, "type": fields[id]["type"], "label": fields[id]["label"], "value": value}
            for id, value in card["customFields"].items()
        ]
        shown = {
            **self.row(card),
            "customFields": custom,
            "parentCards": self._parents(card),
            "attachments": [],
            "createdBy": self.person(card["createdBy"]),
            "updatedBy": self.person(card["updatedBy"]),
            "movedBy": self.person(card["movedBy"]),
            "archivedBy": self.person(card["movedBy"]) if card["archivedOn"] else None,
        }
        if with_comments:
            shown["comments"] = [self.shown_comment(one) for one in self.comments_on(card["id"])]
        return shown

    def _parents(self, card: Mapping[str, Any]) -> list[dict[str, str]]:
        found = (self.world.get("card", id) for id in card["parentCardIds"])
        return [{"cardId": one["id"], "boardId": one["boardId"]} for one in found if one]

    def shown_comment(self, comment: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": comment["id"],
            "createdOn": comment["createdOn"],
            "createdBy": self.person(comment["createdBy"]),
            "text": comment["text"],
        }

    # --- pages and hand edits ------------------------------------------------------------------------------------

    def board_view(self, board_id: str) -> BoardView:
        board = self.board(board_id or seed.BOARD)
        columns = [
            Column(
                lane["id"],
                self.lane_title(lane).replace(":", " › "),
                [self._face(card) for card in self.cards_in(lane["id"])],
                lane["wipLimit"],
                lane["laneClassType"] != "active",
            )
            for lane in self.leaf_lanes(board["id"])
        ]
        return BoardView(
            board["title"], columns, {one["id"]: one["title"] for one in self.world.all("board")}
        )

    def _face(self, card: Mapping[str, Any]) -> Face:
        type_ = self.world.get("type", card["typeId"]) or {}
        count = len(self.comments_on(card["id"]))
        due = [f"due {card['plannedFinish']}"] if card["plannedFinish"] else []
        return Face(
            id=card["id"],
            title=card["title"],
            number=card["customId"] or "",
            labels=[(type_.get("name", "?"), type_.get("colorHex", "#fff"))],
            badges=[*(f"#{tag}" for tag in card["tags"]), *due, *([plural(count)] if count else [])],
            people=[self.person(id)["fullName"] for id in card["assignedUserIds"]],
            stripe=_STRIPES[card["priority"]],
            warning=f"Blocked: {card['blockReason']}" if card["isBlocked"] else "",
        )

    def people_here(self) -> Mapping[str, str]:
        return {
            one["id"]: self.person(one["id"])["fullName"]
            for one in self.world.all("user")
            if one["id"] != seed.ROBOT
        }

    def card_fields(self, id: str | None) -> tuple[SheetField, ...]:
        board = self.card(id)["boardId"] if id else seed.BOARD
        types = self.world.where("type", lambda one: one["boardId"] == board and one["isCardType"])
        return (
            SheetField("title", "Title"),
            SheetField(
                "lane",
                "Lane",
                "choice",
                {lane["id"]: self.lane_title(lane) for lane in self.leaf_lanes(board)},
            ),
            SheetField("number", "Card header"),
            SheetField("type", "Card type", "choice", {one["id"]: one["name"] for one in types}),
            SheetField("priority", "Priority", "choice", {name: name for name in PRIORITIES}),
            SheetField("assignees", "Assigned", "many", self.people_here()),
            SheetField("tags", "Tags", "tags"),
            SheetField("planned_start", "Planned start", "date"),
            SheetField("planned_finish", "Planned finish", "date"),
            SheetField("blocked", "Blocked because (empty: not blocked)"),
            SheetField("description", "Description (HTML)", "area"),
        )

    def card_values(self, id: str) -> Mapping[str, Any] | None:
        card = self.world.get("card", id)
        if card is None:
            return None
        return {
            **card,
            "lane": card["laneId"],
            "number": card["customId"],
            "type": card["typeId"],
            "assignees": card["assignedUserIds"],
            "planned_start": card["plannedStart"],
            "planned_finish": card["plannedFinish"],
            "blocked": card["blockReason"] if card["isBlocked"] else "",
        }

    def remarks(self, id: str) -> Sequence[Remark]:
        return [
            Remark(one["id"], self.person(one["createdBy"])["fullName"], one["createdOn"], one["text"])
            for one in self.comments_on(id)
        ]

    def add_remark(self, id: str, text: str, *, actor: str) -> None:
        self.make_comment(id, text, actor=actor)

    def set_archived(self, id: str, *, actor: str) -> None:
        card = self.card(id)
        wanted = "active" if card["archivedOn"] else "archive"
        lane = next(one for one in self.leaf_lanes(card["boardId"]) if one["laneClassType"] == wanted)
        self.change_card(card, {"laneId": lane["id"]}, actor=actor, wip_comment="by hand")

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """``card``: the form's names (``lane`` by id or title). ``comment``: ``card`` and ``text``."""
        by = actor or next(iter(self.people_here()))
        if kind == "comment":
            if id is None:
                return str(
                    self.make_comment(str(values.get("card") or ""), values.get("text"), actor=by)["id"]
                )
            found = self.world.get("comment", id)
            if found is None:
                raise Refusal(404, "Comment not found")
            self.change_comment(found, values.get("text"))
            return id
        changes = self._hand_changes(values)
        if id is None:
            return str(
                self.make_card(changes, board_id=str(values.get("board") or seed.BOARD), actor=by)["id"]
            )
        self.change_card(self.card(id), changes, actor=by, wip_comment="by hand")
        return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        if kind == "comment":
            found = self.world.get("comment", id)
            if found and self.world.drop("comment", id):
                self.tell("update", self.card(found["cardId"]))
            return
        self.drop_card(id, actor=actor)

    def _hand_changes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        for name, value in values.items():
            match name:
                case "title":
                    if not str(value or "").strip():
                        raise invalid("title is required", "title")
                    changes["title"] = str(value).strip()
                case "description":
                    changes["description"] = self.rich(str(value or ""))
                case "lane":
                    changes["laneId"] = self._lane_named(str(value))
                case "number":
                    changes["customId"] = str(value or "") or None
                case "type":
                    changes["typeId"] = str(value)
                case "assignees":
                    changes["assignedUserIds"] = [str(one) for one in value or ()]
                case "planned_start" | "planned_finish":
                    start = "plannedStart" if name == "planned_start" else "plannedFinish"
                    changes[start] = day(value, name)
                case "blocked":
                    changes |= {"isBlocked": bool(value), "blockReason": str(value or "")}
                case "priority":
                    if value not in PRIORITIES:
                        raise invalid("priority is not valid", "priority")
                    changes["priority"] = value
                case "tags" | "size" | "customFields":
                    changes[name] = value
        return changes

    def _lane_named(self, text: str) -> str:
        lanes = [*self.leaf_lanes(seed.BOARD), *self.leaf_lanes(seed.OTHER_BOARD)]
        for lane in lanes:
            if text in (lane["id"], lane["name"], self.lane_title(lane)):
                return str(lane["id"])
        for lane in lanes:  # a lane with lanes inside: its first
            if text in self.lane_title(lane).split(":"):
                return str(lane["id"])
        raise invalid("Lane not found", "laneId")


def day(value: Any, field: str) -> str | None:
    """A planned date: YYYY-MM-DD or none."""
    if value in (None, ""):
        return None
    try:
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise invalid(f"{field} must be in the format YYYY-MM-DD", field) from None
