"""The dashboard: is anything wrong, what exactly, since when, what may I do about it (UI 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from integrations.models import IntegrationStatus
from integrations.panels import COUNTERS, FIGURES, Figure
from integrations.wording import percent
from workspace.access import Action
from workspace.models import Tenant

from .base import HubView
from .figures import Card, Numbers, cards, numbers_of, pulse, rate, totals

STATES = {
    "attention": "Needs attention",
    "healthy": "Healthy",
    "paused": "Paused or disabled",
    "draft": "Setup incomplete",
}


@dataclass(frozen=True)
class Verdict:
    """The page's first sentence."""

    sentence: str
    detail: str
    tone: str
    symbol: str


class Dashboard(HubView):
    title = "Integrations"
    template_name = "hub/dashboard.html"
    live_on = (
        "integration.changed", "integration.deleted", "job.changed", "log.written", "conflict.opened",
        "conflict.resolved", "conflict.decided", "conflicts.changed", "mapping.changed",
        "mapping.dead", "alert.changed",
    )  # fmt: skip

    def get(self, request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        numbers = numbers_of(self.tenant, now)
        every = cards(self.tenant, numbers, now)
        # what belongs to no single integration is counted under the tenant; deleted ones no longer count
        counted = {self.tenant.pk, *(card.integration.pk for card in every)}
        whole = totals({pk: found for pk, found in numbers.items() if pk in counted})
        request.hub_counts = counts_for_navigation(whole)  # type: ignore[attr-defined]
        shown = [card for card in every if matches(card, request)]
        context = {
            "verdict": verdict(every),
            "strip": strip(whole, now),
            "figures": figures(self.tenant, every, whole, now),
            "attention": [card for card in shown if card.needs_attention],
            "others": [card for card in shown if not card.needs_attention],
            "every": every,
            "is_filtered": any(request.GET.get(name) for name in ("q", "state", "type")),
            "filters": [
                (name, request.GET[name]) for name in ("q", "state", "type") if request.GET.get(name)
            ],
            "states": STATES,
            "systems": sorted(
                {(card.integration.connector, card.system) for card in every}, key=lambda each: each[1]
            ),
            "counters": COUNTERS,
            "can_add": self.may(Action.MANAGE),
        }
        return self.render(context=context)


def matches(card: Card, request: HttpRequest) -> bool:
    """Whether a card passes the filters of the address."""
    text = request.GET.get("q", "").strip().casefold()
    if (
        text
        and text not in f"{card.integration.name} {card.system} {' '.join(card.integration.tags)}".casefold()
    ):
        return False
    if (wanted := request.GET.get("type")) and card.integration.connector != wanted:
        return False
    match request.GET.get("state"):
        case "attention":
            return card.needs_attention
        case "healthy":
            return card.word.tone == "good"
        case "paused":
            return card.integration.status in (IntegrationStatus.PAUSED, IntegrationStatus.DISABLED)
        case "draft":
            return card.integration.status == IntegrationStatus.DRAFT
    return True


def verdict(every: list[Card]) -> Verdict:
    """What the whole comes to, in words."""
    if not every:
        return Verdict(
            "Nothing is connected yet", "Connect a system to see its records here.", "idle", "power"
        )
    running = [
        c for c in every if c.integration.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED)
    ]
    troubled = [card for card in every if card.needs_attention]
    if troubled:
        worst = "bad" if any(card.word.tone == "bad" for card in troubled) else "warn"
        verb = "needs" if len(troubled) == 1 else "need"
        names = ", ".join(card.integration.name for card in troubled[:3])
        more = f" and {len(troubled) - 3} more" if len(troubled) > 3 else ""
        symbol = "error" if worst == "bad" else "warning"
        return Verdict(f"{len(troubled)} of {len(every)} {verb} attention", f"{names}{more}.", worst, symbol)
    if not running:
        return Verdict(
            "Nothing is syncing", "Every integration is paused, disabled or not set up.", "idle", "pause"
        )
    noun = "integration is" if len(running) == 1 else "integrations are"
    return Verdict(
        "All is well", f"{len(running)} {noun} in agreement with the other side.", "good", "check_circle"
    )


def strip(whole: Numbers, now: datetime) -> list[Figure]:
    """What would need somebody: open conflicts, dead letters, failing runs, workers."""
    beat = pulse(now)
    found = [
        Figure(
            counter.label,
            str(whole.open.get(counter.key, 0)),
            counter.link(None),
            "warn" if whole.open.get(counter.key) else "",
        )
        for counter in COUNTERS
    ]
    found += [
        Figure("Dead letters", str(whole.dead), reverse("hub:dead_letters"), "bad" if whole.dead else ""),
        Figure(
            "Failing runs, 24 h",
            str(whole.failed_runs),
            reverse("hub:jobs") + "?status=bad&since=24h",
            "bad" if whole.failed_runs else "",
        ),
        Figure("Workers and schedule", beat.word, reverse("hub:jobs"), beat.tone),
    ]
    return found


def figures(tenant: Tenant, every: list[Card], whole: Numbers, now: datetime) -> list[Figure]:
    """S0's and S1's figures, each a link to the rows it counts."""
    active = sum(
        card.integration.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED) for card in every
    )
    logs, jobs = reverse("hub:logs"), reverse("hub:jobs")
    found = [
        Figure("Active integrations", f"{active} of {len(every)}", "?state="),
        Figure("Running now", str(whole.running), f"{jobs}?status=running"),
        Figure(
            "Success, last hour",
            percent(rate(whole.good_hour, whole.bad_hour)),
            f"{logs}?operation=sync&since=1h",
        ),
        Figure("Success, 24 h", percent(rate(whole.good, whole.bad)), f"{logs}?operation=sync&since=24h"),
        Figure(
            "Failed syncs, 24 h",
            str(whole.bad),
            f"{logs}?operation=sync&status=bad&since=24h",
            "bad" if whole.bad else "",
        ),
    ]
    for counter in COUNTERS:
        if counter.settled_label and counter.settled_link:
            settled = str(whole.settled.get(counter.key, 0))
            found.append(Figure(counter.settled_label, settled, counter.settled_link()))
    for more in FIGURES:
        found += more(tenant, now)
    found.append(
        Figure("Records in sync", f"{whole.pairs:,}".replace(",", "\u202f"), reverse("hub:mappings"))
    )
    return found


def counts_for_navigation(whole: Numbers) -> dict[str, Any]:
    """What the sidebar's badges show, so that they need no query of their own."""
    return {"dead": whole.dead, **whole.open}
