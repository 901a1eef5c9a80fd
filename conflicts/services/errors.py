"""What can go wrong at the review desk; every message is meant for the reviewer."""

from __future__ import annotations

from collections.abc import Mapping

from conflicts.models import ConflictResolution


class ConflictProblem(Exception):
    """A decision that cannot be taken as asked. ``str()`` is safe to show; ``code`` names it for programs."""

    code = "conflict_problem"


class InvalidDecision(ConflictProblem):
    """The choices do not make sense: ``errors`` is ``{field key: what to do}``; "" is the form as a whole."""

    code = "invalid"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class StaleConflict(ConflictProblem):
    """What the reviewer saw is no longer what is there. ``current`` is the conflict as it is now."""

    code = "stale"

    def __init__(self, message: str, current: ConflictResolution) -> None:
        super().__init__(message)
        self.current = current


class LeaseHeld(ConflictProblem):
    """Someone else is reviewing it; taking over is allowed and recorded."""

    code = "lease_held"

    def __init__(self, message: str, current: ConflictResolution) -> None:
        super().__init__(message)
        self.current = current
