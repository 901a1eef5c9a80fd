"""SQLite: the same statement for each row, prepared once; the database is in the process, so that is fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections

from .table import Conflict, Table


def insert(
    table: Table, rows: Sequence[Sequence[Any]], *, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    return _insert(table, rows, "", returning)


def upsert(
    table: Table, rows: Sequence[Sequence[Any]], *, conflict: Conflict, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    return _insert(table, rows, conflict.clause, returning)


def _insert(
    table: Table, rows: Sequence[Sequence[Any]], clause: str, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    places = ", ".join(["%s"] * len(table.columns))
    sql = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({places}) {clause}"  # noqa: S608
    with connections[table.using].cursor() as cursor:
        if not returning:
            cursor.executemany(sql, table.prepared(rows))
            return []
        sql += f" RETURNING {', '.join(table.quoted(name) for name in returning)}"
        found: list[tuple[Any, ...]] = []
        for row in table.prepared(rows):
            cursor.execute(sql, row)
            found += cursor.fetchall()
    return _read(table, returning, found)


def update(
    table: Table, rows: Sequence[Sequence[Any]], *, keys: int, returning: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    sets = ", ".join(f"{column} = %s" for column in table.columns[keys:])
    where = " AND ".join(f"{column} = %s" for column in table.columns[:keys])
    sql = f"UPDATE {table.name} SET {sets} WHERE {where}"  # noqa: S608
    found = []
    with connections[table.using].cursor() as cursor:
        for row in table.prepared(rows):
            cursor.execute(sql, [*row[keys:], *row[:keys]])
            if cursor.rowcount:
                found.append(tuple(row[: len(returning)]))
    return _read(table, returning, found)


def _read(table: Table, returning: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    readers = table.readers(returning)
    if not any(readers):
        return rows
    return [
        tuple(read(value) if read else value for value, read in zip(row, readers, strict=True))
        for row in rows
    ]
