"""Switching off or deleting an integration ends the vendor's webhook first, as far as it can be reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from connectors.base.errors import ConfigurationProblem, SyncError
from integrations.models import Credential, Integration, IntegrationStatus, LogStatus, SyncLog
from integrations.services.control import integration_disable
from integrations.services.deletion import integration_delete
from integrations.services.problems import InvalidSettings

HOOK = "https://hub.example.com/webhooks/one"
BASE = "/api/v1/integrations"


class Vendor:
    """Holds our webhook, and notes whether the hub still had its credentials when it was asked to end it."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.refusal: SyncError | None = None
        self.state_then = ""
        self.had_credentials = False

    def remove_webhooks(self, url: str) -> int:
        self.state_then = Integration.objects.get().status
        self.had_credentials = Credential.objects.exists()
        if self.refusal is not None:
            raise self.refusal
        self.removed.append(url)
        return 1

    def close(self) -> None:
        return None


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    fake = Vendor()
    monkeypatch.setattr("integrations.services.deliveries.client_for", lambda *args, **asked: fake)
    return fake


@pytest.fixture
def registered(integration: Integration) -> Integration:
    integration.webhook_registration = {"id": "w1", "url": HOOK}
    integration.save(update_fields=["webhook_registration"])
    return integration


def messages() -> list[tuple[str, str]]:
    return list(SyncLog.objects.filter(message__icontains="webhook").values_list("status", "message"))


def test_deleting_ends_the_webhook_while_there_are_credentials(
    registered: Integration, vendor: Vendor, alice: User
) -> None:
    said = integration_delete(integration=registered, typed_name="Issues", user=alice).webhook
    assert (said.words, said.is_left) == ("Its webhook at GitHub was removed.", False)
    assert vendor.removed == [HOOK]
    assert (vendor.state_then, vendor.had_credentials) == (IntegrationStatus.DISABLED, True)
    assert not Credential.objects.exists()
    assert messages() == [(LogStatus.SUCCESS, "Its webhook at GitHub was removed.")]
    assert (
        "Its webhook at GitHub was removed."
        in LogEntry.objects.get(additional_data__act="integration.deleted").additional_data["note"]
    )


def test_a_vendor_that_cannot_be_asked_keeps_nobody_from_deleting(
    registered: Integration, vendor: Vendor, alice: User
) -> None:
    vendor.refusal = ConfigurationProblem("The token was revoked.")
    said = integration_delete(integration=registered, typed_name="Issues", user=alice).webhook
    assert said.is_left
    assert said.words == (
        "GitHub could not be asked to end its webhook: The token was revoked. Remove it there."
    )
    registered.refresh_from_db()
    assert registered.deleted_at is not None
    assert messages() == [(LogStatus.FAILED, said.words)]


def test_a_wrong_name_asks_nobody(registered: Integration, vendor: Vendor, alice: User) -> None:
    with pytest.raises(InvalidSettings):
        integration_delete(integration=registered, typed_name="Other", user=alice)
    registered.refresh_from_db()
    assert (vendor.removed, registered.status) == ([], IntegrationStatus.ACTIVE)


def test_one_without_a_webhook_asks_nobody(integration: Integration, vendor: Vendor, alice: User) -> None:
    assert integration_disable(integration=integration, user=alice).words == ""
    assert (vendor.removed, messages()) == ([], [])


def test_one_entered_by_hand_is_the_persons_to_remove(
    integration: Integration, vendor: Vendor, alice: User
) -> None:
    Integration.objects.update(webhook_registration={"by_hand": True, "url": HOOK})
    integration.refresh_from_db()
    said = integration_disable(integration=integration, user=alice)
    assert (said.words, said.is_left) == ("Its webhook was entered by hand: remove it at GitHub.", True)
    assert vendor.removed == []


def test_disabling_ends_it_and_a_failure_is_tried_again_on_deletion(
    registered: Integration, vendor: Vendor, alice: User
) -> None:
    vendor.refusal = ConfigurationProblem("Busy.")
    assert integration_disable(integration=registered, user=alice).is_left
    registered.refresh_from_db()
    assert registered.webhook_registration["url"] == HOOK
    vendor.refusal = None
    integration_delete(integration=registered, typed_name="Issues", user=alice)
    assert vendor.removed == [HOOK]


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, address: client.post(f"{address}/disable", {}),
        lambda client, address: client.delete(f"{address}?typed_name=Issues"),
    ],
    ids=["disable", "delete"],
)
def test_the_api_ends_it_and_says_so(
    registered: Integration,
    vendor: Vendor,
    alice: User,
    as_user: Callable[[User], APIClient],
    ask: Callable[[APIClient, str], Any],
) -> None:
    answer = ask(as_user(alice), f"{BASE}/{registered.id}")
    assert answer.status_code == 200
    assert answer.json()["webhook"] == "Its webhook at GitHub was removed."
    assert vendor.removed == [HOOK]


def test_a_put_that_disables_ends_it_too(
    registered: Integration, vendor: Vendor, alice: User, as_user: Callable[[User], APIClient]
) -> None:
    assert as_user(alice).put(f"{BASE}/{registered.id}", {"status": "DISABLED"}).status_code == 200
    assert vendor.removed == [HOOK]
