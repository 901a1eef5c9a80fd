"""The engine with every connector on its stand-in, over HTTP: what is there comes here, what changes on either side
arrives on the other, and a pass over what nobody touched writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from connectors.base.paths import read_path
from connectors.base.types import Can, LinkSpec, Resource
from integrations.models import JobKind, JobStatus, Mapping, MappingState
from tests.contract.hub import Hub, connect, each_stand_in, read_there
from tests.contract.test_every_connector import made, parent_of, walk

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]
TEXTS = ("title", "name", "customer_name", "notes", "body")


def _text_link(resource: Resource) -> LinkSpec | None:
    """The link of a plain text that both sides may write."""
    for local in TEXTS:
        for link in resource.links:
            plain = link.transform is None or link.transform.get("name") in ("string", "rich_text")
            if link.local == local and link.direction == "both" and isinstance(link.external, str) and plain:
                return link
    return None


def _words(text: Any) -> str:
    """The words of a text, whatever it is marked up with: as HTML, or as a document of nodes (ADF)."""
    if isinstance(text, dict):
        parts = [text.get("text", ""), *map(_words, text.get("content", ()))]
        return " ".join(" ".join(map(str, parts)).split())
    return " ".join(re.sub(r"<[^>]+>", " ", str(text)).split())


@each_stand_in
def test_both_sides_agree_and_a_pass_over_what_nobody_touched_writes_nothing(
    connect: Callable[[str], Hub], slug: str
) -> None:
    hub = connect(slug)
    _everything_is_here(hub)
    with hub.quiet():
        assert hub.run(JobKind.MANUAL).status == JobStatus.SUCCEEDED
    edited = _made_by_both_sides(hub)
    for resource, link, pair in edited:
        _an_edit_here_arrives_there(hub, resource, link, pair)
    _edits_there_arrive_here(hub, edited)
    with hub.quiet():
        assert hub.run(JobKind.MANUAL).status == JobStatus.SUCCEEDED


def _everything_is_here(hub: Hub) -> None:
    for resource in hub.resources:
        if Can.LIST not in resource.can:
            continue
        parent = None if resource.lists_across_parents else parent_of(hub.stand, resource)
        listed = walk(hub.stand.client, resource.name, parent_id=parent)
        there = {one.id for one in listed if not one.is_archived and not one.is_deleted}
        pairs = Mapping.objects.filter(integration=hub.integration, resource=resource.name)
        assert there <= set(pairs.values_list("external_id", flat=True)), resource.name
    states = Mapping.objects.filter(integration=hub.integration).exclude(state=MappingState.SYNCED)
    assert list(states.values_list("resource", "external_id", "state", "state_reason")[:5]) == []


Edited = tuple[Resource, LinkSpec, Mapping]


def _made_by_both_sides(hub: Hub) -> list[Edited]:
    """A record of each kind that may be made and edited, by the hub's own account: some vendors let nobody else's be
    edited. Empty where the vendor lets nothing be made."""
    made_there = []
    for resource in hub.resources:
        link = _text_link(resource)
        if link is not None and {Can.UPDATE, Can.CREATE, Can.GET} <= resource.can:
            made_there.append((resource, link, made(hub.stand, resource)))
    hub.run(JobKind.MANUAL)
    return [(resource, link, hub.pair_of(resource.name, record.id)) for resource, link, record in made_there]


def _an_edit_here_arrives_there(hub: Hub, resource: Resource, link: LinkSpec, pair: Mapping) -> None:
    """And what nobody touched stays as it was, to the byte."""
    before = read_there(hub, pair)
    hub.edit(pair, {link.local: "Repainted by the hub"})
    pair.refresh_from_db()
    assert pair.state == MappingState.SYNCED, (resource.name, pair.state, pair.state_reason)
    after = read_there(hub, pair)
    assert "Repainted by the hub" in str(read_path(after.data, str(link.external))), resource.name
    for other in resource.links:
        path = str(other.external)
        if other is not link and other.direction == "both" and isinstance(other.external, str):
            assert read_path(after.data, path) == read_path(before.data, path), f"{resource.name} {path}"


def _edits_there_arrive_here(hub: Hub, edited: list[Edited]) -> None:
    told = [
        (resource, link, pair, edits)
        for resource, link, pair in edited
        if link.external in (edits := hub.stand.fixture.edits.get(resource.name, {}))
    ]
    for resource, _, pair, edits in told:
        hub.stand.client.update(
            resource.name,
            str(pair.external_id),
            edits,
            current=read_there(hub, pair),
            parent_id=pair.external_parent_id or None,
        )
    hub.run(JobKind.MANUAL)
    for resource, link, pair, edits in told:
        pair.refresh_from_db()
        assert pair.state == MappingState.SYNCED, (resource.name, pair.state, pair.state_reason)
        here = getattr(hub.record(pair), link.local)
        assert _words(here) == _words(edits[str(link.external)]), resource.name
