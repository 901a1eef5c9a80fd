"""Who may do what: the matrix of roles, and which tenant a request means (A3, settled question 6)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest

from .models import Membership, Role, Tenant

SESSION_KEY = "tenant_id"
HEADER = "X-Tenant-ID"


class Action(StrEnum):
    """The rows of UI.md's matrix, and editing records (settled question 6)."""

    VIEW = "view"
    OPERATE = "operate"  # sync now, dry run, test, retry, pause, resume, acknowledge, cancel
    REVIEW = "review"  # decide and undo conflicts, write rules
    MANAGE = "manage"  # settings, maps, credentials, alert rules, delete, purge
    READ_PAYLOADS = "read_payloads"  # request and response bodies, audit log
    EDIT_RECORDS = "edit_records"


_EVERYBODY = frozenset(Role)

MATRIX: dict[Action, frozenset[Role]] = {
    Action.VIEW: _EVERYBODY,
    Action.OPERATE: frozenset({Role.OPERATOR, Role.MANAGER}),
    Action.REVIEW: frozenset({Role.REVIEWER, Role.MANAGER}),
    Action.MANAGE: frozenset({Role.MANAGER}),
    Action.READ_PAYLOADS: frozenset({Role.MANAGER, Role.AUDITOR}),
    Action.EDIT_RECORDS: frozenset({Role.OPERATOR, Role.REVIEWER, Role.MANAGER}),
}


class TenantAmbiguous(BadRequest):
    """The user belongs to several tenants and the request names none: 400."""


def membership(user: Any, tenant: Tenant | UUID) -> Membership | None:
    """The user's membership in a tenant; one query, never cached."""
    if not (user.is_authenticated and user.is_active):
        return None
    tenant_id = tenant.pk if isinstance(tenant, Tenant) else tenant
    return Membership.objects.filter(user_id=user.pk, tenant_id=tenant_id).select_related("tenant").first()


def role_may(role: str | None, action: str) -> bool:
    """Whether a role may do it; None may nothing. Raises ValueError for an unknown action."""
    return role is not None and role in MATRIX[Action(action)]


def may(user: Any, tenant: Tenant | UUID, action: str) -> bool:
    """Whether the user may do it in this tenant. The platform operator (superuser) may everything."""
    if not (user.is_authenticated and user.is_active):
        return False
    if user.is_superuser:
        return bool(Action(action))
    found = current_membership(user)
    tenant_id = tenant.pk if isinstance(tenant, Tenant) else tenant
    if found is None or found.tenant_id != tenant_id:
        found = membership(user, tenant)
    return role_may(found.role if found else None, action)


# ---------------------------------------------------------------- the tenant of a request


def set_current(user: Any, found: Membership | None) -> None:
    """Note the membership under which the user acts in this request; the permission backend reads it."""
    user._current_membership = found


def current_membership(user: Any) -> Membership | None:
    """What ``set_current`` noted for this very user object, else None."""
    found: Membership | None = getattr(user, "_current_membership", None)
    return found


def tenant_for_request(request: HttpRequest) -> Tenant:
    """The tenant that a request means: header, else the session's choice, else the only membership.

    Raises TenantAmbiguous (400) where several are possible, Http404 for one that is not the user's.
    """
    named = request.headers.get(HEADER)
    if named is not None:
        return _named(request.user, named)
    chosen = _from_session(request)
    if chosen is not None:
        return chosen
    found = memberships_of(request.user)
    if len(found) > 1:
        raise TenantAmbiguous(f"You belong to several tenants: name one in {HEADER}.")
    if found:
        set_current(request.user, found[0])
        return found[0].tenant
    if getattr(request.user, "is_superuser", False):
        tenants = list(Tenant.objects.order_by("name")[:2])
        if len(tenants) == 1:
            return tenants[0]
        if tenants:
            raise TenantAmbiguous(f"There are several tenants: name one in {HEADER}.")
    raise Http404("You belong to no tenant.")


def page_tenant(request: HttpRequest) -> Tenant | None:
    """The tenant whose pages are shown: the session's choice, else the first; None without any."""
    chosen = _from_session(request)
    if chosen is not None:
        return chosen
    found = memberships_of(request.user)
    request.user._memberships = found  # type: ignore[union-attr]  # for the switcher on the same page
    if found:
        set_current(request.user, found[0])
        return found[0].tenant
    if getattr(request.user, "is_superuser", False):
        return Tenant.objects.order_by("name").first()
    return None


def memberships_of(user: Any) -> list[Membership]:
    """All memberships with their tenants, by the tenant's name; one query."""
    if not (user.is_authenticated and user.is_active):
        return []
    return list(Membership.objects.filter(user_id=user.pk).select_related("tenant").order_by("tenant__name"))


def choices_for(user: Any) -> list[Tenant]:
    """The tenants a user may switch to."""
    if getattr(user, "is_superuser", False):
        return list(Tenant.objects.order_by("name"))
    return [found.tenant for found in memberships_of(user)]


def tenant_named(user: Any, value: str) -> Tenant | None:
    """The tenant of that id if the user may act in it; None alike for foreign, unknown and malformed ids."""
    try:
        tenant_id = UUID(value)
    except ValueError:
        return None
    found = membership(user, tenant_id)
    if found is not None:
        set_current(user, found)
        return found.tenant
    if getattr(user, "is_superuser", False) and user.is_active:
        return Tenant.objects.filter(pk=tenant_id).first()
    return None


def _named(user: Any, value: str) -> Tenant:
    found = tenant_named(user, value)
    if found is None:
        raise Http404("There is no such tenant.")
    return found


def _from_session(request: HttpRequest) -> Tenant | None:
    """The session's choice; one that has ended (membership gone) counts as none."""
    session = getattr(request, "session", None)
    value = session.get(SESSION_KEY) if session is not None else None
    return tenant_named(request.user, value) if isinstance(value, str) else None


# ---------------------------------------------------------------- live rooms


def may_listen(user: Any, match: re.Match[str]) -> bool:
    """The rule of all rooms of a tenant: members and the platform operator."""
    try:
        tenant_id = UUID(match["tenant"])
    except ValueError:
        return False
    return bool(user.is_superuser) or membership(user, tenant_id) is not None
