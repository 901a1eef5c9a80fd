"""What Prometheus scrapes (I3): read from the database when asked, so every process tells the same.

Counters begin anew at midnight UTC (docs/decisions/0027-counters-from-midnight.md). No label names a tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django_celery_beat.models import PeriodicTask
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from integrations.models import (
    DeliveryStatus,
    Integration,
    JobStatus,
    Mapping,
    Operation,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.pages.figures import pulse
from integrations.selectors import OF_ONE, OF_SYNC, OPEN_CONFLICTS
from workspace.models import Change

BUCKETS = (1, 5, 15, 60, 300, 900, 3600)  # seconds
#: one of these is where a delivery ends; the others wait, which the queue's depth tells
ENDS = (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED, DeliveryStatus.UNKNOWN, DeliveryStatus.FAILED)
DISPATCH = "sync.dispatch"


def by_platform(rows: QuerySet[Any], *by: str, **figures: Any) -> Iterable[Any]:
    """``{platform, …by, n, …figures}`` per group of rows that belong to integrations; one query."""
    grouped = rows.order_by().values(*by, platform=F("integration__connector"))
    counted: Iterable[Any] = grouped.annotate(n=Count("pk"), **figures)
    return counted


class HubCollector(Collector):
    """All tenants together, as of ``now``; about fifteen grouped queries."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def collect(self) -> Iterator[Metric]:
        yield from self._syncs()
        yield from self._answers()
        yield from self._conflicts()
        yield self._deliveries()
        yield self._mappings()
        yield self._dead_letters()
        yield from self._queues()
        yield self._heartbeats()

    # -- since midnight -------------------------------------------------------------------------------------

    def _logs(self) -> QuerySet[SyncLog]:
        return SyncLog.objects.filter(created_at__gte=self._midnight)

    def _syncs(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "sync_operations",
            "Operations of syncing by how they ended, since midnight UTC.",
            labels=["platform", "status"],
        )
        for row in by_platform(self._logs().filter(operation__in=OF_SYNC), "status"):
            total.add_metric([row["platform"], row["status"]], row["n"])
        yield total
        took = HistogramMetricFamily(
            "sync_duration_seconds",
            "Runs that are in the log (those that found something to do, or failed), since midnight UTC.",
            labels=["platform"],
        )
        runs = self._logs().filter(operation=Operation.BULK_SYNC, duration_ms__isnull=False)
        within = {f"le_{size}": Count("pk", filter=Q(duration_ms__lte=size * 1000)) for size in BUCKETS}
        for row in by_platform(runs, ms=Sum("duration_ms"), **within):
            buckets: list[Any] = [(f"{size:.1f}", row[f"le_{size}"]) for size in BUCKETS]
            took.add_metric([row["platform"]], [*buckets, ("+Inf", row["n"])], row["ms"] / 1000)
        yield took

    def _answers(self) -> Iterator[Metric]:
        answers = CounterMetricFamily(
            "http_client_responses",
            "Answers of other systems that are in the log (the last of each operation), since midnight UTC.",
            labels=["platform", "status_class"],
        )
        took = SummaryMetricFamily(
            "http_client_duration_seconds",
            "How long the last answer of each operation on one record took, since midnight UTC.",
            labels=["platform"],
        )
        rows = self._logs().filter(http_status__isnull=False).annotate(hundreds=F("http_status") / 100)
        for row in by_platform(rows, "hundreds"):
            answers.add_metric([row["platform"], f"{row['hundreds']}xx"], row["n"])
        timed = self._logs().filter(operation__in=[*OF_ONE, Operation.CHECK], duration_ms__isnull=False)
        for row in by_platform(timed, ms=Sum("duration_ms")):
            took.add_metric([row["platform"]], row["n"], row["ms"] / 1000)
        yield answers
        yield took

    def _conflicts(self) -> Iterator[Metric]:
        """The review desk is a room above; it is reached through the relation's name only."""
        opened = CounterMetricFamily(
            "sync_conflicts", "Conflicts that arose since midnight UTC.", labels=["platform", "type"]
        )
        rows = Integration.objects.filter(conflicts__created_at__gte=self._midnight).order_by()
        counted = rows.values_list("connector", "conflicts__kind").annotate(n=Count("conflicts"))
        for platform, kind, count in counted:
            opened.add_metric([platform, kind], count)
        yield opened
        waiting = GaugeMetricFamily(
            "sync_conflicts_open",
            "Conflicts that wait for a decision or for it to be applied.",
            labels=["platform"],
        )
        undecided = Integration.objects.filter(OPEN_CONFLICTS).order_by().values_list("connector")
        for platform, count in undecided.annotate(n=Count("conflicts")):
            waiting.add_metric([platform], count)
        yield waiting

    def _deliveries(self) -> Metric:
        total = CounterMetricFamily(
            "webhook_deliveries",
            "Webhooks received since midnight UTC by outcome; a duplicate is counted beside the first.",
            labels=["platform", "outcome"],
        )
        rows = WebhookDelivery.objects.filter(received_at__gte=self._midnight)
        repeats: dict[str, int] = {}
        for row in by_platform(rows, "status", more=Sum("duplicates")):
            repeats[row["platform"]] = repeats.get(row["platform"], 0) + row["more"]
            if row["status"] in ENDS:
                total.add_metric([row["platform"], row["status"]], row["n"])
        for platform, count in repeats.items():
            total.add_metric([platform, "duplicate"], count)
        return total

    # -- now ------------------------------------------------------------------------------------------------

    def _mappings(self) -> Metric:
        pairs = GaugeMetricFamily("sync_mappings_total", "Pairs by state.", labels=["platform", "state"])
        for row in by_platform(Mapping.objects.all(), "state"):
            pairs.add_metric([row["platform"], row["state"]], row["n"])
        return pairs

    def _dead_letters(self) -> Metric:
        dead = GaugeMetricFamily(
            "sync_dead_letters", "What waits for a person, its retries used up.", labels=["platform", "kind"]
        )
        waiting: tuple[tuple[str, QuerySet[Any]], ...] = (
            ("pair", Mapping.objects.live().filter(is_dead=True)),
            ("job", SyncJob.objects.filter(status=JobStatus.DEAD)),
        )
        for kind, rows in waiting:
            for row in by_platform(rows):
                dead.add_metric([row["platform"], kind], row["n"])
        return dead

    def _queues(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("sync_queue_depth", "What could be worked off now.", labels=["queue"])
        age = GaugeMetricFamily(
            "sync_queue_oldest_seconds", "How long the oldest of it has waited.", labels=["queue"]
        )
        running = Integration.objects.running().filter(read_only=False)
        waiting: tuple[tuple[str, QuerySet[Any], str], ...] = (
            ("pairs", Mapping.objects.due(self._now).filter(integration__in=running), "dirty_at"),
            ("jobs", SyncJob.objects.due(self._now), "run_at"),
            ("deliveries", WebhookDelivery.objects.filter(status=DeliveryStatus.RECEIVED), "received_at"),
            ("changes", Change.objects.filter(drained_at__isnull=True), "created_at"),
        )
        for queue, rows, since in waiting:
            found = rows.order_by().aggregate(n=Count("pk"), oldest=Min(since))
            seconds = (self._now - found["oldest"]).total_seconds() if found["oldest"] else 0.0
            depth.add_metric([queue], found["n"])
            age.add_metric([queue], max(0.0, seconds))
        yield depth
        yield age

    def _heartbeats(self) -> Metric:
        """A worker's is a second old at most; beat saves its own every three minutes."""
        seen = GaugeMetricFamily(
            "lockstep_heartbeat_timestamp_seconds", "When a process last showed itself.", labels=["process"]
        )
        beat = PeriodicTask.objects.filter(task=DISPATCH).aggregate(at=Max("last_run_at"))["at"]
        for process, at in (("worker", pulse(self._now).seen_at), ("beat", beat)):
            if at is not None:
                seen.add_metric([process], at.timestamp())
        return seen
