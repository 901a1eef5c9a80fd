"""Joined reads of the alerts: the list under its filters, counts, and how the channels do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.urls import reverse

from integrations.models import Integration
from integrations.pages.base import as_uuid
from integrations.panels import Tally
from monitoring.models import (
    OPEN_STATES,
    Alert,
    AlertState,
    Channel,
    Notification,
    NotificationState,
    Severity,
)
from workspace.models import Tenant

#: how far back a channel's failures are read
FAULTS_READ = 200
STATES = {"open": "Open", **dict(AlertState.choices), "all": "All"}


def list_link(integration: Integration | None) -> str:
    """The firing alerts, of one integration or of all."""
    query = "?state=firing" + (f"&integration={integration.pk}" if integration else "")
    return reverse("alerts:list") + query


def tallies(tenant: Tenant, now: datetime) -> dict[UUID, Tally]:
    """Firing alerts per integration and those resolved in the last day; the hub's own under the tenant's id. One query.

    The list's filter "firing" counts the same.
    """
    firing = Q(state=AlertState.FIRING)
    over = Q(state=AlertState.RESOLVED, resolved_at__gt=now - timedelta(days=1))
    counted = (
        alive(tenant)
        .filter(firing | over)
        .order_by()
        .values_list("integration_id")
        .annotate(firing=Count("pk", filter=firing), over=Count("pk", filter=over))
    )
    return {pk or tenant.pk: Tally(count, settled) for pk, count, settled in counted}


def alive(tenant: Tenant) -> QuerySet[Alert]:
    """The tenant's alerts, without those of deleted integrations."""
    return Alert.objects.filter(tenant=tenant, integration__deleted_at__isnull=True)


def alert_rows(tenant: Tenant, params: Any) -> QuerySet[Alert]:
    """The tenant's alerts under the filters of an address; what cannot be read matches nothing."""
    rows = alive(tenant)
    state = params.get("state") or "open"
    if state == "open":
        rows = rows.filter(state__in=OPEN_STATES)
    elif state != "all":
        rows = rows.filter(state=state)
    for name, column in (("integration", "integration_id"), ("rule", "rule_id")):
        if value := params.get(name):
            found = as_uuid(value)
            rows = rows.filter(**{column: found}) if found else rows.none()
    if (value := params.get("severity")) in Severity.values:
        rows = rows.filter(severity=value)
    if value := params.get("q", "").strip():
        rows = rows.filter(Q(name__icontains=value[:100]) | Q(integration__name__icontains=value[:100]))
    return rows


@dataclass(frozen=True)
class ChannelFact:
    """How a channel's newest message ended; ``since`` is the first failure after its last success."""

    channel: str
    last_at: datetime | None = None
    error: str = ""
    since: datetime | None = None

    @property
    def label(self) -> str:
        return Channel(self.channel).label


def channel_facts(tenant: Tenant) -> list[ChannelFact]:
    """E-mail and Slack, each by what became of its messages; two queries."""
    rows = Notification.objects.filter(tenant=tenant, tried_at__isnull=False)
    sent: Mapping[str, datetime] = dict(
        rows.filter(state=NotificationState.SENT)
        .order_by()
        .values_list("channel")
        .annotate(at=Max("tried_at"))
    )
    failed: dict[str, list[tuple[datetime, str]]] = {}
    missed = rows.exclude(error="").order_by("-tried_at").values_list("channel", "tried_at", "error")
    for channel, at, error in missed[:FAULTS_READ]:
        if at is not None and (channel not in sent or at >= sent[channel]):
            failed.setdefault(channel, []).append((at, error))
    return [
        ChannelFact(
            channel,
            last_at=sent.get(channel),
            error=failed[channel][0][1] if channel in failed else "",
            since=failed[channel][-1][0] if channel in failed else None,
        )
        for channel in (Channel.EMAIL, Channel.SLACK)
    ]


def told_whom(alerts: Sequence[Alert]) -> dict[UUID, str]:
    """By alert, to whom messages went: "E-mail to 2, Slack". One query; alerts of which nobody was told are left out."""
    counted = (
        Notification.objects.filter(alert__in=alerts, state=NotificationState.SENT)
        .order_by("channel")
        .values_list("alert_id", "channel")
        .annotate(people=Count("recipient", distinct=True))
    )
    found: dict[UUID, list[str]] = {}
    for alert_id, channel, people in counted:
        label = Channel(channel).label
        found.setdefault(alert_id, []).append(f"{label} to {people}" if channel == Channel.EMAIL else label)
    return {alert_id: ", ".join(parts) for alert_id, parts in found.items()}
