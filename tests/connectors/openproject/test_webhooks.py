"""Every event that OpenProject sends of what the hub keeps, by its payload; the signature."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.openproject.webhooks import WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
SETTINGS = {"project": "new-library"}


def received(body: bytes = b"{}", **headers: str) -> WebhookRequest:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest("POST", given, body, {}, "https://hub.example.org/h", datetime.now(UTC))


def hints(name: str, settings: dict[str, str] | None = None) -> list[ChangeHint]:
    payload = orjson.loads((PAYLOADS / f"{name}.json").read_bytes())
    return WEBHOOKS.parse(received(), payload, SETTINGS if settings is None else settings)


@pytest.mark.parametrize("what", ["created", "updated"])
def test_a_change_of_a_work_package_hints_at_it(what: str) -> None:
    assert hints(f"work_package_{what}") == [ChangeHint("work_package", "5", f"work_package:{what}")]


def test_a_comment_hints_at_itself_its_work_package_and_its_author() -> None:
    expected = ChangeHint("comment", "1021", "work_package_comment:comment", actor_id="42", parent_id="5")
    assert hints("work_package_comment") == [expected]


def test_a_project_hints_at_itself() -> None:
    assert hints("project_updated") == [ChangeHint("project", "14", "project:updated")]


@pytest.mark.parametrize(
    "name", ["time_entry_created", "attachment_created", "work_package_internal_comment"]
)
def test_what_is_not_kept_is_ignored_on_purpose(name: str) -> None:
    assert hints(name) == []


@pytest.mark.parametrize("name", ["work_package_updated", "work_package_comment"])
@pytest.mark.parametrize(
    ("project", "count"), [("14", 1), ("New-Library", 1), ("15", 0), ("reading-club", 0)]
)
def test_the_project_may_be_named_by_identifier_or_number(name: str, project: str, count: int) -> None:
    assert len(hints(name, {"project": project})) == count


@pytest.mark.parametrize("action", ["work_package:exploded", "meeting:created", ""])
def test_an_unknown_event_is_loud(action: str) -> None:
    with pytest.raises(UnknownEvent):
        WEBHOOKS.parse(received(), {"action": action}, SETTINGS)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"action": "work_package:updated"},
        {"action": "work_package:updated", "work_package": {}},
        {"action": "work_package_comment:comment", "activity": {"id": 3}},
    ],
)
def test_a_payload_without_its_parts_is_bad(body: Any) -> None:
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(received(), body, SETTINGS)


def test_the_signature_is_sha1_over_the_raw_body() -> None:
    body = (PAYLOADS / "work_package_updated.json").read_bytes()
    value = "sha1=" + hmac.new(b"s3cret", body, hashlib.sha1).hexdigest()
    WEBHOOKS.verify(received(body, x_op_signature=value), ["newer", "s3cret"], SETTINGS)
    for request in (
        received(body + b" ", x_op_signature=value),
        received(body),
        received(body, x_op_signature=value[5:]),
    ):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(request, ["s3cret"], SETTINGS)


def test_there_is_no_number_of_the_delivery() -> None:
    assert WEBHOOKS.delivery_id(received(b'{"action": "work_package:updated"}')) is None
