"""What a service refuses, in words for the person who asked. Nothing was changed when one of these is raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.models import Integration, SyncJob


class Refused(Exception):
    """Base of all refusals. ``code`` is a stable machine word, ``message`` is safe to show."""

    code = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidSettings(Refused):
    """Values that cannot be saved: ``errors`` is ``{field: [what is wrong and what to do]}``."""

    code = "invalid"

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {name: list(messages) for name, messages in errors.items()}
        super().__init__("; ".join(f"{name}: {' '.join(said)}" for name, said in self.errors.items()))


class StaleSettings(Refused):
    """Someone saved these settings meanwhile; ``current`` is what they are now."""

    code = "stale"

    def __init__(self, current: Integration) -> None:
        super().__init__(
            f"These settings were changed at {current.updated_at:%Y-%m-%d %H:%M:%S} UTC, after you opened them. "
            "Look at the current values and save again."
        )
        self.current = current


class JobAlreadyOpen(Refused):
    """A bulk run of this integration waits or runs already; ``job`` is that one."""

    code = "job_already_open"

    def __init__(self, job: SyncJob) -> None:
        super().__init__(
            f"“{job.get_kind_display()}” is {job.get_status_display().lower()} for this integration already. "
            "Wait for it or cancel it."
        )
        self.job = job


class NotNow(Refused):
    """The state of things does not allow it; the message says what would."""

    code = "not_now"


class CheckFailed(Refused):
    """The connection test did not pass; ``last_check`` has each line of it."""

    code = "connection_failed"

    def __init__(self, last_check: Mapping[str, Any]) -> None:
        failed = [line for line in last_check.get("checks", []) if not line["ok"]]
        said = "; ".join(f"{line['detail']} {line['fix']}".strip() for line in failed)
        super().__init__(f"The connection test failed. {said}".strip())
        self.last_check = dict(last_check)
