"""Webhooks by configuration: verification, handshakes, events."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.generic_rest.webhooks import GenericWebhooks
from tests.sandbox_fixtures import Stand

EXAMPLE = Path(__file__).resolve().parents[3] / "connectors" / "generic_rest" / "examples" / "desk.json"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def hooks(**webhook: Any) -> GenericWebhooks:
    return GenericWebhooks({"resources": {"tickets": {}}, "webhook": webhook})


def request(
    body: Any = None, method: str = "POST", query: dict[str, str] | None = None, **headers: str
) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return WebhookRequest(
        method,
        {k.replace("_", "-"): v for k, v in headers.items()},
        raw,
        query or {},
        "https://hub.example.org/h",
        NOW,
    )


def test_the_desks_events_become_hints(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("desk")
    url = "http://127.0.0.1:9/h"
    stand.client.ensure_webhook(url, "s1")
    stand.vendor.edit("comment", None, {"ticket_id": 2, "body": "Hello"}, actor="8")
    stand.vendor.remove("ticket", "1", actor="9")
    stand.vendor.sender.flush()
    webhooks = GenericWebhooks(json.loads(EXAMPLE.read_text()))
    hints = []
    for delivery in stand.vendor.sender.deliveries("desk"):
        headers = {name.lower(): value for name, value in delivery.headers.items()}
        received = WebhookRequest("POST", headers, delivery.body, {}, url, datetime.now(UTC))
        webhooks.verify(received, ["s1"], {})
        hints += webhooks.parse(received, orjson.loads(delivery.body), {})
        assert webhooks.delivery_id(received) == orjson.loads(delivery.body)["id"]
    assert hints == [
        ChangeHint("comments", "1", "comment.created", False, "8", "2"),
        ChangeHint("tickets", "1", "ticket.deleted", True, "9", ""),
    ]


def test_an_unmapped_event_is_loud_and_an_ignored_one_is_not() -> None:
    webhooks = hooks(
        event_name={"path": "t"},
        resource_by_event={"a": "tickets"},
        ignored_events=["ping"],
        verification={"kind": "none"},
    )
    assert webhooks.parse(request(), {"t": "ping"}, {}) == []
    with pytest.raises(UnknownEvent):
        webhooks.parse(request(), {"t": "b"}, {})
    with pytest.raises(BadPayload):
        webhooks.parse(request(), "text", {})


def test_a_list_of_events_gives_each_hint_once() -> None:
    webhooks = hooks(
        events_path="events", event_name={"path": "t"}, record_id_path="id", verification={"kind": "none"}
    )
    events = [{"t": "x", "id": 1}, {"t": "x", "id": 1}, {"t": "x", "id": 2}]
    assert [hint.external_id for hint in webhooks.parse(request(), {"events": events}, {})] == ["1", "2"]


def test_tokens_and_basic_are_compared_whole() -> None:
    token = hooks(
        verification={"kind": "token", "header": "X-Token", "prefix": "t ", "secret": {"secret_ref": "s"}}
    )
    token.verify(request(x_token="t abc"), ["old", "abc"], {})
    basic = hooks(
        verification={"kind": "basic", "username": {"secret_ref": "u"}, "password": {"secret_ref": "p"}}
    )
    basic.verify(request(authorization="Basic " + base64.b64encode(b"me:pw").decode()), ["me:pw"], {})
    for webhooks, bad in (
        (token, request(x_token="t ab")),
        (token, request()),
        (basic, request(authorization="Basic eA==")),
        (basic, request()),
    ):
        with pytest.raises(BadSignature):
            webhooks.verify(bad, ["abc"], {})


def test_no_verification_must_be_acknowledged() -> None:
    hooks(verification={"kind": "none", "acknowledge_insecure": True}).verify(request(), [], {})
    with pytest.raises(BadSignature):
        hooks(verification={"kind": "none"}).verify(request(), [], {})


def test_without_a_webhook_block_the_hubs_own_scheme_is_asked_for() -> None:
    with pytest.raises(BadSignature):
        GenericWebhooks({"resources": {}}).verify(request({}), ["s"], {})


def test_challenges_are_echoed_from_body_query_and_header() -> None:
    body = hooks(
        verification={"kind": "none"},
        handshake={
            "when": {"path": "type", "equals": "challenge"},
            "reply": {"body_template": "{challenge}"},
        },
    )
    answer = body.handshake(request({"type": "challenge", "challenge": "c-1"}), [])
    assert answer is not None
    assert answer.body == b"c-1"
    assert body.handshake(request({"type": "event"}), []) is None
    query = hooks(
        verification={"kind": "none"},
        handshake={"method": "GET", "when": {"path": "query.check"}, "reply": {"body_template": "{value}"}},
    )
    answer = query.handshake(request(b"", "GET", {"check": "q-1"}), [])
    assert answer is not None
    assert answer.body == b"q-1"
    assert query.handshake(request(b"", "GET"), []) is None
    header = hooks(
        verification={"kind": "none"},
        handshake={
            "when": {"path": "header.x-hook-secret"},
            "reply": {"status": 204, "header_echo": "X-Hook-Secret"},
        },
    )
    answer = header.handshake(request({}, x_hook_secret="h-1"), [])
    assert answer is not None
    assert (answer.status, dict(answer.headers)) == (204, {"X-Hook-Secret": "h-1"})
