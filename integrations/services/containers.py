"""What a connected vendor has to pick from: the boards, lists, projects … that a setting may name (B3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors import registry
from connectors.base.errors import SyncError
from connectors.base.types import Container, SecretField
from integrations.models import Integration
from integrations.services.clients import client_for

#: what a vendor's odd answer may raise in a connector, beside its own errors
UNREADABLE = (SyncError, LookupError, TypeError, ValueError)


class Choice(NamedTuple):
    """One container: ``place`` names those it is in, outermost first ("" where it is in none)."""

    id: str
    name: str
    place: str


@dataclass(frozen=True)
class Choices:
    """All there is for one setting, by place and name. ``problem`` says why the list could not be read."""

    rows: Sequence[Choice] = ()
    problem: str = ""


def choices_of(integration: Integration) -> dict[str, Choices]:
    """The choices of each setting that picks a container, by its name. Asks the vendor, a listing per kind."""
    fields = [field for field in registry.get(integration.connector).settings if field.picks]
    if not fields:
        return {}
    try:
        client = client_for(integration, purpose="person")
    except SyncError as error:
        return {field.name: Choices(problem=error.message) for field in fields}
    try:
        return {field.name: _choices(field, client.containers) for field in fields}
    finally:
        client.close()


def _choices(field: SecretField, listing: Callable[[str], list[Container]]) -> Choices:
    try:
        found = [row for row in listing(field.picks[-1]) if row.kind == field.picks[-1]]
    except UNREADABLE as error:
        return Choices(
            problem=error.message if isinstance(error, SyncError) else "Its answer is not as documented."
        )
    if not found:
        return Choices(problem=f"This account sees no {field.label.lower()} there.")
    homes = _homes(field.picks[:-1], listing)
    rows = [Choice(row.id, row.name, _place(row, homes)) for row in found]
    return Choices(sorted(rows, key=lambda row: (row.place.casefold(), row.name.casefold())))


def _homes(kinds: Sequence[str], listing: Callable[[str], list[Container]]) -> dict[str, Container]:
    """The outer containers by id. One that may not be listed only leaves its name out."""
    homes: dict[str, Container] = {}
    for kind in kinds:
        try:
            homes |= {row.id: row for row in listing(kind)}
        except UNREADABLE:
            continue
    return homes


def _place(row: Container, homes: Mapping[str, Container]) -> str:
    names: list[str] = []
    at = homes.get(row.parent_id or "")
    while at is not None and len(names) < len(homes):
        names.insert(0, at.name)
        at = homes.get(at.parent_id or "")
    return " › ".join(names)
