"""Create, change, pause, resume, enable, disable and clone integrations (B1, B5)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from connectors import registry
from integrations.audit import audit
from integrations.models import (
    Credential,
    Cursor,
    DeliveryStatus,
    FieldMap,
    Integration,
    IntegrationStatus,
    JobKind,
    MappingState,
    Operation,
    StatusMap,
    WebhookDelivery,
)
from integrations.models import (
    Mapping as PairMapping,
)
from integrations.services.clients import connection_check
from integrations.services.credentials import (
    integration_secrets,
    new_webhook_secret,
    secrets_missing,
    secrets_problems,
    webhook_secret_rows,
)
from integrations.services.deliveries import Withdrawn, webhook_withdraw
from integrations.services.jobs import job_request
from integrations.services.logs import log_write
from integrations.services.marks import mark_dirty
from integrations.services.names import KindInForce, kinds_in_force, name_problems
from integrations.services.problems import CheckFailed, InvalidSettings, JobAlreadyOpen, NotNow, StaleSettings
from integrations.services.schedules import schedule_apply
from integrations.services.status import integration_announce
from integrations.services.validation import (
    EDITABLE,
    connector_or_problem,
    settings_problems,
    unpicked_problems,
)
from integrations.services.windows import TIMING, timing_problem
from workspace.models import Tenant
from workspace.wakeups import wake

#: a passing test is believed this long when an integration is switched on
CHECK_FRESH = timedelta(minutes=10)


# ---------------------------------------------------------------- create


def integration_create(
    *,
    tenant: Tenant,
    user: Any,
    name: str,
    connector: str,
    secrets: Mapping[str, Any] | None = None,
    activate: bool = False,
    last_check: Mapping[str, Any] | None = None,
    kinds: Mapping[str, KindInForce] | None = None,
    now: datetime | None = None,
    **values: Any,
) -> tuple[Integration, str]:
    """A new integration and its webhook secret, which is shown this once. Raises ``InvalidSettings``.

    It begins as DRAFT; ``activate`` makes it ACTIVE at once (the caller has tested the connection). ``kinds`` are the maps
    that it is to have, where they are not the connector's own.
    """
    now = now or timezone.now()
    given = dict(secrets or {})
    values = checked_for_creation(
        tenant=tenant,
        connector=connector,
        values={**values, "name": name},
        secrets=given,
        complete=activate,
        kinds=kinds,
    )
    secret = new_webhook_secret()
    status = IntegrationStatus.ACTIVE if activate else IntegrationStatus.DRAFT
    try:
        with transaction.atomic():
            integration = Integration.objects.create(
                tenant=tenant,
                connector=connector,
                status=status,
                webhook_secret=webhook_secret_rows(secret, now),
                last_check=dict(last_check or {}),
                created_by=user if getattr(user, "pk", None) else None,
                **{"owner": user if getattr(user, "pk", None) else None, **values},
            )
            Credential.objects.create(integration=integration, secrets=given)
            schedule_apply(integration)
            _noted(
                integration,
                "integration.created",
                user=user,
                message=f"Integration created ({status}).",
                now=now,
            )
    except IntegrityError as error:
        raise _name_taken(error, tenant, name) from error
    return integration, secret


def checked_for_creation(
    *,
    tenant: Tenant,
    connector: str,
    values: Mapping[str, Any],
    secrets: Mapping[str, Any],
    complete: bool,
    kinds: Mapping[str, KindInForce] | None = None,
) -> dict[str, Any]:
    """The values with the connector's defaults filled in. Raises ``InvalidSettings`` naming every fault."""
    found = connector_or_problem(connector)
    if isinstance(found, str):
        raise InvalidSettings({"type": [found]})
    filled = {name: value for name, value in values.items() if value is not None}
    filled.setdefault("options", {})
    filled.setdefault("base_url", "")
    if "auth_type" not in filled and found.auth_types:
        filled["auth_type"] = found.auth_types[0]
    errors = settings_problems(found, tenant, filled, is_draft=not complete)
    errors |= secrets_problems(found, tenant, secrets)
    if complete:
        errors |= secrets_missing(found, secrets)
    if not errors and "resource_types" not in filled:
        filled["resource_types"] = [resource.name for resource in found.resources_of(filled["options"])]
    if not errors:
        kinds = kinds or kinds_in_force(found, filled["options"])
        errors = name_problems(filled, kinds, filled["resource_types"])
        errors |= _timing_problems({name: _default(name) for name in TIMING} | filled)
    if "name" not in errors and name_is_taken(tenant, filled.get("name", "")):
        errors["name"] = ["An integration of this name exists already; choose another name."]
    if errors:
        raise InvalidSettings(errors)
    filled["name"] = filled["name"].strip()
    return filled


def _timing_problems(values: Mapping[str, Any]) -> dict[str, list[str]]:
    problem = timing_problem(values)
    return {"sync_windows": [problem]} if problem else {}


def _default(name: str) -> Any:
    return Integration._meta.get_field(name).get_default()  # type: ignore[union-attr]


