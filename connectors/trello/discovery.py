"""What a person meets when setting up: the connection test, boards and lists to pick from, the webhook."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from connectors.base.classify import ErrorRule, Reaction
from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, SyncError
from connectors.base.session import ApiSession
from connectors.base.times import parse_instant
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

DESCRIPTION = "Lockstep"
#: adding who or what is there already is no failure
THERE_ALREADY = (ErrorRule(Reaction.OK, status=(400,), body_contains="already on the card"),)


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    board_id: str

    def board(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def full_board_id(self) -> str: ...

    def whoami(self) -> tuple[str, str]: ...


def moment(value: Any) -> datetime | None:
    return parse_instant(value)


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, may we read and write the board. The token's scopes say whether webhooks can be made."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    try:
        account, account_id = client.whoami()
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        if client.board_id:
            checks += _board_checks(client, account_id)
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id, "1")


def _board_checks(client: Opened, account_id: str) -> list[Check]:
    board = client.board(afresh=True)
    name = str(board.get("name") or "")
    found = [Check("may_read", True, name)]
    if board.get("closed"):
        fix = "Reopen the board, or let the hub only read."
        return [*found, Check("may_write", False, f"{name} is closed.", fix)]
    path = fill_path("/boards/{id}/memberships", {"id": client.board_id})
    rows = rows_in(client.session.get(path).body, "", "memberships")
    mine = next((row for row in rows if row.get("idMember") == account_id), None)
    if mine is None or mine.get("memberType") == "observer":
        fix = "Add the token's account to the board as a normal member."
        return [*found, Check("may_write", False, "The account is no member of this board.", fix)]
    return [
        *found,
        Check("may_write", True, str(mine.get("memberType") or "member")),
        Check("webhooks", True),
    ]


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: organization, board, list (of a board; also asked for as "status"), label, member, custom_field.

    Without a kind: the boards. Without a parent: the configured board.
    """
    match kind:
        case "" | "board":
            return list(_boards(client, parent_id))
        case "organization":
            rows = _rows(client, "/members/me/organizations", {"fields": "displayName,url"}, "members")
            return [
                Container(row["id"], row["displayName"], kind, None, row.get("url") or "") for row in rows
            ]
    board = parent_id or client.board_id
    path = fill_path("/boards/{id}", {"id": board})
    match kind:
        case "list" | "status":
            rows = _rows(client, f"{path}/lists", {"filter": "open"})
            ordered = sorted(rows, key=lambda row: float(row.get("pos") or 0))
            return [
                Container(row["id"], row["name"], "list", board, extra={"pos": row.get("pos")})
                for row in ordered
            ]
        case "label":
            rows = _rows(client, f"{path}/labels", {"limit": 1000})
            return [
                Container(row["id"], row["name"], kind, board, extra={"colour": row.get("color")})
                for row in rows
                if row.get("name")
            ]
        case "member":
            rows = _rows(client, f"{path}/members")
            return [
                Container(
                    row["id"],
                    row.get("fullName") or row["username"],
                    kind,
                    board,
                    extra={"username": row["username"]},
                )
                for row in rows
            ]
        case "custom_field":
            rows = _rows(client, f"{path}/customFields")
            return [
                Container(row["id"], row["name"], kind, board, extra={"type": row["type"]}) for row in rows
            ]
    return []


def _boards(client: Opened, organization: str) -> Iterator[Container]:
    params = {"filter": "open", "fields": "id,name,url,closed,idOrganization"}
    for row in _rows(client, "/members/me/boards", params, "members"):
        if not organization or row.get("idOrganization") == organization:
            yield Container(row["id"], row["name"], "board", row.get("idOrganization"), row.get("url") or "")


def _rows(
    client: Opened, path: str, params: Mapping[str, Any] | None = None, quota_class: str = "default"
) -> list[Any]:
    return rows_in(client.session.get(path, params=params, quota_class=quota_class).body, "", path)


# --- webhook -----------------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str) -> WebhookRegistration | None:
    """Makes the board's webhook, or wakes it up if Trello switched it off. Trello asks the address with HEAD at once."""
    present = _webhooks(client, url)
    for spare in present[1:]:
        client.session.request("DELETE", _webhook_path(spare), expect_json=False, ok=(404,))
    if present:
        row = present[0]
        if not row.get("active"):
            row = client.session.request("PUT", _webhook_path(row), json={"active": True}).body
    else:
        body = {"callbackURL": url, "idModel": client.full_board_id(), "description": DESCRIPTION}
        row = client.session.request("POST", "/webhooks/", json=body).body
    if not isinstance(row, dict) or not row.get("id"):
        raise ContractBroken("The answer holds no webhook.")
    return WebhookRegistration(str(row["id"]), url, (), bool(row.get("active", True)))


def remove_webhooks(client: Opened, url: str) -> int:
    present = _webhooks(client, url)
    for row in present:
        client.session.request("DELETE", _webhook_path(row), expect_json=False, ok=(404,))
    return len(present)


def _webhooks(client: Opened, url: str) -> list[Mapping[str, Any]]:
    """By way of the member: ``/tokens/{token}/webhooks`` would carry the token in the address, and so into logs."""
    rows = _rows(client, "/members/me/tokens", {"webhooks": True}, "members")
    hooks = [hook for row in rows for hook in row.get("webhooks") or ()]
    board = client.full_board_id()
    return [one for one in hooks if one.get("callbackURL") == url and one.get("idModel") == board]


def _webhook_path(row: Mapping[str, Any]) -> str:
    return fill_path("/webhooks/{id}", {"id": row["id"]})
