"""Board moves by service and API beside the same SQL by hand, pages of long columns, and replay, on PostgreSQL."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.hub import drop_databases, fresh_database, run_child

DATABASE = "lockstep_bench_boards"


def measure(cards: int, moves: int) -> dict[str, Any]:
    """One size, in a database and a process of its own."""
    try:
        return run_child("measure_boards", cards, moves, database=fresh_database(DATABASE))
    finally:
        drop_databases(DATABASE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--moves", type=int, default=500, help="timed moves of each kind")
    asked = parser.parse_args()
    results = {cards: measure(cards, asked.moves) for cards in asked.cards}
    print(f"{'':24}" + "".join(f"{cards:>22,} cards" for cards in results))
    for name in ("by_hand", "service_alone", "by_service", "by_api", "first_page", "next_page", "board_api"):
        cells = [
            f"{row[name]['per_second']:>9}/s p99 {row[name]['p99_ms']:>8} ms" for row in results.values()
        ]
        print(f"{name:24}" + "".join(f"{cell:>28}" for cell in cells))
    for name in ("service_alone", "by_service", "by_api"):
        ratios = [row["ratios"][name] for row in results.values()]
        print(f"{name + ' : by hand':24}" + "".join(f"{ratio:>28.2f}" for ratio in ratios))
    for cards, row in results.items():
        replay = row["replay"]
        print(
            f"replay at {cards:,} cards: {replay['moves']:,} moves in {replay['full_s']} s "
            f"({replay['moves_per_second']:,}/s); from a snapshot {replay['with_snapshot_s']} s"
        )


if __name__ == "__main__":
    main()
