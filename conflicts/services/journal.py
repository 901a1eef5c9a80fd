"""The engine's side of the desk: open, update, journal, hand over decisions, close."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from conflicts.models import OPEN_STATUSES, ConflictKind, ConflictResolution, ConflictStatus, MergeRule
from integrations.models import ConflictStrategy
from integrations.models import Mapping as Pair
from reconcile.model import AutoDecision, ConflictGroup, Decided, FieldConflict
from workspace.kinds import record_spec

from .events import announce, announce_many
from .rules import rule_ids_for

#: conflicts that a person opened by taking a decision back; the engine has no part in them
REVERT_PREFIX = "revert:"

#: groups decided about a record as a whole, not field by field
RECORD_GROUP = "record"
MATCH_GROUP = "match"

#: rows the engine still has to look at: undecided, decided, or ignored and not yet accepted by the bases
UNSETTLED = Q(status__in=OPEN_STATUSES) | Q(status=ConflictStatus.IGNORED, closed_at__isnull=True)


def conflict_open(
    *,
    mapping: Pair,
    group: ConflictGroup,
    kind: str = ConflictKind.BOTH_CHANGED,
    record_title: str = "",
    local_changed_at: datetime | None = None,
    local_changed_by: str = "",
    external_changed_at: datetime | None = None,
    external_changed_by: str = "",
    local_revision: int = 0,
    external_version: str = "",
    now: datetime,
) -> ConflictResolution:
    """The open conflict of this pair and group, created or brought up to date (F7).

    Unchanged values leave the row alone, so a reviewer's page stays valid. A decided one whose values changed
    goes back to pending, with a note; the record of who had decided is in that note.
    """
    seen: dict[str, Any] = {
        "kind": kind,
        "reason": group.reason[:500],
        "fields": _entries(mapping.record_type, group.fields),
        "record_title": record_title[:300],
        "record_id": mapping.record_id,
        "external_id": mapping.external_id or "",
        "local_changed_at": local_changed_at,
        "local_changed_by": local_changed_by[:200],
        "external_changed_at": external_changed_at,
        "external_changed_by": external_changed_by[:200],
        "local_revision": local_revision,
        "external_version": external_version[:300],
    }
    existing = (
        ConflictResolution.objects.filter(UNSETTLED, mapping=mapping, group=group.name)
        .order_by("-created_at")
        .first()
    )
    if existing is not None:
        return _bring_up_to_date(existing, seen, now)
    conflict = ConflictResolution.objects.create(
        tenant_id=mapping.tenant_id,
        integration_id=mapping.integration_id,
        mapping=mapping,
        resource=mapping.resource,
        record_type=mapping.record_type,
        group=group.name,
        created_at=now,
        updated_at=now,
        **seen,
    )
    announce(conflict, "conflict.opened")
    return conflict


def _bring_up_to_date(
    conflict: ConflictResolution, seen: dict[str, Any], now: datetime
) -> ConflictResolution:
    if conflict.kind == seen["kind"] and _values(conflict.fields) == _values(seen["fields"]):
        return conflict
    for name, value in seen.items():
        setattr(conflict, name, value)
    if conflict.status != ConflictStatus.PENDING:
        _take_decision_back(conflict, "the values changed before it was applied")
    conflict.version = F("version") + 1
    conflict.updated_at = now
    conflict.save()
    conflict.refresh_from_db(fields=["version"])
    announce(conflict, "conflict.updated")
    return conflict


def _take_decision_back(conflict: ConflictResolution, why: str) -> None:
    """Pending again; the note keeps what had been decided. Not saved."""
    chosen = ", ".join(f"{key}: {entry['choice']}" for key, entry in conflict.resolved.items())
    who = conflict.decided_by.get_username() if conflict.decided_by else "a rule"
    conflict.decision_note = f"{who} had decided ({chosen}), but {why}."[:500]
    conflict.status = ConflictStatus.PENDING
    conflict.resolved = {}
    conflict.strategy = ""
    conflict.decided_by = None
    conflict.decided_at = None
    conflict.closed_at = None


def _entries(record_type: str, fields: Iterable[FieldConflict]) -> list[dict[str, Any]]:
    return [
        {
            "key": field.key,
            "label": field_label(record_type, field.key),
            "base": field.base,
            "local": field.local,
            "external": field.external,
            "base_external_raw": field.base_external_raw,
            "external_raw": field.external_raw,
        }
        for field in fields
    ]


def field_label(record_type: str, key: str) -> str:
    """What a person calls the field; keys that are no field of ours are made readable."""
    try:
        spec = record_spec(record_type).values.get(key)
    except KeyError:
        spec = None
    text = spec.label if spec else key.replace("_", " ").replace(":", " · ")
    return text[:1].upper() + text[1:]


def _values(fields: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {entry["key"]: (entry["local"], entry["external_raw"]) for entry in fields}


# -- decisions by strategy or rule -------------------------------------------------------------------------


def journal_row(
    *,
    mapping: Pair,
    decisions: Sequence[AutoDecision],
    record_title: str = "",
    strategy: str = "",
    rules: Mapping[str, UUID] | None = None,
    now: datetime,
) -> ConflictResolution:
    """An unsaved AUTO_RESOLVED row: what a strategy decided, with the loser kept readable (F3).

    ``rules`` names the remembered choice by field key where one decided. Save many with ``conflicts_journal``.
    """
    first = decisions[0].conflict.key
    rule_id = next((rules[d.conflict.key] for d in decisions if rules and d.conflict.key in rules), None)
    return ConflictResolution(
        tenant_id=mapping.tenant_id,
        integration_id=mapping.integration_id,
        mapping=mapping,
        resource=mapping.resource,
        record_type=mapping.record_type,
        record_id=mapping.record_id,
        record_title=record_title[:300],
        external_id=mapping.external_id or "",
        kind=ConflictKind.BOTH_CHANGED,
        group=first,
        status=ConflictStatus.AUTO_RESOLVED,
        reason="; ".join(dict.fromkeys(d.because for d in decisions))[:500],
        fields=_entries(mapping.record_type, [d.conflict for d in decisions]),
        resolved={
            d.conflict.key: {"choice": d.winner, "value": d.value, "because": d.because} for d in decisions
        },
        strategy=strategy,
        rule_id=rule_id,
        created_at=now,
        updated_at=now,
        decided_at=now,
        closed_at=now,
    )


def conflicts_journal(rows: Sequence[ConflictResolution]) -> int:
    """Save many journal rows at once and count the hits of their rules. A constant number of queries but for rules."""
    if not rows:
        return 0
    ConflictResolution.objects.bulk_create(rows, batch_size=500)
    hits: dict[UUID, int] = {}
    for row in rows:
        if row.rule_id:
            hits[row.rule_id] = hits.get(row.rule_id, 0) + 1
    for rule_id, count in hits.items():
        MergeRule.objects.filter(id=rule_id).update(hits=F("hits") + count, last_hit_at=rows[0].created_at)
    return len(rows)


def conflict_auto_resolve(
    *,
    mapping: Pair,
    decisions: Sequence[AutoDecision],
    record_title: str = "",
    strategy: str = "",
    rules: Mapping[str, UUID] | None = None,
    now: datetime,
) -> ConflictResolution | None:
    """Journal what one plan's strategies decided; None if they decided nothing."""
    if not decisions:
        return None
    row = journal_row(
        mapping=mapping,
        decisions=decisions,
        record_title=record_title,
        strategy=strategy or _strategy_of(mapping),
        rules=rules if rules is not None else _rules_behind(mapping, decisions),
        now=now,
    )
    conflicts_journal([row])
    return row


