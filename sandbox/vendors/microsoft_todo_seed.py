"""What the Microsoft To Do stand-in starts with: the lists of Ines Moreau, who runs a small bakery's office."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

ACCOUNT = "48d31887-5fad-4d73-a9f5-3c356e68a038"
NAME, MAIL = "Ines Moreau", "ines.moreau@bakery.example"
CLIENT_ID = "0f1d8c9e-6c1a-4f0a-9b55-7a2f4c7b1e10"
CLIENT_SECRET = "demo~client~secret~of~the~stand-in"  # noqa: S105
REFRESH_TOKEN = "demo-refresh-token-0"  # noqa: S105
ACCESS_TOKEN = "demo-access-token-0"  # noqa: S105
START = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)

LISTS = (
    ("AQMkADAwATM0MDAAMS1kZWZhdWx0LTAwMQ=", "Tasks", "defaultList", False),
    ("AQMkADAwATM0MDAAMS1zaG9wLWxpc3QwMg=", "Shop", "none", False),
    ("AQMkADAwATM0MDAAMS1zaGFyZWQtbGlzdA=", "Market stall", "none", True),
    ("AQMkADAwATM0MDAAMS1mbGFnZ2VkLW1haWw=", "Flagged Emails", "flaggedEmails", False),
)
CATEGORIES = (
    ("5d7a1f50-1b0e-4d0e-8c55-000000000001", "Urgent errand", "preset0"),
    ("5d7a1f50-1b0e-4d0e-8c55-000000000002", "Suppliers", "preset7"),
    ("5d7a1f50-1b0e-4d0e-8c55-000000000003", "Paperwork", "preset3"),
)

# list, title, body, status, importance, categories, start, due
_TASKS: tuple[tuple[int, str, str, str, str, tuple[str, ...], str, str], ...] = (
    (0, "Send the quarterly figures to the accountant", "Sales, wages, flour.", "notStarted", "high", ("Paperwork",), "", "2026-12-10"),
    (0, "Renew the fire insurance", "", "waitingOnOthers", "normal", ("Paperwork",), "2026-11-20", "2026-12-31"),
    (0, "Book the chimney sweep", "Mornings only", "completed", "normal", (), "", "2026-11-02"),
    (0, "Learn how the new scales print labels", "", "deferred", "low", (), "", ""),
    (1, "Order rye flour, 400 kg", "<html><body><p>From <b>Mühle Adler</b>, type 1150.</p></body></html>", "inProgress", "high", ("Suppliers",), "2026-11-24", "2026-11-30"),
    (1, "Ask for a second quote on paper bags", "Two sizes < 20 cm", "notStarted", "normal", ("Suppliers",), "", "2026-12-04"),
    (1, "Repair the door of the proving cabinet", "", "waitingOnOthers", "high", ("Urgent errand",), "", ""),
    (1, "Write the Christmas opening hours on the door", "", "notStarted", "normal", (), "2026-12-01", "2026-12-15"),
    (1, "Count the cake tins", "", "completed", "low", (), "", ""),
    (2, "Reserve the stall for the Advent market", "Second Sunday of Advent.", "inProgress", "high", (), "", "2026-12-03"),
    (2, "Bake 300 stollen", "", "notStarted", "high", (), "2026-12-01", "2026-12-12"),
    (2, "Find two people to sell", "", "notStarted", "normal", (), "", "2026-12-09"),
    (2, "Buy a roof for the stall", "", "deferred", "low", (), "", ""),
    (3, "Re: invoice 2026-118", "", "notStarted", "normal", (), "", ""),
)  # fmt: skip


def tasks() -> Iterator[dict[str, Any]]:
    """The first tasks, oldest first, with ``list`` and ``at`` beside the API's own fields."""
    for place, (list_no, title, body, status, importance, categories, start, due) in enumerate(_TASKS):
        kind = "html" if body.startswith("<html") else "text"
        row: dict[str, Any] = {
            "list": LISTS[list_no][0],
            "at": START + timedelta(days=place, hours=place % 5),
            "title": title,
            "body": {"content": body, "contentType": kind},
            "status": status,
            "importance": importance,
            "categories": list(categories),
        }
        for name, day in (("startDateTime", start), ("dueDateTime", due)):
            if day:
                row[name] = {"dateTime": f"{day}T00:00:00.0000000", "timeZone": "UTC"}
        yield row
