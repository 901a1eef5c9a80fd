"""What the HubSpot stand-in starts with: a small maker of office furniture and its sales team."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

TOKEN = "pat-eu1-demo-hubspot-token"  # noqa: S105
CLIENT_ID = "5d3c6c1e-demo-hubspot-app"
CLIENT_SECRET = "demo-hubspot-client-secret"  # noqa: S105
REFRESH_TOKEN = "demo-hubspot-refresh-token"  # noqa: S105
DEVELOPER_KEY = "eu1-demo-developer-key"
APP_ID = 1804211
PORTAL = 25418829
START = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)

#: id, first name, last name, e-mail, user id
OWNERS = (
    ("41629779", "Mira", "Lang", "mira.lang@holzform.example", 9586504),
    ("41629780", "Tom", "Brandt", "tom.brandt@holzform.example", 9586505),
    ("41629781", "Ines", "Costa", "ines.costa@holzform.example", 9586506),
)

#: pipeline id, label, (stage id, label, probability, closed)
PIPELINES: tuple[tuple[str, str, tuple[tuple[str, str, str, bool], ...]], ...] = (
    (
        "default",
        "Sales pipeline",
        (
            ("appointmentscheduled", "Appointment scheduled", "0.2", False),
            ("qualifiedtobuy", "Qualified to buy", "0.4", False),
            ("presentationscheduled", "Proposal", "0.6", False),
            ("contractsent", "Contract sent", "0.9", False),
            ("closedwon", "Closed won", "1.0", True),
            ("closedlost", "Closed lost", "0.0", True),
        ),
    ),
    (
        "7342101",
        "Renewals",
        (
            ("19284411", "Discovery", "0.3", False),
            ("19284412", "Negotiation", "0.7", False),
            ("19284413", "Closed won", "1.0", True),
            ("19284414", "Closed lost", "0.0", True),
        ),
    ),
)

COMPANIES: tuple[dict[str, Any], ...] = (
    {"name": "Nordlicht Studios", "domain": "nordlicht.example", "website": "nordlicht.example", "phone": "+49 40 555012",
     "address": "Elbchaussee 12", "zip": "22765", "city": "Hamburg", "country": "Germany", "hubspot_owner_id": "41629779"},
    {"name": "Praxis Dr. Weiss", "domain": "praxis-weiss.example", "phone": "+49 30 555871", "city": "Berlin", "country": "Germany",
     "hubspot_owner_id": "41629780"},
    {"name": "Atelier Moreau", "domain": "moreau.example", "phone": "+33 1 5550143", "city": "Lyon", "country": "France"},
    {"name": "Kontor Süd", "domain": "kontorsued.example", "city": "Munich", "country": "Germany", "hubspot_owner_id": "41629781"},
)  # fmt: skip

CONTACTS: tuple[dict[str, Any], ...] = (
    {"firstname": "Jana", "lastname": "Petersen", "email": "jana@nordlicht.example", "phone": "+49 40 555013", "jobtitle": "Office manager",
     "company": "Nordlicht Studios", "lifecyclestage": "customer", "hubspot_owner_id": "41629779"},
    {"firstname": "Henrik", "lastname": "Weiss", "email": "h.weiss@praxis-weiss.example", "company": "Praxis Dr. Weiss",
     "lifecyclestage": "opportunity", "hs_lead_status": "OPEN_DEAL", "hubspot_owner_id": "41629780"},
    {"firstname": "Camille", "lastname": "Moreau", "email": "camille@moreau.example", "company": "Atelier Moreau",
     "lifecyclestage": "lead", "hs_lead_status": "NEW"},
    {"firstname": "Oskar", "lastname": "Lind", "email": "oskar.lind@example.org", "lifecyclestage": "lead", "hs_lead_status": "CONNECTED"},
    {"firstname": "Yusra", "lastname": "Al-Amin", "email": "yusra@kontorsued.example", "company": "Kontor Süd", "jobtitle": "Buyer",
     "lifecyclestage": "marketingqualifiedlead", "hs_lead_status": "ATTEMPTED_TO_CONTACT", "hubspot_owner_id": "41629781"},
)  # fmt: skip

#: properties, place of the company in COMPANIES (None: without one)
DEALS: tuple[tuple[dict[str, Any], int | None], ...] = (
    ({"dealname": "40 standing desks", "dealstage": "contractsent", "amount": "31200", "closedate": "2026-12-11T12:00:00.000Z",
      "hubspot_owner_id": "41629779", "deal_currency_code": "EUR", "description": "Oak tops, two colours of frame."}, 0),
    ({"dealname": "Waiting room", "dealstage": "qualifiedtobuy", "amount": "8450.5", "closedate": "2027-01-15T12:00:00.000Z",
      "hubspot_owner_id": "41629780", "deal_currency_code": "EUR"}, 1),
    ({"dealname": "Showroom shelves", "dealstage": "appointmentscheduled", "amount": "5900", "hubspot_owner_id": "41629780"}, 2),
    ({"dealname": "Reception", "dealstage": "closedwon", "amount": "12800", "closedate": "2026-10-02T12:00:00.000Z"}, 3),
    ({"dealname": "Nordlicht care plan 2027", "dealstage": "19284411", "amount": "2400", "hubspot_owner_id": "41629781"}, 0),
)  # fmt: skip

TASKS: tuple[dict[str, Any], ...] = (
    {"hs_task_subject": "Send samples of oak", "hs_task_body": "<p>Three finishes, <strong>matt</strong> only.</p>",
     "hs_task_status": "NOT_STARTED", "hs_task_priority": "HIGH", "hs_timestamp": "2026-12-03T12:00:00.000Z",
     "hubspot_owner_id": "41629779"},
    {"hs_task_subject": "Call Dr. Weiss about the delivery", "hs_task_status": "WAITING", "hs_task_priority": "MEDIUM",
     "hs_timestamp": "2026-12-01T12:00:00.000Z", "hubspot_owner_id": "41629780"},
    {"hs_task_subject": "Quote for the shelves", "hs_task_status": "IN_PROGRESS", "hs_timestamp": "2026-11-30T12:00:00.000Z"},
    {"hs_task_subject": "Invoice the reception", "hs_task_status": "COMPLETED", "hs_task_priority": "LOW",
     "hs_timestamp": "2026-10-05T12:00:00.000Z", "hubspot_owner_id": "41629781"},
)  # fmt: skip

#: type and place of the record it stands on, text, owner
NOTES: tuple[tuple[str, int, str, str], ...] = (
    ("deals", 0, "<p>They want delivery before the <em>move on 18 December</em>.</p>", "41629779"),
    ("deals", 1, "<p>Budget approved.</p>", "41629780"),
    ("contacts", 2, "<p>Met at the fair in Cologne.</p>", "41629781"),
    ("companies", 0, "<p>New address from January.</p>", "41629779"),
)
