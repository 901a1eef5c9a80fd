"""A set of strings in one column, searchable alike on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.db import models


class SetField(models.JSONField):
    """A sorted list of distinct strings (label names, member ids). ``filter(labels__has="urgent")``.

    Sets live in the record's own row because they are revisioned, diffed and written set by set
    (docs/decisions): a page of 500 records is then one upsert instead of three.
    """

    def __init__(self, *args: Any, of: str | None = None, **kwargs: Any) -> None:
        #: the record type whose ids the set holds; None for plain texts. No column depends on it.
        self.of = of
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, (list, tuple, set, frozenset)):
            value = sorted({str(member) for member in value})
        return super().get_prep_value(value)


@SetField.register_lookup
class Has(models.Lookup):
    """True if the set holds the given string."""

    lookup_name = "has"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (str(value),)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"EXISTS (SELECT 1 FROM json_each({lhs}) AS j WHERE j.value = {rhs})", (  # noqa: S608
            *lhs_params,
            *rhs_params,
        )

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"{lhs} @> to_jsonb(ARRAY[{rhs}]::text[])", (*lhs_params, *rhs_params)
