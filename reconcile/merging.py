"""One planning run: comparing each side with its past, sorting the fields, and deciding the disputed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile.draft import Draft
from reconcile.kinds import is_blank
from reconcile.model import (
    JSON,
    AutoDecision,
    ConflictGroup,
    Decided,
    FieldConflict,
    HeldReason,
    Provenance,
    Strategy,
)
from reconcile.paths import MISSING
from reconcile.strategies import Context, Resolution, decide_by_rule, decide_by_strategy


@dataclass(slots=True)
class _Field:
    """One link that differs from its past (or has none), with each side's value."""

    key: str
    base: JSON
    base_external: JSON
    local: JSON
    external: JSON
    is_local_changed: bool
    is_external_changed: bool
    is_first_contact: bool = False
    inward: JSON = None  # canonical form of ``external``; set for disputed fields


class Run(Draft):
    """Compares, sorts and decides."""

    # Reviewers' choices

    def decided(self, decided: Mapping[str, Decided]) -> None:
        for key, choice in decided.items():
            if key not in self.map.bound:
                continue
            if self._is_still_seen(key, choice):
                self._carry_out(key, choice)
                self.done.add(key)
            else:
                self.stale.append(key)

    def _is_still_seen(self, key: str, choice: Decided) -> bool:
        here = self.local.get(key, MISSING)
        there = self.external.get(key, MISSING)
        if here is not MISSING and here != choice.seen_local:
            return False
        if there is MISSING or there == choice.seen_external:
            return True
        now, seen = self.quiet_inward(key, there), self.quiet_inward(key, choice.seen_external)
        return now is not MISSING and now == seen

    def _carry_out(self, key: str, choice: Decided) -> None:
        there = self.external.get(key, choice.seen_external)
        value = self.inward(key, there) if choice.keep_external else choice.value
        if value is MISSING or not self.bring_in(key, value):
            return
        inward = value if choice.keep_external else self.quiet_inward(key, there)
        if self.agrees(key, value, there, inward):
            if key not in self.to_local:
                self.agreed.append(key)
        elif choice.keep_external or not choice.push or not self.can_out(key):
            self.accepted.append(key)
        elif not self.send_out(key, value):
            self.to_local.pop(key, None)
            return
        elif key not in self.to_external:
            self.accepted.append(key)  # the vendor's form cannot hold the difference
        self.settled.append(key)

    # Comparing

    def compare(self, check_drift: bool) -> None:
        groups: dict[str, list[_Field]] = {}
        for field in self._differing(check_drift):
            before = self.held_before.get(field.key)
            if before is not None and before.reason is HeldReason.OSCILLATING:
                self.held[field.key] = before
                continue
            groups.setdefault(self.map.groups.get(field.key, f"\0{field.key}"), []).append(field)
        for name, fields in groups.items():
            self._settle("" if name.startswith("\0") else name, fields)

    def _differing(self, check_drift: bool) -> list[_Field]:
        local_base, external_base = self.bases.local, self.bases.external
        found: list[_Field] = []
        for key in self.map.keys:
            here, there = self.local.get(key, MISSING), self.external.get(key, MISSING)
            base, base_external = local_base.get(key, MISSING), external_base.get(key, MISSING)
            is_here = here is not MISSING and here != base
            is_there = there is not MISSING and there != base_external
            if not (is_here or is_there):
                if check_drift and key not in self.done:
                    self._look_for_drift(key, here, there)
                continue
            if key in self.done:
                continue
            if base is MISSING or base_external is MISSING:
                self._without_base(key, here, there, base, found)
                continue
            here = base if here is MISSING else here
            there = base_external if there is MISSING else there
            found.append(_Field(key, base, base_external, here, there, is_here, is_there))
        return found

    def _look_for_drift(self, key: str, here: JSON, there: JSON) -> None:
        if here is MISSING or there is MISSING:
            return
        if self.bases.provenance.get(key, Provenance.EQUAL) != Provenance.EQUAL:
            return
        inward = self.quiet_inward(key, there)
        if inward is not MISSING and not self.agrees(key, here, there, inward):
            self.drift.append(key)

    def _without_base(self, key: str, here: JSON, there: JSON, base: JSON, found: list[_Field]) -> None:
        if self.map.bound[key].is_write_only:
            self._write_only(key, here, base)
        elif here is not MISSING and there is not MISSING:
            found.append(_Field(key, None, None, here, there, True, True, is_first_contact=True))

    def _write_only(self, key: str, here: JSON, base: JSON) -> None:
        # Nothing can be read back, so the local base alone says what was sent last.
        if here is MISSING:
            return
        if base is MISSING or is_blank(here):
            self.agreed.append(key)
        elif not self.can_out(key):
            self.cannot_send(key)
        else:
            self.send_out(key, here)

    # Deciding

    def _settle(self, group: str, fields: list[_Field]) -> None:
        disputed: list[_Field] = []
        calm: list[_Field] = []
        for field in fields:
            self._sort(field, disputed, calm)
        if not disputed:
            for field in calm:
                self._propagate(field)
            return
        if not self._can_be_decided_together(fields, disputed, calm):
            return
        if not self._decide(disputed, calm):
            self._review(group, disputed, calm)

    def _can_be_decided_together(
        self, fields: list[_Field], disputed: list[_Field], calm: list[_Field]
    ) -> bool:
        """False, holding all, if a field of the disputed group has a value the other side has no terms for."""
        for field in calm:
            if not field.is_external_changed:
                field.inward = self.inward(field.key, field.external)
        missing = next((field.key for field in fields if field.key in self.held), None)
        if missing is None:
            return True
        for field in (*disputed, *calm):
            if field.key not in self.held:
                reason = f"is decided together with {self.map.links[missing].local}, which waits"
                self.hold(field.key, self.held[missing].reason, reason, field.external)
        return False

    def _sort(self, field: _Field, disputed: list[_Field], calm: list[_Field]) -> None:
        """Into disputed, calm (one side changed), or settled on the spot."""
        if not field.is_external_changed:
            calm.append(field)
            return
        inward = self.inward(field.key, field.external)
        if inward is MISSING:
            return
        field.inward = inward
        if self.agrees(field.key, field.local, field.external, inward):
            self.agreed.append(field.key)
        elif field.is_first_contact:
            self._sort_first_contact(field, disputed, calm)
        elif self.quiet_inward(field.key, field.base_external) == inward:
            self._sort_unmeaning(field, calm)
        elif not field.is_local_changed or self.yields(field.key):
            calm.append(field)
        elif self.map.bound[field.key].is_set and field.key not in self.policy.rules:
            self._merge_sets(field)
        else:
            disputed.append(field)

    def _sort_unmeaning(self, field: _Field, calm: list[_Field]) -> None:
        # The vendor's value looks different but means what it meant: no change, only a new base.
        field.is_external_changed = False
        if field.is_local_changed:
            calm.append(field)
        else:
            self.accepted.append(field.key)

    def _sort_first_contact(self, field: _Field, disputed: list[_Field], calm: list[_Field]) -> None:
        is_here_blank = is_blank(field.local)
        is_there_blank = is_blank(field.inward) or is_blank(field.external)
        if self.policy.fill_blanks and is_here_blank != is_there_blank:
            field.is_local_changed = is_there_blank
            field.is_external_changed = is_here_blank
            calm.append(field)
        elif self.yields(field.key):
            calm.append(field)
        else:
            disputed.append(field)

    def _propagate(self, field: _Field) -> None:
        """One side changed: the other takes it over."""
        key = field.key
        if field.is_external_changed:
            if not self.can_in(key):
                self.cannot_bring(key)
            elif self.map.bound[key].is_set and not field.is_first_contact:
                self._merge_sets(field)
            else:
                self.bring_in(key, field.inward)
        elif not self.can_out(key):
            if self._is_same(field):
                self.agreed.append(key)
            elif self.yields(key):
                self.accepted.append(key)
            else:
                self.cannot_send(key)
        elif self.map.bound[key].is_set and not field.is_first_contact:
            self._merge_sets(field)
        elif self.send_out(key, field.local) and key not in self.to_external:
            self._note_unsent(field)

    def _is_same(self, field: _Field) -> bool:
        inward = self.quiet_inward(field.key, field.external)
        return inward is not MISSING and self.agrees(field.key, field.local, field.external, inward)

    def _note_unsent(self, field: _Field) -> None:
        (self.agreed if self._is_same(field) else self.accepted).append(field.key)

    def _merge_sets(self, field: _Field) -> None:
        """Each side gets what the other added and loses what the other removed."""
        key = field.key
        was_there = self.quiet_inward(key, field.base_external)
        base_there = set(field.base or ()) if was_there is MISSING else set(was_there)
        now_there = field.inward if field.is_external_changed else self.inward(key, field.external)
        if now_there is MISSING:
            return  # a member without counterpart stands there: writing the set would drop it (I15)
        there = set(now_there or ())
        base, here = set(field.base or ()), set(field.local or ())
        for_local = sorted((here | (there - base_there)) - (base_there - there))
        for_external = sorted((there | (here - base)) - (base - here))
        if self.can_in(key):
            if not self.bring_in(key, for_local):
                return
        elif field.is_external_changed:
            self.cannot_bring(key)
            return
        if not field.is_local_changed:
            self._note_set(key, for_local, sorted(there))
            return
        if not self.can_out(key):
            if key not in self.to_local:
                self.cannot_send(key)
            else:
                self.accepted.append(key)
            return
        if not self.send_out(key, for_external):
            self.to_local.pop(key, None)
            return
        self._note_set(key, for_local, for_external)

    def _note_set(self, key: str, for_local: list[str], for_external: list[str]) -> None:
        if key in self.to_external:
            return  # what is written is agreed by reading it back, not before
        if for_local != for_external:
            self.accepted.append(key)
        elif key not in self.to_local:
            self.agreed.append(key)

    def _decide(self, disputed: list[_Field], calm: list[_Field]) -> bool:
        """Settle the group by rules and strategy; False, having planned nothing, if a reviewer must."""
        if self._waits_unchanged([*disputed, *calm]):
            return False
        verdicts: list[tuple[_Field, Resolution]] = []
        leader: Resolution | None = None
        keys = tuple(field.key for field in (*disputed, *calm))
        for field in disputed:
            rule = self.policy.rules.get(field.key)
            if rule is not None:
                context = self._context(field, (field.key,), rule.separator)
                verdict = decide_by_rule(
                    _conflict(field), context, rule.rule, is_first_contact=field.is_first_contact
                )
            else:
                context = self._context(field, keys, " | ")
                verdict = decide_by_strategy(
                    _conflict(field), context, is_first_contact=field.is_first_contact
                )
                leader = verdict
            if verdict is None:
                return False
            verdicts.append((field, verdict))
        for field, verdict in verdicts:
            self._apply(field, verdict)
        for field in calm:
            self._follow(field, leader)
        return True

    def _context(self, field: _Field, keys: tuple[str, ...], separator: str) -> Context:
        return Context(self.policy, self.clocks, self.map.bound[field.key].kind, separator, keys)

    def _follow(self, field: _Field, leader: Resolution | None) -> None:
        """A group's field that only one side changed goes with the side that won the group."""
        winner = "external" if field.is_external_changed else "local"
        if (
            leader is None
            or leader.winner == winner
            or leader.winner == "merged"
            or field.key in self.policy.rules
        ):
            self._propagate(field)
            return
        value = field.local if leader.winner == "local" else field.inward
        because = f"decided together with its group: {leader.because}"
        self._apply(field, Resolution(leader.winner, value, because))

    def _apply(self, field: _Field, verdict: Resolution) -> None:
        key, value = field.key, verdict.value
        if verdict.winner != "external" and not self.can_out(key):
            self.cannot_send(key)
            return
        if verdict.winner != "local" and not self.can_in(key):
            self.cannot_bring(key)
            return
        if verdict.winner != "local" and not self.bring_in(key, value):
            return
        if verdict.winner != "external" and not self.send_out(key, value):
            self.to_local.pop(key, None)
            return
        if key not in self.to_local and key not in self.to_external:
            self.accepted.append(key)
        self.decisions.append(AutoDecision(_conflict(field), verdict.winner, value, verdict.because))

    # Conflicts for a reviewer

    def _waits_unchanged(self, fields: list[_Field]) -> bool:
        return bool(self.open_conflicts) and all(
            field.key in self.open_conflicts
            and self.open_conflicts[field.key] == (field.local, field.external)
            for field in fields
        )

    def _review(self, group: str, disputed: list[_Field], calm: list[_Field]) -> None:
        fields = sorted([*disputed, *calm], key=lambda field: self.map.keys.index(field.key))
        if self._waits_unchanged(fields):
            for field in fields:
                self.hold(field.key, HeldReason.OPEN_CONFLICT, "waits for a reviewer", field.external)
            return
        name = group or fields[0].key
        conflicts = tuple(_conflict(field) for field in fields)
        self.conflicts.append(ConflictGroup(name, conflicts, self._reason(disputed, calm)))

    def _reason(self, disputed: list[_Field], calm: list[_Field]) -> str:
        names = _listed([self.map.links[field.key].local for field in disputed])
        if all(field.is_first_contact for field in disputed):
            reason = f"{names} differ and there is no agreed state to tell which side changed"
        else:
            reason = f"both sides changed {names}"
        if (
            not any(field.is_first_contact for field in disputed)
            and self.policy.strategy is Strategy.LATEST_WINS
        ):
            reason += self._clock_reason()
        if calm:
            reason += f"; {_listed([self.map.links[field.key].local for field in calm])} is decided together with it"
        return reason

    def _clock_reason(self) -> str:
        if self.clocks.external is None or (self.clocks.local is None and not self.clocks.local_fields):
            return ", and it is not known when"
        return f" within {self.policy.clock_uncertainty_seconds:g} s, too close to tell which is newer"


def _conflict(field: _Field) -> FieldConflict:
    return FieldConflict(
        field.key, field.base, field.local, field.inward, field.base_external, field.external
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
