"""Trello's oddities, against the stand-in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from connectors.base.errors import PermissionProblem, RateLimited, RecordGone, RecordProblem, StaleWrite
from connectors.base.types import AbsenceKind
from integrations.services.statusmaps import status_class, status_suggestion
from sandbox.vendors import trello_seed as seed
from tests.connectors.trello.spec import SPEC
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
SAMPLE = {
    "name": "Check all links",
    "idList": seed.LISTS[1][0],
    "labels": ["SEO"],
    "idMembers": [seed.MEMBERS[1][0]],
}
ROBOT = "lockstep-test"


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("trello", client_identifier=ROBOT)


def make(stand: Stand, key: str = "k1", **more: Any) -> Any:
    return stand.client.create("card", {**SAMPLE, **more}, key=key)


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def methods(stand: Stand) -> list[tuple[str, str]]:
    return [(one.method, one.path.rsplit("/", 1)[-1]) for one in stand.vendor.requests if one.method != "GET"]


def test_a_field_changed_meanwhile_makes_the_write_stale(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"name": "By hand"})
    with pytest.raises(StaleWrite):
        stand.client.update("card", card.id, {"name": "By the hub"}, current=card)
    assert stand.client.get("card", card.id).data["name"] == "By hand"


def test_another_field_changed_meanwhile_does_not(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"desc": "By hand"})
    after = stand.client.update("card", card.id, {"name": "By the hub"}, current=card)
    assert (after.data["name"], after.data["desc"]) == ("By the hub", "By hand")


def test_labels_and_people_added_by_others_meanwhile_stay(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"labels": ["SEO", "Bug"], "members": ["noorhaddad", "aikomori"]})
    fields = {"labels": ["Content"], "idMembers": [seed.MEMBERS[2][0]]}
    after = stand.client.update("card", card.id, fields, current=card)
    assert {one["name"] for one in after.data["labels"]} == {"Bug", "Content"}
    assert set(after.data["idMembers"]) == {seed.MEMBERS[2][0], seed.MEMBERS[3][0]}


def test_scalars_go_out_in_one_request_with_only_what_changes(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.requests.clear()
    stand.client.update("card", card.id, {"name": "New", "due": "2026-12-24T12:00:00.000Z"}, current=card)
    writes = [one for one in stand.vendor.requests if one.method == "PUT"]
    assert [one.body for one in writes] == [{"name": "New", "due": "2026-12-24T12:00:00.000Z"}]
    assert writes[0].headers["x-trello-client-identifier"] == ROBOT


def test_a_missing_label_is_made_once(stand: Stand) -> None:
    first = make(stand, "k1", labels=["Brand new"])
    second = make(stand, "k2", labels=["brand NEW"])
    assert first.data["labels"][0]["id"] == second.data["labels"][0]["id"]
    assert methods(stand).count(("POST", "labels")) == 1


def test_an_unnamed_label_survives_a_change_of_labels(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"labels": ["SEO", seed.LABELS[5][0]]})
    now = stand.client.get("card", card.id)
    after = stand.client.update("card", card.id, {"labels": []}, current=now)
    assert [one["name"] for one in after.data["labels"]] == [""]


def test_paging_goes_on_below_the_smallest_id(stand: Stand) -> None:
    stand.client.page_size = 50  # type: ignore[attr-defined]
    ids: list[str] = []
    token, pages = None, 0
    while pages == 0 or token is not None:
        page = stand.client.list_page("card", token=token)
        ids += [record.id for record in page.records]
        token, pages = page.next_token, pages + 1
    there = {
        one["id"]
        for one in stand.vendor.world.all("card")
        if one["idBoard"] == seed.BOARD and not one["isTemplate"]
    }
    assert pages == 3
    assert len(ids) == len(set(ids))
    assert set(ids) == there


def test_a_label_put_on_by_hand_is_seen_though_no_time_moves(stand: Stand) -> None:
    card = make(stand)
    stand.vendor.edit("card", card.id, {"labels": ["Bug"]})
    row = next(one for one in stand.client.list_page("card").records if one.id == card.id)
    assert row.updated_at == card.updated_at
    assert [one["name"] for one in row.data["labels"]] == ["Bug"]


def test_deleted_moved_and_unknown_cards_are_told_apart(stand: Stand) -> None:
    gone, moved = make(stand, "k1"), make(stand, "k2")
    stand.vendor.remove("card", gone.id)
    stand.vendor.edit("card", moved.id, {"idList": seed.OTHER_LISTS[0][0]})
    with pytest.raises(RecordGone):
        stand.client.get("card", moved.id)
    nobody = "5abbe4b7ddc1b351ef96eeee"
    found = stand.client.explain_absence("card", [gone.id, moved.id, nobody])
    assert {id: absence.kind for id, absence in found.items()} == {
        gone.id: AbsenceKind.DELETED,
        moved.id: AbsenceKind.MOVED,
        nobody: AbsenceKind.UNKNOWN,
    }


def test_a_board_out_of_sight_proves_no_deletion(open_stand: Opener) -> None:
    stand = open_stand("trello", settings={"board_id": "5abbe4b7ddc1b351ef960000"})
    found = stand.client.explain_absence("card", ["5abbe4b7ddc1b351ef96eeee"])
    assert found["5abbe4b7ddc1b351ef96eeee"].kind is AbsenceKind.NO_ACCESS


def test_templates_are_left_out(stand: Stand) -> None:
    template = next(one for one in stand.vendor.world.all("card") if one["isTemplate"])
    with pytest.raises(RecordGone):
        stand.client.get("card", template["id"])
    assert (
        stand.client.explain_absence("card", [template["id"]])[template["id"]].kind
        is AbsenceKind.OUT_OF_FILTER
    )


def test_the_short_name_of_the_board_does_as_well(open_stand: Opener) -> None:
    stand = open_stand("trello", settings={"board_id": "dQHqCohZ"})
    card = make(stand)
    assert stand.client.get("card", card.id).id == card.id
    assert stand.client.container_token() == open_stand("trello").client.container_token()


def test_many_cards_are_read_ten_at_a_time(stand: Stand) -> None:
    ids = [record.id for record in stand.client.list_page("card").records[:25]]
    stand.vendor.requests.clear()
    found = stand.client.get_many("card", [*ids, "5abbe4b7ddc1b351ef96eeee"])
    assert set(found) == set(ids)
    assert [one.path for one in stand.vendor.requests].count("/1/batch") == 3


def test_custom_fields_go_both_ways(stand: Stand) -> None:
    urgency, hours = (f"custom.{row[0]}" for row in seed.CUSTOM_FIELDS[:2])
    card = make(stand, **{urgency: "High"})
    assert card.data["custom"][seed.CUSTOM_FIELDS[0][0]] == "High"
    after = stand.client.update("card", card.id, {hours: 7, urgency: None}, current=card)
    assert after.data["custom"][seed.CUSTOM_FIELDS[1][0]] == "7"
    assert after.data["custom"].get(seed.CUSTOM_FIELDS[0][0]) is None
    with pytest.raises(RecordProblem):
        stand.client.update("card", card.id, {urgency: "Tomorrow"}, current=after)


def test_comments_come_incrementally_with_edits_and_deletions(stand: Stand) -> None:
    card = make(stand)
    old = stand.vendor.comments_on(
        next(
            one["data"]["card"]["id"]
            for one in stand.vendor.world.all("action")
            if one["type"] == "commentCard"
        )
    )[0]  # type: ignore[attr-defined]
    since = an_hour_ago()
    made = stand.vendor.edit("comment", None, {"card": card.id, "text": "New"})
    gone = stand.vendor.edit("comment", None, {"card": card.id, "text": "Gone soon"})
    stand.vendor.edit("comment", old["id"], {"text": "Edited"})
    stand.vendor.remove("comment", gone)
    page = stand.client.list_page("comment", since=since)
    assert {record.id: record.data["text"] for record in page.records} == {made: "New", old["id"]: "Edited"}
    assert list(page.deleted_ids) == [gone]


def test_a_comment_names_its_author_below_and_is_read_without_that(stand: Stand) -> None:
    card = make(stand)
    comment = stand.client.create(
        "comment", {"text": "On it", "hub.author": "Noor"}, key="c1", parent_id=card.id
    )
    assert "_— Noor, via Lockstep ·" in stand.vendor.world.get("action", comment.id)["data"]["text"]  # type: ignore[index]
    assert (comment.data["text"], comment.data["hub"]["author"]) == ("On it", "Noor")
    assert comment.parent_id == card.id
    found = stand.client.find_by_key("comment", "c1", since=an_hour_ago(), parent_id=card.id)
    assert found is not None
    assert found.id == comment.id


def test_somebody_elses_comment_cannot_be_edited(stand: Stand) -> None:
    card = make(stand)
    id = stand.vendor.edit("comment", None, {"card": card.id, "text": "Mine"})
    comment = stand.client.get("comment", id)
    with pytest.raises(PermissionProblem):
        stand.client.update("comment", id, {"text": "Yours"}, current=comment, parent_id=card.id)


def test_a_label_of_the_same_name_is_taken_instead_of_made(stand: Stand) -> None:
    label = stand.client.create("label", {"name": "seo", "hub.colour": "#ff0000"}, key="l1")
    assert label.id == seed.LABELS[4][0]


def test_lists_get_suggestions_by_name(stand: Stand) -> None:
    lists = stand.client.containers("status")
    stages = ("backlog", "todo", "in_progress", "review", "done")
    assert [status_suggestion(one.name, status_class(one), stages) for one in lists] == [
        "backlog",
        "todo",
        "in_progress",
        "review",
        "done",
    ]


def test_too_many_requests_without_retry_after_wait_for_the_window(stand: Stand) -> None:
    stand.vendor.turn(limit_per_minute=1)
    stand.client.list_page("member")
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("member")
    assert caught.value.retry_after == 10.0


@pytest.fixture
def callback() -> Iterator[tuple[str, list[str], list[int]]]:
    """An address that remembers who asks; answers HEAD and POST with the status set last."""
    asked: list[str] = []
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append("HEAD")
            self.send_response(status[0])
            self.end_headers()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(f"{body['action']['type']} {self.headers.get('X-Trello-Client-Identifier')}")
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", asked, status
    server.shutdown()
    thread.join()
    server.server_close()


def test_registering_asks_the_address_and_our_own_writes_come_back_with_our_name(
    stand: Stand, callback: tuple[str, list[str], list[int]]
) -> None:
    url, asked, _ = callback
    assert stand.client.ensure_webhook(url, "unused") is not None
    make(stand)
    stand.vendor.sender.flush()
    assert asked == ["HEAD", f"createCard {ROBOT}"]


def test_an_address_that_does_not_answer_is_refused(
    stand: Stand, callback: tuple[str, list[str], list[int]]
) -> None:
    url, _, status = callback
    status[0] = 503
    with pytest.raises(RecordProblem):
        stand.client.ensure_webhook(url, "unused")


def test_a_webhook_ends_with_410(stand: Stand, callback: tuple[str, list[str], list[int]]) -> None:
    url, _, status = callback
    stand.client.ensure_webhook(url, "unused")
    status[0] = 410
    make(stand)
    stand.vendor.sender.flush()
    assert stand.vendor.world.all("webhook") == []


def test_all_requests_and_answers_fit_the_published_document(stand: Stand) -> None:
    card = make(stand, labels=["Brand new"])
    fields = {"name": "B", "labels": ["SEO"], "idMembers": [], "due": "2026-12-24T12:00:00.000Z"}
    stand.client.update("card", card.id, fields, current=card)
    comment = stand.client.create("comment", {"text": "x"}, key="c", parent_id=card.id)
    stand.client.update("comment", comment.id, {"text": "y"}, current=comment, parent_id=card.id)
    stand.client.delete("comment", comment.id, parent_id=card.id)
    stand.client.containers("list")
    stand.client.check()
    stand.client.get_many("card", [card.id])
    stand.client.ensure_webhook("http://127.0.0.1:9/h", "s")
    stand.client.remove_webhooks("http://127.0.0.1:9/h")
    stand.client.delete("card", card.id)
    assert SPEC.problems(stand.vendor.requests)[0] == []
