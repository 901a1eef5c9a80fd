"""The Jira stand-in's first content: one Scrum project “Website relaunch” (WEB), and one that the hub has no part in."""

from __future__ import annotations

from typing import Any

CLOUD_ID = "1324a887-45db-1bf4-1e99-ef0ff456d421"
EMAIL = "hub-bot@relaunch.example"
API_TOKEN = "ATATT3xStandInOnly"  # noqa: S105
CLIENT_ID = "standInClientIdForTheHub"
CLIENT_SECRET = "stand-in-client-secret"  # noqa: S105
REFRESH_TOKEN = "stand-in-refresh-token"  # noqa: S105
SCOPES = (
    "read:jira-work",
    "write:jira-work",
    "read:jira-user",
    "manage:jira-webhook",
    "read:board-scope:jira-software",
    "read:sprint:jira-software",
    "write:sprint:jira-software",
    "delete:sprint:jira-software",
)
ZONE = "Europe/Berlin"
START = "2026-11-16T08:00:00+00:00"

BOT = "712020:0f3c1a52-0000-4000-8000-00000000b07a"
ANN = "712020:0f3c1a52-0000-4000-8000-000000000a11"
BEN = "712020:0f3c1a52-0000-4000-8000-000000000be2"
CARA = "712020:0f3c1a52-0000-4000-8000-000000000ca3"
#: id, name, e-mail ("" where the profile hides it), type, active
USERS = (
    (BOT, "Hub Bot", "", "atlassian", True),
    (ANN, "Ann Ode", "ann@relaunch.example", "atlassian", True),
    (BEN, "Ben Okri", "", "atlassian", True),
    (CARA, "Cara Lind", "cara@relaunch.example", "atlassian", False),
    ("557058:automation", "Automation for Jira", "", "app", True),
)

PROJECT, OTHER_PROJECT = "10001", "10002"
PROJECTS = (
    (PROJECT, "WEB", "Website relaunch", "The new site, from shop to imprint."),
    (OTHER_PROJECT, "OPS", "Operations", ""),
)
BOARD = "11"

#: id, name, category
STATUSES = (
    ("10000", "To Do", "new"),
    ("3", "In Progress", "indeterminate"),
    ("10003", "In Review", "indeterminate"),
    ("10002", "Done", "done"),
)
TO_DO, DOING, REVIEW, DONE = (one[0] for one in STATUSES)
CATEGORIES = {
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}

#: id, name, from, to, whether it wants a resolution
TRANSITIONS = (
    ("11", "Start", TO_DO, DOING, False),
    ("12", "Stop", DOING, TO_DO, False),
    ("21", "Ready for review", DOING, REVIEW, False),
    ("22", "Not yet", REVIEW, DOING, False),
    ("31", "Accept", REVIEW, DONE, True),
    ("41", "Reopen", DONE, DOING, False),
)
RESOLUTIONS = (("10000", "Done"), ("10001", "Won't Do"))
PRIORITIES = (("1", "Highest"), ("2", "High"), ("3", "Medium"), ("4", "Low"), ("5", "Lowest"))
#: id, name, hierarchy level
TYPES = (("10006", "Epic", 1), ("10004", "Story", 0), ("10005", "Task", 0), ("10007", "Sub-task", -1))
EPIC, STORY, TASK, SUBTASK = (one[0] for one in TYPES)

START_FIELD, POINTS_FIELD, SPRINT_FIELD, TEAM_FIELD = (
    "customfield_10015",
    "customfield_10016",
    "customfield_10020",
    "customfield_10050",
)
#: id, name, schema type, schema custom
CUSTOM_FIELDS = (
    (START_FIELD, "Start date", "date", "com.atlassian.jira.plugin.system.customfieldtypes:datepicker"),
    (POINTS_FIELD, "Story point estimate", "number", "com.pyxis.greenhopper.jira:jsw-story-points"),
    (SPRINT_FIELD, "Sprint", "array", "com.pyxis.greenhopper.jira:gh-sprint"),
    (TEAM_FIELD, "Team", "string", "com.atlassian.jira.plugin.system.customfieldtypes:textfield"),
)

