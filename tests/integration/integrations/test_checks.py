"""The connection test against a real HTTP stand-in (B2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from integrations.models import Credential, Integration, SyncLog
from integrations.services.clients import connection_check, draft_check
from integrations.services.control import integration_enable
from integrations.services.problems import CheckFailed
from tests.integration.hub_fixtures import make_integration
from tests.sandbox_fixtures import box, running  # noqa: F401 (fixtures)
from workspace.models import Tenant

TOKEN = "sandbox-github-token"


@pytest.fixture
def live_integration(box: Any, tenant: Tenant, alice: User) -> Integration:  # noqa: F811
    made = make_integration(tenant, alice, base_url=box.url("github"), options={"repository": "acme/webshop"})
    Credential.objects.update(secrets={"token": TOKEN})
    return Integration.objects.get(id=made.id)


def test_a_good_connection_is_noted_with_its_checks(live_integration: Integration, alice: User) -> None:
    checked = connection_check(integration=live_integration, user=alice)
    assert checked["ok"] is True, checked
    live_integration.refresh_from_db()
    assert live_integration.last_check == checked
    assert SyncLog.objects.get(operation="check").status == "success"


def test_a_bad_token_says_what_to_do_and_is_written_nowhere(
    live_integration: Integration, alice: User
) -> None:
    Credential.objects.update(secrets={"token": "wrong-token-wrong-token"})
    integration = Integration.objects.get(id=live_integration.id)
    checked = connection_check(integration=integration, user=alice)
    assert (checked["ok"], checked["checks"][-1]["name"]) == (False, "authenticated")
    assert "new token" in checked["checks"][-1]["fix"]
    row = SyncLog.objects.get(operation="check")
    assert (row.status, row.http_status) == ("failed", 401)
    assert "wrong-token" not in str(row.exchange) + row.message


def test_an_address_without_a_service_is_unreachable_not_a_crash(
    live_integration: Integration, alice: User
) -> None:
    live_integration.base_url = "http://127.0.0.1:9"
    checked = connection_check(integration=live_integration, user=alice)
    assert (checked["ok"], checked["checks"][0]["name"]) == (False, "reachable")


def test_settings_are_tested_before_saving(box: Any, tenant: Tenant) -> None:  # noqa: F811
    values = {"connector": "github", "base_url": box.url("github"), "options": {"repository": "acme/webshop"}}
    assert draft_check(tenant=tenant, values=values, secrets={"token": TOKEN})["ok"] is True
    assert draft_check(tenant=tenant, values=values, secrets={"token": "nope-nope-nope"})["ok"] is False


def test_only_a_passing_test_ends_an_error(live_integration: Integration, alice: User) -> None:
    Integration.objects.update(status="ERROR", status_reason="401")
    Credential.objects.update(secrets={"token": "wrong-token-wrong-token"})
    broken = Integration.objects.get(id=live_integration.id)
    with pytest.raises(CheckFailed):
        integration_enable(integration=broken, user=alice)
    assert Integration.objects.get().status == "ERROR"
    Credential.objects.update(secrets={"token": TOKEN})
    mended = Integration.objects.get(id=live_integration.id)
    assert integration_enable(integration=mended, user=alice).status == "ACTIVE"
