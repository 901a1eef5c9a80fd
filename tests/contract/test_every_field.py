"""Every mapped field of every connector there and back over HTTP, by the engine: a value set here is read back there,
and the old value set there is here again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conflicts.models import ConflictKind
from connectors.base.errors import RecordProblem
from connectors.base.types import Can
from integrations.models import Mapping, MappingState
from reconcile.model import JSON, Unmapped
from sync.context import IntegrationContext, References, ResourceContext
from tests.contract.fields import Field, both_ways
from tests.contract.hub import Hub, connect, each_stand_in

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]


@each_stand_in
def test_every_field_goes_there_and_comes_back(connect: Callable[[str], Hub], slug: str) -> None:
    hub = connect(slug)
    own = hub.own_records(Can.UPDATE)
    contexts = IntegrationContext(hub.integration)
    problems: list[str] = []
    for name, pair in own.items():
        rc = contexts.resource(name)
        problems += _done_asks_nobody(hub, rc, pair)
        for field in both_ways(hub, rc, pair):
            problems += [f"{name}.{field.name}: {said}" for said in _problems(field)]
    assert not problems, "\n".join(problems)


def _done_asks_nobody(hub: Hub, rc: ResourceContext, pair: Mapping) -> list[str]:
    """The hub notes when, the vendor notes when: two clocks are no conflict."""
    if not {"stage", "completed_at"} <= {bound.link.local for bound in rc.field_map.bound.values()}:
        return []
    statuses = rc.field_map.bound["stage"]
    for stage in ("in_progress", "review", "done"):  # step by step: a workflow may forbid more at once
        if not isinstance(statuses.outward(stage, References()), Unmapped):
            hub.edit(pair, {"stage": stage})
    pair.refresh_from_db()
    here = hub.record(pair)
    if pair.state != MappingState.SYNCED or here.stage != "done" or here.completed_at is None:
        return [f"{rc.name} done: {pair.state} {pair.state_reason}, {here.stage} {here.completed_at}"]
    return []


def _problems(field: Field) -> Iterator[str]:
    """Another value from here to there, then the old one from there to here."""
    hub, pair, before = field.hub, field.pair, field.here
    wanted = next(field.others(), None)
    if wanted is None:
        yield f"the stand-in offers no other value than {before!r}"
        return
    hub.edit(pair, {field.name: wanted})
    if field.is_fixed:
        yield from _refused(field, before)
    elif pair.state != MappingState.SYNCED:
        yield f"{before!r} → {wanted!r}: {hub.state_of(pair)}"
        hub.decide(pair, "external")
        hub.edit(pair, {field.name: before})
    else:
        if field.here != wanted:
            yield f"asked for {wanted!r}, is {field.here!r}"
        if (there := field.there) != wanted:
            yield f"asked for {wanted!r}, there it is {there!r}"
        yield from _came_back(field, before, wanted)


def _refused(field: Field, before: JSON) -> Iterator[str]:
    """What cannot be changed there goes to a reviewer, who takes the other side's."""
    hub, pair = field.hub, field.pair
    conflict = hub.conflicts(pair).filter(kind=ConflictKind.REFUSED).first()
    if conflict is None or field.there != before:
        yield f"was to be refused: {hub.state_of(pair)}, there it is {field.there!r}"
    hub.decide(pair, "external")
    if field.here != before or pair.state != MappingState.SYNCED:
        yield f"the reviewer took {before!r}, here it is {field.here!r}: {hub.state_of(pair)}"


def _came_back(field: Field, before: JSON, wanted: JSON) -> Iterator[str]:
    """A person there sets what it was; where that cannot be (a subtask stays one), something else."""
    for value in (before, *field.others()):
        if value == wanted:
            continue
        try:
            field.set_there(value)
        except RecordProblem:
            continue
        field.hub.look_at(field.pair)
        if field.here != value:
            yield f"set there to {value!r}, here it is {field.here!r}"
        return
    yield "cannot be changed there any more"
