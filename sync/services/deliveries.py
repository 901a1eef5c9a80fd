"""Webhook deliveries become marks. A payload is a hint, never data (G2, G3)."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookRequest
from integrations.models import (
    DeliveryStatus,
    Integration,
    IntegrationStatus,
    JobKind,
    JobStatus,
    Mapping,
    MappingState,
    SyncJob,
    SyncMethod,
    WebhookDelivery,
)
from integrations.services.credentials import webhook_url
from integrations.services.deliveries import drainer_started
from integrations.services.marks import mark_dirty
from integrations.services.silence import silence_end
from integrations.webhooks import webhooks_for
from sync.context import IntegrationContext
from sync.runtime import runtime
from workspace.ids import new_id
from workspace.wakeups import wake

logger = logging.getLogger(__name__)

BATCH = 200
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5
#: these prove that the other side's webhooks arrive and can be read
UNDERSTOOD = (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED)


def deliveries_drain() -> int:
    """Process a batch of stored deliveries, oldest first. How many; call again while it is BATCH."""
    drainer_started()
    now = runtime().now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    waiting = WebhookDelivery.objects.filter(free, status=DeliveryStatus.RECEIVED)
    waiting.filter(attempts__gte=MAX_ATTEMPTS).update(
        status=DeliveryStatus.FAILED, outcome=f"Gave up after {MAX_ATTEMPTS} tries.", lease_until=None
    )
    ids = list(waiting.order_by("id").values_list("id", flat=True)[:BATCH])
    if not ids:
        return 0
    mine = [
        i for i in ids if waiting.filter(id=i).update(lease_until=now + LEASE, attempts=F("attempts") + 1)
    ]
    by_integration: dict[UUID, list[WebhookDelivery]] = defaultdict(list)
    rows = WebhookDelivery.objects.filter(id__in=mine).select_related("integration").order_by("id")
    for delivery in rows:
        by_integration[delivery.integration_id].append(delivery)
    for deliveries in by_integration.values():
        _process(deliveries[0].integration, deliveries)
    return len(ids)


def _process(integration: Integration, deliveries: list[WebhookDelivery]) -> None:
    """All of one integration in one transaction: marks, placeholders and outcomes together."""
    now = runtime().now()
    if integration.status not in {IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED}:
        _finish(deliveries, DeliveryStatus.HELD, "The integration isn't running; processed once it is.")
        return
    with transaction.atomic():
        hints: list[ChangeHint] = []
        for delivery in deliveries:
            found = _hints(integration, delivery)
            hints += found
            delivery.save(update_fields=["status", "outcome", "hints", "processed_at", "lease_until"])
        if any(delivery.status in UNDERSTOOD for delivery in deliveries):
            Integration.objects.filter(id=integration.id).update(last_webhook_at=now)
            silence_end(integration, now=now)
        if hints:
            _mark(integration, hints)
            wake("sync.drain_integration", integration_id=str(integration.id))
    runtime().point("after_deliveries")


def _finish(deliveries: list[WebhookDelivery], status: DeliveryStatus, outcome: str) -> None:
    WebhookDelivery.objects.filter(id__in=[d.id for d in deliveries]).update(
        status=status, outcome=outcome, lease_until=None
    )


def _hints(integration: Integration, delivery: WebhookDelivery) -> list[ChangeHint]:
    """What the delivery tells; its outcome is set on the row, to be saved by the caller."""
    now = runtime().now()
    delivery.processed_at, delivery.lease_until = now, None
    body = bytes(delivery.body)
    request = WebhookRequest(
        method="POST",
        headers=delivery.headers,
        body=body,
        query={},
        url=webhook_url(integration),
        received_at=delivery.received_at,
    )
    try:
        side = webhooks_for(integration.connector, integration.options)
        hints = side.parse(request, _payload(body), integration.options)
    except UnknownEvent as unknown:
        delivery.status, delivery.outcome = DeliveryStatus.UNKNOWN, f"Unknown event: {unknown}"[:500]
        logger.warning("webhook.unknown", extra={"integration": str(integration.id), "event": delivery.event})
        return []
    except BadPayload as bad:
        delivery.status, delivery.outcome = DeliveryStatus.FAILED, str(bad)[:500]
        return []
    except Exception as fault:  # one payload nobody thought of must not hold up the others
        logger.exception("webhook.failed", extra={"integration": str(integration.id)})
        delivery.status = DeliveryStatus.FAILED
        delivery.outcome = f"The payload couldn't be read ({type(fault).__name__})."
        return []
    wanted = [hint for hint in hints if hint.resource in integration.resource_types]
    delivery.hints = len(wanted)
    delivery.status = DeliveryStatus.PROCESSED if wanted else DeliveryStatus.IGNORED
    delivery.outcome = _sentence(hints, wanted)
    return wanted


def _payload(body: bytes) -> Any:
    """The stored body as JSON; its size and depth were checked when it was received. Raises ``BadPayload``."""
    try:
        return json.loads(body) if body else {}
    except ValueError as error:
        raise BadPayload("The body is no JSON.") from error


def _sentence(hints: list[ChangeHint], wanted: list[ChangeHint]) -> str:
    if not hints:
        return "Ignored on purpose: nothing that is synced."
    if not wanted:
        return f"Not synced by this integration: {', '.join(sorted({hint.resource for hint in hints}))}."[
            :500
        ]
    return ", ".join(f"{h.resource} {h.external_id or '(any)'}" for h in wanted[:10])[:500]


def _mark(integration: Integration, hints: list[ChangeHint]) -> None:
    """Mark known pairs, leave placeholders for unknown records, poll where no record is named."""
    now = runtime().now()
    wanted: dict[tuple[str, str], ChangeHint] = {}
    polls: set[tuple[str, str]] = set()
    for hint in hints:
        if hint.external_id:
            wanted[(hint.resource, hint.external_id)] = hint
        else:
            polls.add((hint.resource, hint.parent_id))
    rows = Mapping.objects.filter(
        integration=integration,
        resource__in={resource for resource, _ in wanted},
        external_id__in={external_id for _, external_id in wanted},
    ).values_list("id", "resource", "external_id")
    known = {(resource, str(external_id)): mapping_id for mapping_id, resource, external_id in rows}
    marked = [known[key] for key in wanted if key in known]
    mark_dirty(
        mapping_ids=marked,
        reason="webhook",
        priority=2,
        method=SyncMethod.WEBHOOK,
        now=now,
        lifts_holds=True,
    )
    _placeholders(
        integration, [hint for key, hint in wanted.items() if key not in known and not hint.is_delete]
    )
    for resource, parent_id in sorted(polls):
        poll_request(integration, resource, parent_id)


def _placeholders(integration: Integration, hints: list[ChangeHint]) -> None:
    if not hints or not integration.create_missing_locally or integration.sync_direction == "out":
        return
    now = runtime().now()
    context = IntegrationContext(integration)
    rows: list[Any] = [
        Mapping(
            id=new_id(),
            tenant_id=integration.tenant_id,
            integration=integration,
            resource=hint.resource,
            record_type=context.resource(hint.resource).record_type,
            external_id=hint.external_id,
            external_parent_id=hint.parent_id,
            state=MappingState.PENDING,
            state_reason="Noticed there; being brought in.",
            dirty_at=now,
            dirty_seq=1,
            dirty_reason="webhook",
            priority=2,
            method=SyncMethod.WEBHOOK,
            created_at=now,
        )
        for hint in hints
    ]
    Mapping.objects.bulk_create(rows, ignore_conflicts=True)


def poll_request(integration: Integration, resource: str, parent_id: str = "") -> None:
    """An incremental run of one resource, or of one parent's children, unless one is queued already."""
    now = runtime().now()
    queued = SyncJob.objects.filter(integration=integration, kind=JobKind.WEBHOOK, status=JobStatus.QUEUED)
    options = {"parent": parent_id} if parent_id else {}
    if any(job.options == options for job in queued.filter(resources=[resource])):
        return
    job = SyncJob.objects.create(
        tenant_id=integration.tenant_id,
        integration=integration,
        kind=JobKind.WEBHOOK,
        resources=[resource],
        options=options,
        run_at=now,
        created_at=now,
    )
    wake("sync.run_job", job_id=str(job.id))
