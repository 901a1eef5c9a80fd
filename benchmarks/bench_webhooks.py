"""Webhooks answered per second beside a bare Django view; then from webhook to record with real worker processes.

Both receivers run under the Procfile's gunicorn (gthread, 2 processes of 8 threads), one at a time, with the same client
and database. The second part runs web, worker, worker-io and beat as the Procfile does, changes records at the
stand-in at a steady pace, and waits until the record here says so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg

from benchmarks import load
from benchmarks.hub import (
    ROOT,
    cluster_url,
    drop_databases,
    environment,
    free_port,
    fresh_database,
    run_child,
)
from benchmarks.report import heading, line, ratios
from benchmarks.vendor import Vendor, vendor, wait_until

OURS, BARE = "lockstep_bench_hooks", "lockstep_bench_bare"
SECRET = "benchmarks-only"
RECORDS = 1000
CELERY = ["celery", "-A", "config.celery"]
QUIET = ["--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
WORKERS = (
    [*CELERY, "worker", "--pool", "prefork", "--concurrency", "2", "--queues", "sync", *QUIET, "-n", "worker@bench"],
    [*CELERY, "worker", "--pool", "threads", "--concurrency", "16", "--queues", "push,webhooks,maintenance", *QUIET, "-n", "io@bench"],
    [*CELERY, "beat", "--pidfile", "", "--loglevel", "ERROR"],
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--pace", type=float, default=10, help="changes per second at the vendor")
    options = parser.parse_args()
    fresh_database(OURS)
    with psycopg.connect(cluster_url(fresh_database(BARE, empty=True)), autocommit=True) as connection:
        connection.execute("CREATE TABLE bare_delivery (id bigserial PRIMARY KEY, event text, body bytea, received_at timestamptz)")  # fmt: skip
    with vendor(RECORDS, free_port()) as server:
        made = run_child("measure_hooks", server.url, SECRET, database=OURS)
        answered(made["path"], options)
        noticed(server, made["path"], options)
    drop_databases(OURS, BARE)


# ---------------------------------------------------------------- answered per second


def answered(path: str, options: argparse.Namespace) -> None:
    heading(f"Webhooks answered, 16 connections, {options.rounds} rounds of {options.seconds:g} s")
    found: dict[str, list[dict[str, Any]]] = {"bare": [], "ours": []}
    for _ in range(options.rounds):
        for name, application, database, where in (
            ("bare", "benchmarks.bare:application", BARE, "/receive"),
            ("ours", "config.wsgi:application", OURS, path),
        ):
            with web(application, database) as address:
                args = (f"{address}{where}", SECRET)
                run_child("load", *args, "--seconds", 1, database=database)  # warm
                found[name].append(run_child("load", *args, "--seconds", options.seconds, database=database))
    rates = {name: [one["rate"] for one in each] for name, each in found.items()}
    line("bare Django view", rates["bare"], "/s")
    line("ours", rates["ours"], "/s", f"beside the bare view {ratios(rates['ours'], rates['bare'])}")
    for name in ("bare", "ours"):
        line(f"answer time p95, {name}", [one["p95"] * 1000 for one in found[name]], "ms")


@contextmanager
def web(application: str, database: str) -> Iterator[str]:
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", application, "--worker-class", "gthread", "--workers", "2", "--threads", "8",
        "--bind", f"127.0.0.1:{port}", "--timeout", "60", "--access-logfile", os.devnull, "--log-level", "error",
    ]  # fmt: skip
    with running(command, database):
        wait_until(
            lambda: _answers(f"http://127.0.0.1:{port}/healthz"), seconds=60, what="the web server's start"
        )
        yield f"http://127.0.0.1:{port}"


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=5).close()
    except URLError as error:
        return hasattr(error, "code")
    except OSError:
        return False
    return True


@contextmanager
def running(command: list[str], database: str) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment(database), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---------------------------------------------------------------- from webhook to record


def noticed(server: Vendor, path: str, options: argparse.Namespace) -> None:
    worker, io, beat = ([sys.executable, "-m", *command] for command in WORKERS)
    with (
        web("config.wsgi:application", OURS) as address,
        running(worker, OURS),
        running(io, OURS),
        running(beat, OURS),
        psycopg.connect(cluster_url(OURS), autocommit=True) as connection,
    ):
        connection.execute("DELETE FROM integrations_webhookdelivery")
        one_by_one(server, f"{address}{path}", connection, 1, 1.0, "warm")
        took = one_by_one(server, f"{address}{path}", connection, options.events, options.pace, "seen")
    took.sort()
    heading(f"From webhook to record, {options.events} changes at {options.pace:g}/s, real processes")
    line("p50", [took[len(took) // 2] * 1000], "ms")
    line("p95", [took[int(len(took) * 0.95)] * 1000], "ms")
    line("slowest", [took[-1] * 1000], "ms")


def one_by_one(
    server: Vendor, address: str, connection: Any, events: int, pace: float, word: str
) -> list[float]:
    """Seconds from sending each webhook to its change being readable here."""
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    start = time.perf_counter()
    end = start + events / pace + 90
    while len(seen) < events:
        now = time.perf_counter()
        if now > end:
            raise TimeoutError(f"only {len(seen)} of {events} changes arrived")
        if len(sent) < events and now >= start + len(sent) / pace:
            number = len(sent) + 1
            title = f"{word}-{number}"
            server.control("edit", id=number, title=title)
            sent[title] = time.perf_counter()
            asyncio.run(_send(address, number))
        waiting = [title for title in sent if title not in seen]
        rows = connection.execute(
            "SELECT title FROM workspace_task WHERE title = ANY(%s)", [waiting]
        ).fetchall()
        now = time.perf_counter()
        seen |= {title: now for (title,) in rows}
        time.sleep(0.005)
    return [seen[title] - moment for title, moment in sent.items()]


async def _send(address: str, number: int) -> None:
    host, port = address.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    status = await load.speak(reader, writer, load.request(address, SECRET, load.event(number, number)))
    assert status == 200, status
    writer.close()


if __name__ == "__main__":
    main()
