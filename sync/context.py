"""What is needed to reconcile a resource: connector, compiled field map and policy, loaded once per run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.db.models.functions import Lower

from conflicts.services import rules_for
from connectors import registry
from connectors.base.connector import Connector
from connectors.base.types import LinkSpec, Resource
from integrations.models import FieldMap, Integration, Mapping, StatusMap
from integrations.services.names import MATCH_DEFAULTS
from reconcile.fieldmap import CompiledMap, compile_field_map, parse_field_map
from reconcile.model import DeletePolicy, Direction, FieldRule, Policy, Rule, Strategy
from workspace.kinds import derived_fields, record_kinds, reference_targets
from workspace.models import Member


@dataclass(frozen=True)
class ResourceContext:
    """One resource of one integration, ready to plan with."""

    integration: Integration
    connector: Connector
    resource: Resource
    record_type: str
    field_map: CompiledMap
    field_map_version: int
    policy: Policy
    delete_policy: DeletePolicy
    #: by link key, the map version since which it ties the same two fields together
    since: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def brings_in(self) -> bool:
        return self.policy.direction is not Direction.OUT

    @property
    def sends_out(self) -> bool:
        return self.policy.direction is not Direction.IN

    @cached_property
    def has_listed_children(self) -> bool:
        """True if records of another resource are listed one parent at a time, and this is that parent."""
        resources = self.connector.resources_of(self.integration.options)
        return any(r.parent == self.name and not r.lists_across_parents for r in resources)

    @cached_property
    def match_on(self) -> tuple[str, ...]:
        """Local fields by which an unlinked record is recognised at first contact."""
        configured = self.integration.options.get("match", {}).get(self.name)
        fields = configured if configured is not None else MATCH_DEFAULTS.get(self.record_type, ())
        return tuple(name for name in fields if name in self.field_map.keys)

    @cached_property
    def remembered_rules(self) -> dict[str, UUID]:
        """Which of the rules in force are people's remembered choices, by link key."""
        marks = {key: rule.source.partition(":") for key, rule in self.policy.rules.items()}
        return {key: UUID(mark[2]) for key, mark in marks.items() if mark[0] == "merge_rule"}


