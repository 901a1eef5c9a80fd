"""Ready-made set-ups; export and import of an integration as JSON without secrets (B4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from connectors import registry
from connectors.base.types import SetUpTemplate
from integrations.audit import audit
from integrations.models import FieldMap, Integration, IntegrationTemplate, StatusMap
from integrations.services.control import integration_create
from integrations.services.fieldmaps import field_map_save
from integrations.services.names import KindInForce, kinds_described
from integrations.services.problems import InvalidSettings
from integrations.services.validation import EDITABLE
from workspace.models import Tenant

FORMAT = 1
#: facts of one deployment or person, which do not travel
_STAYS_HOME = frozenset({"owner", "ip_allow_list", "name"})
_PORTABLE = tuple(sorted(EDITABLE - _STAYS_HOME))

LOOK_FIRST = SetUpTemplate(
    "Look first: read only",
    "Browse the other side; nothing is written on either. Switch it off when you trust it.",
    {"read_only": True, "sync_frequency": "manual", "create_missing_locally": False},
)
"""Fits every connector; the others are declared by the connectors themselves."""


def builtin_templates_ensure() -> None:
    """Create or renew the built-in templates: those of the connectors that are installed, and one for all."""
    rows = [("", LOOK_FIRST), *((each.key, one) for each in registry.everything() for one in each.templates)]
    for connector, template in rows:
        IntegrationTemplate.objects.update_or_create(
            tenant=None,
            name=template.name,
            defaults={
                "connector": connector,
                "description": template.description,
                "body": {"format": FORMAT, "settings": dict(template.settings)},
            },
        )


def templates_for(tenant: Tenant) -> QuerySet[IntegrationTemplate]:
    """The tenant's own and the built-in ones, which belong to nobody."""
    return IntegrationTemplate.objects.filter(Q(tenant=tenant) | Q(tenant__isnull=True)).order_by("name")


def template_export(*, integration: Integration, user: Any) -> dict[str, Any]:
    """The set-up as a document that may be given away: settings, field maps and status maps; never a secret."""
    secret_names = {field.name for field in registry.get(integration.connector).secrets}
    values = {name: getattr(integration, name) for name in _PORTABLE}
    values["options"] = {name: value for name, value in values["options"].items() if name not in secret_names}
    maps = FieldMap.objects.filter(integration=integration, is_current=True)
    statuses = StatusMap.objects.filter(integration=integration)
    audit(integration, "template.exported", user=user)
    return {
        "format": FORMAT,
        "connector": integration.connector,
        "name": integration.name,
        "settings": values,
        "field_maps": [
            {"resource": row.resource, "record_type": row.record_type, "links": row.links} for row in maps
        ],
        "status_maps": [
            {
                "resource": row.resource,
                "link_key": row.link_key,
                "external_value": row.external_value,
                "external_name": row.external_name,
                "local_value": row.local_value,
                "is_return": row.is_return,
            }
            for row in statuses
        ],
    }


def template_import(
    *,
    tenant: Tenant,
    user: Any,
    body: Mapping[str, Any],
    name: str,
    connector: str = "",
    secrets: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    **overrides: Any,
) -> tuple[Integration, str]:
    """A DRAFT from a document of ``template_export`` or a built-in template's body; all of it or nothing."""
    errors = _shape_problems(body)
    if errors:
        raise InvalidSettings(errors)
    values = {name: value for name, value in body.get("settings", {}).items() if name in _PORTABLE}
    values |= overrides
    key = connector or str(body.get("connector") or "")
    with transaction.atomic():
        integration, secret = integration_create(
            tenant=tenant,
            user=user,
            name=name,
            connector=key,
            secrets=secrets,
            kinds=_kinds(key, values.get("options"), body),
            now=now,
            **values,
        )
        for number, field_map in enumerate(body.get("field_maps", [])):
            _import_map(integration, number, field_map, user, now)
        StatusMap.objects.bulk_create(
            StatusMap(
                integration=integration,
                resource=str(row["resource"])[:60],
                link_key=str(row.get("link_key") or "stage")[:60],
                external_value=str(row["external_value"])[:300],
                external_name=str(row.get("external_name") or "")[:300],
                local_value=str(row.get("local_value") or "")[:60],
                is_return=bool(row.get("is_return")),
                position=number,
            )
            for number, row in enumerate(body.get("status_maps", []))
        )
    return integration, secret


def _kinds(connector: str, options: Any, body: Mapping[str, Any]) -> dict[str, KindInForce] | None:
    """The kinds with the maps of the document; None where the system or its options are none (creating says so)."""
    if connector not in registry.slugs() or not isinstance(options or {}, Mapping):
        return None
    return kinds_described(registry.get(connector), options or {}, body.get("field_maps", []))


def _import_map(
    integration: Integration, number: int, row: Mapping[str, Any], user: Any, now: datetime | None
) -> None:
    """Save one map of the document. Raises ``InvalidSettings`` that names the place in the document."""
    try:
        field_map_save(
            integration=integration,
            resource=row["resource"],
            record_type=row.get("record_type", ""),
            links=row["links"],
            user=user,
            note="imported",
            now=now,
        )
    except InvalidSettings as refused:
        at = f"body.field_maps[{number}]"
        raise InvalidSettings({f"{at}.{name}": said for name, said in refused.errors.items()}) from refused


def _shape_problems(body: Any) -> dict[str, list[str]]:
    if not isinstance(body, Mapping) or body.get("format") != FORMAT:
        return {"body": [f"This is no set-up of format {FORMAT}."]}
    errors: dict[str, list[str]] = {}
    if not isinstance(body.get("settings", {}), Mapping):
        errors["body.settings"] = ["This must be an object."]
    for part, needed in (
        ("field_maps", ("resource", "links")),
        ("status_maps", ("resource", "external_value")),
    ):
        rows = body.get(part, [])
        if not isinstance(rows, list) or len(rows) > 2000:
            errors[f"body.{part}"] = ["This must be a list of at most 2000 rows."]
            continue
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping) or any(key not in row for key in needed):
                errors[f"body.{part}[{number}]"] = [f"A row needs {' and '.join(needed)}."]
    rows = body.get("status_maps", [])
    seen = [
        (r.get("resource"), r.get("link_key", "stage"), r.get("external_value"))
        for r in (rows if isinstance(rows, list) else ())
        if isinstance(r, Mapping)
    ]
    if len(set(map(str, seen))) != len(seen):
        errors["body.status_maps"] = ["A status is listed twice."]
    return errors
