"""Reading and writing by path in JSON values: ``fields.status.id``, ``items[0].name``, ``"a.b".c``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""Not there at all; differs from null."""


class BadPath(ValueError):
    """The path cannot be read."""


@lru_cache(maxsize=4096)
def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of a path: strings are members, integers are positions."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        char = path[position]
        if char == "[":
            end = path.find("]", position)
            index = path[position + 1 : end] if end > 0 else ""
            if not index.lstrip("-").isdigit():
                raise BadPath(f"{path!r}: expected a number in [ ]")
            steps.append(int(index))
            position = end + 1
        elif char == '"':
            end = path.find('"', position + 1)
            if end < 0:
                raise BadPath(f"{path!r}: a quote is not closed")
            steps.append(path[position + 1 : end])
            position = end + 1
        elif char == ".":
            position += 1
        else:
            end = min(
                (
                    i
                    for i in (path.find(".", position), path.find("[", position))
                    if i >= 0
                ),
                default=len(path),
            )
            steps.append(path[position:end])
            position = end
    return tuple(steps)


def read_path(data: Any, path: str, default: Any = MISSING) -> Any:
    """The value at ``path``; ``default`` where any step is missing. An empty path is the value itself."""
    for step in parse_path(path):
        if isinstance(step, int):
            if not isinstance(data, list | tuple) or not -len(data) <= step < len(data):
                return default
            data = data[step]
        elif isinstance(data, dict) and step in data:
            data = data[step]
        elif hasattr(data, "keys") and step in data:
            data = data[step]
        else:
            return default
    return data


def write_path(data: dict[str, Any], path: str, value: Any) -> None:
    """Puts ``value`` at ``path``, making the objects and list places on the way."""
    steps = parse_path(path)
    if not steps:
        raise BadPath("an empty path cannot be written")
    here: Any = data
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        if isinstance(step, int):
            while len(here) <= step:
                here.append(None)
            if following is None:
                here[step] = value
            elif not isinstance(here[step], dict | list):
                here[step] = [] if isinstance(following, int) else {}
        elif following is None:
            here[step] = value
        elif not isinstance(here.get(step), dict | list):
            here[step] = [] if isinstance(following, int) else {}
        here = here[step]
