"""Standing work: retention, the drift sweep, the net beneath the dispatcher, health (H2)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings

from integrations.models import (
    Integration,
    JobStatus,
    LogStatus,
    Mapping,
    MappingState,
    Operation,
    SyncJob,
)
from integrations.selectors import healths_of
from integrations.services.deletion import integrations_purge
from integrations.services.idempotency import answers_expire
from integrations.services.logs import deliveries_expire, log_write, logs_expire
from integrations.services.marks import mark_dirty
from integrations.services.status import integration_degraded
from live.feed import events_expire
from sync.context import IntegrationContext, References, ResourceContext
from sync.pairs import Pair
from sync.runtime import runtime
from sync.services.dispatch import dispatch
from workspace.services import records_read

logger = logging.getLogger(__name__)

PAGE = 500
#: so many pairs that drifted have a log row of their own; the total names the rest
NAMED = 100


def logs_clean() -> dict[str, int]:
    """Drop what is past its time: logs, deliveries, live events. Changes and moves never expire."""
    now = runtime().now()
    events_kept = timedelta(days=settings.LOCKSTEP_EVENT_RETENTION_DAYS)
    return {
        "logs": logs_expire(now=now),
        "deliveries": deliveries_expire(now=now),
        "events": events_expire(before=now - events_kept),
        "answers": answers_expire(now=now),
        "purged": integrations_purge(),
    }


def retry_sweep() -> dict[str, int]:
    """The net beneath the dispatcher: leases of dead workers end, running jobs without a heartbeat come back."""
    now = runtime().now()
    pairs = Mapping.objects.filter(lease_until__lte=now).update(lease_until=None, lease_token="")
    lost = Mapping.objects.filter(
        state=MappingState.PENDING, dirty_at__isnull=True, is_dead=False, next_attempt_at__isnull=True
    )
    ids = list(lost.values_list("id", flat=True)[:1000])
    marked = mark_dirty(mapping_ids=ids, reason="retry sweep", priority=7, now=now) if ids else 0
    dispatch()
    return {"leases": pairs, "marked": marked}


def health_check() -> int:
    """A score below healthy is DEGRADED (I1, H7), for the reason that costs most. How many integrations."""
    now = runtime().now()
    running = Integration.objects.running().select_related("tenant")
    by_id = {integration.id: integration for integration in running}
    low = {key: health for key, health in healths_of(by_id.values(), now=now).items() if health.is_low}
    for key, health in low.items():
        integration_degraded(by_id[key], health.reason, now=now)
    return len(low)


def drift_sweep(*, integration_id: UUID) -> dict[str, int]:
    """Compare stored bases with the records here: both unchanged but different is drift, never silent.

    Reads no vendor. ``{checked, equal, drift}``; pairs that drifted are marked and logged.
    """
    integration = Integration.objects.select_related("tenant").get(id=integration_id)
    context = IntegrationContext(integration)
    counts: Counter[str] = Counter()
    for rc in context.resources:
        last = UUID(int=0)
        while True:
            rows = Mapping.objects.filter(
                integration=integration, resource=rc.name, state=MappingState.SYNCED, id__gt=last
            ).exclude(record_id=None)
            page = list(rows.order_by("id")[:PAGE])
            if not page:
                break
            last = page[-1].id
            _compare(rc, page, counts)
    if counts["drift"]:
        log_write(
            integration=integration,
            operation=Operation.BULK_SYNC,
            status=LogStatus.HELD,
            message=f"{counts['drift']} of {counts['checked']} pairs differ though neither side changed them.",
            now=runtime().now(),
        )
    return dict(counts)


def _compare(rc: ResourceContext, page: list[Mapping], counts: Counter[str]) -> None:
    states = records_read(
        tenant_id=rc.integration.tenant_id,
        record_type=rc.record_type,
        ids=[m.record_id for m in page if m.record_id],
    )
    drifted = []
    for mapping in page:
        state = states.get(mapping.record_id) if mapping.record_id else None
        counts["checked"] += 1
        pair = Pair(
            rc, mapping.base_local, mapping.base_external, mapping.provenance, local=state,
            map_version=mapping.field_map_version,
        )  # fmt: skip
        pair.external_snapshot = dict(pair.base_external or {})
        refs = References().load(rc.integration, inward=pair.references_in(), outward=pair.references_out())
        plan = pair.plan(refs, check_drift=True)
        if state is None or plan.drift or plan.to_external:
            counts["drift"] += 1
            drifted.append(mapping.id)
            if plan.drift and counts["drift"] <= NAMED:
                _log_drift(rc, mapping, plan.drift)
        else:
            counts["equal"] += 1
    if drifted:
        mark_dirty(mapping_ids=drifted, reason="drift", priority=7, now=runtime().now())


def _log_drift(rc: ResourceContext, mapping: Mapping, keys: Sequence[str]) -> None:
    names = ", ".join(rc.field_map.links[key].local for key in keys)
    log_write(
        integration=rc.integration,
        mapping=mapping,
        operation=Operation.UPDATE,
        status=LogStatus.HELD,
        resource=rc.name,
        record_type=mapping.record_type,
        record_id=mapping.record_id,
        external_id=mapping.external_id or "",
        message=f"{names} differs though neither side changed it.",
        now=runtime().now(),
    )


def jobs_running() -> int:
    """How many jobs run now."""
    return SyncJob.objects.filter(status=JobStatus.RUNNING).count()
