"""What the monday.com stand-in starts with: an autumn campaign on one board of a small agency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

TOKEN = "eyJhbGciOiJIUzI1NiJ9.demo-monday-token.000000000000"  # noqa: S105
APP_TOKEN = "eyJhbGciOiJIUzI1NiJ9.demo-monday-app-token.000000000"  # noqa: S105
CLIENT_ID = "demo-monday-client-id-0000"
CLIENT_SECRET = "demo-monday-client-secret-0000"  # noqa: S105
SIGNING_SECRET = "demo-monday-signing-secret-0000"  # noqa: S105
START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)

ACCOUNT = {"id": "10045001", "name": "Hazel & Pine", "slug": "hazelpine", "tier": "standard"}
WORKSPACE, BOARD, SUB_BOARD, OTHER_BOARD = "2200101", "5091872069", "5091872070", "5091872088"
ROBOT = "61400001"
USERS = (
    (ROBOT, "Lockstep Robot", "robot@hazelpine.example", "", "ACTIVE"),
    ("61400002", "Ines Costa", "ines@hazelpine.example", "Account lead", "ACTIVE"),
    ("61400003", "Tom Bakker", "tom@hazelpine.example", "Designer", "ACTIVE"),
    ("61400004", "Priya Nair", "priya@hazelpine.example", "Copywriter", "ACTIVE"),
    ("61400005", "Otto Lindqvist", "otto@hazelpine.example", "Media buyer", "ACTIVE"),
    ("61400006", "Yara Haddad", "yara@hazelpine.example", "Intern", "INACTIVE"),
)
TEAM = "880021"
GROUPS = (
    ("topics", "This month", "#037f4c"),
    ("group_mm0planning", "Next month", "#579bfc"),
    ("group_mm0later", "Later", "#a25ddc"),
)
TAGS = (
    ("301", "print", "#ff642e"),
    ("302", "social", "#66ccff"),
    ("303", "video", "#9cd326"),
    ("304", "legal", "#784bd1"),
)


def labels(*rows: tuple[int, str, bool]) -> dict[str, Any]:
    """Settings of a status column, as monday.com answers them since 2025-10."""
    return {
        "labels": [
            {"id": id, "label": text, "index": place, "color": id, "is_done": done, "is_deactivated": False}
            for place, (id, text, done) in enumerate(rows)
        ]
    }


STATUSES = labels(
    (5, "Not started", False),
    (0, "Working on it", False),
    (3, "In review", False),
    (2, "Stuck", False),
    (1, "Done", True),
)
PRIORITIES = labels(
    (10, "Critical ⚠️", False), (110, "High", False), (109, "Medium", False), (7, "Low", False)
)
COLUMNS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("name", "Name", "name", {}),
    ("subtasks_mkp1", "Subitems", "subtasks", {"boardIds": [int(SUB_BOARD)]}),
    ("people", "Owner", "people", {}),
    ("status", "Status", "status", STATUSES),
    ("status_1", "Priority", "status", PRIORITIES),
    ("date4", "Due date", "date", {}),
    ("timerange", "Timeline", "timeline", {}),
    ("long_text", "Description", "long_text", {}),
    ("tags", "Tags", "tags", {}),
    ("numbers", "Estimate", "numbers", {}),
    ("dropdown", "Channel", "dropdown", {"labels": [{"id": 1, "label": "Print"}, {"id": 2, "label": "Web"}]}),
    ("checkbox", "Client approved", "checkbox", {}),
    ("link", "Brief", "link", {}),
    ("contact_email", "Contact", "email", {}),
    ("phone", "Phone", "phone", {}),
    ("rating", "Appeal", "rating", {}),
    ("formula", "Days left", "formula", {}),
    ("text_key", "Lockstep key", "text", {}),
)
SUB_COLUMNS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("name", "Name", "name", {}),
    ("person", "Owner", "people", {}),
    (
        "status",
        "Status",
        "status",
        labels(
            (0, "Working on it", False), (1, "Done", True), (2, "Stuck", False), (8, "Handed over", False)
        ),
    ),
    ("date0", "Date", "date", {}),
    ("text_sub_key", "Lockstep key", "text", {}),
)

_STATES = ("Working on it", "Not started", "Done", "In review", "Stuck", "Not started")
_NAMES = (
    "Moodboard for the autumn line", "Poster motifs", "Landing page copy", "Media plan for October", "Photo shoot in the mill",
    "Newsletter to retailers", "Legal check of the prize draw", "Radio spot, 20 seconds", "Social calendar", "Shop window kit",
    "Press kit", "Influencer briefing", "Price list for trade", "Podcast sponsorship", "Evaluation of the summer campaign",
    "Christmas teaser", "Catalogue cover", "Store opening in Porto",
)  # fmt: skip
_TEXTS = (
    None,
    "Keep it warm: hazel, ochre, no pure white.",
    "Two variants, A and B.\nClient decides on Friday.",
    None,
)
_REMARKS = (
    "<p>First draft is in the folder.</p>",
    "<p>Client likes it, but <strong>shorter</strong>.</p>",
    "<p>Can we move this a week?</p>",
)


def items() -> list[dict[str, Any]]:
    """Items with their values as written through the API; ``remarks`` are their updates, ``below`` their subitems."""
    rows = []
    for n, name in enumerate(_NAMES):
        day = START + timedelta(days=n)
        due = (day + timedelta(days=21)).date().isoformat()
        values: dict[str, Any] = {
            "status": {"label": _STATES[n % 6]},
            "people": {"personsAndTeams": [{"id": int(USERS[1 + n % 4][0]), "kind": "person"}]},
            "timerange": {"from": day.date().isoformat(), "to": due},
        }
        if n % 3 == 0:
            values["status_1"] = {"label": ("High", "Medium", "Critical ⚠️", "Low")[n // 3 % 4]}
        if n % 2 == 0:
            values["date4"] = {"date": due, "time": "13:30:00"} if n % 8 == 0 else {"date": due}
            values["tags"] = {"tag_ids": [int(TAGS[n % 4][0])]}
        if _TEXTS[n % 4]:
            values["long_text"] = {"text": _TEXTS[n % 4]}
        if n % 5 == 0:
            values["numbers"] = str(n + 2)
        if n == 4:
            values["people"]["personsAndTeams"].append({"id": int(TEAM), "kind": "team"})
        rows.append(
            {
                "name": name,
                "group": GROUPS[n % 3][0],
                "values": values,
                "at": day,
                "by": USERS[1 + n % 4][0],
                "remarks": [(USERS[1 + (n + k) % 4][0], _REMARKS[k]) for k in range(n % 3)],
                "below": ("Sketches", "Client call")[: n % 3] if n < 4 else (),
            }
        )
    return rows
