"""Makes declarations of a configuration: resources with their links, pagers, auth, limits, error rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.auth import ApiKey, Basic, Bearer, NoAuth, OAuth2, OAuth2Settings, SessionLogin
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.limits import LimitHeaders
from connectors.base.paging import CursorToken, LinkHeader, NextUrl, Offset, OnePage, PageNumber, Pager
from connectors.base.paths import MISSING, read_path
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import Can, CreateClass, LinkSpec, RateBudget, Resource

from .config import problems_of
from .templates import fill_header, fill_json, fill_path, fill_text

Config = Mapping[str, Any]

RECORD_TYPES = {"time_entry": "participation_log"}
_DATETIME_STYLES = {
    "iso8601": "z",
    "iso8601_ms": "ms",
    "iso8601_no_colon": "compact_offset",
    "rfc1123": "rfc1123",
}


def resources_for(settings: Mapping[str, Any]) -> list[Resource]:
    """The resources of ``settings["config"]``; none while the configuration is missing or wrong."""
    config = settings.get("config")
    if not isinstance(config, Mapping) or problems_of(config):
        return []
    return [resource_of(name, declared, config) for name, declared in config["resources"].items()]


def resource_of(name: str, declared: Config, config: Config) -> Resource:
    """One resource as the engine knows it."""
    fields = [field for field in declared.get("fields", ()) if field.get("direction", "both") != "none"]
    listing = declared["list"]
    incremental = listing.get("incremental", {})
    parent = declared.get("parent", {})
    refers = {str(field["ref_resource"]) for field in fields if field.get("ref_resource")} | (
        {parent["resource"]} if parent else set()
    )
    can = {Can.LIST, Can.GET} | {Can(call) for call in ("create", "update", "delete") if call in declared}
    links = tuple(link_of(field) for field in fields)
    return Resource(
        name=name,
        record_type=RECORD_TYPES.get(str(declared["entity"]), str(declared["entity"])),
        label=declared.get("label") or name.replace("_", " ").capitalize(),
        can=frozenset(can),
        links=links,
        create_class=_create_class(declared),
        parent="" if parent.get("selected_ids") else parent.get("resource", ""),
        lists_across_parents=not any(f"{{{name}}}" in str(listing) for name in parent.get("bind", {})),
        refers_to=tuple(sorted((refers - {name}) & set(config["resources"]))),
        incremental=bool(incremental) and not incremental.get("client_side", False),
        list_is_complete=listing.get("complete", True)
        and declared.get("delete_detection", "full_sweep") in ("full_sweep",),
        absence_check=declared.get("delete_detection", "full_sweep") != "none",
        version_check="precondition" in declared.get("update", {}),
        status_links=tuple(
            link.key or link.local
            for link, field in zip(links, fields, strict=True)
            if field.get("type") == "enum" and link.local in ("stage", "state")
        ),
        page_size=int(listing["pagination"].get("size") or listing["pagination"].get("limit") or 100),
    )


def _create_class(declared: Config) -> CreateClass:
    if "idempotency_header" in declared.get("create", {}):
        return CreateClass.KEYED
    if "external_key_path" in declared and "find_by_key" in declared:
        return CreateClass.MARKER
    return CreateClass.UNPROVABLE


def link_of(field: Config) -> LinkSpec:
    """The link of a configured field. Its external path is the read path; the client knows the write path."""
    read, write = field.get("read"), field.get("write", field.get("read"))
    direction = {"in": "in", "out": "out"}.get(field.get("direction", "both"), "both")
    if not write:
        direction = "in"
    elif not read:
        direction = "out"
    return LinkSpec(
        local=field["canonical"],
        external=str(read or write),
        transform=transform_of(field),
        direction=direction,
        required=field.get("required", False),
        default=field.get("default"),
    )


def transform_of(field: Config) -> dict[str, Any] | None:
    """The transform that a field's type and options stand for."""
    kind, style, zone = field.get("type", "string"), field.get("format", ""), field.get("timezone", "UTC")
    match kind:
        case "text" | "html" | "markdown":
            return {"name": "rich_text", "format": "plain" if kind == "text" else kind}
        case "integer" | "decimal":
            decimals = {"decimals": field["decimals"]} if "decimals" in field else {}
            return {"name": "number", **decimals}
        case "boolean":
            return {"name": "boolean"}
        case "date":
            if style in ("epoch_s", "epoch_ms"):
                return {"name": "date", "as": style, "zone": zone}
            return (
                {"name": "date", "as": "instant", "zone": zone}
                if style in _DATETIME_STYLES
                else {"name": "date"}
            )
        case "datetime":
            if style in ("epoch_s", "epoch_ms"):
                return {"name": style}
            return {"name": "datetime", "zone": zone, "style": _DATETIME_STYLES.get(style, "z")}
        case "duration_s" | "duration_h" | "duration_iso":
            return {
                "name": "duration",
                "unit": {"duration_s": "seconds", "duration_h": "hours", "duration_iso": "iso"}[kind],
            }
        case "enum":
            return _enum(field.get("value_map", {}))
        case "ref":
            return {
                "name": "lookup",
                "resource": field.get("ref_resource", ""),
                "key": field.get("key", "id"),
            }
        case "list" if field.get("ref_resource"):
            return {"name": "lookup_set", "resource": field["ref_resource"], "key": field.get("key", "id")}
        case "list":
            return {"name": "set", **({"key": field["key"]} if "key" in field else {})}
        case _:
            return None


