"""Read records as canonical values, without a model instance per row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.models import Max, Q, QuerySet

from workspace.kinds import record_spec
from workspace.models import Change, OriginKind, Record, TaskStage
from workspace.panels import integration_names

from .types import FieldEdit, RecordState

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


def fields_edited(
    *, tenant_id: UUID, fields: Mapping[UUID, Collection[str]], besides: UUID | None = None
) -> dict[UUID, dict[str, FieldEdit]]:
    """When each of these fields of each record was last changed, and by whom: one query for all of them.

    What the sync of the integration ``besides`` wrote is that side's word and does not count. A field that nobody
    else has changed is absent. One query more where other integrations' syncs have to be named.
    """
    wanted = {record_id: set(names) for record_id, names in fields.items() if names}
    if not wanted:
        return {}
    history = Change.objects.filter(tenant_id=tenant_id, record_id__in=list(wanted))
    edits = _but_for(history, besides)
    newest = Q()
    for name in sorted(set().union(*wanted.values())):
        naming = edits.filter(changes__has_key=name).order_by().values("record_id")
        newest |= Q(id__in=naming.annotate(newest=Max("id")).values("newest"))
    changes = list(history.filter(newest).select_related("user").order_by("id"))
    names = integration_names(
        {change.integration_id for change in changes if _is_sync(change) and change.integration_id}
    )
    found: dict[UUID, dict[str, FieldEdit]] = {}
    for change in changes:
        made = FieldEdit(change.created_at, who(change, names))
        for name in wanted[change.record_id] & change.changes.keys():
            found.setdefault(change.record_id, {})[name] = made
    return found


def record_edited(*, tenant_id: UUID, record_id: UUID, besides: UUID | None = None) -> FieldEdit | None:
    """As ``fields_edited``, for the record as a whole: edited, deleted or restored; None if only that sync wrote it."""
    history = Change.objects.filter(tenant_id=tenant_id, record_id=record_id)
    change = _but_for(history, besides).select_related("user").order_by("-id").first()
    if change is None:
        return None
    names = integration_names({change.integration_id} if change.integration_id else ())
    return FieldEdit(change.created_at, who(change, names))


def stages_before_done(*, tenant_id: UUID, record_ids: Collection[UUID]) -> dict[UUID, str]:
    """The stage that each task had when it was last done; absent for one that never had another. One query."""
    if not record_ids:
        return {}
    done = Change.objects.filter(tenant_id=tenant_id, record_type="task", record_id__in=list(record_ids))
    done = done.filter(changes__stage__to=TaskStage.DONE.value).order_by("id")
    before = dict(done.values_list("record_id", "changes__stage__from"))
    known = set(TaskStage.values) - {TaskStage.DONE.value}
    return {record_id: stage for record_id, stage in before.items() if stage in known}


def _but_for(history: QuerySet[Change], integration_id: UUID | None) -> QuerySet[Change]:
    if integration_id is None:
        return history
    return history.exclude(origin=OriginKind.SYNC, integration_id=integration_id)


def _is_sync(change: Change) -> bool:
    return change.user is None and change.origin == OriginKind.SYNC


def who(change: Change | None, names: Mapping[UUID, str] | None = None) -> str:
    """Who made a change, in words: a person's name, else where it came from; the integration's name if it is known."""
    if change is None:
        return "someone"
    if change.user is not None:
        return change.user.get_full_name() or change.user.get_username()
    if names and change.integration_id and _is_sync(change):
        return names.get(change.integration_id, "an integration")
    return str(OriginKind(change.origin).label).lower()
