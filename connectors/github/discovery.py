"""What a person meets when setting up: the connection test, the lists to pick from, the webhook."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check
from connectors.base.errors import ConfigurationProblem, PermissionProblem, RecordGone, SyncError
from connectors.base.paging import MAX_PAGES, parse_links
from connectors.base.paths import read_path
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from .board import Board
from .issues import Options
from .session import API_VERSION, GitHubSession
from .webhooks import SUBSCRIBED


class Opened(Protocol):
    """What these functions need of the client."""

    session: GitHubSession
    owner: str
    repo: str
    options: Options
    is_app: bool
    board: Board | None

    def repository(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def repository_path(self, tail: str = "", **values: Any) -> str: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, may we read and write the repository, may we register webhooks, how much quota is left."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    missing: tuple[str, ...] = ()
    try:
        account, account_id, missing = whoami(client)
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        checks += _repository_checks(client.repository(afresh=True))
        if client.board is not None:
            checks.append(_project_check(client.board))
        checks += [_webhook_check(client), _rate_check(client)]
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    is_ok = all(one.ok for one in checks if one.name != "webhooks")
    return CheckReport(is_ok, checks, elapsed, account, account_id, API_VERSION, missing)


def whoami(client: Opened) -> tuple[str, str, tuple[str, ...]]:
    """Login, number and missing scopes. An app's installation has no user of its own."""
    if client.is_app:
        client.session.get("/installation/repositories", params={"per_page": 1})
        return "GitHub App", "app", ()
    answer = client.session.get("/user")
    granted = answer.headers.get("x-oauth-scopes")  # classic tokens only; fine-grained ones do not say
    scopes = {one.strip() for one in (granted or "").split(",")}
    missing = ("repo",) if granted is not None and not scopes & {"repo", "public_repo"} else ()
    if client.board is not None and granted is not None and "project" not in scopes:
        missing = (*missing, "project")
    return str(read_path(answer.body, "login", "")), str(read_path(answer.body, "id", "")), missing


def _repository_checks(repository: Mapping[str, Any]) -> list[Check]:
    name = str(repository.get("full_name") or "")
    found = [Check("may_read", True, name)]
    if repository.get("has_issues") is False:
        found[0] = Check(
            "may_read", False, f"{name} has no issues.", "Switch issues on in the repository's settings."
        )
    permissions = repository.get("permissions") or {}
    if repository.get("archived"):
        found.append(
            Check("may_write", False, f"{name} is archived.", "Unarchive it, or let the hub only read.")
        )
    elif permissions and not (permissions.get("push") or permissions.get("triage")):
        detail = "Labels, people and milestones of issues cannot be set: GitHub drops them silently."
        found.append(Check("may_write", False, detail, "Give the account the triage or write role."))
    else:
        found.append(
            Check("may_write", True, ", ".join(sorted(role for role, has in permissions.items() if has)))
        )
    return found


def _project_check(board: Board) -> Check:
    """May the project be seen and changed, and has it the fields that the settings name?"""
    try:
        project = board.project(afresh=True)
    except ConfigurationProblem as error:
        fix = "Give the token the right, or correct the project's number and its fields in the settings."
        return Check("project", False, error.message, fix)
    named = ", ".join(one.name for one in project.fields.values())
    if not project.can_update:
        detail = f"{project.title} can be read, but not changed."
        fix = "Grant the scope “project” (fine-grained or app: Projects, read and write) and the role Write on the project."
        return Check("project", False, detail, fix)
    return Check("project", True, f"{project.title}{' (closed)' if project.is_closed else ''}: {named}")


def _webhook_check(client: Opened) -> Check:
    try:
        client.session.get(client.repository_path("/hooks"), params={"per_page": 1})
    except (RecordGone, PermissionProblem):
        fix = "Grant Webhooks: read and write, or add the webhook by hand. Until then the hub polls."
        return Check("webhooks", False, "The token may not manage webhooks.", fix)
    return Check("webhooks", True, "can be registered")


