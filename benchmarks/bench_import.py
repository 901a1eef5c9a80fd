"""Import, full re-read and incremental runs over a loopback stand-in, beside dlt's rest_api source with merge.

Both read the same pages of 500 from the same server and write to the same PostgreSQL, turn by turn. We write what
two-way needs (record, mapping with both bases, history), dlt one table. ``--count 100000`` for the larger set.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.hub import drop_databases, free_port, fresh_database, run_child
from benchmarks.report import heading, line, ratios
from benchmarks.vendor import vendor

OURS, PEER = "lockstep_bench_ours", "lockstep_bench_peer"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-format", default="insert_values", choices=("insert_values", "csv"))
    options = parser.parse_args()
    heading(f"Import of {options.count:,} records, {options.rounds} rounds")
    rounds = [one_round(options.count, options.peer_format) for _ in range(options.rounds)]
    show(rounds, options.count)
    drop_databases(OURS, PEER)


def one_round(count: int, peer_format: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with vendor(count, free_port()) as server:
        peer = run_child(
            "measure_dlt", server.url, "--format", peer_format, "--runs", 2, database=fresh_database(PEER, empty=True)
        )  # fmt: skip
        steps = ("import", "reread", "incremental", "changed")
        ours = run_child("measure_pull", server.url, *steps, database=fresh_database(OURS))
    assert ours["import"]["outcomes"]["applied"] >= count, ours
    assert ours["reread"]["outcomes"]["noop"] >= count, ours
    assert ours["changed"]["outcomes"]["applied"] == -(-count // 100), ours
    assert peer["rows"] == count, peer
    return ours, peer


def show(rounds: list[tuple[dict[str, Any], dict[str, Any]]], count: int) -> None:
    def rates(step: str) -> list[float]:
        return [count / ours[step]["seconds"] for ours, _ in rounds]

    first = [count / peer["seconds"][0] for _, peer in rounds]
    again = [count / peer["seconds"][1] for _, peer in rounds]
    line("dlt, first load", first, "rec/s")
    line("dlt, the same load again", again, "rec/s")
    line("import", rates("import"), "rec/s", f"beside dlt {ratios(rates('import'), first)}")
    note = f"beside dlt's {ratios(rates('reread'), again)}, beside import {ratios(rates('reread'), rates('import'))}"
    line("full re-read, nothing changed", rates("reread"), "rec/s", note)
    for step, name in (
        ("incremental", "incremental, nothing changed"),
        ("changed", "incremental, 1 % changed"),
    ):
        line(name, [ours[step]["seconds"] * 1000 for ours, _ in rounds], "ms")
    for step in ("import", "reread"):
        line(f"CPU of {step}, our process", [ours[step]["cpu"] / count * 1e6 for ours, _ in rounds], "µs/rec")
    line("CPU of dlt's first load", [peer["cpu"][0] / count * 1e6 for _, peer in rounds], "µs/rec")
    line("peak memory", [ours["changed"]["peak_mb"] for ours, _ in rounds], "MB")
    line("peak memory of dlt", [peer["peak_mb"] for _, peer in rounds], "MB")


if __name__ == "__main__":
    main()
