"""What is particular to monday.com; the rest is in tests/contract."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.base.errors import (
    ConfigurationProblem,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import CreateClass
from connectors.monday.client import MondayClient
from connectors.monday.connector import CONNECTOR, validate
from sandbox.vendors import monday_seed as seed
from sandbox.vendors.monday_state import FIRST_ITEM, ITEM_IDS
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
SECOND = str(ITEM_IDS + 2)


def client_of(stand: Stand) -> MondayClient:
    assert isinstance(stand.client, MondayClient)
    return stand.client


def sent(stand: Stand) -> tuple[str, dict[str, Any]]:
    """The last document sent, and its column values."""
    body = stand.vendor.requests[-1].body
    values = next((value for name, value in body["variables"].items() if "values" in name), "{}")
    return body["query"], orjson.loads(values)


def subitem(stand: Stand) -> str:
    return str(next(one["id"] for one in stand.vendor.world.all("item") if one["parent"]))


# --- what a person picks from --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("", ["Autumn campaign", "New business"]),
        ("workspace", ["Studio"]),
        ("board_group", ["This month", "Next month", "Later"]),
        ("status", ["Not started", "Working on it", "In review", "Stuck", "Done", "Handed over (subitems)"]),
        ("tag", ["print", "social", "video", "legal"]),
        ("nonsense", []),
    ],
)
def test_what_a_person_picks_from(open_stand: Opener, kind: str, names: list[str]) -> None:
    assert [one.name for one in open_stand("monday").client.containers(kind)] == names


def test_groups_are_the_statuses_where_they_are_the_stages(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"stage_from": "group"})
    assert [one.id for one in stand.client.containers("status")] == [id for id, _, _ in seed.GROUPS]
    item = stand.client.get("item", FIRST_ITEM)
    assert item.data["hub"]["stage"] == "topics"
    moved = stand.client.update("item", FIRST_ITEM, {"hub.stage": "group_mm0later"}, current=item)
    assert moved.data["hub"]["stage"] == "group_mm0later"
    names = {resource.name for resource in CONNECTOR.resources_of({"stage_from": "group"})}
    assert "group" not in names


def test_the_check_tells_which_columns_were_guessed(open_stand: Opener) -> None:
    report = open_stand("monday").client.check()
    line = next(one for one in report.checks if one.name == "columns")
    assert "due_on = Due date" in line.detail
    assert "priority = Priority" in line.detail
    assert report.api_version == "2026-10"


def test_without_a_column_for_keys_nothing_proves_a_create() -> None:
    def create_class(settings: dict[str, str]) -> CreateClass:
        return CONNECTOR.resource("item", settings).create_class

    assert create_class({}) is CreateClass.UNPROVABLE
    assert create_class({"key_column": "auto"}) is CreateClass.MARKER


def test_settings_are_refused_with_the_field_and_what_to_do() -> None:
    wrong = {
        "board_id": "Autumn",
        "columns": "due = date4",
        "key_column": "My column",
        "daily_calls": "many",
    }
    assert [field for field, _ in validate(wrong)] == list(wrong)
    assert validate({"board_id": "5091872069", "columns": "due_on = date4; priority = off"}) == []


# --- reading -------------------------------------------------------------------------------------------------------


def test_items_and_then_subitems_come_page_by_page(open_stand: Opener) -> None:
    client = client_of(open_stand("monday"))
    client.page_size = 5
    token: Any = None
    sizes, parents = [], []
    while True:
        page = client.list_page("item", token=token)
        sizes.append(len(page.records))
        parents += [one.data["hub"]["parent"] for one in page.records]
        if page.next_token is None:
            break
        token = page.next_token
    assert sizes == [5, 5, 5, 3, 3]
    assert parents[:18] == [None] * 18
    assert None not in parents[18:]


def test_a_cursor_that_expired_begins_its_board_anew(open_stand: Opener) -> None:
    stand = open_stand("monday")
    client = client_of(stand)
    client.page_size = 5
    first = client.list_page("item")
    stand.vendor.turn(clock_offset_seconds=3601)
    again = client.list_page("item", token=first.next_token)
    assert [one.id for one in again.records] == [one.id for one in first.records]
    following = client.list_page("item", token=again.next_token)
    assert len(following.records) == 5


def test_subitems_can_be_left_out(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"subitems": "off"})
    page = stand.client.list_page("item")
    assert (len(page.records), page.next_token) == (18, None)


def test_a_time_filter_is_asked_for_as_the_only_operator_it_takes(open_stand: Opener) -> None:
    stand = open_stand("monday")
    stand.client.list_page("item", since=datetime(2026, 9, 15, tzinfo=UTC))
    params = stand.vendor.requests[-1].body["variables"]["params"]
    rule = params["rules"][0]
    assert (rule["column_id"], rule["operator"]) == ("__last_updated__", "between")
    assert rule["compare_value"][0] == "2026-09-14T23:59:59Z"


def test_a_part_no_column_plays_is_absent_and_not_empty(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"board_id": seed.OTHER_BOARD, "key_column": ""})
    stand.vendor.world.put("item", "1", {**(stand.vendor.world.get("item", FIRST_ITEM) or {}), "id": "1", "board": seed.OTHER_BOARD, "values": {}})  # fmt: skip
    hub = stand.client.get("item", "1").data["hub"]
    assert "description" not in hub
    assert hub["stage"] is None


def test_a_board_nobody_may_see_is_a_matter_of_settings(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"board_id": "1"})
    with pytest.raises(ConfigurationProblem, match="check its number"):
        stand.client.list_page("item")


def test_a_subitem_s_status_means_the_board_s_label_of_that_name(open_stand: Opener) -> None:
    stand = open_stand("monday")
    id = subitem(stand)
    item = stand.client.get("item", id)
    assert item.data["hub"]["stage"] == "0"  # Working on it
    done = stand.client.update("item", id, {"hub.stage": "1"}, current=item)
    assert (done.data["hub"]["stage"], done.data["hub"]["is_done"]) == ("1", True)
    handed = stand.client.update("item", id, {"hub.stage": "label:Handed over"}, current=done)
    assert handed.data["hub"]["stage"] == "label:Handed over"
    with pytest.raises(RecordProblem, match="has no label “In review”"):
        stand.client.update("item", id, {"hub.stage": "3"}, current=handed)


def test_a_label_keeps_its_stage_when_it_is_renamed(open_stand: Opener) -> None:
    stand = open_stand("monday")
    board = stand.vendor.world.get("board", seed.BOARD)
    assert board is not None
    status = next(one for one in board["columns"] if one["id"] == "status")
    next(one for one in status["settings"]["labels"] if one["id"] == 0)["label"] = "Under way"
    stand.vendor.world.put("board", seed.BOARD, board)
    item = stand.client.get("item", FIRST_ITEM)
    assert (item.data["columns"]["status"], item.data["hub"]["stage"]) == ("Under way", "0")


# --- writing -------------------------------------------------------------------------------------------------------


def test_name_columns_and_group_go_in_one_document(open_stand: Opener) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", FIRST_ITEM)
    stand.vendor.requests.clear()
    fields = {"name": "Moodboard, final", "hub.stage": "1", "hub.group": "group_mm0later"}
    changed = stand.client.update("item", FIRST_ITEM, fields, current=item)
    assert len(stand.vendor.requests) == 2
    query, values = sent(stand)
    assert "c0: move_item_to_group" in query
    assert "c1: change_multiple_column_values" in query
    assert values == {"name": "Moodboard, final", "status": {"label": "Done"}}
    assert (changed.data["name"], changed.data["hub"]["group"]) == ("Moodboard, final", "group_mm0later")


def test_teams_of_the_people_column_stay_when_people_change(open_stand: Opener) -> None:
    stand = open_stand("monday")
    id = next(one["id"] for one in stand.vendor.world.all("item") if one["name"] == "Photo shoot in the mill")
    item = stand.client.get("item", id)
    assert f"team-{seed.TEAM}" in item.data["columns"]["people"]
    assert f"team-{seed.TEAM}" not in item.data["hub"]["assignees"]
    changed = stand.client.update("item", id, {"hub.assignees": [seed.USERS[4][0]]}, current=item)
    assert changed.data["columns"]["people"] == [seed.USERS[4][0], f"team-{seed.TEAM}"]


def test_the_time_of_day_of_a_due_date_stays_when_the_day_changes(open_stand: Opener) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", FIRST_ITEM)
    assert item.data["columns"]["date4"] == "2026-09-22T13:30:00Z"
    changed = stand.client.update("item", FIRST_ITEM, {"hub.due_on": "2026-09-25"}, current=item)
    assert changed.data["columns"]["date4"] == "2026-09-25T13:30:00Z"
    cleared = stand.client.update("item", FIRST_ITEM, {"hub.due_on": None}, current=changed)
    assert cleared.data["columns"]["date4"] is None


def test_both_ends_of_a_timeline_are_written_together(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"columns": "due_on = timerange; start_on = timerange"})
    item = stand.client.get("item", FIRST_ITEM)
    changed = stand.client.update("item", FIRST_ITEM, {"hub.start_on": "2026-09-03"}, current=item)
    assert changed.data["columns"]["timerange"] == {"from": "2026-09-03", "to": "2026-09-22"}
    fields = {"hub.due_on": "2026-10-02", "hub.start_on": "2026-10-01"}
    both = stand.client.update("item", FIRST_ITEM, fields, current=changed)
    assert both.data["columns"]["timerange"] == {"from": "2026-10-01", "to": "2026-10-02"}


def test_tags_that_are_missing_are_made(open_stand: Opener) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", FIRST_ITEM)
    changed = stand.client.update("item", FIRST_ITEM, {"hub.labels": ["print", "fair"]}, current=item)
    assert changed.data["hub"]["labels"] == ["print", "fair"]
    assert [one["name"] for one in stand.vendor.world.all("tag")][-1] == "fair"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("columns.dropdown", ["Radio"]),
        ("columns.checkbox", True),
        ("columns.link", {"url": "https://example.org", "text": "Brief"}),
        ("columns.contact_email", "ana@example.org"),
        ("columns.phone", "+351 21 000"),
        ("columns.rating", 4),
        ("columns.numbers", 12.5),
        ("columns.timerange", {"from": "2026-10-01", "to": "2026-10-02"}),
        ("columns.date4", "2026-10-02T08:15:00Z"),
        ("columns.long_text", "One line.\nAnother."),
    ],
)
def test_any_column_can_be_mapped_by_its_id(open_stand: Opener, path: str, value: Any) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", SECOND)
    changed = stand.client.update("item", SECOND, {path: value}, current=item)
    assert changed.data["columns"][path.removeprefix("columns.")] == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", " "),
        ("name", "x" * 256),
        ("hub.stage", "99"),
        ("hub.priority", "whatever"),
        ("hub.group", "gone"),
        ("columns.gone", "x"),
        ("columns.formula", "x"),
        ("url", "https://example.org"),
    ],
)
def test_values_monday_has_no_place_for_are_refused_by_name(
    open_stand: Opener, path: str, value: Any
) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", FIRST_ITEM)
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("item", FIRST_ITEM, {path: value}, current=item)
    assert caught.value.field == path
    assert stand.client.get("item", FIRST_ITEM).version == item.version


def test_a_part_without_a_column_takes_nothing_but_emptiness(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"columns": "estimate = off"})
    made = stand.client.create("item", {"name": "A", "hub.estimate": None}, key="a")
    assert "estimate" not in made.data["hub"]
    with pytest.raises(RecordProblem) as caught:
        stand.client.create("item", {"name": "B", "hub.estimate": 3}, key="b")
    assert caught.value.field == "hub.estimate"


def test_a_field_that_somebody_changed_meanwhile_is_not_overwritten(open_stand: Opener) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", FIRST_ITEM)
    stand.vendor.edit("item", FIRST_ITEM, {"name": "Theirs"})
    with pytest.raises(StaleWrite):
        stand.client.update("item", FIRST_ITEM, {"name": "Ours"}, current=item)
    changed = stand.client.update("item", FIRST_ITEM, {"hub.stage": "2"}, current=item)
    assert (changed.data["name"], changed.data["hub"]["stage"]) == ("Theirs", "2")


def test_an_update_that_changes_nothing_is_not_sent(open_stand: Opener) -> None:
    stand = open_stand("monday")
    item = stand.client.get("item", FIRST_ITEM)
    stand.vendor.requests.clear()
    stand.client.update("item", FIRST_ITEM, {"name": item.data["name"]}, current=item)
    assert len(stand.vendor.requests) == 1


# --- creating ------------------------------------------------------------------------------------------------------


def test_a_task_with_a_parent_becomes_a_subitem_and_is_found_by_its_key(open_stand: Opener) -> None:
    stand = open_stand("monday")
    fields = {"name": "Book the mill", "hub.parent": FIRST_ITEM, "hub.stage": "1"}
    made = stand.client.create("item", fields, key="sub-1")
    assert (made.data["hub"]["parent"], made.container) == (FIRST_ITEM, seed.SUB_BOARD)
    assert made.data["columns"]["text_sub_key"] == "sub-1"
    found = stand.client.find_by_key("item", "sub-1", since=datetime.now(UTC))
    assert found is not None
    assert found.id == made.id


def test_a_subitem_where_there_is_no_board_for_them_is_refused_by_name(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"subitems": "off"})
    with pytest.raises(RecordProblem) as caught:
        stand.client.create("item", {"name": "x", "hub.parent": FIRST_ITEM}, key="x")
    assert caught.value.field == "hub.parent"


def test_a_column_for_keys_is_made_where_it_was_asked_for(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"board_id": seed.OTHER_BOARD, "key_column": "auto"})
    made = stand.client.create("item", {"name": "Pitch"}, key="k1")
    board = stand.vendor.world.get("board", seed.OTHER_BOARD)
    assert board is not None
    assert (board["columns"][-1]["title"], board["columns"][-1]["type"]) == ("Lockstep key", "text")
    other = open_stand("monday", settings={"board_id": seed.OTHER_BOARD, "key_column": "auto"})
    found = other.client.find_by_key("item", "k1", since=datetime.now(UTC))
    assert found is not None
    assert found.id == made.id


def test_a_repeated_create_is_answered_by_its_idempotency_key_for_half_an_hour(open_stand: Opener) -> None:
    stand = open_stand("monday", settings={"key_column": ""})
    first = stand.client.create("item", {"name": "Once"}, key="k2")
    assert stand.client.create("item", {"name": "Once"}, key="k2").id == first.id
    stand.vendor.turn(clock_offset_seconds=1801)
    assert stand.client.create("item", {"name": "Once"}, key="k2").id != first.id


def test_a_group_of_the_same_title_is_taken_as_it_is(open_stand: Opener) -> None:
    stand = open_stand("monday")
    assert stand.client.create("group", {"title": "Later"}, key="g").id == "group_mm0later"


def test_the_board_s_name_and_description_can_be_changed(open_stand: Opener) -> None:
    stand = open_stand("monday")
    board = stand.client.get("board", seed.BOARD)
    fields = {"name": "Winter campaign", "description": "From November."}
    changed = stand.client.update("board", seed.BOARD, fields, current=board)
    assert (changed.data["name"], changed.data["description"]) == ("Winter campaign", "From November.")
