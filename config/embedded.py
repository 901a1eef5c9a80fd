"""The data folder of the embedded default, before Django is loaded: lock, secrets, socket.

Plain Python: ``manage.py up`` calls ``prepare`` before settings are read, because the settings need the secrets.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.fernet import Fernet

BASE_DIR = Path(__file__).resolve().parent.parent
MARKER = ".lockstep-data"
SECRETS_FILE = "secrets.env"
OWN_LOCK_FILE = "up.lock"  # held by the supervisor alone
LOCK_FILE = "children.lock"  # held by the supervisor and its reaper: free only when the children are gone
SOCKET_PATH_LIMIT = 100  # bytes: sockaddr_un holds 104 on macOS, 108 on Linux
FREE_SPACE_NEEDED = 200 * 1024 * 1024
TAKE_OVER_SECONDS = 20.0  # how long the children of a killed instance may take to go


@dataclass(frozen=True)
class Lock:
    own: IO[str]
    shared: IO[str]


#: Set by manage.py before Django is loaded.
LOCK: Lock | None = None


class StartProblem(Exception):
    """Why it cannot start, as one sentence for the person at the terminal."""


def data_dir() -> Path:
    """``LOCKSTEP_DATA_DIR``, by default ``.data`` beside manage.py."""
    return Path(os.environ.get("LOCKSTEP_DATA_DIR") or BASE_DIR / ".data").expanduser().absolute()


def broker_socket(folder: Path) -> Path:
    """Where the embedded broker listens: in the data folder, or in a private temporary one if that path is too long."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) < SOCKET_PATH_LIMIT:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"lockstep-{os.getuid()}-{name}" / "valkey.sock"


def read_secrets(folder: Path) -> dict[str, str]:
    """What ``manage.py up`` wrote; empty where there is no such file."""
    try:
        lines = (folder / SECRETS_FILE).read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def prepare(*, reset: bool) -> Lock:
    """Make the data folder ready and lock it. Answers the lock, to be kept while running.

    Raises ``StartProblem``. With ``reset`` everything in the folder is deleted first, but only in a folder that
    carries our marker.
    """
    folder = data_dir()
    try:
        _make_folder(folder)
        lock = _lock(folder)
        if reset:
            _empty(folder)
        _check_space(folder)
        _write_secrets(folder)
        _make_socket_folder(folder)
    except OSError as error:
        raise StartProblem(_sentence(folder, error)) from error
    return lock


def _sentence(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {folder} is full; free some space, or set LOCKSTEP_DATA_DIR to another place."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"The data folder {folder} cannot be written; set LOCKSTEP_DATA_DIR to a folder that belongs to you."
    return f"The data folder {folder} cannot be used: {error.strerror or error}."


def _make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StartProblem(f"{folder} is a file; LOCKSTEP_DATA_DIR must name a folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / MARKER).exists():
        if any(folder.iterdir()):
            raise StartProblem(
                f"{folder} is not empty and is no data folder of Lockstep; set LOCKSTEP_DATA_DIR to a folder of its own."
            )
        (folder / MARKER).write_text(
            "This folder belongs to Lockstep; bin/up --reset deletes what is in it.\n"
        )
    _make_rooms(folder)


def _make_rooms(folder: Path) -> None:
    for name in ("logs", "run", "static"):
        (folder / name).mkdir(exist_ok=True)


def _lock(folder: Path) -> Lock:
    """A living instance is refused at once; the children of one that was killed are waited for."""
    own = open(folder / OWN_LOCK_FILE, "a+")  # noqa: SIM115 - kept open for as long as the instance lives
    if not _try_lock(own):
        own.seek(0)
        who = own.read().strip()
        own.close()
        raise StartProblem(
            f"Lockstep is already running with the data folder {folder}"
            f"{f' (process {who})' if who else ''}; stop it first."
        )
    own.truncate(0)
    own.write(str(os.getpid()))
    own.flush()
    shared = open(folder / LOCK_FILE, "a")  # noqa: SIM115
    deadline = time.monotonic() + TAKE_OVER_SECONDS
    while not _try_lock(shared):
        if time.monotonic() > deadline:
            raise StartProblem(
                f"Processes of an earlier run with the data folder {folder} do not end; stop them first."
            )
        time.sleep(0.2)  # flock has no timeout, and waiting inside it could last for ever
    return Lock(own=own, shared=shared)


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _empty(folder: Path) -> None:
    keep = {MARKER, OWN_LOCK_FILE, LOCK_FILE}
    for entry in folder.iterdir():
        if entry.name in keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    _make_rooms(folder)


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_SPACE_NEEDED:
        raise StartProblem(
            f"Only {free // 2**20} MB are free where {folder} is, and {FREE_SPACE_NEEDED // 2**20} MB are needed;"
            " free some space, or set LOCKSTEP_DATA_DIR to another place."
        )


def _write_secrets(folder: Path) -> None:
    """Add what is missing, never change what is there: lost keys cannot be made again."""
    known = read_secrets(folder)
    wanted: dict[str, Callable[[], str]] = {
        "SECRET_KEY": lambda: secrets.token_urlsafe(50),
        "FERNET_KEYS": lambda: Fernet.generate_key().decode(),
        "LOCKSTEP_DEMO_PASSWORD": lambda: secrets.token_urlsafe(9),
    }
    missing = {name: make() for name, make in wanted.items() if not known.get(name)}
    if not missing:
        return
    lines = [f"{name}={value}" for name, value in {**known, **missing}.items()]
    path = folder / SECRETS_FILE
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(
            "# Made by bin/up. Keep it with your backups: without FERNET_KEYS stored credentials are lost.\n"
        )
        handle.write("\n".join(lines) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def _make_socket_folder(folder: Path) -> None:
    parent = broker_socket(folder).parent
    parent.mkdir(mode=0o700, exist_ok=True)
    if parent.stat().st_uid != os.getuid():
        raise StartProblem(f"{parent} belongs to somebody else; set LOCKSTEP_DATA_DIR to a shorter path.")
