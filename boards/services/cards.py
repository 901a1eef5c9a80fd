"""Which records are a board's cards."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from workspace.kinds import record_spec


def cards_of(tenant_id: Any, record_type: str) -> QuerySet[Any]:
    """The living cards of a type in a tenant, in no order."""
    manager: Any = record_spec(record_type).model._default_manager
    rows: QuerySet[Any] = manager.filter(tenant_id=tenant_id, deleted_at__isnull=True).order_by()
    return rows
