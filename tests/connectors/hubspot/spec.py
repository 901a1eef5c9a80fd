"""The document is derived from HubSpot's published client (hubspot-api-client 12.0.0): right in paths, loose in details."""

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "hubspot.json",
    deviations=(
        Deviation(
            r"properties\.\w+: null is not of type \"string\"",
            "the client's types drop nullability; a property that was asked for and holds nothing is null "
            "(developers.hubspot.com, notes guide: “it will be returned as null”)",
        ),
        Deviation(
            r": (400|401|403|404|409|429) is not in the document",
            "the client turns refusals into exceptions, so that only good answers could be derived",
        ),
        Deviation(
            r"^GET /account-info/v3/details: not in the document",
            "another of HubSpot's clients; account information API, version 3",
        ),
        Deviation(
            r"/webhooks/v3/.*: unknown query parameter 'hapikey'",
            "the developer API key is a security scheme of the webhooks API, not a parameter of its calls",
        ),
        Deviation(
            r"search body: sorts\.0: .* is not of type \"string\"",
            "developers.hubspot.com, “Search the CRM”, documents objects of propertyName and direction",
        ),
    ),
)
