"""Nobody is drawn into a tenant by a stranger: it would change what their own requests mean."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tests.integration.hub_fixtures import *  # noqa: F403
from workspace.models import Membership, Role, Tenant

ADD = "admin:workspace_membership_add"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_another_tenants_people_and_the_operator_are_out_of_reach(alice: User, carol: User) -> None:
    User.objects.create_superuser("root")
    for name in ("carol", "root"):
        signed_in(alice).post(reverse(ADD), {"account": name, "role": "viewer"})
    assert not Membership.objects.filter(user__username="root").exists()
    program = APIClient()
    program.force_authenticate(User.objects.get(pk=carol.pk))
    assert program.get("/api/v1/integrations").status_code == 200  # names no tenant, as ever


def test_who_manages_both_tenants_may(alice: User, carol: User, other_tenant: Tenant) -> None:
    Membership.objects.create(user=alice, tenant=other_tenant, role=Role.MANAGER)
    client = signed_in(alice)
    assert client.post(reverse(ADD), {"account": "carol", "role": "viewer"}).status_code == 302
    assert Membership.objects.filter(user=carol).count() == 2
