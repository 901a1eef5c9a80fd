"""Merge a pair field by field: bring in, send out, read back, move the bases."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from conflicts.models import ConflictKind, ConflictResolution
from conflicts.services import (
    conflict_applied,
    conflict_auto_resolve,
    conflict_carry_on,
    conflict_open,
    conflict_withdraw,
    decided_among,
    unsettled_of,
)
from connectors.base.errors import RecordProblem
from connectors.base.types import ExternalRecord
from integrations.models import MappingState, Operation
from integrations.services.marks import mark_dirty
from reconcile.digest import digest
from reconcile.model import JSON, Held, HeldReason, Plan, Snapshot
from sync import leases
from sync.context import References
from sync.edits import edits_load
from sync.journal import log_pair
from sync.pairs import Pair, state_after, without
from sync.readback import is_explained
from sync.reopened import stages_give_back
from sync.runtime import runtime
from sync.services import refusals
from sync.services.deferrals import deferred
from sync.work import Outcome, Work
from workspace.services import record_update, record_values


def merge(work: Work, pair: Pair) -> Outcome:
    """Carry out the plan of a pair that exists on both sides."""
    refs = References().load(work.integration, inward=pair.references_in(), outward=pair.references_out())
    edits_load(work.rc, [pair])
    now = runtime().now()
    plan = pair.plan(refs, clock_offset=work.integration.clock_offset_seconds)
    (plan,) = stages_give_back(work.rc, [(pair, plan)])
    plan = without(plan, pair.fighting(plan, now))
    bring_in(work, pair, plan, refs)
    if plan.to_external:
        plan = send_out(work, pair, plan, refs)
    return _finish(work, pair, plan, refs)


# -- in ----------------------------------------------------------------------------------------------------


def bring_in(work: Work, pair: Pair, plan: Plan, refs: References) -> None:
    """Local writes, bases, conflicts and log in one transaction. Raises ``StaleRevision``."""
    if plan.is_noop and not pair.open_conflicts and not pair.landed:
        return
    now = runtime().now()
    kept: Snapshot = {}
    kind = ConflictKind.BOTH_CHANGED if pair.bases else ConflictKind.NO_AGREED_STATE
    with transaction.atomic():
        if plan.to_local:
            assert pair.local is not None
            record = record_update(
                tenant=work.mapping.tenant,
                record_type=work.rc.record_type,
                record_id=pair.local.id,
                values=pair.rc.field_map.local_fields(plan.to_local),
                origin=work.origin(),
                now=now,
                expected_revision=pair.local.revision,
            )
            kept = pair.rc.field_map.read_local(record_values(record))
            work.field_changes["local"] = _from_to(pair.local_snapshot, plan.to_local)
            pair.remember_writes(plan.to_local, "local", plan.to_local, now)
        pair.agree_brought_in(plan, kept)
        if plan.to_external:
            pair.note_sending(plan)
        _record_conflicts(work, pair, plan, kind)
        leases.save(work.mapping, **_base_columns(pair), **_seen_columns(work, pair, plan))
    runtime().point("after_bring_in")


def _record_conflicts(work: Work, pair: Pair, plan: Plan, kind: ConflictKind) -> None:
    """Open, update, journal, carry on or withdraw what the plan says about conflicts."""
    now = runtime().now()
    for group in plan.conflicts:
        conflict_open(
            mapping=work.mapping,
            group=group,
            kind=kind,
            record_title=pair.title,
            **pair.last_changes(pair.last_edit(field.key for field in group.fields)),
            now=now,
        )
    if plan.decisions:
        conflict_auto_resolve(
            mapping=work.mapping, decisions=plan.decisions, record_title=pair.title, now=now
        )
    waiting = {key for group in plan.conflicts for key in (f.key for f in group.fields)}
    waiting |= {key for key, held in plan.held.items() if held.reason in refusals.WAITING}
    waiting |= set(plan.settled)
    gone = [key for key in pair.open_conflicts if key not in waiting]
    if gone:
        conflict_withdraw(mapping=work.mapping, keys=gone, now=now)
    for conflict in _settled(work, plan):
        keys = {entry["key"] for entry in conflict.fields}
        if keys & set(plan.to_external):  # still to be sent: stays decided, with what is here now
            conflict_carry_on(conflict, local_values=dict(plan.to_local), now=now)
        else:
            conflict_applied(conflict, now=now, pushed=False)


def _settled(work: Work, plan: Plan) -> list[ConflictResolution]:
    """The decisions that the plan carries out, as they are now."""
    keys = set(plan.settled)
    decided = decided_among(unsettled_of(work.mapping.id)) if keys else []
    return [conflict for conflict in decided if keys & {entry["key"] for entry in conflict.fields}]


# -- out ---------------------------------------------------------------------------------------------------


def send_out(work: Work, pair: Pair, plan: Plan, refs: References) -> Plan:
    """Write the decided fields to the vendor, outside any transaction, and keep what it really holds.

    Returns the plan less what the vendor refused. Raises ``SyncError``; ``StaleWrite`` starts a new round.
    """
    assert pair.external is not None and work.mapping.external_id is not None
    fields = pair.rc.field_map.external_writes(plan.to_external)
    runtime().point("before_call")
    try:
        if refusal := refusals.fixed(work, fields):
            raise refusal
        answer = work.client.update(
            work.rc.name, work.mapping.external_id, fields, current=pair.external, parent_id=work.parent_id
        )
    except RecordProblem as refusal:
        refusals.review(work, pair, plan, refusal, refs)
        raise
    runtime().point("after_call")
    if not answer.complete:
        answer = work.client.get(work.rc.name, work.mapping.external_id, parent_id=work.parent_id)
    stored = pair.rc.field_map.read_external(answer.data)
    plan = without(plan, _refused(pair, plan, stored, refs))
    keep_written(work, pair, plan, stored, answer, refs)
    return plan


def keep_written(
    work: Work, pair: Pair, plan: Plan, stored: Snapshot, answer: ExternalRecord, refs: References
) -> None:
    """Move the bases to what was read back; what is not ours stays news for the next look."""
    now = runtime().now()
    pair.agree_sent_out(plan, _ours(pair, plan, stored, refs))
    pair.note_sent()
    pair.remember_writes(plan.to_external, "external", plan.to_external, now)
    expected = {**pair.external_snapshot, **{k: (pair.base_external or {}).get(k) for k in plan.to_external}}
    has_news = any(expected.get(key) != value for key, value in stored.items() if key in expected)
    work.field_changes["external"] = _from_to(pair.external_snapshot, plan.to_external)
    with transaction.atomic():
        leases.save(
            work.mapping,
            **_base_columns(pair),
            **work.external_facts(answer),
            last_out_at=now,
            fingerprint="" if has_news else digest(stored),
        )
        for conflict in _settled(work, plan):
            conflict_applied(conflict, now=now, pushed=True)
        if has_news:
            mark_dirty(mapping_ids=[work.mapping.id], reason="changed during write", priority=2, now=now)
    pair.external, pair.external_snapshot = answer, stored
    runtime().point("after_bases")


def _refused(pair: Pair, plan: Plan, stored: Snapshot, refs: References) -> dict[str, Held]:
    """Fields the vendor answered 2xx for, yet left as they were (F23). Our value in its clothes is no refusal."""
    refused = {}
    for key, sent in plan.to_external.items():
        before = pair.external_snapshot.get(key)
        if key not in stored or stored[key] != before or stored[key] == sent:
            continue
        if not _is_ours(pair, key, sent, stored[key], refs):
            refused[key] = Held(
                HeldReason.REFUSED,
                f"{pair.rc.connector.name} accepted the update but kept its own value.",
                sent,
            )
    return refused


def _ours(pair: Pair, plan: Plan, stored: Snapshot, refs: References) -> dict[str, Any]:
    """What to take as the external base per written field: the stored form if it is our value normalised;
    what we sent if it is something else, so that the other edit flows in as one.
    """
    bases = dict(stored)
    for key, sent in plan.to_external.items():
        is_missing = key not in stored
        if is_missing or (stored[key] != sent and not _is_ours(pair, key, sent, stored[key], refs)):
            bases[key] = sent
    return bases


def _is_ours(pair: Pair, key: str, sent: JSON, stored: JSON, refs: References) -> bool:
    """True if what is stored is what we sent, as the vendor spells it."""
    fm = pair.rc.field_map
    try:
        return is_explained(fm.inward(key, sent, refs), fm.inward(key, stored, refs))
    except ValueError:
        return True  # unreadable here: it is held as such, and no edit of anybody


# -- end ---------------------------------------------------------------------------------------------------


def _finish(work: Work, pair: Pair, plan: Plan, refs: References) -> Outcome:
    """Clean the mark and leave the state a person sees. A quiet pass writes nothing but the lease."""
    mapping, now = work.mapping, runtime().now()
    held = pair.held_as_json(plan)
    has_conflict = bool(plan.conflicts) or any(
        h.reason is HeldReason.OPEN_CONFLICT or (h.reason is HeldReason.REFUSED and k in pair.open_conflicts)
        for k, h in plan.held.items()
    )
    state, reason = state_after(held, open_conflict=has_conflict, waits=False)
    changes: dict[str, Any] = {}
    if held != mapping.held:
        changes |= {"held": held, "deferred": deferred(pair, plan)}
    if (mapping.state, mapping.state_reason) != (state, reason):
        changes |= {"state": state, "state_reason": reason}
    if not plan.to_external and pair.external is not None and pair.fingerprint != mapping.fingerprint:
        changes |= {"fingerprint": pair.fingerprint, **work.external_facts(pair.external)}
    if pair.local is not None and not plan.to_local and mapping.local_revision != pair.local.revision:
        changes["local_revision"] = pair.local.revision
    did_write = bool(work.field_changes)
    if did_write or plan.agreed:
        changes |= {"last_synced_at": now, "field_map_version": work.rc.field_map_version}
        if "local" in work.field_changes:
            changes["last_in_at"] = now
    if mapping.attempts or mapping.last_error or mapping.next_attempt_at:
        changes |= {"attempts": 0, "last_error": "", "error_code": "", "next_attempt_at": None}
    if did_write or plan.conflicts:
        log_pair(work, operation=Operation.UPDATE if did_write else Operation.CONFLICT, plan=plan)
    leases.release(mapping, clean=True, **changes)
    if has_conflict:
        return Outcome.CONFLICT
    if state is MappingState.HELD:
        return Outcome.HELD
    return Outcome.APPLIED if did_write else Outcome.NOOP


def _from_to(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    return {key: {"from": before.get(key), "to": value} for key, value in after.items()}


def _seen_columns(work: Work, pair: Pair, plan: Plan) -> dict[str, Any]:
    """What is there is taken account of, even if what is still to be sent will be refused."""
    if not plan.to_external or pair.external is None:
        return {}
    return {"fingerprint": pair.fingerprint, **work.external_facts(pair.external)}


def _base_columns(pair: Pair) -> dict[str, Any]:
    return {
        "base_local": pair.base_local,
        "base_external": pair.base_external,
        "provenance": pair.provenance,
        "history": pair.history,
        "field_map_version": pair.rc.field_map_version,
    }
