"""The board by mouse, touch and keys, and in two browsers at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from boards.models import Board, Move
from boards.services.checks import verify
from integrations.models import Integration, JobKind
from integrations.services.jobs import job_request
from sync.services.jobs import job_run
from tests.browser.board_fixtures import BOARD, Desk, card, column, drag, expect_column, scroll_to_card
from tests.browser.conftest import PHONE, Visits, fits
from tests.browser.house import House
from workspace.models import OriginKind, Task
from workspace.services import Origin, record_update


def agrees(house: House) -> bool:
    def check() -> bool:
        board = Board.objects.select_related("tenant").get(tenant=house.tenant, record_type="task")
        return verify(board, timezone.now()).ok

    return house.worker.do(check)


def stored(house: House, stage: str) -> list[str]:
    rows = Task.objects.filter(tenant=house.tenant, stage=stage, deleted_at__isnull=True).order_by(
        "rank", "id"
    )
    return house.worker.do(lambda: list(rows.values_list("title", flat=True)))


def test_a_card_is_dragged_between_two_others_and_the_other_browser_sees_it(
    visit: Visits, house: House, desk: Desk
) -> None:
    desk(boat="backlog", door="todo", roof="todo")
    mine, theirs = visit("manager", BOARD), visit("operator", BOARD)
    expect(theirs.locator("[data-live-status]").first).to_have_text("Live")
    over = card(mine, "roof").bounding_box()
    drag(mine, "boat", over["x"] + 60, over["y"] + 4)
    for page in (mine, theirs):
        expect_column(page, "todo", "door", "boat", "roof")
        expect_column(page, "backlog")
        expect(page.locator("[data-head=todo] [data-total]")).to_have_text("3")
    assert stored(house, "todo") == ["door", "boat", "roof"]
    expect(mine.get_by_role("button", name="Undo")).to_be_enabled()
    mine.reload()
    mine.get_by_role("button", name="Undo").click()
    for page in (mine, theirs):
        expect_column(page, "backlog", "boat")
    mine.get_by_role("button", name="Redo").click()
    for page in (mine, theirs):
        expect_column(page, "todo", "door", "boat", "roof")
    assert agrees(house)


def test_a_card_walks_by_keys_alone(visit: Visits, house: House, desk: Desk) -> None:
    desk(boat="backlog", door="todo", roof="todo")
    page = visit("operator", BOARD)
    card(page, "boat").focus()
    page.keyboard.press(" ")
    expect(page.locator("#board-says")).to_contain_text("Lifted boat, Backlog, 1 of 1")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#board-says")).to_have_text("To do, 1 of 3")
    page.keyboard.press("Escape")
    expect_column(page, "backlog", "boat")
    page.keyboard.press(" ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(page.locator("#board-says")).to_have_text("boat moved to To do")
    assert stored(house, "todo") == ["door", "boat", "roof"]
    expect(card(page, "boat")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(card(page, "door")).to_be_focused()
    page.keyboard.press("Control+z")
    expect_column(page, "backlog", "boat")


def test_move_to_by_click_moves_one_card_or_those_that_are_selected(
    visit: Visits, house: House, desk: Desk
) -> None:
    desk(boat="backlog", door="backlog", roof="backlog", lamp="review")
    page = visit("operator", BOARD)
    card(page, "door").hover()
    page.get_by_label("Move door to another place").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Column").select_option("review")
    dialog.get_by_label("Position").select_option(label="After lamp")
    dialog.get_by_role("textbox", name="Reason").fill("ready")
    dialog.get_by_role("button", name="Move").click()
    expect_column(page, "review", "lamp", "door")
    for title in ("roof", "boat"):
        card(page, title).hover()
        page.get_by_label(f"Select {title}").check()
    expect(page.get_by_text("2 cards selected")).to_be_visible()
    page.locator("[data-move-picked]").click()
    dialog.get_by_label("Column").select_option("review")
    dialog.get_by_label("Position").select_option("top")
    dialog.get_by_role("button", name="Move").click()
    expect_column(page, "review", "boat", "roof", "lamp", "door")
    assert stored(house, "review") == ["boat", "roof", "lamp", "door"]
    assert house.worker.do(lambda: Move.objects.get(reason="ready").source) == "ui"


def test_a_full_column_sends_the_card_back_and_says_why(visit: Visits, house: House, desk: Desk) -> None:
    desk(boat="backlog", door="review")

    def limit() -> None:
        board = Board.objects.get(tenant=house.tenant, record_type="task")
        board.config["stages"][3]["limit"] = {"soft": None, "hard": 1}
        board.save()

    house.worker.do(limit)
    visit.expected.append("/api/v1/kanban/move")
    page = visit("manager", BOARD)
    expect(page.locator("[data-head=review]")).to_contain_text("full")
    over = card(page, "door").bounding_box()
    drag(page, "boat", over["x"] + 60, over["y"] + 120)
    expect(page.get_by_role("alert").first).to_contain_text("Review takes 1 card; with this it would hold 2.")
    expect_column(page, "backlog", "boat")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Reason").fill("the customer waits")
    dialog.get_by_role("button", name="Move").click()
    expect_column(page, "review", "door", "boat")
    expect(page.locator("[data-head=review]")).to_contain_text("over the limit")


def test_a_card_moved_elsewhere_meanwhile_is_shown_where_it_is(
    visit: Visits, house: House, desk: Desk
) -> None:
    cards = desk(boat="backlog")
    visit.expected.append("/api/v1/kanban/move")
    page = visit("operator", BOARD)
    change = {"tenant": house.tenant, "record_type": "task", "record_id": cards["boat"].pk}
    page.evaluate("document.querySelector('[data-card]').dataset.revision = '99'")
    target = page.locator("section[data-column=review]").bounding_box()
    drag(page, "boat", target["x"] + 60, target["y"] + 60)
    expect(page.get_by_role("alert").first).to_contain_text("“boat” was changed by")
    expect_column(page, "backlog", "boat")
    house.worker.do(
        record_update, **change, values={"stage": "done"}, origin=Origin(OriginKind.SYNC), now=timezone.now()
    )
    expect_column(page, "done", "boat")  # live, without a reload


def test_a_page_that_was_offline_shows_what_it_missed(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(**{f"card {number}": "backlog" for number in range(6)})
    page = visit("viewer", BOARD)
    expect(page.locator("[data-live-status]").first).to_have_text("Live")
    page.context.set_offline(True)

    def scatter() -> None:
        for number, task in enumerate(cards.values()):
            record_update(
                tenant=house.tenant, record_type="task", record_id=task.pk,
                values={"stage": ("todo", "review")[number % 2]}, origin=Origin(OriginKind.SYNC), now=timezone.now(),
            )  # fmt: skip

    house.worker.do(scatter)
    visit.complaints.clear()
    page.context.set_offline(False)
    expect_column(page, "todo", "card 0", "card 2", "card 4")
    expect_column(page, "review", "card 1", "card 3", "card 5")
    visit.complaints[:] = [
        each for each in visit.complaints if "ERR_INTERNET" not in each and "WebSocket" not in each
    ]


def test_a_card_dropped_while_offline_is_saved_once_when_the_network_is_back(
    visit: Visits, house: House, desk: Desk
) -> None:
    desk(boat="backlog", door="review")
    page = visit("operator", BOARD)
    expect(page.locator("[data-live-status]").first).to_have_text("Live")
    page.context.set_offline(True)
    over = card(page, "door").bounding_box()
    drag(page, "boat", over["x"] + 60, over["y"] + 4)
    expect(card(page, "boat")).to_have_class(re.compile("is-slow"))
    expect(page.locator("ol[data-stage=review] .card__title")).to_have_text(["boat", "door"])
    assert stored(house, "review") == ["door"]
    visit.complaints.clear()
    page.context.set_offline(False)
    expect_column(page, "review", "boat", "door")
    assert stored(house, "review") == ["boat", "door"]
    assert house.worker.do(lambda: Move.objects.filter(source="ui").count()) == 1
    visit.complaints[:] = [
        each for each in visit.complaints if "ERR_INTERNET" not in each and "WebSocket" not in each
    ]


def test_a_finger_presses_and_drags_and_a_swipe_only_scrolls(visit: Visits, house: House, desk: Desk) -> None:
    desk(boat="backlog", door="todo")
    page = visit("operator", BOARD, has_touch=True)
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": at[1]}] if at else []
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    box, over = card(page, "boat").bounding_box(), card(page, "door").bounding_box()
    x, y = box["x"] + 60, box["y"] + box["height"] - 8
    touch("touchStart", x, y)
    touch("touchMove", x + 40, y + 30)
    touch("touchEnd")
    expect_column(page, "backlog", "boat")
    touch("touchStart", x, y)
    page.wait_for_timeout(450)
    for step in range(1, 9):
        touch("touchMove", x + (over["x"] + 60 - x) * step / 8, y + (over["y"] + 4 - y) * step / 8)
    touch("touchEnd")
    expect_column(page, "todo", "boat", "door")
    assert stored(house, "todo") == ["boat", "door"]


def test_a_thousand_cards_are_read_fifty_by_fifty_with_a_bounded_page(
    visit: Visits, house: House, desk: Desk
) -> None:
    desk(**{f"card {number:04}": "backlog" for number in range(500)})
    page = visit("operator", BOARD)
    scroll_to_card(page, "ol[data-stage=backlog]", "card 0499")
    scroll_to_card(page, "ol[data-stage=backlog]", "card 0000", up=True)
    titles = column(page, "backlog")
    assert titles == [f"card {number:04}" for number in range(len(titles))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "/metrics", "/history", "/checks", "/settings"])
def test_the_pages_have_no_serious_finding(
    visit: Visits, house: House, desk: Desk, serious: Callable[[Page], list[str]], name: str, scheme: Any
) -> None:
    desk(boat="backlog", door="in_progress", roof="done")
    page = visit("manager", BOARD, color_scheme=scheme)
    if name:
        page.goto(page.url + name)
    expect(page.get_by_role("heading", level=1)).to_be_attached()
    assert serious(page) == []


def test_a_phone_shows_one_column_and_moves_by_touch(visit: Visits, house: House, desk: Desk) -> None:
    desk(boat="backlog", door="todo")
    page = visit("operator", BOARD, viewport=PHONE, has_touch=True, is_mobile=True)
    expect(page.locator("section[data-column=backlog]")).to_be_visible()
    expect(page.locator("section[data-column=todo]")).to_be_hidden()
    assert fits(page)
    page.locator("#column-pick").select_option("todo")
    expect(card(page, "door")).to_be_visible()
    page.get_by_label("Move door to another place").tap()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Column").select_option("backlog")
    dialog.get_by_role("button", name="Move").tap()
    expect(page.locator("ol[data-stage=backlog] .card__title")).to_have_text(["boat", "door"])
    assert re.search(r"/boards/[0-9a-f-]+$", page.url)


def test_who_edits_a_card_holds_it_and_others_see_and_may_take_over(
    visit: Visits, house: House, desk: Desk
) -> None:
    boat = desk(boat="backlog")["boat"]
    record = f"/admin/workspace/task/{boat.pk}/change/"
    visit.expected += ["/api/v1/kanban/lock/", "/api/v1/kanban/move"]
    board, editing = visit("manager", BOARD), visit("operator", record)
    expect(board.locator("[data-live-status]").first).to_have_text("Live")
    editing.get_by_label("Title").fill("boat, red")
    expect(card(board, "boat").locator("[data-lock]")).to_have_text(re.compile("operator is editing"))
    card(board, "boat").focus()
    board.keyboard.press("Space")
    board.keyboard.press("ArrowRight")
    board.keyboard.press("Space")
    expect(board.get_by_role("alert").first).to_contain_text("operator is editing this card")
    expect_column(board, "backlog", "boat")
    reading = visit("manager", record)
    expect(reading.get_by_text("operator is editing this card. You can read along.")).to_be_visible()
    expect(reading.locator('[name="_save"]')).to_be_disabled()
    reading.get_by_role("button", name="Take over").click()
    expect(reading.locator('[name="_save"]')).to_be_enabled()
    expect(editing.get_by_text("manager is editing this card. You can read along.")).to_be_visible()
    expect(editing.locator('[name="_save"]')).to_be_disabled()
    expect(card(board, "boat").locator("[data-lock]")).to_have_text(re.compile("manager is editing"))
    reading.get_by_label("Title").fill("boat, blue")
    reading.locator('[name="_save"]').click()
    expect(card(board, "boat").locator("[data-lock]")).to_be_hidden()
    expect(editing.locator('[name="_save"]')).to_be_enabled()
    assert house.fresh(boat).title == "boat, blue"


def test_a_filter_is_kept_as_a_view_for_everybody(visit: Visits, house: House, desk: Desk) -> None:
    desk(boat="backlog", door="todo")
    page = visit("operator", f"{BOARD}")
    page.get_by_label("Find in this board").fill("boat")
    page.get_by_label("Find in this board").press("Enter")
    expect(page.locator("[data-card]")).to_have_count(1)
    page.get_by_role("button", name="Save view").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Boats")
    dialog.get_by_label("For everybody on this board").check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".board-views")).to_be_visible()
    other = visit("viewer", BOARD)
    other.locator(".board-views summary").click()
    other.get_by_role("link", name="Boats").click()
    expect(other.locator("[data-card]")).to_have_count(1)
    other.locator(".board-views summary").click()
    expect(other.get_by_label("Forget the shared view Boats")).to_have_count(0)
    page.locator(".board-views summary").click()
    page.get_by_label("Forget the shared view Boats").click()
    expect(page.locator(".board-views")).to_have_count(0)


def test_a_card_moved_here_moves_at_the_desk_and_the_other_way_round(visit: Visits, house: House) -> None:
    integration = house.connect()
    ticket = str(house.ticket("Printer on floor 2 jams")["id"])
    page = visit("operator", BOARD)
    start = house.there(ticket)["state_id"]
    states = {
        stage: house.there(str(house.ticket(title)["id"]))["state_id"]
        for stage, title in samples(page).items()
    }
    expect(card(page, "Printer on floor 2 jams")).to_have_attribute("data-stage", "backlog")
    card(page, "Printer on floor 2 jams").hover()
    page.get_by_label("Move Printer on floor 2 jams to another place").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Column").select_option("in_progress")
    dialog.get_by_role("button", name="Move").click()
    expect_column_has(page, "in_progress", "Printer on floor 2 jams")
    house.worker.wait_idle()
    assert house.there(ticket)["state_id"] == states["in_progress"] != start
    house.edit_there(ticket, state_id=start)
    house.worker.do(pull, integration.pk, house.people["manager"].pk)
    expect_column_has(page, "backlog", "Printer on floor 2 jams")
    moves = house.worker.do(lambda: list(Move.objects.order_by("-seq").values_list("source", "to_stage")[:2]))
    assert moves == [("sync", "backlog"), ("ui", "in_progress")]


def samples(page: Page) -> dict[str, str]:
    """A title per stage that has a card."""
    return {stage: column(page, stage)[0] for stage in ("backlog", "in_progress") if column(page, stage)}


def expect_column_has(page: Page, stage: str, title: str) -> None:
    expect(page.locator(f"ol[data-stage={stage}] .card__title", has_text=title)).to_have_count(1)
    expect(page.locator(".is-saving")).to_have_count(0)  # the server has answered


def pull(integration_id: Any, user_id: int) -> None:
    integration = Integration.objects.get(pk=integration_id)
    job = job_request(integration=integration, kind=JobKind.MANUAL, user=User.objects.get(pk=user_id))
    job_run(job_id=job.id)
