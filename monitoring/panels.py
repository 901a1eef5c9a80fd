"""What the alerts add to the pages of lower rooms: a count for the sidebar and the dashboard, and a tab."""

from __future__ import annotations

from integrations.panels import COUNTERS, TABS, Counter, Tab
from monitoring.selectors import list_link, tallies

COUNTER = "alerts"


def register() -> None:
    """Called once, from ``AppConfig.ready()``."""
    if any(counter.key == COUNTER for counter in COUNTERS):
        return
    COUNTERS.append(Counter(COUNTER, "Alerts firing", tallies, list_link, is_on_cards=False))
    TABS.append(Tab(COUNTER, "Alerts", list_link, COUNTER))
