"""What a person meets when setting up: the connection test, stages and statuses to pick from, fields and people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import ContractBroken, SyncError
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container

from .objects import SOBJECTS

STAGES = (
    "SELECT MasterLabel, ApiName, IsActive, SortOrder, IsClosed, IsWon, DefaultProbability FROM OpportunityStage "
    "WHERE IsActive = true ORDER BY SortOrder"
)
TASK_STATUSES = "SELECT MasterLabel, ApiName, IsClosed FROM TaskStatus ORDER BY SortOrder"
LEAD_STATUSES = "SELECT MasterLabel, ApiName, IsConverted FROM LeadStatus ORDER BY SortOrder"
PEOPLE = "SELECT Id, Name, Email FROM User WHERE UserType = 'Standard' AND IsActive = true ORDER BY Name"


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    settings: Mapping[str, Any]
    root: str
    key_field: str


def whoami(session: ApiSession) -> Mapping[str, Any]:
    """user_id, organization_id, name, preferred_username."""
    me = session.get("/services/oauth2/userinfo").body
    if not isinstance(me, dict) or not me.get("user_id") or not me.get("organization_id"):
        raise ContractBroken("The answer does not say whose token this is.")
    return me


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, what may this user see and write, how many requests are left today."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    version = client.root.rpartition("/")[2]
    try:
        me = whoami(client.session)
        account, account_id = (
            str(me.get("preferred_username") or me.get("name") or ""),
            str(me["organization_id"]),
        )
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        checks.append(_version_check(client.session, version))
        checks += _rights(client)
        limits = client.session.get(f"{client.root}/limits").body
        left = read_path(limits, "DailyApiRequests.Remaining", None)
        fix = "Wait, or raise the org's limit of API requests."
        checks.append(
            Check(
                "rate_limit", left != 0, f"{left} requests left in these 24 hours", fix if left == 0 else ""
            )
        )
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id, version)


def _version_check(session: ApiSession, version: str) -> Check:
    offered = {
        f"v{read_path(row, 'version', '')}"
        for row in rows_in(session.get("/services/data").body, "", "versions")
    }
    if version in offered:
        return Check("version", True, version)
    return Check(
        "version", False, f"The org does not offer {version}.", "Set the API version to one it offers."
    )


def _rights(client: Opened) -> list[Check]:
    rows = rows_in(client.session.get(f"{client.root}/sobjects").body, "sobjects", "objects")
    known = {row.get("name"): row for row in rows if isinstance(row, dict)}
    hidden = [one.name for one in SOBJECTS.values() if not (known.get(one.name) or {}).get("queryable")]
    fixed = [
        one.name
        for one in SOBJECTS.values()
        if one.deletable and not (known.get(one.name) or {}).get("updateable")
    ]
    readable = len(hidden) < len(SOBJECTS)
    detail = f"not visible: {', '.join(hidden)}" if hidden else "all objects are visible"
    checks = [Check("may_read", readable, detail, "" if readable else "Give the user access to the objects.")]
    checks.append(
        Check("may_write", True, f"read only: {', '.join(fixed)}" if fixed else "all objects can be changed")
    )
    return checks


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(session: ApiSession, root: str, kind: str, parent_id: str) -> list[Container]:
    """Kinds: stage (of opportunities), status (of leads and tasks), user, object, field (of the object given as parent).

    Without a kind: stages and statuses.
    """
    match kind:
        case "":
            return [*stages(session, root), *_statuses(session, root)]
        case "stage":
            return stages(session, root)
        case "status":
            return _statuses(session, root)
        case "user" | "owner" | "member":
            return [
                Container(str(row.get("Id")), str(row.get("Name")), "user", extra={"email": row.get("Email")})
                for row in _query(session, root, PEOPLE)
            ]
        case "object":
            return [Container(one.name, one.name, "object") for one in SOBJECTS.values()]
        case "field" | "custom_field":
            return list(_fields(session, root, parent_id or "Opportunity"))
    return []


def stages(session: ApiSession, root: str) -> list[Container]:
    """Active stages of opportunities in their order; records hold the API name."""
    found = []
    for row in _query(session, root, STAGES):
        value = str(row.get("ApiName") or row.get("MasterLabel") or "")
        extra = {
            "resource": "opportunity",
            "probability": row.get("DefaultProbability"),
            "is_closed": row.get("IsClosed"),
            "is_won": row.get("IsWon"),
        }
        if value:
            found.append(Container(value, str(row.get("MasterLabel") or value), "stage", extra=extra))
    return found


def _statuses(session: ApiSession, root: str) -> list[Container]:
    """Of leads and of tasks, which may bear the same names."""
    found = []
    for resource, query, flag in (
        ("lead", LEAD_STATUSES, "IsConverted"),
        ("task", TASK_STATUSES, "IsClosed"),
    ):
        for row in _query(session, root, query):
            value = str(row.get("ApiName") or row.get("MasterLabel") or "")
            extra = {"resource": resource, flag: row.get(flag)}
            if value:
                found.append(Container(value, str(row.get("MasterLabel") or value), "status", extra=extra))
    return found


def _fields(session: ApiSession, root: str, name: str) -> Iterator[Container]:
    path = fill_path(f"{root}/sobjects/{{name}}/describe", {"name": name})
    for row in rows_in(session.get(path).body, "fields", "fields"):
        if isinstance(row, dict) and row.get("name"):
            extra = {
                "type": row.get("type"),
                "writable": bool(row.get("updateable") and not row.get("calculated")),
                "external_id": bool(row.get("externalId")),
                "options": [
                    one.get("value") for one in row.get("picklistValues") or () if one.get("active", True)
                ],
            }
            yield Container(
                str(row["name"]), str(row.get("label") or row["name"]), "field", name, extra=extra
            )


def _query(session: ApiSession, root: str, soql: str) -> Iterator[Mapping[str, Any]]:
    answer = session.get(f"{root}/query", params={"q": soql})
    while True:
        yield from (row for row in rows_in(answer.body, "records", "rows") if isinstance(row, dict))
        following = read_path(answer.body, "nextRecordsUrl", None)
        if read_path(answer.body, "done", None) is not False or not isinstance(following, str):
            return
        answer = session.get(following)
