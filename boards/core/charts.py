"""What the charts of a board show, from its events and the cards' ways. Plain Python; definitions are those of metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from uuid import UUID

from .metrics import ENOUGH, Journey, percentile, spread_of
from .replay import Event


def cumulative_flow(
    events: Sequence[Event], stages: Sequence[str], first: date, last: date, zone: tzinfo
) -> list[tuple[date, dict[str, int]]]:
    """Cards per stage at the end of each day, both days included."""
    counts: Counter[str] = Counter()
    where: dict[UUID, str] = {}
    rows: list[tuple[date, dict[str, int]]] = []
    position, day = 0, first
    ordered = sorted(events, key=lambda event: (event.at, event.seq))
    while day <= last:
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
        while position < len(ordered) and ordered[position].at < end:
            event = ordered[position]
            position += 1
            if (before := where.pop(event.card, None)) is not None:
                counts[before] -= 1
            if event.target:
                where[event.card] = event.target
                counts[event.target] += 1
        rows.append((day, {stage: counts[stage] for stage in stages}))
        day += timedelta(days=1)
    return rows


@dataclass(frozen=True, slots=True)
class Day:
    """What a day of the flow comes to: open cards before done at its end, cards finished on it, their median lead time."""

    wip: int
    finished: int
    lead: float | None


def flow_days(
    flow: Sequence[tuple[date, Mapping[str, int]]],
    ways: Mapping[UUID, Journey],
    done: frozenset[str],
    zone: tzinfo,
) -> list[Day]:
    """One for each day of ``cumulative_flow``."""
    leads: dict[date, list[float]] = defaultdict(list)
    for way in ways.values():
        end, lead = way.finished_at(done), way.lead(done)
        if end is not None and lead is not None:
            leads[end.astimezone(zone).date()].append(lead)
    return [
        Day(
            sum(count for stage, count in counts.items() if stage not in done),
            len(leads[day]),
            spread_of(leads[day]).median,
        )
        for day, counts in flow
    ]  # fmt: skip


def throughput(days: Sequence[tuple[date, Day]], *, weekly: bool = False) -> list[tuple[date, int]]:
    """Cards finished per day, or per week by its Monday; a week that the days cover in part has what they cover."""
    if not weekly:
        return [(day, one.finished) for day, one in days]
    found: Counter[date] = Counter()
    for day, one in days:
        found[day - timedelta(days=day.weekday())] += one.finished
    return sorted(found.items())


@dataclass(frozen=True, slots=True)
class Point:
    """A finished card in the scatter."""

    card: UUID
    finished_at: datetime
    cycle: float
    lead: float


def scatter(
    ways: Mapping[UUID, Journey],
    *,
    active: frozenset[str],
    done: frozenset[str],
    since: datetime,
    until: datetime,
) -> tuple[list[Point], dict[int, float | None]]:
    """Finished cards with a cycle time, and the 50/70/85/95 lines (None where there are too few)."""
    points = []
    for way in ways.values():
        end, cycle, lead = way.finished_at(done), way.cycle(done, active), way.lead(done)
        if end is not None and cycle is not None and lead is not None and since <= end < until:
            points.append(Point(way.card, end, cycle, lead))
    points.sort(key=lambda point: (point.finished_at, str(point.card)))
    return points, lines_of(sorted(point.cycle for point in points))


#: of the cards or stays, so many per cent lie below a line
SHARES = (50, 70, 85, 95)


def lines_of(values: Sequence[float]) -> dict[int, float | None]:
    """The percentile lines of sorted values; None where there are too few."""
    return {share: percentile(values, share) if len(values) >= ENOUGH else None for share in SHARES}


def past_stays(ways: Mapping[UUID, Journey]) -> dict[str, list[float]]:
    """Stage → how long visits lasted that have ended, shortest first."""
    past: dict[str, list[float]] = defaultdict(list)
    for way in ways.values():
        for visit in way.visits:
            if visit.left_at is not None:
                past[visit.stage].append(visit.seconds(visit.left_at))
    return {stage: sorted(stays) for stage, stays in past.items()}


@dataclass(frozen=True, slots=True)
class Ageing:
    """An open card: seconds in its stage and on the board, and the share of past stays that were shorter."""

    card: UUID
    stage: str
    in_stage: float
    on_board: float
    share: float | None


def ageing(ways: Mapping[UUID, Journey], done: frozenset[str], now: datetime) -> list[Ageing]:
    """Open cards, oldest relative to their stage's past first."""
    past = past_stays(ways)
    found = []
    for way in ways.values():
        if way.gone_at is not None or not way.visits or way.visits[-1].stage in done:
            continue
        visit = way.visits[-1]
        stays = past.get(visit.stage, [])
        age = visit.seconds(now)
        share = bisect_left(stays, age) / len(stays) if len(stays) >= ENOUGH else None
        board = (now - way.visits[0].entered_at).total_seconds()
        found.append(Ageing(way.card, visit.stage, age, board, share))
    found.sort(key=lambda one: (-(one.share if one.share is not None else -1), -one.in_stage, str(one.card)))
    return found
