"""Every mapped field of every connector there and back over HTTP, by the engine: a value set here is read back there,
and the old value set there is here again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from config.demo.work import work_off
from conflicts.models import ConflictKind, ConflictResolution
from conflicts.services import conflict_decide
from connectors.base.errors import RecordProblem
from connectors.base.types import Can
from integrations.models import JobKind, Mapping, MappingState
from integrations.services.marks import mark_dirty
from reconcile import kinds
from reconcile.fieldmap import BoundLink
from reconcile.kinds import Kind, is_blank
from reconcile.model import JSON, Unmapped
from sync.context import IntegrationContext, References, ResourceContext
from tests.contract.test_every_connector import made
from tests.contract.test_two_way import Hub, connect, each_stand_in, read_there
from workspace.kinds import record_spec

__all__ = ["connect"]

pytestmark = [pytest.mark.django_db]
NAMES = ("title", "name", "customer_name")
STARTS = ("start_on", "started_at", "starts_at")
#: what a text of this name looks like, where no other record offers one
LIKE = {
    "url": "https://example.com/elsewhere",
    "website": "https://example.com/elsewhere",
    "colour": "#3366cc",
    "currency": "USD",
}


@each_stand_in
def test_every_field_goes_there_and_comes_back(connect: Callable[[str], Hub], slug: str) -> None:
    hub = connect(slug)
    own = {
        resource.name: made(hub.stand, resource).id
        for resource in hub.resources
        if {Can.UPDATE, Can.CREATE, Can.GET} <= resource.can
    }
    hub.run(JobKind.MANUAL)
    contexts = IntegrationContext(hub.integration)
    problems: list[str] = []
    for name, external_id in own.items():
        rc = contexts.resource(name)
        pair = hub.pair_of(name, external_id)
        problems += _done_asks_nobody(hub, rc, pair)
        for bound in rc.field_map.bound.values():
            if bound.link.is_in and bound.link.is_out:
                problems += [
                    f"{name}.{bound.link.local}: {said}" for said in _Trip(hub, rc, bound, pair).problems()
                ]
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


class _Trip:
    """One field of one record: another value from here to there, then the old one from there to here."""

    def __init__(self, hub: Hub, rc: ResourceContext, bound: BoundLink, pair: Mapping) -> None:
        self.hub, self.rc, self.bound, self.pair = hub, rc, bound, pair
        self.key, self.name = bound.link.key, bound.link.local
        self.spec = record_spec(rc.record_type).values[self.name]
        self.before = self.value

    @property
    def value(self) -> JSON:
        return self._of(self.hub.record(self.pair))

    def _of(self, record: Any) -> JSON:
        return self.spec.from_column(getattr(record, self.spec.attname))

    def problems(self) -> Iterator[str]:
        wanted = next(self._others(), None)
        if wanted is None:
            yield f"the stand-in offers no other value than {self.before!r}"
            return
        self.hub.edit(self.pair, {self.name: wanted})
        self.pair.refresh_from_db()
        refused = self.rc.resource.create_only | self.hub.stand.fixture.refused.get(self.rc.name, frozenset())
        if refused & set(self.bound.link.external):
            yield from self._refused()
        elif self.pair.state != MappingState.SYNCED:
            yield f"{self.before!r} → {wanted!r}: {self._said()}"
            self._take_theirs()
            self.hub.edit(self.pair, {self.name: self.before})
        else:
            yield from self._arrived(wanted)
            yield from self._came_back(wanted)

    def _refused(self) -> Iterator[str]:
        """What cannot be changed there goes to a reviewer, who takes the other side's."""
        conflict = self._conflicts().filter(kind=ConflictKind.REFUSED).first()
        if conflict is None or self._there() != self.before:
            yield f"was to be refused: {self._said()}, there it is {self._there()!r}"
        self._take_theirs()
        self.pair.refresh_from_db()
        if self.value != self.before or self.pair.state != MappingState.SYNCED:
            yield f"the reviewer took {self.before!r}, here it is {self.value!r}: {self._said()}"

    def _take_theirs(self) -> None:
        for conflict in self._conflicts():
            conflict_decide(
                conflict_id=conflict.id,
                tenant=conflict.tenant,
                user=self.hub.person,
                choices={entry["key"]: {"choice": "external"} for entry in conflict.fields},
                seen_version=conflict.version,
                seen_local_revision=conflict.local_revision,
                seen_external_version=conflict.external_version,
                now=timezone.now(),
            )
        work_off(self.hub.integration.tenant)

    def _conflicts(self) -> QuerySet[ConflictResolution]:
        return ConflictResolution.objects.filter(mapping=self.pair, closed_at=None)

    def _said(self) -> Any:
        rows = [(row.kind, row.reason, row.fields) for row in self._conflicts()]
        return rows or (self.pair.state, self.pair.state_reason)

    def _arrived(self, wanted: JSON) -> Iterator[str]:
        if self.value != wanted:
            yield f"asked for {wanted!r}, is {self.value!r}"
        if (there := self._there()) != wanted:
            yield f"asked for {wanted!r}, there it is {there!r}"

    def _came_back(self, wanted: JSON) -> Iterator[str]:
        """A person there sets what it was; where that cannot be (a subtask stays one), something else."""
        for value in (self.before, *self._others()):
            if value == wanted:
                continue
            try:
                self._set_there(value)
            except RecordProblem:
                continue
            mark_dirty(mapping_ids=[self.pair.id], reason="changed there", now=timezone.now())
            work_off(self.hub.integration.tenant)
            if self.value != value:
                yield f"set there to {value!r}, here it is {self.value!r}"
            return
        yield "cannot be changed there any more"

    def _there(self) -> JSON | Unmapped:
        snapshot = self.rc.field_map.read_external(read_there(self.hub, self.pair).data)
        wanted = set(self.rc.field_map.references_in(snapshot))
        refs = References().load(self.hub.integration, inward=wanted, outward=set())
        return self.rc.field_map.inward(self.key, snapshot[self.key], refs)

    def _set_there(self, value: JSON) -> None:
        """Through the client alone, in the vendor's terms."""
        outward = set(self.rc.field_map.references_out({self.key: value}))
        refs = References().load(self.hub.integration, inward=set(), outward=outward)
        turned = self.rc.field_map.outward(self.key, value, refs)
        assert not isinstance(turned, Unmapped), (self.key, turned)
        self.hub.stand.client.update(
            self.rc.name,
            str(self.pair.external_id),
            self.rc.field_map.external_writes({self.key: turned}),
            current=read_there(self.hub, self.pair),
            parent_id=self.pair.external_parent_id or None,
        )

    def _others(self) -> Iterator[JSON]:
        """Other values that the vendor may take for this field, the likeliest first."""
        found = (
            self._made_up(),
            *self._of_other_records(),
            *self._choices(),
            *self._linked(),
            self._any(),
        )
        yield from (value for value in found if not is_blank(value) and value != self.before)

    def _made_up(self) -> JSON:
        before, away = (
            self.before,
            timedelta(days=-7 if self.name in STARTS else 7),
        )  # the same day of the week: some skip weekends
        match self.bound.link.local_kind:
            case Kind.BOOLEAN:
                return not before
            case Kind.DATE:
                return (date.fromisoformat(str(before or "2026-03-10")) + away).isoformat()
            case Kind.INSTANT:
                return kinds.instant_text(
                    datetime.fromisoformat(str(before or "2026-03-10T09:00:00Z")) + away
                )
            case Kind.NUMBER | Kind.INTEGER:
                return kinds.canonical(self.bound.link.local_kind, Decimal(str(before or 0)) + 3600)
            case Kind.RICH_TEXT:
                return f"{before or 'Something'} and more"
            case Kind.TEXT if self.name in NAMES:
                return f"{before or 'Something'} and more"
            case Kind.TEXT if self.name == "email":
                return "somebody.else@example.com"  # often unique
        return None

    def _of_other_records(self) -> Iterator[JSON]:
        pairs = Mapping.objects.filter(integration=self.hub.integration, resource=self.rc.name)
        for pair in pairs.filter(record_id__isnull=False).exclude(pk=self.pair.pk):
            yield self._of(self.hub.record(pair))

    def _choices(self) -> Iterator[JSON]:
        names = (
            {*self.spec.choices, *(self.bound.options.get("back") or ())}
            if self.bound.transform.name == "enum"
            else ()
        )
        for name in sorted(names):
            if not isinstance(self.bound.outward(name, References()), Unmapped):
                yield name

    def _linked(self) -> Iterator[JSON]:
        """Records of the kind that it refers to."""
        if not self.spec.target or self.spec.target == "user":
            return
        linked = Mapping.objects.filter(integration=self.hub.integration, record_type=self.spec.target)
        linked = linked.filter(record_id__isnull=False, external_id__isnull=False).exclude(pk=self.pair.pk)
        for record_id in linked.values_list("record_id", flat=True):
            yield [str(record_id)] if self.spec.kind is Kind.SET else str(record_id)

    def _any(self) -> JSON:
        if self.spec.kind is Kind.SET and not self.spec.target:
            return sorted({*(self.before or ()), "another"})  # type: ignore[misc]
        is_free = self.spec.kind is Kind.TEXT and self.bound.transform.name != "enum"
        return LIKE.get(self.name, "another") if is_free else None
