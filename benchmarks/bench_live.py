"""Live clients on one board: from a move's commit to the last of them having it, over real sockets."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.hub import ROOT, drop_databases, environment, free_port, fresh_database, run_child

DATABASE = "lockstep_bench_live"


@contextlib.contextmanager
def live(database: str) -> Iterator[str]:
    """The Procfile's live process; its address without the scheme."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(port),
               "--log-level", "error", "--ws-max-size", "65536"]  # fmt: skip
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment(database), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with (
                contextlib.suppress(URLError, ConnectionError),
                urlopen(f"http://127.0.0.1:{port}/healthz"),
            ):
                break
            assert server.poll() is None, "the live process has ended"
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--pace", type=float, default=10, help="moves per second")
    asked = parser.parse_args()
    try:
        for clients in asked.clients:
            database = fresh_database(DATABASE)
            with live(database) as address:
                found = run_child(
                    "measure_live", address, clients, asked.moves, asked.pace, database=database
                )
            print(
                f"{clients:>4} clients, {found['moves']} moves at {asked.pace:g}/s: commit to the last client "
                f"p50 {found['p50_ms']} ms, p95 {found['p95_ms']} ms, slowest {found['max_ms']} ms; "
                f"{found['missed']} missed, {found['out_of_order']} out of order"
            )
    finally:
        drop_databases(DATABASE)


if __name__ == "__main__":
    main()
