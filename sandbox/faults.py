"""Trouble on demand: what a test or a person asks a stand-in to do wrong."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal


@dataclass
class Fault:
    """The next ``count`` requests that match fail so. ``kind``:

    ``status`` answers ``status`` with ``body`` (default: the vendor's own error body) and ``headers``;
    ``html`` a login page with status 200; ``empty`` 200 without a body; ``hang_up`` closes the connection without
    an answer; ``stall`` waits ``seconds`` and then hangs up; ``repeat_page`` is for listings: see the vendor.
    ``when`` "after" lets the request have its effect first and then loses the answer.
    """

    kind: Literal["status", "html", "empty", "hang_up", "stall"] = "status"
    count: int = 1
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    when: Literal["before", "after"] = "before"
    seconds: float = 0.0
    method: str = ""
    path: str = ""  # regular expression, searched in the path below the vendor's prefix

    def matches(self, method: str, path: str) -> bool:
        return (not self.method or self.method == method) and (
            not self.path or re.search(self.path, path) is not None
        )


@dataclass
class Knobs:
    """Settings of a stand-in that tests turn. ``clock_offset_seconds`` moves its Date header and timestamps."""

    latency_ms: float = 0
    list_lag_seconds: float = 0
    is_normalising: bool = True
    clock_offset_seconds: float = 0
    webhooks_on: bool = True
    limit_per_minute: int = 0  # 0 = the vendor's own
    extra: dict[str, Any] = field(default_factory=dict)


class Trouble:
    """The faults and knobs of one vendor."""

    def __init__(self) -> None:
        self.knobs = Knobs()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that matches, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.count > 0 and fault.matches(method, path):
                    fault.count -= 1
                    return fault
        return None

    def turn(self, values: dict[str, Any]) -> None:
        """Sets knobs by name. Raises ``KeyError`` for an unknown one."""
        known = {one.name for one in fields(Knobs)}
        for name, value in values.items():
            if name not in known:
                raise KeyError(name)
            setattr(self.knobs, name, value)

    @property
    def is_clear(self) -> bool:
        return not self._faults and self.knobs == Knobs()

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
        self.knobs = Knobs()

    def as_dict(self) -> dict[str, Any]:
        return {
            "knobs": asdict(self.knobs),
            "faults": [asdict(fault) for fault in self._faults if fault.count > 0],
        }
