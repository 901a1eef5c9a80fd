"""The data folder: made, locked, filled with secrets, emptied; and every reason not to start in one sentence."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from config import embedded
from config.embedded import StartProblem, broker_socket, prepare, read_secrets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCKSTEP_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def ready(*, reset: bool = False) -> None:
    lock = prepare(reset=reset)
    lock.own.close()
    lock.shared.close()


def test_secrets_are_made_once_and_only_the_owner_may_read_them(folder: Path) -> None:
    ready()
    first = read_secrets(folder)
    assert sorted(first) == ["FERNET_KEYS", "LOCKSTEP_DEMO_PASSWORD", "SECRET_KEY"]
    assert stat.S_IMODE((folder / "secrets.env").stat().st_mode) == 0o600
    ready()
    assert read_secrets(folder) == first


def test_a_missing_secret_is_added_and_the_others_stay(folder: Path) -> None:
    ready()
    first = read_secrets(folder)
    (folder / "secrets.env").write_text(
        f"SECRET_KEY={first['SECRET_KEY']}\nFERNET_KEYS={first['FERNET_KEYS']}\n"
    )
    ready()
    second = read_secrets(folder)
    assert second["LOCKSTEP_DEMO_PASSWORD"]
    assert {**second, "LOCKSTEP_DEMO_PASSWORD": ""} == {**first, "LOCKSTEP_DEMO_PASSWORD": ""}


def test_reset_empties_the_folder_and_makes_new_secrets(folder: Path) -> None:
    ready()
    first = read_secrets(folder)
    (folder / "lockstep.sqlite3").write_text("old")
    (folder / "sandbox").mkdir()
    (folder / "sandbox/records").write_text("old")
    ready(reset=True)
    assert not (folder / "lockstep.sqlite3").exists()
    assert not (folder / "sandbox").exists()
    assert read_secrets(folder)["SECRET_KEY"] != first["SECRET_KEY"]


def test_a_folder_with_other_things_in_it_is_neither_used_nor_emptied(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(StartProblem, match="is not empty and is no data folder of Lockstep"):
        ready(reset=True)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_reset_does_not_follow_links_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    ready()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/keep").write_text("keep")
    (folder / "link").symlink_to(tmp_path / "outside")
    ready(reset=True)
    assert (tmp_path / "outside/keep").read_text() == "keep"


def test_a_second_instance_is_refused_while_the_first_lives(folder: Path) -> None:
    lock = prepare(reset=False)
    with pytest.raises(
        StartProblem, match=rf"already running with the data folder .* \(process {os.getpid()}\)"
    ):
        prepare(reset=True)
    lock.own.close()
    lock.shared.close()
    ready()


def test_children_of_a_killed_instance_are_waited_for_but_not_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = prepare(reset=False)
    lock.own.close()  # the supervisor is gone, its reaper still holds the other one
    monkeypatch.setattr(embedded, "TAKE_OVER_SECONDS", 0.3)
    with pytest.raises(StartProblem, match="Processes of an earlier run .* do not end"):
        prepare(reset=False)
    lock.shared.close()


def test_a_full_disk_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda path: SimpleNamespace(free=5 * 2**20))
    with pytest.raises(StartProblem, match="Only 5 MB are free where"):
        ready()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full; free some space"),
        (errno.EROFS, "cannot be written"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(embedded, "_write_secrets", refuse)
    with pytest.raises(StartProblem, match=words):
        ready()


def test_a_file_in_the_folders_place_is_named(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(StartProblem, match="is a file; LOCKSTEP_DATA_DIR must name a folder"):
        ready()


def test_the_socket_moves_where_its_path_would_be_too_long_for_the_system() -> None:
    assert broker_socket(Path("/srv/data")) == Path("/srv/data/valkey.sock")
    moved = broker_socket(Path("/" + "deep/" * 30))
    assert len(os.fsencode(moved)) < embedded.SOCKET_PATH_LIMIT
    assert moved != broker_socket(Path("/" + "deep/" * 31))
