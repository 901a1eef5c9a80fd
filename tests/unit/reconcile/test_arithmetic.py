"""Records as a whole, retries, loops, digests and differences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.diff import JsonChange, json_diff, set_diff, word_diff
from reconcile.digest import digest
from reconcile.loops import WriteBudget, cycle_period, oscillates
from reconcile.model import DeletePolicy, Direction, RecordAction, SideState
from reconcile.paths import compile_path
from reconcile.records import record_action
from reconcile.retry import JOB, RECORD_PUSH, RetryPolicy, parse_retry_after

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
S, A = SideState, RecordAction


def action(local: SideState, external: SideState, **changes: Any) -> RecordAction:
    defaults: dict[str, Any] = {
        "policy": DeletePolicy.ARCHIVE,
        "direction": Direction.BOTH,
        "create_locally": True,
        "create_externally": True,
    }
    return record_action(local=local, external=external, **{**defaults, **changes})


@pytest.mark.parametrize(
    ("local", "external", "expected"),
    [
        (S.SAME, S.SAME, A.MERGE),
        (S.CHANGED, S.CHANGED, A.MERGE),
        (S.DELETED, S.SAME, A.ARCHIVE_EXTERNAL),
        (S.SAME, S.DELETED, A.DELETE_LOCAL),
        (S.DELETED, S.CHANGED, A.REVIEW),
        (S.CHANGED, S.DELETED, A.REVIEW),
        (S.DELETED, S.DELETED, A.CLOSE),
        (S.DELETED, S.MISSING, A.CLOSE),
        (S.SAME, S.VANISHED, A.CONFIRM),
        (S.DELETED, S.VANISHED, A.CONFIRM),
        (S.SAME, S.UNREACHABLE, A.HOLD),
        (S.VANISHED, S.UNREACHABLE, A.HOLD),
        (S.SAME, S.OUT_OF_SCOPE, A.OUT_OF_SCOPE),
        (S.DELETED, S.OUT_OF_SCOPE, A.OUT_OF_SCOPE),
        (S.MISSING, S.SAME, A.CREATE_LOCAL),
        (S.SAME, S.MISSING, A.CREATE_EXTERNAL),
        (S.MISSING, S.MISSING, A.NOTHING),
    ],
)
def test_the_record_level_table(local: SideState, external: SideState, expected: RecordAction) -> None:
    assert action(local, external) is expected


def test_policies_and_directions_of_deletes_and_creates() -> None:
    assert action(S.DELETED, S.SAME, policy=DeletePolicy.DELETE) is A.DELETE_EXTERNAL
    assert action(S.DELETED, S.SAME, policy=DeletePolicy.IGNORE) is A.UNLINK
    assert action(S.DELETED, S.SAME, policy=DeletePolicy.ASK) is A.REVIEW
    assert action(S.DELETED, S.SAME, direction=Direction.IN) is A.UNLINK
    assert action(S.SAME, S.DELETED, direction=Direction.OUT) is A.UNLINK
    assert action(S.MISSING, S.SAME, create_locally=False) is A.NOTHING
    assert action(S.MISSING, S.SAME, direction=Direction.OUT) is A.NOTHING
    assert action(S.SAME, S.MISSING, create_externally=False) is A.NOTHING


def test_nothing_is_ever_deleted_without_positive_evidence_or_against_an_edit() -> None:
    """I4."""
    deletes = {A.DELETE_LOCAL, A.DELETE_EXTERNAL, A.ARCHIVE_EXTERNAL}
    for local, external, policy, direction in product(S, S, DeletePolicy, Direction):
        found = action(local, external, policy=policy, direction=direction)
        if found in deletes:
            assert {local, external} == {S.DELETED, S.SAME}
            assert (local is S.DELETED) == (found is not A.DELETE_LOCAL)


def test_the_presets_are_those_of_the_requirements() -> None:
    """H3."""
    assert RECORD_PUSH.delays == (1, 2, 4, 8, 16) and RECORD_PUSH.attempts == 6
    assert JOB.delays == (60, 120, 240, 480, 960)
    assert RetryPolicy.exponential(base=1, retries=5).delays == RECORD_PUSH.delays
    assert RetryPolicy.exponential(base=60, retries=6, max_delay=600).delays == (60, 120, 240, 480, 600, 600)


@given(st.integers(1, 5), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1000))
def test_a_delay_is_never_early_and_at_most_a_fifth_late(
    attempt: int, rng: float, retry_after: float | None
) -> None:
    delay = RECORD_PUSH.delay(attempt, rng_value=rng, retry_after=retry_after)
    base = 2.0 ** (attempt - 1)
    assert delay is not None
    assert max(base, retry_after or 0) <= delay <= max(base * 1.2, retry_after or 0)


def test_after_the_last_retry_the_work_is_exhausted() -> None:
    assert RECORD_PUSH.delay(6, rng_value=0) is None
    with pytest.raises(ValueError, match="counts from 1"):
        RECORD_PUSH.delay(0, rng_value=0)
    with pytest.raises(ValueError, match="jitter"):
        RetryPolicy((1,), jitter=0.5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("Tue, 01 Jul 2025 12:00:30 GMT", 30.0),
        ("Tue, 01 Jul 2025 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("99999999999999999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, expected: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == expected


@pytest.mark.parametrize(
    ("history", "period"),
    [
        ("ABABAB", 2),
        ("xABABAB", 2),
        ("ABCABCABC", 3),
        ("ABCDABCDABCD", 4),
        ("ABABA", None),
        ("ABCDEF", None),
        ("AAAAAA", None),
        ("AABBAABBAABB", 2),
        ("", None),
    ],
)
def test_values_that_come_round_again_are_a_cycle(history: str, period: int | None) -> None:
    assert cycle_period(list(history)) == period
    assert oscillates(list(history)) is (period is not None)


def test_only_what_happened_lately_counts_as_a_loop() -> None:
    quick = [NOW + timedelta(minutes=number) for number in range(6)]
    slow = [NOW + timedelta(days=number) for number in range(6)]
    assert oscillates(list("ABABAB"), quick) and not oscillates(list("ABABAB"), slow)


def test_a_write_budget_is_spent_by_writes_and_renewed_by_a_person() -> None:
    budget = WriteBudget(writes=3, per_seconds=60)
    assert not budget.is_spent([1, 2], now=10) and budget.left([1, 2], now=10) == 1
    assert budget.is_spent([1, 2, 3], now=10)
    assert not budget.is_spent([1, 2, 3], now=10, last_human_edit_at=2)
    assert not budget.is_spent([1, 2, 3], now=62)


def test_a_digest_tells_values_not_key_order() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert len(digest({})) == 64
    assert (
        len(
            {
                digest(value)
                for value in ({}, {"a": None}, {"a": ""}, {"a": []}, {"a": "1"}, {"a": 1}, {"a": True})
            }
        )
        == 7
    )
    assert digest({"a": 2**80}) != digest({"a": 2**81})
    assert len(digest({"a": "\ud800"})) == 64


def _sides(ops: list[tuple[str, str]]) -> tuple[str, str]:
    before = "".join(text for op, text in ops if op != "insert")
    after = "".join(text for op, text in ops if op != "delete")
    return before, after


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_word_diff_holds_both_texts_whole(before: str, after: str) -> None:
    ops = word_diff(before, after)
    assert _sides(ops) == (before, after)
    assert all(op != other for (op, _), (other, _) in pairwise(ops))


def test_a_word_diff_changes_whole_words() -> None:
    assert word_diff("Ship it today.", "Ship it tomorrow.") == [
        ("equal", "Ship it "),
        ("delete", "today"),
        ("insert", "tomorrow"),
        ("equal", "."),
    ]
    assert word_diff("", "") == [] and word_diff("a", "a") == [("equal", "a")]


@pytest.mark.timeout(20)
def test_a_long_text_is_compared_by_lines_first() -> None:
    lines = [f"line {number} of the text" for number in range(3_000)]
    before, after = "\n".join(lines), "\n".join([*lines[:1500], "line new of the text", *lines[1501:]])
    ops = word_diff(before, after)
    assert _sides(ops) == (before, after)
    assert [text for op, text in ops if op == "insert"] == ["new"]
    wall = "x " * 20_000
    assert _sides(word_diff(wall, wall + "y")) == (wall, wall + "y")


def test_sets_and_json_differ_member_by_member() -> None:
    assert set_diff(["a", "b"], ["b", "c"]) == (["c"], ["a"], ["b"])
    assert set_diff(None, ["a"]) == (["a"], [], [])
    found = json_diff({"a": {"b.c": 1, "d": [1, 2]}, "x": 1}, {"a": {"b.c": 2, "d": [1]}, "y": None})
    assert found == [
        JsonChange('a."b.c"', "replace", 1, 2),
        JsonChange("a.d[1]", "delete", 2, None),
        JsonChange("x", "delete", 1, None),
        JsonChange("y", "insert", None, None),
    ]
    assert compile_path(found[0].path).steps == ("a", "b.c")
    assert json_diff({"a": 1}, {"a": True}) == [JsonChange("a", "replace", 1, True)]
