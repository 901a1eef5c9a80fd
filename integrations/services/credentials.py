"""Secrets of an integration: written, never read back by people (B6, M5)."""

from __future__ import annotations

import base64
import os
import re
import secrets as randoms
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.errors import ConfigurationProblem, Retryable
from connectors.base.times import parse_instant
from integrations.audit import audit
from integrations.models import Credential, Integration, Operation
from integrations.services.logs import log_write
from integrations.services.problems import InvalidSettings
from integrations.services.status import integration_announce
from workspace.models import Tenant

OLD_SECRET_GRACE = timedelta(hours=24)
REFRESH_LEASE = timedelta(seconds=90)
#: names made by token refresh, beside those a connector asks people for
TOKEN_NAMES = frozenset({"access_token", "refresh_token", "expires_at"})
MAX_SECRET = 20_000

_PLAIN_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,199}")


# ---------------------------------------------------------------- references to the environment


def env_prefix(tenant: Tenant) -> str:
    """What a tenant's environment references must begin with: none may name another's, nor the hub's own keys.

    Made of the slug where no other slug can give the same or the beginning of it ("acme--eu", "acme_eu" and "Acme"
    could), else of the tenant's id.
    """
    name = tenant.slug if _PLAIN_SLUG.fullmatch(tenant.slug) else tenant.pk.hex
    return f"LOCKSTEP_CREDENTIAL_{name.upper().replace('-', '_')}__"


