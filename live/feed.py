"""Publish to a room and read a room's feed. The only way in and out of ``LiveEvent``.

Room names: ``tenant:{id}:sync`` for everything about integrations, jobs and conflicts of a tenant,
``tenant:{id}:kanban:{type}`` for boards, ``user:{id}`` for a person's own toasts.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection, transaction
from django.utils import timezone

from .models import LiveEvent, LiveRoom

logger = logging.getLogger(__name__)

FEED_LIMIT = 200
#: ids named in one event of many; a page that shows more reloads its list
MANY_IDS = 100
#: events of many go out at most so often while they are gathered
GATHER_SECONDS = 1.0


def sync_room(tenant_id: UUID | str) -> str:
    """The room in which a tenant's integrations, jobs, logs and conflicts report."""
    return f"tenant:{tenant_id}:sync"


def group_name(room: str) -> str:
    """The channel layer's name of a room: ASCII letters, digits, ``-_.``, under 100 characters."""
    return re.sub(r"[^A-Za-z0-9\-_.]", ".", room)[:99]


def publish(room: str, type: str, payload: dict[str, Any], *, tenant_id: UUID | str | None = None) -> None:
    """Publish after the current transaction commits (at once if there is none).

    The event is numbered in a short transaction of its own, so no room lock is held during work. A crash
    between commit and publish loses only the hint: pages read their truth from the tables.
    """
    transaction.on_commit(lambda: _publish_now(room, type, payload, tenant_id), robust=True)


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
        room_left = all(len(self.ids[name]) + len(ids) <= MANY_IDS for name, ids in other.ids.items())
        if not (room_left or other.count > MANY_IDS):
            return False
        self.count += other.count
        self.ids = {name: (ids + other.ids[name])[:MANY_IDS] for name, ids in self.ids.items()}
        return True

    def publish(self) -> None:
        ids = {name: each[:MANY_IDS] for name, each in self.ids.items()}
        _publish_now(self.room, self.type, {**self.payload, "count": self.count, **ids}, self.tenant_id)


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
    """Publish what ``gathered`` holds back."""
    held = _gathering.held
    if held:
        events, held[:] = list(held), []
        for event in events:
            try:
                event.publish()
            except Exception:  # a hint is lost: pages read their truth from the tables
                logger.warning("live.publish.failed", extra={"room": event.room}, exc_info=True)
    _gathering.let_go_at = monotonic() + GATHER_SECONDS


def _gather(event: _Many) -> None:
    held = _gathering.held
    if held is None:
        event.publish()
        return
    if not any(one.takes_in(event) for one in held):
        held.append(event)
    if monotonic() >= _gathering.let_go_at:
        let_go()


def _publish_now(room: str, type: str, payload: dict[str, Any], tenant_id: UUID | str | None) -> None:
    with transaction.atomic():
        seq = _next_seq(room)
        event = LiveEvent.objects.create(
            room=room,
            seq=seq,
            tenant_id=tenant_id and UUID(str(tenant_id)),
            type=type,
            payload=payload,
            created_at=timezone.now(),
        )
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group_name(room), {"type": "live.event", "event": as_message(event)})
    except Exception:  # the socket is a convenience: the feed in the database is the truth
        logger.warning("live.send.failed", extra={"room": room}, exc_info=True)


def _next_seq(room: str) -> int:
    """The room's next number, in one statement on either database; its row lock makes commit order the order."""
    table = connection.ops.quote_name(LiveRoom._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (name, last_seq) VALUES (%s, 1) "  # noqa: S608  our own table's name
            f"ON CONFLICT (name) DO UPDATE SET last_seq = {table}.last_seq + 1 RETURNING last_seq",
            [room],
        )
        return int(cursor.fetchone()[0])


def as_message(event: LiveEvent) -> dict[str, Any]:
    """The same shape over the socket and over polling."""
    return {
        "room": event.room,
        "seq": event.seq,
        "type": event.type,
        "payload": event.payload,
        "at": event.created_at.isoformat(),
    }


def last_seq_of(room: str) -> int:
    """The number of the room's newest event; 0 if it never had one."""
    return LiveRoom.objects.filter(name=room).values_list("last_seq", flat=True).first() or 0


def events_after(room: str, seq: int, *, limit: int = FEED_LIMIT) -> dict[str, Any]:
    """Events of a room after ``seq``, oldest first: ``{events, last_seq, gap}``.

    ``gap`` is True if events between ``seq`` and the first one left have expired, or if the room's numbers
    have begun anew: the page must reload.
    """
    last_seq = last_seq_of(room)  # before the events: one that comes in between is then one of them
    rows = list(LiveEvent.objects.filter(room=room, seq__gt=seq).order_by("seq")[:limit])
    last_seq = max([last_seq, *(row.seq for row in rows[-1:])])
    expired = last_seq > seq and (not rows or rows[0].seq > seq + 1)
    return {
        "events": [as_message(row) for row in rows],
        "last_seq": last_seq,
        "gap": expired or last_seq < seq,
    }


def events_expire(before: datetime, *, batch: int = 5000) -> int:
    """Delete events older than ``before``, a batch at a time; how many went. Rooms keep counting."""
    gone = 0
    while True:
        ids = list(
            LiveEvent.objects.filter(created_at__lt=before)
            .order_by("created_at")[:batch]
            .values_list("pk", flat=True)
        )
        if not ids:
            return gone
        gone += LiveEvent.objects.filter(pk__in=ids).delete()[0]
