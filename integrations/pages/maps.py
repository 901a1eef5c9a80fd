"""Field maps and status maps: edited as tables, previewed on real records, versioned (UI 1 step 4, D3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from connectors import registry
from connectors.base.errors import SyncError
from connectors.base.types import Resource
from integrations.models import FieldMap, Integration, StatusMap
from integrations.services.clients import client_for
from integrations.services.fieldmaps import (
    StaleFieldMap,
    field_map_current,
    field_map_preview,
    field_map_save,
    transform_catalogue,
)
from integrations.services.problems import InvalidSettings
from integrations.services.statusmaps import stages_of, status_map_refresh, status_map_save
from workspace.access import Action
from workspace.kinds import record_spec
from workspace.models import RECORD_TYPES
from workspace.services import record_values

from .base import HubView, as_number

SAMPLES = 3
SPARE_ROWS = 3
DIRECTIONS = (("both", "↔ both ways"), ("in", "← only in"), ("out", "→ only out"))


def maps_context(view: HubView, request: HttpRequest, integration: Integration) -> dict[str, Any]:
    """Every kind's map as it is in force, and the status tables."""
    resources = resources_of(integration)
    rows = []
    for resource in resources:
        current = field_map_current(integration=integration, resource=resource.name)
        rows.append(
            {
                "resource": resource,
                "map": current,
                "links": [link_for_page(link) for link in current["links"]],
                "versions": FieldMap.objects.filter(integration=integration, resource=resource.name)
                .select_related("created_by")
                .order_by("-version")[:10],
                "tables": status_tables(integration, resource, current),
            }
        )
    return {"maps": rows}


def resources_of(integration: Integration) -> list[Resource]:
    """The kinds this integration syncs, as the connector declares them."""
    declared = registry.get(integration.connector).resources_of(integration.options)
    return [resource for resource in declared if resource.name in integration.resource_types]


def resource_named(integration: Integration, name: str) -> Resource:
    for resource in registry.get(integration.connector).resources_of(integration.options):
        if resource.name == name:
            return resource
    raise Http404("There is no such kind of record.")


def link_for_page(link: Mapping[str, Any]) -> dict[str, Any]:
    """A saved link as the table shows it."""
    external = link.get("external") or ""
    transform = link.get("transform") or {}
    transform = {"name": transform} if isinstance(transform, str) else transform
    options = {name: value for name, value in transform.items() if name != "name"}
    return {
        "key": link.get("key") or "",
        "local": link.get("local", ""),
        "external": ", ".join(external) if isinstance(external, list | tuple) else external,
        "transform": transform.get("name", ""),
        "options": json.dumps(options, ensure_ascii=False) if options else "",
        "direction": link.get("direction", "both"),
        "required": bool(link.get("required")),
        "default": "" if link.get("default") is None else json.dumps(link["default"], ensure_ascii=False),
        "group": link.get("group") or "",
    }


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


# -- editing a field map -----------------------------------------------------------------------------------


