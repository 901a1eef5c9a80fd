"""What the review desk adds to the pages of lower rooms."""

from __future__ import annotations

from django.urls import reverse

from conflicts.selectors import tallies
from integrations.models import Integration
from integrations.panels import COUNTERS, TABS, Counter, Tab

COUNTER = "conflicts"


def list_link(integration: Integration | None) -> str:
    """The open conflicts, of one integration or of all."""
    return reverse("desk:list") + (f"?integration={integration.pk}" if integration else "")


def settled_link() -> str:
    return reverse("desk:list") + "?status=settled24h"


def register() -> None:
    """Called once, from ``AppConfig.ready()``."""
    if any(counter.key == COUNTER for counter in COUNTERS):
        return
    COUNTERS.append(
        Counter(COUNTER, "Open conflicts", tallies, list_link, "Conflicts settled, 24 h", settled_link)
    )
    TABS.append(Tab(COUNTER, "Conflicts", list_link, COUNTER))
