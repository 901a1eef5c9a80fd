"""What a person meets when setting up: the connection test, pipelines and stages to pick from, the key property, webhooks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connectors.base.client import failed_check, fill_path, rows_in
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RecordGone,
    SyncError,
)
from connectors.base.paths import read_path
from connectors.base.session import ApiSession
from connectors.base.types import Check, CheckReport, Container, WebhookRegistration

from .objects import OBJECTS, ObjectType
from .webhooks import SUBSCRIBED

PAGE = 100


class Opened(Protocol):
    """What these functions need of the client."""

    session: ApiSession
    settings: Mapping[str, Any]
    objects_path: str
    pipeline: str
    key_property: str
    developer_key: str

    def whoami(self) -> tuple[str, str]: ...


# --- connection test ---------------------------------------------------------------------------------------------


def check(client: Opened) -> CheckReport:
    """Who are we, and which kinds of records may the token read."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = ""
    missing: list[str] = []
    try:
        account, account_id = client.whoami()
        checks += [Check("reachable", True, client.session.base_url), Check("authenticated", True, account)]
        readable, missing = _readable(client)
        fix = f"Add to the app's scopes: {', '.join(missing)}." if missing else ""
        detail = f"{', '.join(readable) or 'nothing'} can be read"
        checks.append(
            Check(
                "may_read",
                bool(readable),
                detail + (f"; missing {', '.join(missing)}" if missing else ""),
                fix,
            )
        )
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    version = str(client.settings.get("api_version") or "v3")
    ok = all(one.ok for one in checks)
    return CheckReport(ok, checks, elapsed, account, account_id, version, missing)


def _readable(client: Opened) -> tuple[list[str], list[str]]:
    """Names of the types that can be read, and the scopes that the others need."""
    readable: list[str] = []
    missing: list[str] = []
    wanted = {
        kind.path: (f"{client.objects_path}/{kind.path}", f"{kind.scope}.read") for kind in OBJECTS.values()
    }
    wanted["owners"] = ("/crm/v3/owners/", "crm.objects.owners.read")
    for name, (path, scope) in wanted.items():
        try:
            client.session.get(path, params={"limit": 1})
        except PermissionProblem:
            missing.append(scope)
        else:
            readable.append(name)
    return readable, sorted(set(missing))


def record_url(account: Mapping[str, Any], kind: ObjectType, data: Mapping[str, Any], id: str) -> str:
    """Where people see the record; "" where the account could not be asked."""
    portal, domain = account.get("portalId"), account.get("uiDomain") or "app.hubspot.com"
    if not portal:
        return ""
    site = f"https://{domain}"
    if kind.path == "tasks":
        return f"{site}/tasks/{portal}/view/all/task/{id}"
    if kind.parent:
        owner = next(one for one in OBJECTS.values() if one.path == kind.parent)
        parent = read_path(data, "hub.parent", None)
        return f"{site}/contacts/{portal}/record/{owner.type_id}/{parent}?engagement={id}" if parent else ""
    return f"{site}/contacts/{portal}/record/{kind.type_id}/{id}"


# --- lists to pick from ------------------------------------------------------------------------------------------


def containers(client: Opened, kind: str, parent_id: str) -> list[Container]:
    """Kinds: pipeline, stage (of deals), status (of contacts as leads), owner, property (of the type given as parent).

    Without a kind: pipelines, stages and statuses.
    """
    match kind:
        case "":
            found = [*_pipelines(client.session), *stages(client.session, client.pipeline)]
            return [*found, *_lead_statuses(client.session)]
        case "pipeline":
            return _pipelines(client.session)
        case "stage" | "pipeline_stage":
            return stages(client.session, parent_id or client.pipeline)
        case "owner" | "user" | "member":
            return list(_owners(client.session))
        case "status" | "lead_status":
            return _lead_statuses(client.session)
        case "property" | "custom_field":
            return list(_properties(client.session, parent_id or "deals"))
    return []


def _lead_statuses(session: ApiSession) -> list[Container]:
    """What a contact's hs_lead_status may be; nothing where the token may not read properties."""
    try:
        body = session.get("/crm/v3/properties/contacts/hs_lead_status").body
    except (PermissionProblem, RecordGone):
        return []
    return [
        Container(
            str(row["value"]), str(row.get("label") or row["value"]), "status", extra={"resource": "contact"}
        )
        for row in rows_in(body, "options", "lead statuses")
        if isinstance(row, dict) and row.get("value")
    ]


def _deal_pipelines(session: ApiSession) -> list[Mapping[str, Any]]:
    rows = rows_in(session.get("/crm/v3/pipelines/deals").body, "results", "pipelines")
    alive = [row for row in rows if isinstance(row, dict) and row.get("id") and not row.get("archived")]
    return sorted(alive, key=lambda row: float(row.get("displayOrder") or 0))


def _pipelines(session: ApiSession) -> list[Container]:
    return [
        Container(str(row["id"]), str(row.get("label") or row["id"]), "pipeline")
        for row in _deal_pipelines(session)
    ]


