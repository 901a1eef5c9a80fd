"""Canonical values: one JSON form per kind, so that equality of values is equality of JSON.

Empty is one thing: ``None`` for every kind but SET and LIST, where it is ``[]``. So an empty text, an empty
choice and a null are the same value here, however a side spells them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from reconcile.model import JSON


class Kind(StrEnum):
    """What a value means; decides its canonical form."""

    TEXT = "text"
    RICH_TEXT = "rich_text"  # Markdown; the vendor's own source stays in base_external
    NUMBER = "number"  # a decimal string: "12.5", never a float
    INTEGER = "integer"
    MONEY = "money"  # {"amount": "12.50", "currency": "EUR"}
    BOOLEAN = "boolean"
    DATE = "date"  # "2025-07-01"
    LOCAL_DATETIME = "local_datetime"  # {"local": "2025-07-01T12:00:00", "zone": "Europe/Berlin"}
    INSTANT = "instant"  # "2025-07-01T10:00:00Z"
    ENUM = "enum"
    SET = "set"  # sorted, unique strings
    LIST = "list"
    REFERENCE = "reference"  # a local record's id
    JSON = "json"


class ValueProblem(ValueError):
    """A value that does not fit its kind. ``str()`` says what is wrong and is safe to show."""


MAX_DIGITS = 60
MAX_JSON_DEPTH = 64
_MAX_INTEGER = 2**63
_CURRENCY = re.compile(r"[A-Z]{3}")
_PLAIN_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,30}(\.[0-9]{0,20}[1-9])?")


def canonical(kind: Kind, value: Any) -> JSON:
    """The one JSON form of ``value``; takes Python values or already canonical ones. Raises ValueProblem."""
    return _CANONICAL[kind](value)


def canonicaliser(kind: Kind) -> Callable[[Any], JSON]:
    """``canonical`` for one kind, for callers that do it many times."""
    return _CANONICAL[kind]


def to_python(kind: Kind, value: JSON) -> Any:
    """A canonical value as a model wants it: Decimal, date, aware datetime; empty texts and choices as ""."""
    return _TO_PYTHON[kind](value)


def is_blank(value: JSON) -> bool:
    """True for what counts as "nothing entered": None, "" and empty lists; 0 and False are values."""
    return value is None or value == "" or value == []


def shown(value: object, limit: int = 60) -> str:
    """A value shortened for a message to a person."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_text(value: str) -> str:
    """NFC, line ends as LF. Raises ValueProblem for what no database would store."""
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if value.isascii():
        if "\x00" in value:
            raise ValueProblem("the text contains a NUL character")
        return value
    if "\x00" in value:
        raise ValueProblem("the text contains a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise ValueProblem("the text contains broken Unicode (half of a surrogate pair)") from exc
    return unicodedata.normalize("NFC", value)


def _as_str(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | UUID):
        raise ValueProblem(f"{shown(value)} is not a text")
    return str(value)


def _text(value: Any) -> JSON:
    if value is None:
        return None
    return clean_text(value if type(value) is str else _as_str(value)) or None


def _rich_text(value: Any) -> JSON:
    text = _text(value)
    if text is None:
        return None
    return "\n".join([line.rstrip() for line in text.split("\n")]).rstrip("\n") or None


def decimal_of(value: Any) -> Decimal:
    """A finite decimal of bearable length, from int, float, Decimal or text. Raises ValueProblem."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueProblem(f"{shown(value)} is not a number")
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, ValueError) as exc:
        raise ValueProblem(f"{shown(value)} is not a number") from exc
    if not number.is_finite():
        raise ValueProblem(f"{shown(value)} is not a finite number")
    if len(number.as_tuple().digits) > MAX_DIGITS or (number and abs(number.adjusted()) > MAX_DIGITS):
        raise ValueProblem(f"the number {shown(value)} is too long")
    return number


def decimal_text(number: Decimal) -> str:
    """ "12.5": no exponent, no trailing zeros, no negative zero."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _number(value: Any) -> JSON:
    if value is None or value == "":
        return None
    if type(value) is str and _PLAIN_DECIMAL.fullmatch(value):
        return value
    return decimal_text(decimal_of(value))


def _integer(value: Any) -> JSON:
    if value is None or value == "":
        return None
    if type(value) is not int:
        number = decimal_of(value)
        if number != number.to_integral_value():
            raise ValueProblem(f"{shown(value)} is not a whole number")
        value = int(number)
    if not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise ValueProblem(f"{shown(value)} does not fit into 64 bits")
    return value


def _money(value: Any) -> JSON:
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"amount", "currency"}:
        raise ValueProblem(f"{shown(value)} is not an amount of money (amount and currency)")
    if value["amount"] is None or value["amount"] == "":
        return None
    currency = str(value["currency"]).upper()
    if not _CURRENCY.fullmatch(currency):
        raise ValueProblem(f"{shown(value['currency'])} is not a currency code such as EUR")
    number = decimal_of(value["amount"])
    exponent = number.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    text = format(number, f".{places}f")
    while places > 2 and text.endswith("0"):
        text, places = text[:-1], places - 1
    return {"amount": text if number else "0.00", "currency": currency}


