"""Jobs, their attempts, and the log of what was done (H1, I5)."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from workspace.ids import new_id
from workspace.models import Tenant

from .control import Integration
from .mappings import Mapping, SyncMethod

__all__ = [
    "AttemptOutcome", "JobAttempt", "JobKind", "JobStatus", "LogStatus", "Operation", "SyncJob", "SyncLog", "SyncMethod",
]  # fmt: skip


class JobKind(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled sync"
    MANUAL = "manual", "Sync by hand"
    INITIAL = "initial_import", "Initial import"
    WEBHOOK = "webhook_batch", "Webhook batch"
    PUSH = "push", "Push"
    RETRY = "retry", "Retry"
    RESOLUTION = "resolution", "Conflict decision"
    PREVIEW = "preview", "Dry run"
    ROLLBACK = "rollback", "Roll back"


class JobStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    RETRY_WAITING = "retry_waiting", "Waiting to retry"
    SUCCEEDED = "succeeded", "Succeeded"
    PARTIAL = "partial", "Partial"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    SKIPPED = "skipped", "Skipped"
    DEAD = "dead", "Dead letter"


OPEN_JOB_STATUSES = [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRY_WAITING]


class JobQuerySet(models.QuerySet["SyncJob"]):
    def due(self, now: datetime) -> JobQuerySet:
        """Queued or waiting jobs whose time has come, and running ones whose worker is gone."""
        return self.filter(
            models.Q(status__in=[JobStatus.QUEUED, JobStatus.RETRY_WAITING], run_at__lte=now)
            | models.Q(status=JobStatus.RUNNING, lease_until__lte=now)
        )


class SyncJob(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, related_name="jobs", db_index=False
    )
    kind = models.CharField(max_length=14, choices=JobKind.choices)
    status = models.CharField(max_length=13, choices=JobStatus.choices, default=JobStatus.QUEUED)
    status_reason = models.CharField(max_length=500, blank=True, default="")
    resources = models.JSONField(default=list)  # empty = all of the integration's
    # {"full": bool, "direction": …, "reason": …, "job": id to roll back}
    options = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)  # {"resource", "pages", "done", "token"}
    total_records = models.PositiveIntegerField(default=0)
    success_count = models.PositiveIntegerField(default=0)
    noop_count = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    conflict_count = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)  # counts by outcome; the preview's summary
    error_code = models.CharField(max_length=30, blank=True, default="")
    error_message = models.CharField(max_length=1000, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    max_retries = models.PositiveSmallIntegerField(default=5)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    triggered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    run_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=40, blank=True, default="")
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # one bulk run per integration at a time
            models.UniqueConstraint(
                fields=["integration"],
                condition=models.Q(status="running", kind__in=["scheduled", "manual", "initial_import"]),
                name="job_one_bulk_run",
            )
        ]
        indexes = [
            # the dispatcher: what is due
            models.Index(
                fields=["run_at"],
                name="job_due",
                condition=models.Q(status__in=["queued", "running", "retry_waiting"]),
            ),
            # an integration's jobs, newest first
            models.Index(fields=["integration", "-created_at"], name="job_recent"),
            # a tenant's jobs, keyset paged
            models.Index(fields=["tenant", "-created_at", "-id"], name="job_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {str(self.id)[-8:]}"


class AttemptOutcome(models.TextChoices):
    SUCCEEDED = "succeeded", "Succeeded"
    RETRY = "retry", "Failed, will retry"
    GAVE_UP = "gave_up", "Failed, gave up"


class JobAttempt(models.Model):
    """One try of a job or of a record's push, with what was sent and answered (redacted) (H4)."""

    job = models.ForeignKey(SyncJob, null=True, on_delete=models.CASCADE, related_name="attempt_rows")
    mapping = models.ForeignKey(Mapping, null=True, on_delete=models.CASCADE, related_name="attempt_rows")
    number = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=10, choices=AttemptOutcome.choices)
    error_code = models.CharField(max_length=30, blank=True, default="")
    error_message = models.CharField(max_length=1000, blank=True, default="")
    http_status = models.PositiveSmallIntegerField(null=True)
    exchange = models.JSONField(null=True)  # redacted request and response
    next_attempt_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"


class Operation(models.TextChoices):
    CREATE = "create", "Create"
    UPDATE = "update", "Update"
    DELETE = "delete", "Delete"
    LINK = "link", "Link"
    BULK_SYNC = "bulk_sync", "Bulk sync"
    WEBHOOK = "webhook_received", "Webhook received"
    CHECK = "check", "Connection test"
    CONFLICT = "conflict", "Conflict"
    CONFIG = "config", "Settings"


class LogStatus(models.TextChoices):
    SUCCESS = "success", "Success"
    PARTIAL = "partial_success", "Partial success"
    FAILED = "failed", "Failed"
    CONFLICT_RESOLVED = "conflict_resolved", "Conflict resolved"
    CONFLICT_PENDING = "conflict_pending", "Conflict pending"
    HELD = "held", "Held"
    SKIPPED = "skipped", "Skipped"


class SyncLog(models.Model):
    """What was done, to which record, and why. Payloads are redacted when written. Expires by settings."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, related_name="logs", db_index=False
    )
    job = models.ForeignKey(SyncJob, null=True, on_delete=models.SET_NULL, related_name="logs")
    mapping = models.ForeignKey(Mapping, null=True, on_delete=models.SET_NULL, related_name="logs")
    operation = models.CharField(max_length=18, choices=Operation.choices)
    direction = models.CharField(max_length=4, blank=True, default="")  # in, out, both
    method = models.CharField(max_length=8, choices=SyncMethod.choices, blank=True, default="")
    resource = models.CharField(max_length=60, blank=True, default="")
    record_type = models.CharField(max_length=30, blank=True, default="")
    record_id = models.UUIDField(null=True)
    external_id = models.CharField(max_length=300, blank=True, default="")
    status = models.CharField(max_length=18, choices=LogStatus.choices)
    message = models.CharField(max_length=1000, blank=True, default="")
    records_processed = models.PositiveIntegerField(default=0)
    records_succeeded = models.PositiveIntegerField(default=0)
    records_failed = models.PositiveIntegerField(default=0)
    field_changes = models.JSONField(default=dict)  # {"local": {field: {from,to}}, "external": {…}}
    error_code = models.CharField(max_length=30, blank=True, default="")
    error_trace = models.TextField(blank=True, default="")  # redacted; auditor and manager only
    http_status = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    retry_count = models.PositiveSmallIntegerField(default=0)
    exchange = models.JSONField(null=True)  # redacted request and response
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="log_tenant"),  # the log page
            models.Index(fields=["integration", "-id"], name="log_integration"),  # an integration's log
            models.Index(fields=["record_id", "-id"], name="log_record"),  # "all for this record"
            models.Index(fields=["created_at"], name="log_expiry"),  # retention
            # figures of the last day: success rate, durations
            models.Index(fields=["integration", "created_at", "status"], name="log_figures"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.status}"
