"""Turns a vendor's answer into what to do next: one table for all, with rules a connector puts before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from .errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    Exchange,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
    SyncError,
)
from .paths import MISSING, read_path
from .redact import redact_text
from .times import parse_retry_after


class Reaction(StrEnum):
    """What an answer means. The names are those of the Generic REST configuration, plus a few."""

    OK = "ok"
    IGNORE = "ignore"  # as ok, for answers whose failure does not matter
    RETRY = "retry"
    RATE_LIMITED = "rate_limited"
    REAUTH = "reauth"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    GONE = "gone"  # proven deleted
    PERMISSION = "permission"
    VALIDATION = "validation"
    EXISTS = "exists"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Matches when all that is given matches. ``status`` takes numbers and classes such as "5xx"."""

    reaction: Reaction
    status: tuple[int | str, ...] = ()
    body_contains: str = ""
    body_path: str = ""
    equals: Any = MISSING
    header: str = ""
    header_equals: str = ""
    message: str = ""

    def matches(self, status: int, headers: Mapping[str, str], body: Any, text: str) -> bool:
        if self.status and not any(_is_status(status, wanted) for wanted in self.status):
            return False
        if self.body_contains and self.body_contains.lower() not in text.lower():
            return False
        if self.body_path:
            found = read_path(body, self.body_path)
            if found is MISSING or (self.equals is not MISSING and found != self.equals):
                return False
            if self.equals is MISSING and found in (None, False, "", [], {}):
                return False
        if self.header:
            value = headers.get(self.header.lower())
            if value is None or (self.header_equals and value != self.header_equals):
                return False
        return True


def _is_status(status: int, wanted: int | str) -> bool:
    if isinstance(wanted, str) and wanted.endswith("xx"):
        return str(status)[0] == wanted[0]
    return status == int(wanted)


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer to judge. ``headers`` are lower case; ``is_repeatable`` means sending it twice does no harm."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str
    now: datetime
    is_repeatable: bool
    reset_after: float | None = None
    exchange: Exchange | None = None
    retry_after_header: str = "retry-after"


_BY_STATUS: dict[int, Reaction] = {
    400: Reaction.VALIDATION,
    401: Reaction.REAUTH,
    402: Reaction.PERMISSION,
    403: Reaction.PERMISSION,
    404: Reaction.NOT_FOUND,
    408: Reaction.RETRY,
    409: Reaction.CONFLICT,
    410: Reaction.GONE,
    412: Reaction.CONFLICT,
    413: Reaction.VALIDATION,
    415: Reaction.FATAL,
    422: Reaction.VALIDATION,
    423: Reaction.RETRY,
    425: Reaction.RETRY,
    428: Reaction.CONFLICT,
    429: Reaction.RATE_LIMITED,
}


def reaction_for(heard: Heard, rules: Sequence[ErrorRule] = ()) -> tuple[Reaction, str]:
    """What the answer means and the rule's message, if a rule said so."""
    for rule in rules:
        if rule.matches(heard.status, heard.headers, heard.body, heard.text):
            return rule.reaction, rule.message
    if heard.status in _BY_STATUS:
        return _BY_STATUS[heard.status], ""
    if 200 <= heard.status < 300:
        return Reaction.OK, ""
    if heard.status >= 500:
        return Reaction.RETRY, ""
    if 300 <= heard.status < 400:
        return Reaction.FATAL, "The API redirected to an address that was not followed."
    return Reaction.FATAL, ""


def error_for(heard: Heard, rules: Sequence[ErrorRule] = ()) -> SyncError | None:
    """The classified failure, or None when the answer is good."""
    reaction, message = reaction_for(heard, rules)
    said = message or _describe(heard)
    facts: dict[str, Any] = {"status": heard.status, "exchange": heard.exchange}
    wait = parse_retry_after(heard.headers.get(heard.retry_after_header), now=heard.now)
    match reaction:
        case Reaction.OK | Reaction.IGNORE:
            return None
        case Reaction.RATE_LIMITED:
            return RateLimited(
                said,
                retry_after=wait if wait is not None else heard.reset_after,
                **facts,
            )
        case Reaction.RETRY:
            is_ambiguous = not heard.is_repeatable and heard.status not in (423, 425)
            code = "timeout" if heard.status in (408, 504) else None
            return Retryable(said, retry_after=wait, ambiguous=is_ambiguous, code=code, **facts)
        case Reaction.REAUTH:
            return ConfigurationProblem(said, code="auth", **facts)
        case Reaction.CONFLICT:
            return StaleWrite(said, **facts)
        case Reaction.NOT_FOUND:
            return RecordGone(said, proven=False, **facts)
        case Reaction.GONE:
            return RecordGone(said, proven=True, **facts)
        case Reaction.PERMISSION:
            return PermissionProblem(said, **facts)
        case Reaction.EXISTS:
            said = message or message_of(heard.body) or "Another record has this already."
            return AlreadyExists(said, field=field_of(heard.body), **facts)
        case Reaction.VALIDATION:
            return RecordProblem(said, field=field_of(heard.body), **facts)
        case Reaction.FATAL:
            return ContractBroken(said, **facts)


