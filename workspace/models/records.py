"""The records people work on (A1, A1a): one abstract base, fourteen types."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from workspace.fields import SetField
from workspace.ids import new_id

from .tenants import Tenant


class RecordQuerySet(models.QuerySet["Record"]):
    def for_tenant(self, tenant: Tenant) -> RecordQuerySet:
        return self.filter(tenant=tenant)

    def alive(self) -> RecordQuerySet:
        return self.filter(deleted_at__isnull=True)


class Record(models.Model):
    """What every record has. Written only through ``workspace.services``."""

    #: word used in addresses, maps and logs; set by each type
    record_type: ClassVar[str] = ""
    #: field whose value names the record on pages
    title_field: ClassVar[str] = "title"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Not checked by the database: tenants are never deleted, and the check is one per imported row (0023).
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    revision = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    external_sync_enabled = models.BooleanField("keep in sync", default=True)
    last_external_sync_at = models.DateTimeField(null=True, blank=True, editable=False)
    external_metadata = models.JSONField(default=dict, blank=True, editable=False)

    objects = RecordQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-updated_at"]
        indexes = [
            # lists: a tenant's records, newest first; keyset paging on (updated_at, id)
            models.Index(fields=["tenant", "-updated_at", "-id"], name="%(class)s_recent"),
        ]

    def __str__(self) -> str:
        return str(getattr(self, self.title_field) or self.pk)


class Priority(models.TextChoices):
    NONE = "none", "None"
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    URGENT = "urgent", "Urgent"


class TaskStage(models.TextChoices):
    BACKLOG = "backlog", "Backlog"
    TODO = "todo", "To do"
    IN_PROGRESS = "in_progress", "In progress"
    REVIEW = "review", "Review"
    DONE = "done", "Done"


class LeadStage(models.TextChoices):
    NEW = "new", "New"
    CONTACTED = "contacted", "Contacted"
    QUALIFIED = "qualified", "Qualified"
    PROPOSAL = "proposal", "Proposal"
    NEGOTIATION = "negotiation", "Negotiation"
    WON = "won", "Won"
    LOST = "lost", "Lost"


class OpportunityStage(models.TextChoices):
    DISCOVERY = "discovery", "Discovery"
    QUALIFICATION = "qualification", "Qualification"
    PROPOSAL = "proposal", "Proposal"
    NEGOTIATION = "negotiation", "Negotiation"
    CLOSED_WON = "closed_won", "Closed won"
    CLOSED_LOST = "closed_lost", "Closed lost"


class CustomerStage(models.TextChoices):
    ONBOARDING = "onboarding", "Onboarding"
    ACTIVE = "active", "Active"
    AT_RISK = "at_risk", "At risk"
    CHURNED = "churned", "Churned"


class WaitlistStage(models.TextChoices):
    PENDING = "pending", "Pending"
    IN_PROGRESS = "in_progress", "In progress"
    ON_HOLD = "on_hold", "On hold"
    COMPLETED = "completed", "Completed"


def column_order(model: str) -> models.Index:
    """A board's column in order; keyset paging on (rank, id)."""
    return models.Index(
        fields=["tenant", "stage", "rank", "id"],
        name=f"{model}_column",
        condition=models.Q(deleted_at__isnull=True),
    )


def refers_to(to: str) -> models.ForeignKey:  # type: ignore[type-arg]
    """A reference to another record; kept when the target is soft-deleted."""
    return models.ForeignKey(to, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")


class Member(Record):
    record_type = "member"
    title_field = "name"

    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=60, blank=True, default="")
    role = models.CharField(max_length=100, blank=True, default="")
    title = models.CharField(max_length=200, blank=True, default="")
    company = models.CharField(max_length=200, blank=True, default="")
    time_zone = models.CharField(max_length=60, blank=True, default="")
    accepted_at = models.DateTimeField(null=True, blank=True)
    total_equity_units = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    active = models.BooleanField(default=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )


class Customer(Record):
    record_type = "customer"
    title_field = "name"

    name = models.CharField(max_length=300)
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=60, blank=True, default="")
    website = models.CharField(max_length=500, blank=True, default="")
    address = models.TextField(blank=True, default="")
    stage = models.CharField(max_length=20, choices=CustomerStage.choices, default=CustomerStage.ONBOARDING)
    rank = models.CharField(max_length=255, blank=True, default="")
    owner = refers_to("workspace.Member")

    class Meta(Record.Meta):
        indexes = [*Record.Meta.indexes, column_order("customer")]


class Committee(Record):
    record_type = "committee"
    title_field = "name"

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    chair = refers_to("workspace.Member")
    active = models.BooleanField(default=True)


class CommitteeMember(Record):
    record_type = "committee_member"
    title_field = "role"

    committee = refers_to("workspace.Committee")
    member = refers_to("workspace.Member")
    role = models.CharField(max_length=100, blank=True, default="")
    joined_on = models.DateField(null=True, blank=True)
    left_on = models.DateField(null=True, blank=True)


class Project(Record):
    record_type = "project"
    title_field = "name"

    name = models.CharField(max_length=300)
    key = models.CharField(max_length=200, blank=True, default="")
    description = models.TextField(blank=True, default="")
    state = models.CharField(max_length=40, blank=True, default="")
    lead = refers_to("workspace.Member")
    start_on = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)


