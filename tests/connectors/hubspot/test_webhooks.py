"""HubSpot's webhooks: who sent them, and what each event hints at."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.types import (
    BadPayload,
    BadSignature,
    BadTimestamp,
    ChangeHint,
    UnknownEvent,
    WebhookRequest,
)
from connectors.hubspot.webhooks import IGNORED, SUBSCRIBED, WEBHOOKS

URL = "https://hub.example.org/api/v1/webhooks/integrations/7/receive"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECRET = "app-client-secret"


def event(name: str, **more: Any) -> dict[str, Any]:
    facts = {
        "eventId": 3816279340,
        "subscriptionId": 25,
        "portalId": 33,
        "appId": 1160452,
        "occurredAt": 1795867200000,
        "subscriptionType": name,
        "attemptNumber": 0,
        "objectId": 512,
        "changeSource": "CRM_UI",
        "sourceId": "userId:9586504",
    }
    return {**facts, **more}


def received(
    events: Any, *, secret: str = SECRET, url: str = URL, signed_url: str = "", at: datetime = NOW
) -> WebhookRequest:
    body = json.dumps(events).encode()
    stamp = str(int(at.timestamp() * 1000))
    payload = b"POST" + (signed_url or url).encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), payload, hashlib.sha256).digest()).decode()
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    return WebhookRequest("POST", headers, body, {}, url, NOW)


def hints(*events: Any) -> list[ChangeHint]:
    return WEBHOOKS.parse(received(list(events)), list(events), {})


def test_method_address_body_and_time_are_signed_together() -> None:
    WEBHOOKS.verify(received([event("contact.creation")]), ["new-secret", SECRET], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(received([event("contact.creation")], secret="other"), [SECRET], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(received([], signed_url="https://elsewhere.example.org/"), [SECRET], {})


def test_the_signature_of_a_known_request_is_this() -> None:
    """Worked out with openssl from the published rule."""
    headers = {
        "x-hubspot-signature-v3": "2jtdGsZuwH23aeehX/s/yLGdZ2C3kxet73OuktBlojY=",
        "x-hubspot-request-timestamp": "1795867200000",
    }
    at = datetime.fromtimestamp(1795867200, UTC)
    url = "https://example.com/hook"
    WEBHOOKS.verify(WebhookRequest("POST", headers, b'[{"eventId":1}]', {}, url, at), ["k"], {})


def test_some_escapes_of_the_address_are_signed_decoded_and_others_are_not() -> None:
    url = "https://hub.example.org/hook?to=a%40b%2Cc%20d%3A%2f"
    signed = "https://hub.example.org/hook?to=a@b,c%20d:/"
    WEBHOOKS.verify(received([], url=url, signed_url=signed), [SECRET], {})


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_older_or_newer_than_five_minutes_is_refused(minutes: int) -> None:
    with pytest.raises(BadTimestamp):
        WEBHOOKS.verify(received([], at=NOW + timedelta(minutes=minutes)), [SECRET], {})


@pytest.mark.parametrize("stamp", ["", "soon", "nan", "inf"])
def test_a_missing_or_unreadable_time_is_refused(stamp: str) -> None:
    request = received([])
    bad = WebhookRequest(
        "POST",
        {**request.headers, "x-hubspot-request-timestamp": stamp},
        request.body,
        {},
        URL,
        NOW,
    )
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(bad, [SECRET], {})


def test_the_older_signatures_alone_prove_nothing() -> None:
    request = received([])
    old = {"x-hubspot-signature": hashlib.sha256(SECRET.encode() + request.body).hexdigest()}
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(WebhookRequest("POST", old, request.body, {}, URL, NOW), [SECRET], {})


@pytest.mark.parametrize("name", ["contact.creation", "contact.propertyChange", "contact.restore"])
def test_a_change_asks_to_read_the_record(name: str) -> None:
    assert hints(event(name)) == [ChangeHint("contact", "512", name, False, "userId:9586504")]


@pytest.mark.parametrize("name", ["deal.deletion", "contact.privacyDeletion"])
def test_a_deletion_only_nominates(name: str) -> None:
    assert hints(event(name)) == [ChangeHint(name.split(".")[0], "512", name, True, "userId:9586504")]


def test_several_events_of_one_record_are_one_hint() -> None:
    events = [
        event("deal.propertyChange", propertyName=name, eventId=n)
        for n, name in enumerate(("amount", "dealstage"))
    ]
    assert hints(*events) == [ChangeHint("deal", "512", "deal.propertyChange", False, "userId:9586504")]


def test_an_association_hints_at_the_record_it_begins_at() -> None:
    bare = event("deal.associationChange", fromObjectId=7, toObjectId=8, associationType="DEAL_TO_COMPANY")
    del bare["objectId"]
    assert [(one.resource, one.external_id) for one in hints(bare)] == [("deal", "7")]


def test_a_merge_names_the_one_that_stays_and_those_that_are_gone() -> None:
    merge = event("company.merge", primaryObjectId=1, mergedObjectIds=[2, 3], newObjectId=4)
    assert [(one.external_id, one.is_delete) for one in hints(merge)] == [
        ("4", False),
        ("2", True),
        ("3", True),
    ]


def test_generic_events_name_their_type_by_number() -> None:
    assert [one.resource for one in hints(event("object.propertyChange", objectTypeId="0-27"))] == ["task"]
    notes = hints(event("object.creation", objectTypeId="0-46"))
    assert [(one.resource, one.external_id) for one in notes] == [
        ("deal_note", ""),
        ("contact_note", ""),
        ("company_note", ""),
    ]
    assert hints(event("object.creation", objectTypeId="2-998877")) == []


def test_what_the_hub_does_not_keep_is_ignored_and_anything_else_is_loud() -> None:
    assert all(hints(event(name)) == [] for name in IGNORED)
    for name in ("contact.sneezed", "invoice.creation", ""):
        with pytest.raises(UnknownEvent):
            hints(event(name))


@pytest.mark.parametrize(
    "payload", [{}, "x", [1], [event("contact.creation", objectId=None)], [event("deal.merge", objectId="x")]]
)
def test_a_payload_of_another_shape_is_refused(payload: Any) -> None:
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(received(payload), payload, {})


def test_a_repeated_delivery_has_the_same_id_and_another_one_has_not() -> None:
    first = WEBHOOKS.delivery_id(received([event("contact.creation")]))
    assert WEBHOOKS.delivery_id(received([event("contact.creation", attemptNumber=3)])) == first
    assert WEBHOOKS.delivery_id(received([event("contact.creation", occurredAt=1795867200001)])) != first
    assert WEBHOOKS.delivery_id(WebhookRequest("POST", {}, b"{", {}, URL, NOW)) is None


def test_every_mapped_property_has_its_own_subscription() -> None:
    assert ("deal.propertyChange", "dealstage") in SUBSCRIBED
    assert ("contact.privacyDeletion", "") in SUBSCRIBED
    assert len(SUBSCRIBED) == len(set(SUBSCRIBED))
