"""Paths into a vendor's JSON: one small grammar for reading and writing.

``name.first``, ``custom_fields[0].value``, ``fields."due.date"``, ``fields['due.date']``. No filters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

MAX_INDEX = 999


class _Missing:
    """The one value that says "not there", which differs from None."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


class PathError(ValueError):
    """A path that cannot be read or written; ``position`` is the character at fault, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.position = position


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path: steps are object keys (str) and list indexes (int)."""

    text: str
    steps: tuple[str | int, ...]

    def read(self, data: Any, default: Any = MISSING) -> Any:
        """The value there. None if something on the way is null or a list is too short; ``default`` if a key is absent."""
        here = data
        for step in self.steps:
            if here is None:
                return None
            if isinstance(step, str):
                if (type(here) is not dict and not isinstance(here, Mapping)) or step not in here:
                    return default
                here = here[step]
            else:
                if not isinstance(here, list | tuple):
                    return default
                if step >= len(here):
                    return None
                here = here[step]
        return here

    def write(self, data: dict[str, Any], value: Any) -> None:
        """Put ``value`` there, making objects and lists on the way. Raises PathError where a plain value is in the way."""
        here: Any = data
        last = len(self.steps) - 1
        for number, step in enumerate(self.steps):
            if isinstance(step, int):
                if not isinstance(here, list):
                    raise PathError(f"{self.text!r}: there is no list for [{step}]", 0)
                here.extend([None] * (step + 1 - len(here)))
                held = here[step]
            else:
                if not isinstance(here, dict):
                    raise PathError(f"{self.text!r}: there is no object for {step!r}", 0)
                held = here.get(step)
            if number == last:
                here[step] = value
                return
            if held is None:
                held = [] if isinstance(self.steps[number + 1], int) else {}
                here[step] = held
            here = held


@lru_cache(maxsize=8192)
def compile_path(text: str) -> Path:
    """Compile ``text``; cached. Raises PathError."""
    steps: list[str | int] = []
    at, length = 0, len(text)
    if not text.strip():
        raise PathError("the path is empty", 0)
    while at < length:
        if text[at] == "[":
            step, at = _bracket(text, at)
        else:
            step, at = _key(text, at)
        steps.append(step)
        if at < length and text[at] == ".":
            at += 1
            if at == length:
                raise PathError("the path ends with a dot", at - 1)
            if text[at] == "[":
                raise PathError("a dot is followed by a bracket", at)
        elif at < length and text[at] != "[":
            raise PathError(f"a dot or a bracket is missing before {text[at]!r}", at)
    return Path(text, tuple(steps))


def _quoted(text: str, at: int) -> tuple[str, int]:
    quote = text[at]
    end = text.find(quote, at + 1)
    if end < 0:
        raise PathError("a quoted name is not closed", at)
    if end == at + 1:
        raise PathError("a quoted name is empty", at)
    return text[at + 1 : end], end + 1


def _bracket(text: str, at: int) -> tuple[str | int, int]:
    if at + 1 < len(text) and text[at + 1] in "\"'":
        name, end = _quoted(text, at + 1)
        if end >= len(text) or text[end] != "]":
            raise PathError("a bracket is not closed", at)
        return name, end + 1
    end = text.find("]", at)
    if end < 0:
        raise PathError("a bracket is not closed", at)
    inside = text[at + 1 : end]
    if not (inside.isascii() and inside.isdigit()):
        raise PathError("a bracket holds a number from 0, or a quoted name", at + 1)
    if len(inside) > 4 or int(inside) > MAX_INDEX:
        raise PathError(f"the index is larger than {MAX_INDEX}", at + 1)
    return int(inside), end + 1


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at] in "\"'":
        return _quoted(text, at)
    end = at
    while end < len(text) and text[end] not in ".[":
        if text[end] in "]\"'":
            raise PathError(f"{text[end]!r} must be inside a quoted name", end)
        end += 1
    if end == at:
        raise PathError("a name is missing", at)
    return text[at:end], end


def paths_in(data: Any, *, deepest: int = 5) -> Iterator[str]:
    """The paths to what a document holds, for people to pick from: values, lists, and what the first of a list holds.

    ``deepest`` steps and no further. Names that no path can say (with both kinds of quotes) are left out.
    """
    yield from _below(data, "", deepest)


def _below(data: Any, at: str, steps: int) -> Iterator[str]:
    if not isinstance(data, Mapping) or not steps:
        return
    for name, value in data.items():
        step = _as_step(str(name))
        if not step:
            continue
        path = f"{at}.{step}" if at else step
        if isinstance(value, Mapping) and value:
            yield from _below(value, path, steps - 1)
            continue
        yield path
        if isinstance(value, list | tuple) and value:
            yield from _below(value[0], f"{path}[0]", steps - 1)


def _as_step(name: str) -> str:
    """A key as a path writes it, quoted where it has to be; "" if it cannot be written."""
    if name and not set(name) & set(".[]\"'") and name.strip():
        return name
    return next((f"{quote}{name}{quote}" for quote in "\"'" if name and quote not in name), "")
