"""Laws of planning, over random pairs (I10, I11, I17, I21)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.kinds import is_blank
from reconcile.model import Bases, Clocks, FieldRule, Plan, Policy, Provenance, Rule, Strategy
from tests.unit.reconcile.worlds import Book, applied, compiled, plan_for

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
PEOPLE = {"1": "ada", "2": "bob", "3": "eve"}
BOOK = Book({("user", external): local for external, local in PEOPLE.items()})
MAP = compiled(
    {"local": "title", "external": "title"},
    {"local": "description", "external": "body", "transform": {"name": "rich_text", "format": "html"}},
    {"local": "stage", "external": "lane", "transform": {"name": "enum", "map": {"new": "todo", "ready": "todo", "closed": "done"}, "back": {"todo": "ready"}}},
    {"local": "assignees", "external": "people", "transform": {"name": "lookup_set", "resource": "user"}},
    {"local": "reporter", "external": "by", "transform": {"name": "lookup", "resource": "user"}},
    {"local": "start_on", "external": "start", "group": "dates"},
    {"local": "due_on", "external": "due", "group": "dates", "transform": {"name": "date", "as": "instant", "zone": "Asia/Tokyo"}},
    {"local": "estimate", "external": "minutes", "transform": {"name": "duration", "unit": "minutes"}},
    {"local": "labels", "external": "labels"},
    {"local": "is_blocked", "external": "blocked"},
)  # fmt: skip

WORDS = st.sampled_from([None, "a", "b", "c"])
DAYS = st.sampled_from([None, "2025-07-01", "2025-07-02", "2025-12-31"])
SETS = st.sets(st.sampled_from("xyz")).map(sorted)
LOCAL: dict[str, st.SearchStrategy[Any]] = {
    "title": WORDS,
    "description": WORDS,
    "stage": st.sampled_from(["todo", "done", "in_progress"]),
    "assignees": st.sets(st.sampled_from([*PEOPLE.values(), "stranger"])).map(sorted),
    "reporter": st.sampled_from([None, *PEOPLE.values(), "stranger"]),
    "start_on": DAYS,
    "due_on": DAYS,
    "estimate": st.sampled_from([None, "60", "90", "3600"]),
    "labels": SETS,
    "is_blocked": st.booleans(),
}
EXTERNAL: dict[str, st.SearchStrategy[Any]] = {
    "title": WORDS | st.just(""),
    "body": WORDS | st.sampled_from(["<p>a</p>", "<p>b</p>", "<ul><li>c</li></ul>"]),
    "lane": st.sampled_from(["new", "ready", "closed", "unheard of"]),
    "people": st.sets(st.sampled_from([*PEOPLE, "99"])).map(sorted),
    "by": st.sampled_from([None, *PEOPLE, "99"]),
    "start": DAYS,
    "due": st.sampled_from(
        [None, "2025-07-01T03:00:00Z", "2025-07-01T09:00:00Z", "2025-07-02T03:00:00Z", "never"]
    ),
    "minutes": st.sampled_from([None, 1, 1.5, 60, "x"]),
    "labels": SETS,
    "blocked": st.booleans(),
}
locals_ = st.fixed_dictionaries({}, optional=LOCAL)
externals = st.fixed_dictionaries({}, optional=EXTERNAL).map(MAP.read_external)
bases_ = st.none() | st.builds(
    Bases,
    st.fixed_dictionaries(LOCAL),
    st.fixed_dictionaries(EXTERNAL).map(MAP.read_external),
    st.dictionaries(st.sampled_from(MAP.keys), st.sampled_from([p.value for p in Provenance])),
)
rules = st.dictionaries(st.sampled_from(MAP.keys), st.sampled_from(list(FieldRule)).map(Rule), max_size=3)
policies = st.builds(
    Policy,
    strategy=st.sampled_from(list(Strategy)),
    fallback=st.sampled_from(list(Strategy)),
    rules=rules,
    fill_blanks=st.booleans(),
    writable_external=st.none() | st.frozensets(st.sampled_from(MAP.keys)),
)
clocks_ = st.builds(
    Clocks,
    local=st.none() | st.integers(-90, 90).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    external=st.none() | st.just(NOON),
)


def _plan(bases: Bases | None, local: Any, external: Any, policy: Policy, clocks: Clocks) -> Plan:
    return plan_for(MAP, bases, local, external, policy=policy, clocks=clocks, ctx=BOOK)


@settings(max_examples=400)
@given(bases_, locals_, externals, policies, clocks_)
def test_planning_again_after_applying_writes_nothing(
    bases: Bases | None, local: Any, external: Any, policy: Policy, clocks: Clocks
) -> None:
    made = _plan(bases, local, external, policy, clocks)
    then_bases, here, there = applied(made, MAP, bases, local, external)
    waiting = {f.key: (f.local, f.external_raw) for group in made.conflicts for f in group.fields}
    again = plan_for(
        MAP,
        then_bases,
        here,
        there,
        policy=policy,
        clocks=clocks,
        ctx=BOOK,
        open_conflicts=waiting,
        check_drift=True,
    )
    assert again.is_noop, again
    assert not set(again.drift) & {*made.to_local, *made.to_external, *made.agreed, *made.accepted}


@settings(max_examples=300)
@given(bases_, locals_, externals, policies, clocks_)
def test_a_write_changes_something_and_each_key_has_one_fate(
    bases: Bases | None, local: Any, external: Any, policy: Policy, clocks: Clocks
) -> None:
    made = _plan(bases, local, external, policy, clocks)
    for key, value in made.to_local.items():
        assert local.get(key) != value or key not in local
    for key, value in made.to_external.items():
        assert external.get(key) != MAP.bound[key].normalise(value) or key not in external
        assert policy.writable_external is None or key in policy.writable_external
    conflicting = {field.key for group in made.conflicts for field in group.fields}
    flowing = {*made.to_local, *made.to_external, *made.agreed, *made.accepted}
    assert not conflicting & flowing
    assert not set(made.held) & flowing
    assert not set(made.held) & conflicting
    assert not set(made.agreed) & set(made.accepted)
    assert not set(made.to_external) & {*made.agreed, *made.accepted}


@given(bases_, locals_, externals, policies, clocks_)
def test_planning_is_deterministic(
    bases: Bases | None, local: Any, external: Any, policy: Policy, clocks: Clocks
) -> None:
    assert _plan(bases, local, external, policy, clocks) == _plan(bases, local, external, policy, clocks)


@given(
    st.fixed_dictionaries(LOCAL), st.fixed_dictionaries(EXTERNAL).map(MAP.read_external), policies, clocks_
)
def test_without_a_change_nothing_at_all_happens(
    local: Any, external: Any, policy: Policy, clocks: Clocks
) -> None:
    made = _plan(Bases(local, external), dict(local), dict(external), policy, clocks)
    assert made.is_noop and not made.held


@given(st.data(), st.fixed_dictionaries(LOCAL), policies, clocks_)
def test_edits_of_different_fields_never_conflict(
    data: st.DataObject, local: Any, policy: Policy, clocks: Clocks
) -> None:
    keys = [key for key in MAP.keys if key not in MAP.groups]
    ours = set(data.draw(st.lists(st.sampled_from(keys), unique=True)))
    here = {**local, **{key: data.draw(LOCAL[key]) for key in ours}}
    external = MAP.read_external(data.draw(st.fixed_dictionaries(EXTERNAL)))
    other = MAP.read_external(data.draw(st.fixed_dictionaries(EXTERNAL)))
    there = {key: external[key] if key in ours or key in MAP.groups else other[key] for key in external}
    made = _plan(Bases(local, external), here, there, policy, clocks)
    assert not made.conflicts and not made.decisions
    assert set(made.to_external) <= ours and not set(made.to_local) & (ours - {"assignees", "labels"})


@given(SETS, SETS, SETS)
def test_set_merges_do_not_depend_on_the_side(base: list[str], left: list[str], right: list[str]) -> None:
    fm = compiled({"local": "labels", "external": "labels"})
    bases = Bases({"labels": base}, {"labels": base})

    def merged(here: list[str], there: list[str]) -> tuple[list[str], list[str]]:
        _, local, external = applied(
            plan_for(fm, bases, {"labels": here}, {"labels": there}),
            fm,
            bases,
            {"labels": here},
            {"labels": there},
        )
        return local["labels"], external["labels"]

    one, other = merged(left, right), merged(right, left)
    assert one[0] == one[1] == other[0] == other[1]
    assert set(one[0]) == {m for m in "xyz" if ((m in left) + (m in right) - (m in base)) >= 1}


times_ = st.integers(-90, 90).map(lambda seconds: NOON + timedelta(seconds=seconds))


@settings(max_examples=300)
@given(
    bases_, locals_, externals, policies, st.dictionaries(st.sampled_from(MAP.keys), times_),
    st.sampled_from(MAP.keys), times_,
)  # fmt: skip
def test_when_a_field_was_edited_here_decides_for_no_other(
    bases: Bases | None, local: Any, external: Any, policy: Policy, edited: Any, key: str, at: datetime
) -> None:
    before, after = (
        _plan(bases, local, external, policy, Clocks(external=NOON, local_fields=times))
        for times in (edited, {**edited, key: at})
    )
    together = {
        other for other in MAP.keys if other in MAP.groups and MAP.groups[other] == MAP.groups.get(key)
    }
    for other in set(MAP.keys) - {key} - together:
        assert _fate(before, other) == _fate(after, other)


def _fate(made: Plan, key: str) -> tuple[Any, ...]:
    return (
        made.to_local.get(key),
        made.to_external.get(key),
        [decision for decision in made.decisions if decision.conflict.key == key],
        [field for group in made.conflicts for field in group.fields if field.key == key],
        key in made.agreed,
        key in made.accepted,
        key in made.held,
    )


@given(locals_, externals, policies, clocks_)
def test_without_bases_no_value_is_overwritten_unless_someone_chose_a_side(
    local: Any, external: Any, policy: Policy, clocks: Clocks
) -> None:
    """I3."""
    made = _plan(None, local, external, policy, clocks)
    decided = {decision.conflict.key for decision in made.decisions}
    for key in made.to_local:
        assert is_blank(local.get(key)) or key in decided
    for key in made.to_external:
        assert is_blank(MAP.inward(key, external[key], BOOK)) or key in decided
    chosen = policy.strategy in (Strategy.EXTERNAL_WINS, Strategy.LOCAL_WINS)
    assert not decided or chosen or decided & set(policy.rules)


@given(locals_, externals, bases_)
def test_external_wins_and_local_wins_leave_nothing_to_review(
    local: Any, external: Any, bases: Bases | None
) -> None:
    for strategy in (Strategy.EXTERNAL_WINS, Strategy.LOCAL_WINS):
        made = _plan(bases, local, external, Policy(strategy=strategy), Clocks())
        assert not made.conflicts
        assert {decision.winner for decision in made.decisions} <= {strategy.value.split("_")[0]}
