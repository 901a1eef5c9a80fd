"""A person unlinks, stops or links a record whose create there is under way or not settled yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from integrations.models import Mapping
from integrations.services.mappings import mapping_link_existing, mapping_stop, mapping_unlink
from integrations.services.problems import NotNow
from tests.integration.sync.hub import Hub
from tests.integration.sync.vendor import VendorClient
from workspace.models import Task


@pytest.fixture
def while_making(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Something happens once, just after a record was made there and before its answer is here."""

    def arrange(act: Callable[[], None]) -> None:
        real, waiting = VendorClient.create, [act]

        def create(self: VendorClient, *args: Any, **named: Any) -> Any:
            made = real(self, *args, **named)
            if waiting:
                waiting.pop()()
            return made

        monkeypatch.setattr(VendorClient, "create", create)

    return arrange


def _unlink(hub: Hub, task: Task) -> None:
    with suppress(NotNow):
        mapping_unlink(mapping=Mapping.objects.get(record_id=task.pk), user=hub.person, now=hub.clock.at)


def _settle(hub: Hub) -> None:
    for _ in range(3):
        hub.clock.wait(minutes=10)
        hub.sync(full=True)


def test_unlinked_while_it_is_made_it_is_not_there_and_here_twice(
    hub: Hub, while_making: Callable[[Callable[[], None]], None]
) -> None:
    task = hub.create(title="Paint")
    while_making(lambda: _unlink(hub, task))
    hub.push()
    _settle(hub)
    assert (Task.objects.count(), len(hub.vendor.of("card"))) == (1, 1)


def test_unlinked_after_the_worker_died_it_is_not_there_and_here_twice(hub: Hub) -> None:
    task = hub.create(title="Paint")
    with hub.killed("after_call"):
        hub.push()
    _unlink(hub, task)
    _settle(hub)
    assert (Task.objects.count(), len(hub.vendor.of("card"))) == (1, 1)


def test_a_link_by_hand_is_not_overwritten_by_a_create_under_way(
    hub: Hub, while_making: Callable[[Callable[[], None]], None]
) -> None:
    other = hub.vendor.add(name="Other")
    task = hub.create(title="Paint")
    said: list[str] = []

    def link() -> None:
        try:
            mapping_link_existing(
                integration=hub.integration, resource="card", record_type="task", record_id=task.pk,
                external_id=other.id, user=hub.person, now=hub.clock.at,
            )  # fmt: skip
        except NotNow:
            said.append("not now")

    while_making(link)
    hub.push()
    assert said == ["not now"] or hub.pair(task).external_id == other.id


def test_a_record_stopped_in_the_middle_of_its_create_does_not_hold_up_the_others(hub: Hub) -> None:
    task = hub.create(title="Paint")
    with hub.killed("after_intent"):
        hub.push()
    with suppress(NotNow):
        mapping_stop(mapping=hub.pair(task), user=hub.person, now=hub.clock.at)
    new = hub.vendor.add(name="New there")
    _settle(hub)
    assert hub.record(new).title == "New there"
