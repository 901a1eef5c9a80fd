"""The table external status, lane, list or state ↔ stage: refreshed from the vendor, edited by people (B3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from connectors.base.types import Client, Container, Resource
from integrations.audit import audit
from integrations.models import Integration, Operation, StatusMap
from integrations.services.clients import client_for
from integrations.services.fieldmaps import field_map_current, resource_or_problem
from integrations.services.logs import log_write
from integrations.services.marks import mark_held
from integrations.services.problems import InvalidSettings
from integrations.services.status import integration_announce
from workspace.kinds import record_spec

#: kinds of containers that stand for a status, in the words vendors use
STATUS_KINDS = frozenset(
    {"lane", "list", "status", "state", "stage", "section", "column", "group", "pipeline_stage", "transition"}
)
CLOSED_KIND_WORDS = {"archive", "archived"}

#: words that mean the same step of work, by our stages (S0's On Hold → Blocked and the like)
SYNONYMS: dict[str, tuple[str, ...]] = {
    "backlog": ("backlog", "icebox", "inbox", "ideas", "not started", "new", "triage"),
    "todo": ("todo", "to do", "open", "ready", "planned", "selected", "next", "not started"),
    "in_progress": ("in progress", "doing", "active", "started", "wip", "working", "development", "in work"),
    "review": ("review", "in review", "testing", "qa", "test", "verify", "waiting for approval"),
    "done": ("done", "completed", "complete", "closed", "finished", "resolved", "shipped", "released"),
    "pending": (
        "pending",
        "waiting",
        "new",
        "todo",
        "to do",
        "open",
        "ready",
        "not started",
        "backlog",
        "requested",
    ),
    "on_hold": ("on hold", "hold", "blocked", "paused", "stalled", "waiting on customer"),
    "completed": ("completed", "complete", "done", "closed", "finished", "delivered", "resolved"),
    "new": ("new", "open", "incoming", "inbox"),
    "contacted": ("contacted", "attempted", "connected", "working"),
    "qualified": ("qualified", "marketing qualified", "sales qualified"),
    "proposal": ("proposal", "proposal sent", "quote", "quoted"),
    "negotiation": ("negotiation", "contract", "contract sent", "decision"),
    "won": ("won", "closed won", "converted"),
    "lost": ("lost", "closed lost", "unqualified", "disqualified"),
    "closed_won": ("closed won", "won"),
    "closed_lost": ("closed lost", "lost"),
    "discovery": ("discovery", "appointment scheduled", "prospecting"),
    "qualification": ("qualification", "qualified to buy", "qualified"),
    "onboarding": ("onboarding", "new"),
    "active": ("active", "live", "open"),
    "at_risk": ("at risk", "risk"),
    "churned": ("churned", "inactive", "cancelled", "lost"),
}
#: the vendor's own class of a lane or status → words that the suggestion then looks for
LANE_CLASSES: dict[str, tuple[str, ...]] = {
    "backlog": ("backlog", "todo", "pending", "new"),
    "new": ("backlog", "todo", "pending", "new"),
    "to_do": ("todo", "pending", "backlog"),
    "ready": ("todo", "pending", "backlog"),
    "active": ("in_progress",),
    "indeterminate": ("in_progress",),
    "in_progress": ("in_progress",),
    "inprocess": ("in_progress",),
    "done": ("done", "completed"),
    "completed": ("done", "completed"),
    "closed": ("done", "completed"),
    "archive": ("done", "completed"),
    "notstarted": ("todo", "pending", "backlog"),
    "started": ("in_progress",),
    "finished": ("done", "completed"),
}
#: where a container carries its class, the most telling first
CLASS_KEYS = ("class", "category", "card_status", "lane_class")


class Choice(NamedTuple):
    """One external status as it is now: its value in mapped fields, its name, its class if the vendor has one."""

    value: str
    name: str
    lane_class: str = ""
    is_own: bool = False  # the vendor's own status of just this resource


def status_suggestion(name: str, lane_class: str, stages: Iterable[str]) -> str:
    """The stage an external status probably means; "" if nothing speaks for one. By name, synonym, then class.

    Of a lane inside another (``In Progress:Building``) the inner name says more.
    """
    stages = list(stages)
    parts = [_plain(part) for part in reversed(name.split(":"))]
    for plain in parts:
        for stage in stages:
            if plain == _plain(stage):
                return stage
    for plain in parts:
        for stage in stages:
            if plain in SYNONYMS.get(stage, ()):
                return stage
    for plain in parts:
        for stage in stages:
            if any(f" {word} " in f" {plain} " for word in SYNONYMS.get(stage, ()) if len(word) > 3):
                return stage
    for stage in LANE_CLASSES.get(_plain(lane_class).replace(" ", "_"), ()):
        if stage in stages:
            return stage
    return ""


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.casefold()).strip()


def status_map_refresh(
    *,
    integration: Integration,
    resource: str,
    user: Any,
    client: Client | None = None,
    now: datetime | None = None,
) -> list[StatusMap]:
    """Bring the table up to what the vendor has now: new rows come with a suggestion, lost ones are marked gone.

    What people chose stays. Asks the vendor (one listing of containers) unless ``client`` is given. May raise ``SyncError``.
    """
    found = resource_or_problem(integration, resource)
    links = _status_links(integration, found)
    if not links:
        raise InvalidSettings({"resource": [f"{found.label} has no status that is mapped by a table."]})
    choices = _containers(integration, found, client)
    with transaction.atomic():
        for key, link in links.items():
            _refresh_one(integration, resource, key, link, choices)
        audit(integration, "status_map.refreshed", user=user, note=resource)
        log_write(
            integration=integration,
            operation=Operation.CONFIG,
            resource=resource,
            message=f"Statuses of {resource} refreshed from the external system.",
            now=now,
        )
        mark_held(integration=integration, resource=resource, reason="status map", now=now)
        integration_announce(integration, status_map=resource)
    return list(StatusMap.objects.filter(integration=integration, resource=resource))


def _containers(integration: Integration, resource: Resource, client: Client | None) -> list[Choice]:
    """The vendor's statuses for this resource: a container says in ``extra["resource"]`` if it is one resource's alone."""
    opened = client or client_for(integration, purpose="person")
    try:
        rows: Sequence[Container] = opened.containers()
        if not any(row.kind in STATUS_KINDS for row in rows):
            rows = [row for kind in sorted(STATUS_KINDS) for row in opened.containers(kind)]
    finally:
        if client is None:
            opened.close()
    seen: dict[str, Choice] = {}
    for row in rows:
        if row.kind in STATUS_KINDS and row.extra.get("resource") in (None, resource.name):
            is_own = row.extra.get("resource") == resource.name
            seen.setdefault(row.id, Choice(row.id, row.name, status_class(row), is_own))
    return list(seen.values())


def status_class(container: Container) -> str:
    """The vendor's own class of a lane or status; "" if it has none."""
    return next((str(container.extra[key]) for key in CLASS_KEYS if container.extra.get(key)), "")


