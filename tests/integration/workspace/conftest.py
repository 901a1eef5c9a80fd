"""Alice manages, Vera only reads, Carol belongs to another tenant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from workspace.models import Membership, OriginKind, Role, Tenant
from workspace.services import Origin

NOW = datetime(2025, 7, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Harbour", slug="harbour")


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Hill", slug="hill")


def person(name: str, tenant: Tenant, role: Role) -> User:
    user = User.objects.create_user(name, password="pass-for-tests", is_staff=True, first_name=name.title())
    Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


@pytest.fixture
def alice(tenant: Tenant) -> User:
    return person("alice", tenant, Role.MANAGER)


@pytest.fixture
def vera(tenant: Tenant) -> User:
    return person("vera", tenant, Role.VIEWER)


@pytest.fixture
def carol(other_tenant: Tenant) -> User:
    return person("carol", other_tenant, Role.MANAGER)


@pytest.fixture
def origin(alice: User) -> Origin:
    return Origin(kind=OriginKind.USER, user=alice)


@pytest.fixture
def system() -> Origin:
    return Origin(kind=OriginKind.SYSTEM)
