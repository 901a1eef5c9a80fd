"""The board's own pages: settings, the past, what is collapsed, tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.utils import timezone

from boards.models import Board, Move
from boards.selectors import layout_for
from boards.services.actors import rights_of
from tests.integration.boards.conftest import configure
from tests.integration.boards.test_pages import page, settings_form, signed_in
from workspace.models import Task

Make = Callable[..., Task]
API = "/api/v1/kanban"


def test_settings_keep_the_name_that_was_typed(board: Board, alice: User) -> None:
    form = {**settings_form(board, []), "name": "Boatyard", "soft-todo": "9", "hard-todo": "3"}
    html = signed_in(alice).post(page(board, "settings"), form).content.decode()
    assert 'value="Boatyard"' in html


def test_settings_order_that_is_no_number(board: Board, alice: User) -> None:
    form = {**settings_form(board, []), "number-todo": "1e1"}
    assert signed_in(alice).post(page(board, "settings"), form).status_code in (302, 400)


def test_settings_of_a_stale_version_can_be_saved_the_second_time(board: Board, alice: User) -> None:
    form = settings_form(board, [])
    Board.objects.filter(pk=board.pk).update(config_version=2)
    client = signed_in(alice)
    stale = client.post(page(board, "settings"), form)
    assert stale.status_code == 409
    assert 'name="version" value="2"' in stale.content.decode()


def test_somebody_may_always_configure(board: Board, alice: User) -> None:
    form = {**settings_form(board, []), "with_rights": "1", "right-move": "operator"}
    assert signed_in(alice).post(page(board, "settings"), form).status_code == 400
    assert "configure" in rights_of(alice, board.tenant, layout_for(Board.objects.get(pk=board.pk)))


def test_past_board_shows_unplaced(board: Board, alice: User, make_task: Make) -> None:
    make_task("boat", "review")
    config = dict(Board.objects.get(pk=board.pk).config)
    config["stages"] = [s for s in config["stages"] if s["key"] != "review"]
    configure(board, **config)
    html = signed_in(alice).get(page(board) + "?at=2030-01-01T00:00:00Z").content.decode()
    assert "boat" in html


def test_overrides_csv_has_all(board: Board, alice: User, make_task: Make, move: Any) -> None:
    now = timezone.now()
    card = make_task("one")
    Board.objects.filter(pk=board.pk).update(last_seq=300)
    Move.objects.bulk_create(
        [
            Move(
                tenant=board.tenant,
                board=board,
                seq=10 + i,
                record_id=card.pk,
                from_stage="backlog",
                to_stage="todo",
                revision=1,
                at=now,
                source="ui",
                override=True,
                reason="r",
                command_id=uuid4(),
                user=alice,
            )
            for i in range(250)
        ]
    )
    text = b"".join(
        signed_in(alice).get(page(board, "metrics_csv", chart="overrides")).streaming_content
    ).decode()
    assert text.count("\n") == 251


def test_the_button_of_a_collapsed_column_says_expand(board: Board, alice: User) -> None:
    configure(board, collapsed=["done"])
    html = signed_in(alice).get(page(board)).content.decode()
    assert 'aria-label="Expand Done"' in html
