"""What a decision would write to each side, with the real checks, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conflicts.maps import Counterparts, compiled_map, local_fields
from conflicts.models import ConflictResolution
from reconcile.fieldmap import CompiledMap
from reconcile.kinds import ValueProblem
from reconcile.model import Unmapped
from workspace.services import records_read

from .choices import is_about_record, resolve_choices
from .journal import REVERT_PREFIX


@dataclass(frozen=True)
class PlannedWrite:
    """One write to one side. ``field`` is the local field or the vendor's path; ``problem`` says why it would fail."""

    key: str
    label: str
    field: str
    before: Any
    after: Any
    problem: str = ""
    note: str = ""


@dataclass(frozen=True)
class Preview:
    """``local`` and ``external`` are the exact writes; both empty means nothing is written anywhere."""

    resolved: dict[str, dict[str, Any]]
    local: list[PlannedWrite]
    external: list[PlannedWrite]

    @property
    def problems(self) -> list[str]:
        return [f"{write.label}: {write.problem}" for write in (*self.local, *self.external) if write.problem]


def conflict_preview(
    conflict: ConflictResolution, *, choices: Mapping[str, Mapping[str, Any]], push: bool = True
) -> Preview:
    """The writes a decision leads to. Raises ``InvalidDecision`` as deciding would; writes nothing."""
    fields = local_fields(conflict.integration, conflict.resource)
    resolved = resolve_choices(conflict, choices, fields)
    if is_about_record(conflict):
        return Preview(resolved, [], [])
    local, chosen = [], {}
    for entry in conflict.fields:
        key, value = entry["key"], resolved[entry["key"]]["value"]
        if value != entry["local"]:
            local.append(PlannedWrite(key, _label(entry), fields.get(key, key), entry["local"], value))
        if resolved[key]["choice"] != "external":
            chosen[key] = value
    external: list[PlannedWrite] = []
    if push and chosen and not conflict.group.startswith(REVERT_PREFIX):
        external = _outward(conflict, chosen)
    return Preview(resolved, local, external)


def _outward(conflict: ConflictResolution, chosen: Mapping[str, Any]) -> list[PlannedWrite]:
    compiled = compiled_map(conflict.integration, conflict.resource, conflict.record_type)
    entries = {entry["key"]: entry for entry in conflict.fields}
    if compiled is None:
        problem = "the field map cannot be used; repair it first"
        return [
            PlannedWrite(k, _label(entries[k]), k, entries[k]["external_raw"], v, problem)
            for k, v in chosen.items()
        ]
    local_values = dict(chosen)
    ctx = Counterparts(conflict.integration, compiled.references_out(local_values))
    writes = []
    for key, value in chosen.items():
        write = _outward_one(compiled, ctx, entries[key], value)
        if write is not None:
            writes.append(write)
    return writes


def _outward_one(
    compiled: CompiledMap, ctx: Counterparts, entry: Mapping[str, Any], value: Any
) -> PlannedWrite | None:
    """None if the vendor's side would stay as it is."""
    key, there = entry["key"], entry["external_raw"]
    link = compiled.links.get(key)
    if link is None:
        return PlannedWrite(key, _label(entry), key, there, value, "this field is no longer in the field map")
    path = ", ".join(link.external)
    if not link.is_out:
        return PlannedWrite(
            key, _label(entry), path, there, there, note="only read from there: the sides will differ"
        )
    try:
        sent = compiled.outward(key, value, ctx)
    except ValueProblem as exc:
        return PlannedWrite(key, _label(entry), path, there, value, str(exc))
    if isinstance(sent, Unmapped):
        return PlannedWrite(key, _label(entry), path, there, value, sent.reason)
    if compiled.bound[key].normalise(sent) == there:
        return None
    return PlannedWrite(key, _label(entry), path, there, sent)


def _label(entry: Mapping[str, Any]) -> str:
    return str(entry.get("label") or entry["key"])


def values_now(conflict: ConflictResolution) -> dict[str, Any]:
    """The record's present values by field; {} if it is gone."""
    if conflict.record_id is None:
        return {}
    states = records_read(
        tenant_id=conflict.tenant_id, record_type=conflict.record_type, ids=[conflict.record_id]
    )
    state = states.get(conflict.record_id)
    return state.values if state else {}
