"""Records that the demo's people keep here themselves. Ids are derived from names, so that a second run finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.contrib.auth.models import User
from django.db import transaction

from config.demo.people import DEMO, PEOPLE
from workspace.models import RECORD_TYPES, OriginKind, Tenant
from workspace.services import Origin, RecordWrite, WriteStatus, records_write

_IDS = UUID("6f7a3c52-9d0e-4b0c-8a51-2f6d8e5b7c10")

Values = dict[str, Any]


class ProjectFacts(NamedTuple):
    name: str
    key: str
    description: str


PROJECTS = {
    "webshop": ProjectFacts("Webshop", "WEB", "The shop on the web; its developers work in GitHub."),
    "relaunch": ProjectFacts(
        "Website relaunch", "SITE", "A new face for the website; planned on a Trello board."
    ),
    "service-desk": ProjectFacts("Service desk", "DESK", "What customers and colleagues ask for."),
    "workshop": ProjectFacts("Workshop", "SHOP", "Kept here only; no other system knows of it."),
}


def record_id(kind: str, key: str, tenant: str = DEMO) -> UUID:
    """The id of a record the demo makes here."""
    return uuid5(_IDS, f"{tenant}/{kind}/{key}")


def project_id(key: str) -> UUID:
    return record_id("project", key)


def records_ensure(tenant: Tenant, users: Mapping[str, User], now: datetime) -> int:
    """What the demo's people keep here, type by type; types that are here already are left alone. How many were made."""
    today = now.date()
    makers: dict[str, Callable[[], Iterator[tuple[str, Values]]]] = {
        "member": lambda: members(users),
        "project": projects,
        "customer": customers,
        "lead": lambda: leads(today),
        "opportunity": lambda: opportunities(today),
        "committee": committees,
        "committee_member": lambda: committee_members(today),
        "event": lambda: events(today),
        "task": lambda: tasks(today),
        "participation_log": lambda: hours(today),
    }
    origin = Origin(OriginKind.USER, user=users["manager"], note="Demo data")
    return sum(_write(tenant, kind, list(make()), origin, now) for kind, make in makers.items())


def _write(
    tenant: Tenant, kind: str, rows: Sequence[tuple[str, Values]], origin: Origin, now: datetime
) -> int:
    """All of one type in one transaction, unless the first is here."""
    first = record_id(kind, rows[0][0], tenant.slug)
    if RECORD_TYPES[kind]._default_manager.filter(id=first).exists():
        return 0
    writes = [RecordWrite(record_id(kind, key, tenant.slug), values) for key, values in rows]
    with transaction.atomic():
        results = records_write(tenant=tenant, record_type=kind, writes=writes, origin=origin, now=now)
        for result in results:
            if result.status is WriteStatus.INVALID:
                raise ValueError(f"demo {kind}: {result.errors}")
    return len(writes)


# ---------------------------------------------------------------- people and places


def members(users: Mapping[str, User]) -> Iterator[tuple[str, Values]]:
    for person in PEOPLE:
        if person.tenant == DEMO:
            yield (
                person.username,
                {
                    "name": person.name,
                    "email": person.email,
                    "role": person.role.label,
                    "company": "Harbour Furniture",
                    "time_zone": "Europe/London",
                    "user": users[person.username].pk,
                },
            )


def projects() -> Iterator[tuple[str, Values]]:
    for key, facts in PROJECTS.items():
        yield key, {"name": facts.name, "key": facts.key, "description": facts.description, "state": "active"}


_PLACES = (
    "Ashford Interiors", "Bellweather Hotels", "Calder & Sons", "Dunmore Library", "Eastgate Clinic", "Fairlight School",
    "Greenhill Café", "Harrow Law", "Ivybridge Inn", "Jasper Street Studio", "Kestrel Offices", "Larkfield Dental",
    "Moorland Lodge", "Northpoint Gallery", "Oakhurst Family", "Penrose Bakery", "Quayside Bistro", "Silverton Museum",
    "Thornbury Surgery", "Upton Veterinary", "Vale Cider Barn", "Westbrook Nursery", "Yarrow Yoga", "Zennor Pottery",
)  # fmt: skip


def _mail(name: str, box: str = "office") -> str:
    word = "".join(
        letter for letter in name.lower().replace("é", "e") if letter.isascii() and letter.isalpha()
    )
    return f"{box}@{word}.example"


