"""What a person meets when setting up: the connection test, and projects, boards and statuses to pick from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, SyncError
from connectors.base.paths import read_path
from connectors.base.types import Check, CheckReport, Container

from .session import SCOPES, JiraSession

API = "/rest/api/3"
AGILE = "/rest/agile/1.0"
MAX_PAGES = 50
PERMISSIONS = {
    "CREATE_ISSUES": "create issues",
    "EDIT_ISSUES": "edit issues",
    "TRANSITION_ISSUES": "change their status",
    "ASSIGN_ISSUES": "assign them",
    "ADD_COMMENTS": "comment",
    "DELETE_ISSUES": "delete issues",
}
#: deleting is off unless somebody asks for it, so its lack is told but fails no test
OPTIONAL = ("DELETE_ISSUES",)


class Opened(Protocol):
    """What these functions need of the client."""

    session: JiraSession
    settings: Mapping[str, Any]
    project_ref: str
    board_id: str

    def myself(self) -> Mapping[str, Any]: ...

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def missing_permissions(self, *names: str) -> list[str]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we (``/myself``: other calls go on as nobody with wrong credentials), and what may we do in the project."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = version = ""
    missing: list[str] = []
    try:
        me = client.myself()
        account, account_id = str(me.get("displayName") or ""), str(me["accountId"])
        info = client.session.get(f"{API}/serverInfo").body
        version = str(read_path(info, "version", "") or "")
        checks += [Check("reachable", True, client.session.site()), Check("authenticated", True, account)]
        if client.session.is_gateway:
            missing = _missing_scopes(client)
        if client.project_ref:
            checks += _project_checks(client)
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(
        all(one.ok for one in checks), checks, elapsed, account, account_id, version or "3", missing
    )


def _project_checks(client: Opened) -> list[Check]:
    project = client.project(afresh=True)
    name = f"{project.get('name')} ({project.get('key')})"
    lacking = client.missing_permissions("BROWSE_PROJECTS", *PERMISSIONS, "ADMINISTER")
    if "BROWSE_PROJECTS" in lacking:
        return [Check("may_read", False, name, "Give the account the permission “Browse projects”.")]
    found = [Check("may_read", True, name)]
    words = ", ".join(said for permission, said in PERMISSIONS.items() if permission in lacking)
    is_enough = not [one for one in lacking if one in PERMISSIONS and one not in OPTIONAL]
    detail = f"It may not: {words}." if words else ""
    fix = "" if is_enough else "Give the account these permissions in the project, or let the hub only read."
    found.append(Check("may_write", is_enough, detail, fix))
    if client.session.is_gateway:
        found.append(Check("webhooks", True, "Registered for this app; refreshed before they expire."))
    elif "ADMINISTER" in lacking:
        found.append(Check("webhooks", True, "A Jira administrator has to register the webhook by hand."))
    else:
        found.append(Check("webhooks", True))
    return found


def _missing_scopes(client: Opened) -> list[str]:
    """Scopes the grant lacks, where the gateway tells (OAuth)."""
    try:
        rows = rows_in(client.session.get("/oauth/token/accessible-resources").body, "", "sites")
    except SyncError:
        return []  # an API token with scopes is not told
    cloud_id = client.session.cloud_id()
    for row in rows:
        if isinstance(row, dict) and row.get("id") == cloud_id:
            held = {str(scope) for scope in row.get("scopes") or ()}
            return [scope for scope in SCOPES if scope not in held and scope != "offline_access"]
    return []


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: project, status, board, board_column and sprint (of a board), version, component, user, priority,
    issue_type, resolution, label, custom_field. Without a kind: the projects; without a parent: the configured one.
    """
    project = parent_id or client.project_ref
    board = parent_id or client.board_id
    match kind:
        case "" | "project":
            return [_project(client, row) for row in _paged(client, f"{API}/project/search", status="live")]
        case "status":
            return list(_statuses(client, project)) if project else []
        case "board":
            boards = _paged(client, f"{AGILE}/board", projectKeyOrId=project or None)
            return [_plain(row, kind, project) for row in boards]
        case "board_column" if board:
            return list(_columns(client, board))
        case "sprint" if board:
            path = fill_path(f"{AGILE}/board/{{id}}/sprint", {"id": board})
            sprints = _paged(client, path, state="active,future")
            return [_plain(row, kind, board, state=row.get("state")) for row in sprints]
        case "version" | "component" if project:
            path = fill_path(f"{API}/project/{{id}}/{kind}", {"id": project})
            return [_plain(row, kind, project) for row in _paged(client, path)]
        case "user" if project:
            params = {"project": project, "maxResults": 1000}
            rows = _rows(client, f"{API}/user/assignable/search", params)
            return [Container(row["accountId"], row["displayName"], kind, project) for row in rows]
        case "priority" | "resolution":
            return [_plain(row, kind) for row in _paged(client, f"{API}/{kind}/search")]
        case "issue_type" if project:
            return [
                _plain(row, kind, project, subtask=row.get("subtask")) for row in issue_types(client, project)
            ]
        case "label":
            names = _paged(client, f"{API}/label")
            return [Container(str(name), str(name), kind) for name in names]
        case "custom_field":
            rows = [row for row in _rows(client, f"{API}/field") if row.get("custom")]
            return [_plain(row, kind, type=read_path(row, "schema.type", None)) for row in rows]
    return []


