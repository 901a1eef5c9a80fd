"""Hands on the board: drags, lifts and drops while others move the same cards."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.board_fixtures import (
    BOARD,
    Desk,
    card,
    carry,
    configure,
    edit,
    expect_column,
    live,
    middle,
    put,
    without,
)
from tests.browser.conftest import Visits
from tests.browser.house import House


def test_a_card_taken_back_to_the_tray_stays(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="review", door="todo")
    without(house, "review")
    page = live(visit("operator", BOARD))
    page.mouse.move(*middle(page, "[data-card][aria-label=boat]"))
    page.mouse.down()
    page.mouse.move(*middle(page, "section[data-column=todo]"), steps=6)
    box = page.locator(".unplaced ol").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 10, steps=6)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.mouse.up()
    expect(page.locator(".is-saving, .is-dragging")).to_have_count(0)
    assert not [url for url in asked if url.endswith("/move")]
    assert house.fresh(cards["boat"]).stage == "review"


def test_a_drop_beside_a_card_that_was_moved_meanwhile(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="backlog", door="todo", roof="todo")
    visit.expected.append("/api/v1/kanban/move")
    page = live(visit("operator", BOARD))
    page.mouse.move(*middle(page, "[data-card][aria-label=boat]"))
    page.mouse.down()
    page.mouse.move(400, 400, steps=3)
    over = card(page, "roof").bounding_box()
    page.mouse.move(over["x"] + 60, over["y"] + 4, steps=8)
    page.evaluate(
        "window.heard = new Promise((done) => document.addEventListener('lockstep:KANBAN_ITEM_MOVED', done, {once: true}))"
        ".then(() => true); undefined"
    )
    put(house, cards["roof"], "done")
    assert page.evaluate("window.heard")
    page.mouse.up()
    # either the drop is carried out or the person is told why not
    carried_out = page.locator("ol[data-stage=todo] [data-card][aria-label=boat]:not(.is-saving)")
    expect(carried_out.or_(page.get_by_role("alert")).first).to_be_visible()
    assert house.fresh(cards["boat"]).stage == "todo" or page.get_by_role("alert").count()


def test_what_was_missed_is_shown_after_the_drag(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="backlog", door="todo", roof="todo")
    page = live(visit("operator", BOARD))
    page.evaluate(
        "document.addEventListener('lockstep:KANBAN_ITEM_MOVED', (event) => event.stopImmediatePropagation(), true)"
    )
    page.mouse.move(*middle(page, "[data-card][aria-label=boat]"))
    page.mouse.down()
    page.mouse.move(400, 400, steps=3)
    put(house, cards["roof"], "done")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("ol[data-stage=todo] .card__title")).to_have_text(["door", "roof"])
    assert not [url for url in asked if "/moves?" in url]
    page.keyboard.press("Escape")
    page.mouse.up()
    expect_column(page, "todo", "door")


def test_a_lifted_card_is_put_back_when_the_focus_goes(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="backlog", door="todo")
    page = live(visit("operator", BOARD))
    card(page, "boat").focus()
    page.keyboard.press(" ")
    page.keyboard.press("ArrowRight")
    page.locator(".board-hint").click()
    expect_column(page, "backlog", "boat")
    edit(house, cards["door"], stage="done")
    expect_column(page, "done", "door")


def in_lane(page: Page, lane: str, stage: str) -> Any:
    return page.locator(f"[data-lane-row={lane}] section[data-column={stage}] [data-card] .card__title")


def test_lane_as_it_is_beside_a_card_of_another_lane(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="review")
    edit(house, cards["boat"], priority="low")
    edit(house, cards["door"], priority="high")
    configure(house, lane_field="priority")
    page = live(visit("operator", BOARD))
    card(page, "boat").focus()
    page.keyboard.press("m")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Column").select_option("review")
    dialog.get_by_label("Position").select_option(label="After door")
    dialog.get_by_role("button", name="Move").click()
    expect(page.locator("#board-says")).to_have_text("boat moved to Review")
    expect(page.locator(".is-saving")).to_have_count(0)
    assert house.fresh(cards["boat"]).priority == "low"
    expect(in_lane(page, "low", "review")).to_have_text(["boat"])


def test_many_cards_dropped_in_a_lane_all_come_into_it(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="todo", roof="todo")
    edit(house, cards["boat"], priority="high")
    edit(house, cards["door"], priority="low")
    edit(house, cards["roof"], priority="low")
    configure(house, lane_field="priority")
    page = live(visit("operator", BOARD))
    for title in ("boat", "door"):
        card(page, title).focus()
        page.keyboard.press("x")
    carry(page, "boat", "[data-lane-row=high] section[data-column=review]")
    expect(page.locator("#board-says")).to_have_text("2 cards moved to Review")
    expect(page.locator(".is-saving")).to_have_count(0)
    assert house.fresh(cards["door"]).priority == "high"
    expect(in_lane(page, "high", "review")).to_have_count(2)
