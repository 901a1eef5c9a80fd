"""What a role may not read it may not ask about either: the admin's lists answer no filter over hidden columns."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from integrations.models import Integration, Operation, WebhookDelivery
from integrations.services.logs import log_write


@pytest.fixture
def payloads(integration: Integration) -> None:
    exchange = {"method": "POST", "url": "https://a/b", "request_body": {"salary": "81234"}, "status": 422}
    log_write(
        integration=integration, operation=Operation.UPDATE, exchange=exchange, error_trace="Traceback XY"
    )
    WebhookDelivery.objects.create(
        tenant=integration.tenant, integration=integration, dedupe_key="k", event="e", headers={"x-a": "zork"},
        body=b"{}", received_at=timezone.now(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("page", "guess"),
    [
        ("synclog", "exchange__icontains=812"),
        ("synclog", "error_trace__startswith=Traceback"),
        ("webhookdelivery", "headers__icontains=zork"),
        ("integration", "webhook_secret__isnull=0"),
    ],
)
def test_a_viewer_finds_nothing_out_by_guessing(payloads: None, vera: User, page: str, guess: str) -> None:
    client = Client()
    client.force_login(vera, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/admin/integrations/{page}/?{guess}").status_code == 400


def test_the_filters_of_the_page_still_work(payloads: None, vera: User, integration: Integration) -> None:
    client = Client()
    client.force_login(vera, backend="django.contrib.auth.backends.ModelBackend")
    for page, query in (
        ("synclog", f"status__exact=success&integration__id__exact={integration.pk}"),
        ("webhookdelivery", "status__exact=received"),
        ("integration", "status__exact=ACTIVE&connector=github"),
    ):
        assert client.get(f"/admin/integrations/{page}/?{query}").status_code == 200
