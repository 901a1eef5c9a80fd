"""What the ConnectWise stand-in starts with: the service desk of Northwind IT, which looks after small offices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

COMPANY, PUBLIC_KEY, PRIVATE_KEY = "northwindit", "pUbLiCkEy0123456", "pRiVaTeKeY6543210"
CLIENT_ID = "6b1f3c1e-52a4-4ab1-9f07-3d0e6e1f2a90"
SIGNING_KEY = "demo-signing-key-of-callbacks"
START = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)

# id, identifier, first name, last name, e-mail, title, licence
MEMBERS = (
    (149, "lockstep", "Lockstep", "Integration", "", "", "A"),
    (150, "sokafor", "Sam", "Okafor", "sam@northwind.example", "Service manager", "F"),
    (151, "amori", "Aiko", "Mori", "aiko@northwind.example", "Engineer", "F"),
    (152, "lfischer", "Lena", "Fischer", "lena@northwind.example", "Engineer", "F"),
    (153, "nhaddad", "Noor", "Haddad", "noor@northwind.example", "Dispatcher", "F"),
)
API_MEMBER = 149
COMPANIES = (
    (250, "BrightDental", "Bright Dental Practice", "+49 30 555 0101", "https://brightdental.example"),
    (251, "OakLegal", "Oak & Partners Legal", "+49 30 555 0144", "https://oaklegal.example"),
    (252, "RiverBakery", "River Street Bakery", "+49 30 555 0177", ""),
)
BOARDS = ((1, "Help Desk", False), (2, "Alerts", False), (3, "Projects", True))
# board, id, name, is closed
STATUSES = (
    (1, 11, "New", False), (1, 12, "In Progress", False), (1, 13, "Waiting Customer", False), (1, 14, "Completed", True),
    (2, 21, "New", False), (2, 22, "In Progress", False), (2, 24, "Closed", True),
    (3, 31, "Open", False), (3, 32, "In Progress", False), (3, 33, "In Review", False), (3, 34, "Completed", True),
)  # fmt: skip
PRIORITIES = (
    (1, "Priority 1 - Critical", "Critical", "Red"),
    (2, "Priority 2 - High", "High", "Orange"),
    (3, "Priority 3 - Medium", "Medium", "Yellow"),
    (4, "Priority 4 - Low", "Low", "White"),
)
TYPES = ((41, 1, "Hardware"), (42, 1, "Software"), (43, 2, "Monitoring"))
PROJECTS = ((70, "Office move of Oak & Partners", 251, 150), (71, "New till network", 252, 151))
PHASES = ((81, 70, "Planning"), (82, 70, "Move weekend"), (83, 71, "Cabling"), (84, 71, "Go live"))

# board, status, company, priority, owner, type, summary, description, due
_SERVICE = (
    (1, 11, 250, 2, None, 41, "X-ray workstation does not start", "Black screen since this morning, room 2.", "2026-12-01"),
    (1, 12, 250, 3, 151, 42, "Appointment software prints twice", "Both copies come from the front desk.", "2026-12-04"),
    (1, 13, 251, 3, 152, 42, "Scanner profile for the new partner", "Needs her initials in the file name.", ""),
    (1, 14, 251, 4, 152, 41, "Replace the mouse in the library", "", ""),
    (1, 12, 252, 1, 151, 41, "Till 2 loses the network", "Every ten minutes; till 1 is fine.", "2026-11-30"),
    (1, 11, 252, 4, None, 42, "How do we change the greeting on the phone?", "", ""),
    (1, 11, 250, 3, 153, 42, "New colleague starts on Monday", "Account, mailbox, door code.", "2026-12-07"),
    (2, 21, 251, 2, None, 43, "Backup of OAK-SRV1 failed twice", "Error 0x80780119", ""),
    (2, 24, 250, 3, 151, 43, "Disk of BD-NAS above 90 %", "", ""),
)  # fmt: skip
# phase, status, owner, summary, description, due
_PROJECT = (
    (81, 34, 150, "Walk through the new rooms", "With the landlord.", "2026-11-12"),
    (81, 32, 152, "Order the internet line", "Two weeks of notice.", "2026-12-02"),
    (82, 31, 151, "Move the servers", "", "2026-12-12"),
    (82, 31, None, "Label all sockets", "", "2026-12-11"),
    (83, 33, 151, "Pull cables to the counter", "Six, all tested.", "2026-11-27"),
    (84, 31, None, "Train the morning shift", "", "2026-12-18"),
)
# place of the ticket, author's member id (0: a contact), text, is internal
NOTES = (
    (0, 153, "Called back: they use the spare machine until Thursday.", False),
    (0, 151, "Power supply, most likely. One is in stock.", True),
    (1, 151, "Driver updated, waiting for the next print day.", False),
    (4, 0, "It happened again at the lunch rush.", False),
)
# place of the ticket, words, is closed, member
TASKS = (
    (0, "Bring the spare power supply", False, 151),
    (6, "Create the mailbox", True, 152),
    (6, "Order a door code", False, None),
    (10, "Sign the line contract", False, 150),
)


def tickets() -> Iterator[dict[str, Any]]:
    """The first tickets, oldest first, with ``at`` beside the API's own fields."""
    for place, (board, status, company, priority, owner, kind, words, text, due) in enumerate(_SERVICE):
        yield {
            "recordType": "ServiceTicket", "board": board, "status": status, "company": company, "priority": priority, "owner": owner,
            "type": kind, "summary": words, "initialDescription": text, "requiredDate": f"{due}T12:00:00Z" if due else None,
            "at": START + timedelta(days=place, hours=place % 6),
        }  # fmt: skip
    for place, (phase, status, owner, words, text, due) in enumerate(_PROJECT):
        yield {
            "recordType": "ProjectTicket", "board": 3, "status": status, "phase": phase, "priority": 3, "owner": owner,
            "summary": words, "initialDescription": text, "requiredDate": f"{due}T12:00:00Z", "at": START + timedelta(days=40 + place),
        }  # fmt: skip
