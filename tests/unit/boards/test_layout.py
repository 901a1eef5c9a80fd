"""Configurations as values: what is read can be written and read again, and every fault is named at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.core.layout import BadLayout, Layout, plain, read
from boards.core.rules import (
    Cell,
    Load,
    Over,
    allowed_targets,
    full_sentence,
    limited_cells,
    transition_allowed,
    worst,
)

KNOWN = ("todo", "doing", "done")


def reading(raw: dict[str, Any]) -> Layout:
    return read(raw, known=KNOWN, sizes=("estimate",), lanes=("priority", "integration"))


FULL: dict[str, Any] = {
    "stages": [
        {"key": "todo", "name": "To do", "kind": "waiting", "colour": "grey", "age_days": 3},
        {"key": "doing", "kind": "active", "colour": "blue", "limit": {"soft": 2, "hard": 3}, "lanes": {"high": {"hard": 1}}},
        {"key": "done", "kind": "done", "colour": "green"},
    ],
    "transitions": {"todo": ["doing"], "doing": ["done", "todo"]},
    "limit_by": "count",
    "lane_field": "priority",
    "collapsed": ["done"],
    "rights": {"override": ["manager"]},
}  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**7) | st.text(max_size=5) | st.sampled_from([*KNOWN, "blue", "done", "move"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*KNOWN, "soft", "hard", "key", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@st.composite
def nearly_right(draw: st.DrawFn) -> dict[str, Any]:
    """The full configuration with something else in one or two places."""
    raw: dict[str, Any] = {**FULL, "stages": [dict(stage) for stage in FULL["stages"]]}
    for _ in range(draw(st.integers(1, 2))):
        value = draw(JSON)
        if draw(st.booleans()):
            raw[draw(st.sampled_from([*FULL, "wallpaper"]))] = value
        elif isinstance(raw["stages"], list) and raw["stages"] and isinstance(raw["stages"][0], dict):
            raw["stages"][0][draw(st.sampled_from([*FULL["stages"][1], "age_days"]))] = value
    return raw


@given(nearly_right())
def test_whatever_is_sent_is_refused_by_name_or_read_and_written_back_the_same(raw: dict[str, Any]) -> None:
    layout, errors = reading_or_faults(raw)
    if layout is None:
        assert errors and all(said and all(said) for said in errors.values())
    else:
        assert reading(plain(layout)) == layout


def reading_or_faults(raw: dict[str, Any]) -> tuple[Layout | None, dict[str, list[str]]]:
    try:
        return reading(raw), {}
    except BadLayout as bad:
        return None, bad.errors


def test_every_fault_is_named_with_its_place() -> None:
    raw = {
        "stages": [
            {"key": "todo", "colour": "pink", "limit": {"soft": 5, "hard": 2}},
            {"key": "todo", "kind": "asleep", "age_days": 0},
            {"key": "attic"},
        ],
        "transitions": {"todo": ["moon"]},
        "limit_by": "weight", "lane_field": "mood", "rights": {"fly": ["manager"], "move": ["guest"]}, "wallpaper": 1,
    }  # fmt: skip
    with pytest.raises(BadLayout) as bad:
        reading(raw)
    assert set(bad.value.errors) == {
        "stages", "stages[0].colour", "stages[0].limit", "stages[1].kind", "stages[1].age_days", "stages[2]",
        "transitions.todo", "limit_by", "lane_field", "rights.fly", "rights.move", "wallpaper",
    }  # fmt: skip


def test_moves_that_are_allowed() -> None:
    layout = reading(FULL)
    assert transition_allowed(layout, "todo", "doing") and not transition_allowed(layout, "todo", "done")
    assert transition_allowed(layout, "done", "done") and transition_allowed(layout, "gone", "todo")
    assert allowed_targets(layout, "doing") == ("todo", "done") and allowed_targets(layout, "done") == ()
    assert allowed_targets(reading({**FULL, "transitions": None}), "done") == ("todo", "doing")


def test_the_worst_of_a_column_and_its_lane_counts() -> None:
    layout = reading(FULL)
    column, lane = limited_cells(layout, "doing", "high")
    assert (column.lane, lane.lane) == (None, "high") and limited_cells(layout, "doing", "low") == [column]
    assert limited_cells(layout, "todo", None) == [] == limited_cells(layout, "gone", None)
    full = worst([load(column, 3), load(lane, 2)])
    assert full is not None and (full.cell, full.over) == (lane, Over.HARD)
    assert full_sentence(layout, full, "High") == "Doing, lane High takes 1 card; with this it would hold 2."
    soft = worst([load(column, 3), load(lane, 1)])
    assert soft is not None and (soft.cell, soft.over) == (column, Over.SOFT)
    assert full_sentence(layout, soft) == "Doing takes 2 cards; with this it would hold 3."


def load(cell: Cell, total: int) -> Load:
    return Load(cell, Decimal(total))
