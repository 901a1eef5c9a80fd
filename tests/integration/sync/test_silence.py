"""Webhooks that fall silent: noticed by what polls find, polled for meanwhile, over with the first one (G4)."""

from __future__ import annotations

from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from integrations.models import Integration, SyncLog
from integrations.registrations import registration_of, silence_sentence
from integrations.services.credentials import webhook_url
from integrations.services.schedules import schedule_apply
from sync.services.webhooks import silences_watch
from tests.integration.sync.hub import Hub
from tests.integration.sync.vendor import Row


@pytest.fixture
def cards(hub: Hub) -> list[Row]:
    """Five pairs in sync and, ten minutes later, a registered webhook."""
    rows = [hub.vendor.add(name=f"Card {number}") for number in range(5)]
    hub.sync()
    hub.clock.wait(minutes=10)
    hub.configure(batch_fallback_seconds=60)
    registered(hub)
    schedule_apply(hub.integration)
    hub.clock.wait(minutes=10)
    return rows


def registered(hub: Hub, **facts: Any) -> None:
    stands = {"id": "w1", "url": webhook_url(hub.integration), "at": hub.clock.at.isoformat()}
    hub.configure(webhook_registration={**stands, **facts})


def polled_every(hub: Hub) -> int:
    entry = PeriodicTask.objects.select_related("interval").get(name=f"integration:{hub.integration.id}")
    assert entry.interval is not None
    return int(entry.interval.every)


def missed(hub: Hub, rows: list[Row]) -> None:
    """Changed there, found by a poll, and long enough ago for a webhook to have come."""
    for row in rows:
        hub.vendor.change(row, name=f"{row.data['name']}!")
    hub.clock.wait(minutes=1)
    hub.pull("scheduled")
    hub.clock.wait(minutes=2)


def is_silent(hub: Hub) -> bool:
    return Integration.objects.get(id=hub.integration.id).webhook_silent_since is not None


def test_changes_that_only_polls_found_make_it_silent_and_the_first_webhook_ends_it(
    hub: Hub, cards: list[Row]
) -> None:
    assert (silences_watch(), polled_every(hub)) == (0, 300)
    missed(hub, cards[:3])
    assert silences_watch() == 1
    hub.integration.refresh_from_db()
    assert hub.integration.webhook_silent_since == hub.clock.at
    assert polled_every(hub) == 60
    assert (
        silence_sentence(hub.integration) == "No webhook comes, though changes were found without one. "
        "It is polled every 1 min until one comes."
    )
    assert silences_watch() == 0  # no news
    hub.vendor.change(cards[0], name="Told")
    hub.deliver("updated", cards[0])
    hub.take_deliveries()
    assert (is_silent(hub), polled_every(hub)) == (False, 300)
    said = (
        SyncLog.objects.filter(operation="webhook_received").order_by("id").values_list("message", flat=True)
    )
    assert list(said) == [
        "Webhooks are silent. At least 3 changes were found there since 02 Mar, 09:10 UTC of which none told.",
        "Webhooks are no longer silent. A webhook has come.",
    ]


def test_a_delivery_that_tells_of_nothing_synced_ends_it_and_one_nobody_understands_does_not(
    hub: Hub, cards: list[Row]
) -> None:
    missed(hub, cards[:3])
    silences_watch()
    hub.deliver("nonsense")
    hub.take_deliveries()
    assert is_silent(hub)
    hub.deliver("updated", resource="board", id="b1")
    hub.take_deliveries()
    assert not is_silent(hub)


def test_two_missed_changes_are_an_accident(hub: Hub, cards: list[Row]) -> None:
    missed(hub, cards[:2])
    assert silences_watch() == 0
    missed(hub, cards[2:3])  # with the next poll they are three
    assert silences_watch() == 1


def test_a_webhook_may_come_a_little_after_the_poll(hub: Hub, cards: list[Row]) -> None:
    for row in cards:
        hub.vendor.change(row, name="Changed")
    hub.clock.wait(seconds=30)
    hub.pull("scheduled")
    hub.clock.wait(seconds=30)
    assert silences_watch() == 0
    hub.deliver("updated", cards[0])
    hub.take_deliveries()
    hub.clock.wait(minutes=5)
    assert silences_watch() == 0


def test_our_own_writes_are_no_missed_changes(hub: Hub, cards: list[Row]) -> None:
    hub.clock.wait(minutes=1)
    for row in cards:
        hub.edit(hub.record(row), title="Ours")
    hub.push()
    for number in range(4):
        hub.create(title=f"New here {number}")
    hub.push()
    hub.clock.wait(minutes=1)
    hub.pull("scheduled")
    hub.clock.wait(minutes=5)
    assert hub.vendor.count("update") == 5 and hub.vendor.count("create") == 4
    assert silences_watch() == 0


def test_an_import_after_the_registration_is_no_news(hub: Hub) -> None:
    rows = [hub.vendor.add(name=f"Old {number}") for number in range(5)]
    hub.clock.wait(minutes=10)
    registered(hub)
    hub.sync()
    assert all(hub.pair(row).last_in_at for row in rows)
    hub.clock.wait(minutes=5)
    assert silences_watch() == 0


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, 60),
        ({"batch_fallback": False}, 300),
        ({"batch_fallback_seconds": 3600}, 300),  # never less often than otherwise
        ({"sync_interval_seconds": 7200, "batch_fallback_seconds": 3600}, 3600),
    ],
)
def test_what_the_fallback_settings_do(hub: Hub, cards: list[Row], values: Any, wanted: int) -> None:
    hub.configure(**values)
    missed(hub, cards)
    assert silences_watch() == 1
    assert polled_every(hub) == wanted


@pytest.mark.parametrize(
    "values",
    [{"sync_frequency": "hourly"}, {"auto_sync": False}, {"status": "PAUSED"}, {"webhook_registration": {}}],
)
def test_where_no_webhook_is_expected_none_is_missed(hub: Hub, cards: list[Row], values: Any) -> None:
    missed(hub, cards)
    hub.configure(**values)
    assert silences_watch() == 0


def test_one_that_cannot_be_registered_is_polled_for_after_three_tries(hub: Hub, cards: list[Row]) -> None:
    failed = {"error": "403: this token may not.", "next_try": hub.clock.at.isoformat()}
    hub.configure(webhook_registration={**failed, "tries": 2})
    assert silences_watch() == 0
    hub.configure(webhook_registration={**failed, "tries": 3})
    assert silences_watch() == 1
    hub.integration.refresh_from_db()
    assert polled_every(hub) == 60
    assert silence_sentence(hub.integration) == (
        "Its webhook could not be registered: 403: this token may not. It is polled every 1 min until one comes."
    )


def test_one_that_cannot_follow_a_new_address_is_polled_for_too(
    hub: Hub, cards: list[Row], settings: Any
) -> None:
    registered(hub, error="502: the service is down.", tries=4)
    settings.WEBHOOK_BASE_URL = "https://moved.example.test"
    assert registration_of(hub.integration).state == "failed"
    assert silences_watch() == 1


def test_one_to_be_registered_by_hand_is_missed_like_another(hub: Hub, cards: list[Row]) -> None:
    registered(hub, by_hand=True, error="Register it by hand.")
    hub.clock.wait(minutes=1)
    assert registration_of(hub.integration).state == "by_hand"
    assert silences_watch() == 0
    missed(hub, cards)
    assert silences_watch() == 1
