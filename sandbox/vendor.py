"""The base of a stand-in. ``sandbox/README.md`` tells how one is written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import orjson
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from .faults import Fault, Trouble
from .hooks import Delivery, Sender
from .store import Document, Store, World
from .web import Call, Refusal, Reply, Route

MAX_LOGGED_REQUESTS = 2000


@dataclass(frozen=True)
class Sheet:
    """One kind of record on the hand-editing page. ``kind`` is the world's kind; ``fields`` are shown and edited."""

    kind: str
    label: str
    fields: tuple[SheetField, ...]
    title: str = "name"  # path of the column that links to the form


@dataclass(frozen=True)
class SheetField:
    """``input``: text, area, number, date, check, choice (``choices``: value → label), tags, or show (read only)."""

    name: str
    label: str
    input: str = "text"
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Logged:
    """One request as the stand-in received it; for assertions. ``headers`` names are lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any
    status: int = 0
    answer: Any = None
    is_fault: bool = False  # the answer is what a test asked for, not what the vendor would say


@dataclass(frozen=True)
class ContractFixture:
    """How the shared contract suite opens a client on this stand-in.

    ``base_url`` may hold ``{root}``, the stand-in's address. ``samples`` gives per resource the fields of a create
    (external path → vendor value); ``parents`` the parent id of a child resource; ``edits`` what the suite changes;
    ``refused`` the paths that an account set up like this one lets nobody edit.
    """

    base_url: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, Any]
    samples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    webhook_secret: str = "contract-webhook-secret"  # noqa: S105
    slug: str = ""  # the connector's slug, if it differs from the stand-in's
    kinds: Mapping[str, str] = field(default_factory=dict)  # resource → kind in the world
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Vendor:
    """A stand-in of one API. Subclass: class attributes, ``seed``, ``authenticate`` and ``@route`` handlers.

    Handlers run with the world's lock held and answer a JSON value, a ``Reply``, or raise ``Refusal``.
    """

    slug: ClassVar[str]
    name: ClassVar[str]
    colour: ClassVar[str] = "#334155"
    tagline: ClassVar[str] = ""
    webhook_retry_delays: ClassVar[tuple[float, ...]] = ()
    limit_per_minute: ClassVar[int] = 0

    def __init__(self, store: Store, sender: Sender, clock: Any = None) -> None:
        self.world: World = store.world(self.slug)
        self.sender = sender
        self.trouble = Trouble()
        self.requests: list[Logged] = []
        self.listeners: list[Callable[[Logged], None]] = []  # told of every request once it is answered
        self.__clock = clock or (lambda: datetime.now(UTC))
        self.__window: tuple[int, int] = (0, 0)
        self.__routes = self.__make_routes()
        if self.world.is_empty:
            self.seed()
        self.__seeded = self.world.changes

    # --- what a vendor says ----------------------------------------------------------------------------------------

    def seed(self) -> None:
        """Puts the first records into the world; called when it is empty and on reset."""

    def authenticate(self, call: Call) -> str:
        """The account id of the caller. Raises ``Refusal(401)``."""
        return ""

    def refuse(self, refusal: Refusal) -> Any:
        """The vendor's error body."""
        return {"message": refusal.message}

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        """Headers of every answer, such as the limits."""
        return {}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        return Refusal(429, "Too many requests", headers={"Retry-After": str(retry_after)})

    def sheets(self) -> tuple[Sheet, ...]:
        """Kinds that the hand-editing page shows."""
        return ()

    def page(self, request: Request, path: str) -> Response | None:
        """The stand-in's own page below ``/ui``; None for the hand-editing page made from ``sheets``."""
        return None

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """A person of the vendor's side makes (id None) or changes a record; webhooks included. Answers the id."""
        raise NotImplementedError

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        """A person of the vendor's side deletes a record; webhooks included."""
        raise NotImplementedError

    def contract_fixture(self) -> ContractFixture | None:
        """Lets the shared contract suite run against this stand-in; None leaves it out."""
        return None

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        """Who is told of the event: documents with at least ``url``."""
        return []

    def reads_by_post(self, entry: Logged) -> bool:
        """True for a POST that only reads (a search, a batch of gets, a query): it counts as no write."""
        return False

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        """Headers of a webhook, the signature included."""
        return {}

    # --- for handlers ----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        moment: datetime = self.__clock()
        return moment + timedelta(seconds=self.trouble.knobs.clock_offset_seconds)

    def stamp(self, *, ms: bool = False) -> str:
        return self.now().isoformat(timespec="milliseconds" if ms else "seconds").replace("+00:00", "Z")

    def visible(self, documents: Iterable[Document], changed_at: str) -> list[Document]:
        """For lists: leaves out what changed within the lag that a test asked for."""
        lag = self.trouble.knobs.list_lag_seconds
        if not lag:
            return list(documents)
        edge = self.now() - timedelta(seconds=lag)
        return [one for one in documents if datetime.fromisoformat(str(one[changed_at])) <= edge]

    def emit(self, event: str, payload: Any, *, content_type: str = "application/json") -> None:
        """Queues the webhook for every subscription of the event."""
        if not self.trouble.knobs.webhooks_on:
            return
        for subscription in self.subscriptions(event):
            value = payload(subscription) if callable(payload) else payload
            body = value if isinstance(value, bytes) else orjson.dumps(value)
            headers = {
                "Content-Type": content_type,
                "User-Agent": f"{self.name}-sandbox",
                **self.sign(subscription, body, event=event),
            }
            self.sender.send(
                Delivery(
                    self.slug,
                    str(subscription["url"]),
                    body,
                    headers,
                    event,
                    retry_delays=self.webhook_retry_delays,
                )
            )

    @property
    def is_fresh(self) -> bool:
        """True if nothing happened since the seed, so that there is nothing to reset."""
        return (
            self.world.changes == self.__seeded
            and not self.requests
            and not self.listeners
            and self.trouble.is_clear
        )

    def reset(self) -> None:
        """Back to the seed: records, faults, knobs, logs."""
        with self.world.lock:
            self.world.clear()
            self.trouble.clear()
            self.requests.clear()
            self.sender.forget(self.slug)
            self.__window = (0, 0)
            self.seed()
            self.__seeded = self.world.changes

    def fail(self, kind: str = "status", **options: Any) -> None:
        """Asks for a fault; see ``faults.Fault``."""
        self.trouble.add(Fault(kind, **options))  # type: ignore[arg-type]

    def turn(self, **knobs: Any) -> None:
        self.trouble.turn(knobs)

    # --- serving ----------------------------------------------------------------------------------------------------

    def serve(self, request: Request, path: str) -> Response:
        call = Call(request, self, path, self.now())
        logged = self.__log(call)
        response = self.__serve(call, logged)
        for listen in self.listeners:
            listen(logged)
        return response

    def __serve(self, call: Call, logged: Logged) -> Response:
        request, path = call.request, call.path
        if self.trouble.knobs.latency_ms:
            time.sleep(self.trouble.knobs.latency_ms / 1000)
        fault = self.trouble.take(request.method, path)
        if fault is not None and fault.when == "before":
            return self.__misbehave(call, fault, logged)
        reply = self.__answer(call)
        if fault is not None:
            return self.__misbehave(call, fault, logged)
        return self.__response(call, reply, logged)

    def __answer(self, call: Call) -> Reply:
        try:
            remaining = self.__count_request(call)
            call.reply_headers |= self.headers(call, remaining=remaining)
            if remaining < 0:
                raise self.too_many(call, retry_after=60 - int(call.now.timestamp()) % 60)
            endpoint, values = self.__match(call)
            with self.world.lock:
                answer = endpoint(call, **values)
        except Refusal as refusal:
            body = refusal.body if refusal.body is not None else self.refuse(refusal)
            return Reply(body, refusal.status, refusal.headers)
        return answer if isinstance(answer, Reply) else Reply(answer)

    def __match(self, call: Call) -> tuple[Any, dict[str, Any]]:
        adapter = self.__routes.bind("sandbox", path_info=call.path)
        try:
            (handler_name, spec), values = adapter.match(method=call.method)
        except MethodNotAllowed:
            raise self.no_route(call, 405) from None
        except (NotFound, HTTPException):
            raise self.no_route(call, 404) from None
        if spec.auth:
            call.actor = self.authenticate(call)
        self.check_query(call, spec)
        return getattr(self, handler_name), {
            name: value.replace("%2F", "/") if isinstance(value, str) else value
            for name, value in values.items()
        }

    def no_route(self, call: Call, status: int) -> Refusal:
        return Refusal(
            status,
            "Not Found" if status == 404 else "Method Not Allowed",
            code="no_route",
        )

    def check_query(self, call: Call, spec: Route) -> None:
        """Refuses unknown and missing query parameters. Override where the vendor is known to ignore them."""
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query:
                    raise Refusal(
                        422,
                        f"{name} is not a permitted parameter",
                        code="unknown_parameter",
                        field=name,
                    )
        for name in spec.required:
            if name not in call.query:
                raise Refusal(422, f"{name} is required", code="missing_parameter", field=name)

    def __count_request(self, call: Call) -> int:
        """Requests left in this minute; negative when refused. Without a limit always 1000."""
        limit = self.trouble.knobs.limit_per_minute or self.limit_per_minute
        if not limit:
            return 1000
        minute = int(call.now.timestamp()) // 60
        with self.world.lock:
            started, used = self.__window
            used = used + 1 if started == minute else 1
            self.__window = (minute, used)
        return limit - used

    def __misbehave(self, call: Call, fault: Fault, logged: Logged) -> Response:
        logged.is_fault = True
        match fault.kind:
            case "html":
                page = b"<!doctype html><title>Sign in</title><h1>Please sign in</h1>"
                return self.__response(call, Reply(page, 200, {"Content-Type": "text/html"}), logged)
            case "empty":
                return self.__response(call, Reply(None, 200), logged)
            case "hang_up" | "stall":
                if fault.seconds:
                    time.sleep(fault.seconds)
                hang_up(call.request)
                logged.status = 0
                return Response(status=500)
        body = (
            fault.body
            if fault.body is not None
            else self.refuse(Refusal(fault.status, "Something went wrong"))
        )
        return self.__response(call, Reply(body, fault.status, dict(fault.headers)), logged)

    def __response(self, call: Call, reply: Reply, logged: Logged) -> Response:
        headers = {
            "Date": format_datetime(self.now(), usegmt=True),
            **call.reply_headers,
            **reply.headers,
        }
        content = (
            reply.body
            if isinstance(reply.body, bytes)
            else b""
            if reply.body is None
            else orjson.dumps(reply.body, default=str)
        )
        if content and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json; charset=utf-8"
        logged.status, logged.answer = (
            reply.status,
            None if isinstance(reply.body, bytes) else reply.body,
        )
        return Response(content, status=reply.status, headers=headers)

    def __log(self, call: Call) -> Logged:
        try:
            body = orjson.loads(call.raw) if call.raw else None
        except orjson.JSONDecodeError:
            body = call.raw.decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in call.headers.items()}
        logged = Logged(call.method, call.path, call.query_lists, headers, body)
        self.requests = [*self.requests[-MAX_LOGGED_REQUESTS:], logged]
        return logged

    def __make_routes(self) -> Map:
        rules = []
        for name in dir(type(self)):
            for spec in getattr(getattr(type(self), name), "sandbox_routes", ()):
                rules.append(Rule(spec.path, methods=[spec.method], endpoint=(name, spec)))
        return Map(rules, strict_slashes=False, redirect_defaults=False)


def hang_up(request: Request) -> None:
    """Closes the connection so that the caller gets no answer at all."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(2)
