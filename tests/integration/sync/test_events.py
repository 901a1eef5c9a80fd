"""Pages hear of what they show: one event per pair, one per page of bulk work, none for nothing (live)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base.errors import RecordProblem
from tests.integration.sync.hub import Hub

Linked = Callable[..., tuple[Any, Any]]
Events = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """What the engine publishes about pairs, as ``(type, payload)``."""
    heard: Events = []

    def publish(room: str, type: str, payload: dict[str, Any], *, tenant_id: Any = None) -> None:
        if type.startswith("mapping"):
            assert room == f"tenant:{tenant_id}:sync"
            heard.append((type, payload))

    def publish_many(
        room: str, type: str, payload: dict[str, Any], *, count: int, tenant_id: Any = None, **ids: Any
    ) -> None:
        publish(room, type, {**payload, "count": count, **ids}, tenant_id=tenant_id)

    for module in ("sync.leases", "sync.failures"):
        monkeypatch.setattr(f"{module}.publish", publish)
    monkeypatch.setattr("sync.services.page_run.publish_many", publish_many)
    return heard


def test_a_pair_whose_state_changes_is_announced_with_its_record(
    hub: Hub, linked: Linked, events: Events
) -> None:
    task, card = linked()
    events.clear()
    hub.edit(task, title="Ours")
    hub.push()
    expected = {
        "id": str(hub.pair(card).id), "record_id": str(task.pk), "integration": str(hub.integration.id),
        "state": "synced",
    }  # fmt: skip
    assert events == [("mapping.changed", expected)]


def test_a_page_is_announced_once_naming_at_most_a_hundred(hub: Hub, events: Events) -> None:
    hub.vendor.page_size = 150
    for number in range(120):
        hub.vendor.add(name=f"Card {number}")
    hub.pull()
    ((type, payload),) = events
    assert (type, payload["count"], len(payload["ids"]), len(payload["record_ids"])) == (
        "mappings.changed", 120, 100, 100,
    )  # fmt: skip


def test_changed_rows_of_a_page_are_announced(hub: Hub, linked: Linked, events: Events) -> None:
    task, card = linked()
    events.clear()
    hub.vendor.change(card, name="Theirs")
    hub.pull()
    ((type, payload),) = events
    assert (type, payload["ids"], payload["record_ids"]) == (
        "mappings.changed", [str(hub.pair(card).id)], [str(task.pk)],
    )  # fmt: skip


def test_a_quiet_pass_announces_nothing(hub: Hub, linked: Linked, events: Events) -> None:
    _, card = linked()
    hub.sync()
    events.clear()
    hub.sync(full=True)
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert events == []


def test_a_dead_letter_is_announced_as_one(hub: Hub, linked: Linked, events: Events) -> None:
    task, card = linked()
    events.clear()
    hub.vendor.fail("update", RecordProblem("Too long.", status=422))
    hub.edit(task, title="Ours")
    hub.push()
    assert [(type, payload.get("state")) for type, payload in events] == [
        ("mapping.changed", "error"), ("mapping.dead", None),
    ]  # fmt: skip
    assert events[1][1]["mapping"] == str(hub.pair(card).id)
