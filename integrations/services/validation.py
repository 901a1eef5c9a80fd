"""Every setting of an integration, checked with words that name the field and what to do."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.errors import ConfigurationProblem
from connectors.base.guard import UrlGuard
from integrations.models import AuthType, ConflictStrategy, DeletePolicy, SyncDirection, SyncFrequency
from integrations.services.schedules import crontab_problem
from reconcile.model import FieldRule
from reconcile.paths import PathError, compile_path
from workspace.models import Membership, Tenant

Errors = dict[str, list[str]]
Check = Callable[[Any], str | None]

OPERATORS = ("equals", "not_equals", "in", "not_in", "has", "empty", "not_empty")
MAX_NAME = 200


def settings_problems(
    connector: Connector, tenant: Tenant, values: Mapping[str, Any], *, is_draft: bool = False
) -> Errors:
    """What is wrong with these values (whole set or only what changes), by field name.

    A draft may lack what is picked from a list of the vendor's: see ``unpicked_problems``.
    """
    errors: Errors = {}
    for name, check in _CHECKS.items():
        if name in values and (problem := check(values[name])):
            errors[name] = [problem]
    for name in sorted(set(values) - set(_CHECKS) - _CHECKED_TOGETHER):
        errors[name] = ["There is no such setting."]
    if errors:
        return errors
    _add(errors, _connector_problems(connector, tenant, values))
    if not is_draft and "options" in values:
        _add(errors, unpicked_problems(connector, values["options"]))
    _add(errors, _together_problems(values))
    return errors


def connector_or_problem(key: Any) -> Connector | str:
    """The connector of that key, or what to say about it."""
    if isinstance(key, str) and key in registry.slugs():
        return registry.get(key)
    return f"There is no system “{key}”. Choose one of: {', '.join(registry.slugs())}."


def base_url_problem(url: str) -> str | None:
    """Why the hub may not talk to this address (M4, M10); host names are checked again when connecting."""
    try:
        UrlGuard(
            url,
            allow_private=settings.LOCKSTEP_ALLOW_PRIVATE_NETWORK,
            allow_http=settings.LOCKSTEP_ALLOW_HTTP,
        )
    except ConfigurationProblem as error:
        return f"{error.message} For example https://api.example.com."
    return None


def unpicked_problems(connector: Connector, options: Mapping[str, Any]) -> Errors:
    """The board, list, project … that is still to be picked, by setting; without it nothing can be synced."""
    return {
        f"options.{field.name}": [f"{field.label} is missing. {field.help}".strip()]
        for field in connector.unpicked(options)
    }


def _add(errors: Errors, more: Mapping[str, Sequence[str]]) -> None:
    for name, messages in more.items():
        errors.setdefault(name, []).extend(messages)


# ---------------------------------------------------------------- one field alone


def _text(limit: int, *, required: bool = False) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "This must be a text."
        if required and not value.strip():
            return "This is missing; give a name."
        if len(value) > limit:
            return f"This has {len(value)} characters; at most {limit} fit."
        if any(ord(character) < 32 for character in value):
            return "Remove the line breaks and control characters."
        return None

    return check


def _one_of(choices: Sequence[str]) -> Check:
    def check(value: Any) -> str | None:
        return None if value in choices else f"“{value}” is not known. Choose one of: {', '.join(choices)}."

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "This must be true or false."


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "This must be a whole number."
        return None if low <= value <= high else f"This must be between {low} and {high}."

    return check


def _object(value: Any) -> str | None:
    return None if isinstance(value, Mapping) else "This must be an object."


def _names(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        return "This must be a list of names."
    if len(set(value)) != len(value):
        return "A name is given twice."
    return None


def _tags(value: Any) -> str | None:
    if problem := _names(value):
        return problem
    return (
        "At most 20 tags of 40 characters."
        if len(value) > 20 or any(len(tag) > 40 for tag in value)
        else None
    )


def _retry_policy(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return 'Write delays in seconds, for example {"push": [1, 2, 4], "job": [60, 120]}.'
    if unknown := sorted(set(value) - {"push", "job"}):
        return f"“{unknown[0]}” is not known; there are “push” (one record) and “job” (a run)."
    for name, delays in value.items():
        if not isinstance(delays, list) or len(delays) > 10:
            return f"“{name}” must be a list of at most 10 delays in seconds."
        for delay in delays:
            if not isinstance(delay, int | float) or isinstance(delay, bool) or not 0 < delay <= 86_400:
                return f"“{name}”: {delay!r} is no delay; give seconds above 0 and up to 86400."
    return None


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _sync_windows(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > 20:
        return "This must be a list of at most 20 windows."
    for number, window in enumerate(value, 1):
        if not isinstance(window, Mapping) or set(window) != {"days", "from", "to"}:
            return f'Window {number}: write {{"days": [0, 1], "from": "22:00", "to": "05:00"}}.'
        days = window["days"]
        if not isinstance(days, list) or not days or any(type(d) is not int or not 0 <= d <= 6 for d in days):
            return f"Window {number}: days are numbers from 0 (Monday) to 6 (Sunday)."
        for end in ("from", "to"):
            if not isinstance(window[end], str) or not _CLOCK.fullmatch(window[end]):
                return f"Window {number}: “{end}” must be a time such as 22:00."
        if window["from"] == window["to"]:
            return f"Window {number}: it begins and ends at the same time."
    return None


def _ip_list(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > 200:
        return "This must be a list of at most 200 addresses or networks."
    for entry in value:
        try:
            ipaddress.ip_network(str(entry), strict=False)
        except ValueError:
            return f"“{entry}” is no address or network; write 192.0.2.7 or 192.0.2.0/24."
    return None


def _record_filter(value: Any) -> str | None:
    if not isinstance(value, Mapping) or not set(value) <= {"local", "external"}:
        return 'Write {"local": [conditions], "external": [conditions]}.'
    for side, conditions in value.items():
        if not isinstance(conditions, list) or len(conditions) > 50:
            return f"“{side}” must be a list of at most 50 conditions."
        for number, condition in enumerate(conditions, 1):
            if problem := _condition_problem(condition):
                return f"{side} condition {number}: {problem}"
    return None


def _condition_problem(condition: Any) -> str | None:
    if not isinstance(condition, Mapping) or not set(condition) <= {"field", "op", "value", "resource"}:
        return 'write {"field": "stage", "op": "equals", "value": "done"}.'
    if not isinstance(condition.get("field"), str):
        return "name the field."
    try:
        compile_path(condition["field"])
    except PathError as error:
        return f"“{condition['field']}” is no path: {error}."
    operator = condition.get("op", "equals")
    if operator not in OPERATORS:
        return f"“{operator}” is not known; use one of {', '.join(OPERATORS)}."
    if operator in ("in", "not_in") and not isinstance(condition.get("value"), list):
        return f"“{operator}” needs a list as its value."
    return None


def _merge_rules(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return 'Write {"field": {"rule": "concatenate", "separator": " | "}}.'
    rules = [str(rule) for rule in FieldRule]
    for field, rule in value.items():
        if not isinstance(rule, Mapping) or rule.get("rule") not in rules:
            return f"“{field}”: choose a rule out of {', '.join(rules)}."
        if not isinstance(rule.get("separator", ""), str) or len(rule.get("separator", "")) > 20:
            return f"“{field}”: the separator is a text of at most 20 characters."
        if unknown := sorted(set(rule) - {"rule", "separator"}):
            return f"“{field}”: “{unknown[0]}” is not known."
    return None


def _crontab(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > 120:
        return "This must be a text of five fields."
    return crontab_problem(value) if value.strip() else None


def _base_url(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > 500:
        return "This must be an address of at most 500 characters."
    return base_url_problem(value) if value.strip() else None


_CHECKS: dict[str, Check] = {
    "name": _text(MAX_NAME, required=True),
    "base_url": _base_url,
    "auth_type": _one_of(AuthType.values),
    "options": _object,
    "resource_types": _names,
    "sync_direction": _one_of(SyncDirection.values),
    "sync_frequency": _one_of(SyncFrequency.values),
    "sync_interval_seconds": _whole(30, 7 * 86_400),
    "crontab": _crontab,
    "auto_sync": _flag,
    "read_only": _flag,
    "conflict_strategy": _one_of(ConflictStrategy.values),
    "fallback_strategy": _one_of(ConflictStrategy.values),
    "merge_rules": _merge_rules,
    "create_missing_locally": _flag,
    "create_missing_externally": _flag,
    "delete_policy": _one_of(DeletePolicy.values),
    "delete_budget_count": _whole(0, 1_000_000),
    "delete_budget_percent": _whole(0, 100),
    "record_filter": _record_filter,
    "batch_size": _whole(1, 1000),
    "page_limit": _whole(1, 1_000_000),
    "timeout_seconds": _whole(1, 300),
    "retry_policy": _retry_policy,
    "sync_windows": _sync_windows,
    "ip_allow_list": _ip_list,
    "batch_fallback": _flag,
    "batch_fallback_seconds": _whole(60, 7 * 86_400),
    "environment": _text(40),
    "tags": _tags,
}
_CHECKED_TOGETHER = frozenset({"connector", "owner"})
EDITABLE = frozenset(_CHECKS) | {"owner"}


# ---------------------------------------------------------------- fields that depend on others


def _connector_problems(connector: Connector, tenant: Tenant, values: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    options = values.get("options") or {}
    if "options" in values:
        _add(errors, _option_problems(connector, options))
    auth = values.get("auth_type")
    if auth is not None and auth not in connector.auth_types:
        errors["auth_type"] = [f"{connector.name} takes: {', '.join(connector.auth_types)}."]
    if "base_url" in values and not values["base_url"] and not connector.default_base_url:
        errors["base_url"] = [f"{connector.name} needs the address of your server, for example https://…"]
    if not errors and "resource_types" in values:
        known = [resource.name for resource in connector.resources_of(options)]
        unknown = [name for name in values["resource_types"] if name not in known]
        if unknown:
            errors["resource_types"] = [
                f"{connector.name} has no “{unknown[0]}”. It has: {', '.join(known)}."
            ]
    owner = values.get("owner")
    if owner is not None and not _is_member(tenant, owner):
        errors["owner"] = ["The owner must be a member of this tenant."]
    return errors


_MATCH_SHAPE = 'Name the fields by kind of record, for example {"card": ["title"]}.'


def _is_match(match: Any) -> bool:
    """By which fields records that are on both sides already are recognised, per resource."""
    return isinstance(match, Mapping) and all(
        isinstance(fields, list) and all(isinstance(name, str) and name for name in fields)
        for fields in match.values()
    )


def _option_problems(connector: Connector, options: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    for field in connector.settings:
        is_needed = field.required and not field.picks and field.name != "base_url"
        if is_needed and options.get(field.name) in (None, "", [], {}):
            errors[f"options.{field.name}"] = [f"{field.label} is missing. {field.help}".strip()]
        elif not field.accepts(options.get(field.name)):
            words = ", ".join(value for value, _ in field.choices)
            errors[f"options.{field.name}"] = [f"{field.label} is one of: {words}."]
    if secret := next(
        (name for name in options if name in {field.name for field in connector.secrets if field.secret}), ""
    ):
        errors[f"options.{secret}"] = ["This is a secret: give it under credentials, where it is encrypted."]
    if not _is_match(options.get("match", {})):
        errors["options.match"] = [_MATCH_SHAPE]
    if errors or connector.validate is None:
        return errors
    try:
        found = connector.validate(options)
    except (TypeError, AttributeError, KeyError, ValueError):
        return {"options": ["The options have an unexpected shape."]}
    for name, said in found:
        errors.setdefault(name if name == "base_url" else f"options.{name}", []).append(said)
    return errors


def _together_problems(values: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    if values.get("fallback_strategy") == ConflictStrategy.CUSTOM_MERGE:
        errors["fallback_strategy"] = [
            "Custom merge cannot be its own fallback; choose another, such as manual_review."
        ]
    return errors


def _is_member(tenant: Tenant, owner: Any) -> bool:
    if not isinstance(owner, get_user_model()):
        return False
    return Membership.objects.filter(tenant=tenant, user=owner).exists()
