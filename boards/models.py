"""The board's configuration, its events and what is derived from them.

The card's stage and rank live on the record and are a projection of the moves; ``Board.last_seq`` is the
board's sequence and its row the lock that makes commit order the order of the numbers.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from workspace.ids import new_id
from workspace.models import Tenant

#: record types that have stages
BOARD_TYPES = ("task", "lead", "opportunity", "customer", "waitlist_entry")


class BoardType(models.TextChoices):
    TASK = "task", "Tasks"
    LEAD = "lead", "Leads"
    OPPORTUNITY = "opportunity", "Opportunities"
    CUSTOMER = "customer", "Customers"
    WAITLIST_ENTRY = "waitlist_entry", "Waitlist"


class Source(models.TextChoices):
    UI = "ui", "Board"
    API = "api", "API"
    SYNC = "sync", "Sync"
    UNDO = "undo", "Undo"
    REDO = "redo", "Redo"
    RECORD = "record", "Record page"
    SYSTEM = "system", "System"


class Board(models.Model):
    """``config`` is ``boards.core.layout``'s JSON. The default board of a type carries the type's events; a further
    one is another view of the same cards with limits, names and transitions of its own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="boards")
    record_type = models.CharField(max_length=30, choices=BoardType.choices)
    name = models.CharField(max_length=120)
    config = models.JSONField(default=dict)
    config_version = models.PositiveIntegerField(default=1)
    is_default = models.BooleanField(default=True)
    last_seq = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    configured_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["record_type", "-is_default", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "record_type"],
                condition=Q(is_default=True),
                name="board_one_default_per_type",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def room(self) -> str:
        return room_of(self.tenant_id, self.record_type)


def room_of(tenant_id: object, record_type: str) -> str:
    """The live room of a type's boards (settled question 12)."""
    return f"tenant:{tenant_id}:kanban:{record_type}"


class Move(models.Model):
    """One event. Never changed, never deleted. ``to_stage`` "" means that the card left the board."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="moves", db_index=False)
    seq = models.BigIntegerField()
    record_id = models.UUIDField()
    from_stage = models.CharField(max_length=20, blank=True, default="")
    to_stage = models.CharField(max_length=20, blank=True, default="")
    from_rank = models.CharField(max_length=255, blank=True, default="")
    to_rank = models.CharField(max_length=255, blank=True, default="")
    revision = models.IntegerField()  # the record's, after the move
    at = models.DateTimeField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    integration_id = models.UUIDField(null=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    reason = models.CharField(max_length=500, blank=True, default="")
    ip = models.GenericIPAddressField(null=True)
    over = models.CharField(max_length=4, blank=True, default="")  # the limit it went over: soft or hard
    override = models.BooleanField(default=False)
    command_id = models.UUIDField()  # one per gesture; a bulk move has many moves under one
    undoes = models.UUIDField(null=True)  # the command that an undo takes back or a redo brings back

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["board", "seq"], name="move_board_seq"),
            models.UniqueConstraint(fields=["board", "command_id", "record_id"], name="move_command_once"),
        ]
        indexes = [
            # a card's history, newest first
            models.Index(fields=["record_id", "-seq"], name="move_card"),
            # a person's own commands, for undo
            models.Index(fields=["board", "user", "-seq"], name="move_by_user"),
            # the board as of a time, and metrics of a period
            models.Index(fields=["board", "at"], name="move_at"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.from_stage or '–'} → {self.to_stage or '–'}"


class SnapshotReason(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    MANUAL = "manual", "Manual"
    BULK = "bulk", "Bulk operation"


class Snapshot(models.Model):
    """Where every card was after move ``seq``: ``state`` is ``{card id: [stage, rank]}``."""

    id = models.BigAutoField(primary_key=True)
    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="snapshots", db_index=False)
    seq = models.BigIntegerField()
    at = models.DateTimeField()  # of the move ``seq``; the snapshot serves any time from then on
    state = models.JSONField(default=dict)
    cards = models.IntegerField(default=0)
    reason = models.CharField(max_length=10, choices=SnapshotReason.choices)
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["board", "seq"], name="snapshot_board_seq")]

    def __str__(self) -> str:
        return f"{self.board} after #{self.seq}"


class CardLock(models.Model):
    """A lease on a card while somebody edits it; free again when it expires."""

    record_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="locks")
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    session = models.CharField(max_length=64)  # one per tab: the same person's other tab waits too
    acquired_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="card_lock_expiry")]

    def __str__(self) -> str:
        return f"{self.record_id} by {self.holder_id}"


class Presence(models.Model):
    """Who has a board open, per tab; a tab that stops saying so is gone."""

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="present", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["board", "session"], name="presence_once_per_tab")]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.board_id}"


class Refusal(models.Model):
    """A move that a hard limit refused: nothing happened to the card, but the metrics count it."""

    id = models.BigAutoField(primary_key=True)
    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="refusals", db_index=False)
    stage = models.CharField(max_length=20)
    record_id = models.UUIDField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["board", "at"], name="refusal_at")]

    def __str__(self) -> str:
        return f"{self.stage} at {self.at}"


class PeriodKind(models.TextChoices):
    HOURLY = "hourly", "Hour"
    DAILY = "daily", "Day"
    WEEKLY = "weekly", "Week"


class StageMetric(models.Model):
    """A stage's figures in a period, rolled up from the events; ``stage`` "" is the whole board. Times in seconds."""

    id = models.BigAutoField(primary_key=True)
    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="metrics", db_index=False)
    stage = models.CharField(max_length=20, blank=True, default="")
    period = models.CharField(max_length=8, choices=PeriodKind.choices)
    since = models.DateTimeField()
    until = models.DateTimeField()
    entered = models.IntegerField(default=0)
    exited = models.IntegerField(default=0)
    throughput = models.IntegerField(default=0)
    lead_average = models.FloatField(null=True)
    lead_median = models.FloatField(null=True)
    lead_p90 = models.FloatField(null=True)
    cycle_average = models.FloatField(null=True)
    cycle_median = models.FloatField(null=True)
    cycle_p90 = models.FloatField(null=True)
    stay_average = models.FloatField(null=True)
    stay_median = models.FloatField(null=True)
    stay_p90 = models.FloatField(null=True)
    wip_blocked = models.IntegerField(default=0)
    wip_warned = models.IntegerField(default=0)
    overridden = models.IntegerField(default=0)
    bottleneck = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["board", "period", "since", "stage"], name="stage_metric_once")
        ]

    def __str__(self) -> str:
        return f"{self.stage or 'board'} {self.period} {self.since}"


class Preference(models.Model):
    """What a person set for themselves on a board."""

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="preferences", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    collapsed = models.JSONField(null=True)  # stages; null: the board's default
    views = models.JSONField(default=list)  # saved filters of their own: [{name, query}]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["board", "user"], name="preference_once")]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.board_id}"


class SavedView(models.Model):
    """A filter under a name that everybody on the board is offered; a person's own are in Preference."""

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="shared_views", db_index=False)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["board", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name
