"""What beat starts for the boards; each may run twice and is short."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from .models import Board, Snapshot, SnapshotReason
from .services.locks import leases_expire
from .services.rollup import roll_up
from .services.snapshots import snapshot_take

logger = logging.getLogger(__name__)

#: scheduled snapshots kept per board, beside the first of each month
KEEP = 30


@shared_task(name="boards.roll_up")
def roll_up_all() -> None:
    """Figures of the periods under way, board by board; one that fails does not stop the others."""
    now = timezone.now()
    for board in Board.objects.filter(is_default=True, last_seq__gt=0).select_related("tenant"):
        try:
            roll_up(board, now)
        except Exception:
            logger.exception("boards.roll_up.failed", extra={"board": str(board.pk)})


@shared_task(name="boards.take_snapshots")
def take_snapshots() -> None:
    now = timezone.now()
    for board in Board.objects.filter(is_default=True, last_seq__gt=0):
        snapshot_take(board=board, now=now, reason=SnapshotReason.SCHEDULED)
        old = Snapshot.objects.filter(board=board, reason=SnapshotReason.SCHEDULED).order_by("-seq")
        gone = [row.pk for row in old.only("pk", "taken_at")[KEEP:] if row.taken_at.day != 1]
        Snapshot.objects.filter(pk__in=gone).delete()


@shared_task(name="boards.take_bulk_snapshot")
def take_bulk_snapshot(board_id: str) -> None:
    """After a command that moved many cards, so that rebuilding does not go through them again."""
    board = Board.objects.filter(pk=board_id).first()
    if board is not None:
        snapshot_take(board=board, now=timezone.now(), reason=SnapshotReason.BULK)
        old = Snapshot.objects.filter(board=board, reason=SnapshotReason.BULK).order_by("-seq")
        Snapshot.objects.filter(pk__in=list(old.values_list("pk", flat=True)[KEEP:])).delete()


@shared_task(name="boards.expire_leases")
def expire_leases() -> None:
    leases_expire(timezone.now())
