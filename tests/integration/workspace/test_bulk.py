"""The set-based path does on both databases what the ORM would; few rows and many take different roads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from integrations.models import Cursor, Integration, Mapping, SweepSeen
from workspace.bulk import find_rows, insert_rows, update_rows, upsert_rows
from workspace.ids import new_id
from workspace.models import Change, Label, Task, Tenant

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)
SIZES = pytest.mark.parametrize("size", [1, 3, 200])

COLUMNS = [field.attname for field in Task._meta.concrete_fields]
NASTY = 'tab\tnewline\nquote\' "double" back\\slash \\N \\. %s %% {} é 漢 🎈 NULL'


def task_row(tenant: Tenant, **values: Any) -> tuple[Any, ...]:
    row = {
        field.attname: field.get_default() if field.has_default() else (None if field.null else "")
        for field in Task._meta.concrete_fields
    }
    row |= {
        "id": new_id(),
        "tenant_id": tenant.pk,
        "created_at": NOW,
        "updated_at": NOW,
        "title": "T",
        **values,
    }
    return tuple(row[name] for name in COLUMNS)


def ids_of(rows: Sequence[Sequence[Any]]) -> list[UUID]:
    return [row[COLUMNS.index("id")] for row in rows]


@SIZES
def test_rows_are_stored_exactly_as_the_orm_would(tenant: Tenant, size: int) -> None:
    values: dict[str, Any] = {
        "title": NASTY,
        "labels": ["b", "a", "a", NASTY],
        "external_metadata": {"n": 1, "t": NASTY, "deep": [{"x": None}], "nul": "a\x00b", "half": "\ud83d!"},
        "estimate": "12.50",
        "due_on": "2025-07-01",
        "completed_at": "2025-07-01T10:00:00.123456Z",
        "external_sync_enabled": False,
    }
    rows = [task_row(tenant, **values) for _ in range(size)]
    assert insert_rows(Task, COLUMNS, rows) == []
    stored = Task.objects.get(id=rows[-1][0])
    by_orm = Task(**dict(zip(COLUMNS, task_row(tenant, **values), strict=True)))
    by_orm.external_metadata = {
        "n": 1,
        "t": NASTY,
        "deep": [{"x": None}],
        "nul": "a\ufffdb",
        "half": "\ufffd!",
    }
    by_orm.save(force_insert=True)
    by_orm.refresh_from_db()
    assert Task.objects.count() == size + 1
    for name in set(COLUMNS) - {"id"}:
        assert getattr(stored, name) == getattr(by_orm, name), name
    assert stored.labels == sorted({"a", "b", NASTY})
    assert Task.objects.filter(labels__has=NASTY, due_on="2025-07-01").count() == size + 1


@SIZES
def test_generated_keys_come_back(tenant: Tenant, size: int) -> None:
    columns = [
        "tenant_id",
        "record_type",
        "record_id",
        "revision",
        "kind",
        "changes",
        "origin",
        "correlation_id",
    ]
    columns += ["note", "created_at"]
    ids = [new_id() for _ in range(size)]
    rows = [(tenant.pk, "task", one, 1, "create", {}, "sync", "", "", NOW) for one in ids]
    found = dict(insert_rows(Change, columns, rows, returning=["record_id", "id"]))
    assert found == dict(Change.objects.values_list("record_id", "id"))
    assert set(found) == set(ids)


@SIZES
def test_guarded_updates_leave_rows_that_moved_on_alone(tenant: Tenant, size: int) -> None:
    rows = [task_row(tenant, rank="old") for _ in range(size)]
    insert_rows(Task, COLUMNS, rows)
    ids = ids_of(rows)
    Task.objects.filter(id=ids[0]).update(revision=7)
    updates = [(one, tenant.pk, 1, 2, f"new {n}", None) for n, one in enumerate(ids)]
    updates.append((new_id(), tenant.pk, 1, 2, "nobody", None))
    columns = ["revision", "rank", "due_on"]
    found = update_rows(Task, key=["id", "tenant_id"], guard="revision", columns=columns, rows=updates)
    assert {row[0] for row in found} == set(ids[1:])
    assert dict(Task.objects.values_list("id", "rank")) == {
        one: f"new {n}" if n else "old" for n, one in enumerate(ids)
    }
    assert Task.objects.get(id=ids[0]).revision == 7


@SIZES
def test_updates_without_a_guard_reach_the_key_only(tenant: Tenant, other_tenant: Tenant, size: int) -> None:
    rows = [task_row(tenant) for _ in range(size)]
    insert_rows(Task, COLUMNS, rows)
    wrong = [(one, other_tenant.pk, "stolen") for one in ids_of(rows)]
    assert update_rows(Task, key=["id", "tenant_id"], columns=["title"], rows=wrong) == []
    assert set(Task.objects.values_list("title", flat=True)) == {"T"}


@SIZES
def test_upserts_insert_what_is_new_and_set_only_the_named_columns(tenant: Tenant, size: int) -> None:
    old = [task_row(tenant, rank="old") for _ in range(size)]
    insert_rows(Task, COLUMNS, old)
    again = [task_row(tenant, id=one, title="again", rank="new") for one in ids_of(old)]
    fresh = [task_row(tenant, title="fresh", rank="new") for _ in range(size)]
    found = upsert_rows(
        Task, COLUMNS, again + fresh, unique=["id"], update=["title"], returning=["id", "title"]
    )
    assert dict(found) == dict.fromkeys(ids_of(old), "again") | dict.fromkeys(ids_of(fresh), "fresh")
    assert set(Task.objects.filter(id__in=ids_of(old)).values_list("title", "rank")) == {("again", "old")}


@SIZES
def test_an_upsert_without_columns_to_set_leaves_what_is_there(tenant: Tenant, size: int) -> None:
    old = [task_row(tenant) for _ in range(size)]
    insert_rows(Task, COLUMNS, old)
    again = [task_row(tenant, id=one, title="again") for one in ids_of(old)]
    assert upsert_rows(Task, COLUMNS, again, unique=["id"], update=[], returning=["id"]) == []
    assert set(Task.objects.values_list("title", flat=True)) == {"T"}


@SIZES
def test_a_partial_unique_constraint_decides_by_its_name(tenant: Tenant, size: int) -> None:
    integration = Integration.objects.create(tenant=tenant, name="Desk", connector="generic_rest")
    columns = [
        "id",
        "tenant_id",
        "integration_id",
        "resource",
        "record_type",
        "external_id",
        "state",
        "base_local",
    ]
    defaults = {
        field.attname: field.get_default() if field.has_default() else ("" if not field.null else None)
        for field in Mapping._meta.concrete_fields
        if field.attname not in columns
    }
    names = [*columns, *defaults]

    def row(external_id: str | None, base: Any) -> tuple[Any, ...]:
        head = (new_id(), tenant.pk, integration.pk, "task", "task", external_id, "synced", base)
        return (*head, *(NOW if name == "created_at" else value for name, value in defaults.items()))

    first = [row(f"x{n}", {"n": n}) for n in range(size)]
    insert_rows(Mapping, names, first)
    again = [*(row(f"x{n}", None) for n in range(size)), row("new", None), row(None, None)]
    upsert_rows(Mapping, names, again, unique="mapping_one_per_external", update=["base_local"])
    assert Mapping.objects.count() == size + 2
    assert set(Mapping.objects.filter(external_id__startswith="x").values_list("id", "base_local")) == {
        (one[0], None) for one in first
    }
    assert Mapping.objects.filter(base_local__isnull=True).count() == size + 2


def test_the_same_temporary_table_serves_several_times_in_one_transaction(tenant: Tenant) -> None:
    rows = [task_row(tenant) for _ in range(100)]
    insert_rows(Task, COLUMNS, rows)
    for turn in range(3):
        with transaction.atomic():
            updates = [(one, f"turn {turn}") for one in ids_of(rows)[turn * 10 :]]
            assert len(update_rows(Task, key=["id"], columns=["title"], rows=updates)) == 100 - turn * 10
    assert Task.objects.filter(title="turn 2").count() == 80


def test_a_duplicate_fails_as_a_whole(tenant: Tenant) -> None:
    rows = [task_row(tenant) for _ in range(100)]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(Task, COLUMNS, [*rows, rows[0]])
    assert Task.objects.count() == 0
    insert_rows(Task, COLUMNS, rows)
    assert Task.objects.count() == 100


def test_nothing_to_write_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert insert_rows(Label, ["id"], []) == []


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(ValueError, match="Task has no column colour"):
        insert_rows(Task, ["colour"], [("red",)])


@SIZES
def test_narrow_rows_go_in_once_however_often_they_are_given(tenant: Tenant, size: int) -> None:
    integration = Integration.objects.create(tenant=tenant, name="Desk", connector="generic_rest")
    cursor = Cursor.objects.create(integration=integration, resource="tickets")
    ids = [new_id() for _ in range(size)]
    for _ in range(2):
        rows = [(cursor.pk, one) for one in ids]
        upsert_rows(SweepSeen, ["cursor_id", "mapping_id"], rows, unique="sweep_seen_once", update=[])
    assert sorted(SweepSeen.objects.values_list("mapping_id", flat=True)) == sorted(ids)


@SIZES
def test_rows_are_found_by_their_key_among_those_of_the_fixed_columns(
    tenant: Tenant, other_tenant: Tenant, size: int
) -> None:
    mine = [task_row(tenant, rank=f"r{number}") for number in range(size)]
    insert_rows(
        Task, COLUMNS, [*mine, *(task_row(other_tenant, rank=f"r{number}") for number in range(size))]
    )
    wanted = [*(f"r{number}" for number in range(size)), "nobody", "it's"]
    found = find_rows(
        Task, ["id", "rank", "updated_at"], fixed={"tenant_id": tenant.pk}, key="rank", values=wanted
    )
    assert sorted(found) == sorted((row[0], row[COLUMNS.index("rank")], NOW) for row in mine)
    assert find_rows(Task, ["id"], fixed={"tenant_id": tenant.pk}, key="rank", values=[]) == []
