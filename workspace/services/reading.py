"""Read records as canonical values, without a model instance per row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections, router

from workspace.kinds import record_spec
from workspace.models import Change, OriginKind, Record

from .types import RecordState

_FIXED = ("id", "revision", "updated_at", "deleted_at", "external_sync_enabled", "external_metadata")
#: up to so many ids the statement is not made anew
FEW = 64

#: position in the row, the column's expression, and Django's converters for it
_Converters = tuple[tuple[int, Any, tuple[Callable[[Any, Any, Any], Any], ...]], ...]


def records_read(
    *, tenant_id: UUID, record_type: str, ids: Iterable[UUID], also: tuple[str, Sequence[Any]] | None = None
) -> dict[UUID, RecordState]:
    """The tenant's records with these ids, deleted ones too, in one query; others' ids are simply absent.

    ``also`` is a subquery, as text and parameters ready for the driver, that gives one more id.
    """
    spec = record_spec(record_type)
    wanted = list(ids)
    if not wanted and also is None:
        return {}
    readers = _readers(record_type)
    if len(wanted) > FEW:
        rows = (
            spec.model._default_manager.filter(tenant_id=tenant_id, id__in=wanted)
            .order_by()
            .values_list(*_FIXED, *(field.attname for field in spec.fields.values()))
        )
        # a cursor on the server costs two more statements: only where it saves memory
        found: Iterable[tuple[Any, ...]] = rows.iterator(chunk_size=2000) if len(wanted) > 2000 else rows
    else:
        found = _few(record_type, tenant_id, wanted, also)
    return {row[0]: _state(row, *readers) for row in found}


def _few(
    record_type: str, tenant_id: UUID, wanted: Sequence[UUID], also: tuple[str, Sequence[Any]] | None
) -> Iterable[tuple[Any, ...]]:
    """A handful of rows by a statement that was compiled once: making it anew costs more than running it."""
    model = record_spec(record_type).model
    connection = connections[router.db_for_read(model)]
    select, converters = _compiled(record_type, connection.alias)
    ready = model._meta.pk.get_db_prep_value
    marks = ["%s"] * len(wanted)
    params = [ready(one, connection) for one in (tenant_id, *wanted)]
    if also is not None:
        marks.append(f"({also[0]})")
        params += also[1]
    with connection.cursor() as cursor:
        cursor.execute(f"{select} ({', '.join(marks)})", params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not converters:
        return rows
    return [_converted(row, converters, connection) for row in rows]


def _converted(row: tuple[Any, ...], converters: _Converters, connection: Any) -> tuple[Any, ...]:
    values = list(row)
    for index, expression, steps in converters:
        for step in steps:
            values[index] = step(values[index], expression, connection)
    return tuple(values)


@cache
def _compiled(record_type: str, using: str) -> tuple[str, _Converters]:
    """The SELECT up to its list of ids, and what turns the driver's values into Django's."""
    spec = record_spec(record_type)
    connection = connections[using]
    quote, table = connection.ops.quote_name, connection.ops.quote_name(spec.model._meta.db_table)
    rows = spec.model._default_manager.order_by().values_list(
        *_FIXED, *(field.attname for field in spec.fields.values())
    )
    compiler = rows.query.get_compiler(using=using)
    compiler.setup_query()
    select, _ = compiler.as_sql()
    steps = compiler.get_converters([column[0] for column in compiler.select])
    converters = tuple((index, expression, tuple(found)) for index, (found, expression) in steps.items())
    return f"{select} WHERE {table}.{quote('tenant_id')} = %s AND {table}.{quote('id')} IN", converters


def record_values(record: Record) -> dict[str, Any]:
    """The canonical values of an instance; no query."""
    spec = record_spec(record.record_type)
    return {name: field.from_column(getattr(record, field.attname)) for name, field in spec.values.items()}


_Reader = tuple[int, str, Callable[[Any], Any]]


@cache
def _readers(record_type: str) -> tuple[list[_Reader], list[_Reader]]:
    """Where in the row each value is and how to read it; those that no map may name apart."""
    spec = record_spec(record_type)
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
