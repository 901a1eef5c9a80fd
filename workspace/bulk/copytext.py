"""Rows as the text that COPY reads, made column by column: most columns of a page hold one value in all rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from .table import Converter

NULL = "\\N"

_PLAIN: frozenset[type] = frozenset({int, float, bool, Decimal, date, datetime})
_NONE = type(None)


class Unusual(TypeError):
    """A type of value that is left to the driver."""


def copy_text(rows: Sequence[Sequence[Any]], converters: Sequence[Converter | None]) -> bytes:
    """The rows in COPY's text format. Raises Unusual."""
    columns = [
        _column(values, convert) for values, convert in zip(zip(*rows, strict=True), converters, strict=True)
    ]
    return ("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n").encode()


def _column(values: tuple[Any, ...], convert: Converter | None) -> Sequence[str]:
    kinds = set(map(type, values))
    if kinds == {_NONE}:
        return (NULL,) * len(values)
    if len(kinds) == 1 and _is_one(values):
        return (_texts((values[0],), convert)[0],) * len(values)
    if _NONE not in kinds:
        return _texts(values, convert)
    texts = iter(_texts([value for value in values if value is not None], convert))
    return [NULL if value is None else next(texts) for value in values]


def _is_one(values: tuple[Any, ...]) -> bool:
    """True if all are the same; of JSON only if all are empty, since 1 and true are equal there."""
    first = values[0]
    if isinstance(first, dict | list):
        return not any(values)
    return values.count(first) == len(values)


def _texts(values: Sequence[Any], convert: Converter | None) -> list[str]:
    if convert is not None:
        values, convert = list(map(convert, values)), None
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        return list(map(str, values))
    if kinds == {UUID}:
        return [value.hex for value in values]
    if all(issubclass(kind, str) for kind in kinds):
        return _escaped(values)
    raise Unusual


def _escaped(values: Sequence[str]) -> list[str]:
    whole = "".join(values)
    for mark, code in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        if mark in whole:
            values = [value.replace(mark, code) for value in values]
    return list(values)
