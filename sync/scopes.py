"""Which records take part (E14). Leaving a filter is a state of its own, never a delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.types import ExternalRecord
from integrations.models import Integration
from reconcile.paths import compile_path
from workspace.services import RecordState


class Filtered(Exception):
    """This record does not take part; ``str()`` says why."""


def local_in_scope(integration: Integration, resource: str, state: RecordState) -> bool:
    """True if the record is to be kept in sync with this resource of the integration."""
    if not state.external_sync_enabled:
        return False
    return all(_holds(state.values, condition) for condition in _conditions(integration, "local", resource))


def external_in_scope(integration: Integration, resource: str, record: ExternalRecord) -> bool:
    """True if the vendor's record passes the integration's conditions for this resource."""
    return all(_holds(record.data, condition) for condition in _conditions(integration, "external", resource))


def _conditions(integration: Integration, side: str, resource: str) -> list[Mapping[str, Any]]:
    """Those of a side that name this resource, or none."""
    conditions: list[Mapping[str, Any]] = integration.record_filter.get(side, [])
    return [condition for condition in conditions if condition.get("resource", resource) == resource]


def _holds(data: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """``{"field": path, "op": equals|not_equals|in|not_in|has|empty|not_empty, "value": …}``."""
    value = compile_path(condition["field"]).read(data, None)
    wanted = condition.get("value")
    match condition.get("op", "equals"):
        case "equals":
            return bool(value == wanted)
        case "not_equals":
            return bool(value != wanted)
        case "in":
            return value in (wanted or [])
        case "not_in":
            return value not in (wanted or [])
        case "has":
            return wanted in (value or [])
        case "empty":
            return value in (None, "", [])
        case "not_empty":
            return value not in (None, "", [])
    return False
