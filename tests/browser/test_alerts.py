"""An alert reaches open pages by itself, and so does what somebody does about it (UI 10)."""

from __future__ import annotations

from django.utils import timezone
from playwright.sync_api import expect

from integrations.models import Integration, IntegrationStatus
from monitoring.models import AlertRule
from monitoring.services.evaluation import evaluate_rules
from monitoring.services.rules import rules_ensure
from tests.browser.conftest import Visits
from tests.browser.house import House

ALERTS = "/admin/hub/alerts/"


def stop(house: House, desk: Integration) -> None:
    """The desk fails for good, and the rules look at it."""
    Integration.objects.filter(pk=desk.pk).update(status=IntegrationStatus.ERROR)
    rules_ensure(house.tenant)
    rules = AlertRule.objects.filter(tenant=house.tenant, enabled=True)
    evaluate_rules(house.tenant, list(rules), timezone.now())


def test_what_fires_and_who_is_at_it_is_seen_in_a_second_browser(visit: Visits, house: House) -> None:
    desk = house.connect()
    watcher, operator = visit("viewer", ALERTS), visit("operator", ALERTS)
    expect(watcher.get_by_text("No open alerts")).to_be_visible()
    expect(watcher.locator("[data-live-status]")).to_have_text("Live")
    house.worker.do(stop, house, desk)
    row = watcher.get_by_role("row").filter(has_text="Integration down")
    expect(row).to_contain_text("Firing")
    expect(row).to_contain_text("Service desk")
    expect(row.get_by_role("button")).to_have_count(0)

    operator.get_by_role("button", name="Acknowledge Integration down").click()
    expect(operator.get_by_text("Acknowledged: nobody is reminded")).to_be_visible()
    expect(row).to_contain_text("Acknowledged")
    expect(row).to_contain_text("by operator")
