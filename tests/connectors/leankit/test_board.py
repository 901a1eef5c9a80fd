"""LeanKit's oddities, against the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.errors import PermissionProblem, RecordGone, RecordProblem, StaleWrite
from connectors.base.types import AbsenceKind
from connectors.leankit import client as leankit_client
from connectors.leankit.connector import CONNECTOR
from integrations.services.statusmaps import status_class, status_suggestion
from tests.connectors.leankit.spec import SPEC
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
SAMPLE = {
    "title": "Harbour Café – bar stools",
    "lane.id": "1490773010",
    "priority": "high",
    "tags": ["stools"],
}
SHIPPING = "1490773022"


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("leankit")


def make(stand: Stand, key: str = "k1", **more: Any) -> Any:
    return stand.client.create("card", {**SAMPLE, **more}, key=key)


def test_its_budget_is_a_minutes_and_an_hours_and_its_retries_are_three() -> None:
    """H3, H6."""
    allowed = [
        (each.requests, each.per_seconds, each.concurrency, each.reserve) for each in CONNECTOR.budgets
    ]
    assert allowed == [(100, 60, 10, 0.1), (500, 3600, 10, 0.1)]
    assert CONNECTOR.retry_delays == (5, 10, 20)


def test_a_single_card_says_who_changed_it_last_and_a_row_of_the_list_does_not(stand: Stand) -> None:
    card = make(stand)
    assert stand.client.get("card", card.id).updated_by == card.data["updatedBy"]["fullName"] != ""
    row = next(each for each in stand.client.list_page("card").records if each.id == card.id)
    assert row.updated_by == ""


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def test_a_change_by_hand_makes_the_next_write_stale(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"priority": "low"})
    with pytest.raises(StaleWrite):
        stand.client.update("card", card.id, {"title": "Other"}, current=card)
    assert stand.client.get("card", card.id).data["title"] == SAMPLE["title"]


def test_a_move_over_the_wip_limit_carries_its_comment(stand: Stand) -> None:
    moved = stand.client.update("card", (card := make(stand)).id, {"lane.id": SHIPPING}, current=card)
    assert moved.data["lane"]["id"] == SHIPPING


def test_without_that_comment_the_refusal_reaches_the_record(open_stand: Opener) -> None:
    stand = open_stand("leankit", settings={"wip_override": "off"})
    card = make(stand)
    with pytest.raises(RecordProblem, match="WIP limit"):
        stand.client.update("card", card.id, {"lane.id": SHIPPING}, current=card)


def test_a_card_with_a_number_is_found_by_its_link(stand: Stand) -> None:
    card = make(stand, "k2", **{"customId.value": "W-9001"})
    assert card.data["customId"]["value"] == "W-9001"
    found = stand.client.find_by_key("card", "k2", since=an_hour_ago())
    assert found is not None
    assert found.id == card.id


def test_a_board_that_numbers_its_cards_gets_the_marker_in_the_link(stand: Stand) -> None:
    stand.vendor.turn(extra={"board": {"isAutoIncrementCardIdEnabled": True}})
    card = make(stand, "k3")
    assert card.data["customId"]["value"] == "1"
    found = stand.client.find_by_key("card", "k3", since=an_hour_ago())
    assert found is not None
    assert found.id == card.id


def test_deleted_cards_are_reported_by_the_incremental_listing(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.remove("card", card.id)
    page = stand.client.list_page("card", since=an_hour_ago())
    assert page.next_token is None
    assert list(page.deleted_ids) == [card.id]


def test_a_card_on_another_board_was_moved_not_deleted(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"lane": "1490774020"})
    with pytest.raises(RecordGone) as caught:
        stand.client.get("card", card.id)
    assert not caught.value.proven
    absence = stand.client.explain_absence("card", [card.id])[card.id]
    assert absence.kind is AbsenceKind.MOVED


def test_cards_in_archive_lanes_rest_unless_they_are_kept(stand: Stand, open_stand: Opener) -> None:
    card = make(stand)
    stand.client.archive("card", card.id, current=card)
    assert stand.client.get("card", card.id).is_archived
    keeps = open_stand("leankit", settings={"archived_cards": "keep"})
    kept = keeps.client.get("card", card.id)
    assert not kept.is_archived
    assert kept.data["lane"]["id"] == "1490773091"


def test_a_walk_over_a_shrinking_board_starts_over(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leankit_client, "PAGE_SIZE", 30)
    first = stand.client.list_page("card")
    newest = first.records[0].id
    stand.vendor.remove("card", newest)
    seen = {record.id for record in first.records}
    token = first.next_token
    while token is not None:
        page = stand.client.list_page("card", token=token)
        seen |= {record.id for record in page.records}
        token = page.next_token
    there = {card["id"] for card in stand.vendor.world.all("card") if card["boardId"] == "1490772554"}
    assert seen - {newest} == there


def test_plain_text_comes_back_as_a_paragraph(stand: Stand) -> None:
    card = make(stand, description="Six pieces\nin oak")
    assert card.data["description"] == "<p>Six pieces<br>in oak</p>"


def test_a_comment_names_its_author_below_and_is_read_without_that(stand: Stand) -> None:
    card = make(stand)
    fields = {"text": "<p>On its way</p>", "hub.author": "Noor Haddad"}
    comment = stand.client.create("comment", fields, key="c1", parent_id=card.id)
    shown = stand.vendor.world.get("comment", comment.id)
    assert "Noor Haddad, via Lockstep" in shown["text"]
    assert comment.data["text"] == "<p>On its way</p>"
    assert comment.data["hub"]["author"] == "Noor Haddad"
    assert comment.data["hub"]["author_id"] is None
    found = stand.client.find_by_key("comment", "c1", since=an_hour_ago(), parent_id=card.id)
    assert found is not None
    assert found.id == comment.id


def test_an_edited_comment_keeps_its_line(stand: Stand) -> None:
    card = make(stand)
    comment = stand.client.create(
        "comment", {"text": "One", "hub.author": "Noor"}, key="c1", parent_id=card.id
    )
    after = stand.client.update("comment", comment.id, {"text": "Two"}, current=comment, parent_id=card.id)
    assert after.data["hub"] == comment.data["hub"]
    with pytest.raises(StaleWrite):
        stand.client.update("comment", comment.id, {"text": "Three"}, current=comment, parent_id=card.id)


def test_somebody_elses_comment_cannot_be_edited(stand: Stand) -> None:
    card = make(stand)
    id = stand.vendor.edit("comment", None, {"card": card.id, "text": "Mine"}, actor="25032")
    comment = stand.client.get("comment", id, parent_id=card.id)
    assert comment.data["hub"]["author_id"] == "25032"
    with pytest.raises(PermissionProblem):
        stand.client.update("comment", id, {"text": "Yours"}, current=comment, parent_id=card.id)


def test_custom_fields_go_both_ways(stand: Stand) -> None:
    card = make(stand, **{"custom.1490777001": "PO-1"})
    after = stand.client.update("card", card.id, {"custom.1490777003": 4}, current=card)
    assert after.data["custom"] == {"1490777001": "PO-1", "1490777003": 4}
    with pytest.raises(RecordProblem):
        stand.client.update("card", card.id, {"custom.1490777003": "many"}, current=after)


def test_every_active_lane_of_the_board_gets_a_suggestion(stand: Stand) -> None:
    lanes = stand.client.containers("status")
    stages = ("pending", "in_progress", "on_hold", "completed")
    named = {lane.name: status_suggestion(lane.name, status_class(lane), stages) for lane in lanes}
    assert named == {
        "Backlog:New Requests": "pending",
        "Pending": "pending",
        "In Progress:Building": "in_progress",
        "In Progress:Shipping": "in_progress",
        "On Hold": "on_hold",
        "Completed": "completed",
        "Archive:Finished As Planned": "completed",
        "Archive:Discarded": "completed",
    }


def test_an_archived_board_and_a_reader_cannot_write(stand: Stand) -> None:
    stand.vendor.turn(extra={"board": {"effectiveBoardRole": "boardReader"}})
    failed = [check for check in stand.client.check().checks if not check.ok]
    assert [check.name for check in failed] == ["may_write"]
    assert failed[0].fix


def test_the_wait_after_too_many_requests_is_read_from_a_date(stand: Stand) -> None:
    from connectors.base.errors import RateLimited

    stand.vendor.turn(limit_per_minute=1)
    stand.client.list_page("user")
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("user")
    assert caught.value.retry_after is not None
    assert 0 <= caught.value.retry_after <= 61


def test_all_calls_are_in_the_transcribed_document(stand: Stand) -> None:
    card = make(stand, key="spec")
    stand.client.update("card", card.id, {"title": "B"}, current=card)
    comment = stand.client.create("comment", {"text": "x"}, key="c", parent_id=card.id)
    stand.client.update("comment", comment.id, {"text": "y"}, current=comment, parent_id=card.id)
    stand.client.delete("comment", comment.id, parent_id=card.id)
    stand.client.containers("board")
    stand.client.containers("lane")
    stand.client.check()
    stand.client.ensure_webhook("http://127.0.0.1:9/h", "s")
    stand.client.remove_webhooks("http://127.0.0.1:9/h")
    stand.client.delete("card", card.id)
    assert SPEC.problems(stand.vendor.requests)[0] == []
