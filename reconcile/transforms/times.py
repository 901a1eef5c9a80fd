"""Transforms of dates, moments and local times. A date never becomes a moment but by a zone someone chose."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Any

from reconcile.kinds import (
    Kind,
    ValueProblem,
    decimal_of,
    instant_text,
    is_plain_instant,
    parse_datetime,
    shown,
    zone_of,
)
from reconcile.model import JSON, MapContext, Unmapped
from reconcile.transforms.base import Option, Options, Transform

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STYLES = ("z", "ms", "offset", "compact_offset", "rfc1123")


def moment_of(value: Any, zone: str) -> datetime:
    """A vendor's moment as an aware datetime; one without offset counts in ``zone``. Raises ValueProblem."""
    if not isinstance(value, str):
        raise ValueProblem(f"{shown(value)} is not a time")
    text = value.strip()
    moment = _rfc1123(text) if text[:1].isalpha() else parse_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone_of(zone))


def instant_of(value: Any, zone: str) -> str:
    """The canonical instant of a vendor's moment. Raises ValueProblem."""
    if isinstance(value, str) and is_plain_instant(value):
        return value
    return instant_text(moment_of(value, zone))


def _rfc1123(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError) as exc:
        raise ValueProblem(f"{shown(text)} is not a time") from exc


def styled(moment: datetime, style: str) -> str:
    """A moment as a vendor wants it written."""
    moment = moment.astimezone(UTC)
    if style == "rfc1123":
        return format_datetime(moment, usegmt=True)
    if style == "ms":
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if style == "compact_offset":
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "+0000"
    text = moment.replace(tzinfo=None).isoformat()
    return text + ("+00:00" if style == "offset" else "Z")


