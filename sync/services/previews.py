"""Dry run: the same pages, the same plans, nothing applied (E3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from connectors.base.types import Can, Client
from integrations.models import Cursor, Mapping, MappingState
from reconcile.model import Direction, Plan, RecordAction, SideState, Snapshot
from reconcile.planner import plan_external_create
from reconcile.records import record_action
from sync import scopes
from sync.context import IntegrationContext, References, ResourceContext
from sync.pairs import Pair
from sync.runtime import runtime
from sync.services import matching
from sync.services.outbox import belonging, creates_there, made_by, unlinked_records
from sync.services.page_run import PageCounts, PageRun
from sync.services.pages import known_mappings, sort_rows
from sync.services.pages_changed import plan_changed
from sync.services.pages_new import plan_new, sort_new
from workspace.services import RecordState, records_read

#: how many differences are kept with the job; the counts are of all
SHOWN = 500


class Preview:
    """Counts by outcome and the first differences, one entry per record."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.records: list[dict[str, Any]] = []
        self.planned: set[UUID] = set()  # pairs that a page told news of: their edits here are in that plan
        self.same: set[UUID] = set()  # pairs that a page told nothing new of
        self.matched: set[UUID] = set()  # records that would be linked, and so not made there
        self.listed: set[UUID] = set()  # pairs that the listing under way has shown
        self.not_walked: list[str] = []  # kinds of records that were not looked at there

    def add(
        self, outcome: str, rc: ResourceContext, title: str, external_id: str, plan: Plan, pair: Pair
    ) -> None:
        self.counts[outcome] += 1
        if len(self.records) >= SHOWN or outcome == "unchanged":
            return
        self.records.append(
            {
                "outcome": outcome,
                "resource": rc.name,
                "title": title,
                "external_id": external_id,
                "local": {k: {"from": pair.local_snapshot.get(k), "to": v} for k, v in plan.to_local.items()},
                "external": {
                    k: {"from": pair.external_snapshot.get(k), "to": v} for k, v in plan.to_external.items()
                },
                "conflicts": [
                    {
                        "key": f.key,
                        "base": f.base,
                        "local": f.local,
                        "external": f.external,
                        "reason": group.reason,
                    }
                    for group in plan.conflicts
                    for f in group.fields
                ],
                "held": {k: h.detail for k, h in plan.held.items()},
            }
        )

    def note(self, outcome: str, rc: ResourceContext, title: str, external_id: str, note: str) -> None:
        """A record as a whole, of which no field says more."""
        self.counts[outcome] += 1
        if len(self.records) < SHOWN:
            record = {
                "outcome": outcome,
                "resource": rc.name,
                "title": title,
                "external_id": external_id,
                "note": note,
            }
            self.records.append({**record, "local": {}, "external": {}, "conflicts": [], "held": {}})

    def result(self) -> dict[str, Any]:
        return {
            "counts": dict(+self.counts), "records": self.records, "shown": len(self.records),
            "not_walked": self.not_walked,
        }  # fmt: skip


def preview(
    context: IntegrationContext,
    client: Client,
    *,
    resources: Sequence[str],
    checkpoint: Callable[[int], None],
    direction: Direction = Direction.BOTH,
) -> dict[str, Any]:
    """What a sync would do now: ``{counts, records, shown}``. Reads both sides, writes neither.

    ``direction`` as in a run: "in" tells nothing of what is only here, "out" reads nothing there.
    """
    found = Preview()
    for rc in context.resources:
        if resources and rc.name not in resources:
            continue
        if Can.LIST in rc.resource.can and rc.brings_in and direction is not Direction.OUT:
            _inward(rc, client, found, checkpoint)
        if rc.sends_out and direction is not Direction.IN:
            _outward(rc, found)
    return found.result()


