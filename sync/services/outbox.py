"""Local changes become marks: the outbox half of ``Change`` (DESIGN: rows are the only way up)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from connectors.base.types import Can
from integrations.models import Integration, IntegrationStatus, Mapping, MappingState, SyncMethod
from integrations.services.marks import mark_dirty
from reconcile.links import Link
from sync import scopes
from sync.context import IntegrationContext, ResourceContext
from sync.runtime import runtime
from workspace.ids import new_id
from workspace.models import RECORD_TYPES, Change, ChangeKind, OriginKind
from workspace.services import RecordState, records_read
from workspace.wakeups import wake

BATCH = 500
#: people's own edits go first
PRIORITY = {OriginKind.USER: 0, OriginKind.API: 0, OriginKind.BOARD: 0, OriginKind.RESOLUTION: 0}


def changes_drain() -> int:
    """Turn a batch of undrained changes into dirty marks and new pairs. How many; call again while it is BATCH."""
    now = runtime().now()
    with transaction.atomic():
        rows = Change.objects.filter(drained_at__isnull=True).order_by("id")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        changes = list(rows[:BATCH])
        if not changes:
            return 0
        touched = _mark(changes) | _pair_up(changes)
        Change.objects.filter(id__in=[change.id for change in changes]).update(drained_at=now)
        for integration_id in touched:
            wake("sync.drain_integration", integration_id=str(integration_id))
    return len(changes)


def _mark(changes: Iterable[Change]) -> set[UUID]:
    """Mark the pairs of the changed records, but not the pair a change came through."""
    sources: dict[UUID, set[UUID | None]] = defaultdict(set)
    priority: dict[UUID, int] = {}
    for change in changes:
        sources[change.record_id].add(change.integration_id)
        rank = PRIORITY.get(OriginKind(change.origin), 5)
        priority[change.record_id] = min(rank, priority.get(change.record_id, 9))
    by_rank: dict[int, list[UUID]] = defaultdict(list)
    touched: set[UUID] = set()
    rows = Mapping.objects.live().filter(record_id__in=list(sources)).exclude(state=MappingState.STOPPED)
    for mapping_id, record_id, integration_id in rows.values_list("id", "record_id", "integration_id"):
        if record_id is None or sources[record_id] == {integration_id}:
            continue  # this integration wrote it and moved the bases in the same transaction
        by_rank[priority[record_id]].append(mapping_id)
        touched.add(integration_id)
    for rank, ids in by_rank.items():
        mark_dirty(
            mapping_ids=ids,
            reason="changed here",
            priority=rank,
            method=SyncMethod.LOCAL,
            now=runtime().now(),
            clears_wait=True,
        )
    return touched


def _pair_up(changes: Iterable[Change]) -> set[UUID]:
    """Records that an integration creates on its side get a pair, to be made by ``pair_sync``."""
    records: dict[tuple[UUID, str], set[UUID]] = defaultdict(set)
    came_from: dict[UUID, set[UUID]] = defaultdict(set)
    restored: set[UUID] = set()
    for change in changes:
        if change.kind == ChangeKind.RESTORE:
            restored.add(change.record_id)
        if change.kind != ChangeKind.DELETE:
            records[(change.tenant_id, change.record_type)].add(change.record_id)
        if change.integration_id:
            came_from[change.record_id].add(change.integration_id)
    touched: set[UUID] = set()
    for (tenant_id, record_type), ids in records.items():
        for integration in _creating(tenant_id):
            makers = makers_of(integration, record_type)
            candidates = [i for i in ids if integration.id not in came_from[i]] if makers else []
            unpaired = _unpaired(integration, candidates, restored)
            states = records_read(tenant_id=tenant_id, record_type=record_type, ids=unpaired)
            for rc, taken in allotted(makers, states.values()):
                if pairs_make(rc, taken):
                    touched.add(integration.id)
    return touched


def _unpaired(integration: Integration, ids: list[UUID], restored: set[UUID]) -> list[UUID]:
    """Those that no resource of the integration has: an epic's task is not made as an issue as well.

    One whose pair has ended is made there anew only if a person restores it here, not by an edit (I5).
    """
    paired = Mapping.objects.filter(integration=integration, record_id__in=ids)
    known = {
        record_id
        for record_id, state in (paired.values_list("record_id", "state") if ids else ())
        if state != MappingState.TOMBSTONE or record_id not in restored
    }
    return [i for i in ids if i not in known]


def _creating(tenant_id: UUID) -> QuerySet[Integration]:
    """Integrations that make there what is only here. For one that rests (paused, failing, read only) it waits: a change
    is looked at only once, and what is made here meanwhile would never go out.
    """
    return Integration.objects.filter(
        tenant_id=tenant_id,
        deleted_at__isnull=True,
        create_missing_externally=True,
        status__in=[
            IntegrationStatus.ACTIVE,
            IntegrationStatus.DEGRADED,
            IntegrationStatus.PAUSED,
            IntegrationStatus.ERROR,
        ],
    ).select_related("tenant")


def makers_of(integration: Integration, record_type: str) -> list[ResourceContext]:
    """Resources that make external records for this record type: those bound to a place first, then as the connector
    names them."""
    contexts = IntegrationContext(integration)
    declared = [each.name for each in contexts.connector.resources_of(integration.options)]
    makers = [rc for rc in contexts.for_record_type(record_type) if creates_there(rc)]
    return sorted(makers, key=lambda rc: (not _places(rc), declared.index(rc.name)))


def allotted(
    makers: Sequence[ResourceContext], states: Iterable[RecordState]
) -> Iterator[tuple[ResourceContext, list[RecordState]]]:
    """Each resource with the records it makes: one record goes to the first resource that it belongs to, and to no other."""
    rest = list(states)
    for rc in makers:
        taken = belonging(rc, rest)
        if rc is not makers[-1]:  # where there is no other, a record without its place waits for it in sight
            taken = _placed(rc, taken)
        ids = {state.id for state in taken}
        rest = [state for state in rest if state.id not in ids]
        yield rc, taken


def _places(rc: ResourceContext) -> list[Link]:
    """The references without which the vendor makes no such record (the project of a project's ticket)."""
    links = rc.field_map.links.values()
    fixed = [link for link in links if link.required and rc.resource.create_only.intersection(link.external)]
    return [link for link in fixed if link.transform == "lookup"]


def _placed(rc: ResourceContext, states: list[RecordState]) -> list[RecordState]:
    """Those whose places are there."""
    for link in _places(rc):
        known = _linked(rc, link.options["resource"], {state.values.get(link.local) for state in states})
        states = [state for state in states if str(state.values.get(link.local)) in known]
    return states


def _linked(rc: ResourceContext, resource: str, record_ids: set[Any]) -> set[str]:
    """Which of the records have a counterpart there."""
    live = Mapping.objects.live().filter(integration=rc.integration, resource=resource)
    return {
        str(i) for i in live.filter(record_id__in=record_ids - {None, ""}).values_list("record_id", flat=True)
    }


def made_by(rc: ResourceContext, states: Iterable[RecordState]) -> list[RecordState]:
    """Those of the records that this resource makes."""
    shares = allotted(makers_of(rc.integration, rc.record_type), states)
    return next((taken for each, taken in shares if each.name == rc.name), [])


def belonging(rc: ResourceContext, states: Iterable[RecordState]) -> list[RecordState]:
    """Those that take part: a child belongs where its parent is linked, anything else where it passes the filter."""
    alive = [
        state
        for state in states
        if state.deleted_at is None and scopes.local_in_scope(rc.integration, rc.name, state)
    ]
    if not rc.resource.parent:
        return alive
    known = _linked(rc, rc.resource.parent, {state.values.get("on_id") for state in alive})
    return [state for state in alive if str(state.values.get("on_id")) in known]


def pairs_make(rc: ResourceContext, states: Iterable[RecordState]) -> int:
    """A pair for each record that has none in this integration. How many records were offered."""
    now = runtime().now()
    rows = [
        Mapping(
            id=new_id(),
            tenant_id=rc.integration.tenant_id,
            integration=rc.integration,
            resource=rc.name,
            record_type=rc.record_type,
            record_id=state.id,
            state=MappingState.PENDING,
            state_reason="To be created there.",
            dirty_at=now,
            dirty_seq=1,
            dirty_reason="new here",
            priority=0,
            method=SyncMethod.LOCAL,
            created_at=now,
        )
        for state in states
    ]
    Mapping.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def unlinked_records(rc: ResourceContext, *, limit: int, after: UUID | None = None) -> list[RecordState]:
    """Local records that have no pair in this integration, by id; which of them belong says ``belonging``."""
    model = RECORD_TYPES[rc.record_type]
    # by any resource: of two that take the same records (service and project tickets) one has it already
    linked = Mapping.objects.filter(
        integration=rc.integration, record_type=rc.record_type, record_id=OuterRef("pk")
    )
    rows = model.objects.filter(
        ~Exists(linked), tenant_id=rc.integration.tenant_id, deleted_at__isnull=True
    ).order_by("id")
    if after is not None:
        rows = rows.filter(id__gt=after)
    ids = list(rows.values_list("id", flat=True)[:limit])
    states = records_read(tenant_id=rc.integration.tenant_id, record_type=rc.record_type, ids=ids)
    return [states[i] for i in ids if i in states]


def creates_there(rc: ResourceContext) -> bool:
    """True if this resource makes external records for local ones."""
    return rc.integration.create_missing_externally and rc.sends_out and Can.CREATE in rc.resource.can


def missing_pair_up(rc: ResourceContext) -> int:
    """A pair for every local record in scope that has none (a person's run asks for that). How many."""
    made, after = 0, None
    while creates_there(rc):
        states = unlinked_records(rc, limit=BATCH, after=after)
        if not states:
            break
        after = states[-1].id
        made += pairs_make(rc, made_by(rc, states))
    return made