@dataclass
class IntegrationContext:
    """Everything of one integration that a run needs; two queries, then memory."""

    integration: Integration
    _maps: dict[str, FieldMap] = field(default_factory=dict)
    _versions: dict[str, list[FieldMap]] = field(default_factory=dict)
    _statuses: dict[str, list[StatusMap]] = field(default_factory=dict)
    _resources: dict[str, ResourceContext] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in FieldMap.objects.filter(integration=self.integration).order_by("version"):
            self._versions.setdefault(row.resource, []).append(row)
            if row.is_current:
                self._maps[row.resource] = row
        for status in StatusMap.objects.filter(integration=self.integration):
            self._statuses.setdefault(status.resource, []).append(status)

    @cached_property
    def connector(self) -> Connector:
        return registry.get(self.integration.connector)

    @cached_property
    def resources(self) -> list[ResourceContext]:
        """The enabled resources, those that others refer to first, parents before children (E8)."""
        enabled = set(self.integration.resource_types)
        declared = [r for r in self.connector.resources_of(self.integration.options) if r.name in enabled]
        return [self.resource(name) for name in _in_order(declared)]

    def resource(self, name: str) -> ResourceContext:
        """Raises ``KeyError`` if the connector has no such resource."""
        if name not in self._resources:
            self._resources[name] = self._load(name)
        return self._resources[name]

    def for_record_type(self, record_type: str) -> list[ResourceContext]:
        return [rc for rc in self.resources if rc.record_type == record_type]

    def _load(self, name: str) -> ResourceContext:
        resource = self.connector.resource(name, self.integration.options)
        saved = self._maps.get(name)
        record_type = saved.record_type if saved else resource.record_type
        links = saved.links if saved else [link_as_dict(spec) for spec in resource.links]
        links = [self._with_statuses(resource, link) for link in links if self._fits(link, record_type)]
        return ResourceContext(
            integration=self.integration,
            connector=self.connector,
            resource=resource,
            record_type=record_type,
            field_map=_compiled(orjson.dumps(links, option=orjson.OPT_SORT_KEYS), record_type),
            field_map_version=saved.version if saved else 0,
            policy=_policy(self.integration, name, _derived_keys(links, record_type)),
            delete_policy=DeletePolicy(self.integration.delete_policy),
            since=_since([link_as_dict(spec) for spec in resource.links], self._versions.get(name, [])),
        )

    def _fits(self, link: dict[str, Any], record_type: str) -> bool:
        """False for a reference to records that are kept here as another type than the field points to: to an epic as a
        task's parent, where epics are projects.
        """
        name = (link.get("transform") or {}).get("resource")
        target = reference_targets(record_type).get(link["local"])
        return target is None or self._types.get(name, target) == target

    @cached_property
    def _types(self) -> dict[str | None, str]:
        """The record type that each resource is kept as."""
        declared = self.connector.resources_of(self.integration.options)
        saved = {name: row.record_type for name, row in self._maps.items()}
        return {each.name: saved.get(each.name, each.record_type) for each in declared}

    def _with_statuses(self, resource: Resource, link: dict[str, Any]) -> dict[str, Any]:
        """The status table people edit becomes the options of the link's enum transform."""
        key = link.get("key") or link["local"]
        rows = [row for row in self._statuses.get(resource.name, []) if row.link_key == key]
        if not rows:
            return link
        there = {row.external_value: row.local_value for row in rows if row.local_value}
        back = {row.local_value: row.external_value for row in rows if row.local_value and row.is_return}
        for external, local in there.items():
            back.setdefault(local, external)
        return {**link, "transform": {"name": "enum", "map": there, "back": back}}


def _since(defaults: list[dict[str, Any]], versions: list[FieldMap]) -> dict[str, int]:
    """When each key last came to tie other fields together: what was agreed under it before is of other fields."""
    meanings = {key_of(link): _meaning(link) for link in defaults}
    since: dict[str, int] = {}
    for row in versions:  # a key that is missing for a while keeps its meaning
        for link in row.links:
            key, meaning = key_of(link), _meaning(link)
            if meanings.setdefault(key, meaning) != meaning:
                meanings[key], since[key] = meaning, row.version
    return since


def key_of(link: dict[str, Any]) -> str:
    return str(link.get("key") or link["local"])


def _meaning(link: dict[str, Any]) -> tuple[str, tuple[str, ...], str, str]:
    external, transform = link["external"], link.get("transform") or {}
    transform = {"name": transform} if isinstance(transform, str) else transform
    paths = (external,) if isinstance(external, str) else tuple(external)
    return link["local"], paths, str(transform.get("name") or ""), str(transform.get("resource") or "")


def link_as_dict(spec: LinkSpec) -> dict[str, Any]:
    """A connector's default link in the shape a saved field map has."""
    external = spec.external if isinstance(spec.external, str) else list(spec.external)
    return {
        "key": spec.key or spec.local,
        "local": spec.local,
        "external": external,
        "transform": dict(spec.transform) if spec.transform else None,
        "direction": spec.direction,
        "required": spec.required,
        "default": spec.default,
        "group": spec.group,
    }


@lru_cache(maxsize=512)
def _compiled(links: bytes, record_type: str) -> CompiledMap:
    return compile_field_map(parse_field_map(orjson.loads(links), record_kinds=record_kinds(record_type)))


def _derived_keys(links: list[dict[str, Any]], record_type: str) -> frozenset[str]:
    names = derived_fields(record_type)
    return frozenset(link.get("key") or link["local"] for link in links if link["local"] in names)


