"""Field maps: defaults, versions, and the live preview through the real transforms (D1, D3, D5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from connectors import registry
from connectors.base.types import Resource
from integrations.audit import audit
from integrations.models import (
    Cursor,
    FieldMap,
    Integration,
    JobStatus,
    Operation,
    StatusMap,
    SyncDirection,
    SyncJob,
)
from integrations.models import (
    Mapping as PairMapping,
)
from integrations.services.logs import log_write
from integrations.services.marks import mark_held
from integrations.services.problems import InvalidSettings, Refused
from integrations.services.status import integration_announce
from reconcile.fieldmap import CompiledMap, FieldMapProblem, compile_field_map, link_to_dict, parse_field_map
from reconcile.fieldmap import FieldMap as ParsedMap
from reconcile.kinds import Kind, ValueProblem, canonical
from reconcile.model import Unmapped
from reconcile.transforms import TRANSFORMS, NoContext
from workspace.kinds import record_kinds, record_spec
from workspace.models import RECORD_TYPES

MAX_SAMPLES = 25


class StaleFieldMap(Refused):
    """Someone saved a newer version meanwhile."""

    code = "stale"

    def __init__(self, current: FieldMap) -> None:
        super().__init__(f"Version {current.version} was saved meanwhile. Look at it and save again.")
        self.current = current


def resource_or_problem(integration: Integration, name: str) -> Resource:
    """The connector's resource. Raises ``InvalidSettings``."""
    connector = registry.get(integration.connector)
    try:
        return connector.resource(name, integration.options)
    except KeyError as error:
        known = ", ".join(resource.name for resource in connector.resources_of(integration.options))
        raise InvalidSettings(
            {"resource": [f"{connector.name} has no “{name}”. It has: {known}."]}
        ) from error


def field_map_defaults(
    *, integration: Integration, resource: str, record_type: str = ""
) -> list[dict[str, Any]]:
    """The connector's own links, in the shape a saved map has: for the usual type of record, or for another that fits."""
    found = resource_or_problem(integration, resource)
    links = found.links_for(record_type or found.record_type)
    return [{"key": spec.key or spec.local, **link_to_dict(spec)} for spec in links]


def record_types(integration: Integration) -> dict[str, str]:
    """What each of the connector's resources is kept as here, by its name. One query."""
    saved = FieldMap.objects.filter(integration=integration, is_current=True)
    in_force = dict(saved.values_list("resource", "record_type"))
    declared = registry.get(integration.connector).resources_of(integration.options)
    return {each.name: in_force.get(each.name, each.record_type) for each in declared}


def field_map_current(*, integration: Integration, resource: str) -> dict[str, Any]:
    """The links in force: ``{resource, record_type, version, links, note}``; version 0 are the connector's defaults."""
    saved = FieldMap.objects.filter(integration=integration, resource=resource, is_current=True).first()
    if saved is not None:
        return {
            "resource": resource,
            "record_type": saved.record_type,
            "version": saved.version,
            "links": saved.links,
            "note": saved.note,
        }
    found = resource_or_problem(integration, resource)
    links = field_map_defaults(integration=integration, resource=resource)
    return {"resource": resource, "record_type": found.record_type, "version": 0, "links": links, "note": ""}


