"""Names of kinds and fields in settings, held against the maps in force.

A misspelt one is no fault anybody sees: a filter's field that does not exist holds for no record, and so puts all of them
out of scope (E14).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.types import Resource
from integrations.models import FieldMap, Integration
from reconcile.fieldmap import link_to_dict
from reconcile.kinds import Kind
from reconcile.paths import PathError, compile_path
from workspace.kinds import record_spec

#: by which fields records are recognised where nobody has chosen
MATCH_DEFAULTS: Mapping[str, tuple[str, ...]] = {"member": ("email",), "label": ("name",)}
#: operators that hold for no record without the field
NEEDS_A_VALUE = ("equals", "in", "has", "not_empty")
#: names that are listed where none is close
LISTED = 20


@dataclass(frozen=True)
class KindInForce:
    """A resource as it is kept now: the type of record, and the links of the saved map or the connector's own."""

    resource: Resource
    record_type: str
    links: Sequence[Mapping[str, Any]]

    @property
    def by_key(self) -> dict[str, Mapping[str, Any]]:
        """The links by the keys that bases and rules know them by."""
        return {link.get("key") or link["local"]: link for link in self.links}

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the record type, mapped or not."""
        return tuple(record_spec(self.record_type).values)

    @property
    def paths(self) -> set[str]:
        """The external paths that are known: the vendor has others, which no declaration tells of."""
        own = [
            *self.resource.links,
            *(link for links in self.resource.other_links.values() for link in links),
        ]
        given = [link.external for link in own] + [link.get("external") or "" for link in self.links]
        return {path for each in given for path in ([each] if isinstance(each, str) else each) if path}

    @property
    def match_choices(self) -> dict[str, str]:
        """Link keys by which its records can be recognised → the field's label: texts that are read from there."""
        specs = record_spec(self.record_type).values
        comes_in = {
            key: specs.get(link["local"])
            for key, link in self.by_key.items()
            if link.get("direction", "both") != "out"
        }
        return {key: spec.label for key, spec in comes_in.items() if spec and spec.kind is Kind.TEXT}

    @property
    def match_default(self) -> list[str]:
        return [key for key in MATCH_DEFAULTS.get(self.record_type, ()) if key in self.by_key]


def kinds_in_force(
    connector: Connector, options: Mapping[str, Any], integration: Integration | None = None
) -> dict[str, KindInForce]:
    """Every resource by its name. One query, none without an integration."""
    rows = FieldMap.objects.filter(integration=integration, is_current=True) if integration else ()
    saved = {row.resource: row for row in rows}
    return {each.name: _in_force(each, saved.get(each.name)) for each in connector.resources_of(options)}


def kinds_described(
    connector: Connector, options: Mapping[str, Any], maps: Iterable[Mapping[str, Any]]
) -> dict[str, KindInForce]:
    """Every resource by its name, with the maps of an export in place of the connector's own. No query.

    What is no map is left out here: saving it says what is wrong with it.
    """
    kinds = kinds_in_force(connector, options)
    for row in maps:
        known, links = kinds.get(str(row.get("resource"))), row.get("links")
        if known is None or not isinstance(links, list):
            continue
        record_type = row.get("record_type") or known.record_type
        sound = [each for each in links if isinstance(each, Mapping) and isinstance(each.get("local"), str)]
        if record_type in (known.record_type, *known.resource.other_record_types):
            kinds[known.resource.name] = KindInForce(known.resource, record_type, sound)
    return kinds


def kinds_of_tenant(integrations: Iterable[Integration]) -> list[KindInForce]:
    """The kinds that these integrations sync. One query for all of them."""
    rows = list(integrations)
    saved = {
        (row.integration_id, row.resource): row
        for row in FieldMap.objects.filter(integration__in=rows, is_current=True)
    }
    return [
        _in_force(each, saved.get((row.id, each.name)))
        for row in rows
        for each in registry.get(row.connector).resources_of(row.options)
    ]


def _in_force(resource: Resource, saved: FieldMap | None) -> KindInForce:
    if saved is not None:
        return KindInForce(resource, saved.record_type, saved.links)
    links = [{"key": spec.key or spec.local, **link_to_dict(spec)} for spec in resource.links]
    return KindInForce(resource, resource.record_type, links)


def unknown_name(name: str, known: Collection[str], whose: str) -> str:
    """What to say of a name that is not among the known ones: the one that was meant, else those there are."""
    close = get_close_matches(name, sorted(known), 1, 0.6)
    if close:
        return f"{whose} has no “{name}”. Did you mean “{close[0]}”?"
    listed = ", ".join(sorted(known)[:LISTED])
    return f"{whose} has no “{name}”. It has: {listed}{', …' if len(known) > LISTED else ''}."


