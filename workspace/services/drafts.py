"""From what a caller asks to what may be written: canonical values, checks, and only what differs."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from reconcile.kinds import Kind, ValueProblem, instant_text
from workspace.ids import new_id
from workspace.kinds import FieldSpec, RecordSpec
from workspace.models import RECORD_TYPES, Membership, TaskStage, Tenant

from .types import WHOLE_RECORD, RecordState, RecordWrite

DELETED = "The record is deleted. Restore it first."


@dataclasses.dataclass(slots=True)
class Draft:
    """One record on its way: ``changed`` holds the canonical values that differ."""

    write: RecordWrite
    record_id: UUID
    state: RecordState | None
    changed: dict[str, Any] = dataclasses.field(default_factory=dict)
    errors: dict[str, list[str]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    stale: bool = False

    def old(self, name: str) -> Any:
        """The value before; None for a record that is being created."""
        if self.state is None:
            return None
        if name in self.state.values:
            return self.state.values[name]
        return self.state.unsynced.get(name)

    def now(self, name: str) -> Any:
        return self.changed[name] if name in self.changed else self.old(name)


def draft(spec: RecordSpec, write: RecordWrite, now: datetime) -> Draft:
    """Check what can be checked without the database."""
    state = write.state
    made = Draft(write, write.record_id or (state.id if state else new_id()), state)
    if state is not None and state.deleted_at is not None:
        made.errors[WHOLE_RECORD].append(DELETED)
        return made
    fields, changed = spec.fields, made.changed
    for name, value in write.values.items():
        field = fields.get(name)
        if field is None:
            made.errors[name].append(f"There is no field {name} on a {_spoken(spec)}.")
        elif state is None and field.is_sound(value):
            changed[name] = value  # what an import is made of
        else:
            try:
                _take(made, field, value)
            except ValueProblem as problem:
                made.errors[name].append(f"{_sentence(field)}: {problem}.")
    if state is None:
        _require(spec, made)
    if spec.record_type == "task":
        _couple_completion(made, now)
    return made


def _take(made: Draft, field: FieldSpec, value: Any) -> None:
    if made.state is None:
        if value is None or value == "":
            return  # the column's default; a required one is missed below
        canonical = field.accept(value)
        if canonical is not None and canonical != []:
            made.changed[field.name] = canonical
        return
    old = made.old(field.name)
    if value != old and (canonical := field.accept(value)) != old:
        made.changed[field.name] = canonical


def _require(spec: RecordSpec, made: Draft) -> None:
    for name in spec.required:
        field = spec.values[name]
        if name not in made.changed and name not in made.errors:
            made.errors[name].append(f"{_sentence(field)}: must not be empty.")


def _sentence(field: FieldSpec) -> str:
    return field.label[:1].upper() + field.label[1:]


def _spoken(spec: RecordSpec) -> str:
    return str(spec.model._meta.verbose_name)


def _couple_completion(made: Draft, now: datetime) -> None:
    """A task that is done knows since when; one that is not, doesn't (unless the caller said otherwise)."""
    if "stage" not in made.changed or "completed_at" in made.write.values:
        return
    if made.changed["stage"] == TaskStage.DONE:
        if made.now("completed_at") is None:
            made.changed["completed_at"] = instant_text(now)
    elif made.old("completed_at") is not None:
        made.changed["completed_at"] = None


# ---------------------------------------------------------------- references


def check_references(spec: RecordSpec, drafts: Sequence[Draft], tenant: Tenant) -> None:
    """Refuse what points to nothing alive in this tenant: one query per type pointed to, for all drafts."""
    fields = [field for field in spec.fields.values() if field.target]
    wanted: dict[str, set[str]] = defaultdict(set)
    for made in drafts:
        for field in fields:
            if field.name in made.changed:
                wanted[field.target or ""].update(_new_targets(made, field))
        if spec.record_type == "comment":
            _want_commented(made, wanted)
    if not any(wanted.values()):
        return
    alive = {target: _alive(target, ids, tenant) for target, ids in wanted.items() if ids}
    if spec.record_type in alive:
        alive[spec.record_type] |= {str(made.record_id) for made in drafts if made.state is None}
    for made in drafts:
        for field in fields:
            if field.name not in made.changed:
                continue
            missing = [
                one for one in _new_targets(made, field) if one not in alive.get(field.target or "", set())
            ]
            if missing:
                made.errors[field.name].append(_missing_sentence(field, missing))
        if spec.record_type == "comment":
            _check_commented(made, alive)


def _new_targets(made: Draft, field: FieldSpec) -> Iterable[str]:
    """Ids that the draft newly points to: what already stood there may have been deleted since."""
    value = made.changed.get(field.name)
    if not value:
        return ()
    if field.kind is Kind.SET:
        return sorted(set(value) - set(made.old(field.name) or ()))
    return (value,)


def _alive(target: str, ids: set[str], tenant: Tenant) -> set[str]:
    if target == "user":
        numbers = [one for one in ids if one.isascii() and one.isdigit() and len(one) <= 18]
        members = Membership.objects.filter(tenant=tenant, user_id__in=numbers)
        return {str(user_id) for user_id in members.values_list("user_id", flat=True)}
    model = RECORD_TYPES[target]
    rows = model._default_manager.filter(tenant=tenant, id__in=ids, deleted_at__isnull=True)
    return {str(found) for found in rows.order_by().values_list("id", flat=True)}


def _missing_sentence(field: FieldSpec, missing: list[str]) -> str:
    noun = "user" if field.target == "user" else str(RECORD_TYPES[field.target or ""]._meta.verbose_name)
    return f"{_sentence(field)}: there is no {noun} {', '.join(missing)} here, or it is deleted."


def _want_commented(made: Draft, wanted: dict[str, set[str]]) -> None:
    on_type, on_id = made.now("on_type"), made.changed.get("on_id")
    if not ({"on_type", "on_id"} & made.changed.keys()):
        return
    on_id = made.now("on_id")
    if (on_type is None) != (on_id is None):
        made.errors["on_id"].append("A comment names both the type and the id of the record it is on.")
    elif on_type is not None and on_type not in RECORD_TYPES:
        made.errors["on_type"].append(f"There is no record type {on_type}.")
    elif on_type is not None:
        wanted[on_type].add(on_id)


def _check_commented(made: Draft, alive: dict[str, set[str]]) -> None:
    if made.errors or not ({"on_type", "on_id"} & made.changed.keys()):
        return
    on_type, on_id = made.now("on_type"), made.now("on_id")
    if on_type is not None and on_id not in alive.get(on_type, set()):
        made.errors["on_id"].append(f"There is no {on_type} {on_id} here, or it is deleted.")
