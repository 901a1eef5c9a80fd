"""Transforms of numbers, money, durations and yes/no."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from reconcile.kinds import Kind, ValueProblem, decimal_of, decimal_text, shown
from reconcile.model import JSON, MapContext, Unmapped
from reconcile.transforms.base import Option, Options, Transform


def json_number(number: Decimal) -> int | float:
    """A decimal as the JSON number a vendor expects: whole ones without a point."""
    return int(number) if number == number.to_integral_value() else float(number)


def rounded(number: Decimal, decimals: int | None) -> Decimal:
    if decimals is None:
        return number
    return number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)


def _quiet_number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str):
        try:
            return decimal_text(decimal_of(value.strip()))
        except ValueProblem:
            return value
    return value


class NumberTransform(Transform):
    name = "number"
    label = "Number"
    kinds = frozenset({Kind.NUMBER, Kind.INTEGER})
    options = {
        "as": Option("string", "type to send", choices=("number", "string"), default="number"),
        "decimals": Option("integer", "round to so many places when sending"),
        "scale": Option("number", "what is read is multiplied by this, what is sent divided", default=1),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        problems = []
        if options.get("scale") == 0:
            problems.append("option 'scale' must not be 0")
        if not 0 <= (options.get("decimals") or 0) <= 12:
            problems.append("option 'decimals' must be from 0 to 12")
        return problems

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        if options["scale"] == 1:
            return value.strip() if isinstance(value, str) else value
        return decimal_of(value) * decimal_of(options["scale"])

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return None
        number = decimal_of(value)
        if options["scale"] != 1:
            number /= decimal_of(options["scale"])
        number = rounded(number, options["decimals"])
        return decimal_text(number) if options["as"] == "string" else json_number(number)

    def normalise(self, value: Any, options: Options) -> JSON:
        return _quiet_number(value)


class MoneyTransform(Transform):
    """Amount and currency from two paths, or an amount in the one ``currency`` given."""

    name = "money"
    label = "Amount of money"
    kinds = frozenset({Kind.MONEY})
    paths = (1, 2)
    options = {
        "currency": Option("string", "currency of the amounts, if there is no path for it"),
        "as": Option("string", "type to send", choices=("number", "string"), default="number"),
    }

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        amount, currency = value if isinstance(value, list) and len(value) == 2 else (value, None)
        if amount is None or amount == "":
            return None
        currency = currency or options["currency"]
        if not currency:
            raise ValueProblem("the amount has no currency")
        return {"amount": amount, "currency": currency}

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        is_pair = options["path_count"] == 2
        if value is None:
            return [None, None] if is_pair else None
        amount = value["amount"] if options["as"] == "string" else json_number(Decimal(value["amount"]))
        if is_pair:
            return [amount, value["currency"]]
        if options["currency"] and value["currency"] != options["currency"].upper():
            return Unmapped(value, f"the other side holds {options['currency']}, not {value['currency']}")
        return amount

    def normalise(self, value: Any, options: Options) -> JSON:
        if isinstance(value, list):
            return [_quiet_number(value[0]), *value[1:]] if value else value
        return _quiet_number(value)


_UNITS: Mapping[str, int] = {"seconds": 1, "minutes": 60, "hours": 3600}


class DurationTransform(Transform):
    name = "duration"
    label = "Duration"
    kinds = frozenset({Kind.INTEGER, Kind.NUMBER})
    lossy = True
    options = {
        "unit": Option("string", "unit over there", choices=tuple(_UNITS), default="seconds"),
        "local": Option("string", "unit here", choices=tuple(_UNITS), default="seconds"),
        "decimals": Option("integer", "places to send", default=4),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        return [] if 0 <= options.get("decimals", 4) <= 12 else ["option 'decimals' must be from 0 to 12"]

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        number = decimal_of(value) * _UNITS[options["unit"]] / _UNITS[options["local"]]
        places = 0 if options["kind"] is Kind.INTEGER else 6
        return decimal_text(rounded(number, places))

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return None
        number = decimal_of(value) * _UNITS[options["local"]] / _UNITS[options["unit"]]
        return json_number(rounded(number, 0 if options["unit"] == "seconds" else options["decimals"]))

    def normalise(self, value: Any, options: Options) -> JSON:
        return _quiet_number(value)


class BooleanTransform(Transform):
    name = "boolean"
    label = "Yes or no"
    kinds = frozenset({Kind.BOOLEAN})
    options = {
        "true": Option("any", "what stands for yes over there", default=True),
        "false": Option("any", "what stands for no over there", default=False),
        "negate": Option("boolean", "yes here is no there", default=False),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        same = options.get("true", True) == options.get("false", False)
        return ["options 'true' and 'false' must differ"] if same else []

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return None
        if value == options["true"]:
            answer = True
        elif value == options["false"]:
            answer = False
        else:
            answer = _read_boolean(value)
        return answer != options["negate"]

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return None
        return options["true"] if value != options["negate"] else options["false"]


_WORDS: Mapping[Any, bool] = {
    1: True, 0: False, "true": True, "false": False, "yes": True, "no": False,
    "on": True, "off": False, "1": True, "0": False, "y": True, "n": False,
}  # fmt: skip


def _read_boolean(value: Any) -> bool:
    key = value.strip().lower() if isinstance(value, str) else value
    if isinstance(key, str | int) and key in _WORDS:
        return _WORDS[key]
    raise ValueProblem(f"{shown(value)} is neither yes nor no")
