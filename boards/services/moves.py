"""Moving cards: read, check, write the record, then lock the sequence, check what others may have done, note it.

Six statements: the cards with their neighbours; the record; its Change; the board's number (which is the lock); locks
and limits as they are now; the event. Limits are looked at under the lock, so of two people who fill the last
place exactly one comes in.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction

from boards.core import ranks, rules
from boards.core.layout import Layout
from boards.core.rules import Load, Over
from boards.defaults import layout_of
from boards.models import Board, Move, Refusal, Source
from live.feed import publish
from workspace.ids import new_id
from workspace.services import (
    InvalidRecord,
    RecordState,
    RecordWrite,
    StaleRevision,
    WriteStatus,
    records_read,
    records_write,
)
from workspace.services.single import stale as stale_record
from workspace.wakeups import wake

from . import lanes, loads
from .actors import Actor
from .cards import cards_of
from .errors import (
    BadMove,
    Busy,
    CardLocked,
    CardMissing,
    ColumnFull,
    NeighbourGone,
    NotAllowed,
    StaleCard,
    TransitionRefused,
    UnknownStage,
)
from .neighbours import Target, neighbour_query
from .sequence import locks_of_others, moves_announce, moves_insert, numbers_take

MAX_BULK = 500
#: a command with so many cards is followed by a snapshot
BULK = 100
TRIES = 4

#: set while a move of ours writes records: the hook for changes from elsewhere then keeps out
own_write: ContextVar[bool] = ContextVar("boards_own_write", default=False)

_rng = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the person saw it; ``revision`` None moves it whatever it is now (sync, system)."""

    id: UUID
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """``moves`` in the order of the cards; ``repeated`` if this command had been carried out before."""

    moves: tuple[Move, ...]
    warnings: tuple[str, ...] = ()
    repeated: bool = False
    values: dict[UUID, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """One command as asked."""

    board: Board
    cards: tuple[Card, ...]
    target: Target
    actor: Actor
    now: datetime
    reason: str = ""
    override: bool = False
    command_id: UUID = field(default_factory=new_id)
    undoes: UUID | None = None
    places: tuple[tuple[str, str], ...] = ()  # (stage, rank) per card, for undo of many
    values: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)  # of lanes, for undo


def card_move(
    *,
    board: Board,
    card: Card,
    target: Target,
    actor: Actor,
    now: datetime,
    reason: str = "",
    override: bool = False,
    command_id: UUID | None = None,
) -> Moved:
    """Move one card. Raises a BoardError; then nothing has happened."""
    return cards_move(
        board=board, cards=[card], target=target, actor=actor, now=now, reason=reason, override=override,
        command_id=command_id,
    )  # fmt: skip


def cards_move(
    *,
    board: Board,
    cards: Sequence[Card],
    target: Target,
    actor: Actor,
    now: datetime,
    reason: str = "",
    override: bool = False,
    command_id: UUID | None = None,
) -> Moved:
    """Move cards to one place in the order given, all or none. Raises a BoardError; then nothing has happened.

    The same ``command_id`` again answers what the first time did.
    """
    if not cards:
        raise BadMove("Name at least one card.")
    if len(cards) > MAX_BULK or len({card.id for card in cards}) < len(cards):
        raise BadMove(f"Name at most {MAX_BULK} cards, each once.")
    if override and not reason.strip():
        raise BadMove("Passing a limit needs a reason in writing.")
    if override and "override" not in actor.rights:
        raise NotAllowed("You may not pass a limit on this board.")
    if actor.source in (Source.UI, Source.API) and "move" not in actor.rights:
        raise NotAllowed("Your role does not let you move cards on this board.")
    wish = Wish(board, tuple(cards), target, actor, now, reason[:500], override, command_id or new_id())
    return carry_out(wish)


def carry_out(wish: Wish) -> Moved:
    """Try until nobody interferes: the configuration may change under us, and databases give way to deadlocks."""
    for _attempt in range(TRIES):
        _ = wish.board.tenant  # fetched before the transaction, if it isn't yet
        try:
            with transaction.atomic():
                moved = _Carry(wish).run()
        except _ConfigChanged:
            wish = replace(wish, board=Board.objects.select_related("tenant").get(pk=wish.board.pk))
        except OperationalError as error:
            if getattr(getattr(error, "__cause__", None), "sqlstate", "") not in ("40P01", "40001"):
                raise
        except (StaleCard, IntegrityError):
            if (earlier := _earlier(wish)) is not None:
                return earlier
            raise
        except ColumnFull as error:
            _count_refusal(wish, error)
            raise
        else:
            return moved
    raise Busy("Others are writing the same cards. Try again.")


