"""The health score: hand-computed values, and what must hold for any facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.health import ENOUGH, Facts, Health, HealthStatus, Verdict, health_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTES = timedelta(minutes=1)


def facts(**values: object) -> Facts:
    """A calm day: 100 operations, all well, answered in half a second, run a minute ago."""
    calm = {
        "ended_well": 100,
        "ended_badly": 0,
        "failed": 0,
        "hour_ended": 20,
        "hour_failed": 0,
        "response_ms": 500.0,
        "last_success_at": NOW - MINUTES,
        "run_every": 5 * MINUTES,
    }
    return Facts(**{**calm, **values})  # type: ignore[arg-type]


def health(**values: object) -> Health:
    found = health_of(facts(**values), now=NOW)
    assert found is not None
    return found


def verdicts(found: Health) -> dict[str, str | None]:
    return {each.key: each.verdict for each in found.indicators}


def test_a_calm_day_is_a_hundred() -> None:
    found = health()
    assert (found.score, found.status, found.reason) == (100, "HEALTHY", "")
    assert set(verdicts(found).values()) == {Verdict.PASS}
    assert [(each.key, each.weight) for each in found.indicators] == [
        ("success_rate", 0.4), ("error_rate", 0.3), ("response_time", 0.2), ("last_sync", 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "score", "status", "reason"),
    [
        # a tenth of the last hour: a third of the error rate's points, 0.3 x 33.3 = just the ten to the limit
        ({"hour_failed": 2}, 90, "HEALTHY", "2 of 20 operations failed in the last hour."),
        ({"hour_ended": 40, "hour_failed": 5}, 87, "DEGRADED", "5 of 40 operations failed in the last hour."),
        # the hour has too few to say anything, so the day speaks: 0.4 x 20 + 0.3 x 66.7 = 28
        (
            {"ended_well": 80, "ended_badly": 20, "failed": 20, "hour_ended": 9, "hour_failed": 9},
            72,
            "DEGRADED",
            "20 of 100 operations failed in the last 24 hours.",
        ),
        # 0.4 x 40 + 0.3 x 100 = 46
        (
            {"ended_well": 60, "ended_badly": 40, "failed": 40, "hour_ended": 0},
            54,
            "UNHEALTHY",
            "40 of 100 operations failed in the last 24 hours.",
        ),
        # partly done is not well, but no failure either: 0.4 x 15 = 6
        (
            {"ended_well": 85, "ended_badly": 15},
            94,
            "HEALTHY",
            "85 of 100 operations went well in the last 24 hours.",
        ),
        # three seconds beyond the first: 0.2 x 30 = 6; eleven and more: 20
        ({"response_ms": 4000.0}, 94, "HEALTHY", "The other side answers in 4.0 s on average."),
        ({"response_ms": 45_000.0}, 80, "DEGRADED", "The other side answers in 45.0 s on average."),
        # an hour without the run that is due every five minutes: eleven overdue, 0.1 x 100 = 10
        (
            {"last_success_at": NOW - 60 * MINUTES},
            90,
            "HEALTHY",
            "The last run that succeeded ended 1 h ago; one is due every 5 min.",
        ),
        (
            {"last_success_at": None},
            90,
            "HEALTHY",
            "No run has succeeded yet, though one is due every 5 min.",
        ),
    ],
)
def test_hand_computed(values: dict[str, object], score: int, status: str, reason: str) -> None:
    found = health(**values)
    assert (found.score, found.status, found.reason) == (score, status, reason)


def test_each_indicator_has_its_verdict_and_its_number() -> None:
    found = health(
        ended_well=96,
        ended_badly=4,
        failed=4,
        hour_failed=1,
        response_ms=3000.0,
        last_success_at=NOW - 40 * MINUTES,
    )
    assert [(each.shown, each.unit, each.verdict) for each in found.indicators] == [
        ("96.0 %", "%", "PASS"), ("5.0 %", "%", "WARN"), ("3.0 s", "ms", "WARN"), ("40 min ago", "s", "FAIL"),
    ]  # fmt: skip
    assert [each.value for each in found.indicators] == [96.0, 5.0, 3000.0, 2400.0]
    assert found.score == 82  # 1.6 + 5 + 4 + 7 = 17.6 lost, rounded down


def test_what_was_not_measured_takes_nothing_and_has_no_verdict() -> None:
    found = health(response_ms=None, run_every=None, last_success_at=None)
    assert found.score == 100
    assert verdicts(found) == {
        "success_rate": "PASS", "error_rate": "PASS", "response_time": None, "last_sync": None,
    }  # fmt: skip


@pytest.mark.parametrize(("good", "bad"), [(0, 0), (9, 0), (0, 9), (5, 4)])
def test_too_few_operations_have_no_score(good: int, bad: int) -> None:
    assert health_of(facts(ended_well=good, ended_badly=bad, failed=bad), now=NOW) is None


counts = st.integers(0, 5000)


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    bad, hour_ended = draw(counts), draw(counts)
    return Facts(
        ended_well=draw(st.integers(ENOUGH, 5000)),
        ended_badly=bad,
        failed=draw(st.integers(0, bad)),
        hour_ended=hour_ended,
        hour_failed=draw(st.integers(0, hour_ended)),
        response_ms=draw(st.none() | st.floats(0, 1e7)),
        last_success_at=draw(st.none() | st.datetimes(timezones=st.just(UTC))),
        run_every=draw(st.none() | st.timedeltas(min_value=5 * MINUTES, max_value=timedelta(days=30))),
    )


@given(any_facts())
def test_a_score_is_within_bounds_and_agrees_with_its_status_and_reason(given: Facts) -> None:
    found = health_of(given, now=NOW)
    assert found is not None and 0 <= found.score <= 100
    assert abs(100 - sum(each.cost for each in found.indicators) - found.score) < 1.001
    assert found.is_low == (found.score < 90) == (found.status != HealthStatus.HEALTHY)
    assert all(0 <= each.points <= 100 for each in found.indicators)
    assert found.reason if found.is_low else True


@given(any_facts(), st.integers(1, 100))
def test_one_more_failure_never_helps(given: Facts, more: int) -> None:
    worse = Facts(
        **{
            **vars(given),
            "ended_badly": given.ended_badly + more,
            "failed": given.failed + more,
            "hour_ended": given.hour_ended + more,
            "hour_failed": given.hour_failed + more,
        }
    )
    before, after = health_of(given, now=NOW), health_of(worse, now=NOW)
    assert before is not None and after is not None
    if given.hour_ended >= ENOUGH:  # else another span is looked at
        assert after.score <= before.score
