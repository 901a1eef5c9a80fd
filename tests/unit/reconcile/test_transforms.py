"""Transforms both ways (D2, I22)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.fieldmap import BoundLink, compile_field_map, parse_field_map
from reconcile.kinds import Kind, ValueProblem
from reconcile.model import Unmapped
from reconcile.transforms import ALIASES, TRANSFORMS, NoContext, find_transform
from tests.unit.reconcile.worlds import Book

BOOK = Book({("user", "7"): "ada", ("user", "8"): "bob", ("user:email", "ada@example.com"): "ada"})


def bound(
    kind: Kind, transform: Mapping[str, Any] | None, *, paths: int = 1, direction: str = "both"
) -> BoundLink:
    external = ["x", "y", "z"][:paths]
    link = {"local": "f", "external": external, "transform": transform, "direction": direction}
    return compile_field_map(parse_field_map([link], record_kinds={"f": kind})).bound["f"]


def t(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, **options}


BOTH_WAYS: list[tuple[Kind, dict[str, Any], int, Any, Any]] = [
    (Kind.TEXT, t("string"), 1, "Ärger", "Ärger"),
    (Kind.TEXT, t("string"), 1, None, None),
    (Kind.TEXT, t("string", empty=""), 1, "", None),
    (Kind.TEXT, t("string", prefix="#"), 1, "#12", "12"),
    (Kind.TEXT, t("string", **{"as": "integer"}), 1, 12, "12"),
    (Kind.NUMBER, t("number"), 1, 12.5, "12.5"),
    (Kind.NUMBER, t("number"), 1, 12, "12"),
    (Kind.NUMBER, t("number", **{"as": "string"}), 1, "12.5", "12.5"),
    (Kind.INTEGER, t("number"), 1, 7, 7),
    (Kind.NUMBER, t("number", scale=0.01), 1, 1250, "12.5"),
    (Kind.MONEY, t("money"), 2, [12.5, "EUR"], {"amount": "12.50", "currency": "EUR"}),
    (Kind.MONEY, t("money", currency="EUR"), 1, 12, {"amount": "12.00", "currency": "EUR"}),
    (Kind.BOOLEAN, t("boolean"), 1, True, True),
    (Kind.BOOLEAN, t("boolean", true="Y", false="N"), 1, "N", False),
    (Kind.BOOLEAN, t("boolean", negate=True), 1, True, False),
    (Kind.DATE, t("date"), 1, "2025-07-01", "2025-07-01"),
    (Kind.DATE, t("date", **{"as": "instant"}), 1, "2025-07-01T12:00:00Z", "2025-07-01"),
    (Kind.DATE, t("date", time="09:00", zone="Asia/Tokyo", **{"as": "instant"}), 1, "2025-07-01T00:00:00Z", "2025-07-01"),
    (Kind.DATE, t("date", **{"as": "epoch_ms"}), 1, 1751371200000, "2025-07-01"),
    (Kind.INSTANT, t("datetime"), 1, "2025-07-01T10:00:00Z", "2025-07-01T10:00:00Z"),
    (Kind.INSTANT, t("datetime", style="ms"), 1, "2025-07-01T10:00:00.000Z", "2025-07-01T10:00:00Z"),
    (Kind.INSTANT, t("datetime", style="compact_offset"), 1, "2025-07-01T10:00:00.000+0000", "2025-07-01T10:00:00Z"),
    (Kind.INSTANT, t("datetime", style="rfc1123"), 1, "Tue, 01 Jul 2025 10:00:00 GMT", "2025-07-01T10:00:00Z"),
    (Kind.INSTANT, t("epoch_s"), 1, 1751364000, "2025-07-01T10:00:00Z"),
    (Kind.INSTANT, t("epoch_ms", **{"as": "string"}), 1, "1751364000250", "2025-07-01T10:00:00.250000Z"),
    (
        Kind.LOCAL_DATETIME, t("local_datetime"), 1,
        {"dateTime": "2025-07-01T12:00:00", "timeZone": "Europe/Berlin"},
        {"local": "2025-07-01T12:00:00", "zone": "Europe/Berlin"},
    ),
    (
        Kind.LOCAL_DATETIME, t("local_datetime"), 2,
        ["2025-07-01T12:00:00", "Europe/Berlin"],
        {"local": "2025-07-01T12:00:00", "zone": "Europe/Berlin"},
    ),
    (
        Kind.LOCAL_DATETIME, t("local_datetime", zone="Europe/Berlin", **{"as": "naive"}), 1,
        "2025-07-01T12:00:00",
        {"local": "2025-07-01T12:00:00", "zone": "Europe/Berlin"},
    ),
    (
        Kind.LOCAL_DATETIME, t("local_datetime", zone="Europe/Berlin", **{"as": "instant"}), 1,
        "2025-07-01T10:00:00Z",
        {"local": "2025-07-01T12:00:00", "zone": "Europe/Berlin"},
    ),
    (Kind.ENUM, t("enum", map={"open": "todo", "closed": "done"}), 1, "closed", "done"),
    (Kind.ENUM, t("enum", map={"1": "low", "2": "high"}, **{"as": "integer"}), 1, 2, "high"),
    (Kind.ENUM, t("enum", map={"true": "done", "false": "todo"}, **{"as": "boolean"}), 1, True, "done"),
    (Kind.ENUM, t("enum", map={"": "none", "1": "low"}), 1, None, "none"),
    (Kind.ENUM, t("enum", map={"open|": "todo", "closed|completed": "done"}), 2, ["closed", "completed"], "done"),
    (Kind.ENUM, t("enum", map={"open|": "todo", "closed|completed": "done"}), 2, ["open", None], "todo"),
    (Kind.ENUM, t("enum"), 1, "anything", "anything"),
    (Kind.ENUM, t("boolean_from_stage"), 1, True, "done"),
    (Kind.REFERENCE, t("lookup", resource="user"), 1, "7", "ada"),
    (Kind.REFERENCE, t("lookup", resource="user", **{"as": "integer"}), 1, 7, "ada"),
    (Kind.REFERENCE, t("lookup", resource="user", by="email"), 1, "ada@example.com", "ada"),
    (Kind.REFERENCE, t("lookup", resource="user", write="objects"), 1, {"id": "7"}, "ada"),
    (Kind.REFERENCE, t("lookup", resource="user", empty=""), 1, "", None),
    (Kind.SET, t("lookup_set", resource="user"), 1, ["7", "8"], ["ada", "bob"]),
    (Kind.SET, t("set"), 1, ["a", "b"], ["a", "b"]),
    (Kind.SET, t("set", key="name", write="objects"), 1, [{"name": "a"}], ["a"]),
    (Kind.SET, t("set", separator=", "), 1, "a, b", ["a", "b"]),
    (Kind.LIST, t("list"), 1, [2, 1], [2, 1]),
    (Kind.LIST, t("list", key="v", write="objects"), 1, [{"v": 2}], [2]),
    (Kind.JSON, t("json"), 1, {"a": [1, None]}, {"a": [1, None]}),
    (Kind.TEXT, t("join", separator=", "), 3, ["Main St 1", "Berlin", "DE"], "Main St 1, Berlin, DE"),
    (Kind.TEXT, t("split_name"), 2, ["Mary Ann", "Evans"], "Mary Ann Evans"),
    (Kind.INTEGER, t("duration", unit="hours"), 1, 1.5, 5400),
    (Kind.INTEGER, t("duration", unit="minutes"), 1, 90, 5400),
    (Kind.NUMBER, t("duration", unit="seconds", local="hours"), 1, 5400, "1.5"),
    (Kind.RICH_TEXT, t("rich_text"), 1, "**a**", "**a**"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "transform", "paths", "theirs", "ours"), BOTH_WAYS)
def test_a_value_reads_and_writes_as_the_vendor_holds_it(
    kind: Kind, transform: dict[str, Any], paths: int, theirs: Any, ours: Any
) -> None:
    link = bound(kind, transform, paths=paths)
    assert link.inward(theirs, BOOK) == ours
    assert link.inward(link.normalise(theirs), BOOK) == ours
    sent = link.outward(ours, BOOK)
    assert sent == theirs and type(sent) is type(theirs)
    assert link.normalise(sent) == link.normalise(theirs)
    assert link.normalise(link.normalise(theirs)) == link.normalise(theirs)


def test_every_transform_that_goes_both_ways_is_among_the_examples() -> None:
    shown = {transform["name"] for _, transform, *_ in BOTH_WAYS}
    assert set(TRANSFORMS) - shown == {"template", "constant", "field_to_comment"}
    assert all(find_transform(alias) is TRANSFORMS[name] for alias, name in ALIASES.items())


@pytest.mark.parametrize(
    ("kind", "transform", "theirs"),
    [
        (Kind.ENUM, t("enum", map={"open": "todo"}), "unheard of"),
        (Kind.ENUM, t("boolean_from_stage"), "perhaps"),
        (Kind.REFERENCE, t("lookup", resource="user"), "99"),
        (Kind.SET, t("lookup_set", resource="user"), ["7", "99"]),
    ],
)
def test_what_has_no_counterpart_here_is_unmapped_and_keeps_its_value(
    kind: Kind, transform: Any, theirs: Any
) -> None:
    found = bound(kind, transform).inward(theirs, BOOK)
    assert isinstance(found, Unmapped) and found.raw == theirs


@pytest.mark.parametrize(
    ("kind", "transform", "ours"),
    [
        (Kind.ENUM, t("enum", map={"open": "todo"}), "review"),
        (Kind.REFERENCE, t("lookup", resource="user"), "zoe"),
        (Kind.SET, t("lookup_set", resource="user"), ["ada", "zoe"]),
        (Kind.MONEY, t("money", currency="EUR"), {"amount": "1.00", "currency": "USD"}),
    ],
)
def test_what_has_no_counterpart_there_is_unmapped(kind: Kind, transform: Any, ours: Any) -> None:
    assert isinstance(bound(kind, transform).outward(ours, BOOK), Unmapped)


@pytest.mark.parametrize(
    ("kind", "transform", "theirs", "says"),
    [
        (Kind.TEXT, t("string"), {"a": 1}, "not a text"),
        (Kind.NUMBER, t("number"), "many", "not a number"),
        (Kind.BOOLEAN, t("boolean"), "maybe", "neither yes nor no"),
        (Kind.DATE, t("date"), "2025-07-01T23:30:00Z", "time of day"),
        (Kind.DATE, t("date", **{"as": "instant"}), "never", "not a time"),
        (Kind.DATE, t("date"), 5, "not a date"),
        (Kind.INSTANT, t("datetime"), 5, "not a time"),
        (Kind.INSTANT, t("epoch_ms"), 10**30, "outside the years"),
        (
            Kind.LOCAL_DATETIME,
            t("local_datetime"),
            {"dateTime": "2025-07-01T12:00:00", "timeZone": "Mars"},
            "time zone",
        ),
        (Kind.REFERENCE, t("lookup", resource="user"), ["7"], "is a list"),
        (Kind.REFERENCE, t("lookup", resource="user"), {"login": "ada"}, "has no 'id'"),
        (Kind.SET, t("set"), "a", "not a list"),
        (Kind.SET, t("set"), [{"title": "a"}], "has no 'name'"),
        (Kind.MONEY, t("money"), 5, "no currency"),
        (Kind.RICH_TEXT, t("rich_text", format="adf"), "text", "not an ADF document"),
    ],
)
def test_an_unreadable_value_is_refused_in_words(kind: Kind, transform: Any, theirs: Any, says: str) -> None:
    link = bound(kind, transform)
    with pytest.raises(ValueProblem, match=says):
        link.inward(theirs, BOOK)
    link.normalise(theirs)  # never raises


@pytest.mark.parametrize(
    ("kind", "transform", "one", "other"),
    [
        (Kind.TEXT, t("string"), "a\r\nb", "a\nb"),
        (Kind.NUMBER, t("number"), 1, 1.0),
        (Kind.NUMBER, t("number"), "1.50", "1.5"),
        (Kind.INSTANT, t("datetime"), "2025-07-01T10:00:00.000Z", "2025-07-01T12:00:00+02:00"),
        (Kind.INSTANT, t("datetime"), "2025-07-01T10:00:00.000+0000", "2025-07-01T10:00:00Z"),
        (Kind.DATE, t("date"), "2025-07-01T00:00:00.000Z", "2025-07-01"),
        (Kind.DATE, t("date", **{"as": "instant"}), "2025-07-01T12:00:00.000Z", "2025-07-01T12:00:00Z"),
        (Kind.SET, t("set"), [{"name": "b", "color": "red"}, {"name": "a"}], [{"name": "a"}, {"name": "b", "color": "blue"}]),
        (Kind.SET, t("lookup_set", resource="user"), [{"id": 8}, {"id": 7}], ["7", "8"]),
        (Kind.REFERENCE, t("lookup", resource="user"), {"id": 7, "name": "Ada"}, "7"),
        (Kind.REFERENCE, t("lookup", resource="user", by="email"), "Ada@Example.com", "ada@example.com"),
        (Kind.RICH_TEXT, t("rich_text", format="html"), "<p>a</p>\r\n", "<p>a</p>\n"),
        (Kind.LOCAL_DATETIME, t("local_datetime"),
         {"dateTime": "2025-07-01T12:00:00.0000000", "timeZone": "UTC"}, {"dateTime": "2025-07-01T12:00:00", "timeZone": "UTC"}),
    ],
)  # fmt: skip
def test_differences_that_mean_nothing_never_look_like_changes(
    kind: Kind, transform: Any, one: Any, other: Any
) -> None:
    link = bound(kind, transform)
    assert json.dumps(link.normalise(one), sort_keys=True) == json.dumps(
        link.normalise(other), sort_keys=True
    )


def test_many_to_one_sends_the_chosen_value() -> None:
    link = bound(Kind.ENUM, t("enum", map={"a": "todo", "b": "todo", "c|d": "x"}, back={"todo": "b"}))
    assert link.inward("a", BOOK) == link.inward("b", BOOK) == "todo"
    assert link.outward("todo", BOOK) == "b"


def test_a_map_that_nobody_filled_in_yet_lets_nothing_through() -> None:
    empty = bound(Kind.ENUM, t("enum", map={}))
    assert isinstance(empty.inward("1234", BOOK), Unmapped) and isinstance(
        empty.outward("todo", BOOK), Unmapped
    )


def test_a_star_stands_for_any_last_part() -> None:
    link = bound(
        Kind.ENUM,
        t(
            "enum",
            map={"open|*": "todo", "closed|*": "done"},
            back={"todo": "open|", "done": ["closed", "completed"]},
        ),
        paths=2,
    )
    assert link.inward(["closed", "duplicate"], BOOK) == "done"
    assert link.outward("todo", BOOK) == ["open", None] and link.outward("done", BOOK) == [
        "closed",
        "completed",
    ]


def test_one_way_transforms() -> None:
    template = bound(Kind.TEXT, t("template", template="{0} ({1}) {{x}}"), paths=2, direction="in")
    assert template.inward(["Ada", None], BOOK) == "Ada () {x}"
    out = bound(Kind.TEXT, t("template", out="Ref {value}"), direction="out")
    assert out.outward("{0}", BOOK) == "Ref {0}"
    assert bound(Kind.TEXT, t("constant", value="web"), direction="in").inward("whatever", BOOK) == "web"
    comment = bound(Kind.SET, t("field_to_comment", template="Labels: {value}"), direction="out")
    assert comment.outward(["a", "b"], BOOK) == "Labels: a, b"
    assert (
        bound(Kind.TEXT, t("split_name", part="last"), direction="in").inward("Mary Ann Evans", BOOK)
        == "Evans"
    )


@pytest.mark.parametrize("template", ["{0.__class__}", "{value!r}", "{}", "{0:>10}", "{", "{name}"])
def test_a_template_cannot_reach_into_values(template: str) -> None:
    transform = TRANSFORMS["template"]
    assert transform.check({"template": template}, Kind.TEXT)


@pytest.mark.parametrize("name", ["Ada", "", "Mary Ann Evans", "  spaced   out "])
def test_a_name_splits_and_joins_to_itself(name: str) -> None:
    link = bound(Kind.TEXT, t("split_name"), paths=2)
    once = link.inward(link.outward(name, BOOK), BOOK)
    assert (once or "") == " ".join(name.split())
    assert link.inward(link.outward(once, BOOK), BOOK) == once


ZONES = sorted(available_timezones())
DAYS = [
    date(2025, 3, 30),
    date(2025, 10, 26),
    date(2024, 2, 29),
    date(2011, 12, 31),
    date(2025, 12, 31),
    date(1970, 1, 1),
]


@pytest.mark.parametrize("how", ["instant", "epoch_s", "epoch_ms"])
def test_a_date_keeps_its_day_over_100_round_trips_in_every_zone(how: str) -> None:
    """F16, G7."""
    for zone in ZONES:
        link = bound(Kind.DATE, t("date", zone=zone, **{"as": how}))
        for day in DAYS:
            value: Any = day.isoformat()
            sent = link.outward(value, BOOK)
            for _ in range(100 if zone in ("Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin") else 2):
                value = link.inward(sent, BOOK)
                assert value == day.isoformat(), zone
                assert link.outward(value, BOOK) == sent, zone


@given(st.dates(date(1900, 1, 2), date(2100, 1, 1)), st.sampled_from(ZONES), st.times())
def test_any_day_at_any_time_in_any_zone_stays_that_day(day: date, zone: str, clock: Any) -> None:
    skipped = {("Pacific/Apia", date(2011, 12, 30)), ("Pacific/Fakaofo", date(2011, 12, 30))}
    link = bound(Kind.DATE, t("date", zone=zone, time=clock.strftime("%H:%M"), **{"as": "instant"}))
    if (zone, day) not in skipped:
        assert link.inward(link.outward(day.isoformat(), BOOK), BOOK) == day.isoformat()


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["epoch_s", "epoch_ms", "datetime"]),
)
def test_moments_survive_to_the_precision_the_vendor_has(moment: datetime, name: str) -> None:
    link = bound(Kind.INSTANT, t(name))
    coarse = moment.replace(
        microsecond={"epoch_s": 0, "epoch_ms": moment.microsecond // 1000 * 1000}.get(
            name, moment.microsecond
        )
    )
    text = coarse.isoformat() + "Z"
    assert link.inward(link.outward(text, BOOK), BOOK) == text


@given(st.integers(0, 10**7), st.sampled_from(["minutes", "hours"]))
def test_durations_settle_after_one_pass(seconds: int, unit: str) -> None:
    link = bound(Kind.INTEGER, t("duration", unit=unit))
    once = link.inward(link.outward(seconds, BOOK), BOOK)
    assert abs(once - seconds) <= 1
    assert (
        link.outward(once, BOOK) == link.outward(seconds, BOOK)
        or link.inward(link.outward(once, BOOK), BOOK) == once
    )


def test_references_are_named_before_they_are_needed() -> None:
    links = [
        {"local": "a", "external": "people", "transform": t("lookup_set", resource="user")},
        {"local": "b", "external": "by", "transform": t("lookup", resource="user", by="email")},
    ]
    fm = compile_field_map(parse_field_map(links, record_kinds={"a": Kind.SET, "b": Kind.REFERENCE}))
    snapshot = fm.read_external({"people": [{"id": 8}, {"id": 7}], "by": "Ada@example.com"})
    assert fm.references_in(snapshot) == [("user", "7"), ("user", "8"), ("user:email", "ada@example.com")]
    assert fm.references_out({"a": ["x"], "b": None}) == [("user", "x")]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(BOTH_WAYS), JUNK)
def test_any_vendor_value_is_read_or_refused_but_never_crashes(example: Any, junk: Any) -> None:
    kind, transform, paths, *_ = example
    link = bound(kind, transform, paths=paths)
    try:
        found = link.inward(link.normalise(junk), NoContext())
    except ValueProblem:
        return
    if isinstance(found, Unmapped):
        return
    with contextlib.suppress(ValueProblem):
        link.outward(found, NoContext())


def test_the_far_ends_of_time_are_refused_not_crashed() -> None:
    early = bound(Kind.DATE, t("date", zone="Etc/GMT-14", time="00:00", **{"as": "instant"}))
    with pytest.raises(ValueProblem, match="cannot be sent as a moment"):
        early.outward("0001-01-01", BOOK)
    late = bound(Kind.DATE, t("date", zone="Etc/GMT+12", time="23:00", **{"as": "instant"}))
    with pytest.raises(ValueProblem, match="cannot be sent as a moment"):
        late.outward("9999-12-31", BOOK)