class _ConfigChanged(Exception):
    """The board was configured anew while we checked against the old rules."""


class _Carry:
    """One try of one command, inside its transaction."""

    def __init__(self, wish: Wish) -> None:
        self.wish, self.board = wish, wish.board
        self.layout: Layout = layout_of(self.board.record_type, self.board.config)
        self.type = self.board.record_type
        self.states: dict[UUID, RecordState] = {}
        self.cards: list[RecordState] = []
        self.lane_of: dict[UUID, str] | None = None

    def run(self) -> Moved:
        self._read()
        self._check_cards()
        places = self._places()
        values = self._write(places)
        number = numbers_take(len(self.cards), board_id=stream_id(self.board))
        version = number.config_version
        if number.board_id != self.board.pk:  # a further board has a configuration of its own
            version = Board.objects.values_list("config_version", flat=True).get(pk=self.board.pk)
        if version != self.board.config_version:
            raise _ConfigChanged
        worst, full = self._look_again(places)
        moves = self._events(places, number.last_seq, full)
        moves_insert(moves)
        by = person(self.wish.actor.user)
        moves_announce(self.board.room, self.board.tenant_id, number.board_id, moves, by)
        if len(moves) >= BULK:
            wake("boards.take_bulk_snapshot", board_id=str(number.board_id))
        warnings: tuple[str, ...] = ()
        if worst is not None and worst.over:
            sentence = sentence_of(self.board, self.layout, worst)
            warnings = (sentence,)
            warn(self.board, worst, sentence)
        return Moved(tuple(moves), warnings, values=values)

    # --- what is there

    def _read(self) -> None:
        """The cards, their neighbours, and the card on the side that was not named: one statement."""
        wish = self.wish
        ids: list[Any] = [card.id for card in wish.cards]
        if len(ids) > 1:  # two bulk moves lock their rows in the same order
            rows = cards_of(self.board.tenant_id, self.type).filter(pk__in=ids)
            list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        ids += [one for one in (wish.target.after, wish.target.before) if one is not None]
        further = (
            None
            if wish.places
            else neighbour_query(self.board, wish.target, [card.id for card in wish.cards])
        )
        self.states = records_read(
            tenant_id=self.board.tenant_id, record_type=self.type, ids=ids, also=further
        )

    def _check_cards(self) -> None:
        wish = self.wish
        for card in wish.cards:
            state = self.states.get(card.id)
            if state is None or state.deleted_at is not None:
                raise CardMissing(
                    "There is no such card on this board, or it has been deleted.", card=str(card.id)
                )
            if card.revision is not None and state.revision != card.revision:
                raise stale(self.board, state)
            self.cards.append(state)
        if wish.places:
            return
        if wish.target.stage not in self.layout.by_key:
            raise UnknownStage(
                f"There is no stage {wish.target.stage!r} on this board.", stages=list(self.layout.keys)
            )
        if wish.target.lane is not None and not self.layout.lane_field:
            raise BadMove("This board has no lanes.")
        for state in self.cards:
            self._check_transition(state.values["stage"])

    def _check_transition(self, origin: str) -> None:
        target, layout = self.wish.target.stage, self.layout
        if rules.transition_allowed(layout, origin, target):
            return
        names = [layout.name_of(key) for key in rules.allowed_targets(layout, origin)]
        said = f"From {layout.name_of(origin)} a card may not go to {layout.name_of(target)}"
        allowed = f"; it may go to {', '.join(names)}." if names else "; it stays there."
        raise TransitionRefused(
            said + allowed, allowed=list(rules.allowed_targets(layout, origin)), stage=origin
        )

    # --- where to

    def _places(self) -> list[tuple[str, str]]:
        """(stage, rank) per card."""
        if self.wish.places:
            return list(self.wish.places)
        low, high = self._gap()
        try:
            found = _ranks(low, high, len(self.cards))
        except ranks.NoRoom:
            found = self._make_room(low, high)
        return [(self.wish.target.stage, rank) for rank in found]

    def _gap(self) -> tuple[str | None, str | None]:
        target, moving = self.wish.target, {card.id for card in self.wish.cards}
        named = {one: self._neighbour(one) for one in (target.after, target.before) if one is not None}
        others = [state for key, state in self.states.items() if key not in moving and key not in named]
        further = others[0].values["rank"] if others else None
        after = named[target.after].values["rank"] if target.after else None
        before = named[target.before].values["rank"] if target.before else None
        if target.after and target.before:
            if (after or "") > (before or ""):  # somebody put them the other way round: the one above counts
                before = self._next_rank(after or "")
            return after or None, before
        if target.after:
            return after or None, further
        if target.before:
            return further or None, before
        return (None, further) if target.edge == "top" else (further or None, None)

    def _next_rank(self, rank: str) -> str | None:
        column = cards_of(self.board.tenant_id, self.type).filter(stage=self.wish.target.stage, rank__gt=rank)
        return column.order_by("rank").values_list("rank", flat=True).first()

    def _neighbour(self, card: UUID) -> RecordState:
        state = self.states.get(card)
        if card in {one.id for one in self.wish.cards}:
            raise BadMove("A card cannot be placed beside itself.")
        if state is None or state.deleted_at is not None:
            raise NeighbourGone("The card beside which you dropped is gone.", neighbour=str(card))
        if state.values["stage"] != self.wish.target.stage:
            raise NeighbourGone(
                f"The card beside which you dropped is in {self.layout.name_of(state.values['stage'])} now.",
                neighbour=str(card),
            )
        return state

    def _make_room(self, low: str | None, high: str | None) -> list[str]:
        """Equal, foreign or used-up ranks around the gap: a few neighbours get new ones, as events of their own."""
        from .room import room_make

        target = self.wish.target
        low, high = room_make(
            self.board, target.stage, {state.id for state in self.cards}, self.wish.now,
            after=target.after, before=target.before, low=low,
        )  # fmt: skip
        return _ranks(low, high, len(self.cards))

    # --- writing

    def _write(self, places: Sequence[tuple[str, str]]) -> dict[UUID, dict[str, Any]]:
        lane, lane_field = self.wish.target.lane, self.layout.lane_field
        writes = []
        for state, (stage, rank) in zip(self.cards, places, strict=True):
            values: dict[str, Any] = {"stage": stage, "rank": rank}
            if lane is not None and lane != self._lanes()[state.id]:
                values |= lanes.lane_values(state, lane_field, lane)
            values |= self.wish.values.get(state.id, {})
            writes.append(RecordWrite(state.id, values, state))
        token = own_write.set(True)
        try:
            results = records_write(
                tenant=self.board.tenant, record_type=self.type, writes=writes,
                origin=self.wish.actor.origin(self.wish.reason), now=self.wish.now,
            )  # fmt: skip
        finally:
            own_write.reset(token)
        for state, result in zip(self.cards, results, strict=True):
            if result.status is WriteStatus.INVALID:
                raise BadMove(str(InvalidRecord(result.errors)), errors=result.errors)
            if result.status is WriteStatus.STALE:
                raise stale(self.board, state)
        return {result.record_id: {**result.values, "revision": result.revision} for result in results}

    def _look_again(self, places: Sequence[tuple[str, str]]) -> tuple[Load | None, dict[UUID, Load]]:
        """Under the lock: is a card somebody else's just now, and how full are the columns with these cards? The worst
        of all limits, and the worst of each card that came over one."""
        wish, cells_of = self.wish, self._cells(places)
        cells = list(
            {(cell.stage, cell.lane): cell for found in cells_of.values() for cell in found}.values()
        )
        actor = wish.actor
        locked, totals = loads.look(
            self.board,
            self.layout,
            cells,
            cards=[state.id for state in self.cards],
            holder_id=actor.user.pk if actor.user else None,
            session=actor.session,
            now=wish.now,
        )
        if locked:
            others = locks_of_others(
                [state.id for state in self.cards],
                holder_id=actor.user.pk if actor.user else None,
                session=actor.session,
                now=wish.now,
            )
            raise _locked(others.select_related("holder").first(), self.layout)
        load_of = {
            (cell.stage, cell.lane): Load(cell, total) for cell, total in zip(cells, totals, strict=True)
        }
        worst = rules.worst(list(load_of.values()))
        if worst is not None and worst.over is Over.HARD and not wish.override:
            raise ColumnFull(
                sentence_of(self.board, self.layout, worst),
                stage=worst.cell.stage, lane=worst.cell.lane, limit=worst.cell.limit.hard,
                may_override="override" in actor.rights,
            )  # fmt: skip
        own = {
            card: rules.worst([load_of[cell.stage, cell.lane] for cell in found])
            for card, found in cells_of.items()
        }
        return worst, {card: load for card, load in own.items() if load is not None and load.over}

    def _lanes(self) -> dict[UUID, str]:
        """The lane in which each card is, looked up when somebody first asks."""
        if self.lane_of is None:
            self.lane_of = lanes.lanes_of_states(self.board, self.layout.lane_field, self.cards)
        return self.lane_of

    def _cells(self, places: Sequence[tuple[str, str]]) -> dict[UUID, list[rules.Cell]]:
        """Per card the limited cells into which it comes from elsewhere."""
        found: dict[UUID, list[rules.Cell]] = {}
        lane_field, wanted = self.layout.lane_field, self.wish.target.lane
        for state, (stage, _) in zip(self.cards, places, strict=True):
            old_lane = self._lanes()[state.id] if lane_field else None
            lane = wanted if wanted is not None else old_lane
            if lane_field in (back := self.wish.values.get(state.id, {})):
                lane = lanes.lane_text(back[lane_field])
            for cell in rules.limited_cells(self.layout, stage, lane):
                moved_in = state.values["stage"] != stage or (cell.lane is not None and old_lane != lane)
                if moved_in:
                    found.setdefault(state.id, []).append(cell)
        return found

    def _events(
        self, places: Sequence[tuple[str, str]], last_seq: int, full: Mapping[UUID, Load]
    ) -> list[Move]:
        wish, actor = self.wish, self.wish.actor
        first = last_seq - len(self.cards) + 1
        return [
            Move(
                tenant_id=self.board.tenant_id, board_id=stream_id(self.board), seq=first + index,
                record_id=state.id, from_stage=state.values["stage"], to_stage=stage,
                from_rank=state.values["rank"] or "", to_rank=rank, revision=state.revision + 1, at=wish.now,
                user_id=actor.user.pk if actor.user else None, integration_id=actor.integration_id,
                source=actor.source.value, reason=wish.reason, ip=actor.ip,
                over=full[state.id].over.value if state.id in full else "",
                override=bool(wish.override and state.id in full and full[state.id].over is Over.HARD),
                command_id=wish.command_id, undoes=wish.undoes,
            )
            for index, (state, (stage, rank)) in enumerate(zip(self.cards, places, strict=True))
        ]  # fmt: skip


