"""What pages and the API show of a board."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from boards.core.layout import Layout
from boards.defaults import ASSIGNEE, layout_of
from boards.models import Board, Move, Preference, SavedView
from boards.services.cards import cards_of
from boards.services.lanes import in_lane, lane_expression, lane_text, lanes_are_ids, lanes_of_records
from boards.services.moves import stream_id
from workspace.kinds import record_spec
from workspace.models import Member, Priority, Tenant
from workspace.panels import Badge, badges_for

PAGE = 50

#: texts that a search looks through, beside the title
SEARCHED = {
    "task": ("title",), "lead": ("name", "company", "email"), "opportunity": ("name",), "customer": ("name", "email"),
    "waitlist_entry": ("customer_name", "number", "reference"),
}  # fmt: skip
TITLES = {"lead": "name", "opportunity": "name", "customer": "name", "waitlist_entry": "customer_name"}
#: a second line on the card
FACTS = {
    "task": "due_on", "lead": "company", "opportunity": "amount", "customer": "email", "waitlist_entry": "reference",
}  # fmt: skip


class BadCursor(ValueError):
    """A cursor that this page did not give."""


@dataclass(frozen=True, slots=True)
class CardView:
    """A card as shown. ``entered_at`` is when it came into its stage, if its moves tell."""

    id: UUID
    title: str
    stage: str
    rank: str
    revision: int
    lane: str
    fact: str
    priority: str
    people: tuple[str, ...]
    labels: tuple[str, ...]
    entered_at: datetime | None
    badges: tuple[Badge, ...]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CardPage:
    cards: tuple[CardView, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the filter asks; all empty shows everything."""

    text: str = ""
    assignee: str = ""
    priority: str = ""
    label: str = ""
    lane: str | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.assignee or self.priority or self.label)


def boards_of(tenant: Tenant) -> list[Board]:
    return list(Board.objects.filter(tenant=tenant).order_by("record_type", "-is_default", "name"))


def filtered(board: Board, layout: Layout, filters: Filters) -> QuerySet[Any]:
    """The board's cards that the filter lets through, in no order."""
    rows = cards_of(board.tenant_id, board.record_type)
    kind = board.record_type
    names = record_spec(kind).fields
    if filters.text:
        words = Q()
        for name in SEARCHED[kind]:
            words |= Q(**{f"{name}__icontains": filters.text[:100]})
        rows = rows.filter(words)
    if filters.assignee:
        rows = _with_person(rows, kind, filters.assignee)
    if filters.priority and "priority" in names:
        rows = rows.filter(priority=filters.priority)
    for name in ("labels", "tags"):
        if filters.label and name in names:
            rows = rows.filter(**{f"{name}__has": filters.label})
    if filters.lane is not None and layout.lane_field:
        rows = in_lane(rows, kind, layout.lane_field, filters.lane)
    return rows


def shown_counts(board: Board, layout: Layout, filters: Filters) -> dict[str, int]:
    """Cards per stage that the filter lets through."""
    return dict(filtered(board, layout, filters).values_list("stage").annotate(n=models.Count("pk")))


def _with_person(rows: QuerySet[Any], kind: str, person: str) -> QuerySet[Any]:
    name = ASSIGNEE[kind]
    if kind == "task":
        return rows.filter(assignees=[]) if person == "none" else rows.filter(assignees__has=person)
    if person == "none":
        return rows.filter(**{f"{name}__isnull": True})
    try:
        return rows.filter(**{f"{name}_id": UUID(person)})
    except ValueError:
        return rows.none()


def column_page(
    board: Board,
    layout: Layout,
    stage: str,
    *,
    cursor: str = "",
    limit: int = PAGE,
    filters: Filters | None = None,
) -> CardPage:
    """A column's next cards in order; ``stage`` may be one that the board does not show (Unplaced)."""
    rows = filtered(board, layout, Filters() if filters is None else filters).filter(stage=stage)
    if cursor:
        rank, card = _cursor(cursor)
        rows = rows.filter(rank__gte=rank).filter(Q(rank__gt=rank) | Q(pk__gt=card))
    found = list(rows.order_by("rank", "pk")[: limit + 1])
    return _pages(board, layout, {stage: found}, limit)[stage]


