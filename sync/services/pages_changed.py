"""The pairs of a page that changed: merged in memory, one write per table."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from conflicts.models import ConflictKind
from conflicts.services import conflict_open, conflicts_journal, journal_row, open_values
from connectors.base.types import ExternalRecord
from integrations.models import Mapping, WriteIntent, WriteKind
from integrations.services.marks import mark_dirty
from reconcile.model import HeldReason, Plan
from sync import scopes
from sync.context import ResourceContext
from sync.edits import edits_load
from sync.pairs import Pair, state_after
from sync.reopened import stages_give_back
from sync.runtime import runtime
from sync.services.deferrals import deferred
from sync.services.page_run import PageCounts, PageRun, announce, external_columns, nominate, references_of
from workspace.bulk import update_rows
from workspace.services import RecordState, RecordWrite, WriteResult, records_read, records_write

UPDATED = (
    "base_local", "base_external", "provenance", "fingerprint", "held", "deferred", "state", "state_reason",
    "local_revision", "field_map_version", "external_version", "external_updated_at", "external_url", "container",
    "external_parent_id", "last_in_at", "last_synced_at", "history",
)  # fmt: skip


Planned = list[tuple[Mapping, Pair, Plan]]


def plan_changed(run: PageRun, changed: dict[UUID, ExternalRecord], counts: PageCounts) -> Planned:
    """Plans of the pairs whose fingerprint moved; those that can't be planned in bulk are marked and counted."""
    now = runtime().now()
    mappings = _locked(list(changed), now)
    busy = [mapping_id for mapping_id in changed if mapping_id not in mappings]
    if busy:  # another worker has them: they are looked at once it is done
        nominate(busy, reason="changed", run=run)
        counts.outcomes["marked"] += len(busy)
    states = records_read(
        tenant_id=run.rc.integration.tenant_id,
        record_type=run.rc.record_type,
        ids=[m.record_id for m in mappings.values() if m.record_id],
    )
    waiting = open_values(list(mappings))
    linked = _linked_creates([mapping.id for mapping in mappings.values() if mapping.base_local is None])
    pairs: list[tuple[Mapping, Pair]] = []
    for mapping_id, mapping in mappings.items():
        local = states.get(mapping.record_id) if mapping.record_id else None
        is_single = local is None or local.deleted_at is not None or mapping_id in linked
        if local is None or is_single or not _both_in_scope(run.rc, local, changed[mapping_id]):
            nominate([mapping_id], reason="changed", run=run)
            counts.outcomes["marked"] += 1
            continue
        pairs.append((mapping, _stored_pair(run, mapping, local, changed[mapping_id], waiting)))
    refs = references_of(run.rc, [pair for _, pair in pairs])
    edits_load(run.rc, [pair for _, pair in pairs])
    offset = run.rc.integration.clock_offset_seconds
    planned = [(pair, pair.plan(refs, clock_offset=offset)) for _, pair in pairs]
    plans = stages_give_back(run.rc, planned)
    return [(mapping, pair, plan) for (mapping, pair), plan in zip(pairs, plans, strict=True)]


def _linked_creates(mapping_ids: list[UUID]) -> set[UUID]:
    """Those that a create of ours may have made: what it sent decides, so they are looked at one by one."""
    sent = WriteIntent.objects.filter(
        mapping_id__in=mapping_ids, kind=WriteKind.CREATE, sent_at__isnull=False
    )
    return set(sent.values_list("mapping_id", flat=True)) if mapping_ids else set()