def stages(session: ApiSession, pipeline: str) -> list[Container]:
    """Stages in the order of the board, of one pipeline or ("") of all; their ids are unique in the account."""
    pipelines = [row for row in _deal_pipelines(session) if not pipeline or row["id"] == pipeline]
    found: list[Container] = []
    for row in pipelines:
        rows = [one for one in rows_in(row, "stages", "stages") if isinstance(one, dict) and one.get("id")]
        for one in sorted(rows, key=lambda each: float(each.get("displayOrder") or 0)):
            label = str(one.get("label") or one["id"])
            name = f"{row.get('label')}: {label}" if len(pipelines) > 1 else label
            extra = {"resource": "deal", "probability": read_path(one, "metadata.probability", None)}
            if not one.get("archived"):
                found.append(Container(str(one["id"]), name, "stage", str(row["id"]), extra=extra))
    return found


def _owners(session: ApiSession) -> Iterator[Container]:
    after: Any = None
    while True:
        body = session.get("/crm/v3/owners/", params={"limit": PAGE, "after": after}).body
        for row in rows_in(body, "results", "owners"):
            names = [str(row[part]) for part in ("firstName", "lastName") if row.get(part)]
            name = " ".join(names) or str(row.get("email") or row.get("id"))
            yield Container(str(row.get("id")), name, "owner", extra={"email": row.get("email")})
        following = read_path(body, "paging.next.after", None)
        if following in (None, "", after):
            return
        after = following


def _properties(session: ApiSession, path: str) -> Iterator[Container]:
    answer = session.get(fill_path("/crm/v3/properties/{type}", {"type": path}))
    for row in rows_in(answer.body, "results", "properties"):
        if isinstance(row, dict) and row.get("name") and not row.get("hidden"):
            extra = {
                "type": row.get("type"),
                "read_only": bool(
                    row.get("calculated") or read_path(row, "modificationMetadata.readOnlyValue", False)
                ),
                "options": [one.get("value") for one in row.get("options") or ()],
            }
            yield Container(
                str(row["name"]), str(row.get("label") or row["name"]), "property", path, extra=extra
            )


# --- the key that makes a create repeatable ----------------------------------------------------------------------


def ensure_key_property(session: ApiSession, path: str, name: str) -> None:
    """Makes the unique property that carries the hub's key, once per type. At most ten such per type (HubSpot's limit)."""
    address = fill_path("/crm/v3/properties/{type}/{name}", {"type": path, "name": name})
    help_text = f"Create a unique text property {name!r} for {path} in HubSpot, or set “Key property” to off."
    try:
        found = session.get(address).body
        if not isinstance(found, dict) or not found.get("hasUniqueValue"):
            raise ConfigurationProblem(
                f"The property {name!r} of {path} is not unique. {help_text}", code="validation"
            )
        return
    except RecordGone:
        pass
    group = {"companies": "companyinformation", "contacts": "contactinformation", "deals": "dealinformation"}
    body = {
        "name": name,
        "label": "Lockstep key",
        "description": "By this Lockstep knows what it made. Do not edit.",
        "type": "string",
        "fieldType": "text",
        "groupName": group.get(path, path.removesuffix("s")),
        "hasUniqueValue": True,
    }
    try:
        session.request("POST", fill_path("/crm/v3/properties/{type}", {"type": path}), json=body, ok=(409,))
    except PermissionProblem as error:
        raise ConfigurationProblem(
            f"The token may not create properties. {help_text}", code="permission"
        ) from error


# --- webhooks of a public app ------------------------------------------------------------------------------------


def ensure_webhook(client: Opened, url: str) -> WebhookRegistration | None:
    """Address and subscriptions of the app whose id and developer key were given; None without them."""
    app, params = _app(client)
    if not app:
        return None
    base = fill_path("/webhooks/v3/{app}", {"app": app})
    present = client.session.get(f"{base}/settings", params=params, ok=(404,))
    target = str(read_path(present.body, "targetUrl", "") or "") if present.status == 200 else ""
    if target and target != url:
        raise ConfigurationProblem(
            "This HubSpot app sends to another address; an app has one. Use an app of its own.",
            code="validation",
        )
    if not target:
        body = {"targetUrl": url, "throttling": {"maxConcurrentRequests": 10}}
        client.session.request("PUT", f"{base}/settings", params=params, json=body)
    rows = rows_in(
        client.session.get(f"{base}/subscriptions", params=params).body, "results", "subscriptions"
    )
    there = {(row.get("eventType"), row.get("propertyName") or "") for row in rows if isinstance(row, dict)}
    for event, name in SUBSCRIBED:
        if (event, name) not in there:
            wanted = {"eventType": event, "active": True} | ({"propertyName": name} if name else {})
            client.session.request("POST", f"{base}/subscriptions", params=params, json=wanted)
    return WebhookRegistration(app, url, tuple(sorted({event for event, _ in SUBSCRIBED})))


def remove_webhooks(client: Opened, url: str) -> int:
    app, params = _app(client)
    if not app:
        return 0
    path = fill_path("/webhooks/v3/{app}/settings", {"app": app})
    present = client.session.get(path, params=params, ok=(404,))
    if present.status == 404 or read_path(present.body, "targetUrl", None) != url:
        return 0
    client.session.request("DELETE", path, params=params, expect_json=False, ok=(404,))
    return 1


def _app(client: Opened) -> tuple[str, Mapping[str, Any]]:
    app = str(client.settings.get("app_id") or "").strip()
    key = client.developer_key
    if app and not app.isdigit():
        raise ContractBroken("The app's id is no number.", code="validation")
    return (app, {"hapikey": key}) if app and key else ("", {})
