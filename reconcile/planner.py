"""The three-way plan of one pair: compare each side with its own past, field by field. Pure, no I/O.

Never raises for data: what cannot be turned into the other side's terms is held, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from reconcile.fieldmap import BoundLink, CompiledMap
from reconcile.kinds import ValueProblem, is_blank
from reconcile.merging import Run
from reconcile.model import (
    JSON,
    NOTHING,
    Bases,
    Clocks,
    Decided,
    Direction,
    Held,
    HeldReason,
    MapContext,
    Plan,
    Policy,
    Snapshot,
    Unmapped,
)

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_NO_BASES = Bases({}, {})
_NO_CLOCKS = Clocks()
_UNFILLED = "{} must be filled but the other side does not say it"


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


class LocalCreates:
    """``plan_local_create`` for many records that share map, policy and counterparts: equal texts are turned once."""

    def __init__(self, *, field_map: CompiledMap, policy: Policy, ctx: MapContext) -> None:
        self._ctx = ctx
        flows = policy.direction is not Direction.OUT
        self._links: list[tuple[str, BoundLink, bool, bool, dict[str, JSON | Unmapped]]] = []
        for key, bound in field_map.bound.items():
            is_in = bound.link.direction is not Direction.OUT
            self._links.append((key, bound, bound.link.required and is_in, flows and is_in, {}))

    def plan(self, external: Snapshot) -> Plan:
        """What this new local record takes from the external one."""
        to_local: dict[str, JSON] = {}
        held: dict[str, Held] = {}
        ctx = self._ctx
        for key, bound, is_required, is_taken, known in self._links:
            if key not in external:
                if is_required:
                    held[key] = Held(HeldReason.UNREADABLE, _UNFILLED.format(bound.link.local))
                continue
            if not is_taken:
                continue
            value = external[key]
            is_text = type(value) is str  # nothing else: 1, 1.0 and true are one key
            if is_text and value in known:
                turned = known[value]
            else:
                try:
                    turned = bound.inward(value, ctx)
                except ValueProblem as exc:
                    held[key] = Held(HeldReason.UNREADABLE, str(exc), value)
                    continue
                if is_text and type(turned) is str:  # a list is each record's own
                    known[value] = turned
            if type(turned) is Unmapped:
                held[key] = Held(HeldReason.UNMAPPED, turned.reason, value)
            elif turned is not None and turned != "" and turned != []:
                to_local[key] = turned
            elif is_required:
                held[key] = Held(HeldReason.UNREADABLE, f"{bound.link.local} must not be empty", turned)
        return Plan(to_local=to_local, held=held) if to_local or held else NOTHING


def plan_local_create(*, field_map: CompiledMap, external: Snapshot, policy: Policy, ctx: MapContext) -> Plan:
    """What a new local record takes from an external one: ``to_local``, and ``held`` for what waits for a counterpart.

    A required link that is empty or held is in ``held``: the record must wait for it.
    """
    return LocalCreates(field_map=field_map, policy=policy, ctx=ctx).plan(external)


def plan_external_create(*, field_map: CompiledMap, local: Snapshot, policy: Policy, ctx: MapContext) -> Plan:
    """What a new external record takes from a local one: ``to_external``, and ``held``."""
    run = Run(field_map, _NO_BASES, local, {}, policy, ctx, _NO_CLOCKS, _EMPTY, _EMPTY)
    for key, bound in field_map.bound.items():
        if key not in local:
            if bound.link.required and not bound.link.is_in:
                run.hold(key, HeldReason.UNREADABLE, _UNFILLED.format(bound.link.local))
        elif run.can_out(key) and not (is_blank(local[key]) and not bound.link.required):
            run.send_out(key, local[key])
    return run.finished()
