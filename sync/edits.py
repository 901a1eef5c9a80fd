"""Who edited the disputed fields here, and when: what "the latest wins" compares and a reviewer is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from sync.context import ResourceContext
from sync.pairs import Pair
from workspace.services import fields_edited


def edits_load(rc: ResourceContext, pairs: Iterable[Pair]) -> None:
    """Fill in ``edits`` of the pairs with a dispute: one query for all of them, none if there is no dispute."""
    wanted = [(pair, pair.disputed_here()) for pair in pairs]
    _fill(rc, [(pair, keys) for pair, keys in wanted if keys])


def edits_load_of(rc: ResourceContext, pair: Pair, key: str) -> None:
    """As ``edits_load``, for a field that is in question though only this side changed it."""
    if key not in pair.edits:
        _fill(rc, [(pair, {key})])


def _fill(rc: ResourceContext, wanted: list[tuple[Pair, Collection[str]]]) -> None:
    local_of = {key: link.local for key, link in rc.field_map.links.items()}
    here = {pair.local.id: (pair, keys) for pair, keys in wanted if pair.local is not None}
    fields: dict[UUID, set[str]] = {
        record_id: {local_of[key] for key in keys} for record_id, (_, keys) in here.items()
    }
    found = fields_edited(tenant_id=rc.integration.tenant_id, fields=fields, besides=rc.integration.id)
    for record_id, edits in found.items():
        pair, keys = here[record_id]
        known = {key: edits[local_of[key]] for key in keys if local_of[key] in edits}
        pair.edits = {**pair.edits, **known}
