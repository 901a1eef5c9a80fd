"""The demo, made once for all tests of this folder, against a sandbox in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from config.demo.seed import demo_ensure
from sandbox.testing import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder) as found, override_settings(LOCKSTEP_SANDBOX_URL=found.root):
        yield found


@pytest.fixture(scope="module")
def said(
    box: RunningSandbox, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[list[str]]:
    """What the seed told while it made the demo; the demo stays for the module's tests."""
    lines: list[str] = []
    patch = pytest.MonkeyPatch()
    patch.setattr("celery.app.base.Celery.send_task", _sends_nothing)
    with django_db_blocker.unblock():
        assert demo_ensure(lines.append)
        patch.undo()
        yield lines
        call_command("flush", interactive=False, verbosity=0)


def _sends_nothing(*args: Any, **kwargs: Any) -> None:
    """There are no workers here; the seed does their work itself."""
