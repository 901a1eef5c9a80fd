"""How full the board is, for pages and the API: cards per column and cell, and what their limits say to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, DecimalField, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce

from boards.core.layout import Layout, Limit
from boards.core.rules import limit_words, number_text
from boards.models import Board
from boards.services.cards import cards_of
from boards.services.lanes import lane_expression, lane_names, lane_text
from boards.services.loads import as_decimal
from boards.services.moves import stream_id
from boards.services.snapshots import events_of
from workspace.models import Priority

#: lanes that a board shows; the page says how many more there are
MAX_LANES = 50
#: so many moves are added to known counts; beyond that counting anew is quicker
CARRIED_ON = 2000


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a column or a cell is; ``total`` is what the limit counts: cards, or their size."""

    count: int = 0
    total: Decimal = Decimal(0)
    limit: Limit = field(default_factory=Limit)

    @property
    def total_text(self) -> str:
        return number_text(self.total)

    @property
    def limit_text(self) -> str:
        """The number after the slash: what blocks, else what warns."""
        number = self.limit.hard if self.limit.hard is not None else self.limit.soft
        return "" if number is None else str(number)

    @property
    def words(self) -> str:
        return limit_words(self.limit, self.total)[0]

    @property
    def tone(self) -> str:
        return limit_words(self.limit, self.total)[1]


@dataclass(frozen=True)
class Occupancy:
    """``counts`` has stages without a column too; ``cells`` is empty on a board without lanes."""

    counts: Mapping[str, int]
    stages: Mapping[str, Fill]
    cells: Mapping[tuple[str, str], Fill]
    seq: int = 0  # of the last move that ``counts`` know of

    @property
    def lane_values(self) -> list[str]:
        """Lanes that have cards, those without a value left out."""
        return sorted({lane for (_, lane), fill in self.cells.items() if fill.count} - {""})


def occupancy(board: Board, layout: Layout) -> Occupancy:
    """At most three queries, whatever the number of cards; filters are left aside."""
    counts, seq = counted(board)
    sizes = _stage_sizes(board, layout)
    stages = {
        stage.key: Fill(
            counts.get(stage.key, 0),
            Decimal(counts.get(stage.key, 0)) if layout.limit_by == "count" else sizes.get(stage.key, Decimal(0)),
            stage.limit,
        )
        for stage in layout.stages
    }  # fmt: skip
    return Occupancy(counts, stages, _cells(board, layout), seq)


def stage_counts(board: Board) -> dict[str, int]:
    """Cards per stage."""
    return counted(board)[0]


def counted(board: Board) -> tuple[dict[str, int], int]:
    """Cards per stage, and the number of the last move that is in them. Counted once, then carried on by the moves
    since: flat in the number of cards."""
    stream = stream_id(board)
    key = f"boards:counts:{stream}"
    known: tuple[int, dict[str, int]] | None = cache.get(key)
    last = Board.objects.values_list("last_seq", flat=True).get(pk=stream)
    if known is None or known[0] > last or last - known[0] > CARRIED_ON:
        return _count(board, stream, key, last)
    seq, counts = known[0], dict(known[1])
    if last > seq:
        for event in events_of(stream, after=seq, until=last):
            if event.origin != event.target:
                counts[event.origin] = counts.get(event.origin, 0) - 1
                counts[event.target] = counts.get(event.target, 0) + 1
        cache.set(key, (last, counts), 3600)
    return {stage: count for stage, count in counts.items() if stage and count}, last


def _count(board: Board, stream: UUID, key: str, last: int) -> tuple[dict[str, int], int]:
    """The number and the counts in one statement, so that they belong together."""
    seq = Board.objects.filter(pk=stream).values("last_seq")
    cards = cards_of(board.tenant_id, board.record_type)
    found = list(cards.values("stage").annotate(n=Count("pk"), seq=Subquery(seq)))
    counts = {row["stage"]: row["n"] for row in found}
    if found:
        cache.set(key, (found[0]["seq"], counts), 3600)
    return counts, found[0]["seq"] if found else last


def _stage_sizes(board: Board, layout: Layout) -> dict[str, Decimal]:
    """The total size per stage, where limits go by size."""
    if layout.limit_by == "count":
        return {}
    rows = cards_of(board.tenant_id, board.record_type).filter(stage__in=layout.keys)
    return {
        row["stage"]: as_decimal(row["n"]) for row in rows.values("stage").annotate(n=Sum(layout.limit_by))
    }


def _cells(board: Board, layout: Layout) -> dict[tuple[str, str], Fill]:
    """Every (stage, lane) that has cards or a limit."""
    if not layout.lane_field:
        return {}
    cards = cards_of(board.tenant_id, board.record_type).filter(stage__in=layout.keys)
    cards = cards.annotate(cell_lane=lane_expression(board.record_type, layout.lane_field))
    number = DecimalField(max_digits=24, decimal_places=4)
    size: Any = (
        Count("pk")
        if layout.limit_by == "count"
        else Coalesce(Cast(Sum(layout.limit_by), number), Value(Decimal(0), number))
    )
    found = {
        (stage.key, lane): Fill(limit=limit) for stage in layout.stages for lane, limit in stage.lanes.items()
    }
    for stage, value, count, total in cards.values_list("stage", "cell_lane").annotate(
        n=Count("pk"), size=size
    ):
        key = stage, lane_text(value)
        before = found.get(key, Fill())
        found[key] = Fill(before.count + count, before.total + as_decimal(total), before.limit)
    return found


# ---------------------------------------------------------------- lanes


def lanes(board: Board, layout: Layout, values: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """(value, name) of the swimlanes that have cards, at most ``MAX_LANES``; cards without a value last."""
    if not layout.lane_field:
        return []
    shown = (Occupancy({}, {}, _cells(board, layout)).lane_values if values is None else values)[:MAX_LANES]
    names = lane_names(board, layout.lane_field, shown)
    found = [(value, names.get(value, value)) for value in shown]
    if layout.lane_field == "priority":
        found = found or [(Priority.NONE.value, str(Priority.NONE.label))]
        order = {value: index for index, value in enumerate(reversed(Priority.values))}
        return sorted(found, key=lambda lane: order.get(lane[0], 99))  # every card has one
    return [*sorted(found, key=lambda lane: lane[1].lower()), ("", "None")]


def hidden_lanes(found: Occupancy) -> int:
    """Lanes with cards for which the board has no room."""
    return max(0, len(found.lane_values) - MAX_LANES)
