"""What alerts, tests and digests say: the facts gathered once, put into text, HTML and Slack's markup (S1's template)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from integrations.badges import word_of
from integrations.models import Integration, SyncLog
from integrations.pages.figures import BAD_LOGS, GOOD_LOGS
from integrations.panels import COUNTERS, Tally
from integrations.selectors import healths_of
from monitoring.catalogue import amount, condition, number
from monitoring.measures import CONFLICTS, syncs
from monitoring.models import Alert, Reason
from monitoring.services.channels import Message, slack_escape
from workspace.models import Tenant

RECENT_ERRORS = 5
RATE_WINDOW = timedelta(hours=1)
HUB = "The hub itself"

_LEADS = {
    Reason.FIRED: "fires",
    Reason.AGAIN: "still fires",
    Reason.RECOVERED: "is over",
}


@dataclass(frozen=True)
class Line:
    """One failed sync: when, and what the log says (redacted when it was written)."""

    at: str
    message: str


@dataclass(frozen=True)
class Waiting:
    """One integration's line in the digest."""

    name: str
    count: int
    oldest: str


def link(name: str, *arguments: Any, query: str = "") -> str:
    """A page's full address; only its path where the hub does not know its own (WEBHOOK_BASE_URL)."""
    return f"{settings.WEBHOOK_BASE_URL}{reverse(name, args=arguments)}{query}"


def clock(moment: datetime | None, tenant: Tenant) -> str:
    """A time in the tenant's zone, with the zone; "never" without one."""
    return moment.astimezone(tenant.zone).strftime("%d %b %Y, %H:%M %Z") if moment else "never"


def alert_message(alert: Alert, reason: str, now: datetime) -> Message:
    """An alert has fired, still fires or is over. Four queries; the alert comes with tenant and integration."""
    facts = alert_facts(alert, reason, now)
    return Message(
        subject=f"[Lockstep] Integration alert: {facts['integration']} - {alert.get_severity_display().upper()}"
        + {Reason.RECOVERED: " (recovered)", Reason.AGAIN: " (still firing)"}.get(Reason(reason), ""),
        text=render_to_string("monitoring/mail/alert.txt", facts),
        html=render_to_string("monitoring/mail/alert.html", facts),
        slack=_slack(facts),
    )


def alert_facts(alert: Alert, reason: str, now: datetime) -> dict[str, Any]:
    """What S1's template names, and the links."""
    tenant, integration = alert.tenant, alert.integration
    found: dict[str, Any] = {
        "alert": alert,
        "tenant": tenant,
        "integration": integration.name if integration else HUB,
        "status": _word(integration, now) if integration else "",
        "severity": alert.get_severity_display(),
        "lead": _LEADS[Reason(reason)],
        "is_over": reason == Reason.RECOVERED,
        "value": amount(alert.metric, alert.value),
        "condition": condition(alert.metric, alert.threshold),
        "since": clock(alert.since, tenant),
        "resolved_at": clock(alert.resolved_at, tenant) if alert.resolved_at else "",
        "resolved_by": alert.resolved_by.get_username() if alert.resolved_by else "",
        "alert_link": link("alerts:alert", alert.pk),
        "details": [],
        "errors": [],
    }
    if integration is not None:
        found |= {
            "details": _details(tenant, integration, now),
            "errors": _recent_errors(tenant, integration),
            "integration_link": link("hub:integration", integration.pk),
            "errors_link": link("hub:integration_tab", integration.pk, "logs", query="?status=bad"),
        }
    return found


def _word(integration: Integration, now: datetime) -> str:
    return word_of(integration, healths_of([integration], now=now).get(integration.pk)).word