def customers() -> Iterator[tuple[str, Values]]:
    stages = ("active", "active", "onboarding", "active", "at_risk", "active", "churned")
    for number, name in enumerate(_PLACES):
        yield (
            name,
            {
                "name": name,
                "email": _mail(name),
                "phone": f"+44 20 7946 {100 + 7 * number:04d}",
                "website": f"https://{_mail(name).partition('@')[2]}",
                "stage": stages[number % len(stages)],
                "owner": str(record_id("member", ("manager", "operator")[number % 2])),
            },
        )


_ENQUIRIES = (
    "Conference table for twelve", "Reception refit", "Café chairs", "Acoustic booths", "Library reading desks",
    "Hotel lobby seating", "Built-in wardrobes", "Standing desks", "Restaurant banquettes", "Museum display plinths",
)  # fmt: skip


def leads(today: date) -> Iterator[tuple[str, Values]]:
    stages = ("new", "contacted", "new", "qualified", "proposal", "contacted", "negotiation", "won", "lost")
    sources = ("Website", "Trade fair", "Recommendation", "Telephone")
    first = ("Isla", "Jonas", "Keira", "Liam", "Mina", "Noel", "Olive", "Pavel", "Quinn", "Rosa")
    last = ("Abbott", "Bakker", "Cruz", "Dietrich", "Evans", "Fontaine")
    for number in range(36):
        name = f"{first[number % 10]} {last[(number * 5) % 6]}"
        company = _PLACES[(number * 7) % len(_PLACES)]
        yield (
            f"lead {number}",
            {
                "name": name,
                "company": company,
                "email": _mail(company, name.split()[0].lower()),
                "source": sources[number % 4],
                "stage": stages[number % len(stages)],
                "owner": str(record_id("member", ("manager", "reviewer")[number % 2])),
                "value": str(900 + (number * 1370) % 21_000),
                "currency": "GBP",
            },
        )


def opportunities(today: date) -> Iterator[tuple[str, Values]]:
    stages = (
        "discovery",
        "qualification",
        "proposal",
        "negotiation",
        "proposal",
        "closed_won",
        "closed_lost",
    )
    for number in range(28):
        place = _PLACES[(number * 5) % len(_PLACES)]
        yield (
            f"opportunity {number}",
            {
                "name": f"{_ENQUIRIES[number % 10]}, {place}",
                "customer": str(record_id("customer", place)),
                "amount": str(2_400 + (number * 2_311) % 48_000),
                "currency": "GBP",
                "probability": (20, 40, 55, 75, 60, 100, 0)[number % 7],
                "stage": stages[number % 7],
                "owner": str(record_id("member", "manager")),
                "close_on": (today + timedelta(days=6 * number - 40)).isoformat(),
            },
        )


# ---------------------------------------------------------------- together


_COMMITTEES = {
    "safety": ("Health and safety", "reviewer"),
    "timber": ("Timber and sustainability", "manager"),
    "fair": ("Trade fair 2027", "operator"),
}


def committees() -> Iterator[tuple[str, Values]]:
    for key, (name, chair) in _COMMITTEES.items():
        yield key, {"name": name, "chair": str(record_id("member", chair))}


def committee_members(today: date) -> Iterator[tuple[str, Values]]:
    people = [person.username for person in PEOPLE if person.tenant == DEMO]
    for number, key in enumerate(_COMMITTEES):
        for offset in range(3):
            name = people[(number + offset) % len(people)]
            yield (
                f"{key} {name}",
                {
                    "committee": str(record_id("committee", key)),
                    "member": str(record_id("member", name)),
                    "role": ("Chair", "Secretary", "Member")[offset],
                    "joined_on": (today - timedelta(days=200 + 31 * offset)).isoformat(),
                },
            )


def events(today: date) -> Iterator[tuple[str, Values]]:
    names = (
        "Showroom walk-through",
        "Supplier day",
        "Workshop stand-up",
        "Delivery planning",
        "Design review",
    )
    for number in range(15):
        starts = datetime.combine(today + timedelta(days=3 * number - 9), time(9 + number % 6))
        yield (
            f"event {number}",
            {
                "title": names[number % 5],
                "starts_at": f"{starts.isoformat()}Z",
                "ends_at": f"{(starts + timedelta(hours=1)).isoformat()}Z",
                "time_zone": "Europe/London",
                "location": ("Quay 4, Bristol", "Online")[number % 2],
                "organiser": str(record_id("member", "manager")),
            },
        )


