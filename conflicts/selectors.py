"""Joined reads of the review desk: lists, counts, and values made readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from conflicts.models import OPEN_STATUSES, ConflictKind, ConflictResolution, ConflictStatus
from conflicts.services.choices import (
    can_merge,
    field_spec,
    is_about_record,
    merged_value,
    newest_side,
    within_skew,
)
from integrations.models import Integration
from integrations.panels import Tally
from reconcile.diff import Op, set_diff, word_diff
from reconcile.kinds import Kind, ValueProblem
from workspace.kinds import FieldSpec, record_spec
from workspace.models import RECORD_TYPES, Tenant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

#: how old an open conflict may grow before its age is marked
AGES = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY}
SETTLED = [ConflictStatus.RESOLVED, ConflictStatus.AUTO_RESOLVED]
CLOSED = [
    *SETTLED,
    ConflictStatus.IGNORED,
    ConflictStatus.WITHDRAWN,
]


def tallies(tenant: Tenant, now: datetime) -> dict[UUID, Tally]:
    """Per integration, conflicts waiting for a reviewer and those settled in the last day; one query.

    The list's filters "open" and "settled in 24 h" count the same.
    """
    is_open = Q(status=ConflictStatus.PENDING)
    is_settled = Q(status__in=SETTLED, closed_at__gt=now - DAY)
    rows = ConflictResolution.objects.filter(
        is_open | is_settled, tenant=tenant, integration__deleted_at__isnull=True
    )
    counted = (
        rows.order_by()
        .values_list("integration_id")
        .annotate(
            open=Count("pk", filter=is_open),
            settled=Count("pk", filter=is_settled),
            oldest=Min("created_at", filter=is_open),
        )
    )
    return {pk: Tally(waiting, settled, oldest) for pk, waiting, settled, oldest in counted}


def conflict_rows(tenant: Tenant, params: Any, *, user: Any, now: datetime) -> QuerySet[ConflictResolution]:
    """The tenant's conflicts under the filters of an address; what cannot be read matches nothing."""
    rows = ConflictResolution.objects.filter(tenant=tenant, integration__deleted_at__isnull=True)
    rows = _by_status(rows, params.get("status") or "open", now)
    for name, column in (
        ("integration", "integration_id"),
        ("record", "record_id"),
        ("mapping", "mapping_id"),
    ):
        if value := params.get(name):
            try:
                rows = rows.filter(**{column: UUID(value)})
            except ValueError:
                return rows.none()
    for name, column in (("kind", "kind"), ("resource", "resource"), ("type", "record_type")):
        if value := params.get(name):
            rows = rows.filter(**{column: value})
    if value := params.get("field"):
        rows = rows.filter(Q(group=value) | Q(fields__icontains=f'"key": "{value}"'))
    if (age := params.get("age")) in AGES:
        rows = rows.filter(created_at__lte=now - AGES[age])
    claimed = Q(lease_until__gt=now)
    if params.get("claim") == "mine":
        rows = rows.filter(claimed, lease_user=user)
    elif params.get("claim") == "free":
        rows = rows.exclude(claimed)
    if value := params.get("q", "").strip():
        rows = rows.filter(
            Q(record_title__icontains=value[:100]) | Q(external_id=value) | Q(reason__icontains=value[:100])
        )
    return rows


def _by_status(
    rows: QuerySet[ConflictResolution], status: str, now: datetime
) -> QuerySet[ConflictResolution]:
    match status:
        case "open":
            return rows.filter(status=ConflictStatus.PENDING)
        case "closed":
            return rows.filter(status__in=CLOSED)
        case "settled24h":
            return rows.filter(status__in=SETTLED, closed_at__gt=now - DAY)
        case "all":
            return rows
    return rows.filter(status=status)


def neighbours(conflict: ConflictResolution, integration: Integration | None = None) -> dict[str, Any]:
    """Where a pending conflict stands among the pending ones, oldest first: position, count, previous, next."""
    rows = ConflictResolution.objects.filter(
        tenant_id=conflict.tenant_id, status=ConflictStatus.PENDING, integration__deleted_at__isnull=True
    )
    if integration is not None:
        rows = rows.filter(integration=integration)
    before = Q(created_at__lt=conflict.created_at) | Q(created_at=conflict.created_at, pk__lt=conflict.pk)
    after = Q(created_at__gt=conflict.created_at) | Q(created_at=conflict.created_at, pk__gt=conflict.pk)
    earlier = rows.filter(before)
    return {
        "position": earlier.count() + 1,
        "count": rows.count(),
        "previous": earlier.order_by("-created_at", "-pk").values_list("pk", flat=True).first(),
        "next": rows.filter(after).order_by("created_at", "pk").values_list("pk", flat=True).first(),
    }


