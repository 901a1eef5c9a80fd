"""A board's configuration as a value: stages, limits, transitions, lanes. Plain Python.

``read`` turns what is stored or sent into a Layout and refuses with every fault at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

COLOURS = ("grey", "blue", "teal", "green", "yellow", "orange", "red", "purple")
ROLES = ("operator", "reviewer", "manager")
RIGHTS = ("move", "override", "configure", "break_lock")
#: the lane "field" that is none of the card's: where it comes from
BY_INTEGRATION = "integration"


class StageKind(StrEnum):
    """What a stage means for the metrics: nobody works on it, somebody does, it is over."""

    WAITING = "waiting"
    ACTIVE = "active"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Limit:
    """``soft`` warns, ``hard`` blocks; None means no such limit."""

    soft: int | None = None
    hard: int | None = None

    def __bool__(self) -> bool:
        return self.soft is not None or self.hard is not None


@dataclass(frozen=True, slots=True)
class Stage:
    key: str
    name: str
    kind: StageKind
    colour: str
    limit: Limit = Limit()
    lanes: Mapping[str, Limit] = field(default_factory=dict)  # lane's value → limit of that cell
    age_days: int | None = None  # a card longer than this in the stage is shown as ageing


@dataclass(frozen=True)
class Layout:
    stages: tuple[Stage, ...]
    transitions: Mapping[str, tuple[str, ...]] | None  # None: every move is allowed
    limit_by: str  # "count", or the name of the number that gives a card's size
    lane_field: str  # "" for no lanes
    collapsed: tuple[str, ...]
    rights: Mapping[str, tuple[str, ...]]  # right → roles; a right left out is its default's

    @cached_property
    def by_key(self) -> dict[str, Stage]:
        return {stage.key: stage for stage in self.stages}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return tuple(stage.key for stage in self.stages)

    def done(self) -> frozenset[str]:
        return frozenset(stage.key for stage in self.stages if stage.kind is StageKind.DONE)

    def active(self) -> frozenset[str]:
        return frozenset(stage.key for stage in self.stages if stage.kind is StageKind.ACTIVE)

    def name_of(self, key: str) -> str:
        stage = self.by_key.get(key)
        return stage.name if stage else key or "nowhere"


class BadLayout(ValueError):
    """``errors`` has sentences by the path of what is wrong."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{path}: {' '.join(said)}" for path, said in self.errors.items()))


class _Reader:
    """Collects faults instead of stopping at the first."""

    def __init__(self, known: Sequence[str], sizes: Sequence[str], lanes: Sequence[str]) -> None:
        self.known, self.sizes, self.lanes = known, sizes, lanes
        self.errors: dict[str, list[str]] = {}

    def fault(self, path: str, sentence: str) -> None:
        self.errors.setdefault(path, []).append(sentence)

    def limit(self, raw: Any, path: str) -> Limit:
        if not isinstance(raw, Mapping):
            self.fault(path, "Give {soft, hard}.")
            return Limit()
        numbers: dict[str, int | None] = {}
        for name in ("soft", "hard"):
            value = raw.get(name)
            if value is not None and (
                not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**6
            ):
                self.fault(f"{path}.{name}", "This must be a whole number from 0, or null.")
                value = None
            numbers[name] = value
        soft, hard = numbers["soft"], numbers["hard"]
        if soft is not None and hard is not None and soft > hard:
            self.fault(path, "The limit that warns must not be above the one that blocks.")
        return Limit(soft, hard)

    def stage(self, raw: Any, path: str) -> Stage | None:
        if not isinstance(raw, Mapping) or raw.get("key") not in self.known:
            self.fault(path, f"Its key must be one of {', '.join(self.known)}.")
            return None
        key = str(raw["key"])
        name = raw.get("name") or key.replace("_", " ").capitalize()
        if not isinstance(name, str) or len(name) > 60:
            self.fault(f"{path}.name", "Give a name of at most 60 characters.")
            name = key
        kind = raw.get("kind", StageKind.ACTIVE)
        if kind not in list(StageKind):
            self.fault(f"{path}.kind", "This must be waiting, active or done.")
            kind = StageKind.ACTIVE
        colour = raw.get("colour", "grey")
        if colour not in COLOURS:
            self.fault(f"{path}.colour", f"This must be one of {', '.join(COLOURS)}.")
            colour = "grey"
        return Stage(
            key, name, StageKind(kind), str(colour),
            self.limit(raw.get("limit") or {}, f"{path}.limit"),
            self.cells(raw.get("lanes") or {}, f"{path}.lanes"),
            self.age(raw.get("age_days"), f"{path}.age_days"),
        )  # fmt: skip

    def cells(self, raw: Any, path: str) -> dict[str, Limit]:
        if not isinstance(raw, Mapping) or len(raw) > 200:
            self.fault(path, "Give a limit per lane.")
            return {}
        return {str(lane): self.limit(limit, f"{path}.{lane}") for lane, limit in raw.items()}

    def age(self, raw: Any, path: str) -> int | None:
        if raw is None or (isinstance(raw, int) and not isinstance(raw, bool) and 1 <= raw <= 3650):
            return raw
        self.fault(path, "This must be a number of days from 1, or null.")
        return None

    def transitions(self, raw: Any) -> dict[str, tuple[str, ...]] | None:
        if raw is None:
            return None
        if not isinstance(raw, Mapping):
            self.fault("transitions", "Give the stages that may follow, per stage, or null for all.")
            return None
        found = {}
        for origin, targets in raw.items():
            if origin not in self.known or not isinstance(targets, Sequence) or isinstance(targets, str):
                self.fault(f"transitions.{origin}", "Give a list of stages for a stage of this board.")
            elif strangers := [one for one in targets if one not in self.known]:
                self.fault(
                    f"transitions.{origin}", f"There is no stage {', '.join(str(one) for one in strangers)}."
                )
            else:
                found[str(origin)] = tuple(str(one) for one in targets)
        return found

    def one_of(self, raw: Any, path: str, allowed: Sequence[str], default: str) -> str:
        if raw in (None, ""):
            return default
        if raw not in allowed:
            self.fault(path, f"This must be one of {', '.join(allowed) or 'nothing on this board'}.")
            return default
        return str(raw)

    def rights(self, raw: Any) -> dict[str, tuple[str, ...]]:
        found = {}
        if not isinstance(raw, Mapping):
            self.fault("rights", "Give the roles per right.")
            return {}
        for right, roles in raw.items():
            if right not in RIGHTS:
                self.fault(f"rights.{right}", f"This must be one of {', '.join(RIGHTS)}.")
            elif not isinstance(roles, Sequence) or any(role not in ROLES for role in roles):
                self.fault(f"rights.{right}", f"Roles are {', '.join(ROLES)}.")
            elif right == "configure" and not roles:
                self.fault("rights.configure", "Somebody must be able to configure the board.")
            else:
                found[str(right)] = tuple(roles)
        return found


