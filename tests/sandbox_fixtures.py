"""Fixtures for tests that talk to the stand-ins: ``box`` is the running sandbox, back at its seed for each test.

In a conftest: ``from tests.sandbox_fixtures import *``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors import registry
from connectors.base.connector import Environment
from connectors.base.errors import Exchange
from connectors.base.types import Client
from sandbox.testing import RunningSandbox, running_sandbox
from sandbox.vendor import ContractFixture, Vendor

__all__ = ["Stand", "box", "filled", "open_stand", "opened_stands", "running"]


@dataclass
class Stand:
    """A stand-in, a client on it, and what the client exchanged."""

    vendor: Vendor
    fixture: ContractFixture
    client: Client
    base_url: str
    settings: Mapping[str, Any]
    environment: Environment
    exchanges: list[Exchange] = field(default_factory=list)


@pytest.fixture(scope="session")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as box:
        yield box


@pytest.fixture
def box(running: RunningSandbox) -> RunningSandbox:
    running.reset()
    return running


@pytest.fixture
def open_stand(box: RunningSandbox) -> Iterator[Callable[..., Stand]]:
    """``open_stand("trello", timeout_seconds=…, secrets={…})`` opens the connector on its stand-in as its ``contract_fixture`` says."""
    with opened_stands(box) as make:
        yield make


@contextmanager
def opened_stands(
    box: RunningSandbox, on_open: Callable[[Stand], None] = lambda stand: None
) -> Iterator[Callable[..., Stand]]:
    """The function that ``open_stand`` gives; the clients it opened are closed at the end."""
    opened: list[Stand] = []

    def make(
        stand_in: str,
        *,
        secrets: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        **environment: Any,
    ) -> Stand:
        vendor = box.vendor(stand_in)
        fixture = vendor.contract_fixture()
        assert fixture is not None, f"{stand_in} has no contract fixture"
        exchanges: list[Exchange] = []
        options = {
            "allow_private_network": True,
            "allow_http": True,
            "timeout_seconds": 5.0,
            "on_exchange": exchanges.append,
        }
        env = Environment(**{**options, **environment})
        root = box.url(stand_in)
        base_url = fixture.base_url.replace("{root}", root)
        all_settings = {**filled(fixture.settings, root), **(settings or {})}
        connector = registry.get(fixture.slug or stand_in)
        client = connector.open(base_url, all_settings, {**fixture.secrets, **(secrets or {})}, env)
        stand = Stand(vendor, fixture, client, base_url, all_settings, env, exchanges)
        opened.append(stand)
        on_open(stand)
        return stand

    try:
        yield make
    finally:
        for stand in opened:
            stand.client.close()


def filled(value: Any, root: str) -> Any:
    """A copy of a JSON value with ``{root}`` in its texts replaced by the stand-in's address."""
    if isinstance(value, str):
        return value.replace("{root}", root)
    if isinstance(value, Mapping):
        return {name: filled(member, root) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(member, root) for member in value]
    return value
