"""Deletions and everything that looks like one: evidence, budget, quarantine, review (E7, I4, I5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from conflicts.models import ConflictKind, ConflictResolution, ConflictStatus
from conflicts.services import RECORD_GROUP, conflict_applied, conflict_open, conflict_withdraw
from connectors.base.errors import RecordGone, RecordProblem
from connectors.base.types import Can
from integrations.models import Integration, IntentState, Mapping, MappingState, Operation, WriteIntent
from integrations.services.marks import RELEASED
from reconcile.model import ConflictGroup, DeletePolicy, FieldConflict, SideState
from sync import leases
from sync.journal import log_pair
from sync.pairs import Pair
from sync.runtime import runtime
from sync.services.withdrawals import withdraw_all
from sync.work import Again, Outcome, Work
from workspace.services import FieldEdit, record_delete, record_edited, record_restore

WINDOW = timedelta(hours=24)
#: a deletion budget never bites below this many: small boards have to be able to lose a card
ALWAYS_ALLOWED = 3


def over_budget(integration: Integration) -> str:
    """Why one more deletion must wait for a person; empty if it may go on. A rolling day, by count and share."""
    now = runtime().now()
    closed = Mapping.objects.filter(integration=integration, closed_at__gt=now - WINDOW).count()
    if closed < ALWAYS_ALLOWED:
        return ""
    live = Mapping.objects.live().filter(integration=integration, record_id__isnull=False).count()
    share = live * integration.delete_budget_percent // 100
    allowed = max(ALWAYS_ALLOWED, min(integration.delete_budget_count, share))
    if closed < allowed:
        return ""
    return f"{closed} deletions in the last day; the budget is {allowed}. Check the other side, then release them."


def why_not_yet(work: Work) -> str:
    """Why this deletion waits in quarantine; empty if it may go on. Only a person lets it out: a budget that fills
    up again day by day must not carry out the mass deletion that it held back.
    """
    mapping = work.mapping
    if mapping.dirty_reason == RELEASED:
        return ""
    if mapping.state == MappingState.QUARANTINED:
        return mapping.state_reason
    return over_budget(work.integration)


def delete_locally(work: Work, pair: Pair) -> Outcome:
    """The external record was deleted, with evidence: tombstone here, unless that would be too many."""
    refusal = why_not_yet(work)
    if refusal:
        return quarantine(work, refusal)
    now = runtime().now()
    with transaction.atomic():
        if pair.local is not None and pair.local.deleted_at is None:
            record_delete(
                tenant=work.mapping.tenant,
                record_type=work.rc.record_type,
                record_id=pair.local.id,
                origin=work.origin(),
                now=now,
                expected_revision=pair.local.revision,
            )
        leases.save(work.mapping, closed_at=now)
    return close(work, reason="Deleted there, so deleted here. It can be restored from its history.")


def delete_externally(work: Work, pair: Pair, *, archive: bool) -> Outcome:
    """The local record was deleted: carry it out there, by archiving where that is the policy."""
    can = work.rc.resource.can
    if (archive and Can.ARCHIVE not in can) or (not archive and Can.DELETE not in can):
        return ask(work, pair, deleted_here=True)
    refusal = why_not_yet(work)
    if refusal:
        return quarantine(work, refusal)
    assert work.mapping.external_id is not None
    runtime().point("before_call")
    leases.hold(work.mapping)
    try:
        if archive:
            work.client.archive(work.rc.name, work.mapping.external_id, current=pair.external)
        else:
            work.client.delete(
                work.rc.name, work.mapping.external_id, parent_id=work.parent_id, current=pair.external
            )
    except RecordGone:
        pass  # it is gone: that is what was wanted
    runtime().point("after_call")
    now = runtime().now()
    with transaction.atomic():
        leases.save(work.mapping, closed_at=now, last_out_at=now)
    return close(work, reason="Archived there." if archive else "Deleted there.")


def close(work: Work, *, unlink: bool = False, reason: str = "") -> Outcome:
    """End the pair and keep its tombstone, so that it does not come back by itself."""
    reason = reason or (
        "Unlinked: deleted on one side, kept on the other." if unlink else "Deleted on both sides."
    )
    work.mapping.state_reason = reason
    log_pair(work, operation=Operation.DELETE, message=reason)
    with transaction.atomic():
        withdraw_all(work.mapping)
        # nothing will be made for this pair any more: others need not wait for its create
        WriteIntent.objects.filter(mapping=work.mapping, state=IntentState.OPEN).update(
            state=IntentState.FAILED, evidence="The pair ended.", settled_at=runtime().now()
        )
    leases.release(
        work.mapping,
        clean=True,
        state=MappingState.TOMBSTONE,
        state_reason=reason,
        attempts=0,
        last_error="",
        error_code="",
        next_attempt_at=None,
    )
    return Outcome.APPLIED


def quarantine(work: Work, reason: str) -> Outcome:
    """Too many deletions: this one waits, and withdraws by itself if the record reappears."""
    if work.mapping.state != MappingState.QUARANTINED:
        log_pair(work, operation=Operation.DELETE, message=reason, held=True)
    leases.release(
        work.mapping,
        clean=False,
        state=MappingState.QUARANTINED,
        state_reason=reason[:500],
        next_attempt_at=runtime().now() + timedelta(hours=1),
    )
    return Outcome.HELD


def hold(work: Work, reason: str) -> Outcome:
    """Nothing is proven: no write to either side, look again in a while (F8)."""
    if (work.mapping.state, work.mapping.state_reason) != (MappingState.HELD, reason):
        log_pair(work, operation=Operation.UPDATE, message=reason, held=True)
    leases.release(
        work.mapping,
        clean=False,
        state=MappingState.HELD,
        state_reason=reason[:500],
        next_attempt_at=runtime().now() + timedelta(minutes=15),
    )
    return Outcome.HELD


def leave_scope(work: Work, pair: Pair, *, there: SideState) -> Outcome:
    """A side left the filter, was archived or moved away: a state of its own, nothing is deleted."""
    is_ours = there in {SideState.SAME, SideState.CHANGED}  # so that only news there is worth another look
    if pair.external is not None and pair.external.is_archived:
        reason = "Archived there."
    elif pair.local is not None and not pair.local.external_sync_enabled:
        reason = "Sync is switched off for this record."
    else:
        reason = "Outside this integration's filter or container."
    changes: dict[str, Any] = {
        "fingerprint": pair.fingerprint if is_ours else "",
        "base_local": pair.base_local,
        "base_external": pair.base_external,
        "provenance": pair.provenance,
        "field_map_version": work.rc.field_map_version,
    }
    if work.mapping.state != MappingState.OUT_OF_SCOPE:
        changes["last_synced_at"] = runtime().now()
        log_pair(work, operation=Operation.UPDATE, message=reason, held=True)
    leases.release(work.mapping, clean=True, state=MappingState.OUT_OF_SCOPE, state_reason=reason, **changes)
    return Outcome.FILTERED


def rest(work: Work, pair: Pair) -> Outcome:
    """Nothing is to be done: the direction or the switches say so."""
    if pair.local is None and pair.external is None:
        return close(work)
    leases.release(
        work.mapping,
        clean=True,
        state=MappingState.OUT_OF_SCOPE,
        state_reason="This integration doesn't create records on that side.",
    )
    return Outcome.FILTERED


# -- delete against edit -----------------------------------------------------------------------------------


def ask(work: Work, pair: Pair, *, deleted_here: bool) -> Outcome:
    """A deletion that a person must decide: one side deleted, the other edited it, or the policy says ask."""
    now = runtime().now()
    kind = ConflictKind.DELETED_HERE if deleted_here else ConflictKind.DELETED_THERE
    changed = pair.external_changed() if deleted_here else pair.local_changed()
    system = work.rc.connector.name
    where = ("here", f"in {system}") if deleted_here else (f"in {system}", "here")
    reason = f"Deleted {where[0]}" + (f", changed {where[1]}." if changed else "; the policy is to ask.")
    field = FieldConflict(
        key=RECORD_GROUP,
        base=pair.base_local,
        local=None if deleted_here else dict(pair.local_snapshot),
        external=dict(pair.external_snapshot) if deleted_here else None,
        base_external_raw=pair.base_external,
        external_raw=dict(pair.external_snapshot) if deleted_here else None,
    )
    with transaction.atomic():
        conflict_open(
            mapping=work.mapping,
            group=ConflictGroup(RECORD_GROUP, (field,), reason),
            kind=kind,
            record_title=pair.title,
            **pair.last_changes(_last_edit(work)),
            now=now,
        )
    if work.mapping.state != MappingState.CONFLICT:
        log_pair(work, operation=Operation.CONFLICT, message=reason)
    leases.release(work.mapping, clean=True, state=MappingState.CONFLICT, state_reason=reason[:500])
    return Outcome.CONFLICT


def _last_edit(work: Work) -> FieldEdit | None:
    """When the record was edited or deleted here, and by whom; None if only this integration ever wrote it."""
    mapping = work.mapping
    if mapping.record_id is None:
        return None
    return record_edited(
        tenant_id=mapping.tenant_id, record_id=mapping.record_id, besides=work.integration.id
    )


def carry_out_record_decision(
    work: Work,
    pair: Pair,
    conflicts: Iterable[ConflictResolution],
    *,
    here: SideState,
    there: SideState,
) -> Outcome | None:
    """What a reviewer decided about a deletion; None if nothing is decided, or what was decided on is over."""
    about_record = (c for c in conflicts if c.group == RECORD_GROUP and c.status == ConflictStatus.DECIDED)
    conflict = next(about_record, None)
    if conflict is None:
        return None
    lost = here if conflict.kind == ConflictKind.DELETED_HERE else there
    if lost not in {SideState.DELETED, SideState.VANISHED}:  # it is back: there is no deletion to decide on
        with transaction.atomic():
            conflict_withdraw(mapping=work.mapping, groups=[RECORD_GROUP], now=runtime().now())
        return None
    choice = conflict.resolved.get(RECORD_GROUP, {}).get("choice")
    match choice:
        case "accept_delete":
            if not _is_as_seen(conflict, pair):
                return None  # edited since the reviewer looked: asked again, with what is there now
            return _accept(work, conflict, pair)
        case "unlink":
            _done(conflict, pushed=False)
            return close(work, unlink=True)
        case "keep_and_recreate":
            _keep(work, conflict)
            raise Again("a reviewer chose to keep the record")
    raise RecordProblem(f"A decision of this kind can't be carried out: {choice}", code="internal")


def _is_as_seen(conflict: ConflictResolution, pair: Pair) -> bool:
    """True if the surviving record still holds what the reviewer agreed to lose."""
    seen = conflict.fields[0]
    if conflict.kind == ConflictKind.DELETED_THERE:
        return bool(seen["local"] == dict(pair.local_snapshot))
    return bool(seen["external_raw"] == dict(pair.external_snapshot))


def _accept(work: Work, conflict: ConflictResolution, pair: Pair) -> Outcome:
    mapping, now = work.mapping, runtime().now()
    if conflict.kind == ConflictKind.DELETED_THERE:
        with transaction.atomic():
            if mapping.record_id is not None:
                record_delete(
                    tenant=mapping.tenant,
                    record_type=work.rc.record_type,
                    record_id=mapping.record_id,
                    origin=work.origin(),
                    now=now,
                    expected_revision=pair.local.revision if pair.local else None,
                )
            leases.save(mapping, closed_at=now)
            _done(conflict, pushed=False)
        return close(work, reason="Deleted on both sides, as decided.")
    assert mapping.external_id is not None
    can = work.rc.resource.can
    if not work.rc.sends_out:  # it only reads there
        _done(conflict, pushed=False)
        return close(work, unlink=True)
    archives = Can.ARCHIVE in can and (work.rc.delete_policy is DeletePolicy.ARCHIVE or Can.DELETE not in can)
    if not archives and Can.DELETE not in can:
        raise RecordProblem(f"{work.rc.connector.name} doesn't let us delete a {work.rc.resource.label}.")
    leases.hold(mapping)
    try:
        if archives:
            work.client.archive(work.rc.name, mapping.external_id, current=pair.external)
        else:
            work.client.delete(
                work.rc.name, mapping.external_id, parent_id=work.parent_id, current=pair.external
            )
    except RecordGone:
        pass
    with transaction.atomic():
        leases.save(mapping, closed_at=now, last_out_at=now)
        _done(conflict, pushed=True)
    return close(work, reason="Deleted on both sides, as decided.")


def _keep(work: Work, conflict: ConflictResolution) -> None:
    """Bring the record back on the side that lost it; its content is the surviving side's."""
    mapping, now = work.mapping, runtime().now()
    with transaction.atomic():
        if conflict.kind == ConflictKind.DELETED_HERE and mapping.record_id is not None:
            record_restore(
                tenant=mapping.tenant,
                record_type=work.rc.record_type,
                record_id=mapping.record_id,
                origin=work.origin(),
                now=now,
            )
        else:
            gone = mapping.external_id
            leases.save(
                mapping, external_id=None, base_local=None, base_external=None, provenance={}, fingerprint=""
            )
            _bury_there(work, str(gone), now)
        _done(conflict, pushed=conflict.kind == ConflictKind.DELETED_THERE)


def _bury_there(work: Work, external_id: str, now: datetime) -> None:
    """A tombstone for what was deleted there: a listing that lags may show it once more."""
    mapping = work.mapping
    Mapping.objects.create(
        tenant_id=mapping.tenant_id,
        integration=work.integration,
        resource=mapping.resource,
        record_type=mapping.record_type,
        external_id=external_id,
        external_parent_id=mapping.external_parent_id,
        state=MappingState.TOMBSTONE,
        state_reason="Deleted there. Its record here was kept and made there anew.",
        created_at=now,
    )


def _done(conflict: ConflictResolution, *, pushed: bool) -> None:
    conflict_applied(conflict, now=runtime().now(), pushed=pushed)
