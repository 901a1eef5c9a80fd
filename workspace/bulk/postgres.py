"""PostgreSQL: VALUES lists for a handful of rows, COPY (through a temporary table where needed) for more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections

from .copytext import Unusual, copy_text
from .table import Conflict, Table

#: rows sent at once by COPY: PostgreSQL works on one piece while the next is made
PIECE = 100

#: below this many rows a VALUES list is quicker than COPY's round trips (measured: benchmarks/README.md)
SMALL = 40
#: up to so many columns, arrays in one statement are quicker than a temporary table and its five round trips
NARROW = 4


def insert(
    table: Table, rows: Sequence[Sequence[Any]], *, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    if returning or len(rows) < SMALL:
        return _insert(table, rows, "", returning)
    with connections[table.using].cursor() as cursor:
        _copy(cursor, table.name, table.columns, table, rows)
    return []


def upsert(
    table: Table, rows: Sequence[Sequence[Any]], *, conflict: Conflict, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    return _insert(table, rows, conflict.clause, returning)


def _insert(
    table: Table, rows: Sequence[Sequence[Any]], clause: str, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    columns = ", ".join(table.columns)
    tail = f" {clause}" + _returning(table, returning)
    with connections[table.using].cursor() as cursor:
        if len(rows) < SMALL:
            values, params = _values(table, rows)
            cursor.execute(f"INSERT INTO {table.name} ({columns}) {values}{tail}", params)
            return _fetched(cursor, returning)
        if len(table.columns) <= NARROW:
            kinds = ", ".join(f"%s::{kind}[]" for kind in table.types)
            arrays = [list(values) for values in zip(*table.prepared(rows), strict=True)]
            cursor.execute(
                f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({kinds}){tail}",  # noqa: S608
                arrays,
            )
            return _fetched(cursor, returning)
        with _Staged(cursor, table, rows) as staged:
            cursor.execute(
                f"INSERT INTO {table.name} ({columns}) SELECT {staged.columns} FROM {staged.name}{tail}"  # noqa: S608
            )
            return _fetched(cursor, returning)


def find(table: Table, count: int, fixed: Sequence[Any], values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """``table`` names the columns wanted, then the key, then those that are fixed."""
    wanted, key, others = table.columns[:count], table.columns[count], table.columns[count + 1 :]
    where = " AND ".join([*(f"t.{name} = %s" for name in others), f"t.{key} = wanted.value"])
    columns = ", ".join(f"t.{name}" for name in wanted)
    # OFFSET 0 keeps the planner from making a join of it, for which it would need statistics.
    sql = (
        f"SELECT found.* FROM unnest(%s::{table.types[count]}[]) AS wanted(value), "  # noqa: S608
        f"LATERAL (SELECT {columns} FROM {table.name} AS t WHERE {where} OFFSET 0) AS found"
    )
    with connections[table.using].cursor() as cursor:
        cursor.execute(sql, [list(values), *fixed])
        return list(cursor.fetchall())


def update(
    table: Table, rows: Sequence[Sequence[Any]], *, keys: int, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    names = [f"c{index}" for index in range(len(table.columns))]
    sets = ", ".join(
        f"{column} = v.{name}" for column, name in zip(table.columns[keys:], names[keys:], strict=True)
    )
    where = " AND ".join(
        f"t.{column} = v.{name}" for column, name in zip(table.columns[:keys], names, strict=False)
    )
    found = ", ".join(f"t.{table.quoted(name)}" for name in returning)
    with connections[table.using].cursor() as cursor:
        if len(rows) < SMALL:
            values, params = _values(table, rows)
            source = f"({values}) AS v ({', '.join(names)})"
            cursor.execute(
                f"UPDATE {table.name} AS t SET {sets} FROM {source} WHERE {where} RETURNING {found}",  # noqa: S608
                params,
            )
            return list(cursor.fetchall())
        with _Staged(cursor, table, rows) as staged:
            cursor.execute(
                f"UPDATE {table.name} AS t SET {sets} FROM {staged.name} AS v WHERE {where} RETURNING {found}"  # noqa: S608
            )
            return list(cursor.fetchall())


def _returning(table: Table, returning: tuple[str, ...]) -> str:
    return f" RETURNING {', '.join(table.quoted(name) for name in returning)}" if returning else ""


def _fetched(cursor: Any, returning: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return list(cursor.fetchall()) if returning else []


def _values(table: Table, rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    one = "(" + ", ".join(f"%s::{kind}" for kind in table.types) + ")"
    params = [value for row in table.prepared(rows) for value in row]
    return "VALUES " + ", ".join([one] * len(rows)), params


class _Staged:
    """The rows in a temporary table that the connection keeps and every commit empties."""

    def __init__(self, cursor: Any, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        self.cursor, self.table, self.rows = cursor, table, rows
        shape = repr((table.name, table.columns, table.types))
        self.name = f"bulk_{hashlib.sha256(shape.encode()).hexdigest()[:16]}"
        self.names = [f"c{index}" for index in range(len(table.columns))]
        self.columns = ", ".join(self.names)

    def __enter__(self) -> _Staged:
        defined = ", ".join(f"{name} {kind}" for name, kind in zip(self.names, self.table.types, strict=True))
        self.cursor.execute("SET LOCAL client_min_messages = warning")  # "already exists" is no news
        self.cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {self.name} ({defined}) ON COMMIT DELETE ROWS")
        _copy(self.cursor, self.name, self.names, self.table, self.rows)
        return self

    def __exit__(self, error: object, *rest: object) -> None:
        if error is None:  # a failed transaction takes no more commands, and empties the table anyway
            self.cursor.execute(f"TRUNCATE {self.name}")


def _copy(
    cursor: Any, name: str, columns: Iterable[str], table: Table, rows: Sequence[Sequence[Any]]
) -> None:
    statement = f"COPY {name} ({', '.join(columns)}) FROM STDIN"
    with cursor.db.wrap_database_errors, cursor.copy(statement) as copy:
        for start in range(0, len(rows), PIECE):
            part = rows[start : start + PIECE]
            try:
                copy.write(copy_text(part, table.converters))
            except Unusual:
                for row in table.prepared(part):
                    copy.write_row(row)
