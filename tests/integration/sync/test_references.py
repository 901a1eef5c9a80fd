"""What refers to another record waits for it, is filled in later, and is never written as blank (E8, E12, I15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.base.errors import Retryable
from connectors.base.types import CreateClass, LinkSpec
from integrations.models import StatusMap
from tests.integration.sync.hub import Hub
from workspace.models import Comment, Member, Task, Tenant

Linked = Callable[..., tuple[Any, Any]]


def test_members_come_before_the_cards_that_name_them_in_the_same_run(hub: Hub) -> None:
    ann = hub.vendor.add("member", name="Ann", email="ann@x.example")
    card = hub.vendor.add(name="Paint", people=[ann.id])
    hub.pull()
    assert list(hub.record(card).assignees) == [str(hub.record(ann).pk)]
    assert hub.pair(card).state == "synced"


def test_an_assignee_nobody_knows_is_held_and_filled_in_once_the_member_comes(hub: Hub) -> None:
    card = hub.vendor.add(name="Paint", people=["m7"])
    hub.sync()
    pair = hub.pair(card)
    assert (pair.state, pair.held["assignees"]["reason"]) == ("held", "unmapped")
    assert "member m7" in pair.state_reason and pair.deferred == [["member", "m7"]]
    hub.edit(hub.record(card), title="Paint the hull")
    hub.push()
    assert card.data["people"] == ["m7"] and card.data["name"] == "Paint the hull"
    ann = hub.vendor.add("member", name="Ann", email="ann@x.example")
    del hub.vendor.rows[("member", ann.id)]
    ann.id = "m7"
    hub.vendor.rows[("member", "m7")] = ann
    hub.sync()
    assert list(hub.record(card).assignees) == [str(hub.record(ann).pk)]
    assert (hub.pair(card).state, hub.pair(card).deferred) == ("synced", [])


def test_a_child_that_is_listed_before_its_parent_gets_it_later(hub: Hub) -> None:
    hub.vendor.page_size = 1
    child = hub.vendor.add(name="Child", above="c2")
    parent = hub.vendor.add(name="Parent")
    hub.sync()
    hub.sync()
    assert hub.record(child).parent_id == hub.record(parent).pk
    assert hub.pair(child).state == "synced"


def test_an_assignee_without_a_counterpart_there_goes_out_once_there_is_one(hub: Hub, linked: Linked) -> None:
    task, card = linked(people=[])
    hub.configure(resource_types=["card"])
    ann = hub.create("member", name="Ann", email="ann@x.example")
    hub.push()
    hub.edit(task, assignees=[str(ann.pk)], title="Paint the hull")
    hub.push()
    assert (card.data["people"], card.data["name"]) == ([], "Paint the hull")
    assert hub.pair(card).held["assignees"]["reason"] == "unmapped" and hub.pair(card).state == "held"
    hub.configure(resource_types=["member", "card"])
    hub.edit(ann, phone="1")
    hub.push()
    hub.sync()
    assert card.data["people"] == [hub.row(ann).id]
    assert hub.pair(card).state == "synced"


def test_one_unknown_member_of_a_set_drops_nobody(hub: Hub) -> None:
    ann = hub.vendor.add("member", name="Ann", email="ann@x.example")
    card = hub.vendor.add(name="Paint", people=[ann.id])
    hub.sync()
    task = hub.record(card)
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, people=[ann.id, "m7"])
    bob = hub.create("member", name="Bob", email="bob@x.example")
    hub.push()
    hub.edit(task, assignees=[str(bob.pk)])
    hub.sync()
    assert card.data["people"] == [ann.id, "m7"] and list(hub.fresh(task).assignees) == [str(bob.pk)]
    assert hub.pair(card).held["assignees"]["reason"] == "unmapped"


def test_a_lane_that_is_not_mapped_is_held_and_never_blanks_the_stage(hub: Hub, linked: Linked) -> None:
    task, card = linked(lane="Doing")
    hub.vendor.change(card, lane="Parking", name="Parked")
    hub.sync()
    task = hub.fresh(task)
    assert (task.stage, task.title) == ("in_progress", "Parked")
    assert hub.pair(card).held["stage"]["reason"] == "unmapped"
    hub.edit(task, title="Parked by us")
    hub.push()
    assert (card.data["lane"], card.data["name"]) == ("Parking", "Parked by us")


def test_a_lane_that_gets_its_place_in_the_table_flows_at_the_next_look(hub: Hub, linked: Linked) -> None:
    task, card = linked(lane="Doing")
    hub.vendor.change(card, lane="Parking")
    hub.sync()
    rows = {"Inbox": "backlog", "Ready": "todo", "Doing": "in_progress", "Done": "done", "Parking": "review"}
    for external, local in rows.items():
        StatusMap.objects.create(
            integration=hub.integration, resource="card", link_key="stage", external_value=external,
            local_value=local, is_return=True,
        )  # fmt: skip
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).stage == "review" and hub.pair(card).state == "synced"


def test_a_stage_without_a_lane_is_not_sent(hub: Hub, linked: Linked) -> None:
    hub.vendor.relink(
        "card",
        LinkSpec("stage", "lane", transform={"name": "enum", "map": {"Inbox": "backlog", "Done": "done"}}),
    )
    task, card = linked()
    hub.edit(task, stage="review", title="Paint the hull")
    hub.push()
    assert (card.data["lane"], card.data["name"]) == ("Inbox", "Paint the hull")
    assert hub.pair(card).held["stage"]["reason"] == "unmapped"


def test_closing_and_reopening_travel_both_ways(hub: Hub, linked: Linked) -> None:
    task, card = linked(lane="Doing")
    hub.edit(task, stage="done")
    hub.push()
    assert card.data["lane"] == "Done" and hub.fresh(task).completed_at is not None
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, lane="Ready")
    hub.sync()
    assert (hub.fresh(task).stage, hub.fresh(task).completed_at) == ("todo", None)


# -- by e-mail ---------------------------------------------------------------------------------------------


def _by_email(hub: Hub) -> None:
    hub.vendor.relink(
        "card",
        LinkSpec(
            "assignees", "people", transform={"name": "lookup_set", "resource": "member", "by": "email"}
        ),
    )
    hub.configure(resource_types=["card"])


def test_assignees_may_be_found_by_their_e_mail_address_in_either_case(hub: Hub) -> None:
    _by_email(hub)
    ann = hub.create("member", name="Ann", email="Ann@X.example")
    card = hub.vendor.add(name="Paint", people=["ANN@x.example"])
    hub.sync()
    task = hub.record(card)
    assert list(task.assignees) == [str(ann.pk)]
    bob = hub.create("member", name="Bob", email="Bob@x.example")
    hub.edit(task, assignees=[str(ann.pk), str(bob.pk)])
    hub.push()
    assert sorted(card.data["people"]) == ["ann@x.example", "bob@x.example"]
    before = hub.counts()
    hub.sync(full=True)
    assert hub.counts() == before


def test_an_address_of_another_tenant_or_of_two_members_is_nobody(hub: Hub) -> None:
    _by_email(hub)
    other = Tenant.objects.create(name="Hill", slug="hill")
    Member.objects.create(
        tenant=other, name="Ann", email="ann@x.example", created_at=hub.clock.at, updated_at=hub.clock.at
    )
    hub.create("member", name="Bob 1", email="bob@x.example")
    hub.create("member", name="Bob 2", email="bob@x.example")
    theirs = hub.vendor.add(name="Theirs", people=["ann@x.example"])
    twins = hub.vendor.add(name="Twins", people=["bob@x.example"])
    hub.sync()
    assert hub.pair(theirs).held["assignees"]["reason"] == "unmapped"
    assert hub.pair(twins).held["assignees"]["reason"] == "unmapped"


def test_a_member_who_comes_with_the_address_later_is_filled_in(hub: Hub) -> None:
    _by_email(hub)
    card = hub.vendor.add(name="Paint", people=["ann@x.example"])
    hub.sync()
    assert hub.pair(card).state == "held"
    ann = hub.create("member", name="Ann", email="ann@x.example")
    hub.sync()
    assert list(hub.record(card).assignees) == [str(ann.pk)] and hub.pair(card).state == "synced"


# -- comments ----------------------------------------------------------------------------------------------


def test_comments_come_in_with_their_author_and_place(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    remark = hub.vendor.add("remark", text="Which colour?", by="Ann from outside", parent_id=card.id)
    hub.sync()
    comment = Comment.objects.get()
    assert (comment.body, comment.author_name, comment.on_type, comment.on_id) == (
        "Which colour?", "Ann from outside", "task", task.pk,
    )  # fmt: skip
    hub.clock.wait(minutes=10)
    hub.vendor.change(remark, text="Which colour exactly?")
    hub.sync()
    assert Comment.objects.get().body == "Which colour exactly?"


def test_comments_go_out_under_their_parent_once_and_their_edits_follow(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    comment = hub.create("comment", on_type="task", on_id=str(task.pk), body="Red", author_name="Rita")
    hub.push()
    (remark,) = hub.vendor.of("remark")
    assert (remark.parent_id, remark.data["text"]) == (card.id, "Red")
    hub.edit(comment, body="Dark red")
    hub.push()
    assert remark.data["text"] == "Dark red"
    hub.sync(full=True)
    assert len(hub.vendor.of("remark")) == 1 and Comment.objects.count() == 1
    assert hub.fresh(comment).author_name == "Rita"


def test_a_comment_on_a_record_that_is_still_to_be_made_there_waits_for_it(hub: Hub) -> None:
    hub.vendor.fail("create", Retryable("busy"))
    task = hub.create(title="Paint")
    comment = hub.create("comment", on_type="task", on_id=str(task.pk), body="Red")
    hub.push()
    assert hub.vendor.of("remark") == []
    hub.clock.wait(seconds=30)
    hub.push()
    hub.clock.wait(seconds=30)
    hub.push()
    assert hub.row(comment).parent_id == hub.row(task).id


def test_a_comment_that_is_noticed_before_its_card_waits_for_it(hub: Hub) -> None:
    card = hub.vendor.add(name="Paint")
    remark = hub.vendor.add("remark", text="Which colour?", parent_id=card.id)
    hub.deliver("created", remark)
    hub.deliver("created", card)
    hub.take_deliveries()
    hub.push()
    hub.clock.wait(seconds=30)
    hub.push()
    assert hub.record(remark).on_id == hub.record(card).pk


def test_comments_of_records_that_are_not_synced_are_left_alone(hub: Hub) -> None:
    hub.configure(
        record_filter={"external": [{"field": "colour", "op": "equals", "value": "blue", "resource": "card"}]}
    )
    card = hub.vendor.add(name="Red", colour="red")
    hub.vendor.add("remark", text="Which colour?", parent_id=card.id)
    hub.sync()
    task = hub.create(title="Here only", external_sync_enabled=False)
    hub.create("comment", on_type="task", on_id=str(task.pk), body="Red")
    hub.push()
    assert Comment.objects.count() == 1 and len(hub.vendor.of("remark")) == 1


def test_a_deleted_comment_is_deleted_on_the_other_side(hub: Hub, linked: Linked) -> None:
    _task, card = linked()
    remark = hub.vendor.add("remark", text="Which colour?", parent_id=card.id)
    hub.sync()
    hub.delete(hub.record(remark))
    hub.push()
    assert remark.is_deleted


def test_comments_listed_card_by_card_come_in_and_their_deletions_too(hub: Hub, linked: Linked) -> None:
    hub.vendor.reshape("remark", lists_across_parents=False)
    _task, card = linked()
    first = hub.vendor.add("remark", text="One", parent_id=card.id)
    hub.vendor.add("remark", text="Two", parent_id=card.id)
    hub.vendor.change(card, name="Commented")
    hub.sync()
    assert sorted(Comment.objects.values_list("body", flat=True)) == ["One", "Two"]
    hub.clock.wait(minutes=10)
    hub.vendor.remove(first)
    hub.sync(full=True)
    assert Comment.objects.get(deleted_at__isnull=True).body == "Two"


# -- first contact -----------------------------------------------------------------------------------------


def test_a_record_that_one_record_here_matches_is_linked_and_not_doubled(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    ann = hub.create("member", name="Ann", email="Ann@X.example", phone="1")
    row = hub.vendor.add("member", name="Ann", email="ann@x.example")
    hub.sync()
    assert Member.objects.count() == 1 and hub.record(row).pk == ann.pk
    assert hub.pair(row).state in {"synced", "conflict"}


def test_a_record_that_several_match_is_a_question_and_nothing_is_made(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    for name in ("Ann", "Ann again"):
        hub.create("member", name=name, email="ann@x.example")
    row = hub.vendor.add("member", name="Ann", email="ann@x.example")
    hub.sync()
    conflict = hub.open_conflict()
    assert (conflict.kind, conflict.group, conflict.record_title) == ("possible_duplicate", "match", "Ann")
    assert len(conflict.fields[0]["local"]) == 2 and Member.objects.count() == 2
    assert hub.pair(row).state == "conflict"
    hub.sync(full=True)
    assert Member.objects.count() == 2 and hub.open_conflict().version == conflict.version


def test_a_reviewer_links_one_of_several_matches(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    first, second = (hub.create("member", name="Ann", email="ann@x.example", phone=str(n)) for n in (1, 2))
    row = hub.vendor.add("member", name="Ann", email="ann@x.example")
    hub.sync()
    hub.decide(hub.open_conflict(), match={"choice": "link", "value": str(second.pk)})
    hub.push()
    assert hub.record(row).pk == second.pk and Member.objects.count() == 2
    assert hub.conflict().status == "resolved" and hub.pair(row).state == "synced"
    assert first.pk != second.pk


def test_a_reviewer_has_a_new_record_made_beside_the_matches(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    for _ in range(2):
        hub.create("member", name="Ann", email="ann@x.example")
    row = hub.vendor.add("member", name="Ann", email="ann@x.example")
    hub.sync()
    hub.decide(hub.open_conflict(), match={"choice": "create"})
    hub.push()
    assert Member.objects.count() == 3 and hub.pair(row).state == "synced"
    assert hub.conflict().status == "resolved"


def test_the_fields_that_match_can_be_chosen_and_blanks_match_nothing(hub: Hub) -> None:
    hub.configure(create_missing_externally=False, options={"match": {"card": ["title"]}})
    task = hub.create(title="Paint the boat")
    same = hub.vendor.add(name="paint THE boat")
    other = hub.vendor.add(name="Paint the hull")
    blank_here = hub.create("member", name="Nobody", email="")
    blank = hub.vendor.add("member", name="Somebody", email="")
    hub.sync()
    assert hub.pair(same).record_id == task.pk
    assert hub.record(other).title == "Paint the hull" and Task.objects.count() == 2
    assert hub.record(blank).pk != blank_here.pk


def test_a_create_class_of_its_own_is_used_for_each_resource(hub: Hub) -> None:
    hub.vendor.reshape("member", create_class=CreateClass.KEYED)
    member, task = hub.create("member", name="Ann", email="ann@x.example"), hub.create(title="Paint")
    hub.push()
    assert hub.row(member).resource == "member" and hub.row(task).resource == "card"


def test_a_record_that_waits_to_be_made_there_is_linked_when_it_turns_up_there(hub: Hub) -> None:
    ann = hub.create("member", name="Ann", email="ann@x.example")
    row = hub.vendor.add("member", name="Ann", email="ann@x.example")
    hub.pull()  # nobody has sent ours yet
    for _ in range(3):
        hub.push()
        hub.clock.wait(seconds=3)
    assert hub.vendor.of("member") == [row] and Member.objects.count() == 1
    assert hub.pair(row).record_id == ann.pk and hub.pair(row).state == "synced"
    assert hub.counts()["mappings"] == 1


def test_a_person_run_makes_there_what_is_only_here_and_a_scheduled_one_does_not(hub: Hub) -> None:
    hub.configure(create_missing_externally=False)
    task = hub.create(title="From before")
    hub.push()
    hub.configure(create_missing_externally=True)
    hub.pull("scheduled")
    hub.push()
    assert hub.vendor.of("card") == []
    job = hub.pull()
    hub.push()
    assert hub.row(task).data["name"] == "From before"
    assert job.result["outcomes"] == {"to_create_there": 1}


def test_a_record_outside_the_filter_is_no_match(hub: Hub) -> None:
    hub.configure(
        create_missing_externally=False,
        record_filter={"local": [{"field": "role", "op": "equals", "value": "crew", "resource": "member"}]},
    )
    hub.create("member", name="Ann of another crew", email="ann@x.example", role="guest")
    ours = hub.create("member", name="Ann", email="ann@x.example", role="crew")
    row = hub.vendor.add("member", name="Ann", email="ann@x.example")
    hub.sync()
    assert hub.pair(row).record_id == ours.pk and hub.counts()["conflicts"] == 0
