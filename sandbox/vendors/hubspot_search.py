"""The search of the HubSpot stand-in: its limits, its filters, its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.store import Document
from sandbox.web import Refusal

OPERATORS = (
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
)
MAX_LIMIT = 200


def check_search(body: Mapping[str, Any], known: set[str]) -> None:
    """Refuses what HubSpot refuses: too many groups or filters, unknown properties and operators, over-limit pages."""
    groups, sorts = body.get("filterGroups") or [], body.get("sorts") or []
    filters = [one for group in groups for one in group.get("filters") or ()]
    if len(groups) > 5 or len(filters) > 25 or any(len(group.get("filters") or ()) > 6 for group in groups):
        raise Refusal(400, "Too many filters")
    for one in filters:
        if one.get("operator") not in OPERATORS or one.get("propertyName") not in known:
            raise Refusal(
                400, f"There was a problem with the request: {one.get('propertyName')} {one.get('operator')}"
            )
        if one["operator"] in ("EQ", "NEQ", "LT", "LTE", "GT", "GTE") and not isinstance(
            one.get("value"), str
        ):
            raise Refusal(400, "A filter's value must be a text")
    if len(sorts) > 1 or any(one.get("propertyName") not in known for one in sorts if isinstance(one, dict)):
        raise Refusal(400, "Only one sort, by a known property, is allowed")
    limit, after = body.get("limit", 10), body.get("after", "0")
    if type(limit) is not int or not 0 < limit <= MAX_LIMIT:
        raise Refusal(400, f"limit must be between 1 and {MAX_LIMIT}")
    if not isinstance(after, str) or not after.isdigit():
        raise Refusal(400, "after must be a number in a text")


def matching(rows: Iterable[Document], body: Mapping[str, Any]) -> list[Document]:
    """Records that one of the groups takes, in the order asked for (oldest first without)."""
    groups = body.get("filterGroups") or []
    found = [row for row in rows if not groups or any(_takes(group, row) for group in groups)]
    sorts: Sequence[Any] = body.get("sorts") or []
    if not sorts:
        return sorted(found, key=lambda row: str(row["createdAt"]))
    name, is_down = str(sorts[0]["propertyName"]), sorts[0].get("direction") == "DESCENDING"
    return sorted(found, key=lambda row: comparable(row["properties"].get(name)), reverse=is_down)


def _takes(group: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(_fits(one, row["properties"].get(one["propertyName"])) for one in group.get("filters") or ())


def _fits(one: Mapping[str, Any], held: Any) -> bool:
    operator = str(one["operator"])
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return (held not in (None, "")) == (operator == "HAS_PROPERTY")
    if held in (None, ""):
        return operator in ("NEQ", "NOT_IN")
    if operator in ("IN", "NOT_IN"):
        return bool((str(held) in (one.get("values") or ())) == (operator == "IN"))
    value, wanted = comparable(held), comparable(one.get("value"))
    match operator:
        case "EQ":
            return value == wanted
        case "NEQ":
            return value != wanted
        case "GT":
            return value > wanted
        case "GTE":
            return value >= wanted
        case "LT":
            return value < wanted
        case "LTE":
            return value <= wanted
    return wanted <= value <= comparable(one.get("highValue"))


def comparable(value: Any) -> tuple[int, float, str]:
    """Numbers and moments (as milliseconds) before texts."""
    text = str(value or "")
    try:
        return (0, float(text), "")
    except ValueError:
        pass
    try:
        return (0, round(datetime.fromisoformat(text).timestamp() * 1000), "")
    except ValueError:
        return (1, 0.0, text)
