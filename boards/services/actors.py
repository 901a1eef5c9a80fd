"""Who moves, from where, and what they may do on this board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from boards.core.layout import RIGHTS, Layout
from boards.models import Source
from workspace.access import Action, current_membership, may, membership
from workspace.models import OriginKind, Tenant
from workspace.services import Origin

#: who may what unless the board says otherwise; viewers and auditors only ever read
DEFAULT_RIGHTS = {
    "move": ("operator", "reviewer", "manager"),
    "override": ("manager",),
    "configure": ("manager",),
    "break_lock": ("manager",),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """``session`` tells a person's tabs apart, for locks."""

    user: Any = None
    source: Source = Source.UI
    rights: frozenset[str] = frozenset()
    ip: str | None = None
    session: str = ""
    integration_id: UUID | None = None
    correlation_id: str = ""

    def origin(self, note: str = "") -> Origin:
        return Origin(
            kind=OriginKind.BOARD,
            user=self.user,
            integration_id=self.integration_id,
            correlation_id=self.correlation_id,
            note=note[:500],
        )

    def sourced(self, source: Source) -> Actor:
        return Actor(
            self.user, source, self.rights, self.ip, self.session, self.integration_id, self.correlation_id
        )


def rights_of(user: Any, tenant: Tenant, layout: Layout) -> frozenset[str]:
    """What the user may do on the board; a platform operator everything."""
    if user.is_superuser:
        return frozenset(RIGHTS) if may(user, tenant, Action.VIEW) else frozenset()
    found = current_membership(user)
    if found is None or found.tenant_id != tenant.pk:
        found = membership(user, tenant)
    if found is None:
        return frozenset()
    roles = {**DEFAULT_RIGHTS, **layout.rights}
    return frozenset(right for right in RIGHTS if found.role in roles[right])
