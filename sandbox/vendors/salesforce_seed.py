"""What the Salesforce stand-in starts with: an org that sells and services water pumps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

CLIENT_ID = "3MVG9demoSalesforceConsumerKey"
CLIENT_SECRET = "demo-salesforce-consumer-secret"  # noqa: S105
REFRESH_TOKEN = "5Aep861demoSalesforceRefreshToken"  # noqa: S105
ACCESS_TOKEN = "00D5g000004demo!AQ4AQdemoSalesforceAccess"  # noqa: S105
ORGANISATION = "00D5g000004DEMOEA2"
KEY_FIELD = "Lockstep_Id__c"
START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
DAY_LIMIT = 15_000

#: name, e-mail, title, active, type
USERS = (
    ("Priya Nair", "priya.nair@pumpwerk.example", "Head of Sales", True, "Standard"),
    ("Lukas Hoffmann", "lukas.hoffmann@pumpwerk.example", "Account Manager", True, "Standard"),
    ("Eva Marin", "eva.marin@pumpwerk.example", "Service", True, "Standard"),
    ("Old Account", "old@pumpwerk.example", "", False, "Standard"),
    ("Automated Process", "autoproc@pumpwerk.example", "", True, "AutomatedProcess"),
)

#: API name, probability, closed, won
STAGES = (
    ("Prospecting", 10, False, False),
    ("Qualification", 20, False, False),
    ("Proposal/Price Quote", 65, False, False),
    ("Negotiation/Review", 80, False, False),
    ("Closed Won", 100, True, True),
    ("Closed Lost", 0, True, False),
)
LEAD_STATUSES = (
    ("Open - Not Contacted", False),
    ("Working - Contacted", False),
    ("Qualified", False),
    ("Closed - Converted", True),
    ("Closed - Not Converted", False),
)
TASK_STATUSES = (
    ("Not Started", False),
    ("In Progress", False),
    ("Completed", True),
    ("Waiting on someone else", False),
    ("Deferred", False),
)

#: values beginning with "@" are the place of a record made before: @User0, @Account1
RECORDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Account", {"Name": "Stadtwerke Lindau", "Phone": "+49 8382 5550", "Website": "https://swl.example", "OwnerId": "@User0",
                 "BillingStreet": "Hafenweg 3", "BillingPostalCode": "88131", "BillingCity": "Lindau", "BillingCountry": "Germany"}),
    ("Account", {"Name": "Obsthof Keller", "Phone": "+49 7541 5558", "OwnerId": "@User1", "BillingCity": "Tettnang"}),
    ("Account", {"Name": "Camping Seeblick", "Website": "seeblick.example", "OwnerId": "@User1"}),
    ("Contact", {"FirstName": "Martin", "LastName": "Sauter", "Email": "m.sauter@swl.example", "Title": "Technical lead",
                 "Phone": "+49 8382 55512", "AccountId": "@Account0", "OwnerId": "@User0"}),
    ("Contact", {"FirstName": "Rosa", "LastName": "Keller", "Email": "rosa@keller.example", "AccountId": "@Account1", "OwnerId": "@User1"}),
    ("Lead", {"FirstName": "Jürgen", "LastName": "O'Brien", "Company": "Golfclub Bodensee", "Email": "job@golf.example",
              "Status": "Open - Not Contacted", "LeadSource": "Web", "OwnerId": "@User0"}),
    ("Lead", {"FirstName": "Anke", "LastName": "Vogt", "Company": "Gärtnerei Vogt", "Email": "anke@vogt.example",
              "Status": "Working - Contacted", "LeadSource": "Phone Inquiry", "OwnerId": "@User1"}),
    ("Lead", {"LastName": "Brunner", "Company": "Hotel Alpenrose", "Status": "Closed - Not Converted", "OwnerId": "@User1"}),
    ("Opportunity", {"Name": "Lindau pressure station", "StageName": "Proposal/Price Quote", "Amount": 84500, "CloseDate": "2026-12-18",
                     "AccountId": "@Account0", "OwnerId": "@User0", "Description": "Two redundant pumps, remote control."}),
    ("Opportunity", {"Name": "Keller irrigation", "StageName": "Qualification", "Amount": 12900.5, "CloseDate": "2027-02-26",
                     "AccountId": "@Account1", "OwnerId": "@User1"}),
    ("Opportunity", {"Name": "Seeblick renewal", "StageName": "Closed Won", "Amount": 6400, "CloseDate": "2026-10-09",
                     "AccountId": "@Account2", "OwnerId": "@User1"}),
    ("Task", {"Subject": "Site survey in Lindau", "Status": "Not Started", "Priority": "High", "ActivityDate": "2026-12-04",
              "WhatId": "@Opportunity0", "OwnerId": "@User2", "Description": "Bring the flow meter."}),
    ("Task", {"Subject": "Call Ms Keller about the spring start", "Status": "In Progress", "Priority": "Normal",
              "ActivityDate": "2026-12-02", "WhoId": "@Contact1", "OwnerId": "@User1"}),
    ("Task", {"Subject": "Invoice Seeblick", "Status": "Completed", "Priority": "Low", "OwnerId": "@User1"}),
    ("Event", {"Subject": "Acceptance in Lindau", "StartDateTime": "2026-12-10T09:00:00.000+0000",
               "EndDateTime": "2026-12-10T11:00:00.000+0000", "IsAllDayEvent": False, "Location": "Pumping station 2", "OwnerId": "@User2"}),
)  # fmt: skip
