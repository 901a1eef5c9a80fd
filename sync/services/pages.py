"""Take in one page of a listing, set by set: look up fingerprints first, merge in memory, one write per table.

A page costs a fixed handful of queries whatever it holds; a page without changes writes nothing (E11). What is to be
sent out is only marked: pushes go one by one through ``pair_sync``, people's edits first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from conflicts.models import ConflictKind
from conflicts.services import conflict_open, conflicts_journal, journal_row, open_values
from connectors.base.types import ExternalRecord, Page
from integrations.models import Mapping, MappingState, SyncJob, SyncMethod, WriteIntent, WriteKind
from integrations.services.marks import mark_dirty
from live.feed import sync_room
from live.gathering import MANY_IDS, publish_many
from reconcile.model import HeldReason, Plan
from reconcile.planner import LocalCreates
from sync import scopes
from sync.context import References, ResourceContext
from sync.pairs import Pair, Seen, state_after
from sync.runtime import runtime
from sync.services import creates, matching
from sync.services.deferrals import deferred
from workspace.bulk import find_rows, insert_rows, update_rows, upsert_rows
from workspace.ids import new_id
from workspace.models import OriginKind
from workspace.services import Origin, RecordState, RecordWrite, WriteResult, records_read, records_write

KNOWN = (
    "id", "external_id", "fingerprint", "state", "record_id", "field_map_version", "last_synced_at", "lease_until",
    "external_updated_at", "is_dead",
)  # fmt: skip
UPDATED = (
    "base_local", "base_external", "provenance", "fingerprint", "held", "deferred", "state", "state_reason",
    "local_revision", "field_map_version", "external_version", "external_updated_at", "external_url", "container",
    "external_parent_id", "last_in_at", "last_synced_at", "history",
)  # fmt: skip


@dataclass
class PageCounts:
    """How every row of a page ended (I14)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)  # (external id, sentence), the first few
    seen: list[UUID] = field(default_factory=list)  # mappings from before, which the page proves to be there

    def fail(self, external_id: str, message: str) -> None:
        self.outcomes["failed"] += 1
        if len(self.errors) < 20:
            self.errors.append((external_id, message))


@dataclass(frozen=True)
class PageRun:
    """What stays the same from page to page of a run."""

    rc: ResourceContext
    job: SyncJob | None
    fetched_at: datetime
    method: SyncMethod = SyncMethod.POLL
    correlation_id: str = ""
    is_alone: bool = False  # no other integration of the tenant has to hear of what this one brings in
    read: dict[str, Seen] = field(default_factory=dict)  # the page's records as far as they have been read

    def seen(self, record: ExternalRecord) -> Seen:
        """What the record says; read once per page."""
        found = self.read.get(record.id)
        if found is None:
            found = self.read[record.id] = Seen.of(self.rc, record)
        return found

    @property
    def origin(self) -> Origin:
        return Origin(
            kind=OriginKind.SYNC,
            integration_id=self.rc.integration.id,
            job_id=self.job.id if self.job else None,
            correlation_id=self.correlation_id,
        )


def page_take(run: PageRun, page: Page) -> PageCounts:
    """Apply a page inside the caller's transaction, together with whatever cursor it proves."""
    counts = PageCounts()
    rows = {record.id: record for record in page.records}
    known = known_mappings(run.rc, [*rows, *page.deleted_ids])
    changed, new, suspects = sort_rows(run, rows, known, counts)
    gone = [known[i]["id"] for i in page.deleted_ids if i in known]
    nominate(gone + suspects, reason="reported gone" if gone else "changed", run=run)
    if run.rc.has_listed_children:
        _touch_parents(rows, known)
    if changed:
        _apply(run, plan_changed(run, changed, counts), counts)
    if new:
        fresh = sort_new(run, new, counts)
        _create_all(run, plan_new(run, fresh), counts)
    return counts


