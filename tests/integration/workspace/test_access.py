"""Roles decide per tenant; a request means one tenant, never somebody else's."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404, HttpRequest
from django.template import RequestContext, Template
from django.test import Client, RequestFactory

from live.rooms import authorise
from workspace.access import Action, TenantAmbiguous, may, tenant_for_request
from workspace.models import Membership, Role, Task, Tenant

from .conftest import person

ALLOWED = {
    Role.VIEWER: {"view"},
    Role.OPERATOR: {"view", "operate", "edit_records"},
    Role.REVIEWER: {"view", "review", "edit_records"},
    Role.MANAGER: {"view", "operate", "review", "manage", "read_payloads", "edit_records"},
    Role.AUDITOR: {"view", "read_payloads"},
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_the_matrix_says_in_its_tenant_only(
    role: Role, tenant: Tenant, other_tenant: Tenant
) -> None:
    user = person("pat", tenant, role)
    assert {action.value for action in Action if may(user, tenant, action)} == ALLOWED[role]
    assert not any(may(user, other_tenant, action) for action in Action)


def test_nobody_unknown_or_switched_off_may_anything(tenant: Tenant, alice: User) -> None:
    alice.is_active = False
    assert not may(alice, tenant, "view")
    assert not may(AnonymousUser(), tenant, "view")


def test_the_platform_operator_may_everything_that_exists(tenant: Tenant) -> None:
    root = User.objects.create_superuser("root")
    assert all(may(root, tenant, action) for action in Action)
    with pytest.raises(ValueError, match="fly"):
        may(root, tenant, "fly")


def request_of(user: Any, header: str | None = None, session: dict[str, str] | None = None) -> HttpRequest:
    request = RequestFactory().get("/", headers={"X-Tenant-ID": header} if header is not None else {})
    request.user = user
    request.session = SessionStore()
    request.session.update(session or {})
    return request


def test_one_membership_is_implied(alice: User, tenant: Tenant) -> None:
    assert tenant_for_request(request_of(alice)) == tenant


def test_several_memberships_must_be_named(alice: User, tenant: Tenant, other_tenant: Tenant) -> None:
    Membership.objects.create(user=alice, tenant=other_tenant)
    with pytest.raises(TenantAmbiguous, match="X-Tenant-ID"):
        tenant_for_request(request_of(alice))
    assert tenant_for_request(request_of(alice, header=str(other_tenant.pk))) == other_tenant
    assert tenant_for_request(request_of(alice, session={"tenant_id": str(tenant.pk)})) == tenant


def test_a_foreign_unknown_or_malformed_tenant_is_not_found(alice: User, other_tenant: Tenant) -> None:
    for named in (str(other_tenant.pk), str(uuid4()), "harbour", ""):
        with pytest.raises(Http404):
            tenant_for_request(request_of(alice, header=named))


def test_whoever_belongs_nowhere_finds_nothing(db: None, tenant: Tenant) -> None:
    with pytest.raises(Http404):
        tenant_for_request(request_of(User.objects.create_user("nobody")))


def test_switching_remembers_the_tenant_and_refuses_a_foreign_one(
    client: Client, alice: User, tenant: Tenant, other_tenant: Tenant
) -> None:
    client.force_login(alice)
    assert client.post("/admin/hub/tenant", {"tenant": str(other_tenant.pk)}).status_code == 404
    assert "tenant_id" not in client.session
    Membership.objects.create(user=alice, tenant=other_tenant)
    answer = client.post("/admin/hub/tenant", {"tenant": str(other_tenant.pk), "next": "https://evil.test/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.session["tenant_id"] == str(other_tenant.pk)
    Membership.objects.filter(user=alice, tenant=other_tenant).delete()
    assert client.get("/admin/").wsgi_request.tenant == tenant  # type: ignore[attr-defined]


def test_permissions_follow_the_role(tenant: Tenant, other_tenant: Tenant, alice: User, vera: User) -> None:
    assert alice.has_perm("workspace.change_task")
    assert not vera.has_perm("workspace.change_task")
    assert vera.has_perm("workspace.view_task")
    assert vera.has_module_perms("workspace")
    assert alice.has_perm("integrations.change_integration")
    assert not alice.has_perm("auth.change_user")
    assert not alice.has_perm("workspace.add_tenant")
    assert not alice.has_module_perms("django_celery_beat")
    Membership.objects.create(user=vera, tenant=other_tenant, role=Role.MANAGER)
    fresh = User.objects.get(pk=vera.pk)
    assert not fresh.has_perm("workspace.view_task"), "two roles and no request: nothing is implied"


def test_an_objects_tenant_counts(tenant: Tenant, other_tenant: Tenant, alice: User) -> None:
    tenant_for_request(request_of(alice))
    assert alice.has_perm("workspace.change_task", Task(tenant=tenant))
    assert not alice.has_perm("workspace.change_task", Task(tenant=other_tenant))


def test_rooms_of_a_tenant_are_for_its_members(tenant: Tenant, other_tenant: Tenant, vera: User) -> None:
    assert authorise(vera, f"tenant:{tenant.pk}:sync")
    assert not authorise(vera, f"tenant:{other_tenant.pk}:sync")
    assert not authorise(vera, "tenant:x:sync")
    assert not authorise(vera, f"tenant:{tenant.pk}")
    assert not authorise(vera, "anything")
    assert authorise(vera, f"user:{vera.pk}")
    assert not authorise(vera, f"user:{vera.pk + 1}")
    assert not authorise(AnonymousUser(), f"tenant:{tenant.pk}:sync")


def switcher(user: Any, tenant: Tenant | None) -> str:
    request = request_of(user)
    request.tenant = tenant  # type: ignore[attr-defined]
    return Template("{% load tenants %}{% tenant_switcher %}").render(RequestContext(request))


def test_the_switcher_offers_the_users_own_tenants_only(
    alice: User, tenant: Tenant, other_tenant: Tenant
) -> None:
    third = Tenant.objects.create(name="Heath", slug="heath")
    assert "Harbour" in switcher(alice, tenant)
    assert "<select" not in switcher(alice, tenant)
    Membership.objects.create(user=alice, tenant=third)
    shown = switcher(alice, tenant)
    assert f'<option value="{tenant.pk}" selected>Harbour</option>' in shown
    assert f'<option value="{third.pk}">Heath</option>' in shown
    assert str(other_tenant.pk) not in shown
    assert switcher(AnonymousUser(), None).strip() == ""
