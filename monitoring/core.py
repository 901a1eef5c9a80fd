"""What an alert rule decides, as a pure function: no clock, no database, no settings.

A value is compared with the threshold at each look. A breach that has lasted long enough opens an alert; calm that
has lasted long enough ends it. A breach that returns within the quiet time opens the same alert again, so flapping
gives one alert. What people are told is the difference between what they last heard and what is, never within the
quiet time and never while the rule is muted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

#: a value must stay good at least so long before a trouble counts as over
CALM = timedelta(minutes=5)


class Compare(StrEnum):
    """Which side of the threshold is bad."""

    MORE = "more than"
    AT_LEAST = "at least"
    AT_MOST = "at most"


class State(StrEnum):
    """Of an alert; the values are those of ``models.AlertState``."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Step(StrEnum):
    """What happens to the alert."""

    NOTHING = "nothing"
    OPEN = "open"
    REOPEN = "reopen"
    RESOLVE = "resolve"


class Tell(StrEnum):
    """What people are told; the values are those of ``models.Reason``."""

    FIRED = "fired"
    AGAIN = "again"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule's numbers. ``hold``: how long a breach must last. ``quiet``: how long nothing more is said."""

    threshold: float
    compare: Compare
    hold: timedelta = timedelta(0)
    quiet: timedelta = timedelta(hours=1)

    @property
    def calm(self) -> timedelta:
        """How long a value must stay good until the trouble counts as over."""
        return max(self.hold, CALM)


@dataclass(frozen=True, slots=True)
class Memory:
    """Since when the value has been bad, or good; one of both, neither before the first look."""

    breached_since: datetime | None = None
    calm_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The trouble's latest alert. ``told`` is "", "fired" or "recovered"; ``alarmed_at`` when it was last said to fire."""

    state: State
    told: str = ""
    alarmed_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    memory: Memory
    step: Step = Step.NOTHING
    tell: Tell | None = None


def is_breached(terms: Terms, value: float | None) -> bool:
    """Nothing measured (None) is nothing wrong."""
    if value is None:
        return False
    match terms.compare:
        case Compare.MORE:
            return value > terms.threshold
        case Compare.AT_LEAST:
            return value >= terms.threshold
        case Compare.AT_MOST:
            return value <= terms.threshold


def decide(
    terms: Terms,
    memory: Memory,
    past: Past | None,
    value: float | None,
    now: datetime,
    *,
    is_muted: bool = False,
) -> Verdict:
    """What one look at a value comes to. ``past`` is None if there never was an alert, or none worth remembering."""
    memory = remembered(memory, is_breached(terms, value), now)
    step = _step(terms, memory, past, now)
    if is_muted:
        return Verdict(memory, step)
    return Verdict(memory, step, _tell(terms, after(past, step, now), now))


def remembered(memory: Memory, breached: bool, now: datetime) -> Memory:
    """The memory with this look added."""
    if breached:
        return Memory(breached_since=memory.breached_since or now)
    return Memory(calm_since=memory.calm_since or now)


def _step(terms: Terms, memory: Memory, past: Past | None, now: datetime) -> Step:
    if past is not None and past.state is not State.RESOLVED:
        is_over = memory.calm_since is not None and now - memory.calm_since >= terms.calm
        return Step.RESOLVE if is_over else Step.NOTHING
    began = memory.breached_since
    if began is None or now - began < terms.hold:
        return Step.NOTHING
    if past is None:
        return Step.OPEN
    if past.resolved_at is not None and began <= past.resolved_at:
        return Step.NOTHING  # a person ended it while it lasted: the same breach does not open it again
    return Step.REOPEN if _is_quiet(terms, past, now) else Step.OPEN


def after(past: Past | None, step: Step, now: datetime) -> Past | None:
    """The alert once the step is taken."""
    match step:
        case Step.OPEN:
            return Past(State.FIRING)
        case Step.REOPEN if past is not None:
            return replace(past, state=State.FIRING, resolved_at=None)
        case Step.RESOLVE if past is not None:
            return replace(past, state=State.RESOLVED, resolved_at=now)
    return past


def _tell(terms: Terms, past: Past | None, now: datetime) -> Tell | None:
    if past is None:
        return None
    if past.state is State.RESOLVED:
        return Tell.RECOVERED if past.told == "fired" else None
    if past.state is State.ACKNOWLEDGED or _is_quiet(terms, past, now):
        return None  # somebody is at it, or it was said a moment ago
    return Tell.AGAIN if past.told == "fired" else Tell.FIRED


def _is_quiet(terms: Terms, past: Past, now: datetime) -> bool:
    return past.alarmed_at is not None and now - past.alarmed_at < terms.quiet


def told(past: Past, tell: Tell, now: datetime) -> Past:
    """The alert once people have heard it."""
    if tell is Tell.RECOVERED:
        return replace(past, told="recovered")
    return replace(past, told="fired", alarmed_at=now)


def is_muted(start: time | None, end: time | None, clock: time) -> bool:
    """Whether a time of day lies in the daily mute window, which may go over midnight. No window: never."""
    if start is None or end is None:
        return False
    if start <= end:
        return start <= clock < end
    return clock >= start or clock < end


def replay(terms: Terms, looks: Iterable[tuple[datetime, float]]) -> list[datetime]:
    """When a rule would have opened an alert over a series of looks, oldest first. Returning within the quiet time
    counts as the same one."""
    memory, past, opened = Memory(), None, []
    for at, value in looks:
        verdict = decide(terms, memory, past, value, at)
        memory, past = verdict.memory, after(past, verdict.step, at)
        if verdict.step is Step.OPEN:
            opened.append(at)
        if verdict.tell is not None and past is not None:
            past = told(past, verdict.tell, at)
    return opened
