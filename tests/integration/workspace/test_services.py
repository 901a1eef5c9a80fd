"""Records are written through services, with their history, and never by accident."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from live.models import LiveEvent
from workspace import hooks
from workspace.models import RECORD_TYPES, Change, ChangeKind, Member, OriginKind, Record, Task, Tenant
from workspace.services import (
    InvalidRecord,
    Origin,
    RecordMissing,
    RecordWrite,
    StaleRevision,
    WriteStatus,
    record_create,
    record_delete,
    record_restore,
    record_revert_field,
    record_update,
    records_read,
    records_write,
    task_complete,
    task_reopen,
)

NOW = datetime(2025, 7, 1, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def make_task(tenant: Tenant, origin: Origin, **values: Any) -> Record:
    return record_create(
        tenant=tenant, record_type="task", values={"title": "Fix the door", **values}, origin=origin, now=NOW
    )


def changes_of(record_id: UUID) -> list[dict[str, Any]]:
    return list(Change.objects.filter(record_id=record_id).order_by("id").values_list("changes", flat=True))


def test_a_new_record_has_its_values_defaults_author_and_one_change(
    tenant: Tenant, origin: Origin, alice: User
) -> None:
    task = make_task(tenant, origin, due_on="2025-08-01", estimate="12.50", labels=["b", "a", "b"])
    task.refresh_from_db()
    assert isinstance(task, Task)
    assert (task.title, task.stage, task.priority) == ("Fix the door", "backlog", "none")
    assert (task.due_on, task.estimate, task.labels) == (date(2025, 8, 1), Decimal("12.50"), ["a", "b"])
    assert (task.revision, task.created_at, task.updated_at, task.created_by, task.updated_by) == (
        1, NOW, NOW, alice, alice,
    )  # fmt: skip
    change = Change.objects.get(record_id=task.id)
    assert (change.kind, change.revision, change.user, change.origin) == (ChangeKind.CREATE, 1, alice, "user")
    assert change.changes == {
        "title": {"from": None, "to": "Fix the door"},
        "due_on": {"from": None, "to": "2025-08-01"},
        "estimate": {"from": None, "to": "12.5"},
        "labels": {"from": None, "to": ["a", "b"]},
    }
    assert change.drained_at is None


def test_an_update_writes_and_logs_only_what_differs(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin, due_on="2025-08-01")
    changed = record_update(
        tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=LATER,
        values={"title": "Fix the door", "due_on": "2025-08-02", "labels": []},
    )  # fmt: skip
    assert (changed.revision, changed.updated_at, changed.created_at) == (2, LATER, NOW)
    assert changes_of(task.id)[1] == {"due_on": {"from": "2025-08-01", "to": "2025-08-02"}}


def test_an_update_that_changes_nothing_leaves_no_trace(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin, estimate="3")
    same = record_update(
        tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=LATER,
        values={"title": "Fix the door", "estimate": Decimal("3.00"), "description": ""},
    )  # fmt: skip
    assert (same.revision, same.updated_at) == (1, NOW)
    assert len(changes_of(task.id)) == 1


def test_an_old_revision_is_refused_and_says_who_changed_it_when(
    tenant: Tenant, origin: Origin, system: Origin
) -> None:
    task = make_task(tenant, system)
    record_update(
        tenant=tenant,
        record_type="task",
        record_id=task.id,
        values={"title": "New"},
        origin=origin,
        now=LATER,
    )
    with pytest.raises(StaleRevision, match="changed by Alice at 2025-07-01 10:05:00 UTC") as caught:
        record_update(
            tenant=tenant, record_type="task", record_id=task.id, values={"title": "Mine"}, origin=origin,
            now=LATER, expected_revision=1,
        )  # fmt: skip
    assert (caught.value.record.revision, str(caught.value.record), caught.value.changed_at) == (
        2,
        "New",
        LATER,
    )
    assert Task.objects.get().title == "New"
    assert len(changes_of(task.id)) == 2


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"colour": "red"}, "colour", "There is no field colour on a task."),
        ({"title": ""}, "title", "Title: must not be empty."),
        ({"title": "x" * 501}, "title", "Title: the text has 501 characters; at most 500 fit."),
        ({"title": "a\x00b"}, "title", "Title: the text contains a NUL character."),
        ({"stage": "nowhere"}, "stage", "Stage: 'nowhere' is not one of backlog, todo, in_progress, review, done."),
        ({"due_on": "tomorrow"}, "due_on", "Due on: 'tomorrow' is not a date such as 2025-07-01."),
        ({"completed_at": datetime(2025, 7, 1)}, "completed_at",
         "Completed at: 2025-07-01T00:00:00 has no time zone, so it is no certain moment."),
        ({"estimate": "1.234"}, "estimate", "Estimate: 1.234 has more than 2 decimal places."),
        ({"estimate": "12345678901"}, "estimate",
         "Estimate: 12345678901 is too large: at most 10 digits before the point."),
        ({"project": "abc"}, "project", "Project: 'abc' is not the id of a record."),
        ({"labels": "urgent"}, "labels", "Labels: 'urgent' is not a set of texts."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_and_nothing_is_saved(
    tenant: Tenant, origin: Origin, values: dict[str, Any], field: str, sentence: str
) -> None:
    task = make_task(tenant, origin)
    with pytest.raises(InvalidRecord) as caught:
        record_update(
            tenant=tenant,
            record_type="task",
            record_id=task.id,
            values={"rank": "m", **values},
            origin=origin,
            now=NOW,
        )
    assert caught.value.errors == {field: [sentence]}
    assert (Task.objects.get().rank, len(changes_of(task.id))) == ("", 1)


def test_a_required_field_that_is_missing_is_named(tenant: Tenant, origin: Origin) -> None:
    with pytest.raises(InvalidRecord) as caught:
        record_create(tenant=tenant, record_type="task", values={}, origin=origin, now=NOW)
    assert caught.value.errors == {"title": ["Title: must not be empty."]}
    assert not Task.objects.exists() and not Change.objects.exists()


def test_an_emptied_choice_goes_back_to_its_default(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin, priority="high")
    record_update(
        tenant=tenant,
        record_type="task",
        record_id=task.id,
        values={"priority": None},
        origin=origin,
        now=NOW,
    )
    assert Task.objects.get().priority == "none"


def member(tenant: Tenant, origin: Origin, name: str = "Mia") -> Record:
    return record_create(tenant=tenant, record_type="member", values={"name": name}, origin=origin, now=NOW)


def test_references_take_living_records_of_the_same_tenant_only(
    tenant: Tenant, other_tenant: Tenant, origin: Origin, system: Origin
) -> None:
    mia, stranger, gone = member(tenant, origin), member(other_tenant, system), member(tenant, origin, "Gone")
    record_delete(tenant=tenant, record_type="member", record_id=gone.id, origin=origin, now=NOW)
    task = make_task(tenant, origin, reporter=mia, assignees=[str(mia.id)])
    assert Task.objects.get(id=task.id).reporter_id == mia.id
    for wrong in (stranger.id, gone.id, uuid4()):
        with pytest.raises(InvalidRecord) as caught:
            make_task(tenant, origin, reporter=wrong, assignees=[str(mia.id), str(wrong)])
        sentence = f"there is no member {wrong} here, or it is deleted."
        assert caught.value.errors == {
            "reporter": [f"Reporter: {sentence}"],
            "assignees": [f"Assignees: {sentence}"],
        }


def test_a_reference_that_was_deleted_later_does_not_block_other_edits(
    tenant: Tenant, origin: Origin
) -> None:
    mia = member(tenant, origin)
    task = make_task(tenant, origin, reporter=mia.id, assignees=[str(mia.id)])
    record_delete(tenant=tenant, record_type="member", record_id=mia.id, origin=origin, now=NOW)
    record_update(
        tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=NOW,
        values={"title": "Other", "reporter": str(mia.id), "assignees": [str(mia.id)]},
    )  # fmt: skip
    assert Task.objects.get(id=task.id).title == "Other"


def test_a_comment_stands_on_a_record_of_its_tenant(
    tenant: Tenant, other_tenant: Tenant, origin: Origin, system: Origin
) -> None:
    task, foreign = make_task(tenant, origin), make_task(other_tenant, system)

    def comment(on: Any, kind: str = "task") -> Record:
        values = {"body": "Hello", "on_type": kind, "on_id": on}
        return record_create(tenant=tenant, record_type="comment", values=values, origin=origin, now=NOW)

    assert comment(task.id).revision == 1
    with pytest.raises(InvalidRecord, match=f"There is no task {foreign.id} here, or it is deleted"):
        comment(foreign.id)
    with pytest.raises(InvalidRecord, match="There is no record type nothing"):
        comment(task.id, "nothing")


def test_a_member_is_linked_only_to_an_account_of_the_tenant(
    tenant: Tenant, origin: Origin, alice: User, carol: User
) -> None:
    mia = member(tenant, origin)
    linked = record_update(
        tenant=tenant,
        record_type="member",
        record_id=mia.id,
        values={"user": alice.pk},
        origin=origin,
        now=NOW,
    )
    assert isinstance(linked, Member) and linked.user == alice
    with pytest.raises(InvalidRecord, match="there is no user"):
        record_update(
            tenant=tenant,
            record_type="member",
            record_id=mia.id,
            values={"user": carol.pk},
            origin=origin,
            now=NOW,
        )
    again = record_update(
        tenant=tenant, record_type="member", record_id=mia.id, values={"user": alice}, origin=origin, now=NOW
    )
    assert again.revision == 2


def test_another_tenants_record_is_not_there(other_tenant: Tenant, tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin)
    for act in (
        lambda: record_update(
            tenant=other_tenant,
            record_type="task",
            record_id=task.id,
            values={"title": "x"},
            origin=origin,
            now=NOW,
        ),
        lambda: record_delete(
            tenant=other_tenant, record_type="task", record_id=task.id, origin=origin, now=NOW
        ),
        lambda: record_restore(
            tenant=other_tenant, record_type="task", record_id=task.id, origin=origin, now=NOW
        ),
        lambda: task_complete(tenant=other_tenant, record_id=task.id, origin=origin, now=NOW),
    ):
        with pytest.raises(RecordMissing):
            act()
    assert records_read(tenant_id=other_tenant.pk, record_type="task", ids=[task.id]) == {}
    assert len(changes_of(task.id)) == 1


def test_deleting_keeps_a_tombstone_that_can_be_restored(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin)
    gone = record_delete(tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=LATER)
    assert (gone.deleted_at, gone.revision) == (LATER, 2)
    record_delete(tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=LATER)
    with pytest.raises(InvalidRecord, match="The record is deleted"):
        record_update(
            tenant=tenant,
            record_type="task",
            record_id=task.id,
            values={"title": "x"},
            origin=origin,
            now=LATER,
        )
    back = record_restore(tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=LATER)
    assert (back.deleted_at, back.revision) == (None, 3)
    kinds = Change.objects.filter(record_id=task.id).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["create", "delete", "restore"]


def test_reverting_a_field_is_a_new_edit(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin)
    record_update(
        tenant=tenant, record_type="task", record_id=task.id, origin=origin, now=LATER,
        values={"title": "Wrong", "rank": "z"},
    )  # fmt: skip
    change = Change.objects.filter(record_id=task.id).latest("id")
    back = record_revert_field(
        tenant=tenant, record_type="task", record_id=task.id, change_id=change.id, field="title", origin=origin,
        now=LATER,
    )  # fmt: skip
    assert isinstance(back, Task)
    assert (back.title, back.rank, back.revision) == ("Fix the door", "z", 3)


def test_a_field_that_somebody_has_changed_since_is_not_reverted(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin)
    where: dict[str, Any] = {"tenant": tenant, "record_type": "task", "record_id": task.id}
    record_update(**where, origin=origin, now=LATER, values={"title": "Wrong", "rank": "z"})
    change = Change.objects.filter(record_id=task.id).latest("id")
    by_ben = Origin(OriginKind.USER, user=User.objects.create_user("ben"))
    record_update(**where, origin=by_ben, now=LATER + timedelta(minutes=1), values={"title": "Right"})
    record_update(**where, origin=origin, now=LATER + timedelta(minutes=2), values={"description": "More"})
    revert: dict[str, Any] = {**where, "change_id": change.id, "origin": origin, "now": LATER}
    with pytest.raises(StaleRevision) as caught:
        record_revert_field(**revert, field="title")
    assert (caught.value.changed_by, caught.value.changed_at) == ("ben", LATER + timedelta(minutes=1))
    assert Task.objects.get(id=task.id).title == "Right"
    back = record_revert_field(**revert, field="rank")  # that one nobody has touched
    assert isinstance(back, Task) and (back.rank, back.title) == (task.rank, "Right")
    again = record_revert_field(**revert, field="rank")  # nothing is left to take back
    assert again.revision == back.revision


def test_completing_and_reopening_restores_the_stage_from_before(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin, stage="review")
    done = task_complete(tenant=tenant, record_id=task.id, origin=origin, now=LATER)
    assert isinstance(done, Task) and (done.stage, done.completed_at) == ("done", LATER)
    record_update(
        tenant=tenant, record_type="task", record_id=task.id, values={"rank": "a"}, origin=origin, now=LATER
    )
    again = task_reopen(tenant=tenant, record_id=task.id, origin=origin, now=LATER)
    assert isinstance(again, Task) and (again.stage, again.completed_at) == ("review", None)
    assert changes_of(task.id)[-1] == {
        "stage": {"from": "done", "to": "review"},
        "completed_at": {"from": "2025-07-01T10:05:00Z", "to": None},
    }


def test_a_task_that_came_in_as_done_reopens_to_do(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin, stage="done", completed_at="2025-06-01T00:00:00Z")
    again = task_reopen(tenant=tenant, record_id=task.id, origin=origin, now=LATER)
    assert isinstance(again, Task) and again.stage == "todo"


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    seen: list[tuple[Any, ...]] = []

    def note(record: Record, old: str | None, new: str, origin: Origin, change: Change) -> None:
        assert Change.objects.get(id=change.id).record_id == record.id
        seen.append((str(record), old, new, origin.kind, change.revision, record.revision))

    monkeypatch.setattr(hooks, "stage_change_hooks", [note])
    monkeypatch.setattr("workspace.services.writing.stage_change_hooks", [note])
    return seen


def test_a_change_of_stage_runs_the_hooks_and_nothing_else_does(
    tenant: Tenant, origin: Origin, moves: list[tuple[Any, ...]]
) -> None:
    task = make_task(tenant, origin)
    record_update(
        tenant=tenant, record_type="task", record_id=task.id, values={"rank": "a"}, origin=origin, now=NOW
    )
    task_complete(tenant=tenant, record_id=task.id, origin=origin, now=NOW)
    member(tenant, origin)
    assert moves == [
        ("Fix the door", None, "backlog", OriginKind.USER, 1, 1),
        ("Fix the door", "backlog", "done", OriginKind.USER, 3, 3),
    ]


def test_a_hook_that_refuses_undoes_the_write(
    tenant: Tenant, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(tenant, origin)

    def refuse(*args: Any) -> None:
        raise RuntimeError("no room in this column")

    monkeypatch.setattr("workspace.services.writing.stage_change_hooks", [refuse])
    with pytest.raises(RuntimeError, match="no room"):
        task_complete(tenant=tenant, record_id=task.id, origin=origin, now=NOW)
    assert (Task.objects.get().stage, len(changes_of(task.id))) == ("backlog", 1)


@pytest.mark.django_db(transaction=True)
def test_a_write_wakes_the_engine_and_tells_the_tenants_room_after_commit(
    tenant: Tenant, system: Origin, wakeups: list[Any]
) -> None:
    task = make_task(tenant, system)
    event = LiveEvent.objects.get()
    assert (event.room, event.type, event.tenant_id) == (
        f"tenant:{tenant.pk}:sync",
        "record.changed",
        tenant.pk,
    )
    assert event.payload == {"type": "task", "id": str(task.id), "revision": 1, "fields": ["title"]}
    assert wakeups == [("sync.drain_changes", {})]


# ---------------------------------------------------------------- many at once


def write_many(tenant: Tenant, origin: Origin, *writes: RecordWrite, drained: bool = False) -> list[Any]:
    with transaction.atomic():
        return records_write(
            tenant=tenant, record_type="task", writes=writes, origin=origin, now=LATER, drained=drained
        )


@pytest.mark.parametrize("count", [3, 120])
def test_a_set_is_written_with_each_result_in_its_place(tenant: Tenant, origin: Origin, count: int) -> None:
    made = write_many(
        tenant, origin, *(RecordWrite(None, {"title": f"T{n}", "rank": "a"}) for n in range(count))
    )
    assert {one.status for one in made} == {WriteStatus.CREATED}
    states = records_read(tenant_id=tenant.pk, record_type="task", ids=[one.record_id for one in made])
    stale_id, invalid_id, same_id = (made[n].record_id for n in range(3))
    record_update(
        tenant=tenant,
        record_type="task",
        record_id=stale_id,
        values={"title": "Moved"},
        origin=origin,
        now=NOW,
    )
    wanted = {stale_id: {"title": "Lost"}, invalid_id: {"stage": "?"}, same_id: {"rank": "a"}}
    results = write_many(
        tenant, origin,
        *(RecordWrite(None, wanted.get(key, {"description": "new"}), state) for key, state in states.items()),
        RecordWrite(None, {"title": "Late", "parent": str(made[2].record_id)}),
    )  # fmt: skip
    by_id = {result.record_id: result for result in results}
    assert by_id[stale_id].status == WriteStatus.STALE
    assert by_id[invalid_id].status == WriteStatus.INVALID and list(by_id[invalid_id].errors) == ["stage"]
    assert by_id[same_id].status == WriteStatus.UNCHANGED
    assert results[-1].status == WriteStatus.CREATED
    updated = [one for one in results if one.status == WriteStatus.UPDATED]
    assert len(updated) == count - 3 and all(one.revision == 2 for one in updated)
    assert Task.objects.filter(description="new", revision=2, rank="a", updated_at=LATER).count() == count - 3
    assert Task.objects.get(id=stale_id).title == "Moved"
    assert Change.objects.count() == count + 1 + (count - 3) + 1


def test_a_child_may_come_with_its_parent_in_one_set(tenant: Tenant, origin: Origin) -> None:
    parent = uuid4()
    results = write_many(
        tenant, origin,
        RecordWrite(None, {"title": "Child", "parent": str(parent)}), RecordWrite(parent, {"title": "Parent"}),
    )  # fmt: skip
    assert [one.status for one in results] == [WriteStatus.CREATED, WriteStatus.CREATED]


def test_the_engines_own_writes_are_marked_as_looked_at(tenant: Tenant, wakeups: list[Any]) -> None:
    integration = uuid4()
    origin = Origin(kind=OriginKind.SYNC, integration_id=integration, correlation_id="c1")
    (made,) = write_many(
        tenant, origin, RecordWrite(None, {"title": "In"}, None, {"vendor": {"a": 1}}), drained=True
    )
    change = Change.objects.get()
    assert (change.drained_at, change.integration_id, change.correlation_id) == (LATER, integration, "c1")
    task = Task.objects.get(id=made.record_id)
    assert (task.last_external_sync_at, task.external_metadata, task.created_by) == (
        LATER,
        {"vendor": {"a": 1}},
        None,
    )


def test_vendor_data_alone_is_stored_without_a_revision(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin)
    state = records_read(tenant_id=tenant.pk, record_type="task", ids=[task.id])[task.id]
    (result,) = write_many(tenant, origin, RecordWrite(task.id, {}, state, {"etag": "7"}))
    assert result.status == WriteStatus.UNCHANGED
    task.refresh_from_db()
    assert (task.external_metadata, task.revision, len(changes_of(task.id))) == ({"etag": "7"}, 1, 1)


def test_the_same_record_twice_in_a_set_is_written_once(tenant: Tenant, origin: Origin) -> None:
    task = make_task(tenant, origin)
    state = records_read(tenant_id=tenant.pk, record_type="task", ids=[task.id])[task.id]
    results = write_many(
        tenant, origin, RecordWrite(task.id, {"rank": "a"}, state), RecordWrite(task.id, {"rank": "b"}, state)
    )
    assert [one.status for one in results] == [WriteStatus.UPDATED, WriteStatus.STALE]
    task.refresh_from_db()
    assert isinstance(task, Task) and (task.rank, task.revision) == ("a", 2)


@pytest.mark.parametrize("record_type", sorted(RECORD_TYPES))
def test_every_type_is_written_and_read_back_as_canonical_values(
    record_type: str, tenant: Tenant, origin: Origin, django_assert_num_queries: Any
) -> None:
    title = RECORD_TYPES[record_type].title_field
    record = record_create(
        tenant=tenant, record_type=record_type, values={title: "A"}, origin=origin, now=NOW
    )
    with django_assert_num_queries(1):
        state = records_read(tenant_id=tenant.pk, record_type=record_type, ids=[record.id])[record.id]
    assert (state.id, state.revision, state.values[title], state.external_sync_enabled) == (
        record.id,
        1,
        "A",
        True,
    )
    same = record_update(
        tenant=tenant,
        record_type=record_type,
        record_id=record.id,
        values=state.values,
        origin=origin,
        now=LATER,
    )
    assert same.revision == 1