def nominate(mapping_ids: Sequence[UUID], *, reason: str, run: PageRun) -> None:
    """Have these pairs looked at one by one, by id."""
    if mapping_ids:
        mark_dirty(
            mapping_ids=mapping_ids,
            reason=reason,
            priority=5,
            method=run.method,
            now=runtime().now(),
            lifts_holds=True,
        )


def known_mappings(rc: ResourceContext, external_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = find_rows(
        Mapping,
        KNOWN,
        fixed={"integration_id": rc.integration.id, "resource": rc.name},
        key="external_id",
        values=list(dict.fromkeys(external_ids)),
    )
    return {row[1]: dict(zip(KNOWN, row, strict=True)) for row in rows}


def sort_rows(
    run: PageRun, rows: dict[str, ExternalRecord], known: dict[str, dict[str, Any]], counts: PageCounts
) -> tuple[dict[UUID, ExternalRecord], list[ExternalRecord], list[UUID]]:
    """``(changed pairs, new records, pairs that want a look by id)``; the rest are no-ops, counted."""
    changed: dict[UUID, ExternalRecord] = {}
    new: list[ExternalRecord] = []
    suspects: list[UUID] = []
    for external_id, record in rows.items():
        mapping = known.get(external_id)
        if mapping is None:
            new.append(record)
            continue
        counts.seen.append(mapping["id"])
        ended = mapping["state"] in {MappingState.TOMBSTONE, MappingState.STOPPED}
        if ended or _stays_out(run, record, mapping):
            counts.outcomes["filtered"] += 1
        elif _wants_a_look(run, record, mapping):
            suspects.append(mapping["id"])
            counts.outcomes["marked"] += 1
        elif _is_same(run, record, mapping):
            counts.outcomes["noop"] += 1
        else:
            changed[mapping["id"]] = record
    return changed, new, suspects


def _touch_parents(rows: dict[str, ExternalRecord], known: dict[str, dict[str, Any]]) -> None:
    """Note newer times even where no mapped field moved: a new comment may be all that happened there."""
    newer = [
        (mapping["id"], rows[external_id].updated_at)
        for external_id, mapping in known.items()
        if external_id in rows and _is_newer(rows[external_id].updated_at, mapping["external_updated_at"])
    ]
    update_rows(Mapping, key=["id"], columns=["external_updated_at"], rows=newer)


def _is_newer(there: datetime | None, known: datetime | None) -> bool:
    return there is not None and (known is None or there > known)


def _is_same(run: PageRun, record: ExternalRecord, mapping: dict[str, Any]) -> bool:
    if mapping["field_map_version"] != run.rc.field_map_version:
        return False
    return run.seen(record).fingerprint == str(mapping["fingerprint"])


#: what the page can't settle: the pair waits for a person or for proof, unless the other side has news
WAITING = {MappingState.QUARANTINED, MappingState.CONFLICT, MappingState.HELD}


def _stays_out(run: PageRun, record: ExternalRecord, mapping: dict[str, Any]) -> bool:
    """True for a pair out of scope of which the row tells nothing new: it isn't read again at every poll."""
    if mapping["state"] != MappingState.OUT_OF_SCOPE or mapping["record_id"] is None or not record.complete:
        return False
    if record.is_archived or not scopes.external_in_scope(run.rc.integration, run.rc.name, record):
        return True
    return _is_same(run, record, mapping)


def _wants_a_look(run: PageRun, record: ExternalRecord, mapping: dict[str, Any]) -> bool:
    """True where a list row can't be trusted as the present: it is older than what we know, thin, or not whole."""
    if not record.complete and record.updated_at and record.updated_at == mapping["external_updated_at"]:
        return False
    synced = mapping["last_synced_at"]
    known = mapping["external_updated_at"]
    is_newer = bool(known and record.updated_at and record.updated_at > known)
    return bool(
        not record.complete
        or record.is_deleted
        or not scopes.external_in_scope(run.rc.integration, run.rc.name, record)
        or (record.is_archived and mapping["state"] != MappingState.OUT_OF_SCOPE)
        or (not record.is_archived and mapping["state"] == MappingState.OUT_OF_SCOPE)
        or mapping["record_id"] is None
        or (mapping["state"] == MappingState.QUARANTINED and is_newer)
        or ((mapping["state"] in WAITING or mapping["is_dead"]) and not _is_same(run, record, mapping))
        or (synced is not None and synced >= run.fetched_at)
        or (known is not None and record.updated_at is not None and record.updated_at < known)
    )


# -- pairs that changed ------------------------------------------------------------------------------------


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
    refs = _references(run.rc, [pair for _, pair in pairs])
    offset = run.rc.integration.clock_offset_seconds
    return [(mapping, pair, pair.plan(refs, clock_offset=offset)) for mapping, pair in pairs]


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
        history=mapping.history,
        open_conflicts=waiting.get(mapping.id, {}),
    )


