from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from boards.models import Board
from boards.services.errors import BadMove, ColumnFull
from integrations.models import Integration, Mapping
from tests.integration.boards.conftest import column, configure
from tests.integration.boards.test_pages import page, signed_in
from workspace.models import OriginKind, Task
from workspace.services import Origin, record_create

Make = Callable[..., Task]


@pytest.fixture
def paired(integration: Integration) -> Callable[[Task], Task]:
    def make(task: Task) -> Task:
        Mapping.objects.create(
            tenant=integration.tenant, integration=integration, resource="tickets", record_type="task",
            record_id=task.pk, external_id=str(task.pk),
        )  # fmt: skip
        return task

    return make


def test_lanes_by_integration_show_each_card_once_in_the_lane_it_comes_from(
    board: Board, alice: User, make_task: Make, paired: Any, integration: Integration
) -> None:
    configure(board, lane_field="integration")
    theirs, _ours = paired(make_task("theirs", "todo")), make_task("ours", "todo")
    html = signed_in(alice).get(page(board)).content.decode()
    assert html.count("data-card=") == 2
    cell = rf'data-stage="todo" data-lane="{integration.pk}"[^>]*><li[^>]*id="card-{theirs.pk}"'
    assert re.search(cell, html)
    assert f'<h3 class="lane__name">{integration.name}' in html
    lane = {"stage": "todo", "lane": str(integration.pk)}
    assert re.findall(r"Select (\w+)", cards(signed_in(alice), board, lane)) == ["theirs"]
    assert re.findall(r"Select (\w+)", cards(signed_in(alice), board, {**lane, "lane": ""})) == ["ours"]
    assert re.findall(r"Select (\w+)", cards(signed_in(alice), board, {**lane, "lane": "nonsense"})) == []


def cards(client: Client, board: Board, query: dict[str, str]) -> str:
    return client.get(page(board, "cards"), query).content.decode()


def test_a_card_moves_within_its_integrations_lane_and_not_into_another(
    board: Board, alice: User, make_task: Make, paired: Any, integration: Integration, move: Any
) -> None:
    config = dict(configure(board, lane_field="integration").config)
    config["stages"][3]["lanes"] = {str(integration.pk): {"hard": 1}}
    configure(board, **config)
    one, two, ours = paired(make_task("one")), paired(make_task("two")), make_task("ours")
    move(alice, one.pk, "review", lane=str(integration.pk))
    move(alice, ours.pk, "review")
    with pytest.raises(ColumnFull, match="Review, lane"):
        move(alice, two.pk, "review")
    with pytest.raises(BadMove, match="keeps the integration it comes from"):
        move(alice, two.pk, "todo", lane="")
    assert (column("review"), column("backlog")) == (["one", "ours"], ["two"])


def test_a_board_with_very_many_lanes_says_so_and_shows_few_cards_of_each(
    board: Board, alice: User, make_task: Make
) -> None:
    configure(board, lane_field="project")
    tasks = [make_task(f"card {number}") for number in range(54)]
    for number, task in enumerate(tasks[:52]):
        project = record_create(
            tenant=board.tenant, record_type="project", values={"name": f"project {number}"},
            origin=Origin(OriginKind.SYSTEM), now=task.created_at,
        )  # fmt: skip
        Task.objects.filter(pk=task.pk).update(project_id=project.pk)
    html = signed_in(alice).get(page(board)).content.decode()
    assert html.count("lane__name") == 51  # and those without a project
    assert "2 more lanes with cards are not shown" in html
    assert html.count("data-card=") == 51  # one of the two without a project is behind "Show more"
