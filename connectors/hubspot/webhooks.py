"""HubSpot's webhooks: a list of events per request, signed with the app's secret (version 3), and what each hints at.

Source: developers.hubspot.com, "Webhooks API" and "Validating requests", read November 2026.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest

from .objects import OBJECTS

SCHEME = HmacScheme(
    header="X-HubSpot-Signature-v3",
    encoding="base64",
    payload="{method}{url}{body}{timestamp}",
    timestamp_header="X-HubSpot-Request-Timestamp",
    timestamp_format="epoch_ms",
)

_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")", "%2A": "*",
    "%2C": ",", "%3B": ";",
}  # fmt: skip
"""These and no other escapes stand decoded in the address that is signed."""

_BY_TYPE_ID = {"0-1": ("contact",), "0-2": ("company",), "0-3": ("deal",), "0-27": ("task",)}
_NOTES = ("deal_note", "contact_note", "company_note")
_ACTIONS = frozenset(
    {"creation", "deletion", "privacyDeletion", "propertyChange", "merge", "restore", "associationChange"}
)
_OTHER_OBJECTS = ("ticket", "product", "line_item", "conversation")

IGNORED = frozenset(
    f"{name}.{action}" for name in _OTHER_OBJECTS for action in (*sorted(_ACTIONS), "newMessage")
)
"""Events of kinds that the hub does not keep."""

SUBSCRIBED = (
    *(
        (f"{name}.{action}", "")
        for name in ("contact", "company", "deal")
        for action in ("creation", "deletion", "merge", "restore", "associationChange")
    ),
    ("contact.privacyDeletion", ""),
    *(
        (f"{name}.propertyChange", each)
        for name in ("contact", "company", "deal")
        for each in OBJECTS[name].properties
    ),
)
"""(event, property): a change of a property needs a subscription of its own."""


class HubSpotWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        SCHEME.verify(dataclasses.replace(request, url=signed_url(request.url)), secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """From what stays the same when a delivery is repeated; eventId alone is not unique, attemptNumber grows."""
        try:
            events = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
            return None
        names = (
            "portalId",
            "subscriptionType",
            "objectId",
            "fromObjectId",
            "toObjectId",
            "eventId",
            "occurredAt",
        )
        facts = sorted(repr([one.get(name) for name in names]) for one in events)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        """The kinds of events in the list, as one text."""
        events = payload if isinstance(payload, list) else []
        names = {str(one.get("subscriptionType") or "") for one in events if isinstance(one, dict)}
        return ", ".join(sorted(names))[:200]

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, list):
            raise BadPayload("The payload is no list of events.")
        hints: list[ChangeHint] = []
        for event in payload:
            if not isinstance(event, dict):
                raise BadPayload("An event is no object.")
            try:
                hints += _hints(event)
            except (KeyError, TypeError, ValueError) as error:
                raise BadPayload(f"{event.get('subscriptionType')} came without {error}.") from error
        return list(dict.fromkeys(hints))


def signed_url(url: str) -> str:
    """The address as HubSpot signs it."""
    for code, sign in _DECODED.items():
        url = url.replace(code, sign).replace(code.lower(), sign)
    return url


def _hints(event: Mapping[str, Any]) -> list[ChangeHint]:
    name = str(event.get("subscriptionType") or "")
    if name in IGNORED:
        return []
    what, _, action = name.partition(".")
    if action not in _ACTIONS or what not in ("contact", "company", "deal", "object"):
        raise UnknownEvent(name or "(no event name)")
    actor = str(event.get("sourceId") or "")
    if what == "object":
        type_id = str(event["objectTypeId"])
        if type_id == "0-46":  # a note does not say what it stands on: look through the changed ones
            return [ChangeHint(each, event=name, actor_id=actor) for each in _NOTES]
        resources: Sequence[str] = _BY_TYPE_ID.get(type_id, ())
    else:
        resources = (what,)
    return [
        ChangeHint(resource, id, name, is_delete, actor)
        for resource in resources
        for id, is_delete in _ids(event, action)
    ]


def _ids(event: Mapping[str, Any], action: str) -> list[tuple[str, bool]]:
    """(id, whether it may be gone) of the records an event speaks of."""
    match action:
        case "deletion" | "privacyDeletion":
            return [(str(int(event["objectId"])), True)]
        case "associationChange":
            return [(str(int(event["fromObjectId"])), False)]
        case "merge":
            kept = event.get("newObjectId") or event.get("primaryObjectId") or event["objectId"]
            gone = [str(int(one)) for one in event.get("mergedObjectIds") or () if int(one) != int(kept)]
            return [(str(int(kept)), False), *((one, True) for one in gone)]
    return [(str(int(event["objectId"])), False)]


WEBHOOKS = HubSpotWebhooks()
