"""Alice manages, Olga operates, Rita reviews, Vera only reads, Otto audits; Carol belongs to another tenant.

``from tests.integration.hub_fixtures import *`` in a conftest. Integrations use GitHub's connector and never reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from connectors.base.types import Check, CheckReport, Container
from integrations.models import Integration, IntegrationStatus, Mapping, MappingState
from integrations.services.control import integration_create
from workspace.models import Membership, OriginKind, Role, Task, Tenant
from workspace.services import Origin, record_create

__all__ = [
    "SECRET",
    "FakeClient",
    "alice",
    "as_user",
    "carol",
    "carols",
    "fake_client",
    "integration",
    "mapping",
    "now",
    "olga",
    "other_tenant",
    "otto",
    "rita",
    "task",
    "tenant",
    "vera",
]  # fmt: skip

SECRET = "ghp_" + "s3cr3tvalue" * 3 + "x9"


@pytest.fixture
def now() -> datetime:
    return datetime(2025, 7, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Harbour", slug="harbour")


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Hill", slug="hill")


def person(name: str, tenant: Tenant, role: Role) -> User:
    user = User.objects.create_user(name, password="pass-for-tests", is_staff=True)
    Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


@pytest.fixture
def alice(tenant: Tenant) -> User:
    return person("alice", tenant, Role.MANAGER)


@pytest.fixture
def olga(tenant: Tenant) -> User:
    return person("olga", tenant, Role.OPERATOR)


@pytest.fixture
def rita(tenant: Tenant) -> User:
    return person("rita", tenant, Role.REVIEWER)


@pytest.fixture
def vera(tenant: Tenant) -> User:
    return person("vera", tenant, Role.VIEWER)


@pytest.fixture
def otto(tenant: Tenant) -> User:
    return person("otto", tenant, Role.AUDITOR)


@pytest.fixture
def carol(other_tenant: Tenant) -> User:
    return person("carol", other_tenant, Role.MANAGER)


@pytest.fixture
def as_user() -> Callable[[User], APIClient]:
    def make(user: User) -> APIClient:
        client = APIClient()
        client.force_authenticate(User.objects.get(pk=user.pk))
        return client

    return make


def make_integration(tenant: Tenant, user: User, name: str = "Issues", **values: Any) -> Integration:
    made, _ = integration_create(
        tenant=tenant,
        user=user,
        name=name,
        connector="github",
        secrets={"token": SECRET},
        activate=True,
        **{"options": {"repository": "acme/shop"}, "resource_types": ["issue"], **values},
    )
    return made


@pytest.fixture
def integration(tenant: Tenant, alice: User) -> Integration:
    return make_integration(tenant, alice)


@pytest.fixture
def carols(other_tenant: Tenant, carol: User) -> Integration:
    return make_integration(other_tenant, carol, "Carol's issues")


@pytest.fixture
def task(tenant: Tenant, alice: User, now: datetime) -> Task:
    origin = Origin(kind=OriginKind.USER, user=alice)
    made = record_create(
        tenant=tenant, record_type="task", values={"title": "Paint the boat"}, origin=origin, now=now
    )
    assert isinstance(made, Task)
    return made


@pytest.fixture
def mapping(integration: Integration, task: Task) -> Mapping:
    return Mapping.objects.create(
        tenant=integration.tenant,
        integration=integration,
        resource="issue",
        record_type="task",
        record_id=task.pk,
        external_id="7",
        state=MappingState.SYNCED,
    )


class FakeClient:
    """Stands where a connector's client would; answers what it is told."""

    def __init__(self) -> None:
        self.ok = True
        self.found: list[Container] = []
        self.last_exchange = None
        self.checked = 0

    def check(self) -> CheckReport:
        self.checked += 1
        line = Check(
            "authenticated",
            self.ok,
            "acme-bot" if self.ok else "The credentials were refused (401).",
            "Make a new token.",
        )
        return CheckReport(self.ok, [Check("reachable", True), line], 12, "acme-bot", "1", "2022-11-28")

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return [row for row in self.found if not kind or row.kind == kind]

    def close(self) -> None:
        return None


@pytest.fixture
def fake_client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """Every client of the services is this one."""
    client = FakeClient()
    for module in ("clients", "statusmaps", "deliveries"):
        monkeypatch.setattr(f"integrations.services.{module}.client_for", lambda *a, **k: client)
    monkeypatch.setattr("integrations.services.clients.draft_client", lambda *a, **k: client)
    monkeypatch.setattr("integrations.api.views.integrations.client_for", lambda *a, **k: client)
    return client


def statuses() -> list[str]:
    return [str(status) for status in IntegrationStatus]
