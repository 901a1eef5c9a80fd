"""Write many records of one type: one statement for the records, one for their changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections, router

from live.feed import publish, sync_room
from live.gathering import MANY_IDS, publish_many
from reconcile.kinds import Kind
from workspace.bulk import insert_rows, update_rows
from workspace.hooks import Placed, Placement, stage_change_hooks, stage_hooks
from workspace.kinds import FieldSpec, RecordSpec, record_spec
from workspace.models import Change, ChangeKind, OriginKind, Record, Tenant
from workspace.wakeups import wake_once

from .drafts import Draft, check_references, draft
from .types import Origin, RecordWrite, WriteResult, WriteStatus

_CHANGE_COLUMNS = (
    "tenant_id", "record_type", "record_id", "revision", "kind", "changes", "origin", "user_id",
    "integration_id", "job_id", "correlation_id", "note", "created_at", "drained_at",
)  # fmt: skip


def records_write(
    *,
    tenant: Tenant,
    record_type: str,
    writes: Sequence[RecordWrite],
    origin: Origin,
    now: datetime,
    drained: bool = False,
) -> list[WriteResult]:
    """Create and update in sets, inside the caller's transaction; results are in the order of ``writes``.

    A record that is invalid or has moved on is reported and left alone; the others are written. ``drained``
    marks the changes as already looked at by the engine (its own writes).
    """
    spec = record_spec(record_type)
    connection = connections[router.db_for_write(spec.model)]
    if not connection.in_atomic_block:
        raise RuntimeError("records_write runs inside the caller's transaction")
    drafts = [draft(spec, write, now) for write in writes]
    check_references(spec, drafts, tenant)
    _mark_repeats(drafts)
    ready = [made for made in drafts if not made.errors and not made.stale]
    created = [made for made in ready if made.state is None]
    changed = [made for made in ready if made.state is not None and made.changed]
    placed = stage_hooks_begin(spec, created + changed, tenant, origin, now)
    _insert(spec, created, tenant, origin, now)
    _update(spec, changed, tenant, origin, now)
    _store_metadata(spec, [made for made in ready if made.state is not None and not made.changed], tenant)
    written = created + [made for made in changed if not made.stale]
    if written:
        _log(spec, written, tenant, origin, now, drained)
        stage_hooks_end(placed, [_placement(spec, made) for made in written] if placed else [])
        _announce(spec, written, tenant)
        if not drained:
            wake_once("sync.drain_changes")
    return [_result(made) for made in drafts]


def records_synced(*, tenant_id: UUID, record_type: str, ids: Collection[UUID], now: datetime) -> None:
    """Note that these agree with another system as of now: one statement, no revision and no history."""
    rows = record_spec(record_type).model._default_manager.filter(tenant_id=tenant_id, id__in=ids)
    rows.update(last_external_sync_at=now)


def _mark_repeats(drafts: Sequence[Draft]) -> None:
    """A record named twice: the second write was planned on a state that the first one ends."""
    seen: set[UUID] = set()
    for made in drafts:
        if made.record_id in seen:
            made.stale = True
        elif made.changed:
            seen.add(made.record_id)


def _revision(made: Draft) -> int:
    return made.state.revision + 1 if made.state else 1


def _result(made: Draft) -> WriteResult:
    before = made.state.revision if made.state else 0
    if made.errors:
        return WriteResult(made.record_id, before, WriteStatus.INVALID, dict(made.errors))
    if made.stale:
        return WriteResult(made.record_id, before, WriteStatus.STALE)
    if made.state is None:
        return WriteResult(made.record_id, 1, WriteStatus.CREATED, {}, made.changed)
    if not made.changed:
        return WriteResult(made.record_id, before, WriteStatus.UNCHANGED)
    return WriteResult(made.record_id, before + 1, WriteStatus.UPDATED, {}, made.changed)


# ---------------------------------------------------------------- rows


@cache
def _defaults(record_type: str) -> tuple[tuple[str, Any], ...]:
    """(attname, column value of an empty field) for every field that a service may write."""
    spec = record_spec(record_type)
    return tuple((field.attname, _empty(spec.model, field)) for field in spec.fields.values())


def _empty(model: type[Record], field: FieldSpec) -> Any:
    own: Any = model._meta.get_field(field.name)
    if own.has_default():
        return own.get_default()
    return None if own.null else ""


def _insert(spec: RecordSpec, drafts: list[Draft], tenant: Tenant, origin: Origin, now: datetime) -> None:
    if not drafts:
        return
    defaults = _defaults(spec.record_type)
    fixed = _fixed_columns(origin)
    columns = ("id", "tenant_id", "created_at", "created_by_id", "external_metadata", *fixed)
    columns += tuple(attname for attname, _ in defaults)
    user_id = origin.user.pk if origin.user else None
    positions = {name: index for index, name in enumerate(spec.fields)}
    blank = [value for _, value in defaults]
    rows = []
    for made in drafts:
        values = blank.copy()
        for name, value in made.changed.items():
            values[positions[name]] = value  # never empty here, so its text is what the row takes
        head = (made.record_id, tenant.pk, now, user_id, made.write.external_metadata or {})
        rows.append((*head, *_fixed_values(origin, now, 1), *values))
    insert_rows(spec.model, columns, rows)


def _fixed_columns(origin: Origin) -> tuple[str, ...]:
    return ("revision", "updated_at", "updated_by_id", "last_external_sync_at")[
        : 4 if _is_sync(origin) else 3
    ]


def _fixed_values(origin: Origin, now: datetime, revision: int) -> tuple[Any, ...]:
    user_id = origin.user.pk if origin.user else None
    return (revision, now, user_id, now)[: 4 if _is_sync(origin) else 3]


def _is_sync(origin: Origin) -> bool:
    return origin.kind == OriginKind.SYNC


def _update(spec: RecordSpec, drafts: list[Draft], tenant: Tenant, origin: Origin, now: datetime) -> None:
    """Write the union of the changed columns; a row whose revision has moved is marked stale instead.

    A row's unchanged columns get the value of its state, which the guard proves to be still the stored one.
    """
    if not drafts:
        return
    fields = [spec.fields[name] for name in sorted({name for made in drafts for name in made.changed})]
    with_metadata = any(made.write.external_metadata is not None for made in drafts)
    columns = [*_fixed_columns(origin), *(field.attname for field in fields)]
    columns += ["external_metadata"] if with_metadata else []
    rows = []
    for made in drafts:
        revision = made.state.revision if made.state else 0
        row = [made.record_id, tenant.pk, revision, *_fixed_values(origin, now, revision + 1)]
        row += [field.to_row(made.now(field.name)) for field in fields]
        row += [_metadata(made)] if with_metadata else []
        rows.append(row)
    found = _guarded(spec, columns, rows)
    for made in drafts:
        made.stale = made.record_id not in found


def _metadata(made: Draft) -> Mapping[str, Any]:
    stored = made.state.external_metadata if made.state else {}
    return stored if made.write.external_metadata is None else made.write.external_metadata


def _guarded(spec: RecordSpec, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> set[UUID]:
    key = ("id", "tenant_id")
    found = update_rows(spec.model, key=key, guard="revision", columns=columns, rows=rows)
    return {row[0] for row in found}


def _store_metadata(spec: RecordSpec, drafts: list[Draft], tenant: Tenant) -> None:
    """Vendor data that we do not model is no change of the record: no revision, no history."""
    rows = [
        (made.record_id, tenant.pk, made.state.revision, made.write.external_metadata)
        for made in drafts
        if made.state is not None
        and made.write.external_metadata is not None
        and made.write.external_metadata != made.state.external_metadata
    ]
    if rows:
        _guarded(spec, ["external_metadata"], rows)


# ---------------------------------------------------------------- changes, hooks, live


def _log(
    spec: RecordSpec, drafts: list[Draft], tenant: Tenant, origin: Origin, now: datetime, drained: bool
) -> None:
    rows = [change_row(spec, made, tenant, origin, now, drained) for made in drafts]
    moved = [made for made in drafts if stage_change_hooks and _moved(spec, made)]
    if not moved:
        insert_rows(Change, _CHANGE_COLUMNS, rows)
        return
    ids = dict(insert_rows(Change, _CHANGE_COLUMNS, rows, returning=("record_id", "id")))
    by_record = {row[2]: row for row in rows}
    for made in moved:
        change = Change(
            id=ids[made.record_id], **dict(zip(_CHANGE_COLUMNS, by_record[made.record_id], strict=True))
        )
        record = _instance(spec, made, tenant, now)
        for hook in stage_change_hooks:
            hook(record, made.old("stage"), getattr(record, "stage"), origin, change)  # noqa: B009 (typed Record)


def change_row(
    spec: RecordSpec, made: Draft, tenant: Tenant, origin: Origin, now: datetime, drained: bool
) -> tuple[Any, ...]:
    if made.state is None:
        changes = {name: {"from": None, "to": value} for name, value in made.changed.items()}
    else:
        changes = {name: {"from": made.old(name), "to": value} for name, value in made.changed.items()}
    kind = ChangeKind.UPDATE if made.state else ChangeKind.CREATE
    return log_row(
        spec.record_type, made.record_id, _revision(made), kind, changes, tenant, origin, now, drained
    )


def log_row(
    record_type: str, record_id: UUID, revision: int, kind: ChangeKind, changes: Mapping[str, Any],
    tenant: Tenant, origin: Origin, now: datetime, drained: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """A row of Change in the order of its columns."""
    user_id = origin.user.pk if origin.user else None
    return (
        tenant.pk, record_type, record_id, revision, kind.value, changes, str(OriginKind(origin.kind)), user_id,
        origin.integration_id, origin.job_id, origin.correlation_id, origin.note, now, now if drained else None,
    )  # fmt: skip


def log_one(
    record_type: str, record_id: UUID, revision: int, kind: ChangeKind, changes: Mapping[str, Any],
    tenant: Tenant, origin: Origin, now: datetime, drained: bool = False,
) -> None:  # fmt: skip
    """Log one change of a whole record (delete, restore)."""
    row = log_row(record_type, record_id, revision, kind, changes, tenant, origin, now, drained)
    insert_rows(Change, _CHANGE_COLUMNS, [row])


def _moved(spec: RecordSpec, made: Draft) -> bool:
    return "stage" in made.changed or (made.state is None and spec.stage_field() is not None)


def stage_hooks_begin(
    spec: RecordSpec, drafts: Sequence[Draft], tenant: Tenant, origin: Origin, now: datetime
) -> list[Placed]:
    """Before rows are written: who wants to know, and with which ranks."""
    if not stage_hooks or spec.stage_field() is None:
        return []
    moving = [made for made in drafts if made.state is None or made.changed.keys() & {"stage", "rank"}]
    if drafts and not moving:
        return []
    found = [hook(tenant, spec, moving, origin, now) for hook in stage_hooks]
    return [placed for placed in found if placed is not None]


def stage_hooks_end(placed: Sequence[Placed], placements: Sequence[Placement]) -> None:
    """After rows are written, within the transaction."""
    moved = [one for one in placements if (one.old_stage, one.old_rank) != (one.new_stage, one.new_rank)]
    for tell in placed if moved else ():
        tell(moved)


def _placement(spec: RecordSpec, made: Draft) -> Placement:
    stage = spec.fields["stage"]
    return Placement(
        made.record_id, _revision(made), made.old("stage") or "", made.now("stage") or stage.default,
        made.old("rank") or "", made.now("rank") or "",
    )  # fmt: skip


def _instance(spec: RecordSpec, made: Draft, tenant: Tenant, now: datetime) -> Record:
    values = dict(_defaults(spec.record_type))
    for name, field in spec.values.items():
        value = made.now(name)
        if value is not None and not (field.kind is Kind.SET and not value):
            values[field.attname] = field.to_column(value)
    return spec.model(
        id=made.record_id, tenant=tenant, revision=_revision(made), updated_at=now, external_metadata=_metadata(made),
        **values,
    )  # fmt: skip


def _announce(spec: RecordSpec, drafts: list[Draft], tenant: Tenant) -> None:
    """One live event per batch, after commit."""
    room = sync_room(tenant.pk)
    if len(drafts) == 1:
        made = drafts[0]
        announce_one(spec.record_type, made.record_id, _revision(made), sorted(made.changed), tenant)
        return
    ids = [str(made.record_id) for made in drafts[:MANY_IDS]]
    publish_many(
        room, "records.changed", {"type": spec.record_type}, count=len(drafts), ids=ids, tenant_id=tenant.pk
    )


def announce_one(record_type: str, record_id: UUID, revision: int, fields: list[str], tenant: Tenant) -> None:
    payload = {"type": record_type, "id": str(record_id), "revision": revision, "fields": fields}
    publish(sync_room(tenant.pk), "record.changed", payload, tenant_id=tenant.pk)
