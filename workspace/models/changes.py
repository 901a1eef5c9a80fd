"""Change: what happened to a record, field by field; history and outbox in one (A5, DESIGN.md)."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from .tenants import Tenant


class ChangeKind(models.TextChoices):
    CREATE = "create", "Created"
    UPDATE = "update", "Changed"
    DELETE = "delete", "Deleted"
    RESTORE = "restore", "Restored"


class OriginKind(models.TextChoices):
    USER = "user", "Person in the admin"
    API = "api", "API"
    SYNC = "sync", "Sync"
    BOARD = "board", "Board"
    RESOLUTION = "resolution", "Conflict decision"
    ROLLBACK = "rollback", "Roll back"
    SYSTEM = "system", "System"


class Change(models.Model):
    """One write to one record: ``changes`` is ``{field: {"from": …, "to": …}}`` in canonical values.

    Written with the record in one transaction and never deleted. ``drained_at`` is null until the engine has
    looked at it (outbox). ``integration_id`` names where the change came from, so it isn't sent back there.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(  # as in Record
        Tenant, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    record_type = models.CharField(max_length=30)
    record_id = models.UUIDField()
    revision = models.IntegerField()
    kind = models.CharField(max_length=10, choices=ChangeKind.choices)
    changes = models.JSONField(default=dict)
    origin = models.CharField(max_length=12, choices=OriginKind.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    integration_id = models.UUIDField(null=True)  # a higher room's id
    job_id = models.UUIDField(null=True)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    drained_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # a record's history, newest first
            models.Index(fields=["record_id", "-id"], name="change_history"),
            # the outbox: undrained rows in order
            models.Index(fields=["id"], name="change_outbox", condition=models.Q(drained_at__isnull=True)),
            # a tenant's recent changes (audit, dashboard)
            models.Index(fields=["tenant", "-id"], name="change_tenant"),
            # what one job wrote (roll back)
            models.Index(fields=["job_id"], name="change_job", condition=models.Q(job_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.record_type} {self.record_id} r{self.revision} {self.kind}"
