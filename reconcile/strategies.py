"""What decides a disputed field: strategies for a whole pair, rules for one field.

Each is a plain function ``(FieldConflict, Context) -> Resolution | None``; None means "ask a reviewer".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from reconcile.kinds import Kind, is_blank
from reconcile.model import JSON, Clocks, FieldConflict, FieldRule, Policy, Strategy


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at besides the values."""

    policy: Policy
    clocks: Clocks
    kind: Kind
    separator: str = " | "
    keys: tuple[str, ...] = ()  # all fields that are decided together with this one


@dataclass(frozen=True, slots=True)
class Resolution:
    """``winner`` is "local", "external" or "merged"; ``value`` is canonical."""

    winner: str
    value: JSON
    because: str


Decide = Callable[[FieldConflict, Context], Resolution | None]


def external_wins(conflict: FieldConflict, context: Context) -> Resolution | None:
    return Resolution("external", conflict.external, "the external side always wins here")


def local_wins(conflict: FieldConflict, context: Context) -> Resolution | None:
    return Resolution("local", conflict.local, "the local side always wins here")


def manual_review(conflict: FieldConflict, context: Context) -> Resolution | None:
    return None


def latest_wins(conflict: FieldConflict, context: Context) -> Resolution | None:
    """The later change; abstains where a time is unknown or the two are too close to tell (F15)."""
    local, external = _times(conflict, context)
    if local is None or external is None:
        return None
    apart = (local - external).total_seconds()
    if abs(apart) <= context.policy.clock_uncertainty_seconds:
        return None
    if apart > 0:
        return Resolution("local", conflict.local, f"the local change is newer by {abs(apart):.0f} s")
    return Resolution("external", conflict.external, f"the external change is newer by {abs(apart):.0f} s")


def _times(conflict: FieldConflict, context: Context) -> tuple[datetime | None, datetime | None]:
    clocks = context.clocks
    known = [
        clocks.local_fields[key] for key in context.keys or (conflict.key,) if key in clocks.local_fields
    ]
    return (max(known) if known else clocks.local), clocks.external


def concatenate(conflict: FieldConflict, context: Context) -> Resolution | None:
    """Both texts with the separator between them; what one already contains is not repeated."""
    if context.kind not in (Kind.TEXT, Kind.RICH_TEXT):
        return None
    local, external, between = conflict.local or "", conflict.external or "", context.separator
    framed_local, framed_external = (f"{between}{text}{between}" for text in (local, external))
    if not external or framed_external in framed_local:
        merged = conflict.local
    elif not local or framed_local in framed_external:
        merged = conflict.external
    else:
        merged = f"{local}{between}{external}"
    return _merged(conflict, merged, "both texts are kept")


def maximum(conflict: FieldConflict, context: Context) -> Resolution | None:
    return _extreme(conflict, context, want_larger=True)


def minimum(conflict: FieldConflict, context: Context) -> Resolution | None:
    return _extreme(conflict, context, want_larger=False)


def union(conflict: FieldConflict, context: Context) -> Resolution | None:
    """Every member of either side; lists keep their order, local members first."""
    if context.kind is Kind.SET:
        return _merged(
            conflict, sorted({*(conflict.local or ()), *(conflict.external or ())}), "members of both sides"
        )
    if context.kind is Kind.LIST:
        members = list(conflict.local or ())
        members += [member for member in conflict.external or () if member not in members]
        return _merged(conflict, members, "members of both sides")
    return None


def _extreme(conflict: FieldConflict, context: Context, *, want_larger: bool) -> Resolution | None:
    because = f"the {'larger' if want_larger else 'smaller'} value wins here"
    if is_blank(conflict.local) or is_blank(conflict.external):
        winner = "external" if is_blank(conflict.local) else "local"
        return Resolution(winner, getattr(conflict, winner), "only this side has a value")
    here, there = _rank(context.kind, conflict.local), _rank(context.kind, conflict.external)
    if here is None or there is None or here[0] != there[0]:
        return None
    winner = "local" if (here[1] > there[1]) == want_larger or here[1] == there[1] else "external"
    return Resolution(winner, getattr(conflict, winner), because)


def _rank(kind: Kind, value: JSON) -> tuple[str, Any] | None:
    """(unit, comparable value); values compare only within one unit. None if the kind has no order."""
    if kind in (Kind.NUMBER, Kind.INTEGER):
        return "", Decimal(value)
    if kind is Kind.MONEY:
        return value["currency"], Decimal(value["amount"])
    if kind in (Kind.DATE, Kind.BOOLEAN):
        return "", value
    if kind is Kind.INSTANT:
        return "", datetime.fromisoformat(value)
    if kind is Kind.LOCAL_DATETIME:
        return value["zone"], datetime.fromisoformat(value["local"])
    return None


def _merged(conflict: FieldConflict, value: JSON, because: str) -> Resolution:
    winner = "local" if value == conflict.local else "external" if value == conflict.external else "merged"
    return Resolution(winner, value, because)


STRATEGIES: Mapping[Strategy, Decide] = {
    Strategy.LATEST_WINS: latest_wins,
    Strategy.EXTERNAL_WINS: external_wins,
    Strategy.LOCAL_WINS: local_wins,
    Strategy.MANUAL_REVIEW: manual_review,
}

RULES: Mapping[FieldRule, Decide] = {
    FieldRule.PREFER_EXTERNAL: external_wins,
    FieldRule.PREFER_LOCAL: local_wins,
    FieldRule.CONCATENATE: concatenate,
    FieldRule.MAX: maximum,
    FieldRule.MIN: minimum,
    FieldRule.NEWEST: latest_wins,
    FieldRule.UNION: union,
    FieldRule.REVIEW: manual_review,
}

# What decides although nothing was ever agreed: only what someone chose without looking at times.
FIRST_CONTACT_STRATEGIES = frozenset({Strategy.EXTERNAL_WINS, Strategy.LOCAL_WINS})


def strategy_for(policy: Policy) -> Strategy:
    """The strategy that applies where no rule does."""
    if policy.strategy is not Strategy.CUSTOM_MERGE:
        return policy.strategy
    return Strategy.MANUAL_REVIEW if policy.fallback is Strategy.CUSTOM_MERGE else policy.fallback


def decide_by_strategy(
    conflict: FieldConflict, context: Context, *, is_first_contact: bool
) -> Resolution | None:
    if is_first_contact and context.policy.strategy not in FIRST_CONTACT_STRATEGIES:
        return None
    return STRATEGIES[strategy_for(context.policy)](conflict, context)


def decide_by_rule(
    conflict: FieldConflict, context: Context, rule: FieldRule, *, is_first_contact: bool
) -> Resolution | None:
    if is_first_contact and rule is FieldRule.NEWEST:
        return None
    return RULES[rule](conflict, context)
