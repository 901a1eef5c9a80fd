"""Undo and redo: a person's own last commands on a board, kept by the server, linked to what they take back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boards.core.layout import BY_INTEGRATION
from boards.core.replay import Command, Stacks, stacks
from boards.defaults import LANES, layout_of
from boards.models import Board, Move, Source
from workspace.models import Change
from workspace.services import records_read

from .actors import Actor
from .errors import BadMove, CardMissing, MovedOn, NotAllowed, NothingToUndo
from .moves import Card, Moved, Wish, carry_out, person, stream_id
from .neighbours import Target

DEPTH = 50
#: rows looked at, a few at first: a bulk command is many
ROWS = (60, 600, 3000)
_OWN = (Source.UI, Source.API, Source.UNDO, Source.REDO)
_BACK = (Source.UNDO, Source.REDO)


@dataclass(frozen=True, slots=True)
class Undoable:
    """What undo and redo would do now, in words; None where there is nothing."""

    undo: str | None
    redo: str | None


def stacks_of(board: Board, user: Any) -> Stacks:
    """The top of what the person can undo and redo.

    The latest rows alone say what lies on top; older ones are read only while they leave a stack empty that they
    may hold something for.
    """
    rows = Move.objects.filter(board_id=stream_id(board), user=user, source__in=[one.value for one in _OWN])
    rows = rows.exclude(from_stage="").exclude(
        to_stage=""
    )  # made or deleted over the API: no move to take back
    latest_first = rows.order_by("-seq").values_list("command_id", "source", "undoes")
    found = Stacks()
    for count in ROWS:
        latest = list(latest_first[:count])
        commands: dict[UUID, Command] = {}
        for command, source, undoes in reversed(latest):
            commands.setdefault(command, Command(command, source, undoes))
        found = stacks(list(commands.values()), DEPTH)
        is_cut = any(
            source not in _BACK for _, source, _ in latest
        )  # a new command ends what could be redone
        if len(latest) < count or (found.undo and (found.redo or is_cut)):
            break
    return found


def undoable(board: Board, user: Any) -> Undoable:
    """For the buttons: undo says what it will do."""
    found = stacks_of(board, user)
    return Undoable(
        _words(board, _ways(board, found.undo[-1]), "Undo") if found.undo else None,
        _words(board, _ways(board, found.redo[-1]), "Redo") if found.redo else None,
    )


def undoable_after(board: Board, user: Any, done: Moved) -> Undoable:
    """The same when the person has just done this. A new command lies on top and ends what could be redone: no query."""
    is_new = not done.repeated and all(move.undoes is None for move in done.moves)
    if not is_new:
        return undoable(board, user)
    return Undoable(_words(board, [(move.from_stage, move.to_stage) for move in done.moves], "Undo"), None)


def undo(*, board: Board, actor: Actor, now: datetime, override: bool = False, reason: str = "") -> Moved:
    """Take back the person's last command: every card goes exactly where it was.

    Raises NothingToUndo, MovedOn (with the difference) if a card has been moved since, or what a move raises.
    """
    found = stacks_of(board, actor.user)
    if not found.undo:
        raise NothingToUndo("You have no move to undo on this board.")
    return _reverse(board, found.undo[-1], actor.sourced(Source.UNDO), now, override, reason)


def redo(*, board: Board, actor: Actor, now: datetime, override: bool = False, reason: str = "") -> Moved:
    """Do again what the person's last undo took back."""
    found = stacks_of(board, actor.user)
    if not found.redo:
        raise NothingToUndo("You have no move to redo on this board.")
    return _reverse(board, found.redo[-1], actor.sourced(Source.REDO), now, override, reason)


