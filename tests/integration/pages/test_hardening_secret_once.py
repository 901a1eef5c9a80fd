"""A new webhook secret waits to be shown, but not in the session's row, where it is in clear text (M5)."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.urls import reverse

from integrations.models import Integration
from tests.integration.pages.world import World


def stored_sessions() -> str:
    return " ".join(str(row.get_decoded()) for row in Session.objects.all())


def newest(integration: Integration) -> str:
    rows = Integration.objects.get(pk=integration.pk).webhook_secret or []
    return str(rows[0]["secret"])


def test_a_rotated_secret_is_shown_once_and_never_in_the_session(world: World) -> None:
    integration, client = world.integration(connector="github", options={"repository": "a/b"}), world.client()
    client.post(reverse("hub:integration_do", args=[integration.pk, "rotate-secret"]))
    secret = newest(integration)
    assert secret not in stored_sessions()
    settings = reverse("hub:integration_tab", args=[integration.pk, "settings"])
    assert secret in client.get(settings).content.decode()
    assert secret not in client.get(settings).content.decode()
