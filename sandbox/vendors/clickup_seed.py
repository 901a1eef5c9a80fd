"""What the ClickUp stand-in starts with: a shop's sprint list beside a second list, in one space."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

TOKEN = "pk_183_DEMOCLICKUPPERSONALTOKEN0000000"  # noqa: S105
APP_TOKEN = "183_democlickupoauthaccesstoken00000"  # noqa: S105
HOOK_SECRET = "O94IM25S7PXBPYTMNXLLET230SRP0S89COR7B1YOJ2ZIE8WQNK5UUKEF26W0Z5GA"  # noqa: S105
START = datetime(2026, 6, 1, 6, 15, tzinfo=UTC)
ZONE = "Europe/Berlin"

TEAM = ("9012345678", "Kite & Co")
SPACE = ("90123000001", "Webshop")
FOLDER = ("90123500001", "Sprints")
LIST = "901200000001"
LISTS = ((LIST, "Sprint 12", FOLDER[0]), ("901200000002", "Marketing", None))
ROBOT = 183
USERS = (
    (ROBOT, "Lockstep Robot", "lockstep@kite.example"),
    (184, "Noor Haddad", "noor@kite.example"),
    (185, "Jonas Weber", "jonas@kite.example"),
    (186, "Aiko Mori", "aiko@kite.example"),
    (187, "Sam Okafor", "sam@kite.example"),
)
STATUSES = (
    ("backlog", "open", "#87909e"),
    ("to do", "custom", "#5f55ee"),
    ("in progress", "custom", "#4194f6"),
    ("review", "custom", "#ee5e99"),
    ("shipped", "done", "#3db88b"),
    ("complete", "closed", "#008844"),
)
TAGS = (("checkout", "#6a1b9a"), ("bug", "#e53935"), ("design", "#039be5"), ("seo", "#43a047"))
PRIORITIES = {
    1: ("urgent", "#f50000"),
    2: ("high", "#f8ae00"),
    3: ("normal", "#6fddff"),
    4: ("low", "#d8d8d8"),
}
KEY_FIELD = "03efda77-c7a0-42d3-8afd-fd546353c2f5"
SIZE_FIELD = "0a52c486-5f05-403b-b4fd-c512ff05131c"
SIZES = (("b71a5b1b-8f6b-4f57-9f9f-0c6f1c2d0001", "Small"), ("b71a5b1b-8f6b-4f57-9f9f-0c6f1c2d0002", "Large"))
FIELDS: tuple[dict[str, Any], ...] = (
    {"id": KEY_FIELD, "name": "Lockstep key", "type": "short_text", "type_config": {}},
    {
        "id": SIZE_FIELD,
        "name": "Size",
        "type": "drop_down",
        "type_config": {
            "options": [
                {"id": id, "name": name, "orderindex": n, "color": None} for n, (id, name) in enumerate(SIZES)
            ]
        },
    },
)

_NAMES = (
    "Guest checkout", "Gift cards", "Faster product images", "Search by colour", "Size guide", "Return label by mail", "Order history",
    "Wish list", "Pay by invoice", "Cookie banner", "Store finder", "Newsletter sign-up", "Product videos", "Out-of-stock alert", "Dark theme",
)  # fmt: skip
_TEXTS = (
    "",
    "As **sketched**:\n\n- one page\n- no account needed",
    "See the [prototype](https://example.org/prototype).",
)
REMARKS = ("Needs a decision on the copy.", "Looks good on my phone.")


def tasks() -> Iterator[dict[str, Any]]:
    """A sprint half way through."""
    for n, name in enumerate(_NAMES):
        at = START + timedelta(hours=4 * n)
        due = datetime(at.year, at.month, at.day, 2, tzinfo=UTC) + timedelta(
            days=9
        )  # 4:00 in Berlin's summer
        yield {
            "name": name,
            "markdown": _TEXTS[n % len(_TEXTS)],
            "status": STATUSES[n % len(STATUSES)][0],
            "priority": n % 5 or None,
            "assignees": [USERS[1 + n % 4][0]] if n % 3 else [],
            "tags": [TAGS[n % 4][0]] if n % 2 else [],
            "due_date": int(due.timestamp() * 1000) if n % 3 else None,
            "at": at,
            "by": USERS[1 + n % 4][0],
        }
