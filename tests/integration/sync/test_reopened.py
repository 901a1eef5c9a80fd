"""Ticked there, a task is done here; reopened there, it has the stage it had before (E15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.base.types import LinkSpec
from tests.integration.sync.hub import Hub

Linked = Callable[..., tuple[Any, Any]]

OPEN = ("backlog", "todo", "in_progress", "review")
#: a system that knows open and done only
TICK = {"name": "enum", "map": {"open": "todo", "done": "done"}, "back": dict.fromkeys(OPEN, "open")}


@pytest.fixture(params=["push", "pull"], ids=["one by one", "in bulk"])
def look(request: pytest.FixtureRequest, hub: Hub) -> Callable[[Any], None]:
    """A pair is looked at: by itself, as after a webhook, or with the page it is on."""

    def by_itself(card: Any) -> None:
        hub.deliver("updated", card)
        hub.take_deliveries()
        hub.push()

    def with_its_page(card: Any) -> None:
        hub.clock.wait(minutes=1)
        hub.pull()

    return by_itself if request.param == "push" else with_its_page


@pytest.fixture
def ticked(hub: Hub) -> Hub:
    hub.vendor.relink("card", LinkSpec("stage", "tick", TICK))
    return hub


def _card(hub: Hub, stage: str) -> tuple[Any, Any]:
    """A task that has been at this stage here, which the other side calls open."""
    card = hub.vendor.add("card", name="Paint the boat", tick="open")
    hub.sync()
    hub.clock.wait(minutes=1)
    task = hub.record(card)
    hub.edit(task, stage=stage)
    hub.push()
    assert card.data["tick"] == "open"
    hub.clock.wait(minutes=1)
    return task, card


@pytest.mark.parametrize("stage", ["backlog", "in_progress", "review"])
def test_reopened_there_it_has_the_stage_it_had(ticked: Hub, look: Callable[[Any], None], stage: str) -> None:
    task, card = _card(ticked, stage)
    ticked.vendor.change(card, tick="done")
    look(card)
    assert ticked.fresh(task).stage == "done"
    ticked.clock.wait(minutes=1)
    ticked.vendor.change(card, tick="open")
    look(card)
    done = ticked.fresh(task)
    assert (done.stage, done.completed_at) == (stage, None)
    before = ticked.counts()
    ticked.sync(full=True)
    assert ticked.counts() == before and ticked.vendor.writes == []  # both sides agree on that


def test_a_stage_that_the_other_side_has_a_word_for_is_what_it_says(
    hub: Hub, linked: Linked, look: Callable[[Any], None]
) -> None:
    task, card = linked(lane="Check")
    hub.vendor.change(card, lane="Done")
    look(card)
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, lane="Ready")
    look(card)
    assert hub.fresh(task).stage == "todo"


def test_what_came_in_as_done_reopens_to_what_the_other_side_means(
    ticked: Hub, look: Callable[[Any], None]
) -> None:
    card = ticked.vendor.add("card", name="Paint the boat", tick="done")
    ticked.sync()
    ticked.clock.wait(minutes=1)
    ticked.vendor.change(card, tick="open")
    look(card)
    assert ticked.record(card).stage == "todo"


def test_what_a_reviewer_chose_stays_as_chosen(ticked: Hub) -> None:
    words = {"open": "todo", "done": "done", "parked": "backlog"}
    back = {"in_progress": "open", "review": "parked"}
    ticked.vendor.relink("card", LinkSpec("stage", "tick", {"name": "enum", "map": words, "back": back}))
    task, card = _card(ticked, "in_progress")
    ticked.edit(task, stage="review")
    ticked.edit(task, stage="done")
    ticked.vendor.change(card, tick="parked")
    ticked.push()
    ticked.decide(ticked.open_conflict(), "external")
    ticked.push()
    assert ticked.fresh(task).stage == "backlog"


def test_a_page_of_reopened_tasks_asks_the_history_once(ticked: Hub) -> None:
    cards = [_card(ticked, "review")[1] for _ in range(6)]
    for card in cards:
        ticked.vendor.change(card, tick="done")
    ticked.sync()
    ticked.clock.wait(minutes=1)
    for card in cards:
        ticked.vendor.change(card, tick="open")
    with CaptureQueriesContext(connection) as asked:
        ticked.pull()
    reads = [
        query["sql"]
        for query in asked.captured_queries
        if query["sql"].startswith("SELECT") and 'FROM "workspace_change"' in query["sql"]
    ]
    assert len(reads) == 1
    assert {ticked.record(card).stage for card in cards} == {"review"}
