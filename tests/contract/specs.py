"""Holds requests and answers against a vendor's published OpenAPI 3 document or GraphQL schema, where they are at hand.

The folder is ``LOCKSTEP_SPECS``, else ``shared/specs`` beside the project; tests skip with the reason otherwise.
"""

from __future__ import annotations

import importlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import orjson
import pytest
import yaml

from sandbox.vendor import Logged

from .graphql_spec import GraphSpec

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def specs_folder() -> Path | None:
    """Where the vendors' documents are; None if they are not on this machine."""
    given = os.environ.get("LOCKSTEP_SPECS")
    for folder in [Path(given)] if given else [Path(__file__).resolve().parents[3] / "shared" / "specs"]:
        if folder.is_dir():
            return folder
    return None


@dataclass(frozen=True)
class Deviation:
    """Where a vendor's document itself is at fault: ``pattern`` is searched in a problem's text."""

    pattern: str
    reason: str


@dataclass(frozen=True)
class SpecSheet:
    """What ``tests/connectors/<slug>/spec.py`` calls ``SPEC``: which document a stand-in's traffic is held to.

    ``prefix`` is cut off the paths of requests; ``translate`` turns a request as sent into one as the document writes it
    (None leaves it out), for vendors whose document knows only one of two ways to say the same.
    """

    document: str
    prefix: str = ""
    deviations: tuple[Deviation, ...] = ()
    translate: Callable[[Logged], Logged | None] = field(default=lambda entry: entry)

    def problems(self, log: Iterable[Logged]) -> tuple[list[str], Counter[str]]:
        """What does not fit and is no listed deviation; and how many requests and answers were held against it."""
        spec = load_spec(self.document)
        found: list[str] = []
        counts: Counter[str] = Counter()
        for entry in log:
            path = entry.path.removeprefix(self.prefix)
            as_written = self.translate(replace(entry, path=path))
            if as_written is None:
                continue
            counts["requests"] += 1
            counts["answers"] += bool(entry.status) and not entry.is_fault
            found += spec.entry_problems(as_written)
        left = [
            one
            for one in dict.fromkeys(found)
            if not any(re.search(known.pattern, one) for known in self.deviations)
        ]
        return left, counts


def sheet_of(slug: str) -> SpecSheet | None:
    """The connector's sheet; None where its vendor publishes no document."""
    name = f"tests.connectors.{slug}.spec"
    try:
        sheet: SpecSheet = importlib.import_module(name).SPEC
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        return None
    return sheet


def load_spec(name: str) -> Any:
    """The document ``github.json``, ``leankit.yaml``, ``monday.graphql`` … as ``Spec`` or ``GraphSpec``; skips the test where it is not there."""
    folder = specs_folder()
    if folder is None or not (folder / name).is_file():
        pytest.skip(f"the vendor's document {name} is not here; set LOCKSTEP_SPECS to its folder")
    return _loaded(folder / name)


@cache
def _loaded(path: Path) -> Spec | GraphSpec:
    raw = path.read_bytes()
    if path.suffix == ".graphql":
        return GraphSpec(raw.decode())
    return Spec(orjson.loads(raw) if path.suffix == ".json" else yaml.load(raw, yaml.CSafeLoader))


class Spec:
    """An OpenAPI 3 (or Swagger 2) document: finds the operation of a request and says what does not fit it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = [(_pattern(path), path) for path in document["paths"]]
        self._validators: dict[int, Any] = {}
        self._kept: list[Any] = []  # whose ids are the keys above

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
        if declared is None and 400 <= status < 500:
            return []  # documents leave out most refusals
        if declared is None:
            return [f"{method} {template}: {status} is not in the document"]
        content = self.resolve(declared).get("content", {})
        schema = next((part.get("schema") for kind, part in content.items() if "json" in kind), None)
        if not schema or body is None:
            return []
        return [f"{method} {template} {status}: {problem}" for problem in self.value_problems(schema, body)]

    def entry_problems(self, entry: Logged) -> list[str]:
        """What is wrong with a request and with its answer. What the vendor refuses need not fit: that is why it is
        refused. An answer that a test asked to be faulty is not looked at."""
        problems = []
        if not 400 <= entry.status < 500 or entry.is_fault:
            problems += self.request_problems(entry.method, entry.path, entry.query, entry.body)
        if entry.status and not entry.is_fault:
            problems += self.answer_problems(entry.method, entry.path, entry.status, entry.answer)
        return problems

    def value_problems(self, schema: Mapping[str, Any], value: Any, limit: int = 8) -> list[str]:
        """Messages of the schema's complaints, with their paths."""
        validator = self._validators.get(id(schema))
        if validator is None:  # made once for each schema: the documents are large, and stay in memory anyway
            validator = self._validators[id(schema)] = jsonschema_rs.Draft202012Validator(
                _plain(schema, self.document, frozenset())
            )
            self._kept.append(schema)
        problems = []
        for error in validator.iter_errors(value):
            where = ".".join(map(str, error.instance_path)) or "(root)"
            problems.append(f"{where}: {error.message[:160]}")
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
        return [_typed(one, schema.get("items")) for one in value.split(",")]
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
