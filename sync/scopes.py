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


def local_in_scope(integration: Integration, state: RecordState) -> bool:
    """True if the record is to be kept in sync with this integration."""
    if not state.external_sync_enabled:
        return False
    return all(_holds(state.values, c) for c in integration.record_filter.get("local", []))


def external_in_scope(integration: Integration, resource: str, record: ExternalRecord) -> bool:
    """True if the vendor's record passes the integration's conditions for this resource."""
    conditions = [
        c for c in integration.record_filter.get("external", []) if c.get("resource", resource) == resource
    ]
    return all(_holds(record.data, condition) for condition in conditions)


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
