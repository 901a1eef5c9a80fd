"""ClickUp's webhooks: who sent them, and what each event hints at."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base.types import BadPayload, BadTimestamp, ChangeHint, UnknownEvent, WebhookRequest
from connectors.clickup.webhooks import IGNORED, SUBSCRIBED, WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
TASK = "86c000uvx"


def signed(body: bytes, secret: str = "s3cret") -> WebhookRequest:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return WebhookRequest(
        "POST", {"x-signature": signature}, body, {}, "https://hub.example.org/h", datetime.now(UTC)
    )


def payload_of(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def hints_of(payload: Any) -> list[ChangeHint]:
    return WEBHOOKS.parse(signed(json.dumps(payload).encode()), payload, {})


def test_the_signature_goes_over_the_raw_bytes() -> None:
    body = b'{"event": "taskCreated"}'
    WEBHOOKS.verify(signed(body), ["another", "s3cret"], {})


@pytest.mark.parametrize("headers", [{}, {"x-signature": "00"}, {"x-signature": "no hex"}])
def test_a_bad_signature_is_of_the_kind_answered_with_400(headers: dict[str, str]) -> None:
    request = WebhookRequest("POST", headers, b"{}", {}, "https://hub.example.org/h", datetime.now(UTC))
    with pytest.raises(BadTimestamp):  # 401 would have ClickUp suspend the webhook at once
        WEBHOOKS.verify(request, ["s3cret"], {})


def test_a_changed_task_is_named_with_who_changed_it() -> None:
    assert hints_of(payload_of("taskStatusUpdated")) == [
        ChangeHint("task", TASK, "taskStatusUpdated", False, "184")
    ]


def test_a_deleted_task_comes_without_history() -> None:
    assert hints_of(payload_of("taskDeleted")) == [ChangeHint("task", TASK, "taskDeleted", True)]


def test_a_comment_names_its_task_whether_its_id_is_text_or_number() -> None:
    assert hints_of(payload_of("taskCommentPosted")) == [
        ChangeHint("comment", "648893191", "taskCommentPosted", False, "185", TASK)
    ]


def test_a_comment_event_that_names_none_has_the_tasks_comments_polled() -> None:
    assert hints_of({"event": "taskCommentUpdated", "task_id": TASK, "history_items": []}) == [
        ChangeHint("comment", "", "taskCommentUpdated", False, "", TASK)
    ]


def test_a_changed_list_is_a_hint_at_the_list() -> None:
    assert hints_of(payload_of("listUpdated")) == [
        ChangeHint("list", "901200000001", "listUpdated", False, "184")
    ]


def test_a_repeated_delivery_has_the_same_id_and_another_event_of_the_same_change_another() -> None:
    status = payload_of("taskStatusUpdated")
    body, other = json.dumps(status).encode(), json.dumps({**status, "event": "taskUpdated"}).encode()
    assert WEBHOOKS.delivery_id(signed(body)) == "taskStatusUpdated:2800787326392370170"
    assert WEBHOOKS.delivery_id(signed(other)) == "taskUpdated:2800787326392370170"
    assert WEBHOOKS.delivery_id(signed(json.dumps(payload_of("taskDeleted")).encode())) is None
    assert WEBHOOKS.delivery_id(signed(b"not json")) is None


def test_what_is_ignored_is_not_subscribed() -> None:
    assert not IGNORED & set(SUBSCRIBED)
    assert hints_of({"event": "goalCreated"}) == []


def test_an_unknown_event_is_loud() -> None:
    with pytest.raises(UnknownEvent, match="docCreated"):
        hints_of({"event": "docCreated", "task_id": TASK})


@pytest.mark.parametrize("payload", [{"event": "taskUpdated"}, {"event": "listUpdated", "list_id": []}])
def test_an_event_without_its_record_is_refused(payload: Any) -> None:
    with pytest.raises(BadPayload):
        hints_of(payload)
