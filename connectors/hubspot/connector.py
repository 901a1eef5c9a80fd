"""HubSpot CRM, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Sources: PyPI hubspot-api-client 12.0.0 (paths, shapes) and developers.hubspot.com, read November 2026.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.base.auth import OAuth2Consent, OAuth2Settings
from connectors.base.connector import Connector, Environment
from connectors.base.types import Can, Client, CreateClass, LinkSpec, Resource, SecretField, SetUpTemplate

from .client import HubSpotClient, key_property, more_properties
from .objects import MAX_NOTE, OBJECTS
from .session import DAILY, REQUESTS, SEARCHES, open_session
from .webhooks import IGNORED, WEBHOOKS

DEFAULT_BASE_URL = "https://api.hubapi.com"

SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.write",
    "crm.schemas.deals.write",
)

ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})
#: the search index runs behind the store by seconds, under load by minutes
LAG = timedelta(minutes=2)
OVERLAP = timedelta(minutes=5)
IN_BIN = "It lies in HubSpot's recycle bin (read with archived=true)."

_TASK_STATUS = {
    "NOT_STARTED": "todo",
    "IN_PROGRESS": "in_progress",
    "WAITING": "in_progress",
    "DEFERRED": "backlog",
    "COMPLETED": "done",
}
_TASK_PRIORITY = {"": "none", "NONE": "none", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
_LEAD_STATUS = {
    "NEW": "new",
    "OPEN": "new",
    "ATTEMPTED_TO_CONTACT": "contacted",
    "CONNECTED": "contacted",
    "IN_PROGRESS": "qualified",
    "OPEN_DEAL": "proposal",
    "BAD_TIMING": "lost",
    "UNQUALIFIED": "lost",
}
_OWNER = {"name": "lookup", "resource": "owner"}
_NAME = LinkSpec(
    "name", ("properties.firstname", "properties.lastname"), {"name": "split_name"}, required=True
)
_ADDRESS = LinkSpec(
    "address",
    ("properties.address", "properties.zip", "properties.city", "properties.country"),
    {"name": "join", "separator": ", "},
    direction="in",
)


def _resource(name: str, record_type: str, label: str, links: tuple[LinkSpec, ...], **more: Any) -> Resource:
    return Resource(
        name=name,
        record_type=record_type,
        label=label,
        can=ALL,
        links=links,
        create_class=CreateClass.UPSERT,
        version_check=True,  # by the client: it reads, compares, then writes
        overlap=OVERLAP,
        list_lag=LAG,
        time_granularity=timedelta(milliseconds=1),
        deletion_evidence=IN_BIN,
        **more,
    )


OWNER = Resource(
    name="owner",
    record_type="member",
    label="Owner",
    can=frozenset({Can.LIST, Can.GET}),
    incremental=False,
    absence_check=False,
    time_granularity=timedelta(milliseconds=1),
    links=(
        LinkSpec("name", "hub.name", direction="in", required=True),
        LinkSpec("email", "email", direction="in"),
    ),
)

COMPANY = _resource(
    "company",
    "customer",
    "Company",
    (
        LinkSpec("name", "properties.name", required=True),
        LinkSpec("phone", "properties.phone"),
        LinkSpec("website", "properties.website"),
        _ADDRESS,
        LinkSpec("owner", "properties.hubspot_owner_id", _OWNER),
    ),
    refers_to=("owner",),
)

CONTACT = _resource(
    "contact",
    "member",
    "Contact",
    (
        _NAME,
        LinkSpec("email", "properties.email"),
        LinkSpec("phone", "properties.phone"),
        LinkSpec("title", "properties.jobtitle"),
        LinkSpec("company", "properties.company"),
    ),
    refers_to=("owner",),
    other_record_types=("lead", "customer"),
    other_links={
        "lead": (
            _NAME,
            LinkSpec("company", "properties.company"),
            LinkSpec("email", "properties.email"),
            LinkSpec("phone", "properties.phone"),
            LinkSpec("source", "properties.hs_analytics_source", direction="in"),
            LinkSpec(
                "stage",
                "properties.hs_lead_status",
                {
                    "name": "enum",
                    "map": _LEAD_STATUS,
                    "back": {"new": "NEW", "contacted": "CONNECTED", "lost": "UNQUALIFIED"},
                },
                key="stage",
            ),
            LinkSpec("owner", "properties.hubspot_owner_id", _OWNER),
        ),
        "customer": (
            _NAME,
            LinkSpec("email", "properties.email"),
            LinkSpec("phone", "properties.phone"),
            LinkSpec("website", "properties.website"),
            _ADDRESS,
            LinkSpec("owner", "properties.hubspot_owner_id", _OWNER),
        ),
    },
    # no status table: it would be asked for with members and customers too, who have no stage
)

DEAL = _resource(
    "deal",
    "opportunity",
    "Deal",
    (
        LinkSpec("name", "properties.dealname", required=True),
        LinkSpec("customer", "hub.company", {"name": "lookup", "resource": "company"}),
        LinkSpec("stage", "properties.dealstage", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("amount", "properties.amount", {"name": "number", "as": "string"}),
        LinkSpec("currency", "properties.deal_currency_code"),
        LinkSpec(
            "probability",
            "properties.hs_deal_stage_probability",
            {"name": "number", "scale": 100},
            direction="in",
        ),
        LinkSpec("close_on", "properties.closedate", {"name": "date", "as": "instant", "style": "ms"}),
        LinkSpec("owner", "properties.hubspot_owner_id", _OWNER),
        LinkSpec("description", "properties.description", {"name": "rich_text", "format": "plain"}),
    ),
    refers_to=("owner", "company"),
    status_links=("stage",),
)

TASK = _resource(
    "task",
    "task",
    "Task",
    (
        LinkSpec("title", "properties.hs_task_subject", required=True),
        LinkSpec("description", "properties.hs_task_body", {"name": "rich_text", "format": "html"}),
        LinkSpec(
            "stage",
            "properties.hs_task_status",
            {
                "name": "enum",
                "map": _TASK_STATUS,
                "back": {"in_progress": "IN_PROGRESS", "review": "IN_PROGRESS"},
            },
            key="stage",
        ),
        LinkSpec(
            "priority",
            "properties.hs_task_priority",
            {"name": "enum", "map": _TASK_PRIORITY, "back": {"none": "NONE", "urgent": "HIGH"}},
        ),
        LinkSpec("assignees", "hub.owners", {"name": "lookup_set", "resource": "owner"}),
        LinkSpec("due_on", "hub.due_at", {"name": "date", "as": "instant", "style": "ms"}),
        LinkSpec("completed_at", "properties.hs_task_completion_date", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "hub.url", direction="in"),
    ),
    refers_to=("owner",),
    status_links=("stage",),
)


def _note(parent: str, label: str) -> Resource:
    return _resource(
        f"{parent}_note",
        "comment",
        label,
        (
            LinkSpec(
                "body",
                "hub.body",
                {"name": "rich_text", "format": "html", "max_length": MAX_NOTE},
                required=True,
            ),
            LinkSpec("author", "properties.hubspot_owner_id", _OWNER),
            LinkSpec("author_name", "hub.author"),
            LinkSpec(
                "written_at", "properties.hs_timestamp", {"name": "datetime", "style": "ms"}, direction="in"
            ),
        ),
        parent=parent,
        refers_to=("owner", parent),
    )


RESOURCES = (
    OWNER,
    COMPANY,
    CONTACT,
    DEAL,
    TASK,
    _note("company", "Note on a company"),
    _note("contact", "Note on a contact"),
    _note("deal", "Note on a deal"),
)

SECRETS = (
    SecretField(
        "token",
        "Private app token",
        help="Settings → Integrations → Private apps. Scopes: "
        + ", ".join(SCOPES)
        + ". Leave out the write scopes where the hub shall only read. Tasks and notes need those of contacts.",
        required=False,
        url="https://app.hubspot.com/private-apps",
    ),
    SecretField("client_id", "OAuth client id", help="Instead of a private app.", required=False),
    SecretField(
        "client_secret",
        "Client secret",
        help="Of the app, private or OAuth: HubSpot signs its webhooks with it. Without it the hub only polls.",
        required=False,
    ),
    SecretField(
        "refresh_token", "OAuth refresh token", help="Comes by itself after “Connect”.", required=False
    ),
    SecretField(
        "developer_key",
        "Developer API key",
        help="Only to register webhooks of a public app by itself.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "pipeline_id",
        "Deal pipeline",
        help="Only its deals; all pipelines unless given.",
        secret=False,
        required=False,
    ),
    SecretField(
        "key_property",
        "Key property",
        help="Name of the unique text property by which the hub knows what it made (lockstep_key unless given); made by "
        "itself where the token may. “off”: an interrupted create is then left to a person.",
        secret=False,
        required=False,
    ),
    SecretField(
        "more_properties",
        "Further properties",
        help="Properties to map beside the usual ones: deal.dealtype, contact.jobtitle",
        secret=False,
        required=False,
    ),
    SecretField("app_id", "App id", help="Of a public app, for its webhooks.", secret=False, required=False),
    SecretField(
        "api_version",
        "API version",
        help="v3 unless given, or a dated one such as 2026-03.",
        secret=False,
        required=False,
    ),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    session = open_session(base_url or DEFAULT_BASE_URL, secrets, environment)
    return HubSpotClient(CONNECTOR, session, settings, developer_key=str(secrets.get("developer_key") or ""))


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """Without a key property nothing proves what became of an interrupted create."""
    if key_property(settings):
        return RESOURCES
    return tuple(dataclasses.replace(one, create_class=CreateClass.UNPROVABLE) for one in RESOURCES)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if not re.fullmatch(r"v3|20\d\d-\d\d", str(settings.get("api_version") or "v3")):
        problems.append(("api_version", "Write v3, or year and month of a version such as 2026-03."))
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}|", key_property(settings)):
        problems.append(
            ("key_property", "Small letters, digits and _ only, beginning with a letter; or off.")
        )
    unknown = [name for name in more_properties(settings) if name not in OBJECTS]
    if unknown:
        problems.append(
            ("more_properties", f"Begin each with one of {', '.join(OBJECTS)} and a point: deal.dealtype.")
        )
    if not re.fullmatch(r"\d*", str(settings.get("app_id") or "")):
        problems.append(("app_id", "The app's id is a number."))
    return problems


CONNECTOR = Connector(
    key="hubspot",
    name="HubSpot",
    summary="Contacts, companies, deals with their stages, tasks and notes of one account.",
    auth_types=("bearer", "oauth2"),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=RESOURCES,
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS, DAILY, SEARCHES),
    webhooks=WEBHOOKS,
    webhook_help="Private app: its page → Webhooks → target URL (the address above, without a query), then subscribe to creation, "
    "deletion, merge, restore, association change and to each mapped property of contacts, companies and deals. An app has one "
    "address. Public app: give its id and a developer API key, and it is done by itself. Tasks and notes are polled.",
    webhook_secret_from="client_secret",  # noqa: S106
    text_format="html",
    token_url="https://app.hubspot.com/private-apps",  # noqa: S106
    docs_url="https://developers.hubspot.com/docs/api-reference/overview",
    consent=OAuth2Consent(
        authorize_url="https://app.hubspot.com/oauth/authorize",
        settings=OAuth2Settings(token_url=f"{DEFAULT_BASE_URL}/oauth/v1/token", scopes=SCOPES),
        app_url="https://app.hubspot.com/developer",
    ),
    templates=(
        SetUpTemplate(
            "Deals ↔ opportunities",
            "Companies, owners and the deals of a pipeline with their stages; notes on deals as comments.",
            {"resource_types": ["owner", "company", "deal", "deal_note"], "sync_direction": "both"},
        ),
        SetUpTemplate(
            "Contacts ↔ members",
            "People from HubSpot as members.",
            {"resource_types": ["owner", "contact"], "sync_direction": "both"},
        ),
        SetUpTemplate(
            "HubSpot tasks",
            "Tasks of the sales team, completed on either side.",
            {"resource_types": ["owner", "task"], "sync_direction": "both"},
        ),
    ),
    cannot_sync=(
        "Calls, e-mails, meetings and attachments.",
        "Which contacts a deal or task belongs to: only the deal's (primary) company has a place here.",
        "More than one person on a task: HubSpot knows one owner.",
        "A lifecycle stage moved backwards: HubSpot ignores it.",
        "Changes of associations alone while there are no webhooks: they move no time of change and wait for the full read.",
    ),
    unverified=(
        "That custom unique properties can be made for tasks and notes in every account.",
        "That the search takes several results of one time in the order of their id where asked to.",
        "The exact limit of searches per second (4 is taken).",
        "That the default association of a deal with its first company is the primary one.",
        "That reading a merged record's old id answers the record it was merged into, for every type.",
        "That tasks and notes can be subscribed to as generic objects.",
        "What a refused value inside an answer of 207 looks like.",
    ),
    ignored_events=tuple(sorted(IGNORED)),
    validate=validate,
    resources_for=resources_for,
)