def name_problems(
    values: Mapping[str, Any], kinds: Mapping[str, KindInForce], chosen: Collection[str]
) -> dict[str, list[str]]:
    """Unknown names in a filter, in rules by field and in what records are recognised by, by setting.

    ``values`` are sound in shape; ``chosen`` are the kinds that are synced, none meaning all.
    """
    errors: dict[str, list[str]] = {}
    concerned = {name: kind for name, kind in kinds.items() if name in chosen} or dict(kinds)
    if problem := _filter_problem(values.get("record_filter") or {}, kinds, concerned):
        errors["record_filter"] = [problem]
    known = {key for kind in concerned.values() for key in kind.by_key}
    if unknown := [name for name in values.get("merge_rules") or {} if known and name not in known]:
        errors["merge_rules"] = [unknown_name(unknown[0], known, "The field map")]
    match = (values.get("options") or {}).get("match") or {}
    if problem := next(filter(None, (_match_problem(name, match[name], kinds) for name in match)), None):
        errors["options.match"] = [problem]
    return errors


# ---------------------------------------------------------------- filters


def _filter_problem(
    value: Mapping[str, Any], kinds: Mapping[str, KindInForce], chosen: Mapping[str, KindInForce]
) -> str | None:
    if not kinds:
        return None
    for side, conditions in value.items():
        for number, condition in enumerate(conditions, 1):
            name = condition.get("resource")
            if name is not None and name not in kinds:
                problem: str | None = unknown_name(str(name), kinds, "This system")
            else:
                concerned = chosen if name is None else {name: kinds[name]}
                check = _local_problem if side == "local" else _external_problem
                problem = check(condition, list(concerned.values()))
            if problem:
                return f"{side} condition {number}: {problem}"
    return None


def _local_problem(condition: Mapping[str, Any], kinds: Sequence[KindInForce]) -> str | None:
    name = str(compile_path(condition["field"]).steps[0])
    lacking = [kind for kind in kinds if name not in kind.fields]
    if len(lacking) == len(kinds):
        known = {field for kind in kinds for field in kind.fields}
        types = " or ".join(sorted({kind.record_type.replace("_", " ") for kind in kinds}))
        return unknown_name(name, known, f"A record here ({types})")
    if lacking and condition.get("op", "equals") in NEEDS_A_VALUE:
        meant = next(kind.resource.name for kind in kinds if kind not in lacking)
        return (
            f"{lacking[0].resource.label} has no “{name}” here, so that none of it would take part. Say which kind is meant: "
            f'"resource": "{meant}".'
        )
    return None


def _external_problem(condition: Mapping[str, Any], kinds: Sequence[KindInForce]) -> str | None:
    """Only what looks like a slip is refused: a vendor's record holds more than what is mapped."""
    steps = compile_path(condition["field"]).steps
    known = {path for kind in kinds for path in kind.paths}
    if any(_is_part(steps, path) for path in known):
        return None
    close = get_close_matches(condition["field"], sorted(known), 1, 0.85)
    if not close:
        return None
    return (
        f"“{condition['field']}” is not known. Did you mean “{close[0]}”? If their records really have it, map it to a field "
        "here first."
    )


def _is_part(steps: tuple[str | int, ...], path: str) -> bool:
    """True if one of the two leads on from the other, or they are the same."""
    try:
        other = compile_path(path).steps
    except PathError:
        return False
    shared = min(len(steps), len(other))
    return steps[:shared] == other[:shared]


# ---------------------------------------------------------------- recognising


def _match_problem(name: str, keys: Sequence[str], kinds: Mapping[str, KindInForce]) -> str | None:
    if name not in kinds:
        return unknown_name(name, kinds, "This system")
    choices = kinds[name].match_choices
    unknown = [key for key in keys if key not in choices]
    return (
        unknown_name(unknown[0], choices, f"{kinds[name].resource.label}, for recognising,")
        if unknown
        else None
    )


def match_chosen(integration: Integration, kinds: Mapping[str, KindInForce]) -> dict[str, list[str]]:
    """By which fields each synced kind's records are recognised now; empty: every record of theirs is new.

    Only kinds with a field to choose; records inside others follow their parents.
    """
    given = integration.options.get("match", {})
    return {
        name: list(given.get(name, kind.match_default))
        for name, kind in kinds.items()
        if name in integration.resource_types and kind.match_choices and not kind.resource.parent
    }


def match_option(
    chosen: Mapping[str, Sequence[str]], kinds: Mapping[str, KindInForce]
) -> dict[str, list[str]]:
    """``options.match`` for what was chosen: what is as usual is left out."""
    return {name: list(keys) for name, keys in chosen.items() if list(keys) != kinds[name].match_default}


def rule_name_problems(
    kinds: Sequence[KindInForce], *, field: str, resource: str, is_everywhere: bool
) -> dict[str, str]:
    """What is wrong with the kind and field that a remembered choice names; "" means every one."""
    names = {kind.resource.name for kind in kinds}
    if resource and names and resource not in names:
        return {
            "resource": unknown_name(
                resource, names, "What is connected" if is_everywhere else "This integration"
            )
        }
    keys = {key for kind in kinds if resource in ("", kind.resource.name) for key in kind.by_key}
    return (
        {}
        if not field or not keys or field in keys
        else {"field": unknown_name(field, keys, "The field map")}
    )
