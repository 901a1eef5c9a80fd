"""What a person meets when setting up: the connection test, the lists to pick from, the webhook."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Protocol

from connectors.base.client import failed_check
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RecordGone,
    SyncError,
)
from connectors.base.paging import MAX_PAGES
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from .issues import Options
from .reading import PAGE_SIZE, access_level, next_page
from .webhooks import signing_token

PLANNER, MAINTAINER = 15, 40
SOON = timedelta(days=14)


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    options: Options
    has_token: bool

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def address(self, template: str, **values: Any) -> str: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, until when, may we read and write the project and the group's epics, may we register webhooks."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = version = ""
    missing: tuple[str, ...] = ()
    try:
        me = client.session.get("/user").body
        account, account_id = str(read_path(me, "username", "")), str(read_path(me, "id", ""))
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        version = _version(client)
        token, missing = _token_checks(client)
        checks += token
        project = client.project(afresh=True)
        checks += [*_project_checks(project), _webhook_check(project)]
        if client.options.group:
            checks.append(_epics_check(client))
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    is_ok = all(one.ok for one in checks if one.name not in ("webhooks", "token_expiry")) and not missing
    return CheckReport(is_ok, checks, elapsed, account, account_id, version, missing)


def _version(client: Opened) -> str:
    """The server's version; the older address where the newer is not there yet."""
    for path in ("/metadata", "/version"):
        try:
            return str(read_path(client.session.get(path).body, "version", "") or "")
        except (RecordGone, PermissionProblem):
            continue
    return ""


def _token_checks(client: Opened) -> tuple[list[Check], tuple[str, ...]]:
    """Scopes and last day of an access token; an OAuth grant has no such page."""
    if not client.has_token:
        return [], ()
    try:
        token = client.session.get("/personal_access_tokens/self").body
    except (RecordGone, PermissionProblem):
        return [], ()
    scopes = read_path(token, "scopes", None)
    missing = ("api",) if isinstance(scopes, list) and "api" not in scopes else ()
    checks = [
        Check(
            "scopes",
            not missing,
            ", ".join(map(str, scopes or ())),
            "Make a token with the scope api." if missing else "",
        )
    ]
    expires = str(read_path(token, "expires_at", "") or "")
    if expires:
        left = _day(expires) - client.session.environment.now().date()
        fix = "" if left > SOON else "Rotate the token and enter the new one before that day."
        checks.append(Check("token_expiry", left > SOON, f"good until {expires}", fix))
    return checks, missing


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ContractBroken("The token's last day cannot be read.") from None


def _project_checks(project: Mapping[str, Any]) -> list[Check]:
    name = str(project.get("path_with_namespace") or "")
    found = [Check("may_read", True, name)]
    if project.get("issues_enabled") is False:
        found[0] = Check(
            "may_read", False, f"{name} has no issues.", "Switch issues on in the project's settings."
        )
    level = access_level(project)
    if project.get("archived"):
        found.append(
            Check("may_write", False, f"{name} is archived.", "Unarchive it, or let the hub only read.")
        )
    elif 0 < level < PLANNER:
        fix = "Give the account the role Planner or Reporter, or higher."
        found.append(
            Check("may_write", False, f"Level {level}: labels, people and states cannot be set.", fix)
        )
    else:
        found.append(Check("may_write", True, f"level {level}" if level else "the level is not shown"))
    return found


def _webhook_check(project: Mapping[str, Any]) -> Check:
    if access_level(project) < MAINTAINER:
        fix = "Give the account the role Maintainer, or add the webhook by hand. Until then the hub polls."
        return Check("webhooks", False, "The account may not manage webhooks.", fix)
    return Check("webhooks", True, "can be registered")


