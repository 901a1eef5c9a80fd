"""First contact: by which fields records that are on both sides already are recognised (E2, F27)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import registry
from integrations.models import Integration
from integrations.services.names import KindInForce, kinds_in_force, match_chosen, match_option

from .forms import Group, Setting

#: the group's key, and how its inputs begin
RECOGNISE = "recognise"
MATCH = "match."
LEAD = (
    "A record that is on both sides already is linked, not made a second time, where all the chosen fields agree; where "
    "several agree, a reviewer is asked. With none chosen every record of theirs is new. A dry run counts what would be linked."
)


def match_groups(integration: Integration) -> list[Group]:
    """The group with an input per kind; none where no kind has a field to choose."""
    kinds = _kinds(integration)
    settings = [
        Setting(
            MATCH + name,
            f"Recognise existing records by: {kinds[name].resource.label}",
            "many",
            choices=choices,
        )
        for name in match_chosen(integration, kinds)
        if (choices := _choices(kinds[name]))
    ]
    return [Group(RECOGNISE, "First contact", LEAD, tuple(settings))] if settings else []


def match_now(integration: Integration) -> dict[str, list[str]]:
    """What is chosen now, by the inputs' names."""
    return {MATCH + name: keys for name, keys in match_chosen(integration, _kinds(integration)).items()}


def with_match(values: Mapping[str, Any], integration: Integration) -> dict[str, Any]:
    """The options with what was chosen in the group's form; of other kinds they keep what they say."""
    kinds = _kinds(integration)
    before = integration.options.get("match", {})
    chosen = {**before, **{name.removeprefix(MATCH): keys for name, keys in values.items()}}
    options = {name: value for name, value in integration.options.items() if name != "match"}
    match = match_option({name: keys for name, keys in chosen.items() if name in kinds}, kinds)
    return {"options": {**options, **({"match": match} if match else {})}}


def _kinds(integration: Integration) -> dict[str, KindInForce]:
    return kinds_in_force(registry.get(integration.connector), integration.options, integration)


def _choices(kind: KindInForce) -> tuple[tuple[str, str], ...]:
    return tuple((key, label.capitalize()) for key, label in kind.match_choices.items())
