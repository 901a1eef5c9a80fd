from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from boards.models import Board, Move
from boards.services.errors import BadMove, ColumnFull
from integrations.models import Integration, Mapping
from live.models import LiveEvent
from tests.integration.boards.conftest import column, configure
from tests.integration.boards.test_pages import page, signed_in
from workspace.models import OriginKind, Task
from workspace.services import (
    Origin,
    RecordState,
    RecordWrite,
    record_create,
    record_update,
    records_read,
    records_write,
)

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


def synced(integration: Integration) -> Origin:
    return Origin(OriginKind.SYNC, integration_id=integration.pk)


def limit_lane(board: Board, lane_field: str, stage: int, **limits: dict[str, int]) -> None:
    config = dict(configure(board, lane_field=lane_field).config)
    config["stages"][stage]["lanes"] = limits
    configure(board, **config)


def last_moves(count: int) -> list[tuple[str, str]]:
    """(title, the limit it went over) of the latest moves, oldest first."""
    rows = list(Move.objects.order_by("-seq").values_list("record_id", "over")[:count])
    return [(Task.objects.get(pk=card).title, over) for card, over in reversed(rows)]


def test_what_a_vendors_people_move_is_flagged_over_a_lanes_limit(
    board: Board,
    make_task: Make,
    integration: Integration,
    django_capture_on_commit_callbacks: Any,
    clock: Any,
) -> None:
    limit_lane(board, "priority", 3, high={"soft": 1, "hard": 2}, low={"hard": 0})
    tasks = [
        make_task(title, priority=priority)
        for title, priority in (("a", "high"), ("b", "high"), ("c", "medium"))
    ]
    writes = [
        RecordWrite(task.pk, {"stage": "review"}, state)
        for task, state in zip(tasks, states_of(board, tasks), strict=True)
    ]
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        records_write(
            tenant=board.tenant, record_type="task", writes=writes, origin=synced(integration), now=clock()
        )
    assert last_moves(3) == [("a", "soft"), ("b", "soft"), ("c", "")]
    warning = LiveEvent.objects.get(type="KANBAN_WIP_WARNING").payload
    assert (warning["lane"], warning["over"], warning["message"]) == (
        "high", "soft", "Review, lane High takes 1 card; with this it would hold 2.",
    )  # fmt: skip
    # a card that changes its lane as it arrives counts where it arrives
    low = make_task("d", priority="high")
    record_update(
        tenant=board.tenant, record_type="task", record_id=low.pk, values={"stage": "review", "priority": "low"},
        origin=synced(integration), now=clock(),
    )  # fmt: skip
    assert last_moves(1) == [("d", "hard")]


def states_of(board: Board, tasks: list[Task]) -> list[RecordState]:
    found = records_read(tenant_id=board.tenant_id, record_type="task", ids=[task.pk for task in tasks])
    return [found[task.pk] for task in tasks]


def test_a_card_that_a_sync_makes_counts_in_its_integrations_lane(
    board: Board, make_task: Make, paired: Any, integration: Integration, clock: Any
) -> None:
    lane = str(integration.pk)
    limit_lane(board, "integration", 1, **{lane: {"hard": 2}})
    one = paired(make_task("one", "todo"))
    make_task("ours", "todo")
    for title in ("two", "three"):  # their pairs are written after them
        made = record_create(
            tenant=board.tenant, record_type="task", values={"title": title, "stage": "todo"},
            origin=synced(integration), now=clock(),
        )  # fmt: skip
        assert isinstance(made, Task)
        paired(made)
    assert last_moves(2) == [("two", ""), ("three", "hard")]
    record_update(
        tenant=board.tenant, record_type="task", record_id=one.pk, values={"stage": "done"}, origin=synced(integration),
        now=clock(),
    )  # fmt: skip
    record_update(
        tenant=board.tenant, record_type="task", record_id=one.pk, values={"stage": "todo"}, origin=synced(integration),
        now=clock(),
    )  # fmt: skip
    assert last_moves(2) == [("one", ""), ("one", "hard")]


def test_a_lane_says_how_full_it_is_on_the_page_and_over_the_api(
    board: Board, alice: User, vera: User, make_task: Make, as_user: Any
) -> None:
    limit_lane(board, "priority", 1, high={"hard": 1}, low={"soft": 3})
    for title, priority in (("a", "high"), ("b", "high"), ("c", "low"), ("d", "low")):
        make_task(title, "todo", priority=priority)
    html = signed_in(alice).get(page(board)).content.decode()
    said = [
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", one)).strip()
        for one in re.findall(r"data-fill>(.*?)</p>", html)
    ]
    assert [one for one in said if one != "0"] == ["2 /1 over the limit", "2 /3"]
    found = as_user(vera).get("/api/v1/kanban/board/task/fills").json()
    assert [stage["count"] for stage in found["stages"]] == [0, 4, 0, 0, 0]
    assert sorted((one["lane"], one["count"], one["limit"], one["words"]) for one in found["cells"]) == [
        ("high", 2, "1", "over the limit"), ("low", 2, "3", ""),
    ]  # fmt: skip


def test_sizes_fill_columns_and_lanes(board: Board, vera: User, make_task: Make, as_user: Any) -> None:
    limit_lane(board, "priority", 1, high={"hard": 8})
    configure(board, limit_by="estimate", limits={"todo": {"soft": None, "hard": 10}})
    make_task("a", "todo", priority="high", estimate="7.5")
    make_task("b", "todo", priority="low", estimate="2.5")
    make_task("c", "todo", priority="low")
    found = as_user(vera).get("/api/v1/kanban/board/task/fills").json()
    todo = found["stages"][1]
    assert (todo["total"], todo["count"], todo["words"]) == ("10", 3, "full")
    assert {one["lane"]: one["total"] for one in found["cells"]} == {"high": "7.5", "low": "2.5"}
