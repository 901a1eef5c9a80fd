"""One child process of the supervisor: its command, its log file, its state."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOG_LIMIT = 10 * 1024 * 1024
TAIL_LINES = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 60.0  # after so long a life a death counts as the first again


@dataclass(frozen=True)
class Spec:
    """What to run. ``is_ready`` is asked again and again until it says yes; it must answer within a second or so."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_within: float = 60.0
    stop_within: float = 10.0
    ready_file: Path | None = None
    before_start: Callable[[], None] = lambda: None


@dataclass
class Child:
    """A running or waiting child. Lines go to the log file, and to ``echo`` if that is set."""

    spec: Spec
    log_path: Path
    echo: Callable[[str, str], None] | None = None
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    deaths: int = 0
    restart_at: float | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    _reader: threading.Thread | None = None

    def start(self) -> int:
        """Start it as the leader of a process group of its own; answers the group."""
        spec = self.spec
        spec.before_start()
        if spec.ready_file:
            spec.ready_file.unlink(missing_ok=True)
        environment = {**os.environ, **spec.environment, "PYTHONUNBUFFERED": "1"}
        if spec.ready_file:
            environment["LOCKSTEP_READY_FILE"] = str(spec.ready_file)
        self.process = subprocess.Popen(
            list(spec.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self.started_at = time.monotonic()
        self.restart_at = None
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        return self.process.pid

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        try:
            return self.is_running() and self.spec.is_ready()
        except OSError:
            return False

    def plan_restart(self, now: float) -> float:
        """Note a death; answers after how many seconds it is started again."""
        self.deaths = 1 if now - self.started_at > STEADY_SECONDS else self.deaths + 1
        pause: float = min(FIRST_PAUSE * 2 ** (self.deaths - 1), LONGEST_PAUSE)
        self.restart_at = now + pause
        return pause

    def signal_group(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """Ask, wait, then kill the whole group."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.spec.stop_within)
        self.signal_group(signal.SIGKILL)  # also what it left behind in its group
        self.process.wait()
        if self._reader:
            self._reader.join(1)
        self.process = None

    def last_words(self) -> str:
        if self._reader and not self.is_running():
            self._reader.join(1)
        return "\n".join(f"    {line}" for line in self.tail)

    def _drain(self, stream: IO[str]) -> None:
        """Until the pipe ends. A full disk costs log lines, never the child."""
        log = LogFile(self.log_path)
        with stream:
            for line in stream:
                text = line.rstrip("\n")
                self.tail.append(text)
                log.write(line)
                if self.echo:
                    self.echo(self.spec.name, text)
        log.close()


class LogFile:
    """Appends lines; at the limit the file becomes ``.1`` and a new one begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None
        self._size = 0

    def write(self, line: str) -> None:
        try:
            if self._file is None:
                self._file = open(self.path, "a", errors="replace")  # noqa: SIM115 - closed in close()
                self._size = self.path.stat().st_size
            self._file.write(line)
            self._file.flush()
            self._size += len(line)
            if self._size > LOG_LIMIT:
                self.close()
                self.path.replace(self.path.with_suffix(".log.1"))
        except OSError:
            self.close()

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def answers_http(url: str) -> bool:
    """True if the address answers 2xx within a second."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return 200 <= int(response.status) < 300
    except (OSError, urllib.error.URLError, ValueError):
        return False


def answers_tcp(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def answers_ping(path: Path) -> bool:
    """True if a Redis or Valkey behind the socket has finished loading."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")


def port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
