"""An integration of the hub with one stand-in over HTTP, and what people and workers do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Mapping_
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from config.demo.work import work_off
from conflicts.models import ConflictResolution
from conflicts.services import conflict_decide
from connectors import registry
from connectors.base.types import Can, ExternalRecord, Resource
from integrations.models import Integration, JobKind, JobStatus, Mapping, SyncJob
from integrations.ratelimit import SharedGate
from integrations.services.control import integration_create
from integrations.services.fieldmaps import field_map_save
from integrations.services.jobs import job_request
from integrations.services.marks import mark_dirty
from integrations.services.statusmaps import status_map_refresh
from sync.context import link_as_dict
from sync.services.jobs import job_run
from tests.contract.test_every_connector import FIXTURES
from tests.contract.test_every_connector import made as made_there
from tests.sandbox_fixtures import Stand
from workspace.models import RECORD_TYPES, Change, Membership, OriginKind, Role, Tenant
from workspace.services import Origin, record_update

each_stand_in = pytest.mark.parametrize("slug", list(FIXTURES))
WRITES = ("POST", "PUT", "PATCH", "DELETE")


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
        self.work()
        job.refresh_from_db()
        return job

    def work(self) -> None:
        """What workers do until nothing is due."""
        work_off(self.integration.tenant)

    def look_at(self, pair: Mapping) -> None:
        """As if a webhook had named it."""
        mark_dirty(mapping_ids=[pair.id], reason="changed there", now=timezone.now())
        self.work()
        pair.refresh_from_db()

    def pair_of(self, resource: str, external_id: str) -> Mapping:
        return Mapping.objects.get(integration=self.integration, resource=resource, external_id=external_id)

    def record(self, pair: Mapping) -> Any:
        return RECORD_TYPES[pair.record_type]._default_manager.get(pk=pair.record_id)

    def edit(self, pair: Mapping, values: Mapping_[str, Any], *, waits: bool = True) -> None:
        """As a person here; what it leads to is done at once, unless the test has more to do before (``waits`` False)."""
        record_update(
            tenant=self.integration.tenant,
            record_type=pair.record_type,
            record_id=UUID(str(pair.record_id)),
            values=values,
            origin=self.by_person,
            now=timezone.now(),
        )
        if waits:
            self.work()
            pair.refresh_from_db()

    @property
    def by_person(self) -> Origin:
        return Origin(OriginKind.USER, user=self.person)

    def conflicts(self, pair: Mapping) -> QuerySet[ConflictResolution]:
        return ConflictResolution.objects.filter(mapping=pair, closed_at=None)

    def decide(self, pair: Mapping, choice: str) -> None:
        """A reviewer takes one side in all that is open."""
        for conflict in self.conflicts(pair):
            conflict_decide(
                conflict_id=conflict.id,
                tenant=conflict.tenant,
                user=self.person,
                choices={entry["key"]: {"choice": choice} for entry in conflict.fields},
                seen_version=conflict.version,
                seen_local_revision=conflict.local_revision,
                seen_external_version=conflict.external_version,
                now=timezone.now(),
            )
        self.work()
        pair.refresh_from_db()

    def state_of(self, pair: Mapping) -> Any:
        """In words for a failing test."""
        rows = [(row.kind, row.reason, row.fields) for row in self.conflicts(pair)]
        return rows or (pair.state, pair.state_reason, pair.last_error)

    def own_records(self, *needed: Can) -> dict[str, Mapping]:
        """A pair of every resource that may be made and more, by resource: made there by the hub's own account, since some
        vendors let nobody else's be edited."""
        made = {}
        for resource in self.resources:
            if {Can.CREATE, Can.GET, *needed} <= resource.can:
                assert resource.name in self.stand.fixture.samples, (
                    f"the stand-in has no sample of {resource.name}"
                )
                made[resource.name] = made_there(self.stand, resource).id
        self.run(JobKind.MANUAL)
        return {name: self.pair_of(name, external_id) for name, external_id in made.items()}

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
def connect(open_stand: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hub]:
    """An integration of that stand-in, both ways, with everything that its listing holds brought in.

    ``types`` maps resources to other record types than the usual ones; with ``creates`` False what is only here is not made
    there. As the stand-in's limit, so the hub's own budget is lifted: a quota of thirty an hour would be waited out here.
    """
    monkeypatch.setattr(SharedGate, "acquire", lambda self, quota_class, budget, *, cost=1: None)

    def make(slug: str, types: Mapping_[str, str] | None = None, *, creates: bool = True) -> Hub:
        stand = open_stand(slug)
        stand.vendor.turn(limit_per_minute=100_000)
        tenant, _ = Tenant.objects.get_or_create(name="Harbour", slug="harbour")
        person, _ = User.objects.get_or_create(username="rita")
        Membership.objects.get_or_create(user=person, tenant=tenant, role=Role.MANAGER)
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
            create_missing_externally=creates,
            sync_frequency="manual",
        )
        hub = Hub(stand, integration, person)
        for name, record_type in (types or {}).items():
            links = registry.get(integration.connector).resource(name, stand.settings).links_for(record_type)
            field_map_save(
                integration=integration,
                resource=name,
                links=[link_as_dict(link) for link in links],
                record_type=record_type,
                user=person,
            )
        for resource in hub.resources:
            links = resource.links_for((types or {}).get(resource.name, resource.record_type))
            if {link.key or link.local for link in links}.intersection(resource.status_links):
                status_map_refresh(integration=integration, resource=resource.name, user=person)
        job = hub.run(JobKind.INITIAL)
        assert job.status == JobStatus.SUCCEEDED, (job.status, job.result)
        return hub

    return make


def _secrets(stand: Stand) -> dict[str, Any]:
    """The stand-in's credentials; the secret that signs its webhooks too, where people enter that."""
    signs = registry.get(stand.fixture.slug or stand.vendor.slug).webhook_secret_from
    return {**({signs: stand.fixture.webhook_secret} if signs else {}), **stand.fixture.secrets}


def read_there(hub: Hub, pair: Mapping) -> ExternalRecord:
    return hub.stand.client.get(pair.resource, pair.external_id, parent_id=pair.external_parent_id or None)
