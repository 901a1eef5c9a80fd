"""Toggl Track, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: the vendor's documents of API v9, Reports v3 and Webhooks v1 as gathered in vendors/toggl.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.base.auth import Basic
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

from .client import MAX_HISTORY_DAYS, TogglClient
from .webhooks import ACTIONS, IGNORED_MODELS, WEBHOOKS

DEFAULT_BASE_URL = "https://api.track.toggl.com"

PER_HOUR = {"free": 30, "starter": 240, "premium": 600, "enterprise": 600}
"""Requests per user and organisation in a sliding hour, by plan; enterprise agrees its own, so take premium's."""

ME_PER_HOUR = {"enterprise": 600}
"""Those to ``/me`` are 30 on the plans from free to premium."""


def budgets_of(plan: str) -> tuple[RateBudget, ...]:
    hourly = PER_HOUR.get(plan, PER_HOUR["free"])
    return (
        RateBudget(requests=30, per_seconds=30, concurrency=2),  # the leaky bucket: one a second is safe
        RateBudget(requests=hourly, per_seconds=3600),
        RateBudget(requests=30, per_seconds=30, quota_class="me", concurrency=2),
        RateBudget(requests=ME_PER_HOUR.get(plan, 30), per_seconds=3600, quota_class="me"),
    )


LIMITS = LimitHeaders(
    limit="x-toggl-quota-total",
    remaining="x-toggl-quota-remaining",
    reset="x-toggl-quota-resets-in",
    reset_format="seconds",
)
RULES = (
    # 402 is the spent quota, and also a feature of a higher plan; the quota's own header tells them apart
    ErrorRule(Reaction.RATE_LIMITED, status=(402,), header="x-toggl-quota-remaining", header_equals="0"),
    ErrorRule(Reaction.PERMISSION, status=(402,), message="Toggl: this needs a higher plan."),
    ErrorRule(
        Reaction.REAUTH,
        status=(403,),
        body_contains="incorrect username and/or password",
        message="Toggl refused the API token. A token of the newer Toggl 2.0 API does not work here.",
    ),
    ErrorRule(Reaction.EXISTS, status=(400,), body_contains="already exists"),
    ErrorRule(Reaction.EXISTS, status=(400,), body_contains="already been taken"),
)

ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})

