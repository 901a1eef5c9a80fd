"""Figures kept per hour, day and week, so that a page over a year reads rows instead of events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from boards.core.layout import Layout
from boards.core.metrics import Figures, Refused, figures
from boards.core.replay import Event
from boards.defaults import layout_of
from boards.models import Board, Move, PeriodKind, Refusal, StageMetric
from workspace.bulk import upsert_rows

from .snapshots import events_of, state_at

_COLUMNS = (
    "board_id", "stage", "period", "since", "until", "entered", "exited", "throughput", "lead_average", "lead_median",
    "lead_p90", "cycle_average", "cycle_median", "cycle_p90", "stay_average", "stay_median", "stay_p90", "wip_blocked",
    "wip_warned", "overridden", "bottleneck",
)  # fmt: skip
#: how far back a run looks: the period under way and those that a late event may still change
BACK = {PeriodKind.HOURLY: 3, PeriodKind.DAILY: 2, PeriodKind.WEEKLY: 2}


def figures_of(
    board: Board, since: datetime, until: datetime, events: list[Event] | None = None, cards: set[UUID] | None = None,
    layout: Layout | None = None,
) -> Figures:  # fmt: skip
    """The period's figures straight from the events; of these cards alone, if some are named. ``layout`` is that of a
    further board of the same events."""
    layout = layout_of(board.record_type, board.config) if layout is None else layout
    found = events_from(board.pk, since, layout.done()) if events is None else events
    if cards is not None:
        found = [event for event in found if event.card in cards]
    rows = Refusal.objects.filter(board=board, at__gte=since, at__lt=until)
    refused = rows.values_list("at", "stage", "record_id")
    return figures(
        found, stages=layout.keys, active=layout.active(), done=layout.done(), since=since, until=until,
        refused=[Refused(at, stage) for at, stage, card in refused if cards is None or card in cards],
    )  # fmt: skip


def events_from(board_id: UUID, since: datetime, done: frozenset[str]) -> list[Event]:
    """As many events as the figures from ``since`` on need, however long the board's history is: all those of the cards
    that moved since; of each other open card only that it stands where it stood."""
    moved = Move.objects.filter(board_id=board_id, at__gte=since)
    theirs = list(events_of(board_id, cards=moved.values("record_id")))
    touched = {event.card for event in theirs}
    before = since - timedelta(microseconds=1)
    state, _ = state_at(board_id)
    standing = [
        Event(0, before, card, "", place.stage, place.rank)
        for card, place in state.items()
        if card not in touched and place.stage not in done
    ]
    return standing + theirs


def roll_up(board: Board, now: datetime, back: dict[PeriodKind, int] | None = None) -> int:
    """Write the figures of the latest periods of each kind; how many rows. Running it again changes nothing."""
    began_at = Move.objects.filter(board=board).order_by("seq").values_list("at", flat=True).first()
    zone = board.tenant.zone
    wanted = [
        (kind, since, until)
        for kind, count in (back or BACK).items()
        for since, until in periods(kind, now, count, zone)
        if began_at is not None and began_at < until
    ]
    if not wanted:
        return 0
    done = layout_of(board.record_type, board.config).done()
    events = events_from(board.pk, min(since for _, since, _ in wanted), done)
    rows: list[tuple[Any, ...]] = []
    for kind, since, until in wanted:
        rows += _rows(board, kind, figures_of(board, since, until, events))
    upsert_rows(
        StageMetric, _COLUMNS, rows, unique=("board_id", "period", "since", "stage"), update=_COLUMNS[4:]
    )
    return len(rows)


def periods(kind: PeriodKind, now: datetime, count: int, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """The latest ``count`` periods, the one under way last, as instants; days and weeks begin at local midnight."""
    if kind is PeriodKind.HOURLY:
        top = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        for number in range(count - 1, -1, -1):
            begin = top - timedelta(hours=number)
            yield begin, begin + timedelta(hours=1)
        return
    days = 1 if kind is PeriodKind.DAILY else 7
    today = now.astimezone(zone).date()
    first = today - timedelta(days=today.weekday()) if days == 7 else today
    for number in range(count - 1, -1, -1):
        begin_on = first - timedelta(days=days * number)
        yield tuple(  # type: ignore[misc]
            datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
            for day in (begin_on, begin_on + timedelta(days=days))
        )


def _rows(board: Board, kind: PeriodKind, found: Figures) -> Iterator[tuple[Any, ...]]:
    head = (board.pk, "", kind.value, found.since, found.until)
    whole = (
        sum(stage.entered for stage in found.stages), sum(stage.exited for stage in found.stages), found.throughput,
        found.lead.average, found.lead.median, found.lead.p90, found.cycle.average, found.cycle.median, found.cycle.p90,
        None, None, None, sum(stage.blocked for stage in found.stages), sum(stage.warned for stage in found.stages),
        sum(stage.overridden for stage in found.stages), max((stage.bottleneck for stage in found.stages), default=0.0),
    )  # fmt: skip
    yield (*head, *whole)
    for stage in found.stages:
        yield (
            board.pk, stage.stage, kind.value, found.since, found.until, stage.entered, stage.exited, 0,
            None, None, None, None, None, None, stage.stay.average, stage.stay.median, stage.stay.p90, stage.blocked,
            stage.warned, stage.overridden, stage.bottleneck,
        )  # fmt: skip
