"""Dirty marks: whatever happens to a record only says "look at this pair again" (E1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Case, F, PositiveSmallIntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from integrations.models import Integration, Mapping, MappingState, SyncMethod
from workspace.wakeups import wake

#: SQLite takes some 32,000 parameters per statement, PostgreSQL plans long lists slowly.
CHUNK = 5000

T = TypeVar("T")

_HELD = Q(is_dead=True) | Q(state__in=[MappingState.HELD, MappingState.QUARANTINED])


#: a person lets a deletion go on that the budget held back
RELEASED = "released"


def mark_dirty(
    *,
    mapping_ids: Collection[UUID | str] | None = None,
    integration: Integration | None = None,
    resource: str | None = None,
    external_ids: Collection[str] | None = None,
    reason: str,
    priority: int = 5,
    method: str = SyncMethod.POLL,
    now: datetime | None = None,
    wakes: bool = True,
    clears_wait: bool = False,
    lifts_holds: bool = False,
) -> int:
    """Mark pairs as to be looked at, by their ids or by what the vendor calls them; how many there were.

    One UPDATE per 5,000. A pair that is marked already keeps its age and the more urgent priority. Tombstones
    and pairs stopped by a person stay as they are. ``clears_wait`` drops the wait for a retry and a dead letter's
    hold: someone wants it tried now. ``lifts_holds`` does so only for pairs that are held, quarantined or dead: the
    other side has news, which may end what held them; a retry after a failure keeps its time. With ``wakes`` one
    worker is woken per integration.
    """
    if mapping_ids is None and (integration is None or external_ids is None):
        raise ValueError("name pairs by mapping_ids, or by integration, resource and external_ids")
    now = now or timezone.now()
    values = _mark(reason, priority, method, now)
    if clears_wait:
        values |= {"next_attempt_at": None, "attempts": 0, "is_dead": False}
    elif lifts_holds:
        values |= {
            "next_attempt_at": Case(When(_HELD, then=Value(None)), default=F("next_attempt_at")),
            "attempts": Case(
                When(is_dead=True, then=Value(0)),
                default=F("attempts"),
                output_field=PositiveSmallIntegerField(),
            ),
            "is_dead": False,
        }
    marked = 0
    for rows in _selections(mapping_ids, integration, resource, external_ids):
        marked += rows.exclude(state__in=[MappingState.TOMBSTONE, MappingState.STOPPED]).update(**values)
    if wakes and marked:
        drains_wake(_integrations_of(mapping_ids, integration))
    return marked


def mark_held(*, integration: Integration, resource: str, reason: str, now: datetime | None = None) -> int:
    """Have pairs looked at again that a map held back: fields without a counterpart, dead letters of the map."""
    rows = Mapping.objects.filter(integration=integration, resource=resource)
    waiting = rows.filter(~Q(held={}) | Q(is_dead=True, error_code="mapping"))
    ids = list(waiting.values_list("id", flat=True))
    return mark_dirty(mapping_ids=ids, reason=reason, now=now, lifts_holds=True) if ids else 0


def drains_wake(integration_ids: Collection[UUID]) -> None:
    """Wake one worker per integration to work off its marks."""
    for integration_id in integration_ids:
        wake("sync.drain_integration", integration_id=str(integration_id))


def _mark(reason: str, priority: int, method: str, now: datetime) -> dict[str, Any]:
    return {
        "dirty_at": Coalesce(F("dirty_at"), Value(now)),
        "dirty_seq": F("dirty_seq") + 1,
        "dirty_reason": Case(  # what a person released stays released until it is worked off
            When(dirty_at__isnull=False, dirty_reason=RELEASED, then=Value(RELEASED)),
            default=Value(reason[:40]),
        ),
        "priority": Case(
            When(dirty_at__isnull=True, then=Value(priority)),
            default=Least(F("priority"), Value(priority)),
            output_field=PositiveSmallIntegerField(),
        ),
        "method": method,
    }


def _selections(
    mapping_ids: Collection[UUID | str] | None,
    integration: Integration | None,
    resource: str | None,
    external_ids: Collection[str] | None,
) -> Iterator[QuerySet[Mapping]]:
    if mapping_ids is not None:
        for ids in _chunks(list(mapping_ids)):
            yield Mapping.objects.filter(id__in=ids)
        return
    rows = Mapping.objects.filter(integration=integration)
    if resource is not None:
        rows = rows.filter(resource=resource)
    for names in _chunks(list(external_ids or ())):
        yield rows.filter(external_id__in=names)


def _integrations_of(
    mapping_ids: Collection[UUID | str] | None, integration: Integration | None
) -> set[UUID]:
    if integration is not None:
        return {integration.id}
    found: set[UUID] = set()
    for ids in _chunks(list(mapping_ids or ())):
        found.update(Mapping.objects.filter(id__in=ids).values_list("integration_id", flat=True).distinct())
    return found


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
