"""My tasks: what is assigned to a person, from every source, ticked and unticked in one place."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.models import Mapping, MappingState
from workspace.models import OriginKind, Task, TaskStage, Tenant
from workspace.services import Origin, record_create

PAGE = "/admin/hub/my-tasks/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def member(tenant: Tenant, olga: User, now: Any) -> Any:
    origin = Origin(OriginKind.SYSTEM)
    return record_create(
        tenant=tenant, record_type="member", values={"name": "Olga", "user": olga.pk}, origin=origin, now=now
    )


@pytest.fixture
def make(tenant: Tenant, now: Any) -> Any:
    def made(title: str, **values: Any) -> Any:
        return record_create(
            tenant=tenant, record_type="task", values={"title": title, **values}, origin=Origin(OriginKind.SYSTEM),
            now=now,
        )  # fmt: skip

    return made


def titles(client: Client, **query: str) -> list[str]:
    return re.findall(r'class="task__title"[^>]*>([^<]+)<', client.get(PAGE, query).content.decode())


def test_the_most_urgent_first_and_only_ones_own(olga: User, member: Any, make: Any) -> None:
    mine = {"assignees": [str(member.pk)]}
    today = date.today()
    make("someday", **mine)
    make("someday, urgent", priority="urgent", **mine)
    make("tomorrow", due_on=(today + timedelta(days=1)).isoformat(), **mine)
    make("late", due_on=(today - timedelta(days=3)).isoformat(), **mine)
    make("finished", stage="done", **mine)
    make("somebody else's")
    client = signed_in(olga)
    assert titles(client) == ["late", "tomorrow", "someday, urgent", "someday"]
    assert "late</strong>" in client.get(PAGE).content.decode()
    assert titles(client, show="done") == ["finished"]
    assert "somebody else&#x27;s" in titles(client, whose="all")
    assert titles(client, q="SOME", show="all") == ["someday, urgent", "someday"]
    assert "Nothing matches" in client.get(PAGE, {"q": "nothing like it"}).content.decode()


def test_who_is_no_member_sees_everybodys_and_is_told_why(vera: User, make: Any) -> None:
    make("somebody's")
    html = signed_in(vera).get(PAGE).content.decode()
    assert "not linked to a member" in html and "somebody&#x27;s" in html
    assert "data-tick" not in html  # who only reads ticks nothing


def test_a_tick_and_back_to_the_stage_it_had(
    olga: User, vera: User, carol: User, member: Any, make: Any
) -> None:
    task = make("boat", stage="review", assignees=[str(member.pk)])
    client = signed_in(olga)
    answer = client.post(f"{PAGE}{task.pk}/complete", {"next": f"{PAGE}?show=all"}, follow=True)
    assert "“boat” is done." in answer.content.decode()
    assert Task.objects.get(pk=task.pk).stage == TaskStage.DONE
    quiet = client.post(f"{PAGE}{task.pk}/reopen", headers={"X-Requested-With": "fetch"})
    assert (quiet.status_code, Task.objects.get(pk=task.pk).stage) == (204, "review")
    assert signed_in(vera).post(f"{PAGE}{task.pk}/complete").status_code == 403
    assert signed_in(carol).post(f"{PAGE}{task.pk}/complete").status_code == 404
    assert client.post(f"{PAGE}{task.pk}/explode").status_code == 404


def test_how_each_source_stands_and_once_more(
    olga: User, task: Task, mapping: Mapping, integration: Any
) -> None:
    Mapping.objects.filter(pk=mapping.pk).update(
        state=MappingState.ERROR, state_reason="The other side said no.", is_dead=True
    )
    client = signed_in(olga)
    html = client.get(PAGE).content.decode()
    assert f"Error: {integration.name}" in html and "The other side said no." in html
    assert task.title in titles(client, source=str(integration.pk))
    assert titles(client, source="nonsense") == []
    client.post(f"{PAGE}{task.pk}/retry")
    mapping.refresh_from_db()
    assert (mapping.state, mapping.dirty_reason) == (MappingState.PENDING, "retry")


def test_long_lists_have_pages_with_few_queries(
    olga: User, make: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(53):
        make(f"task {number:02}")
    client = signed_in(olga)
    client.get(PAGE)
    with django_assert_max_num_queries(25):
        first = titles(client)
    assert len(first) == 50 and len(titles(client, page="2")) == 3
