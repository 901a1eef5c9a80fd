"""What the Linear stand-in starts with: the team behind an app for tides and harbours."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

TOKEN = "lin_api_demo0000000000000000000000000000"  # noqa: S105
START = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)


def uid(name: str) -> str:
    """A steady id in the form of a version 4 UUID."""
    return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_URL, f"linear:{name}").bytes, version=4))


ORGANIZATION = {"id": uid("org"), "name": "Tidewise", "urlKey": "tidewise"}
TEAM, OTHER_TEAM = uid("team-app"), uid("team-web")
TEAMS = ((TEAM, "App", "APP"), (OTHER_TEAM, "Website", "WEB"))
ROBOT = uid("robot")
USERS = (
    (ROBOT, "Lockstep Robot", "robot@tidewise.example", True),
    (uid("maren"), "Maren Dahl", "maren@tidewise.example", True),
    (uid("kofi"), "Kofi Mensah", "kofi@tidewise.example", True),
    (uid("elif"), "Elif Aydin", "elif@tidewise.example", True),
    (uid("ruben"), "Rubén Ortiz", "ruben@tidewise.example", False),
)
STATES = (
    ("Triage", "triage"),
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("In Progress", "started"),
    ("In Review", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
)
LABELS = (
    ("Bug", "#eb5757", TEAM),
    ("Feature", "#bb87fc", TEAM),
    ("Design", "#26b5ce", None),
    ("Offline", "#f2c94c", TEAM),
)
CYCLES = 3
_TITLES = (
    "Tide curve is drawn upside down south of the equator", "Harbour pages load without a connection", "Share a tide table",
    "Alarm before high water", "Widget for the lock screen", "Moon phases are a day off in Auckland", "Search by postcode",
    "Dark map tiles", "Import favourites from the old app", "Currents between islands", "Crash when the clock goes back",
    "Pay once instead of monthly", "Print a month on one page", "Voice-over reads heights in feet", "Buoys on the map",
)  # fmt: skip
_TEXTS = (
    None,
    "Seen by *three* people this week.\n\n- iOS 20\n- Android 17",
    "See the [sketch](https://example.org/tide).",
)


def issues() -> list[dict[str, Any]]:
    rows = []
    for n, title in enumerate(_TITLES):
        at = START + timedelta(days=n)
        rows.append(
            {
                "title": title,
                "description": _TEXTS[n % 3],
                "state": STATES[1 + n % 5][0],
                "priority": (0, 3, 2, 1, 4)[n % 5],
                "estimate": (None, 2, 5)[n % 3],
                "assignee": USERS[1 + n % 3][0] if n % 4 else None,
                "labels": [LABELS[n % 4][0]] if n % 2 else [],
                "due": (at + timedelta(days=30)).date().isoformat() if n % 3 == 0 else None,
                "at": at,
                "remarks": [
                    (USERS[1 + (n + k) % 3][0], f"Tried it on build {300 + n + k}.") for k in range(n % 3)
                ],
            }
        )
    return rows
