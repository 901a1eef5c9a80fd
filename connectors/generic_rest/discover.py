"""Reads a sample answer and proposes a configuration. A person confirms; nothing is activated by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from connectors.base.paging import parse_links
from connectors.base.paths import MISSING, read_path
from connectors.base.redact import HIDDEN, is_secret_key, redact_data
from connectors.base.session import ApiSession
from connectors.base.times import parse_instant

MAX_SAMPLES = 25
MAX_DEPTH = 5
_USUAL_LISTS = (
    "data",
    "items",
    "results",
    "records",
    "entries",
    "rows",
    "objects",
    "values",
    "value",
    "list",
    "elements",
)
_NOT_RECORDS = {"meta", "links", "pagination", "paging", "errors", "warnings", "_links", "included"}
_NEXT_URLS = (
    "next",
    "links.next",
    "paging.next.link",
    "pagination.next",
    "meta.next",
    "_links.next.href",
    "@odata.nextLink",
    "nextLink",
    "next_url",
    "next_page_url",
)
_NEXT_CURSORS = (
    "next_cursor",
    "cursor",
    "nextCursor",
    "meta.next_cursor",
    "paging.next.after",
    "pagination.next_cursor",
    "next_page.offset",
    "nextPageToken",
)
_TOTAL_PAGES = (
    "meta.pages",
    "total_pages",
    "meta.total_pages",
    "pagination.total_pages",
    "pages",
    "totalPages",
    "page_count",
)
_UPDATED = re.compile(r"updat|modif|chang|last", re.IGNORECASE)
_EPOCH_MS = 1e11


@dataclass(frozen=True, slots=True)
class SampleField:
    """One path of the records: its type as the configuration names it, how often it is there and null, examples."""

    path: str
    type: str
    format: str
    present: float
    null: float
    distinct: int
    examples: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a sample suggests. Paths are "" where nothing fits."""

    records_path: str
    pagination: Mapping[str, Any]
    id_path: str
    updated_at_path: str
    title_path: str
    status_path: str
    assignee_path: str
    due_path: str
    fields: tuple[SampleField, ...]
    samples: tuple[Any, ...]
    zone: str = "UTC"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fetch_sample(session: ApiSession, path: str, params: Mapping[str, Any] | None = None) -> Proposal:
    """One page of a list request, read and masked. May raise ``SyncError``."""
    answer = session.get(path, params=params)
    return propose(answer.body, answer.headers)


def propose(body: Any, headers: Mapping[str, str] | None = None) -> Proposal:
    """What an answer suggests; an empty proposal if it holds no list of objects."""
    records_path, rows = find_records(body)
    rows = [row for row in rows if isinstance(row, dict)][:MAX_SAMPLES]
    fields = tuple(_fields(rows))
    by_path = {field.path: field for field in fields}
    return Proposal(
        records_path=records_path,
        pagination=find_pager(body, headers or {}),
        id_path=_first(
            ("id", "uuid", "gid", "_id", "key", "number"), by_path, lambda field: _is_unique(field, rows)
        ),
        updated_at_path=_updated(fields),
        title_path=_first(
            ("title", "subject", "name", "summary", "label"), by_path, lambda field: field.type == "string"
        ),
        status_path=_named(fields, ("status", "state", "stage"), len(rows)),
        assignee_path=_first(
            ("assignee", "assignees", "assigned_to", "owner", "responsible"), _tops(rows), lambda _: True
        ),
        due_path=_first(
            ("due", "due_on", "due_date", "dueDate", "deadline"),
            by_path,
            lambda field: field.type in ("date", "datetime"),
        ),
        fields=fields,
        samples=tuple(redact_data(row) for row in rows[:3]),
        zone=_zone(fields),
    )


def find_records(body: Any) -> tuple[str, list[Any]]:
    """Path and rows of the list of records: the body, a usual name, else the longest list of objects."""
    if isinstance(body, list):
        return "", body
    if not isinstance(body, dict):
        return "", []
    for name in _USUAL_LISTS:
        if isinstance(body.get(name), list):
            return name, body[name]
    found = [(path, rows) for path, rows in _lists(body) if rows and isinstance(rows[0], dict)]
    if found:
        return max(found, key=lambda one: (len(one[1]), -one[0].count(".")))
    for name, value in body.items():
        if (
            name not in _NOT_RECORDS
            and isinstance(value, dict)
            and len(value) > 1
            and all(isinstance(one, dict) for one in value.values())
        ):
            return f"{name}.*", list(value.values())
    empty = next((path for path, rows in _lists(body) if not rows), "")
    return empty, []