#: id, name, lead
COMPONENTS = (("10100", "Shop", ANN), ("10101", "Content", None))
#: id, name, released, start, release
VERSIONS = (
    ("10200", "1.0", True, "2026-09-01", "2026-11-02"),
    ("10201", "1.1", False, "2026-11-03", "2026-12-15"),
)
#: id, name, state, start, end, goal
SPRINTS = (
    (41, "Sprint 7", "closed", "2026-11-02T08:00:00.000Z", "2026-11-13T16:00:00.000Z", "Shop front"),
    (42, "Sprint 8", "active", "2026-11-16T08:00:00.000Z", "2026-11-27T16:00:00.000Z", "Checkout"),
    (43, "Sprint 9", "future", None, None, ""),
)


def doc(*paragraphs: str) -> dict[str, Any]:
    """A plain ADF document."""
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in paragraphs]
    return {"type": "doc", "version": 1, "content": content}


_PANEL = {
    "type": "doc",
    "version": 1,
    "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "Cards only; invoices later."}]},
        {
            "type": "panel",
            "attrs": {"panelType": "warning"},
            "content": [
                {
                    "type": "paragraph",
                    "content": [
                        {"type": "text", "text": "Ask "},
                        {"type": "mention", "attrs": {"id": BEN, "text": "@Ben Okri"}},
                        {"type": "text", "text": " before going live.", "marks": [{"type": "strong"}]},
                    ],
                }
            ],
        },
    ],
}


def issues() -> list[dict[str, Any]]:
    """The project's issues in the order they were made."""
    rows: list[dict[str, Any]] = [
        {"summary": "Shop", "issuetype": EPIC, "status": DOING, "priority": "2", "assignee": ANN},
        {
            "summary": "Checkout with card",
            "description": _PANEL,
            "issuetype": STORY,
            "status": DOING,
            "priority": "1",
            "assignee": ANN,
            "parent": 0,
            "labels": ["payment", "shop"],
            "components": ["10100"],
            "fixVersions": ["10201"],
            "duedate": "2026-12-04",
            START_FIELD: "2026-11-18",
            POINTS_FIELD: 5,
            SPRINT_FIELD: [41, 42],
        },
        {
            "summary": "Basket keeps its content",
            "description": doc("Over a log-in, too."),
            "issuetype": STORY,
            "status": REVIEW,
            "priority": "3",
            "assignee": BEN,
            "parent": 0,
            "fixVersions": ["10201"],
            SPRINT_FIELD: [42],
        },
        {"summary": "Choose the payment provider", "issuetype": TASK, "status": DONE, "assignee": ANN, "resolution": "10000"},
        {"summary": "Write the imprint", "issuetype": TASK, "components": ["10101"], "labels": ["legal"], "priority": "4"},
        {"summary": "Redirects from the old addresses", "issuetype": TASK, "priority": "2", "assignee": BEN},
        {"summary": "Ask for sample cards", "issuetype": SUBTASK, "parent": 1, "assignee": ANN},
        {"summary": "Photographs for the start page", "issuetype": TASK, "labels": ["content"], "assignee": CARA},
        {"summary": "Cookie banner without tricks", "issuetype": STORY, "labels": ["legal"], "status": DOING},
        {"summary": "Search finds product numbers", "issuetype": STORY, SPRINT_FIELD: [43], POINTS_FIELD: 3},
        {"summary": "Load test before the launch", "issuetype": TASK, "duedate": "2026-12-10", "priority": "2"},
        {"summary": "Newsletter form", "issuetype": TASK, "status": DONE, "resolution": "10001"},
    ]  # fmt: skip
    return rows


OTHER_ISSUES = ("Renew the certificates", "Backups to the second site")
#: place of the issue, author, text
COMMENTS = (
    (1, ANN, "The provider's test account is there."),
    (1, BEN, "Then I can begin with the form."),
    (2, CARA, "Works for me in all three browsers."),
)
