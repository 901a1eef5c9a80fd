"""To Do's oddities, against the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    RateLimited,
    RecordGone,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import AbsenceKind
from connectors.microsoft_todo.connector import CONNECTOR
from integrations.services.statusmaps import status_class, status_suggestion
from sandbox.vendors import microsoft_todo_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
TASKS, SHOP, MARKET, FLAGGED = (row[0] for row in seed.LISTS)
URL = "http://127.0.0.1:9/hooks/todo"


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    """All lists in scope."""
    return open_stand("microsoft_todo", settings={"list_id": ""})


def make(stand: Stand, key: str = "k1", **fields: Any) -> Any:
    return stand.client.create("task", {"title": "Sweep the yard", "hub.list": SHOP, **fields}, key=key)


def walk(stand: Stand, **options: Any) -> tuple[list[Any], list[str], Any]:
    """Records, deleted ids and the last page's resume token of a whole walk."""
    records: list[Any] = []
    gone: list[str] = []
    while True:
        page = stand.client.list_page("task", **options)
        records += page.records
        gone += page.deleted_ids
        if page.next_token is None:
            return records, gone, page.resume
        options["token"] = page.next_token


# --- the change feed ---------------------------------------------------------------------------------------------


def test_a_full_walk_reads_every_list_but_the_flagged_mails(stand: Stand) -> None:
    records, gone, resume = walk(stand)
    assert (len(records), gone) == (13, [])
    assert {one.container for one in records} == {TASKS, SHOP, MARKET}
    assert set(resume["at"]["resume"]) == {TASKS, SHOP, MARKET}


def test_the_feed_goes_on_where_it_was_and_tells_what_is_gone(stand: Stand) -> None:
    records, _, resume = walk(stand)
    dropped, moved = records[0], next(one for one in records if one.container == SHOP)
    new = make(stand)
    stand.client.delete("task", dropped.id)
    stand.vendor.edit("task", moved.id.split(":")[1], {"list": MARKET})
    changed, gone, again = walk(stand, token=resume)
    assert set(gone) == {dropped.id, moved.id}
    assert {one.id for one in changed} > {new.id}
    assert {one.data["title"] for one in changed} == {new.data["title"], moved.data["title"]}
    assert walk(stand, token=again)[:2] == ([], [])


def test_a_feed_that_forgot_its_place_starts_over(stand: Stand) -> None:
    _, _, resume = walk(stand)
    stand.vendor.forget_changes()  # type: ignore[attr-defined]
    records, gone, again = walk(stand, token=resume)
    assert (len(records), gone) == (13, [])
    assert again["at"]["resume"] != resume["at"]["resume"]


def test_a_list_made_since_is_read_in_full(stand: Stand) -> None:
    _, _, resume = walk(stand)
    made = stand.client.create("list", {"displayName": "Easter"}, key="k")
    task = make(stand, **{"hub.list": made.id})
    assert task.id in {one.id for one in walk(stand, token=resume)[0]}


def test_pages_of_the_feed_follow_each_other(stand: Stand) -> None:
    for number in range(130):
        make(stand, key=f"k{number}")
    records, _, _ = walk(stand)
    assert len({one.id for one in records}) == len(records) == 143
    asked = [one for one in stand.vendor.requests if one.path.endswith("/delta()")]
    assert len(asked) == 4
    assert all(one.headers["prefer"] == "odata.maxpagesize=100" for one in asked)


def test_changes_are_asked_for_by_time_without_a_place_in_the_feed(stand: Stand) -> None:
    task = make(stand)
    records, _, resume = walk(stand, since=task.updated_at - timedelta(minutes=2))
    assert ([one.id for one in records], resume) == ([task.id], None)
    asked = [one.query for one in stand.vendor.requests if "$filter" in one.query]
    assert asked[0]["$filter"][0].startswith("lastModifiedDateTime ge 20")


def test_a_chosen_list_that_is_gone_is_no_empty_listing(open_stand: Opener) -> None:
    stand = open_stand("microsoft_todo", settings={"list_id": "AQMkAGone="})
    with pytest.raises(RecordGone):
        stand.client.list_page("task")
    assert not stand.client.check().ok


# --- reading many ------------------------------------------------------------------------------------------------


def test_twenty_tasks_are_read_with_one_request(stand: Stand) -> None:
    ids = [make(stand, key=f"k{n}").id for n in range(25)]
    stand.vendor.requests.clear()
    found = stand.client.get_many("task", [*ids, f"{SHOP}:AAMkGone=", f"{SHOP}:malformed"])
    assert set(found) == set(ids)
    assert [one.path for one in stand.vendor.requests] == ["/v1.0/$batch", "/v1.0/$batch"]


