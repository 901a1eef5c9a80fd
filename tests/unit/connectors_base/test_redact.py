"""What is hidden in logs."""

from __future__ import annotations

import orjson
import pytest

from connectors.base.redact import cut, is_secret_key, redact_body, redact_data, redact_headers, redact_url


@pytest.mark.parametrize(
    "name",
    [
        "token", "accessToken", "access_token", "X-Api-Key", "apikey", "api_key", "client_secret", "Authorization", "Cookie",
        "Set-Cookie", "password", "x-hub-signature-256", "X-Webhook-Signature", "refreshToken", "PRIVATE-TOKEN", "key",
        "oauth_consumer_key", "signingKey", "webhook_secret", "secrets", "clientId",
    ],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_key(name)


@pytest.mark.parametrize(
    "name",
    [
        "title",
        "client_id",
        "nextPageToken",
        "page_token",
        "keyboard",
        "monkey",
        "tokenised",
        "passenger",
        "author",
        "id",
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert not is_secret_key(name)


def test_secrets_deep_in_data_and_inside_texts_are_hidden() -> None:
    data = {
        "a": [{"config": {"secret": "x1", "url": "u"}}],
        "note": "use Bearer abcdefgh12345 here",
        "q": "token=abcdef&x=1",
    }
    assert redact_data(data) == {
        "a": [{"config": {"secret": "[hidden]", "url": "u"}}],
        "note": "use Bearer [hidden] here",
        "q": "token=[hidden]&x=1",
    }


def test_addresses_lose_user_and_secret_parameters() -> None:
    assert (
        redact_url("https://me:pw@api.example.org/x?key=1&q=a&token=2#frag")
        == "https://api.example.org/x?key=[hidden]&q=a&token=[hidden]"
    )


def test_forms_and_broken_json_are_redacted_too() -> None:
    assert redact_body(
        b"grant_type=refresh_token&refresh_token=abc", "application/x-www-form-urlencoded"
    ) == {
        "grant_type": "refresh_token",
        "refresh_token": "[hidden]",
    }
    assert redact_body(b'{"token": "abc12345", ', "application/json") == '{"token": "[hidden]", '


def test_headers_keep_what_is_harmless() -> None:
    assert redact_headers({"Authorization": "Bearer x", "ETag": '"1"'}) == {
        "Authorization": "[hidden]",
        "ETag": '"1"',
    }


def test_long_bodies_are_cut() -> None:
    assert cut("a" * 20, 10) == "a" * 10 + "… (20 characters)"
    assert cut({"a": 1}) == {"a": 1}


def test_a_long_answer_is_redacted_only_as_far_as_it_is_kept() -> None:
    rows = [{"id": number, "token": "abc12345", "note": "n" * 50} for number in range(2000)]
    body = orjson.dumps({"data": rows})
    kept = redact_body(body, "application/json")
    assert kept.startswith('{"data":[{"id":0,"token":"[hidden]","note":"nnn')
    assert kept.endswith(f"… ({len(body)} characters)")
    assert "abc12345" not in kept
    assert 16 * 1024 < len(kept) < 17 * 1024
