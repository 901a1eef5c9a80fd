"""The planner's decision table: every combination of a small world, run through the planner that runs.

``python -m reconcile.decision_table`` prints the documentation; the tests check every cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import product

from reconcile.fieldmap import CompiledMap, compile_field_map, parse_field_map
from reconcile.kinds import Kind
from reconcile.model import (
    JSON,
    Bases,
    Clocks,
    Direction,
    FieldRule,
    HeldReason,
    Plan,
    Policy,
    Provenance,
    Rule,
    Strategy,
)
from reconcile.planner import plan
from reconcile.transforms import NoContext

ABSENT = "absent"
VALUES = (ABSENT, "a", "b", "c")
FIELD = "field"
_NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)


class Capability(StrEnum):
    """What may be written where."""

    BOTH = "both sides may be written"
    READ_ONLY = "the external field is read-only"
    ONLY_IN = "one way in"
    ONLY_OUT = "one way out"


class Deciding(StrEnum):
    """What decides a dispute; latest-wins in its three moods."""

    LOCAL_NEWER = "latest wins, local newer"
    EXTERNAL_NEWER = "latest wins, external newer"
    TOO_CLOSE = "latest wins, too close"
    EXTERNAL_WINS = "external wins"
    LOCAL_WINS = "local wins"
    MANUAL = "manual review"
    CUSTOM_RULE = "custom merge, rule prefers external"
    CUSTOM_FALLBACK = "custom merge, no rule"


class Outcome(StrEnum):
    """The one word for what the planner does with a field."""

    NOTHING = "nothing"
    UNKNOWN = "unknown"
    DRIFT = "report drift"
    AGREE = "agree"
    PULL = "pull"
    PUSH = "push"
    LOCAL_DECIDED = "push, by decision"
    EXTERNAL_DECIDED = "pull, by decision"
    REVIEW = "review"
    HOLD_DIRECTION = "hold: direction"
    HOLD_READ_ONLY = "hold: read-only"


MEANING: Mapping[Outcome, str] = {
    Outcome.NOTHING: "Neither side changed and they agree. No write, no log.",
    Outcome.UNKNOWN: "A side does not say what it holds, and there is nothing to compare it with. Nothing is done.",
    Outcome.DRIFT: "Neither side changed, yet they differ and nobody accepted that. Reported, never written.",
    Outcome.AGREE: "Both sides hold the same. The bases move, nothing is written.",
    Outcome.PULL: "Only the external side changed: its value is written here.",
    Outcome.PUSH: "Only the local side changed: its value is written there.",
    Outcome.LOCAL_DECIDED: "Both changed; rule or strategy chose the local value. The other one stays readable.",
    Outcome.EXTERNAL_DECIDED: "Both changed; rule or strategy chose the external value. The other one stays readable.",
    Outcome.REVIEW: "A reviewer decides. Nothing is written until then.",
    Outcome.HOLD_DIRECTION: "A side changed that is not allowed to send. Nothing is written; the reason is shown.",
    Outcome.HOLD_READ_ONLY: "The value would go out, but the external field cannot be written. The reason is shown.",
}


class Situation(StrEnum):
    """What the four values come to; every cell falls into exactly one."""

    QUIET_EQUAL = "neither side changed, both equal"
    QUIET_ACCEPTED = "neither side changed, they differ as agreed"
    QUIET_DIFFERENT = "neither side changed, they differ without agreement"
    QUIET_UNSEEN = "neither side seems changed, and one does not say its value"
    LOCAL_CHANGED = "only the local side changed"
    EXTERNAL_CHANGED = "only the external side changed"
    BOTH_ALIKE = "changed, and both sides are now equal"
    BOTH_CHANGED = "both sides changed to different values"
    FIRST_EQUAL = "no agreed state, both equal"
    FIRST_DIFFERENT = "no agreed state, both filled and different"
    NOT_SAID = "no agreed state, a side does not say its value"


@dataclass(frozen=True, slots=True)
class Cell:
    base_local: str
    base_external: str
    local: str
    external: str
    deciding: Deciding
    capability: Capability
    provenance: Provenance


def cells() -> Iterator[Cell]:
    """Every cell of the table: 4⁴ values × what decides × what may be written × how the last agreement came about."""
    for base_local, base_external, local, external in product(VALUES, repeat=4):
        for deciding in Deciding:
            for capability in Capability:
                for provenance in (Provenance.EQUAL, Provenance.ACCEPTED):
                    yield Cell(base_local, base_external, local, external, deciding, capability, provenance)


@cache
def field_map(direction: Direction) -> CompiledMap:
    link = {"local": FIELD, "external": FIELD, "direction": direction.value}
    return compile_field_map(parse_field_map([link], record_kinds={FIELD: Kind.TEXT}))


@cache
def policy(deciding: Deciding, capability: Capability) -> Policy:
    strategy = {
        Deciding.EXTERNAL_WINS: Strategy.EXTERNAL_WINS,
        Deciding.LOCAL_WINS: Strategy.LOCAL_WINS,
        Deciding.MANUAL: Strategy.MANUAL_REVIEW,
        Deciding.CUSTOM_RULE: Strategy.CUSTOM_MERGE,
        Deciding.CUSTOM_FALLBACK: Strategy.CUSTOM_MERGE,
    }.get(deciding, Strategy.LATEST_WINS)
    rules = {FIELD: Rule(FieldRule.PREFER_EXTERNAL)} if deciding is Deciding.CUSTOM_RULE else {}
    writable = frozenset[str]() if capability is Capability.READ_ONLY else None
    return Policy(strategy=strategy, rules=rules, writable_external=writable)


def _direction(capability: Capability) -> Direction:
    return {Capability.ONLY_IN: Direction.IN, Capability.ONLY_OUT: Direction.OUT}.get(
        capability, Direction.BOTH
    )


def _clocks(deciding: Deciding) -> Clocks:
    ahead = {Deciding.LOCAL_NEWER: 60, Deciding.EXTERNAL_NEWER: -60}.get(deciding, 1)
    return Clocks(local=_NOW + timedelta(seconds=ahead), external=_NOW)


def _side(value: str) -> dict[str, JSON]:
    return {} if value == ABSENT else {FIELD: value}


def plan_of(cell: Cell) -> Plan:
    """The planner's answer for a cell, with the look for drift."""
    return plan(
        field_map=field_map(_direction(cell.capability)),
        bases=Bases(_side(cell.base_local), _side(cell.base_external), {FIELD: cell.provenance}),
        local=_side(cell.local),
        external=_side(cell.external),
        policy=policy(cell.deciding, cell.capability),
        ctx=NoContext(),
        clocks=_clocks(cell.deciding),
        check_drift=True,
    )


