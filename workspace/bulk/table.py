"""A table and some of its columns, ready for SQL: quoted names, types and a converter per column."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import orjson
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models

from workspace.fields import SetField

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Conflict:
    """The ON CONFLICT clause, complete."""

    clause: str


@dataclass(frozen=True, slots=True)
class Table:
    using: str
    model: type[models.Model]
    name: str  # quoted
    attnames: tuple[str, ...]
    columns: tuple[str, ...]  # quoted
    types: tuple[str, ...]
    converters: tuple[Converter | None, ...]  # None: the driver takes the value as it is

    @staticmethod
    def of(model: type[models.Model], attnames: Sequence[str], using: str) -> Table:
        return _table(model, tuple(attnames), using)

    def quoted(self, attname: str) -> str:
        return connections[self.using].ops.quote_name(_field(self.model, attname).column)

    def prepared(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        """The rows as the driver wants them, converted column by column, where a column needs it."""
        wanted = [(index, convert) for index, convert in enumerate(self.converters) if convert]
        if not wanted:
            return list(rows)
        prepared: list[Sequence[Any]] = []
        for row in rows:
            values = list(row)
            for index, convert in wanted:
                value = values[index]
                if value is not None:
                    values[index] = convert(value)
            prepared.append(values)
        return prepared

    def readers(self, attnames: Sequence[str]) -> tuple[Converter | None, ...]:
        """What turns returned columns into Python values; only ids need it (SQLite keeps them as text)."""
        if connections[self.using].vendor == "postgresql":
            return tuple(None for _ in attnames)
        fields = [_target(_field(self.model, name)) for name in attnames]
        return tuple(_uuid_or_none if isinstance(field, models.UUIDField) else None for field in fields)

    def conflict(self, unique: Sequence[str] | str, update: Sequence[str]) -> Conflict:
        names, where = self._unique(unique)
        target = f"({', '.join(self.quoted(name) for name in names)}){where}"
        if not update:
            return Conflict(f"ON CONFLICT {target} DO NOTHING")
        sets = ", ".join(f"{self.quoted(name)} = EXCLUDED.{self.quoted(name)}" for name in update)
        return Conflict(f"ON CONFLICT {target} DO UPDATE SET {sets}")

    def _unique(self, unique: Sequence[str] | str) -> tuple[Sequence[str], str]:
        if not isinstance(unique, str):
            return unique, ""
        for constraint in self.model._meta.constraints:
            if constraint.name == unique and isinstance(constraint, models.UniqueConstraint):
                names = [self.model._meta.get_field(name).attname for name in constraint.fields]  # type: ignore[union-attr]
                return names, _condition(self, constraint)
        raise ValueError(f"{self.model.__name__} has no unique constraint {unique}")


def _condition(table: Table, constraint: models.UniqueConstraint) -> str:
    editor = connections[table.using].schema_editor()
    sql = constraint._get_condition_sql(table.model, editor)  # type: ignore[attr-defined]
    return f" WHERE {sql}" if sql else ""


@lru_cache(maxsize=256)
def _table(model: type[models.Model], attnames: tuple[str, ...], using: str) -> Table:
    connection = connections[using]
    fields = [_field(model, name) for name in attnames]
    return Table(
        using=using,
        model=model,
        name=connection.ops.quote_name(model._meta.db_table),
        attnames=attnames,
        columns=tuple(connection.ops.quote_name(field.column) for field in fields),
        types=tuple(_type(field, connection) for field in fields),
        converters=tuple(_converter(field, connection) for field in fields),
    )


def _field(model: type[models.Model], attname: str) -> Any:
    for field in model._meta.concrete_fields:
        if field.attname == attname:
            return field
    raise ValueError(f"{model.__name__} has no column {attname}")


def _type(field: Any, connection: Any) -> str:
    """The column's type without its limits: a cast to varchar(5) would cut a longer text in silence."""
    found: str = _target(field).rel_db_type(connection) or "text"
    return "text" if found.startswith("varchar") else found.partition("(")[0]


def _target(field: Any) -> Any:
    return field.target_field if isinstance(field, models.ForeignKey) else field


# ---------------------------------------------------------------- converters

#: PostgreSQL reads the texts of these itself, so nothing has to be converted
_TEXT_IS_ENOUGH = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.IntegerField,
    models.DecimalField,
    models.DateField,
    models.BinaryField,
)


def _converter(field: Any, connection: Any) -> Converter | None:
    own = _target(field)
    if isinstance(own, SetField):
        return _dump_set
    if type(own) is models.JSONField:
        return dump_json
    if connection.vendor == "postgresql":
        if isinstance(own, models.UUIDField):
            return _uuid_plain
        if type(own).__module__.startswith("django.") and isinstance(own, _TEXT_IS_ENOUGH):
            return None
    elif type(own) in (models.CharField, models.TextField, models.BooleanField, models.BigIntegerField):
        return None
    elif isinstance(own, models.UUIDField):
        return _uuid_hex
    return partial(own.get_db_prep_save, connection=connection)


def _uuid_hex(value: UUID | str) -> str:
    return value.hex if isinstance(value, UUID) else UUID(value).hex


def _uuid_plain(value: UUID | str) -> str:
    return "%032x" % value.int if isinstance(value, UUID) else value  # noqa: UP031 (the quickest way)


def _uuid_or_none(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


def _dump_set(value: Any) -> str:
    return dump_json(sorted({str(member) for member in value}))


def dump_json(value: Any) -> str:
    """JSON text that PostgreSQL's jsonb accepts: NUL and broken surrogates become U+FFFD."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # broken surrogates, integers beyond 64 bits, Decimal
        return json.dumps(_storable(value), cls=DjangoJSONEncoder, ensure_ascii=False)
    if "\\u0000" in text:
        return orjson.dumps(_storable(value)).decode()
    return text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_storable(key): _storable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(member) for member in value]
    return value
