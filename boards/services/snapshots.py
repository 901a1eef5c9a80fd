"""The board at any number or time: the nearest snapshot before it, and the moves since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from boards.core.replay import Event, Place, apply
from boards.models import Board, Move, Snapshot, SnapshotReason

_FIELDS = ("seq", "at", "record_id", "from_stage", "to_stage", "to_rank", "over", "override", "source")


def events_of(
    board_id: UUID, *, after: int = 0, until: int | None = None, cards: QuerySet[Any, Any] | None = None
) -> Iterator[Event]:
    """Events in the order of their numbers, ``after`` excluded and ``until`` included; of these cards alone, if some
    are named (a query of ids)."""
    rows = Move.objects.filter(board_id=board_id, seq__gt=after)
    if cards is not None:
        rows = rows.filter(record_id__in=cards)
    if until is not None:
        rows = rows.filter(seq__lte=until)
    for row in rows.order_by("seq").values_list(*_FIELDS).iterator(5000):
        yield Event(*row)


def state_at(
    board_id: UUID, *, seq: int | None = None, at: datetime | None = None, use_snapshots: bool = True
) -> tuple[dict[UUID, Place], int]:
    """Where every card was after move ``seq``, at a time, or now; and the number of the last move that counts.

    From the events alone: nothing is read from the records. Events are in the order of their numbers; of two at
    one board the later number never has an earlier effect.
    """
    until = seq if seq is not None else _seq_at(board_id, at)
    snapshot = None
    if use_snapshots:
        rows = Snapshot.objects.filter(board_id=board_id, seq__lte=until)
        snapshot = rows.order_by("-seq").first()
    state = _read(snapshot.state) if snapshot is not None else {}
    begin = snapshot.seq if snapshot is not None else 0
    return apply(state, events_of(board_id, after=begin, until=until)), until


def _seq_at(board_id: UUID, at: datetime | None) -> int:
    if at is None:
        return Board.objects.values_list("last_seq", flat=True).get(pk=board_id)
    rows = Move.objects.filter(board_id=board_id, at__lte=at)
    return rows.order_by("-at", "-seq").values_list("seq", flat=True).first() or 0


def snapshot_take(
    *, board: Board, now: datetime, reason: SnapshotReason = SnapshotReason.MANUAL
) -> Snapshot | None:
    """Keep the board as it is after its last move. None if nothing moved since the last snapshot.

    Moves go on meanwhile: the state comes from the events up to one number, not from the records.
    """
    state, seq = state_at(board.pk)
    if seq == 0:
        return None
    last = Move.objects.filter(board_id=board.pk, seq=seq).values_list("at", flat=True).first()
    try:
        with transaction.atomic():
            return Snapshot.objects.create(
                board=board,
                seq=seq,
                at=last or now,
                state=_write(state),
                cards=len(state),
                reason=reason,
                taken_at=now,
            )
    except IntegrityError:
        return None  # there is one of this very number


def _read(stored: dict[str, Any]) -> dict[UUID, Place]:
    return {UUID(card): Place(stage, rank) for card, (stage, rank) in stored.items()}


def _write(state: dict[UUID, Place]) -> dict[str, list[str]]:
    return {str(card): [place.stage, place.rank] for card, place in state.items()}
