"""Salesforce publishes no document of its core API; this one was written from its developer guide."""

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "salesforce.json",
    deviations=(
        Deviation(
            r"^POST /services/oauth2/token: not in the document",
            "the token address is part of the OAuth guide, not of the REST API that the document describes",
        ),
        Deviation(
            r"^POST .*/composite/sobjects/\{sobject\} 200: \d+: null is not of type \"object\"",
            "a record that is not there is null in its place (REST API guide, sObject Collections: retrieve)",
        ),
    ),
)
