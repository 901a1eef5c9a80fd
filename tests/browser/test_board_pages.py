"""Long columns, the tray and addresses: whatever is asked for comes back whole, and the page stays bounded."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from boards.models import Board, Source
from boards.services.actors import Actor
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from tests.browser.board_fixtures import BOARD, Desk, card, column, expect_column
from tests.browser.conftest import PHONE, Visits
from tests.browser.house import House
from tests.browser.test_board_fresh import configure, edit, live
from workspace.models import OriginKind, Task
from workspace.services import Origin, RecordWrite, record_update, records_read, records_write


def put(house: House, task: Task, stage: str, **place: Any) -> None:
    def work():
        board = Board.objects.select_related("tenant").get(tenant=house.tenant, record_type="task")
        cards_move(
            board=board,
            cards=[Card(task.pk)],
            target=Target(stage, **place),
            actor=Actor(source=Source.SYNC),
            now=timezone.now(),
        )

    house.worker.do(work)


def test_pages_come_back_whole_when_somebody_moved_a_card_into_them(
    visit: Visits, house: House, desk: Desk
) -> None:
    cards = desk(**{f"card {n:04}": "backlog" for n in range(400)}, late="todo")
    page = live(visit("operator", BOARD))
    cell = page.locator("ol[data-stage=backlog]")
    for _ in range(40):
        if page.get_by_text("card 0399", exact=True).count():
            break
        cell.evaluate("cell => { cell.scrollTop = cell.scrollHeight; }")
        page.wait_for_timeout(120)
    put(house, cards["late"], "backlog", after=cards["card 0010"].pk)
    page.wait_for_timeout(1000)
    for _ in range(60):
        if page.get_by_text("card 0000", exact=True).count():
            break
        cell.evaluate("cell => { cell.scrollTop = 0; }")
        page.wait_for_timeout(120)
    titles = column(page, "backlog")
    whole = [f"card {n:04}" for n in range(400)]
    whole.insert(11, "late")
    assert titles == whole[: len(titles)]


def test_pages_come_back_on_a_phone(visit: Visits, house: House, desk: Desk) -> None:
    desk(**{f"card {n:04}": "backlog" for n in range(400)})
    page = visit("operator", BOARD, viewport=PHONE, has_touch=True, is_mobile=True)
    for _ in range(8):
        more = page.locator("section[data-column=backlog] [data-more]")
        if not more.is_visible():
            break
        more.click()
        page.wait_for_timeout(400)
    assert page.get_by_text("card 0399", exact=True).count() == 1
    for _ in range(30):
        if page.get_by_text("card 0000", exact=True).count():
            break
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(200)
        page.evaluate("scrollTo(0, 5)")
        page.wait_for_timeout(200)
    assert page.get_by_text("card 0000", exact=True).count() == 1


def without(house: House, key: str) -> None:
    stages = house.worker.do(
        lambda: Board.objects.get(tenant=house.tenant, record_type="task").config["stages"]
    )
    configure(house, stages=[s for s in stages if s["key"] != key])


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
    page.wait_for_timeout(1500)
    expect(page.get_by_role("dialog").get_by_role("textbox", name="Reason")).to_have_value("a long story")
    expect(page.locator("[data-head=backlog] [data-total]")).to_have_text("20")


def test_cards_that_arrive_live_leave_the_page_bounded(visit: Visits, house: House, desk: Desk) -> None:
    page = None
    desk(first="backlog")
    page = live(visit("operator", BOARD))
    for part in range(9):
        desk(**{f"card {part}{n:03}": "backlog" for n in range(40)})
    expect(page.locator("[data-head=backlog] [data-total]")).to_have_text("361", timeout=20000)
    page.wait_for_timeout(2500)
    assert page.locator("[data-card]").count() <= 300
