"""Every event that GitLab sends of what the hub keeps, by its payload; signatures and tokens."""

from __future__ import annotations

import base64
import hashlib
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
from connectors.gitlab.webhooks import WEBHOOKS, signing_token

PAYLOADS = Path(__file__).parent / "payloads"
NOW = datetime(2026, 11, 2, 10, 0, 5, tzinfo=UTC)
SETTINGS = {"project": "acme/webshop"}


def payload(name: str) -> Any:
    return orjson.loads((PAYLOADS / f"{name}.json").read_bytes())


def received(body: bytes = b"{}", **headers: str) -> WebhookRequest:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest("POST", given, body, {}, "https://hub.example.org/h", NOW)


def signed(secret: str, body: bytes, *, at: datetime = NOW) -> WebhookRequest:
    """As GitLab signs: id, time and body, by the bytes of the token."""
    key, stamp = base64.b64decode(signing_token(secret).removeprefix("whsec_")), str(int(at.timestamp()))
    raw = hmac.new(key, b"msg-1." + stamp.encode() + b"." + body, hashlib.sha256).digest()
    value = "v1,bm90IHRoaXMgb25l v1," + base64.b64encode(raw).decode()
    return received(body, webhook_id="msg-1", webhook_timestamp=stamp, webhook_signature=value)


def hints(name: str, settings: dict[str, str] | None = None) -> list[ChangeHint]:
    return WEBHOOKS.parse(received(), payload(name), SETTINGS if settings is None else settings)


@pytest.mark.parametrize("action", ["open", "update", "close", "reopen"])
def test_a_change_of_an_issue_hints_at_the_issue(action: str) -> None:
    assert hints(f"issue_{action}") == [ChangeHint("issue", "2", f"issue.{action}", actor_id="34")]


def test_a_note_hints_at_itself_and_its_issue() -> None:
    assert hints("note_on_issue") == [
        ChangeHint("note", "900017", "note.create", actor_id="34", parent_id="2")
    ]


def test_a_note_on_an_epic_hints_at_itself_and_its_epic() -> None:
    assert hints("note_on_epic") == [
        ChangeHint("epic_note", "900017", "note.create", actor_id="34", parent_id="1")
    ]


@pytest.mark.parametrize(
    "name", ["note_of_the_system", "note_internal", "note_on_commit", "note_on_merge_request", "push"]
)
def test_what_is_not_kept_is_ignored_on_purpose(name: str) -> None:
    assert hints(name) == []


def test_milestones_tasks_and_epics_hint_at_themselves() -> None:
    assert hints("milestone_create") == [ChangeHint("milestone", "302", "milestone", actor_id="34")]
    assert hints("work_item_task") == [ChangeHint("issue", "15", "work_item.open", actor_id="34")]
    assert hints("work_item_epic") == [ChangeHint("epic", "1", "work_item.update", actor_id="34")]


@pytest.mark.parametrize("project", ["acme/webshop", "ACME/Webshop", "4521", ""])
def test_the_project_may_be_named_by_path_or_number(project: str) -> None:
    assert len(hints("issue_update", {"project": project})) == 1


@pytest.mark.parametrize("name", ["issue_update", "note_on_issue", "milestone_create"])
def test_another_projects_event_is_ignored(name: str) -> None:
    assert hints(name, {"project": "acme/handbook"}) == []


@pytest.mark.parametrize(
    "body",
    [
        {"object_kind": "nonsense"},
        {},
        {"object_kind": "note", "object_attributes": {"noteable_type": "Moon"}},
    ],
)
def test_an_unknown_event_is_loud(body: Any) -> None:
    with pytest.raises(UnknownEvent):
        WEBHOOKS.parse(received(), body, SETTINGS)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"object_kind": "issue"},
        {"object_kind": "issue", "object_attributes": {"iid": None}},
        {"object_kind": "note", "object_attributes": {"id": 1, "noteable_type": "Issue"}},
    ],
)
def test_a_payload_without_its_parts_is_bad(body: Any) -> None:
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(received(), body, SETTINGS)


def test_one_of_several_signatures_is_enough() -> None:
    WEBHOOKS.verify(signed("s3cret", b'{"a":1}'), ["newer", "s3cret"], SETTINGS)


def test_a_signing_token_of_gitlabs_own_form_is_used_as_it_is() -> None:
    token = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    assert signing_token(token) == token
    WEBHOOKS.verify(signed(token, b"{}"), [token], SETTINGS)


def test_a_signature_does_not_fall_back_to_the_token() -> None:
    request = received(
        b"{}",
        webhook_id="1",
        webhook_timestamp=str(int(NOW.timestamp())),
        webhook_signature="v1,AAAA",
        x_gitlab_token="s3cret",
    )
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request, ["s3cret"], SETTINGS)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_that_is_too_old_or_ahead_is_refused(minutes: int) -> None:
    with pytest.raises(BadTimestamp):
        WEBHOOKS.verify(signed("s3cret", b"{}", at=NOW + timedelta(minutes=minutes)), ["s3cret"], SETTINGS)


def test_without_a_signature_the_token_counts() -> None:
    WEBHOOKS.verify(received(x_gitlab_token="s3cret"), ["newer", "s3cret"], SETTINGS)
    for request in (received(x_gitlab_token="wrong"), received()):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(request, ["s3cret"], SETTINGS)


def test_a_delivery_is_known_by_its_idempotency_key_else_by_the_events_number() -> None:
    both = received(idempotency_key="key-1", x_gitlab_event_uuid="uuid-1")
    assert WEBHOOKS.delivery_id(both) == "key-1"
    assert WEBHOOKS.delivery_id(received(x_gitlab_event_uuid="uuid-1")) == "uuid-1"
    assert WEBHOOKS.delivery_id(received()) is None
