"""The workspace's webhook as desired state: one subscription to the hub's address, with the hub's secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from connectors.base.answers import fill_path, rows_in
from connectors.base.errors import ContractBroken
from connectors.base.session import ApiSession
from connectors.base.types import WebhookRegistration

BASE = "/webhooks/api/v1"
DESCRIPTION = "Lockstep"
ENTITIES = ("time_entry", "project", "task", "tag", "client")
FREE_ENTITIES = ENTITIES[:3]
"""The free plan allows three events."""


class Opened(Protocol):
    session: ApiSession
    workspace: str


def ensure(client: Opened, url: str, secret: str, *, is_free: bool) -> WebhookRegistration:
    """Makes the subscription, or sets its events and secret again; a PING lets Toggl validate the address."""
    filters = [{"entity": one, "action": "*"} for one in (FREE_ENTITIES if is_free else ENTITIES)]
    wanted = {
        "url_callback": url,
        "event_filters": filters,
        "enabled": True,
        "description": DESCRIPTION,
        "secret": secret,
    }
    present = _present(client, url)
    for spare in present[1:]:
        client.session.request("DELETE", _path(client, spare), expect_json=False, ok=(404,))
    if present:
        row = client.session.request("PUT", _path(client, present[0]), json=wanted).body
    else:
        row = client.session.request("POST", _path(client), json=wanted, is_repeatable=True).body
    if not isinstance(row, dict) or not row.get("subscription_id"):
        raise ContractBroken("The answer holds no webhook subscription.")
    if not row.get("validated_at"):
        ping = fill_path(f"{BASE}/ping/{{w}}/{{s}}", {"w": client.workspace, "s": row["subscription_id"]})
        client.session.request("POST", ping, expect_json=False, is_repeatable=True)
    events = tuple(f"{one['entity']}.*" for one in filters)
    return WebhookRegistration(str(row["subscription_id"]), url, events, bool(row.get("enabled", True)))


def remove(client: Opened, url: str) -> int:
    present = _present(client, url)
    for row in present:
        client.session.request("DELETE", _path(client, row), expect_json=False, ok=(404,))
    return len(present)


def _present(client: Opened, url: str) -> list[Mapping[str, Any]]:
    rows = rows_in(client.session.get(_path(client)).body or [], "", "webhook subscriptions")
    return [
        row
        for row in rows
        if isinstance(row, dict) and row.get("url_callback") == url and row.get("subscription_id")
    ]


def _path(client: Opened, row: Mapping[str, Any] | None = None) -> str:
    path = fill_path(f"{BASE}/subscriptions/{{w}}", {"w": client.workspace})
    return f"{path}/{row['subscription_id']}" if row else path
