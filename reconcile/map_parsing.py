"""Parsing a saved field map with the checks of D3: every fault at once, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconcile.kinds import Kind, ValueProblem, canonical
from reconcile.links import FieldMap, FieldMapProblem, Link, LinkLike, Problem, link_to_dict
from reconcile.model import JSON, Direction
from reconcile.paths import PathError, compile_path
from reconcile.transforms import TRANSFORMS, Transform, find_transform

MAX_LINKS = 200

DEFAULT_TRANSFORMS: Mapping[Kind, str] = {
    Kind.TEXT: "string",
    Kind.RICH_TEXT: "rich_text",
    Kind.NUMBER: "number",
    Kind.INTEGER: "number",
    Kind.MONEY: "money",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.LOCAL_DATETIME: "local_datetime",
    Kind.INSTANT: "datetime",
    Kind.ENUM: "string",
    Kind.SET: "set",
    Kind.LIST: "list",
    Kind.JSON: "json",
}


_LINK_KEYS = frozenset({"key", "local", "external", "transform", "direction", "required", "default", "group"})


def parse_field_map(
    links: Iterable[Mapping[str, Any] | LinkLike],
    *,
    record_kinds: Mapping[str, Kind],
    required_local: Collection[str] = (),
) -> FieldMap:
    """Check links and make a field map of them (D3). Raises FieldMapProblem naming every fault.

    ``record_kinds`` are the record's fields; ``required_local`` those that a new record cannot do without.
    """
    return _Parser(record_kinds).parse(links, required_local)


class _Parser:
    def __init__(self, record_kinds: Mapping[str, Kind]) -> None:
        self.record_kinds = record_kinds
        self.problems: list[Problem] = []

    def parse(self, links: Iterable[Mapping[str, Any] | LinkLike], required: Collection[str]) -> FieldMap:
        parsed: list[Link] = []
        for number, raw in enumerate(links):
            if number >= MAX_LINKS:
                self._fault("links", f"a field map holds at most {MAX_LINKS} links")
                break
            link = self._link(f"links[{number}]", raw)
            if link is not None:
                parsed.append(link)
        parsed = self._keyed(parsed)
        self._check_together(parsed)
        self._check_required(parsed, required)
        if self.problems:
            raise FieldMapProblem(self.problems)
        groups: dict[str, tuple[str, ...]] = {}
        for link in parsed:
            if link.group:
                groups[link.group] = (*groups.get(link.group, ()), link.key)
        return FieldMap(tuple(parsed), groups)

    def _fault(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what))

    def _link(self, where: str, raw: Mapping[str, Any] | LinkLike) -> Link | None:
        if not isinstance(raw, Mapping):
            if not hasattr(raw, "external"):
                self._fault(where, "a link must be an object with 'local' and 'external'")
                return None
            raw = link_to_dict(raw)
        before = len(self.problems)
        for unknown in sorted(set(raw) - _LINK_KEYS):
            self._fault(f"{where}.{unknown}", f"is not known; a link has: {', '.join(sorted(_LINK_KEYS))}")
        local = self._text(where, raw, "local")
        kind = self._kind(where, local)
        external = self._external(where, raw.get("external"))
        direction = self._direction(where, raw.get("direction", "both"))
        for name in ("key", "group"):
            if not isinstance(raw.get(name) or "", str):
                self._fault(f"{where}.{name}", "must be a text")
        if not isinstance(raw.get("required", False), bool):
            self._fault(f"{where}.required", "must be true or false")
        if len(self.problems) > before or kind is None:
            return None
        transform, options = self._transform(where, raw.get("transform"), kind, external, direction)
        default = self._default(where, raw.get("default"), kind)
        if len(self.problems) > before or transform is None:
            return None
        return Link(
            key=raw.get("key") or "",
            local=local,
            external=external,
            kind=kind,
            transform=transform.name,
            options=options,
            direction=direction,
            required=raw.get("required", False),
            default=default,
            group=raw.get("group") or "",
            local_kind=kind,
        )

    def _text(self, where: str, raw: Mapping[str, Any], name: str) -> str:
        value = raw.get(name)
        if not isinstance(value, str) or not value.strip():
            self._fault(f"{where}.{name}", "is missing: name the field")
            return ""
        return value

    def _kind(self, where: str, local: str) -> Kind | None:
        if not local:
            return None
        kind = self.record_kinds.get(local)
        if kind is None:
            self._fault(
                f"{where}.local",
                f"there is no field '{local}'; choose one of: {', '.join(sorted(self.record_kinds))}",
            )
            return None
        return Kind(kind)

    def _external(self, where: str, raw: Any) -> tuple[str, ...]:
        paths = [raw] if isinstance(raw, str) else list(raw) if isinstance(raw, list | tuple) else []
        if not paths or not all(isinstance(path, str) for path in paths):
            self._fault(f"{where}.external", "must be a path such as 'customer.name', or a list of paths")
            return ()
        for path in paths:
            try:
                compile_path(path)
            except PathError as exc:
                self._fault(f"{where}.external", f"'{path}' is not a path: {exc}")
        return tuple(paths)

    def _direction(self, where: str, raw: Any) -> Direction:
        try:
            return Direction(raw)
        except ValueError:
            self._fault(f"{where}.direction", "must be 'both', 'in' or 'out'")
            return Direction.BOTH

    def _transform(
        self, where: str, raw: Any, kind: Kind, external: tuple[str, ...], direction: Direction
    ) -> tuple[Transform | None, Mapping[str, Any]]:
        where = f"{where}.transform"
        if isinstance(raw, str):
            raw = {"name": raw}
        if raw is None or raw == {}:
            name = ("join" if len(external) > 1 and kind is Kind.TEXT else None) or DEFAULT_TRANSFORMS.get(
                kind
            )
            if name is None:
                self._fault(where, "a reference needs the transform 'lookup' with the option 'resource'")
                return None, {}
            raw = {"name": name}
        if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
            self._fault(where, 'must be an object with a \'name\', for instance {"name": "string"}')
            return None, {}
        transform = find_transform(raw["name"])
        if transform is None:
            self._fault(
                where,
                f"there is no transform '{raw['name']}'; choose one of: {', '.join(sorted(TRANSFORMS))}",
            )
            return None, {}
        options = {name: value for name, value in raw.items() if name != "name"}
        self._check_transform(where, transform, options, kind, len(external), direction)
        return transform, options

    def _check_transform(
        self,
        where: str,
        transform: Transform,
        options: Mapping[str, Any],
        kind: Kind,
        count: int,
        direction: Direction,
    ) -> None:
        before = len(self.problems)
        for name, value in options.items():
            if name not in transform.options:
                known = ", ".join(sorted(transform.options)) or "none"
                self._fault(where, f"'{transform.name}' has no option '{name}'; it has: {known}")
            elif value is not None and (problem := transform.options[name].problem(name, value)):
                self._fault(where, problem)
        for name, option in transform.options.items():
            if option.required and options.get(name) is None:
                self._fault(where, f"option '{name}' is missing: {option.help}")
        if kind not in transform.kinds:
            fitting = sorted(name for name, other in TRANSFORMS.items() if kind in other.kinds)
            self._fault(
                where, f"'{transform.name}' cannot fill a {kind} field; use one of: {', '.join(fitting)}"
            )
        fewest, most = transform.paths
        if not fewest <= count <= most:
            self._fault(where, f"'{transform.name}' takes {_count(fewest, most)}, not {count}")
        if len(self.problems) > before:
            return
        for problem in transform.check(options, kind):
            self._fault(where, problem)
        turned = transform.direction_problem(
            options, kind, is_in=direction is not Direction.OUT, is_out=direction is not Direction.IN
        )
        if turned:
            self._fault(where, turned)

    def _default(self, where: str, raw: Any, kind: Kind) -> JSON:
        if raw is None:
            return None
        try:
            return canonical(kind, raw)
        except ValueProblem as exc:
            self._fault(f"{where}.default", str(exc))
            return None

    def _keyed(self, links: list[Link]) -> list[Link]:
        taken = {link.key for link in links if link.key}
        keyed = []
        for link in links:
            key = link.key or link.local
            if not link.key:
                if key in taken:
                    key = f"{link.local}:{'+'.join(link.external)}"
                taken.add(key)
            keyed.append(replace(link, key=key))
        return keyed

    def _check_together(self, links: list[Link]) -> None:
        keys: dict[str, int] = {}
        filled: dict[str, str] = {}
        written: dict[str, str] = {}
        for number, link in enumerate(links):
            where = f"links[{number}]"
            if link.key in keys:
                self._fault(f"{where}.key", f"'{link.key}' is used twice; give one of the links another key")
            keys[link.key] = number
            if link.is_in:
                if link.local in filled:
                    self._fault(
                        f"{where}.local",
                        f"'{link.local}' is already filled from '{filled[link.local]}'; set one of the two to 'out' "
                        "or join both paths in one link",
                    )
                filled[link.local] = ", ".join(link.external)
            if link.is_out:
                for path in link.external:
                    if path in written:
                        self._fault(
                            f"{where}.external",
                            f"'{path}' is already written from '{written[path]}'; set one of the two to 'in'",
                        )
                    written[path] = link.local

    def _check_required(self, links: list[Link], required: Collection[str]) -> None:
        filled = {link.local for link in links if link.is_in}
        for name in sorted(set(required) - filled):
            if name in self.record_kinds and filled:
                self._fault(
                    "links", f"'{name}' must be filled but nothing comes in for it: add a link or a constant"
                )
        for number, link in enumerate(links):
            if not link.required:
                continue
            if link.direction is Direction.OUT and link.local in required and link.local not in filled:
                self._fault(
                    f"links[{number}].required",
                    "the field is required but only sent: set the direction to 'both'",
                )
            if (
                link.transform == "constant"
                and link.options.get("value") in (None, "")
                and link.default is None
            ):
                self._fault(
                    f"links[{number}].required", "the fixed value is empty: give a value or a default"
                )


def _count(fewest: int, most: int) -> str:
    if fewest == most:
        return "one path" if most == 1 else f"{most} paths"
    return f"{fewest} to {most} paths"
