"""Microsoft To Do, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: Microsoft Graph v1.0 (its metadata and microsoft-graph-docs-contrib, read 2026-11) and vendors/microsoft_todo.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base.auth import OAuth2, OAuth2Consent, OAuth2Settings
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

from .client import PAGE_SIZE, TodoClient
from .discovery import SCOPES
from .tasks import STATUSES
from .webhooks import WEBHOOKS

DEFAULT_BASE_URL = "https://graph.microsoft.com/v1.0"
LOGIN_URL = "https://login.microsoftonline.com"
REGISTRATIONS = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"

REQUESTS = RateBudget(requests=10_000, per_seconds=600, concurrency=4)  # per app and mailbox
RULES = (
    # the place in the change feed is too old: start over
    ErrorRule(Reaction.GONE, body_path="error.code", equals="syncStateNotFound"),
    ErrorRule(Reaction.GONE, body_path="error.code", equals="resyncRequired"),
    ErrorRule(
        Reaction.REAUTH,
        body_path="error.code",
        equals="MailboxNotEnabledForRESTAPI",
        message="This account has no mailbox that Microsoft Graph can reach, and so no To Do.",
    ),
    ErrorRule(Reaction.NOT_FOUND, status=(400,), body_path="error.code", equals="ErrorInvalidIdMalformed"),
    ErrorRule(Reaction.EXISTS, status=(409,), body_path="error.code", equals="CategoryAlreadyExists"),
)

TASK = Resource(
    name="task",
    record_type="task",
    label="Task",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    refers_to=("list", "category"),
    version_check=True,  # by the client: it reads, compares, then writes
    status_links=("stage",),
    page_size=PAGE_SIZE,
    time_granularity=timedelta(milliseconds=1),
    deletion_evidence="A get by id answers 404 while its list can be read; the change feed says @removed. "
    "A task moved to another list looks deleted, and comes as a new one.",
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("description", "body.content", {"name": "rich_text", "format": "html"}),
        LinkSpec(
            "stage",
            "status",
            {"name": "enum", "map": {word: stage for word, (_, stage, _) in STATUSES.items()}},
            key="stage",
        ),
        LinkSpec("completed_at", "hub.completed_at", {"name": "datetime"}, direction="in"),
        LinkSpec(
            "priority",
            "importance",
            {
                "name": "enum",
                "map": {"low": "low", "normal": "medium", "high": "high"},
                "back": {"none": "normal", "urgent": "high"},
            },
        ),
        LinkSpec("labels", "categories", {"name": "set"}),
        LinkSpec("start_on", "hub.start_on", {"name": "date"}),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}),
        LinkSpec("project", "hub.list", {"name": "lookup", "resource": "list"}, create_only=True),
        LinkSpec("url", "hub.url", direction="in"),
    ),
)

LIST = Resource(
    name="list",
    record_type="project",
    label="List",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.UNPROVABLE,  # nothing of ours fits into a list, and names may repeat
    version_check=True,  # by the client: it reads, compares, then writes
    incremental=False,
    absence_check=False,  # a list that is no longer shared answers as a deleted one
    page_size=PAGE_SIZE,
    deletion_evidence="None: a list that is no longer shared looks just like a deleted one.",
    links=(LinkSpec("name", "displayName", required=True),),
)

CATEGORY = Resource(
    name="category",
    record_type="label",
    label="Category",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.DELETE}),  # a name is for good
    create_class=CreateClass.UPSERT,  # by name, which Outlook keeps unique
    incremental=False,
    deletion_evidence="The whole list of categories lacks it.",
    links=(LinkSpec("name", "displayName", required=True), LinkSpec("colour", "hub.colour")),
)

SECRETS = (
    SecretField(
        "client_id",
        "Application (client) id",
        help="Of an app registration of yours, with the delegated permissions " + ", ".join(SCOPES) + ".",
        secret=False,
        url=REGISTRATIONS,
    ),
    SecretField(
        "client_secret",
        "Client secret",
        help="Its value (not its id). Leave empty for a registration as a public client.",
        required=False,
        url=REGISTRATIONS,
    ),
    SecretField(
        "refresh_token",
        "Refresh token",
        help="Comes by itself when you sign in. Each use brings a new one, which is stored.",
    ),
)

SETTINGS = (
    SecretField(
        "tenant",
        "Who may sign in",
        help="common (work and personal accounts), organizations, consumers, or your directory's id.",
        secret=False,
    ),
    SecretField(
        "list_id",
        "List",
        help="Keep only this one in sync; empty for all of your lists.",
        secret=False,
        required=False,
    ),
    SecretField(
        "default_list",
        "List for new tasks",
        help="For tasks without a project; the list “Tasks” unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "time_zone",
        "Time zone",
        help="The one To Do shows days in, for instance Europe/Berlin; UTC unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "login_url",
        "Address of the sign-in service",
        help=f"{LOGIN_URL} unless given; national clouds have their own.",
        secret=False,
        required=False,
    ),
)


def oauth_settings(settings: Mapping[str, Any]) -> OAuth2Settings:
    """Where tokens are renewed, for the tenant and cloud in the settings."""
    login = str(settings.get("login_url") or LOGIN_URL).rstrip("/")
    tenant = str(settings.get("tenant") or "common")
    return OAuth2Settings(token_url=f"{login}/{tenant}/oauth2/v2.0/token", scopes=SCOPES)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    auth = OAuth2(oauth_settings(settings), secrets)
    options = SessionOptions(budgets=(REQUESTS,), rules=RULES)
    session = ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options)
    return TodoClient(CONNECTOR, session, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if settings.get("tenant") and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", str(settings["tenant"])):
        problems.append(("tenant", "Give common, organizations, consumers, or the directory's id or domain."))
    if settings.get("time_zone"):
        try:
            ZoneInfo(str(settings["time_zone"]))
        except (ZoneInfoNotFoundError, ValueError):
            problems.append(("time_zone", "Give a zone such as Europe/Berlin or America/New_York."))
    chosen, default = settings.get("list_id"), settings.get("default_list")
    if chosen and default and chosen != default:
        problems.append(("default_list", "New tasks would land outside of the list that is kept in sync."))
    return problems


CONNECTOR = Connector(
    key="microsoft_todo",
    name="Microsoft To Do",
    summary="Tasks, lists and categories of one person's Microsoft account.",
    auth_types=("oauth2",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(LIST, CATEGORY, TASK),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS,),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself, one subscription per list. They run out after less than three days and must be "
    "renewed; Microsoft asks this address for its token while they are made.",
    webhook_token_in_body=True,
    text_format="html",
    token_url=REGISTRATIONS,
    docs_url="https://learn.microsoft.com/graph/api/resources/todo-overview",
    consent=OAuth2Consent(
        authorize_url=LOGIN_URL + "/{tenant}/oauth2/v2.0/authorize",
        settings=OAuth2Settings(token_url=LOGIN_URL + "/{tenant}/oauth2/v2.0/token", scopes=SCOPES),
        extra={"response_mode": "query", "prompt": "select_account"},
        uses_pkce=True,
        app_url=REGISTRATIONS,
    ),
    templates=(
        SetUpTemplate(
            "My To Do",
            "Your lists as projects, their tasks both ways, tasks made here without a project go to “Tasks”.",
            {
                "sync_frequency": "realtime",
                "options": {"tenant": "common"},
                "resource_types": ["list", "category", "task"],
            },
        ),
        SetUpTemplate(
            "Only my tasks",
            "Tasks both ways, without lists and categories as records of their own.",
            {
                "sync_frequency": "realtime",
                "options": {"tenant": "common"},
                "resource_types": ["task"],
            },
        ),
    ),
    cannot_sync=(
        "Assignees: the API shows no one but the signed-in person, even in shared lists.",
        "Comments and sub-tasks: To Do has neither; its steps (checklist items) stay where they are.",
        "Moving a task to another list: the API cannot, and a task moved in To Do comes as a new one.",
        "A category's name and colour once it is made: Outlook does not let the name be changed.",
        "My Day, list groups, attachments, reminders and recurrence.",
        "Times of day: start, due and completion are days.",
        "Flagged e-mails.",
    ),
    unverified=(
        "That tasks can be filtered by lastModifiedDateTime (the change feed cannot be).",
        "How a notification names list and task; where it names none, the list is read again.",
        "That If-Match guards a PATCH of a task: so each update reads and compares first.",
        "The codes of a feed whose place was forgotten (410, syncStateNotFound, resyncRequired).",
        "The zone in which To Do answers a day: midnight in any zone counts as that day.",
        "That To Do is counted as Outlook is: 10,000 requests in ten minutes and four at once.",
        "The address of a task's page.",
    ),
    validate=validate,
)
