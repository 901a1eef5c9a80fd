"""The settings tab: groups that are saved alone, credentials, the webhook (UI 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from connectors import registry
from integrations.models import Integration
from integrations.services.containers import choices_of
from integrations.services.control import integration_update
from integrations.services.credentials import credential_replace, credential_summary, webhook_url
from integrations.services.fieldmaps import record_types
from integrations.services.problems import InvalidSettings, StaleSettings
from integrations.services.windows import next_run
from workspace.access import Action

from .actions import SECRET_SESSION_KEY, secret_to_show
from .base import HubView, as_number
from .consent import consent_facts
from .forms import (
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
from .header import header
from .recognition import RECOGNISE, match_groups, match_now, with_match


def groups_for(integration: Integration) -> list[Group]:
    """The groups of the settings tab; kinds of records and connection as the connector declares them."""
    connector = registry.get(integration.connector)
    return [GROUPS[0], connection_group(connector), GROUPS[1], *match_groups(integration), *GROUPS[2:]]


def with_kinds(bound: list[Bound], integration: Integration) -> list[Bound]:
    """Fill the choices of "kinds of records"."""
    for index, each in enumerate(bound):
        if each.setting.name == "resource_types":
            setting = replace(each.setting, choices=_kind_choices(integration))
            bound[index] = replace(each, setting=setting)
    return bound


def _kind_choices(integration: Integration) -> list[tuple[str, str]]:
    """Every kind of the system's, with what it is kept as here."""
    resources = registry.get(integration.connector).resources_of(integration.options)
    types = record_types(integration)
    return [(each.name, f"{each.label} ↔ {types[each.name].replace('_', ' ')}") for each in resources]


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
            defaults=match_now(integration) if group.key == RECOGNISE else None,
        )
        if view.may(Action.MANAGE):
            home = reverse("hub:integration_tab", args=[integration.pk, "settings"])
            offer_places(request, integration, bound, home=home, is_wanted="pick" in request.GET)
        groups.append({"group": group, "bound": with_kinds(bound, integration), "is_posted": is_this})
    connector = registry.get(integration.connector)
    secret = secret_to_show(request, integration)
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


def _next_run(integration: Integration) -> str:
    """When the schedule next begins a run, where windows keep some of its starts from one."""
    at = next_run(integration, timezone.now()) if integration.sync_windows else None
    if at is None:
        return ""
    return f"The next run within the windows begins on {at:%A, %d %B, at %H:%M} ({integration.tenant.time_zone})."


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
        return self.back(f"{home}#{group}")

    def _group(self, request: HttpRequest, integration: Integration, key: str) -> None:
        groups = {group.key: group for group in groups_for(integration)}
        if key not in groups:
            raise Http404("There is no such group of settings.")
        values, errors = read(groups[key], request.POST)
        if errors:
            raise InvalidSettings(errors)
        version = request.POST.get("version", "")
        settings = (
            with_match(values, integration) if key == RECOGNISE else with_options(values, integration.options)
        )
        changed = integration_update(
            integration=integration,
            user=request.user,
            version=as_number(version, 0),
            **settings,
        )
        self.say(
            f"Saved: {groups[key].title.lower()} of {changed.name}. {_next_run(changed) if key == 'when' else ''}".strip()
        )

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
