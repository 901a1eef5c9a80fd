"""ConnectWise's conditions, sorting and both ways of paging, for the stand-in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.store import Document
from sandbox.web import Call, Refusal

MAX_PAGE = 1000
_TEST = re.compile(
    r"\s*(?P<path>[A-Za-z_][\w/]*)\s*(?P<op>>=|<=|!=|=|>|<|\bnot contains\b|\bcontains\b|\blike\b|\bin\b)\s*"
    r'(?P<value>"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\([^)]*\)|[\w.+-]+)\s*',
    re.IGNORECASE,
)
_JOIN = re.compile(r"(and|or)\b", re.IGNORECASE)


def bad(message: str, *errors: tuple[str, str, str]) -> Refusal:
    """400 with ``errors``: (code, message, field)."""
    rows = [
        {"code": code, "message": words, "resource": "ticket", "field": field}
        for code, words, field in errors
    ]
    return Refusal(400, body={"code": "InvalidObject", "message": message, "errors": rows or None})


def matcher(conditions: str) -> Callable[[Document], bool]:
    """A test of documents. Malformed conditions are refused as ConnectWise refuses them."""
    tests: list[tuple[str, Callable[[Document], bool]]] = []
    place, joint = 0, "and"
    while True:
        found = _TEST.match(conditions, place)
        if found is None:
            raise bad("The conditions cannot be read.")
        tests.append((joint, _test(found["path"], found["op"].lower(), _value(found["value"]))))
        place = found.end()
        if place == len(conditions):
            break
        following = _JOIN.match(conditions, place)
        if following is None:
            raise bad("The conditions cannot be read.")
        joint, place = following[1].lower(), following.end()

    def match(document: Document) -> bool:
        alternatives = [True]
        for how, test in tests:
            if how == "or":
                alternatives.append(True)
            alternatives[-1] = alternatives[-1] and test(document)
        return any(alternatives)

    return match


def _value(text: str) -> Any:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1]).replace("[[]", "[")
    if text.startswith("["):
        try:
            moment = datetime.fromisoformat(text[1:-1])
        except ValueError:
            raise bad("A date in the conditions cannot be read.") from None
        if moment.tzinfo is None:
            raise bad("A date in the conditions has no zone.")
        return moment
    if text.startswith("("):
        return [_value(part.strip()) for part in text[1:-1].split(",")]
    if text.lower() in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text.lower()]
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise bad(f"{text} in the conditions needs quotes.") from None


def _test(path: str, op: str, wanted: Any) -> Callable[[Document], bool]:
    steps = path.split("/")
    if steps[0] in ("lastUpdated", "dateEntered"):
        steps = ["_info", *steps]

    def test(document: Document) -> bool:
        found: Any = document
        for step in steps:
            found = found.get(step) if isinstance(found, Mapping) else None
        if isinstance(wanted, datetime):
            found = datetime.fromisoformat(found) if isinstance(found, str) else None
        if isinstance(wanted, bool):
            found = bool(found)
        match op:
            case "=":
                return bool(found == wanted)
            case "!=":
                return bool(found != wanted)
            case "in":
                return found in wanted
            case "contains" | "not contains" | "like":
                is_in = str(wanted).strip("%*").casefold() in str(found or "").casefold()
                return is_in != (op == "not contains")
        if found is None or wanted is None:
            return False
        return bool(
            {">": found > wanted, "<": found < wanted, ">=": found >= wanted, "<=": found <= wanted}[op]
        )

    return test


def page_of(call: Call, rows: Sequence[Document]) -> list[Document]:
    """The page asked for; its Link header goes into the answer."""
    if "conditions" in call.query:
        match = matcher(call.query["conditions"])
        rows = [row for row in rows if match(row)]
    size = _number(call, "pageSize", 25)
    if not 1 <= size <= MAX_PAGE:
        raise bad(f"pageSize must be between 1 and {MAX_PAGE}.")
    if call.headers.get("pagination-type", "").lower() == "forward-only":
        return _forward(call, rows, size)
    ordered = _sorted(rows, call.query.get("orderBy", "id asc"))
    page = _number(call, "page", 1)
    if page < 1:
        raise bad("page must be at least 1.")
    last = max(1, -(-len(ordered) // size))
    links = [(page + 1, "next")] if page < last else []
    call.reply_headers["Link"] = ", ".join(
        f'<{_address(call, page=number)}>; rel="{rel}"' for number, rel in (*links, (last, "last"))
    )
    return ordered[(page - 1) * size : page * size]


def _forward(call: Call, rows: Sequence[Document], size: int) -> list[Document]:
    """By id, above ``pageId``; there is always a link to what follows."""
    if "orderBy" in call.query:
        raise bad("orderBy cannot be used with forward-only paging.")
    after = _number(call, "pageId", 0)
    found = [row for row in _sorted(rows, "id asc") if int(row["id"]) > after][:size]
    following = found[-1]["id"] if found else after
    call.reply_headers["Link"] = f'<{_address(call, pageId=following)}>; rel="next"'
    return found


def _address(call: Call, **changed: Any) -> str:
    query: dict[str, Any] = {**call.query, **changed}
    return call.address(None, **query)


def _sorted(rows: Sequence[Document], order: str) -> list[Document]:
    field, _, direction = order.partition(" ")
    if direction.strip().lower() not in ("", "asc", "desc"):
        raise bad("orderBy takes asc or desc.")

    def key(row: Document) -> Any:
        found = row["_info"].get(field) if field in ("lastUpdated", "dateEntered") else row.get(field)
        return (found is not None, found)

    return sorted(rows, key=key, reverse=direction.strip().lower() == "desc")


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.lstrip("-").isdigit():
        raise bad(f"{name} must be a number.")
    return int(text)
