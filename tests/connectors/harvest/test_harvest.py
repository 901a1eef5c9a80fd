"""What is particular to Harvest: hours of two places, two ways to track, timers, locks, and proof by a reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, Can
from connectors.harvest import client as harvest_client
from connectors.harvest.connector import CONNECTOR
from connectors.harvest.entries import format_clock, normalised, parse_clock
from connectors.harvest.zones import _IANA, zone_named
from sandbox.vendors import harvest_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
PROJECT, TASK = seed.PROJECTS[0][0], seed.TASKS[0][0]
DAY = "2026-11-20"


def entry(**fields: Any) -> dict[str, Any]:
    return {"project.id": PROJECT, "task.id": TASK, "spent_date": DAY, "notes": "Signs", **fields}


def by_the_clock(stand: Stand, **company: Any) -> Stand:
    """The account tracks by start and end from now on."""
    stand.vendor.edit("company", "company", {"wants_timestamp_timers": True, **company})
    return stand


# --- by duration ----------------------------------------------------------------------------------------------------


def test_hours_have_two_places_and_the_key_goes_along(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    made = stand.client.create("time_entry", entry(hours=0.3333), key="key-1")
    sent = stand.vendor.requests[-1].body
    assert sent["hours"] == 0.33
    assert sent["external_reference"] == {"id": "key-1", "group_id": "lockstep"}
    assert made.data["hours"] == 0.33


def test_times_of_the_day_are_no_part_of_an_account_that_tracks_by_duration(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    fields = {
        "project.id": PROJECT,
        "task.id": TASK,
        "started_at": "2026-11-20T22:30:00Z",
        "ended_at": "2026-11-21T00:00:00Z",
    }
    stand.client.create("time_entry", fields, key="k")
    sent = stand.vendor.requests[-1].body
    # 22:30 in London is 23:30 in Berlin, where the person is
    assert (sent["spent_date"], sent["hours"]) == ("2026-11-20", 1.5)
    assert "started_time" not in sent


def test_an_entry_without_day_project_or_task_is_refused_by_name(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    for left_out in ("spent_date", "project.id", "task.id"):
        fields = {name: value for name, value in entry(hours=1).items() if name != left_out}
        with pytest.raises(RecordProblem) as caught:
            stand.client.create("time_entry", fields, key="k")
        assert caught.value.field == left_out


def test_the_settings_name_project_and_task_for_entries_without(open_stand: Opener) -> None:
    stand = open_stand("harvest", settings={"default_project_id": str(PROJECT), "default_task_id": str(TASK)})
    made = stand.client.create("time_entry", {"spent_date": DAY, "hours": 1}, key="k")
    assert (made.data["project"]["id"], made.data["task"]["id"]) == (PROJECT, TASK)


def test_billable_cannot_be_written(open_stand: Opener) -> None:
    with pytest.raises(RecordProblem, match="project's task"):
        open_stand("harvest").client.create("time_entry", entry(hours=1, billable=True), key="k")


# --- by the clock ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clock", "sent"), [("12h", ("8:05am", "1:30pm")), ("24h", ("8:05", "13:30"))])
def test_start_and_end_are_told_in_the_persons_zone(
    open_stand: Opener, clock: str, sent: tuple[str, str]
) -> None:
    stand = by_the_clock(open_stand("harvest"), clock=clock)
    fields = entry(started_at="2026-11-20T07:05:00Z", ended_at="2026-11-20T12:30:00Z", hours=5.42)
    made = stand.client.create("time_entry", fields, key="k")
    body = stand.vendor.requests[-1].body if stand.vendor.requests[-1].method == "POST" else None
    body = body or next(one.body for one in reversed(stand.vendor.requests) if one.method == "POST")
    assert (body["started_time"], body["ended_time"]) == sent
    assert "hours" not in body
    assert (made.data["started_at"], made.data["ended_at"]) == (
        "2026-11-20T07:05:00Z",
        "2026-11-20T12:30:00Z",
    )


def test_a_colleagues_times_count_in_the_colleagues_zone(open_stand: Opener) -> None:
    stand = by_the_clock(open_stand("harvest"))
    fields = entry(
        **{
            "user.id": seed.USERS[1][0],
            "started_at": "2026-11-20T14:00:00Z",
            "ended_at": "2026-11-20T15:00:00Z",
        }
    )
    stand.client.create("time_entry", fields, key="k")
    body = next(one.body for one in reversed(stand.vendor.requests) if one.method == "POST")
    assert (body["started_time"], body["ended_time"]) == ("9:00am", "10:00am")


def test_midnight_cannot_be_passed(open_stand: Opener) -> None:
    stand = by_the_clock(open_stand("harvest"))
    fields = entry(started_at="2026-11-20T22:30:00Z", ended_at="2026-11-20T23:30:00Z")
    with pytest.raises(RecordProblem, match="midnight") as caught:
        stand.client.create("time_entry", fields, key="k")
    assert caught.value.field == "ended_at"


def test_hours_without_a_start_would_start_a_timer_and_are_refused(open_stand: Opener) -> None:
    stand = by_the_clock(open_stand("harvest"))
    with pytest.raises(RecordProblem) as caught:
        stand.client.create("time_entry", entry(hours=1), key="k")
    assert caught.value.field == "started_at"
    assert not [one for one in stand.vendor.requests if one.method == "POST"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("8:00am", time(8)),
        ("12:15am", time(0, 15)),
        ("12:00 pm", time(12)),
        ("17:45", time(17, 45)),
        ("25:00", None),
        ("", None),
        (None, None),
    ],
)
def test_times_of_the_day_are_read(text: Any, at: time | None) -> None:
    assert parse_clock(text) == at


def test_times_of_the_day_are_written_as_the_account_shows_them() -> None:
    assert [format_clock(at, is_24h=False) for at in (time(0, 5), time(12), time(23, 59))] == [
        "12:05am",
        "12:00pm",
        "11:59pm",
    ]
    assert format_clock(time(7, 5), is_24h=True) == "7:05"


def test_every_zone_that_harvest_names_is_known_here() -> None:
    assert [name for name in _IANA if zone_named(name) is None] == []
    assert zone_named("Eastern Time (US & Canada)") == ZoneInfo("America/New_York")
    assert zone_named("Middle Earth") is None


# --- timers ---------------------------------------------------------------------------------------------------------


def test_what_a_running_timer_counts_is_no_change() -> None:
    row = {"id": 1, "is_running": True, "hours": 2.75, "hours_without_timer": 1.0, "spent_date": DAY, "timer_started_at": "2026-11-20T09:00:00Z"}  # fmt: skip
    data = normalised(row, None)
    assert (data["hours"], data["started_at"], data["ended_at"]) == (1.0, "2026-11-20T09:00:00Z", None)
    assert "rounded_hours" not in data


def test_an_end_stops_the_timer_before_the_hours_are_written(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    running = stand.client.create("time_entry", entry(), key="k")
    assert running.data["is_running"]
    stand.vendor.requests.clear()
    stopped = stand.client.update("time_entry", running.id, {"hours": 0.5}, current=running)
    writes = [
        (one.path.rsplit("/", 1)[-1], one.body) for one in stand.vendor.requests if one.method == "PATCH"
    ]
    assert writes == [("stop", {}), (running.id, {"hours": 0.5})]
    assert (stopped.data["is_running"], stopped.data["hours"]) == (False, 0.5)


def test_an_emptied_end_starts_the_timer_again(open_stand: Opener) -> None:
    stand = by_the_clock(open_stand("harvest"))
    fields = entry(started_at="2026-11-20T08:00:00Z", ended_at="2026-11-20T09:00:00Z")
    made = stand.client.create("time_entry", fields, key="k")
    again = stand.client.update("time_entry", made.id, {"ended_at": None, "hours": None}, current=made)
    assert again.data["is_running"]
    assert stand.vendor.requests[-1].path.endswith("/restart")


# --- refusals and proofs --------------------------------------------------------------------------------------------


def test_a_locked_entry_is_held_not_repeated(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    locked = next(one for one in stand.client.list_page("time_entry").records if one.data["is_locked"])
    with pytest.raises(PermissionProblem, match="locked") as caught:
        stand.client.update("time_entry", locked.id, {"notes": "Late"}, current=locked)
    assert caught.value.status == 422
    assert stand.client.get("time_entry", locked.id).data["notes"] == locked.data["notes"]


def test_a_change_by_somebody_else_makes_the_write_stale(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    made = stand.client.create("time_entry", entry(hours=1), key="k")
    stand.vendor.edit("time_entry", made.id, {"hours": 2})
    with pytest.raises(StaleWrite):
        stand.client.update("time_entry", made.id, {"spent_date": "2026-11-19"}, current=made)
    assert stand.client.get("time_entry", made.id).data["spent_date"] == DAY


def test_an_administrators_404_proves_a_deletion_and_a_members_does_not(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    made = stand.client.create("time_entry", entry(hours=1), key="k")
    stand.vendor.remove("time_entry", made.id)
    assert stand.client.explain_absence("time_entry", [made.id])[made.id].kind is AbsenceKind.DELETED
    me = stand.vendor.world.get("user", seed.ME) or {}
    stand.vendor.world.put("user", seed.ME, {**me, "access_roles": ["member"]})
    assert stand.client.explain_absence("time_entry", [made.id])[made.id].kind is AbsenceKind.UNKNOWN


def test_projects_are_archived_and_never_deleted(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    assert Can.DELETE not in CONNECTOR.resource("project").can
    with pytest.raises(ContractBroken):
        stand.client.delete("project", str(PROJECT))
    stand.client.archive("project", str(PROJECT))
    assert stand.client.get("project", str(PROJECT)).is_archived
    assert stand.vendor.world.count("time_entry") == 24


def test_a_project_needs_a_client_from_the_settings(open_stand: Opener) -> None:
    stand = open_stand("harvest", settings={"default_client_id": ""})
    with pytest.raises(RecordProblem) as caught:
        stand.client.create("project", {"name": "Homeless"}, key="k")
    assert caught.value.field == "client.id"


def test_pages_are_followed_by_their_links_to_the_end(
    open_stand: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = open_stand("harvest")
    small = dataclasses.replace(harvest_client.ENDPOINTS["time_entry"], list_params={"per_page": 7})
    monkeypatch.setattr(
        stand.client, "endpoints", {**harvest_client.ENDPOINTS, "time_entry": small}, raising=False
    )
    found = [one.id for one in stand.client.walk("time_entry")]  # type: ignore[attr-defined]
    assert len(found) == len(set(found)) == 24
    assert [one.query["page"] for one in stand.vendor.requests if "page" in one.query] == [
        ["2"],
        ["3"],
        ["4"],
    ]


def test_a_listing_without_links_is_not_taken_for_the_end(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    stand.vendor.fail("status", status=200, body={"time_entries": []}, path="^/time_entries")
    with pytest.raises(ContractBroken, match="more"):
        stand.client.list_page("time_entry")


def test_the_account_must_belong_to_the_token(open_stand: Opener) -> None:
    stand = open_stand("harvest", settings={"account_id": "99"})
    with pytest.raises(ConfigurationProblem, match="account ID"):
        stand.client.list_page("user")


def test_the_three_headers_go_on_every_request(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    stand.client.list_page("project", since=datetime.now(UTC) - timedelta(days=1))
    for one in stand.vendor.requests:
        assert one.headers["harvest-account-id"] == seed.ACCOUNT
        assert one.headers["user-agent"].startswith("Lockstep (")
    since = stand.vendor.requests[0].query["updated_since"][0]
    assert date.fromisoformat(since[:10]) == (datetime.now(UTC) - timedelta(days=1)).date()


def test_settings_are_refused_by_name() -> None:
    assert CONNECTOR.validate is not None
    assert [name for name, _ in CONNECTOR.validate({"account_id": "feldhaus", "default_task_id": "x"})] == [
        "account_id",
        "default_task_id",
    ]


def test_tasks_of_a_project_can_be_picked(open_stand: Opener) -> None:
    stand = open_stand("harvest")
    client = stand.client
    stand.vendor.edit("task", str(seed.TASKS[-1][0]), {"is_active": False})
    offered = [one.name for one in client.containers("task", str(PROJECT))]
    assert offered == ["Graphic design", "Programming", "Project management", "Research"]
    assert [one.name for one in client.containers("project", str(seed.CLIENTS[0][0]))] == ["Way-finding"]


def test_each_record_links_to_its_page(open_stand: Opener) -> None:
    client = open_stand("harvest").client
    found = client.list_page("time_entry").records[0]
    day = str(found.data["spent_date"]).replace("-", "/")
    assert found.url == f"https://feldhaus.harvestapp.com/time/day/{day}/{found.data['user']['id']}"
