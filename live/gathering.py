"""Events of many rows at once, merged while a run of many short transactions goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import transaction

from .feed import publish

#: ids named in one event of many; a page that shows more reloads its list
MANY_IDS = 100
#: events of many go out at most so often while they are gathered
GATHER_SECONDS = 1.0


def publish_many(
    room: str,
    type: str,
    payload: dict[str, Any],
    *,
    count: int,
    tenant_id: UUID | str | None = None,
    **ids: list[str],
) -> None:
    """As ``publish`` for what happened to ``count`` rows at once; each list of ids is cut to the first hundred.

    Within ``gathered`` such events are merged, if they differ in nothing but count and ids.
    """
    event = _Many(room, type, payload, tenant_id, count, ids)
    if _gathering.held is None:
        event.publish()
    else:
        transaction.on_commit(lambda: _gather(event), robust=True)


@dataclass
class _Many:
    room: str
    type: str
    payload: dict[str, Any]
    tenant_id: UUID | str | None
    count: int
    ids: dict[str, list[str]]

    def takes_in(self, other: _Many) -> bool:
        """Add the other one, unless it says something else or names ids for which there is no place."""
        mine = (self.room, self.type, self.payload, self.ids.keys())
        if mine != (other.room, other.type, other.payload, other.ids.keys()):
            return False
        is_room_left = all(len(self.ids[name]) + len(ids) <= MANY_IDS for name, ids in other.ids.items())
        if not (is_room_left or other.count > MANY_IDS):
            return False
        self.count += other.count
        self.ids = {name: (ids + other.ids[name])[:MANY_IDS] for name, ids in self.ids.items()}
        return True

    def publish(self) -> None:
        ids = {name: each[:MANY_IDS] for name, each in self.ids.items()}
        publish(self.room, self.type, {**self.payload, "count": self.count, **ids}, tenant_id=self.tenant_id)


class _Gathering(threading.local):
    """What this thread holds back; None outside ``gathered``."""

    held: list[_Many] | None = None
    let_go_at = 0.0


_gathering = _Gathering()


@contextmanager
def gathered() -> Iterator[None]:
    """For a run of many short transactions: its events of many go out merged, once a second and at the end.

    Gathered is only what has been committed. Call ``let_go`` before waiting for something else.
    """
    if _gathering.held is not None:
        yield
        return
    _gathering.held, _gathering.let_go_at = [], 0.0
    try:
        yield
    finally:
        try:
            let_go()
        finally:
            _gathering.held = None


def let_go() -> None:
    """Publish what ``gathered`` holds back. As ever, an event that can't be published is lost, and nothing else."""
    _gathering.let_go_at = monotonic() + GATHER_SECONDS
    if _gathering.held:
        events, _gathering.held[:] = list(_gathering.held), []
        transaction.on_commit(lambda: _publish_all(events), robust=True)


def _publish_all(events: list[_Many]) -> None:
    with transaction.atomic():  # numbered and written together
        for event in events:
            event.publish()


def _gather(event: _Many) -> None:
    if _gathering.held is None:  # the run ended before this transaction did
        event.publish()
        return
    if not any(one.takes_in(event) for one in _gathering.held):
        _gathering.held.append(event)
    if monotonic() >= _gathering.let_go_at:
        let_go()
