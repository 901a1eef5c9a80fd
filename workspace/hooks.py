"""What higher rooms hang onto a change of stage or of a tenant (settled question 7); filled from ``AppConfig.ready()``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from .models import Change, Record, Tenant

if TYPE_CHECKING:
    from .kinds import RecordSpec
    from .services.drafts import Draft
    from .services.types import Origin


class StageChangeHook(Protocol):
    """Runs inside the transaction that writes the record; what it raises undoes the write.

    ``record`` and ``change`` are as written; they are values to read, not to save. ``old_stage`` is None if
    the record was just created.
    """

    def __call__(
        self, record: Record, old_stage: str | None, new_stage: str, origin: Origin, change: Change
    ) -> None: ...


stage_change_hooks: list[StageChangeHook] = []


def register_stage_change_hook(hook: StageChangeHook) -> StageChangeHook:
    """Add a hook once, however often it is registered; usable as a decorator."""
    if hook not in stage_change_hooks:
        stage_change_hooks.append(hook)
    return hook


@dataclass(frozen=True, slots=True)
class Placement:
    """A record whose stage or rank was written. "" is nowhere: just created, deleted, or restored from there."""

    record_id: UUID
    revision: int
    old_stage: str
    new_stage: str
    old_rank: str
    new_rank: str


#: called once with all placements of a batch, after its rows are written and within the same transaction
Placed = Callable[[Sequence[Placement]], None]


class StageHook(Protocol):
    """The same in sets: called before a batch is written, with the drafts whose stage or rank changes.

    It may put a rank into a draft's ``changed``. What it returns is called with what was written; None if the
    batch does not concern it.
    """

    def __call__(
        self, tenant: Tenant, spec: RecordSpec, drafts: Sequence[Draft], origin: Origin, now: datetime
    ) -> Placed | None: ...


stage_hooks: list[StageHook] = []


def register_stage_hook(hook: StageHook) -> StageHook:
    """Add a hook in sets once, however often it is registered."""
    if hook not in stage_hooks:
        stage_hooks.append(hook)
    return hook


#: called within the transaction that gives a tenant another time zone
ZoneHook = Callable[[Tenant], None]

zone_hooks: list[ZoneHook] = []


def register_zone_hook(hook: ZoneHook) -> ZoneHook:
    """Add a hook once, however often it is registered."""
    if hook not in zone_hooks:
        zone_hooks.append(hook)
    return hook
