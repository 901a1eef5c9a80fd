"""From a reviewer's choice to a checked canonical value, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from conflicts.models import ConflictKind, ConflictResolution
from integrations.models import ConflictStrategy
from reconcile.kinds import Kind, ValueProblem, is_blank
from reconcile.model import Clocks, FieldConflict, Policy
from reconcile.strategies import Context, concatenate
from workspace.kinds import FieldSpec, record_spec

from .errors import InvalidDecision
from .journal import MATCH_GROUP, RECORD_GROUP

ALL = "*"


class Choice(StrEnum):
    """What a reviewer may choose for a field."""

    LOCAL = "local"
    EXTERNAL = "external"
    BASE = "base"
    MERGED = "merged"
    NEWEST = "newest"
    CUSTOM = "custom"


class RecordChoice(StrEnum):
    """What a reviewer may choose where one side deleted the record."""

    KEEP = "keep_and_recreate"
    ACCEPT = "accept_delete"
    UNLINK = "unlink"


class MatchChoice(StrEnum):
    """What a reviewer may choose for a possible duplicate."""

    LINK = "link"
    CREATE = "create"


def is_about_record(conflict: ConflictResolution) -> bool:
    """True where the record as a whole is decided (deletion, possible duplicate), not its fields."""
    return conflict.group in (RECORD_GROUP, MATCH_GROUP)


def resolve_choices(
    conflict: ConflictResolution, choices: Mapping[str, Mapping[str, Any]], fields: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """``{key: {"choice", "value"}}`` for every field of the conflict. Raises ``InvalidDecision`` naming each fault.

    ``fields`` says which local field a key fills. The choice ``*`` stands for every field without its own.
    """
    if conflict.group == RECORD_GROUP:
        return {RECORD_GROUP: _record_choice(choices)}
    if conflict.group == MATCH_GROUP:
        return {MATCH_GROUP: _match_choice(conflict, choices)}
    known = {entry["key"] for entry in conflict.fields}
    errors = {key: "This field is not in conflict." for key in choices if key not in known and key != ALL}
    resolved: dict[str, dict[str, Any]] = {}
    for entry in conflict.fields:
        key = entry["key"]
        wanted = choices.get(key) or choices.get(ALL)
        if wanted is None:
            errors[key] = "Choose a value for this field."
            continue
        try:
            resolved[key] = resolve_one(conflict, entry, wanted, fields.get(key, key))
        except ValueProblem as exc:
            errors[key] = _sentence(str(exc))
    if errors:
        raise InvalidDecision(errors)
    return resolved


def resolve_one(
    conflict: ConflictResolution, entry: Mapping[str, Any], wanted: Mapping[str, Any], field: str
) -> dict[str, Any]:
    """One field's choice with its checked value. Raises ``ValueProblem``."""
    spec = field_spec(conflict.record_type, field)
    try:
        choice = Choice(str(wanted.get("choice", "")))
    except ValueError as exc:
        raise ValueProblem(f"choose one of {', '.join(Choice)}") from exc
    resolved: dict[str, Any] = {"choice": choice.value}
    match choice:
        case Choice.NEWEST:
            side = newest_side(conflict)
            resolved = {"choice": side, "by": "newest"}
            value = entry[side]
        case Choice.MERGED:
            value = merged_value(entry, spec)
        case Choice.CUSTOM:
            if "value" not in wanted:
                raise ValueProblem("enter the value to use")
            value = parse_custom(spec, wanted["value"])
        case Choice.BASE:
            if conflict.kind == ConflictKind.NO_AGREED_STATE:
                raise ValueProblem(
                    "both sides never agreed on this field, so there is no earlier value to go back to"
                )
            value = entry["base"]
        case _:
            value = entry[choice.value]
    if spec is not None:
        if spec.required and is_blank(value):
            raise ValueProblem("this field must not be empty")
        spec.check(value)
    resolved["value"] = value
    return resolved


def parse_custom(spec: FieldSpec | None, value: Any) -> Any:
    """A typed-in value in canonical form; texts for sets are split at commas and line ends. Raises ``ValueProblem``."""
    if spec is None:
        return value
    if spec.kind is Kind.SET and isinstance(value, str):
        value = [part.strip() for line in value.splitlines() for part in line.split(",")]
    elif isinstance(value, str) and spec.kind not in (Kind.TEXT, Kind.RICH_TEXT):
        value = value.strip()
    return spec.to_canonical(value)


