"""GitLab, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Sources: docs.gitlab.com (REST API), xanzy/go-gitlab's field names, python-gitlab's reading of paging and limits; read 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.base.auth import ApiKey, NoAuth, OAuth2, OAuth2Consent, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Connector, Environment
from connectors.base.limits import LimitHeaders
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

from .client import NOTES, GitLabClient
from .issues import DEFAULT_PRIORITY_PREFIX, MAX_TEXT, is_yes
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_SITE = "https://gitlab.com"
API = "/api/v4"

REQUESTS = RateBudget(
    2000, 60, concurrency=8
)  # gitlab.com, per person; self-managed servers tell theirs in headers
LIMITS = LimitHeaders(limit="ratelimit-limit", remaining="ratelimit-remaining", reset="ratelimit-reset")
OAUTH = OAuth2Settings("{site}/oauth/token", scopes=("api",), default_ttl_seconds=7200)
RULES = (
    ErrorRule(Reaction.EXISTS, status=(409,), body_contains="already exists"),
    ErrorRule(Reaction.EXISTS, status=(400,), body_contains="already being used"),
    ErrorRule(Reaction.EXISTS, status=(400,), body_contains="has already been taken"),
    ErrorRule(
        Reaction.REAUTH,
        status=(403,),
        body_contains="insufficient_scope",
        message="The token lacks the scope api.",
    ),
    ErrorRule(
        Reaction.REAUTH,
        status=(403,),
        body_contains="archived",
        message="The project is archived: it can be read, but not changed.",
    ),
    ErrorRule(
        Reaction.REAUTH,
        status=(301, 302, 307, 308),
        message="The project was renamed or moved: enter its new path in the settings.",
    ),
)

_STAGES = {
    "opened": "todo",
    "opened/status::backlog": "backlog",
    "opened/status::in progress": "in_progress",
    "opened/status::review": "review",
    "closed": "done",
}
_PRIORITIES = {
    "": "none",
    "low": "low",
    "medium": "medium",
    "normal": "medium",
    "high": "high",
    "urgent": "urgent",
    "critical": "urgent",
}
_TEXT = {"name": "rich_text", "format": "markdown", "max_length": MAX_TEXT}
_STATE = LinkSpec(
    "stage",
    "hub.status",
    {"name": "enum", "map": _STAGES},
    key="stage",
)
_PRIORITY = LinkSpec(
    "priority",
    "hub.priority",
    {"name": "enum", "map": _PRIORITIES, "back": {"medium": "medium", "urgent": "urgent"}},
)
_LABELS = LinkSpec("labels", "hub.labels", {"name": "set"})
_EVIDENCE = "GET by id answers 404 while the project can be read as Reporter or higher (GitLab hides confidential issues from less)"

_BASIC = (
    LinkSpec("title", "title", required=True),
    LinkSpec("description", "description", _TEXT),
    _STATE,
    _PRIORITY,
    _LABELS,
    LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
    LinkSpec("milestone", "hub.milestone", {"name": "lookup", "resource": "milestone"}),
    LinkSpec("due_on", "due_date", {"name": "date"}),
    LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "user"}, direction="in"),
    LinkSpec("completed_at", "closed_at", {"name": "datetime"}, direction="in"),
    LinkSpec("url", "web_url", direction="in"),
)
_WEIGHT = LinkSpec("estimate", "weight", {"name": "number", "decimals": 0})
_IN_EPIC = LinkSpec("parent", "hub.epic", {"name": "lookup", "resource": "epic"})

_ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})


def _issue(*further: LinkSpec, refers_to: tuple[str, ...] = ("user", "milestone", "label")) -> Resource:
    return Resource(
        name="issue",
        record_type="task",
        label="Issue",
        can=_ALL,
        create_class=CreateClass.MARKER,
        version_check=True,  # by the client: it reads, compares, then writes
        refers_to=refers_to,
        status_links=("stage",),
        links=(*_BASIC, *further),
        time_granularity=timedelta(milliseconds=1),
        deletion_evidence=_EVIDENCE,
    )


def _note(name: str, parent: str, label: str) -> Resource:
    return Resource(
        name=name,
        record_type="comment",
        label=label,
        can=_ALL,
        create_class=CreateClass.MARKER,
        version_check=True,
        parent=parent,
        lists_across_parents=False,
        refers_to=(parent, "user"),
        links=(
            LinkSpec("body", "body", _TEXT, required=True),
            LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
            LinkSpec("author_name", "hub.author"),
            LinkSpec("written_at", "created_at", {"name": "datetime"}, direction="in"),
        ),
        time_granularity=timedelta(milliseconds=1),
        deletion_evidence=_EVIDENCE,
    )


ISSUE = _issue()
NOTE = _note("note", "issue", "Comment")
EPIC_NOTE = _note("epic_note", "epic", "Comment on an epic")
_DATES = (
    LinkSpec("start_on", "start_date", {"name": "date"}),
    LinkSpec("due_on", "due_date", {"name": "date"}),
)
EPIC = Resource(
    name="epic",
    record_type="task",
    label="Epic",
    can=_ALL,
    create_class=CreateClass.MARKER,
    version_check=True,
    refers_to=("user", "label"),
    status_links=("stage",),
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("description", "description", _TEXT),
        _STATE,
        _PRIORITY,
        _LABELS,
        *_DATES,
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "epic"}),
        LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("completed_at", "closed_at", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "web_url", direction="in"),
    ),
    other_record_types=("project", "milestone"),
    other_links={
        "project": (
            LinkSpec("name", "title", required=True),
            LinkSpec("description", "description", _TEXT),
            LinkSpec("state", "hub.status"),
            *_DATES,
        ),
        "milestone": (
            LinkSpec("title", "title", required=True),
            LinkSpec("description", "description", _TEXT),
            LinkSpec("state", "hub.status"),
            *_DATES,
        ),
    },
    time_granularity=timedelta(milliseconds=1),
    deletion_evidence="GET by number answers 404 while the group's epics can be listed",
)

MILESTONE = Resource(
    name="milestone",
    record_type="milestone",
    label="Milestone",
    can=_ALL,
    create_class=CreateClass.MARKER,
    version_check=True,
    incremental=False,
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("description", "description", _TEXT),
        LinkSpec("state", "state", {"name": "enum", "map": {"active": "open", "closed": "closed"}}),
        LinkSpec("start_on", "start_date", {"name": "date"}),
        LinkSpec("due_on", "due_date", {"name": "date"}),
    ),
    deletion_evidence=_EVIDENCE,
)

LABEL = Resource(
    name="label",
    record_type="label",
    label="Label",
    can=_ALL,
    create_class=CreateClass.UPSERT,  # by name
    version_check=True,
    incremental=False,
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "hub.colour")),
    deletion_evidence=_EVIDENCE,
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
        LinkSpec("email", "email", direction="in"),  # shown to administrators only
    ),
)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """Weights need Premium; epics need a group as well."""
    if not is_yes(settings.get("premium")):
        return (USER, LABEL, MILESTONE, ISSUE, NOTE)
    if not str(settings.get("group") or "").strip():
        return (USER, LABEL, MILESTONE, _issue(_WEIGHT), NOTE)
    issue = _issue(_WEIGHT, _IN_EPIC, refers_to=("user", "milestone", "label", "epic"))
    return (USER, LABEL, MILESTONE, issue, EPIC, NOTE, EPIC_NOTE)  # a new task is an issue


SECRETS = (
    SecretField(
        "token",
        "Access token",
        help="Scope api. Best a project access token with the role Maintainer (it has a name of its own and registers the "
        "webhook; Reporter is enough to sync); a group or personal one does as well.",
        required=False,
        url="https://gitlab.com/-/user_settings/personal_access_tokens",
    ),
    SecretField(
        "client_id", "OAuth application id", help="Instead of a token.", secret=False, required=False
    ),
    SecretField("client_secret", "OAuth secret", help="Of the same application.", required=False),
    SecretField(
        "refresh_token",
        "OAuth refresh token",
        help="Got by granting access; GitLab replaces it each time.",
        required=False,
    ),
)

SETTINGS = (
    SecretField("project", "Project", help="group/project as in its address, or its number.", secret=False),
    SecretField(
        "premium",
        "Premium or Ultimate",
        help="The licence has weights, several assignees and epics; where not, GitLab drops them silently.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "group",
        "Group for epics",
        help="Its path, as in its address, or its number. Only with Premium; empty for no epics.",
        secret=False,
        required=False,
    ),
    SecretField(
        "priority_prefix",
        "Priority labels begin with",
        help=f"“{DEFAULT_PRIORITY_PREFIX}” unless given, as in “priority::high”. “off” for none.",
        secret=False,
        required=False,
    ),
    SecretField(
        "stage_labels",
        "Labels that show the stage",
        help="Names, or beginnings that end in “::”, apart by “;”, in order of work: “To Do; Doing”. “status::” unless "
        "given. “off” for none.",
        secret=False,
        required=False,
    ),
    SecretField(
        "mute_mentions",
        "Mute @names, #numbers and !numbers",
        help="Texts sent from here then notify nobody and make no cross references.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "site",
        "GitLab's own address",
        help="For granting access in the browser on a server of your own, without path: https://gitlab.example.com.",
        secret=False,
        required=False,
    ),
)


def api_address(base_url: str) -> str:
    """The API below whatever address was given; people paste the site's."""
    site = (base_url or DEFAULT_SITE).rstrip("/")
    return site if site.endswith(API) else site + API


