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
from connectors.base.types import Can, LinkSpec, Resource
from integrations.models import DeliveryStatus, Mapping, SyncJob, WebhookDelivery
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
        and {Can.CREATE, Can.UPDATE, Can.GET} <= one.can
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
    resource, link, pair = _changes_arrive(hub)[-1]
    _a_repeat_is_taken_once_and_a_forgery_refused(hub)
    assert webhook_unregister(integration=hub.integration, user=hub.person) >= 1
    told = len(_heard_of(hub))
    sample = {str(link.external): hub.stand.fixture.samples[resource.name][str(link.external)]}
    _change_there(hub, resource, pair, sample)
    assert len(_heard_of(hub)) == told  # it is taken back, so nothing is told any more


def _changes_arrive(hub: Hub) -> list[tuple[Resource, LinkSpec, Mapping]]:
    arrived = []
    for resource in _editable(hub):
        link, edits = _text_link(resource), hub.stand.fixture.edits[resource.name]
        before = len(_heard_of(hub))
        record = made(hub.stand, resource)
        if link is None or link.external not in edits or len(_heard_of(hub)) == before:
            continue  # not every kind of record is told of
        _worked_off(hub)
        pair = hub.pair_of(resource.name, record.id)
        _change_there(hub, resource, pair, edits)
        _worked_off(hub)
        assert _words(getattr(hub.record(pair), link.local)) == _words(edits[str(link.external)])
        arrived.append((resource, link, pair))
    assert arrived, "no webhook told of any record"
    fine = [DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED]
    left = _stored(hub).exclude(status__in=fine).values_list("status", "outcome")
    assert list(left) == []
    return arrived


def _change_there(hub: Hub, resource: Resource, pair: Mapping, fields: Any) -> None:
    current = hub.stand.client.get(resource.name, str(pair.external_id))
    hub.stand.client.update(resource.name, str(pair.external_id), fields, current=current)


def _a_repeat_is_taken_once_and_a_forgery_refused(hub: Hub) -> None:
    sent, stored = _heard_of(hub)[-1], _stored(hub).count()
    query = "&".join(f"{name}={value}" for name, value in sent.params.items())
    again = requests.post(
        f"{sent.url}?{query}" if query else sent.url, data=sent.body, headers=sent.headers, timeout=10
    )
    assert again.status_code == 200, again.text
    assert _stored(hub).count() == stored
    bare = {"Content-Type": "application/json"}
    forged = requests.post(sent.url.split("?")[0], data=b'{"forged": true}', headers=bare, timeout=10)
    assert forged.status_code in (400, 401), forged.text
    assert _stored(hub).count() == stored


def _stored(hub: Hub) -> Any:
    return WebhookDelivery.objects.filter(integration=hub.integration)