# ---------------------------------------------------------------- shared


def stream_id(board: Board) -> UUID:
    """The board that carries the type's events: the default one."""
    if board.is_default:
        return board.pk
    return Board.objects.values_list("pk", flat=True).get(
        tenant_id=board.tenant_id, record_type=board.record_type, is_default=True
    )


def person(user: Any) -> str:
    """A name for a page; "" for nobody."""
    return (user.get_full_name() or user.get_username()) if user is not None else ""


def sentence_of(board: Board, layout: Layout, load: Load) -> str:
    """``rules.full_sentence`` with the lane by its name."""
    return rules.full_sentence(layout, load, lanes.lane_title(board, layout.lane_field, load.cell.lane))


def warn(board: Board, load: Load, sentence: str) -> None:
    """Tell the room that a column is over a limit."""
    payload = {
        "board": str(board.pk), "stage": load.cell.stage, "lane": load.cell.lane, "over": load.over.value,
        "total": rules.number_text(load.total), "message": sentence,
    }  # fmt: skip
    publish(board.room, "KANBAN_WIP_WARNING", payload, tenant_id=board.tenant_id)


def _ranks(low: str | None, high: str | None, count: int) -> list[str]:
    if count == 1:
        return [ranks.between(low, high, _rng)]
    return ranks.spread(low, high, count, _rng)


