from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from boards.models import Board, Move
from boards.services.opening import boards_ensure
from tests.integration.boards.conftest import column, configure
from workspace.models import Task, Tenant

Make = Callable[..., Task]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(board: Board, name: str = "board", **more: Any) -> str:
    return reverse(f"boards:{name}", kwargs={"board_id": board.pk, **more})


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_board_shows_cards_in_their_columns_with_counts_and_limits(
    board: Board, alice: User, make_task: Make
) -> None:
    configure(board, limits={"review": {"soft": 1, "hard": 1}})
    for name in ("Paint <the> boat", "Fix door"):
        make_task(name, "review")
    html = signed_in(alice).get(page(board)).content.decode()
    assert "Paint &lt;the&gt; boat" in html
    assert re.search(r"Review .{0,80}2 /1 over the limit", words(html))
    assert html.count("data-card=") == 2
    assert "<script>" not in html and "onclick=" not in html


def test_a_column_shows_fifty_cards_and_the_next_page_the_rest(
    board: Board, alice: User, make_task: Make
) -> None:
    titles = [f"card {number:03}" for number in range(60)]
    for title in titles:
        make_task(title)
    client = signed_in(alice)
    first = client.get(page(board)).content.decode()
    assert re.findall(r"Select (card \d+)", first) == titles[:50]
    cursor = re.search(r'data-stage="backlog" data-lane="" data-next="([^"]+)"', first)
    assert cursor is not None
    rest = client.get(page(board, "cards"), {"stage": "backlog", "cursor": cursor[1]})
    assert re.findall(r"Select (card \d+)", rest.content.decode()) == titles[50:]
    assert rest["X-Next-Cursor"] == ""
    assert client.get(page(board, "cards"), {"stage": "backlog", "cursor": "nonsense"}).status_code == 400


def test_counts_ignore_the_filter_and_say_what_is_shown(board: Board, alice: User, make_task: Make) -> None:
    make_task("boat", "todo", labels=["urgent"])
    make_task("door", "todo")
    client = signed_in(alice)
    for query in ({"q": "boat"}, {"label": "urgent"}):
        html = client.get(page(board), query).content.decode()
        assert re.search(r"To do 2 \(1 shown\)", words(html))
        assert re.findall(r"Select (\w+)", html) == ["boat"]


def test_the_board_works_without_scripts(board: Board, alice: User, make_task: Make) -> None:
    card = make_task("boat")
    client = signed_in(alice)
    form = client.get(page(board, "move", card=card.pk)).content.decode()
    assert 'name="revision" value="1"' in form
    target = {"revision": "1", "to": "todo", "edge": "top"}
    assert client.post(page(board, "move", card=card.pk), target).status_code == 302
    assert column("todo") == ["boat"]
    late = client.post(page(board, "move", card=card.pk), {**target, "to": "done"})
    assert late.status_code == 409 and "was changed by alice" in late.content.decode()
    client.post(page(board, "undo"), {"what": "undo"})
    assert column("backlog") == ["boat"]
    client.post(page(board, "undo"), {"what": "redo"})
    assert column("todo") == ["boat"]


def test_a_viewer_sees_the_board_and_no_way_to_move(board: Board, vera: User, make_task: Make) -> None:
    card = make_task("boat")
    client = signed_in(vera)
    html = client.get(page(board)).content.decode()
    assert "boat" in html and "data-move-to" not in html and "data-undo-form" not in html
    assert client.get(page(board, "move", card=card.pk)).status_code == 403
    assert client.post(page(board, "undo")).status_code == 403
    assert client.get(page(board, "settings")).status_code == 403


@pytest.mark.parametrize("name", ["board", "cards", "history", "checks", "settings", "metrics"])
def test_another_tenants_board_is_not_there(board: Board, carol: User, name: str) -> None:
    assert signed_in(carol).get(page(board, name)).status_code == 404


