"""GitHub Issues, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: github/rest-api-description (npm ``@octokit/openapi`` 23.0.2) and docs.github.com, read 2025.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from connectors.base.connector import Connector, Environment
from connectors.base.types import (
    NO_OR_YES,
    Can,
    Client,
    CreateClass,
    LinkSpec,
    Resource,
    SecretField,
    SetUpTemplate,
)

from .client import GitHubClient
from .issues import DEFAULT_PRIORITY_PREFIX, DEFAULT_STAGE_LABELS, stage_labels
from .projects import ROLES, ProjectChoice, setting_problems
from .reading import repository_of
from .session import CONTENT, GRAPHQL, REQUESTS, is_app, open_session
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.github.com"

_STAGES = {
    "open": "todo",
    "open/backlog": "backlog",
    "open/in_progress": "in_progress",
    "open/review": "review",
    "closed/completed": "done",
    "closed/not_planned": "done",
    "closed/duplicate": "done",
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

ISSUE = Resource(
    name="issue",
    record_type="task",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Issue",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.ARCHIVE}),
    create_class=CreateClass.MARKER,
    refers_to=("user", "milestone", "label"),
    status_links=("stage",),
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("description", "body"),
        LinkSpec(
            "stage",
            "hub.status",
            {"name": "enum", "map": _STAGES, "back": {"done": "closed/completed"}},
            key="stage",
        ),
        LinkSpec(
            "priority",
            "hub.priority",
            {
                "name": "enum",
                "map": _PRIORITIES,
                "back": {"medium": "medium", "urgent": "urgent"},
            },
        ),
        LinkSpec("labels", "hub.labels", {"name": "set"}),
        LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("milestone", "hub.milestone", {"name": "lookup", "resource": "milestone"}),
        LinkSpec("parent", "hub.parent", {"name": "lookup", "resource": "issue"}),
        LinkSpec("reporter", "hub.reporter", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("completed_at", "closed_at", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "html_url", direction="in"),
    ),
)

COMMENT = Resource(
    name="comment",
    record_type="comment",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Comment",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    parent="issue",
    refers_to=("issue", "user"),
    links=(
        LinkSpec("body", "body", required=True),
        LinkSpec("on_id", "hub.issue", {"name": "lookup", "resource": "issue"}, create_only=True),
        LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "user"}, direction="in"),
        LinkSpec("author_name", "hub.author"),
        LinkSpec("written_at", "created_at", {"name": "datetime"}, direction="in"),
    ),
)

MILESTONE = Resource(
    name="milestone",
    record_type="milestone",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Milestone",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.MARKER,
    incremental=False,
    links=(
        LinkSpec("title", "title", required=True),
        LinkSpec("description", "description"),
        LinkSpec("state", "state"),
        LinkSpec("due_on", "hub.due_on", {"name": "date"}),
    ),
)

LABEL = Resource(
    name="label",
    record_type="label",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Label",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    create_class=CreateClass.UPSERT,
    incremental=False,
    links=(LinkSpec("name", "name", required=True), LinkSpec("colour", "hub.colour")),
)

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    links=(LinkSpec("name", "login", direction="in"),),
)

PROJECT = Resource(
    name="project",
    record_type="project",
    version_check=True,  # by the client: it reads, compares, then writes
    label="Project",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    incremental=False,
    absence_check=False,
    deletion_evidence="None: GitHub says “not found” to lost access as well.",
    links=(
        LinkSpec("name", "title", required=True),
        LinkSpec("description", "description"),
        LinkSpec("state", "hub.state", direction="in"),
    ),
)

RESOURCES = (USER, LABEL, MILESTONE, ISSUE, COMMENT)

SECRETS = (
    SecretField(
        "token",
        "Access token",
        help="Fine-grained, for the one repository: Issues and Webhooks read and write, Metadata read; with a project "
        "also the organisation's Projects, read and write. Classic: repo, admin:repo_hook, with a project also project.",
        required=False,
        url="https://github.com/settings/personal-access-tokens/new",
    ),
    SecretField("app_id", "GitHub App id", help="Instead of a token.", secret=False, required=False),
    SecretField(
        "installation_id", "GitHub App installation", help="Its number.", secret=False, required=False
    ),
    SecretField("private_key", "GitHub App private key", help="The whole .pem file.", required=False),
)

SETTINGS = (
    SecretField("repository", "Repository", help="owner/name", secret=False),
    SecretField(
        "priority_prefix",
        "Priority labels begin with",
        help=f"“{DEFAULT_PRIORITY_PREFIX}” unless given, as in “priority: high”. “off” for none.",
        secret=False,
        required=False,
    ),
    SecretField(
        "stage_labels",
        "Labels that show the stage",
        help="; ".join(f"{word} = {label}" for word, label in DEFAULT_STAGE_LABELS.items())
        + ". “off” for none.",
        secret=False,
        required=False,
    ),
    SecretField(
        "mute_mentions",
        "Mute @names and #numbers",
        help="Texts sent from here then notify nobody and make no cross references.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "project",
        "Project",
        help="Its number or address. The stage is then the project's Status; empty: labels and the issue's state. "
        "Needs the scope “project”, or the permission Projects: read and write.",
        secret=False,
        required=False,
    ),
    SecretField(
        "project_fields",
        "Fields of the project",
        help="“priority = Priority; start = Start date; due = Target date; estimate = Estimate”, those that it has. "
        "“status = …” if the Status is called otherwise.",
        secret=False,
        required=False,
    ),
)

_DATE: Mapping[str, Any] = {"name": "date"}
_PROJECT_LINKS: Mapping[str, LinkSpec] = {
    "start": LinkSpec("start_on", ROLES["start"][0], _DATE),
    "due": LinkSpec("due_on", ROLES["due"][0], _DATE),
    "estimate": LinkSpec("estimate", ROLES["estimate"][0], {"name": "number"}),
}


def resources_for(settings: Mapping[str, Any]) -> tuple[Resource, ...]:
    """With a project an issue's stage is an option of its Status, known by the table of stages alone, and the
    project's other fields are there as far as the settings name them. The owner's projects are records then too."""
    choice = ProjectChoice.from_settings(settings)
    if choice is None:
        return RESOURCES
    stage = LinkSpec(
        "stage", "hub.status", {"name": "enum", "map": {}, "back": {"done": "closed/completed"}}, key="stage"
    )
    links = tuple(stage if link.key == "stage" else link for link in ISSUE.links)
    further = tuple(link for role, link in _PROJECT_LINKS.items() if role in choice.fields)
    issue = dataclasses.replace(ISSUE, links=(*links, *further))
    return (PROJECT, *(issue if resource is ISSUE else resource for resource in RESOURCES))


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    session = open_session(base_url or DEFAULT_BASE_URL, secrets, environment)
    return GitHubClient(CONNECTOR, session, settings, is_app=is_app(secrets))


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    owner, repo = repository_of(settings)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", owner) or not re.fullmatch(r"[A-Za-z0-9._-]+", repo):
        problems.append(("repository", "Give the repository as owner/name, for example acme/webshop."))
    unknown = [word for word in stage_labels(settings.get("stage_labels")) if not re.fullmatch(r"\w+", word)]
    if unknown:
        problems.append(
            ("stage_labels", "Write “in_progress = status: in progress; review = status: in review”.")
        )
    return problems + setting_problems(settings)


CONNECTOR = Connector(
    key="github",
    name="GitHub",
    summary="Issues with comments, labels, milestones and assignees of one repository.",
    auth_types=("bearer",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=RESOURCES,
    resources_for=resources_for,
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS, CONTENT, GRAPHQL),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself where the token may manage webhooks. By hand: repository → Settings → Webhooks, "
    "content type application/json, events Issues, Issue comments, Labels, Milestones, Repositories, Sub-issues. "
    "Of a chosen project only the organisation's webhooks tell (event Project v2 items, same address and secret, by hand); "
    "without one the hub finds what moved by polling.",
    text_format="markdown",
    token_url="https://github.com/settings/personal-access-tokens/new",  # noqa: S106
    docs_url="https://docs.github.com/rest/issues",
    templates=(
        SetUpTemplate(
            "GitHub issues ↔ tasks",
            "Issues of one repository with comments, labels, milestones and assignees.",
            {"sync_frequency": "realtime", "conflict_strategy": "latest_wins"},
        ),
    ),
    cannot_sync=(
        "Pull requests and their comments; reactions.",
        "Of projects: drafts, views, iterations, and fields other than Status, Priority, two dates and an estimate. "
        "Projects are changed, but neither made nor deleted.",
    ),
    unverified=(
        "Length limits of titles (256) and bodies (65,536).",
        "That labels and milestones of a transferred issue stay behind.",
        "That linking a sub-issue moves the issue's updated_at.",
        "That a change of a project's item leaves the issue's updated_at alone: so all items are walked at every poll.",
        "That taking an item out of the project shows neither in the issue's updated_at nor in the walk: the next full "
        "comparison, or the issue's next change, brings it in.",
        "That the listing of an owner's projects holds closed ones too.",
        "That fine-grained tokens do not reach the projects of people, only those of organisations.",
    ),
    ignored_events=tuple(
        event if actions is None else f"{event}.{action}"
        for event, actions in IGNORED.items()
        for action in (sorted(actions) if actions is not None else ("",))
    ),
    validate=validate,
)
