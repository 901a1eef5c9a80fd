"""The hub under measurement: databases, environment, and one integration through the Generic REST connector."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import psycopg

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "lockstep_bench_template"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def cluster_url(name: str = "postgres") -> str:
    """An address in the cluster that both sides of every comparison share."""
    url = os.environ.get("TEST_DATABASE_URL") or sys.exit(
        "bin/bench starts PostgreSQL and sets TEST_DATABASE_URL."
    )
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def environment(database: str) -> dict[str, str]:
    """The environment of every process of the hub: production's way of running, on loopback."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": cluster_url(database),
        "REDIS_URL": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        "SECRET_KEY": "benchmarks-only-" + "k" * 50,
        "FERNET_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLTEyMzQ=",
        "LOCKSTEP_HTTPS": "false",
        "LOCKSTEP_ALLOW_HTTP": "true",
        "LOCKSTEP_ALLOW_PRIVATE_NETWORK": "true",
        "WEBHOOK_BASE_URL": "http://127.0.0.1:8000",
        "LOG_LEVEL": "CRITICAL",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
    }


@cache
def template() -> str:
    """A database with the hub's tables as they are now, to be copied."""
    with psycopg.connect(cluster_url(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
        if not known:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment(TEMPLATE), check=True, stderr=subprocess.DEVNULL)
    return TEMPLATE


def fresh_database(name: str, *, empty: bool = False) -> str:
    """A new database of that name; unless ``empty``, with the hub's tables in it. Gives its name."""
    source = "template1" if empty else template()
    with psycopg.connect(cluster_url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        connection.execute("CHECKPOINT")
    return name


def drop_databases(*names: str) -> None:
    with psycopg.connect(cluster_url(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run_child(module: str, *args: object, database: str) -> dict[str, Any]:
    """Run ``python -m benchmarks.<module>`` in a process of its own; its last line is its result."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, env=environment(database), stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = orjson.loads(done.stdout.strip().splitlines()[-1])
    return found


# ---------------------------------------------------------------- inside a process of the hub

LISTING: dict[str, Any] = {
    "records_path": "data",
    "pagination": {"kind": "page", "page_param": "page", "size_param": "per_page", "size": 500, "total_pages_path": "meta.pages"},
    "incremental": {"field": "updated_at", "param": "updated_since", "format": "iso8601_ms", "granularity": "ms"},
}  # fmt: skip
TASK_FIELDS: list[dict[str, Any]] = [
    {"canonical": "title", "read": "title", "write": "title", "required": True},
    {"canonical": "description", "read": "body", "write": "body", "type": "markdown"},
    {"canonical": "stage", "read": "state", "write": "state", "type": "enum",
     "value_map": {"todo": "open", "in_progress": "doing", "review": "review", "done": "closed"}},
    {"canonical": "rank", "read": "rank", "write": "rank"},
    {"canonical": "priority", "read": "priority", "write": "priority", "type": "enum",
     "value_map": {"none": "none", "low": "P4", "medium": "P3", "high": "P2", "urgent": "P1"}},
    {"canonical": "assignees", "read": "assignee_ids", "write": "assignee_ids", "type": "list", "ref_resource": "people"},
    {"canonical": "reporter", "read": "reporter_id", "write": "reporter_id", "type": "ref", "ref_resource": "people"},
    {"canonical": "start_on", "read": "starts_on", "write": "starts_on", "type": "date"},
    {"canonical": "due_on", "read": "due_on", "write": "due_on", "type": "date"},
    {"canonical": "completed_at", "read": "closed_at", "write": "closed_at", "type": "datetime"},
    {"canonical": "estimate", "read": "estimate", "write": "estimate", "type": "decimal", "decimals": 2},
    {"canonical": "labels", "read": "labels", "write": "labels", "type": "list"},
    {"canonical": "url", "read": "html_url", "write": "html_url"},
]  # fmt: skip


def configuration(url: str) -> dict[str, Any]:
    """The connection to the stand-in, as a person would paste it."""
    return {
        "version": 1,
        "base_url": f"{url}/api",
        "auth": {"kind": "none"},
        "resources": {
            "people": {
                "entity": "member", "id_path": "id", "id_type": "integer", "updated_at_path": "updated_at",
                "list": {"path": "/people", **LISTING}, "get": {"path": "/people/{id}", "record_path": "data"},
                "fields": [
                    {"canonical": "name", "read": "name", "write": None, "required": True},
                    {"canonical": "email", "read": "email", "write": None},
                ],
            },
            "tasks": {
                "entity": "task", "id_path": "id", "id_type": "integer", "updated_at_path": "updated_at",
                "list": {"path": "/tasks", **LISTING}, "get": {"path": "/tasks/{id}", "record_path": "data"},
                "update": {
                    "method": "PATCH", "path": "/tasks/{id}", "record_path": "data",
                    "precondition": {"header": "If-Match", "value_path": "updated_at"},
                },
                "reread_after_write": False,
                "fields": TASK_FIELDS,
            },
        },
        "webhook": {
            "verification": {
                "kind": "hmac", "algorithm": "sha256", "header": "X-Signature", "encoding": "hex",
                "secret": {"secret_ref": "webhook_secret"},
            },
            "event_name": {"path": "type"}, "event_id": {"path": "id"}, "record_id_path": "object.id",
            "resource_by_event": {"task.updated": "tasks"},
        },
    }  # fmt: skip


def set_up_django() -> None:
    """As a worker that has run before: Django ready, tasks and their libraries loaded."""
    import django

    django.setup()
    import integrations.services.clients  # noqa: F401
    import sync.tasks  # noqa: F401
    from config.celery import app

    app.loader.import_default_modules()


def make_integration(url: str) -> Any:
    """A tenant with one active two-way integration, made through the services a person's click calls."""
    from integrations.services.control import integration_create
    from workspace.models import Tenant

    tenant = Tenant.objects.create(name="Bench", slug="bench")
    integration, _ = integration_create(
        tenant=tenant,
        user=None,
        name="Desk",
        connector="generic_rest",
        options={"config": configuration(url)},
        secrets={"webhook_secret": "benchmarks-only"},
        auth_type="none",
        base_url=f"{url}/api",
        activate=True,
    )
    return integration


def the_integration() -> Any:
    from integrations.models import Integration

    return Integration.objects.select_related("tenant", "credential").get()


def run_pull(integration: Any, *, full: bool) -> dict[str, Any]:
    """One run as a worker does it: claim the job, walk all resources, close it. Gives its outcomes."""
    from integrations.models import SyncJob
    from integrations.services.jobs import job_request
    from sync.services.jobs import job_run

    job = job_request(integration=integration, options={"full": full})
    job_run(job_id=job.id)
    done = SyncJob.objects.get(id=job.id)
    assert done.status == "succeeded", (done.status, done.status_reason, done.result)
    outcomes: dict[str, Any] = done.result["outcomes"]
    return outcomes
