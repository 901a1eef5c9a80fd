"""Reads the vendor's own figures on its rate limit from an answer's headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .times import parse_http_date, parse_instant


class LimitState(NamedTuple):
    limit: int | None
    remaining: int | None
    reset_after: float | None
    quota_class: str = ""


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """Names of the limit headers. ``reset_format``: epoch_s, epoch_ms, seconds, milliseconds, http_date or iso8601.

    ``usage`` is a pattern with two groups (used, limit) over ``usage_header``, for headers like ``api-usage=18/5000``.
    """

    limit: str = "x-ratelimit-limit"
    remaining: str = "x-ratelimit-remaining"
    reset: str = "x-ratelimit-reset"
    reset_format: str = "epoch_s"
    quota_class: str = ""  # header that names the class, where the vendor has several
    usage_header: str = ""
    usage: str = ""

    def read(self, headers: Mapping[str, str], *, now: datetime) -> LimitState:
        limit, remaining = (
            _whole(headers.get(self.limit.lower())),
            _whole(headers.get(self.remaining.lower())),
        )
        if self.usage and (found := re.search(self.usage, headers.get(self.usage_header.lower(), ""))):
            used, limit = _whole(found.group(1)), _whole(found.group(2))
            remaining = limit - used if limit is not None and used is not None else remaining
        reset = self._reset_after(headers.get(self.reset.lower()), now)
        return LimitState(
            limit,
            remaining,
            reset,
            headers.get(self.quota_class.lower(), "") if self.quota_class else "",
        )

    def _reset_after(self, value: str | None, now: datetime) -> float | None:
        if not value:
            return None
        if self.reset_format in ("http_date", "iso8601"):
            moment = parse_http_date(value) if self.reset_format == "http_date" else parse_instant(value)
            return None if moment is None else max(0.0, (moment - now).total_seconds())
        try:
            number = float(value)
        except ValueError:
            return None
        match self.reset_format:
            case "seconds":
                return max(0.0, number)
            case "milliseconds":
                return max(0.0, number / 1000)
            case "epoch_ms":
                number /= 1000
        return max(0.0, number - now.timestamp())


def _whole(value: str | None) -> int | None:
    try:
        return int(float(value)) if value else None
    except (ValueError, OverflowError):
        return None
