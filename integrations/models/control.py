"""Integration: a tenant's configured use of a connector, and its credentials (B1)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from integrations.fields import EncryptedJSONField
from workspace.ids import new_id
from workspace.models import Tenant


class IntegrationStatus(models.TextChoices):
    DRAFT = "DRAFT", "Setup incomplete"
    ACTIVE = "ACTIVE", "Active"
    PAUSED = "PAUSED", "Paused"
    ERROR = "ERROR", "Error"
    DEGRADED = "DEGRADED", "Degraded"
    DISABLED = "DISABLED", "Disabled"


class AuthType(models.TextChoices):
    NONE = "none", "None"
    API_KEY = "api_key", "API key"
    BEARER = "bearer", "Bearer token"
    BASIC = "basic", "User and password"
    OAUTH2 = "oauth2", "OAuth 2"


class SyncDirection(models.TextChoices):
    BOTH = "both", "Both ways"
    IN = "in", "Into Lockstep only"
    OUT = "out", "Out of Lockstep only"


class SyncFrequency(models.TextChoices):
    REALTIME = "realtime", "Real time (webhooks, polling as a net)"
    EVERY_15MIN = "every_15min", "Every 15 minutes"
    HOURLY = "hourly", "Hourly"
    DAILY = "daily", "Daily at 02:00"
    WEEKLY = "weekly", "Weekly, Monday 02:00"
    MANUAL = "manual", "Only by hand"
    CUSTOM = "custom", "Custom interval or crontab"


class ConflictStrategy(models.TextChoices):
    LATEST_WINS = "latest_wins", "Latest wins"
    EXTERNAL_WINS = "external_wins", "External wins"
    LOCAL_WINS = "local_wins", "Local wins"
    MANUAL_REVIEW = "manual_review", "Manual review"
    CUSTOM_MERGE = "custom_merge", "Custom merge by field"


class DeletePolicy(models.TextChoices):
    ARCHIVE = "archive", "Archive on the other side"
    DELETE = "delete", "Delete on the other side"
    IGNORE = "ignore", "Leave the other side alone"
    ASK = "ask", "Ask a reviewer"


class BreakerState(models.TextChoices):
    CLOSED = "closed", "Closed"
    OPEN = "open", "Open"
    HALF_OPEN = "half_open", "Probing"


class IntegrationQuerySet(models.QuerySet["Integration"]):
    def for_tenant(self, tenant: Tenant) -> IntegrationQuerySet:
        return self.filter(tenant=tenant, deleted_at__isnull=True)

    def running(self) -> IntegrationQuerySet:
        """Those whose records may be synced now."""
        return self.filter(
            deleted_at__isnull=True, status__in=[IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED]
        )


class Integration(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="integrations")
    name = models.CharField(max_length=200)
    connector = models.CharField("type", max_length=40)
    status = models.CharField(
        max_length=10, choices=IntegrationStatus.choices, default=IntegrationStatus.DRAFT
    )
    status_reason = models.CharField(max_length=500, blank=True, default="")
    base_url = models.CharField(max_length=500, blank=True, default="")
    auth_type = models.CharField(max_length=10, choices=AuthType.choices, default=AuthType.BEARER)
    options = models.JSONField(default=dict, blank=True)  # the connector's own, never secret
    resource_types = models.JSONField(default=list)  # the connector's resource names, in sync order
    sync_direction = models.CharField(max_length=4, choices=SyncDirection.choices, default=SyncDirection.BOTH)
    sync_frequency = models.CharField(
        max_length=12, choices=SyncFrequency.choices, default=SyncFrequency.REALTIME
    )
    sync_interval_seconds = models.PositiveIntegerField(default=300)
    crontab = models.CharField(max_length=120, blank=True, default="")
    auto_sync = models.BooleanField(default=True)
    read_only = models.BooleanField(default=False)
    conflict_strategy = models.CharField(
        max_length=14, choices=ConflictStrategy.choices, default=ConflictStrategy.LATEST_WINS
    )
    fallback_strategy = models.CharField(
        max_length=14, choices=ConflictStrategy.choices, default=ConflictStrategy.MANUAL_REVIEW
    )
    merge_rules = models.JSONField(default=dict, blank=True)  # {field: {"rule": …, "separator": …}}
    create_missing_locally = models.BooleanField(default=True)
    create_missing_externally = models.BooleanField(default=False)
    delete_policy = models.CharField(max_length=8, choices=DeletePolicy.choices, default=DeletePolicy.ASK)
    delete_budget_count = models.PositiveIntegerField(default=20)  # per 24 h
    delete_budget_percent = models.PositiveSmallIntegerField(default=20)
    record_filter = models.JSONField(default=dict, blank=True)  # {"local": [cond], "external": [cond]}
    batch_size = models.PositiveIntegerField(default=100)
    page_limit = models.PositiveIntegerField(default=10_000)
    timeout_seconds = models.PositiveIntegerField(default=30)
    retry_policy = models.JSONField(default=dict, blank=True)  # {"push": [1,2,4,8,16], "job": [60, …]}
    sync_windows = models.JSONField(
        default=list, blank=True
    )  # [{"days": [0..6], "from": "22:00", "to": "05:00"}]
    webhook_secret = EncryptedJSONField(null=True, editable=False)  # newest first, old ones with their expiry
    ip_allow_list = models.JSONField(default=list, blank=True)
    batch_fallback = models.BooleanField(default=True)
    batch_fallback_seconds = models.PositiveIntegerField(default=120)
    webhook_registration = models.JSONField(default=dict, editable=False)
    webhook_silent_since = models.DateTimeField(null=True, editable=False)  # ought to come, and do not (G4)
    last_webhook_at = models.DateTimeField(null=True, editable=False)  # that was understood
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    environment = models.CharField(max_length=40, blank=True, default="production")
    tags = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)  # optimistic locking of settings

    last_sync_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=1000, blank=True, default="", editable=False)
    last_check = models.JSONField(default=dict, editable=False)  # the last connection test
    container_token = models.CharField(max_length=300, blank=True, default="", editable=False)
    clock_offset_seconds = models.FloatField(default=0.0, editable=False)
    breaker_state = models.CharField(
        max_length=9, choices=BreakerState.choices, default=BreakerState.CLOSED, editable=False
    )
    breaker_failures = models.PositiveIntegerField(default=0, editable=False)
    breaker_probe_at = models.DateTimeField(null=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "tenant",
                Lower("name"),
                condition=models.Q(deleted_at__isnull=True),
                name="integration_name_per_tenant",
                violation_error_message="An integration of this name exists already; choose another name.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """The secrets of one integration. Write-only for people: shown as "set, ends in …x9"."""

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, related_name="credential")
    secrets = EncryptedJSONField(default=dict)
    expires_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)
    refresh_lease_until = models.DateTimeField(null=True)  # one refresh at a time (F21)

    def __str__(self) -> str:
        return f"credential of {self.integration_id}"


class IntegrationTemplate(models.Model):
    """A ready-made set-up without secrets (B4). Built-in ones belong to no tenant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    connector = models.CharField(max_length=40)
    description = models.TextField(blank=True, default="")
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
