"""From an edit at the vendor to the record here, by the vendor's own webhook and nothing else: registered through its
API, shaken hands, signed, received by the hub's real endpoint, stored once, worked off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from config.demo.work import work_off
from connectors import registry
from connectors.base.types import Can, Resource
from integrations.models import DeliveryStatus, SyncJob, WebhookDelivery
from integrations.models.jobs import OPEN_JOB_STATUSES
from integrations.services.deliveries import webhook_register, webhook_unregister
from integrations.services.problems import NotNow
from sandbox.hooks import Delivery
from sync.services.deliveries import deliveries_drain
from sync.services.jobs import job_run
from tests.contract.test_every_connector import made
from tests.contract.test_two_way import Hub, _text_link, _words, connect, each_stand_in

__all__ = ["connect"]
pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def heard(connect: Callable[[str], Hub], live_server: LiveServer, settings: Any) -> Any:
    """A hub whose address the vendor can call, with its webhook registered; a skip where that is done by hand."""
    settings.WEBHOOK_BASE_URL = live_server.url.replace("localhost", "127.0.0.1")

    def make(slug: str) -> Hub:
        connector = registry.get(slug) if slug in registry.slugs() else registry.get("generic_rest")
        if connector.webhooks is None and connector.webhooks_for is None:
            pytest.skip("the vendor sends no webhooks")
        hub = connect(slug)
        try:
            webhook_register(integration=hub.integration, user=hub.person)
        except NotNow:
            pytest.skip("webhooks are registered by hand")
        hub.integration.refresh_from_db()
        return hub

    return make


def _worked_off(hub: Hub) -> None:
    """Whatever workers would do now: deliveries, the polls they ask for, marked pairs."""
    hub.stand.vendor.sender.flush()
    while deliveries_drain():
        for job in SyncJob.objects.filter(status__in=OPEN_JOB_STATUSES):
            job_run(job_id=job.id)
    work_off(hub.integration.tenant)


def _editable(hub: Hub) -> list[Resource]:
    """Resources without a parent that can be made and edited through the API."""
    return [
        one
        for one in hub.resources
        if not one.parent
        and {Can.CREATE, Can.UPDATE} <= one.can
        and one.name in hub.stand.fixture.samples
        and one.name in hub.stand.fixture.edits
    ]


def _heard_of(hub: Hub) -> list[Delivery]:
    """Deliveries that the stand-in has sent to this integration so far."""
    hub.stand.vendor.sender.flush()
    sent = hub.stand.vendor.sender.deliveries(hub.stand.vendor.slug)
    return [one for one in sent if one.method == "POST" and str(hub.integration.id) in one.url]


@each_stand_in
def test_a_change_there_arrives_here_by_webhook_alone(heard: Callable[[str], Hub], slug: str) -> None:
    hub = heard(slug)
    arrived = 0
    for resource in _editable(hub):
        link, edits = _text_link(resource), hub.stand.fixture.edits[resource.name]
        before = len(_heard_of(hub))
        record = made(hub.stand, resource)
        if link is None or link.external not in edits or len(_heard_of(hub)) == before:
            continue  # not every kind of record is told of
        _worked_off(hub)
        pair = hub.pair_of(resource.name, record.id)
        current = hub.stand.client.get(resource.name, record.id) if Can.GET in resource.can else record
        hub.stand.client.update(resource.name, record.id, edits, current=current)
        _worked_off(hub)
        assert _words(getattr(hub.record(pair), link.local)) == _words(edits[str(link.external)])
        arrived += 1
    assert arrived, "no webhook told of any record"
    rows = WebhookDelivery.objects.filter(integration=hub.integration)
    fine = [DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED]
    assert list(rows.exclude(status__in=fine).values_list("status", "outcome")) == []


@each_stand_in
def test_a_delivery_sent_twice_is_taken_once_and_a_forged_one_is_refused(
    heard: Callable[[str], Hub], slug: str
) -> None:
    hub = heard(slug)
    greeted = len(_heard_of(hub))  # some vendors send a first word of their own
    for resource in _editable(hub):
        made(hub.stand, resource)
        if len(_heard_of(hub)) > greeted:
            break
    sent = _heard_of(hub)[-1]
    stored = WebhookDelivery.objects.filter(integration=hub.integration).count()
    assert stored
    query = "&".join(f"{name}={value}" for name, value in sent.params.items())
    again = requests.post(
        f"{sent.url}?{query}" if query else sent.url, data=sent.body, headers=sent.headers, timeout=10
    )
    assert again.status_code == 200, again.text
    assert WebhookDelivery.objects.filter(integration=hub.integration).count() == stored
    bare = {"Content-Type": "application/json"}
    forged = requests.post(sent.url.split("?")[0], data=b'{"forged": true}', headers=bare, timeout=10)
    assert forged.status_code in (400, 401), forged.text
    assert WebhookDelivery.objects.filter(integration=hub.integration).count() == stored


@each_stand_in
def test_taking_the_registration_back_ends_the_deliveries(heard: Callable[[str], Hub], slug: str) -> None:
    hub = heard(slug)
    assert webhook_unregister(integration=hub.integration, user=hub.person) >= 1
    _heard_of(hub)  # what was under way before
    before = WebhookDelivery.objects.filter(integration=hub.integration).count()
    for resource in hub.resources:
        if not resource.parent and Can.CREATE in resource.can and resource.name in hub.stand.fixture.samples:
            made(hub.stand, resource)
            break
    hub.stand.vendor.sender.flush()
    assert WebhookDelivery.objects.filter(integration=hub.integration).count() == before
