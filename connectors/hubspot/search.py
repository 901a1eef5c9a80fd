"""Walking HubSpot's search by time of change, past its cap of 10,000 results per query.

A walk goes on with "page" (the vendor's ``after``), starts a new query at the last time seen when the cap is near, and
goes through one time by id where more records than the cap bear it (imports do that).
Source: developers.hubspot.com, "Search the CRM", read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.errors import ContractBroken
from connectors.base.paths import read_path
from connectors.base.times import parse_instant

LIMIT = 200
CAP = 10_000
MAX_PAGES = 10_000

Ask = dict[str, Any]  # {"from": ms, "after": str | None, "within": id | None, "pages": n}


def first_ask(since: datetime) -> Ask:
    return {"from": int(since.timestamp() * 1000), "after": None, "within": None, "pages": 0}


def search_body(ask: Ask, modified: str, properties: Sequence[str]) -> dict[str, Any]:
    """``modified`` is the type's property of the last change."""
    moment = str(ask["from"])
    if ask["within"] is None:
        filters = [{"propertyName": modified, "operator": "GTE", "value": moment}]
        order = modified
    else:
        filters = [
            {"propertyName": modified, "operator": "EQ", "value": moment},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(ask["within"])},
        ]
        order = "hs_object_id"
    body = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
        "properties": list(properties),
        "limit": LIMIT,
    }
    return {**body, "after": ask["after"]} if ask["after"] is not None else body


def after_page(ask: Ask, rows: Sequence[Mapping[str, Any]], after: Any, modified: str) -> Ask | None:
    """What to ask next; None at the end. Raises ``ContractBroken`` where the walk would not get on."""
    if ask["pages"] + 1 >= MAX_PAGES:
        raise ContractBroken(f"The search did not end after {MAX_PAGES} pages.")
    step = {**ask, "after": None, "pages": ask["pages"] + 1}
    if after in (None, ""):
        return None if ask["within"] is None else {**step, "from": ask["from"] + 1, "within": None}
    if not rows:
        raise ContractBroken("An empty page came where HubSpot says there is more.")
    if ask["within"] is not None:
        return {**step, "within": str(rows[-1].get("id"))}
    if not str(after).isdigit() or str(after) == str(ask["after"]):
        raise ContractBroken("HubSpot gave no new place to go on from.")
    if int(after) + LIMIT <= CAP:
        return {**step, "after": str(after)}
    moment = parse_instant(read_path(rows[-1], f"properties.{modified}", None))
    reached = round(moment.timestamp() * 1000) if moment else 0
    if reached < ask["from"]:
        raise ContractBroken("The search is not in the order of change.")
    return {**step, "within": "0"} if reached == ask["from"] else {**step, "from": reached}
