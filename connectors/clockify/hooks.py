"""The workspace's webhooks as desired state: one for each event, all to the hub's address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from connectors.base.answers import fill_path, rows_in
from connectors.base.errors import ContractBroken
from connectors.base.session import ApiSession
from connectors.base.types import WebhookRegistration

from .webhooks import SUBSCRIBED, SUBSCRIBED_FREE

TOKENS = "webhook_tokens"


class Opened(Protocol):
    session: ApiSession
    workspace: str


def ensure(client: Opened, url: str, *, is_free: bool) -> WebhookRegistration:
    """Makes the webhooks that are missing, wakes up what was switched off, takes away doubles, stores all tokens."""
    wanted = SUBSCRIBED_FREE if is_free else SUBSCRIBED
    present: dict[str, Mapping[str, Any]] = {}
    for row in _present(client, url):
        event = str(row.get("webhookEvent"))
        if event not in wanted or event in present:
            _drop(client, row)
        else:
            present[event] = row
    for event in wanted:
        body = _body(client, url, event)
        if event not in present:
            answer = client.session.request("POST", _path(client), json=body)
            present[event] = _row(answer.body)
        elif not present[event].get("enabled", True) or not present[event].get("deliveryEnabled", True):
            answer = client.session.request("PUT", _path(client, present[event]), json=body)
            present[event] = _row(answer.body)
    rows = [present[event] for event in wanted]
    _store_tokens(client, [str(row["authToken"]) for row in rows])
    return WebhookRegistration(str(rows[0]["id"]), url, wanted, all(row.get("enabled", True) for row in rows))


def remove(client: Opened, url: str) -> int:
    """Takes all of them away; together they are one registration."""
    present = _present(client, url)
    for row in present:
        _drop(client, row)
    return 1 if present else 0


def _store_tokens(client: Opened, tokens: Sequence[str]) -> None:
    """Into the integration's secrets, by the way that a renewed OAuth2 token takes."""
    store = client.session.environment.refresh_secrets
    if store is not None:
        store(lambda stored: {**stored, TOKENS: " ".join(tokens)})


def _body(client: Opened, url: str, event: str) -> dict[str, Any]:
    return {
        "name": f"Lockstep {event.lower().replace('_', ' ')}"[:30],
        "url": url,
        "webhookEvent": event,
        "triggerSourceType": "WORKSPACE_ID",
        "triggerSource": [client.workspace],
    }


def _row(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict) or not body.get("id") or not body.get("authToken"):
        raise ContractBroken("The answer holds no webhook with its token.")
    return body


def _present(client: Opened, url: str) -> list[Mapping[str, Any]]:
    rows = rows_in(client.session.get(_path(client)).body, "webhooks", "webhooks")
    return [_row(row) for row in rows if isinstance(row, dict) and row.get("url") == url]


def _drop(client: Opened, row: Mapping[str, Any]) -> None:
    client.session.request("DELETE", _path(client, row), expect_json=False, ok=(404,))


def _path(client: Opened, row: Mapping[str, Any] | None = None) -> str:
    path = fill_path("/workspaces/{w}/webhooks", {"w": client.workspace})
    return fill_path(f"{path}/{{id}}", {"id": row["id"]}) if row else path
