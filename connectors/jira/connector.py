"""Jira Cloud, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: Atlassian's OpenAPI documents (platform v3, Jira Software 1.0) and vendors/jira.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.base.connector import Connector, Environment
from connectors.base.errors import ConfigurationProblem
from connectors.base.types import (
    NO_OR_YES,
    YES_OR_NO,
    Can,
    Client,
    CreateClass,
    LinkSpec,
    Resource,
    SecretField,
    SetUpTemplate,
)

from .client import JiraClient, create_defaults
from .issues import words_of
from .session import APPS_URL, BUDGETS, CONSENT, POINTS, SCOPES, open_session
from .webhooks import IGNORED, WEBHOOKS

TOKEN_URL = "https://id.atlassian.com/manage-profile/security/api-tokens"  # noqa: S105

_PRIORITIES = {
    "": "none",
    "Highest": "urgent",
    "High": "high",
    "Medium": "medium",
    "Low": "low",
    "Lowest": "low",
    "Blocker": "urgent",
    "Critical": "urgent",
    "Major": "high",
    "Minor": "low",
    "Trivial": "low",
}
_PRIORITIES_BACK = {"urgent": "Highest", "high": "High", "low": "Low"}
_ADF = {"name": "rich_text", "format": "adf"}
_AROUND = "a get by id answers 404 while the project can be read"

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    links=(
        LinkSpec("name", "displayName", direction="in", required=True),
        LinkSpec("email", "emailAddress", direction="in"),
        LinkSpec("time_zone", "timeZone", direction="in"),
        LinkSpec("active", "active", {"name": "boolean"}, direction="in"),
    ),
    deletion_evidence="nothing: deleted accounts look like ones that cannot be seen",
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    refers_to=("user",),
    incremental=False,
    absence_check=False,
    version_check=True,  # by the client: it reads, compares, then writes
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("key", "key", direction="in"),
        LinkSpec("description", "description", {"name": "rich_text", "format": "plain"}),
        LinkSpec("state", "hub.state", direction="in"),
        LinkSpec("lead", "hub.lead", {"name": "lookup", "resource": "user"}),
    ),
    deletion_evidence="nothing: a deleted project looks like one that may not be browsed",
)

COMPONENT = Resource(
    name="component",
    record_type="label",
    label="Component",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.UPSERT,  # by name: Jira takes one component of a name
    other_record_types=("committee",),
    other_links={
        "committee": (
            LinkSpec("name", "name", required=True),
            LinkSpec("description", "description", {"name": "rich_text", "format": "plain"}),
            LinkSpec("chair", "hub.lead", {"name": "lookup", "resource": "user"}),
        )
    },
    refers_to=("user", "project"),
    incremental=False,
    version_check=True,
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("project", "projectId", {"name": "lookup", "resource": "project"}, direction="in"),
    ),
    deletion_evidence=_AROUND,
)

MILESTONE = Resource(
    name="milestone",
    record_type="milestone",
    label="Version or sprint",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE, Can.ARCHIVE}),
    create_class=CreateClass.UPSERT,  # by name: versions of the project, open sprints of the board
    incremental=False,
    version_check=True,
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec(
            "kind",
            "hub.kind",
            {
                "name": "enum",
                "map": {"version": "version", "sprint": "sprint"},
                "back": {"milestone": "version"},
            },
            create_only=True,
        ),
        LinkSpec("description", "hub.description", {"name": "rich_text", "format": "plain"}),
        LinkSpec("state", "hub.state"),
        LinkSpec("start_on", "hub.start_on", {"name": "date"}),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}),
    ),
    deletion_evidence=_AROUND,
)

ISSUE = Resource(
    name="issue",
    record_type="task",
    label="Issue",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,  # an entity property, read by key: search lags behind
    refers_to=("user", "project", "component", "milestone"),
    status_links=("stage",),
    version_check=True,
    overlap=timedelta(minutes=3),  # JQL knows whole minutes, and search follows the database late
    time_granularity=timedelta(milliseconds=1),
    list_lag=timedelta(seconds=30),
    links=(
        LinkSpec("title", "fields.summary", required=True),
        LinkSpec("description", "fields.description", _ADF),
        LinkSpec("stage", "fields.status.id", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec(
            "priority",
            "fields.priority.name",
            {"name": "enum", "map": _PRIORITIES, "back": _PRIORITIES_BACK},
        ),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("labels", "fields.labels", {"name": "set"}),
        LinkSpec("start_on", "hub.start_on", {"name": "date"}),
        LinkSpec("due_on", "fields.duedate", {"name": "date"}),
        LinkSpec("estimate", "hub.estimate", {"name": "number"}),
        LinkSpec("milestone", "hub.milestone", {"name": "lookup", "resource": "milestone"}),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "issue"}),
        LinkSpec("project", "fields.project.id", {"name": "lookup", "resource": "project"}, direction="in"),
        LinkSpec("completed_at", "fields.resolutiondate", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "hub.url", direction="in"),
    ),
    deletion_evidence=_AROUND + "; where issues are hidden from the account (issue security), nothing",
)

COMMENT = Resource(
    name="comment",
    record_type="comment",
    label="Comment",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="issue",
    lists_across_parents=False,
    refers_to=("issue", "user"),
    incremental=False,  # an issue's comments come whole; only issues with news are asked
    version_check=True,
    links=(
        LinkSpec("body", "body", _ADF, required=True),
        LinkSpec("on_id", "hub.issue", {"name": "lookup", "resource": "issue"}, create_only=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "created", {"name": "datetime"}, direction="in"),
    ),
    deletion_evidence="a get by id answers 404 while its issue can be read",
)

SECRETS = (
    SecretField(
        "email", "E-mail address", help="Of the account whose token this is.", secret=False, required=False
    ),
    SecretField(
        "api_token",
        "API token",
        help="Best of an account made for the hub. It ends after a year at most; the connection test then fails.",
        required=False,
        url=TOKEN_URL,
    ),
    SecretField(
        "client_id",
        "OAuth client id",
        help="Instead of a token. Permissions of the app: " + " ".join(SCOPES) + ".",
        secret=False,
        required=False,
        url=APPS_URL,
    ),
    SecretField("client_secret", "OAuth secret", required=False, url=APPS_URL),
    SecretField(
        "refresh_token",
        "OAuth refresh token",
        help="Filled in by granting access. Each is good for one use, so use it nowhere else.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "project",
        "Project",
        help="Picked from the list once connected, or its key (WEB).",
        secret=False,
        picks=("project",),
    ),
    SecretField(
        "cloud_id",
        "Cloud id",
        help="Only with OAuth for several sites, or an API token with scopes: the id shown at "
        "https://<site>.atlassian.net/_edge/tenant_info.",
        secret=False,
        required=False,
    ),
    SecretField(
        "board_id",
        "Board",
        help="A Scrum board's number, to keep its sprints as milestones.",
        secret=False,
        required=False,
    ),
    SecretField(
        "milestone_from",
        "A task's milestone is its",
        help="Sprints need a board.",
        secret=False,
        required=False,
        choices=(("version", "Fix version"), ("sprint", "Sprint")),
    ),
    SecretField(
        "issue_type",
        "Type of new issues",
        help="Its name or id; Task unless given. Below an ordinary issue a sub-task is made.",
        secret=False,
        required=False,
    ),
    SecretField(
        "create_defaults",
        "Fields for new issues",
        help='JSON, for fields the project requires: {"customfield_10050": {"value": "Web"}}',
        secret=False,
        required=False,
    ),
    SecretField(
        "resolution",
        "Resolution",
        help="Sent where a transition asks for one; Done unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "status_route",
        "Way through the workflow",
        help="Statuses in order, “To Do > In Progress > In Review > Done”: walked where no single step leads to "
        "the wanted one. Empty: such a change goes to a reviewer.",
        secret=False,
        required=False,
    ),
    SecretField(
        "start_date_field",
        "Field for the start date",
        help="customfield_…; found by its name “Start date” unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "estimate_field",
        "Field for the estimate",
        help="customfield_…; the story points unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "sprint_field",
        "Field for the sprint",
        help="customfield_…; found by its type unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "more_fields",
        "Further fields to read",
        help="customfield_10050, environment …: to map them as fields.customfield_10050.",
        secret=False,
        required=False,
    ),
    SecretField(
        "notify_users",
        "E-mail watchers",
        help="Without, Jira sends no mail about our changes; that needs the right to administer the project.",
        secret=False,
        required=False,
        choices=YES_OR_NO,
    ),
    SecretField(
        "issue_security",
        "Issues may be hidden",
        help="If the account does not see every issue of the project: then a missing one is never taken as deleted.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    return JiraClient(CONNECTOR, open_session(base_url, settings, secrets, environment), settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    project = str(settings.get("project") or "").strip()
    if project and not re.fullmatch(r"[A-Z][A-Z0-9_]+|\d+", project):
        problems.append(("project", "Give the project's key in capital letters, such as WEB, or its number."))
    if settings.get("board_id") and not str(settings["board_id"]).strip().isdigit():
        problems.append(("board_id", "Give the board's number, as in the address of its page."))
    cloud_id = str(settings.get("cloud_id") or "").strip()
    if cloud_id and not re.fullmatch(r"[0-9A-Za-z-]{8,64}", cloud_id):
        problems.append(("cloud_id", "Give the cloud id, such as 1324a887-45db-1bf4-1e99-ef0ff456d421."))
    chosen = str(settings.get("milestone_from") or "version").strip().lower()
    if chosen == "sprint" and not settings.get("board_id"):
        problems.append(("board_id", "Name the board whose sprints are meant."))
    for name in ("start_date_field", "estimate_field", "sprint_field"):
        if settings.get(name) and not re.fullmatch(r"customfield_\d+", str(settings[name])):
            problems.append((name, "Give the field's id, such as customfield_10015."))
    wrong = [one for one in words_of(settings.get("more_fields")) if not re.fullmatch(r"[A-Za-z]\w*", one)]
    if wrong:
        problems.append(
            ("more_fields", "List ids of fields, such as customfield_10050, separated by commas.")
        )
    try:
        create_defaults(settings)
    except ConfigurationProblem as error:
        problems.append(("create_defaults", f"{error.message} Write for example {{}}."))
    return problems


CONNECTOR = Connector(
    key="jira",
    name="Jira Cloud",
    summary="Issues of one project with comments, workflow, versions, sprints, components and people.",
    auth_types=("basic", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, PROJECT, COMPONENT, MILESTONE, ISSUE, COMMENT),
    open=open_client,
    budgets=(*BUDGETS, POINTS),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself where the account administers Jira, or access was granted by OAuth. By hand: "
    "Jira settings → System → WebHooks; the address and secret from here; issues, comments, versions, sprints, users; "
    "JQL “project = KEY”.",
    text_format="adf",
    token_url=TOKEN_URL,
    docs_url="https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/",
    consent=CONSENT,
    templates=(
        SetUpTemplate(
            "Jira project ↔ tasks",
            "A project's issues with comments, people, labels, versions, sprints and the workflow's statuses.",
            {"sync_frequency": "realtime", "conflict_strategy": "latest_wins"},
        ),
    ),
    cannot_sync=(
        "New and deleted projects: they need schemes that only an administrator can choose.",
        "Comments restricted to a group or role, and internal comments of service desks: they would become public.",
        "Attachments, issue links, watchers, votes, work logs, rank.",
        "More than one assignee: Jira has one.",
        "Spaces in labels: they become hyphens on Jira.",
        "Media, mentions, panels and coloured text inside a text: it stays as it is until somebody edits it here.",
        "Archiving issues: only Jira Premium can, and hides them from search.",
    ),
    unverified=(
        "How often and for how long search/jql lags behind; half a minute is assumed.",
        "That `parent: null` takes an issue out of its epic in every kind of project.",
        "The exact claims of the token that app webhooks bear; the proof in the address is what counts.",
        "The per-second limits in numbers; ours stay far below what the headers show.",
        "Nothing tells an issue that was moved to a project out of sight from a deleted one.",
        "Whether an archived issue can still be read by id.",
        "That null takes a version's date away; where it does not, the hub says that Jira kept its own.",
        "That editing a comment leaves its properties as they are.",
        "The answers to an administrator's webhook calls, which are described in prose only.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
