"""The page of one integration: a header that says how it is, and tabs that are addresses (UI 3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from connectors import registry
from integrations.badges import mapping_word, word_of
from integrations.models import (
    DeliveryStatus,
    Integration,
    IntegrationStatus,
    MappingState,
    SyncLog,
    WebhookDelivery,
)
from integrations.models import Mapping as PairMapping
from integrations.panels import COUNTERS, TABS
from integrations.services.containers import choices_of
from integrations.services.control import integration_delete_preview, integration_update
from integrations.services.credentials import credential_replace, credential_summary, webhook_url
from integrations.services.deliveries import delivery_replay
from integrations.services.fieldmaps import record_types
from integrations.services.problems import InvalidSettings, Refused, StaleSettings
from workspace.access import Action

from .actions import SECRET_SESSION_KEY
from .base import HubAction, HubView, filter_words, keyset
from .consent import consent_facts
from .figures import BAD_LOGS, GOOD_LOGS, Numbers, cause, next_syncs, numbers_of, rate, system_name
from .forms import (
    BY_KEY,
    GROUPS,
    Bound,
    Group,
    bind,
    connection_group,
    leftover_errors,
    offered,
    read,
    secret_settings,
    with_options,
)
from .jobs import job_context
from .logs import log_context
from .mappings import mapping_context
from .maps import maps_context

LIVE = (
    "integration.changed",
    "job.changed",
    "log.written",
    "mapping.changed",
    "conflict.opened",
    "conflict.resolved",
)

TAB_WORDS = {
    "overview": "Overview",
    "jobs": "Jobs",
    "logs": "Sync log",
    "mappings": "Mappings",
    "field-maps": "Field maps",
    "deliveries": "Deliveries",
    "settings": "Settings",
}


class IntegrationPage(HubView):
    live_on = LIVE

    def get(self, request: HttpRequest, pk: UUID, tab: str = "overview") -> HttpResponse:
        integration = self.integration(pk)
        if tab not in CONTEXTS:
            raise Http404("There is no such tab.")
        context = header(self, integration, tab) | CONTEXTS[tab](self, request, integration)
        return self.render(f"hub/integration/{tab.replace('-', '_')}.html", context)


def header(view: HubView, integration: Integration, tab: str) -> dict[str, Any]:
    """What every tab shows above itself."""
    now = timezone.now()
    numbers = numbers_of(view.tenant, now).get(integration.pk, Numbers())
    tabs = [
        {
            "key": key,
            "label": label,
            "link": reverse("hub:integration_tab", args=[integration.pk, key]),
            "count": 0,
        }
        for key, label in TAB_WORDS.items()
    ]
    tabs[0]["link"] = reverse("hub:integration", args=[integration.pk])
    for extra in TABS:
        count = numbers.open.get(extra.counter, 0)
        tabs.insert(
            3, {"key": extra.key, "label": extra.label, "link": extra.link(integration), "count": count}
        )
    return {
        "integration": integration,
        "title": integration.name,
        "system": system_name(integration.connector),
        "word": word_of(integration),
        "cause": cause(integration, numbers, now),
        "numbers": numbers,
        "counters": COUNTERS,
        "tab": tab,
        "tabs": tabs,
        "is_running": integration.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED),
        "can_enable": integration.status in (IntegrationStatus.ERROR, IntegrationStatus.DISABLED),
        "is_draft": integration.status == IntegrationStatus.DRAFT,
    }


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
    rows = SyncLog.objects.filter(integration=integration, created_at__gt=now - timedelta(days=30))
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


# -- settings ----------------------------------------------------------------------------------------------


def groups_for(integration: Integration) -> list[Group]:
    """The groups of the settings tab; kinds of records and connection as the connector declares them."""
    connector = registry.get(integration.connector)
    return [GROUPS[0], connection_group(connector), *GROUPS[1:]]


def with_kinds(bound: list[Bound], integration: Integration) -> list[Bound]:
    """Fill the choices of "kinds of records"."""
    resources = registry.get(integration.connector).resources_of(integration.options)
    types = record_types(integration)
    for index, each in enumerate(bound):
        if each.setting.name == "resource_types":
            setting = type(each.setting)(
                **{
                    **vars(each.setting),
                    "choices": [
                        (r.name, f"{r.label} ↔ {types[r.name].replace('_', ' ')}") for r in resources
                    ],
                }
            )
            bound[index] = type(each)(setting, each.value, each.errors, each.now, each.is_stale)
    return bound


def offer_places(
    request: HttpRequest, integration: Integration, bound: list[Bound], *, home: str, is_wanted: bool
) -> None:
    """The vendor's own lists behind the places among these inputs, where wanted; a link to ``home`` leads to the other
    way: to the list, or to typing."""
    places = [each for each in bound if each.setting.kind == "place"]
    if not places:
        return
    if is_wanted:
        offered(places, choices_of(integration), find=request.GET.get("find", "").strip())
    for each in places:
        way, words = ("type", "Type it instead") if each.groups else ("pick", "Pick it from the list")
        each.other_way = (f"{home}?{way}=1#{each.dom_id}", words)


def settings_context(
    view: HubView,
    request: HttpRequest,
    integration: Integration,
    *,
    posted: str = "",
    errors: dict[str, list[str]] | None = None,
    is_stale: bool = False,
) -> dict[str, Any]:
    groups: list[dict[str, Any]] = []
    for group in groups_for(integration):
        is_this = group.key == posted
        bound = bind(
            group,
            integration,
            data=request.POST if is_this else None,
            errors=errors if is_this else None,
            is_stale=is_stale,
        )
        if view.may(Action.MANAGE):
            home = reverse("hub:integration_tab", args=[integration.pk, "settings"])
            offer_places(request, integration, bound, home=home, is_wanted="pick" in request.GET)
        groups.append({"group": group, "bound": with_kinds(bound, integration), "is_posted": is_this})
    once = request.session.get(SECRET_SESSION_KEY)
    connector = registry.get(integration.connector)
    secret = once["secret"] if once and once["id"] == str(integration.pk) else ""
    if not connector.hub_makes_webhook_secret:
        secret = ""
    if secret and view.may(Action.MANAGE):
        del request.session[SECRET_SESSION_KEY]
    return {
        "groups": groups,
        "errors": errors or {},
        "error_lines": [(name, text) for name, texts in (errors or {}).items() for text in texts],
        "leftover": leftover_errors(errors or {}, [each["bound"] for each in groups]),
        "is_stale": is_stale,
        "credentials": [
            {
                **line,
                "setting": setting,
                "errors": (errors or {}).get(line["name"], []) if posted == "credentials" else [],
            }
            for line, setting in zip(credential_summary(integration), secret_settings(connector), strict=True)
        ],
        "credential_expires_at": getattr(getattr(integration, "credential", None), "expires_at", None),
        "webhook_url": webhook_url(integration),
        "webhook_help": connector.webhook_help,
        "makes_webhook_secret": connector.hub_makes_webhook_secret,
        "secret_once": secret if view.may(Action.MANAGE) else "",
        "has_webhooks": connector.webhooks_of(integration.options) is not None,
        "token_url": connector.token_url,
        "consent": consent_facts(request, integration),
    }


def settings(view: HubView, request: HttpRequest, integration: Integration) -> dict[str, Any]:
    return settings_context(view, request, integration)


class SettingsSave(HubView):
    """Save one group. Refused with every field's error, or with both values if someone saved meanwhile (409)."""

    action = Action.MANAGE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: UUID, group: str) -> HttpResponse:
        integration = self.integration(pk)
        home = reverse("hub:integration_tab", args=[pk, "settings"])
        try:
            if group == "credentials":
                self._credentials(request, integration)
            else:
                self._group(request, integration, group)
        except StaleSettings as refused:
            self.say(refused.message, "error")
            return self._again(request, refused.current, group, {}, is_stale=True, status=409)
        except InvalidSettings as refused:
            return self._again(request, integration, group, refused.errors, status=422)
        return HttpResponseRedirect(f"{home}#{group}")

    def _group(self, request: HttpRequest, integration: Integration, key: str) -> None:
        groups = {group.key: group for group in groups_for(integration)}
        if key not in groups:
            raise Http404("There is no such group of settings.")
        values, errors = read(groups[key], request.POST)
        if errors:
            raise InvalidSettings(errors)
        version = request.POST.get("version", "")
        changed = integration_update(
            integration=integration,
            user=request.user,
            version=int(version) if version.isdigit() else 0,
            **with_options(values, integration.options),
        )
        self.say(f"Saved: {groups[key].title.lower()} of {changed.name}.")

    def _credentials(self, request: HttpRequest, integration: Integration) -> None:
        connector = registry.get(integration.connector)
        given: dict[str, Any] = {}
        for each in connector.secrets:
            if request.POST.get(f"clear.{each.name}"):
                given[each.name] = None
            elif value := request.POST.get(each.name, "").strip():
                given[each.name] = {"env": value[4:].strip()} if value.startswith("env:") else value
        if not given:
            self.say("Nothing was typed, so the credentials stay as they are.", "info")
            return
        credential_replace(integration=integration, user=request.user, secrets=given)
        self.say("Credentials replaced. Test the connection to be sure they work.")

    def _again(
        self,
        request: HttpRequest,
        integration: Integration,
        group: str,
        errors: dict[str, list[str]],
        *,
        is_stale: bool = False,
        status: int,
    ) -> HttpResponse:
        context = header(self, integration, "settings") | settings_context(
            self, request, integration, posted=group, errors=errors, is_stale=is_stale
        )
        return self.render("hub/integration/settings.html", context, status=status)


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
__all__ = ["BY_KEY", "DeliveryReplay", "IntegrationDelete", "IntegrationPage", "SettingsSave"]