def _inward(rc: ResourceContext, client: Client, found: Preview, checkpoint: Callable[[int], None]) -> None:
    cursor = Cursor.objects.filter(integration=rc.integration, resource=rc.name).first()
    since = (
        cursor.since - rc.resource.overlap if cursor and cursor.since and rc.resource.incremental else None
    )
    if rc.resource.parent and not rc.resource.lists_across_parents:
        found.not_walked.append(
            rc.resource.label
        )  # children follow their parents: one listing for each of these
        return
    token: Any = None
    started_at = runtime().now()
    found.listed.clear()
    for _ in range(rc.integration.page_limit):
        fetched_at = runtime().now()
        page = client.list_page(rc.name, since=since, token=token)
        run = PageRun(rc, None, fetched_at)
        with transaction.atomic():
            _plan_page(run, page, found)
            transaction.set_rollback(True)  # planning marks what it can't plan in bulk: not in a preview
        checkpoint(sum(found.counts.values()))
        token = page.next_token
        if token is None:
            break
    if token is None and since is None and rc.resource.list_is_complete:
        _not_listed(rc, found, started_at)


def _not_listed(rc: ResourceContext, found: Preview, started_at: datetime) -> None:
    """Pairs that a complete listing lacks, as a sync would look them up (``Pull._nominate_unseen``)."""
    known = Mapping.objects.live().filter(
        integration=rc.integration, resource=rc.name, external_id__isnull=False, created_at__lt=started_at
    )
    unseen = [
        row
        for row in known.exclude(state=MappingState.OUT_OF_SCOPE).values_list(
            "id", "record_id", "external_id"
        )
        if row[0] not in found.listed
    ]
    states = records_read(
        tenant_id=rc.integration.tenant_id, record_type=rc.record_type, ids=[row[1] for row in unseen[:SHOWN] if row[1]]
    )  # fmt: skip
    for mapping_id, record_id, external_id in unseen:
        found.planned.add(mapping_id)
        local = states.get(record_id) if record_id else None
        found.note("gone_there", rc, _title(local.values if local else {}), str(external_id), GONE)


#: what a sync does with a record that it does not find there
GONE = (
    "It is looked up by itself; only if it was deleted there, and by the delete policy, is it deleted here."
)


def _plan_page(run: PageRun, page: Any, found: Preview) -> None:
    counts = PageCounts()
    rows = {record.id: record for record in page.records}
    known = known_mappings(run.rc, [*rows, *page.deleted_ids])
    changed, new, suspects = sort_rows(run, rows, known, counts)
    found.listed.update(counts.seen)
    found.planned.update([*suspects, *changed])
    for external_id in page.deleted_ids:
        mapping_known = known.get(external_id)
        if mapping_known is not None:
            found.planned.add(mapping_known["id"])
            found.note("gone_there", run.rc, "", external_id, GONE)
    found.same.update(set(counts.seen) - set(suspects) - changed.keys())
    for mapping, pair, plan in plan_changed(run, changed, counts):
        found.add(_word(plan), run.rc, pair.title, mapping.external_id or "", plan, pair)
    fresh = plan_new(run, sort_new(run, new, counts))
    values = {p.external.id: run.rc.field_map.local_fields(plan.to_local) for p, plan in fresh if p.external}
    matches = matching.find_many(run.rc, run.rc.integration.tenant_id, values)
    for pair, plan in fresh:
        assert pair.external is not None
        candidates = matches.get(pair.external.id, [])
        found.matched.update(candidates)
        outcome = {0: "create_here", 1: "link"}.get(len(candidates), "ambiguous")
        found.add(outcome, run.rc, _title(plan.to_local), pair.external.id, plan, pair)
    for outcome, count in counts.outcomes.items():
        found.counts["unchanged" if outcome == "noop" else outcome] += count


