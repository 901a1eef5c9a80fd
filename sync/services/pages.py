"""Take in one page of a listing, set by set: look up fingerprints first, merge in memory, one write per table.

A page costs a fixed handful of queries whatever it holds; a page without changes writes nothing (E11). What is to be
sent out is only marked: pushes go one by one through ``pair_sync``, people's edits first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.base.types import ExternalRecord, Page
from integrations.models import Mapping, MappingState
from sync import scopes
from sync.context import ResourceContext
from sync.services.page_run import PageCounts, PageRun, nominate
from sync.services.pages_changed import apply_changed, plan_changed
from sync.services.pages_new import create_all, plan_new, sort_new
from workspace.bulk import find_rows, update_rows

KNOWN = (
    "id", "external_id", "fingerprint", "state", "record_id", "field_map_version", "last_synced_at", "lease_until",
    "external_updated_at", "is_dead",
)  # fmt: skip


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
        apply_changed(run, plan_changed(run, changed, counts), counts)
    if new:
        fresh = sort_new(run, new, counts)
        create_all(run, plan_new(run, fresh), counts)
    return counts


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
