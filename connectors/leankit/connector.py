"""LeanKit (Planview AgilePlace), read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: the vendor's API reference for v2 ("/io") as read in 2026, and vendors/leankit.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.base.auth import Basic, Bearer, NoAuth
from connectors.base.connector import Connector, Environment
from connectors.base.errors import ConfigurationProblem
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

from .client import LeanKitClient
from .webhooks import IGNORED, WEBHOOKS

# The vendor publishes no figure; its headers say what is left in the minute, and they win. Until they speak: what
# accounts typically get, in requests a minute and an hour, with at most ten under way.
REQUESTS = RateBudget(requests=100, per_seconds=60, concurrency=10)
HOURLY = RateBudget(requests=500, per_seconds=3600, concurrency=10)
BUDGETS = (REQUESTS, HOURLY)

_PRIORITY: Mapping[str, Any] = {
    "name": "enum",
    "map": {"low": "low", "normal": "medium", "high": "high", "critical": "urgent"},
    "back": {"none": "normal"},
}
_STAGE = LinkSpec("stage", "lane.id", {"name": "enum", "map": {}}, key="stage")
_DESCRIPTION = LinkSpec("description", "description", {"name": "rich_text", "format": "html"})

CARD = Resource(
    name="card",
    record_type="waitlist_entry",
    label="Card",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE, Can.ARCHIVE}),
    create_class=CreateClass.MARKER,
    other_record_types=("task",),
    refers_to=("user",),
    version_check=True,
    status_links=("stage",),
    page_size=200,
    links=(
        LinkSpec("customer_name", "title", required=True),
        LinkSpec("number", "customId.value"),
        _DESCRIPTION,
        _STAGE,
        LinkSpec("priority", "priority", _PRIORITY),
        LinkSpec("card_type", "type.title"),
        LinkSpec("assigned_to", "assignedUsers[0].id", {"name": "lookup", "resource": "user"}),
        LinkSpec("tags", "tags", {"name": "set"}),
    ),
    other_links={
        "task": (
            LinkSpec("title", "title", required=True),
            _DESCRIPTION,
            _STAGE,
            LinkSpec("priority", "priority", _PRIORITY),
            LinkSpec("assignees", "assignedUsers", {"name": "lookup_set", "resource": "user"}),
            LinkSpec("start_on", "plannedStart", {"name": "date"}),
            LinkSpec("due_on", "plannedFinish", {"name": "date"}),
            LinkSpec("labels", "tags", {"name": "set"}),
            LinkSpec("parent", "parentCards[0].cardId", {"name": "lookup", "resource": "card"}),
            LinkSpec("completed_at", "actualFinish", {"name": "datetime"}, direction="in"),
            LinkSpec("url", "hub.url", direction="in"),
        )
    },
)

COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="card",
    lists_across_parents=False,
    refers_to=("card", "user"),
    incremental=False,  # LeanKit does not say when a comment was edited
    page_size=400,
    links=(
        LinkSpec("body", "text", {"name": "rich_text", "format": "html"}, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "createdOn", {"name": "datetime"}, direction="in"),
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
        LinkSpec("name", "fullName", direction="in", required=True),
        LinkSpec("email", "emailAddress", direction="in"),
    ),
)

SECRETS = (
    SecretField(
        "token",
        "API token",
        help="Made in LeanKit: your profile → API tokens. It acts as you and never expires.",
        required=False,
    ),
    SecretField(
        "username", "E-mail", help="Only without a token: the account's e-mail.", secret=False, required=False
    ),
    SecretField("password", "Password", help="Only without a token.", required=False),
)

SETTINGS = (
    SecretField(
        "board_id",
        "Board",
        help="Picked from the list once connected, or the number in the board's address.",
        secret=False,
        picks=("board",),
    ),
    SecretField(
        "archive_lane",
        "Archive lane",
        help="Number of the lane that archived cards go to; the board's first archive lane unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "archived_cards",
        "Cards in archive lanes",
        secret=False,
        required=False,
        choices=(("rest", "Count as archived and rest"), ("keep", "Stay in sync by their lane")),
    ),
    SecretField(
        "wip_override",
        "Comment for moves over a WIP limit",
        help="“off”: LeanKit refuses such moves, and the hub reports it.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    if not base_url:
        raise ConfigurationProblem("Give your LeanKit address, for example https://acme.leankit.com.")
    options = SessionOptions(budgets=BUDGETS, limits=LimitHeaders())
    session = ApiSession(api_root(base_url), _auth(secrets), environment, options)
    return LeanKitClient(CONNECTOR, session, settings)


def api_root(base_url: str) -> str:
    """The address of the API from whatever was typed: with or without ``/io``, with a page's path behind it."""
    text = base_url.strip().rstrip("/")
    if "://" not in text:
        text = f"https://{text}"
    head, found, _ = text.partition("/io")
    if found:
        return f"{head}/io"
    parts = urlsplit(text)
    if parts.hostname and parts.hostname.endswith("leankit.com"):
        return f"{parts.scheme}://{parts.netloc}/io"
    return f"{text}/io"


def _auth(secrets: Mapping[str, Any]) -> NoAuth:
    if secrets.get("token"):
        return Bearer(secrets["token"])
    if secrets.get("username"):
        return Basic(secrets["username"], secrets.get("password"))
    raise ConfigurationProblem("Give an API token, or an e-mail with its password.")


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, "Give the number only, for example 1490772554.")
        for name in ("board_id", "archive_lane")
        if settings.get(name) and not re.fullmatch(r"\d{1,20}", str(settings[name]))
    ]


CONNECTOR = Connector(
    key="leankit",
    name="LeanKit",
    summary="Cards with comments, lanes, tags and people of one board (Planview AgilePlace).",
    auth_types=("bearer", "basic"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, CARD, COMMENT),
    open=open_client,
    budgets=BUDGETS,
    retry_delays=(5, 10, 20),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself as a card automation where the account manages the board. By hand: board → "
    "Automations → Web service call, content type application/json, with the secret as signing key.",
    text_format="html",
    docs_url="https://success.planview.com/Planview_AgilePlace",
    templates=(
        SetUpTemplate(
            "Waitlist ↔ LeanKit board",
            "Waitlist entries are cards of one board; lanes are their stages, comments go both ways.",
            {"sync_frequency": "realtime", "conflict_strategy": "manual_review"},
        ),
    ),
    cannot_sync=("Attachments, card connections and planning increments.",),
    unverified=(
        "Rows of the card list carry the description in full.",
        "The answer of deleted=true: {cards: [{id}]} or {cardIds: []}; both are read.",
        "remove by value works on /assignedUserIds as it does on /tags.",
        "Which board role may make automations; whether their calls are repeated after a failure.",
        "That adding a comment does not change the card's updatedOn.",
        "The status of a refused move over a WIP limit.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
