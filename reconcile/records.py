"""What to do with a pair as a whole, from what is known of each side's record (ENGINE.md 2.8, step 6)."""

from __future__ import annotations

from reconcile.model import DeletePolicy, Direction, RecordAction, SideState

_PRESENT = (SideState.SAME, SideState.CHANGED)


def record_action(
    *,
    local: SideState,
    external: SideState,
    policy: DeletePolicy,
    direction: Direction,
    create_locally: bool,
    create_externally: bool,
) -> RecordAction:
    """The action for one pair. Only positive evidence (DELETED) ever leads to a delete."""
    sides = (local, external)
    if SideState.UNREACHABLE in sides:
        return RecordAction.HOLD
    if SideState.VANISHED in sides:
        return RecordAction.CONFIRM
    if local is SideState.DELETED and external in (SideState.DELETED, SideState.MISSING):
        return RecordAction.CLOSE
    if external is SideState.DELETED and local is SideState.MISSING:
        return RecordAction.CLOSE
    if SideState.OUT_OF_SCOPE in sides:
        return RecordAction.OUT_OF_SCOPE
    if local is SideState.DELETED:
        return _deleted(external, policy, can_flow=direction is not Direction.IN, is_local_gone=True)
    if external is SideState.DELETED:
        return _deleted(local, policy, can_flow=direction is not Direction.OUT, is_local_gone=False)
    if local is SideState.MISSING and external is SideState.MISSING:
        return RecordAction.NOTHING
    if local is SideState.MISSING:
        is_wanted = create_locally and direction is not Direction.OUT
        return RecordAction.CREATE_LOCAL if is_wanted else RecordAction.NOTHING
    if external is SideState.MISSING:
        is_wanted = create_externally and direction is not Direction.IN
        return RecordAction.CREATE_EXTERNAL if is_wanted else RecordAction.NOTHING
    return RecordAction.MERGE


def _deleted(other: SideState, policy: DeletePolicy, *, can_flow: bool, is_local_gone: bool) -> RecordAction:
    """One side was deleted; ``other`` is the side that still has the record."""
    if other is SideState.CHANGED:
        return RecordAction.REVIEW  # delete against edit: a person's edit is never lost to a delete
    if not can_flow or policy is DeletePolicy.IGNORE:
        return RecordAction.UNLINK
    if policy is DeletePolicy.ASK:
        return RecordAction.REVIEW
    if not is_local_gone:
        return RecordAction.DELETE_LOCAL  # always soft: the record keeps its tombstone and can be restored
    return RecordAction.ARCHIVE_EXTERNAL if policy is DeletePolicy.ARCHIVE else RecordAction.DELETE_EXTERNAL
