"""Between which cards: the neighbour that the client did not name, as a subquery of the one statement that reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections, router

from boards.models import Board
from workspace.kinds import record_spec


@dataclass(frozen=True, slots=True)
class Target:
    """Where to. ``after`` is the card above, ``before`` the one below; with neither, an end of the column."""

    stage: str
    after: UUID | None = None
    before: UUID | None = None
    edge: str = "bottom"
    lane: str | None = None
    ranks: tuple[str, ...] = ()  # exact ones, for undo


def neighbour_query(board: Board, target: Target, moving: Sequence[UUID]) -> tuple[str, list[Any]] | None:
    """The id of the card on the side that was not named, or of the one at the end; None if both were named.

    Written out as text and parameters: making it through the ORM takes longer than the database takes to answer.
    """
    if target.after is not None and target.before is not None:
        return None
    model = record_spec(board.record_type).model
    connection = connections[router.db_for_write(model)]
    ready, table = model._meta.pk.get_db_prep_value, connection.ops.quote_name(model._meta.db_table)
    tenant = ready(board.tenant_id, connection)
    marks = ", ".join(["%s"] * len(moving))
    sql = f"SELECT id FROM {table} WHERE tenant_id = %s AND stage = %s AND deleted_at IS NULL AND id NOT IN ({marks})"  # noqa: S608
    params = [tenant, target.stage, *(ready(card, connection) for card in moving)]
    beside = target.after or target.before
    if beside is None:
        order = "rank, id" if target.edge == "top" else "rank DESC, id DESC"
        return f"{sql} ORDER BY {order} LIMIT 1", params
    sign, order = (">", "rank, id") if target.after is not None else ("<", "rank DESC, id DESC")
    rank = f"(SELECT rank FROM {table} WHERE tenant_id = %s AND id = %s AND deleted_at IS NULL)"  # noqa: S608
    key = ready(beside, connection)
    sql += f" AND rank {sign}= {rank} AND (rank {sign} {rank} OR id {sign} %s) ORDER BY {order} LIMIT 1"
    return sql, [*params, tenant, key, tenant, key, key]