def name_is_taken(tenant: Tenant, name: str, *, but: Integration | None = None) -> bool:
    rows = Integration.objects.for_tenant(tenant).filter(name__iexact=name.strip())
    return rows.exclude(id=but.id).exists() if but else rows.exists()


def _name_taken(error: IntegrityError, tenant: Tenant, name: str) -> Exception:
    if name_is_taken(tenant, name):
        return InvalidSettings({"name": ["An integration of this name exists already; choose another name."]})
    return error


# ---------------------------------------------------------------- change


def integration_update(
    *,
    integration: Integration,
    user: Any,
    version: int | None = None,
    now: datetime | None = None,
    **values: Any,
) -> Integration:
    """Change settings. With ``version`` only if nobody saved meanwhile, else ``StaleSettings``."""
    if values.pop("connector", integration.connector) != integration.connector:
        raise InvalidSettings(
            {"type": ["The system cannot be changed; make a new integration for another one."]}
        )
    connector = registry.get(integration.connector)
    together = {
        name: getattr(integration, name) for name in ("options", "base_url", "resource_types")
    } | values
    is_draft = integration.status == IntegrationStatus.DRAFT
    errors = settings_problems(connector, integration.tenant, together, is_draft=is_draft)
    if (
        "name" in values
        and "name" not in errors
        and name_is_taken(integration.tenant, values["name"], but=integration)
    ):
        errors["name"] = ["An integration of this name exists already; choose another name."]
    changed = {name: value for name, value in values.items() if getattr(integration, name) != value}
    if not errors:
        kinds = kinds_in_force(connector, together["options"], integration)
        errors = name_problems(changed, kinds, together["resource_types"])
        if changed.keys() & set(TIMING):
            errors |= _timing_problems({name: getattr(integration, name) for name in TIMING} | changed)
    if errors:
        raise InvalidSettings(errors)
    if "name" in changed:
        changed["name"] = changed["name"].strip()
    with transaction.atomic():
        rows = Integration.objects.filter(id=integration.id, deleted_at__isnull=True)
        if version is not None:
            rows = rows.filter(version=version)
        at = now or timezone.now()
        if not rows.update(**changed, version=F("version") + (1 if changed else 0), updated_at=at):
            raise StaleSettings(Integration.objects.get(id=integration.id))
        before = {name: getattr(integration, name) for name in changed}
        integration.refresh_from_db()
        if not changed:
            return integration
        _look_again(integration, changed, at)
        schedule_apply(integration)
        audit(
            integration,
            "integration.changed",
            user=user,
            changes={name: (before[name], value) for name, value in changed.items()},
        )
        _logged(integration, f"Settings changed: {', '.join(sorted(changed))}.", now)
        integration_announce(integration)
    return integration


#: settings that decide which records take part; the second kind also decides which ones a listing has to bring in
TAKING_PART = frozenset({"resource_types", "sync_direction", "create_missing_externally"})
BROUGHT_IN = frozenset({"record_filter", "options", "create_missing_locally"})


def _look_again(integration: Integration, changed: Mapping[str, Any], now: datetime) -> None:
    """What took no part may do so now, and what was passed over may be wanted: no listing of news tells of either."""
    if changed.keys() & BROUGHT_IN:
        Cursor.objects.filter(integration=integration).update(since=None, sweep=None, resume=None)
    if changed.keys() & (BROUGHT_IN | TAKING_PART):
        rows = PairMapping.objects.filter(integration=integration, state=MappingState.OUT_OF_SCOPE)
        rows = rows.filter(resource__in=integration.resource_types)
        ids = list(rows.values_list("id", flat=True))
        mark_dirty(mapping_ids=ids, reason="settings", priority=7, now=now)


# ---------------------------------------------------------------- status by a person


def integration_pause(
    *, integration: Integration, user: Any, reason: str = "", now: datetime | None = None
) -> Integration:
    """Nothing is read or written until someone resumes; webhooks are held."""
    allowed = (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED, IntegrationStatus.ERROR)
    return _set_status(integration, allowed, IntegrationStatus.PAUSED, user=user, reason=reason, now=now)


def integration_resume(*, integration: Integration, user: Any, now: datetime | None = None) -> Integration:
    """From PAUSED back to work: held deliveries are worked off, and a run starts at once."""
    _set_status(
        integration, (IntegrationStatus.PAUSED,), IntegrationStatus.ACTIVE, user=user, reason="", now=now
    )
    _catch_up(integration, user, now)
    return integration


