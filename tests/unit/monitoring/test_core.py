"""What an alert rule decides, by timelines worked out by hand. One look a minute; quiet time 60 minutes unless said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core import (
    Compare,
    Memory,
    Past,
    State,
    Step,
    Tell,
    Terms,
    after,
    decide,
    is_breached,
    is_muted,
    replay,
    told,
)

START = datetime(2025, 7, 1, 12, 0, tzinfo=UTC)
GOOD, BAD = 0.0, 20.0


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def terms(hold: int = 0, quiet: int = 60) -> Terms:
    return Terms(10, Compare.MORE, timedelta(minutes=hold), timedelta(minutes=quiet))


@dataclass
class Line:
    """Looks at a value once a minute; ``steps`` and ``said`` are (minute, what) where something happened."""

    terms: Terms
    memory: Memory = field(default_factory=Memory)
    past: Past | None = None
    steps: list[tuple[int, str]] = field(default_factory=list)
    said: list[tuple[int, str]] = field(default_factory=list)
    minute: int = 0

    def look(self, value: float | None, minutes: int = 1, *, muted: bool = False) -> Line:
        for _ in range(minutes):
            now = at(self.minute)
            verdict = decide(self.terms, self.memory, self.past, value, now, is_muted=muted)
            self.memory, self.past = verdict.memory, after(self.past, verdict.step, now)
            if verdict.step is not Step.NOTHING:
                self.steps.append((self.minute, verdict.step.value))
            if verdict.tell is not None:
                assert self.past is not None
                self.said.append((self.minute, verdict.tell.value))
                self.past = told(self.past, verdict.tell, now)
            self.minute += 1
        return self

    def by_hand(self, state: State) -> Line:
        assert self.past is not None
        ended = at(self.minute) if state is State.RESOLVED else None
        self.past = Past(state, self.past.told, self.past.alarmed_at, ended)
        return self


def test_nothing_wrong_is_nothing_said() -> None:
    line = Line(terms()).look(GOOD, 120)
    assert (line.steps, line.said, line.past) == ([], [], None)


def test_a_breach_fires_at_once_and_is_said_again_after_each_quiet_time() -> None:
    line = Line(terms()).look(GOOD, 3).look(BAD, 130)  # minutes 3 to 132
    assert line.steps == [(3, "open")]
    assert line.said == [(3, "fired"), (63, "again"), (123, "again")]


def test_a_breach_must_last_as_long_as_the_rule_says() -> None:
    assert Line(terms(hold=10)).look(BAD, 10).look(GOOD, 30).steps == []  # minutes 0 to 9: nine minutes long
    line = Line(terms(hold=10)).look(BAD, 11)
    assert line.steps == [(10, "open")]


def test_an_interrupted_breach_begins_anew() -> None:
    line = Line(terms(hold=10)).look(BAD, 8).look(GOOD).look(BAD, 12)  # bad again from minute 9
    assert line.steps == [(19, "open")]


def test_recovery_is_said_once_after_five_calm_minutes() -> None:
    line = Line(terms()).look(BAD, 10).look(GOOD, 60)  # calm from minute 10
    assert line.steps == [(0, "open"), (15, "resolve")]
    assert line.said == [(0, "fired"), (15, "recovered")]


def test_recovery_waits_as_long_as_the_breach_had_to_last() -> None:
    line = Line(terms(hold=20)).look(BAD, 30).look(GOOD, 60)  # calm from minute 30
    assert line.steps == [(20, "open"), (50, "resolve")]


def test_flapping_every_minute_gives_one_alert_and_one_message() -> None:
    line = Line(terms())
    for _ in range(25):
        line.look(BAD).look(GOOD)
    assert line.steps == [(0, "open")]
    assert line.said == [(0, "fired")]


def test_flapping_slower_than_calm_opens_the_same_alert_again_in_silence() -> None:
    line = Line(terms()).look(BAD, 2).look(GOOD, 10).look(BAD, 2).look(GOOD, 20)
    assert line.steps == [(0, "open"), (7, "resolve"), (12, "reopen"), (19, "resolve")]
    assert line.said == [(0, "fired"), (7, "recovered")]


def test_what_came_back_and_stays_is_said_once_the_quiet_time_is_over() -> None:
    line = Line(terms()).look(BAD, 2).look(GOOD, 10).look(BAD, 60)  # back at minute 12
    assert line.steps == [(0, "open"), (7, "resolve"), (12, "reopen")]
    assert line.said == [(0, "fired"), (7, "recovered"), (60, "fired")]


def test_a_breach_after_the_quiet_time_is_a_new_alert() -> None:
    line = Line(terms(quiet=30)).look(BAD, 2).look(GOOD, 40).look(BAD, 2)  # back at minute 42
    assert line.steps == [(0, "open"), (7, "resolve"), (42, "open")]
    assert line.said == [(0, "fired"), (7, "recovered"), (42, "fired")]


def test_an_acknowledged_alert_reminds_nobody_and_still_tells_its_end() -> None:
    line = Line(terms()).look(BAD, 10).by_hand(State.ACKNOWLEDGED).look(BAD, 190).look(GOOD, 10)
    assert line.said == [(0, "fired"), (205, "recovered")]


def test_a_person_ends_it_and_the_same_breach_does_not_open_it_again() -> None:
    line = Line(terms()).look(BAD, 10).by_hand(State.RESOLVED).look(BAD, 200)
    assert line.steps == [(0, "open")]
    assert line.said == [(0, "fired"), (10, "recovered")]
    line.look(GOOD, 10).look(BAD)  # a new breach, long after the quiet time
    assert line.steps == [(0, "open"), (220, "open")]
    assert line.said[-1] == (220, "fired")


def test_while_muted_it_fires_unsaid_and_is_said_at_the_end_of_the_window() -> None:
    line = Line(terms()).look(BAD, 30, muted=True).look(BAD, 10)
    assert line.steps == [(0, "open")]
    assert line.said == [(30, "fired")]


def test_what_came_and_went_while_muted_is_never_said() -> None:
    line = Line(terms()).look(BAD, 5, muted=True).look(GOOD, 20, muted=True).look(GOOD, 20)
    assert line.steps == [(0, "open"), (10, "resolve")]
    assert line.said == []


def test_a_recovery_while_muted_is_said_afterwards() -> None:
    line = Line(terms()).look(BAD, 5).look(GOOD, 20, muted=True).look(GOOD, 5)
    assert line.steps == [(0, "open"), (10, "resolve")]
    assert line.said == [(0, "fired"), (25, "recovered")]


def test_no_reading_is_calm() -> None:
    line = Line(terms()).look(BAD, 5).look(None, 10)
    assert line.steps == [(0, "open"), (10, "resolve")]


@pytest.mark.parametrize(
    ("compare", "bad"),
    [(Compare.MORE, [11]), (Compare.AT_LEAST, [10, 11]), (Compare.AT_MOST, [9, 10])],
)
def test_which_side_of_the_threshold_is_bad(compare: Compare, bad: Sequence[float]) -> None:
    limit = Terms(10, compare)
    assert [value for value in (9, 10, 11) if is_breached(limit, value)] == bad


@pytest.mark.parametrize(
    ("start", "end", "muted"),
    [
        (None, None, []),
        (time(9), time(17), [9, 16]),
        (time(22), time(6), [0, 5, 22, 23]),
    ],
)
def test_a_mute_window_holds_its_start_and_may_go_over_midnight(
    start: time | None, end: time | None, muted: Sequence[int]
) -> None:
    hours = [hour for hour in (0, 5, 6, 8, 9, 16, 17, 21, 22, 23) if is_muted(start, end, time(hour))]
    assert hours == muted


def test_replaying_a_series_counts_troubles_not_looks() -> None:
    values: Mapping[int, float] = {0: GOOD, 10: BAD, 30: GOOD, 50: BAD, 55: GOOD, 200: BAD, 205: GOOD}
    looks = [(at(minute), values[max(key for key in values if key <= minute)]) for minute in range(0, 300, 5)]
    # 50 comes back within the hour and is the same one; 200 is another
    assert replay(terms(), looks) == [at(10), at(200)]


@given(
    values=st.lists(st.sampled_from([GOOD, BAD, None]), max_size=90),
    hold=st.integers(0, 10),
    quiet=st.integers(5, 30),
    window=st.tuples(st.integers(0, 90), st.integers(0, 40)),
)
def test_alarms_keep_the_quiet_time_and_every_recovery_follows_an_alarm(
    values: list[float | None], hold: int, quiet: int, window: tuple[int, int]
) -> None:
    muted = range(window[0], window[0] + window[1])
    line = Line(terms(hold, quiet))
    for minute, value in enumerate(values):
        line.look(value, muted=minute in muted)
    alarms = [minute for minute, what in line.said if what != Tell.RECOVERED]
    assert all(later - earlier >= quiet for earlier, later in pairwise(alarms))
    is_end = [what == Tell.RECOVERED for _, what in line.said]
    assert is_end[:1] != [True]
    assert not any(first and second for first, second in pairwise(is_end))
    assert not any(minute in muted for minute, _ in line.said)
