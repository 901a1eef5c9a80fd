"""The only way to write records: every write makes its ``Change`` in the same transaction."""

from __future__ import annotations

from .reading import (
    fields_edited,
    record_edited,
    record_history,
    record_values,
    records_read,
    stages_before_done,
)
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
    FieldEdit,
    InvalidRecord,
    Origin,
    RecordMissing,
    RecordState,
    RecordWrite,
    StaleRevision,
    WriteResult,
    WriteStatus,
)
from .writing import records_synced, records_write

__all__ = [
    "FieldEdit",
    "InvalidRecord",
    "Origin",
    "RecordMissing",
    "RecordState",
    "RecordWrite",
    "StaleRevision",
    "WriteResult",
    "WriteStatus",
    "fields_edited",
    "record_create",
    "record_delete",
    "record_edited",
    "record_history",
    "record_restore",
    "record_revert_field",
    "record_update",
    "record_values",
    "records_read",
    "records_synced",
    "records_write",
    "stages_before_done",
    "task_complete",
    "task_reopen",
]
