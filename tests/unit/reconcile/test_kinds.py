"""Canonical values: one JSON form per kind (I22)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.kinds import Kind, ValueProblem, canonical, is_blank, to_python

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters="\x00\r")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "America/St_Johns"]
)

PYTHON_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXT,
    Kind.RICH_TEXT: TEXT,
    Kind.NUMBER: st.integers(-(10**30), 10**30)
    | st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12)
    | st.floats(-1e30, 1e30).filter(lambda number: number == 0 or abs(number) > 1e-30),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.MONEY: st.builds(
        lambda amount, currency: {"amount": amount, "currency": currency},
        st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
        st.sampled_from(["EUR", "usd", "JPY"]),
    ),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.dates(),
    Kind.LOCAL_DATETIME: st.builds(
        lambda moment, zone: moment.replace(tzinfo=ZoneInfo(zone)), st.datetimes(), ZONES
    ),
    Kind.INSTANT: st.datetimes(
        min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES.map(ZoneInfo)
    ),
    Kind.ENUM: TEXT,
    Kind.SET: st.sets(TEXT, max_size=6),
    Kind.LIST: st.lists(JSON_VALUES, max_size=5),
    Kind.REFERENCE: st.uuids() | st.integers(0, 10**12),
    Kind.JSON: JSON_VALUES,
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_covered_by_the_laws_below(kind: Kind) -> None:
    assert kind in PYTHON_VALUES


@given(st.data(), st.sampled_from(list(Kind)))
def test_making_a_value_canonical_twice_changes_nothing(data: st.DataObject, kind: Kind) -> None:
    once = canonical(kind, data.draw(PYTHON_VALUES[kind]))
    assert canonical(kind, once) == once
    assert json.loads(json.dumps(once)) == once


@given(st.data(), st.sampled_from(list(Kind)))
def test_a_canonical_value_survives_the_way_through_python(data: st.DataObject, kind: Kind) -> None:
    once = canonical(kind, data.draw(PYTHON_VALUES[kind]))
    assert canonical(kind, to_python(kind, once)) == once


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.TEXT, "a\r\nb\rc", "a\nb\nc"),
        (Kind.TEXT, "e\u0301", "é"),
        (Kind.TEXT, "  kept  ", "  kept  "),
        (Kind.TEXT, "", None),
        (Kind.TEXT, 12, "12"),
        (Kind.RICH_TEXT, "a  \r\nb\t\n\n", "a\nb"),
        (Kind.RICH_TEXT, " \n ", None),
        (Kind.NUMBER, "12.50", "12.5"),
        (Kind.NUMBER, 1e3, "1000"),
        (Kind.NUMBER, 0.1, "0.1"),
        (Kind.NUMBER, Decimal("-0.0"), "0"),
        (Kind.NUMBER, 100, "100"),
        (Kind.INTEGER, "7", 7),
        (Kind.INTEGER, 7.0, 7),
        (Kind.MONEY, {"amount": 12.5, "currency": "eur"}, {"amount": "12.50", "currency": "EUR"}),
        (Kind.MONEY, {"amount": "1.2345", "currency": "USD"}, {"amount": "1.2345", "currency": "USD"}),
        (Kind.MONEY, {"amount": None, "currency": "USD"}, None),
        (Kind.BOOLEAN, 1, True),
        (Kind.BOOLEAN, "False", False),
        (Kind.DATE, date(2025, 7, 1), "2025-07-01"),
        (Kind.INSTANT, "2025-07-01T12:00:00+02:00", "2025-07-01T10:00:00Z"),
        (Kind.INSTANT, "2025-07-01T10:00:00.000Z", "2025-07-01T10:00:00Z"),
        (Kind.INSTANT, "2025-07-01T10:00:00.250Z", "2025-07-01T10:00:00.250000Z"),
        (Kind.INSTANT, datetime(2025, 7, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2025-07-01T10:00:00Z"),
        (
            Kind.LOCAL_DATETIME,
            datetime(2025, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")),
            {"local": "2025-07-01T12:00:00", "zone": "Europe/Berlin"},
        ),
        (
            Kind.LOCAL_DATETIME,
            datetime(2025, 7, 1, tzinfo=UTC),
            {"local": "2025-07-01T00:00:00", "zone": "UTC"},
        ),
        (Kind.SET, ["b", "a", "b", ""], ["a", "b"]),
        (Kind.SET, None, []),
        (Kind.LIST, (1, "a"), [1, "a"]),
        (Kind.REFERENCE, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Kind.JSON, {"a": {date(2025, 7, 1)} if False else 1.0}, {"a": 1}),
    ],
)
def test_the_canonical_form_is_exactly(kind: Kind, value: Any, expected: Any) -> None:
    found = canonical(kind, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.SET, Kind.LIST)])
def test_null_is_empty_for_every_kind(kind: Kind) -> None:
    assert canonical(kind, None) is None
    assert is_blank(canonical(kind, None))


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (Kind.TEXT, "a\x00b", "NUL"),
        (Kind.TEXT, "\ud800", "surrogate"),
        (Kind.TEXT, ["a"], "not a text"),
        (Kind.TEXT, True, "not a text"),
        (Kind.NUMBER, "twelve", "not a number"),
        (Kind.NUMBER, True, "not a number"),
        (Kind.NUMBER, float("nan"), "finite"),
        (Kind.NUMBER, "1e999999", "too long"),
        (Kind.INTEGER, "1.5", "whole"),
        (Kind.INTEGER, 2**63, "64 bits"),
        (Kind.MONEY, {"amount": 1}, "amount and currency"),
        (Kind.MONEY, {"amount": 1, "currency": "Euro"}, "currency code"),
        (Kind.BOOLEAN, "perhaps", "neither true nor false"),
        (Kind.BOOLEAN, 2, "neither true nor false"),
        (Kind.DATE, datetime(2025, 7, 1, tzinfo=UTC), "which zone"),
        (Kind.DATE, "01.07.2025", "not a date"),
        (Kind.INSTANT, datetime(2025, 7, 1), "no time zone"),
        (Kind.INSTANT, "0001-01-01T00:00:00+14:00", "outside the years"),
        (Kind.LOCAL_DATETIME, {"local": "2025-07-01T12:00:00", "zone": "Mars/Base"}, "not a time zone"),
        (Kind.LOCAL_DATETIME, {"local": "2025-07-01T12:00:00Z", "zone": "UTC"}, "offset"),
        (
            Kind.LOCAL_DATETIME,
            {"local": "2025-07-01T12:00:00", "zone": "../../etc/passwd"},
            "not a time zone",
        ),
        (Kind.SET, "abc", "not a set"),
        (Kind.LIST, "abc", "not a list"),
        (Kind.JSON, object(), "cannot be held"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_words(kind: Kind, value: Any, says: str) -> None:
    with pytest.raises(ValueProblem, match=says):
        canonical(kind, value)


def test_json_nested_beyond_reason_is_refused_not_crashed() -> None:
    value: Any = 1
    for _ in range(2_000):
        value = [value]
    with pytest.raises(ValueProblem, match="too deeply"):
        canonical(Kind.JSON, value)


def test_models_get_empty_texts_and_typed_values() -> None:
    assert to_python(Kind.TEXT, None) == ""
    assert to_python(Kind.NUMBER, "12.5") == Decimal("12.5")
    assert to_python(Kind.DATE, "2025-07-01") == date(2025, 7, 1)
    assert to_python(Kind.INSTANT, "2025-07-01T10:00:00Z") == datetime(2025, 7, 1, 10, tzinfo=UTC)
    assert to_python(Kind.SET, ["a"]) == ["a"]
