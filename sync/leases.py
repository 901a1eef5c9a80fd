"""One worker per pair at a time: claims by conditional UPDATE, alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, F, Q, Value, When

from integrations.models import Mapping
from live.feed import publish, sync_room
from workspace.ids import new_id

LEASE = timedelta(seconds=settings.LOCKSTEP_LEASE_SECONDS)


#: what a page shows of a pair
VISIBLE = {"state", "state_reason", "last_synced_at", "last_error", "external_url"}


class LeaseLost(Exception):
    """Another worker took the pair over (our lease ran out): whatever we were about to write must not be."""


def claim(ids: Sequence[UUID], *, now: datetime) -> list[Mapping]:
    """Those of ``ids`` that are free, now leased to the caller, with integration and tenant loaded."""
    if not ids:
        return []
    token = new_id().hex
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    taken = Mapping.objects.filter(free, id__in=ids).update(lease_until=now + LEASE, lease_token=token)
    if not taken:
        return []
    return list(
        Mapping.objects.filter(id__in=ids, lease_token=token)
        .select_related("integration", "integration__credential", "tenant")
        .order_by("priority", "dirty_at")
    )


def save(mapping: Mapping, **changes: Any) -> None:
    """Write columns of a leased pair. Raises ``LeaseLost`` if it is no longer ours; call inside a transaction."""
    mine = Mapping.objects.filter(id=mapping.id, lease_token=mapping.lease_token, lease_until__isnull=False)
    if mine.update(**changes) != 1:
        raise LeaseLost(str(mapping.id))
    for name, value in changes.items():
        setattr(mapping, name, value)


def hold(mapping: Mapping) -> None:
    """Before a call that can't be taken back: the pair is still ours. Raises ``LeaseLost``."""
    save(mapping, lease_until=mapping.lease_until)


def release(mapping: Mapping, *, clean: bool, **changes: Any) -> bool:
    """Give the lease back; with ``clean`` the dirty mark goes too, unless a newer one came meanwhile.

    True if a newer mark is waiting. Losing the lease here is harmless: its new owner goes on. Pages that show the
    pair hear of what they can see.
    """
    if clean:
        unchanged = When(dirty_seq=mapping.dirty_seq, then=Value(None))
        changes["dirty_at"] = Case(unchanged, default=F("dirty_at"))
    released = Mapping.objects.filter(id=mapping.id, lease_token=mapping.lease_token).update(
        lease_until=None, lease_token="", **changes
    )
    if released and VISIBLE & changes.keys():
        _announce(mapping, str(changes.get("state", mapping.state)))
    return Mapping.objects.filter(id=mapping.id, dirty_seq__gt=mapping.dirty_seq).exists()


def _announce(mapping: Mapping, state: str) -> None:
    payload = {
        "id": str(mapping.id),
        "record_id": str(mapping.record_id or ""),
        "integration": str(mapping.integration_id),
        "state": state,
    }
    publish(sync_room(mapping.tenant_id), "mapping.changed", payload, tenant_id=mapping.tenant_id)
