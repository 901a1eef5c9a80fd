"""Deciding conflicts: by mouse, by keys alone, and when the values move under one's hands."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.house import House


def choose(page: Page, field: str, choice: str) -> None:
    """By mouse, on the side itself."""
    page.get_by_role("radiogroup", name=field).get_by_text(re.compile(rf"^{choice}")).click()


def test_a_conflict_is_decided_by_mouse_field_by_field_and_both_sides_agree(
    visit: Visits, house: House
) -> None:
    house.connect()
    task, ticket = house.clash(
        "Printer on floor 2 jams",
        here={"title": "Printer jams again", "due_on": "2026-03-09"},
        there={"subject": "Printer on floor 2 smokes", "due_on": "2026-03-12"},
    )
    page = visit("reviewer")
    page.get_by_role("link", name=re.compile(r"^\d+ Open conflicts")).click()
    page.get_by_role("link", name="Printer jams again").first.click()
    if page.get_by_role("radiogroup").count() == 1:  # one conflict for each field
        fields = {"Title": "Keep local", "Due on": "Keep external"}
        for _ in range(2):
            field = page.locator("[data-field] h2").inner_text()
            choose(page, field, fields.pop(field))
            apply(page)
    else:
        choose(page, "Title", "Keep local")
        choose(page, "Due on", "Keep external")
        apply(page)
    expect(page.get_by_text("That was the last one.")).to_be_visible()
    expect(page.get_by_role("heading", name="No open conflicts")).to_be_visible()
    house.worker.wait_idle()
    here, there = house.fresh(task), house.there(ticket)
    assert (here.title, str(here.due_on)) == ("Printer jams again", "2026-03-12")
    assert (there["subject"], there["due_on"]) == ("Printer jams again", "2026-03-12")


def apply(page: Page) -> None:
    """What is previewed is what is written."""
    chosen = page.locator("[data-result]").all_inner_texts()
    page.get_by_role("button", name="Review and apply").click()
    expect(page.get_by_role("heading", name="What will be written")).to_be_visible()
    expect(page.locator("#preview").get_by_text(re.compile("Checked$"))).to_be_visible()
    for value in chosen:
        expect(page.locator("#preview")).to_contain_text(value)
    page.get_by_role("button", name=re.compile("^(check)?Apply")).click()


def test_a_custom_value_is_previewed_and_written_to_both_sides_and_the_loser_can_be_had_back(
    visit: Visits, house: House
) -> None:
    house.connect()
    task, ticket = house.clash("New laptop for Aiko", here={"title": "Laptop"}, there={"subject": "A laptop"})
    page = visit("reviewer", "/admin/hub/conflicts/")
    page.get_by_role("link", name="Laptop").first.click()
    address = page.url
    page.get_by_text("Something else").click()
    page.get_by_label("Value for Title").fill('A <b>light</b> laptop 💻 & "bag"')
    apply(page)
    expect(page.get_by_text("That was the last one.")).to_be_visible()
    house.worker.wait_idle()
    assert house.fresh(task).title == house.there(ticket)["subject"] == 'A <b>light</b> laptop 💻 & "bag"'
    page.goto(address)
    expect(page.get_by_text("reviewer decided")).to_be_visible()
    sides = page.locator("[data-field] .side")
    expect(sides.filter(has_text="Last agreed")).to_contain_text("New laptop for Aiko")
    expect(sides.filter(has_text="Generic REST").locator("ins")).to_have_text("A")  # the losers stay readable
    expect(sides.filter(has_text="Here").locator("ins")).to_have_text("Laptop")
    page.get_by_role("button", name="Restore the external value").click()
    expect(page.get_by_text("Restored: ")).to_be_visible()
    house.worker.wait_idle()
    assert house.fresh(task).title == house.there(ticket)["subject"] == "A laptop"


def test_keys_alone_lead_from_the_list_to_the_last_conflict(visit: Visits, house: House) -> None:
    house.connect()
    done = [
        house.clash(title, here={"title": f"{title}, here"}, there={"subject": f"{title}, there"})
        for title in ("Printer on floor 2 jams", "New laptop for Aiko", "Customer cannot log in")
    ]
    page = visit("reviewer")
    expect(page.locator("main h1")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Conflicts", exact=True)).to_be_visible()
    expect(page.locator("tr[data-row]")).to_have_count(3)
    page.keyboard.press("j")
    expect(page.locator("tr[data-row]").first.get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    for left in (3, 2, 1):
        expect(page.get_by_text(re.compile(rf"\d of {left}$"))).to_be_visible()
        page.keyboard.press("2")
        expect(page.get_by_text("1 of 1 field chosen")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="What will be written")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_text("decided. A worker carries it out now.")).to_be_visible()
    expect(page.get_by_role("heading", name="No open conflicts")).to_be_visible()
    house.worker.wait_idle()
    for task, ticket in done:
        assert house.fresh(task).title == house.there(ticket)["subject"]
        assert house.fresh(task).title.endswith(", there")


def test_a_value_that_moved_since_is_not_overwritten_and_the_choice_is_kept(
    visit: Visits, house: House
) -> None:
    desk = house.connect()
    task, ticket = house.clash("Printer on floor 2 jams", here={"title": "Here"}, there={"subject": "There"})
    visit.expected.append("/admin/hub/conflicts/")
    page = visit("reviewer", "/admin/hub/conflicts/")
    page.get_by_role("link", name="Here").first.click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    choose(page, "Title", "Keep local")
    page.get_by_role("button", name="Review and apply").click()
    expect(page.get_by_role("heading", name="What will be written")).to_be_visible()
    # Meanwhile somebody over there edits again, and the hub hears of it.
    house.edit_there(ticket, subject="There, once more")
    operator = visit("operator", f"/admin/hub/integrations/{desk.pk}/")
    operator.get_by_role("button", name="Sync now").click()
    expect(operator.get_by_text("is being synced now")).to_be_visible()
    house.worker.wait_idle()
    expect(page.get_by_text("This conflict has just changed.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^(check)?Apply")).click()
    expect(page.get_by_role("alert")).to_contain_text("Your choices are kept")
    expect(page.get_by_role("radio", name="Keep local")).to_be_checked()
    expect(page.get_by_text("once more")).to_be_visible()
    assert house.there(ticket)["subject"] == "There, once more"
    assert house.fresh(task).title == "Here"
    apply(page)
    house.worker.wait_idle()
    assert house.fresh(task).title == house.there(ticket)["subject"] == "Here"


def test_a_second_reviewer_sees_who_is_at_it_and_may_take_over(visit: Visits, house: House) -> None:
    house.connect()
    house.clash("Printer on floor 2 jams", here={"title": "Here"}, there={"subject": "There"})
    first = visit("reviewer", "/admin/hub/conflicts/")
    first.get_by_role("link", name="Here").first.click()
    expect(first.get_by_role("radio", name="Keep local")).to_be_visible()
    second = visit("manager", first.url)
    expect(second.get_by_text("reviewer", exact=False).first).to_be_visible()
    expect(second.get_by_role("radio")).to_have_count(0)
    second.get_by_role("button", name="Take over").click()
    expect(second.get_by_role("radio", name="Keep local")).to_be_visible()
