"""Both sides changed the same field: strategies, groups, decisions, and a journal that keeps the loser (E2, F)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conflicts.models import ConflictResolution, ConflictStatus
from conflicts.services import StaleConflict, conflict_ignore, conflict_revert, rule_create
from integrations.models import SyncLog
from sync.services import deletes
from tests.integration.sync.hub import Hub

Linked = Callable[..., tuple[Any, Any]]


def _clash(hub: Hub, task: Any, card: Any, *, here: str = "Ours", there: str = "Theirs") -> None:
    """Here first, there a minute later."""
    hub.edit(task, title=here)
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name=there)


# -- strategies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "winner"),
    [("external_wins", "Theirs"), ("local_wins", "Ours"), ("latest_wins", "Theirs")],
)
def test_a_strategy_decides_and_the_loser_stays_readable(
    hub: Hub, linked: Linked, strategy: str, winner: str
) -> None:
    hub.configure(conflict_strategy=strategy)
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == (winner, winner)
    conflict = hub.conflict()
    assert (conflict.status, conflict.strategy) == (ConflictStatus.AUTO_RESOLVED, strategy)
    entry = conflict.fields[0]
    assert (entry["key"], entry["base"], entry["local"], entry["external"]) == (
        "title", "Paint the boat", "Ours", "Theirs",
    )  # fmt: skip
    assert conflict.resolved["title"]["value"] == winner
    assert SyncLog.objects.filter(status="conflict_resolved").count() == 1


def test_latest_wins_takes_the_local_edit_if_that_came_later(hub: Hub, linked: Linked) -> None:
    hub.configure(conflict_strategy="latest_wins")
    task, card = linked()
    hub.vendor.change(card, name="Theirs")
    hub.clock.wait(minutes=1)
    hub.edit(task, title="Ours")
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Ours")


def test_latest_wins_asks_where_the_clocks_cannot_tell(hub: Hub, linked: Linked) -> None:
    hub.configure(conflict_strategy="latest_wins")
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.clock.wait(seconds=1)
    hub.vendor.change(card, name="Theirs")
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Theirs")
    assert "too close to tell" in hub.open_conflict().reason


def test_manual_review_asks_and_leaves_both_sides_alone(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    assert hub.push() == {"conflict": 1}
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Theirs")
    conflict = hub.open_conflict()
    assert (conflict.kind, conflict.group, conflict.record_title) == ("both_changed", "title", "Ours")
    assert (hub.pair(card).state, hub.pair(card).state_reason) == ("conflict", "A reviewer has to decide.")


def test_custom_merge_decides_by_field_and_falls_back_for_the_rest(hub: Hub, linked: Linked) -> None:
    hub.configure(
        conflict_strategy="custom_merge",
        merge_rules={"description": {"rule": "concatenate", "separator": " | "}},
    )
    task, card = linked(notes="Old")
    hub.edit(task, title="Ours", description="Here")
    hub.vendor.change(card, name="Theirs", notes="There")
    hub.push()
    assert (hub.fresh(task).description, card.data["notes"]) == ("Here | There", "Here | There")
    assert [entry["key"] for entry in hub.open_conflict().fields] == ["title"]


def test_a_remembered_choice_decides_and_counts_its_hits_in_bulk_too(hub: Hub, linked: Linked) -> None:
    rule = rule_create(
        tenant=hub.tenant, user=hub.person, rule="prefer_external", field="title", now=hub.clock.at
    )
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    assert hub.fresh(task).title == "Theirs"
    hub.clock.wait(minutes=10)
    _clash(hub, task, card, here="Ours again", there="Theirs again")
    hub.pull()  # the page settles it, set by set
    assert hub.fresh(task).title == "Theirs again"
    rule.refresh_from_db()
    assert rule.hits == 2
    journal = ConflictResolution.objects.order_by("created_at")
    assert [(row.status, row.rule_id, row.strategy) for row in journal] == [
        ("auto_resolved", rule.id, "manual_review")
    ] * 2


def test_what_a_strategy_decided_can_be_taken_back_and_syncs_like_an_edit(hub: Hub, linked: Linked) -> None:
    hub.configure(conflict_strategy="external_wins")
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    conflict_revert(conflict_id=hub.conflict().id, tenant=hub.tenant, user=hub.person, now=hub.clock.at)
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Ours")


# -- groups ------------------------------------------------------------------------------------------------


def test_fields_of_a_group_are_decided_together_while_the_others_flow(hub: Hub, linked: Linked) -> None:
    task, card = linked(till="2026-05-01", **{"from": "2026-04-01"})
    hub.edit(task, due_on="2026-06-01", title="Ours")
    hub.vendor.change(card, till="2026-07-01", prio="H", **{"from": "2026-06-15"})
    hub.push()
    conflict = hub.open_conflict()
    assert (conflict.group, [entry["key"] for entry in conflict.fields]) == ("dates", ["start_on", "due_on"])
    task = hub.fresh(task)
    assert (card.data["name"], task.priority) == ("Ours", "high")
    assert (str(task.start_on), str(task.due_on)) == ("2026-04-01", "2026-06-01")
    hub.decide(conflict, "external")
    hub.push()
    task = hub.fresh(task)
    assert (str(task.start_on), str(task.due_on)) == ("2026-06-15", "2026-07-01")


def test_an_undisputed_field_of_the_same_record_flows_while_another_waits(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.edit(task, priority="high")
    hub.vendor.change(card, notes="Twice")
    hub.sync()
    assert (card.data["prio"], hub.fresh(task).description) == ("H", "Twice")
    assert hub.pair(card).state == "conflict"


# -- a record that changes while its conflict is open -------------------------------------------------------


def test_a_record_that_changes_again_updates_its_conflict(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    first = hub.open_conflict()
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, name="Theirs again")
    hub.sync()
    second = hub.open_conflict()
    assert second.id == first.id and second.version == first.version + 1
    assert (second.fields[0]["local"], second.fields[0]["external"]) == ("Ours", "Theirs again")


def test_a_quiet_pass_leaves_an_open_conflict_alone(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    before, version = hub.counts(), hub.open_conflict().version
    hub.sync(full=True)
    hub.sync(full=True)
    assert hub.counts() == before and hub.open_conflict().version == version


def test_a_conflict_that_settles_itself_is_withdrawn(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.vendor.change(card, name="Ours")
    hub.sync()
    assert hub.conflict().status == ConflictStatus.WITHDRAWN
    assert hub.pair(card).state == "synced"


# -- decisions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "value"), [("local", "Ours"), ("external", "Theirs"), ("base", "Paint the boat")]
)
def test_a_decision_is_applied_and_pushed(hub: Hub, linked: Linked, choice: str, value: str) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.decide(hub.open_conflict(), choice)
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == (value, value)
    conflict = hub.conflict()
    assert conflict.status == ConflictStatus.RESOLVED
    assert (conflict.pushed_at is not None) == (choice != "external")
    assert (conflict.fields[0]["local"], conflict.fields[0]["external"]) == ("Ours", "Theirs")
    assert hub.pair(card).state == "synced"
    before = hub.counts()
    hub.sync(full=True)
    assert hub.counts() == before


def test_an_edited_value_wins_over_both(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.decide(hub.open_conflict(), title={"choice": "custom", "value": "Both of us"})
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Both of us", "Both of us")


def test_a_decision_without_push_lets_the_sides_differ_from_now_on(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.decide(hub.open_conflict(), "local", push=False)
    hub.push()
    for _ in range(2):
        hub.sync(full=True)
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Theirs")
    assert hub.conflict().status == ConflictStatus.RESOLVED and hub.conflict().pushed_at is None
    assert hub.pair(card).provenance["title"] == "accepted"
    hub.edit(task, title="Ours, newer")
    hub.push()
    assert card.data["name"] == "Ours, newer"


def test_an_ignored_conflict_stays_away_until_a_side_changes(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    conflict = hub.open_conflict()
    conflict_ignore(
        conflict_id=conflict.id,
        tenant=hub.tenant,
        user=hub.person,
        seen_version=conflict.version,
        now=hub.clock.at,
    )
    hub.push()
    hub.sync(full=True)
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Theirs")
    assert hub.conflict().status == ConflictStatus.IGNORED and hub.pair(card).state == "synced"
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, name="Theirs, newer")
    hub.sync()
    assert hub.fresh(task).title == "Theirs, newer"


def test_a_decision_on_values_that_moved_on_is_not_carried_out(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.decide(hub.open_conflict(), "local")
    hub.vendor.change(card, name="Theirs, after the reviewer looked")
    hub.push()
    assert card.data["name"] == "Theirs, after the reviewer looked"
    conflict = hub.open_conflict()
    assert conflict.resolved == {} and "rita had decided (title: local)" in conflict.decision_note
    assert conflict.fields[0]["external"] == "Theirs, after the reviewer looked"


def test_a_reviewer_whose_record_was_edited_meanwhile_is_told_and_nothing_is_written(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    conflict = hub.open_conflict()
    hub.edit(task, title="Ours, newer")
    with pytest.raises(StaleConflict):
        hub.decide(conflict, "local")
    assert card.data["name"] == "Theirs" and hub.open_conflict().fields[0]["local"] == "Ours, newer"


def test_a_worker_that_dies_between_writing_here_and_there_finishes_the_decision_later(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    _clash(hub, task, card)
    hub.push()
    hub.decide(hub.open_conflict(), title={"choice": "custom", "value": "Both of us"})
    with hub.killed("after_bring_in"):
        hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Both of us", "Theirs")
    hub.clock.wait(minutes=5)
    hub.push()
    assert card.data["name"] == "Both of us"
    conflict = hub.conflict()
    assert conflict.status == ConflictStatus.RESOLVED and conflict.fields[0]["local"] == "Ours"


# -- delete against edit -----------------------------------------------------------------------------------


def _deleted_here_edited_there(hub: Hub, task: Any, card: Any) -> None:
    hub.delete(task)
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs")
    hub.push()


def _deleted_there_edited_here(hub: Hub, task: Any, card: Any) -> None:
    hub.vendor.remove(card)
    hub.clock.wait(minutes=1)
    hub.edit(task, title="Ours")
    hub.push()


def test_a_record_deleted_here_and_edited_there_goes_to_review(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    conflict = hub.open_conflict()
    assert (conflict.kind, conflict.group, conflict.reason) == (
        "deleted_here", "record", "Deleted here, changed in Fakeboard.",
    )  # fmt: skip
    assert conflict.fields[0]["external"]["title"] == "Theirs"
    assert not card.is_deleted and hub.pair(card).state == "conflict"


def test_deleted_here_the_reviewer_keeps_it(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "keep_and_recreate"})
    hub.push()
    assert (hub.fresh(task).deleted_at, hub.fresh(task).title) == (None, "Theirs")
    assert hub.pair(card).state == "synced" and hub.conflict().status == ConflictStatus.RESOLVED


def test_deleted_here_the_reviewer_accepts_it(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "accept_delete"})
    hub.push()
    assert card.is_deleted and hub.fresh(task).deleted_at is not None
    assert hub.pair(card).state == "tombstone" and hub.conflict().pushed_at is not None


def test_accepting_a_deletion_archives_where_that_is_the_policy(hub: Hub, linked: Linked) -> None:
    hub.configure(delete_policy="archive")
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "accept_delete"})
    hub.push()
    assert card.is_archived and not card.is_deleted


def test_deleted_here_the_reviewer_unlinks(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "unlink"})
    hub.push()
    hub.sync(full=True)
    assert not card.is_deleted and hub.fresh(task).deleted_at is not None
    assert hub.pair(card).state == "tombstone" and hub.counts()["mappings"] == 1


def test_a_record_deleted_there_and_edited_here_goes_to_review(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_there_edited_here(hub, task, card)
    conflict = hub.open_conflict()
    assert (conflict.kind, conflict.reason) == ("deleted_there", "Deleted in Fakeboard, changed here.")
    assert conflict.fields[0]["local"]["title"] == "Ours" and hub.fresh(task).deleted_at is None


def test_deleted_there_the_reviewer_keeps_it_and_it_is_made_there_anew_once(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_there_edited_here(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "keep_and_recreate"})
    hub.push()
    hub.sync(full=True)
    (made,) = hub.vendor.of("card")
    assert made.id != card.id and made.data["name"] == "Ours"
    assert hub.row(task) is made and hub.conflict().status == ConflictStatus.RESOLVED


def test_deleted_there_the_reviewer_accepts_it(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_there_edited_here(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "accept_delete"})
    hub.push()
    assert hub.fresh(task).deleted_at is not None and hub.pair(card).state == "tombstone"
    assert hub.vendor.of("card") == []


def test_deleted_there_the_reviewer_unlinks_and_the_record_stays_here(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_there_edited_here(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "unlink"})
    hub.push()
    assert hub.fresh(task).deleted_at is None and hub.pair(card).state == "tombstone"


def test_a_decision_to_delete_does_not_hold_for_edits_the_reviewer_has_not_seen(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    _deleted_there_edited_here(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "accept_delete"})
    hub.edit(task, title="Ours, after the reviewer looked")
    hub.push()
    assert hub.fresh(task).deleted_at is None
    conflict = hub.open_conflict()
    assert conflict.fields[0]["local"]["title"] == "Ours, after the reviewer looked"
    assert "accept_delete" in conflict.decision_note


def test_a_decision_to_delete_there_does_not_hold_for_edits_made_there_since(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    hub.decide(hub.open_conflict(), record={"choice": "accept_delete"})
    hub.vendor.change(card, name="Theirs, after the reviewer looked")
    hub.push()
    assert not card.is_deleted
    assert hub.open_conflict().fields[0]["external"]["title"] == "Theirs, after the reviewer looked"


def test_a_deletion_that_is_undone_withdraws_its_conflict(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _deleted_here_edited_there(hub, task, card)
    hub.restore(task)
    hub.push()
    assert hub.conflict().status == ConflictStatus.WITHDRAWN
    assert (hub.fresh(task).title, hub.pair(card).state) == ("Theirs", "synced")


@pytest.mark.parametrize("where", ["here", "there"])
def test_the_policy_ask_asks_about_a_plain_deletion(hub: Hub, linked: Linked, where: str) -> None:
    hub.configure(delete_policy="ask")
    task, card = linked()
    if where == "here":
        hub.delete(task)
    else:
        hub.vendor.remove(card)
        hub.deliver("deleted", card)
        hub.take_deliveries()
    hub.push()
    conflict = hub.open_conflict()
    assert conflict.kind == f"deleted_{where}" and conflict.reason.endswith("the policy is to ask.")
    assert card.is_deleted == (where == "there") and (hub.fresh(task).deleted_at is None) == (
        where == "there"
    )


def test_an_edit_in_the_moment_a_deletion_is_carried_out_is_asked_about_again(
    hub: Hub, linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.configure(delete_policy="ask")
    task, card = linked()
    hub.vendor.remove(card)
    hub.sync(full=True)
    hub.decide(hub.open_conflict(), "accept_delete")
    real, late = deletes._is_as_seen, ["A late edit"]

    def is_as_seen(*args: Any) -> bool:
        is_seen = real(*args)
        if late:
            hub.edit(task, description=late.pop())
        return is_seen

    monkeypatch.setattr(deletes, "_is_as_seen", is_as_seen)
    hub.push()
    assert (hub.fresh(task).deleted_at, hub.fresh(task).description) == (None, "A late edit")
    assert hub.pair(card).state == "conflict"