def _locked(ids: list[UUID], now: datetime) -> dict[UUID, Mapping]:
    """The free ones among them, locked until the page's transaction ends."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    rows = Mapping.objects.filter(free, id__in=ids)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return {mapping.id: mapping for mapping in rows}


def _both_in_scope(rc: ResourceContext, local: RecordState, record: ExternalRecord) -> bool:
    return scopes.local_in_scope(rc.integration, rc.name, local) and scopes.external_in_scope(
        rc.integration, rc.name, record
    )


def _stored_pair(
    run: PageRun,
    mapping: Mapping,
    local: RecordState,
    record: ExternalRecord,
    waiting: dict[UUID, dict[str, Any]],
) -> Pair:
    return Pair(
        rc=run.rc,
        seen=run.seen(record),
        base_local=mapping.base_local,
        base_external=mapping.base_external,
        provenance=mapping.provenance,
        local=local,
        external=record,
        held=mapping.held,
        map_version=mapping.field_map_version,
        history=mapping.history,
        open_conflicts=waiting.get(mapping.id, {}),
    )


def apply_changed(run: PageRun, plans: Planned, counts: PageCounts) -> None:
    """Local writes in one go, then bases, conflicts and marks."""
    now = runtime().now()
    writing = [(m, pair, plan) for m, pair, plan in plans if plan.to_local]
    results = records_write(
        tenant=run.rc.integration.tenant,
        record_type=run.rc.record_type,
        writes=[
            RecordWrite(
                record_id=m.record_id, values=run.rc.field_map.local_fields(plan.to_local), state=pair.local
            )
            for m, pair, plan in writing
        ],
        origin=run.origin,
        now=now,
        drained=run.is_alone,
    )
    written = {m.id: result for (m, _, _), result in zip(writing, results, strict=True)}
    done: Planned = []
    for mapping, pair, plan in plans:
        result = written.get(mapping.id)
        if result is not None and result.status in {"stale", "invalid"}:
            nominate(
                [mapping.id], reason=f"{result.status} in bulk", run=run
            )  # the single path tells the whole story
            counts.outcomes["marked"] += 1
            continue
        done.append((mapping, pair, plan))
        counts.outcomes["applied" if plan.to_local else "conflict" if plan.conflicts else "noop"] += 1
    _write_bases(run, done, written, now)
    _write_conflicts(run, done, now)
    announce(run, [(mapping.id, mapping.record_id) for mapping, _, _ in done])
    out = [m.id for m, _, plan in done if plan.to_external and not _is_for_later(run, m, plan)]
    if out:
        mark_dirty(mapping_ids=out, reason="to be sent", priority=5, method=run.method, now=now)


def _is_for_later(run: PageRun, mapping: Mapping, plan: Plan) -> bool:
    """True for what would go out though nobody edited it here, in a run that only brings in: a later run sends it."""
    return bool(plan.to_external) and not run.sends_out and mapping.dirty_at is None


def _write_bases(run: PageRun, done: Planned, written: dict[UUID, WriteResult], now: datetime) -> None:
    rows = []
    for mapping, pair, plan in done:
        kept = written.get(mapping.id)
        pair.agree_brought_in(plan, run.rc.field_map.by_key(kept.values) if kept else {})
        pair.remember_writes(plan.to_local, "local", plan.to_local, now)
        held = pair.held_as_json(plan)
        has_conflict = bool(plan.conflicts) or any(
            h.reason is HeldReason.OPEN_CONFLICT for h in plan.held.values()
        )
        state, reason = state_after(held, open_conflict=has_conflict, waits=bool(plan.to_external))
        result = written.get(mapping.id)
        fingerprint = "" if _is_for_later(run, mapping, plan) else pair.fingerprint
        assert pair.local is not None and pair.external is not None
        rows.append((
            mapping.id, pair.base_local, pair.base_external, pair.provenance, fingerprint, held,
            deferred(pair, plan), state, reason, result.revision if result else pair.local.revision,
            run.rc.field_map_version, *external_columns(pair.external, mapping), now if plan.to_local else mapping.last_in_at,
            now, pair.history,
        ))  # fmt: skip
    update_rows(Mapping, key=["id"], columns=UPDATED, rows=rows)


def _write_conflicts(run: PageRun, done: Planned, now: datetime) -> None:
    for mapping, _, _ in done:
        mapping.integration = run.rc.integration  # known already: no query per row
    remembered = run.rc.remembered_rules
    journal = [(mapping, pair, plan) for mapping, pair, plan in done if plan.decisions]
    if journal:
        conflicts_journal(
            [
                journal_row(
                    mapping=mapping,
                    decisions=plan.decisions,
                    record_title=pair.title,
                    strategy=run.rc.integration.conflict_strategy,
                    rules=remembered,
                    now=now,
                )
                for mapping, pair, plan in journal
            ]
        )
    for mapping, pair, plan in done:
        for group in plan.conflicts:
            conflict_open(
                mapping=mapping,
                group=group,
                kind=ConflictKind.BOTH_CHANGED if mapping.last_synced_at else ConflictKind.NO_AGREED_STATE,
                record_title=pair.title,
                **pair.last_changes(pair.last_edit(field.key for field in group.fields)),
                now=now,
            )
