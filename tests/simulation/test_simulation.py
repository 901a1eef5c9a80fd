"""Seeded runs of the whole engine against every kind of vendor, with accidents; the oracle judges the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.simulation.runs import Failure, kinds_of, profiles_of, run_seed
from tests.simulation.world import DECLARED

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "300"))
STEPS = int(os.environ.get("SIMULATION_STEPS", "100"))
CHUNK = 10
#: seeds that once failed, and why: they run first, for good
KEPT = [
    int(line.split()[0])
    for line in (Path(__file__).parent / "kept_seeds.txt").read_text().splitlines()
    if line
]


@pytest.mark.django_db
def test_seeds_that_once_failed_stay_green() -> None:
    for seed in KEPT:
        run_seed(seed, profiles_of(seed), steps=STEPS)


@pytest.mark.timeout(600)  # ten runs: seconds each, but minutes on a machine that is busy with something else
@pytest.mark.django_db
@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_random_runs_converge_and_lose_nothing(first: int) -> None:
    for seed in range(first, min(first + CHUNK, SEEDS + 1)):
        try:
            run_seed(seed, kinds_of(seed), steps=STEPS)
        except Failure as failure:
            pytest.fail(str(failure), pytrace=False)


def test_every_connector_s_kind_of_vendor_has_its_seeds() -> None:
    met = {name for seed in range(1, SEEDS + 1) for name in kinds_of(seed)}
    assert met >= set(DECLARED) or 2 * len(DECLARED) > SEEDS


@pytest.mark.django_db
def test_the_same_seed_gives_the_same_trace() -> None:
    assert run_seed(7, profiles_of(7), steps=60).trace == run_seed(7, profiles_of(7), steps=60).trace
