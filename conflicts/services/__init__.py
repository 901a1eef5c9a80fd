"""One function per mutation of the review desk; the engine, pages and the API call only these."""

from __future__ import annotations

from .choices import Choice, MatchChoice, RecordChoice
from .decisions import (
    BulkOutcome,
    conflict_decide,
    conflict_ignore,
    conflict_reopen,
    conflicts_bulk_seen,
    conflicts_decide_bulk,
    get_conflict,
)
from .errors import ConflictProblem, InvalidDecision, LeaseHeld, StaleConflict
from .journal import (
    MATCH_GROUP,
    RECORD_GROUP,
    as_decided,
    conflict_applied,
    conflict_auto_resolve,
    conflict_carry_on,
    conflict_open,
    conflict_withdraw,
    conflicts_journal,
    decided_among,
    journal_row,
    open_values,
    unsettled_of,
    waiting_values,
)
from .leases import lease_release, lease_take, lease_take_over
from .preview import PlannedWrite, Preview, conflict_preview
from .reverts import Reverted, conflict_revert
from .rules import rule_create, rule_delete, rule_simulate, rule_update, rules_for

__all__ = [
    "MATCH_GROUP",
    "RECORD_GROUP",
    "BulkOutcome",
    "Choice",
    "ConflictProblem",
    "InvalidDecision",
    "LeaseHeld",
    "MatchChoice",
    "PlannedWrite",
    "Preview",
    "RecordChoice",
    "Reverted",
    "StaleConflict",
    "as_decided",
    "conflict_applied",
    "conflict_auto_resolve",
    "conflict_carry_on",
    "conflict_decide",
    "conflict_ignore",
    "conflict_open",
    "conflict_preview",
    "conflict_reopen",
    "conflict_revert",
    "conflict_withdraw",
    "conflicts_bulk_seen",
    "conflicts_decide_bulk",
    "conflicts_journal",
    "decided_among",
    "get_conflict",
    "journal_row",
    "lease_release",
    "lease_take",
    "lease_take_over",
    "open_values",
    "rule_create",
    "rule_delete",
    "rule_simulate",
    "rule_update",
    "rules_for",
    "unsettled_of",
    "waiting_values",
]