def field_map_save(
    *,
    integration: Integration,
    resource: str,
    links: Sequence[Mapping[str, Any]],
    user: Any,
    record_type: str = "",
    note: str = "",
    based_on: int | None = None,
    now: datetime | None = None,
) -> FieldMap:
    """Save a new version and make it the current one. Raises ``InvalidSettings`` or ``StaleFieldMap``.

    ``based_on`` is the version that was edited (0: the defaults). Pairs take the new map up when they are next looked at;
    those that waited for one are looked at now. Without ``record_type`` it stays what it is; another one is refused while
    pairs stand (``record_type_problem``), and status maps start over, as their stages were the old type's.
    """
    found = resource_or_problem(integration, resource)
    kept_as = record_types(integration)[resource]
    record_type = record_type or kept_as
    parsed = _parsed(integration, found, record_type, links)
    rows = FieldMap.objects.filter(integration=integration, resource=resource)
    try:
        with transaction.atomic():
            Integration.objects.select_for_update().get(id=integration.id)
            current = rows.filter(is_current=True).first()
            if based_on is not None and current is not None and current.version != based_on:
                raise StaleFieldMap(current)
            if record_type != kept_as:
                if problem := record_type_problem(integration, found, kept_as):
                    raise InvalidSettings({"record_type": [problem]})
                StatusMap.objects.filter(integration=integration, resource=resource).delete()
                cursors = Cursor.objects.filter(integration=integration, resource=resource)
                cursors.update(
                    since=None, sweep=None, resume=None
                )  # no listing of news brings in what is old
            version = (rows.aggregate(Max("version"))["version__max"] or 0) + 1
            rows.filter(is_current=True).update(is_current=False)
            saved = FieldMap.objects.create(
                integration=integration,
                resource=resource,
                record_type=record_type,
                version=version,
                links=_as_saved(links, parsed),
                note=note[:300],
                created_by=user if getattr(user, "pk", None) else None,
            )
            audit(integration, "field_map.changed", user=user, note=f"{resource} version {version}: {note}")
            log_write(
                integration=integration,
                operation=Operation.CONFIG,
                resource=resource,
                message=f"Field map of {resource} saved as version {version}.",
                now=now,
            )
            mark_held(integration=integration, resource=resource, reason="field map", now=now)
            integration_announce(integration, field_map=resource)
    except IntegrityError as error:  # two saved the same version at once
        current = rows.filter(is_current=True).first()
        if current is None:
            raise
        raise StaleFieldMap(current) from error
    return saved


def record_type_keep(
    *, integration: Integration, resource: str, record_type: str, user: Any, now: datetime | None = None
) -> FieldMap | None:
    """Keep a resource as another type of record, with the connector's links for that; None if it is that already."""
    kept_as = record_types(integration).get(resource)
    if record_type == kept_as:
        return None
    words = record_type.replace("_", " ")
    return field_map_save(
        integration=integration,
        resource=resource,
        links=field_map_defaults(integration=integration, resource=resource, record_type=record_type),
        user=user,
        record_type=record_type,
        note=f"Kept as {words}: the connector's own links."[:300],
        now=now,
    )


def record_type_problem(integration: Integration, resource: Resource, kept_as: str) -> str:
    """Why its records cannot be kept as another type now; "" if they can.

    A pair is tied to a record of one type, with bases of that type's fields; read by another type's map it would look
    emptied. What is inside it (comments) belongs to that record as well.
    """
    declared = registry.get(integration.connector).resources_of(integration.options)
    inside = [each.name for each in declared if each.parent == resource.name]
    pairs = PairMapping.objects.live().filter(integration=integration, resource__in=[resource.name, *inside])
    words = kept_as.replace("_", " ")
    if count := pairs.count():
        stand = "1 pair keeps" if count == 1 else f"{count} pairs keep"
        return (
            f"{stand} {resource.label} as {words}, what is inside it included, and a pair cannot change its type. Unlink "
            "them first: the records stay on both sides, and those there are then brought in anew. Or duplicate this "
            "integration and choose the type there."
        )
    if SyncJob.objects.filter(integration=integration, status=JobStatus.RUNNING).exists():
        return "A run is under way and keeps it as it was. Wait for its end, or cancel it, and save again."
    return ""


def _parsed(
    integration: Integration, resource: Resource, record_type: str, links: Sequence[Mapping[str, Any]]
) -> ParsedMap:
    if record_type not in RECORD_TYPES:
        raise InvalidSettings({"record_type": [f"Choose one of: {', '.join(sorted(RECORD_TYPES))}."]})
    fitting = {resource.record_type, *resource.other_record_types}
    if record_type not in fitting:
        raise InvalidSettings({"record_type": [f"{resource.label} fits: {', '.join(sorted(fitting))}."]})
    if not isinstance(links, list | tuple) or not links:
        raise InvalidSettings({"links": ["Give at least one link."]})
    makes_records = integration.create_missing_locally and integration.sync_direction != SyncDirection.OUT
    required = [
        name for name, field in record_spec(record_type).values.items() if field.required and makes_records
    ]
    try:
        return parse_field_map(links, record_kinds=record_kinds(record_type), required_local=required)
    except FieldMapProblem as error:
        errors: dict[str, list[str]] = {}
        for problem in error.problems:
            errors.setdefault(problem.where, []).append(problem.what)
        raise InvalidSettings(errors) from error


