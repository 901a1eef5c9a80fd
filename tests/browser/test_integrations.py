"""The dashboard and an integration's pages: counts, sync, pause, dry run, setting one up, a record's badge."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from integrations.models import IntegrationStatus, JobStatus
from tests.browser.conftest import Visits
from tests.browser.house import House
from workspace.models import WaitlistEntry

LEANKIT_BOARD, LEANKIT_TOKEN = "1490772911", "leankit-demo-token"


def test_every_number_of_the_dashboard_is_the_length_of_the_list_behind_it(
    visit: Visits, house: House
) -> None:
    desk = house.connect()
    house.clash("Printer on floor 2 jams", here={"priority": "high"}, there={"priority": "P1"})
    house.clash("New laptop for Aiko", here={"title": "Laptop for Aiko"}, there={"subject": "A laptop"})
    house.log(desk, "The title is too long there.", status="failed", error_code="VALIDATION_ERROR")
    page = visit("viewer")
    card = page.get_by_role("article", name="Service desk")
    expect(card.get_by_text("Healthy")).to_be_visible()

    def rows_behind(name: str, of: Page) -> tuple[str, int]:
        """What the figure says, and how many rows its link leads to."""
        figure = of.locator("main").get_by_role("link", name=re.compile(rf"^\S+ (%)?{name}$"))
        said = figure.inner_text().split()[0]
        figure.click()
        expect(of.locator("main h1")).to_be_visible()
        rows = of.locator("tr[data-row]").count()
        of.go_back()
        return said, rows

    assert rows_behind("Open conflicts", page) == ("2", 2)
    assert rows_behind("Failed syncs, 24 h", page) == ("1", 1)
    assert rows_behind("Dead letters", page) == ("0", 0)
    assert rows_behind("Running now", page) == ("0", 0)
    said, rows = rows_behind("Records in sync", page)
    assert int(said) == rows == len(house.pairs(integration=desk))
    expect(card.locator("dl > div").filter(has_text="Open conflicts").get_by_role("link")).to_have_text("2")
    card.locator("dl > div").filter(has_text="Open conflicts").get_by_role("link").click()
    expect(page.locator("tr[data-row]")).to_have_count(2)


def test_sync_now_brings_the_other_sides_edit_and_the_page_follows_by_itself(
    visit: Visits, house: House
) -> None:
    desk = house.connect()
    ticket = house.ticket("Archive the 2024 tickets")
    page = visit("operator", f"/admin/hub/integrations/{desk.pk}/jobs/")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.locator("tr[data-row]")).to_have_count(1)
    watching = visit("viewer", f"/admin/hub/integrations/{desk.pk}/jobs/")
    expect(watching.get_by_text("Live", exact=True)).to_be_visible()
    house.edit_there(ticket["id"], subject="Archive all old tickets")
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("Service desk is being synced now.")).to_be_visible()
    # Nobody reloads: the other person's list grows and ends at the result.
    newest = watching.locator("tr[data-row]").first
    expect(watching.locator("tr[data-row]")).to_have_count(2)
    expect(newest).to_contain_text("Succeeded")
    expect(newest).to_contain_text("1 brought in")
    expect(newest).to_contain_text("operator")
    house.worker.wait_idle()
    assert house.task("Archive all old tickets").title == "Archive all old tickets"


def test_a_paused_integration_says_so_and_resuming_makes_it_healthy_again(
    visit: Visits, house: House
) -> None:
    desk = house.connect()
    page = visit("operator", f"/admin/hub/integrations/{desk.pk}/")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Service desk is paused.")).to_be_visible()
    expect(page.get_by_role("button", name="Sync now")).to_have_count(0)
    assert house.status(desk.pk) == IntegrationStatus.PAUSED
    page.goto("/admin/hub/")
    card = page.get_by_role("article", name="Service desk")
    expect(card.get_by_text("Paused")).to_be_visible()
    card.get_by_role("button", name="Resume Service desk").click()
    expect(page.get_by_text("Service desk is running again")).to_be_visible()
    expect(page.get_by_role("article", name="Service desk").get_by_text("Healthy")).to_be_visible()
    assert house.status(desk.pk) == IntegrationStatus.ACTIVE


def test_a_dry_run_says_what_a_sync_would_do_and_writes_nothing(visit: Visits, house: House) -> None:
    desk = house.connect()
    ticket = house.ticket("Printer on floor 2 jams")
    house.edit_there(ticket["id"], subject="Printer on floor 3 jams")
    writes_before = [each for each in house.box.log("desk") if each.method != "GET"]
    page = visit("operator", f"/admin/hub/integrations/{desk.pk}/")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", name="What a sync would do now")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Printer on floor 3 jams")
    expect(row.locator("ins")).to_have_text("Printer on floor 3 jams")
    house.worker.wait_idle()
    assert house.task("Printer on floor 2 jams").revision == 1
    assert [each for each in house.box.log("desk") if each.method != "GET"] == writes_before


def test_a_manager_sets_an_integration_up_in_the_browser_and_its_records_arrive(
    visit: Visits, house: House
) -> None:
    leankit = house.box.vendor("leankit")
    for number in range(20):
        board = {**leankit.world.all("board")[0], "id": str(900 + number), "title": f"Archive {number}"}
        leankit.world.put("board", board["id"], board)
    page = visit("manager")
    page.get_by_role("link", name="New integration").first.click()
    page.get_by_role("link", name="Connect LeanKit").click()
    page.get_by_label("Name").fill("Shop board")
    page.get_by_label("Address").fill(f"{house.box.url('leankit')}/io")
    page.get_by_label("API token").fill(LEANKIT_TOKEN)
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text(re.compile("Works$"))).to_be_visible()
    expect(page.get_by_text("Lockstep Robot").first).to_be_visible()
    page.get_by_role("link", name="Go on").click()
    boards = page.get_by_label(re.compile("^Board"))
    expect(boards.get_by_role("option")).to_have_count(23)  # two of the seed, twenty more, and none yet
    page.get_by_role("searchbox", name="Search board").fill("show")
    expect(boards.get_by_role("option")).to_have_text(["— choose —", "Showroom"])
    page.get_by_role("searchbox", name="Search board").press("Enter")
    boards.select_option("Showroom")
    page.get_by_label(re.compile("^Card")).check()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Connection works")).to_be_visible()
    page.get_by_role("button", name="Start syncing").click()
    expect(page.get_by_role("heading", name="Shop board")).to_contain_text("Healthy")
    house.worker.wait_idle()
    page.get_by_role("link", name="Mappings", exact=True).last.click()
    expect(page.locator("tr[data-row]").first).to_contain_text("Synced")
    arrived = house.worker.do(lambda: WaitlistEntry.objects.filter(tenant=house.tenant).count())
    assert arrived == page.locator("tr[data-row]").filter(has_text="Waitlist entry").count() > 0
    assert LEANKIT_TOKEN not in page.content()


def test_refused_credentials_are_shown_with_what_to_do_and_never_shown_again(
    visit: Visits, house: House
) -> None:
    page = visit("manager", "/admin/hub/integrations/new/leankit/")
    page.get_by_label("Name").fill("Shop board")
    page.get_by_label("Address").fill(f"{house.box.url('leankit')}/io")
    page.get_by_label(re.compile("^Board")).fill(LEANKIT_BOARD)
    page.get_by_label("API token").fill("not-the-token")
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text(re.compile("Failed$"))).to_be_visible()
    refused = page.get_by_role("listitem").filter(has_text="Authenticated")
    expect(refused).to_contain_text("401")
    expect(refused).to_contain_text("token")  # what to do
    page.get_by_role("link", name="Change the credentials").click()
    assert "not-the-token" not in page.content()
    expect(page.get_by_label("API token")).to_have_value("")


def test_an_empty_form_names_the_fields_and_keeps_what_was_typed(visit: Visits, house: House) -> None:
    visit.expected.append("/admin/hub/integrations/new/leankit/")
    page = visit("manager", "/admin/hub/integrations/new/leankit/")
    page.get_by_label("Name").fill("Half a board")
    page.locator("form[data-guard]").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Half a board")


def test_a_viewer_sees_everything_and_may_do_nothing(visit: Visits, house: House) -> None:
    desk = house.connect()
    house.clash("Printer on floor 2 jams", here={"priority": "high"}, there={"priority": "P1"})
    page = visit("viewer")
    for path in ("", f"integrations/{desk.pk}/", "conflicts/", "jobs/"):
        page.goto(f"/admin/hub/{path}")
        expect(page.locator("main h1")).to_be_visible()
        buttons = page.locator("main").get_by_role(
            "button", name=re.compile("Sync|Pause|Resume|Dry|Test|Keep|Cancel|Retry")
        )
        expect(buttons).to_have_count(0)
        expect(page.get_by_role("link", name="New integration")).to_have_count(0)
    page.goto("/admin/hub/conflicts/")
    page.locator("tr[data-row] a").first.click()
    expect(page.get_by_text("a reviewer or manager decides them")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("apply", re.I))).to_have_count(0)


def test_the_log_is_searched_and_only_some_roles_read_its_payloads(visit: Visits, house: House) -> None:
    desk = house.connect()
    house.log(
        desk,
        "The subject is longer than 200 characters.",
        status="failed",
        error_code="VALIDATION_ERROR",
        http_status=422,
        external_id="4711",
        exchange={
            "request": {
                "method": "PATCH",
                "url": "https://desk.test/tickets/4711",
                "body": {"subject": "very-long-subject"},
            },
            "response": {"status": 422},
        },
    )
    house.log(desk, "The labels were brought in.")
    page = visit("auditor", "/admin/hub/logs/")
    page.get_by_label("Search").fill("longer than 200")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("tr[data-row]")).to_contain_text("422")
    page.locator("tr[data-row] a").first.click()
    expect(page.get_by_text("longer than 200 characters")).to_be_visible()
    expect(page.get_by_text("very-long-subject")).to_be_visible()
    for_viewer = visit("viewer", page.url)
    expect(for_viewer.get_by_text("longer than 200 characters")).to_be_visible()
    expect(for_viewer.get_by_text("Contents are shown to managers and auditors.")).to_be_visible()
    assert "very-long-subject" not in for_viewer.content()
    for_viewer.goto("/admin/hub/logs/?q=nothing-like-that")
    expect(for_viewer.get_by_text("nothing-like-that")).to_be_visible()
    for_viewer.get_by_role("link", name=re.compile("Clear")).first.click()
    expect(for_viewer.locator("tr[data-row]")).not_to_have_count(0)


def test_a_records_badge_goes_from_pending_to_synced_under_ones_eyes(visit: Visits, house: House) -> None:
    house.connect()
    task = house.task("Archive the 2024 tickets")
    ticket = str(house.ticket("Archive the 2024 tickets")["id"])
    page = visit("operator", f"/admin/workspace/task/{task.pk}/change/")
    badge = page.locator("[data-record-badges]")
    expect(badge).to_contain_text("Service desk: Synced")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    with house.worker.held():
        page.get_by_label("Title").fill("Archive everything")
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.get_by_label("Title")).to_have_value("Archive everything")
        expect(badge).to_contain_text("Service desk: Pending")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(badge).to_contain_text("Service desk: Synced")
    house.worker.wait_idle()
    assert house.there(ticket)["subject"] == "Archive everything"


def test_without_scripts_a_sync_is_started_and_a_conflict_is_resolved(visit: Visits, house: House) -> None:
    desk = house.connect()
    task, ticket = house.clash(
        "Printer on floor 2 jams", here={"title": "Printer here"}, there={"subject": "Printer there"}
    )
    page = visit("manager", java_script_enabled=False)
    page.get_by_role("button", name="Sync Service desk now").click()
    expect(page.get_by_text("Service desk is being synced now.")).to_be_visible()
    house.worker.wait_idle()
    assert [job.status for job in house.jobs(desk)][-1] == JobStatus.SUCCEEDED
    page.goto("/admin/hub/conflicts/")
    page.get_by_role("link", name="Printer here").click()
    page.get_by_role("radio", name="Keep external").check()
    page.get_by_role("button", name="Review and apply").click()
    expect(page.get_by_role("heading", name="What will be written")).to_be_visible()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("That was the last one.")).to_be_visible()
    house.worker.wait_idle()
    assert house.fresh(task).title == house.there(ticket)["subject"] == "Printer there"
