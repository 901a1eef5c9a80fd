"""Is the board what its events say? Each difference by name, and a repair that loses nothing."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Max, Min

from boards.core import ranks
from boards.core.replay import Place
from boards.defaults import layout_of
from boards.models import Board, Move, Source
from workspace.ids import new_id
from workspace.services import RecordWrite, WriteStatus, records_read, records_write

from .actors import Actor
from .cards import cards_of
from .errors import BadMove, Busy, NotAllowed
from .moves import own_write, person
from .sequence import moves_announce, moves_insert, numbers_take
from .snapshots import state_at

#: differences named one by one; the counts are complete
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """``events`` is where the moves put the card, ``record`` where the record says it is; None is nowhere."""

    kind: str  # elsewhere, without_events, without_record
    card: str
    events: tuple[str, str] | None
    record: tuple[str, str] | None


@dataclass(slots=True)
class Report:
    seq: int
    cards: int
    at: datetime
    differences: list[Difference] = field(default_factory=list)
    same_rank: list[dict[str, Any]] = field(default_factory=list)
    unreadable_ranks: list[str] = field(default_factory=list)
    unplaced: dict[str, int] = field(default_factory=dict)
    missing_numbers: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Unplaced cards are no fault: the tray shows them."""
        return not (self.differences or self.same_rank or self.unreadable_ranks or self.missing_numbers)

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["differences"] = [asdict(one) for one in self.differences[:SHOWN]]
        found["unreadable_ranks"] = self.unreadable_ranks[:SHOWN]
        return {
            **found, "ok": self.ok, "at": self.at.isoformat(), "differences_in_all": len(self.differences),
            "unreadable_in_all": len(self.unreadable_ranks),
        }  # fmt: skip


def verify(board: Board, now: datetime) -> Report:
    """Compare the records with a replay of all events, snapshots left aside.

    Moves go on meanwhile, so a difference counts only if it is still there when its card is looked at again.
    """
    state, seq = state_at(board.pk, use_snapshots=False)
    records = _records(board)
    suspects = {card for card in state.keys() | records.keys() if state.get(card) != records.get(card)}
    report = Report(seq=seq, cards=len(records), at=now)
    report.differences = _still_different(board, suspects) if suspects else []
    _check_ranks(board, records, report)
    known = layout_of(board.record_type, board.config).by_key
    report.counts = dict(_per_stage(records))
    report.unplaced = {stage: count for stage, count in report.counts.items() if stage not in known}
    span = Move.objects.filter(board=board, seq__lte=seq).aggregate(
        n=Count("pk"), low=Min("seq"), high=Max("seq")
    )
    report.missing_numbers = seq - span["n"]
    cache.set(_key(board), {"ok": report.ok, "at": now.isoformat()}, 7 * 24 * 3600)
    return report


def last_check(board: Board) -> dict[str, Any] | None:
    """What the last run found, for the board's head."""
    found: dict[str, Any] | None = cache.get(_key(board))
    return found


def _key(board: Board) -> str:
    return f"boards:check:{board.pk}"


def _records(board: Board, only: Iterable[UUID] | None = None) -> dict[UUID, Place]:
    rows = cards_of(board.tenant_id, board.record_type)
    if only is not None:
        rows = rows.filter(pk__in=list(only))
    return {
        pk: Place(stage, rank) for pk, stage, rank in rows.values_list("pk", "stage", "rank").iterator(5000)
    }


def _still_different(board: Board, suspects: set[UUID]) -> list[Difference]:
    """With the row of the board locked no event can come in between the two readings."""
    with transaction.atomic():
        Board.objects.select_for_update().get(pk=board.pk)
        records = _records(board, suspects)
        latest: dict[UUID, Place | None] = {}
        moves = Move.objects.filter(board=board, record_id__in=suspects).order_by("seq")
        for card, stage, rank in moves.values_list("record_id", "to_stage", "to_rank"):
            latest[card] = Place(stage, rank) if stage else None
    found = []
    for card in sorted(suspects, key=str):
        events, record = latest.get(card), records.get(card)
        if events == record:
            continue
        kind = "elsewhere" if events and record else "without_record" if events else "without_events"
        found.append(Difference(kind, str(card), events, record))
    return found