def after(cell: Cell, made: Plan) -> Cell:
    """The cell once its plan has been applied: writes done, bases moved."""
    here = made.to_local.get(FIELD, cell.local)
    there = made.to_external.get(FIELD, cell.external)
    is_moved = bool(made.to_local or made.to_external or made.agreed or made.accepted)
    if not is_moved:
        return cell
    here = cell.base_local if here == ABSENT else here
    there = cell.base_external if there == ABSENT else there
    provenance = Provenance.EQUAL if here == there else Provenance.ACCEPTED
    return Cell(here, there, here, there, cell.deciding, cell.capability, provenance)


def outcome_of(cell: Cell) -> Outcome:
    """The one word for a cell. Raises KeyError if the planner did something no word covers."""
    made = plan_of(cell)
    if made.conflicts:
        return Outcome.REVIEW
    if made.held:
        reason = made.held[FIELD].reason
        return {
            HeldReason.DIRECTION: Outcome.HOLD_DIRECTION,
            HeldReason.READ_ONLY: Outcome.HOLD_READ_ONLY,
        }[reason]
    if made.decisions:
        winner = made.decisions[0].winner
        return {"local": Outcome.LOCAL_DECIDED, "external": Outcome.EXTERNAL_DECIDED}[winner]
    if made.to_local:
        return Outcome.PULL
    if made.to_external:
        return Outcome.PUSH
    if made.agreed:
        return Outcome.AGREE
    if made.drift:
        return Outcome.DRIFT
    return Outcome.UNKNOWN if situation_of(cell) is Situation.NOT_SAID else Outcome.NOTHING


