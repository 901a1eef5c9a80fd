"""The only way to write records: every write makes its ``Change`` in the same transaction."""

from __future__ import annotations

from .reading import record_history, record_values, records_read
from .single import (
    record_create,
    record_delete,
    record_restore,
    record_revert_field,
    record_update,
    task_complete,
    task_reopen,
)
from .types import (
    InvalidRecord,
    Origin,
    RecordMissing,
    RecordState,
    RecordWrite,
    StaleRevision,
    WriteResult,
    WriteStatus,
)
from .writing import records_write

__all__ = [
    "InvalidRecord",
    "Origin",
    "RecordMissing",
    "RecordState",
    "RecordWrite",
    "StaleRevision",
    "WriteResult",
    "WriteStatus",
    "record_create",
    "record_delete",
    "record_history",
    "record_restore",
    "record_revert_field",
    "record_update",
    "record_values",
    "records_read",
    "records_write",
    "task_complete",
    "task_reopen",
]
