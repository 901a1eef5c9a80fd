"""What a person meets when setting up: the connection test, boards and statuses to pick from, the callback."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, SyncError
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from .tickets import ids_in, one_of, patch

DESCRIPTION = "Lockstep"
PAGE_SIZE = 1000


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    settings: Mapping[str, Any]


class Known(Opened, Protocol):
    def whoami(self) -> tuple[str, str]: ...


@dataclass(frozen=True, slots=True)
class Status:
    """A status of one board; the same name has another id on each."""

    id: str
    name: str
    board_id: str
    is_closed: bool
    is_default: bool


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Known) -> CheckReport:
    """Which version answers, who are we, and which boards may be read. Writing is up to the member's security role."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = version = ""
    try:
        info = client.session.get("/system/info").body
        version = str(info.get("version") or "") if isinstance(info, dict) else ""
        checks.append(Check("reachable", True, f"{client.session.base_url} {version}".strip()))
        account, account_id = client.whoami()
        checks.append(Check("authenticated", True, account))
        checks.append(_boards_check(client))
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    is_good = all(one.ok for one in checks)
    return CheckReport(is_good, checks, elapsed, account, account_id, version)


def _boards_check(client: Opened) -> Check:
    found = {one.id: one.name for one in boards(client)}
    lost = [id for id in ids_in(client.settings.get("board_ids")) if id not in found]
    if lost:
        fix = "Pick the boards again, or let the API member's role see them."
        return Check("may_read", False, f"No board {', '.join(lost)} can be read.", fix)
    return Check("may_read", True, ", ".join(found.values())[:200])


# --- lists to pick from ------------------------------------------------------------------------------------------


def rows(client: Opened, path: str, **params: Any) -> Iterator[Mapping[str, Any]]:
    """All rows of a short list, page after page."""
    page = 1
    while True:
        answer = client.session.get(path, params={**params, "page": page, "pageSize": PAGE_SIZE})
        found = rows_in(answer.body, "", path)
        yield from (row for row in found if isinstance(row, dict) and row.get("id") is not None)
        if len(found) < PAGE_SIZE:
            return
        page += 1


def boards(client: Opened) -> list[Container]:
    found = rows(client, "/service/boards", conditions="inactiveFlag=false")
    return [
        Container(
            str(row["id"]),
            str(row.get("name") or ""),
            "board",
            extra={"project": bool(row.get("projectFlag"))},
        )
        for row in found
    ]


def statuses(client: Opened, board_id: str) -> list[Status]:
    path = fill_path("/service/boards/{id}/statuses", {"id": board_id})
    return [
        Status(
            str(row["id"]),
            str(row.get("name") or ""),
            board_id,
            bool(row.get("closedStatus")),
            bool(row.get("defaultFlag")),
        )
        for row in sorted(rows(client, path), key=lambda row: float(row.get("sortOrder") or 0))
        if not row.get("inactive")
    ]


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: board, status, type, team (of a board), priority, project, phase (of a project), project_status, company.

    Without a kind: the boards. Statuses without a board: those of the chosen boards, named after their board too.
    """
    match kind:
        case "" | "board":
            return boards(client)
        case "status":
            return _status_containers(client, parent_id)
        case "type" | "team" if parent_id:
            path = fill_path(f"/service/boards/{{id}}/{kind}s", {"id": parent_id})
            return _named(client, path, kind, parent_id)
        case "priority":
            return [
                Container(str(row["id"]), str(row.get("name") or ""), kind, extra={"level": row.get("level")})
                for row in rows(client, "/service/priorities")
            ]
        case "project":
            return _named(client, "/project/projects", kind, conditions="closedFlag=false")
        case "phase" if parent_id:
            path = fill_path("/project/projects/{id}/phases", {"id": parent_id})
            return [
                Container(str(row["id"]), str(row.get("description") or ""), kind, parent_id)
                for row in rows(client, path)
            ]
        case "project_status":
            return _named(client, "/project/statuses", kind)
        case "company":
            return _named(client, "/company/companies", kind, conditions="deletedFlag=false")
    return []


def _named(client: Opened, path: str, kind: str, parent_id: str = "", **params: Any) -> list[Container]:
    return [
        Container(str(row["id"]), str(row.get("name") or ""), kind, parent_id or None)
        for row in rows(client, path, **params)
    ]


def _status_containers(client: Opened, board_id: str) -> list[Container]:
    """Of one board; else of the chosen service boards, for service tickets, and of project boards, for theirs."""
    chosen, everywhere = ids_in(client.settings.get("board_ids")), boards(client)
    wanted = [one for one in everywhere if one.id == board_id] if board_id else _chosen(everywhere, chosen)
    kinds = [bool(one.extra["project"]) for one in wanted]
    return [
        Container(
            one.id,
            one.name if kinds.count(bool(board.extra["project"])) == 1 else f"{board.name}: {one.name}",
            "status",
            board.id,
            extra={
                "category": "done" if one.is_closed else "new" if one.is_default else "indeterminate",
                "resource": "project_ticket" if board.extra["project"] else "ticket",
            },
        )
        for board in wanted
        for one in statuses(client, board.id)
    ]


def _chosen(everywhere: list[Container], chosen: list[str]) -> list[Container]:
    """The chosen boards; of a kind that none was chosen of, all."""
    found = []
    for is_project in (False, True):
        alike = [one for one in everywhere if bool(one.extra["project"]) == is_project]
        found += [one for one in alike if one.id in chosen] or alike
    return found


# --- callback ----------------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str) -> WebhookRegistration | None:
    """One callback for all tickets; ConnectWise switches it off after three days of failures, this wakes it up."""
    present = _callbacks(client, url)
    for spare in present[1:]:
        client.session.request("DELETE", _path(spare), expect_json=False, ok=(404,))
    if present:
        row: Any = present[0]
        if row.get("inactiveFlag"):
            row = client.session.request("PATCH", _path(row), json=patch({"inactiveFlag": False})).body
    else:
        body = {
            "description": DESCRIPTION,
            "url": url,
            "type": "ticket",
            "level": "owner",
            "objectId": 1,
            "inactiveFlag": False,
        }
        row = client.session.request("POST", "/system/callbacks", json=body).body
    if not isinstance(row, dict) or row.get("id") is None:
        raise ContractBroken("The answer holds no callback.")
    return WebhookRegistration(str(row["id"]), url, ("ticket",), not row.get("inactiveFlag"))


def remove_webhooks(client: Opened, url: str) -> int:
    present = _callbacks(client, url)
    for row in present:
        client.session.request("DELETE", _path(row), expect_json=False, ok=(404,))
    return len(present)


def _callbacks(client: Opened, url: str) -> list[Mapping[str, Any]]:
    return [row for row in rows(client, "/system/callbacks") if row.get("url") == url]


def _path(row: Mapping[str, Any]) -> str:
    return fill_path("/system/callbacks/{id}", {"id": row["id"]})


def board_scope(settings: Mapping[str, Any]) -> str:
    """The condition that keeps listings to the chosen boards; "" for all."""
    return one_of("board/id", ids_in(settings.get("board_ids")))


def project_scope(settings: Mapping[str, Any]) -> str:
    return one_of("project/id", ids_in(settings.get("project_ids")))
