"""Decisions: guarded by what was seen, checked by the field's kind, carried out by a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import TestCase

from conflicts.models import ConflictResolution, ConflictStatus
from conflicts.services import (
    ConflictProblem,
    InvalidDecision,
    LeaseHeld,
    StaleConflict,
    conflict_applied,
    conflict_decide,
    conflict_ignore,
    conflict_open,
    conflict_preview,
    conflict_reopen,
    conflict_revert,
    conflicts_decide_bulk,
    lease_release,
    lease_take,
    lease_take_over,
    open_values,
    unsettled_of,
)
from reconcile.model import ConflictGroup, FieldConflict
from tests.integration.pages.world import World
from workspace.models import Change, OriginKind, Task
from workspace.services import Origin, record_delete, record_update

LABELS = FieldConflict("labels", ["a", "b"], ["a", "b", "c"], ["a"], ["la", "lb"], ["la"])
STAGE = FieldConflict("stage", "todo", "in_progress", "done", "l1", "l4")


def decide(world: World, conflict: ConflictResolution, **more: Any) -> ConflictResolution:
    given: dict[str, Any] = {
        "choices": {"title": {"choice": "external"}},
        "seen_version": conflict.version,
        "seen_local_revision": conflict.local_revision,
        "seen_external_version": conflict.external_version,
        "user": world.users["reviewer"],
        "now": world.now,
        **more,
    }
    return conflict_decide(conflict_id=conflict.pk, tenant=world.tenant, **given)


def edit(world: World, task: Task, **values: Any) -> None:
    record_update(
        tenant=world.tenant,
        record_type="task",
        record_id=task.pk,
        values=values,
        origin=Origin(kind=OriginKind.USER),
        now=world.now,
    )


def test_deciding_marks_the_pair_and_wakes_a_worker_after_commit(
    world: World, wakeups: list[tuple[str, dict[str, Any]]]
) -> None:
    conflict = world.conflict(world.integration())
    with TestCase.captureOnCommitCallbacks(execute=True):
        decided = decide(world, conflict, note="Bo is right")
    assert decided.status == ConflictStatus.DECIDED
    assert decided.resolved == {"title": {"choice": "external", "value": "Fix door asap"}}
    assert (decided.strategy, decided.decision_note) == ("external_wins", "Bo is right")
    conflict.mapping.refresh_from_db()
    assert (conflict.mapping.priority, conflict.mapping.dirty_reason) == (0, "decision")
    assert ("sync.reconcile_mapping", {"mapping_id": str(conflict.mapping_id)}) in wakeups


def test_a_decision_is_in_the_audit_log(world: World) -> None:
    decide(world, world.conflict(world.integration()))
    entry = LogEntry.objects.get(additional_data__act="conflict.decided")
    assert entry.actor == world.users["reviewer"]
    assert entry.changes == {"title": ["", "external"]}


def test_another_tenants_conflict_does_not_exist(world: World) -> None:
    conflict = world.conflict(world.integration())
    with pytest.raises(ConflictResolution.DoesNotExist):
        conflict_decide(
            conflict_id=conflict.pk,
            tenant=world.foreign,
            user=world.carol,
            choices={"*": {"choice": "local"}},
            seen_version=1,
            seen_local_revision=1,
            seen_external_version="v7",
            now=world.now,
        )
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


@pytest.mark.parametrize(
    "seen",
    [{"seen_version": 2}, {"seen_local_revision": 7}, {"seen_external_version": "v8"}],
    ids=["conflict", "local", "external"],
)
def test_any_version_that_is_not_the_one_shown_is_refused(world: World, seen: dict[str, Any]) -> None:
    conflict = world.conflict(world.integration())
    with pytest.raises(StaleConflict, match="values changed since you looked") as caught:
        decide(world, conflict, **seen)
    assert caught.value.current.status == ConflictStatus.PENDING
    conflict.refresh_from_db()
    assert conflict.resolved == {}


def test_an_edit_here_since_the_page_was_shown_is_refused_and_the_conflict_brought_up_to_date(
    world: World,
) -> None:
    task = world.task(title="Fix front door")
    conflict = world.conflict(world.integration(), task=task)
    edit(world, task, title="Fix the very front door")
    with pytest.raises(StaleConflict, match="edited here since you looked"):
        decide(world, conflict)
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING
    assert conflict.fields[0]["local"] == "Fix the very front door"
    assert (conflict.version, conflict.local_revision) == (2, 2)
    conflict.mapping.refresh_from_db()
    assert conflict.mapping.dirty_at is not None


def test_an_edit_of_another_field_does_not_disturb_the_reviewer(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = world.conflict(world.integration(), task=task)
    edit(world, task, description="by the boathouse")
    assert decide(world, conflict).status == ConflictStatus.DECIDED


def test_a_record_deleted_meanwhile_is_refused(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = world.conflict(world.integration(), task=task)
    record_delete(
        tenant=world.tenant,
        record_type="task",
        record_id=task.pk,
        origin=Origin(kind=OriginKind.USER),
        now=world.now,
    )
    with pytest.raises(StaleConflict, match="deleted here meanwhile"):
        decide(world, conflict)


def test_the_second_of_two_reviewers_is_told_who_decided_and_nothing_is_overwritten(world: World) -> None:
    conflict = world.conflict(world.integration())
    decide(world, conflict, choices={"title": {"choice": "local"}})
    with pytest.raises(StaleConflict, match=r"decided, being applied already \(by reviewer\)"):
        decide(world, conflict, user=world.users["manager"])
    conflict.refresh_from_db()
    assert conflict.resolved["title"]["choice"] == "local"


# -- choices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "stored"),
    [
        ({"choice": "local"}, {"choice": "local", "value": "Fix front door"}),
        ({"choice": "external"}, {"choice": "external", "value": "Fix door asap"}),
        ({"choice": "base"}, {"choice": "base", "value": "Fix door"}),
        ({"choice": "newest"}, {"choice": "external", "by": "newest", "value": "Fix door asap"}),
        ({"choice": "merged"}, {"choice": "merged", "value": "Fix front door | Fix door asap"}),
        ({"choice": "custom", "value": " Mend it "}, {"choice": "custom", "value": " Mend it "}),
    ],
)
def test_every_choice_becomes_a_canonical_value(
    world: World, choice: dict[str, str], stored: dict[str, str]
) -> None:
    decided = decide(world, world.conflict(world.integration()), choices={"title": choice})
    assert decided.resolved == {"title": stored}


def test_merging_sets_takes_what_each_side_added_and_removed(world: World) -> None:
    task = world.task(title="x", labels=["a", "b", "c"])
    conflict = world.conflict(world.integration(), fields=(LABELS,), task=task)
    decided = decide(world, conflict, choices={"labels": {"choice": "merged"}})
    assert decided.resolved["labels"]["value"] == ["a", "c"]


def test_a_typed_set_is_split_sorted_and_made_unique(world: World) -> None:
    task = world.task(title="x", labels=["a", "b", "c"])
    conflict = world.conflict(world.integration(), fields=(LABELS,), task=task)
    decided = decide(world, conflict, choices={"labels": {"choice": "custom", "value": "z, a\na"}})
    assert decided.resolved["labels"]["value"] == ["a", "z"]


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        (
            {"choice": "custom", "value": "flying"},
            "'flying' is not one of backlog, todo, in_progress, review, done.",
        ),
        ({"choice": "custom"}, "Enter the value to use."),
        ({"choice": "sideways"}, "Choose one of local, external, base, merged, newest, custom."),
        ({"choice": "merged"}, "Values of this kind cannot be merged; choose a side or enter a value."),
    ],
)
def test_a_choice_that_does_not_fit_the_field_is_refused_by_name(
    world: World, choice: dict[str, str], error: str
) -> None:
    task = world.task(title="x", stage="in_progress")
    conflict = world.conflict(world.integration(), fields=(STAGE,), task=task)
    with pytest.raises(InvalidDecision) as caught:
        decide(world, conflict, choices={"stage": choice})
    assert caught.value.errors == {"stage": error}
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


def test_a_required_field_cannot_be_emptied(world: World) -> None:
    conflict = world.conflict(world.integration())
    with pytest.raises(InvalidDecision) as caught:
        decide(world, conflict, choices={"title": {"choice": "custom", "value": ""}})
    assert caught.value.errors == {"title": "This field must not be empty."}


def test_every_field_of_a_group_needs_a_choice_and_none_else(world: World) -> None:
    task = world.task(title="Fix front door", labels=["a", "b", "c"])
    title = FieldConflict("title", "Fix door", "Fix front door", "Fix door asap", "x", "y")
    conflict = world.conflict(world.integration(), fields=(title, LABELS), task=task)
    with pytest.raises(InvalidDecision) as caught:
        decide(world, conflict, choices={"title": {"choice": "local"}, "stage": {"choice": "local"}})
    assert caught.value.errors == {
        "labels": "Choose a value for this field.",
        "stage": "This field is not in conflict.",
    }


def test_newest_is_refused_where_the_clocks_cannot_tell(world: World) -> None:
    at = world.now - timedelta(minutes=5)
    conflict = world.conflict(
        world.integration(), local_changed_at=at, external_changed_at=at + timedelta(seconds=1)
    )
    with pytest.raises(InvalidDecision, match="closer than the clocks can tell"):
        decide(world, conflict, choices={"title": {"choice": "newest"}})


def test_there_is_no_base_to_go_back_to_at_first_contact(world: World) -> None:
    conflict = world.conflict(world.integration(), kind="no_agreed_state")
    with pytest.raises(InvalidDecision, match="never agreed"):
        decide(world, conflict, choices={"title": {"choice": "base"}})


def record_conflict(world: World, kind: str = "deleted_there") -> ConflictResolution:
    gone = kind == "deleted_there"
    values = {"title": "Fix front door"}
    field = FieldConflict("record", values, values if gone else None, None if gone else values, {}, {})
    return world.conflict(world.integration(), fields=(field,), kind=kind)


@pytest.mark.parametrize("choice", ["keep_and_recreate", "accept_delete", "unlink"])
def test_a_deletion_has_its_own_choices(world: World, choice: str) -> None:
    decided = decide(world, record_conflict(world), choices={"record": {"choice": choice}})
    assert decided.resolved == {"record": {"choice": choice, "value": None}}
    assert decided.status == ConflictStatus.DECIDED


def test_a_side_is_no_answer_to_a_deletion(world: World) -> None:
    with pytest.raises(InvalidDecision, match="keep the record, to accept the deletion, or to unlink"):
        decide(world, record_conflict(world), choices={"record": {"choice": "local"}})


def test_a_deletion_cannot_be_ignored(world: World) -> None:
    with pytest.raises(InvalidDecision, match="cannot be ignored"):
        conflict_ignore(
            conflict_id=record_conflict(world).pk,
            tenant=world.tenant,
            user=world.users["reviewer"],
            seen_version=1,
            now=world.now,
        )


def test_a_possible_duplicate_is_linked_to_one_of_the_candidates_only(world: World) -> None:
    one, other, stranger = world.task(), world.task(), world.task()
    field = FieldConflict("match", None, [str(one.pk), str(other.pk)], "X-9", None, {"title": "x"})
    conflict = world.conflict(world.integration(), fields=(field,), kind="possible_duplicate")
    with pytest.raises(InvalidDecision, match="one of the records to link"):
        decide(world, conflict, choices={"match": {"choice": "link", "value": str(stranger.pk)}})
    decided = decide(world, conflict, choices={"match": {"choice": "link", "value": str(other.pk)}})
    assert decided.resolved == {"match": {"choice": "link", "value": str(other.pk)}}


# -- preview -----------------------------------------------------------------------------------------------


def test_the_preview_lists_the_exact_writes_to_each_side_and_writes_nothing(world: World) -> None:
    conflict = world.conflict(world.integration())
    preview = conflict_preview(conflict, choices={"title": {"choice": "custom", "value": "Mend the door"}})
    assert [(w.field, w.before, w.after) for w in preview.local] == [
        ("title", "Fix front door", "Mend the door")
    ]
    assert [(w.field, w.before, w.after) for w in preview.external] == [
        ("name", "Fix door asap", "Mend the door")
    ]
    assert preview.problems == []
    conflict.refresh_from_db()
    assert (conflict.status, conflict.version) == (ConflictStatus.PENDING, 1)


def test_keeping_the_external_value_writes_here_only(world: World) -> None:
    preview = conflict_preview(world.conflict(world.integration()), choices={"title": {"choice": "external"}})
    assert [w.after for w in preview.local] == ["Fix door asap"]
    assert preview.external == []


def test_without_push_nothing_is_sent(world: World) -> None:
    preview = conflict_preview(
        world.conflict(world.integration()), choices={"title": {"choice": "local"}}, push=False
    )
    assert (preview.local, preview.external) == ([], [])


def test_the_preview_says_what_the_other_side_cannot_hold(world: World) -> None:
    task = world.task(title="x", stage="in_progress")
    conflict = world.conflict(world.integration(), fields=(STAGE,), task=task)
    preview = conflict_preview(conflict, choices={"stage": {"choice": "local"}})
    assert len(preview.problems) == 1
    assert preview.problems[0].startswith("Stage: ")


# -- leases ------------------------------------------------------------------------------------------------


def test_one_reviewer_holds_the_lease_and_the_other_may_take_it_over(world: World) -> None:
    conflict = world.conflict(world.integration())
    rita, mia = world.users["reviewer"], world.users["manager"]
    taken = lease_take(conflict_id=conflict.pk, tenant=world.tenant, user=rita, now=world.now)
    assert (taken.lease_user, taken.lease_until) == (rita, world.now + timedelta(minutes=5))
    with pytest.raises(LeaseHeld, match="reviewer is reviewing"):
        lease_take(conflict_id=conflict.pk, tenant=world.tenant, user=mia, now=world.now)
    with pytest.raises(LeaseHeld, match="Take it over"):
        decide(world, conflict, user=mia)
    over = lease_take_over(conflict_id=conflict.pk, tenant=world.tenant, user=mia, now=world.now)
    assert over.lease_user == mia
    assert over.decision_note == "manager took over from reviewer."
    assert decide(world, conflict, user=mia).status == ConflictStatus.DECIDED


def test_a_lease_ends_by_itself_and_can_be_renewed_or_given_back(world: World) -> None:
    conflict = world.conflict(world.integration())
    rita, mia = world.users["reviewer"], world.users["manager"]
    lease_take(conflict_id=conflict.pk, tenant=world.tenant, user=rita, now=world.now)
    later = world.now + timedelta(minutes=4)
    renewed = lease_take(conflict_id=conflict.pk, tenant=world.tenant, user=rita, now=later)
    assert renewed.lease_until == later + timedelta(minutes=5)
    ended = later + timedelta(minutes=5, seconds=1)
    assert lease_take(conflict_id=conflict.pk, tenant=world.tenant, user=mia, now=ended).lease_user == mia
    lease_release(conflict_id=conflict.pk, tenant=world.tenant, user=rita)
    conflict.refresh_from_db()
    assert conflict.lease_user == mia
    lease_release(conflict_id=conflict.pk, tenant=world.tenant, user=mia)
    conflict.refresh_from_db()
    assert conflict.lease_user is None


def test_a_lease_does_not_hold_the_engine_back(world: World) -> None:
    conflict = world.conflict(world.integration())
    lease_take(conflict_id=conflict.pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now)
    field = FieldConflict("title", "Fix door", "Fix front door", "New", "Fix door", "New")
    again = conflict_open(
        mapping=conflict.mapping, group=ConflictGroup("title", (field,), "x"), now=world.now
    )
    assert again.version == 2


# -- ignore and reopen -------------------------------------------------------------------------------------


def test_a_decision_not_yet_carried_out_can_be_reopened(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration()))
    again = conflict_reopen(
        conflict_id=conflict.pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now
    )
    assert (again.status, again.resolved, again.version) == (ConflictStatus.PENDING, {}, 3)


def test_reopening_an_accepted_difference_compares_these_fields_afresh(world: World) -> None:
    conflict = world.conflict(world.integration())
    rita = world.users["reviewer"]
    conflict = conflict_ignore(
        conflict_id=conflict.pk, tenant=world.tenant, user=rita, seen_version=1, now=world.now
    )
    conflict_applied(conflict, now=world.now, pushed=False)
    conflict_reopen(conflict_id=conflict.pk, tenant=world.tenant, user=rita, now=world.now)
    conflict.mapping.refresh_from_db()
    assert conflict.mapping.base_local == {}
    assert conflict.mapping.base_external == {}
    assert open_values([conflict.mapping_id]) == {
        conflict.mapping_id: {"title": ("Fix front door", "Fix door asap")}
    }


def test_what_is_resolved_cannot_be_reopened_and_says_so(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration()))
    conflict_applied(conflict, now=world.now, pushed=False)
    with pytest.raises(ConflictProblem, match="This conflict is resolved"):
        conflict_reopen(
            conflict_id=conflict.pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now
        )


# -- revert ------------------------------------------------------------------------------------------------


def resolved(world: World, task: Task) -> ConflictResolution:
    """Decided for the external value, carried out: the record holds it now."""
    conflict = decide(world, world.conflict(world.integration(), task=task))
    edit(world, task, title="Fix door asap")
    conflict_applied(conflict, now=world.now, pushed=False)
    return conflict


def revert(world: World, conflict: ConflictResolution, **more: Any) -> Any:
    return conflict_revert(
        conflict_id=conflict.pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now, **more
    )


def test_the_loser_is_restored_as_a_new_edit_by_the_reviewer(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = resolved(world, task)
    assert revert(world, conflict).restored == {"title": "Fix front door"}
    task.refresh_from_db()
    assert task.title == "Fix front door"
    change = Change.objects.filter(record_id=task.pk).latest("id")
    assert (change.origin, change.user) == (OriginKind.RESOLUTION, world.users["reviewer"])
    conflict.refresh_from_db()
    assert conflict.decision_note == "Taken back by reviewer."


def test_a_field_changed_since_is_not_overwritten_but_becomes_a_new_conflict(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = resolved(world, task)
    edit(world, task, title="Door is fixed")
    outcome = revert(world, conflict)
    assert outcome.restored == {}
    task.refresh_from_db()
    assert task.title == "Door is fixed"
    again = outcome.conflict
    assert again.status == ConflictStatus.PENDING
    assert {side: again.fields[0][side] for side in ("base", "local", "external")} == {
        "base": "Fix door asap",
        "local": "Door is fixed",
        "external": "Fix front door",
    }
    assert open_values([conflict.mapping_id]) == {}
    assert unsettled_of(conflict.mapping_id) == []


def test_deciding_a_taken_back_value_writes_the_record_at_once(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = resolved(world, task)
    edit(world, task, title="Door is fixed")
    again = revert(world, conflict).conflict
    decided = decide(world, again, choices={"title": {"choice": "external"}})
    task.refresh_from_db()
    assert task.title == "Fix front door"
    assert decided.status == ConflictStatus.RESOLVED


def test_either_sides_value_can_be_restored_by_name(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = resolved(world, task)
    assert revert(world, conflict, restore="external").restored == {}
    assert revert(world, conflict, restore="local").restored == {"title": "Fix front door"}


def test_only_what_was_carried_out_can_be_taken_back(world: World) -> None:
    conflict = world.conflict(world.integration())
    with pytest.raises(ConflictProblem, match="carried out"):
        revert(world, conflict)


# -- bulk --------------------------------------------------------------------------------------------------


def test_a_bulk_decision_skips_and_names_what_changed_meanwhile(world: World) -> None:
    integration = world.integration()
    conflicts = [world.conflict(integration) for _ in range(5)]
    seen = {conflict.pk: conflict.version for conflict in conflicts}
    ConflictResolution.objects.filter(pk=conflicts[0].pk).update(version=4)
    decide(world, conflicts[1])
    seen[record_conflict_id(world, integration)] = 1
    lease_take(conflict_id=conflicts[2].pk, tenant=world.tenant, user=world.users["manager"], now=world.now)
    dry = bulk(world, seen, is_dry_run=True)
    assert len(dry.done) == 2
    assert ConflictResolution.objects.filter(status=ConflictStatus.DECIDED).count() == 1
    done = bulk(world, seen)
    assert set(done.done) == {conflicts[3].pk, conflicts[4].pk} == set(dry.done)
    assert (
        done.reasons
        == dry.reasons
        == {
            "changed meanwhile": 1,
            "already decided": 1,
            "someone else is reviewing it": 1,
            "needs a decision of its own (deletion or duplicate)": 1,
        }
    )
    conflicts[3].refresh_from_db()
    assert conflicts[3].resolved["title"]["choice"] == "local"


def record_conflict_id(world: World, integration: Any) -> Any:
    field = FieldConflict("record", {}, {"title": "x"}, None, {}, None)
    return world.conflict(integration, fields=(field,), kind="deleted_there").pk


def bulk(world: World, seen: dict[Any, int], *, choice: str = "local", is_dry_run: bool = False) -> Any:
    return conflicts_decide_bulk(
        tenant=world.tenant,
        user=world.users["reviewer"],
        seen=seen,
        choice=choice,
        is_dry_run=is_dry_run,
        now=world.now,
    )


def test_many_can_be_ignored_at_once(world: World) -> None:
    conflict = world.conflict(world.integration())
    assert bulk(world, {conflict.pk: 1}, choice="ignore").done == [conflict.pk]
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.IGNORED


def test_a_foreign_conflict_in_a_bulk_is_no_longer_there(world: World) -> None:
    foreign = world.conflict(world.integration(tenant=world.foreign))
    outcome = bulk(world, {foreign.pk: 1})
    assert outcome.skipped == {foreign.pk: "no longer there"}
    foreign.refresh_from_db()
    assert foreign.status == ConflictStatus.PENDING


def test_an_unknown_bulk_choice_is_refused(world: World) -> None:
    with pytest.raises(InvalidDecision, match="Choose one of: local, external, newest, ignore"):
        bulk(world, {}, choice="custom")
