"""Reconcile one pair: read both sides as they are now, decide, apply, read back (DESIGN's one path)."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from conflicts.models import ConflictResolution
from conflicts.services import RECORD_GROUP, as_decided, decided_among, unsettled_of, waiting_values
from connectors.base.errors import ConfigurationProblem, RecordGone, StaleWrite, SyncError
from connectors.base.types import Absence, AbsenceKind, ExternalRecord
from integrations import breaker
from integrations.models import Mapping, MappingState, SyncJob
from integrations.services.status import integration_failed
from reconcile.model import RecordAction, SideState
from reconcile.records import record_action
from sync import leases, scopes
from sync.clients import Clients
from sync.context import IntegrationContext
from sync.failures import OurFault, pair_failed, pair_waits
from sync.pairs import Pair
from sync.runtime import runtime
from sync.services import creates, deletes, merges
from sync.services.withdrawals import withdraw_all
from sync.work import Again, NotYet, Outcome, Work
from workspace.services import InvalidRecord, RecordState, StaleRevision, records_read, records_synced

logger = logging.getLogger(__name__)

ROUNDS = 3
#: how long an answer older than what we know is waited out; after that it is what the vendor has (a backup put back)
PATIENCE = timedelta(minutes=10)
#: states in which a person has the last word: a mark alone does not move them
RESTING = {MappingState.TOMBSTONE, MappingState.STOPPED}


def mapping_sync(
    *,
    mapping_id: UUID,
    context: IntegrationContext | None = None,
    job: SyncJob | None = None,
    correlation_id: str = "",
) -> Outcome:
    """Reconcile one pair now. May run twice, or in two workers at once, without harm. Never raises ``SyncError``."""
    started_at = runtime().now()
    claimed = leases.claim([mapping_id], now=started_at)
    if not claimed:
        return Outcome.BUSY
    outcome = claimed_sync(claimed[0], context=context, job=job, correlation_id=correlation_id)
    if has_synced(claimed[0], outcome, since=started_at):
        synced_note(claimed)
    return outcome


def has_synced(mapping: Mapping, outcome: Outcome, *, since: datetime) -> bool:
    """True if the pair was carried out since then, if only in part: another field of it may wait for a reviewer."""
    return outcome is Outcome.APPLIED or (mapping.last_out_at is not None and mapping.last_out_at >= since)


def synced_note(mappings: Iterable[Mapping]) -> None:
    """The records of these pairs know when they last synced: one statement per record type for all of them.

    What was brought in knows it already; this is for what was sent.
    """
    by_type: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for mapping in mappings:
        if mapping.record_id is not None:
            by_type[(mapping.tenant_id, mapping.record_type)].append(mapping.record_id)
    for (tenant_id, record_type), ids in by_type.items():
        records_synced(tenant_id=tenant_id, record_type=record_type, ids=ids, now=runtime().now())


def claimed_sync(
    mapping: Mapping,
    *,
    context: IntegrationContext | None = None,
    job: SyncJob | None = None,
    correlation_id: str = "",
    clients: Clients | None = None,
) -> Outcome:
    """As ``mapping_sync``, for a pair whose lease the caller holds, and perhaps ``clients`` that are open."""
    context = context or IntegrationContext(mapping.integration)
    if clients is None:
        with Clients(context.integration) as own:
            return _claimed_sync(mapping, context, job, correlation_id, own)
    return _claimed_sync(mapping, context, job, correlation_id, clients)


def _claimed_sync(
    mapping: Mapping, context: IntegrationContext, job: SyncJob | None, correlation_id: str, clients: Clients
) -> Outcome:
    integration = context.integration
    if mapping.state in RESTING:
        if mapping.state == MappingState.TOMBSTONE:
            with transaction.atomic():
                withdraw_all(mapping)
        leases.release(mapping, clean=True)
        return Outcome.NOOP
    if integration.status not in {"ACTIVE", "DEGRADED"} or integration.deleted_at:
        leases.release(mapping, clean=False, next_attempt_at=runtime().now() + timedelta(minutes=5))
        return Outcome.WAITING
    if mapping.resource not in integration.resource_types:
        return _no_longer_synced(mapping)
    try:
        breaker.guard(integration, runtime().now())
        client = clients.of(mapping.priority)
        try:
            rc = context.resource(mapping.resource)
        except KeyError:
            return _no_longer_synced(mapping)
        work = Work(mapping, context, rc, client, job=job, correlation_id=correlation_id)
        outcome = _rounds(work)
        if outcome not in {Outcome.WAITING, Outcome.FAILED}:
            breaker.record_success(integration, now=runtime().now())
        return outcome
    except breaker.CircuitOpen as circuit:
        leases.release(
            mapping,
            clean=False,
            next_attempt_at=runtime().now() + timedelta(seconds=circuit.retry_after or 30),
        )
        return Outcome.WAITING
    except ConfigurationProblem as problem:
        integration_failed(integration, problem.message, now=runtime().now())
        leases.release(mapping, clean=False, next_attempt_at=runtime().now() + timedelta(minutes=5))
        return Outcome.WAITING


def _no_longer_synced(mapping: Mapping) -> Outcome:
    """Its record type was switched off. Without a fingerprint the next listing looks at it again."""
    leases.release(
        mapping,
        clean=True,
        state=MappingState.OUT_OF_SCOPE,
        state_reason="This record type is no longer synced.",
        fingerprint="",
    )
    return Outcome.FILTERED


def _rounds(work: Work) -> Outcome:
    """At most three rounds while either side keeps moving (H3), then an ordinary retry."""
    last: Exception | None = None
    try:
        for number in range(ROUNDS):
            work.retry_count = number
            try:
                return _round(work)
            except (StaleWrite, StaleRevision, Again) as moved:
                last = moved
        raise StaleWrite("The record kept changing while we tried to write it.") from last
    except scopes.Filtered as reason:
        leases.release(
            work.mapping, clean=True, state=MappingState.OUT_OF_SCOPE, state_reason=str(reason)[:500]
        )
        return Outcome.FILTERED
    except creates.StillInDoubt as doubt:
        leases.release(work.mapping, clean=True, state=MappingState.IN_DOUBT, state_reason=str(doubt)[:500])
        return Outcome.HELD
    except NotYet as reason:
        return pair_waits(work, str(reason), seconds=reason.seconds)
    except leases.LeaseLost:
        return Outcome.BUSY
    except InvalidRecord as refused:
        return pair_failed(work, refused)
    except SyncError as error:
        return pair_failed(work, error)
    except Exception as error:  # a fault of ours or of a connector: this pair's alone, never the drain's
        logger.exception("pair.failed", extra={"mapping": str(work.mapping.id)})
        return pair_failed(work, OurFault(error))


def _round(work: Work) -> Outcome:
    creates.settle_open_intent(work)
    if work.mapping.record_id is not None and work.mapping.external_parent_id:
        creates.wait_for_parent_in_sync(work, external_id=work.mapping.external_parent_id)
    external, there = _external_side(work)
    if there is SideState.UNREACHABLE:
        return deletes.hold(work, "We can't see this record there any more: access lost, or another account.")
    local, here = _local_side(work)
    conflicts = unsettled_of(work.mapping.id)
    pair = _pair(work, local, external, conflicts)
    if pair.bases is None and local is not None and external is not None:
        creates.recall_sent(work, pair)
    decided = deletes.carry_out_record_decision(work, pair, conflicts, here=here, there=there)
    if decided is not None:
        return decided
    if here is SideState.SAME and pair.local_changed():
        here = SideState.CHANGED
    if there is SideState.SAME and pair.external_changed():
        there = SideState.CHANGED
    action = record_action(
        local=here,
        external=there,
        policy=work.rc.delete_policy,
        direction=work.rc.policy.direction,
        create_locally=work.integration.create_missing_locally,
        create_externally=work.rc.sends_out and _may_be_made_there(work),
    )
    if action is RecordAction.DELETE_LOCAL and work.mapping.state == MappingState.OUT_OF_SCOPE:
        action = RecordAction.UNLINK  # it took no part any more when it was deleted there
    return _carry_out(work, pair, action, here, there)


def _may_be_made_there(work: Work) -> bool:
    """What was there before is made anew where that was decided; what is new only while the switch is on."""
    return work.integration.create_missing_externally or work.mapping.last_synced_at is not None


def _carry_out(work: Work, pair: Pair, action: RecordAction, here: SideState, there: SideState) -> Outcome:
    match action:
        case RecordAction.MERGE:
            return merges.merge(work, pair)
        case RecordAction.CREATE_LOCAL:
            return creates.create_locally(work, pair)
        case RecordAction.CREATE_EXTERNAL:
            return creates.create_externally(work, pair)
        case RecordAction.DELETE_LOCAL:
            return deletes.delete_locally(work, pair)
        case RecordAction.DELETE_EXTERNAL | RecordAction.ARCHIVE_EXTERNAL if not work.rc.sends_out:
            return deletes.close(work, unlink=True)
        case RecordAction.DELETE_EXTERNAL | RecordAction.ARCHIVE_EXTERNAL:
            return deletes.delete_externally(work, pair, archive=action is RecordAction.ARCHIVE_EXTERNAL)
        case RecordAction.CLOSE | RecordAction.UNLINK:
            return deletes.close(work, unlink=action is RecordAction.UNLINK)
        case RecordAction.REVIEW:
            return deletes.ask(work, pair, deleted_here=here is SideState.DELETED)
        case RecordAction.OUT_OF_SCOPE:
            return deletes.leave_scope(work, pair, there=there)
        case RecordAction.CONFIRM | RecordAction.HOLD:
            where = "here" if here is SideState.VANISHED else "there"
            return deletes.hold(work, f"Not seen {where}, and nothing proves that it was deleted.")
        case RecordAction.NOTHING:
            return deletes.rest(work, pair)


def _pair(
    work: Work,
    local: RecordState | None,
    external: ExternalRecord | None,
    conflicts: Sequence[ConflictResolution],
) -> Pair:
    mapping = work.mapping
    return Pair(
        rc=work.rc,
        base_local=mapping.base_local,
        base_external=mapping.base_external,
        provenance=dict(mapping.provenance),
        local=local,
        external=external,
        held=mapping.held,
        map_version=mapping.field_map_version,
        history=dict(mapping.history),
        open_conflicts=waiting_values(conflicts),
        decided={
            key: value
            for conflict in decided_among(conflicts)
            if conflict.group != RECORD_GROUP
            for key, value in as_decided(conflict).items()
        },
    )


def _local_side(work: Work) -> tuple[RecordState | None, SideState]:
    mapping = work.mapping
    if mapping.record_id is None:
        return None, SideState.MISSING
    found = records_read(
        tenant_id=mapping.tenant_id, record_type=mapping.record_type, ids=[mapping.record_id]
    )
    state = found.get(mapping.record_id)
    if state is None:  # a deleted record leaves its tombstone: that there is no row proves nothing
        return None, SideState.VANISHED
    if not scopes.local_in_scope(work.integration, work.rc.name, state):
        return state, SideState.OUT_OF_SCOPE  # deleted or not: what takes no part deletes nothing there
    return state, SideState.SAME if state.deleted_at is None else SideState.DELETED


def _external_side(work: Work) -> tuple[ExternalRecord | None, SideState]:
    """The external record as it is now, and what is known of it as a whole."""
    mapping = work.mapping
    if mapping.external_id is None:
        return None, SideState.MISSING
    try:
        record = work.client.get(work.rc.name, mapping.external_id, parent_id=work.parent_id)
    except RecordGone as gone:
        return _absent(work, gone)
    return _present(work, record)


def _present(work: Work, record: ExternalRecord) -> tuple[ExternalRecord | None, SideState]:
    if record.is_deleted:
        return record, SideState.DELETED
    if record.is_archived or not scopes.external_in_scope(work.integration, work.rc.name, record):
        return record, SideState.OUT_OF_SCOPE
    known = work.mapping.external_updated_at
    is_older = known and record.updated_at and record.updated_at < known - timedelta(seconds=1)
    marked_at = work.mapping.dirty_at or runtime().now()
    if is_older and runtime().now() - marked_at < PATIENCE:
        # an older state than we have already seen (a lagging replica) must not be taken for news (I8)
        raise NotYet("The other side answered with an older state than it showed before.", seconds=5)
    return record, SideState.SAME


_SIDE_OF = {
    AbsenceKind.DELETED: SideState.DELETED,
    AbsenceKind.ARCHIVED: SideState.OUT_OF_SCOPE,
    AbsenceKind.MOVED: SideState.OUT_OF_SCOPE,
    AbsenceKind.OUT_OF_FILTER: SideState.OUT_OF_SCOPE,
    AbsenceKind.NO_ACCESS: SideState.UNREACHABLE,
    AbsenceKind.UNKNOWN: SideState.VANISHED,
}


def _absent(work: Work, gone: RecordGone) -> tuple[ExternalRecord | None, SideState]:
    """A 404 is a question, not an answer: ask the connector why, and whether we still look at the same place."""
    mapping = work.mapping
    assert mapping.external_id is not None
    if gone.proven:
        absence = Absence(AbsenceKind.DELETED, gone.message)
    else:
        answers = work.client.explain_absence(work.rc.name, [mapping.external_id], parent_id=work.parent_id)
        absence = answers.get(mapping.external_id, Absence(AbsenceKind.UNKNOWN))
    if absence.kind is AbsenceKind.PRESENT and absence.record is not None:
        return _present(work, absence.record)
    side = _SIDE_OF.get(absence.kind, SideState.VANISHED)
    if side is SideState.DELETED and not _same_container(work):
        return None, SideState.UNREACHABLE
    return absence.record, side


def _same_container(work: Work) -> bool:
    """False if account or container is not the one these pairs were made with (I4)."""
    known = work.integration.container_token
    return not known or work.client.container_token() == known


def mappings_due(*, integration_id: UUID, now: datetime, limit: int) -> list[UUID]:
    """Due pairs of an integration, people's edits first, oldest mark first within a priority."""
    due = Mapping.objects.filter(integration_id=integration_id).due(now).order_by("priority", "dirty_at")
    return list(due.values_list("id", flat=True)[:limit])
