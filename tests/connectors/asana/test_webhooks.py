"""Asana's webhooks: the handshake, who sent them, and what each event hints at."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.asana.webhooks import FILTERS, WEBHOOKS
from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest

PAYLOADS = Path(__file__).parent / "payloads"
URL = "https://hub.example.org/api/v1/webhooks/abc"
SECRET = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
TASK, COMMENT, NOOR, JONAS = "1208000000010003", "1208000000010050", "1208000000000002", "1208000000000003"


def request_of(body: bytes, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", headers, body, {}, URL, datetime.now(UTC))


def signed(body: bytes, secret: str = SECRET) -> WebhookRequest:
    return request_of(
        body, **{"x-hook-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    )


def hints_of(payload: Any) -> list[ChangeHint]:
    if isinstance(payload, str):
        payload = json.loads((PAYLOADS / f"{payload}.json").read_text())
    return WEBHOOKS.parse(signed(json.dumps(payload).encode()), payload, {})


def test_the_handshake_gives_the_secret_back_and_keeps_nothing() -> None:
    answer = WEBHOOKS.handshake(request_of(b"{}", **{"x-hook-secret": SECRET}), [])
    assert answer is not None
    assert (answer.status, dict(answer.headers), answer.body) == (200, {"X-Hook-Secret": SECRET}, b"")


def test_a_signed_delivery_is_no_handshake_whatever_else_it_bears() -> None:
    both = request_of(b"{}", **{"x-hook-secret": "forged", "x-hook-signature": "00"})
    assert WEBHOOKS.handshake(both, [SECRET]) is None
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(both, [SECRET, "forged"], {})


@pytest.mark.parametrize("secret", ["x" * 257, "line\u2028break"])
def test_a_handshake_with_an_unlikely_secret_is_refused(secret: str) -> None:
    answer = WEBHOOKS.handshake(request_of(b"", **{"x-hook-secret": secret}), [])
    assert answer is not None
    assert (answer.status, dict(answer.headers)) == (400, {})


def test_the_signature_goes_over_the_raw_bytes() -> None:
    body = b'{"events":[ ]}'
    WEBHOOKS.verify(signed(body), ["another", SECRET], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request_of(b'{"events":[]}', **dict(signed(body).headers)), [SECRET], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request_of(body), [SECRET], {})


def test_several_changes_of_one_task_are_one_hint() -> None:
    assert hints_of("task_changed") == [ChangeHint("task", TASK, "task.changed", False, NOOR)]


def test_a_move_to_another_section_is_noticed() -> None:
    assert hints_of("task_moved_to_a_section") == [ChangeHint("task", TASK, "task.added", False, NOOR)]


def test_a_deletion_is_not_lost_behind_what_follows_it() -> None:
    assert hints_of("task_deleted") == [ChangeHint("task", TASK, "task.deleted", True, NOOR)]


def test_a_comment_names_its_task() -> None:
    assert hints_of("comment_added") == [ChangeHint("comment", COMMENT, "story.added", False, JONAS, TASK)]


def test_a_deleted_section_has_the_tasks_looked_at() -> None:
    assert hints_of("section_deleted") == [ChangeHint("task", event="section.deleted", actor_id=JONAS)]


def test_a_heartbeat_hints_at_nothing() -> None:
    payload = json.loads((PAYLOADS / "heartbeat.json").read_text())
    assert hints_of("heartbeat") == []
    assert WEBHOOKS.event_name(signed(b""), payload) == "heartbeat"


def test_an_unknown_kind_is_loud_but_does_not_cost_the_known_ones_beside_it() -> None:
    strange = {"action": "added", "resource": {"gid": "1", "resource_type": "portfolio"}, "user": None}
    with pytest.raises(UnknownEvent, match=r"portfolio\.added"):
        hints_of({"events": [strange]})
    known = {"action": "changed", "resource": {"gid": TASK, "resource_type": "task"}, "user": None}
    assert hints_of({"events": [strange, known]}) == [ChangeHint("task", TASK, "task.changed")]


@pytest.mark.parametrize("payload", [{}, {"events": {}}, {"events": ["x"]}, []])
def test_a_payload_without_events_is_refused(payload: Any) -> None:
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(signed(b""), payload, {})


def test_an_event_without_a_record_is_refused() -> None:
    with pytest.raises(BadPayload):
        hints_of({"events": [{"action": "changed", "resource": {"resource_type": "task"}}]})


def test_fields_are_asked_for_only_with_changes_as_asana_wants_it() -> None:
    assert all(one["action"] == "changed" for one in FILTERS if "fields" in one)