def auth_of(base_url: str, secrets: Mapping[str, Any]) -> NoAuth:
    if secrets.get("token") or not secrets.get("refresh_token"):
        return ApiKey("PRIVATE-TOKEN", secrets.get("token"))
    site = api_address(base_url).removesuffix(API)
    return OAuth2(
        OAuth2Settings(f"{site}/oauth/token", default_ttl_seconds=OAUTH.default_ttl_seconds), secrets
    )


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    options = SessionOptions(budgets=(REQUESTS,), limits=LIMITS, rules=RULES)
    session = ApiSession(api_address(base_url), auth_of(base_url, secrets), environment, options)
    return GitLabClient(CONNECTOR, session, settings, has_token=bool(secrets.get("token")))


_PATH = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)+")


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    project, group = (str(settings.get(name) or "").strip().strip("/") for name in ("project", "group"))
    if not project.isdigit() and not _PATH.fullmatch(project):
        problems.append(
            ("project", "Give the project as group/project, for example acme/webshop, or its number.")
        )
    if group and not re.fullmatch(r"[A-Za-z0-9_][\w./-]*", group):
        problems.append(("group", "Give the group's path, for example acme/platform, or its number."))
    if group and not is_yes(settings.get("premium")):
        problems.append(("premium", "Epics need Premium or Ultimate: choose Yes, or leave the group empty."))
    site = str(settings.get("site") or "")
    if site and not re.fullmatch(r"https?://[^/\s]+(/[^\s?#]*)?", site):
        problems.append(("site", "Give the address with https://, for example https://gitlab.example.com."))
    return problems


