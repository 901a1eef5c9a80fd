"""What changes about cards besides their place is on every open board, without a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from boards.models import Board
from tests.browser.board_fixtures import BOARD, Desk, card, carry, configure, drag, edit, live
from tests.browser.conftest import Visits
from tests.browser.house import House


def test_a_moved_cards_badge_goes_from_pending_to_synced_by_itself(visit: Visits, house: House) -> None:
    house.connect()
    title = "Printer on floor 2 jams"
    mine, theirs = live(visit("operator", BOARD)), live(visit("viewer", BOARD))
    expect(card(mine, title).locator(".badge")).to_contain_text("Synced")
    with house.worker.held():
        over = mine.locator("section[data-column=in_progress]").bounding_box()
        assert over is not None
        drag(mine, title, over["x"] + 60, over["y"] + 40)
        for page in (mine, theirs):
            expect(card(page, title)).to_have_attribute("data-stage", "in_progress")
            expect(card(page, title).locator(".badge")).to_contain_text("Pending")
    house.worker.wait_idle()
    for page in (mine, theirs):
        expect(card(page, title).locator(".badge")).to_contain_text("Synced")


def test_a_card_edited_elsewhere_shows_it_and_stays_selected(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="todo")
    page = live(visit("operator", BOARD))
    card(page, "boat").focus()
    page.keyboard.press("x")
    edit(house, cards["boat"], title="yacht", priority="urgent")
    expect(card(page, "yacht")).to_contain_text("Urgent")
    expect(card(page, "yacht")).to_be_focused()
    expect(card(page, "yacht").locator("[data-card-pick]")).to_be_checked()
    expect(page.locator("[data-picked-count]")).to_have_text("1 card selected")
    page.keyboard.press("ArrowDown")
    expect(card(page, "door")).to_be_focused()


def test_a_filter_lets_a_card_in_and_out_as_it_is_edited(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="todo")
    page = live(visit("operator", f"{BOARD}&priority=high"))
    page.goto(page.url.split("?")[0] + "?priority=high")
    live(page)
    expect(page.locator("[data-card]")).to_have_count(0)
    edit(house, cards["door"], priority="high")
    expect(card(page, "door")).to_be_visible()
    edit(house, cards["door"], priority="low")
    expect(page.locator("[data-card]")).to_have_count(0)


def test_a_card_changes_its_lane_on_every_board_and_lanes_say_how_full_they_are(
    visit: Visits,
    house: House,
    desk: Desk,
) -> None:
    cards = desk(boat="todo", door="todo")
    edit(house, cards["boat"], priority="high")
    edit(house, cards["door"], priority="low")
    config = house.worker.do(lambda: Board.objects.get(tenant=house.tenant, record_type="task").config)
    config["stages"][1]["lanes"] = {"high": {"soft": None, "hard": 1}}
    configure(house, lane_field="priority", stages=config["stages"])
    mine, theirs = live(visit("operator", BOARD)), live(visit("viewer", BOARD))
    cell = "[data-lane-row={0}] section[data-column=todo]"
    edit(house, cards["door"], priority="high")  # a colleague, on the record's page
    for page in (mine, theirs):
        expect(page.locator(cell.format("high")).locator("[data-card]")).to_have_count(2)
        expect(page.locator(cell.format("high")).locator("[data-fill]")).to_have_text("2/1 over the limit")
        expect(page.locator(cell.format("low")).locator("[data-fill]")).to_have_text("0")
    carry(mine, "boat", cell.format("low"))
    for page in (mine, theirs):
        expect(page.locator(cell.format("low")).locator("[data-card]")).to_have_count(1)
        expect(page.locator(cell.format("high")).locator("[data-fill]")).to_have_text("1/1 full")
    edit(house, cards["door"], priority="urgent")
    expect(theirs.get_by_role("button", name="Cards are in a lane that is not shown yet")).to_be_visible()


def test_sizes_are_added_up_as_cards_come_and_go(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="backlog")
    edit(house, cards["boat"], estimate="2.5")
    edit(house, cards["door"], estimate="6")
    configure(house, limit_by="estimate")
    page = live(visit("operator", BOARD))
    expect(page.locator("[data-head=todo] [data-total]")).to_have_text("2.5")
    edit(house, cards["door"], stage="todo")
    expect(page.locator("[data-head=todo] [data-total]")).to_have_text("8.5")