def find_pager(body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """A ``pagination`` block for the configuration; kind "none" where nothing tells."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "next" in parse_links(lower.get("link", "")):
        return {"kind": "link_header"}
    for path in _NEXT_URLS:
        quoted = f'"{path}"' if path.startswith("@") else path
        value = read_path(body, quoted, None) if isinstance(body, dict) else None
        if isinstance(value, str) and (value.startswith(("http", "/", "?"))):
            return {"kind": "next_url", "path": quoted}
    for path in _NEXT_CURSORS:
        value = read_path(body, path, None) if isinstance(body, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            more = next(
                (
                    name
                    for name in ("has_more", "hasMore", "meta.has_more")
                    if isinstance(read_path(body, name, None), bool)
                ),
                "",
            )
            return {
                "kind": "cursor",
                "cursor_param": "cursor",
                "cursor_path": path,
                **({"has_more_path": more} if more else {}),
            }
    for path in _TOTAL_PAGES:
        if isinstance(body, dict) and isinstance(read_path(body, path, None), int):
            return {
                "kind": "page",
                "page_param": "page",
                "size_param": "per_page",
                "size": 100,
                "total_pages_path": path,
            }
    if isinstance(body, dict) and isinstance(body.get("offset"), int) and isinstance(body.get("limit"), int):
        total = next(
            (name for name in ("total", "total_count", "count") if isinstance(body.get(name), int)), ""
        )
        return {
            "kind": "offset",
            "offset_param": "offset",
            "limit_param": "limit",
            "limit": body["limit"],
            **({"total_path": total} if total else {}),
        }
    return {"kind": "none"}


def _lists(body: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    for name, value in body.items():
        if name in _NOT_RECORDS:
            continue
        path = f"{prefix}{_quoted(name)}"
        if isinstance(value, list):
            yield path, value
        elif isinstance(value, dict) and depth < 3:
            yield from _lists(value, f"{path}.", depth + 1)


def _fields(rows: Sequence[Mapping[str, Any]]) -> Iterator[SampleField]:
    paths = dict.fromkeys(path for row in rows for path in _paths(row))
    for path in paths:
        values = [read_path(row, path) for row in rows]
        there = [value for value in values if value is not MISSING]
        filled = [value for value in there if value is not None]
        kind, style = type_of(filled)
        hidden = is_secret_key(path.rsplit(".", 1)[-1])
        examples = list(dict.fromkeys(_shown(value) for value in filled))[:3]
        yield SampleField(
            path=path,
            type=kind,
            format=style,
            present=round(len(there) / len(rows), 3),
            null=round((len(there) - len(filled)) / len(rows), 3),
            distinct=len({_shown(value) for value in filled}),
            examples=(HIDDEN,) if hidden and examples else tuple(examples),
        )


def _paths(row: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[str]:
    for name, value in row.items():
        path = f"{prefix}{_quoted(name)}"
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
            yield from _paths(value, f"{path}.", depth + 1)
        else:
            yield path


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[^.\[\]\"']+", name) else f'"{name}"'


def type_of(values: Sequence[Any]) -> tuple[str, str]:
    """Type and time format, as the configuration names them, that fit all values."""
    if not values:
        return "string", ""
    if all(isinstance(value, bool) for value in values):
        return "boolean", ""
    if all(isinstance(value, list) for value in values):
        return "list", ""
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        if all(value > _EPOCH_MS for value in values):
            return "datetime", "epoch_ms"
        return (
            ("datetime", "epoch_s")
            if all(1_000_000_000 < value < 5_000_000_000 for value in values)
            else ("integer", "")
        )
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "decimal", ""
    if all(isinstance(value, str) for value in values):
        return _text_type([value for value in values if value])
    return "string", ""


def _text_type(texts: Sequence[str]) -> tuple[str, str]:
    if not texts:
        return "string", ""
    if all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) for text in texts):
        return "date", "date"
    if all(re.match(r"\d{4}-\d{2}-\d{2}[T ]", text) and parse_instant(text) for text in texts):
        if all(re.search(r"[+-]\d{4}$", text) for text in texts):
            return "datetime", "iso8601_no_colon"
        return "datetime", "iso8601_ms" if all(re.search(r"\.\d", text) for text in texts) else "iso8601"
    if all(re.match(r"[A-Z][a-z]{2}, \d", text) and parse_instant(text) for text in texts):
        return "datetime", "rfc1123"
    if any(re.search(r"</?(p|br|div|ul|b|strong|a)\b[^>]*>", text) for text in texts):
        return "html", ""
    return "string", ""


def _shown(value: Any) -> str:
    return value[:80] if isinstance(value, str) else repr(value)[:80]


def _is_unique(field: SampleField, rows: Sequence[Any]) -> bool:
    return bool(rows) and field.present == 1.0 and field.null == 0.0 and field.distinct == len(rows)


def _first(names: Sequence[str], known: Mapping[str, Any], fits: Any) -> str:
    return next((name for name in names if name in known and fits(known[name])), "")


def _tops(rows: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    return {name: True for row in rows for name in row}


def _updated(fields: Sequence[SampleField]) -> str:
    fitting = [field for field in fields if field.type == "datetime" and _UPDATED.search(field.path)]
    fitting.sort(
        key=lambda field: (field.path.count("."), not re.search("updat|modif", field.path, re.IGNORECASE))
    )
    return fitting[0].path if fitting else ""


def _named(fields: Sequence[SampleField], names: Sequence[str], count: int) -> str:
    few = max(2, min(12, count))
    for name in names:
        for field in fields:
            if (
                field.path.split(".")[0] == name
                and field.type in ("string", "integer", "boolean")
                and 0 < field.distinct <= few
            ):
                return field.path
    return ""


def _zone(fields: Sequence[SampleField]) -> str:
    """ "UTC" where times carry an offset; "" where a person has to say which zone they are in."""
    times = [
        str(example)
        for field in fields
        if field.type == "datetime" and not field.format.startswith("epoch")
        for example in field.examples
    ]
    return "UTC" if all(re.search(r"(Z|[+-]\d{2}:?\d{2}|GMT)$", text) for text in times) else ""
