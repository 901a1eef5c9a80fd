"""The demo's integrations: which stand-in, what is kept in sync with it, and by which rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from config.demo.records import PROJECTS, project_id
from connectors import registry
from integrations.models import (
    ConflictStrategy,
    DeletePolicy,
    FieldMap,
    Integration,
    IntegrationStatus,
    StatusMap,
    SyncFrequency,
)
from integrations.services.control import integration_create, integration_enable
from integrations.services.fieldmaps import field_map_defaults, field_map_save
from integrations.services.statusmaps import status_map_refresh
from sync.context import link_as_dict
from workspace.models import Tenant

DESK_EXAMPLE = Path(registry.__file__).parent / "generic_rest" / "examples" / "desk.json"


@dataclass(frozen=True)
class SetUp:
    """One integration as a person would set it up. ``project`` is the key of the project whose tasks it shares."""

    name: str
    connector: str
    stand_in: str
    path: str
    secrets: Mapping[str, str]
    options: Callable[[str], dict[str, Any]]
    values: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""
    owned: tuple[str, ...] = ()  # resources whose records belong to the project
    tables: tuple[str, ...] = ()  # resources whose statuses are mapped in a table
    as_type: Mapping[str, str] = field(
        default_factory=dict
    )  # resource → another record type than the usual one
    works: bool = True  # its credentials are good
    pause: str = ""  # why it is paused once its records are here


BOTH_WAYS: dict[str, Any] = {
    "sync_frequency": SyncFrequency.REALTIME,
    "sync_interval_seconds": 60,
    "create_missing_externally": True,
    "tags": ["demo"],
    "environment": "demo",
}


TRELLO = {
    "api_key": "0f5b8c1dtrellodemokey0000000000000",
    "token": "ATTA5demotrellotoken000000000000000000000000",
    "app_secret": "demo-trello-application-secret",
}


def desk_config(root: str) -> dict[str, Any]:
    """The documented example, pointed at this sandbox."""
    return {"config": {**json.loads(DESK_EXAMPLE.read_text()), "base_url": f"{root}/api"}}


SET_UPS = (
    SetUp(
        name="Waitlist board",
        connector="leankit",
        stand_in="leankit",
        path="/io",
        secrets={"token": "leankit-demo-token"},
        options=lambda root: {"board_id": "1490772554"},
        values={
            **BOTH_WAYS,
            "sync_interval_seconds": 300,  # its comments are listed card by card
            "conflict_strategy": ConflictStrategy.MANUAL_REVIEW,
            "delete_policy": DeletePolicy.ASK,
        },
        tables=("card",),
    ),
    SetUp(
        name="Website relaunch",
        connector="trello",
        stand_in="trello",
        path="/1",
        secrets=TRELLO,
        options=lambda root: {"board_id": "5abbe4b7ddc1b351ef961414"},
        values={
            **BOTH_WAYS,
            "conflict_strategy": ConflictStrategy.LATEST_WINS,
            "delete_policy": DeletePolicy.ARCHIVE,
        },
        project="relaunch",
        owned=("card", "label"),
        tables=("card",),
    ),
    SetUp(
        name="Webshop issues",
        connector="github",
        stand_in="github",
        path="",
        secrets={"token": "sandbox-github-token"},
        options=lambda root: {"repository": "acme/webshop"},
        values={
            **BOTH_WAYS,
            "conflict_strategy": ConflictStrategy.LATEST_WINS,
            "delete_policy": DeletePolicy.ARCHIVE,
        },
        project="webshop",
        owned=("issue", "milestone", "label"),
    ),
    SetUp(
        name="Service desk",
        connector="generic_rest",
        stand_in="desk",
        path="/api",
        secrets={"token": "desk-demo-token"},
        options=desk_config,
        values={
            **BOTH_WAYS,
            "conflict_strategy": ConflictStrategy.CUSTOM_MERGE,
            "merge_rules": {"description": {"rule": "concatenate", "separator": "\n\n"}},
            "delete_policy": DeletePolicy.DELETE,
        },
        project="service-desk",
        owned=("tickets",),
    ),
    SetUp(
        name="Shop improvements",
        connector="leankit",
        stand_in="leankit",
        path="/io",
        secrets={"token": "leankit-demo-token"},
        options=lambda root: {"board_id": "1490772911"},
        values={**BOTH_WAYS, "create_missing_externally": False},
        tables=("card",),
        as_type={"card": "task"},
        pause="Until the board has been tidied up.",
    ),
    SetUp(
        name="Newsletter board",
        connector="trello",
        stand_in="trello",
        path="/1",
        secrets={**TRELLO, "token": "ATTA5revokedtrellotoken000000000000000000000"},
        options=lambda root: {"board_id": "5abbe4b7ddc1b351ef961499"},
        values={**BOTH_WAYS, "create_missing_externally": False},
        works=False,
    ),
)


def set_up_ensure(set_up: SetUp, tenant: Tenant, user: Any) -> Integration:
    """The integration with its maps, switched on. What a start that was cut short left behind is finished."""
    found = Integration.objects.for_tenant(tenant).filter(name=set_up.name).first()
    integration = found or _create(set_up, tenant, user)
    if integration.status != IntegrationStatus.DRAFT:
        return integration
    for resource, record_type in set_up.as_type.items():
        _map_as(integration, resource, record_type, user)
    for resource in set_up.owned:
        _map_into_project(integration, resource, set_up.project, user)
    for resource in set_up.tables:
        if not StatusMap.objects.filter(integration=integration, resource=resource).exists():
            status_map_refresh(integration=integration, resource=resource, user=user)
    return integration_enable(integration=integration, user=user)


def _create(set_up: SetUp, tenant: Tenant, user: Any) -> Integration:
    root = f"{settings.LOCKSTEP_SANDBOX_URL}/{set_up.stand_in}"
    values = dict(set_up.values)
    if set_up.project:
        condition = {"field": "project", "op": "equals", "value": str(project_id(set_up.project))}
        values["record_filter"] = {
            "local": [{**condition, "resource": resource} for resource in set_up.owned]
        }
    integration, _ = integration_create(
        tenant=tenant,
        user=user,
        name=set_up.name,
        connector=set_up.connector,
        base_url=f"{root}{set_up.path}",
        options=set_up.options(root),
        secrets=dict(set_up.secrets),
        activate=not set_up.works,
        **values,
    )
    return integration


def _map_as(integration: Integration, resource: str, record_type: str, user: Any) -> None:
    """The connector's links for another record type than the resource's usual one."""
    if FieldMap.objects.filter(integration=integration, resource=resource).exists():
        return
    found = registry.get(integration.connector).resource(resource, integration.options)
    field_map_save(
        integration=integration,
        resource=resource,
        record_type=record_type,
        links=[link_as_dict(spec) for spec in found.other_links[record_type]],
        user=user,
        note="Cards of this board are tasks",
    )


def _map_into_project(integration: Integration, resource: str, project: str, user: Any) -> None:
    """What comes from there belongs to the project, and what belongs to the project goes there."""
    if FieldMap.objects.filter(integration=integration, resource=resource).exists():
        return
    into_project = {
        "local": "project",
        "external": "hub.project",
        "transform": {"name": "constant", "value": str(project_id(project))},
        "direction": "in",
    }
    field_map_save(
        integration=integration,
        resource=resource,
        links=[*field_map_defaults(integration=integration, resource=resource), into_project],
        user=user,
        note=f"Everything here belongs to the project {PROJECTS[project].name}",
    )
