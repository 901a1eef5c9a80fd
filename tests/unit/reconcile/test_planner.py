"""The three-way plan, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconcile.kinds import Kind
from reconcile.model import (
    NOTHING,
    Bases,
    Clocks,
    Decided,
    Direction,
    FieldRule,
    Held,
    HeldReason,
    Plan,
    Policy,
    Rule,
    Strategy,
)
from reconcile.planner import LocalCreates, plan_external_create, plan_local_create
from tests.unit.reconcile.worlds import Book, applied, compiled, plan_for, same_bases, text_map

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
MANUAL = Policy(strategy=Strategy.MANUAL_REVIEW)
TWO = text_map("title", "url")
BASE = same_bases({"title": "old", "url": "u"})


def test_nothing_changed_is_the_shared_empty_plan() -> None:
    assert plan_for(TWO, BASE, {"title": "old", "url": "u"}, {"title": "old", "url": "u"}) is NOTHING


def test_a_local_change_goes_out_and_only_that_field() -> None:
    made = plan_for(TWO, BASE, {"title": "new", "url": "u"}, {"title": "old", "url": "u"})
    assert made.to_external == {"title": "new"}
    assert not made.to_local and not made.held and not made.conflicts


def test_an_external_change_comes_in() -> None:
    made = plan_for(TWO, BASE, {"title": "old", "url": "u"}, {"title": "new", "url": "u"})
    assert made.to_local == {"title": "new"} and not made.to_external


def test_changes_of_different_fields_merge_by_themselves() -> None:
    made = plan_for(TWO, BASE, {"title": "new", "url": "u"}, {"title": "old", "url": "v"})
    assert made.to_external == {"title": "new"} and made.to_local == {"url": "v"} and not made.conflicts


def test_the_same_edit_on_both_sides_is_no_conflict() -> None:
    made = plan_for(TWO, BASE, {"title": "new", "url": "u"}, {"title": "new", "url": "u"})
    assert made.agreed == ("title",) and not made.to_local and not made.to_external


def test_a_cleared_field_is_a_change_but_an_absent_one_is_not() -> None:
    cleared = plan_for(TWO, BASE, {"title": "old", "url": "u"}, {"title": "old", "url": None})
    assert cleared.to_local == {"url": None}
    absent = plan_for(TWO, BASE, {"title": "old", "url": "u"}, {"title": "old"})
    assert absent.is_noop and not absent.held


def test_both_changed_goes_to_review_with_all_three_values() -> None:
    made = plan_for(TWO, BASE, {"title": "here", "url": "u"}, {"title": "there", "url": "u"}, policy=MANUAL)
    (group,) = made.conflicts
    (conflict,) = group.fields
    assert (group.name, group.reason) == ("title", "both sides changed title")
    assert (conflict.base, conflict.local, conflict.external) == ("old", "here", "there")
    assert (conflict.base_external_raw, conflict.external_raw) == ("old", "there")
    assert not made.to_local and not made.to_external


def test_undisputed_fields_flow_while_one_waits_for_a_reviewer() -> None:
    made = plan_for(TWO, BASE, {"title": "here", "url": "v"}, {"title": "there", "url": "u"}, policy=MANUAL)
    assert [group.name for group in made.conflicts] == ["title"] and made.to_external == {"url": "v"}


@pytest.mark.parametrize(
    ("local_ahead", "winner"),
    [(60, "local"), (-60, "external"), (1.5, None), (-1.5, None), (2.0, None), (2.1, "local")],
)
def test_latest_wins_follows_the_clock_and_abstains_inside_the_uncertainty(
    local_ahead: float, winner: str | None
) -> None:
    clocks = Clocks(local=NOON + timedelta(seconds=local_ahead), external=NOON)
    made = plan_for(TWO, BASE, {"title": "here"}, {"title": "there"}, clocks=clocks)
    if winner is None:
        assert "too close" in made.conflicts[0].reason and not made.decisions
    else:
        assert made.decisions[0].winner == winner and not made.conflicts
        assert (made.to_external if winner == "local" else made.to_local) == {
            "title": {"local": "here", "external": "there"}[winner]
        }


def test_latest_wins_prefers_the_time_of_the_field_over_that_of_the_record() -> None:
    clocks = Clocks(
        local=NOON + timedelta(hours=1), external=NOON, local_fields={"title": NOON - timedelta(hours=1)}
    )
    made = plan_for(TWO, BASE, {"title": "here"}, {"title": "there"}, clocks=clocks)
    assert made.decisions[0].winner == "external"


@pytest.mark.parametrize("clocks", [Clocks(), Clocks(local=NOON), Clocks(external=NOON)])
def test_latest_wins_without_both_times_asks(clocks: Clocks) -> None:
    made = plan_for(TWO, BASE, {"title": "here"}, {"title": "there"}, clocks=clocks)
    assert made.conflicts[0].reason == "both sides changed title, and it is not known when"


# Groups

DATES = compiled(
    {"local": "start_on", "external": "start", "group": "dates"},
    {"local": "due_on", "external": "due", "group": "dates"},
    {"local": "url", "external": "url"},
)
DATES_BASE = same_bases({"start_on": "2025-07-01", "due_on": "2025-07-05", "url": None})


def test_one_field_for_review_takes_the_changed_fields_of_its_group_along() -> None:
    here = {"start_on": "2025-07-02", "due_on": "2025-07-06", "url": "x"}
    there = {"start_on": "2025-07-03", "due_on": "2025-07-05", "url": None}
    made = plan_for(DATES, DATES_BASE, here, there, policy=MANUAL)
    (group,) = made.conflicts
    assert group.name == "dates" and [field.key for field in group.fields] == ["start_on", "due_on"]
    assert group.fields[1].external == "2025-07-05"
    assert group.reason == "both sides changed start_on; due_on is decided together with it"
    assert made.to_external == {"url": "x"}


def test_an_unchanged_field_of_the_group_stays_out_of_the_conflict() -> None:
    here = {"start_on": "2025-07-02", "due_on": "2025-07-05", "url": None}
    made = plan_for(DATES, DATES_BASE, here, {**here, "start_on": "2025-07-03"}, policy=MANUAL)
    assert [field.key for field in made.conflicts[0].fields] == ["start_on"]


def test_a_group_without_dispute_flows_field_by_field() -> None:
    here = {"start_on": "2025-07-02", "due_on": "2025-07-05", "url": None}
    there = {"start_on": "2025-07-01", "due_on": "2025-07-09", "url": None}
    made = plan_for(DATES, DATES_BASE, here, there, policy=MANUAL)
    assert made.to_external == {"start_on": "2025-07-02"} and made.to_local == {"due_on": "2025-07-09"}


def test_a_strategy_decides_for_the_group_as_one() -> None:
    here = {"start_on": "2025-07-02", "due_on": "2025-07-06", "url": None}
    there = {"start_on": "2025-07-03", "due_on": "2025-07-05", "url": None}
    made = plan_for(DATES, DATES_BASE, here, there, policy=Policy(strategy=Strategy.EXTERNAL_WINS))
    assert made.to_local == {"start_on": "2025-07-03", "due_on": "2025-07-05"} and not made.to_external
    assert {d.conflict.key: d.conflict.local for d in made.decisions} == {
        "start_on": "2025-07-02",
        "due_on": "2025-07-06",
    }


def test_latest_wins_counts_the_newest_change_of_the_group() -> None:
    here = {"start_on": "2025-07-02", "due_on": "2025-07-06", "url": None}
    there = {"start_on": "2025-07-03", "due_on": "2025-07-05", "url": None}
    fields = {"start_on": NOON - timedelta(hours=1), "due_on": NOON + timedelta(hours=1)}
    made = plan_for(DATES, DATES_BASE, here, there, clocks=Clocks(external=NOON, local_fields=fields))
    assert made.to_external == {"start_on": "2025-07-02", "due_on": "2025-07-06"}


# Sets

LABELS = compiled({"local": "labels", "external": "labels"})


def test_sets_merge_as_additions_and_removals() -> None:
    bases = same_bases({"labels": ["a", "b", "c"]})
    made = plan_for(LABELS, bases, {"labels": ["a", "b", "x"]}, {"labels": ["b", "c", "y"]}, policy=MANUAL)
    assert made.to_local == {"labels": ["b", "x", "y"]} and made.to_external == {"labels": ["b", "x", "y"]}
    assert not made.conflicts


def test_a_rule_for_a_set_goes_before_the_merge() -> None:
    policy = Policy(rules={"labels": Rule(FieldRule.PREFER_EXTERNAL)})
    bases = same_bases({"labels": ["a"]})
    made = plan_for(LABELS, bases, {"labels": ["x"]}, {"labels": ["y"]}, policy=policy)
    assert made.to_local == {"labels": ["y"]} and not made.to_external


def test_a_set_that_differs_as_agreed_takes_over_only_what_changed() -> None:
    bases = Bases({"labels": ["a", "mine"]}, {"labels": ["a"]}, {"labels": "accepted"})
    made = plan_for(LABELS, bases, {"labels": ["a", "mine"]}, {"labels": ["a", "new"]})
    assert made.to_local == {"labels": ["a", "mine", "new"]} and made.accepted == ("labels",)


PEOPLE = compiled(
    {"local": "assignees", "external": "people", "transform": {"name": "lookup_set", "resource": "user"}}
)


def test_a_member_without_counterpart_holds_the_whole_set() -> None:
    """I15: unmapped is not empty."""
    book = Book({("user", "7"): "ada"})
    bases = Bases({"assignees": ["ada"]}, {"assignees": ["7"]})
    made = plan_for(PEOPLE, bases, {"assignees": ["ada"]}, {"assignees": ["7", "8"]}, ctx=book)
    assert made.held["assignees"].reason is HeldReason.UNMAPPED and made.held["assignees"].raw == ["7", "8"]
    assert made.is_noop


def test_a_local_edit_never_drops_an_unmapped_member_there() -> None:
    book = Book({("user", "7"): "ada", ("user", "9"): "bob"})
    bases = Bases({"assignees": ["ada"]}, {"assignees": ["7", "8"]}, {"assignees": "accepted"})
    made = plan_for(PEOPLE, bases, {"assignees": ["ada", "bob"]}, {"assignees": ["7", "8"]}, ctx=book)
    assert made.held["assignees"].reason is HeldReason.UNMAPPED and not made.to_external


def test_a_reference_without_counterpart_is_held_and_never_sent_as_nobody() -> None:
    fm = compiled(
        {"local": "reporter", "external": "by", "transform": {"name": "lookup", "resource": "user"}}
    )
    made = plan_for(fm, same_bases({"reporter": None}), {"reporter": "zoe"}, {"reporter": None})
    assert made.held["reporter"].reason is HeldReason.UNMAPPED and made.is_noop


# First contact


def test_at_first_contact_equal_is_adopted_and_different_asks() -> None:
    made = plan_for(TWO, None, {"title": "same", "url": "here"}, {"title": "same", "url": "there"})
    assert made.agreed == ("title",)
    assert made.conflicts[0].reason == "url differ and there is no agreed state to tell which side changed"
    assert not made.to_local and not made.to_external


def test_at_first_contact_a_blank_takes_the_others_value() -> None:
    made = plan_for(TWO, None, {"title": None, "url": "here"}, {"title": "there", "url": ""})
    assert made.to_local == {"title": "there"} and made.to_external == {"url": "here"}


def test_without_fill_blanks_a_blank_asks() -> None:
    made = plan_for(TWO, None, {"title": None}, {"title": "there"}, policy=Policy(fill_blanks=False))
    assert [group.name for group in made.conflicts] == ["title"]


def test_null_there_and_empty_text_here_are_the_same_emptiness() -> None:
    made = plan_for(TWO, None, {"title": None}, {"title": ""}, policy=Policy(fill_blanks=False))
    assert made.agreed == ("title",)


def test_a_newly_mapped_field_starts_as_first_contact_while_the_others_go_on() -> None:
    bases = same_bases({"title": "old"})
    made = plan_for(
        TWO, bases, {"title": "new", "url": "here"}, {"title": "old", "url": "there"}, policy=MANUAL
    )
    assert made.to_external == {"title": "new"} and [group.name for group in made.conflicts] == ["url"]


# Lossy maps

STAGES = {"backlog": "todo", "ready": "todo", "closed": "done"}
STAGE = compiled(
    {
        "local": "stage",
        "external": "lane",
        "transform": {"name": "enum", "map": STAGES, "back": {"todo": "ready"}},
    }
)


def test_a_move_between_two_lanes_of_one_stage_changes_nothing_here() -> None:
    bases = Bases({"stage": "todo"}, {"stage": "backlog"})
    made = plan_for(STAGE, bases, {"stage": "todo"}, {"stage": "ready"})
    assert made.agreed == ("stage",) and not made.to_local and not made.to_external


def test_such_a_move_is_no_rival_of_a_local_change() -> None:
    bases = Bases({"stage": "todo"}, {"stage": "backlog"})
    made = plan_for(STAGE, bases, {"stage": "done"}, {"stage": "ready"}, policy=MANUAL)
    assert made.to_external == {"stage": "closed"} and not made.conflicts


def test_a_lane_the_map_does_not_know_holds_the_field() -> None:
    made = plan_for(
        STAGE, Bases({"stage": "todo"}, {"stage": "ready"}), {"stage": "todo"}, {"stage": "new lane"}
    )
    assert made.held["stage"].reason is HeldReason.UNMAPPED and made.held["stage"].raw == "new lane"


def test_a_text_the_vendor_shortened_is_not_pulled_back_over_the_long_one() -> None:
    bases = Bases({"title": "a long title"}, {"title": "a long"}, {"title": "written"})
    assert plan_for(TWO, bases, {"title": "a long title"}, {"title": "a long"}, check_drift=True).is_noop


def test_a_tick_agrees_with_every_open_stage() -> None:
    fm = compiled({"local": "stage", "external": "done", "transform": {"name": "boolean_from_stage"}})
    bases = Bases({"stage": "todo"}, {"stage": False})
    moved = plan_for(fm, bases, {"stage": "in_progress"}, {"stage": False}, check_drift=True)
    assert moved.agreed == ("stage",) and not moved.to_external and not moved.drift
    ticked = plan_for(
        fm, Bases({"stage": "in_progress"}, {"stage": False}), {"stage": "in_progress"}, {"stage": True}
    )
    assert ticked.to_local == {"stage": "done"}


# Holds and directions


def test_a_value_that_does_not_fit_is_held_and_the_others_flow() -> None:
    fm = compiled({"local": "due_on", "external": "due"}, {"local": "title", "external": "title"})
    bases = same_bases({"due_on": None, "title": "old"})
    made = plan_for(fm, bases, {"due_on": None, "title": "old"}, {"due_on": "soon", "title": "new"})
    assert made.held["due_on"].reason is HeldReason.UNREADABLE and made.to_local == {"title": "new"}


def test_a_required_field_is_never_emptied() -> None:
    fm = text_map("title", required=True)
    bases = same_bases({"title": "old"})
    assert plan_for(fm, bases, {"title": "old"}, {"title": ""}).held["title"].reason is HeldReason.UNREADABLE
    assert (
        plan_for(fm, bases, {"title": None}, {"title": "old"}).held["title"].reason is HeldReason.UNREADABLE
    )


def test_a_refused_value_is_not_sent_again_but_another_is() -> None:
    held = {"title": Held(HeldReason.REFUSED, "422", "bad")}
    assert plan_for(TWO, BASE, {"title": "bad"}, {"title": "old"}, held=held).held == held
    assert plan_for(TWO, BASE, {"title": "good"}, {"title": "old"}, held=held).to_external == {
        "title": "good"
    }


def test_an_oscillating_field_is_left_alone_and_the_rest_flows() -> None:
    held = {"title": Held(HeldReason.OSCILLATING, "two automations")}
    made = plan_for(TWO, BASE, {"title": "x", "url": "v"}, {"title": "y", "url": "u"}, held=held)
    assert made.held == held and made.to_external == {"url": "v"} and not made.conflicts


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(direction=Direction.IN), HeldReason.DIRECTION),
        (Policy(writable_external=frozenset()), HeldReason.READ_ONLY),
    ],
)
def test_what_may_not_go_out_is_held_with_the_reason(policy: Policy, reason: HeldReason) -> None:
    made = plan_for(TWO, BASE, {"title": "new"}, {"title": "old"}, policy=policy)
    assert made.held["title"].reason is reason and made.is_noop


class TestDerived:
    """A value that follows another field here (a task's completed_at), and that only the vendor may say."""

    FM = compiled(
        {"local": "completed_at", "external": "closed", "transform": {"name": "datetime"}, "direction": "in"}
    )
    FOLLOWS = Policy(strategy=Strategy.MANUAL_REVIEW, derived=frozenset({"completed_at"}))
    OPEN = same_bases({"completed_at": None})
    HERE, THERE = "2026-01-05T10:00:00.250000Z", "2026-01-05T10:00:03Z"

    def plan(self, here: str | None, there: str | None, **extra: Any) -> Plan:
        bases = extra.pop("bases", self.OPEN)
        return plan_for(
            self.FM,
            bases,
            {"completed_at": here},
            {"completed_at": there},
            policy=extra.pop("policy", self.FOLLOWS),
            **extra,
        )

    def test_two_clocks_are_no_conflict_and_the_vendors_stands(self) -> None:
        made = self.plan(self.HERE, self.THERE)
        assert made.to_local == {"completed_at": self.THERE}
        assert not made.conflicts and not made.held and not made.to_external

    def test_what_the_vendor_does_not_say_is_accepted(self) -> None:
        made = self.plan(self.HERE, None)
        assert made.accepted == ("completed_at",) and not made.held and not made.to_external

    def test_at_first_contact_too(self) -> None:
        assert self.plan(self.HERE, self.THERE, bases=None).to_local == {"completed_at": self.THERE}
        assert self.plan(self.HERE, None, bases=None).accepted == ("completed_at",)

    def test_a_rule_for_the_field_comes_first(self) -> None:
        rules = {"completed_at": Rule(FieldRule.REVIEW)}
        policy = Policy(strategy=Strategy.MANUAL_REVIEW, derived=frozenset({"completed_at"}), rules=rules)
        assert self.plan(self.HERE, self.THERE, policy=policy).conflicts

    def test_where_it_goes_both_ways_it_is_a_field_like_any_other(self) -> None:
        both = compiled({"local": "completed_at", "external": "closed", "transform": {"name": "datetime"}})
        made = plan_for(
            both, self.OPEN, {"completed_at": self.HERE}, {"completed_at": self.THERE}, policy=self.FOLLOWS
        )
        assert made.conflicts

    def test_what_nobody_derives_goes_to_a_reviewer(self) -> None:
        assert self.plan(self.HERE, self.THERE, policy=MANUAL).conflicts


def test_text_that_would_lose_something_there_is_protected_from_write_back() -> None:
    fm = compiled(
        {"local": "description", "external": "body", "transform": {"name": "rich_text", "format": "html"}}
    )
    html = '<p>Hi</p><iframe src="https://example.com"></iframe>'
    bases = Bases({"description": "Hi"}, {"description": html})
    made = plan_for(fm, bases, {"description": "Hello"}, {"description": html})
    assert (
        made.held["description"].reason is HeldReason.READ_ONLY
        and "iframe" in made.held["description"].detail
    )


def test_drift_is_reported_and_never_written() -> None:
    bases = Bases({"title": "a"}, {"title": "b"}, {"title": "equal"})
    made = plan_for(TWO, bases, {"title": "a"}, {"title": "b"}, check_drift=True)
    assert made.drift == ("title",) and made.is_noop
    assert plan_for(TWO, bases, {"title": "a"}, {"title": "b"}) is NOTHING


def test_a_field_sent_as_a_comment_goes_out_when_it_changes_and_only_then() -> None:
    fm = compiled(
        {
            "local": "estimate",
            "external": "comment",
            "direction": "out",
            "transform": {"name": "field_to_comment", "template": "Estimate: {value}"},
        }
    )
    first = plan_for(fm, None, {"estimate": "3"}, {})
    assert first.agreed == ("estimate",) and not first.to_external
    made = plan_for(fm, Bases({"estimate": "3"}, {}), {"estimate": "5"}, {})
    assert made.to_external == {"estimate": "Estimate: 5"}
    assert plan_for(fm, Bases({"estimate": "5"}, {}), {"estimate": "5"}, {}).is_noop


# Reviewers

HERE, THERE = {"title": "here", "url": "u"}, {"title": "there", "url": "u"}


def choice(**changes: Any) -> dict[str, Decided]:
    return {"title": Decided(**{"value": "both", "seen_local": "here", "seen_external": "there", **changes})}


def test_a_decision_is_written_to_each_side_that_differs() -> None:
    made = plan_for(TWO, BASE, HERE, THERE, policy=MANUAL, decided=choice())
    assert (
        made.to_local == {"title": "both"}
        and made.to_external == {"title": "both"}
        and made.settled == ("title",)
    )
    kept = plan_for(TWO, BASE, HERE, THERE, policy=MANUAL, decided=choice(value="here"))
    assert not kept.to_local and kept.to_external == {"title": "here"} and kept.settled == ("title",)


def test_keep_external_writes_only_here() -> None:
    made = plan_for(TWO, BASE, HERE, THERE, policy=MANUAL, decided=choice(keep_external=True))
    assert made.to_local == {"title": "there"} and not made.to_external and made.settled == ("title",)


def test_a_decision_not_to_push_accepts_that_the_sides_differ() -> None:
    made = plan_for(TWO, BASE, HERE, THERE, policy=MANUAL, decided=choice(push=False))
    assert made.to_local == {"title": "both"} and not made.to_external
    assert made.accepted == ("title",) and made.settled == ("title",)
    bases, here, there = applied(made, TWO, BASE, HERE, THERE)
    assert plan_for(TWO, bases, here, there, check_drift=True, policy=MANUAL).is_noop


@pytest.mark.parametrize(
    ("local", "external"), [({**HERE, "title": "newer"}, THERE), (HERE, {**THERE, "title": "newer"})]
)
def test_a_decision_on_values_that_changed_since_is_asked_again(local: Any, external: Any) -> None:
    made = plan_for(TWO, BASE, local, external, policy=MANUAL, decided=choice())
    assert made.stale_decisions == ("title",) and not made.settled and not made.to_external
    assert [group.name for group in made.conflicts] == ["title"]


def test_an_open_conflict_waits_quietly_until_a_side_changes() -> None:
    open_conflicts = {"title": ("here", "there")}
    waiting = plan_for(TWO, BASE, HERE, THERE, policy=MANUAL, open_conflicts=open_conflicts)
    assert waiting.held["title"].reason is HeldReason.OPEN_CONFLICT and waiting.is_noop
    changed = plan_for(
        TWO, BASE, {**HERE, "title": "newer"}, THERE, policy=MANUAL, open_conflicts=open_conflicts
    )
    assert changed.conflicts[0].fields[0].local == "newer"


def test_an_open_conflict_that_healed_by_itself_is_agreed() -> None:
    made = plan_for(TWO, BASE, {**HERE, "title": "there"}, THERE, open_conflicts={"title": ("here", "there")})
    assert made.agreed == ("title",) and not made.conflicts


# Creates


def test_a_new_local_record_takes_what_can_be_read_and_names_what_waits() -> None:
    fm = compiled(
        {"local": "title", "external": "name", "required": True},
        {"local": "reporter", "external": "by", "transform": {"name": "lookup", "resource": "user"}},
        {"local": "url", "external": "link", "default": "none"},
        {"local": "estimate", "external": "size", "direction": "out"},
    )
    external = fm.read_external({"name": "A", "by": 9, "link": None, "size": 3})
    made = plan_local_create(field_map=fm, external=external, policy=Policy(), ctx=Book())
    assert made.to_local == {"title": "A", "url": "none"} and set(made.held) == {"reporter"}
    missing = plan_local_create(field_map=fm, external={"title": ""}, policy=Policy(), ctx=Book())
    assert missing.held["title"].reason is HeldReason.UNREADABLE


def test_many_new_records_are_planned_as_each_by_itself() -> None:
    fm = compiled(
        {"local": "title", "external": "name", "required": True},
        {"local": "stage", "external": "state", "transform": {"name": "enum", "map": {"open": "todo"}}},
        {"local": "labels", "external": "tags", "transform": {"name": "set", "separator": ","}},
        {"local": "reporter", "external": "by", "transform": {"name": "lookup", "resource": "user"}},
        {"local": "due_on", "external": "due"},
    )
    values: list[Any] = ["1", 1, True, 1.0, "", None, "open", "a,b", "2025-07-01", ["a"], "1", "open", "a,b"]
    rows = [{"name": v, "state": v, "tags": v, "by": v, "due": v} for v in values]
    together = LocalCreates(field_map=fm, policy=Policy(), ctx=Book())
    made = [together.plan(fm.read_external(row)) for row in rows]
    assert made == [
        plan_local_create(field_map=fm, external=fm.read_external(row), policy=Policy(), ctx=Book())
        for row in rows
    ]
    assert made[7].to_local["labels"] is not made[12].to_local["labels"]


def test_a_new_external_record_gets_what_may_go_out() -> None:
    fm = compiled(
        {"local": "title", "external": "name", "required": True},
        {"local": "url", "external": "link", "direction": "in"},
        {"local": "labels", "external": "tags"},
    )
    local = {"title": "A", "url": "x", "labels": []}
    made = plan_external_create(field_map=fm, local=local, policy=Policy(), ctx=Book())
    assert made.to_external == {"title": "A"} and not made.to_local


def test_values_of_any_json_shape_never_make_the_planner_raise() -> None:
    fm = compiled(
        *({"local": name, "external": name, "transform": {"name": "lookup", "resource": "r"} if kind is Kind.REFERENCE else None}
          for name, kind in {"title": Kind.TEXT, "due_on": Kind.DATE, "labels": Kind.SET, "reporter": Kind.REFERENCE,
                             "estimate": Kind.NUMBER, "completed_at": Kind.INSTANT, "description": Kind.RICH_TEXT}.items())
    )  # fmt: skip
    bases = same_bases(dict.fromkeys(fm.keys))
    odd = [1, -1.5, True, "x" * 100, "\x00", {"a": [1]}, [[1], {"b": None}], ["\ud800"], 2**80, "9999-99-99"]
    for value in odd:
        made = plan_for(fm, bases, dict.fromkeys(fm.keys), fm.read_external(dict.fromkeys(fm.keys, value)))
        assert set(made.held) | set(made.to_local) | set(made.agreed) | set(made.accepted) == set(fm.keys)