_WORDS = {
    400: "The request was refused as malformed",
    401: "The credentials were refused",
    402: "The account's plan does not allow this",
    403: "Access was refused",
    404: "Not found",
    409: "The record changed meanwhile",
    410: "Deleted",
    412: "The record changed meanwhile",
    422: "A value was refused",
    428: "The record changed meanwhile",
    429: "Too many requests",
}


def _describe(heard: Heard) -> str:
    words = _WORDS.get(heard.status) or (
        "The service has a fault" if heard.status >= 500 else "Unexpected answer"
    )
    said = message_of(heard.body)
    return f"{words} ({heard.status}): {said}" if said else f"{words} ({heard.status})."


def message_of(body: Any) -> str:
    """The vendor's own short explanation, secrets hidden; "" if the body has none in a usual place."""
    found: Any = None
    body = _first_of(body)
    if isinstance(body, dict):
        for path in (
            "message",
            "error.message",
            "error_description",
            "detail",
            "title",
            "error",
            "errors[0].message",
            "errors[0].detail",
            "errors[0]",
            "err",
            "errorMessages[0]",
        ):
            found = read_path(body, path, None)
            if isinstance(found, str) and found:
                break
        else:  # by field: Jira's errors, or Rails' {"message": {"title": ["can't be blank"]}}
            found = _said_of_fields(body.get("errors")) or _said_with_names(body.get("message"))
        fields = field_of(body)
        if fields and isinstance(found, str) and found and fields not in found:
            found = f"{found} ({fields})"
    elif isinstance(body, str) and "<" not in body:  # a bare sentence (Toggl)
        found = body.strip()
    return redact_text(found)[:300] if isinstance(found, str) else ""


def _said_of_fields(errors: Any) -> str:
    """What an ``{"errors": {field: words}}`` body says of its fields, one after the other."""
    said = errors.values() if isinstance(errors, dict) else ()
    return " ".join(words for words in said if isinstance(words, str))


def _said_with_names(errors: Any) -> str:
    said = errors.items() if isinstance(errors, dict) else ()
    return "; ".join(
        f"{name} {', '.join(map(str, words)) if isinstance(words, list) else words}" for name, words in said
    )


def field_of(body: Any) -> str | None:
    """Names of the refused fields, comma-separated, where the body tells."""
    body = _first_of(body)
    if not isinstance(body, dict):
        return None
    names: list[str] = []
    errors = body.get("errors", body.get("fieldErrors", body.get("details", body.get("fields"))))
    if errors is None and isinstance(body.get("message"), dict):
        errors = body["message"]
    if isinstance(errors, dict):
        names = [str(name) for name in errors if name not in ("message", "code")]
    elif isinstance(errors, list):
        for entry in errors:
            if isinstance(entry, dict):
                name = next(
                    (
                        entry[key]
                        for key in (
                            "field",
                            "param",
                            "attribute",
                            "path",
                            "name",
                            "property",
                        )
                        if entry.get(key)
                    ),
                    None,
                )
                if isinstance(name, list):
                    name = ".".join(str(part) for part in name)
                if name:
                    names.append(str(name))
        if not names and "errors" not in body and "fields" in body:  # {"fields": ["Name"]}
            names = [entry for entry in errors if isinstance(entry, str)]
    elif isinstance(body.get("field"), str):
        names = [body["field"]]
    return ", ".join(dict.fromkeys(names))[:200] or None


def _first_of(body: Any) -> Any:
    """The first error of APIs that answer a list of them (Salesforce)."""
    return body[0] if isinstance(body, list) and body else body
