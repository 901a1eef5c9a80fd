"""Takes secrets out of what is logged: headers, addresses and bodies, by the names of their keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    return plain in _EXACT or bool(_SECRET_WORDS.search(plain))


def redact_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: HIDDEN if is_secret_key(name) else redact_text(str(value)) for name, value in headers.items()
    }


def redact_url(url: str) -> str:
    """The address without credentials: user part removed, secret query values hidden."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rsplit("@", 1)[-1]
        pairs = [
            (k, HIDDEN if is_secret_key(k) else v) for k, v in parse_qsl(parts.query, keep_blank_values=True)
        ]
    except ValueError:
        return HIDDEN
    return urlunsplit((parts.scheme, host, parts.path, urlencode(pairs, safe="[]:,"), ""))


def redact_text(text: str) -> str:
    """Hides what looks like a credential inside free text."""
    return _IN_TEXT.sub(lambda match: (match.group(1) or match.group(2)) + HIDDEN, text)


def redact_data(value: Any, *, depth: int = 0) -> Any:
    """A copy of a JSON value with secret members hidden; very deep parts are left out."""
    if depth > 30:
        return "…"
    if isinstance(value, Mapping):
        return {
            str(k): HIDDEN
            if is_secret_key(str(k)) and v not in (None, "", False)
            else redact_data(v, depth=depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_data(item, depth=depth + 1) for item in value]
    if isinstance(value, str):
        return redact_text(value)
    return value


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
    if isinstance(body, str):
        body = _parsed(body, content_type)
    return cut(redact_data(body))


def _parsed(text: str, content_type: str) -> Any:
    if "json" in content_type or text[:1] in "{[":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    if "x-www-form-urlencoded" in content_type:
        return dict(parse_qsl(text, keep_blank_values=True))
    return text
