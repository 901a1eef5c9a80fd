"""Tenants isolate everything; a membership gives a user one role in one tenant (A3)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models

from workspace.ids import new_id
from workspace.zones import EXAMPLES, validate_zone, zone_names


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    REVIEWER = "reviewer", "Reviewer"
    MANAGER = "manager", "Manager"
    AUDITOR = "auditor", "Auditor"


class Tenant(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    time_zone = models.CharField(
        max_length=60,
        default="UTC",
        validators=[validate_zone],
        help_text=f"Times of day in schedules and sync windows are meant there: {EXAMPLES}.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """UTC where the stored name is no zone that this machine knows."""
        return ZoneInfo(self.time_zone if self.time_zone in zone_names() else "UTC")

    def get_additional_data(self) -> dict[str, str]:
        """What the audit log keeps beside the change: whose it is."""
        return {"act": "tenant.changed", "tenant": str(self.pk)}


class Membership(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="membership_once_per_tenant")]
        ordering = ["tenant", "user"]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant} ({self.role})"

    def get_additional_data(self) -> dict[str, str]:
        return {"act": "membership.changed", "tenant": str(self.tenant_id)}
