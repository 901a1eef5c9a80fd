"""Shared by the tests of the core: a known address book, a map of every kind of link, and applying a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile.fieldmap import CompiledMap, compile_field_map, parse_field_map
from reconcile.kinds import Kind
from reconcile.model import Bases, Plan, Policy, Provenance
from reconcile.planner import plan


@dataclass
class Book:
    """A MapContext that knows whom it is told."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)  # (resource, external id) → local id

    def local_id(self, resource: str, external_id: str) -> str | None:
        return self.known.get((resource, external_id))

    def external_id(self, resource: str, local_id: str) -> str | None:
        return next(
            (key[1] for key, value in self.known.items() if key[0] == resource and value == local_id), None
        )


KINDS = {
    "title": Kind.TEXT,
    "description": Kind.RICH_TEXT,
    "stage": Kind.ENUM,
    "priority": Kind.ENUM,
    "assignees": Kind.SET,
    "reporter": Kind.REFERENCE,
    "start_on": Kind.DATE,
    "due_on": Kind.DATE,
    "completed_at": Kind.INSTANT,
    "estimate": Kind.NUMBER,
    "labels": Kind.SET,
    "url": Kind.TEXT,
    "is_blocked": Kind.BOOLEAN,
}


def compiled(*links: Mapping[str, Any], kinds: Mapping[str, Kind] = KINDS) -> CompiledMap:
    return compile_field_map(parse_field_map(links, record_kinds=kinds))


def text_map(*names: str, **options: Any) -> CompiledMap:
    """A map of plain text fields under the same names on both sides."""
    return compiled(
        *({"local": n, "external": n, **options} for n in names), kinds=dict.fromkeys(names, Kind.TEXT)
    )


def plan_for(field_map: CompiledMap, bases: Bases | None, local: Any, external: Any, **extra: Any) -> Plan:
    policy = extra.pop("policy", Policy())
    ctx = extra.pop("ctx", Book())
    return plan(
        field_map=field_map, bases=bases, local=local, external=external, policy=policy, ctx=ctx, **extra
    )


def same_bases(values: Mapping[str, Any]) -> Bases:
    return Bases(dict(values), dict(values), dict.fromkeys(values, Provenance.EQUAL.value))


def applied(
    made: Plan,
    field_map: CompiledMap,
    bases: Bases | None,
    local: Mapping[str, Any],
    external: Mapping[str, Any],
) -> tuple[Bases, dict[str, Any], dict[str, Any]]:
    """Both sides and bases once a well-behaved engine has carried out the plan against a faithful vendor."""
    here = {**local, **made.to_local}
    written = {key: field_map.bound[key].normalise(value) for key, value in made.to_external.items()}
    there = {**external, **written}
    base_local = dict(bases.local) if bases else {}
    base_external = dict(bases.external) if bases else {}
    provenance = dict(bases.provenance) if bases else {}
    for key in {*made.to_local, *made.to_external, *made.agreed, *made.accepted}:
        for side, base in ((here, base_local), (there, base_external)):
            if key in side:
                base[key] = side[key]
        provenance[key] = (
            Provenance.ACCEPTED
            if key in made.accepted
            else Provenance.WRITTEN
            if key in made.to_external
            else Provenance.EQUAL
        ).value
    return Bases(base_local, base_external, provenance), here, there
