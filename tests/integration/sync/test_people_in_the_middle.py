"""A person acts on a pair that a worker has in its hands at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base.errors import Retryable
from integrations.models import JobKind
from integrations.services.mappings import mapping_stop
from sync.services import jobs
from tests.integration.sync.hub import Hub
from tests.integration.sync.vendor import VendorClient

Linked = Callable[..., tuple[Any, Any]]


@pytest.fixture
def while_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Something happens once, just after a worker has read a card there."""

    def arrange(act: Callable[[], None]) -> None:
        real, waiting = VendorClient.get, [act]

        def get(self: VendorClient, resource: str, external_id: str, *, parent_id: str | None = None) -> Any:
            found = real(self, resource, external_id, parent_id=parent_id)
            if waiting and resource == "card":
                waiting.pop()()
            return found

        monkeypatch.setattr(VendorClient, "get", get)

    return arrange


def _roll_back(hub: Hub, job_id: Any) -> None:
    back = hub.job(JobKind.ROLLBACK, options={"job": str(job_id)})
    jobs.job_run(job_id=back.id)


def test_a_run_taken_back_while_a_worker_reads_deletes_nothing_there(
    hub: Hub, while_reading: Callable[[Callable[[], None]], None]
) -> None:
    card = hub.vendor.add(name="Paint")
    run = hub.pull()
    task = hub.record(card)
    hub.clock.wait(minutes=10)
    hub.deliver("updated", card)
    hub.take_deliveries()
    while_reading(lambda: _roll_back(hub, run.id))
    hub.push()
    hub.push()
    assert hub.fresh(task).deleted_at is not None and not card.is_deleted and hub.vendor.writes == []
    assert hub.pair(card).state_reason == "The run that made the record here was taken back."


def test_a_pair_stopped_while_a_worker_writes_it_stays_stopped(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.vendor.fail("update", Retryable("Busy."))
    hub.push()
    hub.clock.wait(minutes=1)
    hub.vendor.before_update = lambda row: _stop(hub, card)
    hub.push()
    assert hub.pair(card).state == "stopped"
    hub.edit(task, title="Ours again")
    hub.push()
    assert card.data["name"] == "Ours" and hub.pair(card).state == "stopped"


def test_what_is_stopped_and_deleted_here_while_a_worker_reads_stays_there(
    hub: Hub, linked: Linked, while_reading: Callable[[Callable[[], None]], None]
) -> None:
    task, card = linked()
    hub.deliver("updated", card)
    hub.take_deliveries()

    def stop_and_delete() -> None:
        _stop(hub, card)
        hub.delete(task)

    while_reading(stop_and_delete)
    hub.push()
    assert not card.is_deleted and hub.pair(card).state == "stopped"


def _stop(hub: Hub, card: Any) -> None:
    mapping_stop(mapping=hub.pair(card), user=hub.person, now=hub.clock.at)
