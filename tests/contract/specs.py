"""Holds requests and answers against a vendor's published OpenAPI 3 document, where the documents are at hand.

The folder is ``LOCKSTEP_SPECS``, else ``shared/specs`` beside the project; tests skip with the reason otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import orjson
import pytest
import yaml

from sandbox.vendor import Logged

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def specs_folder() -> Path | None:
    """Where the vendors' documents are; None if they are not on this machine."""
    given = os.environ.get("LOCKSTEP_SPECS")
    for folder in [Path(given)] if given else [Path(__file__).resolve().parents[3] / "shared" / "specs"]:
        if folder.is_dir():
            return folder
    return None


def load_spec(name: str) -> Spec:
    """The document ``github.json``, ``leankit.yaml`` …; skips the test where it is not there."""
    folder = specs_folder()
    if folder is None or not (folder / name).is_file():
        pytest.skip(f"the vendor's document {name} is not here; set LOCKSTEP_SPECS to its folder")
    return _loaded(folder / name)


@cache
def _loaded(path: Path) -> Spec:
    raw = path.read_bytes()
    return Spec(orjson.loads(raw) if path.suffix == ".json" else yaml.safe_load(raw))


class Spec:
    """An OpenAPI 3 (or Swagger 2) document: finds the operation of a request and says what does not fit it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = [(_pattern(path), path) for path in document["paths"]]

    def operation(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """The template and operation of a request; the template with the fewest variables wins."""
        found = [
            (template.count("{"), template)
            for pattern, template in self._paths
            if pattern.fullmatch(path) and method.lower() in self.document["paths"][template]
        ]
        if not found:
            return None
        template = min(found)[1]
        return template, self.document["paths"][template][method.lower()]

    def request_problems(
        self, method: str, path: str, query: Mapping[str, list[str]], body: Any = None
    ) -> list[str]:
        """What is wrong with a request: unknown path, unknown or missing or mistyped parameters, body."""
        found = self.operation(method, path)
        if found is None:
            return [f"{method} {path}: not in the document"]
        template, operation = found
        where = f"{method} {template}"
        parameters = [
            self.resolve(one)
            for one in (
                *self.document["paths"][template].get("parameters", ()),
                *operation.get("parameters", ()),
            )
        ]
        problems = list(self._query_problems(where, parameters, query))
        content = self.resolve(operation.get("requestBody", {})).get("content", {})
        schema = next((part.get("schema") for kind, part in content.items() if "json" in kind), None)
        if schema and body is not None:
            problems += [f"{where} body: {problem}" for problem in self.value_problems(schema, body)]
        return problems

    def answer_problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with a JSON answer. Nothing is said where the document has no schema for it."""
        found = self.operation(method, path)
        if found is None:
            return [f"{method} {path}: not in the document"]
        template, operation = found
        answers = operation.get("responses", {})
        declared = answers.get(str(status)) or answers.get(status) or answers.get("default")
        if declared is None:
            return [f"{method} {template}: {status} is not in the document"]
        content = self.resolve(declared).get("content", {})
        schema = next((part.get("schema") for kind, part in content.items() if "json" in kind), None)
        if not schema or body is None:
            return []
        return [f"{method} {template} {status}: {problem}" for problem in self.value_problems(schema, body)]

    def value_problems(self, schema: Mapping[str, Any], value: Any, limit: int = 8) -> list[str]:
        """Messages of the schema's complaints, with their paths."""
        plain = _plain(schema, self.document, frozenset())
        validator = jsonschema.Draft202012Validator(plain)
        problems = []
        for error in validator.iter_errors(value):
            problems.append(f"{'.'.join(map(str, error.absolute_path)) or '(root)'}: {error.message[:160]}")
            if len(problems) >= limit:
                break
        return problems

    def resolve(self, node: Any) -> Any:
        return _resolved(node, self.document)

    def _query_problems(
        self, where: str, parameters: list[Any], query: Mapping[str, list[str]]
    ) -> Iterator[str]:
        known = {one["name"]: one for one in parameters if one.get("in") == "query"}
        for name, values in query.items():
            if name not in known:
                yield f"{where}: unknown query parameter {name!r}"
                continue
            schema = known[name].get("schema", known[name])
            for value in values:
                yield from (
                    f"{where} {name}={value}: {problem}"
                    for problem in self.value_problems(schema, _typed(value, self.resolve(schema)))
                )
        for name, one in known.items():
            if one.get("required") and name not in query:
                yield f"{where}: required query parameter {name!r} is missing"


def request_problems(
    spec: Spec, log: Iterable[Logged], *, prefix: str = "", skip: Iterable[str] = ()
) -> list[str]:
    """Problems of all requests a stand-in received. ``prefix`` is cut off their paths; ``skip`` are path patterns to leave out."""
    problems: list[str] = []
    for entry in log:
        path = entry.path.removeprefix(prefix)
        if not any(re.search(pattern, path) for pattern in skip):
            problems += spec.request_problems(entry.method, path, entry.query, entry.body)
    return list(dict.fromkeys(problems))


def answer_problems(
    spec: Spec, log: Iterable[Logged], *, prefix: str = "", skip: Iterable[str] = ()
) -> list[str]:
    """Problems of all answers a stand-in gave."""
    problems: list[str] = []
    for entry in log:
        path = entry.path.removeprefix(prefix)
        if entry.status and not any(re.search(pattern, path) for pattern in skip):
            problems += spec.answer_problems(entry.method, path, entry.status, entry.answer)
    return list(dict.fromkeys(problems))


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(
            "[^/]+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", unquote(template))
        )
        + "/?"
    )


def _typed(value: str, schema: Any) -> Any:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if kind == "integer" and value.lstrip("-").isdigit():
        return int(value)
    if kind == "number":
        try:
            return float(value)
        except ValueError:
            return value
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "array":
        return value.split(",")
    return value


def _resolved(node: Any, document: Mapping[str, Any]) -> Any:
    while isinstance(node, Mapping) and "$ref" in node and isinstance(node["$ref"], str):
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def _plain(node: Any, document: Mapping[str, Any], seen: frozenset[str], depth: int = 0) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: references put in (recursive ones left open), ``nullable`` spelled out."""
    if isinstance(node, list):
        return [_plain(one, document, seen, depth + 1) for one in node]
    if not isinstance(node, Mapping):
        return node
    if isinstance(node.get("$ref"), str):
        if node["$ref"] in seen or depth > 24:
            return {}
        return _plain(_resolved(node, document), document, seen | {node["$ref"]}, depth + 1)
    plain = {
        name: value
        if name in ("enum", "example", "examples", "default", "const")
        else _plain(value, document, seen, depth + 1)
        for name, value in node.items()
    }
    for name in (
        "example",
        "discriminator",
        "xml",
        "externalDocs",
        "format",
        "in",
        "name",
        "collectionFormat",
    ):
        if not isinstance(plain.get(name), Mapping) or name in ("discriminator", "xml", "externalDocs"):
            plain.pop(name, None)
    if isinstance(plain.get("required"), bool):
        plain.pop("required")
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if isinstance(plain.get(name), bool):
            plain.pop(name)
    if plain.pop("nullable", False):
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
        return {"anyOf": [{"type": "null"}, plain]}
    return plain
