"""What each metric reads, on real rows; and that it asks once however many integrations there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integrations.models import (
    Credential,
    Integration,
    JobKind,
    JobStatus,
    LogStatus,
    Operation,
    SyncFrequency,
)
from integrations.pages.figures import HEARTBEAT_KEY
from integrations.services.jobs import WINDOW_CLOSED
from integrations.services.schedules import maintenance_schedules_ensure
from monitoring.measures import CannotMeasure, Scope, readings_of
from monitoring.models import Metric
from tests.integration.pages.world import World


def read(world: World, metric: str, **more: Any) -> Any:
    return readings_of(metric, Scope(world.tenant, world.now, **more))


def ago(world: World, **span: float) -> Any:
    return world.now - timedelta(**span)


def test_the_error_rate_is_of_the_window_and_needs_ten_syncs(world: World) -> None:
    busy, calm = world.integration("Busy"), world.integration("Calm")
    for number in range(12):
        world.log(busy, LogStatus.FAILED if number < 3 else LogStatus.SUCCESS)
    world.log(busy, LogStatus.FAILED, operation=Operation.CHECK)  # a test is no sync
    world.log(busy, LogStatus.FAILED, created_at=ago(world, hours=2))
    for _ in range(9):
        world.log(calm, LogStatus.FAILED)
    assert read(world, Metric.ERROR_RATE) == {busy.pk: 25.0, calm.pk: 0.0}
    assert read(world, Metric.ERROR_RATE, window_minutes=180)[busy.pk] == pytest.approx(100 * 4 / 13)


def test_failures_in_a_row_count_from_the_last_good_run(world: World) -> None:
    flaky = world.integration("Flaky", last_success_at=ago(world, minutes=10))
    stopped = world.integration("Stopped", status="ERROR")
    paused = world.integration("Paused", status="PAUSED")
    for minutes in (30, 8, 5):
        for each in (flaky, paused):
            world.log(
                each, LogStatus.FAILED, operation=Operation.BULK_SYNC, created_at=ago(world, minutes=minutes)
            )
    assert read(world, Metric.CONSECUTIVE_FAILURES) == {flaky.pk: 2.0, stopped.pk: 3.0}


def test_the_age_of_the_last_sync_leaves_out_the_schedules_own_pause(world: World) -> None:
    def made(name: str, hours: float, **values: Any) -> Integration:
        return world.integration(name, last_success_at=ago(world, hours=hours), **values)

    hourly = made("Hourly", 3, sync_frequency=SyncFrequency.HOURLY)
    daily = made("Daily", 26, sync_frequency=SyncFrequency.DAILY)
    made("By hand", 900, sync_frequency=SyncFrequency.MANUAL)
    made("Not by itself", 900, auto_sync=False)
    made("Stopped", 900, status="ERROR")
    assert read(world, Metric.LAST_SYNC_AGE) == {
        hourly.pk: pytest.approx(180),
        daily.pk: pytest.approx(180),  # 26 h less the 23 by which daily is slower than hourly
    }


def test_conflicts_are_counted_and_the_oldest_has_an_age(world: World) -> None:
    board = world.integration()
    world.conflict(board)
    world.conflict(board, now=ago(world, hours=30))
    world.integration("Without")
    assert read(world, Metric.PENDING_CONFLICTS) == {board.pk: 2.0}
    assert read(world, Metric.PENDING_CONFLICT_AGE) == {board.pk: pytest.approx(30)}


def test_dead_letters_are_records_and_runs(world: World) -> None:
    board, fine = world.integration("Board"), world.integration("Fine")
    world.pair(board, is_dead=True, state="error")
    world.pair(board, is_dead=True, state="tombstone")
    world.job(board, JobStatus.DEAD)
    world.job(board, JobStatus.FAILED)
    assert read(world, Metric.DEAD_LETTERS) == {board.pk: 2.0, fine.pk: 0.0}


def test_runs_that_their_window_cut_short(world: World) -> None:
    board = world.integration()
    values = {"kind": JobKind.SCHEDULED, "status_reason": f"{WINDOW_CLOSED} What was done so far stays."}
    world.job(board, JobStatus.PARTIAL, **values)
    world.job(board, JobStatus.SKIPPED, **values)  # never began
    world.job(board, JobStatus.PARTIAL, **values, finished_at=ago(world, days=2))
    world.job(board, JobStatus.PARTIAL, kind=JobKind.SCHEDULED, status_reason="3 failed")
    assert read(world, Metric.WINDOW_OVERRUN) == {board.pk: 1.0}


def test_credentials_that_a_person_must_replace(world: World) -> None:
    def expires(name: str, days: float, **secrets: str) -> Integration:
        made = world.integration(name)
        secrets_row = Credential.objects.get(integration=made)
        secrets_row.secrets, secrets_row.expires_at = (
            {"token": "t", **secrets},
            world.now + timedelta(days=days),
        )
        secrets_row.save()
        return made

    soon = expires("Soon", 5)
    expires("An access token", 0.05)  # lives an hour and is renewed by itself
    expires("Renewable", 50, refresh_token="r")
    world.integration("Without an end")
    assert read(world, Metric.CREDENTIAL_EXPIRING) == {soon.pk: pytest.approx(5)}


def test_webhooks_are_silent_since_somebody_noticed(world: World) -> None:
    silent = world.integration("Silent", webhook_silent_since=ago(world, minutes=240))
    world.integration("Lively", last_webhook_at=ago(world, minutes=5))
    # silent when they were still expected; only polled since
    world.integration(
        "Polled", webhook_silent_since=ago(world, minutes=240), sync_frequency=SyncFrequency.HOURLY
    )
    assert read(world, Metric.WEBHOOK_SILENT) == {silent.pk: pytest.approx(240)}


def test_the_workers_and_the_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    maintenance_schedules_ensure()  # a test with transactions of its own leaves the tables empty
    assert read(world, Metric.WORKER_DOWN) == {None: 60.0}  # no sign of life at all
    cache.set(HEARTBEAT_KEY, ago(world, minutes=7).isoformat())
    assert read(world, Metric.WORKER_DOWN) == {None: pytest.approx(7)}
    PeriodicTask.objects.filter(enabled=True).update(last_run_at=None)
    assert read(world, Metric.BEAT_DOWN) == {None: 60.0}
    PeriodicTask.objects.filter(task="sync.dispatch").update(last_run_at=ago(world, minutes=4))
    assert read(world, Metric.BEAT_DOWN) == {None: pytest.approx(4)}

    def away(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "get", away)
    with pytest.raises(CannotMeasure, match="cache cannot be reached"):
        read(world, Metric.WORKER_DOWN)


@pytest.mark.parametrize("metric", Metric.values)
def test_a_metric_asks_once_for_all_integrations_of_its_tenant_alone(
    world: World, metric: str, django_assert_max_num_queries: Any
) -> None:
    foreign = world.integration("Foreign", tenant=world.foreign, status="ERROR")
    world.pair(foreign, is_dead=True, state="error")
    world.conflict(foreign)
    for number in range(6):
        mine = world.integration(f"Board {number}", last_success_at=timezone.now())
        world.log(mine)
        world.job(mine, JobStatus.DEAD)
    with django_assert_max_num_queries(1):
        found = read(world, metric)
    assert foreign.pk not in found
