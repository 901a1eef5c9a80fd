"""The event feed: what changed, per room, in an order a reconnecting client can resume from."""

from __future__ import annotations

from django.db import models


class LiveRoom(models.Model):
    """A room's counter. Its row lock, taken last and held briefly, makes commit order the sequence order."""

    name = models.CharField(max_length=150, primary_key=True)
    last_seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class LiveEvent(models.Model):
    """One event of a room. Expires (settings); rooms with lasting history keep it in their own tables."""

    room = models.CharField(max_length=150)
    seq = models.BigIntegerField()
    tenant_id = models.UUIDField(null=True)  # live stands below workspace: an id, not a foreign key
    type = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "seq"], name="live_event_room_seq")]
        indexes = [
            models.Index(fields=["created_at"], name="live_event_expiry"),  # retention
        ]

    def __str__(self) -> str:
        return f"{self.room}#{self.seq} {self.type}"