def _rate_check(client: Opened) -> Check:
    try:
        core = read_path(client.session.get("/rate_limit").body, "resources.core", {}) or {}
    except RecordGone:
        return Check("rate_limit", True, "switched off on this server")
    left, limit = core.get("remaining"), core.get("limit")
    return Check("rate_limit", left != 0, f"{left} of {limit} requests left this hour")


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: owner, repository (of an owner), milestone, label, assignee, status, project (of an owner).

    Without a kind: owners and repositories.
    """
    if kind == "":
        return [*_owners(client), *_repositories(client, "")]
    makers = {
        "owner": lambda: _owners(client),
        "repository": lambda: _repositories(client, parent_id),
        "milestone": lambda: [
            Container(
                str(row["number"]), row["title"], "milestone", None, row["html_url"], {"state": row["state"]}
            )
            for row in _rows(client, client.repository_path("/milestones"), {"state": "all"})
        ],
        "label": lambda: [
            Container(str(row["id"]), row["name"], "label", extra={"colour": f"#{row['color']}"})
            for row in _rows(client, client.repository_path("/labels"))
        ],
        "assignee": lambda: [
            Container(str(row["id"]), row["login"], "assignee", None, row["html_url"])
            for row in _rows(client, client.repository_path("/assignees"))
        ],
        "status": lambda: _statuses(client),
        "project": lambda: _projects(client, parent_id or client.owner),
    }
    return makers[kind]() if kind in makers else []


def _owners(client: Opened) -> list[Container]:
    if client.is_app:
        return [Container(client.owner, client.owner, "owner")] if client.owner else []
    me = client.session.get("/user").body
    own = Container(me["login"], me["login"], "owner", None, me.get("html_url") or "", {"type": "User"})
    rows = _rows(client, "/user/orgs")
    return [
        own,
        *(Container(row["login"], row["login"], "owner", extra={"type": "Organization"}) for row in rows),
    ]


def _repositories(client: Opened, owner: str) -> list[Container]:
    if client.is_app:
        rows = _rows(client, "/installation/repositories", rows_at="repositories")
    else:
        rows = _rows(client, "/user/repos", {"sort": "full_name"})
    return [
        Container(
            row["full_name"],
            row["full_name"],
            "repository",
            row["owner"]["login"],
            row["html_url"],
            {
                "has_issues": row.get("has_issues", True),
                "archived": row.get("archived", False),
                "number": row["id"],
            },
        )
        for row in rows
        if not owner or row["owner"]["login"].lower() == owner.lower()
    ]


def _statuses(client: Opened) -> list[Container]:
    """The words ``hub.status`` can take, for the status map."""
    if client.board is not None:
        return _board_statuses(client.board)
    words = {"open": "Open"}
    words |= {f"open/{word}": f"Open, labelled “{label}”" for word, label in client.options.stages.items()}
    words |= {
        "closed/completed": "Closed as completed",
        "closed/not_planned": "Closed as not planned",
        "closed/duplicate": "Closed as duplicate",
    }
    return [Container(word, name, "status") for word, name in words.items()]


def _board_statuses(board: Board) -> list[Container]:
    """The options of the project's Status, and the states of an issue that has none or is closed."""
    project = board.project(afresh=True)
    status = project.fields["status"]
    options = [
        Container(
            f"open/{id}", name, "status", project.id, project.url,
            {"resource": "issue", "colour": status.colours.get(id, "")},
        )
        for id, name in status.options.items()
    ]  # fmt: skip
    words = {
        "open": "Open: no status in the project",
        "closed/completed": "Closed: completed",
        "closed/not_planned": "Closed: not planned",
        "closed/duplicate": "Closed: duplicate",
    }
    return [
        *options,
        *(Container(word, name, "status", extra={"resource": "issue"}) for word, name in words.items()),
    ]


def _projects(client: Opened, owner: str) -> list[Container]:
    """Projects of an organisation, else of a user; none where the token may not see them."""
    for path in (f"/orgs/{owner}/projectsV2", f"/users/{owner}/projectsV2"):
        try:
            rows = list(_rows(client, path))
        except (RecordGone, PermissionProblem):
            continue
        return [
            Container(
                str(row["number"]), row["title"], "project", owner, extra={"node_id": row.get("node_id")}
            )
            for row in rows
        ]
    return []


def _rows(
    client: Opened, path: str, params: Mapping[str, Any] | None = None, *, rows_at: str = ""
) -> Iterator[Any]:
    """All rows of a short list, following the Link header."""
    answer = client.session.get(path, params={**(params or {}), "per_page": 100})
    for _ in range(MAX_PAGES):
        yield from read_path(answer.body, rows_at, []) or []
        target = parse_links(answer.headers.get("link", "")).get("next")
        if not target:
            return
        answer = client.session.get(target)


# --- webhook -----------------------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str, secret: str) -> WebhookRegistration:
    """The repository's webhook for ``url`` as it should be: made, or put right. Duplicates of it are removed."""
    config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
    wanted = {"active": True, "events": list(SUBSCRIBED), "config": config}
    path = client.repository_path("/hooks")
    try:
        same = [hook for hook in _rows(client, path) if read_path(hook, "config.url", "") == url]
        for extra in same[1:]:
            client.session.request("DELETE", client.repository_path("/hooks/{id}", id=extra["id"]), ok=(404,))
        if same:
            target = client.repository_path("/hooks/{id}", id=same[0]["id"])
            hook = client.session.request("PATCH", target, json=wanted, is_repeatable=True).body
        else:
            hook = client.session.request("POST", path, json={"name": "web", **wanted}).body
    except RecordGone as error:
        message = "The token may not manage this repository's webhooks."
        raise PermissionProblem(message, status=error.status, exchange=error.exchange) from error
    return WebhookRegistration(str(hook["id"]), url, tuple(hook["events"]), bool(hook["active"]))


def remove_webhooks(client: Opened, url: str) -> int:
    removed = 0
    for hook in list(_rows(client, client.repository_path("/hooks"))):
        if read_path(hook, "config.url", "") == url:
            client.session.request("DELETE", client.repository_path("/hooks/{id}", id=hook["id"]), ok=(404,))
            removed += 1
    return removed
