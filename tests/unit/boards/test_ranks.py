from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.core.ranks import MAX_LENGTH, NoRoom, between, in_order, is_rank, spread


@given(st.integers(0, 2**32), st.lists(st.integers(0, 10**6), max_size=120))
def test_a_rank_for_any_gap_lies_within_it_and_ranks_stay_short(seed: int, places: list[int]) -> None:
    rng = random.Random(seed)
    ranks: list[str] = []
    for place in places:
        at = place % (len(ranks) + 1)
        low, high = ranks[at - 1] if at else None, ranks[at] if at < len(ranks) else None
        ranks.insert(at, between(low, high, rng))
    assert in_order(ranks)
    assert all(is_rank(rank) for rank in ranks)
    assert max(map(len, ranks), default=0) <= 60


@pytest.mark.parametrize("at", ["first", "second", "last", "before last"])
def test_dropping_always_at_the_same_spot_takes_thousands_of_cards(at: str) -> None:
    rng = random.Random(7)
    ranks = spread(None, None, 2, rng)
    for _ in range(2000):
        index = {"first": 0, "second": 1, "last": len(ranks), "before last": len(ranks) - 1}[at]
        low, high = ranks[index - 1] if index else None, ranks[index] if index < len(ranks) else None
        ranks.insert(index, between(low, high, rng))
    assert in_order(ranks)
    assert max(map(len, ranks)) <= 100


def test_ten_thousand_appended_cards_have_ranks_of_eight_digits() -> None:
    ranks = spread(None, None, 10_000, random.Random(1))
    assert in_order(ranks)
    assert max(map(len, ranks)) == 8


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_spreading_into_a_gap_keeps_the_order(seed: int, count: int) -> None:
    rng = random.Random(seed)
    low, high = spread(None, None, 2, rng)
    ranks = [low, *spread(low, high, count, rng), high]
    assert len(ranks) == count + 2
    assert in_order(ranks)


def test_two_who_drop_into_the_same_gap_get_different_ranks() -> None:
    low, high = spread(None, None, 2, random.Random(1))
    assert len({between(low, high, random.Random(seed)) for seed in range(200)}) == 200


@pytest.mark.parametrize(
    ("low", "high"), [("b", "b"), ("c", "b"), ("65535.5", None), (None, "B"), ("a0", "b")]
)
def test_what_is_no_gap_is_refused(low: str | None, high: str | None) -> None:
    with pytest.raises(NoRoom):
        between(low, high, random.Random(1))


def _always_into_the_smaller_half() -> Iterator[int]:
    """Steps taken so far, while there is room."""
    rng, low, high = random.Random(1), "a", "b"
    for step in range(2000):
        middle = between(low, high, rng)
        assert len(middle) <= MAX_LENGTH
        lower = int(middle.ljust(300, "0"), 36) - int(low.ljust(300, "0"), 36)
        upper = int(high.ljust(300, "0"), 36) - int(middle.ljust(300, "0"), 36)
        low, high = (low, middle) if lower < upper else (middle, high)
        yield step


def test_a_gap_can_be_used_up_by_somebody_who_tries() -> None:
    steps: list[int] = []
    with pytest.raises(NoRoom, match="used up"):
        steps.extend(_always_into_the_smaller_half())
    assert len(steps) > 250
