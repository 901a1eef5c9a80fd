"""Local changes become marks: the outbox half of ``Change`` (DESIGN: rows are the only way up)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from connectors.base.types import Can
from integrations.models import Integration, IntegrationStatus, Mapping, MappingState, SyncMethod
from integrations.services.marks import mark_dirty
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
    for change in changes:
        if change.kind != ChangeKind.DELETE:
            records[(change.tenant_id, change.record_type)].add(change.record_id)
        if change.integration_id:
            came_from[change.record_id].add(change.integration_id)
    touched: set[UUID] = set()
    for (tenant_id, record_type), ids in records.items():
        for rc in creating_resources(tenant_id, record_type):
            candidates = [i for i in ids if rc.integration.id not in came_from[i]]
            states = records_read(tenant_id=tenant_id, record_type=record_type, ids=candidates)
            if pairs_make(rc, belonging(rc, states.values())):
                touched.add(rc.integration.id)
    return touched


def creating_resources(tenant_id: UUID, record_type: str) -> list[ResourceContext]:
    """Resources of running integrations that make external records for this record type."""
    integrations = Integration.objects.filter(
        tenant_id=tenant_id,
        deleted_at__isnull=True,
        create_missing_externally=True,
        read_only=False,
        status__in=[IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED, IntegrationStatus.PAUSED],
    ).select_related("tenant")
    found = []
    for integration in integrations:
        for rc in IntegrationContext(integration).for_record_type(record_type):
            if creates_there(rc):
                found.append(rc)
                break
    return found


def belonging(rc: ResourceContext, states: Iterable[RecordState]) -> list[RecordState]:
    """Those that take part: a child belongs where its parent is linked, anything else where it passes the filter."""
    alive = [
        state
        for state in states
        if state.deleted_at is None and scopes.local_in_scope(rc.integration, rc.name, state)
    ]
    if not rc.resource.parent:
        return alive
    homes = {state.values.get("on_id") for state in alive} - {None, ""}
    linked = Mapping.objects.live().filter(
        integration=rc.integration, resource=rc.resource.parent, record_id__in=homes
    )
    known = {str(record_id) for record_id in linked.values_list("record_id", flat=True)}
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
        made += pairs_make(rc, belonging(rc, states))
    return made


__all__ = [
    "BATCH",
    "belonging",
    "changes_drain",
    "creates_there",
    "creating_resources",
    "missing_pair_up",
    "pairs_make",
    "unlinked_records",
]
