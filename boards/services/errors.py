"""Why something on a board was refused. Each has its own status, code and sentence; nothing was changed."""

from __future__ import annotations

from typing import Any


class BoardError(Exception):
    """``facts`` are for the page: what is true now, who holds what."""

    status = 409
    code = "refused"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message, self.facts = message, facts


class CardMissing(BoardError):
    status, code = 404, "not_found"


class UnknownStage(BoardError):
    status, code = 400, "unknown_stage"


class BadMove(BoardError):
    status, code = 400, "bad_move"


class NotAllowed(BoardError):
    status, code = 403, "forbidden"


class StaleCard(BoardError):
    """The card is at another revision than the one that was seen."""

    status, code = 409, "stale"


class MovedOn(BoardError):
    """Undo or redo of a card that somebody has moved since."""

    status, code = 409, "moved_on"


class NothingToUndo(BoardError):
    status, code = 409, "nothing_to_undo"


class NeighbourGone(BoardError):
    """The card beside which this one was dropped is not in that column any more."""

    status, code = 412, "neighbour_gone"


class TransitionRefused(BoardError):
    status, code = 422, "transition_not_allowed"


class CardLocked(BoardError):
    status, code = 423, "locked"


class ColumnFull(BoardError):
    """At a hard limit; ``may_override`` says whether this person could pass with a reason."""

    status, code = 428, "column_full"


class LockExpired(BoardError):
    status, code = 410, "lock_expired"


class StaleConfig(BoardError):
    status, code = 409, "stale_config"


class InvalidConfig(BoardError):
    status, code = 400, "invalid"


class StageHasCards(BoardError):
    """A stage is to be taken off the board and nobody said where its cards go."""

    status, code = 409, "stage_has_cards"


class Busy(BoardError):
    """Others wrote the same cards at the same moment, several times over."""

    status, code = 503, "busy"
