"""Amounts in the words that pages and sentences share."""

from __future__ import annotations


def span(seconds: float) -> str:
    """ "3 d", "2 h", "5 min", "40 s"; "" for less than ten seconds."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "" if seconds < 10 else f"{int(seconds)} s"


def milliseconds(value: int | None) -> str:
    """ "820 ms", "1.2 s", "1 m 12 s"; "—" where nothing was measured."""
    if value is None:
        return "—"
    if value < 1000:
        return f"{value} ms"
    if value < 60_000:
        return f"{value / 1000:.1f} s"
    return f"{value // 60_000} m {value // 1000 % 60} s"


def percent(value: float | None) -> str:
    """ "96.2 %", never rounded up to 100; "—" without any."""
    if value is None:
        return "—"
    return "100 %" if value == 100 else f"{min(value, 99.9):.1f} %"
