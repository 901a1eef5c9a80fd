"""Jira's two kinds of webhooks, as they should be: an administrator's (API token), or an app's own (OAuth 2.0),
which ends after thirty days unless it is refreshed.

Source: developer.atlassian.com/cloud/jira/platform/webhooks and vendors/jira.md, 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from connectors.base.client import fill_path, rows_in
from connectors.base.errors import ContractBroken, PermissionProblem, RecordProblem
from connectors.base.paths import read_path
from connectors.base.times import parse_instant
from connectors.base.types import WebhookRegistration

from .session import JiraSession
from .webhooks import APP_EVENTS, SUBSCRIBED, token_of

ADMIN = "/rest/webhooks/1.0/webhook"
APP = "/rest/api/3/webhook"
NAME = "Lockstep"
FILTER = "issue-related-events-section"
REFRESH_WITHIN = timedelta(days=20)


class Opened(Protocol):
    """What these functions need of the client."""

    session: JiraSession

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]: ...


def ensure(client: Opened, url: str, secret: str) -> WebhookRegistration | None:
    """The webhook for ``url``, made or put right. None where the account is no administrator: it is then made by hand."""
    if client.session.is_gateway:
        return _ensure_app(client, url, secret)
    try:
        return _ensure_admin(client, url, secret)
    except PermissionProblem:
        return None


def remove(client: Opened, url: str) -> int:
    if client.session.is_gateway:
        ids = [int(row["id"]) for row in _app_rows(client, url)]
        if ids:
            client.session.request("DELETE", APP, json={"webhookIds": ids}, expect_json=False)
        return len(ids)
    rows = _admin_rows(client, url)
    for row in rows:
        client.session.request("DELETE", _admin_path(row), ok=(404,), expect_json=False)
    return len(rows)


def _jql(client: Opened) -> str:
    return f"project = {client.project()['key']}"


# --- an administrator's ------------------------------------------------------------------------------------------


def _ensure_admin(client: Opened, url: str, secret: str) -> WebhookRegistration:
    """The secret is written each time: Jira never shows it."""
    wanted = {
        "name": NAME,
        "url": url,
        "events": list(SUBSCRIBED),
        "filters": {FILTER: _jql(client)},
        "excludeBody": False,
        "enabled": True,
        "secret": secret,
    }
    same = _admin_rows(client, url)
    for spare in same[1:]:
        client.session.request("DELETE", _admin_path(spare), ok=(404,), expect_json=False)
    if same:
        row = client.session.request("PUT", _admin_path(same[0]), json=wanted).body
    else:
        row = client.session.request("POST", ADMIN, json=wanted).body
    if not isinstance(row, dict):
        raise ContractBroken("The answer holds no webhook.")
    return WebhookRegistration(
        _admin_id(row), url, tuple(row.get("events") or ()), bool(row.get("enabled", True))
    )


def _admin_rows(client: Opened, url: str) -> list[Mapping[str, Any]]:
    rows = rows_in(client.session.get(ADMIN).body, "", "webhooks")
    return [row for row in rows if isinstance(row, dict) and row.get("url") == url and _admin_id(row)]


def _admin_id(row: Mapping[str, Any]) -> str:
    return str(row.get("self") or "").rstrip("/").rpartition("/")[2]


def _admin_path(row: Mapping[str, Any]) -> str:
    return fill_path(f"{ADMIN}/{{id}}", {"id": _admin_id(row)})


# --- an app's ----------------------------------------------------------------------------------------------------


def _ensure_app(client: Opened, url: str, secret: str) -> WebhookRegistration:
    """Its calls bear a token signed with the app's own secret, and the address a proof made with the hub's."""
    session, jql = client.session, _jql(client)
    address = f"{url}?proof={token_of(secret)}"
    present = _app_rows(client, url)
    good = [row for row in present if row.get("url") == address and row.get("jqlFilter") == jql]
    spare = [int(row["id"]) for row in present if row not in good[:1]]
    if spare:
        session.request("DELETE", APP, json={"webhookIds": spare}, expect_json=False)
    if good:
        id = int(good[0]["id"])
        expires = parse_instant(good[0].get("expirationDate"))
        if expires is None or expires - session.environment.now() < REFRESH_WITHIN:
            body = {"webhookIds": [id]}
            answer = session.request("PUT", f"{APP}/refresh", json=body, is_repeatable=True).body
            expires = parse_instant(read_path(answer, "expirationDate", None))
        return WebhookRegistration(str(id), url, APP_EVENTS, True, expires_at=expires)
    hook = {"events": list(APP_EVENTS), "jqlFilter": jql}
    answer = session.request("POST", APP, json={"url": address, "webhooks": [hook]}).body
    id = read_path(answer, "webhookRegistrationResult[0].createdWebhookId", None)
    if not id:
        errors = read_path(answer, "webhookRegistrationResult[0].errors", None) or ["no reason given"]
        raise RecordProblem(f"Jira refuses the webhook: {' '.join(map(str, errors))}", field="url")
    made = next((row for row in _app_rows(client, url) if row.get("id") == id), {})
    return WebhookRegistration(
        str(id), url, APP_EVENTS, True, expires_at=parse_instant(made.get("expirationDate"))
    )


def _app_rows(client: Opened, url: str) -> list[Mapping[str, Any]]:
    """This app's webhooks to the address, whatever proof stands behind it."""
    found: list[Mapping[str, Any]] = []
    start = 0
    while True:
        body = client.session.get(APP, params={"startAt": start, "maxResults": 100}).body
        rows = rows_in(body, "values", "webhooks")
        found += [
            row for row in rows if isinstance(row, dict) and str(row.get("url") or "").split("?")[0] == url
        ]
        if not rows or read_path(body, "isLast", False) is True:
            return [row for row in found if isinstance(row.get("id"), int)]
        start += len(rows)
