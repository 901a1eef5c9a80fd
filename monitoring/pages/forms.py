"""The form of an alert rule: its inputs, what they hold, and what was typed as values of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time
from typing import Any

from django.utils.dateparse import parse_time

from integrations.models import Integration
from integrations.pages.base import as_uuid
from integrations.pages.forms import Bound, Setting
from integrations.services.problems import InvalidSettings
from monitoring.models import AlertRule, Channel, Metric, Severity
from workspace.models import Role

SETTINGS = (
    Setting("name", "Name", required=True),
    Setting("metric", "What is watched", "select", choices=Metric.choices),
    Setting("threshold", "Threshold", help="In the unit of what is watched; the table below says which side of it is bad.", required=True),
    Setting("window_minutes", "Window in minutes", "number", "Over which a rate is taken; others have none."),
    Setting("hold_minutes", "For how many minutes", "number", "How long it must last before it counts; 0 is at once."),
    Setting("integration", "Integration", "select"),
    Setting("severity", "Severity", "select", choices=Severity.choices),
    Setting("cooldown_minutes", "Quiet time in minutes", "number", "Until it is said again, and until one that came back is said anew."),
    Setting("channels", "Channels", "many", choices=[each for each in Channel.choices if each[0] != Channel.DASHBOARD]),
    Setting("roles", "E-mail to members who are", "many", choices=Role.choices),
    Setting("recipients", "E-mail to", "list", "Further addresses, separated by commas.", is_wide=True),
    Setting("mute_from", "Muted from", help="Each day, in the workspace's time zone, for example 22:00. The dashboard still shows it; messages wait for the end."),
    Setting("mute_to", "Muted until", help="For example 06:00."),
)  # fmt: skip


def bound_settings(
    rule: AlertRule, integrations: Sequence[Integration], data: Any, errors: Mapping[str, list[str]]
) -> list[Bound]:
    """Inputs with what was typed, else what the rule holds."""
    found = []
    for setting in SETTINGS:
        if setting.name == "integration":
            choices = [("", "Every integration"), *((str(each.pk), each.name) for each in integrations)]
            setting = replace(setting, choices=choices)
        value = _stored(rule, setting) if data is None else _typed(setting, data)
        found.append(Bound(setting, value, list(errors.get(setting.name, []))))
    return found


def _stored(rule: AlertRule, setting: Setting) -> Any:
    value = rule.integration_id if setting.name == "integration" else getattr(rule, setting.name)
    if isinstance(value, list) and setting.kind == "list":
        return ", ".join(value)
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else value


def _typed(setting: Setting, data: Any) -> Any:
    return data.getlist(setting.name) if setting.kind == "many" else data.get(setting.name, "")


def values_of(data: Any, integrations: Sequence[Integration]) -> dict[str, Any]:
    """What was typed, as the service takes it. Raises ``InvalidSettings`` for what is no number, time or integration."""
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {
        "name": data.get("name", ""),
        "metric": data.get("metric", ""),
        "severity": data.get("severity", ""),
        "channels": [Channel.DASHBOARD.value, *data.getlist("channels")],
        "roles": data.getlist("roles"),
        "recipients": [each.strip() for each in data.get("recipients", "").split(",") if each.strip()],
    }
    for name in ("threshold", "window_minutes", "hold_minutes", "cooldown_minutes"):
        values[name] = _number(data.get(name, ""), name, errors)
    for name in ("mute_from", "mute_to"):
        values[name] = _time(data.get(name, ""), name, errors)
    values["integration"] = _integration(data.get("integration", ""), integrations, errors)
    if errors:
        raise InvalidSettings(errors)
    return values


def _number(text: str, name: str, errors: dict[str, list[str]]) -> float | int | None:
    kind = float if name == "threshold" else int
    try:
        return kind(text.strip().replace(",", "."))
    except ValueError:
        errors[name] = ["Give a number." if kind is float else "Give a whole number of minutes."]
        return None


def _time(text: str, name: str, errors: dict[str, list[str]]) -> time | None:
    if not text.strip():
        return None
    try:
        found = parse_time(text.strip())
    except ValueError:
        found = None
    if found is None:
        errors[name] = ["Write a time of day such as 22:00."]
    return found


def _integration(
    text: str, integrations: Sequence[Integration], errors: dict[str, list[str]]
) -> Integration | None:
    if not text:
        return None
    wanted = as_uuid(text)
    found = next((each for each in integrations if each.pk == wanted), None)
    if found is None:
        errors["integration"] = ["There is no such integration."]
    return found
