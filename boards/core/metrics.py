"""Figures of a board from its events alone. Plain Python; every number can be had again by a replay.

Definitions (``DEFINITIONS`` has them for the page): a card is *finished* at its latest entry into a stage of kind
done, as long as it stays there: a reopened card is unfinished until it is done again, and one that arrived on the
board done already (an import) was finished elsewhere and does not count. *Lead time* runs from its
arrival on the board to that moment, *cycle time* from its first entry into a stage of kind active. Weekends
count like other days.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from .replay import Event

#: with fewer cards than this a percentile says nothing
ENOUGH = 10

DEFINITIONS: Mapping[str, str] = {
    "finished": "A card is finished at its latest entry into a stage of kind done, as long as it stays there. "
    "A reopened card is unfinished until it is done again; its earlier finish no longer counts. "
    "A card that was done when it arrived on the board was finished elsewhere and does not count.",
    "lead": "Lead time: from the card's arrival on the board to its finish.",
    "cycle": "Cycle time: from the card's first entry into a stage of kind active to its finish. "
    "A card that was never in one has no cycle time.",
    "throughput": "Throughput: cards finished in the period.",
    "entered": "Entered, exited: moves into and out of the stage in the period, backward moves included.",
    "stay": "Stay: how long a visit to the stage lasted, for visits that ended in the period.",
    "percentile": "p90: the smallest value that at least 90 % of the cards do not exceed. "
    f"Below {ENOUGH} cards: too few.",
    "blocked": "Blocked: moves that a hard limit refused. Warned: moves that went over a limit.",
    "bottleneck": "Bottleneck score, 0 to 100: half for the stage's share of the time that cards spent in the stages "
    "before done, half for how much its queue grew (entered less exited, per entered).",
    "flow": "Flow efficiency: the time finished cards spent in active stages, as a share of their lead time.",
    "days": "Days begin at midnight in the tenant's time zone; weekends count like other days.",
}


@dataclass(slots=True)
class Visit:
    stage: str
    entered_at: datetime
    left_at: datetime | None = None

    def seconds(self, until: datetime) -> float:
        return ((self.left_at or until) - self.entered_at).total_seconds()


@dataclass(slots=True)
class Journey:
    """A card's visits in order; ``gone_at`` when it left the board."""

    card: UUID
    visits: list[Visit] = field(default_factory=list)
    gone_at: datetime | None = None

    def finished_at(self, done: frozenset[str]) -> datetime | None:
        """Consecutive stages of kind done count from the first of them; a card that arrived in one was finished elsewhere."""
        found = None
        for visit in reversed(self.visits):
            if visit.stage not in done:
                return found
            found = visit.entered_at
        return None

    def lead(self, done: frozenset[str]) -> float | None:
        end = self.finished_at(done)
        return None if end is None else (end - self.visits[0].entered_at).total_seconds()

    def cycle(self, done: frozenset[str], active: frozenset[str]) -> float | None:
        end = self.finished_at(done)
        begin = next((visit.entered_at for visit in self.visits if visit.stage in active), None)
        return None if end is None or begin is None or begin > end else (end - begin).total_seconds()


def journeys(events: Iterable[Event], until: datetime | None = None) -> dict[UUID, Journey]:
    """Every card's way, from events in the order of their numbers. Moves within a column are no visits."""
    found: dict[UUID, Journey] = {}
    for event in events:
        if until is not None and event.at >= until:
            continue
        journey = found.setdefault(event.card, Journey(event.card))
        last = journey.visits[-1] if journey.visits else None
        if last is not None and last.left_at is None:
            if last.stage == event.target:
                continue
            last.left_at = event.at
        if event.target:
            journey.visits.append(Visit(event.target, event.at))
            journey.gone_at = None
        else:
            journey.gone_at = event.at
    return found


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds; None where there is nothing, p90 None below ``ENOUGH``."""

    count: int = 0
    average: float | None = None
    median: float | None = None
    p90: float | None = None


def percentile(values: Sequence[float], share: int) -> float | None:
    """Nearest rank over sorted values."""
    if not values:
        return None
    return values[max(0, math.ceil(len(values) * share / 100) - 1)]


def spread_of(values: Iterable[float | None]) -> Spread:
    known = sorted(value for value in values if value is not None)
    if not known:
        return Spread()
    middle = len(known) // 2
    median = known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
    p90 = percentile(known, 90) if len(known) >= ENOUGH else None
    return Spread(len(known), sum(known) / len(known), median, p90)


@dataclass(frozen=True, slots=True)
class StageFigures:
    stage: str
    entered: int
    exited: int
    stay: Spread
    blocked: int
    warned: int
    overridden: int
    bottleneck: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Figures:
    since: datetime
    until: datetime
    lead: Spread
    cycle: Spread
    throughput: int
    flow_efficiency: float | None
    stages: tuple[StageFigures, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A move that a hard limit refused: no event, but counted."""

    at: datetime
    stage: str