def _references(rc: ResourceContext, pairs: list[Pair]) -> References:
    inward = {ref for pair in pairs for ref in rc.field_map.references_in(pair.external_snapshot)}
    outward = {
        ref for pair in pairs if pair.local for ref in rc.field_map.references_out(pair.local_snapshot)
    }
    return References().load(rc.integration, inward=inward, outward=outward)


def _apply(run: PageRun, plans: Planned, counts: PageCounts) -> None:
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
    _announce(run, [(mapping.id, mapping.record_id) for mapping, _, _ in done])
    out = [mapping.id for mapping, _, plan in done if plan.to_external]
    if out:
        mark_dirty(mapping_ids=out, reason="to be sent", priority=5, method=run.method, now=now)


def _announce(run: PageRun, pairs: Sequence[tuple[UUID, UUID | None]]) -> None:
    """A live event of the page, naming the first of its pairs; a page that shows more reloads."""
    if not pairs:
        return
    tenant_id = run.rc.integration.tenant_id
    publish_many(
        sync_room(tenant_id),
        "mappings.changed",
        {"integration": str(run.rc.integration.id)},
        count=len(pairs),
        ids=[str(mapping_id) for mapping_id, _ in pairs[:MANY_IDS]],
        record_ids=[str(record_id) for _, record_id in pairs[:MANY_IDS] if record_id],
        tenant_id=tenant_id,
    )


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
        assert pair.local is not None and pair.external is not None
        rows.append((
            mapping.id, pair.base_local, pair.base_external, pair.provenance, pair.fingerprint, held,
            deferred(pair, plan), state, reason, result.revision if result else pair.local.revision,
            run.rc.field_map_version, *_external_columns(pair.external, mapping), now if plan.to_local else mapping.last_in_at,
            now, pair.history,
        ))  # fmt: skip
    update_rows(Mapping, key=["id"], columns=UPDATED, rows=rows)


def _external_columns(record: ExternalRecord, mapping: Mapping | None = None) -> tuple[Any, ...]:
    """external_version, external_updated_at, external_url, container, external_parent_id."""
    return (
        (record.version or "")[:300],
        record.updated_at or (mapping.external_updated_at if mapping else None),
        record.url[:1000] or (mapping.external_url if mapping else ""),
        record.container[:300],
        (record.parent_id or (mapping.external_parent_id if mapping else ""))[:300],
    )


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
            assert pair.local is not None and pair.external is not None
            conflict_open(
                mapping=mapping,
                group=group,
                kind=ConflictKind.BOTH_CHANGED if mapping.last_synced_at else ConflictKind.NO_AGREED_STATE,
                record_title=pair.title,
                local_changed_at=pair.local.updated_at,
                external_changed_at=pair.external.updated_at,
                local_revision=pair.local.revision,
                external_version=pair.external.version or "",
                now=now,
            )


# -- records that are new ----------------------------------------------------------------------------------

