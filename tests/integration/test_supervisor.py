"""The supervisor with small real processes: order, restarts, and an end without orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded import StartProblem
from config.processes import Spec
from config.supervisor import Stopped, Supervisor, describe_exit

ROOT = Path(__file__).resolve().parents[2]
#: Writes its process number when it is up, and its name when it is asked to end.
CHILD = """
import os, pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def end(*_):
    with open(folder / "ended", "a") as out: out.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
draft = folder / (name + ".draft"); draft.write_text(str(os.getpid())); draft.rename(folder / name)
print("hello from", name, flush=True)
while True: time.sleep(60)
"""


def child(name: str, folder: Path) -> Spec:
    return Spec(
        name=name,
        command=[sys.executable, "-c", CHILD, name, str(folder)],
        is_ready=(folder / name).exists,
        ready_within=20,
        before_start=lambda: (folder / name).unlink(missing_ok=True),
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    (tmp_path / "logs").mkdir()
    made = Supervisor(logs=tmp_path / "logs", lock=None, verbose=False, out=said.append)
    yield made
    made.close()


def until(condition: Callable[[], bool], *, within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Also true for a dead process that nobody has collected yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return status.strip().startswith("Z") or not status.strip()


def test_what_was_started_last_is_ended_first(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        supervisor.start(child(name, tmp_path))
    supervisor.close()
    assert (tmp_path / "ended").read_text().split() == ["three", "two", "one"]


def test_what_a_child_says_is_in_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("one", tmp_path))
    until(lambda: (tmp_path / "logs/one.log").exists())
    until(lambda: (tmp_path / "logs/one.log").read_text() == "hello from one\n")


def test_a_child_that_dies_is_started_again(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    supervisor.start(child("one", tmp_path))
    first = int((tmp_path / "one").read_text())
    (tmp_path / "one").unlink()

    def kill_and_stop() -> None:
        os.kill(first, signal.SIGKILL)
        until((tmp_path / "one").exists)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=kill_and_stop)
    thread.start()
    supervisor.run()
    thread.join()
    assert int((tmp_path / "one").read_text()) != first
    assert said == ["one ended (killed by SIGKILL); starting it again in 0.5 s", "one started again"]


def test_pauses_between_restarts_grow_to_a_limit(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("one", tmp_path))
    running = supervisor.children[0]
    now = running.started_at + 1
    assert [running.plan_restart(now) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert running.plan_restart(running.started_at + 61) == 0.5


def test_a_child_that_cannot_live_stops_the_start_with_its_last_words(supervisor: Supervisor) -> None:
    broken = Spec(
        name="web",
        command=[sys.executable, "-c", "raise SystemExit('no module of that name')"],
        is_ready=lambda: False,
    )
    with pytest.raises(
        StartProblem, match=r"(?s)web stopped at once; its log is .*web\.log:.*no module of that name"
    ):
        supervisor.start(broken)


def test_a_child_that_never_gets_ready_stops_the_start(supervisor: Supervisor) -> None:
    slow = Spec(
        name="web",
        command=[sys.executable, "-c", "import time; time.sleep(60)"],
        is_ready=lambda: False,
        ready_within=0.5,
    )
    with pytest.raises(StartProblem, match="web was not ready after 0 s"):
        supervisor.start(slow)


def test_a_program_that_is_not_there_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(StartProblem, match="web could not be started: No such file or directory"):
        supervisor.start(Spec(name="web", command=["/nowhere/program"], is_ready=lambda: True))


def test_a_failing_step_of_the_start_is_told_with_its_last_words(supervisor: Supervisor) -> None:
    with pytest.raises(StartProblem, match=r"(?s)migrate failed; its log is .*disk is odd"):
        supervisor.run_once("migrate", [sys.executable, "-c", "raise SystemExit('disk is odd')"], within=20)
    assert supervisor.children == []


def test_ctrl_c_during_the_start_is_heard(supervisor: Supervisor, tmp_path: Path) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Stopped):
        supervisor.start(child("one", tmp_path))


def test_a_child_that_will_not_end_is_killed_with_all_it_started(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    stubborn = (
        "import os, pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} {p.pid} .'); time.sleep(60)"
    )
    note = tmp_path / "pids"
    supervisor.start(
        Spec(
            name="stubborn",
            command=[sys.executable, "-c", stubborn, str(note)],
            is_ready=lambda: note.exists() and note.read_text().endswith("."),
            stop_within=0.3,
        )
    )
    own, grandchild, _ = note.read_text().split()
    supervisor.close()
    until(lambda: is_gone(int(own)) and is_gone(int(grandchild)))


def test_nothing_is_left_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2]); folder = pathlib.Path(sys.argv[1])\n"
        "from tests.integration.test_supervisor import child\n"
        "from config.supervisor import Supervisor\n"
        "s = Supervisor(logs=folder / 'logs', lock=None, verbose=False, out=print)\n"
        "s.start(child('one', folder)); s.start(child('two', folder)); (folder / 'all').touch(); s.run()\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(ROOT)])
    until((tmp_path / "all").exists, within=30)
    pids = [int((tmp_path / name).read_text()) for name in ("one", "two")]
    running.kill()
    running.wait()
    until(lambda: all(is_gone(pid) for pid in pids))


@pytest.mark.parametrize(
    ("code", "words"), [(3, "exit code 3"), (-9, "killed by SIGKILL"), (-250, "killed by signal 250")]
)
def test_an_exit_is_described_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
