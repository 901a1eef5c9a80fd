"""A save that came too late: what others changed meanwhile, and what of the person's input is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconcile.kinds import is_blank
from workspace.kinds import record_spec
from workspace.models import Change, Record
from workspace.services import StaleRevision, record_values

from .forms import RecordForm


@dataclass(frozen=True)
class StaleNotice:
    """``clashes`` are (label, what it says now): fields that both changed."""

    sentence: str
    clashes: list[tuple[str, str]]
    others: list[str]  # labels of what only the others changed


def changed_since(record: Record, revision: int) -> dict[str, dict[str, Any]]:
    """``{field: {"from": at that revision, "to": now}}``, from the history."""
    rows = Change.objects.filter(
        tenant_id=record.tenant_id, record_type=record.record_type, record_id=record.pk, revision__gt=revision
    )
    found: dict[str, dict[str, Any]] = {}
    for changes in rows.order_by("revision").values_list("changes", flat=True):
        for name, values in changes.items():
            found.setdefault(name, {"from": values.get("from")})["to"] = values.get("to")
    return found


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (is_blank(one) and is_blank(other))


def explain(stale: StaleRevision, form: RecordForm, revision: int) -> tuple[StaleNotice, dict[str, Any]]:
    """The notice, and what to lay over the fresh form: the person's own edits, not what they never touched."""
    record = stale.record
    spec = record_spec(record.record_type)
    others = changed_since(record, revision)
    now = record_values(record)
    overlay: dict[str, Any] = {}
    clashes: list[tuple[str, str]] = []
    for name in form.changed_data:
        if name not in spec.fields or name not in form.cleaned_data:
            continue
        entered = form.cleaned_data[name]
        canonical = spec.fields[name].to_canonical(entered)
        if name in others and _same(canonical, others[name]["from"]):
            continue  # as it was when the page was opened: theirs is the only edit
        overlay[name] = getattr(entered, "pk", entered)
        if name in others and canonical != others[name]["to"]:
            shown = now.get(name)
            clashes.append(
                (spec.fields[name].label, ", ".join(shown) if isinstance(shown, list) else str(shown))
            )
    labels = [spec.fields[name].label for name in sorted(others) if name in spec.fields]
    clashing = {label for label, _ in clashes}
    sentence = f"This record was {stale} while you were editing. Nothing of yours is saved yet."
    return StaleNotice(sentence, clashes, [label for label in labels if label not in clashing]), overlay
