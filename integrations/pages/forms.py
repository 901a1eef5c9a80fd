"""Settings as forms: declared once, read from a POST, shown with each field's own errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from django.http import QueryDict

from connectors.base.connector import Connector
from connectors.base.types import SecretField
from integrations.models import (
    AuthType,
    ConflictStrategy,
    DeletePolicy,
    Integration,
    SyncDirection,
    SyncFrequency,
)
from integrations.services.containers import Choices

OPTION = "options."


@dataclass(frozen=True)
class Setting:
    """One input. ``kind`` is text, number, check, select, many, json, list, password or place.

    A place is picked from a list of the vendor's where that has been read (``offered``), and typed otherwise.
    """

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    choices: Sequence[tuple[str, str]] = ()
    is_wide: bool = False
    link: str = ""
    required: bool = False


@dataclass(frozen=True)
class Group:
    """Settings that are saved together."""

    key: str
    title: str
    lead: str
    settings: tuple[Setting, ...]


@dataclass
class Bound:
    """A setting with what to show: the typed text after a refusal, else the stored value."""

    setting: Setting
    value: Any = ""
    errors: list[str] = field(default_factory=list)
    now: Any = None  # what is stored, where it is not what was typed
    is_stale: bool = False
    groups: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()  # of a place: where it is, and what is there
    is_long: bool = False
    note: str = ""  # why it is typed, not picked
    other_way: tuple[str, str] | None = None  # link and words: to the list, or to typing

    @property
    def dom_id(self) -> str:
        return f"f-{self.setting.name.replace('.', '-')}"

    @property
    def chosen(self) -> list[str]:
        return [str(each) for each in self.value] if isinstance(self.value, list) else [str(self.value)]


STRATEGY_HELP = "Latest wins: the later edit is kept; too close to call goes to a reviewer. Custom merge: field by field, see the rules below."

GROUPS: tuple[Group, ...] = (
    Group(
        "basics",
        "Basics",
        "What it is called and who looks after it.",
        (
            Setting("name", "Name", help="Unique in this workspace.", required=True),
            Setting("environment", "Environment", help="For example production or staging."),
            Setting("tags", "Tags", "list", "Separated by commas."),
        ),
    ),
    Group(
        "what",
        "What is synced",
        "Which records take part, and which way values flow.",
        (
            Setting("resource_types", "Kinds of records", "many", is_wide=True),
            Setting("sync_direction", "Direction", "select", choices=SyncDirection.choices),
            Setting("read_only", "Read only", "check", "Browse the other side: a sync shows what it would do and writes nothing, here or there."),
            Setting("create_missing_locally", "Create here what is only there", "check"),
            Setting("create_missing_externally", "Create there what is only here", "check", "Off by default: start by reading."),
            Setting(
                "record_filter",
                "Filter",
                "json",
                'Which records take part, for example {"local": [{"field": "stage", "op": "not_equals", "value": "done"}]}.',
                is_wide=True,
            ),
        ),
    ),
    Group(
        "when",
        "When",
        "Webhooks bring changes at once; polling is the net beneath.",
        (
            Setting("auto_sync", "Sync by itself", "check", "Off still allows “Sync now”."),
            Setting("sync_frequency", "Schedule", "select", choices=SyncFrequency.choices),
            Setting("sync_interval_seconds", "Poll every, seconds", "number", "In real time, and of a custom schedule without a crontab."),
            Setting("crontab", "Custom crontab", help="Five fields, in the workspace’s time zone; wins over the interval."),
            Setting("batch_fallback", "Poll more often when webhooks fall silent", "check", "In real time, when changes are found of which no webhook told, or when the webhook cannot be registered; until the next one comes."),
            Setting("batch_fallback_seconds", "Then poll every, seconds", "number", "Never less often than otherwise."),
            Setting(
                "sync_windows",
                "Sync windows",
                "json",
                'When bulk sync may run; empty is always. [{"days": [0, 1, 2, 3, 4], "from": "22:00", "to": "05:00"}]',
                is_wide=True,
            ),
        ),
    ),
    Group(
        "conflicts",
        "Disagreement and deletion",
        "What happens when both sides changed the same field, or one side deleted a record.",
        (
            Setting("conflict_strategy", "Conflict strategy", "select", STRATEGY_HELP, choices=ConflictStrategy.choices),
            Setting("fallback_strategy", "Where no rule covers", "select", choices=[c for c in ConflictStrategy.choices if c[0] != "custom_merge"]),
            Setting("delete_policy", "When deleted here", "select", choices=DeletePolicy.choices),
            Setting("delete_budget_count", "Deletions a day, at most", "number", "Beyond it deletions wait for a person."),
            Setting("delete_budget_percent", "… and at most this share, %", "number"),
            Setting(
                "merge_rules",
                "Rules by field",
                "json",
                'For custom merge: {"description": {"rule": "concatenate", "separator": " | "}, "labels": {"rule": "union"}}',
                is_wide=True,
            ),
        ),
    ),
    Group(
        "limits",
        "Limits and retries",
        "Usually right as they are.",
        (
            Setting("batch_size", "Records per page", "number"),
            Setting("page_limit", "Pages per run, at most", "number"),
            Setting("timeout_seconds", "Time-out, seconds", "number"),
            Setting("retry_policy", "Retry policy", "json", '{"push": [1, 2, 4, 8, 16], "job": [60, 120, 240]} in seconds; empty is the default.', is_wide=True),
            Setting("ip_allow_list", "Webhooks only from", "list", "Addresses or networks, one per line; empty is anywhere.", is_wide=True),
        ),
    ),
)  # fmt: skip
BY_KEY = {group.key: group for group in GROUPS}


def connection_group(connector: Connector) -> Group:
    """The connector's own, non-secret settings."""
    has_base = any(each.name == "base_url" for each in connector.settings)
    settings = [_of_connector(each) for each in connector.settings if not each.secret]
    if not has_base:
        shown = (
            f"Usually {connector.default_base_url}; leave empty for that."
            if connector.default_base_url
            else "https://…"
        )
        settings.insert(
            0, Setting("base_url", "Address", help=shown, required=not connector.default_base_url)
        )
    if len(connector.auth_types) > 1:
        words = dict(AuthType.choices)
        settings.append(
            Setting(
                "auth_type",
                "Sign-in",
                "select",
                choices=[(name, words.get(name, name)) for name in connector.auth_types],
            )
        )
    return Group("connection", "Connection", f"Where Lockstep finds {connector.name}.", tuple(settings))


