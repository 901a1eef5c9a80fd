"""Harvest, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: help.getharvest.com/api-v2 and the OpenAPI document made from it (vendors/harvest.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.base.auth import Bearer, OAuth2, OAuth2Consent, OAuth2Settings
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

from .client import PER_PAGE, HarvestClient

DEFAULT_BASE_URL = "https://api.harvestapp.com/v2"
TOKENS = OAuth2Settings(token_url="https://id.getharvest.com/api/v2/oauth2/token")  # noqa: S106

REQUESTS = RateBudget(requests=100, per_seconds=15, concurrency=5)

LOCKED = "Harvest holds this entry locked: it was approved, invoiced, or its project is archived."
RULES = (
    ErrorRule(Reaction.PERMISSION, status=(422,), body_contains="locked", message=LOCKED),
    ErrorRule(Reaction.PERMISSION, status=(422,), body_contains="approved", message=LOCKED),
    ErrorRule(Reaction.PERMISSION, status=(422,), body_contains="been archived", message=LOCKED),
    ErrorRule(Reaction.PERMISSION, status=(422,), body_contains="has been invoiced", message=LOCKED),
    ErrorRule(Reaction.EXISTS, status=(422,), body_contains="already been taken"),
)

WRITES = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE})
BY_ADMINISTRATOR = "A get by id answers 404 to a token of an administrator; to others nothing proves it."
OVERLAP = timedelta(seconds=60)

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    overlap=OVERLAP,
    page_size=PER_PAGE,
    deletion_evidence=BY_ADMINISTRATOR,
    links=(
        LinkSpec("name", "name", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
        LinkSpec("phone", "telephone", direction="in"),
        LinkSpec("time_zone", "time_zone", direction="in"),
        LinkSpec("active", "is_active", {"name": "boolean"}, direction="in"),
    ),
)

CLIENT = Resource(
    name="client",
    record_type="customer",
    label="Client",
    can=WRITES | {Can.DELETE, Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # looked for by name first
    overlap=OVERLAP,
    page_size=PER_PAGE,
    deletion_evidence=BY_ADMINISTRATOR,
    links=(LinkSpec("name", "name", required=True), LinkSpec("address", "address")),
)

TASK = Resource(
    name="task",
    record_type="task",
    label="Task (kind of work)",
    can=WRITES | {Can.DELETE, Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # looked for by name first
    overlap=OVERLAP,
    page_size=PER_PAGE,
    deletion_evidence=BY_ADMINISTRATOR,
    links=(LinkSpec("title", "name", required=True),),
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=WRITES | {Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # looked for by name first
    refers_to=("client",),
    overlap=OVERLAP,
    page_size=PER_PAGE,
    deletion_evidence=BY_ADMINISTRATOR,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("key", "code"),
        LinkSpec("description", "notes", {"name": "rich_text", "format": "plain"}),
        LinkSpec("start_on", "starts_on", {"name": "date"}),
        LinkSpec("due_on", "ends_on", {"name": "date"}),
    ),
)

TIME_ENTRY = Resource(
    name="time_entry",
    record_type="participation_log",
    label="Time entry",
    can=WRITES | {Can.DELETE},
    create_class=CreateClass.MARKER,  # external_reference.id, which can be searched for
    refers_to=("user", "project", "task"),
    overlap=OVERLAP,
    page_size=PER_PAGE,
    deletion_evidence=BY_ADMINISTRATOR,
    links=(
        LinkSpec(
            "member", "user.id", {"name": "lookup", "resource": "user", "as": "integer"}, create_only=True
        ),
        LinkSpec("project", "project.id", {"name": "lookup", "resource": "project", "as": "integer"}),
        LinkSpec("task", "task.id", {"name": "lookup", "resource": "task", "as": "integer"}),
        LinkSpec("spent_on", "spent_date", {"name": "date"}, group="time"),
        LinkSpec("started_at", "started_at", {"name": "datetime"}, group="time"),
        LinkSpec("ended_at", "ended_at", {"name": "datetime"}, group="time"),
        # hours have two places: twenty minutes are 0.33, and stay twenty minutes here
        LinkSpec(
            "duration_seconds", "hours", {"name": "duration", "unit": "hours", "decimals": 2}, group="time"
        ),
        LinkSpec("notes", "notes", {"name": "rich_text", "format": "plain", "empty": ""}),
        LinkSpec("billable", "billable", {"name": "boolean"}, direction="in"),
    ),
)

SECRETS = (
    SecretField(
        "access_token",
        "Personal access token",
        help="Made on Harvest's page for developers. It acts as you; an administrator's sees everybody's time.",
        required=False,
        url="https://id.getharvest.com/developers",
    ),
    SecretField(
        "client_id", "Client ID", help="Of an OAuth2 application, instead of the token above.", required=False
    ),
    SecretField("client_secret", "Client secret", help="Of the same application.", required=False),
    SecretField(
        "refresh_token", "Refresh token", help="Comes with the consent in the browser.", required=False
    ),
)

SETTINGS = (
    SecretField(
        "account_id",
        "Account",
        help="The number shown beside the token on Harvest's page for developers.",
        secret=False,
    ),
    SecretField(
        "default_client_id",
        "Client for new projects",
        help="Harvest keeps no project without a client.",
        secret=False,
        required=False,
    ),
    SecretField(
        "default_project_id",
        "Project for entries without one",
        help="Id of the project.",
        secret=False,
        required=False,
    ),
    SecretField(
        "default_task_id",
        "Task for entries without one",
        help="Id of the task.",
        secret=False,
        required=False,
    ),
)
NUMBERS = ("account_id", "default_client_id", "default_project_id", "default_task_id")


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    auth = OAuth2(TOKENS, secrets) if secrets.get("refresh_token") else Bearer(secrets.get("access_token"))
    options = SessionOptions(
        headers={
            "Harvest-Account-Id": str(settings.get("account_id") or ""),
            "User-Agent": f"Lockstep ({environment.client_identifier})",  # one is asked for, with whom to turn to
        },
        budgets=(REQUESTS,),
        rules=RULES,
    )
    return HarvestClient(
        CONNECTOR, ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options), settings
    )


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, "Give the number, as Harvest shows it in the address of its page.")
        for name in NUMBERS
        if settings.get(name) and not str(settings[name]).isdigit()
    ]


CONNECTOR = Connector(
    key="harvest",
    name="Harvest",
    summary="Time entries with their projects, tasks, clients and people in one account.",
    auth_types=("bearer", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, CLIENT, TASK, PROJECT, TIME_ENTRY),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS,),
    webhooks=None,
    webhook_help="Harvest has no webhooks. Changes are asked for by updated_since: one request a round for each resource.",
    text_format="plain",
    token_url="https://id.getharvest.com/developers",  # noqa: S106
    docs_url="https://help.getharvest.com/api-v2/",
    consent=OAuth2Consent(
        authorize_url="https://id.getharvest.com/oauth2/authorize",
        settings=TOKENS,
        app_url="https://id.getharvest.com/developers",
    ),
    templates=(
        SetUpTemplate(
            "Harvest timesheets ↔ participation logs",
            "Everybody's time both ways, every 15 minutes; projects, tasks and people come in with it.",
            {"sync_frequency": "every_15min", "conflict_strategy": "latest_wins"},
        ),
    ),
    cannot_sync=(
        "Billable: it follows from the project's task in Harvest and is read only.",
        "Tags: Harvest has none.",
        "Start and end in accounts that track by duration; entries that pass midnight in those that track by start and end.",
        "Deleting projects: Harvest would delete their time and expenses with them; they are archived.",
        "Writing to locked, approved or invoiced entries.",
        "Rates, budgets, expenses, invoices, estimates, contacts.",
    ),
    unverified=(
        "Whether updated_since includes the named second; a minute of overlap is read again.",
        "How long an access token of OAuth2 lasts; expires_in is followed.",
        "Whether names of clients, tasks and projects must be unique; they are looked for before one is made.",
        "Whether an external_reference needs its permalink.",
        "The words of the refusals for locked, approved and invoiced entries.",
        "Whether the limit of requests counts by token or by account.",
    ),
    validate=validate,
)