def _enum(value_map: Mapping[str, Any]) -> dict[str, Any]:
    """``value_map`` names ours → theirs; a list says several of theirs mean the same, the first is sent."""
    table: dict[str, str] = {}
    back: dict[str, Any] = {}
    for ours, theirs in value_map.items():
        several = theirs if isinstance(theirs, list) else [theirs]
        for one in several:
            table[_key(one)] = ours
        back[ours] = several[0]
    kinds = {type(value) for value in back.values()}
    cast = "integer" if kinds == {int} else "boolean" if kinds == {bool} else "string"
    return {"name": "enum", "map": table, "back": back, "as": cast}


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def pager_of(declared: Config) -> Pager:
    """The pager of a ``pagination`` block."""
    place = declared.get("in", "query")
    match declared["kind"]:
        case "page":
            return PageNumber(
                param=declared["page_param"], start=declared.get("start", 1), size_param=declared.get("size_param", ""),
                size=declared.get("size", 0), place=place, total_pages_path=declared.get("total_pages_path", ""),
                total_path=declared.get("total_path", ""), has_more_path=declared.get("has_more_path", ""),
                last_page_header=declared.get("last_page_header", ""),
            )  # fmt: skip
        case "offset":
            return Offset(
                param=declared["offset_param"], limit_param=declared["limit_param"], limit=declared["limit"], place=place,
                total_path=declared.get("total_path", ""), has_more_path=declared.get("has_more_path", ""),
            )  # fmt: skip
        case "cursor":
            return CursorToken(
                param=declared["cursor_param"], path=declared.get("cursor_path", ""), header=declared.get("cursor_header", ""),
                last_record_field=declared.get("last_record_field", ""), place=place, size_param=declared.get("size_param", ""),
                size=declared.get("size", 0), has_more_path=declared.get("has_more_path", ""),
                keeps_other_params=declared.get("keep_other_params", True),
            )  # fmt: skip
        case "link_header":
            return LinkHeader(
                header=declared.get("header", "Link"),
                rel=declared.get("rel", "next"),
                is_bare_url=declared.get("bare_url", False),
            )
        case "next_url":
            return NextUrl(declared["path"])
        case _:
            return OnePage()


def auth_of(config: Config, secrets: Mapping[str, Any]) -> NoAuth:
    """How the configured connection proves itself. Raises ``ConfigurationProblem`` for a missing secret."""
    declared = config["auth"]

    def secret(name: str) -> Any:
        return secrets.get(declared.get(name, {}).get("secret_ref", ""), "")

    match declared["kind"]:
        case "api_key":
            return ApiKey(
                declared["name"], secret("secret"), place=declared["in"], prefix=declared.get("prefix", "")
            )
        case "bearer":
            return Bearer(secret("secret"))
        case "basic":
            return Basic(secret("username"), secret("password"))
        case "oauth2":
            return _oauth2(declared, secrets)
        case "session":
            return _session_login(declared, config, secrets)
        case _:
            return NoAuth()


