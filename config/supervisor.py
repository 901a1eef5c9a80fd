"""Runs the embedded default: starts everything in order, keeps it running, stops it in reverse order.

A supervisor of our own, because the usual small ones do not restart what dies and leave orphans behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO

from config.embedded import StartProblem
from config.processes import Child, Spec, python

POLL_SECONDS = 0.1
START_TRIES = 3
COLOURS = ("36", "32", "33", "35", "34", "96")


class Stopped(Exception):
    """Somebody asked us to stop (Ctrl-C, SIGTERM, hang-up)."""


class Supervisor:
    """``start`` children one by one, then ``run`` until told to stop; always ``close``."""

    def __init__(
        self, *, logs: Path, lock: IO[str] | None, verbose: bool, out: Callable[[str], None]
    ) -> None:
        self.logs = logs
        self.verbose = verbose
        self.out = out
        self.children: list[Child] = []
        self._stopping = False
        self._closed = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        self._reaper = self._start_reaper(lock)
        self._old_handlers = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._old_wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    # --- starting

    def start(self, *specs: Spec) -> None:
        """Start them together and wait until all are ready. Raises ``StartProblem`` with the reason and the last lines."""
        started = []
        for spec in specs:
            number = len(self.children)
            child = Child(
                spec, self.logs / f"{spec.name}.log", echo=self._echo(number) if self.verbose else None
            )
            self.children.append(child)
            self._launch(child)
            started.append(child)
        for child in started:
            self._wait_ready(child)

    def _wait_ready(self, child: Child) -> None:
        spec, tries = child.spec, 1
        deadline = time.monotonic() + spec.ready_within
        while not child.is_ready():
            self._pause(POLL_SECONDS)
            if child.is_running():
                if time.monotonic() > deadline:
                    raise StartProblem(
                        f"{spec.name} was not ready after {spec.ready_within:.0f} s; its log is {child.log_path}:\n"
                        + child.last_words()
                    )
            elif tries == START_TRIES:
                raise StartProblem(
                    f"{spec.name} stopped at once; its log is {child.log_path}:\n{child.last_words()}"
                )
            else:
                tries += 1
                self._tell_reaper("-", child)
                self._launch(child)

    def checkpoint(self) -> None:
        """Between two steps of the start: raises ``Stopped`` if someone pressed Ctrl-C meanwhile."""
        if self._stopping:
            raise Stopped

    def run_once(self, name: str, command: list[str], *, within: float) -> None:
        """Run a step of the start to its end. Raises ``StartProblem`` with its last lines."""
        spec = Spec(name=name, command=command, is_ready=lambda: True)
        child = Child(spec, self.logs / f"{name}.log", echo=self._echo(7) if self.verbose else None)
        self.children.append(child)
        self._launch(child)
        deadline = time.monotonic() + within
        try:
            while child.is_running():
                self._pause(POLL_SECONDS)
                if time.monotonic() > deadline:
                    raise StartProblem(
                        f"{name} was not done after {within:.0f} s; its log is {child.log_path}."
                    )
            assert child.process is not None
            if child.process.returncode:
                raise StartProblem(f"{name} failed; its log is {child.log_path}:\n{child.last_words()}")
        finally:
            child.stop()
            self._tell_reaper("-", child)
            self.children.remove(child)

    # --- running

    def run(self) -> None:
        """Until Ctrl-C or SIGTERM: whatever dies is started again, after a pause that grows."""
        try:
            while True:
                now = time.monotonic()
                for child in self.children:
                    self._look_after(child, now)
                self._pause(self._time_to_next_restart(now))
        except Stopped:
            return

    def _look_after(self, child: Child, now: float) -> None:
        if child.is_running():
            return
        if child.restart_at is None:
            assert child.process is not None
            code = child.process.returncode
            pause = child.plan_restart(now)
            self.out(f"{child.spec.name} ended ({describe_exit(code)}); starting it again in {pause:g} s")
            if child.deaths > 1 and child.tail:
                self.out(child.last_words())
            child.signal_group(signal.SIGKILL)  # its own children, if any outlived it
            self._tell_reaper("-", child)
        elif child.restart_at <= now:
            self._launch(child)
            self.out(f"{child.spec.name} started again")

    def _time_to_next_restart(self, now: float) -> float:
        waiting = [child.restart_at - now for child in self.children if child.restart_at is not None]
        return max(0.05, min(waiting)) if waiting else 5.0

    # --- stopping

    def close(self) -> None:
        """Stop everything, newest first. A second Ctrl-C does not wait any longer. Twice does no harm."""
        if self._closed:
            return
        self._closed, self._stopping = True, False
        for child in reversed(self.children):
            if child.process is None:
                continue
            try:
                self._stop(child)
            except Stopped:
                child.signal_group(signal.SIGKILL)
            self._tell_reaper("-", child)
        self.children.clear()
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        if self._reaper.stdin:
            with contextlib.suppress(OSError):
                self._reaper.stdin.close()
        self._reaper.wait()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _stop(self, child: Child) -> None:
        assert child.process is not None
        if child.is_running():
            child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + child.spec.stop_within
        while child.is_running() and time.monotonic() < deadline:
            self._pause(POLL_SECONDS)
        child.signal_group(signal.SIGKILL)
        child.process.wait()

    # --- inside

    def _launch(self, child: Child) -> None:
        try:
            group = child.start()
        except OSError as error:
            raise StartProblem(
                f"{child.spec.name} could not be started: {error.strerror or error}."
            ) from error
        self._tell_reaper("+", child, group)

    def _start_reaper(self, lock: IO[str] | None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            python("-I", str(Path(__file__).with_name("reaper.py"))),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            bufsize=1,
            pass_fds=[lock.fileno()] if lock else [],
        )

    def _tell_reaper(self, sign: str, child: Child, group: int | None = None) -> None:
        number = group or (child.process.pid if child.process else None)
        if number and self._reaper.stdin:
            with contextlib.suppress(OSError):  # without it we only lose the net under a kill -9
                self._reaper.stdin.write(f"{sign}{number}\n")
                self._reaper.stdin.flush()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _pause(self, seconds: float) -> None:
        """Wait for a signal or the time. Raises ``Stopped``."""
        if not self._stopping:
            ready, _, _ = select.select([self._wake_read], [], [], seconds)
            if ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 512)
        if self._stopping:
            raise Stopped

    def _echo(self, number: int) -> Callable[[str, str], None]:
        colour = COLOURS[number % len(COLOURS)] if sys.stdout.isatty() else ""
        start, end = (f"\x1b[{colour}m", "\x1b[0m") if colour else ("", "")
        return lambda name, line: self.out(f"{start}{name:>9} |{end} {line}")


def describe_exit(code: int) -> str:
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