class Milestone(Record):
    record_type = "milestone"

    class Kind(models.TextChoices):
        MILESTONE = "milestone", "Milestone"
        VERSION = "version", "Version"
        SPRINT = "sprint", "Sprint"

    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.MILESTONE)
    project = refers_to("workspace.Project")
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True, default="")
    state = models.CharField(max_length=40, blank=True, default="")
    start_on = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)


class Label(Record):
    record_type = "label"
    title_field = "name"

    name = models.CharField(max_length=200)
    colour = models.CharField(max_length=20, blank=True, default="")
    project = refers_to("workspace.Project")


class Task(Record):
    record_type = "task"

    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, default="")
    stage = models.CharField(max_length=20, choices=TaskStage.choices, default=TaskStage.BACKLOG)
    rank = models.CharField(max_length=255, blank=True, default="")
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.NONE)
    assignees = SetField(of="member", help_text="Ids of members")
    reporter = refers_to("workspace.Member")
    start_on = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    estimate = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    labels = SetField(help_text="Names of labels")
    project = refers_to("workspace.Project")
    milestone = refers_to("workspace.Milestone")
    parent = refers_to("workspace.Task")
    committee = refers_to("workspace.Committee")
    url = models.CharField(max_length=1000, blank=True, default="")

    class Meta(Record.Meta):
        indexes = [*Record.Meta.indexes, column_order("task")]


class ParticipationLog(Record):
    record_type = "participation_log"
    title_field = "notes"

    member = refers_to("workspace.Member")
    task = refers_to("workspace.Task")
    project = refers_to("workspace.Project")
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration_seconds = models.IntegerField(null=True, blank=True)
    spent_on = models.DateField(null=True, blank=True)
    notes = models.TextField(blank=True, default="")
    billable = models.BooleanField(default=False)
    tags = SetField()
    external_source = models.CharField(max_length=60, blank=True, default="")
    external_id = models.CharField(max_length=200, blank=True, default="")


class Event(Record):
    record_type = "event"

    title = models.CharField(max_length=300)
    description = models.TextField(blank=True, default="")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    all_day = models.BooleanField(default=False)
    time_zone = models.CharField(max_length=60, blank=True, default="")
    location = models.CharField(max_length=300, blank=True, default="")
    url = models.CharField(max_length=1000, blank=True, default="")
    organiser = refers_to("workspace.Member")
    attendees = SetField(of="member", help_text="Ids of members")


class WaitlistEntry(Record):
    record_type = "waitlist_entry"
    title_field = "customer_name"

    number = models.CharField(max_length=60, blank=True, default="")
    customer_name = models.CharField(max_length=300)
    reference = models.CharField("reference (PO)", max_length=200, blank=True, default="")
    description = models.TextField(blank=True, default="")
    card_type = models.CharField(max_length=100, blank=True, default="")
    stage = models.CharField(max_length=20, choices=WaitlistStage.choices, default=WaitlistStage.PENDING)
    rank = models.CharField(max_length=255, blank=True, default="")
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.NONE)
    assigned_to = refers_to("workspace.Member")
    tags = SetField()

    class Meta(Record.Meta):
        verbose_name_plural = "waitlist entries"
        indexes = [*Record.Meta.indexes, column_order("waitlistentry")]


class Lead(Record):
    record_type = "lead"
    title_field = "name"

    name = models.CharField(max_length=300)
    company = models.CharField(max_length=300, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=60, blank=True, default="")
    source = models.CharField(max_length=100, blank=True, default="")
    stage = models.CharField(max_length=20, choices=LeadStage.choices, default=LeadStage.NEW)
    rank = models.CharField(max_length=255, blank=True, default="")
    owner = refers_to("workspace.Member")
    value = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")

    class Meta(Record.Meta):
        indexes = [*Record.Meta.indexes, column_order("lead")]


class Opportunity(Record):
    record_type = "opportunity"
    title_field = "name"

    name = models.CharField(max_length=300)
    customer = refers_to("workspace.Customer")
    amount = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    probability = models.PositiveSmallIntegerField(null=True, blank=True)
    stage = models.CharField(
        max_length=20, choices=OpportunityStage.choices, default=OpportunityStage.DISCOVERY
    )
    rank = models.CharField(max_length=255, blank=True, default="")
    owner = refers_to("workspace.Member")
    close_on = models.DateField(null=True, blank=True)
    description = models.TextField(blank=True, default="")

    class Meta(Record.Meta):
        verbose_name_plural = "opportunities"
        indexes = [*Record.Meta.indexes, column_order("opportunity")]


class Comment(Record):
    """A comment on any record; ``on_type`` and ``on_id`` name it."""

    record_type = "comment"
    title_field = "body"

    on_type = models.CharField(max_length=30, blank=True, default="")
    on_id = models.UUIDField(null=True, blank=True)
    body = models.TextField()
    author = refers_to("workspace.Member")
    author_name = models.CharField(max_length=200, blank=True, default="")
    written_at = models.DateTimeField(null=True, blank=True)
    parent = refers_to("workspace.Comment")

    class Meta(Record.Meta):
        indexes = [
            *Record.Meta.indexes,
            # a record's comments in order
            models.Index(fields=["on_id", "written_at"], name="comment_thread"),
        ]


RECORD_TYPES: dict[str, type[Record]] = {
    model.record_type: model
    for model in (
        Task, Member, ParticipationLog, Event, Committee, CommitteeMember, WaitlistEntry,
        Lead, Opportunity, Customer, Project, Milestone, Label, Comment,
    )
}  # fmt: skip
