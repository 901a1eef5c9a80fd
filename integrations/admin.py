"""Read-only lists of what integrations keep; everything is changed on the hub's own pages, through services."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from integrations.models import Integration, SyncJob, SyncLog, WebhookDelivery
from integrations.models import Mapping as PairMapping
from workspace.admin.base import TenantAdmin


class ReadOnlyAdmin(TenantAdmin):
    """Lists to search and filter; a row leads to its page in the hub."""

    page = ""
    list_select_related: tuple[str, ...] = ("integration",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Columns that the page has a filter for, no others: by an address with ``exchange__contains=…`` a person
        could find out, letter by letter, what only some may read."""
        name = lookup.split("__", 1)[0]
        offered = {one if isinstance(one, str) else one[0] for one in self.list_filter} | {"id", "pk"}
        columns = {each for field in self.model._meta.concrete_fields for each in (field.name, field.attname)}
        return name not in columns - offered and bool(super().lookup_allowed(lookup, value, request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse(self.page, args=[self.own(request, object_id).pk]))


@admin.register(Integration)
class IntegrationAdmin(ReadOnlyAdmin):
    page = "hub:integration"
    list_display = ("name", "connector", "status", "last_sync_at")
    list_filter = ("status", "connector")
    search_fields = ("name",)
    list_select_related = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at__isnull=True)


@admin.register(PairMapping)
class MappingAdmin(ReadOnlyAdmin):
    page = "hub:mapping"
    list_display = ("resource", "external_id", "record_type", "state", "integration", "last_synced_at")
    list_filter = ("state", "integration")
    search_fields = ("external_id",)


@admin.register(SyncJob)
class SyncJobAdmin(ReadOnlyAdmin):
    page = "hub:job"
    list_display = ("kind", "status", "integration", "created_at", "finished_at")
    list_filter = ("status", "kind", "integration")


@admin.register(SyncLog)
class SyncLogAdmin(ReadOnlyAdmin):
    page = "hub:log"
    list_display = ("created_at", "operation", "status", "integration", "message")
    list_filter = ("status", "operation", "integration")
    search_fields = ("message", "external_id")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "event", "status", "integration", "outcome")
    list_filter = ("status", "integration")
    search_fields = ("event", "dedupe_key")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return HttpResponseRedirect(reverse("hub:dashboard"))
        return HttpResponseRedirect(reverse("hub:integration_tab", args=[row.integration_id, "deliveries"]))
