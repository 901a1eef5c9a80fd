"""Field maps in use: the compiled form that reads, turns and writes values. Parsing is in ``map_parsing``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcile.kinds import Kind, ValueProblem, canonicaliser, is_blank
from reconcile.links import FieldMap, FieldMapProblem, Link, LinkLike, Problem, link_to_dict
from reconcile.map_parsing import parse_field_map
from reconcile.model import JSON, Direction, MapContext, Snapshot, Unmapped
from reconcile.paths import MISSING, Path, compile_path
from reconcile.transforms import Transform, find_transform

__all__ = [
    "BoundLink",
    "CompiledMap",
    "FieldMap",
    "FieldMapProblem",
    "Link",
    "LinkLike",
    "Problem",
    "compile_field_map",
    "link_to_dict",
    "parse_field_map",
]


class BoundLink:
    """A link with its transform, prepared options and compiled paths: what a merge needs at hand."""

    __slots__ = (
        "canonical",
        "is_constant_in",
        "is_set",
        "is_write_only",
        "kind",
        "link",
        "lossy",
        "options",
        "paths",
        "quieten",
        "simple",
        "transform",
    )

    def __init__(self, link: Link) -> None:
        transform = find_transform(link.transform)
        if transform is None:
            raise FieldMapProblem([Problem(link.key, f"there is no transform '{link.transform}'")])
        self.link = link
        self.kind = link.kind
        self.transform = transform
        self.paths: tuple[Path, ...] = tuple(compile_path(path) for path in link.external)
        self.options = transform.prepare(link.options, link.kind, len(self.paths))
        first = self.paths[0].steps
        self.simple: str | None = (
            first[0] if len(self.paths) == len(first) == 1 and isinstance(first[0], str) else None
        )
        self.lossy = transform.lossy
        self.canonical = canonicaliser(link.kind)
        # None where the transform has nothing to normalise: reading is the hottest path of a bulk run.
        is_plain = type(transform).normalise is Transform.normalise
        self.quieten = None if is_plain else transform.normalise
        self.is_set = link.kind is Kind.SET
        self.is_write_only = not transform.can_in
        self.is_constant_in = transform.name == "constant" and link.direction is Direction.IN

    def read(self, data: Mapping[str, Any]) -> Any:
        """The vendor's value, normalised; MISSING if any path is not in the answer."""
        if self.simple is not None:
            value = data.get(self.simple, MISSING)
            if value is MISSING or self.quieten is None:
                return value
            return self.quieten(value, self.options)
        values = [path.read(data) for path in self.paths]
        if any(value is MISSING for value in values):
            return MISSING
        return self.transform.normalise(values if len(values) > 1 else values[0], self.options)

    def inward(self, value: JSON, ctx: MapContext) -> JSON | Unmapped:
        """Canonical value of the vendor's; empty becomes the link's default. Raises ValueProblem."""
        turned = self.transform.inward(value, self.options, ctx)
        if type(turned) is Unmapped:
            return turned
        turned = self.canonical(turned)
        if self.link.default is not None and is_blank(turned):
            return self.link.default
        return turned

    def outward(self, value: JSON, ctx: MapContext) -> JSON | Unmapped:
        """The vendor's value of a canonical one. Raises ValueProblem."""
        if self.link.required and self.link.default is not None and is_blank(value):
            value = self.link.default
        return self.transform.outward(value, self.options, ctx)

    def normalise(self, value: JSON) -> JSON:
        return self.transform.normalise(value, self.options)


