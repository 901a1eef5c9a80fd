"""Work off an integration's dirty marks; several workers may do so at once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from integrations import breaker
from integrations.models import Integration, Mapping
from sync import leases
from sync.clients import Clients
from sync.context import IntegrationContext
from sync.runtime import runtime
from sync.services.deferrals import references_resolve
from sync.services.pair_sync import claimed_sync, has_synced, synced_note
from sync.work import Outcome

#: pairs claimed at once: enough to save queries, few enough that workers share fairly and leases hold
CLAIM = 8
#: a drain ends after this long and is woken again, so that tasks stay short
BUDGET = timedelta(seconds=60)


def integration_drain(*, integration_id: UUID) -> Counter[str]:
    """Reconcile due pairs until none is left or the time is up: ``{outcome: count}``, "more" if some remain.

    Of an integration that is read only the marks wait until it no longer is.
    """
    integration = (
        Integration.objects.running().select_related("tenant", "credential").filter(id=integration_id).first()
    )
    outcomes: Counter[str] = Counter()
    if integration is None or integration.read_only:
        return outcomes
    context = IntegrationContext(integration)
    ends_at = runtime().now() + BUDGET
    looked_for_waiting = False
    while runtime().now() < ends_at:
        if breaker.is_open(integration, runtime().now()):
            return outcomes
        claimed = claim_due(integration_id)
        if not claimed:
            if not outcomes[Outcome.APPLIED] or looked_for_waiting or not references_resolve(integration):
                return outcomes
            looked_for_waiting = True  # what was made here or there may be what others waited for
            continue
        synced, started_at = [], runtime().now()
        with Clients(integration) as clients:
            for mapping in claimed:
                token = mapping.lease_token
                outcome = claimed_sync(mapping, context=context, correlation_id=token, clients=clients)
                outcomes[outcome] += 1
                if has_synced(mapping, outcome, since=started_at):
                    synced.append(mapping)
        synced_note(synced)
        integration.refresh_from_db()
        if integration.status not in {"ACTIVE", "DEGRADED"} or integration.read_only:
            return outcomes
        context = IntegrationContext(integration)  # settings and maps as they are by now
    outcomes["more"] = 1
    return outcomes


def claim_due(integration_id: UUID) -> list[Mapping]:
    """A few due pairs, leased to the caller: people's edits first, oldest mark first."""
    now = runtime().now()
    with transaction.atomic():
        due = Mapping.objects.filter(integration_id=integration_id).due(now).order_by("priority", "dirty_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        return leases.claim(list(due.values_list("id", flat=True)[:CLAIM]), now=now)


def integrations_with_work() -> list[tuple[UUID, int]]:
    """``(integration, how many pairs are due)`` of running integrations; circuits that are open are left out."""
    now = runtime().now()
    open_circuit = Q(integration__breaker_state="open", integration__breaker_probe_at__gt=now)
    rows = (
        Mapping.objects.due(now)
        .filter(
            integration__status__in=["ACTIVE", "DEGRADED"],
            integration__deleted_at__isnull=True,
            integration__read_only=False,
        )
        .exclude(open_circuit)
        .values_list("integration_id")
    )
    counts = Counter(row[0] for row in rows[:5000])
    return sorted(counts.items(), key=lambda item: -item[1])
