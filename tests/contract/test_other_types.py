"""A resource that is kept as another type of record than usual (contacts as leads, epics as projects): the default links for
that type work, both ways, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors import registry
from integrations.models import JobKind, MappingState
from sync.context import IntegrationContext
from tests.contract.fields import both_ways
from tests.contract.hub import Hub, connect
from tests.contract.test_every_connector import FIXTURES, made
from tests.sandbox_fixtures import filled

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]


def _others() -> Iterator[Any]:
    for slug, fixture in FIXTURES.items():
        settings = filled(fixture.settings, "http://127.0.0.1:1/stand-in")
        for resource in registry.get(fixture.slug or slug).resources_of(settings):
            for record_type in resource.other_record_types:
                yield pytest.param(
                    slug, resource.name, record_type, id=f"{slug}-{resource.name}-{record_type}"
                )


@pytest.mark.parametrize(("slug", "name", "record_type"), list(_others()))
def test_another_type_of_record_works_both_ways(
    connect: Callable[..., Hub], slug: str, name: str, record_type: str
) -> None:
    hub = connect(slug, {name: record_type})
    resource = next(each for each in hub.resources if each.name == name)
    external_id = made(hub.stand, resource).id
    hub.run(JobKind.MANUAL)
    pair = hub.pair_of(name, external_id)
    assert (pair.record_type, pair.state) == (record_type, MappingState.SYNCED), hub.state_of(pair)
    for field in both_ways(hub, IntegrationContext(hub.integration).resource(name), pair):
        wanted = next(field.others(), None)
        if wanted is None or field.is_fixed:
            continue
        hub.edit(pair, {field.name: wanted})
        assert pair.state == MappingState.SYNCED, (field.name, wanted, hub.state_of(pair))
        assert (field.here, field.there) == (wanted, wanted), field.name
    with hub.quiet():
        hub.run(JobKind.MANUAL)
