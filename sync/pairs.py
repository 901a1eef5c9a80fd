"""One pair in memory: both sides as they are now, the plan, and how the bases move. No query, no request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from connectors.base.types import ExternalRecord
from integrations.models import MappingState
from reconcile.digest import digest
from reconcile.kinds import ValueProblem, is_blank
from reconcile.loops import oscillates
from reconcile.model import (
    JSON,
    Bases,
    Clocks,
    Decided,
    Held,
    HeldReason,
    Plan,
    Provenance,
    Snapshot,
    Unmapped,
)
from reconcile.planner import plan as make_plan
from sync.context import References, ResourceContext
from sync.readback import is_explained
from workspace.services import FieldEdit, RecordState

#: a held field of these kinds asks for a person; the rest only explain why nothing flows
BLOCKING = {HeldReason.UNMAPPED, HeldReason.UNREADABLE, HeldReason.REFUSED, HeldReason.OSCILLATING}
#: where the history keeps what an update under way sends: ``[[key, canonical value, vendor value], …]``
SENDING = ""
HISTORY_KEPT = 12
HISTORY_WINDOW = timedelta(hours=1)
_NOBODY = References()  # until a plan has loaded what it needs; never filled
_EQUAL, _WRITTEN = Provenance.EQUAL.value, Provenance.WRITTEN.value


class Seen(NamedTuple):
    """What an external record says, by link key, and the digest of that."""

    snapshot: Snapshot
    fingerprint: str

    @staticmethod
    def of(rc: ResourceContext, record: ExternalRecord) -> Seen:
        snapshot = rc.field_map.read_external(record.data)
        return Seen(snapshot, digest(snapshot))


@dataclass
class Pair:
    """A mapping's stored half (bases, holds, history) beside what both sides hold now."""

    rc: ResourceContext
    base_local: dict[str, JSON] | None
    base_external: dict[str, JSON] | None
    provenance: dict[str, str]
    local: RecordState | None = None
    external: ExternalRecord | None = None
    held: dict[str, Any] = field(default_factory=dict)
    history: dict[str, list[list[Any]]] = field(default_factory=dict)
    open_conflicts: Mapping[str, tuple[JSON, JSON]] = field(default_factory=dict)
    decided: Mapping[str, Decided] = field(default_factory=dict)
    seen: Seen | None = None  # the external record, where it has been read already
    map_version: int | None = None  # of the field map that the bases were agreed under
    edits: Mapping[str, FieldEdit] = field(default_factory=dict)  # see ``sync.edits``

    def __post_init__(self) -> None:
        fm = self.rc.field_map
        self.refs = _NOBODY
        self._forget_other_fields()
        self.local_snapshot: Snapshot = fm.read_local(self.local.values) if self.local else {}
        if self.seen is not None:
            self.external_snapshot: Snapshot = self.seen.snapshot
        else:
            self.external_snapshot = fm.read_external(self.external.data) if self.external else {}
        self.landed: set[str] = set()
        if SENDING in self.history:
            self._take_in_what_landed()

    def _forget_other_fields(self) -> None:
        """A link that was pointed to another field since has no agreed state: it is compared, not overwritten (F28)."""
        version = self.map_version
        if version is None or not self.rc.since:
            return
        stale = {key for key, since in self.rc.since.items() if since > version}
        if stale.isdisjoint({*(self.base_local or ()), *(self.base_external or ())}):
            return
        self.start_bases()
        assert self.base_local is not None and self.base_external is not None
        for key in stale:
            self.base_local.pop(key, None)
            self.base_external.pop(key, None)
            self.provenance.pop(key, None)

    @property
    def bases(self) -> Bases | None:
        if self.base_local is None and self.base_external is None:
            return None
        return Bases(self.base_local or {}, self.base_external or {}, self.provenance)

    @property
    def fingerprint(self) -> str:
        return self.seen.fingerprint if self.seen is not None else digest(self.external_snapshot)

    @property
    def title(self) -> str:
        """What a person calls the record."""
        values = self.local.values if self.local else {}
        found = next((values[n] for n in ("title", "name", "customer_name", "body") if values.get(n)), "")
        return str(found)[:300]

    def local_changed(self) -> bool:
        return any(self.local_snapshot.get(k) != v for k, v in (self.base_local or {}).items())

    def external_changed(self) -> bool:
        present = self.external_snapshot
        return any(k in present and present[k] != v for k, v in (self.base_external or {}).items())

    def disputed_here(self) -> set[str]:
        """What changed here, if any of it changed there too: the keys whose edits may have to be compared."""
        here, there = (
            self._moved(self.local_snapshot, self.base_local),
            self._moved(self.external_snapshot, self.base_external),
        )
        return here if here & there else set()

    @staticmethod
    def _moved(now: Snapshot, base: Snapshot | None) -> set[str]:
        past = base or {}
        return {key for key, value in now.items() if key not in past or past[key] != value}

    def plan(self, refs: References, *, check_drift: bool = False, clock_offset: float = 0.0) -> Plan:
        """The one plan: previewed, applied and logged alike."""
        self.refs = refs
        external_at = self.external.updated_at if self.external else None
        return make_plan(
            field_map=self.rc.field_map,
            bases=self.bases,
            local=self.local_snapshot,
            external=self.external_snapshot,
            policy=self.rc.policy,
            ctx=refs,
            clocks=Clocks(
                external=external_at - timedelta(seconds=clock_offset) if external_at else None,
                local_fields={key: edit.at for key, edit in self.edits.items()},
            ),
            decided=self.decided,
            held=self._standing_holds(),
            open_conflicts=self.open_conflicts,
            check_drift=check_drift,
        )

    def last_edit(self, keys: Iterable[str]) -> FieldEdit | None:
        """The newest edit here of any of these fields; None if nobody but the other side ever wrote them."""
        edits = [self.edits[key] for key in keys if key in self.edits]
        return max(edits, key=lambda edit: edit.at, default=None)

    def last_changes(self, edit: FieldEdit | None) -> dict[str, Any]:
        """What a conflict says of both sides; there it is the record's time, for no vendor tells it by field."""
        return {
            "local_changed_at": edit.at if edit else None,
            "local_changed_by": edit.by if edit else "",
            "external_changed_at": self.external.updated_at if self.external else None,
            "external_changed_by": self.external.updated_by if self.external else "",
            "local_revision": self.local.revision if self.local else 0,
            "external_version": (self.external.version or "") if self.external else "",
        }

    def _standing_holds(self) -> dict[str, Held]:
        """Holds that last until a side changes again or a person acts."""
        standing = {}
        for key, held in self.held.items():
            if held["reason"] not in {HeldReason.REFUSED, HeldReason.OSCILLATING}:
                continue
            seen = held.get("seen")
            if seen == digest({"l": self.local_snapshot.get(key), "e": self.external_snapshot.get(key)}):
                standing[key] = Held(HeldReason(held["reason"]), held["detail"], held.get("raw"))
        return standing

    def references_in(self) -> set[tuple[str, str]]:
        return set(self.rc.field_map.references_in(self.external_snapshot))

    def references_out(self) -> set[tuple[str, str]]:
        return set(self.rc.field_map.references_out(self.local_snapshot))

    # -- how bases move ---------------------------------------------------------------------------------

    def agree_brought_in(self, plan: Plan, kept: Snapshot) -> None:
        """Move the bases of what the local transaction proves; ``kept`` is what the record really holds now.

        A field that is also to be sent out agrees on what was just taken in, on both sides: what is here then
        is an ordinary local change on top of it, even if the push comes much later or never came.
        """
        self.start_bases()
        assert self.base_local is not None and self.base_external is not None
        for key, value in plan.to_local.items():
            if key in self.external_snapshot:
                self.base_external[key] = self.external_snapshot[key]
            if key in plan.to_external:
                self._agree_on_theirs(key)
            else:
                self.base_local[key] = kept.get(key, value)
                is_whole = kept.get(key, value) == value
                self.provenance[key] = (Provenance.EQUAL if is_whole else Provenance.WRITTEN).value
        for key in plan.agreed:
            self.agree_on(key, self.local_snapshot.get(key), self.external_snapshot, Provenance.EQUAL)
        for key in plan.accepted:
            value = plan.to_local.get(key, self.local_snapshot.get(key))
            self.agree_on(key, value, self.external_snapshot, Provenance.ACCEPTED)

    def _agree_on_theirs(self, key: str) -> None:
        """The local base becomes what the other side holds, in our terms, where it has a meaning here."""
        assert self.base_local is not None
        if key not in self.external_snapshot:
            return
        try:
            theirs = self.rc.field_map.inward(key, self.external_snapshot[key], self.refs)
        except ValueProblem:
            return
        if not isinstance(theirs, Unmapped):
            self.base_local[key] = theirs

    def agree_sent_out(self, plan: Plan, answer: Snapshot) -> None:
        """Move the bases of what the vendor now really holds (read back, D4)."""
        self.start_bases()
        for key in plan.to_external:
            value = plan.to_local.get(key, self.local_snapshot.get(key))
            self.agree_on(key, value, answer, Provenance.WRITTEN)

    def agree_created_locally(self, values: Snapshot, kept: Snapshot) -> None:
        """A record was made here from the external one: every key that was taken over agrees.

        ``kept`` is what the record really holds; what stayed empty on both sides agrees too.
        """
        self.start_bases()
        assert self.base_local is not None and self.base_external is not None
        for key, there in self.external_snapshot.items():
            if key in values:
                wanted = values[key]
                stored = kept.get(key, wanted)
                self.base_local[key] = stored
                self.provenance[key] = _EQUAL if stored == wanted else _WRITTEN
            elif is_blank(there) and is_blank(kept.get(key)):
                self.base_local[key] = (
                    kept[key] if key in kept else self.rc.field_map.bound[key].canonical(None)
                )
                self.provenance[key] = _EQUAL
            else:
                continue
            self.base_external[key] = there

    def start_bases(self) -> None:
        self.base_local = dict(self.base_local or {})
        self.base_external = dict(self.base_external or {})
        self.provenance = dict(self.provenance)

    def agree_on(self, key: str, local: JSON, external: Snapshot, provenance: Provenance) -> None:
        assert self.base_local is not None and self.base_external is not None
        self.base_local[key] = local
        if key in external:
            self.base_external[key] = external[key]
        self.provenance[key] = provenance.value

    # -- an update whose answer was never stored ----------------------------------------------------------

    def note_sending(self, plan: Plan) -> None:
        """Before the call: what is sent, so that our own write is known again if we die before its answer."""
        self.history[SENDING] = [
            [key, plan.to_local.get(key, self.local_snapshot.get(key)), sent]
            for key, sent in plan.to_external.items()
        ]

    def note_sent(self) -> None:
        self.history.pop(SENDING, None)

    def _take_in_what_landed(self) -> None:
        """What stands there is our own value (in the vendor's form): agreed, not somebody's edit."""
        self.history = dict(self.history)
        for key, ours, sent in self.history.pop(SENDING):
            there = self.external_snapshot.get(key)
            if key not in self.external_snapshot or key not in self.rc.field_map.bound:
                continue
            if there == (self.base_external or {}).get(key) or not self._is_form_of(key, sent, there):
                continue
            self.start_bases()
            self.agree_on(key, ours, self.external_snapshot, Provenance.WRITTEN)
            self.landed.add(key)

    def _is_form_of(self, key: str, sent: JSON, there: JSON) -> bool:
        fm = self.rc.field_map
        if fm.normalise(key, sent) == there:
            return True
        try:
            meant, kept = fm.inward(key, sent, self.refs), fm.inward(key, there, self.refs)
        except ValueProblem:
            return False
        return (
            not isinstance(meant, Unmapped) and not isinstance(kept, Unmapped) and is_explained(meant, kept)
        )

    # -- loops that succeed -----------------------------------------------------------------------------

    def remember_writes(self, keys: Iterable[str], side: str, values: Snapshot, now: datetime) -> None:
        """Note what was written per field, for the cycle detector."""
        for key in keys:
            entries = self.history.setdefault(key, [])
            entries.append([now.isoformat(), side, digest({"v": values.get(key)})])
            del entries[:-HISTORY_KEPT]

    def fighting(self, plan: Plan, now: datetime) -> dict[str, Held]:
        """Fields whose values keep alternating: quarantined, with who fights whom (ENGINE.md F2)."""
        recent = (now - HISTORY_WINDOW).isoformat()
        fights = {}
        for side, values in (("local", plan.to_local), ("external", plan.to_external)):
            for key, value in values.items():
                next_one = [now.isoformat(), side, digest({"v": value})]
                taken_on = [*(e for e in self.history.get(key, []) if e[0] > recent), next_one]
                on_one_side = [e[2] for e in taken_on if e[1] == side]
                in_turns = [
                    f"{e[1]} {e[2]}" for e in taken_on
                ]  # one value there, another comes back, for ever
                if oscillates(on_one_side) or oscillates(in_turns):
                    fights[key] = Held(
                        HeldReason.OSCILLATING,
                        f"This field keeps changing back and forth: Lockstep and {self.rc.connector.name} (or an "
                        "automation there) undo each other. Stop one of them, then retry.",
                        value,
                    )
        return fights

    def held_as_json(self, plan: Plan) -> dict[str, Any]:
        """The plan's holds as stored: with what both sides held, so that a new edit lifts them."""
        if not plan.held:
            return {}
        return {
            key: {
                "reason": held.reason.value,
                "detail": held.detail,
                "raw": held.raw,
                "seen": digest({"l": self.local_snapshot.get(key), "e": self.external_snapshot.get(key)}),
            }
            for key, held in plan.held.items()
            if held.reason is not HeldReason.OPEN_CONFLICT
        }


