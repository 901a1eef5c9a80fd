"""Remembered choices: listed in order, tried on past conflicts, switched, moved and removed (F5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date

from conflicts.models import MergeRule
from conflicts.services import (
    ConflictProblem,
    InvalidDecision,
    conflict_decide,
    rule_create,
    rule_delete,
    rule_simulate,
    rule_update,
)
from conflicts.services.rules import RULE_WORDS, Trial, open_decided_by
from integrations.models import Integration
from integrations.pages.base import HubAction, HubView, as_uuid
from reconcile.model import FieldRule
from workspace.access import Action

SHOWN_TRIALS = 50


class RuleList(HubView):
    title = "Rules"
    template_name = "conflicts/rules.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        rules = MergeRule.objects.filter(tenant=self.tenant).select_related("integration", "created_by")
        context = {
            "rules": [
                {"rule": rule, "word": RULE_WORDS[FieldRule(rule.rule)], "scope": scope(rule)}
                for rule in rules
            ],
            "can_edit": self.may(Action.REVIEW),
            "now": timezone.now(),
        }
        return self.render(context=context)


def scope(rule: MergeRule) -> str:
    """A rule's reach in words."""
    field = f"“{rule.field}”" if rule.field else "every field"
    kind = f" of {rule.resource}" if rule.resource else ""
    where = f" in {rule.integration.name}" if rule.integration else " in every integration"
    return f"{field}{kind}{where}"


class RuleNew(HubView):
    """What a rule would have done, before it is made. ``do=simulate`` shows it again, ``do=save`` makes it."""

    action = Action.REVIEW
    title = "Remember a choice"
    template_name = "conflicts/rule_form.html"
    button = "Make the rule"
    saved = "The rule is made."

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request.GET)

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.POST.get("do") != "save":
            return self._page(request.POST)
        try:
            rule = self._save(self._asked(request.POST))
        except InvalidDecision as exc:
            return self._page(request.POST, exc.errors, status=422)
        said = self.saved
        if request.POST.get("apply_open"):
            said += f" {self._decide_open(rule)} open conflicts were decided by it."
        self.say(said)
        return HttpResponseRedirect(reverse("desk:rules"))

    def _asked(self, data: Any) -> dict[str, Any]:
        """The rule as the form has it. Raises ``InvalidDecision``."""
        return {
            "rule": data.get("rule", ""), "field": data.get("field", "").strip(),
            "resource": data.get("resource", "").strip(), "integration": self._integration(data),
            "separator": data.get("separator") or " | ", "expires_at": expiry(data.get("expires_on", "")),
            "note": data.get("note", "")[:300],
        }  # fmt: skip

    def _save(self, asked: dict[str, Any]) -> MergeRule:
        return rule_create(tenant=self.tenant, user=self.request.user, now=timezone.now(), **asked)

    def _integration(self, data: Any) -> Integration | None:
        found = as_uuid(data.get("integration", ""))
        return self.integration(found) if found else None

    def _decide_open(self, rule: MergeRule) -> int:
        done = 0
        for conflict, choices in open_decided_by(rule):
            try:
                conflict_decide(
                    conflict_id=conflict.pk,
                    tenant=self.tenant,
                    user=self.request.user,
                    choices=choices,
                    seen_version=conflict.version,
                    seen_local_revision=conflict.local_revision,
                    seen_external_version=conflict.external_version,
                    note="By a remembered choice.",
                    now=timezone.now(),
                )
                done += 1
            except ConflictProblem:
                continue
        return done

    def _page(self, data: Any, errors: dict[str, str] | None = None, *, status: int = 200) -> HttpResponse:
        rule = MergeRule(
            tenant=self.tenant,
            integration=self._integration(data),
            resource=data.get("resource", "").strip(),
            field=data.get("field", "").strip(),
            rule=data.get("rule") if data.get("rule") in set(FieldRule) else FieldRule.PREFER_LOCAL,
            separator=data.get("separator") or " | ",
        )
        context = {
            "rule": rule,
            "scope": scope(rule),
            "word": RULE_WORDS[FieldRule(rule.rule)],
            "rules": [(rule.value, word) for rule, word in RULE_WORDS.items()],
            "integrations": Integration.objects.for_tenant(self.tenant).only("id", "name"),
            "errors": errors or {},
            "data": data,
            "button": self.button,
            "open_count": len(open_decided_by(rule)),
        } | simulated(rule)
        return self.render(context=context, status=status)


