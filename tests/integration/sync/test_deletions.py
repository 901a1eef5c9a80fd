"""A deletion needs evidence, keeps to a budget, and leaves a tombstone (E7, I4, I5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base.errors import Retryable
from connectors.base.types import Absence, AbsenceKind, Can, Page
from integrations.models import Mapping, SyncJob, SyncLog
from integrations.services.mappings import mapping_release
from sync.services import jobs
from tests.integration.sync.hub import Hub
from tests.integration.sync.vendor import EVERYTHING, Row, VendorClient
from workspace.models import Change, Task
from workspace.services import record_restore

Linked = Callable[..., tuple[Any, Any]]


def _cards(hub: Hub, count: int) -> list[Row]:
    cards = [hub.vendor.add(name=f"Card {number}") for number in range(count)]
    hub.pull()
    hub.clock.wait(minutes=10)
    return cards


def _alive(hub: Hub) -> int:
    return Task.objects.filter(tenant=hub.tenant, deleted_at__isnull=True).count()


# -- evidence ----------------------------------------------------------------------------------------------


def test_a_deletion_proven_by_the_vendor_is_carried_out_here_and_can_be_undone(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.vendor.remove(card)
    hub.deliver("deleted", card)
    hub.take_deliveries()
    assert hub.push() == {"applied": 1}
    assert hub.fresh(task).deleted_at is not None
    pair = hub.pair(card)
    assert (pair.state, pair.closed_at) == ("tombstone", hub.clock.at)
    assert Change.objects.filter(kind="delete").get().integration_id == hub.integration.id
    record_restore(
        tenant=hub.tenant, record_type="task", record_id=task.pk, origin=hub.by_person, now=hub.clock.at
    )
    assert hub.fresh(task).deleted_at is None


def test_a_404_that_the_connector_explains_as_deletion_is_carried_out(hub: Hub, linked: Linked) -> None:
    hub.vendor.gone_is_proven = False
    task, card = linked()
    hub.vendor.remove(card)
    hub.sync(full=True)
    assert hub.vendor.count("explain") == 1
    assert hub.fresh(task).deleted_at is not None and hub.pair(card).state == "tombstone"


@pytest.mark.parametrize(
    ("why", "state", "sentence"),
    [
        (AbsenceKind.NO_ACCESS, "held", "access lost"),
        (AbsenceKind.UNKNOWN, "held", "nothing proves"),
        (AbsenceKind.MOVED, "out_of_scope", "Outside"),
        (AbsenceKind.ARCHIVED, "out_of_scope", "Outside"),
        (AbsenceKind.OUT_OF_FILTER, "out_of_scope", "Outside"),
    ],
)
def test_a_record_that_is_absent_for_another_reason_is_not_deleted(
    hub: Hub, linked: Linked, why: AbsenceKind, state: str, sentence: str
) -> None:
    task, card = linked()
    hub.vendor.absences[card.id] = why
    hub.vendor.unlisted.add(card.id)
    hub.sync(full=True)
    assert hub.fresh(task).deleted_at is None
    assert hub.pair(card).state == state and sentence in hub.pair(card).state_reason
    hub.edit(task, title="Edited here meanwhile")
    hub.push()
    assert hub.vendor.writes == []
    hub.vendor.absences.clear()
    hub.vendor.unlisted.clear()
    hub.clock.wait(minutes=20)
    hub.sync(full=True)
    assert hub.pair(card).state == "synced" and card.data["name"] == "Edited here meanwhile"


def test_an_archived_record_that_is_answered_as_such_is_out_of_scope_and_comes_back(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.vendor.archive(card)
    hub.sync()
    assert (hub.pair(card).state, hub.pair(card).state_reason) == ("out_of_scope", "Archived there.")
    assert hub.fresh(task).deleted_at is None
    hub.vendor.archive(card, back=True)
    hub.sync()
    assert hub.pair(card).state == "synced"


def test_a_record_missing_in_a_complete_listing_is_only_looked_up(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.unlisted.add(card.id)
    hub.sync(full=True)
    assert hub.vendor.calls[-1] == ("get", card.id)
    assert hub.pair(card).state == "synced" and hub.fresh(task).deleted_at is None


def test_a_listing_that_is_not_complete_nominates_nobody(hub: Hub, linked: Linked) -> None:
    hub.vendor.reshape("card", list_is_complete=False)
    _, card = linked()
    hub.vendor.unlisted.add(card.id)
    hub.sync(full=True)
    assert hub.vendor.count("get") == 0


def test_a_record_made_after_the_sweep_began_is_not_missed_by_it(hub: Hub) -> None:
    hub.vendor.page_size = 2
    _cards(hub, 3)
    job = hub.job(full=True, resources=["card"])
    with hub.killed("after_page"):
        jobs.job_run(job_id=job.id)
    task = hub.create(title="Made meanwhile")
    hub.push()
    hub.vendor.unlisted.add(hub.row(task).id)
    hub.clock.wait(minutes=5)
    calls = hub.vendor.count("get")
    assert jobs.job_run(job_id=job.id) == "succeeded"
    hub.push()
    assert hub.vendor.count("get") == calls


def test_what_was_not_seen_while_the_vendor_fails_is_not_deleted(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.remove(card)
    hub.vendor.gone_is_proven = False
    hub.vendor.fail("explain", Retryable("gone away"), times=2)
    hub.sync(full=True)
    assert hub.fresh(task).deleted_at is None and hub.pair(card).state == "pending"
    hub.clock.wait(minutes=1)
    hub.push()
    hub.clock.wait(minutes=1)
    hub.push()
    assert hub.fresh(task).deleted_at is not None


def test_a_record_that_is_gone_from_the_table_here_is_no_proof_of_deletion(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    Task.objects.filter(pk=task.pk).delete()  # nobody does this through the hub
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert not card.is_deleted and hub.vendor.writes == []
    assert hub.pair(card).state == "held"


# -- mass loss ---------------------------------------------------------------------------------------------


def test_a_listing_that_lost_most_of_what_we_know_is_not_believed(hub: Hub) -> None:
    cards = _cards(hub, 60)
    hub.vendor.unlisted |= {card.id for card in cards[5:]}
    for card in cards[5:]:
        hub.vendor.remove(card)
    job = hub.pull(full=True)
    assert job.status == "partial" and hub.status() == "DEGRADED"
    assert hub.reason() == (
        "The listing lacks 55 of 60 known cards. Nothing was deleted; 20 of them are being looked up one by one."
    )
    assert Mapping.objects.filter(dirty_at__isnull=False).count() == 20
    assert _alive(hub) == 60


def test_an_empty_listing_deletes_nothing_when_the_records_are_still_there(hub: Hub) -> None:
    cards = _cards(hub, 40)
    hub.vendor.unlisted |= {card.id for card in cards}
    hub.sync(full=True)
    assert _alive(hub) == 40 and Mapping.objects.filter(state="synced").count() == 40
    hub.vendor.unlisted.clear()
    hub.sync(full=True)
    assert hub.status() == "ACTIVE"


def test_deletions_over_the_budget_wait_in_quarantine(hub: Hub) -> None:
    cards = _cards(hub, 10)
    for card in cards[:6]:
        hub.vendor.remove(card)
    hub.sync(full=True)
    assert _alive(hub) == 7  # three are always allowed
    held = Mapping.objects.filter(state="quarantined")
    assert held.count() == 3 and "the budget is 3" in held[0].state_reason


def test_a_quarantined_deletion_withdraws_when_the_record_reappears(hub: Hub) -> None:
    cards = _cards(hub, 10)
    for card in cards[:6]:
        hub.vendor.remove(card)
    hub.sync(full=True)
    waiting = [card for card in cards if hub.pair(card).state == "quarantined"]
    for card in waiting:
        card.is_deleted = False
        hub.vendor.change(card)
    hub.sync()
    assert {hub.pair(card).state for card in waiting} == {"synced"} and _alive(hub) == 7


def test_quarantine_does_not_leak_as_days_go_by_until_a_person_releases_it(hub: Hub) -> None:
    cards = _cards(hub, 10)
    for card in cards[:6]:
        hub.vendor.remove(card)
    hub.sync(full=True)
    for _ in range(4):
        hub.clock.wait(hours=30)
        hub.sync(full=True)
    assert Mapping.objects.filter(state="quarantined").count() == 3 and _alive(hub) == 7
    for pair in Mapping.objects.filter(state="quarantined"):
        mapping_release(mapping=pair, user=hub.person, now=hub.clock.at)
    hub.pull(full=True)  # a poll in between marks them once more
    hub.push()
    assert _alive(hub) == 4 and not Mapping.objects.filter(state="quarantined").exists()


def test_a_share_of_a_large_board_may_go_in_a_day(hub: Hub) -> None:
    hub.configure(delete_budget_count=100, delete_budget_percent=10)
    cards = _cards(hub, 100)
    for card in cards[:15]:
        hub.vendor.remove(card)
    hub.sync(full=True)
    deleted = 100 - _alive(hub)
    assert deleted == 9  # a tenth of what is left
    assert Mapping.objects.filter(state="quarantined").count() == 15 - deleted


def test_deletions_here_are_budgeted_too(hub: Hub) -> None:
    cards = _cards(hub, 10)
    for card in cards[:6]:
        hub.delete(hub.record(card))
    hub.push()
    assert sum(card.is_deleted for card in cards) == 3
    assert Mapping.objects.filter(state="quarantined").count() == 3


def test_another_account_or_container_stops_the_integration_and_deletes_nothing(hub: Hub) -> None:
    cards = _cards(hub, 5)
    hub.vendor.token = "account-1/another-board"
    hub.vendor.unlisted |= {card.id for card in cards}
    for card in cards:
        hub.vendor.remove(card)
    job = hub.pull(full=True)
    assert (job.status, hub.status()) == ("failed", "ERROR")
    assert "another account or container" in hub.reason()
    assert _alive(hub) == 5


def test_a_single_look_checks_the_container_before_it_believes_a_deletion(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.token = "account-1/another-board"
    hub.vendor.remove(card)
    hub.deliver("deleted", card)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).deleted_at is None and hub.pair(card).state == "held"


# -- tombstones --------------------------------------------------------------------------------------------


def test_what_was_deleted_here_is_deleted_there_and_not_imported_again(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.delete(task)
    hub.push()
    assert card.is_deleted and hub.vendor.writes == [("delete", card.id, {})]
    card.is_deleted = False  # a lagging listing still shows it
    hub.sync(full=True)
    assert _alive(hub) == 0 and hub.pair(card).state == "tombstone"


@pytest.mark.parametrize("policy", ["archive", "ignore"])
def test_the_delete_policy_decides_what_becomes_of_the_other_side(
    hub: Hub, linked: Linked, policy: str
) -> None:
    hub.configure(delete_policy=policy)
    task, card = linked()
    hub.delete(task)
    hub.push()
    assert (card.is_deleted, card.is_archived) == (False, policy == "archive")
    hub.sync(full=True)
    assert hub.pair(card).state == "tombstone" and _alive(hub) == 0 and hub.counts()["mappings"] == 1


def test_where_the_policy_is_to_ignore_a_deletion_there_leaves_ours(hub: Hub, linked: Linked) -> None:
    hub.configure(delete_policy="ignore")
    task, card = linked()
    hub.vendor.remove(card)
    hub.sync(full=True)
    assert hub.fresh(task).deleted_at is None and hub.pair(card).state == "tombstone"


def test_a_vendor_that_cannot_delete_makes_it_a_question(hub: Hub, linked: Linked) -> None:
    hub.vendor.reshape("card", can=EVERYTHING - {Can.DELETE})
    task, _ = linked()
    hub.delete(task)
    hub.push()
    assert hub.open_conflict().kind == "deleted_here"


def test_an_integration_that_only_brings_in_deletes_nothing_there(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.configure(sync_direction="in")
    hub.delete(task)
    hub.push()
    assert not card.is_deleted and hub.vendor.writes == []
    assert hub.pair(card).state == "tombstone"


def test_deleted_on_both_sides_ends_the_pair(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.delete(task)
    hub.vendor.remove(card)
    hub.push()
    assert (hub.pair(card).state, hub.pair(card).state_reason) == ("tombstone", "Deleted on both sides.")
    assert hub.vendor.writes == [] and SyncLog.objects.filter(operation="delete").count() == 1


def test_a_worker_killed_after_deleting_there_finishes_quietly(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.delete(task)
    with hub.killed("after_call"):
        hub.push()
    hub.clock.wait(minutes=5)
    hub.push()
    assert hub.pair(card).state == "tombstone" and len(hub.vendor.writes) == 1


def test_a_record_restored_here_is_made_there_anew(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.delete(task)
    hub.push()
    hub.restore(task)
    hub.push()
    hub.sync(full=True)
    (made,) = hub.vendor.of("card")
    assert made.id != card.id and hub.row(task) is made and _alive(hub) == 1


def test_ids_that_the_feed_itself_reports_as_deleted_are_looked_up(
    hub: Hub, linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, card = linked()
    other = hub.vendor.add(name="Stays")
    hub.sync()
    hub.vendor.remove(card)
    hub.vendor.pages = lambda token: Page([], None, hub.clock.at, deleted_ids=[card.id, other.id, "unknown"])
    hub.pull(resources=["card"])
    hub.vendor.pages = None
    hub.push()
    assert hub.fresh(task).deleted_at is not None
    assert hub.pair(other).state == "synced" and SyncJob.objects.filter(status="succeeded").count() >= 3


def test_an_absence_that_turns_out_to_be_presence_syncs(
    hub: Hub, linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, card = linked()
    hub.vendor.change(card, name="Moved to another list")
    found = VendorClient(hub.vendor)._record(card)
    hub.vendor.absences[card.id] = AbsenceKind.MOVED
    monkeypatch.setattr(
        VendorClient, "explain_absence",
        lambda self, resource, ids, parent_id=None: {card.id: Absence(AbsenceKind.PRESENT, record=found)},
    )  # fmt: skip
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).title == "Moved to another list"


def test_what_was_made_anew_there_does_not_come_in_again_from_a_listing_that_lags(
    hub: Hub, linked: Linked
) -> None:
    hub.configure(delete_policy="ask")
    task, card = linked()
    hub.edit(task, title="Kept")
    hub.vendor.remove(card)
    hub.sync(full=True)
    hub.decide(hub.open_conflict(), "keep_and_recreate")
    hub.push()
    card.is_deleted = False  # the listing still shows it
    hub.sync(full=True)
    card.is_deleted = True
    assert _alive(hub) == 1
    assert Mapping.objects.live().count() == 1


def test_an_edit_does_not_bring_back_what_was_deleted_there_and_kept_here(hub: Hub, linked: Linked) -> None:
    hub.configure(delete_policy="ignore")
    task, card = linked()
    hub.vendor.remove(card)
    hub.sync(full=True)
    hub.edit(task, title="A small correction")
    hub.sync(full=True)
    assert hub.vendor.of("card") == [] and hub.vendor.writes == []


def test_a_restored_record_that_is_still_there_is_linked_again_and_not_made_twice(
    hub: Hub, linked: Linked
) -> None:
    hub.configure(delete_policy="ignore")
    task, card = linked()
    hub.delete(task)
    hub.push()
    hub.vendor.change(card, notes="Meanwhile there")
    hub.restore(task)
    hub.edit(task, title="Meanwhile here")
    hub.push()
    assert hub.vendor.of("card") == [card] and hub.row(task) is card
    assert (card.data["name"], hub.fresh(task).description) == ("Meanwhile here", "Meanwhile there")
    hub.sync(full=True)
    assert _alive(hub) == 1 and hub.pair(task).state == "synced"


def test_a_record_restored_after_its_import_was_taken_back_is_not_made_twice(hub: Hub) -> None:
    card = hub.vendor.add(name="Paint")
    run = hub.pull()
    task = hub.record(card)
    hub.pull("rollback", options={"job": str(run.id)})
    hub.push()
    hub.restore(task)
    hub.push()
    assert hub.vendor.of("card") == [card] and hub.row(task) is card


def test_a_restored_record_that_was_deleted_there_is_made_anew(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.delete(task)
    hub.push()
    assert card.is_deleted
    hub.restore(task)
    hub.push()
    assert hub.row(task) is not card and hub.row(task).data["name"] == "Paint the boat"
