"""A vendor on loopback in a process of its own: keep-alive HTTP/1.1, pages of 500, about 1 KB per record.

Records are rendered from a template; pages of a small data set are kept, so that serving costs next to nothing and
both sides of a comparison read the same bytes. ``python -m benchmarks.vendor PORT COUNT`` serves; the
``/control/…`` addresses change records and set the latency.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

import orjson

ROOT = Path(__file__).resolve().parent.parent
PAGE = 500
PEOPLE = 25
KEPT_PAGES = 220  # about 110 MB; a larger data set is rendered anew for each request
BASELINE = datetime(2025, 1, 1, tzinfo=UTC)
STATES = ("open", "doing", "review", "closed")
PRIORITIES = ("none", "P4", "P3", "P2", "P1")
WORDS = "the quick brown fox jumps over a lazy dog while seven wizards box very quietly near the old harbour wall, "

Row = dict[str, Any]


def person(number: int) -> Row:
    return {
        "id": number,
        "name": f"Person {number}",
        "email": f"person{number}@example.com",
        "updated_at": text_of(BASELINE),
    }


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def task(number: int) -> Row:
    """13 mapped fields and a few that nobody maps, as vendors send them."""
    due = BASELINE + timedelta(days=number % 300 + 14)
    is_closed = number % 4 == 3
    return {
        "id": number,
        "key": f"BENCH-{number}",
        "title": f"Task {number}: {WORDS[number % 40 : number % 40 + 44].strip()}",
        "body": f"What to do about **{number}**.\n\n- {WORDS * 3}and\n- {WORDS}or\n\nSee [the page](https://example.com/{number}).",
        "state": STATES[number % 4],
        "rank": f"{number:010d}",
        "priority": PRIORITIES[number % 5],
        "assignee_ids": sorted({number % PEOPLE + 1, number * 7 % PEOPLE + 1}),
        "reporter_id": number % PEOPLE + 1,
        "starts_on": (due - timedelta(days=14)).date().isoformat(),
        "due_on": due.date().isoformat(),
        "closed_at": text_of(due) if is_closed else None,
        "estimate": number % 80 / 4,
        "labels": [f"label-{number % 7}", f"team-{number % 11}", "imported"],
        "html_url": f"https://desk.example.com/tasks/{number}",
        "watchers": number % 9,
        "is_locked": False,
        "created_at": text_of(BASELINE - timedelta(days=number % 100)),
        "updated_at": text_of(BASELINE),
    }


@dataclass
class Store:
    count: int
    latency: float = 0.0
    edited: dict[int, Row] = field(default_factory=dict)
    pages: dict[int, bytes] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)

    def row(self, number: int) -> Row:
        return self.edited.get(number) or task(number)

    def edit(self, number: int, changes: Row) -> Row:
        row = {**self.row(number), **changes, "updated_at": text_of(datetime.now(UTC))}
        self.edited[number] = row
        self.pages.pop((number - 1) // PAGE + 1, None)
        return row

    def page(self, number: int, since: str) -> bytes:
        if since > text_of(BASELINE):
            fresh = sorted(n for n, row in self.edited.items() if row["updated_at"] >= since)
            rows = [self.edited[n] for n in fresh[(number - 1) * PAGE : number * PAGE]]
            return _listing(rows, -(-len(fresh) // PAGE))
        kept = self.pages.get(number)
        if kept is not None:
            return kept
        first = (number - 1) * PAGE + 1
        rows = [self.row(n) for n in range(first, min(first + PAGE, self.count + 1))]
        body = _listing(rows, -(-self.count // PAGE))
        if self.count <= KEPT_PAGES * PAGE:
            self.pages[number] = body
        return body

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        match url.path.strip("/").split("/"):
            case ["control", what]:
                return 200, orjson.dumps(self.control(what, query))
            case ["api", "people"]:
                return 200, _listing([person(n) for n in range(1, PEOPLE + 1)], 1)
            case ["api", "people", number]:
                return 200, orjson.dumps({"data": person(int(number))})
            case ["api", "tasks"]:
                self.note("list")
                return 200, self.page(int(query.get("page", 1)), query.get("updated_since", ""))
            case ["api", "tasks", number] if method == "PATCH":
                self.note("write")
                return 200, orjson.dumps({"data": self.edit(int(number), orjson.loads(body))})
            case ["api", "tasks", number]:
                self.note("read")
                return 200, orjson.dumps({"data": self.row(int(number))})
        return 404, b'{"error": "not found"}'

    def note(self, what: str) -> None:
        self.served[what] = self.served.get(what, 0) + 1

    def control(self, what: str, query: dict[str, str]) -> Any:
        match what:
            case "latency":
                self.latency = float(query["ms"]) / 1000
            case "change":
                for number in range(1, self.count + 1, int(query["every"])):
                    self.edit(number, {"title": f"Task {number} ({query['word']})"})
            case "edit":
                self.edit(int(query["id"]), {"title": query["title"]})
            case "warm":
                for number in range(1, -(-self.count // PAGE) + 1 if self.count <= KEPT_PAGES * PAGE else 1):
                    self.page(number, "")
            case "forget":
                self.served.clear()
        return {"served": self.served, "edited": len(self.edited)}


def _listing(rows: list[Row], pages: int) -> bytes:
    return orjson.dumps({"data": rows, "meta": {"pages": pages}})


class Speaker(asyncio.Protocol):
    """As little HTTP as a client of ours and dlt's need."""

    def __init__(self, store: Store) -> None:
        self.store, self.buffer = store, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        method, target, _ = first.split(" ")
        delay = 0.0 if target.startswith("/control") else self.store.latency
        if delay:
            asyncio.get_running_loop().call_later(delay, self.say, method, target, rest[:length])
        else:
            self.say(method, target, rest[:length])

    def say(self, method: str, target: str, body: bytes) -> None:
        status, content = self.store.answer(method, target, body)
        head = (
            f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            f"Date: {formatdate(usegmt=True)}\r\n\r\n"
        )
        self.transport.write(head.encode() + content)


async def serve(port: int, count: int) -> None:
    store = Store(count)
    server = await asyncio.get_running_loop().create_server(lambda: Speaker(store), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


# ---------------------------------------------------------------- from the benchmark's side


@dataclass
class Vendor:
    """A running stand-in."""

    url: str

    def control(self, what: str, **query: Any) -> dict[str, Any]:
        terms = "&".join(f"{name}={value}" for name, value in query.items())
        with urlopen(Request(f"{self.url}/control/{what}?{terms}")) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
            return found


@contextmanager
def vendor(count: int, port: int) -> Iterator[Vendor]:
    """A stand-in with so many records, warmed up."""
    command = [sys.executable, "-m", "benchmarks.vendor", str(port), str(count)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        found = Vendor(f"http://127.0.0.1:{port}")
        found.control("warm")
        yield found
    finally:
        process.terminate()
        process.wait()


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