CREATED = (
    "id", "tenant_id", "integration_id", "resource", "record_type", "record_id", "external_id", "external_parent_id",
    "external_url", "container", "state", "state_reason", "base_local", "base_external", "provenance", "fingerprint",
    "local_revision", "external_version", "external_updated_at", "field_map_version", "held", "deferred", "history",
    "dirty_at", "dirty_seq", "dirty_reason", "priority", "method", "lease_until", "lease_token", "next_attempt_at",
    "attempts", "error_code", "last_error", "is_dead", "closed_at", "last_synced_at", "last_in_at", "last_out_at",
    "created_at",
)  # fmt: skip

_ID, _RECORD_ID = CREATED.index("id"), CREATED.index("record_id")


def sort_new(run: PageRun, records: list[ExternalRecord], counts: PageCounts) -> list[ExternalRecord]:
    """Those that can be made in bulk; the others are filtered, or left as placeholders for the careful path."""
    rc = run.rc
    wanted = []
    for record in records:
        is_absent = record.is_deleted or record.is_archived
        is_wanted = rc.integration.create_missing_locally and rc.brings_in
        if is_absent or not is_wanted or not scopes.external_in_scope(rc.integration, rc.name, record):
            counts.outcomes["filtered"] += 1
        else:
            wanted.append(record)
    homes = parents_of(rc, wanted)
    wanted, orphans = (
        [r for r in wanted if not rc.resource.parent or r.parent_id in homes],
        [r for r in wanted if rc.resource.parent and r.parent_id not in homes],
    )
    counts.outcomes["filtered"] += len(orphans)  # children of records that aren't synced
    careful = {
        r.id for r in wanted if not r.complete or (rc.resource.parent and homes[r.parent_id or ""] is None)
    }
    if creates.has_open_creates(rc.integration.id, rc.name):
        careful = {r.id for r in wanted}  # one of them may be the answer to a create of ours
    leave_placeholders(run, [r for r in wanted if r.id in careful], counts)
    return [record for record in wanted if record.id not in careful]


def leave_placeholders(run: PageRun, records: Sequence[ExternalRecord], counts: PageCounts) -> None:
    """A mapping that only names the external record; ``pair_sync`` brings it in by id."""
    now = runtime().now()
    rows = [_created_row(run, record, now, dirty=True) for record in records]
    upsert_rows(Mapping, CREATED, rows, unique="mapping_one_per_external", update=[])
    counts.outcomes["marked"] += len(rows)


Fresh = list[tuple[Pair, Plan]]


def parents_of(rc: ResourceContext, records: Sequence[ExternalRecord]) -> dict[str, tuple[str, UUID] | None]:
    """``{parent's external id: (record type, record id)}``; None for a parent that isn't here yet. One query."""
    if not rc.resource.parent or not records:
        return {}
    rows = Mapping.objects.filter(
        integration=rc.integration,
        resource=rc.resource.parent,
        external_id__in={record.parent_id for record in records},
    ).values_list("external_id", "record_type", "record_id")
    return {
        str(external_id): (kind, record_id) if record_id else None for external_id, kind, record_id in rows
    }


def plan_new(run: PageRun, records: list[ExternalRecord]) -> Fresh:
    """What each new record would become here."""
    rc = run.rc
    pairs = [Pair(rc, None, None, {}, external=record, seen=run.seen(record)) for record in records]
    refs = _references(rc, pairs)
    for pair in pairs:
        pair.refs = refs
    creates_here = LocalCreates(field_map=rc.field_map, policy=rc.policy, ctx=refs)
    return [(pair, creates_here.plan(pair.external_snapshot)) for pair in pairs]


