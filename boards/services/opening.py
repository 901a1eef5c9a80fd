"""Opening a board: its events begin with what the records' own history knows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from boards.core import ranks
from boards.core.replay import Place
from boards.defaults import default_config, default_name
from boards.models import BOARD_TYPES, Board, Move, Source
from workspace.bulk import update_rows
from workspace.ids import new_id
from workspace.kinds import record_spec
from workspace.models import Change, ChangeKind, OriginKind, Tenant

from .cards import cards_of
from .recording import SOURCES
from .sequence import moves_insert

PAGE = 2000

_rng = random.SystemRandom()


def boards_ensure(tenant: Tenant, *, now: datetime | None = None) -> list[Board]:
    """The tenant's default boards, one per type, made where missing."""
    return [board_open(tenant, record_type, now=now) for record_type in BOARD_TYPES]


def board_open(tenant: Tenant, record_type: str, *, now: datetime | None = None) -> Board:
    """The default board of a type. The first time, every card gets a rank and its past moves become events."""
    rows = Board.objects.filter(tenant_id=tenant.pk, record_type=record_type, is_default=True)
    found = next(iter(rows.order_by()[:1]), None)
    if found is not None:
        found.tenant = tenant
        return found
    with transaction.atomic():
        board, made = Board.objects.get_or_create(
            tenant=tenant,
            record_type=record_type,
            is_default=True,
            defaults={"name": default_name(record_type), "config": default_config(record_type)},
        )
        if made:
            _give_ranks(board)
            _read_history(board, now or timezone.now())
    return board


def _give_ranks(board: Board) -> None:
    """Oldest first at the top, after those that have a rank. A rank is no edit: no revision, no Change."""
    cards = cards_of(board.tenant_id, board.record_type)
    for stage in cards.values_list("stage", flat=True).distinct():
        column = cards.filter(stage=stage)
        bare = list(column.filter(rank="").order_by("created_at", "pk").values_list("pk", flat=True))
        last = column.exclude(rank="").order_by("-rank", "-pk").values_list("rank", flat=True).first()
        low = last if last and ranks.is_rank(last) else None
        model = record_spec(board.record_type).model
        for begin in range(0, len(bare), PAGE):
            page = bare[begin : begin + PAGE]
            fresh = ranks.spread(low, None, len(page), _rng)
            low = fresh[-1]
            rows = list(zip(page, fresh, strict=True))
            update_rows(model, key=("id",), columns=("rank",), rows=rows)


def _read_history(board: Board, now: datetime) -> None:
    """Changes of stage, oldest first, as events at their own times; then whatever they do not explain."""
    rows = cards_of(board.tenant_id, board.record_type).order_by("created_at", "pk")
    found = rows.values_list("pk", "stage", "rank", "revision")
    present = {card: (Place(stage, rank), revision) for card, stage, rank, revision in found.iterator(PAGE)}
    where: dict[UUID, Place] = {}
    seq = 0
    pending: list[Move] = []
    for move in _past(board, where, present):
        seq += 1
        move.seq = seq
        pending.append(move)
        if len(pending) >= PAGE:
            moves_insert(pending)
            pending = []
    for move in _missing(board, where, present, now):
        seq += 1
        move.seq = seq
        pending.append(move)
    for begin in range(0, len(pending), PAGE):
        moves_insert(pending[begin : begin + PAGE])
    Board.objects.filter(pk=board.pk).update(last_seq=seq)
    board.last_seq = seq


#: card → where it is now, and its revision
_Present = dict[UUID, tuple[Place, int]]


def _past(board: Board, where: dict[UUID, Place], present: _Present) -> Iterator[Move]:
    """What the history tells, kept in ``where``. It knows no ranks from before the board: a card that is still in the
    stage into which it came has come to the place that it has now."""
    default = record_spec(board.record_type).fields["stage"].default
    changes = Change.objects.filter(tenant_id=board.tenant_id, record_type=board.record_type)
    telling = Q(kind__in=[ChangeKind.CREATE, ChangeKind.DELETE, ChangeKind.RESTORE]) | Q(
        changes__has_key="stage"
    )
    gone: dict[UUID, Place] = {}
    for change in changes.filter(telling | Q(changes__has_key="rank")).order_by("id").iterator(PAGE):
        card = change.record_id
        before = where.get(card)
        place = _place_after(change, before, gone, default)
        if place is None:
            if before is None:
                continue
            gone[card] = where.pop(card)
        else:
            now = present[card][0] if card in present else place
            place = now if not place.rank and now.stage == place.stage else place
            where[card] = place
        yield _event(board, card, before, place, change.revision, change.created_at, _who(change))


def _place_after(change: Change, before: Place | None, gone: dict[UUID, Place], default: str) -> Place | None:
    if change.kind == ChangeKind.DELETE:
        return None
    if change.kind == ChangeKind.RESTORE:
        return gone.pop(change.record_id, Place(default, ""))
    base = before or Place(default, "")
    stage = (change.changes.get("stage") or {}).get("to") or base.stage
    rank = (change.changes.get("rank") or {}).get("to") or base.rank
    return Place(stage, rank)


def _who(change: Change) -> dict[str, Any]:
    return {
        "user_id": change.user_id,
        "integration_id": change.integration_id,
        "source": SOURCES[OriginKind(change.origin)].value,
        "reason": change.note,
    }


def _missing(board: Board, where: dict[UUID, Place], present: _Present, now: datetime) -> Iterator[Move]:
    """Cards that are elsewhere than their history says (written past the services), and cards without any."""
    for card, (place, revision) in present.items():
        if where.get(card) != place:
            why = {"source": Source.SYSTEM.value, "reason": "found here when the board was opened"}
            yield _event(board, card, where.get(card), place, revision, now, why)
    for card, place in list(where.items()):
        if card not in present:
            why = {"source": Source.SYSTEM.value, "reason": "not there any more when the board was opened"}
            yield _event(board, card, place, None, 0, now, why)


def _event(
    board: Board, card: UUID, before: Place | None, after: Place | None, revision: int, at: datetime,
    who: dict[str, Any],
) -> Move:  # fmt: skip
    old, new = before or Place("", ""), after or Place("", "")
    return Move(
        tenant_id=board.tenant_id, board_id=board.pk, seq=0, record_id=card, from_stage=old.stage, to_stage=new.stage,
        from_rank=old.rank, to_rank=new.rank, revision=revision, at=at, command_id=new_id(), **who,
    )  # fmt: skip
