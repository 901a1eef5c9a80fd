"""What the Trello stand-in starts with: the relaunch of a website, on one board of a small workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

API_KEY = "0f5b8c1dtrellodemokey0000000000000"
TOKEN = "ATTA5demotrellotoken000000000000000000000000"  # noqa: S105
APP_SECRET = "demo-trello-application-secret"  # noqa: S105
START = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)

WORKSPACE = "5abbe4b7ddc1b351ef961001"
BOARD = "5abbe4b7ddc1b351ef961414"
OTHER_BOARD = "5abbe4b7ddc1b351ef961499"
ROBOT = "5b02e7f4e1facdc393169000"

MEMBERS = (
    (ROBOT, "Lockstep Robot", "lockstep_robot"),
    ("5b02e7f4e1facdc393169001", "Noor Haddad", "noorhaddad"),
    ("5b02e7f4e1facdc393169002", "Jonas Weber", "jonasweber3"),
    ("5b02e7f4e1facdc393169003", "Aiko Mori", "aikomori"),
    ("5b02e7f4e1facdc393169004", "Sam Okafor", "samokafor7"),
    ("5b02e7f4e1facdc393169005", "Lena Fischer", "lenafischer"),
)
LISTS = (
    ("5abbe4b7ddc1b351ef962001", "Ideas"),
    ("5abbe4b7ddc1b351ef962002", "To Do"),
    ("5abbe4b7ddc1b351ef962003", "Doing"),
    ("5abbe4b7ddc1b351ef962004", "In Review"),
    ("5abbe4b7ddc1b351ef962005", "Done"),
)
OTHER_LISTS = (("5abbe4b7ddc1b351ef962101", "Inbox"), ("5abbe4b7ddc1b351ef962102", "Published"))
LABELS = (
    ("5abbe4b7ddc1b351ef963001", "Design", "purple"),
    ("5abbe4b7ddc1b351ef963002", "Content", "yellow"),
    ("5abbe4b7ddc1b351ef963003", "Code", "blue"),
    ("5abbe4b7ddc1b351ef963004", "Bug", "red"),
    ("5abbe4b7ddc1b351ef963005", "SEO", "green"),
    ("5abbe4b7ddc1b351ef963006", "", "orange"),
)
CUSTOM_FIELDS = (
    ("5abbe4b7ddc1b351ef964001", "Urgency", "list", (("5abbe4b7ddc1b351ef964101", "High"), ("5abbe4b7ddc1b351ef964102", "Low"))),
    ("5abbe4b7ddc1b351ef964002", "Hours", "number", ()),
    ("5abbe4b7ddc1b351ef964003", "Approved", "checkbox", ()),
)  # fmt: skip

_VERBS = ("Draft", "Rebuild", "Test", "Translate", "Photograph", "Measure", "Simplify", "Illustrate")
_PARTS = (
    "the landing page", "product pages", "the checkout", "the header menu", "the imprint", "the blog start page",
    "the newsletter form", "search results", "the 404 page", "the store finder", "case studies", "the jobs page",
    "the press kit", "cookie settings", "the footer",
)  # fmt: skip
_TEXTS = (
    "",
    "Agreed with **marketing** last week.\n\n- mobile first\n- no carousel",
    "See the [style guide](https://example.org/style) for spacing.",
    "Numbers from spring:\n\n1. 61 % leave here\n2. 4.2 s until it can be used",
)
_REMARKS = (
    "Looks good to me, one typo in the second paragraph.",
    "Waiting for the photos until *Thursday*.",
    "Tested on an old phone: the menu covers the button.",
)
_SPREAD = (0, 1, 1, 2, 1, 3, 4, 4, 2, 0, 4, 1)


def cards() -> list[dict[str, Any]]:
    """A hundred and twenty cards of the board. The same on every start."""
    made = []
    for number in range(120):
        at = START + timedelta(hours=9 * number)
        place = _SPREAD[number % len(_SPREAD)]
        due = None if number % 4 else at + timedelta(days=30)
        made.append(
            {
                "name": f"{_VERBS[number // 15]} {_PARTS[number % 15]}",
                "desc": _TEXTS[(number * 3 + number // 7) % 4],
                "idList": LISTS[place][0],
                "idMembers": sorted({MEMBERS[1 + number % 5][0], MEMBERS[1 + (number // 3) % 5][0]})
                if number % 3
                else [],
                "idLabels": [LABELS[number % 6][0]] if number % 7 else [LABELS[0][0], LABELS[2][0]],
                "due": due.replace(hour=12).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                if due
                else None,
                "dueComplete": bool(due) and place == 4,
                "closed": number % 40 == 39,
                "isTemplate": number == 60,
                "at": at,
                "by": MEMBERS[1 + number % 5][0],
                "urgency": ("", "5abbe4b7ddc1b351ef964101", "", "5abbe4b7ddc1b351ef964102")[number % 4],
                "remarks": [(MEMBERS[1 + (number + 2) % 5][0], _REMARKS[number % 3])]
                if number % 5 == 2
                else [],
            }
        )
    return made


OTHER_CARDS = ("Spring newsletter", "Summer newsletter", "Interview with the workshop")
