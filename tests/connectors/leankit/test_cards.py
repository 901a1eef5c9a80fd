"""What is sent for a card, and what is read from one."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.errors import RecordProblem
from connectors.base.signoff import SignedText, ref_of
from connectors.leankit.cards import Catalogue, create_body, key_in, normalised, patch_ops
from connectors.leankit.connector import api_root
from connectors.leankit.text import put_together, take_apart

CATALOGUE = Catalogue(types={"repair": "77"})
PEOPLE = [{"id": "1"}, {"id": "2"}, {"id": "3"}]


def ops(fields: dict[str, Any], **current: Any) -> list[dict[str, Any]]:
    return patch_ops(fields, current, CATALOGUE)


def test_only_the_named_fields_are_patched() -> None:
    assert ops({"title": "New"}, title="Old", priority="low") == [
        {"op": "replace", "path": "/title", "value": "New"}
    ]


def test_tags_are_added_and_removed_one_by_one() -> None:
    assert ops({"tags": ["a", "c"]}, tags=["a", "b"]) == [
        {"op": "remove", "path": "/tags", "value": "b"},
        {"op": "add", "path": "/tags/-", "value": "c"},
    ]


def test_the_one_assignee_is_exchanged_and_the_others_stay() -> None:
    assert ops({"assignedUsers[0].id": "9"}, assignedUsers=PEOPLE) == [
        {"op": "remove", "path": "/assignedUserIds", "value": "1"},
        {"op": "add", "path": "/assignedUserIds/0", "value": "9"},
    ]
    assert ops({"assignedUsers[0].id": "3"}, assignedUsers=PEOPLE) == [
        {"op": "remove", "path": "/assignedUserIds", "value": "1"},
        {"op": "remove", "path": "/assignedUserIds", "value": "3"},
        {"op": "add", "path": "/assignedUserIds/0", "value": "3"},
    ]
    assert ops({"assignedUsers[0].id": "1"}, assignedUsers=PEOPLE) == []


def test_a_move_carries_the_comment_for_wip_limits() -> None:
    assert ops({"lane.id": "5"}) == [
        {"op": "replace", "path": "/laneId", "value": "5"},
        {"op": "replace", "path": "/wipOverrideComment", "value": "Moved in Lockstep"},
    ]
    quiet = Catalogue.of_board({}, {"wip_override": "off"})
    assert patch_ops({"lane.id": "5"}, {}, quiet) == [{"op": "replace", "path": "/laneId", "value": "5"}]


def test_a_stage_without_a_lane_is_refused_with_words_for_a_person() -> None:
    with pytest.raises(RecordProblem, match="status map") as caught:
        ops({"lane.id": "pending"})
    assert caught.value.field == "lane.id"


def test_blocking_and_its_reason_go_together() -> None:
    now = {"blockedStatus": {"isBlocked": True, "reason": "Fabric"}}
    assert ops({"blockedStatus.isBlocked": False}, **now) == [
        {"op": "replace", "path": "/isBlocked", "value": False},
        {"op": "replace", "path": "/blockReason", "value": "Fabric"},
    ]


def test_a_date_is_cleared_by_removing_it() -> None:
    assert ops({"plannedFinish": None, "plannedStart": "2026-07-01"}) == [
        {"op": "remove", "path": "/plannedFinish"},
        {"op": "replace", "path": "/plannedStart", "value": "2026-07-01"},
    ]


def test_card_types_are_found_by_name() -> None:
    assert ops({"type.title": "Repair"}) == [{"op": "replace", "path": "/typeId", "value": "77"}]
    with pytest.raises(RecordProblem, match="no card type"):
        ops({"type.title": "Spaceship"})


def test_custom_fields_are_written_by_their_id() -> None:
    assert ops({'custom."12"': "x"}) == [
        {"op": "add", "path": "/customFields/-", "value": {"fieldId": "12", "value": "x"}}
    ]


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(RecordProblem) as caught:
        ops({"createdOn": "2026-01-01"})
    assert caught.value.field == "createdOn"


def test_the_marker_goes_into_the_header_unless_that_is_taken() -> None:
    plain = create_body({"title": "A", "lane.id": "5"}, "1", CATALOGUE, key="k1")
    assert plain["destination"] == {"laneId": "5"}
    assert plain["customId"] == "LS-k1"
    numbered = create_body({"title": "A", "customId.value": "W-7"}, "1", CATALOGUE, key="k1")
    assert numbered["destination"] == {"boardId": "1"}
    assert numbered["customId"] == "W-7"
    assert numbered["externalLink"]["url"] == "https://lockstep.invalid/created/k1"
    counting = Catalogue.of_board({"isAutoIncrementCardIdEnabled": True}, {})
    assert "customId" not in create_body({"title": "A"}, "1", counting, key="k1")


def test_the_marker_is_found_again_and_never_shown() -> None:
    header = {"customId": {"value": "LS-k1", "prefix": None}}
    assert key_in(header) == "k1"
    assert normalised(header, "")["customId"]["value"] is None
    link = {"externalLinks": [{"label": "Lockstep", "url": "https://lockstep.invalid/created/k1"}]}
    assert key_in(link) == "k1"
    assert normalised(link, "")["externalLinks"] == []


def test_custom_fields_of_list_and_single_card_read_alike() -> None:
    listed = normalised({"customFields": [{"id": "12", "value": 3}]}, "")
    single = normalised({"customFields": [{"fieldId": "12", "type": "number", "label": "x", "value": 3}]}, "")
    assert listed["custom"] == single["custom"] == {"12": 3}
    assert "custom" not in normalised({"title": "thin"}, "")


@pytest.mark.parametrize("author", ["", "Noor Haddad", "A & B"])
def test_the_line_below_a_comment_comes_off_again(author: str) -> None:
    ref = ref_of("key")
    assert take_apart(put_together(SignedText("<p>Hello</p>", author, ref))) == SignedText(
        "<p>Hello</p>", author, ref
    )


def test_a_reworked_line_is_still_recognised() -> None:
    text = '<p>Hello</p>\n<p style="margin:0"><i>—&nbsp;Noor, via Lockstep · 0123456789ab</i></p>\n'
    assert take_apart(text.replace("&nbsp;", "\xa0")) == SignedText("<p>Hello</p>", "Noor", "0123456789ab")


def test_peoples_own_words_are_left_alone() -> None:
    for text in ("<p>— via Lockstep</p>", "<p>via Lockstep · 0123456789ab is odd</p>", ""):
        assert take_apart(text) == SignedText(text)


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("https://acme.leankit.com", "https://acme.leankit.com/io"),
        ("acme.leankit.com/", "https://acme.leankit.com/io"),
        ("https://acme.leankit.com/io/", "https://acme.leankit.com/io"),
        ("https://acme.leankit.com/board/12", "https://acme.leankit.com/io"),
        ("http://127.0.0.1:8/leankit/io", "http://127.0.0.1:8/leankit/io"),
    ],
)
def test_the_address_may_be_typed_in_any_usual_way(typed: str, root: str) -> None:
    assert api_root(typed) == root


@pytest.mark.parametrize("record_type", ["waitlist_entry", "task"])
def test_the_default_links_make_a_sound_field_map(record_type: str) -> None:
    from connectors import registry
    from reconcile.fieldmap import compile_field_map, parse_field_map
    from sync.context import link_as_dict
    from workspace.kinds import record_kinds

    links = [link_as_dict(spec) for spec in registry.get("leankit").resource("card").links_for(record_type)]
    compiled = compile_field_map(parse_field_map(links, record_kinds=record_kinds(record_type)))
    assert set(compiled.keys) == {link["key"] for link in links}
