"""One tenant, one integration, one vendor in memory, one clock: what a person or a worker does, in a line each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from conflicts.models import ConflictResolution, ConflictStatus
from conflicts.services import conflict_decide
from integrations.models import (
    Integration,
    JobKind,
    Mapping,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.services.deliveries import dedupe_key, delivery_store
from sync.services import deliveries, drains, jobs, outbox
from tests.integration.sync.vendor import Row, Vendor
from workspace.models import RECORD_TYPES, Change, OriginKind, Record, Tenant
from workspace.services import Origin, record_create, record_delete, record_restore, record_update

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


class Killed(BaseException):
    """The worker's process died at a named point."""


@dataclass
class Clock:
    """Stands still until a test moves it; a worker that asks for ever is caught."""

    at: datetime = START
    asked: int = 0

    def now(self) -> datetime:
        self.asked += 1
        assert self.asked < 100_000, "a worker goes round and round"
        return self.at

    def wait(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Hub:
    tenant: Tenant
    integration: Integration
    vendor: Vendor
    clock: Clock
    person: User
    kill_at: str = ""
    vendors: dict[UUID, Vendor] = field(default_factory=dict)

    # -- a person, here -------------------------------------------------------------------------------------

    @property
    def by_person(self) -> Origin:
        return Origin(kind=OriginKind.USER, user=self.person)

    def create(self, record_type: str = "task", /, **values: Any) -> Record:
        return record_create(
            tenant=self.tenant,
            record_type=record_type,
            values=values,
            origin=self.by_person,
            now=self.clock.at,
        )

    def edit(self, record: Record, **values: Any) -> Record:
        return record_update(
            tenant=self.tenant,
            record_type=record.record_type,
            record_id=record.pk,
            values=values,
            origin=self.by_person,
            now=self.clock.at,
        )

    def delete(self, record: Record) -> Record:
        return record_delete(
            tenant=self.tenant,
            record_type=record.record_type,
            record_id=record.pk,
            origin=self.by_person,
            now=self.clock.at,
        )

    def restore(self, record: Record) -> Record:
        return record_restore(
            tenant=self.tenant,
            record_type=record.record_type,
            record_id=record.pk,
            origin=self.by_person,
            now=self.clock.at,
        )

    def configure(self, **columns: Any) -> None:
        """Settings of the integration, as if saved by a person."""
        Integration.objects.filter(id=self.integration.id).update(**columns)
        self.integration.refresh_from_db()

    # -- workers --------------------------------------------------------------------------------------------

    def job(self, kind: str = JobKind.MANUAL, *, full: bool = False, **columns: Any) -> SyncJob:
        options = {"full": True} if full else {}
        return SyncJob.objects.create(
            **{
                "tenant": self.tenant,
                "integration": self.integration,
                "kind": kind,
                "options": options,
                "run_at": self.clock.at,
                "created_at": self.clock.at,
                **columns,
            }
        )

    def pull(self, kind: str = JobKind.MANUAL, *, full: bool = False, **columns: Any) -> SyncJob:
        """Run a job of the integration; the row as it is afterwards."""
        job = self.job(kind, full=full, **columns)
        jobs.job_run(job_id=job.id)
        job.refresh_from_db()
        return job

    def push(self) -> dict[str, int]:
        """Drain local changes and due pairs once; how the pairs ended."""
        while outbox.changes_drain():
            pass
        return dict(drains.integration_drain(integration_id=self.integration.id))

    def sync(self, *, full: bool = False) -> None:
        """Poll, then work off what is due, as workers would within a second or two."""
        self.clock.wait(seconds=5)
        self.pull(full=full)
        self.push()

    def deliver(self, event: str, row: Row | None = None, /, **payload: Any) -> WebhookDelivery:
        """A webhook comes in and is stored; ``worked_off`` is another step."""
        if row is not None:
            payload = {"resource": row.resource, "id": row.id, "parent": row.parent_id or "", **payload}
        body = json.dumps({"event": event, **payload}).encode()
        stored = delivery_store(
            integration=Integration.objects.get(id=self.integration.id),
            key=dedupe_key(f"{self.clock.at.timestamp()}-{WebhookDelivery.objects.count()}", body),
            event=event,
            headers={},
            body=body,
            correlation_id="",
            now=self.clock.at,
        )
        return WebhookDelivery.objects.get(id=stored.id)

    def take_deliveries(self) -> None:
        while deliveries.deliveries_drain():
            pass

    @contextmanager
    def killed(self, at: str) -> Iterator[None]:
        """The worker in this block dies at the point; what it had committed stays."""
        self.kill_at = at
        try:
            yield
        except Killed:
            assert self.kill_at == ""
        else:
            raise AssertionError(f"nobody passed {at}")

    def point(self, name: str) -> None:
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed(name)

    # -- what came of it ------------------------------------------------------------------------------------

    def pair(self, of: Row | Record) -> Mapping:
        """The mapping of an external row or a local record."""
        rows = Mapping.objects.filter(integration=self.integration)
        if isinstance(of, Row):
            return rows.get(resource=of.resource, external_id=of.id)
        return rows.live().get(record_id=of.pk)

    def record(self, of: Row) -> Any:
        """The local record of an external row, fresh."""
        mapping = self.pair(of)
        assert mapping.record_id is not None, f"{of.id} has no record here: {mapping.state_reason}"
        return RECORD_TYPES[mapping.record_type].objects.get(id=mapping.record_id)

    def row(self, of: Record) -> Row:
        """The external row of a local record."""
        mapping = self.pair(of)
        assert mapping.external_id is not None, f"not there: {mapping.state} {mapping.state_reason}"
        return self.vendor.rows[(mapping.resource, mapping.external_id)]

    def fresh(self, record: Record) -> Any:
        return type(record).objects.get(pk=record.pk)

    def status(self) -> str:
        return Integration.objects.values_list("status", flat=True).get(id=self.integration.id)

    def reason(self) -> str:
        return Integration.objects.values_list("status_reason", flat=True).get(id=self.integration.id)

    def counts(self) -> dict[str, int]:
        """Everything that a quiet pass must not add to."""
        return {
            "writes": sum(len(vendor.writes) for vendor in self.vendors.values()),
            "logs": SyncLog.objects.exclude(operation="bulk_sync").count(),
            "changes": Change.objects.count(),
            "conflicts": ConflictResolution.objects.count(),
            "mappings": Mapping.objects.count(),
        }

    # -- the review desk ------------------------------------------------------------------------------------

    def conflict(self, **where: Any) -> ConflictResolution:
        """The only conflict there is (of those that match)."""
        return ConflictResolution.objects.get(**where)

    def open_conflict(self) -> ConflictResolution:
        return self.conflict(status=ConflictStatus.PENDING)

    def decide(
        self, conflict: ConflictResolution, choice: str = "", *, push: bool = True, **choices: Any
    ) -> None:
        """One choice for every field, or ``key={"choice": …}`` for each."""
        conflict.refresh_from_db()
        conflict_decide(
            conflict_id=conflict.id,
            tenant=self.tenant,
            user=self.person,
            choices=choices or {"*": {"choice": choice}},
            push=push,
            seen_version=conflict.version,
            seen_local_revision=conflict.local_revision,
            seen_external_version=conflict.external_version,
            now=self.clock.at,
        )