def _strategy_of(mapping: Pair) -> str:
    return ConflictStrategy(mapping.integration.conflict_strategy).value


def _rules_behind(mapping: Pair, decisions: Sequence[AutoDecision]) -> dict[str, UUID]:
    return rule_ids_for(
        tenant_id=mapping.tenant_id,
        integration_id=mapping.integration_id,
        resource=mapping.resource,
        keys=[decision.conflict.key for decision in decisions],
        now=None,
    )


# -- what the planner is told ------------------------------------------------------------------------------


def open_values(mapping_ids: Collection[UUID]) -> dict[UUID, dict[str, tuple[Any, Any]]]:
    """By mapping and field key, the (local, external raw) values that wait for a reviewer or for applying."""
    found: dict[UUID, dict[str, tuple[Any, Any]]] = {}
    for mapping_id, fields in _unsettled(mapping_ids).values_list("mapping_id", "fields"):
        found.setdefault(mapping_id, {}).update(_values(fields))
    return found


def unsettled_of(mapping_id: UUID) -> list[ConflictResolution]:
    """A pair's conflicts that wait for a reviewer or for being carried out, oldest first."""
    return list(_unsettled([mapping_id]).order_by("created_at"))


def waiting_values(conflicts: Iterable[ConflictResolution]) -> dict[str, tuple[Any, Any]]:
    """By field key, the (local, external raw) values that these wait with."""
    return {key: values for conflict in conflicts for key, values in _values(conflict.fields).items()}


