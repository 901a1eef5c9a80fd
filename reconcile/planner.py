"""The three-way plan of one pair: compare each side with its own past, field by field. Pure, no I/O.

Never raises for data: what cannot be turned into the other side's terms is held, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from reconcile.fieldmap import CompiledMap
from reconcile.kinds import is_blank
from reconcile.merging import Run
from reconcile.model import (
    JSON,
    NOTHING,
    Bases,
    Clocks,
    Decided,
    Held,
    HeldReason,
    MapContext,
    Plan,
    Policy,
    Snapshot,
)
from reconcile.paths import MISSING

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_NO_BASES = Bases({}, {})
_NO_CLOCKS = Clocks()


def plan(
    *,
    field_map: CompiledMap,
    bases: Bases | None,
    local: Snapshot,
    external: Snapshot,
    policy: Policy,
    ctx: MapContext,
    clocks: Clocks = _NO_CLOCKS,
    decided: Mapping[str, Decided] = _EMPTY,
    held: Mapping[str, Held] = _EMPTY,
    open_conflicts: Mapping[str, tuple[JSON, JSON]] = _EMPTY,
    check_drift: bool = False,
) -> Plan:
    """What reconciling this pair takes, as a value to preview, apply, log and undo.

    A key that a side's snapshot lacks is unknown there and counts as unchanged. ``decided`` are reviewers'
    choices, ``held`` what is held back already (REFUSED with the refused vendor value as ``raw``, OSCILLATING),
    ``open_conflicts`` the (local, external raw) values that wait for a reviewer. Drift costs and is looked for only on demand.
    """
    if (
        bases is not None
        and not decided
        and not check_drift
        and local == bases.local
        and external == bases.external
    ):
        return NOTHING
    run = Run(field_map, bases or _NO_BASES, local, external, policy, ctx, clocks, held, open_conflicts)
    run.decided(decided)
    run.compare(check_drift)
    return run.finished()


def plan_local_create(*, field_map: CompiledMap, external: Snapshot, policy: Policy, ctx: MapContext) -> Plan:
    """What a new local record takes from an external one: ``to_local``, and ``held`` for what waits for a counterpart.

    A required link that is empty or held is in ``held``: the record must wait for it.
    """
    return _plan_create(field_map, external, policy, ctx, is_inward=True)


def plan_external_create(*, field_map: CompiledMap, local: Snapshot, policy: Policy, ctx: MapContext) -> Plan:
    """What a new external record takes from a local one: ``to_external``, and ``held``."""
    return _plan_create(field_map, local, policy, ctx, is_inward=False)


def _plan_create(
    field_map: CompiledMap, side: Snapshot, policy: Policy, ctx: MapContext, *, is_inward: bool
) -> Plan:
    empty: Snapshot = {}
    run = Run(
        field_map,
        _NO_BASES,
        empty if is_inward else side,
        side if is_inward else empty,
        policy,
        ctx,
        _NO_CLOCKS,
        _EMPTY,
        _EMPTY,
    )
    for key, bound in field_map.bound.items():
        if key not in side:
            if bound.link.required and bound.link.is_in == is_inward:
                run.hold(
                    key,
                    HeldReason.UNREADABLE,
                    f"{bound.link.local} must be filled but the other side does not say it",
                )
            continue
        if is_inward and run.can_in(key):
            turned = run.inward(key, side[key])
            if turned is not MISSING and not (is_blank(turned) and not bound.link.required):
                run.bring_in(key, turned)
        elif not is_inward and run.can_out(key) and not (is_blank(side[key]) and not bound.link.required):
            run.send_out(key, side[key])
    return run.finished()
