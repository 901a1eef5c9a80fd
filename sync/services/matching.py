"""First contact: recognise records that are on both sides already, by declared fields (E2, F27)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from conflicts.models import OPEN_STATUSES, ConflictKind, ConflictResolution, ConflictStatus
from conflicts.services import MATCH_GROUP, conflict_open
from integrations.models import IntentState, Mapping, MappingState
from reconcile.model import ConflictGroup, FieldConflict
from sync import leases, scopes
from sync.context import ResourceContext
from sync.pairs import Pair
from sync.runtime import runtime
from sync.work import NotYet, Outcome, Work
from workspace.models import RECORD_TYPES
from workspace.services import records_read

UNSETTLED = [IntentState.OPEN, IntentState.IN_DOUBT]


def find(rc: ResourceContext, tenant_id: UUID, values: dict[str, Any]) -> list[UUID]:
    """Unlinked local records that agree in the match fields; at most three. Empty values match nothing.

    One that waits to be made there, and was never sent, is unlinked too; one that a person stopped is not.
    """
    return find_many(rc, tenant_id, {"": values}).get("", [])


def find_many(
    rc: ResourceContext, tenant_id: UUID, candidates: dict[str, dict[str, Any]]
) -> dict[str, list[UUID]]:
    """As ``find`` for a page: ``{external id: [local ids]}``, in two queries."""
    fields = rc.match_on
    if not fields:
        return {}
    wanted: dict[tuple[str, ...], list[str]] = {}
    for name, values in candidates.items():
        key = tuple(str(values.get(rc.field_map.links[f].local) or "").strip().casefold() for f in fields)
        if all(key):
            wanted.setdefault(key, []).append(name)
    if not wanted:
        return {}
    model = RECORD_TYPES[rc.record_type]
    columns = [rc.field_map.links[f].local for f in fields]
    # by any resource, as in the outbox: a ticket is not matched with the task of a card
    pairs = Mapping.objects.live().filter(integration=rc.integration, record_id=OuterRef("pk"))
    linked = pairs.filter(
        Q(external_id__isnull=False) | Q(intents__state__in=UNSETTLED) | Q(state=MappingState.STOPPED)
    )
    spellings = {str(c[columns[0]]).strip() for c in candidates.values() if c.get(columns[0])}
    rows = (
        model.objects.filter(~Exists(linked), tenant_id=tenant_id, deleted_at__isnull=True)
        .annotate(spelt=Lower(columns[0]))
        .filter(Q(spelt__in={text.lower() for text in spellings}) | Q(**{f"{columns[0]}__in": spellings}))
        .order_by("id")
        .values_list("id", *columns)[:2000]
    )
    found: dict[str, list[UUID]] = {}
    for record_id, *local in rows:
        for name in wanted.get(tuple(str(v or "").strip().casefold() for v in local), []):
            found.setdefault(name, []).append(record_id)
    return _taking_part(rc, tenant_id, found)


def _taking_part(rc: ResourceContext, tenant_id: UUID, found: dict[str, list[UUID]]) -> dict[str, list[UUID]]:
    """Only records in this integration's scope are candidates, and three are enough to ask about."""
    ids = {record_id for each in found.values() for record_id in each}
    if not ids:
        return {}
    states = records_read(tenant_id=tenant_id, record_type=rc.record_type, ids=ids)
    here = {i for i, state in states.items() if scopes.local_in_scope(rc.integration, rc.name, state)}
    kept = {name: [i for i in each if i in here][:3] for name, each in found.items()}
    return {name: each for name, each in kept.items() if each}


def decided(mapping: Mapping) -> ConflictResolution | None:
    """What a reviewer decided about the several records that match, not yet carried out."""
    return ConflictResolution.objects.filter(
        mapping=mapping, group=MATCH_GROUP, status=ConflictStatus.DECIDED
    ).first()


def choose(candidates: list[UUID], decision: ConflictResolution | None) -> tuple[UUID | None, bool]:
    """``(record to link or None to make one, whether the decision was carried out)``. Raises ``Several``.

    A decision for a record that is deleted or linked elsewhere by now counts no more.
    """
    choice = decision.resolved.get(MATCH_GROUP, {}) if decision else {}
    if choice.get("choice") == "create":
        return None, True
    if choice.get("choice") == "link" and UUID(str(choice["value"])) in candidates:
        return UUID(str(choice["value"])), True
    if len(candidates) > 1:
        raise Several
    return (candidates[0] if candidates else None), False


def take_over(work: Work, record_id: UUID) -> None:
    """Link a matching record; its own pair, if it only waits to be made there, makes way. Call in a transaction.

    Raises ``NotYet`` while another worker is about to make it there.
    """
    waiting = Mapping.objects.live().filter(
        integration=work.integration, resource=work.rc.name, record_id=record_id
    )
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=runtime().now())
    ours = Q(lease_token=work.mapping.lease_token)  # of the batch that this worker holds, so idle
    waiting.filter(free | ours, external_id__isnull=True).exclude(intents__state__in=UNSETTLED).delete()
    if waiting.exists():
        raise NotYet("The record here that matches it is being made there at this moment.", seconds=2)
    leases.save(work.mapping, record_id=record_id)


def is_candidate(integration_id: UUID, resource: str, record_id: UUID | None) -> bool:
    """True while a reviewer is asked whether this record is one that is there already."""
    asked = ConflictResolution.objects.filter(
        integration_id=integration_id, resource=resource, group=MATCH_GROUP, status__in=OPEN_STATUSES
    )
    return any(str(record_id) in fields[0]["local"] for fields in asked.values_list("fields", flat=True))


class Several(Exception):
    """More than one record matches, and nobody has decided."""


def ask(work: Work, pair: Pair, candidates: list[UUID]) -> Outcome:
    """Several records match: a person decides; nothing is created meanwhile."""
    assert pair.external is not None
    now = runtime().now()
    field = FieldConflict(
        key=MATCH_GROUP,
        base=None,
        local=[str(c) for c in candidates],
        external=work.mapping.external_id,
        external_raw=dict(pair.external_snapshot),
    )
    group = ConflictGroup(
        MATCH_GROUP,
        (field,),
        f"{len(candidates)} records here match {work.rc.resource.label} {work.mapping.external_id}.",
    )
    with transaction.atomic():
        conflict_open(
            mapping=work.mapping,
            group=group,
            kind=ConflictKind.POSSIBLE_DUPLICATE,
            record_title=str(pair.external_snapshot.get("title") or pair.external_snapshot.get("name") or "")[
                :300
            ],
            external_changed_at=pair.external.updated_at,
            now=now,
        )
    leases.release(
        work.mapping, clean=True, state=MappingState.CONFLICT, state_reason="Several records here match it."
    )
    return Outcome.CONFLICT
