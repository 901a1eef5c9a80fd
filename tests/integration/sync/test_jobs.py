"""Jobs are rows: claimed by lease, resumed, retried, cancelled, closed with what they came to (H1–H4, H7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from connectors.base.errors import Exchange, RateLimited, RecordProblem, Retryable
from integrations.models import (
    Cursor,
    Integration,
    JobAttempt,
    JobKind,
    Mapping,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.services.control import integration_pause
from integrations.services.jobs import dead_letters_requeue, job_cancel
from integrations.services.mappings import mapping_sync_now
from live.models import LiveEvent
from sync.runtime import runtime
from sync.services import dispatch, jobs, maintenance, outbox
from sync.services.windows import window_is_open
from tests.integration.sync.hub import START, Hub
from tests.integration.sync.vendor import VendorClient
from workspace.models import Change, OriginKind, Task
from workspace.services import Origin, record_delete

Linked = Callable[..., tuple[Any, Any]]
BUSY = Retryable("The service is busy.", status=503)


def _cards(hub: Hub, count: int, **data: Any) -> list[Any]:
    return [hub.vendor.add(name=f"Card {number}", **data) for number in range(count)]


# -- running -----------------------------------------------------------------------------------------------


def test_a_job_counts_what_became_of_every_row(hub: Hub) -> None:
    hub.configure(
        record_filter={"external": [{"field": "colour", "op": "equals", "value": "blue", "resource": "card"}]}
    )
    _cards(hub, 3)
    hub.vendor.add(name="Red", colour="red")
    hub.vendor.add(name="x" * 600)
    job = hub.pull()
    assert (job.total_records, job.success_count, job.noop_count, job.error_count) == (5, 3, 1, 1)
    assert job.result["outcomes"] == {"applied": 3, "filtered": 1, "failed": 1}
    assert job.progress == {"resource": "remark", "pages": 3, "done": 5}
    assert (job.started_at, job.finished_at) == (START, START)
    integration = Integration.objects.get(id=hub.integration.id)
    assert integration.last_sync_at == integration.last_success_at == START


def test_a_job_is_run_by_one_worker_only(hub: Hub) -> None:
    job = hub.job()
    assert jobs.job_run(job_id=job.id) == "succeeded"
    assert jobs.job_run(job_id=job.id) is None


def test_a_job_that_is_not_due_is_left_alone(hub: Hub) -> None:
    job = hub.job(run_at=hub.clock.at + timedelta(seconds=1))
    assert jobs.job_run(job_id=job.id) is None
    hub.clock.wait(seconds=1)
    assert jobs.job_run(job_id=job.id) == "succeeded"


def test_two_bulk_runs_of_an_integration_never_run_at_once(hub: Hub) -> None:
    hub.vendor.page_size = 1
    _cards(hub, 3)
    first, second = hub.job(), hub.job(JobKind.SCHEDULED)
    with hub.killed("after_page"):
        jobs.job_run(job_id=first.id)
    hub.clock.wait(seconds=30)
    assert jobs.job_run(job_id=second.id) is None
    second.refresh_from_db()
    assert (second.status, second.run_at) == ("queued", hub.clock.at + timedelta(seconds=5))
    hub.clock.wait(minutes=3)
    assert jobs.job_run(job_id=first.id) == "succeeded"
    assert jobs.job_run(job_id=second.id) == "succeeded"
    assert Task.objects.count() == 3


def test_a_worker_that_lost_its_job_to_another_stops_and_writes_nothing_more(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.vendor.page_size = 1
    _cards(hub, 3)
    job = hub.job(resources=["card"])
    taken_over = []

    def other_worker(name: str) -> None:
        if name == "after_page" and not taken_over:
            taken_over.append(hub.clock.wait(minutes=5))
            taken_over.append(jobs.job_run(job_id=job.id))

    monkeypatch.setattr("sync.services.pulls.runtime", _with_point(other_worker))
    assert jobs.job_run(job_id=job.id) is None
    job.refresh_from_db()
    assert taken_over[1] == job.status == "succeeded" and Task.objects.count() == 3


def _with_point(point: Callable[[str], None]) -> Callable[[], Any]:
    return lambda: replace(runtime(), point=point)


def test_a_job_whose_worker_died_is_found_by_the_dispatcher_and_taken_up_again(
    hub: Hub, wakeups: list[tuple[str, dict[str, Any]]], django_capture_on_commit_callbacks: Any
) -> None:
    hub.vendor.page_size = 1
    _cards(hub, 2)
    job = hub.job()
    with hub.killed("after_page"):
        jobs.job_run(job_id=job.id)
    with django_capture_on_commit_callbacks(execute=True):
        assert dispatch.dispatch()["jobs"] == 0
    hub.clock.wait(minutes=3)
    with django_capture_on_commit_callbacks(execute=True):
        assert dispatch.dispatch()["jobs"] == 1
    assert ("sync.run_job", {"job_id": str(job.id)}) in wakeups


def test_the_dispatcher_finds_what_every_lost_wake_up_told_of(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.deliver("updated", card)
    hub.job()
    assert dispatch.dispatch() == {"jobs": 1, "drains": 0, "changes": 1, "deliveries": 1}
    hub.take_deliveries()
    assert dispatch.dispatch()["drains"] == 1
    assert cache.get(dispatch.HEARTBEAT_KEY) == hub.clock.at.isoformat()


def test_leases_of_dead_workers_end_in_the_sweep(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    with hub.killed("before_call"):
        hub.push()
    assert hub.pair(card).lease_until is not None
    hub.clock.wait(minutes=3)
    assert maintenance.retry_sweep()["leases"] == 1
    hub.push()
    assert card.data["name"] == "Ours"


# -- retries -----------------------------------------------------------------------------------------------


def test_a_failing_job_is_tried_again_after_1_2_4_8_16_minutes_and_then_dead(hub: Hub) -> None:
    hub.vendor.fail("list", BUSY, times=6)
    job = hub.pull()
    waits = []
    for _ in range(5):
        assert job.status == "retry_waiting"
        waits.append((job.run_at - hub.clock.at).total_seconds() / 60)
        hub.clock.at = job.run_at
        Integration.objects.update(breaker_state="closed", breaker_failures=0)
        jobs.job_run(job_id=job.id)
        job.refresh_from_db()
    assert waits == [1, 2, 4, 8, 16]
    assert (job.status, job.attempts, job.error_code) == ("dead", 6, "remote_fault")
    assert hub.status() == "ERROR" and hub.reason() == "Gave up after 6 tries. The service is busy."
    outcomes = JobAttempt.objects.filter(job=job).order_by("id").values_list("number", "outcome")
    assert list(outcomes) == [*((n, "retry") for n in range(1, 6)), (6, "gave_up")]


def test_a_dead_job_is_requeued_by_a_person_after_the_integration_was_enabled(hub: Hub) -> None:
    hub.vendor.fail("list", BUSY)
    job = hub.job(status="dead", attempts=6, finished_at=hub.clock.at)
    del hub.vendor.faults["list"]
    found = dead_letters_requeue(tenant=hub.tenant, user=hub.person, job_ids=[job.id], now=hub.clock.at)
    assert found == {"mappings": 0, "jobs": 1, "skipped": 0}
    assert jobs.job_run(job_id=job.id) == "succeeded"


def test_429_makes_a_job_wait_without_counting_the_try(hub: Hub) -> None:
    hub.vendor.fail("list", RateLimited("Slow down.", retry_after=90))
    job = hub.pull()
    assert (job.status, job.attempts) == ("retry_waiting", 0)
    assert job.run_at == hub.clock.at + timedelta(seconds=90)
    assert not JobAttempt.objects.exists() and hub.status() == "ACTIVE"


def test_a_run_that_may_ask_little_at_a_time_comes_to_its_end(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try may list one kind of record more; a run that began anew would never reach the last."""
    hub.vendor.add("member", name="Ann")
    hub.vendor.add(name="Card")
    listed: list[str] = []
    list_page = VendorClient.list_page

    def one_a_try(self: VendorClient, resource: str, **options: Any) -> Any:
        if left[0] == 0:
            raise RateLimited("The request budget is used up for the moment.", retry_after=1)
        left[0] -= 1
        listed.append(resource)
        return list_page(self, resource, **options)

    monkeypatch.setattr(VendorClient, "list_page", one_a_try)
    left = [1]
    job = hub.pull()
    tries = 1
    while job.status == "retry_waiting" and tries < 9:
        hub.clock.wait(seconds=2)
        left[0] = 1
        jobs.job_run(job_id=job.id)
        job.refresh_from_db()
        tries += 1
    assert (job.status, job.success_count, job.attempts) == ("succeeded", 2, 1)
    assert len(listed) == len(set(listed)) >= 2, listed
    left[0] = 9
    assert hub.pull().status == "succeeded"  # another run looks at everything again
    assert listed == 2 * listed[: len(listed) // 2]


def test_the_vendors_retry_after_is_kept_to_even_where_our_schedule_is_shorter(hub: Hub) -> None:
    hub.vendor.fail("list", Retryable("Maintenance.", status=503, retry_after=1800))
    job = hub.pull()
    assert job.run_at == hub.clock.at + timedelta(minutes=30)


def test_delays_of_the_integration_itself_win(hub: Hub) -> None:
    hub.configure(retry_policy={"job": [5, 10]})
    hub.vendor.fail("list", BUSY)
    assert hub.pull().run_at == hub.clock.at + timedelta(seconds=5)


def test_a_fault_of_our_own_ends_as_a_classified_error_and_no_stuck_job(hub: Hub) -> None:
    hub.vendor.fail("list", TypeError("no len()"))
    job = hub.pull()
    assert (job.status, job.error_code, job.lease_until) == ("retry_waiting", "internal", None)
    assert job.error_message == (
        "Something went wrong in Lockstep itself (TypeError); the log has the details."
    )
    assert "no len()" in SyncLog.objects.get(status="failed").error_trace


def test_a_refused_listing_fails_at_once(hub: Hub) -> None:
    hub.vendor.fail("list", RecordProblem("Unknown board.", status=404))
    job = hub.pull()
    assert (job.status, job.attempts, job.error_message) == ("failed", 1, "Unknown board.")


# -- stopping ----------------------------------------------------------------------------------------------


def _after_first_page(hub: Hub, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> SyncJob:
    """Run a job of three pages during which something happens after the first."""
    hub.vendor.page_size = 1
    _cards(hub, 3)
    done = []

    def point(name: str) -> None:
        if name == "after_page" and not done:
            done.append(act())

    job = hub.job(JobKind.SCHEDULED, resources=["card"])
    waiting.append(job)
    with monkeypatch.context() as patch:
        patch.setattr("sync.services.pulls.runtime", _with_point(point))
        jobs.job_run(job_id=job.id)
    job.refresh_from_db()
    return job


waiting: list[SyncJob] = []


def test_a_cancelled_job_stops_at_its_page_and_keeps_what_was_done(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _after_first_page(
        hub, monkeypatch, lambda: job_cancel(job=waiting[-1], user=hub.person, now=hub.clock.at)
    )
    assert (job.status, job.status_reason) == (
        "cancelled",
        "Stopped by a person; what was done so far stays.",
    )
    assert Task.objects.count() == 1 and job.success_count == 1


def test_a_paused_integration_stops_its_running_job_at_the_page(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _after_first_page(
        hub,
        monkeypatch,
        lambda: integration_pause(integration=hub.integration, user=hub.person, now=hub.clock.at),
    )
    assert job.status == "cancelled" and job.status_reason.startswith("The integration is paused.")
    assert Task.objects.count() == 1 and hub.status() == "PAUSED"


def test_a_scheduled_run_ends_with_its_window_and_the_next_goes_on_from_there(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.configure(sync_windows=[{"from": "08:00", "to": "10:00"}])
    job = _after_first_page(hub, monkeypatch, lambda: hub.clock.wait(hours=2))
    assert job.status == "partial" and job.status_reason.startswith("Outside the integration's sync window.")
    assert Task.objects.count() == 1
    hub.clock.wait(hours=22)
    calls = hub.vendor.count("list")
    assert hub.pull(JobKind.SCHEDULED, resources=["card"]).status == "succeeded"
    assert hub.vendor.count("list") - calls == 2 and Task.objects.count() == 3


@pytest.mark.parametrize(
    ("hour", "kind", "status"),
    [(9, "scheduled", "skipped"), (23, "scheduled", "succeeded"), (9, "manual", "succeeded")],
)
def test_scheduled_runs_keep_to_the_window_and_people_may_run_at_any_time(
    hub: Hub, hour: int, kind: str, status: str
) -> None:
    hub.configure(sync_windows=[{"days": [0], "from": "22:00", "to": "05:00"}])
    hub.clock.at = START.replace(hour=hour)
    assert hub.pull(kind).status == status


@pytest.mark.parametrize(
    ("day", "hour", "is_open"), [(2, 23, True), (3, 4, True), (3, 23, False), (2, 4, False)]
)
def test_a_window_over_midnight_belongs_to_the_day_it_opened_on(
    hub: Hub, day: int, hour: int, is_open: bool
) -> None:
    hub.integration.sync_windows = [{"days": [0], "from": "22:00", "to": "05:00"}]
    assert window_is_open(hub.integration, START.replace(day=day, hour=hour)) == is_open


@pytest.mark.parametrize("status", ["PAUSED", "ERROR", "DISABLED", "DRAFT"])
def test_nothing_runs_while_the_integration_does_not(hub: Hub, linked: Linked, status: str) -> None:
    task, card = linked()
    hub.configure(status=status)
    hub.edit(task, title="Ours")
    assert hub.push() == {} and hub.pull().status == "skipped"
    assert dispatch.scheduled_start(integration_id=hub.integration.id) is None
    assert card.data["name"] == "Paint the boat"
    hub.configure(status="ACTIVE")
    hub.clock.wait(minutes=10)
    hub.push()
    assert card.data["name"] == "Ours"


def test_a_scheduled_run_is_not_queued_beside_an_open_one(hub: Hub) -> None:
    first = dispatch.scheduled_start(integration_id=hub.integration.id)
    assert first is not None and first.kind == "initial_import"  # nothing was ever synced
    assert dispatch.scheduled_start(integration_id=hub.integration.id) is None
    jobs.job_run(job_id=first.id)
    second = dispatch.scheduled_start(integration_id=hub.integration.id)
    assert second is not None and second.kind == "scheduled"


def test_the_first_run_by_schedule_keeps_to_the_window_as_well(hub: Hub) -> None:
    hub.configure(sync_windows=[{"days": [0], "from": "20:00", "to": "23:00"}])
    first = dispatch.scheduled_start(integration_id=hub.integration.id)
    assert first is not None and jobs.job_run(job_id=first.id) == "skipped"
    assert hub.pull(JobKind.INITIAL, triggered_by=hub.person).status == "succeeded"


def test_with_auto_sync_off_only_people_start_runs(hub: Hub) -> None:
    hub.configure(auto_sync=False)
    assert dispatch.scheduled_start(integration_id=hub.integration.id) is None
    assert hub.pull().status == "succeeded"


# -- health ------------------------------------------------------------------------------------------------


def test_more_than_a_tenth_of_failures_degrades_and_a_clean_run_recovers(hub: Hub) -> None:
    _cards(hub, 8)
    bad = hub.vendor.add(name="x" * 600)
    hub.pull()
    assert (hub.status(), hub.reason()) == ("DEGRADED", "1 of 9 records failed in the last run.")
    hub.vendor.change(bad, name="Short")
    hub.sync()
    hub.sync()
    assert hub.status() == "ACTIVE"


def test_exactly_a_tenth_of_failures_is_no_reason_to_degrade(hub: Hub) -> None:
    _cards(hub, 9)
    hub.vendor.add(name="x" * 600)
    assert hub.pull().status == "partial" and hub.status() == "ACTIVE"


def test_the_health_check_looks_at_the_last_hour(hub: Hub) -> None:
    for number in range(10):
        SyncLog.objects.create(
            tenant=hub.tenant, integration=hub.integration, operation="update",
            status="failed" if number < 2 else "success", created_at=hub.clock.at,
        )  # fmt: skip
    assert maintenance.health_check() == 1
    assert (hub.status(), hub.reason()) == ("DEGRADED", "2 of 10 operations failed in the last hour.")


def test_a_clean_run_ends_degraded_only_once_the_score_is_good_again(hub: Hub) -> None:
    for number in range(10):
        SyncLog.objects.create(
            tenant=hub.tenant, integration=hub.integration, operation="update",
            status="failed" if number < 3 else "success", created_at=hub.clock.at,
        )  # fmt: skip
    assert maintenance.health_check() == 1
    assert hub.pull("scheduled").status == "succeeded"
    assert (hub.status(), hub.reason()) == ("DEGRADED", "3 of 10 operations failed in the last hour.")
    hub.clock.wait(hours=25)
    hub.pull("scheduled")
    assert (hub.status(), hub.reason(), maintenance.health_check()) == ("ACTIVE", "", 0)


def test_a_records_log_row_says_what_the_other_side_answered_and_how_fast(
    hub: Hub, linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, _ = linked()
    monkeypatch.setattr(VendorClient, "last_exchange", Exchange(method="PATCH", status=200, duration_ms=120))
    hub.edit(task, title="Ours")
    hub.push()
    row = SyncLog.objects.filter(operation="update").latest("id")
    assert (row.http_status, row.duration_ms) == (200, 120)
    assert row.exchange is not None and row.exchange["method"] == "PATCH"


# -- dry run -----------------------------------------------------------------------------------------------


def _everything(hub: Hub) -> dict[str, Any]:
    """All rows that a sync could touch, but the preview's own job."""
    return {
        "tasks": list(Task.objects.order_by("id").values()),
        "pairs": list(Mapping.objects.order_by("id").values()),
        "changes": Change.objects.count(),
        "logs": SyncLog.objects.count(),
        "cards": [(row.id, dict(row.data), row.version) for row in hub.vendor.rows.values()],
        **{name: count for name, count in hub.counts().items() if name in {"writes", "conflicts"}},
    }


def _a_bit_of_everything(hub: Hub) -> None:
    """Three known pairs, then: an edit here, an edit there, a clash, a new one on each side, a match."""
    hub.configure(options={"match": {"card": ["title"]}})
    cards = _cards(hub, 4)
    hub.sync()
    hub.clock.wait(minutes=10)
    tasks = [hub.record(card) for card in cards]
    hub.edit(tasks[0], title="Ours 0")
    hub.vendor.change(cards[1], notes="Theirs 1")
    hub.edit(tasks[2], title="Ours 2")
    hub.vendor.change(cards[2], name="Theirs 2")
    hub.vendor.add(name="New there")
    hub.vendor.add(name="On both sides")
    hub.configure(create_missing_externally=False)
    hub.create(title="On both sides")
    outbox.changes_drain()
    hub.configure(create_missing_externally=True)
    hub.create(title="New here")


@pytest.mark.parametrize(
    ("match", "counts"),
    [
        ({"card": ["title"]}, {"link": 1, "ambiguous": 1, "create_here": 1}),
        ({"card": ["title", "description"]}, {"link": 2, "create_here": 1}),
        ({"card": []}, {"create_here": 3}),
        ({}, {"create_here": 3}),
    ],
)
def test_a_dry_run_counts_what_would_be_linked_by_the_fields_chosen(
    hub: Hub, match: dict[str, list[str]], counts: dict[str, int]
) -> None:
    hub.configure(create_missing_externally=False, options={"match": match})
    hub.create(title="Paint the boat", description="Blue")
    for description in ("Red", "Green"):
        hub.create(title="Varnish", description=description)
    hub.vendor.add(name="Paint the boat", notes="Blue")
    hub.vendor.add(name="Varnish", notes="Red")
    hub.vendor.add(name="New there")
    assert hub.pull(JobKind.PREVIEW).result["counts"] == counts


def test_a_dry_run_says_what_a_run_would_do_and_writes_nothing(hub: Hub) -> None:
    _a_bit_of_everything(hub)
    before = _everything(hub)
    job = hub.pull(JobKind.PREVIEW)
    assert job.status == "succeeded" and _everything(hub) == before
    records = {(r["outcome"], r["title"]): r for r in job.result["records"]}
    assert records[("update_here", "Card 1")]["local"] == {"description": {"from": None, "to": "Theirs 1"}}
    assert records[("update_there", "Ours 0")]["external"] == {"title": {"from": "Card 0", "to": "Ours 0"}}
    assert records[("conflict", "Ours 2")]["conflicts"][0]["external"] == "Theirs 2"
    assert records[("create_here", "New there")]["local"]["title"] == {"from": None, "to": "New there"}
    assert records[("link", "On both sides")]["external_id"] == "c6"
    assert records[("create_there", "New here")]["external"]["title"] == {"from": None, "to": "New here"}
    assert job.result["counts"] == {
        "update_here": 1, "update_there": 1, "conflict": 1, "create_here": 1, "link": 1, "create_there": 1,
        "unchanged": 1,
    }  # fmt: skip


def test_a_dry_run_tells_of_deletions_on_either_side(hub: Hub) -> None:
    cards = _cards(hub, 4)
    hub.sync()
    hub.clock.wait(minutes=10)
    here, edited = hub.record(cards[0]), hub.record(cards[1])
    for record in (here, edited):
        hub.delete(record)
    outbox.changes_drain()
    hub.vendor.change(cards[1], name="Edited there meanwhile")
    hub.vendor.remove(cards[2])
    Cursor.objects.update(since=None)  # the whole listing is read, as on every day's full run
    before = _everything(hub)
    job = hub.pull(JobKind.PREVIEW)
    assert _everything(hub) == before
    found = {record["external_id"]: (record["outcome"], record["title"]) for record in job.result["records"]}
    assert found == {
        cards[0].id: ("delete_there", "Card 0"), cards[1].id: ("ask", "Card 1"), cards[2].id: ("gone_there", "Card 2"),
    }  # fmt: skip
    assert job.result["counts"]["unchanged"] == 1
    hub.sync(full=True)
    assert [w[1] for w in hub.vendor.writes if w[0] == "delete"] == [cards[0].id]
    assert hub.fresh(hub.record(cards[2])).deleted_at is not None
    assert hub.counts()["conflicts"] == 1


def test_a_run_does_what_the_dry_run_said(hub: Hub) -> None:
    _a_bit_of_everything(hub)
    said = hub.pull(JobKind.PREVIEW).result
    records = {(r["outcome"], r["title"]): r for r in said["records"]}
    before = hub.counts()
    hub.pull()
    for _ in range(2):  # what may match is matched before anything is made there
        hub.push()
        hub.clock.wait(seconds=3)
    after = hub.counts()
    creates = [w for w in hub.vendor.writes if w[0] == "create"]
    updates = [w for w in hub.vendor.writes if w[0] == "update"]
    assert (
        len(creates) == said["counts"]["create_there"] == 1
        and len(updates) == said["counts"]["update_there"] == 1
    )
    assert updates[0][2] == {"name": records[("update_there", "Ours 0")]["external"]["title"]["to"]}
    assert after["conflicts"] - before["conflicts"] == said["counts"]["conflict"]
    assert Task.objects.get(title="Card 1").description == "Theirs 1"
    assert Task.objects.filter(title="New there").count() == said["counts"]["create_here"]
    assert Task.objects.filter(title="On both sides").count() == 1
    assert hub.pull(JobKind.PREVIEW).result["counts"].keys() <= {"unchanged", "marked"}


def test_a_dry_run_leaves_out_what_a_run_leaves_out(hub: Hub) -> None:
    hub.configure(
        record_filter={
            "external": [{"field": "colour", "op": "equals", "value": "blue", "resource": "card"}]
        },
        create_missing_locally=False,
    )
    hub.vendor.add(name="Red", colour="red")
    hub.vendor.add(name="Blue")
    orphan = hub.vendor.add("remark", text="On nothing", parent_id="c99")
    said = hub.pull(JobKind.PREVIEW).result
    assert said["counts"] == {"filtered": 3} and orphan.id not in {r["external_id"] for r in said["records"]}


@pytest.mark.parametrize("status", ["DRAFT", "PAUSED"])
def test_a_dry_run_is_allowed_while_nothing_is_synced(hub: Hub, status: str) -> None:
    _cards(hub, 1)
    hub.configure(status=status)
    assert hub.pull(JobKind.PREVIEW).result["counts"] == {"create_here": 1}


def test_a_dry_run_of_one_resource_asks_for_that_one_only(hub: Hub) -> None:
    hub.pull(JobKind.PREVIEW, resources=["member"])
    assert {what for verb, what in hub.vendor.calls if verb == "list"} == {"member"}


# -- read only -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [JobKind.MANUAL, JobKind.INITIAL])
def test_a_read_only_integration_shows_what_a_sync_would_do_and_writes_on_neither_side(
    hub: Hub, linked: Linked, kind: JobKind
) -> None:
    task, card = linked()
    hub.configure(read_only=True)
    hub.vendor.change(card, name="Changed there")
    hub.vendor.add("card", name="Only there")
    hub.edit(task, description="Changed here")
    hub.clock.wait(minutes=10)
    job = hub.pull(kind)
    hub.push()
    assert job.result["counts"] == {"update_here": 1, "create_here": 1}
    assert hub.fresh(task).title == "Paint the boat" and hub.vendor.writes == []
    assert Task.objects.count() == 1


def test_what_changed_while_an_integration_was_read_only_goes_out_afterwards(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.configure(read_only=True)
    hub.edit(task, title="Changed here")
    hub.push()
    assert card.data["name"] == "Paint the boat"
    hub.configure(read_only=False)
    hub.push()
    assert card.data["name"] == "Changed here"


def test_a_read_only_integration_skips_its_schedule_and_says_why(hub: Hub) -> None:
    _cards(hub, 1)
    hub.configure(read_only=True)
    job = hub.pull(JobKind.SCHEDULED)
    assert job.status == "skipped" and "read only" in job.status_reason
    assert Task.objects.count() == 0


# -- roll back ---------------------------------------------------------------------------------------------


def _roll_back(hub: Hub, job: SyncJob) -> SyncJob:
    return hub.pull(JobKind.ROLLBACK, options={"job": str(job.id)}, triggered_by=hub.person)


def test_a_jobs_updates_are_taken_back_and_flow_out_as_edits(hub: Hub, linked: Linked) -> None:
    task, card = linked(notes="Before")
    hub.vendor.change(card, name="Wrong", notes="Wrong too")
    hub.clock.wait(seconds=5)
    job = hub.pull()
    hub.clock.wait(minutes=10)
    back = _roll_back(hub, job)
    assert (back.status, back.result) == ("succeeded", {"reverted": 1, "refused": []})
    assert (hub.fresh(task).title, hub.fresh(task).description) == ("Paint the boat", "Before")
    hub.push()
    assert (card.data["name"], card.data["notes"]) == ("Paint the boat", "Before")
    change = Change.objects.filter(origin="rollback").get()
    assert (change.job_id, change.user) == (back.id, hub.person)


def test_a_field_that_someone_changed_since_is_refused_and_the_others_go_back(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked(notes="Before")
    hub.vendor.change(card, name="Wrong", notes="Wrong too")
    hub.clock.wait(seconds=5)
    job = hub.pull()
    hub.edit(task, title="Right")
    back = _roll_back(hub, job)
    assert back.status == "partial"
    assert back.result == {
        "reverted": 1,
        "refused": [{"record": str(task.pk), "type": "task", "field": "title", "reason": "Changed since."}],
    }
    assert (hub.fresh(task).title, hub.fresh(task).description) == ("Right", "Before")


def test_taking_an_import_back_removes_the_records_here_and_none_there(hub: Hub) -> None:
    cards = _cards(hub, 5)
    job = hub.pull()
    kept = hub.record(cards[0])
    hub.edit(kept, title="Worked on")
    back = _roll_back(hub, job)
    assert (
        back.result["reverted"] == 4
        and back.result["refused"][0]["reason"] == "Changed since it was created."
    )
    hub.push()
    hub.sync(full=True)
    assert [t.title for t in Task.objects.filter(deleted_at__isnull=True)] == ["Worked on"]
    assert not any(card.is_deleted or card.is_archived for card in cards)
    assert cards[0].data["name"] == "Worked on"
    assert Mapping.objects.filter(state="tombstone").count() == 4


def test_what_the_same_system_brought_in_later_does_not_keep_a_record_from_being_taken_back(hub: Hub) -> None:
    cards = _cards(hub, 2)
    job = hub.pull()
    hub.clock.wait(minutes=10)
    hub.vendor.change(cards[0], name="Edited there")
    hub.sync()
    back = _roll_back(hub, job)
    assert (back.status, back.success_count) == ("succeeded", 2)
    assert back.result == {"reverted": 2, "refused": []}
    assert not Task.objects.filter(deleted_at__isnull=True).exists()
    assert cards[0].data["name"] == "Edited there" and not cards[0].is_deleted


def test_a_deletion_is_taken_back_too(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    job = hub.job()
    record_delete(
        tenant=hub.tenant, record_type="task", record_id=task.pk, now=hub.clock.at,
        origin=Origin(kind=OriginKind.SYNC, integration_id=hub.integration.id, job_id=job.id),
    )  # fmt: skip
    SyncJob.objects.filter(id=job.id).update(status="succeeded")
    assert _roll_back(hub, job).result == {"reverted": 1, "refused": []}
    assert hub.fresh(task).deleted_at is None and not card.is_deleted


# -- drift and retention -----------------------------------------------------------------------------------


def test_the_drift_sweep_finds_pairs_that_differ_though_nobody_changed_them(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    linked(name="Same on both sides")
    Mapping.objects.filter(external_id=card.id).update(
        base_external={**hub.pair(card).base_external, "title": "Something else"}
    )
    assert maintenance.drift_sweep(integration_id=hub.integration.id) == {
        "checked": 2,
        "drift": 1,
        "equal": 1,
    }
    row = SyncLog.objects.get(mapping=hub.pair(card), status="held")
    assert row.message == "title differs though neither side changed it." and row.record_id == task.pk
    total = SyncLog.objects.get(operation="bulk_sync", status="held")
    assert total.message == "1 of 2 pairs differ though neither side changed them."
    assert hub.pair(card).dirty_reason == "drift"


def test_a_sweep_without_drift_writes_nothing(hub: Hub, linked: Linked) -> None:
    linked()
    before = _everything(hub)
    assert maintenance.drift_sweep(integration_id=hub.integration.id) == {"checked": 1, "equal": 1}
    assert _everything(hub) == before


def test_a_local_change_that_no_mark_told_of_is_found_by_the_sweep(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    Task.objects.filter(pk=task.pk).update(title="Written past the services", revision=7)
    maintenance.drift_sweep(integration_id=hub.integration.id)
    hub.push()
    assert card.data["name"] == "Written past the services"


def test_old_logs_deliveries_and_events_go_and_changes_stay(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.push()
    hub.deliver("updated", card)
    hub.take_deliveries()
    LiveEvent.objects.create(room="r", seq=1, type="t", payload={}, created_at=START)
    changes = Change.objects.count()
    assert SyncLog.objects.exists() and WebhookDelivery.objects.exists()
    assert maintenance.logs_clean()["logs"] == 0
    hub.clock.wait(days=91)
    gone = maintenance.logs_clean()
    assert gone["logs"] >= 1 and gone["deliveries"] == 1 and gone["events"] >= 1
    assert not SyncLog.objects.exists() and not WebhookDelivery.objects.exists()
    assert Change.objects.count() == changes


def test_sync_now_goes_ahead_of_bulk_work(hub: Hub, linked: Linked) -> None:
    _, card = linked()
    others = _cards(hub, 3)
    hub.pull()
    Mapping.objects.filter(external_id__in=[c.id for c in others]).update(
        dirty_at=START, dirty_seq=1, priority=9, next_attempt_at=None
    )
    mapping_sync_now(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.vendor.calls.clear()
    hub.push()
    assert hub.vendor.calls[0] == ("get", card.id)


@pytest.mark.parametrize("settings", [{"read_only": True}, {"sync_direction": "out"}])
def test_settings_saved_during_a_run_hold_from_its_next_page_on(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    hub.vendor.page_size = 1
    rows = [hub.vendor.add(name=f"Card {number}") for number in range(5)]
    hub.sync()
    hub.clock.wait(minutes=10)
    for row in rows:
        hub.vendor.change(row, notes="Theirs")
    real, asked = VendorClient.list_page, []

    def list_page(self: VendorClient, resource: str, **named: Any) -> Any:
        asked.append(resource)
        if asked.count("card") == 3:  # two pages are taken in
            hub.configure(**settings)
        return real(self, resource, **named)

    monkeypatch.setattr(VendorClient, "list_page", list_page)
    job = hub.pull()
    jobs.job_run(job_id=job.id)
    assert Task.objects.filter(description="Theirs").count() <= 2
    assert SyncJob.objects.get(id=job.id).status == "succeeded"


def test_a_direction_saved_while_pairs_are_worked_off_holds_for_the_next_ones(hub: Hub) -> None:
    rows = [hub.vendor.add(name=f"Card {number:02}") for number in range(30)]
    hub.sync()
    hub.clock.wait(minutes=10)
    for row in rows:
        hub.edit(hub.record(row), description="Ours")
    hub.vendor.before_update = lambda row: hub.configure(sync_direction="in")
    hub.push()
    assert len(hub.vendor.writes) <= 8


def test_a_roll_back_refuses_a_field_that_a_person_set_to_the_same_value_since(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.vendor.change(card, notes="Theirs")
    run = hub.pull()
    hub.edit(task, description="Ours")
    hub.edit(task, description="Theirs")  # a person means it now
    back = hub.pull(JobKind.ROLLBACK, options={"job": str(run.id)})
    assert hub.fresh(task).description == "Theirs"
    assert back.result["refused"][0]["reason"] == "Changed since."
