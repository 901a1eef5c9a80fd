"""News on an open board: counts, empty columns, focus and order are right after whatever comes in."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Route, expect

from tests.browser.board_fixtures import BOARD, Desk, expect_column, live, put
from tests.browser.conftest import PHONE, Visits
from tests.browser.house import House
from workspace.models import OriginKind
from workspace.services import Origin, RecordWrite, record_delete, records_read, records_write


def test_more_than_a_hundred_cards_changed_at_once_are_all_shown(
    visit: Visits, house: House, desk: Desk
) -> None:
    cards = desk(**{f"card {n:04}": ("backlog", "todo", "in_progress")[n % 3] for n in range(130)})
    page = live(visit("operator", BOARD))
    expect(page.locator("[data-card]")).to_have_count(130)

    def rename():
        states = records_read(
            tenant_id=house.tenant.pk, record_type="task", ids=[t.pk for t in cards.values()]
        )
        with transaction.atomic():
            records_write(
                tenant=house.tenant,
                record_type="task",
                writes=[
                    RecordWrite(t.pk, {"title": "new " + title}, states[t.pk]) for title, t in cards.items()
                ],
                origin=Origin(OriginKind.SYNC),
                now=timezone.now(),
            )

    house.worker.do(rename)
    expect(page.locator(".card__title", has_text="new ")).to_have_count(130)


def test_after_a_gap_every_card_is_read_again(visit: Visits, house: House, desk: Desk) -> None:
    desk(**{f"card {n:04}": ("backlog", "todo", "in_progress")[n % 3] for n in range(130)})
    page = live(visit("operator", BOARD))
    page.evaluate("document.querySelectorAll('.card__title').forEach(one => { one.textContent = 'old'; })")
    page.evaluate("document.dispatchEvent(new CustomEvent('lockstep:gap', {detail: {room: ''}}))")
    expect(page.locator(".card__title", has_text="old")).to_have_count(0)


def test_a_column_that_gets_its_first_card_live_is_not_empty(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="backlog", door="todo")
    page = live(visit("operator", BOARD))
    put(house, cards["boat"], "review")
    expect_column(page, "review", "boat")
    expect(page.locator("section[data-column=review] .column__empty")).to_be_hidden()


def test_a_column_that_loses_its_last_card_live_is_empty(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="backlog", door="todo")
    page = live(visit("operator", BOARD))
    put(house, cards["boat"], "review")
    expect_column(page, "review", "boat")
    expect(page.locator("section[data-column=backlog] .column__empty")).to_be_visible()


def test_the_board_is_reached_by_tab_after_its_first_card_is_gone(
    visit: Visits, house: House, desk: Desk
) -> None:
    cards = desk(boat="backlog", door="todo")
    page = live(visit("operator", BOARD))
    house.worker.do(
        record_delete,
        tenant=house.tenant,
        record_type="task",
        record_id=cards["boat"].pk,
        origin=Origin(OriginKind.SYNC),
        now=timezone.now(),
    )
    expect_column(page, "backlog")
    expect(page.locator('[data-card][tabindex="0"]')).to_have_count(1)


def test_an_older_answer_does_not_win_over_a_newer(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(**{f"card {n:04}": "backlog" for n in range(60)})
    page = live(visit("operator", BOARD))
    held: list[Route] = []
    page.route("**/cards?*", lambda route: held.append(route))
    answers = []
    for number, stage in enumerate(("todo", "review")):
        with page.expect_request("**/cards?*"):
            put(house, cards["card 0055"], stage)
        while len(held) <= number:  # its handler runs while the page is asked for something
            page.evaluate("1")
        answers.append(held[number].fetch())
    for route, answer in reversed(list(zip(held, answers, strict=True))):
        with page.expect_response("**/cards?*"):
            route.fulfill(response=answer)
        expect_column(page, "review", "card 0055")
    page.unroute("**/cards?*")
    expect_column(page, "todo")


def test_shown_counts_follow(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="todo")
    page = live(visit("operator", BOARD))
    page.goto(page.url + "?q=boat")
    live(page)
    expect(page.locator("[data-head=todo] .column__count")).to_contain_text("(1 shown)")
    put(house, cards["boat"], "review")
    expect_column(page, "review", "boat")
    expect(page.locator("[data-head=todo] .column__count")).to_contain_text("(0 shown)")
    expect(page.locator("[data-head=review] .column__count")).to_contain_text("(1 shown)")


def test_the_picker_counts(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo", door="todo")
    page = live(visit("operator", BOARD, viewport=PHONE, has_touch=True, is_mobile=True))
    put(house, cards["boat"], "review")
    expect(page.locator("[data-card]").first).to_be_attached()
    expect(page.locator("#column-pick option[value=review]")).to_have_text("Review (1)")
