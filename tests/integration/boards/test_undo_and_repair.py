"""Undo takes back all of a move and nothing else; a repair leaves counts and open pages right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from boards.models import Board, Move
from boards.occupancy import stage_counts
from boards.services.checks import repair
from boards.services.configuring import board_add
from boards.services.locks import lock_renew, lock_take
from boards.services.undo import redo, undo
from tests.integration.boards.conftest import configure
from tests.integration.boards.test_pages import page, signed_in
from workspace.models import Task, Tenant

Make = Callable[..., Task]
API = "/api/v1/kanban"


def test_a_record_made_over_the_api_does_not_block_undo(
    board: Board, olga: User, make_task: Make, move: Any, actor_for: Any, clock: Any, as_user: Any
) -> None:
    card = make_task("one")
    move(olga, card.pk, "todo")
    made = as_user(olga).post("/api/v1/records/task", {"values": {"title": "made over the API"}})
    assert made.status_code == 201, made.content
    undo(board=board, actor=actor_for(olga), now=clock())
    assert Task.objects.get(pk=card.pk).stage == "backlog"


def test_undo_brings_the_lane_back(
    board: Board, olga: User, make_task: Make, move: Any, actor_for: Any, clock: Any
) -> None:
    configure(board, lane_field="priority")
    card = make_task("one", priority="low")
    move(olga, card.pk, "review", lane="high")
    assert Task.objects.get(pk=card.pk).priority == "high"
    current = Board.objects.get(pk=board.pk)
    undo(board=current, actor=actor_for(olga), now=clock())
    now = Task.objects.get(pk=card.pk)
    assert (now.stage, now.priority) == ("backlog", "low")
    redo(board=current, actor=actor_for(olga), now=clock())
    now = Task.objects.get(pk=card.pk)
    assert (now.stage, now.priority) == ("review", "high")


def test_counts_are_right_after_a_repair(
    board: Board, alice: User, make_task: Make, actor_for: Any, clock: Any
) -> None:
    card = make_task("boat")
    Task.objects.filter(pk=card.pk).update(stage="review")  # past the services
    cache.clear()
    assert stage_counts(board) == {"review": 1}
    repair(board=board, actor=actor_for(alice), now=clock())
    assert stage_counts(Board.objects.get(pk=board.pk)) == {"review": 1}


def test_new_ranks_of_a_repair_are_told(
    board: Board, alice: User, make_task: Make, actor_for: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task("one")
    make_task("two")
    Task.objects.update(rank="i")
    Move.objects.update(to_rank="i")
    told = []
    monkeypatch.setattr(
        "boards.services.sequence.publish", lambda room, kind, payload, **more: told.append(payload)
    )
    repair(board=board, actor=actor_for(alice), now=clock())
    assert told and told[-1]["seq"] == Board.objects.get(pk=board.pk).last_seq


def test_counts_and_number_belong_together(
    board: Board, alice: User, make_task: Make, move: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boards.pages import board as pages

    card = make_task("boat")
    real = pages.occupancy

    def slow(*args, **kw):
        move(alice, card.pk, "todo")  # somebody moves while the page is made
        return real(*args, **kw)

    monkeypatch.setattr(pages, "occupancy", slow)
    data = signed_in(alice).get(page(board)).context["data"]
    counts = {s["key"]: s["count"] for s in data["stages"]}
    # what the page shows after the events after its number were applied
    for one in Move.objects.filter(seq__gt=data["seq"]):
        if one.from_stage:
            counts[one.from_stage] -= 1
        counts[one.to_stage] += 1
    assert counts["backlog"] == 0 and counts["todo"] == 1


def test_api_seq_of_a_further_board(
    board: Board, alice: User, make_task: Make, as_user: Any, actor_for: Any, tenant: Tenant
) -> None:
    make_task("one")
    more = board_add(tenant=tenant, record_type="task", name="More", actor=actor_for(alice))
    first = as_user(alice).get(f"{API}/board/task").json()["seq"]
    assert as_user(alice).get(f"{API}/board/task?board={more.pk}").json()["seq"] == first == 1


def test_renewing_a_lock_tells_the_board(
    board: Board, olga: User, make_task: Make, actor_for: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(
        "boards.services.locks.publish", lambda room, kind, payload, **more: told.append(payload)
    )
    card = make_task("one")
    lock_take(board=board, card=card.pk, actor=actor_for(olga), now=clock())
    clock.now += timedelta(seconds=12)
    renewed = lock_renew(board=board, card=card.pk, actor=actor_for(olga), now=clock())
    assert told[-1]["until"] == renewed.expires_at.isoformat()