def decided_among(conflicts: Iterable[ConflictResolution]) -> list[ConflictResolution]:
    """Those with a decision. An ignored conflict is one until the bases have accepted it."""
    return [conflict for conflict in conflicts if conflict.status != ConflictStatus.PENDING]


def _unsettled(mapping_ids: Collection[UUID]) -> Any:
    return ConflictResolution.objects.filter(UNSETTLED, mapping_id__in=mapping_ids).exclude(
        group__startswith=REVERT_PREFIX
    )


def as_decided(conflict: ConflictResolution) -> dict[str, Decided]:
    """A decision in the planner's terms, by field key. Fields without a choice are left to wait."""
    decided: dict[str, Decided] = {}
    for entry in conflict.fields:
        chosen = conflict.resolved.get(entry["key"])
        if chosen is None:
            continue
        decided[entry["key"]] = Decided(
            value=chosen.get("value"),
            seen_local=entry.get("seen_local", entry["local"]),
            seen_external=entry["external_raw"],
            keep_external=chosen["choice"] == "external",
            push=conflict.push_to_external,
        )
    return decided


# -- closing -----------------------------------------------------------------------------------------------


def conflict_carry_on(
    conflict: ConflictResolution, *, local_values: Mapping[str, Any], now: datetime
) -> None:
    """The decision is written here and still to be sent: note what is here now, so that it is not stale.

    The value the reviewer saw stays in ``local``: the loser remains readable.
    """
    is_changed = False
    for entry in conflict.fields:
        if (
            entry["key"] in local_values
            and entry.get("seen_local", entry["local"]) != local_values[entry["key"]]
        ):
            entry["seen_local"] = local_values[entry["key"]]
            is_changed = True
    if is_changed:
        conflict.updated_at = now
        conflict.save(update_fields=["fields", "updated_at"])


def conflict_applied(conflict: ConflictResolution, *, now: datetime, pushed: bool) -> None:
    """Both sides are as decided (or the difference is accepted): the conflict is closed."""
    if conflict.status != ConflictStatus.IGNORED:
        conflict.status = ConflictStatus.RESOLVED
    if pushed:
        conflict.pushed_at = now
    conflict.closed_at = now
    conflict.updated_at = now
    conflict.lease_user = None
    conflict.lease_until = None
    conflict.save(
        update_fields=["status", "pushed_at", "closed_at", "updated_at", "lease_user", "lease_until"]
    )
    announce(conflict, "conflict.resolved", pushed=pushed)


def conflict_withdraw(
    *,
    mapping: Pair,
    keys: Collection[str] = (),
    groups: Collection[str] = (),
    now: datetime,
) -> int:
    """Close what no longer differs: conflicts of this pair by group, or all of whose fields are in ``keys``.

    A conflict with other fields still disputed only loses these; answers how many were closed.
    """
    closed: list[ConflictResolution] = []
    with transaction.atomic():
        for conflict in _unsettled([mapping.id]).exclude(group=""):
            left = [entry for entry in conflict.fields if entry["key"] not in keys]
            if conflict.group in groups or not left:
                closed.append(conflict)
            elif len(left) < len(conflict.fields) and conflict.group not in (RECORD_GROUP, MATCH_GROUP):
                conflict.fields = left
                conflict.resolved = {k: v for k, v in conflict.resolved.items() if k not in keys}
                conflict.version += 1
                conflict.updated_at = now
                conflict.save(update_fields=["fields", "resolved", "version", "updated_at"])
                announce(conflict, "conflict.updated")
        for conflict in closed:
            if conflict.status != ConflictStatus.IGNORED:
                conflict.status = ConflictStatus.WITHDRAWN
            conflict.closed_at = now
            conflict.updated_at = now
            conflict.version += 1
            conflict.lease_user = None
            conflict.lease_until = None
            conflict.save(
                update_fields=["status", "closed_at", "updated_at", "version", "lease_user", "lease_until"]
            )
    if len(closed) == 1:
        announce(closed[0], "conflict.withdrawn")
    elif closed:
        ids = [str(conflict.id) for conflict in closed]
        announce_many(mapping.tenant_id, "conflicts.withdrawn", {"mapping_id": str(mapping.id), "ids": ids})
    return len(closed)
