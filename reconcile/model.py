"""The words of the core: snapshots, links, policies and plans.

A *snapshot* maps a link's key to a JSON value. A missing key means "this side did not say" (absent);
``None`` means the side says "empty". The local snapshot holds canonical values (see ``kinds``); the
external snapshot holds the vendor's own terms, so that a lossy map can never look like a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

JSON = Any
Snapshot = Mapping[str, JSON]


class Direction(StrEnum):
    """Which way a link or an integration carries values."""

    BOTH = "both"
    IN = "in"
    OUT = "out"


class Strategy(StrEnum):
    """What decides when both sides changed the same field (F1)."""

    LATEST_WINS = "latest_wins"
    EXTERNAL_WINS = "external_wins"
    LOCAL_WINS = "local_wins"
    MANUAL_REVIEW = "manual_review"
    CUSTOM_MERGE = "custom_merge"


class FieldRule(StrEnum):
    """Per-field merge rules; used by ``custom_merge`` and by remembered choices."""

    PREFER_EXTERNAL = "prefer_external"
    PREFER_LOCAL = "prefer_local"
    CONCATENATE = "concatenate"
    MAX = "max"
    MIN = "min"
    NEWEST = "newest"
    UNION = "union"
    REVIEW = "review"


class Provenance(StrEnum):
    """Why a pair of bases counts as agreed."""

    EQUAL = "equal"
    WRITTEN = "written"  # we wrote it and read back what the side really stored
    ACCEPTED = "accepted"  # a person or rule accepted that the sides differ


class HeldReason(StrEnum):
    """Why a field neither flows nor conflicts."""

    UNMAPPED = "unmapped"  # no counterpart yet: never written as blank (I15)
    UNREADABLE = "unreadable"  # the value does not fit the field; a fault in the map or data
    READ_ONLY = "read_only"  # the other side cannot be written for this field
    REFUSED = "refused"  # the vendor refused this very value before
    OSCILLATING = "oscillating"  # quarantined by the loop breaker
    OPEN_CONFLICT = "open_conflict"  # waits for a reviewer, values unchanged since
    DIRECTION = "direction"  # changed on a side that is not allowed to send


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A value without a counterpart on the other side. Never the same as empty."""

    raw: JSON
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A field's merge rule. ``separator`` serves ``concatenate``."""

    rule: FieldRule
    separator: str = " | "
    source: str = "integration"  # or "merge_rule:<id>": shown to the person who asks why


@dataclass(frozen=True, slots=True)
class Policy:
    """How this pair is to be merged; made once per integration and resource type."""

    direction: Direction = Direction.BOTH
    strategy: Strategy = Strategy.LATEST_WINS
    fallback: Strategy = Strategy.MANUAL_REVIEW  # what custom_merge does where no rule covers
    rules: Mapping[str, Rule] = field(default_factory=dict)  # by link key
    clock_uncertainty_seconds: float = 2.0
    fill_blanks: bool = True  # first contact only: an empty side takes the other's value
    writable_external: frozenset[str] | None = None  # link keys; None = all
    #: link keys whose value here follows another field; where the vendor alone may say it, what it says stands
    derived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bases:
    """What each side held at the last agreement, each in its own terms, by link key."""

    local: Snapshot
    external: Snapshot
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clocks:
    """When each side last changed, in hub time (external already corrected by the vendor's Date header).

    ``local_fields`` has the time of each link that was edited here; ``local`` counts where it has none.
    """

    local: datetime | None = None
    external: datetime | None = None
    local_fields: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """A reviewer's choice for one link, with what they were shown.

    ``value`` is canonical. ``keep_external`` means the vendor's value stays as it is in its own terms.
    ``push`` False accepts that the sides differ from now on.
    """

    value: JSON
    seen_local: JSON
    seen_external: JSON
    keep_external: bool = False
    push: bool = True


class MapContext(Protocol):
    """Finds counterparts of references; pre-filled per page, so a look-up is never a query."""

    def local_id(self, resource: str, external_id: str) -> str | None: ...
    def external_id(self, resource: str, local_id: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One link on which the sides disagree. Values local and base are canonical, ``external`` too."""

    key: str
    base: JSON
    local: JSON
    external: JSON
    base_external_raw: JSON = None
    external_raw: JSON = None


@dataclass(frozen=True, slots=True)
class ConflictGroup:
    """Fields that are decided together; the group's name is its first key unless the map names it."""

    name: str
    fields: tuple[FieldConflict, ...]
    reason: str  # a sentence for a person: "both sides changed due_on"


@dataclass(frozen=True, slots=True)
class AutoDecision:
    """A strategy or rule decided: journalled, so that the loser stays readable (F3)."""

    conflict: FieldConflict
    winner: str  # "local", "external" or "merged"
    value: JSON  # canonical
    because: str


@dataclass(frozen=True, slots=True)
class Held:
    reason: HeldReason
    detail: str
    raw: JSON = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What reconciling one pair will do. The same value is previewed, applied, logged and undone.

    ``to_local`` holds canonical values, ``to_external`` vendor terms. ``agreed`` are links whose bases move
    without a write because both sides changed alike (or match at first contact). ``drift`` are links
    that differ though neither side changed: reported, never written.
    """

    to_local: Mapping[str, JSON] = field(default_factory=dict)
    to_external: Mapping[str, JSON] = field(default_factory=dict)
    agreed: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()  # decided to differ: bases move, provenance "accepted"
    conflicts: tuple[ConflictGroup, ...] = ()
    decisions: tuple[AutoDecision, ...] = ()
    settled: tuple[str, ...] = ()  # links whose reviewer's decision this plan carries out
    stale_decisions: tuple[str, ...] = ()  # a side changed after the reviewer looked: ask again
    held: Mapping[str, Held] = field(default_factory=dict)
    drift: tuple[str, ...] = ()

    @property
    def is_noop(self) -> bool:
        """True if nothing at all would be written: no side, no base, no conflict."""
        return not (
            self.to_local
            or self.to_external
            or self.agreed
            or self.accepted
            or self.conflicts
            or self.decisions
            or self.settled
            or self.stale_decisions
        )


NOTHING = Plan()


class SideState(StrEnum):
    """What is known of a whole record on one side (ENGINE.md 2.8, step 6)."""

    SAME = "same"
    CHANGED = "changed"
    DELETED = "deleted"  # with positive evidence
    VANISHED = "vanished"  # not seen, nothing proven
    UNREACHABLE = "unreachable"
    OUT_OF_SCOPE = "out_of_scope"
    MISSING = "missing"  # never existed on this side


class DeletePolicy(StrEnum):
    ARCHIVE = "archive"
    DELETE = "delete"
    IGNORE = "ignore"
    ASK = "ask"


class RecordAction(StrEnum):
    """What to do with a pair as a whole."""

    MERGE = "merge"  # go on field by field
    CREATE_LOCAL = "create_local"
    CREATE_EXTERNAL = "create_external"
    DELETE_LOCAL = "delete_local"
    DELETE_EXTERNAL = "delete_external"
    ARCHIVE_EXTERNAL = "archive_external"
    CLOSE = "close"  # both gone: keep the tombstone
    UNLINK = "unlink"
    REVIEW = "review"  # delete against edit, or the policy asks
    CONFIRM = "confirm"  # nominate; look up by id before anything else
    HOLD = "hold"
    OUT_OF_SCOPE = "out_of_scope"
    NOTHING = "nothing"
