"""Plans per second for pairs of 13 fields, beside a bare dict merge over the same pairs in the same run.

The mix: 70 % unchanged, 20 % one field changed, 8 % different fields on both sides, 2 % the same field on both sides.
Run: ``python -m benchmarks.bench_plan`` (one core; the ratio is what compares across machines).
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reconcile.fieldmap import CompiledMap, compile_field_map, parse_field_map
from reconcile.kinds import Kind
from reconcile.model import Bases, Clocks, Policy
from reconcile.planner import plan
from reconcile.transforms import NoContext

PAIRS = 2_000
SECONDS = 2.0
NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
Pair = tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]

KINDS = {
    "title": Kind.TEXT,
    "description": Kind.RICH_TEXT,
    "stage": Kind.ENUM,
    "priority": Kind.ENUM,
    "assignees": Kind.SET,
    "reporter": Kind.TEXT,
    "start_on": Kind.DATE,
    "due_on": Kind.DATE,
    "completed_at": Kind.INSTANT,
    "estimate": Kind.NUMBER,
    "labels": Kind.SET,
    "url": Kind.TEXT,
    "is_blocked": Kind.BOOLEAN,
}
STAGES = {"open": "todo", "doing": "in_progress", "closed": "done"}
LINKS: list[dict[str, Any]] = [
    {"local": "title", "external": "title", "required": True},
    {"local": "description", "external": "description"},
    {"local": "stage", "external": "state", "transform": {"name": "enum", "map": STAGES}},
    {"local": "priority", "external": "priority"},
    {"local": "assignees", "external": "assignees"},
    {"local": "reporter", "external": "reporter"},
    {"local": "start_on", "external": "start", "group": "dates"},
    {"local": "due_on", "external": "due", "group": "dates"},
    {"local": "completed_at", "external": "closed_at"},
    {"local": "estimate", "external": "estimate"},
    {"local": "labels", "external": "labels"},
    {"local": "url", "external": "html_url"},
    {"local": "is_blocked", "external": "blocked"},
]


def make_pair(number: int) -> Pair:
    """base local, base external, local, external."""
    local: dict[str, Any] = {
        "title": f"Task {number}",
        "description": f"What to do about **{number}**.\n\n- one\n- two",
        "stage": "todo",
        "priority": "high",
        "assignees": ["ada", "grace"],
        "reporter": "linus",
        "start_on": "2025-07-01",
        "due_on": "2025-07-15",
        "completed_at": None,
        "estimate": "12.5",
        "labels": ["backend", "urgent"],
        "url": f"https://example.com/{number}",
        "is_blocked": False,
    }
    external = {**local, "stage": "open", "estimate": 12.5}
    here, there = dict(local), dict(external)
    kind = number % 50
    if 35 <= kind < 40:
        here["title"] += " (edited)"
    elif 40 <= kind < 45:
        there["stage"] = "doing"
    elif 45 <= kind < 49:
        here["title"] += " (edited)"
        there["due_on"] = "2025-07-20"
    elif kind == 49:
        here["title"] += " (here)"
        there["title"] += " (there)"
    # As from a database and an API: equal values, but not the same objects.
    return tuple(orjson.loads(orjson.dumps(side)) for side in (local, external, here, there))


def run_plans(pairs: list[Pair], field_map: CompiledMap) -> None:
    policy, ctx = Policy(), NoContext()
    clocks = Clocks(local=NOW, external=NOW - timedelta(seconds=30))
    for base_local, base_external, local, external in pairs:
        plan(
            field_map=field_map,
            bases=Bases(base_local, base_external),
            local=local,
            external=external,
            policy=policy,
            ctx=ctx,
            clocks=clocks,
        )


def run_bare(pairs: list[Pair], keys: tuple[str, ...]) -> None:
    """What a three-way merge costs at the least: compare and sort into four dicts, one shared base."""
    for base, _, local, external in pairs:
        agreed: dict[str, Any] = {}
        to_external: dict[str, Any] = {}
        to_local: dict[str, Any] = {}
        conflicts: dict[str, Any] = {}
        for key in keys:
            was, here, there = base.get(key), local.get(key), external.get(key)
            if here == there:
                agreed[key] = here
            elif there == was:
                to_external[key] = here
            elif here == was:
                to_local[key] = there
            else:
                conflicts[key] = (was, here, there)


def rate(work: Any, *args: Any) -> float:
    """Pairs per second, the best of the rounds that fit into SECONDS."""
    best, end = 0.0, perf_counter() + SECONDS
    while perf_counter() < end:
        start = perf_counter()
        work(*args)
        best = max(best, PAIRS / (perf_counter() - start))
    return best


def main() -> None:
    field_map = compile_field_map(parse_field_map(LINKS, record_kinds=KINDS))
    pairs = [make_pair(number) for number in range(PAIRS)]
    quiet = [make_pair(50 * number) for number in range(PAIRS)]
    bare = rate(run_bare, pairs, field_map.keys)
    plans = rate(run_plans, pairs, field_map)
    unchanged = rate(run_plans, quiet, field_map)
    print(f"bare dict merge      {bare:>12,.0f} pairs/s")
    print(f"plans, mixed         {plans:>12,.0f} pairs/s   ratio {plans / bare:.2f}")
    print(f"plans, nothing new   {unchanged:>12,.0f} pairs/s   ratio {unchanged / bare:.2f}")


if __name__ == "__main__":
    main()
