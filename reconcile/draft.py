"""A plan in the making: which way values may flow, in which terms, and the guards on every planned write."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.fieldmap import BoundLink, CompiledMap
from reconcile.kinds import ValueProblem, is_blank
from reconcile.model import (
    JSON,
    NOTHING,
    AutoDecision,
    Bases,
    Clocks,
    ConflictGroup,
    Direction,
    Held,
    HeldReason,
    MapContext,
    Plan,
    Policy,
    Snapshot,
    Unmapped,
)
from reconcile.paths import MISSING


class Draft:
    """One planning run: the inputs, the plan as it grows, and the writes that may be planned."""

    def __init__(
        self,
        field_map: CompiledMap,
        bases: Bases,
        local: Snapshot,
        external: Snapshot,
        policy: Policy,
        ctx: MapContext,
        clocks: Clocks,
        held: Mapping[str, Held],
        open_conflicts: Mapping[str, tuple[JSON, JSON]],
    ) -> None:
        self.map = field_map
        self.bases = bases
        self.local = local
        self.external = external
        self.policy = policy
        self.ctx = ctx
        self.clocks = clocks
        self.held_before = held
        self.open_conflicts = open_conflicts
        self.done: set[str] = set()
        self.to_local: dict[str, JSON] = {}
        self.to_external: dict[str, JSON] = {}
        self.agreed: list[str] = []
        self.accepted: list[str] = []
        self.conflicts: list[ConflictGroup] = []
        self.decisions: list[AutoDecision] = []
        self.settled: list[str] = []
        self.stale: list[str] = []
        self.held: dict[str, Held] = {}
        self.drift: list[str] = []

    def finished(self) -> Plan:
        if not (
            self.to_local
            or self.to_external
            or self.agreed
            or self.accepted
            or self.conflicts
            or self.held
            or self.settled
            or self.stale
            or self.drift
        ):
            return NOTHING
        return Plan(
            to_local=self.to_local,
            to_external=self.to_external,
            agreed=tuple(self.agreed),
            accepted=tuple(self.accepted),
            conflicts=tuple(self.conflicts),
            decisions=tuple(self.decisions),
            settled=tuple(self.settled),
            stale_decisions=tuple(self.stale),
            held=self.held,
            drift=tuple(self.drift),
        )

    # What may flow, and in which terms

    def can_in(self, key: str) -> bool:
        return self.policy.direction is not Direction.OUT and self.map.links[key].is_in

    def can_out(self, key: str) -> bool:
        if self.policy.direction is Direction.IN or not self.map.links[key].is_out:
            return False
        writable = self.policy.writable_external
        return writable is None or key in writable

    def yields(self, key: str) -> bool:
        """True if nobody here meant the value: it follows another field, and only the other side may say it."""
        return key in self.policy.derived and key not in self.policy.rules and not self.can_out(key)

    def hold(self, key: str, reason: HeldReason, detail: str, raw: JSON = None) -> None:
        self.held[key] = Held(reason, detail, raw)

    def inward(self, key: str, value: JSON) -> JSON:
        """Canonical form of a vendor's value; MISSING after holding the key if there is none."""
        try:
            turned = self.map.bound[key].inward(value, self.ctx)
        except ValueProblem as exc:
            self.hold(key, HeldReason.UNREADABLE, str(exc), value)
            return MISSING
        if type(turned) is Unmapped:
            self.hold(key, HeldReason.UNMAPPED, turned.reason, value)
            return MISSING
        return turned

    def quiet_inward(self, key: str, value: JSON) -> JSON:
        """As ``inward`` but holds nothing: for comparing only."""
        try:
            turned = self.map.bound[key].inward(value, self.ctx)
        except ValueProblem:
            return MISSING
        return MISSING if type(turned) is Unmapped else turned

    def outward_equals(self, bound: BoundLink, value: JSON, external: JSON) -> bool:
        """True if sending ``value`` would leave the vendor's value as it is."""
        try:
            sent = bound.outward(value, self.ctx)
        except ValueProblem:
            return False
        return type(sent) is not Unmapped and bound.normalise(sent) == external

    def agrees(self, key: str, local: JSON, external: JSON, inward: JSON) -> bool:
        """True if the sides say the same, as far as the vendor's form can tell them apart."""
        if inward == local:
            return True
        bound = self.map.bound[key]
        return bound.lossy and external is not MISSING and self.outward_equals(bound, local, external)

    # Writes

    def bring_in(self, key: str, value: JSON) -> bool:
        """Plan a local write unless the value is there already; False if held."""
        if is_blank(value) and self.map.links[key].required:
            self.hold(key, HeldReason.UNREADABLE, f"{self.map.links[key].local} must not be empty", value)
            return False
        if self.local.get(key, self.bases.local.get(key, MISSING)) != value:
            self.to_local[key] = value
        return True

    def send_out(self, key: str, value: JSON) -> bool:
        """Plan an external write unless it would change nothing; False if held."""
        bound = self.map.bound[key]
        if is_blank(value) and bound.link.required and bound.link.default is None:
            self.hold(key, HeldReason.UNREADABLE, f"{bound.link.local} must not be empty over there", value)
            return False
        try:
            sent = bound.outward(value, self.ctx)
        except ValueProblem as exc:
            self.hold(key, HeldReason.UNREADABLE, str(exc), value)
            return False
        if type(sent) is Unmapped:
            self.hold(key, HeldReason.UNMAPPED, sent.reason, value)
            return False
        there = self.external.get(key, self.bases.external.get(key, MISSING))
        if there is not MISSING and bound.normalise(sent) == there:
            return True
        before = self.held_before.get(key)
        if before is not None and before.reason is HeldReason.REFUSED and before.raw == sent:
            self.held[key] = before
            return False
        damage = None if there is MISSING else bound.transform.damage(there, bound.options)
        if damage:
            self.hold(key, HeldReason.READ_ONLY, damage, value)
            return False
        self.to_external[key] = sent
        return True

    def cannot_send(self, key: str) -> None:
        link = self.map.links[key]
        if self.policy.direction is Direction.IN or not link.is_out:
            self.hold(
                key,
                HeldReason.DIRECTION,
                f"{link.local} changed here, but it is only read from the other side",
            )
        else:
            self.hold(key, HeldReason.READ_ONLY, f"{link.local} cannot be written on the other side")

    def cannot_bring(self, key: str) -> None:
        self.hold(
            key,
            HeldReason.DIRECTION,
            f"{self.map.links[key].local} changed on the other side, but it is only sent there",
        )
