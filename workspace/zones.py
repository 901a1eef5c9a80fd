"""Time zones by their names in the tz database, as people enter them."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

EXAMPLES = "for example Europe/Berlin, America/New_York or UTC"
SUGGESTED = 3


@cache
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def validate_zone(name: str) -> None:
    """Raise ``ValidationError`` with what may have been meant, unless this is a zone's full name."""
    if name in zone_names():
        return
    likely = _likely(name)
    then = f"Did you mean {likely}?" if likely else f"Give its full name, {EXAMPLES}."
    raise ValidationError(f"“{name}” is no time zone. {then}", code="zone")


def _likely(name: str) -> str:
    """Zones of that name in another spelling, or in the city part: Europe/Berlin for “berlin”."""
    wanted = name.strip().replace(" ", "_").casefold()
    found = sorted(
        zone for zone in zone_names() if wanted in (zone.casefold(), zone.casefold().rpartition("/")[2])
    )
    return " or ".join(found[:SUGGESTED])
