"""Deciding, ignoring, reopening: guarded so that nobody overwrites what they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from conflicts.maps import local_fields
from conflicts.models import ConflictResolution, ConflictStatus
from integrations.audit import audit
from integrations.models import Mapping as Pair
from integrations.services.marks import mark_dirty
from workspace.models import Tenant
from workspace.services import RecordState, fields_edited, records_read
from workspace.wakeups import wake

from .choices import ALL, is_about_record, resolve_choices, strategy_of
from .errors import ConflictProblem, InvalidDecision, LeaseHeld, StaleConflict
from .events import announce
from .journal import REVERT_PREFIX
from .reverts import apply_locally

BULK_LIMIT = 1000


def conflict_decide(
    *,
    conflict_id: UUID,
    tenant: Tenant,
    user: Any,
    choices: Mapping[str, Mapping[str, Any]],
    push: bool = True,
    seen_version: int,
    seen_local_revision: int,
    seen_external_version: str,
    note: str = "",
    now: datetime,
) -> ConflictResolution:
    """Take a decision; a worker then carries it out under the pair's lock.

    Raises ``ConflictResolution.DoesNotExist`` for another tenant's, ``InvalidDecision`` naming the fields,
    ``LeaseHeld`` while someone else reviews it, and ``StaleConflict`` if anything changed since it was seen.
    """
    conflict = get_conflict(conflict_id, tenant)
    _check_seen(conflict, seen_version, seen_local_revision, seen_external_version)
    _check_lease(conflict, user, now)
    fields = local_fields(conflict.integration, conflict.resource)
    _check_record(conflict, fields, now)
    resolved = resolve_choices(conflict, choices, fields)
    with transaction.atomic():
        _claim(
            conflict,
            seen_version,
            now,
            status=ConflictStatus.DECIDED,
            resolved=resolved,
            strategy=strategy_of(resolved),
            push_to_external=push,
            decided_by=user,
            decided_at=now,
            decision_note=note[:500],
        )
        if conflict.group.startswith(REVERT_PREFIX):
            apply_locally(conflict, resolved, fields, user=user, now=now)
        else:
            _hand_over(conflict, now)
        chosen = {key: ("", entry["choice"]) for key, entry in resolved.items()}
        audit(conflict, "conflict.decided", user=user, changes=chosen, note=note)
    announce(conflict, "conflict.decided", by=user.get_username())
    return conflict


def conflict_ignore(
    *, conflict_id: UUID, tenant: Tenant, user: Any, seen_version: int, note: str = "", now: datetime
) -> ConflictResolution:
    """Leave the sides as they differ from now on; the next change on either side counts again."""
    conflict = get_conflict(conflict_id, tenant)
    if is_about_record(conflict):
        raise InvalidDecision(
            {"": "This cannot be ignored: keep the record, accept the deletion, or unlink."}
        )
    _check_seen(conflict, seen_version, conflict.local_revision, conflict.external_version)
    _check_lease(conflict, user, now)
    as_it_is = {entry["key"]: {"choice": "local", "value": entry["local"]} for entry in conflict.fields}
    is_ours = conflict.group.startswith(REVERT_PREFIX)
    with transaction.atomic():
        _claim(
            conflict,
            seen_version,
            now,
            status=ConflictStatus.IGNORED,
            resolved=as_it_is,
            push_to_external=False,
            decided_by=user,
            decided_at=now,
            decision_note=note[:500],
            closed_at=now if is_ours else None,
        )
        if not is_ours:
            _hand_over(conflict, now)
        audit(conflict, "conflict.ignored", user=user, note=note)
    announce(conflict, "conflict.ignored", by=user.get_username())
    return conflict


def conflict_reopen(*, conflict_id: UUID, tenant: Tenant, user: Any, now: datetime) -> ConflictResolution:
    """Back to pending: a decision not yet carried out, or one that was ignored. What is done is reverted instead."""
    conflict = get_conflict(conflict_id, tenant)
    is_undecidable = conflict.status not in (ConflictStatus.DECIDED, ConflictStatus.IGNORED)
    if is_undecidable:
        raise ConflictProblem(
            f"This conflict is {conflict.get_status_display().lower()}; only an ignored one, or a decision that "
            "is not carried out yet, can be reopened."
        )
    if _has_open_twin(conflict):
        raise ConflictProblem("The same fields are in conflict again already; decide that one.")
    with transaction.atomic():
        if conflict.status == ConflictStatus.IGNORED and conflict.closed_at is not None:
            _forget_agreement(conflict, now)
        changed = ConflictResolution.objects.filter(
            pk=conflict.pk, version=conflict.version, status=conflict.status
        ).update(
            status=ConflictStatus.PENDING,
            resolved={},
            strategy="",
            push_to_external=True,
            decided_by=None,
            decided_at=None,
            decision_note=f"Reopened by {user.get_username()}.",
            closed_at=None,
            version=F("version") + 1,
            updated_at=now,
        )
        conflict.refresh_from_db()
        if not changed:
            raise StaleConflict("Someone else changed this conflict in the same moment.", conflict)
        _hand_over(conflict, now)
        audit(conflict, "conflict.reopened", user=user)
    announce(conflict, "conflict.reopened", by=user.get_username())
    return conflict


# -- many at once ------------------------------------------------------------------------------------------


@dataclass
class BulkOutcome:
    """What a bulk decision did, or would do: ids by outcome, and why the skipped ones were skipped."""

    done: list[UUID] = field(default_factory=list)
    skipped: dict[UUID, str] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for reason in self.skipped.values():
            counts[reason] = counts.get(reason, 0) + 1
        return counts


BULK_CHOICES = ("local", "external", "newest", "ignore")


def conflicts_decide_bulk(
    *,
    tenant: Tenant,
    user: Any,
    seen: Mapping[UUID, int],
    choice: str,
    push: bool = True,
    note: str = "",
    is_dry_run: bool = False,
    now: datetime,
) -> BulkOutcome:
    """Decide many alike. ``seen`` is the version of each as shown: what changed meanwhile is skipped and named.

    A dry run answers the same counts and writes nothing.
    """
    if choice not in BULK_CHOICES:
        raise InvalidDecision({"choice": f"Choose one of: {', '.join(BULK_CHOICES)}."})
    if len(seen) > BULK_LIMIT:
        raise InvalidDecision({"": f"At most {BULK_LIMIT} conflicts at a time; narrow the filter."})
    outcome = BulkOutcome()
    rows = ConflictResolution.objects.filter(tenant=tenant, pk__in=seen).select_related(
        "integration", "decided_by", "lease_user"
    )
    found = {row.pk: row for row in rows}
    for conflict_id, version in seen.items():
        conflict = found.get(conflict_id)
        reason = "no longer there" if conflict is None else _why_not(conflict, version, user, choice, now)
        if reason or conflict is None:
            outcome.skipped[conflict_id] = reason
        elif is_dry_run:
            outcome.done.append(conflict_id)
        else:
            _decide_one(conflict, version, choice, tenant, user, push, note, now, outcome)
    return outcome


def _why_not(conflict: ConflictResolution, version: int, user: Any, choice: str, now: datetime) -> str:
    try:
        _check_seen(conflict, version, conflict.local_revision, conflict.external_version)
        _check_lease(conflict, user, now)
    except StaleConflict as exc:
        return "already decided" if exc.current.status != ConflictStatus.PENDING else "changed meanwhile"
    except LeaseHeld:
        return "someone else is reviewing it"
    if is_about_record(conflict):
        return "needs a decision of its own (deletion or duplicate)"
    if choice == "ignore":
        return ""
    try:
        resolve_choices(conflict, {ALL: {"choice": choice}}, {})
    except InvalidDecision as exc:
        return next(iter(exc.errors.values()))
    return ""


def _decide_one(
    conflict: ConflictResolution,
    version: int,
    choice: str,
    tenant: Tenant,
    user: Any,
    push: bool,
    note: str,
    now: datetime,
    outcome: BulkOutcome,
) -> None:
    try:
        if choice == "ignore":
            conflict_ignore(
                conflict_id=conflict.pk, tenant=tenant, user=user, seen_version=version, note=note, now=now
            )
        else:
            conflict_decide(
                conflict_id=conflict.pk,
                tenant=tenant,
                user=user,
                choices={ALL: {"choice": choice}},
                push=push,
                seen_version=version,
                seen_local_revision=conflict.local_revision,
                seen_external_version=conflict.external_version,
                note=note,
                now=now,
            )
    except InvalidDecision as exc:
        outcome.skipped[conflict.pk] = next(iter(exc.errors.values()))
    except ConflictProblem:
        outcome.skipped[conflict.pk] = "changed meanwhile"
    else:
        outcome.done.append(conflict.pk)


def conflicts_bulk_seen(conflicts: Sequence[ConflictResolution]) -> dict[UUID, int]:
    """The versions as shown, to hand back with the decision."""
    return {conflict.pk: conflict.version for conflict in conflicts}


# -- guards ------------------------------------------------------------------------------------------------


def get_conflict(conflict_id: UUID, tenant: Tenant) -> ConflictResolution:
    """A tenant's conflict with what its page needs; another tenant's does not exist."""
    return ConflictResolution.objects.select_related(
        "integration", "mapping", "decided_by", "lease_user", "rule", "tenant"
    ).get(pk=conflict_id, tenant=tenant)


def _check_seen(conflict: ConflictResolution, version: int, revision: int, external_version: str) -> None:
    if conflict.status != ConflictStatus.PENDING:
        who = conflict.decided_by.get_username() if conflict.decided_by else "Lockstep"
        word = conflict.get_status_display().lower()
        raise StaleConflict(f"Nothing was written: this conflict is {word} already (by {who}).", conflict)
    seen = (version, revision, external_version)
    if seen != (conflict.version, conflict.local_revision, conflict.external_version):
        raise StaleConflict(
            "Nothing was written: the values changed since you looked. Check them and decide again.", conflict
        )


def _check_lease(conflict: ConflictResolution, user: Any, now: datetime) -> None:
    until = conflict.lease_until
    if conflict.lease_user_id and conflict.lease_user_id != user.pk and until is not None and until > now:
        assert conflict.lease_user is not None
        raise LeaseHeld(
            f"{conflict.lease_user.get_username()} is reviewing this conflict. Take it over to decide it yourself.",
            conflict,
        )


def _check_record(conflict: ConflictResolution, fields: Mapping[str, str], now: datetime) -> None:
    """The record as it is now must still hold what the reviewer saw; if not, the conflict is brought up to date."""
    if is_about_record(conflict) or conflict.record_id is None:
        return
    state = records_read(
        tenant_id=conflict.tenant_id, record_type=conflict.record_type, ids=[conflict.record_id]
    ).get(conflict.record_id)
    if state is None or state.deleted_at is not None:
        with transaction.atomic():
            _hand_over(conflict, now)
        raise StaleConflict("Nothing was written: the record was deleted here meanwhile.", conflict)
    if not _bring_in_local(conflict, fields, state):
        return
    with transaction.atomic():
        conflict.version += 1
        conflict.local_revision = state.revision
        conflict.updated_at = now
        _note_edit(conflict, fields)
        conflict.save(
            update_fields=[
                "fields", "version", "local_revision", "local_changed_at", "local_changed_by", "updated_at",
            ]
        )  # fmt: skip
        _hand_over(conflict, now)
    announce(conflict, "conflict.updated")
    raise StaleConflict(
        "Nothing was written: the record was edited here since you looked. Check the values and decide again.",
        conflict,
    )


def _bring_in_local(conflict: ConflictResolution, fields: Mapping[str, str], state: RecordState) -> bool:
    """Put the record's present values into the conflict (unsaved); True if any differed."""
    is_changed = False
    for entry in conflict.fields:
        name = fields.get(entry["key"], entry["key"])
        if name in state.values and state.values[name] != entry["local"]:
            entry["local"] = state.values[name]
            is_changed = True
    return is_changed


