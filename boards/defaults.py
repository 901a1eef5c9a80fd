"""What a board is before anybody configures it: the stages of the record type (A2), every move allowed, no limits."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import orjson

from boards.core.layout import BY_INTEGRATION, Layout, StageKind, read
from boards.models import BoardType
from workspace.kinds import record_spec

#: stages on which nobody works yet, and those that end a card's way; the rest is work
_WAITING = {"backlog", "todo", "new", "discovery", "pending", "on_hold", "onboarding"}
_DONE = {"done", "won", "lost", "closed_won", "closed_lost", "completed", "churned"}
_COLOURS = {
    "waiting": "grey", "active": "blue", "done": "green", "lost": "red", "closed_lost": "red", "churned": "red",
    "review": "purple", "on_hold": "orange", "at_risk": "orange", "negotiation": "purple", "proposal": "teal",
}  # fmt: skip

#: the field that says who a card is with
ASSIGNEE = {
    "task": "assignees", "lead": "owner", "opportunity": "owner", "customer": "owner", "waitlist_entry": "assigned_to",
}  # fmt: skip
#: numbers by which limits may count
SIZES = {"task": ("estimate",), "lead": ("value",), "opportunity": ("amount", "probability")}
#: what may make swimlanes
LANES = {
    "task": ("assignees", "priority", "project", "milestone", BY_INTEGRATION),
    "lead": ("owner", "source", BY_INTEGRATION),
    "opportunity": ("owner", "customer", BY_INTEGRATION),
    "customer": ("owner", BY_INTEGRATION),
    "waitlist_entry": ("assigned_to", "priority", "card_type", BY_INTEGRATION),
}


def stage_names(record_type: str) -> dict[str, str]:
    """Stage → name, in the order of A2."""
    meta: Any = record_spec(record_type).model._meta
    field = meta.get_field("stage")
    return {str(value): str(label) for value, label in field.choices}


@cache
def default_config_text(record_type: str) -> tuple[tuple[str, str, str, str], ...]:
    return tuple((key, name, _kind(key), _colour(key)) for key, name in stage_names(record_type).items())


def default_config(record_type: str) -> dict[str, Any]:
    """A fresh configuration of a type."""
    stages = [
        {"key": key, "name": name, "kind": kind, "colour": colour}
        for key, name, kind, colour in default_config_text(record_type)
    ]
    return {
        "stages": stages,
        "transitions": None,
        "limit_by": "count",
        "lane_field": "",
        "collapsed": [],
        "rights": {},
    }


def layout_of(record_type: str, config: dict[str, Any]) -> Layout:
    """The stored or sent configuration as a value, to read only. Raises BadLayout."""
    try:
        text = orjson.dumps(config)
    except TypeError:  # nothing that was ever stored
        return _layout(record_type, config)
    return _layout_of_text(record_type, text)


@lru_cache(maxsize=256)
def _layout_of_text(record_type: str, text: bytes) -> Layout:
    """Every move and every page looks at the configuration, and it hardly ever changes."""
    return _layout(record_type, orjson.loads(text))


def _layout(record_type: str, config: dict[str, Any]) -> Layout:
    return read(
        config,
        known=tuple(stage_names(record_type)),
        sizes=SIZES.get(record_type, ()),
        lanes=LANES.get(record_type, ()),
    )


def default_name(record_type: str) -> str:
    return str(BoardType(record_type).label)


def _kind(key: str) -> str:
    if key in _DONE:
        return StageKind.DONE.value
    return StageKind.WAITING.value if key in _WAITING else StageKind.ACTIVE.value


def _colour(key: str) -> str:
    return _COLOURS.get(key) or _COLOURS[_kind(key)]
