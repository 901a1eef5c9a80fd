"""The records of a page that are new here: made in bulk, or left as placeholders for the careful path."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.base.types import ExternalRecord
from integrations.models import Mapping, MappingState
from reconcile.model import Plan
from reconcile.planner import LocalCreates
from sync import scopes
from sync.context import ResourceContext
from sync.pairs import Pair, state_after
from sync.runtime import runtime
from sync.services import creates, matching
from sync.services.deferrals import deferred
from sync.services.page_run import PageCounts, PageRun, announce, external_columns, references_of
from workspace.bulk import insert_rows, upsert_rows
from workspace.ids import new_id
from workspace.services import RecordWrite, WriteResult, records_write

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
    refs = references_of(rc, pairs)
    for pair in pairs:
        pair.refs = refs
    creates_here = LocalCreates(field_map=rc.field_map, policy=rc.policy, ctx=refs)
    return [(pair, creates_here.plan(pair.external_snapshot)) for pair in pairs]


def create_all(run: PageRun, fresh: Fresh, counts: PageCounts) -> None:
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
    announce(run, [(row[_ID], row[_RECORD_ID]) for row in rows])


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
    version, updated_at, url, container, parent = external_columns(record)
    return (
        new_id(), rc.integration.tenant_id, rc.integration.id, rc.name, rc.record_type, record_id, record.id, parent,
        url, container, state, reason, pair.base_local if pair else None, pair.base_external if pair else None,
        pair.provenance if pair else {}, pair.fingerprint if pair else "",
        revision, version if pair else "", updated_at if pair else None, rc.field_map_version, held or {}, deferred or [], {},
        now if dirty else None, 1 if dirty else 0, "new" if dirty else "", 5, run.method, None, "", None,
        0, "", "", False, None, now if pair else None, now if pair else None, None,
        now,
    )  # fmt: skip