def _epics_check(client: Opened) -> Check:
    try:
        client.session.get(client.address("/groups/{group}/epics"), params={"per_page": 1})
    except (RecordGone, PermissionProblem):
        fix = "Epics need GitLab Premium or Ultimate and access to the group. Without them, empty the field “Group”."
        return Check("epics", False, f"The epics of {client.options.group} cannot be read.", fix)
    return Check("epics", True, client.options.group)


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: namespace (a group), project (of one), milestone, label, person, board, board_list (of one), status.

    Without a kind: groups and projects.
    """
    if kind == "":
        return [*_namespaces(client), *_projects(client, "")]
    makers = {
        "namespace": lambda: _namespaces(client),
        "project": lambda: _projects(client, parent_id),
        "milestone": lambda: [
            Container(
                str(row["id"]),
                str(row.get("title")),
                "milestone",
                None,
                str(row.get("web_url") or ""),
                {"state": row.get("state")},
            )
            for row in _rows(
                client, client.address("/projects/{project}/milestones"), include_parent_milestones="true"
            )
        ],
        "label": lambda: [
            Container(str(row["id"]), str(row.get("name")), "label", extra={"colour": row.get("color")})
            for row in _labels(client)
        ],
        "person": lambda: [
            Container(str(row["id"]), str(row.get("name")), "person", None, str(row.get("web_url") or ""))
            for row in _rows(client, client.address("/projects/{project}/members/all"))
        ],
        "status": lambda: _statuses(client),
        "board": lambda: [
            Container(str(row["id"]), str(row.get("name")), "board")
            for row in _rows(client, client.address("/projects/{project}/boards"))
        ],
        "board_list": lambda: _board_lists(client, parent_id),
    }
    return makers[kind]() if kind in makers else []


def _namespaces(client: Opened) -> list[Container]:
    """Groups the account takes part in."""
    rows = _rows(client, "/groups", min_access_level=10, all_available="false")
    return [
        Container(
            str(row.get("full_path") or row["id"]),
            str(row.get("full_name") or row.get("name")),
            "namespace",
            None,
            str(row.get("web_url") or ""),
            {"number": row["id"]},
        )
        for row in rows
    ]


def _projects(client: Opened, group: str) -> list[Container]:
    if group:
        rows = _rows(
            client,
            client.address("/groups/{owner}/projects", owner=group),
            include_subgroups="true",
            archived="false",
        )
    else:
        rows = _rows(client, "/projects", membership="true", simple="true", archived="false", order_by="id")
    return [
        Container(
            str(row.get("path_with_namespace") or row["id"]),
            str(row.get("name_with_namespace") or row.get("name")),
            "project",
            str(read_path(row, "namespace.full_path", "") or "") or None,
            str(row.get("web_url") or ""),
            {"number": row["id"]},
        )
        for row in rows
    ]


def _labels(client: Opened) -> Iterator[Mapping[str, Any]]:
    return _rows(client, client.address("/projects/{project}/labels"), include_ancestor_groups="true")


def _statuses(client: Opened) -> list[Container]:
    """The words ``hub.status`` can take, for the status map: both states, and each label that shows a stage."""
    names = [str(row.get("name")) for row in _labels(client) if client.options.is_stage(str(row.get("name")))]
    stages = [
        Container(f"opened/{name}", name.rpartition("::")[2], "status", extra={"label": name})
        for name in names
    ]
    return [
        Container("opened", "Open", "status"),
        *stages,
        Container("closed", "Closed", "status", extra={"category": "done"}),
    ]


def _board_lists(client: Opened, board: str) -> list[Container]:
    if not board:
        return []
    rows = _rows(client, client.address("/projects/{project}/boards/{board}/lists", board=board))
    return [
        Container(
            str(row["id"]),
            str(read_path(row, "label.name", "") or f"List {row['id']}"),
            "board_list",
            board,
            extra={"position": row.get("position")},
        )
        for row in rows
    ]


def _rows(client: Opened, path: str, **params: Any) -> Iterator[Mapping[str, Any]]:
    """All rows of a list, page by page."""
    page = "1"
    for _ in range(MAX_PAGES):
        answer = client.session.get(path, params={**params, "per_page": PAGE_SIZE, "page": page})
        rows = answer.body if isinstance(answer.body, list) else None
        if rows is None or not all(isinstance(row, dict) and row.get("id") is not None for row in rows):
            raise ContractBroken("The answer holds no list of what was asked for.", exchange=answer.exchange)
        yield from rows
        page = next_page(answer.headers)
        if not page:
            return
    raise ContractBroken(f"The listing did not end after {MAX_PAGES} pages.")


# --- webhook -----------------------------------------------------------------------------------------------------

_EVENTS = (
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "milestone_events",
)
_NOT_THESE = (
    "push_events",  # on by default
    "merge_requests_events",
    "tag_push_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "releases_events",
)


def ensure_webhook(client: Opened, url: str, secret: str) -> WebhookRegistration:
    """The project's webhook for ``url`` as it should be: made, or put right, which also wakes one that GitLab switched
    off after failures. It signs where the server can (``signing_token`` is ignored where it cannot) and bears the token."""
    wanted = {
        "url": url,
        "token": secret,
        "signing_token": signing_token(secret),
        "enable_ssl_verification": url.startswith("https://"),
        "custom_webhook_template": "",
        **dict.fromkeys(_EVENTS, True),
        **dict.fromkeys(_NOT_THESE, False),
    }
    path = client.address("/projects/{project}/hooks")
    try:
        same = [hook for hook in _rows(client, path) if hook.get("url") == url]
        for extra in same[1:]:
            client.session.request("DELETE", f"{path}/{extra['id']}", expect_json=False, ok=(404,))
        if same:
            hook = client.session.request("PUT", f"{path}/{same[0]['id']}", json=wanted).body
        else:
            hook = client.session.request("POST", path, json=wanted).body
    except RecordGone as error:
        message = "The account may not manage this project's webhooks."
        raise PermissionProblem(message, status=error.status, exchange=error.exchange) from error
    id = read_path(hook, "id", None)
    if id is None:
        raise ContractBroken("The answer holds no webhook.")
    events = tuple(name for name in _EVENTS if hook.get(name))
    return WebhookRegistration(str(id), url, events, hook.get("alert_status") in (None, "executable"))


def remove_webhooks(client: Opened, url: str) -> int:
    removed = 0
    path = client.address("/projects/{project}/hooks")
    for hook in list(_rows(client, path)):
        if hook.get("url") == url:
            client.session.request("DELETE", f"{path}/{hook['id']}", expect_json=False, ok=(404,))
            removed += 1
    return removed