class CompiledMap:
    """A field map ready for use; make it once per map, it is immutable and may be shared between threads."""

    def __init__(self, field_map: FieldMap) -> None:
        self.field_map = field_map
        self.bound: dict[str, BoundLink] = {link.key: BoundLink(link) for link in field_map.links}
        self.links: dict[str, Link] = {link.key: link for link in field_map.links}
        self.keys: tuple[str, ...] = tuple(self.links)
        self.groups: dict[str, str] = {link.key: link.group for link in field_map.links if link.group}
        self._reads = [
            (bound.link.key, None if bound.is_constant_in else bound.simple, bound.quieten, bound)
            for bound in self.bound.values()
            if not bound.is_write_only
        ]
        self._locals = [(link.key, link.local, canonicaliser(link.kind)) for link in field_map.links]
        self._local_of = {link.key: link.local for link in field_map.links}
        self._lookups = [b for b in self.bound.values() if b.transform.name.startswith("lookup")]

    def read_external(self, data: Mapping[str, Any]) -> dict[str, JSON]:
        """The external snapshot of a record's JSON, in the vendor's terms but without differences that mean nothing.

        A path that is not in the answer leaves its key out. Never raises.
        """
        snapshot: dict[str, JSON] = {}
        for key, name, quieten, bound in self._reads:
            if name is not None:  # a plain member, as most are
                value = data.get(name, MISSING)
                if value is not MISSING:
                    snapshot[key] = value if quieten is None else quieten(value, bound.options)
            elif bound.is_constant_in:
                snapshot[key] = bound.options["value"]
            else:
                value = bound.read(data)
                if value is not MISSING:
                    snapshot[key] = value
        return snapshot

    def read_local(self, values: Mapping[str, Any]) -> dict[str, JSON]:
        """The local snapshot of a record's fields by name; Python or canonical values. Raises ValueProblem naming the field."""
        snapshot: dict[str, JSON] = {}
        for key, name, to_canonical in self._locals:
            if name not in values:
                continue
            try:
                snapshot[key] = to_canonical(values[name])
            except ValueProblem as exc:
                raise ValueProblem(f"{name}: {exc}") from exc
        return snapshot

    def by_key(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """Values by local field as values by link key: ``read_local`` of what is known to be canonical."""
        return {key: values[name] for key, name in self._local_of.items() if name in values}

    def inward(self, key: str, vendor_value: JSON, ctx: MapContext) -> JSON | Unmapped:
        """Canonical value of a vendor's value. Raises ValueProblem."""
        return self.bound[key].inward(vendor_value, ctx)

    def outward(self, key: str, value: JSON, ctx: MapContext) -> JSON | Unmapped:
        """The vendor's value of a canonical one, as it is to be written. Raises ValueProblem."""
        return self.bound[key].outward(value, ctx)

    def normalise(self, key: str, vendor_value: JSON) -> JSON:
        """A vendor's value as a snapshot holds it: for comparing what was sent with what was read back."""
        return self.bound[key].normalise(vendor_value)

    def external_writes(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """Vendor values by link key as a connector takes them: by external path, multi-path links split."""
        writes: dict[str, JSON] = {}
        for key, value in values.items():
            paths = self.links[key].external
            if len(paths) == 1:
                writes[paths[0]] = value
                continue
            parts = value if isinstance(value, list) else [value]
            parts = [*parts, *[None] * (len(paths) - len(parts))]
            writes.update(zip(paths, parts, strict=False))
        return writes

    def references_in(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        """(resource, external id) of all references in an external snapshot, to be fetched before planning."""
        found: list[tuple[str, str]] = []
        for bound in self._lookups:
            if bound.link.key in snapshot:
                found.extend(bound.transform.references_in(snapshot[bound.link.key], bound.options))
        return found

    def references_out(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        """(resource, local id) of all references in a local snapshot."""
        found: list[tuple[str, str]] = []
        for bound in self._lookups:
            if bound.link.key in snapshot:
                found.extend(bound.transform.references_out(snapshot[bound.link.key], bound.options))
        return found

    def local_fields(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """Values by link key as values by local field."""
        names = self._local_of
        return {names[key]: value for key, value in values.items()}


def compile_field_map(field_map: FieldMap) -> CompiledMap:
    """Compile once per saved map version; the caller keeps it."""
    return CompiledMap(field_map)