def _policy(integration: Integration, resource: str, derived: frozenset[str]) -> Policy:
    rules = {
        name: Rule(FieldRule(rule["rule"]), rule.get("separator", " | "))
        for name, rule in integration.merge_rules.items()
    }
    return Policy(
        direction=Direction(integration.sync_direction),
        strategy=Strategy(integration.conflict_strategy),
        fallback=Strategy(integration.fallback_strategy),
        rules={**rules, **rules_for(integration=integration, resource=resource)},
        derived=derived,
    )


def _in_order(resources: list[Resource]) -> list[str]:
    """Names so that what is referred to comes first; a cycle falls back to the declared order."""
    names = [resource.name for resource in resources]
    needs = {r.name: {n for n in (*r.refers_to, r.parent) if n in names and n != r.name} for r in resources}
    ordered: list[str] = []
    while len(ordered) < len(names):
        ready = [name for name in names if name not in ordered and needs[name] <= set(ordered)]
        ordered.append(ready[0] if ready else next(name for name in names if name not in ordered))
    return ordered


class References:
    """Counterparts of references, prefetched per page: a look-up is never a query."""

    def __init__(self) -> None:
        self._local: dict[tuple[str, str], str] = {}
        self._external: dict[tuple[str, str], str] = {}

    def local_id(self, resource: str, external_id: str) -> str | None:
        return self._local.get((resource, external_id))

    def external_id(self, resource: str, local_id: str) -> str | None:
        return self._external.get((resource, local_id))

    def load(
        self, integration: Integration, *, inward: set[tuple[str, str]], outward: set[tuple[str, str]]
    ) -> References:
        """At most one query each way, and one each for references by e-mail address."""
        tenant_id = integration.tenant_id
        self._load_by_email(tenant_id, {each for each in inward if _is_by_email(each[0])})
        self._load_emails(tenant_id, {each for each in outward if _is_by_email(each[0])})
        inward = {each for each in inward if not _is_by_email(each[0])}
        outward = {each for each in outward if not _is_by_email(each[0])}
        live = Mapping.objects.filter(
            integration=integration, record_id__isnull=False, external_id__isnull=False
        )
        live = live.live()
        if inward:
            rows = live.filter(
                resource__in={resource for resource, _ in inward}, external_id__in={ref for _, ref in inward}
            )
            for resource, external_id, record_id in rows.values_list("resource", "external_id", "record_id"):
                self._local[(resource, str(external_id))] = str(record_id)
        if outward:
            rows = live.filter(
                resource__in={resource for resource, _ in outward}, record_id__in={ref for _, ref in outward}
            )
            for resource, external_id, record_id in rows.values_list("resource", "external_id", "record_id"):
                self._external[(resource, str(record_id))] = str(external_id)
        return self

    def _load_by_email(self, tenant_id: UUID, wanted: set[tuple[str, str]]) -> None:
        """Members by their address in lower case; one that two members share names nobody."""
        if not wanted:
            return
        members: QuerySet[Any] = Member.objects.alive().filter(tenant_id=tenant_id)
        rows = members.annotate(address=Lower("email")).filter(address__in={email for _, email in wanted})
        found: dict[str, list[str]] = {}
        for member_id, address in rows.values_list("id", "address"):
            found.setdefault(address, []).append(str(member_id))
        for resource, email in wanted:
            if len(found.get(email, [])) == 1:
                self._local[(resource, email)] = found[email][0]

    def _load_emails(self, tenant_id: UUID, wanted: set[tuple[str, str]]) -> None:
        if not wanted:
            return
        members: QuerySet[Any] = Member.objects.filter(tenant_id=tenant_id, id__in={ref for _, ref in wanted})
        rows = members.exclude(email="").values_list("id", "email")
        addresses = {str(member_id): email.lower() for member_id, email in rows}
        for resource, ref in wanted:
            if ref in addresses:
                self._external[(resource, ref)] = addresses[ref]


def _is_by_email(resource: str) -> bool:
    """True for the ``<resource>:email`` that a look-up by address asks for."""
    return resource.endswith(":email")
