"""A new integration: choose a system, connect, test, choose what is synced, look it over, start (UI 1).

The draft is a row from the moment it is connected, so leaving and coming back loses nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.types import Can
from integrations.models import Integration, IntegrationStatus, IntegrationTemplate, JobKind
from integrations.offers import offer_for
from integrations.services.clients import connection_check
from integrations.services.control import (
    integration_create,
    integration_enable,
    integration_pause,
)
from integrations.services.credentials import webhook_url
from integrations.services.fieldmaps import field_map_current, record_types
from integrations.services.jobs import job_request
from integrations.services.problems import InvalidSettings, Refused, StaleSettings
from integrations.services.templates import template_import, templates_for
from workspace.access import Action

from .actions import SECRET_SESSION_KEY, secret_to_show
from .base import HubView
from .consent import consent_facts
from .figures import system_name
from .forms import (
    OPTION,
    Bound,
    Group,
    Setting,
    bind,
    connection_group,
    read,
    secret_settings,
    with_options,
)
from .kinds import resources_of
from .recognition import match_groups, match_now
from .statuses import status_tables
from .what import what_page, what_save

STEPS = (
    ("system", "System"),
    ("connect", "Connect"),
    ("test", "Test"),
    ("what", "What and how"),
    ("review", "Review"),
)
#: every system has these: what it is there for is named before them
SIDE_KINDS = ("member", "label", "project", "comment")


def capabilities(connector: Connector) -> list[str]:
    """What a system can do, in a word each; Generic REST's depend on its settings."""
    can = {each for resource in connector.resources for each in resource.can}
    by_configuration = not connector.resources
    telling = sorted(connector.resources, key=lambda each: each.record_type in SIDE_KINDS)
    chips = [resource.label for resource in telling[:4]]
    if by_configuration:
        chips.append("anything by configuration")
    if Can.UPDATE in can or by_configuration:
        chips.append("two-way")
    if connector.webhooks is not None or connector.webhooks_for is not None:
        chips.append("webhooks")
    if Can.DELETE in can or Can.ARCHIVE in can:
        chips.append("deletes")
    return chips


class ChooseSystem(HubView):
    action = Action.MANAGE
    title = "New integration"
    template_name = "hub/new/system.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").strip().casefold()
        systems = [
            {"connector": connector, "chips": capabilities(connector)}
            for connector in installed()
            if text in f"{connector.name} {connector.summary} {connector.key}".casefold()
        ]
        templates = list(templates_for(self.tenant))
        wanted = request.GET.get("template", "")
        drafts = Integration.objects.for_tenant(self.tenant).filter(status=IntegrationStatus.DRAFT)
        names = {connector.key: connector.name for connector in installed()}
        context = {
            "systems": systems,
            "drafts": drafts,
            "steps": steps("system"),
            "templates": [(row, names.get(row.connector, "")) for row in templates],
            "template": next((row for row in templates if str(row.pk) == wanted and not row.connector), None),
        }
        return self.render(context=context)


def installed() -> list[Connector]:
    """Every connector that can be opened; one that is broken does not hide the others."""
    found = []
    for slug in registry.slugs():
        try:
            found.append(registry.get(slug))
        except (ImportError, AttributeError):
            continue
    return sorted(found, key=lambda connector: connector.name.casefold())


def steps(current: str) -> list[dict[str, Any]]:
    """The step list with done, current and to do."""
    keys = [key for key, _ in STEPS]
    at = keys.index(current)
    return [
        {"label": label, "is_current": number == at, "is_done": number < at}
        for number, (_, label) in enumerate(STEPS)
    ]


class Connect(HubView):
    """Name, address and credentials, from a ready-made set-up or from nothing; saving makes the draft and tests it."""

    action = Action.MANAGE
    template_name = "hub/new/connect.html"

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        return self._page(self._connector(slug))

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        connector = self._connector(slug)
        values, errors = read(connection_fields(connector), request.POST)
        secrets = typed_secrets(connector, request.POST)
        try:
            if errors:
                raise InvalidSettings(errors)
            integration = self._make(connector, values, secrets)
        except InvalidSettings as refused:
            return self._page(connector, refused.errors, status=422)
        if connector.hub_makes_webhook_secret:
            request.session[SECRET_SESSION_KEY] = str(integration.pk)
        connection_check(integration=integration, user=request.user)
        return HttpResponseRedirect(reverse("hub:integration_setup", args=[integration.pk, "test"]))

    def _make(self, connector: Connector, values: dict[str, Any], secrets: dict[str, Any]) -> Integration:
        facts: dict[str, Any] = {
            "tenant": self.tenant,
            "user": self.request.user,
            "connector": connector.key,
            "secrets": secrets,
        }
        wanted = self.request.POST.get("template", "")
        if not wanted:
            return integration_create(**facts, **with_options(values, {}))[0]
        template = next((row for row in self._templates(connector) if str(row.pk) == wanted), None)
        if template is None:
            raise InvalidSettings({"template": ["This set-up is not offered any more; choose another."]})
        options = template.body.get("settings", {}).get("options", {})
        return template_import(**facts, body=template.body, **with_options(values, options))[0]

    def _templates(self, connector: Connector) -> list[IntegrationTemplate]:
        """The ready-made set-ups for this system, those for every system last."""
        rows = [row for row in templates_for(self.tenant) if row.connector in ("", connector.key)]
        return sorted(rows, key=lambda row: (not row.connector, row.name.casefold()))

    def _connector(self, slug: str) -> Connector:
        try:
            return registry.get(slug)
        except (KeyError, ImportError, AttributeError) as exc:
            raise Http404("There is no such system.") from exc

    def _page(
        self, connector: Connector, errors: dict[str, list[str]] | None = None, *, status: int = 200
    ) -> HttpResponse:
        group = connection_fields(connector)
        defaults = {
            "name": connector.name,
            "auth_type": connector.auth_types[0] if connector.auth_types else "",
        }
        is_again = errors is not None
        offer = None if is_again else offer_for(connector.key)
        is_filled = offer is not None and "offer" in self.request.GET
        if offer is not None and is_filled:
            settings = {OPTION + name: value for name, value in offer.settings.items()}
            defaults |= {"base_url": offer.base_url, **settings}
        bound = bind(
            group, None, data=self.request.POST if is_again else None, errors=errors, defaults=defaults
        )
        secrets = [
            Bound(setting, "", list((errors or {}).get(setting.name, [])))
            for setting in secret_settings(connector)
        ]
        for each in secrets:
            if each.setting.kind != "password" and is_again:
                each.value = self.request.POST.get(each.setting.name, "")
            if offer is not None and is_filled:
                each.value = offer.secrets.get(each.setting.name, "")
        shown = {each.setting.name for each in (*bound, *secrets)}
        context = {
            "title": f"Connect {connector.name}",
            "connector": connector,
            "bound": bound,
            "secrets": secrets,
            "offer": offer,
            "is_filled": is_filled,
            "templates": self._templates(connector),
            "template": (self.request.POST if is_again else self.request.GET).get("template", ""),
            "steps": steps("connect"),
            "error_lines": [
                ("" if name not in shown else f"f-{name.replace('.', '-')}", name, text)
                for name, texts in (errors or {}).items()
                for text in texts
            ],
        }
        return self.render(context=context, status=status)


