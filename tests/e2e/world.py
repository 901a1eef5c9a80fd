"""Both sides of a running instance, seen from outside: the hub through its API, the vendors through the sandbox."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import requests

from tests.e2e.up import Instance, running

PAUSE = 0.1


def eventually(what: str, check: Callable[[], Any], *, within: float = 30.0) -> Any:
    """What ``check`` answers once that is true; fails with what it answered last."""
    deadline = time.monotonic() + within
    while not (answer := check()):
        assert time.monotonic() < deadline, (
            f"{what}: not within {within:.0f} s, the last answer was {answer!r}"
        )
        time.sleep(PAUSE)
    return answer


class Hub:
    """The hub as a manager's browser uses it: signed in, through the API."""

    def __init__(self, instance: Instance) -> None:
        self.root = instance.address
        self.http = requests.Session()
        secrets = (instance.data / "secrets.env").read_text()
        found = re.search(r"^LOCKSTEP_DEMO_PASSWORD=(.+)$", secrets, re.M)
        assert found, "the secrets file names no password"
        page = self.http.get(f"{self.root}/admin/login/", timeout=30).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, "the log-in page has no form"
        form = {"csrfmiddlewaretoken": token[1], "username": "manager", "password": found[1]}
        answer = self.http.post(
            f"{self.root}/admin/login/",
            data=form,
            headers={"Referer": self.root},
            timeout=30,
            allow_redirects=False,
        )
        assert answer.status_code == 302, "the demo's manager could not log in"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-CSRFToken": self.http.cookies.get("csrftoken", ""), "Referer": self.root}
        address = path if path.startswith("http") else f"{self.root}/api/v1{path}"
        answer = self.http.request(method, address, json=body, headers=headers, timeout=30)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def rows(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        following: str | None = f"{path}{'&' if '?' in path else '?'}limit=200"
        while following:
            page = self.call("GET", following)
            found += page["results"]
            following = page.get("next")
        return found

    def integration(self, name: str) -> str:
        return next(str(row["id"]) for row in self.rows("/integrations") if row["name"] == name)

    def records(self, kind: str) -> list[dict[str, Any]]:
        return self.rows(f"/records/{kind}")

    def record(self, kind: str, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/records/{kind}/{id}")
        return found

    def make(self, kind: str, values: dict[str, Any]) -> str:
        return str(self.call("POST", f"/records/{kind}", {"values": values})["id"])

    def change(self, kind: str, id: str, values: dict[str, Any]) -> None:
        revision = self.record(kind, id)["revision"]
        self.call("PATCH", f"/records/{kind}/{id}", {"values": values, "revision": revision})

    def sync(self, integration: str, *resources: str) -> str:
        """Ask for a full run, after the one that may be under way; its job."""
        headers = {"X-CSRFToken": self.http.cookies.get("csrftoken", ""), "Referer": self.root}
        address = f"{self.root}/api/v1/integrations/{integration}/sync"
        body = {"full_sync": True, "resource_types": list(resources)}

        def asked() -> str:
            answer = self.http.post(address, json=body, headers=headers, timeout=30)
            assert answer.status_code in (202, 409), answer.text[:500]
            return str(answer.json()["job_id"]) if answer.status_code == 202 else ""

        return str(eventually("the run is taken", asked))

    def job(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/jobs/{id}")
        return found

    def pairs(self, integration: str, resource: str) -> list[dict[str, Any]]:
        return self.rows(f"/mappings?integration={integration}&resource={resource}")


class Sandbox:
    """The stand-ins, through their controls."""

    def __init__(self, instance: Instance) -> None:
        self.root = f"{instance.sandbox}/_control"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.root}/{path}", json=body, timeout=30)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def edit(self, slug: str, kind: str, id: str | None, values: dict[str, Any]) -> str:
        return str(self.call("POST", f"{slug}/edit", {"kind": kind, "id": id, "values": values})["id"])

    def world(self, slug: str, kind: str) -> list[dict[str, Any]]:
        return list(self.call("GET", f"{slug}/world/{kind}"))

    def turn(self, slug: str, **knobs: Any) -> None:
        self.call("PATCH", slug, knobs)

    def lose_answer(self, slug: str, method: str, path: str, *, seconds: float) -> None:
        """The next matching request has its effect, and the one who sent it waits in vain for the answer."""
        fault = {"kind": "stall", "when": "after", "seconds": seconds, "method": method, "path": path}
        self.call("POST", f"{slug}/fail", fault)

    def faults_left(self, slug: str) -> int:
        return len(self.call("GET", slug)["faults"])

    def forget_log(self, slug: str) -> None:
        self.call("DELETE", f"{slug}/log")

    def requests(self, slug: str, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """What it was asked since ``forget_log``; ``path`` is a regular expression."""
        return [
            row
            for row in self.call("GET", f"{slug}/log")
            if (not method or row["method"] == method) and re.search(path, row["path"])
        ]

    def writes(self, slug: str) -> list[tuple[str, str]]:
        return [
            (row["method"], row["path"])
            for row in self.requests(slug)
            if row["method"] not in ("GET", "HEAD")
        ]


def kill(instance: Instance, name: str) -> None:
    """As hard as can be, with all it started; returns once the supervisor has started it again."""
    before = instance.children()[name]
    os.killpg(before, signal.SIGKILL)
    eventually(f"{name} is started again", lambda: instance.children().get(name, before) != before, within=20)


def repeated(values: list[Any]) -> list[Any]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


@contextmanager
def demo_on_real_servers(folder: Path, **environment: str) -> Iterator[Instance]:
    """The whole product with its demo: on the PostgreSQL and Redis of bin/test, else on SQLite and its own Valkey."""
    with _database() as database, running(folder, **_queue(), **database, **environment) as instance:
        yield instance


def _queue() -> dict[str, str]:
    """Four logical databases that no other test uses, emptied."""
    given = os.environ.get("REDIS_URL", "")
    if not given.startswith("redis://"):
        return {}
    import redis

    base = given.rsplit("/", 1)[0]
    for number in range(12, 16):
        redis.Redis.from_url(f"{base}/{number}").flushdb()
    return {"REDIS_URL": f"{base}/12"}


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """A database of its own on the server of TEST_DATABASE_URL, gone afterwards."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if "postgres" not in given:
        yield {}
        return
    import psycopg
    from psycopg import sql

    name = f"two_way_{uuid4().hex[:12]}"
    with psycopg.connect(given, autocommit=True) as server:
        template = os.environ.get(
            "TEST_DATABASE_TEMPLATE", "template1"
        )  # with bin/test's the tables are there already
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield {"DATABASE_URL": urlunsplit(urlsplit(given)._replace(path=f"/{name}"))}
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
