"""One mapped field of one record on both sides: its values, and other values that the vendor may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from integrations.models import Mapping
from reconcile import kinds
from reconcile.fieldmap import BoundLink
from reconcile.kinds import Kind, is_blank
from reconcile.model import JSON, Unmapped
from sync.context import References, ResourceContext
from tests.contract.hub import Hub, read_there
from workspace.kinds import FieldSpec, record_spec

NAMES = ("title", "name", "customer_name")
STARTS = ("start_on", "started_at", "starts_at")
#: what a text of this name looks like, where no other record offers one
LIKE = {
    "url": "https://example.com/elsewhere",
    "website": "https://example.com/elsewhere",
    "colour": "#3366cc",
    "currency": "USD",
    "state": "closed",
}


def both_ways(hub: Hub, rc: ResourceContext, pair: Mapping) -> list[Field]:
    """The fields of a pair that each side may write."""
    links = [bound for bound in rc.field_map.bound.values() if bound.link.is_in and bound.link.is_out]
    return [Field(hub, rc, bound, pair) for bound in links]


@dataclass
class Field:
    """A link of a pair that goes both ways."""

    hub: Hub
    rc: ResourceContext
    bound: BoundLink
    pair: Mapping

    @property
    def key(self) -> str:
        return self.bound.link.key

    @property
    def name(self) -> str:
        return self.bound.link.local

    @property
    def spec(self) -> FieldSpec:
        return record_spec(self.rc.record_type).values[self.name]

    @property
    def is_fixed(self) -> bool:
        """True if nobody may change it there: once the record is made, or as the account is set up."""
        refused = self.rc.resource.create_only | self.hub.stand.fixture.refused.get(self.rc.name, frozenset())
        return bool(refused & set(self.bound.link.external))

    @property
    def here(self) -> JSON:
        return self._of(self.hub.record(self.pair))

    def _of(self, record: Any) -> JSON:
        return self.spec.from_column(getattr(record, self.spec.attname))

    @property
    def there(self) -> JSON | Unmapped:
        """In our terms."""
        snapshot = self.rc.field_map.read_external(read_there(self.hub, self.pair).data)
        wanted = set(self.rc.field_map.references_in(snapshot))
        refs = References().load(self.hub.integration, inward=wanted, outward=set())
        return self.rc.field_map.inward(self.key, snapshot[self.key], refs)

    def set_there(self, value: JSON) -> None:
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

    def others(self) -> Iterator[JSON]:
        """Other values that the vendor may take for this field, the likeliest first."""
        before = self.here
        found = (
            self._made_up(before),
            *self._of_other_records(),
            *self._choices(),
            *self._linked(),
            self._any(before),
        )
        yield from (value for value in found if not is_blank(value) and value != before)

    def _made_up(self, before: JSON) -> JSON:
        away = timedelta(days=-7 if self.name in STARTS else 7)  # some skip weekends
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

    def _any(self, before: JSON) -> JSON:
        if self.spec.kind is Kind.SET and not self.spec.target:
            return sorted({*(before or ()), "another"})  # type: ignore[misc]
        is_free = self.spec.kind is Kind.TEXT and self.bound.transform.name != "enum"
        return LIKE.get(self.name, "another") if is_free else None
