"""A stand-in for Trello (REST v1 below /1), held to Atlassian's OpenAPI document and vendors/trello.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import requests

from sandbox.hooks import Delivery
from sandbox.store import Document
from sandbox.vendor import ContractFixture
from sandbox.web import Call, Refusal, Reply, Route, route

from . import trello_seed as seed
from .trello_state import COLOURS, TrelloState, bad, missing

CARD_LIST = "fields limit before since customFieldItems attachments attachment_fields members checklists"
CARD_GET = "fields customFieldItems attachments attachment_fields members checklists"
ACTIONS = "filter limit before since page fields memberCreator"
WRITABLE = "name desc closed idMembers idLabels idList idBoard pos due start dueComplete subscribed cover"
CREATABLE = "name desc pos due start dueComplete idList idMembers idLabels urlSource"


class Trello(TrelloState):
    slug = "trello"
    name = "Trello"
    colour = "#0c66e4"
    tagline = "Board “Website relaunch”: lists, cards, labels, comments"
    limit_per_minute = 600
    webhook_retry_delays = (30.0, 60.0, 120.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, name, username in seed.MEMBERS:
            self.world.put("member", id, {"id": id, "fullName": name, "username": username})
        self._seed_board(seed.BOARD, "Website relaunch", "dQHqCohZ", seed.LISTS)
        self._seed_board(seed.OTHER_BOARD, "Newsletter", "Lm3pQ9xA", seed.OTHER_LISTS)
        for id, name, colour in seed.LABELS:
            self.world.put("label", id, {"id": id, "idBoard": seed.BOARD, "name": name, "color": colour})
        for id, name, kind, options in seed.CUSTOM_FIELDS:
            rows = [
                {"id": one, "idCustomField": id, "value": {"text": text}, "color": "none", "pos": 16384}
                for one, text in options
            ]
            field = {
                "id": id,
                "idModel": seed.BOARD,
                "modelType": "board",
                "name": name,
                "type": kind,
                "pos": 16384,
                "options": rows,
            }
            self.world.put("field", id, field)
        for card in seed.cards():
            at, by, remarks, urgency = (card.pop(name) for name in ("at", "by", "remarks", "urgency"))
            fields = {seed.CUSTOM_FIELDS[0][0]: {"idValue": urgency, "value": None}} if urgency else {}
            made = self.make_card({**card, "fields": fields}, actor=by, at=at)
            for author, text in remarks:
                self.make_comment(made, text, actor=author, at=at)
        for at_place, name in enumerate(seed.OTHER_CARDS):
            self.make_card(
                {"name": name, "idList": seed.OTHER_LISTS[at_place % 2][0]},
                actor=seed.MEMBERS[1][0],
                at=seed.START,
            )

    def _seed_board(self, id: str, name: str, short: str, lists: Iterable[tuple[str, str]]) -> None:
        self.world.put(
            "board",
            id,
            {
                "id": id, "name": name, "desc": "", "closed": False, "idOrganization": seed.WORKSPACE, "shortLink": short,
                "url": f"https://trello.com/b/{short}", "shortUrl": f"https://trello.com/b/{short}", "pinned": False, "starred": False,
            },
        )  # fmt: skip
        for place, (list_id, title) in enumerate(lists):
            row = {
                "id": list_id,
                "name": title,
                "closed": False,
                "pos": 16384 * (place + 1),
                "idBoard": id,
                "subscribed": False,
            }
            self.world.put("list", list_id, row)

    def authenticate(self, call: Call) -> str:
        given = re.fullmatch(
            r'OAuth oauth_consumer_key="([^"]*)", ?oauth_token="([^"]*)"',
            call.headers.get("Authorization", ""),
        )
        key, token = given.groups() if given else (call.query.get("key", ""), call.query.get("token", ""))
        if key != seed.API_KEY:
            raise Refusal(401, "invalid key")
        if token != seed.TOKEN:
            raise Refusal(401, "invalid token")
        return seed.ROBOT

    def check_query(self, call: Call, spec: Route) -> None:
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query and name not in ("key", "token"):
                    raise bad(f"invalid value for {name}")

    def refuse(self, refusal: Refusal) -> Any:
        """Plain text, but for too many requests."""
        if refusal.status == 429:
            return {"error": "API_TOKEN_LIMIT_EXCEEDED", "message": "Rate limit exceeded"}
        refusal.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return refusal.message.encode()

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        left = str(max(0, min(100, remaining)))
        return {
            "x-rate-limit-api-token-interval-ms": "10000", "x-rate-limit-api-token-max": "100", "x-rate-limit-api-token-remaining": left,
            "x-rate-limit-api-key-interval-ms": "10000", "x-rate-limit-api-key-max": "300", "x-rate-limit-api-key-remaining": left,
        }  # fmt: skip

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """No Retry-After is promised."""
        return Refusal(429, "Rate limit exceeded")

    # --- helpers of handlers -------------------------------------------------------------------------------------

    def _given(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        """Parameters of a write, from the query or a JSON body. Remembers who says they are calling."""
        self._client_identifier = call.headers.get("X-Trello-Client-Identifier", "")
        body = call.json if call.raw else {}
        if not isinstance(body, dict):
            raise bad("Invalid JSON")
        given = {
            **{name: value for name, value in call.query.items() if name not in ("key", "token")},
            **body,
        }
        for name in given:
            if name not in allowed.split():
                raise bad(f"invalid value for {name}")
        for name in required.split():
            if given.get(name) in (None, ""):
                raise bad(f"invalid value for {name}")
        return given

    def _card_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "name" | "desc":
                    values[name] = self.text(value, name)
                case "closed" | "dueComplete":
                    if value not in (True, False, "true", "false"):
                        raise bad(f"invalid value for {name}")
                    values[name] = value in (True, "true")
                case "idList":
                    values[name] = self.one("list", value, name)["id"]
                case "due" | "start":
                    values[name] = _moment(value, name)
                case "idMembers" | "idLabels":
                    kind = "member" if name == "idMembers" else "label"
                    ids = value.split(",") if isinstance(value, str) else value
                    values[name] = [self.one(kind, id, name)["id"] for id in ids]
                case "pos":
                    if isinstance(value, int | float):
                        values[name] = float(value)
        return values

    def _root(self, call: Call) -> str:
        return f"{call.request.host_url.rstrip('/')}/{self.slug}"

    def _show(self, call: Call, card: Mapping[str, Any]) -> dict[str, Any]:
        fields, attachments = call.flag("customFieldItems"), call.flag("attachments")
        shown = self.shown_card(card, self._root(call), fields=fields, attachments=attachments)
        wanted = call.query.get("fields", "all")
        if wanted == "all":
            return shown
        extra = ("id", "customFieldItems", "attachments")
        return {name: value for name, value in shown.items() if name in extra or name in wanted.split(",")}

    def _paged(self, call: Call, rows: Iterable[Document], default: int = 1000) -> list[Document]:
        """Newest first; ``since`` and ``before`` take an id or an instant and go by creation."""
        ordered = sorted(rows, key=lambda one: str(one["id"]), reverse=True)
        if "since" in call.query:
            edge = _edge(call.query["since"], "since")
            ordered = [one for one in ordered if str(one["id"]) > edge]
        if "before" in call.query:
            edge = _edge(call.query["before"], "before")
            ordered = [one for one in ordered if str(one["id"]) < edge]
        limit = call.query.get("limit", str(default))
        if not limit.isdigit() or int(limit) > 1000:
            raise bad("invalid value for limit")
        return ordered[: int(limit)]

    # --- people, boards ------------------------------------------------------------------------------------------

    @route("GET", "/c/<short>", auth=False)
    def card_page(self, call: Call, short: str) -> Any:
        """The link that people follow; not part of the API."""
        return Reply(b"", 302, {"Location": f"/{self.slug}/ui/card/{self.card(short)['id']}"})

    @route("GET", "/1/members/<id>", query="fields")
    def member(self, call: Call, id: str) -> Any:
        known = self.world.get("member", call.actor if id == "me" else id)
        if known is None:
            raise missing()
        return self.shown_member(known["id"])

    @route("GET", "/1/members/<id>/boards", query="filter fields")
    def boards(self, call: Call, id: str) -> Any:
        return list(self.world.all("board"))

    @route("GET", "/1/members/<id>/organizations", query="filter fields")
    def organizations(self, call: Call, id: str) -> Any:
        return [
            {
                "id": seed.WORKSPACE,
                "name": "relaunch",
                "displayName": "Relaunch team",
                "url": "https://trello.com/w/relaunch",
            }
        ]

    @route("GET", "/1/members/<id>/tokens", query="webhooks")
    def tokens(self, call: Call, id: str) -> Any:
        token = {
            "id": "5da728c55235b443c5b97181",
            "identifier": "Lockstep",
            "idMember": call.actor,
            "dateExpires": None,
        }
        hooks = [_hook(one) for one in self.world.all("webhook")] if call.flag("webhooks") else []
        return [{**token, "dateCreated": "2026-01-05T08:00:00.000Z", "permissions": [], "webhooks": hooks}]

    @route("GET", "/1/boards/<id>", query="fields lists labels members customFields")
    def one_board(self, call: Call, id: str) -> Any:
        return self.board(id)

    @route("GET", "/1/boards/<id>/lists", query="filter fields cards")
    def lists(self, call: Call, id: str) -> Any:
        wanted = call.choice("filter", "open", "all closed none open")
        rows = self.lists_of(self.board(id)["id"])
        return [one for one in rows if wanted == "all" or one["closed"] == (wanted == "closed")]

    @route("GET", "/1/boards/<id>/members")
    def members(self, call: Call, id: str) -> Any:
        self.board(id)
        return [self.shown_member(one["id"]) for one in self.world.all("member")]

    @route("GET", "/1/boards/<id>/memberships", query="filter member")
    def memberships(self, call: Call, id: str) -> Any:
        self.board(id)
        return [
            {
                "id": f"{one['id'][:-4]}aaaa",
                "idMember": one["id"],
                "memberType": "normal",
                "unconfirmed": False,
                "deactivated": False,
            }
            for one in self.world.all("member")
        ]

    @route("GET", "/1/boards/<id>/customFields")
    def custom_fields(self, call: Call, id: str) -> Any:
        board = self.board(id)["id"]
        rows = self.world.where("field", lambda one: one["idModel"] == board)
        return [
            one if one["type"] == "list" else {k: v for k, v in one.items() if k != "options"} for one in rows
        ]

    # --- labels --------------------------------------------------------------------------------------------------

    @route("GET", "/1/boards/<id>/labels", query="limit fields")
    def labels(self, call: Call, id: str) -> Any:
        board = self.board(id)["id"]
        limit = call.query.get("limit", "50")
        if not limit.isdigit() or int(limit) > 1000:
            raise bad("invalid value for limit")
        rows = self.world.where("label", lambda one: one["idBoard"] == board)
        return [self.shown_label(one) for one in rows[: int(limit)]]

    @route("GET", "/1/labels/<id>", query="fields")
    def label(self, call: Call, id: str) -> Any:
        return self.shown_label(self._label(id))

    def _label(self, id: str) -> Document:
        found = self.world.get("label", id)
        if found is None:
            raise missing() if len(id) == 24 else bad("invalid id")
        return found

    @route("POST", "/1/labels", query=None)
    def create_label(self, call: Call) -> Any:
        given = self._given(call, "name color idBoard", "name idBoard")
        board = self.board(str(given["idBoard"]))["id"]
        id = self.object_id()
        label = {
            "id": id,
            "idBoard": board,
            "name": self.text(given["name"], "name"),
            "color": _colour(given.get("color")),
        }
        self.world.put("label", id, label)
        self.note("createLabel", board, {"label": self.shown_label(label)}, actor=call.actor)
        return self.shown_label(label)

    @route("PUT", "/1/labels/<id>", query=None)
    def update_label(self, call: Call, id: str) -> Any:
        label, given = self._label(id), self._given(call, "name color")
        after = dict(label)
        if "name" in given:
            after["name"] = self.text(given["name"], "name")
        if "color" in given:
            after["color"] = _colour(given["color"])
        self.world.put("label", id, after)
        self.note(
            "updateLabel", label["idBoard"], {"label": self.shown_label(after), "old": {}}, actor=call.actor
        )
        return self.shown_label(after)

    @route("DELETE", "/1/labels/<id>", query=None)
    def delete_label(self, call: Call, id: str) -> Any:
        self._given(call, "")
        label = self._label(id)
        self.world.drop("label", id)
        for card in self.world.where("card", lambda one: id in one["idLabels"]):
            self.world.put(
                "card", card["id"], {**card, "idLabels": [one for one in card["idLabels"] if one != id]}
            )
        self.note("deleteLabel", label["idBoard"], {"label": {"id": id}}, actor=call.actor)
        return {"limits": {}}

    # --- cards ---------------------------------------------------------------------------------------------------

    @route("GET", "/1/boards/<id>/cards", query=CARD_LIST)
    def open_cards(self, call: Call, id: str) -> Any:
        return self.cards(call, id, "open")

    @route("GET", "/1/boards/<id>/cards/<filter>", query=CARD_LIST)
    def cards(self, call: Call, id: str, filter: str) -> Any:
        if filter not in ("all", "closed", "open", "visible", "none"):
            raise bad("invalid value for filter")
        board = self.board(id)["id"]
        rows = self.world.where("card", lambda one: one["idBoard"] == board)
        if filter != "all":
            rows = [one for one in rows if one["closed"] == (filter == "closed")]
        return [self._show(call, one) for one in self._paged(call, self.visible(rows, "dateLastActivity"))]

    @route("GET", "/1/cards/<id>", query=CARD_GET)
    def one_card(self, call: Call, id: str) -> Any:
        return self._show(call, self.card(id))

    @route("POST", "/1/cards", query=None)
    def create_card(self, call: Call) -> Any:
        given = self._given(call, CREATABLE, "idList")
        values = {"name": "", **self._card_values(given)}
        if url := given.get("urlSource"):
            if not str(url).startswith(("http://", "https://")):
                raise bad("invalid value for urlSource")
            values["urls"] = [str(url)]
        return self.shown_card(self.make_card(values, actor=call.actor), self._root(call))

    @route("PUT", "/1/cards/<id>", query=None)
    def update_card(self, call: Call, id: str) -> Any:
        values = self._card_values(self._given(call, WRITABLE))
        return self.shown_card(self.change_card(self.card(id), values, actor=call.actor), self._root(call))

    @route("DELETE", "/1/cards/<id>", query=None)
    def delete_card(self, call: Call, id: str) -> Any:
        self._given(call, "")
        self.drop_card(self.card(id), actor=call.actor)
        return {"limits": {}}

    @route("POST", "/1/cards/<id>/idMembers", query=None)
    def add_member(self, call: Call, id: str) -> Any:
        value = self.one("member", self._given(call, "value", "value")["value"], "value")["id"]
        return [
            self.shown_member(one)
            for one in self.change_set(self.card(id), "idMembers", value, adds=True, actor=call.actor)[
                "idMembers"
            ]
        ]

    @route("DELETE", "/1/cards/<id>/idMembers/<member>", query=None)
    def remove_member(self, call: Call, id: str, member: str) -> Any:
        self._given(call, "")
        return self.change_set(self.card(id), "idMembers", member, adds=False, actor=call.actor)["idMembers"]

    @route("POST", "/1/cards/<id>/idLabels", query=None)
    def add_label(self, call: Call, id: str) -> Any:
        label = self.one("label", self._given(call, "value", "value")["value"], "value")
        card = self.card(id)
        if label["idBoard"] != card["idBoard"]:
            raise bad("invalid value for value")
        return self.change_set(card, "idLabels", label["id"], adds=True, actor=call.actor)["idLabels"]

    @route("DELETE", "/1/cards/<id>/idLabels/<label>", query=None)
    def remove_label(self, call: Call, id: str, label: str) -> Any:
        self._given(call, "")
        return self.change_set(self.card(id), "idLabels", label, adds=False, actor=call.actor)["idLabels"]

    @route("GET", "/1/cards/<id>/attachments", query="fields filter")
    def attachments(self, call: Call, id: str) -> Any:
        return self.card(id)["attachments"]

    @route("PUT", "/1/cards/<id>/customField/<field>/item", query=None)
    def set_custom_field(self, call: Call, id: str, field: str) -> Any:
        given, card = self._given(call, "value idValue"), self.card(id)
        known = self.one("field", field, "idCustomField")
        item = _custom_item(known, given)
        fields = {name: value for name, value in card["fields"].items() if name != field}
        after = {
            **card,
            "fields": {**fields, field: item} if item else fields,
            "dateLastActivity": self.stamp(ms=True),
        }
        self.world.put("card", card["id"], after)
        about = {
            "customField": {"id": field, "name": known["name"], "type": known["type"]},
            "customFieldItem": item or {},
        }
        self.act("updateCustomFieldItem", after, actor=call.actor, data=about)
        return {
            "id": f"{card['id'][:20]}ffff",
            "idCustomField": field,
            "idModel": card["id"],
            "modelType": "card",
            **(item or {}),
        }

    @route("GET", "/1/batch", query="urls")
    def batch(self, call: Call) -> Any:
        urls = [part for part in call.query.get("urls", "").split(",") if part]
        if not 1 <= len(urls) <= 10:
            raise bad("invalid value for urls")
        return [self._batched(call, url) for url in urls]

    def _batched(self, call: Call, url: str) -> dict[str, Any]:
        parts = urlsplit(url)
        found = re.fullmatch(r"/cards/([^/]+)", parts.path)
        if found is None:
            raise bad("the stand-in batches cards only")
        with_fields = parse_qs(parts.query).get("customFieldItems") == ["true"]
        try:
            return {"200": self.shown_card(self.card(found.group(1)), self._root(call), fields=with_fields)}
        except Refusal as refusal:
            return {"name": "NotFoundError", "message": refusal.message, "statusCode": refusal.status}

    # --- actions and comments ------------------------------------------------------------------------------------

    @route("GET", "/1/boards/<id>/actions", query=ACTIONS)
    def board_actions(self, call: Call, id: str) -> Any:
        board = self.board(id)["id"]
        return self._actions(call, lambda one: one["data"]["board"]["id"] == board)

    @route("GET", "/1/cards/<id>/actions", query=ACTIONS)
    def card_actions(self, call: Call, id: str) -> Any:
        card = self.card(id)["id"]
        return self._actions(call, lambda one: one["data"].get("card", {}).get("id") == card)

    def _actions(self, call: Call, is_wanted: Any) -> Any:
        kinds = call.query.get("filter", "commentCard").split(",")
        rows = self.world.where("action", lambda one: one["type"] in kinds and is_wanted(one))
        return [self.shown_action(one) for one in self._paged(call, rows, default=50)]

    @route("GET", "/1/actions/<id>", query="fields memberCreator")
    def action(self, call: Call, id: str) -> Any:
        found = self.world.get("action", id)
        if found is None:
            raise missing() if len(id) == 24 else bad("invalid id")
        return self.shown_action(found)

    @route("POST", "/1/cards/<id>/actions/comments", query=None)
    def create_comment(self, call: Call, id: str) -> Any:
        text = self._given(call, "text", "text")["text"]
        return self.shown_action(self.make_comment(self.card(id), text, actor=call.actor))

    @route("PUT", "/1/cards/<id>/actions/<action>/comments", query=None)
    def update_comment(self, call: Call, id: str, action: str) -> Any:
        text = self._given(call, "text", "text")["text"]
        return self.shown_action(self.change_comment(self._comment(call, id, action), text, actor=call.actor))

    @route("DELETE", "/1/cards/<id>/actions/<action>/comments", query=None)
    def delete_comment(self, call: Call, id: str, action: str) -> Any:
        self._given(call, "")
        self.drop_comment(self._comment(call, id, action), actor=call.actor)
        return {"_value": None}

    def _comment(self, call: Call, card_id: str, id: str) -> Document:
        found = self.world.get("action", id)
        if (
            found is None
            or found["type"] != "commentCard"
            or found["data"]["card"]["id"] != self.card(card_id)["id"]
        ):
            raise missing()
        if found["idMemberCreator"] != call.actor:
            raise Refusal(401, "unauthorized comment permission requested")
        return found

    # --- webhooks ------------------------------------------------------------------------------------------------

    @route("POST", "/1/webhooks", query=None)
    def create_webhook(self, call: Call) -> Any:
        given = self._given(call, "callbackURL idModel description active", "callbackURL idModel")
        url = str(given["callbackURL"])
        if not url.startswith(("http://", "https://")):
            raise bad("invalid value for callbackURL")
        model = self.board(str(given["idModel"]))["id"]
        if self.world.where("webhook", lambda one: one["url"] == url and one["idModel"] == model):
            raise bad("A webhook with that callback, model, and token already exists")
        _ask(url)
        id = self.object_id()
        hook = {
            "id": id, "description": str(given.get("description") or ""), "idModel": model, "url": url, "active": True,
            "consecutiveFailures": 0, "firstConsecutiveFailDate": None,
        }  # fmt: skip
        self.world.put("webhook", id, hook)
        return _hook(hook)

    @route("PUT", "/1/webhooks/<id>", query=None)
    def update_webhook(self, call: Call, id: str) -> Any:
        given = self._given(call, "active description callbackURL idModel")
        hook = self._webhook(id)
        if "active" in given:
            hook |= {"active": given["active"] in (True, "true"), "consecutiveFailures": 0}
        self.world.put("webhook", id, hook)
        return _hook(hook)

    @route("DELETE", "/1/webhooks/<id>", query=None)
    def delete_webhook(self, call: Call, id: str) -> Any:
        self._given(call, "")
        self.world.drop("webhook", self._webhook(id)["id"])
        return {"_value": None}

    def _webhook(self, id: str) -> Document:
        found = self.world.get("webhook", id)
        if found is None:
            raise missing()
        return found

    def tell(self, action: Mapping[str, Any], board: Mapping[str, Any]) -> None:
        if not self.trouble.knobs.webhooks_on:
            return
        for hook in self.world.where("webhook", lambda one: one["active"] and one["idModel"] == board["id"]):
            body = orjson.dumps({"action": action, "model": board, "webhook": _hook(hook)})
            signed = hmac.new(seed.APP_SECRET.encode(), body + hook["url"].encode(), hashlib.sha1).digest()
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Trello webhooks",
                "X-Trello-Webhook": base64.b64encode(signed).decode(),
            }
            if self._client_identifier:
                headers["X-Trello-Client-Identifier"] = self._client_identifier
            self.sender.send(
                Delivery(
                    self.slug, hook["url"], body, headers, str(action["type"]),
                    retry_delays=self.webhook_retry_delays, on_done=self._delivered,
                )
            )  # fmt: skip

    def _delivered(self, delivery: Delivery) -> None:
        """Counts failures; a 410 ends the webhook."""
        with self.world.lock:
            for hook in self.world.where("webhook", lambda one: one["url"] == delivery.url):
                if delivery.statuses[-1] == 410:
                    self.world.drop("webhook", hook["id"])
                    continue
                failures = 0 if delivery.has_arrived else hook["consecutiveFailures"] + 1
                since = None if not failures else hook["firstConsecutiveFailDate"] or self.stamp(ms=True)
                if failures != hook["consecutiveFailures"]:
                    self.world.put(
                        "webhook",
                        hook["id"],
                        {**hook, "consecutiveFailures": failures, "firstConsecutiveFailDate": since},
                    )

    def contract_fixture(self) -> ContractFixture:
        card = {
            "name": "Write the accessibility statement",
            "desc": "As the law asks.\n\n- contact\n- date",
            "idList": seed.LISTS[1][0],
            "due": "2026-12-01T12:00:00.000Z",
            "labels": ["Content"],
            "idMembers": [seed.MEMBERS[2][0]],
        }
        return ContractFixture(
            base_url="{root}/1",
            settings={"board_id": seed.BOARD},
            secrets={"api_key": seed.API_KEY, "token": seed.TOKEN},
            samples={
                "card": card,
                "comment": {"text": "A word from the hub", "hub.author": "Noor Haddad"},
                "label": {"name": "Accessibility", "hub.colour": "#6cc3e0"},
            },
            edits={
                "card": {"name": "Publish the accessibility statement"},
                "comment": {"text": "Another word"},
                "label": {"name": "Accessible"},
            },
            webhook_secret=seed.APP_SECRET,
            kinds={"card": "card", "comment": "action", "label": "label", "member": "member"},
        )


def _hook(hook: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in hook.items() if name != "url"}
    return {**shown, "callbackURL": hook["url"]}


def _ask(url: str) -> None:
    """Trello's HEAD while a webhook is made. Port 9 (discard) is let through: tests register it to see what is sent."""
    if urlsplit(url).port == 9:
        return
    try:
        status = requests.head(url, timeout=5, allow_redirects=False).status_code
    except requests.RequestException:
        status = 0
    if status != 200:
        raise bad(f"URL ({url}) did not return 200 status code, got {status}")


def _colour(value: Any) -> str | None:
    if value in (None, "", "null"):
        return None
    if value not in COLOURS:
        raise bad("invalid value for color")
    return str(value)


def _moment(value: Any, name: str) -> str | None:
    if value in (None, "", "null"):
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise bad(f"invalid date for {name}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _edge(value: str, name: str) -> str:
    """An id, or the smallest id of an instant."""
    if re.fullmatch(r"[0-9a-f]{24}", value):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise bad(f"invalid value for {name}") from None
    seconds = max(0, int(moment.timestamp()))
    return f"{seconds:08x}{'0' * 16}"


def _custom_item(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any] | None:
    value, option = given.get("value"), given.get("idValue")
    if known["type"] == "list":
        if option in (None, ""):
            return None
        if option not in [one["id"] for one in known["options"]]:
            raise bad("Invalid custom field item value.")
        return {"idValue": option, "value": None}
    if value in (None, ""):
        return None
    key = {"checkbox": "checked"}.get(known["type"], known["type"])
    if not isinstance(value, dict) or set(value) != {key} or not isinstance(value[key], str):
        raise bad("Invalid custom field item value.")
    return {"idValue": None, "value": dict(value)}


VENDOR = Trello
