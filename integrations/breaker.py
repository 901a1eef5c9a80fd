"""A circuit breaker per integration, kept in its row and so shared by all workers (H5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q

from connectors.base.errors import Retryable
from integrations.models import BreakerState, Integration
from integrations.services.status import integration_announce

OPENS_AFTER = 5  # failures without a success between them
FIRST_PROBE = timedelta(seconds=60)
LONGEST_WAIT = timedelta(minutes=15)
#: a probe that reported nothing by then has died with its worker; the next one may go
PROBE_LEASE = timedelta(seconds=120)


class CircuitOpen(Retryable):
    """Nothing was sent: wait for the next probe."""

    code = "circuit_open"


def guard(integration: Integration, now: datetime) -> None:
    """Raise ``CircuitOpen`` while the circuit is open. When a probe is due, exactly one caller gets through."""
    if integration.breaker_state == BreakerState.CLOSED:
        return
    rows = Integration.objects.filter(id=integration.id)
    probe = rows.filter(
        Q(breaker_state__in=[BreakerState.OPEN, BreakerState.HALF_OPEN]), breaker_probe_at__lte=now
    )
    if probe.update(breaker_state=BreakerState.HALF_OPEN, breaker_probe_at=now + PROBE_LEASE):
        integration.breaker_state = BreakerState.HALF_OPEN
        integration.breaker_probe_at = now + PROBE_LEASE
        return
    state, at = rows.values_list("breaker_state", "breaker_probe_at").get()
    integration.breaker_state, integration.breaker_probe_at = state, at
    if state == BreakerState.CLOSED:
        return
    wait = max(1.0, (at - now).total_seconds()) if at else FIRST_PROBE.total_seconds()
    raise CircuitOpen(
        "The service failed several times in a row, so no requests are made for a while.", retry_after=wait
    )


def is_open(integration: Integration, now: datetime) -> bool:
    """True while nobody may try; asks nothing of the database and lets no probe through."""
    is_shut = integration.breaker_state != BreakerState.CLOSED
    return is_shut and integration.breaker_probe_at is not None and integration.breaker_probe_at > now


def record_success(integration: Integration, *, now: datetime) -> bool:
    """A request went well: forget the failures, close the circuit. True if that closed it. No query if all was well."""
    if integration.breaker_state == BreakerState.CLOSED and not integration.breaker_failures:
        return False
    rows = Integration.objects.filter(id=integration.id)
    closed = rows.exclude(breaker_state=BreakerState.CLOSED).update(
        breaker_state=BreakerState.CLOSED, breaker_failures=0, breaker_probe_at=None
    )
    if not closed:
        rows.filter(breaker_failures__gt=0).update(breaker_failures=0)
    _set(integration, BreakerState.CLOSED, 0, None)
    if closed:
        integration_announce(integration)
    return bool(closed)


def record_failure(integration: Integration, *, now: datetime) -> bool:
    """The service failed (not: refused one record, or asked to slow down). True if that opened the circuit.

    A failed probe doubles the wait, up to 15 minutes.
    """
    rows = Integration.objects.filter(id=integration.id)
    # once it is open, requests that were under way still fail: they say nothing new
    rows.exclude(breaker_state=BreakerState.OPEN).update(breaker_failures=F("breaker_failures") + 1)
    failures = rows.values_list("breaker_failures", flat=True).first() or 0
    integration.breaker_failures = failures
    if failures < OPENS_AFTER:
        return False
    probe_at = now + wait_after(failures)
    opened = rows.filter(breaker_state__in=[BreakerState.CLOSED, BreakerState.HALF_OPEN]).update(
        breaker_state=BreakerState.OPEN, breaker_probe_at=probe_at
    )
    if opened:
        _set(integration, BreakerState.OPEN, failures, probe_at)
        integration_announce(integration)
    return bool(opened)


def wait_after(failures: int) -> timedelta:
    """How long nobody tries: 60 s after the fifth failure in a row, doubling with each failed probe."""
    doublings = min(max(0, failures - OPENS_AFTER), 10)
    wait: timedelta = FIRST_PROBE * 2**doublings
    return min(wait, LONGEST_WAIT)


def _set(integration: Integration, state: str, failures: int, probe_at: datetime | None) -> None:
    integration.breaker_state = state
    integration.breaker_failures = failures
    integration.breaker_probe_at = probe_at
