"""What the log says of an integration's health, and where it is shown (I1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from integrations.health import Health
from integrations.models import Integration, IntegrationStatus, SyncLog
from integrations.selectors import healths_of
from integrations.services.schedules import run_every
from tests.integration.hub_fixtures import make_integration
from workspace.models import Tenant

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIST = "/api/v1/integrations"


def log(integration: Integration, status: str = "success", count: int = 1, **values: Any) -> None:
    """Rows of the last few minutes, each of a record's update answered in half a second."""
    facts = {"operation": "update", "duration_ms": 500, "created_at": NOW - timedelta(minutes=10), **values}
    SyncLog.objects.bulk_create(
        SyncLog(tenant=integration.tenant, integration=integration, status=status, **facts)
        for _ in range(count)
    )


def health(integration: Integration) -> Health | None:
    return healths_of([integration], now=NOW).get(integration.id)


@pytest.fixture
def rated(integration: Integration) -> Integration:
    Integration.objects.update(last_success_at=NOW - timedelta(minutes=2))
    integration.refresh_from_db()
    return integration


def test_the_last_day_of_syncing_counts_and_nothing_else(rated: Integration) -> None:
    log(rated, count=8, created_at=NOW - 5 * HOUR)
    log(rated, "conflict_resolved")
    log(rated, "partial_success", operation="bulk_sync", duration_ms=90_000)  # a run lasts longer
    log(rated, "failed", count=50, created_at=NOW - 25 * HOUR)
    log(rated, "failed", count=50, operation="check", duration_ms=None)  # a person tries credentials
    log(rated, "success", count=50, operation="config", duration_ms=None)
    log(rated, "held", count=50)
    found = health(rated)
    assert found is not None and found.score == 96
    assert [each.sentence for each in found.indicators] == [
        "9 of 10 operations went well in the last 24 hours.",
        "0 of 10 operations failed in the last 24 hours.",
        "The other side answers in 500 ms on average.",
        "The last run that succeeded ended 2 min ago; one is due every 5 min.",
    ]


def test_nine_operations_are_too_few_for_a_score(rated: Integration) -> None:
    log(rated, "failed", count=9)
    assert health(rated) is None
    log(rated, "failed")
    found = health(rated)
    assert found is not None and found.score == 30


@pytest.mark.parametrize("status", ["DRAFT", "PAUSED", "DISABLED"])
def test_what_a_person_stopped_has_no_score(rated: Integration, status: str) -> None:
    log(rated, count=20)
    assert health(rated) is not None
    rated.status = status
    assert health(rated) is None


def test_one_query_tells_of_all(
    tenant: Tenant, alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    rows = [make_integration(tenant, alice, f"Issues {n}") for n in range(5)]
    log(rows[0], count=10)
    log(rows[3], "failed", count=10)
    with django_assert_num_queries(1):
        found = healths_of(rows, now=NOW)
    assert set(found) == {rows[0].id, rows[3].id}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, timedelta(minutes=5)),
        ({"sync_interval_seconds": 60}, timedelta(minutes=5)),  # a run may take as long
        ({"sync_interval_seconds": 3600}, HOUR),
        ({"sync_frequency": "every_15min"}, timedelta(minutes=15)),
        ({"sync_frequency": "weekly"}, timedelta(weeks=1)),
        ({"sync_frequency": "manual"}, None),
        ({"auto_sync": False}, None),
        ({"sync_frequency": "custom", "sync_interval_seconds": 7200}, 2 * HOUR),
        ({"sync_frequency": "custom", "crontab": "*/20 * * * *"}, timedelta(minutes=20)),
        # from Friday 18:00 in Tokyo to Monday 06:00
        ({"sync_frequency": "custom", "crontab": "0 6 * * 1-5"}, 60 * HOUR),
        ({"sync_windows": [{"from": "22:00", "to": "05:00"}]}, timedelta(days=1)),
        ({"sync_windows": [{"days": [6], "from": "00:00", "to": "23:00"}]}, timedelta(weeks=1)),
    ],
)
def test_when_the_next_run_is_due(integration: Integration, values: Any, wanted: timedelta | None) -> None:
    integration.tenant.time_zone = "Asia/Tokyo"
    integration.last_success_at = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)
    for name, value in values.items():
        setattr(integration, name, value)
    assert run_every(integration) == wanted


def test_the_api_tells_score_status_and_indicators(
    rated: Integration, vera: User, as_user: Callable[[User], APIClient]
) -> None:
    client = as_user(vera)
    with time_machine.travel(NOW, tick=False):
        assert client.get(f"{LIST}/{rated.id}").json()["health"] is None
        log(rated, count=15)
        log(rated, "failed", count=5)
        shown = client.get(f"{LIST}/{rated.id}").json()
        listed = client.get(LIST).json()["results"][0]
        overview = client.get("/api/v1/sync/status").json()["integrations"][0]
    health = shown["health"]
    assert (health["score"], health["status"]) == (65, "UNHEALTHY")
    assert {each["key"]: each["verdict"] for each in health["indicators"]} == {
        "success_rate": "WARN", "error_rate": "FAIL", "response_time": "PASS", "last_sync": "PASS",
    }  # fmt: skip
    assert health["indicators"][1] == {
        "key": "error_rate", "label": "Error rate", "weight": 0.3, "unit": "%", "value": 25.0, "verdict": "FAIL",
        "sentence": "5 of 20 operations failed in the last hour.",
    }  # fmt: skip
    assert listed["health"] == health
    assert [shown["word"], listed["word"], overview["word"]] == ["Failing"] * 3
    assert Integration.objects.get().status == IntegrationStatus.ACTIVE  # a page only looks
