"""The board from its events: where every card is after a number of moves, and what a person can undo.

Plain Python over plain values, so that the projection, the metrics and the tests all stand on the same few lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Place(NamedTuple):
    """Where a card is; ``stage`` "" is off the board."""

    stage: str
    rank: str


@dataclass(frozen=True, slots=True)
class Event:
    """One move, as the replay needs it. ``origin`` "" is arriving, ``target`` "" is leaving."""

    seq: int
    at: datetime
    card: UUID
    origin: str
    target: str
    rank: str
    over: str = ""
    override: bool = False
    source: str = "ui"


def apply(state: dict[UUID, Place], events: Iterable[Event]) -> dict[UUID, Place]:
    """Move the cards in ``state`` (which is changed and given back)."""
    for event in events:
        if event.target:
            state[event.card] = Place(event.target, event.rank)
        else:
            state.pop(event.card, None)
    return state


def columns(state: Mapping[UUID, Place]) -> dict[str, list[UUID]]:
    """Stage → cards in the order of the page."""
    found: dict[str, list[tuple[str, str, UUID]]] = {}
    for card, place in state.items():
        found.setdefault(place.stage, []).append((place.rank, str(card), card))
    return {stage: [row[2] for row in sorted(rows)] for stage, rows in found.items()}


# ---------------------------------------------------------------- undo and redo


@dataclass(frozen=True, slots=True)
class Command:
    """What a person did at one go. ``undoes`` names the command that it takes back or brings back."""

    id: UUID
    source: str  # "undo", "redo", or an ordinary one
    undoes: UUID | None = None


@dataclass(frozen=True, slots=True)
class Stacks:
    """Newest last."""

    undo: tuple[UUID, ...] = ()
    redo: tuple[UUID, ...] = ()


def stacks(commands: Sequence[Command], limit: int = 50) -> Stacks:
    """What can be undone and redone after these commands of one person, oldest first.

    A new command ends what could be redone, as everywhere.
    """
    undo: list[UUID] = []
    redo: list[UUID] = []
    for command in commands:
        if command.source == "undo" and command.undoes is not None:
            if command.undoes in undo:
                undo.remove(command.undoes)
            redo.append(command.undoes)
        elif command.source == "redo" and command.undoes is not None:
            if command.undoes in redo:
                redo.remove(command.undoes)
            undo.append(command.undoes)
        else:
            undo.append(command.id)
            redo.clear()
    return Stacks(tuple(undo[-limit:]), tuple(redo[-limit:]))
