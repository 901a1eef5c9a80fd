"""Read-only lists of alerts and rules; they are worked on the alerts' own pages."""

from __future__ import annotations

from django.contrib import admin

from integrations.admin import ReadOnlyAdmin
from monitoring.models import Alert, AlertRule


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    page = "alerts:alert"
    list_display = ("name", "severity", "state", "integration", "since")
    list_filter = ("state", "severity", "integration")
    search_fields = ("name",)


@admin.register(AlertRule)
class AlertRuleAdmin(ReadOnlyAdmin):
    page = "alerts:rule"
    list_display = ("name", "metric", "threshold", "severity", "enabled")
    list_filter = ("enabled", "severity")
