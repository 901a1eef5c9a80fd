"""Health and webhooks on the dashboard and on the integration's overview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from connectors.base.errors import ConfigurationProblem
from connectors.base.types import WebhookRegistration
from integrations.models import Integration, LogStatus
from integrations.services.credentials import webhook_url
from integrations.services.schedules import schedule_apply
from tests.integration.pages.world import World
from workspace.models import Role

HOME = "/admin/hub/"


def overview(world: World, integration: Integration, role: str = Role.MANAGER) -> str:
    answer = world.client(role).get(reverse("hub:integration", args=[integration.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def panel(html: str, name: str) -> str:
    """The text of one panel, its white space folded."""
    part = html[html.index(f'<section class="panel" id="{name}"') :]
    return " ".join(part[: part.index("</section>")].split())


def busy(world: World, *, good: int, failed: int, **values: Any) -> Integration:
    made = world.integration("Board", last_success_at=world.now, **values)
    for status, count in ((LogStatus.SUCCESS, good), (LogStatus.FAILED, failed)):
        for _ in range(count):
            world.log(made, status, duration_ms=820)
    return made


def test_the_overview_opens_the_arithmetic_of_the_score(world: World) -> None:
    made = busy(world, good=17, failed=3)
    html = overview(world, made, Role.VIEWER)
    shown = panel(html, "health")
    assert "79 of 100" in shown and "Degraded" in shown
    for words in (
        "17 of 20 operations went well in the last 24 hours.", "Takes 6 of 40.",
        "3 of 20 operations failed in the last hour.", "Takes 15 of 30.",
        "The other side answers in 820 ms on average.",
    ):  # fmt: skip
        assert words in shown
    assert [shown.count(f"</span>{word}</span>") for word in ("Pass", "Warn", "Fail")] == [2, 1, 1]
    head = html[html.index("<h1") : html.index("hub-tabs")]
    assert "Degraded" in head and "3 of 20 operations failed in the last hour." in head


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("ACTIVE", "No score: fewer than 10 operations in the last 24 hours are too few to judge by."),
        ("PAUSED", "No score: nothing is synced now."),
    ],
)
def test_without_a_score_the_panel_says_why(world: World, status: str, says: str) -> None:
    assert says in panel(overview(world, busy(world, good=9, failed=0, status=status)), "health")


def test_a_card_carries_its_score_and_the_sentence_that_costs_most(world: World) -> None:
    world.integration("Calm")
    made = busy(world, good=5, failed=15)
    html = world.client().get(HOME).content.decode()
    assert "1 of 2 needs attention" in html
    assert f'<a href="{reverse("hub:integration", args=[made.pk])}#health">Health 40</a>' in html
    assert html.count(">Health ") == 1
    assert "5 of 20 operations went well in the last 24 hours." in html
    assert "Failing" in html


class Vendor:
    """Takes a registration, or does not."""

    last_exchange = None

    def __init__(self) -> None:
        self.answer: WebhookRegistration | Exception | None = None

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def remove_webhooks(self, url: str) -> int:
        return 0

    def close(self) -> None:
        return None


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    fake = Vendor()
    monkeypatch.setattr("integrations.services.deliveries.client_for", lambda *args, **kwargs: fake)
    return fake


def facts(world: World, integration: Integration, **more: Any) -> None:
    url = webhook_url(integration)
    Integration.objects.filter(pk=integration.pk).update(webhook_registration={"url": url, **more})


def test_the_overview_says_how_the_webhook_is_registered(world: World) -> None:
    made = world.integration()
    assert "Being registered" in panel(overview(world, made), "webhook")
    ends = world.now + timedelta(days=3, minutes=1)
    facts(world, made, id="w", at=world.now.isoformat(), expires_at=ends.isoformat())
    shown = panel(overview(world, made), "webhook")
    assert "Registered" in shown and "in 3 d" in shown and "Register again" in shown
    facts(world, made, by_hand=True, error="Register it by hand. Open the board’s menu.")
    shown = panel(overview(world, made), "webhook")
    assert "By hand" in shown and "Open the board’s menu." in shown
    failed = {"error": "403: not allowed.", "tries": 2, "next_try": ends.isoformat()}
    Integration.objects.update(webhook_registration=failed)
    shown = panel(overview(world, made), "webhook")
    assert "Failed" in shown and "403: not allowed." in shown and "Next try" in shown


def test_a_system_without_webhooks_and_a_server_without_address_offer_nothing_to_register(
    world: World, settings: Any
) -> None:
    plain = world.integration("Plain", "generic_rest", options={}, resource_types=["record"])
    shown = panel(overview(world, plain), "webhook")
    assert "Not offered" in shown and "register-webhook" not in shown
    settings.WEBHOOK_BASE_URL = ""
    shown = panel(overview(world, world.integration()), "webhook")
    assert "WEBHOOK_BASE_URL is not set" in shown and "register-webhook" not in shown


def test_a_manager_registers_again_and_nobody_else_may(world: World, vendor: Vendor) -> None:
    made = world.integration(webhook_silent_since=world.now - timedelta(hours=1))
    schedule_apply(made)
    address = reverse("hub:integration_do", args=[made.pk, "register-webhook"])
    for role in (Role.VIEWER, Role.OPERATOR, Role.REVIEWER, Role.AUDITOR):
        assert "register-webhook" not in overview(world, made, role)
        assert world.client(role).post(address).status_code == 403
    assert world.client("carol").post(address).status_code == 404
    manager = world.client()
    for vendor.answer, says in (
        (None, "Register it by hand."),
        (ConfigurationProblem("403: this token may not."), "403: this token may not."),
    ):
        assert says in manager.post(address, follow=True).content.decode()
    made.refresh_from_db()
    assert made.webhook_registration == {} and made.webhook_silent_since is not None
    vendor.answer = WebhookRegistration(id="w1", url=webhook_url(made), events=("*",))
    assert "The webhook is registered" in manager.post(address, follow=True).content.decode()
    made.refresh_from_db()
    assert made.webhook_registration["id"] == "w1" and made.webhook_silent_since is None


def test_silence_is_said_on_the_card_the_overview_and_in_the_api(world: World) -> None:
    since = world.now - timedelta(hours=1)
    made = world.integration(webhook_silent_since=since, batch_fallback_seconds=60)
    facts(world, made, id="w", at=since.isoformat())
    says = (
        "No webhook comes, though changes were found without one. It is polled every 1 min until one comes."
    )
    assert says in world.client().get(HOME).content.decode()
    shown = panel(overview(world, made), "webhook")
    assert says in shown and "Silent since" in shown
    row = world.client().get(f"/api/v1/integrations/{made.pk}").json()
    assert (row["webhook_state"], row["webhook_silent_since"][:16]) == ("registered", since.isoformat()[:16])
