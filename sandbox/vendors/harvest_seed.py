"""What the Harvest stand-in starts with: a design office, its clients, and three weeks of timesheets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

ACCESS_TOKEN = "1445821.pt.Zq9uDemoHarvestTokenForTheSandbox"  # noqa: S105
ACCOUNT = "1445821"

USERS = (
    (1782884, "Marta", "Kowalska", "marta@feldhaus.example", "Berlin", ["administrator"]),
    (1782959, "Jim", "Allen", "jim@feldhaus.example", "Eastern Time (US & Canada)", ["member"]),
    (1782974, "Kim", "Allen", "kim@feldhaus.example", "Pacific Time (US & Canada)", ["manager"]),
    (1795925, "Sofia", "Rossi", "sofia@feldhaus.example", "Rome", ["member"]),
)
ME = USERS[0][0]
CLIENTS = ((5735776, "Riverside Hospital"), (5735774, "Oakline Furniture"), (5735780, "Town of Ebeling"))
PROJECTS = (
    (14308069, 5735776, "Way-finding", "RH-1", "2026-02-02", "2026-12-18"),
    (14307913, 5735774, "Web shop", "OAK-2", "2026-01-05", None),
    (14308112, 5735780, "Citizens' portal", "EBL-1", "2026-08-17", "2027-06-30"),
    (14308200, 5735774, "Catalogue 2026", "OAK-1", "2025-09-01", "2026-01-30"),
)
TASKS = (
    (8083365, "Graphic design", True),
    (8083366, "Programming", True),
    (8083368, "Project management", True),
    (8083369, "Research", True),
    (8083782, "Internal", False),
)
_NOTES = (
    "Signs for the east wing",
    "Call with the printer",
    "Basket: rounding of discounts",
    "",
    "Interviews at the town hall",
    "Weekly planning",
    "Icons, second round",
)
_HOURS = (1.5, 0.75, 2.0, 0.33, 3.25, 1.0, 4.0)


def entries(today: date) -> Iterator[dict[str, Any]]:
    """Entries of the last three weeks, oldest first; the first ones are approved and so locked."""
    for number in range(24):
        yield {
            "user_id": USERS[(0, 1, 0, 2, 3, 0)[number % 6]][0],
            "project_id": PROJECTS[number % 3][0],
            "task_id": TASKS[(number * 2 + number // 5) % 4][0],
            "spent_date": str(today - timedelta(days=21 - number * 20 // 24)),
            "hours": _HOURS[number % 7],
            "notes": _NOTES[number % 7],
            "is_locked": number < 3,
        }
