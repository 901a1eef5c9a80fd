"""Taking a decision back: the loser is restored as a new edit, never by rewriting history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from conflicts.maps import local_fields
from conflicts.models import ConflictKind, ConflictResolution, ConflictStatus
from integrations.audit import audit
from workspace.models import OriginKind, Tenant
from workspace.services import (
    InvalidRecord,
    Origin,
    RecordMissing,
    record_restore,
    record_update,
    records_read,
)

from .errors import ConflictProblem, InvalidDecision
from .events import announce
from .journal import RECORD_GROUP, REVERT_PREFIX

REVERTIBLE = (ConflictStatus.RESOLVED, ConflictStatus.AUTO_RESOLVED)


@dataclass
class Reverted:
    """``restored`` are the fields written; ``conflict`` holds those that someone had changed since, if any."""

    restored: dict[str, Any] = field(default_factory=dict)
    conflict: ConflictResolution | None = None


def losing_side(chosen: Mapping[str, Any]) -> str:
    """Which side's value a decision passed over; "local" where neither side won."""
    return "local" if chosen.get("choice") == "external" else "external"


def conflict_revert(
    *, conflict_id: UUID, tenant: Tenant, user: Any, restore: str = "loser", now: datetime
) -> Reverted:
    """Restore the values that lost (or one side's: ``local``, ``external``) as an edit that syncs like any other.

    Fields that changed since the decision are not overwritten: they become a new conflict between the present
    value and the one to restore.
    """
    conflict = ConflictResolution.objects.select_related("integration", "mapping").get(
        pk=conflict_id, tenant=tenant
    )
    if conflict.status not in REVERTIBLE:
        raise ConflictProblem("Only a decision that was carried out can be taken back.")
    if restore not in ("loser", "local", "external"):
        raise InvalidDecision({"restore": "Choose one of: loser, local, external."})
    if conflict.group == RECORD_GROUP:
        return _undelete(conflict, user, now)
    if conflict.record_id is None:
        raise ConflictProblem("There is no record here to restore the value in.")
    states = records_read(tenant_id=tenant.pk, record_type=conflict.record_type, ids=[conflict.record_id])
    state = states.get(conflict.record_id)
    if state is None or state.deleted_at is not None:
        raise ConflictProblem("The record is deleted; restore it first, from its history.")
    fields = local_fields(conflict.integration, conflict.resource)
    outcome = Reverted()
    contested = []
    for entry in conflict.fields:
        name = fields.get(entry["key"], entry["key"])
        chosen = conflict.resolved.get(entry["key"])
        if chosen is None or name not in state.values:
            continue
        wanted = entry[losing_side(chosen) if restore == "loser" else restore]
        present = state.values[name]
        if present == wanted:
            continue
        if present == chosen.get("value"):
            outcome.restored[name] = wanted
        else:
            contested.append(_contested(entry, chosen.get("value"), present, wanted))
    with transaction.atomic():
        if outcome.restored:
            _write(conflict, tenant, outcome.restored, state.revision, user, now)
        if contested:
            outcome.conflict = _open_again(conflict, contested, user, now)
        _note(conflict, user, outcome, now)
    return outcome


def apply_locally(
    conflict: ConflictResolution,
    resolved: Mapping[str, Mapping[str, Any]],
    fields: Mapping[str, str],
    *,
    user: Any,
    now: datetime,
) -> None:
    """Carry out a decision about a taken-back value: write it here, from where it syncs like any edit."""
    assert conflict.record_id is not None
    values = {fields.get(key, key): chosen["value"] for key, chosen in resolved.items()}
    tenant = conflict.tenant
    _write(conflict, tenant, values, None, user, now)
    conflict.status = ConflictStatus.RESOLVED
    conflict.closed_at = now
    conflict.save(update_fields=["status", "closed_at"])


def _write(
    conflict: ConflictResolution,
    tenant: Tenant,
    values: Mapping[str, Any],
    revision: int | None,
    user: Any,
    now: datetime,
) -> None:
    assert conflict.record_id is not None
    try:
        record_update(
            tenant=tenant,
            record_type=conflict.record_type,
            record_id=conflict.record_id,
            values=values,
            origin=Origin(kind=OriginKind.RESOLUTION, user=user, note=f"conflict {conflict.pk}"),
            now=now,
            expected_revision=revision,
        )
    except InvalidRecord as exc:
        raise InvalidDecision({name: " ".join(texts) for name, texts in exc.errors.items()}) from exc
    except RecordMissing as exc:
        raise ConflictProblem("The record is no longer there.") from exc


def _contested(entry: Mapping[str, Any], decided: Any, present: Any, wanted: Any) -> dict[str, Any]:
    return {
        "key": entry["key"],
        "label": entry.get("label") or entry["key"],
        "base": decided,
        "local": present,
        "external": wanted,
        "base_external_raw": entry.get("base_external_raw"),
        "external_raw": entry.get("external_raw"),
    }


def _open_again(
    conflict: ConflictResolution, fields: list[dict[str, Any]], user: Any, now: datetime
) -> ConflictResolution:
    group = f"{REVERT_PREFIX}{conflict.group}"[:60]
    again, is_new = ConflictResolution.objects.get_or_create(
        mapping_id=conflict.mapping_id,
        group=group,
        status=ConflictStatus.PENDING,
        defaults={
            "tenant_id": conflict.tenant_id,
            "integration_id": conflict.integration_id,
            "resource": conflict.resource,
            "record_type": conflict.record_type,
            "record_id": conflict.record_id,
            "record_title": conflict.record_title,
            "external_id": conflict.external_id,
            "kind": ConflictKind.BOTH_CHANGED,
            "reason": f"{user.get_username()} took a decision back, but the value had been changed since.",
            "fields": fields,
            "created_at": now,
            "updated_at": now,
        },
    )
    if not is_new:
        again.fields, again.version, again.updated_at = fields, again.version + 1, now
        again.save(update_fields=["fields", "version", "updated_at"])
    announce(again, "conflict.opened")
    return again


def _undelete(conflict: ConflictResolution, user: Any, now: datetime) -> Reverted:
    choice = conflict.resolved.get(RECORD_GROUP, {}).get("choice")
    if choice != "accept_delete" or conflict.kind != ConflictKind.DELETED_THERE or conflict.record_id is None:
        raise ConflictProblem(
            "This decision about a whole record cannot be taken back from here: restore or unlink the record itself."
        )
    record_restore(
        tenant=conflict.tenant,
        record_type=conflict.record_type,
        record_id=conflict.record_id,
        origin=Origin(kind=OriginKind.RESOLUTION, user=user, note=f"conflict {conflict.pk}"),
        now=now,
    )
    outcome = Reverted(restored={RECORD_GROUP: "restored"})
    _note(conflict, user, outcome, now)
    return outcome


def _note(conflict: ConflictResolution, user: Any, outcome: Reverted, now: datetime) -> None:
    if not outcome.restored and outcome.conflict is None:
        return
    conflict.decision_note = f"{conflict.decision_note} Taken back by {user.get_username()}.".strip()[:500]
    conflict.updated_at = now
    conflict.save(update_fields=["decision_note", "updated_at"])
    audit(conflict, "conflict.reverted", user=user, note=", ".join(sorted(outcome.restored)))
    announce(conflict, "conflict.reverted", by=user.get_username())
