"""The circuit breaker opens, probes once, and closes (H5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.base.errors import Retryable
from integrations import breaker
from integrations.models import BreakerState, Integration


def fail(integration: Integration, times: int, now: datetime) -> None:
    for _ in range(times):
        breaker.record_failure(integration, now=now)


def test_five_failures_in_a_row_open_it(integration: Integration, now: datetime) -> None:
    fail(integration, 4, now)
    breaker.guard(integration, now)
    assert breaker.record_failure(integration, now=now) is True
    with pytest.raises(Retryable) as caught:
        breaker.guard(integration, now)
    assert caught.value.retry_after == 60
    assert Integration.objects.get().breaker_state == BreakerState.OPEN


def test_a_success_between_starts_the_count_anew(integration: Integration, now: datetime) -> None:
    fail(integration, 4, now)
    breaker.record_success(integration, now=now)
    fail(integration, 4, now)
    assert Integration.objects.get().breaker_state == BreakerState.CLOSED


def test_one_probe_gets_through_when_it_is_time(integration: Integration, now: datetime) -> None:
    fail(integration, 5, now)
    first, second = Integration.objects.get(), Integration.objects.get()
    later = now + timedelta(seconds=60)
    breaker.guard(first, later)
    with pytest.raises(Retryable):
        breaker.guard(second, later)
    assert breaker.record_success(first, now=later) is True
    breaker.guard(second, later)


def test_a_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour(
    integration: Integration, now: datetime
) -> None:
    fail(integration, 5, now)
    waits, at = [], now
    for _ in range(6):
        at = Integration.objects.get().breaker_probe_at
        breaker.guard(integration, at)
        fail(integration, 1, at)
        waits.append((Integration.objects.get().breaker_probe_at - at).total_seconds())
    assert waits == [120, 240, 480, 900, 900, 900]


def test_requests_that_were_under_way_do_not_lengthen_the_wait(
    integration: Integration, now: datetime
) -> None:
    fail(integration, 30, now)
    assert Integration.objects.get().breaker_probe_at == now + timedelta(seconds=60)


def test_a_probe_whose_worker_died_is_followed_by_another(integration: Integration, now: datetime) -> None:
    fail(integration, 5, now)
    breaker.guard(integration, now + timedelta(seconds=60))
    breaker.guard(Integration.objects.get(), now + timedelta(seconds=60) + breaker.PROBE_LEASE)


def test_all_well_costs_no_query(
    integration: Integration, now: datetime, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        breaker.guard(integration, now)
        breaker.record_success(integration, now=now)
