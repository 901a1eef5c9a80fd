"""Take back what a job wrote here, field by field, where nobody has changed it since (E4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from integrations.models import Mapping, MappingState, SyncJob
from sync.runtime import runtime
from sync.services.withdrawals import withdraw_all
from workspace.models import Change, ChangeKind, OriginKind
from workspace.services import (
    InvalidRecord,
    Origin,
    StaleRevision,
    record_delete,
    record_restore,
    record_update,
    records_read,
)


def rollback(job: SyncJob) -> dict[str, Any]:
    """``{reverted, refused: [{record, field, reason}]}``. What is reverted is a new change and flows out as one."""
    target = UUID(str(job.options["job"]))
    reverted = 0
    refused: list[dict[str, str]] = []
    changes = Change.objects.filter(tenant_id=job.tenant_id, job_id=target).order_by("-id")
    for change in changes.iterator(500):
        with transaction.atomic():
            done, why = _revert(job, change)
        reverted += done
        refused += why[: max(0, 200 - len(refused))]
    return {"reverted": reverted, "refused": refused}


def _revert(job: SyncJob, change: Change) -> tuple[int, list[dict[str, str]]]:
    where: dict[str, Any] = {
        "tenant": job.tenant,
        "record_type": change.record_type,
        "record_id": change.record_id,
        "now": runtime().now(),
        "origin": Origin(
            kind=OriginKind.ROLLBACK,
            user=job.triggered_by,
            job_id=job.id,
            note=f"Takes back job {change.job_id}",
        ),
    }
    state = records_read(tenant_id=job.tenant_id, record_type=change.record_type, ids=[change.record_id]).get(
        change.record_id
    )
    if state is None:
        return 0, [_why(change, "", "The record is gone.")]
    try:
        if change.kind == ChangeKind.CREATE:
            if _was_touched(job, change):
                return 0, [_why(change, "", "Changed since it was created.")]
            _let_go(change)
            record_delete(**where, expected_revision=state.revision)
            return 1, []
        if change.kind == ChangeKind.DELETE:
            record_restore(**where)
            return 1, []
        return _revert_fields(change, state.values, state.revision, where, _edited_since(job, change))
    except (StaleRevision, InvalidRecord) as error:
        return 0, [_why(change, "", str(error))]


def _was_touched(job: SyncJob, made: Change) -> bool:
    """True if anybody changed the record since, but for the run itself, this one, and the system it came from: what
    that brought in later (a reference filled in, an edit there) stays on its side."""
    since = Change.objects.filter(tenant_id=job.tenant_id, record_id=made.record_id, id__gt=made.id)
    others = since.exclude(job_id__in=[made.job_id, job.id])
    if made.integration_id is not None:
        others = others.exclude(origin=OriginKind.SYNC, integration_id=made.integration_id)
    return others.exists()


def _edited_since(job: SyncJob, change: Change) -> set[str]:
    """The fields that anybody but the run itself and this one has written since, even to the same value."""
    since = Change.objects.filter(tenant_id=job.tenant_id, record_id=change.record_id, id__gt=change.id)
    others = since.exclude(job_id__in=[change.job_id, job.id])
    return {name for fields in others.values_list("changes", flat=True) for name in fields}


def _let_go(change: Change) -> None:
    """The record goes, but not the one it was made from: the pair it came through ends first, and a worker that has it
    loses its lease.
    """
    if change.integration_id is None:
        return
    pairs = Mapping.objects.live().filter(
        integration_id=change.integration_id, record_type=change.record_type, record_id=change.record_id
    )
    for mapping in pairs:
        withdraw_all(mapping)
    pairs.update(
        state=MappingState.TOMBSTONE,
        state_reason="The run that made the record here was taken back.",
        dirty_at=None,
        next_attempt_at=None,
        is_dead=False,
        lease_until=None,
        lease_token="",
    )


def _revert_fields(
    change: Change, values: dict[str, Any], revision: int, where: dict[str, Any], edited: set[str]
) -> tuple[int, list[dict[str, str]]]:
    back: dict[str, Any] = {}
    refused = []
    for name, step in change.changes.items():
        if values.get(name) == step["to"] and name not in edited:
            back[name] = step["from"]
        else:
            refused.append(_why(change, name, "Changed since."))
    if back:
        record_update(**where, values=back, expected_revision=revision)
    return int(bool(back)), refused


def _why(change: Change, field: str, reason: str) -> dict[str, str]:
    return {"record": str(change.record_id), "type": change.record_type, "field": field, "reason": reason}
