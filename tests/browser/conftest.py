"""A real browser on the real pages: the product's ASGI application on a socket, a worker in a thread, the sandbox.

Whatever a test does, its pages may not complain in the console, break the content policy, fail with a server error
or ask another origin for anything.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from integrations.pages.figures import HEARTBEAT_KEY
from sandbox.testing import RunningSandbox
from tests.browser.board_fixtures import desk
from tests.browser.house import House, Worker
from tests.sandbox_fixtures import box, running

__all__ = ["box", "desk", "running"]

# Playwright's loop runs in the test's thread, where Django would refuse all queries.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

CHROMIUM = os.environ.get("LOCKSTEP_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
SECONDS = 8


def pytest_configure(config: pytest.Config) -> None:
    # Under Playwright's greenlets CPython 3.11 may refuse to parse source while a traceback is shortened.
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "native"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    expect.set_options(timeout=SECONDS * 1000)
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS.split()}


# -- server and worker -----------------------------------------------------------------------------------------


@pytest.fixture
def worker() -> Iterator[Worker]:
    at_work = Worker()
    yield at_work
    at_work.stop()
    assert at_work.failures == []


@pytest.fixture(autouse=True)
def wakeups(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups reach the worker in its thread instead of a broker."""

    def send(app: Any, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> None:
        worker.send(name, dict(kwargs or {}))

    monkeypatch.setattr("celery.app.base.Celery.send_task", send)


class Served:
    """An ASGI application that knows which requests and sockets it has open."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._open: dict[int, str] = {}
        self._settled = threading.Condition()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._settled:
            self._open[id(scope)] = f"{scope['type']} {scope.get('path', '')}"
        try:
            await self._application(scope, receive, send)
        finally:
            with self._settled:
                del self._open[id(scope)]
                self._settled.notify_all()

    def wait_idle(self, seconds: float = 20) -> None:
        """Until nothing is being answered any more, so that the tables can be emptied.

        A request whose browser has gone is given up by the server while its view still runs in a thread: PostgreSQL
        tells of those.
        """
        with self._settled:
            assert self._settled.wait_for(lambda: not self._open, seconds), f"still open: {self._open}"
        deadline = time.monotonic() + seconds
        while connection.vendor == "postgresql" and _busy_connections():
            assert time.monotonic() < deadline, "somebody is still at work in the database"
            time.sleep(0.01)


def _busy_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return int(cursor.fetchone()[0])


@pytest.fixture(scope="session")
def served() -> Served:
    from config.asgi import application

    return Served(application)


@pytest.fixture(scope="session")
def address(django_db_setup: None, django_db_blocker: DjangoDbBlocker, served: Served) -> Iterator[str]:
    """Where the product's own ASGI application answers, sockets included."""
    from config.celery import app

    app.loader.import_default_modules()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        served, log_level="error", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the web server did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    if connection.vendor == "postgresql":
        # Threads that served a page keep their connection, and with one open the database is not dropped.
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def house(transactional_db: None, worker: Worker, box: RunningSandbox, served: Served) -> Iterator[House]:
    cache.set(
        HEARTBEAT_KEY, (timezone.now() + timedelta(hours=1)).isoformat(), 3600
    )  # its thread is the worker
    yield House(worker, box)
    served.wait_idle()
    worker.wait_idle()
    connections.close_all()


# -- browser -----------------------------------------------------------------------------------------------------


@dataclass
class Visits:
    """Opens pages as somebody and watches over all of them."""

    browser: Browser
    address: str
    house: House
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    #: addresses whose answer of 4xx is the point of the test; Chromium reports each in the console
    expected: list[str] = field(default_factory=list)

    def __call__(self, person: str = "manager", path: str = "/admin/hub/", **options: Any) -> Page:
        """A signed-in page in a browser of its own; ``person`` is a role, or "" for nobody."""
        context = self.browser.new_context(
            base_url=self.address, **{"viewport": DESK, "reduced_motion": "reduce", **options}
        )
        self.contexts.append(context)
        if person:
            context.add_cookies([self._session(person)])
        context.set_default_timeout(SECONDS * 1000)
        page = context.new_page()
        self._watch(page)
        page.goto(path)
        return page

    def _session(self, person: str) -> Any:
        def sign_in() -> str:
            client = Client()
            client.force_login(self.house.people[person], backend="django.contrib.auth.backends.ModelBackend")
            return str(client.cookies[settings.SESSION_COOKIE_NAME].value)

        return {
            "name": settings.SESSION_COOKIE_NAME,
            "value": self.house.worker.do(sign_in),
            "url": self.address,
        }

    def _watch(self, page: Page) -> None:
        page.on("console", lambda said: self._heard(said.type, said.text, said.location.get("url", "")))
        page.on("pageerror", lambda error: self.complaints.append(f"error in a script: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda opened: self._asked(opened.url.replace("ws://", "http://", 1)))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def _heard(self, kind: str, text: str, url: str) -> None:
        if kind != "error" and "Content Security Policy" not in text:
            return
        if text.startswith("Failed to load resource") and any(each in url for each in self.expected):
            return
        self.complaints.append(f"{kind} in the console of {url}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:", "about:")):
            self.complaints.append(f"a request to another origin: {url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 500 or (status >= 400 and not any(each in url for each in self.expected)):
            self.complaints.append(f"{status} from {url}")

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        self.contexts.clear()


@pytest.fixture
def visit(browser: Browser, address: str, house: House) -> Iterator[Visits]:
    visits = Visits(browser, address, house)
    yield visits
    visits.close()
    assert visits.complaints == []


@pytest.fixture
def serious() -> Callable[[Page], list[str]]:
    """What axe finds on a page that is serious or critical, one line each."""

    def find(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{each['id']}: {node['target']} {node['html'][:160]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    return find


def fits(page: Page) -> bool:
    """Whether nothing of the page has to be scrolled to sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
