"""Edits both ways, merged by field, without echo (E1, E2, E5, E11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.base.errors import Retryable
from integrations.models import Integration, Mapping, SyncLog
from sync.services import jobs
from tests.integration.sync.hub import Hub
from tests.integration.sync.vendor import Vendor
from workspace.models import Change, OriginKind

Linked = Callable[..., tuple[Any, Any]]


def test_a_record_there_is_made_here(hub: Hub) -> None:
    card = hub.vendor.add(
        name="Paint the boat", notes="Twice", lane="Doing", prio="H", tags=["red"], till="2026-05-01"
    )
    job = hub.pull()
    task = hub.record(card)
    assert (task.title, task.description, task.stage, task.priority) == (
        "Paint the boat", "Twice", "in_progress", "high",
    )  # fmt: skip
    assert list(task.labels) == ["red"] and str(task.due_on) == "2026-05-01"
    assert (job.status, job.success_count, job.error_count) == ("succeeded", 1, 0)
    pair = hub.pair(card)
    assert (pair.state, pair.external_url) == ("synced", f"https://vendor.example/{card.id}")
    change = Change.objects.get()
    assert (change.origin, change.integration_id, change.job_id) == (
        OriginKind.SYNC, hub.integration.id, job.id,
    )  # fmt: skip


def test_a_record_here_is_made_there_once(hub: Hub) -> None:
    task = hub.create(title="Sand the hull", labels=["wood"], priority="low")
    assert hub.push() == {"applied": 1}
    card = hub.row(task)
    assert (card.data["name"], card.data["tags"], card.data["prio"]) == ("Sand the hull", ["wood"], "L")
    hub.sync()
    hub.sync(full=True)
    assert len(hub.vendor.of("card")) == 1 and hub.pair(task).state == "synced"


def test_an_edit_here_goes_there_and_names_only_what_changed(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    assert hub.push() == {"applied": 1}
    assert hub.vendor.writes == [("update", card.id, {"name": "Paint the hull"})]
    assert hub.pair(card).state == "synced"


def test_a_record_knows_when_it_last_synced_whichever_way_it_went(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    made = hub.create(title="Only here")
    hub.clock.wait(minutes=3)
    sent_at = hub.clock.at
    hub.push()
    after = hub.fresh(task)
    assert (after.last_external_sync_at, after.revision) == (sent_at, 2)
    assert (hub.fresh(made).last_external_sync_at, hub.fresh(made).revision) == (sent_at, 1)
    hub.clock.wait(minutes=3)
    hub.sync(full=True)
    assert hub.fresh(task).last_external_sync_at == sent_at  # nothing was to be done
    hub.vendor.change(card, prio="L")
    hub.sync()
    assert hub.fresh(task).last_external_sync_at == hub.clock.at


def test_a_field_that_was_sent_counts_though_another_waits_for_a_reviewer(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Ours", priority="high")
    hub.vendor.change(card, name="Theirs")
    assert hub.push() == {"conflict": 1} and card.data["prio"] == "H"
    assert hub.fresh(task).last_external_sync_at == hub.clock.at


def test_a_push_that_fails_is_no_sync(hub: Hub, linked: Linked) -> None:
    task, _ = linked()
    before = hub.fresh(task).last_external_sync_at
    hub.vendor.fail("update", Retryable("The service is busy.", status=503))
    hub.edit(task, title="Ours")
    hub.push()
    assert hub.fresh(task).last_external_sync_at == before


def test_what_was_sent_is_noted_with_one_statement_for_all(hub: Hub) -> None:
    cards = [hub.vendor.add("card", name=f"Card {number}") for number in range(6)]
    hub.sync()
    hub.clock.wait(minutes=1)
    for card in cards:
        hub.edit(hub.record(card), title="Ours")
    with CaptureQueriesContext(connection) as asked:
        assert hub.push() == {"applied": 6}
    notes = [q for q in asked.captured_queries if q["sql"].startswith('UPDATE "workspace_task"')]
    assert len(notes) == 1


def test_an_edit_there_comes_here(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.change(card, name="Paint the hull", prio="L")
    hub.sync()
    task = hub.fresh(task)
    assert (task.title, task.priority, task.revision) == ("Paint the hull", "low", 2)
    assert hub.vendor.writes == []


def test_different_fields_edited_on_both_sides_merge_by_themselves(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    hub.vendor.change(card, prio="H")
    hub.push()
    task = hub.fresh(task)
    assert (task.title, task.priority) == ("Paint the hull", "high")
    assert (card.data["name"], card.data["prio"]) == ("Paint the hull", "H")
    assert hub.counts()["conflicts"] == 0


def test_the_same_edit_on_both_sides_is_no_conflict(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    hub.vendor.change(card, name="Paint the hull")
    hub.push()
    assert hub.vendor.writes == [] and hub.counts()["conflicts"] == 0
    assert hub.pair(card).base_local["title"] == "Paint the hull"


def test_sets_merge_member_by_member(hub: Hub, linked: Linked) -> None:
    task, card = linked(tags=["red", "green"])
    hub.edit(task, labels=["green", "wood"])  # red removed, wood added
    hub.vendor.change(card, tags=["red", "green", "late"])  # late added
    hub.push()
    assert sorted(hub.fresh(task).labels) == ["green", "late", "wood"]
    assert sorted(card.data["tags"]) == ["green", "late", "wood"]
    assert hub.counts()["conflicts"] == 0


def test_a_field_cleared_on_one_side_is_cleared_on_the_other(hub: Hub, linked: Linked) -> None:
    task, card = linked(notes="Twice", till="2026-05-01", **{"from": "2026-04-01"})
    hub.edit(task, description="")
    hub.vendor.change(card, till=None, **{"from": None})
    hub.push()
    assert card.data["notes"] in ("", None)
    assert hub.fresh(task).due_on is None and hub.fresh(task).start_on is None


def test_a_field_that_no_map_names_is_left_alone(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.change(card, colour="green")
    hub.edit(task, title="Paint the hull")
    hub.sync()
    assert card.data["colour"] == "green"


@pytest.mark.parametrize("full", [False, True])
def test_a_quiet_second_pass_writes_nothing_anywhere(hub: Hub, linked: Linked, full: bool) -> None:
    task, card = linked(tags=["b", "a"], notes="Some *text*  ")
    hub.edit(task, title="Paint the hull", labels=["c"])
    hub.vendor.change(card, prio="H")
    hub.sync()
    hub.sync()
    before, revision = hub.counts(), hub.fresh(task).revision
    states = list(Mapping.objects.order_by("id").values())
    for _ in range(2):
        hub.sync(full=full)
    assert hub.counts() == before and hub.fresh(task).revision == revision
    assert list(Mapping.objects.order_by("id").values()) == states


def test_our_own_write_coming_back_by_webhook_changes_nothing(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    hub.push()
    before = hub.counts()
    hub.deliver("updated", card)
    hub.take_deliveries()
    assert hub.push() == {"noop": 1}
    assert hub.counts() == before


def test_what_the_vendor_makes_of_our_value_is_kept_there_and_never_comes_back(
    hub: Hub, linked: Linked
) -> None:
    hub.vendor.normalise = lambda data: {k: v.upper() if k == "name" else v for k, v in data.items()}
    task, card = linked()
    assert task.title == "PAINT THE BOAT"
    hub.edit(task, title="Paint the hull")
    hub.push()
    for _ in range(3):
        hub.sync(full=True)
    assert (hub.fresh(task).title, card.data["name"]) == ("Paint the hull", "PAINT THE HULL")
    assert len(hub.vendor.writes) == 1
    assert hub.pair(card).provenance["title"] == "written"


def test_an_edit_made_there_while_we_write_is_not_overwritten(hub: Hub, linked: Linked) -> None:
    task, card = linked()

    def person_there(row: Any) -> None:
        hub.vendor.before_update = lambda row: None
        hub.vendor.change(row, notes="Mind the keel")

    hub.vendor.before_update = person_there
    hub.edit(task, title="Paint the hull")
    hub.push()
    assert (card.data["name"], card.data["notes"]) == ("Paint the hull", "Mind the keel")
    assert hub.fresh(task).description == "Mind the keel"


def test_an_automation_there_that_rewrites_our_value_is_news_not_normalisation(
    hub: Hub, linked: Linked
) -> None:
    task, _ = linked()
    hub.vendor.normalise = lambda data: {**data, "name": "Robots were here"} if "name" in data else dict(data)
    hub.edit(task, title="Paint the hull")
    hub.push()
    assert hub.fresh(task).title == "Robots were here"


def test_a_field_that_goes_back_and_forth_is_quarantined_and_the_rest_flows(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    for _ in range(8):
        hub.edit(task, title="Ours")
        hub.push()
        hub.clock.wait(seconds=30)
        hub.vendor.change(card, name="Theirs")
        hub.sync()
        hub.clock.wait(seconds=30)
        if "title" in hub.pair(card).held:
            break
    pair = hub.pair(card)
    assert (pair.state, pair.held["title"]["reason"]) == ("held", "oscillating")
    assert "Fakeboard" in pair.state_reason
    hub.edit(task, priority="high")
    hub.push()
    assert card.data["prio"] == "H"


def test_one_log_row_tells_what_was_changed_on_which_side(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    hub.vendor.change(card, prio="H")
    hub.push()
    row = SyncLog.objects.filter(operation="update").get()
    assert row.field_changes == {
        "local": {"priority": {"from": "none", "to": "high"}},
        "external": {"title": {"from": "Paint the boat", "to": "Paint the hull"}},
    }
    assert (row.status, row.method, row.external_id, row.record_id) == ("success", "local", card.id, task.pk)


def test_two_integrations_pass_a_change_on_through_the_record_here(hub: Hub, linked: Linked) -> None:
    other = Integration.objects.get(id=hub.integration.id)
    other.pk, other.name, other._state.adding = None, "Second board", True
    other.save()
    far = hub.vendors[other.id] = Vendor(now=lambda: hub.clock.at)
    first, hub_first = hub.integration, hub.vendor
    card = hub_first.add(name="Paint the boat")
    hub.sync()
    hub.integration = other
    hub.push()
    twin = far.of("card")[0]
    assert twin.data["name"] == "Paint the boat"
    far.change(twin, name="Paint the hull")
    hub.sync()
    hub.integration = first
    hub.push()
    assert card.data["name"] == "Paint the hull"
    before = hub.counts()
    for integration in (first, other, first):
        hub.integration = integration
        hub.sync(full=True)
    assert hub.counts() == before


# -- what a page costs -------------------------------------------------------------------------------------


def _queries_of_a_pull(hub: Hub) -> list[str]:
    hub.clock.wait(seconds=5)
    job = hub.job(resources=["card"])
    with CaptureQueriesContext(connection) as captured:
        jobs.job_run(job_id=job.id)
    job.refresh_from_db()
    assert job.status == "succeeded"
    return _statements([query["sql"] for query in captured])


def _statements(queries: list[str]) -> list[str]:
    """SQLite is in the process and takes a set of updates row by row; elsewhere each one counts."""
    if connection.vendor != "sqlite":
        return queries
    found: list[str] = []
    for sql in queries:
        shape = sql.split(" = ")[0] if sql.startswith("UPDATE") else sql
        if not (found and sql.startswith("UPDATE") and found[-1].split(" = ")[0] == shape):
            found.append(sql)
    return found


def _cards(hub: Hub, count: int) -> list[Any]:
    return [hub.vendor.add(name=f"Card {i}", tags=["red"]) for i in range(count)]


@pytest.mark.parametrize(("few", "many"), [(5, 35), (50, 120)])  # PostgreSQL copies larger sets another way
def test_importing_a_page_costs_as_many_queries_for_many_rows_as_for_few(
    hub: Hub, few: int, many: int
) -> None:
    hub.vendor.page_size = 200
    _cards(hub, 2)
    hub.pull()  # warms what is cached once per process
    costs = []
    for count in (few, many):
        hub.clock.wait(minutes=10)
        _cards(hub, count)
        costs.append(len(_queries_of_a_pull(hub)))
    assert costs[0] == costs[1] < 50
    assert hub.counts()["mappings"] == 2 + few + many


@pytest.mark.parametrize(("few", "many"), [(5, 35), (50, 120)])
def test_updating_a_page_costs_as_many_queries_for_many_rows_as_for_few(
    hub: Hub, few: int, many: int
) -> None:
    hub.vendor.page_size = 200
    cards = _cards(hub, few + many)
    hub.pull()
    costs = []
    for some in (cards[:few], cards[few:]):
        hub.clock.wait(minutes=10)
        for card in some:
            hub.vendor.change(card, name=f"{card.data['name']} again")
        costs.append(len(_queries_of_a_pull(hub)))
    assert costs[0] == costs[1] < 50
    assert Change.objects.filter(kind="update").count() == few + many


def test_a_page_without_changes_writes_no_record_no_pair_no_change_no_log_of_pairs(hub: Hub) -> None:
    hub.vendor.reshape("card", incremental=False)
    _cards(hub, 30)
    hub.pull()
    hub.sync()
    hub.clock.wait(minutes=10)
    writes = [
        sql for sql in _queries_of_a_pull(hub)
        if sql.split()[0] in {"INSERT", "UPDATE", "DELETE"}
        and any(table in sql.split("WHERE")[0] for table in ("workspace_", "integrations_mapping", "conflicts_"))
    ]  # fmt: skip
    assert writes == []


# -- an update whose answer was never stored ---------------------------------------------------------------


def _upper(hub: Hub) -> None:
    hub.vendor.normalise = lambda data: {k: v.upper() if k == "name" else v for k, v in data.items()}


@pytest.mark.parametrize("how", ["webhook", "poll"])
def test_our_own_write_is_known_again_after_a_worker_died_before_its_answer_was_stored(
    hub: Hub, linked: Linked, how: str
) -> None:
    task, card = linked()
    _upper(hub)
    hub.edit(task, title="Paint the hull")
    with hub.killed("after_call"):
        hub.push()
    assert card.data["name"] == "PAINT THE HULL"
    hub.clock.wait(minutes=5)
    if how == "poll":
        hub.pull()
    hub.push()
    hub.sync(full=True)
    assert (hub.fresh(task).title, card.data["name"]) == ("Paint the hull", "PAINT THE HULL")
    assert (len(hub.vendor.writes), hub.counts()["conflicts"], hub.pair(card).state) == (1, 0, "synced")
    assert hub.pair(card).provenance["title"] == "written"


def test_an_edit_made_here_after_such_a_death_goes_out_and_is_no_conflict(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    _upper(hub)
    hub.edit(task, title="Paint the hull")
    with hub.killed("after_call"):
        hub.push()
    hub.clock.wait(minutes=5)
    hub.edit(task, title="Leave it as it is", description="Second thought")
    hub.push()
    assert (card.data["name"], card.data["notes"]) == ("LEAVE IT AS IT IS", "Second thought")
    assert hub.counts()["conflicts"] == 0


def test_an_edit_made_there_after_such_a_death_is_news(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.edit(task, title="Paint the hull")
    with hub.killed("after_call"):
        hub.push()
    hub.clock.wait(minutes=5)
    hub.vendor.change(card, name="Scrap it", notes="Too old")
    hub.push()
    conflict = hub.open_conflict()
    assert (conflict.fields[0]["local"], conflict.fields[0]["external"]) == ("Paint the hull", "Scrap it")
    assert hub.fresh(task).description == "Too old"


@pytest.mark.parametrize("point", ["before_call", "after_call", "after_bring_in", "after_bases"])
@pytest.mark.parametrize("also_there", [False, True])
def test_a_worker_killed_anywhere_in_an_update_leaves_both_sides_agreed_in_the_end(
    hub: Hub, linked: Linked, point: str, also_there: bool
) -> None:
    task, card = linked(tags=["red"])
    hub.edit(task, title="Paint the hull", labels=["red", "wood"])
    if also_there:
        hub.vendor.change(card, notes="Mind the keel", tags=["late"])
    with hub.killed(point):
        hub.push()
    hub.clock.wait(minutes=5)
    hub.push()
    hub.sync(full=True)
    task = hub.fresh(task)
    labels = ["late", "wood"] if also_there else ["red", "wood"]
    assert (task.title, card.data["name"]) == ("Paint the hull", "Paint the hull")
    assert (sorted(task.labels), sorted(card.data["tags"])) == (labels, labels)
    assert (task.description or "") == (card.data["notes"] or "") == ("Mind the keel" if also_there else "")
    assert hub.counts()["conflicts"] == 0 and hub.pair(card).state == "synced"
    before = hub.counts()
    hub.sync(full=True)
    assert hub.counts() == before
