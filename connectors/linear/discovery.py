"""What a person picks from, the connection test, and the team's webhook."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from connectors.base.client import failed_check
from connectors.base.errors import SyncError
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from . import queries as q
from .webhooks import SUBSCRIBED

if TYPE_CHECKING:
    from .client import LinearClient

#: Linear's types of workflow states, as the suggestion of stages knows them
CLASSES = {
    "triage": "new",
    "backlog": "backlog",
    "unstarted": "to_do",
    "started": "in_progress",
    "completed": "done",
    "canceled": "closed",
    "duplicate": "closed",
}


def check(client: LinearClient) -> CheckReport:
    """Who am I, can the team be read; whether webhooks can be registered is a matter of being an admin."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    try:
        given = client.api.ask(q.ME)
        me = given.object("viewer", "account")
        account = f"{me.get('name')} · {given.at('organization.name')}"
        account_id = str(me.get("id") or "")
        checks += [Check("reachable", True), Check("authenticated", True, account)]
        if client.team_id:
            team = client.api.ask(q.TEAM, {"id": client.team_id}).object("team", "team")
            checks.append(Check("may_read", True, f"Team “{team.get('name')}” can be read"))
        words = "" if me.get("admin") else "Webhooks are for admins of the workspace: Lockstep polls."
        checks.append(Check("webhooks", True, words))
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id)


def containers(client: LinearClient, kind: str, parent_id: str) -> list[Container]:
    """Kinds: team; of a team: state (also asked for as “status”), label, project, cycle; user. Without a kind: the teams."""
    from_records = {"user": "name", "label": "name", "project": "name", "cycle": "hub.title"}
    team = parent_id or client.team_id
    if kind in ("", "team"):
        rows = client.all_rows(q.TEAMS, {}, "teams")
        return [
            Container(
                str(row["id"]), f"{row.get('name')} ({row.get('key')})", "team", extra={"key": row.get("key")}
            )
            for row in rows
        ]
    if not team:
        return []
    if kind == "status":
        states = client.all_rows(q.STATES, {"id": team}, "team.states")
        return [
            Container(
                str(row["id"]),
                str(row.get("name")),
                kind,
                team,
                extra={"category": CLASSES.get(str(row.get("type")), ""), "type": row.get("type")},
            )
            for row in sorted(states, key=lambda row: float(row.get("position") or 0))
        ]
    if kind in from_records:
        return list(_records(client, kind, team))
    return []


def _records(client: LinearClient, kind: str, team: str) -> list[Container]:
    found: list[Container] = []
    token: Any = None
    while True:
        page = client.list_page(kind, token=token)
        for record in page.records:
            name = record.data["hub"]["title"] if kind == "cycle" else record.data.get("name")
            parent = None if kind == "user" else team
            found.append(Container(record.id, str(name), kind, parent, record.url))
        if page.next_token is None:
            return found
        token = page.next_token


# --- webhook -----------------------------------------------------------------------------------------------------


def ensure_webhook(client: LinearClient, url: str, secret: str) -> WebhookRegistration | None:
    """The team's webhook with our secret; Linear switches one off that fails for long, so it is switched on again."""
    present = _webhooks(client, url)
    if present:
        row = present[0]
        change = {"enabled": True, "resourceTypes": list(SUBSCRIBED), "secret": secret}
        given = client.api.ask(q.UPDATE_WEBHOOK, {"id": str(row.get("id")), "input": change})
        made = given.object("webhookUpdate.webhook", "webhook")
    else:
        wanted = {
            "url": url,
            "teamId": client.team_id,
            "resourceTypes": list(SUBSCRIBED),
            "secret": secret,
            "label": "Lockstep",
            "enabled": True,
        }
        made = client.api.ask(q.CREATE_WEBHOOK, {"input": wanted}).object("webhookCreate.webhook", "webhook")
    events = [str(one) for one in made.get("resourceTypes") or ()]
    return WebhookRegistration(str(made.get("id")), url, events, bool(made.get("enabled", True)))


def remove_webhooks(client: LinearClient, url: str) -> int:
    present = _webhooks(client, url)
    for row in present:
        text = "mutation ($id: String!) { webhookDelete(id: $id) { success } }"
        client.api.ask(text, {"id": str(row.get("id"))}, is_repeatable=True)
    return len(present)


def _webhooks(client: LinearClient, url: str) -> list[Any]:
    rows = client.all_rows(q.WEBHOOKS, {}, "webhooks")
    return [
        row
        for row in rows
        if row.get("url") == url and (row.get("team") or {}).get("id") in (None, client.team_id)
    ]
