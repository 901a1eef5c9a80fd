"""Trello, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: Atlassian's OpenAPI document of the REST API v1 and vendors/trello.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.base.auth import HeaderTemplate
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

from .cards import MAX_TEXT
from .client import TrelloClient
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.trello.com/1"

REQUESTS = RateBudget(requests=100, per_seconds=10, concurrency=5)  # per token; a key may do 300
MEMBERS = RateBudget(requests=100, per_seconds=900, quota_class="members")
LIMITS = LimitHeaders(
    limit="x-rate-limit-api-token-max",
    remaining="x-rate-limit-api-token-remaining",
    reset="x-rate-limit-api-token-interval-ms",  # the window's length: no Retry-After is promised
    reset_format="milliseconds",
)
RULES = (
    # 401 is also the answer where the token is good and the account lacks the right
    ErrorRule(Reaction.PERMISSION, status=(401,), body_contains="permission requested"),
    ErrorRule(Reaction.NOT_FOUND, status=(400,), body_contains="invalid id"),
)

CARD = Resource(
    name="card",
    record_type="task",
    label="Card",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE, Can.ARCHIVE}),
    create_class=CreateClass.MARKER,
    refers_to=("member", "label"),
    incremental=False,  # no filter by change, and labels do not always move dateLastActivity: the whole list is compared
    status_links=("stage",),
    page_size=1000,
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec("description", "desc", {"name": "rich_text", "format": "markdown", "max_length": MAX_TEXT}),
        LinkSpec("stage", "idList", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("assignees", "idMembers", {"name": "lookup_set", "resource": "member"}),
        LinkSpec("labels", "labels", {"name": "set"}),
        LinkSpec("start_on", "start", {"name": "date", "as": "instant", "time": "12:00", "style": "ms"}),
        LinkSpec("due_on", "due", {"name": "date", "as": "instant", "time": "12:00", "style": "ms"}),
        LinkSpec("url", "shortUrl", direction="in"),
    ),
)

COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="card",
    refers_to=("card", "member"),
    page_size=1000,
    links=(
        LinkSpec("body", "text", {"name": "rich_text", "format": "markdown"}, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "member"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "date", {"name": "datetime"}, direction="in"),
    ),
)

LABEL = Resource(
    name="label",
    record_type="label",
    label="Label",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.UPSERT,  # by name
    incremental=False,
    page_size=1000,
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "hub.colour")),
)

MEMBER = Resource(
    name="member",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    links=(LinkSpec("name", "fullName", direction="in", required=True),),
)

SECRETS = (
    SecretField(
        "api_key",
        "API key",
        help="Of a Power-Up of yours: its page “API key”.",
        url="https://trello.com/power-ups/admin",
    ),
    SecretField(
        "token",
        "Token",
        help="Made by the link “token” beside the key; it acts as you, on all your boards.",
        url="https://trello.com/power-ups/admin",
    ),
    SecretField(
        "app_secret",
        "Secret",
        help="On the same page below the key. Trello signs its webhooks with it; without it the hub only polls.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "board_id",
        "Board",
        help="Picked from the list once connected, or the eight letters in the board's address.",
        secret=False,
        picks=("organization", "board"),
    ),
    SecretField(
        "default_list",
        "List for new cards",
        help="Id of the list for cards whose stage has no list; the board's first one unless given.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    keys = {name: secrets.get(name) for name in ("api_key", "token")}
    auth = HeaderTemplate(
        "Authorization", 'OAuth oauth_consumer_key="{api_key}", oauth_token="{token}"', keys
    )
    options = SessionOptions(
        headers={"X-Trello-Client-Identifier": environment.client_identifier},
        budgets=(REQUESTS, MEMBERS),
        limits=LIMITS,
        rules=RULES,
    )
    session = ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options)
    return TrelloClient(CONNECTOR, session, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if settings.get("board_id") and not re.fullmatch(
        r"[0-9a-fA-F]{24}|[0-9A-Za-z]{8}", str(settings["board_id"])
    ):
        problems.append(("board_id", "Give the board's id, or the eight letters after /b/ in its address."))
    if settings.get("default_list") and not re.fullmatch(r"[0-9a-fA-F]{24}", str(settings["default_list"])):
        problems.append(("default_list", "Give the list's id of 24 characters."))
    return problems


CONNECTOR = Connector(
    key="trello",
    name="Trello",
    summary="Cards with comments, labels and people of one board.",
    auth_types=("api_key",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(MEMBER, LABEL, CARD, COMMENT),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS, MEMBERS),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself. Trello asks the address once with HEAD and signs with your Power-Up's secret.",
    webhook_secret_from="app_secret",  # noqa: S106
    text_format="markdown",
    token_url="https://trello.com/power-ups/admin",  # noqa: S106
    docs_url="https://developer.atlassian.com/cloud/trello/rest/",
    templates=(
        SetUpTemplate(
            "Trello board ↔ tasks",
            "Cards of one board; lists are stages.",
            {"sync_frequency": "realtime", "conflict_strategy": "latest_wins"},
        ),
    ),
    cannot_sync=("Checklists, attachments and votes.",),
    unverified=(
        "Which changes leave dateLastActivity as it was.",
        "That updateComment and deleteComment can be listed as a board's actions.",
        "The words of the refusal when a person or label is on the card already.",
        "That the list of cards comes newest first where limit is given.",
        "Retry-After of a 429; ten seconds are waited without it.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
