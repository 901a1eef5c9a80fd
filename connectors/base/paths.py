"""Reading and writing by path in JSON values, in the hub's one grammar (``reconcile.paths``); "" is the value itself."""

from __future__ import annotations

from typing import Any

from reconcile.paths import MISSING, PathError, compile_path

__all__ = ["MISSING", "PathError", "read_path", "write_path"]


def read_path(data: Any, path: str, default: Any = MISSING) -> Any:
    """The value at ``path``; ``default`` where a key is missing, None where something on the way is null."""
    return data if not path else compile_path(path).read(data, default)


def write_path(data: dict[str, Any], path: str, value: Any) -> None:
    """Puts ``value`` at ``path``, making the objects and list places on the way. Raises ``PathError``."""
    compile_path(path).write(data, value)
