"""Strategies and rules (F1, I21)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.kinds import Kind
from reconcile.model import Clocks, FieldConflict, FieldRule, Policy, Strategy
from reconcile.strategies import RULES, STRATEGIES, Context, decide_by_rule, strategy_for

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)


def decide(
    rule: FieldRule, kind: Kind, local: Any, external: Any, separator: str = " | "
) -> tuple[str, Any] | None:
    context = Context(Policy(), Clocks(NOON, NOON + timedelta(minutes=1)), kind, separator)
    found = decide_by_rule(FieldConflict("f", None, local, external), context, rule, is_first_contact=False)
    return None if found is None else (found.winner, found.value)


@pytest.mark.parametrize(
    ("rule", "kind", "local", "external", "expected"),
    [
        (FieldRule.PREFER_EXTERNAL, Kind.TEXT, "a", "b", ("external", "b")),
        (FieldRule.PREFER_LOCAL, Kind.TEXT, "a", None, ("local", "a")),
        (FieldRule.CONCATENATE, Kind.TEXT, "a", "b", ("merged", "a | b")),
        (FieldRule.CONCATENATE, Kind.TEXT, "a | b", "b", ("local", "a | b")),
        (FieldRule.CONCATENATE, Kind.TEXT, "a", "a | b", ("external", "a | b")),
        (FieldRule.CONCATENATE, Kind.TEXT, None, "b", ("external", "b")),
        (FieldRule.CONCATENATE, Kind.DATE, "2025-07-01", "2025-07-02", None),
        (FieldRule.MAX, Kind.NUMBER, "9", "10", ("external", "10")),
        (FieldRule.MIN, Kind.NUMBER, "9", "10", ("local", "9")),
        (FieldRule.MAX, Kind.INTEGER, 3, 2, ("local", 3)),
        (FieldRule.MAX, Kind.DATE, "2025-07-01", "2025-07-02", ("external", "2025-07-02")),
        (FieldRule.MAX, Kind.INSTANT, "2025-07-01T10:00:00Z", "2025-07-01T10:00:00.500000Z", ("external", "2025-07-01T10:00:00.500000Z")),
        (FieldRule.MAX, Kind.NUMBER, None, "1", ("external", "1")),
        (FieldRule.MIN, Kind.NUMBER, "1", None, ("local", "1")),
        (FieldRule.MAX, Kind.BOOLEAN, False, True, ("external", True)),
        (FieldRule.MAX, Kind.TEXT, "a", "b", None),
        (FieldRule.MAX, Kind.MONEY, {"amount": "9.00", "currency": "EUR"}, {"amount": "10.00", "currency": "EUR"}, ("external", {"amount": "10.00", "currency": "EUR"})),
        (FieldRule.MAX, Kind.MONEY, {"amount": "9.00", "currency": "EUR"}, {"amount": "10.00", "currency": "USD"}, None),
        (FieldRule.UNION, Kind.SET, ["b"], ["a"], ("merged", ["a", "b"])),
        (FieldRule.UNION, Kind.LIST, [2, 1], [1, 3], ("merged", [2, 1, 3])),
        (FieldRule.UNION, Kind.TEXT, "a", "b", None),
        (FieldRule.NEWEST, Kind.TEXT, "a", "b", ("external", "b")),
        (FieldRule.REVIEW, Kind.TEXT, "a", "b", None),
    ],
)  # fmt: skip
def test_a_rule_decides_or_leaves_it_to_a_reviewer(
    rule: FieldRule, kind: Kind, local: Any, external: Any, expected: Any
) -> None:
    assert decide(rule, kind, local, external) == expected


def test_the_separator_is_ours_to_choose() -> None:
    assert decide(FieldRule.CONCATENATE, Kind.TEXT, "a", "b", "\n--\n") == ("merged", "a\n--\nb")


def test_every_rule_and_strategy_has_its_function() -> None:
    assert set(RULES) == set(FieldRule)
    assert set(STRATEGIES) == set(Strategy) - {Strategy.CUSTOM_MERGE}
    assert (
        strategy_for(Policy(strategy=Strategy.CUSTOM_MERGE, fallback=Strategy.LOCAL_WINS))
        is Strategy.LOCAL_WINS
    )
    assert (
        strategy_for(Policy(strategy=Strategy.CUSTOM_MERGE, fallback=Strategy.CUSTOM_MERGE))
        is Strategy.MANUAL_REVIEW
    )


TEXTS = st.text("ab |", min_size=1, max_size=8)


@given(TEXTS, TEXTS)
def test_concatenating_again_adds_nothing(local: str, external: str) -> None:
    found = decide(FieldRule.CONCATENATE, Kind.TEXT, local, external)
    assert found is not None
    for left, right in ((found[1], external), (found[1], local), (found[1], found[1])):
        assert decide(FieldRule.CONCATENATE, Kind.TEXT, left, right) == ("local", found[1])


@given(st.sampled_from([FieldRule.MAX, FieldRule.MIN]), st.integers(), st.integers())
def test_larger_and_smaller_do_not_depend_on_the_side(rule: FieldRule, one: int, other: int) -> None:
    left, right = decide(rule, Kind.INTEGER, one, other), decide(rule, Kind.INTEGER, other, one)
    assert left is not None and right is not None and left[1] == right[1]


@given(st.floats(-10, 10), st.floats(0, 5))
def test_latest_wins_abstains_exactly_inside_the_uncertainty(apart: float, uncertainty: float) -> None:
    local = NOON + timedelta(seconds=apart)
    context = Context(Policy(clock_uncertainty_seconds=uncertainty), Clocks(local, NOON), Kind.TEXT)
    found = STRATEGIES[Strategy.LATEST_WINS](FieldConflict("f", None, "l", "e"), context)
    measured = (local - NOON).total_seconds()
    if abs(measured) <= uncertainty:
        assert found is None
    else:
        assert found is not None and found.winner == ("local" if measured > 0 else "external")
