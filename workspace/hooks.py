"""What higher rooms hang onto a change of stage (settled question 7); filled from ``AppConfig.ready()``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .models import Change, Record

if TYPE_CHECKING:
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