def test_a_limit_inside_a_batch_is_a_limit(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.fail("status", status=429, headers={"Retry-After": "11"}, method="BATCHED")
    with pytest.raises(RateLimited) as caught:
        stand.client.get_many("task", [task.id])
    assert caught.value.retry_after == 11


@pytest.mark.parametrize(
    "answer",
    [{}, {"responses": [{}]}, {"responses": []}, {"responses": [{"id": "0", "status": 200, "body": None}]}],
)
def test_a_batch_that_answers_nonsense_breaks_the_contract(stand: Stand, answer: Any) -> None:
    stand.vendor.fail("status", status=200, body=answer)
    with pytest.raises(ContractBroken):
        stand.client.get_many("task", [f"{SHOP}:AAMk="])


# --- writing -----------------------------------------------------------------------------------------------------


def test_completing_fills_the_day_and_reopening_clears_it(stand: Stand) -> None:
    task = make(stand)
    done = stand.client.update("task", task.id, {"status": "completed"}, current=task)
    assert done.data["hub"]["completed_at"].endswith("T00:00:00Z")
    again = stand.client.update("task", task.id, {"status": "notStarted"}, current=done)
    assert again.data["hub"]["completed_at"] is None


def test_only_what_changes_is_sent_and_the_marker_stays(stand: Stand) -> None:
    task = make(stand, key="the-key")
    stand.vendor.requests.clear()
    after = stand.client.update("task", task.id, {"importance": "high"}, current=task)
    assert [one.body for one in stand.vendor.requests if one.method == "PATCH"] == [{"importance": "high"}]
    assert after.data["hub"]["key"] == task.data["hub"]["key"] == "the-key"


def test_a_task_changed_meanwhile_makes_the_write_stale(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.edit("task", task.id.split(":")[1], {"title": "By hand"})
    with pytest.raises(StaleWrite):
        stand.client.update("task", task.id, {"title": "By the hub"}, current=task)
    assert not [one for one in stand.vendor.requests if one.method == "PATCH"]


def test_a_task_without_a_project_goes_to_the_default_list(stand: Stand, open_stand: Opener) -> None:
    assert stand.client.create("task", {"title": "x"}, key="k").container == TASKS
    chosen = open_stand("microsoft_todo", settings={"list_id": "", "default_list": MARKET})
    assert chosen.client.create("task", {"title": "x"}, key="k").container == MARKET


def test_a_category_of_the_same_name_is_taken_not_made(stand: Stand) -> None:
    found = stand.client.create("category", {"displayName": "suppliers"}, key="k")
    assert found.id == seed.CATEGORIES[1][0]


def test_the_built_in_list_cannot_be_renamed(stand: Stand) -> None:
    row = stand.client.get("list", TASKS)
    with pytest.raises(RecordProblem):
        stand.client.update("list", TASKS, {"displayName": "Mine"}, current=row)


# --- absence -----------------------------------------------------------------------------------------------------


def test_a_task_whose_list_is_gone_is_not_called_deleted(stand: Stand) -> None:
    made = stand.client.create("list", {"displayName": "Easter"}, key="k")
    task = make(stand, **{"hub.list": made.id})
    stand.vendor.remove("list", made.id)
    assert stand.client.explain_absence("task", [task.id])[task.id].kind is AbsenceKind.UNKNOWN


def test_a_task_of_another_list_is_out_of_the_filter(open_stand: Opener) -> None:
    stand = open_stand("microsoft_todo")  # the shop's list is chosen
    id = f"{MARKET}:AAMk="
    assert stand.client.explain_absence("task", [id])[id].kind is AbsenceKind.OUT_OF_FILTER


# --- signing in --------------------------------------------------------------------------------------------------


def test_a_renewal_stores_the_new_refresh_token(open_stand: Opener) -> None:
    stored: dict[str, Any] = {}

    def refresh(exchange: Any) -> Any:
        before = stored or {
            "client_id": seed.CLIENT_ID,
            "client_secret": seed.CLIENT_SECRET,
            "refresh_token": seed.REFRESH_TOKEN,
        }
        fresh = exchange(before)
        stored.clear()
        stored.update(fresh)
        return fresh

    stand = open_stand("microsoft_todo", secrets={"access_token": ""}, refresh_secrets=refresh)
    assert stand.client.check().account == seed.NAME
    assert stored["refresh_token"] not in ("", seed.REFRESH_TOKEN)
    asked = [one for one in stand.vendor.requests if one.path == "/common/oauth2/v2.0/token"]
    assert len(asked) == 1


def test_a_consent_taken_back_asks_for_a_person(open_stand: Opener) -> None:
    stand = open_stand("microsoft_todo", secrets={"access_token": "", "refresh_token": "revoked"})
    with pytest.raises(ConfigurationProblem, match="AADSTS70000"):
        stand.client.list_page("list")


def test_an_account_without_a_mailbox_is_told_so(stand: Stand) -> None:
    body = {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": "REST API is not yet supported."}}
    stand.vendor.fail("status", status=404, body=body, path="/lists$")
    with pytest.raises(ConfigurationProblem, match="no mailbox"):
        stand.client.list_page("list")


def test_a_missing_scope_is_named(stand: Stand) -> None:
    body = {"error": {"code": "ErrorAccessDenied", "message": "Access is denied."}}
    stand.vendor.fail("status", status=403, body=body, path="/lists$")
    report = stand.client.check()
    assert (report.ok, report.missing_scopes) == (False, ("Tasks.ReadWrite",))


# --- subscriptions -----------------------------------------------------------------------------------------------


def test_each_list_has_its_subscription(stand: Stand) -> None:
    made = stand.client.ensure_webhook(URL, "s3cret")
    assert made is not None
    assert len(made.id.split(",")) == 3
    assert made.expires_at is not None
    assert timedelta(days=2.9) < made.expires_at - datetime.now(UTC) < timedelta(minutes=4230)
    rows = stand.vendor.world.all("subscription")
    assert {row["clientState"] for row in rows} == {"s3cret"}
    assert {row["lifecycleNotificationUrl"] for row in rows} == {URL}
    assert stand.client.remove_webhooks(URL) == 3


def test_a_subscription_is_renewed_when_it_runs_out_soon(stand: Stand) -> None:
    first = stand.client.ensure_webhook(URL, "s3cret")
    assert first is not None
    for row in stand.vendor.world.all("subscription"):
        soon = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
        stand.vendor.world.put("subscription", row["id"], {**row, "expirationDateTime": soon})
    stand.vendor.requests.clear()
    second = stand.client.ensure_webhook(URL, "s3cret")
    assert second is not None
    assert second.id == first.id
    assert [one.method for one in stand.vendor.requests if one.path.startswith("/v1.0/sub")] == [
        "GET",
        *["PATCH"] * 3,
    ]
    assert second.expires_at is not None
    assert second.expires_at > datetime.now(UTC) + timedelta(days=2)


def test_one_that_ran_out_is_made_anew_and_that_of_a_lost_list_dropped(stand: Stand) -> None:
    made = stand.client.create("list", {"displayName": "Easter"}, key="k")
    stand.client.ensure_webhook(URL, "s3cret")
    stand.vendor.remove("list", made.id)
    row = next(one for one in stand.vendor.world.all("subscription") if SHOP in one["resource"])
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    stand.vendor.world.put("subscription", row["id"], {**row, "expirationDateTime": past})
    again = stand.client.ensure_webhook(URL, "s3cret")
    assert again is not None
    assert row["id"] not in again.id
    assert len(again.id.split(",")) == 3


class _Hub(BaseHTTPRequestHandler):
    """A hub that answers the handshake as Microsoft wants it, or with HTML."""

    content_type = "text/plain"

    def do_POST(self) -> None:
        token = parse_qs(urlsplit(self.path).query).get("validationToken", [""])[0]
        self.send_response(200)
        self.send_header("Content-Type", self.content_type)
        self.end_headers()
        self.wfile.write(token.encode())

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def hub() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


def test_an_address_that_does_not_echo_gets_no_subscription(
    stand: Stand, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stand.client.ensure_webhook(hub, "s3cret") is not None
    stand.client.remove_webhooks(hub)
    monkeypatch.setattr(_Hub, "content_type", "text/html")
    with pytest.raises(RecordProblem, match="validation request failed"):
        stand.client.ensure_webhook(hub, "s3cret")


# --- set-up ------------------------------------------------------------------------------------------------------


def test_lists_and_statuses_can_be_picked_and_their_stages_are_suggested(stand: Stand) -> None:
    assert [one.name for one in stand.client.containers()] == ["Tasks", "Shop", "Market stall"]
    statuses = stand.client.containers("status")
    stages = ("backlog", "todo", "in_progress", "review", "done")
    assert [(one.name, status_suggestion(one.name, status_class(one), stages)) for one in statuses] == [
        ("Not started", "backlog"),
        ("In progress", "in_progress"),
        ("Waiting on others", "in_progress"),
        ("Deferred", "backlog"),
        ("Completed", "done"),
    ]
    built_in = CONNECTOR.resource("task").links[2].transform
    assert built_in is not None
    assert list(built_in["map"].values()) == ["todo", "in_progress", "review", "backlog", "done"]
    assert {one.name for one in stand.client.containers("category")} == {row[1] for row in seed.CATEGORIES}
