"""Leases on cards, and who is here. A lease lasts 30 seconds and is renewed by the page that holds it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from boards.models import Board, CardLock, Presence
from live.feed import publish

from .actors import Actor
from .cards import cards_of
from .errors import CardLocked, CardMissing, LockExpired, NotAllowed
from .moves import person

LEASE = timedelta(seconds=30)
#: a tab that has not said for this long that it is here is gone
HERE = timedelta(seconds=45)


def lock_take(*, board: Board, card: UUID, actor: Actor, now: datetime) -> CardLock:
    """Take or renew the lease. Raises CardLocked if it is somebody else's (or another tab's), CardMissing."""
    if "move" not in actor.rights:
        raise NotAllowed("Your role does not let you edit cards on this board.")
    if not cards_of(board.tenant_id, board.record_type).filter(pk=card).exists():
        raise CardMissing("There is no such card on this board, or it has been deleted.", card=str(card))
    mine = Q(holder=actor.user, session=actor.session)
    values = {
        "tenant_id": board.tenant_id, "board": board, "holder": actor.user, "session": actor.session,
        "acquired_at": now, "expires_at": now + LEASE,
    }  # fmt: skip
    free = CardLock.objects.filter(record_id=card).filter(mine | Q(expires_at__lte=now))
    if not free.update(**values):
        try:
            with transaction.atomic():
                CardLock.objects.create(record_id=card, **values)
        except IntegrityError:
            raise _held(card) from None
    _tell(board, card, "locked", actor, now + LEASE)
    return CardLock.objects.select_related("holder").get(record_id=card)


def lock_renew(*, board: Board, card: UUID, actor: Actor, now: datetime) -> CardLock:
    """Thirty seconds more. Raises LockExpired if the lease has run out or is somebody else's by now."""
    mine = CardLock.objects.filter(
        record_id=card, board=board, holder=actor.user, session=actor.session, expires_at__gt=now
    )
    if not mine.update(expires_at=now + LEASE):
        held = CardLock.objects.filter(record_id=card, expires_at__gt=now).select_related("holder").first()
        by = f" {person(held.holder)} has it now." if held else " Take it again to go on."
        raise LockExpired(f"Your lock on this card has run out.{by}", card=str(card))
    _tell(board, card, "locked", actor, now + LEASE)  # boards show it only as long as they know it to last
    return CardLock.objects.select_related("holder").get(record_id=card)


def lock_release(*, board: Board, card: UUID, actor: Actor, now: datetime) -> bool:
    """Give the lease back; False if it was not this tab's any more."""
    gone, _ = CardLock.objects.filter(
        record_id=card, board=board, holder=actor.user, session=actor.session
    ).delete()
    if gone:
        _tell(board, card, "released", actor, now)
    return bool(gone)


def lock_take_over(*, board: Board, card: UUID, actor: Actor, now: datetime) -> CardLock:
    """Take the lease from whoever holds it; needs the right to."""
    if "break_lock" not in actor.rights:
        raise NotAllowed("You may not take over a lock on this board.")
    CardLock.objects.filter(record_id=card, tenant_id=board.tenant_id).delete()
    return lock_take(board=board, card=card, actor=actor, now=now)


def lock_of(board: Board, card: UUID, now: datetime) -> CardLock | None:
    """The living lock on a card of this board's type."""
    rows = CardLock.objects.filter(record_id=card, tenant_id=board.tenant_id, expires_at__gt=now)
    return rows.select_related("holder").first()


def locks_of(board: Board, now: datetime) -> dict[str, dict[str, Any]]:
    """Card → who holds it and until when."""
    rows = CardLock.objects.filter(
        tenant_id=board.tenant_id, board__record_type=board.record_type, expires_at__gt=now
    )
    return {
        str(row.record_id): {"by": person(row.holder), "by_id": row.holder_id, "session": row.session,
                             "until": row.expires_at.isoformat()}
        for row in rows.select_related("holder")
    }  # fmt: skip


def _held(card: UUID) -> CardLocked:
    lock = CardLock.objects.filter(record_id=card).select_related("holder").first()
    if lock is None:
        return CardLocked("Somebody else took this card at the same moment. Try again.", card=str(card))
    return CardLocked(
        f"{person(lock.holder)} is editing this card.",
        card=str(card), holder=person(lock.holder), until=lock.expires_at.isoformat(),
    )  # fmt: skip


def _tell(board: Board, card: UUID, what: str, actor: Actor, until: datetime) -> None:
    payload = {
        "board": str(board.pk), "card": str(card), "state": what, "by": person(actor.user),
        "by_id": actor.user.pk if actor.user else None, "session": actor.session, "until": until.isoformat(),
    }  # fmt: skip
    publish(board.room, "KANBAN_LOCK", payload, tenant_id=board.tenant_id)


# ---------------------------------------------------------------- presence


def presence_note(
    *, board: Board, user: Any, session: str, now: datetime, leaving: bool = False
) -> list[str]:
    """This tab is here (or leaves); the names of who is here. The room hears of it when the names change."""
    before = present(board, now)
    if leaving:
        Presence.objects.filter(board=board, session=session, user=user).delete()
    else:
        Presence.objects.update_or_create(
            board=board, session=session, defaults={"user": user, "seen_at": now}
        )
    after = present(board, now)
    if after != before:
        payload = {"board": str(board.pk), "here": after}
        publish(board.room, "KANBAN_PRESENCE", payload, tenant_id=board.tenant_id)
    return after


def present(board: Board, now: datetime) -> list[str]:
    """Names of the people who have the board open."""
    rows = Presence.objects.filter(board=board, seen_at__gt=now - HERE).select_related("user")
    return sorted({person(row.user) for row in rows})


def leases_expire(now: datetime) -> int:
    """Delete what has run out; it counts as free already."""
    gone = CardLock.objects.filter(expires_at__lt=now - LEASE).delete()[0]
    return gone + Presence.objects.filter(seen_at__lt=now - HERE).delete()[0]
