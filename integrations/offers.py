"""Ready-made ways to connect a system, offered beside its empty form: a higher room fills this in (the demo does)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Offer:
    """What is filled into the form on demand. ``words`` say where it comes from."""

    words: str
    base_url: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]


Source = Callable[[str], "Offer | None"]
_sources: list[Source] = []


def offers_from(source: Source) -> None:
    """Ask ``source`` for each connector's key from now on."""
    if source not in _sources:
        _sources.append(source)


def offer_for(connector: str) -> Offer | None:
    """The first offer for a connector; None if nobody has one."""
    return next((found for source in _sources if (found := source(connector)) is not None), None)