def _oauth2(declared: Config, secrets: Mapping[str, Any]) -> OAuth2:
    settings = OAuth2Settings(
        token_url=declared["token_url"], grant=declared["grant"], client_auth=declared.get("client_auth", "body"),
        body_format=declared.get("body_format", "form"), scopes=tuple(declared.get("scopes", ())), extra=declared.get("extra", {}),
        access_token_path=declared.get("access_token_path", "access_token"), refresh_token_path=declared.get("refresh_token_path", "refresh_token"),
        expires_in_path=declared.get("expires_in_path", "expires_in"), default_ttl_seconds=declared.get("default_ttl_seconds", 3600),
        refresh_margin_seconds=declared.get("refresh_margin_seconds", 120), header=declared.get("token_header", "Authorization"),
        prefix=declared.get("token_prefix", "Bearer "),
    )  # fmt: skip
    names = {
        name: declared[name]["secret_ref"]
        for name in ("client_id", "client_secret", "refresh_token")
        if name in declared
    }
    return OAuth2(settings, secrets, names=names)


def _session_login(declared: Config, config: Config, secrets: Mapping[str, Any]) -> SessionLogin:
    login, variables = declared["login"], config.get("variables", {})

    def log_in(session: ApiSession) -> str:
        path = fill_path(login["path"], variables)
        body = fill_json(login.get("body"), variables, secrets)
        url = path if path.startswith("http") else f"{session.base_url}/{path.lstrip('/')}"
        headers = {name: fill_header(text, variables) for name, text in login.get("headers", {}).items()}
        answer = session.fetch_token(
            url, body or {}, headers, as_json=login.get("body_format", "json") == "json"
        )
        return str(read_path(answer, declared["token_path"], "") or "")

    return SessionLogin(
        log_in,
        header=declared.get("header", "Authorization"),
        prefix=declared.get("prefix", "Bearer "),
        ttl_seconds=declared.get("ttl_seconds"),
    )


def options_of(config: Config) -> SessionOptions:
    """Budgets, limit headers, error rules and fixed headers of the connection."""
    declared = config.get("rate_limit", {})
    variables = config.get("variables", {})
    budgets: list[RateBudget] = []
    if "requests" in declared:
        budgets.append(
            RateBudget(
                declared["requests"],
                declared.get("per_seconds", 60),
                concurrency=declared.get("concurrency", 1),
            )
        )
    if "daily_budget" in declared:
        budgets.append(
            RateBudget(declared["daily_budget"], 86_400, concurrency=declared.get("concurrency", 1))
        )
    remaining = declared.get("remaining_header", "X-RateLimit-Remaining")
    usage = declared.get("usage_header_regex", "")
    limits = LimitHeaders(
        remaining=remaining, reset=declared.get("reset_header", "X-RateLimit-Reset"), reset_format=declared.get("reset_format", "epoch_s"),
        usage_header=remaining if usage else "", usage=usage,
    )  # fmt: skip
    return SessionOptions(
        headers={name: fill_header(text, variables) for name, text in config.get("headers", {}).items()},
        params={name: fill_text(text, variables) for name, text in config.get("query", {}).items()},
        budgets=tuple(budgets),
        limits=limits,
        rules=tuple(rule_of(rule) for rule in config.get("errors", ())),
        retry_after_header=declared.get("retry_after_header", "Retry-After"),
        follow_redirects=config.get("follow_redirects", "same_host") == "same_host",
    )


def rule_of(declared: Config) -> ErrorRule:
    return ErrorRule(
        reaction=Reaction(declared["action"]), status=tuple(declared.get("status", ())), body_contains=declared.get("body_contains", ""),
        body_path=declared.get("body_path", ""), equals=declared.get("equals", MISSING),
        header=declared.get("header", ""), message=declared.get("message", ""),
    )  # fmt: skip


def holds(condition: Config, row: Any) -> bool:
    """Whether a condition of the configuration is true of a row."""
    found = read_path(row, condition["path"])
    if "exists" in condition and condition["exists"] != (found is not MISSING and found is not None):
        return False
    if "equals" in condition and found != condition["equals"]:
        return False
    if "not_equals" in condition and found == condition["not_equals"]:
        return False
    return not ("in" in condition and found not in condition["in"])
