"""What a person meets when setting up: the connection test, boards and lanes to pick from, the webhook."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, SyncError
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from .webhooks import SUBSCRIBED

API_VERSION = "2"
DESCRIPTION = "Lockstep"
WEB_SERVICE_CALL = 1
BOARDS_PAGE = 200


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    board_id: str
    site: str

    def board(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def whoami(self) -> tuple[str, str]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, may we read and write the board, may we make an automation, how much quota is left."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    try:
        account, account_id = client.whoami()
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        if client.board_id:
            checks += _board_checks(client.board(afresh=True))
            checks.append(_webhook_check(client))
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    is_ok = all(one.ok for one in checks if one.name != "webhooks")
    return CheckReport(is_ok, checks, elapsed, account, account_id, API_VERSION)


def _board_checks(board: Mapping[str, Any]) -> list[Check]:
    title = str(board.get("title") or "")
    found = [Check("may_read", True, title)]
    role = str(board.get("effectiveBoardRole") or board.get("boardRole") or "")
    if board.get("isArchived"):
        found.append(
            Check("may_write", False, f"{title} is archived.", "Unarchive it, or let the hub only read.")
        )
    elif role == "boardReader":
        fix = "Give the account the role of a user or manager on the board."
        found.append(Check("may_write", False, "The account may only read this board.", fix))
    else:
        can_delete = (
            "" if board.get("allowUsersToDeleteCards", True) else "; the board forbids deleting cards"
        )
        found.append(Check("may_write", True, f"{role or 'allowed'}{can_delete}"))
    return found


def _webhook_check(client: Opened) -> Check:
    try:
        _automations(client)
    except (RecordGone, PermissionProblem):
        fix = "Give the account the manager's role on the board. Until then the hub polls."
        return Check("webhooks", False, "The account may not manage card automations.", fix)
    return Check("webhooks", True, "can be registered")


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: board, lane (of a board; also asked for as "status"), card_type, custom_field, tag, user.

    Without a kind: the boards. Without a parent: the configured board.
    """
    if kind in ("", "board"):
        return list(_boards(client))
    board = _board(client, parent_id or client.board_id)
    id = str(board["id"])
    match kind:
        case "lane" | "status":
            return list(_lanes(client, board))
        case "card_type":
            rows = [row for row in board.get("cardTypes") or () if row.get("isCardType", True)]
            return [
                Container(str(row["id"]), row["name"], kind, id, extra={"colour": row.get("colorHex")})
                for row in rows
            ]
        case "custom_field":
            rows = list(board.get("customFields") or ())
            return [
                Container(str(row["id"]), row["label"], kind, id, extra={"type": row.get("type")})
                for row in rows
            ]
        case "tag":
            return [Container(str(tag), str(tag), kind, id) for tag in board.get("tags") or ()]
        case "user":
            rows = list(board.get("users") or ())
            return [
                Container(
                    str(row["id"]),
                    row.get("fullName") or row.get("username") or str(row["id"]),
                    kind,
                    id,
                    extra={"email": row.get("emailAddress")},
                )
                for row in rows
            ]
    return []


def _board(client: Opened, board_id: str) -> Mapping[str, Any]:
    if board_id == client.board_id:
        return client.board(afresh=True)
    answer = client.session.get(fill_path("/board/{id}", {"id": board_id}))
    if not isinstance(answer.body, dict) or "id" not in answer.body:
        raise ContractBroken("The answer holds no board.", exchange=answer.exchange)
    return answer.body


def _boards(client: Opened) -> Iterator[Container]:
    offset = 0
    while True:
        answer = client.session.get("/board", params={"offset": offset, "limit": BOARDS_PAGE})
        rows = rows_in(answer.body, "boards", "boards")
        for row in rows:
            id = str(row["id"])
            yield Container(id, row["title"], "board", None, f"{client.site}/board/{id}")
        offset += len(rows)
        if not rows or offset >= int(read_path(answer.body, "pageMeta.totalRecords", 0) or 0):
            return


def _lanes(client: Opened, board: Mapping[str, Any]) -> Iterator[Container]:
    """Leaf lanes, the only ones that hold cards, with the hints by which a stage is suggested."""
    by_id = {str(row["id"]): row for row in board.get("lanes") or ()}
    answer = client.session.get(fill_path("/board/{id}/leafLanes", {"id": board["id"]}))
    for leaf in rows_in(answer.body, "lanes", "lanes"):
        lane = by_id.get(str(leaf["id"]), {})
        extra = {
            "lane_class": lane.get("laneClassType"),
            "card_status": lane.get("cardStatus"),
            "lane_type": lane.get("laneType"),
            "wip_limit": lane.get("wipLimit") or lane.get("cardLimit") or 0,
            "is_default": bool(lane.get("isDefaultDropLane")),
        }
        name = leaf.get("expandedTitle") or leaf["title"]
        yield Container(str(leaf["id"]), name, "lane", str(board["id"]), "", extra)


def archive_lane(board: Mapping[str, Any]) -> str:
    """The first leaf lane of the archive; "" if there is none."""
    lanes = board.get("lanes") or ()
    parents = {str(row.get("parentLaneId")) for row in lanes}
    return next(
        (
            str(row["id"])
            for row in lanes
            if row.get("laneClassType") == "archive" and str(row["id"]) not in parents
        ),
        "",
    )


# --- webhook -----------------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str, secret: str) -> WebhookRegistration | None:
    wanted = {
        "actionType": WEB_SERVICE_CALL,
        "description": DESCRIPTION,
        "enabled": True,
        "configuration": {
            "events": list(SUBSCRIBED),
            "action": {"url": url, "contentType": "application/json"},
            "updateFields": [],
        },
        "secrets": {"signingKey": secret},
    }
    path = fill_path("/board/{id}/automation", {"id": client.board_id})
    present = [row for row in _automations(client) if _url_of(row) == url]
    for spare in present[1:]:
        client.session.request("DELETE", f"{path}/{_id_of(spare)}", expect_json=False, ok=(404,))
    if present:
        answer = client.session.request("PATCH", f"{path}/{_id_of(present[0])}", json=wanted)
    else:
        answer = client.session.request("POST", path, json=wanted)
    row = read_path(answer.body, "cardAutomation", None)
    if not isinstance(row, dict) or not row.get("id"):
        raise ContractBroken("The answer holds no automation.", exchange=answer.exchange)
    return WebhookRegistration(str(row["id"]), url, SUBSCRIBED, bool(row.get("enabled", True)))


def remove_webhooks(client: Opened, url: str) -> int:
    path = fill_path("/board/{id}/automation", {"id": client.board_id})
    present = [row for row in _automations(client) if _url_of(row) == url]
    for row in present:
        client.session.request("DELETE", f"{path}/{_id_of(row)}", expect_json=False, ok=(404,))
    return len(present)


def _automations(client: Opened) -> list[Any]:
    answer = client.session.get(fill_path("/board/{id}/automation", {"id": client.board_id}))
    return rows_in(answer.body, "cardAutomations", "automations")


def _url_of(row: Mapping[str, Any]) -> str:
    """LeanKit answers in two shapes."""
    found = read_path(row, "action.params.url", None) or read_path(row, "configuration.action.url", None)
    return str(found or "")


def _id_of(row: Mapping[str, Any]) -> str:
    return fill_path("{id}", {"id": row["id"]})
