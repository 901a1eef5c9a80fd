"""What holds on every page: it fits a phone, it has a dark side, and nothing serious stands in anybody's way."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone
from playwright.sync_api import Page, expect

from integrations.models import Integration
from monitoring.models import Alert, Notification
from tests.browser.conftest import PHONE, Visits, fits
from tests.browser.house import House


def addresses(visit: Visits, house: House) -> dict[str, str]:
    """The pages of a tenant in which a little of everything happened."""
    desk = house.connect()
    house.clash("Printer on floor 2 jams", here={"title": "Printer here"}, there={"subject": "Printer there"})
    house.log(
        desk, "The title is too long there.", status="failed", error_code="VALIDATION_ERROR", http_status=422
    )
    page = visit("reviewer", "/admin/hub/conflicts/")
    conflict = str(page.locator("tr[data-row]").get_attribute("data-href"))
    page.goto("/admin/hub/logs/")
    log = str(page.locator("tr[data-row]").first.get_attribute("data-href"))
    page.goto("/admin/hub/mappings/")
    pair = str(page.locator("tr[data-row]").first.get_attribute("data-href"))
    return {
        "dashboard": "/admin/hub/",
        "integration": f"/admin/hub/integrations/{desk.pk}/",
        "settings": f"/admin/hub/integrations/{desk.pk}/settings/",
        "conflicts": "/admin/hub/conflicts/",
        "review": conflict,
        "log": "/admin/hub/logs/",
        "log entry": log,
        "jobs": "/admin/hub/jobs/",
        "pair": pair,
        "new integration": "/admin/hub/integrations/new/",
        "import": "/admin/hub/integrations/import/",
        "alerts": "/admin/hub/alerts/",
        "alert": house.worker.do(alarm, desk),
        "alert rules": "/admin/hub/alerts/rules/",
        "new alert rule": "/admin/hub/alerts/rules/new/?preset=dead_letters",
        "channels": "/admin/hub/alerts/channels/",
    }


def alarm(desk: Integration) -> str:
    """An alert with a message that did not leave, and its page."""
    now = timezone.now()
    alert = Alert.objects.create(
        tenant=desk.tenant, integration=desk, name="Integration down", metric="consecutive_failures", severity="critical",
        value=4, threshold=3, since=now, fired_at=now,
    )  # fmt: skip
    Notification.objects.create(
        tenant=desk.tenant, alert=alert, channel="slack", reason="fired", state="failed", created_at=now, tried_at=now,
        error="No Slack address is set. A manager enters it under Alerts, Channels.",
    )  # fmt: skip
    return f"/admin/hub/alerts/{alert.pk}/"


def settled(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("main h1").first).to_be_visible()


def test_nothing_serious_hinders_anybody_in_light_or_dark(
    visit: Visits, house: House, serious: Callable[[Page], list[str]]
) -> None:
    found = {}
    pages = addresses(visit, house)
    for scheme in ("light", "dark"):
        page = visit("manager", color_scheme=scheme)
        for name, path in pages.items():
            settled(page, path)
            if problems := serious(page):
                found[f"{name}, {scheme}"] = problems
    assert found == {}


def test_a_phone_shows_every_page_without_scrolling_sideways(visit: Visits, house: House) -> None:
    pages = addresses(visit, house)
    page = visit("manager", viewport=PHONE, has_touch=True, is_mobile=True)
    wide = []
    for name, path in pages.items():
        settled(page, path)
        if not fits(page):
            wide.append(name)
    assert wide == []


def test_the_dark_side_is_dark_and_its_text_is_light(visit: Visits, house: House) -> None:
    house.connect()
    page = visit("manager", color_scheme="dark")
    card = page.get_by_role("article", name="Service desk")

    def lightness(selector: str, what: str) -> float:
        """0 is black, 1 is white, as painted."""
        script = """([selector, what]) => {
            const canvas = document.createElement("canvas").getContext("2d");
            let element = document.querySelector(selector), colour = getComputedStyle(element)[what];
            while (what === "backgroundColor" && /, 0\\)$|transparent/.test(colour) && (element = element.parentElement))
                colour = getComputedStyle(element)[what];
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
            return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
        }"""
        return float(page.evaluate(script, [selector, what]))

    expect(card).to_be_visible()
    assert lightness(".hub-card", "backgroundColor") < 0.2
    assert lightness(".hub-card__name a", "color") > 0.7
    assert page.screenshot() != visit("manager").screenshot()


def test_the_first_tab_stop_skips_the_menu(visit: Visits, house: House) -> None:
    page = visit("viewer")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