def epoch_moment(value: Any, per_second: int) -> datetime:
    """An aware datetime from epoch seconds or milliseconds. Raises ValueProblem."""
    number = decimal_of(value)
    try:
        return _EPOCH + timedelta(microseconds=int(number * (1_000_000 // per_second)))
    except OverflowError as exc:
        raise ValueProblem(f"{shown(value)} is outside the years 1 to 9999") from exc


def epoch_number(moment: datetime, per_second: int) -> int:
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return int(Decimal(micros * per_second) / 1_000_000)


def _zone_problem(options: Options) -> list[str]:
    try:
        zone_of(options.get("zone", "UTC"))
    except ValueProblem as exc:
        return [f"option 'zone': {exc}"]
    return []


_ZONE = Option("string", "IANA time zone, for instance Europe/Berlin", default="UTC")
_STYLE = Option("string", "how moments are written", choices=_STYLES, default="z")


class DateTransform(Transform):
    """A calendar day. Where the vendor holds a moment: its day in ``zone``; sent as ``time`` of that day in ``zone``."""

    name = "date"
    label = "Date"
    kinds = frozenset({Kind.DATE})
    lossy = True
    options = {
        "as": Option(
            "string",
            "what the vendor holds",
            choices=("date", "instant", "epoch_s", "epoch_ms"),
            default="date",
        ),
        "time": Option("string", "time of day to send, HH:MM", default="12:00"),
        "zone": _ZONE,
        "style": _STYLE,
        "empty": Option("string", "what the other side wants for empty; null if not given"),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        problems = _zone_problem(options)
        try:
            time.fromisoformat(options.get("time", "12:00"))
        except ValueError:
            problems.append("option 'time' must be a time of day such as 12:00")
        return problems

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        if options["as"] == "date":
            return _day_of(value)
        moment = self._moment(value, options)
        try:
            return moment.astimezone(zone_of(options["zone"])).date()
        except (OverflowError, ValueError) as exc:
            raise ValueProblem(f"{shown(value)} is outside the years 1 to 9999") from exc

    def _moment(self, value: Any, options: Options) -> datetime:
        if options["as"] == "instant":
            return moment_of(value, options["zone"])
        return epoch_moment(value, 1000 if options["as"] == "epoch_ms" else 1)

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return options["empty"]
        if options["as"] == "date":
            return value
        day = date.fromisoformat(value)
        moment = datetime.combine(day, time.fromisoformat(options["time"]), zone_of(options["zone"]))
        try:
            moment = _on_that_day(moment.astimezone(UTC), day, options["zone"])
        except (OverflowError, ValueError) as exc:
            raise ValueProblem(f"{value} cannot be sent as a moment") from exc
        if options["as"] == "instant":
            return styled(moment, options["style"])
        return epoch_number(moment, 1000 if options["as"] == "epoch_ms" else 1)

    def normalise(self, value: Any, options: Options) -> JSON:
        if not isinstance(value, str) or not value:
            return int(value) if isinstance(value, float) and value.is_integer() else value
        try:
            if options["as"] == "date":
                return _day_of(value)
            if options["as"] == "instant":
                return instant_of(value, options["zone"])
        except ValueProblem:
            return value
        return value


def _on_that_day(moment: datetime, day: date, zone: str) -> datetime:
    # A clock change can push a time that does not exist into the next day (and whole days have been skipped).
    back = moment.astimezone(zone_of(zone)).date()
    return (
        moment if back == day else moment - timedelta(hours=2) if back > day else moment + timedelta(hours=2)
    )


def _day_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueProblem(f"{shown(value)} is not a date")
    return _day_of_text(value)


@lru_cache(maxsize=4096)
def _day_of_text(value: str) -> str:
    text = value.strip()
    if len(text) > 10 and text[10] in "T ":
        clock = parse_datetime(text).time()
        if clock != time(0):
            raise ValueProblem(f"{shown(value)} holds a time of day: set option 'as' to 'instant'")
        text = text[:10]
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise ValueProblem(f"{shown(value)} is not a date such as 2025-07-01") from exc


class DatetimeTransform(Transform):
    name = "datetime"
    label = "Moment"
    kinds = frozenset({Kind.INSTANT})
    lossy = True
    options = {
        "zone": _ZONE,
        "style": _STYLE,
        "empty": Option("string", "what the other side wants for empty"),
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        return _zone_problem(options)

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        return instant_of(value, options["zone"])

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return options["empty"]
        return styled(datetime.fromisoformat(value), options["style"])

    def normalise(self, value: Any, options: Options) -> JSON:
        if not isinstance(value, str) or not value:
            return value
        try:
            return instant_of(value, options["zone"])
        except ValueProblem:
            return value


class _EpochTransform(Transform):
    kinds = frozenset({Kind.INSTANT})
    lossy = True
    per_second = 1
    options = {"as": Option("string", "type to send", choices=("number", "string"), default="number")}

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        return epoch_moment(value, self.per_second)

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None:
            return None
        number = epoch_number(datetime.fromisoformat(value), self.per_second)
        return str(number) if options["as"] == "string" else number

    def normalise(self, value: Any, options: Options) -> JSON:
        return int(value) if isinstance(value, float) and value.is_integer() else value


class EpochSecondsTransform(_EpochTransform):
    name = "epoch_s"
    label = "Seconds since 1970"


class EpochMillisTransform(_EpochTransform):
    name = "epoch_ms"
    label = "Milliseconds since 1970"
    per_second = 1000


class LocalDatetimeTransform(Transform):
    """A wall-clock time with its zone: an object {dateTime, timeZone}, two paths, or a naive text in ``zone``."""

    name = "local_datetime"
    label = "Local time with zone"
    kinds = frozenset({Kind.LOCAL_DATETIME})
    paths = (1, 2)
    lossy = True
    options = {
        "as": Option(
            "string", "what the vendor holds", choices=("object", "naive", "instant"), default="object"
        ),
        "zone": _ZONE,
        "time_key": Option("string", "name of the time in the object", default="dateTime"),
        "zone_key": Option("string", "name of the zone in the object", default="timeZone"),
        "style": _STYLE,
    }

    def check(self, options: Options, kind: Kind) -> list[str]:
        return _zone_problem(options)

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        if isinstance(value, dict):
            value = [value.get(options["time_key"]), value.get(options["zone_key"])]
        text, zone = value if isinstance(value, list) and len(value) == 2 else (value, None)
        if text is None or text == "":
            return None
        zone = zone or options["zone"]
        if options["as"] == "instant":
            return moment_of(text, zone).astimezone(zone_of(zone))
        if not isinstance(text, str):
            raise ValueProblem(f"{shown(value)} is not a local time")
        return {"local": text, "zone": zone}

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        is_pair = options["path_count"] == 2
        if value is None:
            return [None, None] if is_pair else None
        if is_pair:
            return [value["local"], value["zone"]]
        if options["as"] == "object":
            return {options["time_key"]: value["local"], options["zone_key"]: value["zone"]}
        moment = datetime.fromisoformat(value["local"]).replace(tzinfo=zone_of(value["zone"]))
        try:
            if options["as"] == "instant":
                return styled(moment, options["style"])
            return moment.astimezone(zone_of(options["zone"])).replace(tzinfo=None).isoformat()
        except (OverflowError, ValueError) as exc:
            raise ValueProblem(f"{shown(value)} is outside the years 1 to 9999") from exc

    def normalise(self, value: Any, options: Options) -> JSON:
        if isinstance(value, dict):
            keys = (options["time_key"], options["zone_key"])
            return {key: _quiet_local(value.get(key)) if key == keys[0] else value.get(key) for key in keys}
        if isinstance(value, list) and value:
            return [_quiet_local(value[0]), *value[1:]]
        return _quiet_local(value)


def _quiet_local(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    try:
        moment = parse_datetime(value)
        return moment.isoformat() if moment.tzinfo is None else instant_text(moment)
    except ValueProblem:
        return value
