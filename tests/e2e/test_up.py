"""One command: what a newcomer types, sees, and is spared."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.e2e.up import Instance, free_port, is_gone, running, until

pytestmark = pytest.mark.timeout(300)
EXPECTED = {"queue", "sandbox", "web", "worker", "worker-io", "beat", "reaper"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Instance:  # type: ignore[misc]
    with running(tmp_path_factory.mktemp("up") / "data") as instance:
        yield instance


def test_it_shows_its_progress_and_then_where_to_go(up: Instance) -> None:
    assert re.findall(r"^(\d)/5 ", up.output, re.M) == ["1", "2", "3", "4", "5"]
    assert f"Lockstep is running:  {up.address}/" in up.output
    assert up.sandbox in up.output


def test_every_process_runs_and_the_probes_agree(up: Instance) -> None:
    assert set(up.children()) == EXPECTED
    assert up.get("/healthz") == (200, '{"status": "ok"}')
    assert up.get("/readyz") == (200, '{"status": "ok", "failing": []}')


def test_the_login_page_comes_with_all_its_files(up: Instance) -> None:
    status, page = up.get("/admin/login/")
    assert status == 200
    files = sorted(set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page)))
    assert len(files) > 5
    assert {path: up.get(path)[0] for path in files} == dict.fromkeys(files, 200)


def test_the_secrets_are_for_the_owner_alone_and_not_on_the_command_line(up: Instance) -> None:
    path = up.data / "secrets.env"
    assert path.stat().st_mode & 0o777 == 0o600
    password = re.search(r"LOCKSTEP_DEMO_PASSWORD=(.+)", path.read_text())
    assert password
    logs = "".join(log.read_text(errors="replace") for log in (up.data / "logs").iterdir())
    assert password[1] not in logs


def test_a_second_one_in_the_same_folder_is_refused(up: Instance) -> None:
    second = Instance(up.data)
    assert second.process.wait(60) == 1
    second.stop()
    assert second.output.strip() == (
        f"Lockstep cannot start. Lockstep is already running with the data folder {up.data}"
        f" (process {up.process.pid}); stop it first."
    )


@pytest.mark.parametrize("name", ["web", "worker", "queue", "beat", "sandbox"])
def test_what_is_killed_comes_back(up: Instance, name: str) -> None:
    before = up.children()[name]
    os.kill(before, signal.SIGKILL)
    until(lambda: up.children().get(name, before) != before)
    until(lambda: up.get("/readyz")[0] == 200)
    assert f"{name} ended (killed by SIGKILL); starting it again in" in up.output


def test_ctrl_c_ends_everything_and_a_second_start_keeps_the_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--no-demo") as first:
        pids = first.children()
        assert set(pids) == EXPECTED - {"sandbox"}
        assert first.stop(signal.SIGINT) == 0
    assert first.output.rstrip().endswith("Stopped.")
    assert [name for name, pid in pids.items() if not is_gone(pid)] == []
    secrets = (data / "secrets.env").read_text()

    started = time.monotonic()
    with running(data, "--no-demo") as second:
        assert time.monotonic() - started < 30
        assert (data / "secrets.env").read_text() == secrets
        # The supervisor is killed as hard as can be: nothing of it may stay, and the next start waits for that.
        pids = second.children()
        second.process.kill()
        second.process.wait()
        with running(data, "--no-demo", "--reset") as third:
            assert [name for name, pid in pids.items() if not is_gone(pid)] == []
            assert (data / "secrets.env").read_text() != secrets
            assert third.get("/readyz")[0] == 200


@pytest.mark.parametrize("name", ["LOCKSTEP_PORT", "LOCKSTEP_SANDBOX_PORT"])
def test_a_port_in_use_is_one_sentence(tmp_path: Path, name: str) -> None:
    with socket.socket() as other:
        port = free_port()
        other.bind(("127.0.0.1", port))
        other.listen()
        instance = Instance(tmp_path / "data", **{name: str(port)})
        assert instance.process.wait(60) == 1
        instance.stop()
    assert instance.output.strip() == (
        f"Lockstep cannot start. Port {port} on 127.0.0.1 is in use by another program; stop that, or choose another"
        f" port with {name}={port + 1000} bin/up."
    )


def test_a_folder_that_is_somebody_elses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all")
    instance = Instance(tmp_path, "--reset")
    assert instance.process.wait(60) == 1
    instance.stop()
    assert instance.output.strip() == (
        f"Lockstep cannot start. {tmp_path} is not empty and is no data folder of Lockstep;"
        " set LOCKSTEP_DATA_DIR to a folder of its own."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_database_that_is_not_there_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    url = f"postgres://lockstep:hunter2@127.0.0.1:{free_port()}/lockstep"
    instance = Instance(tmp_path / "data", "--no-demo", DATABASE_URL=url)
    assert instance.process.wait(90) == 1
    instance.stop()
    last = instance.output.strip().splitlines()[-1]
    assert last.startswith("Lockstep cannot start. The database cannot be used: ")
    assert "hunter2" not in instance.output
    assert "Traceback" not in instance.output
