"""monday.com, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: the vendor's GraphQL schema of version 2026-10 (mondaycom/mcp) and developer.monday.com, read November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.base.auth import OAuth2Consent, OAuth2Settings
from connectors.base.connector import Connector, Environment
from connectors.base.types import Can, Client, CreateClass, LinkSpec, Resource, SecretField, SetUpTemplate

from .api import DAY, MINUTE, open_api
from .client import MondayClient
from .columns import ROLES, chosen_roles
from .items import BY_GROUP
from .reading import ITEMS_PER_PAGE, UPDATES_PER_PAGE, USERS_PER_PAGE
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.monday.com"
SCOPES = (
    "me:read",
    "account:read",
    "workspaces:read",
    "boards:read",
    "boards:write",
    "users:read",
    "tags:read",
    "updates:read",
    "updates:write",
    "webhooks:read",
    "webhooks:write",
)
_PRIORITIES = {"low": "low", "medium": "medium", "high": "high", "urgent": "urgent"}

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    page_size=USERS_PER_PAGE,
    links=(
        LinkSpec("name", "name", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
        LinkSpec("phone", "phone", direction="in"),
        LinkSpec("title", "title", direction="in"),
        LinkSpec("time_zone", "time_zone_identifier", direction="in"),
        LinkSpec("active", "hub.active", {"name": "boolean"}, direction="in"),
    ),
    deletion_evidence="None: people who left stay on their items.",
)

BOARD = Resource(
    name="board",
    record_type="project",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Board",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    incremental=False,
    absence_check=False,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("description", "description", {"name": "rich_text", "format": "plain"}),
    ),
)

GROUP = Resource(
    name="group",
    record_type="milestone",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Group",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE}),
    create_class=CreateClass.KEYED,  # and, once the key is forgotten, by its title
    incremental=False,
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("state", "hub.state", direction="in"),
        LinkSpec("project", "hub.board", {"name": "lookup", "resource": "board"}, direction="in"),
    ),
    refers_to=("board",),
    deletion_evidence="The board, read afresh, no longer has the group.",
)

TAG = Resource(
    name="tag",
    record_type="label",
    label="Tag",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE}),
    create_class=CreateClass.UPSERT,  # by name
    incremental=False,
    absence_check=False,
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "color", direction="in")),
)

ITEM = Resource(
    name="item",
    record_type="task",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Item",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE, Can.ARCHIVE}),
    create_class=CreateClass.MARKER,
    refers_to=("user", "board", "group"),
    status_links=("stage",),
    page_size=ITEMS_PER_PAGE,
    overlap=timedelta(minutes=5),
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec("description", "hub.description", {"name": "rich_text", "format": "plain"}),
        LinkSpec("stage", "hub.stage", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("priority", "hub.priority", {"name": "enum", "map": {"": "none", **_PRIORITIES}}),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("labels", "hub.labels", {"name": "set"}),
        LinkSpec("start_on", "hub.start_on", {"name": "date"}, group="dates"),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}, group="dates"),
        LinkSpec("estimate", "hub.estimate", {"name": "number"}),
        LinkSpec("milestone", "hub.group", {"name": "lookup", "resource": "group"}),
        LinkSpec("project", "hub.board", {"name": "lookup", "resource": "board"}, direction="in"),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "item"}, create_only=True),
        LinkSpec("reporter", "hub.creator", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("url", "url", direction="in"),
    ),
    deletion_evidence="The item is in the trash, or the board's activity log says that it was deleted.",
)

UPDATE = Resource(
    name="update",
    record_type="comment",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Update",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="item",
    refers_to=("item", "user"),
    page_size=UPDATES_PER_PAGE,
    overlap=timedelta(minutes=5),
    links=(
        LinkSpec("body", "body", {"name": "rich_text", "format": "html"}, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "created_at", {"name": "datetime"}, direction="in"),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "update"}, create_only=True),
    ),
    deletion_evidence="It is no longer answered while its item still is.",
)

SECRETS = (
    SecretField(
        "token",
        "API token",
        help="Of the account Lockstep acts as: avatar → Developers → API token. Or grant access to an app instead.",
        required=False,
        url="https://support.monday.com/hc/en-us/articles/360005144659",
    ),
    SecretField("client_id", "App's client id", help="Instead of a token.", secret=False, required=False),
    SecretField("client_secret", "App's client secret", required=False),
    SecretField(
        "access_token", "Access token", help="Granted in the browser; it does not expire.", required=False
    ),
    SecretField(
        "signing_secret",
        "Signing secret",
        help="Of the app, under Basic information: monday.com signs its webhooks with it. With a personal token, whose webhooks "
        "are not signed: a long random text of yours, to be put behind the address as ?key=…",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "board_id",
        "Board",
        help="Picked from the list once connected, or the number in its address.",
        secret=False,
        picks=("workspace", "board"),
    ),
    SecretField(
        "stage_from",
        "Stage is",
        secret=False,
        required=False,
        choices=(("status", "A status column"), ("group", "The group of the board")),
    ),
    SecretField(
        "columns",
        "Columns",
        help="Only where the guess is wrong: “stage = status; due_on = date4; priority = off”. Parts: "
        + ", ".join(ROLES)
        + ". The connection test says what is guessed.",
        secret=False,
        required=False,
    ),
    SecretField(
        "key_column",
        "Column for Lockstep's keys",
        help="Id of a text column, or “auto” to have one made. By it an item whose creation was interrupted is found again; "
        "without it a person is asked.",
        secret=False,
        required=False,
    ),
    SecretField(
        "subitems",
        "Subitems",
        help="As tasks with a parent.",
        secret=False,
        required=False,
        choices=(("on", "Take part"), ("off", "Stay out")),
    ),
    SecretField(
        "daily_calls",
        "API calls a day",
        help="What your plan allows: Free 200, Basic and Standard 1000 (unless given), Pro 10000, Enterprise 25000.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    api = open_api(base_url or DEFAULT_BASE_URL, settings, secrets, environment)
    is_app = bool(secrets.get("client_id") and secrets.get("access_token") and not secrets.get("token"))
    return MondayClient(CONNECTOR, api, settings, is_app=is_app)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """Without a column for keys nothing proves a create; where groups are the stages they are no milestones."""
    item = ITEM
    if not str(settings.get("key_column") or "").strip():
        item = replace(item, create_class=CreateClass.UNPROVABLE)
    if str(settings.get("stage_from") or "").strip().casefold() != BY_GROUP:
        return (USER, BOARD, GROUP, TAG, item, UPDATE)
    links = tuple(link for link in item.links if link.local != "milestone")
    return (USER, BOARD, TAG, replace(item, links=links, refers_to=("user", "board")), UPDATE)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    board = str(settings.get("board_id") or "").strip()
    if board and not board.isdigit():
        problems.append(("board_id", "Give the board's number: the digits after /boards/ in its address."))
    unknown = [role for role in chosen_roles(settings.get("columns")) if role not in ROLES]
    if unknown or (settings.get("columns") and not chosen_roles(settings.get("columns"))):
        problems.append(("columns", f"Write “due_on = date4; stage = status”. Parts: {', '.join(ROLES)}."))
    key = str(settings.get("key_column") or "").strip()
    if key and not re.fullmatch(r"[a-z0-9_]{1,100}", key):
        problems.append(("key_column", "Give the id of a text column, for example text_mkp1, or “auto”."))
    calls = str(settings.get("daily_calls") or "").strip()
    if calls and (not calls.isdigit() or not int(calls)):
        problems.append(("daily_calls", "Give a whole number, for example 1000."))
    return problems


CONNECTOR = Connector(
    key="monday",
    name="monday.com",
    summary="Items and subitems of one board with their updates, groups, tags and people.",
    auth_types=("api_key", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, BOARD, GROUP, TAG, ITEM, UPDATE),
    resources_for=resources_for,
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(MINUTE, DAY),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself for an app. With a personal token by hand: board → Integrate → Webhooks, one for each event "
    "(item created, column changed, name changed, update created, item deleted, archived, moved), with ?key= and the signing secret "
    "behind the address, as monday.com signs nothing there.",
    webhook_secret_from="signing_secret",  # noqa: S106
    webhook_covers_body=False,
    text_format="html",
    token_url="https://support.monday.com/hc/en-us/articles/360005144659",  # noqa: S106
    docs_url="https://developer.monday.com/api-reference",
    templates=(
        SetUpTemplate(
            "monday.com board ↔ tasks",
            "Items and subitems as tasks, their updates as comments; the status column is the stage.",
            {
                "resource_types": ["user", "group", "item", "update"],
                "options": {"key_column": "auto", "stage_from": "status"},
            },
        ),
        SetUpTemplate(
            "monday.com groups as stages",
            "For boards that are worked through group by group: an item's group is its stage.",
            {
                "resource_types": ["user", "item", "update"],
                "options": {"key_column": "auto", "stage_from": "group"},
            },
        ),
    ),
    consent=OAuth2Consent(
        authorize_url="https://auth.monday.com/oauth2/authorize",
        settings=OAuth2Settings(
            token_url="https://auth.monday.com/oauth2/token",  # noqa: S106
            grant="authorization_code",
            body_format="json",
            scopes=SCOPES,
        ),
        app_url="https://monday.com/developers/apps",
    ),
    cannot_sync=(
        "Files, checklists in documents, time tracking, votes, likes and views.",
        "Mirror, formula, connected-board and other computed columns: they can be read, not written.",
        "Moving an item below another one, or a subitem to another parent: the API has no call for it.",
        "Order within a group.",
        "The first subitem of a board: make it in monday.com, then others can be sent.",
        "Changes to updates, and replies, more than two weeks after an update was written, where no webhook is set up.",
        "Archiving or deleting groups: monday.com would take their items along.",
    ),
    unverified=(
        "That version 2026-10 is in force as its schema was published in July 2026.",
        "Names of scopes.",
        "That a search by column value sees what was written a moment ago.",
        "Where the settings of the column “Subitems” name their board (boardIds).",
        "Event names of restoring, moving and of subitems; replyId of replies.",
        "The code of an expired cursor; any message that names the cursor is taken for it.",
        "That edit_update and delete_update take the id of a reply.",
        "That changes of an item's group and name move its updated_at.",
        "How many calls a minute the plans allow (1,000 are taken).",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
