"""What fails is classified: waited for, retried by the schedule, held, given up with every try kept (H3–H5, E10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from conflicts.models import ConflictResolution
from connectors import registry
from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    Exchange,
    PermissionProblem,
    RateLimited,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from integrations.models import Integration, JobAttempt, Mapping, SyncLog
from integrations.services.control import integration_enable
from integrations.services.jobs import dead_letters_requeue
from integrations.services.mappings import mapping_retry
from integrations.services.schedules import schedule_apply, schedule_name
from sync.services import outbox
from sync.services.pair_sync import mapping_sync
from tests.integration.sync.hub import Hub

Linked = Callable[..., tuple[Any, Any]]
BUSY = Retryable("The service is busy.", status=503)


def _edit(hub: Hub, task: Any, title: str = "Ours") -> None:
    hub.edit(task, title=title)
    hub.push()


# -- one pair ----------------------------------------------------------------------------------------------


def test_429_is_waited_for_as_long_as_asked_and_does_not_count_as_a_try(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.fail("update", RateLimited("Slow down.", retry_after=7, status=429))
    _edit(hub, task)
    pair = hub.pair(card)
    assert (pair.attempts, pair.is_dead, pair.state) == (0, False, "pending")
    assert pair.next_attempt_at == hub.clock.at + timedelta(seconds=7)
    assert JobAttempt.objects.count() == 0
    hub.clock.wait(seconds=6)
    assert hub.push() == {}
    hub.clock.wait(seconds=1)
    assert hub.push() == {"applied": 1} and card.data["name"] == "Ours"


def test_a_failing_push_is_tried_again_after_1_2_4_8_16_seconds_and_then_given_up(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    exchange = Exchange(method="PATCH", url="https://vendor.example/cards/c1", status=503)
    hub.vendor.fail("update", Retryable("The service is busy.", status=503, exchange=exchange), times=6)
    _edit(hub, task)
    assert _waits_until_given_up(hub, card) == [1, 2, 4, 8, 16]
    pair = hub.pair(card)
    assert (pair.state, pair.is_dead, pair.attempts, pair.error_code) == ("error", True, 6, "remote_fault")
    assert pair.last_error == "The service is busy."
    attempts = list(JobAttempt.objects.filter(mapping=pair).order_by("id"))
    assert [a.number for a in attempts] == [1, 2, 3, 4, 5, 6]
    assert [a.outcome for a in attempts] == ["retry"] * 5 + ["gave_up"]
    assert attempts[0].exchange["url"] == exchange.url and attempts[0].http_status == 503
    hub.clock.wait(days=1)
    assert hub.push() == {} and hub.vendor.count("update") == 6


def _waits_until_given_up(hub: Hub, card: Any) -> list[float]:
    """Seconds before each further try."""
    waits = []
    while (pair := hub.pair(card)).next_attempt_at is not None:
        Integration.objects.update(breaker_state="closed", breaker_failures=0)
        waits.append((pair.next_attempt_at - hub.clock.at).total_seconds())
        hub.clock.at = pair.next_attempt_at
        hub.push()
    return waits


@pytest.mark.parametrize(("own", "waits"), [({}, [5, 10, 20]), ({"push": [3]}, [3])])
def test_a_connectors_delays_are_kept_to_unless_the_integration_sets_its_own(
    hub: Hub, linked: Linked, own: Any, waits: list[float]
) -> None:
    task, card = linked()
    hub.vendor.retry_delays = registry.get("leankit").retry_delays
    hub.configure(retry_policy=own)
    hub.vendor.fail("update", Retryable("The service is busy.", status=503), times=9)
    _edit(hub, task)
    assert _waits_until_given_up(hub, card) == waits
    assert hub.pair(card).is_dead


def test_a_dead_letter_is_requeued_with_its_tries_kept(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.fail("update", RecordProblem("Too long.", status=422))
    _edit(hub, task)
    pair = hub.pair(card)
    assert (pair.state, pair.is_dead, pair.state_reason) == ("error", True, "Too long.")
    assert dead_letters_requeue(
        tenant=hub.tenant, user=hub.person, mapping_ids=[pair.id], now=hub.clock.at
    ) == {"mappings": 1, "jobs": 0, "skipped": 0}  # fmt: skip
    hub.push()
    pair = hub.pair(card)
    assert (pair.state, pair.is_dead, pair.attempts, pair.last_error) == ("synced", False, 0, "")
    assert card.data["name"] == "Ours" and JobAttempt.objects.filter(mapping=pair).count() == 1


@pytest.mark.parametrize("code", [400, 404, 422])
def test_what_the_vendor_refuses_is_not_tried_again_by_itself(hub: Hub, linked: Linked, code: int) -> None:
    task, _card = linked()
    hub.vendor.fail("update", RecordProblem("Refused.", status=code), times=9)
    _edit(hub, task)
    for _ in range(3):
        hub.clock.wait(minutes=20)
        hub.sync(full=True)
    assert hub.vendor.count("update") == 1
    attempt = JobAttempt.objects.get()
    assert (attempt.outcome, attempt.http_status) == ("gave_up", code)
    assert SyncLog.objects.filter(status="failed").count() == 1


def test_a_dead_letter_is_tried_again_when_the_record_changes_here(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.fail("update", RecordProblem("Too long.", status=422))
    _edit(hub, task)
    _edit(hub, task, "Shorter")
    assert card.data["name"] == "Shorter" and hub.pair(card).state == "synced"


@pytest.mark.parametrize("how", ["webhook", "poll"])
def test_a_dead_letter_is_tried_again_when_the_record_changes_there(
    hub: Hub, linked: Linked, how: str
) -> None:
    task, card = linked()
    hub.vendor.fail("update", RecordProblem("Locked while in review.", status=422))
    _edit(hub, task)
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, notes="Reviewed")
    if how == "webhook":
        hub.deliver("updated", card)
        hub.take_deliveries()
        hub.push()
    else:
        hub.sync()
    pair = hub.pair(card)
    assert (pair.state, pair.is_dead, card.data["name"]) == ("synced", False, "Ours")
    assert hub.fresh(task).description == "Reviewed"


def test_a_dead_letter_that_is_refused_again_after_news_comes_to_rest(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.fail("update", RecordProblem("Locked.", status=422), times=50)
    _edit(hub, task)
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, notes="Reviewed")
    for _ in range(4):
        hub.sync(full=True)
        hub.clock.wait(minutes=10)
    assert hub.vendor.count("update") == 2 and hub.fresh(task).description == "Reviewed"
    assert hub.pair(card).is_dead


@pytest.mark.parametrize(
    "refusal",
    [
        RecordProblem("Too long.", status=422, field="name"),
        AlreadyExists("Another card is called that.", status=409, field="name"),
    ],
)
def test_a_value_the_vendor_refuses_by_name_goes_to_a_reviewer_and_the_rest_is_sent(
    hub: Hub, linked: Linked, refusal: RecordProblem
) -> None:
    task, card = linked()
    before = card.data["name"]
    hub.vendor.fail("update", refusal)
    hub.edit(task, title="Ours", priority="high")
    hub.push()
    conflict = ConflictResolution.objects.get()
    assert (conflict.kind, conflict.group, conflict.status) == ("refused", "title", "pending")
    assert (conflict.fields[0]["local"], conflict.fields[0]["external"]) == ("Ours", before)
    assert (card.data["name"], card.data["prio"]) == (before, "H")
    assert hub.pair(card).state == "conflict"
    writes = hub.vendor.count("update")
    for _ in range(3):
        hub.clock.wait(minutes=20)
        hub.sync(full=True)
    assert hub.vendor.count("update") == writes and ConflictResolution.objects.count() == 1
    hub.edit(task, title="Shorter")
    hub.push()
    conflict.refresh_from_db()
    assert (card.data["name"], hub.pair(card).state, conflict.status) == ("Shorter", "synced", "withdrawn")


def test_a_value_the_vendor_takes_and_ignores_is_held_and_not_sent_again(hub: Hub, linked: Linked) -> None:
    hub.vendor.keeps = {"prio"}
    task, card = linked()
    hub.edit(task, priority="high", title="Ours")
    hub.push()
    pair = hub.pair(card)
    assert (pair.state, pair.held["priority"]["reason"]) == ("held", "refused")
    assert "kept its own value" in pair.state_reason and card.data["name"] == "Ours"
    for _ in range(3):
        hub.clock.wait(minutes=10)
        hub.deliver("updated", card)
        hub.take_deliveries()
        hub.sync(full=True)
    assert len(hub.vendor.writes) == 1 and hub.fresh(task).priority == "high"
    hub.vendor.keeps = set()
    hub.edit(task, priority="low")
    hub.push()
    assert card.data["prio"] == "L" and hub.pair(card).state == "synced"


def test_403_on_one_record_holds_that_record_and_no_other(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    other, other_card = linked(name="Other")
    hub.vendor.fail("update", PermissionProblem("No access to this card.", status=403))
    hub.edit(task, title="Ours")
    hub.edit(other, title="Other ours")
    hub.push()
    assert {card.data["name"], other_card.data["name"]} in (
        {"Paint the boat", "Other ours"}, {"Ours", "Other"},
    )  # fmt: skip
    assert Mapping.objects.filter(state="held", state_reason="No access to this card.").count() == 1
    hub.clock.wait(minutes=15)
    hub.push()
    assert (card.data["name"], other_card.data["name"]) == ("Ours", "Other ours")


def test_a_stale_write_is_read_and_merged_again_at_most_three_times_then_waited_for(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.vendor.fail("update", StaleWrite("412"), times=3)
    _edit(hub, task)
    pair = hub.pair(card)
    assert (hub.vendor.count("update"), pair.attempts, pair.state) == (3, 1, "pending")
    hub.clock.wait(seconds=1)
    hub.push()
    assert card.data["name"] == "Ours"


def test_an_answer_outside_its_document_is_classified_and_retried(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.fail("get", ContractBroken("HTML where JSON was expected: a login page?", status=200))
    _edit(hub, task)
    pair = hub.pair(card)
    assert (pair.error_code, pair.attempts) == ("contract", 1)
    log = SyncLog.objects.get(status="failed")
    assert (log.error_code, log.message) == ("contract", "HTML where JSON was expected: a login page?")
    hub.clock.wait(seconds=2)
    hub.push()
    assert card.data["name"] == "Ours"


@pytest.mark.parametrize("fault", [KeyError("fields"), TypeError("no len()"), ValueError("nonsense")])
def test_a_fault_of_our_own_fails_one_pair_by_the_schedule_and_stops_nothing(
    hub: Hub, linked: Linked, fault: Exception
) -> None:
    task, card = linked()
    other, other_card = linked(name="Other")
    hub.edit(task, title="Ours")
    outbox.changes_drain()  # this one is marked first
    hub.vendor.fail("get", fault)
    hub.clock.wait(seconds=1)
    hub.edit(other, title="Other ours")
    hub.push()
    pair = hub.pair(card)
    assert (pair.state, pair.error_code, pair.attempts, pair.lease_until) == ("pending", "internal", 1, None)
    assert other_card.data["name"] == "Other ours"
    log = SyncLog.objects.get(status="failed")
    assert log.error_code == "internal" and type(fault).__name__ in log.error_trace
    assert str(fault) not in log.message
    hub.clock.wait(seconds=2)
    hub.push()
    assert card.data["name"] == "Ours"


def test_one_bad_record_of_a_page_does_not_stop_the_others(hub: Hub) -> None:
    bad = hub.vendor.add(name="x" * 600)  # a title holds 500
    good = hub.vendor.add(name="Good")
    job = hub.pull(resources=["card"])
    assert (job.status, job.success_count, job.error_count) == ("partial", 1, 1)
    assert job.result["errors"][0][0] == bad.id and "title" in job.result["errors"][0][1]
    hub.push()
    assert hub.record(good).title == "Good"
    pair = hub.pair(bad)
    assert (pair.state, pair.is_dead, pair.error_code) == ("error", True, "mapping")
    hub.vendor.change(bad, name="Short enough")
    hub.sync()
    assert hub.record(bad).title == "Short enough" and hub.pair(bad).state == "synced"


def test_a_required_field_that_is_empty_there_fails_that_record_and_names_the_field(hub: Hub) -> None:
    bad = hub.vendor.add(name="")
    hub.sync()
    pair = hub.pair(bad)
    assert pair.state == "error" and pair.state_reason.startswith("title: ")


def test_two_workers_never_work_on_one_pair_at_once(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    seen = []

    def second_worker(row: Any) -> None:
        seen.append(mapping_sync(mapping_id=hub.pair(card).id))

    hub.vendor.before_update = second_worker
    hub.push()
    assert seen == ["busy"] and len(hub.vendor.writes) == 1


def test_a_worker_whose_lease_ran_out_writes_no_bases(hub: Hub, linked: Linked) -> None:
    task, card = linked()

    def too_slow(row: Any) -> None:
        hub.vendor.before_update = lambda row: None
        hub.clock.wait(minutes=5)
        assert mapping_sync(mapping_id=hub.pair(card).id) == "applied"  # another worker took it over

    hub.vendor.before_update = too_slow
    hub.edit(task, title="Ours")
    hub.push()
    pair = hub.pair(card)
    assert (pair.state, card.data["name"]) == ("synced", "Ours")
    assert pair.base_external["title"] == "Ours"


def test_a_change_made_while_the_pair_is_worked_on_is_not_lost(hub: Hub, linked: Linked) -> None:
    task, card = linked()

    def person_here(row: Any) -> None:
        hub.vendor.before_update = lambda row: None
        hub.edit(task, description="Second thought")
        outbox.changes_drain()

    hub.vendor.before_update = person_here
    hub.edit(task, title="Ours")
    hub.push()
    assert (card.data["name"], card.data["notes"]) == ("Ours", "Second thought")


# -- credentials -------------------------------------------------------------------------------------------


def test_401_stops_the_integration_and_its_schedule_until_a_person_acts(hub: Hub, linked: Linked) -> None:
    from django_celery_beat.models import PeriodicTask

    task, card = linked()
    schedule_apply(hub.integration)
    assert PeriodicTask.objects.get(name=schedule_name(hub.integration)).enabled
    hub.vendor.fail("get", ConfigurationProblem("The token was refused.", status=401))
    _edit(hub, task)
    assert (hub.status(), hub.reason()) == ("ERROR", "The token was refused.")
    assert not PeriodicTask.objects.get(name=schedule_name(hub.integration)).enabled
    pair = hub.pair(card)
    assert (pair.attempts, pair.is_dead) == (0, False)
    hub.clock.wait(minutes=10)
    assert hub.push() == {} and hub.pull().status == "skipped"
    integration_enable(integration=hub.integration, user=hub.person, tests=False, now=hub.clock.at)
    hub.push()
    assert card.data["name"] == "Ours" and hub.status() == "ACTIVE"


def test_401_ends_a_job_at_once(hub: Hub) -> None:
    hub.vendor.fail("list", ConfigurationProblem("The token was refused.", status=401))
    job = hub.pull()
    assert (job.status, job.error_code, job.attempts) == ("failed", "auth", 1)
    assert hub.status() == "ERROR"


# -- circuit breaker ---------------------------------------------------------------------------------------


def _breaker(hub: Hub) -> str:
    return Integration.objects.values_list("breaker_state", flat=True).get(id=hub.integration.id)


def test_five_failures_open_the_circuit_which_probes_and_closes(hub: Hub, linked: Linked) -> None:
    pairs = [linked(name=f"Card {number}") for number in range(8)]
    hub.vendor.fail("get", BUSY, times=5)
    for task, _ in pairs:
        hub.edit(task, description="Ours")
    hub.push()
    assert _breaker(hub) == "open"
    calls = len(hub.vendor.calls)
    hub.clock.wait(seconds=30)
    hub.push()
    assert len(hub.vendor.calls) == calls  # nobody asks while it is open
    assert hub.pull().status == "retry_waiting"
    assert len(hub.vendor.calls) == calls
    hub.vendor.fail("get", BUSY)
    hub.clock.wait(seconds=31)
    hub.push()
    assert _breaker(hub) == "open" and len(hub.vendor.calls) == calls + 1  # one probe, and it failed
    hub.clock.wait(seconds=121)
    for _ in range(4):
        hub.push()
        hub.clock.wait(seconds=30)
    assert _breaker(hub) == "closed"
    assert all(card.data["notes"] == "Ours" for _, card in pairs)


def test_refusals_of_single_records_do_not_open_the_circuit(hub: Hub, linked: Linked) -> None:
    pairs = [linked(name=f"Card {number}") for number in range(6)]
    hub.vendor.fail("update", RecordProblem("Refused.", status=422), times=6)
    for task, _ in pairs:
        hub.edit(task, title="Ours")
    hub.push()
    assert _breaker(hub) == "closed"


def test_a_person_may_retry_a_pair_at_once(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.fail("update", RecordProblem("Refused.", status=422))
    _edit(hub, task)
    mapping_retry(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.push()
    assert card.data["name"] == "Ours"
