"""Time-ordered ids (UUIDv7, RFC 9562 section 5.7): new rows land at the end of their index."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from uuid import UUID

_lock = threading.Lock()
_last = 0


def _random_uuid7() -> UUID:
    """Strictly rising within the process: 48 bits of milliseconds, 12 of sequence, 62 of randomness."""
    global _last
    with _lock:
        stamp = max((time.time_ns() // 1_000_000) << 12, _last + 1)
        _last = stamp
    random_bits = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=(stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random_bits)


_source: Callable[[], UUID] = _random_uuid7


def new_id() -> UUID:
    """A new id from the source in force."""
    return _source()


def use_source(source: Callable[[], UUID] | None) -> None:
    """Replace the source of ids (the simulation hands in its own); None restores the default."""
    global _source
    _source = source or _random_uuid7
