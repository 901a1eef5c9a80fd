"""Runs ``manage.py up`` as a person would, in a data folder and on ports of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
#: What the test run set for itself must not reach the instance.
NOT_INHERITED = (
    "SECRET_KEY", "FERNET_KEYS", "DATABASE_URL", "TEST_DATABASE_URL", "REDIS_URL", "LOCKSTEP_DEMO_PASSWORD", "LOCKSTEP_HTTPS",
    "LOCKSTEP_DB_POOL", "LOCKSTEP_ALLOW_HTTP", "LOCKSTEP_ALLOW_PRIVATE_NETWORK", "LOG_LEVEL", "LOG_FORMAT",
    "WEBHOOK_BASE_URL", "DJANGO_SETTINGS_MODULE", "LOCKSTEP_NO_SECRETS", "DJANGO_ALLOW_ASYNC_UNSAFE",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Instance:
    """One running ``manage.py up``; ``output`` grows while it runs."""

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        self.data = data
        self.port, self.sandbox_port = free_port(), free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        own = {
            "LOCKSTEP_DATA_DIR": str(data),
            "LOCKSTEP_PORT": str(self.port),
            "LOCKSTEP_SANDBOX_PORT": str(self.sandbox_port),
        }
        self.environment = {**inherited, **own, **environment}
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def wait_ready(self, within: float = START_SECONDS) -> Instance:
        until(
            lambda: "Ctrl-C stops everything." in self.output or self.process.poll() is not None,
            within=within,
        )
        assert self.process.poll() is None, self.output
        return self

    def stop(self, number: int = signal.SIGINT, within: float = 60) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(within)
        self._reader.join(5)
        return code

    def children(self) -> dict[str, int]:
        """Process numbers of what it started, by the name in the log folder's terms."""
        listing = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        patterns = {
            "queue": r"valkey|redis-server",
            "sandbox": r"-m sandbox",
            "web": r"uvicorn",
            "worker-io": r"worker -P threads",
            "worker": r"worker -c",
            "beat": r" beat ",
            "reaper": r"reaper\.py",
        }
        found = {}
        for line in listing.stdout.splitlines():
            pid, parent, command = line.split(None, 2)
            if int(parent) == self.process.pid:
                name = next(
                    (name for name, pattern in patterns.items() if re.search(pattern, command)), command
                )
                found[name] = int(pid)
        return found

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""


@contextlib.contextmanager
def running(data: Path, *arguments: str, **environment: str) -> Iterator[Instance]:
    instance = Instance(data, *arguments, **environment)
    try:
        yield instance.wait_ready()
    finally:
        instance.stop()


def until(condition: Callable[[], bool], *, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def is_gone(pid: int) -> bool:
    """Also true for a dead process that nobody has collected yet."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return not state or state.startswith("Z")
