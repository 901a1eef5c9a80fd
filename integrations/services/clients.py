"""Clients of integrations: connector, credentials, budgets and token refresh put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone

from connectors import registry
from connectors.base.client import failed_check
from connectors.base.connector import Environment
from connectors.base.errors import Exchange, RateLimited, SyncError
from connectors.base.types import (
    Absence,
    CheckReport,
    Client,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)
from integrations import breaker
from integrations.models import Integration, LogStatus, Operation
from integrations.ratelimit import SharedGate, budget_key
from integrations.services.credentials import integration_secrets, secrets_refresher, secrets_resolve
from integrations.services.logs import log_write
from integrations.services.status import integration_announce
from workspace.models import Tenant

T = TypeVar("T")

#: purposes that people wait for: they may use the budget's reserve
PRIORITY_PURPOSES = frozenset({"person", "push", "check"})
EXCHANGES_KEPT = 20


class HubClient:
    """A connector's client with what the hub adds: the last exchanges, and a 429 told to all workers."""

    def __init__(self, inner: Client, gate: SharedGate, exchanges: list[Exchange]) -> None:
        self.inner = inner
        self.gate = gate
        self.exchanges = exchanges

    @property
    def last_exchange(self) -> Exchange | None:
        """The latest request and answer, redacted; None before the first."""
        return self.exchanges[-1] if self.exchanges else None

    @property
    def clock_offset_seconds(self) -> float:
        """How far the vendor's clock is ahead of ours, by its last Date header."""
        session = getattr(self.inner, "session", None)
        offset = getattr(session, "clock_offset", None)
        return float(offset.total_seconds()) if offset is not None else 0.0

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except RateLimited as error:
            if error.status is not None:  # the vendor's own word, not our budget's
                self.gate.penalise(error.retry_after or 5.0)
            raise

    def check(self) -> CheckReport:
        return self._call(self.inner.check)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return self._call(lambda: self.inner.containers(kind, parent_id))

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        return self._call(
            lambda: self.inner.list_page(resource, since=since, token=token, parent_id=parent_id)
        )

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        return self._call(lambda: self.inner.get(resource, external_id, parent_id=parent_id))

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        return self._call(lambda: self.inner.get_many(resource, external_ids))

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        return self._call(lambda: self.inner.create(resource, fields, key=key, parent_id=parent_id))

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        return self._call(
            lambda: self.inner.update(resource, external_id, fields, current=current, parent_id=parent_id)
        )

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        self._call(lambda: self.inner.archive(resource, external_id, current=current))

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        self._call(lambda: self.inner.delete(resource, external_id, parent_id=parent_id, current=current))

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        return self._call(lambda: self.inner.find_by_key(resource, key, since=since, parent_id=parent_id))

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        return self._call(lambda: self.inner.explain_absence(resource, external_ids, parent_id=parent_id))

    def container_token(self) -> str:
        return self._call(self.inner.container_token)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return self._call(lambda: self.inner.ensure_webhook(url, secret))

    def remove_webhooks(self, url: str) -> int:
        return self._call(lambda: self.inner.remove_webhooks(url))

    def close(self) -> None:
        self.inner.close()


def client_for(
    integration: Integration, *, purpose: str = "sync", now: Callable[[], datetime] = timezone.now
) -> HubClient:
    """A client of this integration; does no request. Raises ``ConfigurationProblem`` for unusable settings.

    ``purpose``: "person", "push" and "check" may use the rate budget's reserve; "sync", "webhook", "poll",
    "backfill" leave it. Whether the circuit is open is the caller's to ask (``integrations.breaker.guard``).
    """
    return _open(
        tenant=integration.tenant,
        connector_key=integration.connector,
        base_url=integration.base_url,
        options=integration.options,
        secrets=secrets_resolve(integration.tenant, integration_secrets(integration)),
        timeout_seconds=integration.timeout_seconds,
        purpose=purpose,
        now=now,
        refresh=secrets_refresher(integration, now=now),
    )