def _status_links(integration: Integration, resource: Resource) -> dict[str, Mapping[str, Any]]:
    """The links in force that are edited as a table, by key."""
    links = field_map_current(integration=integration, resource=resource.name)["links"]
    by_key = {link.get("key") or link["local"]: link for link in links}
    return {key: by_key[key] for key in resource.status_links if key in by_key}


def _refresh_one(
    integration: Integration, resource: str, key: str, link: Mapping[str, Any], containers: Sequence[Choice]
) -> None:
    built_in: Mapping[str, str] = (link.get("transform") or {}).get("map") or {}
    back: Mapping[str, str] = (link.get("transform") or {}).get("back") or {}
    choices = {
        choice.value: choice
        for choice in containers
        if not built_in or choice.value in built_in or choice.is_own
    }
    for value in built_in:  # statuses the vendor has no containers for, such as open and closed
        choices.setdefault(value, Choice(value, value))
    rows = {
        row.external_value: row
        for row in StatusMap.objects.filter(integration=integration, resource=resource, link_key=key)
    }
    stages = stages_of(integration, resource, link["local"])
    taken = {row.local_value for row in rows.values() if row.is_return}
    for position, choice in enumerate(choices.values()):
        row = rows.pop(choice.value, None)
        if row is None:
            local = built_in.get(choice.value) or status_suggestion(choice.name, choice.lane_class, stages)
            way_back = back.get(local, choice.value) == choice.value
            row = StatusMap(
                integration=integration,
                resource=resource,
                link_key=key,
                external_value=choice.value,
                local_value=local,
                is_return=bool(local) and local not in taken and way_back,
            )
            if row.is_return:
                taken.add(local)
        row.external_name, row.position, row.is_gone = choice.name[:300], position, False
        row.save()
    for row in rows.values():
        row.is_gone = True
        row.save(update_fields=["is_gone"])


