"""Small readings of answers and paths that clients share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from .errors import ContractBroken, SyncError
from .paths import MISSING, read_path
from .types import Check


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """The template with each ``{name}`` percent-encoded as one path segment; ``.`` and ``..`` are refused."""
    parts: list[str] = []
    rest = template
    while rest:
        before, brace, after = rest.partition("{")
        parts.append(before)
        if not brace:
            break
        name, closing, rest = after.partition("}")
        value = values.get(name)
        if not closing or value in (None, ""):
            raise ContractBroken(f"The path {template!r} needs {name!r}.", code="internal")
        text = str(value)
        if text in (".", ".."):
            raise ContractBroken(f"{text!r} cannot be used in a path.", code="validation")
        parts.append(quote(text, safe=""))
    return "".join(parts)


def rows_in(body: Any, path: str, what: str) -> list[Any]:
    """Rows at ``path``; ``*`` as last step takes an object's values. Raises ``ContractBroken``."""
    takes_values = path == "*" or path.endswith(".*")
    found = read_path(body, path[:-1].rstrip(".") if takes_values else path)
    if takes_values and isinstance(found, dict):
        found = list(found.values())
    if found is MISSING or not isinstance(found, list):
        raise ContractBroken(f"The listing of {what} holds no list{f' at {path!r}' if path else ''}.")
    return found


def fingerprint(rows: Sequence[Any]) -> str:
    """A short digest of a page, by which a repeated page is noticed; "" for an empty page."""
    return digest(rows)[:16] if rows else ""


def digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def failed_check(error: SyncError) -> Check:
    """A classified failure as a line of the connection test, with what to do about it."""
    name, fix = {
        "auth": ("authenticated", "Make a new token and enter it again."),
        "permission": (
            "may_read",
            "Give the account access, or use a token with more rights.",
        ),
        "missing": (
            "may_read",
            "Check the container's id and that the account may see it.",
        ),
        "rate_limit": ("rate_limit", "Wait a little and test again."),
        "contract": ("reachable", "Check the base address."),
    }.get(error.code, ("reachable", "Check the address and whether the service is up."))
    return Check(name, False, error.message, fix)
