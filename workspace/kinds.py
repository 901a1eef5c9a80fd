"""What each field of a record type means, and the fast ways between columns and canonical values.

Everything is compiled once per record type: importing 100,000 records must not look at a Django field
100,000 times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import models

from reconcile import kinds
from reconcile.kinds import Kind, ValueProblem

from .fields import SetField
from .models import RECORD_TYPES, Record

#: texts that may carry mark-up; an address has lines but no mark-up
RICH_TEXT_FIELDS = frozenset({"description", "body", "notes"})

#: columns of the common base that are no values of their own
COMMON_FIELDS = frozenset(field.name for field in Record._meta.get_fields())

#: set by the services themselves when another field changes and the caller says nothing of it
DERIVED_FIELDS = {"task": frozenset({"completed_at"})}

#: written through the services like a value, but never synced
SWITCHES = ("external_sync_enabled",)

_INTEGER_RANGE = {
    "IntegerField": (-(2**31), 2**31 - 1),
    "PositiveIntegerField": (0, 2**31 - 1),
    "PositiveSmallIntegerField": (0, 2**15 - 1),
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: ``to_canonical`` and ``check`` refuse with ValueProblem, in words for a person.

    ``is_sound`` is a quick look that may say True only of a value that is canonical already and fits.
    ``to_row`` gives what ``workspace.bulk`` takes, ``to_column`` what a model instance holds.
    """

    name: str
    attname: str
    label: str
    kind: Kind
    required: bool
    target: str | None  # record type (or "user") that a reference or a set of ids points to
    default: Any  # canonical; stands in for an empty value where the column cannot be empty
    choices: frozenset[str]
    from_column: Callable[[Any], Any]
    to_canonical: Callable[[Any], Any]
    to_column: Callable[[Any], Any]
    to_row: Callable[[Any], Any]
    check: Callable[[Any], None]
    is_sound: Callable[[Any], bool]

    def accept(self, value: Any) -> Any:
        """The value in canonical form, checked against the column. Raises ValueProblem."""
        if self.is_sound(value):
            return value
        canonical = self.to_canonical(value)
        if canonical is None and self.required:
            raise ValueProblem("must not be empty")
        self.check(canonical)
        return canonical


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """A record type, compiled. ``values`` are its own fields, ``fields`` all that a service may write."""

    record_type: str
    model: type[Record]
    values: Mapping[str, FieldSpec]
    fields: Mapping[str, FieldSpec]
    syncable: tuple[str, ...]
    required: tuple[str, ...]

    def stage_field(self) -> FieldSpec | None:
        return self.values.get("stage")


def record_kinds(record_type: str) -> dict[str, Kind]:
    """Field name → kind, for every value of a record type; references under the field's name, not ``_id``."""
    return {name: field.kind for name, field in record_spec(record_type).values.items()}


def syncable_fields(record_type: str) -> tuple[str, ...]:
    """The fields that a field map may name."""
    return record_spec(record_type).syncable


def derived_fields(record_type: str) -> frozenset[str]:
    """The fields that follow another one by themselves (a task's ``completed_at`` its stage)."""
    return DERIVED_FIELDS.get(record_type, frozenset())


def reference_targets(record_type: str) -> dict[str, str]:
    """Field name → record type it points to, for references and for sets of ids (assignees, attendees)."""
    fields = record_spec(record_type).values.values()
    return {field.name: field.target for field in fields if field.target and field.target != "user"}


@cache
def record_spec(record_type: str) -> RecordSpec:
    """The compiled record type; KeyError if there is none of that name."""
    model = RECORD_TYPES[record_type]
    own = [field for field in model._meta.concrete_fields if field.name not in COMMON_FIELDS]
    values = {field.name: _field_spec(field) for field in own if not _is_user(field)}
    extra = {field.name: _field_spec(field) for field in own if _is_user(field)}
    switches = {name: _field_spec(model._meta.get_field(name)) for name in SWITCHES}
    return RecordSpec(
        record_type=record_type,
        model=model,
        values=values,
        fields={**values, **extra, **switches},
        syncable=tuple(values),
        required=tuple(name for name, field in values.items() if field.required),
    )


def _is_user(field: Any) -> bool:
    return isinstance(field, models.ForeignKey) and not issubclass(field.related_model, Record)


def _field_spec(field: Any) -> FieldSpec:
    kind = kind_of(field)
    default = _canonical_default(field, kind)
    return FieldSpec(
        name=field.name,
        attname=field.attname,
        label=str(field.verbose_name),
        kind=kind,
        required=not field.blank and default is None and kind is not Kind.BOOLEAN,
        target=_target(field),
        default=default,
        choices=frozenset(str(value) for value, _ in field.choices or ()),
        from_column=_FROM_COLUMN[kind],
        to_canonical=_canonicaliser(field, kind, default),
        to_column=_to_column(field, kind),
        to_row=_TO_ROW.get(kind, _same),
        check=_checker(field, kind),
        is_sound=_sound(field, kind, default),
    )


