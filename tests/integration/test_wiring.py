"""What only the whole can show: addresses, offline pages, the checks a deployment is told to run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.contrib.staticfiles import finders
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**kept, "LOCKSTEP_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_a_deployment_passes_djangos_own_check(tmp_path: Path) -> None:
    done = manage(
        *("check", "--deploy", "--fail-level", "WARNING"),
        folder=tmp_path,
        SECRET_KEY="Zq3" * 20 + "abcdefgh",
        FERNET_KEYS=Fernet.generate_key().decode(),
        SECURE_SSL_REDIRECT="true",
        SECURE_HSTS_SECONDS="31536000",
    )
    assert done.returncode == 0, done.stderr


def test_a_command_without_secrets_says_what_to_do(tmp_path: Path) -> None:
    done = manage("migrate", folder=tmp_path)
    assert done.returncode != 0
    assert "SECRET_KEY is not set. Use bin/up, which makes its own, or set it" in done.stderr


@pytest.mark.parametrize("name", ["htmx/htmx.js", "alpine/alpine.js", "chart/chart.js"])
def test_the_theme_brings_the_scripts_our_pages_use(name: str) -> None:
    assert finders.find(f"unfold/js/{name}")


@pytest.mark.django_db
def test_the_api_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == []
    assert "/static/drf_spectacular_sidecar/" in page


@pytest.mark.parametrize("path", ["/api/v1/integrations", "/api/v1/jobs", "/api/v1/logs"])
@pytest.mark.django_db
def test_a_stranger_is_asked_who_they_are(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"


def test_no_file_of_the_project_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    suspect = re.compile(r"/root/|/home/[a-z]+/|--index-url|--extra-index|--find-links|/work/")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if (
            name == "tests/integration/test_wiring.py"
            or not path.is_file()
            or path.stat().st_size > 2_000_000
        ):
            continue
        if suspect.search(path.read_text(errors="ignore")):
            found.append(name)
    assert found == []
