"""The sandbox for tests: a server on a free loopback port, in a thread of the test's process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from .app import Sandbox
from .hooks import Delivery
from .vendor import Logged, Vendor


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without the server's own Date: the stand-ins send theirs, which tests may set wrong."""
        self.send_response_only(code, message)

    def log(self, type: str, message: str, *args: object) -> None:
        return None


@dataclass(frozen=True)
class RunningSandbox:
    """A handle on the running server and, in the same process, on each stand-in."""

    root: str
    sandbox: Sandbox

    def url(self, slug: str) -> str:
        return f"{self.root}/{slug}"

    def vendor(self, slug: str) -> Vendor:
        return self.sandbox.vendor(slug)

    def log(self, slug: str) -> list[Logged]:
        return list(self.vendor(slug).requests)

    def deliveries(self, slug: str) -> list[Delivery]:
        """Webhooks sent so far; waits for those that are due."""
        self.sandbox.sender.flush()
        return self.sandbox.sender.deliveries(slug)

    def reset(self) -> None:
        """All stand-ins back to their seeds; those that nobody touched are there already."""
        for vendor in self.sandbox.vendors.values():
            if not vendor.is_fresh:
                vendor.reset()


@contextmanager
def running_sandbox(
    folder: Path | None = None,
    *,
    port: int = 0,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[RunningSandbox]:
    """Starts the server on a free port of 127.0.0.1 and stops it at the end. State is in memory without ``folder``."""
    sandbox = Sandbox(folder, clock=clock)
    server = make_server("127.0.0.1", port, sandbox, threaded=True, request_handler=_QuietHandler)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(
        target=server.serve_forever,
        kwargs={"poll_interval": 0.05},
        name="sandbox",
        daemon=True,
    )
    thread.start()
    try:
        yield RunningSandbox(f"http://127.0.0.1:{server.server_port}", sandbox)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
        sandbox.close()
