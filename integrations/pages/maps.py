"""Field maps: edited as tables, previewed on real records, versioned (UI 1 step 4, D3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from connectors import registry
from connectors.base.errors import SyncError
from connectors.base.types import Resource
from integrations.models import FieldMap, Integration
from integrations.services.clients import client_for
from integrations.services.fieldmaps import (
    StaleFieldMap,
    field_map_current,
    field_map_preview,
    field_map_save,
    record_type_keep,
    record_type_problem,
    record_types,
    transform_catalogue,
)
from integrations.services.problems import InvalidSettings
from integrations.services.validation import unpicked_problems
from reconcile.paths import paths_in
from workspace.access import Action
from workspace.kinds import record_spec
from workspace.models import RECORD_TYPES
from workspace.services import record_values

from .base import HubView, as_number
from .kinds import resource_named, resources_of, type_choices
from .statuses import refresh_statuses, status_tables

SAMPLES = 3
SPARE_ROWS = 3
DIRECTIONS = (("both", "↔ both ways"), ("in", "← only in"), ("out", "→ only out"))


def maps_context(view: HubView, request: HttpRequest, integration: Integration) -> dict[str, Any]:
    """Every kind's map as it is in force, and the status tables."""
    resources = resources_of(integration)
    rows = []
    for resource in resources:
        current = field_map_current(integration=integration, resource=resource.name)
        others = resource.other_record_types
        rows.append(
            {
                "resource": resource,
                "map": current,
                "types": type_choices(resource) if others else (),
                "stays": record_type_problem(integration, resource, current["record_type"]) if others else "",
                "links": [link_for_page(link) for link in current["links"]],
                "versions": FieldMap.objects.filter(integration=integration, resource=resource.name)
                .select_related("created_by")
                .order_by("-version")[:10],
                "tables": status_tables(integration, resource, current),
            }
        )
    return {"maps": rows}


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
                samples, problem = self._samples(integration, found)
                preview = field_map_preview(
                    integration=integration,
                    resource=resource,
                    links=links,
                    samples=samples,
                    local_samples=local_samples(self.tenant, record_types(integration)[resource]),
                )
                return self._page(
                    integration, found, rows, based_on, preview=preview, problem=problem, samples=samples
                )
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

    def _samples(self, integration: Integration, resource: Resource) -> tuple[list[Mapping[str, Any]], str]:
        """A few of their records as they are now, and why there are none."""
        if missing := unpicked_problems(registry.get(integration.connector), integration.options):
            return [], " ".join(text for texts in missing.values() for text in texts)
        try:
            client = client_for(integration, purpose="person")
            try:
                return [record.data for record in client.list_page(resource.name).records[:SAMPLES]], ""
            finally:
                client.close()
        except (SyncError, TypeError, ValueError) as error:
            return [], f"No sample could be read from the other side: {error}"

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
        samples: Sequence[Mapping[str, Any]] = (),
        status: int = 200,
    ) -> HttpResponse:
        spare = [link_for_page({})] * SPARE_ROWS
        record_type = record_types(integration)[resource.name]
        known = {path for link in resource.links_for(record_type) for path in as_paths(link.external)}
        context = {
            "integration": integration,
            "paths": sorted(known.union(*(paths_in(sample) for sample in samples))),
            "resource": resource,
            "title": f"{resource.label} ↔ {record_type.replace('_', ' ')}",
            "rows": [
                {**row, "errors": row_errors(errors or {}, number)}
                for number, row in enumerate([*rows, *spare])
            ],
            "based_on": based_on,
            "error_lines": [(where, text) for where, texts in (errors or {}).items() for text in texts],
            "preview": preview,
            "preview_problem": problem,
            "fields": [(name, spec.label) for name, spec in record_spec(record_type).values.items()],
            "transforms": transform_catalogue(),
            "directions": DIRECTIONS,
        }
        return self.render(context=context, status=status)


def as_paths(external: str | Sequence[str]) -> list[str]:
    return [external] if isinstance(external, str) else list(external)


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


# -- what it is kept as ------------------------------------------------------------------------------------


class KeptAs(HubView):
    """Keep one kind as another type of record; refused, with the reason, while pairs stand."""

    action = Action.MANAGE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
        integration = self.integration(pk)
        found = resource_named(integration, resource)
        wanted = request.POST.get("record_type", "")
        try:
            changed = record_type_keep(
                integration=integration, resource=resource, record_type=wanted, user=request.user
            )
        except InvalidSettings as refused:
            self.say(" ".join(text for texts in refused.errors.values() for text in texts), "error")
        else:
            if changed is not None:
                self.say(
                    f"{found.label} is kept as {wanted.replace('_', ' ')} now, by the connector’s own links."
                )
                refresh_statuses(self, integration, found)
        return HttpResponseRedirect(reverse("hub:integration_tab", args=[pk, "field-maps"]) + f"#{resource}")
