"""What varies between production, tests and the simulation: clock, chance, clients, and named points.

The engine asks here and nowhere else, so that a simulation can own time and the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any

from django.utils import timezone

from connectors.base.types import Client
from integrations.models import Integration
from integrations.services.clients import client_for

_chance = SystemRandom()


def _open_client(integration: Integration, priority: int) -> Client:
    return client_for(integration, purpose="person" if priority == 0 else "sync")


@dataclass(frozen=True)
class Runtime:
    """``point(name)`` marks a place where a process may die; production passes through it."""

    now: Callable[[], datetime] = timezone.now
    chance: Callable[[], float] = _chance.random
    open_client: Callable[[Integration, int], Client] = _open_client
    point: Callable[[str], None] = lambda name: None
    reads_ahead: bool = True  # fetch the next page in a thread while this one is written


_current = Runtime()


def runtime() -> Runtime:
    """The runtime in force."""
    return _current


@contextmanager
def use_runtime(**changes: Any) -> Iterator[Runtime]:
    """Replace parts of the runtime for the time of a ``with`` block (tests, simulation, benchmarks)."""
    global _current
    before = _current
    _current = Runtime(**{**before.__dict__, **changes})
    try:
        yield _current
    finally:
        _current = before
