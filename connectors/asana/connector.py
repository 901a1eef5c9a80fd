"""Asana, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: Asana's OpenAPI document (Asana/openapi, defs/asana_oas.yaml, June 2026) and developers.asana.com.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.auth import Bearer, NoAuth, OAuth2, OAuth2Consent, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Connector, Environment
from connectors.base.limits import LimitHeaders
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import (
    YES_OR_NO,
    Can,
    Client,
    CreateClass,
    LinkSpec,
    RateBudget,
    Resource,
    SecretField,
    SetUpTemplate,
)

from .client import AsanaClient
from .tasks import EXTERNAL_KEY
from .webhooks import IGNORED, WEBHOOKS

ORIGIN = "https://app.asana.com"
API = "/api/1.0"
DEFAULT_BASE_URL = ORIGIN + API

# developers.asana.com/docs/rate-limits: 150 a minute on free plans, 1500 on paid ones; at most 15 writes at once
REQUESTS = RateBudget(requests=150, per_seconds=60, concurrency=15)
PAID_REQUESTS = RateBudget(requests=1500, per_seconds=60, concurrency=15)
RULES = (
    # refused because of a feature of a paid plan, whatever the property
    ErrorRule(Reaction.PERMISSION, status=(402,)),
    ErrorRule(Reaction.EXISTS, status=(403,), body_contains="Duplicate webhook"),
)

SCOPES = (
    "tasks:read", "tasks:write", "tasks:delete", "projects:read", "projects:write", "project_sections:read", "stories:read",
    "stories:write", "stories:delete", "tags:read", "tags:write", "users:read", "workspaces:read", "custom_fields:read", "teams:read",
    "webhooks:read", "webhooks:write", "webhooks:delete",
)  # fmt: skip

_PRIORITIES = {
    "": "none",
    "low": "low",
    "medium": "medium",
    "normal": "medium",
    "high": "high",
    "urgent": "urgent",
    "critical": "urgent",
}
_HTML = {"name": "rich_text", "format": "html"}

TASK = Resource(
    name="task",
    record_type="task",
    label="Task",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.UNPROVABLE,  # a marker where a place for the key is set: see resources_for
    refers_to=("user", "tag"),
    incremental=False,  # a move to another section leaves modified_at as it is: see the setting “Poll”
    version_check=True,  # by the client: it reads, compares, then writes
    status_links=("stage",),
    deletion_evidence="Asana answers 404 to the task's id (403 where only access is lost), and the project can be read.",
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec("description", "html_notes", _HTML),
        LinkSpec("stage", "hub.status", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("priority", "hub.priority", {"name": "enum", "map": _PRIORITIES, "back": {"medium": "medium", "urgent": "urgent"}}),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("labels", "hub.labels", {"name": "set"}),
        LinkSpec("start_on", "start_on", {"name": "date"}, group="dates"),
        LinkSpec("due_on", "due_on", {"name": "date"}, group="dates"),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "task"}),
        LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("completed_at", "completed_at", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "permalink_url", direction="in"),
    ),
)  # fmt: skip

COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="task",
    lists_across_parents=False,
    incremental=False,  # stories have no time of their last change
    version_check=True,  # by the client: it reads, compares, then writes
    refers_to=("task", "user"),
    deletion_evidence="Asana answers 404 to the comment's id, and the project can be read.",
    links=(
        LinkSpec("body", "html_text", _HTML, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "created_at", {"name": "datetime"}, direction="in"),
    ),
)

TAG = Resource(
    name="tag",
    record_type="label",
    label="Tag",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.UPSERT,  # by name
    incremental=False,
    version_check=True,  # by the client: it reads, compares, then writes
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "hub.colour")),
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.ARCHIVE}),
    incremental=False,
    version_check=True,  # by the client: it reads, compares, then writes
    refers_to=("user",),
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("description", "html_notes", _HTML),
        LinkSpec("lead", "hub.owner", {"name": "lookup", "resource": "user"}),
        LinkSpec("start_on", "start_on", {"name": "date"}),
        LinkSpec("due_on", "due_on", {"name": "date"}),
    ),
)

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    links=(
        LinkSpec("name", "name", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),  # guests and narrow scopes may hide it
    ),
)

SECRETS = (
    SecretField(
        "token",
        "Personal access token",
        help="Acts as you, in all your workspaces. Or grant access in the browser instead.",
        required=False,
        url="https://app.asana.com/0/my-apps",
    ),
    SecretField(
        "client_id", "Client id", help="Of an app of yours, for access granted in the browser.", secret=False, required=False
    ),
    SecretField("client_secret", "Client secret", help="Of the same app.", required=False),
    SecretField(
        "refresh_token",
        "Refresh token",
        help=f"Comes from granting access. Scopes: {', '.join(SCOPES)}.",
        required=False,
    ),
)  # fmt: skip

SETTINGS = (
    SecretField("project_id", "Project", help="Picked from the list once connected, or the long number in its address.", secret=False, picks=("workspace", "project")),
    SecretField(
        "key_field",
        "Field for the hub's key",
        help="Id of a text field of the project (or “external” with an app of yours): proves which task an interrupted "
        "create made. Without it such a create waits for a person.",
        secret=False,
        required=False,
    ),
    SecretField(
        "priority_field",
        "Priority field",
        help="Id of the project's field that holds the priority; the one called Priority unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "done_section",
        "Section for completed tasks",
        help="Id of the section that tasks completed here move to; they stay where they are unless given.",
        secret=False,
        required=False,
    ),
    SecretField("subtasks", "Subtasks", help="Left out they save requests.", secret=False, required=False, choices=YES_OR_NO),
    SecretField("poll", "Poll", help="By change it costs fewer requests; moves between sections then come by webhook or with the daily full read.", secret=False, required=False, choices=(("all", "Everything each time"), ("changes", "Only what changed"))),
    SecretField("team_id", "Team for new projects", help="Id of a team; organisations want one.", secret=False, required=False),
    SecretField("plan", "Plan", help="Paid plans allow ten times the requests.", secret=False, required=False, choices=(("free", "Free"), ("paid", "Paid"))),
)  # fmt: skip


def token_address(base_url: str) -> str:
    """Tokens are renewed on the host of the API, whichever that is."""
    return base_url.rstrip("/").removesuffix(API) + "/-/oauth_token"


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    address = base_url or DEFAULT_BASE_URL
    auth: NoAuth
    if secrets.get("token") or not secrets.get("refresh_token"):
        auth = Bearer(secrets.get("token"))
    else:
        auth = OAuth2(OAuth2Settings(token_url=token_address(address)), secrets)
    budget = PAID_REQUESTS if settings.get("plan") == "paid" else REQUESTS
    options = SessionOptions(budgets=(budget,), limits=LimitHeaders(), rules=RULES)
    return AsanaClient(CONNECTOR, ApiSession(address, auth, environment, options), settings)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """A create can be proven where a place for its key is set; polling by change is a choice."""
    task = TASK
    if settings.get("key_field"):
        task = dataclasses.replace(task, create_class=CreateClass.MARKER)
    if settings.get("poll") == "changes":
        task = dataclasses.replace(task, incremental=True)
    return (USER, TAG, PROJECT, task, COMMENT)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    for name, what in (
        ("project_id", "project"),
        ("priority_field", "field"),
        ("done_section", "section"),
        ("team_id", "team"),
    ):
        if settings.get(name) and not str(settings[name]).isdigit():
            problems.append((name, f"Give the {what}'s id, a long number."))
    key = str(settings.get("key_field") or "")
    if key and key != EXTERNAL_KEY and not key.isdigit():
        problems.append(("key_field", "Give the id of a text field, a long number, or the word external."))
    return problems


CONNECTOR = Connector(
    key="asana",
    name="Asana",
    summary="Tasks and subtasks with comments, tags and people of one project.",
    auth_types=("bearer", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, TAG, PROJECT, TASK, COMMENT),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS,),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself. Asana calls the address while the webhook is made and hands over what it signs with; "
    "the address must be reachable from the internet by https.",
    webhook_secret_is_vendors=True,
    text_format="html",
    token_url="https://app.asana.com/0/my-apps",  # noqa: S106
    docs_url="https://developers.asana.com/reference/rest-api-reference",
    templates=(
        SetUpTemplate(
            "Asana project ↔ tasks",
            "Tasks of one project with sections as stages, comments, tags and people, in real time.",
            {
                "sync_direction": "both",
                "sync_frequency": "realtime",
                "resource_types": ["user", "tag", "task", "comment"],
            },
        ),
    ),
    consent=OAuth2Consent(
        authorize_url=ORIGIN + "/-/oauth_authorize",
        settings=OAuth2Settings(token_url=token_address(DEFAULT_BASE_URL), scopes=SCOPES),
        uses_pkce=True,
        app_url="https://app.asana.com/0/my-apps",
    ),
    cannot_sync=(
        "Attachments, likes, followers, dependencies, time tracking and rules.",
        "A second assignee: Asana keeps one per task.",
        "The order of tasks in a section.",
        "The time of day of a due date: only its day is kept, and writing the day clears the time.",
        "Comments of others cannot be edited; system stories are left out.",
        "Headings below the second level, and pictures in texts (a link stays).",
    ),
    unverified=(
        "That a task without access answers 403 and not 404.",
        "Whether a new subtask moves its parent's modified_at.",
        "Whether refresh tokens are ever rotated (they are stored again if so).",
        "Exact limits on concurrent requests (50 reads, 15 writes); reads and writes together are kept to 15 at once.",
        "How long the key in a custom field may be.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
    resources_for=resources_for,
)
