"""Ends what the supervisor started if the supervisor itself dies, however it dies.

It reads ``+GROUP`` and ``-GROUP`` lines from a pipe that only the supervisor holds open. The end of that pipe means
that the supervisor is gone: every process group still listed is asked to stop, then killed. It also inherits the
lock of the data folder, so that a new instance waits until the old one's children are gone. Plain Python, and the
same on Linux and macOS (there is no parent-death signal on the latter).
"""

from __future__ import annotations

import os
import signal
import sys
import time

PATIENCE_SECONDS = 8.0


def main() -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    groups: list[int] = []
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.append(group)
        elif group in groups:
            groups.remove(group)
    end_groups(groups, patience=PATIENCE_SECONDS)


def end_groups(groups: list[int], *, patience: float) -> None:
    """Newest first; whoever is still there when patience ends is killed."""
    for group in reversed(groups):
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(_signal(group, 0) for group in groups):
        time.sleep(0.05)  # they are no children of ours, so nothing can be waited on
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
