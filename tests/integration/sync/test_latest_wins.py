""" "The latest wins" compares when the field in question was edited, and a reviewer sees by whom (F1, F4, 0017)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.base.errors import RecordProblem
from integrations.models import Integration
from tests.integration.sync.hub import Hub
from workspace.models import Change, OriginKind
from workspace.services import Origin, fields_edited, record_update

Linked = Callable[..., tuple[Any, Any]]


def _push(hub: Hub) -> None:
    hub.push()


def _pull(hub: Hub) -> None:
    hub.pull()


@pytest.fixture(params=[_push, _pull], ids=["one by one", "in bulk"])
def look(request: pytest.FixtureRequest) -> Callable[[Hub], None]:
    """Both ways in which a pair is looked at."""
    return request.param  # type: ignore[no-any-return]


def _title_here_then_there_then_something_else(hub: Hub, task: Any, card: Any) -> datetime:
    """The title here, a minute later there, another minute later the priority here. When the title was edited."""
    at = hub.clock.at
    hub.edit(task, title="Ours")
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs")
    hub.clock.wait(minutes=1)
    hub.edit(task, priority="high")
    return at


def test_an_edit_of_another_field_does_not_make_an_old_title_newer(
    hub: Hub, linked: Linked, look: Callable[[Hub], None]
) -> None:
    hub.configure(conflict_strategy="latest_wins")
    task, card = linked()
    _title_here_then_there_then_something_else(hub, task, card)
    look(hub)
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Theirs", "Theirs")
    assert (hub.fresh(task).priority, card.data["prio"]) == ("high", "H")
    assert hub.conflict().resolved["title"]["because"] == "the external change is newer by 60 s"


def test_a_newer_title_here_still_wins(hub: Hub, linked: Linked, look: Callable[[Hub], None]) -> None:
    hub.configure(conflict_strategy="latest_wins")
    task, card = linked()
    hub.edit(task, title="A first try")
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs")
    hub.clock.wait(minutes=1)
    hub.edit(task, title="Ours")
    look(hub)
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Ours", "Ours")


def test_a_reviewer_sees_who_changed_the_field_and_when(
    hub: Hub, linked: Linked, look: Callable[[Hub], None]
) -> None:
    task, card = linked()
    card.updated_by = "Olga"
    at = _title_here_then_there_then_something_else(hub, task, card)
    there = card.updated_at
    look(hub)
    conflict = hub.open_conflict()
    assert (conflict.local_changed_at, conflict.local_changed_by) == (at, "rita")
    assert (conflict.external_changed_at, conflict.external_changed_by) == (there, "Olga")
    hub.decide(conflict, "newest")
    hub.push()
    assert (hub.fresh(task).title, card.data["name"]) == ("Theirs", "Theirs")


def test_fields_that_are_decided_together_count_their_newest_edit(hub: Hub, linked: Linked) -> None:
    hub.configure(conflict_strategy="latest_wins")
    task, card = linked(**{"from": "2026-03-10", "till": "2026-03-12"})
    hub.edit(task, start_on="2026-03-11")
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, **{"from": "2026-03-09"})
    hub.clock.wait(minutes=1)
    hub.edit(task, due_on="2026-03-13")
    hub.push()
    assert (card.data["from"], card.data["till"]) == ("2026-03-11", "2026-03-13")


def test_what_another_integration_brought_is_an_edit_here_under_its_name(hub: Hub, linked: Linked) -> None:
    other = Integration.objects.create(
        tenant=hub.tenant, name="Shop floor", connector="fake", status="PAUSED", resource_types=[]
    )
    task, card = linked()
    at = hub.clock.at
    record_update(
        tenant=hub.tenant,
        record_type="task",
        record_id=task.pk,
        values={"title": "From the shop floor"},
        origin=Origin(kind=OriginKind.SYNC, integration_id=other.id),
        now=at,
    )
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs")
    hub.push()
    conflict = hub.open_conflict()
    assert (conflict.local_changed_at, conflict.local_changed_by) == (at, "Shop floor")


def test_what_this_integration_brought_in_is_the_vendors_word(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    by_rita = hub.clock.at
    hub.edit(task, title="Ours")
    hub.push()
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs", notes="New")
    hub.pull()
    fields = {task.pk: ["title", "description", "stage"]}
    found = fields_edited(tenant_id=hub.tenant.pk, fields=fields, besides=hub.integration.id)
    assert {name: (edit.at, edit.by) for name, edit in found[task.pk].items()} == {"title": (by_rita, "rita")}
    said = fields_edited(tenant_id=hub.tenant.pk, fields=fields)[task.pk]
    assert {name: edit.by for name, edit in said.items()} == dict.fromkeys(fields[task.pk], "Board")


def test_where_nobody_is_known_to_have_edited_the_field_a_person_is_asked(hub: Hub, linked: Linked) -> None:
    hub.configure(conflict_strategy="latest_wins")
    task, card = linked()
    hub.edit(task, title="Ours")
    Change.objects.filter(origin=OriginKind.USER).delete()
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs")
    hub.pull()
    conflict = hub.open_conflict()
    assert conflict.reason.endswith("and it is not known when")
    assert (conflict.local_changed_at, conflict.local_changed_by) == (None, "")


def test_a_value_that_is_refused_names_its_editor(hub: Hub, linked: Linked) -> None:
    task, _ = linked()
    at = hub.clock.at
    hub.edit(task, title="Ours")
    hub.clock.wait(minutes=1)
    hub.edit(task, description="Something else")
    hub.vendor.fail("update", RecordProblem("Too short.", field="name", status=422))
    hub.push()
    conflict = hub.open_conflict()
    assert (conflict.local_changed_at, conflict.local_changed_by) == (at, "rita")


def test_a_deletion_here_against_an_edit_there_names_both(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    at = hub.clock.at
    hub.delete(task)
    hub.clock.wait(minutes=1)
    hub.vendor.change(card, name="Theirs")
    hub.push()
    conflict = hub.open_conflict()
    assert (conflict.kind, conflict.local_changed_at, conflict.local_changed_by) == (
        "deleted_here",
        at,
        "rita",
    )
    assert conflict.external_changed_by == "Their user"


def test_a_decision_on_what_was_edited_meanwhile_brings_the_new_editor_and_time(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.vendor.change(card, name="Theirs")
    hub.push()
    conflict = hub.open_conflict()
    hub.clock.wait(minutes=1)
    at = hub.clock.at
    hub.edit(task, title="Ours again")
    hub.clock.wait(minutes=1)
    hub.edit(task, priority="high")
    with pytest.raises(Exception, match="edited here since you looked"):
        hub.decide(conflict, "local")
    conflict.refresh_from_db()
    assert (conflict.local_changed_at, conflict.local_changed_by) == (at, "rita")


def test_a_page_of_disputes_asks_the_history_once(hub: Hub) -> None:
    cards = [hub.vendor.add("card", name=f"Card {number}") for number in range(12)]
    hub.sync()
    hub.clock.wait(minutes=10)
    for card in cards:
        hub.edit(hub.record(card), title="Ours", description="Ours")
        hub.vendor.change(card, name="Theirs", notes="Theirs")
    with CaptureQueriesContext(connection) as asked:
        hub.pull()
    reads = [
        query["sql"]
        for query in asked.captured_queries
        if query["sql"].startswith("SELECT") and 'FROM "workspace_change"' in query["sql"]
    ]
    assert len(reads) == 1


def test_a_page_without_a_dispute_does_not_ask_the_history(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours")
    hub.vendor.change(card, notes="Theirs")
    with CaptureQueriesContext(connection) as asked:
        hub.pull()
    assert not any('FROM "workspace_change"' in query["sql"] for query in asked.captured_queries)
