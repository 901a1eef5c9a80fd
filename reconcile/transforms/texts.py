"""Transforms of plain text: as it is, joined, split, from a template, constant, or sent as a comment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from reconcile.kinds import Kind, ValueProblem, clean_text, shown
from reconcile.model import JSON, MapContext, Unmapped
from reconcile.transforms.base import TEXTS, Option, Options, Transform


def plain(value: Any) -> str:
    """A vendor's scalar as text; "" for null. Raises ValueProblem for objects and lists."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return clean_text(str(value))
    raise ValueProblem(f"{shown(value)} is not a text")


def _quiet_lines(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
    if isinstance(value, list):
        return [_quiet_lines(member) for member in value]
    return value


class StringTransform(Transform):
    name = "string"
    label = "Text as it is"
    kinds = TEXTS | {Kind.REFERENCE}
    options = {
        "trim": Option("boolean", "remove spaces at both ends when reading", default=False),
        "max_length": Option("integer", "refuse longer texts when sending"),
        "empty": Option("string", "what the other side wants for empty; null if not given"),
        "as": Option("string", "type to send", choices=("string", "integer"), default="string"),
        "prefix": Option("string", "put before when sending, removed when reading", default=""),
    }

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        text = value if isinstance(value, str) else plain(value)
        if options["trim"]:
            text = text.strip()
        return text.removeprefix(options["prefix"])

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return options["empty"]
        if options["max_length"] is not None and len(value) > options["max_length"]:
            raise ValueProblem(
                f"the text has {len(value)} characters; {options['max_length']} are allowed there"
            )
        if options["as"] == "integer":
            if not re.fullmatch(r"-?\d{1,18}", value):
                raise ValueProblem(f"{shown(value)} is not a whole number")
            return int(value)
        return options["prefix"] + value

    def normalise(self, value: Any, options: Options) -> JSON:
        return _quiet_lines(value)


class JoinTransform(Transform):
    name = "join"
    label = "Several fields joined into one text"
    kinds = frozenset({Kind.TEXT, Kind.RICH_TEXT})
    paths = (1, 20)
    lossy = True
    options = {"separator": Option("string", "between the parts", default=" ")}

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        parts = value if isinstance(value, list) else [value]
        return options["separator"].join(text for part in parts if (text := plain(part)))

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        count = options["path_count"]
        parts: list[str | None] = list((value or "").split(options["separator"], count - 1))
        parts = [part or None for part in parts] + [None] * (count - len(parts))
        return parts if count > 1 else parts[0]

    def check(self, options: Options, kind: Kind) -> list[str]:
        return ["option 'separator' must not be empty"] if options.get("separator") == "" else []

    def normalise(self, value: Any, options: Options) -> JSON:
        return _quiet_lines(value)


class SplitNameTransform(Transform):
    """First and last name over there, one name here. With ``part`` one name there, a part of it here (in only)."""

    name = "split_name"
    label = "First and last name"
    kinds = frozenset({Kind.TEXT})
    paths = (1, 2)
    lossy = True
    options = {"part": Option("string", "take only this part of one full name", choices=("first", "last"))}

    def direction_problem(self, options: Options, kind: Kind, *, is_in: bool, is_out: bool) -> str | None:
        if options.get("part") and is_out:
            return "a part of a name cannot be sent back: set the direction to 'in'"
        return None

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if isinstance(value, list):
            return " ".join(text for part in value if (text := plain(part).strip()))
        first, last = _split_name(plain(value))
        return {"first": first, "last": last}.get(options["part"], plain(value).strip())

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if options["path_count"] == 1:
            return value
        first, last = _split_name(value or "")
        return [first or None, last or None]


def _split_name(name: str) -> tuple[str, str]:
    words = name.split()
    if len(words) < 2:
        return "", " ".join(words)
    return " ".join(words[:-1]), words[-1]


class TemplateTransform(Transform):
    """``{0}``, ``{1}`` … stand for the paths' values; ``{value}`` for the local value when sending."""

    name = "template"
    label = "Text from a template"
    kinds = frozenset({Kind.TEXT, Kind.RICH_TEXT})
    paths = (1, 20)
    lossy = True
    options = {
        "template": Option("string", "text with {0}, {1} … for what is read"),
        "out": Option("string", "text with {value} for what is sent"),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        problems = []
        for name in ("template", "out"):
            for field in _fields_of(options.get(name) or ""):
                if field is None or not (
                    field.isascii() and field.isdigit() if name == "template" else field == "value"
                ):
                    wanted = "{0}, {1} …" if name == "template" else "{value}"
                    problems.append(f"option '{name}' may only hold {wanted}; write {{{{ and }}}} for braces")
                    break
        return problems

    def direction_problem(self, options: Options, kind: Kind, *, is_in: bool, is_out: bool) -> str | None:
        if is_in and is_out:
            return "a template cannot be turned round: set the direction to 'in' or 'out'"
        if is_in and not options.get("template"):
            return "option 'template' is missing: write for instance '{0} ({1})'"
        if is_out and not options.get("out"):
            return "option 'out' is missing: write for instance 'Ref: {value}'"
        return None

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        parts = [plain(part) for part in (value if isinstance(value, list) else [value])]
        return _fill(options["template"] or "{0}", {str(n): part for n, part in enumerate(parts)})

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return _fill(options["out"] or "{value}", {"value": plain(value)})


def _fields_of(template: str) -> list[str | None]:
    try:
        return [
            None if spec or conversion else field
            for _, field, spec, conversion in Formatter().parse(template)
            if field is not None
        ]
    except ValueError:
        return [None]


def _fill(template: str, values: Mapping[str, str]) -> str:
    # Not str.format: its attribute and index look-ups have no place in a tenant's template.
    pieces = []
    for literal, field, _, _ in Formatter().parse(template):
        pieces.append(literal)
        if field is not None:
            pieces.append(values.get(field, ""))
    return "".join(pieces)


class ConstantTransform(Transform):
    """Always the same value, whichever way. The path only names where it goes when sending."""

    name = "constant"
    label = "A fixed value"
    lossy = True
    options = {
        "value": Option("any", "the value", required=True),
        "out": Option("any", "the value to send, if another"),
    }

    def direction_problem(self, options: Options, kind: Kind, *, is_in: bool, is_out: bool) -> str | None:
        if is_in and is_out:
            return "a fixed value goes one way: set the direction to 'in' or 'out'"
        return None

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return options["value"]

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return options["value"] if options["out"] is None else options["out"]


class FieldToCommentTransform(Transform):
    """A local field that the vendor has no place for goes out as a comment whenever it changes."""

    name = "field_to_comment"
    label = "Send as a comment"
    lossy = True
    can_in = False
    options = {"template": Option("string", "text with {value}", default="{value}")}

    def check(self, options: Options, kind: Kind) -> list[str]:
        if any(field != "value" for field in _fields_of(options.get("template") or "")):
            return ["option 'template' may only hold {value}"]
        return []

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if isinstance(value, list):
            text = ", ".join(plain(member) for member in value)
        elif isinstance(value, dict):
            text = " ".join(plain(member) for member in value.values())
        else:
            text = plain(value)
        return _fill(options["template"], {"value": text})
