"""Child process: dlt's rest_api source with merge into PostgreSQL, over the same stand-in. Prints JSON.

dlt at its defaults, but for what helps it: nested lists stay JSON columns instead of tables of their own, telemetry
is off, and ``--format csv`` loads by COPY instead of INSERT.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlsplit

os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}

import dlt
import orjson
from dlt.sources.rest_api import rest_api_source


def source(url: str) -> Any:
    return rest_api_source(
        {
            "client": {"base_url": f"{url}/api/"},
            "resource_defaults": {
                "primary_key": "id",
                "write_disposition": "merge",
                "max_table_nesting": 0,
                "endpoint": {"data_selector": "data"},
            },
            "resources": [
                {
                    "name": name,
                    "endpoint": {
                        "path": name,
                        "params": {"per_page": 500},
                        "paginator": {"type": "page_number", "base_page": 1, "total_path": "meta.pages"},
                    },
                }
                for name in ("people", "tasks")
            ],
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--format", default="insert_values", choices=("insert_values", "csv"))
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    found = urlsplit(os.environ["DATABASE_URL"])
    os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = (  # it wants a password even where none is asked for
        f"postgresql://{found.username}:{found.password or 'none'}@{found.hostname}:{found.port or 5432}{found.path}"
    )
    seconds: list[float] = []
    cpu: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination="postgres", dataset_name="peer")
        for _ in range(options.runs):
            wall, used = perf_counter(), process_time()
            pipeline.run(source(options.url), loader_file_format=options.format).raise_on_failed_jobs()
            seconds.append(perf_counter() - wall)
            cpu.append(process_time() - used)
        with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM tasks") as rows:
            count = rows.fetchone()[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(orjson.dumps({"seconds": seconds, "cpu": cpu, "rows": count, "peak_mb": peak}).decode())


if __name__ == "__main__":
    main()