def kind_of(field: Any) -> Kind:
    """The kind of a Django field."""
    if isinstance(field, SetField):
        return Kind.SET
    if isinstance(field, models.ForeignKey | models.UUIDField):
        return Kind.REFERENCE
    if field.choices:
        return Kind.ENUM
    if field.name in RICH_TEXT_FIELDS:
        return Kind.RICH_TEXT
    for django_type, kind in (
        (models.CharField, Kind.TEXT),
        (models.TextField, Kind.TEXT),
        (models.BooleanField, Kind.BOOLEAN),
        (models.DateTimeField, Kind.INSTANT),  # before DateField, whose subclass it is
        (models.DateField, Kind.DATE),
        (models.DecimalField, Kind.NUMBER),
        (models.IntegerField, Kind.INTEGER),
        (models.JSONField, Kind.JSON),
    ):
        if isinstance(field, django_type):
            return kind
    raise TypeError(f"{field} has no canonical kind")


def _target(field: Any) -> str | None:
    if isinstance(field, SetField):
        return field.of
    if isinstance(field, models.ForeignKey):
        return getattr(field.related_model, "record_type", None) or "user"
    return None


def _canonical_default(field: Any, kind: Kind) -> Any:
    """What stands for "empty" in a column that has no empty value of its own."""
    if field.null or field.blank or not field.has_default() or kind is Kind.SET:
        return None
    value = field.get_default()
    return kinds.canonical(kind, value)


# ---------------------------------------------------------------- column → canonical


def _instant_from_column(value: datetime | None) -> str | None:
    return None if value is None else kinds.instant_text(value)


def _date_from_column(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _number_from_column(value: Decimal | None) -> str | None:
    return None if value is None else kinds.decimal_text(value)


def _text_from_column(value: str | None) -> str | None:
    return value or None


def _reference_from_column(value: Any) -> str | None:
    return None if value is None else str(value)


def _same(value: Any) -> Any:
    return value


_FROM_COLUMN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text_from_column,
    Kind.RICH_TEXT: _text_from_column,
    Kind.ENUM: _text_from_column,
    Kind.NUMBER: _number_from_column,
    Kind.INTEGER: _same,
    Kind.BOOLEAN: _same,
    Kind.DATE: _date_from_column,
    Kind.INSTANT: _instant_from_column,
    Kind.SET: lambda value: list(value or ()),
    Kind.REFERENCE: _reference_from_column,
    Kind.JSON: _same,
}

# ---------------------------------------------------------------- canonical → column


def _canonicaliser(field: Any, kind: Kind, default: Any) -> Callable[[Any], Any]:
    """Any acceptable value → canonical; an empty one becomes the default where the column has no empty."""
    to_canonical: Callable[[Any], Any] = partial(kinds.canonical, kind)
    if _holds_uuid(field):
        to_canonical = _uuid_text
    elif isinstance(field, SetField) and field.of:
        to_canonical = _id_set
    if kind is Kind.REFERENCE:
        inner = to_canonical
        to_canonical = lambda value: inner(getattr(value, "pk", value))  # noqa: E731 (takes records as well)
    if default is None:
        return to_canonical

    def with_default(value: Any) -> Any:
        found = to_canonical(value)
        return default if found is None else found

    return with_default


def _holds_uuid(field: Any) -> bool:
    if isinstance(field, models.ForeignKey):
        return isinstance(field.target_field, models.UUIDField)
    return isinstance(field, models.UUIDField)


def _uuid_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str):
        raise ValueProblem(f"{kinds.shown(value)} is not the id of a record")
    return _uuid_of_text(value)


@lru_cache(maxsize=4096)  # thousands of records point to the same few
def _uuid_of_text(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError as exc:
        raise ValueProblem(f"{kinds.shown(value)} is not the id of a record") from exc


def _id_set(value: Any) -> list[str]:
    members = kinds.canonical(Kind.SET, value)
    return sorted({_uuid_text(member) or "" for member in members})


def _to_column(field: Any, kind: Kind) -> Callable[[Any], Any]:
    if kind is Kind.REFERENCE:
        return _to_uuid if _holds_uuid(field) else _same
    return partial(kinds.to_python, kind)


#: the bulk writer reads the texts of dates, numbers and ids itself; only "empty" has two spellings
_TO_ROW: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: lambda value: value or "",
    Kind.RICH_TEXT: lambda value: value or "",
    Kind.ENUM: lambda value: value or "",
    Kind.SET: lambda value: value or [],
}


