"""Columns: which plays which part, and how their values are read and written."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.errors import RecordProblem
from connectors.base.signoff import SignedText, ref_of
from connectors.monday.columns import (
    Column,
    chosen_roles,
    priority_label,
    priority_word,
    read_value,
    roles_of,
    write_value,
)
from connectors.monday.text import put_together, take_apart

LABELS = {"labels": [{"id": 0, "label": "Working on it", "index": 0}, {"id": 1, "label": "Done", "index": 2, "is_done": True},
                     {"id": 2, "label": "Old", "index": 1, "is_deactivated": True}]}  # fmt: skip


def column(type: str, title: str = "X", id: str = "c", settings: Any = None) -> Column:
    return Column.from_row({"id": id, "title": title, "type": type, "settings": settings})


STATUS = column("status", "Status", settings=LABELS)


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ([("status", "Priority"), ("status", "Status")], {"priority": "c0", "stage": "c1"}),
        ([("status", "Priority")], {"priority": "c0"}),
        ([("status", "Where is it")], {"stage": "c0"}),
        ([("date", "Start date"), ("date", "Deadline")], {"start_on": "c0", "due_on": "c1"}),
        ([("date", "Start date")], {"start_on": "c0"}),
        ([("timeline", "Timeline")], {"start_on": "c0", "due_on": "c0"}),
        ([("people", "Whoever"), ("tags", "Words"), ("long_text", "Notes")], {"assignees": "c0", "labels": "c1", "description": "c2"}),
        ([("numbers", "Budget")], {}),
        ([("numbers", "Effort (h)")], {"estimate": "c0"}),
        ([("text", "Description"), ("text", "SKU")], {"description": "c0"}),
    ],
)  # fmt: skip
def test_parts_are_guessed_by_title_then_by_kind(
    columns: list[tuple[str, str]], roles: dict[str, str]
) -> None:
    made = [column(kind, title, f"c{n}") for n, (kind, title) in enumerate(columns)]
    assert {role: found.id for role, found in roles_of(made, {}).items()} == roles


def test_what_a_person_chose_wins_and_off_leaves_a_part_out() -> None:
    made = [column("date", "Due", "a"), column("date", "Other", "b"), column("people", "Owner", "p")]
    chosen = chosen_roles("due_on = b; assignees = off\nstage = gone")
    assert chosen == {"due_on": "b", "assignees": "off", "stage": "gone"}
    assert {role: found.id for role, found in roles_of(made, chosen).items()} == {"due_on": "b"}


def test_labels_are_read_from_the_settings_of_either_age() -> None:
    old = column(
        "status",
        settings={
            "labels": {"0": "Open", "1": "Done", "5": ""},
            "done_colors": [1],
            "deactivated_labels": [0],
        },
    )
    assert [(one.key, one.text, one.is_done, one.is_active) for one in old.labels] == [
        ("0", "Open", False, False),
        ("1", "Done", True, True),
    ]
    assert [(one.key, one.text, one.is_done, one.is_active) for one in STATUS.labels] == [
        ("0", "Working on it", False, True),
        ("1", "Done", True, True),
        ("2", "Old", False, False),
    ]
    assert column("status", settings="{}").labels == ()


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"type": "status", "label": "Done"}, "Done"),
        ({"type": "status", "label": None}, None),
        ({"type": "date", "date": "2026-01-31", "time": ""}, "2026-01-31"),
        ({"type": "date", "date": "2026-01-31", "time": "13:00"}, "2026-01-31T13:00:00Z"),
        ({"type": "date", "date": "", "time": ""}, None),
        ({"type": "people", "persons_and_teams": [{"id": "7", "kind": "person"}, {"id": "8", "kind": "team"}]}, ["7", "team-8"]),
        ({"type": "people", "persons_and_teams": None}, []),
        ({"type": "timeline", "from": "2026-01-01T00:00:00+00:00", "to": "2026-01-09"}, {"from": "2026-01-01", "to": "2026-01-09"}),
        ({"type": "timeline", "from": None, "to": None}, None),
        ({"type": "dropdown", "values": [{"id": "1", "label": "Web"}]}, ["Web"]),
        ({"type": "tags", "tags": [{"id": "1", "name": "print"}]}, ["print"]),
        ({"type": "numbers", "number": 2.5}, 2.5),
        ({"type": "checkbox", "checked": None}, False),
        ({"type": "link", "url": "https://x", "url_text": None}, {"url": "https://x", "text": ""}),
        ({"type": "link", "url": None}, None),
        ({"type": "email", "email": "a@b"}, "a@b"),
        ({"type": "phone", "phone": ""}, None),
        ({"type": "rating", "rating": 4}, 4),
        ({"type": "mirror", "text": None, "display_value": "Lisbon"}, "Lisbon"),
        ({"type": "board_relation", "linked_item_ids": [5]}, ["5"]),
        ({"type": "long_text", "text": "a\nb"}, "a\nb"),
        ({"type": "country", "text": "Portugal"}, "Portugal"),
    ],
)  # fmt: skip
def test_values_are_read_by_their_kind(row: dict[str, Any], value: Any) -> None:
    assert read_value(row) == value


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("status", "done", {"label": "Done"}),
        ("status", None, None),
        ("date", "2026-01-31", {"date": "2026-01-31"}),
        ("date", "2026-01-31T13:00:00Z", {"date": "2026-01-31", "time": "13:00:00"}),
        ("date", None, {}),
        ("people", ["7", "team-8"], {"personsAndTeams": [{"id": 7, "kind": "person"}, {"id": 8, "kind": "team"}]}),
        ("people", [], {}),
        ("timeline", {"from": "2026-01-01", "to": "2026-01-09"}, {"from": "2026-01-01", "to": "2026-01-09"}),
        ("timeline", {"from": None, "to": "2026-01-09"}, {"from": "2026-01-09", "to": "2026-01-09"}),
        ("timeline", {"from": None, "to": None}, {}),
        ("text", "a", "a"),
        ("text", None, ""),
        ("long_text", "a", {"text": "a"}),
        ("long_text", None, ""),
        ("numbers", 42, "42"),
        ("numbers", 2.50, "2.5"),
        ("numbers", 0, "0"),
        ("numbers", "1.20", "1.20"),
        ("tags", ["print"], {"tag_ids": [301]}),
        ("tags", [], {"tag_ids": []}),
        ("dropdown", ["Web"], {"labels": ["Web"]}),
        ("checkbox", True, {"checked": "true"}),
        ("checkbox", False, None),
        ("link", "https://x", {"url": "https://x", "text": "https://x"}),
        ("link", {"url": "https://x", "text": "y"}, {"url": "https://x", "text": "y"}),
        ("email", "a@b", {"email": "a@b", "text": "a@b"}),
        ("phone", "+351", {"phone": "+351"}),
        ("rating", 3, {"rating": 3}),
    ],
)  # fmt: skip
def test_values_are_written_by_their_kind(kind: str, value: Any, written: Any) -> None:
    settings = LABELS if kind in ("status", "dropdown") else {}
    assert write_value(column(kind, settings=settings), value, tags={"print": 301}, field="f") == written


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("status", "Nearly done"),
        ("status", "Old"),
        ("people", ["somebody"]),
        ("timeline", "2026-01-01"),
        ("timeline", {"from": "2026-01-09", "to": "2026-01-01"}),
        ("formula", 3),
        ("mirror", "x"),
    ],
)
def test_values_a_column_does_not_take_are_refused_by_name(kind: str, value: Any) -> None:
    with pytest.raises(RecordProblem) as caught:
        write_value(column(kind, settings=LABELS), value, tags={}, field="hub.x")
    assert caught.value.field == "hub.x"


@pytest.mark.parametrize(
    ("label", "word"),
    [("Critical ⚠️️", "urgent"), ("High", "high"), ("normal", "medium"), ("Lowest", "low"), ("", ""), (None, ""), ("P-0 Blocker", "urgent"), ("Someday", "someday")],
)  # fmt: skip
def test_priorities_are_known_by_their_words(label: str | None, word: str) -> None:
    assert priority_word(label) == word


def test_a_priority_the_column_has_no_label_for_is_refused() -> None:
    priorities = column("status", "Priority", settings={"labels": [{"id": 1, "label": "Critical ⚠️"}]})
    assert priority_label(priorities, "urgent", "hub.priority") == "Critical ⚠️"
    with pytest.raises(RecordProblem, match="no label for the priority “low”"):
        priority_label(priorities, "low", "hub.priority")


@pytest.mark.parametrize("author", ["", "Ines Costa", "O'Hara & <Sons>"])
def test_the_hub_s_line_goes_on_and_comes_off(author: str) -> None:
    parts = SignedText("<p>Shorter, please.</p>", author, ref_of("k"))
    assert take_apart(put_together(parts)) == parts


@pytest.mark.parametrize("body", ["", "<p>— via</p>", "<p>a</p><p>— x, via Lockstep · nothex</p>", "<p>— via Lockstep · 0123456789ab</p><p>b</p>"])  # fmt: skip
def test_a_text_without_the_hub_s_line_stays_as_it_is(body: str) -> None:
    assert take_apart(body) == SignedText(body)
