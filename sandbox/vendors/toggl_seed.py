"""What the Toggl Track stand-in starts with: a small studio, its clients, and three weeks of work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

API_TOKEN = "1971800d4d82861d8f2c1651fea4d212"  # noqa: S105
WORKSPACE = 3134975
OTHER_WORKSPACE = 3134999
ORGANIZATION = 2978261

USERS = (
    (6543201, "Ines Marek", "ines@studio-nord.example", "Europe/Berlin", "admin"),
    (6543202, "Tomás Ortega", "tomas@studio-nord.example", "Europe/Madrid", "user"),
    (6543203, "Bao Tran", "bao@studio-nord.example", "Asia/Ho_Chi_Minh", "user"),
    (6543204, "Ruth Adeyemi", "ruth@studio-nord.example", "Europe/London", "projectlead"),
)
ME = USERS[0][0]
CLIENTS = ((41001, "Harbour Theatre"), (41002, "Lindqvist Bikes"), (41003, "City Library"))
PROJECTS = (
    (51001, 41001, "Season brochure", True, "2026-09-01", "2026-12-18"),
    (51002, 41001, "Ticket shop", True, "2026-06-01", None),
    (51003, 41002, "Configurator", True, "2026-03-02", "2027-02-26"),
    (51004, 41003, "Catalogue search", True, "2026-10-05", None),
    (51005, None, "Studio", True, "2024-01-08", None),
    (51006, 41002, "Spring campaign", False, "2026-01-12", "2026-05-29"),
)
TASKS = (
    (61001, 51001, "Layout", ME, True, 72000),
    (61002, 51001, "Proofs", 6543204, True, 18000),
    (61003, 51002, "Seat map", 6543202, True, 144000),
    (61004, 51003, "Frame sizes", 6543203, False, 36000),
    (61005, 51004, "Facets", None, True, None),
)
TAGS = ((71001, "meeting"), (71002, "design"), (71003, "code"), (71004, "travel"))

_NOTES = (
    ("Page grid and cover", 51001, 61001, ("design",)),
    ("Call with the printer", 51001, 61002, ("meeting",)),
    ("Seat colours", 51002, 61003, ("code", "design")),
    ("Release notes", 51002, None, ()),
    ("Frame data from the workshop", 51003, 61004, ("travel",)),
    ("Facet counts are wrong for authors", 51004, 61005, ("code",)),
    ("Weekly round", 51005, None, ("meeting",)),
    ("", 51005, None, ()),
)


def entries(now: datetime) -> Iterator[dict[str, Any]]:
    """Finished entries of the last three weeks, oldest first, for everybody."""
    start = now.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=22)
    for number in range(28):
        text, project, task, tags = _NOTES[number % len(_NOTES)]
        user = USERS[(0, 0, 1, 0, 2, 3)[number % 6]][0]
        begins = start + timedelta(days=number * 3 // 4, hours=(number * 5) % 9, minutes=(number * 7) % 60)
        yield {
            "user_id": user,
            "description": text,
            "project_id": project,
            "task_id": task,
            "tags": list(tags),
            "billable": project not in (51005, None),
            "start": begins,
            "seconds": 900 * (1 + (number * 3) % 12),
        }
