"""Joined reads for pages and the API, each with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Aggregate, Avg, Count, DurationField, ExpressionWrapper, F, Q
from django.utils import timezone

from integrations.badges import mapping_word
from integrations.health import Facts, Health, health_of
from integrations.models import (
    Integration,
    IntegrationStatus,
    JobStatus,
    LogStatus,
    Operation,
    SyncJob,
    SyncLog,
)
from integrations.models import Mapping as PairMapping
from integrations.services.jobs import BULK_KINDS
from integrations.services.schedules import run_every
from workspace.models import Tenant

DAY = timedelta(hours=24)
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
    pairs = PairMapping.objects.filter(integration_id__in=ids).live().order_by().values("integration_id")
    counted = pairs.annotate(n=Count("id"), dead=Count("id", filter=Q(is_dead=True)))
    for key, total, dead in counted.values_list("integration_id", "n", "dead"):
        stats[key] |= {"mappings": total, "dead_letters": dead}
    return stats


#: what a person stopped or has not set up yet is not ill
RATED = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED, IntegrationStatus.ERROR)
#: of the log, what syncing did; the duration of these is the other side's answer, of a run it is the whole run
OF_ONE = (Operation.CREATE, Operation.UPDATE, Operation.DELETE, Operation.LINK)
OF_SYNC = (*OF_ONE, Operation.BULK_SYNC)


def healths_of(integrations: Iterable[Integration], *, now: datetime) -> dict[UUID, Health]:
    """The health of those that have a score (I1). One query; the rows have their tenant loaded."""
    by_id = {row.id: row for row in integrations}
    rows = SyncLog.objects.filter(integration_id__in=list(by_id), created_at__gt=now - DAY).order_by()
    wanted = health_counts(now)
    counted: Iterable[Any] = rows.values("integration_id").annotate(**wanted)
    found = {}
    for row in counted:
        integration = by_id[row["integration_id"]]
        counts: dict[str, Any] = {name: row[name] for name in wanted}
        if health := health_from(integration, counts, now=now):
            found[integration.id] = health
    return found


def health_from(
    integration: Integration, counts: Mapping[str, Any] | None, *, now: datetime
) -> Health | None:
    """The health that ``health_counts`` of its log come to; asks nothing. None: no score."""
    if not counts or integration.status not in RATED:
        return None
    facts = Facts(**counts, last_success_at=integration.last_success_at, run_every=run_every(integration))
    return health_of(facts, now=now)


def health_counts(now: datetime) -> dict[str, Aggregate]:
    """What ``Facts`` wants of a log's last 24 hours, to be asked together with other figures of it."""
    well = Q(operation__in=OF_SYNC, status__in=[LogStatus.SUCCESS, LogStatus.CONFLICT_RESOLVED])
    badly = Q(operation__in=OF_SYNC, status__in=[LogStatus.FAILED, LogStatus.PARTIAL])
    failed = Q(operation__in=OF_SYNC, status=LogStatus.FAILED)
    last_hour = Q(created_at__gt=now - timedelta(hours=1))
    return {
        "ended_well": Count("pk", filter=well),
        "ended_badly": Count("pk", filter=badly),
        "failed": Count("pk", filter=failed),
        "hour_ended": Count("pk", filter=(well | badly) & last_hour),
        "hour_failed": Count("pk", filter=failed & last_hour),
        "response_ms": Avg("duration_ms", filter=Q(operation__in=[*OF_ONE, Operation.CHECK])),
    }


def integration_figures(rows: Sequence[Integration]) -> dict[str, Any]:
    """``stats`` and ``healths`` of these rows, which the API's serializers take as context."""
    now = timezone.now()
    return {
        "stats": integration_stats([row.id for row in rows], now=now),
        "healths": healths_of(rows, now=now),
    }


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
        PairMapping.objects.filter(
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


def sync_state(mapping: PairMapping) -> dict[str, Any]:
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
