"""What the Clockify stand-in starts with: a small agency, its clients, and three weeks of work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

API_KEY = "ZDE0NzZlYjgtclockify-demo-key"
WORKSPACE = "64a687e29ae1f428e7ebe303"
OTHER_WORKSPACE = "64a687e29ae1f428e7ebe399"


def id_of(number: int) -> str:
    """Ids are of 24 hexadecimal digits."""
    return f"64c777ddd3fcab07cfb{number:05x}"


USERS = (
    (id_of(1), "Lena Vogt", "lena@agentur-sued.example", "Europe/Berlin"),
    (id_of(2), "Pedro Alves", "pedro@agentur-sued.example", "America/Sao_Paulo"),
    (id_of(3), "Yuki Sato", "yuki@agentur-sued.example", "Asia/Tokyo"),
)
ME = USERS[0][0]
CLIENTS = ((id_of(11), "Alpine Rail"), (id_of(12), "Bakery Brandl"))
PROJECTS = (
    (id_of(21), CLIENTS[0][0], "Timetable app", "Offline first", True),
    (id_of(22), CLIENTS[0][0], "Station signs", "", True),
    (id_of(23), CLIENTS[1][0], "Web shop", "Relaunch in *spring*", True),
    (id_of(24), None, "Agency", "", False),
)
TASKS = (
    (id_of(31), PROJECTS[0][0], "Search", (ME,), "ACTIVE", "PT40H"),
    (id_of(32), PROJECTS[0][0], "Map tiles", (USERS[1][0], USERS[2][0]), "ACTIVE", None),
    (id_of(33), PROJECTS[1][0], "Icon set", (), "DONE", "PT12H30M"),
    (id_of(34), PROJECTS[2][0], "Checkout", (USERS[2][0],), "ACTIVE", "PT24H"),
)
TAGS = ((id_of(41), "workshop"), (id_of(42), "support"), (id_of(43), "on site"))

_NOTES = (
    ("Ranking of stops", 0, 0, (0,)),
    ("Tiles for zoom level 14", 0, 1, ()),
    ("Arrows and exits", 1, 2, (2,)),
    ("Payment by invoice", 2, 3, (1,)),
    ("Weekly round", 3, None, ()),
    ("", 3, None, ()),
)


def token_of(event: str) -> str:
    """The token of a webhook for that event; the vendor's are arbitrary, these are the same at each start."""
    return hashlib.sha256(f"clockify-demo {event}".encode()).hexdigest()[:32]


def entries(now: datetime) -> Iterator[dict[str, Any]]:
    start = now.replace(hour=7, minute=0, second=0, microsecond=0) - timedelta(days=21)
    for number in range(26):
        text, project, task, tags = _NOTES[number % len(_NOTES)]
        begins = start + timedelta(days=number * 3 // 4, hours=(number * 4) % 9, minutes=(number * 11) % 60)
        yield {
            "userId": USERS[(0, 1, 0, 2, 0)[number % 5]][0],
            "description": text,
            "projectId": PROJECTS[project][0],
            "taskId": TASKS[task][0] if task is not None else None,
            "tagIds": [TAGS[at][0] for at in tags],
            "billable": project != 3,
            "start": begins,
            "end": begins + timedelta(minutes=15 * (1 + (number * 5) % 14)),
        }
