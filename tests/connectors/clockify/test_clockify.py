"""What is particular to Clockify: whole records replaced, 400 for what is missing, days with a margin, tokens of webhooks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.clockify.connector import CONNECTOR, budgets_of
from connectors.clockify.webhooks import IGNORED, PEOPLE, RESOURCES, SUBSCRIBED, WEBHOOKS
from sandbox.vendors import clockify_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
PAYLOADS = Path(__file__).parent / "payloads"
HOOK = "http://127.0.0.1:9/h"


def sample(stand: Stand) -> dict[str, Any]:
    return dict(stand.fixture.samples["time_entry"])


def last_write(stand: Stand) -> Any:
    return next(one.body for one in reversed(stand.vendor.requests) if one.method in ("POST", "PUT"))


# --- errors ---------------------------------------------------------------------------------------------------------


def test_a_400_that_says_it_does_not_belong_here_means_missing(open_stand: Opener) -> None:
    with pytest.raises(RecordGone) as caught:
        open_stand("clockify").client.get("time_entry", seed.id_of(0xFFFFF))
    assert caught.value.status == 400
    assert not caught.value.proven


def test_an_unknown_address_is_no_missing_record(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    stand.vendor.fail("status", status=404, body={"message": "No static resource", "code": 3000})
    with pytest.raises(ContractBroken, match="no such address"):
        stand.client.get("project", seed.PROJECTS[0][0])


def test_a_rule_of_the_workspace_refuses_the_record(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    stand.vendor.world.put("rules", "rules", {"forceDescription": True})
    with pytest.raises(RecordProblem, match="Description is required"):
        stand.client.create("time_entry", {**sample(stand), "description": ""}, key="k")


def test_a_locked_entry_is_held(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", sample(stand), key="k")
    stored = stand.vendor.world.get("time_entry", made.id) or {}
    stand.vendor.world.put("time_entry", made.id, {**stored, "isLocked": True})
    with pytest.raises(PermissionProblem, match="locked"):
        stand.client.update("time_entry", made.id, {"description": "Late"}, current=made)


def test_a_429_names_no_time_to_wait(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    stand.vendor.turn(limit_per_minute=1)
    stand.client.whoami()  # type: ignore[attr-defined]
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("project")
    assert caught.value.retry_after is None


def test_a_free_workspace_has_thirty_requests_an_hour() -> None:
    assert [(one.requests, one.per_seconds) for one in budgets_of("free")] == [(150, 30), (30, 3600)]
    assert len(budgets_of("paid")) == 1


# --- reading --------------------------------------------------------------------------------------------------------


def test_entries_come_person_by_person_and_each_once(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    found = list(stand.client.walk("time_entry"))  # type: ignore[attr-defined]
    assert len(found) == len({one.id for one in found}) == 26
    assert {one.data["userId"] for one in found} == {user[0] for user in seed.USERS}
    assert {one.path.split("/")[6] for one in stand.vendor.requests if "/time-entries" in one.path} == {
        u[0] for u in seed.USERS
    }


def test_whole_days_with_one_of_margin_are_asked_for_and_the_rest_left_out(open_stand: Opener) -> None:
    stand = open_stand("clockify", settings={"history_days": "7"})
    today = datetime.now(UTC).date()
    for days in (7, 8):
        at = datetime.combine(today - timedelta(days=days), datetime.min.time(), UTC) + timedelta(hours=1)
        times = {"start": at.isoformat(), "end": (at + timedelta(minutes=5)).isoformat()}
        stand.client.create(
            "time_entry", {**sample(stand), **times, "seconds": 300, "description": f"{days} days"}, key="k"
        )
    stand.vendor.requests.clear()
    notes = {one.data["description"] for one in stand.client.walk("time_entry")}  # type: ignore[attr-defined]
    assert "7 days" in notes
    assert "8 days" not in notes
    asked = next(one.query for one in stand.vendor.requests if "start" in one.query)
    assert asked["start"] == [f"{today - timedelta(days=8)}T00:00:00Z"]


def test_with_mine_only_the_keys_owner_is_read(open_stand: Opener) -> None:
    stand = open_stand("clockify", settings={"entries": "mine"})
    assert {one.data["userId"] for one in stand.client.walk("time_entry")} == {seed.ME}  # type: ignore[attr-defined]


def test_holidays_and_time_off_are_no_work(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", sample(stand), key="k")
    stored = stand.vendor.world.get("time_entry", made.id) or {}
    stand.vendor.world.put("time_entry", made.id, {**stored, "type": "HOLIDAY"})
    assert made.id not in {one.id for one in stand.client.walk("time_entry")}  # type: ignore[attr-defined]
    with pytest.raises(RecordGone, match="holiday"):
        stand.client.get("time_entry", made.id)


def test_tasks_come_project_by_project_and_are_found_by_their_id_alone(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    task = stand.client.get("task", seed.TASKS[3][0])
    assert (task.data["name"], task.data["projectId"], task.data["estimate_seconds"]) == (
        "Checkout",
        seed.PROJECTS[2][0],
        86400,
    )


# --- writing --------------------------------------------------------------------------------------------------------


def test_an_update_says_the_whole_entry_so_that_nothing_is_emptied(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", sample(stand), key="k")
    changed = stand.client.update("time_entry", made.id, {"description": "Only this"}, current=made)
    assert changed.data | {"description": 0} == made.data | {"description": 0}
    assert last_write(stand) == {
        "start": made.data["start"],
        "end": made.data["end"],
        "description": "Only this",
        "billable": True,
        "projectId": seed.PROJECTS[0][0],
        "taskId": seed.TASKS[0][0],
        "tagIds": [seed.TAGS[0][0]],
        "type": "REGULAR",
        "customFields": [],
    }


def test_a_new_project_takes_the_old_task_away(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", sample(stand), key="k")
    changed = stand.client.update("time_entry", made.id, {"projectId": seed.PROJECTS[1][0]}, current=made)
    assert (changed.data["projectId"], changed.data["taskId"]) == (seed.PROJECTS[1][0], None)


def test_a_running_entry_has_no_end_and_stops_with_one(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    start = (datetime.now(UTC) - timedelta(minutes=30)).replace(microsecond=0)
    made = stand.client.create("time_entry", {"start": start.isoformat(), "description": "Timer"}, key="k")
    assert (made.data["end"], made.data["seconds"], made.data["running"]) == (None, None, True)
    stopped = stand.client.update("time_entry", made.id, {"seconds": 600}, current=made)
    assert (stopped.data["seconds"], stopped.data["running"]) == (600, False)
    assert datetime.fromisoformat(stopped.data["end"]) == start + timedelta(minutes=10)


def test_an_entry_for_a_colleague_is_made_under_the_colleague(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", {**sample(stand), "userId": seed.USERS[1][0]}, key="k")
    assert made.data["userId"] == seed.USERS[1][0]


def test_a_change_by_somebody_else_makes_the_write_stale(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", sample(stand), key="k")
    stand.vendor.edit("time_entry", made.id, {"description": "Changed there"})
    with pytest.raises(StaleWrite):
        stand.client.update("time_entry", made.id, {"description": "Changed here"}, current=made)
    assert stand.client.get("time_entry", made.id).data["description"] == "Changed there"


def test_renaming_a_client_keeps_its_address(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("client", {"name": "Quay", "address": "Quay 1"}, key="k")
    changed = stand.client.update("client", made.id, {"name": "Quay Ltd"}, current=made)
    assert (changed.data["name"], changed.data["address"]) == ("Quay Ltd", "Quay 1")
    assert "email" not in last_write(stand)


def test_what_is_active_is_archived_before_it_is_deleted(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("project", {"name": "Short lived"}, key="k")
    stand.vendor.requests.clear()
    stand.client.delete("project", made.id)
    writes = [(one.method, one.body) for one in stand.vendor.requests if one.method != "GET"]
    assert [method for method, _ in writes] == ["PUT", "DELETE"]
    assert writes[0][1]["archived"] is True


def test_without_the_feed_of_deletions_a_missing_entry_stays_unknown(open_stand: Opener) -> None:
    stand = open_stand("clockify")
    made = stand.client.create("time_entry", sample(stand), key="k")
    stand.client.delete("time_entry", made.id)
    stand.vendor.fail("status", status=403, path="entities/deleted")
    assert stand.client.explain_absence("time_entry", [made.id])[made.id].kind is AbsenceKind.UNKNOWN
    assert stand.client.explain_absence("time_entry", [made.id])[made.id].kind is AbsenceKind.DELETED


# --- webhooks -------------------------------------------------------------------------------------------------------


def request(event: str, token: str = "t1", header: str = "clockify-signature") -> WebhookRequest:
    headers = {header: token, "clockify-webhook-event-type": event}
    return WebhookRequest("POST", headers, b"{}", {}, "https://hub.example.org/h", datetime.now(UTC))


def test_the_tokens_that_clockify_makes_become_the_secret_that_proves_its_webhooks(
    open_stand: Opener,
) -> None:
    stored: dict[str, Any] = {"api_key": seed.API_KEY}

    def keep(exchange: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
        stored.update(exchange(stored))
        return stored

    stand = open_stand("clockify", refresh_secrets=keep)
    registration = stand.client.ensure_webhook(HOOK, "unused")
    assert registration is not None
    assert tuple(registration.events) == SUBSCRIBED
    assert stored["webhook_tokens"].split() == [seed.token_of(event) for event in SUBSCRIBED]
    stand.client.create("time_entry", sample(stand), key="k")
    stand.vendor.sender.flush()
    sent = stand.vendor.sender.deliveries("clockify")[-1]
    received = WebhookRequest(
        "POST", {k.lower(): v for k, v in sent.headers.items()}, sent.body, {}, HOOK, datetime.now(UTC)
    )
    WEBHOOKS.verify(received, [stored[str(CONNECTOR.webhook_secret_from)]], {})


def test_a_free_workspace_gets_three_webhooks_and_one_switched_off_is_woken(open_stand: Opener) -> None:
    stand = open_stand("clockify", settings={"plan": "free"})
    stand.client.ensure_webhook(HOOK, "")
    hooks = stand.vendor.world.all("webhook")
    assert [one["webhookEvent"] for one in hooks] == list(SUBSCRIBED[:3])
    stand.vendor.world.put("webhook", hooks[0]["id"], {**hooks[0], "deliveryEnabled": False})
    stand.client.ensure_webhook(HOOK, "")
    assert all(one["deliveryEnabled"] for one in stand.vendor.world.all("webhook"))
    assert stand.vendor.world.count("webhook") == 3


@pytest.mark.parametrize("header", ["clockify-signature", "clockify-signature-token"])
def test_the_token_is_read_under_both_names(header: str) -> None:
    WEBHOOKS.verify(request("NEW_TAG", header=header), ["t0 t1 t2"], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request("NEW_TAG", token="t", header=header), ["t0 t1 t2"], {})


def test_a_body_as_it_comes_names_the_entry_and_nothing_else_is_believed() -> None:
    payload = json.loads((PAYLOADS / "time_entry_updated.json").read_bytes())
    hint = ChangeHint("time_entry", "64c777ddd3fcab07cfb00041", "TIME_ENTRY_UPDATED", False, seed.ME)
    assert WEBHOOKS.parse(request("TIME_ENTRY_UPDATED"), payload, {"workspace_id": seed.WORKSPACE}) == [hint]
    assert (
        WEBHOOKS.parse(request("TIME_ENTRY_UPDATED"), payload, {"workspace_id": seed.OTHER_WORKSPACE}) == []
    )
    nameless = dataclasses.replace(request(""), headers={"clockify-signature": "t1"})
    assert WEBHOOKS.parse(nameless, payload, {}) == [hint]


def test_each_event_of_the_vendors_document_is_known_or_ignored_on_purpose() -> None:
    assert RESOURCES.keys().isdisjoint(IGNORED)
    assert len(RESOURCES) + len(PEOPLE) + len(IGNORED) == 51
    assert WEBHOOKS.parse(request("NEW_INVOICE"), {"id": "x"}, {}) == []
    assert WEBHOOKS.parse(request("USER_UPDATED"), {"id": "x"}, {}) == [
        ChangeHint("user", event="USER_UPDATED")
    ]
    with pytest.raises(UnknownEvent):
        WEBHOOKS.parse(request("COFFEE_MADE"), {"id": "x"}, {})


# --- settings -------------------------------------------------------------------------------------------------------


def test_settings_are_refused_by_name() -> None:
    assert CONNECTOR.validate is not None
    wrong = {"workspace_id": "agency", "history_days": "x"}
    assert [name for name, _ in CONNECTOR.validate(wrong)] == list(wrong)
    assert CONNECTOR.validate({"workspace_id": seed.WORKSPACE, "plan": "paid"}) == []


def test_workspaces_and_tasks_of_a_project_can_be_picked(open_stand: Opener) -> None:
    client = open_stand("clockify").client
    assert [one.id for one in client.containers()] == [seed.WORKSPACE, seed.OTHER_WORKSPACE]
    assert [one.name for one in client.containers("task", seed.PROJECTS[0][0])] == ["Search", "Map tiles"]