CONNECTOR = Connector(
    key="gitlab",
    name="GitLab",
    summary="Issues with comments, labels, milestones and people of one project; with Premium, a group's epics.",
    auth_types=("api_key", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, LABEL, MILESTONE, EPIC, ISSUE, NOTE, EPIC_NOTE),
    resources_for=resources_for,
    open=open_client,
    default_base_url=DEFAULT_SITE + API,
    budgets=(REQUESTS, NOTES),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself where the account is Maintainer. By hand: project → Settings → Webhooks, the secret as "
    "“secret token” (or as signing token if it begins with whsec_), events Issues, Confidential issues, Comments, Confidential "
    "comments and Milestones; no custom template. Epics and labels send no event to a project: they are polled.",
    text_format="markdown",
    token_url="https://gitlab.com/-/user_settings/personal_access_tokens",  # noqa: S106
    docs_url="https://docs.gitlab.com/api/issues/",
    consent=OAuth2Consent(
        authorize_url="{site}/oauth/authorize",
        settings=OAUTH,
        uses_pkce=True,
        app_url="https://gitlab.com/-/user_settings/applications",
    ),
    templates=(
        SetUpTemplate("GitLab issues ↔ tasks", "Issues of a project with comments, labels and milestones."),
        SetUpTemplate(
            "GitLab issues and epics ↔ tasks (Premium)",
            "As above, with weights and a group's epics as the tasks above.",
            {"options": {"premium": "yes"}},
        ),
    ),
    cannot_sync=(
        "Internal notes and what GitLab itself writes into a discussion: internal means not for everybody.",
        "Whether an issue is confidential: read by nobody here, never changed.",
        "Parents among issues and tasks, custom statuses, iterations, health: the REST API does not have them.",
        "Threads of comments, reactions, time tracking, links between issues, attachments (links to them stay).",
        "Epics of subgroups: only those of the one group.",
    ),
    unverified=(
        'That due_date and assignees are cleared by "" and [0], an epic by 0.',
        "That GitLab reads If-Unmodified-Since with milliseconds; what it cannot read it ignores.",
        "That milestone_events may be sent to servers that do not know them.",
        "That an edit wakes a webhook that GitLab switched off for good.",
        "That putting an issue into an epic moves its updated_at.",
        "The limit of 2,000 requests a minute on gitlab.com.",
        "The words with which a write to an archived project is refused.",
        "That epics of a group come to its webhooks as work items; they are polled.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