@pytest.mark.parametrize("name", ["board", "history", "checks", "settings", "metrics"])
def test_every_page_of_an_empty_board_of_every_type_opens(tenant: Tenant, alice: User, name: str) -> None:
    client = signed_in(alice)
    for board in boards_ensure(tenant):
        assert client.get(page(board, name)).status_code == 200


def test_lanes_show_every_card_once(board: Board, alice: User, make_task: Make) -> None:
    configure(board, lane_field="priority")
    make_task("boat", "todo", priority="high")
    make_task("door", "todo")
    html = signed_in(alice).get(page(board)).content.decode()
    assert html.count("data-card=") == 2
    assert re.search(r'data-stage="todo" data-lane="high"[^>]*><li[^>]*data-card', html)


def test_a_stage_without_a_column_leaves_its_cards_in_the_tray(
    board: Board, alice: User, make_task: Make
) -> None:
    make_task("boat", "review")
    client = signed_in(alice)
    form = settings_form(board, off=["review"])
    refused = client.post(page(board, "settings"), form)
    assert refused.status_code == 409 and "1 cards in review go to" in refused.content.decode()
    assert client.post(page(board, "settings"), {**form, "relocate-review": ""}).status_code == 302
    html = client.get(page(board)).content.decode()
    assert "Unplaced: 1 stage" in html and "boat" in html
    stale = client.post(page(board, "settings"), form)
    assert stale.status_code == 409 and "configured by somebody else" in stale.content.decode()


def test_closing_a_column_can_move_its_cards(board: Board, alice: User, make_task: Make) -> None:
    make_task("boat", "review")
    form = settings_form(board, off=["review"])
    signed_in(alice).post(page(board, "settings"), {**form, "relocate-review": "done"})
    assert column("done") == ["boat"]
    assert Move.objects.latest("seq").reason == "the stage was taken off the board"


def settings_form(board: Board, off: list[str]) -> dict[str, Any]:
    form: dict[str, Any] = {
        "version": Board.objects.get(pk=board.pk).config_version,
        "name": "Tasks",
        "all_moves": "on",
    }
    for number, stage in enumerate(board.config["stages"]):
        key = stage["key"]
        form |= {
            f"number-{key}": number,
            f"name-{key}": stage["name"],
            f"kind-{key}": stage["kind"],
            f"colour-{key}": "blue",
        }
        if key not in off:
            form[f"on-{key}"] = "on"
    return form


def test_history_and_the_board_as_it_was(
    board: Board, alice: User, make_task: Make, move: Any, clock: Any
) -> None:
    card = make_task("boat")
    before = clock()
    move(alice, card.pk, "done", reason="shipped")
    client = signed_in(alice)
    assert "Backlog → Done" in words(client.get(page(board, "history")).content.decode())
    html = client.get(page(board), {"at": before.isoformat()}).content.decode()
    assert re.search(r"Backlog 1 boat", words(html))


def test_figures_have_charts_tables_and_csv(
    board: Board, alice: User, make_task: Make, move: Any, clock: Any
) -> None:
    card = make_task("=boat")
    move(alice, card.pk, "in_progress")
    clock.now += timedelta(days=2)
    move(alice, card.pk, "done")
    make_task("door")
    with time_machine.travel(clock.now + timedelta(hours=1)):
        client = signed_in(alice)
        html = client.get(page(board, "metrics")).content.decode()
        answer = client.get(page(board, "metrics_csv", chart="scatter"))
        lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        assert client.get(page(board, "metrics_csv", chart="nothing")).status_code == 404
    assert html.count("<canvas") == 4
    assert "1 finished 2 d cycle time, median (1 card)" in words(html)
    assert re.search(
        r"99\.9\d* % flow efficiency", words(html)
    )  # a second in the backlog, two days in progress
    assert "What the figures mean" in html
    assert lines[0] == "Card,Finished,Cycle time,Lead time"
    assert lines[1].startswith("'=boat,2025-07-03 10:00,")


