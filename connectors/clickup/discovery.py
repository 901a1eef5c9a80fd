"""What a person meets when setting up: the connection test, spaces and lists to pick from, the webhook."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, SyncError
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from . import tasks
from .webhooks import SUBSCRIBED

API_VERSION = "2"
#: what each level of permission on a list may do
MAY_WRITE = frozenset({"create", "edit", "full", ""})


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    list_id: str
    key_field: str

    def the_list(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def space_id(self) -> str: ...

    def team_id(self) -> str: ...

    def whoami(self) -> tuple[str, str]: ...

    def custom_fields(self) -> dict[str, tasks.CustomField]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, may we read and write the list, does it have the field that was set."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    try:
        account, account_id = client.whoami()
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        if client.list_id:
            checks += _list_checks(client)
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id, API_VERSION)


def _list_checks(client: Opened) -> list[Check]:
    row = client.the_list(afresh=True)
    name = str(row.get("name") or "")
    found = [Check("may_read", True, name)]
    level = str(row.get("permission_level") or "")
    if row.get("archived") or level not in MAY_WRITE:
        what = "is archived" if row.get("archived") else f"may only be used to {level}"
        return [
            *found,
            Check("may_write", False, f"{name} {what}.", "Give the account the right to edit the list."),
        ]
    key = client.custom_fields().get(client.key_field)
    if client.key_field and (key is None or key.kind not in ("short_text", "text")):
        fix = "Add a text field to the list and choose it as the field for the hub's key."
        return [*found, Check("may_write", False, "The list has no such text field for the hub's key.", fix)]
    client.team_id()
    return [*found, Check("may_write", True, level), Check("webhooks", True)]


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: workspace, space (of a workspace), folder (of a space), task_list (of a space), status, member and
    custom_field (of the list), tag. Spaces and lists are those of all workspaces where no parent is named.

    Without a kind: workspaces, spaces and lists, and with a list chosen its statuses.
    """
    match kind:
        case "":
            places = list(_places(client))
            return [*places, *_statuses(client, client.list_id)] if client.list_id else places
        case "workspace":
            return teams(client)
        case "space":
            homes = [parent_id] if parent_id else [team.id for team in teams(client)]
            return [space for home in homes for space in spaces(client, home)]
        case "folder":
            return [
                _container(row, kind, parent_id) for row in _folders(client, parent_id or client.space_id())
            ]
        case "task_list" if parent_id:
            return list(_lists(client, parent_id))
        case "task_list":
            return [place for place in _places(client) if place.kind == kind]
        case "status":
            return _statuses(client, parent_id or client.list_id)
        case "member":
            path = fill_path("/v2/list/{id}/member", {"id": parent_id or client.list_id})
            return [
                Container(
                    str(row.get("id")),
                    str(row.get("username") or row.get("email") or row.get("id")),
                    kind,
                    extra={"email": row.get("email")},
                )
                for row in _rows(client, path, "members")
            ]
        case "tag":
            path = fill_path("/v2/space/{id}/tag", {"id": parent_id or client.space_id()})
            return [
                Container(
                    str(row.get("name")), str(row.get("name")), kind, extra={"colour": row.get("tag_bg")}
                )
                for row in _rows(client, path, "tags")
            ]
        case "custom_field":
            return [
                Container(one.id, one.name, kind, client.list_id, extra={"type": one.kind})
                for one in client.custom_fields().values()
            ]
    return []


def _places(client: Opened) -> Iterator[Container]:
    for team in teams(client):
        yield team
        for space in spaces(client, team.id):
            yield space
            yield from _lists(client, space.id)


def teams(client: Opened) -> list[Container]:
    return [_container(row, "workspace", None) for row in _rows(client, "/v2/team", "teams")]


def spaces(client: Opened, team: str) -> list[Container]:
    path = fill_path("/v2/team/{id}/space", {"id": team})
    return [_container(row, "space", team) for row in _rows(client, path, "spaces", archived=False)]


