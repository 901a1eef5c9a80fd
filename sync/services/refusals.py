"""The vendor refuses a value of ours: that field goes to a reviewer, the others go on (F2, H3)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from conflicts.models import ConflictKind
from conflicts.services import conflict_open
from connectors.base.errors import PermissionProblem, RecordProblem
from reconcile.digest import digest
from reconcile.kinds import ValueProblem
from reconcile.model import JSON, ConflictGroup, FieldConflict, HeldReason, Plan, Unmapped
from sync import leases
from sync.context import References
from sync.edits import edits_load_of
from sync.pairs import Pair
from sync.runtime import runtime
from sync.work import Again, Work

#: holds whose conflict stays open until a reviewer or a new edit ends it
WAITING = {HeldReason.OPEN_CONFLICT, HeldReason.REFUSED}


def review(work: Work, pair: Pair, plan: Plan, refusal: RecordProblem, refs: References) -> None:
    """Open a conflict for the field that was refused and raise ``Again``, so that the rest is sent.

    Returns, leaving the failure as it is, where the vendor named no field of ours, or a reviewer has already
    insisted on this value.
    """
    if isinstance(refusal, PermissionProblem):
        return
    key = _refused_key(pair, plan, refusal)
    if key is None or key in pair.decided:
        return
    now = runtime().now()
    system = work.rc.connector.name
    is_status = key in work.rc.resource.status_links
    conflict = FieldConflict(
        key=key,
        base=(pair.base_local or {}).get(key),
        local=plan.to_local.get(key, pair.local_snapshot.get(key)),
        external=_inward(pair, key, refs),
        base_external_raw=(pair.base_external or {}).get(key),
        external_raw=pair.external_snapshot.get(key),
    )
    seen = {"l": pair.local_snapshot.get(key), "e": pair.external_snapshot.get(key)}
    hold = {
        "reason": HeldReason.REFUSED.value,
        "detail": refusal.message,
        "raw": plan.to_external[key],
        "seen": digest(seen),
    }
    edits_load_of(work.rc, pair, key)
    with transaction.atomic():
        conflict_open(
            mapping=work.mapping,
            group=ConflictGroup(key, (conflict,), f"{system} refused the value: {refusal.message}"[:500]),
            kind=ConflictKind.INVALID_TRANSITION if is_status else ConflictKind.REFUSED,
            record_title=pair.title,
            **pair.last_changes(pair.last_edit([key])),
            now=now,
        )
        leases.save(work.mapping, held={**work.mapping.held, key: hold})
    raise Again(f"{key} was refused") from refusal


def fixed(work: Work, paths: Iterable[str]) -> RecordProblem | None:
    """The refusal that needs no request: one of these fields is only said when the record is made."""
    path = next((path for path in paths if path in work.rc.resource.create_only), None)
    if path is None:
        return None
    system, what = work.rc.connector.name, work.rc.resource.label.lower()
    return RecordProblem(f"{system} keeps it as it was when the {what} was made.", field=path)


def _refused_key(pair: Pair, plan: Plan, refusal: RecordProblem) -> str | None:
    """The one of our sent fields that the vendor names, by its path or its last part; None if it names none."""
    named = (refusal.field or "").strip("/").casefold()
    if not named:
        return None
    for key in plan.to_external:
        paths = [path.casefold() for path in pair.rc.field_map.links[key].external]
        if named == key.casefold() or named in paths or named in {path.rsplit(".", 1)[-1] for path in paths}:
            return key
    return None


def _inward(pair: Pair, key: str, refs: References) -> JSON:
    """What the other side holds, in our terms; None where it has no meaning here."""
    if key not in pair.external_snapshot:
        return None
    try:
        value = pair.rc.field_map.inward(key, pair.external_snapshot[key], refs)
    except ValueProblem:
        return None
    return None if isinstance(value, Unmapped) else value
