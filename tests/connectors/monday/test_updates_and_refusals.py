"""Updates of monday.com, what became of absent items, what refusals mean, and the board's webhooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind
from connectors.monday.client import MondayClient
from sandbox.vendors import monday_seed as seed
from sandbox.vendors.monday_state import FIRST_ITEM, ITEM_IDS
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
SECOND = str(ITEM_IDS + 2)


def refused(code: str, message: str = "no", status: int = 200, **extensions: Any) -> dict[str, Any]:
    body = {"errors": [{"message": message, "extensions": {"code": code, **extensions}}], "data": {}}
    return {"status": status, "body": body}


def client_of(stand: Stand) -> MondayClient:
    assert isinstance(stand.client, MondayClient)
    return stand.client


# --- updates -------------------------------------------------------------------------------------------------------


def test_a_reply_is_a_comment_with_a_parent(open_stand: Opener) -> None:
    stand = open_stand("monday")
    post = stand.client.list_page("update", parent_id=SECOND).records[0]
    fields = {"body": "<p>Yes.</p>", "hub.author": "Ines Costa", "hub.parent": post.id}
    reply = stand.client.create("update", fields, key="r1", parent_id=SECOND)
    assert reply.id.startswith(f"{post.id}.")
    read = stand.client.get("update", reply.id, parent_id=SECOND)
    assert (read.data["body"], read.data["hub"]["parent"], read.data["hub"]["author"]) == (
        "<p>Yes.</p>",
        post.id,
        "Ines Costa",
    )
    found = stand.client.find_by_key("update", "r1", since=datetime.now(UTC), parent_id=SECOND)
    assert found is not None
    assert found.id == reply.id
    edited = stand.client.update("update", reply.id, {"body": "<p>No.</p>"}, current=read, parent_id=SECOND)
    assert (edited.id, edited.data["body"]) == (reply.id, "<p>No.</p>")
    stand.client.delete("update", reply.id, parent_id=SECOND)
    with pytest.raises(RecordGone):
        stand.client.get("update", reply.id, parent_id=SECOND)


def test_an_edit_of_a_young_update_is_seen_by_a_poll(open_stand: Opener) -> None:
    stand = open_stand("monday")
    made = stand.vendor.edit("update", None, {"item_id": SECOND, "body": "<p>Old.</p>"})
    stand.vendor.turn(clock_offset_seconds=3600)
    stand.vendor.edit("update", made, {"body": "<p>New.</p>"})
    since = datetime.now(UTC) + timedelta(minutes=30)
    page = stand.client.list_page("update", since=since)
    assert [(one.id, one.data["body"]) for one in page.records] == [(made, "<p>New.</p>")]


def test_another_s_update_cannot_be_edited(open_stand: Opener) -> None:
    stand = open_stand("monday")
    post = stand.client.list_page("update", parent_id=SECOND).records[0]
    with pytest.raises(PermissionProblem):
        stand.client.update("update", post.id, {"body": "<p>x</p>"}, current=post, parent_id=SECOND)


# --- absence -------------------------------------------------------------------------------------------------------


def test_what_is_gone_for_good_is_told_by_the_activity_log_alone(open_stand: Opener) -> None:
    stand = open_stand("monday")
    stand.vendor.remove("item", FIRST_ITEM)
    stand.vendor.world.drop("item", FIRST_ITEM)
    stand.vendor.world.drop("item", SECOND)
    explained = stand.client.explain_absence("item", [FIRST_ITEM, SECOND])
    assert [explained[id].kind for id in (FIRST_ITEM, SECOND)] == [AbsenceKind.DELETED, AbsenceKind.UNKNOWN]


def test_an_item_on_another_board_has_moved(open_stand: Opener) -> None:
    stand = open_stand("monday")
    item = stand.vendor.world.get("item", FIRST_ITEM)
    assert item is not None
    stand.vendor.world.put("item", FIRST_ITEM, {**item, "board": seed.OTHER_BOARD, "values": {}})
    assert stand.client.explain_absence("item", [FIRST_ITEM])[FIRST_ITEM].kind is AbsenceKind.MOVED
    with pytest.raises(RecordGone, match="another board"):
        stand.client.get("item", FIRST_ITEM)


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=9), RateLimited),
        (refused("maxConcurrencyExceeded", status=429), RateLimited),
        (refused("DAILY_LIMIT_EXCEEDED"), RateLimited),
        ({"status": 200, "body": {"error_code": "ComplexityException", "error_message": "x"}}, RateLimited),
        ({"status": 401, "body": {"errors": ["Not Authenticated"]}}, ConfigurationProblem),
        ({"status": 200, "body": {"errors": ["Not Authenticated"]}}, ConfigurationProblem),
        (refused("UserUnauthorizedException"), PermissionProblem),
        (refused("InvalidBoardIdException"), PermissionProblem),
        (refused("ResourceNotFoundException", status=404), RecordGone),
        (refused("ColumnValueException"), RecordProblem),
        (refused("InvalidColumnIdException"), RecordProblem),
        (refused("IDEMPOTENCY_CONFLICT", status=409), StaleWrite),
        (refused("", "Resource is currently locked", 423), Retryable),
        (refused("", "Parse error on )"), ContractBroken),
    ],
)
def test_refusals_are_taken_by_their_meaning(
    open_stand: Opener, answer: dict[str, Any], error: type[Exception]
) -> None:
    stand = open_stand("monday")
    stand.vendor.fail("status", **answer)
    with pytest.raises(error):
        stand.client.list_page("user")


def test_a_spent_budget_of_complexity_says_when_to_come_back(open_stand: Opener) -> None:
    stand = open_stand("monday")
    stand.vendor.points_per_minute = 10  # type: ignore[attr-defined]
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("user")
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60
    stand.vendor.reset()


def test_every_request_names_the_version_it_was_written_for(open_stand: Opener) -> None:
    stand = open_stand("monday")
    stand.client.list_page("user")
    assert stand.vendor.requests[-1].headers["api-version"] == "2026-10"


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_an_app_registers_one_webhook_for_each_event_in_one_request(open_stand: Opener) -> None:
    stand = open_stand("monday")
    client_of(stand).main()
    client_of(stand).subitems()
    stand.vendor.requests.clear()
    made = stand.client.ensure_webhook("http://127.0.0.1:9/h", "")
    assert made is not None
    assert len(made.events) == 17
    assert len(stand.vendor.requests) == 2


def test_with_a_personal_token_webhooks_are_left_to_a_person(open_stand: Opener) -> None:
    stand = open_stand("monday", secrets={"token": seed.TOKEN})
    assert stand.client.ensure_webhook("http://127.0.0.1:9/h", "") is None
    assert stand.client.remove_webhooks("http://127.0.0.1:9/h") == 0


def test_another_s_webhooks_stay(open_stand: Opener) -> None:
    stand = open_stand("monday")
    theirs = {
        "id": "1",
        "event": "create_item",
        "board_id": seed.BOARD,
        "config": None,
        "url": "https://x",
        "is_app": False,
    }
    stand.vendor.world.put("webhook", "1", theirs)
    stand.client.ensure_webhook("http://127.0.0.1:9/h", "")
    assert stand.client.remove_webhooks("http://127.0.0.1:9/h") == 1
    assert [one["id"] for one in stand.vendor.world.all("webhook")] == ["1"]
