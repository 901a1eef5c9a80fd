"""The engine's side of the desk: open, update, journal, hand over, close."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import TestCase

from conflicts.models import ConflictKind, ConflictResolution, ConflictStatus
from conflicts.services import (
    as_decided,
    conflict_applied,
    conflict_auto_resolve,
    conflict_carry_on,
    conflict_decide,
    conflict_ignore,
    conflict_open,
    conflict_withdraw,
    conflicts_journal,
    decided_among,
    journal_row,
    open_values,
    rule_create,
    unsettled_of,
)
from live.models import LiveEvent
from reconcile.model import AutoDecision, ConflictGroup, Decided, FieldConflict
from tests.integration.pages.world import World

TITLE = FieldConflict("title", "Fix door", "Fix front door", "Fix door asap", "Fix door", "Fix door asap")
DUE = FieldConflict("due_on", "2025-07-01", "2025-07-03", "2025-07-08", "2025-07-01T", "2025-07-08T")


def decide(world: World, conflict: ConflictResolution, choice: str = "external") -> ConflictResolution:
    return conflict_decide(
        conflict_id=conflict.pk,
        tenant=world.tenant,
        user=world.users["reviewer"],
        choices={"*": {"choice": choice}},
        seen_version=conflict.version,
        seen_local_revision=conflict.local_revision,
        seen_external_version=conflict.external_version,
        now=world.now,
    )


def group(*fields: FieldConflict) -> ConflictGroup:
    return ConflictGroup(fields[0].key, fields, "Both sides changed it.")


def test_a_conflict_keeps_both_values_and_the_base_with_labels(world: World) -> None:
    conflict = world.conflict(world.integration(), fields=(DUE,))
    assert conflict.status == ConflictStatus.PENDING
    assert conflict.fields == [
        {
            "key": "due_on",
            "label": "Due on",
            "base": "2025-07-01",
            "local": "2025-07-03",
            "external": "2025-07-08",
            "base_external_raw": "2025-07-01T",
            "external_raw": "2025-07-08T",
        }
    ]


def test_opening_announces_ids_but_no_values(world: World) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        conflict = world.conflict(world.integration())
    event = LiveEvent.objects.get(type="conflict.opened")
    assert event.room == f"tenant:{world.tenant.pk}:sync"
    assert event.payload["id"] == str(conflict.pk)
    assert "Fix door asap" not in str(event.payload)


def test_a_record_that_changes_again_updates_its_open_conflict(world: World) -> None:
    first = world.conflict(world.integration())
    changed = FieldConflict(
        "title", "Fix door", "Fix the front door", "Fix door asap", "Fix door", "Fix door asap"
    )
    second = conflict_open(mapping=first.mapping, group=group(changed), local_revision=9, now=world.now)
    assert second.pk == first.pk
    assert (second.version, second.local_revision) == (2, 9)
    assert second.fields[0]["local"] == "Fix the front door"
    assert ConflictResolution.objects.count() == 1


def test_the_same_values_again_leave_the_row_alone(world: World) -> None:
    first = world.conflict(world.integration())
    again = conflict_open(mapping=first.mapping, group=group(TITLE), local_revision=99, now=world.now)
    assert (again.version, again.local_revision) == (1, first.local_revision)


def test_a_decision_whose_values_changed_before_it_was_applied_goes_back_to_pending(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration()))
    changed = FieldConflict("title", "Fix door", "Fix front door", "Replace door", "Fix door", "Replace door")
    again = conflict_open(mapping=conflict.mapping, group=group(changed), now=world.now)
    assert again.pk == conflict.pk
    assert again.status == ConflictStatus.PENDING
    assert again.resolved == {}
    assert again.decided_by is None
    assert again.decision_note.startswith("reviewer had decided (title: external), but the values changed")


def test_another_kind_of_conflict_on_the_same_group_takes_its_place(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration()))
    again = conflict_open(
        mapping=conflict.mapping, group=group(TITLE), kind=ConflictKind.REFUSED, now=world.now
    )
    assert (again.pk, again.kind, again.status) == (conflict.pk, ConflictKind.REFUSED, ConflictStatus.PENDING)


def test_the_planner_is_told_what_waits_by_pair(world: World) -> None:
    integration = world.integration()
    first, second = world.conflict(integration), world.conflict(integration, fields=(DUE,))
    assert open_values([first.mapping_id, second.mapping_id]) == {
        first.mapping_id: {"title": ("Fix front door", "Fix door asap")},
        second.mapping_id: {"due_on": ("2025-07-03", "2025-07-08T")},
    }


@pytest.mark.django_db
def test_open_values_cost_one_query_however_many_pairs(
    world: World, django_assert_num_queries: object
) -> None:
    integration = world.integration()
    ids = [world.conflict(integration).mapping_id for _ in range(6)]
    with django_assert_num_queries(1):  # type: ignore[operator]
        open_values(ids)


def test_a_decision_says_what_the_reviewer_saw_in_each_sides_terms(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration(), fields=(TITLE, DUE)))
    assert decided_among(unsettled_of(conflict.mapping_id)) == [conflict]
    assert as_decided(conflict) == {
        "title": Decided("Fix door asap", "Fix front door", "Fix door asap", keep_external=True, push=True),
        "due_on": Decided("2025-07-08", "2025-07-03", "2025-07-08T", keep_external=True, push=True),
    }


def test_a_decision_written_here_and_still_to_be_sent_is_not_stale_and_the_loser_stays(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration()))
    conflict_carry_on(conflict, local_values={"title": "Fix door asap"}, now=world.now)
    conflict.refresh_from_db()
    assert as_decided(conflict)["title"].seen_local == "Fix door asap"
    assert conflict.fields[0]["local"] == "Fix front door"


def test_an_applied_decision_is_closed_and_says_whether_it_was_pushed(world: World) -> None:
    conflict = decide(world, world.conflict(world.integration()))
    later = world.now + timedelta(seconds=2)
    conflict_applied(conflict, now=later, pushed=True)
    conflict.refresh_from_db()
    assert (conflict.status, conflict.closed_at, conflict.pushed_at) == (
        ConflictStatus.RESOLVED,
        later,
        later,
    )
    assert unsettled_of(conflict.mapping_id) == []
    assert open_values([conflict.mapping_id]) == {}


def test_an_ignored_conflict_is_handed_over_as_an_accepted_difference_once(world: World) -> None:
    conflict = world.conflict(world.integration())
    conflict = conflict_ignore(
        conflict_id=conflict.pk,
        tenant=world.tenant,
        user=world.users["reviewer"],
        seen_version=1,
        now=world.now,
    )
    assert as_decided(unsettled_of(conflict.mapping_id)[0])["title"] == Decided(
        "Fix front door", "Fix front door", "Fix door asap", keep_external=False, push=False
    )
    conflict_applied(conflict, now=world.now, pushed=False)
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.IGNORED
    assert unsettled_of(conflict.mapping_id) == []


def test_what_no_longer_differs_is_withdrawn(world: World) -> None:
    conflict = world.conflict(world.integration())
    assert conflict_withdraw(mapping=conflict.mapping, keys=["title"], now=world.now) == 1
    conflict.refresh_from_db()
    assert (conflict.status, conflict.closed_at) == (ConflictStatus.WITHDRAWN, world.now)


def test_a_group_that_agrees_in_part_keeps_the_rest_in_a_new_version(world: World) -> None:
    conflict = world.conflict(world.integration(), fields=(TITLE, DUE))
    assert conflict_withdraw(mapping=conflict.mapping, keys=["due_on"], now=world.now) == 0
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING
    assert [entry["key"] for entry in conflict.fields] == ["title"]
    assert conflict.version == 2


def test_what_a_strategy_decided_is_journalled_with_the_loser(world: World) -> None:
    pair = world.pair(world.integration())
    decision = AutoDecision(TITLE, "local", "Fix front door", "the local change is newer by 40 s")
    row = conflict_auto_resolve(mapping=pair, decisions=[decision], record_title="Door", now=world.now)
    assert row is not None
    row.refresh_from_db()
    assert (row.status, row.strategy, row.closed_at) == (
        ConflictStatus.AUTO_RESOLVED,
        "latest_wins",
        world.now,
    )
    assert row.resolved["title"] == {
        "choice": "local",
        "value": "Fix front door",
        "because": "the local change is newer by 40 s",
    }
    assert row.fields[0]["external"] == "Fix door asap"


def test_nothing_decided_is_nothing_journalled(world: World) -> None:
    pair = world.pair(world.integration())
    assert conflict_auto_resolve(mapping=pair, decisions=[], now=world.now) is None
    assert ConflictResolution.objects.count() == 0


def test_many_journal_rows_are_saved_at_once_and_count_their_rules_hits(
    world: World, django_assert_num_queries: object
) -> None:
    integration = world.integration()
    rule = rule_create(
        tenant=world.tenant, user=world.users["reviewer"], rule="prefer_local", field="title", now=world.now
    )
    decision = AutoDecision(TITLE, "local", "Fix front door", "the local side always wins here")
    rows = [
        journal_row(
            mapping=world.pair(integration), decisions=[decision], rules={"title": rule.pk}, now=world.now
        )
        for _ in range(20)
    ]
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert conflicts_journal(rows) == 20
    rule.refresh_from_db()
    assert (rule.hits, rule.last_hit_at) == (20, world.now)


def test_the_rule_behind_an_automatic_decision_is_named(world: World) -> None:
    pair = world.pair(world.integration())
    rule = rule_create(
        tenant=world.tenant, user=world.users["reviewer"], rule="prefer_local", field="title", now=world.now
    )
    row = conflict_auto_resolve(
        mapping=pair, decisions=[AutoDecision(TITLE, "local", "x", "y")], now=world.now + timedelta(seconds=1)
    )
    assert row is not None
    assert row.rule_id == rule.pk
