"""Transforms of choices: value maps both ways, and a yes/no that stands for a stage."""

from __future__ import annotations

from typing import Any

from reconcile.kinds import Kind, ValueProblem, shown
from reconcile.model import JSON, MapContext, Unmapped
from reconcile.transforms.base import Option, Options, Transform

_CASTS = ("string", "integer", "boolean")


def _key(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueProblem(f"{shown(value)} is not a choice")


class EnumTransform(Transform):
    """``map`` says what each value of theirs means here; ``back`` chooses what to send where several mean the same.

    With several paths the keys of ``map`` are the values joined by "|", empty for null, and ``*`` as the
    last part stands for any: ``{"open|": "todo", "closed|not_planned": "done", "closed|*": "done"}``.
    Without ``map`` values pass as they are; with an empty one none does, until somebody fills it in.
    """

    name = "enum"
    label = "Choice"
    kinds = frozenset({Kind.ENUM, Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER, Kind.REFERENCE})
    paths = (1, 5)
    lossy = True
    options = {
        "map": Option("object", "their value → our value", default={}),
        "back": Option("object", "our value → their value, where several mean the same", default={}),
        "as": Option("string", "type of their values", choices=_CASTS, default="string"),
        "ignore_case": Option("boolean", "capital letters do not matter when reading", default=False),
        "default": Option("any", "our value for any of theirs that the map does not know (in only)"),
        "empty": Option("any", "what the other side wants for empty; null if not given"),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        problems = []
        for name in ("map", "back"):
            for key, value in (options.get(name) or {}).items():
                if isinstance(value, dict | list) and not (name == "back" and isinstance(value, list)):
                    problems.append(f"option '{name}': the value of '{key}' must be a single value")
        return problems

    def direction_problem(self, options: Options, kind: Kind, *, is_in: bool, is_out: bool) -> str | None:
        if not is_out:
            return None
        seen: dict[str, list[str]] = {}
        for theirs, ours in (options.get("map") or {}).items():
            seen.setdefault(_key(ours), []).append(theirs)
        chosen = options.get("back") or {}
        many = [
            f"'{ours}' (from {', '.join(keys)})"
            for ours, keys in seen.items()
            if len(keys) > 1 and ours not in chosen
        ]
        starred = [f"'{ours}'" for ours, keys in seen.items() if keys[0].endswith("*") and ours not in chosen]
        if many or starred:
            return f"choose in option 'back' which value to send for {'; '.join(many or starred)}"
        return None

    def prepare(self, options: Options, kind: Kind, path_count: int) -> dict[str, Any]:
        prepared = super().prepare(options, kind, path_count)
        fold = str.lower if prepared["ignore_case"] else str
        table = {fold(str(theirs)): ours for theirs, ours in (prepared["map"] or {}).items()}
        back: dict[str, Any] = {}
        for theirs, ours in (prepared["map"] or {}).items():
            back.setdefault(_key(ours), theirs)
        back.update({str(ours): theirs for ours, theirs in (prepared["back"] or {}).items()})
        prepared.update(table=table, back=back, fold=fold, is_open=options.get("map") is None)
        return prepared

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        table = options["table"]
        if type(value) is str and value in table and not options["ignore_case"]:
            return table[value]
        parts = [_key(part) for part in value] if isinstance(value, list) else [_key(value)]
        key = options["fold"]("|".join(parts))
        if key in table:
            return table[key]
        if len(parts) > 1 and (starred := options["fold"]("|".join([*parts[:-1], "*"]))) in table:
            return table[starred]
        if not any(parts):
            return None
        if options["is_open"]:
            return value
        if options["default"] is not None:
            return options["default"]
        return Unmapped(value, f"the map has no counterpart for {shown(value)}")

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        key = _key(value)
        back = options["back"]
        if key not in back:
            if value is None:
                return [None] * options["path_count"] if options["path_count"] > 1 else options["empty"]
            if options["is_open"]:
                return self._cast(value, options)
            return Unmapped(value, f"the map has no counterpart for {shown(value)}")
        theirs = back[key]
        if options["path_count"] == 1:
            return self._cast(theirs, options)
        parts = theirs if isinstance(theirs, list) else str(theirs).split("|")
        return [self._cast(part, options) for part in parts]

    def _cast(self, value: Any, options: Options) -> Any:
        if not isinstance(value, str):
            return value
        if value == "":
            return options["empty"]
        if options["as"] == "integer":
            try:
                return int(value)
            except ValueError as exc:
                raise ValueProblem(f"{shown(value)} is not a whole number") from exc
        return value == "true" if options["as"] == "boolean" else value


class BooleanFromStageTransform(Transform):
    """A tick over there is a stage here. Reading a tick gives ``true_stage``; sending asks whether the stage is a done one."""

    name = "boolean_from_stage"
    label = "Tick from stage"
    kinds = frozenset({Kind.ENUM, Kind.TEXT})
    lossy = True
    options = {
        "true_stage": Option("string", "stage that a tick means", default="done"),
        "false_stage": Option("string", "stage that no tick means", default="todo"),
        "done_stages": Option("array", "stages that count as ticked; true_stage if not given"),
        "true": Option("any", "what a tick is over there", default=True),
        "false": Option("any", "what no tick is over there", default=False),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        done = options.get("done_stages") or [options.get("true_stage", "done")]
        if options.get("false_stage", "todo") in done:
            return ["option 'false_stage' must not be one of the done stages"]
        if options.get("true_stage", "done") not in done:
            return ["option 'done_stages' must hold the stage named in 'true_stage'"]
        return []

    def prepare(self, options: Options, kind: Kind, path_count: int) -> dict[str, Any]:
        prepared = super().prepare(options, kind, path_count)
        prepared["done"] = frozenset(prepared["done_stages"] or [prepared["true_stage"]])
        return prepared

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value == options["true"] and value is not None:
            return options["true_stage"]
        if value == options["false"] or value is None:
            return options["false_stage"]
        return Unmapped(value, f"{shown(value)} is neither of the two values that are expected")

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return options["true"] if value in options["done"] else options["false"]
