"""Callbacks as the developer guide and connectwise-rest show them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.connectwise.webhooks import WEBHOOKS

KEY = "the-signing-key"


def payload(**changes: Any) -> dict[str, Any]:
    entity = {"Id": 1001, "RecordType": "ServiceTicket", "BoardID": 1}
    return {
        "MessageId": "b0f8f4bd-0001",
        "Action": "updated",
        "Type": "ticket",
        "ID": 1001,
        "MemberId": "sokafor",
        "Entity": orjson.dumps(entity).decode(),
        "Metadata": {"key_url": "https://na.myconnectwise.net/keys/1"},
        **changes,
    }


def request(body: bytes, **headers: str) -> WebhookRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest("POST", named, body, {}, "https://hub.example.org/h", datetime.now(UTC))


def hints(settings: dict[str, Any] | None = None, **changes: Any) -> list[ChangeHint]:
    return WEBHOOKS.parse(request(b""), payload(**changes), settings or {})


def test_the_digest_of_the_signing_key_signs_the_raw_bytes() -> None:
    body = orjson.dumps(payload())
    mac = hmac.new(hashlib.sha256(KEY.encode()).digest(), body, hashlib.sha256).digest()
    signed = base64.b64encode(mac).decode()
    WEBHOOKS.verify(request(body, x_content_signature=signed), [KEY], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request(body + b" ", x_content_signature=signed), [KEY], {})


def test_without_a_key_only_an_explicit_setting_lets_callbacks_in() -> None:
    body = orjson.dumps(payload())
    with pytest.raises(BadSignature, match="not entered"):
        WEBHOOKS.verify(request(body), [], {})
    WEBHOOKS.verify(request(body), [], {"unsigned_callbacks": "yes"})
    with pytest.raises(BadSignature):  # a key that is known is always asked for
        WEBHOOKS.verify(request(body), [KEY], {"unsigned_callbacks": "yes"})


def test_a_ticket_and_its_notes_are_read_again() -> None:
    assert hints() == [
        ChangeHint("ticket", "1001", "ticket.updated", False, "sokafor"),
        ChangeHint("note", "", "ticket.updated", False, "sokafor", "1001"),
    ]


def test_a_projects_ticket_is_told_by_its_record_type() -> None:
    entity = orjson.dumps({"RecordType": "ProjectTicket"}).decode()
    assert [one.resource for one in hints(Entity=entity)] == ["project_ticket", "project_note"]


def test_a_deleted_ticket_brings_no_entity_so_it_may_be_either_kind() -> None:
    found = hints(Action="deleted", Entity=None)
    assert [(one.resource, one.external_id, one.is_delete) for one in found] == [
        ("ticket", "1001", True),
        ("project_ticket", "1001", True),
    ]


def test_tickets_of_other_boards_are_left_alone() -> None:
    assert hints({"board_ids": "2, 3"}) == []
    assert len(hints({"board_ids": "1, 3"})) == 2


def test_an_entity_that_is_an_object_is_read_too() -> None:
    assert (
        hints(Entity={"recordType": "ServiceTicket", "board": {"id": 9}}, settings={"board_ids": "1"}) == []
    )


def test_other_types_are_hints_or_ignored_and_the_rest_is_loud() -> None:
    assert hints(Type="company", ID=250) == [
        ChangeHint("company", "250", "company.updated", False, "sokafor")
    ]
    assert hints(Type="schedule") == []
    for wrong in ({"Type": "spaceship"}, {"Action": "melted"}, {"Type": None}):
        with pytest.raises(UnknownEvent):
            hints(**wrong)
    for broken in ({"ID": None}, {"ID": True}, {"ID": "x"}, {"Entity": "{"}):
        with pytest.raises(BadPayload):
            hints(**broken)


def test_the_message_id_stays_the_same_when_a_delivery_is_repeated() -> None:
    assert WEBHOOKS.delivery_id(request(orjson.dumps(payload()))) == "b0f8f4bd-0001"
    assert WEBHOOKS.delivery_id(request(b"{}")) is None
    assert WEBHOOKS.delivery_id(request(b"no json")) is None