def _to_uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


# ---------------------------------------------------------------- checks


def _checker(field: Any, kind: Kind) -> Callable[[Any], None]:
    """A check of a canonical value against its column; None passes (required is checked elsewhere)."""
    if kind is Kind.ENUM:
        return _choice_check(field)
    if kind in (Kind.TEXT, Kind.RICH_TEXT):
        return _text_check(field)
    if kind is Kind.NUMBER:
        return _decimal_check(field)
    if kind is Kind.INTEGER:
        return _integer_check(field)
    return lambda value: None


#: kinds whose texts recur from record to record, and cost more to check than to remember
_REMEMBERED = (Kind.DATE, Kind.INSTANT, Kind.NUMBER, Kind.REFERENCE)


def _sound(field: Any, kind: Kind, default: Any) -> Callable[[Any], bool]:
    if kind is Kind.ENUM:
        choices = frozenset(str(value) for value, _ in field.choices)
        return lambda value: type(value) is str and value in choices
    if kind in (Kind.TEXT, Kind.RICH_TEXT) and not _own_validators(field):
        limit = field.max_length or 10**9
        return _sound_text(limit, ("\r", "\0") if kind is Kind.TEXT else _SUSPECT_IN_RICH_TEXT)
    if kind is Kind.SET and not _target(field):
        return lambda value: kinds.is_tidy_set(value) and bool(value)
    if kind in _REMEMBERED:
        return _sound_as_remembered(_canonicaliser(field, kind, default), _checker(field, kind))
    return lambda value: False


def _sound_as_remembered(
    to_canonical: Callable[[Any], Any], check: Callable[[Any], None]
) -> Callable[[Any], bool]:
    @lru_cache(maxsize=1024)
    def fits(value: str) -> bool:
        try:
            if to_canonical(value) != value:
                return False
            check(value)
        except ValueProblem:
            return False
        return True

    return lambda value: type(value) is str and fits(value)


#: found in a text whose lines end in blanks, or might; substring searches beat a pattern by far
_SUSPECT_IN_RICH_TEXT = ("\r", "\0", " \n", "\t\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f")


def _sound_text(limit: int, suspects: tuple[str, ...]) -> Callable[[Any], bool]:
    def sound(value: Any) -> bool:
        if type(value) is not str or not 0 < len(value) <= limit or not value.isascii():
            return False
        if value[-1] <= " ":
            return False
        for suspect in suspects:  # noqa: SIM110 (all() costs a generator per value)
            if suspect in value:
                return False
        return True

    return sound


def _own_validators(field: Any) -> list[Callable[[Any], None]]:
    """Those that say more than the length and the NUL character, which are checked anyway."""
    return [
        rule
        for rule in field.validators
        if not isinstance(rule, MaxLengthValidator | ProhibitNullCharactersValidator)
    ]


def _choice_check(field: Any) -> Callable[[Any], None]:
    choices = [str(value) for value, _ in field.choices]

    def check(value: str | None) -> None:
        if value is not None and value not in choices:
            raise ValueProblem(f"{kinds.shown(value)} is not one of {', '.join(choices)}")

    return check


def _text_check(field: Any) -> Callable[[Any], None]:
    limit, validators = field.max_length, _own_validators(field)

    def check(value: str | None) -> None:
        if value is None:
            return
        if limit is not None and len(value) > limit:
            raise ValueProblem(f"the text has {len(value)} characters; at most {limit} fit")
        for rule in validators:
            try:
                rule(value)
            except ValidationError as exc:
                raise ValueProblem(f"{kinds.shown(value)}: {' '.join(exc.messages)}") from exc

    return check


def _decimal_check(field: Any) -> Callable[[Any], None]:
    places, whole = field.decimal_places, field.max_digits - field.decimal_places

    def check(value: str | None) -> None:
        if value is None:
            return
        before, _, after = value.lstrip("-").partition(".")
        if len(after) > places:
            raise ValueProblem(f"{value} has more than {places} decimal places")
        if len(before.lstrip("0")) > whole:
            raise ValueProblem(f"{value} is too large: at most {whole} digits before the point")

    return check


def _integer_check(field: Any) -> Callable[[Any], None]:
    low, high = _INTEGER_RANGE.get(field.get_internal_type(), (-(2**63), 2**63 - 1))

    def check(value: int | None) -> None:
        if value is not None and not low <= value <= high:
            raise ValueProblem(f"{value} is not between {low} and {high}")

    return check
