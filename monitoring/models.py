"""Rules of what is worth an alarm, the alerts they raised, and whom was told (I2, UI 10)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from integrations.fields import EncryptedJSONField
from integrations.models import Integration
from workspace.ids import new_id
from workspace.models import Tenant


class Metric(models.TextChoices):
    """What can be watched. ``monitoring.catalogue`` says of each its unit and which way it is compared."""

    ERROR_RATE = "error_rate", "Error rate"
    CONSECUTIVE_FAILURES = "consecutive_failures", "Failures in a row"
    LAST_SYNC_AGE = "last_sync_age", "Age of the last sync"
    PENDING_CONFLICTS = "pending_conflicts", "Open conflicts"
    PENDING_CONFLICT_AGE = "pending_conflict_age", "Age of the oldest open conflict"
    DEAD_LETTERS = "dead_letters", "Dead letters"
    WINDOW_OVERRUN = "window_overrun", "Runs cut short by their window"
    CREDENTIAL_EXPIRING = "credential_expiring", "Days until a credential expires"
    WEBHOOK_SILENT = "webhook_silent", "Silence of webhooks"
    WORKER_DOWN = "worker_down", "Silence of the workers"
    BEAT_DOWN = "beat_down", "Silence of the clock"


class Severity(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Channel(models.TextChoices):
    DASHBOARD = "dashboard", "Dashboard"
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"


class AlertState(models.TextChoices):
    FIRING = "firing", "Firing"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


OPEN_STATES = [AlertState.FIRING, AlertState.ACKNOWLEDGED]


class Told(models.TextChoices):
    """What people last heard of an alert."""

    NOTHING = "", "Nothing"
    FIRED = "fired", "Fired"
    RECOVERED = "recovered", "Recovered"


class AlertRule(models.Model):
    """When to raise an alarm, and whom to tell. ``preset`` names the preset it was made from, if any.

    ``fault`` is why it could not be evaluated last time; empty if it could.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    preset = models.CharField(max_length=40, blank=True, default="", editable=False)
    metric = models.CharField(max_length=24, choices=Metric.choices)
    threshold = models.FloatField()
    window_minutes = models.PositiveIntegerField(default=60)  # of rates
    hold_minutes = models.PositiveIntegerField(default=0)  # how long it must last before it counts
    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules"
    )
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    channels = models.JSONField(default=list)  # Channel values; the dashboard is always among them
    recipients = models.JSONField(default=list, blank=True)  # e-mail addresses
    roles = models.JSONField(default=list, blank=True)  # members of these roles get the e-mail too
    cooldown_minutes = models.PositiveIntegerField(default=60)  # quiet time until the next message
    mute_from = models.TimeField(null=True, blank=True)  # daily, in the tenant's zone; may go over midnight
    mute_to = models.TimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    fault = models.CharField(max_length=300, blank=True, default="", editable=False)
    evaluated_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("tenant", Lower("name"), name="alert_rule_name_per_tenant"),
            models.CheckConstraint(
                condition=models.Q(mute_from__isnull=True, mute_to__isnull=True)
                | models.Q(mute_from__isnull=False, mute_to__isnull=False),
                name="alert_rule_mute_has_both_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Watch(models.Model):
    """A trouble that a rule has an eye on: since when its value has been bad, or good again while an alert is open.

    Without an integration it is the whole hub.
    """

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="watches")
    integration = models.ForeignKey(
        Integration, null=True, on_delete=models.CASCADE, related_name="alert_watches"
    )
    breached_since = models.DateTimeField(null=True)
    calm_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "integration"],
                condition=models.Q(integration__isnull=False),
                name="watch_once",
            ),
            models.UniqueConstraint(
                fields=["rule"], condition=models.Q(integration__isnull=True), name="watch_once_hub"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.integration_id or 'the hub'}"


class Alert(models.Model):
    """One trouble from its first breach to its end. What the rule said then is kept, so it outlives the rule.

    ``told`` is what people last heard, so that what is still to be told is the difference to ``state``;
    ``alarmed_at`` is when they last heard that it fires, from which the quiet time runs.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="alerts")
    integration = models.ForeignKey(Integration, null=True, on_delete=models.CASCADE, related_name="alerts")
    name = models.CharField(max_length=120)
    metric = models.CharField(max_length=24, choices=Metric.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    state = models.CharField(max_length=12, choices=AlertState.choices, default=AlertState.FIRING)
    value = models.FloatField()  # as last measured while it was open
    threshold = models.FloatField()
    since = models.DateTimeField()  # when the breach began
    fired_at = models.DateTimeField()
    reopened = models.PositiveIntegerField(default=0)  # how often it came back within the quiet time
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True, default="")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(  # None: it recovered by itself
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    told = models.CharField(max_length=9, choices=Told.choices, blank=True, default=Told.NOTHING)
    alarmed_at = models.DateTimeField(null=True)
    last_notified_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # flapping or two evaluations at once: never two open alerts of one trouble
            models.UniqueConstraint(
                fields=["rule", "integration"],
                condition=models.Q(state__in=["firing", "acknowledged"], integration__isnull=False),
                name="alert_one_open",
            ),
            models.UniqueConstraint(
                fields=["rule"],
                condition=models.Q(state__in=["firing", "acknowledged"], integration__isnull=True),
                name="alert_one_open_hub",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="alert_list"),  # the list, keyset paged
            models.Index(fields=["tenant", "state", "-id"], name="alert_state"),  # counts and filters
            models.Index(
                fields=["rule", "-id"], name="alert_latest"
            ),  # the evaluation: each trouble's latest
        ]

    def __str__(self) -> str:
        return self.name


class Reason(models.TextChoices):
    """Why somebody is told something."""

    FIRED = "fired", "Fired"
    AGAIN = "again", "Still firing"
    RECOVERED = "recovered", "Recovered"
    TEST = "test", "Test"
    DIGEST = "digest", "Daily digest"


class NotificationState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Notification(models.Model):
    """One message to one recipient ("" is the tenant's Slack channel). A row first; a worker sends it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="notifications")
    channel = models.CharField(max_length=9, choices=Channel.choices)
    reason = models.CharField(max_length=9, choices=Reason.choices)
    recipient = models.EmailField(blank=True, default="")
    state = models.CharField(
        max_length=7, choices=NotificationState.choices, default=NotificationState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")
    next_attempt_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)  # the last time

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the sender: what is due
            models.Index(
                fields=["next_attempt_at"], name="notification_due", condition=models.Q(state="waiting")
            ),
            # a channel's latest outcome
            models.Index(fields=["tenant", "channel", "-id"], name="notification_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.reason} ({self.state})"


class AlertSettings(models.Model):
    """What a tenant's alerts share. The row's existence says that the default rules were made.

    ``slack_address`` is Slack's incoming webhook: whoever knows it may post, so it is never shown again.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    slack_address = EncryptedJSONField(null=True, editable=False)
    slack_set_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"alerts of {self.tenant_id}"


class DigestChoice(models.Model):
    """A person wants the daily digest of one tenant (F8). ``done_on`` is the tenant's day last looked at."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    done_on = models.DateField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="digest_once_per_person")]

    def __str__(self) -> str:
        return f"digest of {self.tenant_id} for {self.user_id}"
