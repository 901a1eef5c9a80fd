"""ConnectWise PSA (Manage), read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: ConnectWise's document 2026.4, its developer guide and vendors/connectwise.md (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.base.auth import Basic
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Connector, Environment
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

from .client import ConnectWiseClient
from .discovery import PAGE_SIZE
from .endpoints import TICKET_PAGE
from .tickets import MAX_SUMMARY
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api-na.myconnectwise.net/v4_6_release/apis/3.0"
CLIENT_IDS = "https://developer.connectwise.com/ClientID"

#: the guide: above 1,000 requests a minute an integration is likely to be limited
REQUESTS = RateBudget(requests=900, per_seconds=60, concurrency=4)
RULES = (
    ErrorRule(
        Reaction.REAUTH,
        body_contains="SSL is required",
        message="The cloud answers only at addresses that begin with api-, such as api-na.myconnectwise.net.",
    ),
)
ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})
OVERLAP = timedelta(minutes=5)
EVIDENCE = "A get by id answers 404 at both kinds of tickets while the list it was in can be read."
DAY = {"name": "date", "as": "instant", "time": "12:00"}

TICKET_LINKS = (
    LinkSpec("title", "summary", {"name": "string", "trim": True, "max_length": MAX_SUMMARY}, required=True),
    LinkSpec("description", "hub.description", {"name": "rich_text", "format": "plain", "empty": ""}),
    LinkSpec("stage", "status.id", {"name": "enum", "map": {}}, key="stage"),
    LinkSpec("completed_at", "closedDate", {"name": "datetime"}, direction="in"),
    LinkSpec(
        "priority",
        "hub.priority",
        {
            "name": "enum",
            "map": {"Critical": "urgent", "High": "high", "Medium": "medium", "Low": "low"},
            "back": {"none": "Low"},
        },
    ),
    LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "member"}),
    LinkSpec("labels", "hub.labels", {"name": "set"}, direction="in"),
    LinkSpec("start_on", "estimatedStartDate", DAY),
    LinkSpec("due_on", "requiredDate", DAY),
    LinkSpec("estimate", "budgetHours", {"name": "number"}),
    LinkSpec("url", "hub.url", direction="in"),
)

TICKET = Resource(
    name="ticket",
    record_type="task",
    label="Service ticket",
    can=ALL,
    create_class=CreateClass.MARKER,  # externalXRef, which conditions can search
    refers_to=("member",),
    overlap=OVERLAP,
    status_links=("stage",),
    page_size=TICKET_PAGE,
    deletion_evidence=EVIDENCE,
    links=(
        *TICKET_LINKS,
        LinkSpec("parent", "parentTicketId", {"name": "lookup", "resource": "ticket"}, direction="in"),
    ),
)

PROJECT_TICKET = Resource(
    name="project_ticket",
    record_type="task",
    label="Project ticket",
    can=ALL,
    create_class=CreateClass.MARKER,  # an internal note, written with the ticket
    refers_to=("member", "project"),
    overlap=OVERLAP,
    status_links=("stage",),
    page_size=TICKET_PAGE,
    deletion_evidence=EVIDENCE,
    links=(
        *TICKET_LINKS,
        LinkSpec(
            "project",
            "project.id",
            {"name": "lookup", "resource": "project"},
            required=True,
            create_only=True,
        ),
    ),
)


def _notes(name: str, ticket: str) -> Resource:
    return Resource(
        name=name,
        record_type="comment",
        label="Note" if ticket == "ticket" else "Note of a project ticket",
        can=ALL,
        create_class=CreateClass.MARKER,  # the reference below the text
        parent=ticket,
        lists_across_parents=False,
        refers_to=(ticket, "member"),
        incremental=False,
        page_size=PAGE_SIZE,
        deletion_evidence="Gone by id while its ticket can be read.",
        links=(
            LinkSpec("body", "text", {"name": "rich_text", "format": "plain"}, required=True),
            LinkSpec("author", "hub.author_id", {"name": "lookup", "resource": "member"}, direction="in"),
            LinkSpec("author_name", "hub.author"),
            LinkSpec("written_at", "hub.written_at", {"name": "datetime"}, direction="in"),
        ),
    )


def _tasks(name: str, ticket: str) -> Resource:
    return Resource(
        name=name,
        record_type="task",
        label="Task of a ticket" if ticket == "ticket" else "Task of a project ticket",
        # a new task here becomes a ticket: nothing of ours fits into a ticket's task, and its ticket is not its parent here
        can=ALL - {Can.CREATE},
        refers_to=(ticket, "member"),
        overlap=OVERLAP,
        page_size=TICKET_PAGE,
        deletion_evidence="Gone by id while its ticket can be read.",
        links=(
            LinkSpec("title", "hub.text", required=True),
            LinkSpec(
                "stage",
                "hub.closed",
                {
                    "name": "enum",
                    "map": {"false": "todo", "true": "done"},
                    "back": {"backlog": "false", "in_progress": "false", "review": "false"},
                },
            ),
            LinkSpec("assignees", "hub.assignees", {"name": "lookup_set", "resource": "member"}),
            LinkSpec("parent", "hub.ticket", {"name": "lookup", "resource": ticket}, direction="in"),
        ),
    )


MEMBER = Resource(
    name="member",
    record_type="member",
    label="Member",
    can=frozenset({Can.LIST, Can.GET}),
    overlap=OVERLAP,
    page_size=PAGE_SIZE,
    deletion_evidence="None needed: members are made inactive, never deleted.",
    links=(
        LinkSpec("name", "hub.name", direction="in", required=True),
        LinkSpec("email", "hub.email", direction="in"),
        LinkSpec("title", "title", direction="in"),
        LinkSpec("active", "hub.active", {"name": "boolean"}, direction="in"),
    ),
)

COMPANY = Resource(
    name="company",
    record_type="customer",
    label="Company",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    overlap=OVERLAP,
    page_size=PAGE_SIZE,
    deletion_evidence="deletedFlag, or gone by id while the list can be read.",
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("phone", "phoneNumber"),
        LinkSpec("website", "website"),
        LinkSpec("address", "hub.address", direction="in"),
    ),
)

PROJECT = Resource(
    name="project",
    record_type="project",
    label="Project",
    can=frozenset({Can.LIST, Can.GET, Can.UPDATE}),
    refers_to=("member",),
    overlap=OVERLAP,
    page_size=PAGE_SIZE,
    deletion_evidence="Gone by id while the list can be read.",
    links=(
        LinkSpec("name", "name", required=True),
        LinkSpec("description", "description", {"name": "rich_text", "format": "plain"}),
        LinkSpec("state", "status.name", direction="in"),
        LinkSpec("lead", "manager.id", {"name": "lookup", "resource": "member"}),
        LinkSpec("start_on", "estimatedStart", DAY),
        LinkSpec("due_on", "estimatedEnd", DAY),
    ),
)

SECRETS = (
    SecretField("company_id", "Company id", help="The one you sign in with.", secret=False),
    SecretField(
        "public_key",
        "Public key",
        help="System → Members → API Members → API Keys. The member's security role limits everything: it needs service "
        "tickets (add, edit, inquire; delete if deletions are to go out), project tickets, and inquire on members, companies, "
        "boards; callbacks need the setup table Callbacks.",
    ),
    SecretField("private_key", "Private key", help="Shown once, when the keys are made."),
    SecretField(
        "client_id",
        "Client id",
        help="A GUID registered for your integration; treat it as a password.",
        url=CLIENT_IDS,
    ),
    SecretField(
        "callback_key",
        "Signing key of callbacks",
        help="“signing_key” at the address that each callback carries as Metadata.key_url. Without it callbacks are refused and "
        "the hub only polls.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "board_ids",
        "Boards",
        help="Ids, separated by commas; all boards if empty.",
        secret=False,
        required=False,
    ),
    SecretField(
        "project_ids",
        "Projects",
        help="Ids of projects whose tickets take part; all if empty.",
        secret=False,
        required=False,
    ),
    SecretField(
        "default_company",
        "Company for new tickets",
        help="Id of the company that tickets made here are for.",
        secret=False,
        required=False,
    ),
    SecretField(
        "default_board",
        "Board for new tickets",
        help="Id; the first of the boards unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "notes",
        "Notes that are comments",
        secret=False,
        required=False,
        choices=(
            ("discussion", "Discussion: customers may see them"),
            ("internal", "Internal"),
            ("all", "All; new ones are internal"),
        ),
    ),
    SecretField(
        "notify",
        "Send notifications",
        help="Changes from here then trigger ConnectWise's own e-mails and workflow notices.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "unsigned_callbacks",
        "Believe unsigned callbacks",
        help="Without a signing key callbacks are then taken as hints; every record is read again. List ConnectWise's addresses as the only ones allowed.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField(
        "api_version",
        "Version of the API",
        help="Such as 2026.4, to get answers in that version's form; the newest unless given.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    company, public = secrets.get("company_id") or "", secrets.get("public_key") or ""
    auth = Basic(f"{company}+{public}", secrets.get("private_key"))
    version = str(settings.get("api_version") or "")
    accept = f"application/vnd.connectwise.com+json; version={version}" if version else "application/json"
    headers = {"clientId": str(secrets.get("client_id") or "").strip(), "Accept": accept}
    options = SessionOptions(headers=headers, budgets=(REQUESTS,), rules=RULES)
    session = ApiSession(base_url or DEFAULT_BASE_URL, auth, environment, options)
    return ConnectWiseClient(CONNECTOR, session, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    for name, words in (("board_ids", "board ids"), ("project_ids", "project ids")):
        if settings.get(name) and not re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", str(settings[name])):
            problems.append((name, f"Give {words}, separated by commas, such as 3, 5."))
    for name in ("default_company", "default_board"):
        if settings.get(name) and not str(settings[name]).strip().isdigit():
            problems.append((name, "Give its id, a number."))
    if settings.get("api_version") and not re.fullmatch(r"\d{4}\.\d+", str(settings["api_version"])):
        problems.append(("api_version", "Give a version such as 2026.4."))
    return problems


CONNECTOR = Connector(
    key="connectwise",
    name="ConnectWise PSA",
    summary="Service and project tickets with notes and tasks, members, companies and projects.",
    auth_types=("basic",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=(
        MEMBER,
        COMPANY,
        PROJECT,
        TICKET,
        PROJECT_TICKET,
        _notes("note", "ticket"),
        _notes("project_note", "project_ticket"),
        _tasks("ticket_task", "ticket"),
        _tasks("project_ticket_task", "project_ticket"),
    ),
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS,),
    webhooks=WEBHOOKS,
    webhook_help="Registered by itself, one callback for all tickets. ConnectWise signs with a key of its own: enter it as "
    "“Signing key of callbacks”.",
    webhook_secret_from="callback_key",  # noqa: S106
    text_format="plain",
    token_url=CLIENT_IDS,
    docs_url="https://developer.connectwise.com/Products/ConnectWise_PSA/REST",
    templates=(
        SetUpTemplate(
            "Service desk",
            "Tickets of the chosen service boards both ways, with notes as comments and the people who own them.",
            {
                "sync_frequency": "realtime",
                "resource_types": ["member", "ticket", "note"],
                "options": {"notes": "discussion"},
            },
        ),
        SetUpTemplate(
            "Projects",
            "Projects, their tickets and tasks both ways.",
            {
                "sync_frequency": "realtime",
                "resource_types": [
                    "member",
                    "project",
                    "project_ticket",
                    "project_note",
                    "project_ticket_task",
                ],
            },
        ),
    ),
    cannot_sync=(
        "New tasks on a ticket: a task made here becomes a ticket.",
        "More than one assignee: a ticket has one owner; further people are schedule entries.",
        "New projects and companies, which need billing data that the hub does not hold.",
        "A ticket's parent, project and phase are set when it is made; merging and converting are done in ConnectWise.",
        "Type, subtype and item as labels, from here: they are chosen from lists of the board.",
        "Time entries and the notes in them, attachments, configurations, agreements.",
    ),
    unverified=(
        "That a null in a patch clears a reference or date.",
        "That a new note or task moves its ticket's lastUpdated; the callback of the ticket makes its notes read again.",
        "The names of members inside a callback's Entity (RecordType, BoardID).",
        "Whether a task's words are in notes or summary: where they are, they are written.",
        "That project tickets take the phase alone, and that initialInternalAnalysis becomes an internal note.",
        "The address of a ticket's page.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
)