def draft_client(
    *, tenant: Tenant, values: Mapping[str, Any], secrets: dict[str, Any], purpose: str = "check"
) -> HubClient:
    """A client of settings that are not saved yet. Tokens renewed meanwhile are put into ``secrets``."""

    def refresh(exchange: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
        resolved = secrets_resolve(tenant, secrets)
        after = dict(exchange(resolved))
        secrets.update({name: value for name, value in after.items() if resolved.get(name) != value})
        return after

    return _open(
        tenant=tenant,
        connector_key=values["connector"],
        base_url=values.get("base_url") or "",
        options=values.get("options") or {},
        secrets=secrets_resolve(tenant, secrets),
        timeout_seconds=min(int(values.get("timeout_seconds") or 30), 30),
        purpose=purpose,
        now=timezone.now,
        refresh=refresh,
    )


def deployment_environment() -> Environment:
    """What this deployment lets any client do: where it may go, and how much it may take in."""
    return Environment(
        allow_private_network=settings.LOCKSTEP_ALLOW_PRIVATE_NETWORK,
        allow_http=settings.LOCKSTEP_ALLOW_HTTP,
        max_response_bytes=settings.LOCKSTEP_RESPONSE_MAX_BYTES,
        client_identifier="lockstep",
    )


def _open(
    *,
    tenant: Tenant,
    connector_key: str,
    base_url: str,
    options: Mapping[str, Any],
    secrets: dict[str, Any],
    timeout_seconds: float,
    purpose: str,
    now: Callable[[], datetime],
    refresh: Callable[[Callable[[Mapping[str, Any]], Mapping[str, Any]]], Mapping[str, Any]],
) -> HubClient:
    connector = registry.get(connector_key)
    address = base_url or connector.default_base_url
    gate = SharedGate(budget_key(connector_key, address, secrets), is_priority=purpose in PRIORITY_PURPOSES)
    exchanges: list[Exchange] = []

    def keep(exchange: Exchange) -> None:
        exchanges.append(exchange)
        del exchanges[:-EXCHANGES_KEPT]

    environment = replace(
        deployment_environment(),
        now=now,
        gate=gate,
        on_exchange=keep,
        timeout_seconds=float(timeout_seconds),
        refresh_secrets=refresh,
    )
    return HubClient(connector.open(address, options, secrets, environment), gate, exchanges)


# ---------------------------------------------------------------- the connection test (B2)


def connection_check(*, integration: Integration, user: Any, now: datetime | None = None) -> dict[str, Any]:
    """Test the saved settings: the report as stored in ``last_check``, with a log row. Never raises ``SyncError``."""
    at = now or timezone.now()
    exchange: Exchange | None = None
    try:
        client = client_for(integration, purpose="check")
        try:
            report = client.check()
            exchange = client.last_exchange
        finally:
            client.close()
    except SyncError as error:
        report = CheckReport(False, [failed_check(error)])
        exchange = error.exchange
    checked = report_as_dict(report, at)
    Integration.objects.filter(id=integration.id).update(last_check=checked)
    integration.last_check = checked
    if report.ok:
        breaker.record_success(integration, now=at)
    log_write(
        integration=integration,
        operation=Operation.CHECK,
        status=LogStatus.SUCCESS if report.ok else LogStatus.FAILED,
        message=_said(checked),
        duration_ms=report.response_ms,
        exchange=None if report.ok else exchange,
        http_status=exchange.status if exchange else None,
        now=at,
    )
    integration_announce(integration, check_ok=report.ok)
    return checked


def draft_check(
    *, tenant: Tenant, values: Mapping[str, Any], secrets: dict[str, Any], now: datetime | None = None
) -> dict[str, Any]:
    """Test settings that are not saved yet; nothing is stored. ``secrets`` takes renewed tokens."""
    try:
        client = draft_client(tenant=tenant, values=values, secrets=secrets)
        try:
            report = client.check()
        finally:
            client.close()
    except SyncError as error:
        report = CheckReport(False, [failed_check(error)])
    return report_as_dict(report, now or timezone.now())


def report_as_dict(report: CheckReport, at: datetime) -> dict[str, Any]:
    """The shape of ``Integration.last_check`` and of the API's answer."""
    by_name = {check.name: check.ok for check in report.checks}
    return {
        "ok": report.ok,
        "checked_at": at.isoformat(),
        "response_ms": report.response_ms,
        "account": report.account,
        "account_id": report.account_id,
        "api_version": report.api_version,
        "credentials_valid": by_name.get("authenticated"),
        "missing_scopes": list(report.missing_scopes),
        "checks": [asdict(check) for check in report.checks],
    }


def _said(checked: Mapping[str, Any]) -> str:
    if checked["ok"]:
        return f"Connection test passed in {checked['response_ms']} ms. {checked['account']}".strip()
    failed = [f"{line['name']}: {line['detail']}" for line in checked["checks"] if not line["ok"]]
    return f"Connection test failed. {'; '.join(failed)}"
