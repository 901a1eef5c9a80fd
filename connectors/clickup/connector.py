"""ClickUp, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: ClickUp's OpenAPI document of the API v2 (June 2025) and developer.clickup.com.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base.auth import ApiKey, Bearer, NoAuth, OAuth2Consent, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Connector, Environment
from connectors.base.limits import LimitHeaders
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

from .client import ClickUpClient
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.clickup.com/api"
PERSONAL = "pk_"
TEN_YEARS = 10 * 365 * 24 * 3600

# developer.clickup.com/docs/rate-limits: per token and minute 100, more on larger plans; the headers say how many
REQUESTS = RateBudget(requests=100, per_seconds=60, concurrency=5)
ALLOWANCES = ("100", "1000", "10000")  # Business and below, Business Plus, Enterprise
LIMITS = LimitHeaders(reset_format="epoch_s")
RULES = (
    ErrorRule(Reaction.RATE_LIMITED, body_path="ECODE", equals="APP_002"),
    # 401 is also what a task, list or workspace that the account may not see is answered with
    ErrorRule(Reaction.PERMISSION, status=(401,), body_contains="not authorized"),
)

_PRIORITIES = {"": "none", "1": "urgent", "2": "high", "3": "medium", "4": "low"}

TASK = Resource(
    name="task",
    record_type="task",
    label="Task",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE, Can.ARCHIVE}),
    create_class=CreateClass.UNPROVABLE,  # a marker where a field for the key is set: see resources_for
    refers_to=("member", "tag"),
    version_check=True,  # by the client: it reads, compares, then writes
    status_links=("stage",),
    deletion_evidence="ClickUp answers 404 to the task's id (401 where access is lost), and the list can be read.",
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec("description", "markdown_description", {"name": "rich_text", "format": "markdown"}),
        LinkSpec("stage", "hub.status", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("priority", "hub.priority", {"name": "enum", "map": _PRIORITIES}),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "member"}),
        LinkSpec("labels", "hub.labels", {"name": "set"}),
        LinkSpec("start_on", "hub.start_on", {"name": "date"}),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}),
        LinkSpec("parent", "parent", {"name": "lookup", "resource": "task"}),
        LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "member"}, direction="in"),
        LinkSpec("completed_at", "hub.completed_at", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "url", direction="in"),
    ),
)

COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="task",
    lists_across_parents=False,
    incremental=False,  # comments have no time of their last change
    version_check=True,  # by the client: it reads, compares, then writes
    refers_to=("task", "member"),
    page_size=25,
    deletion_evidence="The comment is not among its task's, and the list can be read.",
    links=(
        LinkSpec("body", "comment_text", {"name": "rich_text", "format": "plain"}, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "member"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "hub.written_at", {"name": "datetime"}, direction="in"),
    ),
)

TAG = Resource(
    name="tag",
    record_type="label",
    label="Tag",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.DELETE}),
    create_class=CreateClass.UPSERT,  # by name
    incremental=False,
    deletion_evidence="The tag is not among the space's, and the list can be read.",
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "hub.colour")),
)

LIST = Resource(
    name="list",
    record_type="project",
    label="List",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE}),
    incremental=False,
    version_check=True,  # by the client: it reads, compares, then writes
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("description", "content", {"name": "rich_text", "format": "plain"}),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}),
    ),
)

MEMBER = Resource(
    name="member",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    links=(
        LinkSpec("name", "username", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
    ),
)

SECRETS = (
    SecretField(
        "token",
        "Personal token",
        help="Begins with pk_; acts as you. Or grant access in the browser instead.",
        required=False,
        url="https://app.clickup.com/settings/apps",
    ),
    SecretField(
        "client_id",
        "Client id",
        help="Of an app of yours, for access granted in the browser.",
        secret=False,
        required=False,
    ),
    SecretField("client_secret", "Client secret", help="Of the same app.", required=False),
    SecretField(
        "refresh_token",
        "Refresh token",
        help="Stays empty: ClickUp's tokens do not run out.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "list_id",
        "List",
        help="Picked from the list once connected, or the number in its address.",
        secret=False,
        picks=("workspace", "space", "task_list"),
    ),
    SecretField(
        "workspace_id",
        "Workspace",
        help="Only where the token sees several: the first number in the address.",
        secret=False,
        required=False,
    ),
    SecretField(
        "key_field",
        "Field for the hub's key",
        help="Id of a text field of the list: proves which task an interrupted create made. Without it such a create waits "
        "for a person.",
        secret=False,
        required=False,
    ),
    SecretField(
        "time_zone",
        "Time zone of dates",
        help="The account's own, such as Europe/Berlin. Only needed where ClickUp does not tell it: dates count in that zone there.",
        secret=False,
        required=False,
    ),
    SecretField(
        "requests_per_minute",
        "Requests a minute",
        help="What your plan allows: 100, on Business Plus 1000, on Enterprise 10000. 100 unless given.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    token = str(secrets.get("token") or secrets.get("access_token") or "")
    is_personal = bool(secrets.get("token"))
    # a personal token stands bare in the header, one of an app behind “Bearer”
    auth: NoAuth = ApiKey("Authorization", token) if is_personal else Bearer(token)
    allowed = str(settings.get("requests_per_minute") or ALLOWANCES[0])
    budget = dataclasses.replace(REQUESTS, requests=int(allowed)) if allowed in ALLOWANCES else REQUESTS
    options = SessionOptions(budgets=(budget,), limits=LIMITS, rules=RULES)
    session = ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options)
    return ClickUpClient(CONNECTOR, session, settings)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """A create can be proven where a field for its key is set."""
    task = dataclasses.replace(TASK, create_class=CreateClass.MARKER) if settings.get("key_field") else TASK
    return (MEMBER, TAG, LIST, task, COMMENT)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    for name, what in (("list_id", "list"), ("workspace_id", "workspace")):
        if settings.get(name) and not str(settings[name]).isdigit():
            problems.append((name, f"Give the {what}'s id, a long number."))
    key = str(settings.get("key_field") or "")
    if key and (len(key) != 36 or key.count("-") != 4):
        problems.append(
            ("key_field", "Give the field's id, 36 characters with four dashes; the list of fields shows it.")
        )
    if settings.get("requests_per_minute") and str(settings["requests_per_minute"]) not in ALLOWANCES:
        problems.append(("requests_per_minute", f"Write one of {', '.join(ALLOWANCES)}."))
    if settings.get("time_zone"):
        try:
            ZoneInfo(str(settings["time_zone"]))
        except (ZoneInfoNotFoundError, ValueError):
            problems.append(("time_zone", "Give a time zone such as Europe/Berlin, or leave it empty."))
    return problems


CONNECTOR = Connector(
    key="clickup",
    name="ClickUp",
    summary="Tasks and subtasks with comments, tags and people of one list.",
    auth_types=("api_key", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(MEMBER, TAG, LIST, TASK, COMMENT),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS,),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself; ClickUp makes up what it signs with. After a hundred failures it stops sending, and the hub "
    "makes the webhook anew.",
    webhook_secret_is_vendors=True,
    text_format="markdown",
    token_url="https://app.clickup.com/settings/apps",  # noqa: S106
    docs_url="https://developer.clickup.com/reference",
    templates=(
        SetUpTemplate(
            "ClickUp list ↔ tasks",
            "Tasks of one list with its statuses as stages, comments, tags and people, in real time.",
            {
                "sync_direction": "both",
                "sync_frequency": "realtime",
                "resource_types": ["member", "tag", "task", "comment"],
            },
        ),
    ),
    consent=OAuth2Consent(
        authorize_url="https://app.clickup.com/api",
        settings=OAuth2Settings(
            token_url="https://api.clickup.com/api/v2/oauth/token",  # noqa: S106
            grant="authorization_code",
            default_ttl_seconds=TEN_YEARS,
        ),
        app_url="https://app.clickup.com/settings/apps",
    ),
    cannot_sync=(
        "Attachments, checklists, watchers, dependencies, time tracking, goals and docs.",
        "Formatting and threads of comments: their words are kept, replies are left out.",
        "The time of day of a due date: only its day is kept, and writing the day clears the time.",
        "Making a subtask a task of its own again, and moving tasks to another list.",
        "Renaming or colouring a tag that is there: ClickUp knows tags by their name, in lower case.",
        "Tasks of other lists that are shown in this one as well.",
    ),
    unverified=(
        "Whether a new comment always moves the task's date_updated.",
        "That a date and a priority are cleared by null, and a description by a space.",
        "That a deleted task answers 404 and one without access 401.",
        "That the token address takes its three values from a form.",
        "The longest text of a task, a comment or a field.",
        "That custom fields may be set while a task is made on every plan.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
    resources_for=resources_for,
)
