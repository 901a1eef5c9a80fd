"""Conflicts of a pair that is made anew or ends: there is nothing left to decide; the values stay readable."""

from __future__ import annotations

from conflicts.models import OPEN_STATUSES, ConflictResolution
from conflicts.services import conflict_withdraw
from integrations.models import Mapping
from sync.runtime import runtime


def withdraw_all(mapping: Mapping) -> None:
    """Close every open conflict of the pair; call inside a transaction."""
    groups = list(
        ConflictResolution.objects.filter(mapping=mapping, status__in=OPEN_STATUSES).values_list(
            "group", flat=True
        )
    )
    if groups:
        conflict_withdraw(mapping=mapping, groups=groups, now=runtime().now())
