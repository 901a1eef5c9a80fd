"""Clockify, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: the vendor's OpenAPI document v1, its help pages on limits, and dated probes (vendors/clockify.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.base.auth import ApiKey
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Connector, Environment
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import (
    Can,
    Client,
    CreateClass,
    LinkSpec,
    RateBudget,
    Resource,
    SecretField,
    SetUpTemplate,
)

from .client import PAGE_SIZE, ClockifyClient
from .hooks import TOKENS
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.clockify.me/api/v1"
MAX_HISTORY_DAYS = 3650

STEADY = RateBudget(requests=150, per_seconds=30, concurrency=5)
"""Five a second: fifty are allowed, older accounts tell of ten."""

FREE = RateBudget(requests=30, per_seconds=3600)  # for the whole workspace, everybody together


def budgets_of(plan: str) -> tuple[RateBudget, ...]:
    return (STEADY, FREE) if plan == "free" else (STEADY,)


RULES = (
    # what is missing answers 400, and only the words tell it from a refused value
    ErrorRule(Reaction.NOT_FOUND, status=(400, 403), body_contains="doesn't belong to workspace"),
    ErrorRule(Reaction.NOT_FOUND, status=(400,), body_contains="doesn't belong to project"),
    ErrorRule(Reaction.EXISTS, status=(400,), body_contains="already exists"),
    ErrorRule(
        Reaction.PERMISSION,
        status=(400,),
        body_contains="locked",
        message="Clockify holds this entry locked.",
    ),
    ErrorRule(
        Reaction.FATAL,
        status=(404,),
        body_path="code",
        equals=3000,
        message="Clockify knows no such address.",
    ),
)

ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})
BY_LIST = "A get answers that it does not belong to the workspace, and the list of all does not hold it."

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    page_size=PAGE_SIZE,
    deletion_evidence="None: somebody who left the workspace is not listed any more.",
    links=(
        LinkSpec("name", "name", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
        LinkSpec("time_zone", "time_zone", direction="in"),
        LinkSpec("active", "active", {"name": "boolean"}, direction="in"),
    ),
)

CLIENT = Resource(
    name="client",
    record_type="customer",
    label="Client",
    can=ALL | {Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # names are unique in a workspace
    incremental=False,
    page_size=PAGE_SIZE,
    deletion_evidence=BY_LIST,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("email", "email"),
        LinkSpec("address", "address"),
    ),
)

TAG = Resource(
    name="tag",
    record_type="label",
    label="Tag",
    can=ALL | {Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # names are unique in a workspace
    incremental=False,
    page_size=PAGE_SIZE,
    deletion_evidence=BY_LIST,
    links=(LinkSpec("name", "name", required=True),),
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=ALL | {Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # names are unique for one client
    refers_to=("client",),
    incremental=False,
    page_size=PAGE_SIZE,
    deletion_evidence=BY_LIST,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("description", "note", {"name": "rich_text", "format": "plain", "max_length": 16384}),
    ),
)

TASK = Resource(
    name="task",
    record_type="task",
    label="Task",
    can=ALL,
    create_class=CreateClass.UPSERT,  # names are unique in a project
    refers_to=("user", "project"),
    incremental=False,
    page_size=PAGE_SIZE,
    deletion_evidence=BY_LIST,
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec(
            "project", "projectId", {"name": "lookup", "resource": "project"}, required=True, create_only=True
        ),
        LinkSpec("stage", "status", {"name": "boolean_from_stage", "true": "DONE", "false": "ACTIVE"}),
        LinkSpec("assignees", "assigneeIds", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("estimate", "estimate_seconds", {"name": "duration", "unit": "seconds", "local": "hours"}),
    ),
)

TIME_ENTRY = Resource(
    name="time_entry",
    record_type="participation_log",
    label="Time entry",
    can=ALL,
    create_class=CreateClass.UNPROVABLE,  # nothing unseen can be written to an entry and searched for
    refers_to=("user", "project", "task", "tag"),
    incremental=False,  # entries carry no time of change: the window is read and compared
    list_is_complete=False,  # as far back as the settings say
    page_size=PAGE_SIZE,
    deletion_evidence="The feed of deletions names it; it is a minute late and reaches back four weeks.",
    links=(
        LinkSpec("member", "userId", {"name": "lookup", "resource": "user"}, create_only=True),
        LinkSpec("project", "projectId", {"name": "lookup", "resource": "project"}),
        LinkSpec("task", "taskId", {"name": "lookup", "resource": "task"}),
        LinkSpec("started_at", "start", {"name": "datetime"}, group="time", required=True),
        LinkSpec("ended_at", "end", {"name": "datetime"}, group="time"),
        LinkSpec("duration_seconds", "seconds", {"name": "number"}, group="time"),
        LinkSpec("spent_on", "spent_on", {"name": "date"}, direction="in"),
        LinkSpec(
            "notes", "description", {"name": "rich_text", "format": "plain", "max_length": 3000, "empty": ""}
        ),
        LinkSpec("billable", "billable", {"name": "boolean"}),
        LinkSpec("tags", "tags", {"name": "set"}),
    ),
)

SECRETS = (
    SecretField(
        "api_key",
        "API key",
        help="In your preferences under “Advanced”. It acts as you; an administrator's sees everybody's time. "
        "A workspace on a subdomain of its own needs a key made there.",
        url="https://app.clockify.me/manage-api-keys",
    ),
    SecretField(
        TOKENS,
        "Tokens of the webhooks",
        help="Filled in when the webhooks are registered. By hand: the signing tokens of all of them, with blanks between.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "workspace_id",
        "Workspace",
        help="Picked from the list once connected, or its id.",
        secret=False,
        picks=("workspace",),
    ),
    SecretField(
        "entries",
        "Whose entries",
        help="Everybody's needs an administrator's key.",
        secret=False,
        required=False,
        choices=(("everyone", "Everybody's"), ("mine", "Only mine")),
    ),
    SecretField(
        "plan",
        "Plan",
        help="A free workspace has 30 requests an hour and three webhooks.",
        secret=False,
        required=False,
        choices=(("free", "Free"), ("paid", "Paid")),
    ),
    SecretField(
        "history_days",
        "Days of history",
        help="How far back each round reads and compares; 31 unless given.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    options = SessionOptions(budgets=budgets_of(str(settings.get("plan") or "free")), rules=RULES)
    auth = ApiKey("X-Api-Key", secrets.get("api_key"))
    return ClockifyClient(
        CONNECTOR, ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options), settings
    )


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if settings.get("workspace_id") and not re.fullmatch(r"[0-9a-f]{24}", str(settings["workspace_id"])):
        problems.append(
            ("workspace_id", "Give the workspace's id of 24 characters, from the address of its settings.")
        )
    days = str(settings.get("history_days") or "31")
    if not days.isdigit() or not 1 <= int(days) <= MAX_HISTORY_DAYS:
        problems.append(("history_days", f"Give a number of days from 1 to {MAX_HISTORY_DAYS}."))
    return problems


CONNECTOR = Connector(
    key="clockify",
    name="Clockify",
    summary="Time entries with their projects, tasks, tags and clients in one workspace.",
    auth_types=("api_key",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, CLIENT, TAG, PROJECT, TASK, TIME_ENTRY),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=budgets_of("free"),
    webhooks=WEBHOOKS,
    webhook_help="Registered by themselves, one for each event; Clockify makes their tokens, which are stored beside the key.",
    webhook_secret_from=TOKENS,
    webhook_covers_body=False,
    text_format="plain",
    token_url="https://app.clockify.me/manage-api-keys",  # noqa: S106
    docs_url="https://docs.clockify.me/",
    templates=(
        SetUpTemplate(
            "Clockify time entries ↔ participation logs",
            "Everybody's time both ways, every 15 minutes; projects, tasks, tags and people come in with it.",
            {"sync_frequency": "every_15min", "conflict_strategy": "latest_wins"},
        ),
    ),
    cannot_sync=(
        "Changes of entries older than the history that no webhook tells of: entries carry no time of change.",
        "Holidays and time off, which Clockify keeps as entries.",
        "Rates, approvals, expenses, invoices, scheduling, rounding; custom fields are kept as they are.",
        "Handing an entry to somebody else, moving a task to another project.",
        "Writing to locked entries.",
    ),
    unverified=(
        "That lists of projects, clients and tags without archived hold both kinds.",
        "Largest page-size; 200 is asked for.",
        "That the feed of deletions is part of every plan; without it a missing entry stays unknown.",
        "Retry-After of a 429: none is documented.",
        "Under which of two names the token of a webhook comes; both are read.",
        "How often a delivery is repeated, and when Clockify switches one off.",
        "That the list of one person's entries holds a running one.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