def _of_connector(each: SecretField) -> Setting:
    name = each.name if each.name == "base_url" else OPTION + each.name
    kind = "select" if each.choices else "place" if each.picks else "text"
    is_needed = each.required and not each.picks  # what is picked is asked for once the connection works
    return Setting(name, each.label, kind, each.help, each.choices, link=each.url, required=is_needed)


def place_group(connector: Connector) -> Group:
    """What is picked from the vendor's lists, for the step after the connection test."""
    places = [
        replace(_of_connector(each), required=each.required) for each in connector.settings if each.picks
    ]
    lead = f"What of {connector.name} is kept in step, from the list it gave just now."
    return Group("place", "Where", lead, tuple(places))


def secret_settings(connector: Connector) -> list[Setting]:
    return [
        Setting(
            each.name,
            each.label,
            "password" if each.secret else "text",
            each.help,
            link=each.url,
            required=each.required,
        )
        for each in connector.secrets
    ]


# -- reading -----------------------------------------------------------------------------------------------


class Unreadable(ValueError):
    """What was typed is no value of its kind; ``str()`` says so."""


def read(group: Group, data: QueryDict) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Values and errors by setting name. Options stay under their ``options.`` names."""
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for setting in group.settings:
        try:
            values[setting.name] = _read_one(setting, data)
        except Unreadable as exc:
            errors[setting.name] = [str(exc)]
    return values, errors


def _read_one(setting: Setting, data: QueryDict) -> Any:
    text = data.get(setting.name, "")
    match setting.kind:
        case "check":
            return setting.name in data
        case "many":
            return data.getlist(setting.name)
        case "list":
            return [part.strip() for line in text.splitlines() for part in line.split(",") if part.strip()]
        case "number":
            try:
                return int(text.strip())
            except ValueError as exc:
                raise Unreadable("Enter a whole number.") from exc
        case "json":
            return _read_json(setting, text)
    value = text.strip()
    if setting.name.startswith(OPTION) and value[:1] in ("{", "["):
        return _read_json(setting, value)
    return value


def _read_json(setting: Setting, text: str) -> Any:
    if not text.strip():
        return [] if setting.name == "sync_windows" else {}
    try:
        return json.loads(text)
    except ValueError as exc:
        raise Unreadable(f"This is not JSON: {exc}.") from exc


def with_options(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the services take them: what was typed under ``options.`` joined to the options there are."""
    given = {name[len(OPTION) :]: value for name, value in values.items() if name.startswith(OPTION)}
    plain = {name: value for name, value in values.items() if not name.startswith(OPTION)}
    if given:
        plain["options"] = {
            **options,
            **{name: value for name, value in given.items() if value not in ("", None)},
        }
        for name, value in given.items():
            if value in ("", None):
                plain["options"].pop(name, None)
    return plain


