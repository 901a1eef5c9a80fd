"""Rules of alerts: listed with what is wrong with them, made from presets, edited, switched, deleted (UI 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from integrations.models import Integration
from integrations.pages.base import HubAction, HubView
from integrations.services.problems import InvalidSettings
from monitoring.catalogue import BY_KEY, SPECS, condition
from monitoring.history import would_have_fired
from monitoring.models import AlertRule, Channel
from monitoring.pages.forms import bound_settings, values_of
from monitoring.services.rules import (
    presets_left,
    rule_create,
    rule_delete,
    rule_preview,
    rule_update,
    rules_ensure,
)
from workspace.access import Action


class RuleList(HubView):
    title = "Alert rules"
    template_name = "monitoring/rules.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        rules_ensure(self.tenant)
        rules = list(AlertRule.objects.filter(tenant=self.tenant).select_related("integration"))
        context = {
            "rules": [
                {
                    "rule": rule,
                    "condition": condition(rule.metric, rule.threshold),
                    "channels": ", ".join(Channel(each).label for each in rule.channels),
                }
                for rule in rules
            ],
            "presets": [
                {"preset": preset, "condition": condition(preset.metric, preset.threshold)}
                for preset in presets_left(rules)
            ],
        }
        return self.render(context=context)


class RuleForm(HubView):
    """What a new and an edited rule share. ``do=preview`` shows what the values would have done, else they are saved."""

    action = Action.MANAGE
    template_name = "monitoring/rule.html"

    def answer(self, request: HttpRequest, rule: AlertRule | None, preset: str = "") -> HttpResponse:
        integrations = list(Integration.objects.for_tenant(self.tenant).only("id", "name"))
        errors: dict[str, list[str]] = {}
        try:
            values = values_of(request.POST, integrations)
            if request.POST.get("do") == "preview":
                tried = rule_preview(tenant=self.tenant, rule=rule, values=values, preset=preset)
                return self.page(rule, integrations, preset, data=request.POST, tried=tried)
            if rule is None:
                made = rule_create(tenant=self.tenant, user=request.user, values=values, preset=preset)
                self.say(f"“{made.name}” is on.")
            else:
                rule_update(rule=rule, user=request.user, values=values)
                self.say("Saved.")
            return HttpResponseRedirect(reverse("alerts:rules"))
        except InvalidSettings as refused:
            errors = refused.errors
        return self.page(rule, integrations, preset, data=request.POST, errors=errors, status=422)

    def page(
        self,
        rule: AlertRule | None,
        integrations: list[Integration],
        preset: str = "",
        *,
        data: Any = None,
        errors: Mapping[str, list[str]] | None = None,
        tried: AlertRule | None = None,
        status: int = 200,
    ) -> HttpResponse:
        shown = rule or AlertRule(
            tenant=self.tenant, **(BY_KEY[preset].values() if preset else {"threshold": 1})
        )
        looked_at = tried or (shown if shown.metric else None)
        bound = bound_settings(shown, integrations, data, errors or {})
        context = {
            "rule": rule,
            "preset": preset,
            "title": rule.name if rule else "New rule",
            "bound": bound,
            "error_lines": [(each.setting.label, text) for each in bound for text in each.errors],
            "would": would_have_fired(looked_at, timezone.now()) if looked_at and not errors else None,
            "watched": [{"label": metric.label, "spec": spec} for metric, spec in SPECS.items()],
            "is_looked_at": looked_at is not None and not errors,
        }
        return self.render(context=context, status=status)


class RuleNew(RuleForm):
    def get(self, request: HttpRequest) -> HttpResponse:
        integrations = list(Integration.objects.for_tenant(self.tenant).only("id", "name"))
        return self.page(None, integrations, self._preset(request.GET))

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request, None, self._preset(request.POST))

    @staticmethod
    def _preset(data: Any) -> str:
        found = data.get("preset", "")
        return found if found in BY_KEY else ""


class RuleEdit(RuleForm):
    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        integrations = list(Integration.objects.for_tenant(self.tenant).only("id", "name"))
        return self.page(self._rule(pk), integrations)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self.answer(request, self._rule(pk))

    def _rule(self, pk: UUID) -> AlertRule:
        return self.one(AlertRule.objects.select_related("integration", "tenant"), pk=pk)


class RuleDo(HubAction):
    """Switch a rule on or off, or delete it."""

    action = Action.MANAGE

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        rule = self.one(AlertRule.objects.all(), pk=pk)
        match action:
            case "delete":
                rule_delete(rule=rule, user=request.user)
                self.say("The rule is gone; its alerts stay in the list, closed.")
            case "on" | "off":
                rule_update(rule=rule, user=request.user, values={"enabled": action == "on"})
                self.say(f"The rule is switched {action}.")
            case _:
                raise Http404("There is no such action.")
        return HttpResponseRedirect(reverse("alerts:rules"))


class PresetOn(HubAction):
    """Make a preset's rule as it is."""

    action = Action.MANAGE

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        if key not in BY_KEY:
            raise Http404("There is no such preset.")
        try:
            made = rule_create(tenant=self.tenant, user=request.user, values={}, preset=key)
            self.say(f"“{made.name}” is on.")
        except InvalidSettings as refused:
            self.say(refused.message, "error")
        return HttpResponseRedirect(reverse("alerts:rules"))
