"""What every test stands on: no outside network, no wake-up really sent, no cache shared between tests."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import template_db

HERE = Path(__file__).parent
#: per connector: how much of its traffic was held against its vendor's document (tests/contract)
TALLY = pytest.StashKey[dict[str, Counter[str]]]()
BY_FOLDER = {"browser": "browser", "e2e": "e2e", "simulation": "simulation"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Folders give marks; a service that is missing skips its tests, but never under CI."""
    on_postgres = "postgres" in os.environ.get("TEST_DATABASE_URL", "")
    missing = []
    if not on_postgres:
        missing.append(("postgres", "TEST_DATABASE_URL names no PostgreSQL (bin/test starts one)"))
    if not os.environ.get("REDIS_URL"):
        missing.append(("redis", "REDIS_URL is not set (bin/test starts one)"))
    for item in items:
        folder = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if folder in BY_FOLDER:
            item.add_marker(BY_FOLDER[folder])
        for mark, reason in missing:
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


_tallies: dict[str, dict[str, int]] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands what was held against the vendors' documents to where the summary is printed."""
    tally = {slug: dict(counts) for slug, counts in session.config.stash.get(TALLY, {}).items()}
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        _add(tally)
    else:
        output["documents"] = tally


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    _add(getattr(node, "workeroutput", {}).get("documents", {}))


def _add(tally: dict[str, dict[str, int]]) -> None:
    for slug, counts in tally.items():
        total = _tallies.setdefault(slug, {})
        for name, number in counts.items():
            total[name] = total.get(name, 0) + number


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _tallies:
        terminalreporter.section("held against the vendors' documents")
        for slug, counts in sorted(_tallies.items()):
            terminalreporter.line(
                f"{slug:<16} {counts.get('requests', 0):>6} requests {counts.get('answers', 0):>6} answers "
                f"{counts.get('failed', 0):>4} failed"
            )


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """On SQLite the database is a copy that is migrated already, in a folder that goes with the process."""
    from django.conf import settings

    given = settings.DATABASES["default"]
    if "sqlite" not in given["ENGINE"]:
        return bool(request.config.getvalue("reuse_db"))
    template_db.copy_to(Path(given["TEST"]["NAME"]))
    return True


class OutsideNetwork(RuntimeError):
    """A test tried to leave this machine."""


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0])
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def no_outside_network() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    real_connect, real_connect_ex, real_lookup = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def connect(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise OutsideNetwork(f"a test tried to connect to {address}")
        real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        if not _is_local(address):
            raise OutsideNetwork(f"a test tried to connect to {address}")
        return real_connect_ex(self, address)

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        literal = isinstance(name, str) and _is_literal(name)
        if name is not None and not literal and name not in ("localhost", "", socket.gethostname()):
            raise socket.gaierror(socket.EAI_NONAME, f"tests look no names up: {name}")
        return real_lookup(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", connect)
    patch.setattr(socket.socket, "connect_ex", connect_ex)
    patch.setattr(socket, "getaddrinfo", lookup)
    yield
    patch.undo()


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def wakeups(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What would have been sent to workers, as ``(task name, kwargs)``; nothing is sent."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def note(app: Any, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> None:
        sent.append((name, dict(kwargs or {})))

    monkeypatch.setattr("celery.app.base.Celery.send_task", note)
    return sent


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    from django.core.cache import cache

    yield
    cache.clear()
