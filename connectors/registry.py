"""Finds connectors by their folders; imports each when first asked for."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import connectors
from connectors.base.connector import Connector


@cache
def slugs() -> tuple[str, ...]:
    """Names of all connector packages, sorted; reads the folder, imports none of them."""
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(connectors.__path__)
            if module.ispkg and module.name != "base"
        )
    )


@cache
def get(slug: str) -> Connector:
    """The connector of that name. Raises ``KeyError`` for an unknown one."""
    if slug not in slugs():
        raise KeyError(slug)
    connector: Connector = importlib.import_module(f"connectors.{slug}.connector").CONNECTOR
    return connector


def everything() -> tuple[Connector, ...]:
    return tuple(get(slug) for slug in slugs())
