"""How full columns are: the numbers that limits are held against."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce

from boards.core.rules import Cell
from boards.defaults import ASSIGNEE
from workspace.fields import SetField
from workspace.kinds import record_spec
from workspace.services import RecordState


def cards_of(tenant_id: Any, record_type: str) -> QuerySet[Any]:
    """The living cards of a type in a tenant, in no order."""
    manager: Any = record_spec(record_type).model._default_manager
    rows: QuerySet[Any] = manager.filter(tenant_id=tenant_id, deleted_at__isnull=True).order_by()
    return rows


def in_lane(rows: QuerySet[Any], record_type: str, lane_field: str, lane: str) -> QuerySet[Any]:
    """Only the cards of one lane; "" is the lane of cards without a value."""
    field = record_spec(record_type).model._meta.get_field(lane_field)
    if isinstance(field, SetField):
        return rows.filter(**{f"{lane_field}__0": lane}) if lane else rows.filter(**{lane_field: []})
    if field.is_relation:
        return (
            rows.filter(**{f"{lane_field}_id": lane})
            if lane
            else rows.filter(**{f"{lane_field}__isnull": True})
        )
    return rows.filter(**{lane_field: lane})


def lane_of(values: Any, lane_field: str) -> str:
    """The lane that canonical values put a card into; of a set, the first member's."""
    value = values.get(lane_field)
    if isinstance(value, list | tuple):
        return str(value[0]) if value else ""
    return "" if value is None else str(value)


def lane_values(state: RecordState, lane_field: str, lane: str) -> dict[str, Any]:
    """The values that bring a card into a lane. Of a set, the member that made the old lane is replaced."""
    old = state.values.get(lane_field)
    if isinstance(old, list | tuple):
        others = [member for member in old if member != lane_of(state.values, lane_field)]
        return {lane_field: sorted({*others, lane})} if lane else {lane_field: []}
    return {lane_field: lane or None}


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
    return rows.annotate(_one=Value(1)).values("_one").annotate(load=total).values("load")


def as_decimal(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def assignee_field(record_type: str) -> str:
    return ASSIGNEE[record_type]