def stale(board: Board, state: RecordState) -> StaleCard:
    """Who was faster and where the card is now."""
    try:
        error: StaleRevision = stale_record(board.tenant, board.record_type, state.id)
    except LookupError:
        return StaleCard("The card has been changed.", card=str(state.id))
    record: Any = error.record
    layout = layout_of(board.record_type, board.config)
    return StaleCard(
        f"“{record}” was {error}. It is in {layout.name_of(record.stage)} now.",
        card=str(state.id),
        current={
            "stage": record.stage,
            "rank": record.rank,
            "revision": record.revision,
            "changed_by": error.changed_by,
        },
    )


def _locked(lock: Any, layout: Layout) -> CardLocked:
    if lock is None:
        return CardLocked("Somebody is editing this card.")
    return CardLocked(
        f"{person(lock.holder)} is editing this card.",
        card=str(lock.record_id), holder=person(lock.holder), until=lock.expires_at.isoformat(),
    )  # fmt: skip


def _earlier(wish: Wish) -> Moved | None:
    """What this very command did when it came the first time."""
    rows = Move.objects.filter(board_id=stream_id(wish.board), command_id=wish.command_id)
    moves = tuple(rows.order_by("seq"))
    return Moved(moves, repeated=True) if moves else None


def _count_refusal(wish: Wish, error: ColumnFull) -> None:
    Refusal.objects.create(
        board_id=stream_id(wish.board), stage=error.facts["stage"], record_id=wish.cards[0].id, user=wish.actor.user,
        at=wish.now,
    )  # fmt: skip
