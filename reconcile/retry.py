"""Retry arithmetic. Pure: the clock and the random number are handed in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d{1,9}(\.\d+)?")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays in seconds before each retry; after the last one the work is exhausted. Jitter is added on top, never taken off."""

    delays: tuple[float, ...]
    jitter: float = 0.2
    max_delay: float = 86_400.0

    def __post_init__(self) -> None:
        if not 0 <= self.jitter <= 0.2:
            raise ValueError("jitter must be from 0 to 0.2")
        if any(delay < 0 for delay in self.delays):
            raise ValueError("delays must not be negative")

    @classmethod
    def exponential(
        cls,
        *,
        base: float,
        factor: float = 2.0,
        retries: int = 5,
        max_delay: float = 86_400.0,
        jitter: float = 0.2,
    ) -> RetryPolicy:
        """base, base*factor, base*factor², … capped at ``max_delay``."""
        delays = tuple(min(base * factor**number, max_delay) for number in range(retries))
        return cls(delays, jitter, max_delay)

    @property
    def attempts(self) -> int:
        """How often the work is tried at most, the first try included."""
        return len(self.delays) + 1

    def delay(self, attempt: int, *, rng_value: float, retry_after: float | None = None) -> float | None:
        """Seconds to wait after failed ``attempt`` (the first is 1); None if exhausted.

        ``rng_value`` is from [0, 1). At least ``retry_after``, even beyond ``max_delay``: coming back earlier helps nobody.
        """
        if attempt < 1:
            raise ValueError("attempt counts from 1")
        if attempt > len(self.delays):
            return None
        wait = min(self.delays[attempt - 1], self.max_delay)
        wait *= 1 + self.jitter * min(max(rng_value, 0.0), 1.0)
        return max(wait, retry_after or 0.0)


RECORD_PUSH = RetryPolicy((1, 2, 4, 8, 16))
JOB = RetryPolicy((60, 120, 240, 480, 960))


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header; None if absent or unreadable.

    Takes seconds or an HTTP date; a date in the past gives 0.0. Source: RFC 9110 section 10.2.3.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
