"""Audit entries of administrative acts (M8). Never a secret: callers hand in what may be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models

from integrations.correlation import correlation_id
from workspace.models import Tenant

_ACTIONS = {
    "created": LogEntry.Action.CREATE,
    "deleted": LogEntry.Action.DELETE,
    "exported": LogEntry.Action.ACCESS,
}


def audit(
    instance: models.Model,
    act: str,
    *,
    user: Any,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    note: str = "",
) -> None:
    """Write who did what to ``instance``. ``act`` is ``noun.verb``; ``changes`` is ``{field: (from, to)}``."""
    tenant_id = instance.pk if isinstance(instance, Tenant) else getattr(instance, "tenant_id", None)
    is_person = user is not None and getattr(user, "is_authenticated", False)
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(instance),
        object_pk=str(instance.pk),
        object_id=instance.pk if isinstance(instance.pk, int) else None,
        object_repr=str(instance),
        action=_ACTIONS.get(act.rpartition(".")[2], LogEntry.Action.UPDATE),
        changes={name: [_text(old), _text(new)] for name, (old, new) in (changes or {}).items()},
        actor=user if is_person else None,
        cid=correlation_id(),
        additional_data={"act": act, "note": note, "tenant": str(tenant_id or "")},
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)
