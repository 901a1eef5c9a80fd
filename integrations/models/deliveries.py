"""Webhook deliveries: stored before they are answered, processed by workers (G2)."""

from __future__ import annotations

from django.db import models

from workspace.models import Tenant

from .control import Integration


class DeliveryStatus(models.TextChoices):
    RECEIVED = "received", "Received"
    PROCESSED = "processed", "Processed"
    IGNORED = "ignored", "Ignored on purpose"
    UNKNOWN = "unknown", "Unknown event"
    HELD = "held", "Held while the integration is not running"
    FAILED = "failed", "Failed"


class WebhookDelivery(models.Model):
    """``dedupe_key`` is the vendor's delivery id, else a digest; unique per integration within its life (24 h+)."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    dedupe_key = models.CharField(max_length=200)
    event = models.CharField(max_length=120, blank=True, default="")
    headers = models.JSONField(default=dict)  # redacted
    body = models.BinaryField(max_length=1024 * 1024)
    status = models.CharField(max_length=9, choices=DeliveryStatus.choices, default=DeliveryStatus.RECEIVED)
    outcome = models.CharField(max_length=500, blank=True, default="")
    hints = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "dedupe_key"], name="delivery_once"),
        ]
        indexes = [
            # the drainer: what waits
            models.Index(fields=["id"], name="delivery_waiting", condition=models.Q(status="received")),
            models.Index(fields=["integration", "-id"], name="delivery_recent"),  # the delivery log
            models.Index(fields=["received_at"], name="delivery_expiry"),  # retention
        ]

    def __str__(self) -> str:
        return f"{self.event or 'delivery'} {self.id}"