def _outward(rc: ResourceContext, found: Preview) -> None:
    """Local edits that wait, and records that would be made there."""
    dirty = Mapping.objects.live().filter(
        integration=rc.integration, resource=rc.name, dirty_at__isnull=False, record_id__isnull=False
    )
    mappings = list(dirty.exclude(base_local=None)[:SHOWN])
    states = records_read(
        tenant_id=rc.integration.tenant_id,
        record_type=rc.record_type,
        ids=[m.record_id for m in mappings if m.record_id],
    )
    for mapping in mappings:
        local = states.get(mapping.record_id) if mapping.record_id else None
        if local is not None and local.deleted_at is not None:
            if scopes.local_in_scope(rc.integration, rc.name, local):
                _deleted_here(rc, mapping, local, found)
            continue
        if mapping.id in found.planned:
            continue
        pair = Pair(
            rc, mapping.base_local, mapping.base_external, mapping.provenance, local=local, held=mapping.held,
            map_version=mapping.field_map_version,
        )  # fmt: skip
        pair.external_snapshot = dict(pair.base_external or {})
        refs = References().load(rc.integration, inward=set(), outward=pair.references_out())
        plan = pair.plan(refs)
        if plan.to_external:
            found.counts["unchanged"] -= int(mapping.id in found.same)
            found.add("update_there", rc, pair.title, mapping.external_id or "", plan, pair)
    _to_create_there(rc, found)


def _deleted_here(rc: ResourceContext, mapping: Mapping, local: RecordState, found: Preview) -> None:
    action = record_action(
        local=SideState.DELETED,
        external=SideState.CHANGED if mapping.id in found.planned else SideState.SAME,
        policy=rc.delete_policy,
        direction=rc.policy.direction,
        create_locally=rc.integration.create_missing_locally,
        create_externally=rc.sends_out,
    )
    outcome, note = DELETED_HERE.get(action, ("", ""))
    if outcome:
        found.counts["unchanged"] -= int(mapping.id in found.same)
        found.note(outcome, rc, _title(local.values), mapping.external_id or "", note)


DELETED_HERE = {
    RecordAction.DELETE_EXTERNAL: ("delete_there", "It was deleted here."),
    RecordAction.ARCHIVE_EXTERNAL: ("archive_there", "It was deleted here."),
    RecordAction.REVIEW: ("ask", "It was deleted here; a reviewer is asked before anything happens there."),
    RecordAction.UNLINK: ("unlink", "It was deleted here; the other side keeps its record."),
}


def _to_create_there(rc: ResourceContext, found: Preview) -> None:
    """Records without a pair, and those whose pair is still to be made there."""
    if not creates_there(rc):
        return
    waiting = Mapping.objects.live().filter(
        integration=rc.integration, resource=rc.name, external_id__isnull=True, record_id__isnull=False
    )
    ids = [record_id for record_id in waiting.values_list("record_id", flat=True)[:SHOWN] if record_id]
    states = records_read(tenant_id=rc.integration.tenant_id, record_type=rc.record_type, ids=ids)
    after = None
    unlinked = belonging(rc, states.values())
    while batch := unlinked_records(rc, limit=SHOWN, after=after):
        after = batch[-1].id
        unlinked += made_by(rc, batch)
        _add_creates(rc, [state for state in unlinked if state.id not in found.matched], found)
        unlinked = []
    _add_creates(rc, unlinked, found)


def _add_creates(rc: ResourceContext, states: Sequence[RecordState], found: Preview) -> None:
    pairs = [Pair(rc, None, None, {}, local=state) for state in states]
    wanted = {ref for pair in pairs for ref in pair.references_out()}
    refs = References().load(rc.integration, inward=set(), outward=wanted)
    for pair in pairs:
        plan = plan_external_create(
            field_map=rc.field_map, local=pair.local_snapshot, policy=rc.policy, ctx=refs
        )
        found.add("create_there", rc, pair.title, "", plan, pair)


def _word(plan: Plan) -> str:
    if plan.conflicts:
        return "conflict"
    if plan.to_local:
        return "update_here"
    return "update_there" if plan.to_external else "unchanged"


def _title(values: Snapshot) -> str:
    """What a person calls the record."""
    for name in ("title", "name", "customer_name", "body"):
        if values.get(name):
            return str(values[name])[:300]
    return ""