_BOOLEANS: Mapping[Any, bool] = {1: True, 0: False, "true": True, "false": False, "1": True, "0": False}


def _boolean(value: Any) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if value == "":
        return None
    key = value.strip().lower() if isinstance(value, str) else value
    if isinstance(key, str | int) and key in _BOOLEANS:
        return _BOOLEANS[key]
    raise ValueProblem(f"{shown(value)} is neither true nor false")


@lru_cache(maxsize=4096)
def _date_text(value: str) -> str:
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError as exc:
        raise ValueProblem(f"{shown(value)} is not a date such as 2025-07-01") from exc


def _date(value: Any) -> JSON:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        raise ValueProblem(f"{value.isoformat()} is a moment, not a date: say in which zone its day counts")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _date_text(value)
    raise ValueProblem(f"{shown(value)} is not a date")


def parse_datetime(value: str) -> datetime:
    """An ISO 8601 moment, naive or aware as written. Raises ValueProblem."""
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError as exc:
        raise ValueProblem(f"{shown(value)} is not a time such as 2025-07-01T10:00:00Z") from exc


def is_plain_instant(value: str) -> bool:
    """True for 2025-07-01T10:00:00Z, the form most values come in. Raises ValueProblem if it is no real time."""
    if len(value) != 20 or value[19] != "Z" or value[10] != "T":
        return False
    if value[4] != "-" or value[7] != "-" or value[13] != ":" or value[16] != ":":
        return False
    parse_datetime(value)
    return True


def instant_text(moment: datetime) -> str:
    """The canonical instant of an aware datetime. Raises ValueProblem if it is naive or out of range."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueProblem(f"{moment.isoformat()} has no time zone, so it is no certain moment")
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except (OverflowError, ValueError) as exc:
        raise ValueProblem(f"{moment.isoformat()} is outside the years 1 to 9999") from exc


@lru_cache(maxsize=8192)
def _instant_of_text(value: str) -> str:
    if is_plain_instant(value):
        return value
    return instant_text(parse_datetime(value))


def _instant(value: Any) -> JSON:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, str):
        return _instant_of_text(value)
    raise ValueProblem(f"{shown(value)} is not a moment")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueProblem."""
    if not isinstance(name, str) or name not in _zones():
        raise ValueProblem(f"{shown(name)} is not a time zone such as Europe/Berlin")
    return ZoneInfo(name)


def _zone_name(zone: tzinfo | None) -> str:
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    if zone is UTC:
        return "UTC"
    raise ValueProblem("a local time needs a named time zone such as Europe/Berlin")


