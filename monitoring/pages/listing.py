"""Alerts: what fires, who is at it, what is over; and one of them with whom it told (UI 10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from integrations.models import Integration
from integrations.pages.base import HubAction, HubView, filter_words, forbidden, keyset
from integrations.services.problems import Refused
from monitoring.catalogue import amount, condition
from monitoring.models import OPEN_STATES, Alert, AlertRule, AlertState, Notification, Severity
from monitoring.selectors import STATES, alert_rows, alive, channel_facts, told_whom
from monitoring.services.alerts import EVENT, alert_acknowledge, alert_resolve
from workspace.access import Action

FILTERS = {
    "q": "Search",
    "state": "State",
    "severity": "Severity",
    "integration": "Integration",
    "rule": "Rule",
}
SHOWN_NOTIFICATIONS = 100


def in_words(alert: Alert) -> dict[str, Any]:
    """An alert with its number and its threshold as people read them."""
    return {
        "alert": alert,
        "value": amount(alert.metric, alert.value),
        "condition": condition(alert.metric, alert.threshold),
        "is_open": alert.state in OPEN_STATES,
        "is_firing": alert.state == AlertState.FIRING,
    }


class AlertList(HubView):
    title = "Alerts"
    template_name = "monitoring/alerts.html"
    live_on = (EVENT,)

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = alert_rows(self.tenant, request.GET)
        page = keyset(
            rows.select_related("integration", "acknowledged_by", "resolved_by"), request, read=UUID
        )
        told = told_whom(page.rows)
        context = {
            "page": page,
            "entries": [{**in_words(alert), "told": told.get(alert.pk, "")} for alert in page],
            "filters": filter_words(request, FILTERS),
            "states": STATES.items(),
            "state": request.GET.get("state") or "open",
            "severities": Severity.choices,
            "integrations": Integration.objects.for_tenant(self.tenant).only("id", "name"),
            "faulty_rules": AlertRule.objects.filter(tenant=self.tenant, enabled=True).exclude(fault=""),
            "faulty_channels": [fact for fact in channel_facts(self.tenant) if fact.error],
        }
        return self.render(context=context)


class AlertDetail(HubView):
    title = "Alert"
    template_name = "monitoring/alert.html"
    live_on = (EVENT,)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        rows = alive(self.tenant).select_related("integration", "rule", "acknowledged_by", "resolved_by")
        alert = self.one(rows, pk=pk)
        told = Notification.objects.filter(alert=alert).order_by("-pk")
        words = in_words(alert)
        context = {**words, "acting": words, "title": alert.name, "told": told[:SHOWN_NOTIFICATIONS]}
        return self.render(context=context)


class AlertDo(HubAction):
    """Acknowledge (operators) or resolve (managers) one alert."""

    action = Action.VIEW  # what each needs is checked by name

    NEEDED = {"acknowledge": Action.OPERATE, "resolve": Action.MANAGE}

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        if action not in self.NEEDED:
            raise Http404("There is no such action.")
        if not self.may(self.NEEDED[action]):
            raise forbidden("Your role does not include this.")
        alert = self.one(alive(self.tenant), pk=pk)
        try:
            if action == "acknowledge":
                alert_acknowledge(alert=alert, user=request.user, now=timezone.now())
                self.say("Acknowledged: nobody is reminded any more until it is over.")
            else:
                note = request.POST.get("note", "")
                alert_resolve(alert=alert, user=request.user, now=timezone.now(), note=note)
                self.say("Resolved. It opens again only for a new breach.")
        except Refused as refused:
            self.say(refused.message, "error")
        return self.back(reverse("alerts:alert", args=[pk]))