def column_pages(board: Board, layout: Layout, filters: Filters) -> dict[str, CardPage]:
    """The first cards of every column: one query each, and those of ``card_views`` once for all."""
    rows = filtered(board, layout, filters)
    found = {
        stage: list(rows.filter(stage=stage).order_by("rank", "pk")[: PAGE + 1]) for stage in layout.keys
    }
    return _pages(board, layout, found, PAGE)


def _pages(board: Board, layout: Layout, found: dict[Any, list[Any]], limit: int) -> dict[Any, CardPage]:
    """Pages by key from their rows, of which there may be one more than is shown."""
    shown = {
        view.id: view
        for view in card_views(board, layout, [row for rows in found.values() for row in rows[:limit]])
    }
    pages = {}
    for key, rows in found.items():
        last = rows[limit - 1] if len(rows) > limit else None
        cards = tuple(shown[row.pk] for row in rows[:limit])
        pages[key] = CardPage(cards, _pack(last.rank, last.pk) if last is not None else "")
    return pages


#: cards of a cell that a board with lanes shows at first: so many, and fewer where there are many cells
CELL = 20
#: cards that all cells together show at first
IN_ALL = 300


def cell_pages(
    board: Board, layout: Layout, named: Sequence[tuple[str, str]], filters: Filters
) -> dict[tuple[str, str], CardPage]:
    """The first cards of every (stage, lane), in one query for all cells."""
    value = lane_expression(board.record_type, layout.lane_field)
    rows = filtered(board, layout, filters).filter(stage__in=layout.keys).annotate(cell_lane=value)
    number = Window(RowNumber(), partition_by=[F("stage"), F("cell_lane")], order_by=["rank", "pk"])
    shown = {lane for lane, _ in named}  # a board may have far more lanes than it shows
    if lanes_are_ids(board.record_type, layout.lane_field):
        rows = rows.filter(
            Q(cell_lane__in=[UUID(lane) for lane in shown if lane]) | Q(cell_lane__isnull=True)
        )
    rows = rows.annotate(number=number)
    size = max(1, min(CELL, IN_ALL // max(1, len(named) * len(layout.keys))))
    found = list(rows.filter(number__lte=size + 1).order_by("rank", "pk"))
    cells: dict[tuple[str, str], list[Any]] = {}
    for record in found:
        if (lane := lane_text(record.cell_lane)) in shown:
            cells.setdefault((record.stage, lane), []).append(record)
    return _pages(board, layout, cells, size)


def cards_named(board: Board, layout: Layout, ids: Iterable[UUID]) -> list[CardView]:
    """These cards as shown; those that are not the board's are left out."""
    rows = cards_of(board.tenant_id, board.record_type).filter(pk__in=list(ids)[:200])
    return card_views(board, layout, list(rows))


def _pack(rank: str, card: UUID) -> str:
    return base64.urlsafe_b64encode(json.dumps([rank, str(card)]).encode()).decode().rstrip("=")


def _cursor(text: str) -> tuple[str, UUID]:
    try:
        rank, card = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return str(rank), UUID(card)
    except (ValueError, TypeError, AttributeError, binascii.Error) as bad:
        raise BadCursor("This cursor is not one of ours.") from bad


# ---------------------------------------------------------------- cards as shown


def card_views(board: Board, layout: Layout, records: Sequence[Any]) -> list[CardView]:
    """Three queries for any number of cards: badges, people, and since when each is in its stage."""
    ids = [record.pk for record in records]
    if not ids:
        return []
    badges = badges_for(board.record_type, ids)
    people = _people(board, records)
    since = entered_at(board, ids)
    lane_of = lanes_of_records(board.record_type, layout.lane_field, records)
    title = TITLES.get(board.record_type, "title")
    fact = FACTS[board.record_type]
    return [
        CardView(
            id=record.pk,
            title=str(getattr(record, title) or record.pk),
            stage=record.stage,
            rank=record.rank,
            revision=record.revision,
            lane=lane_of[record.pk],
            fact=_fact(record, fact),
            priority=Priority(record.priority).label if getattr(record, "priority", "none") != "none" else "",
            people=tuple(people[one] for one in _person_ids(record, board.record_type) if one in people),
            labels=tuple(getattr(record, "labels", None) or getattr(record, "tags", None) or ())[:3],
            entered_at=since.get(record.pk),
            badges=tuple(badges.get(record.pk, ())),
            updated_at=record.updated_at,
        )
        for record in records
    ]


def _fact(record: Any, name: str) -> str:
    value = getattr(record, name)
    if value in (None, ""):
        return ""
    if name == "due_on":
        return f"due {value:%d %b}"
    return f"{value} {record.currency}".strip() if name == "amount" else str(value)


def _person_ids(record: Any, kind: str) -> list[str]:
    value = getattr(record, "assignees", None) if kind == "task" else getattr(record, f"{ASSIGNEE[kind]}_id")
    return list(value or ()) if kind == "task" else [str(value)] if value else []


def _people(board: Board, records: Sequence[Any]) -> dict[str, str]:
    wanted = {one for record in records for one in _person_ids(record, board.record_type)}
    if not wanted:
        return {}
    rows: Any = Member.objects.filter(tenant_id=board.tenant_id, pk__in=wanted)
    return {str(pk): name for pk, name in rows.values_list("pk", "name")}


def entered_at(board: Board, ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each card came into the stage in which it is: its latest move between stages."""
    moves = Move.objects.filter(board_id=stream_id(board), record_id__in=ids).exclude(
        from_stage=models.F("to_stage")
    )
    rows = moves.order_by().values("record_id").annotate(at=models.Max("at"))
    return {row["record_id"]: row["at"] for row in rows}


# ---------------------------------------------------------------- the head of the board


def members(tenant: Tenant) -> list[tuple[str, str]]:
    """(id, name) for the filter by person, at most 200."""
    living: Any = Member.objects.filter(tenant=tenant, deleted_at__isnull=True, active=True)
    rows = living.order_by("name")
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:200]]


@dataclass(frozen=True)
class Own:
    """What a person set for themselves, and the views that are shared with them."""

    collapsed: tuple[str, ...]
    views: tuple[Mapping[str, str], ...] = field(default=())
    shared: tuple[Mapping[str, str], ...] = field(default=())


def own_settings(board: Board, user: Any, layout: Layout) -> Own:
    """The user's collapsed columns over the board's default (settled question 12)."""
    row = Preference.objects.filter(board=board, user=user).first()
    views = SavedView.objects.filter(board=board).select_related("user").order_by("name")
    shared = tuple({"name": view.name, "query": view.query, "by": str(view.user or "")} for view in views)
    if row is None:
        return Own(layout.collapsed, (), shared)
    collapsed = row.collapsed if row.collapsed is not None else layout.collapsed
    return Own(tuple(collapsed), tuple(row.views), shared)


# ---------------------------------------------------------------- events


def moves_after(board: Board, seq: int, limit: int = 200) -> list[Move]:
    """Moves after a number, oldest first: what a client that missed some asks for."""
    rows = Move.objects.filter(board_id=stream_id(board), seq__gt=seq).select_related("user")
    return list(rows.order_by("seq")[:limit])


def history(
    board: Board, *, card: UUID | None = None, before: int | None = None, limit: int = PAGE
) -> list[Move]:
    """Moves, newest first, of the board or of one card."""
    rows = Move.objects.filter(board_id=stream_id(board)).select_related("user")
    if card is not None:
        rows = rows.filter(record_id=card)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return list(rows.order_by("-seq")[:limit])


def layout_for(board: Board) -> Layout:
    return layout_of(board.record_type, board.config)
