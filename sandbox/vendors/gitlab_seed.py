"""What the GitLab stand-in starts with: the project acme/webshop of a Premium group with two epics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

TOKEN = "glpat-sandbox-5d2fmq8XzR1v"  # noqa: S105
READ_TOKEN = "glpat-sandbox-readonly-77"  # noqa: S105
APP = ("demo-gitlab-application", "demo-gitlab-application-secret")
REFRESH_TOKEN = "demo-gitlab-refresh-0"  # noqa: S105
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)

GROUP, PROJECT, OTHER_PROJECT = 90, 4521, 4522
GROUP_PATH, PROJECT_PATH, OTHER_PATH = "acme", "acme/webshop", "acme/handbook"
ROBOT = 31
#: id, user name, name, level
MEMBERS = (
    (ROBOT, "project_4521_bot_5f2c", "Lockstep", 40),
    (32, "mirja", "Mirja Salonen", 50),
    (33, "tobias", "Tobias Lang", 30),
    (34, "fatou", "Fatou Ndiaye", 30),
    (35, "pedro", "Pedro Alves", 20),
    (36, "yuki", "Yuki Tanaka", 30),
)
#: name, colour, description, of the group
LABELS = (
    ("status::backlog", "#dcdcde", "Not planned yet", False),
    ("status::in progress", "#1f75cb", "Somebody works on it", False),
    ("status::review", "#694cc0", "Waits for a second pair of eyes", False),
    ("priority::low", "#ededed", "", True),
    ("priority::high", "#e9be74", "", True),
    ("priority::urgent", "#dd2b0e", "", True),
    ("bug", "#dd2b0e", "Something is broken", False),
    ("checkout", "#009966", "", False),
    ("accessibility", "#6699cc", "", False),
    ("docs", "#ed9121", "", False),
)
#: title, of the group, first and last day, state
MILESTONES = (
    ("Summer release", False, "2026-06-01", "2026-07-31", "closed"),
    ("Autumn release", False, "2026-09-01", "2026-11-15", "active"),
    ("Year of speed", True, "2026-01-01", "2026-12-31", "active"),
)
EPICS = (
    ("A checkout in three steps", "2026-06-01", "2026-11-15", ("priority::high",)),
    ("Usable without a mouse", None, None, ()),
)
BOARD_LABELS = ("status::in progress", "status::review")

_ISSUES = (
    ("Basket forgets coupons after logging in", "closed", ("bug", "priority::high"), (33,), "Summer release", "2026-06-12", 3, 1),
    ("Show delivery costs before the last step", "opened", ("status::in progress", "checkout"), (34, 36), "Autumn release", "2026-11-03", 5, 1),
    ("Address form: postcode of Åland is refused", "opened", ("bug", "checkout", "priority::urgent"), (33,), "Autumn release", None, 2, 1),
    ("Focus ring is invisible on dark tiles", "opened", ("accessibility", "status::review"), (36,), "Autumn release", "2026-10-20", 1, 2),
    ("Screen reader hears prices twice", "opened", ("accessibility",), (), None, None, None, 2),
    ("Search: no result for plural forms", "opened", ("status::backlog",), (), None, None, 8, None),
    ("Product photos load one after the other", "opened", ("priority::high",), (32,), "Year of speed", "2026-12-04", 5, None),
    ("Write down how coupons are made", "closed", ("docs",), (35,), "Summer release", None, 1, None),
    ("Replace the old payment page", "opened", ("status::backlog", "checkout"), (34,), None, "2027-01-15", 13, 1),
    ("Invoices in Japanese", "opened", ("status::backlog",), (36,), None, None, None, None),
    ("E-mail address with a plus sign", "closed", ("bug",), (33,), "Summer release", "2026-07-01", 1, None),
    ("Sizes chart for shoes", "opened", ("priority::low",), (), "Autumn release", None, 2, None),
    ("Wish lists can be shared", "opened", (), (34,), None, None, None, None),
    ("Cookie banner covers the basket", "opened", ("bug", "status::in progress", "priority::urgent"), (32,), "Autumn release", "2026-11-27", 2, None),
)  # fmt: skip
_TEXTS = (
    "",
    "Seen on **Firefox 141**, not on Safari.\n\n1. Put something in the basket\n2. Log in\n3. The coupon is gone",
    "Agreed with Fatou: see #2 and the notes below.\n\n- [ ] wording\n- [x] place",
    "```\n/var/log/shop.log: timeout after 30 s\n```\n\nHappens once a day.",
)
_NOTES = (
    (33, "I can repeat this on staging."),
    (34, "Fixed in !17, please have a look."),
    (32, "Let's not forget the *mobile* view."),
)


def issues() -> list[dict[str, Any]]:
    """Issues as ``make_issue`` takes them, with ``at``, ``by`` and ``remarks`` beside."""
    found = []
    for place, (title, state, labels, people, milestone, due, weight, epic) in enumerate(_ISSUES):
        found.append(
            {
                "title": title,
                "description": _TEXTS[place % len(_TEXTS)],
                "state": state,
                "labels": list(labels),
                "assignee_ids": list(people),
                "milestone": milestone,
                "due_date": due,
                "weight": weight,
                "epic": epic,
                "at": START + timedelta(days=3 * place, minutes=17 * place),
                "by": MEMBERS[1 + place % 5][0],
                "remarks": [_NOTES[place % 3]] if place % 2 == 0 else [],
            }
        )
    return found
