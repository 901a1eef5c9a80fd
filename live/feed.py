"""Publish to a room and read a room's feed. The only way in and out of ``LiveEvent``.

Room names: ``tenant:{id}:sync`` for everything about integrations, jobs and conflicts of a tenant,
``tenant:{id}:kanban:{type}`` for boards, ``user:{id}`` for a person's own toasts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from .models import LiveEvent, LiveRoom
from .sending import send

FEED_LIMIT = 200


def sync_room(tenant_id: UUID | str) -> str:
    """The room in which a tenant's integrations, jobs, logs and conflicts report."""
    return f"tenant:{tenant_id}:sync"


def group_name(room: str) -> str:
    """The channel layer's name of a room: ASCII letters, digits, ``-_.``, under 100 characters."""
    return re.sub(r"[^A-Za-z0-9\-_.]", ".", room)[:99]


@dataclass(slots=True)
class _Event:
    room: str
    type: str
    payload: dict[str, Any]
    tenant_id: UUID | str | None


@dataclass(slots=True)
class _Batch:
    """What one transaction has to tell; called after its commit."""

    savepoints: set[str]
    events: list[_Event]

    def __call__(self) -> None:
        _publish_now(self.events)


def publish(room: str, type: str, payload: dict[str, Any], *, tenant_id: UUID | str | None = None) -> None:
    """Publish after the current transaction commits (at once if there is none).

    The events of one transaction are numbered together in a short transaction of its own, so no room lock is held
    during work. A crash between commit and publish loses only the hint: pages read their truth from the tables.
    """
    event = _Event(room, type, payload, tenant_id)
    connection = transaction.get_connection()
    savepoints = set(connection.savepoint_ids)
    for _, waiting, _ in connection.run_on_commit if connection.in_atomic_block else ():
        if isinstance(waiting, _Batch) and waiting.savepoints == savepoints:
            waiting.events.append(event)  # goes or stays with the same savepoints
            return
    transaction.on_commit(_Batch(savepoints, [event]), robust=True)


def _publish_now(events: Sequence[_Event]) -> None:
    now = timezone.now()
    with transaction.atomic():
        numbers = _take_numbers(Counter(event.room for event in events))
        rows = []
        for event in events:
            number = numbers[event.room]
            numbers[event.room] += 1
            tenant_id = event.tenant_id and UUID(str(event.tenant_id))
            rows.append(
                LiveEvent(
                    room=event.room, seq=number, tenant_id=tenant_id, type=event.type, payload=event.payload,
                    created_at=now,
                )
            )  # fmt: skip
        _insert(rows)
    send([(group_name(row.room), as_message(row)) for row in rows])


def _take_numbers(counts: Counter[str]) -> dict[str, int]:
    """Each room's first new number, in one statement on either database.

    The rooms' row locks make commit order the order; they are taken in one order of names, so nobody waits in a ring.
    """
    table = connection.ops.quote_name(LiveRoom._meta.db_table)
    rooms = sorted(counts)
    values = ", ".join(["(%s, %s)"] * len(rooms))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (name, last_seq) VALUES {values} "  # noqa: S608  our own table's name
            f"ON CONFLICT (name) DO UPDATE SET last_seq = {table}.last_seq + EXCLUDED.last_seq RETURNING name, last_seq",
            [value for room in rooms for value in (room, counts[room])],
        )
        return {name: last - counts[name] + 1 for name, last in cursor.fetchall()}


_COLUMNS = ("room", "seq", "tenant_id", "type", "payload", "created_at")


def _insert(rows: Sequence[LiveEvent]) -> None:
    """Written out: a move publishes two events, and the ORM's INSERT costs as much as the rest of them."""
    fields: list[Any] = [LiveEvent._meta.get_field(name) for name in _COLUMNS]
    quote = connection.ops.quote_name
    marks = ", ".join([f"({', '.join(['%s'] * len(_COLUMNS))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(LiveEvent._meta.db_table)} ({', '.join(map(quote, _COLUMNS))}) VALUES {marks}",  # noqa: S608
            [
                field.get_db_prep_save(getattr(row, field.attname), connection)
                for row in rows
                for field in fields
            ],
        )


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
