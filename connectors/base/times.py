"""Reading and writing the time formats that APIs use."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

_OFFSET_WITHOUT_COLON = re.compile(r"([+-]\d{2})(\d{2})$")
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def parse_instant(value: Any, *, zone: str = "UTC") -> datetime | None:
    """An aware UTC instant from ISO 8601 (any usual form), RFC 1123, or epoch s/ms; None if unreadable.

    Times without an offset are taken in ``zone``. Numbers above 10^11 are milliseconds.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None
    if type(value) is str and value[10:11] == "T" and value[-1] == "Z":  # what most vendors send
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, int | float) or (
        isinstance(value, str) and re.fullmatch(r"\d{9,14}(\.\d+)?", value)
    ):
        return _from_epoch(float(value))
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        found = _from_text(value.strip())
        if found is None:
            return None
        moment = found
    else:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC)


def _from_epoch(number: float) -> datetime | None:
    seconds = number / 1000 if abs(number) > 1e11 else number
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _from_text(text: str) -> datetime | None:
    iso = _LONG_FRACTION.sub(r"\1", _OFFSET_WITHOUT_COLON.sub(r"\1:\2", text) if "T" in text else text)
    try:
        return datetime.fromisoformat(iso)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None


def format_instant(
    moment: datetime,
    style: str = "iso8601",
    *,
    zone: str = "UTC",
    granularity: str = "s",
) -> Any:
    """The instant as an API wants it. ``style`` as in the Generic REST configuration; rounds down."""
    moment = _floor(moment.astimezone(ZoneInfo(zone) if zone != "UTC" else UTC), granularity)
    match style:
        case "iso8601":
            return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        case "iso8601_ms":
            return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "iso8601_no_colon":
            return (
                moment.strftime("%Y-%m-%dT%H:%M:%S.")
                + f"{moment.microsecond // 1000:03d}"
                + moment.strftime("%z")
            )
        case "rfc1123":
            return format_datetime(moment.astimezone(UTC), usegmt=True)
        case "epoch_s":
            return int(moment.timestamp())
        case "epoch_ms":
            return int(moment.timestamp() * 1000)
        case "date":
            return moment.date().isoformat()
        case _:
            raise ValueError(f"unknown time format {style!r}")


def _floor(moment: datetime, granularity: str) -> datetime:
    match granularity:
        case "day":
            return moment.replace(hour=0, minute=0, second=0, microsecond=0)
        case "min":
            return moment.replace(second=0, microsecond=0)
        case "s":
            return moment.replace(microsecond=0)
        case _:
            return moment - timedelta(microseconds=moment.microsecond % 1000)


def parse_http_date(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header; None if absent or unreadable.

    Takes seconds or an HTTP date; a date in the past gives 0.0. Source: RFC 9110 section 10.2.3.
    """
    if not value:
        return None
    try:
        seconds = float(value.strip())
    except ValueError:
        moment = parse_http_date(value.strip())
        return None if moment is None else max(0.0, (moment - now).total_seconds())
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None
