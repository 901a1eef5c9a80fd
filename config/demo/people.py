"""The demo's tenants and the people who may log in, one for each role."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from workspace.models import Membership, Role, Tenant

DEMO, CLUB = "demo", "rowing-club"
TENANTS = {DEMO: "Harbour Furniture", CLUB: "Quayside Rowing Club"}


@dataclass(frozen=True)
class Person:
    username: str
    first_name: str
    last_name: str
    role: Role
    tenant: str = DEMO
    is_operator: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        return f"{self.first_name.lower()}@example.org"


PEOPLE = (
    Person("admin", "Ada", "Holt", Role.MANAGER, is_operator=True),
    Person("manager", "Marta", "Jensen", Role.MANAGER),
    Person("operator", "Oskar", "Brandt", Role.OPERATOR),
    Person("reviewer", "Rita", "Novak", Role.REVIEWER),
    Person("viewer", "Vera", "Lindholm", Role.VIEWER),
    Person("auditor", "Aldo", "Ferri", Role.AUDITOR),
    Person("club", "Cleo", "Marsh", Role.MANAGER, tenant=CLUB),
)


def people_ensure() -> dict[str, User]:
    """Tenants, users and memberships that are missing; the users by name. The password is the data folder's."""
    tenants = {
        slug: Tenant.objects.get_or_create(slug=slug, defaults={"name": name, "time_zone": "Europe/London"})[
            0
        ]
        for slug, name in TENANTS.items()
    }
    # One hash for all: they share the password, and hashing it seven times would take seconds.
    password = make_password(settings.LOCKSTEP_DEMO_PASSWORD or None)
    users = {}
    for person in PEOPLE:
        user, is_new = User.objects.get_or_create(
            username=person.username,
            defaults={
                "first_name": person.first_name,
                "last_name": person.last_name,
                "email": person.email,
                "is_staff": True,
                "is_superuser": person.is_operator,
                "password": password,
            },
        )
        if is_new:
            Membership.objects.create(user=user, tenant=tenants[person.tenant], role=person.role)
        users[person.username] = user
    return users
