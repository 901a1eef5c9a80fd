"""Trello's own document: it knows parameters only in the query, where Trello takes them in a body as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.vendor import Logged
from tests.contract.specs import Deviation, SpecSheet


def _in_the_query(entry: Logged) -> Logged:
    body = entry.body if isinstance(entry.body, dict) else {}
    given = {name: [_text(value)] for name, value in body.items() if value is not None and name != "color"}
    if entry.method == "POST" and entry.path == "/labels":
        given["color"] = ["blue"]  # null in a body stands for none; the query has no word for that
    query = {name: values for name, values in entry.query.items() if name != "fields"}
    return replace(entry, query={**query, **given}, body=None)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


SPEC = SpecSheet(
    "trello.json",
    prefix="/1",
    translate=_in_the_query,
    deviations=(
        Deviation("unknown query parameter", "listings lack their paging parameters"),
        Deviation(r": labels\.\d+:", "a card's labels are described as ids, and its idLabels as labels"),
        Deviation(r"/memberships 200: \(root\)", "memberships are described as one instead of a list"),
    ),
)