def stages_of(integration: Integration, resource: str, local: str) -> list[str]:
    """The local values the table may name, in their order of work; empty if the field is free text."""
    record_type = field_map_current(integration=integration, resource=resource)["record_type"]
    field = record_spec(record_type).model._meta.get_field(local)
    return [str(value) for value, _ in field.choices or ()]  # type: ignore[union-attr]


# ---------------------------------------------------------------- saving


def status_map_save(
    *,
    integration: Integration,
    resource: str,
    rows: Sequence[Mapping[str, Any]],
    user: Any,
    link_key: str = "stage",
    now: datetime | None = None,
) -> list[StatusMap]:
    """Replace the table of one link. Raises ``InvalidSettings`` naming the row. Empty ``local_value``: held.

    Where several external values share a stage, one must be the way back; a lone one becomes it by itself. Pairs that
    waited for a counterpart are looked at again.
    """
    found = resource_or_problem(integration, resource)
    links = _status_links(integration, found)
    if link_key not in links:
        raise InvalidSettings({"link_key": [f"Choose one of: {', '.join(links) or 'none'}."]})
    stages = stages_of(integration, resource, links[link_key]["local"])
    checked = _checked_rows(rows, stages)
    with transaction.atomic():
        before = StatusMap.objects.filter(integration=integration, resource=resource, link_key=link_key)
        names = dict(before.values_list("external_value", "external_name"))
        before.delete()
        StatusMap.objects.bulk_create(
            StatusMap(
                integration=integration,
                resource=resource,
                link_key=link_key,
                position=position,
                external_value=row["external_value"],
                external_name=row["external_name"] or names.get(row["external_value"], ""),
                local_value=row["local_value"],
                is_return=row["is_return"],
                is_gone=row["is_gone"],
            )
            for position, row in enumerate(checked)
        )
        audit(integration, "status_map.changed", user=user, note=f"{resource}.{link_key}")
        log_write(
            integration=integration,
            operation=Operation.CONFIG,
            resource=resource,
            message=f"Status map of {resource} saved.",
            now=now,
        )
        mark_held(integration=integration, resource=resource, reason="status map", now=now)
        integration_announce(integration, status_map=resource)
    return list(StatusMap.objects.filter(integration=integration, resource=resource, link_key=link_key))


def _checked_rows(rows: Sequence[Mapping[str, Any]], stages: Sequence[str]) -> list[dict[str, Any]]:
    errors: dict[str, list[str]] = {}
    checked: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, raw in enumerate(rows):
        row = {
            "external_value": str(raw.get("external_value") or "")[:300],
            "external_name": str(raw.get("external_name") or "")[:300],
            "local_value": str(raw.get("local_value") or ""),
            "is_return": bool(raw.get("is_return")),
            "is_gone": bool(raw.get("is_gone")),
        }
        where = f"rows[{number}]"
        if not row["external_value"]:
            errors[f"{where}.external_value"] = ["Name the external status."]
        elif row["external_value"] in seen:
            errors[f"{where}.external_value"] = ["This external status is listed twice."]
        if row["local_value"] and stages and row["local_value"] not in stages:
            errors[f"{where}.local_value"] = [f"Choose one of: {', '.join(stages)}; or leave it empty."]
        if row["is_return"] and not row["local_value"]:
            errors[f"{where}.is_return"] = ["Only a status with a stage can be the way back."]
        seen.add(str(row["external_value"]))
        checked.append(row)
    errors |= _way_back_problems(checked)
    if errors:
        raise InvalidSettings(errors)
    return checked


def _way_back_problems(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for stage in {row["local_value"] for row in rows if row["local_value"]}:
        sharing = [row for row in rows if row["local_value"] == stage]
        chosen = [row for row in sharing if row["is_return"]]
        if len(sharing) == 1:
            sharing[0]["is_return"] = True
        elif len(chosen) != 1:
            names = ", ".join(row["external_name"] or row["external_value"] for row in sharing)
            errors[f"rows.{stage}"] = [f"Choose exactly one of {names} as the way back from “{stage}”."]
    return errors
