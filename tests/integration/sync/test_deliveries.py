"""A webhook is a hint: it only makes the hub look again, in any order, as often as it likes (G2, G3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from integrations.models import FieldMap, Integration, Mapping, SyncJob, WebhookDelivery
from integrations.services.control import integration_pause, integration_resume
from integrations.services.deliveries import delivery_replay
from sync.services import jobs
from tests.integration.sync.hub import Hub
from workspace.models import Lead, Task

Linked = Callable[..., tuple[Any, Any]]


def _fresh(delivery: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(id=delivery.id)


def test_a_hint_about_a_known_record_marks_its_pair_and_the_record_is_read_anew(
    hub: Hub, linked: Linked
) -> None:
    task, card = linked()
    hub.vendor.change(card, name="Theirs")
    delivery = hub.deliver("updated", card, data={"name": "a payload is never believed"})
    hub.take_deliveries()
    pair = hub.pair(card)
    assert (pair.dirty_reason, pair.priority, pair.method) == ("webhook", 2, "webhook")
    hub.push()
    assert hub.fresh(task).title == "Theirs"
    delivery = _fresh(delivery)
    assert (delivery.status, delivery.outcome, delivery.hints) == ("processed", f"card {card.id}", 1)
    assert (delivery.processed_at, delivery.lease_until) == (hub.clock.at, None)
    assert Integration.objects.get(id=hub.integration.id).last_webhook_at == hub.clock.at


def test_a_hint_about_an_unknown_record_brings_it_in(hub: Hub) -> None:
    card = hub.vendor.add(name="New there")
    hub.deliver("created", card)
    hub.deliver("updated", card)
    hub.take_deliveries()
    assert hub.pair(card).state_reason == "Noticed there; being brought in."
    hub.push()
    assert hub.record(card).title == "New there" and hub.pair(card).method == "webhook"


def test_a_record_noticed_by_webhook_is_of_the_type_that_the_saved_map_says(hub: Hub) -> None:
    FieldMap.objects.create(
        integration=hub.integration, resource="card", record_type="lead", version=1, is_current=True,
        links=[{"key": "name", "local": "name", "external": "name", "required": True}],
    )  # fmt: skip
    card = hub.vendor.add(name="A lead")
    hub.deliver("created", card)
    hub.take_deliveries()
    hub.push()
    assert hub.pair(card).record_type == "lead" and Lead.objects.get().name == "A lead"
    hub.vendor.change(card, name="A better lead")
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert Lead.objects.get().name == "A better lead" and not card.is_deleted


def test_a_hint_of_deletion_only_nominates(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.deliver("deleted", card)  # forged, or undone since
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).deleted_at is None and hub.pair(card).state == "synced"


def test_a_hint_of_deletion_of_an_unknown_record_leaves_no_trace(hub: Hub) -> None:
    card = hub.vendor.add(name="Came and went")
    hub.vendor.remove(card)
    hub.deliver("deleted", card)
    hub.take_deliveries()
    assert Mapping.objects.count() == 0


def test_a_record_that_is_gone_when_we_look_ends_quietly(hub: Hub) -> None:
    card = hub.vendor.add(name="Came and went")
    hub.deliver("created", card)
    hub.take_deliveries()
    hub.vendor.remove(card)
    hub.push()
    assert hub.pair(card).state == "tombstone" and Task.objects.count() == 0


def test_a_hint_without_a_record_polls_its_resource_once(hub: Hub) -> None:
    hub.deliver("poll", resource="card")
    hub.deliver("poll", resource="card")
    hub.take_deliveries()
    job = SyncJob.objects.get()
    assert (job.kind, job.resources, job.status) == ("webhook_batch", ["card"], "queued")
    card = hub.vendor.add(name="New there")
    assert jobs.job_run(job_id=job.id) == "succeeded"
    assert hub.record(card).title == "New there" and hub.pair(card).method == "webhook"


def test_a_poll_asked_for_by_a_webhook_does_not_disturb_a_full_read_under_way(hub: Hub) -> None:
    hub.vendor.page_size = 10
    cards = [hub.vendor.add(name=f"Card {number}") for number in range(40)]
    hub.pull()
    hub.clock.wait(minutes=10)
    full = hub.job(full=True, resources=["card"])
    with hub.killed("after_page"):
        jobs.job_run(job_id=full.id)
    hub.vendor.change(cards[0], name="Changed behind the read")
    hub.deliver("poll", resource="card")
    hub.take_deliveries()
    aside = SyncJob.objects.get(kind="webhook_batch")
    assert jobs.job_run(job_id=aside.id) == "succeeded"
    assert hub.record(cards[0]).title == "Changed behind the read"
    hub.clock.wait(minutes=3)
    gets = hub.vendor.count("get")
    assert jobs.job_run(job_id=full.id) == "succeeded"
    hub.push()
    assert hub.vendor.count("get") == gets and hub.status() == "ACTIVE"


def test_deliveries_of_a_paused_integration_are_held_and_released_on_resume(
    hub: Hub,
    linked: Linked,
    django_capture_on_commit_callbacks: Any,
    wakeups: list[tuple[str, dict[str, Any]]],
) -> None:
    task, card = linked()
    early = hub.deliver("updated", card)
    integration_pause(integration=hub.integration, user=hub.person, now=hub.clock.at)
    hub.vendor.change(card, name="Theirs")
    late = hub.deliver("updated", card)
    hub.take_deliveries()
    assert (_fresh(early).status, _fresh(late).status) == ("held", "held")
    assert hub.push() == {} and hub.fresh(task).title == "Paint the boat"
    hub.clock.wait(hours=3)
    with django_capture_on_commit_callbacks(execute=True):
        integration_resume(integration=hub.integration, user=hub.person, now=hub.clock.at)
    assert ("sync.drain_deliveries", {}) in wakeups
    hub.take_deliveries()
    assert (_fresh(early).status, _fresh(late).status) == ("processed", "processed")
    hub.push()
    assert hub.fresh(task).title == "Theirs"


def test_an_unknown_event_is_kept_and_said_so(hub: Hub) -> None:
    delivery = hub.deliver("exploded", resource="card", id="c1")
    hub.take_deliveries()
    delivery = _fresh(delivery)
    assert (delivery.status, delivery.outcome) == ("unknown", "Unknown event: exploded")
    assert Mapping.objects.count() == 0


def test_an_event_that_is_ignored_on_purpose_says_so(hub: Hub) -> None:
    delivery = hub.deliver("ping")
    hub.take_deliveries()
    assert (_fresh(delivery).status, _fresh(delivery).outcome) == (
        "ignored", "Ignored on purpose: nothing that is synced.",
    )  # fmt: skip


def test_a_hint_about_what_is_not_synced_says_so(hub: Hub) -> None:
    hub.configure(resource_types=["card"])
    delivery = hub.deliver("created", resource="member", id="m1")
    hub.take_deliveries()
    assert (_fresh(delivery).status, _fresh(delivery).outcome) == (
        "ignored", "Not synced by this integration: member.",
    )  # fmt: skip
    assert Mapping.objects.count() == 0


def test_a_payload_nobody_thought_of_fails_alone(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.change(card, name="Theirs")
    poison = hub.deliver("updated")  # names no resource: the connector stumbles over it
    good = hub.deliver("updated", card)
    hub.take_deliveries()
    assert (_fresh(poison).status, _fresh(poison).outcome) == (
        "failed", "The payload couldn't be read (KeyError).",
    )  # fmt: skip
    assert _fresh(good).status == "processed"
    hub.push()
    assert hub.fresh(task).title == "Theirs"


def test_hints_in_any_order_lead_to_what_is_there_now(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    hub.vendor.change(card, name="First")
    first = {"id": card.id, "resource": "card", "at": 1}
    hub.vendor.change(card, name="Second")
    hub.deliver("updated", **first, n=2)
    hub.deliver("updated", **first, n=1)
    hub.deliver("created", **first)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).title == "Second"
    assert hub.counts()["changes"] == 2


def test_a_worker_that_dies_over_a_batch_leaves_it_to_the_next(hub: Hub, linked: Linked) -> None:
    _, card = linked()
    delivery = hub.deliver("updated", card)
    with hub.killed("after_deliveries"):
        hub.take_deliveries()
    assert _fresh(delivery).status == "processed"
    again = hub.deliver("updated", card)
    WebhookDelivery.objects.filter(id=again.id).update(
        lease_until=hub.clock.at + timedelta(seconds=60), attempts=1
    )
    hub.take_deliveries()
    assert _fresh(again).status == "received"
    hub.clock.wait(seconds=61)
    hub.take_deliveries()
    assert (_fresh(again).status, _fresh(again).attempts) == ("processed", 2)


def test_a_batch_that_kills_its_worker_every_time_is_given_up(hub: Hub) -> None:
    delivery = hub.deliver("updated", resource="card", id="c1")
    WebhookDelivery.objects.filter(id=delivery.id).update(attempts=5)
    hub.take_deliveries()
    assert (_fresh(delivery).status, _fresh(delivery).outcome) == ("failed", "Gave up after 5 tries.")


def test_a_replayed_delivery_is_worked_off_once_more(hub: Hub, linked: Linked) -> None:
    task, card = linked()
    delivery = hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    hub.vendor.change(card, name="Theirs")
    delivery_replay(delivery=_fresh(delivery), user=hub.person, now=hub.clock.at)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).title == "Theirs"


def test_one_integrations_bad_payloads_do_not_hold_up_anothers(hub: Hub, linked: Linked) -> None:
    _, card = linked()
    other = Integration.objects.get(id=hub.integration.id)
    other.pk, other.name, other._state.adding = None, "Second board", True
    other.save()
    mine, hub.integration = hub.integration, other
    bad = hub.deliver("updated")
    hub.integration = mine
    good = hub.deliver("updated", card)
    hub.take_deliveries()
    assert (_fresh(bad).status, _fresh(good).status) == ("failed", "processed")