def connection_fields(connector: Connector) -> Group:
    own = connection_group(connector)
    name = Setting(
        "name", "Name", help="What your team calls it, for example “Waitlist board”.", required=True
    )
    return Group("connect", own.title, own.lead, (name, *own.settings))


def typed_secrets(connector: Connector, data: Any) -> dict[str, Any]:
    given = {}
    for each in connector.secrets:
        if value := data.get(each.name, "").strip():
            given[each.name] = {"env": value[4:].strip()} if value.startswith("env:") else value
    return given


class Setup(HubView):
    """The later steps, on the draft."""

    action = Action.MANAGE
    live_on = ("job.changed", "integration.changed")

    def get(self, request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
        integration = self.integration(pk)
        if step not in PAGES:
            raise Http404("There is no such step.")
        return self._page(integration, step)

    def post(self, request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
        integration = self.integration(pk)
        try:
            match step:
                case "test":
                    checked = connection_check(integration=integration, user=request.user)
                    self.say("The connection works.") if checked["ok"] else self.say(
                        "The test failed.", "error"
                    )
                    return self._go(pk, "test")
                case "what":
                    what_save(self, request, integration)
                    return self._go(pk, "review")
                case "review":
                    return self._finish(request, integration)
        except InvalidSettings as refused:
            return self._page(integration, step, refused.errors, status=422)
        except StaleSettings as refused:
            self.say(refused.message, "error")
            return self._page(refused.current, step, status=409)
        except Refused as refused:
            self.say(refused.message, "error")
            return self._go(pk, step)
        raise Http404("There is no such step.")

    def _finish(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        match request.POST.get("start"):
            case "dry-run":
                job = job_request(integration=integration, kind=JobKind.PREVIEW, user=request.user)
                return HttpResponseRedirect(reverse("hub:job", args=[job.pk]))
            case "paused":
                integration_enable(integration=integration, user=request.user)
                integration_pause(integration=integration, user=request.user, reason="Started paused.")
                self.say(f"{integration.name} is set up and paused.")
            case _:
                integration_enable(integration=integration, user=request.user)
                then = (
                    "the first sync is under way"
                    if integration.auto_sync
                    else "start its first sync when you like"
                )
                self.say(f"{integration.name} is set up; {then}.")
        return HttpResponseRedirect(reverse("hub:integration", args=[integration.pk]))

    def _go(self, pk: UUID, step: str) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("hub:integration_setup", args=[pk, step]))

    def _page(
        self,
        integration: Integration,
        step: str,
        errors: dict[str, list[str]] | None = None,
        *,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            "integration": integration,
            "system": system_name(integration.connector),
            "title": f"Set up {integration.name}",
            "steps": steps(step),
            "step": step,
            "check": integration.last_check,
            "errors": errors or {},
            "error_lines": [(name, text) for name, texts in (errors or {}).items() for text in texts],
        } | PAGES[step](self, integration, errors)
        return self.render(f"hub/new/{step}.html", context, status=status)


def _test_page(view: HubView, integration: Integration, errors: Any) -> dict[str, Any]:
    return {"consent": consent_facts(view.request, integration)}


def _review_page(view: HubView, integration: Integration, errors: Any) -> dict[str, Any]:
    tables, types = [], record_types(integration)
    for resource in resources_of(integration):
        current = field_map_current(integration=integration, resource=resource.name)
        for table in status_tables(integration, resource, current):
            tables.append({"resource": resource, **table})
    connector = registry.get(integration.connector)
    return {
        "resources": [(each, types[each.name]) for each in resources_of(integration)],
        "tables": tables,
        "recognise": [
            (group, bind(group, integration, defaults=match_now(integration)))
            for group in match_groups(integration)
        ],
        "webhook_url": webhook_url(integration),
        "secret_once": secret_to_show(view.request, integration),
        "webhook_help": connector.webhook_help,
        "has_webhooks": connector.webhooks_of(integration.options) is not None,
    }


PAGES = {"test": _test_page, "what": what_page, "review": _review_page}
__all__ = ["OPTION", "ChooseSystem", "Connect", "Setup"]
