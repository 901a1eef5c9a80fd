"""Linear's webhooks: signed over the body, dated inside it."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base.types import (
    BadPayload,
    BadSignature,
    BadTimestamp,
    ChangeHint,
    UnknownEvent,
    WebhookRequest,
)
from connectors.linear.webhooks import WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
SENT = datetime(2025, 11, 20, 9, 0, tzinfo=UTC)
ISSUE = "539068e2-ae88-4d09-bd75-22eb4a59612f"
MAREN = "b5ea5f1f-8adc-4f52-b4bd-ab4e84cf51ba"


def request(body: bytes, *, secret: str = "wh", late: int = 0) -> WebhookRequest:
    headers = {
        "linear-signature": hmac.new(secret.encode(), body, "sha256").hexdigest(),
        "linear-delivery": "234d1a4e-b617-4388-90fe-adc3633d6b72",
        "linear-event": "Issue",
    }
    return WebhookRequest("POST", headers, body, {}, "https://hub/h", SENT + timedelta(seconds=late))


def payload(name: str) -> tuple[bytes, Any]:
    body = (PAYLOADS / name).read_bytes()
    return body, orjson.loads(body)


def test_a_documented_change_of_an_issue_is_a_hint_to_read_it() -> None:
    body, parsed = payload("issue_update.json")
    WEBHOOKS.verify(request(body), ["old", "wh"], {})
    assert WEBHOOKS.delivery_id(request(body)) == "234d1a4e-b617-4388-90fe-adc3633d6b72"
    assert WEBHOOKS.parse(request(body), parsed, {}) == [
        ChangeHint("issue", ISSUE, "Issue.update", False, MAREN)
    ]


def test_a_documented_comment_names_its_issue() -> None:
    body, parsed = payload("comment_create.json")
    assert WEBHOOKS.parse(request(body), parsed, {}) == [
        ChangeHint("comment", "2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9", "Comment.create", False, MAREN, ISSUE)
    ]


def test_a_comment_on_something_else_than_an_issue_is_left_alone() -> None:
    parsed = {"action": "create", "type": "Comment", "data": {"id": "1", "projectId": "2"}}
    assert WEBHOOKS.parse(request(b"{}"), parsed, {}) == []


def test_removal_only_nominates() -> None:
    parsed = {"action": "remove", "type": "IssueLabel", "data": {"id": "7"}}
    assert WEBHOOKS.parse(request(b"{}"), parsed, {}) == [ChangeHint("label", "7", "IssueLabel.remove", True)]


@pytest.mark.parametrize("late", [-301, 301])
def test_an_old_or_future_delivery_is_refused(late: int) -> None:
    body, _ = payload("issue_update.json")
    with pytest.raises(BadTimestamp):
        WEBHOOKS.verify(request(body, late=late), ["wh"], {})


@pytest.mark.parametrize("body", [b"{}", b"[]", b"nonsense", b'{"webhookTimestamp": null}'])
def test_a_body_without_its_time_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request(body), ["wh"], {})


def test_what_the_hub_does_not_keep_is_ignored_and_anything_else_is_loud() -> None:
    ignored = {"action": "create", "type": "Reaction", "data": {"id": "1"}}
    assert WEBHOOKS.parse(request(b"{}"), ignored, {}) == []
    with pytest.raises(UnknownEvent, match="Issue.exploded"):
        WEBHOOKS.parse(request(b"{}"), {"action": "exploded", "type": "Issue", "data": {"id": "1"}}, {})
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(request(b"{}"), {"action": "update", "type": "Issue"}, {})
