"""When a gap offers no rank (equal ones, a vendor's positions, or used up): new ranks for the cards below, no further
than needed."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from boards.core import ranks
from boards.models import Board, Move, Source
from workspace.ids import new_id
from workspace.services import RecordWrite, WriteStatus, records_read, records_write

from .actors import Actor
from .cards import cards_of
from .errors import Busy
from .sequence import moves_insert, numbers_take

#: first so many neighbours, then twice as many, until new ranks are short enough
FIRST = 16
SHORT = 100

_rng = random.SystemRandom()


def room_make(
    board: Board, stage: str, moving: Collection[UUID], now: datetime, *, after: UUID | None, before: UUID | None,
    low: str | None,
) -> tuple[str | None, str | None]:  # fmt: skip
    """Give the cards below the gap new ranks that leave a gap behind it; the gap. Each is an event by the system."""
    rows = cards_of(board.tenant_id, board.record_type).filter(stage=stage).exclude(pk__in=list(moving))
    column = list(rows.order_by("rank", "pk").values_list("pk", "rank"))
    start = _position(column, after, before, low)
    low = column[start - 1][1] if start else None
    if low is None or ranks.is_rank(low):
        count = min(FIRST, len(column) - start)
        while count:
            ceiling = column[start + count][1] if start + count < len(column) else None
            fresh = _fresh(low, ceiling, count + 1)  # the first is for who comes in
            if fresh is not None and (max(map(len, fresh)) <= SHORT or ceiling is None):
                ranks_give(board, [key for key, _ in column[start : start + count]], fresh[1:], now)
                return low, fresh[1]
            if start + count == len(column):
                break
            count = min(count * 2, len(column) - start)
    fresh = ranks.spread(None, None, len(column), _rng)
    ranks_give(board, [key for key, _ in column], fresh, now)
    above, below = fresh[:start], fresh[start:]
    return above[-1] if above else None, below[0] if below else None


def _position(
    column: list[tuple[UUID, str]], after: UUID | None, before: UUID | None, low: str | None
) -> int:
    """How many cards stay above the gap."""
    ids = [card for card, _ in column]
    if after in ids:
        return ids.index(after) + 1
    if before in ids:
        return ids.index(before)
    return sum(1 for _, rank in column if low is not None and rank <= low)


def _fresh(low: str | None, high: str | None, count: int) -> list[str] | None:
    try:
        return ranks.spread(low, high, count, _rng)
    except ranks.NoRoom:
        return None


def ranks_give(board: Board, ids: list[UUID], fresh: list[str], now: datetime) -> list[Move]:
    """Write ranks and an event for each card; the events."""
    if not ids:
        return []
    from .moves import own_write, stream_id
    from .recording import placement_moves

    states = records_read(tenant_id=board.tenant_id, record_type=board.record_type, ids=ids)
    writes = [RecordWrite(key, {"rank": rank}, states[key]) for key, rank in zip(ids, fresh, strict=True)]
    actor = Actor(source=Source.SYSTEM)
    token = own_write.set(True)
    try:
        results = records_write(
            tenant=board.tenant, record_type=board.record_type, writes=writes, origin=actor.origin("making room"),
            now=now,
        )  # fmt: skip
    finally:
        own_write.reset(token)
    if any(result.status is not WriteStatus.UPDATED for result in results):
        raise Busy("Others are moving cards in this column. Try again.")
    number = numbers_take(len(ids), board_id=stream_id(board))
    places = [(states[key], states[key].values["stage"], rank) for key, rank in zip(ids, fresh, strict=True)]
    moves = placement_moves(board, number, places, actor, now, "making room", new_id())
    moves_insert(moves)
    return moves
