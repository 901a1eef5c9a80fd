"""Push of 1,000 local edits with 4 workers at 50 ms vendor latency, beside what the latency alone would take.

The ideal is the vendor's waiting time shared by the workers. A push reads the record before it writes (neither side's
news is overwritten unseen), so both ideals are shown: for the writes alone, and for all requests that were made.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from benchmarks.hub import (
    drop_databases,
    environment,
    free_port,
    fresh_database,
    make_integration,
    run_pull,
    set_up_django,
)
from benchmarks.report import heading, line
from benchmarks.vendor import Vendor, vendor

NAME = "lockstep_bench_push"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ |= environment(fresh_database(NAME))
    set_up_django()
    heading(
        f"{options.edits:,} edits, {options.workers} workers (threads), {options.latency_ms} ms per request"
    )
    with vendor(options.edits, free_port()) as server:
        integration = make_integration(server.url)
        run_pull(integration, full=True)
        rounds = [one_round(integration, server, options, number) for number in range(options.rounds)]
    show(rounds, options)
    from django.db import connections

    connections.close_all()
    connections["default"].close_pool()
    drop_databases(NAME)


def one_round(integration: Any, server: Vendor, options: argparse.Namespace, number: int) -> dict[str, Any]:
    from integrations.models import Mapping
    from sync.services import drains, outbox

    def drain(_: int) -> None:
        while drains.integration_drain(integration_id=integration.id)["more"]:
            pass  # a drain ends after a minute and is woken again

    server.control("latency", ms=options.latency_ms)
    server.control("forget")
    start = perf_counter()
    edit_all(integration, f"edited in round {number}")
    while outbox.changes_drain() == outbox.BATCH:
        pass
    noticed = perf_counter() - start
    with ThreadPoolExecutor(options.workers) as pool:
        list(pool.map(drain, range(options.workers)))
    seconds = perf_counter() - start
    server.control("latency", ms=0)
    served = server.control("look")["served"]
    assert served.get("write") == options.edits, served
    assert not Mapping.objects.filter(dirty_at__isnull=False).exists()
    return {"seconds": seconds, "noticed": noticed, "requests": sum(served.values())}


def edit_all(integration: Any, word: str) -> None:
    """A person's edit of every task, through the services."""
    from django.db import transaction
    from django.utils import timezone

    from workspace.models import OriginKind, Task
    from workspace.services import Origin, RecordWrite, records_read, records_write

    ids = list(Task.objects.values_list("id", flat=True))
    with transaction.atomic():
        states = records_read(tenant_id=integration.tenant_id, record_type="task", ids=ids)
        writes = [
            RecordWrite(one, {"title": f"Task {number} {word}"}, states[one])
            for number, one in enumerate(ids)
        ]
        records_write(
            tenant=integration.tenant,
            record_type="task",
            writes=writes,
            origin=Origin(OriginKind.USER),
            now=timezone.now(),
        )


def show(rounds: list[dict[str, Any]], options: argparse.Namespace) -> None:
    share = options.latency_ms / 1000 / options.workers
    writes, requests = options.edits * share, rounds[0]["requests"] * share
    seconds = [one["seconds"] for one in rounds]
    line("edits written and noticed", [one["noticed"] for one in rounds], "s")
    line(
        "all pushed and read back",
        seconds,
        "s",
        f"{rounds[0]['requests'] / options.edits:.1f} requests per edit",
    )
    line("ideal for the writes alone", [writes], "s", f"we reach {writes / min(seconds):.2f} of it")
    line("ideal for all requests made", [requests], "s", f"we reach {requests / min(seconds):.2f} of it")
    line("pushes", [options.edits / one for one in seconds], "/s")


if __name__ == "__main__":
    main()
