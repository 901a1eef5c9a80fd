"""One page of a listing under way: what stays the same from page to page, and what is noted of each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.base.types import ExternalRecord
from integrations.models import Mapping, SyncJob, SyncMethod
from integrations.services.marks import mark_dirty
from live.feed import sync_room
from live.gathering import MANY_IDS, publish_many
from sync.context import References, ResourceContext
from sync.pairs import Pair, Seen
from sync.runtime import runtime
from workspace.models import OriginKind
from workspace.services import Origin


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
    sends_out: bool = (
        True  # False: a run "in", which gives nothing a mark that people's edits have not given it
    )
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


def references_of(rc: ResourceContext, pairs: list[Pair]) -> References:
    inward = {ref for pair in pairs for ref in rc.field_map.references_in(pair.external_snapshot)}
    outward = {
        ref for pair in pairs if pair.local for ref in rc.field_map.references_out(pair.local_snapshot)
    }
    return References().load(rc.integration, inward=inward, outward=outward)


def announce(run: PageRun, pairs: Sequence[tuple[UUID, UUID | None]]) -> None:
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


def external_columns(record: ExternalRecord, mapping: Mapping | None = None) -> tuple[Any, ...]:
    """external_version, external_updated_at, external_url, container, external_parent_id."""
    return (
        (record.version or "")[:300],
        record.updated_at or (mapping.external_updated_at if mapping else None),
        record.link[:1000] or (mapping.external_url if mapping else ""),
        record.container[:300],
        (record.parent_id or (mapping.external_parent_id if mapping else ""))[:300],
    )
