"""Reads a configuration: checks it against the schema and for sense, and says what to mend where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import orjson
from jsonschema.exceptions import ValidationError

from connectors.base.paths import PathError, read_path
from connectors.base.redact import is_secret_key

from .templates import names_in

SCHEMA_FILE = Path(__file__).with_name("schema.json")
ALWAYS_KNOWN = {"id", "key", "cursor", "now", "origin", "base_url", "until"}


class Problem(NamedTuple):
    """Where (``resources.tickets.list.path``), what is wrong, and what to do."""

    path: str
    message: str
    fix: str


@cache
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(SCHEMA_FILE.read_bytes())
    return loaded


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def problems_of(config: Any) -> list[Problem]:
    """All that is wrong with a configuration, shape first; empty if it can be used."""
    shape = [problem for error in _validator().iter_errors(config) for problem in _explained(error)]
    if shape:
        return sorted(set(shape))
    return sorted(set(_senseless(config)))


# --- the schema's complaints in words ---------------------------------------------------------------------------------


def _explained(error: ValidationError) -> Iterator[Problem]:
    if error.validator in ("oneOf", "anyOf") and error.context:
        yield from _closest(error)
        return
    where = _dotted(error.absolute_path)
    instance: Any = error.instance
    known_values: Any = error.validator_value
    schema_here: Any = error.schema
    match error.validator:
        case "required":
            for name in known_values:
                if name not in instance:
                    yield Problem(_join(where, name), "is missing", f"Add {name!r}.")
        case "additionalProperties":
            known = sorted(schema_here.get("properties", {}))
            for name in instance:
                if name not in known:
                    yield Problem(
                        _join(where, name), "is not known here", f"Remove it; known are {', '.join(known)}."
                    )
        case "enum":
            yield Problem(
                where,
                f"cannot be {error.instance!r}",
                f"Use one of {', '.join(map(str, known_values))}.",
            )
        case "const":
            yield Problem(where, f"must be {error.validator_value!r}", f"Write {error.validator_value!r}.")
        case "type":
            yield Problem(
                where,
                f"has the wrong type ({_type_name(error.instance)})",
                f"Write a value of type {error.validator_value}.",
            )
        case _:
            yield Problem(where, error.message[:200], "Mend the value.")


def _closest(error: ValidationError) -> Iterator[Problem]:
    """Of several alternatives only the one whose ``kind`` was meant is explained."""
    where = _dotted(error.absolute_path)
    kinds: dict[int, Any] = {}
    alternatives: Any = error.validator_value
    for number, alternative in enumerate(alternatives):
        kinds[number] = alternative.get("properties", {}).get("kind", {}).get("const")
    meant = error.instance.get("kind") if isinstance(error.instance, dict) else None
    chosen = [number for number, kind in kinds.items() if kind == meant]
    if not chosen:
        yield Problem(
            _join(where, "kind"),
            f"cannot be {meant!r}",
            f"Use one of {', '.join(str(kind) for kind in kinds.values())}.",
        )
        return
    for inner in error.context or ():
        if inner.schema_path and inner.schema_path[0] == chosen[0]:
            yield from _explained(inner)


def _dotted(path: Iterable[str | int]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _type_name(value: Any) -> str:
    names = {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)


# --- sense -----------------------------------------------------------------------------------------------------------


def _senseless(config: Mapping[str, Any]) -> Iterator[Problem]:
    if not config.get("verify_tls", True):
        yield Problem(
            "verify_tls",
            "TLS certificates are always checked",
            "Remove it, and add the service's authority to the machine's trusted ones.",
        )
    for place in ("headers", "query"):
        for name in config.get(place, {}):
            if is_secret_key(name):
                yield Problem(
                    f"{place}.{name}", "looks like a credential written out", "Use auth with a secret_ref."
                )
    variables = set(config.get("variables", {}))
    for name, resource in config["resources"].items():
        yield from _resource_problems(config, name, resource, variables)
    webhook = config.get("webhook", {})
    for event, resource_name in webhook.get("resource_by_event", {}).items():
        if resource_name not in config["resources"]:
            yield Problem(
                f"webhook.resource_by_event.{event}",
                f"there is no resource {resource_name!r}",
                "Name one of the resources.",
            )


def _resource_problems(
    config: Mapping[str, Any], name: str, resource: Mapping[str, Any], variables: set[str]
) -> Iterator[Problem]:
    where = f"resources.{name}"
    known = variables | ALWAYS_KNOWN
    parent = resource.get("parent")
    if parent:
        known |= set(parent["bind"])
        if parent["resource"] not in config["resources"]:
            yield Problem(
                f"{where}.parent.resource",
                f"there is no resource {parent['resource']!r}",
                "Name one of the resources.",
            )
    for call in ("list", "get", "create", "update", "delete", "find_by_key"):
        if call in resource:
            yield from _call_problems(
                f"{where}.{call}", resource[call], known | _record_names(resource, call)
            )
    if resource["list"]["pagination"]["kind"] == "cursor" and not any(
        resource["list"]["pagination"].get(key)
        for key in ("cursor_path", "cursor_header", "last_record_field")
    ):
        yield Problem(
            f"{where}.list.pagination",
            "does not say where the cursor comes from",
            "Give cursor_path, cursor_header or last_record_field.",
        )
    incremental = resource["list"].get("incremental", {})
    if incremental.get("format") == "opaque":
        yield Problem(
            f"{where}.list.incremental.format",
            "an opaque token cannot be made from a time",
            "Use a time format, or client_side: true.",
        )
    if incremental and not incremental.get("client_side") and not incremental.get("param"):
        yield Problem(
            f"{where}.list.incremental.param", "is missing", "Name the parameter, or set client_side: true."
        )
    if resource.get("find_by_key") and not resource.get("external_key_path"):
        yield Problem(
            f"{where}.find_by_key", "needs external_key_path", "Say where the key is stored in a record."
        )
    for call in ("update", "create"):
        if resource.get(call, {}).get("mode") == "full_replace" and "get" not in resource:
            yield Problem(f"{where}.{call}.mode", "full_replace needs get", "Add get, or use partial.")
    yield from _path_problems(where, resource)


def _record_names(resource: Mapping[str, Any], call: str) -> set[str]:
    """Record fields that a template may name: only where a record is at hand."""
    if call not in ("update", "delete"):
        return set()
    return {str(field["read"]) for field in resource.get("fields", ()) if field.get("read")} | {
        resource["id_path"]
    }


def _call_problems(where: str, call: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    texts = {
        "path": call["path"],
        **{f"query.{k}": v for k, v in call.get("query", {}).items()},
        **{f"headers.{k}": v for k, v in call.get("headers", {}).items()},
    }
    for place, text in texts.items():
        for name in sorted(names_in(text) - known):
            yield Problem(
                f"{where}.{place}", f"{{{name}}} is not known here", f"Known are {', '.join(sorted(known))}."
            )
    for name in call.get("headers", {}):
        if is_secret_key(name):
            yield Problem(
                f"{where}.headers.{name}",
                "looks like a credential written out",
                "Use auth with a secret_ref.",
            )


def _path_problems(where: str, resource: Mapping[str, Any]) -> Iterator[Problem]:
    paths = {
        "id_path": resource["id_path"],
        "updated_at_path": resource.get("updated_at_path", ""),
        "list.records_path": resource["list"]["records_path"].removesuffix("*").rstrip("."),
    }
    for number, field in enumerate(resource.get("fields", ())):
        paths[f"fields[{number}].read"] = field.get("read", "")
        paths[f"fields[{number}].write"] = field.get("write") or ""
        if not field.get("read") and not field.get("write"):
            yield Problem(
                f"{where}.fields[{number}]", "has neither read nor write", "Say where the value is."
            )
    for place, path in paths.items():
        try:
            read_path({}, path)
        except PathError as error:
            yield Problem(f"{where}.{place}", str(error), "Write a path such as status.id or items[0].name.")