def next_pending(tenant: Tenant, but: UUID) -> UUID | None:
    rows = ConflictResolution.objects.filter(
        tenant=tenant, status=ConflictStatus.PENDING, integration__deleted_at__isnull=True
    )
    return rows.exclude(pk=but).order_by("created_at", "pk").values_list("pk", flat=True).first()


# -- values for people -------------------------------------------------------------------------------------


@dataclass
class Side:
    """One side's value of a field. ``ops`` are word differences to the base, ``tokens`` those of a set."""

    text: str
    ops: list[Op] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)  # ("" | "insert" | "delete", member)
    is_blank: bool = False
    is_changed: bool = True


@dataclass
class FieldView:
    """One disputed field as the review page shows it."""

    key: str
    label: str
    kind: str
    base: Side
    local: Side
    external: Side
    merged: Side | None
    choices: list[tuple[str, str]]  # of an enum, for the custom edit
    edit_value: str
    chosen: str = ""
    custom: str = ""
    error: str = ""
    outcome: dict[str, Any] | None = None

    @property
    def is_long(self) -> bool:
        return self.kind == "rich_text" or any(
            len(side.text) > 80 or "\n" in side.text for side in (self.local, self.external)
        )


Names = Mapping[str, str]


def field_views(
    conflict: ConflictResolution, fields: Mapping[str, str], names: Names | None = None
) -> list[FieldView]:
    """Every field of a conflict, its values made readable and compared; one query per referenced type."""
    if is_about_record(conflict):
        return []
    if names is None:
        names = names_for([conflict], fields)
    return [_field_view(conflict, entry, fields, names) for entry in conflict.fields]


def _field_view(
    conflict: ConflictResolution, entry: Mapping[str, Any], fields: Mapping[str, str], names: Names
) -> FieldView:
    spec = field_spec(conflict.record_type, fields.get(entry["key"], entry["key"]))
    has_base = conflict.kind != ConflictKind.NO_AGREED_STATE
    merged = None
    if can_merge(entry, spec):
        try:
            value = merged_value(entry, spec)
        except ValueProblem:
            value = None
        if value is not None and value not in (entry["local"], entry["external"]):
            merged = Side(readable(value, spec, names))
    chosen = conflict.resolved.get(entry["key"])
    return FieldView(
        key=entry["key"],
        label=entry.get("label") or entry["key"],
        kind=str(spec.kind) if spec else "text",
        base=_plain(entry["base"], spec, names),
        local=_compared(entry["base"] if has_base else entry["external"], entry["local"], spec, names),
        external=_compared(entry["base"] if has_base else entry["local"], entry["external"], spec, names),
        merged=merged,
        choices=_enum_choices(conflict.record_type, spec),
        edit_value=editable(entry["local"], spec),
        outcome=None if chosen is None else {**chosen, "text": readable(chosen.get("value"), spec, names)},
    )


def _plain(value: Any, spec: FieldSpec | None, names: Names) -> Side:
    return Side(readable(value, spec, names), is_blank=value in (None, "", []), is_changed=False)


def _compared(before: Any, after: Any, spec: FieldSpec | None, names: Names) -> Side:
    side = Side(readable(after, spec, names), is_blank=after in (None, "", []), is_changed=before != after)
    if isinstance(after, list) or isinstance(before, list):
        diff = set_diff(before, after)
        shown = [(name, "") for name in diff.kept]
        shown += [(name, "insert") for name in diff.added] + [(name, "delete") for name in diff.removed]
        side.tokens = sorted(
            ((kind, names.get(name, name)) for name, kind in shown), key=lambda each: each[1]
        )
    elif (
        isinstance(after, str)
        and isinstance(before, str)
        and spec is not None
        and spec.kind in (Kind.TEXT, Kind.RICH_TEXT)
    ):
        side.ops = word_diff(before, after)
    return side