def figures(
    events: Sequence[Event],
    *,
    stages: Sequence[str],
    active: frozenset[str],
    done: frozenset[str],
    since: datetime,
    until: datetime,
    refused: Iterable[Refused] = (),
) -> Figures:
    """All numbers of a period; events before it count for where the cards come from."""
    ways = journeys(events, until)
    finished = [
        way for way in ways.values() if (end := way.finished_at(done)) is not None and since <= end < until
    ]
    in_period = [event for event in events if since <= event.at < until]
    entered = Counter(event.target for event in in_period if event.target != event.origin)
    exited = Counter(event.origin for event in in_period if event.target != event.origin)
    warned = Counter(event.target for event in in_period if event.over)
    overridden = Counter(event.target for event in in_period if event.override)
    blocked = Counter(one.stage for one in refused if since <= one.at < until)
    stays = _stays(ways.values(), since, until)
    scores = bottlenecks(stages, done, entered, exited, _time_in(ways.values(), since, until))
    return Figures(
        since=since,
        until=until,
        lead=spread_of(way.lead(done) for way in finished),
        cycle=spread_of(way.cycle(done, active) for way in finished),
        throughput=len(finished),
        flow_efficiency=_efficiency(finished, active, done),
        stages=tuple(
            StageFigures(
                stage, entered[stage], exited[stage], spread_of(stays[stage]), blocked[stage], warned[stage],
                overridden[stage], *scores.get(stage, (0.0, "")),
            )
            for stage in stages
        ),
    )  # fmt: skip


def _stays(ways: Iterable[Journey], since: datetime, until: datetime) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for way in ways:
        for visit in way.visits:
            if visit.left_at is not None and since <= visit.left_at < until:
                found[visit.stage].append(visit.seconds(until))
    return found


def _time_in(ways: Iterable[Journey], since: datetime, until: datetime) -> dict[str, float]:
    """Seconds that cards spent in each stage within the period."""
    found: dict[str, float] = defaultdict(float)
    for way in ways:
        for visit in way.visits:
            begin, end = max(visit.entered_at, since), min(visit.left_at or until, until)
            if end > begin:
                found[visit.stage] += (end - begin).total_seconds()
    return found


def bottlenecks(
    stages: Sequence[str],
    done: frozenset[str],
    entered: Mapping[str, int],
    exited: Mapping[str, int],
    seconds: Mapping[str, float],
) -> dict[str, tuple[float, str]]:
    """Score and evidence per stage before done."""
    open_stages = [stage for stage in stages if stage not in done]
    total = sum(seconds.get(stage, 0.0) for stage in open_stages)
    found = {}
    for stage in open_stages:
        share = seconds.get(stage, 0.0) / total if total else 0.0
        came, went = entered.get(stage, 0), exited.get(stage, 0)
        growth = min(1.0, max(0, came - went) / came) if came else 0.0
        evidence = f"{share:.0%} of the time before done was spent here; {came} came, {went} left"
        found[stage] = (round(50 * share + 50 * growth, 1), evidence)
    return found


def _efficiency(finished: Iterable[Journey], active: frozenset[str], done: frozenset[str]) -> float | None:
    working = total = 0.0
    for way in finished:
        end = way.finished_at(done)
        assert end is not None
        total += way.lead(done) or 0.0
        for visit in way.visits:
            if visit.stage in active and visit.entered_at < end:
                working += (min(visit.left_at or end, end) - visit.entered_at).total_seconds()
    return round(working / total, 6) if total else None
