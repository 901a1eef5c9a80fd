"""Changes of stage or rank that came from elsewhere (record pages, the API, sync, restores) become moves too."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Subquery

from boards.core import ranks, rules
from boards.core.layout import BY_INTEGRATION, Layout
from boards.core.rules import Load
from boards.defaults import layout_of
from boards.models import Board, Move, Source
from workspace.hooks import Placed, Placement
from workspace.ids import new_id
from workspace.kinds import RecordSpec
from workspace.models import OriginKind, Tenant
from workspace.services import Origin, RecordState
from workspace.services.drafts import Draft

from . import lanes, loads
from .actors import Actor
from .cards import cards_of
from .moves import own_write, person, sentence_of, warn
from .sequence import Number, moves_announce, moves_insert, numbers_take

SOURCES = {
    OriginKind.USER: Source.RECORD,
    OriginKind.API: Source.API,
    OriginKind.SYNC: Source.SYNC,
    OriginKind.BOARD: Source.UI,
    OriginKind.RESOLUTION: Source.SYNC,
    OriginKind.ROLLBACK: Source.SYSTEM,
    OriginKind.SYSTEM: Source.SYSTEM,
}

_rng = random.SystemRandom()


def on_batch(
    tenant: Tenant, spec: RecordSpec, drafts: Sequence[Draft], origin: Origin, now: datetime
) -> Placed | None:
    """The workspace's hook: ranks for the cards that come into a column, and afterwards one event per card.

    A tenant without a board of this type pays one look-up; its history is read when the board is opened.
    """
    if own_write.get():
        return None
    boards = Board.objects.filter(tenant=tenant, record_type=spec.record_type, is_default=True)
    board = boards.select_related("tenant").first()
    if board is None:
        return None
    _give_ranks(board, spec, drafts)
    return lambda placements: placements_record(board, placements, origin, now)


def _give_ranks(board: Board, spec: RecordSpec, drafts: Sequence[Draft]) -> None:
    """At the bottom of the column that each card comes into; one statement for all columns."""
    default = spec.fields["stage"].default
    coming: dict[str, list[Draft]] = defaultdict(list)
    for made in drafts:
        arrives = made.state is None or "stage" in made.changed
        if arrives and "rank" not in made.changed:
            coming[made.now("stage") or default].append(made)
    if not coming:
        return
    stages = sorted(coming)
    cards = cards_of(board.tenant_id, board.record_type)
    last: dict[str, Any] = {
        f"last{index}": Subquery(cards.filter(stage=stage).order_by("-rank", "-pk").values("rank")[:1])
        for index, stage in enumerate(stages)
    }
    row: Any = Board.objects.filter(pk=board.pk).order_by().values(**last).get()
    for index, stage in enumerate(stages):
        low = row[f"last{index}"] or None
        for made, rank in zip(coming[stage], _appended(low, len(coming[stage])), strict=True):
            made.changed["rank"] = rank


def _appended(low: str | None, count: int) -> list[str]:
    try:
        return ranks.spread(low if low and ranks.is_rank(low) else None, None, count, _rng)
    except ranks.NoRoom:
        return ranks.spread(None, None, count, _rng)


def placements_record(board: Board, placements: Sequence[Placement], origin: Origin, now: datetime) -> None:
    """One event per card, in the transaction that wrote the records. Limits never block here; they flag."""
    source = SOURCES[OriginKind(origin.kind)]
    actor = Actor(
        origin.user, source, integration_id=origin.integration_id, correlation_id=origin.correlation_id
    )
    number = numbers_take(len(placements), board_id=board.pk)
    layout = layout_of(board.record_type, board.config)
    full = _full_cells(board, layout, placements, origin)
    command = new_id()
    first = number.last_seq - len(placements) + 1
    moves = [
        _move(board, first + index, one, actor, now, origin.note, command, full.get(one.record_id))
        for index, one in enumerate(placements)
    ]
    moves_insert(moves)
    moves_announce(board.room, board.tenant_id, board.pk, moves, person(origin.user))
    for load in {load.cell: load for load in full.values()}.values():
        warn(board, load, sentence_of(board, layout, load))


def _full_cells(
    board: Board, layout: Layout, placements: Sequence[Placement], origin: Origin
) -> dict[UUID, Load]:
    """Card → the limit that it went over by coming into its column or lane; the worst of several."""
    arriving = [one for one in placements if one.new_stage and one.new_stage != one.old_stage]
    lane_of, unpaired = _arriving_lanes(board, layout, arriving, origin)
    cells_of = {
        one.record_id: rules.limited_cells(layout, one.new_stage, lane_of.get(one.record_id))
        for one in arriving
    }
    cells = list(dict.fromkeys(cell for found in cells_of.values() for cell in found))
    if not cells:
        return {}
    totals = loads.cell_totals(board, layout, cells)
    load_of = {
        cell: Load(cell, total + unpaired.get((cell.stage, cell.lane), Decimal(0)))
        for cell, total in zip(cells, totals, strict=True)
    }
    worst = {card: rules.worst([load_of[cell] for cell in found]) for card, found in cells_of.items()}
    return {card: load for card, load in worst.items() if load is not None and load.over}


def _arriving_lanes(
    board: Board, layout: Layout, arriving: Sequence[Placement], origin: Origin
) -> tuple[dict[UUID, str], dict[tuple[str, str | None], Decimal]]:
    """Card → lane, where some column that is arrived in limits its lanes.

    A card that a sync makes is not paired yet: it comes into its integration's lane, and is not counted there. So the
    second is what to add per (stage, lane).
    """
    unpaired: dict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    limited = {stage.key for stage in layout.stages if stage.lanes} if layout.lane_field else set()
    concerned = [one for one in arriving if one.new_stage in limited]
    if not concerned:
        return {}, unpaired
    lane_of = lanes.lanes_of_cards(board, layout.lane_field, [one.record_id for one in concerned])
    if layout.lane_field == BY_INTEGRATION and origin.kind == OriginKind.SYNC and origin.integration_id:
        lane = str(origin.integration_id)
        fresh = [one for one in concerned if not one.old_stage and not lane_of[one.record_id]]
        size_of: dict[UUID, Any] = {}
        if fresh and layout.limit_by != "count":
            rows = cards_of(board.tenant_id, board.record_type).filter(
                pk__in=[one.record_id for one in fresh]
            )
            size_of = dict(rows.values_list("pk", layout.limit_by))
        for one in fresh:
            lane_of[one.record_id] = lane
            unpaired[one.new_stage, lane] += (
                Decimal(1) if layout.limit_by == "count" else loads.as_decimal(size_of[one.record_id])
            )
    return lane_of, unpaired


def _move(
    board: Board, seq: int, one: Placement, actor: Actor, now: datetime, note: str, command: UUID,
    full: Load | None = None,
) -> Move:  # fmt: skip
    return Move(
        tenant_id=board.tenant_id, board_id=board.pk, seq=seq, record_id=one.record_id, from_stage=one.old_stage,
        to_stage=one.new_stage, from_rank=one.old_rank, to_rank=one.new_rank, revision=one.revision, at=now,
        user_id=actor.user.pk if actor.user else None, integration_id=actor.integration_id,
        source=actor.source.value, reason=note[:500], ip=actor.ip, over=full.over.value if full else "",
        override=False, command_id=command, undoes=None,
    )  # fmt: skip


def placement_moves(
    board: Board, number: Number, places: Sequence[tuple[RecordState, str, str]], actor: Actor, now: datetime,
    reason: str, command: UUID,
) -> list[Move]:  # fmt: skip
    """Events of cards that the system placed: (state before, stage, rank) each; records are written already."""
    first = number.last_seq - len(places) + 1
    return [
        _move(
            board, first + index,
            Placement(
                state.id, state.revision + 1, state.values["stage"], stage, state.values["rank"] or "", rank
            ),
            actor, now, reason, command,
        )
        for index, (state, stage, rank) in enumerate(places)
    ]  # fmt: skip
