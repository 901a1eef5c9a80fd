"""The promise as a whole, with real processes: both sides agree in the end, nothing is lost, nothing is there twice.

One instance for all tests, in order: web, workers, beat, queue, database and sandbox as bin/up runs them. Workers
are killed with -9 at moments that are known from what the stand-ins were asked, not guessed by the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.up import Instance
from tests.e2e.world import Hub, Sandbox, demo_on_real_servers, eventually, kill, repeated

pytestmark = pytest.mark.timeout(240)

#: a killed worker's holds end soon, and its create is given up soon, so that the test need not wait minutes
QUICK = {
    "LOCKSTEP_LEASE_SECONDS": "8",
    "LOCKSTEP_SETTLE_SECONDS": "8",
    "LOCKSTEP_API_RATE_USER": "100000/min",
}
MADE_HERE, MADE_THERE = 12, 150


class Side(NamedTuple):
    """One system: where its records are, what they are called, and how both sides name the same."""

    slug: str
    integration: str
    resource: str
    kind: str  # in the stand-in
    title_there: str
    record_type: str
    title_here: str
    create_path: str
    list_path: str


SIDES = (
    Side("leankit", "Waitlist board", "card", "card", "title", "waitlist_entry", "customer_name", r"/io/card$", r"/comment$"),
    Side("github", "Webshop issues", "issue", "issue", "title", "task", "title", r"/issues$", r"/issues$"),
)  # fmt: skip
BY_SLUG = pytest.mark.parametrize("side", SIDES, ids=[side.slug for side in SIDES])


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with demo_on_real_servers(tmp_path_factory.mktemp("two-way") / "data", **QUICK) as found:
        yield found


@pytest.fixture(scope="module")
def hub(instance: Instance) -> Hub:
    return Hub(instance)


@pytest.fixture(scope="module")
def sandbox(instance: Instance) -> Sandbox:
    return Sandbox(instance)


@pytest.fixture(autouse=True)
def no_trouble_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    for side in SIDES:
        sandbox.turn(side.slug, latency_ms=0, webhooks_on=True)


def project(hub: Hub, side: Side) -> dict[str, Any]:
    """What a new record must say to belong to this system."""
    if side.record_type != "task":
        return {}
    return {
        "project": next(row["id"] for row in hub.records("project") if row["values"]["name"] == "Webshop")
    }


def titles_there(sandbox: Sandbox, side: Side, prefix: str) -> list[str]:
    rows = sandbox.world(side.slug, side.kind)
    return sorted(row[side.title_there] for row in rows if row[side.title_there].startswith(prefix))


def titles_here(hub: Hub, side: Side, prefix: str) -> list[str]:
    rows = (row["values"][side.title_here] or "" for row in hub.records(side.record_type))
    return sorted(title for title in rows if title.startswith(prefix))


def one_here(hub: Hub, side: Side, title: str) -> Callable[[], str]:
    """A check that answers the id of the only record here with this title."""

    def check() -> str:
        found = [
            row["id"] for row in hub.records(side.record_type) if row["values"][side.title_here] == title
        ]
        assert len(found) < 2, f"{title} is here {len(found)} times"
        return str(found[0]) if found else ""

    return check


# ---------------------------------------------------------------- in ordinary times


@BY_SLUG
def test_an_edit_on_either_side_shows_on_the_other(hub: Hub, sandbox: Sandbox, side: Side) -> None:
    integration = hub.integration(side.integration)
    eventually(
        "the webhook is registered",
        lambda: hub.call("GET", f"/integrations/{integration}")["webhook_registration"].get("id"),
    )
    number = sandbox.edit(side.slug, side.kind, None, {side.title_there: "Made there"})
    record = eventually("made there, seen here", one_here(hub, side, "Made there"))
    sandbox.edit(side.slug, side.kind, number, {side.title_there: "Edited there"})
    eventually(
        "edited there, seen here",
        lambda: hub.record(side.record_type, record)["values"][side.title_here] == "Edited there",
    )
    hub.change(side.record_type, record, {side.title_here: "Edited here"})
    eventually("edited here, seen there", lambda: titles_there(sandbox, side, "Edited") == ["Edited here"])
    hub.make(side.record_type, {side.title_here: "Made here", **project(hub, side)})
    eventually("made here, seen there", lambda: titles_there(sandbox, side, "Made here") == ["Made here"])


# ---------------------------------------------------------------- killed in the middle


@BY_SLUG
def test_a_worker_killed_amid_creates_makes_each_record_once(
    instance: Instance, hub: Hub, sandbox: Sandbox, side: Side
) -> None:
    wanted = sorted(f"Once {number:02d}" for number in range(MADE_HERE))
    belongs = project(hub, side)
    sandbox.turn(side.slug, latency_ms=60)
    sandbox.forget_log(side.slug)
    sandbox.lose_answer(side.slug, "POST", side.create_path, seconds=20)
    for title in wanted:
        hub.make(side.record_type, {side.title_here: title, **belongs})
    eventually(
        "a create took effect whose answer is out, and others are done",
        lambda: sandbox.faults_left(side.slug) == 0 and len(titles_there(sandbox, side, "Once")) > 2,
    )
    kill(instance, "worker-io")
    sandbox.turn(side.slug, latency_ms=0)
    eventually("all are there", lambda: set(titles_there(sandbox, side, "Once")) == set(wanted), within=60)
    integration = hub.integration(side.integration)
    eventually(
        "all pairs agree",
        lambda: not [row for row in hub.pairs(integration, side.resource) if row["state"] == "pending"],
        within=60,
    )
    assert titles_there(sandbox, side, "Once") == wanted
    assert titles_here(hub, side, "Once") == wanted


@BY_SLUG
def test_a_worker_killed_amid_a_bulk_run_loses_and_repeats_nothing(
    instance: Instance, hub: Hub, sandbox: Sandbox, side: Side
) -> None:
    integration = hub.integration(side.integration)
    sandbox.turn(side.slug, webhooks_on=False)
    wanted = sorted(f"Bulk {number:03d}" for number in range(MADE_THERE))
    for title in wanted:
        sandbox.edit(side.slug, side.kind, None, {side.title_there: title})
    sandbox.turn(side.slug, latency_ms=150)
    sandbox.forget_log(side.slug)
    job = hub.sync(integration)
    eventually(
        "the run is in the middle of a listing",
        lambda: len(sandbox.requests(side.slug, "GET", side.list_path)) > 1,
    )
    assert hub.job(job)["status"] == "running"
    kill(instance, "worker")
    sandbox.turn(side.slug, latency_ms=0)
    ended = eventually(
        "the run is taken up again and ends",
        lambda: (found := hub.job(job))["finished_at"] and found,
        within=60,
    )
    assert (ended["status"], ended["attempts"]) == ("succeeded", 2)
    assert titles_here(hub, side, "Bulk") == wanted


# ---------------------------------------------------------------- in the end


@BY_SLUG
def test_in_the_end_both_sides_agree_and_are_quiet(hub: Hub, sandbox: Sandbox, side: Side) -> None:
    integration = hub.integration(side.integration)
    pairs = hub.pairs(integration, side.resource)
    assert repeated([row["external_id"] for row in pairs]) == []
    assert repeated([row["record_id"] for row in pairs]) == []
    assert {row["state"] for row in pairs} <= {"synced", "conflict"}
    here = {row["id"]: row["values"][side.title_here] for row in hub.records(side.record_type)}
    there = {
        str(row.get("number") or row["id"]): row[side.title_there]
        for row in sandbox.world(side.slug, side.kind)
    }
    assert [row["external_id"] for row in pairs if here[row["record_id"]] != there[row["external_id"]]] == []

    revisions = {row["id"]: row["revision"] for row in hub.records(side.record_type)}
    sandbox.forget_log(side.slug)
    job = hub.sync(integration, side.resource)
    eventually("a quiet run ends", lambda: hub.job(job)["finished_at"], within=60)
    assert hub.job(job)["status"] == "succeeded"
    assert sandbox.writes(side.slug) == []
    assert {row["id"]: row["revision"] for row in hub.records(side.record_type)} == revisions
