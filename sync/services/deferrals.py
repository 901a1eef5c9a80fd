"""References whose counterpart was not there yet: filled in when it comes, whichever way it came (E8)."""

from __future__ import annotations

from integrations.models import Integration, Mapping, MappingState
from integrations.services.marks import mark_dirty
from reconcile.model import HeldReason, Plan
from sync.context import References
from sync.pairs import Pair
from sync.runtime import runtime

OUTWARD = "out"


def deferred(pair: Pair, plan: Plan) -> list[list[str]]:
    """What the pair waits for: ``[resource, external id]``, or ``[resource, local id, "out"]`` on the way out."""
    refs = pair.refs
    if not any(held.reason is HeldReason.UNMAPPED for held in plan.held.values()):
        return []
    inward = [[name, ref] for name, ref in pair.references_in() if refs.local_id(name, ref) is None]
    outward = [
        [name, ref, OUTWARD] for name, ref in pair.references_out() if refs.external_id(name, ref) is None
    ]
    return sorted(inward) + sorted(outward)


def references_resolve(integration: Integration) -> int:
    """Pairs that waited for a counterpart which is here by now are looked at again. How many."""
    waiting = Mapping.objects.filter(
        integration=integration, state__in=[MappingState.HELD, MappingState.CONFLICT]
    ).exclude(deferred=[])
    rows = list(waiting.values_list("id", "deferred")[:5000])
    if not rows:
        return 0
    wanted = {tuple(entry) for _, entries in rows for entry in entries}
    refs = References().load(
        integration,
        inward={(entry[0], entry[1]) for entry in wanted if len(entry) == 2},
        outward={(entry[0], entry[1]) for entry in wanted if len(entry) == 3},
    )
    ready = [
        mapping_id for mapping_id, entries in rows if any(_is_there(refs, *entry[:3]) for entry in entries)
    ]
    if ready:
        mark_dirty(
            mapping_ids=ready, reason="reference arrived", priority=5, now=runtime().now(), lifts_holds=True
        )
    return len(ready)


def _is_there(refs: References, resource: str, ref: str, way: str = "") -> bool:
    found = refs.external_id(resource, ref) if way == OUTWARD else refs.local_id(resource, ref)
    return found is not None