def _reverse(board: Board, command: UUID, actor: Actor, now: datetime, override: bool, reason: str) -> Moved:
    if "move" not in actor.rights:
        raise NotAllowed("Your role does not let you move cards on this board.")
    if override and "override" not in actor.rights:
        raise NotAllowed("You may not pass a limit on this board.")
    if override and not reason.strip():
        raise BadMove("Passing a limit needs a reason in writing.")
    original = _moves(board, command)
    back = actor.source is Source.UNDO
    expected = {
        move.record_id: (move.to_stage, move.to_rank) if back else (move.from_stage, move.from_rank)
        for move in original
    }
    cards = _unmoved(board, original, expected)
    places = tuple(
        (move.from_stage, move.from_rank) if back else (move.to_stage, move.to_rank) for move in original
    )
    return carry_out(
        Wish(
            board=board, cards=cards, target=Target(stage=places[0][0]), actor=actor, now=now, reason=reason[:500],
            override=override, undoes=command, places=places, values=_lanes_back(board, original, back),
        )
    )  # fmt: skip


def _lanes_back(board: Board, original: Sequence[Move], back: bool) -> dict[UUID, dict[str, Any]]:
    """Card → the values of the lane that it left (or came into, for redo), where it is still in the other one. Moves
    know no lanes; the record's own history does."""
    fields = [name for name in LANES[board.record_type] if name != BY_INTEGRATION]
    revisions = {move.record_id: move.revision for move in original}
    changes = Change.objects.filter(
        tenant_id=board.tenant_id, record_type=board.record_type, record_id__in=revisions,
        revision__in=set(revisions.values()), changes__has_any_keys=fields,
    )  # fmt: skip
    told = [one for one in changes if one.revision == revisions[one.record_id]]
    if not told:
        return {}
    ids = [one.record_id for one in told]
    states = records_read(tenant_id=board.tenant_id, record_type=board.record_type, ids=ids)
    there, here = ("from", "to") if back else ("to", "from")
    return {
        one.record_id: {
            name: one.changes[name][there]
            for name in fields
            if name in one.changes and states[one.record_id].values.get(name) == one.changes[name][here]
        }
        for one in told
        if one.record_id in states
    }


def _unmoved(
    board: Board, original: Sequence[Move], expected: dict[UUID, tuple[str, str]]
) -> tuple[Card, ...]:
    """The cards at their present revisions, if each is still where this command (or its undo) left it."""
    states = records_read(tenant_id=board.tenant_id, record_type=board.record_type, ids=list(expected))
    layout = layout_of(board.record_type, board.config)
    for card, place in expected.items():
        state = states.get(card)
        if state is None or state.deleted_at is not None:
            raise CardMissing("The card has been deleted since.", card=str(card))
        now = (state.values["stage"], state.values["rank"] or "")
        if now != place:
            raise _moved_on(board, card, state, layout.name_of(place[0]), layout.name_of(now[0]))
    return tuple(Card(move.record_id, states[move.record_id].revision) for move in original)


def _moved_on(board: Board, card: UUID, state: Any, left: str, now: str) -> MovedOn:
    moves = Move.objects.filter(board_id=stream_id(board), record_id=card)
    last = moves.select_related("user").order_by("-seq").first()
    by = (person(last.user) or last.get_source_display()) if last else "somebody"
    where = f"is in {now} now" if now != left else f"has another place in {now} now"
    return MovedOn(
        f"The card was left in {left}, but {where}: moved by {by}.",
        card=str(card), left_in=left, now_in=now, by=by, at=last.at.isoformat() if last else None,
        current={"stage": state.values["stage"], "revision": state.revision},
    )  # fmt: skip


def _moves(board: Board, command: UUID) -> list[Move]:
    return list(Move.objects.filter(board_id=stream_id(board), command_id=command).order_by("seq"))


def _ways(board: Board, command: UUID) -> list[tuple[str, str]]:
    """From where to where a command brought each card."""
    rows = Move.objects.filter(board_id=stream_id(board), command_id=command).order_by("seq")
    return list(rows.values_list("from_stage", "to_stage"))


def _words(board: Board, ways: Sequence[tuple[str, str]], verb: str) -> str:
    layout = layout_of(board.record_type, board.config)
    origin, target = (layout.name_of(stage) for stage in ways[0])
    what = f"{len(ways)} cards" if len(ways) > 1 else "1 card"
    if origin == target:
        return f"{verb}: {what}, order in {target}"
    return f"{verb}: {what}, {origin} → {target}" if verb == "Redo" else f"{verb}: {what} back to {origin}"
