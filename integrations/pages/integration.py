"""The page of one integration: a header that says how it is, and tabs that are addresses (UI 3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from integrations.badges import mapping_word
from integrations.health import ENOUGH
from integrations.models import DeliveryStatus, Integration, MappingState, SyncLog, WebhookDelivery
from integrations.models import Mapping as PairMapping
from integrations.registrations import registration_of, silence_sentence
from integrations.selectors import OF_SYNC, RATED
from integrations.services.credentials import webhook_url
from integrations.services.deletion import integration_delete_preview
from integrations.services.deliveries import delivery_replay
from integrations.services.problems import Refused
from workspace.access import Action

from .base import HubAction, HubView, filter_words, keyset
from .figures import BAD_LOGS, GOOD_LOGS, next_syncs, rate
from .header import header
from .jobs import job_context
from .logs import log_context
from .mappings import mapping_context
from .maps import maps_context
from .settings import settings

LIVE = (
    "integration.changed",
    "job.changed",
    "log.written",
    "mapping.changed",
    "conflict.opened",
    "conflict.resolved",
)


class IntegrationPage(HubView):
    live_on = LIVE

    def get(self, request: HttpRequest, pk: UUID, tab: str = "overview") -> HttpResponse:
        integration = self.integration(pk)
        if tab not in CONTEXTS:
            raise Http404("There is no such tab.")
        context = header(self, integration, tab) | CONTEXTS[tab](self, request, integration)
        return self.render(f"hub/integration/{tab.replace('-', '_')}.html", context)


# -- overview ----------------------------------------------------------------------------------------------


def overview(view: HubView, request: HttpRequest, integration: Integration) -> dict[str, Any]:
    now = timezone.now()
    logs = SyncLog.objects.filter(integration=integration)
    return {
        "next_sync": next_syncs([integration], now).get(integration.pk),
        "success": success_rates(integration),
        "states": mapping_states(integration),
        "timeline": logs.defer("exchange", "error_trace", "field_changes").select_related("job__triggered_by").order_by("-id")[:10],
        "check": integration.last_check,
        "is_rated": integration.status in RATED,
        "enough": ENOUGH,
        "webhook": registration_of(integration),
        "silence": silence_sentence(integration),
        "waiting": DeliveryStatus.HELD,
        "held_deliveries": WebhookDelivery.objects.filter(integration=integration, status=DeliveryStatus.HELD).count(),
    }  # fmt: skip


def success_rates(integration: Integration) -> list[tuple[str, float | None, str]]:
    """(period, percent, filter) for a day, a week and a month; one query."""
    now = timezone.now()
    spans = {"24h": ("24 hours", 1), "7d": ("7 days", 7), "30d": ("30 days", 30)}
    wanted = {}
    for key, (_, days) in spans.items():
        since = Q(created_at__gt=now - timedelta(days=days))
        wanted[f"good_{key}"] = Count("pk", filter=since & Q(status__in=GOOD_LOGS))
        wanted[f"bad_{key}"] = Count("pk", filter=since & Q(status__in=BAD_LOGS))
    rows = SyncLog.objects.filter(
        integration=integration, operation__in=OF_SYNC, created_at__gt=now - timedelta(days=30)
    )
    found = rows.aggregate(**wanted)
    return [
        (label, rate(found[f"good_{key}"], found[f"bad_{key}"]), key) for key, (label, _) in spans.items()
    ]


def mapping_states(integration: Integration) -> list[dict[str, Any]]:
    """Pairs by the word a person sees, each with the states behind it."""
    rows = (
        PairMapping.objects.filter(integration=integration).order_by().values("state").annotate(n=Count("pk"))
    )
    words: dict[str, dict[str, Any]] = {}
    for row in rows:
        state = MappingState(row["state"])
        word = mapping_word(state)
        label = word.word if state is not MappingState.TOMBSTONE else "Deleted"
        entry = words.setdefault(label, {"label": label, "word": word, "count": 0, "state": state.value})
        entry["count"] += row["n"]
    return sorted(words.values(), key=lambda entry: -entry["count"])


# -- deliveries --------------------------------------------------------------------------------------------


def deliveries(view: HubView, request: HttpRequest, integration: Integration) -> dict[str, Any]:
    rows = WebhookDelivery.objects.filter(integration=integration).defer("body")
    if value := request.GET.get("status"):
        rows = rows.filter(status=value)
    if value := request.GET.get("q", "").strip():
        rows = rows.filter(
            Q(event__icontains=value[:100]) | Q(dedupe_key__icontains=value[:100]) | Q(correlation_id=value)
        )
    return {
        "page": keyset(rows, request),
        "statuses": DeliveryStatus.choices,
        "filters": filter_words(request, {"q": "Search", "status": "Status"}),
        "webhook_url": webhook_url(integration),
    }


class DeliveryReplay(HubAction):
    """Work a stored delivery off once more."""

    action = Action.OPERATE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.one(WebhookDelivery.objects.select_related("integration", "tenant"), pk=pk)
        try:
            delivery_replay(delivery=row, user=request.user)
            self.say("The delivery is being worked off again.")
        except Refused as refused:
            self.say(refused.message, "error")
        return self.back(reverse("hub:integration_tab", args=[row.integration_id, "deliveries"]))


class IntegrationDelete(HubView):
    """What goes and what stays, then the typed name."""

    action = Action.MANAGE
    template_name = "hub/integration/delete.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        integration = self.integration(pk)
        context = header(self, integration, "settings")
        context["goes"] = integration_delete_preview(integration)
        return self.render(context=context)


Context = Callable[[HubView, HttpRequest, Integration], dict[str, Any]]
CONTEXTS: dict[str, Context] = {
    "overview": overview,
    "jobs": job_context,
    "logs": log_context,
    "mappings": mapping_context,
    "field-maps": maps_context,
    "deliveries": deliveries,
    "settings": settings,
}
