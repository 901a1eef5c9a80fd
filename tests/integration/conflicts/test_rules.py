"""Remembered choices: which applies, order, expiry, trying them out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conflicts.models import MergeRule
from conflicts.services import (
    InvalidDecision,
    conflict_applied,
    conflict_decide,
    rule_create,
    rule_delete,
    rule_simulate,
    rule_update,
    rules_for,
)
from conflicts.services.rules import open_decided_by
from reconcile.model import FieldConflict, FieldRule, Rule
from tests.integration.pages.world import World


def make(world: World, rule: str = "prefer_local", **more: Any) -> MergeRule:
    return rule_create(
        tenant=world.tenant,
        user=world.users["reviewer"],
        rule=rule,
        now=world.now,
        **{"field": "title", **more},
    )


def test_the_first_rule_by_position_decides(world: World) -> None:
    integration = world.integration()
    first = make(world, "prefer_local")
    second = make(world, "prefer_external")
    assert rules_for(integration=integration, resource="card")["title"] == Rule(
        FieldRule.PREFER_LOCAL, source=f"merge_rule:{first.pk}"
    )
    rule_update(
        rule_id=second.pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now, position=0
    )
    assert rules_for(integration=integration, resource="card")["title"].rule is FieldRule.PREFER_EXTERNAL


def test_scope_enabled_and_expiry_narrow_what_applies(world: World) -> None:
    integration, other = world.integration("One"), world.integration("Two")
    make(world, field="title", integration=other)
    make(world, field="author_name", rule="concatenate", resource="comment")
    off = make(world, field="due_on", rule="max")
    make(world, field="start_on", rule="min", expires_at=world.now + timedelta(hours=1))
    rule_update(
        rule_id=off.pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now, enabled=False
    )
    assert set(rules_for(integration=integration, resource="card", now=world.now)) == {"start_on"}
    assert (
        set(rules_for(integration=integration, resource="card", now=world.now + timedelta(hours=2))) == set()
    )
    assert set(rules_for(integration=other, resource="card", now=world.now)) == {"start_on", "title"}
    assert set(rules_for(integration=integration, resource="comment", now=world.now)) == {
        "author_name",
        "start_on",
    }


def test_a_rule_for_every_field_covers_all_links_but_gives_way_to_earlier_ones(world: World) -> None:
    integration = world.integration()
    make(world, "prefer_local", field="title")
    make(world, "prefer_external", field="")
    rules = rules_for(integration=integration, resource="card")
    assert rules["title"].rule is FieldRule.PREFER_LOCAL
    assert rules["description"].rule is FieldRule.PREFER_EXTERNAL
    assert {"title", "description", "stage", "labels", "due_on"} <= set(rules)


def test_another_tenants_rules_never_apply(world: World) -> None:
    make(world)
    foreign = world.integration(tenant=world.foreign)
    assert rules_for(integration=foreign, resource="card") == {}


def test_applying_rules_costs_one_query(world: World, django_assert_num_queries: Any) -> None:
    integration = world.integration()
    make(world)
    with django_assert_num_queries(1):
        rules_for(integration=integration, resource="card")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rule": "guess"}, "rule"),
        ({"expires_at": "past"}, "expires_at"),
        ({"integration": "foreign"}, "integration"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field(
    world: World, given: dict[str, Any], field: str
) -> None:
    if "expires_at" in given:
        given = {"expires_at": world.now - timedelta(seconds=1)}
    if "integration" in given:
        given = {"integration": world.integration(tenant=world.foreign)}
    with pytest.raises(InvalidDecision) as caught:
        make(world, **given)
    assert list(caught.value.errors) == [field]
    assert MergeRule.objects.count() == 0


def settled(world: World, choice: str) -> None:
    conflict = world.conflict(world.integration(choice))
    decided = conflict_decide(
        conflict_id=conflict.pk,
        tenant=world.tenant,
        user=world.users["reviewer"],
        choices={"title": {"choice": choice}},
        seen_version=1,
        seen_local_revision=conflict.local_revision,
        seen_external_version="v7",
        now=world.now,
    )
    conflict_applied(decided, now=world.now, pushed=False)


def test_trying_a_rule_on_past_conflicts_compares_it_with_what_was_chosen(world: World) -> None:
    settled(world, "local")
    settled(world, "external")
    trials = rule_simulate(rule=MergeRule(tenant=world.tenant, rule="prefer_local", field="title"))
    assert sorted((trial.winner, trial.actual, trial.agrees) for trial in trials) == [
        ("local", "external", False),
        ("local", "local", True),
    ]


def test_a_rule_that_asks_decides_nothing(world: World) -> None:
    settled(world, "local")
    (trial,) = rule_simulate(rule=MergeRule(tenant=world.tenant, rule="review", field="title"))
    assert (trial.winner, trial.because) == ("", "it would ask a reviewer")


def test_open_conflicts_are_decided_by_a_rule_only_if_it_covers_all_their_fields(world: World) -> None:
    integration = world.integration()
    whole = world.conflict(integration)
    two = (
        FieldConflict("title", "a", "b", "c", "a", "c"),
        FieldConflict("stage", "todo", "done", "review", "l1", "l3"),
    )
    world.conflict(integration, fields=two)
    found = open_decided_by(MergeRule(tenant=world.tenant, rule="prefer_external", field="title"))
    assert [(conflict.pk, choices) for conflict, choices in found] == [
        (whole.pk, {"title": {"choice": "external"}})
    ]


def test_a_deleted_rule_leaves_its_journal(world: World) -> None:
    rule = make(world)
    rule_delete(rule_id=rule.pk, tenant=world.tenant, user=world.users["reviewer"])
    assert MergeRule.objects.count() == 0


def test_another_tenants_rule_cannot_be_changed_or_deleted(world: World) -> None:
    rule = make(world)
    with pytest.raises(MergeRule.DoesNotExist):
        rule_delete(rule_id=rule.pk, tenant=world.foreign, user=world.carol)
    with pytest.raises(MergeRule.DoesNotExist):
        rule_update(rule_id=rule.pk, tenant=world.foreign, user=world.carol, now=world.now, enabled=False)
    rule.refresh_from_db()
    assert rule.enabled
