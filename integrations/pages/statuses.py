"""Status tables: external status, lane or list → stage; read from the vendor, edited by people (B3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from connectors.base.errors import SyncError
from connectors.base.types import Resource
from integrations.models import Integration, StatusMap
from integrations.services.fieldmaps import field_map_current
from integrations.services.problems import InvalidSettings
from integrations.services.statusmaps import stages_of, status_map_refresh, status_map_save
from workspace.access import Action

from .base import HubView
from .kinds import resource_named


def status_tables(
    integration: Integration, resource: Resource, current: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One table per link that is edited as external value → stage."""
    by_key = {link.get("key") or link["local"]: link for link in current["links"]}
    tables = []
    for key in resource.status_links:
        if key not in by_key:
            continue
        rows = list(StatusMap.objects.filter(integration=integration, resource=resource.name, link_key=key))
        tables.append(
            {
                "key": key,
                "rows": rows,
                "stages": stages_of(integration, resource.name, by_key[key]["local"]),
                "unmapped": sum(not row.local_value and not row.is_gone for row in rows),
            }
        )
    return tables


def refresh_statuses(view: HubView, integration: Integration, resource: Resource) -> None:
    """Fill the status tables of a kind that has none yet; where the other side cannot be asked, the page says so."""
    links = field_map_current(integration=integration, resource=resource.name)["links"]
    has_table = {link.get("key") or link["local"] for link in links}.intersection(resource.status_links)
    if not has_table or StatusMap.objects.filter(integration=integration, resource=resource.name).exists():
        return
    try:
        status_map_refresh(integration=integration, resource=resource.name, user=view.request.user)
    except (SyncError, InvalidSettings) as error:
        view.say(f"The statuses of {resource.label} could not be read: {error}", "warning")


class StatusMapSave(HubView):
    """Save or refresh one table; on a fault the page says which row."""

    action = Action.MANAGE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
        integration = self.integration(pk)
        resource_named(integration, resource)
        home = reverse("hub:integration_tab", args=[pk, "field-maps"])
        try:
            if request.POST.get("do") == "refresh":
                found = status_map_refresh(integration=integration, resource=resource, user=request.user)
                self.say(f"{len(found)} statuses found on the other side.")
            else:
                status_map_save(
                    integration=integration,
                    resource=resource,
                    rows=typed_statuses(request.POST),
                    user=request.user,
                    link_key=request.POST.get("link_key", "stage"),
                )
                self.say("The status map is saved.")
        except SyncError as error:
            self.say(f"The other side could not be asked: {error}", "error")
        except InvalidSettings as refused:
            self.say(" ".join(text for texts in refused.errors.values() for text in texts), "error")
        return self.back(f"{home}#{resource}")


def typed_statuses(data: Any) -> list[dict[str, Any]]:
    values = data.getlist("external_value")
    names, locals_ = data.getlist("external_name"), data.getlist("local_value")
    returns, gone = set(data.getlist("is_return")), set(data.getlist("is_gone"))
    return [
        {
            "external_value": value,
            "external_name": names[number] if number < len(names) else "",
            "local_value": locals_[number] if number < len(locals_) else "",
            "is_return": value in returns,
            "is_gone": value in gone,
        }
        for number, value in enumerate(values)
        if value
    ]
