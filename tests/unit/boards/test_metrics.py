"""Figures and charts of a history whose numbers were worked out by hand.

Berlin's days: 30 March 2025 has 23 hours, since the clocks go forward at 01:00 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.core import charts, metrics
from boards.core.metrics import Refused, Spread
from boards.core.replay import Event

BERLIN = ZoneInfo("Europe/Berlin")
STAGES = ("backlog", "doing", "review", "done")
ACTIVE, DONE = frozenset({"doing", "review"}), frozenset({"done"})
BOAT, DOOR, ROOF, SAIL = (UUID(int=number) for number in range(1, 5))
HOUR, DAY = 3600.0, 86400.0


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-03-{text}").replace(tzinfo=UTC)


HISTORY = [
    Event(number, at(when), card, origin, target, "i", over, override)
    for number, (when, card, origin, target, over, override) in enumerate(
        [
            ("28 09:00", BOAT, "", "backlog", "", False),
            ("28 09:00", DOOR, "", "backlog", "", False),
            ("28 21:00", DOOR, "backlog", "doing", "soft", False),
            ("29 09:00", BOAT, "backlog", "doing", "hard", True),
            ("29 10:00", BOAT, "doing", "doing", "", False),  # another place in the column: no visit
            ("29 21:00", DOOR, "doing", "review", "", False),
            ("29 22:00", DOOR, "review", "done", "", False),
            ("30 09:00", BOAT, "doing", "done", "", False),
            ("30 21:30", ROOF, "", "backlog", "", False),  # 23:30 in Berlin
            (
                "30 22:30",
                DOOR,
                "done",
                "doing",
                "",
                False,
            ),  # reopened, half past midnight of the 31st in Berlin
            ("31 08:00", SAIL, "", "doing", "", False),
            ("31 09:00", SAIL, "doing", "", "", False),  # deleted
            ("31 10:30", DOOR, "doing", "done", "", False),
        ],
        start=1,
    )
]
SINCE, UNTIL = at("27 23:00"), at("31 22:00")


def figures(until: datetime = UNTIL, since: datetime = SINCE) -> metrics.Figures:
    refused = [Refused(at("29 12:00"), "doing"), Refused(at("31 23:00"), "doing")]
    return metrics.figures(
        HISTORY, stages=STAGES, active=ACTIVE, done=DONE, since=since, until=until, refused=refused
    )


def test_lead_and_cycle_time_of_what_is_finished() -> None:
    found = figures()
    # boat: 48 h on the board, 24 h since doing; door: 73.5 h and 61.5 h to its second finish
    assert found.throughput == 2
    assert found.lead == Spread(2, (48 + 73.5) / 2 * HOUR, (48 + 73.5) / 2 * HOUR, None)
    assert found.cycle == Spread(2, (24 + 61.5) / 2 * HOUR, (24 + 61.5) / 2 * HOUR, None)


def test_a_reopened_card_is_unfinished_until_it_is_done_again() -> None:
    before, between = figures(until=at("30 22:00")), figures(until=at("31 09:00"))
    assert (before.throughput, before.lead.average) == (2, (48 + 37) / 2 * HOUR)
    assert (between.throughput, between.lead.average) == (1, 48 * HOUR)


def test_a_card_that_was_done_when_it_arrived_was_finished_elsewhere() -> None:
    imported = UUID(int=9)
    arrived = [
        Event(20, at("29 10:00"), imported, "", "done", "i"),
        Event(21, at("29 11:00"), imported, "done", "doing", "i"),
    ]
    way = metrics.journeys(arrived[:1])[imported]
    assert (way.finished_at(DONE), way.lead(DONE), way.cycle(DONE, ACTIVE)) == (None, None, None)
    again = metrics.journeys([*arrived, Event(22, at("29 15:00"), imported, "doing", "done", "i")])[imported]
    assert (again.finished_at(DONE), again.cycle(DONE, ACTIVE)) == (at("29 15:00"), 4 * HOUR)


def test_what_came_and_went_and_what_the_limits_did() -> None:
    rows = {row.stage: row for row in figures().stages}
    assert {stage: (row.entered, row.exited) for stage, row in rows.items()} == {
        "backlog": (3, 2), "doing": (4, 4), "review": (1, 1), "done": (3, 1),
    }  # fmt: skip
    assert {stage: (row.blocked, row.warned, row.overridden) for stage, row in rows.items()} == {
        "backlog": (0, 0, 0), "doing": (1, 2, 1), "review": (0, 0, 0), "done": (0, 0, 0),
    }  # fmt: skip
    stays = sorted([24, 24, 12, 1])  # door, boat, door again, sail
    assert rows["doing"].stay == Spread(4, sum(stays) / 4 * HOUR, 18 * HOUR, None)


def test_flow_efficiency_is_active_time_by_lead_time() -> None:
    # boat 24 of 48 h; door 24 + 1 + 12 active hours of 73.5
    assert figures().flow_efficiency == pytest.approx((24 + 37) / (48 + 73.5), abs=1e-4)


def test_the_bottleneck_is_where_time_is_spent_and_cards_gather() -> None:
    rows = {row.stage: row for row in figures().stages}
    backlog = 24 + 12 + (31 * 24 + 22 - (30 * 24 + 21.5))  # boat, door, roof until the end
    doing, review = 24 + 24 + 12 + 1, 1
    total = backlog + doing + review
    assert rows["backlog"].bottleneck == pytest.approx(50 * backlog / total + 50 / 3, abs=0.06)
    assert rows["doing"].bottleneck == pytest.approx(50 * doing / total, abs=0.06)
    assert (
        rows["backlog"].evidence
        == f"{backlog / total:.0%} of the time before done was spent here; 3 came, 2 left"
    )
    assert rows["done"].bottleneck == 0


def test_an_empty_period_has_no_figures() -> None:
    found = figures(since=at("01 00:00"), until=at("02 00:00"))
    assert (found.throughput, found.lead, found.flow_efficiency) == (0, Spread(), None)
    assert all((row.entered, row.exited, row.stay.count) == (0, 0, 0) for row in found.stages)


FIRST, LAST = date(2025, 3, 28), date(2025, 3, 31)


def flow() -> list[tuple[date, dict[str, int]]]:
    return charts.cumulative_flow(HISTORY, STAGES, FIRST, LAST, BERLIN)


def test_the_flow_counts_by_the_tenants_days_over_a_change_of_clocks() -> None:
    assert [tuple(counts.values()) for _, counts in flow()] == [
        (1, 1, 0, 0),  # boat; door
        (0, 1, 0, 1),  # boat doing; door done at 23:00
        (1, 0, 0, 2),  # roof came at 23:30; door is reopened only on the 31st
        (1, 0, 0, 2),
    ]


def test_a_day_of_the_flow_says_what_was_open_and_finished() -> None:
    days = charts.flow_days(flow(), metrics.journeys(HISTORY), DONE, BERLIN)
    assert [(day.wip, day.finished, day.lead) for day in days] == [
        (2, 0, None), (1, 0, None), (1, 1, 48 * HOUR), (1, 1, 73.5 * HOUR),
    ]  # fmt: skip


def test_throughput_by_day_and_by_week() -> None:
    days = [
        (day, one)
        for (day, _), one in zip(
            flow(), charts.flow_days(flow(), metrics.journeys(HISTORY), DONE, BERLIN), strict=True
        )
    ]
    assert [count for _, count in charts.throughput(days)] == [0, 0, 1, 1]
    assert charts.throughput(days, weekly=True) == [(date(2025, 3, 24), 1), (date(2025, 3, 31), 1)]


def test_the_scatter_has_its_lines_from_ten_cards_on() -> None:
    ways = metrics.journeys(HISTORY)
    points, lines = charts.scatter(ways, active=ACTIVE, done=DONE, since=SINCE, until=UNTIL)
    assert [(point.card, point.cycle) for point in points] == [(BOAT, 24 * HOUR), (DOOR, 61.5 * HOUR)]
    assert lines == dict.fromkeys((50, 70, 85, 95))
    many = [
        Event(2 * number + step, at("01 00:00") + timedelta(days=number * step), UUID(int=number), *move, "i")
        for number in range(1, 11)
        for step, move in enumerate((("", "doing"), ("doing", "done")))
    ]  # card n takes n days
    _, lines = charts.scatter(
        metrics.journeys(many), active=ACTIVE, done=DONE, since=at("01 00:00"), until=UNTIL
    )
    assert lines == {50: 5 * DAY, 70: 7 * DAY, 85: 9 * DAY, 95: 10 * DAY}


def test_ageing_holds_open_cards_against_past_stays_of_their_stage() -> None:
    past = [
        Event(
            2 * number + step, at("01 00:00") + timedelta(hours=number * step), UUID(int=number), *move, "i"
        )
        for number in range(1, 11)
        for step, move in enumerate((("", "doing"), ("doing", "done")))
    ]  # ten stays of 1 to 10 hours
    now = at("20 00:00")
    opened = [
        Event(100, now - timedelta(hours=4.5), BOAT_TOO := UUID(int=90), "", "doing", "i"),
        Event(101, now - timedelta(hours=20), UUID(int=91), "", "doing", "i"),
        Event(102, now - timedelta(hours=50), UUID(int=92), "", "backlog", "i"),
    ]
    ways = metrics.journeys([*past, *opened])
    found = charts.ageing(ways, DONE, now)
    assert [(one.card.int, one.in_stage / HOUR, one.share) for one in found] == [
        (91, 20, 1.0), (BOAT_TOO.int, 4.5, 0.4), (92, 50, None),
    ]  # fmt: skip
    assert charts.lines_of(charts.past_stays(ways)["doing"]) == {
        50: 5 * HOUR,
        70: 7 * HOUR,
        85: 9 * HOUR,
        95: 10 * HOUR,
    }


@given(st.lists(st.floats(0, 1e9), min_size=1), st.sampled_from([50, 70, 85, 90, 95]))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], share: int
) -> None:
    ordered = sorted(values)
    found = metrics.percentile(ordered, share)
    assert found is not None
    enough = len(ordered) * share / 100
    assert sum(value <= found for value in ordered) >= enough
    assert sum(value < found for value in ordered) < enough
