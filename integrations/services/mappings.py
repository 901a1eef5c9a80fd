"""What people do to single pairs: sync now, retry, stop, resume, unlink, link (A6, E6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.audit import audit
from integrations.models import (
    Integration,
    IntentState,
    LogStatus,
    Mapping,
    MappingState,
    Operation,
    SyncMethod,
    WriteIntent,
)
from integrations.services.jobs import RUNNING_STATUSES, resources_of
from integrations.services.logs import log_write
from integrations.services.marks import RELEASED, drains_wake, mark_dirty
from integrations.services.problems import InvalidSettings, NotNow
from live.feed import publish, sync_room
from workspace.kinds import record_spec
from workspace.models import Tenant

#: deletions let go on at a time
MOST_RELEASED = 1000


def _mark(mapping: Mapping, reason: str, now: datetime | None, *, wakes: bool = True) -> None:
    """Ahead of all bulk work, without waiting for a retry's time."""
    mark_dirty(
        mapping_ids=[mapping.id],
        reason=reason,
        priority=0,
        method=SyncMethod.MANUAL,
        clears_wait=True,
        now=now,
        wakes=wakes,
    )


def mapping_sync_now(*, mapping: Mapping, user: Any, now: datetime | None = None) -> Mapping:
    """Look at this pair now, ahead of all bulk work."""
    _check_running(mapping)
    if mapping.state in (MappingState.STOPPED, MappingState.TOMBSTONE):
        raise NotNow("This record is not being synced; resume it first.")
    with transaction.atomic():
        _mark(mapping, "sync now", now)
        mapping_announce(mapping)
    mapping.refresh_from_db()
    return mapping


def mapping_retry(*, mapping: Mapping, user: Any, now: datetime | None = None) -> Mapping:
    """Try a failed pair again from the first attempt; nothing is forced, both sides are read anew."""
    _check_running(mapping)
    if mapping.state in (MappingState.STOPPED, MappingState.TOMBSTONE):
        raise NotNow("This record is not being synced; resume it first.")
    with transaction.atomic():
        rows = Mapping.objects.filter(id=mapping.id, state=MappingState.ERROR)
        rows.update(state=MappingState.PENDING, state_reason="Will be tried again.")
        _mark(mapping, "retry", now)
        audit(mapping, "mapping.retried", user=user)
        mapping_announce(mapping)
    mapping.refresh_from_db()
    return mapping


def record_retry(*, tenant: Tenant, record_id: UUID) -> int:
    """Try a record's failed and waiting pairs again, ahead of bulk work; how many."""
    pairs = Mapping.objects.filter(tenant=tenant, record_id=record_id, integration__deleted_at__isnull=True)
    ids = list(pairs.values_list("id", flat=True))
    Mapping.objects.filter(id__in=ids, state=MappingState.ERROR).update(state=MappingState.PENDING)
    return mark_dirty(mapping_ids=ids, reason="retry", priority=0, method=SyncMethod.MANUAL, clears_wait=True)


def mapping_stop(*, mapping: Mapping, user: Any, now: datetime | None = None) -> Mapping:
    """Keep this record out of the sync; both sides stay as they are, and the bases are kept.

    A worker that has the pair at this moment loses its lease: it writes no more and leaves the pair stopped.
    """
    with transaction.atomic():
        _check_no_create_under_way(mapping)
        rows = Mapping.objects.filter(id=mapping.id).exclude(state=MappingState.TOMBSTONE)
        if not rows.update(
            state=MappingState.STOPPED,
            state_reason=f"Stopped by {user}."[:500],
            dirty_at=None,
            next_attempt_at=None,
            is_dead=False,
            lease_until=None,
            lease_token="",
        ):
            raise NotNow("This record was deleted.")
        _noted(mapping, "mapping.stopped", user, "Syncing of this record was stopped.", now)
    return mapping


def mapping_resume(*, mapping: Mapping, user: Any, now: datetime | None = None) -> Mapping:
    """Take a stopped record up again: what both sides did meanwhile is merged from the old bases."""
    with transaction.atomic():
        rows = Mapping.objects.filter(id=mapping.id, state=MappingState.STOPPED)
        if not rows.update(state=MappingState.PENDING, state_reason=""):
            raise NotNow("Only a stopped record can be resumed.")
        _mark(mapping, "resumed", now)
        _noted(mapping, "mapping.resumed", user, "Syncing of this record was resumed.", now)
    return mapping


