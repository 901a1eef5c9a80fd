"""Linear, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: the vendor's GraphQL schema (linear/linear, packages/sdk/src/schema.graphql, commit 8335e09a of July 2026) and
linear.app/developers, read November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.base.auth import ApiKey, NoAuth, OAuth2, OAuth2Consent, OAuth2Settings
from connectors.base.classify import Reaction
from connectors.base.connector import Connector, Environment
from connectors.base.graphql import CodeRule, GraphApi
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

from .client import ROWS, LinearClient
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.linear.app"
TOKENS = OAuth2Settings(token_url="https://api.linear.app/oauth/token", default_ttl_seconds=86_400)  # noqa: S106
BUDGETS = (RateBudget(2500, 3600),)
LIMITS = LimitHeaders(
    limit="x-ratelimit-requests-limit",
    remaining="x-ratelimit-requests-remaining",
    reset="x-ratelimit-requests-reset",
    reset_format="epoch_ms",
)
RULES = (
    # comes with status 400
    CodeRule(Reaction.RATE_LIMITED, codes=("RATELIMITED", "rate limited", "ratelimited")),
    CodeRule(Reaction.REAUTH, codes=("AUTHENTICATION_ERROR", "authentication error")),
    CodeRule(Reaction.NOT_FOUND, says="entity not found"),
    CodeRule(Reaction.NOT_FOUND, says="could not find referenced"),
    CodeRule(
        Reaction.PERMISSION,
        codes=("FORBIDDEN", "forbidden", "FEATURE_NOT_ACCESSIBLE", "feature not accessible"),
    ),
    CodeRule(Reaction.PERMISSION, codes=("USAGE_LIMIT_EXCEEDED", "usage limit exceeded")),
    CodeRule(
        Reaction.RETRY, codes=("LOCK_TIMEOUT", "lock timeout", "INTERNAL_SERVER_ERROR", "internal error")
    ),
    CodeRule(Reaction.FATAL, codes=("GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "graphql error")),
    CodeRule(
        Reaction.VALIDATION,
        codes=("INPUT_ERROR", "INVALID_INPUT", "invalid input", "user error", "USER_ERROR"),
    ),
)
_MARKDOWN = {"name": "rich_text", "format": "markdown"}
_PRIORITIES = {"0": "none", "1": "urgent", "2": "high", "3": "medium", "4": "low"}
_ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})
_MS = timedelta(milliseconds=1)

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    absence_check=False,
    page_size=ROWS,
    time_granularity=_MS,
    links=(
        LinkSpec("name", "name", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
        LinkSpec("title", "title", direction="in"),
        LinkSpec("time_zone", "timezone", direction="in"),
        LinkSpec("active", "active", {"name": "boolean"}, direction="in"),
    ),
)
PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=_ALL,
    create_class=CreateClass.MARKER,  # by an id of our choosing
    version_check=True,  # by the client: it reads, compares, then writes
    refers_to=("user",),
    page_size=ROWS,
    time_granularity=_MS,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("description", "content", _MARKDOWN),
        LinkSpec("state", "hub.state", direction="in"),
        LinkSpec("lead", "hub.lead", {"name": "lookup", "resource": "user"}),
        LinkSpec("start_on", "startDate", {"name": "date"}),
        LinkSpec("due_on", "targetDate", {"name": "date"}),
    ),
    deletion_evidence="The project is in Linear's trash.",
)
CYCLE = Resource(
    name="cycle",
    record_type="milestone",
    label="Cycle",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    version_check=True,  # by the client: it reads, compares, then writes
    absence_check=False,
    page_size=ROWS,
    time_granularity=_MS,
    links=(
        LinkSpec("title", "hub.title", required=True),
        LinkSpec("description", "description"),
        LinkSpec("kind", "hub.kind", direction="in"),
        LinkSpec("state", "hub.state", direction="in"),
        LinkSpec("start_on", "hub.start_on", {"name": "date"}, direction="in"),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}, direction="in"),
    ),
)
LABEL = Resource(
    name="label",
    record_type="label",
    label="Label",
    can=_ALL,
    create_class=CreateClass.MARKER,  # by an id of our choosing
    version_check=True,  # by the client: it reads, compares, then writes
    page_size=ROWS,
    time_granularity=_MS,
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "color")),
    deletion_evidence="It is no longer answered while its team still is.",
)
ISSUE = Resource(
    name="issue",
    record_type="task",
    label="Issue",
    can=_ALL | {Can.ARCHIVE},
    create_class=CreateClass.MARKER,  # by an id of our choosing
    version_check=True,  # by the client: it reads, compares, then writes
    refers_to=("user", "label", "project", "cycle"),
    status_links=("stage",),
    page_size=ROWS,
    time_granularity=_MS,
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("description", "description", _MARKDOWN),
        LinkSpec("stage", "hub.stage", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("priority", "hub.priority", {"name": "enum", "map": _PRIORITIES, "as": "integer"}),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("labels", "hub.labels", {"name": "set"}),
        LinkSpec("due_on", "dueDate", {"name": "date"}),
        LinkSpec("estimate", "hub.estimate", {"name": "number"}),
        LinkSpec("project", "hub.project", {"name": "lookup", "resource": "project"}),
        LinkSpec("milestone", "hub.cycle", {"name": "lookup", "resource": "cycle"}),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "issue"}),
        LinkSpec("reporter", "hub.creator", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("completed_at", "completedAt", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "url", direction="in"),
    ),
    deletion_evidence="The issue is in Linear's trash.",
)
COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=_ALL,
    create_class=CreateClass.MARKER,  # by an id of our choosing
    version_check=True,  # by the client: it reads, compares, then writes
    parent="issue",
    refers_to=("issue", "user"),
    page_size=ROWS,
    time_granularity=_MS,
    links=(
        LinkSpec("body", "body", _MARKDOWN, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "createdAt", {"name": "datetime"}, direction="in"),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "comment"}, create_only=True),
    ),
    deletion_evidence="It is no longer answered while its issue still is.",
)

SECRETS = (
    SecretField(
        "token",
        "API key",
        help="Settings → Security & access → Personal API keys; reading and writing, for the one team. Or grant access to an "
        "OAuth application instead (scopes read, write; admin only for webhooks).",
        required=False,
        url="https://linear.app/settings/account/security",
    ),
    SecretField("client_id", "OAuth client id", help="Instead of a key.", secret=False, required=False),
    SecretField("client_secret", "OAuth client secret", required=False),
    SecretField("refresh_token", "Refresh token", help="Granted in the browser.", required=False),
)
SETTINGS = (
    SecretField(
        "team_id", "Team", help="Picked from the list once connected.", secret=False, picks=("team",)
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    """A personal key is sent bare, a granted token as bearer."""
    auth: NoAuth
    if secrets.get("refresh_token") and not secrets.get("token"):
        auth = OAuth2(TOKENS, secrets)
    else:
        auth = ApiKey("Authorization", secrets.get("token"))
    options = SessionOptions(budgets=BUDGETS, limits=LIMITS)
    session = ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options)
    api = GraphApi(session, "/graphql", RULES, words_at="userPresentableMessage")
    return LinearClient(CONNECTOR, api, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    team = str(settings.get("team_id") or "").strip()
    if team and not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", team):
        return [("team_id", "Pick the team from the list, or give its id of 36 characters.")]
    return []


CONNECTOR = Connector(
    key="linear",
    name="Linear",
    summary="Issues of one team with comments, labels, cycles, projects and people.",
    auth_types=("api_key", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, PROJECT, CYCLE, LABEL, ISSUE, COMMENT),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=BUDGETS,
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself where the key belongs to an admin of the workspace. By hand: Settings → API → Webhooks, "
    "for the team; issues, comments, labels, cycles, projects. Enter the signing secret that Linear shows.",
    text_format="markdown",
    token_url="https://linear.app/settings/account/security",  # noqa: S106
    docs_url="https://linear.app/developers/graphql",
    templates=(
        SetUpTemplate(
            "Linear issues ↔ tasks",
            "Issues of one team with comments, labels, cycles as sprints, and assignees.",
            {"resource_types": ["user", "label", "cycle", "issue", "comment"], "sync_frequency": "realtime"},
        ),
    ),
    consent=OAuth2Consent(
        authorize_url="https://linear.app/oauth/authorize",
        settings=OAuth2Settings(
            token_url=TOKENS.token_url,
            grant="authorization_code",
            scopes=("read", "write"),
            default_ttl_seconds=86_400,
        ),
        uses_pkce=True,
        scope_separator=",",
        app_url="https://linear.app/settings/api/applications/new",
    ),
    cannot_sync=(
        "A second assignee: Linear takes one.",
        "New cycles, and their dates: Linear plans them itself.",
        "A project's status: it is read, not written.",
        "Attachments, relations, reactions, documents, initiatives, project updates and milestones within projects.",
        "Fractions as estimates.",
    ),
    unverified=(
        "Requests an hour: 2,500 are taken, as seen live in 2026; the headers' figures win.",
        "The code of each refusal beside RATELIMITED; names and types are taken alike, “Entity not found” by its words.",
        "That an id of one's own makes a second create fail rather than answer the first.",
        "How long titles may be (512 are sent at most).",
        "That webhookCreate takes a secret of ours, as the schema says.",
        "That a listing by change with the archive shows what went to the trash.",
        "How long an access token lives where the answer does not say (a day).",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
