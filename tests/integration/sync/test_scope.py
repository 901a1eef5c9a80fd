"""Which records take part: filters on both sides, switches, and states that are no deletion (E14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Mapping
from integrations.services.mappings import mapping_resume, mapping_stop
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
