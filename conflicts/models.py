"""The review desk: what could not be merged, who decided, and rules people made of their choices (F)."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from integrations.models import ConflictStrategy, Integration, Mapping
from workspace.ids import new_id
from workspace.models import Tenant


class ConflictKind(models.TextChoices):
    BOTH_CHANGED = "both_changed", "Changed on both sides"
    DELETED_HERE = "deleted_here", "Deleted here, changed there"
    DELETED_THERE = "deleted_there", "Deleted there, changed here"
    INVALID_TRANSITION = "invalid_transition", "Status change not allowed"
    POSSIBLE_DUPLICATE = "possible_duplicate", "Possible duplicate"
    REFUSED = "refused", "Refused by the external system"
    NO_AGREED_STATE = "no_agreed_state", "Differs at first contact"


class ConflictStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    DECIDED = "decided", "Decided, being applied"
    RESOLVED = "resolved", "Resolved"
    IGNORED = "ignored", "Ignored"
    AUTO_RESOLVED = "auto_resolved", "Resolved by strategy or rule"
    WITHDRAWN = "withdrawn", "No longer a conflict"


OPEN_STATUSES = [ConflictStatus.PENDING, ConflictStatus.DECIDED]


class ConflictResolution(models.Model):
    """One group of fields on which two sides disagree. ``fields`` is a list of
    ``{key, label, base, local, external, base_external_raw, external_raw}``; values canonical but the raw ones.

    ``resolved`` is ``{key: {"choice": local|external|base|merged|custom, "value": canonical}}``. Nothing is lost:
    the losing value stays in ``fields`` and can be restored.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="conflicts")
    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="conflicts")
    resource = models.CharField(max_length=60)
    record_type = models.CharField(max_length=30)
    record_id = models.UUIDField(null=True)
    record_title = models.CharField(max_length=300, blank=True, default="")
    external_id = models.CharField(max_length=300, blank=True, default="")
    kind = models.CharField(max_length=18, choices=ConflictKind.choices, default=ConflictKind.BOTH_CHANGED)
    group = models.CharField(max_length=60)
    status = models.CharField(max_length=13, choices=ConflictStatus.choices, default=ConflictStatus.PENDING)
    reason = models.CharField(max_length=500)
    fields = models.JSONField(default=list)
    local_changed_at = models.DateTimeField(null=True)
    local_changed_by = models.CharField(max_length=200, blank=True, default="")
    external_changed_at = models.DateTimeField(null=True)
    external_changed_by = models.CharField(max_length=200, blank=True, default="")
    local_revision = models.PositiveIntegerField(default=0)
    external_version = models.CharField(max_length=300, blank=True, default="")
    version = models.PositiveIntegerField(default=1)  # rises whenever the engine updates it

    strategy = models.CharField(max_length=14, choices=ConflictStrategy.choices, blank=True, default="")
    resolved = models.JSONField(default=dict)
    push_to_external = models.BooleanField(default=True)
    pushed_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_note = models.CharField(max_length=500, blank=True, default="")
    rule = models.ForeignKey(
        "conflicts.MergeRule", null=True, blank=True, on_delete=models.SET_NULL, related_name="hits_made"
    )
    lease_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            # a record that changes again while its conflict is open updates it (F7)
            models.UniqueConstraint(
                fields=["mapping", "group"],
                condition=models.Q(status__in=["pending", "decided"]),
                name="conflict_one_open_per_group",
            )
        ]
        indexes = [
            # the review list: a tenant's open ones, oldest first
            models.Index(fields=["tenant", "status", "created_at"], name="conflict_list"),
            models.Index(
                fields=["integration", "status"], name="conflict_integration"
            ),  # counts per integration
            models.Index(fields=["record_id"], name="conflict_record"),  # a record's badge
        ]

    def __str__(self) -> str:
        return f"{self.record_title or self.record_id}: {self.group}"


class MergeRule(models.Model):
    """A remembered choice (F5). The first enabled rule that fits, by position, decides."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.CASCADE, related_name="merge_rule_rows"
    )
    resource = models.CharField(max_length=60, blank=True, default="")  # "" = every resource
    field = models.CharField(max_length=60, blank=True, default="")  # "" = every field
    rule = models.CharField(max_length=16)  # reconcile.model.FieldRule
    separator = models.CharField(max_length=20, default=" | ")
    enabled = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0)
    hits = models.PositiveIntegerField(default=0)
    last_hit_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "created_at"]

    def __str__(self) -> str:
        return f"{self.field or 'every field'}: {self.rule}"