def mapping_unlink(*, mapping: Mapping, user: Any, now: datetime | None = None) -> None:
    """End the pair; neither side is changed, and neither record is paired or made anew by itself (I5). An ended pair is
    forgotten: then they may be.

    Raises ``NotNow`` while the record is being made there: what comes of that would be a second one here.
    """
    with transaction.atomic():
        _check_no_create_under_way(mapping)
        _noted(mapping, "mapping.deleted", user, "The pair was unlinked; both records stay.", now)
        rows = Mapping.objects.filter(id=mapping.id, record_id__isnull=False, external_id__isnull=False)
        if not rows.exclude(state=MappingState.TOMBSTONE).update(
            state=MappingState.TOMBSTONE,
            state_reason=f"Unlinked by {user}."[:500],
            dirty_at=now or timezone.now(),  # a worker withdraws what is still to be decided about it
            next_attempt_at=None,
            is_dead=False,
            lease_until=None,
            lease_token="",
        ):
            Mapping.objects.filter(id=mapping.id).delete()
        drains_wake({mapping.integration_id})


def mapping_link_existing(
    *,
    integration: Integration,
    resource: str,
    record_type: str,
    record_id: UUID,
    external_id: str,
    user: Any,
    external_parent_id: str = "",
    now: datetime | None = None,
) -> Mapping:
    """Pair two records that exist. At first contact equal fields agree and different ones go to review (I3)."""
    now = now or timezone.now()
    _check_link(integration, resource, record_type, record_id, external_id)
    try:
        with transaction.atomic():
            ended = Mapping.objects.filter(
                integration=integration, resource=resource, external_id=external_id
            )
            ended.filter(state=MappingState.TOMBSTONE).update(external_id=None)
            mapping = _adopt_in_doubt(
                integration, resource, record_id, external_id, now
            ) or Mapping.objects.create(
                tenant_id=integration.tenant_id,
                integration=integration,
                resource=resource,
                record_type=record_type,
                record_id=record_id,
                external_id=external_id,
                external_parent_id=external_parent_id,
                state=MappingState.PENDING,
                state_reason="Linked by hand.",
                dirty_at=now,
                dirty_seq=1,
                dirty_reason="linked",
                priority=0,
                method=SyncMethod.MANUAL,
            )
            _noted(mapping, "mapping.created", user, "Two records were linked by hand.", now)
            drains_wake({integration.id})
    except IntegrityError as error:
        said = "One of the two belongs to another pair already; unlink that one first."
        raise InvalidSettings({"external_id": [said]}) from error
    return mapping


def _check_link(
    integration: Integration, resource: str, record_type: str, record_id: UUID, external_id: str
) -> None:
    errors: dict[str, list[str]] = {}
    found = next((row for row in resources_of(integration) if row.name == resource), None)
    if found is None:
        names = ", ".join(integration.resource_types)
        errors["resource"] = [f"“{resource}” is not synced by this integration. It syncs: {names}."]
    try:
        rows = record_spec(record_type).model._default_manager.filter(
            tenant_id=integration.tenant_id, id=record_id, deleted_at__isnull=True
        )
        if not rows.exists():
            errors["record_id"] = ["There is no such record."]
    except KeyError:
        errors["record_type"] = [f"There is no record type “{record_type}”."]
    if not external_id.strip() or len(external_id) > 300:
        errors["external_id"] = ["Give the id of the external record, at most 300 characters."]
    if errors:
        raise InvalidSettings(errors)


def _adopt_in_doubt(
    integration: Integration, resource: str, record_id: UUID, external_id: str, now: datetime
) -> Mapping | None:
    """A person settles a create of unknown outcome by naming the external record (E6)."""
    mapping = (
        Mapping.objects.filter(
            integration=integration, resource=resource, record_id=record_id, external_id__isnull=True
        )
        .exclude(state=MappingState.TOMBSTONE)
        .first()
    )
    if mapping is None:
        return None
    if mapping.lease_until is not None and mapping.lease_until > now:
        raise NotNow("The record is being made there at this moment; try again in a minute.")
    noticed = Mapping.objects.filter(integration=integration, resource=resource, external_id=external_id)
    noticed.filter(record_id__isnull=True).delete()  # it only waited for this answer
    WriteIntent.objects.filter(mapping=mapping, state__in=[IntentState.OPEN, IntentState.IN_DOUBT]).update(
        state=IntentState.SETTLED, evidence="named by a person", settled_at=now
    )
    Mapping.objects.filter(id=mapping.id).update(
        external_id=external_id, state=MappingState.PENDING, state_reason="Linked by hand."
    )
    _mark(mapping, "linked", now, wakes=False)
    mapping.refresh_from_db()
    return mapping


