"""The simulation has teeth: every known-bad engine is caught within a bounded number of seeds."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.runs import Failure, profiles_of, run_seed

SEEDS = 60


def first_seed_that_catches(name: str) -> int | None:
    """The first seed on which the mutant breaks an invariant; None if it survives them all."""
    for seed in range(1, SEEDS + 1):
        with MUTANTS[name]():
            try:
                run_seed(seed, profiles_of(seed), steps=80)
            except Failure:
                return seed
    return None


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_known_bad_engine_is_caught(name: str) -> None:
    assert first_seed_that_catches(name) is not None, f"{name} survived {SEEDS} seeds"
