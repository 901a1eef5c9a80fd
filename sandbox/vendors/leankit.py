"""A stand-in for LeanKit (Planview AgilePlace, API v2 below /io), held to its reference as described in vendors/leankit.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture
from sandbox.web import Call, Refusal, Reply, route

from . import leankit_seed as seed
from .leankit_patch import apply_patch, card_type, custom_fields, link
from .leankit_state import PRIORITIES, LeanKitState, day, invalid

CARD_QUERY = (
    "offset limit select board lanes cards search customId customIds type types assignedUserIds custom_icon "
    "lane_class_types since deleted only omit sort include"
)
CREATE_KEYS = (
    "destination boardId laneId index title typeId assignedUserIds description size connections dependencies blockReason priority "
    "customIconId customId externalLink plannedStart plannedFinish tags wipOverrideComment customFields planningIncrementIds "
    "copiedFromCardId mirrorSourceCardId"
)
EVENTS = frozenset(
    [
        "movedTo",
        "movedFrom",
        "blocked",
        "unblocked",
        "create",
        "delete",
        "childrenComplete",
        "firstChildStarted",
        "childrenUnblocked",
        "childBlocked",
        "update",
        "scheduled",
        "childConnectionAdded",
        "childConnectionRemoved",
        "parentConnectionAdded",
        "parentConnectionRemoved",
        "firstTaskStarted",
        "allTasksCompleted",
        "commentAdded",
        "custom",
    ]
)
INCLUDES = frozenset(
    ["customFields", "parentCards", "connectedCardStats", "externalAssociations", "dependencies"]
)
LANE_CLASSES = frozenset({"backlog", "active", "archive"})


class LeanKit(LeanKitState):
    slug = "leankit"
    name = "LeanKit"
    colour = "#132c4a"
    tagline = "Waitlist of a furniture maker: lanes, cards, comments (Planview AgilePlace)"
    limit_per_minute = 1200
    webhook_retry_delays = (10.0, 60.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, first, last, email, role in seed.USERS:
            user = {"id": id, "firstName": first, "lastName": last, "emailAddress": email, "role": role}
            self.world.put("user", id, user)
        self._seed_board(seed.BOARD, "Waitlist", seed.LANES, seed.CARD_TYPES)
        self._seed_board(seed.OTHER_BOARD, "Showroom", seed.OTHER_LANES, seed.OTHER_TYPES)
        for at, (id, kind, label, choices) in enumerate(seed.CUSTOM_FIELDS):
            field = {
                "id": id,
                "boardId": seed.BOARD,
                "index": at,
                "type": kind,
                "label": label,
                "choices": choices,
            }
            self.world.put("field", id, field)
        for card in seed.waitlist_cards():
            self._seed_card(card, seed.BOARD)
        for card in seed.other_cards():
            self._seed_card(card, seed.OTHER_BOARD)

    def _seed_board(self, id: str, title: str, lanes: Sequence[Any], types: Sequence[Any]) -> None:
        self.world.put(
            "board",
            id,
            {
                "id": id, "title": title, "description": "", "organizationId": seed.ORGANIZATION, "version": "118", "isArchived": False,
                "isCardIdEnabled": True, "isHeaderEnabled": True, "isHyperlinkEnabled": False, "isDuplicateCardIdAllowed": True,
                "isAutoIncrementCardIdEnabled": False, "isExternalUrlEnabled": True, "allowUsersToDeleteCards": True,
                "boardRole": "boardManager", "effectiveBoardRole": "boardManager", "isWelcome": False, "layoutChecksum": f"c{id}",
            },
        )  # fmt: skip
        for at, (lane, name, parent, class_, type_, status, limit, is_default) in enumerate(lanes):
            row = {
                "id": lane, "boardId": id, "name": name, "description": None, "cardStatus": status, "active": True, "cardLimit": 0,
                "index": at, "parentLaneId": parent, "orientation": "vertical", "isConnectionDoneLane": status == "finished",
                "isDefaultDropLane": is_default, "columns": 1, "wipLimit": limit, "laneClassType": class_, "laneType": type_,
                "isCollapsed": False,
            }  # fmt: skip
            self.world.put("lane", lane, row)
        for type_id, name, colour, is_card in types:
            row = {
                "id": type_id,
                "boardId": id,
                "name": name,
                "colorHex": colour,
                "isCardType": is_card,
                "isTaskType": not is_card,
            }
            self.world.put("type", type_id, row)

    def _seed_card(self, values: dict[str, Any], board_id: str) -> None:
        made_at = self.now() - timedelta(hours=values.pop("age"))
        remarks = values.pop("remarks", [])
        at = made_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        card = self.make_card(values, board_id=board_id, actor="25031", at=at)
        for by, text in remarks:
            self.make_comment(card["id"], text, actor=by, at=at)

    def authenticate(self, call: Call) -> str:
        given = call.headers.get("Authorization", "")
        basic = base64.b64encode(f"robot@example.org:{seed.PASSWORD}".encode()).decode()
        if given not in (f"Bearer {seed.TOKEN}", f"Basic {basic}"):
            raise Refusal(401, "Unauthorized", code="unauthorized")
        return seed.ROBOT

    def refuse(self, refusal: Refusal) -> Any:
        return {"statusCode": refusal.status, "message": refusal.message}

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        limit = self.trouble.knobs.limit_per_minute or self.limit_per_minute
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, remaining)),
            "X-RateLimit-Reset": str((int(call.now.timestamp()) // 60 + 1) * 60),
        }

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """Retry-After is an HTTP date here, not seconds."""
        moment = format_datetime(call.now + timedelta(seconds=retry_after), usegmt=True)
        return Refusal(429, "Too Many Requests", headers={"Retry-After": moment})

    # --- account, boards -----------------------------------------------------------------------------------------

    @route("GET", "/card/<id>", auth=False)
    def card_page(self, call: Call, id: str) -> Any:
        """The link that people follow; not part of the API."""
        return Reply(b"", 302, {"Location": f"/{self.slug}/ui/card/{id}"})

    @route("GET", "/board/<id>", auth=False)
    def board_page(self, call: Call, id: str) -> Any:
        return Reply(b"", 302, {"Location": f"/{self.slug}/ui/board/{id}"})

    @route("GET", "/io/user/me")
    def me(self, call: Call) -> Any:
        user = self.world.get("user", call.actor) or {}
        return {
            **{name: user[name] for name in ("id", "firstName", "lastName", "emailAddress")},
            "username": user["emailAddress"],
            "fullName": self.person(call.actor)["fullName"],
            "administrator": False,
            "enabled": True,
            "deleted": False,
            "organizationId": seed.ORGANIZATION,
            "timeZone": "Europe/Berlin",
            "licenseType": "full",
            "dateFormat": "MM/dd/yyyy",
            "settings": {},
        }

    @route("GET", "/io/board", query="offset limit search boards minimumAccess archived")
    def boards(self, call: Call) -> Any:
        rows = [
            one
            for one in self.world.all("board")
            if call.query.get("search", "").lower() in one["title"].lower()
        ]
        names = ("id", "title", "description", "boardRole", "isWelcome")
        offset, limit = call.number("offset", 0), call.number("limit", 200, low=1, high=200)
        shown = [
            {name: one[name] for name in names} | {"boardRoleId": 3} for one in rows[offset : offset + limit]
        ]
        return {"pageMeta": _meta(len(rows), offset, limit, len(shown)), "boards": shown}

    @route("GET", "/io/board/<id>")
    def one_board(self, call: Call, id: str) -> Any:
        board = self.board(id)
        lanes = [
            {
                **{name: value for name, value in lane.items() if name != "boardId"},
                "cardCount": len(self.cards_in(lane["id"])),
            }
            for lane in self.lanes(id)
        ]
        fields = self.world.where("field", lambda one: one["boardId"] == id)
        cards = self.world.where("card", lambda card: card["boardId"] == id)
        return {
            **board,
            "users": [
                {**self.person(one["id"]), "username": one["emailAddress"], "boardId": id}
                for one in self.world.all("user")
            ],
            "classesOfService": [],
            "tags": sorted({tag for card in cards for tag in card["tags"]}),
            "customFields": [_field(one) for one in fields],
            "cardTypes": [
                _without(one, "boardId") for one in self.world.where("type", lambda one: one["boardId"] == id)
            ],
            "laneClassTypes": [
                {"id": 0, "name": "active"},
                {"id": 2, "name": "archive"},
                {"id": 1, "name": "backlog"},
            ],
            "lanes": lanes,
        }

    @route("GET", "/io/board/<id>/leafLanes")
    def leaves(self, call: Call, id: str) -> Any:
        self.board(id)
        rows = [
            {"id": one["id"], "title": one["name"], "expandedTitle": self.lane_title(one)}
            for one in self.leaf_lanes(id)
        ]
        return {"lanes": rows}

    @route("GET", "/io/board/<id>/cardType")
    def card_types(self, call: Call, id: str) -> Any:
        return {"cardTypes": self.one_board(call, id)["cardTypes"]}

    @route("GET", "/io/board/<id>/customfield")
    def fields(self, call: Call, id: str) -> Any:
        return {"limit": 40, "customFields": self.one_board(call, id)["customFields"]}

    @route("GET", "/io/board/<id>/tag")
    def tags(self, call: Call, id: str) -> Any:
        return {"tags": self.one_board(call, id)["tags"]}

    @route("GET", "/io/board/<id>/user", query="offset limit search sortBy sortDir")
    def users(self, call: Call, id: str) -> Any:
        self.board(id)
        if ("sortBy" in call.query) != ("sortDir" in call.query):
            raise invalid("sortDir is required when using sortBy", "sortDir")
        call.choice("sortBy", "name", "name role WIP license")
        call.choice("sortDir", "asc", "asc desc")
        offset, limit = call.number("offset", 0), call.number("limit", 25, low=1, high=100)
        rows = sorted(self.world.all("user"), key=lambda one: (one["firstName"], one["lastName"]))
        if search := call.query.get("search", "").lower():
            rows = [
                one
                for one in rows
                if search in f"{one['emailAddress']} {one['firstName']} {one['lastName']}".lower()
            ]
        shown = [
            {
                "userId": one["id"],
                "firstName": one["firstName"],
                "lastName": one["lastName"],
                "emailAddress": one["emailAddress"],
                "boardId": id,
                "administrator": False,
                "WIP": 0,
                "id": f"9{one['id']}",
                "licenseType": "full",
                "role": {"key": one["role"], "value": seed.ROLES[one["role"]], "label": one["role"][5:]},
                "assignedBoards": [],
            }
            for one in rows[offset : offset + limit]
        ]
        return {"pageMeta": _meta(len(rows), offset, limit, len(shown)), "boardUsers": shown}

    # --- cards ---------------------------------------------------------------------------------------------------

    @route("GET", "/io/card", query=CARD_QUERY)
    def cards(self, call: Call) -> Any:
        offset, limit = call.number("offset", 0), call.number("limit", 200, low=1, high=200)
        include = _csv(call, "include", INCLUDES)
        call.choice("select", "cards", "cards taskCards both")
        if call.flag("deleted"):
            gone = self._deleted(call)
            shown = gone[offset : offset + limit]
            return {"cards": shown, "pageMeta": _meta(len(gone), offset, limit, len(shown))}
        rows = self._sorted(call, self._filtered(call))
        if call.query.get("select") == "taskCards":
            rows = []
        found = [self.row(card, include) for card in rows[offset : offset + limit]]
        answer = {
            "cards": [_only(call, one) for one in found],
            "pageMeta": _meta(len(rows), offset, limit, len(found)),
        }
        if "cards" in call.query:
            wanted = call.query["cards"].split(",")
            answer["inaccessibleCards"] = [
                {"id": id, "isDeleted": self.world.get("deleted", id) is not None, "hasAccess": True}
                for id in wanted
                if self.world.get("card", id) is None
            ]
        return answer

    def _filtered(self, call: Call) -> list[Document]:
        query = call.query
        classes = _csv(call, "lane_class_types", LANE_CLASSES) or {"backlog", "active"}
        since = call.moment("since")
        if "board" in query:
            self.board(query["board"])
        tests: dict[str, Callable[[Document], bool]] = {
            "board": lambda card: card["boardId"] == query["board"],
            "cards": lambda card: card["id"] in query["cards"].split(","),
            "lanes": lambda card: card["laneId"] in query["lanes"].split(","),
            "types": lambda card: card["typeId"] in query["types"].split(","),
            "customIds": lambda card: card["customId"] in query["customIds"].split(","),
            "assignedUserIds": lambda card: bool(
                {*card["assignedUserIds"]} & {*query["assignedUserIds"].split(",")}
            ),
            "search": lambda card: query["search"].lower() in f"{card['title']} {card['customId']}".lower(),
        }
        asked = [test for name, test in tests.items() if name in query]
        rows = [
            card
            for card in self.visible(self.world.all("card"), "updatedOn")
            if all(test(card) for test in asked)
        ]
        if since is not None:
            rows = [card for card in rows if datetime.fromisoformat(card["updatedOn"]) > since]
        return [
            card
            for card in rows
            if (self.world.get("lane", card["laneId"]) or {})["laneClassType"] in classes
        ]

    def _sorted(self, call: Call, rows: list[Document]) -> list[Document]:
        match call.choice("sort", "rank" if "search" in call.query else "activity", "activity rank title"):
            case "title":
                return sorted(rows, key=lambda card: (card["title"], card["id"]))
            case "rank":
                return sorted(rows, key=lambda card: (card["laneId"], card["index"], card["id"]))
        return sorted(rows, key=lambda card: (card["updatedOn"], card["id"]), reverse=True)

    def _deleted(self, call: Call) -> list[dict[str, str]]:
        since = call.moment("since")
        board = call.query.get("board")
        return [
            {"id": one["id"]}
            for one in self.world.all("deleted")
            if (since is None or datetime.fromisoformat(one["on"]) > since)
            and board in (None, one["boardId"])
        ]

    @route("GET", "/io/card/<id>", query="excludeComments")
    def one_card(self, call: Call, id: str) -> Any:
        return self.whole(self.card(id), with_comments=not call.flag("excludeComments"))

    @route("POST", "/io/card", query="returnFullRecord")
    def create(self, call: Call) -> Any:
        body = call.object(allowed=CREATE_KEYS, required="title")
        board_id, lane_id = self._destination(body)
        values = self._create_values(body, board_id)
        if lane_id:
            values["laneId"] = lane_id
            lane = self.lane_for_cards(lane_id)
            if (
                lane["wipLimit"]
                and len(self.cards_in(lane_id)) >= lane["wipLimit"]
                and not body.get("wipOverrideComment")
            ):
                raise invalid(
                    f"The card would violate the WIP limit of {lane['name']}; wipOverrideComment is required",
                    "laneId",
                )
        card = self.make_card(values, board_id=board_id, actor=call.actor)
        return Reply(self.whole(card) if call.flag("returnFullRecord") else {"id": card["id"]}, 201)

    def _destination(self, body: Mapping[str, Any]) -> tuple[str, str]:
        place = body.get("destination") or {
            name: body[name] for name in ("boardId", "laneId") if name in body
        }
        if not isinstance(place, dict) or set(place) - {"boardId", "laneId", "cardId", "index", "laneTitle"}:
            raise invalid("destination is not valid", "destination")
        lane_id = place.get("laneId")
        if lane_id is not None:
            return self.lane_for_cards(lane_id)["boardId"], lane_id
        if not isinstance(place.get("boardId"), str):
            raise invalid("One of boardId, laneId, cardId is required", "destination")
        return self.board(place["boardId"])["id"], ""

    def _create_values(self, body: Mapping[str, Any], board_id: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in ("title", "description", "blockReason", "customId"):
            if body.get(name) is not None and not isinstance(body[name], str):
                raise invalid(f"{name} must be a string", name)
        values["title"] = body["title"].strip() if self.trouble.knobs.is_normalising else body["title"]
        values["description"] = self.rich(body.get("description"))
        values["customId"] = body.get("customId") or None
        if body.get("blockReason"):
            values |= {"isBlocked": True, "blockReason": body["blockReason"]}
        if "priority" in body:
            if body["priority"] not in PRIORITIES:
                raise invalid('Invalid request: Failed "enum" criteria (pointer: #/priority)', "priority")
            values["priority"] = body["priority"]
        if "size" in body:
            if not isinstance(body["size"], int):
                raise invalid("size must be a whole number", "size")
            values["size"] = body["size"]
        for name in ("plannedStart", "plannedFinish"):
            values[name] = day(body.get(name), name)
        for name in ("tags", "assignedUserIds"):
            values[name] = _strings(body.get(name, []), name)
        if any(self.world.get("user", id) is None for id in values["assignedUserIds"]):
            raise invalid("User not found on this board", "assignedUserIds")
        if "typeId" in body:
            values["typeId"] = card_type(self, board_id, body["typeId"])
        if "externalLink" in body:
            values["externalLink"] = link(body["externalLink"])
        if "customFields" in body:
            values["customFields"] = custom_fields(self, board_id, body["customFields"])
        if "connections" in body:
            parents = _strings((body["connections"] or {}).get("parents", []), "connections")
            values["parentCardIds"] = [self.card(id)["id"] for id in parents]
        return values

    @route("PATCH", "/io/card/<id>")
    def patch(self, call: Call, id: str) -> Any:
        card = self.card(id)
        if "json" not in call.headers.get("Content-Type", ""):
            raise Refusal(415, "Unsupported Media Type")
        changes, comment = apply_patch(self, card, call.json, call.headers.get("x-lk-resource-version"))
        return self.whole(self.change_card(card, changes, actor=call.actor, wip_comment=comment))

    @route("DELETE", "/io/card/<id>")
    def delete(self, call: Call, id: str) -> Any:
        if not self.board(self.card(id)["boardId"])["allowUsersToDeleteCards"]:
            raise Refusal(403, "Users are not allowed to delete cards on this board")
        self.drop_card(id, actor=call.actor)
        return Reply(None, 204)

    @route("POST", "/io/card/move")
    def move(self, call: Call) -> Any:
        body = call.object(allowed="cardIds destination wipOverrideComment", required="cardIds destination")
        _, lane_id = self._destination(body)
        if not lane_id:
            raise invalid("laneId is required", "destination")
        for id in _strings(body["cardIds"], "cardIds"):
            comment = str(body.get("wipOverrideComment") or "")
            self.change_card(self.card(id), {"laneId": lane_id}, actor=call.actor, wip_comment=comment)
        return {}

    @route("POST", "/io/card/assign")
    def assign(self, call: Call) -> Any:
        names = "userIdsToAssign userIdsToUnassign teamIdsToAssign teamIdsToUnassign"
        body = call.object(allowed=f"cardIds {names}", required="cardIds")
        for id in _strings(body["cardIds"], "cardIds"):
            card = self.card(id)
            gone = body.get("userIdsToUnassign", [])
            kept = [one for one in card["assignedUserIds"] if one not in gone]
            added = [one for one in body.get("userIdsToAssign", []) if one not in kept]
            self.change_card(card, {"assignedUserIds": [*kept, *added]}, actor=call.actor)
        return {"updatedBoards": []}

    # --- comments ------------------------------------------------------------------------------------------------

    @route("GET", "/io/card/<id>/comment", query="offset limit sortBy includeChildComments")
    def comments(self, call: Call, id: str) -> Any:
        self.card(id)
        rows = self.comments_on(id)
        if call.choice("sortBy", "oldest", "newest oldest") == "newest":
            rows = rows[::-1]
        offset, limit = call.number("offset", 0), call.number("limit", 400, low=1, high=400)
        shown = [{**self.shown_comment(one), "cardId": id} for one in rows[offset : offset + limit]]
        return {"pageMeta": _meta(len(rows), offset, limit, len(shown)), "comments": shown}

    @route("POST", "/io/card/<id>/comment")
    def create_comment(self, call: Call, id: str) -> Any:
        text = call.object(allowed="text", required="text")["text"]
        return Reply(self.shown_comment(self.make_comment(id, text, actor=call.actor)), 201)

    @route("PUT", "/io/card/<id>/comment/<comment>")
    def update_comment(self, call: Call, id: str, comment: str) -> Any:
        found = self._comment(id, comment)
        text = call.object(allowed="text", required="text")["text"]
        if found["createdBy"] != call.actor:
            raise Refusal(403, "Comments may be edited by their author only")
        return self.shown_comment(self.change_comment(found, text))

    @route("DELETE", "/io/card/<id>/comment/<comment>")
    def delete_comment(self, call: Call, id: str, comment: str) -> Any:
        self.remove("comment", self._comment(id, comment)["id"], actor=call.actor)
        return Reply(None, 204)

    def _comment(self, card_id: str, id: str) -> Document:
        self.card(card_id)
        found = self.world.get("comment", id)
        if found is None or found["cardId"] != card_id:
            raise Refusal(404, "Comment not found")
        return found

    # --- automations ---------------------------------------------------------------------------------------------

    @route("GET", "/io/board/<id>/automation")
    def automations(self, call: Call, id: str) -> Any:
        self.board(id)
        rows = self.world.where("automation", lambda one: one["boardId"] == id)
        return {"cardAutomations": [_automation(one) for one in rows]}

    @route("POST", "/io/board/<id>/automation")
    def create_automation(self, call: Call, id: str) -> Any:
        self.board(id)
        number = str(self.world.next_number("automation", start=10_135_649_061))
        return Reply({"cardAutomation": self._save_automation(call, id, number, {})}, 201)

    @route("PATCH", "/io/board/<id>/automation/<automation>")
    def update_automation(self, call: Call, id: str, automation: str) -> Any:
        return {
            "cardAutomation": self._save_automation(call, id, automation, self._automation(id, automation))
        }

    @route("DELETE", "/io/board/<id>/automation/<automation>")
    def delete_automation(self, call: Call, id: str, automation: str) -> Any:
        self.world.drop("automation", self._automation(id, automation)["id"])
        return Reply(None, 204)

    def _automation(self, board_id: str, id: str) -> Document:
        found = self.world.get("automation", id)
        if found is None or found["boardId"] != board_id:
            raise Refusal(404, "Automation not found")
        return found

    def _save_automation(self, call: Call, board_id: str, id: str, before: Mapping[str, Any]) -> Any:
        names = "actionType description enabled configuration secrets"
        body = call.object(allowed=names, required="" if before else "actionType description configuration")
        configuration = body.get("configuration", before.get("configuration"))
        if not isinstance(configuration, dict):
            raise invalid("configuration must be an object", "configuration")
        events = configuration.get("events")
        if not isinstance(events, list) or not events or set(events) - EVENTS:
            raise invalid("configuration.events is not valid", "configuration")
        action = configuration.get("action")
        if body.get("actionType", 1) != 1 or not isinstance(action, dict):
            raise invalid("the stand-in runs web service calls only", "actionType")
        if not str(action.get("url", "")).startswith(("http://", "https://")):
            raise invalid("configuration.action.url must be an address", "configuration")
        if action.get("contentType") not in ("application/json", "application/x-www-form-urlencoded"):
            raise invalid("configuration.action.contentType is not valid", "configuration")
        key = (body.get("secrets") or {}).get("signingKey", before.get("signingKey", ""))
        row = {
            "id": id, "boardId": board_id, "description": body.get("description", before.get("description")),
            "enabled": body.get("enabled", before.get("enabled", True)), "configuration": configuration, "url": action["url"],
            "events": events, "signingKey": key,
        }  # fmt: skip
        self.world.put("automation", id, row)
        return _automation(row)

    def tell(self, event: str, card: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> None:
        self._telling_board = card["boardId"]
        moment = self.stamp()

        def payload(automation: Mapping[str, Any]) -> Any:
            about = {"id": automation["id"], "description": automation["description"]}
            return {
                "automation": about, "host": "acme.leankit.com", "boardId": card["boardId"], "cardId": card["id"],
                "laneId": card["laneId"], "cardUrl": f"https://acme.leankit.com/card/{card['id']}", "event": event,
                "eventData": dict(data or {}), "eventDate": moment,
            }  # fmt: skip

        self.emit(event, payload)

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        return self.world.where(
            "automation",
            lambda one: one["enabled"] and event in one["events"] and one["boardId"] == self._telling_board,
        )

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        key = subscription["signingKey"]
        if not key:
            return {}
        return {"x-lk-signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}

    def contract_fixture(self) -> ContractFixture:
        card = {
            "title": "Northgate Archive – map cabinets",
            "description": "<p>Six cabinets.</p>",
            "lane.id": "1490773010",
            "priority": "high",
            "tags": ["steel", "archive"],
        }
        return ContractFixture(
            base_url="{root}/io",
            settings={"board_id": seed.BOARD},
            secrets={"token": seed.TOKEN},
            samples={
                "card": card,
                "comment": {"text": "<p>A word from the hub</p>", "hub.author": "Noor Haddad"},
            },
            edits={
                "card": {"title": "Northgate Archive – eight map cabinets"},
                "comment": {"text": "<p>Another word</p>"},
            },
            kinds={"card": "card", "comment": "comment", "user": "user"},
        )


def _meta(total: int, offset: int, limit: int, shown: int) -> dict[str, int]:
    return {
        "totalRecords": total, "offset": offset, "limit": limit,
        "startRow": offset + 1 if shown else 0, "endRow": offset + shown,
    }  # fmt: skip


def _csv(call: Call, name: str, allowed: frozenset[str]) -> set[str]:
    given = {part for part in call.query.get(name, "").split(",") if part}
    if given - allowed:
        raise invalid(f'Invalid request: Failed "enum" criteria (pointer: #/{name})', name)
    return given


def _only(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    if only := call.query.get("only"):
        return {name: value for name, value in row.items() if name in only.split(",")}
    omitted = call.query.get("omit", "").split(",")
    return {name: value for name, value in row.items() if name not in omitted}


def _strings(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise invalid(f"{name} must be an array of strings", name)
    return list(dict.fromkeys(value))


def _without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _field(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "id": row["id"],
        "index": row["index"],
        "type": row["type"],
        "label": row["label"],
        "helpText": None,
    }
    return {**shown, "choiceConfiguration": {"choices": row["choices"]}} if row["choices"] else shown


def _automation(row: Mapping[str, Any]) -> dict[str, Any]:
    """As it is answered: no secret, and not in the shape it was sent in."""
    return {
        "id": row["id"], "boardId": row["boardId"], "userId": seed.ROBOT, "description": row["description"], "enabled": row["enabled"],
        "events": row["events"], "filter": {},
        "action": {"type": "webService", "params": {"url": row["url"], "contentType": row["configuration"]["action"]["contentType"]}},
        "hasSecrets": bool(row["signingKey"]),
    }  # fmt: skip


VENDOR = LeanKit