USER = Resource(
    name="user",
    record_type="member",
    label="Person",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    deletion_evidence="None: somebody who left the workspace is not listed any more.",
    links=(
        LinkSpec("name", "fullname", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
        LinkSpec("role", "role", direction="in"),
        LinkSpec("active", "inactive", {"name": "boolean", "negate": True}, direction="in"),
    ),
)

CLIENT = Resource(
    name="client",
    record_type="customer",
    label="Client",
    can=ALL | {Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # names are unique in a workspace
    incremental=False,
    deletion_evidence="The list of all clients, archived ones included, can be read and does not hold it.",
    links=(LinkSpec("name", "name", required=True),),
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=ALL | {Can.ARCHIVE},
    create_class=CreateClass.UPSERT,  # names are unique for one client
    refers_to=("client",),
    page_size=200,
    deletion_evidence="The list of changed projects names it with the time of its deletion.",
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec(
            "state",
            "active",
            {"name": "enum", "map": {"true": "active", "false": "archived"}, "as": "boolean"},
        ),
        LinkSpec("start_on", "start_date", {"name": "date"}),
        LinkSpec("due_on", "end_date", {"name": "date"}),
    ),
)

TASK = Resource(
    name="task",
    record_type="task",
    label="Task",
    can=ALL,
    create_class=CreateClass.UPSERT,  # names are unique in a project
    refers_to=("user", "project"),
    page_size=200,
    deletion_evidence="The list of changed tasks names it with the time of its deletion.",
    links=(
        LinkSpec("title", "name", required=True),
        LinkSpec(
            "project",
            "project_id",
            {"name": "lookup", "resource": "project", "as": "integer"},
            required=True,
            create_only=True,
        ),
        LinkSpec("stage", "active", {"name": "boolean_from_stage", "true": False, "false": True}),
        LinkSpec("assignees", "assignees", {"name": "lookup_set", "resource": "user", "as": "integer"}),
        LinkSpec("estimate", "estimated_seconds", {"name": "duration", "unit": "seconds", "local": "hours"}),
    ),
)

TAG = Resource(
    name="tag",
    record_type="label",
    label="Tag",
    can=ALL,
    create_class=CreateClass.UPSERT,  # names are unique in a workspace
    incremental=False,
    deletion_evidence="The list of all tags can be read and does not hold it.",
    links=(LinkSpec("name", "name", required=True),),
)

TIME_ENTRY = Resource(
    name="time_entry",
    record_type="participation_log",
    label="Time entry",
    can=ALL,
    create_class=CreateClass.UNPROVABLE,  # nothing unseen can be written to an entry and searched for
    refers_to=("user", "project", "task", "tag"),
    overlap=timedelta(seconds=60),
    list_is_complete=False,  # as far back as the settings say
    deletion_evidence="The list of changed entries names it with the time of its deletion.",
    links=(
        LinkSpec(
            "member", "user_id", {"name": "lookup", "resource": "user", "as": "integer"}, create_only=True
        ),
        LinkSpec("project", "project_id", {"name": "lookup", "resource": "project", "as": "integer"}),
        LinkSpec("task", "task_id", {"name": "lookup", "resource": "task", "as": "integer"}),
        LinkSpec("started_at", "start", {"name": "datetime"}, group="time", required=True),
        LinkSpec("ended_at", "stop", {"name": "datetime"}, group="time"),
        LinkSpec("duration_seconds", "duration", {"name": "number"}, group="time"),
        LinkSpec("spent_on", "spent_on", {"name": "date"}, direction="in"),
        LinkSpec(
            "notes", "description", {"name": "rich_text", "format": "plain", "max_length": 3000, "empty": ""}
        ),
        LinkSpec("billable", "billable", {"name": "boolean"}),
        LinkSpec("tags", "tags", {"name": "set"}),
    ),
)

RESOURCES = (USER, CLIENT, TAG, PROJECT, TASK, TIME_ENTRY)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """Everybody's entries come from the reports, which know neither changes since nor deletions."""
    if settings.get("entries") != "everyone":
        return RESOURCES
    reported = dataclasses.replace(
        TIME_ENTRY,
        incremental=False,
        absence_check=False,
        deletion_evidence="None for others' entries: the reports leave out what is gone without a word.",
    )
    return (*RESOURCES[:-1], reported)


SECRETS = (
    SecretField(
        "api_token",
        "API token",
        help="At the bottom of your profile page. It acts as you: your entries, and what your role in the workspace allows.",
        url="https://track.toggl.com/profile",
    ),
)

SETTINGS = (
    SecretField(
        "workspace_id",
        "Workspace",
        help="Picked from the list once connected, or its number.",
        secret=False,
        picks=("workspace",),
    ),
    SecretField(
        "entries",
        "Whose entries",
        help="Yours are noticed at once; everybody's need an administrator and are read from the reports.",
        secret=False,
        required=False,
        choices=(("mine", "Mine"), ("everyone", "Everybody's")),
    ),
    SecretField(
        "plan",
        "Plan",
        help="It decides how many requests an hour are allowed.",
        secret=False,
        required=False,
        choices=tuple((plan, plan.capitalize()) for plan in PER_HOUR),
    ),
    SecretField(
        "history_days",
        "Days of history",
        help="How far back a full read goes; 365 unless given.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    options = SessionOptions(
        headers={"Content-Type": "application/json"},
        budgets=budgets_of(str(settings.get("plan") or "free")),
        limits=LIMITS,
        rules=RULES,
    )
    auth = Basic(secrets.get("api_token"), "api_token")
    session = ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options)
    return TogglClient(CONNECTOR, session, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if settings.get("workspace_id") and not str(settings["workspace_id"]).isdigit():
        problems.append(
            ("workspace_id", "Give the workspace's number, as it stands in the address of its pages.")
        )
    days = str(settings.get("history_days") or "365")
    if not days.isdigit() or not 1 <= int(days) <= MAX_HISTORY_DAYS:
        problems.append(("history_days", f"Give a number of days from 1 to {MAX_HISTORY_DAYS}."))
    return problems


CONNECTOR = Connector(
    key="toggl",
    name="Toggl Track",
    summary="Time entries with their projects, tasks, tags and clients in one workspace.",
    auth_types=("basic",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=RESOURCES,
    resources_for=resources_for,
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=budgets_of("free"),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself; Toggl asks the address for a validation code first. One webhook on the free plan.",
    text_format="plain",
    token_url="https://track.toggl.com/profile",  # noqa: S106
    docs_url="https://engineering.toggl.com/docs/",
    templates=(
        SetUpTemplate(
            "Toggl time entries ↔ participation logs",
            "Your own time entries both ways; projects, tasks, tags and people come in with them.",
            {"sync_frequency": "every_15min", "conflict_strategy": "latest_wins"},
        ),
        SetUpTemplate(
            "A team's time from Toggl",
            "With “everyone”: entries come in from the reports once an hour; nothing is written to Toggl.",
            {"sync_frequency": "hourly", "sync_direction": "in"},
        ),
    ),
    cannot_sync=(
        "Entries of other people in the mode “mine”: the token sees its owner's only.",
        "Running timers of other people: the reports hold finished entries only.",
        "Rates, amounts, rounding and reports; expenses; favourites; the timeline.",
        "Groups and project members.",
    ),
    unverified=(
        "Which of start, stop and duration wins where they disagree; all three are sent in agreement.",
        "That user_id in the body of a create writes for somebody else, for administrators.",
        "That the list of changed entries is not cut off at 1000 rows; exactly 1000 are not trusted.",
        "Whether the list of changed entries is complete for moves between workspaces.",
        "The schedule of repeated deliveries and when a webhook is switched off.",
        "The quota of enterprise plans, which is agreed; premium's is taken.",
        "That reports leave out running entries, and that each entry in them carries at.",
        "That an estimate of 0 is none.",
    ),
    ignored_events=(
        "ping",
        *(f"{model}.{action}" for model in sorted(IGNORED_MODELS) for action in sorted(ACTIONS)),
    ),
    validate=validate,
)