def field_spec(record_type: str, field: str) -> FieldSpec | None:
    """The local field's meaning; None for links that fill no known field."""
    try:
        return record_spec(record_type).values.get(field)
    except KeyError:
        return None


def newest_side(conflict: ConflictResolution) -> str:
    """Which side changed last. Raises ``ValueProblem`` where the clocks cannot tell."""
    here, there = conflict.local_changed_at, conflict.external_changed_at
    if here is None or there is None:
        raise ValueProblem("it is not known when both sides changed, so no side is the newest")
    if within_skew(here, there):
        raise ValueProblem("both sides changed within two seconds, closer than the clocks can tell")
    return "local" if here > there else "external"


def within_skew(here: datetime, there: datetime) -> bool:
    """True if two times are too close for two machines' clocks to order."""
    return abs((here - there).total_seconds()) <= Policy().clock_uncertainty_seconds


def can_merge(entry: Mapping[str, Any], spec: FieldSpec | None) -> bool:
    """True if "both" means something for this field."""
    if spec is not None and spec.kind in (Kind.SET, Kind.LIST, Kind.TEXT, Kind.RICH_TEXT):
        return True
    return isinstance(entry["local"], list) and isinstance(entry["external"], list)


def merged_value(entry: Mapping[str, Any], spec: FieldSpec | None) -> Any:
    """Both sides' changes together: sets by what was added and removed, texts one after the other."""
    kind = spec.kind if spec else Kind.SET if isinstance(entry["local"], list) else Kind.JSON
    if kind in (Kind.SET, Kind.LIST):
        base, here, there = (set(entry[side] or ()) for side in ("base", "local", "external"))
        kept = base & here & there
        return sorted(kept | (here - base) | (there - base))
    if kind in (Kind.TEXT, Kind.RICH_TEXT):
        separator = "\n\n" if kind is Kind.RICH_TEXT else " | "
        conflict = FieldConflict(entry["key"], entry["base"], entry["local"], entry["external"])
        found = concatenate(conflict, Context(Policy(), Clocks(), kind, separator))
        if found is not None:
            return found.value
    raise ValueProblem("values of this kind cannot be merged; choose a side or enter a value")


def strategy_of(resolved: Mapping[str, Mapping[str, Any]]) -> str:
    """The strategy that a set of choices amounts to, for lists and the API."""
    if any(entry.get("by") == "newest" for entry in resolved.values()):
        return ConflictStrategy.LATEST_WINS.value
    kinds = {entry["choice"] for entry in resolved.values()}
    if kinds == {"local"}:
        return ConflictStrategy.LOCAL_WINS.value
    if kinds == {"external"}:
        return ConflictStrategy.EXTERNAL_WINS.value
    if kinds <= {choice.value for choice in Choice}:
        return ConflictStrategy.CUSTOM_MERGE.value
    return ConflictStrategy.MANUAL_REVIEW.value


def _record_choice(choices: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    wanted = choices.get(RECORD_GROUP) or choices.get(ALL) or {}
    try:
        return {"choice": RecordChoice(str(wanted.get("choice", ""))).value, "value": None}
    except ValueError as exc:
        raise InvalidDecision(
            {RECORD_GROUP: "Choose to keep the record, to accept the deletion, or to unlink."}
        ) from exc


def _match_choice(conflict: ConflictResolution, choices: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    wanted = choices.get(MATCH_GROUP) or {}
    choice = str(wanted.get("choice", ""))
    if choice == MatchChoice.CREATE:
        return {"choice": MatchChoice.CREATE.value, "value": None}
    candidates = {str(each) for entry in conflict.fields for each in entry["local"] or ()}
    if choice == MatchChoice.LINK and _is_among(wanted.get("value"), candidates):
        return {"choice": MatchChoice.LINK.value, "value": str(UUID(str(wanted["value"])))}
    raise InvalidDecision({MATCH_GROUP: "Choose one of the records to link, or to create a new one."})


def _is_among(value: Any, candidates: set[str]) -> bool:
    try:
        return str(UUID(str(value))) in candidates
    except ValueError:
        return False


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
