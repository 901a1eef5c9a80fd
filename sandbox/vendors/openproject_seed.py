"""What the OpenProject stand-in starts with: a town's library moves house, in one project and a smaller one beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

API_KEY = "opapi-5c1f0e8d7b6a49382716050403020100ffeeddcc"
SECRET = ("demo-openproject-application", "demo-openproject-application-secret")
REFRESH_TOKEN = "demo-openproject-refresh-0"  # noqa: S105
START = datetime(2026, 6, 8, 7, 30, tzinfo=UTC)

PROJECT, OTHER_PROJECT = 14, 15
ROBOT = 40
#: id, first name, last name, login, administrator
USERS = (
    (ROBOT, "Lockstep", "Robot", "lockstep", True),
    (41, "Ingrid", "Solheim", "ingrid", False),
    (42, "Marek", "Novak", "marek", False),
    (43, "Amara", "Diallo", "amara", False),
    (44, "Henrik", "Lund", "henrik", False),
)
GROUP = (50, "Movers")
#: id, name, is a milestone
TYPES = ((1, "Task", False), (2, "Milestone", True), (6, "Bug", False))
#: id, name, closed
STATUSES = (
    (1, "New", False),
    (7, "In progress", False),
    (9, "In review", False),
    (11, "On hold", False),
    (12, "Closed", True),
    (14, "Rejected", True),
)
#: from → to; closed ones go back to New or on with the work
WORKFLOW = {1: (7, 11, 12, 14), 7: (1, 9, 11, 12), 9: (7, 12, 14), 11: (1, 7, 14), 12: (1, 7), 14: (1,)}
PRIORITIES = ((7, "Low"), (8, "Normal"), (9, "High"), (10, "Immediate"))
CATEGORIES = ((21, "Building"), (22, "Books"), (23, "Public"))
#: options of the custom field customField7 “Tags”, a list that takes several
TAGS = ((101, "urgent order"), (102, "volunteers"), (103, "budget"), (104, "press"))
#: id, name, first and last day, state
VERSIONS = (
    (31, "Old house closed", "2026-06-08", "2026-08-31", "closed"),
    (32, "New house open", "2026-09-01", "2026-12-18", "open"),
)

_PACKAGES = (
    ("Count the shelves in the old house", 1, 12, 8, 41, 31, "2026-06-09", "2026-06-12", 22, (), None),
    ("Pack the magazine", 1, 7, 9, 42, 31, "2026-08-03", "2026-08-28", 22, (102,), None),
    ("Boxes for the children's section", 1, 7, 8, 43, 31, "2026-08-03", "2026-08-14", 22, (102,), 2),
    ("Boxes for the maps, flat and dry", 1, 1, 9, 44, 31, "2026-08-10", "2026-08-21", 22, (), 2),
    ("Ramp at the back door is too steep", 6, 9, 10, 41, 32, "2026-09-14", "2026-10-02", 21, (103,), None),
    ("Opening day", 2, 1, 9, 41, 32, "2026-12-18", "2026-12-18", 23, (104,), None),
    ("Write to the schools", 1, 1, 8, 43, 32, "2026-11-02", "2026-11-20", 23, (), None),
    ("Order reading lamps", 1, 11, 8, 44, 32, None, None, 21, (101, 103), None),
    ("Test the new lending desk", 1, 1, 8, 42, 32, "2026-11-23", "2026-12-11", None, (), None),
    ("Map of the new house for visitors", 1, 7, 7, 43, None, "2026-11-09", "2026-12-04", 23, (104,), None),
    ("Heating is loud in the reading room", 6, 1, 9, 44, 32, None, None, 21, (), None),
    ("Thank the neighbours", 1, 14, 7, 41, 31, None, None, 23, (), None),
    ("Find a home for double copies", 1, 1, 7, None, None, None, "2027-01-29", 22, (), None),
)  # fmt: skip
_TEXTS = (
    "",
    'Agreed on the *second* walk round.\n\n- [ ] measure\n- [x] photograph\n\nSee ##3 and <mention class="mention" data-id="41" data-type="user" data-text="@Ingrid Solheim">@Ingrid Solheim</mention>.',
    "| room | boxes |\n| --- | --- |\n| maps | 40 |\n| music | 65 |",
    "**Before** the first frost, please.",
)
_REMARKS = (
    (42, "The lift takes eight boxes at a time."),
    (43, "I have asked two classes to help."),
    (44, "Offer is in, see `workPackageValue:8:subject`."),
)


def packages() -> list[dict[str, Any]]:
    """Work packages as ``make_package`` takes them, with ``at``, ``by`` and ``remarks`` beside."""
    found = []
    for place, (
        subject,
        kind,
        status,
        priority,
        assignee,
        version,
        first,
        last,
        category,
        tags,
        parent,
    ) in enumerate(_PACKAGES):
        found.append(
            {
                "subject": subject,
                "description": _TEXTS[place % len(_TEXTS)],
                "type": kind,
                "status": status,
                "priority": priority,
                "assignee": assignee,
                "version": version,
                "startDate": first,
                "dueDate": last,
                "category": category,
                "tags": list(tags),
                "parent": parent,
                "estimatedTime": f"PT{4 * (place % 5)}H" if place % 5 else None,
                "at": START + timedelta(days=4 * place, minutes=11 * place),
                "by": USERS[1 + place % 4][0],
                "remarks": [_REMARKS[place % 3]] if place % 2 else [],
            }
        )
    return found
