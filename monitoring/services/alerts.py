"""What people do with alerts: acknowledge and resolve. The evaluation opens them and ends them by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from integrations.audit import audit
from integrations.services.problems import NotNow
from live.feed import publish, sync_room
from monitoring.models import OPEN_STATES, Alert, AlertRule, AlertState, Notification, Told

EVENT = "alert.changed"


def alert_acknowledge(*, alert: Alert, user: Any, now: datetime) -> Alert:
    """Somebody is at it: no more reminders until it is over. Raises ``NotNow`` unless it fires."""
    with transaction.atomic():
        changed = Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING).update(
            state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=user
        )
        alert.refresh_from_db()
        if not changed:
            raise NotNow(
                f"Only a firing alert can be acknowledged; this one is {alert.get_state_display().lower()}."
            )
        audit(alert, "alert.acknowledged", user=user, changes={"state": (AlertState.FIRING, alert.state)})
        alert_announce(alert)
    return alert


def alert_resolve(*, alert: Alert, user: Any, now: datetime, note: str = "") -> Alert:
    """A person ends it. It stays ended while the same breach lasts; the next breach opens a new one. May raise ``NotNow``."""
    with transaction.atomic():
        was = alert.state
        changed = Alert.objects.filter(pk=alert.pk, state__in=OPEN_STATES).update(
            state=AlertState.RESOLVED, resolved_at=now, resolved_by=user, note=note.strip()[:300]
        )
        alert.refresh_from_db()
        if not changed:
            raise NotNow("This alert is resolved already.")
        audit(alert, "alert.resolved", user=user, changes={"state": (was, alert.state)}, note=note)
        alert_announce(alert)
    return alert


def alerts_close(rule: AlertRule, *, note: str, now: datetime) -> None:
    """The rule's open alerts end with it; nobody is told, since nothing recovered."""
    for alert in Alert.objects.filter(rule=rule, state__in=OPEN_STATES):
        alert.state, alert.resolved_at, alert.note, alert.told = (
            AlertState.RESOLVED,
            now,
            note,
            Told.RECOVERED,
        )
        alert.save(update_fields=["state", "resolved_at", "note", "told"])
        alert_announce(alert)


def alerts_expire(now: datetime) -> int:
    """Drop resolved alerts with their messages, and messages of no alert, after the sync log's time; how many rows."""
    before = now - timedelta(days=settings.LOCKSTEP_LOG_RETENTION_DAYS)
    gone, _ = Alert.objects.filter(state=AlertState.RESOLVED, resolved_at__lt=before).delete()
    loose, _ = Notification.objects.filter(alert=None, created_at__lt=before).delete()
    return gone + loose


def alert_announce(alert: Alert) -> None:
    """Tell the tenant's room, after commit; the open pages and the counters look again."""
    publish(
        sync_room(alert.tenant_id),
        EVENT,
        {
            "id": str(alert.pk),
            "name": alert.name,
            "severity": alert.severity,
            "state": alert.state,
            "integration": str(alert.integration_id or ""),
        },
        tenant_id=alert.tenant_id,
    )
