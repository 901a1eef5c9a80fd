"""Child process: the hub's own runs over the stand-in, each timed, with the process's memory. Prints JSON."""

from __future__ import annotations

import argparse
import resource
from time import perf_counter, process_time
from typing import Any

import orjson

from benchmarks.hub import make_integration, run_pull, set_up_django, the_integration
from benchmarks.vendor import Vendor

STEPS = ("import", "reread", "incremental", "changed")


def peak_mb() -> float:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(integration: Any, *, full: bool) -> dict[str, Any]:
    wall, cpu = perf_counter(), process_time()
    outcomes = run_pull(integration, full=full)
    return {"seconds": perf_counter() - wall, "cpu": process_time() - cpu, "outcomes": outcomes}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("steps", nargs="+", choices=STEPS)
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    set_up_django()
    integration = make_integration(options.url) if options.steps[0] == "import" else the_integration()
    idle = peak_mb()
    found: dict[str, Any] = {"idle_mb": idle}
    for step in options.steps:
        if step == "changed":
            Vendor(options.url).control("change", every=100, word="edited")
        found[step] = run_step(integration, step, options.profile)
        found[step]["peak_mb"] = peak_mb()
    print(orjson.dumps(found).decode())


def run_step(integration: Any, step: str, profile: str) -> dict[str, Any]:
    is_full = step in ("import", "reread")
    if not profile:
        return timed(integration, full=is_full)
    import cProfile

    with cProfile.Profile() as profiler:
        found = timed(integration, full=is_full)
    profiler.dump_stats(f"{profile}.{step}")
    return found


if __name__ == "__main__":
    main()
