"""The charts of a board under the pointer: what a day says, cards behind points, a frame that lists several."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from boards.services.opening import board_open
from tests.browser.conftest import Visits
from tests.browser.house import House
from workspace.models import OriginKind
from workspace.services import Origin, record_create, record_update

DAYS_AGO = 12


@pytest.fixture
def board(house: House) -> UUID:
    """Twelve cards finished in as many days, card n after n days of work, and one that is open."""

    def write(what: Any, at: datetime, **values: Any) -> Any:
        return what(
            tenant=house.tenant, record_type="task", origin=Origin(OriginKind.SYSTEM), now=at, **values
        )

    def work() -> UUID:
        board = board_open(house.tenant, "task")
        now = timezone.now()
        for number in range(1, DAYS_AGO + 1):
            end = now - timedelta(days=DAYS_AGO - number, hours=2)
            card = write(
                record_create,
                end - timedelta(days=number + 1),
                values={"title": f"card {number}", "stage": "todo"},
            )
            for stage, at in (("in_progress", end - timedelta(days=number)), ("done", end)):
                write(record_update, at, record_id=card.pk, values={"stage": stage})
        write(record_create, now - timedelta(days=3), values={"title": "still open", "stage": "in_progress"})
        return board.pk

    return house.worker.do(work)


def point(page: Page, chart: str, index: int) -> tuple[float, float]:
    """Where on the page the chart has drawn a card."""
    found: list[float] = page.locator(f"canvas[data-chart={chart}]").evaluate(
        """(canvas, index) => {
            canvas.scrollIntoView({block: "center"});
            const dot = Chart.getChart(canvas).getDatasetMeta(0).data[index], edge = canvas.getBoundingClientRect();
            return [edge.left + dot.x, edge.top + dot.y];
        }""",
        index,
    )
    return found[0], found[1]


def test_a_point_leads_to_its_card_and_a_frame_lists_several(
    visit: Visits, house: House, board: UUID
) -> None:
    page = visit("viewer", f"/admin/hub/boards/{board}/metrics?days=30")
    x, y = point(page, "scatter", 0)
    far_x, far_y = point(page, "scatter", 2)
    page.mouse.move(x - 8, y + 8)
    page.mouse.down()
    page.mouse.move(far_x + 8, far_y - 8, steps=5)
    page.mouse.up()
    framed = page.locator("[data-framed]")
    expect(framed).to_contain_text("3 cards in the frame, cycle time 1.0 day to 3.0 days, median 2.0 days.")
    expect(framed.get_by_role("link")).to_have_text(["card 3", "card 2", "card 1"])
    framed.get_by_role("button", name="Clear").click()
    expect(framed).to_be_empty()
    page.mouse.click(*point(page, "scatter", 4))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Card 5")
    page.go_back()
    page.mouse.click(*point(page, "ageing", 0))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Still open")


def test_throughput_by_week_and_tables_that_lead_to_cards(visit: Visits, house: House, board: UUID) -> None:
    page = visit("viewer", f"/admin/hub/boards/{board}/metrics?days=30")
    table = page.locator("#throughput table")
    page.locator("#throughput summary").click()
    expect(table.locator("tbody tr")).to_have_count(30)
    page.get_by_label("Throughput per").get_by_role("link", name="per week").click()
    page.locator("#throughput summary").click()
    expect(table.locator("thead")).to_contain_text("Week of")
    weeks = [int(text) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert sum(weeks) == DAYS_AGO and 5 <= len(weeks) <= 6
    page.locator("#scatter summary").click()
    page.locator("#scatter table").get_by_role("link", name="card 12").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Card 12")