def mapping_create_again(*, mapping: Mapping, user: Any, now: datetime | None = None) -> Mapping:
    """A person looked there and found nothing: a create in doubt is sent anew. Raises ``NotNow`` if none is in doubt."""
    now = now or timezone.now()
    with transaction.atomic():
        settled = WriteIntent.objects.filter(mapping=mapping, state=IntentState.IN_DOUBT).update(
            state=IntentState.FAILED, evidence=f"{user} looked there and found nothing."[:500], settled_at=now
        )
        if not settled:
            raise NotNow("No create of this record is in doubt.")
        Mapping.objects.filter(id=mapping.id).update(
            state=MappingState.PENDING, state_reason="Being created there again."
        )
        _mark(mapping, "create again", now)
        _noted(mapping, "mapping.created_again", user, "The record is sent again: it did not arrive.", now)
    return mapping


def mapping_release(*, mapping: Mapping, user: Any, now: datetime | None = None) -> Mapping:
    """Let a quarantined deletion go on; the evidence is looked at again first (E7). Raises ``NotNow`` if none waits."""
    _check_running(mapping)
    with transaction.atomic():
        rows = Mapping.objects.filter(id=mapping.id, state=MappingState.QUARANTINED)
        if not rows.update(state=MappingState.PENDING, state_reason=f"Released by {user}."[:500]):
            raise NotNow("Only a deletion in quarantine can be released.")
        _mark(mapping, RELEASED, now)
        _noted(mapping, "mapping.released", user, "A deletion over the budget was let go on.", now)
    return mapping


def mappings_release(
    rows: QuerySet[Mapping], *, user: Any, now: datetime | None = None
) -> tuple[int, list[str]]:
    """``mapping_release`` for each that waits, a thousand at most: how many, and why the others stay."""
    released, refused = 0, []
    waiting = rows.filter(state=MappingState.QUARANTINED).select_related("integration").order_by("pk")
    for mapping in waiting[:MOST_RELEASED]:
        try:
            mapping_release(mapping=mapping, user=user, now=now)
            released += 1
        except NotNow as reason:
            refused.append(str(reason))
    return released, list(dict.fromkeys(refused))


def _check_no_create_under_way(mapping: Mapping) -> None:
    """What a create made is known by its intent alone: it goes, or rests unsettled, only once the outcome is known (E6)."""
    sent = WriteIntent.objects.filter(mapping=mapping, state=IntentState.OPEN, sent_at__isnull=False)
    if sent.exists():
        raise NotNow("The record is being made there at this moment; try again in a minute.")


def _check_running(mapping: Mapping) -> None:
    if mapping.integration.status not in RUNNING_STATUSES:
        word = mapping.integration.get_status_display().lower()
        raise NotNow(f"The integration is {word}; nothing is synced until that changes.")


def _noted(mapping: Mapping, act: str, user: Any, message: str, now: datetime | None) -> None:
    mapping.refresh_from_db()
    audit(mapping, act, user=user)
    log_write(
        integration=mapping.integration,
        mapping=mapping,
        operation=Operation.LINK,
        status=LogStatus.SUCCESS,
        method=SyncMethod.MANUAL,
        message=message,
        resource=mapping.resource,
        record_type=mapping.record_type,
        record_id=mapping.record_id,
        external_id=mapping.external_id or "",
        now=now,
    )
    mapping_announce(mapping)


def mapping_announce(mapping: Mapping) -> None:
    """Tell the tenant's room that this pair is worth another look."""
    publish(
        sync_room(mapping.tenant_id),
        "mapping.changed",
        {
            "id": str(mapping.id),
            "integration": str(mapping.integration_id),
            "record_id": str(mapping.record_id or ""),
            "state": mapping.state,
        },
        tenant_id=mapping.tenant_id,
    )