# ---------------------------------------------------------------- work


#: title, project, stage, priority, due in so many days
_TASKS = (
    ("Sharpen the planer knives", "workshop", "todo", "medium", 4),
    ("Order beech dowels, 8 and 10 mm", "workshop", "in_progress", "low", 2),
    ("Check the dust extraction", "workshop", "backlog", "high", 12),
    ("Repair the second band saw", "workshop", "review", "high", 1),
    ("Sort the offcuts for the kindling sale", "workshop", "done", "none", -6),
    ("Calibrate the moisture meters", "workshop", "todo", "medium", 9),
    ("New first-aid boxes", "workshop", "done", "low", -12),
    ("Label the shelves in the timber store", "workshop", "backlog", "low", 20),
    ("Show the wood's origin on the product page", "webshop", "todo", "high", None),
    ("Photos of the new dining chairs", "webshop", "in_progress", "medium", None),
    ("Explain delivery to the islands at checkout", "webshop", "backlog", "low", None),
    ("Choose a photo of the workshop for the start page", "relaunch", "todo", "medium", 10),
    ("Write the page about repairs", "relaunch", "in_progress", "high", 3),
    ("Ask three customers for a quotation", "relaunch", "backlog", "low", 30),
    ("Customer asks for an invoice in Welsh", "service-desk", "todo", "low", 5),
    ("Replace the label printer's ribbon", "service-desk", "in_progress", "medium", 1),
)  # fmt: skip


def tasks(today: date) -> Iterator[tuple[str, Values]]:
    for number, (title, project, stage, priority, days) in enumerate(_TASKS):
        values: Values = {
            "title": title,
            "project": str(project_id(project)),
            "stage": stage,
            "priority": priority,
        }
        if days is not None:
            values["due_on"] = (today + timedelta(days=days)).isoformat()
        if project == "workshop":
            values["assignees"] = [str(record_id("member", ("operator", "manager", "reviewer")[number % 3]))]
        yield title, values


def hours(today: date) -> Iterator[tuple[str, Values]]:
    at_work = [row[0] for row in _TASKS if row[1] == "workshop"]
    for number in range(40):
        yield (
            f"hours {number}",
            {
                "member": str(record_id("member", ("operator", "manager", "reviewer")[number % 3])),
                "task": str(record_id("task", at_work[number % len(at_work)])),
                "project": str(project_id("workshop")),
                "spent_on": (today - timedelta(days=number % 20)).isoformat(),
                "duration_seconds": 900 * (1 + number % 9),
                "notes": ("Set up", "Bench work", "Fetching parts", "Clean-up")[number % 4],
                "billable": number % 3 == 0,
            },
        )


# ---------------------------------------------------------------- the other tenant


def club_records_ensure(tenant: Tenant, user: User, now: datetime) -> int:
    """A few records of a tenant that shares nothing with the first."""
    origin = Origin(OriginKind.USER, user=user, note="Demo data")
    names = ("Cleo Marsh", "Rowan Pike", "Tess Orchard", "Hugo Lisle", "Bea Sandford", "Finn Calloway")
    people = [(name, {"name": name, "email": _mail("rowing", name.split()[0].lower())}) for name in names]
    jobs = [
        ("Varnish the oars", {"title": "Varnish the oars", "stage": "in_progress"}),
        (
            "Book the regatta trailer",
            {"title": "Book the regatta trailer", "stage": "todo", "priority": "high"},
        ),
        ("Repair the pontoon", {"title": "Repair the pontoon", "stage": "backlog"}),
        ("Order club caps", {"title": "Order club caps", "stage": "done"}),
    ]
    starts = datetime.combine(now.date() + timedelta(days=12), time(8))
    meetings = [
        (
            "regatta",
            {"title": "Spring regatta", "starts_at": f"{starts.isoformat()}Z", "location": "Quayside"},
        )
    ]
    return sum(
        _write(tenant, kind, rows, origin, now)
        for kind, rows in (("member", people), ("task", jobs), ("event", meetings))
    )
