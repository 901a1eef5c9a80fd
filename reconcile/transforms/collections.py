"""Transforms of references, sets, lists and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconcile.kinds import Kind, ValueProblem, clean_text, is_tidy_set, shown
from reconcile.model import JSON, MapContext, Unmapped
from reconcile.transforms.base import ALL_KINDS, Option, Options, Transform


def _member(value: Any, key: str) -> str | None:
    """One member's text: the value itself, or what its object holds under ``key``."""
    if type(value) is int:
        return str(value)
    if isinstance(value, dict):
        if key not in value:
            raise ValueProblem(f"{shown(value)} has no '{key}'")
        value = value[key]
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueProblem(f"{shown(value)} is not a name or an id")
    return clean_text(str(value)) or None


def _members(value: Any, key: str, split: str = "") -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str) and split:
        value = [part.strip() for part in value.split(split)]
    if not isinstance(value, list | tuple):
        raise ValueProblem(f"{shown(value)} is not a list")
    return [text for member in value if (text := _member(member, key)) is not None]


def _out_member(text: str, options: Options) -> Any:
    member: Any = text
    if options["as"] == "integer":
        try:
            member = int(text)
        except ValueError as exc:
            raise ValueProblem(f"{shown(text)} is not a whole number") from exc
    return {options["key"]: member} if options.get("write") == "objects" else member


_KEY = Option("string", "where the members are objects: the name of the value in them", default="id")
_WRITE = Option("string", "how members are sent", choices=("values", "objects"), default="values")
_AS = Option("string", "type of the values to send", choices=("string", "integer"), default="string")
_BY = Option("string", "what the vendor's value is", choices=("id", "email"), default="id")
_RESOURCE = Option("string", "the vendor's resource that is referred to", required=True)


def _looked_up(options: Options) -> str:
    # A look-up by e-mail asks the context for the resource "<name>:email"; see MapContext's implementers.
    return options["resource"] if options["by"] == "id" else f"{options['resource']}:{options['by']}"


class LookupTransform(Transform):
    """A reference: their id ↔ our record. No counterpart is Unmapped, never empty."""

    name = "lookup"
    label = "Reference"
    kinds = frozenset({Kind.REFERENCE})
    options = {
        "resource": _RESOURCE,
        "by": _BY,
        "key": _KEY,
        "as": _AS,
        "write": _WRITE,
        "empty": Option("any", "what the other side wants for nobody; null if not given"),
    }

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        text = self._id(value, options)
        if text is None:
            return None
        found = ctx.local_id(_looked_up(options), text)
        if found is None:
            return Unmapped(value, f"{options['resource']} {text} is not known here yet")
        return found

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return options["empty"]
        found = ctx.external_id(_looked_up(options), value)
        if found is None:
            return Unmapped(value, f"our {options['resource']} {value} has no counterpart over there")
        return _out_member(found, options)

    def _id(self, value: Any, options: Options) -> str | None:
        if isinstance(value, list):
            raise ValueProblem(f"{shown(value)} is a list: use lookup_set or a path with [0]")
        text = _member(value, options["key"])
        return text.lower() if text and options["by"] == "email" else text

    def normalise(self, value: Any, options: Options) -> JSON:
        if value == options["empty"]:
            return None
        try:
            return self._id(value, options)
        except ValueProblem:
            return value

    def references_in(self, value: Any, options: Options) -> Sequence[tuple[str, str]]:
        text = self.normalise(value, options)
        return [(_looked_up(options), text)] if isinstance(text, str) else ()

    def references_out(self, value: JSON, options: Options) -> Sequence[tuple[str, str]]:
        return [(_looked_up(options), value)] if isinstance(value, str) else ()


class LookupSetTransform(Transform):
    """A set of references. One member without a counterpart makes the whole Unmapped, so nobody is dropped."""

    name = "lookup_set"
    label = "Set of references"
    kinds = frozenset({Kind.SET})
    options = {"resource": _RESOURCE, "by": _BY, "key": _KEY, "as": _AS, "write": _WRITE}

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        found: list[str] = []
        missing: list[str] = []
        for text in self._ids(value, options):
            local = ctx.local_id(_looked_up(options), text)
            (missing if local is None else found).append(local or text)
        if missing:
            return Unmapped(value, f"not known here yet: {options['resource']} {', '.join(missing)}")
        return found

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        found: list[str] = []
        missing: list[str] = []
        for member in value or ():
            external = ctx.external_id(_looked_up(options), member)
            (missing if external is None else found).append(external or member)
        if missing:
            return Unmapped(value, f"no counterpart over there: {options['resource']} {', '.join(missing)}")
        return [_out_member(text, options) for text in sorted(set(found))]

    def _ids(self, value: Any, options: Options) -> list[str]:
        if is_tidy_set(value) and options["by"] == "id":
            return list(value)
        texts = _members(value, options["key"])
        return sorted({text.lower() for text in texts} if options["by"] == "email" else set(texts))

    def normalise(self, value: Any, options: Options) -> JSON:
        try:
            return self._ids(value, options)
        except ValueProblem:
            return value

    def references_in(self, value: Any, options: Options) -> Sequence[tuple[str, str]]:
        texts = self.normalise(value, options)
        return (
            [(_looked_up(options), text) for text in texts if isinstance(text, str)]
            if isinstance(texts, list)
            else ()
        )

    def references_out(self, value: JSON, options: Options) -> Sequence[tuple[str, str]]:
        return [(_looked_up(options), member) for member in value or ()]


class SetTransform(Transform):
    """Tags: a list of texts, of objects holding one, or one text with ``separator``."""

    name = "set"
    label = "Set of tags"
    kinds = frozenset({Kind.SET})
    options = {
        "key": Option(
            "string", "where the members are objects: the name of the text in them", default="name"
        ),
        "write": _WRITE,
        "as": _AS,
        "separator": Option(
            "string", "where the vendor holds one text: what stands between the tags", default=""
        ),
    }

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return self._texts(value, options)

    def _texts(self, value: Any, options: Options) -> list[str]:
        if is_tidy_set(value):
            return list(value)
        return sorted(set(_members(value, options["key"], options["separator"])))

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if options["separator"]:
            if any(options["separator"].strip() in text for text in value or ()):
                raise ValueProblem(
                    f"a tag contains {options['separator']!r}, which separates tags over there"
                )
            return options["separator"].join(value or ())
        return [_out_member(text, options) for text in value or ()]

    def normalise(self, value: Any, options: Options) -> JSON:
        try:
            return self._texts(value, options)
        except ValueProblem:
            return value


class ListTransform(Transform):
    """An ordered list of plain values, or of objects holding one under ``key``."""

    name = "list"
    label = "List"
    kinds = frozenset({Kind.LIST, Kind.SET})
    options = {
        "key": Option("string", "where the members are objects: the name of the value in them", default=""),
        "write": _WRITE,
        "as": _AS,
    }

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return []
        if not isinstance(value, list):
            raise ValueProblem(f"{shown(value)} is not a list")
        if not options["key"]:
            return value
        return [member.get(options["key"]) if isinstance(member, dict) else member for member in value]

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if options["write"] == "objects" and options["key"]:
            return [{options["key"]: member} for member in value or ()]
        return list(value or ())

    def normalise(self, value: Any, options: Options) -> JSON:
        if not isinstance(value, list) or not options["key"]:
            return value
        return [member.get(options["key"]) if isinstance(member, dict) else member for member in value]


class JsonTransform(Transform):
    name = "json"
    label = "JSON as it is"
    kinds = ALL_KINDS - {Kind.REFERENCE}
    paths = (1, 20)
