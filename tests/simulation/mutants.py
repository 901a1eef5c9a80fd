"""Known-bad variants of the engine (ENGINE.md 4.3): each is a mistake somebody shipped. The simulation must catch all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from integrations.models import Mapping
from reconcile.fieldmap import BoundLink, CompiledMap
from reconcile.model import Bases, SideState, Unmapped
from sync import runtime as runtime_module
from sync.pairs import Pair
from sync.runtime import runtime
from sync.services import creates, deletes, merges, pages, pair_sync, pulls
from sync.work import Outcome, Work
from workspace.models import OriginKind
from workspace.services import Origin, record_delete

Mutant = Callable[[], AbstractContextManager[Any]]


def no_base_here() -> AbstractContextManager[Any]:
    """The local side is compared with itself, so an edit here never counts."""

    def bases(self: Pair) -> Bases | None:
        if self.base_external is None:
            return None
        return Bases(self.local_snapshot, self.base_external or {}, self.provenance)

    return patch.object(Pair, "bases", property(bases))


def one_base_for_both() -> AbstractContextManager[Any]:
    """No memory of what the vendor held: whatever differs there now is taken for an edit."""

    def bases(self: Pair) -> Bases | None:
        if self.base_local is None:
            return None
        changed = {key: {"never": "this"} for key in self.base_external or {}}
        return Bases(self.base_local, changed, self.provenance)

    return patch.object(Pair, "bases", property(bases))


def no_read_back() -> AbstractContextManager[Any]:
    """What was sent is taken for what is stored."""
    return patch.object(merges, "_ours", lambda pair, plan, stored, refs: {**stored, **plan.to_external})


def exclusive_cursor() -> AbstractContextManager[Any]:
    """Reading resumes after the end of the last run, without an overlap."""
    real = pulls.Pull._finish

    def finish(self: pulls.Pull, cursor: Any, sweep: dict[str, Any], is_full: bool) -> None:
        real(self, cursor, sweep, is_full)
        cursor.since = runtime().now() + self.rc.resource.overlap + timedelta(seconds=1)

    return patch.object(pulls.Pull, "_finish", finish)


def list_absence_deletes() -> AbstractContextManager[Any]:
    """What a listing lacks is deleted here, unasked."""

    def nominate(self: pulls.Pull, cursor: Any, started_at: Any) -> None:
        seen = cursor.seen.values("mapping_id")
        gone = Mapping.objects.live().filter(
            integration=self.rc.integration, created_at__lt=started_at, record_id__isnull=False, dirty_at=None
        )
        for mapping in gone.exclude(id__in=seen).exclude(external_id=None):
            record_delete(
                tenant=mapping.tenant,
                record_type=mapping.record_type,
                record_id=mapping.record_id,
                origin=Origin(kind=OriginKind.SYNC, integration_id=mapping.integration_id),
                now=runtime().now(),
            )

    return patch.object(pulls.Pull, "_nominate_unseen", nominate)


def blind_create_retry() -> AbstractContextManager[Any]:
    """A create whose answer was lost is simply sent again."""
    return patch.object(creates, "settle_open_intent", lambda work: None)


def no_tombstone() -> AbstractContextManager[Any]:
    """A pair that ended is forgotten."""
    real = deletes.close

    def close(work: Work, *, unlink: bool = False, reason: str = "") -> Outcome:
        outcome = real(work, unlink=unlink, reason=reason)
        Mapping.objects.filter(id=work.mapping.id).delete()
        return outcome

    return patch.object(deletes, "close", close)


def whole_record_write() -> AbstractContextManager[Any]:
    """Every mapped field is sent, not the ones that were decided."""
    real = CompiledMap.external_writes

    def writes(self: CompiledMap, values: Any) -> dict[str, Any]:
        blank = {"title": "?", "description": "", "priority": "0", "labels": [], "due_on": None}
        return real(self, {**{k: v for k, v in blank.items() if k not in values and k != "title"}, **values})

    return patch.object(CompiledMap, "external_writes", writes)


def unmapped_is_blank() -> AbstractContextManager[Any]:
    """A value without a counterpart is taken for empty."""
    real = BoundLink.inward

    def inward(self: BoundLink, value: Any, ctx: Any) -> Any:
        result = real(self, value, ctx)
        return "none" if isinstance(result, Unmapped) else result

    return patch.object(BoundLink, "inward", inward)


def any_404_is_a_delete() -> AbstractContextManager[Any]:
    """ "Not found" is believed without asking why."""
    return patch.object(pair_sync, "_absent", lambda work, gone: (None, SideState.DELETED))


def stale_answers_are_believed() -> AbstractContextManager[Any]:
    """A list row read before our own write is applied after it."""
    return patch.object(pages, "_wants_a_look", lambda run, record, mapping: mapping["record_id"] is None)


def wrong_credential() -> AbstractContextManager[Any]:
    """Every integration speaks with the first one's credentials."""
    real = runtime_module.Runtime.__init__

    def init(self: Any, **kwargs: Any) -> None:
        if "open_client" in kwargs:
            opened: list[Any] = []
            inner = kwargs["open_client"]

            def open_client(integration: Any, priority: int) -> Any:
                if not opened:
                    opened.append(integration)
                return inner(opened[0], priority)

            kwargs["open_client"] = open_client
        real(self, **kwargs)

    return patch.object(runtime_module.Runtime, "__init__", init)


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        no_base_here,
        one_base_for_both,
        no_read_back,
        exclusive_cursor,
        list_absence_deletes,
        blind_create_retry,
        no_tombstone,
        whole_record_write,
        unmapped_is_blank,
        any_404_is_a_delete,
        stale_answers_are_believed,
        wrong_credential,
    )
}
