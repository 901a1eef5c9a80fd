"""Edits on both sides before either knows of the other, over HTTP, for every connector: different fields merge, the same
field goes to a reviewer, and what the reviewer takes is on both sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.base.types import Can
from integrations.models import MappingState
from reconcile.kinds import Kind
from sync.context import IntegrationContext
from tests.contract.fields import NAMES, Field, both_ways
from tests.contract.hub import Hub, connect, each_stand_in

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]


@each_stand_in
def test_different_fields_merge_and_the_same_field_is_reviewed(
    connect: Callable[[str], Hub], slug: str
) -> None:
    hub = connect(slug)
    own = hub.own_records(Can.UPDATE)
    contexts = IntegrationContext(hub.integration)
    for name, pair in own.items():
        fields = [field for field in both_ways(hub, contexts.resource(name), pair) if not field.is_fixed]
        text = next((field for field in fields if _is_text(field)), None)
        if text is None:
            continue
        others = [field for field in fields if field is not text and any(field.others())]
        # a state may take the record out of sight (archived): that is another story
        other = next((field for field in others if field.name != "state"), None)
        if other is not None:
            _both_arrive(hub, text, other)
        _one_is_taken(hub, text, "local")
        _one_is_taken(hub, text, "external")


def _is_text(field: Field) -> bool:
    return field.name in NAMES or field.bound.link.local_kind is Kind.RICH_TEXT


def _both_arrive(hub: Hub, text: Field, other: Field) -> None:
    wanted = next(other.others())
    hub.edit(text.pair, {text.name: "Written here"}, waits=False)
    other.set_there(wanted)
    hub.look_at(text.pair)
    assert text.pair.state == MappingState.SYNCED, (text.rc.name, hub.state_of(text.pair))
    assert (text.here, text.there) == ("Written here", "Written here"), text.rc.name
    assert (other.here, other.there) == (wanted, wanted), (text.rc.name, other.name)


def _one_is_taken(hub: Hub, text: Field, side: str) -> None:
    hub.edit(text.pair, {text.name: f"Mine, {side}"}, waits=False)
    text.set_there(f"Theirs, {side}")
    hub.look_at(text.pair)
    assert (text.here, text.there) == (f"Mine, {side}", f"Theirs, {side}"), text.rc.name
    (conflict,) = hub.conflicts(text.pair)
    assert [entry["key"] for entry in conflict.fields] == [text.key]
    hub.decide(text.pair, side)
    taken = f"Mine, {side}" if side == "local" else f"Theirs, {side}"
    assert (text.here, text.there) == (taken, taken), (text.rc.name, side)
    assert text.pair.state == MappingState.SYNCED, hub.state_of(text.pair)
