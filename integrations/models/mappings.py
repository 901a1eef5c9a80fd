"""Mapping: the pair of a local and an external record, with what each side held at the last agreement."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone

from workspace.ids import new_id
from workspace.models import Tenant

from .control import Integration


class MappingState(models.TextChoices):
    """One table maps these to the words a person sees: ``integrations.badges``."""

    SYNCED = "synced", "Synced"
    PENDING = "pending", "Pending"  # a side has yet to be created or written
    ERROR = "error", "Error"
    CONFLICT = "conflict", "Conflict"
    IN_DOUBT = "in_doubt", "In doubt"  # a create whose outcome nothing proves
    HELD = "held", "Held"  # a field waits for a counterpart
    QUARANTINED = "quarantined", "Quarantined"  # a deletion over budget or unproven
    OUT_OF_SCOPE = "out_of_scope", "Out of scope"
    STOPPED = "stopped", "Not synced"  # a person stopped this record
    TOMBSTONE = "tombstone", "Deleted"


class SyncMethod(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    POLL = "poll", "Poll"
    BATCH = "batch", "Batch"
    MANUAL = "manual", "By hand"
    LOCAL = "local", "Local change"


class MappingQuerySet(models.QuerySet["Mapping"]):
    def live(self) -> MappingQuerySet:
        return self.exclude(state=MappingState.TOMBSTONE)

    def due(self, now: datetime) -> MappingQuerySet:
        """Dirty, not waiting for a retry, not being worked on."""
        return self.filter(
            models.Q(next_attempt_at__isnull=True) | models.Q(next_attempt_at__lte=now),
            models.Q(lease_until__isnull=True) | models.Q(lease_until__lte=now),
            dirty_at__isnull=False,
            is_dead=False,
        )


class Mapping(models.Model):
    """Bases are durable data, never cache (I3). ``base_local`` is canonical, ``base_external`` in vendor terms.

    ``dirty_seq`` counts marks: a worker clears the mark only if it is still the one it took, so a change
    that arrives during the work is never lost.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Not checked by the database: neither row is ever deleted, and the checks cost a first import a tenth (0023).
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, related_name="mappings", db_index=False, db_constraint=False
    )
    resource = models.CharField(max_length=60)
    record_type = models.CharField(max_length=30)
    record_id = models.UUIDField(null=True)
    external_id = models.CharField(max_length=300, null=True)
    external_parent_id = models.CharField(max_length=300, blank=True, default="")
    external_url = models.CharField(max_length=1000, blank=True, default="")
    container = models.CharField(max_length=300, blank=True, default="")

    state = models.CharField(max_length=12, choices=MappingState.choices, default=MappingState.PENDING)
    state_reason = models.CharField(max_length=500, blank=True, default="")
    base_local = models.JSONField(null=True)
    base_external = models.JSONField(null=True)
    provenance = models.JSONField(default=dict)
    fingerprint = models.CharField(
        max_length=64, blank=True, default=""
    )  # of the external snapshot last seen
    local_revision = models.PositiveIntegerField(default=0)  # of the record at the last agreement
    external_version = models.CharField(max_length=300, blank=True, default="")
    external_updated_at = models.DateTimeField(null=True)
    field_map_version = models.PositiveIntegerField(default=0)
    held = models.JSONField(default=dict)  # {key: {"reason", "detail", "raw"}}
    deferred = models.JSONField(default=list)  # [[resource, external id], …] references not there yet
    history = models.JSONField(default=dict)  # {key: [[iso time, digest], …]} for the loop breaker

    dirty_at = models.DateTimeField(null=True)
    dirty_seq = models.BigIntegerField(default=0)
    dirty_reason = models.CharField(max_length=40, blank=True, default="")
    priority = models.PositiveSmallIntegerField(default=5)  # 0 person, 2 webhook, 5 poll, 9 backfill
    method = models.CharField(max_length=8, choices=SyncMethod.choices, default=SyncMethod.POLL)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=40, blank=True, default="")
    next_attempt_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=30, blank=True, default="")
    last_error = models.CharField(max_length=1000, blank=True, default="")
    is_dead = models.BooleanField(default=False)  # retries exhausted: waits for a person

    closed_at = models.DateTimeField(null=True)  # when a deletion was carried out (budget, I4)
    last_synced_at = models.DateTimeField(null=True)
    last_in_at = models.DateTimeField(null=True)
    last_out_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = MappingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "resource", "external_id"],
                condition=models.Q(external_id__isnull=False),
                name="mapping_one_per_external",
            ),
            models.UniqueConstraint(
                fields=["integration", "resource", "record_id"],
                condition=models.Q(record_id__isnull=False) & ~models.Q(state="tombstone"),
                name="mapping_one_per_record",
            ),
        ]
        indexes = [
            # a record's badges and its fan-out
            models.Index(fields=["record_id"], name="mapping_record"),
            # the work queue: due marks by priority
            models.Index(
                fields=["integration", "priority", "dirty_at"],
                name="mapping_dirty",
                condition=models.Q(dirty_at__isnull=False),
            ),
            # a page's lists by state, and counts
            models.Index(fields=["integration", "state"], name="mapping_state"),
            # deletions of the last day (budget)
            models.Index(
                fields=["integration", "closed_at"],
                name="mapping_closed",
                condition=models.Q(closed_at__isnull=False),
            ),
            # keyset paging of a tenant's mappings
            models.Index(fields=["tenant", "id"], name="mapping_tenant"),
        ]

    def __str__(self) -> str:
        return (
            f"{self.resource} {self.external_id or '(new)'} ↔ {self.record_type} {self.record_id or '(new)'}"
        )


class WriteKind(models.TextChoices):
    CREATE = "create", "Create"
    UPDATE = "update", "Update"
    DELETE = "delete", "Delete"


class IntentState(models.TextChoices):
    OPEN = "open", "Open"
    SETTLED = "settled", "Settled"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "In doubt"


class WriteIntent(models.Model):
    """Committed before an external create is sent, so that a crash leads neither to a twin nor to a loss (E6)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="intents")
    kind = models.CharField(max_length=6, choices=WriteKind.choices)
    key = models.CharField(max_length=64, unique=True)
    fields = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=IntentState.choices, default=IntentState.OPEN)
    evidence = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mapping"],
                condition=models.Q(state__in=["open", "in_doubt"]),
                name="intent_one_open_per_mapping",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"


class Cursor(models.Model):
    """Where reading a resource resumes. Advanced only when a page's rows are durable (I9)."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="cursors")
    resource = models.CharField(max_length=60)
    since = models.DateTimeField(null=True)  # in server time; the next read starts here minus the overlap
    generation = models.BigIntegerField(default=0)  # full sweeps finished
    sweep = models.JSONField(null=True)  # a walk under way: {"full", "follows", "token", "started_at", …}
    resume = models.JSONField(
        null=True
    )  # where the vendor's own feed of changes goes on (connectors' Page.resume)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "resource"], name="cursor_once")]

    def __str__(self) -> str:
        return f"{self.resource} since {self.since}"


class SweepSeen(models.Model):
    """A pair that the full sweep under way has seen; narrow on purpose, emptied when the sweep ends.

    What a *complete* sweep has not seen is only nominated for a look by id, never deleted (I4).
    """

    cursor = models.ForeignKey(Cursor, on_delete=models.CASCADE, related_name="seen", db_index=False)
    mapping_id = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cursor", "mapping_id"], name="sweep_seen_once")]

    def __str__(self) -> str:
        return str(self.mapping_id)
