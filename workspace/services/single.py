"""One record at a time: what pages, the API, boards and the review desk call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from workspace.hooks import Placement
from workspace.kinds import record_spec
from workspace.models import Change, ChangeKind, Record, TaskStage, Tenant
from workspace.wakeups import wake_once

from .reading import fields_edited, records_read, stages_before_done, who
from .types import (
    InvalidRecord,
    Origin,
    RecordMissing,
    RecordState,
    RecordWrite,
    StaleRevision,
    WriteResult,
    WriteStatus,
)
from .writing import announce_one, log_one, records_write, stage_hooks_begin, stage_hooks_end


def record_create(
    *,
    tenant: Tenant,
    record_type: str,
    values: Mapping[str, Any],
    origin: Origin,
    now: datetime,
    record_id: UUID | None = None,
    external_metadata: Mapping[str, Any] | None = None,
) -> Record:
    """Make a record; fields that are not named get their defaults. Raises InvalidRecord."""
    write = RecordWrite(record_id, values, None, external_metadata)
    with transaction.atomic():
        result = _write(tenant, record_type, write, origin, now)
    return _get(tenant, record_type, result.record_id)


def record_update(
    *,
    tenant: Tenant,
    record_type: str,
    record_id: UUID,
    values: Mapping[str, Any],
    origin: Origin,
    now: datetime,
    expected_revision: int | None = None,
    external_metadata: Mapping[str, Any] | None = None,
) -> Record:
    """Write what differs; if nothing does, there is no new revision and no Change.

    Raises RecordMissing, InvalidRecord, or StaleRevision if the record is not at ``expected_revision`` (or
    changes under our hands); trying again is the caller's matter.
    """
    with transaction.atomic():
        state = _state(tenant, record_type, record_id)
        if expected_revision is not None and state.revision != expected_revision:
            raise stale(tenant, record_type, record_id)
        write = RecordWrite(record_id, values, state, external_metadata)
        _write(tenant, record_type, write, origin, now)
    return _get(tenant, record_type, record_id)


def record_delete(
    *,
    tenant: Tenant,
    record_type: str,
    record_id: UUID,
    origin: Origin,
    now: datetime,
    expected_revision: int | None = None,
    drained: bool = False,
) -> Record:
    """Soft-delete: the row stays as a tombstone with its history. Deleting twice changes nothing."""
    return _bury(tenant, record_type, record_id, origin, now, expected_revision, drained, deleted_at=now)


def record_restore(
    *,
    tenant: Tenant,
    record_type: str,
    record_id: UUID,
    origin: Origin,
    now: datetime,
    expected_revision: int | None = None,
    drained: bool = False,
) -> Record:
    """Bring a deleted record back as it was. Restoring a living one changes nothing."""
    return _bury(tenant, record_type, record_id, origin, now, expected_revision, drained, deleted_at=None)


def record_revert_field(
    *,
    tenant: Tenant,
    record_type: str,
    record_id: UUID,
    change_id: int,
    field: str,
    origin: Origin,
    now: datetime,
    expected_revision: int | None = None,
) -> Record:
    """Give a field the value it had before a change: a new edit, like any other.

    Raises RecordMissing if the change is not this record's, InvalidRecord if it did not touch the field, and
    StaleRevision, naming the later editor, if the field no longer holds what that change wrote.
    """
    change = Change.objects.filter(
        tenant=tenant, record_type=record_type, record_id=record_id, id=change_id
    ).first()
    if change is None:
        raise RecordMissing(f"{record_type} {record_id} has no change {change_id}")
    if field not in change.changes:
        raise InvalidRecord({field: [f"Change {change_id} did not touch {field}."]})
    state = _state(tenant, record_type, record_id)
    present = state.values.get(field, state.unsynced.get(field))
    if present not in (change.changes[field]["to"], change.changes[field]["from"]):
        raise _edited_since(tenant, record_type, record_id, field)
    return record_update(
        tenant=tenant,
        record_type=record_type,
        record_id=record_id,
        values={field: change.changes[field]["from"]},
        origin=origin,
        now=now,
        expected_revision=state.revision if expected_revision is None else expected_revision,
    )


def _edited_since(tenant: Tenant, record_type: str, record_id: UUID, field: str) -> StaleRevision:
    """Who gave the field its present value, and when."""
    record = _get(tenant, record_type, record_id)
    last = fields_edited(tenant_id=tenant.pk, fields={record_id: [field]}).get(record_id, {}).get(field)
    if last is None:
        return StaleRevision(record, "someone", record.updated_at)
    return StaleRevision(record, last.by, last.at)


def task_complete(
    *, tenant: Tenant, record_id: UUID, origin: Origin, now: datetime, expected_revision: int | None = None
) -> Record:
    """Move a task to done; its ``completed_at`` follows."""
    return record_update(
        tenant=tenant,
        record_type="task",
        record_id=record_id,
        values={"stage": TaskStage.DONE.value},
        origin=origin,
        now=now,
        expected_revision=expected_revision,
    )


def task_reopen(
    *, tenant: Tenant, record_id: UUID, origin: Origin, now: datetime, expected_revision: int | None = None
) -> Record:
    """Give a done task the stage it had before it was completed (E15); "to do" if it never had another."""
    state = _state(tenant, "task", record_id)
    if state.values["stage"] != TaskStage.DONE:
        return _get(tenant, "task", record_id)
    before = stages_before_done(tenant_id=tenant.pk, record_ids=[record_id])
    return record_update(
        tenant=tenant,
        record_type="task",
        record_id=record_id,
        values={"stage": before.get(record_id, TaskStage.TODO.value)},
        origin=origin,
        now=now,
        expected_revision=expected_revision,
    )


# ---------------------------------------------------------------- shared


def _write(
    tenant: Tenant, record_type: str, write: RecordWrite, origin: Origin, now: datetime
) -> WriteResult:
    (result,) = records_write(tenant=tenant, record_type=record_type, writes=[write], origin=origin, now=now)
    if result.status is WriteStatus.INVALID:
        raise InvalidRecord(result.errors)
    if result.status is WriteStatus.STALE:
        raise stale(tenant, record_type, result.record_id)
    return result


def _bury(
    tenant: Tenant,
    record_type: str,
    record_id: UUID,
    origin: Origin,
    now: datetime,
    expected_revision: int | None,
    drained: bool,
    *,
    deleted_at: datetime | None,
) -> Record:
    model = record_spec(record_type).model
    with transaction.atomic():
        state = _state(tenant, record_type, record_id)
        if expected_revision is not None and state.revision != expected_revision:
            raise stale(tenant, record_type, record_id)
        if (state.deleted_at is None) == (deleted_at is None):
            return _get(tenant, record_type, record_id)
        revision = state.revision + 1
        updated = model._default_manager.filter(tenant=tenant, id=record_id, revision=state.revision).update(
            deleted_at=deleted_at, revision=revision, updated_at=now, updated_by=origin.user
        )
        if not updated:
            raise stale(tenant, record_type, record_id)
        kind = ChangeKind.RESTORE if deleted_at is None else ChangeKind.DELETE
        log_one(record_type, record_id, revision, kind, {}, tenant, origin, now, drained)
        if placed := stage_hooks_begin(record_spec(record_type), [], tenant, origin, now):
            stage_hooks_end(placed, [_came_or_went(state, revision, deleted_at is not None)])
        announce_one(record_type, record_id, revision, ["deleted_at"], tenant)
        if not drained:
            wake_once("sync.drain_changes")
    return _get(tenant, record_type, record_id)


def _came_or_went(state: RecordState, revision: int, went: bool) -> Placement:
    stage, rank = state.values.get("stage") or "", state.values.get("rank") or ""
    if went:
        return Placement(state.id, revision, stage, "", rank, "")
    return Placement(state.id, revision, "", stage, "", rank)


def _state(tenant: Tenant, record_type: str, record_id: UUID) -> RecordState:
    states = records_read(tenant_id=tenant.pk, record_type=record_type, ids=[record_id])
    if record_id not in states:
        raise RecordMissing(f"there is no {record_type} {record_id}")
    return states[record_id]


def _get(tenant: Tenant, record_type: str, record_id: UUID) -> Record:
    try:
        return record_spec(record_type).model._default_manager.get(tenant=tenant, id=record_id)
    except ObjectDoesNotExist as exc:
        raise RecordMissing(f"there is no {record_type} {record_id}") from exc


def stale(tenant: Tenant, record_type: str, record_id: UUID) -> StaleRevision:
    """Who changed the record last, and what it looks like now."""
    record = _get(tenant, record_type, record_id)
    history = Change.objects.filter(tenant=tenant, record_type=record_type, record_id=record_id)
    last = history.select_related("user").order_by("-id").first()
    return StaleRevision(record, who(last), last.created_at if last else record.updated_at)