class FieldMapEdit(HubView):
    """The links of one kind of record as a table. Preview runs the real code on real records and saves nothing."""

    action = Action.MANAGE
    template_name = "hub/field_map.html"

    def get(self, request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
        integration = self.integration(pk)
        found = resource_named(integration, resource)
        current = field_map_current(integration=integration, resource=resource)
        links, based_on = current["links"], current["version"]
        if (wanted := as_number(request.GET.get("version", ""))) >= 0:
            old = FieldMap.objects.filter(integration=integration, resource=resource, version=wanted).first()
            links = old.links if old else links
        return self._page(integration, found, [link_for_page(link) for link in links], based_on)

    def post(self, request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
        integration = self.integration(pk)
        found = resource_named(integration, resource)
        rows = typed_rows(request.POST)
        based_on = as_number(request.POST.get("based_on", ""), 0)
        try:
            links = [link_from_row(number, row) for number, row in enumerate(rows)]
            if request.POST.get("do") == "preview":
                preview, problem = self._preview(integration, found, links)
                return self._page(integration, found, rows, based_on, preview=preview, problem=problem)
            saved = field_map_save(
                integration=integration,
                resource=resource,
                links=links,
                user=request.user,
                note=request.POST.get("note", ""),
                based_on=based_on,
            )
        except StaleFieldMap as refused:
            self.say(refused.message, "error")
            return self._page(integration, found, rows, refused.current.version, status=409)
        except InvalidSettings as refused:
            return self._page(integration, found, rows, based_on, errors=refused.errors, status=422)
        self.say(
            f"Version {saved.version} of the field map is in force. Records take it up when they are next looked at."
        )
        return HttpResponseRedirect(reverse("hub:integration_tab", args=[pk, "field-maps"]) + f"#{resource}")

    def _preview(
        self, integration: Integration, resource: Resource, links: list[dict[str, Any]]
    ) -> tuple[Any, str]:
        samples, problem = [], ""
        try:
            client = client_for(integration, purpose="person")
            try:
                samples = [record.data for record in client.list_page(resource.name).records[:SAMPLES]]
            finally:
                client.close()
        except (SyncError, TypeError, ValueError) as error:
            problem = f"No sample could be read from the other side: {error}"
        preview = field_map_preview(
            integration=integration,
            resource=resource.name,
            links=links,
            samples=samples,
            local_samples=local_samples(self.tenant, resource.record_type),
        )
        return preview, problem

    def _page(
        self,
        integration: Integration,
        resource: Resource,
        rows: Sequence[Mapping[str, Any]],
        based_on: int,
        *,
        errors: Mapping[str, Sequence[str]] | None = None,
        preview: Any = None,
        problem: str = "",
        status: int = 200,
    ) -> HttpResponse:
        spare = [link_for_page({})] * SPARE_ROWS
        context = {
            "integration": integration,
            "resource": resource,
            "title": f"{resource.label} ↔ {resource.record_type.replace('_', ' ')}",
            "rows": [
                {**row, "errors": row_errors(errors or {}, number)}
                for number, row in enumerate([*rows, *spare])
            ],
            "based_on": based_on,
            "error_lines": [(where, text) for where, texts in (errors or {}).items() for text in texts],
            "preview": preview,
            "preview_problem": problem,
            "fields": [(name, spec.label) for name, spec in record_spec(resource.record_type).values.items()],
            "transforms": transform_catalogue(),
            "directions": DIRECTIONS,
        }
        return self.render(context=context, status=status)


def typed_rows(data: Any) -> list[dict[str, Any]]:
    """The table's rows as typed, empty ones left out."""
    count = len(data.getlist("local"))
    names = ("key", "local", "external", "transform", "options", "direction", "default", "group")
    columns = {name: data.getlist(name) for name in names}
    rows = []
    for number in range(count):
        row = {name: (columns[name][number] if number < len(columns[name]) else "").strip() for name in names}
        row["required"] = str(number) in data.getlist("required")
        if row["local"] or row["external"]:
            rows.append(row)
    return rows


def link_from_row(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """One typed row as a link. Raises ``InvalidSettings`` for JSON that is none."""
    paths = [path.strip() for path in row["external"].split(",") if path.strip()]
    link: dict[str, Any] = {
        "local": row["local"],
        "external": paths[0] if len(paths) == 1 else paths,
        "direction": row["direction"] or "both",
        "required": row["required"],
    }
    for name in ("key", "group"):
        if row[name]:
            link[name] = row[name]
    options = _json(number, "options", row["options"]) or {}
    if not isinstance(options, dict):
        raise InvalidSettings({f"links[{number}].options": ['Write the options as {"name": value}.']})
    if row["transform"]:
        link["transform"] = {"name": row["transform"], **options}
    if row["default"]:
        link["default"] = _json(number, "default", row["default"])
    return link


def _json(number: int, name: str, text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as exc:
        if name == "default":
            return text
        raise InvalidSettings({f"links[{number}].{name}": [f"This is not JSON: {exc}."]}) from exc


def row_errors(errors: Mapping[str, Sequence[str]], number: int) -> list[str]:
    start = f"links[{number}]"
    return [
        text
        for where, texts in errors.items()
        if where == start or where.startswith(f"{start}.")
        for text in texts
    ]


def local_samples(tenant: Any, record_type: str) -> list[dict[str, Any]]:
    """The newest few records here, as canonical values."""
    rows = RECORD_TYPES[record_type]._default_manager.filter(tenant=tenant, deleted_at__isnull=True)
    return [record_values(row) for row in rows.order_by("-updated_at")[:SAMPLES]]


# -- status maps -------------------------------------------------------------------------------------------


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
