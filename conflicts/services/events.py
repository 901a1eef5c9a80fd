"""What the live feed hears of conflicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from conflicts.models import ConflictResolution
from live.feed import publish, sync_room


def announce(conflict: ConflictResolution, event: str, **more: Any) -> None:
    """Publish ``event`` about a conflict after commit. Carries ids and words, never field values."""
    payload: dict[str, Any] = {
        "id": str(conflict.id),
        "integration_id": str(conflict.integration_id),
        "mapping_id": str(conflict.mapping_id),
        "record_type": conflict.record_type,
        "record_id": str(conflict.record_id) if conflict.record_id else None,
        "title": conflict.record_title,
        "kind": conflict.kind,
        "status": conflict.status,
        "version": conflict.version,
        **more,
    }
    publish(sync_room(conflict.tenant_id), event, payload, tenant_id=conflict.tenant_id)


def announce_many(tenant_id: UUID, event: str, payload: Mapping[str, Any]) -> None:
    """One event for a set of conflicts, so that bulk work does not flood the room."""
    publish(sync_room(tenant_id), event, dict(payload), tenant_id=tenant_id)
