"""Long columns, the tray and addresses: whatever is asked for comes back whole, and the page stays bounded."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.board_fixtures import (
    BOARD,
    Desk,
    card,
    column,
    edit,
    expect_caught_up,
    expect_column,
    live,
    put,
    scroll_to_card,
    without,
)
from tests.browser.conftest import PHONE, Visits
from tests.browser.house import House
from workspace.models import OriginKind
from workspace.services import Origin, RecordWrite, record_update, records_read, records_write


def test_pages_come_back_whole_when_somebody_moved_a_card_into_them(
    visit: Visits, house: House, desk: Desk
) -> None:
    cards = desk(**{f"card {n:04}": "backlog" for n in range(400)}, late="todo")
    page = live(visit("operator", BOARD))
    scroll_to_card(page, "ol[data-stage=backlog]", "card 0399")
    put(house, cards["late"], "backlog", after=cards["card 0010"].pk)
    expect_caught_up(page, house)
    scroll_to_card(page, "ol[data-stage=backlog]", "card 0000", up=True, most=301)  # one came in live
    titles = column(page, "backlog")
    whole = [f"card {n:04}" for n in range(400)]
    whole.insert(11, "late")
    assert titles == whole[: len(titles)]


def test_pages_come_back_on_a_phone(visit: Visits, house: House, desk: Desk) -> None:
    desk(**{f"card {n:04}": "backlog" for n in range(400)})
    page = visit("operator", BOARD, viewport=PHONE, has_touch=True, is_mobile=True)
    for last in range(99, 400, 50):
        page.locator("section[data-column=backlog] [data-more]").click()
        expect(page.get_by_text(f"card {last:04}", exact=True)).to_have_count(1)
    expect(page.get_by_text("card 0000", exact=True)).to_have_count(0)
    scroll_to_card(page, "", "card 0000", up=True)


def test_the_tray_shows_all(visit: Visits, house: House, desk: Desk) -> None:
    desk(**{f"card {n:04}": "review" for n in range(60)})
    without(house, "review")
    page = visit("operator", BOARD)
    expect(page.locator(".unplaced [data-card]")).to_have_count(50)
    page.locator(".unplaced [data-more]").click()
    expect(page.locator(".unplaced [data-card]")).to_have_count(60)


def test_a_card_that_is_moved_out_of_sight_is_said(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo")
    without(house, "review")
    page = live(visit("operator", BOARD))
    edit(house, cards["boat"], stage="review")
    expect_column(page, "todo")
    expect(page.locator(".more-news, .unplaced [data-card]")).to_be_visible()


def test_no_address_is_longer_than_a_server_takes(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(**{f"card {n:04}": "backlog" for n in range(220)})
    page = live(visit("operator", BOARD))
    asked = []
    page.on("request", lambda r: asked.append(len(r.url)))
    page.evaluate(
        "document.addEventListener('lockstep:KANBAN_ITEM_MOVED', (event) => event.stopImmediatePropagation(), true)"
    )

    def work():
        for t in list(cards.values())[60:200]:
            record_update(
                tenant=house.tenant,
                record_type="task",
                record_id=t.pk,
                values={"stage": "todo"},
                origin=Origin(OriginKind.SYNC),
                now=timezone.now(),
            )

    house.worker.do(work)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("ol[data-stage=todo] [data-card]")).to_have_count(140)
    assert max(asked) < 4000, max(asked)


def together(house, tasks, stage):
    """One batch of a sync."""

    def work():
        states = records_read(tenant_id=house.tenant.pk, record_type="task", ids=[t.pk for t in tasks])
        with transaction.atomic():
            records_write(
                tenant=house.tenant,
                record_type="task",
                writes=[RecordWrite(t.pk, {"stage": stage}, states[t.pk]) for t in tasks],
                origin=Origin(OriginKind.SYNC),
                now=timezone.now(),
            )

    house.worker.do(work)


def test_a_sync_of_many_cards_leaves_what_is_typed(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(**{f"card {n:04}": "backlog" for n in range(80)}, boat="todo")
    page = live(visit("operator", BOARD))
    card(page, "boat").focus()
    page.keyboard.press("m")
    page.get_by_role("dialog").get_by_role("textbox", name="Reason").fill("a long story")
    together(house, list(cards.values())[:60], "done")
    expect(page.locator("[data-head=done] [data-total]")).to_have_text("60")
    expect_caught_up(page, house)
    expect(page.get_by_role("dialog").get_by_role("textbox", name="Reason")).to_have_value("a long story")
    expect(page.locator("[data-head=backlog] [data-total]")).to_have_text("20")


def test_cards_that_arrive_live_leave_the_page_bounded(visit: Visits, house: House, desk: Desk) -> None:
    desk(first="backlog")
    page = live(visit("operator", BOARD))
    for part in range(9):
        desk(**{f"card {part}{n:03}": "backlog" for n in range(40)})
    expect(page.locator("[data-head=backlog] [data-total]")).to_have_text("361", timeout=20000)
    expect_caught_up(page, house)
    page.wait_for_function("document.querySelectorAll('[data-card]').length <= 300")
