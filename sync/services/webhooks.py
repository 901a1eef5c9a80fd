"""Keep the vendors' webhooks registered: after a set-up, a change of address or a failure, daily, and before they
expire (G3)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from connectors import registry
from connectors.base.errors import SyncError
from integrations.models import Integration, SyncFrequency
from integrations.services.credentials import webhook_url
from integrations.services.deliveries import webhook_register, webhook_unregister
from integrations.services.problems import NotNow
from sync.runtime import runtime
from workspace.wakeups import wake

logger = logging.getLogger(__name__)

#: seconds until the next try after a failed one; the last goes on for ever
DELAYS = (5, 15, 60, 300, 1800, 6 * 3600)


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
        _note(integration, {"url": webhook_url(integration), "by_hand": True, "error": refusal.message})
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
