"""Every field of every record type has a kind, and its canonical form survives the way to a row and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from reconcile.kinds import Kind, ValueProblem, canonical
from workspace.kinds import record_kinds, record_spec, reference_targets, syncable_fields
from workspace.models import RECORD_TYPES

ID = UUID("0190a1b2-0000-7000-8000-000000000001")


def test_a_tasks_kinds_are_these() -> None:
    assert record_kinds("task") == {
        "title": Kind.TEXT,
        "description": Kind.RICH_TEXT,
        "stage": Kind.ENUM,
        "rank": Kind.TEXT,
        "priority": Kind.ENUM,
        "assignees": Kind.SET,
        "reporter": Kind.REFERENCE,
        "start_on": Kind.DATE,
        "due_on": Kind.DATE,
        "completed_at": Kind.INSTANT,
        "estimate": Kind.NUMBER,
        "labels": Kind.SET,
        "project": Kind.REFERENCE,
        "milestone": Kind.REFERENCE,
        "parent": Kind.REFERENCE,
        "committee": Kind.REFERENCE,
        "url": Kind.TEXT,
    }


@pytest.mark.parametrize("record_type", sorted(RECORD_TYPES))
def test_every_own_field_has_a_kind_and_no_common_column_does(record_type: str) -> None:
    kinds = record_kinds(record_type)
    assert tuple(kinds) == syncable_fields(record_type)
    assert RECORD_TYPES[record_type].title_field in kinds
    assert not kinds.keys() & {
        "id",
        "tenant",
        "revision",
        "user",
        "external_metadata",
        "external_sync_enabled",
    }


def test_references_and_sets_of_ids_name_the_type_they_point_to() -> None:
    assert reference_targets("task") == {
        "assignees": "member",
        "reporter": "member",
        "project": "project",
        "milestone": "milestone",
        "parent": "task",
        "committee": "committee",
    }
    assert "user" not in reference_targets("member")


@pytest.mark.parametrize(
    ("field", "column", "value"),
    [
        ("title", "Door", "Door"),
        ("url", "", None),
        ("due_on", date(2025, 7, 1), "2025-07-01"),
        ("completed_at", datetime(2025, 7, 1, 10, 0, 0, 500, UTC), "2025-07-01T10:00:00.000500Z"),
        ("estimate", Decimal("3.50"), "3.5"),
        ("project", ID, str(ID)),
        ("labels", ["a", "b"], ["a", "b"]),
        ("stage", "todo", "todo"),
    ],
)
def test_columns_and_canonical_values_go_both_ways(field: str, column: Any, value: Any) -> None:
    spec = record_spec("task").values[field]
    assert spec.from_column(column) == value
    assert spec.to_column(value) == column
    assert spec.accept(value) == value


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a b",
        "a\r\nb",
        "line  \nnext",
        "end \n",
        "tab\t\nx",
        "nul\0",
        "\x0b\n",
        "é",
        "e\u0301",
        " lead",
        "",
        "x" * 600,
    ],
)
@pytest.mark.parametrize("field", ["title", "description", "url", "stage"])
def test_the_quick_look_never_lets_through_what_the_long_one_would_change(field: str, text: str) -> None:
    spec = record_spec("task").values[field]
    if spec.is_sound(text):
        assert canonical(spec.kind, text) == text
        spec.check(text)


@pytest.mark.parametrize(
    ("record_type", "field", "value"),
    [
        ("member", "email", "nobody"),
        ("opportunity", "probability", -1),
        ("participation_log", "duration_seconds", 2**31),
        ("comment", "on_id", "7"),
        ("task", "assignees", ["7"]),
        ("task", "stage", "nowhere"),
        ("task", "title", None),
    ],
)
def test_what_does_not_fit_the_column_is_refused(record_type: str, field: str, value: Any) -> None:
    with pytest.raises(ValueProblem):
        record_spec(record_type).values[field].accept(value)
