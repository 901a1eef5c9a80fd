"""A record is made there exactly once, whatever dies or lies on the way (E6, I7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordProblem,
    Retryable,
)
from connectors.base.types import CreateClass, LinkSpec
from integrations.models import Integration, IntentState, Mapping, WriteIntent
from integrations.services.fieldmaps import field_map_defaults, field_map_save
from integrations.services.mappings import mapping_create_again, mapping_link_existing, mapping_stop
from sync.services import outbox
from tests.integration.sync.hub import Hub
from tests.integration.sync.vendor import BLANKS
from workspace.models import Task

CLASSES = [CreateClass.KEYED, CreateClass.UPSERT, CreateClass.MARKER]
LOST = Retryable("The answer never came.", code="timeout", ambiguous=True)


def _declare(hub: Hub, create_class: CreateClass) -> None:
    hub.vendor.reshape("card", create_class=create_class)
    hub.vendor.repeats_keys = create_class in {CreateClass.KEYED, CreateClass.UPSERT}


def _until_quiet(hub: Hub, rounds: int = 6) -> None:
    for _ in range(rounds):
        hub.clock.wait(minutes=3)
        hub.sync()


def test_an_intent_is_committed_before_the_call_and_settled_with_the_answer(hub: Hub) -> None:
    task = hub.create(title="Sand the hull")
    hub.push()
    intent = WriteIntent.objects.get()
    card = hub.row(task)
    assert (intent.kind, intent.state, intent.evidence) == (
        "create",
        IntentState.SETTLED,
        f"created as {card.id}",
    )
    assert card.key == intent.key and intent.fields["external"]["title"] == "Sand the hull"


@pytest.mark.parametrize("create_class", CLASSES)
@pytest.mark.parametrize("point", ["after_intent", "after_call", "after_bases"])
def test_a_worker_killed_at_any_point_leaves_exactly_one_record(
    hub: Hub, create_class: CreateClass, point: str
) -> None:
    _declare(hub, create_class)
    task = hub.create(title="Sand the hull", labels=["wood"])
    with hub.killed(point):
        hub.push()
    _until_quiet(hub)
    (card,) = hub.vendor.of("card")
    assert hub.row(task) is card and card.data["tags"] == ["wood"]
    assert hub.pair(task).state == "synced" and hub.counts()["mappings"] == 1
    assert not WriteIntent.objects.filter(state__in=["open", "in_doubt"]).exists()


@pytest.mark.parametrize("create_class", CLASSES)
@pytest.mark.parametrize("late", [True, False])
def test_a_create_whose_answer_is_lost_makes_one_record(
    hub: Hub, create_class: CreateClass, late: bool
) -> None:
    _declare(hub, create_class)
    hub.vendor.fail("create", LOST, after=late)
    task = hub.create(title="Sand the hull")
    _until_quiet(hub)
    (card,) = hub.vendor.of("card")
    assert hub.row(task) is card and hub.pair(task).state == "synced"


@pytest.mark.parametrize("create_class", CLASSES)
def test_an_edit_made_between_the_lost_create_and_its_settling_arrives(
    hub: Hub, create_class: CreateClass
) -> None:
    _declare(hub, create_class)
    hub.vendor.fail("create", LOST, after=True)
    task = hub.create(title="Sand the hull")
    hub.push()
    hub.edit(task, title="Sand and paint the hull")
    _until_quiet(hub)
    (card,) = hub.vendor.of("card")
    assert card.data["name"] == "Sand and paint the hull" and hub.counts()["conflicts"] == 0


def test_an_edit_made_there_before_the_lost_create_was_settled_comes_in(hub: Hub) -> None:
    hub.vendor.fail("create", LOST, after=True)
    task = hub.create(title="Sand the hull")
    hub.push()
    hub.vendor.change(hub.vendor.of("card")[0], name="Sand the keel")
    _until_quiet(hub)
    assert hub.fresh(task).title == "Sand the keel" and hub.counts()["conflicts"] == 0


def test_a_marker_that_is_not_found_is_waited_for_before_the_create_goes_again(hub: Hub) -> None:
    hub.vendor.fail("create", LOST)
    task = hub.create(title="Sand the hull")
    hub.push()
    hub.clock.wait(seconds=5)
    hub.push()
    assert hub.vendor.count("create") == 1
    assert "until it can't arrive any more" in hub.pair(task).state_reason
    hub.clock.wait(seconds=61)
    hub.push()
    assert hub.vendor.count("create") == 2 and len(hub.vendor.of("card")) == 1
    assert WriteIntent.objects.count() == 1


def test_a_create_that_certainly_failed_goes_again_with_the_same_key(hub: Hub) -> None:
    hub.vendor.reshape("card", create_class=CreateClass.UNPROVABLE)
    hub.vendor.fail("create", Retryable("No connection.", code="network"))
    hub.vendor.fail("create", RateLimited("Slow down.", retry_after=3))
    task = hub.create(title="Sand the hull")
    for _ in range(3):
        hub.push()
        hub.clock.wait(seconds=5)
    assert hub.row(task).key == WriteIntent.objects.get().key
    assert hub.pair(task).state == "synced"


def test_a_create_answered_with_nonsense_may_have_happened(hub: Hub) -> None:
    hub.vendor.fail("create", ContractBroken("HTML where JSON was expected."), after=True)
    task = hub.create(title="Sand the hull")
    _until_quiet(hub)
    assert len(hub.vendor.of("card")) == 1 and hub.pair(task).state == "synced"


# -- unprovable --------------------------------------------------------------------------------------------


def _in_doubt(hub: Hub, *, arrived: bool = True) -> Any:
    hub.vendor.reshape("card", create_class=CreateClass.UNPROVABLE)
    hub.vendor.fail("create", LOST, after=arrived)
    task = hub.create(title="Sand the hull")
    hub.push()
    hub.clock.wait(minutes=5)
    hub.push()
    return task


def test_an_unprovable_create_is_in_doubt_and_nothing_is_sent_again(hub: Hub) -> None:
    task = _in_doubt(hub)
    assert hub.pair(task).state == "in_doubt" and "no way to prove" in hub.pair(task).state_reason
    hub.edit(task, title="Sand and paint")
    _until_quiet(hub)
    assert hub.vendor.count("create") == 1
    assert hub.pair(task).state == "in_doubt" and WriteIntent.objects.get().state == IntentState.IN_DOUBT


def test_unknown_records_wait_while_a_create_is_in_doubt(hub: Hub) -> None:
    task = _in_doubt(hub)
    stranger = hub.vendor.add(name="Somebody else's")
    hub.sync()
    assert hub.pair(stranger).record_id is None
    assert "in doubt" in hub.pair(stranger).state_reason
    (ours,) = [card for card in hub.vendor.of("card") if card is not stranger]
    mapping_link_existing(
        integration=hub.integration, resource="card", record_type="task", record_id=task.pk,
        external_id=ours.id, user=hub.person, now=hub.clock.at,
    )  # fmt: skip
    _until_quiet(hub)
    assert hub.row(task) is ours and hub.pair(task).state == "synced"
    assert hub.record(stranger).title == "Somebody else's"
    assert hub.counts()["mappings"] == 2 and len(hub.vendor.of("card")) == 2


def test_known_records_go_on_while_a_create_is_in_doubt(hub: Hub) -> None:
    known = hub.vendor.add(name="Known")
    hub.sync()
    _in_doubt(hub)
    hub.vendor.change(known, name="Known and changed")
    hub.sync()
    assert hub.record(known).title == "Known and changed"


def test_a_create_in_doubt_that_never_arrived_can_be_sent_again_by_a_person(hub: Hub) -> None:
    task = _in_doubt(hub, arrived=False)
    mapping_create_again(mapping=hub.pair(task), user=hub.person, now=hub.clock.at)
    hub.push()
    assert hub.row(task).data["name"] == "Sand the hull" and hub.pair(task).state == "synced"
    assert sorted(WriteIntent.objects.values_list("state", flat=True)) == ["failed", "settled"]


# -- somebody was first ------------------------------------------------------------------------------------


def test_a_record_that_exists_there_already_is_adopted_and_compared(hub: Hub) -> None:
    there = hub.vendor.add(name="Sand the hull", notes="By hand", key="other")
    hub.configure(create_missing_locally=False)
    hub.vendor.fail("create", AlreadyExists("The name is taken.", external_id=there.id))
    task = hub.create(title="Sand the hull", labels=["wood"])
    hub.push()
    assert hub.row(task) is there and len(hub.vendor.of("card")) == 1
    assert (hub.fresh(task).description, there.data["tags"]) == ("By hand", ["wood"])
    assert hub.pair(task).state == "synced"


def test_a_record_that_exists_there_and_belongs_to_another_is_a_dead_letter(hub: Hub) -> None:
    there = hub.vendor.add(name="Sand the hull")
    hub.sync()
    hub.vendor.fail("create", AlreadyExists("The name is taken.", external_id=there.id))
    task = hub.create(title="Sand the hull")
    hub.push()
    pair = hub.pair(task)
    assert (pair.state, pair.is_dead, pair.external_id) == ("error", True, None)
    assert "linked to another record" in pair.state_reason


def test_the_placeholder_of_a_webhook_that_came_first_makes_way(hub: Hub) -> None:
    task = hub.create(title="Sand the hull")
    with hub.killed("after_call"):
        hub.push()
    (card,) = hub.vendor.of("card")
    hub.deliver("created", card)
    hub.take_deliveries()
    assert Mapping.objects.count() == 2
    _until_quiet(hub)
    assert hub.row(task) is card and Mapping.objects.count() == 1
    assert hub.counts()["mappings"] == 1 and hub.pair(task).state == "synced"


def test_our_record_in_a_listing_before_its_create_is_settled_is_not_taken_for_new(hub: Hub) -> None:
    task = hub.create(title="Sand the hull")
    with hub.killed("after_call"):
        hub.push()
    hub.pull(full=True)
    _until_quiet(hub)
    assert Task.objects.count() == 1 and Mapping.objects.count() == 1 and hub.pair(task).state == "synced"


def test_a_create_the_vendor_refuses_is_a_dead_letter_that_names_the_field(hub: Hub) -> None:
    hub.vendor.fail("create", RecordProblem("Too long.", status=422, field="name"))
    task = hub.create(title="Sand the hull")
    hub.push()
    pair = hub.pair(task)
    assert (pair.state, pair.is_dead, pair.error_code) == ("error", True, "validation")
    assert pair.state_reason == "name: Too long."
    assert WriteIntent.objects.get().state == IntentState.FAILED
    hub.edit(task, title="Sand")
    hub.push()
    assert hub.row(task).data["name"] == "Sand" and hub.pair(task).state == "synced"


# -- linking what exists -----------------------------------------------------------------------------------


def test_linking_two_records_by_hand_agrees_fills_blanks_and_asks_about_the_rest(hub: Hub) -> None:
    hub.configure(
        create_missing_externally=False, create_missing_locally=False, conflict_strategy="latest_wins"
    )
    task = hub.create(title="Sand the hull", description="Same")
    card = hub.vendor.add(name="Sand the keel", notes="Same", tags=["wood"])
    hub.push()
    mapping_link_existing(
        integration=hub.integration, resource="card", record_type="task", record_id=task.pk,
        external_id=card.id, user=hub.person, now=hub.clock.at,
    )  # fmt: skip
    hub.push()
    task = hub.fresh(task)
    assert (task.title, card.data["name"]) == ("Sand the hull", "Sand the keel")
    assert list(task.labels) == ["wood"]
    conflict = hub.open_conflict()
    assert conflict.kind == "no_agreed_state" and conflict.fields[0]["base"] is None
    hub.decide(conflict, "local")
    hub.push()
    assert card.data["name"] == "Sand the hull"


def test_a_create_is_not_asked_for_where_the_switch_is_off(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    hub.create(title="Only here")
    hub.push()
    assert hub.vendor.count("create") == 0 and Mapping.objects.count() == 0


@pytest.mark.parametrize("switch", [{"create_missing_locally": False}, {"sync_direction": "out"}])
def test_nothing_is_made_here_where_the_switch_or_direction_is_against_it(
    hub: Hub, switch: dict[str, Any]
) -> None:
    hub.configure(**switch)
    card = hub.vendor.add(name="Only there")
    hub.pull()
    hub.deliver("created", card)
    hub.take_deliveries()
    hub.push()
    assert not Task.objects.exists() and Mapping.objects.count() == 0


class TestWhatOnlyTheVendorSays:
    """A field that is only read from there, on a record that was made here."""

    @pytest.fixture(autouse=True)
    def address(self, hub: Hub) -> None:
        hub.vendor.relink("card", LinkSpec("url", "colour", direction="in"))
        hub.configure(conflict_strategy="manual_review")

    def test_comes_in_where_nobody_here_said_anything(self, hub: Hub) -> None:
        task = hub.create(title="Paint")
        hub.push()
        assert (hub.fresh(task).url, hub.pair(task).state) == ("blue", "synced")

    def test_leaves_what_somebody_here_said_and_asks_nobody(self, hub: Hub) -> None:
        task = hub.create(title="Paint", url="https://ours.example")
        hub.push()
        assert (hub.fresh(task).url, hub.pair(task).state) == ("https://ours.example", "synced")
        hub.vendor.change(hub.row(task), colour="https://theirs.example")
        hub.sync()
        assert hub.fresh(task).url == "https://theirs.example"


def test_what_the_vendor_fills_in_while_it_makes_a_record_comes_in(hub: Hub) -> None:
    hub.vendor.normalise = lambda data: {"notes": "As our template has it", **data}
    task = hub.create(title="Paint")
    hub.push()
    hub.push()
    assert (hub.fresh(task).description, hub.pair(task).state) == ("As our template has it", "synced")


def test_an_edit_made_there_before_the_create_is_known_comes_in(hub: Hub) -> None:
    _declare(hub, CreateClass.MARKER)
    task = hub.create(title="Paint")
    with hub.killed("after_call"):
        hub.push()
    hub.vendor.change(hub.vendor.of("card")[0], notes="Written there")
    _until_quiet(hub)
    assert (hub.fresh(task).description, hub.pair(task).state) == ("Written there", "synced")


def test_a_record_of_one_resource_is_not_made_as_another_when_it_is_edited(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLANKS, "epic", BLANKS["card"])
    epic = replace(
        next(each for each in hub.vendor.resources if each.name == "card"), name="epic", label="epic"
    )
    hub.vendor.resources = (*hub.vendor.resources, epic)
    hub.configure(resource_types=["card", "epic"])
    row = hub.vendor.add("card", name="There")
    hub.pull()
    hub.edit(hub.record(row), title="Edited here")
    hub.push()
    assert row.data["name"] == "Edited here"
    assert Mapping.objects.count() == 1 and hub.vendor.of("epic") == []
    hub.create(title="New here")
    hub.push()
    assert len(hub.vendor.of("card")) == 2 and hub.vendor.of("epic") == []


def test_a_repeat_that_is_turned_away_tells_nothing_of_the_first_call(hub: Hub) -> None:
    """The record is there already: an edit made here meanwhile is an edit of it, not the words of a new create."""
    _declare(hub, CreateClass.KEYED)
    task = hub.create(title="Paint", description="Red")
    hub.vendor.fail("create", LOST, after=True)
    hub.push()
    hub.vendor.fail("create", RateLimited("Later.", retry_after=5))
    hub.clock.wait(minutes=1)
    hub.push()
    hub.edit(task, description="Blue")
    _until_quiet(hub)
    (card,) = hub.vendor.of("card")
    assert (hub.fresh(task).description, card.data["notes"]) == ("Blue", "Blue")


@pytest.mark.parametrize(
    "problem", [ConfigurationProblem("The token is gone.", status=401), PermissionProblem("No.", status=403)]
)
def test_a_repeat_without_access_leaves_the_create_open(hub: Hub, problem: Exception) -> None:
    _declare(hub, CreateClass.KEYED)
    hub.create(title="Paint")
    hub.vendor.fail("create", LOST, after=True)
    hub.push()
    hub.vendor.fail("create", problem)
    hub.clock.wait(minutes=1)
    hub.push()
    assert WriteIntent.objects.get().state == IntentState.OPEN
    Integration.objects.update(status="ACTIVE")
    Mapping.objects.update(is_dead=False, next_attempt_at=None)
    _until_quiet(hub)
    assert len(hub.vendor.of("card")) == 1


def test_a_create_that_a_person_found_there_is_no_news_where_it_holds_what_was_sent(hub: Hub) -> None:
    _declare(hub, CreateClass.UNPROVABLE)
    task = hub.create(title="Paint", description="Red")
    hub.vendor.fail("create", LOST, after=True)
    hub.push()
    hub.clock.wait(minutes=10)
    hub.push()
    assert hub.pair(task).state == "in_doubt"
    hub.edit(task, description="")
    (card,) = hub.vendor.of("card")
    mapping_link_existing(
        integration=hub.integration,
        resource="card",
        record_type="task",
        record_id=task.pk,
        external_id=card.id,
        user=hub.person,
        now=hub.clock.at,
    )
    hub.sync(full=True)
    assert (hub.fresh(task).description, card.data["notes"]) == ("", None)
    assert hub.pair(task).state == "synced"


@pytest.mark.parametrize("rest", [{"status": "ERROR"}, {"status": "PAUSED"}, {"read_only": True}])
def test_what_is_made_here_while_the_integration_rests_goes_out_once_it_runs(
    hub: Hub, rest: dict[str, Any]
) -> None:
    hub.configure(**rest)
    task = hub.create(title="Made in the outage")
    hub.push()
    assert hub.vendor.writes == []
    hub.configure(status="ACTIVE", read_only=False)
    hub.clock.wait(minutes=10)
    hub.pull("scheduled")
    hub.push()
    assert hub.row(task).data["name"] == "Made in the outage"


@pytest.mark.parametrize("create_class", [CreateClass.KEYED, CreateClass.UPSERT, CreateClass.MARKER])
def test_a_create_that_was_interrupted_is_settled_under_a_map_that_was_edited_since(
    hub: Hub, create_class: CreateClass
) -> None:
    hub.vendor.reshape("card", create_class=create_class)
    hub.vendor.repeats_keys = True
    task = hub.create(title="Paint", description="Twice")
    with hub.killed("after_call"):
        hub.push()
    links = field_map_defaults(integration=hub.integration, resource="card")
    links = [link for link in links if link["local"] != "description"]
    field_map_save(integration=hub.integration, resource="card", links=links, user=hub.person)
    hub.clock.wait(minutes=10)
    hub.push()
    assert hub.pair(task).state == "synced" and len(hub.vendor.of("card")) == 1
    later = hub.vendor.add(name="New there")
    hub.sync()
    assert hub.record(later).title == "New there"


def test_what_waits_to_be_made_there_rests_once_that_is_switched_off(hub: Hub) -> None:
    hub.vendor.fail("create", Retryable("Busy."))
    task = hub.create(title="Paint")
    hub.push()
    hub.configure(create_missing_externally=False)
    hub.clock.wait(minutes=10)
    hub.push()
    assert hub.vendor.of("card") == [] and hub.pair(task).state == "out_of_scope"


def test_a_record_that_another_resource_has_is_not_matched_with_a_second_one_there(hub: Hub) -> None:
    card = next(each for each in hub.vendor.resources if each.name == "card")
    links = (LinkSpec("title", "name", required=True), LinkSpec("description", "notes"))
    hub.vendor.resources = (*hub.vendor.resources, replace(card, name="ticket", links=links))
    hub.configure(
        resource_types=["member", "card", "ticket", "remark"], create_missing_externally=False,
        options={"match": {"ticket": ["title"], "card": ["title"]}},
    )  # fmt: skip
    first = hub.vendor.add("card", name="Printer broken", notes="Floor 1")
    hub.sync()
    BLANKS["ticket"] = {"name": "", "notes": ""}
    second = hub.vendor.add("ticket", name="Printer broken", notes="Floor 2")
    hub.sync()
    hub.sync()
    assert hub.record(first).pk != hub.record(second).pk


def test_a_record_that_a_person_stopped_is_not_matched(hub: Hub) -> None:
    member = hub.create("member", name="Ann", email="ann@x.example")
    outbox.changes_drain()
    mapping_stop(mapping=hub.pair(member), user=hub.person, now=hub.clock.at)
    hub.vendor.add("member", name="Ann there", email="ann@x.example")
    hub.clock.wait(minutes=10)
    hub.sync()
    hub.sync()
    assert hub.pair(member).state == "stopped" and hub.fresh(member).name == "Ann"
