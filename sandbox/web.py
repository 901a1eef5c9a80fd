"""What a stand-in is written with: routes, calls, replies and refusals, with strictness built in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import orjson
from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from .vendor import Vendor

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Route:
    """One path of the API. ``query`` names the parameters it takes (others are refused); None takes any."""

    method: str
    path: str
    query: frozenset[str] | None = frozenset()
    auth: bool = True
    required: frozenset[str] = frozenset()


def route(
    method: str,
    path: str,
    *,
    query: str | None = "",
    required: str = "",
    auth: bool = True,
) -> Callable[[Handler], Handler]:
    """Marks a method of a ``Vendor`` as the handler of a path (werkzeug syntax: ``/cards/<id>``).

    ``query`` and ``required`` are space-separated names; ``query=None`` allows any.
    """
    allowed = None if query is None else frozenset(query.split()) | frozenset(required.split())

    def mark(handler: Handler) -> Handler:
        spec = Route(method, path, allowed, auth, frozenset(required.split()))
        setattr(handler, "sandbox_routes", (*getattr(handler, "sandbox_routes", ()), spec))  # noqa: B010
        return handler

    return mark


@dataclass
class Reply:
    """An answer with more than a body. ``body``: JSON value, bytes as they are, or None for no body."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The request is refused. ``body`` None lets the vendor make its own error body from ``message`` and ``code``."""

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        code: str = "",
        field: str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.field = status, message, code, field
        self.body = body
        self.headers = dict(headers or {})


class Call:
    """One request, as a handler sees it."""

    def __init__(self, request: Request, vendor: Vendor, path: str, now: datetime) -> None:
        self.request = request
        self.vendor = vendor
        self.method = request.method
        self.path = path
        self.query: dict[str, str] = {name: values[-1] for name, values in request.args.lists()}
        self.query_lists: dict[str, list[str]] = dict(request.args.lists())
        self.headers = request.headers
        self.now = now
        self.actor = ""  # id of the account, set by the vendor's ``authenticate``
        self.reply_headers: dict[str, str] = {}

    @cached_property
    def raw(self) -> bytes:
        return self.request.get_data(cache=True)

    @cached_property
    def json(self) -> Any:
        """The JSON body; refused as the vendor refuses a malformed one."""
        if not self.raw:
            return None
        try:
            return orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            raise Refusal(400, "Problems parsing JSON", code="malformed") from None

    @cached_property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self.request.form.lists()}

    def object(self, *, allowed: str | None = None, required: str = "") -> dict[str, Any]:
        """The body as a JSON object; unknown and missing members are refused (422, naming the field)."""
        body = self.json
        if not isinstance(body, dict):
            raise Refusal(400, "Body should be a JSON object", code="malformed")
        for name in body:
            if allowed is not None and name not in allowed.split():
                raise Refusal(
                    422,
                    f"{name} is not a permitted key",
                    code="unknown_field",
                    field=name,
                )
        for name in required.split():
            if body.get(name) in (None, ""):
                raise Refusal(422, f"{name} is required", code="missing_field", field=name)
        return body

    def number(
        self,
        name: str,
        default: int,
        *,
        low: int = 0,
        high: int | None = None,
        clamp: bool = False,
    ) -> int:
        """A whole-number query parameter. Out of bounds is refused, or cut to the bound where the vendor does so."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.lstrip("-").isdigit():
            raise Refusal(422, f"{name} must be an integer", code="invalid", field=name)
        value = int(text)
        if clamp:
            return max(low, value if high is None else min(high, value))
        if value < low or (high is not None and value > high):
            raise Refusal(
                422,
                f"{name} must be between {low} and {high}",
                code="invalid",
                field=name,
            )
        return value

    def choice(self, name: str, default: str, choices: str) -> str:
        value = self.query.get(name, default)
        if value not in choices.split():
            raise Refusal(422, f"{name} must be one of {choices}", code="invalid", field=name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.query.get(name)
        if value is None:
            return default
        if value not in ("true", "false"):
            raise Refusal(422, f"{name} must be true or false", code="invalid", field=name)
        return value == "true"

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 instant with offset from the query."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise Refusal(422, f"{name} must be an ISO 8601 instant", code="invalid", field=name)
        return moment

    def address(self, path: str | None = None, **query: Any) -> str:
        """A full address of this stand-in, as its answers carry them."""
        base = (
            self.request.host_url.rstrip("/") + f"/{self.vendor.slug}" + (self.path if path is None else path)
        )
        return f"{base}?{urlencode(query)}" if query else base
