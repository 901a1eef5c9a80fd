"""How often somebody may ask: one count per person, whichever process answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
import time_machine
from django.contrib.auth.models import User
from django.core.cache import caches
from rest_framework.test import APIClient

from integrations import ratelimit
from integrations.api import throttling
from integrations.api.throttling import PersonThrottle, StrangerThrottle
from workspace.models import Tenant

INTEGRATIONS = "/api/v1/integrations"
TOKENS = "/api/v1/tokens"
NOW = datetime(2025, 7, 1, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """For people and for strangers, under keys of this test's own: counters outlive a test."""
    for throttle in (PersonThrottle, StrangerThrottle):
        monkeypatch.setattr(throttle, "rate", "3/min", raising=False)
        monkeypatch.setattr(throttle, "scope", f"test-{uuid4()}")


def statuses(client: APIClient, times: int = 4) -> list[int]:
    return [client.get(INTEGRATIONS).status_code for _ in range(times)]


def test_who_asks_too_often_is_told_how_long_to_wait(
    tenant: Tenant, olga: User, vera: User, as_user: Any
) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client = as_user(olga)
        assert statuses(client) == [200, 200, 200, 429]
        refused = client.get(INTEGRATIONS)
        wait = int(refused["Retry-After"])
        assert (refused.json()["code"], 75 < wait < 85) == ("throttled", True)
        assert statuses(as_user(vera), 1) == [200]  # everybody has a count of their own
        clock.shift(timedelta(seconds=wait - 2))
        assert statuses(client, 1) == [429]
        clock.shift(timedelta(seconds=3))  # two thirds of the minute before still count
        assert statuses(client, 2) == [200, 429]


def test_strangers_are_counted_by_address(db: None) -> None:
    with time_machine.travel(NOW, tick=False):
        client = APIClient()
        assert [client.post(TOKENS, {}).status_code for _ in range(4)] == [400, 400, 400, 429]
        assert client.post(TOKENS, {}, REMOTE_ADDR="192.0.2.7").status_code == 400


def test_without_redis_this_process_counts(
    tenant: Tenant, olga: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def take(self, *asked: Any) -> float:
            raise redis.ConnectionError("gone")

    monkeypatch.setattr(throttling, "shared_store", Gone)
    with time_machine.travel(NOW, tick=False):
        assert statuses(as_user(olga)) == [200, 200, 200, 429]


@pytest.mark.redis
def test_the_count_is_one_for_all_processes(tenant: Tenant, olga: User, as_user: Any) -> None:
    with time_machine.travel(NOW, tick=False):
        assert statuses(as_user(olga), 2) == [200, 200]
        ratelimit._redis_store.cache_clear()  # as another process: a connection of its own, nothing remembered
        assert statuses(as_user(olga), 2) == [200, 429]


@pytest.mark.redis
def test_the_cache_keeps_its_client() -> None:
    cache: Any = caches["default"]
    assert cache.add("once", 1) and not cache.add("once", 2) and cache.get("once") == 1
    assert cache._cache.get_client(write=True) is cache._cache.get_client(write=True)
