"""A record's timeline: per field from → to, by whom, why, when (A5)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from reconcile.kinds import Kind
from workspace.kinds import RecordSpec, record_spec
from workspace.models import Change, OriginKind, Record, Tenant
from workspace.panels import integration_names

from .forms import titles

PAGE = 50


@dataclass(frozen=True)
class FieldLine:
    name: str
    label: str
    before: str
    after: str
    can_revert: bool


@dataclass(frozen=True)
class Entry:
    change: Change
    what: str
    who: str
    cause: str
    at: datetime
    lines: list[FieldLine] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    entries: list[Entry]
    older: int | None  # the id to go on from, None at the end


def timeline(
    record: Record, tenant: Tenant, *, before: int | None = None, can_edit: bool = False
) -> Timeline:
    """A page of the history, newest first; a bounded number of queries."""
    rows = Change.objects.filter(tenant=tenant, record_type=record.record_type, record_id=record.pk)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.select_related("user").order_by("-id")[: PAGE + 1])
    page = found[:PAGE]
    spec = record_spec(record.record_type)
    words = _Words(spec, tenant, page)
    names = integration_names({one.integration_id for one in page if one.integration_id})
    entries = [_entry(one, words, names, can_edit and record.deleted_at is None) for one in page]
    return Timeline(entries, page[-1].id if len(found) > PAGE else None)


def _entry(change: Change, words: _Words, names: dict[Any, str], can_edit: bool) -> Entry:
    can_revert = can_edit and change.kind == "update"
    lines = [
        FieldLine(
            name=name,
            label=words.label(name),
            before=words.shown(name, values.get("from")),
            after=words.shown(name, values.get("to")),
            can_revert=can_revert and name in words.spec.fields,
        )
        for name, values in sorted(change.changes.items())
    ]
    integration = names.get(change.integration_id, "an integration") if change.integration_id else ""
    return Entry(
        change=change,
        what=change.get_kind_display(),
        who=_actor(change, integration),
        cause=str(OriginKind(change.origin).label) + (f": {change.note}" if change.note else ""),
        at=change.created_at,
        lines=lines,
    )


def _actor(change: Change, integration: str) -> str:
    if change.user is not None:
        return change.user.get_full_name() or change.user.get_username()
    return integration or str(OriginKind(change.origin).label)


class _Words:
    """Values as a person reads them: names in place of ids, choices by their labels."""

    def __init__(self, spec: RecordSpec, tenant: Tenant, changes: list[Change]) -> None:
        self.spec = spec
        wanted: dict[str, set[str]] = defaultdict(set)
        for change in changes:
            for name, values in change.changes.items():
                target = spec.values[name].target if name in spec.values else None
                if target:
                    for value in (values.get("from"), values.get("to")):
                        wanted[target].update(value if isinstance(value, list) else [value] if value else [])
        self.titles = {target: titles(target, ids, tenant) for target, ids in wanted.items()}

    def label(self, name: str) -> str:
        known = self.spec.fields.get(name)
        text = known.label if known else name
        return text[:1].upper() + text[1:]

    def shown(self, name: str, value: Any) -> str:
        if value is None or value == "" or value == []:
            return "(empty)"
        known = self.spec.values.get(name)
        if known is None:
            return "yes" if value is True else "no" if value is False else str(value)
        if known.target:
            found = self.titles.get(known.target, {})
            return ", ".join(
                str(found.get(one, one)) for one in (value if isinstance(value, list) else [value])
            )
        if known.kind is Kind.ENUM:
            choices: dict[Any, Any] = dict(self.spec.model._meta.get_field(name).choices or ())  # type: ignore[union-attr]
            return str(choices.get(value, value))
        if known.kind is Kind.BOOLEAN:
            return "yes" if value else "no"
        return ", ".join(value) if isinstance(value, list) else str(value)


def before_of(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
