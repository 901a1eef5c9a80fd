"""The exhaustive table: every cell has one documented outcome and keeps the invariants (ENGINE.md 4.3)."""

from __future__ import annotations

from pathlib import Path

from reconcile.decision_table import (
    ABSENT,
    FIELD,
    MEANING,
    Capability,
    Cell,
    Outcome,
    Situation,
    after,
    cells,
    markdown,
    outcome_of,
    plan_of,
    situation_of,
    table,
)

ALL = list(cells())
PAGE = Path(__file__).parents[3] / "docs" / "reconcile" / "decision-table.md"


def test_the_table_is_the_whole_small_world() -> None:
    assert len(ALL) == len(set(ALL)) == 4**4 * 8 * 4 * 2


def test_every_cell_has_a_documented_outcome_and_every_situation_exactly_one() -> None:
    assert set(MEANING) == set(Outcome)
    assert set(table().values()) == set(Outcome)
    assert {situation for situation, _, _ in table()} == set(Situation)


def test_the_documentation_is_what_the_code_does() -> None:
    assert PAGE.read_text() == markdown(), (
        "run: python -m reconcile.decision_table > docs/reconcile/decision-table.md"
    )


def test_every_side_ends_with_its_own_value_or_the_planned_one_and_never_a_blank() -> None:
    """I2: no mixture, no blank that nobody entered."""
    for cell in ALL:
        made = plan_of(cell)
        known = {cell.local, cell.external, cell.base_local, cell.base_external} - {ABSENT}
        assert set(made.to_local.values()) | set(made.to_external.values()) <= known


def test_without_a_change_nothing_is_written() -> None:
    """I10."""
    for cell in ALL:
        if cell.local in (ABSENT, cell.base_local) and cell.external in (ABSENT, cell.base_external):
            made = plan_of(cell)
            assert not made.to_local and not made.to_external and not made.conflicts, cell


def test_a_write_names_only_what_differs_there() -> None:
    """I11."""
    for cell in ALL:
        made = plan_of(cell)
        assert made.to_local.get(FIELD, ABSENT) in (ABSENT, *({"a", "b", "c"} - {cell.local}))
        assert made.to_external.get(FIELD, ABSENT) in (ABSENT, *({"a", "b", "c"} - {cell.external}))


def test_planning_again_after_applying_finds_nothing_to_do() -> None:
    """I17, I21: idempotent."""
    for cell in ALL:
        made = plan_of(cell)
        then = after(cell, made)
        if then == cell:
            continue
        again = plan_of(then)
        assert again.is_noop and not again.held and not again.drift, (cell, made, then, again)


def test_nothing_is_written_where_it_may_not_be() -> None:
    for cell in ALL:
        made = plan_of(cell)
        if cell.capability in (Capability.READ_ONLY, Capability.ONLY_IN):
            assert not made.to_external
        if cell.capability is Capability.ONLY_OUT:
            assert not made.to_local


def test_without_an_agreed_state_only_an_explicit_choice_overwrites() -> None:
    """I3: losing the bases leads to adopt-if-equal, review-if-different."""
    for cell in ALL:
        if situation_of(cell) in (Situation.FIRST_EQUAL, Situation.FIRST_DIFFERENT, Situation.NOT_SAID):
            made = plan_of(cell)
            if made.to_local or made.to_external:
                assert made.decisions and situation_of(cell) is Situation.FIRST_DIFFERENT


def test_every_decision_keeps_the_loser_readable() -> None:
    """F3: base, local and external are all in the journal."""
    for cell in ALL:
        for decision in plan_of(cell).decisions:
            conflict = decision.conflict
            assert (conflict.local, conflict.external) == (cell.local, cell.external)
            assert decision.because


def test_a_cell_reads_as_its_situation() -> None:
    from reconcile.decision_table import Deciding
    from reconcile.model import Provenance

    cell = Cell("a", "a", "b", "c", Deciding.TOO_CLOSE, Capability.BOTH, Provenance.EQUAL)
    assert situation_of(cell) is Situation.BOTH_CHANGED
    assert outcome_of(cell) is Outcome.REVIEW
