"""Read-only list of conflicts; they are decided on the review pages."""

from __future__ import annotations

from django.contrib import admin

from conflicts.models import ConflictResolution, MergeRule
from integrations.admin import ReadOnlyAdmin


@admin.register(ConflictResolution)
class ConflictResolutionAdmin(ReadOnlyAdmin):
    page = "desk:review"
    list_display = ("record_title", "kind", "status", "integration", "created_at")
    list_filter = ("status", "kind", "integration")
    search_fields = ("record_title", "external_id")


@admin.register(MergeRule)
class MergeRuleAdmin(ReadOnlyAdmin):
    page = "desk:rule"
    list_display = ("field", "rule", "integration", "enabled", "position", "hits")
    list_filter = ("enabled", "integration")
