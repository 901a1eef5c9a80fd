"""What limits count, and into which lane a card comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from boards.models import Board
from boards.services.errors import BadMove
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from boards.services.opening import board_open
from boards.services.undo import undo
from integrations.models import Integration
from tests.integration.boards.conftest import configure
from tests.integration.boards.test_lanes import last_moves, limit_lane, synced
from tests.integration.boards.test_pages import page, signed_in
from workspace.models import OriginKind, Task, Tenant
from workspace.services import Origin, record_create

Make = Callable[..., Task]
API = "/api/v1/kanban"


def test_only_the_card_over_the_limit_is_flagged(
    board: Board, olga: User, make_task: Make, clock: Any, actor_for: Any
) -> None:
    limit_lane(board, "priority", 3, high={"soft": 0})
    one, two = make_task("one", priority="high"), make_task("two", priority="low")
    cards_move(
        board=Board.objects.select_related("tenant").get(pk=board.pk),
        cards=[Card(one.pk, 1), Card(two.pk, 1)],
        target=Target("review"),
        actor=actor_for(olga),
        now=clock(),
    )
    assert last_moves(2) == [("one", "soft"), ("two", "")]


def test_a_card_that_only_changes_its_place_is_not_flagged(
    board: Board, olga: User, make_task: Make, clock: Any, actor_for: Any
) -> None:
    configure(board, limits={"review": {"soft": 1, "hard": None}})
    one, two = make_task("one", "review"), make_task("two")
    cards_move(
        board=Board.objects.select_related("tenant").get(pk=board.pk),
        cards=[Card(one.pk, 1), Card(two.pk, 1)],
        target=Target("review"),
        actor=actor_for(olga),
        now=clock(),
    )
    assert last_moves(2) == [("one", ""), ("two", "soft")]


def test_undo_over_a_hard_limit_needs_a_reason(
    board: Board, alice: User, make_task: Make, move: Any, actor_for: Any, clock: Any
) -> None:
    card = make_task("one")
    move(alice, card.pk, "todo")
    configure(board, limits={"backlog": {"hard": 0}})
    with pytest.raises(BadMove):
        undo(board=Board.objects.get(pk=board.pk), actor=actor_for(alice), now=clock(), override=True)


def test_a_card_with_two_people_comes_into_the_lane_it_is_dropped_in_or_stays(
    board: Board, olga: User, make_task: Make, move: Any, tenant: Tenant, now: Any
) -> None:
    from boards.services.lanes import lanes_of_cards

    people = sorted(
        str(
            record_create(
                tenant=tenant,
                record_type="member",
                values={"name": n},
                origin=Origin(OriginKind.SYSTEM),
                now=now,
            ).pk
        )
        for n in "abc"
    )
    configure(board, lane_field="assignees")
    card = make_task("boat", assignees=people[:2])
    try:
        move(olga, card.pk, "todo", lane=people[2])
    except BadMove:
        assert Task.objects.get(pk=card.pk).stage == "backlog"
    else:
        assert lanes_of_cards(board, "assignees", [card.pk])[card.pk] == people[2]


def test_a_sync_made_card_counts_by_size_in_its_lane(
    board: Board, make_task: Make, integration: Integration, clock: Any
) -> None:
    limit_lane(board, "integration", 1, **{str(integration.pk): {"hard": 3}})
    configure(board, limit_by="estimate")
    record_create(
        tenant=board.tenant,
        record_type="task",
        values={"title": "big", "stage": "todo", "estimate": "5"},
        origin=synced(integration),
        now=clock(),
    )
    assert last_moves(1) == [("big", "hard")]


def test_a_lane_that_is_no_id_is_no_crash(board: Board, alice: User, make_task: Make, as_user: Any) -> None:
    configure(board, lane_field="project")
    make_task("one")
    found = as_user(alice).get(f"{API}/board/task/stages/backlog?lane=abc")
    assert found.status_code == 200


def test_metrics_lane_no_crash(board: Board, alice: User, make_task: Make) -> None:
    configure(board, lane_field="project")
    assert signed_in(alice).get(page(board, "metrics") + "?lane=abc").status_code == 200


def test_very_many_lanes_read_few_cards(
    tenant: Tenant, alice: User, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boards import selectors

    opp = board_open(tenant, "opportunity", now=now)
    configure(opp, lane_field="customer")
    for n in range(120):
        customer = record_create(
            tenant=tenant,
            record_type="customer",
            values={"name": f"c{n}"},
            origin=Origin(OriginKind.SYSTEM),
            now=now,
        )
        record_create(
            tenant=tenant,
            record_type="opportunity",
            values={"name": f"o{n}", "customer": customer.pk},
            origin=Origin(OriginKind.SYSTEM),
            now=now,
        )
    read = []
    real = selectors.card_views
    monkeypatch.setattr(
        selectors,
        "card_views",
        lambda board, layout, rows: read.append(len(rows)) or real(board, layout, rows),
    )
    assert signed_in(alice).get(page(opp)).status_code == 200
    assert sum(read) <= 50 + 1, read


def test_opportunity_lanes_by_probability(tenant: Tenant, alice: User, now: Any) -> None:
    opp = board_open(tenant, "opportunity", now=now)
    configure(opp, lane_field="owner", limit_by="probability")
    record_create(
        tenant=tenant,
        record_type="opportunity",
        values={"name": "x", "probability": 20},
        origin=Origin(OriginKind.SYSTEM),
        now=now,
    )
    assert signed_in(alice).get(page(opp)).status_code == 200