def _folders(client: Opened, space: str) -> list[Mapping[str, Any]]:
    return _rows(client, fill_path("/v2/space/{id}/folder", {"id": space}), "folders", archived=False)


def folder_lists(client: Opened, space: str) -> list[Mapping[str, Any]]:
    """The lists that are in folders of the space."""
    found = [row for folder in _folders(client, space) for row in folder.get("lists") or ()]
    return [row for row in found if isinstance(row, dict)]


def _lists(client: Opened, space: str) -> Iterator[Container]:
    """Called task_list, since a list of ClickUp is no status but holds them."""
    path = fill_path("/v2/space/{id}/list", {"id": space})
    for row in (*_rows(client, path, "lists", archived=False), *folder_lists(client, space)):
        yield _container(row, "task_list", space)


def _statuses(client: Opened, list_id: str) -> list[Container]:
    """The words ``hub.status`` can take, in the list's order."""
    row = (
        client.the_list()
        if list_id == client.list_id
        else client.session.get(fill_path("/v2/list/{id}", {"id": list_id})).body
    )
    found = [one for one in rows_in(row, "statuses", "statuses") if isinstance(one, dict)]
    ordered = sorted(found, key=lambda one: float(one.get("orderindex") or 0))
    return [
        Container(
            str(one.get("status") or "").casefold(),
            str(one.get("status") or ""),
            "status",
            list_id,
            extra={"category": tasks.CLASSES.get(str(one.get("type")), "")},
        )
        for one in ordered
        if one.get("status")
    ]


def _container(row: Mapping[str, Any], kind: str, parent: str | None) -> Container:
    id = str(row.get("id") or "")
    return Container(id, str(row.get("name") or id), kind, parent)


def _rows(client: Opened, path: str, at: str, **params: Any) -> list[Mapping[str, Any]]:
    rows = rows_in(client.session.get(path, params=params).body, at, at)
    return [row for row in rows if isinstance(row, dict)]


# --- webhook -----------------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str) -> WebhookRegistration | None:
    """Makes the list's webhook; one that ClickUp suspended, or that lacks events, is made anew."""
    present = _webhooks(client, url)
    usable = [one for one in present if _is_usable(one)]
    for row in [one for one in present if one not in usable] + usable[1:]:
        _delete(client, row)
    if usable:
        return _registration(usable[0], url)
    body = {"endpoint": url, "events": list(SUBSCRIBED), "list_id": int(client.list_id)}
    path = fill_path("/v2/team/{id}/webhook", {"id": client.team_id()})
    return _registration(
        read_path(client.session.request("POST", path, json=body).body, "webhook", None), url
    )


def _is_usable(row: Mapping[str, Any]) -> bool:
    has_events = set(SUBSCRIBED) <= {str(one) for one in row.get("events") or ()}
    return has_events and read_path(row, "health.status", "active") == "active"


def _registration(row: Any, url: str) -> WebhookRegistration:
    if not isinstance(row, dict) or not row.get("id"):
        raise ContractBroken("The answer holds no webhook.")
    return WebhookRegistration(str(row["id"]), url, SUBSCRIBED, True, str(row.get("secret") or ""))


def remove_webhooks(client: Opened, url: str) -> int:
    present = _webhooks(client, url)
    for row in present:
        _delete(client, row)
    return len(present)


def _webhooks(client: Opened, url: str) -> list[Mapping[str, Any]]:
    rows = _rows(client, fill_path("/v2/team/{id}/webhook", {"id": client.team_id()}), "webhooks")
    return [
        row for row in rows if row.get("endpoint") == url and str(row.get("list_id") or "") == client.list_id
    ]


def _delete(client: Opened, row: Mapping[str, Any]) -> None:
    path = fill_path("/v2/webhook/{id}", {"id": row.get("id")})
    client.session.request("DELETE", path, expect_json=False, ok=(404,))
