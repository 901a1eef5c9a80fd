"""OpenProject, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: the document every OpenProject 17 serves at /api/v3/spec.json, read 2026; webhooks from opf/openproject.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.base.auth import Basic, NoAuth, OAuth2, OAuth2Consent, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Connector, Environment
from connectors.base.errors import ConfigurationProblem
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import (
    NO_OR_YES,
    Can,
    Client,
    CreateClass,
    LinkSpec,
    RateBudget,
    Resource,
    SecretField,
    SetUpTemplate,
)

from .client import OpenProjectClient
from .webhooks import IGNORED, WEBHOOKS

API = "/api/v3"
REQUESTS = RateBudget(600, 60, concurrency=4)  # no limit is documented: gentle to a server of somebody's own
OAUTH = OAuth2Settings("{site}/oauth/token", scopes=("api_v3",), default_ttl_seconds=7200)
RULES = (
    ErrorRule(Reaction.EXISTS, status=(422,), body_contains="has already been taken"),
    ErrorRule(
        Reaction.FATAL,
        status=(406,),
        message="OpenProject did not see the content type of the request: does a proxy take it away?",
    ),
)

_PRIORITIES = {"low": "low", "normal": "medium", "high": "high", "immediate": "urgent"}
_MARKDOWN = {"name": "rich_text", "format": "markdown"}
_MS = timedelta(milliseconds=1)
_WRITE = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE})

WORK_PACKAGE = Resource(
    name="work_package",
    record_type="task",
    label="Work package",
    can=_WRITE | {Can.DELETE},
    create_class=CreateClass.MARKER,
    version_check=True,  # lockVersion
    refers_to=("user", "project", "version"),
    status_links=("stage",),
    links=(
        LinkSpec("title", "subject", required=True),
        LinkSpec("description", "description.raw", _MARKDOWN),
        LinkSpec("stage", "hub.status", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec(
            "priority",
            "hub.priority",
            {"name": "enum", "map": _PRIORITIES, "back": {"none": "normal", "medium": "normal"}},
        ),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("labels", "hub.labels", {"name": "set"}),
        LinkSpec("milestone", "hub.version", {"name": "lookup", "resource": "version"}),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "work_package"}),
        LinkSpec("project", "hub.project", {"name": "lookup", "resource": "project"}, direction="in"),
        LinkSpec("start_on", "hub.start", {"name": "date"}, group="dates"),
        LinkSpec("due_on", "hub.due", {"name": "date"}, group="dates"),
        LinkSpec("estimate", "hub.estimate", {"name": "number", "decimals": 2}),
        LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("url", "hub.url", direction="in"),
    ),
    time_granularity=_MS,
    deletion_evidence="GET by id answers 404 to an account that sees every project (an administrator, or as the settings say)",
)

COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=_WRITE,  # the API cannot delete comments
    create_class=CreateClass.MARKER,
    version_check=True,  # by the client: it reads, compares, then writes
    parent="work_package",
    lists_across_parents=False,
    refers_to=("work_package", "user"),
    incremental=False,  # the list of activities is always the whole history
    links=(
        LinkSpec("body", "hub.text", _MARKDOWN, required=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "createdAt", {"name": "datetime"}, direction="in"),
    ),
    time_granularity=_MS,
    deletion_evidence="the text was emptied",
)

VERSION = Resource(
    name="version",
    record_type="milestone",
    label="Version",
    can=_WRITE | {Can.DELETE},
    create_class=CreateClass.MARKER,
    version_check=True,  # by the client: it reads, compares, then writes
    refers_to=("project",),
    incremental=False,
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec("description", "hub.description", _MARKDOWN),
        LinkSpec("state", "status"),
        LinkSpec("start_on", "startDate", {"name": "date"}),
        LinkSpec("due_on", "endDate", {"name": "date"}),
        LinkSpec("project", "hub.project", {"name": "lookup", "resource": "project"}, direction="in"),
    ),
    time_granularity=_MS,
    deletion_evidence="GET by id answers 404 while the project can be read",
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=_WRITE | {Can.ARCHIVE},
    create_class=CreateClass.MARKER,
    version_check=True,  # by the client: it reads, compares, then writes
    incremental=False,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("key", "identifier", direction="in"),
        LinkSpec("description", "hub.description", _MARKDOWN),
    ),
    time_granularity=_MS,
    deletion_evidence="GET by id answers 404 to an account that sees every project",
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
        LinkSpec("email", "email", direction="in"),  # hidden from those who may not see it
    ),
)

SECRETS = (
    SecretField(
        "api_key",
        "API token",
        help="Account → Access tokens → API. It acts as that account, which needs a role that may view, create, edit and "
        "comment on work packages and manage versions.",
        required=False,
    ),
    SecretField(
        "client_id", "OAuth application id", help="Instead of a token.", secret=False, required=False
    ),
    SecretField("client_secret", "OAuth secret", help="Of the same application.", required=False),
    SecretField(
        "refresh_token", "OAuth refresh token", help="Got by granting access, scope api_v3.", required=False
    ),
)

SETTINGS = (
    SecretField("project", "Project", help="Its identifier, as in its address, or its number.", secret=False),
    SecretField(
        "type",
        "Type of new work packages",
        help="By name or number, for example Task; the project's first type unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "labels_field",
        "Custom field for labels",
        help="customField and its number: a field of type list that takes several values. Without one the category is used, "
        "which is a single one.",
        secret=False,
        required=False,
    ),
    SecretField(
        "sees_all",
        "The account sees every project",
        help="A work package that is missing was then deleted, not moved to where the account sees nothing. Administrators need not say so.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "notify",
        "Let OpenProject notify people",
        help="Changes from here are then mailed to watchers as usual; otherwise nobody is told.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "site",
        "OpenProject's own address",
        help="For granting access in the browser: https://projects.example.com, without /api/v3.",
        secret=False,
        required=False,
    ),
)


def api_address(base_url: str) -> str:
    """The API below whatever address was given; people paste the site's."""
    site = base_url.rstrip("/")
    if not site:
        raise ConfigurationProblem("Enter the address of the OpenProject server.")
    return site if site.endswith(API) else site + API