def _as_saved(links: Sequence[Mapping[str, Any]], parsed: ParsedMap) -> list[dict[str, Any]]:
    """Links with the keys that bases are kept under, so that a later change of order renames none."""
    return [{**raw, "key": link.key} for raw, link in zip(links, parsed.links, strict=True)]


# ---------------------------------------------------------------- preview


def field_map_preview(
    *,
    integration: Integration,
    resource: str,
    links: Sequence[Mapping[str, Any]],
    samples: Sequence[Mapping[str, Any]] = (),
    local_samples: Sequence[Mapping[str, Any]] = (),
    record_type: str = "",
) -> dict[str, list[list[dict[str, Any]]]]:
    """What these links make of real records, both ways; nothing is saved. Raises ``InvalidSettings``. Without
    ``record_type`` it is what the resource is kept as.

    ``inward`` has a row per external sample with ``{key, local, external, raw, value, problem}`` per link,
    ``outward`` one per local sample. Look-ups show the raw id, as no pairs are consulted.
    """
    found = resource_or_problem(integration, resource)
    of_type = record_type or record_types(integration)[resource]
    compiled = compile_field_map(_parsed(integration, found, of_type, links))
    kinds = record_kinds(of_type)
    return {
        "inward": [_inward(compiled, sample) for sample in samples[:MAX_SAMPLES]],
        "outward": [_outward(compiled, sample, kinds) for sample in local_samples[:MAX_SAMPLES]],
    }


def _inward(compiled: CompiledMap, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    snapshot = compiled.read_external(sample)
    rows = []
    for key, link in compiled.links.items():
        if not link.is_in:
            continue
        row = _row(key, link, snapshot.get(key))
        if key not in snapshot:
            row["problem"] = "This record does not have the field: unknown, which is not the same as empty."
        else:
            row |= _turned(lambda key=key: compiled.inward(key, snapshot[key], NoContext()))
        rows.append(row)
    return rows


def _outward(
    compiled: CompiledMap, sample: Mapping[str, Any], kinds: Mapping[str, Kind]
) -> list[dict[str, Any]]:
    """Samples may come from anybody: each value is made canonical first, as a record's would be."""
    rows = []
    for key, link in compiled.links.items():
        if not link.is_out or link.local not in sample:
            continue
        row = _row(key, link, sample[link.local])
        kind = kinds[link.local]
        row |= _turned(
            lambda key=key, kind=kind, value=sample[link.local]: compiled.outward(
                key, canonical(kind, value), NoContext()
            )
        )
        rows.append(row)
    return rows


def _row(key: str, link: Any, raw: Any) -> dict[str, Any]:
    return {
        "key": key,
        "local": link.local,
        "external": list(link.external),
        "transform": link.transform,
        "raw": raw,
        "value": None,
        "problem": "",
    }


def _turned(turn: Any) -> dict[str, Any]:
    try:
        value = turn()
    except ValueProblem as error:
        return {"problem": str(error)}
    if isinstance(value, Unmapped):
        return {"problem": f"No counterpart: {value.reason} The field is held, never written as empty."}
    return {"value": value}


def transform_catalogue() -> list[dict[str, Any]]:
    """Every transform with its options, for the mapper and the API."""
    return [
        {
            "name": transform.name,
            "label": transform.label,
            "kinds": sorted(str(kind) for kind in transform.kinds),
            "can_in": transform.can_in,
            "can_out": transform.can_out,
            "lossy": transform.lossy,
            "options": [
                {
                    "name": name,
                    "type": option.type,
                    "help": option.help,
                    "required": option.required,
                    "choices": list(option.choices),
                    "default": option.default,
                }
                for name, option in transform.options.items()
            ],
        }
        for transform in TRANSFORMS.values()
    ]
