"""Write many rows at once: one statement or one COPY on PostgreSQL, prepared statements on SQLite.

Django's ``bulk_create(update_conflicts)`` reaches a twentieth of COPY (DESIGN.md). Rows are tuples of Python
values in the order of ``columns``; columns are attnames (``project_id``). Dates, instants, numbers and ids may
also be given as their canonical texts. Neither ``save`` nor signals run, and column defaults are the
caller's: name every column that the table needs. Call it inside a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models

from . import postgres, sqlite
from .table import Conflict, Table

Rows = Sequence[Sequence[Any]]


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Rows,
    *,
    returning: Sequence[str] = (),
    using: str = DEFAULT_DB_ALIAS,
) -> list[tuple[Any, ...]]:
    """Insert the rows; ``returning`` columns come back in no promised order. Raises IntegrityError as a whole."""
    return _run("insert", Table.of(model, columns, using), rows, returning=tuple(returning))


def upsert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Rows,
    *,
    unique: Sequence[str] | str,
    update: Sequence[str],
    returning: Sequence[str] = (),
    using: str = DEFAULT_DB_ALIAS,
) -> list[tuple[Any, ...]]:
    """Insert, or where ``unique`` is taken set the ``update`` columns; with no ``update``, leave the row alone.

    ``unique`` names columns or, for a partial index, the model's UniqueConstraint. A row may not occur twice
    in one call. A row that is left alone is not returned.
    """
    table = Table.of(model, columns, using)
    return _run("upsert", table, rows, conflict=table.conflict(unique, update), returning=tuple(returning))


def update_rows(
    model: type[models.Model],
    *,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Rows,
    guard: str | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> list[tuple[Any, ...]]:
    """Set ``columns`` of the rows with that key; gives the keys that were found, the rest were not written.

    Each row is ``(*key, *columns)``, with a guard ``(*key, expected, *columns)``: then a row whose guard
    column no longer holds what was expected is left alone.
    """
    names = (*key, *((guard,) if guard else ()), *columns)
    return _run(
        "update", Table.of(model, names, using), rows, keys=len(key) + bool(guard), returning=tuple(key)
    )


def find_rows(
    model: type[models.Model],
    columns: Sequence[str],
    *,
    fixed: Mapping[str, Any],
    key: str,
    values: Sequence[Any],
    using: str = DEFAULT_DB_ALIAS,
) -> list[tuple[Any, ...]]:
    """``columns`` of the rows whose ``fixed`` columns are so and whose ``key`` is one of the (distinct) values.

    Each value is looked up by itself through the index of all these columns. A plain IN is not sure to be: where
    PostgreSQL has no statistics yet, as in a first import, it reads all rows of the fixed columns, page after page.
    """
    if not values:
        return []
    if connections[using].vendor != "postgresql":
        found = model._default_manager.using(using).filter(**fixed, **{f"{key}__in": values})
        return list(found.order_by().values_list(*columns))
    table = Table.of(model, (*columns, key, *fixed), using)
    return postgres.find(table, len(columns), list(fixed.values()), values)


def _run(what: str, table: Table, rows: Rows, **options: Any) -> list[tuple[Any, ...]]:
    if not rows:
        return []
    vendor = connections[table.using].vendor
    backend = postgres if vendor == "postgresql" else sqlite
    result: list[tuple[Any, ...]] = getattr(backend, what)(table, rows, **options)
    return result


__all__ = ["Conflict", "Table", "find_rows", "insert_rows", "update_rows", "upsert_rows"]
