"""What the LeanKit stand-in starts with: a waitlist of a furniture maker's customers, and a second, small board."""

from __future__ import annotations

from typing import Any

ROBOT = "25012"
TOKEN = "leankit-demo-token"  # noqa: S105
PASSWORD = "leankit-demo-password"  # noqa: S105
ORGANIZATION = "10187654101"
BOARD = "1490772554"
OTHER_BOARD = "1490772911"

USERS = (
    (ROBOT, "Lockstep", "Robot", "robot@example.org", "boardManager"),
    ("25031", "Dana", "Whitfield", "dana@example.org", "boardAdministrator"),
    ("25032", "Marcus", "Oyelaran", "marcus@example.org", "boardUser"),
    ("25033", "Priya", "Raman", "priya@example.org", "boardUser"),
    ("25034", "Tom", "Lindqvist", "tom@example.org", "boardUser"),
    ("25035", "Elena", "Kovacs", "elena@example.org", "boardReader"),
)
ROLES = {"boardReader": 1, "boardUser": 2, "boardManager": 3, "boardAdministrator": 4}

#: id, name, parent, class, type, status, WIP limit, default drop lane
LANES = (
    ("1490773001", "Backlog", None, "backlog", "ready", "notStarted", 0, False),
    ("1490773002", "New Requests", "1490773001", "backlog", "ready", "notStarted", 0, True),
    ("1490773010", "Pending", None, "active", "ready", "notStarted", 0, False),
    ("1490773020", "In Progress", None, "active", "inProcess", "started", 0, False),
    ("1490773021", "Building", "1490773020", "active", "inProcess", "started", 14, False),
    ("1490773022", "Shipping", "1490773020", "active", "inProcess", "started", 12, False),
    ("1490773030", "On Hold", None, "active", "inProcess", "started", 0, False),
    ("1490773040", "Completed", None, "active", "completed", "finished", 0, False),
    ("1490773090", "Archive", None, "archive", "completed", "finished", 0, False),
    ("1490773091", "Finished As Planned", "1490773090", "archive", "completed", "finished", 0, False),
    ("1490773092", "Discarded", "1490773090", "archive", "completed", "finished", 0, False),
)
OTHER_LANES = (
    ("1490774010", "To Do", None, "active", "ready", "notStarted", 0, True),
    ("1490774020", "Doing", None, "active", "inProcess", "started", 0, False),
    ("1490774030", "Done", None, "active", "completed", "finished", 0, False),
    ("1490774090", "Archive", None, "archive", "completed", "finished", 0, False),
)
CARD_TYPES = (
    ("1490775001", "Custom order", "#B8CFDF", True),
    ("1490775002", "Delivery", "#BFDFC2", True),
    ("1490775003", "Repair", "#F1C7C5", True),
    ("1490775004", "Showroom piece", "#FAD7B2", True),
    ("1490775009", "Subtask", "#FFF8DF", False),
)
OTHER_TYPES = (("1490776001", "Improvement", "#BFDFC2", True),)
CUSTOM_FIELDS = (
    ("1490777001", "text", "Purchase order", None),
    ("1490777002", "choice", "Carrier", ["Nordlog", "Harbour Freightways", "Own van"]),
    ("1490777003", "number", "Pieces", None),
)

_FIRST = (
    "Ashford Interiors", "Bellweather Hotels", "Calder & Sons", "Dunmore Library", "Eastgate Clinic", "Fairlight School",
    "Greenhill Café", "Harrow Law", "Ivybridge Inn", "Jasper Street Studio", "Kestrel Offices", "Larkfield Dental",
    "Moorland Lodge", "Northpoint Gallery", "Oakhurst Family", "Penrose Bakery", "Quayside Bistro", "Ravenscourt Flat 4",
    "Silverton Museum", "Thornbury Surgery",
)  # fmt: skip
_PIECES = (
    ("reception desk in white oak", ["oak", "desk"]),
    ("twelve stacking chairs, charcoal felt", ["chairs", "felt"]),
    ("extending table, walnut, 220–300 cm", ["table", "walnut"]),
    ("wall shelving, powder-coated steel", ["shelving", "steel"]),
)
#: lane, how many of every twenty cards lie in it
_SPREAD = (
    ["1490773002"] * 3 + ["1490773010"] * 5 + ["1490773021"] * 3 + ["1490773022"] * 3
    + ["1490773030"] * 2 + ["1490773040"] * 3 + ["1490773091"]
)  # fmt: skip
_PRIORITIES = ("normal", "normal", "high", "low", "normal", "critical", "normal")
_NOTES = (
    "<p>Customer asks for a slot <strong>before noon</strong>; loading bay is on the north side.</p>",
    "<p>Fabric sample approved by phone.</p><ul><li>seat: charcoal</li><li>legs: black</li></ul>",
    "<p>Pallet weighs about 180 kg. Needs a tail lift.</p>",
    "",
)
_REMARKS = (
    ("25032", "<p>Called the customer, they are fine with week 34.</p>"),
    ("25033", "<p>Drawing sent for approval.</p>"),
    ("25034", "<p>The carrier lost one box, replacement is on its way.</p>"),
    ("25031", "<p>Please confirm the delivery address first.</p>"),
)
TYPES = [row[0] for row in CARD_TYPES if row[3]]
_PEOPLE = ("25032", "25033", "25034", "25031")


def waitlist_cards() -> list[dict[str, Any]]:
    """Eighty cards; ``age`` is hours before the start. The same on every start."""
    made = []
    for number in range(80):
        piece, tags = _PIECES[(number * 3 + number // 20) % 4]
        lane = _SPREAD[(number * 7) % 20]
        on_hold = lane == "1490773030"
        made.append(
            {
                "title": f"{_FIRST[number % 20]} – {piece}",
                "description": _NOTES[(number // 2) % 4],
                "laneId": lane,
                "priority": _PRIORITIES[number % 7],
                "typeId": TYPES[(number // 3) % 4],
                "tags": [*tags, "express"] if number % 9 == 0 else list(tags),
                "customId": f"W-{1042 + number}",
                "assignedUserIds": [] if number % 5 == 4 else [_PEOPLE[number % 4]],
                "plannedStart": None if number % 3 else f"2026-{6 + number % 6:02d}-{1 + number % 27:02d}",
                "plannedFinish": None if number % 3 else f"2026-{7 + number % 5:02d}-{2 + number % 26:02d}",
                "customFields": {"1490777001": f"PO-{7700 + 3 * number}", "1490777003": 1 + number % 12},
                "isBlocked": on_hold and number % 2 == 0,
                "blockReason": "Waiting for the customer's colour" if on_hold and number % 2 == 0 else "",
                "size": 1 + number % 5,
                "age": 24 * 40 - number * 11,
                "remarks": [_REMARKS[number % 4]] if number % 4 == 1 else [],
            }
        )
    return made


def other_cards() -> list[dict[str, Any]]:
    names = (
        "New sign above the entrance",
        "Light plan for the back room",
        "Visitor counter",
        "Coffee corner",
    )
    return [
        {"title": name, "laneId": OTHER_LANES[at % 3][0], "typeId": "1490776001", "age": 24 * (9 - at)}
        for at, name in enumerate(names)
    ]
