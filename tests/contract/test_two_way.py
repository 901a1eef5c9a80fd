"""The engine with every connector on its stand-in, over HTTP: what is there comes here, what changes on either side
arrives on the other, and a pass over what nobody touched writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.demo.work import work_off
from connectors import registry
from connectors.base.paths import read_path
from connectors.base.types import Can, ExternalRecord, LinkSpec, Resource
from integrations.models import (
    Integration,
    JobKind,
    JobStatus,
    Mapping,
    MappingState,
    SyncJob,
)
from integrations.ratelimit import SharedGate
from integrations.services.control import integration_create
from integrations.services.jobs import job_request
from integrations.services.statusmaps import status_map_refresh
from sync.services.jobs import job_run
from tests.contract.test_every_connector import FIXTURES, made, parent_of, walk
from tests.sandbox_fixtures import Stand
from workspace.models import RECORD_TYPES, Change, Membership, OriginKind, Role, Tenant
from workspace.services import Origin, record_update

pytestmark = [pytest.mark.django_db]
each_stand_in = pytest.mark.parametrize("slug", list(FIXTURES))
WRITES = ("POST", "PUT", "PATCH", "DELETE")
TEXTS = ("title", "name", "customer_name", "notes", "body")


@dataclass
class Hub:
    """One integration with one stand-in, and what a worker would do for it."""

    stand: Stand
    integration: Integration
    person: User

    @property
    def resources(self) -> tuple[Resource, ...]:
        return registry.get(self.integration.connector).resources_of(self.stand.settings)

    def run(self, kind: JobKind) -> SyncJob:
        """A run that looks at everything: what changed without a trace in any parent is found by those."""
        job = job_request(integration=self.integration, kind=kind, user=self.person, options={"full": True})
        job_run(job_id=job.id)
        work_off(self.integration.tenant)
        job.refresh_from_db()
        return job

    def pair_of(self, resource: str, external_id: str) -> Mapping:
        return Mapping.objects.get(integration=self.integration, resource=resource, external_id=external_id)

    def record(self, pair: Mapping) -> Any:
        return RECORD_TYPES[pair.record_type]._default_manager.get(pk=pair.record_id)

    def edit(self, pair: Mapping, values: dict[str, Any]) -> None:
        record_update(
            tenant=self.integration.tenant,
            record_type=pair.record_type,
            record_id=UUID(str(pair.record_id)),
            values=values,
            origin=Origin(OriginKind.USER, user=self.person),
            now=timezone.now(),
        )
        work_off(self.integration.tenant)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nothing may be written on either side meanwhile."""
        self.stand.vendor.requests.clear()
        changes = Change.objects.count()
        yield
        written = [
            (entry.method, entry.path, entry.body)
            for entry in self.stand.vendor.requests
            if entry.method in WRITES and not self.stand.vendor.reads_by_post(entry)
        ]
        assert written == []
        late = Change.objects.order_by("-id").values_list("record_type", "changes", "origin")
        assert list(late[: Change.objects.count() - changes]) == []


@pytest.fixture
def connect(open_stand: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Hub]:
    """An integration of that stand-in, both ways, with everything that its listing holds brought in.

    As the stand-in's limit, so the hub's own budget is lifted: a quota of thirty an hour would be waited out here.
    """
    monkeypatch.setattr(SharedGate, "acquire", lambda self, quota_class, budget, *, cost=1: None)

    def make(slug: str) -> Hub:
        stand = open_stand(slug)
        stand.vendor.turn(limit_per_minute=100_000)
        tenant = Tenant.objects.create(name="Harbour", slug="harbour")
        person = User.objects.create_user("rita")
        Membership.objects.create(user=person, tenant=tenant, role=Role.MANAGER)
        integration, _ = integration_create(
            tenant=tenant,
            user=person,
            name=slug,
            connector=stand.fixture.slug or slug,
            base_url=stand.base_url,
            options=dict(stand.settings),
            secrets=_secrets(stand),
            activate=True,
            conflict_strategy="manual_review",
            create_missing_externally=True,
            sync_frequency="manual",
        )
        hub = Hub(stand, integration, person)
        for resource in hub.resources:
            if resource.status_links:
                status_map_refresh(integration=integration, resource=resource.name, user=person)
        job = hub.run(JobKind.INITIAL)
        assert job.status == JobStatus.SUCCEEDED, (job.status, job.result)
        return hub

    return make


def _secrets(stand: Stand) -> dict[str, Any]:
    """The stand-in's credentials; the secret that signs its webhooks too, where people enter that."""
    signs = registry.get(stand.fixture.slug or stand.vendor.slug).webhook_secret_from
    return {**({signs: stand.fixture.webhook_secret} if signs else {}), **stand.fixture.secrets}


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


def read_there(hub: Hub, pair: Mapping) -> ExternalRecord:
    return hub.stand.client.get(pair.resource, pair.external_id, parent_id=pair.external_parent_id or None)


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
