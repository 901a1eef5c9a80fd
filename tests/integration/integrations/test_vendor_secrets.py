"""Webhook secrets that the vendor makes up, and registrations that expire."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from connectors.base.types import WebhookRegistration
from integrations.models import Integration
from integrations.services import deliveries
from integrations.services.credentials import vendor_secret_held, webhook_secrets
from tests.integration.hub_fixtures import FakeClient


class Vendor(FakeClient):
    """Tells its secret once, when the webhook is made."""

    def __init__(self) -> None:
        super().__init__()
        self.registered = False
        self.told = 0
        self.expires_at: datetime | None = None

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration:
        if self.registered:
            return WebhookRegistration("7", url, expires_at=self.expires_at)
        self.registered, self.told = True, self.told + 1
        return WebhookRegistration("7", url, secret=f"told-{self.told}", expires_at=self.expires_at)

    def remove_webhooks(self, url: str) -> int:
        removed, self.registered = int(self.registered), False
        return removed


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, integration: Integration) -> Vendor:
    Integration.objects.filter(pk=integration.pk).update(connector="asana")
    integration.connector = "asana"
    vendor = Vendor()
    monkeypatch.setattr(deliveries, "client_for", lambda *a, **k: vendor)
    return vendor


def test_the_vendor_s_secret_signs_from_then_on_and_the_old_one_a_while_longer(
    integration: Integration, vendor: Vendor, now: datetime
) -> None:
    [ours] = webhook_secrets(integration, now=now)
    deliveries.webhook_register(integration=integration, user=None, now=now)
    integration.refresh_from_db()
    assert webhook_secrets(integration, now=now) == ["told-1", ours]
    assert webhook_secrets(integration, now=now + timedelta(days=2)) == ["told-1"]
    assert vendor_secret_held(integration)


def test_a_registration_whose_secret_is_not_ours_is_made_anew(
    integration: Integration, vendor: Vendor, now: datetime
) -> None:
    vendor.registered, vendor.told = True, 4
    deliveries.webhook_register(integration=integration, user=None, now=now)
    assert webhook_secrets(integration, now=now)[0] == "told-5"


def test_a_secret_that_is_held_is_kept_when_the_registration_is_looked_at_again(
    integration: Integration, vendor: Vendor, now: datetime
) -> None:
    for _ in range(2):
        deliveries.webhook_register(integration=integration, user=None, now=now)
    assert vendor.told == 1 and webhook_secrets(integration, now=now)[0] == "told-1"


def test_a_registration_that_expires_is_renewed_well_before(
    integration: Integration, vendor: Vendor, now: datetime
) -> None:
    vendor.expires_at = now + timedelta(hours=10)
    facts = deliveries.webhook_register(integration=integration, user=None, now=now)
    assert facts["renew_at"] == (now + timedelta(hours=6)).isoformat()


def test_no_secret_of_the_vendor_s_is_told_in_the_facts(
    integration: Integration, vendor: Vendor, now: datetime
) -> None:
    facts = deliveries.webhook_register(integration=integration, user=None, now=now)
    assert "told-1" not in repr(facts)
