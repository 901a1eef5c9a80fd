"""Process Plan, read top to bottom: how to connect, what is kept in agreement, and what is only supposed.

No API reference was to be had. Known is one call; everything else is a setting with a default, and said so.
Source: the requirement document (S3) and vendors/processplan.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base.auth import ApiKey, Basic, Bearer, NoAuth
from connectors.base.connector import Connector, Environment
from connectors.base.errors import ConfigurationProblem
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import (
    NO_OR_YES,
    Can,
    Client,
    LinkSpec,
    RateBudget,
    Resource,
    SecretField,
    SetUpTemplate,
)

from .client import COMPLETED, IN_PROGRESS, PENDING, ProcessPlanClient
from .settings import DEFAULTS, PAGING, problems_of

#: no limit is documented: slow enough for any service, one call after the other
REQUESTS = RateBudget(requests=60, per_seconds=60, concurrency=1)

_DAY = {"name": "date", "as": "instant", "time": "12:00"}

PROCESS = Resource(
    name="process",
    record_type="project",
    label="Process",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    links=(
        LinkSpec("name", "name", direction="in", required=True),
        LinkSpec("description", "description", {"name": "rich_text", "format": "plain"}, direction="in"),
        LinkSpec("state", "status", direction="in"),
    ),
    deletion_evidence="nothing: what a missing process means is not known",
)

STEP = Resource(
    name="step",
    record_type="task",
    label="Step",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    refers_to=("process",),
    incremental=False,
    version_check=True,  # by the client: it reads, compares, then writes
    status_links=("stage",),
    links=(
        LinkSpec("title", "name", direction="in", required=True),
        LinkSpec("description", "description", {"name": "rich_text", "format": "plain"}, direction="in"),
        LinkSpec(
            "stage",
            "status",
            {"name": "enum", "map": {PENDING: "todo", IN_PROGRESS: "in_progress", COMPLETED: "done"}},
            key="stage",
        ),
        LinkSpec("start_on", "startedAt", _DAY, direction="in"),
        LinkSpec("due_on", "hub.due", _DAY, direction="in"),
        LinkSpec("completed_at", "completedAt", {"name": "datetime"}, direction="in"),
        LinkSpec("project", "hub.process", {"name": "lookup", "resource": "process"}, direction="in"),
        LinkSpec("url", "url", direction="in"),
    ),
    deletion_evidence="a get by id answers 404, while its process can be read and lists its steps without it",
)
_ASSIGNEES = LinkSpec(
    "assignees", "hub.assignees", {"name": "lookup_set", "resource": "user"}, direction="in"
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
        LinkSpec("email", "email", direction="in"),
        LinkSpec("active", "hub.active", {"name": "boolean"}, direction="in"),
    ),
    deletion_evidence="nothing: people are only listed",
)

SECRETS = (
    SecretField(
        "token",
        "Token or API key",
        help="Sent as “Authorization: Bearer …” unless a header is named below.",
        required=False,
    ),
    SecretField("username", "User name", help="Instead of a token.", secret=False, required=False),
    SecretField("password", "Password", required=False),
)


def _path(name: str, label: str, help: str) -> SecretField:
    shown = f"{help} {DEFAULTS[name]} unless given." if DEFAULTS[name] else help
    return SecretField(name, label, help=shown, secret=False, required=False)


def _choice(name: str, label: str, help: str, choices: tuple[tuple[str, str], ...]) -> SecretField:
    return SecretField(name, label, help=help, secret=False, required=False, choices=choices)


SETTINGS = (
    SecretField(
        "processes",
        "Processes",
        help="Ids of those that take part, separated by commas; all unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "api_key_header",
        "Header of the API key",
        help="Such as X-Api-Key, where the token is not sent as a bearer token.",
        secret=False,
        required=False,
    ),
    _path("processes_path", "Path of the processes", "Below the base address."),
    _path("process_path", "Path of one process", "{process} stands for its id."),
    _path("steps_path", "Path of a process's steps", "{process} stands for its id."),
    _path("step_path", "Path of one step", "{process} and {step} stand for the ids."),
    _path("users_path", "Path of the people", "Such as /users; people stay out unless given."),
    _path("items_key", "Where the list is in an answer", "Such as data.items; the answer itself is the list unless given."),
    _choice("paging", "Paging", "", tuple((one, one.replace("_", " ").capitalize()) for one in PAGING)),
    _path("page_param", "Paging parameter", "page, offset or cursor unless given."),
    _path("size_param", "Page size parameter", "Such as limit; no size is asked for unless given."),
    _path("page_size", "Page size", ""),
    _path("next_key", "Where the next page is in an answer", "Of the cursor or address of the next page."),
    _path("updated_since", "Parameter “changed since”", "Such as updatedSince; all steps are read and compared unless given."),
    _choice("start_first", "Start before completing", "For processes where a step may not be completed at once.", NO_OR_YES),
)  # fmt: skip


def auth_of(settings: Mapping[str, Any], secrets: Mapping[str, Any]) -> NoAuth:
    if secrets.get("token"):
        header = str(settings.get("api_key_header") or "")
        return ApiKey(header, secrets["token"]) if header else Bearer(secrets["token"])
    if secrets.get("username"):
        return Basic(secrets["username"], secrets.get("password"))
    raise ConfigurationProblem("Give a token, or a user name and password.", field="token")


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    if not base_url:
        raise ConfigurationProblem("Give the address of the API, as Process Plan tells it.", field="base_url")
    options = SessionOptions(budgets=(REQUESTS,))
    session = ApiSession(base_url, auth_of(settings, secrets), environment, options)
    return ProcessPlanClient(CONNECTOR, session, settings)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """People where a path for them is given; steps incrementally where the filter's name is."""
    step = replace(STEP, incremental=bool(settings.get("updated_since")))
    if not settings.get("users_path"):
        return (PROCESS, step)
    return (USER, PROCESS, replace(step, links=(*step.links, _ASSIGNEES), refers_to=("user", "process")))


CONNECTOR = Connector(
    key="processplan",
    name="Process Plan",
    summary="Experimental: steps of processes as tasks; ticking one here completes it there.",
    auth_types=("bearer", "api_key", "basic"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(USER, PROCESS, STEP),
    open=open_client,
    budgets=(REQUESTS,),
    webhook_help="No webhooks are known: processes are polled. A poll reads each process's steps once and compares.",
    docs_url="https://www.processplan.com/",
    templates=(
        SetUpTemplate(
            "Process steps ↔ tasks",
            "Steps of the chosen processes as tasks, looked at every five minutes; a tick here completes the step.",
            {"sync_frequency": "custom", "conflict_strategy": "manual_review"},
        ),
    ),
    cannot_sync=(
        "New, deleted or renamed processes and steps: no call for them is known.",
        "Reopening a completed step: no way back is known; the change goes to a reviewer.",
        "Comments, labels, priority, attachments.",
        "Statuses other than pending, in progress and completed: they are shown as not mapped and never overwritten.",
    ),
    unverified=(
        "Everything but the call that changes a step's status, its two bodies, and that a process advances by itself.",
        "Base address, authentication, paths of the lists, paging, limits, time format: settings with defaults.",
        "Names of fields: name, description, status, startedAt, completedAt, dueAt or dueDate, assigneeId or assignee.id, url.",
        "The status “pending”: our word for a step that has not begun.",
        "Which status codes and words refuse a step that waits for others, a locked process, a wrong transition.",
        "What a 404 of a process means.",
    ),
    validate=problems_of,
    resources_for=resources_for,
)
