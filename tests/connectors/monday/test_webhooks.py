"""monday.com's webhooks: the challenge, the token that proves the app, the key of those without one."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.monday.webhooks import WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
URL = "https://hub.example.org/api/v1/webhooks/integrations/1/receive"


def jwt(secret: str = "sign", **claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")

    signed = (
        f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'aud': URL, 'exp': NOW.timestamp() + 300, **claims})}"
    )
    mark = hmac.new(secret.encode(), signed.encode(), "sha256").digest()
    return f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


def request(body: bytes = b"{}", *, token: str = "", key: str = "") -> WebhookRequest:
    headers = {"authorization": token} if token else {}
    return WebhookRequest("POST", headers, body, {"key": key} if key else {}, URL, NOW)


def payload(name: str) -> Any:
    return orjson.loads((PAYLOADS / name).read_bytes())


def test_the_challenge_is_given_back() -> None:
    answer = WEBHOOKS.handshake(request(b'{"challenge": "3eZbrw1aBm2rZgRNFdxV"}'), [])
    assert answer is not None
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert orjson.loads(answer.body) == {"challenge": "3eZbrw1aBm2rZgRNFdxV"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"challenge": 3}',
        b'{"challenge": "x", "event": {}}',
        b'{"challenge": "' + b"x" * 501 + b'"}',
    ],
)
def test_anything_else_is_no_challenge(body: bytes) -> None:
    assert WEBHOOKS.handshake(request(body), []) is None


def test_an_app_s_webhook_is_proven_by_its_token() -> None:
    WEBHOOKS.verify(request(token=jwt()), ["old", "sign"], {})
    WEBHOOKS.verify(request(token=f"Bearer {jwt()}"), ["sign"], {})


def test_a_webhook_without_a_token_is_proven_by_the_key_in_its_address() -> None:
    WEBHOOKS.verify(request(key="sign"), ["sign"], {})


@pytest.mark.parametrize(
    "one",
    [
        request(),
        request(key="guess"),
        request(token="guess", key="sign"),
        request(token=jwt("another")),
        request(token=jwt(exp=NOW.timestamp() - 3600)),
        request(token=jwt(aud="https://hub.example.org/another")),
    ],
)
def test_what_proves_nothing_is_refused(one: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(one, ["sign"], {})


def test_no_secret_proves_nothing() -> None:
    for one in (request(token=jwt("")), request(key="x")):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(one, [], {})


def test_a_documented_change_of_a_column_is_a_hint_to_read_the_item() -> None:
    assert WEBHOOKS.parse(request(), payload("update_column_value.json"), {}) == [
        ChangeHint("item", "1772099344", "update_column_value", False, "9603417")
    ]


def test_a_documented_update_names_its_item() -> None:
    assert WEBHOOKS.parse(request(), payload("create_update.json"), {}) == [
        ChangeHint("update", "1190616585", "create_update", False, "9603417", "1771812728")
    ]


def test_a_reply_is_known_with_its_update() -> None:
    event = {"type": "create_update", "pulseId": 1, "updateId": 2, "replyId": 3}
    assert WEBHOOKS.parse(request(), {"event": event}, {})[0].external_id == "2.3"


def test_an_update_without_its_id_asks_for_the_item_s_updates() -> None:
    hint = WEBHOOKS.parse(request(), {"event": {"type": "delete_update", "pulseId": 1}}, {})[0]
    assert (hint.external_id, hint.parent_id, hint.is_delete) == ("", "1", False)


@pytest.mark.parametrize("name", ["delete_pulse", "item_deleted", "subitem_deleted"])
def test_deletion_only_nominates(name: str) -> None:
    hints = WEBHOOKS.parse(request(), {"event": {"type": name, "pulseId": 5}}, {})
    assert hints == [ChangeHint("item", "5", name, True)]


def test_the_same_trigger_by_two_subscriptions_is_two_deliveries_and_a_repetition_is_one() -> None:
    body = (PAYLOADS / "update_column_value.json").read_bytes()
    assert WEBHOOKS.delivery_id(request(body)) == "645fc8d8709d35718f1ae00ceded91e9.73759690"
    assert WEBHOOKS.delivery_id(request(b"[]")) is None
    assert WEBHOOKS.delivery_id(request(b"nonsense")) is None


def test_what_the_hub_does_not_keep_is_ignored_and_anything_else_is_loud() -> None:
    assert WEBHOOKS.parse(request(), {"event": {"type": "create_column", "boardId": 1}}, {}) == []
    with pytest.raises(UnknownEvent, match="pulse_exploded"):
        WEBHOOKS.parse(request(), {"event": {"type": "pulse_exploded", "pulseId": 1}}, {})
    for body in ({}, {"event": None}, {"event": {"type": "create_pulse"}}):
        with pytest.raises(BadPayload):
            WEBHOOKS.parse(request(), body, {})
