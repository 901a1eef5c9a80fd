"""What the Asana stand-in starts with: a product launch in one project of a small organisation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

TOKEN = "2/1208000000000001/demo:asanapersonalaccesstoken"  # noqa: S105
APP_TOKEN = "1/1208000000000001/demo:asanaoauthaccesstoken"  # noqa: S105
CLIENT_ID = "1208000000000999"
CLIENT_SECRET = "demo-asana-client-secret"  # noqa: S105
REFRESH_TOKEN = "1/1208000000000001:demo-asana-refresh-token"  # noqa: S105
HOOK_SECRET = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"  # noqa: S105
START = datetime(2026, 5, 4, 7, 30, tzinfo=UTC)

WORKSPACE = ("1208000000000100", "Harbour Foods")
TEAM = ("1208000000000110", "Launches")
ROBOT = "1208000000000001"
USERS = (
    (ROBOT, "Lockstep Robot", "lockstep@harbourfoods.example"),
    ("1208000000000002", "Noor Haddad", "noor@harbourfoods.example"),
    ("1208000000000003", "Jonas Weber", "jonas@harbourfoods.example"),
    ("1208000000000004", "Aiko Mori", "aiko@harbourfoods.example"),
    ("1208000000000005", "Sam Okafor", "sam@harbourfoods.example"),
)
PROJECT = "1208000000000201"
OTHER_PROJECT = "1208000000000202"
PROJECTS = ((PROJECT, "Oat drink launch"), (OTHER_PROJECT, "Trade fair"))
SECTIONS = (
    ("1208000000000301", "Ideas", PROJECT),
    ("1208000000000302", "To do", PROJECT),
    ("1208000000000303", "In progress", PROJECT),
    ("1208000000000304", "In review", PROJECT),
    ("1208000000000305", "Done", PROJECT),
    ("1208000000000306", "Untitled section", OTHER_PROJECT),
)
TAGS = (
    ("1208000000000401", "packaging", "light-green"),
    ("1208000000000402", "press", "dark-blue"),
    ("1208000000000403", "legal", "dark-red"),
    ("1208000000000404", "shop", "light-orange"),
)
PRIORITY, KEY_FIELD, BUDGET = "1208000000000501", "1208000000000502", "1208000000000503"
PRIORITIES = (("1208000000000511", "Low"), ("1208000000000512", "Medium"), ("1208000000000513", "High"))
FIELDS: tuple[dict[str, Any], ...] = (
    {
        "gid": PRIORITY,
        "name": "Priority",
        "resource_subtype": "enum",
        "enum_options": [
            {"gid": gid, "resource_type": "enum_option", "name": name, "enabled": True}
            for gid, name in PRIORITIES
        ],
    },
    {"gid": KEY_FIELD, "name": "Lockstep key", "resource_subtype": "text"},
    {"gid": BUDGET, "name": "Budget", "resource_subtype": "number", "precision": 2},
)

_NAMES = (
    "Choose the carton", "Print the first samples", "Agree the shelf price", "Write the press release", "Photograph the range",
    "Book the tasting tour", "Check the allergen label", "Translate the website", "Brief the sales team", "Set up the web shop",
    "Order the display stands", "Plan the opening week", "Record the radio spot", "Invite the food bloggers", "Answer the retailer's questions",
)  # fmt: skip
_NOTES = (
    "<body></body>",
    "<body>As agreed with <strong>purchasing</strong>.<ul><li>three sizes</li><li>no foil</li></ul></body>",
    '<body>Numbers are in the <a href="https://example.org/plan">launch plan</a>.\n\nAsk before ordering.</body>',
)
REMARKS = ("<body>The supplier needs two weeks.</body>", "<body>Done on my side, please look.</body>")


def tasks() -> Iterator[dict[str, Any]]:
    """A project half way through: ideas, work under way, some of it done."""
    for n, name in enumerate(_NAMES):
        at = START + timedelta(hours=5 * n)
        due = (at + timedelta(days=12)).date().isoformat() if n % 3 else None
        yield {
            "name": name,
            "html_notes": _NOTES[n % len(_NOTES)],
            "completed": n % 5 == 4,
            "section": SECTIONS[n % 5][0],
            "assignee": USERS[1 + n % 4][0] if n % 4 else None,
            "due_on": due,
            "start_on": at.date().isoformat() if due and n % 2 else None,
            "tags": [TAGS[n % 4][0]] if n % 2 else [],
            "priority": PRIORITIES[n % 3][0] if n % 4 else None,
            "at": at,
            "by": USERS[1 + n % 4][0],
        }
