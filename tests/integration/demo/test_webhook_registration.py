"""Webhooks are registered after a set-up and repaired after a change of address, without anybody asking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings

from integrations.models import Integration
from integrations.services.credentials import credential_replace, webhook_secret_rotate
from sandbox.testing import RunningSandbox
from sync.runtime import use_runtime
from sync.services.webhooks import webhook_ensure, webhooks_ensure

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("said"), pytest.mark.timeout(180)]
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def desk() -> Integration:
    return Integration.objects.get(name="Service desk")


def hooks(box: RunningSandbox) -> list[str]:
    return [row["url"] for row in box.vendor("desk").world.all("hook")]


def test_real_time_integrations_that_run_are_registered(wakeups: list[tuple[str, dict[str, Any]]]) -> None:
    running = Integration.objects.running()
    assert webhooks_ensure() == running.count() == 4


def test_the_address_is_registered_once_and_follows_the_server(
    desk: Integration, box: RunningSandbox
) -> None:
    with override_settings(WEBHOOK_BASE_URL="http://127.0.0.1:7"):
        assert webhook_ensure(integration_id=desk.id) is True
        assert webhook_ensure(integration_id=desk.id) is False
    with override_settings(WEBHOOK_BASE_URL="http://127.0.0.1:8"):
        assert webhook_ensure(integration_id=desk.id) is True
    path = f"/api/v1/webhooks/integrations/{desk.id}/receive"
    desk.refresh_from_db()
    assert desk.webhook_registration["url"] == f"http://127.0.0.1:8{path}"
    assert hooks(box).count(f"http://127.0.0.1:8{path}") == 1


def test_a_new_secret_reaches_the_other_side_without_anybody_registering_again(
    desk: Integration, box: RunningSandbox
) -> None:
    with override_settings(WEBHOOK_BASE_URL="http://127.0.0.1:5"):
        assert webhook_ensure(integration_id=desk.id) is True
        secret = webhook_secret_rotate(integration=desk, user=None)
        assert webhook_ensure(integration_id=desk.id) is True
        assert webhook_ensure(integration_id=desk.id) is False
    here = [
        row for row in box.vendor("desk").world.all("hook") if row["url"].startswith("http://127.0.0.1:5/")
    ]
    assert [row["secret"] for row in here] == [secret]


def test_new_credentials_have_the_webhook_looked_after_again(desk: Integration) -> None:
    with override_settings(WEBHOOK_BASE_URL="http://127.0.0.1:4"):
        assert webhook_ensure(integration_id=desk.id) is True
        credential_replace(integration=desk, user=None, secrets={"token": "desk-demo-token"})
        assert webhook_ensure(integration_id=desk.id) is True


def test_a_failure_is_noted_and_tried_again_later_and_later(desk: Integration, box: RunningSandbox) -> None:
    box.vendor("desk").fail("status", status=403, count=20, path="/hooks")
    try:
        with override_settings(WEBHOOK_BASE_URL="http://127.0.0.1:6"):
            with use_runtime(now=lambda: NOW):
                assert webhook_ensure(integration_id=desk.id) is False
                desk.refresh_from_db()
                assert desk.webhook_registration["tries"] == 1
                assert desk.webhook_registration["next_try"] == (NOW + timedelta(seconds=5)).isoformat()
                assert webhook_ensure(integration_id=desk.id) is False  # not due yet
            with use_runtime(now=lambda: NOW + timedelta(seconds=5)):
                assert webhook_ensure(integration_id=desk.id) is False
            desk.refresh_from_db()
            assert desk.webhook_registration["next_try"] == (NOW + timedelta(seconds=20)).isoformat()
    finally:
        box.vendor("desk").trouble.clear()


def test_nothing_is_registered_where_the_server_has_no_public_address(desk: Integration) -> None:
    with override_settings(WEBHOOK_BASE_URL=""):
        assert webhook_ensure(integration_id=desk.id) is False
        assert webhooks_ensure() == 0


def test_a_registration_that_stands_is_looked_at_again_every_day(
    desk: Integration, box: RunningSandbox
) -> None:
    with override_settings(WEBHOOK_BASE_URL="http://127.0.0.1:9"):
        with use_runtime(now=lambda: NOW):
            assert webhook_ensure(integration_id=desk.id) is True
        for row in box.vendor("desk").world.all("hook"):
            box.vendor("desk").world.drop("hook", row["id"])  # dropped there, without a word
        with use_runtime(now=lambda: NOW + timedelta(hours=23)):
            assert webhook_ensure(integration_id=desk.id) is False
        with use_runtime(now=lambda: NOW + timedelta(hours=24)):
            assert webhook_ensure(integration_id=desk.id) is True
    assert len(hooks(box)) == 1
