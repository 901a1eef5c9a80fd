"""Notifications as microsoft-graph-docs-contrib shows them (change-notifications-delivery-webhooks, -lifecycle-events)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.microsoft_todo.webhooks import WEBHOOKS

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECRET = "client-state-of-the-hub"


def request(payload: Any, query: dict[str, str] | None = None) -> WebhookRequest:
    return WebhookRequest("POST", {}, orjson.dumps(payload), query or {}, "https://hub.example.org/h", NOW)


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "subscriptionId": "76222963-cc7b-42d2-882d-8aaa69cb2ba3",
        "subscriptionExpirationDateTime": "2026-11-29T11:00:00.0000000Z",
        "clientState": SECRET,
        "changeType": "updated",
        "resource": "Users/ddfcd489/Todo/Lists/AQMkA=/Tasks/AAMkB=",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        "resourceData": {"@odata.type": "#Microsoft.Graph.todoTask", "id": "AAMkB="},
        **changes,
    }


def hints(*entries: dict[str, Any], settings: dict[str, Any] | None = None) -> list[ChangeHint]:
    return WEBHOOKS.parse(request({}), {"value": list(entries)}, settings or {})


def test_the_token_of_a_new_subscription_comes_back_as_it_was_sent() -> None:
    token = "Validation: Testing <reachability> for subscription+1"
    answer = WEBHOOKS.handshake(request({}, {"validationToken": token}), [])
    assert answer is not None
    assert (answer.status, answer.body, answer.content_type) == (
        200,
        token.encode(),
        "text/plain; charset=utf-8",
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_notifications_are_no_handshake() -> None:
    assert WEBHOOKS.handshake(request({"value": [entry()]}), [SECRET]) is None
    assert WEBHOOKS.handshake(request({}, {"validationToken": "x" * 5000}), [SECRET]) is None


def test_every_notification_must_carry_the_client_state() -> None:
    WEBHOOKS.verify(request({"value": [entry(), entry()]}), ["newer", SECRET], {})
    for wrong in (entry(clientState="guessed"), entry(clientState=None), {"changeType": "updated"}):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(request({"value": [entry(), wrong]}), [SECRET], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request({"value": [entry(clientState="")]}), [""], {})


def test_a_notification_names_the_task_in_its_list() -> None:
    assert hints(entry()) == [ChangeHint("task", "AQMkA=:AAMkB=", "updated")]
    assert hints(entry(changeType="deleted")) == [ChangeHint("task", "AQMkA=:AAMkB=", "deleted", True)]


def test_other_spellings_of_the_address_are_read_too() -> None:
    spelt = "users('u')/todo/lists('AQMkA=')/tasks('AAMkB=')"
    assert hints(entry(resource=spelt))[0].external_id == "AQMkA=:AAMkB="


def test_without_a_list_in_it_the_chosen_one_counts_else_all_are_read_again() -> None:
    bare = entry(resource="todob2/graph/v1/users(u)/tasks")
    assert hints(bare, settings={"list_id": "AQMkZ="}) == [ChangeHint("task", "AQMkZ=:AAMkB=", "updated")]
    assert hints(bare, bare) == [ChangeHint("task", event="updated")]


@pytest.mark.parametrize("event", ["missed", "subscriptionRemoved", "reauthorizationRequired"])
def test_lifecycle_events_make_the_hub_read_again(event: str) -> None:
    lifecycle = {"subscriptionId": "1", "clientState": SECRET, "lifecycleEvent": event}
    assert hints(lifecycle) == [ChangeHint("task", event=event)]
    assert WEBHOOKS.event_name(request({}), {"value": [lifecycle, entry()]}) == ", ".join(
        sorted([event, "updated"])
    )


def test_what_nobody_knows_is_loud() -> None:
    with pytest.raises(UnknownEvent, match="renamed"):
        hints(entry(changeType="renamed"))
    for payload in ({}, {"value": []}, {"value": ["x"]}, []):
        with pytest.raises(BadPayload):
            WEBHOOKS.parse(request(payload), payload, {})


def test_a_notification_is_known_by_its_body_since_graph_gives_it_no_id() -> None:
    assert WEBHOOKS.delivery_id(request({"value": [entry()]})) is None
