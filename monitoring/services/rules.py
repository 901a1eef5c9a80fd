"""Rules: the default ones made where they are missing; made, changed, switched and deleted by managers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from integrations.audit import audit
from integrations.models import Integration
from integrations.services.problems import InvalidSettings
from monitoring.catalogue import BY_KEY, PRESETS, spec_of
from monitoring.models import AlertRule, AlertSettings, Channel, Metric, Severity, Watch
from monitoring.services.alerts import alerts_close
from workspace.models import Role, Tenant

MAX_RECIPIENTS = 50
MAX_RULES = 100
WEEK_MINUTES = 7 * 24 * 60

#: what may be set, as ``AlertRule`` calls it
FIELDS = (
    "name", "metric", "threshold", "window_minutes", "hold_minutes", "integration", "severity", "channels",
    "recipients", "roles", "cooldown_minutes", "mute_from", "mute_to", "enabled",
)  # fmt: skip
#: changed ones make what was seen so far meaningless
MEANING = ("metric", "threshold", "window_minutes", "integration")
MINUTES = {
    "window_minutes": (5, 24 * 60),
    "hold_minutes": (0, 24 * 60),
    "cooldown_minutes": (5, WEEK_MINUTES),
}


def rules_ensure(tenant: Tenant | None = None) -> int:
    """Give every tenant (or this one) its default rules, once: what people change or delete stays so. How many tenants."""
    tenants = Tenant.objects.exclude(pk__in=AlertSettings.objects.values("tenant"))
    if tenant is not None:
        tenants = tenants.filter(pk=tenant.pk)
    made = 0
    for each in tenants:
        with transaction.atomic():
            _, is_new = AlertSettings.objects.get_or_create(tenant=each)
            if is_new:
                AlertRule.objects.bulk_create(
                    AlertRule(tenant=each, **preset.values()) for preset in PRESETS if preset.is_default
                )
                made += 1
    return made


def presets_left(rules: Sequence[AlertRule]) -> list[Any]:
    """Presets of which the tenant has no rule."""
    used = {rule.preset for rule in rules}
    return [preset for preset in PRESETS if preset.key not in used]


def rule_create(*, tenant: Tenant, user: Any, values: Mapping[str, Any], preset: str = "") -> AlertRule:
    """A new rule; what ``values`` leave out is the preset's. Raises ``InvalidSettings`` naming each field."""
    base = BY_KEY[preset].values() if preset in BY_KEY else {}
    rule = AlertRule(
        tenant=tenant, created_by=user, **{"channels": [Channel.DASHBOARD], **base, **_known(values)}
    )
    if AlertRule.objects.filter(tenant=tenant).count() >= MAX_RULES:
        raise InvalidSettings({"name": [f"There are {MAX_RULES} rules already; delete one first."]})
    _check(rule)
    with transaction.atomic():
        rule.save()
        audit(
            rule,
            "alert_rule.created",
            user=user,
            changes={name: (None, getattr(rule, name)) for name in FIELDS},
        )
    return rule


def rule_preview(
    *, tenant: Tenant, rule: AlertRule | None, values: Mapping[str, Any], preset: str = ""
) -> AlertRule:
    """The rule as it would be, not saved. Raises ``InvalidSettings``."""
    base = BY_KEY[preset].values() if rule is None and preset in BY_KEY else {}
    tried = AlertRule(tenant=tenant, **{**base, **_known(values)})
    if rule is not None:
        tried.pk = rule.pk
    _check(tried)
    return tried


def rule_update(*, rule: AlertRule, user: Any, values: Mapping[str, Any]) -> AlertRule:
    """Change a rule. A rule that means something else now, or is off, leaves no alert open. Raises ``InvalidSettings``."""
    with transaction.atomic():
        row = AlertRule.objects.select_for_update().get(pk=rule.pk)
        before = {name: getattr(row, name) for name in FIELDS}
        for name, value in _known(values).items():
            setattr(row, name, value)
        _check(row)
        changes = {name: (was, now) for name, was in before.items() if (now := getattr(row, name)) != was}
        if not changes:
            return row
        if not row.enabled or any(name in changes for name in MEANING):
            said = "The rule was changed." if row.enabled else "The rule was switched off."
            alerts_close(row, note=said, now=timezone.now())
            Watch.objects.filter(rule=row).delete()
            row.fault = ""
        row.save()
        audit(row, "alert_rule.changed", user=user, changes=changes)
    return row


