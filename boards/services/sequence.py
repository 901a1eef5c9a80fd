"""The board's numbers and the events that carry them. The row of the board is locked last and for a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections, router

from boards.models import Board, CardLock, Move
from live.feed import publish
from workspace.bulk import insert_rows

MOVE_COLUMNS = (
    "tenant_id", "board_id", "seq", "record_id", "from_stage", "to_stage", "from_rank", "to_rank", "revision", "at",
    "user_id", "integration_id", "source", "reason", "ip", "over", "override", "command_id", "undoes",
)  # fmt: skip

#: moves named one by one in a live event; a page that misses more asks for them
LIVE_MOVES = 50


class Number(NamedTuple):
    """What taking numbers gave: the last one, and the configuration's version at that moment."""

    board_id: UUID
    last_seq: int
    config_version: int


def numbers_take(count: int, *, board_id: UUID) -> Number:
    """Take the next ``count`` numbers; from here to the commit nobody else gets one."""
    connection = connections[router.db_for_write(Board)]
    key = Board._meta.pk.get_db_prep_value(board_id, connection)
    table = connection.ops.quote_name(Board._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET last_seq = last_seq + %s WHERE id = %s RETURNING last_seq, config_version",  # noqa: S608
            [count, key],
        )
        row = cursor.fetchone()
    if row is None:
        raise Board.DoesNotExist(f"there is no board {board_id}")
    return Number(board_id, row[0], row[1])


def moves_insert(moves: Sequence[Move]) -> None:
    """Write the events, in one statement."""
    insert_rows(Move, MOVE_COLUMNS, [tuple(getattr(move, name) for name in MOVE_COLUMNS) for move in moves])


def move_as_dict(move: Move, by: str = "") -> dict[str, Any]:
    """A move on the wire: in answers, in live events and in the list that fills a gap."""
    return {
        "seq": move.seq,
        "card": str(move.record_id),
        "from": move.from_stage,
        "to": move.to_stage,
        "rank": move.to_rank,
        "revision": move.revision,
        "source": str(move.source),
        "by": by,
        "by_id": move.user_id,
        "at": move.at.isoformat(),
        "over": move.over,
        "override": move.override,
        "reason": move.reason,
        "command": str(move.command_id),
    }


def moves_announce(room: str, tenant_id: UUID, board_id: UUID, moves: Sequence[Move], by: str) -> None:
    """Tell the room after commit. A batch too large to name says only up to where it went."""
    if not moves:
        return
    payload: dict[str, Any] = {"board": str(board_id), "first": moves[0].seq, "seq": moves[-1].seq}
    if len(moves) <= LIVE_MOVES:
        payload["moves"] = [move_as_dict(move, by) for move in moves]
    publish(room, "KANBAN_ITEM_MOVED", payload, tenant_id=tenant_id)


def locks_of_others(record_ids: Iterable[UUID], *, holder_id: Any, session: str, now: datetime) -> Any:
    """Living locks on these cards that are not this tab's own."""
    living = CardLock.objects.filter(record_id__in=list(record_ids), expires_at__gt=now)
    return living.exclude(holder_id=holder_id, session=session) if holder_id else living
