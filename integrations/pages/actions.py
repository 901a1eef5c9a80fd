"""What an operator or manager does to an integration; each is one POST and one service call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from connectors.base.errors import SyncError
from integrations.models import Integration, JobKind
from integrations.services.clients import connection_check
from integrations.services.control import (
    integration_disable,
    integration_enable,
    integration_pause,
    integration_resume,
)
from integrations.services.credentials import webhook_secret_newest, webhook_secret_rotate
from integrations.services.deletion import integration_delete
from integrations.services.deliveries import Withdrawn, webhook_register
from integrations.services.jobs import job_request
from integrations.services.problems import CheckFailed, InvalidSettings, JobAlreadyOpen, NotNow, Refused
from workspace.access import Action

from .base import HubAction, HubView
from .figures import pulse

#: whose new webhook secret this session has yet to show; the secret itself stays where it is encrypted
SECRET_SESSION_KEY = "hub_secret_once"  # noqa: S105


def secret_to_show(request: HttpRequest, integration: Integration) -> str:
    """The new webhook secret, if this session made it and has not been shown it on the settings yet."""
    is_due = request.session.get(SECRET_SESSION_KEY) == str(integration.pk)
    return webhook_secret_newest(integration) if is_due else ""


class IntegrationDo(HubAction):
    """``/integrations/<id>/do/<action>``: 403 for a role that may not, 404 for another tenant's."""

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        if action not in ACTIONS:
            return self.render("hub/not_found.html", {"title": "No such action"}, status=404)
        needed, act = ACTIONS[action]
        integration = self.integration(pk)
        if not self.may(needed):
            return self.render("hub/forbidden.html", {"title": "Not allowed"}, status=403)
        home = reverse("hub:integration", args=[pk])
        try:
            answer = act(self, integration)
        except JobAlreadyOpen as refused:
            self.say(refused.message, "warning")
            return HttpResponseRedirect(reverse("hub:job", args=[refused.job.pk]))
        except CheckFailed as refused:
            self.say(refused.message, "error")
            return HttpResponseRedirect(home)
        except Refused as refused:
            self.say(refused.message, "error")
            return self.back(home)
        return answer or self.back(home)


def _sync(view: HubView, integration: Integration) -> HttpResponse | None:
    resource = view.request.POST.get("resource", "")
    job_request(
        integration=integration,
        kind=JobKind.MANUAL,
        user=view.request.user,
        resources=[resource] if resource else [],
        options={"full": True} if view.request.POST.get("full") else {},
    )
    if pulse(timezone.now()).tone == "bad":
        view.say(
            f"{integration.name} is queued; no worker answers, so it waits until one is started.", "warning"
        )
    else:
        view.say(f"{integration.name} is being synced now.")
    return None


def _dry_run(view: HubView, integration: Integration) -> HttpResponse:
    job = job_request(integration=integration, kind=JobKind.PREVIEW, user=view.request.user)
    return HttpResponseRedirect(reverse("hub:job", args=[job.pk]))


def _test(view: HubView, integration: Integration) -> HttpResponse:
    checked = connection_check(integration=integration, user=view.request.user)
    if checked["ok"]:
        view.say(f"The connection works: {checked['response_ms']} ms. {checked['account']}".strip())
    else:
        view.say("The connection test failed; each line below says what to do.", "error")
    return HttpResponseRedirect(reverse("hub:integration", args=[integration.pk]) + "#connection")


def _pause(view: HubView, integration: Integration) -> None:
    integration_pause(
        integration=integration, user=view.request.user, reason=view.request.POST.get("reason", "")
    )
    view.say(f"{integration.name} is paused. Nothing is read or written; webhooks are kept for later.")


def _resume(view: HubView, integration: Integration) -> None:
    integration_resume(integration=integration, user=view.request.user)
    view.say(f"{integration.name} is running again; what arrived meanwhile is being worked off.")


def _enable(view: HubView, integration: Integration) -> None:
    integration_enable(integration=integration, user=view.request.user)
    view.say(f"{integration.name} is switched on and syncs now.")


def _disable(view: HubView, integration: Integration) -> None:
    withdrawn = integration_disable(integration=integration, user=view.request.user)
    view.say(f"{integration.name} is disabled: webhooks are refused until it is enabled.")
    _tell(view, withdrawn)


def _delete(view: HubView, integration: Integration) -> HttpResponse:
    try:
        deleted = integration_delete(
            integration=integration,
            typed_name=view.request.POST.get("typed_name", ""),
            user=view.request.user,
        )
    except InvalidSettings as refused:
        view.say(" ".join(refused.errors["typed_name"]), "error")
        return HttpResponseRedirect(reverse("hub:integration_delete", args=[integration.pk]))
    view.say(f"{integration.name} is deleted. The records stay, here and there.")
    _tell(view, deleted.webhook)
    return HttpResponseRedirect(reverse("hub:dashboard"))


def _tell(view: HubView, withdrawn: Withdrawn) -> None:
    """What became of the webhook at the vendor."""
    if withdrawn.words:
        view.say(withdrawn.words, "warning" if withdrawn.is_left else "success")


def _rotate(view: HubView, integration: Integration) -> HttpResponse:
    webhook_secret_rotate(integration=integration, user=view.request.user)
    view.request.session[SECRET_SESSION_KEY] = str(integration.pk)
    return HttpResponseRedirect(
        reverse("hub:integration_tab", args=[integration.pk, "settings"]) + "#webhook"
    )


def _register(view: HubView, integration: Integration) -> HttpResponse:
    try:
        webhook_register(integration=integration, user=view.request.user)
        view.say("The webhook is registered: changes there are told at once.")
    except (NotNow, SyncError) as refused:
        view.say(f"The webhook was not registered. {refused.message}", "error")
    return HttpResponseRedirect(reverse("hub:integration", args=[integration.pk]) + "#webhook")


Act = Callable[[HubView, Integration], Any]
ACTIONS: dict[str, tuple[Action, Act]] = {
    "sync": (Action.OPERATE, _sync),
    "dry-run": (Action.OPERATE, _dry_run),
    "test": (Action.OPERATE, _test),
    "pause": (Action.OPERATE, _pause),
    "resume": (Action.OPERATE, _resume),
    "enable": (Action.OPERATE, _enable),
    "disable": (Action.MANAGE, _disable),
    "delete": (Action.MANAGE, _delete),
    "rotate-secret": (Action.MANAGE, _rotate),
    "register-webhook": (Action.MANAGE, _register),
}


class SyncAll(HubAction):
    """Start every running integration of the tenant; those that run already are left alone."""

    action = Action.OPERATE

    def post(self, request: HttpRequest) -> HttpResponse:
        started, busy = 0, 0
        for integration in Integration.objects.for_tenant(self.tenant).running():
            try:
                job_request(integration=integration, kind=JobKind.MANUAL, user=request.user)
                started += 1
            except Refused:
                busy += 1
        said = f"{started} integration{'' if started == 1 else 's'} started"
        self.say(
            said + (f"; {busy} were running already." if busy else "."), "success" if started else "info"
        )
        return self.back(reverse("hub:dashboard"))
