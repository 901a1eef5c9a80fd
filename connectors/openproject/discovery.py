"""What a person meets when setting up: the connection test and the lists to pick from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check
from connectors.base.errors import ConfigurationProblem, ContractBroken, SyncError
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container

from .packages import id_in, titles


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    site: str
    labels_field: str
    settings: Mapping[str, Any]

    def project(self, *, afresh: bool = False) -> Mapping[str, Any]: ...

    def listed(self, path: str) -> list[Mapping[str, Any]]: ...

    def address(self, template: str, **values: Any) -> str: ...

    def form(self, external_id: str, lock_version: Any) -> Any: ...

    def all_projects(self) -> list[Mapping[str, Any]]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, may we read and write the project, does the type of the settings exist."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = version = ""
    try:
        me = client.session.get("/users/me").body
        account, account_id = str(read_path(me, "name", "") or ""), str(read_path(me, "id", "") or "")
        if read_path(me, "login", None) in (None, "") and read_path(me, "_links.showUser", None) is None:
            # an installation that lets strangers in answers a wrong token with its stranger
            raise ConfigurationProblem("OpenProject took the account for an anonymous visitor.", status=401)
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        version = str(read_path(client.session.get("").body, "coreVersion", "") or "")
        checks += [*_project_checks(client), _deletion_check(me, client.settings)]
        checks.append(
            Check("webhooks", True, "An administrator adds the webhook by hand; until then the hub polls.")
        )
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id, version)


def _project_checks(client: Opened) -> list[Check]:
    project = client.project(afresh=True)
    name = str(project.get("name") or "")
    found = [Check("may_read", True, name)]
    if project.get("active") is False:
        found.append(
            Check(
                "may_write",
                False,
                f"{name} is archived.",
                "Take it out of the archive, or let the hub only read.",
            )
        )
    elif read_path(project, "_links.createWorkPackageImmediately", None) is None:
        fix = "Give the account a role that may create and edit work packages and comment on them."
        found.append(Check("may_write", False, f"The account may not create work packages in {name}.", fix))
    else:
        found.append(Check("may_write", True, "work packages can be created"))
    types = client.listed(client.address("/projects/{project}/types"))
    wanted = str(client.settings.get("type") or "").strip().casefold()
    names = [str(row.get("name") or "") for row in types]
    if wanted and not any(wanted in (str(row["id"]), str(row.get("name") or "").casefold()) for row in types):
        found.append(
            Check("type", False, f"The project has no type {wanted!r}.", f"Choose one of {', '.join(names)}.")
        )
    return found


def _deletion_check(me: Any, settings: Mapping[str, Any]) -> Check:
    is_admin = read_path(me, "admin", None) is True
    says_so = str(settings.get("sees_all") or "").strip().lower() in ("1", "true", "yes", "on")
    if is_admin or says_so:
        return Check("deletions", True, "A missing work package was deleted.")
    return Check(
        "deletions",
        True,
        "A missing work package may have moved out of sight: nothing is deleted here for it.",
    )


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: project; of the project type, version, category, person; of the instance status, priority; and transition,
    the statuses that a work package (``parent_id``) may take now. Without a kind: projects."""
    match kind:
        case "" | "project":
            rows = client.all_projects()
            return [
                Container(
                    str(row.get("identifier") or row["id"]),
                    str(row.get("name")),
                    "project",
                    id_in(read_path(row, "_links.parent.href", None)),
                    f"{client.site}/projects/{row.get('identifier') or row['id']}",
                    {"number": row["id"]},
                )
                for row in rows
            ]
        case "status":
            return [
                Container(str(row["id"]), str(row.get("name")), "status", extra={"category": _category(row)})
                for row in client.listed("/statuses")
            ]
        case "priority":
            return [
                Container(str(row["id"]), str(row.get("name")), "priority")
                for row in client.listed("/priorities")
            ]
        case "transition":
            return _transitions(client, parent_id)
    paths = {
        "type": "types",
        "version": "versions",
        "category": "categories",
        "person": "available_assignees",
    }
    if kind not in paths:
        return []
    tail = paths[kind]
    path = (
        client.address(f"/projects/{{owner}}/{tail}", owner=parent_id)
        if parent_id
        else client.address(f"/projects/{{project}}/{tail}")
    )
    return [
        Container(str(row["id"]), str(row.get("name")), kind, parent_id or None)
        for row in client.listed(path)
    ]


def _category(row: Mapping[str, Any]) -> str:
    """What kind of a status it is, for the suggestion of a stage."""
    return "done" if row.get("isClosed") else "new" if row.get("isDefault") else "indeterminate"


def _transitions(client: Opened, external_id: str) -> list[Container]:
    if not external_id:
        return []
    package = client.session.get(client.address("/work_packages/{id}", id=external_id)).body
    form = client.form(external_id, read_path(package, "lockVersion", 0))
    links = read_path(form, "_embedded.schema.status._links.allowedValues", None)
    if not isinstance(links, list):
        raise ContractBroken("The form does not say which statuses are allowed.")
    found = [(id_in(read_path(link, "href", None)), titles(link)) for link in links]
    return [Container(id, names[0], "transition", external_id) for id, names in found if id and names]
