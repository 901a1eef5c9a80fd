from __future__ import annotations

from typing import Any

import pytest

from workspace.wakeups import wake_once, woken

pytestmark = pytest.mark.django_db


def test_many_edits_wake_the_worker_once_until_it_has_begun(
    wakeups: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    def edit() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            wake_once("sync.drain_changes")

    edit()
    edit()
    assert wakeups == [("sync.drain_changes", {})]
    woken("sync.drain_changes")
    edit()
    assert len(wakeups) == 2


def test_without_the_cache_every_edit_wakes_it(
    wakeups: list[Any], django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **options: Any) -> bool:
        raise ConnectionError

    monkeypatch.setattr("workspace.wakeups.cache.add", away)
    monkeypatch.setattr("workspace.wakeups.cache.delete", away)
    with django_capture_on_commit_callbacks(execute=True):
        wake_once("sync.drain_changes")
        wake_once("sync.drain_changes")
    woken("sync.drain_changes")
    assert len(wakeups) == 2
