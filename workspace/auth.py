"""Django permissions from the role in the current tenant (settled question 6); groups are not used."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied

from .access import Action, current_membership, memberships_of, role_may

#: what the four verbs of a model's permissions need, unless the app says otherwise
_MANAGED = {"view": Action.VIEW, "add": Action.MANAGE, "change": Action.MANAGE, "delete": Action.MANAGE}

#: app label, or "app.model" for one model → verb → action; apps that are not named are the operator's alone
PERMISSIONS: dict[str, dict[str, Action]] = {
    "workspace": {
        "view": Action.VIEW,
        "add": Action.EDIT_RECORDS,
        "change": Action.EDIT_RECORDS,
        "delete": Action.EDIT_RECORDS,
    },
    "workspace.tenant": {"view": Action.VIEW, "change": Action.MANAGE},
    "workspace.membership": dict.fromkeys(_MANAGED, Action.MANAGE),
    "workspace.change": {"view": Action.VIEW},
    "integrations": _MANAGED,
    "monitoring": _MANAGED,
    "boards": _MANAGED,
    "sync": _MANAGED,
    "conflicts": {
        "view": Action.VIEW,
        "add": Action.REVIEW,
        "change": Action.REVIEW,
        "delete": Action.REVIEW,
    },
}


def register_permissions(label: str, actions: dict[str, Action]) -> None:
    """Say what an app (or "app.model") needs for view, add, change and delete; a verb left out is refused."""
    PERMISSIONS[label] = actions


class MembershipBackend(BaseBackend):
    """Answers ``has_perm`` for members, and ends the question there: Django's own permissions and groups are not asked.

    Whoever is no member is left to the other backends.
    """

    def get_user(self, user_id: Any) -> Any:
        """Sessions name the backend that signed them in; tests sign in with the first one that has this."""
        return get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        action = _action_of(perm)
        role = _role_of(user_obj)
        if role is None:
            return False
        if action is None or not role_may(role, action):
            raise PermissionDenied
        tenant_id = getattr(obj, "tenant_id", None)
        found = current_membership(user_obj)
        return tenant_id is None or found is None or tenant_id == found.tenant_id

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if _role_of(user_obj) is None:
            return False
        if app_label not in PERMISSIONS:
            raise PermissionDenied
        return True


def _action_of(perm: str) -> Action | None:
    app, _, codename = perm.partition(".")
    verb, _, model = codename.partition("_")
    return (PERMISSIONS.get(f"{app}.{model}") or PERMISSIONS.get(app, {})).get(verb)


def _role_of(user: Any) -> str | None:
    """The role in the tenant of this request; outside a request, that of an only membership."""
    if not user.is_active or user.is_anonymous:
        return None
    found = current_membership(user)
    if found is not None:
        return found.role
    if not hasattr(user, "_only_role"):
        every = memberships_of(user)
        user._only_role = every[0].role if len(every) == 1 else None
    role: str | None = user._only_role
    return role