def _note_edit(conflict: ConflictResolution, fields: Mapping[str, str]) -> None:
    """When the disputed fields were last edited here, and by whom (unsaved)."""
    assert conflict.record_id is not None
    edited = [entry["key"] for entry in conflict.fields if entry["local"] != entry["base"]]
    names = [fields.get(key, key) for key in edited]
    found = fields_edited(
        tenant_id=conflict.tenant_id, fields={conflict.record_id: names}, besides=conflict.integration_id
    )
    edits = found.get(conflict.record_id, {}).values()
    last = max(edits, key=lambda edit: edit.at, default=None)
    conflict.local_changed_at = last.at if last else None
    conflict.local_changed_by = last.by[:200] if last else ""


def _claim(conflict: ConflictResolution, version: int, now: datetime, **changes: Any) -> None:
    """Change exactly this row in exactly this version, or raise: two reviewers never both win."""
    rows = ConflictResolution.objects.filter(pk=conflict.pk, version=version, status=ConflictStatus.PENDING)
    changed = rows.update(
        version=F("version") + 1, updated_at=now, lease_user=None, lease_until=None, **changes
    )
    conflict.refresh_from_db()
    if not changed:
        raise StaleConflict("Nothing was written: someone else decided in the same moment.", conflict)


def _hand_over(conflict: ConflictResolution, now: datetime) -> None:
    """Let a worker look at the pair at once, ahead of everything else."""
    mark_dirty(mapping_ids=[conflict.mapping_id], reason="decision", priority=0, now=now)
    wake("sync.reconcile_mapping", mapping_id=str(conflict.mapping_id))


def _has_open_twin(conflict: ConflictResolution) -> bool:
    return (
        ConflictResolution.objects.filter(
            mapping_id=conflict.mapping_id,
            group=conflict.group,
            status__in=[ConflictStatus.PENDING, ConflictStatus.DECIDED],
        )
        .exclude(pk=conflict.pk)
        .exists()
    )


def _forget_agreement(conflict: ConflictResolution, now: datetime) -> None:
    """Drop the bases of fields whose difference had been accepted, so that they are compared afresh."""
    pair = Pair.objects.select_for_update().get(pk=conflict.mapping_id)
    keys = {entry["key"] for entry in conflict.fields}
    changed = Pair.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now), pk=pair.pk).update(
        base_local=_without(pair.base_local, keys),
        base_external=_without(pair.base_external, keys),
        provenance=_without(pair.provenance, keys) or {},
        fingerprint="",
    )
    if not changed:
        raise ConflictProblem("This record is being synced at the moment; try again in a few seconds.")


def _without(values: dict[str, Any] | None, keys: set[str]) -> dict[str, Any] | None:
    return None if values is None else {key: value for key, value in values.items() if key not in keys}
