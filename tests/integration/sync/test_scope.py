"""Which records take part: filters on both sides, switches, and states that are no deletion (E14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Mapping
from integrations.services.control import integration_update
from integrations.services.mappings import (
    mapping_link_existing,
    mapping_resume,
    mapping_stop,
    mapping_unlink,
)
from tests.integration.sync.hub import Hub
from workspace.models import Task

Linked = Callable[..., tuple[Any, Any]]

ONLY_BLUE = {"external": [{"field": "colour", "op": "equals", "value": "blue", "resource": "card"}]}
NOT_LOW = {"local": [{"field": "priority", "op": "not_equals", "value": "low"}]}


def test_records_there_that_fail_the_filter_are_not_taken_in(hub: Hub) -> None:
    hub.configure(record_filter=ONLY_BLUE)
    blue, red = hub.vendor.add(name="Blue"), hub.vendor.add(name="Red", colour="red")
    job = hub.pull()
    assert [task.title for task in Task.objects.all()] == ["Blue"]
    assert hub.pair(blue).state == "synced" and not Mapping.objects.filter(external_id=red.id).exists()
    assert job.result["outcomes"] == {"applied": 1, "filtered": 1}


def test_a_record_that_leaves_the_filter_there_stays_here_and_comes_back_with_its_news(
    hub: Hub, linked: Linked
) -> None:
    hub.configure(record_filter=ONLY_BLUE)
    task, card = linked()
    hub.vendor.change(card, colour="red", name="Changed on its way out")
    hub.sync()
    pair = hub.pair(card)
    assert (pair.state, pair.state_reason) == (
        "out_of_scope",
        "Outside this integration's filter or container.",
    )
    assert (hub.fresh(task).title, hub.fresh(task).deleted_at) == ("Paint the boat", None)
    hub.edit(task, priority="high")
    hub.push()
    assert hub.vendor.writes == [] and hub.pair(card).state == "out_of_scope"
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, colour="blue")
    hub.sync()
    assert (hub.fresh(task).title, card.data["prio"]) == ("Changed on its way out", "H")
    assert hub.pair(card).state == "synced"


def test_a_record_out_of_scope_is_not_read_again_at_every_poll(hub: Hub, linked: Linked) -> None:
    hub.vendor.reshape("card", incremental=False)
    hub.configure(record_filter={**ONLY_BLUE, **NOT_LOW})
    _, gone_there = linked()
    gone_here, card = linked(name="Ours")
    hub.vendor.change(gone_there, colour="red")
    hub.edit(gone_here, priority="low")
    hub.sync()
    assert {hub.pair(gone_there).state, hub.pair(card).state} == {"out_of_scope"}
    before, gets = hub.counts(), hub.vendor.count("get")
    hub.sync()
    hub.sync()
    assert hub.vendor.count("get") == gets and hub.counts() == before


def test_a_record_that_leaves_the_filter_here_stays_there_and_comes_back(hub: Hub, linked: Linked) -> None:
    hub.configure(record_filter=NOT_LOW)
    task, card = linked()
    hub.edit(task, priority="low", title="Ours")
    hub.push()
    assert hub.pair(card).state == "out_of_scope" and card.data["name"] == "Paint the boat"
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, notes="Theirs")
    hub.sync()
    assert hub.fresh(task).description == ""
    hub.edit(task, priority="high")
    hub.push()
    assert (card.data["name"], card.data["prio"]) == ("Ours", "H")
    assert hub.fresh(task).description == "Theirs" and hub.pair(card).state == "synced"


def test_a_record_here_outside_the_filter_is_made_there_once_it_enters(hub: Hub) -> None:
    hub.configure(record_filter=NOT_LOW)
    task = hub.create(title="Sand the hull", priority="low")
    hub.push()
    assert not hub.vendor.rows
    hub.edit(task, priority="high")
    hub.push()
    assert hub.row(task).data["name"] == "Sand the hull"


def test_a_preset_lets_members_out_only_once_accepted(hub: Hub) -> None:
    hub.configure(
        record_filter={"local": [{"field": "accepted_at", "op": "not_empty", "resource": "member"}]}
    )
    member = hub.create("member", name="Ann", email="ann@x.example")
    hub.push()
    assert hub.vendor.of("member") == []
    hub.edit(member, accepted_at=hub.clock.at)
    hub.push()
    assert hub.row(member).data["email"] == "ann@x.example"


def test_the_records_own_switch_stops_and_resumes_its_sync(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, external_sync_enabled=False)
    hub.push()
    assert (hub.pair(card).state, hub.pair(card).state_reason) == (
        "out_of_scope", "Sync is switched off for this record.",
    )  # fmt: skip
    hub.edit(task, title="Ours")
    hub.vendor.change(card, notes="Theirs")
    hub.sync()
    assert (card.data["name"], hub.fresh(task).description) == ("Paint the boat", "")
    hub.edit(task, external_sync_enabled=True)
    hub.push()
    assert (card.data["name"], hub.fresh(task).description) == ("Ours", "Theirs")
    assert hub.pair(card).state == "synced"


def test_a_deletion_of_what_is_out_of_scope_is_not_carried_over(hub: Hub, linked: Linked) -> None:
    hub.configure(record_filter=ONLY_BLUE)
    task, card = linked()
    hub.vendor.change(card, colour="red")
    hub.sync()
    hub.delete(task)
    hub.push()
    assert not card.is_deleted and hub.vendor.writes == []


def test_a_record_whose_sync_is_switched_off_is_deleted_only_here(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, external_sync_enabled=False)
    hub.push()
    hub.delete(task)
    hub.push()
    assert not card.is_deleted and hub.vendor.writes == []
    assert hub.pair(card).state == "out_of_scope"
    hub.restore(task)
    hub.edit(task, external_sync_enabled=True, title="Ours")
    hub.push()
    assert card.data["name"] == "Ours" and hub.pair(card).state == "synced"


def test_a_record_outside_the_filter_here_is_deleted_only_here(hub: Hub, linked: Linked) -> None:
    hub.configure(record_filter=NOT_LOW)
    task, card = linked()
    hub.edit(task, priority="low")
    hub.push()
    hub.delete(task)
    hub.push()
    assert not card.is_deleted and hub.vendor.writes == []


def test_what_left_the_filter_there_and_is_deleted_there_later_stays_here(hub: Hub, linked: Linked) -> None:
    hub.configure(record_filter=ONLY_BLUE)
    task, card = linked()
    hub.vendor.change(card, colour="red")
    hub.sync()
    hub.clock.wait(minutes=10)
    hub.vendor.remove(card)
    hub.deliver("deleted", card)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).deleted_at is None and hub.pair(card).state == "tombstone"


def test_a_pair_stopped_by_a_person_rests_until_resumed(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    mapping_stop(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.edit(task, title="Ours")
    hub.vendor.change(card, notes="Theirs")
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.sync(full=True)
    assert (card.data["name"], hub.fresh(task).description) == ("Paint the boat", "")
    mapping_resume(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.push()
    assert (card.data["name"], hub.fresh(task).description) == ("Ours", "Theirs")


def _switch_off(hub: Hub, task: Any, card: Any) -> None:
    hub.edit(task, external_sync_enabled=False)
    hub.push()


def _switch_on(hub: Hub, task: Any, card: Any) -> None:
    hub.edit(task, external_sync_enabled=True)
    hub.push()


def _stop(hub: Hub, task: Any, card: Any) -> None:
    mapping_stop(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)


def _resume(hub: Hub, task: Any, card: Any) -> None:
    mapping_resume(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.push()


@pytest.mark.parametrize(("off", "on"), [(_switch_off, _switch_on), (_stop, _resume)])
def test_a_comment_on_a_record_kept_out_of_the_sync_stays_here_until_it_is_back(
    hub: Hub, linked: Linked, off: Callable[..., None], on: Callable[..., None]
) -> None:
    task, card = linked()
    old = hub.create("comment", body="For both", on_type="task", on_id=str(task.pk))
    hub.push()
    there = hub.row(old)
    off(hub, task, card)
    hub.edit(old, body="Only for us")
    hub.create("comment", body="Internal", on_type="task", on_id=str(task.pk))
    hub.push()
    hub.sync(full=True)
    assert [row.data["text"] for row in hub.vendor.of("remark")] == ["For both"]
    on(hub, task, card)
    hub.clock.wait(minutes=16)
    hub.push()
    assert sorted(row.data["text"] for row in hub.vendor.of("remark")) == ["Internal", "Only for us"]
    assert there.data["text"] == "Only for us"


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ({"op": "equals", "value": "H"}, ["high"]),
        ({"op": "in", "value": ["H", "L"]}, ["high", "low"]),
        ({"op": "not_in", "value": ["H"]}, ["low", "none"]),
        ({"op": "not_equals", "value": "0"}, ["high", "low"]),
    ],
)
def test_conditions_of_every_kind_decide_about_records_there(
    hub: Hub, condition: dict[str, Any], taken: list[str]
) -> None:
    hub.configure(record_filter={"external": [{"field": "prio", "resource": "card", **condition}]})
    for prio in "HL0":
        hub.vendor.add(name=prio, prio=prio)
    hub.pull()
    assert sorted(Task.objects.values_list("priority", flat=True)) == taken


def test_a_direction_of_in_never_writes_there_and_says_what_waits(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.configure(sync_direction="in")
    hub.edit(task, title="Ours")
    hub.push()
    assert hub.vendor.writes == []
    assert hub.pair(card).held["title"]["reason"] == "direction"
    hub.vendor.change(card, notes="Theirs")
    hub.sync()
    assert (hub.fresh(task).title, hub.fresh(task).description) == ("Ours", "Theirs")


def test_a_direction_of_out_never_writes_here(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.configure(sync_direction="out")
    hub.vendor.change(card, notes="Theirs")
    hub.edit(task, title="Ours")
    hub.sync()
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert (hub.fresh(task).description, card.data["name"]) == ("", "Ours")


def test_a_record_type_that_is_switched_off_rests_and_comes_back(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.configure(resource_types=["member"])
    hub.edit(task, title="Ours")
    hub.push()
    assert (hub.pair(card).state, hub.pair(card).state_reason) == (
        "out_of_scope", "This record type is no longer synced.",
    )  # fmt: skip
    assert card.data["name"] == "Paint the boat"
    hub.configure(resource_types=["member", "card"])
    hub.sync(full=True)
    assert card.data["name"] == "Ours" and hub.pair(card).state == "synced"


def _settings(hub: Hub, **values: Any) -> None:
    """A person saves settings, some time after the last run."""
    hub.clock.wait(hours=1)
    hub.sync()
    hub.clock.wait(hours=1)
    hub.configure(base_url="https://vendor.example")
    integration_update(integration=hub.integration, user=hub.person, now=hub.clock.at, **values)
    hub.sync()


def test_a_filter_that_is_widened_takes_up_what_waited_outside(hub: Hub, linked: Linked) -> None:
    hub.configure(record_filter={**ONLY_BLUE, **NOT_LOW})
    task, card = linked()
    hub.edit(task, priority="low", title="Ours")
    red = hub.vendor.add(name="Red", colour="red")
    hub.sync()
    assert hub.pair(card).state == "out_of_scope"
    _settings(hub, record_filter={})
    assert (card.data["name"], card.data["prio"]) == ("Ours", "L") and hub.pair(card).state == "synced"
    assert hub.record(red).title == "Red"


def test_a_record_type_that_is_switched_on_again_sends_what_was_edited_meanwhile(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.sync()
    hub.configure(resource_types=["member"])
    hub.edit(task, title="Ours")
    hub.push()
    _settings(hub, resource_types=["member", "card"])
    assert card.data["name"] == "Ours" and hub.pair(card).state == "synced"


def test_records_there_are_brought_in_once_that_is_switched_on(hub: Hub, linked: Linked) -> None:
    hub.configure(create_missing_locally=False)
    card = hub.vendor.add(name="There before")
    hub.sync()
    _settings(hub, create_missing_locally=True)
    assert hub.record(card).title == "There before"


def test_what_a_person_unlinks_is_made_anew_on_neither_side(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    mapping_unlink(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.edit(task, title="Ours")
    hub.vendor.change(card, name="Theirs")
    hub.sync(full=True)
    hub.sync(full=True)
    assert [(t.title, row.data["name"]) for t in Task.objects.all() for row in hub.vendor.of("card")] == [
        ("Ours", "Theirs")
    ]
    mapping_link_existing(
        integration=hub.integration, resource="card", record_type="task", record_id=task.pk, external_id=card.id,
        user=hub.person, now=hub.clock.at,
    )  # fmt: skip
    hub.push()
    assert hub.row(task) is card and hub.pair(task).state == "conflict"


def test_what_is_unlinked_with_a_conflict_open_leaves_nothing_to_decide(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.vendor.change(card, name="Theirs")
    hub.sync()
    conflict = hub.open_conflict()
    mapping_unlink(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
    hub.push()
    conflict.refresh_from_db()
    assert conflict.status not in {"PENDING", "DECIDED", "pending", "decided"}
