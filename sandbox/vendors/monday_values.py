"""Column values of the monday.com stand-in: what a write may say, what is kept of it, and how it is answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import orjson

from sandbox.store import Document
from sandbox.web import Refusal

from .monday_schema import VALUE_TYPES

READ_ONLY = frozenset({"formula", "mirror", "subtasks", "auto_number", "board_relation"})


def column_refusal(column: Mapping[str, Any], message: str) -> Refusal:
    return Refusal(
        200,
        message,
        code="ColumnValueException",
        field=str(column["id"]),
        body={"error_data": {"column_type": column["type"], "column_id": column["id"]}},
    )


def kept_value(column: Document, value: Any, *, tags: Callable[[int], bool], may_make_labels: bool) -> Any:
    """What the stand-in keeps of a written value; None where it clears. Refuses what monday.com refuses."""
    kind = column["type"]
    if kind in READ_ONLY:
        raise column_refusal(column, "This column type is not supported for updates")
    if value in (None, "", {}):
        return None
    if kind in ("text", "numbers"):
        return _plain(column, value)
    if not isinstance(value, dict):
        raise column_refusal(column, f"invalid value, {kind} wants an object")
    reader: Callable[[Document, Document], Any] = {
        "status": lambda c, v: _status(c, v, may_make_labels),
        "dropdown": lambda c, v: _dropdown(c, v, may_make_labels),
        "people": _people,
        "date": _date,
        "timeline": _timeline,
        "tags": lambda c, v: _tags(c, v, tags),
        "long_text": lambda c, v: _only(c, v, "text")["text"] or None,
        "checkbox": lambda c, v: _only(c, v, "checked")["checked"] in ("true", True) or None,
        "link": lambda c, v: _only(c, v, "url text"),
        "email": lambda c, v: _only(c, v, "email text"),
        "phone": lambda c, v: _only(c, v, "phone countryShortName"),
        "rating": lambda c, v: _rating(c, v),
    }[kind]
    return reader(column, value)


def _only(column: Document, value: Document, names: str) -> Document:
    allowed = names.split()
    if allowed[0] not in value or set(value) - set(allowed):
        raise column_refusal(
            column, f"invalid value, please check our API documentation for {column['type']}"
        )
    return value


def _plain(column: Document, value: Any) -> str | float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise column_refusal(column, "invalid value")
    if column["type"] == "text":
        return str(value)
    try:
        return float(value)
    except ValueError:
        raise column_refusal(column, "invalid value, this is not a number") from None


def _status(column: Document, value: Document, may_make: bool) -> Any:
    labels = column["settings"]["labels"]
    if set(value) == {"index"}:
        found = next((one for one in labels if one["id"] == value["index"]), None)
    else:
        wanted = _only(column, value, "label")["label"]
        found = next((one for one in labels if one["label"] == wanted), None)
        if found is None and may_make and isinstance(wanted, str):
            found = {"id": 100 + len(labels), "label": wanted, "index": len(labels), "color": 17}
            labels.append({**found, "is_done": False, "is_deactivated": False})
    if found is None:
        known = ", ".join(f"{one['id']}: {one['label']}" for one in labels)
        words = f"The status label {value} does not exist, possible statuses are: {{{known}}}"
        raise column_refusal(column, words)
    if found.get("is_deactivated"):
        raise column_refusal(column, "This label is deactivated")
    return found["id"]


def _dropdown(column: Document, value: Document, may_make: bool) -> Any:
    labels = column["settings"]["labels"]
    if "ids" in value:
        known = {one["id"] for one in labels}
        if set(_only(column, value, "ids")["ids"]) - known:
            raise column_refusal(column, "The dropdown label does not exist")
        return list(value["ids"]) or None
    ids = []
    for text in _only(column, value, "labels")["labels"]:
        found = next((one for one in labels if one["label"] == text), None)
        if found is None and not may_make:
            raise column_refusal(column, f"The dropdown label '{text}' does not exist")
        if found is None:
            found = {"id": max((one["id"] for one in labels), default=0) + 1, "label": text}
            labels.append(found)
        ids.append(found["id"])
    return ids or None


def _people(column: Document, value: Document) -> Any:
    rows = _only(column, value, "personsAndTeams")["personsAndTeams"]
    for one in rows:
        if (
            set(one) != {"id", "kind"}
            or one["kind"] not in ("person", "team")
            or not isinstance(one["id"], int)
        ):
            raise column_refusal(column, "invalid value, personsAndTeams wants id and kind")
    return rows or None


def _day(column: Document, value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise column_refusal(column, "invalid date, please use YYYY-MM-DD") from None


def _date(column: Document, value: Document) -> Any:
    given = _only(column, value, "date time")
    clock = given.get("time")
    if clock and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d", str(clock)):
        raise column_refusal(column, "invalid time, please use HH:MM:SS")
    return {"date": _day(column, given["date"]), **({"time": clock} if clock else {})}


def _timeline(column: Document, value: Document) -> Any:
    given = _only(column, value, "from to")
    start, end = _day(column, given["from"]), _day(column, given.get("to"))
    if start > end:
        raise column_refusal(column, "invalid timeline, it ends before it starts")
    return {"from": start, "to": end}


def _tags(column: Document, value: Document, exists: Callable[[int], bool]) -> Any:
    ids = _only(column, value, "tag_ids")["tag_ids"]
    if not all(isinstance(one, int) and exists(one) for one in ids):
        raise column_refusal(column, "invalid value, unknown tag")
    return ids or None


def _rating(column: Document, value: Document) -> Any:
    rating = _only(column, value, "rating")["rating"]
    if rating not in range(1, 6):
        raise column_refusal(column, "invalid value, a rating is 1 to 5")
    return rating


# --- answers -----------------------------------------------------------------------------------------------------


def shown_value(column: Document, kept: Any, *, names: Mapping[str, Mapping[str, Any]]) -> Document:
    """A value as the API answers it. ``names``: the world's users and tags by kind and id."""
    kind = column["type"]
    row: Document = {
        "__typename": VALUE_TYPES.get(kind, "TextValue"),
        "id": column["id"],
        "type": kind,
        "text": None,
        "value": None if kept is None else orjson.dumps(kept).decode(),
        "column": column,
    }
    match kind:
        case "status":
            label = next((one for one in column["settings"]["labels"] if one["id"] == kept), None)
            text = label["label"] if label else None
            row |= {"index": kept, "label": text, "text": text, "is_done": bool(label and label["is_done"])}
        case "date":
            row |= {"date": (kept or {}).get("date") or "", "time": (kept or {}).get("time") or ""}
            row["text"] = " ".join(part for part in (row["date"], row["time"][:5]) if part)
        case "people":
            rows = [{"id": str(one["id"]), "kind": one["kind"]} for one in kept or ()]
            row |= {"persons_and_teams": rows}
            row["text"] = ", ".join(str(names["user"].get(one["id"], {}).get("name", "Team")) for one in rows)
        case "dropdown":
            labels = {one["id"]: one["label"] for one in column["settings"]["labels"]}
            row |= {"values": [{"id": str(one), "label": labels[one]} for one in kept or ()]}
            row["text"] = ", ".join(one["label"] for one in row["values"]) or None
        case "tags":
            tags = [names["tag"][str(one)] for one in kept or () if str(one) in names["tag"]]
            row |= {"tag_ids": kept or [], "tags": tags, "text": ", ".join(one["name"] for one in tags)}
        case "timeline":
            ends = kept or {}
            moments = {end: f"{ends[end]}T00:00:00+00:00" if ends else None for end in ("from", "to")}
            row |= {**moments, "text": f"{ends['from']} - {ends['to']}" if ends else ""}
        case "numbers":
            row |= {"number": kept, "text": "" if kept is None else f"{kept:g}"}
        case "checkbox":
            row |= {"checked": bool(kept), "text": "v" if kept else ""}
        case "link":
            row |= {"url": (kept or {}).get("url"), "url_text": (kept or {}).get("text"), "text": ""}
        case "email":
            row |= {"email": (kept or {}).get("email"), "label": (kept or {}).get("text")}
            row["text"] = row["email"] or ""
        case "phone":
            row |= {"phone": (kept or {}).get("phone"), "country_short_name": None}
            row["text"] = row["phone"] or ""
        case "rating":
            row |= {"rating": kept, "text": str(kept or "")}
        case "formula":
            row |= {"display_value": "12", "text": ""}
        case "text" | "long_text":
            row["text"] = kept or ""
    return row
