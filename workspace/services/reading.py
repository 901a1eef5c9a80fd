"""Read records as canonical values, without a model instance per row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from workspace.kinds import RecordSpec, record_spec
from workspace.models import Change, OriginKind, Record

from .types import RecordState

_FIXED = ("id", "revision", "updated_at", "deleted_at", "external_sync_enabled", "external_metadata")


def records_read(*, tenant_id: UUID, record_type: str, ids: Iterable[UUID]) -> dict[UUID, RecordState]:
    """The tenant's records with these ids, deleted ones too, in one query; others' ids are simply absent."""
    spec = record_spec(record_type)
    wanted = list(ids)
    if not wanted:
        return {}
    rows = (
        spec.model._default_manager.filter(tenant_id=tenant_id, id__in=wanted)
        .order_by()
        .values_list(*_FIXED, *(field.attname for field in spec.fields.values()))
    )
    readers = _readers(spec)
    # a cursor on the server costs two more statements: only where it saves memory
    found = rows.iterator(chunk_size=2000) if len(wanted) > 2000 else rows
    return {row[0]: _state(row, *readers) for row in found}


def record_values(record: Record) -> dict[str, Any]:
    """The canonical values of an instance; no query."""
    spec = record_spec(record.record_type)
    return {name: field.from_column(getattr(record, field.attname)) for name, field in spec.values.items()}


_Reader = tuple[int, str, Callable[[Any], Any]]


def _readers(spec: RecordSpec) -> tuple[list[_Reader], list[_Reader]]:
    """Where in the row each value is and how to read it; those that no map may name apart."""
    every = [
        (index, name, field.from_column)
        for index, (name, field) in enumerate(spec.fields.items(), start=len(_FIXED))
    ]
    return [one for one in every if one[1] in spec.values], [
        one for one in every if one[1] not in spec.values
    ]


def _state(row: tuple[Any, ...], readers: list[_Reader], unsynced: list[_Reader]) -> RecordState:
    values = {name: read(row[index]) for index, name, read in readers}
    others = {name: read(row[index]) for index, name, read in unsynced}
    return RecordState(row[0], values, row[1], row[2], row[3], row[4], row[5], others)


def record_history(*, tenant_id: UUID, record_type: str, record_id: UUID, limit: int = 200) -> list[Change]:
    """A record's changes, newest first, with their users; one query."""
    changes = Change.objects.filter(tenant_id=tenant_id, record_type=record_type, record_id=record_id)
    return list(changes.select_related("user").order_by("-id")[:limit])


def who(change: Change | None) -> str:
    """Who made a change, in words: a person's name, else where the change came from."""
    if change is None:
        return "someone"
    if change.user is not None:
        return change.user.get_full_name() or change.user.get_username()
    return str(OriginKind(change.origin).label).lower()
