"""One id from the request or the delivery to the push, for log lines and rows."""

from __future__ import annotations

import re

import structlog

from workspace.ids import new_id

_USABLE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def correlation_id() -> str:
    """The id of the request or task under way, else a new one."""
    facts = structlog.contextvars.get_contextvars()
    for name in ("correlation_id", "request_id", "task_id"):
        found = str(facts.get(name) or "")
        if _USABLE.fullmatch(found):
            return found
    return new_id().hex
