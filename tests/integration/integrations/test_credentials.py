"""Secrets: write-only, encrypted, by reference, refreshed by one worker at a time (B6, M5, F21)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from connectors.base.errors import ConfigurationProblem, Retryable
from integrations.models import Credential, Integration
from integrations.services.clients import client_for
from integrations.services.credentials import (
    credential_replace,
    credential_summary,
    env_prefix,
    secrets_refresher,
    secrets_resolve,
    webhook_secret_rotate,
    webhook_secrets,
)
from integrations.services.problems import InvalidSettings
from tests.integration.hub_fixtures import SECRET
from workspace.models import Tenant


def line(integration: Integration, name: str = "token") -> dict[str, Any]:
    integration = Integration.objects.get(id=integration.id)
    return next(row for row in credential_summary(integration) if row["name"] == name)


def test_what_is_stored_is_encrypted(integration: Integration) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_credential")
        raw = bytes(cursor.fetchone()[0])
        cursor.execute("SELECT webhook_secret FROM integrations_integration")
        hook = bytes(cursor.fetchone()[0])
    assert SECRET.encode() not in raw
    assert b"whsec_" not in hook


def test_a_person_sees_only_the_end_of_it(integration: Integration, alice: User) -> None:
    assert line(integration)["hint"] == "set, ends in …x9"
    credential_replace(integration=integration, user=alice, secrets={"token": "short"})
    assert line(integration)["hint"] == "set"
    credential_replace(integration=integration, user=alice, secrets={"token": None})
    assert line(integration)["is_set"] is False


def test_those_not_named_stay(integration: Integration, alice: User) -> None:
    credential_replace(integration=integration, user=alice, secrets={"app_id": "12"})
    assert Credential.objects.get().secrets == {"token": SECRET, "app_id": "12"}


@pytest.mark.parametrize(
    "value",
    [" padded ", "two\nlines", ["list"], {"env": "PATH"}, {"env": "SECRET_KEY"}, {"file": "/etc/passwd"}],
)
def test_a_bad_value_is_refused_and_not_repeated(integration: Integration, alice: User, value: Any) -> None:
    with pytest.raises(InvalidSettings) as caught:
        credential_replace(integration=integration, user=alice, secrets={"token": value})
    assert list(caught.value.errors) == ["credentials.token"]
    assert Credential.objects.get().secrets == {"token": SECRET}


def test_a_reference_takes_the_value_from_the_environment(
    integration: Integration, alice: User, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{env_prefix(tenant)}GITHUB"
    credential_replace(integration=integration, user=alice, secrets={"token": {"env": name}})
    assert line(integration)["hint"] == f"from {name}"
    with pytest.raises(ConfigurationProblem, match="not set on this server"):
        secrets_resolve(tenant, {"token": {"env": name}})
    monkeypatch.setenv(name, "from-outside")
    assert secrets_resolve(tenant, {"token": {"env": name}}) == {"token": "from-outside"}


def test_a_reference_reaches_neither_another_tenants_secret_nor_the_hubs_own(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = f"{env_prefix(other_tenant)}TOKEN"
    monkeypatch.setenv(theirs, "theirs")
    for name in (theirs, "SECRET_KEY", "FERNET_KEYS"):
        with pytest.raises(ConfigurationProblem, match="must be named"):
            secrets_resolve(tenant, {"token": {"env": name}})


def test_a_refreshed_token_is_stored_and_the_reference_kept(
    integration: Integration, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{env_prefix(tenant)}CLIENT"
    monkeypatch.setenv(name, "client-secret")
    Credential.objects.update(secrets={"client_secret": {"env": name}, "refresh_token": "r1"})
    until = "2030-01-01T00:00:00+00:00"
    after = secrets_refresher(integration)(
        lambda stored: {**stored, "access_token": "a2", "refresh_token": "r2", "expires_at": until}
    )
    assert after["client_secret"] == "client-secret"
    row = Credential.objects.get()
    assert row.secrets == {
        "client_secret": {"env": name}, "refresh_token": "r2", "access_token": "a2", "expires_at": until,
    }  # fmt: skip
    assert (row.expires_at.year, row.refresh_lease_until) == (2030, None)


def test_the_second_worker_waits_and_finds_the_first_ones_token(integration: Integration) -> None:
    Credential.objects.update(
        refresh_lease_until=timezone.now() + timedelta(minutes=1), secrets={"access_token": "old"}
    )

    def first_finishes(seconds: float) -> None:
        Credential.objects.update(refresh_lease_until=None, secrets={"access_token": "new"})

    seen: list[Any] = []
    secrets_refresher(integration, wait=first_finishes)(lambda stored: seen.append(dict(stored)) or stored)
    assert seen == [{"access_token": "new"}]


def test_a_worker_that_waits_too_long_tries_later(integration: Integration) -> None:
    Credential.objects.update(refresh_lease_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Retryable):
        secrets_refresher(integration, wait=lambda seconds: None)(lambda stored: stored)


def test_a_failed_refresh_gives_the_lease_back(integration: Integration) -> None:
    def refused(stored: Any) -> Any:
        raise ConfigurationProblem("no")

    with pytest.raises(ConfigurationProblem):
        secrets_refresher(integration)(refused)
    assert Credential.objects.get().refresh_lease_until is None


def test_of_rotated_webhook_secrets_the_newest_comes_first(
    integration: Integration, alice: User, now: datetime
) -> None:
    old = webhook_secrets(integration, now=now)
    new = webhook_secret_rotate(integration=integration, user=alice, now=now)
    assert webhook_secrets(integration, now=now + timedelta(hours=23)) == [new, *old]
    assert webhook_secrets(integration, now=now + timedelta(hours=25)) == [new]


def test_a_client_is_opened_without_a_request(integration: Integration) -> None:
    client = client_for(integration)
    assert client.last_exchange is None
    client.close()