# -- showing -----------------------------------------------------------------------------------------------


def bind(
    group: Group,
    integration: Integration | None,
    *,
    data: QueryDict | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    is_stale: bool = False,
    defaults: Mapping[str, Any] | None = None,
) -> list[Bound]:
    """The group's inputs: typed values win over stored ones, and a stale save shows both."""
    bound = []
    for setting in group.settings:
        stored = stored_value(setting, integration, defaults or {})
        each = Bound(setting, stored, list((errors or {}).get(setting.name, [])))
        if data is not None:
            each.value = _typed(setting, data)
            each.now = stored
            each.is_stale = is_stale and str(each.value) != str(stored)
        bound.append(each)
    return bound


def stored_value(setting: Setting, integration: Integration | None, defaults: Mapping[str, Any]) -> Any:
    if integration is None or setting.name in defaults:
        value = defaults.get(setting.name, "")
    elif setting.name.startswith(OPTION):
        value = integration.options.get(setting.name[len(OPTION) :], "")
    else:
        value = getattr(integration, setting.name)
    if setting.kind == "json" or isinstance(value, dict):
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
    if setting.kind == "list":
        return ", ".join(map(str, value or []))
    return value


#: choices that a person looks through without a search
SHORT_LIST = 12


def offered(bound: Sequence[Bound], choices: Mapping[str, Choices], *, find: str = "") -> None:
    """Put the vendor's lists behind the places among these inputs; what is chosen stays a choice, found or not."""
    for each in bound:
        found = choices.get(each.setting.name.removeprefix(OPTION))
        if each.setting.kind != "place" or found is None:
            continue
        if not found.rows:
            each.note = f"The list could not be read: {found.problem} Type it instead."
            continue
        chosen = str(each.value)
        rows = [
            row
            for row in found.rows
            if find.casefold() in f"{row.place} {row.name}".casefold() or row.id == chosen
        ]
        each.groups = [
            (place, [(row.id, row.name) for row in there])
            for place, there in groupby(rows, key=lambda row: row.place)
        ]
        if chosen and all(row.id != chosen for row in found.rows):
            each.groups = [("", [(chosen, f"{chosen} (as typed)")]), *each.groups]
        each.is_long = len(found.rows) > SHORT_LIST


def _typed(setting: Setting, data: QueryDict) -> Any:
    if setting.kind == "many":
        return data.getlist(setting.name)
    if setting.kind == "check":
        return setting.name in data
    return data.get(setting.name, "")


def leftover_errors(
    errors: Mapping[str, Sequence[str]], groups: Sequence[Sequence[Bound]]
) -> list[tuple[str, str]]:
    """Errors of fields that no input shows, so that none is swallowed."""
    shown = {each.setting.name for bound in groups for each in bound}
    return [(name, text) for name, texts in errors.items() if name not in shown for text in texts]
