"""Webhook deliveries: stored in one statement, worked off later, replayed on demand (G2, G5)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from connectors import registry
from connectors.base.errors import SyncError
from connectors.base.redact import redact_body, redact_headers
from connectors.base.types import WebhookRegistration
from integrations.audit import audit
from integrations.models import (
    DeliveryStatus,
    Integration,
    IntegrationStatus,
    LogStatus,
    Operation,
    WebhookDelivery,
)
from integrations.services.clients import client_for
from integrations.services.credentials import (
    vendor_secret_held,
    vendor_secret_keep,
    webhook_secrets,
    webhook_url,
)
from integrations.services.logs import log_write
from integrations.services.problems import NotNow
from integrations.services.silence import silence_end
from integrations.services.status import integration_announce
from live.feed import publish, sync_room
from workspace.models import Tenant
from workspace.wakeups import wake

logger = logging.getLogger(__name__)

RECHECK = timedelta(days=1)

DEDUPE_FOR = timedelta(hours=24)
DRAIN_KEY = "webhooks:drainer-woken"
#: headers worth keeping: what a replay or a person needs, never those that authenticate
MAX_HEADERS = 40
MAX_HEADER = 500
WORKS = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a delivery: ``status`` is received, held or duplicate."""

    id: int
    status: str


def dedupe_key(delivery_id: str | None, body: bytes) -> str:
    """The vendor's delivery id, else a digest of the body."""
    if delivery_id:
        return (
            f"id:{delivery_id}"
            if len(delivery_id) <= 190
            else f"id:{hashlib.sha256(delivery_id.encode()).hexdigest()}"
        )
    return f"digest:{hashlib.sha256(body).hexdigest()}"


def delivery_store(
    *,
    integration: Integration,
    key: str,
    event: str,
    headers: Mapping[str, str],
    body: bytes,
    correlation_id: str,
    now: datetime,
) -> Stored:
    """One INSERT … ON CONFLICT, then at most one wake-up per second for all deliveries together.

    A repeated delivery id is counted and skipped. A repeated *digest* that was worked off already is opened again:
    two changes may well look alike in a thin payload, and a hint only makes us read the record anew.
    """
    runs = integration.status in WORKS
    status = DeliveryStatus.RECEIVED if runs else DeliveryStatus.HELD
    delivery_id, duplicates = _insert(
        {
            "tenant_id": integration.tenant_id,
            "integration_id": integration.id,
            "dedupe_key": key,
            "event": event[:120],
            "headers": kept_headers(headers),
            "body": body,
            "status": status,
            "outcome": "",
            "hints": 0,
            "duplicates": 0,
            "attempts": 0,
            "correlation_id": correlation_id[:64],
            "received_at": now,
        },
        forgotten_before=now - DEDUPE_FOR,
    )
    is_news = duplicates == 0
    if runs and (is_news or key.startswith("digest:")):
        drainer_wake()
    return Stored(delivery_id, str(status) if is_news else "duplicate")


_COLUMNS = (
    "tenant_id", "integration_id", "dedupe_key", "event", "headers", "body", "status", "outcome", "hints",
    "duplicates", "attempts", "correlation_id", "received_at",
)  # fmt: skip

_OPEN_AGAIN = (
    "(w.status IN ('processed', 'ignored', 'unknown', 'failed') "
    "AND (excluded.dedupe_key LIKE 'digest:%%' OR w.received_at < %s))"
)
_SQL = (
    f"INSERT INTO integrations_webhookdelivery AS w ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "
    "ON CONFLICT (integration_id, dedupe_key) DO UPDATE SET duplicates = w.duplicates + 1, "
    f"attempts = CASE WHEN {_OPEN_AGAIN} THEN 0 ELSE w.attempts END, "
    f"status = CASE WHEN {_OPEN_AGAIN} THEN excluded.status ELSE w.status END "
    "RETURNING id, duplicates"
)


