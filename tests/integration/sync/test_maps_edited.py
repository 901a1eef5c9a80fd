"""A person edits the field map while pairs exist (F28): what was agreed under a link counts only for its own fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.services.fieldmaps import field_map_current, field_map_save
from tests.integration.sync.hub import Hub

Linked = Callable[..., tuple[Any, Any]]


def relink(hub: Hub, field: str, /, **changes: Any) -> None:
    links = field_map_current(integration=hub.integration, resource="card")["links"]
    links = [{**link, **changes} if link["local"] == field else link for link in links]
    field_map_save(
        integration=hub.integration, resource="card", links=links, user=hub.person, now=hub.clock.at
    )


def test_a_link_pointed_to_an_empty_field_there_empties_nothing_here(hub: Hub, linked: Linked) -> None:
    task, card = linked(notes="A long text that somebody wrote")
    relink(hub, "description", external="summary")
    hub.vendor.change(card, summary="")
    hub.sync(full=True)
    assert hub.fresh(task).description == "A long text that somebody wrote"
    assert (card.data["summary"], card.data["notes"]) == (hub.fresh(task).description,) * 2


@pytest.mark.parametrize("is_bulk", [True, False])
def test_a_link_pointed_to_another_text_there_asks_which_one_counts(
    hub: Hub, linked: Linked, is_bulk: bool
) -> None:
    task, card = linked(notes="Ours")
    relink(hub, "description", external="summary")
    hub.vendor.change(card, summary="Theirs")
    if is_bulk:
        hub.pull(full=True)
    else:
        hub.deliver("updated", card)
        hub.take_deliveries()
        hub.push()
    assert (hub.fresh(task).description, card.data["summary"]) == ("Ours", "Theirs")
    hub.decide(hub.open_conflict(), "local")
    hub.push()
    assert card.data["summary"] == "Ours" and hub.pair(card).state == "synced"
    hub.sync(full=True)
    before = hub.counts()
    hub.sync(full=True)
    assert hub.counts() == before


def test_a_link_of_another_field_here_overwrites_nothing_there(hub: Hub, linked: Linked) -> None:
    task, card = linked(notes="Theirs")
    hub.edit(task, url="https://ours.example")
    hub.push()
    relink(hub, "description", key="description", local="url")
    hub.edit(task, title="Looked at again")
    hub.push()
    assert card.data["notes"] == "Theirs" and hub.fresh(task).url == "https://ours.example"
    assert hub.pair(card).state == "conflict"


def test_a_map_that_is_rolled_back_compares_anew(hub: Hub, linked: Linked) -> None:
    task, card = linked(notes="First")
    relink(hub, "description", external="summary")
    hub.vendor.change(card, summary="First")
    hub.sync(full=True)
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, summary="Second")
    hub.sync(full=True)
    assert hub.fresh(task).description == "Second"
    relink(hub, "description", external="notes")
    hub.sync(full=True)
    assert (hub.fresh(task).description, card.data["notes"]) == ("Second", "First")
    assert hub.pair(card).state == "conflict"