def readable(value: Any, spec: FieldSpec | None, names: Names) -> str:
    """A canonical value in words; "" if empty."""
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(names.get(str(each), str(each)) for each in value)
    if spec is None or not isinstance(value, str):
        return str(value)
    match spec.kind:
        case Kind.REFERENCE:
            return names.get(value, value)
        case Kind.ENUM:
            return _enum_label(spec, value)
        case Kind.DATE:
            day = parse_date(value)
            return day.strftime("%d %b %Y").lstrip("0") if day else value
        case Kind.INSTANT:
            moment = parse_datetime(value)
            return timezone.localtime(moment).strftime("%d %b %Y, %H:%M %Z") if moment else value
    return value


def _enum_label(spec: FieldSpec, value: str) -> str:
    """What the record type calls this choice."""
    for record_type, model in RECORD_TYPES.items():
        if record_spec(record_type).values.get(spec.name) is spec:
            labels = {str(code): str(label) for code, label in model._meta.get_field(spec.name).choices or ()}  # type: ignore[union-attr]
            return labels.get(value, value)
    return value


def editable(value: Any, spec: FieldSpec | None) -> str:
    """A canonical value as an input takes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _enum_choices(record_type: str, spec: FieldSpec | None) -> list[tuple[str, str]]:
    if spec is None:
        return []
    if spec.kind is Kind.BOOLEAN:
        return [("true", "Yes"), ("false", "No")]
    if spec.kind is not Kind.ENUM:
        return []
    column = RECORD_TYPES[record_type]._meta.get_field(spec.name)
    return [(str(value), str(label)) for value, label in column.choices or ()]  # type: ignore[union-attr]


def names_for(
    conflicts: Iterable[ConflictResolution], fields: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Record id → title for every reference in these conflicts; one query per referenced type."""
    wanted: dict[str, set[str]] = {}
    tenant_id: UUID | None = None
    for conflict in conflicts:
        tenant_id = conflict.tenant_id
        if is_about_record(conflict):
            continue
        for entry in conflict.fields:
            spec = field_spec(conflict.record_type, (fields or {}).get(entry["key"], entry["key"]))
            if spec is None or spec.target is None or spec.target not in RECORD_TYPES:
                continue
            for side in ("base", "local", "external"):
                value = entry[side]
                wanted.setdefault(spec.target, set()).update(
                    value if isinstance(value, list) else [value] if value else []
                )
    names: dict[str, str] = {}
    if tenant_id is None:
        return names
    for record_type, ids in wanted.items():
        model = RECORD_TYPES[record_type]
        rows = model._default_manager.filter(
            tenant_id=tenant_id, pk__in=[each for each in ids if _is_uuid(each)]
        )
        names |= {str(pk): str(title) for pk, title in rows.values_list("pk", model.title_field)}
    return names


def _is_uuid(text: Any) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


def one_line(conflict: ConflictResolution, names: Names) -> list[dict[str, Any]]:
    """Per field of a list row: label, and local against external as word operations."""
    lines = []
    for entry in conflict.fields[:3]:
        spec = field_spec(conflict.record_type, entry["key"])
        here, there = (readable(entry[side], spec, names)[:80] for side in ("local", "external"))
        lines.append({"label": entry.get("label") or entry["key"], "local": here, "external": there})
    return lines


# -- clocks and ages ---------------------------------------------------------------------------------------


def clock_facts(conflict: ConflictResolution) -> dict[str, Any]:
    """Which side is newer and whether that is certain, for "newest per field"."""
    here, there = conflict.local_changed_at, conflict.external_changed_at
    if here is None or there is None:
        return {"newest": "", "why": "It is not known when both sides changed."}
    try:
        side = newest_side(conflict)
    except ValueProblem:
        return {
            "newest": "",
            "why": "Both sides changed within two seconds: too close for two clocks to tell.",
        }
    return {"newest": side, "why": "", "is_close": within_skew(here, there)}


def age_word(conflict: ConflictResolution, now: datetime) -> tuple[str, str]:
    """(word, tone) of an open conflict's age."""
    age = now - conflict.created_at
    if age > AGES["7d"]:
        return "Overdue", "bad"
    if age > AGES["24h"]:
        return "Waiting long", "warn"
    return "New" if age < HOUR else "Waiting", "info" if age < HOUR else ""


def open_for_record(tenant_id: UUID, record_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Open conflicts per record, for badges; one query."""
    rows = ConflictResolution.objects.filter(
        tenant_id=tenant_id, record_id__in=record_ids, status__in=OPEN_STATUSES
    )
    return dict(rows.order_by().values_list("record_id").annotate(n=Count("pk")))
