"""Remembered choices (F5): which applies, making and changing them, and trying them on past conflicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Q
from django.utils import timezone

from conflicts.maps import local_fields
from conflicts.models import ConflictKind, ConflictResolution, ConflictStatus, MergeRule
from integrations.audit import audit
from integrations.models import Integration
from integrations.services.names import kinds_of_tenant, rule_name_problems
from reconcile.kinds import Kind
from reconcile.model import Clocks, FieldConflict, FieldRule, Policy, Rule
from reconcile.strategies import Context, decide_by_rule
from workspace.kinds import record_kinds
from workspace.models import Tenant

from .errors import InvalidDecision

#: kinds of conflict that rules decide; deletions and twins always need a person
RULED_KINDS = (ConflictKind.BOTH_CHANGED, ConflictKind.NO_AGREED_STATE)
SIMULATION_LIMIT = 500

RULE_WORDS: Mapping[FieldRule, str] = {
    FieldRule.PREFER_LOCAL: "Keep local",
    FieldRule.PREFER_EXTERNAL: "Keep external",
    FieldRule.NEWEST: "Newest change wins",
    FieldRule.CONCATENATE: "Keep both texts",
    FieldRule.UNION: "Members of both sides",
    FieldRule.MAX: "Larger value",
    FieldRule.MIN: "Smaller value",
    FieldRule.REVIEW: "Always ask a reviewer",
}


def _in_force(*, tenant_id: UUID, integration_id: UUID, resource: str, now: datetime) -> Iterable[MergeRule]:
    return MergeRule.objects.filter(
        Q(integration_id=integration_id) | Q(integration__isnull=True),
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        tenant_id=tenant_id,
        resource__in=("", resource),
        enabled=True,
    ).order_by("position", "created_at")


def rules_for(*, integration: Integration, resource: str, now: datetime | None = None) -> dict[str, Rule]:
    """By link key, the first enabled and unexpired rule that fits. One query, two if a rule covers every field."""
    rules: dict[str, Rule] = {}
    keys: tuple[str, ...] | None = None
    now = now or timezone.now()
    for row in _in_force(
        tenant_id=integration.tenant_id, integration_id=integration.id, resource=resource, now=now
    ):
        rule = Rule(FieldRule(row.rule), row.separator, source=f"merge_rule:{row.id}")
        if row.field:
            rules.setdefault(row.field, rule)
            continue
        if keys is None:
            keys = tuple(local_fields(integration, resource))
        for key in keys:
            rules.setdefault(key, rule)
    return rules


def rule_ids_for(
    *, tenant_id: UUID, integration_id: UUID, resource: str, keys: Collection[str], now: datetime | None
) -> dict[str, UUID]:
    """Which remembered choice decides each of these fields; keys without one are left out."""
    found: dict[str, UUID] = {}
    rows = _in_force(
        tenant_id=tenant_id, integration_id=integration_id, resource=resource, now=now or timezone.now()
    )
    for row in rows:
        for key in keys:
            if row.field in ("", key):
                found.setdefault(key, row.id)
    return found


# -- making and changing -----------------------------------------------------------------------------------


def rule_create(
    *,
    tenant: Tenant,
    user: Any,
    rule: str,
    field: str = "",
    resource: str = "",
    integration: Integration | None = None,
    separator: str = " | ",
    expires_at: datetime | None = None,
    note: str = "",
    now: datetime,
) -> MergeRule:
    """A new rule at the end of the order. Raises ``InvalidDecision`` naming the field."""
    _check_rule(tenant=tenant, rule=rule, integration=integration, expires_at=expires_at, now=now)
    _check_names(tenant=tenant, field=field, resource=resource, integration=integration)
    last = MergeRule.objects.filter(tenant=tenant).aggregate(last=Max("position"))["last"]
    row = MergeRule.objects.create(
        tenant=tenant,
        integration=integration,
        resource=resource,
        field=field,
        rule=rule,
        separator=separator or " | ",
        position=0 if last is None else last + 1,
        expires_at=expires_at,
        note=note[:300],
        created_by=user,
    )
    audit(row, "rule.created", user=user, note=note)
    return row


def rule_update(*, rule_id: UUID, tenant: Tenant, user: Any, now: datetime, **changes: Any) -> MergeRule:
    """Change a rule; a moved one takes the wanted ``position`` and the others make room."""
    row = MergeRule.objects.get(id=rule_id, tenant=tenant)
    allowed = {
        "rule",
        "field",
        "resource",
        "integration",
        "separator",
        "enabled",
        "position",
        "expires_at",
        "note",
    }
    unknown = set(changes) - allowed
    if unknown:
        raise InvalidDecision(dict.fromkeys(unknown, "This cannot be changed."))
    position = changes.pop("position", None)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    _check_rule(
        tenant=tenant,
        rule=row.rule,
        integration=row.integration,
        expires_at=changes.get("expires_at"),
        now=now,
    )
    if {"field", "resource", "integration"} & changes.keys():
        _check_names(tenant=tenant, field=row.field, resource=row.resource, integration=row.integration)
    row.save()
    audit(
        row,
        "rule.changed",
        user=user,
        changes={name: (before[name], value) for name, value in changes.items()},
    )
    if position is not None:
        _place(row, int(position))
    return row


def _place(row: MergeRule, position: int) -> None:
    others = list(
        MergeRule.objects.filter(tenant_id=row.tenant_id)
        .exclude(id=row.id)
        .order_by("position", "created_at")
    )
    others.insert(max(0, min(position, len(others))), row)
    for number, each in enumerate(others):
        each.position = number
    MergeRule.objects.bulk_update(others, ["position"])


def rule_delete(*, rule_id: UUID, tenant: Tenant, user: Any) -> None:
    """What it decided keeps its journal; only the reference to the rule goes."""
    row = MergeRule.objects.get(id=rule_id, tenant=tenant)
    audit(row, "rule.deleted", user=user)
    row.delete()


def _check_rule(
    *, tenant: Tenant, rule: str, integration: Integration | None, expires_at: datetime | None, now: datetime
) -> None:
    errors = {}
    if rule not in set(FieldRule):
        errors["rule"] = f"Choose one of: {', '.join(FieldRule)}."
    if integration is not None and integration.tenant_id != tenant.pk:
        errors["integration"] = "There is no such integration."
    if expires_at is not None and expires_at <= now:
        errors["expires_at"] = "This is in the past; choose a later time or none."
    if errors:
        raise InvalidDecision(errors)


def _check_names(*, tenant: Tenant, field: str, resource: str, integration: Integration | None) -> None:
    """A rule for a kind or a field that nothing has would never decide anything, and nobody would see why."""
    if not field and not resource:
        return
    rows = [integration] if integration is not None else Integration.objects.for_tenant(tenant)
    problems = rule_name_problems(
        kinds_of_tenant(rows), field=field, resource=resource, is_everywhere=integration is None
    )
    if problems:
        raise InvalidDecision(problems)


# -- trying it out -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """What a rule would have done with one field of one conflict. ``winner`` "" means it would have asked."""

    conflict: ConflictResolution
    key: str
    label: str
    winner: str
    value: Any
    because: str
    actual: str  # what was chosen really; "" while open

    @property
    def agrees(self) -> bool:
        return bool(self.actual) and self.actual == self.winner


def rule_covers(rule: MergeRule, conflict: ConflictResolution, key: str) -> bool:
    """True if the rule's scope includes this field of this conflict."""
    return (
        conflict.kind in RULED_KINDS
        and rule.field in ("", key)
        and rule.resource in ("", conflict.resource)
        and (rule.integration_id is None or rule.integration_id == conflict.integration_id)
    )


