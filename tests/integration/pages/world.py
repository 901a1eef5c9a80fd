"""A small world for page and review tests: a tenant with a user for each role, and rows made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from conflicts.models import ConflictResolution
from conflicts.services import conflict_open
from integrations.models import (
    Credential,
    Integration,
    IntegrationStatus,
    JobKind,
    JobStatus,
    LogStatus,
    Mapping,
    MappingState,
    Operation,
    SyncJob,
    SyncLog,
)
from reconcile.model import ConflictGroup, FieldConflict
from workspace.kinds import record_kinds
from workspace.models import Membership, OriginKind, Role, Task, Tenant
from workspace.services import Origin, record_create

PASSWORD = "tests-only"


@dataclass
class World:
    """Alice owns the place (manager); the others have one role each; Carol is a stranger with her own tenant."""

    tenant: Tenant
    users: dict[str, Any]
    carol: Any
    foreign: Tenant
    now: datetime = field(default_factory=timezone.now)
    _tasks: int = 0
    _pairs: int = 0

    def client(self, role: str = Role.MANAGER) -> Client:
        """A signed-in browser of that role; ``carol`` is the stranger."""
        client = Client()
        client.force_login(self.carol if role == "carol" else self.users[role])
        return client

    def integration(
        self, name: str = "Waitlist board", connector: str = "trello", **values: Any
    ) -> Integration:
        tenant = values.pop("tenant", self.tenant)
        made = Integration.objects.create(
            tenant=tenant,
            name=name,
            connector=connector,
            **{
                "status": IntegrationStatus.ACTIVE,
                "resource_types": ["card"],
                "options": {"board_id": "abcd1234"},
                **values,
            },
        )
        Credential.objects.create(
            integration=made, secrets={"api_key": "key-abcdefgh-12", "token": "topsecret-abcdefgh-x9"}
        )
        return made

    def task(self, **values: Any) -> Task:
        self._tasks += 1
        tenant = values.pop("tenant", self.tenant)
        made = record_create(
            tenant=tenant,
            record_type="task",
            values={"title": f"Task {self._tasks}", **values},
            origin=Origin(kind=OriginKind.SYSTEM),
            now=self.now - timedelta(hours=2),
        )
        assert isinstance(made, Task)
        return made

    def pair(self, integration: Integration, task: Task | None = None, **values: Any) -> Mapping:
        task = task or self.task(tenant=integration.tenant)
        self._pairs += 1
        return Mapping.objects.create(
            tenant=integration.tenant,
            integration=integration,
            resource="card",
            record_type="task",
            record_id=task.pk,
            **{
                "external_id": f"X-{self._pairs}",
                "state": MappingState.SYNCED,
                "base_local": {"title": "Old title"},
                "base_external": {"title": "Old title"},
                "last_synced_at": self.now - timedelta(minutes=5),
                **values,
            },
        )

    def conflict(
        self,
        integration: Integration,
        *,
        fields: tuple[FieldConflict, ...] | None = None,
        task: Task | None = None,
        pair: Mapping | None = None,
        **more: Any,
    ) -> ConflictResolution:
        """An open conflict on a task's title: "Old title" → "Fix front door" here, "Fix door asap" there."""
        fields = fields or (TITLE,)
        known = record_kinds("task")
        held = {one.key: one.local for one in fields if one.key in known}
        task = task or self.task(tenant=integration.tenant, **{"title": "Fix front door", **held})
        pair = pair or self.pair(integration, task, state=MappingState.CONFLICT)
        return conflict_open(
            mapping=pair,
            group=ConflictGroup(
                fields[0].key, fields, "Both sides changed " + ", ".join(f.key for f in fields) + "."
            ),
            **{
                "record_title": task.title,
                "local_changed_at": self.now - timedelta(minutes=40),
                "local_changed_by": "Ana",
                "external_changed_at": self.now - timedelta(minutes=35),
                "external_changed_by": "Bo",
                "local_revision": task.revision,
                "external_version": "v7",
                "now": self.now - timedelta(minutes=30),
                **more,
            },
        )

    def job(self, integration: Integration, status: str = JobStatus.SUCCEEDED, **values: Any) -> SyncJob:
        ended = status not in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRY_WAITING)
        return SyncJob.objects.create(
            tenant=integration.tenant,
            integration=integration,
            **{
                "kind": JobKind.MANUAL,
                "status": status,
                "run_at": self.now,
                "created_at": self.now - timedelta(minutes=3),
                "started_at": self.now - timedelta(minutes=3),
                "finished_at": self.now - timedelta(minutes=2) if ended else None,
                **values,
            },
        )

    def log(self, integration: Integration, status: str = LogStatus.SUCCESS, **values: Any) -> SyncLog:
        return SyncLog.objects.create(
            tenant=integration.tenant,
            integration=integration,
            **{
                "operation": Operation.UPDATE,
                "status": status,
                "direction": "in",
                "resource": "card",
                "message": "Title was brought in.",
                "created_at": self.now - timedelta(minutes=1),
                **values,
            },
        )


TITLE = FieldConflict("title", "Fix door", "Fix front door", "Fix door asap", "Fix door", "Fix door asap")


def make_world() -> World:
    users = get_user_model().objects
    tenant = Tenant.objects.create(name="Harbour Club", slug="harbour")
    foreign = Tenant.objects.create(name="Elsewhere", slug="elsewhere")
    found = {}
    for role in Role:
        user = users.create_user(username=role.value, password=PASSWORD, is_staff=True)
        Membership.objects.create(user=user, tenant=tenant, role=role)
        found[role] = user
    carol = users.create_user(username="carol", password=PASSWORD, is_staff=True)
    Membership.objects.create(user=carol, tenant=foreign, role=Role.MANAGER)
    return World(tenant, found, carol, foreign)