def secrets_resolve(tenant: Tenant, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Secrets with ``{"env": NAME}`` replaced by what the environment holds. Raises ``ConfigurationProblem``."""
    return {name: _resolved(tenant, value) for name, value in stored.items()}


def _resolved(tenant: Tenant, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    name = str(value.get("env", ""))
    if not name.startswith(env_prefix(tenant)):
        raise ConfigurationProblem(f"The environment variable must be named {env_prefix(tenant)}…")
    found = os.environ.get(name)
    if not found:
        raise ConfigurationProblem(f"The environment variable {name} is not set on this server.")
    return found


# ---------------------------------------------------------------- checking and saving


def secrets_problems(connector: Connector, tenant: Tenant, given: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with these credentials, by ``credentials.<name>``; never repeats a value."""
    errors: dict[str, list[str]] = {}
    kept = connector.consent.settings.keeps if connector.consent else ()
    known = {field.name for field in connector.secrets} | TOKEN_NAMES | set(kept)
    for name, value in given.items():
        where = f"credentials.{name}"
        if name not in known:
            errors[where] = [f"{connector.name} takes no “{name}”. It takes: {', '.join(sorted(known))}."]
        elif problem := _value_problem(tenant, value):
            errors[where] = [problem]
    return errors


def secrets_missing(connector: Connector, present: Mapping[str, Any]) -> dict[str, list[str]]:
    """Required secrets that are not there."""
    return {
        f"credentials.{field.name}": [f"Enter the {field.label[:1].lower()}{field.label[1:]}."]
        for field in connector.secrets
        if field.required and not present.get(field.name)
    }


def _value_problem(tenant: Tenant, value: Any) -> str | None:
    if isinstance(value, Mapping):
        name = value.get("env")
        if set(value) != {"env"} or not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            return 'Write {"env": "NAME"} to take the value from an environment variable.'
        if not name.startswith(env_prefix(tenant)) or len(name) == len(env_prefix(tenant)):
            return f"The environment variable's name must begin with {env_prefix(tenant)}"
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        return "This must be a text."
    text = str(value)
    if len(text) > MAX_SECRET:
        return f"This is too long; at most {MAX_SECRET} characters."
    if text != text.strip():
        return "Remove the blanks or line breaks around it."
    if "\n" in text and "PRIVATE KEY" not in text:
        return "This must be one line."
    return None


def credential_replace(
    *, integration: Integration, user: Any, secrets: Mapping[str, Any], now: datetime | None = None
) -> Credential:
    """Replace or clear named secrets (None clears); those not named stay. Raises ``InvalidSettings``."""
    connector = registry.get(integration.connector)
    given = {name: value for name, value in secrets.items() if value is not None}
    errors = secrets_problems(connector, integration.tenant, given)
    if errors:
        raise InvalidSettings(errors)
    with transaction.atomic():
        credential, _ = Credential.objects.select_for_update().get_or_create(integration=integration)
        kept = {name: value for name, value in credential.secrets.items() if name not in secrets}
        if {"refresh_token", "client_id", "client_secret"} & set(given) and "access_token" not in given:
            kept.pop("access_token", None)  # it belongs to the old ones
            kept.pop("expires_at", None)
        credential.secrets = {**kept, **given}
        credential.expires_at = parse_instant(credential.secrets.get("expires_at"))
        credential.save()
        registration_forget(integration)
        audit(
            integration,
            "credential.replaced",
            user=user,
            changes={
                f"credentials.{name}": ("(set)", "(replaced)" if name in given else "") for name in secrets
            },
        )
        log_write(
            integration=integration,
            operation=Operation.CONFIG,
            message=f"Credentials replaced: {', '.join(sorted(secrets))}.",
            now=now,
        )
        integration_announce(integration)
    return credential


def credential_summary(integration: Integration) -> list[dict[str, Any]]:
    """One line per secret the connector knows: ``{name, label, is_set, hint, source}``; "set, ends in …x9"."""
    connector = registry.get(integration.connector)
    stored = integration_secrets(integration)
    return [
        {"name": field.name, "label": field.label, **_shown(stored.get(field.name), is_secret=field.secret)}
        for field in connector.secrets
    ]


def _shown(value: Any, *, is_secret: bool) -> dict[str, Any]:
    if value in (None, ""):
        return {"is_set": False, "hint": "not set", "source": ""}
    if isinstance(value, Mapping):
        return {"is_set": True, "hint": f"from {value.get('env')}", "source": "environment"}
    text = str(value)
    if not is_secret:
        return {"is_set": True, "hint": text, "source": "stored"}
    tail = text.strip()[-2:]
    # of a short secret two characters would be too much
    return {"is_set": True, "hint": f"set, ends in …{tail}" if len(text) >= 12 else "set", "source": "stored"}


def integration_secrets(integration: Integration) -> dict[str, Any]:
    """The stored secrets, references not resolved; empty if there are none."""
    try:
        return dict(integration.credential.secrets or {})
    except Credential.DoesNotExist:
        return {}


# ---------------------------------------------------------------- token refresh


def secrets_refresher(
    integration: Integration,
    *,
    now: Callable[[], datetime] = timezone.now,
    wait: Callable[[float], None] | None = None,
) -> Callable[[Callable[[Mapping[str, Any]], Mapping[str, Any]]], Mapping[str, Any]]:
    """``Environment.refresh_secrets`` for a saved integration: one exchange at a time, its outcome stored (F21)."""
    pause = wait or time.sleep

    def refresh(exchange: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
        rows = Credential.objects.filter(integration_id=integration.id)
        for _ in range(60):
            free = Q(refresh_lease_until__isnull=True) | Q(refresh_lease_until__lte=now())
            if rows.filter(free).update(refresh_lease_until=now() + REFRESH_LEASE):
                try:
                    return _exchange_and_store(integration, exchange)
                finally:
                    rows.update(refresh_lease_until=None)
            pause(0.25)  # another worker is at it; the row is all we share
        raise Retryable("Another worker is still renewing the access token.", code="auth")

    return refresh


def _exchange_and_store(
    integration: Integration, exchange: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Mapping[str, Any]:
    credential = Credential.objects.get(integration_id=integration.id)
    stored = dict(credential.secrets or {})
    before = secrets_resolve(integration.tenant, stored)
    after = dict(exchange(before))
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    if changed:
        credential.secrets = {**stored, **changed}
        credential.expires_at = parse_instant(after.get("expires_at"))
        credential.save(update_fields=["secrets", "expires_at", "updated_at"])
    return after


# ---------------------------------------------------------------- webhook secret and address


def webhook_path(integration: Integration) -> str:
    return f"/api/v1/webhooks/integrations/{integration.id}/receive"


def webhook_url(integration: Integration) -> str:
    """The public address to give to the vendor; "" while WEBHOOK_BASE_URL is not set."""
    base: str = settings.WEBHOOK_BASE_URL
    return f"{base}{webhook_path(integration)}" if base else ""


def new_webhook_secret() -> str:
    """In the form of the Standard Webhooks specification, which some vendors insist on."""
    return f"whsec_{base64.b64encode(randoms.token_bytes(32)).decode()}"


def webhook_secret_rows(secret: str, now: datetime) -> list[dict[str, Any]]:
    return [{"secret": secret, "since": now.isoformat(), "until": None}]


def webhook_secret_rotate(
    *, integration: Integration, user: Any, grace: timedelta = OLD_SECRET_GRACE, now: datetime | None = None
) -> str:
    """A new secret, shown this once; the old one is accepted for ``grace``."""
    now = now or timezone.now()
    fresh = new_webhook_secret()
    with transaction.atomic():
        row = Integration.objects.select_for_update().get(id=integration.id)
        old = [dict(entry) for entry in row.webhook_secret or []]
        until = (now + grace).isoformat()
        kept = [entry | {"until": entry["until"] or until} for entry in old if _is_valid(entry, now)]
        integration.webhook_secret = [*webhook_secret_rows(fresh, now), *kept[:3]]
        integration.save(update_fields=["webhook_secret", "updated_at"])
        registration_forget(integration, is_secret_new=True)
        audit(integration, "webhook_secret.rotated", user=user, note=f"the old one is valid for {grace}")
        log_write(
            integration=integration, operation=Operation.CONFIG, message="Webhook secret rotated.", now=now
        )
        integration_announce(integration)
    return fresh


def webhook_secret_newest(integration: Integration) -> str:
    """The secret that the hub made last, to be shown once; "" if the newest is the vendor's own."""
    rows = integration.webhook_secret or []
    return str(rows[0]["secret"]) if rows and rows[0].get("by") != "vendor" else ""


def vendor_secret_held(integration: Integration) -> bool:
    """True if the newest secret is one that the vendor made up and told us."""
    return bool(integration.webhook_secret) and integration.webhook_secret[0].get("by") == "vendor"


def vendor_secret_keep(integration: Integration, secret: str, *, now: datetime) -> None:
    """The vendor's own secret becomes the newest; those before it are accepted a while longer."""
    with transaction.atomic():
        row = Integration.objects.select_for_update().get(id=integration.id)
        until = (now + OLD_SECRET_GRACE).isoformat()
        old = [dict(entry) for entry in row.webhook_secret or []]
        kept = [
            entry | {"until": entry["until"] or until}
            for entry in old
            if _is_valid(entry, now) and entry["secret"] != secret
        ]
        fresh = webhook_secret_rows(secret, now)[0] | {"by": "vendor"}
        integration.webhook_secret = [fresh, *kept[:3]]
        integration.save(update_fields=["webhook_secret", "updated_at"])


def registration_forget(integration: Integration, *, is_secret_new: bool = False) -> None:
    """Have the webhook registered again: with an old token its registration went, or the vendor signs with an old secret."""
    facts = {"renew": True} if is_secret_new else {}
    Integration.objects.filter(id=integration.id).update(webhook_registration=facts)
    integration.webhook_registration = facts


def webhook_secrets(integration: Integration, *, now: datetime) -> list[str]:
    """Secrets that may have signed a delivery now, newest first."""
    connector = registry.get(integration.connector)
    if connector.webhook_secret_from:
        stored = integration_secrets(integration).get(connector.webhook_secret_from)
        return [str(_resolved(integration.tenant, stored))] if stored else []
    return [str(entry["secret"]) for entry in integration.webhook_secret or [] if _is_valid(entry, now)]


def _is_valid(entry: Mapping[str, Any], now: datetime) -> bool:
    until = parse_datetime(entry["until"]) if entry.get("until") else None
    return until is None or until > now