def _create_all(run: PageRun, fresh: Fresh, counts: PageCounts) -> None:
    if not fresh:
        return
    rc, now = run.rc, runtime().now()
    careful = _careful(run, fresh)
    leave_placeholders(run, [_external(pair) for pair, _ in fresh if _external(pair).id in careful], counts)
    making = [(pair, plan) for pair, plan in fresh if _external(pair).id not in careful]
    homes = parents_of(rc, [_external(pair) for pair, _ in making])
    results = records_write(
        tenant=rc.integration.tenant,
        record_type=rc.record_type,
        writes=[
            RecordWrite(
                record_id=None,
                values={
                    **rc.field_map.local_fields(plan.to_local),
                    **_place(homes.get(_external(pair).parent_id or "")),
                },
                state=None,
            )
            for pair, plan in making
        ],
        origin=run.origin,
        now=now,
        drained=run.is_alone,
    )
    rows = []
    for (pair, plan), result in zip(making, results, strict=True):
        if result.status == "invalid":
            rows.append(_created_row(run, _external(pair), now, dirty=True))
            why = "; ".join(f"{name}: {' '.join(errors)}" for name, errors in result.errors.items())
            counts.fail(_external(pair).id, why)
            continue
        rows.append(_linked_row(run, pair, plan, result, now))
        counts.outcomes["applied"] += 1
    insert_rows(
        Mapping, CREATED, rows
    )  # younger than the sweep, so it cannot miss them: no need to be in ``seen``
    _announce(run, [(row[_ID], row[_RECORD_ID]) for row in rows])


def _place(home: tuple[str, UUID] | None) -> dict[str, str]:
    return {"on_type": home[0], "on_id": str(home[1])} if home else {}


def _external(pair: Pair) -> ExternalRecord:
    assert pair.external is not None
    return pair.external


def _careful(run: PageRun, fresh: Fresh) -> set[str]:
    """External ids that match something here, or can't be made as they are."""
    required = {key for key, link in run.rc.field_map.links.items() if link.required}
    careful = {_external(pair).id for pair, plan in fresh if required & plan.held.keys()}
    if not run.rc.match_on:
        return careful
    values = {
        _external(pair).id: run.rc.field_map.local_fields(plan.to_local)
        for pair, plan in fresh
        if _external(pair).id not in careful
    }
    return careful | matching.find_many(run.rc, run.rc.integration.tenant_id, values).keys()


def _linked_row(run: PageRun, pair: Pair, plan: Plan, result: WriteResult, now: datetime) -> tuple[Any, ...]:
    assert pair.external is not None
    pair.agree_created_locally(plan.to_local, run.rc.field_map.by_key(result.values))
    held = pair.held_as_json(plan)
    state, reason = state_after(held, open_conflict=False, waits=False)
    return _created_row(
        run, pair.external, now, record_id=result.record_id, state=state, reason=reason, pair=pair, held=held,
        deferred=deferred(pair, plan), revision=result.revision,
    )  # fmt: skip


def _created_row(
    run: PageRun,
    record: ExternalRecord,
    now: datetime,
    *,
    dirty: bool = False,
    record_id: UUID | None = None,
    state: MappingState = MappingState.PENDING,
    reason: str = "",
    pair: Pair | None = None,
    held: dict[str, Any] | None = None,
    deferred: list[list[str]] | None = None,
    revision: int = 0,
) -> tuple[Any, ...]:
    """One row in the order of ``CREATED``."""
    rc = run.rc
    version, updated_at, url, container, parent = _external_columns(record)
    return (
        new_id(), rc.integration.tenant_id, rc.integration.id, rc.name, rc.record_type, record_id, record.id, parent,
        url, container, state, reason, pair.base_local if pair else None, pair.base_external if pair else None,
        pair.provenance if pair else {}, pair.fingerprint if pair else "",
        revision, version if pair else "", updated_at if pair else None, rc.field_map_version, held or {}, deferred or [], {},
        now if dirty else None, 1 if dirty else 0, "new" if dirty else "", 5, run.method, None, "", None,
        0, "", "", False, None, now if pair else None, now if pair else None, None,
        now,
    )  # fmt: skip


def page_take_atomically(run: PageRun, page: Page) -> PageCounts:
    """``page_take`` in a transaction of its own."""
    with transaction.atomic():
        return page_take(run, page)
