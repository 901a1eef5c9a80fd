"""To the vendor and back: a person grants the hub access in their browser."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from connectors import registry
from integrations.models import Integration
from integrations.services.clients import connection_check
from integrations.services.consent import consent_begin, consent_finish
from integrations.services.problems import InvalidSettings, Refused
from workspace.access import Action

from .base import HubView, as_uuid

SESSION_KEY = "hub_consent"


def consent_facts(request: HttpRequest, integration: Integration) -> dict[str, Any]:
    """What the credentials' form says about granting access in the browser; empty where the vendor has no such way."""
    consent = registry.get(integration.connector).consent
    if consent is None:
        return {}
    return {"callback": callback_address(request), "app_url": consent.app_url}


def callback_address(request: HttpRequest) -> str:
    """The address to register with the vendor: the same for all integrations of this hub."""
    return request.build_absolute_uri(reverse("hub:consent_callback"))


class ConsentBegin(HubView):
    """A POST, so that nobody can be sent there by a link."""

    title = "Grant access"
    template_name = "hub/consent.html"
    action = Action.MANAGE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        integration = self.integration(pk)
        try:
            begun = consent_begin(integration=integration, callback=callback_address(request))
        except Refused as refused:
            self.say(refused.message, "error")
            return redirect("hub:integration_tab", pk, "settings")
        request.session[SESSION_KEY] = begun.kept
        # A page, not a redirect: browsers hold redirects of a form to the policy's form-action, which is this site.
        context = {"integration": integration, "address": begun.address, "title": self.title}
        return self.render(context=context)


class ConsentCallback(HubView):
    """Where the vendor sends the person back to; what was begun is used up, whatever came of it."""

    action = Action.MANAGE
    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        kept = request.session.pop(SESSION_KEY, None)
        found = as_uuid(kept["integration"]) if kept else None
        if kept is None or found is None:
            self.say(
                "Nothing was begun here, or it was finished already: begin again at the credentials.", "error"
            )
            return redirect("hub:dashboard")
        integration = self.integration(found)
        try:
            consent_finish(
                integration=integration, user=request.user, kept=kept, answer={**request.GET.dict()}
            )
        except InvalidSettings as refused:
            self.say(" ".join(line for lines in refused.errors.values() for line in lines), "error")
            return redirect("hub:integration_tab", found, "settings")
        except Refused as refused:
            self.say(refused.message, "error")
            return redirect("hub:integration_tab", found, "settings")
        if connection_check(integration=integration, user=request.user)["ok"]:
            self.say("Access was granted, and the connection works.")
        else:
            self.say(
                "Access was granted, but the connection test failed; each line says what to do.", "warning"
            )
        return redirect(reverse("hub:integration", args=[found]) + "#connection")
