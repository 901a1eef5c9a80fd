"""Takes secrets out of what is logged: headers, addresses and bodies, by the names of their keys."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

HIDDEN = "[hidden]"
BODY_LIMIT = 16 * 1024

_SECRET_WORDS = re.compile(
    r"(?:^|[-_.\s])(?:access|refresh|id|auth|oauth|api|csrf|x)?[-_]?(?:token|secret|passw(?:or)?d|passphrase|pwd|authorization|"
    r"credentials?|cookie|signature|signing[-_]?key|api[-_]?key|app[-_]?key|private[-_]?key|consumer[-_]?key|"
    r"client[-_]?assertion|jwt|session[-_]?id|bearer)s?(?:$|[-_.\s])",
    re.IGNORECASE,
)
_EXACT = {
    "key",
    "sig",
    "auth",
    "assertion",
    "code_verifier",
    "apikey",
    "clientid",
    "cookie",
    "set-cookie",
    "otp",
    "pin",
}
_NOT_SECRET = re.compile(
    r"(?:next|prev(?:ious)?|page|sync|continuation|skip|delta)[-_]?(?:page)?[-_]?token",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IN_TEXT = re.compile(
    r"(?i)(\b(?:bearer|basic|oauth|token)\s+)[A-Za-z0-9+/=_\-.~]{8,}"
    r"|((?:access_token|refresh_token|client_secret|api_?key|token|secret|password|signature)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]{3,}"
)


def is_secret_key(name: str) -> bool:
    """Whether a value under this name must never be shown. Errs on hiding; paging tokens stay readable."""
    plain = _CAMEL.sub("_", name).strip().lower()
    if _NOT_SECRET.fullmatch(plain):
        return False
    return plain in _EXACT or name.strip().lower() in _EXACT or bool(_SECRET_WORDS.search(plain))


def redact_headers(headers: Mapping[str, Any], also: Container[str] = ()) -> dict[str, str]:
    """``also`` are further names, in lower case, under which a credential was put."""
    return {
        name: HIDDEN if name.lower() in also or is_secret_key(name) else redact_text(str(value))
        for name, value in headers.items()
    }


def redact_url(url: str, also: Container[str] = ()) -> str:
    """The address without credentials: user part removed, secret query values (and those named ``also``) hidden."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rsplit("@", 1)[-1]
        pairs = [
            (k, HIDDEN if k.lower() in also or is_secret_key(k) else v)
            for k, v in parse_qsl(parts.query, keep_blank_values=True)
        ]
    except ValueError:
        return HIDDEN
    return urlunsplit((parts.scheme, host, parts.path, urlencode(pairs, safe="[]:,"), ""))


def redact_text(text: str) -> str:
    """Hides what looks like a credential inside free text."""
    return _IN_TEXT.sub(lambda match: (match.group(1) or match.group(2)) + HIDDEN, text)


class _Enough(Exception):
    """As much was copied as will be kept."""


class _Copy:
    """A copy with secret members hidden, which ends once ``room`` characters are surely reached."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.top: list[Any] = []

    def take(self, value: Any) -> Any:
        """The copy, or as much of it as there was room for. ``room`` below 0 then says that it is not whole."""
        with suppress(_Enough):
            self._into(self.top.append, value, 0)
        return self.top[0]

    def _into(self, put: Callable[[Any], None], value: Any, depth: int) -> None:
        if isinstance(value, dict | list | tuple):
            if depth > 30:
                put("…")
            elif isinstance(value, dict):
                made: dict[str, Any] = {}
                put(made)
                self._members(made, value, depth)
            else:
                copies: list[Any] = []
                put(copies)
                for item in value:
                    self._into(copies.append, item, depth + 1)
            return
        text = redact_text(value) if isinstance(value, str) else value
        put(text)
        self._spend(len(text) if isinstance(text, str) else 1)

    def _members(self, made: dict[str, Any], value: Mapping[Any, Any], depth: int) -> None:
        for key, member in value.items():
            name = str(key)
            self._spend(len(name))
            if is_secret_key(name) and member not in (None, "", False):
                made[name] = HIDDEN
                self._spend(len(HIDDEN))
            else:
                self._into(partial(made.__setitem__, name), member, depth + 1)

    def _spend(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise _Enough


def redact_data(value: Any) -> Any:
    """A copy of a JSON value with secret members hidden; very deep parts are left out."""
    return _Copy(math.inf).take(value)


def cut(value: Any, limit: int = BODY_LIMIT) -> Any:
    """The value itself if it is small as JSON, else the beginning of its text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    if len(text) <= limit:
        return value
    return text[:limit] + f"… ({len(text)} characters)"


def redact_body(body: Any, content_type: str = "") -> Any:
    """A request's or answer's body as it may be kept: JSON and forms by key, other text by pattern, cut to 16 KB."""
    if body is None:
        return None
    if isinstance(body, bytes):
        body = (
            body[: 4 * BODY_LIMIT].decode("utf-8", "replace")
            if "json" not in content_type
            else body.decode("utf-8", "replace")
        )
    size = len(body) if isinstance(body, str) else 0
    if isinstance(body, str):
        body = _parsed(body, content_type)
    copy = _Copy(BODY_LIMIT)  # a page of a listing is large, and only its beginning is kept
    kept = copy.take(body)
    if copy.room >= 0:
        return cut(kept)
    text = kept if isinstance(kept, str) else orjson.dumps(kept, default=str).decode()
    return text[:BODY_LIMIT] + f"… ({max(size, len(text))} characters)"


def _parsed(text: str, content_type: str) -> Any:
    if "json" in content_type or text[:1] in "{[":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    if "x-www-form-urlencoded" in content_type:
        return dict(parse_qsl(text, keep_blank_values=True))
    return text
