"""Dirty marks: set by set, coalesced, never lost (E1, E11)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from integrations.models import Integration, Mapping, MappingState
from integrations.services.marks import mark_dirty
from workspace.ids import new_id


@pytest.fixture
def pairs(integration: Integration) -> list[Mapping]:
    return Mapping.objects.bulk_create(
        Mapping(
            tenant=integration.tenant, integration=integration, resource="issue", record_type="task",
            record_id=new_id(), external_id=str(number), state=MappingState.SYNCED,
        )
        for number in range(20)
    )  # fmt: skip


def test_one_statement_marks_many(
    integration: Integration, pairs: list[Mapping], now: datetime, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        marked = mark_dirty(
            integration=integration, resource="issue", external_ids=["1", "2", "no such"], reason="webhook", priority=2,
            method="webhook", now=now,
        )  # fmt: skip
    rows = Mapping.objects.filter(dirty_at=now).values_list(
        "external_id", "priority", "dirty_seq", "dirty_reason", "method"
    )
    assert marked == 2
    assert sorted(rows) == [("1", 2, 1, "webhook", "webhook"), ("2", 2, 1, "webhook", "webhook")]


def test_a_second_mark_keeps_the_age_and_the_more_urgent_priority(
    pairs: list[Mapping], now: datetime
) -> None:
    one = pairs[0]
    mark_dirty(mapping_ids=[one.id], reason="poll", priority=5, now=now)
    mark_dirty(mapping_ids=[one.id], reason="edit", priority=0, now=now + timedelta(seconds=9))
    mark_dirty(mapping_ids=[one.id], reason="poll", priority=5, now=now + timedelta(seconds=20))
    one.refresh_from_db()
    assert (one.dirty_at, one.priority, one.dirty_seq) == (now, 0, 3)


def test_a_priority_of_long_ago_does_not_stick(pairs: list[Mapping], now: datetime) -> None:
    one = pairs[0]
    mark_dirty(mapping_ids=[one.id], reason="edit", priority=0, now=now)
    Mapping.objects.update(dirty_at=None)
    mark_dirty(mapping_ids=[one.id], reason="poll", priority=5, now=now)
    one.refresh_from_db()
    assert one.priority == 5


def test_stopped_pairs_and_tombstones_are_left_alone(pairs: list[Mapping], now: datetime) -> None:
    Mapping.objects.filter(id=pairs[0].id).update(state=MappingState.STOPPED)
    Mapping.objects.filter(id=pairs[1].id).update(state=MappingState.TOMBSTONE)
    assert mark_dirty(mapping_ids=[row.id for row in pairs[:3]], reason="x", now=now) == 1


def test_one_worker_is_woken_per_integration_after_commit(
    integration: Integration,
    pairs: list[Mapping],
    wakeups: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    wakeups.clear()
    with django_capture_on_commit_callbacks(execute=True):
        mark_dirty(mapping_ids=[row.id for row in pairs], reason="x")
        assert wakeups == []
    assert wakeups == [("sync.drain_integration", {"integration_id": str(integration.id)})]


def test_it_must_be_said_which_pairs(db: None) -> None:
    with pytest.raises(ValueError, match="name pairs"):
        mark_dirty(reason="x")