def _local_datetime(value: Any) -> JSON:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return {"local": value.replace(tzinfo=None, fold=0).isoformat(), "zone": _zone_name(value.tzinfo)}
    if not isinstance(value, Mapping) or set(value) != {"local", "zone"}:
        raise ValueProblem(f"{shown(value)} is not a local time with its zone")
    if not isinstance(value["local"], str) or not isinstance(value["zone"], str):
        raise ValueProblem(f"{shown(value)} is not a local time with its zone")
    moment = parse_datetime(value["local"])
    if moment.tzinfo is not None:
        raise ValueProblem(f"{shown(value['local'])} carries an offset; a local time has none")
    return {"local": moment.isoformat(), "zone": zone_of(value["zone"]).key}


def is_tidy_set(value: Any) -> bool:
    """True for a list that is canonical as it stands (sorted, unique, plain ASCII); the quick way for most sets."""
    if type(value) is not list:
        return False
    try:
        whole = "".join(value)
    except TypeError:
        return False
    if not (whole.isascii() and whole.isprintable()):
        return False
    before = ""
    for member in value:
        if type(member) is not str or member <= before:
            return False
        before = member
    return True


def _set(value: Any) -> JSON:
    if type(value) is list and set(map(type, value)) == {str}:
        whole = "".join(value)
        if whole.isascii() and whole.isprintable():  # nothing to clean: only to sort
            found = sorted(set(value))
            return found if found[0] else found[1:]
    if value is None or value == "":
        return []
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ValueProblem(f"{shown(value)} is not a set of texts")
    return sorted({text for member in value if (text := _text(member)) is not None})


def _list(value: Any) -> JSON:
    if value is None or value == "":
        return []
    if not isinstance(value, list | tuple):
        raise ValueProblem(f"{shown(value)} is not a list")
    return [_json(member) for member in value]


def _reference(value: Any) -> JSON:
    return None if value is None else (_as_str(value).strip() or None)


def _json(value: Any, depth: int = 0) -> JSON:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return clean_text(str(value))
    if depth >= MAX_JSON_DEPTH:
        raise ValueProblem("the value is nested too deeply")
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueProblem(f"{value} is not a number that JSON can hold")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _json(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_json(member, depth + 1) for member in value]
    if isinstance(value, set | frozenset):
        return _set(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return decimal_text(decimal_of(value))
    if isinstance(value, UUID):
        return str(value)
    raise ValueProblem(f"{shown(value)} cannot be held as JSON")


def _moment_to_python(value: JSON) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _local_to_python(value: JSON) -> datetime | None:
    if value is None:
        return None
    return datetime.fromisoformat(value["local"]).replace(tzinfo=zone_of(value["zone"]))


def _money_to_python(value: JSON) -> dict[str, Any] | None:
    return None if value is None else {"amount": Decimal(value["amount"]), "currency": value["currency"]}


def _same(value: JSON) -> Any:
    return value


def _blank_text(value: JSON) -> str:
    return "" if value is None else value


def _new_list(value: JSON) -> list[Any]:
    return list(value or ())


_CANONICAL: Mapping[Kind, Callable[[Any], JSON]] = {
    Kind.TEXT: _text,
    Kind.RICH_TEXT: _rich_text,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.MONEY: _money,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.LOCAL_DATETIME: _local_datetime,
    Kind.INSTANT: _instant,
    Kind.ENUM: _text,
    Kind.SET: _set,
    Kind.LIST: _list,
    Kind.REFERENCE: _reference,
    Kind.JSON: _json,
}

_TO_PYTHON: Mapping[Kind, Callable[[JSON], Any]] = {
    Kind.TEXT: _blank_text,
    Kind.RICH_TEXT: _blank_text,
    Kind.NUMBER: lambda value: None if value is None else Decimal(value),
    Kind.INTEGER: _same,
    Kind.MONEY: _money_to_python,
    Kind.BOOLEAN: _same,
    Kind.DATE: lambda value: None if value is None else date.fromisoformat(value),
    Kind.LOCAL_DATETIME: _local_to_python,
    Kind.INSTANT: _moment_to_python,
    Kind.ENUM: _blank_text,
    Kind.SET: _new_list,
    Kind.LIST: _new_list,
    Kind.REFERENCE: _same,
    Kind.JSON: _same,
}
