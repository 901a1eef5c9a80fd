"""Clockify's requests and answers are held to the vendor's own OpenAPI document."""

from __future__ import annotations

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "clockify.json",
    prefix="/api",
    deviations=(
        Deviation(
            r'(status|webhookEvent|triggerSourceType): "[A-Z_]+" is not of type "object"',
            "The document gives its enumerations (AccountStatus, TaskStatus, WebhookEventType …) as type object and in the "
            "same place as oneOf text: nothing can be both, and the API sends the text.",
        ),
        Deviation(
            r"(projectId|taskId|tagIds|kioskId|timeInterval\.(end|duration)): null is not of type",
            "The document calls nothing nullable, while the API's own entries carry null for what they lack and for the "
            "end of a running one (its reference's examples; recorded answers in apet97/clockify-ts-sdk).",
        ),
    ),
)
