"""What a person meets when setting up: the connection test, projects and sections to pick from, the webhook."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path
from connectors.base.errors import ContractBroken, SyncError
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from . import tasks
from .webhooks import FILTERS

API_VERSION = "1.0"


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    project_id: str
    key_field: str

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def workspace_id(self) -> str: ...

    def whoami(self) -> tuple[str, str]: ...

    def custom_fields(self) -> dict[str, tasks.CustomField]: ...

    def priority_field(self) -> str: ...

    def every(self, path: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, may we read the project, and does it have the fields that were set."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    try:
        account, account_id = client.whoami()
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        if client.project_id:
            checks += _project_checks(client)
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id, API_VERSION)


def _project_checks(client: Opened) -> list[Check]:
    project = client.project(afresh=True)
    name = str(project.get("name") or "")
    found = [Check("may_read", True, name)]
    if project.get("archived"):
        fix = "Take the project out of the archive, or let the hub only read."
        return [*found, Check("may_write", False, f"{name} is archived.", fix)]
    fields = client.custom_fields()
    key = fields.get(client.key_field)
    if client.key_field and client.key_field != tasks.EXTERNAL_KEY and (key is None or key.kind != "text"):
        fix = "Add a text field to the project and choose it as the field for the hub's key."
        return [
            *found,
            Check("may_write", False, "The project has no such text field for the hub's key.", fix),
        ]
    priority = fields.get(client.priority_field())
    detail = f"priority in “{priority.name}”" if priority else "no priority field in this project"
    return [*found, Check("may_write", True, detail), Check("webhooks", True)]


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: workspace, project (of a workspace), team (of a workspace), section and status (of a project), tag, user,
    custom_field.

    Without a kind: workspaces and projects, and with a project chosen the statuses its tasks can have.
    """
    project = parent_id or client.project_id
    match kind:
        case "":
            places = [*_workspaces(client), *_projects(client, "")]
            return [*places, *_statuses(client, project)] if project else places
        case "workspace":
            return list(_workspaces(client))
        case "project":
            return list(_projects(client, parent_id))
        case "team":
            return _plain(client, "/workspaces/{id}/teams", parent_id or client.workspace_id(), kind)
        case "section":
            return _sections(client, project)
        case "status":
            return _statuses(client, project)
        case "tag":
            return _plain(client, "/workspaces/{id}/tags", parent_id or client.workspace_id(), kind)
        case "user":
            return _users(client, parent_id or client.workspace_id())
        case "custom_field":
            return [
                Container(
                    one.gid, one.name, kind, project, extra={"type": one.kind, "options": dict(one.options)}
                )
                for one in client.custom_fields().values()
            ]
    return []


def _workspaces(client: Opened) -> Iterator[Container]:
    for row in client.every("/workspaces", {"opt_fields": "name"}):
        yield Container(_gid(row), _name(row), "workspace")


def _projects(client: Opened, workspace: str) -> Iterator[Container]:
    for id in [workspace] if workspace else [one.id for one in _workspaces(client)]:
        params = {"workspace": id, "archived": False, "opt_fields": "name,permalink_url"}
        for row in client.every("/projects", params):
            yield Container(_gid(row), _name(row), "project", id, str(row.get("permalink_url") or ""))


def _plain(client: Opened, path: str, parent: str, kind: str) -> list[Container]:
    rows = client.every(fill_path(path, {"id": parent}), {"opt_fields": "name"})
    return [Container(_gid(row), _name(row), kind, parent) for row in rows]


def _users(client: Opened, workspace: str) -> list[Container]:
    rows = client.every("/users", {"workspace": workspace, "opt_fields": "name,email"})
    return [
        Container(_gid(row), _name(row), "user", workspace, extra={"email": row.get("email")}) for row in rows
    ]


def _sections(client: Opened, project: str) -> list[Container]:
    return _plain(client, "/projects/{id}/sections", project, "section") if project else []


def _statuses(client: Opened, project: str) -> list[Container]:
    """The words ``hub.status`` can take. Completed stands first: it is Asana's own word for done."""
    if not project:
        return []
    return [
        Container(tasks.COMPLETED, "Completed", "status", project, extra={"category": "done"}),
        *_sections(client, project),
        Container(tasks.OPEN, "Not in a section (subtasks)", "status", project, extra={"category": "to_do"}),
    ]


def _gid(row: Mapping[str, Any]) -> str:
    return str(row.get("gid") or "")


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("name") or _gid(row))


# --- webhook -----------------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str) -> WebhookRegistration | None:
    """Makes the project's webhook, or brings its filters up to date. Asana asks the address while we wait.

    A webhook that Asana switched off is made anew, since nothing switches it on again.
    """
    present = _webhooks(client, url)
    usable = [row for row in present if row.get("active")]
    for row in [one for one in present if one not in usable] + usable[1:]:
        _delete(client, row)
    if not usable:
        body = {"resource": client.project_id, "target": url, "filters": list(FILTERS)}
        answer = client.session.request("POST", "/webhooks", json={"data": body})
        secret = read_path(answer.body, "X-Hook-Secret", None)
        if not isinstance(secret, str) or not secret:
            raise ContractBroken("Asana made the webhook but did not tell what it signs with.")
        return _registration(read_path(answer.body, "data", None), url, secret)
    row = usable[0]
    if not _has_our_filters(row):
        path = fill_path("/webhooks/{id}", {"id": row.get("gid")})
        row = read_path(
            client.session.request("PUT", path, json={"data": {"filters": list(FILTERS)}}).body, "data", None
        )
    return _registration(row, url, "")


def _registration(row: Any, url: str, secret: str) -> WebhookRegistration:
    if not isinstance(row, dict) or not row.get("gid"):
        raise ContractBroken("The answer holds no webhook.")
    events = tuple(f"{one['resource_type']}.{one['action']}" for one in FILTERS)
    return WebhookRegistration(str(row["gid"]), url, events, bool(row.get("active", True)), secret)


def _has_our_filters(row: Mapping[str, Any]) -> bool:
    def plain(filters: Any) -> list[Any]:
        return sorted(
            (
                str(one.get("resource_type")),
                str(one.get("resource_subtype")),
                str(one.get("action")),
                sorted(one.get("fields") or ()),
            )
            for one in filters or ()
        )

    return plain(row.get("filters")) == plain(FILTERS)


def remove_webhooks(client: Opened, url: str) -> int:
    present = _webhooks(client, url)
    for row in present:
        _delete(client, row)
    return len(present)


def _webhooks(client: Opened, url: str) -> list[Mapping[str, Any]]:
    fields = "target,active,filters.resource_subtype,filters.action,filters.fields"
    params = {"workspace": client.workspace_id(), "resource": client.project_id, "opt_fields": fields}
    return [row for row in client.every("/webhooks", params) if row.get("target") == url]


def _delete(client: Opened, row: Mapping[str, Any]) -> None:
    path = fill_path("/webhooks/{id}", {"id": row.get("gid")})
    client.session.request("DELETE", path, expect_json=False, ok=(404,))
