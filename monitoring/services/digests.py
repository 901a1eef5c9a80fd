"""The daily digest of conflicts that wait: per person and tenant, only for who wishes it, only if something waits (F8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from integrations.services.problems import NotNow
from monitoring.models import Channel, DigestChoice, Notification, Reason
from monitoring.services.content import conflicts_waiting
from monitoring.services.notifications import TASK
from workspace.access import Action, role_may
from workspace.models import Membership, Tenant
from workspace.wakeups import wake

#: from this hour of the tenant's day
MORNING = 7


def digest_choose(*, tenant: Tenant, user: Any, wanted: bool) -> None:
    """Ask for the digest, or no more. Raises ``NotNow`` for somebody without an address."""
    if not wanted:
        DigestChoice.objects.filter(tenant=tenant, user=user).delete()
        return
    if not user.email:
        raise NotNow("Your account has no e-mail address to send the digest to.")
    DigestChoice.objects.get_or_create(tenant=tenant, user=user)


def digests_queue(now: datetime) -> int:
    """Queue today's digests of every tenant whose morning has come; how many. Safe to call at any time, and twice."""
    queued = 0
    for tenant in Tenant.objects.filter(pk__in=DigestChoice.objects.values("tenant")):
        local = now.astimezone(tenant.zone)
        if local.hour >= MORNING:
            queued += _queue(tenant, local, now)
    if queued:
        wake(TASK)
    return queued


def _queue(tenant: Tenant, local: datetime, now: datetime) -> int:
    today = local.date()
    waiting = Q(done_on__isnull=True) | Q(done_on__lt=today)
    with transaction.atomic():
        choices = list(
            DigestChoice.objects.select_for_update(of=("self",))
            .filter(waiting, tenant=tenant, user__is_active=True)
            .select_related("user")
        )
        if not choices:
            return 0
        rows = []
        if any(tally.open for tally in conflicts_waiting(tenant, now).values()):
            reviewers = _reviewers(tenant)
            rows = [
                Notification(
                    tenant=tenant, channel=Channel.EMAIL, reason=Reason.DIGEST, recipient=choice.user.email,
                    created_at=now, next_attempt_at=now,
                )
                for choice in choices
                if choice.user.email and (choice.user_id in reviewers or choice.user.is_superuser)
            ]  # fmt: skip
        Notification.objects.bulk_create(rows)
        DigestChoice.objects.filter(pk__in=[choice.pk for choice in choices]).update(done_on=today)
    return len(rows)


def _reviewers(tenant: Tenant) -> set[Any]:
    """Who may still decide conflicts here: a role that ended takes its digest with it."""
    members = Membership.objects.filter(tenant=tenant).values_list("user_id", "role")
    return {user_id for user_id, role in members if role_may(role, Action.REVIEW)}
