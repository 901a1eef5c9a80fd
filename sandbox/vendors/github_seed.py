"""What the GitHub stand-in holds at first: a webshop's repository. Always the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.store import Document, World

START = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
REPO_ID, HANDBOOK_ID, ORG_ID = 101, 102, 900
PROJECT_ID, FIRST_ITEM = 9001, 40_000
ORG = "acme"
BOT = 1000
PEOPLE: tuple[tuple[int, str, str], ...] = (
    (1001, "ada-k", "Ada Keller"),
    (1002, "ben-o", "Ben Okafor"),
    (1003, "chiara-r", "Chiara Rossi"),
    (1004, "dmitri-v", "Dmitri Volkov"),
    (1005, "emi-t", "Emi Tanaka"),
)
TOKENS = {
    "sandbox-github-token": {
        "user": BOT,
        "role": "admin",
        "scopes": "repo, admin:repo_hook, read:org, project",
    },
    "sandbox-github-writer": {"user": 1001, "role": "push", "scopes": "repo"},
    "sandbox-github-viewer": {"user": 1003, "role": "push", "scopes": "repo, read:project"},
    "sandbox-github-reader": {"user": 1002, "role": "pull", "scopes": "repo"},
}
LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("checkout", "fbca04", "Cart, checkout and payment"),
    ("search", "c5def5", "Search and filters"),
    ("mobile", "bfd4f2", "Small screens"),
    ("priority: low", "c2e0c6", ""),
    ("priority: medium", "fef2c0", ""),
    ("priority: high", "f9d0c4", ""),
    ("priority: urgent", "b60205", ""),
    ("status: backlog", "ededed", ""),
    ("status: in progress", "1d76db", ""),
    ("status: in review", "5319e7", ""),
)
MILESTONES = (
    ("v1.0 Opening", "Everything the shop needs on its first day.", "closed", "2025-02-28"),
    ("v1.1 Payments", "More ways to pay.", "open", "2025-05-30"),
    ("v1.2 Search", "Find things faster.", "open", "2025-08-29"),
)
VERBS = ("Fix", "Improve", "Show", "Speed up", "Explain", "Test")
THINGS = (
    "the cart total with vouchers",
    "the address form",
    "delivery times on the product page",
    "search suggestions",
    "the invoice PDF",
    "log-in with a passkey",
    "the returns form",
    "stock levels per warehouse",
    "the size table",
    "payment by bank transfer",
    "the newsletter sign-up",
    "pictures on slow connections",
    "the order history",
    "tax for Switzerland",
    "the gift wrap option",
    "keyboard use of the menu",
    "the sitemap",
    "currency rounding",
    "the wish list",
    "stock warnings by e-mail",
)
COMMENTS = (
    "Seen again today.",
    "Works for me on the test shop.",
    "I can take this one.",
    "Let us talk about it on Monday.",
)
ISSUE_COUNT, PULL_EVERY = 126, 21
STATUSES = (
    ("f75ad846", "Todo", "GREEN"),
    ("47fc9ee4", "In Progress", "YELLOW"),
    ("5c2e1d0b", "In Review", "PURPLE"),
    ("98236657", "Done", "ORANGE"),
)
PRIORITIES = (("79628723", "P0", "RED"), ("0a877460", "P1", "ORANGE"), ("da944a9c", "P2", "YELLOW"))
STATUS_FIELD, PRIORITY_FIELD = "PVTSSF_status", "PVTSSF_priority"
START_FIELD, TARGET_FIELD, ESTIMATE_FIELD = "PVTF_start", "PVTF_target", "PVTF_estimate"


def plant(world: World) -> None:
    """Puts repository, people, labels, milestones, issues and comments into an empty world."""
    world.put("user", ORG_ID, {"id": ORG_ID, "login": ORG, "name": "Acme Outdoor", "type": "Organization"})
    world.put("user", BOT, {"id": BOT, "login": "lockstep-bot", "name": "Lockstep", "type": "User"})
    for id, login, name in PEOPLE:
        world.put("user", id, {"id": id, "login": login, "name": name, "type": "User"})
    for token, holder in TOKENS.items():
        world.put("token", token, {**holder})
    for id, name, text in ((REPO_ID, "webshop", "The shop"), (HANDBOOK_ID, "handbook", "How we work")):
        world.put("repository", id, _repository(id, name, text))
    labels = [_label(world, *row) for row in LABELS]
    for number, row in enumerate(MILESTONES, 1):
        _milestone(world, number, *row)
    for number in range(1, ISSUE_COUNT + 1):
        _issue(world, number, labels)
    world.next_number("project")
    world.put("project", PROJECT_ID, project(PROJECT_ID, 1, "Webshop roadmap", ORG_ID, stamp(START)))
    for number in range(1, ISSUE_COUNT + 1):
        if number % 2 == 0 or number % PULL_EVERY == 0:
            _item(world, number)
    _item(world, None)


def project(id: int, number: int, title: str, owner: int, moment: str) -> Document:
    """A project as GitHub makes it from its template, with dates and an estimate."""

    def choices(id: str, name: str, rows: tuple[tuple[str, str, str], ...]) -> Document:
        options = [{"id": one, "name": word, "color": colour} for one, word, colour in rows]
        return {"id": id, "name": name, "dataType": "SINGLE_SELECT", "options": options}

    plain = ((START_FIELD, "Start date", "DATE"), (TARGET_FIELD, "Target date", "DATE"))
    return {
        "id": id,
        "number": number,
        "title": title,
        "owner": owner,
        "short_description": None,
        "readme": None,
        "closed": False,
        "closes_to_done": True,
        "fields": [
            {"id": "PVTF_title", "name": "Title", "dataType": "TITLE"},
            choices(STATUS_FIELD, "Status", STATUSES),
            choices(PRIORITY_FIELD, "Priority", PRIORITIES),
            {"id": ESTIMATE_FIELD, "name": "Estimate", "dataType": "NUMBER"},
            *({"id": one, "name": name, "dataType": kind} for one, name, kind in plain),
        ],
        "created_at": moment,
        "updated_at": moment,
    }


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _repository(id: int, name: str, description: str) -> Document:
    return {
        "id": id,
        "name": name,
        "full_name": f"{ORG}/{name}",
        "old_names": [],
        "owner": ORG_ID,
        "description": description,
        "has_issues": True,
        "archived": False,
        "created_at": stamp(START),
        "updated_at": stamp(START),
    }


def _label(world: World, name: str, colour: str, description: str) -> int:
    id = 3000 + world.next_number("label")
    world.put("label", id, {"id": id, "name": name, "color": colour, "description": description or None})
    return id


def _milestone(world: World, number: int, title: str, description: str, state: str, due: str) -> None:
    id = 2000 + world.next_number("milestone")
    document = {
        "id": id,
        "number": number,
        "title": title,
        "description": description,
        "state": state,
        "due_on": f"{due}T08:00:00Z",
        "creator": PEOPLE[0][0],
        "created_at": stamp(START),
        "updated_at": stamp(START),
        "closed_at": stamp(START + timedelta(days=55)) if state == "closed" else None,
    }
    world.put("milestone", number, document)


def _issue(world: World, number: int, labels: list[int]) -> None:
    world.next_number("issue")
    made = START + timedelta(hours=19 * number, minutes=7 * number % 60)
    is_pull = number % PULL_EVERY == 0
    is_closed = number % 3 == 0
    thing = THINGS[number % len(THINGS)]
    picked = [labels[number % 6]]
    if number % 4:
        picked.append(labels[6 + number % 4])
    if not is_closed and number % 5 in (1, 2, 3):
        picked.append(labels[9 + number % 5])
    changed = made + timedelta(hours=5)
    document = {
        "id": 500_000 + number,
        "number": number,
        "repo": REPO_ID,
        "title": f"{VERBS[number // len(THINGS) % len(VERBS)]} {thing}",
        "body": None
        if number % 11 == 0
        else f"As a customer I care about {thing}.\n\n- [ ] reproduce\n- [ ] fix and test\n",
        "state": "closed" if is_closed else "open",
        "state_reason": ("not_planned" if number % 9 == 0 else "completed") if is_closed else None,
        "labels": picked,
        "assignees": [PEOPLE[number % 5][0]] if number % 2 else [],
        "milestone": 1 + number % 3 if number % 5 else None,
        "user": PEOPLE[number % 5][0],
        "is_pull": is_pull,
        "parent": number - 2 if number % 40 == 30 else None,
        "created_at": stamp(made),
        "updated_at": stamp(changed),
        "closed_at": stamp(changed) if is_closed else None,
        "closed_by": PEOPLE[0][0] if is_closed else None,
    }
    world.put("issue", number, document)
    for turn in range(number % 3):
        _comment(world, number, turn, made + timedelta(hours=1 + turn))


def _comment(world: World, number: int, turn: int, moment: datetime) -> None:
    id = 700_000 + world.next_number("comment")
    document = {
        "id": id,
        "issue": number,
        "body": COMMENTS[(number + turn) % len(COMMENTS)],
        "user": PEOPLE[(number + turn) % 5][0],
        "created_at": stamp(moment),
        "updated_at": stamp(moment),
    }
    world.put("comment", id, document)


def _item(world: World, number: int | None) -> None:
    """The project's item of an issue (None: a draft). Closed ones are done, every fourth of those archived."""
    id = FIRST_ITEM + world.next_number("project_item")
    issue = world.get("issue", number) if number else None
    is_closed, place = bool(issue and issue["state"] == "closed"), (number or 0) // 2
    values: Document = {STATUS_FIELD: STATUSES[3 if is_closed else place % 3][0]}
    if place % 3:
        values[PRIORITY_FIELD] = PRIORITIES[place % 3][0]
    if place % 4 == 1:
        values |= {TARGET_FIELD: f"2025-{1 + place % 12:02}-28", ESTIMATE_FIELD: float(1 + place % 5)}
    moment = stamp(START + timedelta(hours=19 * (number or 1) + 6))
    document = {
        "id": id,
        "project": PROJECT_ID,
        "issue": number,
        "title": "" if number else "Think about gift cards",
        "archived": is_closed and place % 4 == 0,
        "gone": False,
        "values": values,
        "created_at": moment,
        "updated_at": moment,
    }
    world.put("project_item", id, document)
