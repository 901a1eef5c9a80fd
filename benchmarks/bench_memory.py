"""Peak memory of the importing process at 10,000 and 100,000 records, with --full at 1,000,000 (takes minutes)."""

from __future__ import annotations

import argparse

from benchmarks.hub import drop_databases, free_port, fresh_database, run_child
from benchmarks.report import machine
from benchmarks.vendor import vendor

NAME = "lockstep_bench_memory"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    print(f"Peak memory (RSS) of the importing process\n{machine()}")
    for count in (10_000, 100_000, *((1_000_000,) if options.full else ())):
        with vendor(count, free_port()) as server:
            found = run_child("measure_pull", server.url, "import", "reread", database=fresh_database(NAME))
        run, again = found["import"], found["reread"]
        print(
            f"{count:>10,} records: idle {found['idle_mb']:.0f} MB, after import {run['peak_mb']:.0f} MB, "
            f"after re-read {again['peak_mb']:.0f} MB; {count / run['seconds']:,.0f} and "
            f"{count / again['seconds']:,.0f} records/s",
            flush=True,
        )
    drop_databases(NAME)


if __name__ == "__main__":
    main()
