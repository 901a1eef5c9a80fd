"""The bases of a record that a create of ours made there: what was sent, what was not, and what a person found. No query."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from reconcile.kinds import ValueProblem, is_blank
from reconcile.model import Provenance
from sync.context import References
from sync.pairs import Pair
from sync.readback import is_explained
from workspace.kinds import record_spec

#: of a ``WriteIntent``: ``{"local": {key: canonical}, "external": {key: vendor value}}``, as they were sent
Sent = Mapping[str, Mapping[str, Any]]


def agree_created(pair: Pair, sent: Sent, stored: Mapping[str, Any]) -> None:
    """Bases of a record we created: what we sent, as the vendor stored it. Edits made there since stay news."""
    pair.start_bases()
    for key, value in sent["external"].items():
        if key not in pair.rc.field_map.bound:  # the map was edited since
            continue
        kept = stored.get(key, value)
        if not _is_as_sent(pair, key, value, kept):
            kept = value
        pair.agree_on(key, sent["local"].get(key), {key: kept}, Provenance.WRITTEN)
    _agree_unsent(pair, sent["external"].keys(), stored)


def agree_found(pair: Pair, sent: Sent) -> None:
    """Bases of a record that a person linked after a create of ours: where it still holds what was sent, that is no news from
    there, and what was edited here since is.
    """
    stored = pair.external_snapshot
    bound = pair.rc.field_map.bound
    external = {key: value for key, value in sent["external"].items() if key in stored and key in bound}
    kept = [key for key, value in external.items() if _is_as_sent(pair, key, value, stored[key])]
    if kept:
        pair.start_bases()
    for key in kept:
        pair.agree_on(key, sent["local"].get(key), stored, Provenance.WRITTEN)


def _agree_unsent(pair: Pair, sent: Collection[str], stored: Mapping[str, Any]) -> None:
    """Where nobody here said anything there was nothing before: whatever stands there is news (a default of the vendor's, an
    edit made meanwhile). What only the vendor says and somebody here said both keep.
    """
    spec = record_spec(pair.rc.record_type).values
    for key, bound in pair.rc.field_map.bound.items():
        if key in sent or bound.is_write_only:
            continue
        ours = pair.local_snapshot.get(key)
        is_said = not is_blank(ours) and ours != spec[bound.link.local].default
        if not is_said or key in pair.rc.policy.derived:
            is_same = key in stored and _says_the_same(ours, _means(pair, key, stored[key]))
            before = stored[key] if is_same else bound.normalise(None)
            pair.agree_on(key, ours, {key: before}, Provenance.WRITTEN)
        elif not bound.link.is_out and key in stored:
            pair.agree_on(key, ours, {key: stored[key]}, Provenance.ACCEPTED)


def _says_the_same(ours: Any, theirs: Any) -> bool:
    return bool(ours == theirs) or (is_blank(ours) and is_blank(theirs))


def _is_as_sent(pair: Pair, key: str, sent: Any, stored: Any) -> bool:
    """True if it is our value, in the vendor's form."""
    return bool(stored == sent) or is_explained(_means(pair, key, sent), _means(pair, key, stored))


def _means(pair: Pair, key: str, stored: Any) -> Any:
    """The vendor's value in our terms; itself where it has none."""
    try:
        return pair.rc.field_map.inward(key, stored, References())
    except ValueProblem:
        return stored