def auth_of(base_url: str, secrets: Mapping[str, Any]) -> NoAuth:
    """Basic with the user name ``apikey``: older servers know the token in no other way."""
    if secrets.get("api_key") or not secrets.get("refresh_token"):
        if not secrets.get("api_key"):
            raise ConfigurationProblem("The API token is missing.")
        return Basic("apikey", secrets.get("api_key"))
    site = api_address(base_url).removesuffix(API)
    return OAuth2(
        OAuth2Settings(f"{site}/oauth/token", default_ttl_seconds=OAUTH.default_ttl_seconds), secrets
    )


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    options = SessionOptions(headers={"Accept": "application/hal+json"}, budgets=(REQUESTS,), rules=RULES)
    session = ApiSession(api_address(base_url), auth_of(base_url, secrets), environment, options)
    return OpenProjectClient(CONNECTOR, session, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if not re.fullmatch(r"[\w][\w.-]*", str(settings.get("project") or "").strip()):
        problems.append(("project", "Give the project's identifier, for example web-shop, or its number."))
    field = str(settings.get("labels_field") or "").strip()
    if field and not re.fullmatch(r"customField\d+", field):
        problems.append(("labels_field", "Write customField and its number, for example customField7."))
    site = str(settings.get("site") or "")
    if site and not re.fullmatch(r"https?://[^/\s]+(/[^\s?#]*)?", site):
        problems.append(("site", "Give the address with https://, for example https://projects.example.com."))
    return problems


CONNECTOR = Connector(
    key="openproject",
    name="OpenProject",
    summary="Work packages with comments, versions and people of one project, and the projects themselves.",
    auth_types=("api_key", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, PROJECT, VERSION, WORK_PACKAGE, COMMENT),
    open=open_client,
    budgets=(REQUESTS,),
    webhooks=WEBHOOKS,
    webhook_help="OpenProject has no API for this. An administrator adds it: Administration → API and webhooks → Webhooks → "
    "add; payload URL and signature secret as shown here (without the secret OpenProject signs nothing, and nothing is "
    "accepted); events Work packages created and updated, Work package comments, Projects created and updated; the one "
    "project. It sends after its aggregation time (five minutes unless changed), repeats nothing that was refused, and tells "
    "of no deletion: the hub goes on polling.",
    text_format="markdown",
    docs_url="https://www.openproject.org/docs/api/",
    consent=OAuth2Consent(authorize_url="{site}/oauth/authorize", settings=OAUTH, uses_pkce=True),
    templates=(
        SetUpTemplate(
            "OpenProject work packages ↔ tasks",
            "Work packages of a project with comments, versions and people.",
        ),
    ),
    cannot_sync=(
        "Deleting a comment: the API cannot. Emptying one in OpenProject deletes it here.",
        "Internal comments: internal means not for everybody.",
        "Several assignees, and labels that OpenProject has no category or option for: it cannot make them by the API.",
        "Progress, spent time, story points, relations, watchers, attachments (links to them stay).",
        "Dates of work packages with children that are scheduled automatically.",
        "Deleting a work package that has children: OpenProject would delete these as well.",
    ),
    unverified=(
        "The spelling updatedAt in filters (the document lists updated_at; OpenProject converts between the two).",
        "An open end in the operator <>d.",
        "The largest page size; 100 is asked for, the size named in the answer counts.",
        "That activities come as one list without pages.",
        "The address of consent and tokens, and the two hours that access tokens live.",
        "That work packages move off days that nobody works instead of being refused.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
