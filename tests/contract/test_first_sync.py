"""From a draft to its first sync: it makes on both sides what the dry run said it would (E3, H1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.demo.work import work_off
from integrations.models import Integration, JobKind, JobStatus, Mapping, SyncJob
from integrations.ratelimit import SharedGate
from integrations.services.control import (
    integration_create,
    integration_enable,
    integration_pause,
    integration_resume,
)
from integrations.services.jobs import job_request
from integrations.services.statusmaps import status_map_refresh
from sync.services.jobs import job_run
from tests.sandbox_fixtures import Stand
from workspace.models import Membership, OriginKind, Role, Task, Tenant
from workspace.services import Origin, record_create

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def draft(open_stand: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch) -> Integration:
    """A draft with the generic connector, and three tasks that are only here."""
    monkeypatch.setattr(SharedGate, "acquire", lambda self, quota_class, budget, *, cost=1: None)
    stand = open_stand("desk")
    stand.vendor.turn(limit_per_minute=100_000)
    tenant = Tenant.objects.create(name="Harbour", slug="harbour")
    rita = User.objects.create_user("rita")
    Membership.objects.create(user=rita, tenant=tenant, role=Role.MANAGER)
    made, _ = integration_create(
        tenant=tenant,
        user=rita,
        name="Desk",
        connector=stand.fixture.slug or "generic_rest",
        base_url=stand.base_url,
        options=dict(stand.settings),
        secrets=dict(stand.fixture.secrets),
        create_missing_externally=True,
        sync_frequency="manual",
    )
    status_map_refresh(integration=made, resource="tickets", user=rita)
    for number in range(3):
        record_create(
            tenant=tenant,
            record_type="task",
            values={"title": f"Only here {number}"},
            origin=Origin(OriginKind.USER, user=rita),
            now=timezone.now(),
        )
    work_off(tenant)  # nobody takes them up: the integration is a draft
    return made


def test_the_first_sync_makes_what_the_dry_run_said(draft: Integration) -> None:
    rita = User.objects.get()
    look = job_request(integration=draft, kind=JobKind.PREVIEW, user=rita)
    job_run(job_id=look.id)
    look.refresh_from_db()
    said = look.result["counts"]
    assert said["create_there"] == 3 and said["create_here"] > 0
    integration_enable(integration=draft, user=rita)
    job = SyncJob.objects.exclude(kind=JobKind.PREVIEW).get()
    assert (job.kind, job.triggered_by) == (JobKind.INITIAL, rita)
    job_run(job_id=job.id)
    work_off(draft.tenant)
    job.refresh_from_db()
    assert job.status == JobStatus.SUCCEEDED, (job.status_reason, job.error_message)
    pairs = Mapping.objects.filter(integration=draft, record_id__isnull=False, external_id__isnull=False)
    assert pairs.filter(last_out_at__isnull=False).count() == said["create_there"]
    assert pairs.filter(last_out_at__isnull=True, resource__in=_told_of(look)).count() == said["create_here"]
    assert Task.objects.filter(title__startswith="Only here").count() == 3


def _told_of(look: SyncJob) -> set[str]:
    """The resources that a dry run walks: children listed one parent at a time follow their parents."""
    return {record["resource"] for record in look.result["records"]}


def test_started_paused_the_first_run_after_is_the_import(draft: Integration) -> None:
    rita = User.objects.get()
    integration_enable(integration=draft, user=rita)
    integration_pause(integration=draft, user=rita)
    skipped = SyncJob.objects.get()
    assert job_run(job_id=skipped.id) == JobStatus.SKIPPED
    integration_resume(integration=draft, user=rita)
    assert [job.kind for job in SyncJob.objects.order_by("created_at")] == [JobKind.INITIAL, JobKind.INITIAL]
