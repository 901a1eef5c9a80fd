"""Ticking tasks: at once on the page, then at their source; what cannot be saved goes back."""

from __future__ import annotations

from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.board_fixtures import Desk
from tests.browser.conftest import Visits
from tests.browser.house import House
from workspace.models import OriginKind
from workspace.services import Origin, record_delete

PAGE = "/admin/hub/my-tasks/"


def test_a_tick_here_is_done_at_the_desk(visit: Visits, house: House) -> None:
    house.connect()
    title = "Printer on floor 2 jams"
    ticket = str(house.ticket(title)["id"])
    page = visit("operator", PAGE)
    expect(page.locator("[data-live-status]").first).to_have_text("Live")
    page.get_by_role("checkbox", name=f"{title}: not done").click()
    expect(page.locator("tr.is-done", has_text=title)).to_have_count(1)  # under the pointer nothing moves
    expect(page.locator("#hub-toasts")).to_contain_text("Done")  # the server has answered
    house.worker.wait_idle()
    closed = house.there(ticket)["state_id"]
    page.goto(page.url + "?show=done")
    page.get_by_role("checkbox", name=f"{title}: done").click()
    expect(page.locator("tr:not(.is-done)", has_text=title)).to_have_count(1)
    expect(page.locator("#hub-toasts")).to_contain_text("Open again")
    house.worker.wait_idle()
    assert house.there(ticket)["state_id"] != closed


def test_a_tick_that_cannot_be_saved_goes_back(visit: Visits, house: House, desk: Desk) -> None:
    cards = desk(boat="todo")
    visit.expected.append("/complete")
    page = visit("operator", PAGE)
    box = page.get_by_role("checkbox", name="boat: not done")
    expect(box).to_have_attribute("aria-checked", "false")
    page.context.set_offline(True)
    box.click()
    expect(page.locator("#hub-toasts")).to_contain_text("This could not be saved. The task is as it was.")
    expect(box).to_have_attribute("aria-checked", "false")
    page.context.set_offline(False)
    visit.complaints[:] = [
        each for each in visit.complaints if "ERR_INTERNET" not in each and "WebSocket" not in each
    ]
    house.worker.do(
        record_delete, tenant=house.tenant, record_type="task", record_id=cards["boat"].pk,
        origin=Origin(OriginKind.SYSTEM), now=timezone.now(),
    )  # fmt: skip
