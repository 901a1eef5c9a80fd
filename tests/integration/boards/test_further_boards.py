"""Further boards of the same cards: their own columns and limits, the default board's events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from boards.models import Board, Move
from boards.services.configuring import board_add, config_update
from boards.services.errors import ColumnFull
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from tests.integration.boards.test_pages import page, signed_in
from workspace.models import OriginKind, Task, Tenant
from workspace.services import Origin, record_create

Make = Callable[..., Task]
API = "/api/v1/kanban"


def test_a_further_boards_new_limit_holds_for_a_move_under_way(
    board: Board, alice: User, make_task: Make, actor_for: Any, clock: Any, tenant: Tenant
) -> None:
    more = board_add(tenant=tenant, record_type="task", name="More", actor=actor_for(alice))
    card = make_task("boat")
    asked = Board.objects.select_related("tenant").get(pk=more.pk)  # what a request has read
    config = Board.objects.get(pk=more.pk).config
    config["stages"][1]["limit"] = {"soft": None, "hard": 0}
    config_update(board=more, config=config, version=1, actor=actor_for(alice), now=clock())
    with pytest.raises(ColumnFull):
        cards_move(
            board=asked, cards=[Card(card.pk, 1)], target=Target("todo"), actor=actor_for(alice), now=clock()
        )


def test_figures_of_a_further_board_go_by_its_own_kinds(
    board: Board, alice: User, make_task: Make, move: Any, actor_for: Any, tenant: Tenant
) -> None:
    more = board_add(tenant=tenant, record_type="task", name="More", actor=actor_for(alice))
    config = dict(more.config)
    config["stages"][3]["kind"] = "done"
    Board.objects.filter(pk=more.pk).update(config=config)
    card = record_create(
        tenant=tenant,
        record_type="task",
        values={"title": "t"},
        origin=Origin(OriginKind.SYSTEM),
        now=timezone.now() - timedelta(hours=1),
    )
    cards_move(
        board=Board.objects.select_related("tenant").get(pk=board.pk),
        cards=[Card(card.pk)],
        target=Target("in_progress"),
        actor=actor_for(alice),
        now=timezone.now() - timedelta(minutes=10),
    )
    cards_move(
        board=Board.objects.select_related("tenant").get(pk=board.pk),
        cards=[Card(card.pk)],
        target=Target("review"),
        actor=actor_for(alice),
        now=timezone.now() - timedelta(minutes=5),
    )
    found = signed_in(alice).get(page(more, "metrics"))
    assert (
        found.context["figures"].throughput
        == sum(row["count"] for row in found.context["data"]["throughput"])
        == 1
    )


def test_checks_and_figures_of_a_further_board_are_those_of_its_events(
    board: Board, alice: User, make_task: Make, as_user: Any, actor_for: Any, tenant: Tenant
) -> None:
    make_task("one")
    more = board_add(tenant=tenant, record_type="task", name="More", actor=actor_for(alice))
    client = as_user(alice)
    assert client.get(f"{API}/consistency/task?board={more.pk}").json()["ok"]
    client.post(f"{API}/consistency/task?board={more.pk}", {"keep": "records"})
    assert not Move.objects.filter(board=more).exists()
    assert client.get(f"{API}/state/task?board={more.pk}").json()["cards"] == 1
    assert client.get(f"{API}/moves/task?board={more.pk}").status_code in (200, 404)
    assert client.get(f"{API}/board/task/moves?board={more.pk}").json()["last_seq"] == 1


def test_only_who_configures_the_events_board_repairs_it(
    board: Board, alice: User, olga: User, make_task: Make, actor_for: Any, tenant: Tenant
) -> None:
    make_task("one")
    more = board_add(tenant=tenant, record_type="task", name="More", actor=actor_for(alice))
    config = more.config
    config["rights"] = {"configure": ["operator", "manager"]}
    Board.objects.filter(pk=more.pk).update(config=config)
    Task.objects.update(stage="review")
    signed_in(olga).post(page(more, "checks"), {"what": "repair", "keep": "events"})
    assert Task.objects.get().stage == "review"
