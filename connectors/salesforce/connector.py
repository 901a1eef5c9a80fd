"""Salesforce, read top to bottom: how to connect, what is kept in agreement, and by which rules.

Source: REST API developer guide (sObject rows, query, queryAll, composite, replication, conditional requests), read
November 2026.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.base.auth import OAuth2Consent, OAuth2Settings
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

from .client import PAGE_SIZE, SalesforceClient, more_fields
from .objects import SOBJECTS
from .session import DEFAULT_BASE_URL, REQUESTS, open_session

ALL = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE})
#: rows are committed later than they are stamped
OVERLAP = timedelta(minutes=5)
EVIDENCE = "queryAll shows it as deleted while it lies in the recycle bin (15 days), else the log of deletions names it."
HOST = r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+"

_OWNER = LinkSpec("owner", "OwnerId", {"name": "lookup", "resource": "user"})
_NAME = LinkSpec("name", ("FirstName", "LastName"), {"name": "split_name"}, required=True)
_PLAIN = {"name": "rich_text", "format": "plain", "max_length": 32_000}
_LEAD_STATUS = {
    "Open - Not Contacted": "new",
    "Working - Contacted": "contacted",
    "Qualified": "qualified",
    "Closed - Converted": "won",
    "Closed - Not Converted": "lost",
}
_TASK_STATUS = {
    "Not Started": "todo",
    "In Progress": "in_progress",
    "Waiting on someone else": "in_progress",
    "Deferred": "backlog",
    "Completed": "done",
}


def _resource(name: str, record_type: str, label: str, links: tuple[LinkSpec, ...], **more: Any) -> Resource:
    return Resource(
        name=name,
        record_type=record_type,
        label=label,
        can=ALL,
        links=links,
        create_class=CreateClass.UNPROVABLE,  # unless an external id field is named; see resources_for
        version_check=True,  # by the client (it reads, compares, then writes) and by If-Unmodified-Since
        overlap=OVERLAP,
        page_size=PAGE_SIZE,
        deletion_evidence=EVIDENCE,
        **more,
    )


USER = Resource(
    name="user",
    record_type="member",
    label="User",
    can=frozenset({Can.LIST, Can.GET}),
    overlap=OVERLAP,
    page_size=PAGE_SIZE,
    absence_check=False,
    deletion_evidence="Users cannot be deleted in Salesforce, only deactivated.",
    links=(
        LinkSpec("name", "Name", direction="in", required=True),
        LinkSpec("email", "Email", direction="in"),
        LinkSpec("phone", "Phone", direction="in"),
        LinkSpec("title", "Title", direction="in"),
        LinkSpec("company", "CompanyName", direction="in"),
        LinkSpec("active", "IsActive", {"name": "boolean"}, direction="in"),
    ),
)

ACCOUNT = _resource(
    "account",
    "customer",
    "Account",
    (
        LinkSpec("name", "Name", required=True),
        LinkSpec("phone", "Phone"),
        LinkSpec("website", "Website"),
        LinkSpec(
            "address",
            ("BillingStreet", "BillingPostalCode", "BillingCity", "BillingCountry"),
            {"name": "join", "separator": ", "},
            direction="in",
        ),
        _OWNER,
    ),
    refers_to=("user",),
)

CONTACT = _resource(
    "contact",
    "member",
    "Contact",
    (_NAME, LinkSpec("email", "Email"), LinkSpec("phone", "Phone"), LinkSpec("title", "Title")),
    refers_to=("user",),
    other_record_types=("customer",),
    other_links={"customer": (_NAME, LinkSpec("email", "Email"), LinkSpec("phone", "Phone"), _OWNER)},
)

LEAD = _resource(
    "lead",
    "lead",
    "Lead",
    (
        _NAME,
        LinkSpec("company", "Company"),
        LinkSpec("email", "Email"),
        LinkSpec("phone", "Phone"),
        LinkSpec("source", "LeadSource"),
        LinkSpec(
            "stage",
            "Status",
            {
                "name": "enum",
                "map": _LEAD_STATUS,
                "back": {"proposal": "Qualified", "negotiation": "Qualified"},
            },
            key="stage",
        ),
        _OWNER,
    ),
    refers_to=("user",),
    status_links=("stage",),
)

OPPORTUNITY = _resource(
    "opportunity",
    "opportunity",
    "Opportunity",
    (
        LinkSpec("name", "Name", required=True),
        LinkSpec("customer", "AccountId", {"name": "lookup", "resource": "account"}),
        LinkSpec("stage", "StageName", {"name": "enum", "map": {}}, key="stage"),
        LinkSpec("amount", "Amount", {"name": "number"}),
        LinkSpec("probability", "Probability", {"name": "number"}, direction="in"),
        LinkSpec("close_on", "CloseDate", {"name": "date"}),
        _OWNER,
        LinkSpec("description", "Description", _PLAIN),
    ),
    refers_to=("user", "account"),
    status_links=("stage",),
)

TASK = _resource(
    "task",
    "task",
    "Task",
    (
        LinkSpec("title", "Subject", {"name": "string", "max_length": 255}, required=True),
        LinkSpec("description", "Description", _PLAIN),
        LinkSpec(
            "stage",
            "Status",
            {
                "name": "enum",
                "map": _TASK_STATUS,
                "back": {"in_progress": "In Progress", "review": "In Progress"},
            },
            key="stage",
        ),
        LinkSpec(
            "priority",
            "Priority",
            {
                "name": "enum",
                "map": {"Low": "low", "Normal": "medium", "High": "high"},
                "back": {"none": "Normal", "urgent": "High"},
            },
        ),
        LinkSpec("assignees", "hub.owners", {"name": "lookup_set", "resource": "user"}),
        LinkSpec("due_on", "ActivityDate", {"name": "date"}),
        LinkSpec("completed_at", "CompletedDateTime", {"name": "datetime"}, direction="in"),
        LinkSpec("url", "hub.url", direction="in"),
    ),
    refers_to=("user",),
    status_links=("stage",),
)

EVENT = _resource(
    "event",
    "event",
    "Event",
    (
        LinkSpec("title", "Subject", {"name": "string", "max_length": 255}, required=True),
        LinkSpec("description", "Description", _PLAIN),
        LinkSpec("starts_at", "StartDateTime", {"name": "datetime"}, group="span"),
        LinkSpec("ends_at", "EndDateTime", {"name": "datetime"}, group="span"),
        LinkSpec("all_day", "IsAllDayEvent", {"name": "boolean"}, group="span"),
        LinkSpec("location", "Location"),
        LinkSpec("organiser", "OwnerId", {"name": "lookup", "resource": "user"}),
        LinkSpec("url", "hub.url", direction="in"),
    ),
    refers_to=("user",),
)

RESOURCES = (USER, ACCOUNT, CONTACT, LEAD, OPPORTUNITY, TASK, EVENT)

SECRETS = (
    SecretField(
        "client_id",
        "Consumer key",
        help="Of an external client app (or connected app) with the OAuth scopes “api” and “refresh_token, offline_access”.",
    ),
    SecretField("client_secret", "Consumer secret"),
    SecretField(
        "refresh_token",
        "Refresh token",
        help="Comes by itself after “Connect”. Empty: client credentials, for which the app names a user to run as.",
        required=False,
    ),
)

SETTINGS = (
    SecretField(
        "my_domain",
        "My Domain",
        help="The org's own host without https://, for example acme.my.salesforce.com or acme--dev.sandbox.my.salesforce.com.",
        secret=False,
    ),
    SecretField(
        "external_id_field",
        "External id field",
        help="API name of a text field (External ID, unique, case-sensitive) on each object, for example Lockstep_Id__c. "
        "With it a create can be repeated without making a second record; without it a person decides after an interruption.",
        secret=False,
        required=False,
    ),
    SecretField(
        "more_fields",
        "Further fields",
        help="To map beside the usual ones: Opportunity.CurrencyIsoCode, Lead.Rating",
        secret=False,
        required=False,
    ),
    SecretField(
        "allow_duplicates",
        "Save in spite of duplicate rules",
        help="Where a rule only warns, records are then saved all the same.",
        secret=False,
        required=False,
        choices=NO_OR_YES,
    ),
    SecretField("api_version", "API version", help="v62.0 unless given.", secret=False, required=False),
)


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> Client:
    return SalesforceClient(CONNECTOR, open_session(base_url, settings, secrets, environment), settings)


def resources_for(settings: Mapping[str, Any]) -> Sequence[Resource]:
    """With an external id field creates can be repeated."""
    if not str(settings.get("external_id_field") or "").strip():
        return RESOURCES
    return tuple(
        dataclasses.replace(one, create_class=CreateClass.UPSERT) if Can.CREATE in one.can else one
        for one in RESOURCES
    )


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if settings.get("my_domain") and not re.fullmatch(HOST, str(settings["my_domain"]).lower()):
        problems.append(
            ("my_domain", "Write only the host, without https:// and path: acme.my.salesforce.com.")
        )
    if not re.fullmatch(r"(?:[A-Za-z]\w*__c)?", str(settings.get("external_id_field") or "").strip()):
        problems.append(
            ("external_id_field", "Write the field's API name, which ends in __c: Lockstep_Id__c.")
        )
    if not re.fullmatch(r"v\d\d\.0", str(settings.get("api_version") or "v62.0")):
        problems.append(("api_version", "Write it as Salesforce does: v62.0."))
    names = {one.name for one in SOBJECTS.values()}
    given = more_fields(settings)
    is_sound = all(re.fullmatch(r"\w+(\.\w+)?", field) for fields in given.values() for field in fields)
    if not set(given) <= names or not is_sound:
        problems.append(
            ("more_fields", f"Begin each with one of {', '.join(sorted(names))} and a point: Lead.Rating.")
        )
    return problems


CONNECTOR = Connector(
    key="salesforce",
    name="Salesforce",
    summary="Leads, contacts, accounts, opportunities with their stages, tasks and events of one org.",
    auth_types=("oauth2",),
    secrets=SECRETS,
    settings=SETTINGS,
    resources=RESOURCES,
    open=open_client,
    default_base_url=DEFAULT_BASE_URL,
    budgets=(REQUESTS,),
    webhooks=None,
    webhook_help="Salesforce signs no webhooks. It is polled, one query for each object, deletions among the answers. For faster "
    "news an administrator can build a Flow with an HTTP callout to a Generic REST integration's address, an Outbound Message, or "
    "a subscriber of Change Data Capture (kept 72 hours, five objects without an add-on).",
    text_format="plain",
    token_url="https://help.salesforce.com/s/articleView?id=xcloud.external_client_apps.htm",  # noqa: S106
    docs_url="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/",
    consent=OAuth2Consent(
        authorize_url="https://{my_domain}/services/oauth2/authorize",
        settings=OAuth2Settings(
            token_url="https://{my_domain}/services/oauth2/token",  # noqa: S106
            scopes=("api", "refresh_token"),
            keeps=("instance_url",),
        ),
        uses_pkce=True,
        app_url="https://help.salesforce.com/s/articleView?id=xcloud.external_client_apps.htm",
    ),
    templates=(
        SetUpTemplate(
            "Opportunities ↔ opportunities",
            "Accounts, users and the opportunities with their stages.",
            {"resource_types": ["user", "account", "opportunity"], "sync_direction": "both"},
        ),
        SetUpTemplate(
            "Leads ↔ leads",
            "Leads with status, source and owner.",
            {"resource_types": ["user", "lead"], "sync_direction": "both"},
        ),
        SetUpTemplate(
            "Salesforce tasks",
            "Tasks of the sales team, completed on either side.",
            {"resource_types": ["user", "task"], "sync_direction": "both"},
        ),
    ),
    cannot_sync=(
        "Comments: Chatter posts and notes belong to a user or come as files, and neither can be written for somebody else.",
        "Converting a lead: Salesforce makes account, contact and opportunity of it; the status alone is refused.",
        "Which contact, lead or account a task belongs to (WhoId, WhatId).",
        "More than one person on a task, or none.",
        "Formula and roll-up fields reliably: they change without moving the time of change.",
        "Currencies, unless Opportunity.CurrencyIsoCode is added: an org with one currency has no such field.",
    ),
    unverified=(
        "That an external id field can be made for tasks and events in every edition.",
        "That If-Match would do for accounts: only If-Unmodified-Since is used.",
        "The error by which a lead's status of conversion is refused.",
        "That CurrencyIsoCode is the only field that depends on several currencies.",
        "How a composite answer shows refusals of duplicate rules.",
    ),
    validate=validate,
    resources_for=resources_for,
)
