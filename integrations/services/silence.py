"""Webhooks that ought to come and do not: noted on the integration, so that polling takes over (G4)."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from integrations.models import Integration, LogStatus, Operation
from integrations.services.logs import log_write
from integrations.services.schedules import schedule_apply
from integrations.services.status import integration_announce

logger = logging.getLogger(__name__)


def silence_begin(integration: Integration, reason: str, *, now: datetime) -> bool:
    """From now on the fallback polls. True if it was news."""
    return _set(integration, now, LogStatus.HELD, f"Webhooks are silent. {reason}", now)


def silence_end(integration: Integration, *, now: datetime, reason: str = "A webhook has come.") -> bool:
    """Back to the ordinary schedule. True if it was news; no query where the row says that it is none."""
    if integration.webhook_silent_since is None:
        return False
    return _set(integration, None, LogStatus.SUCCESS, f"Webhooks are no longer silent. {reason}", now)


def _set(
    integration: Integration, since: datetime | None, status: LogStatus, message: str, now: datetime
) -> bool:
    rows = Integration.objects.filter(id=integration.id, webhook_silent_since__isnull=since is not None)
    with transaction.atomic():
        if not rows.update(webhook_silent_since=since):
            return False
        integration.refresh_from_db()
        schedule_apply(integration)
        log_write(
            integration=integration, operation=Operation.WEBHOOK, status=status, message=message, now=now
        )
        integration_announce(integration)
    logger.info("webhook.silence", extra={"integration": str(integration.id), "silent": since is not None})
    return True