def read(
    raw: Mapping[str, Any], *, known: Sequence[str], sizes: Sequence[str] = (), lanes: Sequence[str] = ()
) -> Layout:
    """The configuration as a value. ``known`` are the record type's stages. Raises BadLayout."""
    reader = _Reader(known, sizes, lanes)
    given = raw.get("stages")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise BadLayout({"stages": ["Give at least one stage."]})
    stages = [reader.stage(one, f"stages[{number}]") for number, one in enumerate(given)]
    found = tuple(stage for stage in stages if stage is not None)
    keys = [stage.key for stage in found]
    if len(set(keys)) < len(keys):
        reader.fault("stages", "A stage is named twice.")
    collapsed = raw.get("collapsed") or ()
    if not isinstance(collapsed, Sequence) or any(key not in known for key in collapsed):
        reader.fault("collapsed", "Give a list of stages.")
        collapsed = ()
    layout = Layout(
        stages=found,
        transitions=reader.transitions(raw.get("transitions")),
        limit_by=reader.one_of(raw.get("limit_by"), "limit_by", ("count", *sizes), "count"),
        lane_field=reader.one_of(raw.get("lane_field"), "lane_field", lanes, ""),
        collapsed=tuple(collapsed),
        rights=reader.rights(raw.get("rights") or {}),
    )
    strangers = sorted(set(raw) - {"stages", "transitions", "limit_by", "lane_field", "collapsed", "rights"})
    for name in strangers:
        reader.fault(name, "This is not a setting of a board.")
    if reader.errors:
        raise BadLayout(reader.errors)
    return layout


def plain(layout: Layout) -> dict[str, Any]:
    """The configuration as JSON: what ``read`` takes."""
    return {
        "stages": [
            {
                "key": stage.key,
                "name": stage.name,
                "kind": stage.kind.value,
                "colour": stage.colour,
                "limit": _plain_limit(stage.limit),
                "lanes": {lane: _plain_limit(limit) for lane, limit in stage.lanes.items()},
                "age_days": stage.age_days,
            }
            for stage in layout.stages
        ],
        "transitions": None
        if layout.transitions is None
        else {one: list(targets) for one, targets in layout.transitions.items()},
        "limit_by": layout.limit_by,
        "lane_field": layout.lane_field,
        "collapsed": list(layout.collapsed),
        "rights": {right: list(roles) for right, roles in layout.rights.items()},
    }


def _plain_limit(limit: Limit) -> dict[str, int | None]:
    return {"soft": limit.soft, "hard": limit.hard}


def slug(text: str) -> str:
    """A name as part of an element's id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "none"