def _details(tenant: Tenant, integration: Integration, now: datetime) -> list[tuple[str, str]]:
    rows = syncs(SyncLog.objects.filter(integration=integration, created_at__gt=now - RATE_WINDOW))
    statuses = list(rows.values_list("status", flat=True))
    good, bad = (sum(status in group for status in statuses) for group in (GOOD_LOGS, BAD_LOGS))
    rate = (
        f"{number(100 * bad / (good + bad))} % ({bad} of {good + bad} in the last hour)"
        if good + bad
        else "no syncs in the last hour"
    )
    return [
        ("Error rate", rate),
        ("Last successful sync", clock(integration.last_success_at, tenant)),
        ("Pending conflicts", str(conflicts_waiting(tenant, now).get(integration.pk, Tally()).open)),
    ]


def conflicts_waiting(tenant: Tenant, now: datetime) -> dict[Any, Tally]:
    """The review desk's counter by integration; empty where that room is not installed."""
    counter = next((each for each in COUNTERS if each.key == CONFLICTS), None)
    return dict(counter.counts(tenant, now)) if counter else {}


def _recent_errors(tenant: Tenant, integration: Integration) -> list[Line]:
    rows = SyncLog.objects.filter(integration=integration, status__in=BAD_LOGS).order_by("-id")
    return [
        Line(clock(at, tenant), message[:300])
        for at, message in rows.values_list("created_at", "message")[:RECENT_ERRORS]
    ]


def _slack(facts: dict[str, Any]) -> str:
    symbol = (
        ":white_check_mark:"
        if facts["is_over"]
        else {"Critical": ":rotating_light:", "Warning": ":warning:"}.get(
            facts["severity"], ":information_source:"
        )
    )
    said = [
        f"{symbol} *{slack_escape(facts['severity'])}: {slack_escape(facts['alert'].name)}* {facts['lead']}"
        f" · {slack_escape(facts['integration'])}",
        f"{slack_escape(facts['condition'])}; now {slack_escape(facts['value'])}, since {facts['since']}.",
    ]
    said += [f"• {label}: {slack_escape(value)}" for label, value in facts["details"]]
    said += [f"> {line.at} {slack_escape(line.message)}" for line in facts["errors"][:3]]
    said.append(slack_escape(facts["alert_link"]))
    return "\n".join(said)


def test_message(tenant: Tenant, who: str) -> Message:
    facts = {"tenant": tenant, "who": who, "link": link("alerts:channels")}
    return Message(
        subject=f"[Lockstep] Test message of {tenant.name}",
        text=render_to_string("monitoring/mail/test.txt", facts),
        html=render_to_string("monitoring/mail/test.html", facts),
        slack=f":wave: Test message of {slack_escape(tenant.name)}, sent by {slack_escape(who)}. Alerts will arrive here.",
    )


def digest_message(tenant: Tenant, now: datetime) -> Message | None:
    """Which conflicts wait, by integration, the oldest first; None if none do (any more)."""
    tallies = {pk: tally for pk, tally in conflicts_waiting(tenant, now).items() if tally.open}
    if not tallies:
        return None
    names = dict(Integration.objects.for_tenant(tenant).filter(pk__in=tallies).values_list("pk", "name"))
    ordered = sorted(tallies, key=lambda pk: tallies[pk].oldest_at or now)
    count = sum(tally.open for tally in tallies.values())
    counter = next(each for each in COUNTERS if each.key == CONFLICTS)
    facts = {
        "tenant": tenant,
        "count": count,
        "lines": [
            Waiting(names.get(pk, ""), tallies[pk].open, clock(tallies[pk].oldest_at, tenant))
            for pk in ordered
        ],
        "link": f"{settings.WEBHOOK_BASE_URL}{counter.link(None)}",
        "stop_link": link("alerts:channels"),
    }
    noun = "conflict waits" if count == 1 else "conflicts wait"
    return Message(
        subject=f"[Lockstep] {tenant.name}: {count} {noun} for a decision",
        text=render_to_string("monitoring/mail/digest.txt", facts),
        html=render_to_string("monitoring/mail/digest.html", facts),
        slack="",
    )
