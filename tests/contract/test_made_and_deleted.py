"""A record made here is made there with every field; what one side deletes, the other archives or deletes. By the engine,
over HTTP, for every connector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from connectors.base.types import AbsenceKind, Can, Resource
from integrations.models import DeletePolicy, JobKind, MappingState
from integrations.models import Mapping as Pair
from reconcile.kinds import is_blank
from reconcile.model import JSON
from sync.context import IntegrationContext, References, ResourceContext
from tests.contract.hub import Hub, connect, each_stand_in, read_there
from workspace.kinds import record_spec
from workspace.services import record_create, record_delete

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]
NAMES = ("title", "name", "customer_name")


@each_stand_in
def test_what_is_made_here_is_made_there_and_deletions_follow(
    connect: Callable[[str], Hub], slug: str
) -> None:
    hub = connect(slug)
    hub.integration.delete_budget_percent, hub.integration.delete_budget_count = 100, 1000
    patterns = hub.own_records()
    contexts = IntegrationContext(hub.integration)
    problems: list[str] = []
    pairs: list[tuple[Pair, Pair]] = []
    for name, pattern in patterns.items():
        fresh = _made_here(hub, contexts.resource(name), pattern)
        if fresh is None:
            problems.append(f"{name}: not made: {_said(hub, pattern)}")
            continue
        problems += _every_field_is_there(hub, contexts.resource(fresh.resource), fresh)
        pairs.append((pattern, fresh))
    for pattern, fresh in reversed(pairs):  # what others live in last
        problems += _deleted_here(hub, contexts.resource(pattern.resource).resource, pattern)
        problems += _deleted_there(hub, contexts.resource(fresh.resource).resource, fresh)
    assert not problems, "\n".join(problems)
    with hub.quiet():
        hub.run(JobKind.MANUAL)


def _made_here(hub: Hub, rc: ResourceContext, pattern: Pair) -> Pair | None:
    record = record_create(
        tenant=hub.integration.tenant,
        record_type=pattern.record_type,
        values=_like(hub, rc, pattern),
        origin=hub.by_person,
        now=timezone.now(),
    )
    hub.work()
    return Pair.objects.filter(
        record_id=record.pk, external_id__isnull=False, state=MappingState.SYNCED
    ).first()


def _like(hub: Hub, rc: ResourceContext, pattern: Pair) -> dict[str, JSON]:
    """The values of the record that the stand-in took, under a name of its own; without what only the vendor says."""
    theirs = {bound.link.local for bound in rc.field_map.bound.values() if not bound.link.is_out}
    values = {name: value for name, value in _values(hub, pattern).items() if name not in theirs}
    for name in {*NAMES, "email"} & values.keys():
        values[name] = "made.here@example.com" if name == "email" else f"{values[name]} of ours"
    return values


def _values(hub: Hub, pair: Pair) -> dict[str, JSON]:
    record, spec = hub.record(pair), record_spec(pair.record_type).values
    found = {name: field.from_column(getattr(record, field.attname)) for name, field in spec.items()}
    return {name: value for name, value in found.items() if not is_blank(value)}


def _every_field_is_there(hub: Hub, rc: ResourceContext, pair: Pair) -> list[str]:
    snapshot = rc.field_map.read_external(read_there(hub, pair).data)
    refs = References().load(hub.integration, inward=set(rc.field_map.references_in(snapshot)), outward=set())
    here = _values(hub, pair)
    return [
        f"{rc.name}.{bound.link.local}: {here[bound.link.local]!r} here, {there!r} there"
        for key, bound in rc.field_map.bound.items()
        if bound.link.is_in and bound.link.is_out and bound.link.local in here
        for there in [rc.field_map.inward(key, snapshot[key], refs)]
        if there != here[bound.link.local]
    ]


def _policy(hub: Hub, resource: Resource) -> DeletePolicy | None:
    can = {Can.ARCHIVE: DeletePolicy.ARCHIVE, Can.DELETE: DeletePolicy.DELETE}
    policy = next((policy for ability, policy in can.items() if ability in resource.can), None)
    if policy is not None:
        hub.integration.delete_policy = policy
        hub.integration.save()
    return policy


def _deleted_here(hub: Hub, resource: Resource, pair: Pair) -> list[str]:
    if _policy(hub, resource) is None:
        return []
    record_delete(
        tenant=hub.integration.tenant,
        record_type=pair.record_type,
        record_id=pair.record_id,
        origin=hub.by_person,
        now=timezone.now(),
    )
    hub.work()
    pair.refresh_from_db()
    if pair.state != MappingState.TOMBSTONE or not _is_gone(hub, pair):
        return [f"{resource.name}: deleted here, but {_said(hub, pair)}"]
    return []


def _deleted_there(hub: Hub, resource: Resource, pair: Pair) -> list[str]:
    policy = _policy(hub, resource)
    if policy is None:
        return []
    there = read_there(hub, pair)
    if policy == DeletePolicy.ARCHIVE:
        hub.stand.client.archive(resource.name, there.id, current=there)
    else:
        hub.stand.client.delete(
            resource.name, there.id, parent_id=pair.external_parent_id or None, current=there
        )
    hub.look_at(pair)
    wanted = MappingState.TOMBSTONE if resource.absence_check else MappingState.HELD
    if policy == DeletePolicy.ARCHIVE:  # where archiving is closing, the record goes on, closed
        wanted = MappingState.OUT_OF_SCOPE if read_there(hub, pair).is_archived else MappingState.SYNCED
    is_here = hub.record(pair).deleted_at is None
    if pair.state != wanted or is_here != (wanted != MappingState.TOMBSTONE):
        return [f"{resource.name}: gone there, but {pair.state} {pair.state_reason}, here: {is_here}"]
    return []


def _is_gone(hub: Hub, pair: Pair) -> bool:
    parent_id = pair.external_parent_id or None
    explained = hub.stand.client.explain_absence(pair.resource, [str(pair.external_id)], parent_id=parent_id)
    return explained[str(pair.external_id)].kind != AbsenceKind.PRESENT


def _said(hub: Hub, pair: Pair) -> Any:
    rows = Pair.objects.filter(integration=hub.integration, record_type=pair.record_type)
    return list(
        rows.exclude(state=MappingState.SYNCED).values_list(
            "resource", "external_id", "state", "state_reason", "last_error"
        )
    )
