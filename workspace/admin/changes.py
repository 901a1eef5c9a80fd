"""What was changed in the tenant, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workspace.models import RECORD_TYPES, Change

from .base import TenantAdmin


@admin.register(Change)
class ChangeAdmin(TenantAdmin):
    list_display = ("created_at", "record_link", "kind", "fields_changed", "origin", "user", "note")
    list_filter = ("kind", "origin", "record_type")
    list_select_related = ("user",)
    search_fields = ("=record_id", "=correlation_id")
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Record")
    def record_link(self, change: Change) -> SafeString:
        model = RECORD_TYPES[change.record_type]
        url = reverse(f"admin:workspace_{model._meta.model_name}_history", args=[change.record_id])
        return format_html(
            '<a href="{}">{} …{}</a>', url, model._meta.verbose_name, str(change.record_id)[-6:]
        )

    @admin.display(description="Fields")
    def fields_changed(self, change: Change) -> str:
        return ", ".join(sorted(change.changes)) or "(all)"
