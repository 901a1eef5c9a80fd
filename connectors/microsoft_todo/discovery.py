"""What a person meets when setting up: the connection test, lists to pick from, the subscriptions.

Source: microsoft-graph-docs-contrib, concepts/includes/change-notifications-subscription-lifetime.md (read 2026-11).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, SyncError
from connectors.base.paging import Walk
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import Check, CheckReport, Container, ExternalRecord, WebhookRegistration

from .tasks import STATUSES, colour_code

LIFETIME = timedelta(minutes=4200)  # Graph allows 4,230 for To Do
RENEW_BEFORE = timedelta(hours=24)
EVENTS = ("created", "updated", "deleted")
SCOPES = ("Tasks.ReadWrite", "MailboxSettings.ReadWrite", "User.Read", "offline_access")


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    settings: Mapping[str, Any]

    def whoami(self) -> tuple[str, str]: ...

    def walk(self, resource: str) -> Iterator[ExternalRecord]: ...

    def get(self, resource: str, external_id: str) -> ExternalRecord: ...

    def lists_in_scope(self) -> list[str]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, and may the lists be read. That they may be written is known only from the first write."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    missing: tuple[str, ...] = ()
    try:
        account, account_id = client.whoami()
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        checks.append(_lists_check(client))
        checks.append(Check("webhooks", True, "One subscription per list, renewed before three days."))
    except SyncError as error:
        checks.append(failed_check(error))
        if isinstance(error, PermissionProblem):
            missing = (SCOPES[0],) if account else ("User.Read",)
    elapsed = int((time.perf_counter() - started) * 1000)
    is_good = all(one.ok for one in checks)
    return CheckReport(is_good, checks, elapsed, account, account_id, "v1.0", missing)


def _lists_check(client: Opened) -> Check:
    chosen = str(client.settings.get("list_id") or "")
    if not chosen:
        return Check("may_read", True, f"{len(client.lists_in_scope())} lists")
    try:
        return Check("may_read", True, str(client.get("list", chosen).data.get("displayName") or ""))
    except RecordGone:
        return Check("may_read", False, "The chosen list is not there.", "Pick a list again.")


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str) -> list[Container]:
    """Kinds: task_list, status (the five that Graph knows), category. Without a kind: the lists."""
    match kind:
        case "" | "task_list":
            return [
                Container(
                    one.id,
                    str(one.data.get("displayName") or ""),
                    "task_list",
                    extra={
                        "well_known": one.data.get("wellknownListName"),
                        "shared": one.data.get("isShared"),
                        "owner": one.data.get("isOwner"),
                    },
                )
                for one in client.walk("list")
            ]
        case "status":
            return [
                Container(word, name, "status", extra={"category": category})
                for word, (name, _, category) in STATUSES.items()
            ]
        case "category":
            return [
                Container(
                    one.id,
                    str(one.data.get("displayName") or ""),
                    "category",
                    extra={"colour": colour_code(one.data.get("color"))},
                )
                for one in client.walk("category")
            ]
    return []


# --- subscriptions -----------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str, secret: str) -> WebhookRegistration | None:
    """One subscription per list, all with ``secret`` as their client state; those that run out soon are renewed."""
    now = client.session.environment.now()
    wanted = {f"me/todo/lists/{id}/tasks": id for id in client.lists_in_scope()}
    kept: dict[str, Mapping[str, Any]] = {}
    for row in _subscriptions(client, url):
        resource = str(row.get("resource") or "").strip("/")
        if resource in wanted and resource not in kept:
            kept[resource] = _renewed(client, row, now) or {}
        else:
            _drop(client, row)
    for resource in wanted:
        if not kept.get(resource):
            kept[resource] = _subscribe(client, resource, url, secret, now)
    if not kept:
        return None
    ids = sorted(str(row.get("id")) for row in kept.values())
    ends = [end for row in kept.values() if (end := parse_instant(row.get("expirationDateTime")))]
    return WebhookRegistration(",".join(ids), url, EVENTS, True, expires_at=min(ends, default=now))


def _subscribe(client: Opened, resource: str, url: str, secret: str, now: datetime) -> Mapping[str, Any]:
    body = {
        "changeType": ",".join(EVENTS),
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "resource": f"/{resource}",
        "expirationDateTime": _end(now),
        "clientState": secret,
    }
    row = client.session.request("POST", "/subscriptions", json=body).body
    if not isinstance(row, dict) or not row.get("id"):
        raise ContractBroken("The answer holds no subscription.")
    return row


def _renewed(client: Opened, row: Mapping[str, Any], now: datetime) -> Mapping[str, Any] | None:
    """The subscription, good for another while; None if it is gone."""
    ends = parse_instant(row.get("expirationDateTime"))
    if ends is not None and ends - now > RENEW_BEFORE:
        return row
    try:
        body = client.session.request("PATCH", _path(row), json={"expirationDateTime": _end(now)}).body
    except RecordGone:
        return None
    return body if isinstance(body, dict) and body.get("id") else None


def remove_webhooks(client: Opened, url: str) -> int:
    present = list(_subscriptions(client, url))
    for row in present:
        _drop(client, row)
    return len(present)


def _drop(client: Opened, row: Mapping[str, Any]) -> None:
    client.session.request("DELETE", _path(row), expect_json=False, ok=(404,))


def _subscriptions(client: Opened, url: str) -> list[Mapping[str, Any]]:
    """Ours, on all pages: those that send to ``url``."""
    found: list[Mapping[str, Any]] = []
    walk, address = Walk(), "/subscriptions"
    while True:
        answer = client.session.get(address)
        rows = rows_in(answer.body, "value", "subscriptions")
        found += [row for row in rows if isinstance(row, dict) and row.get("notificationUrl") == url]
        following = read_path(answer.body, '"@odata.nextLink"', None)
        token = walk.step(str(following) if following else None, str(address))
        if token is None:
            return found
        walk = Walk.from_token(token)
        address = str(walk.token)


def _path(row: Mapping[str, Any]) -> str:
    return fill_path("/subscriptions/{id}", {"id": row.get("id")})


def _end(now: datetime) -> str:
    return str(format_instant(now + LIFETIME, "iso8601_ms", granularity="ms"))
