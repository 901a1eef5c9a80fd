"""Keep the vendors' webhooks registered: after a set-up, a change of address or a failure, daily, and before they
expire (G3). Notice when none come (G4)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.dateparse import parse_datetime

from connectors import registry
from connectors.base.errors import SyncError
from integrations.models import Integration, Mapping, SyncFrequency
from integrations.registrations import RegistrationState, registration_of
from integrations.services.credentials import webhook_url
from integrations.services.deliveries import webhook_register, webhook_unregister
from integrations.services.problems import NotNow
from integrations.services.silence import silence_begin
from sync.runtime import runtime
from workspace.wakeups import wake

logger = logging.getLogger(__name__)

#: seconds until the next try after a failed one; the last goes on for ever
DELAYS = (5, 15, 60, 300, 1800, 6 * 3600)
#: so many tries to register may fail before polling takes over
PATIENCE = 3
#: so many changes that no webhook told of are no accident
MISSED = 3
#: a webhook may come a little after a poll has found its change
GRACE = timedelta(minutes=1)


def webhooks_ensure() -> int:
    """Wake a worker for each running real-time integration whose registration is missing or out of date."""
    now = runtime().now()
    waiting = [row.id for row in _real_time() if _is_due(row, now)]
    for integration_id in waiting:
        wake("sync.ensure_webhook", integration_id=str(integration_id))
    return len(waiting)


def webhook_ensure(*, integration_id: UUID) -> bool:
    """Register one integration's webhook if that is due; True if it was. A failure is noted and tried again later."""
    integration = _real_time().select_related("tenant", "credential").filter(id=integration_id).first()
    now = runtime().now()
    if integration is None or not _is_due(integration, now):
        return False
    try:
        if (integration.webhook_registration or {}).get("renew"):  # not every vendor lets a secret be changed
            webhook_unregister(integration=integration, user=None)
        webhook_register(integration=integration, user=None, now=now)
    except NotNow as refusal:
        facts = {"url": webhook_url(integration), "by_hand": True, "at": now.isoformat()}
        _note(integration, {**facts, "error": refusal.message})
    except SyncError as error:
        tries = int(integration.webhook_registration.get("tries") or 0)
        delay = timedelta(seconds=DELAYS[min(tries, len(DELAYS) - 1)])
        known = integration.webhook_registration or {}
        stands = {**known, "renew_at": (now + delay).isoformat()} if known.get("url") else {}
        _note(
            integration,
            {
                **stands,
                "error": error.message[:500],
                "tries": tries + 1,
                "next_try": (now + delay).isoformat(),
            },
        )
        logger.warning(
            "webhook.register.failed", extra={"integration": str(integration.id), "code": error.code}
        )
    else:
        return True
    return False


def _real_time() -> Any:
    return Integration.objects.running().filter(sync_frequency=SyncFrequency.REALTIME, auto_sync=True)


def _is_due(integration: Integration, now: datetime) -> bool:
    wanted, known = webhook_url(integration), integration.webhook_registration or {}
    if not wanted:
        return False
    if known.get("url") == wanted:  # it stands; some expire, and some are dropped without a word
        renew_at = parse_datetime(known["renew_at"]) if known.get("renew_at") else None
        return renew_at is not None and renew_at <= now
    if registry.get(integration.connector).webhooks_of(integration.options) is None:
        return False
    next_try = parse_datetime(known["next_try"]) if known.get("next_try") else None
    return next_try is None or next_try <= now


def _note(integration: Integration, facts: dict[str, Any]) -> None:
    Integration.objects.filter(id=integration.id).update(webhook_registration=facts)


# -- silence -----------------------------------------------------------------------------------------------


def silences_watch() -> int:
    """Note of which real-time integrations no webhook comes; of how many that is news."""
    now = runtime().now()
    found = 0
    for integration in _real_time().filter(webhook_silent_since__isnull=True).select_related("tenant"):
        if reason := _why_silent(integration, now):
            found += silence_begin(integration, reason, now=now)
    return found


def _why_silent(integration: Integration, now: datetime) -> str:
    """The evidence, in a sentence; "" without any."""
    known = integration.webhook_registration or {}
    registration = registration_of(integration)
    if registration.state is RegistrationState.FAILED and int(known.get("tries") or 0) >= PATIENCE:
        return f"It could not be registered {known['tries']} times: {registration.detail}"
    if registration.state not in (RegistrationState.REGISTERED, RegistrationState.BY_HAND):
        return ""
    since = parse_datetime(known.get("at") or "") or integration.created_at
    if integration.last_webhook_at is not None:
        since = max(since, integration.last_webhook_at)
    if _missed(integration, since, now) < MISSED:
        return ""
    return f"At least {MISSED} changes were found there since {since:%d %b, %H:%M} UTC of which none told."


def _missed(integration: Integration, since: datetime, now: datetime) -> int:
    """Changes there since a moment that were brought in since then, up to ``MISSED``; our own writes are none.

    A pair whose vendor tells no time of change is no evidence.
    """
    rows = Mapping.objects.live().filter(
        integration=integration,
        last_in_at__gt=since,
        last_in_at__lte=now - GRACE,
        external_updated_at__gt=since,
        external_updated_at__lte=F("last_in_at"),
    )
    return rows.exclude(last_out_at__gte=F("external_updated_at"))[:MISSED].count()
