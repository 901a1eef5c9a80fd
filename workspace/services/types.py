"""What the services take, give and raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from workspace.models import OriginKind, Record

if TYPE_CHECKING:
    from django.contrib.auth.models import User

#: key of errors that concern the record as a whole
WHOLE_RECORD = "__all__"


@dataclass(frozen=True)
class Origin:
    """Who or what writes, for the history. ``integration_id`` keeps a change from being sent back there."""

    kind: OriginKind
    user: User | None = None
    integration_id: UUID | None = None
    job_id: UUID | None = None
    correlation_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RecordState:
    """A record as read: ``values`` are canonical, by field name, complete."""

    id: UUID
    values: dict[str, Any]
    revision: int
    updated_at: datetime
    deleted_at: datetime | None
    external_sync_enabled: bool
    external_metadata: dict[str, Any]
    unsynced: dict[str, Any] = field(default_factory=dict)  # values that no map may name (a member's account)


@dataclass(frozen=True, slots=True)
class RecordWrite:
    """One record to write. ``state`` None creates it; else only what differs from the state is written.

    ``external_metadata`` replaces what is stored; None leaves it.
    """

    record_id: UUID | None
    values: Mapping[str, Any]
    state: RecordState | None = None
    external_metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """When a field was last changed, and by whom: a person's name, or the integration's that brought it."""

    at: datetime
    by: str


class WriteStatus(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"  # the record's revision has moved since the state was read: nothing written
    INVALID = "invalid"  # see errors: nothing written


@dataclass(frozen=True, slots=True)
class WriteResult:
    """``values`` are the canonical values of the fields that were written, as they are stored now.

    They can differ from what was asked: an empty choice becomes the field's default, and a task's
    ``completed_at`` follows its stage.
    """

    record_id: UUID
    revision: int
    status: WriteStatus
    errors: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


class RecordMissing(LookupError):
    """No such record in this tenant."""


class InvalidRecord(Exception):
    """Values that cannot be stored; ``errors`` has sentences for a person by field."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = {name: list(sentences) for name, sentences in errors.items()}
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in self.errors.items()))


class StaleRevision(Exception):
    """The record is no longer at the revision that the caller saw; ``record`` is how it is now."""

    def __init__(self, record: Record, changed_by: str, changed_at: datetime) -> None:
        self.record = record
        self.changed_by = changed_by
        self.changed_at = changed_at
        super().__init__(f"changed by {changed_by} at {changed_at:%Y-%m-%d %H:%M:%S} UTC")
