"""Access granted in the browser: out with a state, back with a code, nothing stored that was not asked for."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from django.test import Client
from django.urls import reverse

from integrations.models import Credential, Integration
from tests.integration.pages.world import World
from workspace.models import Role

ASANA = "https://app.asana.com"


@pytest.fixture
def integration(world: World) -> Integration:
    made = world.integration("Asana", "asana", options={"project_gid": "1200"})
    Credential.objects.update_or_create(
        integration=made, defaults={"secrets": {"client_id": "77", "client_secret": "very-secret-value"}}
    )
    return made


def begin(client: Client, integration: Integration) -> dict[str, list[str]]:
    """What the vendor is asked, as it stands in the address the person is sent to."""
    answer = client.post(reverse("hub:consent_begin", args=[integration.pk]))
    address = answer.context["address"]
    assert address.startswith(f"{ASANA}/-/oauth_authorize?")
    assert "very-secret-value" not in answer.content.decode()
    return parse_qs(urlsplit(address).query)


def come_back(client: Client, **query: str) -> Any:
    return client.get(reverse("hub:consent_callback"), query, follow=True)


def secrets_of(integration: Integration) -> dict[str, Any]:
    return dict(Credential.objects.get(integration=integration).secrets)


def test_the_code_becomes_tokens_and_the_connection_is_tested(world: World, integration: Integration) -> None:
    client = world.client(Role.MANAGER)
    asked = begin(client, integration)
    assert asked["client_id"] == ["77"] and asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == ["http://testserver/admin/hub/consent/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        token = web.post(
            f"{ASANA}/-/oauth_token",
            json={"access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600},
        )
        web.add_passthru("http://127.0.0.1")
        html = come_back(client, state=asked["state"][0], code="c0de").content.decode()
    sent = parse_qs(
        str(token.calls[0].request.body, "utf-8")
        if isinstance(token.calls[0].request.body, bytes)
        else str(token.calls[0].request.body)
    )
    assert sent["grant_type"] == ["authorization_code"] and sent["code"] == ["c0de"]
    assert sent["client_secret"] == ["very-secret-value"] and len(sent["code_verifier"][0]) >= 43
    assert "Access was granted" in html
    stored = secrets_of(integration)
    assert (stored["access_token"], stored["refresh_token"]) == ("at-1", "rt-1")
    assert "at-1" not in html and "rt-1" not in html


def test_an_answer_with_another_state_stores_nothing(world: World, integration: Integration) -> None:
    client = world.client(Role.MANAGER)
    begin(client, integration)
    html = come_back(client, state="forged", code="c0de").content.decode()
    assert "not to a question of yours" in html
    assert set(secrets_of(integration)) == {"client_id", "client_secret"}


def test_an_answer_nobody_asked_for_stores_nothing(world: World, integration: Integration) -> None:
    html = come_back(world.client(Role.MANAGER), state="x", code="c0de").content.decode()
    assert "Nothing was begun here" in html
    assert set(secrets_of(integration)) == {"client_id", "client_secret"}


def test_a_code_is_good_once(world: World, integration: Integration) -> None:
    client = world.client(Role.MANAGER)
    asked = begin(client, integration)
    come_back(client, state=asked["state"][0], error="access_denied")
    html = come_back(client, state=asked["state"][0], code="c0de").content.decode()
    assert "Nothing was begun here" in html


def test_a_refusal_at_the_vendor_is_told_and_escaped(world: World, integration: Integration) -> None:
    client = world.client(Role.MANAGER)
    asked = begin(client, integration)
    html = come_back(
        client, state=asked["state"][0], error="access_denied", error_description="<b>No</b>"
    ).content.decode()
    assert "Access was not granted: &lt;b&gt;No&lt;/b&gt;" in html


def test_without_the_application_s_id_it_says_what_to_enter(world: World) -> None:
    made = world.integration("Bare", "asana", options={"project_gid": "1200"})
    html = (
        world.client(Role.MANAGER)
        .post(reverse("hub:consent_begin", args=[made.pk]), follow=True)
        .content.decode()
    )
    assert "Enter the client id and client secret" in html


@pytest.mark.parametrize(("who", "status"), [(Role.OPERATOR, 403), (Role.VIEWER, 403), ("carol", 404)])
def test_only_the_tenant_s_managers_may_begin(
    world: World, integration: Integration, who: str, status: int
) -> None:
    answer = world.client(who).post(reverse("hub:consent_begin", args=[integration.pk]))
    assert answer.status_code == status


def test_the_form_tells_the_callback_address(world: World, integration: Integration) -> None:
    html = (
        world.client(Role.MANAGER)
        .get(reverse("hub:integration_tab", args=[integration.pk, "settings"]))
        .content.decode()
    )
    assert "http://testserver/admin/hub/consent/callback" in html and "Grant access in the browser" in html
