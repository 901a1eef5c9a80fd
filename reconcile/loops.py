"""Finding loops in which every cycle succeeds: values that come back again and again, and too many writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MAX_PERIOD = 4


def cycle_period(history: Sequence[str], *, min_cycles: int = 3, max_period: int = MAX_PERIOD) -> int | None:
    """Length of the cycle a field is caught in, from the digests it took on, newest last; None if it is in none.

    Repeats of the same digest in a row count once: writing the same value twice is no swing.
    """
    values = [digest for number, digest in enumerate(history) if number == 0 or history[number - 1] != digest]
    for period in range(2, max_period + 1):
        needed = period * min_cycles
        if len(values) < needed:
            return None
        tail = values[-needed:]
        if all(tail[number] == tail[number - period] for number in range(period, needed)):
            return period
    return None


def oscillates(
    history: Sequence[str],
    times: Sequence[datetime] | None = None,
    *,
    min_cycles: int = 3,
    within_seconds: float = 3_600.0,
) -> bool:
    """True if the newest values run in a circle: A, B, A, B, A, B.

    With ``times`` (one per value) only those within ``within_seconds`` of the newest count: people do change
    their minds, but not three times an hour for long.
    """
    if times:
        newest = times[-1]
        recent = [
            digest
            for digest, moment in zip(history, times, strict=True)
            if (newest - moment).total_seconds() <= within_seconds
        ]
        return cycle_period(recent, min_cycles=min_cycles) is not None
    return cycle_period(history, min_cycles=min_cycles) is not None


@dataclass(frozen=True, slots=True)
class WriteBudget:
    """How many writes a field may take in a window without a person having edited it in between."""

    writes: int = 10
    per_seconds: float = 600.0

    def is_spent(
        self, written_at: Sequence[float], *, now: float, last_human_edit_at: float | None = None
    ) -> bool:
        """True if no further write is allowed. Times are seconds on any one clock."""
        since = now - self.per_seconds
        if last_human_edit_at is not None:
            since = max(since, last_human_edit_at)
        return sum(1 for moment in written_at if moment > since) >= self.writes

    def left(
        self, written_at: Sequence[float], *, now: float, last_human_edit_at: float | None = None
    ) -> int:
        since = now - self.per_seconds
        if last_human_edit_at is not None:
            since = max(since, last_human_edit_at)
        return max(self.writes - sum(1 for moment in written_at if moment > since), 0)
