"""What every transform is: two functions between a vendor's value and a canonical one, and what it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reconcile.kinds import Kind
from reconcile.model import JSON, MapContext, Unmapped

Options = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
    "any": (object,),
}

ALL_KINDS = frozenset(Kind)
TEXTS = frozenset({Kind.TEXT, Kind.RICH_TEXT, Kind.ENUM})


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a transform: its type, whether it must be given, and what it may be."""

    type: str
    help: str
    required: bool = False
    choices: tuple[Any, ...] = ()
    default: Any = None

    def problem(self, name: str, value: Any) -> str | None:
        if isinstance(value, bool) and self.type in ("integer", "number"):
            return f"option '{name}' must be a {self.type}"
        if not isinstance(value, _TYPES[self.type]):
            return f"option '{name}' must be a {self.type}"
        if self.choices and value not in self.choices:
            return f"option '{name}' must be one of: {', '.join(map(str, self.choices))}"
        return None


class Transform:
    """Base of all transforms; stateless. Methods get the options as ``prepare`` returned them.

    ``inward`` takes a vendor's value (as read, or as ``normalise`` left it) and gives a value that fits the
    link's kind; ``outward`` the reverse. Either may answer Unmapped or raise ValueProblem. A link with
    several paths passes a list of values in their order.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    kinds: ClassVar[frozenset[Kind]] = ALL_KINDS  # local kinds it can serve
    options: ClassVar[Mapping[str, Option]] = {}
    paths: ClassVar[tuple[int, int]] = (1, 1)  # fewest and most external paths
    lossy: ClassVar[bool] = False  # the vendor's form holds less: two local values may look alike there
    can_in: ClassVar[bool] = True
    can_out: ClassVar[bool] = True

    def check(self, options: Options, kind: Kind) -> list[str]:
        """What is wrong with the options beyond their types, as sentences."""
        return []

    def prepare(self, options: Options, kind: Kind, path_count: int) -> dict[str, Any]:
        """Options with defaults filled in, and whatever is worth computing once per map."""
        prepared = {name: option.default for name, option in self.options.items()}
        prepared.update(options)
        prepared["kind"] = kind
        prepared["path_count"] = path_count
        return prepared

    def direction_problem(self, options: Options, kind: Kind, *, is_in: bool, is_out: bool) -> str | None:
        """Why these options cannot serve the asked directions; None if they can."""
        if is_in and not self.can_in:
            return f"'{self.name}' only sends: set the direction to 'out'"
        if is_out and not self.can_out:
            return f"'{self.name}' cannot be turned round: set the direction to 'in'"
        return None

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return value

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        return value

    def normalise(self, value: Any, options: Options) -> JSON:
        """The vendor's value without differences that mean nothing. Never raises: unreadable stays as it is."""
        return value

    def references_in(self, value: Any, options: Options) -> Sequence[tuple[str, str]]:
        """(resource, external id) pairs ``inward`` will look up."""
        return ()

    def references_out(self, value: JSON, options: Options) -> Sequence[tuple[str, str]]:
        """(resource, local id) pairs ``outward`` will look up."""
        return ()

    def damage(self, value: Any, options: Options) -> str | None:
        """What writing over this vendor value would destroy, as a clause; None if nothing."""
        return None


class NoContext:
    """A MapContext that knows nobody: for previews and maps without look-ups."""

    def local_id(self, resource: str, external_id: str) -> str | None:
        return None

    def external_id(self, resource: str, local_id: str) -> str | None:
        return None
