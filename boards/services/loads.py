"""How full columns are: the numbers that limits are held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.models import Count, DecimalField, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce

from boards.core.layout import Layout
from boards.core.rules import Cell
from boards.models import Board, CardLock
from workspace.kinds import record_spec

from .cards import cards_of
from .lanes import in_lane


def load_query(tenant_id: Any, record_type: str, limit_by: str, lane_field: str, cell: Cell) -> QuerySet[Any]:
    """One row with ``load``: the cards of the cell, counted or added up by size."""
    rows = cards_of(tenant_id, record_type).filter(stage=cell.stage)
    if cell.lane is not None and lane_field:
        rows = in_lane(rows, record_type, lane_field, cell.lane)
    number = DecimalField(max_digits=24, decimal_places=4)
    total: Any = (
        Cast(Count("pk"), number)
        if limit_by == "count"
        else Coalesce(Cast(Sum(limit_by), number), Value(Decimal(0), number))
    )
    found: QuerySet[Any] = rows.annotate(_one=Value(1)).values("_one").annotate(load=total).values("load")
    return found


def cell_totals(board: Board, layout: Layout, cells: Sequence[Cell]) -> list[Decimal]:
    """How full the cells are, in their order; one statement for all."""
    columns: dict[str, Any] = {
        f"load{index}": Subquery(
            load_query(board.tenant_id, board.record_type, layout.limit_by, layout.lane_field, cell)
        )
        for index, cell in enumerate(cells)
    }
    row: Any = Board.objects.filter(pk=board.pk).order_by().values(**columns).get()
    return [as_decimal(row[f"load{index}"]) for index in range(len(cells))]


def as_decimal(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def look(
    board: Board, layout: Layout, cells: Sequence[Cell], *, cards: Sequence[UUID], holder_id: Any, session: str,
    now: datetime,
) -> tuple[bool, list[Decimal]]:  # fmt: skip
    """Whether somebody else holds one of the cards, and how full the cells are: one statement.

    The ordinary case is written out, since building it anew for every move costs more than running it.
    """
    connection = connections[router.db_for_write(CardLock)]
    ready, quote = CardLock._meta.get_field("record_id").get_db_prep_value, connection.ops.quote_name
    model = record_spec(board.record_type).model
    marks = ", ".join(["%s"] * len(cards))
    parts = [
        f"EXISTS (SELECT 1 FROM {quote(CardLock._meta.db_table)} WHERE record_id IN ({marks}) AND expires_at > %s "  # noqa: S608
        "AND NOT (holder_id = %s AND session = %s))"
    ]
    params: list[Any] = [ready(card, connection) for card in cards]
    params += [connection.ops.adapt_datetimefield_value(now), -1 if holder_id is None else holder_id, session]
    for cell in cells:
        if layout.limit_by == "count" and cell.lane is None:
            parts.append(
                f"(SELECT count(*) FROM {quote(model._meta.db_table)} "  # noqa: S608
                "WHERE tenant_id = %s AND stage = %s AND deleted_at IS NULL)"
            )
            params += [ready(board.tenant_id, connection), cell.stage]
        else:
            query = load_query(board.tenant_id, board.record_type, layout.limit_by, layout.lane_field, cell)
            sql, more = query.query.get_compiler(connection=connection).as_sql()
            parts.append(f"({sql})")
            params += more
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        row = cursor.fetchone()
    return bool(row[0]), [as_decimal(value) for value in row[1:]]
