"""A migrated SQLite file, made once for each state of the migrations and copied for every run that needs one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".pytest_cache" / "databases"


def copy_to(target: Path) -> None:
    """Puts the migrated database at ``target``; of several processes that ask at once, one makes it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    template = FOLDER / f"{_state()}.sqlite3"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _make(template)
    shutil.copyfile(template, target)


def _make(template: Path) -> None:
    for old in FOLDER.glob("*.sqlite3*"):
        old.unlink()
    draft = template.with_suffix(".draft.sqlite3")
    environment = {
        **os.environ,
        "TEST_DATABASE_URL": f"sqlite:///{draft}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True
    )
    draft.rename(template)


def _state() -> str:
    """Changes with any migration and with the packages, which bring migrations of their own."""
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("*/migrations/*.py"), ROOT / "requirements.txt"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