def _per_stage(records: dict[UUID, Place]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for place in records.values():
        counts[place.stage] += 1
    return counts


def _check_ranks(board: Board, records: dict[UUID, Place], report: Report) -> None:
    holders: dict[Place, list[str]] = defaultdict(list)
    for card, place in records.items():
        holders[place].append(str(card))
        if not ranks.is_rank(place.rank):
            report.unreadable_ranks.append(str(card))
    report.same_rank = [
        {"stage": place.stage, "rank": place.rank, "cards": sorted(cards)}
        for place, cards in holders.items()
        if len(cards) > 1
    ]


# ---------------------------------------------------------------- repair


def repair(*, board: Board, actor: Actor, now: datetime, keep: str = "records") -> Report:
    """Make both agree, then look again.

    ``keep="records"``: a new event per card says where it was found; nothing people see moves. ``keep="events"``:
    records go back to where the events put them, as edits like any other. Equal and unreadable ranks get new ones.
    """
    if "configure" not in actor.rights:
        raise NotAllowed("You may not repair this board.")
    if keep not in ("records", "events"):
        raise BadMove("Keep either records or events.")
    report = verify(board, now)
    with transaction.atomic():
        if keep == "events":
            _records_follow(board, report.differences, actor, now)
        left = (
            report.differences
            if keep == "records"
            else _still_different(board, {UUID(one.card) for one in report.differences})
        )
        _events_follow(board, left, actor, now)
        bad = {one["stage"] for one in report.same_rank} | _stages_of(board, report.unreadable_ranks)
        for stage in sorted(bad):
            _rerank(board, stage, now)
    cache.delete(
        f"boards:counts:{board.pk}"
    )  # counted from the records; the new events would move cards once more
    return verify(board, now)


def _events_follow(board: Board, differences: list[Difference], actor: Actor, now: datetime) -> None:
    if not differences:
        return
    revisions = {
        card: state.revision
        for card, state in records_read(
            tenant_id=board.tenant_id,
            record_type=board.record_type,
            ids=[UUID(one.card) for one in differences],
        ).items()
    }
    number = numbers_take(len(differences), board_id=board.pk)
    first, command = number.last_seq - len(differences) + 1, new_id()
    moves = []
    for index, one in enumerate(differences):
        old, new = one.events or ("", ""), one.record or ("", "")
        moves.append(
            Move(
                tenant_id=board.tenant_id, board_id=board.pk, seq=first + index, record_id=UUID(one.card),
                from_stage=old[0], to_stage=new[0], from_rank=old[1], to_rank=new[1],
                revision=revisions.get(UUID(one.card), 0), at=now, user_id=actor.user.pk if actor.user else None,
                source=Source.SYSTEM.value, reason="found here by a check", command_id=command, ip=actor.ip,
            )
        )  # fmt: skip
    moves_insert(moves)
    moves_announce(board.room, board.tenant_id, board.pk, moves, person(actor.user))


def _records_follow(board: Board, differences: list[Difference], actor: Actor, now: datetime) -> None:
    elsewhere = [one for one in differences if one.kind == "elsewhere" and one.events]
    states = records_read(
        tenant_id=board.tenant_id, record_type=board.record_type, ids=[UUID(one.card) for one in elsewhere]
    )
    writes = [
        RecordWrite(UUID(one.card), {"stage": one.events[0], "rank": one.events[1]}, states[UUID(one.card)])
        for one in elsewhere
        if one.events and UUID(one.card) in states
    ]
    _write(board, writes, actor, now)


def _write(board: Board, writes: list[RecordWrite], actor: Actor, now: datetime) -> None:
    token = own_write.set(True)
    try:
        results = records_write(
            tenant=board.tenant, record_type=board.record_type, writes=writes, origin=actor.origin("repair of the board"),
            now=now,
        )  # fmt: skip
    finally:
        own_write.reset(token)
    if any(result.status is WriteStatus.STALE for result in results):
        raise Busy("Others are moving these cards. Try again.")


def _stages_of(board: Board, cards: list[str]) -> set[str]:
    rows = cards_of(board.tenant_id, board.record_type).filter(pk__in=cards)
    return set(rows.values_list("stage", flat=True).distinct())


def _rerank(board: Board, stage: str, now: datetime) -> None:
    """New ranks for a whole column in its present order; only where a check found it broken."""
    from .room import ranks_give

    rows = cards_of(board.tenant_id, board.record_type).filter(stage=stage).order_by("rank", "pk")
    column = list(rows.values_list("pk", flat=True))
    moves = ranks_give(board, column, ranks.spread(None, None, len(column), random.SystemRandom()), now)
    moves_announce(board.room, board.tenant_id, board.pk, moves, "")
