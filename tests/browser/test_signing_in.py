"""At the door: the log-in form, its refusals, and what another tenant's people see."""

from __future__ import annotations

from django.conf import settings
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.house import PASSWORD, House


def test_the_right_password_leads_to_the_dashboard(visit: Visits) -> None:
    page = visit("", "/")
    page.get_by_label("Username").fill("manager")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()
    expect(page.get_by_role("link", name="New integration").first).to_be_visible()


def test_a_wrong_password_is_told_in_a_sentence_and_too_many_are_held_back(visit: Visits) -> None:
    visit.expected.append("/admin/login/")
    page = visit("", "/admin/login/")

    def try_with(password: str) -> None:
        page.get_by_label("Username").fill("manager")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()

    try_with("wrong")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    for _ in range(settings.AXES_FAILURE_LIMIT - 2):
        try_with("wrong")
    try_with("wrong")
    expect(page.get_by_role("alert").filter(has_text="too many failed log-ins")).to_be_visible()
    page.goto("/admin/login/")
    try_with(PASSWORD)
    expect(page.get_by_role("alert").filter(has_text="too many failed log-ins")).to_be_visible()


def test_another_tenants_integration_conflict_and_log_are_not_there(visit: Visits, house: House) -> None:
    desk = house.connect()
    house.clash("Printer on floor 2 jams", here={"priority": "high"}, there={"priority": "P1"})
    visit.expected += ["/admin/hub/integrations/", "/admin/hub/conflicts/", "/admin/hub/logs/"]
    mine = visit("reviewer", "/admin/hub/conflicts/")
    conflict = mine.locator("tr[data-row]").get_attribute("data-href")
    log = visit("reviewer", "/admin/hub/logs/").locator("tr[data-row]").first.get_attribute("data-href")
    theirs = visit("stranger", "/admin/hub/")
    expect(theirs.get_by_text("Service desk")).to_have_count(0)
    for path in (f"/admin/hub/integrations/{desk.pk}/", conflict, log):
        answer = theirs.goto(str(path))
        assert answer is not None and answer.status == 404, path


def test_the_log_in_works_without_scripts(visit: Visits) -> None:
    page = visit("", "/admin/", java_script_enabled=False)
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()


def test_a_page_that_is_not_there_says_so_and_leads_back(visit: Visits) -> None:
    visit.expected.append("/nowhere")
    page = visit("viewer", "/admin/hub/logs/nowhere/")
    expect(page.get_by_role("alert")).to_contain_text("nothing at this address")
    page.get_by_role("link", name="To the dashboard").click()
    expect(page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()
