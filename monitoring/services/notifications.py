"""Messages as rows: queued with the decision in one transaction, sent by a worker, tried again by themselves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from integrations.services.problems import NotNow
from monitoring.core import Tell
from monitoring.models import Alert, AlertRule, Channel, Notification, NotificationState, Reason
from monitoring.services import content
from monitoring.services.channels import ChannelFault, Message, email_send, slack_send, slack_set_at
from workspace.models import Membership, Tenant
from workspace.wakeups import wake

logger = logging.getLogger(__name__)

TASK = "monitoring.deliver"
#: after these the next try; then the message has failed
RETRY_MINUTES = (1, 2, 4, 8, 16)
LEASE = timedelta(minutes=3)
BATCH = 50


# -- queueing ----------------------------------------------------------------------------------------------


def notifications_queue(rule: AlertRule, messages: Sequence[tuple[Alert, Tell]], *, now: datetime) -> None:
    """A row per alert and recipient over the rule's channels; the dashboard needs none. At most two queries and one write."""
    if not messages:
        return
    rows: list[Notification] = []
    addresses = recipients_of(rule) if Channel.EMAIL in rule.channels else []
    has_slack = Channel.SLACK in rule.channels and slack_set_at(rule.tenant) is not None
    for alert, tell in messages:
        facts: dict[str, Any] = {
            "tenant_id": rule.tenant_id,
            "alert": alert,
            "reason": tell.value,
            "created_at": now,
        }
        if Channel.EMAIL in rule.channels:
            rows += [_row(Channel.EMAIL, recipient=address, **facts) for address in addresses]
            if not addresses:
                rows.append(
                    _failed(Channel.EMAIL, "Nobody whom this rule names has an e-mail address.", **facts)
                )
        if Channel.SLACK in rule.channels:
            said = "No Slack address is set. A manager enters it under Alerts, Channels."
            rows.append(_row(Channel.SLACK, **facts) if has_slack else _failed(Channel.SLACK, said, **facts))
    Notification.objects.bulk_create(rows)
    if any(row.state == NotificationState.WAITING for row in rows):
        wake(TASK)


def _row(channel: Channel, *, created_at: datetime, **facts: Any) -> Notification:
    return Notification(channel=channel, created_at=created_at, next_attempt_at=created_at, **facts)


def _failed(channel: Channel, error: str, *, created_at: datetime, **facts: Any) -> Notification:
    return Notification(
        channel=channel, created_at=created_at, tried_at=created_at, state=NotificationState.FAILED, error=error, **facts
    )  # fmt: skip


def recipients_of(rule: AlertRule) -> list[str]:
    """The rule's own addresses and those of active members in its roles; each once."""
    members = Membership.objects.filter(
        tenant_id=rule.tenant_id, role__in=rule.roles, user__is_active=True
    ).exclude(user__email="")
    found = [*rule.recipients, *(members.values_list("user__email", flat=True) if rule.roles else ())]
    return list({address.casefold(): address for address in found}.values())


# -- sending -----------------------------------------------------------------------------------------------


def due(now: datetime) -> QuerySet[Notification]:
    """Waiting messages whose time has come and that no worker holds."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return Notification.objects.filter(free, state=NotificationState.WAITING, next_attempt_at__lte=now)


def notifications_deliver(now: datetime) -> int:
    """Send what is due, a batch; how many were taken up. One that fails does not stop the others."""
    ids = list(due(now).order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:BATCH])
    taken = 0
    said: dict[Any, Message | None] = {}
    for pk in ids:
        if due(now).filter(pk=pk).update(lease_until=now + LEASE, attempts=F("attempts") + 1):
            taken += 1
            row = Notification.objects.select_related(
                "tenant", "alert__tenant", "alert__integration", "alert__resolved_by"
            ).get(pk=pk)
            _deliver(row, said, now)
    return taken


def _deliver(row: Notification, said: dict[Any, Message | None], now: datetime) -> None:
    key = (row.tenant_id, row.alert_id, row.reason)
    try:
        if key not in said:
            said[key] = _message_of(row, now)
        message = said[key]
        if message is not None:
            channel_send(row.tenant, row.channel, message, row.recipient)
    except ChannelFault as fault:
        _missed(row, str(fault), now, may_pass=fault.may_pass)
        return
    except Exception as error:  # a fault of ours must neither be sent for ever nor stop the next message
        logger.exception("alerts.notification.failed", extra={"notification": str(row.pk)})
        _missed(row, f"Something went wrong in Lockstep itself ({type(error).__name__}).", now, may_pass=True)
        return
    _end(row, NotificationState.SENT, "", now)


def _message_of(row: Notification, now: datetime) -> Message | None:
    """None if there is nothing to say any more."""
    if row.reason == Reason.DIGEST:
        return content.digest_message(row.tenant, now)
    assert row.alert is not None  # only digests and tests have none, and a test is sent at once
    return content.alert_message(row.alert, row.reason, now)


def channel_send(tenant: Tenant, channel: str, message: Message, recipient: str) -> None:
    """Raises ``ChannelFault``."""
    if channel == Channel.SLACK:
        slack_send(tenant, message)
    else:
        email_send(message, recipient)


def _missed(row: Notification, error: str, now: datetime, *, may_pass: bool) -> None:
    if not may_pass or row.attempts > len(RETRY_MINUTES):
        _end(row, NotificationState.FAILED, error, now)
        return
    wait = timedelta(minutes=RETRY_MINUTES[row.attempts - 1])
    Notification.objects.filter(pk=row.pk).update(
        lease_until=None, next_attempt_at=now + wait, tried_at=now, error=error[:300]
    )


def _end(row: Notification, state: NotificationState, error: str, now: datetime) -> None:
    Notification.objects.filter(pk=row.pk).update(
        state=state, error=error[:300], tried_at=now, lease_until=None, next_attempt_at=None
    )
    facts = {"channel": row.channel, "reason": row.reason, "tenant": str(row.tenant_id)}
    logger.info("alerts.notification.ended", extra={**facts, "outcome": str(state)})


# -- tests -------------------------------------------------------------------------------------------------


def channel_test(*, tenant: Tenant, user: Any, channel: str, now: datetime) -> Notification:
    """Send a test at once: mail to the person who asked, Slack to the tenant's channel. The row says what came of it.

    Raises ``NotNow`` where the person has no address.
    """
    recipient = user.email if channel == Channel.EMAIL else ""
    if channel == Channel.EMAIL and not recipient:
        raise NotNow("Your account has no e-mail address; a test is sent to whoever asks for it.")
    row = Notification(
        tenant=tenant, channel=channel, reason=Reason.TEST, recipient=recipient, attempts=1, created_at=now, tried_at=now
    )  # fmt: skip
    try:
        channel_send(tenant, channel, content.test_message(tenant, user.get_username()), recipient)
        row.state = NotificationState.SENT
    except ChannelFault as fault:
        row.state, row.error = NotificationState.FAILED, str(fault)[:300]
    row.save()
    return row
