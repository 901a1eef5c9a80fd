"""What is wrong with a configuration is said with its path and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.base.connector import Environment
from connectors.base.errors import ConfigurationProblem
from connectors.generic_rest.config import problems_of
from connectors.generic_rest.declare import link_of

EXAMPLE = Path(__file__).resolve().parents[3] / "connectors" / "generic_rest" / "examples" / "desk.json"


def config() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(EXAMPLE.read_text())
    return loaded


def test_the_example_is_fine() -> None:
    assert problems_of(config()) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("auth",), {"kind": "bearer", "secret": "literal"}, "auth.secret"),
        (("auth",), {"kind": "magic"}, "auth.kind"),
        (("auth",), {"kind": "api_key", "in": "header", "name": "X"}, "auth.secret"),
        (
            ("resources", "tickets", "list", "pagination"),
            {"kind": "page"},
            "resources.tickets.list.pagination.page_param",
        ),
        (
            ("resources", "tickets", "list", "pagination"),
            {"kind": "cursor", "cursor_param": "c"},
            "resources.tickets.list.pagination",
        ),
        (("resources", "tickets", "list", "path"), "/x/{nobody}", "resources.tickets.list.path"),
        (("resources", "tickets", "id_path"), "a[", "resources.tickets.id_path"),
        (("resources", "tickets", "colour"), "red", "resources.tickets.colour"),
        (("resources", "tickets", "entity"), "thing", "resources.tickets.entity"),
        (("resources", "comments", "parent", "resource"), "nobody", "resources.comments.parent.resource"),
        (("headers",), {"Authorization": "Bearer abc"}, "headers.Authorization"),
        (("verify_tls",), False, "verify_tls"),
        (("version",), 2, "version"),
        (("webhook", "verification"), {"kind": "none"}, "webhook.verification.acknowledge_insecure"),
        (("webhook", "resource_by_event", "x"), "nobody", "webhook.resource_by_event.x"),
    ],
)
def test_each_mistake_names_its_place(path: tuple[str, ...], value: Any, where: str) -> None:
    changed = config()
    here = changed
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    found = problems_of(changed)
    assert [problem.path for problem in found] == [where]
    assert all(problem.message and problem.fix for problem in found)


@pytest.mark.parametrize("nonsense", [None, [], "x", {}])
def test_nonsense_is_refused_without_a_crash(nonsense: Any) -> None:
    assert problems_of(nonsense)
    connector = registry.get("generic_rest")
    assert connector.resources_of({"config": nonsense}) == ()
    assert connector.validate is not None
    assert connector.validate({"config": nonsense})
    with pytest.raises(ConfigurationProblem):
        connector.open("https://api.example.org", {"config": nonsense}, {}, Environment())


@pytest.mark.parametrize(
    ("field", "transform", "direction"),
    [
        ({"canonical": "a", "read": "a"}, None, "both"),
        ({"canonical": "a", "read": "a", "write": None}, None, "in"),
        ({"canonical": "a", "write": "a"}, None, "out"),
        ({"canonical": "a", "read": "a", "direction": "in"}, None, "in"),
        ({"canonical": "a", "read": "a", "type": "html"}, {"name": "rich_text", "format": "html"}, "both"),
        ({"canonical": "a", "read": "a", "type": "text"}, {"name": "rich_text", "format": "plain"}, "both"),
        ({"canonical": "a", "read": "a", "type": "decimal", "decimals": 2}, {"name": "number", "decimals": 2}, "both"),
        ({"canonical": "a", "read": "a", "type": "datetime", "format": "epoch_ms"}, {"name": "epoch_ms"}, "both"),
        ({"canonical": "a", "read": "a", "type": "list", "key": "name"}, {"name": "set", "key": "name"}, "both"),
        (
            {"canonical": "a", "read": "a", "type": "enum", "value_map": {"todo": [1, 2], "done": 5}},
            {"name": "enum", "map": {"1": "todo", "2": "todo", "5": "done"}, "back": {"todo": 1, "done": 5}, "as": "integer"},
            "both",
        ),
    ],
)  # fmt: skip
def test_a_fields_type_becomes_a_transform(field: dict[str, Any], transform: Any, direction: str) -> None:
    link = link_of(field)
    assert link.transform == transform
    assert link.direction == direction
