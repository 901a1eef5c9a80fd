"""What is sent for a card, and what is read from one."""

from __future__ import annotations

import pytest

from connectors.base.errors import RecordProblem
from connectors.base.signoff import SignedText, put_together, ref_of, take_apart
from connectors.trello.cards import (
    CustomField,
    card_write,
    colour_code,
    colour_name,
    custom_field_body,
    is_card,
    key_in,
    normalised_card,
)

LIST = "5abbe4b7ddc1b351ef962002"
FIELD = "5abbe4b7ddc1b351ef964001"
URGENCY = CustomField(FIELD, "list", {"5abbe4b7ddc1b351ef964101": "High"})


def test_people_and_labels_are_added_and_removed_one_by_one() -> None:
    now = {
        "idMembers": ["a", "b"],
        "labels": [{"id": "1", "name": "Bug"}, {"id": "2", "name": ""}, {"id": "3", "name": "SEO"}],
    }
    write = card_write({"idMembers": ["b", "c"], "labels": ["bug", "Design"]}, now)
    assert (write.add_members, write.remove_members) == (["c"], ["a"])
    assert (write.add_labels, write.remove_labels) == (["Design"], ["3"])
    assert write.params == {}


def test_a_date_is_cleared_by_null() -> None:
    assert card_write({"due": None, "start": ""}, {}).params == {"due": None, "start": None}


def test_a_stage_without_a_list_is_refused_with_words_for_a_person() -> None:
    assert card_write({"idList": LIST}, {}).params == {"idList": LIST}
    with pytest.raises(RecordProblem, match="status map"):
        card_write({"idList": "todo"}, {})


@pytest.mark.parametrize("path", ["idBoard", "shortUrl", "custom.nothing"])
def test_what_cannot_be_written_is_named(path: str) -> None:
    with pytest.raises(RecordProblem) as caught:
        card_write({path: "x"}, {})
    assert caught.value.field == path


def test_texts_are_refused_rather_than_cut() -> None:
    with pytest.raises(RecordProblem, match="16384"):
        card_write({"desc": "x" * 16_385}, {})


def test_custom_fields_read_as_plain_values() -> None:
    row = {
        "customFieldItems": [
            {"idCustomField": FIELD, "idValue": "5abbe4b7ddc1b351ef964101", "value": None},
            {"idCustomField": "5abbe4b7ddc1b351ef964002", "idValue": None, "value": {"number": "42"}},
        ]
    }
    data = normalised_card(row, {FIELD: URGENCY})
    assert data["custom"] == {FIELD: "High", "5abbe4b7ddc1b351ef964002": "42"}
    assert "custom" not in normalised_card({"name": "thin"}, {})


def test_custom_fields_are_sent_in_their_own_shape() -> None:
    assert custom_field_body(URGENCY, "high") == {"idValue": "5abbe4b7ddc1b351ef964101"}
    assert custom_field_body(CustomField(FIELD, "number"), 42) == {"value": {"number": "42"}}
    assert custom_field_body(CustomField(FIELD, "checkbox"), True) == {"value": {"checked": "true"}}
    assert custom_field_body(URGENCY, None) == {"value": "", "idValue": ""}
    with pytest.raises(RecordProblem):
        custom_field_body(URGENCY, "Tomorrow")


def test_templates_and_mirrors_are_no_cards() -> None:
    assert is_card({"isTemplate": False, "cardRole": None})
    assert not is_card({"isTemplate": True})
    assert not is_card({"cardRole": "mirror"})


def test_the_marker_is_an_attachments_address() -> None:
    assert (
        key_in({"attachments": [{"url": "https://x.y"}, {"url": "https://lockstep.invalid/created/k1"}]})
        == "k1"
    )
    assert key_in({}) == ""


def test_colours_go_both_ways_and_the_nearest_is_taken() -> None:
    assert colour_code("sky_dark") == colour_code("sky") == "#6cc3e0"
    assert colour_name("#6cc3e0") == "sky"
    assert colour_name("#ff0000") == "red"
    assert colour_name(None) is None
    with pytest.raises(RecordProblem):
        colour_name("reddish")


@pytest.mark.parametrize("author", ["", "Noor Haddad"])
def test_the_line_below_a_comment_comes_off_again(author: str) -> None:
    parts = SignedText("Hello *there*", author, ref_of("key"))
    assert take_apart(put_together(parts, "markdown")) == parts
    assert take_apart(put_together(parts, "markdown").replace("_—", "*—").replace("_\n", "*\n")) == parts


def test_peoples_own_words_are_left_alone() -> None:
    for text in ("— via Lockstep", "see via Lockstep · 0123456789ab", ""):
        assert take_apart(text) == SignedText(text)
