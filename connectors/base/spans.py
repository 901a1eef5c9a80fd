"""Start, stop and length of a piece of time: three facts of which two decide the third."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .errors import RecordProblem
from .times import parse_instant

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")


@dataclass(frozen=True, slots=True)
class Span:
    """A start without stop and length is running. Without a start only the length is known."""

    start: datetime | None = None
    stop: datetime | None = None
    seconds: int | None = None

    @property
    def is_running(self) -> bool:
        return self.start is not None and self.stop is None and self.seconds is None

    def changed(self, changes: Mapping[str, Any]) -> Span:
        """The span after ``changes`` to ``start``, ``stop`` (instants in any usual form) or ``seconds``, consistent again.

        A new start or stop decides the length; a new length alone moves the stop. Raises ``RecordProblem``.
        """
        start = _instant(changes["start"], "start") if "start" in changes else self.start
        stop = _instant(changes["stop"], "stop") if "stop" in changes else self.stop
        seconds = self.seconds
        if "seconds" in changes and changes["seconds"] is not None:
            seconds = _whole(changes["seconds"])
            if (
                start is not None
                and changes.get("stop") is None
                and ("stop" not in changes or self.stop is None)
            ):
                stop = start + timedelta(seconds=seconds)
        elif "stop" in changes and stop is None:
            seconds = None
        if start is not None and stop is not None:
            seconds = round((stop - start).total_seconds())
            if seconds < 0:
                raise RecordProblem("The end lies before the start.", field="stop")
        return Span(start, stop, seconds)


def _instant(value: Any, field: str) -> datetime | None:
    moment = parse_instant(value)
    if moment is None and value not in (None, ""):
        raise RecordProblem(f"The {field} is no moment.", field=field)
    return moment


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise RecordProblem("The duration is no number of seconds.", field="seconds")
    return round(value)


def parse_duration(value: Any) -> int | None:
    """Seconds of an ISO 8601 duration such as ``PT1H30M``; None if it is none. Fractions of a second are cut off."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def format_duration(seconds: int) -> str:
    """``PT1H30M``, as ISO 8601 writes it; hours are not made days."""
    hours, rest = divmod(seconds, 3600)
    parts = "".join(
        f"{number}{unit}" for number, unit in ((hours, "H"), (rest // 60, "M"), (rest % 60, "S")) if number
    )
    return f"PT{parts or '0S'}"
