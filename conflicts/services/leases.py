"""Who is reviewing a conflict: a short lease, shown to others, that never blocks sync."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from conflicts.models import OPEN_STATUSES, ConflictResolution
from integrations.audit import audit
from workspace.models import Tenant

from .decisions import get_conflict
from .errors import LeaseHeld
from .events import announce


def lease_length() -> timedelta:
    return timedelta(seconds=getattr(settings, "LOCKSTEP_REVIEW_LEASE_SECONDS", 300))


def lease_take(*, conflict_id: UUID, tenant: Tenant, user: Any, now: datetime) -> ConflictResolution:
    """Take or renew the lease. Raises ``LeaseHeld`` while it is another reviewer's."""
    free = (
        Q(lease_user__isnull=True)
        | Q(lease_user=user)
        | Q(lease_until__isnull=True)
        | Q(lease_until__lte=now)
    )
    return _take(conflict_id, tenant, user, now, free)


def lease_take_over(*, conflict_id: UUID, tenant: Tenant, user: Any, now: datetime) -> ConflictResolution:
    """Take the lease from whoever holds it; the note says so."""
    before = get_conflict(conflict_id, tenant)
    conflict = _take(conflict_id, tenant, user, now, Q())
    if before.lease_user_id and before.lease_user_id != user.pk:
        assert before.lease_user is not None
        note = f"{user.get_username()} took over from {before.lease_user.get_username()}."
        conflict.decision_note = f"{conflict.decision_note} {note}".strip()[-500:]
        conflict.save(update_fields=["decision_note"])
        audit(conflict, "conflict.taken_over", user=user, note=note)
    return conflict


def lease_release(*, conflict_id: UUID, tenant: Tenant, user: Any) -> None:
    """Give the lease back; nothing happens if it is not one's own."""
    rows = ConflictResolution.objects.filter(pk=conflict_id, tenant=tenant, lease_user=user)
    if rows.update(lease_user=None, lease_until=None):
        announce(get_conflict(conflict_id, tenant), "conflict.lease", by="")


def _take(conflict_id: UUID, tenant: Tenant, user: Any, now: datetime, free: Q) -> ConflictResolution:
    before = get_conflict(conflict_id, tenant)
    if before.status not in OPEN_STATUSES:
        return before
    rows = ConflictResolution.objects.filter(free, pk=conflict_id, tenant=tenant)
    taken = rows.update(lease_user=user, lease_until=now + lease_length())
    conflict = get_conflict(conflict_id, tenant)
    if not taken:
        who = conflict.lease_user.get_username() if conflict.lease_user else "Someone else"
        raise LeaseHeld(f"{who} is reviewing this conflict.", conflict)
    if before.lease_user_id != user.pk:
        announce(conflict, "conflict.lease", by=user.get_username())
    return conflict
