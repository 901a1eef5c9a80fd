"""Links and field maps as checked values, and the problems a map may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from reconcile.kinds import Kind
from reconcile.model import JSON, Direction


class Problem(NamedTuple):
    """One fault of a field map: where it is ("links[2].transform") and what to do about it."""

    where: str
    what: str


class FieldMapProblem(ValueError):
    """A field map that cannot be used; ``problems`` lists every fault found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.what}" for problem in problems))
        self.problems = list(problems)


class LinkLike(Protocol):
    """What a connector's default link offers (``connectors.base.types.LinkSpec``)."""

    @property
    def local(self) -> str: ...
    @property
    def external(self) -> str | tuple[str, ...]: ...
    @property
    def transform(self) -> Mapping[str, Any] | None: ...
    @property
    def direction(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...
    @property
    def group(self) -> str: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Link:
    """One checked link between a local field and one or more external paths. ``default`` is canonical."""

    key: str
    local: str
    external: tuple[str, ...]
    kind: Kind
    transform: str
    options: Mapping[str, Any] = field(default_factory=dict)
    direction: Direction = Direction.BOTH
    required: bool = False
    default: JSON = None
    group: str = ""
    local_kind: Kind = Kind.TEXT

    @property
    def is_in(self) -> bool:
        return self.direction is not Direction.OUT

    @property
    def is_out(self) -> bool:
        return self.direction is not Direction.IN


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Checked links; ``groups`` maps a group's name to its link keys."""

    links: tuple[Link, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def link_to_dict(link: LinkLike) -> dict[str, Any]:
    """A LinkSpec in the shape a saved field map has; defaults are left out."""
    external = list(link.external) if isinstance(link.external, tuple) else link.external
    made: dict[str, Any] = {"local": link.local, "external": external}
    if link.transform:
        made["transform"] = dict(link.transform)
    if link.direction != "both":
        made["direction"] = str(link.direction)
    for name in ("required", "default", "group", "key"):
        value = getattr(link, name)
        if value not in (None, False, "") or (name == "default" and value is False):
            made[name] = value
    return made
