"""The kinds of records an integration syncs, as its pages name and offer them."""

from __future__ import annotations

from django.http import Http404

from connectors import registry
from connectors.base.types import Resource
from integrations.models import Integration


def resources_of(integration: Integration) -> list[Resource]:
    """The kinds this integration syncs, as the connector declares them."""
    declared = registry.get(integration.connector).resources_of(integration.options)
    return [resource for resource in declared if resource.name in integration.resource_types]


def resource_named(integration: Integration, name: str) -> Resource:
    for resource in registry.get(integration.connector).resources_of(integration.options):
        if resource.name == name:
            return resource
    raise Http404("There is no such kind of record.")


def type_choices(resource: Resource) -> list[tuple[str, str]]:
    """The types of record that this kind may be kept as, the usual one first."""
    return [
        (name, name.replace("_", " ").capitalize())
        for name in (resource.record_type, *resource.other_record_types)
    ]