def _insert(values: Mapping[str, Any], *, forgotten_before: datetime) -> tuple[int, int]:
    fields = {field.attname: field for field in WebhookDelivery._meta.concrete_fields}
    row = [fields[name].get_db_prep_save(values[name], connection) for name in _COLUMNS]
    cutoff = fields["received_at"].get_db_prep_save(forgotten_before, connection)
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [*row, cutoff, cutoff])
        found = cursor.fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as stored: redacted, few and short."""
    few = dict(list(headers.items())[:MAX_HEADERS])
    return {name[:100]: value[:MAX_HEADER] for name, value in redact_headers(few).items()}


def drainer_wake() -> None:
    """Wake one drainer per batch, not one per delivery; without the cache, one per delivery."""
    try:
        is_first = cache.add(DRAIN_KEY, 1, timeout=1)
    except Exception:  # the cache is away: a wake-up too many does no harm
        logger.warning("webhook.coalescing.lost", exc_info=True)
        is_first = True
    if is_first:
        wake("sync.drain_deliveries")


def drainer_started() -> None:
    """Call at the start of a drain: what arrives from now on wakes the next one."""
    try:
        cache.delete(DRAIN_KEY)
    except Exception:
        logger.warning("webhook.coalescing.lost", exc_info=True)


# ---------------------------------------------------------------- replay


def delivery_replay(*, delivery: WebhookDelivery, user: Any, now: datetime | None = None) -> WebhookDelivery:
    """Work a stored delivery off once more. Raises ``NotNow`` while its integration is not running."""
    if delivery.integration.status not in WORKS:
        raise NotNow("The integration is not running; deliveries are held until it is.")
    with transaction.atomic():
        _reopen(WebhookDelivery.objects.filter(id=delivery.id))
        audit(delivery.integration, "delivery.replayed", user=user, note=f"delivery {delivery.id}")
        _announce(delivery.tenant_id, {"id": delivery.id, "integration": str(delivery.integration_id)})
        wake("sync.drain_deliveries")
    delivery.refresh_from_db()
    return delivery


def deliveries_replay(
    *,
    tenant: Tenant,
    integration: Integration,
    since: datetime,
    until: datetime,
    user: Any,
    statuses: list[str] | None = None,
) -> int:
    """Replay what came in a span of time (all, or only those of some statuses); how many."""
    if integration.status not in WORKS:
        raise NotNow("The integration is not running; deliveries are held until it is.")
    rows = WebhookDelivery.objects.filter(
        Q(tenant=tenant), integration=integration, received_at__gte=since, received_at__lte=until
    )
    if statuses:
        rows = rows.filter(status__in=statuses)
    with transaction.atomic():
        count = _reopen(rows)
        audit(integration, "delivery.replayed", user=user, note=f"{count} deliveries from {since} to {until}")
        wake("sync.drain_deliveries")
    return count


def _reopen(rows: Any) -> int:
    return int(
        rows.update(
            status=DeliveryStatus.RECEIVED,
            outcome="Replayed.",
            attempts=0,
            processed_at=None,
            lease_until=None,
        )
    )


def _announce(tenant_id: Any, facts: dict[str, Any]) -> None:
    publish(sync_room(tenant_id), "delivery.changed", facts, tenant_id=tenant_id)


def body_as_text(delivery: WebhookDelivery) -> str:
    """The payload as a person may read it: secrets hidden, at most 16 KB."""
    from_bytes = bytes(delivery.body).decode("utf-8", "replace")
    shown = redact_body(from_bytes, "application/json")
    return shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)


# ---------------------------------------------------------------- registration with the vendor


def webhook_register(*, integration: Integration, user: Any, now: datetime | None = None) -> dict[str, Any]:
    """Have the vendor send its events here, where its API allows; what is registered. May raise ``SyncError``."""
    now = now or timezone.now()
    url = webhook_url(integration)
    if not url:
        raise NotNow("WEBHOOK_BASE_URL is not set on this server, so vendors cannot reach it.")
    connector = registry.get(integration.connector)
    secret = next(iter(webhook_secrets(integration, now=now)), "")
    client = client_for(integration, purpose="person")
    try:
        if connector.webhook_secret_is_vendors and not vendor_secret_held(integration):
            client.remove_webhooks(url)  # its secret was told once, and not to us
        made = client.ensure_webhook(url, secret)
    finally:
        client.close()
    if made is None:
        raise NotNow(f"Register it by hand. {connector.webhook_help}".strip())
    if made.secret:
        vendor_secret_keep(integration, made.secret, now=now)
    facts = {
        "id": made.id,
        "url": made.url,
        "events": list(made.events),
        "active": made.active,
        "at": now.isoformat(),
        "expires_at": made.expires_at.isoformat() if made.expires_at else None,
        "renew_at": _renew_at(made, now).isoformat(),
    }
    stood = (integration.webhook_registration or {}).get("url") == url
    Integration.objects.filter(id=integration.id).update(webhook_registration=facts)
    integration.webhook_registration = facts
    if user is not None or not stood:  # a mere renewal of what brings nothing changes nothing
        silence_end(integration, now=now, reason="It was registered anew.")
    audit(integration, "webhook.created", user=user, note=made.id)
    integration_announce(integration)
    return facts


def _renew_at(made: WebhookRegistration, now: datetime) -> datetime:
    """When to look at a registration again: daily, since some vendors drop one without a word, or well before its end."""
    if made.expires_at is None:
        return now + RECHECK
    return min(now + RECHECK, now + (made.expires_at - now) * 0.6)


def webhook_unregister(*, integration: Integration, user: Any) -> int:
    """Take our registrations back; how many. A vendor that cannot be reached is not fatal: 0."""
    url = webhook_url(integration)
    removed, _ = _remove(integration, url) if url else (0, "")
    Integration.objects.filter(id=integration.id).update(webhook_registration={})
    integration.webhook_registration = {}
    audit(integration, "webhook.deleted", user=user, note=f"{removed} removed")
    return removed


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became of the vendor's webhook to us, in ``words`` for people ("" where it has none of ours).

    ``is_left``: it may be there still, and sends what is refused here.
    """

    words: str = ""
    is_left: bool = False


