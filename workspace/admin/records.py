"""The record types' lists: what they show, search and filter; the rest is ``RecordAdmin``."""

from __future__ import annotations

from django.contrib import admin

from workspace import models

from .record_admin import RecordAdmin


@admin.register(models.Task)
class TaskAdmin(RecordAdmin):
    list_display = ("title", "stage", "priority", "project", "due_on")
    list_filter = ("stage", "priority", "project", "milestone", "due_on")
    search_fields = ("title", "description", "url")


@admin.register(models.Member)
class MemberAdmin(RecordAdmin):
    list_display = ("name", "email", "role", "company", "active")
    list_filter = ("active", "role")
    search_fields = ("name", "email", "company")


@admin.register(models.ParticipationLog)
class ParticipationLogAdmin(RecordAdmin):
    list_display = ("notes", "member", "task", "project", "spent_on", "duration_seconds", "billable")
    list_filter = ("billable", "member", "project", "spent_on")
    search_fields = ("notes", "external_id")


@admin.register(models.Event)
class EventAdmin(RecordAdmin):
    list_display = ("title", "starts_at", "ends_at", "location", "organiser")
    list_filter = ("all_day", "starts_at")
    search_fields = ("title", "description", "location")


@admin.register(models.Committee)
class CommitteeAdmin(RecordAdmin):
    list_display = ("name", "chair", "active")
    list_filter = ("active",)
    search_fields = ("name", "description")


@admin.register(models.CommitteeMember)
class CommitteeMemberAdmin(RecordAdmin):
    list_display = ("__str__", "committee", "member", "role", "joined_on", "left_on")
    list_filter = ("committee",)
    search_fields = ("role", "member__name", "committee__name")


@admin.register(models.WaitlistEntry)
class WaitlistEntryAdmin(RecordAdmin):
    list_display = ("customer_name", "number", "reference", "stage", "priority", "assigned_to")
    list_filter = ("stage", "priority", "assigned_to", "card_type")
    search_fields = ("customer_name", "number", "reference", "description")


@admin.register(models.Lead)
class LeadAdmin(RecordAdmin):
    list_display = ("name", "company", "stage", "owner", "value", "currency")
    list_filter = ("stage", "owner", "source")
    search_fields = ("name", "company", "email")


@admin.register(models.Opportunity)
class OpportunityAdmin(RecordAdmin):
    list_display = ("name", "customer", "stage", "amount", "currency", "owner", "close_on")
    list_filter = ("stage", "owner", "close_on")
    search_fields = ("name", "customer__name", "description")


@admin.register(models.Customer)
class CustomerAdmin(RecordAdmin):
    list_display = ("name", "email", "stage", "owner")
    list_filter = ("stage", "owner")
    search_fields = ("name", "email", "website")


@admin.register(models.Project)
class ProjectAdmin(RecordAdmin):
    list_display = ("name", "key", "state", "lead", "due_on")
    list_filter = ("state", "lead")
    search_fields = ("name", "key", "description")


@admin.register(models.Milestone)
class MilestoneAdmin(RecordAdmin):
    list_display = ("title", "kind", "project", "state", "due_on")
    list_filter = ("kind", "project", "state")
    search_fields = ("title", "description")


@admin.register(models.Label)
class LabelAdmin(RecordAdmin):
    list_display = ("name", "colour", "project")
    list_filter = ("project",)
    search_fields = ("name",)


@admin.register(models.Comment)
class CommentAdmin(RecordAdmin):
    list_display = ("body", "on_type", "author", "author_name", "written_at")
    list_filter = ("on_type", "author", "written_at")
    search_fields = ("body", "author_name")
