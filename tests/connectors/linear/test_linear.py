"""What is particular to Linear; the rest is in tests/contract."""

from __future__ import annotations

from collections.abc import Callable

from tests.sandbox_fixtures import Stand


def test_a_task_carries_its_title(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("linear")
    page = stand.client.list_page("task")
    assert [record.data["title"] for record in page.records] == ["First task"]
