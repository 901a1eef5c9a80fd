"""A set-up made once and used again: duplicated, exported as a file, imported from one (B4)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import slugify

from connectors import registry
from integrations.models import Integration
from integrations.services.control import integration_clone
from integrations.services.problems import InvalidSettings
from integrations.services.templates import template_export, template_import
from workspace.access import Action

from .actions import SECRET_SESSION_KEY
from .base import HubView

#: a set-up with the largest maps has a tenth of it
MAX_BYTES = 1024 * 1024


class Duplicate(HubView):
    """A draft with the same settings and maps; it is asked for its credentials next."""

    action = Action.MANAGE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        integration = self.integration(pk)
        name = request.POST.get("name", "")
        try:
            made = integration_clone(integration=integration, user=request.user, name=name)
        except InvalidSettings as refused:
            self.say(" ".join(text for texts in refused.errors.values() for text in texts), "error")
            return HttpResponseRedirect(_settings(integration, "copies"))
        self.say(
            f"{made.name} is a draft with the same set-up. Enter its credentials, then finish the setup."
        )
        return HttpResponseRedirect(_settings(made, "credentials"))


class Export(HubView):
    """The set-up as a JSON file, without secrets."""

    action = Action.MANAGE

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        integration = self.integration(pk)
        body = template_export(integration=integration, user=request.user)
        text = json.dumps(body, indent=2, ensure_ascii=False)
        name = slugify(integration.name) or integration.connector
        answer = HttpResponse(text, content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="{name}.lockstep.json"'
        return answer


class ImportSetup(HubView):
    """A draft from an exported file: all of it, or nothing and what is wrong with which part."""

    action = Action.MANAGE
    title = "Import a set-up"
    template_name = "hub/new/import.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render()

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()
        try:
            body = _uploaded(request)
            integration, _ = template_import(
                tenant=self.tenant, user=request.user, body=body, name=name or str(body.get("name") or "")
            )
        except InvalidSettings as refused:
            lines = [(where, text) for where, texts in refused.errors.items() for text in texts]
            return self.render(context={"error_lines": lines, "name": name}, status=422)
        if registry.get(integration.connector).hub_makes_webhook_secret:
            request.session[SECRET_SESSION_KEY] = str(integration.pk)
        self.say(f"{integration.name} is a draft now. Enter its credentials, then finish the setup.")
        return HttpResponseRedirect(_settings(integration, "credentials"))


def _uploaded(request: HttpRequest) -> dict[str, Any]:
    """The document of the uploaded file. Raises ``InvalidSettings`` for what is none."""
    file = request.FILES.get("file")
    if file is None:
        raise InvalidSettings({"file": ["Choose the file that an export made."]})
    if file.size is None or file.size > MAX_BYTES:
        raise InvalidSettings(
            {"file": [f"The file is too large: a set-up has at most {MAX_BYTES // 1024} kB."]}
        )
    try:
        body = json.loads(file.read().decode())
    except (ValueError, RecursionError) as exc:
        raise InvalidSettings(
            {"file": ["This is no JSON file. Choose the file that an export made."]}
        ) from exc
    if not isinstance(body, dict):
        raise InvalidSettings({"file": ["This is JSON, but no set-up. Choose the file that an export made."]})
    return body


def _settings(integration: Integration, part: str) -> str:
    return reverse("hub:integration_tab", args=[integration.pk, "settings"]) + f"#{part}"
