"""Stages between the hub and a chosen project, through the whole engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.demo.work import work_off
from integrations.models import JobKind, JobStatus, Mapping, MappingState, StatusMap
from integrations.services.jobs import job_request
from sandbox.testing import RunningSandbox
from sandbox.vendors import github_seed as seed
from sync.services.jobs import job_run
from tests.contract.test_two_way import Hub, connect
from tests.sandbox_fixtures import Stand, opened_stands

__all__ = ["connect"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

PROJECT = {"project": "1", "project_fields": "priority = Priority; due = Target date; estimate = Estimate"}


@pytest.fixture
def open_stand(box: RunningSandbox) -> Iterator[Callable[..., Stand]]:
    with opened_stands(box) as make:
        yield lambda slug, **options: make(slug, settings=PROJECT, **options)


def poll(hub: Hub) -> None:
    """As the schedule does it: what changed since the last time."""
    job = job_request(integration=hub.integration, kind=JobKind.MANUAL, user=hub.person)
    assert job_run(job_id=job.id) == JobStatus.SUCCEEDED
    work_off(hub.integration.tenant)


def test_stages_go_both_ways_and_nothing_echoes(connect: Callable[[str], Hub]) -> None:
    hub = connect("github")
    vendor: Any = hub.stand.vendor
    rows = StatusMap.objects.filter(integration=hub.integration)
    suggested = {row.external_name: (row.local_value, row.is_return) for row in rows}
    assert suggested == {
        "Todo": ("todo", True),
        "In Progress": ("in_progress", True),
        "In Review": ("review", True),
        "Done": ("done", False),
        "Open: no status in the project": ("todo", False),
        "Closed: completed": ("done", True),
        "Closed: not planned": ("done", False),
        "Closed: duplicate": ("done", False),
    }
    others = Mapping.objects.filter(integration=hub.integration).exclude(state=MappingState.SYNCED)
    assert list(others.values_list("resource", "external_id", "state_reason")[:5]) == []
    with hub.quiet():
        assert hub.run(JobKind.MANUAL).status == JobStatus.SUCCEEDED

    pair = hub.pair_of("issue", "4")
    assert hub.record(pair).stage == "review"
    vendor.set_by_name(vendor.item_of(4), {"Status": "In Progress", "Target date": "2026-01-30"}, 1001)
    poll(hub)
    assert (hub.record(pair).stage, str(hub.record(pair).due_on)) == ("in_progress", "2026-01-30")

    hub.edit(pair, {"stage": "todo", "priority": "urgent"})
    values = vendor.item_of(4)["values"]
    assert (values[seed.STATUS_FIELD], values[seed.PRIORITY_FIELD]) == ("f75ad846", "79628723")
    hub.edit(pair, {"stage": "done"})
    assert vendor.world.get("issue", 4)["state"] == "closed"

    outside = hub.pair_of("issue", "1")
    hub.edit(outside, {"stage": "in_progress"})
    assert vendor.item_of(1)["values"][seed.STATUS_FIELD] == "47fc9ee4"
    hub.run(JobKind.MANUAL)
    with hub.quiet():
        poll(hub)


def test_an_item_taken_out_deletes_nothing_here(connect: Callable[[str], Hub]) -> None:
    hub = connect("github")
    vendor: Any = hub.stand.vendor
    pair = hub.pair_of("issue", "4")
    vendor.remove_item(vendor.item_of(4), 1001)
    hub.run(JobKind.MANUAL)
    pair.refresh_from_db()
    assert pair.state == MappingState.SYNCED
    assert hub.record(pair).stage == "todo"
