"""Texts with ``{name}`` in them: substitution only, each value made safe for its place. No expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.base.errors import RecordProblem

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.\-]*)\}")


def names_in(template: str) -> set[str]:
    return set(_NAME.findall(template))


def _value(name: str, values: Mapping[str, Any], template: str) -> Any:
    value = values.get(name)
    if value is None:
        raise RecordProblem(
            f"The template {template!r} needs {name!r}, which is not known here.", code="mapping"
        )
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """A path; each value is percent-encoded as one segment, so that it cannot add segments or a query."""

    def encoded(match: re.Match[str]) -> str:
        text = _text(_value(match.group(1), values, template))
        if text in ("", ".", ".."):
            raise RecordProblem(f"{match.group(1)!r} is {text!r} and cannot stand in a path.", code="mapping")
        return quote(text, safe="")

    return _NAME.sub(encoded, template)


def fill_text(template: str, values: Mapping[str, Any]) -> str:
    """A query value or plain text; encoding for the query is done when the request is built."""
    return _NAME.sub(lambda match: _text(_value(match.group(1), values, template)), template)


def fill_header(template: str, values: Mapping[str, Any]) -> str:
    text = fill_text(template, values)
    if "\r" in text or "\n" in text or "\0" in text:
        raise RecordProblem("A header value contains a line break.", code="mapping")
    return text


def fill_url(template: str, values: Mapping[str, Any]) -> str:
    """An address to show; only a leading ``{origin}`` or ``{base_url}`` is taken as it is."""
    for name in ("origin", "base_url"):
        if template.startswith("{" + name + "}"):
            return str(values[name]) + fill_path(template[len(name) + 2 :], values)
    return fill_path(template, values)


def fill_json(template: Any, values: Mapping[str, Any], secrets: Mapping[str, Any] | None = None) -> Any:
    """A JSON value with its texts filled in. ``"{id}"`` alone keeps the value's type; ``{"secret_ref": …}`` is looked up."""
    if isinstance(template, str):
        alone = _NAME.fullmatch(template)
        return _value(alone.group(1), values, template) if alone else fill_text(template, values)
    if isinstance(template, Mapping):
        if secrets is not None and set(template) == {"secret_ref"}:
            return secrets.get(str(template["secret_ref"]), "")
        return {name: fill_json(value, values, secrets) for name, value in template.items()}
    if isinstance(template, list):
        return [fill_json(value, values, secrets) for value in template]
    return template
