"""The API lets a role do what the pages let it do, and nothing more (UI.md's matrix, M2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from integrations.models import Mapping, MappingState
from workspace.models import Task

AsUser = Callable[[User], APIClient]
V1 = "/api/v1"


@pytest.mark.parametrize(("act", "before"), [("stop", MappingState.SYNCED), ("resume", MappingState.STOPPED)])
def test_only_a_manager_takes_a_record_out_of_the_sync_and_back(
    olga: User, alice: User, as_user: AsUser, mapping: Mapping, act: str, before: MappingState
) -> None:
    Mapping.objects.update(state=before)
    url = f"{V1}/mappings/{mapping.id}/{act}"
    assert as_user(olga).post(url).status_code == 403
    assert Mapping.objects.get().state == before
    assert as_user(alice).post(url).status_code == 200


def test_a_reviewer_retries_no_push(
    rita: User, olga: User, as_user: AsUser, task: Task, mapping: Mapping
) -> None:
    Mapping.objects.update(state=MappingState.ERROR)
    url = f"{V1}/tasks/{task.pk}/retry"
    assert as_user(rita).post(url).status_code == 403
    assert Mapping.objects.get().state == MappingState.ERROR
    assert as_user(olga).post(url).status_code == 200


def test_only_who_may_configure_a_board_keeps_snapshots(
    olga: User, rita: User, alice: User, as_user: AsUser, task: Task
) -> None:
    assert as_user(alice).get(f"{V1}/kanban/board/task").status_code == 200
    for user, status in ((olga, 403), (rita, 403), (alice, 201)):
        assert as_user(user).post(f"{V1}/kanban/snapshot/task").status_code == status