def integration_enable(
    *, integration: Integration, user: Any, tests: bool = True, now: datetime | None = None
) -> Integration:
    """From DRAFT, ERROR or DISABLED to ACTIVE, after a passing connection test (H4). Raises ``CheckFailed``.

    A run starts at once; the first one ever is the initial import, which also makes there what is only here.
    """
    now = now or timezone.now()
    connector = registry.get(integration.connector)
    errors = secrets_missing(connector, integration_secrets(integration))
    errors |= unpicked_problems(connector, integration.options)
    if not integration.resource_types:
        errors["resource_types"] = ["Choose at least one kind of record to sync."]
    if errors:
        raise InvalidSettings(errors)
    if tests and not _was_checked(integration, now):
        checked = connection_check(integration=integration, user=user, now=now)
        if not checked["ok"]:
            raise CheckFailed(checked)
    allowed = (
        IntegrationStatus.DRAFT,
        IntegrationStatus.ERROR,
        IntegrationStatus.DISABLED,
        IntegrationStatus.PAUSED,
    )
    _set_status(integration, allowed, IntegrationStatus.ACTIVE, user=user, reason="", now=now)
    _catch_up(integration, user, now)
    return integration


def integration_disable(
    *, integration: Integration, user: Any, reason: str = "", now: datetime | None = None
) -> Withdrawn:
    """Switched off: webhooks are refused, schedules gone, until someone enables it. What became of the vendor's webhook."""
    allowed = tuple(status for status in IntegrationStatus if status != IntegrationStatus.DISABLED)
    _set_status(integration, allowed, IntegrationStatus.DISABLED, user=user, reason=reason, now=now)
    return webhook_withdraw(
        integration=integration, user=user, now=now
    )  # nobody registers it anew from here on


def _was_checked(integration: Integration, now: datetime) -> bool:
    """A test that passed just now, and after the last change of settings or credentials."""
    checked = (
        parse_datetime(integration.last_check.get("checked_at", ""))
        if integration.last_check.get("ok")
        else None
    )
    if checked is None or now - checked > CHECK_FRESH or integration.status == IntegrationStatus.ERROR:
        return False
    credential = Credential.objects.filter(integration=integration).first()
    return checked >= integration.updated_at and (credential is None or checked >= credential.updated_at)


def _set_status(
    integration: Integration,
    allowed: tuple[IntegrationStatus, ...],
    status: IntegrationStatus,
    *,
    user: Any,
    reason: str,
    now: datetime | None,
) -> Integration:
    """Idempotent: it may have the wanted status already. Raises ``NotNow`` from any other."""
    with transaction.atomic():
        rows = Integration.objects.filter(id=integration.id, deleted_at__isnull=True)
        old = rows.values_list("status", flat=True).first()
        if old == status:
            integration.refresh_from_db()
            return integration
        columns: dict[str, Any] = {"status_reason": reason[:500], "updated_at": now or timezone.now()}
        if not rows.filter(status__in=allowed).update(status=status, version=F("version") + 1, **columns):
            word = IntegrationStatus(old).label.lower() if old else "deleted"
            raise NotNow(f"The integration is {word}; that cannot become {status.label.lower()} this way.")
        integration.refresh_from_db()
        schedule_apply(integration)
        audit(integration, "integration.status", user=user, changes={"status": (old, status)}, note=reason)
        _logged(integration, f"{status.label}{f': {reason}' if reason else ''}.", now)
        integration_announce(integration)
    return integration


def _catch_up(integration: Integration, user: Any, now: datetime | None) -> None:
    WebhookDelivery.objects.filter(integration=integration, status=DeliveryStatus.HELD).update(
        status=DeliveryStatus.RECEIVED
    )
    wake("sync.drain_deliveries")
    wake("sync.drain_integration", integration_id=str(integration.id))
    if integration.auto_sync and integration.last_sync_at is None:
        with suppress(JobAlreadyOpen):
            job_request(integration=integration, kind=JobKind.INITIAL, user=user, now=now)
    elif integration.auto_sync:
        wake("sync.start_scheduled", integration_id=str(integration.id))


# ---------------------------------------------------------------- clone


def integration_clone(
    *, integration: Integration, user: Any, name: str, now: datetime | None = None
) -> Integration:
    """A DRAFT with the same settings and maps, without secrets and without pairs."""
    values = {
        field: deepcopy(getattr(integration, field)) for field in EDITABLE if field not in ("name", "owner")
    }
    kinds = kinds_in_force(registry.get(integration.connector), integration.options, integration)
    made, _ = integration_create(
        tenant=integration.tenant,
        user=user,
        name=name,
        connector=integration.connector,
        kinds=kinds,
        now=now,
        **values,
    )
    with transaction.atomic():
        for field_map in FieldMap.objects.filter(integration=integration, is_current=True):
            field_map.pk = field_map._meta.pk.get_default()
            field_map._state.adding = True
            field_map.integration, field_map.version = made, 1
            field_map.save(force_insert=True)
        rows = StatusMap.objects.filter(integration=integration)
        StatusMap.objects.bulk_create([_copied(row, made) for row in rows])
    return made


def _copied(row: StatusMap, integration: Integration) -> StatusMap:
    row.pk, row.integration = None, integration
    return row


def _noted(integration: Integration, act: str, *, user: Any, message: str, now: datetime | None) -> None:
    audit(integration, act, user=user)
    _logged(integration, message, now)
    integration_announce(integration)


def _logged(integration: Integration, message: str, now: datetime | None) -> None:
    log_write(integration=integration, operation=Operation.CONFIG, message=message, now=now)