def _project(client: Opened, row: Mapping[str, Any]) -> Container:
    url = f"{client.session.site()}/browse/{row['key']}"
    extra = {"key": row["key"], "type": row.get("projectTypeKey"), "team_managed": row.get("simplified")}
    return Container(str(row["id"]), f"{row['name']} ({row['key']})", "project", None, url, extra)


def _plain(row: Mapping[str, Any], kind: str, parent_id: str | None = None, **extra: Any) -> Container:
    return Container(str(row["id"]), str(row["name"]), kind, parent_id, extra=extra)


def _statuses(client: Opened, project: str) -> Iterator[Container]:
    """Each status once, though several issue types use it; in the order of work as far as the category tells."""
    path = fill_path(f"{API}/project/{{id}}/statuses", {"id": project})
    seen: dict[str, Container] = {}
    for issue_type in _rows(client, path):
        for row in issue_type.get("statuses") or ():
            category = read_path(row, "statusCategory.key", None)
            seen.setdefault(
                str(row["id"]), _plain(row, "status", project, category=category, resource="issue")
            )
    order = {"new": 0, "indeterminate": 1, "done": 2}
    yield from sorted(seen.values(), key=lambda one: order.get(str(one.extra["category"]), 1))


def _columns(client: Opened, board: str) -> Iterator[Container]:
    path = fill_path(f"{AGILE}/board/{{id}}/configuration", {"id": board})
    columns = read_path(client.session.get(path).body, "columnConfig.columns", None)
    for place, row in enumerate(columns if isinstance(columns, list) else ()):
        ids = [str(one["id"]) for one in row.get("statuses") or ()]
        extra = {"statuses": ids, "max": row.get("max")}
        yield Container(f"{board}:{place}", str(row["name"]), "board_column", board, extra=extra)


def issue_types(client: Opened, project: str = "") -> list[Mapping[str, Any]]:
    """The types that can be created in the project."""
    path = fill_path(f"{API}/issue/createmeta/{{id}}/issuetypes", {"id": project or client.project_ref})
    answer = client.session.get(path, params={"maxResults": 200})
    return [row for row in rows_in(answer.body, "issueTypes", "issue types") if isinstance(row, dict)]


def route(client: Opened) -> tuple[str, ...]:
    """Ids of the statuses on the way through the workflow that a person named, in order; empty if none was."""
    text = str(client.settings.get("status_route") or "")
    names = [part.strip().casefold() for part in text.split(">") if part.strip()]
    if not names:
        return ()
    by_name = {one.name.casefold(): one.id for one in _statuses(client, client.project_ref)}
    return tuple(by_name.get(name, name) for name in names)


def _rows(client: Opened, path: str, params: Mapping[str, Any] | None = None) -> list[Any]:
    rows = rows_in(client.session.get(path, params=params).body, "", path)
    if not all(isinstance(row, dict) for row in rows):
        raise ContractBroken(f"The listing {path} holds something other than objects.")
    return rows


def _paged(client: Opened, path: str, **params: Any) -> Iterator[Any]:
    """Rows of a listing with ``values`` and ``isLast``, over all its pages."""
    start = 0
    for _ in range(MAX_PAGES):
        answer = client.session.get(path, params={**params, "startAt": start, "maxResults": 50})
        rows = rows_in(answer.body, "values", path)
        yield from rows
        if not rows or read_path(answer.body, "isLast", False) is True:
            return
        start += len(rows)
