"""One task in all systems at once: what is written here or in any of them is in every other, and then it is quiet. No vendor's
way to keep a text or a date sets off the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from connectors import registry
from connectors.base.types import Can, Resource
from integrations.models import Mapping, MappingState
from integrations.services.fieldmaps import field_map_save
from reconcile.model import JSON
from sync.context import IntegrationContext, link_as_dict
from tests.contract.fields import Field, both_ways
from tests.contract.hub import Hub, connect
from tests.contract.test_every_connector import FIXTURES
from tests.sandbox_fixtures import filled
from workspace.models import Change, Task
from workspace.services import record_create

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]
SHARED = frozenset({"title", "description", "due_on", "priority"})
TEXT = (
    "Sand the **hull**, then:\n\n- prime it\n- paint it\n\nSee [the plan](https://example.com/plan?a=1&b=2)."
)


def _task_resource(slug: str) -> Resource | None:
    """What a task that is made here becomes there; None where tasks need a place of their own first."""
    fixture = FIXTURES[slug]
    settings = filled(fixture.settings, "http://127.0.0.1:1/stand-in")
    for resource in registry.get(fixture.slug or slug).resources_of(settings):
        links = resource.links_for("task")
        names = {link.local for link in links}
        is_free = not any(link.create_only and link.required for link in links)
        if {Can.CREATE, Can.UPDATE} <= resource.can and {"title", "description"} <= names and is_free:
            return resource
    return None


SYSTEMS = {slug: resource for slug in FIXTURES if (resource := _task_resource(slug)) is not None}


@pytest.mark.timeout(300)
def test_one_task_in_all_systems_agrees_and_comes_to_rest(connect: Callable[..., Hub]) -> None:
    hubs = {slug: _connected(connect, slug, resource) for slug, resource in SYSTEMS.items()}
    for hub in hubs.values():
        hub.integration.create_missing_externally = True
        hub.integration.save()
    one = next(iter(hubs.values()))
    task = record_create(
        tenant=one.integration.tenant,
        record_type="task",
        values={"title": "Paint the boat", "description": TEXT, "priority": "high", "due_on": "2026-12-04"},
        origin=one.by_person,
        now=timezone.now(),
    )
    one.work()
    pairs = {
        s: Mapping.objects.get(integration=hub.integration, record_id=task.pk) for s, hub in hubs.items()
    }
    assert len(pairs) >= 12
    _agree_and_rest(hubs, pairs, {"title": "Paint the boat", "description": TEXT})
    for slug in _one_of_each_text_format():
        fields = {field.name: field for field in _fields(hubs[slug], pairs[slug])}
        fields["title"].set_there(f"Painted at {slug}")
        fields["description"].set_there(f"Told by **{slug}**:\n\n1. one\n2. two")
        told = {name: fields[name].there for name in ("title", "description")}
        hubs[slug].look_at(pairs[slug])
        _agree_and_rest(hubs, pairs, told)


def _one_of_each_text_format() -> list[str]:
    formats = {registry.get(FIXTURES[slug].slug or slug).text_format: slug for slug in SYSTEMS}
    assert len(formats) >= 4
    return list(formats.values())


def _connected(connect: Callable[..., Hub], slug: str, resource: Resource) -> Hub:
    """With the fields that all have; whose people and projects are whose is another story."""
    types = {resource.name: "task"} if resource.record_type != "task" else {}
    hub = connect(slug, types, creates=False)
    links = [
        link_as_dict(link) for link in resource.links_for("task") if link.local in SHARED or link.required
    ]
    field_map_save(
        integration=hub.integration, resource=resource.name, links=links, record_type="task", user=hub.person
    )
    return hub


def _fields(hub: Hub, pair: Mapping) -> list[Field]:
    rc = IntegrationContext(hub.integration).resource(pair.resource)
    return [field for field in both_ways(hub, rc, pair) if field.name in SHARED]


def _agree_and_rest(hubs: dict[str, Hub], pairs: dict[str, Mapping], wanted: dict[str, Any]) -> None:
    task = Task.objects.get(pk=next(iter(pairs.values())).record_id)
    assert {name: getattr(task, name) for name in wanted} == wanted
    before: dict[tuple[str, str], JSON] = {}
    for slug, pair in pairs.items():
        pair.refresh_from_db()
        assert pair.state == MappingState.SYNCED, (slug, hubs[slug].state_of(pair))
        for field in _fields(hubs[slug], pair):
            before[slug, field.name] = field.there  # type: ignore[assignment]
            if field.name != "description":  # a text may lose marks that the vendor does not know
                assert field.there == field.here, (slug, field.name)
    changes = Change.objects.count()
    for slug, pair in pairs.items():
        hubs[slug].look_at(pair)
    assert Change.objects.count() == changes
    after = {(s, field.name): field.there for s, pair in pairs.items() for field in _fields(hubs[s], pair)}
    assert after == before
