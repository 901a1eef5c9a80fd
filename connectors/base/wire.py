"""Parts of a request and of what may go wrong with it; used by the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
import requests
from urllib3.exceptions import NewConnectionError

from .auth import Outgoing
from .errors import ConfigurationProblem, Exchange, Retryable, SyncError
from .guard import ForbiddenAddress

MAX_JSON_DEPTH = 64

Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | None


@dataclass
class Call:
    """The parts of a request, kept so that it can be built anew after a token refresh."""

    method: str
    url: str
    params: list[tuple[str, str]]
    json: Any
    form: Mapping[str, Any] | None
    headers: dict[str, str]

    def outgoing(self, common: Mapping[str, str]) -> Outgoing:
        headers = {**common, **self.headers}
        body: bytes | None = None
        if self.json is not None:
            body = orjson.dumps(self.json)
            headers.setdefault("Content-Type", "application/json")
        elif self.form is not None:
            body = urlencode(pairs_of(self.form)).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        for name, value in headers.items():
            if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
                raise ConfigurationProblem(f"The header {name!r} contains a line break.")
        return Outgoing(self.method, self.url, list(self.params), headers, body)


def pairs_of(params: Params) -> list[tuple[str, str]]:
    """Query pairs; None values are left out, lists repeat the name, booleans become true/false."""
    items = list(params.items()) if isinstance(params, Mapping) else list(params or ())
    pairs: list[tuple[str, str]] = []
    for name, value in items:
        for single in value if isinstance(value, list | tuple) else [value]:
            if single is not None:
                pairs.append(
                    (
                        name,
                        str(single).lower() if isinstance(single, bool) else str(single),
                    )
                )
    return pairs


def with_query(url: str, params: Sequence[tuple[str, str]]) -> str:
    if not params:
        return url
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def parsed_or_none(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


_NESTS = frozenset({dict, list})


def is_shallow(body: Any) -> bool:
    """False for parsed JSON that is nested deeper than anything a vendor means."""
    level: list[Any] = [body] if type(body) in _NESTS else []
    for _ in range(MAX_JSON_DEPTH):
        level = [
            child
            for value in level
            for child in (value.values() if type(value) is dict else value)
            if type(child) in _NESTS
        ]
        if not level:
            return True
    return False


def network_failure(error: Exception, is_repeatable: bool, exchange: Exchange) -> SyncError:
    """A request without a whole answer: was it sent, and may it be sent again?"""
    reasons = list(_causes(error))
    if any(isinstance(reason, ForbiddenAddress) for reason in reasons):
        return ConfigurationProblem(
            "Addresses inside a private network are not allowed here.",
            exchange=exchange,
        )
    if any(isinstance(reason, requests.exceptions.SSLError) for reason in reasons):
        return ConfigurationProblem(
            "The service's TLS certificate cannot be trusted.",
            code="network",
            exchange=exchange,
        )
    was_not_sent = any(isinstance(reason, NewConnectionError | requests.ConnectTimeout) for reason in reasons)
    is_timeout = any(isinstance(reason, requests.Timeout | TimeoutError) for reason in reasons)
    return Retryable(
        "The service did not answer in time." if is_timeout else "The connection to the service failed.",
        code="timeout" if is_timeout else "network",
        ambiguous=not is_repeatable and not was_not_sent,
        exchange=exchange,
    )


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    seen: set[int] = set()
    todo: list[Any] = [error]
    while todo:
        current = todo.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        todo += [
            current.__cause__,
            current.__context__,
            getattr(current, "reason", None),
            *current.args,
        ]
