"""Records and tasks over the API: revisions, roles, tenants, sync state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from integrations.models import Mapping, MappingState
from workspace.models import Change, Task

AsUser = Callable[[User], APIClient]
V1 = "/api/v1"


@pytest.fixture
def url(task: Task) -> str:
    return f"{V1}/records/task/{task.pk}"


def test_a_record_is_made_shown_and_found(rita: User, as_user: AsUser) -> None:
    client = as_user(rita)
    made = client.post(f"{V1}/records/task", {"values": {"title": "Mend the net", "priority": "high"}})
    assert (made.status_code, made.json()["revision"], made["ETag"]) == (201, 1, '"1"')
    assert made.json()["values"]["priority"] == "high"
    (row,) = client.get(f"{V1}/records/task", {"q": "NET", "stage": "backlog"}).json()["results"]
    assert row["id"] == made.json()["id"]
    assert Change.objects.get().origin == "api"


def test_a_change_names_the_revision_and_a_stale_one_gets_the_current_values(
    rita: User, as_user: AsUser, url: str
) -> None:
    client = as_user(rita)
    assert client.patch(url, {"values": {"stage": "todo"}, "revision": 1}).json()["revision"] == 2
    stale = client.patch(url, {"values": {"title": "Mine"}}, headers={"If-Match": '"1"'})
    body = stale.json()
    assert (stale.status_code, body["code"], body["current"]["revision"]) == (409, "stale", 2)
    assert (body["current"]["changed_by"], body["current"]["values"]["stage"]) == ("rita", "todo")
    assert Task.objects.get().title == "Paint the boat"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"stage": "lost"}, "stage"),
        ({"title": ""}, "title"),
        ({"colour": "red"}, "colour"),
        ({"due_on": "soon"}, "due_on"),
    ],
)
def test_bad_values_are_refused_by_field(
    rita: User, as_user: AsUser, url: str, values: Any, field: str
) -> None:
    response = as_user(rita).patch(url, {"values": values})
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert Task.objects.get().revision == 1


def test_deleting_is_soft_and_can_be_undone(rita: User, as_user: AsUser, url: str) -> None:
    client = as_user(rita)
    assert client.delete(url, headers={"If-Match": "9"}).status_code == 409
    assert client.delete(url).json()["deleted_at"] is not None
    assert client.get(f"{V1}/records/task").json()["results"] == []
    assert len(client.get(f"{V1}/records/task", {"deleted": "true"}).json()["results"]) == 1
    assert client.post(f"{url}/restore").json()["deleted_at"] is None
    assert [row["kind"] for row in client.get(f"{url}/history").json()] == ["restore", "delete", "create"]


def test_a_record_shows_how_it_stands_in_each_integration(
    vera: User, as_user: AsUser, url: str, mapping: Mapping
) -> None:
    (state,) = as_user(vera).get(url).json()["sync"]
    assert (state["integration"], state["word"], state["external_id"]) == ("Issues", "Synced", "7")


def test_a_list_costs_the_same_for_many(
    rita: User, as_user: AsUser, mapping: Mapping, django_assert_max_num_queries: Any
) -> None:
    client = as_user(rita)
    for number in range(20):
        client.post(f"{V1}/records/task", {"values": {"title": f"Task {number}"}})
    with django_assert_max_num_queries(5):
        page = client.get(f"{V1}/records/task", {"limit": 10}).json()
    assert len(page["results"]) == 10
    assert len(client.get(page["next"]).json()["results"]) == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"stage": "lost"}, "stage"),
        ({"updated_since": "monday"}, "updated_since"),
        ({"limit": "999"}, "limit"),
    ],
)
def test_a_bad_filter_is_refused(vera: User, as_user: AsUser, query: dict[str, str], field: str) -> None:
    response = as_user(vera).get(f"{V1}/records/task", query)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_an_unknown_type_is_404(vera: User, as_user: AsUser) -> None:
    assert as_user(vera).get(f"{V1}/records/spaceship").status_code == 404


def test_a_task_is_completed_and_reopened_to_where_it_was(
    olga: User, as_user: AsUser, task: Task, url: str
) -> None:
    client = as_user(olga)
    client.patch(url, {"values": {"stage": "review"}})
    done = client.post(f"{V1}/tasks/{task.pk}/complete").json()
    assert (done["values"]["stage"], done["values"]["completed_at"] is not None) == ("done", True)
    assert client.post(f"{V1}/tasks/{task.pk}/reopen", {"revision": 1}).status_code == 409
    assert client.post(f"{V1}/tasks/{task.pk}/reopen").json()["values"]["stage"] == "review"


def test_a_tasks_failed_push_is_retried_and_its_state_asked(
    olga: User, as_user: AsUser, task: Task, mapping: Mapping
) -> None:
    Mapping.objects.update(state=MappingState.ERROR, is_dead=True, attempts=6)
    body = as_user(olga).post(f"{V1}/tasks/{task.pk}/retry").json()
    assert (body["retried"], body["sync"][0]["is_pending"]) == (1, True)
    (state,) = as_user(olga).get(f"{V1}/tasks/{task.pk}/sync-status").json()
    assert state["word"] == "Pending"
    mapping.refresh_from_db()
    assert (mapping.is_dead, mapping.priority) == (False, 0)


TASK_ACTS = ["complete", "reopen", "retry"]


@pytest.mark.parametrize("act", TASK_ACTS)
def test_a_viewer_acts_on_no_task(vera: User, as_user: AsUser, task: Task, act: str) -> None:
    assert as_user(vera).post(f"{V1}/tasks/{task.pk}/{act}").status_code == 403
    assert Task.objects.get().revision == 1


def test_a_viewer_writes_no_record(vera: User, otto: User, as_user: AsUser, url: str) -> None:
    for reader in (vera, otto):
        client = as_user(reader)
        assert client.get(url).status_code == 200
        assert client.post(f"{V1}/records/task", {"values": {"title": "x"}}).status_code == 403
        for method in ("put", "patch", "delete"):
            assert getattr(client, method)(url, {"values": {"title": "x"}}).status_code == 403
    assert Task.objects.get().revision == 1


def test_a_stranger_finds_no_record(carol: User, as_user: AsUser, task: Task, url: str) -> None:
    client = as_user(carol)
    assert client.get(f"{V1}/records/task").json()["results"] == []
    for method in ("get", "put", "patch", "delete"):
        assert (
            getattr(client, method)(url, {"values": {"title": "x"}} if method != "get" else None).status_code
            == 404
        )
    for path in (f"{url}/history", f"{V1}/tasks/{task.pk}/sync-status"):
        assert client.get(path).status_code == 404
    for path in (f"{url}/restore", *(f"{V1}/tasks/{task.pk}/{act}" for act in TASK_ACTS)):
        assert client.post(path).status_code == 404
    assert Task.objects.get().revision == 1