def rule_delete(*, rule: AlertRule, user: Any) -> None:
    """Its alerts stay in the list, closed."""
    with transaction.atomic():
        alerts_close(rule, note="The rule was deleted.", now=timezone.now())
        audit(rule, "alert_rule.deleted", user=user)
        rule.delete()


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(values) - set(FIELDS)):
        raise InvalidSettings({name: ["This cannot be set."] for name in unknown})
    return dict(values)


# -- checking ----------------------------------------------------------------------------------------------


def _check(rule: AlertRule) -> None:
    """Put the rule's lists in order. Raises ``InvalidSettings``; nothing was saved then."""
    errors: dict[str, list[str]] = {}
    for name, problem in (
        ("name", _name_problem(rule)),
        ("metric", _choice_problem(rule.metric, Metric.values)),
        ("severity", _choice_problem(rule.severity, Severity.values)),
        ("threshold", _threshold_problem(rule)),
        ("integration", _integration_problem(rule)),
        ("channels", _list_problem(rule.channels, Channel.values)),
        ("roles", _list_problem(rule.roles, Role.values)),
        ("recipients", _recipients_problem(rule.recipients)),
        ("mute_to", _mute_problem(rule)),
        *((name, _minutes_problem(rule, name)) for name in MINUTES),
    ):
        if problem:
            errors[name] = [problem]
    if not errors and Channel.EMAIL in rule.channels and not (rule.recipients or rule.roles):
        errors["recipients"] = ["An e-mail needs somebody: give addresses, or choose roles."]
    if errors:
        raise InvalidSettings(errors)
    # an alert that nobody can see is none: the dashboard always shows it
    rule.channels = [each for each in Channel.values if each in rule.channels or each == Channel.DASHBOARD]
    rule.recipients = list(dict.fromkeys(rule.recipients))
    rule.roles = [each for each in Role.values if each in rule.roles]


def _name_problem(rule: AlertRule) -> str | None:
    rule.name = str(rule.name or "").strip()
    if not 1 <= len(rule.name) <= 120 or not rule.name.isprintable():
        return "Give it a name of at most 120 characters."
    others = AlertRule.objects.filter(tenant=rule.tenant, name__iexact=rule.name).exclude(pk=rule.pk)
    return "A rule of this name exists already; choose another name." if others.exists() else None


def _choice_problem(value: Any, known: Sequence[str]) -> str | None:
    return None if value in known else f"Choose one of: {', '.join(known)}."


def _threshold_problem(rule: AlertRule) -> str | None:
    value = rule.threshold
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000:
        return "Give a number from 0 to 1000000."
    if rule.metric == Metric.ERROR_RATE and value >= 100:
        return "More than 100 % never fails; give less than 100."
    return None


def _integration_problem(rule: AlertRule) -> str | None:
    chosen: Integration | None = rule.integration
    if chosen is None:
        return None
    if chosen.tenant_id != rule.tenant_id or chosen.deleted_at is not None:
        return "There is no such integration."
    if rule.metric in Metric.values and spec_of(rule.metric).is_hub:
        return "This is measured for the whole hub; leave the integration empty."
    return None


def _list_problem(values: Any, known: Sequence[str]) -> str | None:
    if isinstance(values, list) and all(isinstance(each, str) and each in known for each in values):
        return None
    return f"Give a list of: {', '.join(known)}."


def _recipients_problem(values: Any) -> str | None:
    if not isinstance(values, list) or len(values) > MAX_RECIPIENTS:
        return f"Give at most {MAX_RECIPIENTS} e-mail addresses."
    for address in values:
        try:
            validate_email(address)
        except ValidationError:
            return f"“{str(address)[:100]}” is no e-mail address."
    return None


def _mute_problem(rule: AlertRule) -> str | None:
    if (rule.mute_from is None) != (rule.mute_to is None):
        return "Give both ends of the mute window, or none."
    if rule.mute_from is not None and rule.mute_from == rule.mute_to:
        return "The mute window begins and ends at the same time."
    return None


def _minutes_problem(rule: AlertRule, name: str) -> str | None:
    low, high = MINUTES[name]
    value = getattr(rule, name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        return f"Give whole minutes from {low} to {high}."
    return None