def without(plan: Plan, keys: dict[str, Held]) -> Plan:
    """The plan less some fields, which are held instead."""
    if not keys:
        return plan
    return Plan(
        to_local={k: v for k, v in plan.to_local.items() if k not in keys},
        to_external={k: v for k, v in plan.to_external.items() if k not in keys},
        agreed=plan.agreed,
        accepted=plan.accepted,
        conflicts=plan.conflicts,
        decisions=tuple(d for d in plan.decisions if d.conflict.key not in keys),
        settled=tuple(k for k in plan.settled if k not in keys),
        stale_decisions=plan.stale_decisions,
        held={**plan.held, **keys},
        drift=plan.drift,
    )


def state_after(held: Mapping[str, Any], *, open_conflict: bool, waits: bool) -> tuple[MappingState, str]:
    """The state and sentence a mapping shows once its plan has been carried out."""
    if open_conflict:
        return MappingState.CONFLICT, "A reviewer has to decide."
    blocking = {k: h for k, h in held.items() if h["reason"] in BLOCKING}
    if blocking:
        key, first = next(iter(sorted(blocking.items())))
        return MappingState.HELD, f"{key}: {first['detail']}"[:500]
    if waits:
        return MappingState.PENDING, "Waits to be sent."
    return MappingState.SYNCED, ""
