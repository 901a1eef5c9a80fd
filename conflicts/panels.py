"""What the review desk adds to the pages of lower rooms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.urls import reverse

from conflicts.selectors import open_counts, resolved_since
from integrations.models import Integration
from integrations.panels import COUNTERS, FIGURES, TABS, Counter, Figure, Tab
from workspace.models import Tenant

COUNTER = "conflicts"


def list_link(integration: Integration | None) -> str:
    """The open conflicts, of one integration or of all."""
    return reverse("desk:list") + (f"?integration={integration.pk}" if integration else "")


def figures(tenant: Tenant, now: datetime) -> Sequence[Figure]:
    settled = resolved_since(tenant, now - timedelta(hours=24))
    return [Figure("Conflicts settled, 24 h", str(settled), reverse("desk:list") + "?status=settled24h")]


def register() -> None:
    """Called once, from ``AppConfig.ready()``."""
    if any(counter.key == COUNTER for counter in COUNTERS):
        return
    COUNTERS.append(Counter(COUNTER, "Open conflicts", open_counts, list_link))
    TABS.append(Tab(COUNTER, "Conflicts", list_link, COUNTER))
    FIGURES.append(figures)
