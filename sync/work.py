"""One pair being worked on: the leased mapping, its context and client, and the bookkeeping of this run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connectors.base.types import Client, ExternalRecord
from integrations.models import Integration, Mapping, SyncJob
from sync.context import IntegrationContext, ResourceContext
from workspace.models import OriginKind
from workspace.services import Origin


class Outcome(StrEnum):
    """How a pair ended: every one that was looked at ends in exactly one (I14)."""

    APPLIED = "applied"
    NOOP = "noop"
    CONFLICT = "conflict"
    HELD = "held"
    FILTERED = "filtered"
    FAILED = "failed"
    WAITING = "waiting"  # will be tried again by itself
    BUSY = "busy"  # another worker has it


class Again(Exception):
    """Something moved while we worked: read both sides again and plan anew."""


class NotYet(Exception):
    """What this pair needs is not there yet; ``str()`` says what. Tried again after ``seconds``."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass
class Work:
    mapping: Mapping
    context: IntegrationContext
    rc: ResourceContext
    client: Client
    job: SyncJob | None = None
    correlation_id: str = ""
    retry_count: int = 0
    #: what this run did, for its log row
    field_changes: dict[str, Any] = field(default_factory=dict)

    @property
    def integration(self) -> Integration:
        return self.context.integration

    @property
    def parent_id(self) -> str | None:
        return self.mapping.external_parent_id or None

    def origin(self, kind: OriginKind = OriginKind.SYNC) -> Origin:
        """Marks what we write as coming from this integration, so that it isn't sent back there."""
        return Origin(
            kind=kind,
            integration_id=self.integration.id,
            job_id=self.job.id if self.job else None,
            correlation_id=self.correlation_id,
        )

    def external_facts(self, record: ExternalRecord) -> dict[str, Any]:
        """Columns of the mapping that follow the external record as last seen."""
        return {
            "external_version": (record.version or "")[:300],
            "external_updated_at": record.updated_at or self.mapping.external_updated_at,
            "external_url": record.link[:1000] or self.mapping.external_url,
            "container": record.container[:300],
            "external_parent_id": (record.parent_id or self.mapping.external_parent_id)[:300],
        }
