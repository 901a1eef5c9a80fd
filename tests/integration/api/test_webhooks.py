"""Where vendors report: who is believed, what is stored, what is answered (G1, G2, M6)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from integrations.models import DeliveryStatus, Integration, IntegrationStatus, WebhookDelivery
from integrations.services.control import (
    integration_disable,
    integration_pause,
    integration_resume,
)
from integrations.services.credentials import webhook_secret_rotate, webhook_url
from integrations.services.deletion import integration_delete
from integrations.services.deliveries import delivery_replay, drainer_started

BODY = {"action": "edited", "issue": {"number": 7, "url": "https://api.github.com/repos/acme/shop/issues/7"}}
Wakeups = list[tuple[str, dict[str, Any]]]


def url_of(integration: Integration) -> str:
    return webhook_url(integration).removeprefix("https://hub.example.test")


def secret_of(integration: Integration) -> str:
    integration.refresh_from_db()
    return str(integration.webhook_secret[0]["secret"])


Send = Callable[..., HttpResponse]


@pytest.fixture
def send(integration: Integration, client: Client) -> Send:
    """Send a signed GitHub event; keyword arguments change one thing at a time."""

    def post(
        body: Any = None, *, secret: str | None = None, delivery: str = "d-1", **extra: Any
    ) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
        key = secret_of(integration) if secret is None else secret
        signature = "sha256=" + hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
        headers = {
            "X-Hub-Signature-256": signature,
            "X-GitHub-Event": "issues",
            "X-GitHub-Delivery": delivery,
        }
        headers |= extra.pop("headers", {})
        return client.generic(  # type: ignore[return-value]
            "POST", url_of(integration), raw, content_type="application/json", headers=headers, **extra
        )

    return post


def answer(response: HttpResponse) -> dict[str, Any]:
    return dict(json.loads(response.content))


def test_a_signed_delivery_is_stored_before_it_is_answered(
    send: Send, integration: Integration, wakeups: Wakeups
) -> None:
    wakeups.clear()
    response = send()
    row = WebhookDelivery.objects.get()
    assert (response.status_code, answer(response)) == (
        200,
        {"success": True, "delivery_id": row.id, "status": "received"},
    )
    assert (row.status, row.event, row.dedupe_key) == (DeliveryStatus.RECEIVED, "issues.edited", "id:d-1")
    assert json.loads(bytes(row.body)) == BODY
    assert (row.tenant_id, row.integration_id) == (integration.tenant_id, integration.id)


@pytest.mark.django_db(transaction=True)
def test_one_drainer_is_woken_for_many_deliveries(send: Send, wakeups: Wakeups) -> None:
    wakeups.clear()
    for number in range(5):
        assert send(delivery=f"d-{number}").status_code == 200
    assert [name for name, _ in wakeups].count("sync.drain_deliveries") == 1
    drainer_started()
    send(delivery="d-6")
    assert [name for name, _ in wakeups].count("sync.drain_deliveries") == 2


def test_the_signature_is_not_kept(send: Send) -> None:
    send(headers={"Authorization": "Bearer verysecrettoken", "Cookie": "a=b"})
    kept = json.dumps(WebhookDelivery.objects.get().headers)
    assert "verysecrettoken" not in kept
    assert "sha256=" not in kept


def test_a_repeated_delivery_is_answered_200_and_skipped(send: Send) -> None:
    first = answer(send())
    WebhookDelivery.objects.update(status=DeliveryStatus.PROCESSED)
    second = answer(send())
    assert second == {"success": True, "delivery_id": first["delivery_id"], "status": "duplicate"}
    row = WebhookDelivery.objects.get()
    assert (row.duplicates, row.status) == (1, DeliveryStatus.PROCESSED)


def test_a_repeated_delivery_is_new_again_after_a_day(send: Send) -> None:
    send()
    long_ago = timezone.now() - timedelta(hours=25)
    WebhookDelivery.objects.update(status=DeliveryStatus.PROCESSED, received_at=long_ago)
    send()
    assert WebhookDelivery.objects.get().status == DeliveryStatus.RECEIVED


def test_the_same_thin_body_without_an_id_makes_us_look_again(send: Send) -> None:
    send(delivery="")
    assert WebhookDelivery.objects.get().dedupe_key.startswith("digest:")
    WebhookDelivery.objects.update(status=DeliveryStatus.PROCESSED)
    assert answer(send(delivery=""))["status"] == "duplicate"
    assert WebhookDelivery.objects.get().status == DeliveryStatus.RECEIVED


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"secret": "whsec_wrong"}, 401, "signature"),
        ({"headers": {"X-Hub-Signature-256": ""}}, 401, "signature"),
        ({"headers": {"X-Hub-Signature-256": "sha256=zz"}}, 401, "signature"),
        ({"body": b"{not json"}, 400, "payload"),
        ({"body": b""}, 400, "payload"),
        ({"body": b"[" * 5000 + b"]" * 5000}, 400, "payload"),
        ({"body": b'{"a":' * 40 + b"1" + b"}" * 40}, 400, "payload"),
        ({"headers": {"Content-Encoding": "gzip"}}, 415, "encoding"),
        ({"body": b'"' + b"x" * (1024 * 1024) + b'"'}, 413, "too_large"),
    ],
    ids=[
        "wrong secret",
        "unsigned",
        "unreadable signature",
        "no json",
        "empty",
        "deep",
        "deeper than allowed",
        "bomb",
        "oversize",
    ],
)
def test_a_bad_request_is_refused_and_nothing_is_stored(
    send: Send, change: dict[str, Any], status: int, code: str
) -> None:
    response = send(**change)
    assert (response.status_code, answer(response)["code"]) == (status, code)
    assert WebhookDelivery.objects.count() == 0


def test_brackets_inside_texts_are_no_depth(send: Send) -> None:
    assert send({**BODY, "text": "[{" * 500 + '\\" "'}).status_code == 200


def test_an_unknown_integration_is_404(client: Client, db: None) -> None:
    path = "/api/v1/webhooks/integrations/00000000-0000-7000-8000-000000000000/receive"
    assert client.post(path, {}, content_type="application/json").status_code == 404


def test_a_paused_integration_holds_deliveries_until_it_is_resumed(
    send: Send, integration: Integration, alice: Any, wakeups: Wakeups
) -> None:
    integration_pause(integration=integration, user=alice)
    assert answer(send())["status"] == "held"
    assert WebhookDelivery.objects.get().status == DeliveryStatus.HELD
    integration_resume(integration=integration, user=alice)
    assert WebhookDelivery.objects.get().status == DeliveryStatus.RECEIVED


@pytest.mark.parametrize("status", [IntegrationStatus.ERROR, IntegrationStatus.DRAFT])
def test_what_is_not_running_still_verifies_and_holds(
    send: Send, integration: Integration, status: str
) -> None:
    Integration.objects.update(status=status)
    assert answer(send())["status"] == "held"
    assert send(secret="wrong").status_code == 401


def test_a_degraded_integration_goes_on_working(send: Send, integration: Integration) -> None:
    Integration.objects.update(status=IntegrationStatus.DEGRADED)
    assert answer(send())["status"] == "received"


def test_a_disabled_integration_refuses(send: Send, integration: Integration, alice: Any) -> None:
    integration_disable(integration=integration, user=alice)
    assert send().status_code == 403
    assert WebhookDelivery.objects.count() == 0


def test_a_deleted_integration_is_gone(send: Send, integration: Integration, alice: Any) -> None:
    secret = secret_of(integration)
    integration_delete(integration=integration, typed_name="Issues", user=alice)
    assert send(secret=secret).status_code == 410


def test_only_listed_addresses_may_send(send: Send, integration: Integration) -> None:
    Integration.objects.update(ip_allow_list=["192.0.2.0/24"])
    assert send(REMOTE_ADDR="198.51.100.7").status_code == 403
    assert send(REMOTE_ADDR="192.0.2.9").status_code == 200
    forged = send(REMOTE_ADDR="198.51.100.7", headers={"X-Forwarded-For": "192.0.2.9"})
    assert forged.status_code == 403


def test_the_old_secret_is_taken_for_a_day_after_rotation(
    send: Send, integration: Integration, alice: Any
) -> None:
    old = secret_of(integration)
    fresh = webhook_secret_rotate(integration=integration, user=alice)
    assert send(secret=old, delivery="a").status_code == 200
    assert send(secret=fresh, delivery="b").status_code == 200
    expired = [
        entry | {"until": "2020-01-01T00:00:00+00:00"} if entry["secret"] == old else entry
        for entry in integration.webhook_secret
    ]
    integration.webhook_secret = expired
    integration.save()
    assert send(secret=old, delivery="c").status_code == 401


def test_a_get_without_handshake_is_refused(client: Client, integration: Integration) -> None:
    assert client.get(url_of(integration)).status_code == 405


def test_a_database_that_is_away_answers_503_so_that_the_vendor_sends_again(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("integrations.api.webhooks.delivery_store", lost)
    response = send()
    assert (response.status_code, response["Retry-After"]) == (503, "30")


def test_an_unforeseen_fault_is_a_500_that_tells_nothing(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a secret in here")

    monkeypatch.setattr("integrations.api.webhooks.delivery_store", broken)
    response = send()
    assert response.status_code == 500
    assert b"secret" not in response.content


def test_a_delivery_costs_two_queries(
    send: Send, django_assert_num_queries: Any, integration: Integration
) -> None:
    secret = secret_of(integration)
    with django_assert_num_queries(2):
        raw = json.dumps(BODY).encode()
        send(raw, secret=secret)


def test_a_delivery_can_be_replayed(send: Send, alice: Any) -> None:
    send()
    WebhookDelivery.objects.update(status=DeliveryStatus.FAILED, attempts=3)
    row = delivery_replay(delivery=WebhookDelivery.objects.get(), user=alice)
    assert (row.status, row.attempts) == (DeliveryStatus.RECEIVED, 0)


class TestGenericScheme:
    """For systems that have no scheme of their own."""

    @pytest.fixture(autouse=True)
    def generic(self, monkeypatch: pytest.MonkeyPatch, integration: Integration) -> None:
        from connectors import registry
        from integrations.webhooks import GenericWebhooks

        side = GenericWebhooks(registry.get("github"))
        monkeypatch.setattr("integrations.api.webhooks.webhooks_for", lambda *args: side)

    def post(
        self, integration: Integration, client: Client, *, at: float | None = None, **headers: str
    ) -> HttpResponse:
        raw = json.dumps({"event": "issue.updated", "data": {"id": 7}}).encode()
        signature = hmac.new(secret_of(integration).encode(), raw, hashlib.sha256).hexdigest()
        sent = {
            "X-Webhook-Signature": signature,
            "X-Webhook-Timestamp": str(int(time.time() if at is None else at)),
        }
        return client.generic(  # type: ignore[return-value]
            "POST", url_of(integration), raw, content_type="application/json", headers=sent | headers
        )

    def test_a_signed_and_timely_one_is_taken(self, integration: Integration, client: Client) -> None:
        assert self.post(integration, client).status_code == 200
        assert WebhookDelivery.objects.get().event == "issue.updated"

    def test_one_older_than_five_minutes_is_a_replay(self, integration: Integration, client: Client) -> None:
        response = self.post(integration, client, at=time.time() - 301)
        assert (response.status_code, answer(response)["code"]) == (400, "timestamp")
        assert WebhookDelivery.objects.count() == 0

    def test_without_a_timestamp_it_is_refused(self, integration: Integration, client: Client) -> None:
        assert self.post(integration, client, **{"X-Webhook-Timestamp": ""}).status_code == 400