def test_the_filter_of_the_board_holds_for_its_figures_tables_and_csv(
    board: Board, alice: User, make_task: Make, move: Any, clock: Any
) -> None:
    for name, labels in (("boat", ["wood"]), ("door", [])):
        card = make_task(name, labels=labels)
        move(alice, card.pk, "in_progress")
        clock.now += timedelta(days=2)
        move(alice, card.pk, "done")
    with time_machine.travel(clock.now + timedelta(hours=1)):
        client = signed_in(alice)
        whole, some = (
            words(client.get(page(board, "metrics"), query).content.decode())
            for query in ({}, {"label": "wood"})
        )
        answer = client.get(page(board, "metrics_csv", chart="scatter"), {"label": "wood"})
        lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        nothing = client.get(page(board, "metrics"), {"label": "steel", "days": "7"}).content.decode()
    assert "2 finished" in whole and "Only the" not in whole
    assert "1 finished" in some and "Only the 1 card that the filter lets through" in some
    assert len(lines) == 2 and lines[1].startswith("boat,")
    assert "0 finished" in words(nothing) and 'href="?days=30&amp;label=steel"' in nothing


def test_settings_say_who_may_what_and_limit_single_lanes(
    board: Board, alice: User, olga: User, make_task: Make
) -> None:
    configure(board, lane_field="priority")
    make_task("boat", priority="high")
    client = signed_in(alice)
    assert "Block above, Review, High" in client.get(page(board, "settings")).content.decode()
    form = {
        **settings_form(board, off=[]), "lane_field": "priority", "lane": ["high", ""], "hard-review@0": "1", "soft-review@1": "4",
        "with_rights": "1", "right-move": ["manager"], "right-override": ["manager"], "right-configure": ["manager"],
        "right-break_lock": [], "with_collapsed": "1", "collapsed-done": "on",
    }  # fmt: skip
    assert client.post(page(board, "settings"), form).status_code == 302
    config = Board.objects.get(pk=board.pk).config
    stages = {stage["key"]: stage["lanes"] for stage in config["stages"]}
    assert stages["review"] == {"high": {"soft": None, "hard": 1}, "": {"soft": 4, "hard": None}}
    assert (stages["todo"], config["collapsed"], config["rights"]["move"]) == ({}, ["done"], ["manager"])
    assert "data-move-to" not in signed_in(olga).get(page(board)).content.decode()
    assert (
        'class="column__head column--blue is-collapsed" data-head="done"'
        in client.get(page(board)).content.decode()
    )


def test_another_board_is_added_from_the_settings(board: Board, alice: User, olga: User) -> None:
    client = signed_in(alice)
    assert client.post(page(board, "add"), {"name": "Workshop"}).status_code == 302
    made = Board.objects.get(name="Workshop")
    assert (made.is_default, made.record_type) == (False, "task")
    assert "Workshop" in client.get(page(board)).content.decode()
    signed_in(olga).post(page(board, "add"), {"name": "Mine"})
    assert not Board.objects.filter(name="Mine").exists()


def test_checks_show_a_difference_and_repair_it(board: Board, alice: User, make_task: Make) -> None:
    card = make_task("boat")
    Task.objects.filter(pk=card.pk).update(stage="done")
    client = signed_in(alice)
    assert "The board differs from its events" in client.get(page(board, "checks")).content.decode()
    client.post(page(board, "checks"), {"what": "repair", "keep": "records"})
    assert "The board agrees with its events" in client.get(page(board, "checks")).content.decode()
    assert Move.objects.latest("seq").reason == "found here by a check"


def test_a_records_page_shows_its_moves(board: Board, alice: User, make_task: Make, move: Any) -> None:
    card = make_task("boat")
    move(alice, card.pk, "done", reason="<shipped>")
    html = signed_in(alice).get(reverse("admin:workspace_task_change", args=[card.pk])).content.decode()
    assert "Backlog → Done" in words(html)
    assert "&lt;shipped&gt;" in html