def situation_of(cell: Cell) -> Situation:
    """Told from the values alone, independently of the planner."""
    has_base = ABSENT not in (cell.base_local, cell.base_external)
    is_here = cell.local not in (ABSENT, cell.base_local)
    is_there = cell.external not in (ABSENT, cell.base_external)
    if not has_base:
        return _first_contact(cell)
    here = cell.base_local if cell.local == ABSENT else cell.local
    there = cell.base_external if cell.external == ABSENT else cell.external
    if not is_here and not is_there:
        if here == there:
            return Situation.QUIET_EQUAL
        return _quiet_different(cell)
    if here == there:
        return Situation.BOTH_ALIKE
    if is_here and is_there:
        return Situation.BOTH_CHANGED
    return Situation.LOCAL_CHANGED if is_here else Situation.EXTERNAL_CHANGED


def _quiet_different(cell: Cell) -> Situation:
    if cell.provenance is Provenance.ACCEPTED:
        return Situation.QUIET_ACCEPTED
    # Without both values in sight nobody can say whether they drifted apart.
    return Situation.QUIET_UNSEEN if ABSENT in (cell.local, cell.external) else Situation.QUIET_DIFFERENT


def _first_contact(cell: Cell) -> Situation:
    if ABSENT in (cell.local, cell.external):
        return Situation.NOT_SAID
    return Situation.FIRST_EQUAL if cell.local == cell.external else Situation.FIRST_DIFFERENT


def table() -> dict[tuple[Situation, Deciding, Capability], Outcome]:
    """Situation × deciding × capability → outcome. Raises ValueError if a situation has two outcomes."""
    rows: dict[tuple[Situation, Deciding, Capability], Outcome] = {}
    for cell in cells():
        key = (situation_of(cell), cell.deciding, cell.capability)
        outcome = outcome_of(cell)
        if rows.setdefault(key, outcome) is not outcome:
            raise ValueError(f"{key} leads to {rows[key]} and to {outcome} ({cell})")
    return rows


def markdown() -> str:
    """The documentation page."""
    rows = table()
    counts = Counter(situation_of(cell) for cell in cells())
    lines = [
        "# What the planner decides",
        "",
        "Made from the code that runs by `python -m reconcile.decision_table`; a test keeps the two the same.",
        f"Every combination of last agreed values, present values ({', '.join(VALUES)} each), what decides and what may",
        f"be written was planned: {sum(counts.values()):,} cells. Each falls into one situation, and each situation has one outcome.",
        "",
        "Texts stand for all kinds of values. Sets differ in one point: where both sides changed and no rule names the field, additions",
        "and removals of both are merged. A blank side takes the other's value at first contact. Fields of one conflict group are decided",
        "together: one for review takes the group's other changed fields with it.",
        "",
        "## Outcomes",
        "",
        *(f"- **{outcome}**: {meaning}" for outcome, meaning in MEANING.items()),
    ]
    for capability in Capability:
        lines += ["", f"## {capability.value.capitalize()}", ""]
        lines += ["| Situation | " + " | ".join(Deciding) + " |", "|" + " --- |" * (len(Deciding) + 1)]
        for situation in Situation:
            found = [rows.get((situation, deciding, capability)) for deciding in Deciding]
            if None not in found:
                lines.append(f"| {situation} | " + " | ".join(str(outcome) for outcome in found) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