def rule_simulate(*, rule: MergeRule, is_open: bool = False, limit: int = SIMULATION_LIMIT) -> list[Trial]:
    """Try a rule, saved or not, on a tenant's past conflicts (or the open ones). Changes nothing."""
    rows = ConflictResolution.objects.filter(tenant_id=rule.tenant_id, kind__in=RULED_KINDS)
    if is_open:
        rows = rows.filter(status=ConflictStatus.PENDING)
    else:
        rows = rows.filter(status__in=[ConflictStatus.RESOLVED, ConflictStatus.AUTO_RESOLVED])
    if rule.integration_id:
        rows = rows.filter(integration_id=rule.integration_id)
    if rule.resource:
        rows = rows.filter(resource=rule.resource)
    trials: list[Trial] = []
    for conflict in rows.select_related("integration").order_by("-created_at")[:limit]:
        trials += try_rule(rule, conflict)
    return trials


def try_rule(rule: MergeRule, conflict: ConflictResolution) -> list[Trial]:
    """What the rule says to each field of a conflict that it covers."""
    kinds = record_kinds(conflict.record_type) if conflict.record_type else {}
    policy = Policy()
    clocks = Clocks(local=conflict.local_changed_at, external=conflict.external_changed_at)
    trials = []
    for entry in conflict.fields:
        key = entry["key"]
        if not rule_covers(rule, conflict, key):
            continue
        values = FieldConflict(key, entry["base"], entry["local"], entry["external"])
        kind = kinds.get(key) or kind_by_value(entry)
        found = decide_by_rule(
            values,
            Context(policy, clocks, kind, rule.separator, (key,)),
            FieldRule(rule.rule),
            is_first_contact=conflict.kind == ConflictKind.NO_AGREED_STATE,
        )
        actual = conflict.resolved.get(key, {}).get("choice", "")
        trials.append(
            Trial(
                conflict=conflict,
                key=key,
                label=entry.get("label") or key,
                winner=found.winner if found else "",
                value=found.value if found else None,
                because=found.because if found else "it would ask a reviewer",
                actual=actual,
            )
        )
    return trials


def kind_by_value(entry: Mapping[str, Any]) -> Kind:
    """A guess for links whose key is no field name: lists are sets, the rest is text."""
    values = (entry["local"], entry["external"], entry["base"])
    return Kind.SET if any(isinstance(value, list) for value in values) else Kind.TEXT


def open_decided_by(rule: MergeRule) -> list[tuple[ConflictResolution, dict[str, dict[str, Any]]]]:
    """Open conflicts that this rule would decide whole, with the choices it makes; those it covers in part are left."""
    by_conflict: dict[UUID, list[Trial]] = {}
    rows: dict[UUID, ConflictResolution] = {}
    for trial in rule_simulate(rule=rule, is_open=True):
        rows[trial.conflict.pk] = trial.conflict
        by_conflict.setdefault(trial.conflict.pk, []).append(trial)
    found = []
    for pk, trials in by_conflict.items():
        conflict = rows[pk]
        if len(trials) < len(conflict.fields) or any(not trial.winner for trial in trials):
            continue
        choices = {
            trial.key: {"choice": trial.winner}
            if trial.winner in ("local", "external")
            else {"choice": "custom", "value": trial.value}
            for trial in trials
        }
        found.append((conflict, choices))
    return found
