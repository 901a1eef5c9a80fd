"""A run asked to go one way only does less than the integration, never more; why it was asked is in its log (K1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base.types import LinkSpec
from integrations.models import JobKind, SyncLog
from integrations.services.jobs import job_request
from integrations.services.problems import InvalidSettings
from sync.services import jobs
from tests.integration.sync.hub import Hub
from workspace.models import Task

Linked = Callable[..., tuple[Any, Any]]


def _run(hub: Hub, direction: str, **options: Any) -> Any:
    hub.clock.wait(minutes=1)
    return hub.pull(options={"direction": direction, **options})


def test_a_run_in_brings_in_and_makes_nothing_there(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    hub.create(title="Only here")
    hub.push()
    hub.configure(create_missing_externally=True)
    hub.vendor.add("card", name="Only there")
    job = _run(hub, "in")
    hub.push()
    assert Task.objects.filter(title="Only there").exists()
    assert hub.vendor.writes == [] and job.result["outcomes"] == {"applied": 1}


def test_a_run_out_reads_no_listing_and_makes_there_what_is_only_here(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    hub.create(title="Only here")
    hub.push()
    hub.configure(create_missing_externally=True, clock_offset_seconds=7.0)
    hub.vendor.add("card", name="Only there")
    job = _run(hub, "out")
    hub.push()
    assert hub.vendor.count("list") == 0 and not Task.objects.filter(title="Only there").exists()
    assert [data["name"] for verb, _, data in hub.vendor.writes if verb == "create"] == ["Only here"]
    assert job.result["outcomes"] == {"to_create_there": 1}
    hub.integration.refresh_from_db()
    assert hub.integration.clock_offset_seconds == 7.0  # nothing was read that says otherwise


def test_a_persons_edit_goes_out_whatever_way_a_run_goes(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    _run(hub, "in")
    hub.push()
    assert card.data["name"] == "Ours"


def test_what_nobody_edited_here_waits_for_a_run_that_goes_both_ways(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.configure(create_missing_externally=False)
    hub.edit(task, url="https://harbour.example/7")  # no link carries it yet
    hub.push()
    hub.vendor.relink("card", LinkSpec("url", "link"))
    hub.vendor.change(card, link=None)
    _run(hub, "in", full=True)
    hub.push()
    assert card.data["link"] is None and hub.vendor.writes == []
    _run(hub, "both", full=True)
    hub.push()
    assert card.data["link"] == "https://harbour.example/7"


@pytest.mark.parametrize(("own", "asked"), [("in", "out"), ("out", "in")])
def test_a_run_against_the_integrations_own_direction_is_refused(hub: Hub, own: str, asked: str) -> None:
    hub.configure(sync_direction=own)
    with pytest.raises(InvalidSettings) as caught:
        job_request(integration=hub.integration, user=hub.person, options={"direction": asked})
    assert list(caught.value.errors) == ["direction"]
    assert f"choose “{own}”" in caught.value.errors["direction"][0]


def test_a_direction_that_was_narrowed_meanwhile_is_not_widened_by_the_run(hub: Hub) -> None:
    hub.create(title="Only here")
    hub.vendor.add("card", name="Only there")
    job = hub.job(options={"direction": "out"})
    hub.configure(sync_direction="in")
    jobs.job_run(job_id=job.id)
    hub.push()
    assert hub.vendor.writes == [] and hub.vendor.count("list") == 0


def test_a_dry_run_goes_the_same_way(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    hub.create(title="Only here")
    hub.push()
    hub.configure(create_missing_externally=True)
    hub.vendor.add("card", name="Only there")
    counts = [
        hub.pull(JobKind.PREVIEW, options={"direction": way}).result["counts"]
        for way in ("in", "out", "both")
    ]
    assert counts == [{"create_here": 1}, {"create_there": 1}, {"create_here": 1, "create_there": 1}]


def test_the_reason_given_is_in_the_log_of_the_run(hub: Hub) -> None:
    hub.vendor.add("card", name="Only there")
    _run(hub, "in", reason="after the import of Monday")
    log = SyncLog.objects.get(operation="bulk_sync")
    assert log.message == "1 brought in. Asked for because: after the import of Monday"


def test_there_is_no_limit_to_ask_for(hub: Hub) -> None:
    with pytest.raises(InvalidSettings) as caught:
        job_request(integration=hub.integration, user=hub.person, options={"limit": 5})
    assert caught.value.errors["options.limit"][0].startswith("There is no such option.")
