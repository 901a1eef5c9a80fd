"""Trello's webhooks: who sent them, and what each action hints at."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.trello.webhooks import WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
URL = "https://hub.example.org/api/v1/webhooks/abc?x=1"
CARD = "5abbe4b7ddc1b351ef96aaaa"
COMMENT = "5abbe4b7ddc1b351ef96cccc"
LABEL = "5abbe4b7ddc1b351ef963004"
NOOR = "5b02e7f4e1facdc393169001"


def request_of(body: bytes, secret: str = "s3cret", url: str = URL, method: str = "POST") -> WebhookRequest:
    signature = base64.b64encode(
        hmac.new(secret.encode(), body + url.encode(), hashlib.sha1).digest()
    ).decode()
    return WebhookRequest(method, {"x-trello-webhook": signature}, body, {}, URL, datetime.now(UTC))


def payload_of(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def hints_of(name: str) -> list[ChangeHint]:
    payload = payload_of(name)
    return WEBHOOKS.parse(request_of(json.dumps(payload).encode()), payload, {})


@pytest.mark.parametrize(
    "name",
    [
        "createCard",
        "updateCard_moved",
        "updateCard_archived",
        "addMemberToCard",
        "addLabelToCard",
        "updateCustomFieldItem",
    ],
)
def test_an_action_on_a_card_asks_to_read_that_card(name: str) -> None:
    assert hints_of(name) == [ChangeHint("card", CARD, name.split("_")[0], actor_id=NOOR)]


def test_a_deletion_only_nominates() -> None:
    assert hints_of("deleteCard") == [ChangeHint("card", CARD, "deleteCard", True, NOOR)]


@pytest.mark.parametrize(
    ("name", "is_delete"), [("commentCard", False), ("updateComment", False), ("deleteComment", True)]
)
def test_actions_on_comments_name_the_comment_and_its_card(name: str, is_delete: bool) -> None:
    assert hints_of(name) == [ChangeHint("comment", COMMENT, name, is_delete, NOOR, CARD)]


def test_a_renamed_label_changes_cards_as_well() -> None:
    assert hints_of("updateLabel") == [
        ChangeHint("label", LABEL, "updateLabel", actor_id=NOOR),
        ChangeHint("card", "", "updateLabel", actor_id=NOOR),
    ]
    assert hints_of("deleteLabel")[0] == ChangeHint("label", LABEL, "deleteLabel", True, NOOR)


def test_people_and_lists_are_polled_again() -> None:
    assert hints_of("addMemberToBoard") == [ChangeHint("member", "", "addMemberToBoard", actor_id=NOOR)]
    assert hints_of("updateList") == [ChangeHint("card", "", "updateList", actor_id=NOOR)]


def test_checklists_are_ignored_on_purpose() -> None:
    assert hints_of("updateCheckItemStateOnCard") == []


def test_an_unknown_action_is_loud_and_a_broken_one_is_bad() -> None:
    payload = payload_of("createCard")
    payload["action"]["type"] = "sproutCard"
    with pytest.raises(UnknownEvent, match="sproutCard"):
        WEBHOOKS.parse(request_of(b"{}"), payload, {})
    payload["action"] |= {"type": "updateCard", "data": {}}
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(request_of(b"{}"), payload, {})


def test_the_signature_covers_body_and_address() -> None:
    body = (PAYLOADS / "createCard.json").read_bytes()
    WEBHOOKS.verify(request_of(body), ["s3cret"], {})
    for wrong in (request_of(body, "other"), request_of(body, url="https://hub.example.org/elsewhere")):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(wrong, ["s3cret"], {})


def test_the_head_request_of_registering_is_answered() -> None:
    answer = WEBHOOKS.handshake(request_of(b"", method="HEAD"), [])
    assert answer is not None
    assert answer.status == 200
    assert WEBHOOKS.handshake(request_of(b"{}"), []) is None


def test_a_repeated_delivery_has_the_same_id() -> None:
    body = (PAYLOADS / "createCard.json").read_bytes()
    assert WEBHOOKS.delivery_id(request_of(body)) == "5abbe4b7ddc1b351ef96ffff"
    assert WEBHOOKS.delivery_id(request_of(b"not json")) is None