class RuleEdit(RuleNew):
    """The same for a rule that is there; its place in the order and its hits stay."""

    title = "Edit a rule"
    button = "Save the rule"
    saved = "The rule is changed; what it decided before stays as it is."
    stored: MergeRule

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:  # type: ignore[override]
        rule = self._stored(pk)
        day = timezone.localtime(rule.expires_at).date().isoformat() if rule.expires_at else ""
        kept = {name: getattr(rule, name) for name in ("rule", "field", "resource", "separator", "note")}
        return self._page({**kept, "integration": str(rule.integration_id or ""), "expires_on": day})

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:  # type: ignore[override]
        self._stored(pk)
        return super().post(request)

    def _stored(self, pk: UUID) -> MergeRule:
        self.stored = self.one(MergeRule.objects.all(), pk=pk)
        return self.stored

    def _save(self, asked: dict[str, Any]) -> MergeRule:
        changed = {name: value for name, value in asked.items() if getattr(self.stored, name) != value}
        return rule_update(
            rule_id=self.stored.pk, tenant=self.tenant, user=self.request.user, now=timezone.now(), **changed
        )


def simulated(rule: MergeRule) -> dict[str, Any]:
    """Past conflicts under the rule: how often it agrees with what people chose."""
    trials = rule_simulate(rule=rule)
    compared = [trial for trial in trials if trial.winner]
    return {
        "trials": trials[:SHOWN_TRIALS],
        "trial_count": len(trials),
        "agree_count": sum(trial.agrees for trial in compared),
        "decide_count": len(compared),
        "disagree": [trial for trial in compared if differs(trial)][:SHOWN_TRIALS],
    }


def differs(trial: Trial) -> bool:
    return bool(trial.actual) and not trial.agrees


def expiry(text: str) -> Any:
    """The end of the chosen day; None without one. Raises ``InvalidDecision``."""
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise InvalidDecision({"expires_at": "Write the day as 2025-12-31."})
    midnight = timezone.datetime(day.year, day.month, day.day, 23, 59, 59)  # type: ignore[attr-defined]
    return timezone.make_aware(midnight)


class RuleDetail(HubView):
    """One rule and what it would say to past and open conflicts."""

    title = "Rule"
    template_name = "conflicts/rule.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        rule = self.one(MergeRule.objects.select_related("integration", "created_by"), pk=pk)
        context = {
            "rule": rule,
            "title": RULE_WORDS[FieldRule(rule.rule)],
            "scope": scope(rule),
            "can_edit": self.may(Action.REVIEW),
            "open_count": len(open_decided_by(rule)),
        } | simulated(rule)
        return self.render(context=context)


class RuleDo(HubAction):
    """Switch, move or delete a rule."""

    action = Action.REVIEW

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        rule = self.one(MergeRule.objects.all(), pk=pk)
        now = timezone.now()
        match action:
            case "delete":
                rule_delete(rule_id=pk, tenant=self.tenant, user=request.user)
                self.say("The rule is gone; what it decided stays as it is.")
                return HttpResponseRedirect(reverse("desk:rules"))
            case "on" | "off":
                rule_update(
                    rule_id=pk, tenant=self.tenant, user=request.user, now=now, enabled=action == "on"
                )
                self.say(f"The rule is switched {action}.")
            case "up" | "down":
                rule_update(
                    rule_id=pk,
                    tenant=self.tenant,
                    user=request.user,
                    now=now,
                    position=rule.position + (1 if action == "down" else -1),
                )
            case _:
                raise Http404("There is no such action.")
        return self.back(reverse("desk:rules"))
