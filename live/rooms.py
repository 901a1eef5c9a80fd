"""Who may listen in which room. Rooms above register a rule per pattern from ``AppConfig.ready()``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: (user, match of the room's name) → may listen; may query
Rule = Callable[[Any, "re.Match[str]"], bool]

_rules: dict[str, tuple[re.Pattern[str], Rule]] = {}


def register_room(pattern: str, rule: Rule) -> None:
    """Guard all rooms whose whole name matches ``pattern``. The same pattern again replaces its rule."""
    _rules[pattern] = (re.compile(pattern), rule)


def authorise(user: Any, room: str) -> bool:
    """True if some rule knows the room and none refuses: a narrower rule can only take away."""
    if not (user.is_authenticated and user.is_active):
        return False
    verdicts = [rule(user, match) for pattern, rule in _rules.values() if (match := pattern.fullmatch(room))]
    return bool(verdicts) and all(verdicts)


def _own_room(user: Any, match: re.Match[str]) -> bool:
    return str(user.pk) == match["user"]


register_room(r"user:(?P<user>[0-9a-f-]{1,40})", _own_room)
