"""What a connector says is picked from a list, a connected client lists: before anything is picked, and with where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors import registry
from connectors.base.types import SecretField
from tests.contract.test_every_connector import FIXTURES, Opener


def _places() -> Iterator[Any]:
    for slug, fixture in FIXTURES.items():
        for field in registry.get(fixture.slug or slug).settings:
            if field.picks:
                yield pytest.param(slug, field, id=f"{slug}-{field.name}")


each_place = pytest.mark.parametrize(("slug", "field"), list(_places()))


def test_connectors_that_promise_a_list_say_what_is_in_it() -> None:
    promised = {
        (key, field.name)
        for key in registry.slugs()
        for field in registry.get(key).settings
        if "from the list" in field.help
    }
    assert promised == {
        ("asana", "project_id"),
        ("clickup", "list_id"),
        ("clockify", "workspace_id"),
        ("jira", "project"),
        ("leankit", "board_id"),
        ("linear", "team_id"),
        ("monday", "board_id"),
        ("toggl", "workspace_id"),
        ("trello", "board_id"),
    }
    assert all(next(f for f in registry.get(key).settings if f.name == name).picks for key, name in promised)


@each_place
def test_every_kind_is_listed_by_its_name_before_anything_is_picked(
    open_stand: Opener, slug: str, field: SecretField
) -> None:
    client = open_stand(slug, settings={field.name: ""}).client
    for kind in field.picks:
        assert {row.kind for row in client.containers(kind)} == {kind}


@each_place
def test_a_container_is_in_one_of_the_kind_before_it_or_in_none(
    open_stand: Opener, slug: str, field: SecretField
) -> None:
    client = open_stand(slug, settings={field.name: ""}).client
    outer: set[str] = set()
    for kind in field.picks:
        rows = client.containers(kind)
        assert {row.parent_id for row in rows} <= {None, *outer}, kind
        outer = {row.id for row in rows}


@each_place
def test_the_id_of_a_picked_container_opens_the_place(
    open_stand: Opener, slug: str, field: SecretField
) -> None:
    picked = open_stand(slug, settings={field.name: ""}).client.containers(field.picks[-1])[0]
    stand = open_stand(slug, settings={field.name: picked.id})
    connector = registry.get(stand.fixture.slug or slug)
    assert connector.validate is None or connector.validate(stand.settings) == []
    assert stand.client.check().ok
    assert [row.id for row in stand.client.containers(field.picks[-1])][0] == picked.id


@each_place
def test_the_connection_can_be_tested_before_anything_is_picked(
    open_stand: Opener, slug: str, field: SecretField
) -> None:
    report = open_stand(slug, settings={field.name: ""}).client.check()
    assert report.ok, report.checks
    assert any(check.name == "authenticated" for check in report.checks)
