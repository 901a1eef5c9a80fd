"""Swimlanes: into which one a card falls, by a field of its own or by the integration it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery, UUIDField

from boards.core.layout import BY_INTEGRATION
from boards.models import Board
from integrations.models import Integration, Mapping
from workspace.fields import SetField
from workspace.kinds import record_spec
from workspace.models import RECORD_TYPES, Priority
from workspace.services import RecordState

from .cards import cards_of
from .errors import BadMove

#: a set's first member decides
_FIRST = "__0"


def lane_expression(record_type: str, lane_field: str) -> Any:
    """The lane of a row, for grouping and filtering; None where the card has no value."""
    if lane_field == BY_INTEGRATION:
        pairs = Mapping.objects.live().filter(record_id=OuterRef("pk"), record_type=record_type)
        first = pairs.order_by("id").values("integration_id")[:1]  # the oldest pair decides
        return Subquery(first, output_field=UUIDField())
    field: Any = record_spec(record_type).model._meta.get_field(lane_field)
    return F(f"{lane_field}{_FIRST}") if isinstance(field, SetField) else F(field.attname)


def lanes_are_ids(record_type: str, lane_field: str) -> bool:
    """Whether the lane of a row is a UUID in a column, null for none."""
    if lane_field == BY_INTEGRATION:
        return True
    return bool(record_spec(record_type).model._meta.get_field(lane_field).is_relation)


def in_lane(rows: QuerySet[Any], record_type: str, lane_field: str, lane: str) -> QuerySet[Any]:
    """Only the cards of one lane; "" is the lane of cards without a value."""
    if lane_field == BY_INTEGRATION:
        rows = rows.annotate(_lane=lane_expression(record_type, lane_field))
        if not lane:
            return rows.filter(_lane__isnull=True)
        try:
            return rows.filter(_lane=UUID(lane))
        except ValueError:
            return rows.none()
    field = record_spec(record_type).model._meta.get_field(lane_field)
    if isinstance(field, SetField):
        return rows.filter(**{f"{lane_field}{_FIRST}": lane}) if lane else rows.filter(**{lane_field: []})
    if field.is_relation:
        if not lane:
            return rows.filter(**{f"{lane_field}__isnull": True})
        try:
            return rows.filter(**{f"{lane_field}_id": UUID(lane)})
        except ValueError:
            return rows.none()
    return rows.filter(**{lane_field: lane})


def lane_text(value: Any) -> str:
    """A value as the name of its lane."""
    if isinstance(value, list | tuple):
        return str(value[0]) if value else ""
    return "" if value is None else str(value)


def lanes_of_states(board: Board, lane_field: str, states: Sequence[RecordState]) -> dict[UUID, str]:
    """The lane of each card; one query for lanes by integration, none for the others."""
    if lane_field == BY_INTEGRATION:
        return lanes_by_integration(board.record_type, [state.id for state in states])
    return {state.id: lane_text(state.values.get(lane_field)) for state in states}


def lanes_of_records(record_type: str, lane_field: str, records: Sequence[Any]) -> dict[UUID, str]:
    """The same for instances; "" for all where the board has no lanes."""
    if not lane_field:
        return {record.pk: "" for record in records}
    if lane_field == BY_INTEGRATION:
        return lanes_by_integration(record_type, [record.pk for record in records])
    field: Any = record_spec(record_type).model._meta.get_field(lane_field)
    return {record.pk: lane_text(getattr(record, field.attname)) for record in records}


def lanes_by_integration(record_type: str, ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = list(ids)
    pairs = Mapping.objects.live().filter(record_id__in=wanted, record_type=record_type).order_by("-id")
    found = {
        card: str(integration)
        for card, integration in pairs.values_list("record_id", "integration_id")
        if card
    }
    return {card: found.get(card, "") for card in wanted}


def lanes_of_cards(board: Board, lane_field: str, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The same for ids; one query."""
    if lane_field == BY_INTEGRATION:
        return lanes_by_integration(board.record_type, ids)
    rows = cards_of(board.tenant_id, board.record_type).filter(pk__in=list(ids))
    rows = rows.annotate(cell_lane=lane_expression(board.record_type, lane_field))
    return {card: lane_text(lane) for card, lane in rows.values_list("pk", "cell_lane")}


def lane_values(state: RecordState, lane_field: str, lane: str) -> dict[str, Any]:
    """The values that bring a card into a lane. Of a set, the member that made the old lane is replaced.

    Raises BadMove where the lane is no value of the card.
    """
    if lane_field == BY_INTEGRATION:
        raise BadMove(
            "A card keeps the integration it comes from; it can change its column, but not this lane."
        )
    old = state.values.get(lane_field)
    if isinstance(old, list | tuple):
        others = [member for member in old if member != lane_text(old)]
        if lane and any(
            member < lane for member in others
        ):  # the first decides: it would come into another lane
            raise BadMove(
                "This card has several values there, and another one decides its lane. Change them on its own page."
            )
        return {lane_field: sorted({*others, lane})} if lane else {lane_field: []}
    return {lane_field: lane or None}


def lane_names(board: Board, lane_field: str, lanes: Sequence[str]) -> dict[str, str]:
    """Lane → what people call it, where that is not the value itself."""
    if lane_field == "priority":
        return dict(zip(Priority.values, Priority.labels, strict=True))
    rows: Any
    if lane_field == BY_INTEGRATION:
        rows = Integration.objects.filter(tenant_id=board.tenant_id, pk__in=lanes)
        return {str(pk): name for pk, name in rows.values_list("pk", "name")}
    target = record_spec(board.record_type).fields[lane_field].target
    if target is None or target not in RECORD_TYPES:
        return {}
    rows = RECORD_TYPES[target]._default_manager.filter(tenant_id=board.tenant_id, pk__in=lanes)
    return {str(row.pk): str(row) for row in rows}


def lane_title(board: Board, lane_field: str, lane: str | None) -> str:
    """What people call one lane, for a sentence; "" for none."""
    return lane_names(board, lane_field, [lane]).get(lane, lane) if lane else ""
