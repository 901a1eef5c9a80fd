"""The field map of a conflict's resource: which local field a key fills, and what would be written outward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from integrations.models import Integration, Mapping, StatusMap
from integrations.services.fieldmaps import field_map_current
from integrations.services.problems import InvalidSettings
from reconcile.fieldmap import CompiledMap, FieldMapProblem, compile_field_map, parse_field_map
from workspace.kinds import record_kinds


def links_of(integration: Integration, resource: str) -> list[dict[str, Any]]:
    """The links in force; [] if the connector has no such resource (any more)."""
    try:
        return list(field_map_current(integration=integration, resource=resource)["links"])
    except (InvalidSettings, KeyError):
        return []


def local_fields(integration: Integration, resource: str) -> dict[str, str]:
    """Link key → local field."""
    return {link.get("key") or link["local"]: link["local"] for link in links_of(integration, resource)}


def compiled_map(integration: Integration, resource: str, record_type: str) -> CompiledMap | None:
    """The map with the status table filled in; None if it cannot be used (it says so where it is edited)."""
    statuses: dict[str, list[StatusMap]] = {}
    for row in StatusMap.objects.filter(integration=integration, resource=resource):
        statuses.setdefault(row.link_key, []).append(row)
    links = [_with_statuses(link, statuses) for link in links_of(integration, resource)]
    try:
        return compile_field_map(parse_field_map(links, record_kinds=record_kinds(record_type)))
    except (FieldMapProblem, KeyError):
        return None


def _with_statuses(link: dict[str, Any], statuses: dict[str, list[StatusMap]]) -> dict[str, Any]:
    rows = statuses.get(link.get("key") or link["local"])
    if not rows:
        return link
    there = {row.external_value: row.local_value for row in rows if row.local_value}
    back = {row.local_value: row.external_value for row in rows if row.local_value and row.is_return}
    for external, local in there.items():
        back.setdefault(local, external)
    return {**link, "transform": {"name": "enum", "map": there, "back": back}}


class Counterparts:
    """References of one pair, loaded before they are asked for (``reconcile.model.MapContext``)."""

    def __init__(self, integration: Integration, outward: Iterable[tuple[str, str]]) -> None:
        wanted = set(outward)
        self._there: dict[tuple[str, str], str] = {}
        self._here: dict[tuple[str, str], str] = {}
        if not wanted:
            return
        rows = Mapping.objects.live().filter(
            integration=integration,
            resource__in={resource for resource, _ in wanted},
            record_id__in={ref for _, ref in wanted},
            external_id__isnull=False,
        )
        for resource, record_id, external_id in rows.values_list("resource", "record_id", "external_id"):
            self._there[(resource, str(record_id))] = str(external_id)
            self._here[(resource, str(external_id))] = str(record_id)

    def local_id(self, resource: str, external_id: str) -> str | None:
        return self._here.get((resource, external_id))

    def external_id(self, resource: str, local_id: str) -> str | None:
        return self._there.get((resource, local_id))
