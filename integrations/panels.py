"""What higher rooms add to the pages of this one (settled question 7); filled from their ``AppConfig.ready()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from integrations.models import Integration
from workspace.models import Tenant


@dataclass(frozen=True)
class Figure:
    """One number of the dashboard, a link to the rows it counts. ``tone`` is good, warn, bad or ""."""

    label: str
    value: str
    link: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Tally:
    """Of one integration: how many are open, how many were settled in the last 24 hours, since when the oldest waits."""

    open: int = 0
    settled: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True)
class Counter:
    """Something open that is counted per integration: conflicts, for one. ``counts`` is one query.

    What concerns no single integration is counted under the tenant's own id.
    """

    key: str
    label: str
    counts: Callable[[Tenant, datetime], Mapping[UUID, Tally]]
    link: Callable[[Integration | None], str]
    settled_label: str = ""
    settled_link: Callable[[], str] | None = None
    is_on_cards: bool = True


@dataclass(frozen=True)
class Tab:
    """A further tab of the integration page."""

    key: str
    label: str
    link: Callable[[Integration], str]
    counter: str = ""


COUNTERS: list[Counter] = []
TABS: list[Tab] = []
FIGURES: list[Callable[[Tenant, datetime], Sequence[Figure]]] = []
