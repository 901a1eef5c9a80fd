"""The order in which a listing is walked, and small readings of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.base.paths import read_path
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import ExternalRecord

from .declare import Config
from .templates import fill_header, fill_text


class Steps:
    """The order of a listing: parents that were picked, then windows of time, then pages. Tokens are JSON."""

    def __init__(
        self, declared: Config, since: datetime | None, parent_id: str | None, now: datetime
    ) -> None:
        picked = declared.get("parent", {}).get("selected_ids") or []
        self.parents: list[str | None] = [parent_id] if parent_id is not None or not picked else list(picked)
        incremental = declared["list"].get("incremental", {})
        if incremental.get("client_side"):
            since = None
        if since is not None and "max_lookback_days" in incremental:
            since = max(since, now - timedelta(days=incremental["max_lookback_days"]))
        self.since, self.now = since, now
        self.window = (
            timedelta(days=incremental["window_days"])
            if since and incremental.get("window_days") and incremental.get("end_param")
            else None
        )

    def at(self, token: Any) -> dict[str, Any] | None:
        if token is not None:
            picked = token["number"] < len(self.parents)
            return {**token, "parent": self.parents[token["number"]]} if picked else None
        return self._start(0, self.now.isoformat())

    def _start(self, number: int, end: str) -> dict[str, Any]:
        """``end`` is when the run began: a later now on each page would never let the windows end."""
        since = self.since.isoformat() if self.since else None
        until = self._until(since, end)
        return {
            "number": number,
            "parent": self.parents[number],
            "since": since,
            "until": until,
            "end": end,
            "walk": None,
        }

    def _until(self, since: str | None, end: str) -> str | None:
        if self.window is None or since is None:
            return None
        return min(datetime.fromisoformat(since) + self.window, datetime.fromisoformat(end)).isoformat()

    def after(self, step: Mapping[str, Any], walk: Any) -> dict[str, Any] | None:
        kept = {name: value for name, value in step.items() if name != "parent"}
        if walk is not None:
            return {**kept, "walk": walk}
        end, until = str(step["end"]), step.get("until")
        if until and datetime.fromisoformat(until) < datetime.fromisoformat(end):
            return {**kept, "walk": None, "since": until, "until": self._until(until, end)}
        if step["number"] + 1 < len(self.parents):
            following = self._start(step["number"] + 1, end)
            return {name: value for name, value in following.items() if name != "parent"}
        return None


def filled(templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    return {name: fill_text(text, values) for name, text in templates.items()}


def filled_headers(call: Config, values: Mapping[str, Any]) -> dict[str, str]:
    return {name: fill_header(text, values) for name, text in call.get("headers", {}).items()}


def guard_value(precondition: Config, current: ExternalRecord) -> str | None:
    path = precondition["value_path"]
    if current.version is not None:
        return current.version
    value = None if path.startswith("header:") else read_path(current.data, path, None)
    return None if value is None else str(value)


def as_written(field: Config, value: Any) -> Any:
    """A value as read, in the form the write path takes: members of objects become their ids or names."""
    key = field.get("key") or ("id" if field.get("ref_resource") else "")
    if key and isinstance(value, list):
        return [one.get(key) if isinstance(one, dict) else one for one in value]
    return value.get(key) if key and isinstance(value, dict) else value


def precondition(call: Config, current: ExternalRecord) -> dict[str, str]:
    if "precondition" not in call:
        return {}
    declared = call["precondition"]
    value = guard_value(declared, current)
    if value is None:
        return {}
    if declared["header"] == "If-Unmodified-Since" and (moment := parse_instant(value)):
        value = str(format_instant(moment, "rfc1123"))
    return {declared["header"]: f'"{value}"' if declared.get("quote") else value}
