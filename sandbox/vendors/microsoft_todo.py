"""A stand-in for Microsoft To Do (Graph v1.0 below /v1.0), held to Graph's metadata and vendors/microsoft_todo.md."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import orjson
import requests

from sandbox.store import Document
from sandbox.vendor import ContractFixture
from sandbox.web import Call, Refusal, Reply, Route, route

from . import microsoft_todo_seed as seed
from .microsoft_todo_state import TodoState, bad, missing

MAX_TOP = 999
MAX_LIFETIME = timedelta(minutes=4230)
PAGE = "$top $skip $filter $orderby $select $expand $count $search"
LIST, TASKS = "/v1.0/me/todo/lists/<list_id>", "/v1.0/me/todo/lists/<list_id>/tasks"
_FILTER = re.compile(r"lastModifiedDateTime (ge|gt) (\S+)")


class MicrosoftTodo(TodoState):
    slug = "microsoft_todo"
    name = "Microsoft To Do"
    colour = "#2564cf"
    tagline = "Ines Moreau's lists: Tasks, Shop, Market stall"
    limit_per_minute = 1000
    webhook_retry_delays = (30.0, 120.0, 600.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, name, well_known, is_shared in seed.LISTS:
            row = {
                "id": id, "displayName": name, "isOwner": True, "isShared": is_shared, "wellknownListName": well_known,
                "seq": self.world.next_number("seq"),
            }  # fmt: skip
            self.world.put("list", id, row)
        for id, name, colour in seed.CATEGORIES:
            self.world.put("category", id, {"id": id, "displayName": name, "color": colour})
        for task in seed.tasks():
            list_id, at = task.pop("list"), task.pop("at")
            self.make_task(list_id, task, at=at)
        self.world.put("token", seed.ACCESS_TOKEN, {"expires": 9_999_999_999})
        self.world.put("refresh", seed.REFRESH_TOKEN, {"used": 0})

    def authenticate(self, call: Call) -> str:
        kind, _, token = call.headers.get("Authorization", "").partition(" ")
        known = self.world.get("token", token) if kind == "Bearer" and token else None
        if known is None:
            raise Refusal(401, "Access token is empty or unknown.", code="InvalidAuthenticationToken")
        if known["expires"] <= self.now().timestamp():
            raise Refusal(
                401, "Lifetime validation failed, the token is expired.", code="InvalidAuthenticationToken"
            )
        return seed.ACCOUNT

    def check_query(self, call: Call, spec: Route) -> None:
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query:
                    raise bad(f"Unrecognized query parameter '{name}'.", "BadRequest")

    def refuse(self, refusal: Refusal) -> Any:
        inner = {"date": f"{self.now():%Y-%m-%dT%H:%M:%S}", "request-id": "d0a2", "client-request-id": "d0a2"}
        code = refusal.code or {429: "TooManyRequests"}.get(refusal.status, "generalException")
        return {"error": {"code": code, "message": refusal.message, "innerError": inner}}

    def no_route(self, call: Call, status: int) -> Refusal:
        return bad("Resource not found for the segment.", "BadRequest")

    # --- signing in ----------------------------------------------------------------------------------------------

    @route("POST", "/<tenant>/oauth2/v2.0/token", auth=False)
    def token(self, call: Call, tenant: str) -> Any:
        """A new refresh token with every renewal; the one before stays usable for a while."""
        form = call.form
        if form.get("client_id") != seed.CLIENT_ID or form.get("client_secret") != seed.CLIENT_SECRET:
            raise _oauth("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        if form.get("grant_type") != "refresh_token":
            raise _oauth("unsupported_grant_type", "AADSTS70003: The grant type is not supported.")
        if self.world.get("refresh", form.get("refresh_token", "")) is None:
            raise _oauth("invalid_grant", "AADSTS70000: The refresh token is malformed or has expired.")
        number = self.world.next_number("token")
        access, refresh = f"demo-access-token-{number}", f"demo-refresh-token-{number}"
        self.world.put("token", access, {"expires": self.now().timestamp() + 3600})
        answer = {
            "token_type": "Bearer",
            "scope": form.get("scope", ""),
            "expires_in": 3600,
            "access_token": access,
        }
        if "offline_access" not in form.get("scope", ""):
            return answer
        self.world.put("refresh", refresh, {"used": 0})
        return {**answer, "refresh_token": refresh}

    @route("GET", "/v1.0/me", query="$select")
    def me(self, call: Call) -> Any:
        return {
            "id": seed.ACCOUNT,
            "displayName": seed.NAME,
            "mail": seed.MAIL,
            "userPrincipalName": seed.MAIL,
        }

    # --- lists ---------------------------------------------------------------------------------------------------

    @route("GET", "/v1.0/me/todo/lists", query=PAGE)
    def lists(self, call: Call) -> Any:
        return self._page(call, "/v1.0/me/todo/lists", self.world.all("list"), self.shown_list)

    @route("POST", "/v1.0/me/todo/lists")
    def create_list(self, call: Call) -> Any:
        return Reply(self.shown_list(self.new_list(self._list_name(call))), 201)

    @route("GET", LIST, query="$select $expand")
    def one_list(self, call: Call, list_id: str) -> Any:
        return self.shown_list(self.list_of(list_id))

    @route("PATCH", LIST)
    def update_list(self, call: Call, list_id: str) -> Any:
        row = self.list_of(list_id)
        if row["wellknownListName"] != "none":
            raise bad("The built-in lists cannot be renamed.")
        row |= {"displayName": self._list_name(call), "seq": self.world.next_number("seq")}
        self.world.put("list", list_id, row)
        return self.shown_list(row)

    @route("DELETE", LIST)
    def delete_list(self, call: Call, list_id: str) -> Any:
        self.drop_list(self.list_of(list_id))
        return Reply(None, 204)

    def _list_name(self, call: Call) -> str:
        body = _object(call)
        if (
            set(body) != {"displayName"}
            or not isinstance(body["displayName"], str)
            or not body["displayName"]
        ):
            raise bad("A list takes a displayName.")
        return str(body["displayName"])

    # --- tasks ---------------------------------------------------------------------------------------------------

    @route("GET", TASKS, query=PAGE)
    def list_tasks(self, call: Call, list_id: str) -> Any:
        self.list_of(list_id)
        rows = self.world.where("task", lambda one: one["list"] == list_id)
        rows = self._filtered(call, self.visible(rows, "lastModifiedDateTime"))
        links = _expands_links(call)
        return self._page(
            call,
            f"/v1.0/me/todo/lists/{quote(list_id)}/tasks",
            rows,
            lambda one: self.shown_task(one, links=links),
        )

    @route("POST", TASKS)
    def create_task(self, call: Call, list_id: str) -> Any:
        task = self.make_task(list_id, _object(call))
        return Reply(self.shown_task(task, links=bool(task["linkedResources"])), 201)

    @route("GET", f"{TASKS}/<id>", query="$select $expand")
    def one_task(self, call: Call, list_id: str, id: str) -> Any:
        return self.shown_task(self.task(list_id, id), links=_expands_links(call))

    @route("PATCH", f"{TASKS}/<id>")
    def update_task(self, call: Call, list_id: str, id: str) -> Any:
        return self.shown_task(self.change_task(self.task(list_id, id), _object(call)))

    @route("DELETE", f"{TASKS}/<id>")
    def delete_task(self, call: Call, list_id: str, id: str) -> Any:
        self.drop_task(self.task(list_id, id))
        return Reply(None, 204)

    @route("GET", f"{TASKS}/delta()", query="$deltatoken $skiptoken $select $top $expand")
    def delta(self, call: Call, list_id: str) -> Any:
        """All tasks in the first round; then what changed since the token, removed ones included."""
        self.list_of(list_id)
        state = self._feed_state(call)
        kinds = ("task", "gone") if state["from"] else ("task",)
        rows = [
            row
            for kind in kinds
            for row in self.world.where(
                kind, lambda one: one["list"] == list_id and state["from"] < one["seq"] <= state["to"]
            )
        ]
        rows.sort(key=lambda one: int(one["seq"]))
        size = _page_size(call, 50)
        page, rest = rows[state["at"] : state["at"] + size], rows[state["at"] + size :]
        shown = [
            self.shown_task(one, links=state["links"]) if "title" in one else _removed(one) for one in page
        ]
        path = f"/v1.0/me/todo/lists/{quote(list_id)}/tasks/delta()"
        if rest:
            token = _packed({**state, "at": state["at"] + size})
            return {"@odata.nextLink": call.address(path, **{"$skiptoken": token}), "value": shown}
        token = _packed({"from": state["to"], "links": state["links"]})
        return {"@odata.deltaLink": call.address(path, **{"$deltatoken": token}), "value": shown}

    def _feed_state(self, call: Call) -> dict[str, Any]:
        latest = self.world.next_number("seq")
        if skip := call.query.get("$skiptoken"):
            return _unpacked(skip)
        if token := call.query.get("$deltatoken"):
            state = _unpacked(token)
            if state["from"] < (self.world.get("forgotten", "until") or {"seq": 0})["seq"]:
                raise Refusal(410, "The sync state generation is not found.", code="syncStateNotFound")
            return {**state, "to": latest, "at": 0}
        return {"from": 0, "to": latest, "at": 0, "links": _expands_links(call)}

    def forget_changes(self) -> None:
        """Every place in the feed that was handed out so far is too old from now on."""
        self.world.put("forgotten", "until", {"seq": self.world.next_number("seq")})

    def _filtered(self, call: Call, rows: Iterable[Document]) -> list[Document]:
        wanted = call.query.get("$filter")
        if wanted is None:
            return list(rows)
        found = _FILTER.fullmatch(wanted)
        if found is None:
            raise bad("Invalid filter clause.", "ErrorInvalidUrlQueryFilter")
        try:
            edge = datetime.fromisoformat(found[2])
        except ValueError:
            raise bad("Invalid filter clause.", "ErrorInvalidUrlQueryFilter") from None
        changed = [(datetime.fromisoformat(one["lastModifiedDateTime"]), one) for one in rows]
        return [one for at, one in changed if at > edge or (at == edge and found[1] == "ge")]

    def _page(
        self, call: Call, path: str, rows: Iterable[Document], show: Callable[[Document], dict[str, Any]]
    ) -> dict[str, Any]:
        skip, size = _number(call, "$skip", 0), _page_size(call, 10)
        all_rows = list(rows)
        answer: dict[str, Any] = {"value": [show(one) for one in all_rows[skip : skip + size]]}
        if len(all_rows) > skip + size:
            kept = {name: value for name, value in call.query.items() if name != "$skip"}
            answer["@odata.nextLink"] = call.address(path, **kept, **{"$skip": skip + size})
        return answer

    # --- batches -------------------------------------------------------------------------------------------------

    @route("POST", "/v1.0/$batch")
    def batch(self, call: Call) -> Any:
        asked = _object(call).get("requests")
        if not isinstance(asked, list) or not 1 <= len(asked) <= 20:
            raise bad("Number of batch request steps exceeds the maximum value of 20.", "BadRequest")
        return {"responses": [self._batched(one) for one in asked]}

    def _batched(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        parts = urlsplit(str(asked.get("url") or ""))
        found = re.fullmatch(r"/me/todo/lists/([^/]+)/tasks/([^/]+)", parts.path)
        if asked.get("method") != "GET" or found is None:
            raise bad("The stand-in batches reads of tasks only.", "BadRequest")
        fault = self.trouble.take("BATCHED", parts.path)
        links = parse_qs(parts.query).get("$expand") == ["linkedResources"]
        headers = {"Content-Type": "application/json"}
        try:
            if fault is not None:
                raise Refusal(fault.status, "Throttled inside the batch", headers=fault.headers)
            body: Any = self.shown_task(self.task(*(unquote(one) for one in found.groups())), links=links)
            status = 200
        except Refusal as refusal:
            body, status = self.refuse(refusal), refusal.status
            headers |= refusal.headers
        return {"id": str(asked.get("id")), "status": status, "headers": headers, "body": body}

    # --- categories ----------------------------------------------------------------------------------------------

    @route("GET", "/v1.0/me/outlook/masterCategories")
    def categories(self, call: Call) -> Any:
        return {"value": self.world.all("category")}

    @route("POST", "/v1.0/me/outlook/masterCategories")
    def create_category(self, call: Call) -> Any:
        body = self._category(call)
        name = str(body.get("displayName") or "")
        if not name:
            raise bad("displayName is required.")
        if self.world.where("category", lambda one: one["displayName"].casefold() == name.casefold()):
            raise Refusal(409, "The category exists already.", code="CategoryAlreadyExists")
        id = f"5d7a1f50-1b0e-4d0e-8c55-{self.world.next_number('category', 100):012d}"
        row = {"id": id, "displayName": name, "color": body.get("color", "none")}
        self.world.put("category", id, row)
        return Reply(row, 201)

    @route("DELETE", "/v1.0/me/outlook/masterCategories/<id>")
    def delete_category(self, call: Call, id: str) -> Any:
        if not self.world.drop("category", id):
            raise missing()
        return Reply(None, 204)

    def _category(self, call: Call) -> dict[str, Any]:
        body = _object(call)
        if not set(body) <= {"displayName", "color"}:
            raise bad("A property of the category cannot be written.")
        if not re.fullmatch(r"none|preset(1?\d|2[0-4])", str(body.get("color", "none"))):
            raise bad("Requested value was not found.")
        return body

    # --- subscriptions -------------------------------------------------------------------------------------------

    @route("GET", "/v1.0/subscriptions")
    def list_subscriptions(self, call: Call) -> Any:
        return {"value": [_subscription(one) for one in self._live_subscriptions()]}

    @route("POST", "/v1.0/subscriptions")
    def subscribe(self, call: Call) -> Any:
        body = _object(call)
        allowed = {
            "changeType", "notificationUrl", "lifecycleNotificationUrl", "resource", "expirationDateTime", "clientState",
            "latestSupportedTlsVersion",
        }  # fmt: skip
        if not set(body) <= allowed or not all(
            body.get(k) for k in ("changeType", "notificationUrl", "resource")
        ):
            raise bad("Subscription validation request failed.", "InvalidRequest")
        found = re.fullmatch(r"/?(me/todo/lists/([^/]+)/tasks)", str(body["resource"]))
        if found is None:
            raise bad("The resource is not supported.", "ExtensionError")
        self.list_of(found[2])
        if len(str(body.get("clientState") or "")) > 128:
            raise bad("clientState is too long.", "InvalidRequest")
        end = self._expiration(body.get("expirationDateTime"))
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if body.get(name):
                _ask(str(body[name]))
        id = f"7f105c7d-2dc5-4530-97cd-{self.world.next_number('subscription'):012d}"
        row = {
            **body,
            "id": id,
            "url": body["notificationUrl"],
            "resource": found[1],
            "expirationDateTime": end,
        }
        self.world.put("subscription", id, {"clientState": None, **row})
        return Reply(_subscription(row), 201)

    @route("PATCH", "/v1.0/subscriptions/<id>")
    def renew(self, call: Call, id: str) -> Any:
        row, body = self._subscription(id), _object(call)
        if set(body) != {"expirationDateTime"}:
            raise bad("Only expirationDateTime can be changed.", "InvalidRequest")
        row["expirationDateTime"] = self._expiration(body["expirationDateTime"])
        self.world.put("subscription", id, row)
        return _subscription(row)

    @route("POST", "/v1.0/subscriptions/<id>/reauthorize")
    def reauthorize(self, call: Call, id: str) -> Any:
        self._subscription(id)
        return Reply(None, 204)

    @route("DELETE", "/v1.0/subscriptions/<id>")
    def unsubscribe(self, call: Call, id: str) -> Any:
        self.world.drop("subscription", self._subscription(id)["id"])
        return Reply(None, 204)

    def _subscription(self, id: str) -> Document:
        found = next((one for one in self._live_subscriptions() if one["id"] == id), None)
        if found is None:
            raise Refusal(404, "The object was not found.", code="ResourceNotFound")
        return dict(found)

    def _live_subscriptions(self) -> list[Document]:
        now = self.now()
        return self.world.where(
            "subscription", lambda one: datetime.fromisoformat(one["expirationDateTime"]) > now
        )

    def _expiration(self, value: Any) -> str:
        try:
            end = datetime.fromisoformat(str(value))
        except ValueError:
            raise bad("expirationDateTime is not valid.", "InvalidRequest") from None
        if end.tzinfo is None or not timedelta(0) < end - self.now() <= MAX_LIFETIME:
            raise bad("Subscription expiration can only be 4230 minutes in the future.", "InvalidRequest")
        return end.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        change, _, resource = event.partition(" ")
        return [
            one
            for one in self._live_subscriptions()
            if one["resource"] == resource and change in one["changeType"].split(",")
        ]

    def contract_fixture(self) -> ContractFixture:
        shop = seed.LISTS[1][0]
        task = {
            "title": "Order new aprons",
            "body.content": "<p>Blue, as before:</p><ul><li>four in M</li><li>two in L</li></ul>",
            "status": "inProgress",
            "importance": "high",
            "categories": ["Suppliers"],
            "hub.due_on": "2026-12-18",
            "hub.start_on": "2026-12-07",
            "hub.list": shop,
        }
        return ContractFixture(
            base_url="{root}/v1.0",
            settings={"tenant": "common", "login_url": "{root}", "list_id": shop},
            secrets={
                "client_id": seed.CLIENT_ID,
                "client_secret": seed.CLIENT_SECRET,
                "refresh_token": seed.REFRESH_TOKEN,
                "access_token": seed.ACCESS_TOKEN,
            },
            samples={
                "task": task,
                "list": {"displayName": "Easter"},
                "category": {"displayName": "Customers", "hub.colour": "#47d041"},
            },
            edits={
                "task": {"title": "Order new aprons and caps"},
                "list": {"displayName": "Easter baking"},
            },
            kinds={"task": "task", "list": "list", "category": "category"},
        )


# --- reading requests --------------------------------------------------------------------------------------------


def _object(call: Call) -> dict[str, Any]:
    if call.headers.get("Content-Type", "").split(";")[0] != "application/json":
        raise bad("The request must be JSON.", "BadRequest")
    if not isinstance(call.json, dict):
        raise bad("The body must be a JSON object.", "BadRequest")
    return dict(call.json)


def _oauth(error: str, words: str, status: int = 400) -> Refusal:
    return Refusal(status, body={"error": error, "error_description": words, "error_codes": [70000]})


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdigit():
        raise bad(f"Invalid value for {name}.", "BadRequest")
    return int(text)


def _page_size(call: Call, default: int) -> int:
    found = re.search(r"odata\.maxpagesize=(\d+)", call.headers.get("Prefer", ""))
    size = int(found[1]) if found else _number(call, "$top", default)
    if not 1 <= size <= MAX_TOP:
        raise bad("Invalid page size.", "BadRequest")
    return size


def _expands_links(call: Call) -> bool:
    wanted = [part for part in call.query.get("$expand", "").split(",") if part]
    if not set(wanted) <= {"linkedResources", "checklistItems"}:
        raise bad("Could not find a property to expand.", "BadRequest")
    return "linkedResources" in wanted


def _removed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"@removed": {"reason": "deleted"}, "id": row["id"]}


def _packed(state: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(state)).decode()


def _unpacked(token: str) -> dict[str, Any]:
    try:
        return dict(orjson.loads(base64.urlsafe_b64decode(token)))
    except (ValueError, binascii.Error):
        raise bad("Badly formed token.", "BadRequest") from None


def _subscription(row: Mapping[str, Any]) -> dict[str, Any]:
    """As Graph shows it: the client state is never told again."""
    names = (
        "id",
        "resource",
        "changeType",
        "notificationUrl",
        "lifecycleNotificationUrl",
        "expirationDateTime",
    )
    shown = {name: row.get(name) for name in names if row.get(name) is not None}
    return {**shown, "clientState": None, "applicationId": seed.CLIENT_ID, "creatorId": seed.ACCOUNT}


def _ask(url: str) -> None:
    """The handshake of a new subscription. Port 9 (discard) is let through: tests register it to see what is sent."""
    parts = urlsplit(url)
    if parts.port == 9:
        return
    token = "Validation: Testing client application reachability for subscription+1"  # noqa: S105
    try:
        answer = requests.post(
            url, params={"validationToken": token}, headers={"Content-Type": "text/plain"}, timeout=10, allow_redirects=False
        )  # fmt: skip
        is_right = answer.status_code == 200 and answer.text == token
        is_right = is_right and answer.headers.get("Content-Type", "").startswith("text/plain")
    except requests.RequestException:
        is_right = False
    if not is_right:
        raise bad("Subscription validation request failed. The token was not echoed.", "ValidationError")


VENDOR = MicrosoftTodo
