"""LeanKit's webhooks: who sent them, and what each event hints at."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.leankit.webhooks import WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
SETTINGS = {"board_id": "1490772554"}
CARD = "1490800017"


def request_of(body: bytes, secret: str = "s3cret") -> WebhookRequest:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    moment = datetime(2026, 6, 2, 9, 14, 33, tzinfo=UTC)
    return WebhookRequest(
        "POST", {"x-lk-signature": signature}, body, {}, "https://hub.example.org/w/1", moment
    )


def hints_of(name: str, **changes: Any) -> list[ChangeHint]:
    payload = {**json.loads((PAYLOADS / f"{name}.json").read_text()), **changes}
    return WEBHOOKS.parse(request_of(json.dumps(payload).encode()), payload, SETTINGS)


@pytest.mark.parametrize(
    "event",
    [
        "create",
        "update",
        "movedTo",
        "blocked",
        "unblocked",
        "parentConnectionAdded",
        "parentConnectionRemoved",
    ],
)
def test_an_event_of_a_card_asks_to_read_that_card(event: str) -> None:
    assert hints_of(event) == [ChangeHint("card", CARD, event)]


def test_a_deletion_only_nominates() -> None:
    assert hints_of("delete") == [ChangeHint("card", CARD, "delete", is_delete=True)]


def test_a_comment_asks_for_the_comments_of_its_card() -> None:
    assert hints_of("commentAdded") == [ChangeHint("comment", "", "commentAdded", parent_id=CARD)]


def test_events_of_no_interest_are_ignored_on_purpose() -> None:
    assert hints_of("childrenComplete") == []


def test_another_boards_automation_is_none_of_ours() -> None:
    assert hints_of("update", boardId="99") == []


def test_an_unknown_event_is_loud() -> None:
    with pytest.raises(UnknownEvent, match="sprouted"):
        hints_of("update", event="sprouted")


def test_a_payload_without_its_card_is_bad() -> None:
    with pytest.raises(BadPayload):
        hints_of("update", cardId="")


def test_the_signature_covers_the_raw_bytes() -> None:
    body = (PAYLOADS / "update.json").read_bytes()
    WEBHOOKS.verify(request_of(body), ["new", "s3cret"], SETTINGS)
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request_of(body, "other"), ["s3cret"], SETTINGS)


def test_a_delivery_is_known_by_its_body_since_leankit_gives_it_no_id() -> None:
    assert WEBHOOKS.delivery_id(request_of((PAYLOADS / "update.json").read_bytes())) is None
