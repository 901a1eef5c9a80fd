"""/metrics: who may ask, and that every number is that of the rows (I3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django_celery_beat.models import PeriodicTask
from prometheus_client.parser import text_string_to_metric_families

from config.addresses import networks
from conflicts.models import ConflictKind, ConflictResolution
from integrations.models import SyncLog, WebhookDelivery
from integrations.pages.figures import HEARTBEAT_KEY
from integrations.services.logs import logs_expire
from integrations.services.schedules import maintenance_schedules_ensure
from tests.integration.pages.world import World, make_world
from workspace.models import Change

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TOKEN = "scrape-" + "k" * 32


@pytest.fixture
def world(db: None, settings: Any) -> World:
    settings.LOCKSTEP_METRICS_TOKEN = TOKEN
    with time_machine.travel(NOON, tick=False):
        made = make_world()
        made.now = NOON
    Change.objects.all().delete()
    return made


def scrape(at: datetime = NOON) -> dict[tuple[str, ...], float]:
    """``{(name, label value, …): value}``, the labels in the order of their names."""
    with time_machine.travel(at, tick=False):
        answer = Client().get("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            assert not {"tenant", "integration", "name"} & set(sample.labels)
            found[(sample.name, *(sample.labels[key] for key in sorted(sample.labels)))] = sample.value
    return found


def deliver(world: World, integration: Any, status: str, **values: Any) -> None:
    WebhookDelivery.objects.create(
        tenant=integration.tenant,
        integration=integration,
        dedupe_key=f"id:{WebhookDelivery.objects.count()}",
        body=b"{}",
        status=status,
        **{"received_at": NOON - MINUTE, **values},
    )


# -- who may ask -------------------------------------------------------------------------------------------


def ask(**headers: str) -> Any:
    return Client().get("/metrics", **headers)


def test_without_a_setting_there_is_no_such_page(db: None) -> None:
    assert ask().status_code == 404


def test_the_token_is_asked_for(world: World) -> None:
    for given in ("", f"Token {TOKEN}", f"Bearer {TOKEN}x", "Bearer", TOKEN):
        refused = ask(HTTP_AUTHORIZATION=given)
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
        assert b"sync_" not in refused.content
    assert ask(HTTP_AUTHORIZATION=f"bearer {TOKEN}").status_code == 200
    assert Client().post("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}").status_code == 405


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.2.3", 200), ("10.2.0.1", 403), ("::ffff:10.1.2.3", 200), ("fd00::7", 200), ("nonsense", 403)],
)
def test_a_list_of_addresses_lets_in_whom_it_names(
    db: None, settings: Any, address: str, status: int
) -> None:
    settings.LOCKSTEP_METRICS_ALLOW = networks("X", ["10.1.0.0/16", "fd00::7"])
    assert ask(REMOTE_ADDR=address).status_code == status
    # a header nobody vouches for is not believed
    assert ask(REMOTE_ADDR="9.9.9.9", HTTP_X_FORWARDED_FOR="10.1.2.3").status_code == 403
    settings.LOCKSTEP_PROXY_COUNT = 1
    assert ask(REMOTE_ADDR="9.9.9.9", HTTP_X_FORWARDED_FOR=f"8.8.8.8, {address}").status_code == status


def test_token_and_list_must_both_hold(world: World, settings: Any) -> None:
    settings.LOCKSTEP_METRICS_ALLOW = networks("X", ["10.1.2.3"])
    held = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
    assert ask(REMOTE_ADDR="10.1.2.3", **held).status_code == 200
    assert ask(REMOTE_ADDR="10.1.2.4", **held).status_code == 403
    assert ask(REMOTE_ADDR="10.1.2.3").status_code == 401


# -- what is told ------------------------------------------------------------------------------------------


def test_operations_runs_and_answers_by_platform_over_all_tenants(world: World) -> None:
    board = world.integration("Board")
    other = world.integration("Theirs", tenant=world.foreign)
    issues = world.integration("Issues", "github")
    for made in (board, other):
        world.log(made, http_status=200, duration_ms=250)
    world.log(issues, "failed", http_status=503, duration_ms=1500)
    world.log(issues, "failed", http_status=422)
    world.log(issues, "success", operation="config")
    world.log(board, operation="bulk_sync", duration_ms=4000)
    world.log(board, operation="bulk_sync", duration_ms=70_000)
    world.log(board, created_at=NOON - timedelta(hours=13))
    found = scrape()
    assert found[("sync_operations_total", "trello", "success")] == 4
    assert found[("sync_operations_total", "github", "failed")] == 2
    assert ("sync_operations_total", "github", "success") not in found
    assert found[("sync_duration_seconds_count", "trello")] == 2
    assert found[("sync_duration_seconds_sum", "trello")] == 74
    assert [found[("sync_duration_seconds_bucket", le, "trello")] for le in ("1.0", "5.0", "60.0", "300.0", "+Inf")] == [
        0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert found[("http_client_responses_total", "trello", "2xx")] == 2
    assert found[("http_client_responses_total", "github", "5xx")] == 1
    assert found[("http_client_responses_total", "github", "4xx")] == 1
    assert found[("http_client_duration_seconds_count", "trello")] == 2
    assert found[("http_client_duration_seconds_sum", "trello")] == 0.5


def test_a_counter_only_rises_within_a_day_whatever_expires_and_begins_anew_at_midnight(
    world: World,
) -> None:
    board = world.integration("Board")
    for hours in range(48):
        world.log(board, created_at=NOON - timedelta(hours=hours))
    key = ("sync_operations_total", "trello", "success")
    before = scrape()[key]
    assert logs_expire(now=NOON, days=1) == 23
    world.log(board, created_at=NOON + 5 * MINUTE)
    assert (before, scrape(NOON + 10 * MINUTE)[key]) == (13, 14)
    assert key not in scrape(NOON + timedelta(hours=12))


def test_conflicts_pairs_and_dead_letters(world: World) -> None:
    board = world.integration("Board")
    world.conflict(board)
    gone = world.conflict(board)
    ConflictResolution.objects.filter(pk=gone.pk).update(status="resolved", kind=ConflictKind.DELETED_HERE)
    old = world.conflict(board)
    ConflictResolution.objects.filter(pk=old.pk).update(created_at=NOON - timedelta(days=1))
    world.pair(board, is_dead=True, state="error")
    world.job(board, "dead")
    world.job(board, "failed")
    found = scrape()
    assert found[("sync_conflicts_total", "trello", "both_changed")] == 1
    assert found[("sync_conflicts_total", "trello", "deleted_here")] == 1
    assert found[("sync_conflicts_open", "trello")] == 2
    assert found[("sync_mappings_total", "trello", "conflict")] == 3
    assert found[("sync_mappings_total", "trello", "error")] == 1
    assert found[("sync_dead_letters", "pair", "trello")] == 1
    assert found[("sync_dead_letters", "job", "trello")] == 1


def test_what_waits_and_since_when(world: World) -> None:
    empty = scrape()
    for queue in ("pairs", "jobs", "deliveries", "changes"):
        assert (empty[("sync_queue_depth", queue)], empty[("sync_queue_oldest_seconds", queue)]) == (0, 0)
    board, rests = world.integration("Board"), world.integration("Rests", status="PAUSED")
    world.pair(board, dirty_at=NOON - 2 * MINUTE)
    world.pair(board, dirty_at=NOON - 9 * MINUTE, next_attempt_at=NOON + MINUTE)
    world.pair(rests, dirty_at=NOON - 60 * MINUTE)
    Change.objects.update(drained_at=NOON)
    Change.objects.filter(pk=Change.objects.order_by("pk")[0].pk).update(
        drained_at=None, created_at=NOON - 3 * MINUTE
    )
    world.job(board, "queued", run_at=NOON - 4 * MINUTE)
    world.job(board, "queued", run_at=NOON + MINUTE)
    deliver(world, board, "received", received_at=NOON - 5 * MINUTE)
    found = scrape()
    told = {
        queue: (found[("sync_queue_depth", queue)], found[("sync_queue_oldest_seconds", queue)])
        for queue in ("pairs", "jobs", "deliveries", "changes")
    }
    assert told == {"pairs": (1, 120), "jobs": (1, 240), "deliveries": (1, 300), "changes": (1, 180)}


def test_webhooks_by_outcome_and_the_last_heartbeats(world: World) -> None:
    board = world.integration("Board")
    for status in ("processed", "processed", "unknown", "received", "held"):
        deliver(world, board, status)
    deliver(world, board, "ignored", duplicates=3)
    deliver(world, board, "failed", received_at=NOON - timedelta(days=2))
    maintenance_schedules_ensure()  # a test with transactions of its own leaves the tables empty
    cache.set(HEARTBEAT_KEY, (NOON - timedelta(seconds=1)).isoformat())
    PeriodicTask.objects.filter(task="sync.dispatch").update(last_run_at=NOON - MINUTE)
    found = scrape()
    outcomes = {key[1]: value for key, value in found.items() if key[0] == "webhook_deliveries_total"}
    assert outcomes == {"processed": 2, "unknown": 1, "ignored": 1, "duplicate": 3}
    assert found[("lockstep_heartbeat_timestamp_seconds", "worker")] == NOON.timestamp() - 1
    assert found[("lockstep_heartbeat_timestamp_seconds", "beat")] == NOON.timestamp() - 60


def test_the_number_of_queries_does_not_grow(
    world: World, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(20):
        made = world.integration(f"Board {number}", "trello" if number % 2 else "github")
        world.log(made, http_status=200, duration_ms=10)
        world.conflict(made)
        world.job(made, "dead")
        deliver(world, made, "processed")
    assert SyncLog.objects.count() == 20
    with django_assert_max_num_queries(16):
        scrape()