def webhook_withdraw(*, integration: Integration, user: Any, now: datetime | None = None) -> Withdrawn:
    """End the webhook of an integration that is switched off or deleted, while its credentials are there. Never raises
    ``SyncError``: a vendor that cannot be asked keeps nobody from switching it off.
    """
    known = integration.webhook_registration or {}
    name = registry.get(integration.connector).name
    if known.get("by_hand"):
        return Withdrawn(f"Its webhook was entered by hand: remove it at {name}.", is_left=True)
    if not known.get("url"):
        return Withdrawn()
    removed, problem = _remove(integration, known["url"])
    if problem:
        withdrawn = Withdrawn(
            f"{name} could not be asked to end its webhook: {problem} Remove it there.", is_left=True
        )
    else:
        Integration.objects.filter(id=integration.id).update(webhook_registration={})
        integration.webhook_registration = {}
        withdrawn = Withdrawn(
            f"Its webhook at {name} was removed." if removed else f"{name} has no webhook of it any more."
        )
        audit(integration, "webhook.deleted", user=user, note=f"{removed} removed")
    log_write(
        integration=integration,
        operation=Operation.CONFIG,
        status=LogStatus.FAILED if problem else LogStatus.SUCCESS,
        message=withdrawn.words,
        now=now,
    )
    return withdrawn


def _remove(integration: Integration, url: str) -> tuple[int, str]:
    """How many registrations of this address the vendor took back, and why it could not be asked."""
    try:
        client = client_for(integration, purpose="person")
        try:
            return client.remove_webhooks(url), ""
        finally:
            client.close()
    except SyncError as error:
        facts = {"integration": str(integration.id), "code": error.code}
        logger.warning("webhook.unregister.failed", extra=facts)
        return 0, error.message
