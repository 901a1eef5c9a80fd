"""The health score (I1): what an integration's last day comes to, from 0 to 100, and why.

Facts in, score out; ``integrations.selectors.healths_of`` reads the facts. Each indicator has 0 to 100 points and
takes from the score what it lacks of them, by its weight. What was not measured takes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import floor

from integrations.wording import milliseconds, percent, span

HEALTHY_FROM = 90
DEGRADED_FROM = 70
#: fewer syncs in a span of time say nothing about it
ENOUGH = 10


class HealthStatus(StrEnum):
    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNHEALTHY = "UNHEALTHY"


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one integration. Times are aware; a span of None means that no run is expected."""

    ended_well: int  # syncs of the last 24 hours that ended well
    ended_badly: int  # … failed, or in part
    failed: int  # … failed
    hour_ended: int = 0  # syncs of the last hour
    hour_failed: int = 0
    response_ms: float | None = None  # the other side's answers of the last 24 hours, on average
    last_success_at: datetime | None = None
    run_every: timedelta | None = None


@dataclass(frozen=True)
class Indicator:
    """One part of the score. ``value`` is in ``unit``; what was not measured has neither value nor verdict."""

    key: str
    label: str
    weight: float
    unit: str  # %, ms or s
    value: float | None
    shown: str
    points: float
    verdict: Verdict | None
    sentence: str

    @property
    def cost(self) -> float:
        """What it takes from the score."""
        return self.weight * (100 - self.points)

    @property
    def most(self) -> float:
        """What it can take at most."""
        return self.weight * 100


@dataclass(frozen=True)
class Health:
    score: int  # rounded down, so that no limit is reached by rounding
    indicators: tuple[Indicator, ...]

    @property
    def status(self) -> HealthStatus:
        if self.score >= HEALTHY_FROM:
            return HealthStatus.HEALTHY
        return HealthStatus.DEGRADED if self.score >= DEGRADED_FROM else HealthStatus.UNHEALTHY

    @property
    def is_low(self) -> bool:
        return self.status is not HealthStatus.HEALTHY

    @property
    def reason(self) -> str:
        """The sentence of what costs most; "" if nothing does."""
        worst = max(self.indicators, key=lambda each: each.cost)
        return worst.sentence if worst.cost else ""


def health_of(facts: Facts, *, now: datetime) -> Health | None:
    """The score; None where too few syncs ended in the last 24 hours to say anything."""
    if facts.ended_well + facts.ended_badly < ENOUGH:
        return None
    indicators = tuple(measure(facts, now) for measure in MEASURES)
    cost = sum(each.cost for each in indicators)
    return Health(floor(round(100 - cost, 6)), indicators)


def verdict_of(points: float) -> Verdict:
    """By the limits of the score itself."""
    if points >= HEALTHY_FROM:
        return Verdict.PASS
    return Verdict.WARN if points >= DEGRADED_FROM else Verdict.FAIL


def _success_rate(facts: Facts, now: datetime) -> Indicator:
    """As many points as per cent."""
    total = facts.ended_well + facts.ended_badly
    rate = 100 * facts.ended_well / total
    said = f"{facts.ended_well} of {total} operations went well in the last 24 hours."
    return Indicator(
        "success_rate", "Success rate", 0.4, "%", rate, percent(rate), rate, verdict_of(rate), said
    )


def _error_rate(facts: Facts, now: datetime) -> Indicator:
    """No points from 30 % on, so that a tenth (H7) costs just what lies between healthy and degraded."""
    failed, total, when = facts.failed, facts.ended_well + facts.ended_badly, "24 hours"
    if facts.hour_ended >= ENOUGH:
        failed, total, when = facts.hour_failed, facts.hour_ended, "hour"
    rate = 100 * failed / total
    points = max(0.0, 100 - rate * 10 / 3)
    said = f"{failed} of {total} operations failed in the last {when}."
    return Indicator(
        "error_rate", "Error rate", 0.3, "%", rate, percent(rate), points, verdict_of(points), said
    )


def _response_time(facts: Facts, now: datetime) -> Indicator:
    """Ten points less for each second beyond the first."""
    key, label, weight, unit = "response_time", "Response time", 0.2, "ms"
    if facts.response_ms is None:
        said = "No answer of the other side was timed in the last 24 hours."
        return Indicator(key, label, weight, unit, None, "—", 100.0, None, said)
    points = max(0.0, 100 - 10 * max(0.0, facts.response_ms / 1000 - 1))
    shown = milliseconds(round(facts.response_ms))
    said = f"The other side answers in {shown} on average."
    return Indicator(key, label, weight, unit, facts.response_ms, shown, points, verdict_of(points), said)


def _last_sync(facts: Facts, now: datetime) -> Indicator:
    """Ten points less for each run that is overdue."""
    key, label, weight, unit = "last_sync", "Last sync", 0.1, "s"
    if facts.run_every is None:
        said = "No run is planned, so none is overdue."
        return Indicator(key, label, weight, unit, None, "—", 100.0, None, said)
    due = f"one is due every {span(facts.run_every.total_seconds())}"
    if facts.last_success_at is None:
        said = f"No run has succeeded yet, though {due}."
        return Indicator(key, label, weight, unit, None, "never", 0.0, Verdict.FAIL, said)
    age = max(timedelta(), now - facts.last_success_at)
    points = max(0.0, 100 - 10 * max(0.0, age / facts.run_every - 1))
    amount = span(age.total_seconds())
    shown = f"{amount} ago" if amount else "just now"
    said = f"The last run that succeeded ended {shown}; {due}."
    return Indicator(key, label, weight, unit, age.total_seconds(), shown, points, verdict_of(points), said)


MEASURES: tuple[Callable[[Facts, datetime], Indicator], ...] = (
    _success_rate,
    _error_rate,
    _response_time,
    _last_sync,
)
