"""Start, stop and length stay consistent, whichever of them changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.base.errors import RecordProblem
from connectors.base.spans import Span, format_duration, parse_duration

NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)
TEN = datetime(2026, 11, 2, 10, tzinfo=UTC)
HOUR = Span(NINE, TEN, 3600)


def test_a_new_stop_decides_the_length() -> None:
    assert HOUR.changed({"stop": "2026-11-02T11:30:00Z"}) == Span(
        NINE, datetime(2026, 11, 2, 11, 30, tzinfo=UTC), 9000
    )


def test_a_new_start_keeps_the_stop() -> None:
    assert HOUR.changed({"start": "2026-11-02T09:30:00+00:00"}).seconds == 1800


def test_a_new_length_alone_moves_the_stop() -> None:
    assert HOUR.changed({"seconds": 1800}) == Span(NINE, datetime(2026, 11, 2, 9, 30, tzinfo=UTC), 1800)


def test_where_stop_and_length_disagree_the_stop_wins() -> None:
    assert HOUR.changed({"stop": "2026-11-02T09:10:00Z", "seconds": 60}).seconds == 600


def test_an_emptied_stop_starts_the_timer_again() -> None:
    assert HOUR.changed({"stop": None}) == Span(NINE)
    assert HOUR.changed({"stop": None, "seconds": None}).is_running


def test_a_stopped_timer_gets_its_length() -> None:
    assert Span(NINE).changed({"stop": TEN}) == HOUR


def test_a_new_record_takes_start_and_length() -> None:
    assert Span().changed({"start": "2026-11-02T09:00:00Z", "stop": None, "seconds": 3600}) == HOUR


def test_a_length_without_times_is_kept() -> None:
    assert Span().changed({"seconds": 90}) == Span(seconds=90)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stop": "2026-11-02T08:00:00Z"}, "stop"),
        ({"start": "nine"}, "start"),
        ({"seconds": -5}, "seconds"),
        ({"seconds": "x"}, "seconds"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, object], field: str) -> None:
    with pytest.raises(RecordProblem) as caught:
        HOUR.changed(changes)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1H30M", 5400), ("PT0S", 0), ("PT45S", 45), ("P1DT1H", 90000), ("PT26H", 93600), ("PT2.9S", 2)],
)
def test_iso_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "1:30", None, 5, "PT1X"])
def test_what_is_no_duration_is_none(text: object) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(("seconds", "text"), [(0, "PT0S"), (5400, "PT1H30M"), (93661, "PT26H1M1S")])
def test_durations_are_written(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text
