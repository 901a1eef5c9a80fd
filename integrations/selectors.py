"""Joined reads for pages and the API, each with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q
from django.utils import timezone

from integrations.badges import mapping_word
from integrations.models import Integration, JobStatus, LogStatus, Mapping, SyncJob, SyncLog
from integrations.services.jobs import BULK_KINDS
from workspace.models import Tenant

GOOD = (JobStatus.SUCCEEDED,)
ENDED = (JobStatus.SUCCEEDED, JobStatus.PARTIAL, JobStatus.FAILED, JobStatus.DEAD)
#: of the review desk, a room above; reached through the relation's name only
OPEN_CONFLICTS = Q(conflicts__status__in=["pending", "decided"])


def integration_stats(ids: Collection[UUID], *, now: datetime | None = None) -> dict[UUID, dict[str, Any]]:
    """Per integration: total_syncs, success_rate (%, None before the first), pending_conflicts, last_error_count,
    mappings. Four queries, however many integrations."""
    since = (now or timezone.now()) - timedelta(hours=24)
    stats: dict[UUID, dict[str, Any]] = {
        key: {
            "total_syncs": 0,
            "success_rate": None,
            "pending_conflicts": 0,
            "last_error_count": 0,
            "mappings": 0,
            "dead_letters": 0,
        }
        for key in ids
    }
    jobs = (
        SyncJob.objects.filter(integration_id__in=ids, status__in=ENDED).order_by().values("integration_id")
    )
    for row in jobs.annotate(total=Count("id"), good=Count("id", filter=Q(status__in=GOOD))):
        found = stats[row["integration_id"]]
        found["total_syncs"] = row["total"]
        found["success_rate"] = round(100 * row["good"] / row["total"], 1)
    conflicts = Integration.objects.filter(id__in=ids).order_by()
    for key, count in conflicts.annotate(found=Count("conflicts", filter=OPEN_CONFLICTS)).values_list(
        "id", "found"
    ):
        stats[key]["pending_conflicts"] = count
    failed = SyncLog.objects.filter(integration_id__in=ids, created_at__gte=since, status=LogStatus.FAILED)
    for key, total in (
        failed.order_by().values("integration_id").annotate(n=Count("id")).values_list("integration_id", "n")
    ):
        stats[key]["last_error_count"] = total
    pairs = Mapping.objects.filter(integration_id__in=ids).live().order_by().values("integration_id")
    counted = pairs.annotate(n=Count("id"), dead=Count("id", filter=Q(is_dead=True)))
    for key, total, dead in counted.values_list("integration_id", "n", "dead"):
        stats[key] |= {"mappings": total, "dead_letters": dead}
    return stats


def estimated_duration_seconds(integration: Integration) -> int | None:
    """How long the last few full runs took on average; None before the first."""
    recent = SyncJob.objects.filter(
        integration=integration,
        kind__in=BULK_KINDS,
        status__in=GOOD,
        started_at__isnull=False,
        finished_at__isnull=False,
    ).order_by("-created_at")
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    ids = list(recent.values_list("id", flat=True)[:5])
    found = SyncJob.objects.filter(id__in=ids).order_by().aggregate(mean=Avg(took))["mean"]
    return round(found.total_seconds()) if found else None


def sync_states(*, tenant: Tenant, record_ids: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Per record, how it stands in each integration (A6): word, reason, time, link. One query."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    rows = (
        Mapping.objects.filter(
            tenant=tenant, record_id__in=list(record_ids), integration__deleted_at__isnull=True
        )
        .live()
        .select_related("integration")
        .order_by("integration__name", "resource")
    )
    for row in rows:
        assert row.record_id is not None
        found.setdefault(row.record_id, []).append(sync_state(row))
    return found


def sync_state(mapping: Mapping) -> dict[str, Any]:
    """One badge with what stands behind it."""
    return {
        "mapping_id": mapping.id,
        "integration_id": mapping.integration_id,
        "integration": mapping.integration.name,
        "resource": mapping.resource,
        "external_id": mapping.external_id,
        "external_url": mapping.external_url,
        "state": mapping.state,
        "word": mapping_word(mapping.state).word,
        "reason": mapping.state_reason,
        "is_pending": mapping.dirty_at is not None,
        "last_synced_at": mapping.last_synced_at,
        "last_error": mapping.last_error,
    }
